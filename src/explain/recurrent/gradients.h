/* Gradients of plain recurrent cells over a whole sequence, in every way that the tutorials teach: backpropagation through
 * time, the same cut into stretches, real-time recurrent learning, and differences. */
#ifndef RAPT_SRC_EXPLAIN_RECURRENT_GRADIENTS_H
#define RAPT_SRC_EXPLAIN_RECURRENT_GRADIENTS_H

#include "explain/recurrent/cells.h"

/* A sequence and its loss Σ_t ⟨d_out_t, output_t⟩. All of it belongs to the caller. */
typedef struct rapt__plain_sequence {
  const rapt__plain_cell *cell;
  const double *theta; // (count)
  size_t steps;        // T
  const double *x;     // (T + L − 1, I); step t sees rows t … t + L − 1
  const double *d_out; // (T, P)
  const double *start; // (S), or NULL: zeros
} rapt__plain_sequence;

/* What a forward run leaves, in the arena. */
typedef struct rapt__plain_run {
  double *states; // (T + 1, S)
  double *tapes;  // (T, tape)
  double loss;
} rapt__plain_run;

rapt_status rapt__plain_forward(rapt__arena *arena, const rapt__plain_sequence *s, rapt__plain_run *run);
/* Backpropagation through time (Werbos 1990). `stretch` > 0: truncated, so that no gradient passes from a stretch of so many
 * steps into the one before it, while the state does; 0: none. d_theta (count) is overwritten. */
rapt_status rapt__plain_bptt(rapt__arena *arena, const rapt__plain_sequence *s, const rapt__plain_run *run,
                             size_t stretch, double *d_theta);
/* Real-time recurrent learning (Williams & Zipser 1989): beside the state, its derivative by every parameter goes from step
 * to step, so that the gradient of each step's loss is there at once and no step before is kept. */
rapt_status rapt__plain_rtrl(rapt__arena *arena, const rapt__plain_sequence *s, double *d_theta);
/* Central differences of every `stride`-th parameter: the largest error of d_theta, relative to the element or to a thousandth
 * of the largest one if it is smaller. */
rapt_status rapt__plain_differences(rapt__arena *arena, const rapt__plain_sequence *s, const double *d_theta,
                                    size_t stride, double *worst);

/* norms[t], (T): the largest singular value of the derivative of the last state by the state after step t, t = 0 … T − 1; of
 * outputs h, or with `cells` of c. `carousel`: only through the path from c to c. */
rapt_status rapt__plain_flow(rapt__arena *arena, const rapt__plain_sequence *s, const rapt__plain_run *run, bool cells,
                             bool carousel, double *norms);

/* Uniform in ±1/√units, as torch starts its layers; from a stream of the seed. */
void rapt__plain_draw(const rapt__plain_cell *cell, uint64_t seed, uint64_t stream, double *theta);

#endif
