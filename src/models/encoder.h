/* What an encoder is to the rest of the library: a network that reads whole sequences of tokens, both ways, and leaves a state for
 * each token. */
#ifndef RAPT_SRC_MODELS_ENCODER_H
#define RAPT_SRC_MODELS_ENCODER_H

#include "models/seq2seq.h"

typedef struct rapt__encoder_pass {
  rapt_graph *graph;
  rapt_params *params;
  const void *config;
  bool training;        /* dropout on */
  bool taps;            /* attention probabilities are kept, as taps under their layer's name + ".probs" */
  rapt_tensor *tokens;  /* int32 (B, T) */
  rapt_tensor *types;   /* int32 (B, T): 0 for a first text, 1 for a second one */
  rapt_tensor *lengths; /* int32 (B), each at least 1 */
} rapt__encoder_pass;

typedef struct rapt__encoder {
  rapt_tensor *(*hidden)(const rapt__encoder_pass *pass); /* (B, T, C) */
  /* States (…, C) → what the masked tokens are: an output head; or NULL: the class has none. */
  rapt__output (*masked)(const rapt__encoder_pass *pass, rapt_tensor *states);
  /* States (B, T, C) → one vector (B, C) for the sequence, as it was trained with; or NULL. */
  rapt_tensor *(*pooled)(const rapt__encoder_pass *pass, rapt_tensor *states);
  int64_t (*width)(const void *config); /* C */
} rapt__encoder;

#endif
