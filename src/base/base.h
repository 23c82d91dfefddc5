/* What the library's own files share: errors, memory, arenas, checked arithmetic. Needs libc alone. */
#ifndef RAPT_SRC_BASE_H
#define RAPT_SRC_BASE_H

#include <rapt/base.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdarg.h>

struct rapt__team;

struct rapt_context {
  rapt_alloc_fn alloc;
  void *alloc_user;
  rapt_log_fn log;
  void *log_user;
  struct rapt__team *team;         /* owned */
  struct rapt__parallel *parallel; /* owned; NULL when alone */
  rapt_status status;
  char message[1024];
  atomic_int interrupted;
};

/* Records the first error and returns `status`, so that `return rapt__fail(ctx, RAPT_ESHAPE, "matmul: …")` is one line.
 * Later errors only log: the first one is the cause. */
rapt_status rapt__fail(rapt_context *ctx, rapt_status status, const char *fmt, ...) RAPT_PRINTF(3, 4);
rapt_status rapt__fail_errno(rapt_context *ctx, const char *what, const char *path); /* RAPT_EIO or RAPT_ENOTFOUND */
rapt_status rapt__fail_memory(rapt_context *ctx, size_t bytes);
/* Takes back an error that is being mended. rapt_context_clear would forget an interrupt too. */
static inline void rapt__forget(rapt_context *ctx) {
  ctx->status = RAPT_OK;
  ctx->message[0] = 0;
}
void rapt__log(rapt_context *ctx, rapt_log_level level, const char *fmt, ...) RAPT_PRINTF(3, 4);

#define RAPT_TRY(expr)                                                                                                 \
  do {                                                                                                                 \
    rapt_status try_status_ = (expr);                                                                                  \
    if (try_status_ != RAPT_OK) return try_status_;                                                                    \
  } while (0)

/* Memory through the hook. All return NULL after recording RAPT_ENOMEM. */
void *rapt__alloc(rapt_context *ctx, size_t bytes);                        /* not cleared */
void *rapt__new(rapt_context *ctx, size_t count, size_t size);             /* cleared; overflow-checked product */
void *rapt__grow(rapt_context *ctx, void *old, size_t count, size_t size); /* realloc; old stays valid on failure */
char *rapt__strdup(rapt_context *ctx, const char *s);
char *rapt__format(rapt_context *ctx, const char *fmt, ...) RAPT_PRINTF(2, 3); /* allocated text */
void rapt__free(rapt_context *ctx, void *p);

/* Doubles `*items` when `count` has reached `*capacity`. */
rapt_status rapt__reserve(rapt_context *ctx, void **items, size_t *capacity, size_t count, size_t size);

/* Storage for tensors: 64-byte aligned, cleared. */
#define RAPT__ALIGN 64
void *rapt__alloc_aligned(rapt_context *ctx, size_t bytes);
void *rapt__alloc_aligned_raw(rapt_context *ctx, size_t bytes); /* not cleared */
void rapt__free_aligned(rapt_context *ctx, void *p);

static inline bool rapt__mul_overflows(size_t a, size_t b, size_t *out) { return __builtin_mul_overflow(a, b, out); }
static inline bool rapt__add_overflows(size_t a, size_t b, size_t *out) { return __builtin_add_overflow(a, b, out); }

/* An arena: many small objects that die together. */
typedef struct rapt__arena {
  rapt_context *ctx;
  struct rapt__arena_block *blocks; /* owned, newest first */
} rapt__arena;

void rapt__arena_init(rapt__arena *arena, rapt_context *ctx);
void *rapt__arena_new(rapt__arena *arena, size_t count, size_t size); /* cleared, 16-byte aligned; NULL: RAPT_ENOMEM */
char *rapt__arena_strdup(rapt__arena *arena, const char *s);
char *rapt__arena_format(rapt__arena *arena, const char *fmt, ...) RAPT_PRINTF(2, 3);
void rapt__arena_free(rapt__arena *arena);

/* Text that grows. `data` is always terminated once anything was appended; free with rapt__text_free. */
typedef struct rapt__text {
  rapt_context *ctx;
  char *data; /* owned */
  size_t size, capacity;
} rapt__text;

void rapt__text_init(rapt__text *text, rapt_context *ctx);
rapt_status rapt__text_add(rapt__text *text, const void *bytes, size_t count);
rapt_status rapt__text_addf(rapt__text *text, const char *fmt, ...) RAPT_PRINTF(2, 3);
void rapt__text_free(rapt__text *text);

/* Of `names[0..count)`, the one nearest to `name` by edit distance, or NULL when none is near. */
const char *rapt__nearest(const char *name, const char *const *names, size_t count);

#endif
