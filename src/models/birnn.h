/* A recurrent layer that reads a sequence forwards, backwards or both ways, and answers at every frame (Schuster &
 * Paliwal 1997). It answers frames and no text, so it is no rapt__model. */
#ifndef RAPT_SRC_MODELS_BIRNN_H
#define RAPT_SRC_MODELS_BIRNN_H

#include <rapt/ops.h>

typedef enum rapt__direction { RAPT__FORWARD, RAPT__BACKWARD, RAPT__BOTH } rapt__direction;

typedef struct rapt__birnn {
  rapt_cell cell;
  rapt__direction direction;
  int64_t units; /* of each direction */
  int64_t outputs;
} rapt__birnn;

/* x (T, B, inputs), lengths int32 (B) → (T, B, outputs). The state before the first frame of each direction is
 * learnt. */
rapt_tensor *rapt__birnn_outputs(const rapt__birnn *net, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                                 rapt_tensor *lengths);
/* Parameters of such a net. */
int64_t rapt__birnn_size(const rapt__birnn *net, int64_t inputs);

#endif
