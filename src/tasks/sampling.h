/* Scheduled sampling (Bengio et al. 2015): in training the decoder reads, instead of some tokens of the target, tokens that it drew
 * itself. In two passes, for decoders of every kind (Mihaylova and Martins 2019): the first, without gradient and dropout, reads
 * the whole target; from its probabilities a token is drawn for every place that is chosen; the second, with them, is trained.
 * In the paper, whose decoder takes its steps one by one, a token is drawn after earlier ones were replaced; here after the
 * target's own. */
#ifndef RAPT_SRC_TASKS_SAMPLING_H
#define RAPT_SRC_TASKS_SAMPLING_H

#include "graph/plan.h"
#include "tasks/model.h"
#include "tasks/pairs.h"

/* How the share ε of the target's own tokens falls with updates u, and K, where it is near its end. */
enum {
  RAPT__SAMPLING_LINEAR,      /* 1 − u / K */
  RAPT__SAMPLING_EXPONENTIAL, /* exp(−u / K), the paper's k^u with k = exp(−1 / K) */
  RAPT__SAMPLING_SIGMOID      /* K / (K + exp(u / K)) */
};
extern const char *const rapt__sampling_decays[];

typedef struct rapt__sampling {
  double most; /* the share that is drawn, at most; 0: off, and the rest is not looked at */
  int decay;
  int64_t updates; /* K */
  int64_t batches; /* of an update, in all processes; 0: 1 */

  /* Filled by rapt__sampling_begin */
  const rapt_model *model;
  struct rapt__sampling_plan {
    rapt_graph *graph; /* owned, like the plan; NULL: not made yet */
    rapt_plan *plan;
    rapt_tensor *logits;
  } plans[RAPT__BUCKETS];
  rapt__pool pool;
} rapt__sampling;

/* The share of drawn tokens in an update, counted from 0: the smaller of `most` and 1 − ε. */
double rapt__sampling_share(const rapt__sampling *s, int64_t update);

/* Makes the first pass of the largest shape, whose memory the others use. Free it after a failure too. */
rapt_status rapt__sampling_begin(rapt__sampling *s, const rapt_model *model, const rapt__buckets *buckets);
void rapt__sampling_free(rapt__sampling *s);
/* Replaces tokens in the inputs of batch `index` (of all training batches) in a plan: of all but the beginning, each with
 * the share of its update. What is drawn is no beginning or end of a sentence and no padding. It follows from the weights, seed and
 * index. */
rapt_status rapt__sampling_apply(rapt__sampling *s, const rapt__bucket *shape, int bucket, uint64_t seed,
                                 uint64_t index, rapt_plan *plan);

#endif
