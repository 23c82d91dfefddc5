/* Words: counted in a text, the frequent ones kept, all others one unknown token. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

static const char *const specials[] = {"<s>", "<pad>", "</s>", "<unk>"};
enum { SPECIALS = sizeof specials / sizeof *specials, UNKNOWN = 3 };

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

/* ---- Encoding ---- */

typedef struct encoder {
  const rapt_tokenizer *t;
  const char *text; /* start, for messages */
  int32_t *ids;
  int64_t count;
} encoder;

static rapt_status encode_word(void *user, const char *word, size_t size) {
  encoder *e = user;
  uint32_t code;
  if (rapt__utf8(word, size, &code) == 0) return bad_utf8(e->t->ctx, (size_t)(word - e->text));
  const rapt__slot *slot = rapt__table_find(&e->t->ids, word, size, 0);
  e->ids[e->count++] = slot ? (int32_t)slot->value : e->t->unknown;
  return RAPT_OK;
}

rapt_status rapt__words_encode(const rapt_tokenizer *t, const char *text, size_t size, int32_t *ids, int64_t *count) {
  encoder e = {t, text, ids, 0};
  char *lower = NULL;
  if (t->lowercase) {
    RAPT_TRY(rapt__lowercase(t->ctx, text, size, &lower, &size));
    e.text = lower;
  }
  rapt_status status = rapt__split_text(t->splitter, e.text, size, encode_word, &e);
  rapt__free(t->ctx, lower);
  *count = e.count;
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
  const char *text;
  rapt__table by_text;
  word *words; /* owned */
  size_t count, room;
} counter;

static rapt_status count_word(void *user, const char *bytes, size_t size) {
  counter *c = user;
  uint32_t code;
  if (rapt__utf8(bytes, size, &code) == 0) return bad_utf8(c->ctx, (size_t)(bytes - c->text));
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

static rapt_status add_specials(rapt_tokenizer *t) {
  for (int i = 0; i < SPECIALS; i++) {
    RAPT_TRY(rapt__tokenizer_add(t, i, specials[i], strlen(specials[i]), true, "special tokens"));
    RAPT_TRY(rapt__tokenizer_special(t, i));
  }
  return RAPT_OK;
}

static bool is_special(const word *w) {
  for (int i = 0; i < SPECIALS; i++)
    if (w->size == strlen(specials[i]) && memcmp(w->bytes, specials[i], w->size) == 0) return true;
  return false;
}

static rapt_status keep_words(rapt_tokenizer *t, const counter *c, const rapt_words_options *options) {
  RAPT_TRY(add_specials(t));
  t->unknown = UNKNOWN;
  int64_t least = options->min_count > 1 ? options->min_count : 1, id = SPECIALS;
  for (size_t i = 0; i < c->count && c->words[i].count >= least; i++) {
    if (options->vocabulary && id >= options->vocabulary) break;
    if (!is_special(&c->words[i]))
      RAPT_TRY(rapt__tokenizer_add(t, id++, c->words[i].bytes, c->words[i].size, true, "words"));
  }
  return rapt__tokenizer_finish(t, "words");
}

static rapt_status train(counter *c, const char *text, size_t size, const rapt_words_options *options,
                         rapt_tokenizer **t) {
  RAPT_TRY(rapt__tokenizer_new(c->ctx, RAPT_WORDS, t));
  (*t)->lowercase = options->lowercase;
  (*t)->split = options->punctuation ? RAPT__SPLIT_WORDS : RAPT__SPLIT_SPACES;
  RAPT_TRY(rapt__splitter_new(c->ctx, (*t)->split, &(*t)->splitter));
  c->text = text;
  RAPT_TRY(rapt__split_text((*t)->splitter, text, size, count_word, c));
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

/* ---- Special tokens before another kind's ---- */

static rapt_status copy_above(const rapt_tokenizer *from, rapt_tokenizer *to) {
  RAPT_TRY(add_specials(to));
  for (size_t i = 0; i < from->count; i++) {
    const rapt__token *token = &from->tokens[i];
    RAPT_TRY(rapt__tokenizer_add(to, (int64_t)i + SPECIALS, token->bytes, token->size, token->plain, "tokens"));
  }
  for (size_t i = 0; i < from->merge_count; i++) {
    const rapt__merge *m = &from->merges[i];
    RAPT_TRY(rapt__tokenizer_merge(to, m->left + SPECIALS, m->right + SPECIALS, m->made + SPECIALS, "merges"));
  }
  for (size_t i = 0; i < from->special_count; i++) RAPT_TRY(rapt__tokenizer_special(to, from->special[i] + SPECIALS));
  if (from->splitter) RAPT_TRY(rapt__splitter_new(to->ctx, from->split, &to->splitter));
  to->split = from->split;
  return rapt__tokenizer_finish(to, "tokens");
}

rapt_status rapt_tokenizer_add_specials(rapt_tokenizer **tokenizer) {
  rapt_tokenizer *from = *tokenizer, *to;
  for (int i = 0; i < SPECIALS; i++)
    if (rapt_tokenizer_find(from, specials[i], strlen(specials[i])) >= 0)
      return rapt__fail(from->ctx, RAPT_EINVAL, "the tokenizer has \"%s\" already", specials[i]);
  /* Bytes with more ids than 256 are byte-level BPE without merges. */
  RAPT_TRY(rapt__tokenizer_new(from->ctx, from->kind == RAPT_BYTES ? RAPT_BPE : from->kind, &to));
  rapt_status status = copy_above(from, to);
  if (status != RAPT_OK) {
    rapt_tokenizer_free(to);
    return status;
  }
  rapt_tokenizer_free(from);
  *tokenizer = to;
  return RAPT_OK;
}
