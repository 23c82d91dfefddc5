/* Sentence pairs as ids, sorted into a few shapes by length, and the batches that an epoch makes of them. */
#ifndef RAPT_SRC_TASKS_PAIRS_H
#define RAPT_SRC_TASKS_PAIRS_H

#include "data/bitext.h"

#include <rapt/text.h>

/* ---- Pairs ---- */

typedef struct rapt__pair {
  size_t begin[2];  /* of source and target among the ids */
  int64_t count[2]; /* ids, each at least 1 */
} rapt__pair;

typedef struct rapt__pairs {
  rapt_context *ctx;
  int32_t *ids; /* owned */
  size_t id_count, id_capacity;
  rapt__pair *at; /* [count] owned */
  size_t count, capacity;
  size_t lengthy; /* pairs left out */
} rapt__pairs;

/* Encodes both sides; pairs with more than `most` ids on a side are left out. RAPT_EINVAL where none is left; `what` begins the
 * sentence. Free it after a failure too. */
rapt_status rapt__pairs_encode(rapt_context *ctx, const rapt_tokenizer *source, const rapt_tokenizer *target,
                               const rapt__bitext *bitext, int64_t most, const char *what, rapt__pairs *out);
/* One pair of ids that are there already, each side with at least one; the context of `pairs` is set. */
rapt_status rapt__pairs_add(rapt__pairs *pairs, const int32_t *source, int64_t source_count, const int32_t *target,
                            int64_t target_count);
void rapt__pairs_free(rapt__pairs *pairs);

/* ---- Shapes ---- */

enum { RAPT__BUCKETS = 12 }; /* at most; each is a plan */

typedef struct rapt__bucket {
  int64_t longest;  /* the larger count of a pair that belongs here, at most */
  int64_t count[2]; /* the largest on each side */
  int64_t rows;
} rapt__bucket;

typedef struct rapt__buckets {
  rapt__bucket at[RAPT__BUCKETS]; /* from short to long */
  int count;
} rapt__buckets;

/* Shapes with the least padding for the first set, into which all pairs of both sets fit. Rows of a batch: `batch`, or with
 * max_tokens > 0 as many as keep rows × the larger side, one token more for its end, within it. */
rapt_status rapt__buckets_choose(const rapt__pairs *train, const rapt__pairs *valid, int64_t batch, int64_t max_tokens,
                                 rapt__buckets *out);
int rapt__bucket_of(const rapt__buckets *buckets, const rapt__pair *pair);

/* ---- Batches ---- */

/* An epoch takes every pair once. Its order follows from seed, stream and epoch; a bucket's last batch may be short. */
typedef struct rapt__batches {
  const rapt__pairs *pairs; /* borrowed, like the buckets */
  const rapt__buckets *buckets;
  uint64_t seed, stream;                                     /* the stream's high half */
  size_t count;                                              /* batches of an epoch */
  size_t begin[RAPT__BUCKETS + 1], first[RAPT__BUCKETS + 1]; /* of a bucket: its pairs among members, its batches */
  uint32_t *members, *order, *sequence;                      /* owned: pairs by bucket; orders of the epoch */
  uint64_t epoch;                                            /* whose order that is; UINT64_MAX: none */
} rapt__batches;

rapt_status rapt__batches_init(const rapt__pairs *pairs, const rapt__buckets *buckets, uint64_t seed, uint64_t stream,
                               rapt__batches *out);
void rapt__batches_free(rapt__batches *batches);
/* The bucket of batch `index`, counted over all epochs; its number of pairs, and which. */
int rapt__batches_get(rapt__batches *batches, uint64_t index, int64_t *count);
const rapt__pair *rapt__batches_pair(const rapt__batches *batches, uint64_t index, int64_t row);

#endif
