/* Wang et al. (2018, 2021): translation as a hidden Markov model over source positions, on a Transformer. The sum over all
 * alignments is trained, with and without a memory of the last position, beside a Transformer of the same size. */
#include "base/file.h"
#include "models/direct_hmm.h"
#include "recipes/direct_hmm.h"
#include "recipes/findings.h"
#include "recipes/lm_report.h"
#include "recipes/toolkit.h"

#include <math.h>
#include <string.h>

typedef struct direct_hmm_settings {
  rapt__translation_settings translation;
  bool compare;
} direct_hmm_settings;

static const rapt__key keys[] = {
    RAPT__TRANSLATION_KEYS,
    {"direct-hmm-mt.compare", NULL, RAPT__KEY_BOOL, offsetof(direct_hmm_settings, compare), "true", 0, 0, NULL,
     "trains a Transformer of the same size and the model of the other order as well, with as many updates"},
    {0}};

static const char *const defaults[] = {"data=multi30k",        "text.tokenizer=bpe",
                                       "text.joint=true",      "text.vocabulary=4000",
                                       "search.beam=4",        "search.alpha=0.6",
                                       "model.width=128",      "model.inner=256",
                                       "model.dropout=0.1",    "train.steps=1000",
                                       "train.batch=64",       "train.lr=2e-3",
                                       "train.warmup=300",     "train.schedule=inverse_sqrt",
                                       "train.optimizer=adam", "train.weight_decay=0",
                                       "train.beta2=0.98",     "train.eps=1e-9",
                                       "train.average=5",      "train.eval_every=100",
                                       "train.evals=4",        "train.save_every=500",
                                       "train.sample_every=0", NULL};

static const double behind = 0.3;         /* BLEU that the model may be behind the Transformer */
static const double apart = 0.7;          /* BLEU between the two orders */
static const double faster = 1.5;         /* times, an update of the zero order */
static const double exact = 1e-6;         /* the sum against all paths, relative */
static const double closer = 0.8;         /* of cross-attention's disagreement with counting */
enum { PATHS = 1000000, ENUMERATED = 8 }; /* pairs with at most so many paths are summed path by path */
enum { TIMED = 6, ROUNDS = 4 };           /* batches whose updates are timed, and how often */
enum { DRAWN = 3 };

enum { MAIN, OTHER, PLAIN, NETS }; /* the order of model.order, the other order, the Transformer */
static const char *const folders[NETS] = {NULL, "other-order", "transformer"};
static const char *const names_by_order[] = {"zero order", "first order"};

typedef struct work {
  rapt__run *run;
  rapt__findings findings;
  rapt__corpus corpus;
  rapt__system nets[NETS];
  rapt__translated outputs[NETS];
  rapt__aligned_pair *pairs[NETS];
  rapt__text links[NETS], counted, lattices, lengths, samples;
  double disagreement[NETS], seconds[NETS]; /* seconds of an update */
  double furthest;                          /* from all paths, relative */
  int enumerated;
  int trained; /* nets */
} work;

/* ---- Training ---- */

static rapt_status configure(rapt__run *run, int which, const rapt__model **arch, void **config) {
  const rapt__model *hmm = rapt__model_find(run->recipe->architecture);
  *arch = which == PLAIN ? rapt__model_find("transformer") : hmm;
  *config = rapt__arena_new(&run->arena, 1, hmm->config_size);
  if (!*config) return RAPT_ENOMEM;
  /* Its stacks' settings are the first part, and all that the Transformer has. */
  memcpy(*config, run->model, hmm->config_size);
  if (which != OTHER) return RAPT_OK;
  rapt__config table = {hmm->keys, *config};
  const char *order = rapt__direct_hmm_first(run->model) ? "model.order=zero" : "model.order=first";
  return rapt__config_set(run->ctx, &run->arena, &table, 1, order, NULL, run->recipe->info.id);
}

static const char *name_of(const rapt__run *run, int which) {
  int order = rapt__direct_hmm_first(run->model);
  return which == PLAIN ? "Transformer" : names_by_order[which == MAIN ? order : 1 - order];
}

static rapt_status train(work *w, int which) {
  rapt__run *run = w->run;
  const direct_hmm_settings *s = run->own;
  const rapt__model *arch;
  void *config;
  const char *dir = folders[which] ? rapt__run_path(run, folders[which]) : run->common.out;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(configure(run, which, &arch, &config));
  RAPT_TRY(rapt__system_begin(run, &s->translation, &w->corpus, arch, config, name_of(run, which), &w->nets[which]));
  w->nets[which].metric.tokenizer = RAPT_TOK_NONE; /* the text is cut into words already */
  return rapt__system_train(&w->nets[which], dir);
}

/* ---- Measuring ---- */

/* Updates with a rate of 0 of the same batches by all nets in turn; of each the least time counts. */
static rapt_status time_updates(work *w, rapt__plans *plans) {
  double least[NETS][TIMED];
  rapt__batch batch;
  for (int r = 0; r < ROUNDS; r++)
    for (int i = 0; i < TIMED; i++)
      for (int n = 0; n < w->trained; n++) {
        rapt__task *task = plans[n].task;
        rapt__train_plan *p;
        if (!task->batch(task, true, (uint64_t)i, &batch)) return RAPT_OK;
        RAPT_TRY(rapt__plans_batch(&plans[n], batch.bucket, &p));
        RAPT_TRY(task->fill(task, p->plan, batch.bucket, (uint64_t)i));
        *(real *)rapt_plan_data(p->plan, p->lr) = 0;
        *(real *)rapt_plan_data(p->plan, p->count) = 1;
        double begin = rapt__processor_time();
        RAPT_TRY(rapt_plan_run(p->plan, (uint64_t)i));
        double time = rapt__processor_time() - begin;
        least[n][i] = r ? fmin(least[n][i], time) : time;
      }
  for (int n = 0; n < w->trained; n++)
    for (int i = 0; i < TIMED; i++) w->seconds[n] += least[n][i] / TIMED;
  return RAPT_OK;
}

static rapt_status measure_speed(work *w) {
  rapt__plans plans[NETS] = {{.ctx = NULL}};
  rapt_status status = RAPT_OK;
  for (int n = 0; n < w->trained && status == RAPT_OK; n++) {
    plans[n] = (rapt__plans){.ctx = w->run->ctx,
                             .task = &w->nets[n].task.task,
                             .params = w->nets[n].model->params,
                             .update = rapt__update_settings(&w->run->train),
                             .seed = (uint64_t)w->run->common.seed};
    status = rapt__plans_begin(&plans[n]);
  }
  if (status == RAPT_OK) status = time_updates(w, plans);
  for (int n = 0; n < w->trained; n++)
    if (plans[n].ctx) rapt__plans_free(&plans[n]);
  return status;
}

/* The first pairs that have few enough paths, summed path by path. */
static rapt_status enumerate(work *w, int net) {
  int done = 0;
  for (size_t i = 0; i < w->corpus.test.count && done < ENUMERATED; i++) {
    const rapt__aligned_pair *p = &w->pairs[net][i];
    if (!p->target_count || rapt__lattice_paths(p, PATHS) > PATHS) continue;
    rapt__lattice lattice;
    RAPT_TRY(rapt__lattice_of(&w->nets[net], p, &lattice));
    double all = rapt__lattice_enumerate(&lattice);
    double off = fabs(lattice.log_probability - all) / fmax(fabs(all), 1);
    w->furthest = isnan(off) ? INFINITY : fmax(w->furthest, off);
    done++;
  }
  w->enumerated += done;
  return RAPT_OK;
}

static rapt_status align(work *w) {
  rapt__run *run = w->run;
  RAPT_TRY(rapt__statistical_links(run, &w->corpus, &w->counted));
  for (int n = 0; n < w->trained; n++) {
    RAPT_TRY(rapt__align_references(&w->nets[n], &w->pairs[n]));
    RAPT_TRY(rapt__word_links(&w->nets[n], w->pairs[n], &w->links[n]));
    RAPT_TRY(rapt__disagreement(run, &w->counted, &w->links[n], &w->disagreement[n]));
  }
  return RAPT_OK;
}

static rapt_status measure(work *w) {
  const direct_hmm_settings *s = w->run->own;
  for (int n = 0; n < w->trained && !w->run->result->interrupted; n++) {
    rapt__system *net = &w->nets[n];
    RAPT_TRY(rapt__systems_test(&net, 1, s->translation.beam, &w->outputs[n]));
  }
  if (w->run->result->interrupted) return RAPT_OK;
  RAPT_TRY(align(w));
  for (int n = 0; n < w->trained; n++)
    if (n != PLAIN) RAPT_TRY(enumerate(w, n));
  return measure_speed(w); /* last, for it writes into the optimizer's memory */
}

/* ---- Result ---- */

static rapt_status judge_both(work *w) {
  rapt__findings *f = &w->findings;
  bool first = rapt__direct_hmm_first(w->run->model);
  int zero = first ? OTHER : MAIN, one = first ? MAIN : OTHER;
  double bleu[NETS], *d = w->disagreement;
  for (int n = 0; n < NETS; n++) bleu[n] = w->outputs[n].score.score;
  RAPT_TRY(
      rapt__findings_judge(f, true, bleu[MAIN] >= bleu[PLAIN] - behind,
                           "mark: the %s is at most %.1f BLEU behind a Transformer of its size (%.2f against %.2f)",
                           name_of(w->run, MAIN), behind, bleu[MAIN], bleu[PLAIN]));
  RAPT_TRY(rapt__findings_judge(f, true, fabs(bleu[zero] - bleu[one]) <= apart,
                                "mark: both orders are within %.1f BLEU (%.2f zero, %.2f first)", apart, bleu[zero],
                                bleu[one]));
  RAPT_TRY(rapt__findings_judge(f, true, w->seconds[one] >= faster * w->seconds[zero],
                                "mark: an update of the zero order takes at most 1/%.1f of one of the first (%.3f s "
                                "against %.3f s, %.2f times as fast)",
                                faster, w->seconds[zero], w->seconds[one], w->seconds[one] / w->seconds[zero]));
  for (int n = 0; n < PLAIN; n++)
    RAPT_TRY(rapt__findings_judge(
        f, false, d[n] <= closer * d[PLAIN],
        "claim: Viterbi alignments of the %s disagree at least %.0f %% less with an aligner that counts than "
        "cross-attention does (%.1f %% against %.1f %%)",
        name_of(w->run, n), 100 * (1 - closer), 100 * d[n], 100 * d[PLAIN]));
  return RAPT_OK;
}

static rapt_status judge(work *w) {
  rapt__run *run = w->run;
  rapt__findings *f = &w->findings;
  for (int n = 0; n < w->trained; n++) rapt__say_translated(run, &w->nets[n].metric, name_of(run, n), &w->outputs[n]);
  for (int n = 0; n < w->trained; n++)
    RAPT_TRY(rapt__findings_say(f, "%s: %.2f BLEU, %.3f s an update, %.1f %% disagreement with counting",
                                name_of(run, n), w->outputs[n].score.score, w->seconds[n], 100 * w->disagreement[n]));
  if (w->trained == NETS) RAPT_TRY(judge_both(w));
  if (w->enumerated)
    RAPT_TRY(
        rapt__findings_judge(f, true, w->furthest <= exact,
                             "mark: the sum over alignments is that of all paths one by one to %.0e (%.1e at most, "
                             "%d sentence pairs)",
                             exact, w->furthest, w->enumerated));
  run->result->figure = w->outputs[MAIN].score.score;
  run->result->passed = !run->changed && w->enumerated && f->judged && !f->missed;
  return rapt__findings_say(f, "pass mark: %s",
                            run->changed          ? "not judged, as settings were changed"
                            : run->result->passed ? "reached"
                                                  : "missed");
}

/* ---- Report ---- */

static rapt_status draw(work *w) {
  const direct_hmm_settings *s = w->run->own;
  const char *names[NETS];
  const rapt__translated *outputs[NETS];
  size_t count = w->corpus.test.count;
  for (int n = 0; n < w->trained; n++) {
    names[n] = name_of(w->run, n);
    outputs[n] = &w->outputs[n];
  }
  for (size_t k = 0; k < DRAWN && k < count; k++)
    for (int n = 0; n < w->trained && n < PLAIN; n++) {
      const rapt__aligned_pair *pair = &w->pairs[n][k * count / DRAWN];
      rapt__lattice lattice;
      if (!pair->target_count) continue;
      RAPT_TRY(rapt__lattice_of(&w->nets[n], pair, &lattice));
      RAPT_TRY(rapt__lattice_draw(&w->nets[n], pair, &lattice, &w->lattices));
    }
  RAPT_TRY(rapt__bleu_by_length(w->run, &w->corpus, &s->translation, names, outputs, (size_t)w->trained, &w->lengths));
  RAPT_TRY(rapt__sample_translations(&w->corpus, &w->outputs[MAIN], 12, &w->samples));
  return rapt__write_translations(w->run, &w->corpus, &w->outputs[MAIN], "test.translated");
}

/* Links of the test text, for other tools. */
static rapt_status write_links(work *w) {
  static const char *const files[NETS] = {"test.links", "other-order/test.links", "transformer/test.links"};
  rapt_context *ctx = w->run->ctx;
  for (int n = 0; n <= w->trained; n++) {
    const rapt__text *text = n < w->trained ? &w->links[n] : &w->counted;
    const char *path = rapt__run_path(w->run, n < w->trained ? files[n] : "aligned.links");
    if (!path) return RAPT_ENOMEM;
    RAPT_TRY(rapt__file_replace(ctx, path, text->data, text->size));
  }
  return RAPT_OK;
}

static rapt_status report(work *w) {
  char numbers[NETS][32], links[NETS][32];
  for (int n = 0; n < NETS; n++) {
    snprintf(numbers[n], sizeof numbers[n], "%.2f", n < w->trained ? w->outputs[n].score.score : NAN);
    snprintf(links[n], sizeof links[n], "%.1f %%", 100 * w->disagreement[n]);
  }
  const char *const figures[][4] = {{"BLEU", numbers[MAIN], "", "at least the Transformer's − 0.3"},
                                    {"links that differ from counting's", links[MAIN], "", ""},
                                    {"BLEU, other order", numbers[OTHER], "", ""},
                                    {"links, other order", links[OTHER], "", ""},
                                    {"BLEU, Transformer", numbers[PLAIN], "", ""},
                                    {"links, Transformer", links[PLAIN], "", ""}};
  const rapt__report_section sections[] = {
      {.heading = "Alignment lattices",
       .text =
           "Sentence pairs of the test text: a row is a token of the translation, a column one of the source. Darker: "
           "the more probable it is, over all alignments, that the token comes from there. Dots: the most probable "
           "alignment of the whole sentence.",
       .svg = w->lattices.data},
      {.heading = "Length of the sentence", .svg = w->lengths.data},
      {.heading = "Translations of the test text", .verbatim = w->samples.data}};
  rapt__report parts = {.verdicts = w->findings.lines,
                        .verdict_count = w->findings.count,
                        .figures = figures,
                        .figure_count = w->trained == NETS ? 6 : 2,
                        .sections = sections,
                        .section_count = 3};
  return rapt__training_report(w->run, &w->nets[MAIN].trainer, &parts);
}

static rapt_status work_through(work *w) {
  rapt__run *run = w->run;
  const direct_hmm_settings *s = run->own;
  RAPT_TRY(rapt__corpus_load(run, &s->translation, &w->corpus));
  for (int n = 0; n < w->trained && !run->result->interrupted; n++) RAPT_TRY(train(w, n));
  if (!run->result->interrupted) RAPT_TRY(measure(w));
  if (run->result->interrupted) return RAPT_OK;
  RAPT_TRY(judge(w));
  RAPT_TRY(write_links(w));
  RAPT_TRY(draw(w));
  return report(w);
}

static rapt_status direct_hmm_mt(rapt__run *run) {
  const direct_hmm_settings *s = run->own;
  work w = {.run = run, .findings = {.run = run}, .nets = {{0}}};
  rapt__text *texts[] = {&w.links[MAIN], &w.links[OTHER], &w.links[PLAIN], &w.counted,
                         &w.lattices,    &w.lengths,      &w.samples};
  enum { TEXTS = sizeof texts / sizeof *texts };
  for (int i = 0; i < TEXTS; i++) rapt__text_init(texts[i], run->ctx);
  w.trained = s->compare ? NETS : 1;
  rapt_status status = work_through(&w);
  for (int i = 0; i < TEXTS; i++) rapt__text_free(texts[i]);
  for (int n = 0; n < NETS; n++) rapt__system_free(&w.nets[n]);
  rapt__corpus_free(&w.corpus);
  return status;
}

const rapt__recipe rapt__recipe_direct_hmm_mt = {
    .info =
        {.id = "direct-hmm-mt",
         .title = "Translation as a hidden Markov model",
         .paper = "Wang et al. 2021, Transformer-Based Direct Hidden Markov Model for Machine Translation; Wang et al. "
                  "2018, Neural Hidden Markov Model for Machine Translation",
         .task = "machine translation",
         .data = "multi30k",
         .paper_figure = "better than the Transformer baseline; zero order as good as first order and much faster "
                         "(abstract; no BLEU taken over)",
         .pass_mark = "BLEU >= a Transformer of the same size - 0.3; zero order within 0.7 BLEU of first order and its "
                      "updates >= 1.5 times as fast; the sum over alignments exact to 1e-6",
         .claim = "the most probable alignments disagree at least 20 % less with a statistical aligner than "
                  "cross-attention does",
         .minutes = 14,
         .about =
             "Every target word comes from one source position, but nobody says from which. The model gives a "
             "probability to positions and,\n"
             "for each position, to words; a translation's probability is the sum over all ways to choose positions. "
             "Training follows the\n"
             "gradient of that sum, search carries it along. The zero-order model forgets the last position, the "
             "first-order one moves on from it."},
    .architecture = "direct-hmm",
    .keys = keys,
    .own_size = sizeof(direct_hmm_settings),
    .defaults = defaults,
    .run = direct_hmm_mt};
