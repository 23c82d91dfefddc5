/* Any bytes as a safetensors file. */
#include "formats/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt__safetensors st;
  if (rapt__safetensors_parse(ctx, "fuzz", bytes, size, &st) == RAPT_OK) {
    for (size_t i = 0; i < st.count; i++) {
      float *values = malloc((size_t)st.entries[i].size * sizeof *values + 1);
      if (values) rapt__safetensors_read(&st, &st.entries[i], values);
      free(values);
      rapt__safetensors_find(&st, st.entries[i].name);
    }
    rapt__safetensors_meta(&st, "step");
    rapt__safetensors_close(&st);
  }
  rapt_context_free(ctx);
  return 0;
}
