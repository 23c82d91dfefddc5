/* Weights for a choice of features, the entries that they choose, and how good these are. */
#include "recipes/rescoring.h"

#include <math.h>
#include <string.h>

enum { DIRECTIONS = 20 }; /* that a pass of tuning tries besides the features */

const char *rapt__rescoring_words(const rapt__rescoring *r, const int32_t *words, size_t count, int side) {
  rapt__text text;
  rapt__text_init(&text, r->run->ctx);
  rapt_status status = rapt__pbmt_lexicon_print(&r->words[side], words, count, &text);
  const char *copy = status == RAPT_OK ? rapt__arena_strdup(&r->run->arena, text.data ? text.data : "") : NULL;
  rapt__text_free(&text);
  return copy;
}

/* BLEU and TER of the chosen entries of the test lists; words are what stands between blanks. */
static rapt_status judge(rapt__rescoring *r, rapt__rescored *y) {
  const rapt__pbmt_nbest *l = &r->lists[RAPT__RESCORING_TEST];
  const rapt__pbmt_text *wanted = &r->text[RAPT__RESCORING_TEST][1];
  rapt__arena *arena = &r->run->arena;
  rapt_segment *lines = rapt__arena_new(arena, l->sentences, sizeof *lines),
               *references = rapt__arena_new(arena, l->sentences, sizeof *references);
  if (!lines || !references) return RAPT_ENOMEM;
  for (size_t s = 0; s < l->sentences; s++) {
    size_t k = y->best[s];
    const char *said = rapt__rescoring_words(r, l->words + l->word_at[k], l->word_at[k + 1] - l->word_at[k], 1);
    const char *meant = rapt__rescoring_words(r, rapt__pbmt_words(wanted, s), rapt__pbmt_length(wanted, s), 1);
    if (!said || !meant) return RAPT_ENOMEM;
    lines[s] = (rapt_segment){said, strlen(said)};
    references[s] = (rapt_segment){meant, strlen(meant)};
  }
  for (int m = 0; m < 2; m++) {
    rapt_metric metric = rapt_metric_default(m ? RAPT_TER : RAPT_BLEU);
    double sum[64];
    rapt_score score;
    metric.tokenizer = RAPT_TOK_NONE;
    int width = rapt_metric_width(&metric);
    y->stats[m] = rapt__arena_new(arena, l->sentences, (size_t)width * sizeof *y->stats[m]);
    if (!y->stats[m]) return RAPT_ENOMEM;
    RAPT_TRY(rapt_metric_stats(r->run->ctx, &metric, lines, (const rapt_segment *const[]){references}, 1,
                               (int64_t)l->sentences, y->stats[m]));
    rapt_metric_sum(&metric, y->stats[m], (int64_t)l->sentences, sum);
    RAPT_TRY(rapt_metric_score(r->run->ctx, &metric, sum, &score));
    *(m ? &y->ter : &y->bleu) = score.score;
  }
  return RAPT_OK;
}

/* What is neither the decoder's nor wanted weighs nothing; the weight of copied words stays. */
static rapt_status tune(rapt__rescoring *r, rapt__rescored *y, const rapt__rescored *from, const char *const *extra,
                        int count) {
  const rapt__pbmt_nbest *dev = &r->lists[RAPT__RESCORING_DEV];
  bool fixed[RAPT__PBMT_MOST_COLUMNS] = {[RAPT__PBMT_COPIES] = true};
  for (size_t c = RAPT__PBMT_FEATURE_COUNT; c < dev->columns.count; c++) fixed[c] = true;
  if (from) memcpy(y->weights, from->weights, sizeof y->weights);
  for (int e = 0; e < count; e++) {
    int c = rapt__pbmt_columns_find(&dev->columns, extra[e]);
    if (c < 0) return rapt__fail(r->run->ctx, RAPT_EINVAL, "rescoring: no feature is called \"%s\"", extra[e]);
    fixed[c] = false;
  }
  rapt__pbmt_tuning settings = RAPT__PBMT_TUNING_DEFAULTS;
  settings.starts = (int)r->settings->starts;
  settings.directions = DIRECTIONS;
  settings.seed = (uint64_t)r->run->common.seed;
  settings.fixed = fixed;
  RAPT_TRY(rapt__pbmt_tune_weights(dev, &r->text[RAPT__RESCORING_DEV][1], &settings, y->weights, &y->dev));
  rapt__pbmt_nbest_pick(&r->lists[RAPT__RESCORING_TEST], y->weights, y->best);
  return RAPT_OK;
}

static rapt_status first_entries(rapt__rescoring *r, rapt__rescored *y) {
  const rapt__pbmt_nbest *dev = &r->lists[RAPT__RESCORING_DEV], *test = &r->lists[RAPT__RESCORING_TEST];
  size_t *best = rapt__arena_new(&r->run->arena, dev->sentences, sizeof *best);
  if (!best) return RAPT_ENOMEM;
  for (size_t s = 0; s < dev->sentences; s++) best[s] = dev->first[s];
  for (size_t s = 0; s < test->sentences; s++) y->best[s] = test->first[s];
  y->dev = rapt__pbmt_bleu_of(dev, best, &r->text[RAPT__RESCORING_DEV][1]);
  memcpy(y->weights, r->system.decoder.weights, RAPT__PBMT_FEATURE_COUNT * sizeof *y->weights);
  return RAPT_OK;
}

rapt_status rapt__rescoring_tune(rapt__rescoring *r, const char *name, const rapt__rescored *from,
                                 const char *const *extra, int count, double nats) {
  rapt__rescored *y = &r->systems[r->count];
  if (r->count == RAPT__RESCORING_SYSTEMS) return rapt__fail(r->run->ctx, RAPT_EINVAL, "rescoring: too many systems");
  *y = (rapt__rescored){.name = name, .nats = nats};
  y->best = rapt__arena_new(&r->run->arena, r->lists[RAPT__RESCORING_TEST].sentences, sizeof *y->best);
  if (!y->best) return RAPT_ENOMEM;
  RAPT_TRY(count < 0 ? first_entries(r, y) : tune(r, y, from, extra, count));
  rapt__run_say(r->run, RAPT_EVENT_NOTE, "%s: the lists of the validation text allow BLEU %.2f", name, y->dev);
  RAPT_TRY(judge(r, y));
  r->count++;
  if (isnan(nats))
    return rapt__findings_say(&r->findings, "%s: BLEU %.2f, TER %.2f (val: BLEU %.2f)", name, y->bleu, y->ter, y->dev);
  return rapt__findings_say(&r->findings, "%s: BLEU %.2f, TER %.2f (val: BLEU %.2f, perplexity %.2f)", name, y->bleu,
                            y->ter, y->dev, exp(nats));
}
