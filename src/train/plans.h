/* The plans of a training run: one for every bucket of the task, made when it is first needed. They share the parameters and
 * one block of memory. */
#ifndef RAPT_SRC_TRAIN_PLANS_H
#define RAPT_SRC_TRAIN_PLANS_H

#include "graph/params.h"
#include "graph/plan.h"
#include "tasks/task.h"

typedef struct rapt__train_plan {
  rapt_graph *graph; /* owned, like the plan; NULL: not made yet */
  rapt_plan *plan;
  rapt_tensor *loss, *norm; /* () to read after a run */
  rapt_tensor *lr, *count;  /* () to fill: of the update */
  rapt_tensor *share;    /* () to fill: of this batch in the step, when batches are accumulated or the run is spread */
  rapt_tensor *gradient; /* when the run is spread and a process has one batch a step: share × gradient */
} rapt__train_plan;

typedef struct rapt__plans {
  rapt_context *ctx;
  rapt__task *task;    /* borrowed */
  rapt_params *params; /* borrowed */
  rapt_update_options update;
  uint64_t seed;
  bool accumulate; /* a step has several batches */
  bool spread;     /* several processes share a step (base/parallel.h) */
  int buckets;
  rapt__train_plan *batch, *eval; /* [buckets] owned */
  /* With `accumulate` plans of batches add their gradient to `sum`, and this one updates from it. So the batches of a step may
   * have any buckets, and there is still one plan a bucket. With `spread` alone the gradient is left outside for the sum over
   * processes, which begins while the plan runs. */
  rapt__train_plan step;
  rapt_params *sum; /* owned */
  rapt__pool pool;
} rapt__plans;

/* ctx, task, params, update, seed and accumulate are set. Makes what is sure to be needed, so that errors and a lack of memory
 * show before the first step. Free with rapt__plans_free, after a failure too. */
rapt_status rapt__plans_begin(rapt__plans *plans);
void rapt__plans_free(rapt__plans *plans);
/* Of one batch: forward and backward, then the update, unless batches are accumulated or the run is spread. */
rapt_status rapt__plans_batch(rapt__plans *plans, int bucket, rapt__train_plan **out);
rapt_status rapt__plans_eval(rapt__plans *plans, int bucket, rapt__train_plan **out);
void rapt__plans_clear_sum(rapt__plans *plans);

#endif
