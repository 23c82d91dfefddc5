/* What the experiments of the recipe birnn share: settings, nets, sets of sequences, verdicts, sections of the page. */
#ifndef RAPT_SRC_RECIPES_BIRNN_H
#define RAPT_SRC_RECIPES_BIRNN_H

#include "models/birnn.h"
#include "recipes/findings.h"
#include "tasks/frames.h"

enum { RAPT__BIRNN_ALL, RAPT__BIRNN_REGRESSION, RAPT__BIRNN_DIGITS, RAPT__BIRNN_VOWELS };

typedef struct rapt__birnn_settings {
  int experiment;
  int64_t units, recordings;
  bool test;
  const char *vowels;
} rapt__birnn_settings;

enum { RAPT__BIRNN_SECTIONS = 3 };
typedef struct rapt__birnn_section {
  const char *heading, *text, *svg; /* in the run's arena */
  const char **rows;                /* "key=value", ended by NULL */
} rapt__birnn_section;

/* A run under way. */
typedef struct rapt__birnn_run {
  rapt__run *run;
  const rapt__birnn_settings *settings;
  rapt__text csv;
  rapt__birnn_section sections[RAPT__BIRNN_SECTIONS];
  rapt__findings findings;
  size_t section_count;
  double begun;
} rapt__birnn_run;

/* Data and answers of an experiment; sequences and what they point to live in the run's arena. */
typedef struct rapt__birnn_task {
  const char *name; /* of its folder below the run's */
  rapt__sequences train, valid, test;
  rapt__answer answer;
  int64_t outputs;
} rapt__birnn_task;

/* A net to train, and what it says about the test sequences. */
typedef struct rapt__birnn_net {
  const char *name; /* of its folder below the task's */
  rapt__direction direction;
  int64_t delay;
  int64_t units, size; /* filled in: of each direction; parameters */
  float *out;          /* filled in: (test frames, outputs), in the run's arena */
} rapt__birnn_net;

/* ---- birnn_net.c ---- */

/* Trains a net, takes the parameters of the lowest validation loss, and runs it over the test sequences. Nets that
 * read in one direction get as many units as give them about the parameters of a net with birnn.units in each
 * direction. run->result->interrupted: it was stopped, and nothing else of the net is filled in. */
rapt_status rapt__birnn_train(rapt__birnn_run *b, const rapt__birnn_task *task, rapt__birnn_net *net);
/* The mean square of errors; the share of frames whose largest output is not the label. */
double rapt__birnn_squares(const rapt__birnn_task *task, const float *out);
double rapt__birnn_errors(const rapt__birnn_task *task, const float *out);
/* Merged opinions of two nets on classes (§II-B of the paper): the mean of their probabilities, or of their
 * logarithms. `out` gets logarithms of probabilities up to a constant a frame. */
void rapt__birnn_pool(const rapt__birnn_task *task, const float *a, const float *b, bool logarithmic, float *out);

/* ---- birnn_report.c ---- */

/* A row of errors.csv: experiment, net, delay, error. */
rapt_status rapt__birnn_row(rapt__birnn_run *b, const rapt__birnn_task *task, const char *net, int64_t delay,
                            double error);
/* The curve of error over delay with lines for nets that have none, as FILE in the run directory and a section of
 * the page. */
typedef struct rapt__birnn_level {
  const char *name;
  double error;
} rapt__birnn_level;
rapt_status rapt__birnn_curve(rapt__birnn_run *b, const rapt__birnn_section *section, const char *file,
                              const char *y_title, bool log_y, const double *delays, const double *errors, size_t count,
                              const rapt__birnn_level *levels, size_t level_count);
rapt_status rapt__birnn_report(rapt__birnn_run *b);

/* ---- The experiments ---- */

rapt_status rapt__birnn_regression(rapt__birnn_run *b);
rapt_status rapt__birnn_digits(rapt__birnn_run *b);
rapt_status rapt__birnn_vowels(rapt__birnn_run *b);

#endif
