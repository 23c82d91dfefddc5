/* What the heads of a Transformer look at. */
#ifndef RAPT_SRC_RECIPES_TRANSFORMER_HEADS_H
#define RAPT_SRC_RECIPES_TRANSFORMER_HEADS_H

#include "recipes/translation.h"

/* The head that does a thing most, and how much of its weight goes there in the mean over test sentences. */
typedef struct rapt__specialist {
  double share;
  const char *kind; /* static */
  int64_t layer, head;
} rapt__specialist;

typedef struct rapt__head_habits {
  rapt__specialist previous; /* the token before, of heads that look at their own side */
  rapt__specialist pointing; /* the largest weight of a row, of heads that look from decoder to encoder */
  int64_t sentences;
} rapt__head_habits;

rapt_status rapt__head_habits_measure(const rapt__system *system, int64_t sentences, rapt__head_habits *out);
/* Heat maps of every head for one test sentence. */
rapt_status rapt__head_pictures(const rapt__system *system, size_t pair, rapt__text *svg);

#endif
