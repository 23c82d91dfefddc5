/* Any bytes as an index of safetensors files: what is accepted names files that lie beside it. */
#include "formats/weights.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rapt_context *ctx;
  if (!ctx && rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_context_clear(ctx);
  json_t *root, *value;
  const char *key;
  rapt_status status = rapt__index_parse(ctx, "input", (const char *)data, size, &root);
  if (status != RAPT_OK) {
    if (rapt_context_status(ctx) != status || !*rapt_context_message(ctx) || root) abort();
    return 0;
  }
  json_object_foreach(json_object_get(root, "weight_map"), key, value) {
    const char *file = json_string_value(value);
    if (!file || strchr(file, '/') || file[0] == '.' || !*file) abort();
  }
  json_decref(root);
  return 0;
}
