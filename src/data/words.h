/* Word-level text: one sentence a line, words between blanks, as in the Penn Treebank extract for language models. */
#ifndef RAPT_SRC_WORDS_H
#define RAPT_SRC_WORDS_H

#include "base/base.h"
#include "text/tokenizer.h"

enum { RAPT__WORDS_END = 0, RAPT__WORDS_UNKNOWN = 1 }; /* </s>, which closes every line, and <unk> */

typedef struct rapt__word {
  const char *bytes; /* not terminated; in the vocabulary's text */
  size_t size;
  uint64_t count; /* in the text, and one more of </s> and <unk>, so that none is 0 */
} rapt__word;

/* A vocabulary: </s>, <unk>, then the words of a text from the most frequent to the rarest. */
typedef struct rapt__words {
  rapt_context *ctx;
  char *text;        /* owned; NULL after rapt__words_init */
  rapt__word *words; /* [count] owned; the index is the id */
  size_t count, capacity;
  rapt__table ids;
} rapt__words;

/* Counting by hand: an empty vocabulary; one word more, whose bytes stay where they are; then ids from `first` on by falling
 * count, ties in order of address. */
void rapt__words_init(rapt__words *out, rapt_context *ctx);
rapt_status rapt__words_count(rapt__words *words, const char *bytes, size_t size);
rapt_status rapt__words_rank(rapt__words *words, size_t first);

/* The vocabulary of a file, plain or gzipped. Free it with rapt__words_free, after a failure too. */
rapt_status rapt__words_learn(rapt_context *ctx, const char *path, rapt__words *out);
void rapt__words_free(rapt__words *words);

/* The ids of a file, plain or gzipped; every line ends with RAPT__WORDS_END, and words outside the vocabulary are
 * RAPT__WORDS_UNKNOWN. Free the ids with rapt__free. RAPT_EFORMAT for a file without a line. */
rapt_status rapt__words_read(const rapt__words *words, const char *path, int32_t **ids, size_t *count);

#endif
