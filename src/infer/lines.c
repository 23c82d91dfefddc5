/* Reading lines, writing hypotheses. */
#include "infer/lines.h"

#include "tasks/model.h"
#include "text/tokenizer.h"

#include <stdio.h>
#include <string.h>

rapt_status rapt__line_fault(rapt__line_ids *line, rapt__arena *arena, rapt_status status, int64_t number,
                             const char *message) {
  line->status = status;
  line->message = rapt__arena_format(arena, "line %lld: %s", (long long)number, message);
  return line->message ? RAPT_OK : RAPT_ENOMEM;
}

/* The first byte that is not UTF-8, or `size`. */
static size_t valid_part(const char *text, size_t size) {
  uint32_t code;
  size_t at = 0;
  for (size_t n; at < size && (n = rapt__utf8(text + at, size - at, &code)) > 0;) at += n;
  return at;
}

static bool is_blank(const char *text, size_t size) {
  for (size_t i = 0; i < size; i++)
    if (!strchr(" \t\r\n\v\f", text[i]) || text[i] == 0) return false;
  return true;
}

rapt_status rapt__line_read(rapt_context *ctx, const rapt_tokenizer *tokenizer, const char *text, size_t size,
                            int64_t context, int64_t number, const char *what, rapt__arena *arena,
                            rapt__line_ids *out) {
  char message[200];
  *out = (rapt__line_ids){.text = text, .size = size, .message = ""};
  size_t valid = valid_part(text, size);
  if (valid < size) {
    snprintf(message, sizeof message, "%sbyte %zu is not valid UTF-8; convert the text with iconv", what, valid);
    return rapt__line_fault(out, arena, RAPT_EFORMAT, number, message);
  }
  int32_t *ids = NULL;
  int64_t count = 0;
  rapt_status status = RAPT_OK;
  if (!is_blank(text, size)) status = rapt_tokenizer_encode(tokenizer, text, size, &ids, &count);
  if (status == RAPT_EKEY || status == RAPT_EFORMAT) {
    status = rapt__line_fault(out, arena, status, number, ctx->message);
    rapt__forget(ctx);
    return status;
  }
  if (status != RAPT_OK) return status;
  int32_t *copy = rapt__arena_new(arena, (size_t)count + 1, sizeof *copy);
  if (copy && count) memcpy(copy, ids, (size_t)count * sizeof *copy);
  if (ids) rapt_tokenizer_release(tokenizer, ids);
  if (!copy) return RAPT_ENOMEM;
  copy[count] = RAPT__EOS;
  out->ids = copy;
  out->count = count + 1;
  out->empty = count == 0;
  if (out->count <= context) return RAPT_OK;
  snprintf(message, sizeof message, "%s%lld tokens and the end do not fit the model's context of %lld; divide the line",
           what, (long long)count, (long long)context);
  return rapt__line_fault(out, arena, RAPT_EINVAL, number, message);
}

/* ---- Unknown words ---- */

typedef struct piece {
  const char *text;
  size_t size;
} piece;

typedef struct pieces {
  piece *at;
  int64_t count, room;
} pieces;

static rapt_status note_piece(void *user, const char *text, size_t size) {
  pieces *p = user;
  if (p->count < p->room) p->at[p->count] = (piece){text, size};
  p->count++;
  return RAPT_OK;
}

/* What stands in the source for each of its tokens: the word itself where tokens are words, since the vocabulary may lack it. */
static rapt_status surfaces(const rapt_tokenizer *t, const rapt__line_ids *source, rapt__arena *arena, pieces *out) {
  int64_t count = source->count - 1;
  *out = (pieces){rapt__arena_new(arena, (size_t)count + 1, sizeof *out->at), 0, count};
  if (!out->at) return RAPT_ENOMEM;
  if (t->kind == RAPT_WORDS) RAPT_TRY(rapt__split_text(t->splitter, source->text, source->size, note_piece, out));
  if (out->count == count && count > 0) return RAPT_OK;
  for (int64_t i = 0; i < count; i++) out->at[i].text = rapt_tokenizer_token(t, source->ids[i], &out->at[i].size);
  out->count = count;
  return RAPT_OK;
}

static int64_t aligned_to(const rapt_hypothesis *h, int64_t token, int64_t width, int64_t words) {
  const float *row = h->alignment + token * width;
  int64_t best = 0;
  for (int64_t i = 1; i < words; i++)
    if (row[i] > row[best]) best = i;
  return best;
}

static rapt_status replaced(const rapt_tokenizer *target, const pieces *words, int64_t width, const rapt_hypothesis *h,
                            int64_t count, rapt__text *out) {
  for (int64_t i = 0; i < count; i++) {
    size_t size;
    const char *bytes = rapt_tokenizer_token(target, h->tokens[i], &size);
    if (h->tokens[i] == RAPT__UNK) {
      const piece *p = &words->at[aligned_to(h, i, width, words->count)];
      bytes = p->text;
      size = p->size;
    }
    if (i > 0 && target->kind == RAPT_WORDS) RAPT_TRY(rapt__text_add(out, " ", 1));
    if (bytes) RAPT_TRY(rapt__text_add(out, bytes, size));
  }
  return RAPT_OK;
}

/* Pieces of bytes may not make whole characters; each byte that belongs to none becomes U+FFFD. */
static rapt_status keep_text(rapt__arena *arena, const char *text, size_t size, rapt_hypothesis *h) {
  static const char replacement[] = "\xEF\xBF\xBD";
  enum { LONGEST = sizeof replacement - 1 };
  char *copy = rapt__arena_new(arena, size * LONGEST + 1, 1);
  if (!copy) return RAPT_ENOMEM;
  h->text = copy;
  h->size = 0;
  for (size_t at = 0; at < size;) {
    uint32_t code;
    size_t n = rapt__utf8(text + at, size - at, &code);
    memcpy(copy + h->size, n ? text + at : replacement, n ? n : LONGEST);
    h->size += n ? n : LONGEST;
    at += n ? n : 1;
  }
  return RAPT_OK;
}

rapt_status rapt__hypothesis_text(const rapt_tokenizer *target, const rapt_tokenizer *source_tokenizer,
                                  const rapt__line_ids *source, rapt__arena *arena, rapt_hypothesis *h) {
  int64_t count = h->ended ? h->count - 1 : h->count;
  if (source && h->alignment && source->count > 1) {
    pieces words;
    rapt__text text;
    rapt__text_init(&text, arena->ctx);
    rapt_status status = surfaces(source_tokenizer, source, arena, &words);
    if (status == RAPT_OK) status = replaced(target, &words, source->count, h, count, &text);
    if (status == RAPT_OK) status = keep_text(arena, text.data, text.size, h);
    rapt__text_free(&text);
    return status;
  }
  char *text;
  size_t size;
  RAPT_TRY(rapt_tokenizer_decode(target, h->tokens, count, &text, &size));
  rapt_status status = keep_text(arena, text, size, h);
  rapt_tokenizer_release(target, text);
  return status;
}
