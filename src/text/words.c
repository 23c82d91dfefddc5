/* Words: counted in a text, the frequent ones kept, all others one unknown token. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

enum { SPECIALS = 4, UNKNOWN = 3 };

static rapt_status bad_utf8(rapt_context *ctx, size_t at) {
  return rapt__fail(ctx, RAPT_EFORMAT, "byte %zu of the text is not valid UTF-8, so it cannot be cut into words", at);
}

rapt_status rapt__lowercase(rapt_context *ctx, const char *text, size_t size, char **lower, size_t *lower_size) {
  rapt__text out;
  rapt__text_init(&out, ctx);
  rapt_status status = rapt__text_add(&out, NULL, 0);
  uint32_t code;
  for (size_t at = 0, n; at < size && status == RAPT_OK; at += n) {
    char c[4];
    n = rapt__utf8(text + at, size - at, &code);
    if (n == 0) {
      status = bad_utf8(ctx, at);
    } else if (code == 0x130) { /* the only one whose lower case is two characters */
      status = rapt__text_add(&out, "i\xCC\x87", 3);
    } else {
      status = rapt__text_add(&out, c, rapt__utf8_write((uint32_t)utf8proc_tolower((utf8proc_int32_t)code), c));
    }
  }
  *lower = status == RAPT_OK ? out.data : NULL;
  *lower_size = out.size;
  if (status != RAPT_OK) rapt__text_free(&out);
  return status;
}

/* ---- Training ---- */

typedef struct word {
  const char *bytes; /* in the text */
  size_t size;
  int64_t count;
} word;

typedef struct counter {
  rapt_context *ctx;
  rapt__table by_text;
  word *words; /* owned */
  size_t count, room;
} counter;

static rapt_status count_word(void *user, const char *bytes, size_t size) {
  counter *c = user;
  rapt__slot *slot = rapt__table_get(&c->by_text, bytes, size, 0, (int64_t)c->count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)c->count) {
    RAPT_TRY(rapt__reserve(c->ctx, (void **)&c->words, &c->room, c->count, sizeof *c->words));
    c->words[c->count++] = (word){bytes, size, 0};
  }
  c->words[slot->value].count++;
  return RAPT_OK;
}

static int frequent_first(const void *a, const void *b) {
  const word *x = a, *y = b;
  if (x->count != y->count) return x->count < y->count ? 1 : -1;
  size_t n = x->size < y->size ? x->size : y->size;
  int order = memcmp(x->bytes, y->bytes, n);
  return order ? order : (x->size > y->size) - (x->size < y->size);
}

static rapt_status keep_words(rapt_tokenizer *t, const counter *c, const rapt_words_options *options) {
  RAPT_TRY(rapt__specials_add(t));
  t->unknown = UNKNOWN;
  t->unknown_text = t->tokens[UNKNOWN].bytes;
  int64_t least = options->min_count > 1 ? options->min_count : 1, id = SPECIALS;
  for (size_t i = 0; i < c->count && c->words[i].count >= least; i++) {
    if (options->vocabulary && id >= options->vocabulary) break;
    if (rapt_tokenizer_find(t, c->words[i].bytes, c->words[i].size) < 0)
      RAPT_TRY(rapt__tokenizer_add(t, id++, c->words[i].bytes, c->words[i].size, true, "words"));
  }
  return rapt__tokenizer_finish(t, "words");
}

rapt_status rapt__words_new(rapt_context *ctx, bool punctuation, rapt_tokenizer **out) {
  RAPT_TRY(rapt__tokenizer_new(ctx, RAPT__WORDLEVEL, out));
  return rapt__tokenizer_section(*out, RAPT__PRE_TOKENIZER,
                                 punctuation ? "{\"type\":\"Whitespace\"}" : "{\"type\":\"WhitespaceSplit\"}");
}

static rapt_status train(counter *c, const char *text, size_t size, const rapt_words_options *options,
                         rapt_tokenizer **t) {
  RAPT_TRY(rapt__words_new(c->ctx, options->punctuation, t));
  RAPT_TRY(rapt__pieces_of(*t, text, size, count_word, c));
  if (options->lowercase) RAPT_TRY(rapt__tokenizer_section(*t, RAPT__NORMALIZER, "{\"type\":\"Lowercase\"}"));
  if (c->count) qsort(c->words, c->count, sizeof *c->words, frequent_first);
  return keep_words(*t, c, options);
}

rapt_status rapt_tokenizer_train_words(rapt_context *ctx, const char *text, size_t size,
                                       const rapt_words_options *options, rapt_tokenizer **out) {
  *out = NULL;
  rapt_words_options none = {0};
  if (!options) options = &none;
  if (options->vocabulary < 0 || (options->vocabulary > 0 && options->vocabulary < SPECIALS) || options->min_count < 0)
    return rapt__fail(ctx, RAPT_EINVAL, "a vocabulary of %lld words, each met %lld times: at least %d and 0 are needed",
                      (long long)options->vocabulary, (long long)options->min_count, SPECIALS);
  counter c = {.ctx = ctx};
  char *lower = NULL;
  size_t valid = rapt__utf8_valid(text, size);
  if (valid < size) return bad_utf8(ctx, valid);
  if (options->lowercase) RAPT_TRY(rapt__lowercase(ctx, text, size, &lower, &size));
  rapt__table_init(&c.by_text, ctx);
  rapt_tokenizer *t = NULL;
  rapt_status status = train(&c, lower ? lower : text, size, options, &t);
  rapt__table_free(&c.by_text);
  rapt__free(ctx, c.words);
  rapt__free(ctx, lower);
  if (status != RAPT_OK)
    rapt_tokenizer_free(t);
  else
    *out = t;
  return status;
}
