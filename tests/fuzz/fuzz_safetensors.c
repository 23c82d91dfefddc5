/* Any bytes as a safetensors file: an accepted one has every entry inside the file and readable to its last element. */
#include "formats/safetensors.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Entries are at most as large as the input, so a flood of elements that need no bytes cannot occur. */
static void read_entry(const rapt__safetensors *st, const rapt__st_entry *e, const uint8_t *data, size_t size) {
  if (e->data < data || e->data > data + size || e->size < 0 || (uint64_t)e->size > size) abort();
  void *values = malloc((size_t)e->size * sizeof(int64_t) + 1);
  if (!values) return;
  bool real = rapt__safetensors_read(st, e, values) == RAPT_OK;
  bool integer = rapt__safetensors_read_ints(st, e, values) == RAPT_OK;
  free(values);
  if (e->size > 0 && real == integer) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rapt_context *ctx;
  if (!ctx && rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_context_clear(ctx);
  rapt__safetensors st;
  rapt_status status = rapt__safetensors_parse(ctx, "input", data, size, &st);
  if (status != RAPT_OK) {
    if (rapt_context_status(ctx) != status || !*rapt_context_message(ctx)) abort();
    return 0;
  }
  for (size_t i = 0; i < st.count; i++) read_entry(&st, &st.entries[i], data, size);
  rapt__safetensors_meta(&st, "format");
  rapt__safetensors_close(&st);
  return 0;
}
