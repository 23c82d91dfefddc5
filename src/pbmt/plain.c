/* Cutting running text into words. */
#include "pbmt/plain.h"

#include "data/packed.h"
#include "metrics/metrics.h"
#include "text/unicode.h"

static const size_t limit = (size_t)1 << 31; /* bytes of a text */

enum { APOSTROPHE = '\'', TYPOGRAPHIC = 0x2019 };

static bool is_mark(uint32_t c) { return rapt__is_punctuation(c) || rapt__is_symbol(c); }
static bool is_word(uint32_t c) { return !rapt__is_space(c) && !is_mark(c); }
static bool is_digit(uint32_t c) { return c >= '0' && c <= '9'; }

/* What stands around a character: blanks go before and behind it. */
typedef struct blanks {
  bool before, behind;
} blanks;

static blanks around(const rapt__chars *c, size_t i, rapt__pbmt_apostrophe apostrophe) {
  uint32_t here = c->at[i], left = i ? c->at[i - 1] : ' ', right = i + 1 < c->count ? c->at[i + 1] : ' ';
  bool inside = is_word(left) && is_word(right);
  if (!is_mark(here)) return (blanks){false, false};
  if (here == '-' && inside) return (blanks){false, false};
  if ((here == '.' || here == ',') && is_digit(left) && is_digit(right)) return (blanks){false, false};
  if (here == APOSTROPHE && inside)
    return (blanks){apostrophe == RAPT__APOSTROPHE_RIGHT, apostrophe == RAPT__APOSTROPHE_LEFT};
  return (blanks){true, true};
}

static rapt_status write_words(const rapt__chars *c, rapt__pbmt_apostrophe apostrophe, rapt__text *out) {
  bool blank = true; /* nothing of a word stands before */
  for (size_t i = 0; i < c->count; i++) {
    if (c->at[i] == '\n' || rapt__is_space(c->at[i])) {
      if (c->at[i] == '\n' || !blank) RAPT_TRY(rapt__text_add(out, c->at[i] == '\n' ? "\n" : " ", 1));
      blank = true;
      continue;
    }
    blanks b = around(c, i, apostrophe);
    if (b.before && !blank) RAPT_TRY(rapt__text_add(out, " ", 1));
    char utf8[4];
    RAPT_TRY(rapt__text_add(out, utf8, rapt__utf8_write(c->at[i], utf8)));
    if (b.behind) RAPT_TRY(rapt__text_add(out, " ", 1));
    blank = b.behind;
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_plain_words(rapt_context *ctx, const char *name, const char *text, size_t size,
                                   rapt__pbmt_apostrophe apostrophe, rapt__text *out) {
  rapt__chars read = {0}, lower = {0};
  rapt_status status = rapt__chars_decode(ctx, &read, text, size);
  if (status == RAPT_EFORMAT) status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the text is not UTF-8", name);
  if (status == RAPT_OK) status = rapt__chars_lower(ctx, &read, &lower);
  for (size_t i = 0; i < lower.count && status == RAPT_OK; i++)
    if (lower.at[i] == TYPOGRAPHIC) lower.at[i] = APOSTROPHE;
  if (status == RAPT_OK) status = write_words(&lower, apostrophe, out);
  rapt__chars_free(ctx, &read);
  rapt__chars_free(ctx, &lower);
  return status;
}

rapt_status rapt__pbmt_plain_read(rapt__pbmt_lexicon *l, const char *path, rapt__pbmt_apostrophe apostrophe,
                                  size_t most, rapt__pbmt_file *out) {
  char *data;
  size_t size;
  rapt__text words;
  *out = (rapt__pbmt_file){0};
  RAPT_TRY(rapt__packed_read(l->ctx, path, limit, &data, &size));
  rapt__text_init(&words, l->ctx);
  rapt_status status = rapt__pbmt_plain_words(l->ctx, path, data, size, apostrophe, &words);
  rapt__free(l->ctx, data);
  if (status != RAPT_OK) {
    rapt__text_free(&words);
    return status;
  }
  return rapt__pbmt_file_parse(l, path, words.data, words.size, most, out);
}
