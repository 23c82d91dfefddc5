/* Ids to text: the tokens go through the decoder's steps as a list of strings. */
#include "text/tokenizer.h"

#include <string.h>

/* The strings, one after the other in one buffer. */
typedef struct strings {
  rapt__text text;
  size_t *ends; /* owned */
  size_t count, room;
} strings;

static void strings_init(strings *s, rapt_context *ctx) {
  rapt__text_init(&s->text, ctx);
  s->ends = NULL;
  s->count = s->room = 0;
}

static void strings_free(strings *s) {
  rapt__free(s->text.ctx, s->ends);
  rapt__text_free(&s->text);
}

/* What was appended to the buffer since the last string becomes one. */
static rapt_status close_string(strings *s) {
  RAPT_TRY(rapt__reserve(s->text.ctx, (void **)&s->ends, &s->room, s->count, sizeof *s->ends));
  s->ends[s->count++] = s->text.size;
  return RAPT_OK;
}

static rapt__string string_at(const strings *s, size_t i) {
  size_t start = i ? s->ends[i - 1] : 0;
  return (rapt__string){s->text.data + start, s->ends[i] - start};
}

static rapt_status add(strings *s, const char *bytes, size_t size) { return rapt__text_add(&s->text, bytes, size); }

static rapt_status replace_all(rapt__string in, const char *what, size_t size, const char *by, size_t by_size,
                               rapt__text *out) {
  for (const char *end = in.bytes + in.size; in.size > 0;) {
    const char *at = size ? memmem(in.bytes, in.size, what, size) : NULL;
    size_t before = at ? (size_t)(at - in.bytes) : in.size;
    RAPT_TRY(rapt__text_add(out, in.bytes, before));
    if (!at) break;
    RAPT_TRY(rapt__text_add(out, by, by_size));
    in = (rapt__string){at + size, (size_t)(end - at) - size};
  }
  return RAPT_OK;
}

/* Spaces that English text has not, as the transformers library takes them out. */
static rapt_status clean_up(rapt_context *ctx, rapt__string in, rapt__text *out) {
  static const char *const rules[][2] = {{" .", "."},   {" ?", "?"},     {" !", "!"},    {" ,", ","},
                                         {" ' ", "'"},  {" n't", "n't"}, {" 'm", "'m"},  {" do not", " don't"},
                                         {" 's", "'s"}, {" 've", "'ve"}, {" 're", "'re"}};
  rapt__text texts[2];
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], ctx);
  for (size_t i = 0; i < sizeof rules / sizeof *rules && status == RAPT_OK; i++) {
    rapt__text *next = &texts[i % 2];
    next->size = 0;
    status = replace_all(in, rules[i][0], strlen(rules[i][0]), rules[i][1], strlen(rules[i][1]), next);
    if (in.size) in = (rapt__string){next->data, next->size};
  }
  if (status == RAPT_OK) status = rapt__text_add(out, in.bytes, in.size);
  for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  return status;
}

/* ---- Steps ---- */

static rapt_status byte_level(const strings *in, strings *out) {
  rapt_context *ctx = in->text.ctx;
  for (size_t i = 0; i < in->count; i++) {
    rapt__string s = string_at(in, i);
    char *bytes = rapt__alloc(ctx, s.size + 1);
    if (!bytes) return RAPT_ENOMEM;
    int64_t n = rapt__letters_read(s.bytes, s.size, bytes);
    rapt_status status = n < 0 ? add(out, s.bytes, s.size) : add(out, bytes, (size_t)n);
    rapt__free(ctx, bytes);
    RAPT_TRY(status);
  }
  return close_string(out);
}

static rapt_status fuse(const strings *in, strings *out) {
  RAPT_TRY(add(out, in->text.data, in->text.size));
  return close_string(out);
}

static rapt_status word_piece(const rapt__text_step *s, rapt__string token, bool first, strings *out) {
  rapt_context *ctx = out->text.ctx;
  rapt__text text;
  rapt__text_init(&text, ctx);
  bool inner = !first && token.size >= s->text.size && memcmp(token.bytes, s->text.bytes, s->text.size) == 0;
  rapt_status status = first || inner ? RAPT_OK : rapt__text_add(&text, " ", 1);
  size_t skip = inner ? s->text.size : 0;
  if (status == RAPT_OK) status = rapt__text_add(&text, token.bytes + skip, token.size - skip);
  rapt__string made = {text.data, text.size};
  if (status == RAPT_OK) status = s->on[0] ? clean_up(ctx, made, &out->text) : add(out, made.bytes, made.size);
  rapt__text_free(&text);
  return status;
}

static rapt_status metaspace(const rapt__text_step *s, rapt__string token, bool first, strings *out) {
  bool drops = first && s->scheme != RAPT__NEVER;
  return replace_all(token, s->text.bytes, s->text.size, " ", drops ? 0 : 1, &out->text);
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes in a row that are no UTF-8 are one U+FFFD each. */
static rapt_status put_bytes(rapt__text *bytes, strings *out) {
  if (bytes->size == 0) return RAPT_OK;
  if (rapt__utf8_valid(bytes->data, bytes->size) == bytes->size) {
    RAPT_TRY(add(out, bytes->data, bytes->size));
    RAPT_TRY(close_string(out));
  } else {
    for (size_t i = 0; i < bytes->size; i++) {
      RAPT_TRY(add(out, "\xEF\xBF\xBD", 3));
      RAPT_TRY(close_string(out));
    }
  }
  bytes->size = 0;
  return RAPT_OK;
}

static rapt_status byte_fallback(const strings *in, strings *out) {
  rapt__text bytes;
  rapt__text_init(&bytes, in->text.ctx);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < in->count && status == RAPT_OK; i++) {
    rapt__string s = string_at(in, i);
    bool byte = s.size == 6 && memcmp(s.bytes, "<0x", 3) == 0 && s.bytes[5] == '>' && hex(s.bytes[3]) >= 0 &&
                hex(s.bytes[4]) >= 0;
    if (byte) {
      status = rapt__text_add(&bytes, &(char){(char)(hex(s.bytes[3]) << 4 | hex(s.bytes[4]))}, 1);
      continue;
    }
    status = put_bytes(&bytes, out);
    if (status == RAPT_OK) status = add(out, s.bytes, s.size);
    if (status == RAPT_OK) status = close_string(out);
  }
  if (status == RAPT_OK) status = put_bytes(&bytes, out);
  rapt__text_free(&bytes);
  return status;
}

static rapt_status strip(const rapt__text_step *s, rapt__string token, strings *out) {
  uint32_t code;
  size_t start = 0, end = token.size, n;
  for (int64_t i = 0; i < s->numbers[0] && start < end; i++) {
    n = rapt__utf8(token.bytes + start, end - start, &code);
    if (n == 0 || code != s->code) break;
    start += n;
  }
  for (int64_t i = 0; i < s->numbers[1] && end > start; i++) {
    n = rapt__utf8_last(token.bytes + start, end - start, &code);
    if (code != s->code) break;
    end -= n;
  }
  return add(out, token.bytes + start, end - start);
}

static rapt_status replace(const rapt__text_step *s, rapt__string token, rapt__matcher *m, strings *out) {
  size_t last = 0, start, end;
  bool found;
  if (rapt__utf8_valid(token.bytes, token.size) != token.size) return add(out, token.bytes, token.size);
  RAPT_TRY(rapt__matcher_start(m, s->regex, token.bytes, token.size));
  for (;;) {
    RAPT_TRY(rapt__matcher_next(m, &found, &start, &end));
    if (!found) return add(out, token.bytes + last, token.size - last);
    RAPT_TRY(add(out, token.bytes + last, start - last));
    RAPT_TRY(add(out, s->text.bytes, s->text.size));
    last = end;
  }
}

/* Connectionist temporal classification: equal neighbours are one, padding goes. */
static rapt_status ctc(const rapt__text_step *s, const strings *in, strings *out) {
  rapt_context *ctx = in->text.ctx;
  rapt__text a, b;
  rapt__text_init(&a, ctx);
  rapt__text_init(&b, ctx);
  rapt_status status = RAPT_OK;
  for (size_t i = 0; i < in->count && status == RAPT_OK; i++) {
    rapt__string token = string_at(in, i), last = i ? string_at(in, i - 1) : (rapt__string){NULL, SIZE_MAX};
    if (token.size == last.size && memcmp(token.bytes, last.bytes, token.size) == 0) continue;
    a.size = b.size = 0;
    status = replace_all(token, s->text.bytes, s->text.size, "", 0, &a);
    size_t before = out->text.size;
    if (s->on[0]) {
      if (status == RAPT_OK) status = clean_up(ctx, (rapt__string){a.data, a.size}, &b);
      if (status == RAPT_OK)
        status = replace_all((rapt__string){b.data, b.size}, s->other.bytes, s->other.size, " ", 1, &out->text);
    } else if (status == RAPT_OK) {
      status = add(out, a.data, a.size);
    }
    if (status == RAPT_OK && out->text.size > before) status = close_string(out);
  }
  rapt__text_free(&a);
  rapt__text_free(&b);
  return status;
}

/* SentencePiece's: bytes are joined as they are, word marks are spaces but for the one put before the text, and control
 * pieces are nothing. `in` has the tokens as they are; types come from the vocabulary. */
static rapt_status sentencepiece(const rapt_tokenizer *t, const rapt__text_step *s, const int32_t *ids, int64_t count,
                                 rapt__text *out) {
  static const char mark[] = "\xE2\x96\x81", unknown[] = " \xE2\x81\x87 ";
  bool start = s->on[1] || s->on[0];
  rapt__text bytes;
  rapt__text_init(&bytes, t->ctx);
  rapt_status status = RAPT_OK;
  for (int64_t i = 0; i <= count && status == RAPT_OK; i++) {
    const rapt__token *token = i < count ? &t->tokens[ids[i]] : NULL;
    if (token && token->type == RAPT__BYTE && token->size == 6) {
      status = rapt__text_add(&bytes, &(char){(char)(hex(token->bytes[3]) << 4 | hex(token->bytes[4]))}, 1);
      continue;
    }
    for (size_t at = 0; at < bytes.size && status == RAPT_OK;) { /* what is no character is U+FFFD */
      size_t valid = rapt__utf8_valid(bytes.data + at, bytes.size - at);
      status = rapt__text_add(out, bytes.data + at, valid);
      at += valid;
      if (at < bytes.size && status == RAPT_OK) status = rapt__text_add(out, "\xEF\xBF\xBD", 3);
      at += at < bytes.size;
      start = false;
    }
    bytes.size = 0;
    if (!token || token->type == RAPT__CONTROL || status != RAPT_OK) continue;
    if (token->type == RAPT__UNKNOWN) {
      status = rapt__text_add(out, unknown, sizeof unknown - 1);
      start = false;
      continue;
    }
    rapt__string text = {token->bytes, token->size};
    if (start && text.size >= sizeof mark - 1 && memcmp(text.bytes, mark, sizeof mark - 1) == 0)
      text = (rapt__string){text.bytes + sizeof mark - 1, text.size - (sizeof mark - 1)};
    start = start && s->on[0] && text.size == 0; /* where extra spaces are removed, all of the first ones go */
    status = replace_all(text, mark, sizeof mark - 1, " ", 1, out);
  }
  rapt__text_free(&bytes);
  return status;
}

static rapt_status each(const rapt__text_step *s, const strings *in, rapt__matcher *m, strings *out) {
  for (size_t i = 0; i < in->count; i++) {
    rapt__string token = string_at(in, i);
    switch (s->type) {
    case RAPT__WORDPIECE_DECODER: RAPT_TRY(word_piece(s, token, i == 0, out)); break;
    case RAPT__BPE_DECODER:
      RAPT_TRY(replace_all(token, s->text.bytes, s->text.size, " ", i + 1 < in->count, &out->text));
      break;
    case RAPT__METASPACE: RAPT_TRY(metaspace(s, token, i == 0, out)); break;
    case RAPT__STRIP_DECODER: RAPT_TRY(strip(s, token, out)); break;
    case RAPT__REPLACE: RAPT_TRY(replace(s, token, m, out)); break;
    default: RAPT_TRY(add(out, token.bytes, token.size));
    }
    RAPT_TRY(close_string(out));
  }
  return RAPT_OK;
}

static rapt_status run_step(const rapt__text_step *s, const strings *in, rapt__matcher *m, strings *out) {
  switch (s->type) {
  case RAPT__BYTE_LEVEL: return byte_level(in, out);
  case RAPT__FUSE: return fuse(in, out);
  case RAPT__BYTE_FALLBACK: return byte_fallback(in, out);
  case RAPT__CTC: return ctc(s, in, out);
  default: return each(s, in, m, out);
  }
}

/* ---- All of them ---- */

static bool kept(const rapt_tokenizer *t, int32_t id, bool skip_special) {
  return !skip_special || !rapt_tokenizer_is_special(t, id);
}

static rapt_status gather(const rapt_tokenizer *t, const int32_t *ids, int64_t count, bool skip_special, bool joined,
                          strings *out) {
  const rapt__steps *steps = &t->steps[RAPT__DECODER];
  bool spaced = steps->count == 0, bytes = t->bytes && steps->count && steps->items[0].type == RAPT__BYTE_LEVEL;
  bool first = true;
  for (int64_t i = 0; i < count; i++) {
    if (!kept(t, ids[i], skip_special)) continue;
    const rapt__token *token = &t->tokens[ids[i]];
    if (spaced && !first) RAPT_TRY(add(out, " ", 1));
    RAPT_TRY(bytes ? add(out, token->bytes, token->size) : rapt__token_text(t, ids[i], &out->text));
    if (!joined) RAPT_TRY(close_string(out));
    first = false;
  }
  return joined ? close_string(out) : RAPT_OK;
}

static rapt_status decode(const rapt_tokenizer *t, const int32_t *ids, int64_t count, bool skip_special,
                          rapt__text *out) {
  const rapt__steps *steps = &t->steps[RAPT__DECODER];
  if (steps->count && steps->items[0].type == RAPT__SENTENCEPIECE_DECODER)
    return sentencepiece(t, &steps->items[0], ids, count, out);
  strings lists[2];
  rapt__matcher m = {0};
  for (int i = 0; i < 2; i++) strings_init(&lists[i], t->ctx);
  /* Where tokens are kept in bytes they are what ByteLevel would make of them, joined. */
  bool bytes = t->bytes && steps->count && steps->items[0].type == RAPT__BYTE_LEVEL;
  rapt_status status = gather(t, ids, count, skip_special, bytes || steps->count == 0, &lists[0]);
  int now = 0;
  for (size_t i = bytes; i < steps->count && status == RAPT_OK; i++) {
    lists[1 - now].text.size = lists[1 - now].count = 0;
    status = run_step(&steps->items[i], &lists[now], &m, &lists[1 - now]);
    now = 1 - now;
  }
  rapt__matcher_free(&m);
  rapt__text swap = *out;
  *out = lists[now].text;
  lists[now].text = swap;
  for (int i = 0; i < 2; i++) strings_free(&lists[i]);
  return status;
}

rapt_status rapt_tokenizer_decode_with(const rapt_tokenizer *t, const int32_t *ids, int64_t count,
                                       const rapt_decode_options *options, char **text, size_t *size) {
  *text = NULL;
  *size = 0;
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || (size_t)ids[i] >= t->count)
      return rapt__fail(t->ctx, RAPT_EINVAL, "id %d at place %lld: the vocabulary has %zu ids", ids[i], (long long)i,
                        t->count);
  rapt__text out;
  rapt__text_init(&out, t->ctx);
  rapt_status status = decode(t, ids, count, options && options->skip_special, &out);
  if (status == RAPT_OK) status = rapt__text_add(&out, NULL, 0); /* an empty text is terminated too */
  if (status == RAPT_OK) {
    *text = out.data;
    *size = out.size;
  } else {
    rapt__text_free(&out);
  }
  return status;
}

rapt_status rapt_tokenizer_decode(const rapt_tokenizer *t, const int32_t *ids, int64_t count, char **text,
                                  size_t *size) {
  return rapt_tokenizer_decode_with(t, ids, count, NULL, text, size);
}
