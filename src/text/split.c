/* UTF-8, and the ways of cutting a text into words. */
#include "text/tokenizer.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Contractions, words, numbers and punctuation, each with the space before it; runs of white space (Radford et al.
 * 2019). White space is Unicode's property, spelled out: PCRE2's \s also has U+180E, which Unicode took out in 6.3. */
#define SPACES "\\t-\\r\\x{85}\\p{Z}"
/* Hugging Face's \w: letters, marks, decimal digits, connectors. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"
static const char gpt2[] = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^" SPACES "\\p{L}\\p{N}]+"
                           "|[" SPACES "]+(?![^" SPACES "])|[" SPACES "]+";
static const char *const patterns[] = {gpt2, "[^" SPACES "]+", "[" WORD "]+|[^" WORD SPACES "]+"};

struct rapt__splitter {
  rapt_context *ctx;
  pcre2_general_context *memory; /* the context's hook; owned */
  pcre2_code *code;              /* owned */
  bool skips;                    /* white space belongs to no piece */
};

size_t rapt__utf8(const char *text, size_t size, uint32_t *code) {
  const unsigned char *s = (const unsigned char *)text;
  if (size == 0) return 0;
  if (s[0] < 0x80) {
    *code = s[0];
    return 1;
  }
  size_t n = s[0] >= 0xF0 ? 4 : s[0] >= 0xE0 ? 3 : 2;
  if (s[0] < 0xC2 || s[0] > 0xF4 || size < n) return 0;
  uint32_t c = s[0] & (0xFFu >> (n + 1));
  for (size_t i = 1; i < n; i++) {
    if ((s[i] & 0xC0) != 0x80) return 0;
    c = c << 6 | (s[i] & 0x3F);
  }
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (c < least[n] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return 0;
  *code = c;
  return n;
}

size_t rapt__utf8_write(uint32_t c, char out[4]) {
  size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
  static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
  for (size_t i = n; i-- > 1; c >>= 6) out[i] = (char)(0x80 | (c & 0x3F));
  out[0] = (char)(lead[n] | c);
  return n;
}

/* Does not record a failure: matching without compiled code is only slower. */
static void *pcre_alloc(size_t size, void *user) {
  rapt_context *ctx = user;
  return ctx->alloc(ctx->alloc_user, NULL, size ? size : 1);
}
static void pcre_free(void *p, void *ctx) { rapt__free(ctx, p); }

rapt_status rapt__splitter_new(rapt_context *ctx, rapt__cut split, rapt__splitter **out) {
  *out = NULL;
  rapt__splitter *s = rapt__new(ctx, 1, sizeof *s);
  if (!s) return RAPT_ENOMEM;
  s->ctx = ctx;
  s->skips = split != RAPT__SPLIT_GPT2;
  s->memory = pcre2_general_context_create(pcre_alloc, pcre_free, ctx);
  pcre2_compile_context *compile = s->memory ? pcre2_compile_context_create(s->memory) : NULL;
  int error = PCRE2_ERROR_HEAP_FAILED;
  size_t at;
  if (compile)
    s->code =
        pcre2_compile((PCRE2_SPTR)patterns[split], PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_UCP, &error, &at, compile);
  pcre2_compile_context_free(compile);
  if (!s->code) {
    rapt__splitter_free(s);
    if (error == PCRE2_ERROR_HEAP_FAILED) return rapt__fail_memory(ctx, 0);
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "PCRE2 cannot compile a pattern: error %d", error);
  }
  pcre2_jit_compile(s->code, PCRE2_JIT_COMPLETE); /* without it matching is only slower */
  *out = s;
  return RAPT_OK;
}

void rapt__splitter_free(rapt__splitter *s) {
  if (!s) return;
  pcre2_code_free(s->code);
  pcre2_general_context_free(s->memory);
  rapt__free(s->ctx, s);
}

static rapt_status split_valid(const rapt__splitter *s, pcre2_match_data *match, const char *text, size_t size,
                               rapt__piece_fn each, void *user) {
  const size_t *range = pcre2_get_ovector_pointer(match);
  for (size_t at = 0; at < size; at = range[1]) {
    int found = pcre2_match(s->code, (PCRE2_SPTR)text, size, at, PCRE2_NO_UTF_CHECK, match, NULL);
    if (found == PCRE2_ERROR_NOMEMORY) return rapt__fail_memory(s->ctx, 0);
    if (found == PCRE2_ERROR_NOMATCH && s->skips) return RAPT_OK;
    /* In GPT-2's every character belongs to one of the alternatives, so only a limit of PCRE2 brings anything else. */
    if (found <= 0 || (range[0] != at && !s->skips) || range[1] <= at)
      return rapt__fail(s->ctx, RAPT_EUNSUPPORTED, "the text cannot be cut into words: PCRE2 error %d", found);
    RAPT_TRY(each(user, text + range[0], range[1] - range[0]));
  }
  return RAPT_OK;
}

rapt_status rapt__split_text(const rapt__splitter *s, const char *text, size_t size, rapt__piece_fn each, void *user) {
  if (!s) return size ? each(user, text, size) : RAPT_OK;
  pcre2_match_data *match = pcre2_match_data_create_from_pattern(s->code, s->memory);
  if (!match) return rapt__fail_memory(s->ctx, 0);
  rapt_status status = RAPT_OK;
  size_t at = 0;
  while (at < size && status == RAPT_OK) {
    size_t end = at, n;
    uint32_t code;
    while (end < size && (n = rapt__utf8(text + end, size - end, &code)) > 0) end += n;
    if (end > at) status = split_valid(s, match, text + at, end - at, each, user);
    if (end < size && status == RAPT_OK) status = each(user, text + end, 1);
    at = end + 1;
  }
  pcre2_match_data_free(match);
  return status;
}
