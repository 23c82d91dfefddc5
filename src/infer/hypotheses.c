/* Trees of tokens, scores of hypotheses. */
#include "infer/hypotheses.h"

#include <math.h>
#include <string.h>

void rapt__tree_init(rapt__tree *tree, rapt_context *ctx, int64_t width) {
  *tree = (rapt__tree){.ctx = ctx, .width = width};
}

void rapt__tree_free(rapt__tree *tree) {
  if (!tree->ctx) return;
  rapt__free(tree->ctx, tree->leaves);
  rapt__free(tree->ctx, tree->alignments);
  *tree = (rapt__tree){0};
}

static rapt_status need_alignments(rapt__tree *tree) {
  if (tree->width == 0 || tree->room == tree->capacity) return RAPT_OK;
  size_t row;
  if (rapt__mul_overflows((size_t)tree->width, sizeof(float), &row)) return rapt__fail_memory(tree->ctx, SIZE_MAX);
  float *grown = rapt__grow(tree->ctx, tree->alignments, tree->capacity, row);
  if (!grown) return RAPT_ENOMEM;
  tree->alignments = grown;
  tree->room = tree->capacity;
  return RAPT_OK;
}

rapt_status rapt__tree_add(rapt__tree *tree, int32_t parent, int32_t token, double log_prob, const float *alignment,
                           int32_t *leaf) {
  if (tree->count >= INT32_MAX) return rapt__fail_memory(tree->ctx, SIZE_MAX);
  RAPT_TRY(rapt__reserve(tree->ctx, (void **)&tree->leaves, &tree->capacity, tree->count, sizeof *tree->leaves));
  RAPT_TRY(need_alignments(tree));
  const rapt__leaf *before = parent == RAPT__ROOT ? NULL : &tree->leaves[parent];
  tree->leaves[tree->count] = (rapt__leaf){.parent = parent,
                                           .token = token,
                                           .log_prob = (float)log_prob,
                                           .length = before ? before->length + 1 : 1,
                                           .sum = before ? before->sum + log_prob : log_prob};
  if (tree->width)
    memcpy(tree->alignments + tree->count * (size_t)tree->width, alignment, (size_t)tree->width * sizeof *alignment);
  *leaf = (int32_t)tree->count++;
  return RAPT_OK;
}

int64_t rapt__tree_tokens(const rapt__tree *tree, int32_t leaf, int32_t *out) {
  if (leaf == RAPT__ROOT) return 0;
  int64_t length = tree->leaves[leaf].length;
  for (int64_t i = length - 1; i >= 0; i--, leaf = tree->leaves[leaf].parent) out[i] = tree->leaves[leaf].token;
  return length;
}

double rapt__length_penalty(const rapt_translate_options *o, double sum, int64_t length) {
  if (o->alpha == 0) return sum;
  double n = o->length_penalty == RAPT_LENGTH_GNMT ? (5 + (double)length) / 6 : (double)length;
  return sum / pow(n, o->alpha);
}

static double coverage_of(const double *sums, int64_t width, double beta) {
  double all = 0;
  for (int64_t i = 0; i < width; i++) all += log(fmin(fmax(sums[i], 1e-30), 1)); /* no attention at all is not −∞ */
  return beta * all;
}

double rapt__coverage(const float *alignment, int64_t rows, int64_t stride, int64_t width, double beta, double *room) {
  for (int64_t i = 0; i < width; i++) room[i] = 0;
  for (int64_t t = 0; t < rows; t++)
    for (int64_t i = 0; i < width; i++) room[i] += (double)alignment[t * stride + i];
  return coverage_of(room, width, beta);
}

double rapt__hypothesis_score(const rapt__tree *tree, int32_t leaf, const rapt_translate_options *o, double *room) {
  double score = rapt__length_penalty(o, tree->leaves[leaf].sum, tree->leaves[leaf].length);
  if (o->beta == 0 || tree->width == 0) return score;
  for (int64_t i = 0; i < tree->width; i++) room[i] = 0;
  for (int32_t at = leaf; at != RAPT__ROOT; at = tree->leaves[at].parent)
    for (int64_t i = 0; i < tree->width; i++) room[i] += (double)tree->alignments[(int64_t)at * tree->width + i];
  return score + coverage_of(room, tree->width, o->beta);
}

rapt_status rapt__hypothesis_make(const rapt__tree *tree, int32_t leaf, bool ended, double score, rapt__arena *arena,
                                  rapt_hypothesis *out) {
  int64_t count = leaf == RAPT__ROOT ? 0 : tree->leaves[leaf].length;
  int32_t *tokens = rapt__arena_new(arena, (size_t)count + 1, sizeof *tokens);
  float *log_probs = rapt__arena_new(arena, (size_t)count + 1, sizeof *log_probs), *alignment = NULL;
  if (tree->width) alignment = rapt__arena_new(arena, (size_t)(count + 1) * (size_t)tree->width, sizeof *alignment);
  if (!tokens || !log_probs || (tree->width && !alignment)) return RAPT_ENOMEM;
  *out = (rapt_hypothesis){.text = "",
                           .tokens = tokens,
                           .count = count,
                           .ended = ended,
                           .score = score,
                           .log_probability = leaf == RAPT__ROOT ? 0 : tree->leaves[leaf].sum,
                           .log_probabilities = log_probs,
                           .alignment = alignment};
  int32_t at = leaf;
  for (int64_t i = count - 1; i >= 0; i--, at = tree->leaves[at].parent) {
    tokens[i] = tree->leaves[at].token;
    log_probs[i] = tree->leaves[at].log_prob;
    if (alignment)
      memcpy(alignment + i * tree->width, tree->alignments + (int64_t)at * tree->width,
             (size_t)tree->width * sizeof *alignment);
  }
  return RAPT_OK;
}
