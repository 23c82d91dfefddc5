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

rapt_status rapt__params_write(const rapt_params *params, const char *path, const char *const *meta) {
  rapt__st_entry *entries = rapt__new(params->ctx, params->count + 1, sizeof *entries);
  if (!entries) return RAPT_ENOMEM;
  for (size_t i = 0; i < params->count; i++)
    entries[i] = entry_of(params->items[i], sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32,
                          params->values + params->items[i]->offset);
  rapt_status status = rapt__safetensors_write(params->ctx, path, entries, params->count, meta);
  rapt__free(params->ctx, entries);
  return status;
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

rapt_status rapt__params_write_narrow(const rapt_params *params, const char *path, rapt__st_type type,
                                      const char *const *meta) {
  rapt__st_entry *entries = rapt__new(params->ctx, params->count + 1, sizeof *entries);
  uint16_t *values = rapt__new(params->ctx, (size_t)params->extent + 1, sizeof *values);
  rapt_status status = entries && values ? narrow(params, path, type, values) : RAPT_ENOMEM;
  for (size_t i = 0; i < params->count && status == RAPT_OK; i++)
    entries[i] = entry_of(params->items[i], type, values + params->items[i]->offset);
  if (status == RAPT_OK) status = rapt__safetensors_write(params->ctx, path, entries, params->count, meta);
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
