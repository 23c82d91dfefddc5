/* Sequences with an answer for every frame: classes (labelling), numbers (regression) or yes and no (piano rolls).
 * Batches are padded to the longest sequence and masked. */
#ifndef RAPT_SRC_TASKS_FRAMES_H
#define RAPT_SRC_TASKS_FRAMES_H

#include "graph/params.h"
#include "tasks/task.h"

/* One sequence; everything borrowed from whoever holds the data. */
typedef struct rapt__sequence {
  int64_t frames;
  const float *x;        /* (frames, inputs) */
  const float *y;        /* (frames, outputs): numbers, or 0 and 1; NULL with labels */
  const int32_t *labels; /* (frames): classes below outputs; NULL with y */
} rapt__sequence;

typedef struct rapt__sequences {
  rapt__sequence *at; /* owned by whoever made it */
  size_t count;
  int64_t inputs;
} rapt__sequences;

typedef enum rapt__answer {
  RAPT__SQUARES, /* numbers: half the squares of the errors, summed over the outputs of a frame */
  RAPT__BITS,    /* yes or no: Bernoulli cross-entropy of logits, summed over the outputs of a frame */
  RAPT__CLASSES  /* a class: softmax cross-entropy of logits */
} rapt__answer;

typedef struct rapt__frames rapt__frames;
struct rapt__frames {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_context *ctx;
  rapt_params *params;                  /* borrowed */
  const rapt__sequences *train, *valid; /* borrowed */
  rapt__answer answer;
  int64_t outputs;
  int64_t delay; /* the answer of frame t is read at frame t + delay; zeros are fed behind the end */
  int64_t batch; /* sequences */
  uint64_t seed;
  /* The network: x (T, B, inputs), lengths int32 (B) → (T, B, outputs). `user` is its own. */
  rapt_tensor *(*network)(const rapt__frames *f, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                          rapt_tensor *lengths, bool training);
  void *user;
  rapt_status (*save)(const rapt__frames *f, const char *dir); /* of the model directory; NULL: nothing is written */

  int64_t steps, eval_steps;          /* T: the longest sequence of training, of validation, and the delay */
  int64_t train_frames, valid_frames; /* in all sequences */
  uint32_t *order;                    /* owned: the training sequences in the order of this pass */
  uint64_t pass;                      /* whose order that is; UINT64_MAX: none */
};

/* Sets the task's functions; everything above `steps` but `task` is set. The training sequences must fill a batch.
 * Free with rapt__frames_free, after a failure too. */
rapt_status rapt__frames_init(rapt__frames *f);
void rapt__frames_free(rapt__frames *f);
/* Declares the parameters and gives them their first values. */
rapt_status rapt__frames_start(rapt__frames *f);

/* What the network makes of sequences: out is (all frames, outputs), one sequence behind the other, softmax not
 * taken. *loss (may be NULL): the mean over all frames. RAPT_EINTERRUPTED when the context was asked to stop. */
rapt_status rapt__frames_run(const rapt__frames *f, const rapt__sequences *set, float *out, double *loss);
/* The mean loss over all frames of answers that were made elsewhere, laid out as rapt__frames_run does it. */
double rapt__frames_loss(const rapt__frames *f, const rapt__sequences *set, const float *out);
int64_t rapt__frames_count(const rapt__sequences *set);

#endif
