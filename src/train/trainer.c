/* The training loop. */
#include "train/trainer.h"

#include "base/file.h"
#include "train/exchange.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct loop {
  rapt__trainer *t;
  rapt__plans plans;
  FILE *metrics;
  double begin, told, smooth; /* clock at the start, of the last progress; running loss */
  double tokens;              /* of this session */
  int64_t first, saved;       /* step at which this session began; of the checkpoint, or -1 */
  bool spread;                /* over several processes, of which this is number `rank` */
  int rank, size;             /* 0 and 1 when alone */
} loop;

void rapt__trainer_init(rapt__trainer *t, rapt_context *ctx) {
  *t = (rapt__trainer){.ctx = ctx, .best = INFINITY, .evaluated = -1, .eval_loss = NAN, .train_loss = NAN};
  rapt__text_init(&t->sample, ctx);
}

void rapt__trainer_free(rapt__trainer *t) {
  rapt__free(t->ctx, t->points);
  rapt__text_free(&t->sample);
  rapt__average_free(&t->average);
  t->points = NULL;
  t->point_count = t->point_capacity = 0;
}

/* Of a batch, or that there is no more of them. */
static bool batch_of(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  *out = (rapt__batch){.weight = 1};
  return !task->batch || task->batch(task, training, index, out);
}

static void tell(loop *l, rapt_event event, const char *stage, double norm, const char *text) {
  rapt__trainer *t = l->t;
  if (!t->tell) return;
  double now = rapt__now(), passed = now - l->begin;
  int64_t done = t->step - l->first;
  double per_step = done > 0 ? passed / (double)done : 0;
  int64_t end =
      t->settings.stop_at > 0 && t->settings.stop_at < t->settings.steps ? t->settings.stop_at : t->settings.steps;
  rapt_progress p = {.step = t->step,
                     .steps = t->settings.steps,
                     .loss = l->smooth,
                     .norm = norm,
                     .lr = rapt__learning_rate(&t->settings, t->step > 0 ? t->step - 1 : 0),
                     .eval_loss = t->eval_loss,
                     .tokens_per_second = passed > 0 ? l->tokens / passed : 0,
                     .seconds = t->seconds + passed,
                     .seconds_left = per_step * (double)(end - t->step),
                     .stage = stage};
  t->tell(t->tell_user, event, &p, text);
}

static rapt_status add_metrics(loop *l, double loss, double norm) {
  rapt__trainer *t = l->t;
  if (!l->metrics) return RAPT_OK;
  int n = fprintf(l->metrics, "{\"step\": %lld, \"loss\": %.9g, \"norm\": %.9g, \"lr\": %.9g}\n", (long long)t->step,
                  loss, norm, rapt__learning_rate(&t->settings, t->step - 1));
  if (n < 0) return rapt__fail_errno(t->ctx, "write", "metrics.jsonl");
  t->metrics_bytes += (uint64_t)n;
  return RAPT_OK;
}

/* The mean loss over all evaluation batches, by their weights. */
static rapt_status measure(loop *l, double *loss) {
  rapt__task *task = l->t->task;
  double sum = 0, weight = 0;
  rapt__batch batch;
  for (uint64_t n = 0; batch_of(task, false, n, &batch); n++) {
    rapt__train_plan *p;
    RAPT_TRY(rapt__plans_eval(&l->plans, batch.bucket, &p));
    if (!task->fill_eval(task, p->plan, n)) break;
    RAPT_TRY(rapt_plan_run(p->plan, 0));
    sum += batch.weight * (double)*(real *)rapt_plan_data(p->plan, p->loss);
    if (task->carry) task->carry(task, p->plan, false, batch.bucket, n);
    weight += batch.weight;
  }
  *loss = sum / weight;
  return RAPT_OK;
}

static rapt_status evaluate(loop *l) {
  rapt__trainer *t = l->t;
  if (!t->task->fill_eval) return RAPT_OK;
  RAPT_TRY(measure(l, &t->eval_loss));
  t->evaluated = t->step;
  rapt__average_add(&t->average, t->params);
  t->train_loss = l->smooth;
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->points, &t->point_capacity, t->point_count, sizeof *t->points));
  t->points[t->point_count++] = (rapt__point){t->step, l->smooth, t->eval_loss};
  if (l->metrics) {
    int written = fprintf(l->metrics, "{\"step\": %lld, \"train_loss\": %.9g, \"eval_loss\": %.9g}\n",
                          (long long)t->step, l->smooth, t->eval_loss);
    if (written < 0) return rapt__fail_errno(t->ctx, "write", "metrics.jsonl");
    t->metrics_bytes += (uint64_t)written;
  }
  if (t->eval_loss < t->best) {
    t->best = t->eval_loss;
    t->best_step = t->step;
    t->worse = 0;
    if (t->dir && t->task->save && t->step < t->settings.steps) {
      char *best = rapt__path_join(t->ctx, t->dir, "best");
      if (!best) return RAPT_ENOMEM;
      rapt_status status = t->task->save(t->task, best);
      rapt__free(t->ctx, best);
      RAPT_TRY(status);
    }
  } else {
    t->worse++;
  }
  tell(l, RAPT_EVENT_EVAL, "eval", 0, NULL);
  return RAPT_OK;
}

/* At the end the mean takes the place of the last weights, in memory and in the model directory. The checkpoint, which was
 * written before, keeps the last ones, so that the run can go on. */
static rapt_status take_average(loop *l) {
  rapt__trainer *t = l->t;
  int64_t n = rapt__average_count(&t->average);
  if (n == 0) return RAPT_OK;
  double last = t->eval_loss;
  rapt__average_apply(&t->average, t->params);
  RAPT_TRY(measure(l, &t->eval_loss));
  char text[120];
  snprintf(text, sizeof text, "mean of the weights at the last %lld evaluations: loss %.4f (the last alone: %.4f)",
           (long long)n, t->eval_loss, last);
  tell(l, RAPT_EVENT_NOTE, "average", 0, text);
  return t->dir && t->task->save ? t->task->save(t->task, t->dir) : RAPT_OK;
}

static rapt_status take_sample(loop *l) {
  rapt__trainer *t = l->t;
  if (!t->task->sample || t->settings.sample_tokens < 1) return RAPT_OK;
  t->sample.size = 0;
  RAPT_TRY(t->task->sample(t->task, t->seed + (uint64_t)t->step, &t->sample));
  if (t->sample.size) tell(l, RAPT_EVENT_SAMPLE, "sample", 0, t->sample.data);
  return RAPT_OK;
}

static rapt_status save(loop *l) {
  rapt__trainer *t = l->t;
  if (!t->dir) return RAPT_OK;
  if (l->metrics && fflush(l->metrics) != 0) return rapt__fail_errno(t->ctx, "write", "metrics.jsonl");
  double before = t->seconds;
  t->train_loss = l->smooth;
  t->seconds += rapt__now() - l->begin;
  rapt_status status = rapt__checkpoint_save(t);
  t->seconds = before;
  if (status == RAPT_OK) l->saved = t->step;
  if (status == RAPT_OK && t->task->save) status = t->task->save(t->task, t->dir);
  return status;
}

/* Of batch `part` of this step in the process of that rank: as if all batches of all processes were accumulated by one. */
static uint64_t index_at(const loop *l, int64_t part, int rank) {
  const rapt__trainer *t = l->t;
  return (uint64_t)((t->step * t->settings.accumulate + part) * l->size + rank);
}

static uint64_t index_of(const loop *l, int64_t part) { return index_at(l, part, l->rank); }

/* Fills batch `part` of this step. Of several, each counts by its share of the step's weight, so that the step is that of one
 * large batch. */
static rapt_status fill_part(loop *l, int64_t part, double whole, rapt__train_plan **out) {
  rapt__trainer *t = l->t;
  rapt__batch batch;
  batch_of(t->task, true, index_of(l, part), &batch);
  RAPT_TRY(rapt__plans_batch(&l->plans, batch.bucket, out));
  if ((*out)->share) *(real *)rapt_plan_data((*out)->plan, (*out)->share) = (real)(batch.weight / whole);
  return t->task->fill(t->task, (*out)->plan, batch.bucket, index_of(l, part));
}

/* The loss or the gradient is not finite: the same step again, looking at every result, names the first bad one. */
static rapt_status explain_nan(loop *l, double whole, double loss, double norm) {
  rapt__trainer *t = l->t;
  for (int64_t i = 0; i < t->settings.accumulate; i++) {
    rapt__train_plan *p;
    if (l->plans.accumulate) rapt__plans_clear_sum(&l->plans);
    RAPT_TRY(fill_part(l, i, whole, &p));
    RAPT_TRY(rapt_plan_check_finite(p->plan, index_of(l, i)));
  }
  return rapt__fail(t->ctx, RAPT_ENAN, "step %lld: loss %g, gradient norm %g, and no tensor of the plan is to blame",
                    (long long)t->step + 1, loss, norm);
}

static void fill_update(const rapt__trainer *t, rapt__train_plan *p) {
  *(real *)rapt_plan_data(p->plan, p->lr) = (real)rapt__learning_rate(&t->settings, t->step);
  *(real *)rapt_plan_data(p->plan, p->count) = (real)(t->step + 1);
}

/* Not from a step that went wrong: it will be run again to find the first bad tensor. */
static void take_along(loop *l, rapt__train_plan *p, int64_t part) {
  rapt__task *task = l->t->task;
  if (!task->carry || !isfinite((double)*(real *)rapt_plan_data(p->plan, p->loss)) ||
      (p->norm && !isfinite((double)*(real *)rapt_plan_data(p->plan, p->norm))))
    return;
  rapt__batch batch;
  batch_of(task, true, index_of(l, part), &batch);
  task->carry(task, p->plan, true, batch.bucket, index_of(l, part));
}

/* The weight of a step's batches, in all processes. */
static double weigh_step(loop *l) {
  rapt__trainer *t = l->t;
  double whole = 0;
  for (int64_t i = 0; i < t->settings.accumulate * l->size; i++) {
    rapt__batch batch;
    batch_of(t->task, true, index_at(l, i / l->size, (int)(i % l->size)), &batch);
    whole += batch.weight;
    l->tokens += t->task->batch ? batch.weight : t->task->tokens_per_batch;
  }
  return whole;
}

/* The gradient of a step in `sum`, where it is not updated from at once, and its loss. */
static rapt_status run_batches(loop *l, double whole, double *loss, rapt__train_plan **last) {
  rapt__trainer *t = l->t;
  real *sum = l->plans.sum ? l->plans.sum->values : NULL;
  *loss = 0;
  if (l->plans.accumulate) rapt__plans_clear_sum(&l->plans);
  for (int64_t i = 0; i < t->settings.accumulate; i++) {
    rapt__train_plan *p;
    RAPT_TRY(fill_part(l, i, whole, &p));
    if (p->lr) fill_update(t, p);
    if (p->gradient)
      RAPT_TRY(rapt__exchange_run(t->ctx, p, t->params, index_of(l, i), sum));
    else
      RAPT_TRY(rapt_plan_run(p->plan, index_of(l, i)));
    *loss += (double)*(real *)rapt_plan_data(p->plan, p->loss);
    *last = p;
    take_along(l, p, i);
  }
  if (!l->spread) return RAPT_OK;
  if (l->plans.accumulate) RAPT_TRY(rapt__exchange_sum(t->ctx, t->params, sum));
  float all = (float)*loss;
  rapt_status status = rapt__parallel_sum(t->ctx, &all, 1);
  *loss = (double)all;
  return status;
}

static rapt_status one_step(loop *l) {
  rapt__trainer *t = l->t;
  rapt__train_plan *p = NULL;
  double whole = weigh_step(l), loss;
  RAPT_TRY(run_batches(l, whole, &loss, &p));
  if (l->plans.sum) {
    p = &l->plans.step;
    fill_update(t, p);
    RAPT_TRY(rapt_plan_run(p->plan, (uint64_t)t->step));
  }
  double norm = (double)*(real *)rapt_plan_data(p->plan, p->norm);
  if (!isfinite(loss) || !isfinite(norm)) return explain_nan(l, whole, loss, norm);
  t->step++;
  l->smooth = isnan(l->smooth) ? loss : 0.95 * l->smooth + 0.05 * loss;
  RAPT_TRY(add_metrics(l, loss, norm));
  double now = rapt__now();
  if (now - l->told > 0.2 || t->step == t->settings.steps) {
    l->told = now;
    tell(l, RAPT_EVENT_PROGRESS, "train", norm, NULL);
  }
  return RAPT_OK;
}

static bool due(int64_t every, int64_t step) { return every > 0 && step % every == 0; }

/* train.minutes: after a few steps the number of updates is fitted to the time, and the schedule with it. */
static void fit_to_time(loop *l) {
  rapt__trainer *t = l->t;
  if (t->settings.minutes <= 0 || t->step != l->first + 20 || l->rank > 0) return;
  double per_step = (rapt__now() - l->begin) / 20;
  int64_t steps = t->step + (int64_t)((t->settings.minutes * 60 - (rapt__now() - l->begin)) * 0.93 / per_step);
  t->settings.steps = steps > t->step + 20 ? steps : t->step + 20;
  if (t->settings.warmup > t->settings.steps / 10) t->settings.warmup = t->settings.steps / 10;
  t->settings.minutes = 0;
}

/* *ended: patience is at its end. */
static rapt_status evaluate_when_due(loop *l, bool *ended) {
  rapt__trainer *t = l->t;
  if (l->rank > 0 || !due(t->settings.eval_every, t->step) || t->evaluated == t->step || t->step == 0) return RAPT_OK;
  RAPT_TRY(evaluate(l));
  *ended = t->settings.patience > 0 && t->worse >= t->settings.patience;
  return RAPT_OK;
}

/* All processes stop when one is asked to, and have rank 0's place and schedule. */
static rapt_status agree(loop *l, bool *asked, bool *ended) {
  rapt__trainer *t = l->t;
  if (!l->spread) return RAPT_OK;
  bool first = l->rank == 0;
  double values[] = {*asked, *ended, first ? (double)t->step : -1, first ? (double)t->settings.steps : -1,
                     first ? (double)t->settings.warmup : -1};
  RAPT_TRY(rapt__parallel_most(t->ctx, values, sizeof values / sizeof *values));
  *asked = values[0] > 0;
  *ended = values[1] > 0;
  t->step = (int64_t)values[2];
  t->settings.steps = (int64_t)values[3];
  t->settings.warmup = (int64_t)values[4];
  return RAPT_OK;
}

static rapt_status train(loop *l) {
  rapt__trainer *t = l->t;
  int64_t sampled = -1;
  bool asked = false;                                                        /* to stop, from outside */
  bool ended = t->settings.patience > 0 && t->worse >= t->settings.patience; /* a resumed run that had ended early */
  /* A run that was stopped where an evaluation was due makes up for it. */
  RAPT_TRY(evaluate_when_due(l, &ended));
  RAPT_TRY(agree(l, &asked, &ended));
  while (t->step < t->settings.steps && !asked && !ended) {
    RAPT_TRY(one_step(l));
    fit_to_time(l);
    asked = atomic_load(&t->ctx->interrupted) || (t->settings.stop_at > 0 && t->step >= t->settings.stop_at);
    if (!asked) RAPT_TRY(evaluate_when_due(l, &ended));
    RAPT_TRY(agree(l, &asked, &ended));
    if (l->rank > 0 || asked || ended) continue;
    if (due(t->settings.sample_every, t->step)) {
      RAPT_TRY(take_sample(l));
      sampled = t->step;
    }
    if (due(t->settings.save_every, t->step)) RAPT_TRY(save(l));
  }
  t->interrupted = asked && t->step < t->settings.steps;
  if (l->rank > 0) return RAPT_OK;
  if (!t->interrupted && t->evaluated != t->step) RAPT_TRY(evaluate(l));
  if (l->saved != t->step || !t->interrupted) RAPT_TRY(save(l));
  if (!t->interrupted) RAPT_TRY(take_average(l));
  if (!t->interrupted && sampled != t->step) RAPT_TRY(take_sample(l));
  return RAPT_OK;
}

/* Lines behind the checkpoint belong to steps that will be taken again. */
static rapt_status open_metrics(loop *l, bool resume) {
  rapt__trainer *t = l->t;
  if (!t->dir) return RAPT_OK;
  char *path = rapt__path_join(t->ctx, t->dir, "metrics.jsonl");
  if (!path) return RAPT_ENOMEM;
  l->metrics = fopen(path, resume ? "r+b" : "wb");
  rapt_status status = RAPT_OK;
  if (!l->metrics)
    status = rapt__fail_errno(t->ctx, "open", path);
  else if (resume &&
           (ftruncate(fileno(l->metrics), (off_t)t->metrics_bytes) != 0 || fseek(l->metrics, 0, SEEK_END) != 0))
    status = rapt__fail_errno(t->ctx, "truncate", path);
  rapt__free(t->ctx, path);
  return status;
}

/* Rank 0 has read the checkpoint, or begins like the others; they get what it has. */
static rapt_status begin_together(loop *l) {
  rapt__trainer *t = l->t;
  bool asked = false, ended = false;
  if (!l->spread) return RAPT_OK;
  RAPT_TRY(rapt__exchange_weights(t->ctx, t->params));
  return agree(l, &asked, &ended);
}

/* The other processes are gone or do not answer. What the last sums were worth is not known, so the checkpoint stays as it is. */
static rapt_status go_apart(loop *l) {
  rapt_context *ctx = l->t->ctx;
  rapt__forget(ctx);
  if (l->saved < 0)
    return rapt__fail(ctx, RAPT_EINTERRUPTED,
                      "another process of this run has ended or does not answer, and no checkpoint was written so far "
                      "(train.save_every)");
  return rapt__fail(ctx, RAPT_EINTERRUPTED,
                    "another process of this run has ended or does not answer; the run is kept as of step %lld: rapt "
                    "train --resume %s",
                    (long long)l->saved, l->t->dir ? l->t->dir : "DIR");
}

/* Without what only rank 0 does: a directory to write to, and somebody to tell. */
static void be_silent(rapt__trainer *t) {
  t->dir = NULL;
  t->tell = NULL;
}

static rapt_status run(loop *l, bool resume) {
  rapt__trainer *t = l->t;
  if (l->spread && t->task->carry)
    return rapt__fail(
        t->ctx, RAPT_EUNSUPPORTED,
        "this training carries states from batch to batch, so its batches cannot be spread over processes");
  RAPT_TRY(rapt__plans_begin(&l->plans));
  RAPT_TRY(rapt__average_begin(&t->average, t->ctx, t->settings.average, t->params));
  if (resume && l->rank == 0) RAPT_TRY(rapt__checkpoint_load(t));
  RAPT_TRY(begin_together(l));
  RAPT_TRY(open_metrics(l, resume));
  l->first = t->step;
  if (resume) l->saved = t->step;
  l->smooth = t->train_loss;
  l->begin = rapt__now();
  rapt_status status = train(l);
  if (l->spread && status == RAPT_EINTERRUPTED) status = go_apart(l);
  t->seconds += rapt__now() - l->begin;
  t->train_loss = l->smooth;
  return status;
}

rapt_status rapt__trainer_run(rapt__trainer *t, bool resume) {
  bool spread = rapt__parallel_spread(t->ctx);
  loop l = {.t = t,
            .smooth = NAN,
            .saved = -1,
            .spread = spread,
            .rank = spread ? rapt_parallel_rank(t->ctx) : 0,
            .size = spread ? rapt_parallel_size(t->ctx) : 1,
            .plans = {.ctx = t->ctx,
                      .task = t->task,
                      .params = t->params,
                      .update = rapt__update_settings(&t->settings),
                      .seed = t->seed,
                      .accumulate = t->settings.accumulate > 1,
                      .spread = spread}};
  if (l.rank > 0) be_silent(t);
  rapt_status status = run(&l, resume);
  if (l.metrics && fclose(l.metrics) != 0 && status == RAPT_OK)
    status = rapt__fail_errno(t->ctx, "close", "metrics.jsonl");
  rapt__plans_free(&l.plans);
  if (spread) rapt__parallel_finished(t->ctx);
  /* A recipe goes no further where its training was interrupted; rank 0 alone finishes it. */
  if (l.rank > 0) t->interrupted = true;
  return status;
}
