/* The mean of the weights at the last evaluations, which often does better than the last weights alone. */
#ifndef RAPT_SRC_TRAIN_AVERAGE_H
#define RAPT_SRC_TRAIN_AVERAGE_H

#include "graph/params.h"

enum { RAPT__AVERAGE_MOST = 64 };

/* All zero: nothing is kept. */
typedef struct rapt__average {
  rapt_context *ctx;
  real *kept[RAPT__AVERAGE_MOST]; /* (extent) owned, [size]: a ring */
  int64_t size, count;            /* places; weights ever put in */
} rapt__average;

rapt_status rapt__average_begin(rapt__average *a, rapt_context *ctx, int64_t size, const rapt_params *params);
void rapt__average_free(rapt__average *a);
/* Keeps these weights in place of the oldest. */
void rapt__average_add(rapt__average *a, const rapt_params *params);
/* How many weights are there. */
int64_t rapt__average_count(const rapt__average *a);
/* Replaces the weights by their mean; at least one is kept. */
void rapt__average_apply(const rapt__average *a, rapt_params *params);

#endif
