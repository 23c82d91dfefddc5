/* BLEU (Papineni et al. 2002). A row: tokens of the hypothesis, of the reference nearest in length, and for each order
 * the matched n-grams, then for each order all n-grams of the hypothesis. */
#include "metrics/metrics.h"

#include <math.h>
#include <string.h>

enum { HYP, REF, FIRST };

static bool valid(const rapt_metric *m) {
  return m->max_order >= 1 && m->max_order <= RAPT_BLEU_ORDERS && rapt_bleu_tokenizer_text(m->tokenizer) &&
         rapt_bleu_smoothing_text(m->smoothing) && !isnan(m->smooth_value);
}

static int width(const rapt_metric *m) { return FIRST + 2 * m->max_order; }

static rapt_status read(rapt__workspace *w, const rapt_metric *m, bool reference) {
  (void)reference;
  if (m->lowercase) RAPT_TRY(rapt__tokens_lower(w->ctx, &w->tokens));
  rapt__chars_strip(&w->tokens.now);
  RAPT_TRY(rapt__tokenize_bleu(w->ctx, m->tokenizer, &w->tokens));
  return rapt__sequences_add_words(&w->sequences, &w->tokens.now);
}

/* Of the references' lengths the one nearest to the hypothesis; the shorter of two. */
static size_t nearest_length(const rapt__sequences *s) {
  size_t own = rapt__sequence_size(s, 0), best = 0, least = SIZE_MAX;
  for (size_t i = 1; i < s->count; i++) {
    size_t length = rapt__sequence_size(s, i), far = length > own ? length - own : own - length;
    if (far < least || (far == least && length < best)) {
      least = far;
      best = length;
    }
  }
  return best;
}

/* An n-gram matches as often as it stands in the reference that has it most often. */
static rapt_status row(rapt__workspace *w, const rapt_metric *m, int references, double *out) {
  const rapt__sequences *s = &w->sequences;
  rapt__ngrams *g = &w->ngrams;
  (void)references;
  out[HYP] = (double)rapt__sequence_size(s, 0);
  out[REF] = (double)nearest_length(s);
  RAPT_TRY(rapt__ngrams_start(g, s));
  uint32_t *own = g->counts, *most = own + g->capacity, *one = most + g->capacity;
  for (int n = 0; n < m->max_order; n++) {
    if (n > 0) rapt__ngrams_next(g, s);
    size_t total = rapt__ngrams_count(g, s, 0, own), matched = 0, bytes = g->labels * sizeof *own;
    for (size_t i = 1; i < s->count; i++) {
      rapt__ngrams_count(g, s, i, one);
      for (size_t k = 0; k < g->labels; k++)
        if (one[k] > most[k]) most[k] = one[k];
      memset(one, 0, bytes);
    }
    for (size_t k = 0; k < g->labels; k++) matched += own[k] < most[k] ? own[k] : most[k];
    memset(own, 0, bytes);
    memset(most, 0, bytes);
    out[FIRST + n] = (double)matched;
    out[FIRST + m->max_order + n] = (double)total;
  }
  return RAPT_OK;
}

static void score(const rapt_metric *m, const double *sum, rapt_score *out) {
  const double *correct = sum + FIRST, *total = correct + m->max_order;
  double k = m->smooth_value >= 0 ? m->smooth_value : m->smoothing == RAPT_SMOOTH_FLOOR ? 0.1 : 1;
  out->hyp_length = sum[HYP];
  out->ref_length = sum[REF];
  out->brevity = 1;
  if (sum[HYP] < sum[REF]) out->brevity = sum[HYP] > 0 ? exp(1 - sum[REF] / sum[HYP]) : 0;
  bool some = false;
  for (int n = 0; n < m->max_order; n++) some = some || correct[n] > 0;
  if (!some) return;
  int order = m->max_order;
  double halved = 1;
  for (int n = 0; n < m->max_order; n++) {
    double more = m->smoothing == RAPT_SMOOTH_ADD_K && n > 0 ? k : 0;
    double right = correct[n] + more, all = total[n] + more;
    if (all == 0) break;
    if (m->effective_order) order = n + 1;
    if (right > 0)
      out->precision[n] = 100 * right / all;
    else if (m->smoothing == RAPT_SMOOTH_EXP) /* 1/2 of a match, then 1/4, … */
      out->precision[n] = 100 / ((halved *= 2) * all);
    else if (m->smoothing == RAPT_SMOOTH_FLOOR)
      out->precision[n] = 100 * k / all;
  }
  double logs = 0;
  /* The logarithm of nothing is a large negative number, as sacrebleu has it: the score is 0 and not NaN. */
  for (int n = 0; n < order; n++) logs += out->precision[n] == 0 ? -9999999999.0 : log(out->precision[n]);
  out->score = out->brevity * exp(logs / order);
}

const rapt__metric_type rapt__metric_bleu = {"BLEU", valid, width, read, row, score};
