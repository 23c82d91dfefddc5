/* Language modelling: a text as token ids, random windows of it as batches, the next-token loss. */
#ifndef RAPT_SRC_TASKS_LM_H
#define RAPT_SRC_TASKS_LM_H

#include "tasks/model.h"
#include "tasks/task.h"

typedef struct rapt__lm {
  rapt__task task;              /* first, so that the trainer's pointer is ours */
  rapt_model *model;            /* borrowed */
  const int32_t *train, *valid; /* borrowed ids */
  int64_t train_count, valid_count;
  int64_t batch; /* rows */
  int64_t evals; /* evaluation batches */
  uint64_t seed;
  int64_t sample_tokens;
} rapt__lm;

/* Mean next-token loss of states x (…, C) under the output weight head (V, C). */
rapt_tensor *rapt__lm_loss(rapt_tensor *x, rapt_tensor *head, rapt_tensor *labels);
/* Sets the task's functions; the counts must leave room for one window each. */
rapt_status rapt__lm_init(rapt__lm *lm);
/* Writes a sample of so many tokens behind a line break, or behind the first validation token where the vocabulary has none. */
rapt_status rapt__lm_write(const rapt__lm *lm, int64_t tokens, uint64_t seed, rapt__text *out);

#endif
