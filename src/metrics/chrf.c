/* chrF and chrF++ (Popović 2015, 2017). A row: for each order of characters, then of words, the n-grams of the
 * hypothesis, of the reference, and those that match, all of the reference with the best score.
 *
 * A text is two sequences: its characters, and with word_order its words, so that sequence 2 i is text i's characters. */
#include "metrics/metrics.h"

#include <string.h>

static bool valid(const rapt_metric *m) {
  return m->char_order >= 1 && m->char_order <= RAPT_CHRF_ORDERS && m->word_order >= 0 &&
         m->word_order <= RAPT_CHRF_ORDERS && m->beta >= 1 && m->beta <= 100;
}

static int width(const rapt_metric *m) { return 3 * (m->char_order + m->word_order); }

/* Words lose one mark of punctuation, at the end if there is one, else at the start. */
static rapt_status add_words(rapt__sequences *s, const rapt__chars *text) {
  for (size_t at = 0; at < text->count;) {
    size_t begin = at;
    while (at < text->count && !rapt__is_space(text->at[at])) at++;
    const uint32_t *word = text->at + begin;
    size_t size = at - begin, head = size;
    if (size == 0) {
      at++;
      continue;
    }
    if (size > 1 && rapt__is_ascii_punctuation(word[size - 1]))
      head = size - 1;
    else if (size > 1 && rapt__is_ascii_punctuation(word[0]))
      head = 1;
    RAPT_TRY(rapt__sequences_add_word(s, word, head));
    if (head < size) RAPT_TRY(rapt__sequences_add_word(s, word + head, size - head));
  }
  return RAPT_OK;
}

static rapt_status read(rapt__workspace *w, const rapt_metric *m, bool reference) {
  (void)reference;
  rapt__sequences *s = &w->sequences;
  if (m->lowercase) RAPT_TRY(rapt__tokens_lower(w->ctx, &w->tokens));
  const rapt__chars *text = &w->tokens.now;
  for (size_t i = 0; i < text->count; i++)
    if (m->whitespace || !rapt__is_space(text->at[i])) RAPT_TRY(rapt__sequences_add_symbol(s, text->at[i]));
  if (m->word_order == 0) return RAPT_OK;
  RAPT_TRY(rapt__sequences_end(s));
  return add_words(s, text);
}

static double f_score(const rapt_metric *m, const double *row) {
  const double eps = 1e-16, factor = m->beta * m->beta;
  int orders = m->char_order + m->word_order, effective = 0;
  double score = 0, precision = 0, recall = 0;
  for (int n = 0; n < orders; n++) {
    double hyp = row[3 * n], ref = row[3 * n + 1], match = row[3 * n + 2];
    double p = hyp > 0 ? match / hyp : eps, r = ref > 0 ? match / ref : eps, denominator = factor * p + r;
    score += denominator > 0 ? (1 + factor) * p * r / denominator : eps;
    if (hyp > 0 && ref > 0) {
      precision += p;
      recall += r;
      effective++;
    }
  }
  if (m->eps_smoothing) return 100 * score / orders;
  if (effective > 0) {
    precision /= effective;
    recall /= effective;
  }
  if (precision + recall == 0) return 0;
  return 100 * ((1 + factor) * precision * recall / (factor * precision + recall));
}

/* One order of one reference. n-grams of the hypothesis do not count where the reference is too short to have any. */
static void compare(rapt__ngrams *g, const rapt__sequences *s, size_t hyp, size_t ref, double *row) {
  uint32_t *own = g->counts, *other = own + g->capacity;
  size_t bytes = g->labels * sizeof *own, match = 0;
  size_t hyps = rapt__ngrams_count(g, s, hyp, own), refs = rapt__ngrams_count(g, s, ref, other);
  for (size_t k = 0; k < g->labels; k++) match += own[k] < other[k] ? own[k] : other[k];
  memset(own, 0, bytes);
  memset(other, 0, bytes);
  row[0] = refs ? (double)hyps : 0;
  row[1] = (double)refs;
  row[2] = (double)match;
}

static rapt_status row(rapt__workspace *w, const rapt_metric *m, int references, double *out) {
  const rapt__sequences *s = &w->sequences;
  rapt__ngrams *g = &w->ngrams;
  size_t kinds = m->word_order > 0 ? 2 : 1, size = (size_t)width(m);
  RAPT_TRY(rapt__workspace_cells(w, (size_t)references * size, sizeof(double)));
  double *rows = w->cells;
  int orders = m->char_order > m->word_order ? m->char_order : m->word_order;
  RAPT_TRY(rapt__ngrams_start(g, s));
  for (int n = 0; n < orders; n++) {
    if (n > 0) rapt__ngrams_next(g, s);
    for (size_t r = 0; r < (size_t)references; r++) {
      double *to = rows + r * size;
      if (n < m->char_order) compare(g, s, 0, kinds * (r + 1), to + 3 * n);
      if (n < m->word_order) compare(g, s, 1, kinds * (r + 1) + 1, to + 3 * (m->char_order + n));
    }
  }
  double best = -1;
  for (size_t r = 0; r < (size_t)references; r++) {
    double f = f_score(m, rows + r * size);
    if (f <= best) continue;
    best = f;
    memcpy(out, rows + r * size, size * sizeof *out);
  }
  return RAPT_OK;
}

static void score(const rapt_metric *m, const double *sum, rapt_score *out) { out->score = f_score(m, sum); }

const rapt__metric_type rapt__metric_chrf = {"chrF", valid, width, read, row, score};
