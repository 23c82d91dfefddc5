/* The RNN encoder–decoder (Cho et al. 2014): a net that scores the phrases of a phrase-based system, the same net as a
 * translator by itself, and beside it one whose encoder is a gated recursive convolutional network. */
#include "recipes/cho.h"
#include "recipes/lm_report.h"

#include <math.h>
#include <string.h>

#define AT(field) offsetof(rapt__cho_settings, field)
static const rapt__key keys[] = {
    RAPT__TRANSLATION_KEYS,
    {"cho.nets", NULL, RAPT__KEY_BOOL, AT(nets), "true", 0, 0, NULL, "trains both nets to translate"},
    {"cho.phrases", NULL, RAPT__KEY_BOOL, AT(phrases), "true", 0, 0, NULL,
     "trains a net on phrase pairs and gives its scores to a phrase-based system"},
    {"pbmt.longest", NULL, RAPT__KEY_INT, AT(longest), "4", 1, RAPT__PBMT_LONGEST_PHRASE, NULL, "words of a phrase"},
    {"pbmt.stack", NULL, RAPT__KEY_INT, AT(stack), "50", 1, 1e6, NULL, "hypotheses kept on a stack"},
    {"pbmt.rounds", NULL, RAPT__KEY_INT, AT(rounds), "3", 1, 100, NULL, "of decoding the tuning text, in each tuning"},
    {"pbmt.tunings", NULL, RAPT__KEY_INT, AT(tunings), "3", 1, 20, NULL,
     "times that each system is tuned, with different seeds but from the same weights; what counts is their mean"},
    {"phrases.pairs", NULL, RAPT__KEY_INT, AT(sampled), "0", 0, 1e9, NULL, "pairs of the table to train on; 0: all"},
    {"phrases.steps", NULL, RAPT__KEY_INT, AT(phrase_steps), "1600", 1, 1e9, NULL, "updates of the net that scores"},
    {"phrases.tokens", NULL, RAPT__KEY_INT, AT(phrase_tokens), "750", 16, 1 << 20, NULL,
     "tokens of its batches at most: rows × the longer phrase"},
    {"phrases.vocabulary", NULL, RAPT__KEY_INT, AT(phrase_vocabulary), "4000", 8, 1 << 20, NULL,
     "tokens that it knows of each language"},
    {0}};
#undef AT

static const char *const defaults[] = {"data=multi30k",           "text.source=en",
                                       "text.target=fr",          "text.max_words=30",
                                       "model.cell=gru-before",   "model.layers=1",
                                       "model.embedding=128",     "model.reverse=false",
                                       "model.feed_context=true", "model.maxout=128",
                                       "model.dropout=0.2",       "search.beam=10",
                                       "train.steps=1600",        "train.batch=64",
                                       "train.lr=2e-3",           "train.warmup=100",
                                       "train.weight_decay=0.01", "train.eval_every=400",
                                       "train.evals=1000",        "train.save_every=400",
                                       "train.sample_every=0",    NULL};

/* BLEU that the scores gain; the ratio of BLEU; how much more often than pairs by chance neighbours share a word. */
static const double mark = 0.4, least_ratio = 0.6, most_ratio = 1.0, closer = 2;

enum { RECURRENT, PYRAMID, NETS };
static const char *const names[NETS] = {"RNN encoder", "grConv encoder"};
static const char *const encoders[NETS] = {"recurrent", "grconv"};
enum { TUNINGS = 20 };

typedef struct work {
  rapt__findings findings;
  rapt__corpus corpus, pairs; /* sentences; phrase pairs */
  rapt__system nets[NETS], scorer;
  rapt__translated output[NETS];
  rapt__translation_settings scoring;
  rapt__cho_pbmt pbmt;
  rapt__translated before[TUNINGS], after[TUNINGS];
  double mean[2]; /* BLEU before and after */
  rapt__cho_neighbours neighbours;
  rapt__text lengths, unknown, trees, map, samples;
} work;

/* ---- Training ---- */

/* The settings' configuration with this encoder, in the run's arena. */
static rapt_status configure(rapt__run *run, const rapt__model *arch, const char *encoder, bool dropout, void **out) {
  const char *id = run->recipe->info.id;
  *out = rapt__arena_new(&run->arena, 1, arch->config_size);
  if (!*out) return RAPT_ENOMEM;
  memcpy(*out, run->model, arch->config_size);
  rapt__config config = {arch->keys, *out};
  RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &config, 1, "model.encoder", encoder, id));
  return dropout ? RAPT_OK : rapt__config_set(run->ctx, &run->arena, &config, 1, "model.dropout", "0", id);
}

static rapt_status train_net(rapt__run *run, work *w, const rapt__model *arch, int which) {
  const rapt__cho_settings *s = run->own;
  void *config;
  const char *dir = which == RECURRENT ? run->common.out : rapt__run_path(run, "grconv");
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, arch, encoders[which], true, &config));
  RAPT_TRY(rapt__system_begin(run, &s->translation, &w->corpus, arch, config, names[which], &w->nets[which]));
  return rapt__system_train(&w->nets[which], dir);
}

/* The scores are probabilities, so that nothing is smoothed; a pair is hardly ever seen twice, so that nothing is
 * dropped. */
static rapt_status train_scorer(rapt__run *run, work *w, const rapt__model *arch) {
  const rapt__cho_settings *s = run->own;
  void *config;
  const char *dir = s->nets ? rapt__run_path(run, "phrases") : run->common.out;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, arch, encoders[RECURRENT], false, &config));
  RAPT_TRY(rapt__cho_phrase_corpus(&w->pbmt, &w->pairs));
  w->scoring = s->translation;
  w->scoring.units = RAPT__UNITS_WORDS;
  w->scoring.joint = false;
  w->scoring.min_count = 1;
  w->scoring.vocabulary = s->phrase_vocabulary;
  w->scoring.max_tokens = s->phrase_tokens;
  w->scoring.smoothing = 0;
  RAPT_TRY(rapt__system_begin(run, &w->scoring, &w->pairs, arch, config, "phrase scores", &w->scorer));
  w->scorer.train.steps = s->phrase_steps;
  return rapt__system_train(&w->scorer, dir);
}

/* ---- Measuring ---- */

static double mean_of(const rapt__translated *outputs, int64_t count) {
  double sum = 0;
  for (int64_t k = 0; k < count; k++) sum += outputs[k].score.score / (double)count;
  return sum;
}

static rapt_status measure_phrases(rapt__run *run, work *w) {
  const rapt__cho_settings *s = run->own;
  RAPT_TRY(rapt__cho_pbmt_settle(&w->pbmt));
  RAPT_TRY(rapt__cho_pbmt_measure(&w->pbmt, "without phrase scores", w->before));
  RAPT_TRY(rapt__cho_score_phrases(&w->pbmt, w->scorer.model));
  RAPT_TRY(rapt__cho_pbmt_measure(&w->pbmt, "with phrase scores", w->after));
  w->mean[0] = mean_of(w->before, s->tunings);
  w->mean[1] = mean_of(w->after, s->tunings);
  return rapt__cho_phrase_vectors(&w->pbmt, w->scorer.model, &w->neighbours, &w->map);
}

/* "21.0 20.1 –": a class without sentences has none. */
static const char *list(rapt__run *run, const double *scores, int count) {
  char text[RAPT__CHO_CLASSES * 16];
  size_t used = 0;
  for (int c = 0; c < count; c++)
    used += (size_t)(isfinite(scores[c]) ? snprintf(text + used, sizeof text - used, "%s%.1f", c ? " " : "", scores[c])
                                         : snprintf(text + used, sizeof text - used, "%s–", c ? " " : ""));
  return rapt__arena_strdup(&run->arena, text);
}

static rapt_status compare(rapt__run *run, work *w, const rapt__cho_classes *classes, const char *title,
                           const char *x_title, const char *with, rapt__text *svg) {
  const rapt__cho_settings *s = run->own;
  rapt__cho_compared systems[] = {{.name = names[RECURRENT], .output = &w->output[RECURRENT]},
                                  {.name = names[PYRAMID], .output = &w->output[PYRAMID]},
                                  {.name = "phrases", .output = &w->before[0]},
                                  {.name = "phrases with scores", .output = &w->after[0]}};
  rapt_metric metric = rapt__translation_metric(&s->translation);
  RAPT_TRY(rapt__cho_compare(run, &metric, classes, title, x_title, systems, s->phrases ? 4 : 2, svg));
  for (int n = 0; n < NETS; n++) {
    const char *scores = list(run, systems[n].score, classes->count);
    if (!scores) return RAPT_ENOMEM;
    if (isfinite(rapt__cho_trend(systems[n].score, classes->count)))
      RAPT_TRY(rapt__findings_judge(&w->findings, false, rapt__cho_falls(systems[n].score, classes->count),
                                    "claim: BLEU of the %s falls with %s (by class: %s)", names[n], with, scores));
    else
      RAPT_TRY(rapt__findings_say(&w->findings, "BLEU of the %s by %s: %s; too few classes to judge", names[n], with,
                                  scores));
  }
  return RAPT_OK;
}

/* ---- Verdict ---- */

static rapt_status judge_phrases(rapt__run *run, work *w) {
  const rapt__cho_settings *s = run->own;
  const rapt__cho_neighbours *n = &w->neighbours;
  for (int64_t k = 0; k < s->tunings; k++)
    RAPT_TRY(rapt__findings_say(&w->findings,
                                "phrase-based, tuning %lld: %.2f BLEU without and %.2f with phrase scores",
                                (long long)k + 1, w->before[k].score.score, w->after[k].score.score));
  run->result->figure = w->mean[1] - w->mean[0];
  RAPT_TRY(rapt__findings_judge(&w->findings, true, w->mean[1] - w->mean[0] >= mark,
                                "phrase scores give the phrase-based system at least %.1f BLEU (mean of tunings: %.2f "
                                "without, %.2f with, %+.2f)",
                                mark, w->mean[0], w->mean[1], w->mean[1] - w->mean[0]));
  if (n->phrases == 0) return rapt__findings_say(&w->findings, "too few phrases to look at neighbours");
  RAPT_TRY(
      rapt__findings_judge(&w->findings, false, n->nearest >= closer * n->random && n->nearest > 0,
                           "claim: phrases cluster by meaning: the nearest of %lld phrases has a content word of "
                           "its translation in common in %.1f %% of cases, any other one in %.1f %%; at least %.0f "
                           "times as often",
                           (long long)n->phrases, 100 * n->nearest, 100 * n->random, closer));
  return rapt__findings_say(&w->findings,
                            "of phrases without a common content word themselves: nearest %.1f %%, any %.1f %% (%lld "
                            "phrases)",
                            100 * n->nearest_apart, 100 * n->random_apart, (long long)n->apart);
}

static rapt_status judge_nets(rapt__run *run, work *w) {
  const rapt__cho_settings *s = run->own;
  double bleu[NETS];
  rapt__cho_classes classes;
  for (int n = 0; n < NETS; n++) {
    bleu[n] = w->output[n].score.score;
    rapt__say_translated(run, &w->nets[n].metric, names[n], &w->output[n]);
  }
  double ratio = bleu[RECURRENT] > 0 ? bleu[PYRAMID] / bleu[RECURRENT] : NAN;
  if (!s->phrases) run->result->figure = ratio;
  RAPT_TRY(rapt__findings_judge(&w->findings, true, ratio >= least_ratio && ratio <= most_ratio,
                                "the grConv encoder has %.1f to %.1f of the RNN encoder's BLEU (%.2f of %.2f: %.2f)",
                                least_ratio, most_ratio, bleu[PYRAMID], bleu[RECURRENT], ratio));
  RAPT_TRY(rapt__cho_by_length(run, &w->corpus, &classes));
  RAPT_TRY(compare(run, w, &classes, "BLEU by length of the source", "words of the source, mean of the class",
                   "the length of the sentence", &w->lengths));
  RAPT_TRY(rapt__cho_by_unknown(run, &w->corpus, w->nets[RECURRENT].model, &classes));
  RAPT_TRY(compare(run, w, &classes, "BLEU by unknown words",
                   "unknown words of source and reference; 3: three and more", "unknown words", &w->unknown));
  RAPT_TRY(rapt__cho_trees(run, &w->corpus, w->nets[PYRAMID].model, &w->trees));
  RAPT_TRY(rapt__sample_translations(&w->corpus, &w->output[RECURRENT], 12, &w->samples));
  return rapt__write_translations(run, &w->corpus, &w->output[RECURRENT], "test.translated");
}

static const char *svg_of(const rapt__text *text) { return text->size ? text->data : NULL; }

static rapt_status finish(rapt__run *run, work *w) {
  const rapt__cho_settings *s = run->own;
  rapt__findings *f = &w->findings;
  if (s->phrases) RAPT_TRY(judge_phrases(run, w));
  if (s->nets) RAPT_TRY(judge_nets(run, w));
  run->result->passed = !run->changed && f->judged == 2 && f->missed == 0;
  RAPT_TRY(rapt__findings_say(f, "pass mark: both: %s",
                              run->changed          ? "not judged, as settings were changed"
                              : run->result->passed ? "reached"
                                                    : "missed"));
  char numbers[4][32];
  const double values[] = {w->mean[0], w->mean[1], w->output[RECURRENT].score.score, w->output[PYRAMID].score.score};
  for (int i = 0; i < 4; i++) snprintf(numbers[i], sizeof numbers[i], "%.2f", values[i]);
  const char *const figures[][4] = {
      {"BLEU of phrases", s->phrases ? numbers[0] : "not measured", "33.30", ""},
      {"BLEU of phrases with scores", s->phrases ? numbers[1] : "not measured", "34.64 (and a neural language model)",
       "0.4 more"},
      {"BLEU of the RNN encoder", s->nets ? numbers[2] : "not measured", "23.45 (no unknown words)", ""},
      {"BLEU of the grConv encoder", s->nets ? numbers[3] : "not measured", "18.22 (no unknown words)",
       "0.6 to 1.0 of the RNN encoder's"}};
  const rapt__report_section sections[] = {
      {.heading = "Length of the sentence", .svg = svg_of(&w->lengths)},
      {.heading = "Unknown words", .svg = svg_of(&w->unknown)},
      {.heading = "What the grConv encoder joins",
       .text =
           "The words are below, the sentence's vector is on top. The thicker a line and the fuller a node, the more "
           "of the vector comes from there; lines in the second colour are copies by more than half; a node with a "
           "thick border makes something new of both its children rather than copying either.",
       .svg = svg_of(&w->trees)},
      {.heading = "Phrases",
       .text = "Each point is the vector from which the decoder starts; a colour is a word of the translation.",
       .svg = svg_of(&w->map)},
      {.heading = "Translations of the test text", .verbatim = w->samples.data}};
  rapt__report parts = {.verdicts = f->lines,
                        .verdict_count = f->count,
                        .figures = figures,
                        .figure_count = 4,
                        .sections = sections,
                        .section_count = 5};
  return rapt__training_report(run, s->nets ? &w->nets[RECURRENT].trainer : &w->scorer.trainer, &parts);
}

/* ---- The run ---- */

static rapt_status check(rapt__run *run, const rapt__model *arch) {
  const rapt__cho_settings *s = run->own;
  void *encoder;
  rapt__config config = {arch->keys, run->model};
  if (!s->nets && !s->phrases)
    return rapt__fail(run->ctx, RAPT_EKEY, "cho.nets=false and cho.phrases=false leave nothing to do");
  rapt__config_find(&config, 1, "model.encoder", &encoder);
  if (*(int *)encoder != RECURRENT)
    return rapt__fail(run->ctx, RAPT_EKEY, "model.encoder cannot be set here, since both encoders are trained");
  return RAPT_OK;
}

static rapt_status run_all(rapt__run *run, work *w) {
  const rapt__cho_settings *s = run->own;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  bool *stopped = &run->result->interrupted;
  RAPT_TRY(check(run, arch));
  RAPT_TRY(rapt__corpus_load(run, &s->translation, &w->corpus));
  RAPT_TRY(rapt__cho_words(&w->corpus));
  for (int n = 0; n < NETS && s->nets && !*stopped; n++) RAPT_TRY(train_net(run, w, arch, n));
  if (s->phrases && !*stopped) {
    RAPT_TRY(rapt__cho_pbmt_begin(run, &w->corpus, &w->pbmt));
    RAPT_TRY(train_scorer(run, w, arch));
  }
  if (s->phrases && !*stopped) RAPT_TRY(measure_phrases(run, w));
  for (int n = 0; n < NETS && s->nets && !*stopped; n++)
    RAPT_TRY(rapt__systems_test((rapt__system *[]){&w->nets[n]}, 1, s->translation.beam, &w->output[n]));
  return *stopped ? RAPT_OK : finish(run, w);
}

static rapt_status cho_encoder_decoder(rapt__run *run) {
  work w = {.findings = {.run = run}};
  rapt__text *texts[] = {&w.lengths, &w.unknown, &w.trees, &w.map, &w.samples};
  for (int i = 0; i < 5; i++) rapt__text_init(texts[i], run->ctx);
  rapt_status status = run_all(run, &w);
  for (int i = 0; i < 5; i++) rapt__text_free(texts[i]);
  for (int n = 0; n < NETS; n++) rapt__system_free(&w.nets[n]);
  rapt__system_free(&w.scorer);
  rapt__cho_pbmt_free(&w.pbmt);
  rapt__corpus_free(&w.pairs);
  rapt__corpus_free(&w.corpus);
  if (status == RAPT_EINTERRUPTED) {
    rapt_context_clear(run->ctx);
    run->result->interrupted = true;
    status = RAPT_OK;
  }
  return status;
}

const rapt__recipe rapt__recipe_cho_encoder_decoder = {
    .info =
        {.id = "cho-encoder-decoder",
         .title = "The RNN encoder-decoder",
         .paper = "Cho et al. 2014, Learning Phrase Representations using RNN Encoder-Decoder for Statistical Machine "
                  "Translation; On the Properties of Neural Machine Translation: Encoder-Decoder Approaches",
         .task = "machine translation",
         .data = "multi30k",
         .paper_figure =
             "WMT'14 English to French: 33.30 BLEU for Moses, 34.64 with a neural language model and phrase "
             "scores; alone, without unknown words: RNN 23.45, grConv 18.22",
         .pass_mark = ">= 0.4 BLEU gained by phrase scores; BLEU of grConv 0.6 to 1.0 of the RNN's",
         .claim = "BLEU of both nets falls with the length of sentences and with unknown words; phrases cluster by "
                  "meaning",
         .minutes = 35,
         .about =
             "A recurrent net reads a phrase into one vector, another one writes its translation from it; both have "
             "gates that decide what\n"
             "of their state to keep. Trained on the phrase pairs of a phrase-based system, it says how well a phrase "
             "translates another one,\n"
             "which helps that system. Trained on sentences it translates alone, beside a net that builds a tree over "
             "the sentence instead."},
    .architecture = "rnn-encdec",
    .keys = keys,
    .own_size = sizeof(rapt__cho_settings),
    .defaults = defaults,
    .run = cho_encoder_decoder};
