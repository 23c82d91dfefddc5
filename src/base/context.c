/* The context: hooks, the first error, the thread team. */
#include "base/base.h"

#include "base/parallel.h"
#include "base/team.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *default_alloc(void *user, void *old, size_t size) {
  (void)user;
  if (size == 0) {
    free(old);
    return NULL;
  }
  return realloc(old, size);
}

const char *rapt_status_text(rapt_status status) {
  static const char *const text[] = {
#define STATUS_TEXT(name, words) words,
      RAPT_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
  };
  return (unsigned)status < sizeof text / sizeof *text ? text[status] : "unknown status";
}

#define VERSION_TEXT_(a, b, c) #a "." #b "." #c
#define VERSION_TEXT(a, b, c) VERSION_TEXT_(a, b, c)
const char *rapt_version(void) { return VERSION_TEXT(RAPT_VERSION_MAJOR, RAPT_VERSION_MINOR, RAPT_VERSION_PATCH); }

rapt_status rapt_context_new(rapt_context **out, const rapt_options *options) {
  if (!out) return RAPT_EINVAL;
  *out = NULL;
  rapt_alloc_fn alloc = options && options->alloc ? options->alloc : default_alloc;
  void *user = options && options->alloc ? options->alloc_user : NULL;
  rapt_context *ctx = alloc(user, NULL, sizeof *ctx);
  if (!ctx) return RAPT_ENOMEM;
  memset(ctx, 0, sizeof *ctx);
  ctx->alloc = alloc;
  ctx->alloc_user = user;
  ctx->log = options ? options->log : NULL;
  ctx->log_user = options ? options->log_user : NULL;
  atomic_init(&ctx->interrupted, 0);
  int threads = options && options->threads > 0 ? options->threads : rapt__cpu_count();
  rapt_status status = rapt__team_new(ctx, threads, &ctx->team);
  if (status != RAPT_OK) {
    alloc(user, ctx, 0);
    return status;
  }
  *out = ctx;
  return RAPT_OK;
}

void rapt_context_free(rapt_context *ctx) {
  if (!ctx) return;
  rapt_parallel_leave(ctx);
  rapt__team_free(ctx, ctx->team);
  ctx->alloc(ctx->alloc_user, ctx, 0);
}

rapt_status rapt_context_status(const rapt_context *ctx) { return ctx->status; }
const char *rapt_context_message(const rapt_context *ctx) { return ctx->message; }
int rapt_context_threads(const rapt_context *ctx) { return rapt__team_size(ctx->team); }
void rapt_context_interrupt(rapt_context *ctx) { atomic_store(&ctx->interrupted, 1); }

void rapt_context_clear(rapt_context *ctx) {
  ctx->status = RAPT_OK;
  ctx->message[0] = 0;
  atomic_store(&ctx->interrupted, 0);
}

rapt_status rapt__fail(rapt_context *ctx, rapt_status status, const char *fmt, ...) {
  char text[sizeof ctx->message];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  if (ctx->status == RAPT_OK) {
    ctx->status = status;
    memcpy(ctx->message, text, sizeof text);
  } else {
    rapt__log(ctx, RAPT_LOG_DEBUG, "after the first error: %s", text);
  }
  return status;
}

rapt_status rapt__fail_errno(rapt_context *ctx, const char *what, const char *path) {
  int number = errno;
  rapt_status status = number == ENOENT ? RAPT_ENOTFOUND : number == ENOMEM ? RAPT_ENOMEM : RAPT_EIO;
  return rapt__fail(ctx, status, "%s: cannot %s: %s", path, what, strerror(number));
}

rapt_status rapt__fail_memory(rapt_context *ctx, size_t bytes) {
  return rapt__fail(ctx, RAPT_ENOMEM, "out of memory (%zu bytes asked for)", bytes);
}

void rapt__log(rapt_context *ctx, rapt_log_level level, const char *fmt, ...) {
  if (!ctx->log) return;
  char text[1024];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  ctx->log(ctx->log_user, level, text);
}
