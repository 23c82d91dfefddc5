/* Log-probabilities of given targets, through the decoder over whole targets. */
#ifndef RAPT_SRC_INFER_FORCED_H
#define RAPT_SRC_INFER_FORCED_H

#include "infer/candidates.h"

typedef struct rapt__forced rapt__forced;

rapt_status rapt__forced_new(rapt_context *ctx, const rapt__search_model *models, int count, rapt__forced **out);
void rapt__forced_free(rapt__forced *forced);

typedef struct rapt__forced_pair {
  rapt__source source; /* with the end, as the target */
  const int32_t *target;
  int64_t count;
  int64_t number;   /* of the line, for messages */
  float *log_probs; /* (count), to be filled */
  float *alignment; /* (count, source.count), to be filled, or NULL; left alone where the model has none */
} rapt__forced_pair;

/* How many pairs of these lengths are worth taking at a time, `batch` at most. */
int64_t rapt__forced_rows(const rapt__forced *forced, int64_t target_length, int64_t batch);
/* Pairs with one rapt__padded length of the sources and one of the targets, which fit the context.
 * *aligned: whether alignments were filled. */
rapt_status rapt__forced_run(rapt__forced *forced, rapt__forced_pair *pairs, int64_t count, bool *aligned);

/* Whether a model has alignments that look at the whole target; and a run that fills those in place of what a step foretells. */
bool rapt__forced_late(const rapt__forced *forced);
rapt_status rapt__forced_align(rapt__forced *forced, rapt__forced_pair *pairs, int64_t count);

#endif
