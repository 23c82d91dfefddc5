/* A contest: every optimizer with every rate of its grid, on the same batches; the best rate of each counts. */
#include "recipes/adam.h"

#include "formats/svg.h"

#include <math.h>

/* The customary rate of each as half decades. The grids lie around them and were fixed before the first run. */
typedef struct contender {
  const char *name;
  rapt_update_options o;
  int centre;
} contender;

static const contender contenders[RAPT__ADAM_METHODS] = {
    [RAPT__ADAM_NESTEROV] = {"sgd-nesterov", {.method = RAPT_SGD, .momentum = 0.9, .nesterov = true}, -3},
    [RAPT__ADAM_ADAGRAD] = {"adagrad", {.method = RAPT_ADAGRAD, .eps = 1e-10}, -4},
    [RAPT__ADAM_RMSPROP] = {"rmsprop", {.method = RAPT_RMSPROP, .beta2 = 0.99, .eps = 1e-8}, -6},
    [RAPT__ADAM_ADADELTA] = {"adadelta", {.method = RAPT_ADADELTA, .beta2 = 0.9, .eps = 1e-6}, 0},
    [RAPT__ADAM_ADAMAX] = {"adamax", {.method = RAPT_ADAMAX, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}, -5},
    [RAPT__ADAM_ADAM] = {"adam", {.method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}, -6}};

double rapt__adam_rate(int half_decades) {
  double decades = floor(half_decades / 2.0);
  return pow(10, decades) * (half_decades % 2 ? 3 : 1);
}

int64_t rapt__adam_contest_updates(const rapt__adam_contest *c) {
  return c->method_count * (2 * c->reach + 1) * c->passes * c->problem->batches;
}

/* The curve so far of one trial. */
typedef struct course {
  double *pass, *loss;
  size_t count;
} course;

/* The trial of one rate, whose rate falls as one over the root of the pass. A loss that is not finite ends it. */
static rapt_status run_rate(rapt__adam *a, const rapt__adam_contest *c, int method, double rate, rapt__adam_trial *t,
                            course *line) {
  int64_t batches = c->problem->batches, points = c->points < batches ? c->points : batches;
  for (int64_t pass = 1; pass <= c->passes; pass++) {
    double sum = 0, lr = rate / sqrt((double)pass), loss = 0;
    for (int64_t b = 0, begin = 0, point = 1; b < batches; b++) {
      RAPT_TRY(rapt__adam_update(a, t, c->experiment, pass, b, lr, &loss));
      sum += loss;
      if (!isfinite(loss)) {
        rapt__adam_skip(a, c->problem, (c->passes - pass + 1) * batches - b - 1);
        sum = HUGE_VAL;
      } else if (b + 1 < point * batches / points) {
        continue;
      }
      double at = (double)(pass - 1) + (double)(b + 1) / (double)batches;
      line->pass[line->count] = at;
      line->loss[line->count++] = sum / (double)(b + 1 - begin);
      RAPT_TRY(rapt__adam_curve(a, c->experiment, contenders[method].name, rate, at, line->loss[line->count - 1]));
      if (!isfinite(loss)) return RAPT_OK;
      sum = 0;
      begin = b + 1;
      point++;
    }
  }
  return RAPT_OK;
}

static rapt_status try_rate(rapt__adam *a, rapt__adam_contest *c, int method, int step) {
  rapt__adam_best *best = &c->best[method];
  double rate = rapt__adam_rate(contenders[method].centre + step), average = method == RAPT__ADAM_ADAM ? c->average : 0;
  size_t room = (size_t)(c->passes * c->points);
  course line = {rapt__arena_new(&a->run->arena, room, sizeof(double)),
                 rapt__arena_new(&a->run->arena, room, sizeof(double)), 0};
  if (!line.pass || !line.loss) return RAPT_ENOMEM;
  rapt__adam_trial t;
  rapt_status status = rapt__adam_trial_begin(c->problem, &contenders[method].o, average, &t);
  if (status == RAPT_OK) status = run_rate(a, c, method, rate, &t, &line);
  double final = line.count ? line.loss[line.count - 1] : HUGE_VAL, last = NAN, mean = NAN;
  if (status == RAPT_OK && average > 0 && isfinite(final)) {
    status = rapt__adam_trial_measure(&t, false, &last);
    if (status == RAPT_OK) status = rapt__adam_trial_measure(&t, true, &mean);
  }
  rapt__adam_trial_free(&t);
  if (status != RAPT_OK) return status;
  if (!best->entered || final < best->final)
    *best = (rapt__adam_best){.entered = true,
                              .edge = step == -c->reach || step == c->reach,
                              .rate = rate,
                              .final = final,
                              .pass = line.pass,
                              .loss = line.loss,
                              .count = line.count,
                              .last = last,
                              .averaged = mean};
  return RAPT_OK;
}

rapt_status rapt__adam_contest_run(rapt__adam *a, rapt__adam_contest *c) {
  for (int m = 0; m < c->method_count; m++) {
    for (int step = -c->reach; step <= c->reach; step++) RAPT_TRY(try_rate(a, c, c->methods[m], step));
    const rapt__adam_best *best = &c->best[c->methods[m]];
    rapt__run_say(a->run, RAPT_EVENT_RESULT, "%s: %-12s best rate %-6g loss %.4f%s", c->experiment,
                  contenders[c->methods[m]].name, best->rate, best->final,
                  best->edge ? " (the rate lies on the edge of its grid)" : "");
  }
  return RAPT_OK;
}

rapt_status rapt__adam_contest_section(rapt__adam *a, const rapt__adam_contest *c, const char *heading,
                                       const char *text) {
  rapt__arena *arena = &a->run->arena;
  rapt__series series[RAPT__ADAM_METHODS];
  const char **rows = rapt__arena_new(arena, RAPT__ADAM_METHODS + 1, sizeof *rows), *svg;
  if (!rows) return RAPT_ENOMEM;
  for (int m = 0; m < c->method_count; m++) {
    const contender *who = &contenders[c->methods[m]];
    const rapt__adam_best *best = &c->best[c->methods[m]];
    char *label = rapt__arena_format(arena, "%s %g", who->name, best->rate);
    rows[m] = rapt__arena_format(arena, "%s=%.4f with the rate %g%s", who->name, best->final, best->rate,
                                 best->edge ? ", on the edge of its grid" : "");
    if (!label || !rows[m]) return RAPT_ENOMEM;
    series[m] = (rapt__series){label, best->pass, best->loss, best->count};
  }
  rapt__plot plot = {.x_title = "passes over the training set",
                     .y_title = "training loss (nats)",
                     .log_y = true,
                     .series = series,
                     .count = (size_t)c->method_count};
  char *file = rapt__arena_format(arena, "%s.svg", c->experiment);
  if (!file) return RAPT_ENOMEM;
  RAPT_TRY(rapt__adam_plot(a, file, &plot, &svg));
  a->sections[a->section_count++] = (rapt__adam_section){.heading = heading, .text = text, .svg = svg, .rows = rows};
  return RAPT_OK;
}
