/* rapt/align.h: which words of a sentence pair translate each other: IBM model 1 (Brown et al. 1993) and the hidden
 * Markov model of Vogel, Ney and Tillmann 1996 with the empty words of Och and Ney 2003, learnt from the text
 * itself. */
#ifndef RAPT_ALIGN_H
#define RAPT_ALIGN_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum rapt_align_model { RAPT_ALIGN_HMM, RAPT_ALIGN_IBM1 } rapt_align_model;

/* A model gives each target word at most one source word (forward), or each source word at most one target word
 * (backward). How both directions are joined: */
typedef enum rapt_align_symmetry {
  RAPT_ALIGN_GDFA, /* grow-diag-final-and: from the intersection towards the union (Koehn, Och and Marcu 2003) */
  RAPT_ALIGN_INTERSECTION,
  RAPT_ALIGN_UNION,
  RAPT_ALIGN_FORWARD,
  RAPT_ALIGN_BACKWARD
} rapt_align_symmetry;

/* Zeros are the defaults. */
typedef struct rapt_align_options {
  rapt_align_model model;
  rapt_align_symmetry symmetry;
  int ibm1_rounds, hmm_rounds; /* of expectation maximisation (0: 5); model 1 comes first in either case */
} rapt_align_options;

/* The links of one line, "0-0 1-2": source and target position from 0, ordered, as Moses and other tools read them.
 * The text ends with a zero byte that `size` does not count and lives during the call. */
typedef void (*rapt_align_fn)(void *user, const char *links, size_t size);

/* Aligns two text files, plain or gzipped, line by line; words stand between blanks. `options` may be NULL. Calls
 * `each` for every line in order, after all was learnt. The result does not depend on the number of threads.
 * RAPT_EFORMAT, with file and line: different numbers of lines, bytes that are not UTF-8, a line without a word or
 * with more than 1,000 of them. RAPT_EINVAL for rounds below 0 or above 1,000; RAPT_EINTERRUPTED. */
RAPT_API rapt_status rapt_align_files(rapt_context *ctx, const char *source, const char *target,
                                      const rapt_align_options *options, rapt_align_fn each, void *user);

#ifdef __cplusplus
}
#endif
#endif
