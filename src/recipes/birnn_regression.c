/* The paper's artificial regression (§III-A): random numbers x in [0, 1], and as the answer a sum over a window that
 * reaches ten frames back and twenty ahead, its weights falling linearly on both sides:
 *   y(t) = 1/10 Σ_{d=−10}^{−1} x(t + d)(1 − |d|/10) + 1/20 Σ_{d=0}^{19} x(t + d)(1 − |d|/20). */
#include "recipes/birnn.h"

#include "base/rng.h"

#include <math.h>

enum { STREAM = 7, BACK = 10, AHEAD = 20, FRAMES = 250, TRAIN = 30, VALID = 10, TEST = 40 };

static rapt_status make(rapt__birnn_run *b, size_t first, size_t count, rapt__sequences *set) {
  rapt__arena *arena = &b->run->arena;
  *set = (rapt__sequences){.at = rapt__arena_new(arena, count, sizeof *set->at), .count = count, .inputs = 1};
  if (!set->at) return RAPT_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    float *x = rapt__arena_new(arena, 2 * FRAMES, sizeof *x), *y = x ? x + FRAMES : NULL;
    if (!x) return RAPT_ENOMEM;
    for (int t = 0; t < FRAMES; t++)
      x[t] = (float)rapt__rng_uniform((uint64_t)b->run->common.seed, (uint64_t)STREAM << 32,
                                      (uint64_t)((first + i) * FRAMES + (size_t)t));
    for (int t = 0; t < FRAMES; t++) {
      double sum = 0;
      for (int d = -BACK; d < AHEAD; d++)
        if (t + d >= 0 && t + d < FRAMES)
          sum += (double)x[t + d] * (d < 0 ? (1 + d / (double)BACK) / BACK : (1 - d / (double)AHEAD) / AHEAD);
      y[t] = (float)sum;
    }
    set->at[i] = (rapt__sequence){.frames = FRAMES, .x = x, .y = y};
  }
  return RAPT_OK;
}

enum { DELAYS = 7 };
static const int64_t delays[DELAYS] = {0, 5, 10, 15, 20, 25, 30};

typedef struct outcome {
  double delayed[DELAYS], both, merged;
  int best;
} outcome;

static rapt_status train_all(rapt__birnn_run *b, const rapt__birnn_task *task, outcome *o) {
  rapt__birnn_net forward = {0}, net;
  for (int i = 0; i < DELAYS; i++) {
    net = (rapt__birnn_net){.direction = RAPT__FORWARD, .delay = delays[i]};
    net.name = rapt__arena_format(&b->run->arena, "delay-%lld", (long long)delays[i]);
    if (!net.name) return RAPT_ENOMEM;
    RAPT_TRY(rapt__birnn_train(b, task, &net));
    if (b->run->result->interrupted) return RAPT_OK;
    if (i == 0) forward = net;
    o->delayed[i] = rapt__birnn_squares(task, net.out);
    if (o->delayed[i] < o->delayed[o->best]) o->best = i;
    RAPT_TRY(rapt__birnn_row(b, task, "forward", delays[i], o->delayed[i]));
  }
  net = (rapt__birnn_net){.name = "backward", .direction = RAPT__BACKWARD};
  RAPT_TRY(rapt__birnn_train(b, task, &net));
  if (b->run->result->interrupted) return RAPT_OK;
  RAPT_TRY(rapt__birnn_row(b, task, "backward", 0, rapt__birnn_squares(task, net.out)));
  int64_t size = rapt__frames_count(&task->test) * task->outputs;
  for (int64_t i = 0; i < size; i++) net.out[i] = (net.out[i] + forward.out[i]) / 2;
  o->merged = rapt__birnn_squares(task, net.out);
  RAPT_TRY(rapt__birnn_row(b, task, "merged", 0, o->merged));
  net = (rapt__birnn_net){.name = "both", .direction = RAPT__BOTH};
  RAPT_TRY(rapt__birnn_train(b, task, &net));
  if (b->run->result->interrupted) return RAPT_OK;
  o->both = rapt__birnn_squares(task, net.out);
  return rapt__birnn_row(b, task, "both", 0, o->both);
}

rapt_status rapt__birnn_regression(rapt__birnn_run *b) {
  rapt__birnn_task task = {.name = "regression", .answer = RAPT__SQUARES, .outputs = 1};
  outcome o = {.best = 0};
  RAPT_TRY(make(b, 0, TRAIN, &task.train));
  RAPT_TRY(make(b, TRAIN, VALID, &task.valid));
  RAPT_TRY(make(b, TRAIN + VALID, TEST, &task.test));
  if (!b->settings->test) task.test = task.valid;
  RAPT_TRY(train_all(b, &task, &o));
  if (b->run->result->interrupted) return RAPT_OK;
  double best = o.delayed[o.best];
  b->run->result->figure = o.both;
  RAPT_TRY(
      rapt__findings_judge(&b->findings, true, o.both <= 0.5 * best,
                           "regression: the bidirectional net's mean square error is at most half of the best delayed "
                           "net's (%.3g against %.3g at a delay of %lld)",
                           o.both, best, (long long)delays[o.best]));
  RAPT_TRY(rapt__findings_judge(&b->findings, false, o.both < best && best < o.delayed[0],
                                "regression: bidirectional %.3g < best delay %.3g < forward only %.3g", o.both, best,
                                o.delayed[0]));
  RAPT_TRY(rapt__findings_judge(&b->findings, false, o.best > 0 && o.best < DELAYS - 1,
                                "regression: the delay has an optimum (%lld of 0 to %lld frames)",
                                (long long)delays[o.best], (long long)delays[DELAYS - 1]));
  double x[DELAYS];
  for (int i = 0; i < DELAYS; i++) x[i] = (double)delays[i];
  const rapt__birnn_level levels[] = {{"bidirectional", o.both}, {"forward and backward merged", o.merged}};
  const rapt__birnn_section section = {
      .heading = "A sum over past and future",
      .text = "Mean square error on test sequences. A forward net that answers later has seen more of the future, and "
              "has to remember it for longer."};
  return rapt__birnn_curve(b, &section, "regression.svg", "mean square error", true, x, o.delayed, DELAYS, levels, 2);
}
