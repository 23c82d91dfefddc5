/* Decoding: the search for the translations with the highest weighted sum of features (Och and Ney 2004; Koehn, Och
 * and Marcu 2003). A hypothesis translates the source phrase by phrase, in any order within the distortion limit,
 * and grows its translation from left to right. Hypotheses with the same number of source words translated share a
 * stack; those that nothing later can tell apart (same words translated, same last phrase's end, same state of the
 * language model) are recombined. Stacks are pruned by the score so far plus an estimate of what the rest will cost. */
#ifndef RAPT_SRC_PBMT_DECODE_H
#define RAPT_SRC_PBMT_DECODE_H

#include "pbmt/nbest.h"
#include "pbmt/phrases.h"
#include "tasks/ngram.h"

#define RAPT__PBMT_LONGEST_INPUT 256 /* words of a sentence to translate */

typedef struct rapt__pbmt_search {
  int stack;        /* hypotheses kept on a stack; 0: all */
  double threshold; /* how far below the best of its stack a hypothesis may be; INFINITY: any */
  int distortion;   /* words between the end of a phrase and the start of the next; -1: any */
  int options;      /* targets of a source phrase that are tried; 0: all in the table */
} rapt__pbmt_search;

#define RAPT__PBMT_SEARCH_DEFAULTS                                                                                     \
  ((rapt__pbmt_search){.stack = 100, .threshold = 11.5, .distortion = 6, .options = 20})

/* Everything is borrowed. */
typedef struct rapt__pbmt_decoder {
  rapt_context *ctx;
  const rapt__pbmt_phrases *phrases;
  const rapt__ngram *lm; /* trained on sentences that end with `end` */
  int32_t end;
  const int32_t *copy; /* (source_vocab) the target word that a source word becomes when it is copied */
  int32_t source_vocab;
  double weights[RAPT__PBMT_MOST_COLUMNS]; /* of phrases->columns */
  rapt__pbmt_search search;
} rapt__pbmt_decoder;

/* Adds the `n` best translations of a sentence with different words to `lists`, and ends the sentence. A source word
 * for which there is no phrase of one word may be copied. The lists have the columns of the table. *score, if not NULL, gets the best sum found. RAPT_EINVAL
 * for lists with other columns and for a sentence of more than RAPT__PBMT_LONGEST_INPUT words; the empty sentence becomes the empty translation. */
rapt_status rapt__pbmt_decode(const rapt__pbmt_decoder *decoder, const int32_t *words, size_t length, size_t n,
                              rapt__pbmt_nbest *lists, double *score);

#endif
