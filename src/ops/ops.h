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
/* g summed down to the shape of x. */
static inline rapt_tensor *rapt__sum_like(rapt_tensor *g, const rapt_tensor *x) {
  return rapt_sum_to(g, x->ndim, x->dim);
}

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
/* dy times the derivative of an activation at `before`, the value that went into it. */
rapt_tensor *rapt__activation_grad(rapt_activation activation, rapt_tensor *before, rapt_tensor *dy);
int rapt__activation_kernel(rapt_activation activation); /* K_UNARY_…, or −1 for identity */

#endif
