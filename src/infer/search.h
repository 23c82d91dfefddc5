/* Search over a batch of sentences: beam search, greedy search or draws, with one model or the mean of several. */
#ifndef RAPT_SRC_INFER_SEARCH_H
#define RAPT_SRC_INFER_SEARCH_H

#include "infer/beam.h"

typedef struct rapt__search rapt__search;

/* Models with one target vocabulary and one source vocabulary. */
rapt_status rapt__search_new(rapt_context *ctx, const rapt__search_model *models, int count, rapt__search **out);
void rapt__search_free(rapt__search *search);

typedef struct rapt__request {
  rapt__source source;
  int64_t number; /* of the line, for random numbers */
} rapt__request;

typedef struct rapt__answer {
  rapt_hypothesis *hypotheses; /* [count] in the arena; text is left out; may be fewer than asked for */
  int64_t count;
} rapt__answer;

/* Where a batch's time went; seconds. */
typedef struct rapt__search_times {
  double encode, step, choose, move;
  int64_t steps, rows, tokens; /* of the decoder, rows of all of them, tokens of the best hypotheses */
} rapt__search_times;

/* The sources must have one rapt__padded length and fit the context. `prefix` begins every target. `times` is added to where
 * it is not NULL. Options are as rapt__options_check left them. */
rapt_status rapt__search_run(rapt__search *search, const rapt__request *requests, int64_t count, const int32_t *prefix,
                             int64_t prefix_count, const rapt_translate_options *options, rapt__arena *arena,
                             rapt__answer *answers, rapt__search_times *times);

/* Fills in what zero stands for; RAPT_EKEY names an option that does not fit. */
rapt_status rapt__options_check(rapt_context *ctx, const rapt_translate_options *given, rapt_translate_options *out);
/* Tokens at most, the end included, for a source of so many tokens with its end. */
int64_t rapt__search_limit(const rapt_translate_options *o, int64_t context, int64_t source_count);

#endif
