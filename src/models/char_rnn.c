/* One recurrent layer between a table and a softmax. */
#include "models/char_rnn.h"

#include "nn/augmented.h"
#include "nn/recurrent.h"

#include <math.h>

static bool is_lstm(const rapt__char_rnn *net) { return net->kind >= RAPT__CHAR_LSTM; }
static int64_t output_of(const rapt__char_rnn *net) {
  return net->kind == RAPT__CHAR_AUGMENTED && net->projection ? net->projection : net->units;
}

int rapt__char_rnn_states(const rapt__char_rnn *net, int64_t width[2]) {
  width[0] = output_of(net);
  width[1] = net->units;
  return is_lstm(net) ? 2 : 1;
}

int64_t rapt__char_rnn_count(const rapt__char_rnn *net) {
  static const int64_t gates[] = {1, 3, 4, 4, 5}, peeps[] = {0, 0, 0, 3, 4};
  bool augmented = net->kind == RAPT__CHAR_AUGMENTED;
  int64_t h = net->units, p = output_of(net), fed = (augmented ? net->window : 1) * net->features,
          rows = gates[net->kind] * h;
  int64_t layer = rows * (fed + p + 2) + peeps[net->kind] * h + (augmented && net->projection ? p * h : 0);
  return net->symbols * net->features + layer + net->symbols * (p + 1);
}

static rapt_tensor *layer(const rapt__char_rnn *net, const rapt__layers *l, rapt_tensor *x, rapt_tensor *const *before,
                          rapt_tensor **after) {
  static const rapt_cell cells[] = {RAPT_RNN_TANH, RAPT_GRU, RAPT_LSTM, RAPT_LSTM};
  if (net->kind == RAPT__CHAR_AUGMENTED)
    return rapt__nn_augmented(l, "rnn", x, net->units, net->projection, net->window, before[0], before[1], &after[0],
                              &after[1]);
  int64_t rows = rapt_dim(before[0], 0), dims[3] = {1, rows, net->units};
  bool lstm = is_lstm(net);
  rapt__nn_recurrent_options o = {.units = net->units,
                                  .peepholes = net->kind == RAPT__CHAR_PEEPHOLES,
                                  .h0 = rapt_reshape(before[0], 3, dims),
                                  .h_n = &after[0]};
  if (lstm) o.c0 = rapt_reshape(before[1], 3, dims), o.c_n = &after[1];
  rapt_tensor *y = rapt__nn_recurrent(l, "rnn", cells[net->kind], x, &o);
  for (int i = 0; i < (lstm ? 2 : 1); i++) after[i] = rapt_reshape(after[i], 2, dims + 1);
  return y;
}

rapt_tensor *rapt__char_rnn_hidden(const rapt__char_rnn *net, rapt_graph *graph, rapt_params *params, rapt_tensor *ids,
                                   rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head,
                                   rapt_tensor **bias) {
  const rapt__layers l = {graph, params};
  int64_t p = output_of(net);
  rapt_init uniform = {RAPT_INIT_UNIFORM, 1 / sqrt((double)p), false};
  rapt_tensor *x = rapt_embedding(rapt__nn_table(&l, "table", net->symbols, net->features, 1), ids);
  rapt_tensor *y = layer(net, &l, x, before, after);
  *head = rapt_param(graph, params, "head.weight", 2, (int64_t[]){net->symbols, p}, uniform);
  *bias = rapt_param(graph, params, "head.bias", 1, &net->symbols, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return y;
}

void rapt__char_rnn_start(const rapt__char_rnn *net, rapt_params *params) {
  rapt_real *bias = NULL;
  int64_t index = is_lstm(net) ? rapt_params_find(params, "rnn.bias_ih_l0") : -1;
  if (index < 0 || rapt_params_get(params, index, NULL, NULL, NULL, &bias) != RAPT_OK) return;
  for (int64_t j = 0; j < net->units; j++) bias[net->units + j] += 1;
}
