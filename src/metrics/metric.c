/* The public side of the metrics: settings, rows of statistics, scores. */
#include "metrics/metrics.h"

#include <string.h>

const char *rapt_bleu_tokenizer_text(rapt_bleu_tokenizer tokenizer) {
  switch (tokenizer) {
#define CASE(name, text)                                                                                               \
  case name: return text;
    RAPT_BLEU_TOKENIZER_LIST(CASE)
  }
  return NULL;
}

const char *rapt_bleu_smoothing_text(rapt_bleu_smoothing smoothing) {
  switch (smoothing) { RAPT_BLEU_SMOOTHING_LIST(CASE) }
#undef CASE
  return NULL;
}

rapt_metric rapt_metric_default(rapt_metric_kind kind) {
  return (rapt_metric){.kind = kind,
                       .tokenizer = RAPT_TOK_13A,
                       .smoothing = RAPT_SMOOTH_EXP,
                       .smooth_value = -1,
                       .max_order = 4,
                       .char_order = 6,
                       .beta = 2};
}

const rapt__metric_type *rapt__metric_type_of(const rapt_metric *m) {
  static const rapt__metric_type *const types[] = {[RAPT_BLEU] = &rapt__metric_bleu,
                                                   [RAPT_CHRF] = &rapt__metric_chrf,
                                                   [RAPT_TER] = &rapt__metric_ter,
                                                   [RAPT_WER] = &rapt__metric_wer,
                                                   [RAPT_PER] = &rapt__metric_per};
  if ((unsigned)m->kind >= sizeof types / sizeof *types) return NULL;
  return types[m->kind]->valid(m) ? types[m->kind] : NULL;
}

int rapt_metric_width(const rapt_metric *m) {
  const rapt__metric_type *type = rapt__metric_type_of(m);
  return type ? type->width(m) : 0;
}

rapt_status rapt__workspace_cells(rapt__workspace *w, size_t count, size_t size) {
  size_t bytes;
  if (rapt__mul_overflows(count, size, &bytes)) return rapt__fail_memory(w->ctx, SIZE_MAX);
  if (bytes <= w->cell_bytes) return RAPT_OK;
  rapt__free(w->ctx, w->cells); /* nothing of it is wanted any more */
  w->cell_bytes = 0;
  w->cells = rapt__alloc(w->ctx, bytes);
  if (!w->cells) return RAPT_ENOMEM;
  w->cell_bytes = bytes;
  return RAPT_OK;
}

static rapt_status add_text(rapt__workspace *w, const rapt__metric_type *type, const rapt_metric *m,
                            const rapt_segment *text, int reference, int64_t segment) {
  rapt_status status = rapt__chars_decode(w->ctx, &w->tokens.now, text->data, text->size);
  if (status == RAPT_EFORMAT) {
    if (reference == 0) return rapt__fail(w->ctx, status, "hypothesis %lld is not UTF-8", (long long)segment + 1);
    return rapt__fail(w->ctx, status, "reference %lld of segment %lld is not UTF-8", (long long)reference,
                      (long long)segment + 1);
  }
  RAPT_TRY(status);
  RAPT_TRY(type->read(w, m, reference > 0));
  return rapt__sequences_end(&w->sequences);
}

static rapt_status make_rows(rapt__workspace *w, const rapt__metric_type *type, const rapt_metric *m,
                             const rapt_segment *hypotheses, const rapt_segment *const *references, int count,
                             int64_t segments, double *stats) {
  size_t width = (size_t)type->width(m);
  for (int64_t i = 0; i < segments; i++) {
    if (atomic_load(&w->ctx->interrupted)) return rapt__fail(w->ctx, RAPT_EINTERRUPTED, "scoring was interrupted");
    rapt__sequences_clear(&w->sequences);
    RAPT_TRY(add_text(w, type, m, &hypotheses[i], 0, i));
    for (int r = 0; r < count; r++) RAPT_TRY(add_text(w, type, m, &references[r][i], r + 1, i));
    RAPT_TRY(type->row(w, m, count, stats + (size_t)i * width));
  }
  return RAPT_OK;
}

static rapt_status fail_settings(rapt_context *ctx) {
  return rapt__fail(ctx, RAPT_EINVAL, "a setting of the metric is out of bounds");
}

rapt_status rapt_metric_stats(rapt_context *ctx, const rapt_metric *m, const rapt_segment *hypotheses,
                              const rapt_segment *const *references, int references_count, int64_t segments,
                              double *stats) {
  const rapt__metric_type *type = rapt__metric_type_of(m);
  if (!type) return fail_settings(ctx);
  if (references_count < 1 || segments < 0)
    return rapt__fail(ctx, RAPT_EINVAL, "a score needs at least one reference and no negative number of segments");
  rapt__workspace w = {.ctx = ctx, .sequences = {.ctx = ctx}, .ngrams = {.ctx = ctx}};
  rapt_status status = make_rows(&w, type, m, hypotheses, references, references_count, segments, stats);
  rapt__chars_free(ctx, &w.tokens.now);
  rapt__chars_free(ctx, &w.tokens.other);
  rapt__sequences_free(&w.sequences);
  rapt__ngrams_free(&w.ngrams);
  rapt__free(ctx, w.cells);
  return status;
}

void rapt_metric_sum(const rapt_metric *m, const double *stats, int64_t segments, double *sum) {
  size_t width = (size_t)rapt_metric_width(m);
  for (size_t k = 0; k < width; k++) sum[k] = 0;
  for (int64_t i = 0; i < segments; i++, stats += width)
    for (size_t k = 0; k < width; k++) sum[k] += stats[k];
}

rapt_status rapt_metric_score(rapt_context *ctx, const rapt_metric *m, const double *sum, rapt_score *out) {
  *out = (rapt_score){0};
  const rapt__metric_type *type = rapt__metric_type_of(m);
  if (!type) return fail_settings(ctx);
  type->score(m, sum, out);
  return RAPT_OK;
}
