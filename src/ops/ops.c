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

void rapt__walk_over(rapt__walk *walk, const rapt_tensor *const *in, int count, int n, const int64_t *dims) {
  int64_t stride[3][RAPT_MAX_DIMS];
  for (int o = 0; o < count; o++) {
    int64_t step = 1;
    for (int i = n - 1; i >= 0; i--) {
      int axis = i - (n - in[o]->ndim);
      int64_t d = axis < 0 ? 1 : in[o]->dim[axis];
      stride[o][i] = d == 1 ? 0 : step;
      step *= d;
    }
  }
  *walk = (rapt__walk){.axes = 0};
  for (int i = 0; i < n; i++) {
    if (dims[i] == 1) continue;
    int last = walk->axes - 1;
    bool joins = last >= 0;
    for (int o = 0; joins && o < count; o++) joins = walk->stride[o][last] == stride[o][i] * dims[i];
    if (!joins) last = walk->axes++;
    walk->dim[last] = joins ? walk->dim[last] * dims[i] : dims[i];
    for (int o = 0; o < count; o++) walk->stride[o][last] = stride[o][i];
  }
  if (walk->axes == 0) {
    walk->axes = 1;
    walk->dim[0] = 1;
  }
}

void rapt__walk_split(const rapt__node *node, const rapt__walk *walk, rapt__split *split) {
  int64_t inner = walk->dim[walk->axes - 1];
  if (walk->axes == 1)
    rapt__split_blocks(node, split);
  else
    rapt__split_rows(node->out[0].size / inner, inner, split);
}

void rapt__split_columns(const rapt__node *node, rapt__split *split) {
  int64_t n = node->out[0].size;
  split->units[0] = (n + RAPT__COLUMNS - 1) / RAPT__COLUMNS;
  split->grain[0] = 1 + (16384 / RAPT__COLUMNS) / (node->in[0]->size / n);
}
