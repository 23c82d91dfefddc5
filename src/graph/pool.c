/* Memory that several plans use in turn. */
#include "graph/plan.h"

typedef struct block {
  struct block *next; /* the one before it, smaller */
  char *memory;       /* owned */
  size_t bytes;
} block;

void *rapt__pool_take(rapt__pool *pool, size_t bytes) {
  block *newest = pool->newest;
  if (newest && newest->bytes >= bytes) return newest->memory;
  /* Room for the plans that come later: memory that is never touched costs nothing. */
  size_t room;
  if (rapt__add_overflows(bytes, bytes / 4, &room)) room = bytes;
  block *made = rapt__new(pool->ctx, 1, sizeof *made);
  if (!made) return NULL;
  made->memory = rapt__alloc_aligned_raw(pool->ctx, room);
  if (!made->memory) {
    rapt__free(pool->ctx, made);
    return NULL;
  }
  made->bytes = room;
  made->next = newest;
  pool->newest = made;
  return made->memory;
}

void rapt__pool_free(rapt__pool *pool) {
  for (block *b = pool->newest; b;) {
    block *next = b->next;
    rapt__free_aligned(pool->ctx, b->memory);
    rapt__free(pool->ctx, b);
    b = next;
  }
  pool->newest = NULL;
}
