/* A class-factored output layer (Goodman 2001; Mikolov et al. 2011): p(w | x) = p(class of w | x)·p(w | its class, x).
 * With about √V classes of equal size a word of a training text costs 2·√V products instead of V.
 *
 * A class is a range of ids. Where ids are ordered by frequency, as those of tokenizers of words are, classes are ranges of
 * frequency. */
#ifndef RAPT_SRC_NN_CLASSES_H
#define RAPT_SRC_NN_CLASSES_H

#include "nn/nn.h"

typedef struct rapt__class_head {
  rapt_graph *graph;
  int64_t vocabulary, classes, size;      /* words of a class; the last one may have fewer */
  rapt_tensor *class_weight, *class_bias; /* (classes, C), (classes) */
  rapt_tensor *weight, *bias;             /* (V, C), (V) */
} rapt__class_head;

/* Declares NAME.class.weight, NAME.class.bias, NAME.weight and NAME.bias for states of `width`; weights start uniform
 * in ±`init`, biases as zeros. classes = 0: √V, rounded up. Fewer come out where so many of equal size do not fit. */
rapt__class_head rapt__nn_class_head(const rapt__layers *l, const char *name, int64_t vocabulary, int64_t width,
                                     int64_t classes, double init);
/* The sum of −log p over labels (…) that are not −100, for x (…, C). Label smoothing spreads over all words, and needs
 * the probabilities of all. */
rapt_tensor *rapt__nn_class_loss(const rapt__class_head *head, rapt_tensor *x, rapt_tensor *labels, double smoothing);
/* log p of each label (…), and 0 for −100. */
rapt_tensor *rapt__nn_class_label_log_probs(const rapt__class_head *head, rapt_tensor *x, rapt_tensor *labels);
/* log p(w | x) of all words: (…, V). */
rapt_tensor *rapt__nn_class_log_probs(const rapt__class_head *head, rapt_tensor *x);

#endif
