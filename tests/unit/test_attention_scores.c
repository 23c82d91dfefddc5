/* Attention with every score and normaliser against plain loops, and stacks of any number of parts. */
#include "unit/unit.h"

#include "nn/attention.h"

#include <math.h>

enum { B = 2, T = 3, S = 5, Q = 4, V = 4, UNITS = 6 };

static double value(const rapt_params *params, const char *name, int64_t i) {
  int64_t index = rapt_params_find(params, name);
  rapt_real *values;
  const int64_t *dims;
  int ndim;
  assert_true(index >= 0);
  assert_int_equal(rapt_params_get(params, index, NULL, &ndim, &dims, &values), RAPT_OK);
  return (double)values[i];
}

static double score_of(const rapt_params *p, rapt__score score, const rapt_real *q, const rapt_real *h, int64_t j) {
  double e = 0;
  switch (score) {
  case RAPT__SCORE_ADDITIVE:
    for (int u = 0; u < UNITS; u++) {
      double a = 0;
      for (int i = 0; i < Q; i++) a += value(p, "a.query.weight", u * Q + i) * (double)q[i];
      for (int i = 0; i < V; i++) a += value(p, "a.key.weight", u * V + i) * (double)h[i];
      e += value(p, "a.score.weight", u) * tanh(a);
    }
    return e;
  case RAPT__SCORE_BILINEAR:
    for (int i = 0; i < Q; i++)
      for (int k = 0; k < V; k++) e += (double)q[i] * value(p, "a.key.weight", i * V + k) * (double)h[k];
    return e;
  case RAPT__SCORE_LOCATION:
    for (int i = 0; i < Q; i++) e += value(p, "a.query.weight", j * Q + i) * (double)q[i];
    return e;
  default:
    for (int i = 0; i < Q; i++) e += (double)q[i] * (double)h[i];
    return score == RAPT__SCORE_SCALED ? e / sqrt(V) : e;
  }
}

static void check_one(rapt_context *ctx, rapt__score score, rapt__normaliser normaliser) {
  rapt_graph *graph;
  rapt_params *params;
  rapt_plan *plan;
  assert_ok(ctx, rapt_params_new(ctx, &params));
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__layers l = {graph, params};
  rapt__attention_kind kind = {score, normaliser, UNITS, Q, S + 2};
  rapt_tensor *query = rapt_input(graph, "query", RAPT_F32, 3, (int64_t[]){B, T, Q});
  rapt_tensor *h = rapt_input(graph, "h", RAPT_F32, 3, (int64_t[]){B, S, V});
  rapt_tensor *lengths = rapt_input(graph, "lengths", RAPT_I32, 1, (int64_t[]){B}), *weights;
  rapt_tensor *out = rapt__nn_attention(&l, "a", &kind, query, rapt__nn_attention_keys(&l, "a", &kind, h), h,
                                        rapt__nn_mask(lengths, S), &weights);
  assert_ok(ctx, rapt_params_start(params, 5));
  assert_ok(ctx, rapt_plan_new(graph, (rapt_tensor *[]){out, weights}, 2, NULL, &plan));
  rapt_real *q = rapt_plan_data(plan, query), *a = rapt_plan_data(plan, h);
  for (int i = 0; i < B * T * Q; i++) q[i] = (rapt_real)sin(i + 1.0);
  for (int i = 0; i < B * S * V; i++) a[i] = (rapt_real)cos(i * 0.7);
  int32_t *n = rapt_plan_data(plan, lengths);
  n[0] = S;
  n[1] = 3;
  assert_ok(ctx, rapt_plan_run(plan, 0));
  const rapt_real *got = rapt_plan_data(plan, out), *w = rapt_plan_data(plan, weights);
  for (int b = 0; b < B; b++)
    for (int t = 0; t < T; t++) {
      double e[S], sum = 0, mixed[V] = {0};
      for (int j = 0; j < S; j++) {
        e[j] = score_of(params, score, q + (b * T + t) * Q, a + (b * S + j) * V, j);
        e[j] = j >= n[b] ? 0 : normaliser == RAPT__NORMAL_SOFTMAX ? exp(e[j]) : 1 / (1 + exp(-e[j]));
        sum += e[j];
      }
      for (int j = 0; j < S; j++) {
        assert_true(fabs((double)w[(b * T + t) * S + j] - e[j] / sum) < 1e-5);
        for (int i = 0; i < V; i++) mixed[i] += e[j] / sum * (double)a[(b * S + j) * V + i];
      }
      for (int i = 0; i < V; i++) assert_true(fabs((double)got[(b * T + t) * V + i] - mixed[i]) < 1e-5);
    }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_params_free(params);
}

static void scores(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (int score = RAPT__SCORE_ADDITIVE; score <= RAPT__SCORE_LOCATION; score++)
    for (int normaliser = RAPT__NORMAL_SOFTMAX; normaliser <= RAPT__NORMAL_SIGMOID; normaliser++)
      check_one(ctx, (rapt__score)score, (rapt__normaliser)normaliser);
  close_context(&memory, ctx);
}

static void stacks(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const int64_t counts[] = {1, 7, 8, 9, 65, 300};
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
    rapt_graph *graph;
    rapt_plan *plan;
    rapt_tensor *parts[300], *out;
    assert_ok(ctx, rapt_graph_new(ctx, &graph));
    for (int64_t k = 0; k < counts[i]; k++) parts[k] = rapt_fill(graph, (double)k, 2, (int64_t[]){1, 2});
    out = rapt__nn_stack(parts, counts[i]);
    assert_int_equal(rapt_dim(out, 0), counts[i]);
    assert_ok(ctx, rapt_plan_new(graph, &out, 1, NULL, &plan));
    assert_ok(ctx, rapt_plan_run(plan, 0));
    const rapt_real *y = rapt_plan_data(plan, out);
    for (int64_t k = 0; k < 2 * counts[i]; k++) assert_true(y[k] == (rapt_real)(k / 2));
    rapt_plan_free(plan);
    rapt_graph_free(graph);
  }
  close_context(&memory, ctx);
}

/* Builders go on with what they asked for, so that it must be a tensor after a failure too. */
static void failed_attention_has_poisoned_probabilities(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_graph *graph;
  rapt_tensor *probs = NULL;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_attention_options o = {.probs = &probs};
  rapt_tensor *q = rapt_input(graph, "q", RAPT_F32, 4, (int64_t[]){1, 2, 2, 3});
  rapt_tensor *k = rapt_input(graph, "k", RAPT_F32, 4, (int64_t[]){1, 2, 2, 4});
  rapt_tensor *y = rapt_attention(q, k, k, &o), *mean = rapt_mean(probs, 1, false);
  rapt_plan *plan;
  assert_ptr_equal(probs, y);
  probs = NULL;
  rapt_attention_qkv(rapt_input(graph, "qkv", RAPT_F32, 3, (int64_t[]){1, 2, 7}), 2, 2, &o);
  assert_ptr_equal(probs, y);
  assert_fails(ctx, rapt_plan_new(graph, &mean, 1, NULL, &plan), RAPT_ESHAPE, "attention: q (1, 2, 2, 3)");
  rapt_graph_free(graph);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(scores), cmocka_unit_test(stacks),
                                     cmocka_unit_test(failed_attention_has_poisoned_probabilities)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
