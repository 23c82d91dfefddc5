/* Memory through the context's hook, arenas and growing text. */
#include "base/base.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void *rapt__alloc(rapt_context *ctx, size_t bytes) {
  void *p = ctx->alloc(ctx->alloc_user, NULL, bytes ? bytes : 1);
  if (!p) rapt__fail_memory(ctx, bytes);
  return p;
}

void *rapt__new(rapt_context *ctx, size_t count, size_t size) {
  size_t bytes;
  if (rapt__mul_overflows(count, size, &bytes)) {
    rapt__fail_memory(ctx, SIZE_MAX);
    return NULL;
  }
  void *p = rapt__alloc(ctx, bytes);
  if (p) memset(p, 0, bytes);
  return p;
}

void *rapt__grow(rapt_context *ctx, void *old, size_t count, size_t size) {
  size_t bytes;
  if (rapt__mul_overflows(count, size, &bytes)) {
    rapt__fail_memory(ctx, SIZE_MAX);
    return NULL;
  }
  void *p = ctx->alloc(ctx->alloc_user, old, bytes ? bytes : 1);
  if (!p) rapt__fail_memory(ctx, bytes);
  return p;
}

rapt_status rapt__reserve(rapt_context *ctx, void **items, size_t *capacity, size_t count, size_t size) {
  if (count < *capacity) return RAPT_OK;
  size_t wanted = *capacity ? *capacity * 2 : 16;
  if (wanted <= count) wanted = count + 1;
  void *p = rapt__grow(ctx, *items, wanted, size);
  if (!p) return RAPT_ENOMEM;
  *items = p;
  *capacity = wanted;
  return RAPT_OK;
}

char *rapt__strdup(rapt_context *ctx, const char *s) {
  size_t size = strlen(s) + 1;
  char *copy = rapt__alloc(ctx, size);
  if (copy) memcpy(copy, s, size);
  return copy;
}

char *rapt__format(rapt_context *ctx, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  char *text = size < 0 ? NULL : rapt__alloc(ctx, (size_t)size + 1);
  if (text) vsnprintf(text, (size_t)size + 1, fmt, again);
  va_end(again);
  return text;
}

void rapt__free(rapt_context *ctx, void *p) {
  if (p) ctx->alloc(ctx->alloc_user, p, 0);
}

/* The hook promises no alignment beyond malloc's, so the block's start is kept in the word before the aligned address. */
void *rapt__alloc_aligned(rapt_context *ctx, size_t bytes) {
  void *p = rapt__alloc_aligned_raw(ctx, bytes);
  if (p) memset(p, 0, bytes);
  return p;
}

/* Blocks from here on are read as streams, for which pages of 2 MB save most of the address translation. */
#define HUGE_PAGE ((size_t)1 << 21)
#define LARGE (2 * HUGE_PAGE)

/* A wish: where the system has no such pages to give, nothing changes. */
static void wish_huge_pages(char *block, size_t bytes) {
#ifdef MADV_HUGEPAGE
  if (bytes >= LARGE) madvise(block, bytes & ~(HUGE_PAGE - 1), MADV_HUGEPAGE);
#else
  (void)block, (void)bytes;
#endif
}

void *rapt__alloc_aligned_raw(rapt_context *ctx, size_t bytes) {
  size_t all, align = bytes >= LARGE ? HUGE_PAGE : RAPT__ALIGN;
  if (rapt__add_overflows(bytes, align + sizeof(void *), &all)) {
    rapt__fail_memory(ctx, SIZE_MAX);
    return NULL;
  }
  char *start = rapt__alloc(ctx, all);
  if (!start) return NULL;
  uintptr_t address = ((uintptr_t)start + sizeof(void *) + align - 1) & ~(uintptr_t)(align - 1);
  char *aligned = start + (address - (uintptr_t)start);
  memcpy(aligned - sizeof(void *), &start, sizeof start);
  wish_huge_pages(aligned, bytes);
  return aligned;
}

void rapt__free_aligned(rapt_context *ctx, void *p) {
  if (!p) return;
  void *start;
  memcpy(&start, (char *)p - sizeof(void *), sizeof start);
  rapt__free(ctx, start);
}

typedef struct rapt__arena_block {
  struct rapt__arena_block *next;
  size_t size, used; /* of the bytes behind this header */
} arena_block;

enum { BLOCK_HEADER = (sizeof(arena_block) + 15) & ~(size_t)15, BLOCK_SIZE = 16384 };

void rapt__arena_init(rapt__arena *arena, rapt_context *ctx) {
  arena->ctx = ctx;
  arena->blocks = NULL;
}

void *rapt__arena_new(rapt__arena *arena, size_t count, size_t size) {
  size_t bytes, rounded, all;
  if (rapt__mul_overflows(count, size, &bytes) || rapt__add_overflows(bytes, 15, &rounded) ||
      rapt__add_overflows(rounded, BLOCK_HEADER, &all)) {
    rapt__fail_memory(arena->ctx, SIZE_MAX);
    return NULL;
  }
  rounded &= ~(size_t)15;
  arena_block *block = arena->blocks;
  if (!block || block->size - block->used < rounded) {
    size_t room = rounded > BLOCK_SIZE ? rounded : BLOCK_SIZE;
    block = rapt__alloc(arena->ctx, BLOCK_HEADER + room);
    if (!block) return NULL;
    *block = (arena_block){.next = arena->blocks, .size = room};
    arena->blocks = block;
  }
  void *p = (char *)block + BLOCK_HEADER + block->used;
  block->used += rounded;
  memset(p, 0, rounded);
  return p;
}

char *rapt__arena_strdup(rapt__arena *arena, const char *s) {
  size_t size = strlen(s) + 1;
  char *copy = rapt__arena_new(arena, size, 1);
  if (copy) memcpy(copy, s, size);
  return copy;
}

char *rapt__arena_format(rapt__arena *arena, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  char *text = size < 0 ? NULL : rapt__arena_new(arena, (size_t)size + 1, 1);
  if (text) vsnprintf(text, (size_t)size + 1, fmt, again);
  va_end(again);
  return text;
}

void rapt__arena_free(rapt__arena *arena) {
  while (arena->blocks) {
    arena_block *next = arena->blocks->next;
    rapt__free(arena->ctx, arena->blocks);
    arena->blocks = next;
  }
}

void rapt__text_init(rapt__text *text, rapt_context *ctx) { *text = (rapt__text){.ctx = ctx}; }

static rapt_status text_room(rapt__text *text, size_t more) {
  size_t wanted;
  if (rapt__add_overflows(text->size, more, &wanted) || rapt__add_overflows(wanted, 1, &wanted))
    return rapt__fail_memory(text->ctx, SIZE_MAX);
  if (wanted <= text->capacity) return RAPT_OK;
  size_t capacity = wanted < 128 ? 128 : wanted + wanted / 2;
  char *data = rapt__grow(text->ctx, text->data, capacity, 1);
  if (!data) return RAPT_ENOMEM;
  text->data = data;
  text->capacity = capacity;
  return RAPT_OK;
}

rapt_status rapt__text_add(rapt__text *text, const void *bytes, size_t count) {
  RAPT_TRY(text_room(text, count));
  if (count) memcpy(text->data + text->size, bytes, count);
  text->size += count;
  text->data[text->size] = 0;
  return RAPT_OK;
}

rapt_status rapt__text_addf(rapt__text *text, const char *fmt, ...) {
  va_list args, again;
  va_start(args, fmt);
  va_copy(again, args);
  int size = vsnprintf(NULL, 0, fmt, args);
  va_end(args);
  rapt_status status = size < 0 ? RAPT_EINVAL : text_room(text, (size_t)size);
  if (status == RAPT_OK) {
    vsnprintf(text->data + text->size, (size_t)size + 1, fmt, again);
    text->size += (size_t)size;
  }
  va_end(again);
  return status;
}

void rapt__text_free(rapt__text *text) {
  rapt__free(text->ctx, text->data);
  text->data = NULL;
  text->size = text->capacity = 0;
}
