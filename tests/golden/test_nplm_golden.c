/* The network of nplm against the same one in PyTorch and double precision (tests/golden/make_nplm.py), without and with
 * direct connections: loss, log-probabilities, gradients, ten updates of SGD with decay and of AdamW, at every level. */
#include "unit/unit.h"

#include "formats/safetensors.h"
#include "graph/params.h"
#include "kernels/kernels.h"
#include "models/nplm.h"

#include <jansson.h>
#include <math.h>
#include <rapt/ops.h>

#define DIRECTORY "tests/golden/nplm-tiny"

static const double tolerance = 1e-5; /* of losses and logarithms; of gradients times the parameter's largest one */

typedef struct golden {
  counted_memory memory;
  rapt_context *ctx;
  json_t *expected, *wanted; /* all of the file; this net's part */
  rapt__nplm net;
  rapt_params *params;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *loss, *log_probs, *gradient, *lr, *count, *norm;
} golden;

static const json_t *part(const json_t *object, const char *name) {
  const json_t *found = json_object_get(object, name);
  if (!found) fail_msg("expected.json: \"%s\" is missing", name);
  return found;
}

static double number(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("expected.json: number %zu of a list is missing", i);
  return json_number_value(value);
}

static void assert_near(const char *what, double got, double want, double allowed) {
  if (!(fabs(got - want) <= allowed)) fail_msg("%s is %.9g, PyTorch has %.9g (allowed %g)", what, got, want, allowed);
}

static void read_weights(golden *g, const char *name) {
  char path[100];
  rapt__safetensors file;
  snprintf(path, sizeof path, DIRECTORY "/%s.safetensors", name);
  assert_ok(g->ctx, rapt__safetensors_open(g->ctx, path, &file));
  assert_int_equal(file.count, rapt_params_count(g->params));
  for (int64_t i = 0; i < rapt_params_count(g->params); i++) {
    const char *letter;
    const int64_t *dims;
    int ndim;
    real *values;
    assert_ok(g->ctx, rapt_params_get(g->params, i, &letter, &ndim, &dims, &values));
    const rapt__st_entry *entry = rapt__safetensors_find(&file, letter);
    if (!entry) fail_msg("%s: %s is missing", path, letter);
    assert_int_equal(entry->ndim, ndim);
    for (int axis = 0; axis < ndim; axis++) assert_int_equal(entry->dim[axis], dims[axis]);
    assert_ok(g->ctx, rapt__safetensors_read(&file, entry, values));
  }
  rapt__safetensors_close(&file);
}

static void fill_batch(const golden *g, int32_t *contexts, int32_t *labels) {
  const json_t *rows = part(g->expected, "contexts"), *words = part(g->expected, "labels");
  for (size_t i = 0; i < json_array_size(rows); i++) {
    labels[i] = (int32_t)number(words, i);
    for (size_t j = 0; j + 1 < (size_t)g->net.order; j++) *contexts++ = (int32_t)number(json_array_get(rows, i), j);
  }
}

/* Graph and plan of the loss and its gradient, or of an update too; the weights are the file's. */
static void begin(golden *g, const char *name, const char *cpu, const rapt_update_options *update) {
  *g = (golden){0};
  json_error_t error;
  g->expected = json_load_file(DIRECTORY "/expected.json", 0, &error);
  if (!g->expected)
    fail_msg("%s:%d: %s (the test runs in the root of the sources)", error.source, error.line, error.text);
  g->wanted = json_object_get(json_object_get(g->expected, "nets"), name);
  g->net = (rapt__nplm){.words = json_integer_value(part(g->expected, "words")),
                        .order = json_integer_value(part(g->expected, "order")),
                        .features = json_integer_value(part(g->expected, "features")),
                        .hidden = json_integer_value(part(g->expected, "hidden")),
                        .direct = json_is_true(part(g->wanted, "direct"))};
  g->ctx = counted_context(&g->memory, 2);
  assert_ok(g->ctx, rapt_params_new(g->ctx, &g->params));
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &g->graph));
  int64_t dims[2] = {(int64_t)json_array_size(part(g->expected, "labels")), g->net.order - 1};
  rapt_tensor *contexts = rapt_input(g->graph, "contexts", RAPT_I32, 2, dims);
  rapt_tensor *labels = rapt_input(g->graph, "labels", RAPT_I32, 1, dims);
  rapt_tensor *known = rapt_input(g->graph, "known", RAPT_I32, 1, dims); /* a word also where no label counts */
  g->loss = rapt__nplm_loss(&g->net, g->graph, g->params, contexts, labels);
  g->log_probs = rapt__nplm_log_probs(&g->net, g->graph, g->params, contexts, known);
  assert_ok(g->ctx, rapt_params_start(g->params, 1));
  read_weights(g, name);
  g->gradient = rapt_grad_params(g->loss, g->params);
  rapt_tensor *outputs[4] = {g->loss, g->log_probs, g->gradient};
  if (update) {
    g->lr = rapt_input(g->graph, "lr", RAPT_F32, 0, NULL);
    g->count = rapt_input(g->graph, "count", RAPT_F32, 0, NULL);
    outputs[3] = g->norm = rapt_update(g->params, g->gradient, g->lr, g->count, update);
  }
  rapt_plan_options options = {.cpu = cpu};
  assert_ok(g->ctx, rapt_plan_new(g->graph, outputs, update ? 4 : 3, &options, &g->plan));
  fill_batch(g, rapt_plan_data(g->plan, contexts), rapt_plan_data(g->plan, labels));
  fill_batch(g, rapt_plan_data(g->plan, contexts), rapt_plan_data(g->plan, known));
  int32_t *words = rapt_plan_data(g->plan, known);
  for (int64_t i = 0; i < *dims; i++)
    if (words[i] < 0) words[i] = 0;
}

static void end(golden *g) {
  rapt_plan_free(g->plan);
  rapt_graph_free(g->graph);
  rapt_params_free(g->params);
  json_decref(g->expected);
  close_context(&g->memory, g->ctx);
}

static void compare_gradients(const golden *g) {
  const real *gradient = rapt_plan_data(g->plan, g->gradient);
  const json_t *all = part(g->wanted, "gradients");
  assert_int_equal(json_object_size(all), g->params->count);
  for (size_t i = 0; i < g->params->count; i++) {
    const rapt__param *p = g->params->items[i];
    const json_t *want = part(all, p->name);
    assert_int_equal(json_array_size(want), p->size);
    double most = 0;
    for (size_t j = 0; j < (size_t)p->size; j++) most = fmax(most, fabs(number(want, j)));
    assert_true(most > 0);
    for (size_t j = 0; j < (size_t)p->size; j++) {
      char what[100];
      snprintf(what, sizeof what, "gradient of %s[%zu]", p->name, j);
      assert_near(what, (double)gradient[p->offset + (int64_t)j], number(want, j), tolerance * most);
    }
  }
}

static void check_values(const char *name, const char *cpu) {
  golden g;
  begin(&g, name, cpu, NULL);
  assert_ok(g.ctx, rapt_plan_run(g.plan, 0));
  char what[100];
  snprintf(what, sizeof what, "%s, %s: the loss", name, cpu);
  assert_near(what, (double)*(real *)rapt_plan_data(g.plan, g.loss), json_number_value(part(g.wanted, "loss")),
              tolerance);
  const real *log_probs = rapt_plan_data(g.plan, g.log_probs);
  const json_t *want = part(g.wanted, "log_probabilities");
  assert_int_equal(json_array_size(want), rapt_size(g.log_probs));
  for (size_t i = 0; i < json_array_size(want); i++)
    assert_near("a log-probability", (double)log_probs[i], number(want, i), tolerance);
  compare_gradients(&g);
  end(&g);
}

static void check_updates(const char *name, const char *cpu, const char *rule, const rapt_update_options *update) {
  golden g;
  begin(&g, name, cpu, update);
  const json_t *want = part(g.wanted, rule), *losses = part(want, "losses"), *norms = part(want, "norms");
  assert_int_equal(json_array_size(losses), 10);
  for (size_t i = 0; i < 10; i++) {
    *(real *)rapt_plan_data(g.plan, g.lr) = (real)number(part(want, "rates"), i);
    *(real *)rapt_plan_data(g.plan, g.count) = (real)(i + 1);
    assert_ok(g.ctx, rapt_plan_run(g.plan, i));
    char what[100];
    snprintf(what, sizeof what, "%s, %s, %s: the loss before update %zu", name, cpu, rule, i + 1);
    assert_near(what, (double)*(real *)rapt_plan_data(g.plan, g.loss), number(losses, i), tolerance);
    snprintf(what, sizeof what, "%s, %s, %s: the norm of gradient %zu", name, cpu, rule, i + 1);
    assert_near(what, (double)*(real *)rapt_plan_data(g.plan, g.norm), number(norms, i), tolerance);
  }
  end(&g);
}

static const char *const names[] = {"plain", "direct"};

static void values_and_gradients(void **state) {
  (void)state;
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    for (int i = 0; k && i < 2; i++) check_values(names[i], k->name);
  }
}

/* As make_nplm.py sets them. */
static void ten_updates(void **state) {
  (void)state;
  static const rapt_update_options sgd = {.method = RAPT_SGD, .weight_decay = 0.05};
  static const rapt_update_options adamw = {
      .method = RAPT_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .weight_decay = 0.1, .clip = 0.7};
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    for (int i = 0; k && i < 2; i++) {
      check_updates(names[i], k->name, "sgd", &sgd);
      check_updates(names[i], k->name, "adamw", &adamw);
    }
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(values_and_gradients),
      cmocka_unit_test(ten_updates),
  };
  return cmocka_run_group_tests_name("nplm", tests, NULL, NULL);
}
