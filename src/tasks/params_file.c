/* A parameter store as a safetensors file. */
#include "tasks/params_file.h"

#include "formats/safetensors.h"

#include <string.h>

rapt_status rapt__params_write(const rapt_params *params, const char *path, const char *const *meta) {
  rapt__st_entry *entries = rapt__new(params->ctx, params->count + 1, sizeof *entries);
  if (!entries) return RAPT_ENOMEM;
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    entries[i] = (rapt__st_entry){.name = p->name,
                                  .type = sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32,
                                  .ndim = p->ndim,
                                  .size = p->size,
                                  .data = (const uint8_t *)(params->values + p->offset)};
    memcpy(entries[i].dim, p->dim, sizeof p->dim);
  }
  rapt_status status = rapt__safetensors_write(params->ctx, path, entries, params->count, meta);
  rapt__free(params->ctx, entries);
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
