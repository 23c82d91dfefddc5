/* Any bytes as a tokenizer.json; what loads encodes texts, and decoding gives them back. */
#include "text/tokenizer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void there_and_back(const rapt_tokenizer *t, const char *text, size_t size) {
  int32_t *ids;
  int64_t count;
  if (rapt_tokenizer_encode(t, text, size, &ids, &count) != RAPT_OK) return;
  char *decoded;
  size_t length;
  for (int64_t i = 0; i < count; i++)
    if (!rapt_tokenizer_token(t, ids[i], &length)) __builtin_trap();
  if (rapt_tokenizer_decode(t, ids, count, &decoded, &length) != RAPT_OK) __builtin_trap();
  if (length != size || memcmp(decoded, text, length) != 0) __builtin_trap();
  rapt_tokenizer_release(t, decoded);
  rapt_tokenizer_release(t, ids);
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
