/* The page of the recipe reber: how many runs have solved the task after how many strings, and what cells hold on the way through
 * one string. */
#include "recipes/reber.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/report.h"

#include <string.h>

static rapt_status keep(rapt__run *run, const char *file, rapt__text *svg, rapt_status status, const char **out) {
  const char *path = rapt__run_path(run, file);
  if (status == RAPT_OK) status = path ? rapt__file_replace(run->ctx, path, svg->data, svg->size) : RAPT_ENOMEM;
  if (status == RAPT_OK && !(*out = rapt__arena_strdup(&run->arena, svg->data))) status = RAPT_ENOMEM;
  rapt__text_free(svg);
  return status;
}

/* A staircase: runs of a method that have solved the task, over strings. */
static rapt_status staircase(rapt__run *run, const rapt__reber_settings *s, const rapt__reber_trial *trials,
                             rapt__series *out) {
  size_t tests = (size_t)((s->sequences + s->check - 1) / s->check);
  double *x = rapt__arena_new(&run->arena, tests + 1, sizeof *x),
         *y = rapt__arena_new(&run->arena, tests + 1, sizeof *y);
  if (!x || !y) return RAPT_ENOMEM;
  for (size_t i = 0; i <= tests; i++) {
    x[i] = (double)((int64_t)i * s->check < s->sequences ? (int64_t)i * s->check : s->sequences);
    for (int64_t k = 0; k < s->seeds; k++) y[i] += trials[k].solved && (double)trials[k].sequences <= x[i];
  }
  *out = (rapt__series){rapt__reber_method_names[trials->method], x, y, tests + 1};
  return RAPT_OK;
}

static rapt_status success_plot(rapt__run *run, const rapt__reber_settings *s, const rapt__reber_trial *trials,
                                const char **svg) {
  rapt__series series[RAPT__REBER_METHODS];
  for (int m = 0; m < RAPT__REBER_METHODS; m++) RAPT_TRY(staircase(run, s, trials + m * s->seeds, &series[m]));
  rapt__text text;
  rapt__text_init(&text, run->ctx);
  const rapt__plot plot = {.x_title = "strings learnt from",
                           .y_title = "runs that have solved it",
                           .series = series,
                           .count = RAPT__REBER_METHODS};
  rapt_status status = rapt__svg_plot(&text, &plot);
  return keep(run, "success.svg", &text, status, svg);
}

/* The states of the cells of the first LSTM through a test string, and through the same with the other T or P. */
static rapt_status state_plot(rapt__run *run, rapt__reber_trial *trial, const char **svg, const char **about) {
  enum { LONG_ENOUGH = 14, T = 1, P = 2 };
  rapt__arena *arena = &run->arena;
  rapt__lstm1997 *net = &trial->lstm;
  int cells = net->shape.blocks * net->shape.cells;
  int64_t chosen = 0;
  for (int64_t i = 0; i < trial->settings->strings && trial->sets->test[chosen].length < LONG_ENOUGH; i++)
    if (trial->sets->test[i].length > trial->sets->test[chosen].length) chosen = i;
  rapt__reber_string pair[2] = {trial->sets->test[chosen], trial->sets->test[chosen]};
  int steps = pair[0].length - 1;
  uint8_t other = (uint8_t)(T + P - pair[0].symbol[1]);
  pair[1].symbol[1] = pair[1].symbol[pair[1].length - 2] = other;
  double *values = rapt__arena_new(arena, (size_t)(2 * cells * steps), sizeof *values);
  const char **rows = rapt__arena_new(arena, (size_t)(2 * cells), sizeof *rows);
  const char **columns = rapt__arena_new(arena, (size_t)steps, sizeof *columns);
  char letters[RAPT__REBER_LONGEST + 1];
  if (!values || !rows || !columns) return RAPT_ENOMEM;
  for (int i = 0; i < 2; i++) {
    rapt__reber_states(net, &pair[i], values + i * cells * steps);
    for (int c = 0; c < cells; c++)
      if (!(rows[i * cells + c] =
                rapt__arena_format(arena, "cell %d after %s", c + 1, pair[i].symbol[1] == T ? "T" : "P")))
        return RAPT_ENOMEM;
  }
  rapt__reber_letters(&pair[0], letters);
  for (int t = 0; t < steps; t++)
    if (!(columns[t] = rapt__arena_format(arena, "%c", t == 1 || t == steps - 1 ? '*' : letters[t])))
      return RAPT_ENOMEM;
  *about =
      rapt__arena_format(arena,
                         "States s of the cells of the first LSTM (seed %llu, %s) after each letter of %s: above with "
                         "its own second letter, below with the other one of T and P (* in the picture). Cells whose "
                         "rows differ up to the end hold what has to be remembered.",
                         (unsigned long long)trial->seed,
                         trial->solved ? "which has solved the task" : "which has not solved the task", letters);
  if (!*about) return RAPT_ENOMEM;
  rapt__text text;
  rapt__text_init(&text, run->ctx);
  const rapt__heat heat = {.row_labels = rows,
                           .column_labels = columns,
                           .values = values,
                           .rows = (size_t)(2 * cells),
                           .columns = (size_t)steps};
  rapt_status status = rapt__svg_heat(&text, &heat);
  return keep(run, "states.svg", &text, status, svg);
}

static rapt_status success_rows(rapt__run *run, const rapt__reber_settings *s, const rapt__reber_trial *trials,
                                const char **rows) {
  for (int m = 0; m < RAPT__REBER_METHODS; m++) {
    int64_t solved = 0;
    for (int64_t k = 0; k < s->seeds; k++) solved += trials[m * s->seeds + k].solved;
    const rapt__reber_trial *first = &trials[m * s->seeds];
    int weights =
        first->lstm.weights ? rapt__lstm1997_weight_count(&first->lstm) : rapt__plain_rnn_weight_count(&first->plain);
    rows[m] = rapt__arena_format(&run->arena, "%s, %d weights=%.0f %% of %lld runs", rapt__reber_method_names[m],
                                 weights, 100 * (double)solved / (double)s->seeds, (long long)s->seeds);
    if (!rows[m]) return RAPT_ENOMEM;
  }
  rows[RAPT__REBER_METHODS] = NULL;
  return RAPT_OK;
}

rapt_status rapt__reber_report(rapt__run *run, const rapt__reber_settings *s, rapt__reber_trial *trials,
                               const char *const *lines, size_t line_count, double seconds) {
  const char *success, *states, *about, *rows[RAPT__REBER_METHODS + 1];
  RAPT_TRY(success_plot(run, s, trials, &success));
  RAPT_TRY(state_plot(run, &trials[RAPT__REBER_LSTM_2 * s->seeds], &states, &about));
  RAPT_TRY(success_rows(run, s, trials, rows));
  const rapt__report_section sections[] = {
      {.heading = "Runs that solve it",
       .text =
           "A run has solved the task at the first test in which every string is right: each letter that may follow "
           "has a larger output than each that may not, at every place.",
       .svg = success,
       .rows = rows},
      {.heading = "Cells on the way through a string", .text = about, .svg = states}};
  const char *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run);
  const char *environment = rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(),
                                               rapt__kernels()->name, rapt_context_threads(run->ctx), seconds);
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  const rapt__report report = {.title = run->recipe->info.title,
                               .paper = run->recipe->info.paper,
                               .about = run->recipe->info.about,
                               .verdicts = lines,
                               .verdict_count = line_count,
                               .sections = sections,
                               .section_count = sizeof sections / sizeof *sections,
                               .settings = settings,
                               .command = "rapt train reber",
                               .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}
