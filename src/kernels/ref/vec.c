/* Elementwise kernels in plain C. All is computed in double and rounded once: these define what the
 * variants approximate. */
#include "kernels/variants.h"

#include <math.h>

#define SQRT_1_2 0.70710678118654752440  /* 1/√2 */
#define SQRT_2_PI 0.79788456080286535588 /* √(2/π) */
#define RSQRT_2PI 0.39894228040143267794 /* 1/√(2π) */
#define GELU_CUBE 0.044715               /* of the tanh form of GELU (Hendrycks & Gimpel 2016) */

/* Beyond these the functions below have reached their limits in double already; without the bound the limit at
 * infinity would come out as ∞·0 = NaN. A NaN passes through. */
#define GELU_BOUND 40.0
#define SILU_BOUND 800.0

static double bound(double x, double limit) { return x > limit ? limit : x < -limit ? -limit : x; }

static double sigmoid(double x) {
  double e = exp(-fabs(x));
  return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

static double gelu(double x) { return x < -GELU_BOUND ? 0 : 0.5 * x * erfc(-x * SQRT_1_2); }

static double gelu_slope(double x) {
  x = bound(x, GELU_BOUND);
  return 0.5 * erfc(-x * SQRT_1_2) + x * RSQRT_2PI * exp(-0.5 * x * x);
}

/* (1 + tanh u)/2 is the sigmoid of 2u, which keeps its digits where tanh u is near −1. */
static double gelu_tanh(double x) {
  return x < -GELU_BOUND ? 0 : x * sigmoid(2 * SQRT_2_PI * (x + GELU_CUBE * x * x * x));
}

static double gelu_tanh_slope(double x) {
  x = bound(x, GELU_BOUND);
  double s = sigmoid(2 * SQRT_2_PI * (x + GELU_CUBE * x * x * x));
  return s + x * s * (1 - s) * 2 * SQRT_2_PI * (1 + 3 * GELU_CUBE * x * x);
}

static double silu(double x) { return x < -SILU_BOUND ? 0 : x * sigmoid(x); }

static double silu_slope(double x) {
  x = bound(x, SILU_BOUND);
  double s = sigmoid(x);
  return s * (1 + x * sigmoid(-x));
}

static double softplus(double x) { return (x > 0 ? x : 0) + log1p(exp(-fabs(x))); }

static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : x; }

#define UNARY(name, expression)                                                                                        \
  static void k_##name##_ref(int64_t n, const real *x, real *y) {                                                      \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      double v = (double)x[i];                                                                                         \
      y[i] = (real)(expression);                                                                                       \
    }                                                                                                                  \
  }

UNARY(neg, -v)
UNARY(abs, fabs(v))
UNARY(sign, sign(v))
UNARY(square, v *v)
UNARY(sqrt, sqrt(v))
UNARY(rsqrt, 1 / sqrt(v))
UNARY(recip, 1 / v)
UNARY(exp, exp(v))
UNARY(log, log(v))
UNARY(log1p, log1p(v))
UNARY(expm1, expm1(v))
UNARY(sin, sin(v))
UNARY(cos, cos(v))
UNARY(tanh, tanh(v))
UNARY(erf, erf(v))
UNARY(sigmoid, sigmoid(v))
UNARY(relu, v < 0 ? 0 : v)
UNARY(gelu, gelu(v))
UNARY(gelu_tanh, gelu_tanh(v))
UNARY(silu, silu(v))
UNARY(softplus, softplus(v))
UNARY(floor, floor(v))

#define SLOPE(name, expression)                                                                                        \
  static void slope_##name##_ref(int64_t n, const real *x, real *y, real *slope) {                                     \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      double v = (double)x[i];                                                                                         \
      k_##name##_ref(1, x + i, y + i);                                                                                 \
      slope[i] = (real)(expression);                                                                                   \
    }                                                                                                                  \
  }

SLOPE(relu, v > 0)
SLOPE(gelu, gelu_slope(v))
SLOPE(gelu_tanh, gelu_tanh_slope(v))
SLOPE(silu, silu_slope(v))
SLOPE(tanh, 1 / (cosh(v) * cosh(v)))
SLOPE(sigmoid, sigmoid(v) * sigmoid(-v))

#define BINARY(name, expression)                                                                                       \
  static void k_##name##_ref(int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, real *y) {               \
    for (int64_t i = 0; i < n; i++) {                                                                                  \
      double u = (double)a[i * sa], v = (double)b[i * sb];                                                             \
      y[i] = (real)(expression);                                                                                       \
    }                                                                                                                  \
  }

/* max and min give NaN if either operand is NaN. */
BINARY(add, u + v)
BINARY(sub, u - v)
BINARY(mul, u *v)
BINARY(div, u / v)
BINARY(max, u > v || u != u ? u : v)
BINARY(min, u < v || u != u ? u : v)
BINARY(pow, pow(u, v))
BINARY(lt, u < v)
BINARY(le, u <= v)
BINARY(eq, u == v)
BINARY(tanh_grad_y, v *(1 - u * u))
BINARY(sigmoid_grad_y, v *u *(1 - u))
BINARY(relu_grad, u > 0 ? v : 0)
BINARY(gelu_grad, v *gelu_slope(u))
BINARY(gelu_tanh_grad, v *gelu_tanh_slope(u))
BINARY(silu_grad, v *silu_slope(u))
BINARY(softplus_grad, v *sigmoid(u))

static void k_axpy_ref(int64_t n, real a, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = (real)((double)a * (double)x[i] + (double)y[i]);
}

static void k_scale_ref(int64_t n, real a, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = a * x[i];
}

static void k_clamp_ref(int64_t n, real lo, real hi, const real *x, real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = x[i] < lo ? lo : x[i] > hi ? hi : x[i];
}

static void k_where_ref(int64_t n, const real *cond, int64_t sc, const real *a, int64_t sa, const real *b, int64_t sb,
                        real *y) {
  for (int64_t i = 0; i < n; i++) y[i] = cond[i * sc] != 0 ? a[i * sa] : b[i * sb];
}

void rapt__vec_ref(k_kernels *t) {
#define SET_UNARY(name) t->unary[K_UNARY_##name] = k_##name##_ref;
  K_UNARY_LIST(SET_UNARY)
#undef SET_UNARY
#define SET_SLOPE(name) t->slope[K_UNARY_##name] = slope_##name##_ref;
  K_SLOPE_LIST(SET_SLOPE)
#undef SET_SLOPE
#define SET_BINARY(name) t->binary[K_BINARY_##name] = k_##name##_ref;
  K_BINARY_LIST(SET_BINARY)
#undef SET_BINARY
  t->axpy = k_axpy_ref;
  t->scale = k_scale_ref;
  t->clamp = k_clamp_ref;
  t->where = k_where_ref;
}
