/* Sequence-to-sequence learning: sentence pairs in batches of like lengths, teacher forcing, the mean loss of a target token. */
#ifndef RAPT_SRC_TASKS_SEQ2SEQ_H
#define RAPT_SRC_TASKS_SEQ2SEQ_H

#include "tasks/model.h"
#include "tasks/pairs.h"
#include "tasks/sampling.h"
#include "tasks/task.h"

typedef struct rapt__seq2seq_task {
  rapt__task task;                   /* first, so that the trainer's pointer is ours */
  rapt_model *model;                 /* borrowed, like the texts */
  const rapt__bitext *train, *valid; /* pairs longer than the model's context are left out */
  int64_t batch, max_tokens;         /* rows of a batch; or, above 0, its tokens (rapt__buckets_choose) */
  int64_t evals;                     /* evaluation batches, at most */
  double smoothing;                  /* of the labels in training; evaluation has none */
  uint64_t seed;
  rapt__sampling sampling; /* zeros: the decoder reads the target as it is */

  /* Filled by rapt__seq2seq_init */
  rapt__pairs train_pairs, valid_pairs;
  rapt__buckets buckets;
  rapt__batches train_batches, valid_batches;
} rapt__seq2seq_task;

/* Encodes the texts and sets the task's functions. A source is its tokens and </s>; the decoder reads <s> and the target, and is
 * to say the target and </s>. Free it after a failure too. */
rapt_status rapt__seq2seq_init(rapt__seq2seq_task *t);
void rapt__seq2seq_free(rapt__seq2seq_task *t);
/* The sum of the cross-entropy of an output over labels (B, T), −100 where none counts; with `mean`, over their number. */
rapt_tensor *rapt__output_loss(const rapt__output *output, rapt_tensor *labels, double smoothing, bool mean);

/* ---- For tasks with batches of their own ---- */

/* Builds the inputs of a batch of this shape and its mean loss over target tokens. An architecture with a loss of its own has an
 * input "tokens" besides: their number. */
rapt_tensor *rapt__seq2seq_loss(const rapt_model *model, rapt_graph *graph, rapt_params *params,
                                const rapt__bucket *shape, double smoothing, bool training);

/* What the decoder says in evaluation, with the inputs alone. */
rapt__output rapt__seq2seq_output(const rapt_model *model, rapt_graph *graph, rapt_params *params,
                                  const rapt__bucket *shape);

/* The inputs in a plan; NULL where the architecture does not read one. */
typedef struct rapt__seq2seq_inputs {
  int32_t *source, *source_lengths, *target, *target_lengths, *labels;
} rapt__seq2seq_inputs;
rapt__seq2seq_inputs rapt__seq2seq_inputs_of(rapt_plan *plan);
/* Row `row` becomes a pair, or nothing for NULL: one token on each side, of which no label counts. */
void rapt__seq2seq_fill_row(const rapt__seq2seq_inputs *in, const rapt__pairs *pairs, const rapt__bucket *shape,
                            const rapt__pair *pair, int64_t row);

#endif
