/* Model directories: config.json, model.safetensors, tokenizer files, under Hugging Face's names. */
#include "tasks/model.h"

#include "formats/json.h"
#include "tasks/config_json.h"
#include "tasks/encoder.h"
#include "tasks/params_file.h"

#include <rapt/text.h>
#include <stdlib.h>
#include <string.h>

#define SOURCE_TOKENIZER "source_tokenizer" /* folder below the model's */

/* ---- Weights ---- */

static rapt_status write_weights(const rapt_model *model, const char *path, rapt_storage storage) {
  static const char *const meta[] = {"format", "pt", NULL};
  if (storage == RAPT_STORAGE_FLOAT32) return rapt__params_write(model->params, path, meta);
  return rapt__params_write_narrow(model->params, path, storage == RAPT_STORAGE_FLOAT16 ? RAPT__ST_F16 : RAPT__ST_BF16,
                                   meta);
}

/* ---- The directory ---- */

static rapt_status fill_model(rapt_model *model, json_t *root, const char *config_path, const char *weights_path) {
  RAPT_TRY(rapt__config_json_read(model, root, config_path));
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
  /* What is read over is not drawn. */
  for (size_t i = 0; i < model->params->count; i++)
    if (!model->arch->hf_optional) model->params->items[i]->init.kind = RAPT_INIT_ZEROS;
  RAPT_TRY(rapt_params_start(model->params, 0));
  return rapt__model_read_weights(model, weights_path);
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
  char *config = rapt__path_join(ctx, dir, "config.json"), *weights = rapt__path_join(ctx, dir, "model.safetensors");
  json_t *root = NULL;
  rapt_model *model = NULL;
  rapt_tokenizer *source = NULL, *tokenizer = NULL;
  rapt_status status = config && weights ? rapt__json_read(ctx, config, &root) : RAPT_ENOMEM;
  const rapt__model *arch = NULL;
  bool is_part = false;
  if (status == RAPT_OK) status = rapt__config_json_find(ctx, config, &root, &arch, &is_part);
  if (status == RAPT_OK) status = load_tokenizers(ctx, dir, arch, &source, &tokenizer);
  if (status == RAPT_OK) status = rapt__model_empty_pair(ctx, arch, source, tokenizer, &model);
  if (status == RAPT_OK) model->is_part = is_part;
  if (status == RAPT_OK && arch->encoder) status = rapt__embed_options_read(ctx, dir, &model->embed);
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
  rapt_context *ctx = model->ctx;
  if ((unsigned)storage > RAPT_STORAGE_BFLOAT16)
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %d is no way to store a model", dir, (int)storage);
  RAPT_TRY(rapt__make_dirs(ctx, dir));
  char *config = rapt__path_join(ctx, dir, "config.json"), *weights = rapt__path_join(ctx, dir, "model.safetensors");
  char *generation = rapt__path_join(ctx, dir, "generation_config.json");
  static const char sampled[] = "{\n  \"do_sample\": true,\n  \"temperature\": 0.8\n}\n";
  static const char searched[] =
      "{\n  \"bos_token_id\": 0,\n  \"pad_token_id\": 1,\n  \"eos_token_id\": 2,\n  \"decoder_start_token_id\": 0,\n"
      "  \"do_sample\": false,\n  \"num_beams\": 4\n}\n"; /* RAPT__BOS, RAPT__PAD, RAPT__EOS */
  const char *defaults = model->arch->seq2seq ? searched : sampled;
  rapt_status status = config && weights && generation ? rapt__config_json_write(model, config, storage) : RAPT_ENOMEM;
  if (status == RAPT_OK && !model->arch->music && !model->arch->encoder)
    status = rapt__file_replace(ctx, generation, defaults, strlen(defaults));
  if (status == RAPT_OK && model->tokenizer) status = rapt_tokenizer_save(model->tokenizer, dir);
  if (status == RAPT_OK && model->source_tokenizer) status = save_source(model, dir);
  if (status == RAPT_OK && model->arch->encoder) status = rapt__embed_options_write(model, dir);
  if (status == RAPT_OK) status = write_weights(model, weights, storage);
  rapt__free(ctx, config);
  rapt__free(ctx, weights);
  rapt__free(ctx, generation);
  return status;
}

rapt_status rapt__model_encode(const rapt_model *model, const char *text, size_t size, int32_t **ids, int64_t *count) {
  if (!model->tokenizer)
    return rapt__fail(model->ctx, RAPT_EINVAL, "the model has no tokenizer, so it cannot read text");
  RAPT_TRY(rapt__model_is_language(model));
  return rapt_tokenizer_encode(model->tokenizer, text, size, ids, count);
}
