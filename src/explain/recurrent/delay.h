/* Where the RNN comes from (Sherstinsky 2020): an additive model of a signal with a delayed feedback,
 *
 *   ds/dt = A s(t) + B r(t - tau) + C x(t) + phi,   r = tanh s,
 *
 * sampled every dt by the backward Euler rule. With A = diag(a), a < 0, and dt = tau
 *
 *   s[n] = w_s s[n-1] + W_r r[n-1] + W_x x[n] + theta,
 *   w_s = 1 / (1 - dt a),  W_r = dt w_s B,  W_x = dt w_s C,  theta = dt w_s phi:
 *
 * the cell RAPT__PLAIN_DELAY. Where dt |a| is large w_s goes to 0, and what stays is the canonical RNN. */
#ifndef RAPT_SRC_EXPLAIN_RECURRENT_DELAY_H
#define RAPT_SRC_EXPLAIN_RECURRENT_DELAY_H

#include "explain/recurrent/cells.h"

typedef struct rapt__delay_system {
  size_t units, inputs;
  double tau;
  const double *a;   // (H), negative
  const double *b;   // (H, H)
  const double *c;   // (H, I)
  const double *phi; // (H)
} rapt__delay_system;

/* The parameters of a RAPT__PLAIN_DELAY cell (no window) with these sizes: theta (count), b_hh zero. */
void rapt__delay_to_cell(const rapt__delay_system *d, double dt, const rapt__plain_cell *cell, double *theta);
/* Follows the equation from s = 0 (and r = 0 before) for `spans` delays, each cut into `cuts` steps of the backward Euler
 * rule; the input at time t is input(user, t, x (I)). s (spans, H) gets the state at the end of each delay. */
rapt_status rapt__delay_follow(rapt__arena *arena, const rapt__delay_system *d, size_t spans, size_t cuts,
                               void (*input)(void *user, double t, double *x), void *user, double *s);

#endif
