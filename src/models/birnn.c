/* Forward and backward states side by side under one output layer. */
#include "models/birnn.h"

#include "nn/recurrent.h"

#include <math.h>

rapt_tensor *rapt__birnn_outputs(const rapt__birnn *net, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                                 rapt_tensor *lengths) {
  const rapt__layers l = {graph, params};
  int64_t directions = net->direction == RAPT__BOTH ? 2 : 1, rows = rapt_dim(x, 1);
  rapt_init zeros = {RAPT_INIT_ZEROS, 0, true};
  rapt__nn_recurrent_options o = {.units = net->units,
                                  .bidirectional = net->direction == RAPT__BOTH,
                                  .reverse = net->direction == RAPT__BACKWARD,
                                  .lengths = lengths};
  int64_t one[3] = {directions, 1, net->units}, all[3] = {directions, rows, net->units};
  o.h0 = rapt_broadcast(rapt_param(graph, params, "start.h", 3, one, zeros), 3, all);
  if (net->cell == RAPT_LSTM) o.c0 = rapt_broadcast(rapt_param(graph, params, "start.c", 3, one, zeros), 3, all);
  rapt_tensor *h = rapt__nn_recurrent(&l, "rnn", net->cell, x, &o);
  return rapt__nn_linear(&l, "output", h, net->outputs, true, true, 1 / sqrt((double)(directions * net->units)),
                         RAPT_IDENTITY);
}

int64_t rapt__birnn_size(const rapt__birnn *net, int64_t inputs) {
  int64_t directions = net->direction == RAPT__BOTH ? 2 : 1, n = net->units;
  int64_t gates = net->cell == RAPT_LSTM       ? 4
                  : net->cell <= RAPT_RNN_RELU ? 1
                                               : 3,
          states = net->cell == RAPT_LSTM ? 2 : 1;
  return directions * (gates * n * (inputs + n + 2) + states * n + n * net->outputs) + net->outputs;
}
