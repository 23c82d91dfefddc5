/* Phrases as vectors: what lies side by side, and a map. */
#include "recipes/cho.h"

#include "base/rng.h"
#include "formats/svg.h"
#include "recipes/sentence_vectors.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_PHRASES = 12 };                   /* high half of the random stream */
enum { TOPICS = 6, PER_TOPIC = 7, LEAST = 20 }; /* of the map; phrases that the check needs */

typedef struct vectors {
  const rapt__cho_pbmt *p;
  const rapt_model *model;
  rapt__arena arena;
  bool *content[2]; /* (ids) not among the most frequent words of the training text */
  uint64_t *uses;   /* (source phrases) how often each was seen */
} vectors;

static int falling(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x < y) - (x > y);
}

static rapt_status mark_content(vectors *v, int side, uint64_t **counts) {
  const rapt__pbmt_text *text = &v->p->text[RAPT__CHO_TRAIN][side];
  size_t vocabulary = (size_t)text->vocab;
  uint64_t *sorted = rapt__arena_new(&v->arena, vocabulary, sizeof *sorted);
  *counts = rapt__arena_new(&v->arena, vocabulary, sizeof **counts);
  v->content[side] = rapt__arena_new(&v->arena, vocabulary, sizeof *v->content[side]);
  if (!sorted || !*counts || !v->content[side]) return RAPT_ENOMEM;
  for (size_t k = text->begin[0]; k < text->begin[text->count]; k++) (*counts)[text->ids[k]]++;
  memcpy(sorted, *counts, vocabulary * sizeof *sorted);
  qsort(sorted, vocabulary, sizeof *sorted, falling);
  uint64_t bound = vocabulary > RAPT__CHO_COMMON ? sorted[RAPT__CHO_COMMON - 1] : 0;
  for (size_t w = 0; w < vocabulary; w++) v->content[side][w] = (*counts)[w] < bound;
  return RAPT_OK;
}

static rapt_status count_uses(vectors *v) {
  const rapt__pbmt_phrases *t = &v->p->model.phrases;
  v->uses = rapt__arena_new(&v->arena, t->phrases, sizeof *v->uses);
  if (!v->uses) return RAPT_ENOMEM;
  for (size_t n = 0; n < t->phrases; n++)
    for (size_t k = t->first[n]; k < t->first[n + 1]; k++) v->uses[n] += t->options[k].count;
  return RAPT_OK;
}

static const rapt__pbmt_option *best_of(const vectors *v, uint32_t phrase) {
  const rapt__pbmt_phrases *t = &v->p->model.phrases;
  return &t->options[t->first[phrase]];
}

static bool share(const vectors *v, int side, const int32_t *a, int32_t n, const int32_t *b, int32_t m) {
  for (int32_t i = 0; i < n; i++)
    for (int32_t j = 0; j < m; j++)
      if (a[i] == b[j] && v->content[side][a[i]]) return true;
  return false;
}

static bool share_sources(const vectors *v, uint32_t a, uint32_t b) {
  const rapt__pbmt_source *s = v->p->model.phrases.source;
  return share(v, 0, s[a].words, s[a].length, s[b].words, s[b].length);
}
static bool share_targets(const vectors *v, uint32_t a, uint32_t b) {
  const rapt__pbmt_option *x = best_of(v, a), *y = best_of(v, b);
  return share(v, 1, x->words, x->length, y->words, y->length);
}

/* Vectors of unit length of source phrases; lines gets their words. */
static rapt_status encode(vectors *v, const uint32_t *phrases, int64_t count, const char ***lines, double **unit,
                          int64_t *width) {
  const rapt__pbmt_source *source = v->p->model.phrases.source;
  size_t *sizes = rapt__arena_new(&v->arena, (size_t)count, sizeof *sizes);
  *lines = rapt__arena_new(&v->arena, (size_t)count, sizeof **lines);
  if (!sizes || !*lines) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) {
    rapt__text line;
    rapt__text_init(&line, v->p->run->ctx);
    rapt_status status =
        rapt__pbmt_lexicon_print(&v->p->words[0], source[phrases[i]].words, (size_t)source[phrases[i]].length, &line);
    (*lines)[i] = status == RAPT_OK ? rapt__arena_strdup(&v->arena, line.data) : NULL;
    sizes[i] = line.size;
    rapt__text_free(&line);
    if (!(*lines)[i]) return RAPT_ENOMEM;
  }
  RAPT_TRY(rapt__sentence_vectors(v->model, &v->arena, *lines, sizes, count, unit, width));
  for (int64_t i = 0; i < count; i++) {
    double *x = *unit + i * *width, norm = 0;
    for (int64_t j = 0; j < *width; j++) norm += x[j] * x[j];
    for (int64_t j = 0; j < *width && norm > 0; j++) x[j] /= sqrt(norm);
  }
  return RAPT_OK;
}

/* ---- Neighbours ---- */

/* Phrases of at least two words that were seen twice and whose translation has a content word, drawn by chance. */
static rapt_status draw_phrases(vectors *v, uint32_t **out, int64_t *count) {
  const rapt__pbmt_phrases *t = &v->p->model.phrases;
  uint32_t *order = rapt__arena_new(&v->arena, t->phrases, sizeof *order);
  if (!order) return RAPT_ENOMEM;
  rapt__rng_shuffle((uint64_t)v->p->run->common.seed, (uint64_t)STREAM_PHRASES << 32, 0, order, t->phrases);
  *count = 0;
  *out = order;
  for (size_t k = 0; k < t->phrases && *count < RAPT__CHO_PHRASES; k++)
    if (t->source[order[k]].length >= 2 && v->uses[order[k]] >= 2 && share_targets(v, order[k], order[k]))
      order[(*count)++] = order[k];
  return RAPT_OK;
}

static void measure(const vectors *v, const uint32_t *phrases, int64_t count, const double *unit, int64_t width,
                    rapt__cho_neighbours *out) {
  int64_t alike = 0, pairs = 0, alike_apart = 0, pairs_apart = 0, near = 0, near_apart = 0;
  for (int64_t i = 0; i < count; i++) {
    int64_t best = -1, best_apart = -1;
    double most = -INFINITY, most_apart = -INFINITY;
    for (int64_t j = 0; j < count; j++) {
      if (i == j) continue;
      double cosine = 0;
      for (int64_t k = 0; k < width; k++) cosine += unit[i * width + k] * unit[j * width + k];
      bool apart = !share_sources(v, phrases[i], phrases[j]), same = share_targets(v, phrases[i], phrases[j]);
      pairs++, alike += same;
      if (cosine > most) most = cosine, best = j;
      if (!apart) continue;
      pairs_apart++, alike_apart += same;
      if (cosine > most_apart) most_apart = cosine, best_apart = j;
    }
    near += share_targets(v, phrases[i], phrases[best]);
    if (best_apart < 0) continue;
    out->apart++;
    near_apart += share_targets(v, phrases[i], phrases[best_apart]);
  }
  out->phrases = count;
  out->nearest = (double)near / (double)count;
  out->random = (double)alike / (double)pairs;
  if (out->apart == 0) return;
  out->nearest_apart = (double)near_apart / (double)out->apart;
  out->random_apart = (double)alike_apart / (double)pairs_apart;
}

/* ---- The map ---- */

/* For the most frequent content words of the target language, the most frequent source phrases whose translation has
 * one. */
static rapt_status choose_topics(vectors *v, const uint64_t *counts, uint32_t *phrases, int *groups, int64_t *count) {
  const rapt__pbmt_phrases *t = &v->p->model.phrases;
  int32_t vocabulary = v->p->text[RAPT__CHO_TRAIN][1].vocab, topics[TOPICS];
  bool *taken = rapt__arena_new(&v->arena, t->phrases, sizeof *taken);
  if (!taken) return RAPT_ENOMEM;
  *count = 0;
  for (int topic = 0; topic < TOPICS; topic++) {
    int32_t best = -1;
    for (int32_t w = 0; w < vocabulary; w++) {
      bool used = !v->content[1][w];
      for (int k = 0; k < topic && !used; k++) used = topics[k] == w;
      if (!used && (best < 0 || counts[w] > counts[best])) best = w;
    }
    if (best < 0) return RAPT_OK;
    topics[topic] = best;
    for (int k = 0; k < PER_TOPIC; k++) {
      size_t most = SIZE_MAX;
      for (size_t n = 0; n < t->phrases; n++) {
        const rapt__pbmt_option *o = best_of(v, (uint32_t)n);
        if (taken[n] || t->source[n].length < 2 || !share(v, 1, o->words, o->length, &best, 1)) continue;
        if (most == SIZE_MAX || v->uses[n] > v->uses[most]) most = n;
      }
      if (most == SIZE_MAX) break;
      taken[most] = true;
      groups[*count] = topic;
      phrases[(*count)++] = (uint32_t)most;
    }
  }
  return RAPT_OK;
}

static rapt_status draw_map(vectors *v, const uint64_t *counts, rapt__text *svg) {
  uint32_t phrases[TOPICS * PER_TOPIC];
  int groups[TOPICS * PER_TOPIC];
  double *unit, x[TOPICS * PER_TOPIC], y[TOPICS * PER_TOPIC];
  const char **lines;
  int64_t count, width;
  RAPT_TRY(choose_topics(v, counts, phrases, groups, &count));
  if (count < 3) return RAPT_OK;
  RAPT_TRY(encode(v, phrases, count, &lines, &unit, &width));
  RAPT_TRY(rapt__principal_plane(v->p->run->ctx, unit, count, width, x, y));
  return rapt__svg_points(svg, &(rapt__points){.title = "Phrases on two principal axes of their vectors",
                                               .x = x,
                                               .y = y,
                                               .labels = lines,
                                               .groups = groups,
                                               .count = (size_t)count});
}

static rapt_status work(vectors *v, rapt__cho_neighbours *out, rapt__text *svg) {
  uint64_t *counts[2];
  uint32_t *phrases;
  const char **lines;
  double *unit;
  int64_t count, width;
  for (int side = 0; side < 2; side++) RAPT_TRY(mark_content(v, side, &counts[side]));
  RAPT_TRY(count_uses(v));
  RAPT_TRY(draw_phrases(v, &phrases, &count));
  if (count >= LEAST) {
    RAPT_TRY(encode(v, phrases, count, &lines, &unit, &width));
    measure(v, phrases, count, unit, width, out);
  }
  return draw_map(v, counts[1], svg);
}

rapt_status rapt__cho_phrase_vectors(const rapt__cho_pbmt *p, const rapt_model *model, rapt__cho_neighbours *out,
                                     rapt__text *svg) {
  vectors v = {.p = p, .model = model};
  *out = (rapt__cho_neighbours){0};
  rapt__arena_init(&v.arena, p->run->ctx);
  rapt_status status = work(&v, out, svg);
  rapt__arena_free(&v.arena);
  return status;
}
