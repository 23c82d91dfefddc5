/* config.json: finding the architecture, reading and writing its settings. */
#include "tasks/config_json.h"

#include "base/file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- Places in the file: "a.b|c" (base/config.h) ---- */

enum { PART = 80 }; /* the most bytes of a name, its end included */

/* The next part of a place: up to a point or a bar; NULL at the end of the place. */
static const char *next_part(const char *at, char name[PART]) {
  size_t n = strcspn(at, ".|");
  if (n == 0 || n >= PART) return NULL;
  memcpy(name, at, n);
  name[n] = 0;
  return at + n;
}

static json_t *value_at(json_t *object, const char *place) {
  char name[PART];
  const char *at = next_part(place, name);
  for (; at; at = next_part(at + 1, name)) {
    object = json_object_get(object, name);
    if (*at != '.') return object;
  }
  return NULL;
}

static json_t *find_value(json_t *root, const char *places) {
  if (*places == '?') places++;
  while (places) {
    json_t *value = value_at(root, places);
    if (value) return value;
    places = strchr(places, '|');
    if (places) places++;
  }
  return NULL;
}

/* Takes the value over. */
static bool put_value(json_t *object, const char *places, json_t *value) {
  char name[PART];
  const char *at = next_part(places + (*places == '?'), name);
  for (; at && *at == '.'; at = next_part(at + 1, name)) {
    json_t *inner = json_object_get(object, name);
    if (!inner) {
      inner = json_object();
      if (json_object_set_new(object, name, inner) != 0) break;
    }
    object = inner;
  }
  if (at && *at != '.') return json_object_set_new(object, name, value) == 0;
  json_decref(value);
  return false;
}

/* ---- Which architecture ---- */

static const rapt__model *by_class(json_t *root) {
  const char *name = json_string_value(json_array_get(json_object_get(root, "architectures"), 0));
  for (int i = 0; name && rapt__models[i]; i++)
    if (strcmp(rapt__models[i]->hf_class, name) == 0) return rapt__models[i];
  return NULL;
}

static const rapt__model *by_type(json_t *root) {
  const char *type = json_string_value(json_object_get(root, "model_type"));
  return type ? rapt__model_find(type) : NULL;
}

static rapt_status no_such_type(rapt_context *ctx, const char *path, const char *type) {
  const char *names[64];
  size_t count = 0;
  rapt__text list;
  rapt__text_init(&list, ctx);
  rapt_status status = RAPT_OK;
  for (int i = 0; rapt__models[i] && count < sizeof names / sizeof *names && status == RAPT_OK; i++) {
    names[count++] = rapt__models[i]->hf_type;
    status = rapt__text_addf(&list, "%s%s (%s)", i ? ", " : "", rapt__models[i]->hf_type, rapt__models[i]->hf_class);
  }
  const char *near = rapt__nearest(type, names, count);
  if (status == RAPT_OK)
    status = rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: model_type \"%s\" is not supported%s%s; rapt has %s", path, type,
                        near ? "; the nearest is " : "", near ? near : "", list.data ? list.data : "none");
  rapt__text_free(&list);
  return status;
}

/* The part for text stands for the whole; what it lacks, the whole may have. */
static rapt_status take_text_part(rapt_context *ctx, json_t **root, json_t *part) {
  json_t *joined = json_copy(part);
  if (!joined || json_object_update_missing(joined, *root) != 0) {
    json_decref(joined);
    return rapt__fail_memory(ctx, 0);
  }
  json_decref(*root);
  *root = joined;
  return RAPT_OK;
}

rapt_status rapt__config_json_find(rapt_context *ctx, const char *path, json_t **root, const rapt__model **out,
                                   bool *is_part) {
  json_t *part = json_object_get(*root, "text_config");
  *out = by_class(*root);
  *is_part = false;
  if (!*out && part && by_type(part)) {
    RAPT_TRY(take_text_part(ctx, root, part));
    *is_part = true;
    *out = by_class(*root);
  }
  if (!*out) *out = by_type(*root);
  if (*out) return RAPT_OK;
  const char *type = json_string_value(json_object_get(*root, "model_type"));
  return no_such_type(ctx, path, type ? type : "");
}

/* ---- Reading ---- */

/* A list of texts as one, with commas. */
static rapt_status join_list(rapt__text *out, json_t *list, const char *path, const char *hf) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    const char *word = json_string_value(item);
    if (!word || strchr(word, ','))
      return rapt__fail(out->ctx, RAPT_EFORMAT, "%s: element %zu of \"%s\" is no text without commas", path, i, hf);
    RAPT_TRY(rapt__text_addf(out, "%s%s", i ? "," : "", word));
  }
  return RAPT_OK;
}

static rapt_status set_key(rapt_model *model, const rapt__key *key, const char *text, const char *path) {
  rapt__config config = {model->arch->keys, model->config};
  rapt_status status = rapt__config_set(model->ctx, &model->arena, &config, 1, key->name, text, path);
  return status == RAPT_EKEY ? RAPT_EFORMAT : status;
}

static rapt_status read_key(rapt_model *model, const rapt__key *key, json_t *value, const char *path) {
  char text[64];
  const char *shown = text;
  if (key->type == RAPT__KEY_LIST && json_is_array(value)) {
    rapt__text list;
    rapt__text_init(&list, model->ctx);
    rapt_status status = join_list(&list, value, path, key->hf);
    if (status == RAPT_OK) status = set_key(model, key, list.data ? list.data : "", path);
    rapt__text_free(&list);
    return status;
  }
  if (json_is_string(value))
    shown = json_string_value(value);
  else if (json_is_boolean(value))
    shown = json_is_true(value) ? "true" : "false";
  else if (json_is_integer(value))
    snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
  else if (json_is_real(value) && key->type == RAPT__KEY_INT && fmod(json_real_value(value), 1) == 0) /* 512.0 */
    snprintf(text, sizeof text, "%.0f", json_real_value(value));
  else if (json_is_real(value))
    snprintf(text, sizeof text, "%.17g", json_real_value(value));
  else
    return rapt__fail(model->ctx, RAPT_EFORMAT, "%s: \"%s\" is neither a number, a text nor true or false", path,
                      key->hf);
  return set_key(model, key, shown, path);
}

/* Settings of other classes of the family that would change the result are refused rather than ignored. */
static rapt_status check_foreign(const rapt_model *model, json_t *root, const char *path) {
  static const struct {
    const char *places;
    enum { MUST_BE_FALSE, MUST_BE_TRUE, MUST_BE_NULL, MUST_BE_ONE, MUST_BE_ABSOLUTE } rule;
  } settings[] = {{"scale_attn_by_inverse_layer_idx", MUST_BE_FALSE},
                  {"reorder_and_upcast_attn", MUST_BE_FALSE},
                  {"scale_attn_weights", MUST_BE_TRUE},
                  {"normalize_before", MUST_BE_FALSE},
                  {"normalize_embedding", MUST_BE_FALSE},
                  {"add_final_layer_norm", MUST_BE_FALSE},
                  {"use_bidirectional_attention", MUST_BE_FALSE},
                  {"is_decoder", MUST_BE_FALSE},
                  {"attn_logit_softcapping", MUST_BE_NULL},
                  {"final_logit_softcapping", MUST_BE_NULL},
                  {"rope_parameters.partial_rotary_factor|partial_rotary_factor", MUST_BE_ONE},
                  {"position_embedding_type", MUST_BE_ABSOLUTE}};
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    const char *const *allowed = model->arch->hf_allowed;
    while (allowed && *allowed && strcmp(*allowed, settings[i].places) != 0) allowed++;
    json_t *value = find_value(root, settings[i].places);
    if (!value || json_is_null(value) || (allowed && *allowed)) continue;
    bool fits = true;
    switch (settings[i].rule) {
    case MUST_BE_FALSE: fits = json_is_false(value); break;
    case MUST_BE_TRUE: fits = json_is_true(value); break;
    case MUST_BE_NULL: fits = false; break;
    case MUST_BE_ONE: fits = json_number_value(value) == 1; break;
    case MUST_BE_ABSOLUTE: fits = json_is_string(value) && strcmp(json_string_value(value), "absolute") == 0; break;
    }
    if (fits) continue;
    char *shown = json_dumps(value, JSON_ENCODE_ANY);
    rapt_status status = rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s: \"%s\": %.60s is not supported", path,
                                    settings[i].places, shown ? shown : "");
    free(shown);
    return status;
  }
  return RAPT_OK;
}

rapt_status rapt__config_json_read(rapt_model *model, json_t *root, const char *path) {
  RAPT_TRY(check_foreign(model, root, path));
  for (const rapt__key *key = model->arch->keys; key->name; key++) {
    json_t *value = key->hf ? find_value(root, key->hf) : NULL;
    if (value && !json_is_null(value))
      RAPT_TRY(read_key(model, key, value, path));
    else if (value && key->type == RAPT__KEY_INT && key->min <= 0)
      RAPT_TRY(set_key(model, key, "0", path)); /* null: from the others, or none */
    else if (key->absent)
      RAPT_TRY(set_key(model, key, key->absent, path));
  }
  return RAPT_OK;
}

/* ---- Writing ---- */

static json_t *list_json(const char *words) {
  json_t *list = json_array();
  while (list && words && *words) {
    size_t n = strcspn(words, ",");
    json_array_append_new(list, json_stringn(words, n));
    words += n + (words[n] == ',');
  }
  return list;
}

static json_t *value_json(const rapt__key *key, const void *field) {
  switch (key->type) {
  case RAPT__KEY_INT: return json_integer(*(const int64_t *)field);
  case RAPT__KEY_REAL: return json_real(*(const double *)field);
  case RAPT__KEY_BOOL: return json_boolean(*(const bool *)field);
  case RAPT__KEY_TEXT: return json_string(*(const char *const *)field ? *(const char *const *)field : "");
  case RAPT__KEY_LIST: return list_json(*(const char *const *)field);
  case RAPT__KEY_CHOICE: return json_string(key->choices[*(const int *)field]);
  }
  return NULL;
}

/* Is the value what the reader would take it for anyway? */
static rapt_status is_implied(rapt_context *ctx, const rapt__key *key, const void *field, bool *out) {
  rapt__text text;
  rapt__text_init(&text, ctx);
  rapt_status status = rapt__config_print(&text, key, field);
  const char *meant = key->absent ? key->absent : key->initial;
  *out = status == RAPT_OK && strcmp(text.data ? text.data : "", meant ? meant : "") == 0;
  rapt__text_free(&text);
  return status;
}

static rapt_status write_key(const rapt_model *model, const rapt__key *key, json_t *root) {
  const void *field = (const char *)model->config + key->offset;
  bool implied = false;
  if (!key->hf) return RAPT_OK;
  if (*key->hf == '?') RAPT_TRY(is_implied(model->ctx, key, field, &implied));
  if (implied) return RAPT_OK;
  /* Hugging Face writes null where rapt has 0 for "from the others". */
  bool derived = key->type == RAPT__KEY_INT && *(const int64_t *)field == 0;
  return put_value(root, key->hf, derived ? json_null() : value_json(key, field)) ? RAPT_OK
                                                                                  : rapt__fail_memory(model->ctx, 0);
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

rapt_status rapt__config_json_write(const rapt_model *model, const char *path, rapt_storage storage) {
  static const char *const names[] = {"float32", "float16", "bfloat16"}; /* as rapt_storage */
  json_t *root =
      json_pack("{s:[s],s:n,s:n,s:s,s:s,s:s}", "architectures", model->arch->hf_class, "bos_token_id", "eos_token_id",
                "model_type", model->arch->hf_type, "torch_dtype", names[storage], "rapt_version", rapt_version());
  if (!root) return rapt__fail_memory(model->ctx, 0);
  add_special_ids(model, root);
  rapt_status status = RAPT_OK;
  for (const rapt__key *key = model->arch->keys; key->name && status == RAPT_OK; key++)
    status = write_key(model, key, root);
  json_t *dropout = json_object_get(root, "resid_pdrop");
  if (dropout) { /* one setting here, three there */
    json_object_set(root, "embd_pdrop", dropout);
    json_object_set(root, "attn_pdrop", dropout);
  }
  char *text = status == RAPT_OK ? json_dumps(root, JSON_INDENT(2)) : NULL;
  json_decref(root);
  if (status == RAPT_OK)
    status = text ? rapt__file_replace(model->ctx, path, text, strlen(text)) : rapt__fail_memory(model->ctx, 0);
  free(text);
  return status;
}
