/* Tokenizers: making them, text to ids. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

rapt_status rapt__tokenizer_new(rapt_context *ctx, rapt_tokenizer_kind kind, rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t = rapt__new(ctx, 1, sizeof *t);
  if (!t) return RAPT_ENOMEM;
  t->ctx = ctx;
  t->kind = kind;
  rapt__arena_init(&t->arena, ctx);
  rapt__table_init(&t->ids, ctx);
  rapt__table_init(&t->ranks, ctx);
  for (int i = 0; i < 256; i++) t->byte_id[i] = -1;
  *out = t;
  return RAPT_OK;
}

void rapt_tokenizer_free(rapt_tokenizer *t) {
  if (!t) return;
  rapt_context *ctx = t->ctx;
  rapt__splitter_free(t->splitter);
  rapt__table_free(&t->ids);
  rapt__table_free(&t->ranks);
  rapt__free(ctx, t->tokens);
  rapt__free(ctx, t->merges);
  rapt__free(ctx, t->special);
  rapt__arena_free(&t->arena);
  rapt__free(ctx, t);
}

enum { MOST_TOKENS = 1 << 24 };

static bool byte_level(const rapt_tokenizer *t) { return t->kind == RAPT_BYTES || t->kind == RAPT_BPE; }

rapt_status rapt__tokenizer_add(rapt_tokenizer *t, int64_t id, const char *bytes, size_t size, bool plain,
                                const char *file) {
  if (id < 0 || id >= MOST_TOKENS)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: token id %lld is out of range", file, (long long)id);
  while ((size_t)id >= t->capacity) {
    size_t old = t->capacity;
    RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->tokens, &t->capacity, t->capacity, sizeof *t->tokens));
    memset(t->tokens + old, 0, (t->capacity - old) * sizeof *t->tokens);
  }
  if (t->tokens[id].bytes)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: id %lld stands for two tokens", file, (long long)id);
  char *copy = rapt__arena_new(&t->arena, size + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  if (size) memcpy(copy, bytes, size);
  t->tokens[id] = (rapt__token){copy, size, plain};
  if ((size_t)id >= t->count) t->count = (size_t)id + 1;
  if (plain && t->kind != RAPT_CHARS && t->kind != RAPT_WORDS) return RAPT_OK;
  rapt__slot *slot = rapt__table_get(&t->ids, copy, size, 0, id);
  if (!slot) return RAPT_ENOMEM;
  if (size == 1 && byte_level(t)) t->byte_id[(unsigned char)*bytes] = (int32_t)slot->value;
  return RAPT_OK;
}

rapt_status rapt__tokenizer_merge(rapt_tokenizer *t, int32_t left, int32_t right, int32_t made, const char *file) {
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->merges, &t->merge_capacity, t->merge_count, sizeof *t->merges));
  int64_t rank = (int64_t)t->merge_count;
  rapt__slot *slot = rapt__table_get(&t->ranks, NULL, 0, (uint64_t)(uint32_t)left << 32 | (uint32_t)right, rank);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value != rank)
    return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: merges %lld and %lld join the same pair", file, (long long)slot->value,
                      (long long)rank);
  t->merges[t->merge_count++] = (rapt__merge){left, right, made};
  return RAPT_OK;
}

rapt_status rapt__tokenizer_special(rapt_tokenizer *t, int32_t id) {
  RAPT_TRY(rapt__reserve(t->ctx, (void **)&t->special, &t->special_capacity, t->special_count, sizeof *t->special));
  t->special[t->special_count++] = id;
  return RAPT_OK;
}

static int by_first_byte(const void *a, const void *b, void *tokens) {
  const rapt__token *s = (const rapt__token *)tokens + *(const int32_t *)a;
  const rapt__token *t = (const rapt__token *)tokens + *(const int32_t *)b;
  unsigned char first = (unsigned char)*s->bytes, other = (unsigned char)*t->bytes;
  return first != other ? (first > other) - (first < other) : (s->size < t->size) - (s->size > t->size);
}

rapt_status rapt__tokenizer_finish(rapt_tokenizer *t, const char *file) {
  if (t->count == 0) return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: the vocabulary is empty", file);
  for (size_t i = 0; i < t->count; i++)
    if (!t->tokens[i].bytes)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: id %zu of %zu has no token", file, i, t->count);
  for (int i = 0; i < 256 && byte_level(t); i++)
    if (t->byte_id[i] < 0)
      return rapt__fail(t->ctx, RAPT_EFORMAT, "%s: no token for byte %d; a byte-level vocabulary has all 256", file, i);
  if (t->special_count) qsort_r(t->special, t->special_count, sizeof *t->special, by_first_byte, t->tokens);
  for (size_t i = 0, byte = 0; byte <= 256; byte++) {
    while (i < t->special_count && (unsigned char)*t->tokens[t->special[i]].bytes < byte) i++;
    t->special_of[byte] = i;
  }
  return RAPT_OK;
}

rapt_status rapt_tokenizer_bytes(rapt_context *ctx, rapt_tokenizer **out) {
  *out = NULL;
  rapt_tokenizer *t;
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT_BYTES, &t));
  rapt_status status = RAPT_OK;
  for (int i = 0; i < 256 && status == RAPT_OK; i++)
    status = rapt__tokenizer_add(t, i, &(char){(char)i}, 1, false, "bytes");
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
  return status;
}

static rapt_status not_utf8(rapt_context *ctx, size_t at) {
  return rapt__fail(ctx, RAPT_EFORMAT, "byte %zu of the text is not valid UTF-8; use the bytes or bpe tokenizer", at);
}

rapt_status rapt_tokenizer_chars(rapt_context *ctx, const char *text, size_t size, rapt_tokenizer **out) {
  *out = NULL;
  uint8_t *seen = rapt__new(ctx, 0x110000 / 8, 1);
  rapt_tokenizer *t = NULL;
  rapt_status status = seen ? rapt__tokenizer_new(ctx, RAPT_CHARS, &t) : RAPT_ENOMEM;
  uint32_t code = 0;
  for (size_t at = 0, n; at < size && status == RAPT_OK; at += n) {
    n = rapt__utf8(text + at, size - at, &code);
    if (n == 0)
      status = not_utf8(ctx, at);
    else if (code == 0)
      status =
          rapt__fail(ctx, RAPT_EFORMAT,
                     "byte %zu of the text is the character NUL, which a characters tokenizer cannot keep; use the "
                     "bytes or bpe tokenizer",
                     at);
    else
      seen[code / 8] |= (uint8_t)(1 << code % 8);
  }
  int64_t id = 0;
  for (code = 0; code < 0x110000 && status == RAPT_OK; code++) {
    char c[4];
    if (seen[code / 8] >> code % 8 & 1)
      status = rapt__tokenizer_add(t, id++, c, rapt__utf8_write(code, c), true, "chars");
  }
  if (status == RAPT_OK) status = rapt__tokenizer_finish(t, "chars");
  rapt__free(ctx, seen);
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
  return status;
}

rapt_tokenizer_kind rapt_tokenizer_get_kind(const rapt_tokenizer *t) { return t->kind; }
int64_t rapt_tokenizer_size(const rapt_tokenizer *t) { return (int64_t)t->count; }
void rapt_tokenizer_release(const rapt_tokenizer *t, void *ids_or_text) { rapt__free(t->ctx, ids_or_text); }

const char *rapt_tokenizer_token(const rapt_tokenizer *t, int32_t id, size_t *size) {
  if (id < 0 || (size_t)id >= t->count) return NULL;
  *size = t->tokens[id].size;
  return t->tokens[id].bytes;
}

int32_t rapt_tokenizer_find(const rapt_tokenizer *t, const char *bytes, size_t size) {
  for (size_t i = 0; i < t->special_count; i++) {
    const rapt__token *token = &t->tokens[t->special[i]];
    if (token->size == size && memcmp(token->bytes, bytes, size) == 0) return t->special[i];
  }
  const rapt__slot *slot = rapt__table_find(&t->ids, bytes, size, 0);
  return slot ? (int32_t)slot->value : -1;
}

rapt_status rapt_tokenizer_decode(const rapt_tokenizer *t, const int32_t *ids, int64_t count, char **text,
                                  size_t *size) {
  *text = NULL;
  *size = 0;
  size_t total = 1;
  for (int64_t i = 0; i < count; i++) {
    if (ids[i] < 0 || (size_t)ids[i] >= t->count)
      return rapt__fail(t->ctx, RAPT_EINVAL, "id %d at place %lld: the vocabulary has %zu ids", ids[i], (long long)i,
                        t->count);
    if (rapt__add_overflows(total, t->tokens[ids[i]].size + 1, &total)) return rapt__fail_memory(t->ctx, SIZE_MAX);
  }
  char *bytes = rapt__alloc(t->ctx, total);
  if (!bytes) return RAPT_ENOMEM;
  size_t at = 0;
  for (int64_t i = 0; i < count; i++) {
    const rapt__token *token = &t->tokens[ids[i]];
    if (i > 0 && t->kind == RAPT_WORDS) bytes[at++] = ' ';
    if (token->size) memcpy(bytes + at, token->bytes, token->size);
    at += token->size;
  }
  bytes[at] = 0;
  *text = bytes;
  *size = at;
  return RAPT_OK;
}

/* ---- Encoding ---- */

typedef struct encoder {
  const rapt_tokenizer *t;
  int32_t *ids; /* owned; room for one id a byte */
  int64_t count;
} encoder;

static rapt_status encode_piece(void *user, const char *piece, size_t size) {
  encoder *e = user;
  int32_t *ids = e->ids + e->count;
  for (size_t i = 0; i < size; i++) ids[i] = e->t->byte_id[(unsigned char)piece[i]];
  int64_t n = rapt__bpe_merge(e->t, ids, (int64_t)size);
  if (n < 0) return RAPT_ENOMEM;
  e->count += n;
  return RAPT_OK;
}

static rapt_status encode_chars(encoder *e, const char *text, size_t at, size_t end) {
  uint32_t code;
  for (size_t n; at < end; at += n) {
    n = rapt__utf8(text + at, end - at, &code);
    if (n == 0) return not_utf8(e->t->ctx, at);
    const rapt__slot *s = rapt__table_find(&e->t->ids, text + at, n, 0);
    if (!s)
      return rapt__fail(e->t->ctx, RAPT_EKEY, "byte %zu: the character \"%.*s\" (U+%04X) is not in the vocabulary", at,
                        (int)n, text + at, code);
    e->ids[e->count++] = (int32_t)s->value;
  }
  return RAPT_OK;
}

static rapt_status encode_plain(encoder *e, const char *text, size_t at, size_t size) {
  if (e->t->kind == RAPT_CHARS) return encode_chars(e, text, at, at + size);
  if (e->t->kind != RAPT_WORDS) return rapt__split_text(e->t->splitter, text + at, size, encode_piece, e);
  int64_t count;
  RAPT_TRY(rapt__words_encode(e->t, text + at, size, e->ids + e->count, &count));
  e->count += count;
  return RAPT_OK;
}

/* The first special token in the text, the longest at its place: its start, or `size`. */
static size_t find_special(const rapt_tokenizer *t, const char *text, size_t size, int32_t *id) {
  for (size_t at = 0; at < size && t->special_count; at++) {
    unsigned char byte = (unsigned char)text[at];
    for (size_t i = t->special_of[byte]; i < t->special_of[byte + 1]; i++) {
      const rapt__token *token = &t->tokens[t->special[i]];
      if (token->size <= size - at && memcmp(token->bytes, text + at, token->size) == 0) {
        *id = t->special[i];
        return at;
      }
    }
  }
  return size;
}

rapt_status rapt_tokenizer_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t **ids,
                                  int64_t *count) {
  *ids = NULL;
  *count = 0;
  encoder e = {.t = t, .ids = NULL};
  size_t room;
  if (rapt__add_overflows(size, 1, &room)) return rapt__fail_memory(t->ctx, SIZE_MAX);
  e.ids = rapt__grow(t->ctx, NULL, room, sizeof *e.ids);
  if (!e.ids) return RAPT_ENOMEM;
  rapt_status status = RAPT_OK;
  for (size_t at = 0; at < size && status == RAPT_OK;) {
    int32_t id = 0;
    size_t plain = find_special(t, text + at, size - at, &id);
    status = encode_plain(&e, text, at, plain);
    at += plain;
    if (at < size && status == RAPT_OK) {
      e.ids[e.count++] = id;
      at += t->tokens[id].size;
    }
  }
  if (status != RAPT_OK) {
    rapt__free(t->ctx, e.ids);
    return status;
  }
  *ids = e.ids;
  *count = e.count;
  return RAPT_OK;
}
