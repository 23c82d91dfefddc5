/* Writing tokenizer files, so that Hugging Face's tokenizers gives the same ids. */
#include "text/tokenizer.h"

#include "base/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *vocabulary_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *object = json_object();
  for (size_t i = 0; object && i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    letters->size = 0;
    rapt_status status = token->plain ? rapt__text_add(letters, token->bytes, token->size)
                                      : rapt__letters_write(token->bytes, token->size, letters);
    if (status != RAPT_OK ||
        json_object_setn_new(object, letters->data, letters->size, json_integer((json_int_t)i)) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

static rapt_status merge_text(const rapt_tokenizer *t, size_t i, rapt__text *out) {
  const rapt__token *left = &t->tokens[t->merges[i].left], *right = &t->tokens[t->merges[i].right];
  RAPT_TRY(rapt__letters_write(left->bytes, left->size, out));
  RAPT_TRY(rapt__text_add(out, " ", 1));
  return rapt__letters_write(right->bytes, right->size, out);
}

static json_t *merges_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < t->merge_count; i++) {
    letters->size = 0;
    if (merge_text(t, i, letters) != RAPT_OK ||
        json_array_append_new(array, json_stringn(letters->data, letters->size)) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *added_json(const rapt_tokenizer *t) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < t->special_count; i++) {
    const rapt__token *token = &t->tokens[t->special[i]];
    json_t *added = json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", t->special[i], "content", token->bytes,
                              token->size, "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", 1);
    if (json_array_append_new(array, added) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

/* A WordLevel model must name one. This is no character, so that an unknown one is an error there too. */
#define UNKNOWN "<unk>"

static json_t *root_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *vocabulary = vocabulary_json(t, letters);
  if (!vocabulary) return NULL;
  if (t->kind == RAPT_CHARS)
    return json_pack("{s:s,s:n,s:n,s:o,s:n,s:{s:s,s:{s:s},s:s,s:b},s:n,s:{s:s},s:{s:s,s:o,s:s}}", "version", "1.0",
                     "truncation", "padding", "added_tokens", added_json(t), "normalizer", "pre_tokenizer", "type",
                     "Split", "pattern", "Regex", RAPT__CHARS_REGEX, "behavior", "Isolated", "invert", 0,
                     "post_processor", "decoder", "type", "Fuse", "model", "type", "WordLevel", "vocab", vocabulary,
                     "unk_token", UNKNOWN);
  if (t->kind == RAPT_WORDS) {
    json_t *lower = t->lowercase ? json_pack("{s:s}", "type", "Lowercase") : json_null();
    return json_pack("{s:s,s:n,s:n,s:o,s:o,s:{s:s},s:n,s:n,s:{s:s,s:o,s:s}}", "version", "1.0", "truncation", "padding",
                     "added_tokens", added_json(t), "normalizer", lower, "pre_tokenizer", "type",
                     t->split == RAPT__SPLIT_WORDS ? "Whitespace" : "WhitespaceSplit", "post_processor", "decoder",
                     "model", "type", "WordLevel", "vocab", vocabulary, "unk_token", UNKNOWN);
  }
  int regex = t->splitter != NULL;
  return json_pack(
      "{s:s,s:n,s:n,s:o,s:n,s:{s:s,s:b,s:b,s:b},s:n,s:{s:s,s:b,s:b,s:b},s:{s:s,s:n,s:n,s:n,s:n,s:b,s:b,s:o,s:o}}",
      "version", "1.0", "truncation", "padding", "added_tokens", added_json(t), "normalizer", "pre_tokenizer", "type",
      "ByteLevel", "add_prefix_space", 0, "trim_offsets", 1, "use_regex", regex, "post_processor", "decoder", "type",
      "ByteLevel", "add_prefix_space", 1, "trim_offsets", 1, "use_regex", 1, "model", "type", "BPE", "dropout",
      "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", 0, "byte_fallback", 0, "vocab",
      vocabulary, "merges", merges_json(t, letters));
}

static rapt_status write_text(const rapt_tokenizer *t, const char *dir, const char *name, const char *text) {
  char *path = rapt__path_join(t->ctx, dir, name);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = text ? rapt__file_replace(t->ctx, path, text, strlen(text)) : rapt__fail_memory(t->ctx, 0);
  rapt__free(t->ctx, path);
  return status;
}

static rapt_status write_json(const rapt_tokenizer *t, const char *dir, const char *name, json_t *json, size_t flags) {
  char *text = json ? json_dumps(json, flags) : NULL;
  rapt_status status = write_text(t, dir, name, text);
  free(text);
  json_decref(json);
  return status;
}

rapt_status rapt_tokenizer_save(const rapt_tokenizer *t, const char *dir) {
  rapt__text letters, merges;
  rapt__text_init(&letters, t->ctx);
  rapt__text_init(&merges, t->ctx);
  RAPT_TRY(rapt__make_dirs(t->ctx, dir));
  rapt_status status = write_json(t, dir, "tokenizer.json", root_json(t, &letters), JSON_INDENT(1));
  if (status == RAPT_OK && t->kind == RAPT_BPE) {
    status = write_json(t, dir, "vocab.json", vocabulary_json(t, &letters), 0);
    if (status == RAPT_OK) status = rapt__text_addf(&merges, "#version: 0.2\n");
    for (size_t i = 0; i < t->merge_count && status == RAPT_OK; i++) {
      status = merge_text(t, i, &merges);
      if (status == RAPT_OK) status = rapt__text_add(&merges, "\n", 1);
    }
    if (status == RAPT_OK) status = write_text(t, dir, "merges.txt", merges.data);
  }
  rapt__text_free(&letters);
  rapt__text_free(&merges);
  return status;
}
