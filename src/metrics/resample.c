/* Is the difference between two systems more than chance? Paired bootstrap resampling (Koehn 2004) and approximate
 * randomization (Riezler & Maxwell 2005) over the rows of statistics.
 *
 * A sample is one task of the thread team, and its random numbers follow from the seed, its number and the segment. */
#include "metrics/metrics.h"

#include "base/rng.h"
#include "base/team.h"

#include <math.h>
#include <stdlib.h>

enum { BLOCK = 256, MOST_WIDTH = 6 * RAPT_CHRF_ORDERS };

/* Streams of random numbers; the high half says what for. */
#define STREAM_BOOTSTRAP ((uint64_t)0x6D62 << 32)
#define STREAM_RANDOMIZE ((uint64_t)0x6D72 << 32)

typedef struct test {
  rapt_context *ctx;
  const rapt_metric *m;
  const rapt__metric_type *type;
  const double *const *stats;
  size_t systems, segments, width;
  uint64_t seed;
  int64_t samples, first; /* of the block that runs */
  double *scores;         /* (systems, samples); of randomization the absolute difference to the baseline */
} test;

static double score_of(const test *t, const double *sum) {
  rapt_score s = {0};
  t->type->score(t->m, sum, &s);
  return s.score;
}

static void add_row(const test *t, size_t system, size_t segment, double *sum) {
  const double *row = t->stats[system] + segment * t->width;
  for (size_t k = 0; k < t->width; k++) sum[k] += row[k];
}

/* Every system draws the same segments: the numbers are looked up again for each instead of being kept. */
static void draw(void *arg, int64_t task, int worker) {
  const test *t = arg;
  (void)worker;
  uint64_t sample = (uint64_t)(t->first + task);
  for (size_t s = 0; s < t->systems; s++) {
    double sum[MOST_WIDTH] = {0};
    for (size_t i = 0; i < t->segments; i++)
      add_row(t, s, (size_t)rapt__rng_below(t->seed, STREAM_BOOTSTRAP, sample * t->segments + i, t->segments), sum);
    t->scores[s * (size_t)t->samples + (size_t)sample] = score_of(t, sum);
  }
}

static void swap(void *arg, int64_t task, int worker) {
  const test *t = arg;
  (void)worker;
  uint64_t sample = (uint64_t)(t->first + task), words = (t->segments + 31) / 32;
  for (size_t s = 1; s < t->systems; s++) {
    double one[MOST_WIDTH] = {0}, other[MOST_WIDTH] = {0};
    uint32_t coins = 0;
    for (size_t i = 0; i < t->segments; i++, coins >>= 1) {
      if (i % 32 == 0) coins = rapt__rng_u32(t->seed, STREAM_RANDOMIZE, sample * words + i / 32);
      add_row(t, coins & 1 ? s : 0, i, one);
      add_row(t, coins & 1 ? 0 : s, i, other);
    }
    t->scores[s * (size_t)t->samples + (size_t)sample] = fabs(score_of(t, one) - score_of(t, other));
  }
}

/* In blocks, so that an interrupt takes effect soon. */
static rapt_status run(test *t, rapt__task_fn task) {
  for (t->first = 0; t->first < t->samples; t->first += BLOCK) {
    if (atomic_load(&t->ctx->interrupted)) return rapt__fail(t->ctx, RAPT_EINTERRUPTED, "resampling was interrupted");
    int64_t rest = t->samples - t->first;
    rapt__team_run(t->ctx->team, task, t, rest < BLOCK ? rest : BLOCK);
  }
  return RAPT_OK;
}

static double mean(const double *x, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += x[i];
  return sum / (double)count;
}

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Differences count as equal when rounding alone can part them: error rates have few values, and ties decide much. */
#define TIE 1e-9

static double p_value(const double *differences, size_t count, double middle, double seen) {
  size_t as_large = 0;
  for (size_t i = 0; i < count; i++) as_large += differences[i] - middle >= seen - TIE;
  return (double)(as_large + 1) / (double)(count + 1);
}

static void judge_bootstrap(const test *t, rapt_compared *out) {
  size_t n = (size_t)t->samples;
  double *base = t->scores;
  for (size_t s = t->systems; s-- > 0;) { /* the baseline last: its scores are sorted then */
    double *own = base + s * n;
    out[s].mean = mean(own, n);
    if (s > 0) {
      double *apart = base + t->systems * n;
      for (size_t i = 0; i < n; i++) apart[i] = fabs(own[i] - base[i]);
      out[s].p = p_value(apart, n, mean(apart, n), fabs(out[s].score - out[0].score));
    }
    qsort(own, n, sizeof *own, compare);
    size_t cut = n / 40;
    out[s].interval = 0.5 * (own[n - cut - 1] - own[cut]);
  }
}

static void judge_randomized(const test *t, rapt_compared *out) {
  size_t n = (size_t)t->samples;
  for (size_t s = 1; s < t->systems; s++)
    out[s].p = p_value(t->scores + s * n, n, 0, fabs(out[s].score - out[0].score));
}

static rapt_status run_test(rapt_context *ctx, const rapt_metric *m, const double *const *stats, int systems,
                            int64_t segments, int64_t samples, uint64_t seed, bool bootstrap, rapt_compared *out) {
  const rapt__metric_type *type = rapt__metric_type_of(m);
  if (!type) return rapt__fail(ctx, RAPT_EINVAL, "a setting of the metric is out of bounds");
  if (systems < 1 || segments < 1 || samples < 1)
    return rapt__fail(ctx, RAPT_EINVAL, "resampling needs a system, a segment and a sample at least");
  test t = {ctx, m, type, stats, (size_t)systems, (size_t)segments, (size_t)type->width(m), seed, .samples = samples};
  size_t rows = t.systems + 1, values;
  if (rapt__mul_overflows(rows, (size_t)samples, &values)) return rapt__fail_memory(ctx, SIZE_MAX);
  t.scores = rapt__new(ctx, values, sizeof *t.scores);
  if (!t.scores) return RAPT_ENOMEM;
  for (int s = 0; s < systems; s++) {
    double sum[MOST_WIDTH];
    rapt_metric_sum(m, stats[s], segments, sum);
    out[s] = (rapt_compared){.score = score_of(&t, sum), .p = NAN};
  }
  rapt_status status = run(&t, bootstrap ? draw : swap);
  if (status == RAPT_OK) (bootstrap ? judge_bootstrap : judge_randomized)(&t, out);
  rapt__free(ctx, t.scores);
  return status;
}

rapt_status rapt_metric_bootstrap(rapt_context *ctx, const rapt_metric *m, const double *const *stats, int systems,
                                  int64_t segments, int64_t samples, uint64_t seed, rapt_compared *out) {
  return run_test(ctx, m, stats, systems, segments, samples, seed, true, out);
}

rapt_status rapt_metric_randomize(rapt_context *ctx, const rapt_metric *m, const double *const *stats, int systems,
                                  int64_t segments, int64_t samples, uint64_t seed, rapt_compared *out) {
  return run_test(ctx, m, stats, systems, segments, samples, seed, false, out);
}
