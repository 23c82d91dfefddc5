/* Minimum error rate training: line searches over features, from the weights given and from random ones. */
#include "pbmt/line.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

typedef struct job {
  const rapt__pbmt_nbest *lists;
  const rapt__pbmt_tuning *tuning;
  rapt__pbmt_counts *counts; /* (entries) */
  rapt__pbmt_line line;
  double *weights, *best, *direction; /* (columns) */
} job;

static bool is_fixed(const job *j, size_t column) { return j->tuning->fixed && j->tuning->fixed[column]; }

/* Makes the magnitudes of the tuned weights add up to 1. Fixed weights are left alone. */
static void normalise(const job *j, double *weights) {
  double sum = 0;
  for (size_t c = 0; c < j->lists->columns.count; c++) sum += is_fixed(j, c) ? 0 : fabs(weights[c]);
  for (size_t c = 0; c < j->lists->columns.count && sum > 0; c++)
    if (!is_fixed(j, c)) weights[c] /= sum;
}

/* Moves along the direction at hand if that gains something. */
static void step(job *j, double *weights, double *bleu) {
  double x, found;
  rapt__pbmt_line_search(&j->line, j->lists, j->counts, weights, j->direction, &x, &found);
  if (!(found > *bleu)) return;
  for (size_t c = 0; c < j->lists->columns.count; c++)
    if (j->direction[c] != 0) weights[c] += x * j->direction[c];
  *bleu = found;
}

/* Features that pull the length of translations in opposite ways gain together what neither gains alone. A feature takes part in
 * proportion to its weight, the smallest ones as if they had a fifth of the mean. Stream 0x706d6275 << 32 + start. */
static void random_direction(job *j, const double *weights, uint64_t start, uint64_t index) {
  size_t columns = j->lists->columns.count;
  uint64_t stream = (uint64_t)0x706d6275 << 32 | start;
  double sum = 0;
  for (size_t c = 0; c < columns; c++) sum += is_fixed(j, c) ? 0 : fabs(weights[c]);
  double least = sum > 0 ? 0.2 * sum / (double)columns : 1;
  for (size_t c = 0; c < columns; c++)
    j->direction[c] =
        is_fixed(j, c) ? 0
                       : fmax(fabs(weights[c]), least) * rapt__rng_normal(j->tuning->seed, stream, index * columns + c);
}

/* Feature after feature, and random directions, as long as a pass over all of them gains something. */
static double climb(job *j, double *weights, uint64_t start) {
  double bleu = -1;
  for (int pass = 0; pass < j->tuning->passes; pass++) {
    double before = bleu;
    for (size_t c = 0; c < j->lists->columns.count; c++) {
      if (is_fixed(j, c)) continue;
      memset(j->direction, 0, j->lists->columns.count * sizeof *j->direction);
      j->direction[c] = 1;
      step(j, weights, &bleu);
    }
    for (int d = 0; d < j->tuning->directions; d++) {
      random_direction(j, weights, start, (uint64_t)pass * (uint64_t)j->tuning->directions + (uint64_t)d);
      step(j, weights, &bleu);
    }
    if (!(bleu > before + 1e-6)) break;
  }
  return bleu;
}

/* Random starts lie around the weights given; stream 0x706d6274 << 32 + number of the start. */
static void randomise(const job *j, uint64_t start, const double *from, double *weights) {
  uint64_t stream = (uint64_t)0x706d6274 << 32 | start;
  double scale = 2.0 / (double)j->lists->columns.count;
  for (size_t c = 0; c < j->lists->columns.count; c++)
    weights[c] = from[c] + (is_fixed(j, c) ? 0 : scale * rapt__rng_normal(j->tuning->seed, stream, c));
}

static rapt_status search(job *j, const rapt__pbmt_text *references, double *weights, double *bleu) {
  const rapt__pbmt_nbest *l = j->lists;
  RAPT_TRY(rapt__pbmt_line_init(&j->line, l));
  for (size_t s = 0; s < l->sentences; s++)
    for (size_t k = l->first[s]; k < l->first[s + 1]; k++)
      j->counts[k] = rapt__pbmt_count(l->words + l->word_at[k], l->word_at[k + 1] - l->word_at[k],
                                      rapt__pbmt_words(references, s), rapt__pbmt_length(references, s));
  normalise(j, weights);
  *bleu = -1;
  for (int start = 0; start <= j->tuning->starts; start++) {
    if (atomic_load(&l->ctx->interrupted)) return rapt__fail(l->ctx, RAPT_EINTERRUPTED, "tuning was interrupted");
    if (start)
      randomise(j, (uint64_t)start, weights, j->weights);
    else
      memcpy(j->weights, weights, l->columns.count * sizeof *weights);
    double found = climb(j, j->weights, (uint64_t)start);
    if (!(found > *bleu)) continue;
    *bleu = found;
    memcpy(j->best, j->weights, l->columns.count * sizeof *weights);
  }
  normalise(j, j->best);
  memcpy(weights, j->best, l->columns.count * sizeof *weights);
  return RAPT_OK;
}

rapt_status rapt__pbmt_tune_weights(const rapt__pbmt_nbest *lists, const rapt__pbmt_text *references,
                                    const rapt__pbmt_tuning *tuning, double *weights, double *bleu) {
  rapt_context *ctx = lists->ctx;
  if (lists->sentences != references->count || lists->sentences == 0)
    return rapt__fail(ctx, RAPT_EINVAL, "tuning: %zu n-best lists, %zu references", lists->sentences,
                      references->count);
  job j = {.lists = lists, .tuning = tuning};
  j.counts = rapt__new(ctx, lists->entries, sizeof *j.counts);
  j.weights = rapt__new(ctx, 3 * lists->columns.count, sizeof *j.weights);
  rapt_status status = j.counts && j.weights ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    j.best = j.weights + lists->columns.count;
    j.direction = j.best + lists->columns.count;
    status = search(&j, references, weights, bleu);
  }
  rapt__pbmt_line_free(&j.line);
  rapt__free(ctx, j.counts);
  rapt__free(ctx, j.weights);
  return status;
}

rapt_status rapt__pbmt_rescore(const char *name, rapt__pbmt_nbest *dev, const double *dev_values,
                               const rapt__pbmt_text *dev_references, rapt__pbmt_nbest *test, const double *test_values,
                               const rapt__pbmt_tuning *tuning, double *weights, size_t *best) {
  double bleu;
  if (!rapt__pbmt_columns_equal(&dev->columns, &test->columns))
    return rapt__fail(dev->ctx, RAPT_EINVAL,
                      "rescoring: lists with %zu features to tune on, with %zu or others to choose from",
                      dev->columns.count, test->columns.count);
  RAPT_TRY(rapt__pbmt_nbest_add_column(dev, name, dev_values));
  RAPT_TRY(rapt__pbmt_nbest_add_column(test, name, test_values));
  weights[dev->columns.count - 1] = 0;
  RAPT_TRY(rapt__pbmt_tune_weights(dev, dev_references, tuning, weights, &bleu));
  rapt__pbmt_nbest_pick(test, weights, best);
  return RAPT_OK;
}
