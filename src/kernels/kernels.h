/* The table of compute kernels: plain pointers in, plain pointers out, no allocation, no errors.
 *
 * ref/ holds plain C for every entry: it is the specification, it is what a CPU without a faster variant runs, and compiled
 * with RAPT_REAL=double it is what the gradient checks trust. avx2/ and neon/ replace entries; what they leave stays ref.
 * A variant file exports one function that overwrites its entries, named in one line of dispatch.c.
 *
 * Buffers may have any alignment that their type needs. Sizes may be zero. Outputs may alias inputs exactly (same start)
 * where a comment says "in place". Sums over a row are taken in a fixed order, so results never depend on threads. */
#ifndef RAPT_SRC_KERNELS_H
#define RAPT_SRC_KERNELS_H

#include <rapt/base.h>
#include <stdbool.h>

typedef rapt_real real;

/* y[i] = f(x[i]); in place. */
/* The formatter does not settle on a form for these two lists. */
/* clang-format off */
#define K_UNARY_LIST(X)                                                                                                \
  X(neg)                                                                                                               \
  X(abs) X(sign) X(square) X(sqrt) X(rsqrt) X(recip) X(exp) X(log) X(log1p) X(expm1) X(sin) X(cos) X(tanh) X(erf)      \
      X(sigmoid) X(relu) X(gelu) X(gelu_tanh) X(silu) X(softplus) X(floor)

/* y[i] = f(a[i·sa], b[i·sb]) with strides sa, sb of 0 (a scalar) or 1; in place for operands of stride 1.
 * The second row are derivatives times the incoming gradient b = dy: a is the input x, or the output y where the name
 * says _y: tanh_grad_y = dy·(1 − y²), sigmoid_grad_y = dy·y·(1 − y); relu_grad is 0 at x ≤ 0. */
#define K_BINARY_LIST(X)                                                                                               \
  X(add)                                                                                                               \
  X(sub) X(mul) X(div) X(max) X(min) X(pow) X(lt) X(le) X(eq) X(tanh_grad_y) X(sigmoid_grad_y) X(relu_grad)            \
      X(gelu_grad) X(gelu_tanh_grad) X(silu_grad) X(softplus_grad)
/* clang-format on */

enum {
#define K_UNARY_ENUM(name) K_UNARY_##name,
  K_UNARY_LIST(K_UNARY_ENUM) K_UNARY_COUNT
#undef K_UNARY_ENUM
};
enum {
#define K_BINARY_ENUM(name) K_BINARY_##name,
  K_BINARY_LIST(K_BINARY_ENUM) K_BINARY_COUNT
#undef K_BINARY_ENUM
};

typedef void (*k_unary_fn)(int64_t n, const real *x, real *y);
typedef void (*k_binary_fn)(int64_t n, const real *a, int64_t sa, const real *b, int64_t sb, real *y);

/* What an optimizer's update needs besides the arrays. Fields that a method does not have are ignored. */
typedef struct k_optim {
  real lr, beta1, beta2, eps,
      weight_decay; /* weight decay is decoupled (AdamW) for adamw, added to the gradient elsewhere */
  real momentum;    /* sgd; rmsprop */
  bool nesterov;
  real correction1, correction2; /* Adam's 1 − β₁ᵗ and 1 − β₂ᵗ; 1 turns the bias correction off */
  real scale;                    /* every gradient is multiplied by this first (global-norm clipping) */
} k_optim;

/* A product as the blocked driver in gemm.c sees it: C (m, n) = alpha·A (m, k) · B (k, n) [+ C] with free strides, so that
 * transposes cost nothing but packing. C has unit column stride. */
typedef struct k_gemm {
  int64_t m, n, k;
  const real *a; /* A[i, p] at a[i·a_row + p·a_col] */
  int64_t a_row, a_col;
  const real *b; /* B[p, j] at b[p·b_row + j·b_col] */
  int64_t b_row, b_col;
  real *c; /* C[i, j] at c[i·c_row + j] */
  int64_t c_row;
  real alpha;
  bool accumulate;      /* C += instead of C = */
  const real *bias;     /* (n), added to every row of the result, or NULL */
  int activation;       /* K_UNARY_… applied last, or −1 */
  real *before;         /* where activation ≥ 0: C before it, same row stride as C, or NULL */
  const real *residual; /* (m, n) with row stride residual_row, added after bias and activation, or NULL */
  int64_t residual_row;
} k_gemm;

typedef struct k_kernels {
  const char *name; /* of the level: "ref", "avx2", "neon" */

  k_unary_fn unary[K_UNARY_COUNT];
  k_binary_fn binary[K_BINARY_COUNT];

  /* Vectors */
  void (*axpy)(int64_t n, real a, const real *x, real *y);            /* y += a·x */
  void (*scale)(int64_t n, real a, const real *x, real *y);           /* y = a·x; in place */
  void (*clamp)(int64_t n, real lo, real hi, const real *x, real *y); /* in place; NaN stays NaN */
  void (*where)(int64_t n, const real *cond, int64_t sc, const real *a, int64_t sa, const real *b, int64_t sb, real *y);
  real (*sum)(int64_t n, const real *x);
  real (*sum_squares)(int64_t n, const real *x);
  real (*dot)(int64_t n, const real *a, const real *b);
  real (*max)(int64_t n, const real *x); /* −∞ for n = 0; NaN if any is NaN */
  /* y[j] (+)= Σᵢ x[i·ldx + j] for j < n, i < rows: column sums, row by row in order. */
  void (*column_sum)(int64_t rows, int64_t n, const real *x, int64_t ldx, real *y, bool accumulate);
  /* (rows, cols) → (cols, rows), blocked. */
  void (*transpose)(int64_t rows, int64_t cols, const real *x, int64_t ldx, real *y, int64_t ldy);

  /* Rows. softmax and log_softmax are stable; a row of −∞ alone gives zeros (softmax) or −∞ (log_softmax), never NaN. */
  void (*softmax)(int64_t n, const real *x, real *y);                       /* in place */
  void (*softmax_grad)(int64_t n, const real *y, const real *dy, real *dx); /* dx = y·(dy − Σ y·dy); in place on dy */
  void (*log_softmax)(int64_t n, const real *x, real *y);                   /* in place */
  void (*log_softmax_grad)(int64_t n, const real *y, const real *dy, real *dx); /* dx = dy − exp(y)·Σ dy */
  real (*logsumexp)(int64_t n, const real *x);
  void (*exp_shift)(int64_t n, real shift, real scale, const real *x, real *y); /* y = scale·exp(x + shift) */
  /* y = (x − mean)·rstd·weight + bias over one row; weight, bias may be NULL; mean and rstd are written. (Ba et al. 2016) */
  void (*layer_norm)(int64_t n, const real *x, const real *weight, const real *bias, real eps, real *y, real *mean,
                     real *rstd);
  void (*layer_norm_grad)(int64_t n, const real *x, const real *weight, real mean, real rstd, const real *dy, real *dx);
  /* y = x·rstd·weight with rstd = 1/√(mean(x²) + eps). (Zhang & Sennrich 2019) */
  void (*rms_norm)(int64_t n, const real *x, const real *weight, real eps, real *y, real *rstd);
  void (*rms_norm_grad)(int64_t n, const real *x, const real *weight, real rstd, const real *dy, real *dx);
  /* Rotates pairs: (x[i], x[i + n/2]) when `halves` (Llama, NeoX), else (x[2i], x[2i+1]) (GPT-J), by angle with cosine
   * cs[2i] and sine cs[2i+1]; sign −1 turns back (the gradient). n even; in place. */
  void (*rotate)(int64_t n, bool halves, real sign, const real *cs, const real *x, real *y);
  /* Mask of dropout: y = x·(keep ? 1/(1−p) : 0), keep drawn from Philox at (seed, stream, first + i); in place. */
  void (*dropout)(int64_t n, real p, uint64_t seed, uint64_t stream, uint64_t first, const real *x, real *y);

  /* Optimizers: parameters p updated in place from gradient g and the method's state arrays. */
  void (*adamw)(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *v);
  void (*adam)(int64_t n, const k_optim *o, real *p, const real *g, real *m,
               real *v); /* L2 in the gradient, Kingma & Ba */
  void (*adamax)(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *u);
  void (*sgd)(int64_t n, const k_optim *o, real *p, const real *g,
              real *momentum); /* momentum may be NULL if o->momentum = 0 */
  void (*rmsprop)(int64_t n, const k_optim *o, real *p, const real *g, real *v,
                  real *momentum); /* as torch.optim; momentum may be NULL */
  void (*adagrad)(int64_t n, const k_optim *o, real *p, const real *g, real *v);
  void (*adadelta)(int64_t n, const k_optim *o, real *p, const real *g, real *v, real *u); /* beta2 is rho */

  /* Micro-kernel of the blocked product: c (gemm_mr, gemm_nr; row stride c_row) = or += A (gemm_mr, k) · packed B panel
   * (k, gemm_nr), with A[i, p] at a[i·a_row + p·a_col]: neither A nor Aᵀ needs packing. Always a full tile; gemm.c gives
   * edges a scratch tile. gemm_pack_b makes panels (k, gemm_nr) of alpha·B one behind the other, the last filled with 0. */
  int gemm_mr, gemm_nr;
  void (*gemm_tile)(int64_t k, const real *a, int64_t a_row, int64_t a_col, const real *b, real *c, int64_t c_row,
                    bool accumulate);
  void (*gemm_pack_b)(int64_t k, int64_t n, const real *b, int64_t b_row, int64_t b_col, real alpha, real *packed);
  /* Skinny products: y (m) = A (m, k; row stride lda)·x [+ y], and y (n) = xᵀ (k)·B (k, n; row stride ldb) [+ y]. */
  void (*gemv)(int64_t m, int64_t k, const real *a, int64_t lda, const real *x, real *y, bool accumulate);
  void (*gevm)(int64_t k, int64_t n, const real *x, const real *b, int64_t ldb, real *y, bool accumulate);
} k_kernels;

/* Levels of instruction sets, best last. */
#define K_LEVEL_LIST(X) X(ref) X(avx2) X(neon)
typedef enum k_level {
#define K_LEVEL_ENUM(name) K_LEVEL_##name,
  K_LEVEL_LIST(K_LEVEL_ENUM) K_LEVEL_COUNT
#undef K_LEVEL_ENUM
} k_level;

/* The table of the best level that the CPU has and the environment variable RAPT_CPU ("ref", "avx2", "neon") allows;
 * chosen once. An unknown or unavailable name in RAPT_CPU means the best level; `rapt doctor` says so. */
const k_kernels *rapt__kernels(void);
/* The table of one level, or NULL when this CPU or this build lacks it. */
const k_kernels *rapt__kernels_at(k_level level);
const char *rapt__kernels_level_name(k_level level);

#endif
