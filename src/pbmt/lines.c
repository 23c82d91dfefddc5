/* Reading tokenised text. */
#include "pbmt/lines.h"

#include "data/packed.h"

#include <string.h>

static const size_t limit = (size_t)1 << 31; /* bytes of a text */

rapt_status rapt__pbmt_lexicon_init(rapt__pbmt_lexicon *l, rapt_context *ctx) {
  *l = (rapt__pbmt_lexicon){.ctx = ctx};
  rapt__table_init(&l->ids, ctx);
  RAPT_TRY(rapt__reserve(ctx, (void **)&l->words, &l->room, 0, sizeof *l->words));
  l->words[l->count++] = (rapt__pbmt_word){"</s>", 4}; /* not in the table: a text may have such a word of its own */
  return RAPT_OK;
}

void rapt__pbmt_lexicon_free(rapt__pbmt_lexicon *l) {
  if (!l->ctx) return;
  rapt__table_free(&l->ids);
  rapt__free(l->ctx, l->words);
  *l = (rapt__pbmt_lexicon){0};
}

rapt_status rapt__pbmt_lexicon_id(rapt__pbmt_lexicon *l, const char *bytes, size_t size, int32_t *id) {
  rapt__slot *slot = rapt__table_get(&l->ids, bytes, size, 0, (int64_t)l->count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)l->count) {
    if (l->count >= INT32_MAX - 2) return rapt__fail(l->ctx, RAPT_EFORMAT, "more than 2^31 different words");
    RAPT_TRY(rapt__reserve(l->ctx, (void **)&l->words, &l->room, l->count, sizeof *l->words));
    l->words[l->count++] = (rapt__pbmt_word){bytes, size};
  }
  *id = (int32_t)slot->value;
  return RAPT_OK;
}

rapt_status rapt__pbmt_lexicon_copies(const rapt__pbmt_lexicon *source, rapt__pbmt_lexicon *target, int32_t **copy) {
  *copy = rapt__new(source->ctx, source->count, sizeof **copy);
  rapt_status status = *copy ? RAPT_OK : RAPT_ENOMEM;
  for (size_t k = 0; k < source->count && status == RAPT_OK; k++)
    status = rapt__pbmt_lexicon_id(target, source->words[k].bytes, source->words[k].size, *copy + k);
  if (status == RAPT_OK) return RAPT_OK;
  rapt__free(source->ctx, *copy);
  *copy = NULL;
  return status;
}

rapt_status rapt__pbmt_lexicon_print(const rapt__pbmt_lexicon *l, const int32_t *ids, size_t count, rapt__text *out) {
  for (size_t k = 0; k < count; k++) {
    if (k) RAPT_TRY(rapt__text_add(out, " ", 1));
    RAPT_TRY(rapt__text_add(out, l->words[ids[k]].bytes, l->words[ids[k]].size));
  }
  return RAPT_OK;
}

/* ---- Files ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

static rapt_status check_utf8(rapt_context *ctx, const char *path, size_t line, const char *text, size_t size) {
  uint32_t code;
  for (size_t at = 0, n; at < size; at += n) {
    if ((n = rapt__utf8(text + at, size - at, &code)) == 0)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s:%zu: byte %zu of the line (0x%02x) is not UTF-8; convert the file with iconv", path, line,
                        at + 1, (unsigned char)text[at]);
    if (code == 0)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s:%zu: byte %zu of the line is NUL; this is no text file, or it is damaged", path, line,
                        at + 1);
  }
  return RAPT_OK;
}

static rapt_status read_line(rapt__pbmt_lexicon *l, const char *path, rapt__pbmt_file *f, const char *text,
                             size_t size) {
  size_t line = f->count + 1, before = f->words, i = 0;
  RAPT_TRY(check_utf8(l->ctx, path, line, text, size));
  for (;;) {
    while (i < size && is_blank(text[i])) i++;
    if (i == size) break;
    size_t begin = i;
    while (i < size && !is_blank(text[i])) i++;
    if (f->words - before == RAPT__PBMT_LONGEST)
      return rapt__fail(l->ctx, RAPT_EFORMAT, "%s:%zu: the line has more than %d words; leave it out or divide it",
                        path, line, RAPT__PBMT_LONGEST);
    RAPT_TRY(rapt__reserve(l->ctx, (void **)&f->ids, &f->id_room, f->words, sizeof *f->ids));
    RAPT_TRY(rapt__pbmt_lexicon_id(l, text + begin, i - begin, &f->ids[f->words]));
    f->words++;
  }
  if (f->words == before)
    return rapt__fail(l->ctx, RAPT_EFORMAT, "%s:%zu: the line has no words; leave it out on both sides", path, line);
  RAPT_TRY(rapt__reserve(l->ctx, (void **)&f->begin, &f->begin_room, f->count + 1, sizeof *f->begin));
  f->begin[++f->count] = f->words;
  return RAPT_OK;
}

rapt_status rapt__pbmt_file_parse(rapt__pbmt_lexicon *l, const char *path, char *data, size_t size, size_t most,
                                  rapt__pbmt_file *f) {
  *f = (rapt__pbmt_file){.ctx = l->ctx, .data = data};
  RAPT_TRY(rapt__reserve(l->ctx, (void **)&f->begin, &f->begin_room, 0, sizeof *f->begin));
  f->begin[0] = 0;
  for (size_t at = 0; at < size;) {
    const char *end = memchr(f->data + at, '\n', size - at);
    size_t length = end ? (size_t)(end - f->data) - at : size - at;
    if (f->count == most)
      return rapt__fail(l->ctx, RAPT_EFORMAT, "%s:%zu: more than %zu lines", path, f->count + 1, most);
    RAPT_TRY(read_line(l, path, f, f->data + at, length));
    at += length + 1;
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_file_read(rapt__pbmt_lexicon *l, const char *path, size_t most, rapt__pbmt_file *f) {
  char *data;
  size_t size;
  *f = (rapt__pbmt_file){0};
  RAPT_TRY(rapt__packed_read(l->ctx, path, limit, &data, &size));
  return rapt__pbmt_file_parse(l, path, data, size, most, f);
}

void rapt__pbmt_file_free(rapt__pbmt_file *f) {
  if (!f->ctx) return;
  rapt__free(f->ctx, f->data);
  rapt__free(f->ctx, f->ids);
  rapt__free(f->ctx, f->begin);
  *f = (rapt__pbmt_file){0};
}

rapt__pbmt_text rapt__pbmt_file_text(const rapt__pbmt_file *f, const rapt__pbmt_lexicon *l) {
  return (rapt__pbmt_text){f->ids, f->begin, f->count, (int32_t)l->count};
}

rapt_status rapt__pbmt_file_match(const char *source, const rapt__pbmt_file *a, const char *target,
                                  const rapt__pbmt_file *b) {
  if (a->count == b->count) return RAPT_OK;
  return rapt__fail(a->ctx, RAPT_EFORMAT, "%s has %zu lines and %s has %zu; line %zu has no counterpart", source,
                    a->count, target, b->count, (a->count < b->count ? a->count : b->count) + 1);
}
