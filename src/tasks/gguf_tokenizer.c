/* Tokenizers in GGUF files. Byte-level BPE with GPT-2's pattern has GGML's own keys; any other is kept as its tokenizer.json under
 * the key that GGUF has for that. In between stands the text of a tokenizer.json, which src/text reads and writes. */
#include "tasks/gguf.h"

#include "text/tokenizer.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHOLE "tokenizer.huggingface.json"
enum { NORMAL = 1, CONTROL = 3, UNUSED = 5, USER = 4 }; /* GGML's types of tokens */
enum { JSON_LIMIT = 256 << 20 };

/* ---- Reading ---- */

static bool text_is(const rapt__gguf_value *v, const char *text) {
  return v && v->kind == RAPT__GGUF_TEXT && v->count == strlen(text) && memcmp(v->at, text, (size_t)v->count) == 0;
}

static const rapt__gguf_value *array_of(const rapt__gguf *g, const char *key, rapt__gguf_kind element) {
  const rapt__gguf_value *v = rapt__gguf_value_of(g, key);
  return v && v->kind == RAPT__GGUF_ARRAY && v->element == element ? v : NULL;
}

static rapt_status not_utf8(const rapt__gguf *g, const char *key, uint64_t i) {
  return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: key %s: element %llu is not UTF-8", g->name, key, (unsigned long long)i);
}

static int64_t type_at(const rapt__gguf_value *types, uint64_t i) {
  if (!types || i >= types->count) return NORMAL;
  rapt__gguf_value v = rapt__gguf_number(types, i);
  return rapt__gguf_integer(&v);
}

static rapt_status read_tokens(const rapt__gguf *g, json_t *vocabulary, json_t *added) {
  static const char key[] = "tokenizer.ggml.tokens";
  const rapt__gguf_value *tokens = array_of(g, key, RAPT__GGUF_TEXT);
  const rapt__gguf_value *types = array_of(g, "tokenizer.ggml.token_type", RAPT__GGUF_I32);
  if (!tokens) return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: key %s is no array of texts", g->name, key);
  uint64_t count = tokens->count; /* without those that only fill up the model's vocabulary */
  while (count > 0 && type_at(types, count - 1) == UNUSED) count--;
  rapt__gguf_value token;
  for (uint64_t i = 0; i < count; i++) {
    token = i ? rapt__gguf_next(&token) : rapt__gguf_first(tokens);
    const char *bytes = (const char *)token.at;
    int64_t type = type_at(types, i);
    json_t *text = json_stringn(bytes, (size_t)token.count);
    if (!text) return not_utf8(g, key, i);
    bool twice = json_object_getn(vocabulary, bytes, (size_t)token.count) != NULL;
    bool set = !twice && json_object_setn_new(vocabulary, bytes, (size_t)token.count, json_integer((json_int_t)i)) == 0;
    if (set && (type == CONTROL || type == USER)) {
      json_t *item = json_pack("{s:I,s:O,s:b,s:b,s:b,s:b,s:b}", "id", (json_int_t)i, "content", text, "single_word", 0,
                               "lstrip", 0, "rstrip", 0, "normalized", 0, "special", type == CONTROL);
      set = json_array_append_new(added, item) == 0;
    }
    json_decref(text);
    if (twice)
      return rapt__fail(g->ctx, RAPT_EFORMAT, "%s: key %s: element %llu is there twice", g->name, key,
                        (unsigned long long)i);
    if (!set) return rapt__fail_memory(g->ctx, 0);
  }
  return RAPT_OK;
}

static rapt_status read_merges(const rapt__gguf *g, json_t *out) {
  static const char key[] = "tokenizer.ggml.merges";
  const rapt__gguf_value *merges = array_of(g, key, RAPT__GGUF_TEXT);
  rapt__gguf_value merge;
  for (uint64_t i = 0; merges && i < merges->count; i++) {
    merge = i ? rapt__gguf_next(&merge) : rapt__gguf_first(merges);
    json_t *text = json_stringn((const char *)merge.at, (size_t)merge.count);
    if (!text) return not_utf8(g, key, i);
    if (json_array_append_new(out, text) != 0) return rapt__fail_memory(g->ctx, 0);
  }
  return RAPT_OK;
}

static rapt_status read_bpe(const rapt__gguf *g, rapt_tokenizer **out) {
  json_t *vocabulary = json_object(), *merges = json_array(), *added = json_array();
  rapt_status status = vocabulary && merges && added ? RAPT_OK : rapt__fail_memory(g->ctx, 0);
  if (status == RAPT_OK) status = read_tokens(g, vocabulary, added);
  if (status == RAPT_OK) status = read_merges(g, merges);
  json_t *root = NULL;
  if (status == RAPT_OK)
    root = json_pack("{s:s,s:O,s:n,s:{s:s,s:b,s:b,s:b},s:{s:s,s:b,s:b,s:b},s:{s:s,s:O,s:O}}", "version", "1.0",
                     "added_tokens", added, "normalizer", "pre_tokenizer", "type", "ByteLevel", "add_prefix_space", 0,
                     "trim_offsets", 1, "use_regex", 1, "decoder", "type", "ByteLevel", "add_prefix_space", 1,
                     "trim_offsets", 1, "use_regex", 1, "model", "type", "BPE", "vocab", vocabulary, "merges", merges);
  char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;
  if (status == RAPT_OK)
    status = text ? rapt__tokenizer_parse(g->ctx, g->name, text, strlen(text), out) : rapt__fail_memory(g->ctx, 0);
  free(text);
  json_decref(root);
  json_decref(vocabulary);
  json_decref(merges);
  json_decref(added);
  return status;
}

rapt_status rapt__gguf_read_tokenizer(const rapt__gguf *g, rapt_tokenizer **out) {
  *out = NULL;
  const rapt__gguf_value *whole = rapt__gguf_value_of(g, WHOLE), *pre = rapt__gguf_value_of(g, "tokenizer.ggml.pre");
  if (whole && whole->kind == RAPT__GGUF_TEXT)
    return rapt__tokenizer_parse(g->ctx, g->name, (const char *)whole->at, (size_t)whole->count, out);
  const rapt__gguf_value *kind = rapt__gguf_value_of(g, "tokenizer.ggml.model");
  bool pattern = !pre || text_is(pre, "gpt-2") || text_is(pre, "default");
  if (text_is(kind, "gpt2") && pattern) return read_bpe(g, out);
  if (kind)
    rapt__log(g->ctx, RAPT_LOG_WARN,
              "%s: the tokenizer is not read: of those in GGUF files rapt reads byte-level BPE with GPT-2's pattern",
              g->name);
  return RAPT_OK;
}

/* ---- Writing ---- */

/* The tokenizer.json that would be saved. */
static rapt_status as_json(const rapt_tokenizer *t, char **text, size_t *size) {
  char *dir = rapt__scratch_dir(t->ctx), *path = NULL;
  *text = NULL;
  if (!dir) return t->ctx->status;
  rapt_status status = rapt_tokenizer_save(t, dir);
  if (status == RAPT_OK) path = rapt__path_join(t->ctx, dir, "tokenizer.json");
  if (status == RAPT_OK) status = path ? rapt__file_read(t->ctx, path, JSON_LIMIT, text, size) : RAPT_ENOMEM;
  rapt__scratch_remove(dir);
  rapt__free(t->ctx, path);
  rapt__free(t->ctx, dir);
  return status;
}

/* Byte-level BPE as GGML's "gpt2" means it. */
static bool is_gpt2(json_t *root) {
  json_t *model = json_object_get(root, "model"), *before = json_object_get(root, "pre_tokenizer");
  json_t *normalizer = json_object_get(root, "normalizer"), *regex = json_object_get(before, "use_regex");
  const char *type = json_string_value(json_object_get(model, "type"));
  const char *cut = json_string_value(json_object_get(before, "type"));
  bool merges = json_array_size(json_object_get(model, "merges")) > 0;
  return type && strcmp(type, "BPE") == 0 && cut && strcmp(cut, "ByteLevel") == 0 &&
         (!normalizer || json_is_null(normalizer)) && !json_is_true(json_object_get(model, "byte_fallback")) &&
         !json_is_true(json_object_get(before, "add_prefix_space")) && (!merges || !json_is_false(regex));
}

static void put_merges(rapt__gguf_out *out, json_t *merges) {
  size_t i;
  json_t *value;
  rapt__gguf_put_array(out, "tokenizer.ggml.merges", RAPT__GGUF_TEXT, json_array_size(merges));
  json_array_foreach(merges, i, value) {
    if (json_is_string(value)) {
      rapt__gguf_put_element_text(out, json_string_value(value), json_string_length(value));
      continue;
    }
    char *joined = rapt__format(out->ctx, "%s %s", json_string_value(json_array_get(value, 0)),
                                json_string_value(json_array_get(value, 1)));
    if (joined)
      rapt__gguf_put_element_text(out, joined, strlen(joined));
    else
      out->status = RAPT_ENOMEM;
    rapt__free(out->ctx, joined);
  }
}

typedef struct named {
  const char *text; /* NULL: only fills up */
  size_t size;
  int32_t type;
} named;

static rapt_status put_tokens(rapt__gguf_out *out, json_t *root, int64_t vocabulary) {
  const char *key;
  size_t length, index;
  json_t *value, *item;
  named *tokens = rapt__new(out->ctx, (size_t)vocabulary, sizeof *tokens);
  if (!tokens) return RAPT_ENOMEM;
  json_object_keylen_foreach(json_object_get(json_object_get(root, "model"), "vocab"), key, length, value) {
    json_int_t id = json_integer_value(value);
    if (id >= 0 && id < vocabulary) tokens[id] = (named){key, length, NORMAL};
  }
  json_array_foreach(json_object_get(root, "added_tokens"), index, item) {
    json_int_t id = json_integer_value(json_object_get(item, "id"));
    json_t *content = json_object_get(item, "content");
    if (id >= 0 && id < vocabulary && json_is_string(content))
      tokens[id] = (named){json_string_value(content), json_string_length(content),
                           json_is_true(json_object_get(item, "special")) ? CONTROL : USER};
  }
  rapt__gguf_put_array(out, "tokenizer.ggml.tokens", RAPT__GGUF_TEXT, (uint64_t)vocabulary);
  for (int64_t i = 0; i < vocabulary; i++) {
    char fill[32];
    int n = snprintf(fill, sizeof fill, "[PAD%lld]", (long long)i);
    rapt__gguf_put_element_text(out, tokens[i].text ? tokens[i].text : fill,
                                tokens[i].text ? tokens[i].size : (size_t)n);
  }
  rapt__gguf_put_array(out, "tokenizer.ggml.token_type", RAPT__GGUF_I32, (uint64_t)vocabulary);
  for (int64_t i = 0; i < vocabulary; i++) rapt__gguf_put_element_i32(out, tokens[i].text ? tokens[i].type : UNUSED);
  rapt__free(out->ctx, tokens);
  return RAPT_OK;
}

static rapt_status put_bpe(rapt__gguf_out *out, const rapt_tokenizer *t, json_t *root, int64_t vocabulary) {
  rapt__gguf_put_text(out, "tokenizer.ggml.model", "gpt2");
  rapt__gguf_put_text(out, "tokenizer.ggml.pre", "gpt-2");
  RAPT_TRY(put_tokens(out, root, vocabulary));
  put_merges(out, json_object_get(json_object_get(root, "model"), "merges"));
  int32_t end = rapt_tokenizer_find(t, "<|endoftext|>", 13);
  if (end >= 0) {
    rapt__gguf_put_u32(out, "tokenizer.ggml.bos_token_id", (uint32_t)end);
    rapt__gguf_put_u32(out, "tokenizer.ggml.eos_token_id", (uint32_t)end);
  }
  return out->status;
}

rapt_status rapt__gguf_write_tokenizer(rapt__gguf_out *out, const rapt_tokenizer *t, int64_t vocabulary) {
  char *text;
  size_t size;
  RAPT_TRY(as_json(t, &text, &size));
  json_t *root = json_loadb(text, size, 0, NULL);
  rapt_status status = root ? RAPT_OK : rapt__fail_memory(t->ctx, size);
  if (root && is_gpt2(root))
    status = put_bpe(out, t, root, vocabulary);
  else if (root)
    rapt__gguf_put_text(out, WHOLE, text);
  json_decref(root);
  rapt__free(t->ctx, text);
  return status == RAPT_OK ? out->status : status;
}
