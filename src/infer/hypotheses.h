/* The hypotheses of one sentence: tokens in a tree, from leaves to the root, and how a hypothesis that has ended is scored. */
#ifndef RAPT_SRC_INFER_HYPOTHESES_H
#define RAPT_SRC_INFER_HYPOTHESES_H

#include <rapt/translate.h>
#include "base/base.h"

enum { RAPT__ROOT = -1 };

typedef struct rapt__leaf {
  int32_t parent; /* RAPT__ROOT: before the first token */
  int32_t token;
  float log_prob; /* of the token */
  int32_t length; /* tokens up to this one */
  double sum;     /* of log-probabilities up to this one */
} rapt__leaf;

typedef struct rapt__tree {
  rapt_context *ctx;
  rapt__leaf *leaves; /* owned */
  size_t count, capacity;
  float *alignments; /* (capacity, width) owned; NULL where width is 0 */
  size_t room;       /* rows of it */
  int64_t width;     /* source tokens, or 0: no alignments */
} rapt__tree;

void rapt__tree_init(rapt__tree *tree, rapt_context *ctx, int64_t width);
void rapt__tree_free(rapt__tree *tree);
/* A new leaf, with a copy of alignment[0..width). */
rapt_status rapt__tree_add(rapt__tree *tree, int32_t parent, int32_t token, double log_prob, const float *alignment,
                           int32_t *leaf);
/* The tokens up to a leaf, in order: how many; `out` holds its length. */
int64_t rapt__tree_tokens(const rapt__tree *tree, int32_t leaf, int32_t *out);

/* Divides a sum of log-probabilities over `length` tokens. */
double rapt__length_penalty(const rapt_translate_options *o, double sum, int64_t length);
/* What a hypothesis that ends with this leaf is worth: the above and the coverage penalty. *room (width) may be NULL where
 * there is none. */
double rapt__hypothesis_score(const rapt__tree *tree, int32_t leaf, const rapt_translate_options *o, double *room);
/* β·Σ log min(Σ alignments of a source token, 1) over the source tokens; rows of `stride`. */
double rapt__coverage(const float *alignment, int64_t rows, int64_t stride, int64_t width, double beta, double *room);

/* The hypothesis as arrays in an arena; its text is left out. */
rapt_status rapt__hypothesis_make(const rapt__tree *tree, int32_t leaf, bool ended, double score, rapt__arena *arena,
                                  rapt_hypothesis *out);

#endif
