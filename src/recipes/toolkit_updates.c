/* Updates that must not depend on how they came about: gathered from several batches, after a stop,
 * in several processes. */
#include "recipes/toolkit.h"

#include "base/file.h"

#include <math.h>
#include <rapt/parallel.h>
#include <string.h>

enum { PARTS = 4, ROWS = 16 };   /* batches of an update, sentences of a batch */
static const double most = 1e-6; /* a weight's difference */

/* Trains the net from its start with these settings, or goes on in `dir`. */
static rapt_status train(rapt__toolkit *t, rapt__task *task, const rapt__train_settings *settings, const char *dir,
                         bool resume) {
  rapt__run *run = t->run;
  rapt__trainer trainer;
  rapt__trainer_init(&trainer, run->ctx);
  trainer.task = task;
  trainer.params = t->net.model->params;
  trainer.settings = *settings;
  trainer.seed = (uint64_t)run->common.seed;
  trainer.dir = dir;
  rapt__toolkit_reset(t, t->start);
  rapt_status status = dir ? rapt__make_dirs(run->ctx, dir) : RAPT_OK;
  if (status == RAPT_OK) status = rapt__trainer_run(&trainer, resume);
  rapt__trainer_free(&trainer);
  return status;
}

static double difference(const real *a, const real *b, int64_t count) {
  double largest = 0;
  for (int64_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)a[i] - (double)b[i]));
  return largest;
}

/* ---- Several batches ---- */

/* The same sentences in batches of one part, in batches of a whole update, and in these with their sentences turned
 * round. */
typedef struct dealt {
  rapt__deals parts, whole, turned;
} dealt;

static rapt_status deal(rapt__toolkit *t, int64_t updates, dealt *out) {
  rapt__run *run = t->run;
  const rapt__pairs *pairs = &t->net.task.train_pairs;
  int64_t count = updates * PARTS * ROWS, each = (int64_t)PARTS * ROWS;
  const rapt__pair **list = rapt__deals_shuffle(&run->arena, pairs, (uint64_t)run->common.seed);
  const rapt__pair **turned = rapt__arena_new(&run->arena, (size_t)count, sizeof *turned);
  if (!list || !turned) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) turned[i] = list[i / each * each + each - 1 - i % each];
  RAPT_TRY(rapt__deals_cut(&run->arena, t->net.model, pairs, list, count, ROWS, &out->parts));
  RAPT_TRY(rapt__deals_cut(&run->arena, t->net.model, pairs, list, count, each, &out->whole));
  RAPT_TRY(rapt__deals_cut(&run->arena, t->net.model, pairs, turned, count, each, &out->turned));
  out->parts.smoothing = out->whole.smoothing = out->turned.smoothing = t->settings->translation.smoothing;
  return RAPT_OK;
}

/* The largest differences between weights: of parts from whole batches, of turned from whole ones, of these from
 * the start. */
typedef struct apart {
  double parts, turned, start;
} apart;

static rapt_status compare_with_one_batch(rapt__toolkit *t, dealt *d, const char *const *changes, int64_t updates,
                                          apart *out) {
  rapt__run *run = t->run;
  const rapt_params *params = t->net.model->params;
  rapt__train_settings settings;
  RAPT_TRY(rapt__toolkit_settings_of(run, changes, &settings));
  settings.steps = updates;
  settings.accumulate = 1;
  real *first = rapt__arena_new(&run->arena, (size_t)params->extent, sizeof *first);
  if (!first) return RAPT_ENOMEM;
  RAPT_TRY(train(t, &d->whole.task, &settings, NULL, false));
  memcpy(first, params->values, (size_t)params->extent * sizeof *first);
  out->start = difference(first, t->start, params->extent);
  RAPT_TRY(train(t, &d->turned.task, &settings, NULL, false));
  out->turned = difference(first, params->values, params->extent);
  settings.accumulate = PARTS;
  RAPT_TRY(train(t, &d->parts.task, &settings, NULL, false));
  out->parts = difference(first, params->values, params->extent);
  return RAPT_OK;
}

#define PLAIN                                                                                                          \
  "train.schedule=constant", "train.warmup=0", "train.weight_decay=0", "train.clip=0", "train.eval_every=0",           \
      "train.save_every=0", "train.sample_every=0", "train.average=0", "train.stop_at=0", "train.minutes=0"
static const char *const fast_descent[] = {PLAIN, "train.optimizer=sgd", "train.momentum=0", "train.lr=0.1", NULL};
static const char *const descent[] = {PLAIN, "train.optimizer=sgd", "train.momentum=0", "train.lr=0.01", NULL};
static const char *const adam[] = {PLAIN, "train.optimizer=adam", "train.lr=1e-3", NULL};
#undef PLAIN

rapt_status rapt__toolkit_accumulate(rapt__toolkit *t) {
  int64_t updates = t->settings->updates, room = (int64_t)t->net.task.train_pairs.count / (PARTS * ROWS);
  if (room < 1)
    return rapt__fail(t->run->ctx, RAPT_EINVAL, "%zu training pairs are too few: an update takes %d",
                      t->net.task.train_pairs.count, PARTS * ROWS);
  if (updates > room) updates = room;
  dealt d;
  apart slow, fast, by_adam;
  RAPT_TRY(deal(t, updates, &d));
  RAPT_TRY(compare_with_one_batch(t, &d, descent, updates, &slow));
  RAPT_TRY(
      rapt__findings_judge(&t->findings, true, slow.parts <= most && slow.start >= 1e3 * most,
                           "%d accumulated batches of %d sentences are one batch of %d: after %lld updates of "
                           "gradient descent at a rate of 0.01 no weight differs by more than %.1e (at most %.0e), "
                           "while weights moved by up to %.1e; the one batch in another order: %.1e",
                           PARTS, ROWS, PARTS * ROWS, (long long)updates, slow.parts, most, slow.start, slow.turned));
  RAPT_TRY(compare_with_one_batch(t, &d, fast_descent, updates, &fast));
  RAPT_TRY(compare_with_one_batch(t, &d, adam, updates, &by_adam));
  return rapt__findings_say(&t->findings,
                            "where rounding grows, at a rate of 0.1: %.1e (the one batch in another order: %.1e); with "
                            "Adam, which divides by the gradient's size: %.1e (%.1e)",
                            fast.parts, fast.turned, by_adam.parts, by_adam.turned);
}

/* ---- A stop ---- */

enum { WHOLE = 8, STOP = 5 };

static rapt_status same_files(rapt__run *run, const char *a, const char *b, bool *same) {
  char *texts[2] = {NULL, NULL};
  size_t sizes[2];
  rapt_status status = rapt__file_read(run->ctx, a, 1 << 24, &texts[0], &sizes[0]);
  if (status == RAPT_OK) status = rapt__file_read(run->ctx, b, 1 << 24, &texts[1], &sizes[1]);
  *same = status == RAPT_OK && sizes[0] == sizes[1] && memcmp(texts[0], texts[1], sizes[0]) == 0;
  for (int i = 0; i < 2; i++) rapt__free(run->ctx, texts[i]);
  return status;
}

static rapt_status stop_and_go_on(rapt__toolkit *t, const char *whole, const char *parts) {
  rapt__run *run = t->run;
  const rapt_params *params = t->net.model->params;
  const char *metrics[2] = {rapt__arena_format(&run->arena, "%s/metrics.jsonl", whole),
                            rapt__arena_format(&run->arena, "%s/metrics.jsonl", parts)};
  real *kept[1 + RAPT__STATES];
  size_t bytes = (size_t)params->extent * sizeof(real);
  rapt__train_settings settings;
  static const char *const changes[] = {"train.eval_every=4", "train.save_every=0", "train.stop_at=0",
                                        "train.minutes=0",    "train.average=0",    NULL};
  if (!metrics[0] || !metrics[1]) return RAPT_ENOMEM;
  RAPT_TRY(rapt__toolkit_settings_of(run, changes, &settings));
  settings.steps = WHOLE;
  settings.sample_tokens = 0;
  RAPT_TRY(train(t, &t->net.task.task, &settings, whole, false));
  for (int i = 0; i <= RAPT__STATES; i++) {
    const real *from = i ? params->state[i - 1] : params->values;
    kept[i] = rapt__arena_new(&run->arena, (size_t)params->extent, sizeof(real));
    if (!kept[i]) return RAPT_ENOMEM;
    if (from) memcpy(kept[i], from, bytes);
  }
  settings.stop_at = STOP;
  RAPT_TRY(train(t, &t->net.task.task, &settings, parts, false));
  settings.stop_at = 0;
  if (rapt__toolkit_stopped(t)) return RAPT_OK;
  RAPT_TRY(train(t, &t->net.task.task, &settings, parts, true));
  bool same_metrics, same = memcmp(kept[0], params->values, bytes) == 0;
  for (int i = 0; i < RAPT__STATES; i++)
    if (params->state[i]) same = same && memcmp(kept[i + 1], params->state[i], bytes) == 0;
  RAPT_TRY(same_files(run, metrics[0], metrics[1], &same_metrics));
  return rapt__findings_judge(&t->findings, true, same && same_metrics,
                              "a run that stops after %d of %d updates, with dropout, and goes on from its checkpoint "
                              "has the bits of one that does not stop (weights and optimizer: %s; losses: %s)",
                              STOP, WHOLE, same ? "the same" : "others", same_metrics ? "the same" : "others");
}

rapt_status rapt__toolkit_resume(rapt__toolkit *t) {
  rapt__run *run = t->run;
  char *dir = rapt__scratch_dir(run->ctx);
  if (!dir) return rapt_context_status(run->ctx);
  const char *whole = rapt__arena_format(&run->arena, "%s/whole", dir);
  const char *parts = rapt__arena_format(&run->arena, "%s/parts", dir);
  rapt__task *task = &t->net.task.task;
  rapt_status (*save)(rapt__task *, const char *) = task->save;
  task->save = NULL; /* checkpoints alone */
  rapt_status status = whole && parts ? stop_and_go_on(t, whole, parts) : RAPT_ENOMEM;
  task->save = save;
  rapt__scratch_remove(dir);
  rapt__free(run->ctx, dir);
  return status;
}

/* ---- Several processes ---- */

rapt_status rapt__toolkit_processes(rapt__toolkit *t) {
  rapt__run *run = t->run;
  const rapt_params *params = t->net.model->params;
  int size = rapt_parallel_size(run->ctx);
  if (size == 1)
    return rapt__findings_say(&t->findings,
                              "several processes: not measured, as this run is alone (mpirun -n 2 rapt train "
                              "fairseq-toolkit)");
  rapt__train_settings settings = t->net.train;
  settings.eval_every = settings.save_every = settings.average = settings.sample_tokens = 0;
  settings.accumulate *= size;
  RAPT_TRY(train(t, &t->net.task.task, &settings, NULL, false));
  double largest = difference(t->trained, params->values, params->extent);
  /* Sums of more than two gradients may be added up in another order. */
  bool exact = size == 2 && t->net.train.accumulate == 1;
  if (t->net.train.average > 0)
    return rapt__findings_say(&t->findings,
                              "several processes: not compared, as train.average has changed the weights");
  return rapt__findings_judge(&t->findings, false, exact ? largest == 0 : largest <= 1e-4,
                              "%d processes train as one that accumulates %lld batches: after %lld updates weights "
                              "differ by %.1e (%s)",
                              size, (long long)settings.accumulate, (long long)settings.steps, largest,
                              exact ? "to be 0" : "at most 1e-4");
}
