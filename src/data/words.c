/* Word-level text. */
#include "data/words.h"

#include "data/packed.h"

#include <stdlib.h>
#include <string.h>

static const size_t limit = (size_t)1 << 30; /* bytes of a text, and far below INT32_MAX words */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* The next word of text[*at..size), or size 0 at the end of a line; false at the end of the text. A last line without a
 * newline counts as well. */
static bool next_word(const char *text, size_t size, size_t *at, const char **word, size_t *word_size) {
  size_t i = *at;
  while (i < size && is_blank(text[i])) i++;
  *word = text + i;
  *word_size = 0;
  if (i == size) {
    bool open = *at > 0 && text[*at - 1] != '\n';
    *at = size + 1;
    return open;
  }
  if (text[i] == '\n') {
    *at = i + 1;
    return true;
  }
  size_t begin = i;
  while (i < size && text[i] != '\n' && !is_blank(text[i])) i++;
  *word_size = i - begin;
  *at = i;
  return true;
}

/* ---- Vocabulary ---- */

rapt_status rapt__words_count(rapt__words *w, const char *bytes, size_t size) {
  rapt__slot *slot = rapt__table_get(&w->ids, bytes, size, 0, (int64_t)w->count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)w->count) {
    RAPT_TRY(rapt__reserve(w->ctx, (void **)&w->words, &w->capacity, w->count, sizeof *w->words));
    w->words[w->count++] = (rapt__word){bytes, size, 0};
  }
  w->words[slot->value].count++;
  return RAPT_OK;
}

/* Ties in order of first appearance, which is the order of the addresses. */
static int by_count(const void *a, const void *b) {
  const rapt__word *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  return x->bytes < y->bytes ? -1 : x->bytes > y->bytes;
}

rapt_status rapt__words_rank(rapt__words *w, size_t first) {
  qsort(w->words + first, w->count - first, sizeof *w->words, by_count);
  for (size_t i = first; i < w->count; i++) {
    rapt__slot *slot = rapt__table_get(&w->ids, w->words[i].bytes, w->words[i].size, 0, (int64_t)i);
    if (!slot) return RAPT_ENOMEM;
    slot->value = (int64_t)i;
  }
  return RAPT_OK;
}

static rapt_status learn(rapt__words *w, size_t size) {
  RAPT_TRY(rapt__words_count(w, "</s>", 4));
  RAPT_TRY(rapt__words_count(w, "<unk>", 5));
  const char *bytes;
  for (size_t at = 0, n; at <= size && next_word(w->text, size, &at, &bytes, &n);)
    RAPT_TRY(n ? rapt__words_count(w, bytes, n) : rapt__words_count(w, "</s>", 4));
  return rapt__words_rank(w, 2);
}

void rapt__words_init(rapt__words *out, rapt_context *ctx) {
  *out = (rapt__words){.ctx = ctx};
  rapt__table_init(&out->ids, ctx);
}

rapt_status rapt__words_learn(rapt_context *ctx, const char *path, rapt__words *out) {
  rapt__words_init(out, ctx);
  size_t size;
  RAPT_TRY(rapt__packed_read(ctx, path, limit, &out->text, &size));
  return learn(out, size);
}

void rapt__words_free(rapt__words *words) {
  if (!words->ctx) return;
  rapt__free(words->ctx, words->text);
  rapt__free(words->ctx, words->words);
  rapt__table_free(&words->ids);
  *words = (rapt__words){0};
}

/* ---- Ids ---- */

rapt_status rapt__words_read(const rapt__words *words, const char *path, int32_t **ids, size_t *count) {
  char *text;
  const char *bytes;
  size_t size, n, total = 0;
  *ids = NULL;
  *count = 0;
  RAPT_TRY(rapt__packed_read(words->ctx, path, limit, &text, &size));
  for (size_t at = 0; at <= size && next_word(text, size, &at, &bytes, &n);) total++;
  rapt_status status = RAPT_OK;
  if (total == 0) status = rapt__fail(words->ctx, RAPT_EFORMAT, "%s: there is no line in it", path);
  if (status == RAPT_OK && !(*ids = rapt__new(words->ctx, total, sizeof **ids))) status = RAPT_ENOMEM;
  if (status == RAPT_OK) {
    for (size_t at = 0; at <= size && next_word(text, size, &at, &bytes, &n);) {
      const rapt__slot *slot = n ? rapt__table_find(&words->ids, bytes, n, 0) : NULL;
      (*ids)[(*count)++] = !n ? RAPT__WORDS_END : slot ? (int32_t)slot->value : RAPT__WORDS_UNKNOWN;
    }
  }
  rapt__free(words->ctx, text);
  return status;
}
