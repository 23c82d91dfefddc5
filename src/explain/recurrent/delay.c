/* The delay differential equation, sampled coarsely and finely. */
#include "explain/recurrent/delay.h"

#include <math.h>
#include <string.h>

void rapt__delay_to_cell(const rapt__delay_system *d, double dt, const rapt__plain_cell *cell, double *theta) {
  size_t h = d->units, n = d->inputs;
  memset(theta, 0, cell->count * sizeof *theta);
  for (size_t j = 0; j < h; j++) {
    double w_s = 1 / (1 - dt * d->a[j]);
    theta[cell->at[RAPT__PLAIN_PEEP] + j] = w_s;
    for (size_t i = 0; i < h; i++) theta[cell->at[RAPT__PLAIN_W_HH] + j * h + i] = dt * w_s * d->b[j * h + i];
    for (size_t i = 0; i < n; i++) theta[cell->at[RAPT__PLAIN_W_IH] + j * n + i] = dt * w_s * d->c[j * n + i];
    theta[cell->at[RAPT__PLAIN_B_IH] + j] = dt * w_s * d->phi[j];
  }
}

rapt_status rapt__delay_follow(rapt__arena *arena, const rapt__delay_system *d, size_t spans, size_t cuts,
                               void (*input)(void *user, double t, double *x), void *user, double *s) {
  size_t h = d->units;
  double dt = d->tau / (double)cuts, *state = rapt__arena_new(arena, h, sizeof *state),
         *x = rapt__arena_new(arena, d->inputs, sizeof *x),
         *late = rapt__arena_new(arena, cuts * h, sizeof *late); /* r of the last delay, as a ring */
  if (!state || !x || !late) return RAPT_ENOMEM;
  for (size_t n = 0; n < spans * cuts; n++) {
    double *r = late + n % cuts * h; /* of one delay before */
    input(user, (double)(n + 1) * dt, x);
    for (size_t j = 0; j < h; j++) {
      double drive = d->phi[j];
      for (size_t i = 0; i < h; i++) drive += d->b[j * h + i] * r[i];
      for (size_t i = 0; i < d->inputs; i++) drive += d->c[j * d->inputs + i] * x[i];
      state[j] = (state[j] + dt * drive) / (1 - dt * d->a[j]);
    }
    for (size_t j = 0; j < h; j++) r[j] = tanh(state[j]);
    if ((n + 1) % cuts == 0) memcpy(s + n / cuts * h, state, h * sizeof *s);
  }
  return RAPT_OK;
}
