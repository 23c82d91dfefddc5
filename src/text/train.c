/* Training byte-level BPE (Sennrich et al. 2016, algorithm 1) over unique words: pair counts are kept up to date, and a merge
 * touches only the words that hold the pair. */
#include "text/tokenizer.h"

#include <string.h>

typedef struct word {
  int32_t *ids; /* in the arena */
  int32_t size;
  int64_t count;
} word;

typedef struct place {
  int32_t word, next; /* next place of the same pair, or −1 */
} place;

typedef struct pair_stats {
  int32_t left, right;
  int64_t count;
  int32_t places; /* first of a list, newest first */
} pair_stats;

typedef struct trainer {
  rapt_tokenizer *t;
  rapt__arena arena;
  rapt__table words_by_text, pairs_by_ids;
  word *words;
  pair_stats *pairs;
  place *places;
  size_t word_count, word_room, pair_count, pair_room, place_count, place_room;
} trainer;

static rapt_status count_word(void *user, const char *piece, size_t size) {
  trainer *r = user;
  rapt_context *ctx = r->t->ctx;
  rapt__slot *slot = rapt__table_get(&r->words_by_text, piece, size, 0, (int64_t)r->word_count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)r->word_count) {
    if (size > INT32_MAX || r->word_count == INT32_MAX)
      return rapt__fail(ctx, RAPT_EINVAL, "the text is too large to train on");
    RAPT_TRY(rapt__reserve(ctx, (void **)&r->words, &r->word_room, r->word_count, sizeof *r->words));
    int32_t *ids = rapt__arena_new(&r->arena, size, sizeof *ids);
    if (!ids) return RAPT_ENOMEM;
    for (size_t i = 0; i < size; i++) ids[i] = (unsigned char)piece[i];
    r->words[r->word_count++] = (word){ids, (int32_t)size, 0};
  }
  r->words[slot->value].count++;
  return RAPT_OK;
}

static rapt_status change_pair(trainer *r, int32_t left, int32_t right, int64_t change, int32_t in_word) {
  rapt_context *ctx = r->t->ctx;
  rapt__slot *slot = rapt__table_get(&r->pairs_by_ids, NULL, 0, (uint64_t)(uint32_t)left << 32 | (uint32_t)right,
                                     (int64_t)r->pair_count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)r->pair_count) {
    RAPT_TRY(rapt__reserve(ctx, (void **)&r->pairs, &r->pair_room, r->pair_count, sizeof *r->pairs));
    r->pairs[r->pair_count++] = (pair_stats){left, right, 0, -1};
  }
  pair_stats *p = &r->pairs[slot->value];
  p->count += change;
  if (change > 0 && (p->places < 0 || r->places[p->places].word != in_word)) {
    if (r->place_count == INT32_MAX) return rapt__fail(ctx, RAPT_EINVAL, "the text is too large to train on");
    RAPT_TRY(rapt__reserve(ctx, (void **)&r->places, &r->place_room, r->place_count, sizeof *r->places));
    r->places[r->place_count] = (place){in_word, p->places};
    p->places = (int32_t)r->place_count++;
  }
  return RAPT_OK;
}

/* Adds (sign 1) or takes away (sign −1) all pairs of a word. */
static rapt_status count_pairs(trainer *r, int32_t index, int sign) {
  const word *w = &r->words[index];
  for (int32_t i = 0; i + 1 < w->size; i++) RAPT_TRY(change_pair(r, w->ids[i], w->ids[i + 1], sign * w->count, index));
  return RAPT_OK;
}

static int64_t best_pair(const trainer *r) {
  int64_t best = -1;
  for (size_t i = 0; i < r->pair_count; i++)
    if (r->pairs[i].count > (best < 0 ? 0 : r->pairs[best].count))
      best = (int64_t)i; /* pairs lie in order of first meeting */
  return best;
}

static rapt_status merge_everywhere(trainer *r, pair_stats p, int32_t made) {
  int32_t done = -1;
  for (int32_t at = p.places; at >= 0; at = r->places[at].next) {
    int32_t index = r->places[at].word;
    word *w = &r->words[index];
    if (index == done) continue;
    done = index;
    bool holds = false;
    for (int32_t i = 0; i + 1 < w->size && !holds; i++) holds = w->ids[i] == p.left && w->ids[i + 1] == p.right;
    if (!holds) continue;
    RAPT_TRY(count_pairs(r, index, -1));
    int32_t size = 0;
    for (int32_t i = 0; i < w->size; i++) {
      bool here = i + 1 < w->size && w->ids[i] == p.left && w->ids[i + 1] == p.right;
      w->ids[size++] = here ? made : w->ids[i];
      i += here;
    }
    w->size = size;
    RAPT_TRY(count_pairs(r, index, 1));
  }
  return RAPT_OK;
}

static rapt_status learn(trainer *r, int64_t vocabulary) {
  for (size_t i = 0; i < r->word_count; i++) RAPT_TRY(count_pairs(r, (int32_t)i, 1));
  while ((int64_t)r->t->count < vocabulary) {
    int64_t best = best_pair(r);
    if (best < 0) return RAPT_OK; /* every word is one token */
    pair_stats p = r->pairs[best];
    const rapt__token *a = &r->t->tokens[p.left], *b = &r->t->tokens[p.right];
    char *joined = rapt__arena_new(&r->arena, a->size + b->size, 1);
    if (!joined) return RAPT_ENOMEM;
    memcpy(joined, a->bytes, a->size);
    memcpy(joined + a->size, b->bytes, b->size);
    size_t size = a->size + b->size;
    const rapt__slot *same = rapt__table_find(&r->t->ids, joined, size, 0); /* two ways to one string share its id */
    int32_t made = same ? (int32_t)same->value : (int32_t)r->t->count;
    if (!same) RAPT_TRY(rapt__tokenizer_add(r->t, made, joined, size, "bpe"));
    RAPT_TRY(rapt__tokenizer_merge(r->t, p.left, p.right, made));
    RAPT_TRY(merge_everywhere(r, p, made));
  }
  return RAPT_OK;
}

rapt_status rapt_tokenizer_train_bpe(rapt_context *ctx, const char *text, size_t size, int64_t vocabulary,
                                     rapt_tokenizer **out) {
  *out = NULL;
  if (vocabulary < 256 || vocabulary > 1 << 20)
    return rapt__fail(ctx, RAPT_EINVAL, "a BPE vocabulary has 256 to 1048576 ids, not %lld", (long long)vocabulary);
  trainer r = {0};
  rapt__arena_init(&r.arena, ctx);
  rapt__table_init(&r.words_by_text, ctx);
  rapt__table_init(&r.pairs_by_ids, ctx);
  rapt_status status = rapt__tokenizer_new(ctx, RAPT_BPE, &r.t);
  for (int i = 0; i < 256 && status == RAPT_OK; i++) status = rapt__tokenizer_add(r.t, i, &(char){(char)i}, 1, "bpe");
  if (status == RAPT_OK) status = rapt__splitter_new(ctx, &r.t->splitter);
  if (status == RAPT_OK) status = rapt__split_text(r.t->splitter, text, size, count_word, &r);
  if (status == RAPT_OK) status = learn(&r, vocabulary);
  rapt__table_free(&r.words_by_text);
  rapt__table_free(&r.pairs_by_ids);
  rapt__free(ctx, r.words);
  rapt__free(ctx, r.pairs);
  rapt__free(ctx, r.places);
  rapt__arena_free(&r.arena);
  if (status != RAPT_OK)
    rapt_tokenizer_free(r.t);
  else
    *out = r.t;
  return status;
}
