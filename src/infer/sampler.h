/* Choosing the next token from logits. */
#ifndef RAPT_SRC_INFER_SAMPLER_H
#define RAPT_SRC_INFER_SAMPLER_H

#include <rapt/model.h>
#include "base/base.h"

typedef struct rapt__candidate {
  int32_t id;
  double logit, p;
} rapt__candidate;

/* Repetition penalty over `past`, temperature, top-k, top-p, min-p in Hugging Face's order, then one draw: `uniform` in [0, 1).
 * `room` holds `vocabulary` candidates. Temperature 0: the best token, lower id first at a tie. */
int32_t rapt__sample_token(const float *logits, int64_t vocabulary, const int32_t *past, int64_t past_count,
                           const rapt_generate_options *options, double uniform, rapt__candidate *room);

#endif
