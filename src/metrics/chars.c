/* Text as code points: decoding, Unicode's classes as Python sees them, lower case. */
#include "metrics/metrics.h"

#include <string.h>
#include <utf8proc.h>

rapt_status rapt__chars_room(rapt_context *ctx, rapt__chars *c, size_t count) {
  if (count <= c->capacity) return RAPT_OK;
  size_t wanted = c->capacity * 2 > count ? c->capacity * 2 : count;
  uint32_t *at = rapt__grow(ctx, c->at, wanted, sizeof *at);
  if (!at) return RAPT_ENOMEM;
  c->at = at;
  c->capacity = wanted;
  return RAPT_OK;
}

void rapt__chars_free(rapt_context *ctx, rapt__chars *c) {
  rapt__free(ctx, c->at);
  *c = (rapt__chars){0};
}

rapt_status rapt__chars_decode(rapt_context *ctx, rapt__chars *c, const char *data, size_t size) {
  if (size > PTRDIFF_MAX) return rapt__fail_memory(ctx, size);
  RAPT_TRY(rapt__chars_room(ctx, c, size));
  c->count = 0;
  for (size_t at = 0; at < size;) {
    utf8proc_int32_t code;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)data + at, (utf8proc_ssize_t)(size - at), &code);
    if (n <= 0) return RAPT_EFORMAT;
    c->at[c->count++] = (uint32_t)code;
    at += (size_t)n;
  }
  return RAPT_OK;
}

bool rapt__is_space(uint32_t c) {
  return (c >= 9 && c <= 13) || (c >= 0x1C && c <= 0x20) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

bool rapt__is_punctuation(uint32_t c) {
  utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
  return k >= UTF8PROC_CATEGORY_PC && k <= UTF8PROC_CATEGORY_PO;
}

bool rapt__is_symbol(uint32_t c) {
  utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
  return k >= UTF8PROC_CATEGORY_SM && k <= UTF8PROC_CATEGORY_SO;
}

bool rapt__is_number(uint32_t c) {
  utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
  return k >= UTF8PROC_CATEGORY_ND && k <= UTF8PROC_CATEGORY_NO;
}

bool rapt__is_ascii_punctuation(uint32_t c) {
  return (c > ' ' && c < '0') || (c > '9' && c < 'A') || (c > 'Z' && c < 'a') || (c > 'z' && c < 127);
}

void rapt__chars_strip(rapt__chars *c) {
  while (c->count > 0 && rapt__is_space(c->at[c->count - 1])) c->count--;
}

typedef struct range {
  uint32_t first, last;
} range;

static bool among(uint32_t c, const range *ranges, size_t count) {
  for (size_t i = 0; i < count && c >= ranges[i].first; i++)
    if (c <= ranges[i].last) return true;
  return false;
}

/* Unicode's Cased and Case_Ignorable: general categories and the exceptions that PropList and WordBreakProperty name. */
static bool cased(uint32_t c) {
  static const range others[] = {{0xAA, 0xAA},       {0xBA, 0xBA},       {0x2B0, 0x2B8},     {0x2C0, 0x2C1},
                                 {0x2E0, 0x2E4},     {0x345, 0x345},     {0x37A, 0x37A},     {0x1D2C, 0x1D6A},
                                 {0x1D78, 0x1D78},   {0x1D9B, 0x1DBF},   {0x2071, 0x2071},   {0x207F, 0x207F},
                                 {0x2090, 0x209C},   {0x2160, 0x217F},   {0x24B6, 0x24E9},   {0x2C7C, 0x2C7D},
                                 {0xA69C, 0xA69D},   {0xA770, 0xA770},   {0xA7F8, 0xA7F9},   {0xAB5C, 0xAB5F},
                                 {0x10780, 0x10780}, {0x10783, 0x10785}, {0x10787, 0x107B0}, {0x107B2, 0x107BA},
                                 {0x1F130, 0x1F149}, {0x1F150, 0x1F169}, {0x1F170, 0x1F189}};
  utf8proc_category_t k = utf8proc_category((utf8proc_int32_t)c);
  return (k >= UTF8PROC_CATEGORY_LU && k <= UTF8PROC_CATEGORY_LT) || among(c, others, sizeof others / sizeof *others);
}

static bool case_ignorable(uint32_t c) {
  static const range others[] = {{0x27, 0x27},     {0x2E, 0x2E},     {0x3A, 0x3A},     {0xB7, 0xB7},
                                 {0x387, 0x387},   {0x55F, 0x55F},   {0x5F4, 0x5F4},   {0x2018, 0x2019},
                                 {0x2024, 0x2024}, {0x2027, 0x2027}, {0xFE13, 0xFE13}, {0xFE52, 0xFE52},
                                 {0xFE55, 0xFE55}, {0xFF07, 0xFF07}, {0xFF0E, 0xFF0E}, {0xFF1A, 0xFF1A}};
  switch (utf8proc_category((utf8proc_int32_t)c)) {
  case UTF8PROC_CATEGORY_MN:
  case UTF8PROC_CATEGORY_ME:
  case UTF8PROC_CATEGORY_CF:
  case UTF8PROC_CATEGORY_LM:
  case UTF8PROC_CATEGORY_SK: return true;
  default: return among(c, others, sizeof others / sizeof *others);
  }
}

/* Unicode's Final_Sigma: a cased letter before, none behind, whatever is ignorable between. */
static bool final_sigma(const rapt__chars *c, size_t at) {
  size_t i = at;
  while (i > 0 && case_ignorable(c->at[i - 1])) i--;
  if (i == 0 || !cased(c->at[i - 1])) return false;
  for (i = at + 1; i < c->count && case_ignorable(c->at[i]);) i++;
  return i == c->count || !cased(c->at[i]);
}

rapt_status rapt__chars_lower(rapt_context *ctx, const rapt__chars *in, rapt__chars *out) {
  enum { CAPITAL_SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2, CAPITAL_I_WITH_DOT = 0x130, DOT_ABOVE = 0x307 };
  RAPT_TRY(rapt__chars_room(ctx, out, 2 * in->count));
  out->count = 0;
  for (size_t i = 0; i < in->count; i++) {
    uint32_t c = in->at[i];
    if (c == CAPITAL_I_WITH_DOT) { /* the only code point whose lower case is two */
      out->at[out->count++] = 'i';
      out->at[out->count++] = DOT_ABOVE;
    } else if (c == CAPITAL_SIGMA && final_sigma(in, i))
      out->at[out->count++] = FINAL_SIGMA;
    else
      out->at[out->count++] = (uint32_t)utf8proc_tolower((utf8proc_int32_t)c);
  }
  return RAPT_OK;
}
