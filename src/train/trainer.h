/* The training loop over any task. */
#ifndef RAPT_SRC_TRAIN_TRAINER_H
#define RAPT_SRC_TRAIN_TRAINER_H

#include <rapt/recipe.h>
#include "tasks/task.h"
#include "train/average.h"
#include "train/settings.h"
#include "graph/params.h"

/* One evaluation, for the loss plot. */
typedef struct rapt__point {
  int64_t step;
  double train, valid;
} rapt__point;

typedef struct rapt__trainer {
  rapt_context *ctx;
  rapt__task *task;    /* borrowed */
  rapt_params *params; /* borrowed */
  rapt__train_settings settings;
  uint64_t seed;
  const char *dir;    /* run directory: checkpoint, metrics, best/; NULL: nothing is written */
  rapt_train_fn tell; /* may be NULL */
  void *tell_user;

  /* State that a checkpoint holds. */
  int64_t step;                 /* updates done */
  double best;                  /* lowest validation loss; INFINITY before the first */
  int64_t best_step, worse;     /* evaluations since then */
  int64_t evaluated;            /* step of the newest evaluation; -1 */
  double eval_loss, train_loss; /* newest; NaN before the first */
  uint64_t metrics_bytes;       /* of metrics.jsonl at the checkpoint */
  double seconds;               /* of training so far, over all sessions */
  rapt__average average;        /* of train.average */

  /* Results */
  rapt__point *points; /* owned; rapt__trainer_free */
  size_t point_count, point_capacity;
  bool interrupted;
  rapt__text sample; /* the newest; owned */
} rapt__trainer;

void rapt__trainer_init(rapt__trainer *t, rapt_context *ctx);
/* Trains from t->step to settings.steps. With `resume`, reads the checkpoint in dir first. With train.average the parameters
 * hold the mean at the end of a run that was not interrupted; the checkpoint holds the last weights. */
rapt_status rapt__trainer_run(rapt__trainer *t, bool resume);
void rapt__trainer_free(rapt__trainer *t);

/* checkpoint.c: everything that a resumed run needs, in one file that is replaced atomically. */
rapt_status rapt__checkpoint_save(const rapt__trainer *t);
rapt_status rapt__checkpoint_load(rapt__trainer *t);
rapt_status rapt__checkpoint_exists(const rapt__trainer *t, bool *exists);

#endif
