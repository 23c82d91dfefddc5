/* Reading tab-separated sentence pairs. */
#include "data/tatoeba.h"

#include "data/packed.h"

#include <string.h>

static const size_t limit = (size_t)1 << 28; /* bytes of the file, unpacked */

/* Punctuation and capitals do not make another sentence; bytes beyond ASCII are parts of letters. */
static int part_of(const rapt__line *english) {
  uint64_t hash = rapt__hash_begin;
  for (size_t i = 0; i < english->size; i++) {
    char c = english->bytes[i];
    if (c >= 'A' && c <= 'Z') c = (char)(c - 'A' + 'a');
    if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (unsigned char)c >= 128) hash = rapt__hash(hash, c);
  }
  return hash % 50 == 0 ? RAPT__TEST : hash % 50 == 1 ? RAPT__VALID : RAPT__TRAIN;
}

static rapt_status read_lines(rapt_context *ctx, const char *name, const char *text, size_t size, int source,
                              int target, rapt__parts *parts) {
  size_t number = 0;
  for (size_t at = 0; at < size;) {
    const char *line = text + at, *end = memchr(line, '\n', size - at);
    if (!end) end = text + size;
    at = (size_t)(end - text) + 1;
    number++;
    if (end > line && end[-1] == '\r') end--;
    const char *tab = memchr(line, '\t', (size_t)(end - line));
    if (!tab)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s:%zu: no tab: a line must be an English sentence, a tab and its translation", name, number);
    const char *next = memchr(tab + 1, '\t', (size_t)(end - tab - 1));
    rapt__line columns[2] = {{line, (size_t)(tab - line)}, {tab + 1, (size_t)((next ? next : end) - tab - 1)}};
    rapt__line pair[2] = {columns[source], columns[target]};
    RAPT_TRY(rapt__parts_add(parts, part_of(&columns[RAPT__TATOEBA_ENGLISH]), pair));
  }
  return RAPT_OK;
}

rapt_status rapt__tatoeba_parse(rapt_context *ctx, const char *name, const char *text, size_t size, int source,
                                int target, rapt__bitext out[RAPT__PARTS]) {
  rapt__parts parts;
  memset(out, 0, RAPT__PARTS * sizeof *out);
  rapt__parts_init(&parts, ctx);
  rapt_status status = read_lines(ctx, name, text, size, source, target, &parts);
  if (status == RAPT_OK) status = rapt__parts_finish(&parts, (const char *const[2]){name, name}, out);
  rapt__parts_free(&parts);
  return status;
}

rapt_status rapt__tatoeba_read(rapt_context *ctx, const char *path, int source, int target,
                               rapt__bitext out[RAPT__PARTS]) {
  char *text;
  size_t size;
  memset(out, 0, RAPT__PARTS * sizeof *out);
  RAPT_TRY(rapt__packed_read(ctx, path, limit, &text, &size));
  rapt_status status = rapt__tatoeba_parse(ctx, path, text, size, source, target, out);
  rapt__free(ctx, text);
  return status;
}
