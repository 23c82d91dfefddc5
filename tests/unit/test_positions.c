/* Positions: ids of relative positions, skewing against vectors for every pair and the memory of both, passes with and without
 * the cache, settings that are refused. */
#include "unit/unit.h"

#include "nn/positions.h"
#include "tasks/model.h"

#include <math.h>

static void distances_are_clipped(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_graph *graph;
  rapt_plan *plan;
  int64_t two = 2;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_tensor *at = rapt_input(graph, "at", RAPT_I32, 1, &two);
  rapt_tensor *out[] = {rapt_relative_positions(at, 4, -1, 2), rapt_relative_buckets(at, 4, 4, 6, false)};
  assert_ok(ctx, rapt_plan_new(graph, out, 2, NULL, &plan));
  int32_t *positions = rapt_plan_data(plan, at);
  positions[0] = 1, positions[1] = 5;
  assert_ok(ctx, rapt_plan_run(plan, 0));
  static const int32_t clipped[] = {2, 1, 0, 0, 3, 3, 3, 3}, buckets[] = {1, 0, 0, 0, 3, 3, 2, 2};
  assert_memory_equal(rapt_plan_data(plan, out[0]), clipped, sizeof clipped);
  assert_memory_equal(rapt_plan_data(plan, out[1]), buckets, sizeof buckets);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  close_context(&memory, ctx);
}

static void bad_ranges_are_refused(void **state) {
  (void)state;
  static const char *const parts[] = {"are no range", "must be a multiple of 2", "above 2", "must be a multiple of 4",
                                      "must be integers (Tq)"};
  for (int i = 0; i < 5; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_graph *graph;
    rapt_plan *plan;
    int64_t two = 2;
    assert_ok(ctx, rapt_graph_new(ctx, &graph));
    rapt_tensor *at = rapt_input(graph, "at", i == 4 ? RAPT_F32 : RAPT_I32, 1, &two), *out;
    switch (i) {
    case 0: out = rapt_relative_positions(at, 4, 2, 1); break;
    case 1: out = rapt_relative_buckets(at, 4, 5, 6, false); break;
    case 2: out = rapt_relative_buckets(at, 4, 4, 2, false); break;
    case 3: out = rapt_relative_buckets(at, 4, 6, 9, true); break;
    default: out = rapt_relative_positions(at, 4, 0, 1);
    }
    assert_fails(ctx, rapt_plan_new(graph, &out, 1, NULL, &plan), i == 4 ? RAPT_ESHAPE : RAPT_EINVAL, parts[i]);
    rapt_graph_free(graph);
    close_context(&memory, ctx);
  }
}

typedef struct relative {
  int64_t t, d, arena, naive;
  double *bias, *gradient; /* owned: (B, H, T, T), of the table */
  int64_t table;
} relative;

enum { B = 2, H = 3 };

/* The bias of a kind and the gradient of a sum over what counts of it. */
static relative run(rapt__position kind, bool naive, int64_t t, int64_t d) {
  relative r = {.t = t, .d = d};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_graph *graph;
  rapt_params *params;
  rapt_plan *plan;
  assert_ok(ctx, rapt_params_new(ctx, &params));
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__layers l = {graph, params};
  rapt__positions p = {.kind = kind, .heads = H, .context = t + 3, .clip = 5, .init = 1, .naive = naive};
  rapt_tensor *q = rapt_input(graph, "q", RAPT_F32, 4, (int64_t[]){B, t, H, d});
  rapt_tensor *weight = rapt_input(graph, "weight", RAPT_F32, 2, (int64_t[]){t, t});
  rapt_tensor *at = rapt_input(graph, "at", RAPT_I32, 1, &t);
  rapt_tensor *bias = rapt_mul(rapt__nn_position_bias(&l, &p, q, at, t), weight);
  assert_ok(ctx, rapt_params_start(params, 3));
  rapt_tensor *out[2] = {bias, rapt_grad_params(rapt_sum(rapt_square(bias), RAPT_ALL, false), params)};
  assert_ok(ctx, rapt_plan_new(graph, out, 2, NULL, &plan));
  rapt_real *data = rapt_plan_data(plan, q), *counts = rapt_plan_data(plan, weight);
  for (int64_t i = 0; i < B * t * H * d; i++) data[i] = (rapt_real)sin((double)i + 1);
  for (int64_t i = 0; i < t * t; i++) counts[i] = i % t <= i / t; /* j ≤ i */
  for (int64_t i = 0; i < t; i++) ((int32_t *)rapt_plan_data(plan, at))[i] = (int32_t)i;
  assert_ok(ctx, rapt_plan_run(plan, 0));
  r.bias = malloc((size_t)(B * H * t * t) * sizeof *r.bias);
  r.table = rapt_params_size(params);
  r.gradient = malloc((size_t)r.table * sizeof *r.gradient);
  assert_true(r.bias && r.gradient);
  for (int64_t i = 0; i < B * H * t * t; i++) r.bias[i] = (double)((rapt_real *)rapt_plan_data(plan, bias))[i];
  for (int64_t i = 0; i < r.table; i++) r.gradient[i] = (double)((rapt_real *)rapt_plan_data(plan, out[1]))[i];
  rapt_plan_stats stats;
  rapt_plan_get_stats(plan, &stats);
  r.arena = stats.arena_bytes;
  r.naive = stats.naive_bytes;
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_params_free(params);
  close_context(&memory, ctx);
  return r;
}

static void drop(relative *r) {
  free(r->bias);
  free(r->gradient);
}

static void skewed_is_naive(void **state) {
  (void)state;
  static const int64_t times[] = {2, 3, 4, 7, 33};
  for (int kind = RAPT__POSITION_SHAW; kind <= RAPT__POSITION_SKEW; kind++)
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
      relative a = run((rapt__position)kind, false, times[i], 8), b = run((rapt__position)kind, true, times[i], 8);
      double most = 0;
      assert_int_equal(a.table, b.table);
      for (int64_t j = 0; j < B * H * a.t * a.t; j++) {
        if (!(fabs(a.bias[j] - b.bias[j]) < 1e-5)) fail_msg("bias %d: %g, not %g", (int)j, a.bias[j], b.bias[j]);
        most = fmax(most, fabs(b.bias[j]));
      }
      assert_true(most > 0.1);
      for (int64_t j = 0; j < a.table; j++)
        if (!(fabs(a.gradient[j] - b.gradient[j]) < 1e-5 * (1 + fabs(b.gradient[j]))))
          fail_msg("gradient %d: %g, not %g", (int)j, a.gradient[j], b.gradient[j]);
      drop(&a);
      drop(&b);
    }
}

/* What grows with d: twice the size of a head costs the naive form T²·d numbers more, the skewed one T·d. Matrices of scores,
 * which both have, cancel. */
static void skewing_needs_less_memory(void **state) {
  (void)state;
  enum { T = 96, D = 16 };
  for (int kind = RAPT__POSITION_SHAW; kind <= RAPT__POSITION_SKEW; kind++) {
    int64_t groups = kind == RAPT__POSITION_SHAW ? 1 : H, more[2];
    for (int naive = 0; naive < 2; naive++) {
      relative small = run((rapt__position)kind, naive, T, D), large = run((rapt__position)kind, naive, T, 2 * D);
      more[naive] = large.naive - small.naive;
      drop(&small);
      drop(&large);
    }
    int64_t vectors = (int64_t)sizeof(rapt_real) * T * D * (B * H + groups); /* queries and a vector a distance */
    assert_true(more[0] <= 16 * vectors);
    assert_true(more[1] >= (int64_t)sizeof(rapt_real) * T * T * D * groups);
    relative skewed = run((rapt__position)kind, false, T, 4 * D), pairs = run((rapt__position)kind, true, T, 4 * D);
    assert_true(skewed.arena < pairs.arena);
    drop(&skewed);
    drop(&pairs);
  }
}

/* Token by token from the cache, and behind a first pass of several, as all at once. */
static void the_cache_agrees(void **state) {
  (void)state;
  enum { T = 9, V = 13 };
  for (int kind = 0; kind < RAPT__POSITIONS; kind++)
    for (int64_t first = 1; first <= 4; first += 3) {
      char position[40];
      snprintf(position, sizeof position, "model.position=%s", rapt__position_names[kind]);
      const char *settings[] = {position,          "model.vocabulary=13", "model.context=11", "model.layers=2",
                                "model.heads=3",   "model.width=12",      "model.init=0.5",   "model.clip=4",
                                "model.buckets=4", "model.max_distance=7"};
      counted_memory memory;
      rapt_context *ctx = counted_context(&memory, 1);
      rapt_model *model;
      assert_ok(ctx, rapt_model_new(ctx, "gpt2", settings, sizeof settings / sizeof *settings, NULL, 4, &model));
      int32_t ids[T];
      float all[T * V];
      for (int i = 0; i < T; i++) ids[i] = (i * 5 + 2) % V;
      assert_ok(ctx, rapt_model_logits(model, ids, T, all));
      for (int64_t n = first; n <= T; n++) {
        const real *logits;
        int64_t count = n == first ? first : 1;
        assert_ok(ctx, rapt__model_pass(model, RAPT__PASS_CACHE, ids + n - count, count, n - count, &logits));
        for (int64_t v = 0; v < V; v++)
          if (!(fabs((double)logits[v] - (double)all[(n - 1) * V + v]) < 1e-4))
            fail_msg("%s, token %d: %g, not %g", position, (int)n, (double)logits[v], (double)all[(n - 1) * V + v]);
      }
      rapt_model_free(model);
      close_context(&memory, ctx);
    }
}

/* Tokens before the last change what it predicts by where they stand. (A decoder without positions and with one layer cannot
 * tell: its answer is the same.) */
static void order_is_seen(void **state) {
  (void)state;
  enum { V = 13 };
  for (int kind = 0; kind < RAPT__POSITIONS; kind++) {
    char position[40];
    snprintf(position, sizeof position, "model.position=%s", rapt__position_names[kind]);
    const char *settings[] = {position,        "model.vocabulary=13", "model.context=8", "model.layers=1",
                              "model.heads=2", "model.width=8",       "model.init=0.5"};
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_model *model;
    assert_ok(ctx, rapt_model_new(ctx, "gpt2", settings, sizeof settings / sizeof *settings, NULL, 4, &model));
    float a[4 * V], b[4 * V];
    double most = 0;
    assert_ok(ctx, rapt_model_logits(model, (const int32_t[]){1, 2, 3, 4}, 4, a));
    assert_ok(ctx, rapt_model_logits(model, (const int32_t[]){3, 1, 2, 4}, 4, b));
    for (int v = 3 * V; v < 4 * V; v++) most = fmax(most, fabs((double)a[v] - (double)b[v]));
    if (kind == RAPT__POSITION_NONE)
      assert_true(most < 1e-4);
    else
      assert_true(most > 1e-3);
    rapt_model_free(model);
    close_context(&memory, ctx);
  }
}

static void bad_settings_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model;
  assert_fails(ctx,
               rapt_model_new(ctx, "gpt2",
                              (const char *const[]){"model.vocabulary=3", "model.position=t5", "model.buckets=7"}, 3,
                              NULL, 1, &model),
               RAPT_EKEY, "even number of model.buckets, not 7");
  assert_fails(ctx,
               rapt_model_new(ctx, "gpt2",
                              (const char *const[]){"model.vocabulary=3", "model.position=t5", "model.max_distance=16"},
                              3, NULL, 1, &model),
               RAPT_EKEY, "not 16");
  assert_fails(ctx, rapt_model_new(ctx, "gpt2", (const char *const[]){"model.position=shawl"}, 1, NULL, 1, &model),
               RAPT_EKEY, "shaw");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(distances_are_clipped),    cmocka_unit_test(bad_ranges_are_refused),
      cmocka_unit_test(skewed_is_naive),          cmocka_unit_test(skewing_needs_less_memory),
      cmocka_unit_test(the_cache_agrees),         cmocka_unit_test(order_is_seen),
      cmocka_unit_test(bad_settings_are_refused),
  };
  return cmocka_run_group_tests_name("positions", tests, NULL, NULL);
}
