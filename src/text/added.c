/* Added tokens: strings that stand for themselves, found in a text before the model sees it. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

static int by_first_byte(const void *a, const void *b) {
  const rapt__string *s = &((const rapt__added_token *)a)->pattern, *t = &((const rapt__added_token *)b)->pattern;
  unsigned char first = (unsigned char)*s->bytes, other = (unsigned char)*t->bytes;
  return first != other ? (first > other) - (first < other) : (s->size < t->size) - (s->size > t->size);
}

void rapt__added_order(rapt__added *a) {
  if (a->count) qsort(a->items, a->count, sizeof *a->items, by_first_byte);
  for (size_t i = 0, byte = 0; byte <= 256; byte++) {
    while (i < a->count && (unsigned char)*a->items[i].pattern.bytes < byte) i++;
    a->of[byte] = i;
  }
}

static const rapt__added_token *longest_at(const rapt__added *a, const char *text, size_t size) {
  unsigned char byte = (unsigned char)*text;
  for (size_t i = a->of[byte]; i < a->of[byte + 1]; i++) {
    const rapt__string *p = &a->items[i].pattern;
    if (p->size <= size && memcmp(p->bytes, text, p->size) == 0) return &a->items[i];
  }
  return NULL;
}

size_t rapt__added_prefix(const rapt__added *a, const char *text, size_t size, int32_t *id) {
  const rapt__added_token *found = a->count && size ? longest_at(a, text, size) : NULL;
  if (found && id) *id = found->id;
  return found ? found->pattern.size : 0;
}

/* Whether words stop at both ends of the match. */
static bool stands_alone(const char *text, size_t size, size_t start, size_t end) {
  uint32_t code;
  if (start > 0) {
    rapt__utf8_last(text, start, &code);
    if (rapt__char_is_word(code)) return false;
  }
  return !(end < size && rapt__utf8(text + end, size - end, &code) > 0 && rapt__char_is_word(code));
}

bool rapt__added_find(const rapt__added *a, const char *text, size_t size, size_t at, bool no_special, int32_t *id,
                      size_t *start, size_t *end) {
  size_t limit = at; /* what stands before belongs to the match before */
  uint32_t code;
  for (size_t i = at; i < size && a->count;) {
    const rapt__added_token *found = longest_at(a, text + i, size - i);
    if (!found) {
      i++;
      continue;
    }
    size_t stop = i + found->pattern.size;
    if ((no_special && found->special) || (found->single_word && !stands_alone(text, size, i, stop))) {
      i = stop;
      continue;
    }
    *id = found->id;
    for (size_t n; found->lstrip && i > limit && (n = rapt__utf8_last(text + limit, i - limit, &code)) > 0;) {
      if (!rapt__char_is_white(code)) break;
      i -= n;
    }
    for (size_t n; found->rstrip && stop < size && (n = rapt__utf8(text + stop, size - stop, &code)) > 0;) {
      if (!rapt__char_is_white(code)) break;
      stop += n;
    }
    *start = i;
    *end = stop;
    return true;
  }
  return false;
}
