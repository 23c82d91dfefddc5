/* Lines, pictures and the page of the recipe birnn. */
#include "recipes/birnn.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

rapt_status rapt__birnn_row(rapt__birnn_run *b, const rapt__birnn_task *task, const char *net, int64_t delay,
                            double error) {
  rapt__run_say(b->run, RAPT_EVENT_RESULT, "%-10s %-16s delay %2lld  error %.4g", task->name, net, (long long)delay,
                error);
  return rapt__text_addf(&b->csv, "%s,%s,%lld,%.6g\n", task->name, net, (long long)delay, error);
}

rapt_status rapt__birnn_curve(rapt__birnn_run *b, const rapt__birnn_section *section, const char *file,
                              const char *y_title, bool log_y, const double *delays, const double *errors, size_t count,
                              const rapt__birnn_level *levels, size_t level_count) {
  rapt__run *run = b->run;
  rapt__series *series = rapt__arena_new(&run->arena, level_count + 1, sizeof *series);
  double *ends =
      rapt__arena_new(&run->arena, 2 * level_count + 2, sizeof *ends); /* the axis' ends, then levels twice */
  const char **rows = rapt__arena_new(&run->arena, count + level_count + 1, sizeof *rows);
  const char *path = rapt__run_path(run, file);
  if (!series || !ends || !rows || !path) return RAPT_ENOMEM;
  series[0] = (rapt__series){"forward, delayed", delays, errors, count};
  ends[0] = delays[0];
  ends[1] = delays[count - 1];
  for (size_t i = 0; i < count; i++)
    rows[i] = rapt__arena_format(&run->arena, "forward with a delay of %g frames=%.4g", delays[i], errors[i]);
  for (size_t i = 0; i < level_count; i++) {
    double *level = ends + 2 + 2 * i;
    level[0] = level[1] = levels[i].error;
    series[i + 1] = (rapt__series){levels[i].name, ends, level, 2};
    rows[count + i] = rapt__arena_format(&run->arena, "%s=%.4g", levels[i].name, levels[i].error);
  }
  for (size_t i = 0; i < count + level_count; i++)
    if (!rows[i]) return RAPT_ENOMEM;
  rapt__plot plot = {.x_title = "delay of the answer (frames)",
                     .y_title = y_title,
                     .log_y = log_y,
                     .series = series,
                     .count = level_count + 1};
  rapt__birnn_section *out = &b->sections[b->section_count++];
  rapt__text svg;
  rapt__text_init(&svg, run->ctx);
  *out = *section;
  out->rows = rows;
  rapt_status status = rapt__svg_plot(&svg, &plot);
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, path, svg.data, svg.size);
  if (status == RAPT_OK && !(out->svg = rapt__arena_strdup(&run->arena, svg.data))) status = RAPT_ENOMEM;
  rapt__text_free(&svg);
  return status;
}

rapt_status rapt__birnn_report(rapt__birnn_run *b) {
  rapt__run *run = b->run;
  rapt__report_section sections[RAPT__BIRNN_SECTIONS];
  for (size_t i = 0; i < b->section_count; i++)
    sections[i] = (rapt__report_section){.heading = b->sections[i].heading,
                                         .text = b->sections[i].text,
                                         .svg = b->sections[i].svg,
                                         .rows = b->sections[i].rows};
  const char *page = rapt__run_path(run, "report.html"), *csv = rapt__run_path(run, "errors.csv");
  const char **settings = rapt__run_settings(run);
  const char *environment =
      rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(), rapt__kernels()->name,
                         rapt_context_threads(run->ctx), rapt__now() - b->begun);
  if (!page || !csv || !settings || !environment) return RAPT_ENOMEM;
  RAPT_TRY(rapt__file_replace(run->ctx, csv, b->csv.data, b->csv.size));
  rapt__report report = {.title = run->recipe->info.title,
                         .paper = run->recipe->info.paper,
                         .about = run->recipe->info.about,
                         .verdicts = b->findings.lines,
                         .verdict_count = b->findings.count,
                         .sections = sections,
                         .section_count = b->section_count,
                         .settings = settings,
                         .command = "rapt train birnn",
                         .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}
