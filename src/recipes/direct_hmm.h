/* Parts of the recipe direct-hmm-mt: word alignments of the test text by a translator and by counting, and the lattice of
 * one sentence pair. */
#ifndef RAPT_SRC_RECIPES_DIRECT_HMM_H
#define RAPT_SRC_RECIPES_DIRECT_HMM_H

#include "recipes/translation.h"

/* ---- Word alignments ---- */

/* A test pair as a translator reads it, with the end on both sides; no tokens where it is too long. */
typedef struct rapt__aligned_pair {
  const int32_t *source, *target;
  int64_t source_count, target_count;
  const float *alignment; /* (target_count, source_count) of the reference */
} rapt__aligned_pair;

/* All pairs of the test text, in the run's arena. */
rapt_status rapt__align_references(const rapt__system *system, rapt__aligned_pair **out);
/* Links between words, a line a pair: each token's greatest position, as the words that both are parts of; none to the end. */
rapt_status rapt__word_links(const rapt__system *system, const rapt__aligned_pair *pairs, rapt__text *out);
/* Links of the test text by `rapt align`'s hidden Markov model, both directions joined, learnt from training and test text.
 * Leaves the text it read in the run directory. */
rapt_status rapt__statistical_links(rapt__run *run, const rapt__corpus *corpus, rapt__text *out);
/* 1 − F of the links, which is the alignment error rate with the first as sure links. */
rapt_status rapt__disagreement(rapt__run *run, const rapt__text *a, const rapt__text *b, double *out);

/* ---- One pair ---- */

/* Of a model "direct-hmm": logarithms that its sum is made of; in the run's arena. */
typedef struct rapt__lattice {
  int64_t words, places;  /* I, J: tokens with the end */
  double *emission;       /* (I, J) */
  double *start;          /* (J): first order; NULL: zero order */
  double *move;           /* (I, J, J) first order, (I, J) zero order: of the positions */
  double *posterior;      /* (I, J) probabilities */
  int64_t *best;          /* (I) Viterbi alignment */
  double log_probability; /* the model's sum */
} rapt__lattice;

rapt_status rapt__lattice_of(const rapt__system *system, const rapt__aligned_pair *pair, rapt__lattice *out);
/* J^I, at most `most` + 1. */
int64_t rapt__lattice_paths(const rapt__aligned_pair *pair, int64_t most);
/* The logarithm of the sum over all J^I paths, one by one. */
double rapt__lattice_enumerate(const rapt__lattice *lattice);
/* A heat map of the posteriors with the Viterbi alignment marked. */
rapt_status rapt__lattice_draw(const rapt__system *system, const rapt__aligned_pair *pair, const rapt__lattice *lattice,
                               rapt__text *svg);

#endif
