/* The note's models built of the engine's ops, with the plain code's parameters as inputs: what the plain code is a
 * yardstick for. Results come back as doubles, gradients in the plain code's own structures. */
#ifndef RAPT_SRC_FORMAL_ENGINE_H
#define RAPT_SRC_FORMAL_ENGINE_H

#include "explain/formal/formal.h"

typedef struct rapt__formal_engine_result {
  rapt__formal_tokens states; /* what enters the unembedding */
  rapt__formal_tokens p;      /* (length, vocab): distributions */
  double loss;                /* of algorithms 11 to 13 */
} rapt__formal_engine_result;

/* Forward, loss and gradient of every parameter, as rapt__formal_d_loss and its sisters; memory is the arena's. `grad` is
 * overwritten. */
rapt_status rapt__formal_engine_d(rapt__arena *arena, rapt__formal_text x, const rapt__formal_d *theta,
                                  rapt__formal_d *grad, rapt__formal_engine_result *out);
rapt_status rapt__formal_engine_e(rapt__arena *arena, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                                  const rapt__formal_e *theta, rapt__formal_e *grad, rapt__formal_engine_result *out);
rapt_status rapt__formal_engine_ed(rapt__arena *arena, rapt__formal_text z, rapt__formal_text x,
                                   const rapt__formal_ed *theta, rapt__formal_ed *grad,
                                   rapt__formal_engine_result *out);

/* Single parts, forward only: `out` receives new memory. */
rapt_status rapt__formal_engine_attention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                          const rapt__formal_attention_params *params, rapt__formal_mask mask,
                                          rapt__formal_tokens *out);
rapt_status rapt__formal_engine_norm(rapt__arena *arena, rapt__formal_tokens x, const rapt__formal_norm_params *params,
                                     rapt__formal_tokens *out);

#endif
