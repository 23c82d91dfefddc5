/* metrics.jsonl of a run directory, read line by line. */
#ifndef RAPT_SRC_TRAIN_METRICS_H
#define RAPT_SRC_TRAIN_METRICS_H

#include "base/base.h"

/* A line is an update (`loss`) or an evaluation (`eval_loss`); the other one is NaN. */
typedef struct rapt__metric {
  int64_t step;
  double loss, eval_loss;
} rapt__metric;

/* Calls `each` for every line that holds a step and a finite loss; others, such as one that a crash cut off, are passed over.
 * Ends with the first status of `each` that is not RAPT_OK. */
rapt_status rapt__metrics_read(rapt_context *ctx, const char *path,
                               rapt_status (*each)(void *user, const rapt__metric *metric), void *user);

#endif
