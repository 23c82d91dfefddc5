/* Memory of a plan: a lifetime for every buffer, in-place use where an input dies, inputs computed where a concatenation
 * wants them, and offsets in one arena (largest first into the lowest gap that is free for the whole lifetime). */
#include "graph/plan.h"

#include <stdlib.h>
#include <string.h>

typedef struct buffer {
  size_t bytes, offset;
  int32_t first, last; /* node ids between which it holds something */
} buffer;

typedef struct layout {
  rapt_plan *plan;
  const bool *needed, *kept;
  bool keep_all;
  int32_t *root;   /* by tensor id: the tensor whose memory a view shares */
  int32_t *last;   /* by tensor id (roots): the last node that reads it */
  int32_t *where;  /* by tensor id: buffer, or −1 */
  size_t *inside;  /* by tensor id: byte offset in its buffer */
  int32_t *placed; /* by tensor id: the tensor of a RAPT__PLACES node in which it lies, or −1 */
  buffer *buffers;
  int32_t count;
} layout;

static size_t tensor_bytes(const rapt_tensor *t) {
  return (size_t)t->size * (t->dtype == RAPT_I32 ? sizeof(int32_t) : sizeof(real));
}

static bool is_external(const rapt_tensor *t) { return t->node->op == &rapt__op_param; }

/* Roots of views and the last reader of each root. */
static void find_lifetimes(layout *l) {
  const rapt_graph *graph = l->plan->graph;
  int32_t end = (int32_t)graph->node_count;
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    for (int i = 0; i < node->n_out; i++) {
      int32_t id = node->out[i].id;
      l->root[id] = node->op->flags & RAPT__VIEW ? l->root[node->in[0]->id] : id;
      l->last[id] = -1;
      l->where[id] = l->placed[id] = -1;
    }
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    if (!l->needed[n]) continue;
    for (int i = 0; i < node->n_in; i++) l->last[l->root[node->in[i]->id]] = (int32_t)n;
  }
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    if (!l->needed[n]) continue;
    for (int i = 0; i < node->n_out; i++)
      if (l->kept[node->out[i].id] || l->keep_all || node->op == &rapt__op_input)
        l->last[l->root[node->out[i].id]] = end;
  }
}

/* Whether tensor `root` may be computed at a place in a concatenation, where nothing else is ever written. */
static bool can_be_placed(const layout *l, int32_t root) {
  const rapt_tensor *t = l->plan->graph->tensors[root];
  return !is_external(t) && t->node->op != &rapt__op_input && l->placed[root] < 0 &&
         !(t->node->op->flags & RAPT__PLACES);
}

/* The input that dies where it is turned into the placed tensor `root` in its own memory has the same place, and so on back
 * to where the first of them is made. */
static void place_origins(layout *l, int32_t root) {
  const rapt_graph *graph = l->plan->graph;
  for (bool found = !l->keep_all; found;) {
    const rapt__node *node = graph->tensors[root]->node;
    int32_t place = root;
    found = false;
    for (int i = 0; i < node->n_in && !found && &node->out[0] == graph->tensors[place]; i++) {
      int32_t origin = l->root[node->in[i]->id];
      const rapt_tensor *t = graph->tensors[origin];
      if (!(node->op->alias & (1u << i)) || l->last[origin] != node->id || !can_be_placed(l, origin) ||
          tensor_bytes(t) != tensor_bytes(graph->tensors[place]) || node->in[i]->size != t->size)
        continue;
      int readers = 0; /* another input in the same memory would be overwritten */
      for (int j = 0; j < node->n_in; j++) readers += l->root[node->in[j]->id] == origin;
      if (readers > 1) continue;
      l->placed[origin] = l->placed[place];
      l->inside[origin] = l->inside[place];
      root = origin;
      found = true;
    }
  }
}

/* Inputs of a concatenation that can be computed right inside it. */
static void find_places(layout *l) {
  const rapt_graph *graph = l->plan->graph;
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    if (!l->needed[n] || !(node->op->flags & RAPT__PLACES)) continue;
    for (int i = 0; i < node->n_in; i++) {
      int32_t root = l->root[node->in[i]->id];
      const rapt_tensor *t = graph->tensors[root];
      if (!can_be_placed(l, root) || t->size != node->in[i]->size) continue;
      l->placed[root] = node->out[0].id;
      l->inside[root] = (size_t)rapt__pack_offset(node, i) * sizeof(real);
      place_origins(l, root);
    }
  }
}

static int32_t new_buffer(layout *l, size_t bytes, int32_t first, int32_t last) {
  l->buffers[l->count] = (buffer){.bytes = (bytes + 63) & ~(size_t)63, .first = first, .last = last};
  return l->count++;
}

/* Whether output 0 may be computed in the memory of input i. */
static bool may_alias(const layout *l, const rapt__node *node, int i) {
  if (!(node->op->alias & (1u << i))) return false;
  const rapt_tensor *in = node->in[i], *out = &node->out[0];
  int32_t root = l->root[in->id], where = l->where[root];
  if (where < 0 || tensor_bytes(in) != tensor_bytes(out) || l->buffers[where].last != node->id) return false;
  if (l->placed[root] >= 0 || tensor_bytes(l->plan->graph->tensors[root]) != tensor_bytes(in)) return false;
  for (int j = 0; j < node->n_in; j++) {
    if (j == i || l->where[l->root[node->in[j]->id]] != where) continue;
    if (!(node->op->alias & (1u << j)) || node->in[j]->size != in->size) return false;
  }
  return true;
}

static void place_outputs(layout *l, const rapt__node *node) {
  for (int o = 0; o < node->n_out; o++) {
    const rapt_tensor *t = &node->out[o];
    int32_t id = t->id;
    if (l->root[id] != id || is_external(t)) continue;
    if (l->last[id] < 0 && o > 0) continue; /* nobody reads it: the op gets NULL */
    int32_t last = l->last[id] < node->id ? node->id : l->last[id];
    int32_t home = l->placed[id];
    if (home >= 0) { /* the concatenation's buffer begins to live with the first input that lies in it */
      if (l->where[home] < 0) {
        int32_t until = l->last[home] < 0 ? (int32_t)l->plan->graph->node_count : l->last[home];
        l->where[home] = new_buffer(l, tensor_bytes(l->plan->graph->tensors[home]), node->id, until);
      }
      l->where[id] = l->where[home];
      if (l->buffers[l->where[id]].last < last) l->buffers[l->where[id]].last = last;
      continue;
    }
    if (l->where[id] >= 0) continue; /* a concatenation whose inputs came before */
    for (int i = 0; o == 0 && !l->keep_all && i < node->n_in && l->where[id] < 0; i++)
      if (may_alias(l, node, i)) {
        l->where[id] = l->where[l->root[node->in[i]->id]];
        l->buffers[l->where[id]].last = last;
      }
    if (l->where[id] >= 0) continue;
    bool input = node->op == &rapt__op_input;
    l->where[id] = new_buffer(l, tensor_bytes(t), input ? 0 : node->id, last);
  }
}

static int by_size(const void *a, const void *b) {
  const buffer *x = *(buffer *const *)a, *y = *(buffer *const *)b;
  if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
  return (x->first > y->first) - (x->first < y->first);
}

/* Lowest offset at which `b` overlaps no placed buffer that is alive at the same time; `placed` is sorted by offset. */
static size_t lowest_gap(buffer **placed, int32_t count, const buffer *b) {
  size_t offset = 0;
  for (int32_t i = 0; i < count; i++) {
    const buffer *other = placed[i];
    if (other->last < b->first || b->last < other->first) continue;
    if (other->offset >= offset + b->bytes) break;
    if (other->offset + other->bytes > offset) offset = other->offset + other->bytes;
  }
  return offset;
}

static size_t assign_offsets(layout *l, buffer **order, buffer **placed) {
  size_t top = 0;
  for (int32_t i = 0; i < l->count; i++) order[i] = &l->buffers[i];
  qsort(order, (size_t)l->count, sizeof *order, by_size);
  for (int32_t i = 0; i < l->count; i++) {
    buffer *b = order[i];
    b->offset = lowest_gap(placed, i, b);
    int32_t at = i;
    for (; at > 0 && placed[at - 1]->offset > b->offset; at--) placed[at] = placed[at - 1];
    placed[at] = b;
    if (b->offset + b->bytes > top) top = b->offset + b->bytes;
  }
  return top;
}

static void set_addresses(layout *l) {
  rapt_plan *plan = l->plan;
  const rapt_graph *graph = plan->graph;
  for (size_t n = 0; n < graph->node_count; n++) {
    const rapt__node *node = graph->nodes[n];
    if (!l->needed[n]) continue;
    for (int o = 0; o < node->n_out; o++) {
      const rapt_tensor *t = &node->out[o];
      if (is_external(t)) {
        const rapt__param_attr *attr = node->attr;
        plan->data[t->id] =
            attr->param->blocks ? (void *)(uintptr_t)attr->param->blocks : attr->params->values + attr->param->offset;
      } else if (l->root[t->id] != t->id) {
        plan->data[t->id] = plan->data[l->root[t->id]];
      } else if (l->where[t->id] >= 0) {
        size_t inside = l->placed[t->id] >= 0 ? l->inside[t->id] : 0;
        plan->data[t->id] = plan->memory + l->buffers[l->where[t->id]].offset + inside;
      }
    }
  }
}

rapt_status rapt__plan_memory(rapt_plan *plan, const bool *needed, const bool *kept, bool keep_all,
                              size_t scratch_bytes) {
  const rapt_graph *graph = plan->graph;
  size_t n = graph->tensor_count ? graph->tensor_count : 1;
  rapt__arena arena; /* of the layout alone */
  rapt__arena_init(&arena, plan->ctx);
  layout l = {.plan = plan, .needed = needed, .kept = kept, .keep_all = keep_all};
  l.root = rapt__arena_new(&arena, n, sizeof *l.root);
  l.last = rapt__arena_new(&arena, n, sizeof *l.last);
  l.where = rapt__arena_new(&arena, n, sizeof *l.where);
  l.inside = rapt__arena_new(&arena, n, sizeof *l.inside);
  l.placed = rapt__arena_new(&arena, n, sizeof *l.placed);
  l.buffers = rapt__arena_new(&arena, n, sizeof *l.buffers);
  buffer **order = rapt__arena_new(&arena, n, sizeof *order), **placed = rapt__arena_new(&arena, n, sizeof *placed);
  rapt_status status = RAPT_ENOMEM;
  if (l.root && l.last && l.where && l.inside && l.placed && l.buffers && order && placed) {
    find_lifetimes(&l);
    find_places(&l);
    for (size_t i = 0; i < graph->node_count; i++)
      if (needed[i]) place_outputs(&l, graph->nodes[i]);
    size_t top = assign_offsets(&l, order, placed), all;
    for (int32_t i = 0; i < l.count; i++) plan->stats.naive_bytes += (int64_t)l.buffers[i].bytes;
    if (rapt__add_overflows(top, scratch_bytes, &all)) {
      rapt__fail_memory(plan->ctx, SIZE_MAX);
    } else if ((plan->memory =
                    plan->pool ? rapt__pool_take(plan->pool, all) : rapt__alloc_aligned_raw(plan->ctx, all))) {
      plan->shared = plan->memory + top;
      plan->stats.arena_bytes = (int64_t)all;
      set_addresses(&l);
      status = RAPT_OK;
    }
  }
  rapt__arena_free(&arena);
  return status;
}
