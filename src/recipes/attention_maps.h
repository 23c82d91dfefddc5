/* Pictures of where translators look: alignments of translated sentences, and the heads of a Transformer. */
#ifndef RAPT_SRC_RECIPES_ATTENTION_MAPS_H
#define RAPT_SRC_RECIPES_ATTENTION_MAPS_H

#include "recipes/translation.h"

/* Tokens as text, without a space that begins one; in the run's arena. NULL: no memory. */
const char *const *rapt__token_texts(rapt__run *run, const rapt_tokenizer *t, const int32_t *ids, int64_t count);

/* Heat maps of `count` test sentences, spread over the text: rows are the translation's tokens, columns the source's. */
rapt_status rapt__alignment_maps(const rapt__system *system, int64_t count, rapt__text *svg);

/* Attention probabilities of one sentence pair, by layer and kind, while the decoder reads the reference. */
typedef struct rapt__head {
  const char *kind;    /* "encoder", "decoder", "decoder to encoder" */
  int64_t layer, head; /* from 0 */
  int64_t rows, columns;
  const real *weights; /* (rows, columns), rows sum to 1 */
} rapt__head;
typedef rapt_status (*rapt__head_fn)(void *user, const rapt__head *head);

typedef struct rapt__pair_text {
  const char *const *source, *const *target; /* tokens as text: (source_count), (target_count) */
  int64_t source_count, target_count;
} rapt__pair_text;
/* Calls `each` for every head, in order, of a test pair. The architecture must be the Transformer. `text` may be NULL. */
rapt_status rapt__each_head(const rapt__system *system, size_t pair, rapt__pair_text *text, rapt__head_fn each,
                            void *user);

#endif
