/* Scores of given pairs, and what they are worth in the n-best lists of a phrase-based system. */
#include "recipes/rctm.h"

#include "pbmt/lines.h"
#include "pbmt/model.h"

#include <math.h>
#include <string.h>

/* ---- Scores ---- */

static bool take(void *user, const rapt_translation *t) {
  double *log_probs = user;
  log_probs[t->line] = t->status == RAPT_OK && t->count ? t->hypotheses[0].log_probability : -INFINITY;
  return true;
}

rapt_status rapt__rctm_score(rapt__run *run, rapt_model *model, const rapt__line *sources, const rapt__line *targets,
                             size_t count, double **log_probs) {
  const char **lines[2];
  size_t *sizes[2];
  *log_probs = rapt__arena_new(&run->arena, count, sizeof **log_probs);
  for (int side = 0; side < 2; side++) {
    lines[side] = rapt__arena_new(&run->arena, count, sizeof *lines[side]);
    sizes[side] = rapt__arena_new(&run->arena, count, sizeof *sizes[side]);
    if (!lines[side] || !sizes[side] || !*log_probs) return RAPT_ENOMEM;
    for (size_t i = 0; i < count; i++) {
      const rapt__line *line = side ? &targets[i] : &sources[i];
      lines[side][i] = line->bytes;
      sizes[side][i] = line->size;
    }
  }
  rapt_translator *translator;
  rapt_translate_options options = {.batch = 64};
  RAPT_TRY(rapt_translator_new(&model, 1, &translator));
  rapt_status status = rapt_translate_score(translator, lines[0], sizes[0], lines[1], sizes[1], (int64_t)count,
                                            &options, take, *log_probs);
  rapt_translator_free(translator);
  return status;
}

/* ---- The phrase-based system's text ---- */

enum { TRAIN, DEV, TEST, SETS };

typedef struct baseline {
  rapt__run *run;
  const rapt__bitext *sets[SETS];
  rapt__pbmt_lexicon words[2];
  rapt__pbmt_text text[SETS][2];
  int32_t *copy; /* owned */
  rapt__pbmt_outcome lists;
} baseline;

static rapt_status read_side(baseline *b, int set, int side) {
  const rapt__bitext *bitext = b->sets[set];
  size_t most = 0, at = 0;
  for (size_t i = 0; i < bitext->count; i++) most += bitext->pairs[i][side].size / 2 + 1;
  int32_t *ids = rapt__arena_new(&b->run->arena, most, sizeof *ids);
  size_t *begin = rapt__arena_new(&b->run->arena, bitext->count + 1, sizeof *begin);
  if (!ids || !begin) return RAPT_ENOMEM;
  for (size_t i = 0; i < bitext->count; i++) {
    const rapt__line *line = &bitext->pairs[i][side];
    begin[i] = at;
    for (size_t from = 0, to; from < line->size; from = to + 1) {
      const char *blank = memchr(line->bytes + from, ' ', line->size - from);
      to = blank ? (size_t)(blank - line->bytes) : line->size;
      if (to > from) RAPT_TRY(rapt__pbmt_lexicon_id(&b->words[side], line->bytes + from, to - from, &ids[at++]));
    }
  }
  begin[bitext->count] = at;
  b->text[set][side] = (rapt__pbmt_text){.ids = ids, .begin = begin, .count = bitext->count};
  return RAPT_OK;
}

static void tell(void *user, const char *line) { rapt__run_say(user, RAPT_EVENT_NOTE, "phrases: %s", line); }

static rapt_status make_lists(baseline *b, int64_t n) {
  for (int side = 0; side < 2; side++) {
    RAPT_TRY(rapt__pbmt_lexicon_init(&b->words[side], b->run->ctx));
    for (int set = 0; set < SETS; set++) RAPT_TRY(read_side(b, set, side));
  }
  RAPT_TRY(rapt__pbmt_lexicon_copies(&b->words[0], &b->words[1], &b->copy));
  for (int set = 0; set < SETS; set++)
    for (int side = 0; side < 2; side++) b->text[set][side].vocab = (int32_t)b->words[side].count;
  rapt__pbmt_settings settings = RAPT__PBMT_DEFAULTS;
  settings.tuning.seed = (uint64_t)b->run->common.seed;
  const rapt__pbmt_task task = {.train_source = b->text[TRAIN][0],
                                .train_target = b->text[TRAIN][1],
                                .dev_source = b->text[DEV][0],
                                .dev_target = b->text[DEV][1],
                                .test_source = b->text[TEST][0],
                                .vocab = {.copy = b->copy, .end = RAPT__PBMT_END},
                                .n = (size_t)n};
  return rapt__pbmt_baseline(b->run->ctx, &settings, &task, tell, b->run, &b->lists);
}

/* ---- Scores of lists ---- */

/* A score that no list's best entry can have, for what a net cannot read: tuning needs finite ones. */
static const double unreadable = -1e4;

static rapt_status score_lists(baseline *b, int set, rapt_model *net, rapt__pbmt_nbest *lists, const char *name) {
  rapt__run *run = b->run;
  rapt__line *sides[2];
  rapt__text text;
  double *values;
  for (int i = 0; i < 2; i++)
    if (!(sides[i] = rapt__arena_new(&run->arena, lists->entries, sizeof *sides[i]))) return RAPT_ENOMEM;
  rapt__text_init(&text, run->ctx);
  rapt_status status = rapt__text_add(&text, "", 1);
  for (size_t s = 0; s < lists->sentences; s++)
    for (size_t k = lists->first[s]; k < lists->first[s + 1] && status == RAPT_OK; k++) {
      size_t begin = text.size;
      status = rapt__pbmt_lexicon_print(&b->words[1], lists->words + lists->word_at[k],
                                        lists->word_at[k + 1] - lists->word_at[k], &text);
      sides[0][k] = b->sets[set]->pairs[s][RAPT__SOURCE];
      sides[1][k].size = text.size - begin;
    }
  size_t at = 1;
  for (size_t k = 0; k < lists->entries && status == RAPT_OK; at += sides[1][k++].size)
    sides[1][k].bytes = text.data + at;
  if (status == RAPT_OK) status = rapt__rctm_score(run, net, sides[0], sides[1], lists->entries, &values);
  for (size_t k = 0; k < lists->entries && status == RAPT_OK; k++)
    if (!(values[k] > unreadable)) values[k] = unreadable;
  if (status == RAPT_OK) status = rapt__pbmt_nbest_add_column(lists, name, values);
  rapt__text_free(&text);
  return status;
}

/* BLEU on the test set with weights of these features, tuned on the validation lists; the others' stay as they are. */
static rapt_status tuned(baseline *b, const bool *used, double *weights, double *bleu) {
  rapt__pbmt_tuning tuning = RAPT__PBMT_TUNING_DEFAULTS;
  bool fixed[RAPT__PBMT_MOST_COLUMNS];
  double dev;
  for (int k = 0; k < RAPT__PBMT_MOST_COLUMNS; k++) fixed[k] = !used[k];
  tuning.seed = (uint64_t)b->run->common.seed;
  tuning.fixed = fixed;
  RAPT_TRY(rapt__pbmt_tune_weights(&b->lists.dev, &b->text[DEV][1], &tuning, weights, &dev));
  size_t *best = rapt__arena_new(&b->run->arena, b->lists.test.sentences, sizeof *best);
  if (!best) return RAPT_ENOMEM;
  rapt__pbmt_nbest_pick(&b->lists.test, weights, best);
  *bleu = rapt__pbmt_bleu_of(&b->lists.test, best, &b->text[TEST][1]);
  return RAPT_OK;
}

static rapt_status rerank(baseline *b, rapt_model *const *nets, rapt__rctm_rerank *out) {
  static const char *const names[RAPT__RCTM_NETS] = {"RCTM I", "RCTM II"};
  size_t *best = rapt__arena_new(&b->run->arena, b->lists.test.sentences, sizeof *best);
  if (!best) return RAPT_ENOMEM;
  rapt__pbmt_nbest_pick(&b->lists.test, b->lists.weights, best);
  out->baseline = rapt__pbmt_bleu_of(&b->lists.test, best, &b->text[TEST][1]);
  out->entries = (double)b->lists.test.entries / (double)b->lists.test.sentences;
  for (int net = 0; net < RAPT__RCTM_NETS; net++) {
    RAPT_TRY(score_lists(b, DEV, nets[net], &b->lists.dev, names[net]));
    RAPT_TRY(score_lists(b, TEST, nets[net], &b->lists.test, names[net]));
  }
  for (int net = 0; net < RAPT__RCTM_NETS; net++) {
    double weights[2][RAPT__PBMT_MOST_COLUMNS] = {{0}};
    bool used[2][RAPT__PBMT_MOST_COLUMNS] = {{false}};
    int column = RAPT__PBMT_FEATURE_COUNT + net;
    used[0][RAPT__PBMT_WORDS] = used[0][column] = true;
    weights[0][column] = 1;
    memcpy(weights[1], b->lists.weights, sizeof weights[1]);
    weights[1][column] = weights[1][RAPT__PBMT_FEATURE_COUNT + 1 - net] = 0;
    for (int k = 0; k < RAPT__PBMT_FEATURE_COUNT; k++) used[1][k] = k != RAPT__PBMT_COPIES;
    used[1][column] = true;
    RAPT_TRY(tuned(b, used[0], weights[0], &out->alone[net]));
    RAPT_TRY(tuned(b, used[1], weights[1], &out->together[net]));
  }
  return RAPT_OK;
}

rapt_status rapt__rctm_rerank_measure(rapt__run *run, const rapt__corpus *corpus, rapt_model *const *nets, int64_t n,
                                      rapt__rctm_rerank *out) {
  baseline b = {.run = run, .sets = {&corpus->train, &corpus->valid, &corpus->test}};
  rapt_status status = make_lists(&b, n);
  if (status == RAPT_OK) status = rerank(&b, nets, out);
  rapt__pbmt_outcome_free(&b.lists);
  for (int side = 0; side < 2; side++) rapt__pbmt_lexicon_free(&b.words[side]);
  rapt__free(run->ctx, b.copy);
  return status;
}
