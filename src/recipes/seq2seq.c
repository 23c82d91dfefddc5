/* Sequence to sequence learning with neural networks (Sutskever et al. 2014): one LSTM reads a sentence into a vector, another
 * one writes the translation from it. The same net with the source in its own order stands beside it. */
#include "recipes/lm_report.h"
#include "recipes/seq2seq_order.h"

#include "data/cmudict.h"

#include <string.h>

typedef struct seq2seq_settings {
  rapt__translation_settings translation; /* first */
  bool compare;
  int64_t spelling;
} seq2seq_settings;

static const rapt__key keys[] = {RAPT__TRANSLATION_KEYS,
                                 {"seq2seq.compare", NULL, RAPT__KEY_BOOL, offsetof(seq2seq_settings, compare), "true",
                                  0, 0, NULL, "trains the other choice of model.reverse too"},
                                 {"seq2seq.spelling", NULL, RAPT__KEY_INT, offsetof(seq2seq_settings, spelling),
                                  "10000", 0, 1e12, NULL,
                                  "updates of a net of half the width that pronounces the words of a dictionary; 0: "
                                  "none"},
                                 {0}};

static const char *const defaults[] = {"data=multi30k",
                                       "model.dropout=0.2",
                                       "search.beam=12",
                                       "train.steps=3000",
                                       "train.batch=64",
                                       "train.lr=2e-3",
                                       "train.warmup=100",
                                       "train.weight_decay=0.01",
                                       "train.eval_every=500",
                                       "train.evals=1000",
                                       "train.save_every=500",
                                       "train.sample_every=0",
                                       NULL};

/* BLEU of the net that reads from the end; phonemes that are wrong, of a hundred; BLEU that reading from the end gains; the gain of beam 2 among that of the whole
 * beam; the distance that word order makes among that of another sentence. */
static const double mark = 12, phoneme_mark = 11, gain = 1.5, share = 0.5, apart = 0.5;

enum { REVERSED, FORWARD };
static const char *const names[] = {"source reversed", "source in order"};

typedef struct contest {
  rapt__corpus corpus;
  rapt__system systems[2]; /* by REVERSED and FORWARD */
  bool trained[2];
  rapt__translated greedy, two, best[2], both; /* beams 1, 2 and search.beam */
  rapt__word_order order;
  rapt__text lengths, plane, samples; /* pictures and sentences of the report */
  int main;                           /* which system the settings ask for */

  rapt__corpus words; /* spelling and phonemes */
  rapt__translation_settings spelling;
  rapt__system speaker;
  rapt__translated spoken;
  bool speaks; /* the dictionary is there and wanted */
} contest;

/* ---- Training ---- */

/* The settings' configuration with this choice of model.reverse, in the run's arena. */
static rapt_status configure(rapt__run *run, const rapt__model *arch, int which, void **out) {
  *out = rapt__arena_new(&run->arena, 1, arch->config_size);
  if (!*out) return RAPT_ENOMEM;
  memcpy(*out, run->model, arch->config_size);
  rapt__config config = {arch->keys, *out};
  return rapt__config_set(run->ctx, &run->arena, &config, 1, "model.reverse", which == REVERSED ? "true" : "false",
                          run->recipe->info.id);
}

static bool reads_from_the_end(const rapt__run *run, const rapt__model *arch) {
  void *field;
  rapt__config config = {arch->keys, run->model};
  rapt__config_find(&config, 1, "model.reverse", &field);
  return *(bool *)field;
}

static rapt_status train(rapt__run *run, contest *c, const rapt__model *arch, int which) {
  const seq2seq_settings *s = run->own;
  void *config;
  const char *dir = which == c->main ? run->common.out : rapt__run_path(run, "other");
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, arch, which, &config));
  RAPT_TRY(rapt__system_begin(run, &s->translation, &c->corpus, arch, config, names[which], &c->systems[which]));
  RAPT_TRY(rapt__system_train(&c->systems[which], dir));
  c->trained[which] = !run->result->interrupted;
  return RAPT_OK;
}

/* A dictionary that is not there is no reason to stop: the rest goes without it. */
static rapt_status open_dictionary(rapt__run *run, contest *c) {
  const char *dir = rapt__run_data_named(run, "cmudict");
  if (!dir) {
    if (rapt_context_status(run->ctx) != RAPT_ENOTFOUND) return rapt_context_status(run->ctx);
    rapt__run_say(run, RAPT_EVENT_NOTE, "no net learns to pronounce: %s", rapt_context_message(run->ctx));
    rapt__forget(run->ctx);
    return RAPT_OK;
  }
  const char *path = rapt__arena_format(&run->arena, "%s/cmudict-0.4.out", dir);
  if (!path) return RAPT_ENOMEM;
  rapt__bitext parts[RAPT__PARTS];
  rapt_status status = rapt__cmudict_read(run->ctx, path, parts);
  c->words = (rapt__corpus){parts[RAPT__TRAIN], parts[RAPT__VALID], parts[RAPT__TEST]};
  RAPT_TRY(status);
  rapt__run_say(run, RAPT_EVENT_NOTE, "dictionary: %zu words to train on, %zu for validation, %zu to test",
                c->words.train.count, c->words.valid.count, c->words.test.count);
  c->speaks = true;
  return RAPT_OK;
}

/* The same architecture at half the width, for letters and phonemes are few. */
static rapt_status learn_to_speak(rapt__run *run, contest *c, const rapt__model *arch) {
  const seq2seq_settings *s = run->own;
  const char *dir = rapt__run_path(run, "speaker");
  void *config, *width;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, arch, c->main, &config));
  rapt__config table = {arch->keys, config};
  rapt__config_find(&table, 1, "model.width", &width);
  if (*(int64_t *)width > 1) *(int64_t *)width /= 2;
  RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &table, 1, "model.dropout", "0", run->recipe->info.id));
  c->spelling = (rapt__translation_settings){.source = "spelling",
                                             .target = "phonemes",
                                             .units = RAPT__UNITS_WORDS,
                                             .min_count = 1,
                                             .beam = s->translation.beam,
                                             .alpha = s->translation.alpha};
  RAPT_TRY(rapt__system_begin(run, &c->spelling, &c->words, arch, config, "speaker", &c->speaker));
  c->speaker.metric = rapt_metric_default(RAPT_PER);
  c->speaker.train.steps = s->spelling;
  return rapt__system_train(&c->speaker, dir);
}

/* ---- The test text, read once everything was trained ---- */

static rapt_status translate(rapt__run *run, contest *c) {
  const seq2seq_settings *s = run->own;
  rapt__system *first = &c->systems[c->main], *other = &c->systems[1 - c->main];
  int64_t beam = s->translation.beam;
  RAPT_TRY(rapt__systems_test(&first, 1, 1, &c->greedy));
  if (!run->result->interrupted) RAPT_TRY(rapt__systems_test(&first, 1, 2, &c->two));
  if (!run->result->interrupted) RAPT_TRY(rapt__systems_test(&first, 1, beam, &c->best[c->main]));
  if (c->speaks && !run->result->interrupted)
    RAPT_TRY(rapt__systems_test((rapt__system *[]){&c->speaker}, 1, beam, &c->spoken));
  if (!s->compare || run->result->interrupted) return RAPT_OK;
  RAPT_TRY(rapt__systems_test(&other, 1, beam, &c->best[1 - c->main]));
  if (run->result->interrupted) return RAPT_OK;
  return rapt__systems_test((rapt__system *[]){first, other}, 2, beam, &c->both);
}

/* ---- Verdict ---- */

enum { VERDICTS = 4, LENGTH = 240 };

static size_t judge(rapt__run *run, const contest *c, char (*out)[LENGTH]) {
  const seq2seq_settings *s = run->own;
  double ours = c->best[c->main].score.score, greedy = c->greedy.score.score, two = c->two.score.score;
  size_t n = 0;
  run->result->figure = ours;
  char wrong[32] = "not measured";
  if (c->speaks) snprintf(wrong, sizeof wrong, "%.2f", c->spoken.score.score);
  run->result->passed = !run->changed && ours >= mark && c->speaks && c->spoken.score.score <= phoneme_mark;
  const char *verdict = run->changed          ? "not judged, as settings were changed"
                        : run->result->passed ? "reached"
                                              : "missed";
  snprintf(out[n++], LENGTH, "pass mark: at least %.0f BLEU (%.2f) and at most %.0f %% wrong phonemes (%s): %s", mark,
           ours, phoneme_mark, wrong, verdict);
  if (s->compare) {
    double reversed = c->best[REVERSED].score.score, forward = c->best[FORWARD].score.score;
    snprintf(out[n++], LENGTH,
             "claim: reading the source from its end gains at least %.1f BLEU (%.2f against %.2f): %s", gain, reversed,
             forward, rapt__judged(reversed - forward >= gain));
  }
  snprintf(out[n++], LENGTH,
           "claim: a beam of 2 gives most of what a beam of %lld gives (greedy %.2f, 2: %.2f, %lld: %.2f): %s",
           (long long)s->translation.beam, greedy, two, (long long)s->translation.beam, ours,
           rapt__judged(ours > greedy && two - greedy >= share * (ours - greedy)));
  if (c->order.sentences > 0)
    snprintf(out[n++], LENGTH,
             "claim: sentence vectors respect word order (words shuffled: %.2f away; another sentence: %.2f; at least "
             "%.0f %% of it): %s",
             c->order.shuffled, c->order.other, 100 * apart, rapt__judged(c->order.shuffled >= apart * c->order.other));
  return n;
}

static void say_all(rapt__run *run, const contest *c) {
  const seq2seq_settings *s = run->own;
  const rapt_metric *metric = &c->systems[c->main].metric;
  char what[64];
  if (c->speaks) rapt__say_translated(run, &c->speaker.metric, "wrong phonemes", &c->spoken);
  rapt__say_translated(run, metric, "greedy", &c->greedy);
  rapt__say_translated(run, metric, "beam 2", &c->two);
  snprintf(what, sizeof what, "beam %lld", (long long)s->translation.beam);
  rapt__say_translated(run, metric, what, &c->best[c->main]);
  if (!s->compare) return;
  rapt__say_translated(run, metric, names[1 - c->main], &c->best[1 - c->main]);
  rapt__say_translated(run, metric, "mean of both", &c->both);
}

enum { SENTENCES = 12 };

static rapt_status draw(rapt__run *run, contest *c) {
  const seq2seq_settings *s = run->own;
  const char *const order[] = {names[c->main], names[1 - c->main]};
  const rapt__translated *const outputs[] = {&c->best[c->main], &c->best[1 - c->main]};
  RAPT_TRY(rapt__bleu_by_length(run, &c->corpus, &s->translation, order, outputs, s->compare ? 2 : 1, &c->lengths));
  RAPT_TRY(rapt__word_order_picture(&c->systems[c->main], &c->plane));
  RAPT_TRY(rapt__sample_translations(&c->corpus, outputs[0], SENTENCES, &c->samples));
  return rapt__write_translations(run, &c->corpus, outputs[0], "test.translated");
}

static rapt_status finish(rapt__run *run, contest *c) {
  const seq2seq_settings *s = run->own;
  char sentences[VERDICTS][LENGTH], numbers[6][32], bounds[2][32];
  const char *verdicts[VERDICTS];
  RAPT_TRY(rapt__word_order_measure(&c->systems[c->main], &c->order));
  say_all(run, c);
  size_t count = judge(run, c, sentences);
  for (size_t i = 0; i < count; i++) {
    verdicts[i] = sentences[i];
    rapt__run_say(run, RAPT_EVENT_RESULT, "%s", sentences[i]);
  }
  RAPT_TRY(draw(run, c));
  const rapt__translated *all[] = {&c->best[REVERSED], &c->best[FORWARD], &c->greedy, &c->two, &c->both, &c->spoken};
  for (int i = 0; i < 6; i++) snprintf(numbers[i], sizeof numbers[i], "%.2f", all[i]->score.score);
  snprintf(bounds[0], sizeof bounds[0], "at least %.0f", mark);
  snprintf(bounds[1], sizeof bounds[1], "at most %.0f", phoneme_mark);
  const char *const figures[][4] = {{"wrong phonemes, %", c->speaks ? numbers[5] : "not measured", "", bounds[1]},
                                    {"BLEU, source reversed", numbers[0], "30.59", bounds[0]},
                                    {"BLEU, source in order", numbers[1], "26.17", ""},
                                    {"BLEU, greedy", numbers[2], "", ""},
                                    {"BLEU, beam of 2", numbers[3], "", ""},
                                    {"BLEU, mean of both nets", numbers[4], "34.81 (five)", ""}};
  const rapt__report_section sections[] = {
      {.heading = "Length of the sentence", .svg = c->lengths.data},
      {.heading = "Sentence vectors",
       .text =
           "Each point is the vector from which the decoder starts; a colour is one meaning. Sentences that say who "
           "does what in another order of words should lie apart.",
       .svg = c->plane.size ? c->plane.data : NULL},
      {.heading = "Translations of the test text", .verbatim = c->samples.data}};
  rapt__report parts = {.verdicts = verdicts,
                        .verdict_count = count,
                        .figures = figures,
                        .figure_count = s->compare ? 6 : 5,
                        .sections = sections,
                        .section_count = 3};
  return rapt__training_report(run, &c->systems[c->main].trainer, &parts);
}

static rapt_status work(rapt__run *run, contest *c) {
  const seq2seq_settings *s = run->own;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  c->main = reads_from_the_end(run, arch) ? REVERSED : FORWARD;
  RAPT_TRY(rapt__corpus_load(run, &s->translation, &c->corpus));
  if (s->spelling > 0) RAPT_TRY(open_dictionary(run, c));
  for (int i = 0; i < (s->compare ? 2 : 1) && !run->result->interrupted; i++)
    RAPT_TRY(train(run, c, arch, i == 0 ? c->main : 1 - c->main));
  if (c->speaks && !run->result->interrupted) RAPT_TRY(learn_to_speak(run, c, arch));
  if (!run->result->interrupted) RAPT_TRY(translate(run, c));
  return run->result->interrupted ? RAPT_OK : finish(run, c);
}

static rapt_status seq2seq(rapt__run *run) {
  contest c = {.main = REVERSED};
  rapt__text *texts[] = {&c.lengths, &c.plane, &c.samples};
  for (int i = 0; i < 3; i++) rapt__text_init(texts[i], run->ctx);
  rapt_status status = work(run, &c);
  for (int i = 0; i < 3; i++) rapt__text_free(texts[i]);
  for (int i = 0; i < 2; i++) rapt__system_free(&c.systems[i]);
  rapt__system_free(&c.speaker);
  rapt__corpus_free(&c.corpus);
  rapt__corpus_free(&c.words);
  return status;
}

const rapt__recipe rapt__recipe_seq2seq = {
    .info = {.id = "seq2seq",
             .title = "Sequence to sequence learning",
             .paper = "Sutskever et al. 2014, Sequence to Sequence Learning with Neural Networks",
             .task = "machine translation",
             .data = "multi30k, cmudict",
             .paper_figure = "34.81 BLEU, English to French (five LSTMs, beam 12)",
             .pass_mark = ">= 12 BLEU, German to English; <= 11 % wrong phonemes",
             .claim = "reading the source from its end helps; a beam of 2 gives most of a beam of 12; the vector of a "
                      "sentence respects the order of its words",
             .minutes = 30,
             .about =
                 "An LSTM reads a sentence, from its last word to its first, and what is left in its memory is one "
                 "vector of fixed size.\n"
                 "A second LSTM starts from this vector and writes the translation word by word; beam search follows "
                 "several translations at\n"
                 "a time. Nothing else connects the two: there is no attention. The same net that reads the sentence "
                 "forwards is trained beside\n"
                 "it, to see what the reversal is worth. Other text: data=FOLDER, text.source, text.target."},
    .architecture = "rnn-encdec",
    .keys = keys,
    .own_size = sizeof(seq2seq_settings),
    .defaults = defaults,
    .run = seq2seq};
