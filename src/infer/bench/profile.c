/* Where a work's time goes, op by op, and what the machine could do at most. */
#include "infer/bench/bench.h"

#include "base/file.h"
#include "graph/plan.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LEAST_REPEATS = 3 };

static void keep_least(void *user, int64_t index, const rapt_node_time *time) {
  rapt_node_time *t = (rapt_node_time *)user + index;
  double least = t->op ? fmin(t->seconds, time->seconds) : time->seconds;
  *t = *time;
  t->seconds = least;
}

static rapt_status repeat(rapt__bench *b, rapt_node_time *times) {
  const rapt_bench_options *o = b->options;
  double seconds = o->seconds > 0 ? o->seconds : 0.5, begin = rapt__now();
  for (int64_t i = 0; o->repeats > 0 ? i < o->repeats : i < LEAST_REPEATS || rapt__now() - begin < seconds; i++) {
    if (atomic_load(&b->ctx->interrupted))
      return rapt__fail(b->ctx, RAPT_EINTERRUPTED, "the benchmark was interrupted");
    if (b->count) *(real *)rapt_plan_data(b->plan, b->count) = (real)(i + 1);
    RAPT_TRY(rapt_plan_profile(b->plan, (uint64_t)i + 1, keep_least, times));
  }
  return RAPT_OK;
}

static int by_time(const void *a, const void *b) {
  const rapt_op_time *x = a, *y = b;
  return (x->seconds < y->seconds) - (x->seconds > y->seconds);
}

/* Sums the nodes of every op in `ops`, which has room for all nodes; returns how many ops there are. */
static size_t sum_ops(const rapt_node_time *times, size_t count, rapt_op_time *ops) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++) {
    size_t at = 0;
    while (at < n && strcmp(ops[at].op, times[i].op) != 0) at++;
    if (at == n) ops[n++] = (rapt_op_time){.op = times[i].op};
    ops[at].nodes++;
    ops[at].seconds += times[i].seconds;
    ops[at].flops += times[i].flops;
    ops[at].bytes += times[i].bytes;
  }
  qsort(ops, n, sizeof *ops, by_time);
  return n;
}

static rapt_status profile(rapt__bench *b, rapt_op_time_fn each, void *user) {
  if (!b->plan || b->run)
    return rapt__fail(b->ctx, RAPT_EUNSUPPORTED, "the work \"%s\" runs several plans and cannot be profiled",
                      b->work->info.id);
  size_t count = b->plan->count;
  rapt_node_time *times = rapt__new(b->ctx, count, sizeof *times);
  rapt_op_time *ops = rapt__new(b->ctx, count, sizeof *ops);
  rapt_status status = times && ops ? repeat(b, times) : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    size_t n = sum_ops(times, count, ops);
    for (size_t i = 0; i < n; i++) each(user, &ops[i]);
  }
  rapt__free(b->ctx, times);
  rapt__free(b->ctx, ops);
  return status;
}

rapt_status rapt_bench_profile(rapt_context *ctx, const rapt_bench_options *options, rapt_op_time_fn each, void *user) {
  if (!options || !options->only) return rapt__fail(ctx, RAPT_EINVAL, "a profile needs the id of one work");
  const rapt__work *work;
  RAPT_TRY(rapt__bench_find(ctx, options->only, &work));
  rapt__bench b;
  RAPT_TRY(rapt__bench_build(ctx, work, options, &b));
  rapt_status status = profile(&b, each, user);
  rapt__bench_free(&b);
  return status;
}

/* ---- The machine ---- */

enum { DEPTH = 128, TILES = 200, STREAM = 1 << 25, TURNS = 20 }; /* STREAM: floats, 128 MB */

static double tile_flops(const k_kernels *k, real *room) {
  real *a = room, *b = a + DEPTH * k->gemm_mr, *c = b + DEPTH * k->gemm_nr;
  double best = INFINITY;
  for (int turn = 0; turn < TURNS; turn++) {
    double begin = rapt__now();
    for (int i = 0; i < TILES; i++) k->gemm_tile(DEPTH, a, DEPTH, 1, b, c, k->gemm_nr, true);
    best = fmin(best, rapt__now() - begin);
  }
  return 2.0 * TILES * DEPTH * k->gemm_mr * k->gemm_nr / best;
}

rapt_status rapt_machine_measure(rapt_context *ctx, rapt_machine_peak *out) {
  const k_kernels *k = rapt__kernels();
  real *room = rapt__alloc_aligned(ctx, STREAM * sizeof(real));
  if (!room) return RAPT_ENOMEM;
  double best = INFINITY;
  volatile real sink = 0; /* so that the sums are not left out */
  out->flops = tile_flops(k, room);
  for (int turn = 0; turn < 5; turn++) {
    double begin = rapt__now();
    sink += k->sum(STREAM, room);
    best = fmin(best, rapt__now() - begin);
  }
  out->bytes = STREAM * sizeof(real) / best;
  rapt__free_aligned(ctx, room);
  return RAPT_OK;
}
