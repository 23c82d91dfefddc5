/* The likeliest next tokens of a row, by one model or by the mean of several. */
#ifndef RAPT_SRC_INFER_CANDIDATES_H
#define RAPT_SRC_INFER_CANDIDATES_H

#include "infer/stepper.h"

enum { RAPT__ENSEMBLE = 16 }; /* models at most */

typedef struct rapt__choice {
  int32_t token;
  double log_prob;
} rapt__choice;

/* The scores of one row. */
typedef struct rapt__row {
  const k_kernels *k;
  int models;
  int64_t vocabulary;
  real *logits[RAPT__ENSEMBLE]; /* (V) each; what is banned becomes −∞ */
  real lse[RAPT__ENSEMBLE];
  const int32_t *banned;
  int64_t banned_count;
  real *room; /* (2, V); not used for one model */
} rapt__row;

/* The n likeliest tokens in falling order, the lower id first at a tie. How many there are: fewer than n where others have no
 * probability; −1 where a score is not a number. */
int64_t rapt__row_best(const rapt__row *row, int64_t n, rapt__choice *best);
double rapt__row_log_prob(const rapt__row *row, int32_t token);
/* (V) log-probabilities up to a constant, banned tokens −∞. */
const real *rapt__row_logits(const rapt__row *row);

#endif
