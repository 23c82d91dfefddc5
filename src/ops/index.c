/* Ops that take int32 indices or give them: embedding, gather and scatter, one_hot, top_k. Indices come from outside:
 * one that is out of range reads zeros and takes no gradient. */
#include "graph/params.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

/* The last axis of x goes: units are its rows. */
static int64_t row_size(const rapt_tensor *x) { return x->dim[x->ndim - 1]; }

static bool leads(const rapt_tensor *lead, const rapt_tensor *x) { /* x has the axes of `lead` and one more */
  return x->ndim == lead->ndim + 1 && memcmp(x->dim, lead->dim, (size_t)lead->ndim * sizeof *lead->dim) == 0;
}

static rapt_tensor *misfit(rapt_tensor *x, rapt_tensor *ids, const char *what) {
  return rapt__poison(x->graph, RAPT_ESHAPE, "%s: %s of shape %s and %s of shape %s do not go together", what,
                      x->dtype == RAPT_F32 ? "reals" : "integers", rapt__shape_text(x),
                      ids->dtype == RAPT_I32 ? "integers" : "reals", rapt__shape_text(ids));
}

/* ---- Embedding ---- */

static void embedding_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->in[1]->size, row_size(node->in[0]), split);
}

static void embedding_forward(const rapt__call *call) {
  const rapt_tensor *table = call->node->in[0];
  const int32_t *ids = call->in[1];
  const rapt__param *kept = rapt__blocks_of(table);
  const k_blocks *b = kept ? &call->k->blocks[kept->block] : NULL;
  int64_t n = row_size(table);
  for (int64_t i = call->begin; i < call->end; i++) {
    real *y = RAPT__OUT(call, 0) + i * n;
    if (b && ids[i] >= 0 && ids[i] < table->dim[0])
      b->read(n, (const char *)call->in[0] + ids[i] * (n / b->elements) * (int64_t)b->bytes, y);
    else if (ids[i] >= 0 && ids[i] < table->dim[0])
      memcpy(y, RAPT__IN(call, 0) + ids[i] * n, (size_t)n * sizeof *y);
    else
      memset(y, 0, (size_t)n * sizeof *y);
  }
}

static rapt_tensor *embedding_grad_node(rapt_tensor *dy, rapt_tensor *ids, int64_t rows) {
  int64_t dims[] = {rows, row_size(dy)};
  return rapt__op1(dy->graph, &rapt__op_embedding_grad, (rapt_tensor *[]){dy, ids}, 2, NULL, 0, 2, dims);
}

static void embedding_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = embedding_grad_node(dout[0], node->in[1], node->in[0]->dim[0]);
}

static rapt_tensor *embedding_sample(rapt_graph *graph, int i) {
  if (i == 2) {
    rapt_tensor *table = rapt__sample(graph, "table", RAPT_F32, -2, 2, RAPT__DIMS(1, 1));
    return rapt_embedding(table, rapt__sample(graph, "ids", RAPT_I32, 0, 1, RAPT__DIMS(1)));
  }
  rapt_tensor *table = rapt__sample(graph, "table", RAPT_F32, -2, 2, RAPT__DIMS(5, 3));
  rapt_tensor *ids = i == 0 ? rapt__sample(graph, "ids", RAPT_I32, 0, 5, RAPT__DIMS(2, 7))
                            : rapt__sample(graph, "ids", RAPT_I32, -2, 7, RAPT__DIMS(11)); /* some out of range */
  return rapt_embedding(table, ids);
}

const rapt__op rapt__op_embedding = {.name = "embedding",
                                     .flags = RAPT__TAKES_BLOCKS,
                                     .split = embedding_split,
                                     .forward = embedding_forward,
                                     .grad = embedding_grad,
                                     .samples = 3,
                                     .sample = embedding_sample};

rapt_tensor *rapt_embedding(rapt_tensor *table, rapt_tensor *ids) {
  if (rapt__poisoned(table) || rapt__poisoned(ids)) return &table->graph->poison;
  const rapt__param *kept = rapt__blocks_of(table);
  if (table->ndim != 2 || table->dtype == RAPT_I32 || (kept && kept->turned) || ids->dtype != RAPT_I32 ||
      ids->ndim >= RAPT_MAX_DIMS)
    return misfit(table, ids, "embedding");
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, ids->dim, sizeof dims);
  dims[ids->ndim] = table->dim[1];
  return rapt__op1(table->graph, &rapt__op_embedding, (rapt_tensor *[]){table, ids}, 2, NULL, 0, ids->ndim + 1, dims);
}

/* Units are ranges of the vocabulary; each looks at all ids in order, so that every row is summed in one order. */
enum { EMBEDDING_UNITS = 32 };

static int64_t rows_per_unit(const rapt_tensor *table) {
  return (table->dim[0] + EMBEDDING_UNITS - 1) / EMBEDDING_UNITS;
}

static void embedding_grad_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  int64_t per = rows_per_unit(&node->out[0]);
  int64_t work = (node->out[0].size + node->in[0]->size) / EMBEDDING_UNITS + node->in[1]->size;
  rapt__split_rows((node->out[0].dim[0] + per - 1) / per, work, split);
}

static void embedding_grad_forward(const rapt__call *call) {
  const rapt_tensor *table = &call->node->out[0];
  const int32_t *ids = call->in[1];
  int64_t n = row_size(table), per = rows_per_unit(table), first = call->begin * per, end = call->end * per;
  if (end > table->dim[0]) end = table->dim[0];
  real *y = RAPT__OUT(call, 0);
  const real *rest = call->node->n_in > 2 ? RAPT__IN(call, 2) : NULL;
  if (!rest)
    memset(y + first * n, 0, (size_t)((end - first) * n) * sizeof *y);
  else if (rest != y)
    memcpy(y + first * n, rest + first * n, (size_t)((end - first) * n) * sizeof *y);
  for (int64_t i = 0; i < call->node->in[1]->size; i++)
    if (ids[i] >= first && ids[i] < end) call->k->axpy(n, 1, RAPT__IN(call, 0) + i * n, y + ids[i] * n);
}

static void embedding_grad_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_embedding(dout[0], node->in[1]);
  if (node->n_in > 2) din[2] = dout[0];
}

/* The few rows that are touched are added to what there is, in its place: a tied table gets its other gradient so. */
static rapt_tensor *embedding_grad_absorb(rapt_tensor *part, rapt_tensor *rest) {
  if (rapt__poisoned(rest)) return rest;
  const rapt__node *node = part->node;
  if (node->n_in > 2) return rapt_add(part, rest);
  return rapt__op1(part->graph, &rapt__op_embedding_grad, (rapt_tensor *[]){node->in[0], node->in[1], rest}, 3, NULL, 0,
                   part->ndim, part->dim);
}

static rapt_tensor *embedding_grad_sample(rapt_graph *graph, int i) {
  rapt_tensor *dy = rapt__sample(graph, "dy", RAPT_F32, -2, 2, RAPT__DIMS(2, 5, 3));
  int64_t rows = i == 0 ? 5 : 67;
  rapt_tensor *g = embedding_grad_node(dy, rapt__sample(graph, "ids", RAPT_I32, -1, 7, RAPT__DIMS(2, 5)), rows);
  return i < 2 ? g : embedding_grad_absorb(g, rapt__sample(graph, "rest", RAPT_F32, -2, 2, RAPT__DIMS(rows, 3)));
}

const rapt__op rapt__op_embedding_grad = {.name = "embedding_grad",
                                          .alias = 1 << 2,
                                          .split = embedding_grad_split,
                                          .forward = embedding_grad_forward,
                                          .grad = embedding_grad_grad,
                                          .absorb = embedding_grad_absorb,
                                          .samples = 3,
                                          .sample = embedding_grad_sample};

/* ---- Gather and scatter: each other's gradient ---- */

static void gather_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  rapt__split_rows(node->in[1]->size, 16, split);
}

static void gather_forward(const rapt__call *call) {
  const int32_t *ids = call->in[1];
  int64_t n = row_size(call->node->in[0]);
  for (int64_t i = call->begin; i < call->end; i++)
    RAPT__OUT(call, 0)[i] = ids[i] >= 0 && ids[i] < n ? RAPT__IN(call, 0)[i * n + ids[i]] : 0;
}

static void gather_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_scatter(dout[0], node->in[1], row_size(node->in[0]));
}

static rapt_tensor *gather_sample(rapt_graph *graph, int i) {
  if (i == 1) {
    rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1));
    return rapt_gather(x, rapt__sample(graph, "ids", RAPT_I32, 0, 1, 0, NULL));
  }
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5));
  return rapt_gather(x, rapt__sample(graph, "ids", RAPT_I32, -1, 6, RAPT__DIMS(2, 3)));
}

const rapt__op rapt__op_gather = {.name = "gather",
                                  .split = gather_split,
                                  .forward = gather_forward,
                                  .grad = gather_grad,
                                  .samples = 2,
                                  .sample = gather_sample};

rapt_tensor *rapt_gather(rapt_tensor *x, rapt_tensor *ids) {
  if (rapt__poisoned(x) || rapt__poisoned(ids)) return &x->graph->poison;
  if (!leads(ids, x) || x->dtype != RAPT_F32 || ids->dtype != RAPT_I32) return misfit(x, ids, "gather");
  return rapt__op1(x->graph, &rapt__op_gather, (rapt_tensor *[]){x, ids}, 2, NULL, 0, ids->ndim, ids->dim);
}

/* Rows of the result, for scatter and one_hot. */
static void spread_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  int64_t n = row_size(&node->out[0]);
  rapt__split_rows(node->out[0].size / n, n, split);
}

static void scatter_forward(const rapt__call *call) {
  const int32_t *ids = call->in[1];
  int64_t n = row_size(&call->node->out[0]);
  for (int64_t i = call->begin; i < call->end; i++) {
    real *y = RAPT__OUT(call, 0) + i * n;
    memset(y, 0, (size_t)n * sizeof *y);
    if (ids[i] >= 0 && ids[i] < n) y[ids[i]] = RAPT__IN(call, 0)[i];
  }
}

static void scatter_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  din[0] = rapt_gather(dout[0], node->in[1]);
}

static rapt_tensor *scatter_sample(rapt_graph *graph, int i) {
  if (i == 1) {
    rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, 0, NULL);
    return rapt_scatter(x, rapt__sample(graph, "ids", RAPT_I32, 0, 1, 0, NULL), 1);
  }
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 5));
  return rapt_scatter(x, rapt__sample(graph, "ids", RAPT_I32, -1, 8, RAPT__DIMS(3, 5)), 7);
}

const rapt__op rapt__op_scatter = {.name = "scatter",
                                   .split = spread_split,
                                   .forward = scatter_forward,
                                   .grad = scatter_grad,
                                   .samples = 2,
                                   .sample = scatter_sample};

/* Shape of ids with one more axis of size n. */
static void longer_dims(const rapt_tensor *ids, int64_t n, int64_t *dims) {
  memcpy(dims, ids->dim, sizeof ids->dim);
  if (ids->ndim < RAPT_MAX_DIMS) dims[ids->ndim] = n;
}

rapt_tensor *rapt_scatter(rapt_tensor *x, rapt_tensor *ids, int64_t n) {
  if (rapt__poisoned(x) || rapt__poisoned(ids)) return &x->graph->poison;
  if (!rapt__same_shape(x, ids) || x->dtype != RAPT_F32 || ids->dtype != RAPT_I32) return misfit(x, ids, "scatter");
  int64_t dims[RAPT_MAX_DIMS];
  longer_dims(ids, n, dims);
  return rapt__op1(x->graph, &rapt__op_scatter, (rapt_tensor *[]){x, ids}, 2, NULL, 0, ids->ndim + 1, dims);
}

/* ---- One hot ---- */

static void one_hot_forward(const rapt__call *call) {
  const int32_t *ids = call->in[0];
  int64_t n = row_size(&call->node->out[0]);
  for (int64_t i = call->begin; i < call->end; i++) {
    real *y = RAPT__OUT(call, 0) + i * n;
    memset(y, 0, (size_t)n * sizeof *y);
    if (ids[i] >= 0 && ids[i] < n) y[ids[i]] = 1;
  }
}

const rapt__op rapt__op_one_hot = {
    .name = "one_hot", .flags = RAPT__NO_GRADIENT, .split = spread_split, .forward = one_hot_forward};

rapt_tensor *rapt_one_hot(rapt_tensor *ids, int64_t n) {
  if (rapt__poisoned(ids)) return ids;
  if (ids->dtype != RAPT_I32)
    return rapt__poison(ids->graph, RAPT_EINVAL, "one_hot: needs integers, not the reals of shape %s",
                        rapt__shape_text(ids));
  int64_t dims[RAPT_MAX_DIMS];
  longer_dims(ids, n, dims);
  return rapt__op1(ids->graph, &rapt__op_one_hot, &ids, 1, NULL, 0, ids->ndim + 1, dims);
}

/* ---- Top k ---- */

static void top_k_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  int64_t n = row_size(node->in[0]);
  rapt__split_rows(node->in[0]->size / n, 8 * n, split);
  split->scratch_bytes = (size_t)row_size(&node->out[0]) * sizeof(int32_t);
}

/* A total order: NaN before everything, larger before smaller, lower index first. */
static bool comes_before(const real *x, int32_t a, int32_t b) {
  bool nan_a = isnan(x[a]), nan_b = isnan(x[b]);
  if (nan_a != nan_b) return nan_a;
  if (!nan_a && x[a] != x[b]) return x[a] > x[b];
  return a < b;
}

/* heap[0] is the one that comes last of all. */
static void sift_down(const real *x, int32_t *heap, int64_t size, int64_t at) {
  int32_t moving = heap[at];
  for (int64_t child; (child = 2 * at + 1) < size; at = child) {
    if (child + 1 < size && comes_before(x, heap[child], heap[child + 1])) child++;
    if (!comes_before(x, moving, heap[child])) break;
    heap[at] = heap[child];
  }
  heap[at] = moving;
}

static void top_of_row(int64_t n, int64_t k, const real *x, int32_t *heap) {
  for (int64_t i = 0; i < k; i++) heap[i] = (int32_t)i;
  for (int64_t i = k / 2; i-- > 0;) sift_down(x, heap, k, i);
  for (int64_t i = k; i < n; i++) {
    if (!comes_before(x, (int32_t)i, heap[0])) continue;
    heap[0] = (int32_t)i;
    sift_down(x, heap, k, 0);
  }
  for (int64_t size = k - 1; size > 0; size--) {
    int32_t last = heap[0];
    heap[0] = heap[size];
    heap[size] = last;
    sift_down(x, heap, size, 0);
  }
}

static void top_k_forward(const rapt__call *call) {
  int64_t n = row_size(call->node->in[0]), k = row_size(&call->node->out[0]);
  int32_t *indices = call->out[1];
  for (int64_t row = call->begin; row < call->end; row++) {
    const real *x = RAPT__IN(call, 0) + row * n;
    int32_t *heap = indices ? indices + row * k : call->scratch;
    top_of_row(n, k, x, heap);
    for (int64_t i = 0; i < k; i++) RAPT__OUT(call, 0)[row * k + i] = x[heap[i]];
  }
}

static void top_k_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rapt_tensor *x = node->in[0];
  din[0] = rapt__op1(node->graph, &rapt__op_top_k_grad, (rapt_tensor *[]){dout[0], &node->out[1]}, 2, NULL, 0, x->ndim,
                     x->dim);
}

static rapt_tensor *top_k_sample(rapt_graph *graph, int i) {
  switch (i) {
  case 0: return rapt_top_k(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(3, 7)), 3, NULL);
  case 1: return rapt_top_k(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(2, 3, 5)), 5, NULL);
  default: return rapt_top_k(rapt__sample(graph, "x", RAPT_F32, -2, 2, RAPT__DIMS(1)), 1, NULL);
  }
}

const rapt__op rapt__op_top_k = {.name = "top_k",
                                 .split = top_k_split,
                                 .forward = top_k_forward,
                                 .grad = top_k_grad,
                                 .samples = 3,
                                 .sample = top_k_sample};

rapt_tensor *rapt_top_k(rapt_tensor *x, int64_t k, rapt_tensor **indices) {
  if (indices) *indices = &x->graph->poison;
  if (rapt__poisoned(x)) return x;
  if (x->dtype != RAPT_F32 || x->ndim < 1 || k < 1 || k > row_size(x) || row_size(x) > INT32_MAX)
    return rapt__poison(x->graph, RAPT_ESHAPE, "top_k: a tensor of shape %s has no %lld largest %s",
                        rapt__shape_text(x), (long long)k,
                        x->dtype == RAPT_F32 ? "in its last axis" : "reals, only integers");
  rapt__node *node = rapt__node_new(x->graph, &rapt__op_top_k, &x, 1, NULL, 0);
  if (!node) return &x->graph->poison;
  int64_t dims[RAPT_MAX_DIMS];
  memcpy(dims, x->dim, sizeof dims);
  dims[x->ndim - 1] = k;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, x->ndim, dims),
              *places = rapt__node_out(node, RAPT_I32, x->ndim, dims);
  if (indices) *indices = places;
  return y;
}

static void top_k_grad_forward(const rapt__call *call) {
  int64_t n = row_size(&call->node->out[0]), k = row_size(call->node->in[0]);
  const int32_t *indices = call->in[1];
  for (int64_t row = call->begin; row < call->end; row++) {
    real *y = RAPT__OUT(call, 0) + row * n;
    memset(y, 0, (size_t)n * sizeof *y);
    for (int64_t i = row * k; i < (row + 1) * k; i++)
      if (indices[i] >= 0 && indices[i] < n) y[indices[i]] += RAPT__IN(call, 0)[i];
  }
}

const rapt__op rapt__op_top_k_grad = {.name = "top_k_grad", .split = spread_split, .forward = top_k_grad_forward};
