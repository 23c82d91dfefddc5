/* Frames of spoken digits: which digit is being said? Test: takes 0 to 4 of every digit and speaker, validation: 5
 * to 9. */
#include "recipes/birnn.h"

#include "base/file.h"
#include "data/digits.h"
#include "data/mfcc.h"

#include <math.h>
#include <string.h>

enum { WIDTH = RAPT__MFCC_WIDTH, DIGITS = 10, LONGEST = 100 /* frames of a training recording: a second */ };

/* Mean and deviation of each feature over the training frames. */
typedef struct scale {
  double mean[WIDTH], deviation[WIDTH];
} scale;

static int part_of(const rapt__recording *r) { return r->take < 5 ? 2 : r->take < 10 ? 1 : 0; }

static void measure(const rapt__digits *d, scale *s) {
  double frames = 0;
  for (size_t i = 0; i < d->count; i++) {
    if (part_of(&d->at[i]) != 0) continue;
    frames += (double)d->at[i].frames;
    for (int64_t j = 0; j < d->at[i].frames * WIDTH; j++) {
      s->mean[j % WIDTH] += (double)d->at[i].x[j];
      s->deviation[j % WIDTH] += (double)d->at[i].x[j] * (double)d->at[i].x[j];
    }
  }
  for (int k = 0; k < WIDTH; k++) {
    s->mean[k] /= fmax(frames, 1);
    s->deviation[k] = sqrt(fmax(s->deviation[k] / fmax(frames, 1) - s->mean[k] * s->mean[k], 1e-12));
  }
}

static rapt_status add(rapt__birnn_run *b, const rapt__recording *r, const scale *s, bool training,
                       rapt__sequences *set) {
  int64_t frames = training && r->frames > LONGEST ? LONGEST : r->frames;
  float *x = rapt__arena_new(&b->run->arena, (size_t)frames * WIDTH, sizeof *x);
  int32_t *labels = rapt__arena_new(&b->run->arena, (size_t)frames, sizeof *labels);
  if (!x || !labels) return RAPT_ENOMEM;
  for (int64_t j = 0; j < frames * WIDTH; j++)
    x[j] = (float)(((double)r->x[j] - s->mean[j % WIDTH]) / s->deviation[j % WIDTH]);
  for (int64_t t = 0; t < frames; t++) labels[t] = r->digit;
  set->at[set->count++] = (rapt__sequence){.frames = frames, .x = x, .labels = labels};
  return RAPT_OK;
}

static rapt_status split(rapt__birnn_run *b, const rapt__digits *d, rapt__birnn_task *task) {
  rapt__sequences *sets[3] = {&task->train, &task->valid, &task->test};
  size_t most = (size_t)b->settings->recordings;
  scale s = {0};
  measure(d, &s);
  for (int p = 0; p < 3; p++) {
    *sets[p] =
        (rapt__sequences){.at = rapt__arena_new(&b->run->arena, d->count, sizeof(rapt__sequence)), .inputs = WIDTH};
    if (!sets[p]->at) return RAPT_ENOMEM;
  }
  for (size_t i = 0; i < d->count; i++) {
    int p = part_of(&d->at[i]);
    if (p != 0 || most == 0 || task->train.count < most) RAPT_TRY(add(b, &d->at[i], &s, p == 0, sets[p]));
  }
  if (task->test.count == 0 || task->valid.count == 0 || task->train.count == 0)
    return rapt__fail(b->run->ctx, RAPT_EFORMAT,
                      "%zu recordings to train with, %zu for validation (takes 5 to 9), %zu for the test (takes 0 to "
                      "4): each needs one",
                      task->train.count, task->valid.count, task->test.count);
  return RAPT_OK;
}

static rapt_status load(rapt__birnn_run *b, rapt__birnn_task *task) {
  rapt__run *run = b->run;
  rapt__digits d;
  const char *path = rapt__run_data(run);
  if (!path) return rapt_context_status(run->ctx);
  size_t n = strlen(path);
  if (n < 3 || strcmp(path + n - 3, ".gz") != 0) path = rapt__arena_format(&run->arena, "%s/recordings.tar.gz", path);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__digits_read(run->ctx, path, &d);
  if (status == RAPT_OK) status = split(b, &d, task);
  rapt__digits_free(&d);
  return status;
}

enum { DELAYS = 5, RIVALS = 4 };
static const int64_t delays[DELAYS] = {0, 5, 10, 20, 40};
enum { BACKWARD, LINEAR, LOGARITHMIC, BOTH };

typedef struct outcome {
  double delayed[DELAYS], rivals[RIVALS];
  int best;
} outcome;

static rapt_status train_all(rapt__birnn_run *b, const rapt__birnn_task *task, outcome *o) {
  static const char *const names[RIVALS] = {"backward", "linear pool", "logarithmic pool", "both"};
  rapt__birnn_net forward = {0}, net;
  for (int i = 0; i < DELAYS; i++) {
    net = (rapt__birnn_net){.direction = RAPT__FORWARD, .delay = delays[i]};
    net.name = rapt__arena_format(&b->run->arena, "delay-%lld", (long long)delays[i]);
    if (!net.name) return RAPT_ENOMEM;
    RAPT_TRY(rapt__birnn_train(b, task, &net));
    if (b->run->result->interrupted) return RAPT_OK;
    if (i == 0) forward = net;
    o->delayed[i] = rapt__birnn_errors(task, net.out);
    if (o->delayed[i] < o->delayed[o->best]) o->best = i;
    RAPT_TRY(rapt__birnn_row(b, task, "forward", delays[i], o->delayed[i]));
  }
  rapt__birnn_net backward = {.name = "backward", .direction = RAPT__BACKWARD};
  RAPT_TRY(rapt__birnn_train(b, task, &backward));
  if (b->run->result->interrupted) return RAPT_OK;
  net = (rapt__birnn_net){.name = "both", .direction = RAPT__BOTH};
  RAPT_TRY(rapt__birnn_train(b, task, &net));
  if (b->run->result->interrupted) return RAPT_OK;
  o->rivals[BACKWARD] = rapt__birnn_errors(task, backward.out);
  o->rivals[BOTH] = rapt__birnn_errors(task, net.out);
  for (int k = LINEAR; k <= LOGARITHMIC; k++) { /* net.out is not needed any more */
    rapt__birnn_pool(task, forward.out, backward.out, k == LOGARITHMIC, net.out);
    o->rivals[k] = rapt__birnn_errors(task, net.out);
  }
  for (int k = 0; k < RIVALS; k++) RAPT_TRY(rapt__birnn_row(b, task, names[k], 0, o->rivals[k]));
  return RAPT_OK;
}

static rapt_status judge(rapt__birnn_run *b, const outcome *o) {
  double both = 100 * o->rivals[BOTH], forward = 100 * o->delayed[0], best = 100 * o->delayed[o->best];
  double linear = 100 * o->rivals[LINEAR], logarithmic = 100 * o->rivals[LOGARITHMIC];
  RAPT_TRY(
      rapt__findings_judge(&b->findings, true, both <= 0.85 * forward,
                           "digits: the bidirectional net's frame errors are at least 15 %% fewer than the forward "
                           "net's (%.2f %% against %.2f %%)",
                           both, forward));
  RAPT_TRY(
      rapt__findings_judge(&b->findings, false, both < best && best < forward,
                           "digits: bidirectional %.2f %% < best delay %.2f %% (%lld frames) < forward only %.2f %%",
                           both, best, (long long)delays[o->best], forward));
  RAPT_TRY(rapt__findings_judge(&b->findings, false, o->best > 0 && o->best < DELAYS - 1,
                                "digits: the delay has an optimum (%lld of 0 to %lld frames)",
                                (long long)delays[o->best], (long long)delays[DELAYS - 1]));
  return rapt__findings_judge(
      &b->findings, false, both < linear && both < logarithmic,
      "digits: one net of both directions errs less than two nets merged (%.2f %% against %.2f %% "
      "linear, %.2f %% logarithmic pool)",
      both, linear, logarithmic);
}

rapt_status rapt__birnn_digits(rapt__birnn_run *b) {
  rapt__birnn_task task = {.name = "digits", .answer = RAPT__CLASSES, .outputs = DIGITS};
  outcome o = {.best = 0};
  RAPT_TRY(load(b, &task));
  rapt__run_say(b->run, RAPT_EVENT_NOTE, "digits: %zu recordings to train with, %zu for validation, %zu for the test",
                task.train.count, task.valid.count, task.test.count);
  if (!b->settings->test) task.test = task.valid;
  RAPT_TRY(train_all(b, &task, &o));
  if (b->run->result->interrupted) return RAPT_OK;
  RAPT_TRY(judge(b, &o));
  double x[DELAYS], y[DELAYS];
  for (int i = 0; i < DELAYS; i++) {
    x[i] = (double)delays[i];
    y[i] = 100 * o.delayed[i];
  }
  const rapt__birnn_level levels[] = {{"bidirectional", 100 * o.rivals[BOTH]},
                                      {"backward", 100 * o.rivals[BACKWARD]},
                                      {"linear pool", 100 * o.rivals[LINEAR]},
                                      {"logarithmic pool", 100 * o.rivals[LOGARITHMIC]}};
  const rapt__birnn_section section = {
      .heading = "Which digit is being said?",
      .text = "Share of wrong frames in test recordings; a frame is ten milliseconds. The pools merge a forward and a "
              "backward net that were trained apart."};
  return rapt__birnn_curve(b, &section, "digits.svg", "wrong frames (%)", false, x, y, DELAYS, levels, 4);
}
