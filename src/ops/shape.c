/* Ops that move elements and compute nothing: new shapes, permutations, pieces. All take reals and integers. */
#include "ops/ops.h"

#include <string.h>

static size_t element_size(const rapt_tensor *t) { return t->dtype == RAPT_I32 ? sizeof(int32_t) : sizeof(real); }

static rapt_tensor *moved(rapt_tensor *x, const rapt__op *op, const void *attr, size_t attr_size, int ndim,
                          const int64_t *dims) {
  rapt__node *node = rapt__node_new(x->graph, op, &x, 1, attr, attr_size);
  return node ? rapt__node_out(node, x->dtype, ndim, dims) : &x->graph->poison;
}

static bool shape_is(const rapt_tensor *x, int ndim, const int64_t *dims) {
  return x->ndim == ndim && (ndim == 0 || memcmp(x->dim, dims, (size_t)ndim * sizeof *dims) == 0);
}

/* ---- Reshape ---- */

static void reshape_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_reshape(dout[0], node->in[0]->ndim, node->in[0]->dim);
}

static rapt_tensor *reshape_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_reshape(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), RAPT__DIMS(5, -1));
  case 1: return rapt_reshape(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5)), RAPT__DIMS(-1));
  default: return rapt_reshape(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1)), 0, NULL);
  }
}

const rapt__op rapt__op_reshape = {
    .name = "reshape", .flags = RAPT__VIEW, .grad = reshape_grad, .samples = 3, .sample = reshape_sample};

rapt_tensor *rapt_reshape(rapt_tensor *x, int ndim, const int64_t *dims) {
  if (rapt__poisoned(x)) return x;
  int64_t full[RAPT_MAX_DIMS], size = 1;
  int open = -1;
  bool fits = ndim >= 0 && ndim <= RAPT_MAX_DIMS;
  for (int i = 0; fits && i < ndim; i++) {
    full[i] = dims[i];
    if (dims[i] == -1 && open < 0)
      open = i;
    else
      fits = dims[i] >= 1 && !__builtin_mul_overflow(size, dims[i], &size);
  }
  if (fits && open >= 0) {
    fits = x->size % size == 0;
    full[open] = x->size / size;
    size = x->size;
  }
  if (!fits || size != x->size) {
    rapt_tensor wanted = {.graph = x->graph, .ndim = ndim < 0 ? 0 : ndim > RAPT_MAX_DIMS ? RAPT_MAX_DIMS : ndim};
    for (int i = 0; i < wanted.ndim; i++) wanted.dim[i] = dims[i];
    return rapt__poison(x->graph, RAPT_ESHAPE, "reshape: %s with %lld elements does not fill the shape %s%s",
                        rapt__shape_text(x), (long long)x->size, rapt__shape_text(&wanted),
                        ndim > RAPT_MAX_DIMS ? " and more" : "");
  }
  return shape_is(x, ndim, full) ? x : moved(x, &rapt__op_reshape, NULL, 0, ndim, full);
}

/* ---- Permute ---- */

/* The result's axes (those of size 1 left out, neighbours that stay neighbours merged) with their steps in x and y. */
typedef struct permute_attr {
  int axes[RAPT_MAX_DIMS]; /* as given */
  int n;
  int64_t dim[RAPT_MAX_DIMS], from[RAPT_MAX_DIMS], to[RAPT_MAX_DIMS];
  int unit; /* the axis that x has innermost */
} permute_attr;

/* A unit moves a block of the unit axis by the whole last axis, or a whole row where both are one. */
enum { PERMUTE_BLOCK = 64 };

static int64_t permute_blocks(const permute_attr *attr) {
  return attr->unit == attr->n - 1 ? 1 : (attr->dim[attr->unit] + PERMUTE_BLOCK - 1) / PERMUTE_BLOCK;
}

static void permute_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const permute_attr *attr = node->attr;
  int64_t units = permute_blocks(attr);
  for (int i = 0; i < attr->n - 1; i++) units *= i == attr->unit ? 1 : attr->dim[i];
  rapt__split_rows(units, node->out[0].size / units, split);
}

static void move_integers(int64_t rows, int64_t cols, const int32_t *x, int64_t ldx, int32_t *y, int64_t ldy) {
  for (int64_t j = 0; j < cols; j++)
    for (int64_t i = 0; i < rows; i++) y[j * ldy + i] = x[i * ldx + j];
}

static void permute_forward(const rapt__call *call) {
  const permute_attr *attr = call->node->attr;
  size_t bytes = element_size(&call->node->out[0]);
  int last = attr->n - 1, unit = attr->unit;
  int64_t blocks = permute_blocks(attr);
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t first = u % blocks * PERMUTE_BLOCK, rest = u / blocks, from = 0, to = 0;
    for (int i = last - 1; i >= 0; i--) {
      if (i == unit) continue;
      int64_t at = rest % attr->dim[i];
      rest /= attr->dim[i];
      from += at * attr->from[i];
      to += at * attr->to[i];
    }
    if (unit == last) {
      memcpy((char *)call->out[0] + (size_t)to * bytes, (const char *)call->in[0] + (size_t)from * bytes,
             (size_t)attr->dim[last] * bytes);
      continue;
    }
    int64_t rows = attr->dim[last], cols = attr->dim[unit] - first;
    if (cols > PERMUTE_BLOCK) cols = PERMUTE_BLOCK;
    from += first;
    to += first * attr->to[unit];
    if (call->node->out[0].dtype == RAPT_I32)
      move_integers(rows, cols, (const int32_t *)call->in[0] + from, attr->from[last], (int32_t *)call->out[0] + to,
                    attr->to[unit]);
    else
      call->k->transpose(rows, cols, RAPT__IN(call, 0) + from, attr->from[last], RAPT__OUT(call, 0) + to,
                         attr->to[unit]);
  }
}

static void permute_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const permute_attr *attr = node->attr;
  int back[RAPT_MAX_DIMS];
  for (int i = 0; i < node->in[0]->ndim; i++) back[attr->axes[i]] = i;
  din[0] = rapt_permute(dout[0], back);
}

static rapt_tensor *permute_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_transpose(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)));
  case 1: return rapt_transpose(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 67, 3)));
  case 2: return rapt_permute(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5, 2)), (int[]){0, 2, 1, 3});
  case 3: return rapt_permute(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5, 2)), (int[]){3, 1, 0, 2});
  case 4: return rapt_permute(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5)), (int[]){2, 0, 1});
  default: return rapt_permute(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1, 5, 1)), (int[]){1, 2, 0});
  }
}

const rapt__op rapt__op_permute = {.name = "permute",
                                   .split = permute_split,
                                   .forward = permute_forward,
                                   .grad = permute_grad,
                                   .samples = 6,
                                   .sample = permute_sample};

rapt_tensor *rapt_permute(rapt_tensor *x, const int *axes) {
  if (rapt__poisoned(x)) return x;
  permute_attr attr = {0};
  int64_t dims[RAPT_MAX_DIMS], from[RAPT_MAX_DIMS], step = 1;
  bool seen[RAPT_MAX_DIMS] = {false};
  for (int i = x->ndim - 1; i >= 0; i--) {
    from[i] = step;
    step *= x->dim[i];
  }
  for (int i = 0; i < x->ndim; i++) {
    int axis = rapt__axis(x, axes[i]);
    if (axis < 0 || seen[axis])
      return rapt__poison(x->graph, RAPT_ESHAPE, "permute: %d is not an axis of %s or comes twice", axes[i],
                          rapt__shape_text(x));
    seen[axis] = true;
    attr.axes[i] = axis;
    dims[i] = x->dim[axis];
    if (dims[i] == 1) continue;
    int last = attr.n - 1;
    if (last >= 0 && attr.from[last] == from[axis] * dims[i]) {
      attr.dim[last] *= dims[i];
    } else {
      last = attr.n++;
      attr.dim[last] = dims[i];
    }
    attr.from[last] = from[axis];
  }
  if (attr.n <= 1) return rapt_reshape(x, x->ndim, dims);
  step = 1;
  for (int i = attr.n - 1; i >= 0; i--) {
    attr.to[i] = step;
    step *= attr.dim[i];
    if (attr.from[i] == 1) attr.unit = i;
  }
  return moved(x, &rapt__op_permute, &attr, sizeof attr, x->ndim, dims);
}

rapt_tensor *rapt_transpose(rapt_tensor *x) {
  if (rapt__poisoned(x)) return x;
  if (x->ndim < 2)
    return rapt__poison(x->graph, RAPT_ESHAPE, "transpose: %s has no two axes to swap", rapt__shape_text(x));
  int axes[RAPT_MAX_DIMS];
  for (int i = 0; i < x->ndim; i++) axes[i] = i;
  axes[x->ndim - 2] = x->ndim - 1;
  axes[x->ndim - 1] = x->ndim - 2;
  return rapt_permute(x, axes);
}

/* ---- Broadcast ---- */

typedef struct broadcast_attr {
  int n;
  int64_t dim[RAPT_MAX_DIMS], stride[RAPT_MAX_DIMS]; /* the stride in x is 0 where it is stretched */
} broadcast_attr;

static void broadcast_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const broadcast_attr *attr = node->attr;
  int64_t run = attr->dim[attr->n - 1];
  rapt__split_rows(node->out[0].size / run, run, split);
}

static void broadcast_forward(const rapt__call *call) {
  const broadcast_attr *attr = call->node->attr;
  size_t bytes = element_size(&call->node->out[0]);
  int last = attr->n - 1;
  int64_t run = attr->dim[last];
  for (int64_t u = call->begin; u < call->end; u++) {
    int64_t rest = u, from = 0;
    for (int i = last - 1; i >= 0; i--) {
      from += rest % attr->dim[i] * attr->stride[i];
      rest /= attr->dim[i];
    }
    const char *x = (const char *)call->in[0] + (size_t)from * bytes;
    char *y = (char *)call->out[0] + (size_t)(u * run) * bytes;
    size_t have = attr->stride[last] ? (size_t)run * bytes : bytes, all = (size_t)run * bytes;
    memcpy(y, x, have);
    for (; have < all; have *= 2) memcpy(y + have, y, have < all - have ? have : all - have);
  }
}

static void broadcast_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt__sum_like(dout[0], node->in[0]);
}

static rapt_tensor *broadcast_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_broadcast(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(5)), RAPT__DIMS(3, 5));
  case 1: return rapt_broadcast(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 1)), RAPT__DIMS(2, 3, 5));
  case 2:
    return rapt_broadcast(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1, 3, 1, 2)), RAPT__DIMS(5, 3, 3, 2));
  default: return rapt_broadcast(rapt__sample(graph, "x", RAPT_F32, -2, 2, 0, NULL), RAPT__DIMS(7));
  }
}

const rapt__op rapt__op_broadcast = {.name = "broadcast",
                                     .split = broadcast_split,
                                     .forward = broadcast_forward,
                                     .grad = broadcast_grad,
                                     .samples = 4,
                                     .sample = broadcast_sample};

rapt_tensor *rapt_broadcast(rapt_tensor *x, int ndim, const int64_t *dims) {
  if (rapt__poisoned(x)) return x;
  if (shape_is(x, ndim, dims)) return x;
  broadcast_attr attr = {0};
  int64_t step[RAPT_MAX_DIMS], steps = 1;
  int missing = ndim - x->ndim;
  bool fits = missing >= 0 && ndim <= RAPT_MAX_DIMS, stretched = false;
  for (int i = ndim - 1; fits && i >= 0; i--) {
    int64_t d = i < missing ? 1 : x->dim[i - missing];
    fits = d == dims[i] || (d == 1 && dims[i] >= 1);
    step[i] = d == 1 ? 0 : steps;
    steps *= d;
    stretched |= d != dims[i];
  }
  if (!fits) {
    rapt_tensor wanted = {.graph = x->graph, .ndim = ndim < 0 || ndim > RAPT_MAX_DIMS ? 0 : ndim};
    for (int i = 0; i < wanted.ndim; i++) wanted.dim[i] = dims[i];
    return rapt__poison(x->graph, RAPT_ESHAPE, "broadcast: %s does not stretch to %s", rapt__shape_text(x),
                        rapt__shape_text(&wanted));
  }
  if (!stretched) return rapt_reshape(x, ndim, dims);
  for (int i = 0; i < ndim; i++) {
    if (dims[i] == 1) continue;
    int last = attr.n - 1;
    if (last >= 0 && attr.stride[last] == step[i] * dims[i] &&
        !__builtin_mul_overflow(attr.dim[last], dims[i], &steps)) {
      attr.dim[last] = steps;
    } else {
      last = attr.n++;
      attr.dim[last] = dims[i];
    }
    attr.stride[last] = step[i];
  }
  return moved(x, &rapt__op_broadcast, &attr, sizeof attr, ndim, dims);
}

/* ---- Slice and pad: each other's gradient ---- */

typedef struct piece_attr {
  int axis;
  int64_t before; /* where the piece begins in the whole */
} piece_attr;

static void outer_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__axes a = rapt__about(&node->out[0], *(const int *)node->attr);
  rapt__split_rows(a.outer, a.n * a.inner, split);
}

static void slice_forward(const rapt__call *call) {
  const piece_attr *attr = call->node->attr;
  rapt__axes whole = rapt__about(call->node->in[0], attr->axis), piece = rapt__about(&call->node->out[0], attr->axis);
  size_t bytes = element_size(&call->node->out[0]), run = (size_t)(piece.n * piece.inner) * bytes;
  size_t from = (size_t)(attr->before * whole.inner) * bytes, row = (size_t)(whole.n * whole.inner) * bytes;
  for (int64_t o = call->begin; o < call->end; o++)
    memcpy((char *)call->out[0] + (size_t)o * run, (const char *)call->in[0] + (size_t)o * row + from, run);
}

static void slice_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const piece_attr *attr = node->attr;
  int64_t after = node->in[0]->dim[attr->axis] - attr->before - node->out[0].dim[attr->axis];
  din[0] = rapt_pad(dout[0], attr->axis, attr->before, after);
}

static rapt_tensor *slice_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_slice(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -1, 1, 3);
  case 1: return rapt_slice(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5, 2)), 1, 4, 1);
  case 2: return rapt_slice(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(7)), 0, 0, 2);
  default: { /* pieces that overlap and leave a gap: their gradients add up */
    rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 7));
    return rapt_mul(rapt_slice(x, 1, 0, 3), rapt_slice(x, 1, 2, 3));
  }
  }
}

const rapt__op rapt__op_slice = {.name = "slice",
                                 .split = outer_split,
                                 .forward = slice_forward,
                                 .grad = slice_grad,
                                 .samples = 4,
                                 .sample = slice_sample};

rapt_tensor *rapt_slice(rapt_tensor *x, int axis, int64_t begin, int64_t size) {
  if (rapt__poisoned(x)) return x;
  int at = rapt__axis(x, axis);
  if (at < 0 || begin < 0 || size < 1 || begin > x->dim[at] - size)
    return rapt__poison(x->graph, RAPT_ESHAPE, "slice: %s has no elements [%lld, %lld + %lld) on axis %d",
                        rapt__shape_text(x), (long long)begin, (long long)begin, (long long)size, axis);
  if (size == x->dim[at]) return x;
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, x->dim, sizeof dims);
  dims[at] = size;
  piece_attr attr = {at, begin};
  return moved(x, &rapt__op_slice, &attr, sizeof attr, x->ndim, dims);
}

static void pad_forward(const rapt__call *call) {
  const piece_attr *attr = call->node->attr;
  rapt__axes whole = rapt__about(&call->node->out[0], attr->axis), piece = rapt__about(call->node->in[0], attr->axis);
  size_t bytes = element_size(&call->node->out[0]), run = (size_t)(piece.n * piece.inner) * bytes;
  size_t to = (size_t)(attr->before * whole.inner) * bytes, row = (size_t)(whole.n * whole.inner) * bytes;
  for (int64_t o = call->begin; o < call->end; o++) {
    char *y = (char *)call->out[0] + (size_t)o * row;
    memset(y, 0, to);
    memcpy(y + to, (const char *)call->in[0] + (size_t)o * run, run);
    memset(y + to + run, 0, row - to - run);
  }
}

static void pad_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const piece_attr *attr = node->attr;
  din[0] = rapt_slice(dout[0], attr->axis, attr->before, node->in[0]->dim[attr->axis]);
}

/* Gradients of the pieces of a split, each padded to the whole: when they tile it, the sum is their concatenation. */
static rapt_tensor *pad_join(rapt_tensor *const *parts, int count) {
  rapt_tensor *pieces[RAPT__MAX_IN];
  const piece_attr *attr0 = parts[0]->node->attr;
  int axis = attr0->axis;
  int64_t filled = 0, whole = parts[0]->dim[axis];
  for (int found = 0; found < count; found++) {
    pieces[found] = NULL;
    for (int i = 0; i < count; i++) {
      const piece_attr *attr = parts[i]->node->attr;
      if (attr->axis != axis || !rapt__same_shape(parts[i], parts[0])) return NULL;
      if (attr->before == filled) pieces[found] = parts[i]->node->in[0];
    }
    if (!pieces[found]) return NULL;
    filled += pieces[found]->dim[axis];
  }
  return filled == whole ? rapt_concat(pieces, count, axis) : NULL;
}

static rapt_tensor *pad_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_pad(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5)), -1, 1, 2);
  case 1: return rapt_pad(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 1, 5)), 1, 0, 3);
  default: return rapt_pad(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1)), 0, 2, 0);
  }
}

const rapt__op rapt__op_pad = {.name = "pad",
                               .split = outer_split,
                               .forward = pad_forward,
                               .grad = pad_grad,
                               .join = pad_join,
                               .samples = 3,
                               .sample = pad_sample};

rapt_tensor *rapt_pad(rapt_tensor *x, int axis, int64_t before, int64_t after) {
  if (rapt__poisoned(x)) return x;
  int at = rapt__axis(x, axis);
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, x->dim, sizeof dims);
  if (at < 0 || before < 0 || after < 0 || __builtin_add_overflow(dims[at], before, &dims[at]) ||
      __builtin_add_overflow(dims[at], after, &dims[at]))
    return rapt__poison(x->graph, RAPT_ESHAPE, "pad: axis %d of %s cannot be padded with %lld and %lld zeros", axis,
                        rapt__shape_text(x), (long long)before, (long long)after);
  if (before == 0 && after == 0) return x;
  piece_attr attr = {at, before};
  return moved(x, &rapt__op_pad, &attr, sizeof attr, x->ndim, dims);
}

/* ---- Concat and split ---- */

static void concat_forward(const rapt__call *call) {
  const rapt__node *node = call->node;
  int axis = *(const int *)node->attr;
  rapt__axes whole = rapt__about(&node->out[0], axis);
  size_t bytes = element_size(&node->out[0]), row = (size_t)(whole.n * whole.inner) * bytes, at = 0;
  for (int i = 0; i < node->n_in; i++) {
    size_t run = (size_t)(node->in[i]->dim[axis] * whole.inner) * bytes;
    for (int64_t o = call->begin; o < call->end; o++)
      memcpy((char *)call->out[0] + (size_t)o * row + at, (const char *)call->in[i] + (size_t)o * run, run);
    at += run;
  }
}

static void concat_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  int axis = *(const int *)node->attr;
  int64_t at = 0;
  for (int i = 0; i < node->n_in; i++) {
    int64_t size = node->in[i]->dim[axis];
    if (node->in[i]->varies) din[i] = rapt_slice(dout[0], axis, at, size);
    at += size;
  }
}

static rapt_tensor *concat_sample(rapt_graph *graph, int i) {
  rapt_tensor *parts[3];
  if (i == 0) { /* a split put together in another order: the gradient of the split is one concatenation */
    rapt_split(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(5, 6)), -1, 3, parts);
    rapt_tensor *turned[] = {rapt_square(parts[2]), parts[0], rapt_sin(parts[1])};
    return rapt_concat(turned, 3, 1);
  }
  parts[0] = rapt__sample(graph, "a", RAPT_F32, -2, 2, RAPT__DIMS(3, 2));
  parts[1] = rapt__sample(graph, "b", RAPT_F32, -2, 2, RAPT__DIMS(1, 2));
  parts[2] = parts[0];
  return rapt_concat(parts, i == 1 ? 3 : 2, 0);
}

const rapt__op rapt__op_concat = {.name = "concat",
                                  .split = outer_split,
                                  .forward = concat_forward,
                                  .grad = concat_grad,
                                  .samples = 3,
                                  .sample = concat_sample};

rapt_tensor *rapt_concat(rapt_tensor *const *parts, int count, int axis) {
  rapt_tensor *x = parts[0];
  rapt_graph *graph = x->graph;
  for (int i = 0; i < count && i < RAPT__MAX_IN; i++)
    if (rapt__poisoned(parts[i])) return &graph->poison;
  int at = rapt__axis(x, axis);
  if (count < 1 || count > RAPT__MAX_IN || at < 0)
    return rapt__poison(graph, RAPT_ESHAPE, "concat: %d tensors of shape %s on axis %d; at most %d go together", count,
                        rapt__shape_text(x), axis, RAPT__MAX_IN);
  if (count == 1) return x;
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, x->dim, sizeof dims);
  for (int i = 1; i < count; i++) {
    bool fits = parts[i]->ndim == x->ndim && parts[i]->dtype == x->dtype;
    for (int d = 0; fits && d < x->ndim; d++) fits = d == at || parts[i]->dim[d] == x->dim[d];
    if (!fits || __builtin_add_overflow(dims[at], parts[i]->dim[at], &dims[at]))
      return rapt__poison(graph, RAPT_ESHAPE,
                          "concat: part %d of shape %s%s does not fit part 0 of shape %s on axis %d", i,
                          rapt__shape_text(parts[i]), parts[i]->dtype == x->dtype ? "" : " and another type",
                          rapt__shape_text(x), axis);
  }
  rapt__node *node = rapt__node_new(graph, &rapt__op_concat, parts, count, &at, sizeof at);
  return node ? rapt__node_out(node, x->dtype, x->ndim, dims) : &graph->poison;
}

void rapt_split(rapt_tensor *x, int axis, int count, rapt_tensor **parts) {
  int at = rapt__poisoned(x) ? -1 : rapt__axis(x, axis);
  if (!rapt__poisoned(x) && (at < 0 || count < 1 || x->dim[at] % count))
    rapt__poison(x->graph, RAPT_ESHAPE, "split: axis %d of %s does not come apart into %d equal parts", axis,
                 rapt__shape_text(x), count);
  bool fits = at >= 0 && count >= 1 && x->dim[at] % count == 0;
  int64_t size = fits ? x->dim[at] / count : 0;
  for (int i = 0; i < count; i++) parts[i] = fits ? rapt_slice(x, at, i * size, size) : &x->graph->poison;
}
