/* Text with the origin of each byte. */
#include "text/aligned.h"

#include <string.h>

void rapt__traced_init(rapt__traced *a, rapt_context *ctx, bool tracked) {
  *a = (rapt__traced){.ctx = ctx, .tracked = tracked};
}

void rapt__traced_free(rapt__traced *a) {
  rapt__free(a->ctx, a->text);
  rapt__free(a->ctx, a->from);
  a->text = NULL;
  a->from = NULL;
  a->size = a->room = a->from_room = 0;
}

rapt_status rapt__traced_grow(rapt__traced *a, size_t more) {
  size_t want;
  if (rapt__add_overflows(a->size, more, &want) || want > SIZE_MAX / 4) return rapt__fail_memory(a->ctx, SIZE_MAX);
  want += want / 2 + 64;
  if (a->room - a->size < more) {
    char *text = rapt__grow(a->ctx, a->text, want, 1);
    if (!text) return RAPT_ENOMEM;
    a->text = text;
    a->room = want;
  }
  if (a->tracked && a->from_room - a->size < more) {
    rapt__origin *from = rapt__grow(a->ctx, a->from, want, sizeof *from);
    if (!from) return RAPT_ENOMEM;
    a->from = from;
    a->from_room = want;
  }
  return RAPT_OK;
}

rapt_status rapt__traced_add(rapt__traced *a, const char *bytes, size_t size, rapt__origin from) {
  RAPT_TRY(rapt__traced_reserve(a, size));
  if (size) memcpy(a->text + a->size, bytes, size);
  if (a->tracked)
    for (size_t i = 0; i < size; i++) a->from[a->size + i] = from;
  a->size += size;
  return RAPT_OK;
}

rapt_status rapt__traced_char(rapt__traced *a, uint32_t code, rapt__origin from) {
  RAPT_TRY(rapt__traced_reserve(a, 4));
  size_t n = rapt__utf8_write(code, a->text + a->size);
  if (a->tracked)
    for (size_t i = 0; i < n; i++) a->from[a->size + i] = from;
  a->size += n;
  return RAPT_OK;
}

rapt_status rapt__traced_copy(rapt__traced *a, const rapt__view *v, size_t start, size_t end) {
  RAPT_TRY(rapt__traced_reserve(a, end - start));
  if (end > start) memcpy(a->text + a->size, v->text + start, end - start);
  if (a->tracked && v->from && end > start) {
    memcpy(a->from + a->size, v->from + start, (end - start) * sizeof *a->from);
  } else if (a->tracked) {
    uint32_t code;
    for (size_t at = start, n; at < end; at += n) {
      n = rapt__view_char(v, at, &code);
      for (size_t i = 0; i < n && at + i < end; i++) a->from[a->size + at - start + i] = rapt__view_origin(v, at, n);
    }
  }
  a->size += end - start;
  return RAPT_OK;
}

rapt__view rapt__traced_view(const rapt__traced *a) {
  return (rapt__view){a->text ? a->text : "", a->size, a->tracked ? a->from : NULL, 0};
}

size_t rapt__view_char(const rapt__view *v, size_t at, uint32_t *code) {
  size_t n = rapt__utf8(v->text + at, v->size - at, code);
  if (n) return n;
  *code = 0xFFFD;
  return 1;
}

rapt_status rapt__rewrite_put(rapt__rewrite *w, uint32_t code, int64_t change) {
  rapt__origin from = {0, 0};
  uint32_t old;
  if (change > 0) {
    if (w->at > 0) {
      size_t n = 1;
      if (!w->in->from) n = rapt__utf8_last(w->in->text, w->at, &old);
      from = rapt__view_origin(w->in, w->at - n, n);
    }
    return rapt__traced_char(w->out, code, from);
  }
  if (w->at < w->in->size) {
    size_t n = rapt__view_char(w->in, w->at, &old);
    from = rapt__view_origin(w->in, w->at, n);
    w->at += n;
  }
  rapt__rewrite_skip(w, (size_t)-change);
  return rapt__traced_char(w->out, code, from);
}

void rapt__rewrite_skip(rapt__rewrite *w, size_t chars) {
  uint32_t old;
  for (; chars > 0 && w->at < w->in->size; chars--) w->at += rapt__view_char(w->in, w->at, &old);
}
