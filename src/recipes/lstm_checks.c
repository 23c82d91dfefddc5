/* Gradients of recurrent cells in every way that the tutorials teach, held against each other and against the engine; and the
 * delay differential equation that an RNN comes from. */
#include "recipes/lstm_tutorials.h"

#include "base/rng.h"
#include "explain/recurrent/delay.h"
#include "explain/recurrent/engine.h"

#include <math.h>
#include <string.h>

enum { STEPS = 12, STREAM_WEIGHTS = 11, STREAM_INPUTS, STREAM_LOSS, STREAM_STATE, STREAM_DELAY };
static const double most_difference = 1e-6, most_rtrl = 1e-9, most_engine = 1e-5;

static const struct {
  const char *name;
  rapt__plain_cell cell;
} cells[] = {
    {"tanh RNN", {.kind = RAPT__PLAIN_RNN, .inputs = 3, .units = 6}},
    {"RNN of the delay equation", {.kind = RAPT__PLAIN_DELAY, .inputs = 3, .units = 6}},
    {"LSTM 1997", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5, .no_forget = true}},
    {"LSTM with forget gate", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5}},
    {"LSTM with peepholes", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5, .peepholes = true}},
    {"LSTM with projection", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5, .projection = 3}},
    {"LSTM with a window of inputs", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5, .window = 3}},
    {"LSTM with external input gate", {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5, .external = true}},
    {"augmented LSTM",
     {.kind = RAPT__PLAIN_LSTM,
      .inputs = 3,
      .units = 5,
      .peepholes = true,
      .external = true,
      .projection = 3,
      .window = 3}},
    {"GRU", {.kind = RAPT__PLAIN_GRU, .inputs = 3, .units = 5}},
};
enum { CELLS = sizeof cells / sizeof *cells };

double *rapt__lstm_normal(rapt__arena *arena, uint64_t seed, uint64_t stream, size_t count) {
  double *at = rapt__arena_new(arena, count, sizeof *at);
  for (size_t i = 0; at && i < count; i++) at[i] = rapt__rng_normal(seed, stream << 32, i);
  return at;
}

static rapt_status draw(rapt__arena *arena, uint64_t seed, const rapt__plain_cell *cell, size_t steps,
                        rapt__plain_sequence *s) {
  double *theta = rapt__lstm_normal(arena, seed, STREAM_WEIGHTS, cell->count);
  *s = (rapt__plain_sequence){
      .cell = cell,
      .theta = theta,
      .steps = steps,
      .x = rapt__lstm_normal(arena, seed, STREAM_INPUTS, (steps + cell->window - 1) * cell->inputs),
      .d_out = rapt__lstm_normal(arena, seed, STREAM_LOSS, steps * cell->out),
      .start = rapt__lstm_normal(arena, seed, STREAM_STATE, cell->state)};
  for (size_t k = 0; theta && k < cell->count; k++) theta[k] *= 0.5;
  return s->theta && s->x && s->d_out && s->start ? RAPT_OK : RAPT_ENOMEM;
}

/* The largest difference in units of the largest element of b; NaN where one is not a number. */
static double distance(const double *a, const double *b, size_t n) {
  double worst = 0, largest = 0;
  for (size_t i = 0; i < n; i++) {
    double off = fabs(a[i] - b[i]);
    if (!(off <= worst)) worst = off;
    largest = fmax(largest, fabs(b[i]));
  }
  return worst / largest;
}

typedef struct errors {
  double difference, rtrl, engine; /* NaN: the engine has no such cell */
} errors;

static rapt_status compare_engine(rapt__arena *arena, const rapt__plain_sequence *s, const rapt__plain_run *run,
                                  const double *gradient, double *off) {
  const rapt__plain_cell *cell = s->cell;
  size_t n = s->steps * cell->out;
  double *out = rapt__arena_new(arena, 2 * n, sizeof *out), *got = rapt__arena_new(arena, cell->count, sizeof *got);
  if (!out || !got) return RAPT_ENOMEM;
  for (size_t t = 0; t < s->steps; t++)
    memcpy(out + n + t * cell->out, run->states + (t + 1) * cell->state, cell->out * sizeof *out);
  RAPT_TRY(rapt__plain_engine(arena, s, out, got));
  double a = distance(out, out + n, n), b = distance(got, gradient, cell->count);
  *off = a > b || isnan(a) ? a : b;
  return RAPT_OK;
}

static rapt_status check_cell(rapt__arena *arena, uint64_t seed, const rapt__plain_cell *sizes, errors *e) {
  rapt__plain_cell cell = *sizes;
  rapt__plain_sequence s;
  rapt__plain_run run;
  rapt__plain_init(&cell);
  RAPT_TRY(draw(arena, seed, &cell, STEPS, &s));
  double *back = rapt__arena_new(arena, cell.count, sizeof *back),
         *ahead = rapt__arena_new(arena, cell.count, sizeof *ahead);
  if (!back || !ahead) return RAPT_ENOMEM;
  RAPT_TRY(rapt__plain_forward(arena, &s, &run));
  RAPT_TRY(rapt__plain_bptt(arena, &s, &run, 0, back));
  RAPT_TRY(rapt__plain_differences(arena, &s, back, 1, &e->difference));
  RAPT_TRY(rapt__plain_rtrl(arena, &s, ahead));
  e->rtrl = distance(ahead, back, cell.count);
  if (cell.kind == RAPT__PLAIN_DELAY) return RAPT_OK;
  return compare_engine(arena, &s, &run, back, &e->engine);
}

static double worse(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmax(a, b); }

static rapt_status check_gradients(rapt__lstm *l, rapt__arena *arena) {
  const char **rows = rapt__arena_new(&l->run->arena, CELLS + 1, sizeof *rows);
  errors worst = {0};
  if (!rows) return RAPT_ENOMEM;
  for (int i = 0; i < CELLS; i++) {
    bool plain_only = cells[i].cell.kind == RAPT__PLAIN_DELAY;
    errors e = {0};
    RAPT_TRY(check_cell(arena, (uint64_t)l->run->common.seed, &cells[i].cell, &e));
    worst = (errors){worse(worst.difference, e.difference), worse(worst.rtrl, e.rtrl), worse(worst.engine, e.engine)};
    char engine[32] = "no such layer";
    if (!plain_only) snprintf(engine, sizeof engine, "%.1e", e.engine);
    rows[i] = rapt__arena_format(&l->run->arena, "%s=differences %.1e, RTRL %.1e, engine (float) %s", cells[i].name,
                                 e.difference, e.rtrl, engine);
    if (!rows[i]) return RAPT_ENOMEM;
  }
  rapt__lstm_section(
      l, &(rapt__report_section){
             .heading = "Gradients, held against each other",
             .text = "Backpropagation through time in plain double precision against central differences, real-time "
                     "recurrent learning, and the engine's layers in float. The largest error of each cell.",
             .rows = rows});
  RAPT_TRY(rapt__findings_judge(&l->findings, true, worst.difference <= most_difference,
                                "gradients of %d cells against differences: largest relative error %.1e (at most %.0e)",
                                CELLS, worst.difference, most_difference));
  RAPT_TRY(rapt__findings_judge(
      &l->findings, true, worst.rtrl <= most_rtrl,
      "real-time recurrent learning against backpropagation through time: %.1e (at most %.0e)", worst.rtrl, most_rtrl));
  return rapt__findings_judge(&l->findings, true, worst.engine <= most_engine,
                              "the engine's layers against the plain code, outputs and gradients: %.1e (at most %.0e)",
                              worst.engine, most_engine);
}

/* ---- Truncation ---- */

/* How much of the gradient is lost when it is cut every so many steps. */
static rapt_status show_truncation(rapt__lstm *l, rapt__arena *arena) {
  enum { LONG = 60, CUTS = 6 };
  static const size_t stretch[CUTS] = {1, 2, 5, 10, 20, 30};
  const char **rows = rapt__arena_new(&l->run->arena, CUTS + 2, sizeof *rows);
  if (!rows) return RAPT_ENOMEM;
  rapt__plain_cell cell = {.kind = RAPT__PLAIN_LSTM, .inputs = 3, .units = 5};
  rapt__plain_sequence s;
  rapt__plain_run run;
  rapt__plain_init(&cell);
  RAPT_TRY(draw(arena, (uint64_t)l->run->common.seed, &cell, LONG, &s));
  double *whole = rapt__arena_new(arena, 2 * cell.count, sizeof *whole);
  if (!whole) return RAPT_ENOMEM;
  RAPT_TRY(rapt__plain_forward(arena, &s, &run));
  RAPT_TRY(rapt__plain_bptt(arena, &s, &run, 0, whole));
  for (int i = 0; i < CUTS; i++) {
    double off = 0, all = 0, *part = whole + cell.count;
    RAPT_TRY(rapt__plain_bptt(arena, &s, &run, stretch[i], part));
    for (size_t k = 0; k < cell.count; k++) {
      off += (part[k] - whole[k]) * (part[k] - whole[k]);
      all += whole[k] * whole[k];
    }
    rows[i] = rapt__arena_format(&l->run->arena, "cut every %zu steps=%.1f %% of the gradient's length lost",
                                 stretch[i], 100 * sqrt(off / all));
    if (!rows[i]) return RAPT_ENOMEM;
  }
  rows[CUTS] = rapt__arena_format(
      &l->run->arena, "memory=BPTT keeps %zu numbers for %d steps; RTRL carries %zu however long the sequence",
      LONG * (cell.state + rapt__plain_tape(&cell)), LONG, cell.count * cell.state);
  if (!rows[CUTS]) return RAPT_ENOMEM;
  rapt__lstm_section(l, &(rapt__report_section){
                            .heading = "What truncation loses",
                            .text = "An LSTM of 5 units over 60 steps with a loss at each: the state passes every cut, "
                                    "the gradient does not.",
                            .rows = rows});
  return RAPT_OK;
}

/* ---- The delay equation ---- */

enum { UNITS = 3, SPANS = 20 };

static void wave(void *user, double t, double *x) {
  (void)user;
  x[0] = sin(t);
}

static rapt_status first_order(rapt__lstm *l, rapt__arena *arena, const rapt__delay_system *d) {
  double s[3][SPANS * UNITS];
  for (size_t i = 0, cuts = 64; i < 3; i++, cuts *= 2)
    RAPT_TRY(rapt__delay_follow(arena, d, SPANS, cuts, wave, NULL, s[i]));
  double ratio = distance(s[0], s[1], SPANS * UNITS) / distance(s[1], s[2], SPANS * UNITS);
  return rapt__findings_judge(&l->findings, false, ratio > 1.8 && ratio < 2.2,
                              "the delay equation is followed to first order: half the step, %.2f times nearer", ratio);
}

/* The decay a of the state is varied while W_r, W_x and theta of the sampled equation stay. */
static rapt_status delay_equation(rapt__lstm *l, rapt__arena *arena) {
  enum { DECAYS = 5 };
  static const double decay[DECAYS] = {1, 3, 10, 30, 100};
  uint64_t seed = (uint64_t)l->run->common.seed;
  const char **rows = rapt__arena_new(&l->run->arena, DECAYS + 1, sizeof *rows);
  const double *drawn = rapt__lstm_normal(arena, seed, STREAM_DELAY, UNITS * (UNITS + 2));
  rapt__plain_cell cell = {.kind = RAPT__PLAIN_DELAY, .inputs = 1, .units = UNITS};
  rapt__plain_init(&cell);
  double x[SPANS], a[UNITS], b[UNITS * UNITS], c[UNITS], phi[UNITS],
      first = 0, last = 0, *theta = rapt__arena_new(arena, cell.count, sizeof *theta),
      *nothing = rapt__arena_new(arena, SPANS * UNITS, sizeof *nothing);
  if (!rows || !drawn || !theta || !nothing) return RAPT_ENOMEM;
  rapt__delay_system d = {.units = UNITS, .inputs = 1, .tau = 1, .a = a, .b = b, .c = c, .phi = phi};
  rapt__plain_sequence s = {.cell = &cell, .theta = theta, .steps = SPANS, .x = x, .d_out = nothing};
  for (int n = 0; n < SPANS; n++) wave(NULL, n + 1, &x[n]);
  for (int i = 0; i < DECAYS; i++) {
    rapt__plain_run with, without;
    double w_s = 1 / (1 + d.tau * decay[i]);
    for (int j = 0; j < UNITS; j++) {
      a[j] = -decay[i];
      for (int k = 0; k < UNITS; k++) b[j * UNITS + k] = 0.7 * drawn[j * UNITS + k] / (d.tau * w_s);
      c[j] = drawn[UNITS * UNITS + j] / (d.tau * w_s);
      phi[j] = 0.1 * drawn[UNITS * (UNITS + 1) + j] / (d.tau * w_s);
    }
    rapt__delay_to_cell(&d, d.tau, &cell, theta);
    RAPT_TRY(rapt__plain_forward(arena, &s, &with));
    memset(theta + cell.at[RAPT__PLAIN_PEEP], 0, UNITS * sizeof *theta);
    RAPT_TRY(rapt__plain_forward(arena, &s, &without));
    last = distance(without.states + UNITS, with.states + UNITS, SPANS * UNITS);
    if (i == 0) {
      first = last;
      RAPT_TRY(first_order(l, arena, &d));
    }
    rows[i] = rapt__arena_format(&l->run->arena, "decay |a| of %g=w_s = %.4f, the canonical RNN is off by %.1e",
                                 decay[i], w_s, last);
    if (!rows[i]) return RAPT_ENOMEM;
  }
  rapt__lstm_section(
      l, &(rapt__report_section){
             .heading = "From a delay equation to the RNN",
             .text = "ds/dt = A s(t) + B tanh s(t - tau) + C x(t) + phi, sampled every tau by the backward Euler rule: "
                     "s[n] = w_s s[n-1] + W_r r[n-1] + W_x x[n] + theta. Where the state decays fast w_s is small, and "
                     "without it this is the canonical RNN.",
             .rows = rows});
  return rapt__findings_judge(
      &l->findings, false, last < 0.05 * first,
      "the faster the state decays, the nearer the canonical RNN (off by %.1e for |a| = 1, %.1e "
      "for 100)",
      first, last);
}

rapt_status rapt__lstm_check(rapt__lstm *l) {
  rapt__arena arena;
  rapt__arena_init(&arena, l->run->ctx);
  rapt_status status = check_gradients(l, &arena);
  if (status == RAPT_OK) status = show_truncation(l, &arena);
  if (status == RAPT_OK) status = delay_equation(l, &arena);
  rapt__arena_free(&arena);
  return status;
}
