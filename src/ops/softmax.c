/* softmax, log-softmax and log-sum-exp over the last axis. */
#include "ops/ops.h"

#include <math.h>

static void rows_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->in[0]->size / rapt__width(node->in[0]), rapt__width(node->in[0]), split);
}

static rapt_tensor *row_op(const rapt__op *op, rapt_tensor *x, rapt_tensor *second) {
  if (rapt__poisoned(x) || (second && rapt__poisoned(second))) return &x->graph->poison;
  if (x->ndim < 1 || x->dtype != RAPT_F32)
    return rapt__poison(x->graph, RAPT_ESHAPE, "%s: needs reals with at least one axis, not %s", op->name,
                        rapt__shape_text(x));
  return rapt__op1(x->graph, op, (rapt_tensor *[]){x, second}, second ? 2 : 1, NULL, 0, x->ndim, x->dim);
}

#define ROW_FORWARD(fn, ...)                                                                                           \
  int64_t n = rapt__width(call->node->in[0]);                                                                          \
  for (int64_t r = call->begin; r < call->end; r++) call->k->fn(n, __VA_ARGS__);

static void softmax_forward(const rapt__call *call) {
  ROW_FORWARD(softmax, RAPT__IN(call, 0) + r * n, RAPT__OUT(call, 0) + r * n)
}
static void softmax_grad_forward(const rapt__call *call) {
  ROW_FORWARD(softmax_grad, RAPT__IN(call, 0) + r * n, RAPT__IN(call, 1) + r * n, RAPT__OUT(call, 0) + r * n)
}
static void log_softmax_forward(const rapt__call *call) {
  ROW_FORWARD(log_softmax, RAPT__IN(call, 0) + r * n, RAPT__OUT(call, 0) + r * n)
}
static void log_softmax_grad_forward(const rapt__call *call) {
  ROW_FORWARD(log_softmax_grad, RAPT__IN(call, 0) + r * n, RAPT__IN(call, 1) + r * n, RAPT__OUT(call, 0) + r * n)
}
static void logsumexp_forward(const rapt__call *call) {
  int64_t n = rapt__width(call->node->in[0]);
  for (int64_t r = call->begin; r < call->end; r++)
    RAPT__OUT(call, 0)[r] = call->k->logsumexp(n, RAPT__IN(call, 0) + r * n);
}

static void softmax_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = row_op(&rapt__op_softmax_grad, &node->out[0], dout[0]);
}

/* dx = y·(dy − Σ y·dy) is linear in dy; in y it is not needed by any first derivative but easily built. */
static void softmax_grad_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *y = node->in[0], *dy = node->in[1], *g = dout[0];
  if (dy->varies) din[1] = row_op(&rapt__op_softmax_grad, y, g);
  if (y->varies) {
    rapt_tensor *gdy = rapt_mul(g, dy);
    rapt_tensor *a = rapt_mul(g, rapt_sum(rapt_mul(y, dy), -1, true));
    rapt_tensor *b = rapt_mul(dy, rapt_sum(rapt_mul(y, g), -1, true));
    din[0] = rapt_sub(gdy, rapt_add(a, b));
  }
}

static void log_softmax_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = row_op(&rapt__op_log_softmax_grad, &node->out[0], dout[0]);
}

static void logsumexp_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0];
  int64_t dims[RAPT_MAX_DIMS];
  for (int i = 0; i < x->ndim; i++) dims[i] = x->dim[i];
  dims[x->ndim - 1] = 1;
  din[0] = rapt_mul(rapt_softmax(x, NULL), rapt_reshape(dout[0], x->ndim, dims));
}

static rapt_tensor *rows_sample(rapt_graph *graph, int i) {
  return i ? rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 7))
           : rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(4, 1));
}
static rapt_tensor *softmax_sample(rapt_graph *graph, int i) { return rapt_softmax(rows_sample(graph, i), NULL); }
static rapt_tensor *log_softmax_sample(rapt_graph *graph, int i) { return rapt_log_softmax(rows_sample(graph, i)); }
static rapt_tensor *logsumexp_sample(rapt_graph *graph, int i) { return rapt_logsumexp(rows_sample(graph, i)); }
static rapt_tensor *softmax_grad_sample(rapt_graph *graph, int i) {
  rapt_tensor *y = rows_sample(graph, i);
  return row_op(&rapt__op_softmax_grad, y, rapt__sample(graph, "dy", RAPT_F32, -1, 1, y->ndim, y->dim));
}

const rapt__op rapt__op_softmax = {.name = "softmax",
                                   .alias = 1,
                                   .split = rows_split,
                                   .forward = softmax_forward,
                                   .grad = softmax_grad_of,
                                   .samples = 2,
                                   .sample = softmax_sample};
const rapt__op rapt__op_softmax_grad = {.name = "softmax_grad",
                                        .alias = 2,
                                        .split = rows_split,
                                        .forward = softmax_grad_forward,
                                        .grad = softmax_grad_grad,
                                        .samples = 2,
                                        .sample = softmax_grad_sample};
const rapt__op rapt__op_log_softmax = {.name = "log_softmax",
                                       .alias = 1,
                                       .split = rows_split,
                                       .forward = log_softmax_forward,
                                       .grad = log_softmax_grad_of,
                                       .samples = 2,
                                       .sample = log_softmax_sample};
const rapt__op rapt__op_log_softmax_grad = {
    .name = "log_softmax_grad", .split = rows_split, .forward = log_softmax_grad_forward};
const rapt__op rapt__op_logsumexp = {.name = "logsumexp",
                                     .split = rows_split,
                                     .forward = logsumexp_forward,
                                     .grad = logsumexp_grad_of,
                                     .samples = 2,
                                     .sample = logsumexp_sample};

rapt_tensor *rapt_softmax(rapt_tensor *x, rapt_tensor *mask) {
  if (mask) x = rapt_where(mask, x, rapt_fill(x->graph, -INFINITY, 0, NULL));
  return row_op(&rapt__op_softmax, x, NULL);
}

rapt_tensor *rapt_log_softmax(rapt_tensor *x) { return row_op(&rapt__op_log_softmax, x, NULL); }

rapt_tensor *rapt_logsumexp(rapt_tensor *x) {
  if (rapt__poisoned(x)) return x;
  if (x->ndim < 1) return rapt__poison(x->graph, RAPT_ESHAPE, "logsumexp: needs at least one axis");
  return rapt__op1(x->graph, &rapt__op_logsumexp, &x, 1, NULL, 0, x->ndim - 1, x->dim);
}
