/* Language modelling by networks that carry a state: truncated backpropagation through time. A text is cut into as many
 * stretches as there are rows; batch after batch reads the next T symbols of every stretch, beginning with the states that the
 * batch before ended with. The gradient stops there, the state does not. */
#ifndef RAPT_SRC_TASKS_RECURRENT_LM_H
#define RAPT_SRC_TASKS_RECURRENT_LM_H

#include <rapt/text.h>
#include "graph/params.h"
#include "tasks/task.h"

enum { RAPT__RECURRENT_STATES = 8 };

typedef struct rapt__recurrent_lm rapt__recurrent_lm;
struct rapt__recurrent_lm {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_context *ctx;

  /* The network: int32 ids (T + ahead, B) and before[i] (B, width[i]) → states (T, B, C) under an output layer head (V, C) and
   * bias (V) or NULL; after[i] (B, width[i]). */
  rapt_tensor *(*hidden)(const void *net, rapt_graph *graph, rapt_params *params, bool training, rapt_tensor *ids,
                         rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head, rapt_tensor **bias);
  void (*start)(const void *net, rapt_params *params); /* after first values were drawn; or NULL */
  const void *net;                                     /* borrowed */
  int states;                                          /* that are carried, at most RAPT__RECURRENT_STATES */
  int64_t width[RAPT__RECURRENT_STATES];
  int64_t ahead; /* symbols that a step sees beyond its own; it guesses the first that it does not see */

  const rapt_tokenizer *tokenizer; /* borrowed; for samples and the model directory */
  const int32_t *train, *valid;    /* borrowed ids */
  int64_t train_count, valid_count;
  int64_t steps, batch;      /* T; rows of a batch */
  int64_t accumulate, evals; /* batches of one update; of an evaluation, at most */
  int64_t sample_tokens;
  uint64_t seed;

  rapt_params *params; /* owned */
  /* States by row and number: of every part of an update (accumulate, states, B, width), which is task.carried, and of the
   * evaluation (states, B, width). Owned. */
  rapt_real *carried, *judged;
};

/* Functions, parameters and their first values; everything down to the seed is set. Free with rapt__recurrent_lm_free, after a
 * failure too. RAPT_EINVAL: a text is too short for one batch. */
rapt_status rapt__recurrent_lm_init(rapt__recurrent_lm *lm);
void rapt__recurrent_lm_free(rapt__recurrent_lm *lm);
/* Mean nats of all symbols of a text but the first 1 + ahead, read in `batch` stretches that each begin with zero states.
 * RAPT_EINTERRUPTED when the context was asked to stop. */
rapt_status rapt__recurrent_lm_measure(const rapt__recurrent_lm *lm, const int32_t *ids, int64_t count, double *nats);

#endif
