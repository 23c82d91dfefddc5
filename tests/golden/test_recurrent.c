/* Recurrent layers against torch.nn's (tests/golden/make_recurrent.py): outputs, last states and all gradients, with several
 * layers, both directions, packed sequences and projections, at every kernel level. */
#include "unit/unit.h"

#include "graph/params.h"
#include "kernels/kernels.h"
#include "nn/recurrent.h"

#include <jansson.h>
#include <math.h>

#define FILE_NAME "tests/golden/recurrent.json"

typedef struct golden {
  counted_memory memory;
  rapt_context *ctx;
  rapt_params *params;
  rapt_graph *graph;
  rapt_plan *plan;
  const json_t *want;
  rapt_tensor *inputs[3], *grads[3], *outputs[3], *weights[3], *lengths, *gradient;
  int states; /* 2 with cells, else 1 */
} golden;

static const char *const input_names[] = {"x", "h0", "c0"}, *const output_names[] = {"y", "h_n", "c_n"};

static int64_t integer(const golden *g, const char *key) {
  const json_t *value = json_object_get(g->want, key);
  if (!json_is_integer(value)) fail_msg(FILE_NAME ": %s is missing", key);
  return json_integer_value(value);
}

static bool flag(const golden *g, const char *key) { return json_is_true(json_object_get(g->want, key)); }

static const json_t *numbers(const golden *g, const char *group, const char *key, int64_t size) {
  const json_t *list = json_object_get(json_object_get(g->want, group), key);
  if ((int64_t)json_array_size(list) != size) fail_msg(FILE_NAME ": %s %s is missing", group, key);
  return list;
}

static double number(const json_t *list, int64_t i) { return json_number_value(json_array_get(list, (size_t)i)); }

static void fill(const golden *g, const char *group, const char *key, real *to, int64_t size) {
  const json_t *list = numbers(g, group, key, size);
  for (int64_t i = 0; i < size; i++) to[i] = (real)number(list, i);
}

static double compare(const golden *g, const char *level, const char *group, const char *key, const real *got,
                      int64_t size) {
  const json_t *list = numbers(g, group, key, size);
  double worst = 0;
  for (int64_t i = 0; i < size; i++) {
    double w = number(list, i), off = fabs((double)got[i] - w) / fmax(1, fabs(w));
    if (!(off <= 1e-5))
      fail_msg("%s at %s: %s %s[%lld] is %.9g, PyTorch has %.9g", json_string_value(json_object_get(g->want, "name")),
               level, group, key, (long long)i, (double)got[i], w);
    worst = fmax(worst, off);
  }
  return worst;
}

/* Builds the layers; with `backward` their loss and all gradients too. */
static void build(golden *g, bool backward, const char *level) {
  static const char *const names[] = {"rnn_tanh", "rnn_relu", "lstm", "gru"};
  const char *cell = json_string_value(json_object_get(g->want, "cell"));
  int kind = 0;
  while (strcmp(names[kind], cell) != 0) kind++;
  g->states = kind == RAPT_LSTM ? 2 : 1;
  int64_t rows = integer(g, "rows"), units = integer(g, "units"), layers = integer(g, "layers");
  int64_t all = layers * (flag(g, "bidirectional") ? 2 : 1), width = integer(g, "projection");
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &g->graph));
  const int64_t dims[3][3] = {
      {integer(g, "steps"), rows, integer(g, "inputs")}, {all, rows, width ? width : units}, {all, rows, units}};
  for (int i = 0; i <= g->states; i++) g->inputs[i] = rapt_input(g->graph, input_names[i], RAPT_F32, 3, dims[i]);
  g->lengths = json_object_get(g->want, "lengths") ? rapt_input(g->graph, "lengths", RAPT_I32, 1, &rows) : NULL;
  rapt__nn_recurrent_options o = {.units = units,
                                  .layers = layers,
                                  .bidirectional = flag(g, "bidirectional"),
                                  .no_bias = !flag(g, "bias"),
                                  .projection = width,
                                  .lengths = g->lengths,
                                  .h0 = g->inputs[1],
                                  .h_n = &g->outputs[1]};
  if (g->states == 2) o.c0 = g->inputs[2], o.c_n = &g->outputs[2];
  const rapt__layers l = {g->graph, g->params};
  g->outputs[0] = rapt__nn_recurrent(&l, "rnn", (rapt_cell)kind, g->inputs[0], &o);
  if (!backward) return;
  rapt_tensor *loss = NULL, *read[8];
  for (int i = 0; i <= g->states; i++) {
    g->weights[i] = rapt_input(g->graph, output_names[i], RAPT_F32, rapt_ndim(g->outputs[i]), rapt_dims(g->outputs[i]));
    rapt_tensor *part = rapt_sum(rapt_mul(g->outputs[i], g->weights[i]), RAPT_ALL, false);
    loss = loss ? rapt_add(loss, part) : part;
  }
  assert_ok(g->ctx, rapt_grad(loss, g->inputs, g->states + 1, g->grads));
  g->gradient = rapt_grad_params(loss, g->params);
  int n = 0;
  for (int i = 0; i <= g->states; i++) read[n++] = g->outputs[i], read[n++] = g->grads[i];
  read[n++] = g->gradient;
  assert_ok(g->ctx, rapt_plan_new(g->graph, read, n, &(rapt_plan_options){.cpu = level}, &g->plan));
}

static double check_case(golden *g, const char *level) {
  double worst = 0;
  assert_ok(g->ctx, rapt_params_new(g->ctx, &g->params));
  build(g, false, level);
  assert_ok(g->ctx, rapt_params_start(g->params, 1));
  rapt_graph_free(g->graph);
  assert_int_equal(g->params->count, json_object_size(json_object_get(g->want, "parameters")));
  for (size_t i = 0; i < g->params->count; i++) {
    const rapt__param *p = g->params->items[i];
    fill(g, "parameters", p->name + strlen("rnn."), g->params->values + p->offset, p->size);
  }
  build(g, true, level);
  for (int i = 0; i <= g->states; i++) {
    fill(g, "given", input_names[i], rapt_plan_data(g->plan, g->inputs[i]), rapt_size(g->inputs[i]));
    fill(g, "weights", output_names[i], rapt_plan_data(g->plan, g->weights[i]), rapt_size(g->weights[i]));
  }
  if (g->lengths) {
    int32_t *lengths = rapt_plan_data(g->plan, g->lengths);
    const json_t *list = json_object_get(g->want, "lengths");
    for (int64_t i = 0; i < rapt_size(g->lengths); i++) lengths[i] = (int32_t)number(list, i);
  }
  assert_ok(g->ctx, rapt_plan_run(g->plan, 0));
  for (int i = 0; i <= g->states; i++) {
    int64_t out = rapt_size(g->outputs[i]), in = rapt_size(g->inputs[i]);
    worst = fmax(worst, compare(g, level, "outputs", output_names[i], rapt_plan_data(g->plan, g->outputs[i]), out));
    worst = fmax(worst, compare(g, level, "gradients", input_names[i], rapt_plan_data(g->plan, g->grads[i]), in));
  }
  const real *gradient = rapt_plan_data(g->plan, g->gradient);
  for (size_t i = 0; i < g->params->count; i++) {
    const rapt__param *p = g->params->items[i];
    worst = fmax(worst, compare(g, level, "gradients", p->name + strlen("rnn."), gradient + p->offset, p->size));
  }
  rapt_plan_free(g->plan);
  rapt_graph_free(g->graph);
  rapt_params_free(g->params);
  return worst;
}

static void torch_agrees(void **state) {
  (void)state;
  json_error_t error;
  json_t *all = json_load_file(FILE_NAME, 0, &error);
  if (!all) fail_msg(FILE_NAME ":%d: %s (the test runs in the root of the sources)", error.line, error.text);
  assert_int_equal(json_array_size(all), 8);
  double worst = 0;
  for (size_t i = 0; i < json_array_size(all); i++) {
    for (int level = 0; level < K_LEVEL_COUNT; level++) {
      const k_kernels *k = rapt__kernels_at((k_level)level);
      if (!k) continue;
      golden g = {.want = json_array_get(all, i)};
      g.ctx = counted_context(&g.memory, 2);
      worst = fmax(worst, check_case(&g, k->name));
      close_context(&g.memory, g.ctx);
    }
  }
  print_message("largest difference: %.3g\n", worst);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(torch_agrees)};
  return cmocka_run_group_tests_name("recurrent", tests, NULL, NULL);
}
