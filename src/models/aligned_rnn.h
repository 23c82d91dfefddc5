/* Recurrent translation models over word-aligned sequences (Sundermeyer, Alkhouli, Wuebker and Ney 2014). Step i has a source
 * word f_i and a target word e_i:
 *
 *   x_i = E_f[f_i] + E_e[e_(i−1)]         →h = LSTM(x) from left to right
 *   z_i = E_f[f_i]                        ←h = LSTM(z) from right to left
 *   p(e_i | …) = p(class of e_i | [→h_i; ←h_i]) p(e_i | its class, [→h_i; ←h_i])
 *
 * Without ←h the model sees the source up to i, with it all of the source. Without E_e it does not see the target, without E_f
 * it is a language model. `deep` puts one more LSTM, from left to right, between [→h; ←h] and the softmax.
 *
 * Over phrases a step has up to `words` words on either side. Vectors of a phrase's words are added; the output reads
 * tanh(V_j [→h_i; ←h_i] + v_j) for word j of the target phrase, and a phrase ends with a token that says so. */
#ifndef RAPT_SRC_MODELS_ALIGNED_RNN_H
#define RAPT_SRC_MODELS_ALIGNED_RNN_H

#include "graph/params.h"

typedef struct rapt__aligned_rnn {
  int64_t sources, targets; /* vocabularies; sources = 0: a language model */
  int64_t features, units;
  int64_t classes;    /* of the output layer (nn/classes.h); 0: the root of the vocabulary */
  int64_t words;      /* of a phrase, at most; 1: a step is a word */
  bool history;       /* reads e_(i−1); a language model has to */
  bool bidirectional; /* has ←h */
  bool deep;
  double dropout; /* on what goes into the LSTMs above x and z, and into the softmax */
} rapt__aligned_rnn;

/* What a step can say: its words, and over phrases the end of the phrase. */
static inline int64_t rapt__aligned_places(const rapt__aligned_rnn *net) {
  return net->words == 1 ? 1 : net->words + 1;
}

typedef struct rapt__aligned_inputs {
  rapt_tensor *source;  /* int32 (T, B, words), −1 where no word is; not read by a language model */
  rapt_tensor *before;  /* int32 (T, B, words): the target of the step before; not read without history */
  rapt_tensor *lengths; /* int32 (B) */
  rapt_tensor *labels;  /* int32 (T, B, places), −100 where none counts */
} rapt__aligned_inputs;

/* The mean of −log p over the labels that count. */
rapt_tensor *rapt__aligned_loss(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params, bool training,
                                const rapt__aligned_inputs *in);
/* log p of every label, 0 where none counts: (T, B, places). */
rapt_tensor *rapt__aligned_log_probs(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params,
                                     const rapt__aligned_inputs *in);
/* After rapt_params_start: adds one to the biases of forget gates, so that cells begin by keeping what they have. */
void rapt__aligned_start(const rapt__aligned_rnn *net, rapt_params *params);

#endif
