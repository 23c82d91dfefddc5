/* One step of an LSTM with every number: forward, back, and what real-time recurrent learning would carry. */
#include "recipes/lstm_tutorials.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>
#include <utf8proc.h>

enum { UNITS = 4, FEATURES = 3, SHOWN = RAPT__SHEET_COLUMNS, MOST = 200, STREAM_WEIGHTS = 31, STREAM_TABLE };

typedef struct walk {
  rapt__sheet *sheet;
  rapt__plain_cell cell;
  size_t count; /* characters */
  int32_t code[MOST];
  char label[MOST][8]; /* each character as UTF-8 */
  const double *theta, *x;
  rapt__plain_run run;
} walk;

static const char *const gate_names[] = {"i", "f", "g", "o"};
static const char *const unit_names[UNITS] = {"unit 0", "unit 1", "unit 2", "unit 3"};

static rapt_status split(walk *w, rapt_context *ctx, const char *text) {
  for (size_t at = 0, size = strlen(text); at < size;) {
    utf8proc_int32_t c;
    utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)text + at, (utf8proc_ssize_t)(size - at), &c);
    if (n <= 0 || utf8proc_category(c) == UTF8PROC_CATEGORY_CC)
      return rapt__fail(ctx, RAPT_EKEY, "the text is not plain text in UTF-8: byte %zu", at);
    if (w->count == MOST) return rapt__fail(ctx, RAPT_EKEY, "the text has more than %d characters", MOST);
    w->code[w->count] = c;
    snprintf(w->label[w->count++], sizeof *w->label, "%.*s", c == ' ' ? 3 : (int)n,
             c == ' ' ? "\xE2\x90\xA3" : text + at);
    at += (size_t)n;
  }
  return w->count > 1 ? RAPT_OK : rapt__fail(ctx, RAPT_EKEY, "the text has fewer than two characters");
}

/* The vector of a character depends on its code alone, so that the same character always has the same one. */
static rapt_status run(walk *w, rapt__arena *arena, uint64_t seed) {
  w->cell = (rapt__plain_cell){.kind = RAPT__PLAIN_LSTM, .inputs = FEATURES, .units = UNITS};
  rapt__plain_init(&w->cell);
  double *theta = rapt__lstm_normal(arena, seed, STREAM_WEIGHTS, w->cell.count),
         *x = rapt__arena_new(arena, w->count * FEATURES, sizeof *x),
         *d_out = rapt__arena_new(arena, w->count * UNITS, sizeof *d_out);
  if (!theta || !x || !d_out) return RAPT_ENOMEM;
  for (size_t k = 0; k < w->cell.count; k++) theta[k] *= 0.6;
  for (size_t j = 0; j < UNITS; j++) theta[w->cell.at[RAPT__PLAIN_B_IH] + UNITS + j] += 1;
  for (size_t t = 0; t < w->count; t++)
    for (size_t j = 0; j < FEATURES; j++)
      x[t * FEATURES + j] = rapt__rng_normal(seed, (uint64_t)STREAM_TABLE << 32, (uint64_t)w->code[t] * FEATURES + j);
  for (size_t j = 0; j < UNITS; j++) d_out[(w->count - 1) * UNITS + j] = 1;
  w->theta = theta;
  w->x = x;
  rapt__plain_sequence s = {.cell = &w->cell, .theta = theta, .steps = w->count, .x = x, .d_out = d_out};
  return rapt__plain_forward(arena, &s, &w->run);
}

static void matrix(walk *w, const char *name, const double *at, size_t rows, size_t columns,
                   const char *const *row_labels) {
  rapt__sheet_matrix(w->sheet, &(rapt__matrix){name, at, rows, columns, row_labels, NULL});
}

static void step(walk *w, const char *number, const char *formula) {
  rapt__sheet_step(w->sheet, number, formula, NULL, NULL, 0);
}

static const double *part(const walk *w, rapt__plain_part which, size_t gate, size_t width) {
  return w->theta + w->cell.at[which] + gate * UNITS * width;
}

static const double *state_after(const walk *w, size_t t) { return w->run.states + (t + 1) * w->cell.state; }
static const double *gate_at(const walk *w, size_t t, size_t gate) {
  return w->run.tapes + t * rapt__plain_tape(&w->cell) + gate * UNITS;
}

static void before_the_step(walk *w) {
  size_t t = w->count - 1;
  const double *state = w->run.states + t * w->cell.state;
  rapt__sheet_heading(w->sheet, "The last character: \"%s\"", w->label[t]);
  rapt__sheet_say(w->sheet,
                  "An LSTM of %d units has read %zu characters and reads one more. Its weights are random: what "
                  "is shown is where a number comes from, not what a trained network knows.",
                  UNITS, t);
  matrix(w, "x_t, the vector of the character", w->x + t * FEATURES, 1, FEATURES, NULL);
  matrix(w, "h_(t-1), the output of the step before", state, 1, UNITS, NULL);
  matrix(w, "c_(t-1), the cells", state + UNITS, 1, UNITS, NULL);
}

static void gates(walk *w) {
  static const char *const formulas[] = {
      "i = sigmoid(W_i x + U_i h_(t-1) + b_i + d_i)   the input gate: what may enter",
      "f = sigmoid(W_f x + U_f h_(t-1) + b_f + d_f)   the forget gate: what may stay",
      "g = tanh(W_g x + U_g h_(t-1) + b_g + d_g)      what would enter",
      "o = sigmoid(W_o x + U_o h_(t-1) + b_o + d_o)   the output gate: what is shown"};
  for (size_t g = 0; g < 4; g++) {
    char name[4][32], number[4];
    static const char *const parts[] = {"W", "U", "b", "d"};
    for (int i = 0; i < 4; i++) snprintf(name[i], sizeof name[i], "%s_%s", parts[i], gate_names[g]);
    snprintf(number, sizeof number, "%zu", g + 1);
    step(w, number, formulas[g]);
    matrix(w, name[0], part(w, RAPT__PLAIN_W_IH, g, FEATURES), UNITS, FEATURES, unit_names);
    matrix(w, name[1], part(w, RAPT__PLAIN_W_HH, g, UNITS), UNITS, UNITS, unit_names);
    matrix(w, name[2], part(w, RAPT__PLAIN_B_IH, g, 1), 1, UNITS, NULL);
    matrix(w, name[3], part(w, RAPT__PLAIN_B_HH, g, 1), 1, UNITS, NULL);
    matrix(w, gate_names[g], gate_at(w, w->count - 1, g), 1, UNITS, NULL);
  }
}

static void after_the_step(walk *w) {
  size_t t = w->count - 1;
  const double *state = state_after(w, t), *c0 = w->run.states + t * w->cell.state + UNITS;
  double kept[UNITS], added[UNITS], squashed[UNITS];
  for (size_t j = 0; j < UNITS; j++) {
    kept[j] = gate_at(w, t, 1)[j] * c0[j];
    added[j] = gate_at(w, t, 0)[j] * gate_at(w, t, 2)[j];
    squashed[j] = tanh(state[UNITS + j]);
  }
  step(w, "5", "c_t = f c_(t-1) + i g   the constant error carousel: old cells, weighted, and what enters");
  matrix(w, "f c_(t-1)", kept, 1, UNITS, NULL);
  matrix(w, "i g", added, 1, UNITS, NULL);
  matrix(w, "c_t", state + UNITS, 1, UNITS, NULL);
  step(w, "6", "h_t = o tanh(c_t)");
  matrix(w, "tanh(c_t)", squashed, 1, UNITS, NULL);
  matrix(w, "h_t", state, 1, UNITS, NULL);
}

static rapt_status way_back(walk *w, rapt__arena *arena) {
  size_t t = w->count - 1, width = w->cell.state;
  double *d = rapt__arena_new(arena, 4 * width, sizeof *d), *d_theta = rapt__arena_new(arena, w->cell.count, sizeof *d),
         *room = rapt__arena_new(arena, 2 * w->cell.gates * UNITS, sizeof *room);
  if (!d || !d_theta || !room) return RAPT_ENOMEM;
  double *before = d + width, *held = d + 2 * width;
  for (size_t j = 0; j < UNITS; j++) d[j] = 1;
  const double *after = state_after(w, t), *tape = w->run.tapes + t * rapt__plain_tape(&w->cell);
  rapt__plain_step_back(&w->cell, w->theta, w->x + t * FEATURES, after - width, after, tape, d, true, held, NULL, room);
  rapt__plain_step_back(&w->cell, w->theta, w->x + t * FEATURES, after - width, after, tape, d, false, before, d_theta,
                        room);
  rapt__sheet_heading(w->sheet, "The way back through the same step");
  rapt__sheet_say(w->sheet, "Let the loss be the sum of h_t. What goes back to the step before:");
  step(w, "7", "d c_t = d h_t o (1 - tanh(c_t)^2);  d c_(t-1) = d c_t f");
  matrix(w, "d loss / d c_(t-1), through the carousel", held + UNITS, 1, UNITS, NULL);
  step(w, "8", "a_i, a_f, a_g, a_o: what is inside the sigmoids and tanh. d loss / d a:");
  for (size_t g = 0; g < 4; g++) {
    char name[32];
    snprintf(name, sizeof name, "d loss / d a_%s", gate_names[g]);
    matrix(w, name, room + g * UNITS, 1, UNITS, NULL);
  }
  step(w, "9", "d h_(t-1) = U_i' d a_i + U_f' d a_f + U_g' d a_g + U_o' d a_o");
  matrix(w, "d loss / d h_(t-1)", before, 1, UNITS, NULL);
  step(w, "10", "d W_f = d a_f x',  d U_f = d a_f h_(t-1)'   and the other gates likewise");
  matrix(w, "d loss / d W_f", d_theta + w->cell.at[RAPT__PLAIN_W_IH] + UNITS * FEATURES, UNITS, FEATURES, unit_names);
  matrix(w, "d loss / d U_f", d_theta + w->cell.at[RAPT__PLAIN_W_HH] + UNITS * UNITS, UNITS, UNITS, unit_names);
  rapt__sheet_say(w->sheet,
                  "Backpropagation through time does this for every step, last to first, and keeps %zu numbers a step. "
                  "Real-time recurrent learning goes forward\ninstead and carries the derivative of all %zu numbers of "
                  "the state by all %zu parameters: %zu numbers.",
                  width + rapt__plain_tape(&w->cell), width, w->cell.count, width * w->cell.count);
  return RAPT_OK;
}

static void over_the_text(walk *w) {
  size_t shown = w->count < SHOWN ? w->count : SHOWN, first = w->count - shown;
  const char *labels[SHOWN];
  double values[UNITS * SHOWN];
  static const char *const names[] = {"input gate i", "forget gate f", "output gate o", "cells c", "output h"};
  static const size_t which[] = {0, 1, 3};
  rapt__sheet_heading(w->sheet, "Over the %s %zu characters", first ? "last" : "whole text of", shown);
  for (size_t i = 0; i < shown; i++) labels[i] = w->label[first + i];
  for (size_t m = 0; m < 5; m++) {
    for (size_t i = 0; i < shown; i++)
      for (size_t j = 0; j < UNITS; j++)
        values[j * shown + i] =
            m < 3 ? gate_at(w, first + i, which[m])[j] : state_after(w, first + i)[m == 3 ? UNITS + j : j];
    rapt__sheet_matrix(w->sheet, &(rapt__matrix){names[m], values, UNITS, shown, unit_names, labels});
  }
}

rapt_status rapt__lstm_walk(rapt__explanation *e) {
  walk *w = rapt__arena_new(&e->arena, 1, sizeof *w);
  if (!w) return RAPT_ENOMEM;
  w->sheet = e->sheet;
  RAPT_TRY(split(w, e->ctx, e->sentence ? e->sentence : "the cat sat"));
  RAPT_TRY(run(w, &e->arena, e->seed));
  before_the_step(w);
  gates(w);
  after_the_step(w);
  RAPT_TRY(way_back(w, &e->arena));
  over_the_text(w);
  return RAPT_OK;
}
