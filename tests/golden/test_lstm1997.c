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
  int cells = net->shape.blocks * net->shape.cells, size = 2 + net->shape.cells;
  for (int i = 0; i < net->units * net->row; i++) {
    bool no_bias = !net->shape.all_biases && i % net->row == 0 && i / net->row % size >= 2;
    net->weights[i] = no_bias ? 0 : first_weight(i);
  }
  for (int i = 0; i < net->shape.outputs * (1 + cells); i++)
    net->outward[i] = !net->shape.all_biases && i % (1 + cells) == 0 ? 0 : first_weight(1000 + i);
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
                                .all_biases = flag(c, "all_biases")};
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
        loss += 0.5 * (target[k] - out[k]) * (target[k] - out[k]);
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
  compare_weights(c, "outward", net.outward, shape.outputs * (1 + shape.blocks * shape.cells));
  rapt__lstm1997_free(ctx, &net);
}

static void learning_equals_pytorch(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  json_t *root = json_load_file(FILE_NAME, 0, NULL);
  const json_t *cases = json_object_get(root, "cases");
  assert_int_equal(whole(root, "steps"), STEPS);
  assert_int_equal(json_array_size(cases), 4);
  for (size_t i = 0; i < json_array_size(cases); i++)
    follow(ctx, json_array_get(cases, i), json_number_value(json_object_get(root, "rate")));
  json_decref(root);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(learning_equals_pytorch)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
