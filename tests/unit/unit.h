/* What the unit tests share: cmocka, a context whose memory is counted and can be made to fail, a scratch directory. */
#ifndef RAPT_TESTS_UNIT_UNIT_H
#define RAPT_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base.h"

typedef struct counted_memory {
  long live;    /* blocks not given back */
  long calls;   /* allocations asked for */
  long fail_at; /* this call (from 1) and all later ones fail; 0: none */
} counted_memory;

static inline void *counted_alloc(void *user, void *old, size_t size) {
  counted_memory *memory = user;
  if (size == 0) {
    if (old) memory->live--;
    free(old);
    return NULL;
  }
  memory->calls++;
  if (memory->fail_at && memory->calls >= memory->fail_at) return NULL;
  void *p = realloc(old, size);
  if (p && !old) memory->live++;
  return p;
}

static inline rapt_context *counted_context(counted_memory *memory, int threads) {
  *memory = (counted_memory){0};
  rapt_context *ctx;
  rapt_options options = {.alloc = counted_alloc, .alloc_user = memory, .threads = threads};
  assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
  return ctx;
}

/* Frees the context and checks that nothing is left. */
static inline void close_context(counted_memory *memory, rapt_context *ctx) {
  rapt_context_free(ctx);
  assert_int_equal(memory->live, 0);
}

#define assert_ok(ctx, expr)                                                                                           \
  do {                                                                                                                 \
    rapt_status assert_status_ = (expr);                                                                               \
    if (assert_status_ != RAPT_OK) fail_msg("%s: %s", #expr, rapt_context_message(ctx));                               \
  } while (0)

/* Fails with this status and a sentence that contains `part`; clears the error. */
#define assert_fails(ctx, expr, wanted, part)                                                                          \
  do {                                                                                                                 \
    assert_int_equal(expr, wanted);                                                                                    \
    if (!strstr(rapt_context_message(ctx), part))                                                                      \
      fail_msg("\"%s\" does not contain \"%s\"", rapt_context_message(ctx), part);                                     \
    rapt_context_clear(ctx);                                                                                           \
  } while (0)

#endif
