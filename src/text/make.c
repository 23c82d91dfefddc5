/* Tokenizers made from memory: bytes, characters, vocabularies of other containers; special tokens before another kind's. */
#include "text/sentencepiece.h"

#include <stdlib.h>
#include <string.h>

#define BYTE_DECODER "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true}"
#define BYTE_WORDS "{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":%s}"

static const char *const specials[] = {"<s>", "<pad>", "</s>", "<unk>"};
enum { SPECIALS = sizeof specials / sizeof *specials };

rapt_status rapt__specials_add(rapt_tokenizer *t) {
  for (int i = 0; i < SPECIALS; i++) {
    RAPT_TRY(rapt__tokenizer_add(t, i, specials[i], strlen(specials[i]), true, "special tokens"));
    RAPT_TRY(rapt__tokenizer_special(t, i));
  }
  return RAPT_OK;
}

rapt_status rapt__byte_level_new(rapt_context *ctx, bool words, rapt_tokenizer **out) {
  char json[160];
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__BPE, &t));
  snprintf(json, sizeof json, BYTE_WORDS, words ? "true" : "false");
  rapt_status status = rapt__tokenizer_section(t, RAPT__PRE_TOKENIZER, json);
  if (status == RAPT_OK) status = rapt__tokenizer_section(t, RAPT__DECODER, BYTE_DECODER);
  t->bytes = true;
  return rapt__tokenizer_out(status, t, out);
}

rapt_status rapt_tokenizer_bytes(rapt_context *ctx, rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__byte_level_new(ctx, false, &t));
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 256 && status == RAPT_OK; i++)
    status = rapt__tokenizer_add(t, i, &(char){(char)i}, 1, false, "bytes");
  if (status == RAPT_OK) status = rapt__tokenizer_finish(t, "bytes");
  return rapt__tokenizer_out(status, t, out);
}

/* ---- Characters ---- */

static rapt_status mark_chars(rapt_context *ctx, const char *text, size_t size, uint8_t *seen) {
  uint32_t code = 0;
  for (size_t at = 0, n; at < size; at += n) {
    n = rapt__utf8(text + at, size - at, &code);
    if (n == 0)
      return rapt__fail(ctx, RAPT_EFORMAT, "byte %zu of the text is not valid UTF-8; use the bytes or bpe tokenizer",
                        at);
    if (code == 0)
      return rapt__fail(ctx, RAPT_EFORMAT,
                        "byte %zu of the text is the character NUL, which a characters tokenizer cannot keep; use the "
                        "bytes or bpe tokenizer",
                        at);
    seen[code / 8] |= (uint8_t)(1 << code % 8);
  }
  return RAPT_OK;
}

static rapt_status make_chars(rapt_tokenizer *t, const uint8_t *seen) {
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__PRE_TOKENIZER,
                                   "{\"type\":\"Split\",\"pattern\":{\"Regex\":\"[\\\\s\\\\S]\"},\"behavior\":"
                                   "\"Isolated\",\"invert\":false}"));
  RAPT_TRY(rapt__tokenizer_section(t, RAPT__DECODER, "{\"type\":\"Fuse\"}"));
  int64_t id = 0;
  for (uint32_t code = 0; code < 0x110000; code++) {
    char c[4];
    if (seen[code / 8] >> code % 8 & 1)
      RAPT_TRY(rapt__tokenizer_add(t, id++, c, rapt__utf8_write(code, c), true, "chars"));
  }
  return rapt__tokenizer_finish(t, "chars");
}

rapt_status rapt_tokenizer_chars(rapt_context *ctx, const char *text, size_t size, rapt_tokenizer **out) {
  *out = NULL;
  uint8_t *seen = rapt__new(ctx, 0x110000 / 8, 1);
  rapt_tokenizer *t = NULL;
  rapt_status status = seen ? mark_chars(ctx, text, size, seen) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__tokenizer_new(ctx, RAPT__WORDLEVEL, &t);
  if (status == RAPT_OK) status = make_chars(t, seen);
  rapt__free(ctx, seen);
  return rapt__tokenizer_out(status, t, out);
}

/* ---- Special tokens before another kind's ---- */

static rapt_status copy_sections(const rapt_tokenizer *from, rapt_tokenizer *to) {
  for (int i = 0; i < RAPT__SECTIONS; i++)
    if (from->sections[i]) RAPT_TRY(rapt__tokenizer_section(to, (rapt__section)i, from->sections[i]));
  to->bytes = from->bytes;
  to->fuse_unknown = from->fuse_unknown;
  to->byte_fallback = from->byte_fallback;
  to->ignore_merges = from->ignore_merges;
  to->longest_word = from->longest_word;
  const rapt__string *affixes[] = {&from->prefix, &from->suffix};
  rapt__string *copies[] = {&to->prefix, &to->suffix};
  for (int i = 0; i < 2; i++) {
    if (!affixes[i]->size) continue;
    char *copy = rapt__arena_strdup(&to->arena, affixes[i]->bytes);
    if (!copy) return RAPT_ENOMEM;
    *copies[i] = (rapt__string){copy, affixes[i]->size};
  }
  return RAPT_OK;
}

static rapt_status copy_added(const rapt__added *from, rapt_tokenizer *to) {
  for (size_t i = 0; i < from->count; i++) {
    rapt__added_token a = from->items[i];
    a.id += SPECIALS;
    a.pattern = (rapt__string){NULL, 0};
    RAPT_TRY(rapt__tokenizer_added(to, a));
  }
  return RAPT_OK;
}

static rapt_status copy_above(const rapt_tokenizer *from, rapt_tokenizer *to) {
  RAPT_TRY(copy_sections(from, to));
  RAPT_TRY(rapt__specials_add(to));
  for (size_t i = 0; i < from->count; i++) {
    const rapt__token *token = &from->tokens[i];
    RAPT_TRY(rapt__tokenizer_add(to, (int64_t)i + SPECIALS, token->bytes, token->size, token->plain, "tokens"));
    to->tokens[i + SPECIALS].score = token->score;
    to->tokens[i + SPECIALS].type = token->type;
    to->tokens[i + SPECIALS].hidden = token->hidden;
  }
  for (size_t i = 0; i < from->merge_count; i++) {
    const rapt__merge *m = &from->merges[i];
    RAPT_TRY(rapt__tokenizer_merge(to, m->left + SPECIALS, m->right + SPECIALS, m->made + SPECIALS, "merges"));
  }
  RAPT_TRY(copy_added(&from->raw, to));
  RAPT_TRY(copy_added(&from->normalized, to));
  if (from->unknown >= 0) {
    to->unknown = from->unknown + SPECIALS;
    to->unknown_text = to->tokens[to->unknown].bytes;
  }
  return rapt__tokenizer_finish(to, "tokens");
}

rapt_status rapt_tokenizer_add_specials(rapt_tokenizer **tokenizer) {
  rapt_tokenizer *from = *tokenizer, *to;
  for (int i = 0; i < SPECIALS; i++)
    if (rapt_tokenizer_find(from, specials[i], strlen(specials[i])) >= 0)
      return rapt__fail(from->ctx, RAPT_EINVAL, "the tokenizer has \"%s\" already", specials[i]);
  if (from->single)
    return rapt__fail(from->ctx, RAPT_EUNSUPPORTED,
                      "special tokens cannot be put before the pieces of a SentencePiece model");
  RAPT_TRY(rapt__tokenizer_new(from->ctx, from->model, &to));
  rapt_status status = copy_above(from, to);
  if (status != RAPT_OK) {
    rapt_tokenizer_free(to);
    return status;
  }
  rapt_tokenizer_free(from);
  *tokenizer = to;
  return RAPT_OK;
}

/* ---- Vocabularies of other containers ---- */

static rapt_status pieces_of(rapt_context *ctx, const char *name, const rapt__vocabulary *v, rapt_tokenizer **out) {
  rapt__spm m = {.bpe = strcmp(v->model, "spm-bpe") == 0,
                 .byte_fallback = v->byte_fallback,
                 .dummy_prefix = v->dummy_prefix,
                 .remove_spaces = v->remove_spaces,
                 .escape = true,
                 .count = v->count};
  if (!v->scores || !v->types) return rapt__fail(ctx, RAPT_EFORMAT, "%s: the pieces have no scores or types", name);
  m.pieces = rapt__new(ctx, v->count + 1, sizeof *m.pieces);
  if (!m.pieces) return RAPT_ENOMEM;
  for (size_t i = 0; i < v->count; i++)
    m.pieces[i] = (rapt__spm_piece){v->tokens[i].bytes, v->tokens[i].size, v->scores[i], v->types[i]};
  rapt_status status = rapt__spm_build(ctx, name, &m, out);
  rapt__free(ctx, m.pieces);
  return status;
}

static rapt_status pattern_json(rapt_context *ctx, const char *pattern, rapt__text *out) {
  json_t *string = json_string(pattern);
  char *text = string ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
  json_decref(string);
  rapt_status status =
      text ? rapt__text_addf(out,
                             "{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Split\",\"pattern\":{\"Regex\":%s},"
                             "\"behavior\":\"Isolated\",\"invert\":false}," BYTE_WORDS "]}",
                             text, "false")
           : rapt__fail(ctx, RAPT_EFORMAT, "the pattern is not valid UTF-8");
  free(text);
  return status;
}

static rapt_status byte_sections(rapt_tokenizer *t, const char *pattern) {
  rapt__text json;
  rapt__text_init(&json, t->ctx);
  rapt_status status = pattern ? pattern_json(t->ctx, pattern, &json) : rapt__text_addf(&json, BYTE_WORDS, "true");
  if (status == RAPT_OK) status = rapt__tokenizer_section(t, RAPT__PRE_TOKENIZER, json.data);
  if (status == RAPT_OK) status = rapt__tokenizer_section(t, RAPT__DECODER, BYTE_DECODER);
  rapt__text_free(&json);
  t->bytes = true;
  return status;
}

static bool is_special_type(const rapt__vocabulary *v, size_t i) {
  return v->types && (v->types[i] == RAPT__CONTROL || v->types[i] == RAPT__USER_DEFINED);
}

static rapt_status add_letters(rapt_tokenizer *t, const char *name, const rapt__vocabulary *v) {
  for (size_t i = 0; i < v->count; i++) {
    rapt__string s = v->tokens[i];
    char *bytes = rapt__alloc(t->ctx, s.size + 1);
    if (!bytes) return RAPT_ENOMEM;
    int64_t n = is_special_type(v, i) ? -1 : rapt__letters_read(s.bytes, s.size, bytes);
    rapt_status status =
        rapt__tokenizer_add(t, (int64_t)i, n < 0 ? s.bytes : bytes, n < 0 ? s.size : (size_t)n, n < 0, name);
    rapt__free(t->ctx, bytes);
    RAPT_TRY(status);
    if (is_special_type(v, i))
      RAPT_TRY(
          rapt__tokenizer_added(t, (rapt__added_token){.id = (int32_t)i, .special = v->types[i] == RAPT__CONTROL}));
  }
  for (size_t i = 0; i < v->merge_count; i++) {
    rapt__string m = v->merges[i];
    const char *space = m.size > 1 ? memchr(m.bytes + 1, ' ', m.size - 1) : NULL;
    if (!space) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merge %zu has no space between two tokens", name, i);
    RAPT_TRY(rapt__merge_read(t, m.bytes, (size_t)(space - m.bytes), space + 1, m.size - (size_t)(space + 1 - m.bytes),
                              name, i));
  }
  return rapt__tokenizer_finish(t, name);
}

static rapt_status byte_level(rapt_context *ctx, const char *name, const rapt__vocabulary *v, rapt_tokenizer **out) {
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__BPE, &t));
  rapt_status status = byte_sections(t, v->pattern);
  if (status == RAPT_OK) status = add_letters(t, name, v);
  return rapt__tokenizer_out(status, t, out);
}

static rapt_status word_pieces(rapt_context *ctx, const char *name, const rapt__vocabulary *v, rapt_tokenizer **out) {
  rapt__text lines;
  rapt__text_init(&lines, ctx);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < v->count && status == RAPT_OK; i++) {
    if (memchr(v->tokens[i].bytes, '\n', v->tokens[i].size))
      status = rapt__fail(ctx, RAPT_EFORMAT, "%s: token %zu has a line feed", name, i);
    if (status == RAPT_OK) status = rapt__text_add(&lines, v->tokens[i].bytes, v->tokens[i].size);
    if (status == RAPT_OK) status = rapt__text_add(&lines, "\n", 1);
  }
  if (status == RAPT_OK) status = rapt__tokenizer_vocab_txt(ctx, name, lines.data ? lines.data : "", lines.size, out);
  rapt__text_free(&lines);
  return status;
}

rapt_status rapt__tokenizer_from_vocabulary(rapt_context *ctx, const char *name, const rapt__vocabulary *v,
                                            rapt_tokenizer **out) {
  *out = NULL;
  if (strcmp(v->model, "spm-bpe") == 0 || strcmp(v->model, "unigram") == 0) return pieces_of(ctx, name, v, out);
  if (strcmp(v->model, "bpe") == 0) return byte_level(ctx, name, v, out);
  if (strcmp(v->model, "wordpiece") == 0) return word_pieces(ctx, name, v, out);
  return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s: a tokenizer's model \"%.40s\" is not known", name, v->model);
}
