/* Cross-entropy with labels: its own row kernel, so that softmax and loss are one pass and the gradient another. */
#include "ops/loss.h"

#include <math.h>

static void rows_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  int64_t v = node->in[0]->dim[node->in[0]->ndim - 1], rows = node->in[0]->size / v;
  rapt__split_rows(rows, v, split);
  split->phases = 2;
  split->units[1] = 1;
  split->shared_bytes = (size_t)rows * sizeof(real);
}

int64_t rapt__labels_counted(const rapt__loss_attr *t, const int32_t *labels, int64_t rows) {
  int64_t count = 0;
  for (int64_t r = 0; r < rows; r++) count += rapt__label_counts(t, labels[r]);
  return count;
}

real rapt__label_loss(const k_kernels *k, const rapt__loss_attr *t, const real *logits, int32_t label, real lse) {
  real loss = (real)(1 - t->smoothing) * (lse - logits[label]);
  if (t->smoothing > 0) loss += (real)t->smoothing * (lse - k->sum(t->classes, logits) / (real)t->classes);
  return loss;
}

void rapt__label_loss_grad(const k_kernels *k, const rapt__loss_attr *t, const real *logits, int32_t label, real lse,
                           real scale, real *dx) {
  k->exp_shift(t->classes, -lse, scale, logits, dx);
  if (t->smoothing > 0) {
    real even = scale * (real)(t->smoothing / (double)t->classes);
    for (int64_t j = 0; j < t->classes; j++) dx[j] -= even;
  }
  dx[label] -= scale * (real)(1 - t->smoothing);
}

/* Inputs logits, labels; outputs loss (), lse (rows). */
static void cross_entropy_forward(const rapt__call *call) {
  const rapt__loss_attr *t = call->node->attr;
  const int32_t *labels = call->in[1];
  real *losses = call->shared, *lse = RAPT__OUT(call, 1);
  int64_t rows = call->node->in[1]->size;
  if (call->phase == 1) {
    int64_t count = t->sum ? 1 : rapt__labels_counted(t, labels, rows);
    *RAPT__OUT(call, 0) = count ? call->k->sum(rows, losses) / (real)count : 0;
    return;
  }
  for (int64_t r = call->begin; r < call->end; r++) {
    const real *x = RAPT__IN(call, 0) + r * t->classes;
    bool counts = rapt__label_counts(t, labels[r]);
    real z = counts ? call->k->logsumexp(t->classes, x) : 0;
    losses[r] = counts ? rapt__label_loss(call->k, t, x, labels[r], z) : 0;
    if (lse) lse[r] = z;
  }
}

/* Inputs logits, labels, lse, dy; output dlogits. */
static void cross_entropy_grad_forward(const rapt__call *call) {
  const rapt__loss_attr *t = call->node->attr;
  const int32_t *labels = call->in[1];
  int64_t count = t->sum ? 1 : rapt__labels_counted(t, labels, call->node->in[1]->size);
  real scale = count ? *RAPT__IN(call, 3) / (real)count : 0;
  for (int64_t r = call->begin; r < call->end; r++) {
    real *dx = RAPT__OUT(call, 0) + r * t->classes;
    if (rapt__label_counts(t, labels[r])) {
      rapt__label_loss_grad(call->k, t, RAPT__IN(call, 0) + r * t->classes, labels[r], RAPT__IN(call, 2)[r], scale, dx);
    } else {
      for (int64_t j = 0; j < t->classes; j++) dx[j] = 0;
    }
  }
}

static void grad_rows_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  int64_t v = node->out[0].dim[node->out[0].ndim - 1];
  rapt__split_rows(node->out[0].size / v, v, split);
}

static void cross_entropy_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0];
  din[0] =
      rapt__op1(node->graph, &rapt__op_cross_entropy_grad, (rapt_tensor *[]){x, node->in[1], &node->out[1], dout[0]}, 4,
                node->attr, sizeof(rapt__loss_attr), x->ndim, x->dim);
}

static rapt_tensor *cross_entropy_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5));
  rapt_tensor *labels = rapt__sample(graph, "labels", RAPT_I32, -1, 5, RAPT__DIMS(2, 3)); /* −1 counts as ignored */
  rapt_cross_entropy_options options = {.label_smoothing = i & 1 ? 0.1 : 0, .ignore = i & 2 ? 2 : -100, .sum = i == 3};
  return rapt_cross_entropy(x, labels, &options);
}

const rapt__op rapt__op_cross_entropy = {.name = "cross_entropy",
                                         .split = rows_split,
                                         .forward = cross_entropy_forward,
                                         .grad = cross_entropy_grad_of,
                                         .samples = 4,
                                         .sample = cross_entropy_sample};
const rapt__op rapt__op_cross_entropy_grad = {
    .name = "cross_entropy_grad", .alias = 1, .split = grad_rows_split, .forward = cross_entropy_grad_forward};

rapt__loss_attr rapt__loss_settings(const rapt_cross_entropy_options *options, int64_t classes) {
  return (rapt__loss_attr){.smoothing = options ? options->label_smoothing : 0,
                           .ignore = options ? options->ignore : -100,
                           .sum = options && options->sum,
                           .classes = classes};
}

rapt_tensor *rapt_cross_entropy(rapt_tensor *logits, rapt_tensor *labels, const rapt_cross_entropy_options *options) {
  rapt_graph *graph = logits->graph;
  if (rapt__poisoned(logits) || rapt__poisoned(labels)) return &graph->poison;
  if (logits->ndim < 1 || labels->dtype != RAPT_I32 || labels->size * logits->dim[logits->ndim - 1] != logits->size)
    return rapt__poison(graph, RAPT_ESHAPE, "cross_entropy: logits %s need int32 labels of their leading shape, not %s",
                        rapt__shape_text(logits), rapt__shape_text(labels));
  rapt__loss_attr t = rapt__loss_settings(options, logits->dim[logits->ndim - 1]);
  rapt__node *node = rapt__node_new(graph, &rapt__op_cross_entropy, (rapt_tensor *[]){logits, labels}, 2, &t, sizeof t);
  if (!node) return &graph->poison;
  rapt_tensor *loss = rapt__node_out(node, RAPT_F32, 0, NULL);
  rapt__node_out(node, RAPT_F32, labels->ndim, labels->dim);
  return loss;
}

rapt_tensor *rapt_cross_entropy_soft(rapt_tensor *logits, rapt_tensor *targets) {
  rapt_tensor *terms = rapt_sum(rapt_mul(targets, rapt_log_softmax(logits)), -1, false);
  return rapt_neg(rapt_mean(terms, RAPT_ALL, false));
}
