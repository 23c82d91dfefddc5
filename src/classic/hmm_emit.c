/* Hidden Markov models: what the states emit, symbols or mixtures of Gaussians, and the best fit to given posteriors. */
#include "classic/hmm.h"

#include <math.h>
#include <string.h>

static const double log_two_pi = 1.8378770664093454836;

/* Lower triangle of Cholesky's factor; false where `a` is not positive definite. */
static bool cholesky(const double *a, size_t n, double *l) {
  memset(l, 0, n * n * sizeof *l);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j <= i; j++) {
      double sum = a[i * n + j];
      for (size_t k = 0; k < j; k++) sum -= l[i * n + k] * l[j * n + k];
      if (i == j && !(sum > 0 && isfinite(sum))) return false;
      l[i * n + j] = i == j ? sqrt(sum) : sum / l[j * n + j];
    }
  return true;
}

rapt_status rapt__hmm_prepare(rapt_context *ctx, rapt__hmm *h) {
  const rapt__hmm_shape *s = &h->shape;
  size_t d = s->dims;
  if (s->kind == RAPT__HMM_DISCRETE) return RAPT_OK;
  for (size_t p = 0; p < s->states * s->parts; p++) {
    double log_det = 0;
    bool fine = true;
    if (s->kind == RAPT__HMM_FULL) {
      fine = cholesky(h->cov + p * d * d, d, h->factor + p * d * d);
      for (size_t i = 0; fine && i < d; i++) log_det += 2 * log(h->factor[p * d * d + i * (d + 1)]);
    } else {
      for (size_t i = 0; fine && i < d; i++) {
        double v = h->cov[p * d + i];
        fine = v > 0 && isfinite(v);
        if (fine) log_det += log(v);
      }
    }
    if (!fine)
      return rapt__fail(ctx, RAPT_EINVAL,
                        "hmm: the covariance of state %zu, component %zu is not positive definite; give a larger "
                        "smallest variance, fewer states or more data",
                        p / s->parts, p % s->parts);
    h->log_norm[p] = -0.5 * ((double)d * log_two_pi + log_det);
  }
  return RAPT_OK;
}

/* log of the Gaussian density of one component; z (D) is scratch. */
static double log_density(const rapt__hmm *h, size_t part, const double *x, double *z) {
  size_t d = h->shape.dims;
  const double *mean = h->mean + part * d;
  double square = 0;
  for (size_t i = 0; i < d; i++) {
    double off = x[i] - mean[i];
    if (h->shape.kind == RAPT__HMM_DIAGONAL) {
      square += off * off / h->cov[part * d + i];
      continue;
    }
    const double *row = h->factor + (part * d + i) * d; /* z = L⁻¹ (x − mean) */
    for (size_t k = 0; k < i; k++) off -= row[k] * z[k];
    z[i] = off / row[i];
    square += z[i] * z[i];
  }
  return h->log_norm[part] - 0.5 * square;
}

void rapt__hmm_emissions(const rapt__hmm *h, const rapt__hmm_data *data, size_t first, size_t count, double *log_b,
                         double *log_parts, double *scratch) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, parts = s->parts;
  for (size_t t = 0; t < count; t++)
    for (size_t j = 0; j < n; j++) {
      if (s->kind == RAPT__HMM_DISCRETE) {
        log_b[t * n + j] = h->log_emit[j * s->symbols + (size_t)data->symbols[first + t]];
        continue;
      }
      double *of = log_parts ? log_parts + (t * n + j) * parts : scratch + s->dims;
      for (size_t m = 0; m < parts; m++) {
        double weight = h->log_weight[j * parts + m];
        of[m] = weight == -INFINITY
                    ? weight
                    : weight + log_density(h, j * parts + m, data->values + (first + t) * s->dims, scratch);
      }
      log_b[t * n + j] = rapt__log_sum(of, parts);
    }
}

/* ---- Fitting ---- */

/* Eigenvalues of the symmetric `a` (n, n) onto its diagonal, eigenvectors into the columns of v, by Jacobi's rotations. */
static void jacobi(double *a, double *v, size_t n) {
  for (size_t i = 0; i < n * n; i++) v[i] = i % (n + 1) == 0;
  for (int sweep = 0; sweep < 60; sweep++) {
    double off = 0, on = 0;
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++) *(i == j ? &on : &off) += a[i * n + j] * a[i * n + j];
    if (off <= 1e-30 * on) return;
    for (size_t p = 0; p + 1 < n; p++)
      for (size_t q = p + 1; q < n; q++) {
        if (a[p * n + q] == 0) continue;
        double theta = (a[q * n + q] - a[p * n + p]) / (2 * a[p * n + q]);
        double t = (theta >= 0 ? 1 : -1) / (fabs(theta) + sqrt(theta * theta + 1)), c = 1 / sqrt(t * t + 1), w = t * c;
        for (size_t k = 0; k < n; k++) {
          double x = a[k * n + p], y = a[k * n + q];
          a[k * n + p] = c * x - w * y, a[k * n + q] = w * x + c * y;
        }
        for (size_t k = 0; k < n; k++) {
          double x = a[p * n + k], y = a[q * n + k];
          a[p * n + k] = c * x - w * y, a[q * n + k] = w * x + c * y;
          x = v[k * n + p], y = v[k * n + q];
          v[k * n + p] = c * x - w * y, v[k * n + q] = w * x + c * y;
        }
      }
  }
}

/* Variances below the floor become the floor, in the directions of the eigenvectors. That is the likeliest covariance among
 * those that the floor allows, so training still never falls. work (2, D, D). */
static void raise_full(double *cov, size_t d, double floor, double *work) {
  double *a = work, *v = work + d * d;
  memcpy(a, cov, d * d * sizeof *a);
  jacobi(a, v, d);
  bool low = false;
  for (size_t i = 0; i < d; i++) low = low || a[i * (d + 1)] < floor;
  if (!low) return;
  for (size_t i = 0; i < d; i++)
    for (size_t j = 0; j < d; j++) {
      double sum = 0;
      for (size_t k = 0; k < d; k++) sum += v[i * d + k] * fmax(a[k * (d + 1)], floor) * v[j * d + k];
      cov[i * d + j] = sum;
    }
}

/* The share of step t in component m of state j. */
static double share(const rapt__hmm_shape *s, const double *gamma, const double *parts, size_t t, size_t j, size_t m) {
  return s->parts == 1 ? gamma[t * s->states + j] : parts[(t * s->states + j) * s->parts + m];
}

/* Mean and covariance of one component; `total` is the sum of its shares. */
static void fit_part(rapt__hmm *h, const rapt__hmm_data *data, const double *gamma, const double *parts, size_t j,
                     size_t m, double total, double floor, double *work) {
  const rapt__hmm_shape *s = &h->shape;
  size_t d = s->dims, count = data->at[data->sequences], part = j * s->parts + m;
  bool full = s->kind == RAPT__HMM_FULL;
  double *mean = h->mean + part * d, *cov = h->cov + part * d * (full ? d : 1);
  memset(mean, 0, d * sizeof *mean);
  memset(cov, 0, d * (full ? d : 1) * sizeof *cov);
  for (size_t t = 0; t < count; t++) {
    double w = share(s, gamma, parts, t, j, m);
    for (size_t i = 0; i < d; i++) mean[i] += w * data->values[t * d + i];
  }
  for (size_t i = 0; i < d; i++) mean[i] /= total;
  for (size_t t = 0; t < count; t++) {
    double w = share(s, gamma, parts, t, j, m);
    const double *x = data->values + t * d;
    for (size_t i = 0; i < d; i++) {
      double off = x[i] - mean[i];
      if (!full) cov[i] += w * off * off;
      for (size_t k = 0; full && k <= i; k++) cov[i * d + k] += w * off * (x[k] - mean[k]);
    }
  }
  for (size_t i = 0; i < d; i++) {
    if (!full) cov[i] = fmax(cov[i] / total, floor);
    for (size_t k = 0; full && k <= i; k++) cov[k * d + i] = cov[i * d + k] /= total;
  }
  if (full && floor > 0) raise_full(cov, d, floor, work);
}

static void fit_symbols(rapt__hmm *h, const rapt__hmm_data *data, const double *gamma, double *counts) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, count = data->at[data->sequences];
  memset(counts, 0, n * s->symbols * sizeof *counts);
  for (size_t t = 0; t < count; t++)
    for (size_t j = 0; j < n; j++) counts[j * s->symbols + (size_t)data->symbols[t]] += gamma[t * n + j];
  for (size_t j = 0; j < n; j++) {
    double total = 0;
    for (size_t k = 0; k < s->symbols; k++) total += counts[j * s->symbols + k];
    for (size_t k = 0; total > 0 && k < s->symbols; k++) {
      double p = counts[j * s->symbols + k] / total;
      h->log_emit[j * s->symbols + k] = p < RAPT__HMM_LEAST ? -INFINITY : log(p);
    }
  }
}

static void fit_gaussians(rapt__hmm *h, const rapt__hmm_data *data, const double *gamma, const double *parts,
                          double floor, double *work) {
  const rapt__hmm_shape *s = &h->shape;
  size_t count = data->at[data->sequences];
  for (size_t j = 0; j < s->states; j++) {
    double state = 0;
    for (size_t t = 0; t < count; t++) state += gamma[t * s->states + j];
    if (!(state > 0)) continue;
    for (size_t m = 0; m < s->parts; m++) {
      double total = 0;
      for (size_t t = 0; t < count; t++) total += share(s, gamma, parts, t, j, m);
      h->log_weight[j * s->parts + m] = log(total / state);
      if (total > 0) fit_part(h, data, gamma, parts, j, m, total, floor, work);
    }
  }
}

rapt_status rapt__hmm_refit(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const double *gamma,
                            const double *parts, double floor) {
  const rapt__hmm_shape *s = &h->shape;
  bool discrete = s->kind == RAPT__HMM_DISCRETE;
  double *work = rapt__new(ctx, discrete ? s->states * s->symbols : 2 * s->dims * s->dims, sizeof *work);
  if (!work) return RAPT_ENOMEM;
  if (discrete)
    fit_symbols(h, data, gamma, work);
  else
    fit_gaussians(h, data, gamma, parts, floor, work);
  rapt__free(ctx, work);
  return rapt__hmm_prepare(ctx, h);
}
