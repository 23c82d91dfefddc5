/* An aligner from inside: the sparse table t(f | e), the jumps of the HMM, and room to work in. */
#ifndef RAPT_SRC_PBMT_ALIGNER_H
#define RAPT_SRC_PBMT_ALIGNER_H

#include "pbmt/align.h"

#define RAPT__ALIGNER_BLOCK ((size_t)1 << 20) /* doubles of work of a block, unless one pair needs more */

struct rapt__aligner {
  rapt_context *ctx;
  rapt__arena arena; /* owns all arrays */
  rapt__pbmt_text source, target;
  rapt__align_settings settings;
  int longest; /* words of the longest source sentence, at least 1 */

  /* A cell is a pair (e, f) that some sentence pair has. Link (j, i) of sentence pair s, i = 0 for the empty word, has
   * its cell at cell[link[s] + j * (I + 1) + i]; pairs with an empty side have no links. */
  size_t *link;  /* (count + 1) */
  size_t *place; /* (count + 1) doubles of work of all pairs before: posteriors, then moves */
  uint32_t *cell;
  size_t *first;       /* (source vocab + 2) where the cells of a source word begin; those of the empty word are last */
  int32_t *word;       /* (cells) f */
  double *prob, *mass; /* (cells) t(f | e); expected counts of the round */
  size_t cells;

  double *jump;         /* (2 longest + 1) s(d) at jump[d + longest] */
  double *moved;        /* the same for expected counts */
  double *left, *right; /* (longest + 1) left[k] = s(0) + s(-1) + … k terms, right[k] = s(1) + … + s(k) */
  double *stood;        /* expected moves from m in sentences of I words, at rapt__aligner_place(I, m) */
  double *heap;         /* (2 longest + 2) for maximisation */

  double *work; /* (work_size) posteriors and moves of a block of sentence pairs */
  size_t work_size;
  double *scratch; /* (workers, scratch_size) */
  size_t scratch_size;
  double *likelihood; /* (count) by sentence pair */
};

static inline size_t rapt__aligner_place(size_t length, size_t m) { return (length - 1) * (length + 2) / 2 + m; }

static inline bool rapt__aligner_has(const rapt__aligner *a, size_t s) { return a->link[s + 1] > a->link[s]; }

/* Fills post (J, I + 1) with posteriors and, for the HMM, moves (I + 1, I) with the expected moves from m to i that
 * were not uniform ones; returns ln p(f | e). Neither reads what another sentence pair wrote. */
double rapt__aligner_expect_ibm1(const rapt__aligner *a, size_t sentence, double *post);
double rapt__aligner_expect_hmm(const rapt__aligner *a, size_t sentence, double *scratch, double *post, double *moves);
void rapt__aligner_best_ibm1(const rapt__aligner *a, size_t sentence, int32_t *best);
void rapt__aligner_best_hmm(const rapt__aligner *a, size_t sentence, double *scratch, int32_t *best);
/* Doubles of scratch that the HMM needs for a sentence pair. */
size_t rapt__aligner_scratch(size_t source_length, size_t target_length);

/* Adds one sentence pair's moves to the expected counts; then s from the counts of the round. */
void rapt__aligner_count_moves(rapt__aligner *a, size_t length, const double *moves);
void rapt__aligner_maximise_jumps(rapt__aligner *a);
void rapt__aligner_sum_jumps(rapt__aligner *a);

#endif
