/* safetensors: 8 bytes of little-endian header length, a JSON header, raw tensor data. Everything in the header is checked
 * before a byte of data is used. */
#ifndef RAPT_SRC_SAFETENSORS_H
#define RAPT_SRC_SAFETENSORS_H

#include "base/file.h"

#include <jansson.h>

typedef enum rapt__st_type {
  RAPT__ST_F64,
  RAPT__ST_F32,
  RAPT__ST_F16,
  RAPT__ST_BF16,
  RAPT__ST_I64,
  RAPT__ST_I32,
  RAPT__ST_I16,
  RAPT__ST_I8,
  RAPT__ST_U8,
  RAPT__ST_BOOL,
} rapt__st_type;

typedef struct rapt__st_entry {
  const char *name;
  rapt__st_type type;
  int ndim;
  int64_t dim[8];
  int64_t size;        /* elements: the product of dim */
  const uint8_t *data; /* borrowed: of the mapped file, or of the writer's caller; any alignment */
} rapt__st_entry;

typedef struct rapt__safetensors {
  rapt_context *ctx;
  rapt__map map;     /* of an opened file */
  rapt__arena arena; /* names and entries */
  rapt__st_entry *entries;
  size_t count;
  json_t *header; /* owned */
} rapt__safetensors;

rapt_status rapt__safetensors_open(rapt_context *ctx, const char *path, rapt__safetensors *out);
/* The same over memory that outlives `out`; `name` is used in messages. After a failure there is nothing to close. */
rapt_status rapt__safetensors_parse(rapt_context *ctx, const char *name, const uint8_t *bytes, size_t size,
                                    rapt__safetensors *out);
void rapt__safetensors_close(rapt__safetensors *st);
const rapt__st_entry *rapt__safetensors_find(const rapt__safetensors *st, const char *name);
const char *rapt__safetensors_meta(const rapt__safetensors *st, const char *key); /* NULL */
const char *rapt__safetensors_type_name(rapt__st_type type);                      /* "F32" */
size_t rapt__safetensors_element(rapt__st_type type);                             /* bytes */
/* Converts the elements of a floating-point entry; RAPT_EUNSUPPORTED for integers. */
rapt_status rapt__safetensors_read(const rapt__safetensors *st, const rapt__st_entry *entry, float *out);

/* The elements of an integer or boolean entry; RAPT_EUNSUPPORTED for reals. */
rapt_status rapt__safetensors_read_ints(const rapt__safetensors *st, const rapt__st_entry *entry, int64_t *out);

/* Writes a file atomically. Wide types come first, otherwise in the order given, so that every tensor is aligned to its
 * element's size. `meta` is pairs of key and value, ended by NULL, or NULL. RAPT_EINVAL: a name that occurs twice or is
 * not UTF-8, dimensions that do not make up `size`. */
rapt_status rapt__safetensors_write(rapt_context *ctx, const char *path, const rapt__st_entry *entries, size_t count,
                                    const char *const *meta);

#endif
