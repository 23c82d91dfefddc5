/* Bahdanau, Cho and Bengio (2015): the decoder looks back at the source. RNNsearch on Multi30k, and the same without attention. */
#include "recipes/attention_maps.h"
#include "recipes/bahdanau.h"
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

/* Verses are long, so both nets get fewer updates of fewer of them. */
static const rapt_preset presets[] = {
    {"french", "English to French, whose adjectives stand behind the noun",
     ">= 80 % of adjectives and nouns that change places look crosswise", 35,
     (const char *const[]){"text.source=en", "text.target=fr", NULL}},
    {"verses", "English to Spanish, bible verses of up to 50 words, and the same without attention",
     ">= 3 BLEU more than without attention on sentences of > 20 words, and no fall with length", 40,
     (const char *const[]){"data=bible-kjv-rv", "text.source=en", "text.target=es", "text.min_count=3",
                           "text.max_words=50", "model.context=100", "train.batch=32", "train.steps=2500",
                           "train.evals=8", "bahdanau.compare=true", NULL}},
    {0}};

static const double mark = 25;                 /* BLEU */
static const double over_none = 8;             /* BLEU above the net without attention */
static const double over_long = 3;             /* the same, on long sentences */
static const double fall = 1;                  /* BLEU that long sentences may have less than short ones */
static const double crosswise = 80;            /* per cent of what changed places */
enum { LONG = 20, FEW = 100, FEW_SWAPS = 30 }; /* words; less than so many sentences, or swaps, are not judged */

typedef struct work {
  rapt__corpus corpus;
  rapt__system search, plain; /* with attention, without */
  rapt__translated best, greedy, without;
  rapt__swaps swaps;
  rapt__findings findings;
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

static bool is_preset(const rapt__run *run, const char *name) { return strcmp(run->common.preset, name) == 0; }

/* Sentences of more than LONG words, with attention and without. */
static rapt_status judge_long(rapt__run *run, work *w) {
  const rapt__translation_settings *s = &((const bahdanau_settings *)run->own)->translation;
  double with[2], without[2]; /* short, long */
  size_t count[2];
  bool ours = is_preset(run, "verses");
  for (int i = 0; i < 2; i++) {
    size_t least = i ? LONG + 1 : 0, most = i ? SIZE_MAX : LONG;
    RAPT_TRY(rapt__bleu_between(run, &w->corpus, s, &w->best, least, most, &with[i], &count[i]));
    RAPT_TRY(rapt__bleu_between(run, &w->corpus, s, &w->without, least, most, &without[i], &count[i]));
  }
  if (count[0] < FEW || count[1] < FEW)
    return rapt__findings_say(&w->findings,
                              "%zu test sentences have up to %d words and %zu have more: too few to judge by length "
                              "(preset=verses has enough)",
                              count[0], LONG, count[1]);
  RAPT_TRY(rapt__findings_judge(&w->findings, ours, with[1] >= without[1] + over_long,
                                "claim: on %zu sentences of more than %d words attention beats no attention by at "
                                "least %.0f BLEU (%.2f against %.2f)",
                                count[1], LONG, over_long, with[1], without[1]));
  return rapt__findings_judge(
      &w->findings, ours, with[1] >= with[0] - fall,
      "claim: with attention BLEU does not fall with length (%.2f on more than %d words, %.2f on "
      "fewer, at most %.0f less; without attention %.2f and %.2f)",
      with[1], LONG, with[0], fall, without[1], without[0]);
}

/* Do adjectives that French puts behind the noun, and the noun, look crosswise? */
static rapt_status judge_swaps(rapt__run *run, work *w) {
  const rapt__translation_settings *s = &((const bahdanau_settings *)run->own)->translation;
  if (strcmp(s->source, "en") != 0 || strcmp(s->target, "fr") != 0) return RAPT_OK;
  RAPT_TRY(rapt__count_swaps(&w->search, &w->swaps));
  if (run->result->interrupted) return RAPT_OK;
  double share = w->swaps.count ? 100 * (double)w->swaps.crosswise / (double)w->swaps.count : 0;
  if (w->swaps.count < FEW_SWAPS)
    return rapt__findings_say(
        &w->findings,
        "of %zu adjectives before a noun %zu stand behind it in the translation, %zu of them aligned "
        "crosswise: too few to judge",
        w->swaps.pairs, w->swaps.count, w->swaps.crosswise);
  return rapt__findings_judge(
      &w->findings, is_preset(run, "french"), share >= crosswise,
      "claim: of adjectives and nouns that change places at least %.0f %% are aligned crosswise "
      "(%.1f %% of %zu, of %zu in the source)",
      crosswise, share, w->swaps.count, w->swaps.pairs);
}

/* The default has a mark of its own; those of the presets are claims. */
static rapt_status judge(rapt__run *run, work *w) {
  const bahdanau_settings *s = run->own;
  double ours = w->best.score.score, without = w->without.score.score;
  run->result->figure = ours;
  if (!*run->common.preset) {
    run->result->passed = !run->changed && ours >= mark;
    RAPT_TRY(rapt__findings_say(&w->findings, "pass mark: at least %.0f BLEU (%.2f): %s", mark, ours,
                                run->changed          ? "not judged, as settings were changed"
                                : run->result->passed ? "reached"
                                                      : "missed"));
  }
  if (s->compare && !*run->common.preset)
    RAPT_TRY(rapt__findings_judge(&w->findings, false, ours >= without + over_none,
                                  "claim: attention beats no attention by at least %.0f BLEU (%.2f against %.2f)",
                                  over_none, ours, without));
  if (s->compare) RAPT_TRY(judge_long(run, w));
  RAPT_TRY(judge_swaps(run, w));
  if (*run->common.preset) run->result->passed = !run->changed && w->findings.judged > 0 && w->findings.missed == 0;
  return RAPT_OK;
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
  char numbers[3][32], bound[32] = "";
  rapt__say_translated(run, &w->search.metric, "greedy", &w->greedy);
  rapt__say_translated(run, &w->search.metric, "beam", &w->best);
  if (s->compare) rapt__say_translated(run, &w->search.metric, "without attention", &w->without);
  RAPT_TRY(judge(run, w));
  RAPT_TRY(draw(run, w));
  const rapt__translated *const all[] = {&w->best, &w->greedy, &w->without};
  for (int i = 0; i < 3; i++) snprintf(numbers[i], sizeof numbers[i], "%.2f", all[i]->score.score);
  if (!*run->common.preset) snprintf(bound, sizeof bound, "at least %.0f", mark);
  const char *const figures[][4] = {{"BLEU", numbers[0], "26.75 (RNNsearch-50, English to French)", bound},
                                    {"BLEU, greedy", numbers[1], "", ""},
                                    {"BLEU without attention", numbers[2], "17.82 (RNNencdec-50)", ""}};
  const rapt__report_section sections[] = {
      {.heading = "Alignments",
       .text = "A row is a word of the translation, a column a word of the source; the darker, the more the decoder "
               "looked there when it wrote the word.",
       .svg = w->maps.data},
      {.heading = "Length of the sentence", .svg = w->lengths.data},
      {.heading = "Translations of the test text", .verbatim = w->samples.data},
      {.heading = "Adjectives that changed places", .verbatim = w->swaps.examples.data}};
  rapt__report parts = {.verdicts = w->findings.lines,
                        .verdict_count = w->findings.count,
                        .figures = figures,
                        .figure_count = s->compare ? 3 : 2,
                        .sections = sections,
                        .section_count = w->swaps.count > 0 ? 4 : 3};
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
  enum { TEXTS = 4 };
  work w = {.findings = {.run = run}};
  rapt__text *texts[TEXTS] = {&w.maps, &w.lengths, &w.samples, &w.swaps.examples};
  for (int i = 0; i < TEXTS; i++) rapt__text_init(texts[i], run->ctx);
  rapt_status status = train_and_translate(run, &w);
  for (int i = 0; i < TEXTS; i++) rapt__text_free(texts[i]);
  rapt__system_free(&w.search);
  rapt__system_free(&w.plain);
  rapt__corpus_free(&w.corpus);
  return status;
}

const rapt__recipe rapt__recipe_bahdanau = {
    .info =
        {.id = "bahdanau",
         .title = "Translation that looks back",
         .paper = "Bahdanau et al. 2015, Neural Machine Translation by Jointly Learning to Align and Translate",
         .task = "machine translation",
         .data = "multi30k (preset=verses: bible-kjv-rv)",
         .paper_figure = "26.75 BLEU, English to French (RNNsearch-50; without attention 17.82)",
         .pass_mark = ">= 25 BLEU, German to English",
         .claim =
             "attention beats no attention by 8 BLEU (bahdanau.compare=true), and by 3 on sentences of more than 20 "
             "words, where it does not fall (preset=verses); adjectives and nouns that change places are aligned "
             "crosswise (preset=french)",
         .minutes = 35,
         .presets = presets,
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
