/* What comes out of gru-music: curves, verdicts, a chorale, the page. */
#include "recipes/gru_music.h"

#include "base/file.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/metrics.h"
#include "train/report.h"

#include <math.h>
#include <string.h>

static const double marks[RAPT__MUSIC_CELLS] = {[RAPT__MUSIC_LSTM] = 8.75, [RAPT__MUSIC_GRU] = 8.60}, lead = 0.1;
static const double level = 8.75; /* nats a frame on validation pieces: who gets there first learns faster */
enum { VERDICTS = 4, LENGTH = 240 };

/* ---- Curves ---- */

static rapt_status count_point(void *user, const rapt__metric *metric) {
  *(size_t *)user += !isnan(metric->eval_loss);
  return RAPT_OK;
}

static rapt_status add_point(void *user, const rapt__metric *metric) {
  rapt__gru_music_net *net = user;
  if (isnan(metric->eval_loss)) return RAPT_OK;
  net->step[net->points] = (double)metric->step;
  net->loss[net->points++] = metric->eval_loss;
  return RAPT_OK;
}

/* Read back from metrics.jsonl, so that they are whole after a resumed run too. */
static rapt_status read_curve(rapt__run *run, rapt__gru_music_net *net) {
  const char *path = rapt__arena_format(&run->arena, "%s/metrics.jsonl", net->dir);
  size_t count = 0;
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__metrics_read(run->ctx, path, count_point, &count));
  net->step = rapt__arena_new(&run->arena, count + 1, sizeof *net->step);
  net->loss = rapt__arena_new(&run->arena, count + 1, sizeof *net->loss);
  return net->step && net->loss ? rapt__metrics_read(run->ctx, path, add_point, net) : RAPT_ENOMEM;
}

rapt_status rapt__gru_music_curves(rapt__gru_music *m) {
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) {
    rapt__gru_music_net *net = &m->nets[c];
    RAPT_TRY(read_curve(m->run, net));
    net->reach = -1;
    for (size_t i = 0; i < net->points && net->reach < 0; i++)
      if (net->loss[i] <= level) net->reach = (int64_t)net->step[i];
    net->reach_seconds = net->trainer.seconds * (double)net->reach / (double)net->trainer.step;
  }
  return RAPT_OK;
}

static rapt_status draw_curves(rapt__gru_music *m, rapt__text *svg) {
  rapt__series series[RAPT__MUSIC_CELLS];
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++)
    series[c] = (rapt__series){m->nets[c].name, m->nets[c].step, m->nets[c].loss, m->nets[c].points};
  rapt__plot plot = {.x_title = "updates",
                     .y_title = "validation loss (nats a frame)",
                     .log_x = true,
                     .series = series,
                     .count = RAPT__MUSIC_CELLS};
  return rapt__svg_plot(svg, &plot);
}

/* ---- The chorale ---- */

static const char *name_of_note(rapt__run *run, int64_t note) {
  static const char *const names[] = {"C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"};
  int64_t midi = RAPT_ROLL_LOWEST + note;
  return rapt__arena_format(&run->arena, "%s%lld", names[midi % 12], (long long)(midi / 12 - 1));
}

/* The notes from the lowest to the highest that sounds, the highest above. */
static rapt_status draw_roll(rapt__run *run, const rapt_roll *roll, rapt__text *svg) {
  int64_t low = RAPT_ROLL_NOTES, high = -1;
  for (int64_t i = 0; i < roll->frames * RAPT_ROLL_NOTES; i++) {
    int64_t n = i % RAPT_ROLL_NOTES;
    if (!roll->sounds[i]) continue;
    if (n < low) low = n;
    if (n > high) high = n;
  }
  if (high < 0) low = 0, high = RAPT_ROLL_NOTES - 1;
  int64_t rows = high - low + 1;
  double *values = rapt__arena_new(&run->arena, (size_t)(rows * roll->frames), sizeof *values);
  const char **labels = rapt__arena_new(&run->arena, (size_t)rows, sizeof *labels);
  if (!values || !labels) return RAPT_ENOMEM;
  for (int64_t r = 0; r < rows; r++) {
    labels[r] = name_of_note(run, high - r);
    if (!labels[r]) return RAPT_ENOMEM;
    for (int64_t t = 0; t < roll->frames; t++)
      values[r * roll->frames + t] = roll->sounds[t * RAPT_ROLL_NOTES + high - r];
  }
  rapt__heat heat = {.row_title = "note",
                     .column_title = "time in quarter notes",
                     .row_labels = labels,
                     .values = values,
                     .rows = (size_t)rows,
                     .columns = (size_t)roll->frames,
                     .low = 0,
                     .high = 1};
  return rapt__svg_heat(svg, &heat);
}

/* chorale.mid, and its picture. The run directory becomes the model directory of the net that wrote it. */
static rapt_status write_chorale(rapt__gru_music *m, rapt__text *svg) {
  rapt__run *run = m->run;
  rapt_model *model = m->nets[RAPT__MUSIC_GRU].model;
  rapt_music_options options = {.frames = m->settings->frames, .temperature = 1, .seed = (uint64_t)run->common.seed};
  const char *path = rapt__run_path(run, "chorale.mid");
  rapt_roll *roll;
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt_model_save(model, run->common.out));
  RAPT_TRY(rapt_music_generate(model, &options, &roll));
  rapt_status status = rapt_roll_save(run->ctx, roll, m->settings->tempo, path);
  if (status == RAPT_OK) status = draw_roll(run, roll, svg);
  rapt_roll_free(run->ctx, roll);
  return status;
}

/* ---- Verdicts ---- */

static void judge(rapt__gru_music *m, char lines[VERDICTS][LENGTH]) {
  rapt__run *run = m->run;
  const rapt__gru_music_net *tanh = &m->nets[RAPT__MUSIC_TANH], *lstm = &m->nets[RAPT__MUSIC_LSTM],
                            *gru = &m->nets[RAPT__MUSIC_GRU];
  rapt_run_result *result = run->result;
  bool reached =
      gru->test <= marks[RAPT__MUSIC_GRU] && lstm->test <= marks[RAPT__MUSIC_LSTM] && tanh->test >= gru->test + lead;
  result->figure = gru->test;
  result->passed = !run->changed && reached;
  snprintf(lines[0], LENGTH, "pass mark: GRU at most %.2f, LSTM at most %.2f, tanh at least GRU + %.1f: %s",
           marks[RAPT__MUSIC_GRU], marks[RAPT__MUSIC_LSTM], lead,
           run->changed ? "not judged, as settings were changed" : (reached ? "reached" : "missed"));
  snprintf(lines[1], LENGTH,
           "gated units do better than tanh units on test pieces (%.3f GRU, %.3f LSTM, %.3f tanh): %s", gru->test,
           lstm->test, tanh->test, rapt__judged(gru->test < tanh->test && lstm->test < tanh->test));
}

/* "400 updates (3.1 s)" or "never". */
static const char *reach_text(rapt__run *run, const rapt__gru_music_net *net) {
  if (net->reach < 0) return "never";
  const char *text = rapt__arena_format(&run->arena, "%lld updates, %.1f s", (long long)net->reach, net->reach_seconds);
  return text ? text : "";
}

/* A sentence for each gated net. */
static void judge_speed(rapt__gru_music *m, char lines[VERDICTS][LENGTH]) {
  const rapt__gru_music_net *tanh = &m->nets[RAPT__MUSIC_TANH];
  for (int c = RAPT__MUSIC_LSTM; c <= RAPT__MUSIC_GRU; c++) {
    const rapt__gru_music_net *net = &m->nets[c];
    bool never = tanh->reach < 0, updates = net->reach >= 0 && (never || net->reach < tanh->reach);
    bool time = net->reach >= 0 && (never || net->reach_seconds < tanh->reach_seconds);
    snprintf(lines[c - RAPT__MUSIC_LSTM], LENGTH,
             "%s units learn faster: a validation loss of %.2f takes %s, tanh units %s: in updates %s, in time %s",
             net->name, level, reach_text(m->run, net), reach_text(m->run, tanh), rapt__judged(updates),
             rapt__judged(time));
  }
}

static void say_net(rapt__gru_music *m, const rapt__gru_music_net *net) {
  char test[40] = "";
  if (m->settings->test) snprintf(test, sizeof test, ", test %.3f", net->test);
  rapt__run_say(m->run, RAPT_EVENT_RESULT,
                "%-5s validation %.3f%s nats a frame (update %lld of %lld, %.0f s, %lld parameters)", net->name,
                net->valid, test, (long long)net->trainer.best_step, (long long)net->trainer.step, net->trainer.seconds,
                (long long)rapt_params_size(net->model->params));
}

static rapt_status write_page(rapt__gru_music *m, const char *const *verdicts, size_t count, const char *curves,
                              const char *roll) {
  rapt__run *run = m->run;
  const char *test[RAPT__MUSIC_CELLS], *independent, *markov, **settings = rapt__run_settings(run);
  double seconds = 0;
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) {
    test[c] = m->settings->test ? rapt__arena_format(&run->arena, "%.3f", m->nets[c].test) : "not read";
    seconds += m->nets[c].trainer.seconds;
    if (!test[c]) return RAPT_ENOMEM;
  }
  independent = m->settings->test ? rapt__arena_format(&run->arena, "%.2f", m->independent) : "not read";
  markov = m->settings->test ? rapt__arena_format(&run->arena, "%.2f", m->markov) : "not read";
  const char *environment = rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s", rapt_version(),
                                               rapt__kernels()->name, rapt_context_threads(run->ctx), seconds);
  const char *page = rapt__run_path(run, "report.html"), *picture = rapt__run_path(run, "loss.svg");
  if (!settings || !environment || !page || !picture || !independent || !markov) return RAPT_ENOMEM;
  RAPT_TRY(rapt__file_replace(run->ctx, picture, curves, strlen(curves)));
  const char *const figures[][4] = {{"test nats a frame, GRU", test[RAPT__MUSIC_GRU], "8.54", "at most 8.60"},
                                    {"test nats a frame, LSTM", test[RAPT__MUSIC_LSTM], "8.67", "at most 8.75"},
                                    {"test nats a frame, tanh", test[RAPT__MUSIC_TANH], "9.10", "GRU + 0.1 or more"},
                                    {"each note counted on its own", independent, "", ""},
                                    {"each note given whether it sounded before", markov, "", ""}};
  const rapt__report_section section = {
      .heading = "A chorale", .text = "Written by the GRU net, note by note; hear it: chorale.mid.", .svg = roll};
  rapt__report report = {.title = run->recipe->info.title,
                         .paper = run->recipe->info.paper,
                         .about = run->recipe->info.about,
                         .verdicts = verdicts,
                         .verdict_count = count,
                         .figures = figures,
                         .figure_count = sizeof figures / sizeof *figures,
                         .plot_svg = curves,
                         .sections = &section,
                         .section_count = 1,
                         .settings = settings,
                         .command = "rapt train gru-music",
                         .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}

rapt_status rapt__gru_music_finish(rapt__gru_music *m) {
  rapt__run *run = m->run;
  char lines[VERDICTS][LENGTH];
  const char *verdicts[VERDICTS];
  size_t count = 0;
  rapt__text curves, roll;
  rapt__text_init(&curves, run->ctx);
  rapt__text_init(&roll, run->ctx);
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) say_net(m, &m->nets[c]);
  if (m->settings->test) {
    rapt__run_say(run, RAPT_EVENT_RESULT, "counted: each note on its own %.2f, given whether it sounded before %.2f",
                  m->independent, m->markov);
    judge(m, lines);
    count = 2;
  }
  judge_speed(m, lines + count);
  count += 2;
  for (size_t i = 0; i < count; i++) {
    verdicts[i] = lines[i];
    rapt__run_say(run, RAPT_EVENT_RESULT, "%s", lines[i]);
  }
  rapt_status status = draw_curves(m, &curves);
  if (status == RAPT_OK) status = write_chorale(m, &roll);
  if (status == RAPT_OK) status = write_page(m, verdicts, count, curves.data, roll.data);
  rapt__text_free(&curves);
  rapt__text_free(&roll);
  return status;
}
