/* Recurrent layers: stacks of rapt_recurrent with torch.nn's parameters. */
#ifndef RAPT_SRC_NN_RECURRENT_H
#define RAPT_SRC_NN_RECURRENT_H

#include "nn/nn.h"

enum { RAPT__NN_RECURRENT_LAYERS = 32 }; /* at most */

/* What is 0, false or NULL is off; L counts layers times directions, P is the projection or the number of units. */
typedef struct rapt__nn_recurrent_options {
  int64_t units;
  int64_t layers;     /* 0: one */
  bool bidirectional; /* y: forward, then backward units */
  bool reverse;       /* every layer in the other direction, from the last step of a row to its first */
  bool no_bias;
  double dropout; /* on what one layer hands to the next; 0 in evaluation */
  double zoneout_h, zoneout_c;
  bool zoneout_mean;
  double weight_noise;       /* standard deviation, on every parameter; one draw for all steps; 0 in evaluation */
  int64_t projection;        /* LSTM */
  bool no_forget, peepholes; /* LSTM */
  rapt_tensor *lengths;      /* int32 (B) */
  rapt_tensor *h0, *c0;      /* (L, B, P), (L, B, units); layer 0 forward, layer 0 backward, layer 1 … */
  rapt_tensor **h_n, **c_n;  /* get the last states, shaped alike */
} rapt__nn_recurrent_options;

/* x (T, B, I) → (T, B, P or 2·P). Parameters are named as in torch.nn.LSTM, GRU and RNN: NAME.weight_ih_l0,
 * weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0, with _reverse behind the number for the other direction, and
 * peephole_l0; all start uniform in ±1/√units. */
rapt_tensor *rapt__nn_recurrent(const rapt__layers *l, const char *name, rapt_cell cell, rapt_tensor *x,
                                const rapt__nn_recurrent_options *options);

static inline rapt_tensor *rapt__nn_lstm(const rapt__layers *l, const char *name, rapt_tensor *x,
                                         const rapt__nn_recurrent_options *options) {
  return rapt__nn_recurrent(l, name, RAPT_LSTM, x, options);
}
static inline rapt_tensor *rapt__nn_gru(const rapt__layers *l, const char *name, rapt_tensor *x,
                                        const rapt__nn_recurrent_options *options) {
  return rapt__nn_recurrent(l, name, RAPT_GRU, x, options);
}
static inline rapt_tensor *rapt__nn_rnn(const rapt__layers *l, const char *name, rapt_tensor *x,
                                        const rapt__nn_recurrent_options *options) {
  return rapt__nn_recurrent(l, name, RAPT_RNN_TANH, x, options);
}

#endif
