/* Tokenizer files: Hugging Face's tokenizer.json (the part that our three kinds need) and GPT-2's two files. */
#include "text/tokenizer.h"

#include "base/file.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_LIMIT = 256 << 20 };

/* ---- GPT-2's alphabet: every byte has a printable character ---- */

static bool prints(int b) { return (b >= '!' && b <= '~') || (b >= 0xA1 && b <= 0xAC) || b >= 0xAE; }

static uint32_t letter_of(int byte) {
  if (prints(byte)) return (uint32_t)byte;
  uint32_t n = 0;
  for (int b = 0; b < byte; b++) n += !prints(b);
  return 256 + n;
}

/* Letters → bytes, in place of a buffer of the same size; −1 when a letter is not of the alphabet. */
static int64_t to_bytes(const char *letters, size_t size, char *out) {
  static const int none = -1;
  int back[324];
  for (int i = 0; i < 324; i++) back[i] = none;
  for (int b = 0; b < 256; b++) back[letter_of(b)] = b;
  int64_t n = 0;
  uint32_t code = 0;
  for (size_t at = 0, step; at < size; at += step) {
    step = rapt__utf8(letters + at, size - at, &code);
    if (step == 0 || code >= 324 || back[code] < 0) return -1;
    out[n++] = (char)back[code];
  }
  return n;
}

static rapt_status to_letters(const rapt__token *token, rapt__text *out) {
  for (size_t i = 0; i < token->size; i++) {
    char c[4];
    RAPT_TRY(rapt__text_add(out, c, rapt__utf8_write(letter_of((unsigned char)token->bytes[i]), c)));
  }
  return RAPT_OK;
}

/* ---- Reading ---- */

static rapt_status add_special(rapt_tokenizer *t, int32_t id) {
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->special, &t->special_capacity, t->special_count, sizeof *t->special));
  t->special[t->special_count++] = id;
  return RAPT_OK;
}

static rapt_status read_vocabulary(rapt_tokenizer *t, json_t *vocabulary, const char *file) {
  const char *key;
  json_t *value;
  size_t length;
  if (!json_is_object(vocabulary)) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the vocabulary is not an object", file);
  json_object_keylen_foreach(vocabulary, key, length, value) {
    if (!json_is_integer(value))
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the id of \"%s\" is not a number", file, key);
    char *bytes = rapt__alloc(t->ctx, length + 1);
    if (!bytes) return RAPT_ENOMEM;
    int64_t n = t->kind == RAPT_CHARS ? -1 : to_bytes(key, length, bytes);
    rapt_status status = n < 0 ? rapt__tokenizer_add(t, json_integer_value(value), key, length, file)
                               : rapt__tokenizer_add(t, json_integer_value(value), bytes, (size_t)n, file);
    if (status == RAPT_OK && strcmp(key, "<|endoftext|>") == 0)
      status = add_special(t, (int32_t)json_integer_value(value));
    rapt__free(t->ctx, bytes);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

/* One merge of two strings in letters. */
static rapt_status read_merge(rapt_tokenizer *t, const char *a, size_t na, const char *b, size_t nb, const char *file,
                              size_t line) {
  char *bytes = rapt__alloc(t->ctx, na + nb + 1);
  if (!bytes) return RAPT_ENOMEM;
  int64_t left = to_bytes(a, na, bytes), right = left < 0 ? -1 : to_bytes(b, nb, bytes + left);
  const rapt__slot *l = right < 0 ? NULL : rapt__table_find(&t->ids, bytes, (size_t)left, 0);
  const rapt__slot *r = right < 0 ? NULL : rapt__table_find(&t->ids, bytes + left, (size_t)right, 0);
  const rapt__slot *made = right < 0 ? NULL : rapt__table_find(&t->ids, bytes, (size_t)(left + right), 0);
  rapt__free(t->ctx, bytes);
  if (!l || !r || !made || left == 0 || right == 0)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu (\"%.*s %.*s\") uses a token that is not in the vocabulary",
                      file, line, (int)(na < 40 ? na : 40), a, (int)(nb < 40 ? nb : 40), b);
  return rapt__tokenizer_merge(t, (int32_t)l->value, (int32_t)r->value, (int32_t)made->value);
}

static rapt_status read_merge_line(rapt_tokenizer *t, const char *line, size_t size, const char *file, size_t number) {
  const char *space = memchr(line, ' ', size);
  if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu has no space between two tokens", file, number);
  return read_merge(t, line, (size_t)(space - line), space + 1, size - (size_t)(space + 1 - line), file, number);
}

static json_t *parse_json(rapt_context *ctx, const char *name, const char *text, size_t size) {
  json_error_t error;
  json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);
  if (!root) rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", name, error.line, error.column, error.text);
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

static rapt_status read_added(rapt_tokenizer *t, json_t *added, const char *file) {
  size_t i;
  json_t *value;
  json_array_foreach(added, i, value) {
    json_t *id = json_object_get(value, "id"), *content = json_object_get(value, "content");
    if (!json_is_integer(id) || !json_is_string(content))
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: added token %zu has no id or content", file, i);
    json_int_t n = json_integer_value(id);
    if (n < 0 || (size_t)n >= t->count || !t->tokens[n].bytes)
      RAPT_TRY(rapt__tokenizer_add(t, n, json_string_value(content), json_string_length(content), file));
    bool known = false;
    for (size_t k = 0; k < t->special_count; k++) known |= t->special[k] == n;
    if (!known) RAPT_TRY(add_special(t, (int32_t)n));
  }
  return RAPT_OK;
}

static bool is_type(json_t *object, const char *type) {
  const char *found = json_string_value(json_object_get(object, "type"));
  return found && strcmp(found, type) == 0;
}

static rapt_status read_root(rapt_tokenizer *t, json_t *root, const char *name) {
  json_t *model = json_object_get(root, "model"), *before = json_object_get(root, "pre_tokenizer");
  RAPT_TRY(read_vocabulary(t, json_object_get(model, "vocab"), name));
  if (t->kind != RAPT_CHARS) {
    RAPT_TRY(read_merges(t, json_object_get(model, "merges"), name));
    if (!json_is_false(json_object_get(before, "use_regex"))) RAPT_TRY(rapt__splitter_new(t->ctx, &t->splitter));
    if (t->merge_count == 0 && t->count == 256 && !t->splitter) t->kind = RAPT_BYTES;
  }
  RAPT_TRY(read_added(t, json_object_get(root, "added_tokens"), name));
  return rapt__tokenizer_finish(t, name);
}

rapt_status rapt__tokenizer_parse(rapt_context *ctx, const char *name, const char *text, size_t size,
                                  rapt_tokenizer **out) {
  *out = NULL;
  json_t *root = parse_json(ctx, name, text, size);
  if (!root) return rapt_context_status(ctx);
  json_t *model = json_object_get(root, "model"), *before = json_object_get(root, "pre_tokenizer");
  bool bpe = is_type(model, "BPE") && is_type(before, "ByteLevel") &&
             !json_is_true(json_object_get(before, "add_prefix_space"));
  bool chars = is_type(model, "WordLevel") && is_type(before, "Split");
  rapt_tokenizer *t = NULL;
  rapt_status status = RAPT_OK;
  if ((!bpe && !chars) || json_is_object(json_object_get(root, "normalizer")))
    status = rapt__fail(ctx, RAPT_EUNSUPPORTED,
                        "%s: only byte-level BPE and rapt's own character tokenizers are read so far", name);
  if (status == RAPT_OK) status = rapt__tokenizer_new(ctx, chars ? RAPT_CHARS : RAPT_BPE, &t);
  if (status == RAPT_OK) status = read_root(t, root, name);
  json_decref(root);
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
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
  rapt_status status = root ? read_vocabulary(t, root, vocabulary) : RAPT_EFORMAT;
  json_decref(root);
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  RAPT_TRY(rapt__file_read(t->ctx, merges, FILE_LIMIT, &text, &size));
  size_t line = 1;
  for (size_t at = 0; at < size && status == RAPT_OK; line++) {
    const char *end = memchr(text + at, '\n', size - at);
    size_t n = end ? (size_t)(end - text) - at : size - at;
    if (n > 0 && !(line == 1 && text[at] == '#')) status = read_merge_line(t, text + at, n, merges, line);
    at += n + 1;
  }
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  RAPT_TRY(rapt__splitter_new(t->ctx, &t->splitter));
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

rapt_status rapt_tokenizer_load(rapt_context *ctx, const char *dir, rapt_tokenizer **out) {
  static const char *const names[][2] = {
      {"tokenizer.json", NULL}, {"vocab.json", "merges.txt"}, {"encoder.json", "vocab.bpe"}};
  *out = NULL;
  for (int i = 0; i < 3; i++) {
    char *a = rapt__path_join(ctx, dir, names[i][0]), *b = names[i][1] ? rapt__path_join(ctx, dir, names[i][1]) : NULL;
    rapt_status status = !a || (names[i][1] && !b) ? RAPT_ENOMEM : RAPT_ENOTFOUND;
    if (status != RAPT_ENOMEM && rapt__file_exists(a) && (!b || rapt__file_exists(b)))
      status = b ? load_pair(ctx, a, b, out) : load_json(ctx, a, out);
    rapt__free(ctx, a);
    rapt__free(ctx, b);
    if (status != RAPT_ENOTFOUND) return status;
  }
  return rapt__fail(ctx, RAPT_ENOTFOUND,
                    "%s: no tokenizer.json, no vocab.json with merges.txt, no encoder.json with vocab.bpe", dir);
}

/* ---- Writing ---- */

static json_t *vocabulary_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *object = json_object();
  for (size_t i = 0; object && i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    bool plain = t->kind == RAPT_CHARS;
    for (size_t k = 0; k < t->special_count; k++) plain |= t->special[k] == (int32_t)i;
    letters->size = 0;
    rapt_status status = plain ? rapt__text_add(letters, token->bytes, token->size) : to_letters(token, letters);
    if (status != RAPT_OK ||
        json_object_setn_new(object, letters->data, letters->size, json_integer((json_int_t)i)) != 0) {
      json_decref(object);
      return NULL;
    }
  }
  return object;
}

static rapt_status merge_text(const rapt_tokenizer *t, size_t i, rapt__text *out) {
  RAPT_TRY(to_letters(&t->tokens[t->merges[i].left], out));
  RAPT_TRY(rapt__text_add(out, " ", 1));
  return to_letters(&t->tokens[t->merges[i].right], out);
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
    json_array_append_new(array, json_pack("{s:i,s:s#,s:b,s:b,s:b,s:b,s:b}", "id", t->special[i], "content",
                                           token->bytes, (int)token->size, "single_word", 0, "lstrip", 0, "rstrip", 0,
                                           "normalized", 0, "special", 1));
  }
  return array;
}

static json_t *root_json(const rapt_tokenizer *t, rapt__text *letters) {
  json_t *vocabulary = vocabulary_json(t, letters);
  if (!vocabulary) return NULL;
  if (t->kind == RAPT_CHARS)
    return json_pack("{s:s,s:n,s:n,s:[],s:n,s:{s:s,s:{s:s},s:s,s:b},s:n,s:{s:s},s:{s:s,s:o,s:s}}", "version", "1.0",
                     "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "type", "Split", "pattern",
                     "Regex", "[\\s\\S]", "behavior", "Isolated", "invert", 0, "post_processor", "decoder", "type",
                     "Fuse", "model", "type", "WordLevel", "vocab", vocabulary, "unk_token", "\xEF\xBF\xBD");
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
