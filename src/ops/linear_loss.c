/* linear + cross-entropy in chunks of rows: the logits of one chunk exist at a time. The gradients of x and weight cost two
 * products more while the chunk's logits are there, so forward makes them where somebody reads them, for an incoming
 * gradient of 1; the gradient nodes only scale them. */
#include "kernels/gemm.h"
#include "ops/loss.h"

#include <string.h>

enum { PHASES = 7 }; /* of one chunk: logits (pack, compute), rows, dx (pack, compute), dw (pack, compute) */

typedef struct chunk_attr {
  rapt__loss_attr loss;
  int64_t rows, width, chunk;
} chunk_attr;

static int64_t chunks_of(const chunk_attr *t) { return (t->rows + t->chunk - 1) / t->chunk; }
static int64_t rows_of(const chunk_attr *t, int64_t c) {
  int64_t rest = t->rows - c * t->chunk;
  return rest < t->chunk ? rest : t->chunk;
}

/* The three products of a chunk; pointers are filled in by forward. */
static k_gemm product_of(const chunk_attr *t, int64_t c, int which) {
  int64_t rows = rows_of(t, c), v = t->loss.classes, w = t->width;
  k_gemm g = {.alpha = 1, .activation = -1};
  switch (which) {
  case 0: /* logits (rows, v) = x (rows, w) · Wᵀ */
    g.m = rows, g.n = v, g.k = w, g.a_row = w, g.a_col = 1, g.b_row = 1, g.b_col = w, g.c_row = v;
    break;
  case 1: /* dx (rows, w) = dlogits (rows, v) · W (v, w) */
    g.m = rows, g.n = w, g.k = v, g.a_row = v, g.a_col = 1, g.b_row = w, g.b_col = 1, g.c_row = w;
    break;
  default: /* dW (v, w) += dlogitsᵀ (v, rows) · x (rows, w) */
    g.m = v, g.n = w, g.k = rows, g.a_row = 1, g.a_col = v, g.b_row = w, g.b_col = 1, g.c_row = w;
    g.accumulate = c > 0;
    break;
  }
  return g;
}

static int which_product(int phase) { return phase < 2 ? 0 : phase < 5 ? 1 : 2; }
static int product_phase(int phase) { return phase < 2 ? phase : (phase - 3) % 2; }

static int64_t phase_units(const rapt__node *node, const k_kernels *k, int phase) {
  const chunk_attr *t = node->attr;
  int64_t c = phase / PHASES;
  int part = phase % PHASES;
  if (c == chunks_of(t)) return 1; /* the sum of all rows */
  if (part == 2) return (rows_of(t, c) + 15) / 16;
  k_gemm g = product_of(t, c, which_product(part));
  k_gemm_plan plan;
  rapt__gemm_plan(k, &g, &plan);
  return plan.units[product_phase(part)];
}

/* The shared scratch: losses (rows), log-sum-exps of a chunk, its logits, then the packed operand. */
static size_t logits_at(const chunk_attr *t) { return ((size_t)(t->rows + 15) & ~(size_t)15) * sizeof(real); }
static size_t packed_at(const chunk_attr *t) {
  return (logits_at(t) + (size_t)(t->chunk * t->loss.classes) * sizeof(real) + 63) & ~(size_t)63;
}

static void chunk_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const chunk_attr *t = node->attr;
  size_t packed = 0;
  for (int which = 0; which < 3; which++)
    for (int64_t c = 0; c<chunks_of(t); c += chunks_of(t)> 1 ? chunks_of(t) - 1 : 1) {
      k_gemm g = product_of(t, c, which);
      k_gemm_plan plan;
      rapt__gemm_plan(k, &g, &plan);
      if (plan.shared_bytes > packed) packed = plan.shared_bytes;
      if (plan.worker_bytes > split->scratch_bytes) split->scratch_bytes = plan.worker_bytes;
    }
  split->phases = (int)chunks_of(t) * PHASES + 1;
  split->phase_units = phase_units;
  split->shared_bytes = packed_at(t) + packed;
}

static void chunk_rows(const rapt__call *call, const chunk_attr *t, int64_t c, real *losses, real *logits) {
  const int32_t *labels = call->in[2];
  int64_t rows = rows_of(t, c), first = c * t->chunk, v = t->loss.classes;
  bool grads = call->out[1] || call->out[2];
  int64_t count = t->loss.sum ? 1 : rapt__labels_counted(&t->loss, labels, t->rows);
  real scale = count ? 1 / (real)count : 0;
  int64_t end = call->end * 16 < rows ? call->end * 16 : rows;
  for (int64_t r = call->begin * 16; r < end; r++) {
    real *x = logits + r * v;
    int32_t label = labels[first + r];
    if (!rapt__label_counts(&t->loss, label)) {
      losses[first + r] = 0;
      if (grads) memset(x, 0, (size_t)v * sizeof *x);
      continue;
    }
    real lse = call->k->logsumexp(v, x);
    losses[first + r] = rapt__label_loss(call->k, &t->loss, x, label, lse);
    if (grads) rapt__label_loss_grad(call->k, &t->loss, x, label, lse, scale, x);
  }
}

/* Inputs x, weight, labels; outputs loss (), dx, dweight. */
static void chunk_forward(const rapt__call *call) {
  const chunk_attr *t = call->node->attr;
  int64_t c = call->phase / PHASES;
  int part = call->phase % PHASES;
  char *shared = call->shared;
  real *losses = (real *)shared, *logits = (real *)(shared + logits_at(t));
  if (c == chunks_of(t)) {
    int64_t count = t->loss.sum ? 1 : rapt__labels_counted(&t->loss, call->in[2], t->rows);
    *RAPT__OUT(call, 0) = count ? call->k->sum(t->rows, losses) / (real)count : 0;
    return;
  }
  if (part == 2) {
    chunk_rows(call, t, c, losses, logits);
    return;
  }
  int which = which_product(part);
  if (which > 0 && !call->out[which]) return;
  k_gemm g = product_of(t, c, which);
  const real *x = RAPT__IN(call, 0) + c * t->chunk * t->width;
  g.a = which == 0 ? x : logits;
  g.b = which == 2 ? x : RAPT__IN(call, 1);
  g.c = which == 0 ? logits : which == 1 ? RAPT__OUT(call, 1) + c * t->chunk * t->width : RAPT__OUT(call, 2);
  k_gemm_plan plan;
  rapt__gemm_plan(call->k, &g, &plan);
  rapt__gemm_units(call->k, &g, &plan, product_phase(part), call->begin, call->end, shared + packed_at(t),
                   call->scratch);
}

static void chunk_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  bool one = rapt__is_one(dout[0]);
  for (int i = 0; i < 2; i++)
    if (node->in[i]->varies) din[i] = one ? &node->out[i + 1] : rapt_mul(&node->out[i + 1], dout[0]);
}

static rapt_tensor *chunk_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(2, 3, 4));
  rapt_tensor *w = rapt__sample(graph, "w", RAPT_F32, -1, 1, RAPT__DIMS(5, 4));
  rapt_tensor *labels = rapt__sample(graph, "labels", RAPT_I32, -1, 5, RAPT__DIMS(2, 3));
  return rapt_linear_cross_entropy(x, w, labels,
                                   i ? &(rapt_cross_entropy_options){.label_smoothing = 0.2, .ignore = 1} : NULL);
}

static double chunk_flops(const rapt__node *node, void *const *out) {
  const chunk_attr *t = node->attr;
  return 2.0 * (double)t->rows * (double)t->width * (double)t->loss.classes * (1 + (out[1] != NULL) + (out[2] != NULL));
}

const rapt__op rapt__op_linear_cross_entropy = {.name = "linear_cross_entropy",
                                                .split = chunk_split,
                                                .flops = chunk_flops,
                                                .forward = chunk_forward,
                                                .grad = chunk_grad,
                                                .samples = 2,
                                                .sample = chunk_sample};

rapt_tensor *rapt_linear_cross_entropy(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *labels,
                                       const rapt_cross_entropy_options *options) {
  rapt_graph *graph = x->graph;
  if (rapt__poisoned(x) || rapt__poisoned(weight) || rapt__poisoned(labels)) return &graph->poison;
  int64_t width = x->ndim ? x->dim[x->ndim - 1] : 0;
  if (weight->ndim != 2 || weight->dim[1] != width || labels->dtype != RAPT_I32 || labels->size * width != x->size)
    return rapt__poison(graph, RAPT_ESHAPE, "linear_cross_entropy: x %s, weight %s, labels %s do not fit",
                        rapt__shape_text(x), rapt__shape_text(weight), rapt__shape_text(labels));
  chunk_attr t = {.loss = rapt__loss_settings(options, weight->dim[0]), .rows = labels->size, .width = width};
  t.chunk = (1 << 21) / weight->dim[0]; /* 8 MB of logits, but enough rows for a good product */
  t.chunk = t.chunk < 64 ? 64 : t.chunk;
  if (t.chunk > t.rows) t.chunk = t.rows;
  rapt__node *node =
      rapt__node_new(graph, &rapt__op_linear_cross_entropy, (rapt_tensor *[]){x, weight, labels}, 3, &t, sizeof t);
  if (!node) return &graph->poison;
  rapt_tensor *loss = rapt__node_out(node, RAPT_F32, 0, NULL);
  rapt__node_out(node, RAPT_F32, x->ndim, x->dim);
  rapt__node_out(node, RAPT_F32, 2, weight->dim);
  return loss;
}
