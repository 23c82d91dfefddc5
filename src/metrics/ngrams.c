/* n-grams as numbers: the label of an n-gram is the number of the pair (label of its first n − 1 symbols, last
 * symbol), so that an order costs one look into a hash table for each symbol, however long the n-grams are. */
#include "metrics/metrics.h"

#include <string.h>

enum { ROWS = 3 };
#define EMPTY UINT32_MAX

void rapt__ngrams_free(rapt__ngrams *g) {
  rapt__free(g->ctx, g->first);
  rapt__free(g->ctx, g->label);
  rapt__free(g->ctx, g->counts);
  rapt__free(g->ctx, g->key);
  rapt__free(g->ctx, g->value);
}

static rapt_status room(rapt__ngrams *g, size_t symbols) {
  if (symbols <= g->capacity) return RAPT_OK;
  size_t slots = 64;
  while (slots < 2 * symbols) slots *= 2;
  g->capacity = 0; /* until all five are there */
  struct {
    void **array;
    size_t count, size;
  } grow[] = {{(void **)&g->first, slots / 2, sizeof *g->first},
              {(void **)&g->label, slots / 2, sizeof *g->label},
              {(void **)&g->counts, ROWS * (slots / 2), sizeof *g->counts},
              {(void **)&g->key, slots, sizeof *g->key},
              {(void **)&g->value, slots, sizeof *g->value}};
  for (size_t i = 0; i < sizeof grow / sizeof *grow; i++) {
    void *p = rapt__grow(g->ctx, *grow[i].array, grow[i].count, grow[i].size);
    if (!p) return RAPT_ENOMEM;
    *grow[i].array = p;
  }
  memset(g->counts, 0, ROWS * (slots / 2) * sizeof *g->counts);
  g->capacity = slots / 2;
  g->slots = slots;
  return RAPT_OK;
}

static uint64_t mix(uint64_t k) {
  k = (k ^ k >> 30) * 0xBF58476D1CE4E5B9u;
  k = (k ^ k >> 27) * 0x94D049BB133111EBu;
  return k ^ k >> 31;
}

static uint32_t label(rapt__ngrams *g, uint32_t before, uint32_t last) {
  uint64_t key = (uint64_t)before << 32 | last;
  size_t at = (size_t)mix(key) & (g->slots - 1);
  while (g->value[at] != EMPTY && g->key[at] != key) at = (at + 1) & (g->slots - 1);
  if (g->value[at] == EMPTY) {
    g->key[at] = key;
    g->value[at] = (uint32_t)g->labels++;
  }
  return g->value[at];
}

static void empty(rapt__ngrams *g) {
  memset(g->value, 0xFF, g->slots * sizeof *g->value);
  g->labels = 0;
}

rapt_status rapt__ngrams_start(rapt__ngrams *g, const rapt__sequences *s) {
  if (s->symbols >= EMPTY / 4)
    return rapt__fail(g->ctx, RAPT_EUNSUPPORTED, "a segment of %zu symbols is too long to score", s->symbols);
  RAPT_TRY(room(g, s->symbols + 1));
  empty(g);
  for (size_t i = 0; i < s->symbols; i++) g->first[i] = g->label[i] = label(g, 0, s->symbol[i]);
  g->order = 1;
  return RAPT_OK;
}

/* Where the sequence of [begin, end) has its last n-gram, plus one. */
static size_t last(size_t begin, size_t end, int order) {
  size_t n = (size_t)order - 1;
  return end - begin > n ? end - n : begin;
}

void rapt__ngrams_next(rapt__ngrams *g, const rapt__sequences *s) {
  empty(g);
  g->order++;
  for (size_t k = 0; k < s->count; k++) {
    size_t begin = rapt__sequence_begin(s, k), end = last(begin, s->end[k], g->order);
    for (size_t i = begin; i < end; i++) g->label[i] = label(g, g->label[i], g->first[i + (size_t)g->order - 1]);
  }
}

size_t rapt__ngrams_count(const rapt__ngrams *g, const rapt__sequences *s, size_t i, uint32_t *counts) {
  size_t begin = rapt__sequence_begin(s, i), end = last(begin, s->end[i], g->order);
  for (size_t at = begin; at < end; at++) counts[g->label[at]]++;
  return end - begin;
}
