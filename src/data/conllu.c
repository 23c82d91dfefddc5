/* Reading CoNLL-U: ten columns between tabs, # before comments, an empty line after every sentence. */
#include "data/conllu.h"

#include "data/packed.h"

#include <string.h>

enum { COLUMNS = 10 };

/* Cuts a line into its columns, in place; false where it has not ten that are filled. */
static bool split(char *line, char *columns[COLUMNS]) {
  int count = 0;
  for (char *at = line; at; count++) {
    char *end = strchr(at, '\t');
    if (count == COLUMNS || (end ? end == at : !*at)) return false;
    columns[count] = at;
    if (end) *end++ = 0;
    at = end;
  }
  return count == COLUMNS;
}

static rapt_status end_sentence(rapt__conllu *c, size_t words) {
  if (words == c->at[c->sentences]) return RAPT_OK;
  RAPT_TRY(rapt__reserve(c->ctx, (void **)&c->at, &c->at_capacity, c->sentences + 1, sizeof *c->at));
  c->at[++c->sentences] = words;
  return RAPT_OK;
}

static rapt_status read_lines(rapt__conllu *c, const char *path, size_t size) {
  size_t words = 0, number = 0;
  RAPT_TRY(rapt__reserve(c->ctx, (void **)&c->at, &c->at_capacity, 0, sizeof *c->at));
  c->at[0] = 0;
  for (char *line = c->text, *end = c->text + size, *next; line < end; line = next) {
    char *stop = memchr(line, '\n', (size_t)(end - line)), *columns[COLUMNS];
    next = stop ? stop + 1 : end;
    stop = stop ? stop : end;
    number++;
    if (stop > line && stop[-1] == '\r') stop--;
    if (memchr(line, 0, (size_t)(stop - line)))
      return rapt__fail(c->ctx, RAPT_EFORMAT, "%s: line %zu has a zero byte", path, number);
    *stop = 0;
    if (line == stop) RAPT_TRY(end_sentence(c, words));
    if (line == stop || *line == '#') continue;
    if (!split(line, columns))
      return rapt__fail(c->ctx, RAPT_EFORMAT, "%s: line %zu has not the ten columns of CoNLL-U", path, number);
    if (columns[0][strspn(columns[0], "0123456789")]) continue;
    RAPT_TRY(rapt__reserve(c->ctx, (void **)&c->words, &c->word_capacity, words, sizeof *c->words));
    c->words[words++] = (rapt__conllu_word){columns[1], columns[3]};
  }
  RAPT_TRY(end_sentence(c, words));
  return c->sentences ? RAPT_OK : rapt__fail(c->ctx, RAPT_EFORMAT, "%s: there is no word in it", path);
}

rapt_status rapt__conllu_parse(rapt_context *ctx, const char *path, char *text, size_t size, rapt__conllu *out) {
  *out = (rapt__conllu){.ctx = ctx, .text = text};
  return read_lines(out, path, size);
}

rapt_status rapt__conllu_read(rapt_context *ctx, const char *path, rapt__conllu *out) {
  *out = (rapt__conllu){.ctx = ctx};
  char *text;
  size_t size;
  RAPT_TRY(rapt__packed_read(ctx, path, (size_t)1 << 30, &text, &size));
  out->text = text;
  char *room = rapt__grow(ctx, text, size + 1, 1);
  return room ? rapt__conllu_parse(ctx, path, room, size, out) : RAPT_ENOMEM;
}

void rapt__conllu_free(rapt__conllu *c) {
  rapt__free(c->ctx, c->text);
  rapt__free(c->ctx, c->words);
  rapt__free(c->ctx, c->at);
  *c = (rapt__conllu){0};
}
