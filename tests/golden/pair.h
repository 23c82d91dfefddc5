/* What the golden tests of translators share: a model directory with what PyTorch computes with it (pair_golden.py), against
 * rapt's logits, gradients and ten steps at every kernel level, and the decoder's steps against the whole decoder. */
#ifndef RAPT_TESTS_GOLDEN_PAIR_H
#define RAPT_TESTS_GOLDEN_PAIR_H

#include "unit/unit.h"

#include "base/file.h"
#include "kernels/kernels.h"
#include "tasks/model.h"

#include <jansson.h>
#include <math.h>
#include <rapt/model.h>
#include <rapt/ops.h>

typedef struct pair_golden {
  counted_memory memory;
  rapt_context *ctx;
  rapt_model *model;
  json_t *expected;
  int64_t rows, source_length, target_length, vocabulary;
} pair_golden;

static inline double pair_number(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("expected.json: number %zu of a list is missing", i);
  return json_number_value(value);
}

static inline void pair_begin(pair_golden *g, const char *directory) {
  char path[300];
  json_error_t error;
  snprintf(path, sizeof path, "%s/expected.json", directory);
  g->expected = json_load_file(path, 0, &error);
  if (!g->expected)
    fail_msg("%s:%d: %s (the test runs in the root of the sources)", error.source, error.line, error.text);
  g->ctx = counted_context(&g->memory, 2);
  assert_ok(g->ctx, rapt_model_load(g->ctx, directory, &g->model));
  const json_t *source = json_object_get(g->expected, "source"), *target = json_object_get(g->expected, "target");
  g->rows = (int64_t)json_array_size(source);
  g->source_length = (int64_t)json_array_size(json_array_get(source, 0));
  g->target_length = (int64_t)json_array_size(json_array_get(target, 0));
  g->vocabulary = rapt_model_vocabulary(g->model);
  assert_true(g->rows > 0 && g->source_length > 0 && g->target_length > 0);
}

static inline void pair_end(pair_golden *g) {
  rapt_model_free(g->model);
  json_decref(g->expected);
  close_context(&g->memory, g->ctx);
}

static inline void pair_near(const char *what, double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance))
    fail_msg("%s is %.9g, PyTorch has %.9g (allowed %g)", what, got, want, tolerance);
}

/* Rows of ids into an input of the plan; a model may leave one unread. */
static inline void pair_fill(const pair_golden *g, rapt_plan *plan, const char *name) {
  rapt_tensor *input = rapt_plan_find(plan, name);
  int32_t *to = input ? rapt_plan_data(plan, input) : NULL;
  const json_t *rows = json_object_get(g->expected, name);
  size_t n = 0;
  for (size_t b = 0; to && b < json_array_size(rows); b++) {
    const json_t *row = json_array_get(rows, b);
    if (json_is_number(row)) to[n++] = (int32_t)json_integer_value(row);
    for (size_t t = 0; t < json_array_size(row); t++) to[n++] = (int32_t)pair_number(row, t);
  }
}

static inline void pair_fill_all(const pair_golden *g, rapt_plan *plan) {
  static const char *const names[] = {"source", "source_lengths", "target", "target_lengths", "labels"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) pair_fill(g, plan, names[i]);
}

static inline rapt_tensor *pair_logits(const rapt__output *out) {
  return out->logits ? out->logits : rapt_linear(out->hidden, out->head, true, out->bias, RAPT_IDENTITY);
}

static inline rapt__seq2seq_pass pair_pass(const pair_golden *g, rapt_graph *graph, bool training) {
  rapt__seq2seq_pass pass = {
      .graph = graph, .params = g->model->params, .config = g->model->config, .training = training};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){g->rows, g->source_length});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &g->rows);
  return pass;
}

/* A plan of the loss, its gradient and, when wanted, an update. */
typedef struct pair_training {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *logits, *loss, *gradient, *lr, *count, *norm;
} pair_training;

static inline void pair_build(const pair_golden *g, const char *cpu, bool update, pair_training *t) {
  *t = (pair_training){0};
  int64_t dims[2] = {g->rows, g->target_length};
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &t->graph));
  rapt__encoded encoded = {.count = 0};
  rapt__seq2seq_pass pass = pair_pass(g, t->graph, true);
  pass.target = rapt_input(t->graph, "target", RAPT_I32, 2, dims);
  pass.target_lengths = rapt_input(t->graph, "target_lengths", RAPT_I32, 1, dims);
  rapt_tensor *labels = rapt_input(t->graph, "labels", RAPT_I32, 2, dims);
  g->model->arch->seq2seq->encode(&pass, &encoded);
  rapt__output out = g->model->arch->seq2seq->decode(&pass, &encoded);
  t->logits = rapt_tap(pair_logits(&out), "logits");
  t->loss = rapt_cross_entropy(t->logits, labels, NULL);
  t->gradient = rapt_grad_params(t->loss, g->model->params);
  rapt_tensor *outputs[3] = {t->loss, t->gradient};
  if (update) {
    t->lr = rapt_input(t->graph, "lr", RAPT_F32, 0, NULL);
    t->count = rapt_input(t->graph, "count", RAPT_F32, 0, NULL);
    rapt_update_options options = {.method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.98, .eps = 1e-9, .clip = 1};
    outputs[2] = t->norm = rapt_update(g->model->params, t->gradient, t->lr, t->count, &options);
  }
  rapt_plan_options options = {.cpu = cpu};
  assert_ok(g->ctx, rapt_plan_new(t->graph, outputs, update ? 3 : 2, &options, &t->plan));
  pair_fill_all(g, t->plan);
}

static inline void pair_drop(pair_training *t) {
  rapt_plan_free(t->plan);
  rapt_graph_free(t->graph);
}

/* Logits of the places that count. */
static inline void pair_compare_logits(const pair_golden *g, const char *who, const real *logits) {
  const json_t *want = json_object_get(g->expected, "logits"), *labels = json_object_get(g->expected, "labels");
  size_t t = (size_t)g->target_length, v = (size_t)g->vocabulary;
  assert_int_equal(json_array_size(want), (size_t)g->rows * t * v);
  for (size_t i = 0; i < (size_t)g->rows * t * v; i++)
    if (pair_number(json_array_get(labels, i / v / t), i / v % t) >= 0)
      pair_near(who, (double)logits[i], pair_number(want, i), 1e-4);
}

/* Relative to the element, with a floor of the parameter's largest: an element near 0 is the difference of larger ones. */
static inline void pair_compare_gradients(const pair_golden *g, const real *gradient) {
  const rapt_params *params = g->model->params;
  const json_t *all = json_object_get(g->expected, "gradients");
  assert_int_equal(json_object_size(all), params->count);
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    const json_t *want = json_object_get(all, p->name);
    if ((int64_t)json_array_size(want) != p->size) fail_msg("expected.json: no gradient of %s", p->name);
    double most = 0;
    for (size_t j = 0; j < (size_t)p->size; j++) most = fmax(most, fabs(pair_number(want, j)));
    for (size_t j = 0; j < (size_t)p->size; j++) {
      char what[300];
      snprintf(what, sizeof what, "gradient of %s[%zu]", p->name, j);
      double w = pair_number(want, j);
      pair_near(what, (double)gradient[p->offset + (int64_t)j], w, 1e-4 * (fabs(w) + 0.02 * most) + 1e-7);
    }
  }
}

/* Logits, loss and gradients at every kernel level. */
static inline void pair_check_gradients(const char *directory) {
  pair_golden g;
  pair_begin(&g, directory);
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    if (!k) continue;
    pair_training t;
    pair_build(&g, k->name, false, &t);
    assert_ok(g.ctx, rapt_plan_run(t.plan, 0));
    pair_compare_logits(&g, k->name, rapt_plan_data(t.plan, t.logits));
    double loss = json_number_value(json_object_get(g.expected, "loss"));
    pair_near("the loss", (double)*(real *)rapt_plan_data(t.plan, t.loss), loss, 1e-5);
    pair_compare_gradients(&g, rapt_plan_data(t.plan, t.gradient));
    pair_drop(&t);
  }
  pair_end(&g);
}

/* What rapt saves it reads back as the same model. With RAPT_SAVED=FOLDER in the environment it saves there too, under the
 * directory's last name, for check_transformers.py. */
static inline void pair_check_saved(const char *directory) {
  pair_golden g;
  pair_training t;
  rapt_model *again;
  char path[300];
  pair_begin(&g, directory);
  const char *keep = getenv("RAPT_SAVED");
  snprintf(path, sizeof path, "%s%s", keep ? keep : "", strrchr(directory, '/'));
  if (keep) assert_ok(g.ctx, rapt_model_save(g.model, path));
  char *scratch = rapt__scratch_dir(g.ctx);
  assert_ok(g.ctx, rapt_model_save(g.model, scratch));
  assert_ok(g.ctx, rapt_model_load(g.ctx, scratch, &again));
  rapt_model_free(g.model);
  g.model = again;
  pair_build(&g, NULL, false, &t);
  assert_ok(g.ctx, rapt_plan_run(t.plan, 0));
  pair_compare_logits(&g, "a logit", rapt_plan_data(t.plan, t.logits));
  pair_drop(&t);
  rapt__scratch_remove(scratch);
  rapt__free(g.ctx, scratch);
  pair_end(&g);
}

/* Ten steps of Adam at every kernel level. */
static inline void pair_check_steps(const char *directory) {
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    if (!k) continue;
    pair_golden g;
    pair_begin(&g, directory); /* updates change the parameters: every level reads its own */
    pair_training t;
    pair_build(&g, k->name, true, &t);
    const json_t *losses = json_object_get(g.expected, "losses"), *norms = json_object_get(g.expected, "norms");
    assert_int_equal(json_array_size(losses), 10);
    for (size_t i = 0; i < 10; i++) {
      *(real *)rapt_plan_data(t.plan, t.lr) = (real)1e-3;
      *(real *)rapt_plan_data(t.plan, t.count) = (real)(i + 1);
      assert_ok(g.ctx, rapt_plan_run(t.plan, i));
      char what[64];
      snprintf(what, sizeof what, "%s: the loss of step %zu", k->name, i + 1);
      pair_near(what, (double)*(real *)rapt_plan_data(t.plan, t.loss), pair_number(losses, i), 1e-4);
      snprintf(what, sizeof what, "%s: the norm of step %zu", k->name, i + 1);
      pair_near(what, (double)*(real *)rapt_plan_data(t.plan, t.norm), pair_number(norms, i), 1e-3);
    }
    pair_drop(&t);
    pair_end(&g);
  }
}

/* Copies an output of the encoder into an input of the step. */
static inline void pair_move(rapt_plan *from, const char *name, rapt_plan *to) {
  rapt_tensor *x = rapt_plan_find(from, name), *y = rapt_plan_find(to, name);
  assert_non_null(x);
  void *target = rapt_plan_data(to, y);
  if (target) memcpy(target, rapt_plan_data(from, x), (size_t)rapt_size(x) * sizeof(real));
}

static inline void pair_copy_start(rapt_params *states, rapt_plan *from, const char *state, const char *tap) {
  int64_t index = rapt_params_find(states, state);
  rapt_tensor *x = rapt_plan_find(from, tap);
  assert_true(index >= 0);
  real *values;
  int ndim;
  const int64_t *dims;
  assert_int_equal(rapt_params_get(states, index, NULL, &ndim, &dims, &values), RAPT_OK);
  memcpy(values, rapt_plan_data(from, x), (size_t)rapt_size(x) * sizeof *values);
}

/* The decoder token by token over its states gives PyTorch's logits too, and alignments whose rows sum to 1. */
static inline void pair_check_decoder(const char *directory) {
  pair_golden g;
  pair_begin(&g, directory);
  const rapt__seq2seq *arch = g.model->arch->seq2seq;
  rapt_graph *encoder, *decoder;
  rapt_plan *encoder_plan, *plan;
  assert_ok(g.ctx, rapt_graph_new(g.ctx, &encoder));
  rapt__encoded encoded = {.count = 0}, memory = {.count = 0};
  rapt__seq2seq_pass pass = pair_pass(&g, encoder, false);
  arch->encode(&pass, &encoded);
  char names[2 * RAPT__SEQ2SEQ_TENSORS][16];
  rapt_tensor *outputs[2 * RAPT__SEQ2SEQ_TENSORS];
  int count = 0;
  for (int i = 0; i < encoded.count + encoded.start_count; i++, count++) {
    bool is_memory = i < encoded.count;
    snprintf(names[count], sizeof names[count], is_memory ? "memory%d" : "start%d", is_memory ? i : i - encoded.count);
    outputs[count] =
        rapt_tap(is_memory ? encoded.memory[i] : encoded.starts[i - encoded.count].value, "%s", names[count]);
  }
  assert_ok(g.ctx, rapt_plan_new(encoder, outputs, count, NULL, &encoder_plan));
  pair_fill_all(&g, encoder_plan);
  assert_ok(g.ctx, rapt_plan_run(encoder_plan, 0));

  rapt_params *states;
  assert_ok(g.ctx, rapt_params_new(g.ctx, &states));
  assert_ok(g.ctx, rapt_graph_new(g.ctx, &decoder));
  rapt__seq2seq_pass step = {.graph = decoder, .params = g.model->params, .config = g.model->config, .states = states};
  step.source_lengths = rapt_input(decoder, "source_lengths", RAPT_I32, 1, &g.rows);
  step.target = rapt_input(decoder, "target", RAPT_I32, 2, (int64_t[]){g.rows, 1});
  step.at = rapt_input(decoder, "at", RAPT_I32, 0, NULL);
  step.filled = rapt_input(decoder, "filled", RAPT_I32, 1, &g.rows);
  for (int i = 0; i < encoded.count; i++)
    rapt__encoded_memory(&memory, rapt_input(decoder, names[i], rapt_type(encoded.memory[i]),
                                             rapt_ndim(encoded.memory[i]), rapt_dims(encoded.memory[i])));
  rapt__output out = arch->step(&step, &memory);
  rapt_tensor *logits = rapt_tap(pair_logits(&out), "logits");
  if (step.alignment) rapt_tap(step.alignment, "alignment");
  if (rapt_params_count(states)) assert_ok(g.ctx, rapt_params_start(states, 0));
  assert_ok(g.ctx, rapt_plan_new(decoder, &logits, 1, NULL, &plan));
  pair_fill(&g, plan, "source_lengths");
  for (int i = 0; i < encoded.count; i++) pair_move(encoder_plan, names[i], plan);
  for (int i = 0; i < encoded.start_count; i++)
    pair_copy_start(states, encoder_plan, encoded.starts[i].name, names[encoded.count + i]);

  size_t v = (size_t)g.vocabulary, rows = (size_t)g.rows, length = (size_t)g.target_length;
  const json_t *want = json_object_get(g.expected, "logits"), *labels = json_object_get(g.expected, "labels");
  const json_t *target = json_object_get(g.expected, "target");
  for (size_t t = 0; t < length; t++) {
    int32_t *token = rapt_plan_data(plan, step.target), *at = rapt_plan_data(plan, step.at);
    int32_t *filled = rapt_plan_data(plan, step.filled);
    for (size_t b = 0; b < rows; b++) {
      token[b] = (int32_t)pair_number(json_array_get(target, b), t);
      if (filled) filled[b] = (int32_t)t + 1;
    }
    if (at) *at = (int32_t)t;
    assert_ok(g.ctx, rapt_plan_run(plan, 0));
    const real *got = rapt_plan_data(plan, logits);
    for (size_t b = 0; b < rows; b++) {
      if (pair_number(json_array_get(labels, b), t) < 0) continue;
      for (size_t i = 0; i < v; i++)
        pair_near("a step's logit", (double)got[b * v + i], pair_number(want, (b * length + t) * v + i), 1e-4);
    }
    if (!step.alignment) continue;
    const real *weights = rapt_plan_data(plan, step.alignment);
    for (size_t b = 0; b < rows; b++) {
      double sum = 0;
      for (int64_t s = 0; s < g.source_length; s++) sum += (double)weights[(int64_t)b * g.source_length + s];
      pair_near("an alignment's sum", sum, 1, 1e-5);
    }
  }
  rapt_plan_free(plan);
  rapt_plan_free(encoder_plan);
  rapt_graph_free(decoder);
  rapt_graph_free(encoder);
  rapt_params_free(states);
  pair_end(&g);
}

#endif
