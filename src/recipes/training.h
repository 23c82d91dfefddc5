/* What recipes do around a trainer. */
#ifndef RAPT_SRC_RECIPES_TRAINING_H
#define RAPT_SRC_RECIPES_TRAINING_H

#include "recipes/recipes.h"
#include "train/trainer.h"

/* Sets an initialised trainer up with the run's settings, seed and listener; `dir` is where it writes. Settings may be changed
 * before the training. */
void rapt__run_trainer(const rapt__run *run, rapt__trainer *t, rapt__task *task, rapt_params *params, const char *dir);
/* Makes the directory and trains, from the checkpoint there when the run is resumed: a run may have stopped before this training
 * began. run->result->interrupted tells whether it was stopped. */
rapt_status rapt__run_train(rapt__run *run, rapt__trainer *t);

#endif
