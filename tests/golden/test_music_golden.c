/* Recurrent nets over piano rolls against PyTorch in double precision (tests/golden/make_music.py): logits, loss,
 * gradients and ten updates of RMSProp, by way of the task that pads and masks. */
#include "unit/unit.h"

#include "graph/params.h"
#include "kernels/kernels.h"
#include "tasks/frames.h"
#include "tasks/model.h"

#include <jansson.h>
#include <math.h>
#include <rapt/music.h>

#define FILE_NAME "tests/golden/music.json"

enum { N = RAPT_ROLL_NOTES, STEPS = 10 };
static const double tolerance = 1e-5; /* of losses and logits; of gradients times the parameter's largest one */

typedef struct golden {
  counted_memory memory;
  rapt_context *ctx;
  const json_t *all, *net;
  rapt_model *model;
  rapt__sequence pieces[2];
  rapt__sequences set;
  float *frames[2];
  rapt__frames at;
} golden;

static double number(const json_t *object, const char *key) {
  const json_t *value = json_object_get(object, key);
  if (!json_is_number(value)) fail_msg(FILE_NAME ": %s is missing", key);
  return json_number_value(value);
}

static const json_t *list(const json_t *object, const char *key, size_t size) {
  const json_t *value = json_object_get(object, key);
  if (json_array_size(value) != size) fail_msg(FILE_NAME ": %s is not a list of %zu", key, size);
  return value;
}

static double at(const json_t *numbers, size_t i) { return json_number_value(json_array_get(numbers, i)); }

static void assert_near(const char *what, double got, double want, double allowed) {
  if (!(fabs(got - want) <= allowed)) fail_msg("%s is %.9g, PyTorch has %.9g (allowed %g)", what, got, want, allowed);
}

static rapt_tensor *network(const rapt__frames *f, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                            rapt_tensor *lengths, bool training) {
  (void)training;
  const golden *g = f->user;
  rapt__music_pass pass = {
      .graph = graph, .params = params, .config = g->model->config, .before = x, .lengths = lengths};
  return g->model->arch->music->logits(&pass);
}

static void read_pieces(golden *g) {
  const json_t *pieces = list(g->all, "pieces", 2);
  for (size_t i = 0; i < 2; i++) {
    const json_t *piece = json_array_get(pieces, i);
    size_t frames = json_array_size(piece);
    g->frames[i] = calloc((frames + 1) * N, sizeof(float));
    assert_non_null(g->frames[i]);
    for (size_t t = 0; t < frames; t++)
      for (size_t k = 0; k < json_array_size(json_array_get(piece, t)); k++)
        g->frames[i][(t + 1) * N + (size_t)at(json_array_get(piece, t), k)] = 1;
    g->pieces[i] = (rapt__sequence){.frames = (int64_t)frames, .x = g->frames[i], .y = g->frames[i] + N};
  }
  g->set = (rapt__sequences){.at = g->pieces, .count = 2, .inputs = N};
}

static void begin(golden *g, const json_t *all, const json_t *net) {
  char cell[40], units[40];
  *g = (golden){.all = all, .net = net};
  g->ctx = counted_context(&g->memory, 2);
  snprintf(cell, sizeof cell, "model.cell=%s", json_string_value(json_object_get(net, "cell")));
  snprintf(units, sizeof units, "model.units=%d", (int)number(all, "units"));
  assert_ok(g->ctx, rapt_model_new(g->ctx, "music-rnn", (const char *const[]){cell, units}, 2, NULL, 1, &g->model));
  const json_t *values = json_object_get(net, "parameters");
  assert_int_equal(json_object_size(values), g->model->params->count);
  for (size_t i = 0; i < g->model->params->count; i++) {
    const rapt__param *p = g->model->params->items[i];
    const json_t *want = list(values, p->name, (size_t)p->size);
    for (int64_t j = 0; j < p->size; j++) g->model->params->values[p->offset + j] = (real)at(want, (size_t)j);
  }
  read_pieces(g);
  g->at = (rapt__frames){.ctx = g->ctx,
                         .params = g->model->params,
                         .train = &g->set,
                         .valid = &g->set,
                         .answer = RAPT__BITS,
                         .outputs = N,
                         .batch = 2,
                         .seed = 1,
                         .network = network,
                         .user = g};
  assert_ok(g->ctx, rapt__frames_init(&g->at));
}

static void end(golden *g) {
  rapt__frames_free(&g->at);
  rapt_model_free(g->model);
  for (int i = 0; i < 2; i++) free(g->frames[i]);
  close_context(&g->memory, g->ctx);
}

static void check_logits(golden *g) {
  float out[8 * N];
  double loss;
  assert_ok(g->ctx, rapt__frames_run(&g->at, &g->set, out, &loss));
  const json_t *want = list(g->net, "logits", 8 * N);
  for (size_t i = 0; i < 8 * N; i++) assert_near("a logit", (double)out[i], at(want, i), tolerance);
  assert_near("the mean loss", loss, at(list(g->net, "losses", STEPS), 0), tolerance * 10); /* about 60 */
}

static void check_gradients(const golden *g, const real *gradient) {
  const json_t *all = json_object_get(g->net, "gradients");
  for (size_t i = 0; i < g->model->params->count; i++) {
    const rapt__param *p = g->model->params->items[i];
    const json_t *want = list(all, p->name, (size_t)p->size);
    double most = 0;
    for (int64_t j = 0; j < p->size; j++) most = fmax(most, fabs(at(want, (size_t)j)));
    assert_true(most > 0);
    for (int64_t j = 0; j < p->size; j++)
      assert_near(p->name, (double)gradient[p->offset + j], at(want, (size_t)j), tolerance * most);
  }
}

static void check_updates(golden *g, const char *cpu) {
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(g->ctx, rapt_graph_new(g->ctx, &graph));
  rapt_tensor *loss = g->at.task.loss(&g->at.task, graph, g->model->params, true, 0);
  rapt_tensor *gradient = rapt_grad_params(loss, g->model->params);
  rapt_tensor *lr = rapt_input(graph, "lr", RAPT_F32, 0, NULL), *count = rapt_input(graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options o = {.method = RAPT_RMSPROP,
                           .beta2 = number(g->all, "decay"),
                           .eps = number(g->all, "eps"),
                           .clip = number(g->all, "clip")};
  rapt_tensor *norm = rapt_update(g->model->params, gradient, lr, count, &o);
  assert_ok(g->ctx,
            rapt_plan_new(graph, (rapt_tensor *[]){loss, gradient, norm}, 3, &(rapt_plan_options){.cpu = cpu}, &plan));
  const json_t *losses = list(g->net, "losses", STEPS);
  for (int i = 0; i < STEPS; i++) {
    assert_ok(g->ctx, g->at.task.fill(&g->at.task, plan, 0, (uint64_t)i));
    *(real *)rapt_plan_data(plan, lr) = (real)number(g->all, "rate");
    *(real *)rapt_plan_data(plan, count) = (real)(i + 1);
    assert_ok(g->ctx, rapt_plan_run(plan, (uint64_t)i));
    double want = at(losses, (size_t)i);
    assert_near("a loss", (double)*(real *)rapt_plan_data(plan, loss), want, tolerance * want);
    if (i == 0) check_gradients(g, rapt_plan_data(plan, gradient));
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void torch_agrees(void **state) {
  (void)state;
  json_error_t error;
  json_t *all = json_load_file(FILE_NAME, 0, &error);
  if (!all) fail_msg(FILE_NAME ":%d: %s (the test runs in the root of the sources)", error.line, error.text);
  const json_t *nets = list(all, "nets", 3);
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *k = rapt__kernels_at((k_level)level);
    for (size_t i = 0; k && i < 3; i++) {
      golden g;
      begin(&g, all, json_array_get(nets, i));
      check_logits(&g);
      check_updates(&g, k->name);
      end(&g);
    }
  }
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(torch_agrees)};
  return cmocka_run_group_tests_name("music", tests, NULL, NULL);
}
