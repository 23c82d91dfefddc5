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
