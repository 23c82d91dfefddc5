/* Words of raw text. */
#include "recipes/cho.h"

#include <utf8proc.h>

enum { BLANK, WORD, APOSTROPHE, HYPHEN, OTHER };

static int kind_of(uint32_t code) {
  if (code == '\'' || code == 0x2019) return APOSTROPHE;
  if (code == '-') return HYPHEN;
  switch (utf8proc_category((utf8proc_int32_t)code)) {
  case UTF8PROC_CATEGORY_LU:
  case UTF8PROC_CATEGORY_LL:
  case UTF8PROC_CATEGORY_LT:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_LO:
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_MC:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_ND:
  case UTF8PROC_CATEGORY_NL:
  case UTF8PROC_CATEGORY_NO: return WORD;
  case UTF8PROC_CATEGORY_ZS:
  case UTF8PROC_CATEGORY_ZL:
  case UTF8PROC_CATEGORY_ZP:
  case UTF8PROC_CATEGORY_CC: return BLANK;
  default: return OTHER;
  }
}

/* Appends a line's words, each after a blank but the first. */
static rapt_status add_line(void *user, const char *text, size_t size, rapt__text *out) {
  (void)user;
  bool open = false; /* the last word may go on */
  uint32_t code, next;
  size_t begin = out->size;
  for (size_t at = 0, n; at < size; at += n) {
    n = rapt__utf8(text + at, size - at, &code);
    if (n == 0) return rapt__fail(out->ctx, RAPT_EFORMAT, "byte %zu of a line is not UTF-8", at + 1);
    int kind = kind_of(code);
    if (kind == HYPHEN && open && rapt__utf8(text + at + n, size - at - n, &next) > 0 && kind_of(next) == WORD)
      kind = WORD;
    bool joins = open && (kind == WORD || kind == APOSTROPHE);
    if (kind != BLANK && !joins && out->size > begin) RAPT_TRY(rapt__text_add(out, " ", 1));
    if (kind == APOSTROPHE)
      RAPT_TRY(rapt__text_add(out, "'", 1));
    else if (kind != BLANK)
      RAPT_TRY(rapt__text_add(out, text + at, n));
    open = kind == WORD;
  }
  return RAPT_OK;
}

rapt_status rapt__cho_words(rapt__corpus *corpus) {
  rapt__bitext *const texts[] = {&corpus->train, &corpus->valid, &corpus->test};
  for (int i = 0; i < 3; i++) RAPT_TRY(rapt__bitext_rewrite(texts[i], 0, add_line, NULL));
  return RAPT_OK;
}
