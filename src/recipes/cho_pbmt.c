/* The phrase-based system that the net's scores are to help. */
#include "recipes/cho.h"

#include "base/file.h"

#include <string.h>

/* ---- Text as ids ---- */

static rapt_status read_side(rapt__cho_pbmt *p, int set, int side, const rapt__bitext *b) {
  rapt_context *ctx = p->run->ctx;
  size_t id_room = 0, words = 0;
  p->begin[set][side] = rapt__new(ctx, b->count + 1, sizeof **p->begin[set]);
  if (!p->begin[set][side]) return RAPT_ENOMEM;
  for (size_t s = 0; s < b->count; s++) {
    const rapt__line *line = &b->pairs[s][side];
    for (size_t i = 0; i < line->size;) {
      size_t from = i;
      while (i < line->size && line->bytes[i] != ' ') i++;
      if (i > from) {
        RAPT_TRY(rapt__reserve(ctx, (void **)&p->ids[set][side], &id_room, words, sizeof **p->ids[set]));
        RAPT_TRY(rapt__pbmt_lexicon_id(&p->words[side], line->bytes + from, i - from, &p->ids[set][side][words]));
        words++;
      }
      i++;
    }
    p->begin[set][side][s + 1] = words;
  }
  return RAPT_OK;
}

static rapt_status read_text(rapt__cho_pbmt *p) {
  const rapt__bitext *const sets[] = {&p->corpus->train, &p->corpus->valid, &p->corpus->test};
  for (int side = 0; side < 2; side++) {
    RAPT_TRY(rapt__pbmt_lexicon_init(&p->words[side], p->run->ctx));
    for (int set = 0; set < RAPT__CHO_SETS; set++) RAPT_TRY(read_side(p, set, side, sets[set]));
  }
  RAPT_TRY(rapt__pbmt_lexicon_copies(&p->words[0], &p->words[1], &p->copy));
  for (int set = 0; set < RAPT__CHO_SETS; set++)
    for (int side = 0; side < 2; side++)
      p->text[set][side] =
          (rapt__pbmt_text){p->ids[set][side], p->begin[set][side], sets[set]->count, (int32_t)p->words[side].count};
  return RAPT_OK;
}

/* ---- The system ---- */

rapt_status rapt__cho_pbmt_begin(rapt__run *run, const rapt__corpus *corpus, rapt__cho_pbmt *p) {
  const rapt__cho_settings *own = run->own;
  rapt__pbmt_settings s = RAPT__PBMT_DEFAULTS;
  *p = (rapt__cho_pbmt){.run = run, .corpus = corpus};
  s.longest_phrase = (int)own->longest;
  s.search.stack = (int)own->stack;
  s.rounds = (int)own->rounds;
  RAPT_TRY(read_text(p));
  const rapt__pbmt_vocab vocab = {.copy = p->copy, .end = RAPT__PBMT_END};
  RAPT_TRY(
      rapt__pbmt_train(run->ctx, &s, &p->text[RAPT__CHO_TRAIN][0], &p->text[RAPT__CHO_TRAIN][1], &vocab, &p->model));
  rapt__run_say(run, RAPT_EVENT_NOTE, "phrases of at most %d words: %zu source phrases, %zu pairs", s.longest_phrase,
                p->model.phrases.phrases, p->model.phrases.count);
  return RAPT_OK;
}

void rapt__cho_pbmt_free(rapt__cho_pbmt *p) {
  if (!p->run) return;
  rapt__pbmt_free(&p->model);
  for (int side = 0; side < 2; side++) {
    for (int set = 0; set < RAPT__CHO_SETS; set++) {
      rapt__free(p->run->ctx, p->ids[set][side]);
      rapt__free(p->run->ctx, p->begin[set][side]);
    }
    rapt__pbmt_lexicon_free(&p->words[side]);
  }
  rapt__free(p->run->ctx, p->copy);
  *p = (rapt__cho_pbmt){0};
}

/* ---- Tuning and testing ---- */

/* The first entries of lists as lines, and their score. */
static rapt_status collect(rapt__cho_pbmt *p, const rapt__pbmt_nbest *lists, rapt__translated *out) {
  rapt__run *run = p->run;
  const rapt__cho_settings *own = run->own;
  rapt_metric metric = rapt__translation_metric(&own->translation);
  *out = (rapt__translated){.lines = rapt__arena_new(&run->arena, lists->sentences, sizeof *out->lines)};
  rapt_status status = out->lines ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < lists->sentences && status == RAPT_OK; s++) {
    size_t k = lists->first[s];
    rapt__text line;
    rapt__text_init(&line, run->ctx);
    status = rapt__pbmt_lexicon_print(&p->words[1], lists->words + lists->word_at[k],
                                      lists->word_at[k + 1] - lists->word_at[k], &line);
    const char *copy = status == RAPT_OK ? rapt__arena_strdup(&run->arena, line.data ? line.data : "") : NULL;
    if (status == RAPT_OK && !copy) status = RAPT_ENOMEM;
    out->lines[s] = (rapt_segment){copy, line.size};
    rapt__text_free(&line);
  }
  return status == RAPT_OK ? rapt__score_translated(run, &metric, &p->corpus->test, out) : status;
}

static void tell(void *user, const char *line) { rapt__run_say(user, RAPT_EVENT_NOTE, "%s", line); }

static rapt_status tune(rapt__cho_pbmt *p, uint64_t number, double *dev) {
  p->model.settings.tuning.seed = (uint64_t)p->run->common.seed + number * 1000;
  return rapt__pbmt_tune(&p->model, &p->text[RAPT__CHO_DEV][0], &p->text[RAPT__CHO_DEV][1], tell, p->run, dev);
}

rapt_status rapt__cho_pbmt_settle(rapt__cho_pbmt *p) {
  double dev;
  RAPT_TRY(tune(p, 0, &dev));
  memcpy(p->start, p->model.decoder.weights, sizeof p->start);
  rapt__run_say(p->run, RAPT_EVENT_NOTE, "weights to start from: BLEU %.2f on val", dev);
  return RAPT_OK;
}

static rapt_status say(const rapt__cho_pbmt *p, const char *what, int64_t number, double dev, double test,
                       double seconds) {
  rapt__text line;
  rapt__text_init(&line, p->run->ctx);
  rapt_status status = rapt__pbmt_columns_print(&p->model.phrases.columns, p->model.decoder.weights, &line);
  if (status == RAPT_OK)
    rapt__run_say(p->run, RAPT_EVENT_NOTE, "%s, tuning %lld: BLEU %.2f on val, %.2f on test, %.0f s; weights: %s", what,
                  (long long)number, dev, test, seconds, line.data);
  rapt__text_free(&line);
  return status;
}

rapt_status rapt__cho_pbmt_measure(rapt__cho_pbmt *p, const char *what, rapt__translated *outputs) {
  const rapt__cho_settings *own = p->run->own;
  for (int64_t k = 0; k < own->tunings; k++) {
    rapt__pbmt_nbest lists;
    double began = rapt__now(), dev;
    memset(p->model.decoder.weights, 0, sizeof p->model.decoder.weights);
    memcpy(p->model.decoder.weights, p->start, sizeof p->start);
    RAPT_TRY(tune(p, (uint64_t)k + 1, &dev));
    rapt_status status = rapt__pbmt_translate(&p->model, &p->text[RAPT__CHO_TEST][0], 1, &lists);
    if (status == RAPT_OK) status = collect(p, &lists, &outputs[k]);
    rapt__pbmt_nbest_free(&lists);
    RAPT_TRY(status);
    RAPT_TRY(say(p, what, k + 1, dev, outputs[k].score.score, rapt__now() - began));
  }
  return RAPT_OK;
}
