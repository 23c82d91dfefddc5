/* Attention (Vaswani et al. 2017): the tiled kernel as a node, its gradient as another. */
#include "kernels/attention.h"
#include "ops/ops.h"

#include <math.h>

typedef struct attention_attr {
  double scale;
  bool causal, has_lengths, has_bias;
  int64_t window;
} attention_attr;

/* Shapes and strides; `at` is the index of the first optional input (lengths, then bias). */
static k_attention describe(const rapt__node *node, int at) {
  const attention_attr *t = node->attr;
  const rapt_tensor *q = node->in[0], *k = node->in[1], *v = node->in[2];
  k_attention a = {.batch = q->dim[0],
                   .tq = q->dim[1],
                   .heads = q->dim[2],
                   .dim = q->dim[3],
                   .tk = k->dim[1],
                   .kv_heads = k->dim[2],
                   .dim_v = v->dim[3],
                   .scale = (real)t->scale,
                   .causal = t->causal,
                   .window = t->window};
  a.q_head = a.dim, a.q_time = a.heads * a.q_head, a.q_batch = a.tq * a.q_time;
  a.k_head = a.dim, a.k_time = a.kv_heads * a.k_head, a.k_batch = a.tk * a.k_time;
  a.v_head = a.dim_v, a.v_time = a.kv_heads * a.v_head, a.v_batch = a.tk * a.v_time;
  a.o_head = a.dim_v, a.o_time = a.heads * a.o_head, a.o_batch = a.tq * a.o_time;
  if (t->has_bias) {
    const rapt_tensor *bias = node->in[at + t->has_lengths];
    int64_t stride[3] = {0, 0, 0}, step = a.tk;
    for (int i = bias->ndim - 2, axis = 2; i >= 0; i--, axis--) {
      if (bias->dim[i] > 1) stride[axis] = step;
      step *= bias->dim[i];
    }
    a.bias_batch = stride[0], a.bias_head = stride[1], a.bias_query = stride[2];
  }
  return a;
}

static void connect(const rapt__call *call, k_attention *a, int at) {
  const attention_attr *t = call->node->attr;
  a->q = RAPT__IN(call, 0);
  a->k = RAPT__IN(call, 1);
  a->v = RAPT__IN(call, 2);
  if (t->has_lengths) a->lengths = call->in[at];
  if (t->has_bias) a->bias = RAPT__IN(call, at + t->has_lengths);
}

static void attention_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  k_attention a = describe(node, 3);
  split->units[0] = rapt__attention_units(&a, false);
  split->scratch_bytes = rapt__attention_scratch(k, &a, false);
}

/* Inputs q, k, v [, lengths] [, bias]; outputs y, lse, probs. The row log-sum-exp is kept even when only y is read: the
 * kernel writes it while it is at hand. */
static void attention_forward(const rapt__call *call) {
  k_attention a = describe(call->node, 3);
  connect(call, &a, 3);
  a.out = RAPT__OUT(call, 0);
  a.lse = RAPT__OUT(call, 1);
  a.probs = RAPT__OUT(call, 2);
  for (int64_t u = call->begin; u < call->end; u++) rapt__attention_forward(call->k, &a, u, call->scratch);
}

static void attention_grad_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  k_attention a = describe(node, 6);
  split->units[0] = rapt__attention_units(&a, true);
  split->scratch_bytes = rapt__attention_scratch(k, &a, true);
}

/* Inputs q, k, v, y, lse, dy [, lengths] [, bias]; outputs dq, dk, dv, dbias. */
static void attention_grad_forward(const rapt__call *call) {
  k_attention a = describe(call->node, 6);
  connect(call, &a, 6);
  a.o = RAPT__IN(call, 3);
  a.lse = (real *)call->in[4];
  a.dout = RAPT__IN(call, 5);
  a.dq = RAPT__OUT(call, 0);
  a.dk = RAPT__OUT(call, 1);
  a.dv = RAPT__OUT(call, 2);
  a.dbias = call->node->n_out > 3 ? RAPT__OUT(call, 3) : NULL;
  for (int64_t u = call->begin; u < call->end; u++) rapt__attention_backward(call->k, &a, u, call->scratch);
}

static void attention_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const attention_attr *t = node->attr;
  rapt_graph *graph = node->graph;
  rapt_tensor *in[8] = {node->in[0], node->in[1], node->in[2], &node->out[0], &node->out[1], dout[0]};
  int n = 6;
  for (int i = 3; i < node->n_in; i++) in[n++] = node->in[i];
  rapt__node *g = rapt__node_new(graph, &rapt__op_attention_grad, in, n, t, sizeof *t);
  if (!g) return;
  for (int i = 0; i < 3; i++) din[i] = rapt__node_out(g, RAPT_F32, node->in[i]->ndim, node->in[i]->dim);
  int at = 3 + t->has_lengths;
  if (t->has_bias && node->in[at]->varies) {
    rapt_tensor *full = rapt__node_out(g, RAPT_F32, 4, node->out[2].dim);
    din[at] = rapt__sum_like(full, node->in[at]);
  }
}

static rapt_tensor *attention_sample(rapt_graph *graph, int i) {
  int64_t kv = i == 1 ? 1 : 2, tk = i == 2 ? 7 : 5;
  rapt_tensor *q = rapt__sample(graph, "q", RAPT_F32, -1, 1, RAPT__DIMS(2, 5, 2, 3));
  rapt_tensor *k = rapt__sample(graph, "k", RAPT_F32, -1, 1, RAPT__DIMS(2, tk, kv, 3));
  rapt_tensor *v = rapt__sample(graph, "v", RAPT_F32, -1, 1, RAPT__DIMS(2, tk, kv, 4));
  rapt_attention_options o = {.causal = i != 3, .window = i == 2 ? 3 : 0};
  if (i == 3) o.lengths = rapt__sample(graph, "lengths", RAPT_I32, 0, 6, RAPT__DIMS(2));
  if (i == 4) o.bias = rapt__sample(graph, "bias", RAPT_F32, -1, 1, RAPT__DIMS(2, 1, tk));
  return rapt_attention(q, k, v, &o);
}

const rapt__op rapt__op_attention = {.name = "attention",
                                     .split = attention_split,
                                     .forward = attention_forward,
                                     .grad = attention_grad_of,
                                     .samples = 5,
                                     .sample = attention_sample};
const rapt__op rapt__op_attention_grad = {
    .name = "attention_grad", .split = attention_grad_split, .forward = attention_grad_forward};

static bool bias_fits(const rapt_tensor *bias, const int64_t *full) {
  if (bias->ndim < 1 || bias->ndim > 4 || bias->dim[bias->ndim - 1] != full[3]) return false;
  for (int i = 0; i < bias->ndim; i++)
    if (bias->dim[i] != 1 && bias->dim[i] != full[i + 4 - bias->ndim]) return false;
  return true;
}

rapt_tensor *rapt_attention(rapt_tensor *q, rapt_tensor *k, rapt_tensor *v, const rapt_attention_options *options) {
  rapt_graph *graph = q->graph;
  rapt_attention_options none = {0};
  if (!options) options = &none;
  if (rapt__poisoned(q) || rapt__poisoned(k) || rapt__poisoned(v)) return &graph->poison;
  if (q->ndim != 4 || k->ndim != 4 || v->ndim != 4 || q->dim[0] != k->dim[0] || q->dim[0] != v->dim[0] ||
      k->dim[1] != v->dim[1] || k->dim[2] != v->dim[2] || q->dim[3] != k->dim[3] || q->dim[2] % k->dim[2] != 0)
    return rapt__poison(
        graph, RAPT_ESHAPE,
        "attention: q %s, k %s, v %s; (B, Tq, H, D), (B, Tk, G, D), (B, Tk, G, E) with G dividing H are needed",
        rapt__shape_text(q), rapt__shape_text(k), rapt__shape_text(v));
  int64_t full[4] = {q->dim[0], q->dim[2], q->dim[1], k->dim[1]};
  rapt_tensor *in[5] = {q, k, v};
  int n = 3;
  if (options->lengths) in[n++] = options->lengths;
  if (options->bias) in[n++] = options->bias;
  if (options->lengths && (options->lengths->dtype != RAPT_I32 || options->lengths->size != q->dim[0]))
    return rapt__poison(graph, RAPT_ESHAPE, "attention: lengths %s must be int32 (%lld)",
                        rapt__shape_text(options->lengths), (long long)q->dim[0]);
  if (options->bias && !rapt__poisoned(options->bias) && !bias_fits(options->bias, full))
    return rapt__poison(graph, RAPT_ESHAPE, "attention: bias %s does not broadcast to (%lld, %lld, %lld, %lld)",
                        rapt__shape_text(options->bias), (long long)full[0], (long long)full[1], (long long)full[2],
                        (long long)full[3]);
  attention_attr t = {.scale = options->scale != 0 ? options->scale : 1 / sqrt((double)q->dim[3]),
                      .causal = options->causal,
                      .window = options->window,
                      .has_lengths = options->lengths != NULL,
                      .has_bias = options->bias != NULL};
  rapt__node *node = rapt__node_new(graph, &rapt__op_attention, in, n, &t, sizeof t);
  if (!node) return &graph->poison;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, RAPT__DIMS(q->dim[0], q->dim[1], q->dim[2], v->dim[3]));
  rapt__node_out(node, RAPT_F32, 3, full)->varies = false;
  rapt_tensor *probs = rapt__node_out(node, RAPT_F32, 4, full);
  probs->varies = false;
  if (options->probs) *options->probs = probs;
  return y;
}
