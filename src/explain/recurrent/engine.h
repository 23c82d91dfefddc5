/* The engine's recurrent layers with a plain cell's numbers, so that the two can be held against each other. */
#ifndef RAPT_SRC_EXPLAIN_RECURRENT_ENGINE_H
#define RAPT_SRC_EXPLAIN_RECURRENT_ENGINE_H

#include "explain/recurrent/gradients.h"

/* Outputs (T, P) and the gradient d_theta (count) of the sequence's loss, by rapt_recurrent or, with a window or an external
 * gate, rapt__augmented_lstm. RAPT_EUNSUPPORTED for RAPT__PLAIN_DELAY, and for an augmented cell without a forget gate. */
rapt_status rapt__plain_engine(rapt__arena *arena, const rapt__plain_sequence *s, double *out, double *d_theta);

#endif
