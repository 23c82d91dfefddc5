/* Reductions: sums over an axis or down to a shape, extremes with their places, running sums. */
#include "ops/ops.h"

#include <math.h>
#include <string.h>

static rapt_tensor *need_reals(rapt_tensor *x, const char *what) {
  return rapt__poison(x->graph, RAPT_EINVAL, "%s: needs reals, not integers", what);
}

static rapt_tensor *bad_axis(rapt_tensor *x, const char *what, int axis) {
  return rapt__poison(x->graph, RAPT_ESHAPE, "%s: axis %d does not exist in a tensor of shape %s", what, axis,
                      rapt__shape_text(x));
}

/* g, the gradient of a sum, stretched over what was summed: `ones` is x's shape with 1 at the axes that went. */
static rapt_tensor *spread(rapt_tensor *g, const int64_t *ones, const rapt_tensor *x) {
  return rapt_broadcast(rapt_reshape(g, x->ndim, ones), x->ndim, x->dim);
}

/* ---- Sum over one axis or one run of axes ---- */

typedef struct sum_attr {
  rapt__axes axes;
  int64_t parts, chunk; /* the n summands are cut into parts of `chunk`, summed independently, then together */
  int64_t ones[RAPT_MAX_DIMS];
} sum_attr;

static void sum_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const sum_attr *attr = node->attr;
  const rapt__axes *a = &attr->axes;
  rapt__split_rows(a->outer * attr->parts, attr->chunk * a->inner, split);
  if (attr->parts == 1) return;
  split->phases = 2;
  split->units[1] = a->outer;
  split->grain[1] = 1;
  split->shared_bytes = (size_t)(a->outer * attr->parts * a->inner) * sizeof(real);
}

static void sum_rows(const k_kernels *k, int64_t rows, int64_t inner, const real *x, real *y) {
  if (inner == 1)
    *y = k->sum(rows, x);
  else
    k->column_sum(rows, inner, x, inner, y, false);
}

static void sum_forward(const rapt__call *call) {
  const sum_attr *attr = call->node->attr;
  const rapt__axes *a = &attr->axes;
  real *y = RAPT__OUT(call, 0), *partial = attr->parts == 1 ? y : call->shared;
  if (call->phase == 1) {
    for (int64_t o = call->begin; o < call->end; o++)
      sum_rows(call->k, attr->parts, a->inner, partial + o * attr->parts * a->inner, y + o * a->inner);
    return;
  }
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t o = u / attr->parts, first = u % attr->parts * attr->chunk;
    int64_t rows = a->n - first < attr->chunk ? a->n - first : attr->chunk;
    sum_rows(call->k, rows, a->inner, RAPT__IN(call, 0) + (o * a->n + first) * a->inner, partial + u * a->inner);
  }
}

static void sum_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = spread(dout[0], ((sum_attr *)node->attr)->ones, node->in[0]);
}

static rapt_tensor *sum_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_sum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -1, false);
  case 1: return rapt_sum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5, 2)), 1, true);
  case 2: return rapt_sum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 1, 7)), 0, false);
  case 3: return rapt_sum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5)), RAPT_ALL, true);
  case 4: return rapt_mean(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(7)), RAPT_ALL, false);
  default: return rapt_mean(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1, 1)), 0, false);
  }
}

const rapt__op rapt__op_sum = {
    .name = "sum", .split = sum_split, .forward = sum_forward, .grad = sum_grad, .samples = 6, .sample = sum_sample};

static rapt_tensor *sum_node(rapt_tensor *x, rapt__axes axes, const int64_t *ones, int ndim, const int64_t *dims) {
  sum_attr attr = {.axes = axes};
  int64_t parts = axes.outer >= 64 ? 1 : axes.n * axes.inner / (4 * RAPT__BLOCK);
  if (parts > 64) parts = 64;
  if (parts > axes.n) parts = axes.n;
  if (parts < 1) parts = 1;
  attr.chunk = (axes.n + parts - 1) / parts;
  attr.parts = (axes.n + attr.chunk - 1) / attr.chunk;
  memcpy(attr.ones, ones, (size_t)x->ndim * sizeof *ones);
  return rapt__op1(x->graph, &rapt__op_sum, &x, 1, &attr, sizeof attr, ndim, dims);
}

/* Shape of x without `axis` (RAPT_ALL: without any), or with 1 there. Returns the number of axes. */
static int reduced_dims(const rapt_tensor *x, int axis, bool keep, int64_t *dims) {
  int n = 0;
  for (int i = 0; i < x->ndim; i++) {
    bool goes = axis == RAPT_ALL || i == axis;
    if (goes && keep) dims[n++] = 1;
    if (!goes) dims[n++] = x->dim[i];
  }
  return n;
}

rapt_tensor *rapt_sum(rapt_tensor *x, int axis, bool keep) {
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32) return need_reals(x, "sum");
  int at = axis == RAPT_ALL ? RAPT_ALL : rapt__axis(x, axis);
  if (at < 0) return bad_axis(x, "sum", axis);
  rapt__axes axes = at == RAPT_ALL ? (rapt__axes){1, x->size, 1} : rapt__about(x, at);
  int64_t dims[RAPT_MAX_DIMS], ones[RAPT_MAX_DIMS];
  int n = reduced_dims(x, at, keep, dims);
  reduced_dims(x, at, true, ones);
  return axes.n == 1 ? rapt_reshape(x, n, dims) : sum_node(x, axes, ones, n, dims);
}

rapt_tensor *rapt_mean(rapt_tensor *x, int axis, bool keep) {
  rapt_tensor *sum = rapt_sum(x, axis, keep);
  return rapt__poisoned(sum) ? sum : rapt_scale(sum, (double)sum->size / (double)x->size);
}

/* ---- Sum down to a shape ---- */

/* x as groups of neighbouring axes that are all summed or all kept. */
typedef struct sum_to_attr {
  int groups;
  bool summed[RAPT_MAX_DIMS];
  int64_t dim[RAPT_MAX_DIMS], stride[RAPT_MAX_DIMS];
  int64_t ones[RAPT_MAX_DIMS];
} sum_to_attr;

/* Offset in x of the index-th position over the summed (or kept) groups before the last one. */
static int64_t group_offset(const sum_to_attr *attr, bool summed, int64_t index) {
  int64_t offset = 0;
  for (int g = attr->groups - 2; g >= 0; g--) {
    if (attr->summed[g] != summed) continue;
    offset += index % attr->dim[g] * attr->stride[g];
    index /= attr->dim[g];
  }
  return offset;
}

static void sum_to_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const sum_to_attr *attr = node->attr;
  int last = attr->groups - 1;
  int64_t rows = attr->summed[last] ? node->out[0].size : node->out[0].size / attr->dim[last];
  rapt__split_rows(rows, node->in[0]->size / rows, split);
}

static void sum_to_forward(const rapt__call *call) {
  const sum_to_attr *attr = call->node->attr;
  int last = attr->groups - 1;
  int64_t run = attr->dim[last], inner = attr->summed[last] ? 1 : run, times = 1;
  for (int g = 0; g < last; g++) times *= attr->summed[g] ? attr->dim[g] : 1;
  for (int64_t u = call->begin; u < call->end; u++) {
    const real *x = RAPT__IN(call, 0) + group_offset(attr, false, u);
    real *y = RAPT__OUT(call, 0) + u * inner;
    memset(y, 0, (size_t)inner * sizeof *y);
    for (int64_t i = 0; i < times; i++) {
      const real *part = x + group_offset(attr, true, i);
      if (attr->summed[last])
        *y += call->k->sum(run, part);
      else
        call->k->axpy(run, 1, part, y);
    }
  }
}

static void sum_to_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = spread(dout[0], ((sum_to_attr *)node->attr)->ones, node->in[0]);
}

static rapt_tensor *sum_to_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5, 2, 3));
  switch (i) {
  case 0: return rapt_sum_to(x, RAPT__DIMS(5, 1, 3));
  case 1: return rapt_sum_to(x, RAPT__DIMS(3, 1, 2, 1));
  case 2: return rapt_sum_to(x, RAPT__DIMS(2, 3));
  default: return rapt_sum_to(x, RAPT__DIMS(1));
  }
}

const rapt__op rapt__op_sum_to = {.name = "sum_to",
                                  .split = sum_to_split,
                                  .forward = sum_to_forward,
                                  .grad = sum_to_grad,
                                  .samples = 4,
                                  .sample = sum_to_sample};

rapt_tensor *rapt_sum_to(rapt_tensor *x, int ndim, const int64_t *dims) {
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32) return need_reals(x, "sum_to");
  sum_to_attr attr = {0};
  int missing = x->ndim - ndim, summed = 0;
  bool fits = ndim >= 0 && missing >= 0;
  for (int i = 0; fits && i < x->ndim; i++) {
    int64_t d = x->dim[i];
    attr.ones[i] = i < missing ? 1 : dims[i - missing];
    fits = attr.ones[i] == d || attr.ones[i] == 1;
    if (d == 1) continue;
    bool goes = attr.ones[i] != d;
    int last = attr.groups - 1;
    if (last >= 0 && attr.summed[last] == goes) {
      attr.dim[last] *= d;
    } else {
      attr.summed[attr.groups] = goes;
      attr.dim[attr.groups++] = d;
      summed += goes;
    }
  }
  if (!fits)
    return rapt__poison(x->graph, RAPT_ESHAPE, "sum_to: a tensor of shape %s cannot be summed down to one of %d axes",
                        rapt__shape_text(x), ndim);
  if (summed == 0) return rapt_reshape(x, ndim, dims);
  if (summed == 1) {
    rapt__axes axes = {1, 1, 1};
    for (int g = 0; g < attr.groups; g++)
      *(attr.summed[g] ? &axes.n : axes.n == 1 ? &axes.outer : &axes.inner) = attr.dim[g];
    return sum_node(x, axes, attr.ones, ndim, dims);
  }
  int64_t step = 1;
  for (int g = attr.groups - 1; g >= 0; g--) {
    attr.stride[g] = step;
    step *= attr.dim[g];
  }
  return rapt__op1(x->graph, &rapt__op_sum_to, &x, 1, &attr, sizeof attr, ndim, dims);
}

/* ---- Extremes over the last axis ---- */

typedef struct extreme_attr {
  bool min;
} extreme_attr;

/* The first extreme of a row; the first NaN where there is one. */
static int64_t find_extreme(int64_t n, const real *x, bool min) {
  int64_t best = 0;
  for (int64_t i = 1; i < n && !isnan(x[best]); i++)
    if (isnan(x[i]) || (min ? x[i] < x[best] : x[i] > x[best])) best = i;
  return best;
}

static void last_axis_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->out[0].size, node->in[0]->size / node->out[0].size, split);
}

static void extreme_forward(const rapt__call *call) {
  const extreme_attr *attr = call->node->attr;
  int64_t n = call->node->in[0]->size / call->node->out[0].size;
  real *y = RAPT__OUT(call, 0);
  int32_t *index = call->out[1];
  for (int64_t row = call->begin; row < call->end; row++) {
    const real *x = RAPT__IN(call, 0) + row * n;
    int64_t best = find_extreme(n, x, attr->min);
    y[row] = x[best];
    if (index) index[row] = (int32_t)best;
  }
}

static void extreme_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0];
  din[0] = rapt_scatter(dout[0], &node->out[1], x->dim[x->ndim - 1]);
}

static rapt_tensor *extreme_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_reduce_max(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -1, false);
  case 1: return rapt_reduce_min(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5, 2)), 1, true);
  case 2: return rapt_reduce_max(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 2, 3)), RAPT_ALL, true);
  default: return rapt_reduce_min(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1, 1)), 0, false);
  }
}

const rapt__op rapt__op_reduce_extreme = {.name = "reduce_extreme",
                                          .split = last_axis_split,
                                          .forward = extreme_forward,
                                          .grad = extreme_grad,
                                          .samples = 4,
                                          .sample = extreme_sample};

static void argmax_forward(const rapt__call *call) {
  int64_t n = call->node->in[0]->size / call->node->out[0].size;
  int32_t *index = call->out[0];
  for (int64_t row = call->begin; row < call->end; row++)
    index[row] = (int32_t)find_extreme(n, RAPT__IN(call, 0) + row * n, false);
}

const rapt__op rapt__op_argmax = {
    .name = "argmax", .flags = RAPT__NO_GRADIENT, .split = last_axis_split, .forward = argmax_forward};

/* x with `axis` moved to the end, or flat for RAPT_ALL; `lead` axes come before it. NULL after an error. */
static rapt_tensor *axis_last(rapt_tensor *x, const char *what, int *axis, int *lead) {
  if (x->dtype != RAPT_F32) return need_reals(x, what), NULL;
  if (*axis == RAPT_ALL) {
    *lead = 0;
    x = rapt_reshape(x, 1, &x->size);
  } else {
    int at = rapt__axis(x, *axis), axes[RAPT_MAX_DIMS], n = 0;
    if (at < 0) return bad_axis(x, what, *axis), NULL;
    for (int i = 0; i < x->ndim; i++)
      if (i != at) axes[n++] = i;
    axes[n] = *axis = at;
    *lead = n;
    x = rapt_permute(x, axes);
  }
  if (rapt__poisoned(x)) return NULL;
  if (x->dim[*lead] > INT32_MAX)
    return rapt__poison(x->graph, RAPT_ESHAPE, "%s: an axis longer than int32 can count", what), NULL;
  return x;
}

static rapt_tensor *extreme(rapt_tensor *x, int axis, bool keep, bool min) {
  if (rapt__poisoned(x)) return x;
  int lead;
  rapt_graph *graph = x->graph;
  rapt_tensor *rows = axis_last(x, min ? "reduce_min" : "reduce_max", &axis, &lead);
  if (!rows) return &graph->poison;
  extreme_attr attr = {min};
  rapt__node *node = rapt__node_new(graph, &rapt__op_reduce_extreme, &rows, 1, &attr, sizeof attr);
  if (!node) return &graph->poison;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, lead, rows->dim);
  if (rapt__poisoned(y) || rapt__poisoned(rapt__node_out(node, RAPT_I32, lead, rows->dim))) return &graph->poison;
  int64_t dims[RAPT_MAX_DIMS];
  int n = reduced_dims(x, axis, keep, dims);
  return rapt_reshape(y, n, dims);
}

rapt_tensor *rapt_reduce_max(rapt_tensor *x, int axis, bool keep) { return extreme(x, axis, keep, false); }
rapt_tensor *rapt_reduce_min(rapt_tensor *x, int axis, bool keep) { return extreme(x, axis, keep, true); }

rapt_tensor *rapt_argmax(rapt_tensor *x, int axis) {
  if (rapt__poisoned(x)) return x;
  int lead;
  rapt_graph *graph = x->graph;
  rapt_tensor *rows = axis_last(x, "argmax", &axis, &lead);
  rapt__node *node = rows ? rapt__node_new(graph, &rapt__op_argmax, &rows, 1, NULL, 0) : NULL;
  return node ? rapt__node_out(node, RAPT_I32, lead, rows->dim) : &graph->poison;
}

/* ---- Running sums ---- */

typedef struct cumsum_attr {
  rapt__axes axes;
  int axis;
  bool reverse;
} cumsum_attr;

static void cumsum_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const rapt__axes *a = &((cumsum_attr *)node->attr)->axes;
  rapt__split_rows(a->outer, a->n * a->inner, split);
}

static void cumsum_forward(const rapt__call *call) {
  const cumsum_attr *attr = call->node->attr;
  const rapt__axes *a = &attr->axes;
  int64_t step = attr->reverse ? -a->inner : a->inner, first = attr->reverse ? (a->n - 1) * a->inner : 0;
  for (int64_t o = call->begin; o < call->end; o++) {
    const real *x = RAPT__IN(call, 0) + o * a->n * a->inner + first;
    real *y = RAPT__OUT(call, 0) + o * a->n * a->inner + first;
    if (a->inner == 1) {
      double sum = 0; /* long rows would lose the small terms in float */
      for (int64_t i = 0; i < a->n; i++) y[i * step] = (real)(sum += x[i * step]);
      continue;
    }
    memmove(y, x, (size_t)a->inner * sizeof *y);
    for (int64_t i = 1; i < a->n; i++)
      call->k->binary[K_BINARY_add](a->inner, x + i * step, 1, y + (i - 1) * step, 1, y + i * step);
  }
}

static rapt_tensor *cumsum(rapt_tensor *x, int axis, bool reverse);

static void cumsum_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const cumsum_attr *attr = node->attr;
  din[0] = cumsum(dout[0], attr->axis, !attr->reverse);
}

static rapt_tensor *cumsum_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_cumsum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -1);
  case 1: return rapt_cumsum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 5, 3)), 1);
  case 2: return cumsum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(7)), 0, true);
  default: return rapt_cumsum(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1, 3)), 0);
  }
}

const rapt__op rapt__op_cumsum = {.name = "cumsum",
                                  .alias = 1,
                                  .split = cumsum_split,
                                  .forward = cumsum_forward,
                                  .grad = cumsum_grad,
                                  .samples = 4,
                                  .sample = cumsum_sample};

static rapt_tensor *cumsum(rapt_tensor *x, int axis, bool reverse) {
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32) return need_reals(x, "cumsum");
  int at = rapt__axis(x, axis);
  if (at < 0) return bad_axis(x, "cumsum", axis);
  cumsum_attr attr = {rapt__about(x, at), at, reverse};
  return rapt__op1(x->graph, &rapt__op_cumsum, &x, 1, &attr, sizeof attr, x->ndim, x->dim);
}

rapt_tensor *rapt_cumsum(rapt_tensor *x, int axis) { return cumsum(x, axis, false); }
