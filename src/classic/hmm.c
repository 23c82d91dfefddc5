/* Hidden Markov models: making them, topologies, counting parameters, sampling. */
#include "classic/hmm.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* How many numbers `cov` holds. */
static size_t cov_size(const rapt__hmm_shape *s) {
  return s->states * s->parts * s->dims * (s->kind == RAPT__HMM_FULL ? s->dims : 1);
}

static rapt_status check_shape(rapt_context *ctx, const rapt__hmm_shape *s) {
  enum { MOST = 1 << 20 };
  bool gaussian = s->kind != RAPT__HMM_DISCRETE;
  if (s->states == 0 || s->states > 4096)
    return rapt__fail(ctx, RAPT_EINVAL, "hmm: %zu states; from 1 to 4096 are possible", s->states);
  if (!gaussian && (s->symbols == 0 || s->symbols > MOST))
    return rapt__fail(ctx, RAPT_EINVAL, "hmm: %zu symbols; from 1 to %d are possible", s->symbols, (int)MOST);
  if (gaussian && (s->dims == 0 || s->dims > 1024 || s->parts == 0 || s->parts > 1024))
    return rapt__fail(ctx, RAPT_EINVAL, "hmm: %zu components of %zu dimensions; from 1 to 1024 of each are possible",
                      s->parts, s->dims);
  return RAPT_OK;
}

static void fill(double *to, size_t count, double value) {
  for (size_t i = 0; i < count; i++) to[i] = value;
}

rapt_status rapt__hmm_new(rapt__arena *arena, const rapt__hmm_shape *shape, rapt__hmm *out) {
  *out = (rapt__hmm){.shape = *shape};
  RAPT_TRY(check_shape(arena->ctx, shape));
  rapt__hmm_shape *s = &out->shape;
  size_t n = s->states;
  if (s->kind == RAPT__HMM_DISCRETE)
    s->dims = s->parts = 0;
  else
    s->symbols = 0;
  out->chain =
      (rapt__hmm_chain){n, rapt__arena_new(arena, n, sizeof(double)), rapt__arena_new(arena, n * n, sizeof(double))};
  if (!out->chain.log_start || !out->chain.log_step) return RAPT_ENOMEM;
  fill(out->chain.log_start, n, -log((double)n));
  fill(out->chain.log_step, n * n, -log((double)n));
  if (s->kind == RAPT__HMM_DISCRETE) {
    out->log_emit = rapt__arena_new(arena, n * s->symbols, sizeof(double));
    if (!out->log_emit) return RAPT_ENOMEM;
    fill(out->log_emit, n * s->symbols, -log((double)s->symbols));
    return RAPT_OK;
  }
  size_t parts = n * s->parts, cov = cov_size(s);
  out->log_weight = rapt__arena_new(arena, parts, sizeof(double));
  out->log_norm = rapt__arena_new(arena, parts, sizeof(double));
  out->mean = rapt__arena_new(arena, parts * s->dims, sizeof(double));
  out->cov = rapt__arena_new(arena, cov, sizeof(double));
  out->factor = s->kind == RAPT__HMM_FULL ? rapt__arena_new(arena, cov, sizeof(double)) : NULL;
  if (!out->log_weight || !out->log_norm || !out->mean || !out->cov || (s->kind == RAPT__HMM_FULL && !out->factor))
    return RAPT_ENOMEM;
  fill(out->log_weight, parts, -log((double)s->parts));
  size_t side = s->dims, square = side * side;
  for (size_t i = 0; i < cov; i++) out->cov[i] = s->kind == RAPT__HMM_DIAGONAL || i % square % (side + 1) == 0;
  return rapt__hmm_prepare(arena->ctx, out);
}

void rapt__hmm_copy(const rapt__hmm *from, rapt__hmm *to) {
  const rapt__hmm_shape *s = &from->shape;
  size_t n = s->states, bytes = sizeof(double), parts = n * s->parts;
  memcpy(to->chain.log_start, from->chain.log_start, n * bytes);
  memcpy(to->chain.log_step, from->chain.log_step, n * n * bytes);
  if (s->kind == RAPT__HMM_DISCRETE) {
    memcpy(to->log_emit, from->log_emit, n * s->symbols * bytes);
    return;
  }
  memcpy(to->log_weight, from->log_weight, parts * bytes);
  memcpy(to->log_norm, from->log_norm, parts * bytes);
  memcpy(to->mean, from->mean, parts * s->dims * bytes);
  memcpy(to->cov, from->cov, cov_size(s) * bytes);
  if (s->kind == RAPT__HMM_FULL) memcpy(to->factor, from->factor, cov_size(s) * bytes);
}

rapt_status rapt__hmm_check(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data) {
  const rapt__hmm_shape *s = &h->shape;
  if (data->sequences == 0) return rapt__fail(ctx, RAPT_EINVAL, "hmm: there are no sequences");
  for (size_t i = 0; i < data->sequences; i++)
    if (data->at[i] >= data->at[i + 1]) return rapt__fail(ctx, RAPT_EINVAL, "hmm: sequence %zu is empty", i);
  size_t count = data->at[data->sequences];
  for (size_t t = 0; s->kind == RAPT__HMM_DISCRETE && t < count; t++)
    if (data->symbols[t] < 0 || (size_t)data->symbols[t] >= s->symbols)
      return rapt__fail(ctx, RAPT_EINVAL, "hmm: symbol %d of step %zu is not below %zu", (int)data->symbols[t], t,
                        s->symbols);
  for (size_t i = 0; s->kind != RAPT__HMM_DISCRETE && i < count * s->dims; i++)
    if (!isfinite(data->values[i]) || fabs(data->values[i]) > 1e100)
      return rapt__fail(ctx, RAPT_ENAN, "hmm: value %zu of step %zu is not finite or too large", i % s->dims,
                        i / s->dims);
  return RAPT_OK;
}

void rapt__hmm_left_right(rapt__hmm *h, size_t reach) {
  size_t n = h->shape.states;
  for (size_t i = 0; i < n; i++) {
    size_t last = reach < n - 1 - i ? i + reach : n - 1;
    h->chain.log_start[i] = i == 0 ? 0 : -INFINITY;
    for (size_t j = 0; j < n; j++)
      h->chain.log_step[i * n + j] = j >= i && j <= last ? -log((double)(last - i + 1)) : -INFINITY;
  }
}

/* Of one row that sums to one. */
static size_t row_parameters(const double *row, size_t count) {
  size_t possible = 0;
  for (size_t i = 0; i < count; i++) possible += row[i] != -INFINITY;
  return possible ? possible - 1 : 0;
}

size_t rapt__hmm_parameters(const rapt__hmm *h) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, sum = row_parameters(h->chain.log_start, n);
  for (size_t i = 0; i < n; i++) sum += row_parameters(h->chain.log_step + i * n, n);
  if (s->kind == RAPT__HMM_DISCRETE) return sum + n * (s->symbols - 1);
  size_t cov = s->kind == RAPT__HMM_FULL ? s->dims * (s->dims + 1) / 2 : s->dims;
  return sum + n * (s->parts - 1) + n * s->parts * (s->dims + cov);
}

double rapt__hmm_bic(double log_likelihood, size_t parameters, size_t observations) {
  return -2 * log_likelihood + (double)parameters * log((double)observations);
}

/* ---- Sampling ---- */

/* The draws of a sequence are numbered, so that each is a place in the stream. */
typedef struct draws {
  uint64_t seed, stream, next;
} draws;

static size_t draw(draws *d, const double *log_p, size_t count) {
  double u = rapt__rng_uniform(d->seed, d->stream, d->next++), sum = 0;
  size_t last = 0; /* of those that can happen, should rounding leave u above the sum */
  for (size_t i = 0; i < count; i++) {
    if (log_p[i] == -INFINITY) continue;
    sum += exp(log_p[i]);
    last = i;
    if (u < sum) break;
  }
  return last;
}

/* mean + L z, or mean + √variance z. */
static void draw_values(const rapt__hmm *h, draws *d, size_t part, double *x) {
  size_t dims = h->shape.dims;
  for (size_t i = 0; i < dims; i++) x[i] = h->mean[part * dims + i];
  for (size_t j = 0; j < dims; j++) {
    double z = rapt__rng_normal(d->seed, d->stream, d->next++);
    if (h->shape.kind == RAPT__HMM_DIAGONAL)
      x[j] += sqrt(h->cov[part * dims + j]) * z;
    else
      for (size_t i = j; i < dims; i++) x[i] += h->factor[(part * dims + i) * dims + j] * z;
  }
}

void rapt__hmm_sample(const rapt__hmm *h, uint64_t seed, uint64_t stream, size_t steps, int32_t *states,
                      int32_t *symbols, double *values) {
  const rapt__hmm_shape *s = &h->shape;
  draws d = {seed, stream, 0};
  size_t now = 0;
  for (size_t t = 0; t < steps; t++) {
    now = draw(&d, t ? h->chain.log_step + now * s->states : h->chain.log_start, s->states);
    if (states) states[t] = (int32_t)now;
    if (s->kind == RAPT__HMM_DISCRETE)
      symbols[t] = (int32_t)draw(&d, h->log_emit + now * s->symbols, s->symbols);
    else
      draw_values(h, &d, now * s->parts + draw(&d, h->log_weight + now * s->parts, s->parts), values + t * s->dims);
  }
}
