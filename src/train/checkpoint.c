/* Checkpoints: values, optimizer state, what the task carries from batch to batch, and the trainer's counters in one
 * safetensors file. Random numbers and batches follow from seed and step, so nothing else is needed to go on bit for bit. */
#include "train/trainer.h"

#include "formats/safetensors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const state_names[RAPT__STATES] = {"state.0", "state.1"};

static char *path_of(const rapt__trainer *t) { return rapt__path_join(t->ctx, t->dir, "checkpoint.safetensors"); }

rapt_status rapt__checkpoint_save(const rapt__trainer *t) {
  const rapt_params *p = t->params;
  rapt__st_type type = sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32;
  rapt__st_entry entries[2 + RAPT__STATES + RAPT__AVERAGE_MOST];
  char averages[RAPT__AVERAGE_MOST][32];
  size_t n = 0;
  entries[n++] = (rapt__st_entry){"values", type, 1, {p->extent}, p->extent, (const uint8_t *)p->values};
  for (int i = 0; i < RAPT__STATES; i++)
    if (p->state[i])
      entries[n++] = (rapt__st_entry){state_names[i], type, 1, {p->extent}, p->extent, (const uint8_t *)p->state[i]};
  for (int64_t i = 0; i < rapt__average_count(&t->average); i++) {
    snprintf(averages[i], sizeof averages[i], "average.%lld", (long long)i);
    entries[n++] = (rapt__st_entry){averages[i], type, 1, {p->extent}, p->extent, (const uint8_t *)t->average.kept[i]};
  }
  const rapt__task *task = t->task;
  if (task->carried_size > 0)
    entries[n++] =
        (rapt__st_entry){"carried", type, 1, {task->carried_size}, task->carried_size, (const uint8_t *)task->carried};
  char step[32], best[40], best_step[32], worse[32], metrics[32], seconds[40], smooth[40], eval[40], steps[32],
      warmup[32], minutes[40], averaged[32], evaluated[32];
  snprintf(step, sizeof step, "%lld", (long long)t->step);
  snprintf(averaged, sizeof averaged, "%lld", (long long)t->average.count);
  snprintf(evaluated, sizeof evaluated, "%lld", (long long)t->evaluated);
  snprintf(steps, sizeof steps, "%lld", (long long)t->settings.steps);
  snprintf(warmup, sizeof warmup, "%lld", (long long)t->settings.warmup);
  snprintf(minutes, sizeof minutes, "%.17g", t->settings.minutes);
  snprintf(best, sizeof best, "%.17g", t->best);
  snprintf(best_step, sizeof best_step, "%lld", (long long)t->best_step);
  snprintf(worse, sizeof worse, "%lld", (long long)t->worse);
  snprintf(metrics, sizeof metrics, "%llu", (unsigned long long)t->metrics_bytes);
  snprintf(seconds, sizeof seconds, "%.3f", t->seconds);
  snprintf(smooth, sizeof smooth, "%.17g", t->train_loss);
  snprintf(eval, sizeof eval, "%.17g", t->eval_loss);
  const char *const meta[] = {
      "step",      step,    "steps",   steps,           "warmup",   warmup,    "best",      best,         "best_step",
      best_step,   "worse", worse,     "metrics_bytes", metrics,    "seconds", seconds,     "train_loss", smooth,
      "eval_loss", eval,    "minutes", minutes,         "averaged", averaged,  "evaluated", evaluated,    NULL};
  char *path = path_of(t);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__safetensors_write(t->ctx, path, entries, n, meta);
  rapt__free(t->ctx, path);
  return status;
}

static rapt_status read_array(rapt__trainer *t, const rapt__safetensors *st, const char *path, const char *name,
                              int64_t size, real *to) {
  const rapt__st_entry *e = rapt__safetensors_find(st, name);
  rapt__st_type type = sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32;
  if (!e || e->type != type || e->size != size)
    return rapt__fail(t->ctx, RAPT_EFORMAT,
                      "%s: \"%s\" is missing or of another size: the checkpoint belongs to another model", path, name);
  memcpy(to, e->data, (size_t)e->size * sizeof *to);
  return RAPT_OK;
}

static double number(const rapt__safetensors *st, const char *key) {
  const char *text = rapt__safetensors_meta(st, key);
  return text ? strtod(text, NULL) : NAN;
}

static rapt_status read_averages(rapt__trainer *t, const rapt__safetensors *st, const char *path) {
  rapt__average *a = &t->average;
  double count = number(st, "averaged");
  if (!(count >= 0 && count < 1e15))
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the number of averaged weights is missing or senseless", path);
  a->count = (int64_t)count;
  for (int64_t i = 0; i < rapt__average_count(a); i++) {
    char name[32];
    snprintf(name, sizeof name, "average.%lld", (long long)i);
    RAPT_TRY(read_array(t, st, path, name, t->params->extent, a->kept[i]));
  }
  return RAPT_OK;
}

static rapt_status read_all(rapt__trainer *t, const rapt__safetensors *st, const char *path) {
  rapt_params *p = t->params;
  RAPT_TRY(read_array(t, st, path, "values", p->extent, p->values));
  for (int i = 0; i < RAPT__STATES; i++)
    if (p->state[i]) RAPT_TRY(read_array(t, st, path, state_names[i], p->extent, p->state[i]));
  if (t->task->carried_size > 0) RAPT_TRY(read_array(t, st, path, "carried", t->task->carried_size, t->task->carried));
  if (t->average.size > 0) RAPT_TRY(read_averages(t, st, path));
  double step = number(st, "step"), metrics = number(st, "metrics_bytes"), worse = number(st, "worse"),
         best_step = number(st, "best_step");
  if (!(step >= 0 && step < 1e15) || !(metrics >= 0 && metrics < 1e15) || !(worse >= 0 && worse < 1e15) ||
      !(best_step >= 0 && best_step < 1e15))
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the counters of the run are missing or senseless", path);
  double steps = number(st, "steps"), warmup = number(st, "warmup");
  bool fitted = number(st, "minutes") == 0 && steps >= 1 && steps < 1e15 && warmup >= 0 && warmup < 1e15;
  if (t->settings.minutes > 0 && fitted) { /* the schedule that was fitted to the time, not a new one */
    t->settings.steps = (int64_t)steps;
    t->settings.warmup = (int64_t)warmup;
    t->settings.minutes = 0;
  }
  double evaluated = number(st, "evaluated");
  t->evaluated = evaluated >= 0 && evaluated <= step ? (int64_t)evaluated : -1;
  t->step = (int64_t)step;
  t->metrics_bytes = (uint64_t)metrics;
  t->worse = (int64_t)worse;
  t->best_step = (int64_t)best_step;
  t->best = number(st, "best");
  t->eval_loss = number(st, "eval_loss");
  t->train_loss = number(st, "train_loss");
  t->seconds = number(st, "seconds");
  return RAPT_OK;
}

rapt_status rapt__checkpoint_exists(const rapt__trainer *t, bool *exists) {
  char *path = path_of(t);
  if (!path) return RAPT_ENOMEM;
  *exists = rapt__file_exists(path);
  rapt__free(t->ctx, path);
  return RAPT_OK;
}

rapt_status rapt__checkpoint_load(rapt__trainer *t) {
  char *path = path_of(t);
  if (!path) return RAPT_ENOMEM;
  rapt__safetensors st;
  rapt_status status = rapt__safetensors_open(t->ctx, path, &st);
  if (status == RAPT_OK) {
    status = read_all(t, &st, path);
    rapt__safetensors_close(&st);
  }
  rapt__free(t->ctx, path);
  return status;
}
