/* Gradients as graph-to-graph: walks the nodes backwards and lets each op append the nodes of its own gradient. */
#include "graph/params.h"

#include <rapt/ops.h>

/* What flows into one tensor, in order of arrival; summed only when it is asked for. */
typedef struct share {
  rapt_tensor *t;
  struct share *next;
} share;

typedef struct backward {
  rapt_graph *graph;
  share **first; /* [tensors at the start], newest first; in the graph's arena */
  size_t count;
} backward;

static bool absorbs(const rapt_tensor *t) { return !rapt__poisoned(t) && t->node->op->absorb; }

/* First those that only `add` can join, then into their sum those that can be added in place. */
static rapt_tensor *add_up(share *shares) {
  rapt_tensor *sum = NULL;
  for (int absorbing = 0; absorbing < 2; absorbing++)
    for (share *s = shares; s; s = s->next) {
      if (absorbs(s->t) != absorbing) continue;
      sum = !sum ? s->t : absorbing ? s->t->node->op->absorb(s->t, sum) : rapt_add(sum, s->t);
    }
  return sum;
}

static rapt_tensor *total(backward *b, const rapt_tensor *t) {
  share *shares = b->first[t->id];
  if (!shares) return NULL;
  if (!shares->next) return shares->t;
  int n = 0;
  bool joinable = true;
  for (share *s = shares; s; s = s->next, n++)
    joinable = joinable && !rapt__poisoned(s->t) && s->t->node->op->join && s->t->node->op == shares->t->node->op;
  rapt_tensor *sum = joinable && n <= RAPT__MAX_IN ? NULL : shares->t;
  if (!sum) {
    rapt_tensor *parts[RAPT__MAX_IN];
    int i = n;
    for (share *s = shares; s; s = s->next) parts[--i] = s->t;
    sum = shares->t->node->op->join(parts, n);
    if (!sum)
      sum = shares->t;
    else
      n = 0;
  }
  if (n) sum = add_up(shares);
  shares->t = sum;
  shares->next = NULL;
  return sum;
}

static bool give(backward *b, const rapt_tensor *t, rapt_tensor *gradient) {
  share *s = rapt__arena_new(&b->graph->arena, 1, sizeof *s);
  if (!s) return false;
  *s = (share){gradient, b->first[t->id]};
  b->first[t->id] = s;
  return true;
}

static rapt_status backward_node(backward *b, rapt__node *node) {
  rapt_graph *graph = b->graph;
  rapt_tensor *dout[RAPT__MAX_OUT] = {0};
  bool any = false, varies = false;
  for (int i = 0; i < node->n_out; i++) {
    dout[i] = total(b, &node->out[i]);
    any |= dout[i] != NULL;
    varies |= node->out[i].varies;
  }
  if (!any || !varies || node->n_in == 0) return graph->status;
  if (!node->op->grad) {
    rapt__poison(graph, RAPT_EUNSUPPORTED, "%s has no gradient, and one is asked for", node->op->name);
    return graph->status;
  }
  rapt_tensor **din = rapt__arena_new(&graph->arena, (size_t)node->n_in, sizeof *din);
  if (!din) return graph->status = RAPT_ENOMEM;
  node->op->grad(node, dout, din);
  for (int i = 0; i < node->n_in && graph->status == RAPT_OK; i++) {
    if (!din[i] || !node->in[i]->varies) continue;
    if (!rapt__same_shape(din[i], node->in[i])) {
      rapt__poison(graph, RAPT_ESHAPE, "gradient of %s: %s for input %d of shape %s", node->op->name,
                   rapt__shape_text(din[i]), i, rapt__shape_text(node->in[i]));
    } else if (!give(b, node->in[i], din[i])) {
      graph->status = RAPT_ENOMEM;
    }
  }
  return graph->status;
}

rapt_status rapt_grad(rapt_tensor *loss, rapt_tensor *const *wrt, int count, rapt_tensor **grads) {
  rapt_graph *graph = loss->graph;
  for (int i = 0; i < count; i++) grads[i] = &graph->poison;
  if (graph->status != RAPT_OK) return graph->status;
  if (loss->size != 1) {
    rapt__poison(graph, RAPT_ESHAPE, "rapt_grad: the loss has shape %s; one number is needed", rapt__shape_text(loss));
    return graph->status;
  }
  backward b = {.graph = graph, .count = graph->tensor_count};
  b.first = rapt__arena_new(&graph->arena, b.count, sizeof *b.first);
  if (!b.first || !give(&b, loss, rapt_fill(graph, 1, loss->ndim, loss->dim))) return graph->status = RAPT_ENOMEM;
  int depth = graph->scope_depth;
  const char *outer = graph->scope[0];
  for (int32_t i = loss->node->id; i >= 0; i--) {
    rapt__node *node = graph->nodes[i];
    graph->scope[0] = node->scope; /* the nodes of the gradient carry the names of the forward part */
    graph->scope_depth = 1;
    rapt_status status = backward_node(&b, node);
    if (status != RAPT_OK) break;
  }
  graph->scope[0] = outer;
  graph->scope_depth = depth;
  for (int i = 0; i < count && graph->status == RAPT_OK; i++) {
    rapt_tensor *g = (size_t)wrt[i]->id < b.count ? total(&b, wrt[i]) : NULL;
    grads[i] = g ? g : rapt_fill(graph, 0, wrt[i]->ndim, wrt[i]->dim);
  }
  return graph->status;
}

/* ---- All parameters at once ---- */

static void pack_forward(const rapt__call *call) {
  const rapt_params *params = *(rapt_params *const *)call->node->attr;
  real *out = RAPT__OUT(call, 0);
  for (int i = 0; i < call->node->n_in; i++) {
    const rapt__param *p = params->items[i];
    real *place = out + p->offset;
    if (RAPT__IN(call, i) != place) call->k->scale(p->size, 1, RAPT__IN(call, i), place);
    for (int64_t j = p->size; j < ((p->size + 15) & ~(int64_t)15); j++) place[j] = 0;
  }
}

int64_t rapt__pack_offset(const rapt__node *node, int i) {
  return (*(rapt_params *const *)node->attr)->items[i]->offset;
}

const rapt__op rapt__op_pack = {.name = "pack", .flags = RAPT__PLACES | RAPT__NO_GRADIENT, .forward = pack_forward};

rapt_tensor *rapt_grad_params(rapt_tensor *loss, rapt_params *params) {
  rapt_graph *graph = loss->graph;
  if (graph->status != RAPT_OK) return &graph->poison;
  if (!params->started) return rapt__poison(graph, RAPT_EINVAL, "rapt_grad_params: the store is not started");
  const rapt__param *kept = rapt__params_in_blocks(params);
  if (kept)
    return rapt__poison(graph, RAPT_EUNSUPPORTED,
                        "gradient: \"%s\" is kept as its file has it (quantised or in 16 bits) and cannot be trained; "
                        "`rapt convert` makes a model directory in float32",
                        kept->name);
  rapt_tensor **leaves = rapt__arena_new(&graph->arena, params->count, sizeof *leaves);
  rapt_tensor **grads = rapt__arena_new(&graph->arena, params->count, sizeof *grads);
  if (!leaves || !grads) {
    graph->status = RAPT_ENOMEM;
    return &graph->poison;
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    rapt__node *node = graph->nodes[n];
    if (node->op != &rapt__op_param) continue;
    const rapt__param_attr *attr = node->attr;
    if (attr->params != params) continue;
    for (size_t i = 0; i < params->count; i++)
      if (params->items[i] == attr->param) leaves[i] = &node->out[0];
  }
  for (size_t i = 0; i < params->count; i++) {
    if (leaves[i]) continue;
    const rapt__param *p = params->items[i];
    rapt__param_attr attr = {params, params->items[i]};
    rapt__node *node = rapt__node_new(graph, &rapt__op_param, NULL, 0, &attr, sizeof attr);
    if (!node) return &graph->poison;
    leaves[i] = rapt__node_out(node, RAPT_F32, p->ndim, p->dim);
  }
  if (rapt_grad(loss, leaves, (int)params->count, grads) != RAPT_OK) return &graph->poison;
  rapt__node *node = rapt__node_new(graph, &rapt__op_pack, grads, (int)params->count, &params, sizeof params);
  if (!node) return &graph->poison;
  return rapt__node_out(node, RAPT_F32, 1, &params->extent);
}
