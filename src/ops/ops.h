/* The table of all ops, and pieces that several op files share. */
#ifndef RAPT_SRC_OPS_H
#define RAPT_SRC_OPS_H

#include <rapt/ops.h>
#include "graph/graph.h"

#define OP(name) extern const rapt__op rapt__op_##name;
#include "ops/ops.def"
#undef OP

extern const rapt__op *const rapt__ops[]; /* every op of ops.def, then NULL */

/* A node with one real output of the given shape; the poisoned tensor after an error. */
rapt_tensor *rapt__op1(rapt_graph *graph, const rapt__op *op, rapt_tensor *const *in, int n_in, const void *attr,
                       size_t attr_size, int ndim, const int64_t *dims);
/* Shape of a and b broadcast together into dims; −1 when they do not fit, else the number of axes. */
int rapt__broadcast_dims(const rapt_tensor *a, const rapt_tensor *b, int64_t *dims);
/* Up to three operands over a broadcast shape: neighbouring axes are one where the strides of all operands allow it; a
 * stride is 0 where an operand stretches. At least one axis. */
typedef struct rapt__walk {
  int axes;
  int64_t dim[RAPT_MAX_DIMS], stride[3][RAPT_MAX_DIMS];
} rapt__walk;
void rapt__walk_over(rapt__walk *walk, const rapt_tensor *const *in, int count, int n, const int64_t *dims);
/* Offsets of the operands at the index-th place over the first `axes` axes. */
static inline void rapt__walk_to(const rapt__walk *walk, int axes, int count, int64_t index, int64_t *at) {
  for (int o = 0; o < count; o++) at[o] = 0;
  for (int i = axes - 1; i >= 0; i--) {
    for (int o = 0; o < count; o++) at[o] += index % walk->dim[i] * walk->stride[o][i];
    index /= walk->dim[i];
  }
}
/* Units of an elementwise node over a walk: blocks of a single run of elements, or whole inner runs when there are outer
 * axes. */
void rapt__walk_split(const rapt__node *node, const rapt__walk *walk, rapt__split *split);
/* Elements [begin, end) of a call whose units are blocks of output 0. */
static inline void rapt__block_range(const rapt__call *call, int64_t *begin, int64_t *end) {
  int64_t size = call->node->out[0].size;
  *begin = call->begin * RAPT__BLOCK;
  *end = call->end * RAPT__BLOCK < size ? call->end * RAPT__BLOCK : size;
}
/* Size of the last axis. */
static inline int64_t rapt__width(const rapt_tensor *x) { return x->dim[x->ndim - 1]; }
/* Nodes that sum down columns take them in units of this many, whatever the number of threads. */
enum { RAPT__COLUMNS = 64 };
void rapt__split_columns(const rapt__node *node, rapt__split *split);
/* Columns [begin, end) of a call whose units are those of rapt__split_columns. */
static inline void rapt__column_range(const rapt__call *call, int64_t *begin, int64_t *end) {
  int64_t size = call->node->out[0].size;
  *begin = call->begin * RAPT__COLUMNS;
  *end = call->end * RAPT__COLUMNS < size ? call->end * RAPT__COLUMNS : size;
}
/* Σ over all rows of x (…, n) → (n): the gradient of a bias. */
rapt_tensor *rapt__column_sum(rapt_tensor *x);
/* g summed down to the shape of x. */
static inline rapt_tensor *rapt__sum_like(rapt_tensor *g, const rapt_tensor *x) {
  return rapt_sum_to(g, x->ndim, x->dim);
}

/* The random stream of a node's dropout at a step: the high part separates nodes, the low one steps. */
static inline uint64_t rapt__dropout_stream(uint64_t node, uint64_t step) { return ((node + 1) << 40) + step; }

/* x seen as (outer, n, inner) about one axis. */
typedef struct rapt__axes {
  int64_t outer, n, inner;
} rapt__axes;
static inline rapt__axes rapt__about(const rapt_tensor *x, int axis) {
  rapt__axes a = {1, x->ndim ? x->dim[axis] : 1, 1};
  for (int i = 0; i < x->ndim; i++) {
    if (i < axis) a.outer *= x->dim[i];
    if (i > axis) a.inner *= x->dim[i];
  }
  return a;
}

/* Binary and unary nodes by kernel number (elementwise.c), for gradients that are kernels of their own. */
rapt_tensor *rapt__unary(int kernel, rapt_tensor *x);
rapt_tensor *rapt__binary(int kernel, rapt_tensor *a, rapt_tensor *b);
int rapt__activation_kernel(rapt_activation activation); /* K_UNARY_…, or −1 for identity */

#endif
