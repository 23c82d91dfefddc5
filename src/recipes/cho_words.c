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
static rapt_status add_line(rapt__text *out, const char *text, size_t size) {
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
  return rapt__text_add(out, "\n", 1);
}

static rapt_status add_side(rapt_context *ctx, const rapt__bitext *b, int side, rapt__text *out) {
  for (size_t i = 0; i < b->count; i++) {
    char *lower;
    size_t size;
    RAPT_TRY(rapt__lowercase(ctx, b->pairs[i][side].bytes, b->pairs[i][side].size, &lower, &size));
    rapt_status status = add_line(out, lower, size);
    rapt__free(ctx, lower);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

static rapt_status renew(rapt_context *ctx, const char *const names[2], rapt__bitext *b) {
  rapt__text texts[2];
  rapt__bitext fresh;
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = add_side(ctx, b, i, &texts[i]);
  if (status != RAPT_OK) {
    for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
    return status;
  }
  status = rapt__bitext_parse(ctx, names, (char *const[]){texts[0].data, texts[1].data},
                              (const size_t[]){texts[0].size, texts[1].size}, 0, &fresh);
  if (status != RAPT_OK) {
    rapt__bitext_free(&fresh);
    return status;
  }
  rapt__bitext_free(b);
  *b = fresh;
  return RAPT_OK;
}

rapt_status rapt__cho_words(rapt_context *ctx, rapt__corpus *corpus) {
  RAPT_TRY(renew(ctx, (const char *const[]){"training source", "training target"}, &corpus->train));
  RAPT_TRY(renew(ctx, (const char *const[]){"validation source", "validation target"}, &corpus->valid));
  return renew(ctx, (const char *const[]){"test source", "test target"}, &corpus->test);
}
