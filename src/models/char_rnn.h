/* A recurrent network over symbols: a table of vectors, one recurrent layer of some kind, an output layer. It reads a text in
 * pieces and hands its state from one to the next (tasks/recurrent_lm.h), so it is no rapt__model, which reads windows. */
#ifndef RAPT_SRC_MODELS_CHAR_RNN_H
#define RAPT_SRC_MODELS_CHAR_RNN_H

#include "graph/params.h"

enum { RAPT__CHAR_RNN_WINDOW = 8 }; /* inputs of an augmented LSTM, at most */

typedef enum rapt__char_rnn_kind {
  RAPT__CHAR_RNN,
  RAPT__CHAR_GRU,
  RAPT__CHAR_LSTM,
  RAPT__CHAR_PEEPHOLES,
  RAPT__CHAR_AUGMENTED
} rapt__char_rnn_kind;

typedef struct rapt__char_rnn {
  rapt__char_rnn_kind kind;
  int64_t symbols, features, units; /* V, width of a symbol's vector, H */
  int64_t projection, window;       /* augmented only: P, L */
} rapt__char_rnn;

/* States that it carries, and their widths: h, and c of an LSTM. */
int rapt__char_rnn_states(const rapt__char_rnn *net, int64_t width[2]);
/* Numbers of parameters. */
int64_t rapt__char_rnn_count(const rapt__char_rnn *net);
/* ids int32 (T + L − 1, B), before[i] (B, width) → (T, B, P), the states that follow in after[i], the output's weight (V, P)
 * and bias (V). */
rapt_tensor *rapt__char_rnn_hidden(const rapt__char_rnn *net, rapt_graph *graph, rapt_params *params, rapt_tensor *ids,
                                   rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head,
                                   rapt_tensor **bias);
/* After rapt_params_start: adds one to the biases of forget gates, so that cells begin by keeping what they have (Gers et al.
 * 2000 ask for a positive bias). */
void rapt__char_rnn_start(const rapt__char_rnn *net, rapt_params *params);

#endif
