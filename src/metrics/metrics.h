/* What the metrics share: text as code points, tokens as numbers, n-grams as numbers; one function a kind of metric. */
#ifndef RAPT_SRC_METRICS_H
#define RAPT_SRC_METRICS_H

#include "base/base.h"

#include <rapt/metrics.h>

/* Code points that grow. */
typedef struct rapt__chars {
  uint32_t *at; /* owned */
  size_t count, capacity;
} rapt__chars;

/* Room for `count` code points; what was there is kept. */
rapt_status rapt__chars_room(rapt_context *ctx, rapt__chars *c, size_t count);
void rapt__chars_free(rapt_context *ctx, rapt__chars *c);
/* RAPT_EFORMAT without a sentence where the bytes are not UTF-8: the caller knows the place. */
rapt_status rapt__chars_decode(rapt_context *ctx, rapt__chars *c, const char *data, size_t size);
rapt_status rapt__chars_lower(rapt_context *ctx, const rapt__chars *in, rapt__chars *out); /* as Python's str.lower */
void rapt__chars_strip(rapt__chars *c);                                                    /* at the end */

bool rapt__is_space(uint32_t c); /* as Python's str.isspace, by which it splits and strips */
bool rapt__is_punctuation(uint32_t c);
bool rapt__is_symbol(uint32_t c);
bool rapt__is_number(uint32_t c);
bool rapt__is_ascii_punctuation(uint32_t c);

/* Two buffers between which the passes of a tokenizer go; the text is in `now`. */
typedef struct rapt__tokens {
  rapt__chars now, other;
} rapt__tokens;

rapt_status rapt__tokens_lower(rapt_context *ctx, rapt__tokens *t);
rapt_status rapt__tokenize_bleu(rapt_context *ctx, rapt_bleu_tokenizer tokenizer, rapt__tokens *t);
rapt_status rapt__tokenize_ter(rapt_context *ctx, const rapt_metric *m, rapt__tokens *t);

/* Sequences of symbols (words as numbers, or code points) of one segment: first the hypothesis, then its references. */
typedef struct rapt__sequences {
  rapt_context *ctx;
  uint32_t *symbol; /* owned; sequence i is symbol[end[i − 1] … end[i]) */
  size_t *end;      /* owned */
  size_t count, symbols, symbol_capacity, end_capacity;
  rapt__chars spelling; /* of the words so far, one after the other */
  struct {
    size_t begin, size;
  } * word;       /* owned; where each is spelled */
  uint32_t *slot; /* owned; hash table of words: number + 1, 0 for an empty place */
  size_t words, word_capacity, slots;
} rapt__sequences;

void rapt__sequences_free(rapt__sequences *s);
void rapt__sequences_clear(rapt__sequences *s);
static inline size_t rapt__sequence_begin(const rapt__sequences *s, size_t i) { return i ? s->end[i - 1] : 0; }
static inline size_t rapt__sequence_size(const rapt__sequences *s, size_t i) {
  return s->end[i] - rapt__sequence_begin(s, i);
}
rapt_status rapt__sequences_end(rapt__sequences *s); /* what was added since the last end is a sequence */
rapt_status rapt__sequences_add_symbol(rapt__sequences *s, uint32_t symbol);
rapt_status rapt__sequences_add_word(rapt__sequences *s, const uint32_t *spelling, size_t size);
rapt_status rapt__sequences_add_words(rapt__sequences *s, const rapt__chars *text); /* between white space */

/* The n-grams of sequences, order by order: equal ones have equal labels, in all sequences. */
typedef struct rapt__ngrams {
  rapt_context *ctx;
  uint32_t *first, *label; /* (symbols) of the 1-gram and of the n-gram that begin here; owned */
  uint32_t *counts;        /* 3 rows of (symbols), for callers: all zero between orders; owned */
  uint64_t *key;           /* hash table; owned */
  uint32_t *value;         /* owned */
  size_t capacity, slots, labels;
  int order;
} rapt__ngrams;

void rapt__ngrams_free(rapt__ngrams *g);
rapt_status rapt__ngrams_start(rapt__ngrams *g, const rapt__sequences *s); /* order 1 */
void rapt__ngrams_next(rapt__ngrams *g, const rapt__sequences *s);
/* Adds to counts[label] for each n-gram of sequence i; returns how many there are. */
size_t rapt__ngrams_count(const rapt__ngrams *g, const rapt__sequences *s, size_t i, uint32_t *counts);

/* What one call of rapt_metric_stats works with. */
typedef struct rapt__workspace {
  rapt_context *ctx;
  rapt__tokens tokens;
  rapt__sequences sequences;
  rapt__ngrams ngrams;
  void *cells; /* owned; tables of edit distances */
  size_t cell_bytes;
} rapt__workspace;

rapt_status rapt__workspace_cells(rapt__workspace *w, size_t count, size_t size);

/* One kind. `read` adds one text, which is in w->tokens.now as it was decoded, as a sequence; `row` makes the row from
 * sequence 0 and the `references` behind it. */
typedef struct rapt__metric_type {
  const char *name;
  bool (*valid)(const rapt_metric *m);
  int (*width)(const rapt_metric *m);
  rapt_status (*read)(rapt__workspace *w, const rapt_metric *m, bool reference);
  rapt_status (*row)(rapt__workspace *w, const rapt_metric *m, int references, double *row);
  void (*score)(const rapt_metric *m, const double *sum, rapt_score *out);
} rapt__metric_type;

extern const rapt__metric_type rapt__metric_bleu, rapt__metric_chrf, rapt__metric_ter, rapt__metric_wer,
    rapt__metric_per;
const rapt__metric_type *rapt__metric_type_of(const rapt_metric *m); /* NULL for settings out of bounds */

/* TER's number of edits from one sequence to the other, shifts included. */
rapt_status rapt__ter_edits(rapt__workspace *w, size_t hypothesis, size_t reference, double *edits);

#endif
