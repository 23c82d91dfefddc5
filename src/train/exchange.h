/* The sum of gradients over processes, begun while the backward pass still runs. */
#ifndef RAPT_SRC_TRAIN_EXCHANGE_H
#define RAPT_SRC_TRAIN_EXCHANGE_H

#include "base/parallel.h"
#include "train/plans.h"

/* Runs the plan of a batch and leaves the sum over all processes of what their plans have as gradient in `sum` (extent). */
rapt_status rapt__exchange_run(rapt_context *ctx, rapt__train_plan *plan, const rapt_params *params, uint64_t step,
                               real *sum);
/* Adds up what every process has gathered in `sum`. */
rapt_status rapt__exchange_sum(rapt_context *ctx, const rapt_params *params, real *sum);
/* Gives all processes rank 0's weights and optimizer state. */
rapt_status rapt__exchange_weights(rapt_context *ctx, rapt_params *params);

#endif
