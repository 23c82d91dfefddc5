/* Plain recurrent cells: backpropagation through time against differences, real-time recurrent learning and itself in
 * stretches; the flow of gradients; the delay differential equation. */
#include "unit/unit.h"

#include "base/rng.h"
#include "explain/recurrent/delay.h"
#include "explain/recurrent/gradients.h"

#include <math.h>

static const struct {
  const char *name;
  rapt__plain_cell cell;
} cells[] = {
    {"rnn", {.kind = RAPT__PLAIN_RNN, .inputs = 3, .units = 5}},
    {"delay", {.kind = RAPT__PLAIN_DELAY, .inputs = 3, .units = 4}},
    {"gru", {.kind = RAPT__PLAIN_GRU, .inputs = 3, .units = 4}},
    {"lstm 1997", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 4, .no_forget = true}},
    {"lstm", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 4}},
    {"lstm 1997, peepholes", {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 4, .no_forget = true, .peepholes = true}},
    {"lstm, peepholes", {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 4, .peepholes = true}},
    {"lstm, external gate", {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 3, .external = true}},
    {"augmented lstm",
     {.kind = RAPT__PLAIN_LSTM,
      .inputs = 2,
      .units = 5,
      .peepholes = true,
      .external = true,
      .projection = 3,
      .window = 3}},
};
enum { CELLS = sizeof cells / sizeof *cells, STEPS = 9 };

typedef struct scene {
  counted_memory memory;
  rapt_context *ctx;
  rapt__arena arena;
  rapt__plain_cell cell;
  rapt__plain_sequence s;
  rapt__plain_run run;
  double *theta, *start;
} scene;

static double *draw(scene *c, size_t count, uint64_t stream) {
  double *at = rapt__arena_new(&c->arena, count, sizeof *at);
  assert_non_null(at);
  for (size_t i = 0; i < count; i++) at[i] = rapt__rng_normal(7, stream, i);
  return at;
}

static void open_scene(scene *c, const rapt__plain_cell *cell, size_t steps) {
  *c = (scene){.cell = *cell};
  c->ctx = counted_context(&c->memory, 1);
  rapt__arena_init(&c->arena, c->ctx);
  rapt__plain_init(&c->cell);
  c->theta = draw(c, c->cell.count, 1);
  c->start = draw(c, c->cell.state, 4);
  c->s = (rapt__plain_sequence){.cell = &c->cell,
                                .theta = c->theta,
                                .steps = steps,
                                .x = draw(c, (steps + c->cell.window - 1) * c->cell.inputs, 2),
                                .d_out = draw(c, steps * c->cell.out, 3),
                                .start = c->start};
  assert_ok(c->ctx, rapt__plain_forward(&c->arena, &c->s, &c->run));
}

static void close_scene(scene *c) {
  rapt__arena_free(&c->arena);
  close_context(&c->memory, c->ctx);
}

static double distance(const double *a, const double *b, size_t n) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, fabs(a[i] - b[i]));
    largest = fmax(largest, fabs(b[i]));
  }
  return worst / largest;
}

static void gradients_agree(void **state) {
  (void)state;
  double worst_difference = 0, worst_rtrl = 0;
  for (int i = 0; i < CELLS; i++) {
    scene c;
    double off;
    open_scene(&c, &cells[i].cell, STEPS);
    double *back = draw(&c, c.cell.count, 5), *ahead = draw(&c, c.cell.count, 5);
    assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &c.s, &c.run, 0, back));
    assert_ok(c.ctx, rapt__plain_differences(&c.arena, &c.s, back, 1, &off));
    if (!(off <= 1e-6)) fail_msg("%s: differences are off by %g", cells[i].name, off);
    worst_difference = fmax(worst_difference, off);
    assert_ok(c.ctx, rapt__plain_rtrl(&c.arena, &c.s, ahead));
    off = distance(ahead, back, c.cell.count);
    if (!(off <= 1e-9)) fail_msg("%s: real-time recurrent learning is off by %g", cells[i].name, off);
    worst_rtrl = fmax(worst_rtrl, off);
    close_scene(&c);
  }
  print_message("largest errors: differences %.2g, RTRL %.2g\n", worst_difference, worst_rtrl);
}

/* A wrong gradient must be seen by the differences. */
static void a_wrong_gradient_is_seen(void **state) {
  (void)state;
  scene c;
  double off;
  open_scene(&c, &cells[4].cell, STEPS);
  double *back = draw(&c, c.cell.count, 5);
  assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &c.s, &c.run, 0, back));
  back[c.cell.count / 2] *= 1.001;
  assert_ok(c.ctx, rapt__plain_differences(&c.arena, &c.s, back, 1, &off));
  assert_true(off > 1e-5);
  close_scene(&c);
}

/* Truncated in stretches, the gradient is the sum of those of the stretches alone, each begun from the state that the one
 * before left; with one stretch it is the whole gradient. */
static void stretches_add_up(void **state) {
  (void)state;
  enum { STRETCH = 4 };
  for (int i = 0; i < CELLS; i++) {
    scene c;
    open_scene(&c, &cells[i].cell, STEPS);
    size_t n = c.cell.count;
    double *whole = draw(&c, n, 5), *cut = draw(&c, n, 5), *sum = rapt__arena_new(&c.arena, n, sizeof *sum),
           *one = draw(&c, n, 5);
    assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &c.s, &c.run, 0, whole));
    assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &c.s, &c.run, STEPS, cut));
    assert_true(distance(cut, whole, n) == 0);
    assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &c.s, &c.run, STRETCH, cut));
    assert_true(distance(cut, whole, n) > 1e-3);
    for (size_t t = 0; t < STEPS; t += STRETCH) {
      rapt__plain_sequence part = c.s;
      rapt__plain_run run;
      part.steps = STEPS - t < STRETCH ? STEPS - t : STRETCH;
      part.x += t * c.cell.inputs;
      part.d_out += t * c.cell.out;
      part.start = c.run.states + t * c.cell.state;
      assert_ok(c.ctx, rapt__plain_forward(&c.arena, &part, &run));
      assert_ok(c.ctx, rapt__plain_bptt(&c.arena, &part, &run, 0, one));
      for (size_t k = 0; k < n; k++) sum[k] += one[k];
    }
    if (!(distance(cut, sum, n) <= 1e-13)) fail_msg("%s: off by %g", cells[i].name, distance(cut, sum, n));
    close_scene(&c);
  }
}

/* ---- Flow ---- */

static void the_carousel_is_constant(void **state) {
  (void)state;
  enum { LONG = 101 };
  double norms[LONG];
  scene c;
  open_scene(&c, &cells[3].cell, LONG);
  assert_ok(c.ctx, rapt__plain_flow(&c.arena, &c.s, &c.run, true, true, norms));
  for (int t = 0; t < LONG; t++) assert_true(fabs(norms[t] - 1) < 1e-12);
  close_scene(&c);
  /* With a forget gate it is the product of its values, of the unit that forgets least. */
  open_scene(&c, &cells[4].cell, LONG);
  assert_ok(c.ctx, rapt__plain_flow(&c.arena, &c.s, &c.run, true, true, norms));
  double product[4] = {1, 1, 1, 1};
  for (size_t t = LONG; t-- > 0;) {
    double most = 0;
    for (size_t j = 0; j < 4; j++) most = fmax(most, product[j]);
    assert_true(fabs(norms[t] - most) <= 1e-6 * most);
    for (size_t j = 0; j < 4; j++) product[j] *= c.run.tapes[t * rapt__plain_tape(&c.cell) + 4 + j];
  }
  close_scene(&c);
}

/* The derivative of the last state by an earlier one, against differences; whole, so that nothing is held. */
static void flow_is_the_derivative(void **state) {
  (void)state;
  scene c;
  const double h = 1e-6;
  open_scene(&c, &(rapt__plain_cell){.kind = RAPT__PLAIN_RNN, .inputs = 2, .units = 1}, 6);
  double norms[6];
  assert_ok(c.ctx, rapt__plain_flow(&c.arena, &c.s, &c.run, false, false, norms));
  assert_true(fabs(norms[5] - 1) < 1e-12);
  for (size_t t = 0; t < 5; t++) {
    double last[2];
    for (int side = 0; side < 2; side++) {
      rapt__plain_sequence rest = c.s;
      rapt__plain_run run;
      double at = c.run.states[t + 1] + (side ? h : -h);
      rest.steps = 6 - (t + 1);
      rest.x += (t + 1) * 2;
      rest.start = &at;
      assert_ok(c.ctx, rapt__plain_forward(&c.arena, &rest, &run));
      last[side] = run.states[rest.steps];
    }
    assert_true(fabs(fabs(last[1] - last[0]) / (2 * h) - norms[t]) < 1e-6);
  }
  close_scene(&c);
}

/* ---- The delay differential equation ---- */

static void wave(void *user, double t, double *x) {
  (void)user;
  x[0] = sin(t);
}

static void the_delay_equation_becomes_a_cell(void **state) {
  (void)state;
  enum { SPANS = 12 };
  static const double a[] = {-0.8, -2}, b[] = {0.9, -0.7, 0.4, 1.1}, in[] = {1, -0.6}, phi[] = {0.1, -0.2};
  const rapt__delay_system d = {.units = 2, .inputs = 1, .tau = 0.5, .a = a, .b = b, .c = in, .phi = phi};
  scene c;
  open_scene(&c, &(rapt__plain_cell){.kind = RAPT__PLAIN_DELAY, .inputs = 1, .units = 2}, SPANS);
  double s[3][SPANS * 2], x[SPANS];
  for (size_t n = 0; n < SPANS; n++) wave(NULL, (double)(n + 1) * d.tau, &x[n]);
  rapt__delay_to_cell(&d, d.tau, &c.cell, c.theta);
  c.s.x = x;
  c.s.start = NULL;
  assert_ok(c.ctx, rapt__plain_forward(&c.arena, &c.s, &c.run));
  assert_ok(c.ctx, rapt__delay_follow(&c.arena, &d, SPANS, 1, wave, NULL, s[0]));
  assert_true(distance(c.run.states + 2, s[0], 2 * SPANS) < 1e-14);
  /* Of first order: half the step, half the way to the limit. */
  double off[3];
  static const size_t cuts[] = {64, 128, 256};
  for (int i = 0; i < 3; i++) assert_ok(c.ctx, rapt__delay_follow(&c.arena, &d, SPANS, cuts[i], wave, NULL, s[i]));
  off[0] = distance(s[0], s[1], 2 * SPANS), off[1] = distance(s[1], s[2], 2 * SPANS);
  assert_true(off[0] / off[1] > 1.9 && off[0] / off[1] < 2.1);
  close_scene(&c);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gradients_agree),        cmocka_unit_test(a_wrong_gradient_is_seen),
      cmocka_unit_test(stretches_add_up),       cmocka_unit_test(the_carousel_is_constant),
      cmocka_unit_test(flow_is_the_derivative), cmocka_unit_test(the_delay_equation_becomes_a_cell),
  };
  return cmocka_run_group_tests_name("recurrent_plain", tests, NULL, NULL);
}
