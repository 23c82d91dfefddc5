/* A parameter store as a safetensors file. */
#include "tasks/params_file.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

static rapt__st_entry entry_of(const rapt__param *p, rapt__st_type type, const void *data) {
  rapt__st_entry e = {.name = p->name, .type = type, .ndim = p->ndim, .size = p->size, .data = data};
  memcpy(e.dim, p->dim, sizeof p->dim);
  return e;
}

/* Into `out` (extent), laid out like the store. */
static rapt_status narrow(const rapt_params *params, const char *path, rapt__st_type type, uint16_t *out) {
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    for (int64_t j = p->offset; j < p->offset + p->size; j++) {
      float x = (float)params->values[j];
      out[j] = type == RAPT__ST_F16 ? rapt__to_half(x) : rapt__to_bfloat(x);
      if (isfinite(x) && !isfinite(type == RAPT__ST_F16 ? rapt__from_half(out[j]) : rapt__from_bfloat(out[j])))
        return rapt__fail(params->ctx, RAPT_EINVAL, "%s: tensor \"%s\": %g is too large for %s", path, p->name,
                          (double)x, type == RAPT__ST_F16 ? "float16" : "bfloat16");
    }
  }
  return RAPT_OK;
}

/* The store as entries of a file. `values` is memory that they need besides; both are freed with rapt__free. */
static rapt_status list(const rapt_params *params, const char *path, rapt__st_type type, rapt__st_entry **entries,
                        uint16_t **values) {
  const rapt__param *kept = rapt__params_in_blocks(params);
  bool wide = type == RAPT__ST_F32 || type == RAPT__ST_F64;
  *values = NULL;
  *entries = NULL;
  if (kept)
    return rapt__fail(
        params->ctx, RAPT_EUNSUPPORTED,
        "%s: \"%s\" is kept as its file has it (quantised or in 16 bits); `rapt convert` writes such models", path,
        kept->name);
  *entries = rapt__new(params->ctx, params->count + 1, sizeof **entries);
  if (!wide) *values = rapt__new(params->ctx, (size_t)params->extent + 1, sizeof **values);
  if (!*entries || (!wide && !*values)) return RAPT_ENOMEM;
  if (!wide) RAPT_TRY(narrow(params, path, type, *values));
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    (*entries)[i] = entry_of(p, type, wide ? (const void *)(params->values + p->offset) : *values + p->offset);
  }
  return RAPT_OK;
}

rapt_status rapt__params_write_narrow(const rapt_params *params, const char *path, rapt__st_type type,
                                      const char *const *meta) {
  rapt__st_entry *entries;
  uint16_t *values;
  rapt_status status = list(params, path, type, &entries, &values);
  if (status == RAPT_OK) status = rapt__safetensors_write(params->ctx, path, entries, params->count, meta);
  rapt__free(params->ctx, entries);
  rapt__free(params->ctx, values);
  return status;
}

static const rapt__st_type whole = sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32;

rapt_status rapt__params_write(const rapt_params *params, const char *path, const char *const *meta) {
  return rapt__params_write_narrow(params, path, whole, meta);
}

rapt_status rapt__params_write_dir(const rapt_params *params, const char *dir, rapt__st_type type,
                                   const char *const *meta, uint64_t most) {
  rapt__st_entry *entries;
  uint16_t *values;
  rapt_status status = list(params, dir, type == RAPT__ST_F32 ? whole : type, &entries, &values);
  if (status == RAPT_OK) status = rapt__weights_write(params->ctx, dir, entries, params->count, meta, most);
  rapt__free(params->ctx, entries);
  rapt__free(params->ctx, values);
  return status;
}

static rapt_status read_one(rapt_params *params, const rapt__safetensors *st, const char *path, const rapt__param *p) {
  const rapt__st_entry *e = rapt__safetensors_find(st, p->name);
  bool same = e && e->ndim == p->ndim;
  for (int i = 0; same && i < p->ndim; i++) same = e->dim[i] == p->dim[i];
  if (!same)
    return rapt__fail(params->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" is missing or has another shape", path, p->name);
  float *values = rapt__new(params->ctx, (size_t)p->size, sizeof *values);
  if (!values) return RAPT_ENOMEM;
  rapt_status status = rapt__safetensors_read(st, e, values);
  for (int64_t i = 0; status == RAPT_OK && i < p->size; i++) params->values[p->offset + i] = (real)values[i];
  rapt__free(params->ctx, values);
  return status;
}

rapt_status rapt__params_read(rapt_params *params, const char *path) {
  rapt__safetensors st;
  RAPT_TRY(rapt__safetensors_open(params->ctx, path, &st));
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < params->count && status == RAPT_OK; i++)
    status = read_one(params, &st, path, params->items[i]);
  rapt__safetensors_close(&st);
  return status;
}
