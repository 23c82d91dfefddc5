/* Any bytes as a treebank: words have forms and tags, sentences are not empty, and a refusal has a sentence. */
#include "data/conllu.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  rapt__conllu c = {0};
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  char *text = rapt__alloc(ctx, size + 1);
  if (text) {
    if (size) memcpy(text, bytes, size);
    rapt_status status = rapt__conllu_parse(ctx, "fuzz", text, size, &c);
    if (rapt_context_status(ctx) != status || (status != RAPT_OK && !*rapt_context_message(ctx))) abort();
    for (size_t i = 0; status == RAPT_OK && i < c.sentences; i++) {
      if (c.at[i] >= c.at[i + 1]) abort();
      for (size_t w = c.at[i]; w < c.at[i + 1]; w++)
        if (!*c.words[w].form || !*c.words[w].tag) abort();
    }
  }
  rapt__conllu_free(&c);
  rapt_context_free(ctx);
  return 0;
}
