/* Elementwise kernels over the vectors of whichever simd.h was included before. A tail goes through the same vector code as
 * the rest, so that an element's result does not depend on where in a buffer it lies. */
#include "kernels/simd/math.h"

#define UNARY(name, expression)                                                                                        \
  static void K_ISA(k_##name)(int64_t n, const real *x, real *y) {                                                     \
    for (int64_t i = 0; i < n; i += VF_WIDTH) {                                                                        \
      vf v = vf_load_upto(x + i, n - i);                                                                               \
      vf_store_upto(y + i, n - i, (expression));                                                                       \
    }                                                                                                                  \
  }

UNARY(neg, (vf)((vi)v ^ vi_set(INT32_MIN)))
UNARY(abs, vf_abs(v))
UNARY(square, v *v)
UNARY(sqrt, vf_sqrt(v))
UNARY(rsqrt, vf_set(1) / vf_sqrt(v))
UNARY(recip, vf_set(1) / v)
UNARY(exp, vf_exp(v))
UNARY(log, vf_log(v))
UNARY(tanh, vf_tanh(v))
UNARY(erf, vf_erf(v))
UNARY(sigmoid, vf_sigmoid(v))
UNARY(relu, vf_at_least(0, v))
UNARY(gelu, vf_gelu(v))
UNARY(gelu_tanh, vf_gelu_tanh(v))
UNARY(silu, vf_silu(v))
UNARY(softplus, vf_softplus(v))
UNARY(floor, vf_floor(v))
#define UNARY_LIST(X)                                                                                                  \
  X(neg)                                                                                                               \
  X(abs)                                                                                                               \
  X(square)                                                                                                            \
  X(sqrt)                                                                                                              \
  X(rsqrt) X(recip) X(exp) X(log) X(tanh) X(erf) X(sigmoid) X(relu) X(gelu) X(gelu_tanh) X(silu) X(softplus) X(floor)

#define SLOPE(name, both)                                                                                              \
  static void K_ISA(slope_##name)(int64_t n, const real *x, real *y, real *slope) {                                    \
    for (int64_t i = 0; i < n; i += VF_WIDTH) {                                                                        \
      vf d, v = both(vf_load_upto(x + i, n - i), &d);                                                                  \
      vf_store_upto(y + i, n - i, v);                                                                                  \
      vf_store_upto(slope + i, n - i, d);                                                                              \
    }                                                                                                                  \
  }

SLOPE(relu, vf_relu_both)
SLOPE(gelu, vf_gelu_both)
SLOPE(gelu_tanh, vf_gelu_tanh_both)
SLOPE(silu, vf_silu_both)
SLOPE(tanh, vf_tanh_both)
SLOPE(sigmoid, vf_sigmoid_slope)

/* One loop for each way in which an operand can be a scalar; the operation is inlined into all. */
#define BINARY(name, expression)                                                                                       \
  static inline vf op_##name(vf u, vf v) { return (expression); }                                                      \
  static void K_ISA(k_##name)(int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, real *y) {              \
    if (n <= 0) return;                                                                                                \
    if (sa && sb) {                                                                                                    \
      for (int64_t i = 0; i < n; i += VF_WIDTH) {                                                                      \
        vf_store_upto(y + i, n - i, op_##name(vf_load_upto(a + i, n - i), vf_load_upto(b + i, n - i)));                \
      }                                                                                                                \
    } else if (sa) {                                                                                                   \
      vf v = vf_set(*b);                                                                                               \
      for (int64_t i = 0; i < n; i += VF_WIDTH) {                                                                      \
        vf_store_upto(y + i, n - i, op_##name(vf_load_upto(a + i, n - i), v));                                         \
      }                                                                                                                \
    } else {                                                                                                           \
      vf u = vf_set(*a), scalar = vf_set(*b);                                                                          \
      for (int64_t i = 0; i < n; i += VF_WIDTH) {                                                                      \
        vf_store_upto(y + i, n - i, op_##name(u, sb ? vf_load_upto(b + i, n - i) : scalar));                           \
      }                                                                                                                \
    }                                                                                                                  \
  }

static inline vf vf_one_if(vi mask) { return (vf)((vi)vf_set(1) & mask); }

BINARY(add, u + v)
BINARY(sub, u - v)
BINARY(mul, u *v)
BINARY(div, u / v)
BINARY(max, vf_max(u, v))
BINARY(min, vf_min(u, v))
BINARY(lt, vf_one_if(u < v))
BINARY(le, vf_one_if(u <= v))
BINARY(eq, vf_one_if(u == v))
BINARY(tanh_grad_y, v *vf_fnma(u, u, vf_set(1)))
BINARY(sigmoid_grad_y, v *u *(vf_set(1) - u))
BINARY(relu_grad, (vf)((vi)v &(u > vf_set(0))))
BINARY(gelu_grad, v *vf_gelu_slope(u))
BINARY(gelu_tanh_grad, v *vf_gelu_tanh_slope(u))
BINARY(silu_grad, v *vf_silu_slope(u))
BINARY(softplus_grad, v *vf_sigmoid(u))
/* clang-format off */
#define BINARY_LIST(X) \
  X(add) X(sub) X(mul) X(div) X(max) X(min) X(lt) X(le) \
  X(eq) X(tanh_grad_y) X(sigmoid_grad_y) X(relu_grad) X(gelu_grad) X(gelu_tanh_grad) X(silu_grad) X(softplus_grad)
/* clang-format on */

static void K_ISA(k_axpy)(int64_t n, real a, const real *x, real *y) {
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(y + i, n - i, vf_fma(vf_set(a), vf_load_upto(x + i, n - i), vf_load_upto(y + i, n - i)));
  }
}

static void K_ISA(k_scale)(int64_t n, real a, const real *x, real *y) {
  for (int64_t i = 0; i < n; i += VF_WIDTH) vf_store_upto(y + i, n - i, vf_set(a) * vf_load_upto(x + i, n - i));
}

static void K_ISA(k_clamp)(int64_t n, real lo, real hi, const real *x, real *y) {
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vf_store_upto(y + i, n - i, vf_at_most(hi, vf_at_least(lo, vf_load_upto(x + i, n - i))));
  }
}

static inline vf vf_operand(const real *p, int64_t stride, int64_t i, int64_t left) {
  return stride ? vf_load_upto(p + i, left) : vf_set(*p);
}

static void K_ISA(k_where)(int64_t n, const real *cond, int64_t sc, const real *a, int64_t sa, const real *b,
                           int64_t sb, real *y) {
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    vi yes = vf_operand(cond, sc, i, n - i) != vf_set(0);
    vf_store_upto(y + i, n - i, vf_select(yes, vf_operand(a, sa, i, n - i), vf_operand(b, sb, i, n - i)));
  }
}

static inline void set_vec(k_kernels *t) {
#define SET_UNARY(name) t->unary[K_UNARY_##name] = K_ISA(k_##name);
  UNARY_LIST(SET_UNARY)
#undef SET_UNARY
#define SET_SLOPE(name) t->slope[K_UNARY_##name] = K_ISA(slope_##name);
  K_SLOPE_LIST(SET_SLOPE)
#undef SET_SLOPE
#define SET_BINARY(name) t->binary[K_BINARY_##name] = K_ISA(k_##name);
  BINARY_LIST(SET_BINARY)
#undef SET_BINARY
  t->axpy = K_ISA(k_axpy);
  t->scale = K_ISA(k_scale);
  t->clamp = K_ISA(k_clamp);
  t->where = K_ISA(k_where);
}
