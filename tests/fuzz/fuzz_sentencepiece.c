/* Any bytes as a SentencePiece model; what loads encodes a text, and its ids decode. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  static const char words[] = " the caf\xC3\xA9  is\topen\n\xFF \xE2\x96\x81 10.";
  rapt_context *ctx;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_tokenizer *t;
  rapt_status status = rapt__tokenizer_sentencepiece(ctx, "fuzz", (const char *)bytes, size, &t);
  if (rapt_context_status(ctx) != status || (status != RAPT_OK && !*rapt_context_message(ctx))) abort();
  int32_t *ids;
  int64_t count;
  if (status == RAPT_OK && rapt_tokenizer_encode(t, words, sizeof words - 1, &ids, &count) == RAPT_OK) {
    char *text;
    size_t length;
    if (rapt_tokenizer_decode(t, ids, count, &text, &length) == RAPT_OK) rapt_tokenizer_release(t, text);
    rapt_tokenizer_release(t, ids);
  }
  if (status == RAPT_OK) rapt_tokenizer_free(t);
  rapt_context_free(ctx);
  return 0;
}
