/* y = b + W e + U tanh(d + H e), e the rows of C side by side. */
#include "models/nplm.h"

#include <math.h>
#include <rapt/ops.h>

/* The rows that the softmax multiplies, x = (tanh(d + H e), [e,] 1), and their weights, head = (U, [W,] b), so that one
 * product makes all of y. */
static rapt_tensor *output_rows(const rapt__nplm *net, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                                rapt_tensor **head) {
  int64_t v = net->words, m = net->features, h = net->hidden, width = (net->order - 1) * m;
  int64_t rows = rapt_dim(context, 0);
  /* One row more than there are words: <s>, which stands before a sentence and is never guessed. */
  rapt_tensor *c = rapt_param(graph, params, "C", 2, (int64_t[]){v + 1, m}, (rapt_init){RAPT_INIT_NORMAL, 0.1, false});
  rapt_init init = {RAPT_INIT_NORMAL, 1 / sqrt((double)width), false}, zeros = {RAPT_INIT_ZEROS, 0, true};
  rapt_tensor *hidden = rapt_param(graph, params, "H", 2, (int64_t[]){h, width}, init);
  rapt_tensor *d = rapt_param(graph, params, "d", 1, &h, zeros);
  rapt_tensor *u = rapt_param(graph, params, "U", 2, (int64_t[]){v, h}, (rapt_init){RAPT_INIT_NORMAL, 0.02, false});
  rapt_tensor *b = rapt_reshape(rapt_param(graph, params, "b", 1, &v, zeros), 2, (int64_t[]){v, 1});
  rapt_tensor *e = rapt_reshape(rapt_embedding(c, context), 2, (int64_t[]){rows, width});
  rapt_tensor *a = rapt_linear(e, hidden, true, d, RAPT_TANH), *one = rapt_fill(graph, 1, 2, (int64_t[]){rows, 1});
  if (!net->direct) {
    *head = rapt_concat((rapt_tensor *[]){u, b}, 2, 1);
    return rapt_concat((rapt_tensor *[]){a, one}, 2, 1);
  }
  rapt_tensor *w = rapt_param(graph, params, "W", 2, (int64_t[]){v, width}, (rapt_init){RAPT_INIT_ZEROS});
  *head = rapt_concat((rapt_tensor *[]){u, w, b}, 3, 1);
  return rapt_concat((rapt_tensor *[]){a, e, one}, 3, 1);
}

rapt_tensor *rapt__nplm_loss(const rapt__nplm *net, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                             rapt_tensor *labels) {
  rapt_tensor *head, *x = output_rows(net, graph, params, context, &head);
  return rapt_linear_cross_entropy(x, head, labels, NULL);
}

rapt_tensor *rapt__nplm_log_probs(const rapt__nplm *net, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                                  rapt_tensor *labels) {
  rapt_tensor *head, *x = output_rows(net, graph, params, context, &head);
  rapt_tensor *scores = rapt_linear(x, head, true, NULL, RAPT_IDENTITY);
  return rapt_sub(rapt_gather(scores, labels), rapt_logsumexp(scores));
}
