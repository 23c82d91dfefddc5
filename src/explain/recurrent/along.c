/* One step along a direction, by forward differentiation: what real-time recurrent learning carries from step to step. Written
 * from the forward equations alone, apart from the way back, so that the two can be held against each other. */
#include "explain/recurrent/cells.h"

#include <math.h>

/* Changes of W_ih·x (into `in`) and of W_hh·fed + b_ih + b_hh (into `rest`), each (G·H); for the GRU b_ih belongs to the
 * first. `t_fed` is the change of what W_hh multiplies. */
static void change_sums(const rapt__plain_cell *cell, const double *theta, const double *x, const double *fed,
                        const double *t_fed, size_t k, double *in, double *rest) {
  size_t rows = cell->gates * cell->units, p = cell->out;
  const double *w_hh = theta + cell->at[RAPT__PLAIN_W_HH];
  for (size_t r = 0; r < rows; r++) {
    in[r] = 0;
    rest[r] = 0;
    for (size_t j = 0; j < p; j++) rest[r] += w_hh[r * p + j] * t_fed[j];
  }
  if (k < cell->at[RAPT__PLAIN_W_HH])
    in[k / cell->fed] += x[k % cell->fed];
  else if (k < cell->at[RAPT__PLAIN_B_IH])
    rest[(k - cell->at[RAPT__PLAIN_W_HH]) / p] += fed[(k - cell->at[RAPT__PLAIN_W_HH]) % p];
  else if (k < cell->at[RAPT__PLAIN_B_HH])
    (cell->kind == RAPT__PLAIN_GRU ? in : rest)[k - cell->at[RAPT__PLAIN_B_IH]] += 1;
  else if (k < cell->at[RAPT__PLAIN_PEEP])
    rest[k - cell->at[RAPT__PLAIN_B_HH]] += 1;
}

/* Change of p·c for a gate's peephole: p by one where k says so, c by t_c. */
static double change_peep(const rapt__plain_cell *cell, const double *theta, int gate, size_t j, double c, double t_c,
                          size_t k) {
  if (cell->size[RAPT__PLAIN_PEEP] == 0) return 0;
  size_t at = cell->at[RAPT__PLAIN_PEEP] + (size_t)(gate > cell->gate_g ? gate - 1 : gate) * cell->units + j;
  return theta[at] * t_c + (k == at ? c : 0);
}

static void lstm_along(const rapt__plain_cell *cell, const double *theta, const double *before, const double *after,
                       const double *tape, const double *t_before, size_t k, const double *in, double *rest,
                       double *t_after) {
  size_t h = cell->units, p = cell->out;
  const double *c0 = before + p, *c = after + p, *seen = tape + cell->gates * h, *m = seen + h;
  for (size_t j = 0; j < h; j++) {
    size_t at_i = j, at_g = (size_t)cell->gate_g * h + j, at_o = (size_t)cell->gate_o * h + j;
    double i = tape[at_i], g = tape[at_g], o = tape[at_o], f = 1, t_f = 0, t_c0 = t_before[p + j], t_a_g = rest[at_g];
    double t_i = i * (1 - i) * (in[at_i] + rest[at_i] + change_peep(cell, theta, cell->gate_i, j, c0[j], t_c0, k));
    if (cell->gate_f >= 0) {
      f = tape[h + j];
      t_f = f * (1 - f) * (in[h + j] + rest[h + j] + change_peep(cell, theta, cell->gate_f, j, c0[j], t_c0, k));
    }
    if (cell->gate_x >= 0) {
      size_t at_x = (size_t)cell->gate_x * h + j;
      double x = tape[at_x];
      double t_x = x * (1 - x) * (in[at_x] + rest[at_x] + change_peep(cell, theta, cell->gate_x, j, c0[j], t_c0, k));
      t_a_g += t_x * seen[j] + x * in[at_g];
    } else {
      t_a_g += in[at_g];
    }
    double t_c = t_f * c0[j] + f * t_c0 + t_i * g + i * (1 - g * g) * t_a_g, t = tanh(c[j]);
    double t_o = o * (1 - o) * (in[at_o] + rest[at_o] + change_peep(cell, theta, cell->gate_o, j, c[j], t_c, k));
    t_after[p + j] = t_c;
    rest[j] = t_o * t + o * (1 - t * t) * t_c; /* of o tanh c; the sums of this unit's input gate are used up */
  }
  const double *w_hr = theta + cell->at[RAPT__PLAIN_W_HR];
  for (size_t q = 0; q < p; q++) {
    t_after[q] = cell->projection ? 0 : rest[q];
    for (size_t j = 0; cell->projection && j < h; j++) t_after[q] += w_hr[q * h + j] * rest[j];
  }
  if (cell->projection && k >= cell->at[RAPT__PLAIN_W_HR] && k < cell->count) {
    size_t at = k - cell->at[RAPT__PLAIN_W_HR];
    t_after[at / h] += m[at % h];
  }
}

void rapt__plain_step_along(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                            const double *after, const double *tape, const double *t_before, size_t k, double *t_after,
                            double *room) {
  size_t h = cell->units;
  double *in = room, *rest = room + cell->gates * h;
  if (cell->kind == RAPT__PLAIN_DELAY) {
    const double *r = tape + h, *w_s = theta + cell->at[RAPT__PLAIN_PEEP];
    for (size_t j = 0; j < h; j++) t_after[j] = (1 - r[j] * r[j]) * t_before[j];
    change_sums(cell, theta, x, r, t_after, k, in, rest);
    for (size_t j = 0; j < h; j++)
      t_after[j] = in[j] + rest[j] + w_s[j] * t_before[j] + (k == cell->at[RAPT__PLAIN_PEEP] + j ? before[j] : 0);
    return;
  }
  change_sums(cell, theta, x, before, t_before, k, in, rest);
  if (cell->kind == RAPT__PLAIN_LSTM) {
    lstm_along(cell, theta, before, after, tape, t_before, k, in, rest, t_after);
    return;
  }
  if (cell->kind == RAPT__PLAIN_RNN) {
    for (size_t j = 0; j < h; j++) t_after[j] = (1 - after[j] * after[j]) * (in[j] + rest[j]);
    return;
  }
  for (size_t j = 0; j < h; j++) {
    double r = tape[j], z = tape[h + j], n = tape[2 * h + j], fed = tape[3 * h + j];
    double t_r = r * (1 - r) * (in[j] + rest[j]), t_z = z * (1 - z) * (in[h + j] + rest[h + j]);
    double t_n = (1 - n * n) * (in[2 * h + j] + t_r * fed + r * rest[2 * h + j]);
    t_after[j] = (1 - z) * t_n + z * t_before[j] + t_z * (before[j] - n);
  }
}
