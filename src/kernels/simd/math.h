/* Vector exp, log, tanh, erf and what is made of them, for whichever simd.h was included before.
 *
 * Polynomials are minimax fits of our own (Lawson iteration at Chebyshev nodes). Largest errors measured over every 977th
 * float against double precision (tests/kernels/test_vec.c holds them to these bounds):
 *   exp 1 ulp, log 2 ulp, tanh 2 ulp, erf 2 ulp, sigmoid 2 ulp; results below 2^-126 may be off by 1e-38 instead.
 * gelu, as 1 + erf, is off by that much of x, not of the result, where x is far below zero. */
#ifndef RAPT_SRC_KERNELS_SIMD_MATH_H
#define RAPT_SRC_KERNELS_SIMD_MATH_H

#include <float.h>
#include <math.h>

typedef uint32_t vu __attribute__((vector_size(4 * VF_WIDTH)));

#define LN2_HIGH 0.693359375f /* 10 bits: a product with an exponent is exact */
#define LN2_LOW -2.12194440e-4f
#define LOG2E 1.44269504f

static inline vf vf_abs(vf x) { return (vf)((vi)x & vi_set(0x7FFFFFFF)); }
static inline vf vf_copysign(vf size, vf sign) {
  return (vf)(((vi)size & vi_set(0x7FFFFFFF)) | ((vi)sign & vi_set(INT32_MIN)));
}

/* c[0] + c[1]·x + … + c[degree]·x^degree */
static inline vf vf_poly(vf x, int degree, const float *c) {
  vf y = vf_set(c[degree]);
  for (int i = degree - 1; i >= 0; i--) y = vf_fma(y, x, vf_set(c[i]));
  return y;
}

static inline vf vf_exp2_int(vi n) { return (vf)(((vu)n + (vu)vi_set(127)) << 23); }

/* x = n·ln 2 + r; 2ⁿ is applied in two halves, so that results overflow and underflow as they should. */
static inline vf vf_exp(vf x) {
  static const float c[] = {0.49999994f, 0.166665196f, 0.0416684896f, 0.0083687529f, 0.00138088537f};
  x = vf_at_most(89.0f, vf_at_least(-104.0f, x));
  vi n = vi_round(x * vf_set(LOG2E));
  vf whole = vf_from(n);
  vf r = vf_fnma(whole, vf_set(LN2_LOW), vf_fnma(whole, vf_set(LN2_HIGH), x));
  vf y = vf_fma(r * r, vf_poly(r, 4, c), r) + vf_set(1);
  vi half = n >> 1;
  return y * vf_exp2_int(half) * vf_exp2_int((vi)((vu)n - (vu)half));
}

/* For x hardly above 0: one scaling is enough, and results below 1.2e-38 are 0. */
static inline vf vf_exp_below(vf x) {
  static const float c[] = {0.49999994f, 0.166665196f, 0.0416684896f, 0.0083687529f, 0.00138088537f};
  vi gone = x < vf_set(-87.33f);
  x = vf_at_least(-87.33f, x);
  vi n = vi_round(x * vf_set(LOG2E));
  vf whole = vf_from(n);
  vf r = vf_fnma(whole, vf_set(LN2_LOW), vf_fnma(whole, vf_set(LN2_HIGH), x));
  vf y = vf_fma(r * r, vf_poly(r, 4, c), r) + vf_set(1);
  return vf_select(gone, vf_set(0), y * vf_exp2_int(n));
}

/* x = 2^k·(1 + f) with 1 + f in [√½, √2). */
static inline vf vf_log(vf x) {
  static const float c[] = {0.333333313f, -0.250008106f, 0.200012103f, -0.166236311f,
                            0.142023981f, -0.131584853f, 0.127564266f, -0.0763211921f};
  vi tiny = x < vf_set(FLT_MIN);
  vu bits = (vu)vf_select(tiny, x * vf_set(0x1p23f), x);
  vi k = (vi)(bits - (vu)vi_set(0x3F3504F3)) >> 23;
  vf f = (vf)(bits - ((vu)k << 23)) - vf_set(1);
  vf e = vf_from(k) - (vf)((vi)vf_set(23) & tiny);
  vf z = f * f;
  vf y = vf_fma(f * z, vf_poly(f, 7, c), e * vf_set(LN2_LOW));
  y = vf_fma(e, vf_set(LN2_HIGH), f + vf_fnma(vf_set(0.5f), z, y));
  y = vf_select(x == vf_set(0), vf_set(-INFINITY), y);
  y = vf_select(x == vf_set(INFINITY), x, y);
  return vf_select((x < vf_set(0)) | (x != x), vf_set(NAN), y);
}

/* log(1 + x) for 0 ≤ x ≤ 1: what rounding 1 + x lost is added to first order. */
static inline vf vf_log1p_unit(vf x) {
  vf u = vf_set(1) + x;
  return vf_log(u) + (x - (u - vf_set(1))) / u;
}

static inline vf vf_tanh(vf x) {
  static const float c[] = {-0.333332837f, 0.13331455f, -0.0537407249f, 0.0206421781f, -0.00570823904f};
  vf a = vf_abs(x), z = x * x;
  vf near = vf_fma(x * z, vf_poly(z, 4, c), x);
  vf far = vf_set(1) - vf_set(2) / (vf_exp(vf_at_most(20.0f, a + a)) + vf_set(1));
  return vf_select(a < vf_set(0.625f), near, vf_copysign(far, x));
}

/* Beyond 1, erf = 1 − exp(log erfc), the logarithm by a polynomial: its error counts only by the size of erfc. */
static inline vf vf_erf(vf x) {
  static const float c[] = {1.12837911f,    -0.37612626f,     0.112835854f,   -0.0268538278f,
                            0.00518836314f, -0.000801053655f, 7.85507218e-05f};
  static const float d[] = {-0.000342812651f, -1.1270839f,     -0.638153732f,  -0.103098758f,
                            0.0218340624f,    -0.00294659985f, 0.000186263889f};
  vf a = vf_abs(x);
  vf near = x * vf_poly(x * x, 6, c);
  vf far = vf_set(1) - vf_exp(vf_poly(vf_at_most(4.0f, a), 6, d));
  return vf_select(a < vf_set(1), near, vf_copysign(far, x));
}

/* σ(x) and, where it is asked for, σ(−x), which 1 − σ(x) would lose for large x. */
static inline vf vf_sigmoid_both(vf x, vf *other) {
  vf e = vf_exp(vf_set(0) - vf_abs(x));
  vf d = vf_set(1) + e;
  vi negative = x < vf_set(0);
  if (other) *other = vf_select(negative, vf_set(1), e) / d;
  return vf_select(negative, e, vf_set(1)) / d;
}
static inline vf vf_sigmoid(vf x) { return vf_sigmoid_both(x, NULL); }

#define SQRT_1_2 0.707106781f        /* 1/√2 */
#define RSQRT_2PI 0.398942280f       /* 1/√(2π) */
#define GELU_SLOPE 1.59576912f       /* 2·√(2/π) */
#define GELU_CUBE 0.0713548163f      /* 2·√(2/π)·0.044715 */
#define GELU_CUBE_SLOPE 0.214064449f /* three times that */

/* The bounds keep ∞·0 = NaN out; ref/vec.c has the same. */
static inline vf vf_gelu(vf x) {
  x = vf_at_least(-40.0f, x);
  vf half = x * vf_set(0.5f);
  return vf_fma(half, vf_erf(x * vf_set(SQRT_1_2)), half);
}

static inline vf vf_gelu_slope(vf x) {
  x = vf_at_most(40.0f, vf_at_least(-40.0f, x));
  vf cdf = vf_fma(vf_set(0.5f), vf_erf(x * vf_set(SQRT_1_2)), vf_set(0.5f));
  return vf_fma(x * vf_set(RSQRT_2PI), vf_exp(x * x * vf_set(-0.5f)), cdf);
}

/* (1 + tanh u)/2 is the sigmoid of 2u. */
static inline vf vf_gelu_tanh_inner(vf x) { return x * vf_fma(x * x, vf_set(GELU_CUBE), vf_set(GELU_SLOPE)); }

static inline vf vf_gelu_tanh(vf x) {
  x = vf_at_least(-40.0f, x);
  return x * vf_sigmoid(vf_gelu_tanh_inner(x));
}

static inline vf vf_gelu_tanh_slope(vf x) {
  x = vf_at_most(40.0f, vf_at_least(-40.0f, x));
  vf t, s = vf_sigmoid_both(vf_gelu_tanh_inner(x), &t);
  return vf_fma(x * s * t, vf_fma(x * x, vf_set(GELU_CUBE_SLOPE), vf_set(GELU_SLOPE)), s);
}

/* The value and the slope from one exponential. The value is that of vf_gelu_tanh: beyond 40 the sigmoid is 1. */
static inline vf vf_gelu_tanh_both(vf x, vf *slope) {
  x = vf_at_least(-40.0f, x);
  vf low = vf_at_most(40.0f, x), t, s = vf_sigmoid_both(vf_gelu_tanh_inner(low), &t);
  *slope = vf_fma(low * s * t, vf_fma(low * low, vf_set(GELU_CUBE_SLOPE), vf_set(GELU_SLOPE)), s);
  return x * s;
}

static inline vf vf_gelu_both(vf x, vf *slope) {
  vf low = vf_at_most(40.0f, vf_at_least(-40.0f, x));
  vf erf = vf_erf(low * vf_set(SQRT_1_2)), cdf = vf_fma(vf_set(0.5f), erf, vf_set(0.5f));
  *slope = vf_fma(low * vf_set(RSQRT_2PI), vf_exp(low * low * vf_set(-0.5f)), cdf);
  vf half = vf_at_least(-40.0f, x) * vf_set(0.5f);
  return vf_fma(half, erf, half);
}

static inline vf vf_silu(vf x) {
  x = vf_at_least(-800.0f, x);
  return x * vf_sigmoid(x);
}

static inline vf vf_silu_slope(vf x) {
  x = vf_at_most(800.0f, vf_at_least(-800.0f, x));
  vf t, s = vf_sigmoid_both(x, &t);
  return vf_fma(s * x, t, s);
}

static inline vf vf_silu_both(vf x, vf *slope) {
  x = vf_at_least(-800.0f, x);
  vf low = vf_at_most(800.0f, x), t, s = vf_sigmoid_both(low, &t);
  *slope = vf_fma(s * low, t, s);
  return x * s;
}

static inline vf vf_tanh_both(vf x, vf *slope) {
  vf y = vf_tanh(x);
  *slope = vf_fnma(y, y, vf_set(1));
  return y;
}

static inline vf vf_sigmoid_slope(vf x, vf *slope) {
  vf t, s = vf_sigmoid_both(x, &t);
  *slope = s * t;
  return s;
}

static inline vf vf_relu_both(vf x, vf *slope) {
  *slope = (vf)((vi)vf_set(1) & (x > vf_set(0)));
  return vf_at_least(0, x);
}

static inline vf vf_softplus(vf x) { return vf_at_least(0.0f, x) + vf_log1p_unit(vf_exp(vf_set(0) - vf_abs(x))); }

/* The lanes that a row of which `left` elements remain has in this vector. */
static inline vf vf_load_upto(const float *p, int64_t left) {
  return left >= VF_WIDTH ? vf_load(p) : vf_load_part(p, left);
}
static inline void vf_store_upto(float *p, int64_t left, vf x) {
  if (left >= VF_WIDTH)
    vf_store(p, x);
  else
    vf_store_part(p, left, x);
}

#endif
