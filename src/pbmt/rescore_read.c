/* Reading n-best lists in the format of Moses and its relatives. */
#include "pbmt/rescore.h"

#include "data/packed.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t limit = (size_t)1 << 32; /* bytes of a file */

enum { FIELDS = 4, OTHERS = RAPT__PBMT_MOST_COLUMNS - 2 }; /* a column stays for the score and one for a model */
enum { NUMBER, TEXT, FEATURES, SCORE };

typedef struct reading {
  rapt_nbest *n;
  const char *name;
  size_t line;
  rapt_segment field[FIELDS];
  int fields;
  double features[RAPT__PBMT_MOST_COLUMNS];
  rapt__pbmt_columns columns; /* of the line at hand */
} reading;

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

static rapt_segment trim(const char *from, const char *to) {
  while (from < to && is_blank(*from)) from++;
  while (to > from && is_blank(to[-1])) to--;
  return (rapt_segment){from, (size_t)(to - from)};
}

/* Fields between "|||"; those behind the fourth are left out. */
static void split(reading *r, const char *line, const char *end) {
  r->fields = 0;
  for (const char *from = line;;) {
    const char *bar = memmem(from, (size_t)(end - from), "|||", 3);
    if (r->fields < FIELDS) r->field[r->fields++] = trim(from, bar ? bar : end);
    if (!bar || r->fields == FIELDS) return;
    from = bar + 3;
  }
}

/* A number that fills the whole piece; numbers of languages with a comma are not read. */
static bool read_number(rapt_segment s, double *out) {
  char text[64], *end;
  if (s.size == 0 || s.size >= sizeof text) return false;
  memcpy(text, s.data, s.size);
  text[s.size] = 0;
  *out = strtod(text, &end);
  return *end == 0 && isfinite(*out);
}

static rapt_segment next_piece(rapt_segment *rest) {
  const char *from = rest->data, *end = rest->data + rest->size;
  while (from < end && is_blank(*from)) from++;
  const char *to = from;
  while (to < end && !is_blank(*to)) to++;
  *rest = (rapt_segment){to, (size_t)(end - to)};
  return (rapt_segment){from, (size_t)(to - from)};
}

static rapt_status fault(const reading *r, const char *what) {
  return rapt__fail(r->n->ctx, RAPT_EFORMAT, "%s:%zu: %s", r->name, r->line, what);
}

/* "LM0= -3.2 TM0= -1 -2": LM0, TM0, TM0.2; numbers before any label are f1, f2, … */
static rapt_status read_features(reading *r) {
  rapt_segment rest = r->field[FEATURES], label = {"", 0};
  int of_label = 0, free = 0, count = 0;
  for (rapt_segment piece; (piece = next_piece(&rest)).size > 0;) {
    if (piece.data[piece.size - 1] == '=') {
      label = (rapt_segment){piece.data, piece.size - 1};
      of_label = 0;
      continue;
    }
    char name[RAPT__PBMT_COLUMN_NAME + 16];
    if (count == OTHERS) return fault(r, "more than 30 features");
    if (!read_number(piece, &r->features[1 + count]))
      return rapt__fail(r->n->ctx, RAPT_EFORMAT, "%s:%zu: \"%.*s\" is no number", r->name, r->line,
                        piece.size < 40 ? (int)piece.size : 40, piece.data);
    int width = label.size < RAPT__PBMT_COLUMN_NAME ? (int)label.size : RAPT__PBMT_COLUMN_NAME;
    if (!label.size)
      snprintf(name, sizeof name, "f%d", ++free);
    else if (++of_label == 1)
      snprintf(name, sizeof name, "%.*s", width, label.data);
    else
      snprintf(name, sizeof name, "%.*s.%d", width, label.data, of_label);
    count++;
    RAPT_TRY(rapt__pbmt_columns_add(r->n->ctx, &r->columns, name));
  }
  return RAPT_OK;
}

/* With a number in the fourth field the third has features, else the third is the score. */
static rapt_status read_columns(reading *r) {
  r->columns = (rapt__pbmt_columns){0};
  RAPT_TRY(rapt__pbmt_columns_add(r->n->ctx, &r->columns, "score"));
  if (r->fields == FIELDS && read_number(r->field[SCORE], &r->features[0])) return read_features(r);
  if (r->fields < SCORE) return fault(r, "\"number ||| text ||| features ||| score\" is expected");
  if (!read_number(r->field[FEATURES], &r->features[0]))
    return fault(r, "neither the third nor the fourth field is a score");
  return RAPT_OK;
}

static rapt_status read_line(reading *r, const char *line, const char *end) {
  double number;
  rapt_nbest *n = r->n;
  split(r, line, end);
  if (!read_number(r->field[NUMBER], &number) || number < 0 || number > 1e9 || number != floor(number))
    return fault(r, "the line does not begin with the number of a list");
  for (const char *c = r->field[TEXT].data; r->fields > TEXT && c < r->field[TEXT].data + r->field[TEXT].size;) {
    uint32_t code;
    size_t bytes = rapt__utf8(c, (size_t)(r->field[TEXT].data + r->field[TEXT].size - c), &code);
    if (bytes == 0) return fault(r, "the text is not UTF-8");
    c += bytes;
  }
  RAPT_TRY(read_columns(r));
  size_t open = n->lists.sentences; /* the list at hand, which has entries if lists.first does not reach the last */
  bool begun = n->lists.entries > n->lists.first[open];
  if (r->line == 1 || !n->lists.columns.count) {
    n->lists.columns = r->columns;
  } else if (!rapt__pbmt_columns_equal(&n->lists.columns, &r->columns)) {
    return fault(r, "the features are other ones than those of the lines before");
  }
  if ((size_t)number < open) return fault(r, "the numbers of lists fall");
  if ((size_t)number > open) {
    if (begun) RAPT_TRY(rapt__pbmt_nbest_end(&n->lists));
    RAPT_TRY(rapt_nbest_pad(n, (int64_t)number));
  }
  return rapt__nbest_add(n, r->field[TEXT], r->features);
}

static rapt_status read_lines(reading *r, const char *text, size_t size) {
  for (size_t at = 0; at < size;) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t length = end ? (size_t)(end - text) - at : size - at;
    r->line++;
    RAPT_TRY(read_line(r, text + at, text + at + length));
    at += length + 1;
  }
  if (r->n->lists.entries == 0) return rapt__fail(r->n->ctx, RAPT_EFORMAT, "%s: the file is empty", r->name);
  return rapt__pbmt_nbest_end(&r->n->lists);
}

rapt_status rapt_nbest_parse(rapt_context *ctx, const char *name, const char *text, size_t size, rapt_nbest **out) {
  *out = NULL;
  rapt_nbest *n = rapt__new(ctx, 1, sizeof *n);
  if (!n) return RAPT_ENOMEM;
  n->ctx = ctx;
  rapt__arena_init(&n->arena, ctx);
  reading r = {.n = n, .name = name};
  char *copy = rapt__arena_new(&n->arena, size + 1, 1);
  rapt_status status = copy ? rapt__pbmt_lexicon_init(&n->words, ctx) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__pbmt_nbest_init(&n->lists, ctx, &r.columns);
  if (status == RAPT_OK) {
    if (size) memcpy(copy, text, size);
    status = read_lines(&r, copy, size);
  }
  if (status == RAPT_OK)
    *out = n;
  else
    rapt_nbest_free(n);
  return status;
}

rapt_status rapt_nbest_read(rapt_context *ctx, const char *path, rapt_nbest **out) {
  char *text;
  size_t size;
  *out = NULL;
  RAPT_TRY(rapt__packed_read(ctx, path, limit, &text, &size));
  rapt_status status = rapt_nbest_parse(ctx, path, text, size, out);
  rapt__free(ctx, text);
  return status;
}
