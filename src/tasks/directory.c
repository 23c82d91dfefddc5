/* Model directories: config.json, model.safetensors, tokenizer files, under Hugging Face's names. */
#include "tasks/model.h"

#include "formats/json.h"
#include "formats/safetensors.h"
#include "tasks/params_file.h"

#include <rapt/text.h>
#include <stdlib.h>
#include <string.h>

/* ---- Weights ---- */

rapt_status rapt__model_write_weights(const rapt_model *model, const char *path) {
  return rapt__params_write(model->params, path, (const char *const[]){"format", "pt", NULL});
}

/* The hub's files may lack the prefix of the language-model class. */
static const rapt__st_entry *find_tensor(const rapt__safetensors *st, const char *name, const char *prefix) {
  const rapt__st_entry *e = rapt__safetensors_find(st, name);
  size_t n = strlen(prefix);
  return e || strncmp(name, prefix, n) != 0 ? e : rapt__safetensors_find(st, name + n);
}

static rapt_status read_one(rapt_model *model, const rapt__safetensors *st, const char *path, const rapt__param *p) {
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
  rapt_status status = rapt__safetensors_read(st, e, values);
  for (int64_t i = 0; status == RAPT_OK && i < p->size; i++) model->params->values[p->offset + i] = values[i];
  rapt__free(model->ctx, values);
  return status;
}

/* Buffers that older checkpoints carry, and the head's copy of tied embeddings, are no parameters. */
static bool is_expected(const rapt_model *model, const char *name) {
  char full[300];
  snprintf(full, sizeof full, "%s%s", model->arch->hf_prefix, name);
  size_t n = strlen(name);
  return rapt_params_find(model->params, name) >= 0 || rapt_params_find(model->params, full) >= 0 ||
         strcmp(name, "lm_head.weight") == 0 || (n > 10 && strcmp(name + n - 10, ".attn.bias") == 0) ||
         (n > 17 && strcmp(name + n - 17, ".attn.masked_bias") == 0);
}

rapt_status rapt__model_read_weights(rapt_model *model, const char *path) {
  rapt__safetensors st;
  RAPT_TRY(rapt__safetensors_open(model->ctx, path, &st));
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < model->params->count && status == RAPT_OK; i++)
    status = read_one(model, &st, path, model->params->items[i]);
  for (size_t i = 0; i < st.count && status == RAPT_OK; i++)
    if (!is_expected(model, st.entries[i].name))
      status = rapt__fail(model->ctx, RAPT_EFORMAT, "%s: tensor \"%s\" belongs to no parameter of %s", path,
                          st.entries[i].name, model->arch->name);
  rapt__safetensors_close(&st);
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

static rapt_status write_config(const rapt_model *model, const char *path) {
  json_t *root =
      json_pack("{s:[s],s:n,s:n,s:s,s:s,s:s}", "architectures", model->arch->hf_class, "bos_token_id", "eos_token_id",
                "model_type", model->arch->hf_type, "torch_dtype", "float32", "rapt_version", rapt_version());
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
  if (json_is_true(json_object_get(root, "scale_attn_by_inverse_layer_idx")) ||
      json_is_true(json_object_get(root, "reorder_and_upcast_attn")) ||
      json_is_false(json_object_get(root, "scale_attn_weights")))
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: attention is scaled in a way that is not supported", path);
  return RAPT_OK;
}

static rapt_status fill_model(rapt_model *model, json_t *root, const char *config_path, const char *weights_path) {
  for (const rapt__key *key = model->arch->keys; key->name; key++) {
    json_t *value = json_object_get(root, key->hf);
    if (value && !json_is_null(value)) RAPT_TRY(read_key(model, key, value, config_path));
  }
  if (model->tokenizer && rapt_tokenizer_size(model->tokenizer) > rapt_model_vocabulary(model))
    return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: the tokenizer has %lld tokens, the model %lld", config_path,
                      (long long)rapt_tokenizer_size(model->tokenizer), (long long)rapt_model_vocabulary(model));
  RAPT_TRY(rapt__model_declare(model));
  RAPT_TRY(rapt_params_start(model->params, 0));
  return rapt__model_read_weights(model, weights_path);
}

rapt_status rapt_model_load(rapt_context *ctx, const char *dir, rapt_model **out) {
  *out = NULL;
  char *config = rapt__path_join(ctx, dir, "config.json"), *weights = rapt__path_join(ctx, dir, "model.safetensors");
  json_t *root = NULL;
  rapt_model *model = NULL;
  rapt_tokenizer *tokenizer = NULL;
  rapt_status status = config && weights ? rapt__json_read(ctx, config, &root) : RAPT_ENOMEM;
  const char *type = json_string_value(json_object_get(root, "model_type"));
  const rapt__model *arch = type ? rapt__model_find(type) : NULL;
  if (status == RAPT_OK && !arch)
    status = rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: model_type \"%s\" is not supported; rapt has gpt2 and music-rnn",
                        config, type ? type : "");
  if (status == RAPT_OK) status = check_foreign(ctx, root, config);
  if (status == RAPT_OK) {
    status = rapt_tokenizer_load(ctx, dir, &tokenizer);
    if (status == RAPT_ENOTFOUND) { /* a model without a tokenizer still computes logits */
      rapt_context_clear(ctx);
      status = RAPT_OK;
    }
  }
  if (status == RAPT_OK) status = rapt__model_empty(ctx, arch, tokenizer, &model);
  if (status == RAPT_OK) status = fill_model(model, root, config, weights);
  json_decref(root);
  rapt__free(ctx, config);
  rapt__free(ctx, weights);
  if (status != RAPT_OK)
    rapt_model_free(model);
  else
    *out = model;
  return status;
}

rapt_status rapt_model_save(const rapt_model *model, const char *dir) {
  rapt_context *ctx = model->ctx;
  RAPT_TRY(rapt__make_dirs(ctx, dir));
  char *config = rapt__path_join(ctx, dir, "config.json"), *weights = rapt__path_join(ctx, dir, "model.safetensors");
  char *generation = rapt__path_join(ctx, dir, "generation_config.json");
  static const char defaults[] = "{\n  \"do_sample\": true,\n  \"temperature\": 0.8\n}\n";
  rapt_status status = config && weights && generation ? write_config(model, config) : RAPT_ENOMEM;
  if (status == RAPT_OK && rapt_model_get_kind(model) == RAPT_KIND_LANGUAGE)
    status = rapt__file_replace(ctx, generation, defaults, sizeof defaults - 1);
  if (status == RAPT_OK && model->tokenizer) status = rapt_tokenizer_save(model->tokenizer, dir);
  if (status == RAPT_OK) status = rapt__model_write_weights(model, weights);
  rapt__free(ctx, config);
  rapt__free(ctx, weights);
  rapt__free(ctx, generation);
  return status;
}

rapt_status rapt__model_encode(const rapt_model *model, const char *text, size_t size, int32_t **ids, int64_t *count) {
  if (!model->tokenizer)
    return rapt__fail(model->ctx, RAPT_EINVAL, "the model has no tokenizer, so it cannot read text");
  return rapt_tokenizer_encode(model->tokenizer, text, size, ids, count);
}
