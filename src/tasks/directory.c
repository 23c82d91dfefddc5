/* Model directories: config.json, model.safetensors, tokenizer files, under Hugging Face's names. */
#include "tasks/model.h"

#include "formats/json.h"
#include "formats/weights.h"
#include "tasks/gguf.h"
#include "tasks/params_file.h"

#include <rapt/text.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_TOKENIZER "source_tokenizer" /* folder below the model's */

/* ---- Weights ---- */

static rapt_status write_weights(const rapt_model *model, const char *dir, rapt_storage storage, uint64_t most) {
  static const char *const meta[] = {"format", "pt", NULL};
  static const rapt__st_type types[] = {RAPT__ST_F32, RAPT__ST_F16, RAPT__ST_BF16}; /* as rapt_storage */
  return rapt__params_write_dir(model->params, dir, types[storage], meta, most);
}

/* The hub's files may lack the prefix of the language-model class. */
static const rapt__st_entry *find_tensor(const rapt__weights *st, const char *name, const char *prefix) {
  const rapt__st_entry *e = rapt__weights_find(st, name);
  size_t n = strlen(prefix);
  return e || strncmp(name, prefix, n) != 0 ? e : rapt__weights_find(st, name + n);
}

static rapt_status read_one(rapt_model *model, const rapt__weights *st, const char *path, const rapt__param *p) {
  const rapt__st_entry *e = find_tensor(st, p->name, model->arch->hf_prefix);
  if (!e) return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" is missing", path, p->name);
  bool same = e->ndim == p->ndim;
  for (int i = 0; same && i < p->ndim; i++) same = e->dim[i] == p->dim[i];
  if (!same)
    return rapt__fail(model->ctx, RAPT_EFORMAT,
                      "%s: tensor \"%s\" has another shape than config.json says (%lld elements, %lld expected)", path,
                      p->name, (long long)e->size, (long long)p->size);
  float *values = rapt__new(model->ctx, (size_t)p->size, sizeof *values);
  if (!values) return RAPT_ENOMEM;
  rapt_status status = rapt__safetensors_read(&st->files[0], e, values);
  for (int64_t i = 0; status == RAPT_OK && i < p->size; i++) model->params->values[p->offset + i] = values[i];
  rapt__free(model->ctx, values);
  return status;
}

static bool ends_in(const char *name, const char *const *endings) {
  size_t n = strlen(name);
  for (; endings && *endings; endings++) {
    size_t end = strlen(*endings);
    if (n >= end && strcmp(name + n - end, *endings) == 0) return true;
  }
  return false;
}

static rapt_status check_zero(const rapt_model *model, const rapt__weights *st, const char *path,
                              const rapt__st_entry *e) {
  float *values = rapt__new(model->ctx, (size_t)e->size, sizeof *values);
  if (!values) return RAPT_ENOMEM;
  rapt_status status = rapt__safetensors_read(&st->files[0], e, values);
  for (int64_t i = 0; status == RAPT_OK && i < e->size; i++)
    if (values[i] != 0)
      status = rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: tensor \"%s\" is not all zero, and %s does not use it",
                          path, e->name, model->arch->name);
  rapt__free(model->ctx, values);
  return status;
}

static rapt_status check_other(const rapt_model *model, const rapt__weights *st, const char *path,
                               const rapt__st_entry *e) {
  char full[300];
  snprintf(full, sizeof full, "%s%s", model->arch->hf_prefix, e->name);
  if (rapt_params_find(model->params, e->name) >= 0 || rapt_params_find(model->params, full) >= 0) return RAPT_OK;
  if (ends_in(e->name, model->arch->hf_unread)) return RAPT_OK;
  if (ends_in(e->name, model->arch->hf_zero)) return check_zero(model, st, path, e);
  return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" belongs to no parameter of %s", path, e->name,
                    model->arch->name);
}

static rapt_status read_weights(rapt_model *model, const rapt__weights *st) {
  for (size_t i = 0; i < model->params->count; i++) RAPT_TRY(read_one(model, st, st->path, model->params->items[i]));
  for (size_t i = 0; i < st->count; i++) RAPT_TRY(check_other(model, st, st->path, st->entries[i]));
  return RAPT_OK;
}

rapt_status rapt__model_read_weights(rapt_model *model, const char *path) {
  rapt__weights st;
  RAPT_TRY(rapt__weights_open(model->ctx, path, &st));
  rapt_status status = read_weights(model, &st);
  rapt__weights_close(&st);
  return status;
}

static rapt_status read_directory(rapt_model *model, const char *dir) {
  rapt__weights st;
  RAPT_TRY(rapt__weights_open_dir(model->ctx, dir, &st));
  rapt_status status = read_weights(model, &st);
  rapt__weights_close(&st);
  return status;
}

/* ---- config.json ---- */

static json_t *value_json(const rapt__key *key, const void *field) {
  switch (key->type) {
  case RAPT__KEY_INT: return json_integer(*(const int64_t *)field);
  case RAPT__KEY_REAL: return json_real(*(const double *)field);
  case RAPT__KEY_BOOL: return json_boolean(*(const bool *)field);
  case RAPT__KEY_TEXT: return json_string(*(const char *const *)field ? *(const char *const *)field : "");
  case RAPT__KEY_CHOICE: return json_string(key->choices[*(const int *)field]);
  }
  return NULL;
}

static void add_special_ids(const rapt_model *model, json_t *root) {
  static const struct {
    const char *key;
    int id;
  } ids[] = {{"bos_token_id", RAPT__BOS},
             {"pad_token_id", RAPT__PAD},
             {"eos_token_id", RAPT__EOS},
             {"decoder_start_token_id", RAPT__BOS}};
  if (!model->arch->seq2seq) return;
  json_object_set_new(root, "is_encoder_decoder", json_true());
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) json_object_set_new(root, ids[i].key, json_integer(ids[i].id));
}

static rapt_status write_config(const rapt_model *model, const char *path, rapt_storage storage) {
  static const char *const names[] = {"float32", "float16", "bfloat16"}; /* as rapt_storage */
  json_t *root =
      json_pack("{s:[s],s:n,s:n,s:s,s:s,s:s}", "architectures", model->arch->hf_class, "bos_token_id", "eos_token_id",
                "model_type", model->arch->hf_type, "torch_dtype", names[storage], "rapt_version", rapt_version());
  if (root) add_special_ids(model, root);
  for (const rapt__key *key = model->arch->keys; key->name && root; key++) {
    const void *field = (const char *)model->config + key->offset;
    /* Hugging Face writes null where rapt has 0 for "from the others". */
    bool derived = key->type == RAPT__KEY_INT && *(const int64_t *)field == 0;
    json_object_set_new(root, key->hf, derived ? json_null() : value_json(key, field));
  }
  json_t *dropout = json_object_get(root, "resid_pdrop");
  if (dropout) { /* one setting here, three there */
    json_object_set(root, "embd_pdrop", dropout);
    json_object_set(root, "attn_pdrop", dropout);
  }
  char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  rapt_status status =
      text ? rapt__file_replace(model->ctx, path, text, strlen(text)) : rapt__fail_memory(model->ctx, 0);
  free(text);
  return status;
}

static rapt_status read_key(rapt_model *model, const rapt__key *key, json_t *value, const char *path) {
  char text[64];
  const char *shown = text;
  if (json_is_string(value))
    shown = json_string_value(value);
  else if (json_is_boolean(value))
    shown = json_is_true(value) ? "true" : "false";
  else if (json_is_integer(value))
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
  else if (json_is_real(value))
    snprintf(text, sizeof text, "%.17g", json_real_value(value));
  else
    return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: \"%s\" is neither a number, a text nor true or false", path,
                      key->hf);
  rapt__config config = {model->arch->keys, model->config};
  rapt_status status = rapt__config_set(model->ctx, &model->arena, &config, 1, key->name, shown, path);
  return status == RAPT_EKEY ? RAPT_EFORMAT : status;
}

/* Settings of other classes of the family that would change the result are refused rather than ignored. */
static rapt_status check_foreign(rapt_context *ctx, json_t *root, const char *path) {
  static const struct {
    const char *key;
    bool refused;
  } settings[] = {{"scale_attn_by_inverse_layer_idx", true},
                  {"reorder_and_upcast_attn", true},
                  {"scale_attn_weights", false},
                  {"normalize_before", true},
                  {"normalize_embedding", true},
                  {"add_final_layer_norm", true}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    json_t *value = json_object_get(root, settings[i].key);
    if (json_is_boolean(value) && json_is_true(value) == settings[i].refused)
      return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: \"%s\": %s is not supported", path, settings[i].key,
                        settings[i].refused ? "true" : "false");
  }
  return RAPT_OK;
}

static rapt_status no_such_type(rapt_context *ctx, const char *path, const char *type) {
  char known[256] = "";
  for (int i = 0; rapt__models[i]; i++) {
    size_t n = strlen(known);
    snprintf(known + n, sizeof known - n, "%s%s", i ? ", " : "", rapt__models[i]->hf_type);
  }
  return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: model_type \"%s\" is not supported; rapt has %s", path, type, known);
}

static rapt_status fill_model(rapt_model *model, json_t *root, const char *config_path, const char *dir) {
  for (const rapt__key *key = model->arch->keys; key->name; key++) {
    json_t *value = json_object_get(root, key->hf);
    if (value && !json_is_null(value)) RAPT_TRY(read_key(model, key, value, config_path));
  }
  if (model->tokenizer && rapt_tokenizer_size(model->tokenizer) > rapt_model_vocabulary(model))
    return rapt__fail(model->ctx, RAPT_EFORMAT,
                      "%s: the tokenizer has %lld tokens, the model %lld: they are of different models", config_path,
                      (long long)rapt_tokenizer_size(model->tokenizer), (long long)rapt_model_vocabulary(model));
  const rapt__seq2seq *pair = model->arch->seq2seq;
  const rapt_tokenizer *source = rapt__model_source(model);
  if (source && pair && pair->source_vocabulary &&
      rapt_tokenizer_size(source) > *pair->source_vocabulary(model->config))
    return rapt__fail(model->ctx, RAPT_EFORMAT,
                      "%s: the source's tokenizer has %lld tokens, the model %lld: they are of different models",
                      config_path, (long long)rapt_tokenizer_size(source),
                      (long long)*pair->source_vocabulary(model->config));
  RAPT_TRY(rapt__model_declare(model));
  RAPT_TRY(rapt_params_start(model->params, 0));
  return read_directory(model, dir);
}

/* A model without a tokenizer still computes logits. */
static rapt_status load_tokenizers(rapt_context *ctx, const char *dir, const rapt__model *arch, rapt_tokenizer **source,
                                   rapt_tokenizer **tokenizer) {
  rapt_status status = rapt_tokenizer_load(ctx, dir, tokenizer);
  if (status == RAPT_ENOTFOUND) {
    rapt__forget(ctx);
    status = RAPT_OK;
  }
  if (status != RAPT_OK || !arch->seq2seq) return status;
  char *below = rapt__path_join(ctx, dir, SOURCE_TOKENIZER);
  status = below ? RAPT_OK : RAPT_ENOMEM;
  if (below && rapt__file_exists(below)) status = rapt_tokenizer_load(ctx, below, source);
  rapt__free(ctx, below);
  if (status != RAPT_OK) {
    rapt_tokenizer_free(*tokenizer);
    *tokenizer = NULL;
  }
  return status;
}

rapt_status rapt_model_load(rapt_context *ctx, const char *dir, rapt_model **out) {
  *out = NULL;
  if (rapt__is_gguf(dir)) return rapt__gguf_load(ctx, dir, false, out);
  char *config = rapt__path_join(ctx, dir, "config.json");
  json_t *root = NULL;
  rapt_model *model = NULL;
  rapt_tokenizer *source = NULL, *tokenizer = NULL;
  rapt_status status = config ? rapt__json_read(ctx, config, &root) : RAPT_ENOMEM;
  const char *type = json_string_value(json_object_get(root, "model_type"));
  const rapt__model *arch = type ? rapt__model_find(type) : NULL;
  if (status == RAPT_OK && !arch) status = no_such_type(ctx, config, type ? type : "");
  if (status == RAPT_OK) status = check_foreign(ctx, root, config);
  if (status == RAPT_OK) status = load_tokenizers(ctx, dir, arch, &source, &tokenizer);
  if (status == RAPT_OK) status = rapt__model_empty_pair(ctx, arch, source, tokenizer, &model);
  if (status == RAPT_OK) status = fill_model(model, root, config, dir);
  json_decref(root);
  rapt__free(ctx, config);
  if (status != RAPT_OK)
    rapt_model_free(model);
  else
    *out = model;
  return status;
}

static rapt_status save_source(const rapt_model *model, const char *dir) {
  char *below = rapt__path_join(model->ctx, dir, SOURCE_TOKENIZER);
  if (!below) return RAPT_ENOMEM;
  rapt_status status = rapt_tokenizer_save(model->source_tokenizer, below);
  rapt__free(model->ctx, below);
  return status;
}

rapt_status rapt_model_save(const rapt_model *model, const char *dir) {
  return rapt_model_save_as(model, dir, RAPT_STORAGE_FLOAT32);
}

rapt_status rapt_model_save_as(const rapt_model *model, const char *dir, rapt_storage storage) {
  return rapt__model_save(model, dir, storage, 0);
}

rapt_status rapt__model_save(const rapt_model *model, const char *dir, rapt_storage storage, uint64_t most) {
  rapt_context *ctx = model->ctx;
  if ((unsigned)storage > RAPT_STORAGE_BFLOAT16)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %d is no way to store a model", dir, (int)storage);
  RAPT_TRY(rapt__make_dirs(ctx, dir));
  char *config = rapt__path_join(ctx, dir, "config.json");
  char *generation = rapt__path_join(ctx, dir, "generation_config.json");
  static const char sampled[] = "{\n  \"do_sample\": true,\n  \"temperature\": 0.8\n}\n";
  static const char searched[] =
      "{\n  \"bos_token_id\": 0,\n  \"pad_token_id\": 1,\n  \"eos_token_id\": 2,\n  \"decoder_start_token_id\": 0,\n"
      "  \"do_sample\": false,\n  \"num_beams\": 4\n}\n"; /* RAPT__BOS, RAPT__PAD, RAPT__EOS */
  const char *defaults = model->arch->seq2seq ? searched : sampled;
  rapt_status status = config && generation ? write_config(model, config, storage) : RAPT_ENOMEM;
  if (status == RAPT_OK && !model->arch->music)
    status = rapt__file_replace(ctx, generation, defaults, strlen(defaults));
  if (status == RAPT_OK && model->tokenizer) status = rapt_tokenizer_save(model->tokenizer, dir);
  if (status == RAPT_OK && model->source_tokenizer) status = save_source(model, dir);
  if (status == RAPT_OK) status = write_weights(model, dir, storage, most);
  rapt__free(ctx, config);
  rapt__free(ctx, generation);
  return status;
}

rapt_status rapt__model_encode(const rapt_model *model, const char *text, size_t size, int32_t **ids, int64_t *count) {
  if (!model->tokenizer)
    return rapt__fail(model->ctx, RAPT_EINVAL, "the model has no tokenizer, so it cannot read text");
  RAPT_TRY(rapt__model_is_language(model));
  return rapt_tokenizer_encode(model->tokenizer, text, size, ids, count);
}
