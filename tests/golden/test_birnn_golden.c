/* Nets over frames against PyTorch in double precision (tests/golden/make_birnn.py): both ways, late answers,
 * backwards, with learnt first states and sequences of different length; outputs, gradients, ten updates of Adam.
 * And the features of speech against numpy's (make_mfcc.py). */
#include "unit/unit.h"

#include "data/mfcc.h"
#include "graph/params.h"
#include "kernels/kernels.h"
#include "models/birnn.h"
#include "tasks/frames.h"

#include <jansson.h>
#include <math.h>

#define NETS "tests/golden/birnn.json"
#define SOUNDS "tests/golden/mfcc.json"

enum { SEQUENCES = 4, STEPS = 10, FRAMES = 15 };
static const double tolerance = 1e-5;

static json_t *load(const char *path) {
  json_error_t error;
  json_t *root = json_load_file(path, 0, &error);
  if (!root) fail_msg("%s:%d: %s (the test runs in the root of the sources)", path, error.line, error.text);
  return root;
}

static double at(const json_t *list, size_t i) {
  const json_t *value = json_array_get(list, i);
  if (!json_is_number(value)) fail_msg("number %zu of a list is missing", i);
  return json_number_value(value);
}

static const json_t *part(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!value) fail_msg("\"%s\" is missing", key);
  return value;
}

static void assert_near(const char *what, double got, double want, double allowed) {
  if (!(fabs(got - want) <= allowed)) fail_msg("%s is %.9g, not %.9g (allowed %g)", what, got, want, allowed);
}

typedef struct golden {
  counted_memory memory;
  rapt_context *ctx;
  const json_t *all, *net;
  rapt__birnn shape;
  rapt__sequence list[SEQUENCES];
  rapt__sequences set;
  float numbers[2][SEQUENCES][64];
  int32_t labels[SEQUENCES][8];
  rapt__frames at;
} golden;

static rapt_tensor *network(const rapt__frames *f, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                            rapt_tensor *lengths, bool training) {
  (void)training;
  return rapt__birnn_outputs(&((const golden *)f->user)->shape, graph, params, x, lengths);
}

static void read_sequences(golden *g) {
  bool classes = json_is_true(part(g->net, "classes"));
  for (size_t i = 0; i < SEQUENCES; i++) {
    const json_t *x = json_array_get(part(g->net, "x"), i), *y = json_array_get(part(g->net, "y"), i);
    int64_t frames = (int64_t)at(part(g->all, "lengths"), i);
    for (size_t j = 0; j < json_array_size(x); j++) g->numbers[0][i][j] = (float)at(x, j);
    for (size_t j = 0; j < json_array_size(y); j++)
      classes ? (g->labels[i][j] = (int32_t)at(y, j)) : (g->numbers[1][i][j] = (float)at(y, j));
    g->list[i] = (rapt__sequence){.frames = frames,
                                  .x = g->numbers[0][i],
                                  .y = classes ? NULL : g->numbers[1][i],
                                  .labels = classes ? g->labels[i] : NULL};
  }
  g->set = (rapt__sequences){
      .at = g->list, .count = SEQUENCES, .inputs = (int64_t)json_number_value(part(g->all, "inputs"))};
}

static void begin(golden *g, const json_t *all, const json_t *net) {
  static const char *const directions[] = {"forward", "backward", "both"};
  *g = (golden){.all = all, .net = net};
  g->ctx = counted_context(&g->memory, 2);
  int direction = 0;
  while (strcmp(directions[direction], json_string_value(part(net, "direction"))) != 0) direction++;
  g->shape = (rapt__birnn){.cell = RAPT_RNN_TANH,
                           .direction = (rapt__direction)direction,
                           .units = (int64_t)json_number_value(part(all, "units")),
                           .outputs = (int64_t)json_number_value(part(all, "outputs"))};
  read_sequences(g);
  g->at = (rapt__frames){.ctx = g->ctx,
                         .train = &g->set,
                         .valid = &g->set,
                         .answer = json_is_true(part(net, "classes")) ? RAPT__CLASSES : RAPT__SQUARES,
                         .outputs = g->shape.outputs,
                         .delay = (int64_t)json_number_value(part(net, "delay")),
                         .batch = SEQUENCES,
                         .seed = 1,
                         .network = network,
                         .user = g};
  assert_ok(g->ctx, rapt_params_new(g->ctx, &g->at.params));
  assert_ok(g->ctx, rapt__frames_init(&g->at));
  assert_ok(g->ctx, rapt__frames_start(&g->at));
  assert_int_equal(rapt_params_size(g->at.params), rapt__birnn_size(&g->shape, g->set.inputs));
  const json_t *values = part(net, "parameters");
  assert_int_equal(json_object_size(values), g->at.params->count);
  for (size_t i = 0; i < g->at.params->count; i++) {
    const rapt__param *p = g->at.params->items[i];
    assert_int_equal(json_array_size(part(values, p->name)), p->size);
    for (int64_t j = 0; j < p->size; j++)
      g->at.params->values[p->offset + j] = (real)at(part(values, p->name), (size_t)j);
  }
}

static void end(golden *g) {
  rapt__frames_free(&g->at);
  rapt_params_free(g->at.params);
  close_context(&g->memory, g->ctx);
}

static void check_outputs(golden *g, int64_t batch) {
  float out[FRAMES * 4];
  double loss;
  g->at.batch = batch;
  assert_ok(g->ctx, rapt__frames_run(&g->at, &g->set, out, &loss));
  g->at.batch = SEQUENCES;
  const json_t *want = part(g->net, "outputs");
  assert_int_equal(json_array_size(want), FRAMES * 4);
  for (size_t i = 0; i < FRAMES * 4; i++) assert_near("an output", (double)out[i], at(want, i), tolerance);
  assert_near("the mean loss", loss, at(part(g->net, "losses"), 0), tolerance);
}

static void check_updates(golden *g, const char *cpu) {
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &graph));
  rapt_tensor *loss = g->at.task.loss(&g->at.task, graph, g->at.params, true, 0);
  rapt_tensor *gradient = rapt_grad_params(loss, g->at.params);
  rapt_tensor *lr = rapt_input(graph, "lr", RAPT_F32, 0, NULL), *count = rapt_input(graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options o = {.method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};
  rapt_tensor *norm = rapt_update(g->at.params, gradient, lr, count, &o);
  assert_ok(g->ctx,
            rapt_plan_new(graph, (rapt_tensor *[]){loss, gradient, norm}, 3, &(rapt_plan_options){.cpu = cpu}, &plan));
  for (int i = 0; i < STEPS; i++) {
    assert_ok(g->ctx, g->at.task.fill(&g->at.task, plan, 0, (uint64_t)i));
    *(real *)rapt_plan_data(plan, lr) = (real)json_number_value(part(g->all, "rate"));
    *(real *)rapt_plan_data(plan, count) = (real)(i + 1);
    assert_ok(g->ctx, rapt_plan_run(plan, (uint64_t)i));
    assert_near("a loss", (double)*(real *)rapt_plan_data(plan, loss), at(part(g->net, "losses"), (size_t)i), 2e-5);
    const real *got = rapt_plan_data(plan, gradient);
    for (size_t k = 0; i == 0 && k < g->at.params->count; k++) {
      const rapt__param *p = g->at.params->items[k];
      const json_t *want = part(part(g->net, "gradients"), p->name);
      for (int64_t j = 0; j < p->size; j++)
        assert_near(p->name, (double)got[p->offset + j], at(want, (size_t)j), tolerance);
    }
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void torch_agrees(void **state) {
  (void)state;
  json_t *all = load(NETS);
  assert_int_equal(json_array_size(part(all, "nets")), 3);
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    for (size_t i = 0; k && i < 3; i++) {
      golden g;
      begin(&g, all, json_array_get(part(all, "nets"), i));
      check_outputs(&g, SEQUENCES);
      check_outputs(&g, 3); /* two batches, the second with rows that hold nothing */
      check_updates(&g, k->name);
      end(&g);
    }
  }
  json_decref(all);
}

static void numpy_agrees_on_speech(void **state) {
  (void)state;
  json_t *all = load(SOUNDS);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static float samples[2000], out[50 * RAPT__MFCC_WIDTH];
  assert_int_equal(json_array_size(all), 3);
  for (size_t i = 0; i < 3; i++) {
    const json_t *one = json_array_get(all, i), *numbers = part(one, "samples"), *rows = part(one, "features");
    size_t count = json_array_size(numbers);
    uint32_t rate = (uint32_t)json_number_value(part(one, "rate"));
    assert_true(count > 0 && count <= 2000);
    for (size_t j = 0; j < count; j++) samples[j] = (float)(at(numbers, j) / 32768);
    assert_int_equal(rapt__mfcc_frames(count, rate), json_array_size(rows));
    assert_ok(ctx, rapt__mfcc(ctx, samples, count, rate, out));
    for (size_t t = 0; t < json_array_size(rows); t++)
      for (size_t k = 0; k < RAPT__MFCC_WIDTH; k++)
        assert_near("a coefficient", (double)out[t * RAPT__MFCC_WIDTH + k], at(json_array_get(rows, t), k), 1e-4);
  }
  assert_fails(ctx, rapt__mfcc(ctx, samples, 10, 999, out), RAPT_EUNSUPPORTED, "999 samples a second");
  close_context(&memory, ctx);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(torch_agrees), cmocka_unit_test(numpy_agrees_on_speech)};
  return cmocka_run_group_tests_name("birnn", tests, NULL, NULL);
}
