/* The network: tables, one or two directions, an LSTM above them, an output layer. */
#include "models/aligned_rnn.h"

#include "nn/classes.h"
#include "nn/recurrent.h"

#include <math.h>

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

static rapt__class_head head_of(const rapt__aligned_rnn *net, const rapt__layers *l, const rapt_tensor *h) {
  int64_t width = rapt_dim(h, -1);
  return rapt__nn_class_head(l, "head", net->targets, width, net->classes, 1 / sqrt((double)width));
}

rapt_tensor *rapt__aligned_loss(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params, bool training,
                                const rapt__aligned_inputs *in) {
  const rapt__layers l = {graph, params};
  rapt_tensor *h = states(net, &l, training, in), *ones = rapt_fill(graph, 1, 2, (int64_t[]){net->targets, 1});
  rapt__class_head head = head_of(net, &l, h);
  rapt_tensor *sum = rapt__nn_class_loss(&head, h, in->labels, 0);
  return rapt_div(sum, rapt_sum(rapt_embedding(ones, in->labels), RAPT_ALL, false));
}

rapt_tensor *rapt__aligned_log_probs(const rapt__aligned_rnn *net, rapt_graph *graph, rapt_params *params,
                                     const rapt__aligned_inputs *in) {
  const rapt__layers l = {graph, params};
  rapt_tensor *h = states(net, &l, false, in);
  rapt__class_head head = head_of(net, &l, h);
  return rapt__nn_class_label_log_probs(&head, h, in->labels);
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
