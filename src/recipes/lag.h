/* What the files of the recipe lstm-long-lag share: experiments, trials, the report. */
#ifndef RAPT_SRC_RECIPES_LAG_H
#define RAPT_SRC_RECIPES_LAG_H

#include "data/lag_tasks.h"
#include "recipes/lstm1997.h"
#include "recipes/plain_rnn.h"
#include "recipes/rounds.h"

typedef enum rapt__lag_method { RAPT__LAG_LSTM, RAPT__LAG_RNN, RAPT__LAG_GUESS } rapt__lag_method;

typedef struct rapt__lag_settings {
  int task; /* of the choices: all, or one group */
  int64_t seeds;
  double budget, lag; /* factors of the experiments' sequences and lags */
  bool long_lag;      /* with the experiment that takes longest */
} rapt__lag_settings;

/* A method on a task. */
typedef struct rapt__lag_experiment {
  const char *name, *group; /* "adding, T = 100"; one of the choices of `task` */
  rapt__lag_task task;
  int lag;
  rapt__lag_method method;
  int64_t sequences; /* that it may learn from */
  int blocks, cells; /* LSTM; units of the other nets in `cells` */
  double rate, range;
  bool linear;  /* outputs without σ */
  bool entropy; /* cross-entropy, not the squared error */
  rapt__lstm1997_bias in_bias, out_bias;
  bool shortcuts;
  double
      tolerance; /* a sequence is right if no output is further from its target (at the end, or at every step of 2a) */
  int allowed;   /* solved when at most so many of the newest RAPT__LAG_WINDOW sequences were wrong … */
  double distance; /* … and outputs were in the mean at most so far from targets without noise; 0: no matter */
  bool only_long;
  const char *paper; /* sequences until solved, as published; or NULL */
} rapt__lag_experiment;

extern const rapt__lag_experiment rapt__lag_experiments[]; /* ended by a name of NULL */

enum { RAPT__LAG_WINDOW = 2000, RAPT__LAG_TEST = 2560, RAPT__LAG_POINTS = 100 };

/* A net of an experiment with a seed. */
typedef struct rapt__lag_trial {
  const rapt__lag_experiment *experiment;
  uint64_t seed;
  int lag;
  int64_t budget;
  rapt__lag_shape shape;
  rapt__lag_sequence sequence; /* owned arrays */
  double *scratch;             /* owned: (outputs): zeros between two sequences */
  rapt__lstm1997 lstm;
  rapt__plain_rnn plain;
  int64_t sequences, guesses; /* learnt from, or tried; guesses of weights, the present one included */
  bool solved, ended;
  /* The newest sequences, of which the oldest is at place sequences % WINDOW; a new guess begins anew. */
  double *distances; /* owned: (WINDOW); negative: the sequence was right */
  int64_t kept;      /* sequences in the window, at most WINDOW */
  double sum;
  int wrong;
  /* The curve: mean square error of the sequences between two points. */
  double squares, curve[RAPT__LAG_POINTS];
  int64_t summed;
  int points;
  /* After the end, on RAPT__LAG_TEST new sequences. */
  int64_t test_wrong;
  double test_square, test_distance, variance; /* mean squares of errors; mean distance; variance of the first target */
} rapt__lag_trial;

/* Free the trial after a failure too. */
rapt_status rapt__lag_trial_begin(rapt_context *ctx, rapt__lag_trial *trial);
void rapt__lag_trial_free(rapt_context *ctx, rapt__lag_trial *trial);
/* Up to some thousand more steps; true: it has been solved or used up its sequences, and is tested. */
bool rapt__lag_trial_advance(rapt__lag_trial *trial);

/* ---- lag_report.c ---- */

typedef struct rapt__lag_runs {
  rapt__run *run;
  const rapt__lag_settings *settings;
  const rapt__lag_experiment **experiments; /* (count), chosen */
  int count;
  rapt__lag_trial *trials; /* (count, seeds) */
  const char *lines[48];   /* of the result */
  size_t line_count;
  double begun;
} rapt__lag_runs;

/* The mean of sequences over seeds that have solved it; NaN where none has. `solved`: how many. */
double rapt__lag_mean_sequences(const rapt__lag_runs *runs, int experiment, int64_t *solved);
rapt_status rapt__lag_report(rapt__lag_runs *runs);

#endif
