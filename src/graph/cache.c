/* Plans by shape, the least recently used dropped first. */
#include "graph/graph.h"

#include <string.h>

typedef struct entry {
  int64_t key[4];
  rapt_graph *graph; /* owned */
  rapt_plan *plan;   /* owned */
  uint64_t used;
} entry;

struct rapt_plan_cache {
  rapt_context *ctx;
  rapt_build_fn build;
  void *user;
  rapt_plan_options options;
  int capacity, count;
  uint64_t clock;
  entry *entries; /* [capacity] owned */
};

rapt_status rapt_plan_cache_new(rapt_context *ctx, rapt_build_fn build, void *user, int capacity,
                                const rapt_plan_options *options, rapt_plan_cache **out) {
  *out = NULL;
  if (capacity < 1) return rapt__fail(ctx, RAPT_EINVAL, "a plan cache keeps at least one plan, not %d", capacity);
  rapt_plan_cache *cache = rapt__new(ctx, 1, sizeof *cache);
  if (!cache) return RAPT_ENOMEM;
  *cache = (rapt_plan_cache){.ctx = ctx, .build = build, .user = user, .capacity = capacity};
  if (options) cache->options = *options;
  cache->entries = rapt__new(ctx, (size_t)capacity, sizeof *cache->entries);
  if (!cache->entries) {
    rapt__free(ctx, cache);
    return RAPT_ENOMEM;
  }
  *out = cache;
  return RAPT_OK;
}

static void drop(entry *e) {
  rapt_plan_free(e->plan);
  rapt_graph_free(e->graph);
  *e = (entry){0};
}

static rapt_status fill(rapt_plan_cache *cache, entry *e, const int64_t key[4]) {
  rapt_tensor *outputs[RAPT__MAX_IN];
  int count = RAPT__MAX_IN;
  RAPT_TRY(rapt_graph_new(cache->ctx, &e->graph));
  RAPT_TRY(cache->build(cache->user, e->graph, key, outputs, &count));
  RAPT_TRY(rapt_plan_new(e->graph, outputs, count, &cache->options, &e->plan));
  memcpy(e->key, key, sizeof e->key);
  return RAPT_OK;
}

rapt_status rapt_plan_cache_get(rapt_plan_cache *cache, const int64_t key[4], rapt_plan **plan) {
  *plan = NULL;
  entry *oldest = NULL;
  for (int i = 0; i < cache->count; i++) {
    entry *e = &cache->entries[i];
    if (memcmp(e->key, key, sizeof e->key) == 0) {
      e->used = ++cache->clock;
      *plan = e->plan;
      return RAPT_OK;
    }
    if (!oldest || e->used < oldest->used) oldest = e;
  }
  entry made = {0};
  rapt_status status = fill(cache, &made, key);
  if (status != RAPT_OK) {
    drop(&made);
    return status;
  }
  entry *slot = oldest;
  if (cache->count < cache->capacity)
    slot = &cache->entries[cache->count++];
  else
    drop(slot);
  made.used = ++cache->clock;
  *slot = made;
  *plan = made.plan;
  return RAPT_OK;
}

void rapt_plan_cache_free(rapt_plan_cache *cache) {
  if (!cache) return;
  for (int i = 0; i < cache->count; i++) drop(&cache->entries[i]);
  rapt__free(cache->ctx, cache->entries);
  rapt__free(cache->ctx, cache);
}
