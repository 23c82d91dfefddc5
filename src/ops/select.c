/* Elementwise ops with settings or three inputs: scale, clamp, detach, where. */
#include "ops/ops.h"

static void block_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_blocks(node, split);
}

static rapt_tensor *need_reals(rapt_tensor *x, const char *what) {
  return rapt__poison(x->graph, RAPT_EINVAL, "%s: needs reals, not integers", what);
}

/* ---- Scale ---- */

static void scale_forward(const rapt__call *call) {
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  double factor = *(const double *)call->node->attr;
  call->k->scale(end - begin, (real)factor, RAPT__IN(call, 0) + begin, RAPT__OUT(call, 0) + begin);
}

static void scale_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_scale(dout[0], *(const double *)node->attr);
}

static rapt_tensor *scale_sample(rapt_graph *graph, int i) {
  if (i == 0) return rapt_scale(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -0.7);
  return rapt_scale(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1)), 0);
}

const rapt__op rapt__op_scale = {.name = "scale",
                                 .alias = 1,
                                 .split = block_split,
                                 .forward = scale_forward,
                                 .grad = scale_grad,
                                 .samples = 2,
                                 .sample = scale_sample};

rapt_tensor *rapt_scale(rapt_tensor *x, double factor) {
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32) return need_reals(x, "scale");
  if (factor == 1) return x;
  return rapt__op1(x->graph, &rapt__op_scale, &x, 1, &factor, sizeof factor, x->ndim, x->dim);
}

/* ---- Clamp ---- */

typedef struct clamp_attr {
  double lo, hi;
} clamp_attr;

static void clamp_forward(const rapt__call *call) {
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  const clamp_attr *attr = call->node->attr;
  call->k->clamp(end - begin, (real)attr->lo, (real)attr->hi, RAPT__IN(call, 0) + begin, RAPT__OUT(call, 0) + begin);
}

static void clamp_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const clamp_attr *attr = node->attr;
  rapt_tensor *lo = rapt_fill(node->graph, attr->lo, 0, NULL), *hi = rapt_fill(node->graph, attr->hi, 0, NULL);
  rapt_tensor *inside = rapt_mul(rapt_less_equal(lo, node->in[0]), rapt_less_equal(node->in[0], hi));
  din[0] = rapt_mul(dout[0], inside);
}

static rapt_tensor *clamp_sample(rapt_graph *graph, int i) {
  if (i == 0) return rapt_clamp(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -0.8, 0.9);
  return rapt_clamp(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1)), -3, 3);
}

const rapt__op rapt__op_clamp = {.name = "clamp",
                                 .alias = 1,
                                 .split = block_split,
                                 .forward = clamp_forward,
                                 .grad = clamp_grad,
                                 .samples = 2,
                                 .sample = clamp_sample};

rapt_tensor *rapt_clamp(rapt_tensor *x, double lo, double hi) {
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32) return need_reals(x, "clamp");
  if (!(lo <= hi)) return rapt__poison(x->graph, RAPT_EINVAL, "clamp: no number lies between %g and %g", lo, hi);
  clamp_attr attr = {lo, hi};
  return rapt__op1(x->graph, &rapt__op_clamp, &x, 1, &attr, sizeof attr, x->ndim, x->dim);
}

/* ---- Detach ---- */

const rapt__op rapt__op_detach = {.name = "detach", .flags = RAPT__VIEW | RAPT__NO_GRADIENT};

rapt_tensor *rapt_detach(rapt_tensor *x) {
  if (rapt__poisoned(x)) return x;
  rapt__node *node = rapt__node_new(x->graph, &rapt__op_detach, &x, 1, NULL, 0);
  return node ? rapt__node_out(node, x->dtype, x->ndim, x->dim) : &x->graph->poison;
}

/* ---- Where ---- */

static void where_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__walk_split(node, node->attr, split);
}

static void where_forward(const rapt__call *call) {
  const rapt__walk *walk = call->node->attr;
  int last = walk->axes - 1;
  int64_t run = walk->dim[last], sc = walk->stride[0][last], sa = walk->stride[1][last], sb = walk->stride[2][last];
  const real *c = RAPT__IN(call, 0), *a = RAPT__IN(call, 1), *b = RAPT__IN(call, 2);
  real *y = RAPT__OUT(call, 0);
  if (walk->axes == 1) {
    int64_t begin, end;
    rapt__block_range(call, &begin, &end);
    call->k->where(end - begin, c + begin * sc, sc, a + begin * sa, sa, b + begin * sb, sb, y + begin);
    return;
  }
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t at[3];
    rapt__walk_to(walk, last, 3, u, at);
    call->k->where(run, c + at[0], sc, a + at[1], sa, b + at[2], sb, y + u * run);
  }
}

static void where_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *cond = node->in[0], *zero = rapt_fill(node->graph, 0, 0, NULL);
  if (node->in[1]->varies) din[1] = rapt__sum_like(rapt_where(cond, dout[0], zero), node->in[1]);
  if (node->in[2]->varies) din[2] = rapt__sum_like(rapt_where(cond, zero, dout[0]), node->in[2]);
}

static rapt_tensor *where_sample(rapt_graph *graph, int i) {
  rapt_tensor *zero = rapt_fill(graph, 0, 0, NULL), *c, *a, *b;
  if (i == 0) {
    c = rapt__sample(graph, "c", RAPT_F32, -2, 2, RAPT__DIMS(3, 5));
    a = rapt__sample(graph, "a", RAPT_F32, -2, 2, RAPT__DIMS(3, 5));
    b = rapt__sample(graph, "b", RAPT_F32, -2, 2, RAPT__DIMS(3, 5));
  } else if (i == 1) {
    c = rapt__sample(graph, "c", RAPT_F32, -2, 2, RAPT__DIMS(3, 5));
    a = rapt__sample(graph, "a", RAPT_F32, -2, 2, RAPT__DIMS(2, 1, 5));
    b = rapt__sample(graph, "b", RAPT_F32, -2, 2, RAPT__DIMS(3, 1));
  } else {
    c = rapt__sample(graph, "c", RAPT_F32, -2, 2, RAPT__DIMS(7, 1));
    a = rapt__sample(graph, "a", RAPT_F32, -2, 2, RAPT__DIMS(1));
    b = rapt__sample(graph, "b", RAPT_F32, -2, 2, RAPT__DIMS(7, 3));
  }
  return rapt_where(rapt_less(c, zero), a, b);
}

const rapt__op rapt__op_where = {.name = "where",
                                 .split = where_split,
                                 .forward = where_forward,
                                 .grad = where_grad,
                                 .samples = 3,
                                 .sample = where_sample};

rapt_tensor *rapt_where(rapt_tensor *cond, rapt_tensor *a, rapt_tensor *b) {
  if (rapt__poisoned(cond) || rapt__poisoned(a) || rapt__poisoned(b)) return &cond->graph->poison;
  rapt_tensor *in[3] = {cond, a, b}, both = {.ndim = -1};
  int n = rapt__broadcast_dims(a, b, both.dim);
  int64_t dims[RAPT_MAX_DIMS];
  both.ndim = n;
  if (n >= 0) n = rapt__broadcast_dims(cond, &both, dims);
  if (n < 0 || cond->dtype != RAPT_F32 || a->dtype != RAPT_F32 || b->dtype != RAPT_F32)
    return rapt__poison(cond->graph, RAPT_ESHAPE, "where: %s, %s and %s do not go together%s", rapt__shape_text(cond),
                        rapt__shape_text(a), rapt__shape_text(b), n < 0 ? "" : ": all must be reals");
  rapt__walk walk;
  rapt__walk_over(&walk, (const rapt_tensor *[]){cond, a, b}, 3, n, dims);
  rapt_tensor *y = rapt__op1(cond->graph, &rapt__op_where, in, 3, &walk, sizeof walk, n, dims);
  if (!rapt__poisoned(y)) y->varies = a->varies || b->varies;
  return y;
}
