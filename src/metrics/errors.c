/* Error rates of words and of phonemes. A row: errors, substitutions, deletions, insertions, tokens of the hypothesis,
 * of the reference. Of the alignments with the fewest errors the one with the fewest substitutions is counted, which
 * has the most matches; the errors of the reference that is nearest. */
#include "metrics/metrics.h"

#include <string.h>

enum { ERRORS, SUBSTITUTIONS, DELETIONS, INSERTIONS, HYP, REF, WIDTH };

static bool valid(const rapt_metric *m) {
  (void)m;
  return true;
}

static int width(const rapt_metric *m) {
  (void)m;
  return WIDTH;
}

static rapt_status read(rapt__workspace *w, const rapt_metric *m, bool reference) {
  (void)reference;
  if (m->lowercase) RAPT_TRY(rapt__tokens_lower(w->ctx, &w->tokens));
  return rapt__sequences_add_words(&w->sequences, &w->tokens.now);
}

/* Errors in the high half, substitutions in the low one: the least sum is the least pair. */
#define ERROR ((uint64_t)1 << 32)

static rapt_status align(rapt__workspace *w, size_t reference, double *out) {
  const rapt__sequences *s = &w->sequences;
  const uint32_t *ref = s->symbol + rapt__sequence_begin(s, reference), *hyp = s->symbol;
  size_t n = rapt__sequence_size(s, reference), m = rapt__sequence_size(s, 0);
  RAPT_TRY(rapt__workspace_cells(w, m + 1, sizeof(uint64_t)));
  uint64_t *row = w->cells;
  for (size_t j = 0; j <= m; j++) row[j] = j * ERROR;
  for (size_t i = 1; i <= n; i++) {
    if (atomic_load(&w->ctx->interrupted)) return rapt__fail(w->ctx, RAPT_EINTERRUPTED, "scoring was interrupted");
    uint64_t corner = row[0];
    row[0] = i * ERROR;
    for (size_t j = 1; j <= m; j++) {
      uint64_t best = corner + (ref[i - 1] == hyp[j - 1] ? 0 : ERROR + 1);
      if (row[j] + ERROR < best) best = row[j] + ERROR;
      if (row[j - 1] + ERROR < best) best = row[j - 1] + ERROR;
      corner = row[j];
      row[j] = best;
    }
  }
  out[ERRORS] = (double)(row[m] >> 32);
  out[SUBSTITUTIONS] = (double)(row[m] & UINT32_MAX);
  double others = out[ERRORS] - out[SUBSTITUTIONS], longer = (double)n - (double)m;
  out[DELETIONS] = (others + longer) / 2;
  out[INSERTIONS] = (others - longer) / 2;
  out[HYP] = (double)m;
  out[REF] = (double)n;
  return RAPT_OK;
}

static rapt_status row(rapt__workspace *w, const rapt_metric *m, int references, double *out) {
  (void)m;
  for (int r = 1; r <= references; r++) {
    double one[WIDTH];
    RAPT_TRY(align(w, (size_t)r, one));
    if (r == 1 || one[ERRORS] < out[ERRORS]) memcpy(out, one, sizeof one);
  }
  return RAPT_OK;
}

static void score(const rapt_metric *m, const double *sum, rapt_score *out) {
  (void)m;
  out->edits = sum[ERRORS];
  out->substitutions = sum[SUBSTITUTIONS];
  out->deletions = sum[DELETIONS];
  out->insertions = sum[INSERTIONS];
  out->hyp_length = sum[HYP];
  out->ref_length = sum[REF];
  out->score = 100 * (sum[REF] > 0 ? sum[ERRORS] / sum[REF] : sum[ERRORS] > 0);
}

const rapt__metric_type rapt__metric_wer = {"WER", valid, width, read, row, score};
const rapt__metric_type rapt__metric_per = {"PER", valid, width, read, row, score};
