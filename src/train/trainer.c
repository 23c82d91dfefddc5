/* The training loop: one plan for forward, backward and update, another for evaluation. */
#include "train/trainer.h"

#include "base/file.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef struct loop {
  rapt__trainer *t;
  rapt_graph *graph, *eval_graph;
  rapt_plan *plan, *eval_plan;
  rapt_tensor *loss, *norm, *lr, *count, *eval_loss;
  FILE *metrics;
  double begin, told, smooth, rate; /* clock at the start, of the last progress; running loss; seconds of one update */
  int64_t first;                    /* step at which this session began */
} loop;

void rapt__trainer_init(rapt__trainer *t, rapt_context *ctx) {
  *t = (rapt__trainer){.ctx = ctx, .best = INFINITY, .eval_loss = NAN, .train_loss = NAN};
  rapt__text_init(&t->sample, ctx);
}

void rapt__trainer_free(rapt__trainer *t) {
  rapt__free(t->ctx, t->points);
  rapt__text_free(&t->sample);
  t->points = NULL;
  t->point_count = t->point_capacity = 0;
}

/* Batches of one update follow each other in the graph, each with its own backward part, so that the activations of only one
 * are alive at a time. */
static rapt_status build_update(loop *l) {
  rapt__trainer *t = l->t;
  RAPT_TRY(rapt_graph_new(t->ctx, &l->graph));
  int parts = (int)t->settings.accumulate;
  rapt_tensor *total = NULL, *gradient = NULL;
  for (int i = 0; i < parts; i++) {
    rapt_tensor *loss = rapt_scale(t->task->loss(t->task, l->graph, t->params, true, i), 1.0 / parts);
    rapt_tensor *g = rapt_grad_params(loss, t->params);
    total = total ? rapt_add(total, loss) : loss;
    gradient = gradient ? rapt_add(gradient, g) : g;
  }
  l->lr = rapt_input(l->graph, "lr", RAPT_F32, 0, NULL);
  l->count = rapt_input(l->graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options update = rapt__update_settings(&t->settings);
  l->loss = total;
  l->norm = rapt_update(t->params, gradient, l->lr, l->count, &update);
  rapt_plan_options options = {.seed = t->seed};
  return rapt_plan_new(l->graph, (rapt_tensor *[]){l->loss, l->norm}, 2, &options, &l->plan);
}

static rapt_status build_eval(loop *l) {
  rapt__trainer *t = l->t;
  if (!t->task->fill_eval) return RAPT_OK;
  RAPT_TRY(rapt_graph_new(t->ctx, &l->eval_graph));
  l->eval_loss = t->task->loss(t->task, l->eval_graph, t->params, false, 0);
  return rapt_plan_new(l->eval_graph, &l->eval_loss, 1, NULL, &l->eval_plan);
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
                     .tokens_per_second =
                         per_step > 0 ? t->task->tokens_per_batch * (double)t->settings.accumulate / per_step : 0,
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

static rapt_status evaluate(loop *l) {
  rapt__trainer *t = l->t;
  if (!l->eval_plan) return RAPT_OK;
  double sum = 0;
  uint64_t n = 0;
  for (; t->task->fill_eval(t->task, l->eval_plan, n); n++) {
    RAPT_TRY(rapt_plan_run(l->eval_plan, 0));
    sum += (double)*(real *)rapt_plan_data(l->eval_plan, l->eval_loss);
  }
  t->eval_loss = sum / (double)n;
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
  if (status == RAPT_OK && t->task->save) status = t->task->save(t->task, t->dir);
  return status;
}

/* The loss or the gradient is not finite: the same step again, looking at every result, names the first bad one. */
static rapt_status explain_nan(loop *l, double loss, double norm) {
  RAPT_TRY(rapt_plan_check_finite(l->plan, (uint64_t)l->t->step));
  return rapt__fail(l->t->ctx, RAPT_ENAN, "step %lld: loss %g, gradient norm %g, and no tensor of the plan is to blame",
                    (long long)l->t->step + 1, loss, norm);
}

static rapt_status one_step(loop *l) {
  rapt__trainer *t = l->t;
  for (int i = 0; i < (int)t->settings.accumulate; i++)
    RAPT_TRY(t->task->fill(t->task, l->plan, i, (uint64_t)(t->step * t->settings.accumulate + i)));
  *(real *)rapt_plan_data(l->plan, l->lr) = (real)rapt__learning_rate(&t->settings, t->step);
  *(real *)rapt_plan_data(l->plan, l->count) = (real)(t->step + 1);
  RAPT_TRY(rapt_plan_run(l->plan, (uint64_t)t->step));
  double loss = (double)*(real *)rapt_plan_data(l->plan, l->loss),
         norm = (double)*(real *)rapt_plan_data(l->plan, l->norm);
  if (!isfinite(loss) || !isfinite(norm)) return explain_nan(l, loss, norm);
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
  if (t->settings.minutes <= 0 || t->step != l->first + 20) return;
  double per_step = (rapt__now() - l->begin) / 20;
  int64_t steps = t->step + (int64_t)((t->settings.minutes * 60 - (rapt__now() - l->begin)) * 0.93 / per_step);
  t->settings.steps = steps > t->step + 20 ? steps : t->step + 20;
  if (t->settings.warmup > t->settings.steps / 10) t->settings.warmup = t->settings.steps / 10;
  t->settings.minutes = 0;
}

static rapt_status train(loop *l) {
  rapt__trainer *t = l->t;
  int64_t saved = -1, evaluated = -1, sampled = -1;
  bool stop = t->settings.patience > 0 && t->worse >= t->settings.patience; /* a resumed run that had ended early */
  while (t->step < t->settings.steps && !stop) {
    RAPT_TRY(one_step(l));
    fit_to_time(l);
    stop = atomic_load(&t->ctx->interrupted) || (t->settings.stop_at > 0 && t->step >= t->settings.stop_at);
    t->interrupted = stop && t->step < t->settings.steps;
    if (!stop && due(t->settings.eval_every, t->step)) {
      RAPT_TRY(evaluate(l));
      evaluated = t->step;
      if (t->settings.patience > 0 && t->worse >= t->settings.patience) stop = true;
    }
    if (!stop && due(t->settings.sample_every, t->step)) {
      RAPT_TRY(take_sample(l));
      sampled = t->step;
    }
    if (!stop && due(t->settings.save_every, t->step)) {
      RAPT_TRY(save(l));
      saved = t->step;
    }
  }
  if (!t->interrupted && evaluated != t->step) RAPT_TRY(evaluate(l));
  if (saved != t->step || !t->interrupted) RAPT_TRY(save(l));
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

rapt_status rapt__trainer_run(rapt__trainer *t, bool resume) {
  loop l = {.t = t, .smooth = NAN};
  rapt_status status = build_update(&l);
  if (status == RAPT_OK) status = build_eval(&l);
  if (status == RAPT_OK && resume) status = rapt__checkpoint_load(t);
  if (status == RAPT_OK) status = open_metrics(&l, resume);
  l.first = t->step;
  l.smooth = t->train_loss;
  l.begin = rapt__now();
  if (status == RAPT_OK) status = train(&l);
  t->seconds += rapt__now() - l.begin;
  t->train_loss = l.smooth;
  if (l.metrics && fclose(l.metrics) != 0 && status == RAPT_OK)
    status = rapt__fail_errno(t->ctx, "close", "metrics.jsonl");
  rapt_plan_free(l.plan);
  rapt_plan_free(l.eval_plan);
  rapt_graph_free(l.graph);
  rapt_graph_free(l.eval_graph);
  return status;
}
