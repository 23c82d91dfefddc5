/* Dropout (Srivastava et al. 2014). The mask follows from seed, node and step, so the gradient is the same op on dy. */
#include "ops/ops.h"

typedef struct dropout_attr {
  double p;
  uint64_t stream;
} dropout_attr;

static void dropout_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_blocks(node, split);
  split->grain[0] = 1;
}

static void dropout_forward(const rapt__call *call) {
  const dropout_attr *t = call->node->attr;
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  call->k->dropout(end - begin, (real)t->p, call->seed, rapt__dropout_stream(t->stream, call->step), (uint64_t)begin,
                   RAPT__IN(call, 0) + begin, RAPT__OUT(call, 0) + begin);
}

static rapt_tensor *dropout(rapt_tensor *x, dropout_attr t) {
  return rapt__op1(x->graph, &rapt__op_dropout, &x, 1, &t, sizeof t, x->ndim, x->dim);
}

static void dropout_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = dropout(dout[0], *(dropout_attr *)node->attr);
}

static rapt_tensor *dropout_sample(rapt_graph *graph, int i) {
  (void)i;
  return rapt_dropout(rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(5, 7)), 0.3);
}

const rapt__op rapt__op_dropout = {.name = "dropout",
                                   .alias = 1,
                                   .split = dropout_split,
                                   .forward = dropout_forward,
                                   .grad = dropout_grad,
                                   .samples = 1,
                                   .sample = dropout_sample};

rapt_tensor *rapt_dropout(rapt_tensor *x, double p) {
  if (rapt__poisoned(x) || p == 0) return x;
  if (!(p > 0 && p < 1)) return rapt__poison(x->graph, RAPT_EINVAL, "dropout: the rate %g is not in [0, 1)", p);
  return dropout(x, (dropout_attr){p, rapt__random_stream(x->graph)});
}
