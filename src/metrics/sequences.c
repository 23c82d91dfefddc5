/* The texts of one segment as sequences of numbers: words get numbers in the order in which they are met. */
#include "metrics/metrics.h"

#include <string.h>

/* The table is kept at most half full; its places hold number + 1. */
enum { FIRST_SLOTS = 64 };

void rapt__sequences_free(rapt__sequences *s) {
  rapt__free(s->ctx, s->symbol);
  rapt__free(s->ctx, s->end);
  rapt__free(s->ctx, s->word);
  rapt__free(s->ctx, s->slot);
  rapt__chars_free(s->ctx, &s->spelling);
}

void rapt__sequences_clear(rapt__sequences *s) {
  s->count = s->symbols = s->words = s->spelling.count = 0;
  if (s->slots) memset(s->slot, 0, s->slots * sizeof *s->slot);
}

rapt_status rapt__sequences_end(rapt__sequences *s) {
  /* Not NULL, even without symbols. */
  RAPT_TRY(rapt__reserve(s->ctx, (void **)&s->symbol, &s->symbol_capacity, 0, sizeof *s->symbol));
  RAPT_TRY(rapt__reserve(s->ctx, (void **)&s->end, &s->end_capacity, s->count, sizeof *s->end));
  s->end[s->count++] = s->symbols;
  return RAPT_OK;
}

rapt_status rapt__sequences_add_symbol(rapt__sequences *s, uint32_t symbol) {
  RAPT_TRY(rapt__reserve(s->ctx, (void **)&s->symbol, &s->symbol_capacity, s->symbols, sizeof *s->symbol));
  s->symbol[s->symbols++] = symbol;
  return RAPT_OK;
}

static uint64_t hash(const uint32_t *spelling, size_t size) {
  uint64_t h = 0x9E3779B97F4A7C15u ^ size;
  for (size_t i = 0; i < size; i++) {
    h = (h ^ spelling[i]) * 0xBF58476D1CE4E5B9u;
    h ^= h >> 29;
  }
  return h ^ h >> 32;
}

static bool spelled(const rapt__sequences *s, size_t word, const uint32_t *spelling, size_t size) {
  return s->word[word].size == size &&
         memcmp(s->spelling.at + s->word[word].begin, spelling, size * sizeof *spelling) == 0;
}

/* The place of a word that is there, or the empty one where it belongs. */
static size_t place(const rapt__sequences *s, const uint32_t *spelling, size_t size) {
  size_t at = (size_t)hash(spelling, size) & (s->slots - 1);
  while (s->slot[at] && !spelled(s, s->slot[at] - 1, spelling, size)) at = (at + 1) & (s->slots - 1);
  return at;
}

static rapt_status widen(rapt__sequences *s) {
  size_t slots = s->slots ? 2 * s->slots : FIRST_SLOTS;
  uint32_t *slot = rapt__new(s->ctx, slots, sizeof *slot);
  if (!slot) return RAPT_ENOMEM;
  rapt__free(s->ctx, s->slot);
  s->slot = slot;
  s->slots = slots;
  for (size_t i = 0; i < s->words; i++)
    slot[place(s, s->spelling.at + s->word[i].begin, s->word[i].size)] = (uint32_t)i + 1;
  return RAPT_OK;
}

rapt_status rapt__sequences_add_word(rapt__sequences *s, const uint32_t *spelling, size_t size) {
  if (2 * s->words >= s->slots) RAPT_TRY(widen(s));
  size_t at = place(s, spelling, size);
  if (!s->slot[at]) {
    RAPT_TRY(rapt__reserve(s->ctx, (void **)&s->word, &s->word_capacity, s->words, sizeof *s->word));
    RAPT_TRY(rapt__chars_room(s->ctx, &s->spelling, s->spelling.count + size));
    memcpy(s->spelling.at + s->spelling.count, spelling, size * sizeof *spelling);
    s->word[s->words].begin = s->spelling.count;
    s->word[s->words].size = size;
    s->spelling.count += size;
    s->slot[at] = (uint32_t)++s->words;
  }
  return rapt__sequences_add_symbol(s, s->slot[at] - 1);
}

rapt_status rapt__sequences_add_words(rapt__sequences *s, const rapt__chars *text) {
  for (size_t at = 0; at < text->count;) {
    size_t begin = at;
    while (at < text->count && !rapt__is_space(text->at[at])) at++;
    if (at > begin)
      RAPT_TRY(rapt__sequences_add_word(s, text->at + begin, at - begin));
    else
      at++;
  }
  return RAPT_OK;
}
