/* Any bytes as a tokenizer.json; what loads encodes texts, its ids decode, and offsets stay within the text. */
#include "text/tokenizer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void there_and_back(const rapt_tokenizer *t, const char *text, size_t size) {
  rapt_encode_options options = {.special_tokens = true, .truncate = true, .pad = true};
  rapt_encoding *e;
  if (rapt_tokenizer_encode_with(t, text, size, text, size / 2, &options, &e) != RAPT_OK) return;
  for (int64_t i = 0; i < e->count; i++) {
    size_t length;
    if (e->attention[i] && !rapt_tokenizer_token(t, e->ids[i], &length)) __builtin_trap();
    rapt_span b = e->bytes[i], c = e->chars[i];
    if (b.start < 0 || b.end > (int64_t)size || c.start > b.start || c.end > b.end) __builtin_trap();
  }
  int64_t known = 0;
  while (known < e->count && e->attention[known]) known++;
  char *decoded;
  size_t length;
  if (rapt_tokenizer_decode(t, e->ids, known, &decoded, &length) == RAPT_OK) rapt_tokenizer_release(t, decoded);
  rapt_encoding_free(t, e);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char words[] = "the caf\xC3\xA9 doesn't  open\n\n at 10 \xFF<|endoftext|>.", letters[] = "abba";
  rapt_context *ctx;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_tokenizer *t;
  if (rapt__tokenizer_parse(ctx, "fuzz", (const char *)bytes, size, &t) == RAPT_OK) {
    there_and_back(t, words, sizeof words - 1);
    there_and_back(t, letters, sizeof letters - 1);
    rapt_tokenizer_free(t);
  }
  rapt_context_free(ctx);
  return 0;
}
