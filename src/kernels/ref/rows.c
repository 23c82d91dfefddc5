/* Softmax, normalisation and rotation of single rows in plain C, computed in double. */
#include "kernels/variants.h"

#include <math.h>

static double row_max(int64_t n, const real *x) {
  double most = -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    double v = (double)x[i];
    if (v != v) return v;
    if (v > most) most = v;
  }
  return most;
}

static double sum_exp(int64_t n, const real *x, double most) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += exp((double)x[i] - most);
  return sum;
}

static double logsumexp(int64_t n, const real *x) {
  double most = row_max(n, x);
  return isinf(most) ? most : most + log(sum_exp(n, x, most));
}

static void k_softmax_ref(int64_t n, const real *x, real *y) {
  double most = row_max(n, x);
  if (most == -INFINITY) {
    for (int64_t i = 0; i < n; i++) y[i] = 0;
    return;
  }
  double sum = sum_exp(n, x, most);
  for (int64_t i = 0; i < n; i++) y[i] = (real)(exp((double)x[i] - most) / sum);
}

static void k_softmax_grad_ref(int64_t n, const real *y, const real *dy, real *dx) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)y[i] * (double)dy[i];
  for (int64_t i = 0; i < n; i++) dx[i] = (real)((double)y[i] * ((double)dy[i] - sum));
}

static void k_log_softmax_ref(int64_t n, const real *x, real *y) {
  double lse = logsumexp(n, x);
  for (int64_t i = 0; i < n; i++) y[i] = lse == -INFINITY ? (real)-INFINITY : (real)((double)x[i] - lse);
}

static void k_log_softmax_grad_ref(int64_t n, const real *y, const real *dy, real *dx) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)dy[i];
  for (int64_t i = 0; i < n; i++) dx[i] = (real)((double)dy[i] - exp((double)y[i]) * sum);
}

static real k_logsumexp_ref(int64_t n, const real *x) { return (real)logsumexp(n, x); }

static void k_exp_shift_ref(int64_t n, real shift, real scale, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = (real)((double)scale * exp((double)x[i] + (double)shift));
}

static double count_of(int64_t n) { return n > 0 ? (double)n : 1; }

static void k_layer_norm_ref(int64_t n, const real *x, const real *weight, const real *bias, real eps, real *y,
                             real *mean, real *rstd) {
  double sum = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  double m = sum / count_of(n);
  for (int64_t i = 0; i < n; i++) squares += ((double)x[i] - m) * ((double)x[i] - m);
  double r = 1 / sqrt(squares / count_of(n) + (double)eps);
  for (int64_t i = 0; i < n; i++) {
    double v = ((double)x[i] - m) * r;
    if (weight) v *= (double)weight[i];
    if (bias) v += (double)bias[i];
    y[i] = (real)v;
  }
  *mean = (real)m;
  *rstd = (real)r;
}

static void k_layer_norm_grad_ref(int64_t n, const real *x, const real *weight, real mean, real rstd, const real *dy,
                                  real *dx) {
  double sum = 0, along = 0, m = (double)mean, r = (double)rstd;
  for (int64_t i = 0; i < n; i++) {
    double g = (double)dy[i] * (weight ? (double)weight[i] : 1);
    sum += g;
    along += g * ((double)x[i] - m) * r;
  }
  sum /= count_of(n);
  along /= count_of(n);
  for (int64_t i = 0; i < n; i++) {
    double g = (double)dy[i] * (weight ? (double)weight[i] : 1);
    dx[i] = (real)(r * (g - sum - ((double)x[i] - m) * r * along));
  }
}

static void k_rms_norm_ref(int64_t n, const real *x, const real *weight, real eps, real *y, real *rstd) {
  double squares = 0;
  for (int64_t i = 0; i < n; i++) squares += (double)x[i] * (double)x[i];
  double r = 1 / sqrt(squares / count_of(n) + (double)eps);
  for (int64_t i = 0; i < n; i++) y[i] = (real)((double)x[i] * r * (weight ? (double)weight[i] : 1));
  *rstd = (real)r;
}

static void k_rms_norm_grad_ref(int64_t n, const real *x, const real *weight, real rstd, const real *dy, real *dx) {
  double along = 0, r = (double)rstd;
  for (int64_t i = 0; i < n; i++) along += (double)dy[i] * (weight ? (double)weight[i] : 1) * (double)x[i] * r;
  along /= count_of(n);
  for (int64_t i = 0; i < n; i++) {
    double g = (double)dy[i] * (weight ? (double)weight[i] : 1);
    dx[i] = (real)(r * (g - (double)x[i] * r * along));
  }
}

static void k_rotate_ref(int64_t n, bool halves, real sign, const real *cs, const real *x, real *y) {
  for (int64_t i = 0; i < n / 2; i++) {
    int64_t first = halves ? i : 2 * i, second = halves ? i + n / 2 : 2 * i + 1;
    double c = (double)cs[2 * i], s = (double)sign * (double)cs[2 * i + 1];
    double u = (double)x[first], v = (double)x[second];
    y[first] = (real)(u * c - v * s);
    y[second] = (real)(v * c + u * s);
  }
}

static real k_soften_ref(int64_t n, real *x, real *top) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++)
    if (x[i] > *top) *top = x[i];
  bool none = *top == -INFINITY;
  for (int64_t i = 0; i < n; i++) {
    x[i] = none && x[i] == x[i] ? 0 : (real)exp((double)x[i] - (double)*top);
    sum += (double)x[i];
  }
  if (sum != sum) *top = (real)sum;
  return (real)sum;
}

static void k_soften_grad_ref(int64_t n, real lse, real d, real *p, real *ds) {
  for (int64_t i = 0; i < n; i++) {
    double share = exp((double)p[i] - (double)lse);
    p[i] = (real)share;
    ds[i] = (real)(share * ((double)ds[i] - (double)d));
  }
}

void rapt__rows_ref(k_kernels *t) {
  t->soften = k_soften_ref;
  t->soften_grad = k_soften_grad_ref;
  t->softmax = k_softmax_ref;
  t->softmax_grad = k_softmax_grad_ref;
  t->log_softmax = k_log_softmax_ref;
  t->log_softmax_grad = k_log_softmax_grad_ref;
  t->logsumexp = k_logsumexp_ref;
  t->exp_shift = k_exp_shift_ref;
  t->layer_norm = k_layer_norm_ref;
  t->layer_norm_grad = k_layer_norm_grad_ref;
  t->rms_norm = k_rms_norm_ref;
  t->rms_norm_grad = k_rms_norm_grad_ref;
  t->rotate = k_rotate_ref;
}
