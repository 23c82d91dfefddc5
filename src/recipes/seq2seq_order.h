/* Whether the vector of a sentence says in which order its words come. */
#ifndef RAPT_SRC_RECIPES_SEQ2SEQ_ORDER_H
#define RAPT_SRC_RECIPES_SEQ2SEQ_ORDER_H

#include "recipes/translation.h"

/* Mean distances between vectors of sentences. */
typedef struct rapt__word_order {
  double shuffled; /* of a sentence and its own words in another order; 0 for a bag of words */
  double other;    /* of a sentence and another one */
  int64_t sentences;
} rapt__word_order;

/* Over validation sentences of at least four words; none: zeros. */
rapt_status rapt__word_order_measure(const rapt__system *system, rapt__word_order *out);
/* Sentences that differ in who does what, on two principal axes. Appends nothing where the source is not German. */
rapt_status rapt__word_order_picture(const rapt__system *system, rapt__text *svg);

#endif
