/* Any bytes as a tokenizer.json; what loads encodes and decodes a text. */
#include "text/tokenizer.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char text[] = "the caf\xC3\xA9 doesn't  open\n\n at 10 \xFF<|endoftext|>.";
  rapt_context *ctx;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_tokenizer *t;
  if (rapt__tokenizer_parse(ctx, "fuzz", (const char *)bytes, size, &t) == RAPT_OK) {
    int32_t *ids;
    int64_t count;
    if (rapt_tokenizer_encode(t, text, sizeof text - 1, &ids, &count) == RAPT_OK) {
      size_t length;
      for (int64_t i = 0; i < count; i++)
        if (!rapt_tokenizer_token(t, ids[i], &length)) __builtin_trap();
      rapt_tokenizer_release(t, ids);
    }
    rapt_tokenizer_free(t);
  }
  rapt_context_free(ctx);
  return 0;
}
