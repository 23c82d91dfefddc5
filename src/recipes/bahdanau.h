/* What the recipe bahdanau looks into beside BLEU: long sentences, and words that change places. */
#ifndef RAPT_SRC_RECIPES_BAHDANAU_H
#define RAPT_SRC_RECIPES_BAHDANAU_H

#include "recipes/findings.h"
#include "recipes/translation.h"

/* ---- bahdanau_swaps.c: adjectives that French puts behind the noun ---- */

/* A sentence and its translation as tokens, and where the decoder looked: (target_count, source_count). */
typedef struct rapt__aligned {
  const char *const *source, *const *target; /* tokens as text */
  int64_t source_count, target_count;
  const float *weights;
} rapt__aligned;

/* An English adjective of the list at source[adjective], a noun behind it, and in the translation a form of its French
 * counterpart at target[french] with a word before it that can be the noun. */
typedef struct rapt__swap {
  int64_t adjective, french;
  int64_t looked[2]; /* for the noun's word and the adjective's: the source word of greatest weight */
  bool
      crosswise; /* the adjective's word looked at the adjective, the one before it at the noun's first or second word */
} rapt__swap;

/* The swaps of a sentence, at most `most`; *pairs grows by the adjectives with a noun in the source. Adjectives that come more than
 * once, on either side, are left out: it would not be clear which belongs to which. */
int rapt__find_swaps(const rapt__aligned *sentence, int most, rapt__swap *out, size_t *pairs);

typedef struct rapt__swaps {
  size_t pairs, count, crosswise; /* adjectives with a noun; of them changed places; of them aligned crosswise */
  rapt__text examples;
} rapt__swaps;
/* Translates the test text and counts. examples.data of an initialized text stays the caller's, after a failure too. */
rapt_status rapt__count_swaps(const rapt__system *system, rapt__swaps *out);

#endif
