/* Any bytes as a file of settings, set on a real table: every pair has a key, and a refusal has a sentence. */
#include "formats/yaml.h"
#include "train/settings.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

typedef struct target {
  rapt_context *ctx;
  rapt__arena arena;
  rapt__train_settings settings;
} target;

static rapt_status set(void *user, const char *key, const char *value, const char *where) {
  target *t = user;
  if (!*key || strncmp(where, "fuzz:", 5) != 0) abort();
  rapt__config config = {rapt__train_keys, &t->settings};
  rapt__config_set(t->ctx, &t->arena, &config, 1, key, value, where);
  rapt_context_clear(t->ctx);
  return RAPT_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  target t = {0};
  if (rapt_context_new(&t.ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt__arena_init(&t.arena, t.ctx);
  rapt_status status = rapt__yaml_read(t.ctx, "fuzz", (const char *)bytes, size, set, &t);
  if (rapt_context_status(t.ctx) != status || (status != RAPT_OK && !*rapt_context_message(t.ctx))) abort();
  rapt__arena_free(&t.arena);
  rapt_context_free(t.ctx);
  return 0;
}
