/* Minimum error rate training (Och 2003): weights that give the highest BLEU (Papineni et al. 2002) of the best
 * entries of n-best lists. Along a line of weights every entry's score is linear, so that the best entry of a
 * sentence changes only where the upper envelope of these lines has a corner; between two corners of all sentences
 * BLEU is constant, and is computed exactly for every such stretch. */
#ifndef RAPT_SRC_PBMT_TUNE_H
#define RAPT_SRC_PBMT_TUNE_H

#include "pbmt/nbest.h"

/* What BLEU needs of a translation, for n-grams of 1 to 4 words: how many there are, and how many of them the reference
 * has too, each at most as often as there; words of the reference. */
typedef struct rapt__pbmt_counts {
  int32_t all[4], match[4], reference;
} rapt__pbmt_counts;

rapt__pbmt_counts rapt__pbmt_count(const int32_t *words, size_t length, const int32_t *reference,
                                   size_t reference_length);
/* Adds `times` the counts; -1 takes them back. */
void rapt__pbmt_counts_add(rapt__pbmt_counts *sum, const rapt__pbmt_counts *more, int times);
/* BLEU with n-grams of up to four words and one reference, 0 to 100; 0 when some order has no match. */
double rapt__pbmt_bleu(const rapt__pbmt_counts *sum);

/* BLEU of the chosen entries, best[s] as from rapt__pbmt_nbest_pick; an empty list counts as the empty translation. */
double rapt__pbmt_bleu_of(const rapt__pbmt_nbest *lists, const size_t *best, const rapt__pbmt_text *references);

typedef struct rapt__pbmt_tuning {
  int starts;        /* searches from random weights besides the one from those given */
  int passes;        /* over all features, at most, in each search */
  int directions;    /* random ones that every pass tries besides the features; 0: none */
  uint64_t seed;     /* of the random weights and directions */
  const bool *fixed; /* (columns) weights that stay as they are, or NULL */
} rapt__pbmt_tuning;

#define RAPT__PBMT_TUNING_DEFAULTS ((rapt__pbmt_tuning){.starts = 5, .passes = 10, .seed = 1})

/* weights (columns) are where the search begins and are replaced by the best found, scaled so that the magnitudes of
 * those not fixed add up to 1; *bleu gets theirs. */
rapt_status rapt__pbmt_tune_weights(const rapt__pbmt_nbest *lists, const rapt__pbmt_text *references,
                                    const rapt__pbmt_tuning *tuning, double *weights, double *bleu);

/* Rescoring: adds a feature under a name to both sets of lists, tunes all weights anew on the first set (weights holds `columns`
 * values going in and one more coming out, the new one from 0), and chooses the best entries of the second. */
rapt_status rapt__pbmt_rescore(const char *name, rapt__pbmt_nbest *dev, const double *dev_values,
                               const rapt__pbmt_text *dev_references, rapt__pbmt_nbest *test, const double *test_values,
                               const rapt__pbmt_tuning *tuning, double *weights, size_t *best);

#endif
