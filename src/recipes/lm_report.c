/* The report of a language model's training. The curve of the training loss is read back from metrics.jsonl, so that it is
 * whole after a resumed run too. */
#include "recipes/lm_report.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

#include <stdlib.h>
#include <string.h>

typedef struct curve {
  double *x, *y; /* in the run's arena */
  size_t count;
} curve;

enum { POINTS = 400 };

static double field(const char *line, const char *name) {
  const char *at = strstr(line, name);
  return at ? strtod(at + strlen(name), NULL) : 0;
}

static bool room(rapt__run *run, curve *c, size_t lines) {
  c->x = rapt__arena_new(&run->arena, lines, sizeof *c->x);
  c->y = rapt__arena_new(&run->arena, lines, sizeof *c->y);
  return c->x && c->y;
}

/* Steps averaged in at most POINTS groups, and every evaluation. */
static rapt_status read_curves(rapt__run *run, curve *train, curve *valid) {
  char *text;
  size_t size, lines = 1;
  const char *path = rapt__run_path(run, "metrics.jsonl");
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__file_read(run->ctx, path, (size_t)1 << 31, &text, &size));
  for (size_t i = 0; i < size; i++) lines += text[i] == '\n';
  rapt_status status = room(run, train, lines) && room(run, valid, lines) ? RAPT_OK : RAPT_ENOMEM;
  size_t group = lines / POINTS + 1, in_group = 0;
  double sum = 0;
  for (char *line = text; status == RAPT_OK && line && *line;) {
    char *end = strchr(line, '\n');
    if (end) *end = 0;
    double step = field(line, "\"step\": ");
    if (strstr(line, "\"eval_loss\": ")) {
      valid->x[valid->count] = step;
      valid->y[valid->count++] = field(line, "\"eval_loss\": ");
    } else {
      sum += field(line, "\"loss\": ");
      if (++in_group == group) {
        train->x[train->count] = step;
        train->y[train->count++] = sum / (double)group;
        in_group = 0;
        sum = 0;
      }
    }
    line = end ? end + 1 : NULL;
  }
  rapt__free(run->ctx, text);
  return status;
}

rapt_status rapt__lm_report(rapt__run *run, const rapt__trainer *t, const char *const (*figures)[4],
                            size_t figure_count, const char *const *verdicts, size_t verdict_count) {
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
  rapt__report report = {.title = run->recipe->info.title,
                         .paper = run->recipe->info.paper,
                         .about = run->recipe->info.about,
                         .verdicts = verdicts,
                         .verdict_count = verdict_count,
                         .figures = figures,
                         .figure_count = figure_count,
                         .plot_svg = svg.data,
                         .sample = t->sample.size ? t->sample.data : NULL,
                         .settings = settings,
                         .command = command,
                         .environment = environment};
  if (status == RAPT_OK) status = rapt__report_write(ctx, page, &report);
  rapt__text_free(&svg);
  return status;
}
