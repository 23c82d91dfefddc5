/* What the recipe reber's files share: settings, methods, trials. */
#ifndef RAPT_SRC_RECIPES_REBER_H
#define RAPT_SRC_RECIPES_REBER_H

#include "data/reber.h"
#include "recipes/lstm1997.h"
#include "recipes/plain_rnn.h"
#include "recipes/rounds.h"

enum {
  RAPT__REBER_LSTM_2,
  RAPT__REBER_LSTM_1,
  RAPT__REBER_FIRST, /* LSTM with the paper's connections, error and rate, as far as they are known */
  RAPT__REBER_RTRL,
  RAPT__REBER_ELMAN,
  RAPT__REBER_METHODS
};

typedef struct rapt__reber_settings {
  int64_t seeds, strings, sequences, check;
  double rate, rtrl_rate, elman_rate;
} rapt__reber_settings;

/* Training and test strings of a seed, drawn independently as the grammar gives them. */
typedef struct rapt__reber_sets {
  rapt__reber_string *train, *test; /* in the run's arena */
} rapt__reber_sets;

/* One net at work: a method with a seed. */
typedef struct rapt__reber_trial {
  int method;
  uint64_t seed;
  const rapt__reber_settings *settings;
  const rapt__reber_sets *sets;
  rapt__lstm1997 lstm;
  rapt__plain_rnn plain;
  int64_t sequences; /* learnt from so far */
  bool solved;       /* after `sequences`: no test string has a mistake */
  int64_t wrong,
      only_outer; /* at the end: test strings with a mistake; of these, those with none but in the last T or P */
} rapt__reber_trial;

extern const char *const rapt__reber_method_names[RAPT__REBER_METHODS];

rapt_status rapt__reber_sets_draw(rapt__run *run, const rapt__reber_settings *s, uint64_t seed, rapt__reber_sets *sets);
/* Free the trial after a failure too. */
rapt_status rapt__reber_trial_begin(rapt_context *ctx, rapt__reber_trial *trial);
void rapt__reber_trial_free(rapt_context *ctx, rapt__reber_trial *trial);
/* Learns from the next `settings->check` strings and tests; true: the string of settings->sequences was learnt from, or every
 * test string is right. */
bool rapt__reber_trial_advance(rapt__reber_trial *trial);
/* States of all cells after each symbol: (cells, length − 1). */
void rapt__reber_states(rapt__lstm1997 *net, const rapt__reber_string *string, double *states);

/* ---- reber_report.c ---- */

/* report.html with its pictures; `trials`: (methods, seeds). */
rapt_status rapt__reber_report(rapt__run *run, const rapt__reber_settings *s, rapt__reber_trial *trials,
                               const char *const *lines, size_t line_count, double seconds);

#endif
