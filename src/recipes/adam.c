/* Adam against the optimizers of its time, and what bias correction is for: the recipe's settings, course, verdicts. */
#include "recipes/adam.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const experiments[] = {"all", "logistic", "sparse", "mlp", "vae", NULL}; /* as RAPT__ADAM_ALL, … */

#define AT(field) offsetof(rapt__adam_settings, field)
static const rapt__key keys[] = {
    {"adam.experiment", NULL, RAPT__KEY_CHOICE, AT(experiment), "all", 0, 0, experiments, "which of the experiments"},
    {"adam.batch", NULL, RAPT__KEY_INT, AT(batch), "128", 1, 4096, NULL, "samples of an update"},
    {"adam.passes", NULL, RAPT__KEY_INT, AT(passes), "45", 1, 1000, NULL,
     "passes of the logistic regression on digits, for every optimizer and rate"},
    {"adam.average", NULL, RAPT__KEY_REAL, AT(average), "0.999", 0, 0.999999, NULL,
     "decay of the running mean of Adam's parameters there; 0: none"},
    {"adam.reviews", NULL, RAPT__KEY_TEXT, AT(reviews), "movie-reviews", 0, 0, NULL,
     "folder with review_polarity.tar.gz, or the name of a data set"},
    {"adam.words", NULL, RAPT__KEY_INT, AT(words), "10000", 1, 1000000, NULL,
     "words that count as features, from the most frequent of the training reviews"},
    {"adam.sparse_passes", NULL, RAPT__KEY_INT, AT(sparse_passes), "45", 1, 1000, NULL,
     "passes of the logistic regression on reviews"},
    {"adam.mlp_passes", NULL, RAPT__KEY_INT, AT(mlp_passes), "1", 1, 1000, NULL, "passes of the multilayer network"},
    {"adam.mlp_width", NULL, RAPT__KEY_INT, AT(mlp_width), "1000", 1, 10000, NULL, "units of its two hidden layers"},
    {"adam.vae_updates", NULL, RAPT__KEY_INT, AT(vae_updates), "200", 1, 1000000, NULL,
     "updates of every autoencoder; the loss is also shown after a quarter of them"},
    {"adam.vae_early", NULL, RAPT__KEY_INT, AT(vae_early), "100", 1, 1000000, NULL,
     "updates that count as early when instability is judged"},
    {"adam.vae_width", NULL, RAPT__KEY_INT, AT(vae_width), "500", 1, 10000, NULL,
     "hidden units of encoder and decoder"},
    {"adam.vae_latent", NULL, RAPT__KEY_INT, AT(vae_latent), "50", 1, 1000, NULL, "latent units"},
    {0}};
#undef AT
static const char *const defaults[] = {"data=mnist", NULL};

/* ---- Lines, curves, progress ---- */

rapt_status rapt__adam_curve(rapt__adam *a, const char *experiment, const char *series, double rate, double pass,
                             double loss) {
  return rapt__text_addf(&a->csv, "%s,%s,%g,%.6g,%.7g\n", experiment, series, rate, pass, loss);
}

rapt_status rapt__adam_update(rapt__adam *a, rapt__adam_trial *t, const char *stage, int64_t pass, int64_t batch,
                              double lr, double *loss) {
  rapt__run *run = a->run;
  if (atomic_load(&run->ctx->interrupted)) {
    run->result->interrupted = true;
    return rapt__fail(run->ctx, RAPT_EINTERRUPTED,
                      "adam: stopped; curves.csv and report.html in %s hold what was done, and a new run starts anew",
                      run->common.out);
  }
  RAPT_TRY(rapt__adam_trial_update(t, pass, batch, lr, loss));
  a->step++;
  a->done += t->problem->milliseconds;
  double now = rapt__now(), seconds = now - a->begun;
  if (!run->tell || (now - a->told < 0.2 && a->step != a->steps)) return RAPT_OK;
  a->told = now;
  rapt_progress p = {.step = a->step,
                     .steps = a->steps,
                     .loss = *loss,
                     .lr = lr,
                     .eval_loss = NAN,
                     .seconds = seconds,
                     .seconds_left = seconds * (a->total / a->done - 1),
                     .stage = stage};
  run->tell(run->tell_user, RAPT_EVENT_PROGRESS, &p, NULL);
  return RAPT_OK;
}

void rapt__adam_expect(rapt__adam *a, const rapt__adam_problem *p, int64_t updates) {
  a->steps += updates;
  a->total += (double)updates * p->milliseconds;
}

void rapt__adam_skip(rapt__adam *a, const rapt__adam_problem *p, int64_t updates) {
  a->steps -= updates;
  a->total -= (double)updates * p->milliseconds;
}

/* ---- The run ---- */

static bool chosen(const rapt__adam *a, int experiment) {
  return a->settings->experiment == RAPT__ADAM_ALL || a->settings->experiment == experiment;
}

static rapt_status load(rapt__adam *a) {
  rapt__run *run = a->run;
  const rapt__adam_settings *s = a->settings;
  if (s->experiment != RAPT__ADAM_SPARSE) RAPT_TRY(rapt__adam_images_load(run, s->batch, &a->images));
  if (!chosen(a, RAPT__ADAM_SPARSE)) return RAPT_OK;
  const char *dir = rapt__run_data_named(run, s->reviews);
  if (!dir) return rapt_context_status(run->ctx);
  const char *path = rapt__arena_format(&run->arena, "%s/review_polarity.tar.gz", dir);
  if (!path) return RAPT_ENOMEM;
  if (!rapt__file_exists(path))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "%s: there is no such file; say adam.reviews=FOLDER, or leave the reviews out with "
                      "adam.experiment=logistic, mlp or vae",
                      path);
  return rapt__reviews_read(run->ctx, path, s->words, &a->reviews);
}

static rapt_status experiments_run(rapt__adam *a) {
  static const struct {
    int which;
    void (*plan)(rapt__adam *a);
    rapt_status (*run)(rapt__adam *a);
  } parts[] = {{RAPT__ADAM_LOGISTIC, rapt__adam_logistic_plan, rapt__adam_logistic},
               {RAPT__ADAM_SPARSE, rapt__adam_sparse_plan, rapt__adam_sparse},
               {RAPT__ADAM_MLP, rapt__adam_mlp_plan, rapt__adam_mlp},
               {RAPT__ADAM_VAE, rapt__adam_vae_plan, rapt__adam_vae}};
  enum { PARTS = sizeof parts / sizeof *parts };
  for (int i = 0; i < PARTS; i++)
    if (chosen(a, parts[i].which)) parts[i].plan(a);
  a->begun = rapt__now();
  for (int i = 0; i < PARTS; i++)
    if (chosen(a, parts[i].which)) RAPT_TRY(parts[i].run(a));
  return RAPT_OK;
}

static rapt_status finish(rapt__adam *a, bool interrupted) {
  rapt__run *run = a->run;
  const char *path = rapt__run_path(run, "curves.csv");
  if (!path) return RAPT_ENOMEM;
  if (!interrupted) {
    run->result->passed = !run->changed && a->findings.missed == 0;
    const char *mark = run->changed          ? "not judged, since settings were changed"
                       : run->result->passed ? "reached"
                                             : "missed";
    RAPT_TRY(rapt__findings_say(&a->findings, "pass mark: %s: %s", run->recipe->info.pass_mark, mark));
  }
  RAPT_TRY(rapt__file_replace(run->ctx, path, a->csv.data, a->csv.size));
  return rapt__adam_report(a, interrupted);
}

static rapt_status adam(rapt__run *run) {
  rapt__adam a = {.run = run, .findings = {.run = run}, .settings = run->own};
  rapt__text_init(&a.csv, run->ctx);
  if (run->resume)
    return rapt__fail(run->ctx, RAPT_EUNSUPPORTED,
                      "adam: a stopped run cannot go on; start it anew with another out=DIR");
  rapt_status status = load(&a);
  if (status == RAPT_OK) status = rapt__text_addf(&a.csv, "experiment,series,rate,pass,loss\n");
  if (status == RAPT_OK) status = experiments_run(&a);
  if (status == RAPT_OK) {
    status = finish(&a, false);
  } else if (status == RAPT_EINTERRUPTED) {
    rapt_status kept = finish(&a, true);
    if (kept != RAPT_OK) status = kept;
  }
  rapt__adam_images_free(run->ctx, &a.images);
  rapt__reviews_free(&a.reviews);
  rapt__text_free(&a.csv);
  return status;
}

const rapt__recipe rapt__recipe_adam = {
    .info = {.id = "adam",
             .title = "Adam and its rivals",
             .paper = "Kingma and Ba 2015, Adam: A Method for Stochastic Optimization",
             .task = "comparison of optimizers",
             .data = "mnist, movie-reviews",
             .paper_figure = "curves only",
             .pass_mark = "digits: train NLL <= best Nesterov + 0.01; reviews: train NLL <= best AdaGrad + 2 %",
             .claim = "without bias correction, beta2 = 0.99999 is unstable in early steps",
             .minutes = 6,
             .about = "Adam beside SGD with Nesterov momentum, AdaGrad, RMSProp, AdaDelta and AdaMax, each with the "
                      "best rate of a grid:\n"
                      "logistic regression on handwritten digits and on the words of film reviews, and a network with "
                      "two hidden layers.\n"
                      "Then a variational autoencoder over a grid of decays and rates, with and without bias "
                      "correction."},
    .keys = keys,
    .own_size = sizeof(rapt__adam_settings),
    .only_threads = true,
    .defaults = defaults,
    .run = adam};
