/* One optimizer at work on a problem: parameters, graph, plan, and the running mean of the parameters. */
#ifndef RAPT_SRC_RECIPES_ADAM_TRIAL_H
#define RAPT_SRC_RECIPES_ADAM_TRIAL_H

#include "base/base.h"

#include <rapt/ops.h>

enum { RAPT__ADAM_INPUTS = 2 }; /* of every problem */

/* A loss and its batches. Whatever is random follows from `seed`, pass and batch, so that all trials see the same. */
typedef struct rapt__adam_problem {
  rapt_context *ctx;
  uint64_t seed;
  int64_t batch, batches; /* samples of a batch, batches of a pass */
  int64_t width, latent;  /* of networks: hidden units, latent units */
  double milliseconds;    /* roughly, of an update: the time left is reckoned with it, and nothing else */
  void *set;              /* for loss and feed; borrowed */
  /* Builds the loss () of a batch and tells its inputs. */
  rapt_tensor *(*loss)(const struct rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                       rapt_tensor *inputs[RAPT__ADAM_INPUTS]);
  /* Fills the inputs of a batch: `pass` from 1, `batch` from 0. */
  void (*feed)(struct rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]);
} rapt__adam_problem;

typedef struct rapt__adam_trial {
  rapt__adam_problem *problem;
  rapt_params *params;
  rapt_graph *declared, *graph;
  rapt_plan *plan;
  rapt_tensor *inputs[RAPT__ADAM_INPUTS], *lr, *count, *loss;
  int64_t updates;
  double average; /* 0: no mean is kept */
  double *mean;   /* owned; one for every element of the store, as yet without the correction */
} rapt__adam_trial;

/* `average` in [0, 1) is the decay of the mean of the parameters. Free the trial after a failure too. */
rapt_status rapt__adam_trial_begin(rapt__adam_problem *problem, const rapt_update_options *o, double average,
                                   rapt__adam_trial *t);
void rapt__adam_trial_free(rapt__adam_trial *t);
/* One update; `loss` is that before it. */
rapt_status rapt__adam_trial_update(rapt__adam_trial *t, int64_t pass, int64_t batch, double lr, double *loss);
/* The mean loss over the batches of a pass, of the parameters as they are or of their mean. */
rapt_status rapt__adam_trial_measure(rapt__adam_trial *t, bool averaged, double *loss);

#endif
