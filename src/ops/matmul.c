/* Matrix products: batched matmul, and linear, whose bias and activation are the product's epilogue. */
#include "ops/ops.h"

#include "graph/params.h"
#include "kernels/blocks_product.h"

/* ---- matmul ---- */

typedef struct matmul_attr {
  bool transpose_a, transpose_b;
  int64_t batch, m, n, k;
  rapt__walk walk; /* over the batch; strides are whole matrices */
} matmul_attr;

static k_gemm matmul_product(const matmul_attr *t) {
  return (k_gemm){.m = t->m,
                  .n = t->n,
                  .k = t->k,
                  .alpha = 1,
                  .activation = -1,
                  .c_row = t->n,
                  .a_row = t->transpose_a ? 1 : t->k,
                  .a_col = t->transpose_a ? t->m : 1,
                  .b_row = t->transpose_b ? 1 : t->n,
                  .b_col = t->transpose_b ? t->k : 1};
}

static void split_plan(const k_gemm_plan *plan, rapt__split *split) {
  split->phases = 2;
  for (int p = 0; p < 2; p++) {
    split->units[p] = plan->units[p];
    split->grain[p] = 1;
  }
  split->shared_bytes = plan->shared_bytes;
  split->scratch_bytes = plan->worker_bytes;
}

static void split_product(const k_kernels *k, const k_gemm *g, rapt__split *split) {
  k_gemm_plan plan;
  rapt__gemm_plan(k, g, &plan);
  split_plan(&plan, split);
}

static void run_product(const rapt__call *call, const k_gemm *g) {
  k_gemm_plan plan;
  rapt__gemm_plan(call->k, g, &plan);
  rapt__gemm_units(call->k, g, &plan, call->phase, call->begin, call->end, call->shared, call->scratch);
}

static void matmul_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const matmul_attr *t = node->attr;
  k_gemm g = matmul_product(t);
  if (t->batch == 1) {
    split_product(k, &g, split);
    return;
  }
  split->units[0] = t->batch;
  double flops = 2.0 * (double)t->m * (double)t->n * (double)t->k;
  split->grain[0] = flops > 1e5 ? 1 : (int64_t)(1e5 / flops) + 1;
  split->scratch_bytes = rapt__gemm_scratch(k, &g);
}

static void matmul_forward(const rapt__call *call) {
  const matmul_attr *t = call->node->attr;
  k_gemm g = matmul_product(t);
  g.a = RAPT__IN(call, 0);
  g.b = RAPT__IN(call, 1);
  g.c = RAPT__OUT(call, 0);
  if (call->node->n_in > 2) { /* + rest, where it lies if this node may have its memory */
    const real *rest = RAPT__IN(call, 2);
    g.accumulate = rest == g.c;
    g.residual = g.accumulate ? NULL : rest;
    g.residual_row = t->n;
  }
  if (t->batch == 1) {
    run_product(call, &g);
    return;
  }
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t at[2];
    rapt__walk_to(&t->walk, t->walk.axes, 2, u, at);
    g.a = RAPT__IN(call, 0) + at[0] * t->m * t->k;
    g.b = RAPT__IN(call, 1) + at[1] * t->k * t->n;
    g.c = RAPT__OUT(call, 0) + u * t->m * t->n;
    rapt__gemm(call->k, &g, call->scratch);
  }
}

/* C = op(A)·op(B): dA = dC·op(B)ᵀ, dB = op(A)ᵀ·dC, each turned to the stored layout. */
static void matmul_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const matmul_attr *t = node->attr;
  rapt_tensor *a = node->in[0], *b = node->in[1], *dc = dout[0];
  if (a->varies) {
    rapt_tensor *da =
        t->transpose_a ? rapt_matmul(b, dc, t->transpose_b, true) : rapt_matmul(dc, b, false, !t->transpose_b);
    din[0] = rapt__sum_like(da, a);
  }
  if (b->varies) {
    rapt_tensor *db =
        t->transpose_b ? rapt_matmul(dc, a, true, t->transpose_a) : rapt_matmul(a, dc, !t->transpose_a, false);
    din[1] = rapt__sum_like(db, b);
  }
  if (node->n_in > 2) din[2] = dc;
}

/* Gradients of a weight that was used several times become one sum in one place. */
static rapt_tensor *matmul_absorb(rapt_tensor *part, rapt_tensor *rest) {
  const rapt__node *node = part->node;
  const matmul_attr *t = node->attr;
  if (rapt__poisoned(rest)) return rest;
  if (t->batch != 1 || node->n_in > 2 || !rapt__same_shape(part, rest)) return rapt_add(part, rest);
  return rapt__op1(part->graph, &rapt__op_matmul, (rapt_tensor *[]){node->in[0], node->in[1], rest}, 3, t, sizeof *t,
                   part->ndim, part->dim);
}

static rapt_tensor *matmul_sample(rapt_graph *graph, int i) {
  bool ta = i & 1, tb = i & 2;
  if (i == 6) {
    rapt_tensor *c = rapt_matmul(rapt__sample(graph, "a", RAPT_F32, -1, 1, RAPT__DIMS(4, 3)),
                                 rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(4, 5)), true, false);
    return matmul_absorb(c, rapt__sample(graph, "rest", RAPT_F32, -1, 1, RAPT__DIMS(3, 5)));
  }
  if (i >= 4) {
    rapt_tensor *a = i == 4 ? rapt__sample(graph, "a", RAPT_F32, -1, 1, RAPT__DIMS(2, 1, 3, 5))
                            : rapt__sample(graph, "a", RAPT_F32, -1, 1, RAPT__DIMS(2, 3, 5));
    rapt_tensor *b = i == 4 ? rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(3, 5, 2))
                            : rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(5, 2));
    return rapt_matmul(a, b, false, false);
  }
  rapt_tensor *a = ta ? rapt__sample(graph, "a", RAPT_F32, -1, 1, RAPT__DIMS(7, 3))
                      : rapt__sample(graph, "a", RAPT_F32, -1, 1, RAPT__DIMS(3, 7));
  rapt_tensor *b = tb ? rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(5, 7))
                      : rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(7, 5));
  return rapt_matmul(a, b, ta, tb);
}

static double matmul_flops(const rapt__node *node, void *const *out) {
  const matmul_attr *t = node->attr;
  (void)out;
  return 2.0 * (double)node->out[0].size * (double)t->k;
}

const rapt__op rapt__op_matmul = {.name = "matmul",
                                  .split = matmul_split,
                                  .flops = matmul_flops,
                                  .forward = matmul_forward,
                                  .alias = 1 << 2,
                                  .grad = matmul_grad,
                                  .absorb = matmul_absorb,
                                  .samples = 7,
                                  .sample = matmul_sample};

rapt_tensor *rapt_matmul(rapt_tensor *a, rapt_tensor *b, bool transpose_a, bool transpose_b) {
  rapt_graph *graph = a->graph;
  if (rapt__poisoned(a) || rapt__poisoned(b)) return &graph->poison;
  if (a->ndim < 2 || b->ndim < 2 || a->dtype != RAPT_F32 || b->dtype != RAPT_F32)
    return rapt__poison(graph, RAPT_ESHAPE, "matmul: %s and %s must be matrices of reals", rapt__shape_text(a),
                        rapt__shape_text(b));
  matmul_attr t = {.transpose_a = transpose_a, .transpose_b = transpose_b};
  int64_t k = b->dim[b->ndim - (transpose_b ? 1 : 2)];
  t.m = a->dim[a->ndim - (transpose_a ? 1 : 2)];
  t.k = a->dim[a->ndim - (transpose_a ? 2 : 1)];
  t.n = b->dim[b->ndim - (transpose_b ? 2 : 1)];
  rapt_tensor outer_a = *a, outer_b = *b;
  outer_a.ndim -= 2;
  outer_b.ndim -= 2;
  int64_t dims[RAPT_MAX_DIMS];
  int n = rapt__broadcast_dims(&outer_a, &outer_b, dims);
  if (t.k != k || n < 0)
    return rapt__poison(graph, RAPT_ESHAPE, "matmul: %s%s and %s%s do not fit", rapt__shape_text(a),
                        transpose_a ? " transposed" : "", rapt__shape_text(b), transpose_b ? " transposed" : "");
  if (b->ndim == 2 && a->ndim > 2 && !transpose_a) { /* one product over all rows instead of a batch of them */
    rapt_tensor *flat = rapt_reshape(a, RAPT__DIMS(a->size / t.k, t.k));
    for (int i = 0; i < a->ndim - 1; i++) dims[i] = a->dim[i];
    dims[a->ndim - 1] = t.n;
    return rapt_reshape(rapt_matmul(flat, b, false, transpose_b), a->ndim, dims);
  }
  rapt__walk_over(&t.walk, (const rapt_tensor *[]){&outer_a, &outer_b}, 2, n, dims);
  t.batch = 1;
  for (int i = 0; i < t.walk.axes; i++) t.batch *= t.walk.dim[i];
  if (n + 2 > RAPT_MAX_DIMS) return rapt__poison(graph, RAPT_ESHAPE, "matmul: more than %d axes", RAPT_MAX_DIMS);
  dims[n] = t.m;
  dims[n + 1] = t.n;
  return rapt__op1(graph, &rapt__op_matmul, (rapt_tensor *[]){a, b}, 2, &t, sizeof t, n + 2, dims);
}

/* ---- linear ---- */

typedef struct linear_attr {
  bool transposed;
  rapt_activation activation;
  int64_t rows, n, k;
} linear_attr;

static k_gemm linear_product(const linear_attr *t) {
  return (k_gemm){.m = t->rows,
                  .n = t->n,
                  .k = t->k,
                  .alpha = 1,
                  .activation = rapt__activation_kernel(t->activation),
                  .c_row = t->n,
                  .a_row = t->k,
                  .a_col = 1,
                  .b_row = t->transposed ? 1 : t->n,
                  .b_col = t->transposed ? t->k : 1};
}

static void linear_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  k_gemm g = linear_product(node->attr);
  const rapt__param *kept = rapt__blocks_of(node->in[1]);
  k_gemm_plan plan;
  if (kept)
    rapt__blocks_plan(k, &g, kept->block, &plan);
  else
    rapt__gemm_plan(k, &g, &plan);
  split_plan(&plan, split);
}

static void linear_forward(const rapt__call *call) {
  k_gemm g = linear_product(call->node->attr);
  g.a = RAPT__IN(call, 0);
  g.b = RAPT__IN(call, 1);
  g.c = RAPT__OUT(call, 0);
  g.bias = call->node->n_in > 2 ? RAPT__IN(call, 2) : NULL;
  g.slope = call->node->n_out > 1 ? RAPT__OUT(call, 1) : NULL;
  const rapt__param *kept = rapt__blocks_of(call->node->in[1]);
  if (!kept) {
    run_product(call, &g);
    return;
  }
  k_gemm_plan plan;
  rapt__blocks_plan(call->k, &g, kept->block, &plan);
  rapt__blocks_units(call->k, &g, kept->block, call->in[1], &plan, call->phase, call->begin, call->end, call->shared,
                     call->scratch);
}

static void linear_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const linear_attr *t = node->attr;
  rapt_tensor *x = node->in[0], *w = node->in[1];
  if (w->dtype == RAPT_BLOCKS) {
    rapt__poison(node->graph, RAPT_EUNSUPPORTED,
                 "linear: no gradient flows through \"%s\", which is kept as its file has it (quantised or in 16 bits)",
                 w->name);
    return;
  }
  if (node->n_out > 1 && dout[1]) {
    rapt__poison(node->graph, RAPT_EUNSUPPORTED, "linear: the gradient of an activation's gradient is not there");
    return;
  }
  if (!dout[0]) return;
  rapt_tensor *dz = t->activation == RAPT_IDENTITY ? dout[0] : rapt_mul(dout[0], &node->out[1]);
  if (x->varies) din[0] = rapt_linear(dz, w, !t->transposed, NULL, RAPT_IDENTITY);
  rapt_tensor *flat_dz = rapt_reshape(dz, RAPT__DIMS(t->rows, t->n));
  if (w->varies) {
    rapt_tensor *flat_x = rapt_reshape(x, RAPT__DIMS(t->rows, t->k));
    din[1] = t->transposed ? rapt_matmul(flat_dz, flat_x, true, false) : rapt_matmul(flat_x, flat_dz, true, false);
  }
  if (node->n_in > 2 && node->in[2]->varies) din[2] = rapt__column_sum(flat_dz);
}

static rapt_tensor *linear_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(2, 3, 5));
  rapt_tensor *w = i & 1 ? rapt__sample(graph, "w", RAPT_F32, -1, 1, RAPT__DIMS(4, 5))
                         : rapt__sample(graph, "w", RAPT_F32, -1, 1, RAPT__DIMS(5, 4));
  rapt_tensor *b = i & 2 ? rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(4)) : NULL;
  return rapt_linear(x, w, i & 1, b, (rapt_activation)(i % 7));
}

static double linear_flops(const rapt__node *node, void *const *out) {
  const linear_attr *t = node->attr;
  (void)out;
  return 2.0 * (double)t->rows * (double)t->n * (double)t->k;
}

const rapt__op rapt__op_linear = {.name = "linear",
                                  .flags = RAPT__TAKES_BLOCKS,
                                  .split = linear_split,
                                  .flops = linear_flops,
                                  .forward = linear_forward,
                                  .grad = linear_grad,
                                  .samples = 14,
                                  .sample = linear_sample};

rapt_tensor *rapt_linear(rapt_tensor *x, rapt_tensor *weight, bool transposed, rapt_tensor *bias,
                         rapt_activation activation) {
  rapt_graph *graph = x->graph;
  if (rapt__poisoned(x) || rapt__poisoned(weight) || (bias && rapt__poisoned(bias))) return &graph->poison;
  if (x->ndim < 1 || weight->ndim != 2 || x->dtype != RAPT_F32)
    return rapt__poison(graph, RAPT_ESHAPE, "linear: x %s must end in the features and the weight %s must be a matrix",
                        rapt__shape_text(x), rapt__shape_text(weight));
  linear_attr t = {.transposed = transposed, .activation = activation};
  t.k = x->dim[x->ndim - 1];
  t.rows = x->size / t.k;
  t.n = weight->dim[transposed ? 0 : 1];
  if (weight->dim[transposed ? 1 : 0] != t.k || (bias && (bias->ndim != 1 || bias->dim[0] != t.n)))
    return rapt__poison(graph, RAPT_ESHAPE, "linear: x %s, weight %s%s, bias %s do not fit", rapt__shape_text(x),
                        rapt__shape_text(weight), transposed ? " transposed" : "",
                        bias ? rapt__shape_text(bias) : "none");
  const rapt__param *kept = rapt__blocks_of(weight);
  if (kept && kept->turned == transposed)
    return rapt__poison(graph, RAPT_EUNSUPPORTED, "linear: the blocks of \"%s\" run along the outputs", weight->name);
  rapt__node *node =
      rapt__node_new(graph, &rapt__op_linear, (rapt_tensor *[]){x, weight, bias}, bias ? 3 : 2, &t, sizeof t);
  if (!node) return &graph->poison;
  int64_t dims[RAPT_MAX_DIMS];
  for (int i = 0; i < x->ndim; i++) dims[i] = x->dim[i];
  dims[x->ndim - 1] = t.n;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, x->ndim, dims);
  if (activation != RAPT_IDENTITY) rapt__node_out(node, RAPT_F32, x->ndim, dims);
  return y;
}

/* ---- column sums: the gradient of a bias ---- */

static void column_sum_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_columns(node, split);
}

static void column_sum_forward(const rapt__call *call) {
  int64_t rows = call->node->in[0]->dim[0], n = call->node->in[0]->dim[1], begin, end;
  rapt__column_range(call, &begin, &end);
  call->k->column_sum(rows, end - begin, RAPT__IN(call, 0) + begin, n, RAPT__OUT(call, 0) + begin, false);
}

static void column_sum_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_broadcast(dout[0], node->in[0]->ndim, node->in[0]->dim);
}

static rapt_tensor *column_sum_sample(rapt_graph *graph, int i) {
  return rapt__column_sum(rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(i ? 1 : 5, i ? 70 : 3)));
}

const rapt__op rapt__op_column_sum = {.name = "column_sum",
                                      .split = column_sum_split,
                                      .forward = column_sum_forward,
                                      .grad = column_sum_grad,
                                      .samples = 2,
                                      .sample = column_sum_sample};

rapt_tensor *rapt__column_sum(rapt_tensor *x) {
  if (rapt__poisoned(x)) return x;
  int64_t n = rapt__width(x);
  rapt_tensor *flat = rapt_reshape(x, RAPT__DIMS(x->size / n, n));
  return rapt__op1(x->graph, &rapt__op_column_sum, &flat, 1, NULL, 0, 1, &n);
}
