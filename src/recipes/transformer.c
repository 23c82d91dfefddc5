/* Vaswani et al. (2017): attention alone. A Transformer of three and three layers on Multi30k, and on sequences to copy. */
#include "recipes/copy_task.h"
#include "recipes/lm_report.h"
#include "recipes/transformer_heads.h"

#include <math.h>
#include <string.h>

typedef struct transformer_settings {
  rapt__translation_settings translation;
  bool compare;
  int64_t copy_steps;
} transformer_settings;

static const rapt__key keys[] = {
    RAPT__TRANSLATION_KEYS,
    {"transformer.compare", NULL, RAPT__KEY_BOOL, offsetof(transformer_settings, compare), "false", 0, 0, NULL,
     "trains two more with as many updates: without label smoothing, and with one head"},
    {"transformer.copy_steps", NULL, RAPT__KEY_INT, offsetof(transformer_settings, copy_steps), "3000", 0, 1 << 24,
     NULL, "updates of a small net that learns to copy sequences; 0: none"},
    {0}};

static const char *const defaults[] = {"data=multi30k",
                                       "text.tokenizer=bpe",
                                       "text.joint=true",
                                       "text.vocabulary=8000",
                                       "search.beam=4",
                                       "search.alpha=0.6",
                                       "model.width=256",
                                       "model.inner=512",
                                       "model.dropout=0.2",
                                       "model.context=128",
                                       "train.steps=4500",
                                       "train.batch=64",
                                       "train.lr=1e-3",
                                       "train.warmup=800",
                                       "train.schedule=inverse_sqrt",
                                       "train.optimizer=adam",
                                       "train.weight_decay=0",
                                       "train.beta2=0.98",
                                       "train.eps=1e-9",
                                       "train.average=5",
                                       "train.eval_every=250",
                                       "train.evals=1000",
                                       "train.save_every=500",
                                       "train.sample_every=0",
                                       NULL};

static const double mark = 32;         /* BLEU */
static const double specialised = 0.5; /* of a head's weight in one place */

enum { MAIN, SHARP, ONE_HEAD, NETS };
static const char *const names[NETS] = {"Transformer", "without label smoothing", "one head"};
static const char *const folders[NETS] = {NULL, "sharp", "one-head"};

typedef struct work {
  rapt__corpus corpus, copies;
  rapt__system nets[NETS], copier;
  rapt__translation_settings settings[NETS], copy_settings;
  rapt__translated outputs[NETS], greedy, copied;
  rapt__head_habits habits;
  rapt__text heads, lengths, samples;
} work;

/* ---- Training ---- */

/* The settings' configuration, changed by "key=value" texts, in the run's arena. */
static rapt_status configure(rapt__run *run, const rapt__model *arch, const char *const *changes, void **out) {
  *out = rapt__arena_new(&run->arena, 1, arch->config_size);
  if (!*out) return RAPT_ENOMEM;
  memcpy(*out, run->model, arch->config_size);
  rapt__config table = {arch->keys, *out};
  for (; *changes; changes++)
    RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &table, 1, *changes, NULL, run->recipe->info.id));
  return RAPT_OK;
}

static rapt_status train(rapt__run *run, work *w, int which) {
  const transformer_settings *s = run->own;
  static const char *const changes[NETS][3] = {{NULL}, {NULL}, {"model.heads=1", "model.decoder_heads=1", NULL}};
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  const char *dir = folders[which] ? rapt__run_path(run, folders[which]) : run->common.out;
  void *config;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, arch, changes[which], &config));
  w->settings[which] = s->translation;
  if (which == SHARP) w->settings[which].smoothing = 0;
  RAPT_TRY(rapt__system_begin(run, &w->settings[which], &w->corpus, arch, config, names[which], &w->nets[which]));
  w->nets[which].metric.tokenizer = RAPT_TOK_NONE; /* the text is cut into words already */
  return rapt__system_train(&w->nets[which], dir);
}

static rapt_status learn_to_copy(rapt__run *run, work *w) {
  const transformer_settings *s = run->own;
  static const char *const changes[] = {"model.width=64",         "model.inner=128",  "model.encoder_layers=2",
                                        "model.decoder_layers=2", "model.heads=4",    "model.decoder_heads=4",
                                        "model.dropout=0",        "model.context=32", NULL};
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  const char *dir = rapt__run_path(run, "copier");
  rapt__system *copier = &w->copier;
  void *config;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(rapt__copy_corpus(run, &w->copies));
  RAPT_TRY(configure(run, arch, changes, &config));
  w->copy_settings = (rapt__translation_settings){
      .source = "letters", .target = "letters", .units = RAPT__UNITS_WORDS, .min_count = 1, .joint = true, .beam = 1};
  RAPT_TRY(rapt__system_begin(run, &w->copy_settings, &w->copies, arch, config, "copier", copier));
  copier->train.steps = s->copy_steps;
  copier->train.warmup = s->copy_steps / 10;
  copier->train.average = 0;
  RAPT_TRY(rapt__system_train(copier, dir));
  return run->result->interrupted ? RAPT_OK : rapt__systems_test(&copier, 1, 1, &w->copied);
}

/* ---- Result ---- */

enum { VERDICTS = 6, LENGTH = 260, MEASURED = 50 };

static size_t judge_heads(const work *w, char (*out)[LENGTH]) {
  const rapt__specialist *p = &w->habits.previous, *a = &w->habits.pointing;
  snprintf(out[0], LENGTH,
           "claim: a head looks at the token before (%s, layer %lld, head %lld: %.0f %% of its weight): %s",
           p->kind ? p->kind : "none", (long long)p->layer + 1, (long long)p->head + 1, 100 * p->share,
           rapt__judged(p->share >= specialised));
  snprintf(out[1], LENGTH,
           "claim: a head of the decoder points at one token of the source (layer %lld, head %lld: %.0f %% of its "
           "weight): %s",
           (long long)a->layer + 1, (long long)a->head + 1, 100 * a->share, rapt__judged(a->share >= specialised));
  return 2;
}

static size_t judge(rapt__run *run, const work *w, char (*out)[LENGTH]) {
  const transformer_settings *s = run->own;
  double ours = w->outputs[MAIN].score.score, copied = s->copy_steps ? rapt__copied(&w->copies, &w->copied) : NAN;
  size_t n = 0;
  run->result->figure = ours;
  run->result->passed = !run->changed && ours >= mark && copied == 1;
  snprintf(out[n++], LENGTH, "pass mark: at least %.0f BLEU (%.2f) and every sequence copied (%.1f %%): %s", mark, ours,
           100 * copied,
           run->changed          ? "not judged, as settings were changed"
           : run->result->passed ? "reached"
                                 : "missed");
  n += judge_heads(w, out + n);
  if (!s->compare) return n;
  double smooth = w->nets[MAIN].trainer.eval_loss, sharp = w->nets[SHARP].trainer.eval_loss;
  double sharp_bleu = w->outputs[SHARP].score.score, one = w->outputs[ONE_HEAD].score.score;
  snprintf(out[n++], LENGTH,
           "claim: label smoothing hurts perplexity and helps BLEU (perplexity %.2f against %.2f, BLEU %.2f against "
           "%.2f): %s",
           exp(smooth), exp(sharp), ours, sharp_bleu, rapt__judged(smooth > sharp && ours > sharp_bleu));
  snprintf(out[n++], LENGTH, "claim: one head instead of several hurts (%.2f against %.2f): %s", one, ours,
           rapt__judged(one < ours));
  return n;
}

static rapt_status draw(rapt__run *run, work *w) {
  const transformer_settings *s = run->own;
  const rapt__translated *outputs[NETS];
  for (int i = 0; i < NETS; i++) outputs[i] = &w->outputs[i];
  RAPT_TRY(rapt__head_pictures(&w->nets[MAIN], 0, &w->heads));
  RAPT_TRY(rapt__bleu_by_length(run, &w->corpus, &s->translation, names, outputs, s->compare ? NETS : 1, &w->lengths));
  RAPT_TRY(rapt__sample_translations(&w->corpus, &w->outputs[MAIN], 12, &w->samples));
  return rapt__write_translations(run, &w->corpus, &w->outputs[MAIN], "test.translated");
}

static rapt_status report(rapt__run *run, work *w, const char *const *verdicts, size_t count) {
  const transformer_settings *s = run->own;
  char numbers[NETS + 2][32], bound[32];
  for (int i = 0; i < NETS; i++) snprintf(numbers[i], sizeof numbers[i], "%.2f", w->outputs[i].score.score);
  snprintf(numbers[NETS], sizeof numbers[NETS], "%.2f", w->greedy.score.score);
  snprintf(numbers[NETS + 1], sizeof numbers[NETS + 1], "%.1f %%",
           s->copy_steps ? 100 * rapt__copied(&w->copies, &w->copied) : NAN);
  snprintf(bound, sizeof bound, "at least %.0f", mark);
  const char *const figures[][4] = {{"BLEU", numbers[MAIN], "28.4 (English to German, WMT'14, big)", bound},
                                    {"BLEU, greedy", numbers[NETS], "", ""},
                                    {"sequences copied", numbers[NETS + 1], "", "100 %"},
                                    {"BLEU without label smoothing", numbers[SHARP], "", ""},
                                    {"BLEU with one head", numbers[ONE_HEAD], "", ""}};
  const rapt__report_section sections[] = {
      {.heading = "Every head",
       .text = "Where each head looks while the decoder reads the reference of one test sentence: a row is the token "
               "that looks.",
       .svg = w->heads.data},
      {.heading = "Length of the sentence", .svg = w->lengths.data},
      {.heading = "Translations of the test text", .verbatim = w->samples.data}};
  rapt__report parts = {.verdicts = verdicts,
                        .verdict_count = count,
                        .figures = figures,
                        .figure_count = s->compare ? 5 : 3,
                        .sections = sections,
                        .section_count = 3};
  return rapt__training_report(run, &w->nets[MAIN].trainer, &parts);
}

static rapt_status finish(rapt__run *run, work *w) {
  const transformer_settings *s = run->own;
  char sentences[VERDICTS][LENGTH];
  const char *verdicts[VERDICTS];
  RAPT_TRY(rapt__head_habits_measure(&w->nets[MAIN], MEASURED, &w->habits));
  rapt__say_translated(run, &w->nets[MAIN].metric, "greedy", &w->greedy);
  for (int i = 0; i < (s->compare ? NETS : 1); i++)
    rapt__say_translated(run, &w->nets[MAIN].metric, names[i], &w->outputs[i]);
  size_t count = judge(run, w, sentences);
  for (size_t i = 0; i < count; i++) {
    verdicts[i] = sentences[i];
    rapt__run_say(run, RAPT_EVENT_RESULT, "%s", sentences[i]);
  }
  RAPT_TRY(draw(run, w));
  return report(run, w, verdicts, count);
}

static rapt_status train_and_translate(rapt__run *run, work *w) {
  const transformer_settings *s = run->own;
  int nets = s->compare ? NETS : 1;
  RAPT_TRY(rapt__corpus_load(run, &s->translation, &w->corpus));
  for (int i = 0; i < nets && !run->result->interrupted; i++) RAPT_TRY(train(run, w, i));
  if (s->copy_steps && !run->result->interrupted) RAPT_TRY(learn_to_copy(run, w));
  rapt__system *first = &w->nets[MAIN];
  if (!run->result->interrupted) RAPT_TRY(rapt__systems_test(&first, 1, 1, &w->greedy));
  for (int i = 0; i < nets && !run->result->interrupted; i++) {
    rapt__system *net = &w->nets[i];
    RAPT_TRY(rapt__systems_test(&net, 1, s->translation.beam, &w->outputs[i]));
  }
  return run->result->interrupted ? RAPT_OK : finish(run, w);
}

static rapt_status transformer(rapt__run *run) {
  work w = {0};
  rapt__text *texts[] = {&w.heads, &w.lengths, &w.samples};
  for (int i = 0; i < 3; i++) rapt__text_init(texts[i], run->ctx);
  rapt_status status = train_and_translate(run, &w);
  for (int i = 0; i < 3; i++) rapt__text_free(texts[i]);
  for (int i = 0; i < NETS; i++) rapt__system_free(&w.nets[i]);
  rapt__system_free(&w.copier);
  rapt__corpus_free(&w.corpus);
  rapt__corpus_free(&w.copies);
  return status;
}

const rapt__recipe rapt__recipe_transformer = {
    .info =
        {.id = "transformer",
         .title = "The Transformer",
         .paper = "Vaswani et al. 2017, Attention Is All You Need",
         .task = "machine translation",
         .data = "multi30k",
         .paper_figure = "28.4 BLEU, English to German (big; WMT'14)",
         .pass_mark = ">= 32 BLEU, German to English; sequences copied without a fault",
         .claim = "heads specialise; with transformer.compare=true: label smoothing hurts perplexity and helps BLEU, "
                  "one head hurts",
         .minutes = 40,
         .about =
             "No recurrence: every layer of the encoder lets each token look at all others, every layer of the "
             "decoder at the tokens\n"
             "written so far and at the source. Several heads look at once, each in its own way; sinusoids say "
             "where a token stands.\n"
             "Trained with warm-up, label smoothing and dropout, searched with a beam of 4, the weights of the last "
             "evaluations averaged.\n"
             "The model directory loads in transformers as a MarianMTModel."},
    .architecture = "transformer",
    .keys = keys,
    .own_size = sizeof(transformer_settings),
    .defaults = defaults,
    .neutral = (const char *const[]){"transformer.compare", NULL},
    .run = transformer};
