/* What each stretch of the source may become, and what it will cost at least about: the best way to translate it alone,
 * with the language model from no context and without distortion. */
#include "pbmt/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void weigh(const rapt__pbmt_decoder *d, rapt__pbmt_choice *c) {
  rapt__ngram_state state;
  double lm = 0;
  const double *w = d->weights;
  rapt__ngram_no_context(&state);
  for (int k = 0; k < c->length; k++) lm += log(rapt__ngram_step(d->lm, &state, c->words[k], &state));
  c->score = w[RAPT__PBMT_PHRASES] + w[RAPT__PBMT_WORDS] * c->length + (c->copied ? w[RAPT__PBMT_COPIES] : 0);
  for (int k = 0; k < 4; k++) c->score += w[RAPT__PBMT_PHI_SOURCE + k] * c->feature[k];
  for (size_t k = 0; c->extra && k < d->phrases->extra_count; k++)
    c->score += w[RAPT__PBMT_FEATURE_COUNT + k] * c->extra[k];
  c->estimate = c->score + w[RAPT__PBMT_LM] * lm;
}

static rapt_status add(rapt__pbmt_graph *g, rapt__pbmt_choice choice) {
  RAPT_TRY(rapt__reserve(g->decoder->ctx, (void **)&g->choices, &g->choice_room, g->choice_count, sizeof *g->choices));
  weigh(g->decoder, &choice);
  g->choices[g->choice_count++] = choice;
  return RAPT_OK;
}

static int by_estimate(const void *a, const void *b) {
  const rapt__pbmt_choice *x = a, *y = b;
  if (x->estimate != y->estimate) return x->estimate > y->estimate ? -1 : 1;
  return x->rank - y->rank;
}

static rapt_status add_span(rapt__pbmt_graph *g, int begin, int length) {
  const rapt__pbmt_decoder *d = g->decoder;
  const rapt__pbmt_phrases *p = d->phrases;
  const rapt__pbmt_option *options;
  size_t first = g->choice_count;
  size_t count = rapt__pbmt_phrases_find(p, g->words + begin, (size_t)length, &options);
  for (size_t k = 0; k < count; k++) {
    const rapt__pbmt_option *o = &options[k];
    RAPT_TRY(add(g, (rapt__pbmt_choice){.words = o->words,
                                        .begin = begin,
                                        .end = begin + length,
                                        .length = o->length,
                                        .feature = {o->phi_source, o->phi_target, o->lex_source, o->lex_target},
                                        .extra = p->extra ? p->extra + (size_t)(o - p->options) * p->extra_count : NULL,
                                        .rank = (int)k}));
  }
  if (count == 0 && length == 1)
    RAPT_TRY(
        add(g, (rapt__pbmt_choice){
                   .words = &d->copy[g->words[begin]], .begin = begin, .end = begin + 1, .length = 1, .copied = true}));
  size_t limit = d->search.options > 0 ? (size_t)d->search.options : SIZE_MAX;
  count = g->choice_count - first;
  if (count > 1) qsort(g->choices + first, count, sizeof *g->choices, by_estimate);
  if (count > limit) g->choice_count = first + limit;
  return RAPT_OK;
}

static rapt_status add_choices(rapt__pbmt_graph *g) {
  for (int begin = 0; begin < g->length; begin++)
    for (int n = 1; n <= RAPT__PBMT_LONGEST_PHRASE + 1; n++) {
      g->span[begin * (RAPT__PBMT_LONGEST_PHRASE + 1) + n - 1] = g->choice_count;
      if (n <= RAPT__PBMT_LONGEST_PHRASE && begin + n <= g->length) RAPT_TRY(add_span(g, begin, n));
    }
  return RAPT_OK;
}

static void estimate_future(rapt__pbmt_graph *g) {
  for (int n = 1; n <= g->length; n++)
    for (int begin = 0; begin + n <= g->length; begin++) {
      int end = begin + n;
      double best = -INFINITY;
      if (n <= RAPT__PBMT_LONGEST_PHRASE && rapt__pbmt_span_end(g, begin, end) > rapt__pbmt_span_at(g, begin, end))
        best = g->choices[rapt__pbmt_span_at(g, begin, end)].estimate;
      for (int k = begin + 1; k < end; k++)
        best = fmax(best, *rapt__pbmt_future(g, begin, k) + *rapt__pbmt_future(g, k, end));
      *rapt__pbmt_future(g, begin, end) = best;
    }
}

static rapt_status check(const rapt__pbmt_decoder *d, const int32_t *words, size_t length) {
  if (length > RAPT__PBMT_LONGEST_INPUT)
    return rapt__fail(d->ctx, RAPT_EINVAL, "translation: a sentence of %zu words; at most %d can be translated", length,
                      RAPT__PBMT_LONGEST_INPUT);
  for (size_t i = 0; i < length; i++)
    if (words[i] < 0 || words[i] >= d->source_vocab)
      return rapt__fail(d->ctx, RAPT_EINVAL, "translation: word %zu: id %d is outside the vocabulary of %d", i + 1,
                        (int)words[i], (int)d->source_vocab);
  return RAPT_OK;
}

rapt_status rapt__pbmt_graph_open(const rapt__pbmt_decoder *d, const int32_t *words, size_t length,
                                  rapt__pbmt_graph *g) {
  *g = (rapt__pbmt_graph){.decoder = d, .words = words, .length = (int)length};
  rapt__arena_init(&g->arena, d->ctx);
  RAPT_TRY(check(d, words, length));
  g->span = rapt__arena_new(&g->arena, length * (RAPT__PBMT_LONGEST_PHRASE + 1), sizeof *g->span);
  g->future = rapt__arena_new(&g->arena, length * (length + 1), sizeof *g->future);
  if (!g->span || !g->future) return RAPT_ENOMEM;
  RAPT_TRY(add_choices(g));
  estimate_future(g);
  return RAPT_OK;
}

void rapt__pbmt_graph_free(rapt__pbmt_graph *g) {
  rapt__free(g->decoder->ctx, g->choices);
  rapt__arena_free(&g->arena);
}
