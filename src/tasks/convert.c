/* Models from one form of file into another. */
#include <rapt/model_file.h>

#include "tasks/gguf.h"

#include <string.h>
#include <strings.h>

static bool ends_in(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcasecmp(text + n - m, end) == 0;
}

static rapt_status type_named(rapt_context *ctx, const char *name, const rapt__type_info **info) {
  *info = rapt__type_named(name);
  if (*info && (*info)->computed) return RAPT_OK;
  return rapt__fail(ctx, RAPT_EKEY,
                    "\"%s\" is no type that rapt writes; there are f32, f16, bf16, q8_0, q5_0, q4_0, q4_k, "
                    "q5_k and q6_k",
                    name);
}

rapt_status rapt_model_save_gguf(const rapt_model *model, const char *path, const char *type) {
  const rapt__type_info *info;
  RAPT_TRY(type_named(model->ctx, type, &info));
  return rapt__gguf_save(model, path, info);
}

static rapt_status storage_of(rapt_context *ctx, const rapt__type_info *info, rapt_storage *storage) {
  switch (info->type) {
  case RAPT__F32: *storage = RAPT_STORAGE_FLOAT32; return RAPT_OK;
  case RAPT__F16: *storage = RAPT_STORAGE_FLOAT16; return RAPT_OK;
  case RAPT__BF16: *storage = RAPT_STORAGE_BFLOAT16; return RAPT_OK;
  default:
    return rapt__fail(ctx, RAPT_EKEY,
                      "a model directory has f32, f16 or bf16, not %s; a GGUF file (FILE.gguf) has that", info->name);
  }
}

static rapt_status check_place(rapt_context *ctx, const char *to, bool directory) {
  char *path = directory ? rapt__path_join(ctx, to, "config.json") : rapt__strdup(ctx, to);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = RAPT_OK;
  if (rapt__file_exists(path))
    status = rapt__fail(ctx, RAPT_EIO, "%s: is there already and was not asked to be replaced", path);
  rapt__free(ctx, path);
  return status;
}

rapt_status rapt_model_convert(rapt_context *ctx, const char *from, const char *to,
                               const rapt_convert_options *options) {
  const rapt_convert_options none = {0};
  if (!options) options = &none;
  bool directory = !ends_in(to, ".gguf");
  const rapt__type_info *info;
  rapt_storage storage = RAPT_STORAGE_FLOAT32;
  RAPT_TRY(type_named(ctx, options->type ? options->type : "f32", &info));
  if (directory) RAPT_TRY(storage_of(ctx, info, &storage));
  if (options->shard_bytes < 0)
    return rapt__fail(ctx, RAPT_EINVAL, "files of %lld bytes cannot be", (long long)options->shard_bytes);
  if (!options->replace) RAPT_TRY(check_place(ctx, to, directory));
  rapt_model *model = NULL;
  /* A directory needs numbers; a GGUF file takes matrices that have the type already as they are. */
  rapt_status status =
      rapt__is_gguf(from) ? rapt__gguf_load(ctx, from, directory, &model) : rapt_model_load(ctx, from, &model);
  if (status == RAPT_OK)
    status = directory ? rapt__model_save(model, to, storage, (uint64_t)options->shard_bytes)
                       : rapt__gguf_save(model, to, info);
  rapt_model_free(model);
  return status;
}
