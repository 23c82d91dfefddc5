/* The parameter store. */
#include "graph/params.h"

#include "base/rng.h"

#include <string.h>

rapt_status rapt_params_new(rapt_context *ctx, rapt_params **out) {
  *out = NULL;
  rapt_params *params = rapt__new(ctx, 1, sizeof *params);
  if (!params) return RAPT_ENOMEM;
  params->ctx = ctx;
  rapt__arena_init(&params->arena, ctx);
  *out = params;
  return RAPT_OK;
}

void rapt_params_free(rapt_params *params) {
  if (!params) return;
  rapt_context *ctx = params->ctx;
  for (int i = 0; i < RAPT__STATES; i++) rapt__free_aligned(ctx, params->state[i]);
  if (!params->borrows) rapt__free_aligned(ctx, params->values);
  rapt__free(ctx, params->items);
  rapt__arena_free(&params->arena);
  rapt__free(ctx, params);
}

int64_t rapt_params_find(const rapt_params *params, const char *name) {
  for (size_t i = 0; i < params->count; i++)
    if (strcmp(params->items[i]->name, name) == 0) return (int64_t)i;
  return -1;
}

rapt__param *rapt__params_declare(rapt_params *params, rapt_graph *graph, const char *name, int ndim,
                                  const int64_t *dims, rapt_init init) {
  int64_t found = rapt_params_find(params, name);
  if (found >= 0) {
    rapt__param *old = params->items[found];
    if (old->ndim != ndim || memcmp(old->dim, dims, (size_t)ndim * sizeof *dims) != 0) {
      rapt__poison(graph, RAPT_ESHAPE, "parameter \"%s\" was declared with another shape before", name);
      return NULL;
    }
    return old;
  }
  if (params->started) {
    rapt__poison(graph, RAPT_ENOTFOUND, "parameter \"%s\" is not in the store", name);
    return NULL;
  }
  int64_t size = 1;
  bool valid = ndim >= 0 && ndim <= RAPT_MAX_DIMS;
  for (int i = 0; valid && i < ndim; i++)
    valid = dims[i] >= 1 && !__builtin_mul_overflow(size, dims[i], &size) && size < INT64_MAX / 64;
  if (!valid) {
    rapt__poison(graph, RAPT_ESHAPE, "parameter \"%s\": a dimension is below 1 or the product is too large", name);
    return NULL;
  }
  rapt__param *param = rapt__arena_new(&params->arena, 1, sizeof *param);
  char *copy = rapt__arena_strdup(&params->arena, name);
  if (!param || !copy ||
      rapt__reserve(params->ctx, (void **)&params->items, &params->capacity, params->count, sizeof *params->items)) {
    graph->status = RAPT_ENOMEM;
    return NULL;
  }
  *param = (rapt__param){.name = copy, .ndim = ndim, .size = size, .offset = -1, .init = init};
  memcpy(param->dim, dims, (size_t)ndim * sizeof *dims);
  params->items[params->count++] = param;
  params->size += size;
  return param;
}

static void start_values(rapt__param *param, real *values, uint64_t seed, uint64_t stream) {
  for (int64_t i = 0; i < param->size; i++) {
    uint64_t index = (uint64_t)i;
    switch (param->init.kind) {
    case RAPT_INIT_ZEROS: values[i] = 0; break;
    case RAPT_INIT_ONES: values[i] = 1; break;
    case RAPT_INIT_NORMAL: values[i] = (real)(param->init.scale * rapt__rng_normal(seed, stream, index)); break;
    case RAPT_INIT_UNIFORM:
      values[i] = (real)(param->init.scale * (2 * rapt__rng_uniform(seed, stream, index) - 1));
      break;
    }
  }
}

/* Parameters that decay lie first, so that an update is two runs over the arrays and no list. */
rapt_status rapt_params_start(rapt_params *params, uint64_t seed) {
  if (params->started) return rapt__fail(params->ctx, RAPT_EINVAL, "the parameter store was started before");
  int64_t extent = 0;
  for (int pass = 0; pass < 2; pass++) {
    for (size_t i = 0; i < params->count; i++) {
      rapt__param *param = params->items[i];
      if (param->init.no_decay != (pass == 1) || param->blocks) continue;
      param->offset = extent;
      if (__builtin_add_overflow(extent, (param->size + 15) & ~(int64_t)15, &extent))
        return rapt__fail_memory(params->ctx, SIZE_MAX);
    }
    if (pass == 0) params->decayed = extent;
  }
  size_t bytes;
  if (rapt__mul_overflows((size_t)extent, sizeof(real), &bytes)) return rapt__fail_memory(params->ctx, SIZE_MAX);
  params->values = rapt__alloc_aligned(params->ctx, bytes);
  if (!params->values) return RAPT_ENOMEM;
  params->extent = extent;
  for (size_t i = 0; i < params->count; i++)
    if (!params->items[i]->blocks)
      start_values(params->items[i], params->values + params->items[i]->offset, seed, ((uint64_t)1 << 32) + i);
  params->started = true;
  return RAPT_OK;
}

rapt_status rapt__params_attach(rapt_params *params, int64_t index, int block, bool turned, const void *rows) {
  rapt__param *p = params->items[index];
  int64_t elements = rapt__kernels()->blocks[block].elements;
  if (params->started)
    return rapt__fail(params->ctx, RAPT_EINVAL, "parameter \"%s\": the store was started before", p->name);
  if (p->ndim != 2 || p->dim[turned ? 0 : 1] % elements != 0)
    return rapt__fail(params->ctx, RAPT_ESHAPE, "parameter \"%s\" is no matrix of rows of whole blocks of %lld",
                      p->name, (long long)elements);
  p->blocks = rows;
  p->block = block;
  p->turned = turned;
  return RAPT_OK;
}

const rapt__param *rapt__params_in_blocks(const rapt_params *params) {
  for (size_t i = 0; i < params->count; i++)
    if (params->items[i]->blocks) return params->items[i];
  return NULL;
}

rapt_status rapt__params_need_states(rapt_params *params, int count) {
  for (int i = 0; i < count; i++) {
    if (params->state[i]) continue;
    params->state[i] = rapt__alloc_aligned(params->ctx, (size_t)params->extent * sizeof(real));
    if (!params->state[i]) return RAPT_ENOMEM;
  }
  return RAPT_OK;
}

rapt_status rapt__params_borrow(rapt_params *params, const rapt_params *from) {
  if (params->started || !from->started)
    return rapt__fail(params->ctx, RAPT_EINVAL, "a parameter store that is started lends to one that is not");
  for (size_t i = 0; i < params->count; i++) {
    rapt__param *param = params->items[i];
    int64_t found = rapt_params_find(from, param->name);
    const rapt__param *lent = found >= 0 ? from->items[found] : NULL;
    bool fits = lent && lent->ndim == param->ndim && param->ndim > 0 && lent->dim[0] >= param->dim[0];
    for (int d = 1; fits && d < param->ndim; d++) fits = lent->dim[d] == param->dim[d];
    if (!fits)
      return rapt__fail(params->ctx, RAPT_ESHAPE, "parameter \"%s\": the store that lends has none with such rows",
                        param->name);
    param->offset = lent->offset;
  }
  params->values = from->values;
  params->extent = from->extent;
  params->started = params->borrows = true;
  return RAPT_OK;
}

int64_t rapt_params_count(const rapt_params *params) { return (int64_t)params->count; }
int64_t rapt_params_size(const rapt_params *params) { return params->size; }

rapt_status rapt_params_get(const rapt_params *params, int64_t index, const char **name, int *ndim,
                            const int64_t **dims, rapt_real **values) {
  if (index < 0 || index >= (int64_t)params->count)
    return rapt__fail(params->ctx, RAPT_EINVAL, "parameter %lld of %zu", (long long)index, params->count);
  const rapt__param *param = params->items[index];
  if (name) *name = param->name;
  if (ndim) *ndim = param->ndim;
  if (dims) *dims = param->dim;
  if (values) *values = params->started && !param->blocks ? params->values + param->offset : NULL;
  return RAPT_OK;
}
