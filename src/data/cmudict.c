/* Reading Festival's lexicon: lines ("word" part-of-speech (((p p) stress) ((p) stress) …)), and a first line of another kind. */
#include "data/cmudict.h"

#include "data/packed.h"
#include "text/tokenizer.h"

#include <string.h>

static const size_t limit = (size_t)1 << 28; /* bytes of the file */

typedef struct reading {
  rapt_context *ctx;
  const char *path;
  size_t line;
  rapt__table seen; /* words; their bytes are the file's */
  rapt__parts parts;
} reading;

static int part_of(const char *word, size_t size) {
  uint64_t hash = rapt__hash_begin;
  for (size_t i = 0; i < size; i++) hash = rapt__hash(hash, word[i]);
  return hash % 20 == 0 ? RAPT__TEST : hash % 20 == 1 ? RAPT__VALID : RAPT__TRAIN;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || c == '\''; }

/* Everything between brackets that is no number is a phoneme. */
static rapt_status add_phonemes(reading *r, const char *p, const char *end, rapt__text *out) {
  size_t count = 0;
  while (p < end) {
    size_t n = 0;
    while (p + n < end && p[n] >= 'a' && p[n] <= 'z') n++;
    if (n == 0) {
      if (!strchr("() 012", *p))
        return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: '%c' is in no phoneme and no stress", r->path, r->line, *p);
      p++;
      continue;
    }
    if (count++) RAPT_TRY(rapt__text_add(out, " ", 1));
    RAPT_TRY(rapt__text_add(out, p, n));
    p += n;
  }
  if (count == 0) return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: the word has no phonemes", r->path, r->line);
  return rapt__text_add(out, "\n", 1);
}

static rapt_status read_line(reading *r, const char *line, const char *end) {
  const char *word = line + 2, *quote = end - line > 2 ? memchr(word, '"', (size_t)(end - word)) : NULL;
  const char *phonemes = quote && end - quote > 2 ? memchr(quote, '(', (size_t)(end - quote)) : NULL;
  if (end - line < 3 || line[0] != '(' || line[1] != '"' || !phonemes)
    return rapt__fail(r->ctx, RAPT_EFORMAT, "%s:%zu: no entry of the form (\"word\" nil (((p h) 1)))", r->path,
                      r->line);
  size_t size = (size_t)(quote - word);
  for (size_t i = 0; i < size; i++)
    if (!is_letter(word[i])) return RAPT_OK;
  if (size == 0) return RAPT_OK;
  rapt__slot *slot = rapt__table_get(&r->seen, word, size, 0, 0);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value++ > 0) return RAPT_OK;
  rapt__text *texts = r->parts.texts[part_of(word, size)];
  for (size_t i = 0; i < size; i++) {
    if (i > 0) RAPT_TRY(rapt__text_add(&texts[RAPT__SOURCE], " ", 1));
    RAPT_TRY(rapt__text_add(&texts[RAPT__SOURCE], word + i, 1));
  }
  RAPT_TRY(rapt__text_add(&texts[RAPT__SOURCE], "\n", 1));
  return add_phonemes(r, phonemes, end, &texts[RAPT__TARGET]);
}

static rapt_status read_all(reading *r, const char *text, size_t size) {
  for (size_t at = 0; at < size;) {
    const char *line = text + at, *end = memchr(line, '\n', size - at);
    if (!end) end = text + size;
    r->line++;
    at = (size_t)(end - text) + 1;
    if (r->line == 1 && end - line == 4 && memcmp(line, "MNCL", 4) == 0) continue;
    if (end > line) RAPT_TRY(read_line(r, line, end));
  }
  return RAPT_OK;
}

rapt_status rapt__cmudict_read(rapt_context *ctx, const char *path, rapt__bitext out[RAPT__PARTS]) {
  reading r = {.ctx = ctx, .path = path};
  char *text;
  size_t size;
  memset(out, 0, RAPT__PARTS * sizeof *out);
  RAPT_TRY(rapt__packed_read(ctx, path, limit, &text, &size));
  rapt__table_init(&r.seen, ctx);
  rapt__parts_init(&r.parts, ctx);
  rapt_status status = read_all(&r, text, size);
  if (status == RAPT_OK) status = rapt__parts_finish(&r.parts, (const char *const[2]){path, path}, out);
  rapt__parts_free(&r.parts);
  rapt__table_free(&r.seen);
  rapt__free(ctx, text);
  return status;
}
