/* Softmax, normalisation and rotation of single rows over the vectors of whichever simd.h was included before. Sums are
 * carried in two vectors of lanes, taken alternately. */
#include "kernels/simd/math.h"

static float row_max(int64_t n, const real *x) {
  vf most = vf_set(-INFINITY);
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    most = vf_max(most, vf_select(vi_first(n - i), vf_load_upto(x + i, n - i), vf_set(-INFINITY)));
  }
  float lane[VF_WIDTH];
  vf_store(lane, most);
  for (int j = 1; j < VF_WIDTH; j++) lane[0] = lane[j] > lane[0] || lane[j] != lane[j] ? lane[j] : lane[0];
  return lane[0];
}

/* Σ exp(x − most); y receives the terms unless it is NULL. */
static inline float exp_row(int64_t n, const real *x, float most, real *y) {
  vf sum[2] = {vf_set(0), vf_set(0)};
  vf shift = vf_set(most);
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf e = vf_exp(vf_load_upto(x + i, n - i) - shift);
    if (y) vf_store_upto(y + i, n - i, e);
    if (n - i < VF_WIDTH) e = vf_select(vi_first(n - i), e, vf_set(0));
    vf swap = sum[0];
    sum[0] = sum[1];
    sum[1] = swap + e;
  }
  return vf_sum(sum[0] + sum[1]);
}

static void K_ISA(k_softmax)(int64_t n, const real *x, real *y) {
  float most = row_max(n, x);
  if (most == -INFINITY) {
    for (int64_t i = 0; i < n; i++) y[i] = 0;
    return;
  }
  vf share = vf_set(1 / exp_row(n, x, most, y));
  for (int64_t i = 0; i < n; i += VF_WIDTH) vf_store_upto(y + i, n - i, vf_load_upto(y + i, n - i) * share);
}

static void K_ISA(k_softmax_grad)(int64_t n, const real *y, const real *dy, real *dx) {
  vf sum = vf_set(0);
  for (int64_t i = 0; i < n; i += VF_WIDTH) sum = vf_fma(vf_load_upto(y + i, n - i), vf_load_upto(dy + i, n - i), sum);
  vf all = vf_set(vf_sum(sum));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(dx + i, n - i, vf_load_upto(y + i, n - i) * (vf_load_upto(dy + i, n - i) - all));
  }
}

static void K_ISA(k_log_softmax)(int64_t n, const real *x, real *y) {
  float most = row_max(n, x);
  if (most == -INFINITY) {
    for (int64_t i = 0; i < n; i++) y[i] = -INFINITY;
    return;
  }
  /* An infinite maximum is its own logsumexp: subtracting it alone gives −∞, or NaN at the maximum, as in ref. */
  vf shift = vf_set(most), rest = vf_set(isinf(most) ? 0 : logf(exp_row(n, x, most, NULL)));
  for (int64_t i = 0; i < n; i += VF_WIDTH) { vf_store_upto(y + i, n - i, vf_load_upto(x + i, n - i) - shift - rest); }
}

static void K_ISA(k_log_softmax_grad)(int64_t n, const real *y, const real *dy, real *dx) {
  vf sum = vf_set(0);
  for (int64_t i = 0; i < n; i += VF_WIDTH) sum += vf_load_upto(dy + i, n - i);
  vf all = vf_set(vf_sum(sum));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(dx + i, n - i, vf_fnma(vf_exp(vf_load_upto(y + i, n - i)), all, vf_load_upto(dy + i, n - i)));
  }
}

static real K_ISA(k_logsumexp)(int64_t n, const real *x) {
  float most = row_max(n, x);
  return isinf(most) ? most : most + logf(exp_row(n, x, most, NULL));
}

static void K_ISA(k_exp_shift)(int64_t n, real shift, real scale, const real *x, real *y) {
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(y + i, n - i, vf_set(scale) * vf_exp(vf_load_upto(x + i, n - i) + vf_set(shift)));
  }
}

static double count_of(int64_t n) { return n > 0 ? (double)n : 1; }

/* Σ (x − mean)² */
static inline float squares_around(int64_t n, const real *x, float mean) {
  vf sum[2] = {vf_set(0), vf_set(0)};
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf d = vf_load_upto(x + i, n - i) - vf_set(mean);
    if (n - i < VF_WIDTH) d = vf_select(vi_first(n - i), d, vf_set(0));
    vf swap = sum[0];
    sum[0] = sum[1];
    sum[1] = vf_fma(d, d, swap);
  }
  return vf_sum(sum[0] + sum[1]);
}

static void K_ISA(k_layer_norm)(int64_t n, const real *x, const real *weight, const real *bias, real eps, real *y,
                                real *mean, real *rstd) {
  vf sum[2] = {vf_set(0), vf_set(0)};
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf swap = sum[0];
    sum[0] = sum[1];
    sum[1] = swap + vf_load_upto(x + i, n - i);
  }
  float m = (float)((double)vf_sum(sum[0] + sum[1]) / count_of(n));
  float r = (float)(1 / sqrt((double)squares_around(n, x, m) / count_of(n) + (double)eps));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf v = (vf_load_upto(x + i, n - i) - vf_set(m)) * vf_set(r);
    if (weight) v *= vf_load_upto(weight + i, n - i);
    if (bias) v += vf_load_upto(bias + i, n - i);
    vf_store_upto(y + i, n - i, v);
  }
  *mean = m;
  *rstd = r;
}

/* The incoming gradient times the norm's weight. */
static inline vf weighted(const real *dy, const real *weight, int64_t i, int64_t n) {
  vf g = vf_load_upto(dy + i, n - i);
  if (weight) g *= vf_load_upto(weight + i, n - i);
  return g;
}

static void K_ISA(k_layer_norm_grad)(int64_t n, const real *x, const real *weight, real mean, real rstd, const real *dy,
                                     real *dx) {
  vf sum = vf_set(0), along = vf_set(0), m = vf_set(mean), r = vf_set(rstd);
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf g = weighted(dy, weight, i, n);
    sum += g;
    along = vf_fma(g, (vf_load_upto(x + i, n - i) - m) * r, along);
  }
  vf g_mean = vf_set((float)((double)vf_sum(sum) / count_of(n)));
  vf a_mean = vf_set((float)((double)vf_sum(along) / count_of(n)));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf h = (vf_load_upto(x + i, n - i) - m) * r;
    vf_store_upto(dx + i, n - i, r * vf_fnma(h, a_mean, weighted(dy, weight, i, n) - g_mean));
  }
}

static void K_ISA(k_rms_norm)(int64_t n, const real *x, const real *weight, real eps, real *y, real *rstd) {
  float r = (float)(1 / sqrt((double)squares_around(n, x, 0) / count_of(n) + (double)eps));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf v = vf_load_upto(x + i, n - i) * vf_set(r);
    if (weight) v *= vf_load_upto(weight + i, n - i);
    vf_store_upto(y + i, n - i, v);
  }
  *rstd = r;
}

static void K_ISA(k_rms_norm_grad)(int64_t n, const real *x, const real *weight, real rstd, const real *dy, real *dx) {
  vf along = vf_set(0), r = vf_set(rstd);
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    along = vf_fma(weighted(dy, weight, i, n), vf_load_upto(x + i, n - i) * r, along);
  }
  vf a_mean = vf_set((float)((double)vf_sum(along) / count_of(n)));
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(dx + i, n - i, r * vf_fnma(vf_load_upto(x + i, n - i) * r, a_mean, weighted(dy, weight, i, n)));
  }
}

static void K_ISA(k_rotate)(int64_t n, bool halves, real sign, const real *cs, const real *x, real *y) {
  int64_t half = n / 2, i = 0;
  for (; i + VF_WIDTH <= half; i += VF_WIDTH) {
    vf c, s, u, v;
    vf_load_pairs(cs + 2 * i, &c, &s);
    s *= vf_set(sign);
    if (halves) {
      u = vf_load(x + i);
      v = vf_load(x + half + i);
      vf_store(y + i, vf_fnma(v, s, u * c));
      vf_store(y + half + i, vf_fma(u, s, v * c));
    } else {
      vf_load_pairs(x + 2 * i, &u, &v);
      vf_store_pairs(y + 2 * i, vf_fnma(v, s, u * c), vf_fma(u, s, v * c));
    }
  }
  for (; i < half; i++) {
    int64_t first = halves ? i : 2 * i, second = halves ? i + half : 2 * i + 1;
    float c = cs[2 * i], s = sign * cs[2 * i + 1], u = x[first], v = x[second];
    y[first] = u * c - v * s;
    y[second] = v * c + u * s;
  }
}

static real K_ISA(k_soften)(int64_t n, real *x, real *top) {
  vf most = vf_set(*top);
  int64_t i = 0;
  for (; i + VF_WIDTH <= n; i += VF_WIDTH) most = vf_max_number(vf_load(x + i), most);
  if (i < n) most = vf_max_number(vf_select(vi_first(n - i), vf_load_part(x + i, n - i), most), most);
  *top = vf_top(most);
  vf shift = vf_set(*top == -INFINITY ? 0 : *top), sum[2] = {vf_set(0), vf_set(0)};
  for (i = 0; i + VF_WIDTH <= n; i += VF_WIDTH) {
    vf e = vf_exp_below(vf_load(x + i) - shift), swap = sum[0];
    vf_store(x + i, e);
    sum[0] = sum[1];
    sum[1] = swap + e;
  }
  if (i < n) {
    vf e = vf_exp_below(vf_load_part(x + i, n - i) - shift);
    vf_store_part(x + i, n - i, e);
    sum[0] += vf_select(vi_first(n - i), e, vf_set(0));
  }
  float all = vf_sum(sum[0] + sum[1]);
  if (all != all) *top = all;
  return all;
}

static void K_ISA(k_soften_grad)(int64_t n, real lse, real d, real *p, real *ds) {
  vf shift = vf_set(lse), dot = vf_set(d);
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf share = vf_exp_below(vf_load_upto(p + i, n - i) - shift);
    vf_store_upto(p + i, n - i, share);
    vf_store_upto(ds + i, n - i, share * (vf_load_upto(ds + i, n - i) - dot));
  }
}

static inline void set_rows(k_kernels *t) {
  t->soften = K_ISA(k_soften);
  t->soften_grad = K_ISA(k_soften_grad);
  t->softmax = K_ISA(k_softmax);
  t->softmax_grad = K_ISA(k_softmax_grad);
  t->log_softmax = K_ISA(k_log_softmax);
  t->log_softmax_grad = K_ISA(k_log_softmax_grad);
  t->logsumexp = K_ISA(k_logsumexp);
  t->exp_shift = K_ISA(k_exp_shift);
  t->layer_norm = K_ISA(k_layer_norm);
  t->layer_norm_grad = K_ISA(k_layer_norm_grad);
  t->rms_norm = K_ISA(k_rms_norm);
  t->rms_norm_grad = K_ISA(k_rms_norm_grad);
  t->rotate = K_ISA(k_rotate);
}
