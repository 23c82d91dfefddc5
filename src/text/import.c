/* Vocabularies of other programs: BERT's vocab.txt, GPT-2's two files, llama2.c's tokenizer.bin. */
#include "text/sentencepiece.h"

#include "base/file.h"

#include <string.h>

enum { FILE_LIMIT = 256 << 20 };

/* The next line of a text without its end; false: there is none. */
static bool next_line(const char *text, size_t size, size_t *at, rapt__string *line) {
  if (*at >= size) return false;
  const char *end = memchr(text + *at, '\n', size - *at);
  size_t n = end ? (size_t)(end - text) - *at : size - *at;
  *line = (rapt__string){text + *at, n};
  *at += n + 1;
  return true;
}

/* ---- vocab.txt ---- */

/* A vocabulary in which no word has a capital was made of lower-cased text. */
static bool has_capitals(const rapt_tokenizer *t) {
  uint32_t code, lower[2];
  for (size_t i = 0; i < t->count; i++) {
    const rapt__token *token = &t->tokens[i];
    if (token->size > 2 && *token->bytes == '[' && token->bytes[token->size - 1] == ']') continue;
    for (size_t at = 0, n; at < token->size; at += n) {
      n = rapt__utf8(token->bytes + at, token->size - at, &code);
      if (n == 0) break;
      if (rapt__lower(code, lower) != 1 || lower[0] != code) return true;
    }
  }
  return false;
}

static rapt_status bert_sections(rapt_tokenizer *t) {
  static const char *const names[] = {"[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"};
  int32_t ids[5];
  for (int i = 0; i < 5; i++) {
    ids[i] = rapt_tokenizer_find(t, names[i], strlen(names[i]));
    if (ids[i] >= 0) RAPT_TRY(rapt__tokenizer_special(t, ids[i]));
  }
  t->unknown = ids[0];
  t->unknown_text = "[UNK]";
  char json[256];
  snprintf(json, sizeof json,
           "{\"type\":\"BertNormalizer\",\"clean_text\":true,\"handle_chinese_chars\":true,\"strip_accents\":null,"
           "\"lowercase\":%s}",
           has_capitals(t) ? "false" : "true");
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__NORMALIZER, json));
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__PRE_TOKENIZER, "{\"type\":\"BertPreTokenizer\"}"));
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__DECODER, "{\"type\":\"WordPiece\",\"prefix\":\"##\",\"cleanup\":true}"));
  if (ids[1] < 0 || ids[2] < 0) return RAPT_OK;
  snprintf(json, sizeof json, "{\"type\":\"BertProcessing\",\"sep\":[\"[SEP]\",%d],\"cls\":[\"[CLS]\",%d]}", ids[2],
           ids[1]);
  return rapt__tokenizer_section(t, RAPT__POST_PROCESSOR, json);
}

static rapt_status read_vocab_txt(rapt_tokenizer *t, const char *name, const char *text, size_t size) {
  rapt__string line;
  t->prefix = (rapt__string){"##", 2};
  int64_t id = 0;
  for (size_t at = 0; next_line(text, size, &at, &line); id++) {
    if (line.size && line.bytes[line.size - 1] == '\r') line.size--;
    if (line.size == 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%lld: an empty token", name, (long long)id + 1);
    if (rapt__utf8_valid(line.bytes, line.size) != line.size)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%lld: a token that is not valid UTF-8", name, (long long)id + 1);
    const rapt__slot *same = rapt__table_find(&t->ids, line.bytes, line.size, 0);
    if (same)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s:%lld: the token \"%.*s\" is on line %lld already", name,
                        (long long)id + 1, (int)(line.size < 40 ? line.size : 40), line.bytes,
                        (long long)same->value + 1);
    RAPT_TRY(rapt__tokenizer_add(t, id, line.bytes, line.size, true, name));
  }
  RAPT_TRY(bert_sections(t));
  return rapt__tokenizer_finish(t, name);
}

rapt_status rapt__tokenizer_vocab_txt(rapt_context *ctx, const char *name, const char *text, size_t size,
                                      rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__WORDPIECE, &t));
  return rapt__tokenizer_out(read_vocab_txt(t, name, text, size), t, out);
}

/* ---- GPT-2's two files ---- */

static rapt_status read_letters(rapt_tokenizer *t, json_t *root, const char *file) {
  const char *key;
  json_t *value;
  size_t length;
  if (!json_is_object(root)) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the vocabulary is not an object", file);
  json_int_t limit = (json_int_t)json_object_size(root);
  json_object_keylen_foreach(root, key, length, value) {
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) >= limit)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the id of \"%.60s\" is no whole number below %lld", file, key,
                        (long long)limit);
    char *bytes = rapt__alloc(t->ctx, length + 1);
    if (!bytes) return RAPT_ENOMEM;
    int64_t n = rapt__letters_read(key, length, bytes), id = json_integer_value(value);
    rapt_status status = rapt__tokenizer_add(t, id, n < 0 ? key : bytes, n < 0 ? length : (size_t)n, n < 0, file);
    rapt__free(t->ctx, bytes);
    RAPT_TRY(status);
    if (strcmp(key, "<|endoftext|>") == 0) RAPT_TRY(rapt__tokenizer_special(t, (int32_t)id));
  }
  return RAPT_OK;
}

static rapt_status read_merge_lines(rapt_tokenizer *t, const char *text, size_t size, const char *file) {
  rapt__string line;
  size_t number = 1;
  for (size_t at = 0; next_line(text, size, &at, &line); number++) {
    bool version = number == 1 && line.size >= 8 && memcmp(line.bytes, "#version", 8) == 0;
    if (line.size == 0 || version) continue;
    const char *space = memchr(line.bytes, ' ', line.size);
    if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu has no space between two tokens", file, number);
    RAPT_TRY(rapt__merge_read(t, line.bytes, (size_t)(space - line.bytes), space + 1,
                              line.size - (size_t)(space + 1 - line.bytes), file, number));
  }
  return RAPT_OK;
}

static rapt_status read_pair(rapt_tokenizer *t, const char *vocabulary, const char *merges) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(t->ctx, vocabulary, FILE_LIMIT, &text, &size));
  json_t *root = rapt__json_parse(t->ctx, vocabulary, text, size);
  rapt_status status = root ? read_letters(t, root, vocabulary) : rapt_context_status(t->ctx);
  json_decref(root);
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  RAPT_TRY(rapt__file_read(t->ctx, merges, FILE_LIMIT, &text, &size));
  status = read_merge_lines(t, text, size, merges);
  rapt__free(t->ctx, text);
  RAPT_TRY(status);
  return rapt__tokenizer_finish(t, vocabulary);
}

rapt_status rapt__tokenizer_gpt2_files(rapt_context *ctx, const char *vocabulary, const char *merges,
                                       rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__byte_level_new(ctx, true, &t));
  return rapt__tokenizer_out(read_pair(t, vocabulary, merges), t, out);
}

/* ---- llama2.c ---- */

typedef struct bin {
  const char *bytes;
  size_t size, at;
} bin;

static bool take(bin *b, uint32_t *out) {
  if (b->size - b->at < 4) return false;
  const unsigned char *p = (const unsigned char *)b->bytes + b->at;
  *out = (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  b->at += 4;
  return true;
}

static bool is_byte_piece(const char *s, size_t n) { return n == 6 && memcmp(s, "<0x", 3) == 0 && s[5] == '>'; }

/* Its pieces are SentencePiece's with spaces for word marks, and line feeds around "<s>" and "</s>". */
static rapt_status bin_piece(rapt__arena *arena, const char *s, size_t n, rapt__spm_piece *out) {
  if (n > 2 && s[0] == '\n' && s[n - 1] == '\n') {
    *out = (rapt__spm_piece){s + 1, n - 2, out->score, RAPT__CONTROL};
    return RAPT_OK;
  }
  size_t spaces = 0, k = 0;
  for (size_t i = 0; i < n; i++) spaces += s[i] == ' ';
  char *text = rapt__arena_new(arena, n + 2 * spaces + 1, 1);
  if (!text) return RAPT_ENOMEM;
  for (size_t i = 0; i < n; i++) {
    if (s[i] == ' ') {
      memcpy(text + k, "\xE2\x96\x81", 3);
      k += 3;
    } else {
      text[k++] = s[i];
    }
  }
  *out = (rapt__spm_piece){text, k, out->score, is_byte_piece(s, n) ? RAPT__BYTE : RAPT__NORMAL};
  return RAPT_OK;
}

static rapt_status read_bin(rapt_context *ctx, const char *name, bin *b, rapt__arena *arena, rapt__spm *m) {
  uint32_t longest, score, size;
  if (!take(b, &longest)) return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte 0: the file breaks off", name);
  while (b->at < b->size) {
    size_t start = b->at;
    if (!take(b, &score) || !take(b, &size) || size > b->size - b->at || size == 0)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: byte %zu: token %zu breaks off", name, start, m->count);
    RAPT_TRY(rapt__reserve(ctx, (void **)&m->pieces, &m->room, m->count, sizeof *m->pieces));
    rapt__spm_piece *p = &m->pieces[m->count];
    memcpy(&p->score, &score, sizeof score);
    RAPT_TRY(bin_piece(arena, b->bytes + b->at, size, p));
    if (m->count == 0) p->type = RAPT__UNKNOWN; /* the format has "<unk>" first */
    m->count++;
    b->at += size;
  }
  return RAPT_OK;
}

rapt_status rapt__tokenizer_llama_bin(rapt_context *ctx, const char *name, const char *bytes, size_t size,
                                      rapt_tokenizer **out) {
  *out = NULL;
  rapt__spm m = {.bpe = true, .byte_fallback = true, .dummy_prefix = true, .escape = true};
  bin b = {bytes, size, 0};
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt_tokenizer *t = NULL;
  rapt_status status = read_bin(ctx, name, &b, &arena, &m);
  if (status == RAPT_OK) status = rapt__spm_build(ctx, name, &m, &t);
  if (status == RAPT_OK && t->count > 1 && t->tokens[1].type == RAPT__CONTROL)
    status = rapt__tokenizer_section(t, RAPT__POST_PROCESSOR,
                                     "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"<s>\","
                                     "\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[{"
                                     "\"SpecialToken\":{\"id\":\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\","
                                     "\"type_id\":0}},{\"Sequence\":{\"id\":\"B\",\"type_id\":0}}],"
                                     "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[1],\"tokens\":[\"<s>\"]}}}");
  rapt__free(ctx, m.pieces);
  rapt__arena_free(&arena);
  return rapt__tokenizer_out(status, t, out);
}
