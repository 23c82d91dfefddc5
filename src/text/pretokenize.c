/* Pre-tokenizers: one step over the pieces of a text. */
#include "text/step.h"

#include <string.h>

/* White space is Unicode's property, spelled out; \w is Hugging Face's: letters, marks, decimal digits, connectors. */
#define SPACES "\\t-\\r\\x{85}\\p{Z}"
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"
const char rapt__gpt2_pattern[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^" SPACES "\\p{L}\\p{N}]+"
                                  "|[" SPACES "]+(?![^" SPACES "])|[" SPACES "]+";
const char rapt__words_pattern[] = "[" WORD "]+|[^" WORD SPACES "]+";

/* A byte that is not UTF-8 is a piece of its own, which patterns must not see. */
static bool is_stray(const rapt__view *v, rapt__piece p) {
  return p.end - p.start == 1 && (unsigned char)v->text[p.start] >= 0x80;
}

static rapt_status cut_by_pattern(const rapt__text_step *s, bool invert, const rapt__view *v, rapt__piece p,
                                  rapt__matcher *m, rapt__cutter *c) {
  size_t last = p.start, start, end;
  bool found;
  RAPT_TRY(rapt__matcher_start(m, s->regex, v->text + p.start, p.end - p.start));
  for (;;) {
    RAPT_TRY(rapt__matcher_next(m, &found, &start, &end));
    if (!found) break;
    start += p.start;
    end += p.start;
    if (last < start) RAPT_TRY(rapt__cutter_add(c, last, start, invert));
    RAPT_TRY(rapt__cutter_add(c, start, end, !invert));
    last = end;
  }
  if (last < p.end) RAPT_TRY(rapt__cutter_add(c, last, p.end, invert));
  return rapt__cutter_end(c);
}

static bool is_delimiter(const rapt__text_step *s, uint32_t code) {
  switch (s->type) {
  case RAPT__WHITESPACE_SPLIT: return rapt__char_is_white(code);
  case RAPT__PUNCTUATION: return rapt__char_is_punctuation(code);
  case RAPT__DIGITS: return rapt__char_is_number(code);
  default: return code == s->code;
  }
}

static rapt_status cut_by_class(const rapt__text_step *s, const rapt__view *v, rapt__piece p, rapt__cutter *c) {
  uint32_t code;
  size_t last = p.start;
  for (size_t at = p.start, n; at < p.end; at += n) {
    n = rapt__view_char(v, at, &code);
    if (!is_delimiter(s, code)) continue;
    if (last < at) RAPT_TRY(rapt__cutter_add(c, last, at, false));
    RAPT_TRY(rapt__cutter_add(c, at, at + n, true));
    last = at + n;
  }
  if (last < p.end) RAPT_TRY(rapt__cutter_add(c, last, p.end, false));
  return rapt__cutter_end(c);
}

/* White space goes, punctuation stands alone. */
static rapt_status cut_bert(const rapt__view *v, rapt__piece p, rapt__pieces *out) {
  uint32_t code;
  size_t word = p.start;
  for (size_t at = p.start, n; at < p.end; at += n) {
    n = rapt__view_char(v, at, &code);
    bool white = rapt__char_is_white(code);
    if (!white && !rapt__char_is_punctuation(code)) continue;
    RAPT_TRY(rapt__pieces_add(out, word, at));
    if (!white) RAPT_TRY(rapt__pieces_add(out, at, at + n));
    word = at + n;
  }
  return rapt__pieces_add(out, word, p.end);
}

static rapt_status cut_length(const rapt__text_step *s, const rapt__view *v, rapt__piece p, rapt__pieces *out) {
  uint32_t code;
  size_t start = p.start;
  int64_t held = 0;
  for (size_t at = p.start; at < p.end;) {
    at += rapt__view_char(v, at, &code);
    if (++held < s->numbers[0]) continue;
    RAPT_TRY(rapt__pieces_add(out, start, at));
    start = at;
    held = 0;
  }
  return rapt__pieces_add(out, start, p.end);
}

/* ---- Steps that write another text ---- */

static rapt_status put_space(const rapt__view *v, rapt__piece p, const char *space, size_t size, rapt__traced *out) {
  uint32_t code;
  size_t n = rapt__view_char(v, p.start, &code);
  return rapt__traced_add(out, space, size, rapt__view_origin(v, p.start, n));
}

static bool begins_with(const rapt__view *v, rapt__piece p, const char *text, size_t size) {
  return p.end - p.start >= size && memcmp(v->text + p.start, text, size) == 0;
}

static rapt_status metaspace(const rapt__text_step *s, const rapt__view *v, rapt__piece p, rapt__traced *text,
                             rapt__pieces *out) {
  size_t start = text->size;
  const char *mark = s->text.bytes;
  size_t size = s->text.size;
  bool has = begins_with(v, p, " ", 1) || begins_with(v, p, mark, size);
  bool first = (v->from ? v->from[p.start].start : v->base + p.start) == 0;
  if (!has && (s->scheme == RAPT__ALWAYS || (s->scheme == RAPT__FIRST && first)))
    RAPT_TRY(put_space(v, p, mark, size, text));
  for (size_t at = p.start; at < p.end;) {
    const char *space = memchr(v->text + at, ' ', p.end - at);
    size_t end = space ? (size_t)(space - v->text) : p.end;
    RAPT_TRY(rapt__traced_copy(text, v, at, end));
    if (space) RAPT_TRY(rapt__traced_add(text, mark, size, rapt__view_origin(v, end, 1)));
    at = end + (space != NULL);
  }
  if (!s->on[0]) return rapt__pieces_add(out, start, text->size);
  const char *at = text->text + start, *end = text->text + text->size;
  for (const char *next; at < end; at = next) {
    next = (size_t)(end - at) > size ? memmem(at + size, (size_t)(end - at) - size, mark, size) : NULL;
    /* What stands before the first mark is a piece too. */
    if (memcmp(at, mark, (size_t)(end - at) < size ? (size_t)(end - at) : size) != 0)
      next = memmem(at, (size_t)(end - at), mark, size);
    if (!next) next = end;
    RAPT_TRY(rapt__pieces_add(out, (size_t)(at - text->text), (size_t)(next - text->text)));
  }
  return RAPT_OK;
}

static rapt_status to_letters(const rapt__view *v, rapt__piece p, rapt__traced *text, rapt__pieces *out) {
  uint32_t code;
  size_t start = text->size;
  for (size_t at = p.start, n; at < p.end; at += n) {
    n = rapt__view_char(v, at, &code);
    for (size_t i = 0; i < n; i++)
      RAPT_TRY(rapt__traced_char(text, rapt__letter((unsigned char)v->text[at + i]), rapt__view_origin(v, at, n)));
  }
  return rapt__pieces_add(out, start, text->size);
}

/* A space before each piece, then GPT-2's pattern, then letters; what is not asked for does not happen. */
static rapt_status byte_level(const rapt__text_step *s, bool bytes, const rapt__view *v, const rapt__pieces *in,
                              rapt__matcher *m, rapt__traced *text, rapt__pieces *out, bool *rewritten) {
  rapt__traced spaced;
  rapt__traced_init(&spaced, text->ctx, text->tracked);
  rapt__pieces before = {.ctx = out->ctx}, cut = {.ctx = out->ctx};
  rapt__view view = *v;
  const rapt__pieces *pieces = in;
  rapt_status status = RAPT_OK;
  if (s->on[0]) {
    for (size_t i = 0; i < in->count && status == RAPT_OK; i++) {
      rapt__piece p = in->items[i];
      size_t start = spaced.size;
      if (!begins_with(v, p, " ", 1) && !is_stray(v, p)) status = put_space(v, p, " ", 1, &spaced);
      if (status == RAPT_OK) status = rapt__traced_copy(&spaced, v, p.start, p.end);
      if (status == RAPT_OK) status = rapt__pieces_add(&before, start, spaced.size);
    }
    view = rapt__traced_view(&spaced);
    pieces = &before;
  }
  rapt__pieces *target = bytes ? out : &cut;
  for (size_t i = 0; i < pieces->count && status == RAPT_OK; i++) {
    rapt__piece p = pieces->items[i];
    rapt__cutter c = {.behavior = RAPT__ISOLATED, .out = target};
    if (!s->on[1] || is_stray(&view, p))
      status = rapt__pieces_add(target, p.start, p.end);
    else
      status = cut_by_pattern(s, false, &view, p, m, &c);
  }
  for (size_t i = 0; !bytes && i < cut.count && status == RAPT_OK; i++)
    status = to_letters(&view, cut.items[i], text, out);
  *rewritten = !bytes || s->on[0];
  if (bytes && s->on[0]) { /* the text is as `spaced` has it */
    rapt__traced old = *text;
    *text = spaced;
    spaced = old;
  }
  rapt__traced_free(&spaced);
  rapt__free(out->ctx, before.items);
  rapt__free(out->ctx, cut.items);
  return status;
}

rapt_status rapt__pretokenize_step(const rapt__text_step *s, bool bytes, const rapt__view *v, const rapt__pieces *in,
                                   rapt__matcher *m, rapt__traced *text, rapt__pieces *out, bool *rewritten) {
  *rewritten = s->type == RAPT__METASPACE;
  if (s->type == RAPT__BYTE_LEVEL) return byte_level(s, bytes, v, in, m, text, out, rewritten);
  for (size_t i = 0; i < in->count; i++) {
    rapt__piece p = in->items[i];
    rapt__cutter c = {.behavior = s->behavior, .out = out};
    if (is_stray(v, p)) {
      if (s->type == RAPT__METASPACE) {
        size_t start = text->size;
        RAPT_TRY(rapt__traced_copy(text, v, p.start, p.end));
        p = (rapt__piece){start, text->size};
      }
      RAPT_TRY(rapt__pieces_add(out, p.start, p.end));
      continue;
    }
    switch (s->type) {
    case RAPT__BERT_WORDS: RAPT_TRY(cut_bert(v, p, out)); break;
    case RAPT__WHITESPACE: RAPT_TRY(cut_by_pattern(s, true, v, p, m, &c)); break;
    case RAPT__SPLIT: RAPT_TRY(cut_by_pattern(s, s->on[0], v, p, m, &c)); break;
    case RAPT__METASPACE: RAPT_TRY(metaspace(s, v, p, text, out)); break;
    case RAPT__SCRIPTS: RAPT_TRY(rapt__scripts_cut(s, v, p, m, out)); break;
    case RAPT__FIXED_LENGTH: RAPT_TRY(cut_length(s, v, p, out)); break;
    default: RAPT_TRY(cut_by_class(s, v, p, &c));
    }
  }
  return RAPT_OK;
}
