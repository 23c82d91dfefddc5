/* Training, tuning and translating. */
#include "pbmt/model.h"

#include <stdio.h>
#include <string.h>

static rapt_status check(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                         const rapt__pbmt_vocab *vocab) {
  RAPT_TRY(rapt__pbmt_check_pair(ctx, source, target));
  if (source->count == 0) return rapt__fail(ctx, RAPT_EINVAL, "translation: a text without sentences");
  if (vocab->end < 0 || vocab->end >= target->vocab)
    return rapt__fail(ctx, RAPT_EINVAL, "translation: the end id %d is outside the vocabulary of %d", (int)vocab->end,
                      (int)target->vocab);
  for (size_t k = target->begin[0]; k < target->begin[target->count]; k++)
    if (target->ids[k] == vocab->end)
      return rapt__fail(ctx, RAPT_EINVAL, "translation: the end id %d is a word of the target text", (int)vocab->end);
  for (int32_t f = 0; f < source->vocab; f++)
    if (vocab->copy[f] < 0 || vocab->copy[f] >= target->vocab || vocab->copy[f] == vocab->end)
      return rapt__fail(ctx, RAPT_EINVAL, "translation: source word %d is copied as %d, which is no target word",
                        (int)f, (int)vocab->copy[f]);
  return RAPT_OK;
}

static rapt_status train_lm(rapt_context *ctx, const rapt__pbmt_text *text, int32_t end, int order, rapt__ngram **out) {
  size_t words = text->begin[text->count] - text->begin[0], count = 0;
  int32_t *ids = rapt__new(ctx, words + text->count, sizeof *ids);
  if (!ids) return RAPT_ENOMEM;
  for (size_t s = 0; s < text->count; s++) {
    size_t length = rapt__pbmt_length(text, s);
    if (length) memcpy(ids + count, rapt__pbmt_words(text, s), length * sizeof *ids);
    count += length;
    ids[count++] = end;
  }
  rapt_status status = rapt__ngram_train_sentences(ctx, ids, count, text->vocab, end, order, true, out);
  rapt__free(ctx, ids);
  return status;
}

rapt_status rapt__pbmt_train_linked(rapt_context *ctx, const rapt__pbmt_settings *settings,
                                    const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                    const rapt__pbmt_links *links, const rapt__pbmt_vocab *vocab, rapt__pbmt_model *m) {
  *m = (rapt__pbmt_model){.ctx = ctx, .settings = *settings};
  RAPT_TRY(check(ctx, source, target, vocab));
  m->copy = rapt__new(ctx, (size_t)source->vocab, sizeof *m->copy);
  if (!m->copy) return RAPT_ENOMEM;
  memcpy(m->copy, vocab->copy, (size_t)source->vocab * sizeof *m->copy);
  RAPT_TRY(train_lm(ctx, target, vocab->end, settings->order, &m->lm));
  RAPT_TRY(rapt__pbmt_phrases_extract(ctx, source, target, links, settings->longest_phrase, settings->most_options,
                                      &m->phrases));
  m->decoder = (rapt__pbmt_decoder){.ctx = ctx,
                                    .phrases = &m->phrases,
                                    .lm = m->lm,
                                    .end = vocab->end,
                                    .copy = m->copy,
                                    .source_vocab = source->vocab,
                                    .search = settings->search};
  memcpy(m->decoder.weights, rapt__pbmt_first_weights, sizeof rapt__pbmt_first_weights);
  return RAPT_OK;
}

rapt_status rapt__pbmt_train(rapt_context *ctx, const rapt__pbmt_settings *settings, const rapt__pbmt_text *source,
                             const rapt__pbmt_text *target, const rapt__pbmt_vocab *vocab, rapt__pbmt_model *m) {
  *m = (rapt__pbmt_model){.ctx = ctx};
  RAPT_TRY(check(ctx, source, target, vocab));
  rapt__pbmt_links links;
  rapt_status status = rapt__align_text(ctx, source, target, &settings->align, &links);
  if (status == RAPT_OK) status = rapt__pbmt_train_linked(ctx, settings, source, target, &links, vocab, m);
  rapt__pbmt_links_free(&links);
  return status;
}

void rapt__pbmt_free(rapt__pbmt_model *m) {
  if (!m->ctx) return;
  rapt__pbmt_phrases_free(&m->phrases);
  rapt__ngram_free(m->lm);
  rapt__free(m->ctx, m->copy);
  *m = (rapt__pbmt_model){0};
}

rapt_status rapt__pbmt_add_feature(rapt__pbmt_model *m, const char *name, const double *values, double weight) {
  RAPT_TRY(rapt__pbmt_phrases_add_column(&m->phrases, name, values));
  m->decoder.weights[m->phrases.columns.count - 1] = weight;
  return RAPT_OK;
}

rapt_status rapt__pbmt_translate(const rapt__pbmt_model *m, const rapt__pbmt_text *source, size_t n,
                                 rapt__pbmt_nbest *out) {
  RAPT_TRY(rapt__pbmt_nbest_init(out, m->ctx, &m->phrases.columns));
  for (size_t s = 0; s < source->count; s++) {
    if (atomic_load(&m->ctx->interrupted))
      return rapt__fail(m->ctx, RAPT_EINTERRUPTED, "translation was interrupted at sentence %zu", s + 1);
    RAPT_TRY(rapt__pbmt_decode(&m->decoder, rapt__pbmt_words(source, s), rapt__pbmt_length(source, s), n, out, NULL));
  }
  return RAPT_OK;
}

/* ---- Tuning ---- */

typedef struct tuning {
  rapt__pbmt_model *m;
  const rapt__pbmt_text *source, *target;
  rapt__pbmt_nbest all; /* of all rounds */
  size_t *pick;         /* (sentences) */
  double best, weights[RAPT__PBMT_MOST_COLUMNS];
} tuning;

/* Decodes with the present weights; *fresh says how many entries were not there before. */
static rapt_status decode_round(tuning *t, bool first, size_t *fresh, double *bleu) {
  rapt__pbmt_nbest lists;
  size_t before = t->all.entries;
  rapt_status status = rapt__pbmt_translate(t->m, t->source, (size_t)t->m->settings.tuning_nbest, &lists);
  if (status == RAPT_OK) {
    for (size_t s = 0; s < lists.sentences; s++) t->pick[s] = lists.first[s];
    *bleu = rapt__pbmt_bleu_of(&lists, t->pick, t->target);
    if (first) {
      t->all = lists;
      lists = (rapt__pbmt_nbest){0};
    } else {
      status = rapt__pbmt_nbest_merge(&t->all, &lists);
    }
    *fresh = t->all.entries - before;
  }
  rapt__pbmt_nbest_free(&lists);
  return status;
}

static rapt_status tune_rounds(tuning *t, rapt__pbmt_tell_fn tell, void *user) {
  bool fixed[RAPT__PBMT_MOST_COLUMNS] = {[RAPT__PBMT_COPIES] = true};
  double *weights = t->m->decoder.weights;
  t->best = -1;
  for (int round = 0; round < t->m->settings.rounds; round++) {
    size_t fresh;
    double bleu, tuned = 0;
    RAPT_TRY(decode_round(t, round == 0, &fresh, &bleu));
    if (bleu > t->best) {
      t->best = bleu;
      memcpy(t->weights, weights, sizeof t->weights);
    }
    bool last = round + 1 == t->m->settings.rounds || fresh <= t->all.entries / 1000;
    if (!last) {
      rapt__pbmt_tuning settings = t->m->settings.tuning;
      settings.fixed = fixed;
      settings.seed += (uint64_t)round << 32;
      RAPT_TRY(rapt__pbmt_tune_weights(&t->all, t->target, &settings, weights, &tuned));
    }
    char line[160];
    int used = snprintf(line, sizeof line, "tuning round %d: BLEU %.2f, %zu new entries", round + 1, bleu, fresh);
    if (!last) snprintf(line + used, sizeof line - (size_t)used, ", the lists allow %.2f", tuned);
    if (tell) tell(user, line);
    if (last) break;
  }
  memcpy(weights, t->weights, sizeof t->weights);
  return RAPT_OK;
}

rapt_status rapt__pbmt_tune(rapt__pbmt_model *m, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                            rapt__pbmt_tell_fn tell, void *user, double *bleu) {
  RAPT_TRY(rapt__pbmt_check_pair(m->ctx, source, target));
  if (source->count == 0) return rapt__fail(m->ctx, RAPT_EINVAL, "tuning: a text without sentences");
  tuning t = {.m = m, .source = source, .target = target};
  t.pick = rapt__new(m->ctx, source->count, sizeof *t.pick);
  rapt_status status = t.pick ? tune_rounds(&t, tell, user) : RAPT_ENOMEM;
  if (bleu && status == RAPT_OK) *bleu = t.best;
  rapt__pbmt_nbest_free(&t.all);
  rapt__free(m->ctx, t.pick);
  return status;
}

/* ---- All of it ---- */

rapt_status rapt__pbmt_baseline(rapt_context *ctx, const rapt__pbmt_settings *settings, const rapt__pbmt_task *task,
                                rapt__pbmt_tell_fn tell, void *user, rapt__pbmt_outcome *out) {
  rapt__pbmt_model m;
  *out = (rapt__pbmt_outcome){0};
  rapt_status status = rapt__pbmt_train(ctx, settings, &task->train_source, &task->train_target, &task->vocab, &m);
  if (status == RAPT_OK) status = rapt__pbmt_tune(&m, &task->dev_source, &task->dev_target, tell, user, NULL);
  if (status == RAPT_OK) status = rapt__pbmt_translate(&m, &task->dev_source, task->n, &out->dev);
  if (status == RAPT_OK) status = rapt__pbmt_translate(&m, &task->test_source, task->n, &out->test);
  memcpy(out->weights, m.decoder.weights, sizeof m.decoder.weights);
  rapt__pbmt_free(&m);
  return status;
}

void rapt__pbmt_outcome_free(rapt__pbmt_outcome *outcome) {
  rapt__pbmt_nbest_free(&outcome->dev);
  rapt__pbmt_nbest_free(&outcome->test);
}
