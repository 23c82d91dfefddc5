/* Building graphs: nodes, tensors, scopes, errors that wait, leaves. */
#include "graph/graph.h"

#include "graph/params.h"

#include <stdio.h>
#include <string.h>

rapt_status rapt_graph_new(rapt_context *ctx, rapt_graph **out) {
  *out = NULL;
  rapt_graph *graph = rapt__new(ctx, 1, sizeof *graph);
  if (!graph) return RAPT_ENOMEM;
  graph->ctx = ctx;
  rapt__arena_init(&graph->arena, ctx);
  graph->poison = (rapt_tensor){.graph = graph, .name = "", .ndim = 1, .dim = {1}, .size = 1};
  *out = graph;
  return RAPT_OK;
}

void rapt_graph_free(rapt_graph *graph) {
  if (!graph) return;
  rapt_context *ctx = graph->ctx;
  rapt__free(ctx, graph->nodes);
  rapt__free(ctx, graph->tensors);
  rapt__arena_free(&graph->arena);
  rapt__free(ctx, graph);
}

int64_t rapt_graph_nodes(const rapt_graph *graph) { return (int64_t)graph->node_count; }

static const char *current_scope(const rapt_graph *graph) {
  return graph->scope_depth ? graph->scope[graph->scope_depth - 1] : "";
}

void rapt_scope_begin(rapt_graph *graph, const char *fmt, ...) {
  char part[256];
  va_list args;
  va_start(args, fmt);
  vsnprintf(part, sizeof part, fmt, args);
  va_end(args);
  const char *outer = current_scope(graph);
  char *name = rapt__arena_format(&graph->arena, "%s%s%s", outer, *outer ? "." : "", part);
  if (!name) {
    graph->status = RAPT_ENOMEM;
    name = "";
  }
  if (graph->scope_depth == (int)(sizeof graph->scope / sizeof *graph->scope)) {
    rapt__poison(graph, RAPT_EINVAL, "more than %d scopes inside each other", graph->scope_depth);
    return;
  }
  graph->scope[graph->scope_depth++] = name;
}

void rapt_scope_end(rapt_graph *graph) {
  if (graph->scope_depth > 0) graph->scope_depth--;
}

rapt_tensor *rapt__poison(rapt_graph *graph, rapt_status status, const char *fmt, ...) {
  char text[768];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  const char *scope = current_scope(graph);
  rapt__fail(graph->ctx, status, "%s%s%s", scope, *scope ? ": " : "", text);
  if (graph->status == RAPT_OK) graph->status = status;
  return &graph->poison;
}

rapt__node *rapt__node_new(rapt_graph *graph, const rapt__op *op, rapt_tensor *const *in, int n_in, const void *attr,
                           size_t attr_size) {
  if (graph->status != RAPT_OK) return NULL;
  for (int i = 0; i < n_in; i++) {
    if (rapt__poisoned(in[i])) return NULL;
    if (in[i]->graph != graph) {
      rapt__poison(graph, RAPT_EINVAL, "%s: input %d belongs to another graph", op->name, i);
      return NULL;
    }
    if (in[i]->dtype == RAPT_BLOCKS && !(op->flags & RAPT__TAKES_BLOCKS)) {
      rapt__poison(graph, RAPT_EUNSUPPORTED,
                   "%s: \"%s\" is kept as its file has it (quantised or in 16 bits); "
                   "only linear and embedding compute with such weights",
                   op->name, in[i]->name);
      return NULL;
    }
  }
  rapt__node *node = rapt__arena_new(&graph->arena, 1, sizeof *node);
  rapt_tensor **inputs = n_in ? rapt__arena_new(&graph->arena, (size_t)n_in, sizeof *inputs) : NULL;
  void *copy = attr_size ? rapt__arena_new(&graph->arena, 1, attr_size) : NULL;
  if (!node || (n_in && !inputs) || (attr_size && !copy) ||
      rapt__reserve(graph->ctx, (void **)&graph->nodes, &graph->node_capacity, graph->node_count,
                    sizeof *graph->nodes) != RAPT_OK) {
    graph->status = RAPT_ENOMEM;
    return NULL;
  }
  if (n_in) memcpy(inputs, in, (size_t)n_in * sizeof *inputs);
  if (attr_size) memcpy(copy, attr, attr_size);
  *node = (rapt__node){.op = op,
                       .graph = graph,
                       .scope = current_scope(graph),
                       .id = (int32_t)graph->node_count,
                       .n_in = n_in,
                       .in = inputs,
                       .attr = copy};
  graph->nodes[graph->node_count++] = node;
  return node;
}

rapt_tensor *rapt__node_out(rapt__node *node, rapt_dtype dtype, int ndim, const int64_t *dims) {
  rapt_graph *graph = node->graph;
  if (ndim < 0 || ndim > RAPT_MAX_DIMS)
    return rapt__poison(graph, RAPT_ESHAPE, "%s: %d dimensions; at most %d are supported", node->op->name, ndim,
                        RAPT_MAX_DIMS);
  int64_t size = 1;
  for (int i = 0; i < ndim; i++) {
    if (dims[i] < 1)
      return rapt__poison(graph, RAPT_ESHAPE, "%s: dimension %d of the result would be %lld", node->op->name, i,
                          (long long)dims[i]);
    if (__builtin_mul_overflow(size, dims[i], &size) || size > INT64_MAX / 64)
      return rapt__poison(graph, RAPT_ESHAPE, "%s: the result is too large for memory", node->op->name);
  }
  if (rapt__reserve(graph->ctx, (void **)&graph->tensors, &graph->tensor_capacity, graph->tensor_count,
                    sizeof *graph->tensors) != RAPT_OK) {
    graph->status = RAPT_ENOMEM;
    return &graph->poison;
  }
  rapt_tensor *t = &node->out[node->n_out];
  *t = (rapt_tensor){.graph = graph,
                     .node = node,
                     .out = node->n_out,
                     .dtype = dtype,
                     .ndim = ndim,
                     .size = size,
                     .name = "",
                     .id = (int32_t)graph->tensor_count};
  for (int i = 0; i < ndim; i++) t->dim[i] = dims[i];
  if (dtype == RAPT_F32 && !(node->op->flags & RAPT__NO_GRADIENT))
    for (int i = 0; i < node->n_in; i++) t->varies |= node->in[i]->varies;
  node->n_out++;
  graph->tensors[graph->tensor_count++] = t;
  return t;
}

bool rapt__same_shape(const rapt_tensor *a, const rapt_tensor *b) {
  return a->ndim == b->ndim && memcmp(a->dim, b->dim, (size_t)a->ndim * sizeof *a->dim) == 0;
}

int rapt__axis(const rapt_tensor *t, int axis) {
  if (axis < 0) axis += t->ndim;
  return axis >= 0 && axis < t->ndim ? axis : -1;
}

const char *rapt__shape_text(const rapt_tensor *t) {
  char text[160];
  size_t used = 0;
  text[used++] = '(';
  for (int i = 0; i < t->ndim; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? ", " : "", (long long)t->dim[i]);
  text[used++] = ')';
  text[used] = 0;
  char *copy = rapt__arena_strdup(&t->graph->arena, text);
  return copy ? copy : "?";
}

uint64_t rapt__random_stream(rapt_graph *graph) { return graph->random_streams++; }

void rapt__split_blocks(const rapt__node *node, rapt__split *split) {
  split->phases = 1;
  split->units[0] = (node->out[0].size + RAPT__BLOCK - 1) / RAPT__BLOCK;
  split->grain[0] = 4;
}

void rapt__split_rows(int64_t rows, int64_t row_size, rapt__split *split) {
  split->phases = 1;
  split->units[0] = rows;
  split->grain[0] = row_size >= RAPT__BLOCK * 4 ? 1 : RAPT__BLOCK * 4 / (row_size > 0 ? row_size : 1);
}

int rapt_ndim(const rapt_tensor *t) { return t->ndim; }
int64_t rapt_dim(const rapt_tensor *t, int axis) {
  int a = rapt__axis(t, axis);
  return a < 0 ? 0 : t->dim[a];
}
const int64_t *rapt_dims(const rapt_tensor *t) { return t->dim; }
int64_t rapt_size(const rapt_tensor *t) { return t->size; }
rapt_dtype rapt_type(const rapt_tensor *t) { return t->dtype; }
const char *rapt_name(const rapt_tensor *t) { return t->name; }

rapt_tensor *rapt_tap(rapt_tensor *t, const char *fmt, ...) {
  if (rapt__poisoned(t)) return t;
  char part[256];
  va_list args;
  va_start(args, fmt);
  vsnprintf(part, sizeof part, fmt, args);
  va_end(args);
  const char *outer = current_scope(t->graph);
  char *name = rapt__arena_format(&t->graph->arena, "%s%s%s", outer, *outer ? "." : "", part);
  if (!name) {
    t->graph->status = RAPT_ENOMEM;
    return &t->graph->poison;
  }
  t->name = name;
  t->tapped = true;
  return t;
}

/* ---- Leaves ---- */

static rapt_tensor *leaf(rapt_graph *graph, const rapt__op *op, const char *name, rapt_dtype dtype, int ndim,
                         const int64_t *dims, const void *attr, size_t attr_size) {
  rapt__node *node = rapt__node_new(graph, op, NULL, 0, attr, attr_size);
  if (!node) return &graph->poison;
  rapt_tensor *t = rapt__node_out(node, dtype, ndim, dims);
  if (rapt__poisoned(t)) return t;
  char *copy = rapt__arena_strdup(&graph->arena, name);
  if (!copy) {
    graph->status = RAPT_ENOMEM;
    return &graph->poison;
  }
  t->name = copy;
  return t;
}

const rapt__op rapt__op_input = {.name = "input"};

static rapt_tensor *input(rapt_graph *graph, const char *name, rapt_dtype dtype, int ndim, const int64_t *dims,
                          rapt__input_attr attr) {
  if (graph->status != RAPT_OK) return &graph->poison;
  for (size_t i = 0; i < graph->node_count; i++)
    if (graph->nodes[i]->op == &rapt__op_input && strcmp(graph->nodes[i]->out[0].name, name) == 0)
      return rapt__poison(graph, RAPT_EINVAL, "input \"%s\": the graph already has one of this name", name);
  rapt_tensor *t = leaf(graph, &rapt__op_input, name, dtype, ndim, dims, &attr, sizeof attr);
  t->varies = dtype == RAPT_F32;
  return t;
}

rapt_tensor *rapt_input(rapt_graph *graph, const char *name, rapt_dtype dtype, int ndim, const int64_t *dims) {
  return input(graph, name, dtype, ndim, dims, (rapt__input_attr){0});
}

rapt_tensor *rapt__sample(rapt_graph *graph, const char *name, rapt_dtype dtype, double lo, double hi, int ndim,
                          const int64_t *dims) {
  return input(graph, name, dtype, ndim, dims, (rapt__input_attr){.sample = true, .lo = lo, .hi = hi});
}

static void fill_forward(const rapt__call *call) {
  real value = (real) * (const double *)call->node->attr;
  for (int64_t i = 0; i < call->node->out[0].size; i++) RAPT__OUT(call, 0)[i] = value;
}

const rapt__op rapt__op_fill = {.name = "fill", .forward = fill_forward, .flags = RAPT__NO_GRADIENT};

rapt_tensor *rapt_fill(rapt_graph *graph, double value, int ndim, const int64_t *dims) {
  return leaf(graph, &rapt__op_fill, "", RAPT_F32, ndim, dims, &value, sizeof value);
}

bool rapt__is_one(const rapt_tensor *t) {
  return !rapt__poisoned(t) && t->node->op == &rapt__op_fill && *(const double *)t->node->attr == 1;
}

const rapt__op rapt__op_param = {.name = "param"};

rapt_tensor *rapt_param(rapt_graph *graph, rapt_params *params, const char *name, int ndim, const int64_t *dims,
                        rapt_init init) {
  if (graph->status != RAPT_OK) return &graph->poison;
  const char *outer = current_scope(graph);
  char *full = rapt__arena_format(&graph->arena, "%s%s%s", outer, *outer ? "." : "", name);
  if (!full) {
    graph->status = RAPT_ENOMEM;
    return &graph->poison;
  }
  rapt__param *param = rapt__params_declare(params, graph, full, ndim, dims, init);
  if (!param) return &graph->poison;
  for (size_t i = 0; i < graph->node_count; i++) { /* tied weights: one leaf, whose gradient is the sum of all uses */
    rapt__node *node = graph->nodes[i];
    if (node->op == &rapt__op_param && ((rapt__param_attr *)node->attr)->param == param) return &node->out[0];
  }
  rapt__param_attr attr = {params, param};
  rapt_tensor *t =
      leaf(graph, &rapt__op_param, full, param->blocks ? RAPT_BLOCKS : RAPT_F32, ndim, dims, &attr, sizeof attr);
  t->varies = !param->blocks;
  return t;
}
