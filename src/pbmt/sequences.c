/* Ids by frequency, and sequences of steps. */
#include "pbmt/sequences.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 2 * RAPT__PBMT_LONGEST + 1, NO_WORD = -1 };
enum { IDS = (RAPT__PBMT_LONGEST + 1) * (RAPT__PBMT_LONGEST_PHRASE + 1) }; /* of a sequence of phrases, or of words */

/* ---- Vocabulary ---- */

typedef struct frequency {
  int64_t count;
  int32_t word;
} frequency;

static int by_frequency(const void *a, const void *b) {
  const frequency *x = a, *y = b;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->word < y->word ? -1 : x->word > y->word;
}

rapt_status rapt__step_vocab_init(rapt_context *ctx, const rapt__pbmt_text *text, int64_t min_count,
                                  rapt__step_vocab *out) {
  *out = (rapt__step_vocab){.ctx = ctx, .words = text->vocab, .size = RAPT__ALIGNED_WORDS};
  if (text->vocab > INT32_MAX - RAPT__ALIGNED_WORDS)
    return rapt__fail(ctx, RAPT_EINVAL, "a vocabulary of %d words is too large", (int)text->vocab);
  frequency *words = rapt__new(ctx, (size_t)text->vocab, sizeof *words);
  out->of = rapt__new(ctx, (size_t)text->vocab, sizeof *out->of);
  if (words && out->of) {
    for (int32_t w = 0; w < text->vocab; w++) words[w].word = w;
    for (size_t k = text->begin[0]; k < text->begin[text->count]; k++) words[text->ids[k]].count++;
    if (text->vocab) qsort(words, (size_t)text->vocab, sizeof *words, by_frequency);
    for (int32_t w = 0; w < text->vocab; w++)
      out->of[words[w].word] = words[w].count > 0 && words[w].count >= min_count ? out->size++ : RAPT__ALIGNED_UNKNOWN;
  }
  rapt__free(ctx, words);
  return words && out->of ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__step_vocab_free(rapt__step_vocab *v) {
  if (!v->ctx) return;
  rapt__free(v->ctx, v->of);
  *v = (rapt__step_vocab){0};
}

/* ---- Sequences ---- */

rapt_status rapt__sequencer_init(rapt_context *ctx, const rapt__step_vocab *source, const rapt__step_vocab *target,
                                 rapt__sequencer *s) {
  *s = (rapt__sequencer){.ctx = ctx, .source = source, .target = target};
  s->steps = rapt__new(ctx, MOST, sizeof *s->steps);
  s->taken = rapt__new(ctx, RAPT__PBMT_LONGEST, 1);
  for (int side = 0; side < 2; side++) s->ids[side] = rapt__new(ctx, IDS, sizeof *s->ids[side]);
  return s->steps && s->taken && s->ids[0] && s->ids[1] ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__sequencer_free(rapt__sequencer *s) {
  if (!s->ctx) return;
  rapt__free(s->ctx, s->steps);
  rapt__free(s->ctx, s->taken);
  for (int side = 0; side < 2; side++) rapt__free(s->ctx, s->ids[side]);
  *s = (rapt__sequencer){0};
}

static rapt_status check(const rapt__sequencer *s, size_t source_length, size_t target_length) {
  if (source_length <= RAPT__PBMT_LONGEST && target_length <= RAPT__PBMT_LONGEST) return RAPT_OK;
  return rapt__fail(s->ctx, RAPT_EINVAL, "a sequence of %zu source and %zu target words; %d is the most", source_length,
                    target_length, RAPT__PBMT_LONGEST);
}

rapt_status rapt__sequence_target(rapt__sequencer *s, const int32_t *target, size_t target_length, rapt__pairs *pairs) {
  RAPT_TRY(check(s, 0, target_length));
  for (size_t j = 0; j < target_length; j++) s->ids[1][j] = rapt__step_id(s->target, target[j]);
  s->ids[1][target_length] = RAPT__ALIGNED_END;
  return rapt__pairs_add(pairs, s->ids[1], (int64_t)target_length + 1, s->ids[1], (int64_t)target_length + 1);
}

static int32_t word_or_mark(const rapt__step_vocab *vocab, const int32_t *words, int position) {
  return position >= 0                    ? rapt__step_id(vocab, words[position])
         : position == RAPT__STEP_ALIGNED ? RAPT__ALIGNED_LINKED
                                          : RAPT__ALIGNED_UNLINKED;
}

rapt_status rapt__sequence_words(rapt__sequencer *s, const int32_t *source, size_t source_length, const int32_t *target,
                                 size_t target_length, const rapt__pbmt_link *links, size_t link_count,
                                 rapt__pairs *pairs) {
  RAPT_TRY(check(s, source_length, target_length));
  size_t n = rapt__pbmt_steps(source_length, target_length, links, link_count, s->taken, s->steps);
  for (size_t k = 0; k < n; k++) {
    s->ids[0][k] = word_or_mark(s->source, source, s->steps[k].source);
    s->ids[1][k] = word_or_mark(s->target, target, s->steps[k].target);
  }
  s->ids[0][n] = s->ids[1][n] = RAPT__ALIGNED_END;
  return rapt__pairs_add(pairs, s->ids[0], (int64_t)n + 1, s->ids[1], (int64_t)n + 1);
}

/* `count` words from `from` on, or one END for count 0; with `close` the end of the phrase behind them; NO_WORD up to `width`. */
static void put_phrase(const rapt__step_vocab *vocab, const int32_t *from, int count, bool close, int width,
                       int32_t *to) {
  for (int k = 0; k < width; k++) to[k] = NO_WORD;
  for (int k = 0; k < count; k++) to[k] = rapt__step_id(vocab, from[k]);
  if (count == 0) to[0] = RAPT__ALIGNED_END;
  if (close && count > 0) to[count] = RAPT__ALIGNED_LINKED;
}

rapt_status rapt__sequence_phrases(rapt__sequencer *s, const int32_t *source, const int32_t *target,
                                   const rapt__pbmt_span *spans, size_t span_count, int words, rapt__pairs *pairs) {
  RAPT_TRY(check(s, span_count, span_count));
  for (size_t k = 0; k < span_count; k++) {
    const rapt__pbmt_span *span = &spans[k];
    int read = span->end - span->begin, said = span->target_end - span->target_begin;
    if (read < 1 || said < 1 || read > words || said > words || words > RAPT__PBMT_LONGEST_PHRASE)
      return rapt__fail(s->ctx, RAPT_EINVAL, "a phrase pair of %d and %d words; 1 to %d are expected", read, said,
                        words);
    put_phrase(s->source, source + span->begin, read, false, words, s->ids[0] + k * (size_t)words);
    put_phrase(s->target, target + span->target_begin, said, true, words + 1, s->ids[1] + k * (size_t)(words + 1));
  }
  put_phrase(s->source, source, 0, false, words, s->ids[0] + span_count * (size_t)words);
  put_phrase(s->target, target, 0, true, words + 1, s->ids[1] + span_count * (size_t)(words + 1));
  return rapt__pairs_add(pairs, s->ids[0], (int64_t)(span_count + 1) * words, s->ids[1],
                         (int64_t)(span_count + 1) * (words + 1));
}
