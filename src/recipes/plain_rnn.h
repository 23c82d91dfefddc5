/* The recurrent net that LSTM is held against: one layer of units that see each other's last activations, and logistic outputs.
 *
 *   h(t) = tanh(W [1; h(t−1); x(t)])       o(t) = σ(V [1; h(t)])       E(t) = ½ Σ (target − o)²
 *
 * Three gradients of E(t): Elman's takes h(t−1) as given; that through time goes back to the start of the sequence; RTRL carries
 * ∂h/∂W forward. The last two differ only if weights change inside a sequence. */
#ifndef RAPT_SRC_PLAIN_RNN_H
#define RAPT_SRC_PLAIN_RNN_H

#include "recipes/lstm1997.h"

typedef enum rapt__plain_method { RAPT__PLAIN_ELMAN, RAPT__PLAIN_THROUGH_TIME, RAPT__PLAIN_RTRL } rapt__plain_method;

typedef struct rapt__plain_rnn {
  int inputs, hidden, outputs, row; /* row = 1 + hidden + inputs */
  int longest;                      /* steps of a sequence that learning through time may go back */
  rapt__plain_method method;
  bool entropy, linear;   /* as of rapt__lstm1997_shape; may be set after _new */
  double *weights;        /* owned, with all that follows: (hidden, row): bias, h(t−1), inputs */
  double *outward;        /* (outputs, 1 + hidden): bias, h */
  double *past;           /* (longest + 1, hidden): h(0) … h(t); without learning through time h(t−1) and h(t) */
  double *change;         /* (hidden, row): gradient through time before it is added */
  double *trace, *traced; /* RTRL: (hidden, hidden, row): ∂h_k(t)/∂w_ij, and room for the next one */
  double *out, *e;        /* (outputs), (2, hidden) */
  rapt__sparse *seen;     /* owned: (longest): inputs of the steps so far, whose arrays are borrowed */
  int t;                  /* steps so far */
} rapt__plain_rnn;

/* `longest`: of a sequence; what lies behind it is not learnt from by learning through time. */
rapt_status rapt__plain_rnn_new(rapt_context *ctx, int inputs, int hidden, int outputs, int longest,
                                rapt__plain_method method, rapt__plain_rnn *net);
void rapt__plain_rnn_free(rapt_context *ctx, rapt__plain_rnn *net);
/* Weights and biases are uniform in [−range, range]. */
void rapt__plain_rnn_start(rapt__plain_rnn *net, uint64_t seed, double range);
int rapt__plain_rnn_weight_count(const rapt__plain_rnn *net);
void rapt__plain_rnn_reset(rapt__plain_rnn *net);
/* With `learning` and learning through time the arrays of x must stay until the sequence ends. */
void rapt__plain_rnn_step(rapt__plain_rnn *net, const rapt__sparse *x, bool learning);
const double *rapt__plain_rnn_outputs(rapt__plain_rnn *net);
/* `clip`: a gradient through time of the recurrent layer that is longer than this is shortened to it; 0: never. */
void rapt__plain_rnn_learn(rapt__plain_rnn *net, const double *target, double rate, double clip);

#endif
