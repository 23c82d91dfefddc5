/* safetensors, read and written. */
#include "formats/safetensors.h"

#include "base/half.h"

#include <stdlib.h>
#include <string.h>

static const struct {
  const char *name;
  size_t bytes;
} types[] = {[RAPT__ST_F64] = {"F64", 8},   [RAPT__ST_F32] = {"F32", 4}, [RAPT__ST_F16] = {"F16", 2},
             [RAPT__ST_BF16] = {"BF16", 2}, [RAPT__ST_I64] = {"I64", 8}, [RAPT__ST_I32] = {"I32", 4},
             [RAPT__ST_I16] = {"I16", 2},   [RAPT__ST_I8] = {"I8", 1},   [RAPT__ST_U8] = {"U8", 1},
             [RAPT__ST_BOOL] = {"BOOL", 1}};
enum { TYPES = sizeof types / sizeof *types, DIMENSIONS = 8 };
static const uint64_t header_limit = 100000000; /* the limit of the reference reader */

static uint64_t read_u64(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static int by_data(const void *a, const void *b) {
  const rapt__st_entry *x = a, *y = b;
  return x->data != y->data ? (x->data > y->data) - (x->data < y->data) : (x->size > y->size) - (x->size < y->size);
}

static rapt_status parse_entry(rapt__safetensors *st, const char *file, const char *name, json_t *value,
                               const uint8_t *data, size_t data_size) {
  rapt_context *ctx = st->ctx;
  rapt__st_entry *e = &st->entries[st->count];
  const char *type = json_string_value(json_object_get(value, "dtype"));
  json_t *shape = json_object_get(value, "shape"), *offsets = json_object_get(value, "data_offsets");
  int kind = 0;
  while (kind < TYPES && !(type && strcmp(types[kind].name, type) == 0)) kind++;
  if (kind == TYPES)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor \"%s\": dtype \"%s\" is not known", file, name, type ? type : "?");
  if (!json_is_array(shape) || json_array_size(shape) > DIMENSIONS || !json_is_array(offsets) ||
      json_array_size(offsets) != 2)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor \"%s\": needs a shape of at most 8 numbers and two data_offsets",
                      file, name);
  *e = (rapt__st_entry){.name = rapt__arena_strdup(&st->arena, name),
                        .type = (rapt__st_type)kind,
                        .ndim = (int)json_array_size(shape),
                        .size = 1};
  if (!e->name) return RAPT_ENOMEM;
  for (int i = 0; i < e->ndim; i++) {
    json_t *d = json_array_get(shape, (size_t)i);
    e->dim[i] = json_integer_value(d);
    if (!json_is_integer(d) || e->dim[i] < 0 || __builtin_mul_overflow(e->size, e->dim[i], &e->size))
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: tensor \"%s\": dimension %d is not a size", file, name, i);
  }
  json_int_t begin = json_integer_value(json_array_get(offsets, 0)),
             end = json_integer_value(json_array_get(offsets, 1));
  size_t bytes;
  if (!json_is_integer(json_array_get(offsets, 0)) || !json_is_integer(json_array_get(offsets, 1)) || begin < 0 ||
      end < begin || (uint64_t)end > data_size)
    return rapt__fail(ctx, RAPT_EFORMAT,
                      "%s: tensor \"%s\": data_offsets [%lld, %lld) lie outside the %zu bytes of data", file, name,
                      (long long)begin, (long long)end, data_size);
  if (rapt__mul_overflows((size_t)e->size, types[kind].bytes, &bytes) || bytes != (size_t)(end - begin))
    return rapt__fail(ctx, RAPT_EFORMAT,
                      "%s: tensor \"%s\": shape and dtype do not give the %lld bytes of its data_offsets", file, name,
                      (long long)(end - begin));
  e->data = data + begin;
  st->count++;
  return RAPT_OK;
}

static rapt_status check_metadata(rapt_context *ctx, const char *file, json_t *metadata) {
  const char *key;
  json_t *value;
  if (!json_is_object(metadata)) return rapt__fail(ctx, RAPT_EFORMAT, "%s: __metadata__ is not an object", file);
  json_object_foreach(metadata, key, value) {
    if (!json_is_string(value))
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: __metadata__: the value of \"%s\" is not a text", file, key);
  }
  return RAPT_OK;
}

static rapt_status parse_header(rapt__safetensors *st, const char *name, const uint8_t *bytes, size_t size) {
  rapt_context *ctx = st->ctx;
  if (size < 8) return rapt__fail(ctx, RAPT_EFORMAT, "%s: %zu bytes are too few for a safetensors file", name, size);
  uint64_t length = read_u64(bytes);
  if (length > header_limit || length > size - 8)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 0 claims a header of %llu bytes, but the file has %zu", name,
                      (unsigned long long)length, size);
  json_error_t error;
  st->header = json_loadb((const char *)bytes + 8, (size_t)length, JSON_REJECT_DUPLICATES, &error);
  if (!st->header && json_error_code(&error) == json_error_out_of_memory) return rapt__fail_memory(ctx, (size_t)length);
  if (!json_is_object(st->header))
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %d of the header: %s", name, st->header ? 0 : error.position,
                      st->header ? "an object is expected" : error.text);
  st->entries = rapt__arena_new(&st->arena, json_object_size(st->header) + 1, sizeof *st->entries);
  if (!st->entries) return RAPT_ENOMEM;
  const char *key;
  json_t *value;
  json_object_foreach(st->header, key, value) {
    if (strcmp(key, "__metadata__") == 0) {
      RAPT_TRY(check_metadata(ctx, name, value));
      continue;
    }
    RAPT_TRY(parse_entry(st, name, key, value, bytes + 8 + length, size - 8 - (size_t)length));
  }
  qsort(st->entries, st->count, sizeof *st->entries, by_data);
  const uint8_t *at = bytes + 8 + length;
  for (size_t i = 0; i < st->count; i++) {
    if (st->entries[i].data != at)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "%s: tensor \"%s\" begins at byte %zu of the data; %zu is expected (a hole or an overlap)",
                        name, st->entries[i].name, (size_t)(st->entries[i].data - bytes) - 8 - (size_t)length,
                        (size_t)(at - bytes) - 8 - (size_t)length);
    at += (size_t)st->entries[i].size * types[st->entries[i].type].bytes;
  }
  if (at != bytes + size)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: %zu bytes behind the last tensor belong to none", name,
                      (size_t)(bytes + size - at));
  return RAPT_OK;
}

rapt_status rapt__safetensors_parse(rapt_context *ctx, const char *name, const uint8_t *bytes, size_t size,
                                    rapt__safetensors *out) {
  *out = (rapt__safetensors){.ctx = ctx};
  rapt__arena_init(&out->arena, ctx);
  rapt_status status = parse_header(out, name, bytes, size);
  if (status != RAPT_OK) rapt__safetensors_close(out);
  return status;
}

rapt_status rapt__safetensors_open(rapt_context *ctx, const char *path, rapt__safetensors *out) {
  rapt__map map;
  *out = (rapt__safetensors){.ctx = ctx};
  RAPT_TRY(rapt__map_open(ctx, path, &map));
  rapt_status status = rapt__safetensors_parse(ctx, path, map.data, map.size, out);
  if (status != RAPT_OK)
    rapt__map_close(&map);
  else
    out->map = map;
  return status;
}

void rapt__safetensors_close(rapt__safetensors *st) {
  if (!st->ctx) return;
  json_decref(st->header);
  rapt__arena_free(&st->arena);
  if (st->map.data) rapt__map_close(&st->map);
  *st = (rapt__safetensors){0};
}

const rapt__st_entry *rapt__safetensors_find(const rapt__safetensors *st, const char *name) {
  for (size_t i = 0; i < st->count; i++)
    if (strcmp(st->entries[i].name, name) == 0) return &st->entries[i];
  return NULL;
}

const char *rapt__safetensors_meta(const rapt__safetensors *st, const char *key) {
  return json_string_value(json_object_get(json_object_get(st->header, "__metadata__"), key));
}

const char *rapt__safetensors_type_name(rapt__st_type type) { return types[type].name; }
size_t rapt__safetensors_element(rapt__st_type type) { return types[type].bytes; }

rapt_status rapt__safetensors_read(const rapt__safetensors *st, const rapt__st_entry *e, float *out) {
  const uint8_t *p = e->data;
  for (int64_t i = 0; i < e->size; i++, p += types[e->type].bytes) {
    uint16_t half;
    double wide;
    switch (e->type) {
    case RAPT__ST_F32: memcpy(&out[i], p, 4); break;
    case RAPT__ST_F64: memcpy(&wide, p, 8), out[i] = (float)wide; break;
    case RAPT__ST_F16: memcpy(&half, p, 2), out[i] = rapt__from_half(half); break;
    case RAPT__ST_BF16: memcpy(&half, p, 2), out[i] = rapt__from_bfloat(half); break;
    default:
      return rapt__fail(st->ctx, RAPT_EUNSUPPORTED, "tensor \"%s\" holds integers (%s), not reals", e->name,
                        types[e->type].name);
    }
  }
  return RAPT_OK;
}

rapt_status rapt__safetensors_read_ints(const rapt__safetensors *st, const rapt__st_entry *e, int64_t *out) {
  const uint8_t *p = e->data;
  for (int64_t i = 0; i < e->size; i++, p += types[e->type].bytes) {
    int32_t word;
    int16_t half;
    switch (e->type) {
    case RAPT__ST_I64: memcpy(&out[i], p, 8); break;
    case RAPT__ST_I32: memcpy(&word, p, 4), out[i] = word; break;
    case RAPT__ST_I16: memcpy(&half, p, 2), out[i] = half; break;
    case RAPT__ST_I8: out[i] = *p < 128 ? *p : *p - 256; break;
    case RAPT__ST_U8: out[i] = *p; break;
    case RAPT__ST_BOOL: out[i] = *p != 0; break;
    default:
      return rapt__fail(st->ctx, RAPT_EUNSUPPORTED, "tensor \"%s\" holds reals (%s), not integers", e->name,
                        types[e->type].name);
    }
  }
  return RAPT_OK;
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static rapt_status check_entry(rapt_context *ctx, const char *path, const rapt__st_entry *e) {
  if (!e->name || strcmp(e->name, "__metadata__") == 0)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: a tensor cannot be named \"%s\"", path, e->name ? e->name : "NULL");
  int64_t size = 1, bytes;
  bool fits = (unsigned)e->type < TYPES && e->ndim >= 0 && e->ndim <= DIMENSIONS;
  for (int i = 0; fits && i < e->ndim; i++) fits = e->dim[i] >= 0 && !__builtin_mul_overflow(size, e->dim[i], &size);
  if (!fits || size != e->size || __builtin_mul_overflow(size, (int64_t)types[e->type].bytes, &bytes))
    return rapt__fail(ctx, RAPT_EINVAL, "%s: tensor \"%s\": its dimensions do not make up %lld elements", path, e->name,
                      (long long)e->size);
  return RAPT_OK;
}

/* Puts an entry into the header and moves `*at` behind its data. */
static rapt_status describe(rapt_context *ctx, const char *path, json_t *header, const rapt__st_entry *e, int64_t *at) {
  if (json_object_get(header, e->name))
    return rapt__fail(ctx, RAPT_EINVAL, "%s: two tensors are named \"%s\"", path, e->name);
  int64_t begin = *at;
  if (__builtin_add_overflow(begin, e->size * (int64_t)types[e->type].bytes, at))
    return rapt__fail(ctx, RAPT_EINVAL, "%s: the tensors are larger than a file can be", path);
  json_t *shape = json_array(), *item;
  bool ok = shape != NULL;
  for (int d = 0; ok && d < e->ndim; d++) ok = json_array_append_new(shape, json_integer(e->dim[d])) == 0;
  if (!ok) {
    json_decref(shape);
    return rapt__fail_memory(ctx, 0);
  }
  item = json_pack("{s:s,s:o,s:[I,I]}", "dtype", types[e->type].name, "shape", shape, "data_offsets", (json_int_t)begin,
                   (json_int_t)*at);
  if (!item) return rapt__fail_memory(ctx, 0);
  if (json_object_set_new(header, e->name, item) != 0)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: the name of tensor \"%s\" is not UTF-8", path, e->name);
  return RAPT_OK;
}

static rapt_status add_metadata(rapt_context *ctx, const char *path, json_t *header, const char *const *meta) {
  if (!meta || !meta[0]) return RAPT_OK;
  json_t *pairs = json_object();
  if (json_object_set_new(header, "__metadata__", pairs) != 0) return rapt__fail_memory(ctx, 0);
  for (; meta[0]; meta += 2)
    if (json_object_set_new(pairs, meta[0], json_string(meta[1])) != 0)
      return rapt__fail(ctx, RAPT_EINVAL, "%s: the metadata \"%s\" is not UTF-8", path, meta[0]);
  return RAPT_OK;
}

/* The entries in the order of their data: by falling size of an element, so that no tensor is misaligned. */
static const rapt__st_entry **order(rapt_context *ctx, const rapt__st_entry *entries, size_t count) {
  const rapt__st_entry **sorted = rapt__new(ctx, count + 1, sizeof *sorted);
  size_t n = 0;
  for (size_t bytes = 8; sorted && bytes > 0; bytes /= 2)
    for (size_t i = 0; i < count; i++)
      if (types[entries[i].type].bytes == bytes) sorted[n++] = &entries[i];
  return sorted;
}

static rapt_status write_file(rapt_context *ctx, const char *path, const char *header,
                              const rapt__st_entry *const *entries, size_t count) {
  size_t length = strlen(header), padded = (length + 7) & ~(size_t)7;
  if (padded > header_limit)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: a header of %zu bytes is more than readers accept", path, padded);
  uint8_t prefix[8];
  for (int i = 0; i < 8; i++) prefix[i] = (uint8_t)((uint64_t)padded >> (8 * i));
  rapt__out out;
  RAPT_TRY(rapt__out_open(ctx, path, &out));
  rapt__out_write(&out, prefix, 8);
  rapt__out_write(&out, header, length);
  rapt__out_write(&out, "        ", padded - length);
  for (size_t i = 0; i < count; i++)
    if (entries[i]->size > 0)
      rapt__out_write(&out, entries[i]->data, (size_t)entries[i]->size * types[entries[i]->type].bytes);
  return rapt__out_commit(&out);
}

rapt_status rapt__safetensors_write(rapt_context *ctx, const char *path, const rapt__st_entry *entries, size_t count,
                                    const char *const *meta) {
  for (size_t i = 0; i < count; i++) RAPT_TRY(check_entry(ctx, path, &entries[i]));
  const rapt__st_entry **sorted = order(ctx, entries, count);
  if (!sorted) return RAPT_ENOMEM;
  json_t *header = json_object();
  int64_t at = 0;
  rapt_status status = header ? add_metadata(ctx, path, header, meta) : rapt__fail_memory(ctx, 0);
  for (size_t i = 0; i < count && status == RAPT_OK; i++) status = describe(ctx, path, header, sorted[i], &at);
  char *text = status == RAPT_OK ? json_dumps(header, JSON_COMPACT) : NULL;
  json_decref(header);
  if (text)
    status = write_file(ctx, path, text, sorted, count);
  else if (status == RAPT_OK)
    status = rapt__fail_memory(ctx, 0);
  free(text);
  rapt__free(ctx, sorted);
  return status;
}
