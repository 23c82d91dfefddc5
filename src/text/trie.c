/* Double arrays: a child stands at its parent's base plus its byte. */
#include "text/tokenizer.h"

#include <stdlib.h>
#include <string.h>

typedef struct builder {
  rapt__trie *trie;
  const rapt__trie_key *keys;
  size_t first_free; /* nothing before it is free */
} builder;

static int by_bytes(const void *a, const void *b) {
  const rapt__trie_key *x = a, *y = b;
  size_t n = x->size < y->size ? x->size : y->size;
  int order = n ? memcmp(x->bytes, y->bytes, n) : 0;
  if (order == 0) order = (x->size > y->size) - (x->size < y->size);
  return order ? order : (x->value > y->value) - (x->value < y->value);
}

static rapt_status make_room(rapt__trie *t, size_t count) {
  if (count > INT32_MAX / 2) return rapt__fail(t->ctx, RAPT_EUNSUPPORTED, "the vocabulary is too large for a trie");
  if (count > t->room) {
    size_t room = t->room ? t->room : 1024;
    while (room < count) room *= 2;
    struct rapt__trie_node *nodes = rapt__grow(t->ctx, t->nodes, room, sizeof *nodes);
    if (!nodes) return RAPT_ENOMEM;
    for (size_t i = t->room; i < room; i++) nodes[i] = (struct rapt__trie_node){0, -1, -1};
    t->nodes = nodes;
    t->room = room;
  }
  if (count > t->count) t->count = count;
  return RAPT_OK;
}

static bool is_free(const rapt__trie *t, size_t at) { return at >= t->count || t->nodes[at].parent < 0; }

/* The first base at which all bytes find free places. */
static rapt_status find_base(builder *b, const unsigned char *bytes, size_t count, size_t *base) {
  rapt__trie *t = b->trie;
  size_t at = b->first_free > bytes[0] ? b->first_free - bytes[0] : 1, tried = 0;
  for (;; at++) {
    size_t i = 0;
    while (i < count && is_free(t, at + bytes[i])) i++;
    if (i == count) break;
    /* Crowded stretches are given up, so that building stays fast. */
    if (++tried == 256) b->first_free = at + bytes[0] > b->first_free + 128 ? at + bytes[0] - 128 : b->first_free + 1;
  }
  *base = at;
  return make_room(t, at + bytes[count - 1] + 1);
}

/* The children of a node whose string the keys [from, to) begin with. Keys in order, so equal bytes are neighbours. */
static rapt_status grow_node(builder *b, int32_t node, size_t from, size_t to, size_t depth) {
  const rapt__trie_key *keys = b->keys;
  rapt__trie *t = b->trie;
  unsigned char bytes[256];
  size_t count = 0, base;
  for (; from < to && keys[from].size == depth; from++) t->nodes[node].value = keys[from].value;
  for (size_t i = from; i < to; i++)
    if (count == 0 || bytes[count - 1] != (unsigned char)keys[i].bytes[depth])
      bytes[count++] = (unsigned char)keys[i].bytes[depth];
  if (count == 0) return RAPT_OK;
  RAPT_TRY(find_base(b, bytes, count, &base));
  t->nodes[node].base = (int32_t)base;
  for (size_t i = 0; i < count; i++) t->nodes[base + bytes[i]].parent = node;
  while (b->first_free < t->count && t->nodes[b->first_free].parent >= 0) b->first_free++;
  return RAPT_OK;
}

/* A stretch of keys that waits for its node. */
typedef struct job {
  int32_t node;
  size_t from, to, depth;
} job;

static rapt_status push_children(builder *b, job j, job **jobs, size_t *count, size_t *room) {
  const rapt__trie *t = b->trie;
  while (j.from < j.to && b->keys[j.from].size == j.depth) j.from++;
  for (size_t i = j.from, end; i < j.to; i = end) {
    unsigned char byte = (unsigned char)b->keys[i].bytes[j.depth];
    for (end = i; end < j.to && (unsigned char)b->keys[end].bytes[j.depth] == byte;) end++;
    RAPT_TRY(rapt__reserve(t->ctx, (void **)jobs, room, *count, sizeof **jobs));
    (*jobs)[(*count)++] = (job){t->nodes[j.node].base + byte, i, end, j.depth + 1};
  }
  return RAPT_OK;
}

rapt_status rapt__trie_build(rapt__trie *t, rapt_context *ctx, rapt__trie_key *keys, size_t count) {
  rapt__trie_free(t);
  *t = (rapt__trie){.ctx = ctx};
  if (count) qsort(keys, count, sizeof *keys, by_bytes);
  size_t first = 0, jobs_count = 0, room = 0;
  while (first < count && keys[first].size == 0) first++;
  RAPT_TRY(make_room(t, 1));
  t->nodes[0].parent = INT32_MAX; /* taken, and no node's child */
  builder b = {t, keys, 1};
  job *jobs = NULL;
  rapt_status status = rapt__reserve(ctx, (void **)&jobs, &room, 0, sizeof *jobs);
  if (status == RAPT_OK) jobs[jobs_count++] = (job){0, first, count, 0};
  while (jobs_count > 0 && status == RAPT_OK) {
    job j = jobs[--jobs_count];
    status = grow_node(&b, j.node, j.from, j.to, j.depth);
    if (status == RAPT_OK) status = push_children(&b, j, &jobs, &jobs_count, &room);
  }
  rapt__free(ctx, jobs);
  return status;
}

void rapt__trie_free(rapt__trie *t) {
  if (t->nodes) rapt__free(t->ctx, t->nodes);
  *t = (rapt__trie){0};
}
