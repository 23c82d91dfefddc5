/* A translator from inside. */
#ifndef RAPT_SRC_INFER_TRANSLATOR_H
#define RAPT_SRC_INFER_TRANSLATOR_H

#include "infer/forced.h"
#include "infer/lines.h"

struct rapt_translator {
  rapt_context *ctx;
  rapt__search *search;         /* owned */
  rapt__forced *forced;         /* owned */
  const rapt_tokenizer *source; /* borrowed, as the other */
  const rapt_tokenizer *target;
  int64_t context; /* the shortest of the models */
};

/* Which lines go together: those with the same shapes, in the order of lengths. */
typedef struct rapt__place {
  int64_t shape[2]; /* padded lengths of source and target */
  int64_t count;
  int64_t index;
} rapt__place;
void rapt__places_sort(rapt__place *places, int64_t count);
/* Places from `begin` on that have one shape, at most `most`. */
int64_t rapt__places_alike(const rapt__place *places, int64_t begin, int64_t count, int64_t most);

/* Where a model's alignment looks at the whole target: replaces those of all hypotheses that a search found for lines. */
rapt_status rapt__align_late(rapt_translator *t, const rapt__line_ids *lines, rapt__answer *answers, int64_t count,
                             int64_t batch, rapt__arena *arena);

#endif
