/* Hash tables of byte strings and numbers. */
#include "text/tokenizer.h"

#include <string.h>

void rapt__table_init(rapt__table *table, rapt_context *ctx) { *table = (rapt__table){.ctx = ctx}; }

void rapt__table_free(rapt__table *table) {
  rapt__free(table->ctx, table->slots);
  table->slots = NULL;
  table->capacity = table->count = 0;
}

static uint64_t mix(uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ h >> 33;
}

/* FNV-1a (Fowler, Noll & Vo). */
static uint64_t hash_of(const char *key, size_t size) {
  uint64_t h = 14695981039346656037ULL;
  for (size_t i = 0; i < size; i++) h = (h ^ (unsigned char)key[i]) * 1099511628211ULL;
  return h;
}

static size_t place(const rapt__table *t, const char *key, size_t size, uint64_t hash) {
  size_t at = (size_t)mix(hash) & (t->capacity - 1);
  for (; t->slots[at].value != -1 || t->slots[at].key; at = (at + 1) & (t->capacity - 1)) {
    const rapt__slot *s = &t->slots[at];
    if (s->hash == hash && s->size == size && (!key || memcmp(s->key, key, size) == 0)) break;
  }
  return at;
}

static bool is_empty(const rapt__slot *s) { return s->value == -1 && !s->key; }

static bool grow(rapt__table *t) {
  rapt__table bigger = {.ctx = t->ctx, .capacity = t->capacity ? t->capacity * 2 : 64, .count = t->count};
  bigger.slots = rapt__new(t->ctx, bigger.capacity, sizeof *bigger.slots);
  if (!bigger.slots) return false;
  for (size_t i = 0; i < bigger.capacity; i++) bigger.slots[i].value = -1;
  for (size_t i = 0; i < t->capacity; i++) {
    const rapt__slot *s = &t->slots[i];
    if (!is_empty(s)) bigger.slots[place(&bigger, s->key, s->size, s->hash)] = *s;
  }
  rapt__free(t->ctx, t->slots);
  *t = bigger;
  return true;
}

rapt__slot *rapt__table_get(rapt__table *t, const char *key, size_t size, uint64_t number, int64_t initial) {
  if (t->count * 4 >= t->capacity * 3 && !grow(t)) return NULL;
  uint64_t hash = key ? hash_of(key, size) : number;
  rapt__slot *s = &t->slots[place(t, key, key ? size : 0, hash)];
  if (is_empty(s)) {
    *s = (rapt__slot){key, hash, key ? size : 0, initial};
    t->count++;
  }
  return s;
}

const rapt__slot *rapt__table_find(const rapt__table *t, const char *key, size_t size, uint64_t number) {
  if (!t->capacity) return NULL;
  const rapt__slot *s = &t->slots[place(t, key, key ? size : 0, key ? hash_of(key, size) : number)];
  return is_empty(s) ? NULL : s;
}

/* ---- Pairs ---- */

static rapt_status grow_joins(rapt_context *ctx, rapt__joins *j) {
  rapt__joins bigger = {.capacity = j->capacity ? j->capacity * 2 : 64, .count = j->count};
  bigger.slots = rapt__new(ctx, bigger.capacity, sizeof *bigger.slots);
  if (!bigger.slots) return RAPT_ENOMEM;
  for (size_t i = 0; i < bigger.capacity; i++) bigger.slots[i].pair = UINT64_MAX;
  for (size_t i = 0; i < j->capacity; i++) {
    if (j->slots[i].pair == UINT64_MAX) continue;
    size_t at = (size_t)((j->slots[i].pair * 0x9E3779B97F4A7C15ULL) >> 32) & (bigger.capacity - 1);
    while (bigger.slots[at].pair != UINT64_MAX) at = (at + 1) & (bigger.capacity - 1);
    bigger.slots[at] = j->slots[i];
  }
  rapt__free(ctx, j->slots);
  *j = bigger;
  return RAPT_OK;
}

rapt_status rapt__join_add(rapt_context *ctx, rapt__joins *j, rapt__join join, bool *added, int32_t *old) {
  const rapt__join *found = rapt__join_find(j, (int32_t)(join.pair >> 32), (int32_t)(uint32_t)join.pair);
  *added = !found;
  if (found) {
    *old = found->rank;
    return RAPT_OK;
  }
  if (j->count * 2 >= j->capacity) RAPT_TRY(grow_joins(ctx, j));
  size_t at = (size_t)((join.pair * 0x9E3779B97F4A7C15ULL) >> 32) & (j->capacity - 1);
  while (j->slots[at].pair != UINT64_MAX) at = (at + 1) & (j->capacity - 1);
  j->slots[at] = join;
  j->count++;
  return RAPT_OK;
}
