/* Attention (Vaswani et al. 2017): the tiled kernel as a node, its gradient as another. */
#include "kernels/attention.h"
#include "ops/ops.h"

#include <math.h>

typedef struct attention_attr {
  double scale, dropout;
  uint64_t stream; /* of the dropout */
  bool causal, has_lengths, has_bias;
  int64_t window;
  int64_t heads, kv_heads; /* of qkv in one tensor; 0: q, k, v are three */
} attention_attr;

/* Tensors that carry queries, keys and values, before all other inputs. */
static int carriers(const attention_attr *t) { return t->heads ? 1 : 3; }

/* Strides of (batch, time, head) for heads of the given width side by side in rows of `row` elements. */
static void set_strides(int64_t width, int64_t row, int64_t time, int64_t *b, int64_t *t, int64_t *h) {
  *h = width, *t = row, *b = time * row;
}

/* Shapes and strides; `at` is the index of the first optional input (lengths, then bias). */
static k_attention describe(const rapt__node *node, int at) {
  const attention_attr *t = node->attr;
  const rapt_tensor *q = node->in[0];
  k_attention a = {
      .batch = q->dim[0], .tq = q->dim[1], .scale = (real)t->scale, .causal = t->causal, .window = t->window};
  if (t->heads) {
    int64_t row = q->dim[2];
    a.heads = t->heads, a.kv_heads = t->kv_heads, a.tk = a.tq;
    a.dim = a.dim_v = row / (t->heads + 2 * t->kv_heads);
    set_strides(a.dim, row, a.tq, &a.q_batch, &a.q_time, &a.q_head);
    set_strides(a.dim, row, a.tk, &a.k_batch, &a.k_time, &a.k_head);
    set_strides(a.dim, row, a.tk, &a.v_batch, &a.v_time, &a.v_head);
  } else {
    const rapt_tensor *k = node->in[1], *v = node->in[2];
    a.heads = q->dim[2], a.kv_heads = k->dim[2], a.tk = k->dim[1];
    a.dim = q->dim[3], a.dim_v = v->dim[3];
    set_strides(a.dim, a.heads * a.dim, a.tq, &a.q_batch, &a.q_time, &a.q_head);
    set_strides(a.dim, a.kv_heads * a.dim, a.tk, &a.k_batch, &a.k_time, &a.k_head);
    set_strides(a.dim_v, a.kv_heads * a.dim_v, a.tk, &a.v_batch, &a.v_time, &a.v_head);
  }
  set_strides(a.dim_v, a.heads * a.dim_v, a.tq, &a.o_batch, &a.o_time, &a.o_head);
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

/* Where keys and values begin in a packed row. */
static int64_t keys_at(const k_attention *a) { return a->heads * a->dim; }
static int64_t values_at(const k_attention *a) { return (a->heads + a->kv_heads) * a->dim; }

static void connect(const rapt__call *call, k_attention *a, int at) {
  const attention_attr *t = call->node->attr;
  a->q = RAPT__IN(call, 0);
  a->k = t->heads ? a->q + keys_at(a) : RAPT__IN(call, 1);
  a->v = t->heads ? a->q + values_at(a) : RAPT__IN(call, 2);
  if (t->has_lengths) a->lengths = call->in[at];
  if (t->has_bias) a->bias = RAPT__IN(call, at + t->has_lengths);
  a->dropout = (real)t->dropout;
  a->seed = call->seed;
  a->stream = rapt__dropout_stream(t->stream, call->step);
}

static void attention_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  k_attention a = describe(node, carriers(node->attr));
  split->units[0] = rapt__attention_units(&a, false);
  /* Blocks of one head share what is made of its keys; where there are few heads, they are dealt out all the same. */
  int64_t blocks = rapt__attention_blocks(&a), parts = 8 / (a.batch * a.heads) + 1;
  split->grain[0] = (blocks + parts - 1) / parts;
  split->scratch_bytes = rapt__attention_scratch(k, &a, false);
}

/* Inputs q, k, v (or qkv) [, lengths] [, bias]; outputs y, lse, probs. The row log-sum-exp is kept even when only y is read:
 * the kernel writes it while it is at hand. */
static void attention_forward(const rapt__call *call) {
  int at = carriers(call->node->attr);
  k_attention a = describe(call->node, at);
  connect(call, &a, at);
  a.out = RAPT__OUT(call, 0);
  a.lse = RAPT__OUT(call, 1);
  a.probs = RAPT__OUT(call, 2);
  rapt__attention_forward(call->k, &a, call->begin, call->end, call->scratch);
}

static void attention_grad_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  k_attention a = describe(node, carriers(node->attr) + 3);
  split->units[0] = rapt__attention_units(&a, true);
  split->scratch_bytes = rapt__attention_scratch(k, &a, true);
}

/* Inputs q, k, v (or qkv), y, lse, dy [, lengths] [, bias]; outputs dq, dk, dv (or dqkv), dbias. */
static void attention_grad_forward(const rapt__call *call) {
  const attention_attr *t = call->node->attr;
  int at = carriers(t);
  k_attention a = describe(call->node, at + 3);
  connect(call, &a, at + 3);
  a.o = RAPT__IN(call, at);
  a.lse = (real *)call->in[at + 1];
  a.dout = RAPT__IN(call, at + 2);
  a.dq = RAPT__OUT(call, 0);
  a.dk = t->heads ? a.dq + keys_at(&a) : RAPT__OUT(call, 1);
  a.dv = t->heads ? a.dq + values_at(&a) : RAPT__OUT(call, 2);
  a.dbias = call->node->n_out > at ? RAPT__OUT(call, at) : NULL;
  for (int64_t u = call->begin; u < call->end; u++) rapt__attention_backward(call->k, &a, u, call->scratch);
}

static void attention_grad_of(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const attention_attr *t = node->attr;
  rapt_graph *graph = node->graph;
  rapt_tensor *in[8];
  int n = 0, first = carriers(t);
  for (int i = 0; i < first; i++) in[n++] = node->in[i];
  in[n++] = &node->out[0], in[n++] = &node->out[1], in[n++] = dout[0];
  for (int i = first; i < node->n_in; i++) in[n++] = node->in[i];
  rapt__node *g = rapt__node_new(graph, &rapt__op_attention_grad, in, n, t, sizeof *t);
  if (!g) return;
  for (int i = 0; i < first; i++) din[i] = rapt__node_out(g, RAPT_F32, node->in[i]->ndim, node->in[i]->dim);
  int at = first + t->has_lengths;
  if (t->has_bias && node->in[at]->varies) {
    rapt_tensor *full = rapt__node_out(g, RAPT_F32, 4, node->out[2].dim);
    din[at] = rapt__sum_like(full, node->in[at]);
  }
}

/* How many scores the causal mask and the window leave; lengths are not known here. */
static double pairs_of(const k_attention *a) {
  double all = (double)a->tq * (double)a->tk;
  if (a->causal) all -= (double)a->tq * (double)(a->tq - 1) / 2;
  if (a->window > 0 && a->window < a->tk) all = fmin(all, (double)a->tq * (double)a->window);
  return (double)a->batch * (double)a->heads * all;
}

static double attention_flops(const rapt__node *node, void *const *out) {
  k_attention a = describe(node, carriers(node->attr));
  (void)out;
  return 2 * pairs_of(&a) * (double)(a.dim + a.dim_v);
}

static double attention_grad_flops(const rapt__node *node, void *const *out) {
  k_attention a = describe(node, carriers(node->attr) + 3);
  (void)out;
  return 2 * pairs_of(&a) * (double)(3 * a.dim + 2 * a.dim_v);
}

enum { SAMPLES = 8 };

static rapt_tensor *attention_sample(rapt_graph *graph, int i) {
  rapt_attention_options o = {.causal = i != 3, .window = i == 2 ? 3 : 0, .dropout = i == 5 || i == 7 ? 0.3 : 0};
  int64_t kv = i == 1 ? 1 : 2, tk = i == 2 ? 7 : 5;
  if (i == 3) o.lengths = rapt__sample(graph, "lengths", RAPT_I32, 0, 6, RAPT__DIMS(2));
  if (i == 4 || i == 7) o.bias = rapt__sample(graph, "bias", RAPT_F32, -1, 1, RAPT__DIMS(2, 1, tk));
  if (i >= 6)
    return rapt_attention_qkv(rapt__sample(graph, "qkv", RAPT_F32, -1, 1, RAPT__DIMS(2, 5, 12)), 2, i - 5, &o);
  rapt_tensor *q = rapt__sample(graph, "q", RAPT_F32, -1, 1, RAPT__DIMS(2, 5, 2, 3));
  rapt_tensor *k = rapt__sample(graph, "k", RAPT_F32, -1, 1, RAPT__DIMS(2, tk, kv, 3));
  rapt_tensor *v = rapt__sample(graph, "v", RAPT_F32, -1, 1, RAPT__DIMS(2, tk, kv, 4));
  return rapt_attention(q, k, v, &o);
}

const rapt__op rapt__op_attention = {.name = "attention",
                                     .split = attention_split,
                                     .flops = attention_flops,
                                     .forward = attention_forward,
                                     .grad = attention_grad_of,
                                     .samples = SAMPLES,
                                     .sample = attention_sample};
const rapt__op rapt__op_attention_grad = {.name = "attention_grad",
                                          .split = attention_grad_split,
                                          .flops = attention_grad_flops,
                                          .forward = attention_grad_forward};

static bool bias_fits(const rapt_tensor *bias, const int64_t *full) {
  if (bias->ndim < 1 || bias->ndim > 4 || bias->dim[bias->ndim - 1] != full[3]) return false;
  for (int i = 0; i < bias->ndim; i++)
    if (bias->dim[i] != 1 && bias->dim[i] != full[i + 4 - bias->ndim]) return false;
  return true;
}

/* The node of checked carriers in[0..n); y gets the given shape, `full` is that of the scores, (B, H, Tq, Tk). */
static rapt_tensor *attend(rapt_tensor **in, int n, attention_attr t, const rapt_attention_options *o, int ndim,
                           const int64_t *dims, const int64_t *full) {
  rapt_graph *graph = in[0]->graph;
  if (o->lengths) in[n++] = o->lengths;
  if (o->bias) in[n++] = o->bias;
  if (o->lengths && (o->lengths->dtype != RAPT_I32 || o->lengths->size != full[0]))
    return rapt__poison(graph, RAPT_ESHAPE, "attention: lengths %s must be int32 (%lld)", rapt__shape_text(o->lengths),
                        (long long)full[0]);
  if (o->bias && !rapt__poisoned(o->bias) && !bias_fits(o->bias, full))
    return rapt__poison(graph, RAPT_ESHAPE, "attention: bias %s does not broadcast to (%lld, %lld, %lld, %lld)",
                        rapt__shape_text(o->bias), (long long)full[0], (long long)full[1], (long long)full[2],
                        (long long)full[3]);
  if (!(o->dropout >= 0 && o->dropout < 1))
    return rapt__poison(graph, RAPT_EINVAL, "attention: the dropout %g is not in [0, 1)", o->dropout);
  t.dropout = o->dropout;
  t.stream = o->dropout > 0 ? rapt__random_stream(graph) : 0;
  t.causal = o->causal;
  t.window = o->window;
  t.has_lengths = o->lengths != NULL;
  t.has_bias = o->bias != NULL;
  if (o->scale != 0) t.scale = o->scale;
  rapt__node *node = rapt__node_new(graph, &rapt__op_attention, in, n, &t, sizeof t);
  if (!node) return &graph->poison;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, ndim, dims);
  rapt__node_out(node, RAPT_F32, 3, full)->varies = false;
  rapt_tensor *probs = rapt__node_out(node, RAPT_F32, 4, full);
  probs->varies = false;
  if (o->probs) *o->probs = probs;
  return y;
}

rapt_tensor *rapt_attention(rapt_tensor *q, rapt_tensor *k, rapt_tensor *v, const rapt_attention_options *options) {
  rapt_graph *graph = q->graph;
  rapt_attention_options none = {0};
  if (options && options->probs) *options->probs = &graph->poison; /* until it is made */
  if (rapt__poisoned(q) || rapt__poisoned(k) || rapt__poisoned(v)) return &graph->poison;
  if (q->ndim != 4 || k->ndim != 4 || v->ndim != 4 || q->dim[0] != k->dim[0] || q->dim[0] != v->dim[0] ||
      k->dim[1] != v->dim[1] || k->dim[2] != v->dim[2] || q->dim[3] != k->dim[3] || q->dim[2] % k->dim[2] != 0)
    return rapt__poison(
        graph, RAPT_ESHAPE,
        "attention: q %s, k %s, v %s; (B, Tq, H, D), (B, Tk, G, D), (B, Tk, G, E) with G dividing H are needed",
        rapt__shape_text(q), rapt__shape_text(k), rapt__shape_text(v));
  int64_t full[4] = {q->dim[0], q->dim[2], q->dim[1], k->dim[1]};
  int64_t dims[4] = {q->dim[0], q->dim[1], q->dim[2], v->dim[3]};
  attention_attr t = {.scale = 1 / sqrt((double)q->dim[3])};
  return attend((rapt_tensor *[5]){q, k, v}, 3, t, options ? options : &none, 4, dims, full);
}

rapt_tensor *rapt_attention_qkv(rapt_tensor *qkv, int64_t heads, int64_t kv_heads,
                                const rapt_attention_options *options) {
  rapt_attention_options none = {0};
  if (options && options->probs) *options->probs = &qkv->graph->poison;
  if (rapt__poisoned(qkv)) return qkv;
  int64_t all = heads + 2 * kv_heads;
  if (qkv->ndim != 3 || heads < 1 || kv_heads < 1 || heads % kv_heads != 0 || qkv->dim[2] % all != 0)
    return rapt__poison(qkv->graph, RAPT_ESHAPE,
                        "attention: qkv %s; (B, T, (H + 2G)·D) with G dividing H is needed, not H = %lld and G = %lld",
                        rapt__shape_text(qkv), (long long)heads, (long long)kv_heads);
  int64_t size = qkv->dim[2] / all, full[4] = {qkv->dim[0], heads, qkv->dim[1], qkv->dim[1]};
  int64_t dims[3] = {qkv->dim[0], qkv->dim[1], heads * size};
  attention_attr t = {.scale = 1 / sqrt((double)size), .heads = heads, .kv_heads = kv_heads};
  return attend((rapt_tensor *[3]){qkv}, 1, t, options ? options : &none, 3, dims, full);
}
