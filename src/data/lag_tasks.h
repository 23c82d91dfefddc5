/* Sequences with long time lags, made as they are asked for: experiments 2 to 6 of Hochreiter and Schmidhuber 1997. Something early
 * in a sequence decides the target at its end; all between is of no use. */
#ifndef RAPT_SRC_DATA_LAG_TASKS_H
#define RAPT_SRC_DATA_LAG_TASKS_H

#include "base/base.h"

typedef enum rapt__lag_task {
  RAPT__LAG_2A,             /* y a1 a2 … y or x a1 a2 … x: the next symbol at every step */
  RAPT__LAG_2B,             /* the same with random symbols between */
  RAPT__LAG_2C,             /* b, x or y, at least `lag` random symbols, e: which of x and y it was */
  RAPT__LAG_3A,             /* which of two constants stood first, before noise */
  RAPT__LAG_3B,             /* with noise on the constants too */
  RAPT__LAG_3C,             /* with noise on the targets */
  RAPT__LAG_ADDING,         /* the sum of two marked numbers */
  RAPT__LAG_MULTIPLICATION, /* their product */
  RAPT__LAG_ORDER_4,        /* experiment 6a: which of X and Y came first and second */
  RAPT__LAG_ORDER_8,        /* experiment 6b: first, second and third */
  RAPT__LAG_TASKS
} rapt__lag_task;

enum { RAPT__LAG_OUTPUTS = 8 }; /* most targets at the end of a sequence */

typedef struct rapt__lag_shape {
  int inputs, outputs, dense; /* `dense`: inputs of a step that may differ from zero */
  int longest;                /* steps */
  bool every_step;            /* a target at every step: the next step's symbol */
} rapt__lag_shape;

rapt__lag_shape rapt__lag_shape_of(rapt__lag_task task, int lag);

typedef struct rapt__lag_sequence {
  int steps;
  int *index;    /* (longest, dense): inputs that are not zero; owned by whoever has the sequence */
  double *value; /* (longest, dense) */
  int last;      /* every_step: the symbol behind the last step */
  double target[RAPT__LAG_OUTPUTS], truth[RAPT__LAG_OUTPUTS]; /* at the end; with and without the noise of 3c */
} rapt__lag_sequence;

/* Sequence number `index` of a stream. */
void rapt__lag_draw(rapt__lag_task task, int lag, uint64_t seed, uint64_t stream, uint64_t index,
                    rapt__lag_sequence *out);

#endif
