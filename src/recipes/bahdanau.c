/* Bahdanau, Cho and Bengio (2015): the decoder looks back at the source. RNNsearch on Multi30k, and the same without attention. */
#include "recipes/attention_maps.h"
#include "recipes/lm_report.h"

#include <string.h>

typedef struct bahdanau_settings {
  rapt__translation_settings translation;
  bool compare;
} bahdanau_settings;

static const rapt__key keys[] = {RAPT__TRANSLATION_KEYS,
                                 {"bahdanau.compare", NULL, RAPT__KEY_BOOL, offsetof(bahdanau_settings, compare),
                                  "false", 0, 0, NULL,
                                  "trains an encoder and decoder without attention as well, with as many updates"},
                                 {0}};

static const char *const defaults[] = {"data=multi30k",
                                       "text.min_count=2",
                                       "model.dropout=0.3",
                                       "train.steps=4500",
                                       "train.batch=64",
                                       "train.lr=1e-3",
                                       "train.warmup=100",
                                       "train.weight_decay=0.01",
                                       "train.eval_every=500",
                                       "train.evals=1000",
                                       "train.save_every=500",
                                       "train.sample_every=0",
                                       NULL};

static const double mark = 25;     /* BLEU */
static const double over_none = 8; /* BLEU above the net without attention */

typedef struct work {
  rapt__corpus corpus;
  rapt__system search, plain; /* with attention, without */
  rapt__translated best, greedy, without;
  rapt__text maps, lengths, samples;
} work;

/* The other net: the same cell, widths and readout, the last states of both directions instead of attention. */
static rapt_status train_plain(rapt__run *run, work *w) {
  const bahdanau_settings *s = run->own;
  static const char *const settings[] = {"model.cell=gru-before",    "model.layers=1",          "model.reverse=false",
                                         "model.bidirectional=true", "model.feed_context=true", "model.maxout=256",
                                         "model.width=256",          "model.dropout=0.3",       NULL};
  const rapt__model *arch = rapt__model_find("rnn-encdec");
  void *config = rapt__arena_new(&run->arena, 1, arch->config_size);
  const char *dir = rapt__run_path(run, "without");
  if (!config || !dir) return RAPT_ENOMEM;
  rapt__config table = {arch->keys, config};
  RAPT_TRY(rapt__config_defaults(run->ctx, &run->arena, &table, 1));
  for (int i = 0; settings[i]; i++)
    RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &table, 1, settings[i], NULL, run->recipe->info.id));
  RAPT_TRY(rapt__system_begin(run, &s->translation, &w->corpus, arch, config, "without attention", &w->plain));
  return rapt__system_train(&w->plain, dir);
}

/* ---- Result ---- */

enum { VERDICTS = 3, LENGTH = 240 };

static size_t judge(rapt__run *run, const work *w, char (*out)[LENGTH]) {
  const bahdanau_settings *s = run->own;
  double ours = w->best.score.score;
  size_t n = 0;
  run->result->figure = ours;
  run->result->passed = !run->changed && ours >= mark;
  snprintf(out[n++], LENGTH, "pass mark: at least %.0f BLEU (%.2f): %s", mark, ours,
           run->changed          ? "not judged, as settings were changed"
           : run->result->passed ? "reached"
                                 : "missed");
  if (!s->compare) return n;
  double without = w->without.score.score;
  snprintf(out[n++], LENGTH, "claim: attention beats no attention by at least %.0f BLEU (%.2f against %.2f): %s",
           over_none, ours, without, rapt__judged(ours >= without + over_none));
  return n;
}

enum { MAPS = 6, SENTENCES = 12 };

static rapt_status draw(rapt__run *run, work *w) {
  const bahdanau_settings *s = run->own;
  static const char *const names[] = {"with attention", "without"};
  const rapt__translated *const outputs[] = {&w->best, &w->without};
  RAPT_TRY(rapt__alignment_maps(&w->search, MAPS, &w->maps));
  RAPT_TRY(rapt__bleu_by_length(run, &w->corpus, &s->translation, names, outputs, s->compare ? 2 : 1, &w->lengths));
  RAPT_TRY(rapt__sample_translations(&w->corpus, &w->best, SENTENCES, &w->samples));
  return rapt__write_translations(run, &w->corpus, &w->best, "test.translated");
}

static rapt_status finish(rapt__run *run, work *w) {
  const bahdanau_settings *s = run->own;
  char sentences[VERDICTS][LENGTH], numbers[3][32], bound[32];
  const char *verdicts[VERDICTS];
  rapt__say_translated(run, &w->search.metric, "greedy", &w->greedy);
  rapt__say_translated(run, &w->search.metric, "beam", &w->best);
  if (s->compare) rapt__say_translated(run, &w->search.metric, "without attention", &w->without);
  size_t count = judge(run, w, sentences);
  for (size_t i = 0; i < count; i++) {
    verdicts[i] = sentences[i];
    rapt__run_say(run, RAPT_EVENT_RESULT, "%s", sentences[i]);
  }
  RAPT_TRY(draw(run, w));
  const rapt__translated *const all[] = {&w->best, &w->greedy, &w->without};
  for (int i = 0; i < 3; i++) snprintf(numbers[i], sizeof numbers[i], "%.2f", all[i]->score.score);
  snprintf(bound, sizeof bound, "at least %.0f", mark);
  const char *const figures[][4] = {{"BLEU", numbers[0], "26.75 (RNNsearch-50, English to French)", bound},
                                    {"BLEU, greedy", numbers[1], "", ""},
                                    {"BLEU without attention", numbers[2], "17.82 (RNNencdec-50)", ""}};
  const rapt__report_section sections[] = {
      {.heading = "Alignments",
       .text = "A row is a word of the translation, a column a word of the source; the darker, the more the decoder "
               "looked there when it wrote the word.",
       .svg = w->maps.data},
      {.heading = "Length of the sentence", .svg = w->lengths.data},
      {.heading = "Translations of the test text", .verbatim = w->samples.data}};
  rapt__report parts = {.verdicts = verdicts,
                        .verdict_count = count,
                        .figures = figures,
                        .figure_count = s->compare ? 3 : 2,
                        .sections = sections,
                        .section_count = 3};
  return rapt__training_report(run, &w->search.trainer, &parts);
}

static rapt_status train_and_translate(rapt__run *run, work *w) {
  const bahdanau_settings *s = run->own;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  rapt__system *search = &w->search, *plain = &w->plain;
  RAPT_TRY(rapt__corpus_load(run, &s->translation, &w->corpus));
  RAPT_TRY(rapt__system_begin(run, &s->translation, &w->corpus, arch, run->model, "RNNsearch", search));
  RAPT_TRY(rapt__system_train(search, run->common.out));
  if (s->compare && !run->result->interrupted) RAPT_TRY(train_plain(run, w));
  if (!run->result->interrupted) RAPT_TRY(rapt__systems_test(&search, 1, 1, &w->greedy));
  if (!run->result->interrupted) RAPT_TRY(rapt__systems_test(&search, 1, s->translation.beam, &w->best));
  if (s->compare && !run->result->interrupted)
    RAPT_TRY(rapt__systems_test(&plain, 1, s->translation.beam, &w->without));
  return run->result->interrupted ? RAPT_OK : finish(run, w);
}

static rapt_status bahdanau(rapt__run *run) {
  work w = {0};
  rapt__text *texts[] = {&w.maps, &w.lengths, &w.samples};
  for (int i = 0; i < 3; i++) rapt__text_init(texts[i], run->ctx);
  rapt_status status = train_and_translate(run, &w);
  for (int i = 0; i < 3; i++) rapt__text_free(texts[i]);
  rapt__system_free(&w.search);
  rapt__system_free(&w.plain);
  rapt__corpus_free(&w.corpus);
  return status;
}

const rapt__recipe rapt__recipe_bahdanau = {
    .info = {.id = "bahdanau",
             .title = "Translation that looks back",
             .paper = "Bahdanau et al. 2015, Neural Machine Translation by Jointly Learning to Align and Translate",
             .task = "machine translation",
             .data = "multi30k",
             .paper_figure = "26.75 BLEU, English to French (RNNsearch-50; without attention 17.82)",
             .pass_mark = ">= 25 BLEU, German to English",
             .claim = "attention beats no attention by 8 BLEU (bahdanau.compare=true)",
             .minutes = 35,
             .about =
                 "A net reads the source in both directions and keeps a vector for every word. The decoder, before it "
                 "writes a word, scores all\n"
                 "these vectors against its own state and takes their mean by the scores: it looks where the next word "
                 "comes from. Nobody tells\n"
                 "it which words belong together; the alignment is learnt with the translation."},
    .architecture = "rnnsearch",
    .keys = keys,
    .own_size = sizeof(bahdanau_settings),
    .defaults = defaults,
    .neutral = (const char *const[]){"bahdanau.compare", NULL},
    .run = bahdanau};
