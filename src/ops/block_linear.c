/* A linear layer of which every row of x takes one block of the outputs: the words of a class, say, or one of several
 * experts. Blocks that no row asks for cost nothing. And the division of ids that tells the block and the place in it. */
#include "ops/ops.h"

#include <limits.h>
#include <string.h>

typedef struct block_attr {
  int64_t rows, width, vocabulary, size; /* N, C, V, n */
} block_attr;

/* Rows of the weight that block `id` has: `size` but in the last one, and none out of range. */
static int64_t members(const block_attr *a, int32_t id) {
  int64_t blocks = (a->vocabulary + a->size - 1) / a->size;
  if (id < 0 || id >= blocks) return 0;
  int64_t left = a->vocabulary - id * a->size;
  return left < a->size ? left : a->size;
}

static double block_flops(const rapt__node *node, void *const *out) {
  const block_attr *a = node->attr;
  (void)out;
  return 2.0 * (double)a->rows * (double)a->size * (double)a->width;
}

static void rows_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const block_attr *a = node->attr;
  (void)k;
  rapt__split_rows(a->rows, a->size * a->width, split);
}

/* ---- Forward: x, weight, ids ---- */

static void block_forward(const rapt__call *call) {
  const block_attr *a = call->node->attr;
  const int32_t *ids = call->in[2];
  for (int64_t i = call->begin; i < call->end; i++) {
    real *y = RAPT__OUT(call, 0) + i * a->size;
    int64_t n = members(a, ids[i]);
    if (n > 0)
      call->k->gemv(n, a->width, RAPT__IN(call, 1) + ids[i] * a->size * a->width, a->width,
                    RAPT__IN(call, 0) + i * a->width, y, false);
    memset(y + n, 0, (size_t)(a->size - n) * sizeof *y);
  }
}

static rapt_tensor *forward_node(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *ids, const block_attr *a) {
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, ids->dim, sizeof dims);
  dims[ids->ndim] = a->size;
  return rapt__op1(x->graph, &rapt__op_block_linear, (rapt_tensor *[]){x, weight, ids}, 3, a, sizeof *a, ids->ndim + 1,
                   dims);
}

static rapt_tensor *grad_x_node(rapt_tensor *dy, rapt_tensor *weight, rapt_tensor *ids, const block_attr *a) {
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, ids->dim, sizeof dims);
  dims[ids->ndim] = a->width;
  return rapt__op1(dy->graph, &rapt__op_block_linear_grad_x, (rapt_tensor *[]){dy, weight, ids}, 3, a, sizeof *a,
                   ids->ndim + 1, dims);
}

static rapt_tensor *grad_weight_node(rapt_tensor *x, rapt_tensor *dy, rapt_tensor *ids, const block_attr *a) {
  return rapt__op1(x->graph, &rapt__op_block_linear_grad_weight, (rapt_tensor *[]){x, dy, ids}, 3, a, sizeof *a, 2,
                   (int64_t[]){a->vocabulary, a->width});
}

static void block_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0], *weight = node->in[1], *ids = node->in[2];
  if (x->varies) din[0] = grad_x_node(dout[0], weight, ids, node->attr);
  if (weight->varies) din[1] = grad_weight_node(x, dout[0], ids, node->attr);
}

/* Samples of all three: two axes of rows, a last block that is short, ids out of range; and one element of everything. */
static const block_attr samples[2] = {{6, 4, 7, 3}, {1, 1, 1, 1}};

static rapt_tensor *sample_of(rapt_graph *graph, const char *name, int i, int64_t width) {
  return i == 0 ? rapt__sample(graph, name, RAPT_F32, -2, 2, RAPT__DIMS(2, 3, width))
                : rapt__sample(graph, name, RAPT_F32, -2, 2, RAPT__DIMS(1, width));
}
static rapt_tensor *sample_ids(rapt_graph *graph, int i) {
  return i == 0 ? rapt__sample(graph, "ids", RAPT_I32, -1, 4, RAPT__DIMS(2, 3))
                : rapt__sample(graph, "ids", RAPT_I32, 0, 1, RAPT__DIMS(1));
}
static rapt_tensor *sample_weight(rapt_graph *graph, const block_attr *a) {
  return rapt__sample(graph, "weight", RAPT_F32, -2, 2, RAPT__DIMS(a->vocabulary, a->width));
}

static rapt_tensor *block_sample(rapt_graph *graph, int i) {
  const block_attr *a = &samples[i];
  rapt_tensor *x = sample_of(graph, "x", i, a->width), *weight = sample_weight(graph, a);
  return rapt_block_linear(x, weight, sample_ids(graph, i), a->size);
}

const rapt__op rapt__op_block_linear = {.name = "block_linear",
                                        .split = rows_split,
                                        .flops = block_flops,
                                        .forward = block_forward,
                                        .grad = block_grad,
                                        .samples = 2,
                                        .sample = block_sample};

rapt_tensor *rapt_block_linear(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *ids, int64_t size) {
  if (rapt__poisoned(x) || rapt__poisoned(weight) || rapt__poisoned(ids)) return &x->graph->poison;
  if (x->ndim < 1 || x->ndim != ids->ndim + 1 || x->dtype != RAPT_F32 || weight->dtype != RAPT_F32 ||
      ids->dtype != RAPT_I32 || weight->ndim != 2 || weight->dim[1] != x->dim[x->ndim - 1] ||
      memcmp(x->dim, ids->dim, (size_t)ids->ndim * sizeof *ids->dim) != 0)
    return rapt__poison(x->graph, RAPT_ESHAPE,
                        "block_linear: x %s, weight %s, ids %s; (…, C), (V, C) and integers (…) are needed",
                        rapt__shape_text(x), rapt__shape_text(weight), rapt__shape_text(ids));
  if (size < 1 || size > weight->dim[0])
    return rapt__poison(x->graph, RAPT_ESHAPE, "block_linear: blocks of %lld rows of a weight of shape %s",
                        (long long)size, rapt__shape_text(weight));
  block_attr a = {.rows = ids->size, .width = weight->dim[1], .vocabulary = weight->dim[0], .size = size};
  return forward_node(x, weight, ids, &a);
}

/* ---- Gradients ---- */

static void grad_x_forward(const rapt__call *call) { /* dy, weight, ids */
  const block_attr *a = call->node->attr;
  const int32_t *ids = call->in[2];
  for (int64_t i = call->begin; i < call->end; i++) {
    real *dx = RAPT__OUT(call, 0) + i * a->width;
    int64_t n = members(a, ids[i]);
    if (n > 0)
      call->k->gevm(n, a->width, RAPT__IN(call, 0) + i * a->size, RAPT__IN(call, 1) + ids[i] * a->size * a->width,
                    a->width, dx, false);
    else
      memset(dx, 0, (size_t)a->width * sizeof *dx);
  }
}

static void grad_x_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *dy = node->in[0], *weight = node->in[1], *ids = node->in[2];
  if (dy->varies) din[0] = forward_node(dout[0], weight, ids, node->attr);
  if (weight->varies) din[1] = grad_weight_node(dout[0], dy, ids, node->attr);
}

static rapt_tensor *grad_x_sample(rapt_graph *graph, int i) {
  const block_attr *a = &samples[i];
  rapt_tensor *dy = sample_of(graph, "dy", i, a->size), *weight = sample_weight(graph, a);
  return grad_x_node(dy, weight, sample_ids(graph, i), a);
}

const rapt__op rapt__op_block_linear_grad_x = {.name = "block_linear_grad_x",
                                               .split = rows_split,
                                               .flops = block_flops,
                                               .forward = grad_x_forward,
                                               .grad = grad_x_grad,
                                               .samples = 2,
                                               .sample = grad_x_sample};

/* Units are blocks; each looks at all ids in order, so that every row of the weight is summed in one order. */
static void grad_weight_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const block_attr *a = node->attr;
  (void)k;
  int64_t blocks = (a->vocabulary + a->size - 1) / a->size;
  rapt__split_rows(blocks, a->rows + a->size * a->width * (1 + a->rows / blocks), split);
}

static void grad_weight_forward(const rapt__call *call) { /* x, dy, ids */
  const block_attr *a = call->node->attr;
  const int32_t *ids = call->in[2];
  for (int64_t block = call->begin; block < call->end; block++) {
    int64_t n = members(a, (int32_t)block);
    real *dw = RAPT__OUT(call, 0) + block * a->size * a->width;
    memset(dw, 0, (size_t)(n * a->width) * sizeof *dw);
    for (int64_t i = 0; i < a->rows; i++)
      for (int64_t j = 0; ids[i] == block && j < n; j++)
        call->k->axpy(a->width, RAPT__IN(call, 1)[i * a->size + j], RAPT__IN(call, 0) + i * a->width,
                      dw + j * a->width);
  }
}

static void grad_weight_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0], *dy = node->in[1], *ids = node->in[2];
  if (x->varies) din[0] = grad_x_node(dy, dout[0], ids, node->attr);
  if (dy->varies) din[1] = forward_node(x, dout[0], ids, node->attr);
}

static rapt_tensor *grad_weight_sample(rapt_graph *graph, int i) {
  const block_attr *a = &samples[i];
  rapt_tensor *x = sample_of(graph, "x", i, a->width), *dy = sample_of(graph, "dy", i, a->size);
  return grad_weight_node(x, dy, sample_ids(graph, i), a);
}

const rapt__op rapt__op_block_linear_grad_weight = {.name = "block_linear_grad_weight",
                                                    .split = grad_weight_split,
                                                    .flops = block_flops,
                                                    .forward = grad_weight_forward,
                                                    .grad = grad_weight_grad,
                                                    .samples = 2,
                                                    .sample = grad_weight_sample};

/* ---- Division of ids ---- */

static void divide_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_blocks(node, split);
}

static void divide_forward(const rapt__call *call) {
  int32_t divisor = *(const int32_t *)call->node->attr, *quotient = call->out[0], *rest = call->out[1];
  const int32_t *ids = call->in[0];
  int64_t begin, end;
  rapt__block_range(call, &begin, &end);
  for (int64_t i = begin; i < end; i++) {
    int32_t id = ids[i];
    if (quotient) quotient[i] = id < 0 ? id : id / divisor;
    if (rest) rest[i] = id < 0 ? id : id % divisor;
  }
}

const rapt__op rapt__op_divide_ids = {
    .name = "divide_ids", .flags = RAPT__NO_GRADIENT, .split = divide_split, .forward = divide_forward};

void rapt_divide_ids(rapt_tensor *ids, int64_t divisor, rapt_tensor **quotient, rapt_tensor **rest) {
  *quotient = *rest = ids;
  if (rapt__poisoned(ids)) return;
  *quotient = *rest = &ids->graph->poison;
  if (ids->dtype != RAPT_I32 || divisor < 1 || divisor > INT32_MAX) {
    rapt__poison(ids->graph, RAPT_EINVAL,
                 "divide_ids: %s of shape %s by %lld; integers and a positive divisor are needed",
                 ids->dtype == RAPT_I32 ? "integers" : "reals", rapt__shape_text(ids), (long long)divisor);
    return;
  }
  int32_t by = (int32_t)divisor;
  rapt__node *node = rapt__node_new(ids->graph, &rapt__op_divide_ids, &ids, 1, &by, sizeof by);
  if (!node) return;
  *quotient = rapt__node_out(node, RAPT_I32, ids->ndim, ids->dim);
  *rest = rapt__node_out(node, RAPT_I32, ids->ndim, ids->dim);
}
