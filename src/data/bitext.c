/* Reading parallel text. */
#include "data/bitext.h"

#include "data/packed.h"
#include "text/tokenizer.h"

#include <string.h>

static const size_t limit = (size_t)1 << 30; /* bytes of a file, unpacked */

/* One file while it is read. */
typedef struct side {
  const char *path, *text;
  size_t size, at, lines; /* at: where the next line begins */
} side;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\v' || c == '\f'; }

/* Bytes that make a line unfit for training are better found here, with their line, than in a vocabulary. */
static rapt_status check_line(rapt_context *ctx, const side *s, const rapt__line *line) {
  for (size_t i = 0; i < line->size;) {
    uint32_t code;
    size_t n = rapt__utf8(line->bytes + i, line->size - i, &code);
    if (n == 0)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s:%zu: byte %zu of the line is not UTF-8; convert the file with iconv",
                        s->path, s->lines, i + 1);
    if (code == 0)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s:%zu: byte %zu of the line is NUL; this is no text file, or it is damaged", s->path,
                        s->lines, i + 1);
    i += n;
  }
  return RAPT_OK;
}

/* The next line without its end; false at the end of the text. */
static bool next_line(side *s, rapt__line *line) {
  if (s->at >= s->size) return false;
  const char *begin = s->text + s->at, *end = memchr(begin, '\n', s->size - s->at);
  size_t n = end ? (size_t)(end - begin) : s->size - s->at;
  s->at += n + 1;
  s->lines++;
  while (n > 0 && is_blank(begin[n - 1])) n--;
  *line = (rapt__line){begin, n};
  return true;
}

static size_t words_of(const rapt__line *line) {
  size_t words = 0;
  for (size_t i = 0; i < line->size; i++)
    words += !is_blank(line->bytes[i]) && (i == 0 || is_blank(line->bytes[i - 1]));
  return words;
}

static bool is_lengthy(const rapt__line pair[2], size_t most) {
  return most > 0 && (words_of(&pair[0]) > most || words_of(&pair[1]) > most);
}

static rapt_status add_pair(rapt__bitext *b, const rapt__line pair[2], size_t most) {
  if (words_of(&pair[0]) == 0 || words_of(&pair[1]) == 0) {
    b->empty++;
    return RAPT_OK;
  }
  if (is_lengthy(pair, most)) {
    b->lengthy++;
    return RAPT_OK;
  }
  RAPT_TRY(rapt__reserve(b->ctx, (void **)&b->pairs, &b->capacity, b->count, sizeof *b->pairs));
  memcpy(b->pairs[b->count++], pair, sizeof *b->pairs);
  return RAPT_OK;
}

static rapt_status read_pairs(rapt__bitext *b, side sides[2], size_t most) {
  rapt_context *ctx = b->ctx;
  rapt__line pair[2];
  for (;;) {
    bool more[2] = {next_line(&sides[0], &pair[0]), next_line(&sides[1], &pair[1])};
    if (!more[0] && !more[1]) break;
    if (more[0] != more[1]) {
      for (int i = 0; i < 2; i++)
        while (next_line(&sides[i], &pair[i])) continue;
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s has %zu lines and %s %zu: line n of one must be the translation of line n of the other",
                        sides[0].path, sides[0].lines, sides[1].path, sides[1].lines);
    }
    for (int i = 0; i < 2; i++) RAPT_TRY(check_line(ctx, &sides[i], &pair[i]));
    RAPT_TRY(add_pair(b, (const rapt__line *)pair, most));
  }
  if (b->count == 0)
    return rapt__fail(ctx, RAPT_EFORMAT,
                      "%s and %s: no pair of sentences is left (%zu with a blank line, %zu too long)", sides[0].path,
                      sides[1].path, b->empty, b->lengthy);
  return RAPT_OK;
}

rapt_status rapt__bitext_parse(rapt_context *ctx, const char *const names[2], char *const texts[2],
                               const size_t sizes[2], size_t most, rapt__bitext *out) {
  *out = (rapt__bitext){.ctx = ctx, .text = {texts[0], texts[1]}};
  side sides[2];
  for (int i = 0; i < 2; i++) sides[i] = (side){.path = names[i], .text = texts[i], .size = sizes[i]};
  return read_pairs(out, sides, most);
}

rapt_status rapt__bitext_read(rapt_context *ctx, const char *source, const char *target, size_t most,
                              rapt__bitext *out) {
  const char *paths[2] = {source, target};
  char *texts[2] = {NULL, NULL};
  size_t sizes[2];
  *out = (rapt__bitext){0};
  for (int i = 0; i < 2; i++) {
    rapt_status status = rapt__packed_read(ctx, paths[i], limit, &texts[i], &sizes[i]);
    if (status == RAPT_OK) continue;
    rapt__free(ctx, texts[0]);
    return status;
  }
  return rapt__bitext_parse(ctx, paths, texts, sizes, most, out);
}

rapt_status rapt__bitext_limit(rapt__bitext *b, size_t most) {
  size_t kept = 0, all = b->count;
  for (size_t i = 0; i < all; i++)
    if (!is_lengthy((const rapt__line *)b->pairs[i], most)) memmove(b->pairs[kept++], b->pairs[i], sizeof *b->pairs);
  b->lengthy += all - kept;
  b->count = kept;
  if (kept > 0) return RAPT_OK;
  return rapt__fail(b->ctx, RAPT_EFORMAT, "no pair of sentences is left: all %zu have more than %zu words on a side",
                    all, most);
}

void rapt__bitext_free(rapt__bitext *bitext) {
  if (!bitext->ctx) return;
  rapt__free(bitext->ctx, bitext->text[0]);
  rapt__free(bitext->ctx, bitext->text[1]);
  rapt__free(bitext->ctx, bitext->pairs);
  *bitext = (rapt__bitext){0};
}
