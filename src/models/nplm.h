/* The network of a neural probabilistic language model (Bengio et al. 2003), whose parameters have the paper's letters. It
 * reads a fixed number of words and guesses one, so it is no rapt__model, which reads sequences. */
#ifndef RAPT_SRC_MODELS_NPLM_H
#define RAPT_SRC_MODELS_NPLM_H

#include "graph/graph.h"

typedef struct rapt__nplm {
  int64_t words, order, features, hidden; /* |V|, n, m, h */
  bool direct;                            /* with W */
} rapt__nplm;

/* context: int32 (rows, n − 1), word ids or `words` for what stands before a sentence; labels: int32 (rows), −100 where
 * nothing is to be guessed. The mean loss (). */
rapt_tensor *rapt__nplm_loss(const rapt__nplm *net, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                             rapt_tensor *labels);
/* The logarithm of each label's probability: (rows). Every label is a word. */
rapt_tensor *rapt__nplm_log_probs(const rapt__nplm *net, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                                  rapt_tensor *labels);

#endif
