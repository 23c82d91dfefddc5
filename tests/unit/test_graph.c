/* Graphs and plans: errors that wait, memory that is reused without harm, threads that change nothing, the cache. */
#include "base/rng.h"
#include "ops/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static rapt_context *context(int threads) {
  rapt_context *ctx;
  const rapt_options options = {.threads = threads};
  assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
  return ctx;
}

static rapt_graph *graph_in(rapt_context *ctx) {
  rapt_graph *graph;
  assert_int_equal(rapt_graph_new(ctx, &graph), RAPT_OK);
  return graph;
}

static rapt_tensor *reals(rapt_graph *graph, const char *name, int ndim, const int64_t *dims) {
  return rapt_input(graph, name, RAPT_F32, ndim, dims);
}

/* ---- Errors ---- */

static void error_is_a_sentence_and_poison_flows(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  rapt_graph *graph = graph_in(ctx);
  rapt_scope_begin(graph, "h.%d", 0);
  rapt_tensor *a = reals(graph, "a", RAPT__DIMS(2, 3)), *bad = rapt_add(a, reals(graph, "b", RAPT__DIMS(4)));
  rapt_scope_end(graph);
  assert_string_equal(rapt_context_message(ctx), "h.0: an elementwise op cannot take (2, 3) and (4) together");
  rapt_tensor *parts[2];
  rapt_split(bad, 0, 2, parts);
  rapt_tensor *after[] = {rapt_tanh(bad),
                          rapt_mul(a, bad),
                          rapt_reshape(bad, RAPT__DIMS(6)),
                          rapt_sum(bad, 0, true),
                          rapt_permute(bad, (int[]){0}),
                          rapt_where(bad, a, a),
                          rapt_concat(&bad, 1, 0),
                          parts[1],
                          rapt_tanh(a)};
  for (size_t i = 0; i < sizeof after / sizeof *after; i++) assert_true(rapt__poisoned(after[i]));
  assert_int_equal(rapt_context_status(ctx), RAPT_ESHAPE);
  rapt_plan *plan;
  assert_int_equal(rapt_plan_new(graph, &a, 1, NULL, &plan), RAPT_ESHAPE);
  assert_null(plan);
  rapt_tensor *grad;
  assert_int_equal(rapt_grad(bad, &a, 1, &grad), RAPT_ESHAPE);
  assert_string_equal(rapt_context_message(ctx), "h.0: an elementwise op cannot take (2, 3) and (4) together");
  rapt_graph_free(graph);
  rapt_context_free(ctx);
}

static rapt_tensor *broken(int i, rapt_tensor *x, rapt_tensor *ids) {
  switch (i) {
  case 0: return rapt_reshape(x, RAPT__DIMS(7));
  case 1: return rapt_reshape(x, RAPT__DIMS(-1, -1));
  case 2: return rapt_reshape(x, RAPT__DIMS(-1, 4));
  case 3: return rapt_permute(x, (int[]){0, 0});
  case 4: return rapt_broadcast(x, RAPT__DIMS(2, 4));
  case 5: return rapt_slice(x, 1, 1, 3);
  case 6: return rapt_slice(x, 1, INT64_MAX, 1);
  case 7: return rapt_pad(x, 0, INT64_MAX, 1);
  case 8: return rapt_concat((rapt_tensor *[]){x, ids}, 2, 0);
  case 9: return rapt_sum(x, 2, false);
  case 10: return rapt_sum_to(x, RAPT__DIMS(4));
  case 11: return rapt_cumsum(x, -3);
  case 12: return rapt_top_k(x, 4, NULL);
  case 13: return rapt_embedding(x, x);
  case 14: return rapt_gather(x, ids);
  case 15: return rapt_scatter(x, ids, 3);
  case 16: return rapt_conv1d(x, x, NULL, 1, 0);
  case 17: return rapt_where(ids, x, x);
  case 18: return rapt_argmax(x, 5);
  case 19: return rapt_reduce_max(ids, 0, false);
  case 20: return rapt_one_hot(x, 3);
  case 21: return rapt_one_hot(ids, 0);
  case 22: return rapt_clamp(x, 1, 0);
  case 23: return rapt_scale(ids, 2);
  case 24: return rapt_transpose(rapt_reshape(x, RAPT__DIMS(6)));
  default: return NULL;
  }
}

static void every_misuse_is_refused(void **state) {
  (void)state;
  for (int i = 0;; i++) {
    rapt_context *ctx = context(1);
    rapt_graph *graph = graph_in(ctx);
    rapt_tensor *x = reals(graph, "x", RAPT__DIMS(2, 3)), *ids = rapt_input(graph, "ids", RAPT_I32, RAPT__DIMS(5));
    rapt_tensor *y = broken(i, x, ids);
    if (y && !rapt__poisoned(y)) fail_msg("misuse %d goes through", i);
    if (y) assert_int_not_equal(rapt_context_status(ctx), RAPT_OK);
    if (y) assert_non_null(strchr(rapt_context_message(ctx), ':'));
    rapt_graph_free(graph);
    rapt_context_free(ctx);
    if (!y) break;
  }
}

static void copy_forward(const rapt__call *call) {
  memcpy(call->out[0], call->in[0], (size_t)call->node->out[0].size * sizeof(real));
}
static const rapt__op op_without_gradient = {.name = "mystery", .forward = copy_forward};

static void missing_gradient_is_an_error_while_building(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  rapt_graph *graph = graph_in(ctx);
  rapt_tensor *x = reals(graph, "x", RAPT__DIMS(3)), *grad;
  rapt_scope_begin(graph, "head");
  rapt_tensor *y = rapt__op1(graph, &op_without_gradient, &x, 1, NULL, 0, x->ndim, x->dim);
  rapt_scope_end(graph);
  assert_int_equal(rapt_grad(rapt_sum(rapt_detach(y), RAPT_ALL, false), &x, 1, &grad), RAPT_OK);
  assert_int_equal(rapt_grad(rapt_sum(y, RAPT_ALL, false), &x, 1, &grad), RAPT_EUNSUPPORTED);
  assert_true(rapt__poisoned(grad));
  assert_ptr_equal(strstr(rapt_context_message(ctx), "head: "), rapt_context_message(ctx));
  assert_non_null(strstr(rapt_context_message(ctx), "mystery has no gradient, and one is asked for"));
  rapt_graph_free(graph);
  rapt_context_free(ctx);
}

/* ---- Memory ---- */

static void chain_reuses_memory(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  rapt_graph *graph = graph_in(ctx);
  rapt_tensor *x = reals(graph, "x", RAPT__DIMS(61, 67)), *t = x;
  for (int i = 0; i < 20; i++) t = rapt_transpose(t); /* cannot be done in place */
  rapt_plan *plan;
  assert_int_equal(rapt_plan_new(graph, &t, 1, NULL, &plan), RAPT_OK);
  rapt_plan_stats stats;
  rapt_plan_get_stats(plan, &stats);
  int64_t bytes = 61 * 67 * (int64_t)sizeof(real);
  assert_int_equal(stats.nodes, 20);
  assert_true(stats.naive_bytes >= 21 * bytes);
  assert_true(stats.arena_bytes <= 4 * bytes);
  assert_true(stats.arena_bytes < stats.naive_bytes);
  real *in = rapt_plan_data(plan, x);
  for (int64_t i = 0; i < x->size; i++) in[i] = (real)i;
  assert_int_equal(rapt_plan_run(plan, 0), RAPT_OK);
  assert_memory_equal(in, rapt_plan_data(plan, t), (size_t)bytes);
  rapt_plan_free(plan);

  t = x;
  for (int i = 0; i < 20; i++) t = rapt_neg(t); /* can: one buffer beside the input, which stays */
  assert_int_equal(rapt_plan_new(graph, &t, 1, NULL, &plan), RAPT_OK);
  rapt_plan_get_stats(plan, &stats);
  assert_true(stats.arena_bytes <= 2 * bytes + 256);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_context_free(ctx);
}

static void taps_can_be_read(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  rapt_graph *graph = graph_in(ctx);
  rapt_tensor *x = reals(graph, "x", RAPT__DIMS(1000)), *t = x;
  for (int i = 0; i < 9; i++) {
    rapt_scope_begin(graph, "step.%d", i);
    t = rapt_scale(t, 2);
    if (i % 3 == 1) rapt_tap(t, "twice");
    rapt_scope_end(graph);
  }
  rapt_tensor *unused = rapt_tap(rapt_neg(x), "aside"); /* no output needs it, the tap does */
  rapt_plan *plan;
  assert_int_equal(rapt_plan_new(graph, &t, 1, NULL, &plan), RAPT_OK);
  real *in = rapt_plan_data(plan, rapt_plan_find(plan, "x"));
  assert_non_null(in);
  for (int i = 0; i < 1000; i++) in[i] = (real)i;
  assert_int_equal(rapt_plan_run(plan, 0), RAPT_OK);
  for (int i = 1; i < 9; i += 3) {
    char name[32];
    snprintf(name, sizeof name, "step.%d.twice", i);
    const rapt_tensor *tap = rapt_plan_find(plan, name);
    assert_non_null(tap);
    const real *data = rapt_plan_data(plan, tap);
    for (int e = 0; e < 1000; e++) assert_true(data[e] == (real)(e * (2 << i)));
  }
  assert_ptr_equal(rapt_plan_find(plan, "aside"), unused);
  assert_true(((real *)rapt_plan_data(plan, unused))[7] == -7);
  assert_null(rapt_plan_find(plan, "step.0.twice"));
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_context_free(ctx);
}

/* ---- Random graphs: a plan that reuses memory gives what one that keeps everything gives ---- */

enum { POOL = 40, OUTPUTS = 8 };

typedef struct draw {
  uint64_t seed, at;
} draw;

static int below(draw *d, int limit) { return (int)rapt__rng_below(d->seed, 0, d->at++, (uint64_t)limit); }

static rapt_tensor *random_op(draw *d, rapt_tensor *a, rapt_tensor *b) {
  int64_t dims[RAPT_MAX_DIMS];
  bool fits = rapt__broadcast_dims(a, b, dims) >= 0;
  switch (below(d, 17)) {
  case 0: return rapt_sin(a);
  case 1: return rapt_tanh(a);
  case 2: return rapt_neg(a);
  case 3: return fits ? rapt_add(a, b) : a;
  case 4: return fits ? rapt_tanh(rapt_mul(a, b)) : a;
  case 5: return fits ? rapt_where(rapt_less(a, b), a, b) : a;
  case 6: return a->ndim ? rapt_mean(a, below(d, a->ndim), true) : a;
  case 7: return a->ndim ? rapt_reduce_max(a, below(d, a->ndim), true) : a;
  case 8: return a->ndim == 2 ? rapt_transpose(rapt_transpose(a)) : a;
  case 9: return a->ndim == 2 ? rapt_reshape(rapt_cos(rapt_reshape(a, RAPT__DIMS(-1))), a->ndim, a->dim) : a;
  case 10: return a->ndim ? rapt_tanh(rapt_cumsum(a, below(d, a->ndim))) : a;
  case 11: return rapt_clamp(rapt_scale(a, 1.5), -0.9, 0.8);
  case 12: {
    if (a->ndim < 2 || a->dim[0] % 2) return a;
    rapt_tensor *parts[2];
    rapt_split(a, 0, 2, parts);
    return rapt_concat((rapt_tensor *[]){parts[1], rapt_sin(parts[0])}, 2, 0);
  }
  case 13: return rapt_detach(a);
  case 14: return a->ndim ? rapt_top_k(a, a->dim[a->ndim - 1], NULL) : a;
  case 15: return rapt_sub(a, a);
  default: return a->ndim == 2 ? rapt_pad(rapt_slice(a, 0, 0, (a->dim[0] + 1) / 2), 0, a->dim[0] / 2, 0) : a;
  }
}

typedef struct run {
  rapt_context *ctx;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *out[OUTPUTS];
} run;

static void random_run(run *r, uint64_t seed, int64_t rows, int64_t cols, int threads, bool keep_all) {
  r->ctx = context(threads);
  r->graph = graph_in(r->ctx);
  draw d = {.seed = seed};
  rapt_tensor *pool[POOL], *in[3];
  pool[0] = in[0] = reals(r->graph, "a", RAPT__DIMS(rows, cols));
  pool[1] = in[1] = reals(r->graph, "b", RAPT__DIMS(cols));
  pool[2] = in[2] = reals(r->graph, "c", RAPT__DIMS(rows, 1));
  for (int n = 3; n < POOL; n++) {
    rapt_tensor *a = pool[below(&d, n)], *b = pool[n - 1 - below(&d, n < 6 ? n : 6)];
    pool[n] = random_op(&d, a, b);
  }
  rapt_tensor *loss = rapt_fill(r->graph, 0, 0, NULL);
  for (int n = POOL - 6; n < POOL; n++) loss = rapt_add(loss, rapt_mean(rapt_square(pool[n]), RAPT_ALL, false));
  r->out[0] = loss;
  assert_int_equal(rapt_grad(loss, in, 3, r->out + 1), RAPT_OK);
  for (int n = 4; n < OUTPUTS; n++) r->out[n] = pool[below(&d, POOL)];
  const rapt_plan_options options = {.keep_all = keep_all};
  assert_int_equal(rapt_plan_new(r->graph, r->out, OUTPUTS, &options, &r->plan), RAPT_OK);
  for (int i = 0; i < 3; i++) {
    real *data = rapt_plan_data(r->plan, in[i]);
    for (int64_t e = 0; data && e < in[i]->size; e++)
      data[e] = (real)(rapt__rng_uniform(seed, 1 + (uint64_t)i, (uint64_t)e) * 2 - 1);
  }
  for (int step = 0; step < 2; step++)
    assert_int_equal(rapt_plan_run(r->plan, 0), RAPT_OK); /* the second as the first */
}

static void release(run *r) {
  rapt_plan_free(r->plan);
  rapt_graph_free(r->graph);
  rapt_context_free(r->ctx);
}

static void assert_same(const run *a, const run *b, uint64_t seed) {
  for (int i = 0; i < OUTPUTS; i++)
    if (memcmp(rapt_plan_data(a->plan, a->out[i]), rapt_plan_data(b->plan, b->out[i]),
               (size_t)a->out[i]->size * sizeof(real)))
      fail_msg("random graph %d: output %d differs", (int)seed, i);
}

static void reuse_never_corrupts(void **state) {
  (void)state;
  int smaller = 0;
  for (uint64_t seed = 0; seed < 150; seed++) {
    run kept, reused;
    random_run(&kept, seed, 6, 5, 1, true);
    random_run(&reused, seed, 6, 5, 1, false);
    assert_same(&kept, &reused, seed);
    rapt_plan_stats a, b;
    rapt_plan_get_stats(kept.plan, &a);
    rapt_plan_get_stats(reused.plan, &b);
    smaller += b.arena_bytes < a.arena_bytes;
    release(&kept);
    release(&reused);
  }
  assert_true(smaller > 140);
}

static void threads_change_nothing(void **state) {
  (void)state;
  for (uint64_t seed = 1000; seed < 1006; seed++) {
    run one, three;
    random_run(&one, seed, 150, 301, 1, false); /* large enough for several units a node */
    random_run(&three, seed, 150, 301, 3, false);
    assert_same(&one, &three, seed);
    release(&one);
    release(&three);
  }
}

static void split_gradient_is_one_concatenation(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  rapt_graph *graph = graph_in(ctx);
  rapt_tensor *x = reals(graph, "x", RAPT__DIMS(4, 6)), *parts[3], *grad;
  rapt_split(x, -1, 3, parts);
  rapt_tensor *y = rapt_mul(rapt_mul(rapt_sin(parts[2]), parts[0]), rapt_cos(parts[1]));
  assert_int_equal(rapt_grad(rapt_sum(y, RAPT_ALL, false), &x, 1, &grad), RAPT_OK);
  assert_ptr_equal(grad->node->op, &rapt__op_concat);
  rapt_graph_free(graph);
  rapt_context_free(ctx);
}

/* ---- Memory that runs out ---- */

typedef struct rationed {
  int left, used;
} rationed;

static void *rationed_alloc(void *user, void *old, size_t size) {
  rationed *r = user;
  if (size == 0) {
    r->used -= old != NULL;
    free(old);
    return NULL;
  }
  if (r->left == 0) return NULL;
  r->left--;
  void *p = realloc(old, size);
  r->used += p && !old;
  return p;
}

static rapt_status build_all(rapt_context *ctx, rapt_graph **graph, rapt_plan **plan) {
  RAPT_TRY(rapt_graph_new(ctx, graph));
  rapt_tensor *x = reals(*graph, "x", RAPT__DIMS(4, 6)), *t = x, *parts[3], *grad;
  rapt_tensor *ids = rapt_input(*graph, "ids", RAPT_I32, RAPT__DIMS(4));
  for (int i = 0; i < 30; i++) {
    rapt_scope_begin(*graph, "layer.%d", i);
    rapt_split(rapt_tap(rapt_tanh(t), "t"), 1, 3, parts);
    t = rapt_concat((rapt_tensor *[]){parts[2], rapt_mul(parts[0], parts[1]), rapt_cumsum(parts[1], 0)}, 3, 1);
    t = rapt_where(rapt_less(t, x), rapt_embedding(t, ids), rapt_transpose(rapt_transpose(t)));
    t = rapt_add(rapt_clamp(t, -1, 1), rapt_reduce_max(rapt_top_k(t, 3, NULL), 1, true));
    t = rapt_sub(t, rapt_scatter(rapt_gather(t, rapt_argmax(t, 1)), ids, 6));
    rapt_scope_end(*graph);
  }
  RAPT_TRY(rapt_grad(rapt_sum(t, RAPT_ALL, false), &x, 1, &grad));
  return rapt_plan_new(*graph, &grad, 1, NULL, plan);
}

static void running_out_of_memory_is_an_error(void **state) {
  (void)state;
  rapt_status status = RAPT_ENOMEM;
  int tries = 0;
  for (; status != RAPT_OK && tries < 10000; tries++) {
    rationed r = {.left = tries};
    const rapt_options options = {.alloc = rationed_alloc, .alloc_user = &r, .threads = 1};
    rapt_context *ctx = NULL;
    rapt_graph *graph = NULL;
    rapt_plan *plan = NULL;
    status = rapt_context_new(&ctx, &options);
    if (status == RAPT_OK) status = build_all(ctx, &graph, &plan);
    assert_true(status == RAPT_OK || status == RAPT_ENOMEM);
    assert_true((plan != NULL) == (status == RAPT_OK));
    rapt_plan_free(plan);
    rapt_graph_free(graph);
    rapt_context_free(ctx);
    assert_int_equal(r.used, 0);
  }
  assert_int_equal(status, RAPT_OK);
  assert_true(tries > 10);
}

/* ---- Cache of plans ---- */

static rapt_status build_scale(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs, int *count) {
  ++*(int *)user;
  outputs[0] = rapt_scale(rapt_input(graph, "x", RAPT_F32, 1, &key[0]), 3);
  *count = 1;
  return RAPT_OK;
}

static void cache_drops_the_least_recently_used(void **state) {
  (void)state;
  rapt_context *ctx = context(1);
  int built = 0;
  rapt_plan_cache *cache;
  assert_int_equal(rapt_plan_cache_new(ctx, build_scale, &built, 0, NULL, &cache), RAPT_EINVAL);
  rapt_context_clear(ctx);
  assert_int_equal(rapt_plan_cache_new(ctx, build_scale, &built, 2, NULL, &cache), RAPT_OK);
  static const struct {
    int64_t key;
    int built;
  } asked[] = {{1, 1}, {2, 2}, {1, 2}, {3, 3}, {1, 3}, {2, 4}, {1, 4}, {3, 5}};
  for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
    rapt_plan *plan;
    assert_int_equal(rapt_plan_cache_get(cache, (int64_t[4]){asked[i].key}, &plan), RAPT_OK);
    assert_int_equal(built, asked[i].built);
    assert_int_equal(rapt_size(rapt_plan_find(plan, "x")), asked[i].key);
    assert_int_equal(rapt_plan_run(plan, 0), RAPT_OK);
  }
  rapt_plan *plan;
  assert_int_equal(rapt_plan_cache_get(cache, (int64_t[4]){0}, &plan), RAPT_ESHAPE); /* what building says */
  assert_null(plan);
  assert_int_equal(rapt_plan_cache_get(cache, (int64_t[4]){1}, &plan), RAPT_OK); /* and nothing was dropped for it */
  assert_int_equal(built, 6);
  rapt_plan_cache_free(cache);
  rapt_context_free(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(error_is_a_sentence_and_poison_flows),
      cmocka_unit_test(every_misuse_is_refused),
      cmocka_unit_test(missing_gradient_is_an_error_while_building),
      cmocka_unit_test(chain_reuses_memory),
      cmocka_unit_test(taps_can_be_read),
      cmocka_unit_test(reuse_never_corrupts),
      cmocka_unit_test(threads_change_nothing),
      cmocka_unit_test(split_gradient_is_one_concatenation),
      cmocka_unit_test(running_out_of_memory_is_an_error),
      cmocka_unit_test(cache_drops_the_least_recently_used),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
