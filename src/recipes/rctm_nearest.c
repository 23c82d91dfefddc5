/* Which sentences the convolutional sentence model holds alike. */
#include "recipes/rctm.h"
#include "recipes/sentence_vectors.h"

#include <math.h>

enum { SHOWN = 8, NEAREST = 4 };

static double dot(const double *a, const double *b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += a[i] * b[i];
  return sum;
}

/* The count sentences with the greatest cosines, best first. Equal ones in the text's order. */
static void nearest(const double *vectors, int64_t count, int64_t width, int64_t query, int64_t *best,
                    double *cosines) {
  int64_t found = 0;
  const double *q = vectors + query * width;
  for (int64_t i = 0; i < count; i++) {
    const double *v = vectors + i * width;
    double norm = sqrt(dot(q, q, width) * dot(v, v, width)), c = norm > 0 ? dot(q, v, width) / norm : 0;
    if (i == query) continue;
    int64_t at = found < NEAREST ? found++ : NEAREST;
    for (; at > 0 && cosines[at - 1] < c; at--)
      if (at < NEAREST) {
        cosines[at] = cosines[at - 1];
        best[at] = best[at - 1];
      }
    if (at < NEAREST) {
      cosines[at] = c;
      best[at] = i;
    }
  }
}

rapt_status rapt__rctm_nearest(rapt__run *run, const rapt_model *model, const rapt__bitext *text, rapt__text *out) {
  const char **lines = rapt__arena_new(&run->arena, text->count, sizeof *lines);
  size_t *sizes = rapt__arena_new(&run->arena, text->count, sizeof *sizes);
  int64_t count = 0, width;
  double *vectors;
  if (!lines || !sizes) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) {
    const rapt__line *line = &text->pairs[i][RAPT__SOURCE];
    int64_t words;
    int32_t *ids;
    RAPT_TRY(rapt_tokenizer_encode(rapt__model_source(model), line->bytes, line->size, &ids, &words));
    rapt_tokenizer_release(rapt__model_source(model), ids);
    if (words >= rapt_model_context(model)) continue;
    lines[count] = line->bytes;
    sizes[count++] = line->size;
  }
  if (count == 0) return RAPT_OK;
  RAPT_TRY(rapt__sentence_vectors(model, &run->arena, lines, sizes, count, &vectors, &width));
  for (int64_t s = 0; s < SHOWN && s < count; s++) {
    int64_t query = s * count / SHOWN, best[NEAREST];
    double cosines[NEAREST];
    nearest(vectors, count, width, query, best, cosines);
    RAPT_TRY(rapt__text_addf(out, "%.*s\n", (int)sizes[query], lines[query]));
    for (int64_t k = 0; k < NEAREST && k < count - 1; k++)
      RAPT_TRY(rapt__text_addf(out, "  %.2f  %.*s\n", cosines[k], (int)sizes[best[k]], lines[best[k]]));
    RAPT_TRY(rapt__text_add(out, "\n", 1));
  }
  return RAPT_OK;
}
