/* Merging the ids of one piece: the pair of lowest rank first, found through a heap, so that a long piece takes n
 * log n. */
#include "text/tokenizer.h"

typedef struct pair {
  int64_t rank, at;    /* of the left one */
  int32_t left, right; /* what stood there when the pair was noted */
} pair;

typedef struct heap {
  pair *items;
  size_t count;
} heap;

static bool before(const pair *a, const pair *b) { return a->rank != b->rank ? a->rank < b->rank : a->at < b->at; }

static void push(heap *h, pair p) {
  size_t i = h->count++;
  for (; i > 0 && before(&p, &h->items[(i - 1) / 2]); i = (i - 1) / 2) h->items[i] = h->items[(i - 1) / 2];
  h->items[i] = p;
}

static pair pop(heap *h) {
  pair top = h->items[0], last = h->items[--h->count];
  size_t i = 0;
  for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
    if (child + 1 < h->count && before(&h->items[child + 1], &h->items[child])) child++;
    if (!before(&h->items[child], &last)) break;
    h->items[i] = h->items[child];
  }
  h->items[i] = last;
  return top;
}

static void note(const rapt_tokenizer *t, heap *h, const int32_t *ids, const int64_t *next, int64_t at) {
  if (at < 0 || next[at] < 0) return;
  int32_t left = ids[at], right = ids[next[at]];
  const rapt__slot *s = rapt__table_find(&t->ranks, NULL, 0, (uint64_t)(uint32_t)left << 32 | (uint32_t)right);
  if (s) push(h, (pair){s->value, at, left, right});
}

int64_t rapt__bpe_merge(const rapt_tokenizer *t, int32_t *ids, int64_t count) {
  enum { SMALL = 64 };
  int64_t small_links[2 * SMALL], *links = small_links;
  pair small_pairs[3 * SMALL];
  heap h = {small_pairs, 0};
  if (count < 2 || t->merge_count == 0) return count;
  if (count > SMALL) {
    links = rapt__new(t->ctx, (size_t)count, 2 * sizeof *links);
    h.items = rapt__new(t->ctx, (size_t)count, 3 * sizeof *h.items);
  }
  if (!links || !h.items) count = -1;
  int64_t *next = links, *previous = links ? links + count : NULL, left = count;
  for (int64_t i = 0; i < count; i++) {
    next[i] = i + 1 < count ? i + 1 : -1;
    previous[i] = i - 1;
  }
  for (int64_t i = 0; i < count; i++) note(t, &h, ids, next, i);
  while (h.count > 0) {
    pair p = pop(&h);
    int64_t right = next[p.at];
    if (ids[p.at] != p.left || right < 0 || ids[right] != p.right) continue; /* something was merged there meanwhile */
    ids[p.at] = t->merges[p.rank].made;
    ids[right] = -1;
    next[p.at] = next[right];
    if (next[right] >= 0) previous[next[right]] = p.at;
    left--;
    note(t, &h, ids, next, previous[p.at]);
    note(t, &h, ids, next, p.at);
  }
  int64_t kept = 0;
  for (int64_t i = 0; i < count; i++)
    if (ids[i] >= 0) ids[kept++] = ids[i];
  if (links != small_links) rapt__free(t->ctx, links);
  if (h.items != small_pairs) rapt__free(t->ctx, h.items);
  return count < 0 ? -1 : left;
}
