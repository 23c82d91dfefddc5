/* What the trainer needs to know of a task: how its loss is built, how a batch is laid into the inputs, how it is judged. */
#ifndef RAPT_SRC_TASKS_TASK_H
#define RAPT_SRC_TASKS_TASK_H

#include <rapt/ops.h>
#include "base/base.h"

/* What a batch is, before it is laid into a plan. */
typedef struct rapt__batch {
  int bucket;    /* which of the task's shapes it has, from 0 */
  double weight; /* over how much its loss is a mean: the tokens that count; above 0 */
} rapt__batch;

typedef struct rapt__task rapt__task;
struct rapt__task {
  /* Builds inputs and the scalar loss of one batch, a mean, in the shape of this bucket. */
  rapt_tensor *(*loss)(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket);
  /* Fills all inputs of batch `index` (counted over the whole run; the same index gives the same batch). */
  rapt_status (*fill)(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index);
  /* All inputs of the index-th of `evals` evaluation batches; returns false past the last one. */
  bool (*fill_eval)(rapt__task *task, rapt_plan *plan, uint64_t index);
  /* A sample of what the model makes by now, or NULL member where that means nothing. */
  rapt_status (*sample)(rapt__task *task, uint64_t seed, rapt__text *out);
  /* Writes the model directory (weights last); NULL member: nothing to write. */
  rapt_status (*save)(rapt__task *task, const char *dir);
  double tokens_per_batch; /* for tokens per second */

  /* Tasks whose batches have several shapes: how many, and what batch `index` of training or evaluation is; false past the
   * last one of evaluation. NULL: one shape, and all batches weigh the same. The last bucket should be the largest, since its
   * plan is made first and the others use its memory. */
  int buckets;
  bool (*batch)(rapt__task *task, bool training, uint64_t index, rapt__batch *out);

  /* Tasks whose batches go on where earlier ones stopped (the states of recurrent layers): called after each batch of training
   * or evaluation with a finite loss, while its plan's results are there, so that `fill` can use them later. What training
   * carries depends on weights that are gone by then and follows from no seed, so a checkpoint keeps these numbers. */
  void (*carry)(rapt__task *task, rapt_plan *plan, bool training, int bucket, uint64_t index);
  rapt_real *carried; /* of training, or NULL; the task's own */
  int64_t carried_size;
};

#endif
