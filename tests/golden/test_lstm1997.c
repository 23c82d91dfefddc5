/* The net of 1997 against PyTorch's automatic differentiation (tests/golden/make_lstm1997.py), and its step and truncated gradient
 * against the engine's own LSTM without forget gate. */
#include "unit/unit.h"

#include "graph/params.h"
#include "recipes/lstm1997.h"

#include <jansson.h>
#include <math.h>
#include <rapt/rapt.h>

#define FILE_NAME "tests/golden/lstm1997.json"
enum { STEPS = 12, MOST = 8 };

/* ---- As make_lstm1997.py has them ---- */

static double first_weight(int i) { return 0.6 * sin(1.7 * i + 0.3); }

static double input_at(int sequence, int t, int k) {
  return (sequence + t + k) % 3 ? sin(0.9 * (sequence * STEPS + t) + 2.1 * k) : 0;
}

static double target_at(int sequence, int t, int k) { return 0.5 + 0.5 * cos(1.3 * (sequence * STEPS + t) + k); }

static void fill_weights(rapt__lstm1997 *net) {
  int size = 2 + net->shape.cells;
  for (int i = 0; i < net->units * net->row; i++) {
    bool no_bias = !net->shape.all_biases && i % net->row == 0 && i / net->row % size >= 2;
    net->weights[i] = no_bias ? 0 : first_weight(i);
  }
  for (int i = 0; i < net->shape.outputs * net->seen; i++)
    net->outward[i] = !net->shape.all_biases && i % net->seen == 0 ? 0 : first_weight(1000 + i);
}

static double loss_of(const rapt__lstm1997_shape *shape, double target, double out) {
  if (shape->entropy) return -target * log(out) - (1 - target) * log(1 - out);
  return 0.5 * (target - out) * (target - out);
}

/* ---- PyTorch ---- */

static bool flag(const json_t *c, const char *key) { return json_is_true(json_object_get(c, key)); }
static int whole(const json_t *c, const char *key) { return (int)json_integer_value(json_object_get(c, key)); }

static void near(const json_t *c, const char *what, size_t i, double got, double want) {
  if (!(fabs(got - want) <= 1e-11 * fmax(1, fabs(want))))
    fail_msg("%s: %s[%zu] is %.15g, PyTorch has %.15g", json_string_value(json_object_get(c, "name")), what, i, got,
             want);
}

static void compare_weights(const json_t *c, const char *key, const double *got, int count) {
  const json_t *list = json_object_get(c, key);
  assert_int_equal(json_array_size(list), count);
  for (int i = 0; i < count; i++) near(c, key, (size_t)i, got[i], json_number_value(json_array_get(list, (size_t)i)));
}

/* Ten sequences on line: the outputs of the first one, all losses, and the weights after them. */
static void follow(rapt_context *ctx, const json_t *c, double rate) {
  static const int all[MOST] = {0, 1, 2, 3, 4, 5, 6, 7};
  const json_t *taught = json_object_get(c, "taught"), *first = json_object_get(c, "first_outputs");
  const json_t *losses = json_object_get(c, "losses");
  rapt__lstm1997_shape shape = {.inputs = whole(c, "inputs"),
                                .outputs = whole(c, "outputs"),
                                .blocks = whole(c, "blocks"),
                                .cells = whole(c, "cells"),
                                .gates_seen = flag(c, "gates_seen"),
                                .all_biases = flag(c, "all_biases"),
                                .shortcuts = flag(c, "shortcuts"),
                                .entropy = flag(c, "entropy")};
  rapt__lstm1997 net;
  assert_ok(ctx, rapt__lstm1997_new(ctx, &shape, &net));
  fill_weights(&net);
  assert_int_equal(json_array_size(losses), 10);
  assert_true(json_array_size(taught) > 0);
  for (int n = 0; n < (int)json_array_size(losses); n++) {
    double loss = 0;
    size_t next = 0;
    rapt__lstm1997_reset(&net);
    for (int t = 0; t < STEPS; t++) {
      double values[MOST], target[MOST];
      for (int k = 0; k < shape.inputs; k++) values[k] = input_at(n, t, k);
      rapt__lstm1997_step(&net, &(rapt__sparse){shape.inputs, all, values}, true);
      if (next >= json_array_size(taught) || json_integer_value(json_array_get(taught, next)) != t) continue;
      const double *out = rapt__lstm1997_outputs(&net);
      for (int k = 0; k < shape.outputs; k++) {
        target[k] = target_at(n, t, k);
        loss += loss_of(&shape, target[k], out[k]);
        if (n == 0)
          near(c, "output", next, out[k], json_number_value(json_array_get(json_array_get(first, next), (size_t)k)));
      }
      rapt__lstm1997_learn(&net, target, rate);
      next++;
    }
    assert_int_equal(next, json_array_size(taught));
    near(c, "loss", (size_t)n, loss, json_number_value(json_array_get(losses, (size_t)n)));
  }
  compare_weights(c, "weights", net.weights, net.units * net.row);
  compare_weights(c, "outward", net.outward, shape.outputs * net.seen);
  rapt__lstm1997_free(ctx, &net);
}

static void learning_equals_pytorch(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  json_t *root = json_load_file(FILE_NAME, 0, NULL);
  const json_t *cases = json_object_get(root, "cases");
  assert_int_equal(whole(root, "steps"), STEPS);
  assert_int_equal(json_array_size(cases), 5);
  for (size_t i = 0; i < json_array_size(cases); i++)
    follow(ctx, json_array_get(cases, i), json_number_value(json_object_get(root, "rate")));
  json_decref(root);
  close_context(&memory, ctx);
}

/* ---- The engine ---- */

enum { CELLS = 3, INPUTS = 2, PLACES = 3 * CELLS };

/* The net with blocks of size 1 whose gates see cells alone is the engine's LSTM without forget gate, but for its squashing: g is
 * tanh(a) where the paper has 2 tanh(a/2), h is tanh(s) where it has tanh(s/2). Half of the cells' weights make up for both: half the
 * state, the same activation. The engine's order of gates is input gate, cell, output gate. */
static const int unit_of[] = {0, 2, 1};
static double half(int gate) { return gate == 1 ? 0.5 : 1; }

/* The net's weights into gate `place / CELLS` of cell `place % CELLS`: bias, fed cells, inputs. */
static double *row_of(const rapt__lstm1997 *net, int place) {
  return net->weights + (place % CELLS * 3 + unit_of[place / CELLS]) * net->row;
}

typedef struct engine {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *x, *weights[3], *y, *error, *grads[3]; /* weights: w_ih, w_hh, bias */
} engine;

/* Step by step, with what a step sees of the one before detached; the states c are not. `error` is −∂E/∂y. */
static void build(engine *e, rapt_context *ctx) {
  assert_ok(ctx, rapt_graph_new(ctx, &e->graph));
  e->x = rapt_input(e->graph, "x", RAPT_F32, 3, (int64_t[]){STEPS, 1, INPUTS});
  e->weights[0] = rapt_input(e->graph, "w_ih", RAPT_F32, 2, (int64_t[]){PLACES, INPUTS});
  e->weights[1] = rapt_input(e->graph, "w_hh", RAPT_F32, 2, (int64_t[]){PLACES, CELLS});
  e->weights[2] = rapt_input(e->graph, "bias", RAPT_F32, 1, (int64_t[]){PLACES});
  e->error = rapt_input(e->graph, "error", RAPT_F32, 2, (int64_t[]){1, CELLS});
  rapt_tensor *h = NULL, *c = NULL;
  for (int t = 0; t < STEPS; t++) {
    rapt_tensor *next_h, *next_c;
    rapt_recurrent_options o = {.cell = RAPT_LSTM, .no_forget = true, .h0 = h, .c0 = c, .h_n = &next_h, .c_n = &next_c};
    rapt_recurrent(rapt_slice(e->x, 0, t, 1), e->weights[0], e->weights[1], e->weights[2], NULL, &o);
    e->y = next_h;
    h = rapt_detach(next_h);
    c = next_c;
  }
  rapt_tensor *loss = rapt_scale(rapt_sum(rapt_mul(e->y, e->error), RAPT_ALL, false), -1);
  assert_ok(ctx, rapt_grad(loss, e->weights, 3, e->grads));
  rapt_tensor *outputs[] = {e->y, e->grads[0], e->grads[1], e->grads[2]};
  assert_ok(ctx, rapt_plan_new(e->graph, outputs, 4, NULL, &e->plan));
}

static void fill_engine(const engine *e, const rapt__lstm1997 *net) {
  rapt_real *x = rapt_plan_data(e->plan, e->x), *ih = rapt_plan_data(e->plan, e->weights[0]);
  rapt_real *hh = rapt_plan_data(e->plan, e->weights[1]), *bias = rapt_plan_data(e->plan, e->weights[2]);
  for (int t = 0; t < STEPS; t++)
    for (int k = 0; k < INPUTS; k++) x[t * INPUTS + k] = (rapt_real)input_at(0, t, k);
  for (int p = 0; p < PLACES; p++) {
    const double *row = row_of(net, p);
    bias[p] = (rapt_real)(half(p / CELLS) * row[0]);
    for (int k = 0; k < CELLS; k++) hh[p * CELLS + k] = (rapt_real)(half(p / CELLS) * row[1 + k]);
    for (int k = 0; k < INPUTS; k++) ih[p * INPUTS + k] = (rapt_real)(half(p / CELLS) * row[1 + CELLS + k]);
  }
}

static void same(const char *what, int i, double got, double want) {
  if (!(fabs(got - want) <= 2e-6 * fmax(1, fabs(want))))
    fail_msg("%s[%d] is %.9g, the engine has %.9g", what, i, got, want);
}

/* What learning with rate 1 changes is the engine's gradient with a minus. */
static void step_and_truncated_gradient_equal_the_engine(void **state) {
  (void)state;
  static const int all[INPUTS] = {0, 1};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const rapt__lstm1997_shape shape = {
      .inputs = INPUTS, .outputs = 2, .blocks = CELLS, .cells = 1, .all_biases = true, .entropy = true};
  rapt__lstm1997 net;
  engine e;
  assert_ok(ctx, rapt__lstm1997_new(ctx, &shape, &net));
  fill_weights(&net);
  build(&e, ctx);
  fill_engine(&e, &net);
  for (int t = 0; t < STEPS; t++) {
    double values[INPUTS] = {input_at(0, t, 0), input_at(0, t, 1)};
    rapt__lstm1997_step(&net, &(rapt__sparse){INPUTS, all, values}, true);
    if (t < STEPS - 1) continue;
    double before[PLACES * (1 + CELLS + INPUTS)], target[] = {1, 0};
    memcpy(before, net.weights, sizeof before);
    rapt__lstm1997_outputs(&net);
    rapt__lstm1997_learn(&net, target, 1);
    for (int i = 0; i < PLACES * net.row; i++) before[i] = net.weights[i] - before[i]; /* the change */
    rapt_real *error = rapt_plan_data(e.plan, e.error);
    for (int c = 0; c < CELLS; c++) error[c] = (rapt_real)net.error[c];
    assert_ok(ctx, rapt_plan_run(e.plan, 1));
    const rapt_real *y = rapt_plan_data(e.plan, e.y), *ih = rapt_plan_data(e.plan, e.grads[0]);
    const rapt_real *hh = rapt_plan_data(e.plan, e.grads[1]), *bias = rapt_plan_data(e.plan, e.grads[2]);
    double largest = 0;
    for (int c = 0; c < CELLS; c++) same("y", c, net.y[c * 3 + 2], (double)y[c]);
    for (int p = 0; p < PLACES; p++) {
      const double *change = before + (row_of(&net, p) - net.weights);
      double scale = -half(p / CELLS);
      same("bias", p, change[0], scale * (double)bias[p]);
      for (int k = 0; k < CELLS; k++) same("w_hh", p, change[1 + k], scale * (double)hh[p * CELLS + k]);
      for (int k = 0; k < INPUTS; k++) same("w_ih", p, change[1 + CELLS + k], scale * (double)ih[p * INPUTS + k]);
      largest = fmax(largest, fabs(change[0]));
    }
    assert_true(largest > 1e-2); /* there was something to compare */
  }
  rapt_plan_free(e.plan);
  rapt_graph_free(e.graph);
  rapt__lstm1997_free(ctx, &net);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(learning_equals_pytorch),
                                     cmocka_unit_test(step_and_truncated_gradient_equal_the_engine)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
