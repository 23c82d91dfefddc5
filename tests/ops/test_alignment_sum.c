/* Sums over alignments against all J^I paths, one by one, in double precision: of the ops on random tables, and of the model
 * "direct-hmm" in both orders; and the most probable path. */
#include "base/rng.h"
#include "models/models.h"
#include "ops/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Of one row: logarithms. `move` is (I, J, J), or (I, J) without `start`: the zero order. */
typedef struct tables {
  const real *emission, *start, *move;
  int64_t steps, states; /* strides */
  int64_t length, count; /* of the row */
} tables;

static double term(const tables *t, int64_t i, int64_t from, int64_t j) {
  double x = (double)t->emission[i * t->states + j];
  if (!t->start) return x + (double)t->move[i * t->states + j];
  return x + (double)(i ? t->move[(i * t->states + from) * t->states + j] : t->start[j]);
}

/* All paths over the first `words` words: their sum, and of each place at `at` its part. */
static double enumerate(const tables *t, int64_t words, int64_t at, double *part, int64_t *best) {
  int64_t path[64] = {0}, k = 0;
  double total = 0, most = -1;
  for (int64_t j = 0; part && j < t->length; j++) part[j] = 0;
  while (k < words) {
    double log_p = 0;
    for (int64_t i = 0; i < words; i++) log_p += term(t, i, i ? path[i - 1] : 0, path[i]);
    double p = exp(log_p);
    total += p;
    if (part) part[path[at]] += p;
    if (best && p > most) {
      most = p;
      memcpy(best, path, (size_t)words * sizeof *best);
    }
    for (k = 0; k < words && ++path[k] == t->length; k++) path[k] = 0;
  }
  return total;
}

static void near(const char *what, double got, double want) {
  if (!(fabs(got - want) <= 1e-6 * fmax(1, fabs(want)))) fail_msg("%s is %.12g, all paths say %.12g", what, got, want);
}

static void fill(rapt_plan *plan, const rapt_tensor *t, uint64_t stream, double lo, double hi) {
  real *x = rapt_plan_data(plan, t);
  for (int64_t i = 0; i < rapt_size(t); i++) x[i] = (real)(lo + (hi - lo) * rapt__rng_uniform(3, stream, (uint64_t)i));
}

/* ---- The ops ---- */

static void ops_are_all_paths(void **state) {
  (void)state;
  enum { B = 5, I = 5, J = 4 };
  static const int32_t lengths[B] = {4, 3, 1, 9, -2}, counts[B] = {5, 2, 4, 1, 77};
  static const int64_t real_length[B] = {4, 3, 1, 4, 1}, real_count[B] = {5, 2, 4, 1, 5};
  rapt_context *ctx;
  rapt_graph *g;
  rapt_plan *plan;
  const int64_t b = B;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  assert_int_equal(rapt_graph_new(ctx, &g), RAPT_OK);
  rapt_tensor *e = rapt_input(g, "e", RAPT_F32, 3, (int64_t[]){B, I, J});
  rapt_tensor *s = rapt_input(g, "s", RAPT_F32, 2, (int64_t[]){B, J});
  rapt_tensor *m = rapt_input(g, "m", RAPT_F32, 4, (int64_t[]){B, I, J, J});
  rapt_tensor *l = rapt_input(g, "l", RAPT_I32, 1, &b), *c = rapt_input(g, "c", RAPT_I32, 1, &b);
  rapt_tensor *outs[4];
  rapt_hmm_options options = {&outs[1], &outs[2]};
  outs[0] = rapt_hmm_forward(e, s, m, l, c, &options);
  outs[3] = rapt_hmm_best(e, s, m, l, c);
  assert_int_equal(rapt_plan_new(g, outs, 4, NULL, &plan), RAPT_OK);
  fill(plan, e, 1, -6, 0);
  fill(plan, s, 2, -3, 0);
  fill(plan, m, 3, -5, 0);
  memcpy(rapt_plan_data(plan, l), lengths, sizeof lengths);
  memcpy(rapt_plan_data(plan, c), counts, sizeof counts);
  assert_int_equal(rapt_plan_run(plan, 0), RAPT_OK);
  const real *sum = rapt_plan_data(plan, outs[0]), *prior = rapt_plan_data(plan, outs[1]);
  const real *posterior = rapt_plan_data(plan, outs[2]);
  const int32_t *best = rapt_plan_data(plan, outs[3]);
  for (int64_t r = 0; r < B; r++) {
    tables t = {(real *)rapt_plan_data(plan, e) + r * I * J,
                (real *)rapt_plan_data(plan, s) + r * J,
                (real *)rapt_plan_data(plan, m) + r * I * J * J,
                I,
                J,
                real_length[r],
                real_count[r]};
    int64_t path[64];
    double part[J], all = enumerate(&t, t.count, 0, NULL, path);
    near("the sum", (double)sum[r], log(all));
    for (int64_t i = 0; i < I; i++) assert_int_equal(best[r * I + i], i < t.count ? path[i] : -1);
    for (int64_t i = 0; i < I; i++)
      for (int64_t j = 0; j < J; j++) {
        if (i < t.count) enumerate(&t, t.count, i, part, NULL);
        near("a posterior", (double)posterior[(r * I + i) * J + j], i < t.count && j < t.length ? part[j] / all : 0);
      }
    for (int64_t i = 0; i < t.count; i++) { /* the prior: all paths so far, times the move, without word i */
      double before[J], past = i ? enumerate(&t, i, i - 1, before, NULL) : 1;
      for (int64_t j = 0; j < t.length; j++) {
        double p = i ? 0 : exp((double)t.start[j]);
        for (int64_t k = 0; i && k < t.length; k++) p += before[k] / past * exp((double)t.move[(i * J + k) * J + j]);
        near("a prior", (double)prior[(r * I + i) * J + j], log(p));
      }
    }
  }
  rapt_plan_free(plan);
  rapt_graph_free(g);
  rapt_context_free(ctx);
}

static void shapes_are_checked(void **state) {
  (void)state;
  rapt_context *ctx;
  rapt_graph *g;
  const int64_t b = 2;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  assert_int_equal(rapt_graph_new(ctx, &g), RAPT_OK);
  rapt_tensor *e = rapt_input(g, "e", RAPT_F32, 3, (int64_t[]){2, 3, 4});
  rapt_tensor *s = rapt_input(g, "s", RAPT_F32, 2, (int64_t[]){2, 4});
  rapt_tensor *m = rapt_input(g, "m", RAPT_F32, 4, (int64_t[]){2, 3, 4, 3});
  rapt_tensor *l = rapt_input(g, "l", RAPT_I32, 1, &b);
  assert_true(rapt__poisoned(rapt_hmm_forward(e, s, m, l, l, NULL)));
  assert_non_null(strstr(rapt_context_message(ctx), "move (2, 3, 4, 3)"));
  rapt_graph_free(g);
  rapt_context_free(ctx);
}

/* ---- The model ---- */

enum { S = 4, T = 5, V = 11 };

static void *configured(rapt_context *ctx, rapt__arena *arena, const rapt__model *arch, const char *order,
                        const char *cross) {
  void *config = rapt__arena_new(arena, 1, arch->config_size);
  rapt__config table = {arch->keys, config};
  const char *settings[] = {"model.width=8",
                            "model.heads=2",
                            "model.encoder_layers=1",
                            "model.decoder_layers=2",
                            "model.context=8",
                            "model.vocabulary=11",
                            "model.source_vocabulary=11",
                            "model.jump=2",
                            order,
                            cross};
  assert_int_equal(rapt__config_defaults(ctx, arena, &table, 1), RAPT_OK);
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    assert_int_equal(rapt__config_set(ctx, arena, &table, 1, settings[i], NULL, "test"), RAPT_OK);
  arch->settle(config);
  assert_int_equal(arch->check(ctx, config), RAPT_OK);
  return config;
}

static void put(rapt_plan *plan, const rapt_tensor *t, const int32_t *from) {
  void *to = rapt_plan_data(plan, t);
  if (to) memcpy(to, from, (size_t)rapt_size(t) * sizeof *from);
}

static void check_model(const char *order, const char *cross) {
  static const int32_t source[S] = {4, 7, 9, 2}, target[T] = {0, 5, 8, 5, 10}, labels[T] = {5, 8, 5, 10, 2};
  static const int32_t length = S, count = T;
  const rapt__model *arch = rapt__model_find("direct-hmm");
  rapt_context *ctx;
  rapt_graph *g;
  rapt_plan *plan;
  rapt_params *params;
  rapt__arena arena;
  const int64_t one = 1;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  rapt__arena_init(&arena, ctx);
  assert_int_equal(rapt_graph_new(ctx, &g), RAPT_OK);
  assert_int_equal(rapt_params_new(ctx, &params), RAPT_OK);
  rapt__encoded encoded = {.count = 0};
  rapt__seq2seq_pass pass = {
      .graph = g, .params = params, .config = configured(ctx, &arena, arch, order, cross), .taps = true};
  pass.source = rapt_input(g, "source", RAPT_I32, 2, (int64_t[]){1, S});
  pass.source_lengths = rapt_input(g, "source_lengths", RAPT_I32, 1, &one);
  pass.target = rapt_input(g, "target", RAPT_I32, 2, (int64_t[]){1, T});
  pass.target_lengths = rapt_input(g, "target_lengths", RAPT_I32, 1, &one);
  pass.labels = rapt_input(g, "labels", RAPT_I32, 2, (int64_t[]){1, T});
  arch->seq2seq->encode(&pass, &encoded);
  rapt_tensor *outs[4];
  outs[0] = arch->seq2seq->loss(&pass, &encoded, pass.labels, 0);
  rapt__output output = arch->seq2seq->decode(&pass, &encoded);
  outs[1] = output.logits;
  outs[2] = pass.alignment;
  outs[3] = rapt_logsumexp(output.logits);
  assert_int_equal(rapt_params_start(params, 5), RAPT_OK);
  /* Away from the start, where all alignments are alike. */
  for (int64_t i = 0; i < rapt_params_count(params); i++) {
    real *values;
    int ndim;
    const int64_t *dims;
    int64_t size = 1;
    assert_int_equal(rapt_params_get(params, i, NULL, &ndim, &dims, &values), RAPT_OK);
    for (int d = 0; d < ndim; d++) size *= dims[d];
    for (int64_t k = 0; k < size; k++) values[k] += (real)(rapt__rng_uniform(9, (uint64_t)i, (uint64_t)k) - 0.5);
  }
  assert_int_equal(rapt_plan_new(g, outs, 4, NULL, &plan), RAPT_OK);
  put(plan, pass.source, source);
  put(plan, pass.target, target);
  put(plan, pass.labels, labels);
  put(plan, pass.source_lengths, &length);
  put(plan, pass.target_lengths, &count);
  assert_int_equal(rapt_plan_run(plan, 0), RAPT_OK);

  rapt_tensor *start = rapt_plan_find(plan, "hmm.start");
  const real *move = rapt_plan_data(plan, rapt_plan_find(plan, start ? "hmm.move" : "hmm.alignment"));
  const real *emission = rapt_plan_data(plan, rapt_plan_find(plan, "hmm.emission"));
  tables t = {emission, start ? rapt_plan_data(plan, start) : NULL, move, T, S, S, T};
  assert_int_equal(start != NULL, strcmp(order, "model.order=first") == 0);
  int64_t best[64];
  double all = log(enumerate(&t, T, 0, NULL, best));
  near("minus the loss", -(double)*(real *)rapt_plan_data(plan, outs[0]), all);
  /* Word by word: the sum of what the decoder gives to each. */
  const real *logits = rapt_plan_data(plan, outs[1]), *norm = rapt_plan_data(plan, outs[3]);
  double words = 0;
  for (int64_t i = 0; i < T; i++) {
    near("the sum of a word's distribution", (double)norm[i], 0);
    words += (double)logits[i * V + labels[i]];
  }
  near("the sum over words", words, all);
  const real *alignment = rapt_plan_data(plan, outs[2]);
  for (int64_t i = 0; i < T; i++)
    for (int64_t j = 0; j < S; j++) assert_true(alignment[i * S + j] == (j == best[i]));
  rapt_plan_free(plan);
  rapt_graph_free(g);
  rapt_params_free(params);
  rapt__arena_free(&arena);
  rapt_context_free(ctx);
}

static void models_are_all_paths(void **state) {
  (void)state;
  check_model("model.order=zero", "model.cross=0");
  check_model("model.order=zero", "model.cross=1");
  check_model("model.order=first", "model.cross=0");
  check_model("model.order=first", "model.cross=2");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(ops_are_all_paths), cmocka_unit_test(shapes_are_checked),
                                     cmocka_unit_test(models_are_all_paths)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
