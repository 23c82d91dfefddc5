/* Lists of the best translations of sentences, with what each feature says of them. */
#ifndef RAPT_SRC_PBMT_NBEST_H
#define RAPT_SRC_PBMT_NBEST_H

#include "pbmt/columns.h"

/* Source words begin … end - 1 became target words target_begin … target_end - 1. */
typedef struct rapt__pbmt_span {
  int16_t begin, end, target_begin, target_end;
  bool copied;
} rapt__pbmt_span;

/* The entries of sentence s are first[s] … first[s + 1] - 1, best first; an entry's words are
 * words[word_at[k]..word_at[k + 1]), its spans (in order of target words) and features likewise. */
typedef struct rapt__pbmt_nbest {
  rapt_context *ctx;
  size_t sentences, entries;
  rapt__pbmt_columns columns; /* what the features are called */
  size_t *first;              /* (sentences + 1) owned, as all arrays */
  size_t *word_at;            /* (entries + 1) */
  size_t *span_at;            /* (entries + 1) */
  int32_t *words;
  rapt__pbmt_span *spans;
  double *features; /* (entries, columns.count) */
  size_t sentence_room, word_at_room, span_at_room, word_room, span_room, feature_room;
} rapt__pbmt_nbest;

rapt_status rapt__pbmt_nbest_init(rapt__pbmt_nbest *lists, rapt_context *ctx, const rapt__pbmt_columns *columns);
void rapt__pbmt_nbest_free(rapt__pbmt_nbest *lists);

/* Sentences are filled in order: their entries, then the end of the sentence. */
rapt_status rapt__pbmt_nbest_add(rapt__pbmt_nbest *lists, const int32_t *words, size_t length,
                                 const rapt__pbmt_span *spans, size_t span_count, const double *features);
rapt_status rapt__pbmt_nbest_end(rapt__pbmt_nbest *lists);

/* Appends the entries of `from` to the lists of the same sentences, except those whose words are there already. */
rapt_status rapt__pbmt_nbest_merge(rapt__pbmt_nbest *lists, const rapt__pbmt_nbest *from);
/* One feature more, under a name that no column has: values (entries). */
rapt_status rapt__pbmt_nbest_add_column(rapt__pbmt_nbest *lists, const char *name, const double *values);

/* best[s] = the entry of sentence s with the highest weighted sum of features, the first one among equals; SIZE_MAX
 * for an empty list. weights (columns.count). */
void rapt__pbmt_nbest_pick(const rapt__pbmt_nbest *lists, const double *weights, size_t *best);
double rapt__pbmt_nbest_score(const rapt__pbmt_nbest *lists, size_t entry, const double *weights);

typedef struct rapt__pbmt_ranked {
  size_t entry;
  double score;
} rapt__pbmt_ranked;
/* All entries of a sentence by their weighted sums, the highest first, in order among equals; returns how many. */
size_t rapt__pbmt_nbest_rank(const rapt__pbmt_nbest *lists, size_t sentence, const double *weights,
                             rapt__pbmt_ranked *order);

#endif
