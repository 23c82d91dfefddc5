/* Recurrent models over aligned sequences as a task of the trainer, and what they say of given sequences. */
#ifndef RAPT_SRC_TASKS_ALIGNED_H
#define RAPT_SRC_TASKS_ALIGNED_H

#include "models/aligned_rnn.h"
#include "tasks/pairs.h"
#include "tasks/task.h"

/* Ids of both sides that are no words. A sequence begins after BEGIN and ends with the step END, END. */
enum {
  RAPT__ALIGNED_BEGIN,
  RAPT__ALIGNED_END,
  RAPT__ALIGNED_UNKNOWN,
  RAPT__ALIGNED_LINKED, /* in place of a word that another step has (pbmt/steps.h: ALIGNED); over phrases the end of one */
  RAPT__ALIGNED_UNLINKED, /* in place of a word that is linked to none */
  RAPT__ALIGNED_WORDS     /* the first word */
};

/* A sequence of n steps is a pair with n · words ids on the source and n · places on the target side; −1 where a step has no
 * word. */
typedef struct rapt__aligned_task {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_context *ctx;
  rapt__aligned_rnn net;
  const rapt__pairs *train, *valid; /* borrowed */
  int64_t batch, evals;             /* rows of a batch; evaluation batches, at most */
  uint64_t seed;

  /* Filled by rapt__aligned_init */
  rapt_params *params; /* owned */
  rapt__buckets buckets;
  rapt__batches train_batches, valid_batches;
} rapt__aligned_task;

/* Parameters and functions; free it after a failure too. */
rapt_status rapt__aligned_init(rapt__aligned_task *t);
void rapt__aligned_free(rapt__aligned_task *t);

/* out[k] = ln p of all that sequence k of `pairs` says. RAPT_EINTERRUPTED when the context was asked to stop. */
rapt_status rapt__aligned_score(const rapt__aligned_task *t, const rapt__pairs *pairs, double *out);
/* The same as the mean over all tokens of the sequences: nats. */
rapt_status rapt__aligned_measure(const rapt__aligned_task *t, const rapt__pairs *pairs, double *nats);

#endif
