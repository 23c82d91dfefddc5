/* Any bytes as a chat template, rendered with a small conversation: it ends, and a refusal has a sentence. */
#include "text/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  json_t *variables = json_pack("{s:[{s:s,s:s},{s:s,s:s}],s:b,s:i,s:f,s:n}", "messages", "role", "user", "content",
                                " a\nb ", "role", "assistant", "content", "ü", "t", 1, "n", 3, "x", 0.5, "z");
  rapt__template *t;
  rapt__text out;
  rapt__text_init(&out, ctx);
  rapt_status status = rapt__template_new(ctx, "fuzz", (const char *)bytes, size, &t);
  if (status == RAPT_OK) status = rapt__template_render(t, variables, 0, &out);
  if (rapt_context_status(ctx) != status || (status != RAPT_OK && !*rapt_context_message(ctx))) abort();
  rapt__template_free(t);
  rapt__text_free(&out);
  json_decref(variables);
  rapt_context_free(ctx);
  return 0;
}
