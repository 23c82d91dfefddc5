/* Word alignment: IBM model 1 (Brown et al. 1993, "The mathematics of statistical machine translation") and the
 * hidden Markov model of Vogel, Ney and Tillmann 1996 ("HMM-based word alignment in statistical translation") with
 * the empty words of Och and Ney 2003 ("A systematic comparison of various statistical alignment models").
 *
 * In a sentence pair e_1 … e_I, f_1 … f_J each target word f_j comes from the source word at a_j, or from the empty
 * word e_0 for a_j = 0. Model 1 takes all a_j as equally likely:
 *
 *   p(f | e) = prod_j 1 / (I + 1) sum_{i=0..I} t(f_j | e_i)
 *
 * The HMM moves on from the last position m that was not the empty word (0 before the first word):
 *
 *   p(a_j = 0 | m) = p0,   p(a_j = i | m) = (1 - p0) (u / I + (1 - u) s(i - m) / sum_{k=1..I} s(k - m))
 *
 * t and s are learnt by expectation maximisation, p0 and u are given. An aligner reads one direction; alignment of a
 * text is that of both directions, put together. Results do not depend on the number of threads. */
#ifndef RAPT_SRC_PBMT_ALIGN_H
#define RAPT_SRC_PBMT_ALIGN_H

#include "pbmt/bitext.h"

typedef enum rapt__align_model { RAPT__ALIGN_IBM1, RAPT__ALIGN_HMM } rapt__align_model;

typedef enum rapt__align_join {
  RAPT__ALIGN_FORWARD,      /* each target word's link to its source word */
  RAPT__ALIGN_BACKWARD,     /* each source word's link to its target word */
  RAPT__ALIGN_INTERSECTION, /* links of both directions */
  RAPT__ALIGN_UNION,        /* links of one direction at least */
  RAPT__ALIGN_GDFA          /* grow-diag-final-and (Koehn, Och and Marcu 2003; Koehn et al. 2005) */
} rapt__align_join;

typedef struct rapt__align_settings {
  rapt__align_model model;
  rapt__align_join join;
  int ibm1_rounds, hmm_rounds; /* of expectation maximisation; model 1 also starts the HMM */
  double empty, uniform;       /* p0 and u, each in (0, 1) */
} rapt__align_settings;

#define RAPT__ALIGN_DEFAULTS                                                                                           \
  ((rapt__align_settings){.model = RAPT__ALIGN_HMM,                                                                    \
                          .join = RAPT__ALIGN_GDFA,                                                                    \
                          .ibm1_rounds = 5,                                                                            \
                          .hmm_rounds = 5,                                                                             \
                          .empty = 0.2,                                                                                \
                          .uniform = 0.1})

typedef struct rapt__aligner rapt__aligner;

/* An aligner from source to target words, with every t(. | e) uniform over the words seen with e, and s uniform. The
 * texts are checked; they must live as long as the aligner. Free it with rapt__aligner_free. */
rapt_status rapt__aligner_new(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                              const rapt__align_settings *settings, rapt__aligner **out);
void rapt__aligner_free(rapt__aligner *aligner);

/* One round of expectation maximisation under a model. *likelihood gets the natural logarithm of the text's probability
 * before the round, which no round lowers: the maximisation of s is one of the minorise-maximise kind (Hunter 2004),
 * since s has a normaliser for every m and I. */
rapt_status rapt__aligner_round(rapt__aligner *aligner, rapt__align_model model, double *likelihood);

/* p(a_j = i | e, f) of a sentence pair at out[j * (I + 1) + i], and the logarithm of p(f | e). */
rapt_status rapt__aligner_posteriors(rapt__aligner *aligner, rapt__align_model model, size_t sentence, double *out,
                                     double *likelihood);

/* The most probable alignment: best[j] = i - 1, or -1 for the empty word; ties go to the earlier source word, and to
 * any source word before the empty one. */
rapt_status rapt__aligner_best(rapt__aligner *aligner, rapt__align_model model, size_t sentence, int32_t *best);

/* t(f | e); e = -1 is the empty word. 0 for words that were in no sentence pair together. */
double rapt__aligner_translation(const rapt__aligner *aligner, int32_t e, int32_t f);
/* p(i | m) with the factor 1 - p0, in a sentence of `length` words. */
double rapt__aligner_jump(const rapt__aligner *aligner, int length, int m, int i);

/* Joins the best alignments of both directions of one sentence pair: forward (J) and backward (I) as from
 * rapt__aligner_best. `marks` has room for I * J + I + J bytes. Adds to `links` without ending the sentence pair. */
rapt_status rapt__align_join_pair(rapt__align_join join, const int32_t *forward, size_t target_length,
                                  const int32_t *backward, size_t source_length, uint8_t *marks,
                                  rapt__pbmt_links *links);

/* Learns both directions on a text and joins them; free the links with rapt__pbmt_links_free, after a failure too. */
rapt_status rapt__align_text(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                             const rapt__align_settings *settings, rapt__pbmt_links *out);

#endif
