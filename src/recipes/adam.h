/* What the experiments of the recipe adam share: settings, contests between optimizers, curves, progress, verdicts. */
#ifndef RAPT_SRC_RECIPES_ADAM_H
#define RAPT_SRC_RECIPES_ADAM_H

#include "data/idx.h"
#include "data/reviews.h"
#include "formats/svg.h"
#include "recipes/adam_trial.h"
#include "recipes/findings.h"

enum { RAPT__ADAM_ALL, RAPT__ADAM_LOGISTIC, RAPT__ADAM_SPARSE, RAPT__ADAM_MLP, RAPT__ADAM_VAE };

typedef struct rapt__adam_settings {
  int experiment;
  int64_t passes, batch, sparse_passes, words, mlp_passes, mlp_width, vae_updates, vae_early, vae_width, vae_latent;
  double average;
  const char *reviews;
} rapt__adam_settings;

/* Handwritten digits in a new order for every pass. */
typedef struct rapt__adam_images {
  rapt__idx pixels, labels;
  int64_t features;
  uint32_t *order; /* owned */
  int64_t pass;    /* that `order` is of; 0: none yet */
} rapt__adam_images;

enum { RAPT__ADAM_SECTIONS = 4 };
typedef struct rapt__adam_section {
  const char *heading, *text, *svg; /* in the run's arena */
  const char **rows;                /* "key=value", ended by NULL */
} rapt__adam_section;

/* A run under way. */
typedef struct rapt__adam {
  rapt__run *run;
  const rapt__adam_settings *settings;
  rapt__adam_images images;
  rapt__reviews reviews;
  rapt__text csv;
  rapt__adam_section sections[RAPT__ADAM_SECTIONS];
  rapt__findings findings;
  size_t section_count;
  int64_t step, steps;
  double begun, told, done, total; /* seconds; milliseconds of work as reckoned */
} rapt__adam;

/* ---- adam.c ---- */

/* A row of curves.csv. */
rapt_status rapt__adam_curve(rapt__adam *a, const char *experiment, const char *series, double rate, double pass,
                             double loss);
/* An update of a trial; tells progress. RAPT_EINTERRUPTED after rapt_context_interrupt. */
rapt_status rapt__adam_update(rapt__adam *a, rapt__adam_trial *t, const char *stage, int64_t pass, int64_t batch,
                              double lr, double *loss);
/* Adds updates to the plan, of which the time left is reckoned. */
void rapt__adam_expect(rapt__adam *a, const rapt__adam_problem *p, int64_t updates);
/* Takes updates out of the plan that a trial did not make because it diverged. */
void rapt__adam_skip(rapt__adam *a, const rapt__adam_problem *p, int64_t updates);

/* ---- adam_contest.c: the best of a fixed grid of rates for every optimizer ---- */

enum {
  RAPT__ADAM_NESTEROV,
  RAPT__ADAM_ADAGRAD,
  RAPT__ADAM_RMSPROP,
  RAPT__ADAM_ADADELTA,
  RAPT__ADAM_ADAMAX,
  RAPT__ADAM_ADAM,
  RAPT__ADAM_METHODS
};

typedef struct rapt__adam_best {
  bool entered, edge;  /* took part; its best rate is the first or last of its grid */
  double rate, final;  /* the loss of the last point; infinite where every rate diverged */
  double *pass, *loss; /* the curve of the best rate, in the run's arena */
  size_t count;
  double last, averaged; /* with `average`: over all samples, of the last parameters and of their mean */
} rapt__adam_best;

typedef struct rapt__adam_contest {
  const char *experiment;
  rapt__adam_problem *problem;
  const int *methods;      /* that take part */
  int method_count, reach; /* rates on either side of the customary one */
  int64_t passes, points;  /* a pass; each is the mean loss of its batches */
  double average;          /* of Adam's parameters; 0: none */
  rapt__adam_best best[RAPT__ADAM_METHODS];
} rapt__adam_contest;

/* 1e-3, 3e-3, 1e-2, …: `half_decades` −6, −5, −4, … */
double rapt__adam_rate(int half_decades);
int64_t rapt__adam_contest_updates(const rapt__adam_contest *c);
rapt_status rapt__adam_contest_run(rapt__adam *a, rapt__adam_contest *c);
/* Picture and table of the report. */
rapt_status rapt__adam_contest_section(rapt__adam *a, const rapt__adam_contest *c, const char *heading,
                                       const char *text);

/* ---- The experiments. _plan adds their updates to the progress. ---- */

void rapt__adam_logistic_plan(rapt__adam *a);
rapt_status rapt__adam_logistic(rapt__adam *a);
void rapt__adam_sparse_plan(rapt__adam *a);
rapt_status rapt__adam_sparse(rapt__adam *a);
void rapt__adam_mlp_plan(rapt__adam *a);
rapt_status rapt__adam_mlp(rapt__adam *a);
void rapt__adam_vae_plan(rapt__adam *a);
rapt_status rapt__adam_vae(rapt__adam *a);

/* ---- adam_images.c ---- */

enum { RAPT__ADAM_CLASSES = 10 };
rapt_status rapt__adam_images_load(rapt__run *run, int64_t batch, rapt__adam_images *set);
void rapt__adam_images_free(rapt_context *ctx, rapt__adam_images *set);
/* The order of a pass, which depends on seed and pass alone. */
const uint32_t *rapt__adam_images_order(rapt__adam_images *set, uint64_t seed, int64_t pass);
/* A feed: pixels in [0, 1], and labels. */
void rapt__adam_images_feed(rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]);
/* The inputs that this feed fills. */
void rapt__adam_images_inputs(const rapt__adam_problem *p, rapt_graph *graph, rapt_tensor *inputs[RAPT__ADAM_INPUTS]);

/* ---- adam_report.c ---- */

/* A curve plot as an <svg> element in the run's arena, also written to FILE in the run directory. */
rapt_status rapt__adam_plot(rapt__adam *a, const char *file, const rapt__plot *plot, const char **svg);
rapt_status rapt__adam_report(rapt__adam *a, bool interrupted);

#endif
