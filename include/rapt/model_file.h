/* rapt/model_file.h: what is in a file of a model: metadata and tensors, without loading weights.
 *
 * Read are GGUF (versions 2 and 3), safetensors, safetensors in several files by their model.safetensors.index.json, and model
 * directories. */
#ifndef RAPT_MODEL_FILE_H
#define RAPT_MODEL_FILE_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rapt_model_file rapt_model_file;

/* A file or a model directory, mapped. What is wrong with it is RAPT_EFORMAT with a sentence that names file, key or tensor and
 * byte. */
RAPT_API rapt_status rapt_model_file_open(rapt_context *ctx, const char *path, rapt_model_file **out);
RAPT_API void rapt_model_file_free(rapt_model_file *file); /* NULL is fine */

typedef struct rapt_model_file_totals {
  const char *format; /* "GGUF version 3", "safetensors", "safetensors, 2 files", "model directory, safetensors" */
  int64_t files;      /* with weights */
  int64_t bytes;      /* of these files */
  int64_t metadata, tensors;
  int64_t elements, tensor_bytes; /* of all tensors */
} rapt_model_file_totals;
RAPT_API void rapt_model_file_get_totals(const rapt_model_file *file, rapt_model_file_totals *totals);

typedef struct rapt_metadata {
  const char *key;
  const char *type; /* of a GGUF file "U32", "TEXT", "TEXT[]"; of JSON "number", "text", … */
  int64_t count;    /* elements of an array; −1: none */
  const char *json; /* the value; texts that are not UTF-8 have U+FFFD for what is not */
  bool shortened;   /* arrays have more elements than `json` shows */
} rapt_metadata;
/* The index-th pair, arrays cut to their first `most` elements (−1: whole). Texts are valid until the next call. */
RAPT_API rapt_status rapt_model_file_get_metadata(rapt_model_file *file, int64_t index, int64_t most,
                                                  rapt_metadata *out);

typedef struct rapt_tensor_info {
  const char *name;
  const char *type; /* "F32", "Q4_K" */
  const char *file; /* that it is in */
  int ndim;
  const int64_t *dims; /* the last one runs along a row */
  int64_t elements, bytes;
} rapt_tensor_info;
/* The index-th tensor, in the order of a GGUF file and by name elsewhere. Texts live as long as `file`. RAPT_EINVAL for an index out of range. */
RAPT_API rapt_status rapt_model_file_get_tensor(const rapt_model_file *file, int64_t index, rapt_tensor_info *out);

typedef struct rapt_convert_options {
  const char *type;    /* of the matrices, as rapt_model_save_gguf has them; NULL: "f32" */
  int64_t shard_bytes; /* of a model directory: weights in several files of at most so many bytes; 0: one file */
  bool replace;        /* what is there already */
} rapt_convert_options;
/* Reads a model directory or GGUF file and writes the other, or the same in another type: a GGUF file where `to` ends in ".gguf",
 * else a model directory ("f32", "f16", "bf16"). `options` may be NULL. */
RAPT_API rapt_status rapt_model_convert(rapt_context *ctx, const char *from, const char *to,
                                        const rapt_convert_options *options);

#ifdef __cplusplus
}
#endif
#endif
