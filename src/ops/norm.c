/* Layer norm (Ba et al. 2016) and RMS norm (Zhang & Sennrich 2019). The gradient of x is taken row by row, those of weight
 * and bias column by column: two nodes, so that neither depends on how work is dealt out. */
#include "ops/ops.h"

typedef struct norm_attr {
  double eps;
  bool has_weight, has_bias;
} norm_attr;

static void rows_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->in[0]->size / rapt__width(node->in[0]), rapt__width(node->in[0]), split);
}

/* ---- Forward: outputs y, mean, rstd (layer norm) or y, rstd (RMS norm) ---- */

static void layer_norm_forward(const rapt__call *call) {
  const norm_attr *t = call->node->attr;
  int64_t n = rapt__width(call->node->in[0]);
  const real *weight = t->has_weight ? RAPT__IN(call, 1) : NULL;
  const real *bias = t->has_bias ? RAPT__IN(call, 1 + t->has_weight) : NULL;
  real *mean = RAPT__OUT(call, 1), *rstd = RAPT__OUT(call, 2), ignored[2];
  for (int64_t r = call->begin; r < call->end; r++)
    call->k->layer_norm(n, RAPT__IN(call, 0) + r * n, weight, bias, (real)t->eps, RAPT__OUT(call, 0) + r * n,
                        mean ? mean + r : &ignored[0], rstd ? rstd + r : &ignored[1]);
}

static void rms_norm_forward(const rapt__call *call) {
  const norm_attr *t = call->node->attr;
  int64_t n = rapt__width(call->node->in[0]);
  real *rstd = RAPT__OUT(call, 1), ignored;
  for (int64_t r = call->begin; r < call->end; r++)
    call->k->rms_norm(n, RAPT__IN(call, 0) + r * n, t->has_weight ? RAPT__IN(call, 1) : NULL, (real)t->eps,
                      RAPT__OUT(call, 0) + r * n, rstd ? rstd + r : &ignored);
}

/* ---- Gradient of x: inputs x, dy, mean, rstd [, weight] or x, dy, rstd [, weight] ---- */

static void layer_norm_grad_forward(const rapt__call *call) {
  int64_t n = rapt__width(call->node->in[0]);
  const real *weight = call->node->n_in > 4 ? RAPT__IN(call, 4) : NULL;
  for (int64_t r = call->begin; r < call->end; r++)
    call->k->layer_norm_grad(n, RAPT__IN(call, 0) + r * n, weight, RAPT__IN(call, 2)[r], RAPT__IN(call, 3)[r],
                             RAPT__IN(call, 1) + r * n, RAPT__OUT(call, 0) + r * n);
}

static void rms_norm_grad_forward(const rapt__call *call) {
  int64_t n = rapt__width(call->node->in[0]);
  const real *weight = call->node->n_in > 3 ? RAPT__IN(call, 3) : NULL;
  for (int64_t r = call->begin; r < call->end; r++)
    call->k->rms_norm_grad(n, RAPT__IN(call, 0) + r * n, weight, RAPT__IN(call, 2)[r], RAPT__IN(call, 1) + r * n,
                           RAPT__OUT(call, 0) + r * n);
}

/* ---- Gradient of the weight: Σ over rows of dy·(x − mean)·rstd; inputs x, dy, rstd [, mean] ---- */

static void norm_weight_grad_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_columns(node, split);
}

static void norm_weight_grad_forward(const rapt__call *call) {
  int64_t n = rapt__width(call->node->in[0]), rows = call->node->in[0]->size / n;
  int64_t begin, end;
  rapt__column_range(call, &begin, &end);
  const real *mean = call->node->n_in > 3 ? RAPT__IN(call, 3) : NULL;
  real *y = RAPT__OUT(call, 0);
  for (int64_t j = begin; j < end; j++) y[j] = 0;
  for (int64_t r = 0; r < rows; r++) {
    const real *x = RAPT__IN(call, 0) + r * n, *dy = RAPT__IN(call, 1) + r * n;
    real rstd = RAPT__IN(call, 2)[r], shift = mean ? mean[r] : 0;
    for (int64_t j = begin; j < end; j++) y[j] += dy[j] * ((x[j] - shift) * rstd);
  }
}

static void layer_norm_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const norm_attr *t = node->attr;
  rapt_tensor *x = node->in[0], *dy = dout[0], *mean = &node->out[1], *rstd = &node->out[2];
  int64_t n = rapt__width(x);
  if (x->varies)
    din[0] = rapt__op1(node->graph, &rapt__op_layer_norm_grad,
                       (rapt_tensor *[]){x, dy, mean, rstd, t->has_weight ? node->in[1] : NULL}, 4 + t->has_weight,
                       NULL, 0, x->ndim, x->dim);
  if (t->has_weight && node->in[1]->varies)
    din[1] =
        rapt__op1(node->graph, &rapt__op_norm_weight_grad, (rapt_tensor *[]){x, dy, rstd, mean}, 4, NULL, 0, 1, &n);
  if (t->has_bias && node->in[1 + t->has_weight]->varies) din[1 + t->has_weight] = rapt__column_sum(dy);
}

static void rms_norm_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const norm_attr *t = node->attr;
  rapt_tensor *x = node->in[0], *dy = dout[0], *rstd = &node->out[1];
  int64_t n = rapt__width(x);
  if (x->varies)
    din[0] = rapt__op1(node->graph, &rapt__op_rms_norm_grad,
                       (rapt_tensor *[]){x, dy, rstd, t->has_weight ? node->in[1] : NULL}, 3 + t->has_weight, NULL, 0,
                       x->ndim, x->dim);
  if (t->has_weight && node->in[1]->varies)
    din[1] = rapt__op1(node->graph, &rapt__op_norm_weight_grad, (rapt_tensor *[]){x, dy, rstd}, 3, NULL, 0, 1, &n);
}

static rapt_tensor *layer_norm_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 7));
  rapt_tensor *w = i > 0 ? rapt__sample(graph, "w", RAPT_F32, -1, 2, RAPT__DIMS(7)) : NULL;
  rapt_tensor *b = i > 1 ? rapt__sample(graph, "b", RAPT_F32, -1, 1, RAPT__DIMS(7)) : NULL;
  return rapt_layer_norm(x, w, b, 1e-5);
}
static rapt_tensor *rms_norm_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(5, 7));
  return rapt_rms_norm(x, i ? rapt__sample(graph, "w", RAPT_F32, -1, 2, RAPT__DIMS(7)) : NULL, 1e-6);
}

const rapt__op rapt__op_layer_norm = {.name = "layer_norm",
                                      .split = rows_split,
                                      .forward = layer_norm_forward,
                                      .grad = layer_norm_grad_of,
                                      .samples = 3,
                                      .sample = layer_norm_sample};
const rapt__op rapt__op_layer_norm_grad = {
    .name = "layer_norm_grad", .split = rows_split, .forward = layer_norm_grad_forward};
const rapt__op rapt__op_rms_norm = {.name = "rms_norm",
                                    .split = rows_split,
                                    .forward = rms_norm_forward,
                                    .grad = rms_norm_grad_of,
                                    .samples = 2,
                                    .sample = rms_norm_sample};
const rapt__op rapt__op_rms_norm_grad = {
    .name = "rms_norm_grad", .split = rows_split, .forward = rms_norm_grad_forward};
const rapt__op rapt__op_norm_weight_grad = {
    .name = "norm_weight_grad", .split = norm_weight_grad_split, .forward = norm_weight_grad_forward};

static bool fits(const rapt_tensor *x, const rapt_tensor *v) {
  return !v || (v->ndim == 1 && v->dim[0] == rapt__width(x));
}

static rapt_tensor *norm(const rapt__op *op, rapt_tensor *x, rapt_tensor *weight, rapt_tensor *bias, double eps,
                         int extra) {
  rapt_graph *graph = x->graph;
  if (rapt__poisoned(x) || (weight && rapt__poisoned(weight)) || (bias && rapt__poisoned(bias))) return &graph->poison;
  if (x->ndim < 1 || !fits(x, weight) || !fits(x, bias))
    return rapt__poison(graph, RAPT_ESHAPE, "%s: weight and bias must be vectors as long as the last axis of %s",
                        op->name, rapt__shape_text(x));
  norm_attr t = {eps, weight != NULL, bias != NULL};
  rapt_tensor *in[3] = {x};
  int n = 1;
  if (weight) in[n++] = weight;
  if (bias) in[n++] = bias;
  rapt__node *node = rapt__node_new(graph, op, in, n, &t, sizeof t);
  if (!node) return &graph->poison;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, x->ndim, x->dim);
  for (int i = 0; i < extra; i++) rapt__node_out(node, RAPT_F32, x->ndim - 1, x->dim);
  return y;
}

rapt_tensor *rapt_layer_norm(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *bias, double eps) {
  return norm(&rapt__op_layer_norm, x, weight, bias, eps, 2);
}
rapt_tensor *rapt_rms_norm(rapt_tensor *x, rapt_tensor *weight, double eps) {
  return norm(&rapt__op_rms_norm, x, weight, NULL, eps, 1);
}
