/* rapt/base.h: what everything else stands on: status codes, the context, the allocator and log hooks.
 *
 * Every function that can fail returns a rapt_status; the context keeps the first error's full sentence until it is
 * cleared. The library never exits, aborts or prints: messages go to the log callback, memory through the hook. */
#ifndef RAPT_BASE_H
#define RAPT_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAPT_VERSION_MAJOR 0
#define RAPT_VERSION_MINOR 1
#define RAPT_VERSION_PATCH 0

#if defined(__GNUC__)
#define RAPT_API __attribute__((visibility("default")))
#define RAPT_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define RAPT_API
#define RAPT_PRINTF(fmt, first)
#endif

/* One list makes the enum and the names. */
#define RAPT_STATUS_LIST(X)                                                                                            \
  X(RAPT_OK, "ok")                                                                                                     \
  X(RAPT_ENOMEM, "out of memory")                                                                                      \
  X(RAPT_EINVAL, "invalid argument")                                                                                   \
  X(RAPT_ESHAPE, "shapes do not fit")                                                                                  \
  X(RAPT_EKEY, "unknown key or value")                                                                                 \
  X(RAPT_EFORMAT, "malformed file")                                                                                    \
  X(RAPT_EIO, "input or output failed")                                                                                \
  X(RAPT_ENOTFOUND, "not found")                                                                                       \
  X(RAPT_EUNSUPPORTED, "not supported")                                                                                \
  X(RAPT_ENAN, "not a number")                                                                                         \
  X(RAPT_EINTERRUPTED, "interrupted")

typedef enum rapt_status {
#define RAPT_STATUS_ENUM(name, text) name,
  RAPT_STATUS_LIST(RAPT_STATUS_ENUM)
#undef RAPT_STATUS_ENUM
} rapt_status;

/* The fixed name of a status, for instance "malformed file". Never NULL. */
RAPT_API const char *rapt_status_text(rapt_status status);

/* "0.1.0" */
RAPT_API const char *rapt_version(void);

typedef struct rapt_context rapt_context;

typedef enum rapt_log_level { RAPT_LOG_DEBUG, RAPT_LOG_INFO, RAPT_LOG_WARN, RAPT_LOG_ERROR } rapt_log_level;

/* Realloc in one function: old == NULL allocates, size == 0 frees and returns NULL. Returning NULL for size > 0 means
 * "no memory"; the library then reports RAPT_ENOMEM and stays usable. Called from the thread that owns the context. */
typedef void *(*rapt_alloc_fn)(void *user, void *old, size_t size);
typedef void (*rapt_log_fn)(void *user, rapt_log_level level, const char *message);

typedef struct rapt_options {
  rapt_alloc_fn alloc; /* NULL: the C library's realloc and free */
  void *alloc_user;
  rapt_log_fn log; /* NULL: messages are dropped */
  void *log_user;
  int threads; /* workers of the thread team; 0: from the affinity mask and the cgroup quota */
} rapt_options;

/* Makes a context; `options` may be NULL. A context and everything made with it is used by one thread at a time; the
 * library's own threads live inside it. */
RAPT_API rapt_status rapt_context_new(rapt_context **out, const rapt_options *options);
RAPT_API void rapt_context_free(rapt_context *ctx);

/* The first error since the context was made or cleared: its status, and a sentence that names the place. */
RAPT_API rapt_status rapt_context_status(const rapt_context *ctx);
RAPT_API const char *rapt_context_message(const rapt_context *ctx);
RAPT_API void rapt_context_clear(rapt_context *ctx);
RAPT_API int rapt_context_threads(const rapt_context *ctx);

/* Asks whatever long call runs with this context (training, generation) to stop at the next safe point and return
 * RAPT_EINTERRUPTED. Safe to call from a signal handler or another thread. */
RAPT_API void rapt_context_interrupt(rapt_context *ctx);

/* The type of all floating-point values in graphs. `float` in every build that is shipped; the gradient checks compile
 * the whole library a second time with double. */
#ifndef RAPT_REAL
#define RAPT_REAL float
#endif
typedef RAPT_REAL rapt_real;

#ifdef __cplusplus
}
#endif
#endif
