/* The engine's recurrent layers in double precision against the plain cells, whose gradients are held against differences by
 * unit.recurrent_plain: RNN, GRU, LSTM in all variants, and the augmented LSTM. */
#include "base/rng.h"
#include "explain/recurrent/engine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static const rapt__plain_cell cells[] = {
    {.kind = RAPT__PLAIN_RNN, .inputs = 3, .units = 5},
    {.kind = RAPT__PLAIN_GRU, .inputs = 3, .units = 4},
    {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 4, .no_forget = true},
    {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 4},
    {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 4, .peepholes = true, .projection = 3},
    {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 3, .window = 4},
    {.kind = RAPT__PLAIN_LSTM, .inputs = 2, .units = 3, .external = true},
    {.kind = RAPT__PLAIN_LSTM,
     .inputs = 2,
     .units = 5,
     .peepholes = true,
     .external = true,
     .projection = 3,
     .window = 3},
};
enum { CELLS = sizeof cells / sizeof *cells };

static const double *draw(rapt__arena *arena, size_t count, uint64_t stream) {
  double *at = rapt__arena_new(arena, count, sizeof *at);
  assert_non_null(at);
  for (size_t i = 0; i < count; i++) at[i] = rapt__rng_normal(23, stream, i);
  return at;
}

static double distance(const double *a, const double *b, size_t n) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    worst = fmax(worst, fabs(a[i] - b[i]));
    largest = fmax(largest, fabs(b[i]));
  }
  return worst / largest;
}

static void the_engine_is_the_plain_cell(void **state) {
  (void)state;
  static const size_t lengths[] = {1, 9, 70}; /* past what one concat takes, and two levels of them */
  double worst = 0;
  for (int i = 0; i < CELLS * 3; i++) {
    rapt_context *ctx;
    rapt__arena arena;
    const rapt_options options = {.threads = 1};
    assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
    rapt__arena_init(&arena, ctx);
    rapt__plain_cell cell = cells[i / 3];
    rapt__plain_init(&cell);
    size_t t = lengths[i % 3];
    double *theta = (double *)(uintptr_t)draw(&arena, cell.count, 1);
    for (size_t k = 0; k < cell.count; k++) theta[k] *= 0.5;
    rapt__plain_sequence s = {.cell = &cell,
                              .theta = theta,
                              .steps = t,
                              .x = draw(&arena, (t + cell.window - 1) * cell.inputs, 2),
                              .d_out = draw(&arena, t * cell.out, 3),
                              .start = draw(&arena, cell.state, 4)};
    rapt__plain_run run;
    double *want = rapt__arena_new(&arena, cell.count + t * cell.out, sizeof *want), *want_out = want + cell.count,
           *got = rapt__arena_new(&arena, cell.count + t * cell.out, sizeof *got);
    assert_int_equal(rapt__plain_forward(&arena, &s, &run), RAPT_OK);
    assert_int_equal(rapt__plain_bptt(&arena, &s, &run, 0, want), RAPT_OK);
    for (size_t n = 0; n < t; n++)
      for (size_t j = 0; j < cell.out; j++) want_out[n * cell.out + j] = run.states[(n + 1) * cell.state + j];
    if (rapt__plain_engine(&arena, &s, got + cell.count, got) != RAPT_OK) fail_msg("%s", rapt_context_message(ctx));
    double off = fmax(distance(got, want, cell.count), distance(got + cell.count, want_out, t * cell.out));
    if (!(off <= 1e-11)) fail_msg("cell %d, %zu steps: off by %g", i / 3, t, off);
    worst = fmax(worst, off);
    rapt__arena_free(&arena);
    rapt_context_free(ctx);
  }
  print_message("largest difference: %.2g\n", worst);
}

static void what_the_engine_lacks_is_refused(void **state) {
  (void)state;
  rapt_context *ctx;
  rapt__arena arena;
  double none = 0;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  rapt__arena_init(&arena, ctx);
  rapt__plain_cell cell = {.kind = RAPT__PLAIN_DELAY, .inputs = 1, .units = 1};
  rapt__plain_init(&cell);
  rapt__plain_sequence s = {.cell = &cell, .theta = &none, .x = &none, .d_out = &none};
  assert_int_equal(rapt__plain_engine(&arena, &s, &none, &none), RAPT_EUNSUPPORTED);
  rapt__arena_free(&arena);
  rapt_context_free(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(the_engine_is_the_plain_cell),
                                     cmocka_unit_test(what_the_engine_lacks_is_refused)};
  return cmocka_run_group_tests_name("recurrent_engine", tests, NULL, NULL);
}
