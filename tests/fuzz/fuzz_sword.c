/* Any bytes as a testament of a SWORD module, or as its settings: verses are inside the text, without tags, and a refusal has a
 * sentence. The first byte says which; of a testament two sizes of 16 bits follow, of the files before the last. */
#include "data/sets.h"
#include "data/sword.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(rapt_context *ctx, rapt_status status) {
  if (rapt_context_status(ctx) != status || (status != RAPT_OK && !*rapt_context_message(ctx))) abort();
}

static void settings(rapt_context *ctx, const char *text, size_t size) {
  rapt__sword_conf conf;
  rapt_status status = rapt__sword_conf_parse(ctx, "fuzz", text, size, &conf);
  check(ctx, status);
  if (status == RAPT_OK && !rapt__data_safe_name(conf.path, true)) abort();
  rapt__free(ctx, conf.path);
}

static void verses(rapt_context *ctx, uint8_t kind, const uint8_t *bytes, size_t size) {
  rapt__sword *s = malloc(sizeof *s);
  if (!s || size < 4) {
    free(s);
    return;
  }
  rapt__sword_files files = {.names = {"places", "verses", "blocks"}};
  size_t at = 4;
  for (int i = 0; i < 3; i++) {
    size_t wanted = i < 2 ? bytes[2 * i] | (size_t)bytes[2 * i + 1] << 8 : size, left = size - at;
    files.data[i] = bytes + at;
    files.sizes[i] = wanted < left ? wanted : left;
    at += files.sizes[i];
  }
  rapt__markup markup = (rapt__markup)(kind / 4 % 4);
  rapt__sword_begin(s, ctx);
  rapt_status status = rapt__sword_parse(s, kind / 2 % 2, markup, &files);
  check(ctx, status);
  for (size_t v = 0; v < RAPT__VERSES && status == RAPT_OK; v++) {
    size_t begin = s->verses[v].begin, n = s->verses[v].size;
    if (begin > s->text.size || n > s->text.size - begin) abort();
    if (n && (s->text.data[begin] == ' ' || memchr(s->text.data + begin, 0, n))) abort();
  }
  rapt__sword_free(s);
  free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  if (size == 0 || rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  if (bytes[0] % 2)
    settings(ctx, (const char *)bytes + 1, size - 1);
  else
    verses(ctx, bytes[0], bytes + 1, size - 1);
  rapt_context_free(ctx);
  return 0;
}
