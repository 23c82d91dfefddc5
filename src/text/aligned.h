/* Text that remembers where it came from: for every byte of a normalised text, the range of the original's bytes that
 * it stands for. */
#ifndef RAPT_SRC_TEXT_ALIGNED_H
#define RAPT_SRC_TEXT_ALIGNED_H

#include "base/base.h"
#include "text/unicode.h"

typedef struct rapt__origin {
  uint32_t start, end; /* in bytes of the original */
} rapt__origin;

/* A text to read. */
typedef struct rapt__view {
  const char *text;
  size_t size;
  const rapt__origin *from; /* [size], or NULL: byte i is the original's byte base + i, or origins are not kept */
  size_t base;
} rapt__view;

/* A text to write. */
typedef struct rapt__traced {
  rapt_context *ctx;
  char *text;         /* owned */
  rapt__origin *from; /* owned; filled while `tracked` */
  size_t size, room, from_room;
  bool tracked;
} rapt__traced;

void rapt__traced_init(rapt__traced *a, rapt_context *ctx, bool tracked);
void rapt__traced_free(rapt__traced *a);
rapt_status rapt__traced_grow(rapt__traced *a, size_t more);
static inline rapt_status rapt__traced_reserve(rapt__traced *a, size_t more) {
  return a->room - a->size >= more && (!a->tracked || a->from_room - a->size >= more) ? RAPT_OK
                                                                                      : rapt__traced_grow(a, more);
}
rapt_status rapt__traced_add(rapt__traced *a, const char *bytes, size_t size, rapt__origin from);
rapt_status rapt__traced_char(rapt__traced *a, uint32_t code, rapt__origin from);
/* Bytes [start, end) of a view, with their origins. */
rapt_status rapt__traced_copy(rapt__traced *a, const rapt__view *v, size_t start, size_t end);
rapt__view rapt__traced_view(const rapt__traced *a);

/* The origin of the character (of n bytes) at a place. */
static inline rapt__origin rapt__view_origin(const rapt__view *v, size_t at, size_t n) {
  if (v->from) return v->from[at];
  return (rapt__origin){(uint32_t)(v->base + at), (uint32_t)(v->base + at + n)};
}
/* The character at a place of a text that is valid, or one invalid byte as U+FFFD; its length. */
size_t rapt__view_char(const rapt__view *v, size_t at, uint32_t *code);

/* Writing a changed copy the way Hugging Face's normalizers count: each written character says how many characters were
 * removed behind the one it replaces (0 or less), or that it is new (1) and shares the origin of the byte before. */
typedef struct rapt__rewrite {
  const rapt__view *in;
  size_t at; /* byte of `in` */
  rapt__traced *out;
} rapt__rewrite;
rapt_status rapt__rewrite_put(rapt__rewrite *w, uint32_t code, int64_t change);
void rapt__rewrite_skip(rapt__rewrite *w, size_t chars);

#endif
