/* Two or more runs side by side: settings that differ, losses in one plot. */
#include "base/file.h"
#include "formats/svg.h"
#include "train/metrics.h"

#include <jansson.h>
#include <math.h>
#include <rapt/recipe.h>
#include <rapt/runs.h>
#include <string.h>

/* ---- Settings ---- */

static void add_default(void *user, const char *key, const char *initial, const char *help) {
  (void)help;
  json_object_set_new(user, key, json_string(initial));
}

/* This build knows the defaults that the run stood on. */
static bool knows_defaults(const rapt_run_record *run) {
  return run->version && strcmp(run->version, rapt_version()) == 0 && run->recipe && rapt_recipe_find(run->recipe);
}

/* The run's settings over the defaults, if these are to be had. */
static rapt_status settings_of(rapt_context *ctx, const rapt_run_record *run, bool defaults, json_t **out) {
  json_error_t error;
  const char *text = run->settings && *run->settings ? run->settings : "{}";
  *out = NULL;
  json_t *changed = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  if (!json_is_object(changed)) {
    json_decref(changed);
    return rapt__fail(ctx, RAPT_EFORMAT, "the index of runs: the settings of run \"%s\" are not a JSON object",
                      run->id);
  }
  json_t *all = json_object();
  rapt_status status = all ? RAPT_OK : rapt__fail_memory(ctx, 0);
  if (status == RAPT_OK && defaults) status = rapt_recipe_settings(ctx, run->recipe, add_default, all);
  if (status == RAPT_OK && json_object_update(all, changed) != 0) status = rapt__fail_memory(ctx, 0);
  json_decref(changed);
  if (status == RAPT_OK)
    *out = all;
  else
    json_decref(all);
  return status;
}

static const char *side(json_t *settings, const char *key, const char *missing) {
  const char *value = json_string_value(json_object_get(settings, key));
  return value ? value : missing;
}

rapt_status rapt_runs_compare(rapt_context *ctx, const rapt_run_record *a, const rapt_run_record *b,
                              rapt_run_difference_fn each, void *user) {
  bool defaults = knows_defaults(a) && knows_defaults(b);
  const char *missing = defaults ? "-" : "(default)", *key;
  json_t *left, *right, *value;
  RAPT_TRY(settings_of(ctx, a, defaults, &left));
  rapt_status status = settings_of(ctx, b, defaults, &right);
  if (status == RAPT_OK) {
    json_object_foreach(left, key, value) {
      const char *x = side(left, key, missing), *y = side(right, key, missing);
      if (strcmp(x, y) != 0) each(user, key, x, y);
    }
    json_object_foreach(right, key, value) if (!json_object_get(left, key))
        each(user, key, missing, side(right, key, missing));
  }
  json_decref(left);
  json_decref(right);
  return status;
}

/* ---- Losses ---- */

enum { POINTS = 400, MOST_RUNS = 8 };

typedef struct curve {
  double *x, *y; /* owned */
  size_t count, x_room, y_room;
} curve;

/* The losses of one run. Updates are averaged in groups, which are joined by twos whenever there are too many. */
typedef struct losses {
  rapt_context *ctx;
  curve train, valid;
  size_t group, in_group;
  double sum;
} losses;

static rapt_status add_point(rapt_context *ctx, curve *c, double x, double y) {
  RAPT_TRY(rapt__reserve(ctx, (void **)&c->x, &c->x_room, c->count, sizeof *c->x));
  RAPT_TRY(rapt__reserve(ctx, (void **)&c->y, &c->y_room, c->count, sizeof *c->y));
  c->x[c->count] = x;
  c->y[c->count++] = y;
  return RAPT_OK;
}

static void halve(losses *l) {
  curve *c = &l->train;
  for (size_t i = 0; i < c->count / 2; i++) {
    c->x[i] = c->x[2 * i + 1];
    c->y[i] = 0.5 * (c->y[2 * i] + c->y[2 * i + 1]);
  }
  c->count /= 2;
  l->group *= 2;
}

static rapt_status add_loss(void *user, const rapt__metric *metric) {
  losses *l = user;
  if (!isnan(metric->eval_loss)) return add_point(l->ctx, &l->valid, (double)metric->step, metric->eval_loss);
  l->sum += metric->loss;
  if (++l->in_group < l->group) return RAPT_OK;
  RAPT_TRY(add_point(l->ctx, &l->train, (double)metric->step, l->sum / (double)l->group));
  l->sum = 0;
  l->in_group = 0;
  if (l->train.count == POINTS) halve(l);
  return RAPT_OK;
}

static rapt_status read_losses(rapt_context *ctx, const rapt_run_record *run, losses *l) {
  char *path = rapt__path_join(ctx, run->dir, "metrics.jsonl");
  if (!path) return RAPT_ENOMEM;
  *l = (losses){.ctx = ctx, .group = 1};
  rapt_status status = rapt__metrics_read(ctx, path, add_loss, l);
  if (status == RAPT_OK && l->train.count + l->valid.count == 0)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: there is no loss in it to draw", path);
  rapt__free(ctx, path);
  return status;
}

static void free_curve(rapt_context *ctx, curve *c) {
  rapt__free(ctx, c->x);
  rapt__free(ctx, c->y);
}

static rapt_status draw(rapt_context *ctx, const rapt_run_record *runs, const losses *l, size_t count,
                        const char *path) {
  rapt__series series[2 * MOST_RUNS];
  char names[2 * MOST_RUNS][64];
  size_t n = 0;
  for (size_t i = 0; i < count; i++)
    for (int valid = 0; valid < 2; valid++) {
      const curve *c = valid ? &l[i].valid : &l[i].train;
      if (c->count == 0) continue;
      snprintf(names[n], sizeof names[n], "%.8s %s", runs[i].id, valid ? "validation" : "training (mean)");
      series[n] = (rapt__series){names[n], c->x, c->y, c->count};
      n++;
    }
  rapt__plot plot = {.x_title = "step", .y_title = "loss", .series = series, .count = n};
  rapt__text svg;
  rapt__text_init(&svg, ctx);
  rapt_status status = rapt__svg_plot(&svg, &plot);
  if (status == RAPT_OK) status = rapt__file_replace(ctx, path, svg.data, svg.size);
  rapt__text_free(&svg);
  return status;
}

rapt_status rapt_runs_plot(rapt_context *ctx, const rapt_run_record *runs, size_t count, const char *path) {
  losses l[MOST_RUNS] = {{0}};
  if (count == 0 || count > MOST_RUNS)
    return rapt__fail(ctx, RAPT_EINVAL, "a plot of runs shows 1 to %d of them, not %zu", MOST_RUNS, count);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < count && status == RAPT_OK; i++) status = read_losses(ctx, &runs[i], &l[i]);
  if (status == RAPT_OK) status = draw(ctx, runs, l, count, path);
  for (size_t i = 0; i < count; i++) {
    free_curve(ctx, &l[i].train);
    free_curve(ctx, &l[i].valid);
  }
  return status;
}
