/* What a trained GPT is held against besides its validation loss: a Kneser–Ney 5-gram of the same text, and the layout of
 * plays. */
#ifndef RAPT_SRC_GPT_CLAIMS_H
#define RAPT_SRC_GPT_CLAIMS_H

#include "recipes/recipes.h"
#include "tasks/lm.h"

typedef struct rapt__gpt_claims {
  double model, ngram; /* nats a token over the whole validation text */
  double bits_per_byte;
  bool compared;         /* with the n-gram; a very long text is not counted */
  double text, sample;   /* shares of blocks that begin with a speaker's line, in the validation text and in a sample */
  int64_t sample_blocks; /* whole blocks of the sample */
} rapt__gpt_claims;

/* Reads the whole validation text, counts the n-grams of the training text and writes a long sample. */
rapt_status rapt__gpt_claims_measure(rapt__run *run, const rapt__lm *lm, rapt__gpt_claims *out);

/* Blocks are what stands between empty lines; the first and the last are left out, since a cut may go through them. Returns the
 * share of them whose first line ends in a colon (0 without blocks); *blocks is their number. */
double rapt__speaker_share(const char *text, size_t size, int64_t *blocks);

#endif
