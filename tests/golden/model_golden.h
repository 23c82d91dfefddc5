/* The directory of a decoder or an encoder as transformers saves it, against what PyTorch computes with it
 * (tests/golden/make_gpt2.py, make_decoders.py, make_bert.py): logits, the loss, the gradient of every parameter, ten steps of AdamW, at every kernel level; greedy
 * continuations with and without cache; saved and loaded again. */
#ifndef RAPT_TESTS_MODEL_GOLDEN_H
#define RAPT_TESTS_MODEL_GOLDEN_H

#include "unit/unit.h"

#include "base/file.h"
#include "kernels/kernels.h"
#include "tasks/model.h"

#include <jansson.h>
#include <math.h>
#include <rapt/model.h>
#include <rapt/ops.h>

typedef struct golden {
  counted_memory memory;
  rapt_context *ctx;
  rapt_model *model;
  json_t *expected;
  size_t batch, time, vocabulary, state; /* state: an encoder's width, else 0 */
} golden;

static inline void begin(golden *g, const char *directory) {
  json_error_t error;
  char path[200];
  snprintf(path, sizeof path, "%s/expected.json", directory);
  g->expected = json_load_file(path, 0, &error);
  if (!g->expected)
    fail_msg("%s:%d: %s (the test runs in the root of the sources)", error.source, error.line, error.text);
  g->ctx = counted_context(&g->memory, 2);
  assert_ok(g->ctx, rapt_model_load(g->ctx, directory, &g->model));
  const json_t *rows = json_object_get(g->expected, "ids");
  g->batch = json_array_size(rows);
  g->time = json_array_size(json_array_get(rows, 0));
  g->vocabulary = (size_t)rapt_model_vocabulary(g->model);
  g->state = (size_t)rapt_encoder_width(g->model);
  assert_true(g->batch > 0 && g->time > 0 && (int64_t)g->time <= rapt_model_context(g->model));
}

static inline void end(golden *g) {
  rapt_model_free(g->model);
  json_decref(g->expected);
  close_context(&g->memory, g->ctx);
}

static inline double number(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("expected.json: number %zu of a list is missing", i);
  return json_number_value(value);
}

static inline void read_ids(const golden *g, const char *name, int32_t *ids) {
  const json_t *rows = json_object_get(g->expected, name);
  for (size_t b = 0; b < g->batch; b++)
    for (size_t t = 0; t < g->time; t++) ids[b * g->time + t] = (int32_t)number(json_array_get(rows, b), t);
}

static inline void assert_near(const char *what, double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance))
    fail_msg("%s is %.9g, PyTorch has %.9g (allowed %g)", what, got, want, tolerance);
}

/* A plan of the loss, its gradient and, when wanted, an update. */
typedef struct training {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *logits, *loss, *gradient, *lr, *count, *norm;
} training;

static inline rapt_tensor *decoder_logits(const golden *g, rapt_graph *graph) {
  int64_t dims[2] = {(int64_t)g->batch, (int64_t)g->time};
  rapt_tensor *head;
  rapt__lm_pass pass = {.graph = graph, .params = g->model->params, .config = g->model->config, .training = true};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, dims + 1);
  rapt_tensor *x = g->model->arch->hidden(&pass, &head);
  return rapt_linear(x, head, true, NULL, RAPT_IDENTITY);
}

static inline rapt_tensor *encoder_logits(const golden *g, rapt_graph *graph) {
  int64_t dims[2] = {(int64_t)g->batch, (int64_t)g->time};
  rapt__encoder_pass pass = {.graph = graph, .params = g->model->params, .config = g->model->config, .training = true};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  pass.types = rapt_input(graph, "types", RAPT_I32, 2, dims);
  pass.lengths = rapt_input(graph, "lengths", RAPT_I32, 1, dims);
  rapt__output out = g->model->arch->encoder->masked(&pass, g->model->arch->encoder->hidden(&pass));
  return rapt_linear(out.hidden, out.head, true, out.bias, RAPT_IDENTITY);
}

static inline void fill(const golden *g, rapt_plan *plan, const char *name, const char *input) {
  read_ids(g, name, rapt_plan_data(plan, rapt_plan_find(plan, input)));
}

static inline void build(const golden *g, const char *cpu, bool update, training *t) {
  *t = (training){0};
  int64_t dims[2] = {(int64_t)g->batch, (int64_t)g->time};
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &t->graph));
  rapt_params *params = rapt_model_params(g->model);
  rapt_tensor *labels = rapt_input(t->graph, "labels", RAPT_I32, 2, dims);
  t->logits = rapt_tap(g->state ? encoder_logits(g, t->graph) : decoder_logits(g, t->graph), "logits");
  t->loss = rapt_cross_entropy(t->logits, labels, NULL);
  t->gradient = rapt_grad_params(t->loss, params);
  rapt_tensor *outputs[3] = {t->loss, t->gradient};
  if (update) {
    t->lr = rapt_input(t->graph, "lr", RAPT_F32, 0, NULL);
    t->count = rapt_input(t->graph, "count", RAPT_F32, 0, NULL);
    rapt_update_options options = {
        .method = RAPT_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
    outputs[2] = t->norm = rapt_update(params, t->gradient, t->lr, t->count, &options);
  }
  rapt_plan_options options = {.cpu = cpu};
  assert_ok(g->ctx, rapt_plan_new(t->graph, outputs, update ? 3 : 2, &options, &t->plan));
  fill(g, t->plan, "ids", "tokens");
  fill(g, t->plan, "labels", "labels");
  if (g->state) {
    fill(g, t->plan, "types", "types");
    int32_t *lengths = rapt_plan_data(t->plan, rapt_plan_find(t->plan, "lengths"));
    for (size_t b = 0; b < g->batch; b++) lengths[b] = (int32_t)number(json_object_get(g->expected, "lengths"), b);
  } else {
    int32_t *positions = rapt_plan_data(t->plan, rapt_plan_find(t->plan, "positions"));
    for (int i = 0; positions && i < (int)g->time; i++) positions[i] = i;
  }
}

static inline void drop(training *t) {
  rapt_plan_free(t->plan);
  rapt_graph_free(t->graph);
}

static inline void check_logits(const char *directory) {
  golden g;
  begin(&g, directory);
  size_t t = g.time, v = g.vocabulary, few = 5;
  int32_t *ids = test_malloc(g.batch * t * sizeof *ids);
  float *logits = test_malloc(t * v * sizeof *logits);
  read_ids(&g, "ids", ids);
  const json_t *want = json_object_get(g.expected, "logits");
  assert_int_equal(json_array_size(want), g.batch * t * v);
  for (size_t b = 0; b < g.batch; b++) {
    assert_ok(g.ctx, rapt_model_logits(g.model, ids + b * t, (int64_t)t, logits));
    for (size_t i = 0; i < t * v; i++) assert_near("a logit", (double)logits[i], number(want, b * t * v + i), 1e-4);
  }
  /* A shorter input has the same first logits: nothing looks ahead. */
  assert_ok(g.ctx, rapt_model_logits(g.model, ids, (int64_t)few, logits));
  for (size_t i = 0; i < few * v; i++) assert_near("a logit of 5", (double)logits[i], number(want, i), 1e-4);
  test_free(ids);
  test_free(logits);
  end(&g);
}

/* Relative to the element, with a floor of the parameter's largest: an element near 0 is the difference of larger ones. Where
 * PyTorch has nothing but rounding around 0 (a bias of keys moves all scores alike), so must rapt. */
static inline void compare_gradients(const golden *g, const real *gradient) {
  const rapt_params *params = rapt_model_params(g->model);
  const json_t *all = json_object_get(g->expected, "gradients");
  assert_int_equal(json_object_size(all), params->count);
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    const json_t *want = json_object_get(all, p->name);
    if ((int64_t)json_array_size(want) != p->size) fail_msg("expected.json: no gradient of %s", p->name);
    double most = 0;
    for (size_t j = 0; j < (size_t)p->size; j++) most = fmax(most, fabs(number(want, j)));
    assert_true(most > 0);
    for (size_t j = 0; j < (size_t)p->size; j++) {
      char what[300];
      snprintf(what, sizeof what, "gradient of %s[%zu]", p->name, j);
      double w = number(want, j), allowed = most < 1e-7 ? 1e-6 : 1e-4 * (fabs(w) + 0.02 * most) + 1e-8;
      assert_near(what, (double)gradient[p->offset + (int64_t)j], w, allowed);
    }
  }
}

/* Is a place of the batch, (row, time), inside its row's length? */
static inline bool counts(const golden *g, size_t at) {
  return (double)(at % g->time) < number(json_object_get(g->expected, "lengths"), at / g->time);
}

static inline void check_gradients(const char *directory) {
  golden g;
  begin(&g, directory);
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    if (!k) continue;
    training t;
    build(&g, k->name, false, &t);
    assert_ok(g.ctx, rapt_plan_run(t.plan, 0));
    const real *logits = rapt_plan_data(t.plan, t.logits);
    const json_t *want = json_object_get(g.expected, "logits");
    for (size_t i = 0; i < g.batch * g.time * g.vocabulary; i++)
      if (!g.state || counts(&g, i / g.vocabulary)) assert_near(k->name, (double)logits[i], number(want, i), 1e-4);
    double loss = json_number_value(json_object_get(g.expected, "loss"));
    assert_near("the loss", (double)*(real *)rapt_plan_data(t.plan, t.loss), loss, 1e-5);
    compare_gradients(&g, rapt_plan_data(t.plan, t.gradient));
    drop(&t);
  }
  end(&g);
}

static inline void check_steps(const char *directory) {
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    if (!k) continue;
    golden g;
    begin(&g, directory); /* updates change the parameters: every level reads its own */
    training t;
    build(&g, k->name, true, &t);
    const json_t *losses = json_object_get(g.expected, "losses"), *norms = json_object_get(g.expected, "norms");
    assert_int_equal(json_array_size(losses), 10);
    for (size_t i = 0; i < 10; i++) {
      *(real *)rapt_plan_data(t.plan, t.lr) = (real)1e-3;
      *(real *)rapt_plan_data(t.plan, t.count) = (real)(i + 1);
      assert_ok(g.ctx, rapt_plan_run(t.plan, i));
      char what[64];
      snprintf(what, sizeof what, "%s: the loss of step %zu", k->name, i + 1);
      assert_near(what, (double)*(real *)rapt_plan_data(t.plan, t.loss), number(losses, i), 1e-4);
      snprintf(what, sizeof what, "%s: the norm of step %zu", k->name, i + 1);
      assert_near(what, (double)*(real *)rapt_plan_data(t.plan, t.norm), number(norms, i), 1e-3);
    }
    drop(&t);
    end(&g);
  }
}

/* The best next token again and again, through the cache (prompt first, then one by one) or with the whole text each time. */
static inline void check_greedy(const char *directory, bool cached) {
  golden g;
  begin(&g, directory);
  const json_t *want = json_object_get(g.expected, "greedy");
  size_t count = json_array_size(want), prompt = json_array_size(json_object_get(g.expected, "prompt"));
  assert_true(prompt > 1 && count > prompt);
  int32_t *ids = test_malloc(count * sizeof *ids);
  for (size_t i = 0; i < count; i++) ids[i] = (int32_t)number(want, i);
  for (size_t n = prompt; n < count; n++) {
    const real *logits;
    bool step = cached && n > prompt;
    size_t from = step ? n - 1 : 0;
    assert_ok(g.ctx, rapt__model_pass(g.model, cached ? RAPT__PASS_CACHE : RAPT__PASS_ALL, ids + from,
                                      (int64_t)(n - from), (int64_t)from, &logits));
    if (!cached) logits += (n - 1) * g.vocabulary;
    size_t best = 0;
    for (size_t i = 1; i < g.vocabulary; i++)
      if (logits[i] > logits[best]) best = i;
    if ((int32_t)best != ids[n])
      fail_msg("%s: token %zu is %zu, transformers continues with %d", directory, n, best, ids[n]);
  }
  test_free(ids);
  end(&g);
}

/* With RAPT_SAVED=FOLDER in the environment a model is saved there, under its directory's last name, for check_transformers.py. */
static inline void save_for_transformers(const golden *g, const char *directory) {
  const char *keep = getenv("RAPT_SAVED");
  char path[300];
  if (!keep) return;
  snprintf(path, sizeof path, "%s%s", keep, strrchr(directory, '/'));
  assert_ok(g->ctx, rapt_model_save(g->model, path));
}

/* What rapt saves it reads back as the same model. */
static inline void check_saved(const char *directory) {
  golden g;
  begin(&g, directory);
  char *scratch = rapt__scratch_dir(g.ctx);
  rapt_model *again;
  save_for_transformers(&g, directory);
  assert_ok(g.ctx, rapt_model_save(g.model, scratch));
  assert_ok(g.ctx, rapt_model_load(g.ctx, scratch, &again));
  size_t t = g.time, v = g.vocabulary;
  int32_t *ids = test_malloc(g.batch * t * sizeof *ids);
  float *one = test_malloc(t * v * sizeof *one), *two = test_malloc(t * v * sizeof *two);
  read_ids(&g, "ids", ids);
  assert_ok(g.ctx, rapt_model_logits(g.model, ids, (int64_t)t, one));
  assert_ok(g.ctx, rapt_model_logits(again, ids, (int64_t)t, two));
  assert_memory_equal(one, two, t * v * sizeof *one);
  test_free(ids);
  test_free(one);
  test_free(two);
  rapt_model_free(again);
  rapt__scratch_remove(scratch);
  rapt__free(g.ctx, scratch);
  end(&g);
}

#endif
