/* Normalizers: one step over a text, with the origin of every byte. */
#include "text/step.h"

#include <string.h>

static bool is_nmt_removed(uint32_t c) {
  return (c >= 1 && c <= 8) || c == 0xB || (c >= 0xE && c <= 0x1F) || c == 0x7F || c == 0x8F || c == 0x9F;
}
static bool is_nmt_space(uint32_t c) {
  return c == 9 || c == 0xA || c == 0xC || c == 0xD || c == 0x1680 || (c >= 0x200B && c <= 0x200F) || c == 0x2028 ||
         c == 0x2029 || c == 0x2581 || c == 0xFEFF || c == 0xFFFD;
}

/* One character for one, or none: nmt, accents, lower case. */
static rapt_status each_char(const rapt__text_step *s, const rapt__view *in, rapt__traced *out) {
  uint32_t code, two[2];
  for (size_t at = 0, n; at < in->size; at += n) {
    n = rapt__view_char(in, at, &code);
    rapt__origin from = rapt__view_origin(in, at, n);
    if (s->type == RAPT__LOWERCASE) {
      size_t count = rapt__lower(code, two);
      for (size_t i = 0; i < count; i++) RAPT_TRY(rapt__traced_char(out, two[i], from));
    } else if (s->type == RAPT__NMT) {
      if (is_nmt_removed(code)) continue;
      RAPT_TRY(rapt__traced_char(out, is_nmt_space(code) ? ' ' : code, from));
    } else if (!rapt__char_is_mark(code)) {
      RAPT_TRY(rapt__traced_char(out, code, from));
    }
  }
  return RAPT_OK;
}

static rapt_status strip(const rapt__text_step *s, const rapt__view *in, rapt__traced *out, bool *changed) {
  size_t start = 0, end = in->size, n;
  uint32_t code;
  while (s->on[0] && start < end && (n = rapt__view_char(in, start, &code)) > 0 && rapt__char_is_white(code))
    start += n;
  while (s->on[1] && end > start && (n = rapt__utf8_last(in->text + start, end - start, &code)) > 0 &&
         rapt__char_is_white(code))
    end -= n;
  *changed = start > 0 || end < in->size;
  return *changed ? rapt__traced_copy(out, in, start, end) : RAPT_OK;
}

/* What is put in has the origin of the byte before it: the last one of what it replaces. */
static rapt_status replace(const rapt__text_step *s, const rapt__view *in, rapt__traced *out, bool *changed) {
  rapt__matcher m = {0};
  bool found = true;
  size_t last = 0, start = 0, end = 0;
  *changed = false;
  rapt_status status = rapt__matcher_start(&m, s->regex, in->text, in->size);
  while (status == RAPT_OK && (status = rapt__matcher_next(&m, &found, &start, &end)) == RAPT_OK && found) {
    *changed = true;
    rapt__origin from = {0, 0};
    uint32_t code;
    if (end > 0) {
      size_t n = in->from ? 1 : rapt__utf8_last(in->text, end, &code);
      from = rapt__view_origin(in, end - n, n);
    }
    status = rapt__traced_copy(out, in, last, start);
    if (status == RAPT_OK) status = rapt__traced_add(out, s->text.bytes, s->text.size, from);
    last = end;
  }
  if (status == RAPT_OK && *changed) status = rapt__traced_copy(out, in, last, in->size);
  rapt__matcher_free(&m);
  return status;
}

static rapt_status prepend(const rapt__text_step *s, const rapt__view *in, rapt__traced *out) {
  uint32_t code;
  if (in->size == 0) return RAPT_OK;
  rapt__origin first = rapt__view_origin(in, 0, rapt__view_char(in, 0, &code));
  RAPT_TRY(rapt__traced_add(out, s->text.bytes, s->text.size, first));
  return rapt__traced_copy(out, in, 0, in->size);
}

static rapt_status letters(const rapt__view *in, rapt__traced *out) {
  uint32_t code;
  for (size_t at = 0, n; at < in->size; at += n) {
    n = rapt__view_char(in, at, &code);
    for (size_t i = 0; i < n; i++)
      RAPT_TRY(rapt__traced_char(out, rapt__letter((unsigned char)in->text[at + i]), rapt__view_origin(in, at, n)));
  }
  return RAPT_OK;
}

rapt_status rapt__normalize_step(const rapt__text_step *s, const rapt__view *in, rapt__traced *out, bool *changed) {
  *changed = true;
  switch (s->type) {
  case RAPT__BERT: return rapt__bert_normalize(s, in, out);
  case RAPT__NFC:
  case RAPT__NFD:
  case RAPT__NFKC:
  case RAPT__NFKD: return rapt__normal_form(s->type, in, out, changed);
  case RAPT__LOWERCASE:
  case RAPT__NMT:
  case RAPT__STRIP_ACCENTS: return each_char(s, in, out);
  case RAPT__STRIP: return strip(s, in, out, changed);
  case RAPT__REPLACE: return replace(s, in, out, changed);
  case RAPT__PREPEND: return prepend(s, in, out);
  case RAPT__PRECOMPILED: return rapt__charsmap_normalize(s, in, out);
  case RAPT__SENTENCEPIECE: return rapt__sentencepiece_normalize(s, in, out);
  case RAPT__BYTE_LEVEL: return letters(in, out);
  default: *changed = false; return RAPT_OK;
  }
}
