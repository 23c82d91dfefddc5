/* The engine in double precision against the plain algorithms: forward, loss, and every gradient, against the plain code's
 * own and against its central differences. */
#include "base/rng.h"
#include "explain/formal/differences.h"
#include "explain/formal/engine.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rapt_context *ctx;
static rapt__arena arena;

static int set_up(void **state) {
  (void)state;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return -1;
  rapt__arena_init(&arena, ctx);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  rapt__arena_free(&arena);
  rapt_context_free(ctx);
  return 0;
}

#define assert_ok(expr)                                                                                                \
  do {                                                                                                                 \
    if ((expr) != RAPT_OK) fail_msg("%s: %s", #expr, rapt_context_message(ctx));                                       \
  } while (0)

static const rapt__formal_hyper small = {.vocab = 11,
                                         .max_length = 7,
                                         .layers = 2,
                                         .dec_layers = 2,
                                         .heads = 3,
                                         .d_e = 6,
                                         .d_mlp = 9,
                                         .d_f = 5,
                                         .d_attn = 4,
                                         .d_mid = 2};
static const int32_t z_ids[] = {3, 7, 0, 10, 3}, x_ids[] = {1, 4, 9, 4, 2, 8}, masked_ids[] = {1, 5, 9, 5, 2, 5};
enum { MASK = 5, SEEDS = 5 };
static const rapt__formal_text z_text = {z_ids, 5}, x_text = {x_ids, 6};

static void shake(double *all, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) all[i] += 0.3 * rapt__rng_normal(seed, 1, i);
}

static double apart(const double *a, const double *b, size_t count, bool relative) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < count; i++) {
    assert_true(isfinite(a[i]) && isfinite(b[i]));
    worst = fmax(worst, fabs(a[i] - b[i]));
    largest = fmax(largest, fabs(b[i]));
  }
  return relative ? worst / largest : worst;
}

static void check(const char *name, const rapt__formal_case *of, const rapt__formal_engine_result *got,
                  rapt__formal_tokens states, rapt__formal_tokens p, double loss, const double *engine,
                  const double *plain, size_t count) {
  rapt__formal_comparison c;
  assert_int_equal(got->states.length * got->states.dim, states.length * states.dim);
  assert_int_equal(got->p.length * got->p.dim, p.length * p.dim);
  double forward = fmax(apart(got->states.at, states.at, states.length * states.dim, false),
                        apart(got->p.at, p.at, p.length * p.dim, false));
  double backward = apart(engine, plain, count, true);
  assert_ok(rapt__formal_compare(ctx, of, engine, 0, 1, &c));
  print_message(
      "%s: forward %.1e, loss %.1e, gradients against plain code %.1e, against differences %.1e (%zu of %zu)\n", name,
      forward, fabs(got->loss - loss) / loss, backward, c.worst, c.checked, count);
  assert_true(forward <= 1e-12);
  assert_true(fabs(got->loss - loss) <= 1e-12 * loss);
  assert_true(backward <= 1e-10);
  assert_true(c.worst <= 1e-6);
  assert_true(c.skipped * 100 <= count);
}

static void decoder(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    rapt__formal_d d, plain, engine;
    rapt__formal_d_tape tape;
    rapt__formal_engine_result got;
    double loss;
    assert_ok(rapt__formal_d_new(&arena, &small, 0.3, seed, &d));
    assert_ok(rapt__formal_d_new(&arena, &small, 0, 0, &plain));
    assert_ok(rapt__formal_d_new(&arena, &small, 0, 0, &engine));
    shake(d.all, d.count, seed + 50);
    assert_ok(rapt__formal_dtransformer(&arena, x_ids, 6, &d, &tape));
    assert_ok(rapt__formal_d_loss(ctx, x_text, &d, &plain, &loss));
    assert_ok(rapt__formal_engine_d(&arena, x_text, &d, &engine, &got));
    check("DTransformer", &(rapt__formal_case){.d = &d, .x = x_text}, &got, tape.norm.out, tape.p, loss, engine.all,
          plain.all, d.count);
  }
}

static void encoder(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    rapt__formal_e e, plain, engine;
    rapt__formal_e_tape tape;
    rapt__formal_engine_result got;
    double loss;
    assert_ok(rapt__formal_e_new(&arena, &small, 0.3, seed, &e));
    assert_ok(rapt__formal_e_new(&arena, &small, 0, 0, &plain));
    assert_ok(rapt__formal_e_new(&arena, &small, 0, 0, &engine));
    shake(e.all, e.count, seed + 60);
    assert_ok(rapt__formal_etransformer(&arena, masked_ids, 6, &e, &tape));
    assert_ok(rapt__formal_e_loss(ctx, masked_ids, x_text, MASK, &e, &plain, &loss));
    assert_ok(rapt__formal_engine_e(&arena, masked_ids, x_text, MASK, &e, &engine, &got));
    check("ETransformer", &(rapt__formal_case){.e = &e, .x = x_text, .masked = masked_ids, .mask_token = MASK}, &got,
          tape.norm.out, tape.p, loss, engine.all, plain.all, e.count);
  }
}

static void encoder_decoder(void **state) {
  (void)state;
  for (uint64_t seed = 1; seed <= SEEDS; seed++) {
    rapt__formal_ed ed, plain, engine;
    rapt__formal_ed_tape tape;
    rapt__formal_engine_result got;
    double loss;
    assert_ok(rapt__formal_ed_new(&arena, &small, 0.3, seed, &ed));
    assert_ok(rapt__formal_ed_new(&arena, &small, 0, 0, &plain));
    assert_ok(rapt__formal_ed_new(&arena, &small, 0, 0, &engine));
    shake(ed.all, ed.count, seed + 70);
    assert_ok(rapt__formal_edtransformer(&arena, z_ids, 5, x_ids, 6, &ed, &tape));
    assert_ok(rapt__formal_ed_loss(ctx, z_text, x_text, &ed, &plain, &loss));
    assert_ok(rapt__formal_engine_ed(&arena, z_text, x_text, &ed, &engine, &got));
    check("EDTransformer", &(rapt__formal_case){.ed = &ed, .z = z_text, .x = x_text}, &got, tape.x, tape.p, loss,
          engine.all, plain.all, ed.count);
  }
}

/* More heads than a concatenation takes, and lengths without positions, are refused by a sentence. */
static void refusals(void **state) {
  (void)state;
  rapt__formal_hyper many = small;
  rapt__formal_d d, grad;
  rapt__formal_engine_result got;
  many.heads = 9;
  assert_ok(rapt__formal_d_new(&arena, &many, 0.3, 1, &d));
  assert_ok(rapt__formal_d_new(&arena, &many, 0, 0, &grad));
  assert_int_equal(rapt__formal_engine_d(&arena, x_text, &d, &grad, &got), RAPT_EINVAL);
  assert_non_null(strstr(rapt_context_message(ctx), "heads"));
  rapt_context_clear(ctx);
  many.heads = 2;
  many.max_length = 5;
  assert_ok(rapt__formal_d_new(&arena, &many, 0.3, 1, &d));
  assert_ok(rapt__formal_d_new(&arena, &many, 0, 0, &grad));
  assert_int_not_equal(rapt__formal_engine_d(&arena, x_text, &d, &grad, &got), RAPT_OK);
  rapt_context_clear(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(decoder), cmocka_unit_test(encoder),
                                     cmocka_unit_test(encoder_decoder), cmocka_unit_test(refusals)};
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
