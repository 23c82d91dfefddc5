/* What sentence-transformers keeps beside an encoder: modules.json names the steps from a text to its embedding. */
#include "base/file.h"
#include "formats/json.h"
#include "tasks/encoder.h"

#include <stdlib.h>
#include <string.h>

/* Names in the pooling's config.json: as flags, and as the one text of newer files. */
static const struct {
  const char *flag, *name;
  rapt_pooling pooling;
} poolings[] = {{"pooling_mode_mean_tokens", "mean", RAPT_POOLING_MEAN},
                {"pooling_mode_cls_token", "cls", RAPT_POOLING_CLS},
                {"pooling_mode_max_tokens", "max", RAPT_POOLING_MAX}};
enum { POOLINGS = sizeof poolings / sizeof *poolings };

/* Exactly one is wanted: several would be joined side by side. */
static rapt_status choose(rapt_context *ctx, json_t *root, const char *path, rapt_pooling *out) {
  const char *name = json_string_value(json_object_get(root, "pooling_mode")), *key, *wrong = name;
  json_t *value;
  int found = 0;
  for (int i = 0; i < POOLINGS; i++) {
    if (!(name ? strcmp(name, poolings[i].name) == 0 : json_is_true(json_object_get(root, poolings[i].flag)))) continue;
    *out = poolings[i].pooling;
    found++;
  }
  json_object_foreach(root, key, value) {
    if (name || !json_is_true(value) || strncmp(key, "pooling_mode_", 13) != 0) continue;
    bool known = false;
    for (int i = 0; i < POOLINGS; i++) known |= strcmp(key, poolings[i].flag) == 0;
    if (!known) wrong = key, found = 0;
  }
  if (found == 1) return RAPT_OK;
  return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: pooling by %s is not supported; one of mean, cls and max is", path,
                    wrong   ? wrong
                    : found ? "several ways at once"
                            : "no way");
}

static bool ends(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

/* A folder below the model's, from a file that may be hostile. */
static bool is_plain(const char *name) { return *name && *name != '.' && !strpbrk(name, "/\\"); }

static rapt_status read_pooling(rapt_context *ctx, const char *dir, const char *folder, rapt_embed_options *out) {
  char *below = rapt__path_join(ctx, dir, folder), *path = below ? rapt__path_join(ctx, below, "config.json") : NULL;
  json_t *root = NULL;
  rapt_status status = path ? rapt__json_read(ctx, path, &root) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = choose(ctx, root, path, &out->pooling);
  json_decref(root);
  rapt__free(ctx, path);
  rapt__free(ctx, below);
  return status;
}

static rapt_status read_modules(rapt_context *ctx, const char *dir, json_t *list, const char *path,
                                rapt_embed_options *out) {
  size_t i;
  json_t *module;
  json_array_foreach(list, i, module) {
    const char *type = json_string_value(json_object_get(module, "type"));
    const char *folder = json_string_value(json_object_get(module, "path"));
    if (!type || !folder)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: module %zu has no \"type\" or no \"path\"", path, i);
    if (ends(type, ".Transformer")) continue;
    if (ends(type, ".Normalize")) {
      out->normalize = true;
    } else if (!ends(type, ".Pooling")) {
      return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: the module %s is not supported", path, type);
    } else if (!is_plain(folder)) {
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: \"%s\" is no plain folder", path, folder);
    } else {
      RAPT_TRY(read_pooling(ctx, dir, folder, out));
    }
  }
  return RAPT_OK;
}

static rapt_status read_length(rapt_context *ctx, const char *path, rapt_embed_options *out) {
  json_t *root = NULL;
  if (!rapt__file_exists(path)) return RAPT_OK;
  RAPT_TRY(rapt__json_read(ctx, path, &root));
  json_t *length = json_object_get(root, "max_seq_length");
  if (json_is_integer(length) && json_integer_value(length) > 0) out->max_tokens = json_integer_value(length);
  json_decref(root);
  return RAPT_OK;
}

rapt_status rapt__embed_options_read(rapt_context *ctx, const char *dir, rapt_embed_options *out) {
  *out = (rapt_embed_options){.pooling = RAPT_POOLING_MEAN};
  char *modules = rapt__path_join(ctx, dir, "modules.json");
  char *length = rapt__path_join(ctx, dir, "sentence_bert_config.json");
  json_t *root = NULL;
  rapt_status status = modules && length ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK && rapt__file_exists(modules)) {
    status = rapt__json_read(ctx, modules, &root);
    if (status == RAPT_OK && !json_is_array(root))
      status = rapt__fail(ctx, RAPT_EFORMAT, "%s: a list of modules is needed", modules);
    if (status == RAPT_OK) status = read_modules(ctx, dir, root, modules, out);
    if (status == RAPT_OK) status = read_length(ctx, length, out);
    json_decref(root);
  }
  rapt__free(ctx, modules);
  rapt__free(ctx, length);
  return status;
}

/* ---- Writing ---- */

static json_t *modules_json(bool normalize) {
  static const char *const types[] = {"Transformer", "Pooling", "Normalize"};
  static const char *const folders[] = {"", "1_Pooling", "2_Normalize"};
  json_t *list = json_array();
  for (int i = 0; i < (normalize ? 3 : 2); i++) {
    json_t *type = json_sprintf("sentence_transformers.models.%s", types[i]);
    json_array_append_new(
        list, json_pack("{s:i,s:s#,s:s,s:o}", "idx", i, "name", "012" + i, 1, "path", folders[i], "type", type));
  }
  return list;
}

static json_t *pooling_json(const rapt_model *model, rapt_pooling pooling) {
  json_t *root = json_object();
  json_object_set_new(root, "word_embedding_dimension", json_integer(model->arch->encoder->width(model->config)));
  for (int i = 0; i < POOLINGS; i++)
    json_object_set_new(root, poolings[i].flag, json_boolean(poolings[i].pooling == pooling));
  return root;
}

/* Takes the value over. */
static rapt_status write_json(rapt_context *ctx, const char *dir, const char *name, json_t *value) {
  char *path = rapt__path_join(ctx, dir, name), *text = value ? json_dumps(value, JSON_INDENT(2)) : NULL;
  rapt_status status = !path  ? RAPT_ENOMEM
                       : text ? rapt__file_replace(ctx, path, text, strlen(text))
                              : rapt__fail_memory(ctx, 0);
  free(text);
  json_decref(value);
  rapt__free(ctx, path);
  return status;
}

rapt_status rapt__embed_options_write(const rapt_model *model, const char *dir) {
  rapt_context *ctx = model->ctx;
  const rapt_embed_options *o = &model->embed;
  char *pooling = rapt__path_join(ctx, dir, "1_Pooling");
  rapt_status status = pooling ? rapt__make_dirs(ctx, pooling) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = write_json(ctx, pooling, "config.json", pooling_json(model, o->pooling));
  if (status == RAPT_OK && o->max_tokens)
    status = write_json(ctx, dir, "sentence_bert_config.json",
                        json_pack("{s:I,s:b}", "max_seq_length", (json_int_t)o->max_tokens, "do_lower_case", 0));
  if (status == RAPT_OK) status = write_json(ctx, dir, "modules.json", modules_json(o->normalize));
  rapt__free(ctx, pooling);
  return status;
}
