/* The network of models/nplm.h at work on a text: batches of its words, the words that became neighbours, its files. */
#ifndef RAPT_SRC_TASKS_NPLM_H
#define RAPT_SRC_TASKS_NPLM_H

#include "data/words.h"
#include "models/nplm.h"
#include "tasks/task.h"

typedef struct rapt__word_ids {
  int32_t *at; /* owned by whoever read them */
  size_t count;
} rapt__word_ids;

typedef struct rapt__nplm_task {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_context *ctx;
  rapt__nplm net;
  const rapt__words *words; /* borrowed, like the texts */
  const rapt__word_ids *train, *valid;
  rapt_params *params;  /* owned */
  int64_t batch, evals; /* rows; evaluation batches */
  int64_t lists;        /* of neighbours in a sample */
  uint64_t seed;
  uint32_t *order; /* owned: places of the training words in this pass */
  uint64_t pass;   /* whose order that is; UINT64_MAX: none */
} rapt__nplm_task;

/* Functions, parameters and their first values; ctx, net, words, texts, batch, evals, lists and seed are set. The training
 * text must fill one batch. Free with rapt__nplm_task_free, after a failure too. */
rapt_status rapt__nplm_task_init(rapt__nplm_task *n);
void rapt__nplm_task_free(rapt__nplm_task *n);
/* probs[i] = the probability of the text's i-th word; RAPT_EINTERRUPTED when the context was asked to stop. */
rapt_status rapt__nplm_task_probs(const rapt__nplm_task *n, const rapt__word_ids *text, double *probs);

#endif
