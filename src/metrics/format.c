/* Scores in words, as sacrebleu prints them. */
#include "metrics/metrics.h"

#include <stdio.h>
#include <string.h>

/* Text into a buffer of fixed size; `length` counts on when it is full. */
typedef struct line {
  char *out;
  size_t size, length;
} line;

static void add(line *l, const char *fmt, ...) RAPT_PRINTF(2, 3);
static void add(line *l, const char *fmt, ...) {
  bool room = l->length < l->size;
  va_list args;
  va_start(args, fmt);
  int n = vsnprintf(room ? l->out + l->length : NULL, room ? l->size - l->length : 0, fmt, args);
  va_end(args);
  if (n > 0) l->length += (size_t)n;
}

static line begin(char *out, size_t size) {
  if (size) *out = 0;
  return (line){out, size, 0};
}

static void add_name(line *l, const rapt_metric *m) {
  const rapt__metric_type *type = rapt__metric_type_of(m);
  if (!type) return;
  add(l, "%s", type->name);
  if (m->kind != RAPT_CHRF) return;
  add(l, "%d", m->beta);
  for (int i = 0; i < m->word_order; i++) add(l, "+");
}

static const char *yes(bool b) { return b ? "yes" : "no"; }

static void add_bleu(line *l, const rapt_metric *m) {
  add(l, "|case:%s|eff:%s|tok:%s|smooth:%s", m->lowercase ? "lc" : "mixed", yes(m->effective_order),
      rapt_bleu_tokenizer_text(m->tokenizer), rapt_bleu_smoothing_text(m->smoothing));
  double usual = m->smoothing == RAPT_SMOOTH_FLOOR ? 0.1 : 1;
  if (m->smoothing == RAPT_SMOOTH_FLOOR || m->smoothing == RAPT_SMOOTH_ADD_K)
    add(l, "[%.2f]", m->smooth_value >= 0 ? m->smooth_value : usual);
}

static void add_signature(line *l, const rapt_metric *m, const rapt_score_style *style) {
  if (!rapt__metric_type_of(m)) return;
  add(l, "nrefs:%d", style->references);
  if (style->samples > 0)
    add(l, "|%s:%lld|seed:philox-%llu", style->randomized ? "ar" : "bs", (long long)style->samples,
        (unsigned long long)style->seed);
  switch (m->kind) {
  case RAPT_BLEU: add_bleu(l, m); break;
  case RAPT_CHRF:
    add(l, "|case:%s|eff:%s|nc:%d|nw:%d|space:%s", m->lowercase ? "lc" : "mixed", yes(!m->eps_smoothing), m->char_order,
        m->word_order, yes(m->whitespace));
    break;
  case RAPT_TER:
    add(l, "|case:%s|tok:tercom|norm:%s|punct:%s|asian:%s", m->case_sensitive ? "mixed" : "lc", yes(m->normalized),
        yes(!m->no_punct), yes(m->asian_support));
    break;
  case RAPT_WER:
  case RAPT_PER: /* sacrebleu has none of these */
    add(l, "|case:%s|tok:none|version:rapt-%s", m->lowercase ? "lc" : "mixed", rapt_version());
    return;
  }
  add(l, "|version:%s", RAPT_SACREBLEU_VERSION);
}

static void add_details(line *l, const rapt_metric *m, const rapt_score *s) {
  if (!rapt__metric_type_of(m)) return;
  if (m->kind == RAPT_BLEU) {
    for (int n = 0; n < m->max_order; n++) add(l, "%s%.1f", n ? "/" : "", s->precision[n]);
    add(l, " (BP = %.3f ratio = %.3f hyp_len = %.0f ref_len = %.0f)", s->brevity,
        s->ref_length > 0 ? s->hyp_length / s->ref_length : 0, s->hyp_length, s->ref_length);
  } else if (m->kind == RAPT_WER || m->kind == RAPT_PER)
    add(l, "(S = %.0f D = %.0f I = %.0f hyp_len = %.0f ref_len = %.0f)", s->substitutions, s->deletions, s->insertions,
        s->hyp_length, s->ref_length);
}

int rapt_metric_name(const rapt_metric *m, char *out, size_t size) {
  line l = begin(out, size);
  add_name(&l, m);
  return (int)l.length;
}

int rapt_metric_signature(const rapt_metric *m, const rapt_score_style *style, char *out, size_t size) {
  line l = begin(out, size);
  add_signature(&l, m, style);
  return (int)l.length;
}

int rapt_score_details(const rapt_metric *m, const rapt_score *s, char *out, size_t size) {
  line l = begin(out, size);
  add_details(&l, m, s);
  return (int)l.length;
}

int rapt_score_format(const rapt_metric *m, const rapt_score *s, const rapt_score_style *style, char *out,
                      size_t size) {
  line l = begin(out, size);
  int digits = style->digits < 0 ? 0 : style->digits > 15 ? 15 : style->digits;
  add_name(&l, m);
  if (style->signature) {
    add(&l, "|");
    add_signature(&l, m, style);
  }
  add(&l, " = %.*f", digits, s->score);
  if (s->mean > 0) add(&l, " (\xCE\xBC = %.*f \xC2\xB1 %.*f)", digits, s->mean, digits, s->interval);
  size_t before = l.length;
  add(&l, " ");
  add_details(&l, m, s);
  if (l.length == before + 1) { /* no details: no space either */
    l.length = before;
    if (before < size) out[before] = 0;
  }
  return (int)l.length;
}
