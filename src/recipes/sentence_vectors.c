/* Sentence vectors and their picture. */
#include "recipes/sentence_vectors.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

/* ---- Vectors ---- */

typedef struct batch {
  int32_t **ids;
  int64_t *sizes, count, longest;
} batch;

static rapt_status read(const rapt_model *model, rapt__arena *arena, const char *const *sentences, const size_t *sizes,
                        batch *b) {
  const rapt_tokenizer *tokenizer = rapt__model_source(model);
  b->ids = rapt__arena_new(arena, (size_t)b->count, sizeof *b->ids);
  b->sizes = rapt__arena_new(arena, (size_t)b->count, sizeof *b->sizes);
  if (!b->ids || !b->sizes) return RAPT_ENOMEM;
  for (int64_t i = 0; i < b->count; i++) {
    int32_t *ids;
    RAPT_TRY(rapt_tokenizer_encode(tokenizer, sentences[i], sizes[i], &ids, &b->sizes[i]));
    b->ids[i] = rapt__arena_new(arena, (size_t)b->sizes[i] + 1, sizeof **b->ids);
    if (b->ids[i]) {
      memcpy(b->ids[i], ids, (size_t)b->sizes[i] * sizeof *ids);
      b->ids[i][b->sizes[i]++] = RAPT__EOS;
      if (b->longest < b->sizes[i]) b->longest = b->sizes[i];
    }
    rapt_tokenizer_release(tokenizer, ids);
    if (!b->ids[i]) return RAPT_ENOMEM;
  }
  return RAPT_OK;
}

static void fill(const batch *b, int32_t *source, int32_t *lengths) {
  for (int64_t i = 0; i < b->count; i++) {
    for (int64_t j = 0; j < b->longest; j++) source[i * b->longest + j] = j < b->sizes[i] ? b->ids[i][j] : RAPT__PAD;
    lengths[i] = (int32_t)b->sizes[i];
  }
}

static rapt_status run(const rapt_model *model, const batch *b, rapt_graph *graph, rapt__arena *arena, double **vectors,
                       int64_t *width) {
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){b->count, b->longest});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &b->count);
  rapt__encoded encoded = {.count = 0};
  model->arch->seq2seq->encode(&pass, &encoded);
  rapt_tensor *states = encoded.start_count ? encoded.starts[0].value : encoded.memory[0];
  rapt_plan *plan;
  RAPT_TRY(rapt_plan_new(graph, &states, 1, NULL, &plan));
  fill(b, rapt_plan_data(plan, pass.source), rapt_plan_data(plan, pass.source_lengths));
  rapt_status status = rapt_plan_run(plan, 0);
  int64_t layers = encoded.start_count ? rapt_dim(states, 2) : 1;
  *width = rapt_dim(states, -1);
  *vectors = rapt__arena_new(arena, (size_t)(b->count * *width), sizeof **vectors);
  if (status == RAPT_OK && !*vectors) status = RAPT_ENOMEM;
  const rapt_real *all = rapt_plan_data(plan, states);
  for (int64_t i = 0; status == RAPT_OK && i < b->count; i++)
    for (int64_t j = 0; j < *width; j++)
      (*vectors)[i * *width + j] = (double)all[(i * layers + layers - 1) * *width + j];
  rapt_plan_free(plan);
  return status;
}

rapt_status rapt__sentence_vectors(const rapt_model *model, rapt__arena *arena, const char *const *sentences,
                                   const size_t *sizes, int64_t count, double **vectors, int64_t *width) {
  batch b = {.count = count};
  rapt_graph *graph;
  RAPT_TRY(read(model, arena, sentences, sizes, &b));
  RAPT_TRY(rapt_graph_new(model->ctx, &graph));
  rapt_status status = run(model, &b, graph, arena, vectors, width);
  rapt_graph_free(graph);
  return status;
}

/* ---- The plane ---- */

/* The eigenvector of the greatest eigenvalue of a symmetric matrix g (n, n), by powers; returns the eigenvalue. */
static double greatest(const double *g, int64_t n, double *v, double *next, uint64_t stream) {
  double value = 0;
  for (int64_t i = 0; i < n; i++) v[i] = rapt__rng_normal(1, stream, (uint64_t)i);
  for (int round = 0; round < 1000; round++) {
    double norm = 0;
    for (int64_t i = 0; i < n; i++) {
      next[i] = 0;
      for (int64_t j = 0; j < n; j++) next[i] += g[i * n + j] * v[j];
      norm += next[i] * next[i];
    }
    value = sqrt(norm);
    for (int64_t i = 0; i < n; i++) v[i] = value > 0 ? next[i] / value : 0;
  }
  return value;
}

/* Of the inner products of centred vectors: what is (count, count) is smaller than the covariance of wide vectors. */
rapt_status rapt__principal_plane(rapt_context *ctx, const double *vectors, int64_t count, int64_t width, double *x,
                                  double *y) {
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  double *mean = rapt__arena_new(&arena, (size_t)width, sizeof *mean);
  double *g = rapt__arena_new(&arena, (size_t)(count * count), sizeof *g);
  double *next = rapt__arena_new(&arena, (size_t)count, sizeof *next), *axes[2] = {x, y};
  bool room = mean && g && next;
  for (int64_t i = 0; room && i < count; i++)
    for (int64_t j = 0; j < width; j++) mean[j] += vectors[i * width + j] / (double)count;
  for (int64_t i = 0; room && i < count; i++)
    for (int64_t k = 0; k < count; k++)
      for (int64_t j = 0; j < width; j++)
        g[i * count + k] += (vectors[i * width + j] - mean[j]) * (vectors[k * width + j] - mean[j]);
  for (uint64_t a = 0; room && a < 2; a++) {
    double value = greatest(g, count, axes[a], next, a);
    for (int64_t i = 0; i < count; i++)
      for (int64_t k = 0; k < count; k++) g[i * count + k] -= value * axes[a][i] * axes[a][k];
    for (int64_t i = 0; i < count; i++) axes[a][i] *= sqrt(value);
  }
  rapt__arena_free(&arena);
  return room ? RAPT_OK : RAPT_ENOMEM;
}
