/* Reading tokenizer files: Hugging Face's tokenizer.json (the part that our three kinds need) and GPT-2's two files.
 * What a file asks for beyond that is refused, since ignoring it would give other ids. */
#include "text/tokenizer.h"

#include "base/file.h"

#include <jansson.h>
#include <string.h>
#include <sys/stat.h>

enum { FILE_LIMIT = 256 << 20 };

/* What is read: the tokenizer, and the added tokens of the file by id. */
typedef struct reader {
  rapt_tokenizer *t;
  const char *file;
  json_t *added;       /* borrowed; NULL: none */
  rapt__table by_id;   /* id → index in `added` */
  json_int_t id_limit; /* as many ids as the file has tokens: a larger one would leave a hole */
} reader;

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

static rapt_status read_token(const reader *r, const char *key, size_t size, json_int_t id, char *bytes) {
  rapt_tokenizer *t = r->t;
  json_t *content = added_content(r, id);
  bool same = content && json_string_length(content) == size && memcmp(json_string_value(content), key, size) == 0;
  if (content && !same)
    return rapt__fail(t->ctx, RAPT_EFORMAT,
                      "%s: id %lld is \"%.60s\" in the vocabulary and \"%.60s\" as an added token", r->file,
                      (long long)id, key, json_string_value(content));
  bool letters = t->kind == RAPT_BYTES || t->kind == RAPT_BPE;
  int64_t n = letters ? rapt__letters_read(key, size, bytes) : -1;
  bool plain = n < 0 || (content && ((size_t)n != size || memcmp(bytes, key, size) != 0));
  RAPT_TRY(rapt__tokenizer_add(t, id, plain ? key : bytes, plain ? size : (size_t)n, plain, r->file));
  if (content || (letters && strcmp(key, "<|endoftext|>") == 0)) RAPT_TRY(rapt__tokenizer_special(t, (int32_t)id));
  return RAPT_OK;
}

static rapt_status read_vocabulary(reader *r, json_t *vocabulary) {
  rapt_context *ctx = r->t->ctx;
  const char *key;
  json_t *value;
  size_t length;
  if (!json_is_object(vocabulary)) return rapt__fail(ctx, RAPT_EFORMAT, "%s: the vocabulary is not an object", r->file);
  r->id_limit = (json_int_t)(json_object_size(vocabulary) + json_array_size(r->added));
  json_object_keylen_foreach(vocabulary, key, length, value) {
    RAPT_TRY(check_id(r, value, key));
    char *bytes = rapt__alloc(ctx, length);
    if (!bytes) return RAPT_ENOMEM;
    rapt_status status = read_token(r, key, length, json_integer_value(value), bytes);
    rapt__free(ctx, bytes);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

/* One merge of two strings in letters. */
static rapt_status read_merge(rapt_tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *file,
                              size_t line) {
  char *bytes = rapt__alloc(t->ctx, na + nb + 1);
  if (!bytes) return RAPT_ENOMEM;
  int64_t left = rapt__letters_read(a, na, bytes), right = left < 0 ? -1 : rapt__letters_read(b, nb, bytes + left);
  const rapt__slot *l = right < 0 ? NULL : rapt__table_find(&t->ids, bytes, (size_t)left, 0);
  const rapt__slot *r = right < 0 ? NULL : rapt__table_find(&t->ids, bytes + left, (size_t)right, 0);
  const rapt__slot *made = right < 0 ? NULL : rapt__table_find(&t->ids, bytes, (size_t)(left + right), 0);
  rapt__free(t->ctx, bytes);
  if (!l || !r || !made || left == 0 || right == 0)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu (\"%.*s %.*s\") uses a token that is not in the vocabulary",
                      file, line, (int)(na < 40 ? na : 40), a, (int)(nb < 40 ? nb : 40), b);
  return rapt__tokenizer_merge(t, (int32_t)l->value, (int32_t)r->value, (int32_t)made->value, file);
}

static rapt_status read_merge_line(rapt_tokenizer *t, const char *line, size_t size, const char *file, size_t number) {
  const char *space = memchr(line, ' ', size);
  if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu has no space between two tokens", file, number);
  return read_merge(t, line, (size_t)(space - line), space + 1, size - (size_t)(space + 1 - line), file, number);
}

static json_t *parse_json(rapt_context *ctx, const char *name, const char *text, size_t size) {
  json_error_t error;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  if (!root && json_error_code(&error) == json_error_out_of_memory)
    rapt__fail_memory(ctx, size);
  else if (!root)
    rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);
  return root;
}

static rapt_status read_merges(rapt_tokenizer *t, json_t *merges, const char *file) {
  size_t i;
  json_t *value;
  json_array_foreach(merges, i, value) {
    if (json_is_string(value)) {
      RAPT_TRY(read_merge_line(t, json_string_value(value), json_string_length(value), file, i));
    } else {
      json_t *a = json_array_get(value, 0), *b = json_array_get(value, 1);
      if (!json_is_string(a) || !json_is_string(b))
        return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu is not two tokens", file, i);
      RAPT_TRY(read_merge(t, json_string_value(a), json_string_length(a), json_string_value(b), json_string_length(b),
                          file, i));
    }
  }
  return RAPT_OK;
}

/* Lists the added tokens by id; they are made with the vocabulary or, when it lacks them, after it. */
static rapt_status list_added(reader *r, json_t *added) {
  static const char *const unread[] = {"single_word", "lstrip", "rstrip"};
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
    for (size_t k = 0; k < sizeof unread / sizeof *unread; k++)
      if (json_is_true(json_object_get(value, unread[k])))
        return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: added token \"%.60s\" has %s, which is not read so far", r->file,
                          json_string_value(content), unread[k]);
    rapt__slot *slot = rapt__table_get(&r->by_id, NULL, 0, (uint64_t)json_integer_value(id), (int64_t)i);
    if (!slot) return RAPT_ENOMEM;
    if (slot->value != (int64_t)i)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: two added tokens have the id %lld", r->file,
                        (long long)json_integer_value(id));
  }
  return RAPT_OK;
}

static rapt_status make_added(reader *r, json_t *vocabulary) {
  rapt_tokenizer *t = r->t;
  size_t i;
  json_t *value;
  json_array_foreach(r->added, i, value) {
    json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
    const char *text = json_string_value(content);
    json_int_t n = json_integer_value(id);
    RAPT_TRY(check_id(r, id, text));
    json_t *known = json_object_getn(vocabulary, text, json_string_length(content));
    if (known && json_integer_value(known) == n) continue;
    if (known)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: \"%.60s\" is id %lld in the vocabulary and %lld as an added token",
                        r->file, text, (long long)json_integer_value(known), (long long)n);
    RAPT_TRY(rapt__tokenizer_add(t, n, text, json_string_length(content), true, r->file));
    RAPT_TRY(rapt__tokenizer_special(t, (int32_t)n));
  }
  return RAPT_OK;
}

static bool is_type(json_t *object, const char *type) {
  const char *found = json_string_value(json_object_get(object, "type"));
  return found && strcmp(found, type) == 0;
}

static bool is_text(json_t *object, const char *key, const char *text) {
  const char *found = json_string_value(json_object_get(object, key));
  return found && strcmp(found, text) == 0;
}

/* Whether a key is missing, null, false or "". */
static bool is_off(json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  return !value || json_is_null(value) || json_is_false(value) ||
         (json_is_string(value) && json_string_length(value) == 0);
}

static rapt_status unsupported(rapt_context *ctx, const char *name, const char *what) {
  return rapt__fail(ctx, RAPT_EUNSUPPORTED,
                    "%s: %s; only byte-level BPE, words and rapt's own character tokenizers are read so far", name,
                    what);
}

/* Finds the kind and refuses what would change ids. */
static rapt_status check_kind(rapt_context *ctx, json_t *root, const char *name, rapt_tokenizer_kind *kind) {
  json_t *model = json_object_get(root, "model"), *before = json_object_get(root, "pre_tokenizer");
  bool words = is_type(model, "WordLevel") && (is_type(before, "WhitespaceSplit") || is_type(before, "Whitespace"));
  if (words) {
    json_t *normalizer = json_object_get(root, "normalizer");
    if (!is_off(root, "normalizer") && !is_type(normalizer, "Lowercase"))
      return unsupported(ctx, name, "its normalizer is not Lowercase");
    *kind = RAPT_WORDS;
    return RAPT_OK;
  }
  if (!is_off(root, "normalizer")) return unsupported(ctx, name, "it has a normalizer");
  if (is_type(model, "BPE") && is_type(before, "ByteLevel")) {
    static const char *const unread[] = {"dropout", "continuing_subword_prefix", "end_of_word_suffix", "ignore_merges"};
    for (size_t i = 0; i < sizeof unread / sizeof *unread; i++)
      if (!is_off(model, unread[i])) return unsupported(ctx, name, unread[i]);
    if (!json_is_false(json_object_get(before, "add_prefix_space"))) /* the reference's default is true */
      return unsupported(ctx, name, "it puts a space before the text");
    *kind = RAPT_BPE;
    return RAPT_OK;
  }
  if (is_type(model, "WordLevel") && is_type(before, "Split")) {
    if (!is_text(json_object_get(before, "pattern"), "Regex", RAPT__CHARS_REGEX) ||
        !is_text(before, "behavior", "Isolated") || !is_off(before, "invert"))
      return unsupported(ctx, name, "its pre-tokenizer does not isolate characters");
    *kind = RAPT_CHARS;
    return RAPT_OK;
  }
  return unsupported(ctx, name, "its model and pre_tokenizer are of other types");
}

/* Bytes are what their kind promises only when each id is the value of its byte. */
static bool is_bytes(const rapt_tokenizer *t) {
  if (t->splitter || t->merge_count || t->count != 256) return false;
  for (int i = 0; i < 256; i++)
    if (t->byte_id[i] != i) return false;
  return true;
}

static rapt_status read_words(reader *r, json_t *root) {
  rapt_tokenizer *t = r->t;
  json_t *unknown = json_object_get(json_object_get(root, "model"), "unk_token");
  t->unknown =
      json_is_string(unknown) ? rapt_tokenizer_find(t, json_string_value(unknown), json_string_length(unknown)) : -1;
  if (t->unknown < 0)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: unk_token is not in the vocabulary, so words cannot be unknown",
                      r->file);
  t->lowercase = !is_off(root, "normalizer");
  t->split = is_type(json_object_get(root, "pre_tokenizer"), "Whitespace") ? RAPT__SPLIT_WORDS : RAPT__SPLIT_SPACES;
  RAPT_TRY(rapt__splitter_new(t->ctx, t->split, &t->splitter));
  return rapt__tokenizer_finish(t, r->file);
}

static rapt_status read_root(reader *r, json_t *root) {
  rapt_tokenizer *t = r->t;
  json_t *model = json_object_get(root, "model"), *before = json_object_get(root, "pre_tokenizer");
  json_t *vocabulary = json_object_get(model, "vocab"), *merges = json_object_get(model, "merges");
  RAPT_TRY(list_added(r, json_object_get(root, "added_tokens")));
  RAPT_TRY(read_vocabulary(r, vocabulary));
  RAPT_TRY(make_added(r, vocabulary));
  if (t->kind == RAPT_CHARS) return rapt__tokenizer_finish(t, r->file);
  if (t->kind == RAPT_WORDS) return read_words(r, root);
  if (!json_is_array(merges)) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the merges are not an array", r->file);
  RAPT_TRY(read_merges(t, merges, r->file));
  if (!json_is_false(json_object_get(before, "use_regex")))
    RAPT_TRY(rapt__splitter_new(t->ctx, RAPT__SPLIT_GPT2, &t->splitter));
  if (is_bytes(t)) t->kind = RAPT_BYTES;
  return rapt__tokenizer_finish(t, r->file);
}

rapt_status rapt__tokenizer_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                  rapt_tokenizer **out) {
  *out = NULL;
  json_t *root = parse_json(ctx, name, text, size);
  if (!root) return RAPT_EFORMAT;
  reader r = {.file = name};
  rapt__table_init(&r.by_id, ctx);
  rapt_tokenizer_kind kind = RAPT_BPE;
  rapt_status status = check_kind(ctx, root, name, &kind);
  if (status == RAPT_OK) status = rapt__tokenizer_new(ctx, kind, &r.t);
  if (status == RAPT_OK) status = read_root(&r, root);
  rapt__table_free(&r.by_id);
  json_decref(root);
  if (status != RAPT_OK)
    rapt_tokenizer_free(r.t);
  else
    *out = r.t;
  return status;
}

static rapt_status load_json(rapt_context *ctx, const char *path, rapt_tokenizer **out) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, FILE_LIMIT, &text, &size));
  rapt_status status = rapt__tokenizer_parse(ctx, path, text, size, out);
  rapt__free(ctx, text);
  return status;
}

static rapt_status read_pair(rapt_tokenizer *t, const char *vocabulary, const char *merges) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(t->ctx, vocabulary, FILE_LIMIT, &text, &size));
  json_t *root = parse_json(t->ctx, vocabulary, text, size);
  reader r = {.t = t, .file = vocabulary};
  rapt__table_init(&r.by_id, t->ctx);
  rapt_status status = root ? read_vocabulary(&r, root) : RAPT_EFORMAT;
  json_decref(root);
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  RAPT_TRY(rapt__file_read(t->ctx, merges, FILE_LIMIT, &text, &size));
  size_t line = 1;
  for (size_t at = 0; at < size && status == RAPT_OK; line++) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t n = end ? (size_t)(end - text) - at : size - at;
    bool version = line == 1 && n >= 8 && memcmp(text + at, "#version", 8) == 0;
    if (n > 0 && !version) status = read_merge_line(t, text + at, n, merges, line);
    at += n + 1;
  }
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  RAPT_TRY(rapt__splitter_new(t->ctx, RAPT__SPLIT_GPT2, &t->splitter));
  return rapt__tokenizer_finish(t, vocabulary);
}

static rapt_status load_pair(rapt_context *ctx, const char *vocabulary, const char *merges, rapt_tokenizer **out) {
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT_BPE, &t));
  rapt_status status = read_pair(t, vocabulary, merges);
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
  return status;
}

rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *path, rapt_tokenizer **out) {
  static const char *const names[][2] = {
      {"tokenizer.json", NULL}, {"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};
  *out = NULL;
  struct stat info;
  if (stat(path, &info) == 0 && !S_ISDIR(info.st_mode)) return load_json(ctx, path, out);
  for (int i = 0; i < 3; i++) {
    char *a = rapt__path_join(ctx, path, names[i][0]),
         *b = names[i][1] ? rapt__path_join(ctx, path, names[i][1]) : NULL;
    rapt_status status = !a || (names[i][1] && !b) ? RAPT_ENOMEM : RAPT_ENOTFOUND;
    if (status != RAPT_ENOMEM && rapt__file_exists(a) && (!b || rapt__file_exists(b)))
      status = b ? load_pair(ctx, a, b, out) : load_json(ctx, a, out);
    rapt__free(ctx, a);
    rapt__free(ctx, b);
    if (status != RAPT_ENOTFOUND) return status;
  }
  return rapt__fail(ctx, RAPT_ENOTFOUND,
                    "%s: no tokenizer.json, no vocab.json with merges.txt, no encoder.json with vocab.bpe", path);
}
