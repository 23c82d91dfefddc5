/* What is in a file of a model: one view over GGUF, safetensors and model directories. */
#include <rapt/model_file.h>

#include "formats/gguf.h"
#include "formats/json.h"
#include "formats/show.h"
#include "formats/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct rapt_model_file {
  rapt_context *ctx;
  rapt__gguf gguf;       /* open: has a ctx */
  rapt__weights weights; /* or this */
  json_t *config;        /* owned: of a directory; or NULL */
  const char **keys;     /* of JSON metadata, borrowed; owned array */
  json_t **values;
  size_t key_count;
  char format[80];
  rapt__text json; /* of the last metadata that was asked for */
  char type[32];
};

/* ---- Opening ---- */

static rapt_status list_json(rapt_model_file *f, json_t *object) {
  size_t count = json_object_size(object);
  f->keys = rapt__new(f->ctx, count + 1, sizeof *f->keys);
  f->values = rapt__new(f->ctx, count + 1, sizeof *f->values);
  if (!f->keys || !f->values) return RAPT_ENOMEM;
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    f->keys[f->key_count] = key;
    f->values[f->key_count++] = value;
  }
  return RAPT_OK;
}

static void name_format(rapt_model_file *f, const char *before) {
  int count = (int)f->weights.file_count;
  if (count == 1)
    snprintf(f->format, sizeof f->format, "%ssafetensors", before);
  else
    snprintf(f->format, sizeof f->format, "%ssafetensors, %d files", before, count);
}

static rapt_status open_directory(rapt_model_file *f, const char *dir) {
  char *path = rapt__path_join(f->ctx, dir, "config.json");
  rapt_status status = path ? rapt__json_read(f->ctx, path, &f->config) : RAPT_ENOMEM;
  if (status == RAPT_OK && !json_is_object(f->config))
    status = rapt__fail(f->ctx, RAPT_EFORMAT, "%s: is no JSON object", path);
  rapt__free(f->ctx, path);
  if (status == RAPT_OK) status = rapt__weights_open_dir(f->ctx, dir, &f->weights);
  if (status == RAPT_OK) status = list_json(f, f->config);
  if (status == RAPT_OK) name_format(f, "model directory, ");
  return status;
}

/* The first bytes, which are all zero where there are none. */
static rapt_status first_bytes(rapt_context *ctx, const char *path, uint8_t *head, size_t size) {
  rapt__map map;
  RAPT_TRY(rapt__map_open(ctx, path, &map));
  memset(head, 0, size);
  if (map.size) memcpy(head, map.data, map.size < size ? map.size : size);
  rapt__map_close(&map);
  return RAPT_OK;
}

static rapt_status open_file(rapt_model_file *f, const char *path) {
  uint8_t head[9];
  RAPT_TRY(first_bytes(f->ctx, path, head, sizeof head));
  size_t n = strlen(path);
  if (memcmp(head, "GGUF", 4) == 0) {
    RAPT_TRY(rapt__gguf_open(f->ctx, path, &f->gguf));
    snprintf(f->format, sizeof f->format, "GGUF version %u", f->gguf.version);
    return RAPT_OK;
  }
  if (head[8] != '{' && !(n > 5 && strcmp(path + n - 5, ".json") == 0))
    return rapt__fail(f->ctx, RAPT_EFORMAT,
                      "%s: is neither GGUF nor safetensors nor an index of safetensors files (*.json)", path);
  RAPT_TRY(rapt__weights_open(f->ctx, path, &f->weights));
  name_format(f, "");
  /* The metadata of the first file; those of the others say the same. */
  return list_json(f, json_object_get(f->weights.files[0].header, "__metadata__"));
}

rapt_status rapt_model_file_open(rapt_context *ctx, const char *path, rapt_model_file **out) {
  *out = NULL;
  rapt_model_file *f = rapt__new(ctx, 1, sizeof *f);
  if (!f) return RAPT_ENOMEM;
  f->ctx = ctx;
  rapt__text_init(&f->json, ctx);
  struct stat about;
  bool directory = stat(path, &about) == 0 && S_ISDIR(about.st_mode);
  rapt_status status = directory ? open_directory(f, path) : open_file(f, path);
  if (status != RAPT_OK)
    rapt_model_file_free(f);
  else
    *out = f;
  return status;
}

void rapt_model_file_free(rapt_model_file *f) {
  if (!f) return;
  rapt_context *ctx = f->ctx;
  rapt__gguf_close(&f->gguf);
  rapt__weights_close(&f->weights);
  json_decref(f->config);
  rapt__free(ctx, f->keys);
  rapt__free(ctx, f->values);
  rapt__text_free(&f->json);
  rapt__free(ctx, f);
}

/* ---- Looking ---- */

static bool is_gguf(const rapt_model_file *f) { return f->gguf.ctx != NULL; }

void rapt_model_file_get_totals(const rapt_model_file *f, rapt_model_file_totals *t) {
  *t = (rapt_model_file_totals){.format = f->format};
  t->files = is_gguf(f) ? 1 : (int64_t)f->weights.file_count;
  t->tensors = (int64_t)(is_gguf(f) ? f->gguf.tensor_count : f->weights.count);
  t->metadata = (int64_t)(is_gguf(f) ? f->gguf.pair_count : f->key_count);
  if (is_gguf(f)) t->bytes = (int64_t)f->gguf.size;
  for (size_t i = 0; i < f->weights.file_count; i++) t->bytes += (int64_t)f->weights.files[i].map.size;
  rapt_tensor_info info;
  for (int64_t i = 0; i < t->tensors; i++) {
    if (rapt_model_file_get_tensor(f, i, &info) != RAPT_OK) continue;
    t->elements += info.elements; /* tensors of no byte can claim any size: such sums are cut off */
    if (t->elements < 0 || info.elements > INT64_MAX / 2) t->elements = INT64_MAX / 2;
    t->tensor_bytes += info.bytes;
  }
}

static rapt_status out_of_range(const rapt_model_file *f, const char *what, int64_t index) {
  return rapt__fail(f->ctx, RAPT_EINVAL, "%s %lld is not there", what, (long long)index);
}

rapt_status rapt_model_file_get_tensor(const rapt_model_file *f, int64_t index, rapt_tensor_info *out) {
  *out = (rapt_tensor_info){0};
  if (index < 0 || index >= (int64_t)(is_gguf(f) ? f->gguf.tensor_count : f->weights.count))
    return out_of_range(f, "tensor", index);
  if (is_gguf(f)) {
    const rapt__gguf_tensor *t = &f->gguf.tensors[index];
    *out = (rapt_tensor_info){t->name, t->type->name, f->gguf.name, t->ndim, t->dim, t->size, (int64_t)t->bytes};
  } else {
    const rapt__st_entry *e = f->weights.entries[index];
    *out = (rapt_tensor_info){e->name,
                              rapt__safetensors_type_name(e->type),
                              f->weights.paths[f->weights.file_of[index]],
                              e->ndim,
                              e->dim,
                              e->size,
                              e->size * (int64_t)rapt__safetensors_element(e->type)};
  }
  return RAPT_OK;
}

static const char *kind_of(json_t *value) {
  switch (json_typeof(value)) {
  case JSON_OBJECT: return "object";
  case JSON_ARRAY: return "array";
  case JSON_STRING: return "text";
  case JSON_INTEGER:
  case JSON_REAL: return "number";
  case JSON_TRUE:
  case JSON_FALSE: return "boolean";
  default: return "null";
  }
}

rapt_status rapt_model_file_get_metadata(rapt_model_file *f, int64_t index, int64_t most, rapt_metadata *out) {
  *out = (rapt_metadata){.count = -1};
  if (index < 0 || index >= (int64_t)(is_gguf(f) ? f->gguf.pair_count : f->key_count))
    return out_of_range(f, "metadata", index);
  f->json.size = 0;
  if (is_gguf(f)) {
    const rapt__gguf_pair *pair = &f->gguf.pairs[index];
    bool array = pair->value.kind == RAPT__GGUF_ARRAY;
    out->key = pair->key;
    if (array) out->count = (int64_t)pair->value.count;
    snprintf(f->type, sizeof f->type, "%s%s", rapt__gguf_kind_name(array ? pair->value.element : pair->value.kind),
             array ? "[]" : "");
    RAPT_TRY(rapt__show_gguf(&f->json, &pair->value, most, &out->shortened));
  } else {
    json_t *value = f->values[index];
    out->key = f->keys[index];
    if (json_is_array(value)) out->count = (int64_t)json_array_size(value);
    snprintf(f->type, sizeof f->type, "%s", kind_of(value));
    RAPT_TRY(rapt__show_json(&f->json, value, most, &out->shortened));
  }
  out->type = f->type;
  out->json = f->json.data;
  return RAPT_OK;
}
