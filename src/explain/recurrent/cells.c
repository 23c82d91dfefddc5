/* Sizes of the cells, and one step of each forward. */
#include "explain/recurrent/cells.h"

#include <math.h>
#include <string.h>

void rapt__plain_init(rapt__plain_cell *cell) {
  bool lstm = cell->kind == RAPT__PLAIN_LSTM;
  size_t h = cell->units;
  if (cell->window == 0) cell->window = 1;
  cell->gate_i = cell->gate_f = cell->gate_g = cell->gate_o = cell->gate_x = -1;
  int n = 0;
  if (lstm) {
    cell->gate_i = n++;
    if (!cell->no_forget) cell->gate_f = n++;
    cell->gate_g = n++;
    cell->gate_o = n++;
    if (cell->external) cell->gate_x = n++;
  }
  cell->gates = lstm ? (size_t)n : cell->kind == RAPT__PLAIN_GRU ? 3 : 1;
  cell->fed = cell->window * cell->inputs;
  cell->out = cell->projection ? cell->projection : h;
  cell->state = lstm ? cell->out + h : h;
  size_t rows = cell->gates * h, peeps = lstm && cell->peepholes ? cell->gates - 1 : cell->kind == RAPT__PLAIN_DELAY;
  const size_t size[RAPT__PLAIN_PARTS] = {rows * cell->fed, rows * cell->out,    rows, rows,
                                          peeps * h,        cell->projection * h};
  cell->count = 0;
  for (int i = 0; i < RAPT__PLAIN_PARTS; i++) {
    cell->at[i] = cell->count;
    cell->size[i] = size[i];
    cell->count += size[i];
  }
}

static double sigmoid(double a) { return 1 / (1 + exp(-a)); }

static double dot(const double *a, const double *b, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

typedef struct weights {
  const double *w_ih, *w_hh, *b_ih, *b_hh, *peep, *w_hr; /* the last two NULL where the cell has none */
} weights;

static weights of(const rapt__plain_cell *cell, const double *theta) {
  return (weights){theta + cell->at[RAPT__PLAIN_W_IH],
                   theta + cell->at[RAPT__PLAIN_W_HH],
                   theta + cell->at[RAPT__PLAIN_B_IH],
                   theta + cell->at[RAPT__PLAIN_B_HH],
                   cell->size[RAPT__PLAIN_PEEP] ? theta + cell->at[RAPT__PLAIN_PEEP] : NULL,
                   cell->size[RAPT__PLAIN_W_HR] ? theta + cell->at[RAPT__PLAIN_W_HR] : NULL};
}

/* The rows of the gates have no g, which sees no cell. */
static const double *peep_of(const rapt__plain_cell *cell, const weights *w, int gate) {
  if (!w->peep || gate < 0) return NULL;
  return w->peep + (size_t)(gate > cell->gate_g ? gate - 1 : gate) * cell->units;
}

static void lstm_step(const rapt__plain_cell *cell, const weights *w, const double *x, const double *before,
                      double *after, double *tape) {
  size_t h = cell->units, p = cell->out, k = cell->fed;
  const double *c0 = before + p, *p_i = peep_of(cell, w, cell->gate_i), *p_f = peep_of(cell, w, cell->gate_f),
               *p_o = peep_of(cell, w, cell->gate_o), *p_x = peep_of(cell, w, cell->gate_x);
  double *c = after + p, *m = tape + (cell->gates + 1) * h;
  double *i = tape, *f = cell->gate_f < 0 ? NULL : tape + h, *g = tape + (size_t)cell->gate_g * h,
         *o = tape + (size_t)cell->gate_o * h, *e = cell->gate_x < 0 ? NULL : tape + (size_t)cell->gate_x * h,
         *seen = tape + cell->gates * h;
  for (size_t r = 0; r < cell->gates * h; r++) {
    double in = dot(w->w_ih + r * k, x, k), rest = w->b_ih[r] + w->b_hh[r] + dot(w->w_hh + r * p, before, p);
    if (e && r / h == (size_t)cell->gate_g) {
      seen[r % h] = in;
      tape[r] = rest;
    } else {
      tape[r] = in + rest;
    }
  }
  for (size_t j = 0; j < h; j++) {
    i[j] = sigmoid(i[j] + (p_i ? p_i[j] * c0[j] : 0));
    if (f) f[j] = sigmoid(f[j] + (p_f ? p_f[j] * c0[j] : 0));
    if (e) {
      e[j] = sigmoid(e[j] + (p_x ? p_x[j] * c0[j] : 0));
      g[j] += e[j] * seen[j];
    }
    g[j] = tanh(g[j]);
    c[j] = (f ? f[j] : 1) * c0[j] + i[j] * g[j];
    o[j] = sigmoid(o[j] + (p_o ? p_o[j] * c[j] : 0));
    m[j] = o[j] * tanh(c[j]);
  }
  for (size_t j = 0; j < p; j++) after[j] = w->w_hr ? dot(w->w_hr + j * h, m, h) : m[j];
}

static void gru_step(const rapt__plain_cell *cell, const weights *w, const double *x, const double *before,
                     double *after, double *tape) {
  size_t h = cell->units, k = cell->fed;
  double *r = tape, *z = tape + h, *n = tape + 2 * h, *fed = tape + 3 * h;
  for (size_t j = 0; j < 2 * h; j++)
    tape[j] = sigmoid(dot(w->w_ih + j * k, x, k) + w->b_ih[j] + dot(w->w_hh + j * h, before, h) + w->b_hh[j]);
  for (size_t j = 0; j < h; j++) {
    size_t row = 2 * h + j;
    fed[j] = dot(w->w_hh + row * h, before, h) + w->b_hh[row];
    n[j] = tanh(dot(w->w_ih + row * k, x, k) + w->b_ih[row] + r[j] * fed[j]);
    after[j] = (1 - z[j]) * n[j] + z[j] * before[j];
  }
}

void rapt__plain_step(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                      double *after, double *tape) {
  weights w = of(cell, theta);
  size_t h = cell->units, k = cell->fed;
  if (cell->kind == RAPT__PLAIN_LSTM) {
    lstm_step(cell, &w, x, before, after, tape);
    return;
  }
  if (cell->kind == RAPT__PLAIN_GRU) {
    gru_step(cell, &w, x, before, after, tape);
    return;
  }
  bool delay = cell->kind == RAPT__PLAIN_DELAY;
  for (size_t j = 0; j < h && delay; j++) tape[h + j] = tanh(before[j]); /* the output of the step before */
  const double *fed = delay ? tape + h : before;
  for (size_t j = 0; j < h; j++) {
    double a = dot(w.w_ih + j * k, x, k) + w.b_ih[j] + w.b_hh[j] + dot(w.w_hh + j * h, fed, h);
    tape[j] = after[j] = delay ? a + w.peep[j] * before[j] : tanh(a);
  }
}

const double *rapt__plain_output(const rapt__plain_cell *cell, const double *state, double *room) {
  if (cell->kind != RAPT__PLAIN_DELAY) return state;
  for (size_t j = 0; j < cell->units; j++) room[j] = tanh(state[j]);
  return room;
}

void rapt__plain_output_back(const rapt__plain_cell *cell, const double *state, const double *d_out, double *d_state) {
  for (size_t j = 0; j < cell->out; j++) {
    double r = cell->kind == RAPT__PLAIN_DELAY ? tanh(state[j]) : 0;
    d_state[j] += d_out[j] * (1 - r * r);
  }
}

/* ---- Back ---- */

/* W_hh, W_ih and both biases by the pre-activations d_fed and d_in (G·H), which differ where a gate stands between. */
static void add_weights(const rapt__plain_cell *cell, const double *x, const double *fed, const double *d_in,
                        const double *d_fed, bool gated_bias, double *d_theta) {
  size_t rows = cell->gates * cell->units, k = cell->fed, p = cell->out;
  for (size_t r = 0; r < rows; r++) {
    double *w_ih = d_theta + cell->at[RAPT__PLAIN_W_IH] + r * k, *w_hh = d_theta + cell->at[RAPT__PLAIN_W_HH] + r * p;
    for (size_t j = 0; j < k; j++) w_ih[j] += d_in[r] * x[j];
    for (size_t j = 0; j < p; j++) w_hh[j] += d_fed[r] * fed[j];
    d_theta[cell->at[RAPT__PLAIN_B_IH] + r] += gated_bias ? d_in[r] : d_fed[r];
    d_theta[cell->at[RAPT__PLAIN_B_HH] + r] += d_fed[r];
  }
}

/* d_before += W_hhᵀ·d (G·H) */
static void through_fed(const rapt__plain_cell *cell, const weights *w, const double *d, double *d_before) {
  size_t rows = cell->gates * cell->units, p = cell->out;
  for (size_t r = 0; r < rows; r++)
    for (size_t j = 0; j < p; j++) d_before[j] += w->w_hh[r * p + j] * d[r];
}

static void lstm_back(const rapt__plain_cell *cell, const weights *w, const double *x, const double *before,
                      const double *after, const double *tape, const double *d_after, bool carousel, double *d_before,
                      double *d_theta, double *d) {
  size_t h = cell->units, p = cell->out, gates = cell->gates;
  const double *c0 = before + p, *c = after + p, *m = tape + (gates + 1) * h, *seen = tape + gates * h;
  const double *i = tape, *f = cell->gate_f < 0 ? NULL : tape + h, *g = tape + (size_t)cell->gate_g * h,
               *o = tape + (size_t)cell->gate_o * h, *e = cell->gate_x < 0 ? NULL : tape + (size_t)cell->gate_x * h;
  const double *peep[5];
  double *d_in = d + gates * h; /* as d, but what W_g·x gets where it passes the external gate */
  for (size_t q = 0; q < gates; q++) peep[q] = (int)q == cell->gate_g ? NULL : peep_of(cell, w, (int)q);
  for (size_t j = 0; j < h; j++) {
    double d_m = w->w_hr ? 0 : d_after[j], t = tanh(c[j]), d_c = d_after[p + j];
    for (size_t q = 0; w->w_hr && q < p; q++) d_m += w->w_hr[q * h + j] * d_after[q];
    double *d_o = d + (size_t)cell->gate_o * h + j, *d_g = d + (size_t)cell->gate_g * h + j;
    *d_o = d_m * t * o[j] * (1 - o[j]);
    d_c += d_m * o[j] * (1 - t * t);
    if (peep[cell->gate_o]) d_c += *d_o * peep[cell->gate_o][j];
    d[j] = d_c * g[j] * i[j] * (1 - i[j]);
    *d_g = d_c * i[j] * (1 - g[j] * g[j]);
    if (f) d[h + j] = d_c * c0[j] * f[j] * (1 - f[j]);
    if (e) d[(size_t)cell->gate_x * h + j] = *d_g * seen[j] * e[j] * (1 - e[j]);
    d_before[p + j] = d_c * (f ? f[j] : 1);
    for (size_t q = 0; q < gates; q++) {
      if (!peep[q] || (int)q == cell->gate_o || carousel) continue;
      d_before[p + j] += peep[q][j] * d[q * h + j];
    }
  }
  if (!carousel) through_fed(cell, w, d, d_before);
  if (!d_theta) return;
  memcpy(d_in, d, gates * h * sizeof *d);
  for (size_t j = 0; e && j < h; j++) d_in[(size_t)cell->gate_g * h + j] *= e[j];
  add_weights(cell, x, before, d_in, d, false, d_theta);
  for (size_t q = 0; q < gates; q++) {
    if (!peep[q]) continue;
    double *d_peep = d_theta + cell->at[RAPT__PLAIN_PEEP] + (size_t)(peep[q] - w->peep);
    for (size_t j = 0; j < h; j++) d_peep[j] += d[q * h + j] * ((int)q == cell->gate_o ? c[j] : c0[j]);
  }
  for (size_t q = 0; w->w_hr && q < p; q++)
    for (size_t j = 0; j < h; j++) d_theta[cell->at[RAPT__PLAIN_W_HR] + q * h + j] += d_after[q] * m[j];
}

static void gru_back(const rapt__plain_cell *cell, const weights *w, const double *x, const double *before,
                     const double *tape, const double *d_after, double *d_before, double *d_theta, double *d) {
  size_t h = cell->units;
  const double *r = tape, *z = tape + h, *n = tape + 2 * h, *fed = tape + 3 * h;
  double *d_in = d + 3 * h;
  for (size_t j = 0; j < h; j++) {
    double d_n = d_after[j] * (1 - z[j]) * (1 - n[j] * n[j]);
    d[j] = d_n * fed[j] * r[j] * (1 - r[j]);
    d[h + j] = d_after[j] * (before[j] - n[j]) * z[j] * (1 - z[j]);
    d[2 * h + j] = d_n * r[j];
    d_in[2 * h + j] = d_n;
    d_before[j] = d_after[j] * z[j];
  }
  memcpy(d_in, d, 2 * h * sizeof *d);
  through_fed(cell, w, d, d_before);
  if (d_theta) add_weights(cell, x, before, d_in, d, true, d_theta);
}

void rapt__plain_step_back(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                           const double *after, const double *tape, const double *d_after, bool carousel,
                           double *d_before, double *d_theta, double *room) {
  weights w = of(cell, theta);
  size_t h = cell->units;
  memset(d_before, 0, cell->state * sizeof *d_before);
  switch (cell->kind) {
  case RAPT__PLAIN_LSTM: lstm_back(cell, &w, x, before, after, tape, d_after, carousel, d_before, d_theta, room); break;
  case RAPT__PLAIN_GRU: gru_back(cell, &w, x, before, tape, d_after, d_before, d_theta, room); break;
  case RAPT__PLAIN_DELAY: {
    const double *r = tape + h;
    through_fed(cell, &w, d_after, d_before);
    for (size_t j = 0; j < h; j++) d_before[j] = d_before[j] * (1 - r[j] * r[j]) + w.peep[j] * d_after[j];
    if (!d_theta) break;
    add_weights(cell, x, r, d_after, d_after, false, d_theta);
    for (size_t j = 0; j < h; j++) d_theta[cell->at[RAPT__PLAIN_PEEP] + j] += d_after[j] * before[j];
    break;
  }
  default:
    for (size_t j = 0; j < h; j++) room[j] = d_after[j] * (1 - after[j] * after[j]);
    through_fed(cell, &w, room, d_before);
    if (d_theta) add_weights(cell, x, before, room, room, false, d_theta);
  }
}
