/* The sections of a tokenizer.json as lists of steps. */
#include "text/tokenizer.h"

#include <string.h>

/* What is read, and where in the file: "pre_tokenizer.pretokenizers[1]". */
typedef struct reader {
  rapt_tokenizer *t;
  const char *file;
  rapt__section section;
  rapt__steps *out;
  char place[160];
  int depth;
} reader;

static rapt_status bad(const reader *r, const char *key, const char *what) {
  return rapt__fail(r->t->ctx, RAPT_EFORMAT, "%s: %s%s%s: %s", r->file, r->place, key ? "." : "", key ? key : "", what);
}

static rapt_status get_bool(const reader *r, json_t *json, const char *key, bool standard, bool *out) {
  json_t *value = json_object_get(json, key);
  *out = value && !json_is_null(value) ? json_is_true(value) : standard;
  return !value || json_is_null(value) || json_is_boolean(value) ? RAPT_OK : bad(r, key, "neither true nor false");
}

static rapt_status get_int(const reader *r, json_t *json, const char *key, int64_t most, int64_t *out) {
  json_t *value = json_object_get(json, key);
  *out = json_integer_value(value);
  if (!json_is_integer(value) || *out < 0 || *out > most) return bad(r, key, "not a whole number within its limits");
  return RAPT_OK;
}

static rapt_status get_text(const reader *r, json_t *json, const char *key, const char *standard, rapt__string *out) {
  json_t *value = json_object_get(json, key);
  if ((!value || json_is_null(value)) && standard) {
    *out = (rapt__string){standard, strlen(standard)};
    return RAPT_OK;
  }
  if (!json_is_string(value)) return bad(r, key, "not a string");
  size_t size = json_string_length(value);
  char *copy = rapt__arena_new(&r->t->arena, size + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  memcpy(copy, json_string_value(value), size);
  *out = (rapt__string){copy, size};
  return RAPT_OK;
}

static rapt_status get_char(const reader *r, json_t *json, const char *key, uint32_t *code) {
  rapt__string text;
  RAPT_TRY(get_text(r, json, key, NULL, &text));
  size_t n = rapt__utf8(text.bytes, text.size, code);
  return n > 0 && n == text.size ? RAPT_OK : bad(r, key, "not one character");
}

/* {"String": …} or {"Regex": …}, or a string alone. */
static rapt_status get_pattern(const reader *r, json_t *json, rapt__text_step *s) {
  json_t *pattern = json_object_get(json, "pattern");
  json_t *regex = json_object_get(pattern, "Regex");
  json_t *string = json_is_string(pattern) ? pattern : json_object_get(pattern, "String");
  json_t *value = regex ? regex : string;
  if (!json_is_string(value)) return bad(r, "pattern", "neither a String nor a Regex");
  const char *text = json_string_value(value);
  size_t size = json_string_length(value);
  if (!regex) return rapt__regex_literal(r->t->ctx, text, size, &s->regex);
  return rapt__regex_new(r->t->ctx, text, size, &s->regex);
}

static rapt_status get_behavior(const reader *r, json_t *json, const char *standard, rapt__behavior *out) {
  static const char *const names[] = {"Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"};
  rapt__string name;
  RAPT_TRY(get_text(r, json, "behavior", standard, &name));
  for (int i = 0; i < 5; i++) {
    *out = (rapt__behavior)i;
    if (strcmp(names[i], name.bytes) == 0) return RAPT_OK;
  }
  return bad(r, "behavior", "no behaviour of delimiters that is known");
}

static rapt_status read_metaspace(const reader *r, json_t *json, rapt__text_step *s) {
  static const char *const names[] = {"always", "first", "never"};
  bool prefix;
  rapt__string name;
  RAPT_TRY(get_text(r, json, "replacement", "\xE2\x96\x81", &s->text));
  uint32_t code;
  if (rapt__utf8(s->text.bytes, s->text.size, &code) != s->text.size || s->text.size == 0)
    return bad(r, "replacement", "not one character");
  RAPT_TRY(get_bool(r, json, "split", true, &s->on[0]));
  RAPT_TRY(get_bool(r, json, "add_prefix_space", true, &prefix));
  RAPT_TRY(get_text(r, json, "prepend_scheme", prefix ? "always" : "never", &name));
  for (int i = 0; i < 3; i++) {
    s->scheme = (rapt__scheme)i;
    if (strcmp(names[i], name.bytes) == 0) return RAPT_OK;
  }
  return bad(r, "prepend_scheme", "neither always nor first nor never");
}

static int base64_value(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static rapt_status read_charsmap(const reader *r, json_t *json, rapt__text_step *s) {
  json_t *value = json_object_get(json, "precompiled_charsmap");
  if (!json_is_string(value)) return bad(r, "precompiled_charsmap", "not a string");
  const char *text = json_string_value(value);
  size_t size = json_string_length(value), n = 0;
  char *blob = rapt__alloc(r->t->ctx, size / 4 * 3 + 4);
  if (!blob) return RAPT_ENOMEM;
  uint32_t bits = 0;
  int have = 0;
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < size && text[i] != '=' && status == RAPT_OK; i++) {
    int v = base64_value(text[i]);
    if (v < 0) status = bad(r, "precompiled_charsmap", "not Base64");
    bits = bits << 6 | (uint32_t)(v & 63);
    have += 6;
    if (have < 8) continue;
    have -= 8;
    blob[n++] = (char)(bits >> have);
  }
  if (status == RAPT_OK) status = rapt__charsmap_new(r->t->ctx, blob, n, &s->map);
  rapt__free(r->t->ctx, blob);
  return status;
}

static rapt_status read_bert(const reader *r, json_t *json, rapt__text_step *s) {
  RAPT_TRY(get_bool(r, json, "clean_text", true, &s->on[0]));
  RAPT_TRY(get_bool(r, json, "handle_chinese_chars", true, &s->on[1]));
  RAPT_TRY(get_bool(r, json, "lowercase", true, &s->on[3]));
  return get_bool(r, json, "strip_accents", s->on[3], &s->on[2]);
}

static rapt_status read_byte_level(const reader *r, json_t *json, rapt__text_step *s) {
  if (r->section == RAPT__NORMALIZER || r->section == RAPT__DECODER) return RAPT_OK;
  RAPT_TRY(get_bool(r, json, "add_prefix_space", true, &s->on[0]));
  RAPT_TRY(get_bool(r, json, "use_regex", true, &s->on[1]));
  RAPT_TRY(get_bool(r, json, "trim_offsets", true, &s->on[2]));
  if (r->section != RAPT__PRE_TOKENIZER || !s->on[1]) return RAPT_OK;
  return rapt__regex_new(r->t->ctx, rapt__gpt2_pattern, strlen(rapt__gpt2_pattern), &s->regex);
}

/* ---- Post-processors ---- */

static rapt_status check_ids(const reader *r, json_t *list, rapt__slot_piece *p) {
  p->count = json_array_size(list);
  int32_t *ids = rapt__arena_new(&r->t->arena, p->count + 1, sizeof *ids);
  if (!ids) return RAPT_ENOMEM;
  for (size_t i = 0; i < p->count; i++) {
    json_t *id = json_array_get(list, i);
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= 1 << 24)
      return bad(r, "special_tokens", "an id is not a whole number within its limits");
    ids[i] = (int32_t)json_integer_value(id);
  }
  p->ids = ids;
  return RAPT_OK;
}

static rapt_status read_piece(const reader *r, json_t *json, json_t *specials, rapt__slot_piece *p) {
  json_t *special = json_object_get(json, "SpecialToken"), *sequence = json_object_get(json, "Sequence");
  json_t *body = special ? special : sequence;
  rapt__string name;
  int64_t type;
  if (!json_is_object(body)) return bad(r, NULL, "a piece is neither a SpecialToken nor a Sequence");
  RAPT_TRY(get_text(r, body, "id", NULL, &name));
  RAPT_TRY(get_int(r, body, "type_id", INT32_MAX, &type));
  p->type = (int32_t)type;
  if (!special) {
    if (name.size != 1 || (*name.bytes != 'A' && *name.bytes != 'B')) return bad(r, "Sequence.id", "neither A nor B");
    p->sequence = *name.bytes - 'A';
    return RAPT_OK;
  }
  p->sequence = -1;
  json_t *list = json_object_get(json_object_get(specials, name.bytes), "ids");
  if (!json_is_array(list)) return bad(r, "special_tokens", "a token of the template is missing");
  return check_ids(r, list, p);
}

static rapt_status read_template(const reader *r, json_t *json, rapt__text_step *s) {
  static const char *const names[] = {"single", "pair"};
  for (int k = 0; k < 2; k++) {
    json_t *list = json_object_get(json, names[k]), *item;
    size_t i;
    if (!json_is_array(list)) return bad(r, names[k], "not an array");
    s->piece_count[k] = json_array_size(list);
    s->pieces[k] = rapt__arena_new(&r->t->arena, s->piece_count[k] + 1, sizeof *s->pieces[k]);
    if (!s->pieces[k]) return RAPT_ENOMEM;
    int seen[2] = {0, 0};
    json_array_foreach(list, i, item) {
      RAPT_TRY(read_piece(r, item, json_object_get(json, "special_tokens"), &s->pieces[k][i]));
      if (s->pieces[k][i].sequence >= 0) seen[s->pieces[k][i].sequence]++;
    }
    if (k == 0 && seen[1] > 0) return bad(r, names[k], "asks for a second text");
  }
  return RAPT_OK;
}

/* BERT's and RoBERTa's, as templates: [CLS] A [SEP] B [SEP], and <s> A </s></s> B </s> with types of 0. */
static rapt_status read_pair(const reader *r, json_t *json, bool roberta, rapt__text_step *s) {
  int32_t *ids = rapt__arena_new(&r->t->arena, 3, sizeof *ids);
  rapt__slot_piece *p = rapt__arena_new(&r->t->arena, 8, sizeof *p);
  if (!ids || !p) return RAPT_ENOMEM;
  static const char *const names[] = {"cls", "sep"};
  for (int i = 0; i < 2; i++) {
    json_t *id = json_array_get(json_object_get(json, names[i]), 1);
    if (!json_is_integer(id) || json_integer_value(id) < 0 || json_integer_value(id) >= 1 << 24)
      return bad(r, names[i], "not a token and its id");
    ids[i] = (int32_t)json_integer_value(id);
  }
  ids[2] = ids[1];
  int32_t second = roberta ? 0 : 1;
  p[0] = (rapt__slot_piece){-1, 0, ids, 1};
  p[1] = (rapt__slot_piece){0, 0, NULL, 0};
  p[2] = (rapt__slot_piece){-1, 0, ids + 1, 1};
  p[3] = p[0];
  p[4] = p[1];
  p[5] = (rapt__slot_piece){-1, 0, ids + 1, roberta ? 2 : 1};
  p[6] = (rapt__slot_piece){1, second, NULL, 0};
  p[7] = (rapt__slot_piece){-1, second, ids + 1, 1};
  s->pieces[0] = p;
  s->piece_count[0] = 3;
  s->pieces[1] = p + 3;
  s->piece_count[1] = 5;
  return RAPT_OK;
}

/* ---- Names ---- */

static const struct name {
  rapt__section section;
  const char *name;
  rapt__text_step_type type;
} names[] = {
    {RAPT__NORMALIZER, "BertNormalizer", RAPT__BERT},
    {RAPT__NORMALIZER, "NFC", RAPT__NFC},
    {RAPT__NORMALIZER, "NFD", RAPT__NFD},
    {RAPT__NORMALIZER, "NFKC", RAPT__NFKC},
    {RAPT__NORMALIZER, "NFKD", RAPT__NFKD},
    {RAPT__NORMALIZER, "Lowercase", RAPT__LOWERCASE},
    {RAPT__NORMALIZER, "Strip", RAPT__STRIP},
    {RAPT__NORMALIZER, "StripAccents", RAPT__STRIP_ACCENTS},
    {RAPT__NORMALIZER, "Replace", RAPT__REPLACE},
    {RAPT__NORMALIZER, "Prepend", RAPT__PREPEND},
    {RAPT__NORMALIZER, "Nmt", RAPT__NMT},
    {RAPT__NORMALIZER, "Precompiled", RAPT__PRECOMPILED},
    {RAPT__NORMALIZER, "ByteLevel", RAPT__BYTE_LEVEL},
    {RAPT__PRE_TOKENIZER, "ByteLevel", RAPT__BYTE_LEVEL},
    {RAPT__PRE_TOKENIZER, "BertPreTokenizer", RAPT__BERT_WORDS},
    {RAPT__PRE_TOKENIZER, "Whitespace", RAPT__WHITESPACE},
    {RAPT__PRE_TOKENIZER, "WhitespaceSplit", RAPT__WHITESPACE_SPLIT},
    {RAPT__PRE_TOKENIZER, "Metaspace", RAPT__METASPACE},
    {RAPT__PRE_TOKENIZER, "Punctuation", RAPT__PUNCTUATION},
    {RAPT__PRE_TOKENIZER, "Digits", RAPT__DIGITS},
    {RAPT__PRE_TOKENIZER, "Split", RAPT__SPLIT},
    {RAPT__PRE_TOKENIZER, "CharDelimiterSplit", RAPT__DELIMITER},
    {RAPT__PRE_TOKENIZER, "UnicodeScripts", RAPT__SCRIPTS},
    {RAPT__PRE_TOKENIZER, "FixedLength", RAPT__FIXED_LENGTH},
    {RAPT__POST_PROCESSOR, "ByteLevel", RAPT__BYTE_LEVEL},
    {RAPT__POST_PROCESSOR, "TemplateProcessing", RAPT__TEMPLATE},
    {RAPT__POST_PROCESSOR, "BertProcessing", RAPT__TEMPLATE},
    {RAPT__POST_PROCESSOR, "RobertaProcessing", RAPT__ROBERTA},
    {RAPT__DECODER, "ByteLevel", RAPT__BYTE_LEVEL},
    {RAPT__DECODER, "WordPiece", RAPT__WORDPIECE_DECODER},
    {RAPT__DECODER, "BPEDecoder", RAPT__BPE_DECODER},
    {RAPT__DECODER, "Metaspace", RAPT__METASPACE},
    {RAPT__DECODER, "ByteFallback", RAPT__BYTE_FALLBACK},
    {RAPT__DECODER, "Fuse", RAPT__FUSE},
    {RAPT__DECODER, "Strip", RAPT__STRIP_DECODER},
    {RAPT__DECODER, "Replace", RAPT__REPLACE},
    {RAPT__DECODER, "CTC", RAPT__CTC},
};

static rapt_status read_fields(const reader *r, json_t *json, rapt__text_step *s, const char *name) {
  enum { MOST_CHARS = 1 << 20 };
  bool post = r->section == RAPT__POST_PROCESSOR;
  switch (s->type) {
  case RAPT__BERT: return read_bert(r, json, s);
  case RAPT__STRIP:
    RAPT_TRY(get_bool(r, json, "strip_left", true, &s->on[0]));
    return get_bool(r, json, "strip_right", true, &s->on[1]);
  case RAPT__REPLACE: RAPT_TRY(get_text(r, json, "content", NULL, &s->text)); return get_pattern(r, json, s);
  case RAPT__PREPEND: return get_text(r, json, "prepend", NULL, &s->text);
  case RAPT__PRECOMPILED: return read_charsmap(r, json, s);
  case RAPT__BYTE_LEVEL: return read_byte_level(r, json, s);
  case RAPT__WHITESPACE: return rapt__regex_new(r->t->ctx, rapt__words_pattern, strlen(rapt__words_pattern), &s->regex);
  case RAPT__METASPACE: return read_metaspace(r, json, s);
  case RAPT__PUNCTUATION: return get_behavior(r, json, "Isolated", &s->behavior);
  case RAPT__DIGITS:
    RAPT_TRY(get_bool(r, json, "individual_digits", false, &s->on[0]));
    s->behavior = s->on[0] ? RAPT__ISOLATED : RAPT__CONTIGUOUS;
    return RAPT_OK;
  case RAPT__SPLIT:
    RAPT_TRY(get_behavior(r, json, NULL, &s->behavior));
    RAPT_TRY(get_bool(r, json, "invert", false, &s->on[0]));
    return get_pattern(r, json, s);
  case RAPT__DELIMITER: return get_char(r, json, "delimiter", &s->code);
  case RAPT__SCRIPTS: return rapt__scripts_regex(r->t->ctx, &s->regex);
  case RAPT__FIXED_LENGTH:
    RAPT_TRY(get_int(r, json, "length", MOST_CHARS, &s->numbers[0]));
    return s->numbers[0] > 0 ? RAPT_OK : bad(r, "length", "0");
  case RAPT__TEMPLATE:
    return strcmp(name, "BertProcessing") == 0 ? read_pair(r, json, false, s) : read_template(r, json, s);
  case RAPT__ROBERTA:
    RAPT_TRY(get_bool(r, json, "add_prefix_space", true, &s->on[0]));
    return post ? get_bool(r, json, "trim_offsets", true, &s->on[2]) : RAPT_OK;
  case RAPT__WORDPIECE_DECODER:
    RAPT_TRY(get_text(r, json, "prefix", "##", &s->text));
    return get_bool(r, json, "cleanup", true, &s->on[0]);
  case RAPT__BPE_DECODER: return get_text(r, json, "suffix", "</w>", &s->text);
  case RAPT__STRIP_DECODER:
    RAPT_TRY(get_char(r, json, "content", &s->code));
    RAPT_TRY(get_int(r, json, "start", MOST_CHARS, &s->numbers[0]));
    return get_int(r, json, "stop", MOST_CHARS, &s->numbers[1]);
  case RAPT__CTC:
    RAPT_TRY(get_text(r, json, "pad_token", "<pad>", &s->text));
    RAPT_TRY(get_text(r, json, "word_delimiter_token", "|", &s->other));
    return get_bool(r, json, "cleanup", true, &s->on[0]);
  default: return RAPT_OK;
  }
}

static rapt_status read_one(reader *r, json_t *json, const struct name *known) {
  rapt__text_step s = {.type = known->type, .behavior = RAPT__REMOVED};
  RAPT_TRY(rapt__reserve(r->t->ctx, (void **)&r->out->items, &r->out->room, r->out->count, sizeof s));
  rapt_status status = read_fields(r, json, &s, known->name);
  r->out->items[r->out->count++] = s; /* owned from here on, whatever happened */
  return status;
}

static rapt_status read_any(reader *r, json_t *json);

static rapt_status read_sequence(reader *r, json_t *json) {
  static const char *const keys[] = {"normalizers", "pretokenizers", "processors", "decoders"};
  enum { DEEPEST = 32, MOST_STEPS = 1024 };
  json_t *list = json_object_get(json, keys[r->section]), *item;
  size_t i, length = strlen(r->place);
  if (!json_is_array(list)) return bad(r, keys[r->section], "not an array");
  if (++r->depth > DEEPEST) return bad(r, NULL, "sequences within sequences, too deep");
  json_array_foreach(list, i, item) {
    snprintf(r->place + length, sizeof r->place - length, ".%s[%zu]", keys[r->section], i);
    if (r->out->count >= MOST_STEPS) return bad(r, NULL, "too many steps");
    RAPT_TRY(read_any(r, item));
  }
  r->place[length] = 0;
  r->depth--;
  return RAPT_OK;
}

static rapt_status read_any(reader *r, json_t *json) {
  const char *type = json_string_value(json_object_get(json, "type"));
  if (!type) return bad(r, "type", "missing, or not a string");
  if (strcmp(type, "Sequence") == 0) return read_sequence(r, json);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].section == r->section && strcmp(names[i].name, type) == 0) {
      RAPT_TRY(read_one(r, json, &names[i]));
      if (names[i].type != RAPT__ROBERTA) return RAPT_OK;
      rapt__text_step s = {.type = RAPT__TEMPLATE};
      RAPT_TRY(read_pair(r, json, true, &s));
      RAPT_TRY(rapt__reserve(r->t->ctx, (void **)&r->out->items, &r->out->room, r->out->count, sizeof s));
      r->out->items[r->out->count++] = s;
      return RAPT_OK;
    }
  return rapt__fail(r->t->ctx, RAPT_EUNSUPPORTED, "%s: %s: the type \"%.60s\" is not known", r->file, r->place, type);
}

rapt_status rapt__steps_read(rapt_tokenizer *t, rapt__section section, json_t *json, const char *file,
                             rapt__steps *out) {
  static const char *const keys[] = {"normalizer", "pre_tokenizer", "post_processor", "decoder"};
  if (!json || json_is_null(json)) return RAPT_OK;
  reader r = {.t = t, .file = file, .section = section, .out = out};
  snprintf(r.place, sizeof r.place, "%s", keys[section]);
  RAPT_TRY(read_any(&r, json));
  size_t templates = 0;
  for (size_t i = 0; i < out->count; i++) templates += out->items[i].type == RAPT__TEMPLATE;
  if (templates > 1)
    return rapt__fail(t->ctx, RAPT_EUNSUPPORTED, "%s: %s: more than one template of special tokens", file, r.place);
  return RAPT_OK;
}

void rapt__steps_free(rapt_context *ctx, rapt__steps *steps) {
  for (size_t i = 0; i < steps->count; i++) {
    rapt__regex_free(steps->items[i].regex);
    rapt__charsmap_free(steps->items[i].map);
  }
  rapt__free(ctx, steps->items);
  *steps = (rapt__steps){0};
}
