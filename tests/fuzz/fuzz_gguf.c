/* Any bytes as a GGUF file: an accepted one has every value and tensor inside the file, and all of it can be shown. */
#include "formats/gguf.h"
#include "formats/show.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static rapt_context *ctx;
  if (!ctx && rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_context_clear(ctx);
  rapt__gguf g;
  rapt_status status = rapt__gguf_parse(ctx, "input", data, size, &g);
  if (status != RAPT_OK) {
    if (rapt_context_status(ctx) != status || !*rapt_context_message(ctx)) abort();
    return 0;
  }
  for (size_t i = 0; i < g.pair_count; i++) {
    const rapt__gguf_value *v = &g.pairs[i].value;
    bool shortened = false;
    rapt__text text;
    if (v->at < data || v->end > data + size || v->at > v->end) abort();
    rapt__text_init(&text, ctx);
    if (rapt__show_gguf(&text, v, -1, &shortened) != RAPT_OK || shortened) abort();
    rapt__text_free(&text);
  }
  unsigned sum = 0;
  for (size_t i = 0; i < g.tensor_count; i++) {
    const rapt__gguf_tensor *t = &g.tensors[i];
    if (t->bytes > size || t->data < data || t->data + t->bytes > data + size) abort();
    for (size_t k = 0; k < t->bytes; k++) sum += t->data[k];
  }
  if (sum == 1) rapt__gguf_find(&g, "x");
  rapt__gguf_close(&g);
  return 0;
}
