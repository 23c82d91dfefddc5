/* The class-factored output layer. */
#include "nn/classes.h"

#include <math.h>
#include <stdio.h>

enum { IGNORED = -100 };
static const double never = -1e9; /* the score of places in the last class that no word has: its exponential is 0 */

static rapt_tensor *declare(const rapt__layers *l, const char *name, const char *part, int64_t rows, int64_t width,
                            double init) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", name, part);
  if (width == 0) return rapt_param(l->graph, l->params, full, 1, &rows, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return rapt_param(l->graph, l->params, full, 2, (int64_t[]){rows, width},
                    (rapt_init){RAPT_INIT_UNIFORM, init, false});
}

rapt__class_head rapt__nn_class_head(const rapt__layers *l, const char *name, int64_t vocabulary, int64_t width,
                                     int64_t classes, double init) {
  rapt__class_head h = {.graph = l->graph, .vocabulary = vocabulary};
  int64_t wanted = classes > 0 ? classes : (int64_t)ceil(sqrt((double)vocabulary));
  if (wanted > vocabulary) wanted = vocabulary;
  h.size = (vocabulary + wanted - 1) / wanted;
  h.classes = (vocabulary + h.size - 1) / h.size;
  h.class_weight = declare(l, name, "class.weight", h.classes, width, init);
  h.class_bias = declare(l, name, "class.bias", h.classes, 0, 0);
  h.weight = declare(l, name, "weight", vocabulary, width, init);
  h.bias = declare(l, name, "bias", vocabulary, 0, 0);
  return h;
}

/* (classes, size): the words' bias, and `never` behind the last word. */
static rapt_tensor *bias_by_class(const rapt__class_head *h) {
  int64_t absent = h->classes * h->size - h->vocabulary;
  rapt_tensor *bias = h->bias;
  if (absent > 0) bias = rapt_concat((rapt_tensor *[]){bias, rapt_fill(h->graph, never, 1, &absent)}, 2, 0);
  return rapt_reshape(bias, 2, (int64_t[]){h->classes, h->size});
}

rapt_tensor *rapt__nn_class_log_probs(const rapt__class_head *h, rapt_tensor *x) {
  int64_t rows = 1, dims[RAPT_MAX_DIMS];
  int ndim = rapt_ndim(x);
  for (int i = 0; i < ndim - 1; i++) rows *= dims[i] = rapt_dim(x, i);
  dims[ndim - 1] = h->vocabulary;
  x = rapt_reshape(x, 2, (int64_t[]){rows, rapt_dim(x, -1)});
  rapt_tensor *classes = rapt_log_softmax(rapt_linear(x, h->class_weight, true, h->class_bias, RAPT_IDENTITY));
  rapt_tensor *words = rapt_linear(x, h->weight, true, NULL, RAPT_IDENTITY);
  words = rapt_pad(words, 1, 0, h->classes * h->size - h->vocabulary);
  words = rapt_reshape(words, 3, (int64_t[]){rows, h->classes, h->size});
  words = rapt_log_softmax(rapt_add(words, bias_by_class(h)));
  words = rapt_add(words, rapt_reshape(classes, 3, (int64_t[]){rows, h->classes, 1}));
  words = rapt_reshape(words, 2, (int64_t[]){rows, h->classes * h->size});
  return rapt_reshape(rapt_slice(words, 1, 0, h->vocabulary), ndim, dims);
}

/* Scores of the classes, of the words of each label's class, and which class and which place in it a label has. */
typedef struct label_scores {
  rapt_tensor *classes, *words, *class, *place;
} label_scores;

static label_scores score_labels(const rapt__class_head *h, rapt_tensor *x, rapt_tensor *labels) {
  label_scores s;
  rapt_divide_ids(labels, h->size, &s.class, &s.place);
  s.classes = rapt_linear(x, h->class_weight, true, h->class_bias, RAPT_IDENTITY);
  s.words = rapt_block_linear(x, h->weight, s.class, h->size);
  s.words = rapt_add(s.words, rapt_embedding(bias_by_class(h), s.class));
  return s;
}

rapt_tensor *rapt__nn_class_loss(const rapt__class_head *h, rapt_tensor *x, rapt_tensor *labels, double smoothing) {
  rapt_cross_entropy_options options = {.label_smoothing = smoothing, .ignore = IGNORED, .sum = true};
  if (smoothing > 0) return rapt_cross_entropy(rapt__nn_class_log_probs(h, x), labels, &options);
  label_scores s = score_labels(h, x, labels);
  return rapt_add(rapt_cross_entropy(s.classes, s.class, &options), rapt_cross_entropy(s.words, s.place, &options));
}

static rapt_tensor *log_prob_at(rapt_tensor *scores, rapt_tensor *ids) {
  return rapt_sub(rapt_gather(scores, ids), rapt_logsumexp(scores));
}

rapt_tensor *rapt__nn_class_label_log_probs(const rapt__class_head *h, rapt_tensor *x, rapt_tensor *labels) {
  label_scores s = score_labels(h, x, labels);
  rapt_tensor *ones = rapt_fill(h->graph, 1, 2, (int64_t[]){h->classes, 1});
  rapt_tensor *counts = rapt_reshape(rapt_embedding(ones, s.class), rapt_ndim(labels), rapt_dims(labels));
  return rapt_mul(rapt_add(log_prob_at(s.classes, s.class), log_prob_at(s.words, s.place)), counts);
}
