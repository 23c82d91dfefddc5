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
