/* Any bytes as a file of settings: every pair has a key, and a refusal has a sentence. */
#include "formats/yaml.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static rapt_status each(void *user, const char *key, const char *value, const char *where) {
  (void)user;
  if (!*key || strncmp(where, "input:", 6) != 0 || strlen(value) > 1 << 20) abort();
  return RAPT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rapt_context *ctx;
  if (!ctx && rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_context_clear(ctx);
  rapt_status status = rapt__yaml_read(ctx, "input", (const char *)data, size, each, NULL);
  if (rapt_context_status(ctx) != status || (status != RAPT_OK && !*rapt_context_message(ctx))) abort();
  return 0;
}
