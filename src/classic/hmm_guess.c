/* Hidden Markov models: what training begins with, and counting where the states are known. */
#include "classic/hmm.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* Random numbers of a guess, each at a place of its own in the stream. */
typedef struct draws {
  uint64_t seed, stream, next;
} draws;

static double uniform(draws *d) { return rapt__rng_uniform(d->seed, d->stream, d->next++); }

/* log of a weight times an exponential variate, over their sum; what is −inf stays so. Rows that differ less would leave training
 * for long on the plateau where all states are alike. */
static void shake(draws *d, double *log_row, const double *weights, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) {
    double w = (0.01 - log(1 - uniform(d))) * (weights ? weights[i] : 1);
    log_row[i] = log_row[i] == -INFINITY || w == 0 ? -INFINITY : log(w);
    if (log_row[i] != -INFINITY) sum += w;
  }
  for (size_t i = 0; i < count; i++) log_row[i] -= log(sum);
}

static void shake_chain(draws *d, rapt__hmm_chain *c) {
  shake(d, c->log_start, NULL, c->states);
  for (size_t i = 0; i < c->states; i++) shake(d, c->log_step + i * c->states, NULL, c->states);
}

static double distance(const double *a, const double *b, size_t dims) {
  double sum = 0;
  for (size_t i = 0; i < dims; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return sum;
}

/* `centres` points of the data as the rows of `to`, each drawn in proportion to its squared distance from those before
 * (k-means++, Arthur & Vassilvitskii 2007). Only points with labels[t] == label, if there are labels. far (T) is scratch. */
static void scatter(draws *d, const rapt__hmm_data *data, size_t dims, const int32_t *labels, int32_t label,
                    size_t centres, double *to, double *far) {
  size_t count = data->at[data->sequences];
  for (size_t t = 0; t < count; t++) far[t] = labels && labels[t] != label ? 0 : 1;
  for (size_t k = 0; k < centres; k++) {
    double sum = 0, at = 0;
    for (size_t t = 0; t < count; t++) sum += far[t];
    double u = uniform(d) * sum;
    size_t chosen = 0;
    /* Where fewer points differ than there are centres, a centre comes twice. */
    for (size_t t = 0; t < count && (at <= u || far[chosen] == 0); t++)
      if (far[t] > 0) at += far[t], chosen = t;
    memcpy(to + k * dims, data->values + chosen * dims, dims * sizeof *to);
    for (size_t t = 0; t < count; t++) {
      double off = distance(data->values + t * dims, to + k * dims, dims);
      if (far[t] > 0 && (k == 0 || off < far[t])) far[t] = off;
    }
  }
}

/* The variance of the data in every dimension as each component's. */
static void wide(rapt__hmm *h, const rapt__hmm_data *data) {
  const rapt__hmm_shape *s = &h->shape;
  size_t count = data->at[data->sequences], d = s->dims;
  for (size_t i = 0; i < d; i++) {
    double mean = 0, var = 0;
    for (size_t t = 0; t < count; t++) mean += data->values[t * d + i] / (double)count;
    for (size_t t = 0; t < count; t++) {
      double off = data->values[t * d + i] - mean;
      var += off * off / (double)count;
    }
    if (!(var > 0)) var = 1;
    for (size_t p = 0; p < s->states * s->parts; p++) {
      if (s->kind == RAPT__HMM_DIAGONAL)
        h->cov[p * d + i] = var;
      else
        for (size_t k = 0; k < d; k++) h->cov[(p * d + i) * d + k] = i == k ? var : 0;
    }
  }
}

/* The one of `count` points at `points` that is nearest to x. */
static size_t nearest(const double *x, const double *points, size_t count, size_t dims) {
  size_t best = 0;
  double least = INFINITY;
  for (size_t k = 0; k < count; k++) {
    double off = distance(x, points + k * dims, dims);
    if (off < least) least = off, best = k;
  }
  return best;
}

/* A centre for each state; within the points nearest to it one for each component. far (T) and labels (T) are scratch. */
static void guess_means(draws *d, rapt__hmm *h, const rapt__hmm_data *data, double *far, int32_t *labels) {
  const rapt__hmm_shape *s = &h->shape;
  scatter(d, data, s->dims, NULL, 0, s->states, h->mean, far);
  if (s->parts == 1) return;
  for (size_t t = 0; t < data->at[data->sequences]; t++)
    labels[t] = (int32_t)nearest(data->values + t * s->dims, h->mean, s->states, s->dims);
  for (size_t j = 0; j < s->states; j++)
    scatter(d, data, s->dims, labels, (int32_t)j, s->parts, h->mean + j * s->parts * s->dims, far);
}

static void guess_symbols(draws *d, rapt__hmm *h, const rapt__hmm_data *data, double *often) {
  size_t symbols = h->shape.symbols;
  for (size_t t = 0; t < data->at[data->sequences]; t++) often[data->symbols[t]]++;
  for (size_t j = 0; j < h->shape.states; j++) {
    double *row = h->log_emit + j * symbols;
    memset(row, 0, symbols * sizeof *row);
    shake(d, row, often, symbols);
  }
}

rapt_status rapt__hmm_guess(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, uint64_t seed,
                            uint64_t stream) {
  const rapt__hmm_shape *s = &h->shape;
  bool discrete = s->kind == RAPT__HMM_DISCRETE;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  size_t count = data->at[data->sequences];
  double *work = rapt__new(ctx, discrete ? s->symbols : count, sizeof *work);
  int32_t *labels = rapt__new(ctx, discrete ? 1 : count, sizeof *labels);
  rapt_status status = work && labels ? RAPT_OK : RAPT_ENOMEM;
  draws d = {seed, stream, 0};
  if (status == RAPT_OK) {
    shake_chain(&d, &h->chain);
    if (discrete)
      guess_symbols(&d, h, data, work);
    else
      guess_means(&d, h, data, work, labels), wide(h, data);
  }
  rapt__free(ctx, work);
  rapt__free(ctx, labels);
  return status == RAPT_OK ? rapt__hmm_prepare(ctx, h) : status;
}

/* parts (T, N, M): all of a labelled step in the component whose mean is nearest. */
static void nearest_parts(const rapt__hmm *h, const rapt__hmm_data *data, const int32_t *labels, double *parts) {
  const rapt__hmm_shape *s = &h->shape;
  for (size_t t = 0; t < data->at[data->sequences]; t++) {
    size_t j = (size_t)labels[t];
    const double *means = h->mean + j * s->parts * s->dims;
    parts[(t * s->states + j) * s->parts + nearest(data->values + t * s->dims, means, s->parts, s->dims)] = 1;
  }
}

/* Fits the emissions to labels. For mixtures `far` (T) and parts (T, N, M) are scratch. */
static rapt_status fit_labels(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const int32_t *labels,
                              double floor, draws *d, double *gamma, double *parts, double *far) {
  const rapt__hmm_shape *s = &h->shape;
  for (size_t t = 0; t < data->at[data->sequences]; t++) gamma[t * s->states + (size_t)labels[t]] = 1;
  for (size_t j = 0; s->parts > 1 && j < s->states; j++)
    scatter(d, data, s->dims, labels, (int32_t)j, s->parts, h->mean + j * s->parts * s->dims, far);
  if (s->parts > 1) nearest_parts(h, data, labels, parts);
  return rapt__hmm_refit(ctx, h, data, gamma, parts, floor);
}

rapt_status rapt__hmm_guess_pieces(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, double floor,
                                   uint64_t seed, uint64_t stream) {
  const rapt__hmm_shape *s = &h->shape;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  size_t count = data->at[data->sequences], n = s->states, mix = s->parts > 1 ? s->parts : 0;
  int32_t *labels = rapt__new(ctx, count, sizeof *labels);
  double *gamma = rapt__new(ctx, count, n * sizeof *gamma), *far = rapt__new(ctx, count, sizeof *far);
  double *parts = mix ? rapt__new(ctx, count * n, mix * sizeof *parts) : NULL;
  rapt_status status = labels && gamma && far && (parts || !mix) ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    for (size_t i = 0; i < data->sequences; i++)
      for (size_t t = data->at[i], steps = data->at[i + 1] - t; t < data->at[i + 1]; t++)
        labels[t] = (int32_t)((t - data->at[i]) * n / steps);
    draws d = {seed, stream, 0};
    status = fit_labels(ctx, h, data, labels, floor, &d, gamma, parts, far);
  }
  rapt__free(ctx, labels);
  rapt__free(ctx, gamma);
  rapt__free(ctx, far);
  rapt__free(ctx, parts);
  return status;
}

/* ---- Counting ---- */

/* log of (count + add) / sum for what can happen; a row without anything keeps what it has. */
static void set_row(double *log_row, const double *counts, size_t n, double add) {
  double sum = 0;
  for (size_t i = 0; i < n; i++)
    if (log_row[i] != -INFINITY) sum += counts[i] + add;
  for (size_t i = 0; sum > 0 && i < n; i++)
    if (log_row[i] != -INFINITY) log_row[i] = log((counts[i] + add) / sum);
}

static rapt_status count_labels(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const int32_t *labels,
                                double add, double *counts) {
  size_t n = h->shape.states, width = n > h->shape.symbols ? n : h->shape.symbols;
  double *starts = counts, *moves = counts + width, *symbols = moves + n * n;
  for (size_t i = 0; i < data->sequences; i++) {
    starts[labels[data->at[i]]]++;
    for (size_t t = data->at[i] + 1; t < data->at[i + 1]; t++) moves[(size_t)labels[t - 1] * n + (size_t)labels[t]]++;
  }
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < n; j++)
      if (moves[i * n + j] > 0 && h->chain.log_step[i * n + j] == -INFINITY)
        return rapt__fail(ctx, RAPT_EINVAL, "hmm: the labels go from state %zu to %zu, which the model forbids", i, j);
  set_row(h->chain.log_start, starts, n, add);
  for (size_t i = 0; i < n; i++) set_row(h->chain.log_step + i * n, moves + i * n, n, add);
  if (h->shape.kind != RAPT__HMM_DISCRETE) return RAPT_OK;
  size_t s = h->shape.symbols;
  for (size_t t = 0; t < data->at[data->sequences]; t++) symbols[(size_t)labels[t] * s + (size_t)data->symbols[t]]++;
  for (size_t i = 0; i < n; i++) {
    memset(h->log_emit + i * s, 0, s * sizeof *h->log_emit);
    set_row(h->log_emit + i * s, symbols + i * s, s, add);
  }
  return RAPT_OK;
}

rapt_status rapt__hmm_count(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const int32_t *labels,
                            double add, double floor) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, count;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  if (s->parts > 1) return rapt__fail(ctx, RAPT_EINVAL, "hmm: labels do not say the components of a mixture");
  count = data->at[data->sequences];
  for (size_t t = 0; t < count; t++)
    if (labels[t] < 0 || (size_t)labels[t] >= n)
      return rapt__fail(ctx, RAPT_EINVAL, "hmm: label %d of step %zu is not below %zu", (int)labels[t], t, n);
  size_t width = n > s->symbols ? n : s->symbols;
  double *counts = rapt__new(ctx, width + n * n + n * s->symbols, sizeof *counts);
  if (!counts) return RAPT_ENOMEM;
  rapt_status status = count_labels(ctx, h, data, labels, add, counts);
  rapt__free(ctx, counts);
  if (status != RAPT_OK || s->kind == RAPT__HMM_DISCRETE) return status;
  double *gamma = rapt__new(ctx, count, n * sizeof *gamma);
  if (!gamma) return RAPT_ENOMEM;
  status = fit_labels(ctx, h, data, labels, floor, NULL, gamma, NULL, NULL);
  rapt__free(ctx, gamma);
  return status;
}
