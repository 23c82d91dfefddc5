/* Unicode's normal forms, and BERT's normalizer. */
#include "text/step.h"

#include <string.h>
#include <utf8proc.h>

/* A character and how many it stands for: 1 when it is new, else minus the number of those removed behind it. */
typedef struct changed_char {
  uint32_t code;
  int32_t change;
  int ccc;
} changed_char;

/* A starter with the marks behind it: what may change places or be joined. */
typedef struct run {
  rapt_context *ctx;
  changed_char *items; /* owned */
  size_t count, room;
} run;

static int class_of(uint32_t code) {
  return code < 0x300 ? 0 : utf8proc_get_property((utf8proc_int32_t)code)->combining_class;
}

static int64_t composed(uint32_t a, uint32_t b) {
  if (a < 0x3C || b < 0x300) return -1; /* no character before '<' begins a pair, none before U+0300 ends one */
  utf8proc_int32_t pair[3] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b, 0};
  return utf8proc_normalize_utf32(pair, 2, UTF8PROC_COMPOSE | UTF8PROC_STABLE) == 1 ? pair[0] : -1;
}

/* Marks in order of their classes, equal ones as they came. */
static void order(run *r, size_t first) {
  for (size_t i = first + 1; i < r->count; i++) {
    changed_char c = r->items[i];
    size_t k = i;
    for (; k > first && r->items[k - 1].ccc > c.ccc; k--) r->items[k] = r->items[k - 1];
    r->items[k] = c;
  }
}

/* Long runs of marks are rare; they are sorted by counting, so that none takes the square of its length. */
static rapt_status sort_marks(run *r, size_t first) {
  enum { FEW = 64 };
  if (r->count - first <= FEW) {
    order(r, first);
    return RAPT_OK;
  }
  size_t n = r->count - first;
  changed_char *copy = rapt__new(r->ctx, n, sizeof *copy);
  if (!copy) return RAPT_ENOMEM;
  size_t k = 0;
  for (int ccc = 1; ccc < 256; ccc++)
    for (size_t i = first; i < r->count; i++)
      if (r->items[i].ccc == ccc) copy[k++] = r->items[i];
  memcpy(r->items + first, copy, k * sizeof *copy);
  rapt__free(r->ctx, copy);
  return RAPT_OK;
}

/* Joins a run's marks with its first character where nothing blocks them. */
static void join(run *r) {
  size_t kept = 1;
  int last = -1;
  for (size_t i = 1; i < r->count; i++) {
    changed_char c = r->items[i];
    int64_t made = last < c.ccc ? composed(r->items[0].code, c.code) : -1;
    if (made >= 0) {
      r->items[0].code = (uint32_t)made;
      r->items[0].change += c.change - 1;
    } else {
      last = c.ccc;
      r->items[kept++] = c;
    }
  }
  r->count = kept;
}

typedef struct former {
  rapt__rewrite w;
  run r;
  bool compose;
} former;

static rapt_status flush(former *f) {
  for (size_t i = 0; i < f->r.count; i++) RAPT_TRY(rapt__rewrite_put(&f->w, f->r.items[i].code, f->r.items[i].change));
  f->r.count = 0;
  return RAPT_OK;
}

static rapt_status settle(former *f) {
  run *r = &f->r;
  size_t first = r->count && r->items[0].ccc == 0 ? 1 : 0;
  RAPT_TRY(sort_marks(r, first));
  if (f->compose && first && r->count > 1) join(r);
  return RAPT_OK;
}

static rapt_status push(former *f, uint32_t code, int32_t change) {
  run *r = &f->r;
  int ccc = class_of(code);
  if (ccc == 0 && r->count) {
    RAPT_TRY(settle(f));
    /* A starter may join the one before when no mark stands between (Hangul, some Indic vowels). */
    int64_t made = f->compose && r->count == 1 && r->items[0].ccc == 0 ? composed(r->items[0].code, code) : -1;
    if (made >= 0) {
      r->items[0].code = (uint32_t)made;
      r->items[0].change += change - 1;
      return RAPT_OK;
    }
    RAPT_TRY(flush(f));
  }
  RAPT_TRY(rapt__reserve(r->ctx, (void **)&r->items, &r->room, r->count, sizeof *r->items));
  r->items[r->count++] = (changed_char){code, change, ccc};
  return RAPT_OK;
}

/* ASCII stays in every form. */
static bool is_ascii(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (text[i] & 0x80) return false;
  return true;
}

static rapt_status form(former *f, utf8proc_option_t options) {
  const rapt__view *in = f->w.in;
  uint32_t code;
  for (size_t at = 0, n; at < in->size; at += n) {
    utf8proc_int32_t parts[32];
    int boundary = 0;
    n = rapt__view_char(in, at, &code);
    utf8proc_ssize_t count =
        code < 0x80 ? 0 : utf8proc_decompose_char((utf8proc_int32_t)code, parts, 32, options, &boundary);
    if (count <= 0 || count > 32) {
      RAPT_TRY(push(f, code, 0));
    } else {
      for (utf8proc_ssize_t i = 0; i < count; i++) RAPT_TRY(push(f, (uint32_t)parts[i], i > 0));
    }
  }
  RAPT_TRY(settle(f));
  return flush(f);
}

rapt_status rapt__normal_form(rapt__text_step_type type, const rapt__view *in, rapt__traced *out, bool *changed) {
  *changed = !is_ascii(in->text, in->size);
  if (!*changed) return RAPT_OK;
  former f = {.w = {in, 0, out}, .r = {.ctx = out->ctx}, .compose = type == RAPT__NFC || type == RAPT__NFKC};
  rapt_status status =
      form(&f, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE | (type == RAPT__NFKC || type == RAPT__NFKD ? UTF8PROC_COMPAT : 0));
  rapt__free(f.r.ctx, f.r.items);
  return status;
}

/* ---- BERT's ---- */

static rapt_status bert_accents(const rapt__text_step *s, uint32_t code, rapt__origin from, rapt__traced *out) {
  utf8proc_int32_t parts[32] = {(utf8proc_int32_t)code};
  int boundary = 0;
  utf8proc_ssize_t count = 1;
  if (s->on[2])
    count = utf8proc_decompose_char((utf8proc_int32_t)code, parts, 32, UTF8PROC_DECOMPOSE | UTF8PROC_STABLE, &boundary);
  if (count <= 0 || count > 32) {
    parts[0] = (utf8proc_int32_t)code;
    count = 1;
  }
  for (utf8proc_ssize_t i = 0; i < count; i++) {
    uint32_t two[2] = {(uint32_t)parts[i]};
    if (s->on[2] && rapt__char_is_nonspacing(two[0])) continue;
    size_t n = s->on[3] ? rapt__lower(two[0], two) : 1;
    for (size_t k = 0; k < n; k++) RAPT_TRY(rapt__traced_char(out, two[k], from));
  }
  return RAPT_OK;
}

/* All four parts at once: each makes characters of one character, with its origin. (Of marks that take space and have a
 * class, which are a handful, several in a row would change places; they stay here.) */
rapt_status rapt__bert_normalize(const rapt__text_step *s, const rapt__view *in, rapt__traced *out) {
  RAPT_TRY(rapt__traced_reserve(out, in->size));
  uint32_t code;
  for (size_t at = 0, n; at < in->size; at += n) {
    n = rapt__view_char(in, at, &code);
    rapt__origin from = rapt__view_origin(in, at, n);
    if (s->on[0]) {
      if (code == 0 || code == 0xFFFD || rapt__char_is_control(code)) continue;
      if (rapt__char_is_white(code)) code = ' ';
    }
    if (code < 0x80) {
      if (s->on[3] && code >= 'A' && code <= 'Z') code += 'a' - 'A';
      RAPT_TRY(rapt__traced_char(out, code, from));
      continue;
    }
    bool alone = s->on[1] && rapt__char_is_chinese(code);
    if (alone) RAPT_TRY(rapt__traced_char(out, ' ', from));
    RAPT_TRY(bert_accents(s, code, from, out));
    if (alone) RAPT_TRY(rapt__traced_char(out, ' ', from));
  }
  return RAPT_OK;
}
