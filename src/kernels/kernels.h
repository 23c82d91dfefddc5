/* The table of compute kernels: plain pointers in, plain pointers out, no allocation, no errors.
 *
 * ref/ holds plain C for every entry: it is the specification, it is what a CPU without a faster variant runs, and compiled
 * with RAPT_REAL=double it is what the gradient checks trust. avx2/ and neon/ replace entries; what they leave stays ref.
 * avx512/ replaces entries of avx2.
 * A variant file exports one function that overwrites its entries, named in one line of dispatch.c.
 *
 * Buffers may have any alignment that their type needs. Sizes may be zero. Outputs may alias inputs exactly (same start)
 * where a comment says "in place". Sums over a row are taken in a fixed order, so results never depend on threads. */
#ifndef RAPT_SRC_KERNELS_H
#define RAPT_SRC_KERNELS_H

#include <rapt/base.h>
#include "base/types.h"

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
/* y[i] = f(x[i]) and slope[i] = f′(x[i]) for the activations, y with the bits of the kernel above; y in place. */
typedef void (*k_slope_fn)(int64_t n, const real *x, real *y, real *slope);
#define K_SLOPE_LIST(X) X(relu) X(gelu) X(gelu_tanh) X(silu) X(tanh) X(sigmoid)
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
  real *slope;          /* where activation ≥ 0: its derivative there, same row stride as C, or NULL */
  const real *residual; /* (m, n) with row stride residual_row, added after bias and activation, or NULL */
  int64_t residual_row;
} k_gemm;

/* Weights as they lie in files, by K_BLOCK_…: 16 bits each, or in blocks that share a scale (GGML's types, kernels/blocks.h). A row
 * has whole blocks. Products take activations turned into eight bits for blocks, left as they are for the two of 16 bits; what
 * is summed as integers is exact, so that all levels give the same bits. */
enum {
#define K_BLOCK_ENUM(name, number, elements, bytes) K_BLOCK_##name,
  RAPT__WEIGHT_TYPE_LIST(K_BLOCK_ENUM) K_BLOCK_COUNT
#undef K_BLOCK_ENUM
};
typedef struct k_blocks {
  int64_t elements; /* of a block */
  size_t bytes;     /* of a block */
  size_t act_bytes; /* of as many prepared activations */
  void (*read)(int64_t n, const void *row, real *y);
  void (*write)(int64_t n, const real *x, void *row);  /* to the nearest or nearly so; numbers, no NaN */
  void (*prepare)(int64_t n, const real *x, void *to); /* activations for dot */
  real (*dot)(int64_t n, const void *row, const void *prepared);
} k_blocks;

typedef struct k_kernels {
  const char *name; /* of the level: "ref", "avx2", "avx512", "neon" */

  k_unary_fn unary[K_UNARY_COUNT];
  k_slope_fn slope[K_UNARY_COUNT]; /* by K_UNARY_…; NULL for what is no activation */
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
  /* A row of scores in tiled attention, in place. soften: *top grows to the largest of itself and x, x = exp(x − *top), and the sum
   * of x comes back; where the top stays −∞, zeros. A NaN in x makes both one; what is below 1.2e-38 may be 0. soften_grad: p = exp(p − lse) for p − lse
   * hardly above 0, ds = p·(ds − d). */
  real (*soften)(int64_t n, real *x, real *top);
  void (*soften_grad)(int64_t n, real lse, real d, real *p, real *ds);
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

  /* One step of recurrent cells over n units. x and u are the input's and the state's part of the pre-activations, gate after
   * gate (n each); a gets the activations and may be x.
   * LSTM (Hochreiter & Schmidhuber 1997, Gers et al. 2000): i, f, g, o, or i, g, o when `forget` is false (then f = 1);
   * c = f·c + i·g in place, m = o·tanh c. peep: weights from the cell to i, f, o (from the new c), n each, or NULL. */
  void (*lstm_cell)(int64_t n, bool forget, const real *x, const real *u, const real *peep, real *a, real *c, real *m);
  /* From dm and dc (gradient of the new c) to those of the pre-activations, da, and of the old c, in place in dc. dpeep is
   * added to; NULL with peep. da may be a. */
  void (*lstm_cell_grad)(int64_t n, bool forget, const real *a, const real *peep, const real *c_old, const real *dm,
                         real *dc, real *da, real *dpeep);
  /* GRU, r, z, n with the reset gate behind the product: s = u_n + bias_n, n = tanh(x_n + r·s), h = n + z·(h − n) in place.
   * bias (3n) is u's, or NULL; s may be NULL. */
  void (*gru_cell)(int64_t n, const real *x, const real *u, const real *bias, real *a, real *s, real *h);
  /* dx and du: gradients of x and u; dh: in, of the new h; out, what goes straight to the old one. dx may be a. */
  void (*gru_cell_grad)(int64_t n, const real *a, const real *s, const real *h_old, real *dh, real *dx, real *du);

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
   * (k, gemm_nr), with A[i, p] at a[i·a_row + p·a_col]: neither A nor Aᵀ needs packing. gemm_part is the same for rows ≤
   * gemm_mr and columns ≤ gemm_nr and for B where it lies, B[p, j] at b[p·b_row + j]; an element's sum is the same bits by
   * either. gemm_pack_b makes panels (k, gemm_nr) of alpha·B one behind the other, the last filled with 0. */
  int gemm_mr, gemm_nr;
  void (*gemm_tile)(int64_t k, const real *a, int64_t a_row, int64_t a_col, const real *b, real *c, int64_t c_row,
                    bool accumulate);
  void (*gemm_part)(int64_t rows, int64_t columns, int64_t k, const real *a, int64_t a_row, int64_t a_col,
                    const real *b, int64_t b_row, real *c, int64_t c_row, bool accumulate);
  void (*gemm_pack_b)(int64_t k, int64_t n, const real *b, int64_t b_row, int64_t b_col, real alpha, real *packed);
  /* c (m, n) = or += A·Bᵀ, both read along k: A[i, p] at a[i·a_row + p], B[p, j] at b[p + j·b_col]. */
  void (*gemm_dots)(int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row, const real *b, int64_t b_col,
                    real *c, int64_t c_row, bool accumulate);
  /* Skinny products: y (m) = A (m, k; row stride lda)·x [+ y], and y (n) = xᵀ (k)·B (k, n; row stride ldb) [+ y]. */
  void (*gemv)(int64_t m, int64_t k, const real *a, int64_t lda, const real *x, real *y, bool accumulate);
  void (*gevm)(int64_t k, int64_t n, const real *x, const real *b, int64_t ldb, real *y, bool accumulate);

  k_blocks blocks[K_BLOCK_COUNT];
} k_kernels;

/* Levels of instruction sets, best last. */
#define K_LEVEL_LIST(X) X(ref) X(avx2) X(avx512) X(neon)
typedef enum k_level {
#define K_LEVEL_ENUM(name) K_LEVEL_##name,
  K_LEVEL_LIST(K_LEVEL_ENUM) K_LEVEL_COUNT
#undef K_LEVEL_ENUM
} k_level;

/* The table of the best level that the CPU has and the environment variable RAPT_CPU ("ref", "avx2", "avx512", "neon") allows;
 * chosen once. An unknown or unavailable name in RAPT_CPU means the best level; `rapt doctor` says so. */
const k_kernels *rapt__kernels(void);
/* The table of one level, or NULL when this CPU or this build lacks it. */
const k_kernels *rapt__kernels_at(k_level level);
const char *rapt__kernels_level_name(k_level level);
/* Of a type of weights, K_BLOCK_…, or −1. */
int rapt__kernels_block(rapt__type type);

#endif
