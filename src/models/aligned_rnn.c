/* The network: tables, one or two directions, an LSTM above them, an output layer. */
#include "models/aligned_rnn.h"

#include "nn/recurrent.h"

#include <math.h>

enum { IGNORED = -100 };

/* The sum of the vectors of a step's words, (T, B, features). */
static rapt_tensor *look_up(const rapt__aligned_rnn *net, const rapt__layers *l, const char *name, int64_t count,
                            rapt_tensor *ids) {
  rapt_tensor *x = rapt_embedding(rapt__nn_table(l, name, count, net->features, 0.1), ids);
  return rapt_sum(x, 2, false);
}

static rapt_tensor *lstm(const rapt__aligned_rnn *net, const rapt__layers *l, const char *name, rapt_tensor *x,
                         rapt_tensor *lengths, bool reverse) {
  return rapt__nn_lstm(l, name, x,
                       &(rapt__nn_recurrent_options){.units = net->units, .reverse = reverse, .lengths = lengths});
}

/* The states under the output layer, (T, B, places, C). */
static rapt_tensor *states(const rapt__aligned_rnn *net, const rapt__layers *l, bool training,
                           const rapt__aligned_inputs *in) {
  double dropout = training ? net->dropout : 0;
  rapt_tensor *source = net->sources ? look_up(net, l, "source_table", net->sources, in->source) : NULL;
  rapt_tensor *target = net->history ? look_up(net, l, "target_table", net->targets, in->before) : NULL;
  rapt_tensor *x = source && target ? rapt_add(source, target) : source ? source : target;
  rapt_tensor *h = lstm(net, l, "forward", rapt_dropout(x, dropout), in->lengths, false);
  if (net->bidirectional) {
    rapt_tensor *back = lstm(net, l, "backward", rapt_dropout(source, dropout), in->lengths, true);
    h = rapt_concat((rapt_tensor *[]){h, back}, 2, 2);
  }
  if (net->deep) h = lstm(net, l, "above", rapt_dropout(h, dropout), in->lengths, false);
  h = rapt_dropout(h, dropout);
  int64_t places = rapt__aligned_places(net), t = rapt_dim(in->labels, 0), b = rapt_dim(in->labels, 1);
  if (places > 1)
    h = rapt__nn_linear(l, "places", h, places * net->units, true, true, 1 / sqrt((double)net->units), RAPT_TANH);
  return rapt_reshape(h, 4, (int64_t[]){t, b, places, -1});
}

static rapt_tensor *logits(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params, bool training,
                           const rapt__aligned_inputs *in) {
  const rapt__layers l = {graph, params};
  rapt_tensor *h = states(net, &l, training, in);
  return rapt__nn_linear(&l, "head", h, net->targets, true, true, 1 / sqrt((double)net->units), RAPT_IDENTITY);
}

rapt_tensor *rapt__aligned_loss(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params, bool training,
                                const rapt__aligned_inputs *in) {
  return rapt_cross_entropy(logits(net, graph, params, training, in), in->labels, NULL);
}

/* 1 where a label counts, else 0. */
static rapt_tensor *counts(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_tensor *labels) {
  rapt_tensor *ones = rapt_fill(graph, 1, 2, (int64_t[]){net->targets, 1});
  return rapt_reshape(rapt_embedding(ones, labels), 3, rapt_dims(labels));
}

rapt_tensor *rapt__aligned_log_probs(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params,
                                     const rapt__aligned_inputs *in) {
  rapt_tensor *y = logits(net, graph, params, false, in);
  return rapt_mul(rapt_sub(rapt_gather(y, in->labels), rapt_logsumexp(y)), counts(net, graph, in->labels));
}

void rapt__aligned_start(const rapt__aligned_rnn *net, rapt_params *params) {
  static const char *const names[] = {"forward.bias_ih_l0", "backward.bias_ih_l0", "above.bias_ih_l0"};
  for (int n = 0; n < 3; n++) {
    rapt_real *bias = NULL;
    int64_t index = rapt_params_find(params, names[n]);
    if (index < 0 || rapt_params_get(params, index, NULL, NULL, NULL, &bias) != RAPT_OK) continue;
    for (int64_t j = 0; j < net->units; j++) bias[net->units + j] += 1;
  }
}
