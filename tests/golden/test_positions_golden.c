/* Positions against transformers and PyTorch (tests/golden/make_positions.py): a Llama with grouped heads, T5's buckets, the
 * slopes of Bloom's ALiBi, and for every other kind of a decoder logits, gradients and ten steps. */
#include "unit/unit.h"

#include "nn/positions.h"
#include "tasks/model.h"

#include <jansson.h>
#include <math.h>

enum { BATCH = 2, TIME = 7, VOCABULARY = 11, CONTEXT = 9 };

static json_t *expected;

static int begin(void **state) {
  (void)state;
  json_error_t error;
  expected = json_load_file("tests/golden/positions.json", 0, &error);
  if (!expected)
    print_error("%s:%d: %s (the test runs in the root of the sources)\n", error.source, error.line, error.text);
  return !expected;
}

static int end(void **state) {
  (void)state;
  json_decref(expected);
  return 0;
}

static double number(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("positions.json: number %zu of a list is missing", i);
  return json_number_value(value);
}

static void assert_near(const char *what, size_t i, double got, double want, double tolerance) {
  if (!(fabs(got - want) <= tolerance))
    fail_msg("%s[%zu] is %.9g, PyTorch has %.9g (allowed %g)", what, i, got, want, tolerance);
}

/* Gives the parameters of the model the values of `tensors`; each of both must be in the other. */
static void take(rapt_params *params, const json_t *tensors, const char *prefix) {
  assert_int_equal(json_object_size(tensors), rapt_params_count(params));
  for (int64_t i = 0; i < rapt_params_count(params); i++) {
    const char *name;
    int ndim;
    const int64_t *dims;
    rapt_real *values;
    int64_t size = 1;
    assert_int_equal(rapt_params_get(params, i, &name, &ndim, &dims, &values), RAPT_OK);
    for (int d = 0; d < ndim; d++) size *= dims[d];
    assert_int_equal(strncmp(name, prefix, strlen(prefix)), 0);
    const json_t *list = json_object_get(tensors, name + strlen(prefix));
    if (json_array_size(list) != (size_t)size) fail_msg("positions.json: %s does not have %d numbers", name, (int)size);
    for (int64_t j = 0; j < size; j++) values[j] = (rapt_real)number(list, (size_t)j);
  }
}

static void a_llama_is_the_same(void **state) {
  (void)state;
  static const char *const settings[] = {"model.vocabulary=11", "model.context=9",     "model.layers=2",
                                         "model.heads=4",       "model.kv_heads=2",    "model.width=16",
                                         "model.inner=20",      "model.position=rope", "model.rope_base=100",
                                         "model.norm=rms",      "model.eps=1e-5",      "model.activation=swiglu",
                                         "model.bias=false",    "model.tied=false"};
  const json_t *llama = json_object_get(expected, "llama"), *want = json_object_get(llama, "logits");
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_model *model;
  assert_ok(ctx, rapt_model_new(ctx, "gpt2", settings, sizeof settings / sizeof *settings, NULL, 1, &model));
  take(rapt_model_params(model), json_object_get(llama, "tensors"), "");
  int32_t ids[CONTEXT];
  float logits[CONTEXT * VOCABULARY];
  for (size_t i = 0; i < CONTEXT; i++) ids[i] = (int32_t)number(json_object_get(llama, "ids"), i);
  assert_ok(ctx, rapt_model_logits(model, ids, CONTEXT, logits));
  assert_int_equal(json_array_size(want), CONTEXT * VOCABULARY);
  for (size_t i = 0; i < CONTEXT * VOCABULARY; i++)
    assert_near("logits", i, (double)logits[i], number(want, i), 1e-5 * fmax(1, fabs(number(want, i))));
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void buckets_are_those_of_t5(void **state) {
  (void)state;
  size_t i;
  const json_t *one;
  json_array_foreach(json_object_get(expected, "buckets"), i, one) {
    const json_t *ids = json_object_get(one, "ids");
    int64_t count = (int64_t)json_array_size(ids), first = json_integer_value(json_object_get(one, "first"));
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_graph *graph;
    rapt_plan *plan;
    assert_int_equal(count, 301);
    assert_ok(ctx, rapt_graph_new(ctx, &graph));
    rapt_tensor *at = rapt_input(graph, "at", RAPT_I32, 1, &count);
    rapt_tensor *found = rapt_relative_buckets(at, 1, json_integer_value(json_object_get(one, "buckets")),
                                               json_integer_value(json_object_get(one, "max_distance")),
                                               json_is_true(json_object_get(one, "both")));
    assert_ok(ctx, rapt_plan_new(graph, &found, 1, NULL, &plan));
    for (int64_t j = 0; j < count; j++) ((int32_t *)rapt_plan_data(plan, at))[j] = (int32_t)(first + j);
    assert_ok(ctx, rapt_plan_run(plan, 0));
    const int32_t *got = rapt_plan_data(plan, found);
    for (int64_t j = 0; j < count; j++)
      assert_near("bucket of a distance", (size_t)j, got[j], number(ids, (size_t)j), 0);
    rapt_plan_free(plan);
    rapt_graph_free(graph);
    close_context(&memory, ctx);
  }
  assert_int_equal(i, 5);
}

static void slopes_are_those_of_bloom(void **state) {
  (void)state;
  const json_t *all = json_object_get(expected, "slopes");
  assert_int_equal(json_array_size(all), 20);
  for (size_t heads = 1; heads <= 20; heads++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_graph *graph;
    rapt_plan *plan;
    assert_ok(ctx, rapt_graph_new(ctx, &graph));
    rapt_tensor *slopes = rapt__nn_alibi_slopes(graph, (int64_t)heads);
    assert_int_equal(rapt_size(slopes), heads);
    assert_ok(ctx, rapt_plan_new(graph, &slopes, 1, NULL, &plan));
    assert_ok(ctx, rapt_plan_run(plan, 0));
    const json_t *want = json_array_get(all, heads - 1);
    for (size_t h = 0; h < heads; h++)
      assert_near("slope", h, (double)((real *)rapt_plan_data(plan, slopes))[h], number(want, h),
                  1e-6 * number(want, h));
    rapt_plan_free(plan);
    rapt_graph_free(graph);
    close_context(&memory, ctx);
  }
}

static void read_ids(const json_t *list, int32_t *ids) {
  assert_int_equal(json_array_size(list), BATCH * TIME);
  for (size_t i = 0; i < BATCH * TIME; i++) ids[i] = (int32_t)number(list, i);
}

/* Relative to the element, with a floor of the parameter's largest: an element near 0 is the difference of larger ones. */
static void compare_gradients(const rapt_params *params, const json_t *all, const real *gradient) {
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    const json_t *want = json_object_get(all, p->name + strlen("transformer."));
    assert_int_equal(json_array_size(want), p->size);
    double most = 0;
    for (size_t j = 0; j < (size_t)p->size; j++) most = fmax(most, fabs(number(want, j)));
    assert_true(most > 0);
    for (size_t j = 0; j < (size_t)p->size; j++)
      assert_near(p->name, j, (double)gradient[p->offset + (int64_t)j], number(want, j),
                  1e-4 * (fabs(number(want, j)) + 0.02 * most) + 1e-8);
  }
}

static void check_decoder(const char *kind, const json_t *golden) {
  char position[32];
  snprintf(position, sizeof position, "model.position=%s", kind);
  const char *settings[] = {"model.vocabulary=11", "model.context=9", "model.layers=2",       "model.heads=2",
                            "model.width=8",       "model.inner=16",  "model.bias=false",     "model.activation=gelu",
                            "model.clip=3",        "model.buckets=4", "model.max_distance=6", position};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_model *model;
  assert_ok(ctx, rapt_model_new(ctx, "gpt2", settings, sizeof settings / sizeof *settings, NULL, 1, &model));
  rapt_params *params = rapt_model_params(model);
  take(params, json_object_get(golden, "tensors"), "transformer.");

  int64_t dims[2] = {BATCH, TIME};
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__lm_pass pass = {.graph = graph, .params = params, .config = model->config, .training = true};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, dims + 1);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, dims), *head, *x = model->arch->hidden(&pass, &head);
  rapt_tensor *lr = rapt_input(graph, "lr", RAPT_F32, 0, NULL), *count = rapt_input(graph, "count", RAPT_F32, 0, NULL);
  rapt_tensor *logits = rapt_tap(rapt_linear(x, head, true, NULL, RAPT_IDENTITY), "logits");
  rapt_tensor *out[3] = {rapt_cross_entropy(logits, labels, NULL)};
  out[1] = rapt_grad_params(out[0], params);
  out[2] = rapt_update(params, out[1], lr, count, &(rapt_update_options){.method = RAPT_SGD});
  assert_ok(ctx, rapt_plan_new(graph, out, 3, NULL, &plan));
  read_ids(json_object_get(golden, "ids"), rapt_plan_data(plan, pass.tokens));
  read_ids(json_object_get(golden, "labels"), rapt_plan_data(plan, labels));
  int32_t *positions = rapt_plan_data(plan, pass.positions);
  for (int i = 0; positions && i < TIME; i++) positions[i] = i;
  *(real *)rapt_plan_data(plan, lr) = (real)0.1;
  const json_t *losses = json_object_get(golden, "losses"), *want = json_object_get(golden, "logits");
  assert_int_equal(json_array_size(losses), 10);
  for (size_t i = 0; i < 10; i++) {
    *(real *)rapt_plan_data(plan, count) = (real)(i + 1);
    assert_ok(ctx, rapt_plan_run(plan, i));
    assert_near(kind, i, (double)*(real *)rapt_plan_data(plan, out[0]), number(losses, i), 1e-4);
    if (i > 0) continue;
    for (size_t j = 0; j < BATCH * TIME * VOCABULARY; j++)
      assert_near(kind, j, (double)((real *)rapt_plan_data(plan, logits))[j], number(want, j), 1e-5);
    compare_gradients(params, json_object_get(golden, "gradients"), rapt_plan_data(plan, out[1]));
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void decoders_agree(void **state) {
  (void)state;
  const char *kind;
  json_t *golden, *all = json_object_get(expected, "decoders");
  assert_int_equal(json_object_size(all), 5);
  json_object_foreach(all, kind, golden) check_decoder(kind, golden);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_llama_is_the_same), cmocka_unit_test(buckets_are_those_of_t5),
                                     cmocka_unit_test(slopes_are_those_of_bloom), cmocka_unit_test(decoders_agree)};
  return cmocka_run_group_tests_name("positions", tests, begin, end);
}
