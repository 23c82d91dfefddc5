/* Convolution over time as matrix products: x (B, T, C), kernel (W, C, F) → (B, T', F). Neighbouring windows of one
 * sequence overlap in memory, so that a block of them is a matrix with rows `stride`·C apart and no copy is made. */
#include "ops/ops.h"

#include "kernels/gemm.h"

#include <string.h>

typedef struct conv_attr {
  int64_t b, t, c, w, f, out; /* out: T' */
  int64_t stride, padding;
} conv_attr;

enum { CONV_BLOCK = 128 }; /* rows of the result in a unit */

static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }

/* ---- Forward ---- */

static int64_t block_count(const conv_attr *a) { return (a->out + CONV_BLOCK - 1) / CONV_BLOCK; }

static size_t window_bytes(const conv_attr *a) { /* what one unit reads, with its zeros, when there is padding */
  int64_t rows = a->out < CONV_BLOCK ? a->out : CONV_BLOCK;
  return a->padding ? aligned((size_t)(((rows - 1) * a->stride + a->w) * a->c) * sizeof(real)) : 0;
}

static k_gemm conv_product(const conv_attr *a, int64_t rows) {
  return (k_gemm){.m = rows,
                  .n = a->f,
                  .k = a->w * a->c,
                  .a_row = a->stride * a->c,
                  .a_col = 1,
                  .b_row = a->f,
                  .b_col = 1,
                  .c_row = a->f,
                  .alpha = 1,
                  .activation = -1};
}

static void conv1d_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const conv_attr *a = node->attr;
  k_gemm g = conv_product(a, a->out < CONV_BLOCK ? a->out : CONV_BLOCK), rest = conv_product(a, a->out % CONV_BLOCK);
  size_t full = rapt__gemm_scratch(k, &g), part = rest.m ? rapt__gemm_scratch(k, &rest) : 0;
  rapt__split_rows(a->b * block_count(a), g.m * g.n * g.k, split);
  split->scratch_bytes = window_bytes(a) + (full > part ? full : part);
}

static void conv1d_forward(const rapt__call *call) {
  const conv_attr *a = call->node->attr;
  int64_t blocks = block_count(a);
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t first = u % blocks * CONV_BLOCK, rows = a->out - first < CONV_BLOCK ? a->out - first : CONV_BLOCK;
    const real *x = RAPT__IN(call, 0) + u / blocks * a->t * a->c;
    int64_t begin = first * a->stride - a->padding, end = begin + (rows - 1) * a->stride + a->w;
    k_gemm g = conv_product(a, rows);
    if (begin >= 0 && end <= a->t) {
      g.a = x + begin * a->c;
    } else {
      real *window = call->scratch;
      int64_t lo = begin > 0 ? begin : 0, hi = end < a->t ? end : a->t;
      memset(window, 0, (size_t)((end - begin) * a->c) * sizeof *window);
      if (lo < hi) memcpy(window + (lo - begin) * a->c, x + lo * a->c, (size_t)((hi - lo) * a->c) * sizeof *window);
      g.a = window;
    }
    g.b = RAPT__IN(call, 1);
    g.c = RAPT__OUT(call, 0) + (u / blocks * a->out + first) * a->f;
    g.bias = call->node->n_in > 2 ? RAPT__IN(call, 2) : NULL;
    rapt__gemm(call->k, &g, (char *)call->scratch + window_bytes(a));
  }
}

static rapt_tensor *conv_grad_x(rapt_tensor *dy, rapt_tensor *kernel, const conv_attr *a) {
  int64_t dims[] = {a->b, a->t, a->c};
  return rapt__op1(dy->graph, &rapt__op_conv1d_grad_x, (rapt_tensor *[]){dy, kernel}, 2, a, sizeof *a, 3, dims);
}

static rapt_tensor *conv_grad_kernel(rapt_tensor *x, rapt_tensor *dy, const conv_attr *a) {
  int64_t dims[] = {a->w, a->c, a->f};
  return rapt__op1(x->graph, &rapt__op_conv1d_grad_kernel, (rapt_tensor *[]){x, dy}, 2, a, sizeof *a, 3, dims);
}

static void conv1d_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const conv_attr *a = node->attr;
  if (node->in[0]->varies) din[0] = conv_grad_x(dout[0], node->in[1], a);
  if (node->in[1]->varies) din[1] = conv_grad_kernel(node->in[0], dout[0], a);
  if (node->n_in > 2 && node->in[2]->varies) din[2] = rapt__sum_like(dout[0], node->in[2]);
}

static rapt_tensor *conv1d_sample(rapt_graph *graph, int i) {
  static const struct {
    int64_t b, t, c, w, f, stride, padding;
    bool bias;
  } cases[] = {{2, 7, 3, 3, 5, 1, 1, true}, {1, 7, 2, 2, 3, 2, 0, false}, {2, 5, 1, 5, 1, 3, 4, true},
               {1, 1, 1, 1, 1, 1, 0, true}, {1, 1, 2, 3, 1, 1, 2, false}, {1, 131, 1, 2, 2, 1, 1, true}};
  const conv_attr a = {.b = cases[i].b, .t = cases[i].t, .c = cases[i].c, .w = cases[i].w, .f = cases[i].f};
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(a.b, a.t, a.c));
  rapt_tensor *kernel = rapt__sample(graph, "kernel", RAPT_F32, -2, 2, RAPT__DIMS(a.w, a.c, a.f));
  rapt_tensor *bias = cases[i].bias ? rapt__sample(graph, "bias", RAPT_F32, -2, 2, RAPT__DIMS(a.f)) : NULL;
  return rapt_conv1d(x, kernel, bias, cases[i].stride, cases[i].padding);
}

/* The gradients take as many as the product. */
static double conv1d_flops(const rapt__node *node, void *const *out) {
  const conv_attr *t = node->attr;
  (void)out;
  return 2.0 * (double)(t->b * t->out) * (double)(t->c * t->w) * (double)t->f;
}

const rapt__op rapt__op_conv1d = {.name = "conv1d",
                                  .split = conv1d_split,
                                  .flops = conv1d_flops,
                                  .forward = conv1d_forward,
                                  .grad = conv1d_grad,
                                  .samples = 6,
                                  .sample = conv1d_sample};

rapt_tensor *rapt_conv1d(rapt_tensor *x, rapt_tensor *kernel, rapt_tensor *bias, int64_t stride, int64_t padding) {
  rapt_tensor *in[] = {x, kernel, bias};
  if (rapt__poisoned(x) || rapt__poisoned(kernel) || (bias && rapt__poisoned(bias))) return &x->graph->poison;
  if (x->ndim != 3 || kernel->ndim != 3 || x->dim[2] != kernel->dim[1] || x->dtype != RAPT_F32 ||
      kernel->dtype != RAPT_F32 ||
      (bias && (bias->ndim != 1 || bias->dim[0] != kernel->dim[2] || bias->dtype != RAPT_F32)))
    return rapt__poison(x->graph, RAPT_ESHAPE, "conv1d: x %s, kernel %s%s%s; (B, T, C), (W, C, F) and (F) are needed",
                        rapt__shape_text(x), rapt__shape_text(kernel), bias ? ", bias " : "",
                        bias ? rapt__shape_text(bias) : "");
  conv_attr a = {.b = x->dim[0],
                 .t = x->dim[1],
                 .c = x->dim[2],
                 .w = kernel->dim[0],
                 .f = kernel->dim[2],
                 .stride = stride,
                 .padding = padding};
  if (stride < 1 || padding < 0 || stride > INT32_MAX || padding > INT32_MAX || a.t + 2 * padding < a.w)
    return rapt__poison(x->graph, RAPT_ESHAPE,
                        "conv1d: a kernel of width %lld does not fit in %lld steps with padding %lld and stride %lld",
                        (long long)a.w, (long long)a.t, (long long)padding, (long long)stride);
  a.out = (a.t + 2 * padding - a.w) / stride + 1;
  int64_t window;
  if (__builtin_mul_overflow((CONV_BLOCK * stride + a.w) * (int64_t)sizeof(real), a.c, &window) ||
      window > INT64_MAX / 64)
    return rapt__poison(x->graph, RAPT_ESHAPE, "conv1d: a stride of %lld is too large", (long long)stride);
  int64_t dims[] = {a.b, a.out, a.f};
  return rapt__op1(x->graph, &rapt__op_conv1d, in, bias ? 3 : 2, &a, sizeof a, 3, dims);
}

/* ---- Gradients: one product per kernel position, over the rows whose window has that position inside x ---- */

/* Rows [lo, hi) of the result for which row·stride + w − padding lies in [0, T). */
static void rows_inside(const conv_attr *a, int64_t w, int64_t *lo, int64_t *hi) {
  int64_t shift = a->padding - w, end = a->t - 1 + shift;
  *lo = shift > 0 ? (shift + a->stride - 1) / a->stride : 0;
  *hi = end < 0 ? 0 : end / a->stride + 1;
  if (*hi > a->out) *hi = a->out;
}

/* Scratch for the products over all positions of the kernel, which differ in their number of rows alone. */
static size_t largest_scratch(const conv_attr *a, const k_kernels *k, k_gemm (*product)(const conv_attr *, int64_t)) {
  size_t most = 0;
  for (int64_t w = 0; w < a->w; w++) {
    int64_t lo, hi;
    rows_inside(a, w, &lo, &hi);
    if (lo >= hi) continue;
    k_gemm g = product(a, hi - lo);
    size_t bytes = rapt__gemm_scratch(k, &g);
    if (bytes > most) most = bytes;
  }
  return most;
}

static k_gemm grad_x_product(const conv_attr *a, int64_t rows) {
  return (k_gemm){.m = rows,
                  .n = a->c,
                  .k = a->f,
                  .a_row = a->f,
                  .a_col = 1,
                  .b_row = 1,
                  .b_col = a->f,
                  .c_row = a->stride * a->c,
                  .alpha = 1,
                  .accumulate = true,
                  .activation = -1};
}

static void grad_x_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const conv_attr *a = node->attr;
  rapt__split_rows(a->b, a->out * a->w * a->c * a->f, split);
  split->scratch_bytes = largest_scratch(a, k, grad_x_product);
}

static void grad_x_forward(const rapt__call *call) {
  const conv_attr *a = call->node->attr;
  for (int64_t b = call->begin; b < call->end; b++) {
    real *dx = RAPT__OUT(call, 0) + b * a->t * a->c;
    memset(dx, 0, (size_t)(a->t * a->c) * sizeof *dx);
    for (int64_t w = 0; w < a->w; w++) {
      int64_t lo, hi;
      rows_inside(a, w, &lo, &hi);
      if (lo >= hi) continue;
      k_gemm g = grad_x_product(a, hi - lo);
      g.a = RAPT__IN(call, 0) + (b * a->out + lo) * a->f;
      g.b = RAPT__IN(call, 1) + w * a->c * a->f;
      g.c = dx + (lo * a->stride + w - a->padding) * a->c;
      rapt__gemm(call->k, &g, call->scratch);
    }
  }
}

static void grad_x_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const conv_attr *a = node->attr;
  rapt_tensor *dy = node->in[0], *kernel = node->in[1];
  if (dy->varies) din[0] = rapt_conv1d(dout[0], kernel, NULL, a->stride, a->padding);
  if (kernel->varies) din[1] = conv_grad_kernel(dout[0], dy, a);
}

static rapt_tensor *grad_x_sample(rapt_graph *graph, int i) {
  conv_attr a = i ? (conv_attr){1, 5, 2, 2, 1, 2, 2, 0} : (conv_attr){2, 7, 3, 3, 2, 4, 2, 1};
  rapt_tensor *dy = rapt__sample(graph, "dy", RAPT_F32, -2, 2, RAPT__DIMS(a.b, a.out, a.f));
  return conv_grad_x(dy, rapt__sample(graph, "kernel", RAPT_F32, -2, 2, RAPT__DIMS(a.w, a.c, a.f)), &a);
}

const rapt__op rapt__op_conv1d_grad_x = {.name = "conv1d_grad_x",
                                         .split = grad_x_split,
                                         .flops = conv1d_flops,
                                         .forward = grad_x_forward,
                                         .grad = grad_x_grad,
                                         .samples = 2,
                                         .sample = grad_x_sample};

static k_gemm grad_kernel_product(const conv_attr *a, int64_t rows) {
  return (k_gemm){.m = a->c,
                  .n = a->f,
                  .k = rows,
                  .a_row = 1,
                  .a_col = a->stride * a->c,
                  .b_row = a->f,
                  .b_col = 1,
                  .c_row = a->f,
                  .alpha = 1,
                  .accumulate = true,
                  .activation = -1};
}

static void grad_kernel_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const conv_attr *a = node->attr;
  rapt__split_rows(a->w, a->b * a->out * a->c * a->f, split);
  split->scratch_bytes = largest_scratch(a, k, grad_kernel_product);
}

static void grad_kernel_forward(const rapt__call *call) {
  const conv_attr *a = call->node->attr;
  for (int64_t w = call->begin; w < call->end; w++) {
    real *dk = RAPT__OUT(call, 0) + w * a->c * a->f;
    memset(dk, 0, (size_t)(a->c * a->f) * sizeof *dk);
    int64_t lo, hi;
    rows_inside(a, w, &lo, &hi);
    for (int64_t b = 0; b < a->b && lo < hi; b++) {
      k_gemm g = grad_kernel_product(a, hi - lo);
      g.a = RAPT__IN(call, 0) + (b * a->t + lo * a->stride + w - a->padding) * a->c;
      g.b = RAPT__IN(call, 1) + (b * a->out + lo) * a->f;
      g.c = dk;
      rapt__gemm(call->k, &g, call->scratch);
    }
  }
}

static void grad_kernel_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const conv_attr *a = node->attr;
  rapt_tensor *x = node->in[0], *dy = node->in[1];
  if (x->varies) din[0] = conv_grad_x(dy, dout[0], a);
  if (dy->varies) din[1] = rapt_conv1d(x, dout[0], NULL, a->stride, a->padding);
}

static rapt_tensor *grad_kernel_sample(rapt_graph *graph, int i) {
  conv_attr a = i ? (conv_attr){1, 5, 2, 2, 1, 2, 2, 0} : (conv_attr){2, 7, 3, 3, 2, 4, 2, 1};
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(a.b, a.t, a.c));
  return conv_grad_kernel(x, rapt__sample(graph, "dy", RAPT_F32, -2, 2, RAPT__DIMS(a.b, a.out, a.f)), &a);
}

const rapt__op rapt__op_conv1d_grad_kernel = {.name = "conv1d_grad_kernel",
                                              .split = grad_kernel_split,
                                              .flops = conv1d_flops,
                                              .forward = grad_kernel_forward,
                                              .grad = grad_kernel_grad,
                                              .samples = 2,
                                              .sample = grad_kernel_sample};
