/* Any bytes as links of word alignments: what is read agrees with itself, and never beats a perfect score. */
#include "base/base.h"

#include <rapt/metrics.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  if (size == 0 || rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  rapt_alignments *a, *b;
  rapt_alignment_score s;
  const char *text = (const char *)bytes + 1;
  if (rapt_alignments_parse(ctx, "fuzz", text, size - 1, bytes[0] & 1, &a) == RAPT_OK) {
    if (rapt_alignments_score(ctx, a, a, &s) != RAPT_OK) __builtin_trap();
    if (s.links != s.correct_possible || s.sure != s.correct_sure || s.possible != s.links || s.aer != 0)
      __builtin_trap();
    if ((rapt_alignments_least(a) < 0) != (s.links == 0)) __builtin_trap();
    rapt_context_clear(ctx);
    /* The same text less its last third: where it has as many lines, its figures are shares. */
    if (rapt_alignments_parse(ctx, "part", text, (size - 1) * 2 / 3, bytes[0] & 1, &b) == RAPT_OK) {
      if (rapt_alignments_score(ctx, a, b, &s) == RAPT_OK &&
          (s.precision > 1 || s.recall > 1 || s.aer < 0 || s.aer > 1))
        __builtin_trap();
      rapt_alignments_free(b);
    }
    rapt_alignments_free(a);
  }
  rapt_context_free(ctx);
  return 0;
}
