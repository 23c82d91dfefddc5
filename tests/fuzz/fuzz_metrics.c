/* Any bytes as a hypothesis and a reference: every metric takes UTF-8 and refuses the rest, and rows keep their
 * bounds. */
#include "base/base.h"

#include <math.h>
#include <rapt/metrics.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void check(rapt_context *ctx, const rapt_metric *m, rapt_segment hyp, rapt_segment ref) {
  double row[6 * RAPT_CHRF_ORDERS];
  rapt_score s;
  if (rapt_metric_stats(ctx, m, &hyp, (const rapt_segment *const[]){&ref}, 1, 1, row) != RAPT_OK) {
    if (rapt_context_status(ctx) != RAPT_EFORMAT) __builtin_trap();
    rapt_context_clear(ctx);
    return;
  }
  if (rapt_metric_score(ctx, m, row, &s) != RAPT_OK || !isfinite(s.score) || s.score < 0) __builtin_trap();
  if ((m->kind == RAPT_BLEU || m->kind == RAPT_CHRF) && s.score > 100 + 1e-9) __builtin_trap();
  if (m->kind == RAPT_WER && s.substitutions + s.deletions + s.insertions != s.edits) __builtin_trap();
}

/* The first two bytes are settings; the text is cut in two at the first byte of zero. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  rapt_context *ctx;
  if (size < 2 || rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return 0;
  const char *text = (const char *)bytes + 2, *end = memchr(text, 0, size - 2);
  size_t left = end ? (size_t)(end - text) : size - 2;
  rapt_segment hyp = {text, left}, ref = {end ? end + 1 : text, end ? size - 3 - left : left};
  rapt_metric m = rapt_metric_default((rapt_metric_kind)(bytes[0] % 4));
  m.tokenizer = (rapt_bleu_tokenizer)(bytes[0] / 4 % 5);
  m.smoothing = (rapt_bleu_smoothing)(bytes[0] / 20 % 4);
  m.word_order = bytes[1] & 3;
  m.lowercase = bytes[1] & 4;
  m.whitespace = m.normalized = bytes[1] & 8;
  m.eps_smoothing = m.no_punct = bytes[1] & 16;
  m.asian_support = bytes[1] & 32;
  m.case_sensitive = m.effective_order = bytes[1] & 64;
  check(ctx, &m, hyp, ref);
  rapt_lines lines;
  if (rapt_lines_parse(ctx, "fuzz", text, size - 2, &lines) == RAPT_OK) {
    for (int64_t i = 0; i < lines.count; i++)
      if (lines.line[i].size && memchr(lines.line[i].data, '\n', lines.line[i].size)) __builtin_trap();
    rapt_lines_free(ctx, &lines);
  }
  rapt_context_free(ctx);
  return 0;
}
