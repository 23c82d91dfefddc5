/* What a sweep leaves in its directory: results.csv, and sweep.html with a plot. */
#include "recipes/sweep.h"

#include "base/file.h"
#include "formats/svg.h"
#include "recipes/recipes.h"
#include "train/report.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_BARS = 1000 };

/* The only axis that varies besides the seed, if all its values are numbers; else the number of axes. */
static size_t numeric_axis(const rapt_sweep *sweep) {
  size_t found = sweep->grid.count, varying = 0;
  for (size_t a = 0; a < sweep->grid.count; a++) {
    const rapt__axis *axis = &sweep->grid.axes[a];
    if (!rapt__sweep_varies(sweep, a) || strcmp(axis->key, "seed") == 0) continue;
    varying++;
    found = a;
    for (size_t i = 0; i < axis->count && found == a; i++) {
      char *end;
      double value = strtod(axis->values[i], &end);
      if (end == axis->values[i] || *end || !isfinite(value)) found = sweep->grid.count;
    }
  }
  return varying == 1 ? found : sweep->grid.count;
}

typedef struct point {
  double x, mean, deviation;
} point;

static int by_x(const void *a, const void *b) {
  double x = ((const point *)a)->x, y = ((const point *)b)->x;
  return (x > y) - (x < y);
}

/* Values that were chosen over more than a factor of twenty are meant as factors. */
static bool wants_logarithm(const point *points, size_t count) {
  return points[0].x > 0 && points[count - 1].x / points[0].x > 20;
}

static rapt_status add_lines(rapt_sweep *sweep, rapt__text *out, size_t axis) {
  size_t count = sweep->grid.axes[axis].count;
  point *points = rapt__arena_new(&sweep->arena, count, sizeof *points);
  double *values = rapt__arena_new(&sweep->arena, 4 * count, sizeof *values);
  if (!points || !values) return RAPT_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    rapt__sweep_group g = rapt__sweep_group_of(sweep, i * sweep->seeds);
    points[i] = (point){strtod(sweep->grid.axes[axis].values[i], NULL), g.mean, g.deviation};
  }
  qsort(points, count, sizeof *points, by_x);
  double *x = values, *mean = x + count, *above = mean + count, *below = above + count;
  for (size_t i = 0; i < count; i++) {
    x[i] = points[i].x;
    mean[i] = points[i].mean;
    above[i] = points[i].mean + points[i].deviation;
    below[i] = points[i].mean - points[i].deviation;
  }
  bool several = sweep->seeds > 1;
  rapt__series series[] = {{several ? "mean" : NULL, x, mean, count},
                           {"mean + standard deviation", x, above, count},
                           {"mean − standard deviation", x, below, count}};
  return rapt__svg_plot(out, &(rapt__plot){.title = "Figure",
                                           .x_title = sweep->grid.axes[axis].key,
                                           .log_x = wants_logarithm(points, count),
                                           .series = series,
                                           .count = several ? 3 : 1});
}

static rapt_status add_bars(rapt_sweep *sweep, rapt__text *out) {
  size_t count = sweep->count / sweep->seeds;
  if (count > MOST_BARS) return RAPT_OK;
  const char **labels = rapt__arena_new(&sweep->arena, count, sizeof *labels);
  double *values = rapt__arena_new(&sweep->arena, count, sizeof *values);
  if (!labels || !values) return RAPT_ENOMEM;
  for (size_t i = 0; i < count; i++) {
    values[i] = rapt__sweep_group_of(sweep, i * sweep->seeds).mean;
    if (!(labels[i] = rapt__sweep_label(sweep, i * sweep->seeds))) return RAPT_ENOMEM;
  }
  return rapt__svg_bars(out, &(rapt__bars){.title = sweep->seeds > 1 ? "Mean of the figure" : "Figure",
                                           .labels = labels,
                                           .values = values,
                                           .count = count,
                                           .series_count = 1});
}

/* A row of the report's table of figures for each group of seeds. */
static const char *const (*figures_of(rapt_sweep *sweep))[4] {
  size_t count = sweep->count / sweep->seeds;
  const char *(*rows)[4] = rapt__arena_new(&sweep->arena, count, sizeof *rows);
  for (size_t i = 0; rows && i < count; i++) {
    size_t first = i * sweep->seeds;
    rapt__sweep_group g = rapt__sweep_group_of(sweep, first);
    const rapt_recipe_info *info = rapt_recipe_find(sweep->runs[first].recipe);
    rows[i][0] = rapt__sweep_label(sweep, first);
    rows[i][1] = isfinite(g.deviation) ? rapt__arena_format(&sweep->arena, "%.5g ± %.2g", g.mean, g.deviation)
                 : isfinite(g.mean)    ? rapt__arena_format(&sweep->arena, "%.5g", g.mean)
                                       : "–";
    rows[i][2] = info ? info->paper_figure : "";
    rows[i][3] = g.judged ? rapt__arena_format(&sweep->arena, "%zu of %zu reached", g.reached, g.judged) : "not judged";
    if (!rows[i][0] || !rows[i][1] || !rows[i][3]) rows = NULL;
  }
  return (const char *const(*)[4])rows;
}

static rapt_status write_page(rapt_sweep *sweep, const char *path, const char *table, const char *svg) {
  const rapt_recipe_info *info = sweep->recipe ? rapt_recipe_find(sweep->recipe) : NULL;
  const char *title = info ? rapt__arena_format(&sweep->arena, "Sweep: %s", info->title) : "Recipes verified",
             *environment = rapt__arena_format(&sweep->arena, "rapt %s, %d run%s at a time", rapt_version(),
                                               sweep->jobs, sweep->jobs == 1 ? "" : "s");
  const char *const(*figures)[4] = figures_of(sweep);
  if (!title || !environment || !figures) return RAPT_ENOMEM;
  rapt__report_section sections[2] = {{.heading = "Plot", .svg = svg}, {.heading = "Runs", .verbatim = table}};
  rapt__report report = {.title = title,
                         .paper = info ? info->paper : NULL,
                         .figures = figures,
                         .figure_count = sweep->count / sweep->seeds,
                         .sections = sections + !svg,
                         .section_count = svg ? 2 : 1,
                         .command = sweep->command,
                         .environment = environment};
  return rapt__report_write(sweep->ctx, path, &report);
}

/* Figures of several recipes are of different kinds and have no plot together. */
static rapt_status add_plot(rapt_sweep *sweep, rapt__text *svg) {
  if (!sweep->recipe) return RAPT_OK;
  size_t axis = numeric_axis(sweep);
  return axis < sweep->grid.count ? add_lines(sweep, svg, axis) : add_bars(sweep, svg);
}

static rapt_status save_page(rapt_sweep *sweep) {
  const char *table, *path = rapt__arena_format(&sweep->arena, "%s/sweep.html", sweep->dir);
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt_sweep_text(sweep->ctx, sweep, RAPT_SWEEP_TABLE, &table));
  rapt__text svg;
  rapt__text_init(&svg, sweep->ctx);
  rapt_status status = add_plot(sweep, &svg);
  if (status == RAPT_OK) status = write_page(sweep, path, table, svg.data);
  rapt__text_free(&svg);
  return status;
}

rapt_status rapt_sweep_save(rapt_context *ctx, rapt_sweep *sweep) {
  const char *csv, *path = rapt__arena_format(&sweep->arena, "%s/results.csv", sweep->dir);
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__make_dirs(ctx, sweep->dir));
  RAPT_TRY(rapt_sweep_text(ctx, sweep, RAPT_SWEEP_CSV, &csv));
  RAPT_TRY(rapt__file_replace(ctx, path, csv, strlen(csv)));
  return save_page(sweep);
}
