/* What the trainer needs to know of a task: how its loss is built, how a batch is laid into the inputs, how it is judged. */
#ifndef RAPT_SRC_TASKS_TASK_H
#define RAPT_SRC_TASKS_TASK_H

#include <rapt/ops.h>
#include "base/base.h"

typedef struct rapt__task rapt__task;
struct rapt__task {
  /* Builds inputs and the scalar loss of one batch. `part` numbers the batches of one step (gradient accumulation): input
   * names must differ by it. */
  rapt_tensor *(*loss)(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int part);
  /* Fills the inputs of batch `index` (counted over the whole run; the same index gives the same batch). */
  rapt_status (*fill)(rapt__task *task, rapt_plan *plan, int part, uint64_t index);
  /* Inputs of the index-th of `evals` evaluation batches; returns false past the last one. */
  bool (*fill_eval)(rapt__task *task, rapt_plan *plan, uint64_t index);
  /* A sample of what the model makes by now, or NULL member where that means nothing. */
  rapt_status (*sample)(rapt__task *task, uint64_t seed, rapt__text *out);
  /* Writes the model directory (weights last); NULL member: nothing to write. */
  rapt_status (*save)(rapt__task *task, const char *dir);
  double tokens_per_batch; /* for tokens per second */
};

#endif
