/* Lines, settings and the page of the recipe fairseq-toolkit. */
#include "recipes/toolkit.h"

#include "base/file.h"
#include "formats/svg.h"
#include "recipes/lm_report.h"

#include <string.h>

void rapt__toolkit_bar_add(rapt__toolkit *t, const char *what, double measured, double mark) {
  t->bars[t->bar_count++] = (rapt__toolkit_bar){what, measured, mark};
}

void rapt__toolkit_reset(rapt__toolkit *t, const real *values) {
  rapt_params *params = t->net.model->params;
  memcpy(params->values, values, (size_t)params->extent * sizeof *values);
  for (int i = 0; i < RAPT__STATES; i++)
    if (params->state[i]) memset(params->state[i], 0, (size_t)params->extent * sizeof(real));
}

rapt_status rapt__toolkit_settings_of(rapt__run *run, const char *const *changes, rapt__train_settings *out) {
  *out = run->train;
  rapt__config config = {rapt__train_keys, out};
  for (; *changes; changes++)
    RAPT_TRY(rapt__config_set(run->ctx, &run->arena, &config, 1, *changes, NULL, run->recipe->info.id));
  return RAPT_OK;
}

bool rapt__toolkit_stopped(const rapt__toolkit *t) { return atomic_load(&t->run->ctx->interrupted); }

static rapt_status draw(rapt__toolkit *t, rapt__text *svg) {
  static const char *const series[] = {"measured", "asked for"};
  const char *labels[RAPT__TOOLKIT_BARS];
  double values[RAPT__TOOLKIT_BARS][2];
  for (size_t i = 0; i < t->bar_count; i++) {
    labels[i] = t->bars[i].what;
    values[i][0] = t->bars[i].measured;
    values[i][1] = t->bars[i].mark;
  }
  rapt__bars bars = {.title = "How many times as fast",
                     .x_title = "times",
                     .labels = labels,
                     .series = series,
                     .values = &values[0][0],
                     .count = t->bar_count,
                     .series_count = 2};
  const char *path = rapt__run_path(t->run, "speed.svg");
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__svg_bars(svg, &bars));
  return rapt__file_replace(t->run->ctx, path, svg->data, svg->size);
}

rapt_status rapt__toolkit_report(rapt__toolkit *t) {
  rapt__run *run = t->run;
  const char *(*figures)[4] = rapt__arena_new(&run->arena, t->bar_count + 1, sizeof *figures);
  if (!figures) return RAPT_ENOMEM;
  for (size_t i = 0; i < t->bar_count; i++) {
    figures[i][0] = t->bars[i].what;
    figures[i][1] = rapt__arena_format(&run->arena, "%.2f ×", t->bars[i].measured);
    figures[i][2] = "";
    figures[i][3] = rapt__arena_format(&run->arena, "at least %.1f ×", t->bars[i].mark);
    if (!figures[i][1] || !figures[i][3]) return RAPT_ENOMEM;
  }
  rapt__text svg;
  rapt__text_init(&svg, run->ctx);
  rapt_status status = draw(t, &svg);
  const rapt__report_section sections[] = {
      {.heading = "Speed",
       .text =
           "Batches and decoding: processor time; threads: time by the clock, beside two loops that need no memory, "
           "which tell whether two cores were free.",
       .svg = svg.data}};
  rapt__report parts = {.verdicts = t->findings.lines,
                        .verdict_count = t->findings.count,
                        .figures = (const char *const(*)[4])figures,
                        .figure_count = t->bar_count,
                        .sections = sections,
                        .section_count = 1};
  if (status == RAPT_OK) status = rapt__training_report(run, &t->net.trainer, &parts);
  rapt__text_free(&svg);
  return status;
}
