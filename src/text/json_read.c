/* Reading tokenizer.json: every section becomes data, and what would change ids without being known is refused. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

/* What is read: the tokenizer, and the added tokens of the file by id. */
typedef struct reader {
  rapt_tokenizer *t;
  const char *file;
  json_t *added;       /* borrowed; NULL: none */
  rapt__table by_id;   /* id → index in `added` */
  json_int_t id_limit; /* as many ids as the file has tokens: a larger one would leave a hole */
} reader;

json_t *rapt__json_parse(rapt_context *ctx, const char *name, const char *text, size_t size) {
  json_error_t error;
  /* NUL is a character that vocabularies may have. */
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, &error);
  if (!root && json_error_code(&error) == json_error_out_of_memory)
    rapt__fail_memory(ctx, size);
  else if (!root)
    rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);
  return root;
}

static json_t *added_content(const reader *r, json_int_t id) {
  const rapt__slot *slot = rapt__table_find(&r->by_id, NULL, 0, (uint64_t)id);
  return slot ? json_object_get(json_array_get(r->added, (size_t)slot->value), "content") : NULL;
}

static rapt_status check_id(const reader *r, json_t *id, const char *what) {
  if (!json_is_integer(id))
    return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: the id of \"%.60s\" is not a whole number", r->file, what);
  if (json_integer_value(id) < 0 || json_integer_value(id) >= r->id_limit)
    return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: the id %lld of \"%.60s\" is out of range: the file has %lld tokens",
                      r->file, (long long)json_integer_value(id), what, (long long)r->id_limit);
  return RAPT_OK;
}

static rapt_status read_token(const reader *r, const char *key, size_t size, json_int_t id, double score) {
  rapt_tokenizer *t = r->t;
  json_t *content = added_content(r, id);
  if (content && (json_string_length(content) != size || memcmp(json_string_value(content), key, size) != 0))
    return rapt__fail(t->ctx, RAPT_EFORMAT,
                      "%s: id %lld is \"%.60s\" in the vocabulary and \"%.60s\" as an added token", r->file,
                      (long long)id, key, json_string_value(content));
  char *bytes = rapt__alloc(t->ctx, size + 1);
  if (!bytes) return RAPT_ENOMEM;
  int64_t n = t->bytes ? rapt__letters_read(key, size, bytes) : -1;
  bool plain = n < 0 || (content && ((size_t)n != size || memcmp(bytes, key, size) != 0));
  rapt_status status = rapt__tokenizer_add(t, id, plain ? key : bytes, plain ? size : (size_t)n, plain, r->file);
  rapt__free(t->ctx, bytes);
  if (status == RAPT_OK) t->tokens[id].score = score;
  return status;
}

/* ---- Vocabularies ---- */

static rapt_status read_map(reader *r, json_t *vocabulary) {
  const char *key;
  json_t *value;
  size_t length;
  if (!json_is_object(vocabulary))
    return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: model.vocab is not an object", r->file);
  r->id_limit = (json_int_t)(json_object_size(vocabulary) + json_array_size(r->added));
  json_object_keylen_foreach(vocabulary, key, length, value) {
    RAPT_TRY(check_id(r, value, key));
    RAPT_TRY(read_token(r, key, length, json_integer_value(value), 0));
  }
  return RAPT_OK;
}

static rapt_status read_scores(reader *r, json_t *vocabulary) {
  size_t i;
  json_t *item;
  if (!json_is_array(vocabulary))
    return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: model.vocab is not an array", r->file);
  r->id_limit = (json_int_t)(json_array_size(vocabulary) + json_array_size(r->added));
  json_array_foreach(vocabulary, i, item) {
    json_t *text = json_array_get(item, 0), *score = json_array_get(item, 1);
    if (!json_is_string(text) || !json_is_number(score))
      return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: model.vocab[%zu] is not a token and its score", r->file, i);
    RAPT_TRY(read_token(r, json_string_value(text), json_string_length(text), (json_int_t)i, json_number_value(score)));
  }
  return RAPT_OK;
}

/* ---- Merges ---- */

rapt_status rapt__merge_read(rapt_tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *file,
                             size_t number) {
  size_t skip =
      t->prefix.size && nb >= t->prefix.size && memcmp(b, t->prefix.bytes, t->prefix.size) == 0 ? t->prefix.size : 0;
  char *bytes = rapt__alloc(t->ctx, na + nb + nb + 1);
  if (!bytes) return RAPT_ENOMEM;
  int64_t left = (int64_t)na, right = (int64_t)nb;
  char *second = bytes + na;
  if (t->bytes) {
    left = rapt__letters_read(a, na, bytes);
    right = left < 0 ? -1 : rapt__letters_read(b, nb, second = bytes + left);
  } else {
    memcpy(bytes, a, na);
    memcpy(second, b, nb);
  }
  bool fine = left > 0 && right > 0;
  const rapt__slot *l = fine ? rapt__table_find(&t->ids, bytes, (size_t)left, 0) : NULL;
  const rapt__slot *r = fine ? rapt__table_find(&t->ids, second, (size_t)right, 0) : NULL;
  if (fine && skip) memmove(second, second + skip, (size_t)right - skip);
  const rapt__slot *made = fine ? rapt__table_find(&t->ids, bytes, (size_t)(left + right) - skip, 0) : NULL;
  rapt__free(t->ctx, bytes);
  if (!l || !r || !made)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu (\"%.*s %.*s\") uses a token that is not in the vocabulary",
                      file, number, (int)(na < 40 ? na : 40), a, (int)(nb < 40 ? nb : 40), b);
  return rapt__tokenizer_merge(t, (int32_t)l->value, (int32_t)r->value, (int32_t)made->value, file);
}

static rapt_status read_merges(rapt_tokenizer *t, json_t *merges, const char *file) {
  size_t i;
  json_t *value;
  if (!json_is_array(merges)) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: model.merges is not an array", file);
  json_array_foreach(merges, i, value) {
    json_t *a = json_array_get(value, 0), *b = json_array_get(value, 1);
    if (json_is_string(value)) {
      const char *line = json_string_value(value), *space = memchr(line, ' ', json_string_length(value));
      if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu has no space between two tokens", file, i);
      RAPT_TRY(rapt__merge_read(t, line, (size_t)(space - line), space + 1,
                                json_string_length(value) - (size_t)(space + 1 - line), file, i));
    } else if (json_is_string(a) && json_is_string(b)) {
      RAPT_TRY(rapt__merge_read(t, json_string_value(a), json_string_length(a), json_string_value(b),
                                json_string_length(b), file, i));
    } else {
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu is not two tokens", file, i);
    }
  }
  return RAPT_OK;
}

/* ---- Added tokens ---- */

/* Lists the added tokens by id; they are made with the vocabulary or, when it lacks them, after it. */
static rapt_status list_added(reader *r, json_t *added) {
  rapt_context *ctx = r->t->ctx;
  size_t i;
  json_t *value;
  if (added && !json_is_null(added) && !json_is_array(added))
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: added_tokens is not an array", r->file);
  r->added = added;
  json_array_foreach(added, i, value) {
    json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
    if (!json_is_integer(id) || !json_is_string(content) || json_string_length(content) == 0)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: added token %zu has no id or content", r->file, i);
    rapt__slot *slot = rapt__table_get(&r->by_id, NULL, 0, (uint64_t)json_integer_value(id), (int64_t)i);
    if (!slot) return RAPT_ENOMEM;
    if (slot->value != (int64_t)i)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: two added tokens have the id %lld", r->file,
                        (long long)json_integer_value(id));
  }
  return RAPT_OK;
}

static rapt_status make_one(reader *r, json_t *value, json_int_t id) {
  rapt_tokenizer *t = r->t;
  json_t *content = json_object_get(value, "content");
  const char *text = json_string_value(content);
  size_t size = json_string_length(content);
  bool known = (size_t)id < t->count && t->tokens[id].bytes;
  const rapt__slot *other = known || t->bytes ? NULL : rapt__table_find(&t->ids, text, size, 0);
  if (other)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: \"%.60s\" is id %lld in the vocabulary and %lld as an added token",
                      r->file, text, (long long)other->value, (long long)id);
  if (!known) {
    RAPT_TRY(rapt__tokenizer_add(t, id, text, size, true, r->file));
    t->tokens[id].hidden = true;
  }
  bool special = json_is_true(json_object_get(value, "special"));
  json_t *normalized = json_object_get(value, "normalized");
  return rapt__tokenizer_added(t,
                               (rapt__added_token){.id = (int32_t)id,
                                                   .single_word = json_is_true(json_object_get(value, "single_word")),
                                                   .lstrip = json_is_true(json_object_get(value, "lstrip")),
                                                   .rstrip = json_is_true(json_object_get(value, "rstrip")),
                                                   .normalized = normalized ? json_is_true(normalized) : !special,
                                                   .special = special});
}

/* An added token that the model lacks is none of its own. */
static rapt_status make_added(reader *r, json_t *vocabulary) {
  size_t i;
  json_t *value;
  json_array_foreach(r->added, i, value) {
    json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
    RAPT_TRY(check_id(r, id, json_string_value(content)));
    json_t *known = json_object_getn(vocabulary, json_string_value(content), json_string_length(content));
    if (known && json_integer_value(known) != json_integer_value(id))
      return rapt__fail(
          r->t->ctx, RAPT_EFORMAT, "%s: \"%.60s\" is id %lld in the vocabulary and %lld as an added token", r->file,
          json_string_value(content), (long long)json_integer_value(known), (long long)json_integer_value(id));
    RAPT_TRY(make_one(r, value, json_integer_value(id)));
  }
  return RAPT_OK;
}

/* ---- The model ---- */

static rapt_status model_text(const reader *r, json_t *model, const char *key, rapt__string *out) {
  json_t *value = json_object_get(model, key);
  *out = (rapt__string){"", 0};
  if (!value || json_is_null(value)) return RAPT_OK;
  if (!json_is_string(value)) return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: model.%s is not a string", r->file, key);
  char *copy = rapt__arena_new(&r->t->arena, json_string_length(value) + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  memcpy(copy, json_string_value(value), json_string_length(value));
  *out = (rapt__string){copy, json_string_length(value)};
  return RAPT_OK;
}

/* By its text, in the model's own tokens. */
static rapt_status find_unknown(const reader *r, json_t *model) {
  rapt_tokenizer *t = r->t;
  json_t *id = json_object_get(model, "unk_id");
  if (t->model == RAPT__UNIGRAM) {
    t->unknown = json_is_integer(id) ? (int32_t)json_integer_value(id) : -1;
    if (json_is_integer(id) && (json_integer_value(id) < 0 || (size_t)json_integer_value(id) >= t->count))
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: model.unk_id is out of range", r->file);
    t->fuse_unknown = true;
    return RAPT_OK;
  }
  rapt__string text;
  RAPT_TRY(model_text(r, model, "unk_token", &text));
  if (!text.size) return RAPT_OK;
  t->unknown_text = text.bytes;
  for (size_t i = 0; i < t->count && t->unknown < 0; i++)
    if (t->tokens[i].bytes && !t->tokens[i].hidden && t->tokens[i].size == text.size &&
        memcmp(t->tokens[i].bytes, text.bytes, text.size) == 0)
      t->unknown = (int32_t)i;
  return RAPT_OK;
}

static rapt_status read_model(reader *r, json_t *model) {
  rapt_tokenizer *t = r->t;
  json_t *vocabulary = json_object_get(model, "vocab"), *longest = json_object_get(model, "max_input_chars_per_word");
  json_t *dropout = json_object_get(model, "dropout");
  if (json_is_number(dropout) && json_number_value(dropout) > 0)
    return rapt__fail(t->ctx, RAPT_EUNSUPPORTED,
                      "%s: model.dropout is %g: ids would be drawn by chance; set it to null", r->file,
                      json_number_value(dropout));
  t->fuse_unknown = json_is_true(json_object_get(model, "fuse_unk"));
  t->byte_fallback = json_is_true(json_object_get(model, "byte_fallback"));
  t->ignore_merges = json_is_true(json_object_get(model, "ignore_merges"));
  t->bytes = rapt__in_bytes(t);
  if (t->model == RAPT__BPE || t->model == RAPT__WORDPIECE)
    RAPT_TRY(model_text(r, model, "continuing_subword_prefix", &t->prefix));
  if (t->model == RAPT__BPE) RAPT_TRY(model_text(r, model, "end_of_word_suffix", &t->suffix));
  if (t->model == RAPT__WORDPIECE && json_is_integer(longest)) t->longest_word = json_integer_value(longest);
  RAPT_TRY(t->model == RAPT__UNIGRAM ? read_scores(r, vocabulary) : read_map(r, vocabulary));
  RAPT_TRY(find_unknown(r, model));
  if (t->model == RAPT__BPE) RAPT_TRY(read_merges(t, json_object_get(model, "merges"), r->file));
  return make_added(r, t->model == RAPT__UNIGRAM ? NULL : vocabulary);
}

/* Old files do not name the model; its fields tell. */
static rapt_status model_type(rapt_context *ctx, json_t *model, const char *file, rapt__model_type *out) {
  static const char *const names[] = {"BPE", "WordPiece", "Unigram", "WordLevel"};
  const char *type = json_string_value(json_object_get(model, "type"));
  if (!json_is_object(model)) return rapt__fail(ctx, RAPT_EFORMAT, "%s: model is not an object", file);
  if (!type)
    type = json_object_get(model, "merges")                      ? "BPE"
           : json_is_array(json_object_get(model, "vocab"))      ? "Unigram"
           : json_object_get(model, "continuing_subword_prefix") ? "WordPiece"
                                                                 : "WordLevel";
  for (int i = 0; i < 4; i++) {
    *out = (rapt__model_type)i;
    if (strcmp(names[i], type) == 0) return RAPT_OK;
  }
  return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: model.type \"%.60s\" is none of BPE, WordPiece, Unigram, WordLevel",
                    file, type);
}

/* ---- Truncation and padding ---- */

static rapt_status number_of(const reader *r, json_t *json, const char *section, const char *key, int64_t *out) {
  json_t *value = json_object_get(json, key);
  *out = json_integer_value(value);
  if (value && !json_is_null(value) && (!json_is_integer(value) || *out < 0 || *out > INT32_MAX))
    return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: %s.%s is not a whole number within its limits", r->file, section,
                      key);
  return RAPT_OK;
}

static bool is_text(json_t *json, const char *key, const char *text) {
  const char *found = json_string_value(json_object_get(json, key));
  return found && strcmp(found, text) == 0;
}

static rapt_status read_limits(reader *r, json_t *truncation, json_t *padding) {
  rapt_tokenizer *t = r->t;
  int64_t number;
  if (json_is_object(truncation)) {
    t->truncation.on = true;
    RAPT_TRY(number_of(r, truncation, "truncation", "max_length", &t->truncation.max_length));
    RAPT_TRY(number_of(r, truncation, "truncation", "stride", &t->truncation.stride));
    t->truncation.left = is_text(truncation, "direction", "Left");
    t->truncation.strategy = is_text(truncation, "strategy", "OnlyFirst")    ? 1
                             : is_text(truncation, "strategy", "OnlySecond") ? 2
                                                                             : 0;
  }
  if (json_is_object(padding)) {
    t->padding.on = true;
    json_t *strategy = json_object_get(padding, "strategy");
    if (json_is_object(strategy)) RAPT_TRY(number_of(r, strategy, "padding.strategy", "Fixed", &t->padding.length));
    RAPT_TRY(number_of(r, padding, "padding", "pad_to_multiple_of", &t->padding.multiple));
    RAPT_TRY(number_of(r, padding, "padding", "pad_id", &number));
    t->padding.id = (int32_t)number;
    RAPT_TRY(number_of(r, padding, "padding", "pad_type_id", &number));
    t->padding.type = (int32_t)number;
    t->padding.left = is_text(padding, "direction", "Left");
  }
  return RAPT_OK;
}

/* ---- The file ---- */

static rapt_status keep_text(rapt_tokenizer *t, json_t *json, const char **out) {
  *out = NULL;
  if (!json || json_is_null(json)) return RAPT_OK;
  char *text = json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
  *out = text ? rapt__arena_strdup(&t->arena, text) : NULL;
  free(text);
  if (*out) return RAPT_OK;
  return text ? RAPT_ENOMEM : rapt__fail_memory(t->ctx, 0);
}

static rapt_status check_template_ids(const reader *r) {
  const rapt__steps *steps = &r->t->steps[RAPT__POST_PROCESSOR];
  for (size_t i = 0; i < steps->count; i++)
    for (int k = 0; k < 2; k++)
      for (size_t p = 0; p < steps->items[i].piece_count[k]; p++) {
        const rapt__slot_piece *piece = &steps->items[i].pieces[k][p];
        for (size_t n = 0; piece->ids && n < piece->count; n++)
          if ((size_t)piece->ids[n] >= r->t->count)
            return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: post_processor: the id %d is not in the vocabulary",
                              r->file, piece->ids[n]);
      }
  return RAPT_OK;
}

static rapt_status read_root(reader *r, json_t *root) {
  static const char *const keys[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};
  rapt_tokenizer *t = r->t;
  json_t *truncation = json_object_get(root, "truncation"), *padding = json_object_get(root, "padding");
  for (int i = 0; i < RAPT__SECTIONS; i++) {
    json_t *section = json_object_get(root, keys[i]);
    RAPT_TRY(rapt__steps_read(t, (rapt__section)i, section, r->file, &t->steps[i]));
    RAPT_TRY(keep_text(t, section, &t->sections[i]));
  }
  RAPT_TRY(keep_text(t, truncation, &t->truncation_json));
  RAPT_TRY(keep_text(t, padding, &t->padding_json));
  RAPT_TRY(read_limits(r, truncation, padding));
  RAPT_TRY(list_added(r, json_object_get(root, "added_tokens")));
  RAPT_TRY(read_model(r, json_object_get(root, "model")));
  RAPT_TRY(check_template_ids(r));
  return rapt__tokenizer_finish(t, r->file);
}

rapt_status rapt__tokenizer_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                  rapt_tokenizer **out) {
  *out = NULL;
  json_t *root = rapt__json_parse(ctx, name, text, size);
  if (!root) return rapt_context_status(ctx);
  reader r = {.file = name};
  rapt__table_init(&r.by_id, ctx);
  rapt__model_type type = RAPT__BPE;
  rapt_status status = model_type(ctx, json_object_get(root, "model"), name, &type);
  if (status == RAPT_OK) status = rapt__tokenizer_new(ctx, type, &r.t);
  if (status == RAPT_OK) status = read_root(&r, root);
  rapt__table_free(&r.by_id);
  json_decref(root);
  return rapt__tokenizer_out(status, r.t, out);
}
