/* Training byte-level BPE (Sennrich et al. 2016, algorithm 1) over unique words: a merge touches only the words that
 * hold the pair and changes only the counts of the pairs beside it; a heap finds the most frequent pair. */
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
  int64_t merge;  /* the last merge that listed the pair in `raised` */
  int32_t places; /* first of a list, newest first */
} pair_stats;

/* What a pair's count was when it was pushed. Every pair with a count has an item of at least that count, so an item
 * whose count still holds is the most frequent pair. */
typedef struct candidate {
  int64_t count, pair;
} candidate;

typedef struct trainer {
  rapt_tokenizer *t;
  rapt__arena arena;
  rapt__table words_by_text, pairs_by_ids;
  word *words;
  pair_stats *pairs; /* in order of first meeting */
  place *places;
  candidate *heap;
  int64_t *raised; /* pairs whose counts the current merge raised */
  size_t word_count, word_room, pair_count, pair_room, place_count, place_room, heap_count, heap_room, raised_count,
      raised_room;
  int64_t merge;
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

static bool before(const candidate *a, const candidate *b) {
  return a->count != b->count ? a->count > b->count : a->pair < b->pair;
}

static rapt_status push(trainer *r, int64_t pair) {
  candidate c = {r->pairs[pair].count, pair};
  if (c.count <= 0) return RAPT_OK;
  RAPT_TRY(rapt__reserve(r->t->ctx, (void **)&r->heap, &r->heap_room, r->heap_count, sizeof *r->heap));
  size_t i = r->heap_count++;
  for (; i > 0 && before(&c, &r->heap[(i - 1) / 2]); i = (i - 1) / 2) r->heap[i] = r->heap[(i - 1) / 2];
  r->heap[i] = c;
  return RAPT_OK;
}

static candidate pop(trainer *r) {
  candidate top = r->heap[0], last = r->heap[--r->heap_count];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < r->heap_count; i = child) {
    if (child + 1 < r->heap_count && before(&r->heap[child + 1], &r->heap[child])) child++;
    if (!before(&r->heap[child], &last)) break;
    r->heap[i] = r->heap[child];
  }
  r->heap[i] = last;
  return top;
}

/* The most frequent pair, of equals the one met first; −1: none is left. */
static rapt_status best_pair(trainer *r, int64_t *best) {
  *best = -1;
  while (r->heap_count > 0) {
    candidate c = pop(r);
    if (c.count == r->pairs[c.pair].count) {
      *best = c.pair;
      return RAPT_OK;
    }
    if (c.count > r->pairs[c.pair].count) RAPT_TRY(push(r, c.pair)); /* it fell meanwhile */
  }
  return RAPT_OK;
}

static rapt_status change_pair(trainer *r, int32_t left, int32_t right, int64_t change, int32_t in_word) {
  rapt_context *ctx = r->t->ctx;
  rapt__slot *slot = rapt__table_get(&r->pairs_by_ids, NULL, 0, (uint64_t)(uint32_t)left << 32 | (uint32_t)right,
                                     (int64_t)r->pair_count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)r->pair_count) {
    RAPT_TRY(rapt__reserve(ctx, (void **)&r->pairs, &r->pair_room, r->pair_count, sizeof *r->pairs));
    r->pairs[r->pair_count++] = (pair_stats){left, right, 0, -1, -1};
  }
  pair_stats *p = &r->pairs[slot->value];
  p->count += change;
  if (change <= 0) return RAPT_OK;
  if (p->places < 0 || r->places[p->places].word != in_word) {
    if (r->place_count == INT32_MAX) return rapt__fail(ctx, RAPT_EINVAL, "the text is too large to train on");
    RAPT_TRY(rapt__reserve(ctx, (void **)&r->places, &r->place_room, r->place_count, sizeof *r->places));
    r->places[r->place_count] = (place){in_word, p->places};
    p->places = (int32_t)r->place_count++;
  }
  if (p->merge == r->merge) return RAPT_OK;
  p->merge = r->merge;
  RAPT_TRY(rapt__reserve(ctx, (void **)&r->raised, &r->raised_room, r->raised_count, sizeof *r->raised));
  r->raised[r->raised_count++] = slot->value;
  return RAPT_OK;
}

static rapt_status push_raised(trainer *r) {
  for (size_t i = 0; i < r->raised_count; i++) RAPT_TRY(push(r, r->raised[i]));
  r->raised_count = 0;
  r->merge++;
  return RAPT_OK;
}

/* Joins the pair in one word from left to right; what is left of `size` is merged already, so the pairs on that side
 * are those of the new ids. */
static rapt_status merge_word(trainer *r, pair_stats p, int32_t made, int32_t index) {
  word w = r->words[index];
  int32_t size = 0;
  for (int32_t i = 0; i < w.size; i++) {
    if (i + 1 >= w.size || w.ids[i] != p.left || w.ids[i + 1] != p.right) {
      w.ids[size++] = w.ids[i];
      continue;
    }
    RAPT_TRY(change_pair(r, p.left, p.right, -w.count, index));
    if (size > 0) {
      RAPT_TRY(change_pair(r, w.ids[size - 1], p.left, -w.count, index));
      RAPT_TRY(change_pair(r, w.ids[size - 1], made, w.count, index));
    }
    if (i + 2 < w.size) {
      RAPT_TRY(change_pair(r, p.right, w.ids[i + 2], -w.count, index));
      RAPT_TRY(change_pair(r, made, w.ids[i + 2], w.count, index));
    }
    w.ids[size++] = made;
    i++;
  }
  r->words[index].size = size;
  return RAPT_OK;
}

static rapt_status learn(trainer *r, int64_t vocabulary) {
  rapt_tokenizer *t = r->t;
  for (size_t i = 0; i < r->word_count; i++) {
    word w = r->words[i];
    for (int32_t k = 0; k + 1 < w.size; k++) RAPT_TRY(change_pair(r, w.ids[k], w.ids[k + 1], w.count, (int32_t)i));
  }
  RAPT_TRY(push_raised(r));
  while ((int64_t)t->count < vocabulary) {
    if (atomic_load(&t->ctx->interrupted))
      return rapt__fail(t->ctx, RAPT_EINTERRUPTED, "training the tokenizer was interrupted after %zu ids", t->count);
    int64_t best;
    RAPT_TRY(best_pair(r, &best));
    if (best < 0) return RAPT_OK; /* every word is one token */
    pair_stats p = r->pairs[best];
    const rapt__token *a = &t->tokens[p.left], *b = &t->tokens[p.right];
    size_t size = a->size + b->size;
    char *joined = rapt__arena_new(&r->arena, size, 1);
    if (!joined) return RAPT_ENOMEM;
    memcpy(joined, a->bytes, a->size);
    memcpy(joined + a->size, b->bytes, b->size);
    const rapt__slot *same = rapt__table_find(&t->ids, joined, size, 0); /* two ways to one string share its id */
    int32_t made = same ? (int32_t)same->value : (int32_t)t->count;
    if (!same) RAPT_TRY(rapt__tokenizer_add(t, made, joined, size, false, "bpe"));
    /* An id that is made in a second way can bring back a pair that was merged before: it has its rank already. */
    if (!rapt__join_find(&t->joins, p.left, p.right)) RAPT_TRY(rapt__tokenizer_merge(t, p.left, p.right, made, "bpe"));
    for (int32_t at = p.places; at >= 0; at = r->places[at].next) RAPT_TRY(merge_word(r, p, made, r->places[at].word));
    RAPT_TRY(push_raised(r));
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
  rapt_status status = rapt__byte_level_new(ctx, true, &r.t);
  for (int i = 0; i < 256 && status == RAPT_OK; i++)
    status = rapt__tokenizer_add(r.t, i, &(char){(char)i}, 1, false, "bpe");
  if (status == RAPT_OK) status = rapt__pieces_of(r.t, text, size, count_word, &r);
  if (status == RAPT_OK) status = learn(&r, vocabulary);
  if (status == RAPT_OK) status = rapt__tokenizer_finish(r.t, "bpe");
  rapt__table_free(&r.words_by_text);
  rapt__table_free(&r.pairs_by_ids);
  rapt__free(ctx, r.words);
  rapt__free(ctx, r.pairs);
  rapt__free(ctx, r.places);
  rapt__free(ctx, r.heap);
  rapt__free(ctx, r.raised);
  rapt__arena_free(&r.arena);
  return rapt__tokenizer_out(status, r.t, out);
}
