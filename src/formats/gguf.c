/* GGUF, read. */
#include "formats/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULT_ALIGNMENT = 32, MOST_ALIGNMENT = 1 << 20, NAME_LIMIT = 65535 };

static const struct {
  const char *name;
  size_t bytes; /* 0: texts and arrays */
} kinds[] = {
#define KIND(name, bytes) {#name, bytes},
    RAPT__GGUF_KIND_LIST(KIND)
#undef KIND
};

const char *rapt__gguf_kind_name(rapt__gguf_kind kind) {
  return (unsigned)kind < RAPT__GGUF_KINDS ? kinds[kind].name : "?";
}

static uint32_t read_u32(const uint8_t *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint64_t read_u64(const uint8_t *p) { return read_u32(p) | (uint64_t)read_u32(p + 4) << 32; }

/* Where the reader is. What it is reading is named in messages: `what` "key" or "tensor", and its name. */
typedef struct cursor {
  rapt__gguf *g;
  const uint8_t *at;
  const char *what, *name;
} cursor;

static size_t left(const cursor *c) { return c->g->size - (size_t)(c->at - c->g->bytes); }
static size_t place(const cursor *c) { return (size_t)(c->at - c->g->bytes); }

static rapt_status fail_short(const cursor *c, const char *part, uint64_t wanted) {
  return rapt__fail(c->g->ctx, RAPT_EFORMAT, "%s: byte %zu: %s %s: %s needs %llu bytes, and the file has %zu more",
                    c->g->name, place(c), c->what, c->name, part, (unsigned long long)wanted, left(c));
}

static rapt_status take_u32(cursor *c, const char *part, uint32_t *out) {
  if (left(c) < 4) return fail_short(c, part, 4);
  *out = read_u32(c->at);
  c->at += 4;
  return RAPT_OK;
}

static rapt_status take_u64(cursor *c, const char *part, uint64_t *out) {
  if (left(c) < 8) return fail_short(c, part, 8);
  *out = read_u64(c->at);
  c->at += 8;
  return RAPT_OK;
}

/* A text's bytes stay where they are. */
static rapt_status take_text(cursor *c, const char *part, const uint8_t **bytes, uint64_t *size) {
  RAPT_TRY(take_u64(c, part, size));
  if (*size > left(c)) return fail_short(c, part, *size);
  *bytes = c->at;
  c->at += *size;
  return RAPT_OK;
}

/* Names go into messages and onto terminals: no control characters. */
static rapt_status take_name(cursor *c, const char *part, const char **out) {
  const uint8_t *bytes = NULL;
  uint64_t size = 0;
  size_t begin = place(c);
  RAPT_TRY(take_text(c, part, &bytes, &size));
  if (size == 0 || size > NAME_LIMIT)
    return rapt__fail(c->g->ctx, RAPT_EFORMAT, "%s: byte %zu: %s %s: %s of %llu bytes", c->g->name, begin, c->what,
                      c->name, part, (unsigned long long)size);
  for (uint64_t i = 0; i < size; i++)
    if (bytes[i] < 32 || bytes[i] == 127)
      return rapt__fail(c->g->ctx, RAPT_EFORMAT, "%s: byte %zu: %s %s: %s has the control character %d", c->g->name,
                        begin + 8 + (size_t)i, c->what, c->name, part, bytes[i]);
  char *copy = rapt__arena_new(&c->g->arena, (size_t)size + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  memcpy(copy, bytes, (size_t)size);
  *out = copy;
  return RAPT_OK;
}

static rapt_status check_kind(const cursor *c, uint32_t kind) {
  if (kind < RAPT__GGUF_KINDS) return RAPT_OK;
  return rapt__fail(c->g->ctx, RAPT_EFORMAT, "%s: byte %zu: %s %s: there is no kind of value %u", c->g->name,
                    place(c) - 4, c->what, c->name, kind);
}

static rapt_status check_bools(const cursor *c, const uint8_t *at, uint64_t count) {
  for (uint64_t i = 0; i < count; i++)
    if (at[i] > 1)
      return rapt__fail(c->g->ctx, RAPT_EFORMAT, "%s: byte %zu: %s %s: %d is neither true (1) nor false (0)",
                        c->g->name, (size_t)(at - c->g->bytes) + (size_t)i, c->what, c->name, at[i]);
  return RAPT_OK;
}

/* Least bytes of an element: what a count claims must be there. */
static size_t least_bytes(rapt__gguf_kind kind) {
  return kind == RAPT__GGUF_ARRAY ? 12 : kind == RAPT__GGUF_TEXT ? 8 : kinds[kind].bytes;
}

static rapt_status take_value(cursor *c, uint32_t kind, int depth, rapt__gguf_value *out);

static rapt_status take_array(cursor *c, int depth, rapt__gguf_value *out) {
  uint32_t element;
  RAPT_TRY(take_u32(c, "an array's kind", &element));
  RAPT_TRY(check_kind(c, element));
  RAPT_TRY(take_u64(c, "an array's length", &out->count));
  if (depth >= RAPT__GGUF_NESTING)
    return rapt__fail(c->g->ctx, RAPT_EUNSUPPORTED, "%s: byte %zu: %s %s: arrays inside arrays more than %d deep",
                      c->g->name, place(c), c->what, c->name, RAPT__GGUF_NESTING);
  out->element = (rapt__gguf_kind)element;
  if (out->count > left(c) / least_bytes(out->element))
    return rapt__fail(c->g->ctx, RAPT_EFORMAT,
                      "%s: byte %zu: %s %s: an array claims %llu elements (%s), and the file has %zu more bytes",
                      c->g->name, place(c), c->what, c->name, (unsigned long long)out->count, kinds[element].name,
                      left(c));
  out->at = c->at;
  if (kinds[element].bytes) {
    if (element == RAPT__GGUF_BOOL) RAPT_TRY(check_bools(c, c->at, out->count));
    c->at += out->count * kinds[element].bytes;
    return RAPT_OK;
  }
  rapt__gguf_value inside;
  for (uint64_t i = 0; i < out->count; i++) RAPT_TRY(take_value(c, element, depth + 1, &inside));
  return RAPT_OK;
}

static rapt_status take_value(cursor *c, uint32_t kind, int depth, rapt__gguf_value *out) {
  *out = (rapt__gguf_value){.kind = (rapt__gguf_kind)kind, .count = 1, .at = c->at};
  if (kind == RAPT__GGUF_TEXT) {
    RAPT_TRY(take_text(c, "a text", &out->at, &out->count));
  } else if (kind == RAPT__GGUF_ARRAY) {
    RAPT_TRY(take_array(c, depth, out));
  } else {
    if (left(c) < kinds[kind].bytes) return fail_short(c, "a value", kinds[kind].bytes);
    if (kind == RAPT__GGUF_BOOL) RAPT_TRY(check_bools(c, c->at, 1));
    c->at += kinds[kind].bytes;
  }
  out->end = c->at;
  return RAPT_OK;
}

static rapt_status read_pairs(cursor *c, uint64_t count) {
  rapt__gguf *g = c->g;
  g->pairs = rapt__arena_new(&g->arena, (size_t)count + 1, sizeof *g->pairs);
  if (!g->pairs) return RAPT_ENOMEM;
  for (uint64_t i = 0; i < count; i++) {
    rapt__gguf_pair *pair = &g->pairs[g->pair_count];
    uint32_t kind;
    char number[32];
    snprintf(number, sizeof number, "number %llu", (unsigned long long)i);
    c->what = "key";
    c->name = number;
    RAPT_TRY(take_name(c, "the key", &pair->key));
    c->name = pair->key;
    RAPT_TRY(take_u32(c, "the kind", &kind));
    RAPT_TRY(check_kind(c, kind));
    RAPT_TRY(take_value(c, kind, 0, &pair->value));
    g->pair_count++;
  }
  return RAPT_OK;
}

/* Elements and bytes from dimensions that nobody has looked at. The file has the innermost one first. */
static rapt_status read_dims(cursor *c, rapt__gguf_tensor *t) {
  rapt_context *ctx = c->g->ctx;
  t->size = 1;
  for (int i = t->ndim - 1; i >= 0; i--) {
    uint64_t dim = 0;
    RAPT_TRY(take_u64(c, "a dimension", &dim));
    if (dim > INT64_MAX || __builtin_mul_overflow(t->size, (int64_t)dim, &t->size))
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: tensor %s: dimension %d, %llu, is no size", c->g->name,
                        place(c) - 8, c->name, i, (unsigned long long)dim);
    t->dim[i] = (int64_t)dim;
  }
  return RAPT_OK;
}

static rapt_status read_tensor(cursor *c, rapt__gguf_tensor *t, uint64_t *offset) {
  rapt_context *ctx = c->g->ctx;
  const char *file = c->g->name;
  uint32_t ndim, type;
  RAPT_TRY(take_name(c, "the name", &t->name));
  c->name = t->name;
  RAPT_TRY(take_u32(c, "the number of dimensions", &ndim));
  if (ndim > RAPT__GGUF_DIMS)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: tensor %s: %u dimensions; there are %d at most", file,
                      place(c) - 4, t->name, ndim, RAPT__GGUF_DIMS);
  t->ndim = (int)ndim;
  RAPT_TRY(read_dims(c, t));
  RAPT_TRY(take_u32(c, "the type", &type));
  t->type = rapt__type_of(type);
  if (!t->type)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: byte %zu: tensor %s: type %u is not known", file, place(c) - 4,
                      t->name, type);
  int64_t row = t->ndim ? t->dim[t->ndim - 1] : 1;
  if (row % t->type->elements != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor %s: rows of %lld elements are no whole blocks of %lld (%s)", file,
                      t->name, (long long)row, (long long)t->type->elements, t->type->name);
  if (rapt__mul_overflows((size_t)(t->size / t->type->elements), t->type->bytes, &t->bytes))
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor %s: %lld elements are more than a file can have", file, t->name,
                      (long long)t->size);
  RAPT_TRY(take_u64(c, "the offset", offset));
  if (*offset % c->g->alignment != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: tensor %s: offset %llu is no multiple of the alignment %llu",
                      file, place(c) - 8, t->name, (unsigned long long)*offset, (unsigned long long)c->g->alignment);
  return RAPT_OK;
}

/* Offsets count from the data, whose place is known behind the last tensor's entry: until then they are kept aside. */
static rapt_status read_tensors(cursor *c, uint64_t count) {
  rapt__gguf *g = c->g;
  g->tensors = rapt__arena_new(&g->arena, (size_t)count + 1, sizeof *g->tensors);
  uint64_t *offsets = rapt__arena_new(&g->arena, (size_t)count + 1, sizeof *offsets);
  if (!g->tensors || !offsets) return RAPT_ENOMEM;
  for (uint64_t i = 0; i < count; i++) {
    char number[32];
    snprintf(number, sizeof number, "number %llu", (unsigned long long)i);
    c->what = "tensor";
    c->name = number;
    RAPT_TRY(read_tensor(c, &g->tensors[i], &offsets[i]));
    g->tensor_count++;
  }
  size_t begin = (place(c) + (size_t)g->alignment - 1) & ~((size_t)g->alignment - 1);
  size_t data = begin < g->size ? g->size - begin : 0;
  for (uint64_t i = 0; i < count; i++) {
    rapt__gguf_tensor *t = &g->tensors[i];
    if (offsets[i] > data || t->bytes > data - offsets[i])
      return rapt__fail(g->ctx, RAPT_EFORMAT,
                        "%s: tensor %s: %zu bytes from byte %llu of the data reach outside its %zu bytes", g->name,
                        t->name, t->bytes, (unsigned long long)offsets[i], data);
    t->data = data ? g->bytes + begin + offsets[i] : g->bytes + g->size;
  }
  return RAPT_OK;
}

static int by_name(const void *a, const void *b) { return strcmp(*(const char *const *)a, *(const char *const *)b); }

static rapt_status check_names(const rapt__gguf *g, const char **names, size_t count, const char *what) {
  qsort(names, count, sizeof *names, by_name);
  for (size_t i = 1; i < count; i++)
    if (strcmp(names[i - 1], names[i]) == 0)
      return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: two %ss are named %s", g->name, what, names[i]);
  return RAPT_OK;
}

static int by_data(const void *a, const void *b) {
  const rapt__gguf_tensor *x = *(rapt__gguf_tensor *const *)a, *y = *(rapt__gguf_tensor *const *)b;
  return x->data != y->data ? (x->data > y->data) - (x->data < y->data) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* No name twice, and no byte in two tensors. */
static rapt_status check_twice(rapt__gguf *g) {
  size_t most = g->pair_count > g->tensor_count ? g->pair_count : g->tensor_count;
  const char **names = rapt__new(g->ctx, most + 1, sizeof *names);
  if (!names) return RAPT_ENOMEM;
  for (size_t i = 0; i < g->pair_count; i++) names[i] = g->pairs[i].key;
  rapt_status status = check_names(g, names, g->pair_count, "key");
  for (size_t i = 0; i < g->tensor_count; i++) names[i] = g->tensors[i].name;
  if (status == RAPT_OK) status = check_names(g, names, g->tensor_count, "tensor");
  const rapt__gguf_tensor **sorted = (const rapt__gguf_tensor **)(void *)names;
  for (size_t i = 0; i < g->tensor_count; i++) sorted[i] = &g->tensors[i];
  qsort(sorted, g->tensor_count, sizeof *sorted, by_data);
  for (size_t i = 1; i < g->tensor_count && status == RAPT_OK; i++)
    if (sorted[i - 1]->bytes > 0 && sorted[i]->data < sorted[i - 1]->data + sorted[i - 1]->bytes)
      status = rapt__fail(g->ctx, RAPT_EFORMAT, "%s: tensors %s and %s overlap at byte %zu of the file", g->name,
                          sorted[i - 1]->name, sorted[i]->name, (size_t)(sorted[i]->data - g->bytes));
  rapt__free(g->ctx, names);
  return status;
}

static rapt_status read_alignment(rapt__gguf *g) {
  g->alignment = DEFAULT_ALIGNMENT;
  const rapt__gguf_value *value = rapt__gguf_value_of(g, "general.alignment");
  if (!value) return RAPT_OK;
  int64_t n = value->kind == RAPT__GGUF_U32 ? rapt__gguf_integer(value) : 0;
  if (n < 1 || n > MOST_ALIGNMENT || (n & (n - 1)) != 0)
    return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: key general.alignment is no power of two from 1 to %d of kind U32",
                      g->name, MOST_ALIGNMENT);
  g->alignment = (uint64_t)n;
  return RAPT_OK;
}

static rapt_status read_all(rapt__gguf *g) {
  rapt_context *ctx = g->ctx;
  cursor c = {g, g->bytes, "header", "of the file"};
  if (g->size < 4 || memcmp(g->bytes, "GGUF", 4) != 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 0: is no GGUF file, which begins with \"GGUF\"", g->name);
  c.at += 4;
  RAPT_TRY(take_u32(&c, "the version", &g->version));
  if (g->version != 0 && (g->version & 0xFFFF) == 0)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: byte 4: a big-endian GGUF file; little-endian ones are read",
                      g->name);
  if (g->version != 2 && g->version != 3)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: byte 4: GGUF version %u; versions 2 and 3 are read", g->name,
                      g->version);
  uint64_t tensors, pairs;
  RAPT_TRY(take_u64(&c, "the number of tensors", &tensors));
  RAPT_TRY(take_u64(&c, "the number of keys", &pairs));
  /* The least that each takes: a name of one byte, a kind, a value; a name, no dimension, a type, an offset. */
  if (pairs > left(&c) / 14 || tensors > left(&c) / 25)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 8: %llu tensors and %llu keys do not fit into %zu bytes", g->name,
                      (unsigned long long)tensors, (unsigned long long)pairs, g->size);
  RAPT_TRY(read_pairs(&c, pairs));
  RAPT_TRY(read_alignment(g));
  RAPT_TRY(read_tensors(&c, tensors));
  return check_twice(g);
}

rapt_status rapt__gguf_parse(rapt_context *ctx, const char *name, const uint8_t *bytes, size_t size, rapt__gguf *out) {
  *out = (rapt__gguf){.ctx = ctx, .bytes = bytes, .size = size};
  rapt__arena_init(&out->arena, ctx);
  out->name = rapt__arena_strdup(&out->arena, name);
  rapt_status status = out->name ? read_all(out) : RAPT_ENOMEM;
  if (status != RAPT_OK) rapt__gguf_close(out);
  return status;
}

rapt_status rapt__gguf_open(rapt_context *ctx, const char *path, rapt__gguf *out) {
  rapt__map map;
  *out = (rapt__gguf){.ctx = ctx};
  RAPT_TRY(rapt__map_open(ctx, path, &map));
  rapt_status status = rapt__gguf_parse(ctx, path, map.data, map.size, out);
  if (status != RAPT_OK)
    rapt__map_close(&map);
  else
    out->map = map;
  return status;
}

void rapt__gguf_close(rapt__gguf *g) {
  if (!g->ctx) return;
  rapt__arena_free(&g->arena);
  rapt__map_close(&g->map);
  *g = (rapt__gguf){0};
}

const rapt__gguf_tensor *rapt__gguf_find(const rapt__gguf *g, const char *name) {
  for (size_t i = 0; i < g->tensor_count; i++)
    if (strcmp(g->tensors[i].name, name) == 0) return &g->tensors[i];
  return NULL;
}

const rapt__gguf_value *rapt__gguf_value_of(const rapt__gguf *g, const char *key) {
  for (size_t i = 0; i < g->pair_count; i++)
    if (strcmp(g->pairs[i].key, key) == 0) return &g->pairs[i].value;
  return NULL;
}

/* ---- Values ---- */

bool rapt__gguf_is_number(rapt__gguf_kind kind) { return kinds[kind].bytes > 0; }
bool rapt__gguf_is_integer(rapt__gguf_kind kind) {
  return rapt__gguf_is_number(kind) && kind != RAPT__GGUF_F32 && kind != RAPT__GGUF_F64 && kind != RAPT__GGUF_BOOL;
}

/* The value was checked when the file was read, so that lengths can be trusted here. */
static rapt__gguf_value value_at(rapt__gguf_kind kind, const uint8_t *at) {
  rapt__gguf_value v = {.kind = kind, .count = 1, .at = at};
  if (kind == RAPT__GGUF_TEXT) {
    v.count = read_u64(at);
    v.at = at + 8;
    v.end = v.at + v.count;
  } else if (kind == RAPT__GGUF_ARRAY) {
    v.element = (rapt__gguf_kind)read_u32(at);
    v.count = read_u64(at + 4);
    v.at = v.end = at + 12;
    if (kinds[v.element].bytes) {
      v.end += v.count * kinds[v.element].bytes;
    } else {
      for (uint64_t i = 0; i < v.count; i++) v.end = value_at(v.element, v.end).end;
    }
  } else {
    v.end = at + kinds[kind].bytes;
  }
  return v;
}

rapt__gguf_value rapt__gguf_number(const rapt__gguf_value *array, uint64_t i) {
  rapt__gguf_kind kind = array->kind == RAPT__GGUF_ARRAY ? array->element : array->kind;
  return value_at(kind, array->at + i * kinds[kind].bytes);
}

rapt__gguf_value rapt__gguf_first(const rapt__gguf_value *array) {
  return array->count ? value_at(array->element, array->at) : (rapt__gguf_value){.kind = array->element};
}

rapt__gguf_value rapt__gguf_next(const rapt__gguf_value *element) { return value_at(element->kind, element->end); }

int64_t rapt__gguf_integer(const rapt__gguf_value *value) {
  const uint8_t *p = value->at;
  switch (value->kind) {
  case RAPT__GGUF_BOOL:
  case RAPT__GGUF_U8: return *p;
  case RAPT__GGUF_I8: return (int8_t)*p;
  case RAPT__GGUF_U16: return (uint16_t)(p[0] | p[1] << 8);
  case RAPT__GGUF_I16: return (int16_t)(uint16_t)(p[0] | p[1] << 8);
  case RAPT__GGUF_U32: return read_u32(p);
  case RAPT__GGUF_I32: return (int32_t)read_u32(p);
  case RAPT__GGUF_U64: return read_u64(p) > INT64_MAX ? INT64_MAX : (int64_t)read_u64(p);
  case RAPT__GGUF_I64: return (int64_t)read_u64(p);
  default: return 0;
  }
}

double rapt__gguf_real(const rapt__gguf_value *value) {
  float narrow;
  double wide;
  uint32_t bits;
  uint64_t more;
  switch (value->kind) {
  case RAPT__GGUF_F32:
    bits = read_u32(value->at);
    memcpy(&narrow, &bits, sizeof narrow);
    return narrow;
  case RAPT__GGUF_F64:
    more = read_u64(value->at);
    memcpy(&wide, &more, sizeof wide);
    return wide;
  case RAPT__GGUF_U64: return (double)read_u64(value->at);
  default: return (double)rapt__gguf_integer(value);
  }
}
