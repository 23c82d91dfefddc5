/* Recurrent cells in plain double precision, one step at a time: forward, backward, and along a direction. They are the
 * specification that the engine's layers are held against, and what pictures of gradients are made with.
 *
 *   RNN    h_t = tanh(a)                                      (Elman 1990)
 *   DELAY  s_t = w_s s_(t-1) + U tanh(s_(t-1)) + W x_t + b    (Sherstinsky 2020: the RNN before w_s is dropped)
 *   LSTM   c_t = f c_(t-1) + i g, h_t = o tanh c_t            (Hochreiter & Schmidhuber 1997; Gers et al. 2000, 2002)
 *   GRU    h_t = (1 - z) n + z h_(t-1)                        (as torch.nn.GRU)
 *
 * An LSTM may lack the forget gate (f = 1), have peepholes, a projection of its output, a window of L inputs instead of one,
 * and an external input gate: the augmented LSTM of Sherstinsky 2020 has all of them. */
#ifndef RAPT_SRC_EXPLAIN_RECURRENT_CELLS_H
#define RAPT_SRC_EXPLAIN_RECURRENT_CELLS_H

#include "base/base.h"

typedef enum rapt__plain_kind {
  RAPT__PLAIN_RNN,
  RAPT__PLAIN_DELAY,
  RAPT__PLAIN_LSTM,
  RAPT__PLAIN_GRU
} rapt__plain_kind;

/* Parts of the parameters, in this order; their layout is that of rapt_recurrent. */
typedef enum rapt__plain_part {
  RAPT__PLAIN_W_IH, // (G·H, L·I)
  RAPT__PLAIN_W_HH, // (G·H, P)
  RAPT__PLAIN_B_IH, // (G·H)
  RAPT__PLAIN_B_HH, // (G·H)
  RAPT__PLAIN_PEEP, // (gates but g, H) from c_(t-1) to i, f and x and from c_t to o: rows i, f, o, x; DELAY: w_s (H)
  RAPT__PLAIN_W_HR, // (P, H)
  RAPT__PLAIN_PARTS
} rapt__plain_part;

typedef struct rapt__plain_cell {
  rapt__plain_kind kind;
  size_t inputs, units;
  bool no_forget, peepholes, external; /* LSTM */
  size_t projection, window;           /* LSTM; 0: none, one input */
  /* Set by rapt__plain_init: */
  size_t gates, fed; /* G; width of an input window, L·I */
  size_t out, state; /* width of the output, P or H, and of the state: LSTM (h, c), else one vector */
  size_t at[RAPT__PLAIN_PARTS], size[RAPT__PLAIN_PARTS],
      count;                                  /* of the parameters; size 0: the cell has no such part */
  int gate_i, gate_f, gate_g, gate_o, gate_x; /* blocks of G, -1: none */
} rapt__plain_cell;

/* Fills the sizes from what stands above them. */
void rapt__plain_init(rapt__plain_cell *cell);
/* What a step leaves for the way back: (G·H) gates, (H) W_g·x behind the external gate or U_n·h of the GRU, (H) o tanh c. */
static inline size_t rapt__plain_tape(const rapt__plain_cell *cell) { return (cell->gates + 2) * cell->units; }

/* One step with parameters theta (count): the window x (L·I) takes the state `before` (S) to `after` (S). */
void rapt__plain_step(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                      double *after, double *tape);
/* The output of a state, (P); part of the state but for DELAY, whose output is tanh of it, written to `room` (H). */
const double *rapt__plain_output(const rapt__plain_cell *cell, const double *state, double *room);

/* The way back through one step: d_after (S) is the loss by the state after it; d_before (S) is overwritten, d_theta (count)
 * is added to unless it is NULL. `carousel`: of an LSTM only the path from c to c, without any gate's own dependence on the
 * state before, as the truncated gradient of 1997 has it. `room` has 2·G·H. */
void rapt__plain_step_back(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                           const double *after, const double *tape, const double *d_after, bool carousel,
                           double *d_before, double *d_theta, double *room);

/* Forward along a direction: t_before (S) is the change of the state before; parameter `k` changes by one, none with
 * SIZE_MAX; t_after (S) is the change of the state after, to first order. `room` has 2·G·H. */
void rapt__plain_step_along(const rapt__plain_cell *cell, const double *theta, const double *x, const double *before,
                            const double *after, const double *tape, const double *t_before, size_t k, double *t_after,
                            double *room);

/* The loss by an output, (P), added to the loss by the state that gives it. */
void rapt__plain_output_back(const rapt__plain_cell *cell, const double *state, const double *d_out, double *d_state);

#endif
