/* What the recipe rctm measures besides its nets: IBM model 1 on the same words, scores of given pairs, and the
 * reranking of n-best lists. */
#ifndef RAPT_SRC_RECIPES_RCTM_H
#define RAPT_SRC_RECIPES_RCTM_H

#include "recipes/translation.h"
#include "tasks/pairs.h"

/* ln p(target | source) of pairs of lines under a model, in the run's arena. A pair that the model cannot read gets −∞. */
rapt_status rapt__rctm_score(rapt__run *run, rapt_model *model, const rapt__line *sources, const rapt__line *targets,
                             size_t count, double **log_probs);

/* ---- IBM model 1 ---- */

typedef struct rapt__rctm_ibm1 {
  double share;      /* of the words' frequencies in the mixture, chosen on the validation pairs */
  double perplexity; /* of the test pairs */
} rapt__rctm_ibm1;

/* Trains t(f | e) on the first of the sets and measures the third: p(m | k)·∏_j ((1 − share)·Σ_i t(f_j | e_i)/(k + 1) +
 * share·u(f_j)), with p(m | k) Poisson and u the words' frequencies. Perplexity is over the m words and the end, which
 * the length stands for. */
rapt_status rapt__rctm_ibm1_measure(rapt__run *run, const rapt__pairs *const sets[3], const int32_t vocabularies[2],
                                    int64_t rounds, rapt__rctm_ibm1 *out);

/* ---- Reranking ---- */

enum { RAPT__RCTM_NETS = 2 };

typedef struct rapt__rctm_rerank {
  double baseline;                  /* BLEU of the phrase-based system with all of its features */
  double alone[RAPT__RCTM_NETS];    /* of its lists, ordered by a net's score and the number of words alone */
  double together[RAPT__RCTM_NETS]; /* and by the net's score among all features */
  double entries;                   /* of a list, on average */
} rapt__rctm_rerank;

/* Trains, tunes and runs the phrase-based system on the corpus; weights are tuned on the validation text. */
rapt_status rapt__rctm_rerank_measure(rapt__run *run, const rapt__corpus *corpus, rapt_model *const *nets, int64_t n,
                                      rapt__rctm_rerank *out);

/* ---- Pictures ---- */

/* Sentences of the test text, each with those whose vectors are nearest to its own. */
rapt_status rapt__rctm_nearest(rapt__run *run, const rapt_model *model, const rapt__bitext *text, rapt__text *out);

#endif
