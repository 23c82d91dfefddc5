/* Reading the best paths out of a search graph. From the goal backwards, always at the partial path whose best
 * completion is best: what remains is known exactly, since it is the score of the node that the path has come to. */
#include "pbmt/search.h"

#include <math.h>
#include <string.h>

/* A path from `node` to the goal. */
typedef struct suffix {
  const rapt__pbmt_node *node;
  const rapt__pbmt_arc *arc;   /* its first step; NULL at the goal */
  const struct suffix *behind; /* what follows that step */
  double score, total;         /* of its steps; and with the best way from the start */
  uint64_t serial;
} suffix;

typedef struct reading {
  rapt__pbmt_graph *g;
  rapt__pbmt_nbest *lists;
  suffix **heap; /* owned; the best is first */
  size_t count, room;
  uint64_t serial;
  rapt__table seen; /* translations so far */
} reading;

static bool is_before(const suffix *a, const suffix *b) {
  return a->total != b->total ? a->total > b->total : a->serial < b->serial;
}

static rapt_status push(reading *r, const rapt__pbmt_node *node, const rapt__pbmt_arc *arc, const suffix *behind) {
  suffix *s = rapt__arena_new(&r->g->arena, 1, sizeof *s);
  if (!s) return RAPT_ENOMEM;
  RAPT_TRY(rapt__reserve(r->g->decoder->ctx, (void **)&r->heap, &r->room, r->count, sizeof *r->heap));
  *s = (suffix){.node = node, .arc = arc, .behind = behind, .score = arc ? arc->score + behind->score : 0};
  s->total = s->score + node->score;
  s->serial = r->serial++;
  size_t at = r->count++;
  for (; at > 0 && is_before(s, r->heap[(at - 1) / 2]); at = (at - 1) / 2) r->heap[at] = r->heap[(at - 1) / 2];
  r->heap[at] = s;
  return RAPT_OK;
}

static suffix *pop(reading *r) {
  suffix *best = r->heap[0], *moved = r->heap[--r->count];
  size_t at = 0;
  for (;;) {
    size_t child = 2 * at + 1;
    if (child >= r->count) break;
    if (child + 1 < r->count && is_before(r->heap[child + 1], r->heap[child])) child++;
    if (!is_before(r->heap[child], moved)) break;
    r->heap[at] = r->heap[child];
    at = child;
  }
  r->heap[at] = moved;
  return best;
}

/* Adds a whole path, unless its words were there before. */
static rapt_status add_path(reading *r, const suffix *path) {
  size_t length = 0, steps = 0;
  for (const suffix *s = path; s->arc; s = s->behind)
    if (s->arc->choice) length += (size_t)s->arc->choice->length, steps++;
  int32_t *words = rapt__arena_new(&r->g->arena, length + 1, sizeof *words);
  rapt__pbmt_span *spans = rapt__arena_new(&r->g->arena, steps, sizeof *spans);
  if (!words || !spans) return RAPT_ENOMEM;
  double features[RAPT__PBMT_MOST_COLUMNS] = {0};
  size_t extra = r->g->decoder->phrases->extra_count, at = 0, step = 0;
  for (const suffix *s = path; s->arc; s = s->behind) {
    const rapt__pbmt_choice *c = s->arc->choice;
    features[RAPT__PBMT_LM] += s->arc->lm;
    if (!c) continue;
    for (int k = 0; k < 4; k++) features[RAPT__PBMT_PHI_SOURCE + k] += c->feature[k];
    for (size_t k = 0; c->extra && k < extra; k++) features[RAPT__PBMT_FEATURE_COUNT + k] += c->extra[k];
    features[RAPT__PBMT_PHRASES]++;
    features[RAPT__PBMT_WORDS] += c->length;
    features[RAPT__PBMT_DISTORTION] -= s->arc->jump;
    features[RAPT__PBMT_COPIES] += c->copied;
    memcpy(words + at, c->words, (size_t)c->length * sizeof *words);
    spans[step++] = (rapt__pbmt_span){(int16_t)c->begin, (int16_t)c->end, (int16_t)at,
                                      (int16_t)(at + (size_t)c->length), c->copied};
    at += (size_t)c->length;
  }
  rapt__slot *slot = rapt__table_get(&r->seen, (const char *)words, length * sizeof *words, 0, 0);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value++ > 0) return RAPT_OK;
  return rapt__pbmt_nbest_add(r->lists, words, length, spans, steps, features);
}

/* Many paths have the same words; a list that is still short after so many paths for each entry stays short. */
enum { PATHS = 50 };

static rapt_status read_paths(reading *r, size_t n) {
  size_t before = r->lists->entries, left = n > SIZE_MAX / PATHS ? SIZE_MAX : n * PATHS;
  RAPT_TRY(push(r, r->g->goal, NULL, NULL));
  while (r->count > 0 && r->lists->entries - before < n && left > 0) {
    const suffix *s = pop(r);
    if (s->node == r->g->start) {
      RAPT_TRY(add_path(r, s));
      left--;
      continue;
    }
    for (const rapt__pbmt_arc *arc = s->node->arcs; arc; arc = arc->next) RAPT_TRY(push(r, arc->from, arc, s));
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_graph_read(rapt__pbmt_graph *g, size_t n, rapt__pbmt_nbest *lists) {
  reading r = {.g = g, .lists = lists};
  rapt__table_init(&r.seen, g->decoder->ctx);
  rapt_status status = read_paths(&r, n);
  rapt__free(g->decoder->ctx, r.heap);
  rapt__table_free(&r.seen);
  return status;
}

rapt_status rapt__pbmt_decode(const rapt__pbmt_decoder *d, const int32_t *words, size_t length, size_t n,
                              rapt__pbmt_nbest *lists, double *score) {
  rapt__pbmt_graph g;
  if (!rapt__pbmt_columns_equal(&lists->columns, &d->phrases->columns))
    return rapt__fail(d->ctx, RAPT_EINVAL,
                      "translation: lists of %zu features for phrases with %zu, or with other names",
                      lists->columns.count, d->phrases->columns.count);
  rapt_status status = rapt__pbmt_graph_open(d, words, length, &g);
  if (status == RAPT_OK) status = rapt__pbmt_graph_search(&g);
  if (status == RAPT_OK && score) *score = g.goal->score;
  if (status == RAPT_OK) status = rapt__pbmt_graph_read(&g, n, lists);
  if (status == RAPT_OK) status = rapt__pbmt_nbest_end(lists);
  rapt__pbmt_graph_free(&g);
  return status;
}
