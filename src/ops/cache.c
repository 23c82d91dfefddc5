/* Writing new keys or values into a cache that outlives the run, from a place on or around a ring. */
#include "ops/ops.h"

#include <string.h>

typedef struct cache_attr {
  bool ring;
} cache_attr;

static void copy_rows(const rapt__call *call, int64_t from, int64_t to, int64_t n) {
  const rapt_tensor *cache = call->node->in[0];
  int64_t capacity = cache->dim[1], t = call->node->in[1]->dim[1], row = cache->size / (cache->dim[0] * capacity);
  for (int64_t b = 0; b < cache->dim[0]; b++)
    memcpy((real *)call->in[0] + (b * capacity + to) * row, RAPT__IN(call, 1) + (b * t + from) * row,
           (size_t)(n * row) * sizeof(real));
}

static void cache_write_forward(const rapt__call *call) {
  const rapt_tensor *cache = call->node->in[0], *x = call->node->in[1];
  int64_t capacity = cache->dim[1], t = x->dim[1];
  int64_t at = call->node->n_in > 2 ? *(const int32_t *)call->in[2] : 0, from = 0;
  bool ring = ((const cache_attr *)call->node->attr)->ring;
  if (at < 0 || (!ring && at >= capacity)) return;
  if (ring) {
    if (t > capacity) from = t - capacity;
    at = (at + from) % capacity;
  }
  int64_t n = t - from, first = n < capacity - at ? n : capacity - at;
  copy_rows(call, from, at, first);
  if (ring && n > first) copy_rows(call, from + first, 0, n - first);
}

const rapt__op rapt__op_cache_write = {
    .name = "cache_write", .flags = RAPT__EFFECT | RAPT__VIEW | RAPT__NO_GRADIENT, .forward = cache_write_forward};

static rapt_tensor *write(rapt_tensor *cache, rapt_tensor *x, rapt_tensor *at, cache_attr t) {
  rapt_graph *graph = cache->graph;
  if (rapt__poisoned(cache) || rapt__poisoned(x) || (at && rapt__poisoned(at))) return &graph->poison;
  bool fits = cache->ndim == x->ndim && cache->ndim >= 2 && cache->dim[0] == x->dim[0] &&
              (!at || (at->dtype == RAPT_I32 && at->size == 1));
  for (int i = 2; fits && i < x->ndim; i++) fits = cache->dim[i] == x->dim[i];
  if (!fits)
    return rapt__poison(graph, RAPT_ESHAPE, "cache_write: %s does not go into a cache of %s", rapt__shape_text(x),
                        rapt__shape_text(cache));
  return rapt__op1(graph, &rapt__op_cache_write, (rapt_tensor *[]){cache, x, at}, at ? 3 : 2, &t, sizeof t, cache->ndim,
                   cache->dim);
}

rapt_tensor *rapt_cache_write(rapt_tensor *cache, rapt_tensor *x, rapt_tensor *at) {
  return write(cache, x, at, (cache_attr){false});
}

rapt_tensor *rapt_cache_write_ring(rapt_tensor *cache, rapt_tensor *x, rapt_tensor *at) {
  return write(cache, x, at, (cache_attr){true});
}
