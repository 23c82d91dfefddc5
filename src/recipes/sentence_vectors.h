/* The vector that an encoder makes of a sentence: the top layer's state that the decoder starts from, or its only
 * memory. */
#ifndef RAPT_SRC_RECIPES_SENTENCE_VECTORS_H
#define RAPT_SRC_RECIPES_SENTENCE_VECTORS_H

#include "tasks/model.h"

/* Vectors (count, *width) of sentences, in the arena. The model's first decoder state is (rows, 1, layers, width), or
 * it has none and its memory is (rows, width). */
rapt_status rapt__sentence_vectors(const rapt_model *model, rapt__arena *arena, const char *const *sentences,
                                   const size_t *sizes, int64_t count, double **vectors, int64_t *width);
/* Coordinates of vectors (count, width) on their first two principal axes. */
rapt_status rapt__principal_plane(rapt_context *ctx, const double *vectors, int64_t count, int64_t width, double *x,
                                  double *y);

#endif
