/* Sequences forward and back. */
#include "explain/recurrent/gradients.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

void rapt__plain_draw(const rapt__plain_cell *cell, uint64_t seed, uint64_t stream, double *theta) {
  double width = 1 / sqrt((double)cell->units);
  for (size_t i = 0; i < cell->count; i++) theta[i] = width * (2 * rapt__rng_uniform(seed, stream, i) - 1);
}

static const double *input_at(const rapt__plain_sequence *s, size_t t) { return s->x + t * s->cell->inputs; }

rapt_status rapt__plain_forward(rapt__arena *arena, const rapt__plain_sequence *s, rapt__plain_run *run) {
  const rapt__plain_cell *cell = s->cell;
  size_t width = cell->state, tape = rapt__plain_tape(cell);
  double *room = rapt__arena_new(arena, cell->units, sizeof *room);
  run->states = rapt__arena_new(arena, (s->steps + 1) * width, sizeof *run->states);
  run->tapes = rapt__arena_new(arena, s->steps * tape, sizeof *run->tapes);
  run->loss = 0;
  if (!room || !run->states || !run->tapes) return RAPT_ENOMEM;
  if (s->start) memcpy(run->states, s->start, width * sizeof *run->states);
  for (size_t t = 0; t < s->steps; t++) {
    double *after = run->states + (t + 1) * width;
    rapt__plain_step(cell, s->theta, input_at(s, t), after - width, after, run->tapes + t * tape);
    const double *out = rapt__plain_output(cell, after, room);
    for (size_t j = 0; j < cell->out; j++) run->loss += s->d_out[t * cell->out + j] * out[j];
  }
  return RAPT_OK;
}

rapt_status rapt__plain_bptt(rapt__arena *arena, const rapt__plain_sequence *s, const rapt__plain_run *run,
                             size_t stretch, double *d_theta) {
  const rapt__plain_cell *cell = s->cell;
  size_t width = cell->state, tape = rapt__plain_tape(cell);
  double *d = rapt__arena_new(arena, 2 * width, sizeof *d),
         *room = rapt__arena_new(arena, 2 * cell->gates * cell->units, sizeof *room);
  if (!d || !room) return RAPT_ENOMEM;
  double *after = d, *before = d + width;
  memset(d_theta, 0, cell->count * sizeof *d_theta);
  for (size_t t = s->steps; t-- > 0;) {
    const double *state = run->states + (t + 1) * width;
    rapt__plain_output_back(cell, state, s->d_out + t * cell->out, after);
    rapt__plain_step_back(cell, s->theta, input_at(s, t), state - width, state, run->tapes + t * tape, after, false,
                          before, d_theta, room);
    if (stretch > 0 && t % stretch == 0) memset(before, 0, width * sizeof *before);
    double *other = after;
    after = before;
    before = other;
  }
  return RAPT_OK;
}

rapt_status rapt__plain_rtrl(rapt__arena *arena, const rapt__plain_sequence *s, double *d_theta) {
  const rapt__plain_cell *cell = s->cell;
  size_t width = cell->state, n = cell->count;
  double *states = rapt__arena_new(arena, 3 * width, sizeof *states), *d_state = states ? states + 2 * width : NULL,
         *tape = rapt__arena_new(arena, rapt__plain_tape(cell), sizeof *tape),
         *room = rapt__arena_new(arena, 2 * cell->gates * cell->units, sizeof *room),
         *along = rapt__arena_new(arena, n * width, sizeof *along), /* row k: the state by parameter k */
             *next = rapt__arena_new(arena, width, sizeof *next);
  if (!states || !tape || !room || !along || !next) return RAPT_ENOMEM;
  double *before = states, *after = states + width;
  if (s->start) memcpy(before, s->start, width * sizeof *before);
  memset(d_theta, 0, n * sizeof *d_theta);
  for (size_t t = 0; t < s->steps; t++) {
    rapt__plain_step(cell, s->theta, input_at(s, t), before, after, tape);
    memset(d_state, 0, width * sizeof *d_state);
    rapt__plain_output_back(cell, after, s->d_out + t * cell->out, d_state);
    for (size_t k = 0; k < n; k++) {
      rapt__plain_step_along(cell, s->theta, input_at(s, t), before, after, tape, along + k * width, k, next, room);
      memcpy(along + k * width, next, width * sizeof *next);
      for (size_t j = 0; j < width; j++) d_theta[k] += d_state[j] * next[j];
    }
    double *other = before;
    before = after;
    after = other;
  }
  return RAPT_OK;
}

/* ---- Differences ---- */

static double loss_at(const rapt__plain_sequence *s, double *states, double *tape, double *room) {
  size_t width = s->cell->state;
  double loss = 0, *before = states, *after = states + width;
  memset(before, 0, width * sizeof *before);
  if (s->start) memcpy(before, s->start, width * sizeof *before);
  for (size_t t = 0; t < s->steps; t++) {
    rapt__plain_step(s->cell, s->theta, input_at(s, t), before, after, tape);
    const double *out = rapt__plain_output(s->cell, after, room);
    for (size_t j = 0; j < s->cell->out; j++) loss += s->d_out[t * s->cell->out + j] * out[j];
    double *other = before;
    before = after;
    after = other;
  }
  return loss;
}

rapt_status rapt__plain_differences(rapt__arena *arena, const rapt__plain_sequence *s, const double *d_theta,
                                    size_t stride, double *worst) {
  const rapt__plain_cell *cell = s->cell;
  const double h = 1e-5;
  double *theta = rapt__arena_new(arena, cell->count, sizeof *theta),
         *states = rapt__arena_new(arena, 2 * cell->state, sizeof *states),
         *tape = rapt__arena_new(arena, rapt__plain_tape(cell), sizeof *tape),
         *room = rapt__arena_new(arena, cell->units, sizeof *room), largest = 0;
  if (!theta || !states || !tape || !room) return RAPT_ENOMEM;
  memcpy(theta, s->theta, cell->count * sizeof *theta);
  rapt__plain_sequence moved = *s;
  moved.theta = theta;
  for (size_t k = 0; k < cell->count; k++) largest = fmax(largest, fabs(d_theta[k]));
  *worst = 0;
  for (size_t k = 0; k < cell->count; k += stride) {
    double at = theta[k];
    theta[k] = at + h;
    double above = loss_at(&moved, states, tape, room);
    theta[k] = at - h;
    double slope = (above - loss_at(&moved, states, tape, room)) / (2 * h);
    theta[k] = at;
    double off = fabs(slope - d_theta[k]) / fmax(fmax(fabs(slope), fabs(d_theta[k])), 1e-3 * largest);
    if (!(off <= *worst)) *worst = off; /* NaN wins and stays */
  }
  return RAPT_OK;
}

/* ---- Flow ---- */

/* The largest singular value of m (rows, columns of `stride`), by powers of mᵀm; in a hundred rounds to a few digits. */
static double largest_singular(const double *m, size_t rows, size_t columns, size_t stride, double *u, double *v) {
  double value = 0;
  for (size_t j = 0; j < columns; j++) v[j] = 1 + 0.1 * (double)(j % 7);
  for (int round = 0; round < 100; round++) {
    double length = 0;
    for (size_t j = 0; j < columns; j++) length += v[j] * v[j];
    length = sqrt(length);
    if (length == 0 || !isfinite(length)) return length == 0 ? 0 : NAN;
    for (size_t j = 0; j < columns; j++) v[j] /= length;
    double sum = 0;
    for (size_t i = 0; i < rows; i++) {
      u[i] = 0;
      for (size_t j = 0; j < columns; j++) u[i] += m[i * stride + j] * v[j];
      sum += u[i] * u[i];
    }
    double last = value;
    value = sqrt(sum);
    if (value == 0 || fabs(value - last) <= 1e-9 * value) return value;
    for (size_t i = 0; i < rows; i++) u[i] /= value; /* keeps powers of tiny norms off the bottom of the range */
    memset(v, 0, columns * sizeof *v);
    for (size_t i = 0; i < rows; i++)
      for (size_t j = 0; j < columns; j++) v[j] += m[i * stride + j] * u[i];
  }
  return value;
}

rapt_status rapt__plain_flow(rapt__arena *arena, const rapt__plain_sequence *s, const rapt__plain_run *run, bool cells,
                             bool carousel, double *norms) {
  const rapt__plain_cell *cell = s->cell;
  size_t width = cell->state, tape = rapt__plain_tape(cell), first = cells ? cell->out : 0,
         n = cells ? cell->units : cell->out;
  double *rows = rapt__arena_new(arena, n * width, sizeof *rows), *next = rapt__arena_new(arena, width, sizeof *next),
         *room = rapt__arena_new(arena, 2 * cell->gates * cell->units, sizeof *room),
         *u = rapt__arena_new(arena, 2 * n, sizeof *u);
  if (!rows || !next || !room || !u) return RAPT_ENOMEM;
  for (size_t i = 0; i < n; i++) rows[i * width + first + i] = 1;
  for (size_t t = s->steps; t-- > 0;) {
    const double *state = run->states + (t + 1) * width;
    norms[t] = largest_singular(rows + first, n, n, width, u, u + n);
    for (size_t i = 0; i < n && t > 0; i++) {
      rapt__plain_step_back(cell, s->theta, input_at(s, t), state - width, state, run->tapes + t * tape,
                            rows + i * width, carousel, next, NULL, room);
      memcpy(rows + i * width, next, width * sizeof *next);
    }
  }
  return RAPT_OK;
}
