/* Settings of training, one table. */
#ifndef RAPT_SRC_TRAIN_SETTINGS_H
#define RAPT_SRC_TRAIN_SETTINGS_H

#include "base/config.h"

#include <rapt/ops.h>

typedef struct rapt__train_settings {
  int64_t steps, batch, accumulate, warmup, eval_every, evals, sample_every, sample_tokens, save_every, stop_at,
      patience, average, threads;
  double lr, min_lr, beta1, beta2, eps, momentum, weight_decay, clip, minutes;
  int schedule, optimizer;
} rapt__train_settings;

extern const rapt__key rapt__train_keys[];
extern const rapt__key rapt__threads_keys[]; /* train.threads alone */

/* The learning rate of update `step` (from 0): linear warm-up, then the schedule. */
double rapt__learning_rate(const rapt__train_settings *s, int64_t step);
rapt_update_options rapt__update_settings(const rapt__train_settings *s);

#endif
