/* Gaussian noise on a tensor, for instance on weights (Jim et al. 1996; Graves 2011). The noise follows from seed,
 * node and step, so nothing is stored. */
#include "base/rng.h"
#include "ops/ops.h"

typedef struct noise_attr {
  double deviation;
  uint64_t stream;
} noise_attr;

static void gaussian_noise_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_blocks(node, split);
  split->grain[0] = 1;
}

static void gaussian_noise_forward(const rapt__call *call) {
  const noise_attr *t = call->node->attr;
  uint64_t stream = rapt__dropout_stream(t->stream, call->step);
  const real *x = RAPT__IN(call, 0);
  real *y = RAPT__OUT(call, 0);
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  for (int64_t i = begin; i < end; i++)
    y[i] = x[i] + (real)(t->deviation * rapt__rng_normal(call->seed, stream, (uint64_t)i));
}

static void gaussian_noise_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  (void)node;
  din[0] = dout[0];
}

static rapt_tensor *gaussian_noise_sample(rapt_graph *graph, int i) {
  (void)i;
  return rapt_gaussian_noise(rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(5, 7)), 0.3);
}

const rapt__op rapt__op_gaussian_noise = {.name = "gaussian_noise",
                                          .alias = 1,
                                          .split = gaussian_noise_split,
                                          .forward = gaussian_noise_forward,
                                          .grad = gaussian_noise_grad,
                                          .samples = 1,
                                          .sample = gaussian_noise_sample};

rapt_tensor *rapt_gaussian_noise(rapt_tensor *x, double deviation) {
  if (rapt__poisoned(x) || deviation == 0) return x;
  if (!(deviation > 0) || x->dtype != RAPT_F32)
    return rapt__poison(x->graph, RAPT_EINVAL, "gaussian_noise: needs reals and a deviation of 0 or more, not %g",
                        deviation);
  noise_attr t = {deviation, rapt__random_stream(x->graph)};
  return rapt__op1(x->graph, &rapt__op_gaussian_noise, &x, 1, &t, sizeof t, x->ndim, x->dim);
}
