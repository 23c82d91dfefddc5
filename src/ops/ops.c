/* The table of all ops and what op files share. */
#include "ops/ops.h"

const rapt__op *const rapt__ops[] = {
#define OP(name) &rapt__op_##name,
#include "ops/ops.def"
#undef OP
    NULL,
};

rapt_tensor *rapt__op1(rapt_graph *graph, const rapt__op *op, rapt_tensor *const *in, int n_in, const void *attr,
                       size_t attr_size, int ndim, const int64_t *dims) {
  rapt__node *node = rapt__node_new(graph, op, in, n_in, attr, attr_size);
  return node ? rapt__node_out(node, RAPT_F32, ndim, dims) : &graph->poison;
}

int rapt__broadcast_dims(const rapt_tensor *a, const rapt_tensor *b, int64_t *dims) {
  int n = a->ndim > b->ndim ? a->ndim : b->ndim;
  for (int i = 0; i < n; i++) {
    int ia = i - (n - a->ndim), ib = i - (n - b->ndim);
    int64_t da = ia < 0 ? 1 : a->dim[ia], db = ib < 0 ? 1 : b->dim[ib];
    if (da != db && da != 1 && db != 1) return -1;
    dims[i] = da > db ? da : db;
  }
  return n;
}
