/* Film reviews with a verdict (Pang & Lee 2004) as bags of words, from the archive as it is handed out. */
#ifndef RAPT_SRC_REVIEWS_H
#define RAPT_SRC_REVIEWS_H

#include "base/base.h"

/* Sparse rows: the words of review i are words[begin[i]..begin[i + 1]), each once. */
typedef struct rapt__reviews {
  rapt_context *ctx;
  int64_t features; /* words in the vocabulary */
  size_t count;
  size_t *begin;     /* [count + 1] owned */
  int32_t *words;    /* owned; 0 is the most frequent word */
  uint8_t *positive; /* [count] owned; 0 or 1 */
  uint8_t *fold;     /* [count] owned; 0 to 9, from the number in the file's name */
} rapt__reviews;

/* Reads a tar archive, plain or gzipped, whose members …/neg/cvNNN_….txt and …/pos/cvNNN_….txt are reviews, with
 * words between blanks; other members are passed over. The vocabulary is that of folds 0 to 8: the `most` most
 * frequent words, ties in the order of the archive. RAPT_EFORMAT names the byte where the archive is broken. Free it
 * after a failure too. */
rapt_status rapt__reviews_read(rapt_context *ctx, const char *path, int64_t most, rapt__reviews *out);
void rapt__reviews_free(rapt__reviews *reviews);

#endif
