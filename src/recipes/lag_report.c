/* The page of the recipe lstm-long-lag: learning curves, and what a lag costs. */
#include "recipes/lag.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

#include <math.h>

static rapt_status draw(rapt__run *run, const char *file, const rapt__plot *plot, const char **out) {
  rapt__text svg;
  rapt__text_init(&svg, run->ctx);
  rapt_status status = rapt__svg_plot(&svg, plot);
  const char *path = rapt__run_path(run, file);
  if (status == RAPT_OK) status = path ? rapt__file_replace(run->ctx, path, svg.data, svg.size) : RAPT_ENOMEM;
  if (status == RAPT_OK && !(*out = rapt__arena_strdup(&run->arena, svg.data))) status = RAPT_ENOMEM;
  rapt__text_free(&svg);
  return status;
}

/* The curve of the first seed, as a share of what always saying the mean would leave: the variance of one target. */
static rapt_status curve(rapt__lag_runs *r, int experiment, rapt__series *out) {
  static const char *const methods[] = {"LSTM", "tanh net", "guessing"};
  rapt__arena *arena = &r->run->arena;
  const rapt__lag_trial *t = &r->trials[experiment * r->settings->seeds];
  double *x = rapt__arena_new(arena, RAPT__LAG_POINTS, sizeof *x),
         *y = rapt__arena_new(arena, RAPT__LAG_POINTS, sizeof *y);
  const char *name =
      rapt__arena_format(arena, "%s, %d, %s", t->experiment->name, t->lag, methods[t->experiment->method]);
  if (!x || !y || !name) return RAPT_ENOMEM;
  for (int i = 0; i < t->points; i++) {
    x[i] = (double)(i + 1) * (double)t->budget / RAPT__LAG_POINTS;
    y[i] = t->curve[i] / t->variance;
  }
  *out = (rapt__series){name, x, y, (size_t)t->points};
  return RAPT_OK;
}

static rapt_status curves(rapt__lag_runs *r, const char **svg) {
  rapt__series series[8];
  size_t count = 0;
  for (int i = 0; i < r->count && count < 8; i++) {
    rapt__lag_task task = r->experiments[i]->task;
    bool shown = task == RAPT__LAG_ADDING || task == RAPT__LAG_MULTIPLICATION || task == RAPT__LAG_ORDER_4;
    if (shown) RAPT_TRY(curve(r, i, &series[count++]));
  }
  if (count == 0) return RAPT_OK;
  const rapt__plot plot = {.x_title = "sequences",
                           .y_title = "mean square error / variance of the target",
                           .log_x = true,
                           .log_y = true,
                           .series = series,
                           .count = count};
  return draw(r->run, "curves.svg", &plot, svg);
}

/* Sequences until solved against the lag: 2c and adding, ours beside the published ones. */
static rapt_status costs(rapt__lag_runs *r, const char **svg) {
  static const double lags_2c[] = {50, 100, 200, 500, 1000}, paper_2c[] = {30000, 31000, 33000, 38000, 49000};
  static const double lags_adding[] = {100, 500, 1000}, paper_adding[] = {74000, 209000, 853000};
  double x[2][8], y[2][8];
  size_t count[2] = {0};
  for (int i = 0; i < r->count; i++) {
    const rapt__lag_experiment *e = r->experiments[i];
    if (e->method != RAPT__LAG_LSTM || (e->task != RAPT__LAG_2C && e->task != RAPT__LAG_ADDING)) continue;
    int which = e->task == RAPT__LAG_ADDING;
    int64_t solved;
    x[which][count[which]] = r->trials[i * r->settings->seeds].lag;
    y[which][count[which]++] = rapt__lag_mean_sequences(r, i, &solved);
  }
  if (count[0] + count[1] == 0) return RAPT_OK;
  const rapt__series series[] = {{"2c", x[0], y[0], count[0]},
                                 {"2c, paper (? below 1000)", lags_2c, paper_2c, count[0] ? 5 : 0},
                                 {"adding", x[1], y[1], count[1]},
                                 {"adding, paper", lags_adding, paper_adding, count[1] ? 3 : 0}};
  const rapt__plot plot = {.x_title = "lag",
                           .y_title = "sequences until solved",
                           .log_x = true,
                           .log_y = true,
                           .series = series,
                           .count = 4};
  return draw(r->run, "lags.svg", &plot, svg);
}

rapt_status rapt__lag_report(rapt__lag_runs *r) {
  rapt__run *run = r->run;
  const char *curves_svg = NULL, *costs_svg = NULL;
  RAPT_TRY(curves(r, &curves_svg));
  RAPT_TRY(costs(r, &costs_svg));
  const rapt__report_section sections[] = {
      {.heading = "Learning curves",
       .text =
           "Error over the sequences learnt from, of the first seed. At 1 a net does no better than one that always "
           "says the mean. A curve ends where the task is solved.",
       .svg = curves_svg},
      {.heading = "What a lag costs",
       .text = "Sequences until the task is solved (the mean over the seeds that solve it), against the lag.",
       .svg = costs_svg}};
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *environment =
      rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(), rapt__kernels()->name,
                         rapt_context_threads(run->ctx), rapt__now() - r->begun);
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  const rapt__report report = {.title = run->recipe->info.title,
                               .paper = run->recipe->info.paper,
                               .about = run->recipe->info.about,
                               .verdicts = r->lines,
                               .verdict_count = r->line_count,
                               .sections = sections,
                               .section_count = sizeof sections / sizeof *sections,
                               .settings = settings,
                               .command = "rapt train lstm-long-lag",
                               .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}
