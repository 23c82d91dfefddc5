/* Writing tokenizer files, so that Hugging Face's tokenizers gives the same ids. */
#include "text/tokenizer.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

/* The model's own tokens: an object of ids, or pairs of token and score. */
static json_t *vocabulary_json(const rapt_tokenizer *t, rapt__text *letters) {
  bool scores = t->model == RAPT__UNIGRAM;
  json_t *out = scores ? json_array() : json_object();
  for (size_t i = 0; out && i < t->count; i++) {
    if (t->tokens[i].hidden) continue;
    letters->size = 0;
    rapt_status status = rapt__token_text(t, (int32_t)i, letters);
    int failed = status != RAPT_OK;
    if (!failed && scores)
      failed = json_array_append_new(out, json_pack("[s%,f]", letters->data, letters->size, t->tokens[i].score));
    else if (!failed)
      failed = json_object_setn_new(out, letters->data, letters->size, json_integer((json_int_t)i));
    if (failed) {
      json_decref(out);
      return NULL;
    }
  }
  return out;
}

static json_t *merge_json(const rapt_tokenizer *t, size_t i, rapt__text *out) {
  out->size = 0;
  if (rapt__token_text(t, t->merges[i].left, out) != RAPT_OK) return NULL;
  json_t *left = json_stringn(out->data, out->size);
  out->size = 0;
  if (rapt__token_text(t, t->merges[i].right, out) != RAPT_OK) {
    json_decref(left);
    return NULL;
  }
  return json_pack("[o,o]", left, json_stringn(out->data, out->size));
}

static json_t *merges_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < t->merge_count; i++)
    if (json_array_append_new(array, merge_json(t, i, letters)) != 0) {
      json_decref(array);
      return NULL;
    }
  return array;
}

static int by_id(const void *a, const void *b) {
  const rapt__added_token *const *x = a, *const *y = b;
  return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

static json_t *added_json(const rapt_tokenizer *t) {
  size_t count = 0, all = t->raw.count + t->normalized.count;
  const rapt__added_token **list = rapt__new(t->ctx, all + 1, sizeof(void *));
  if (!list) return NULL;
  for (size_t i = 0; i < t->raw.count; i++) list[count++] = &t->raw.items[i];
  for (size_t i = 0; i < t->normalized.count; i++) list[count++] = &t->normalized.items[i];
  qsort(list, count, sizeof *list, by_id);
  json_t *array = json_array();
  for (size_t i = 0; array && i < count; i++) {
    const rapt__added_token *a = list[i];
    const rapt__token *token = &t->tokens[a->id];
    json_t *added = json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", a->id, "content", token->bytes, token->size,
                              "single_word", a->single_word, "lstrip", a->lstrip, "rstrip", a->rstrip, "normalized",
                              a->normalized, "special", a->special);
    if (json_array_append_new(array, added) != 0) {
      json_decref(array);
      array = NULL;
    }
  }
  rapt__free(t->ctx, list);
  return array;
}

/* SentencePiece's control, unknown and user-defined pieces, which there are no added tokens. */
static json_t *pieces_json(const rapt_tokenizer *t) {
  json_t *array = json_array();
  for (size_t i = 0; array && i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    if (!token->special && token->type != RAPT__USER_DEFINED) continue;
    json_t *added = json_pack("{s:i,s:s%,s:b,s:b,s:b,s:b,s:b}", "id", (int)i, "content", token->bytes, token->size,
                              "single_word", 0, "lstrip", 0, "rstrip", 0, "normalized", 0, "special", token->special);
    if (json_array_append_new(array, added) != 0) {
      json_decref(array);
      return NULL;
    }
  }
  return array;
}

static json_t *string_or_null(rapt__string s) { return s.size ? json_stringn(s.bytes, s.size) : json_null(); }

static json_t *model_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *vocabulary = vocabulary_json(t, letters);
  const char *unknown = t->unknown_text;
  switch (t->model) {
  case RAPT__BPE:
    return json_pack("{s:s,s:n,s:s?,s:o,s:o,s:b,s:b,s:b,s:o,s:o}", "type", "BPE", "dropout", "unk_token", unknown,
                     "continuing_subword_prefix", string_or_null(t->prefix), "end_of_word_suffix",
                     string_or_null(t->suffix), "fuse_unk", t->fuse_unknown, "byte_fallback", t->byte_fallback,
                     "ignore_merges", t->ignore_merges, "vocab", vocabulary, "merges", merges_json(t, letters));
  case RAPT__WORDPIECE:
    return json_pack("{s:s,s:s,s:s%,s:I,s:o}", "type", "WordPiece", "unk_token", unknown ? unknown : "[UNK]",
                     "continuing_subword_prefix", t->prefix.size ? t->prefix.bytes : "", t->prefix.size,
                     "max_input_chars_per_word", (json_int_t)t->longest_word, "vocab", vocabulary);
  case RAPT__UNIGRAM:
    return json_pack("{s:s,s:o,s:o,s:b}", "type", "Unigram", "unk_id",
                     t->unknown < 0 ? json_null() : json_integer(t->unknown), "vocab", vocabulary, "byte_fallback",
                     t->byte_fallback);
  default: /* it must name one; where this is no token, an unknown word is an error there too */
    return json_pack("{s:s,s:o,s:s}", "type", "WordLevel", "vocab", vocabulary, "unk_token",
                     unknown ? unknown : "<unk>");
  }
}

static json_t *section_json(const char *text) {
  return text ? json_loads(text, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL) : json_null();
}

static json_t *root_json(const rapt_tokenizer *t, rapt__text *letters) {
  return json_pack(
      "{s:s,s:o,s:o,s:o,s:o,s:o,s:o,s:o,s:o}", "version", "1.0", "truncation", section_json(t->truncation_json),
      "padding", section_json(t->padding_json), "added_tokens", t->single ? pieces_json(t) : added_json(t),
      "normalizer", section_json(t->sections[RAPT__NORMALIZER]), "pre_tokenizer",
      section_json(t->sections[RAPT__PRE_TOKENIZER]), "post_processor", section_json(t->sections[RAPT__POST_PROCESSOR]),
      "decoder", section_json(t->sections[RAPT__DECODER]), "model", model_json(t, letters));
}

static rapt_status write_text(const rapt_tokenizer *t, const char *dir, const char *name, const char *text,
                              size_t size) {
  char *path = rapt__path_join(t->ctx, dir, name);
  if (!path) return RAPT_ENOMEM;
  rapt_status status = text ? rapt__file_replace(t->ctx, path, text, size) : rapt__fail_memory(t->ctx, 0);
  rapt__free(t->ctx, path);
  return status;
}

static rapt_status write_json(const rapt_tokenizer *t, const char *dir, const char *name, json_t *json, size_t flags) {
  char *text = json ? json_dumps(json, flags | JSON_REAL_PRECISION(17)) : NULL;
  rapt_status status = write_text(t, dir, name, text, text ? strlen(text) : 0);
  free(text);
  json_decref(json);
  return status;
}

static rapt_status merges_text(const rapt_tokenizer *t, rapt__text *out) {
  RAPT_TRY(rapt__text_addf(out, "#version: 0.2\n"));
  for (size_t i = 0; i < t->merge_count; i++) {
    RAPT_TRY(rapt__token_text(t, t->merges[i].left, out));
    RAPT_TRY(rapt__text_add(out, " ", 1));
    RAPT_TRY(rapt__token_text(t, t->merges[i].right, out));
    RAPT_TRY(rapt__text_add(out, "\n", 1));
  }
  return RAPT_OK;
}

rapt_status rapt_tokenizer_save(const rapt_tokenizer *t, const char *dir) {
  rapt__text letters, merges;
  rapt__text_init(&letters, t->ctx);
  rapt__text_init(&merges, t->ctx);
  RAPT_TRY(rapt__make_dirs(t->ctx, dir));
  rapt_status status = write_json(t, dir, "tokenizer.json", root_json(t, &letters), JSON_INDENT(1));
  if (status == RAPT_OK && t->bytes && rapt_tokenizer_get_kind(t) == RAPT_BPE) {
    status = write_json(t, dir, "vocab.json", vocabulary_json(t, &letters), 0);
    if (status == RAPT_OK) status = merges_text(t, &merges);
    if (status == RAPT_OK) status = write_text(t, dir, "merges.txt", merges.data, merges.size);
  }
  if (status == RAPT_OK && t->exact) status = write_text(t, dir, "tokenizer.model", t->exact, t->exact_size);
  rapt__text_free(&letters);
  rapt__text_free(&merges);
  return status;
}
