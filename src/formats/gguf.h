/* GGUF, versions 2 and 3, little-endian: typed metadata and tensors in one file that is mapped and not copied. Everything is
 * checked before a byte of data is used; what a count claims is compared with the bytes that are there before memory is taken. */
#ifndef RAPT_SRC_GGUF_H
#define RAPT_SRC_GGUF_H

#include "base/file.h"
#include "base/types.h"

/* Kinds of metadata, numbered as in the file. */
#define RAPT__GGUF_KIND_LIST(X)                                                                                        \
  X(U8, 1)                                                                                                             \
  X(I8, 1)                                                                                                             \
  X(U16, 2) X(I16, 2) X(U32, 4) X(I32, 4) X(F32, 4) X(BOOL, 1) X(TEXT, 0) X(ARRAY, 0) X(U64, 8) X(I64, 8) X(F64, 8)
typedef enum rapt__gguf_kind {
#define RAPT__GGUF_ENUM(name, bytes) RAPT__GGUF_##name,
  RAPT__GGUF_KIND_LIST(RAPT__GGUF_ENUM) RAPT__GGUF_KINDS
#undef RAPT__GGUF_ENUM
} rapt__gguf_kind;

/* A value where it lies in the file: checked to its end, arrays inside arrays too. */
typedef struct rapt__gguf_value {
  rapt__gguf_kind kind;
  rapt__gguf_kind element; /* of an array */
  uint64_t count;          /* elements of an array, bytes of a text; else 1 */
  const uint8_t *at;       /* the number, the text's first byte, the first element */
  const uint8_t *end;      /* behind the value */
} rapt__gguf_value;

typedef struct rapt__gguf_pair {
  const char *key; /* in the arena */
  rapt__gguf_value value;
} rapt__gguf_pair;

enum { RAPT__GGUF_DIMS = 4, RAPT__GGUF_NESTING = 8 };

typedef struct rapt__gguf_tensor {
  const char *name;
  const rapt__type_info *type;
  int ndim;
  int64_t dim[RAPT__GGUF_DIMS]; /* as elsewhere in rapt: the last one runs along a row (the file has it first) */
  int64_t size;                 /* elements */
  size_t bytes;
  const uint8_t *data; /* borrowed: of the mapped file, or of the writer's caller */
} rapt__gguf_tensor;

typedef struct rapt__gguf {
  rapt_context *ctx;
  rapt__map map;     /* of an opened file */
  rapt__arena arena; /* names and tables */
  const char *name;  /* of the file, for messages */
  const uint8_t *bytes;
  size_t size;
  uint32_t version;
  uint64_t alignment;
  rapt__gguf_pair *pairs;
  size_t pair_count;
  rapt__gguf_tensor *tensors; /* in the order of the file's table */
  size_t tensor_count;
} rapt__gguf;

rapt_status rapt__gguf_open(rapt_context *ctx, const char *path, rapt__gguf *out);
/* The same over memory that outlives `out`; `name` is used in messages. After a failure there is nothing to close. */
rapt_status rapt__gguf_parse(rapt_context *ctx, const char *name, const uint8_t *bytes, size_t size, rapt__gguf *out);
void rapt__gguf_close(rapt__gguf *g);

const rapt__gguf_tensor *rapt__gguf_find(const rapt__gguf *g, const char *name);   /* or NULL */
const rapt__gguf_value *rapt__gguf_value_of(const rapt__gguf *g, const char *key); /* or NULL */
/* The i-th element of an array of numbers or booleans, or of a number itself for i = 0. */
rapt__gguf_value rapt__gguf_number(const rapt__gguf_value *array, uint64_t i);
/* The first element of an array of any kind, and from one element to the next; there are `count` of them. */
rapt__gguf_value rapt__gguf_first(const rapt__gguf_value *array);
rapt__gguf_value rapt__gguf_next(const rapt__gguf_value *element);
/* Numbers and booleans. An integer that int64 does not hold is its nearest one. */
bool rapt__gguf_is_number(rapt__gguf_kind kind);
bool rapt__gguf_is_integer(rapt__gguf_kind kind);
int64_t rapt__gguf_integer(const rapt__gguf_value *value);
double rapt__gguf_real(const rapt__gguf_value *value);
const char *rapt__gguf_kind_name(rapt__gguf_kind kind);

/* ---- Writing (gguf_write.c) ---- */

/* Collects metadata and tensors, then writes the file in one pass: nothing but the header is held. */
typedef struct rapt__gguf_out {
  rapt_context *ctx;
  rapt__text pairs, tensors; /* their part of the header */
  uint64_t pair_count, tensor_count, offset;
  rapt__out file;
  uint64_t written; /* bytes of data */
  bool begun;
  rapt_status status; /* the first failure; later calls do nothing */
} rapt__gguf_out;

enum { RAPT__GGUF_ALIGNMENT = 32 };

void rapt__gguf_out_init(rapt__gguf_out *out, rapt_context *ctx);
void rapt__gguf_put_text(rapt__gguf_out *out, const char *key, const char *text);
void rapt__gguf_put_u32(rapt__gguf_out *out, const char *key, uint32_t value);
void rapt__gguf_put_f32(rapt__gguf_out *out, const char *key, float value);
void rapt__gguf_put_bool(rapt__gguf_out *out, const char *key, bool value);
/* An array: the head, then each element. */
void rapt__gguf_put_array(rapt__gguf_out *out, const char *key, rapt__gguf_kind element, uint64_t count);
void rapt__gguf_put_element_text(rapt__gguf_out *out, const char *bytes, size_t size);
void rapt__gguf_put_element_i32(rapt__gguf_out *out, int32_t value);
/* A pair of another file as it is. */
void rapt__gguf_put_value(rapt__gguf_out *out, const char *key, const rapt__gguf_value *value);
/* Announces a tensor; `data` of it is not looked at. Dimensions as in rapt__gguf_tensor. */
void rapt__gguf_put_tensor(rapt__gguf_out *out, const rapt__gguf_tensor *tensor);
/* Opens the file and writes the header. Then come the tensors' data, in the order announced: each by any number of _data calls
 * and one _end, which pads. */
rapt_status rapt__gguf_begin(rapt__gguf_out *out, const char *path);
rapt_status rapt__gguf_data(rapt__gguf_out *out, const void *data, size_t size);
rapt_status rapt__gguf_end(rapt__gguf_out *out);
/* The file appears under its name. All bytes announced must have been written: else RAPT_EINVAL. Frees everything. */
rapt_status rapt__gguf_commit(rapt__gguf_out *out);
/* Frees everything and leaves no file; also after a failed commit, harmless. */
void rapt__gguf_abort(rapt__gguf_out *out);

#endif
