/* The report of a model's training. The curve of the training loss is read back from metrics.jsonl, so that it is
 * whole after a resumed run too. */
#include "recipes/lm_report.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/metrics.h"

#include <math.h>

typedef struct curve {
  double *x, *y; /* in the run's arena */
  size_t count;
} curve;

enum { POINTS = 400 };

typedef struct reading {
  curve *train, *valid;
  size_t lines, group, in_group; /* group: updates of one point */
  double sum;
} reading;

static rapt_status count_line(void *user, const rapt__metric *metric) {
  (void)metric;
  ((reading *)user)->lines++;
  return RAPT_OK;
}

static rapt_status add_line(void *user, const rapt__metric *metric) {
  reading *r = user;
  if (!isnan(metric->eval_loss)) {
    r->valid->x[r->valid->count] = (double)metric->step;
    r->valid->y[r->valid->count++] = metric->eval_loss;
    return RAPT_OK;
  }
  r->sum += metric->loss;
  if (++r->in_group < r->group) return RAPT_OK;
  r->train->x[r->train->count] = (double)metric->step;
  r->train->y[r->train->count++] = r->sum / (double)r->group;
  r->in_group = 0;
  r->sum = 0;
  return RAPT_OK;
}

static bool room(rapt__run *run, curve *c, size_t lines) {
  c->x = rapt__arena_new(&run->arena, lines + 1, sizeof *c->x);
  c->y = rapt__arena_new(&run->arena, lines + 1, sizeof *c->y);
  return c->x && c->y;
}

/* Steps averaged in at most POINTS groups, and every evaluation. */
static rapt_status read_curves(rapt__run *run, curve *train, curve *valid) {
  const char *path = rapt__run_path(run, "metrics.jsonl");
  reading r = {.train = train, .valid = valid};
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__metrics_read(run->ctx, path, count_line, &r));
  r.group = r.lines / POINTS + 1;
  if (!room(run, train, r.lines) || !room(run, valid, r.lines)) return RAPT_ENOMEM;
  return rapt__metrics_read(run->ctx, path, add_line, &r);
}

rapt_status rapt__training_report(rapt__run *run, const rapt__trainer *t, const rapt__report *parts) {
  rapt_context *ctx = run->ctx;
  curve train = {0}, valid = {0};
  RAPT_TRY(read_curves(run, &train, &valid));
  const rapt__series series[] = {{"training (mean)", train.x, train.y, train.count},
                                 {"validation", valid.x, valid.y, valid.count}};
  rapt__plot plot = {.x_title = "step", .y_title = "loss (nats a token)", .series = series, .count = 2};
  rapt__text svg;
  rapt__text_init(&svg, ctx);
  rapt_status status = rapt__svg_plot(&svg, &plot);
  const char *picture = rapt__run_path(run, "loss.svg"), *page = rapt__run_path(run, "report.html");
  const char **settings = status == RAPT_OK ? rapt__run_settings(run) : NULL;
  const char *environment = rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(),
                                               rapt__kernels()->name, rapt_context_threads(ctx), t->seconds);
  const char *command = rapt__arena_format(&run->arena, "rapt train %s", run->recipe->info.id);
  if (status == RAPT_OK && !(picture && page && settings && environment && command)) status = RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__file_replace(ctx, picture, svg.data, svg.size);
  rapt__report report = *parts;
  report.title = run->recipe->info.title;
  report.paper = run->recipe->info.paper;
  report.about = run->recipe->info.about;
  report.plot_svg = svg.data;
  report.settings = settings;
  report.command = command;
  report.environment = environment;
  if (status == RAPT_OK) status = rapt__report_write(ctx, page, &report);
  rapt__text_free(&svg);
  return status;
}

rapt_status rapt__lm_report(rapt__run *run, const rapt__trainer *t, const char *const (*figures)[4],
                            size_t figure_count, const char *const *verdicts, size_t verdict_count) {
  rapt__report parts = {.verdicts = verdicts,
                        .verdict_count = verdict_count,
                        .figures = figures,
                        .figure_count = figure_count,
                        .sample = t->sample.size ? t->sample.data : NULL};
  return rapt__training_report(run, t, &parts);
}
