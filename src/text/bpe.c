/* The BPE model: a word's characters, then the pair of lowest rank is joined until none is left (Sennrich et al. 2016). Short
 * words look for it each time; long ones through a heap, so that they take n log n. */
#include "text/tokenizer.h"

#include <string.h>

/* What a word is made of. */
typedef struct symbol {
  int32_t id, next, previous;
  uint32_t end; /* in the word, which has less than 2^31 bytes */
} symbol;

typedef struct pair {
  int32_t rank, at;    /* of the left one */
  int32_t left, right; /* what stood there when the pair was noted */
  int32_t made;
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

static void note(const rapt_tokenizer *t, heap *h, const symbol *s, int32_t at) {
  if (at < 0 || s[at].next < 0) return;
  int32_t left = s[at].id, right = s[s[at].next].id;
  const rapt__join *j = rapt__join_find(&t->joins, left, right);
  if (j) push(h, (pair){j->rank, at, left, right, j->made});
}

/* The first symbol stays the first. */
static void merge_long(const rapt_tokenizer *t, symbol *s, int32_t count, pair *room) {
  heap h = {room, 0};
  for (int32_t i = 0; i < count; i++) note(t, &h, s, i);
  while (h.count > 0) {
    pair p = pop(&h);
    int32_t right = s[p.at].next;
    if (s[p.at].id != p.left || right < 0 || s[right].id != p.right)
      continue; /* something was merged there meanwhile */
    s[p.at].id = p.made;
    s[p.at].end = s[right].end;
    s[p.at].next = s[right].next;
    s[right].id = -1;
    if (s[right].next >= 0) s[s[right].next].previous = p.at;
    note(t, &h, s, s[p.at].previous);
    note(t, &h, s, p.at);
  }
}

enum { SHORT = 32 };

static int32_t merge_short(const rapt_tokenizer *t, symbol *s, int32_t count) {
  const rapt__join *joins[SHORT];
  for (int32_t i = 0; i + 1 < count; i++) joins[i] = rapt__join_find(&t->joins, s[i].id, s[i + 1].id);
  while (count > 1) {
    int32_t best = -1;
    for (int32_t i = 0; i + 1 < count; i++)
      if (joins[i] && (best < 0 || joins[i]->rank < joins[best]->rank)) best = i;
    if (best < 0) break;
    s[best].id = joins[best]->made;
    s[best].end = s[best + 1].end;
    count--;
    memmove(s + best + 1, s + best + 2, (size_t)(count - best - 1) * sizeof *s);
    if (best + 1 < count) memmove(joins + best + 1, joins + best + 2, (size_t)(count - best - 2) * sizeof *joins);
    if (best > 0) joins[best - 1] = rapt__join_find(&t->joins, s[best - 1].id, s[best].id);
    if (best + 1 < count) joins[best] = rapt__join_find(&t->joins, s[best].id, s[best + 1].id);
  }
  return count;
}

/* ---- The symbols that a word begins with ---- */

typedef struct word {
  rapt__text_encoder *e;
  const char *text;
  size_t size;
  symbol *symbols;
  int32_t count;
  bool unknown; /* unknown characters wait, up to `unknown_end` */
  size_t unknown_end;
} word;

static void add(word *w, int32_t id, size_t end) {
  w->symbols[w->count] = (symbol){id, w->count + 1, w->count - 1, (uint32_t)end};
  w->count++;
}

static void add_unknown(word *w) {
  if (w->unknown) add(w, w->e->t->unknown, w->unknown_end);
  w->unknown = false;
}

static rapt_status not_known(word *w, const char *text, size_t size, size_t end) {
  const rapt_tokenizer *t = w->e->t;
  bool all = t->byte_fallback;
  for (size_t i = 0; i < size && all; i++) all = t->fallback[(unsigned char)text[i]] >= 0;
  for (size_t i = 0; i < size && all; i++) {
    size_t back = size - 1 - i;
    add(w, t->fallback[(unsigned char)text[i]], end > back ? end - back : 0);
  }
  if (all) return RAPT_OK;
  if (!t->unknown_text && t->unknown < 0) { /* left out */
    if (w->count > 0) w->symbols[w->count - 1].end = (uint32_t)end;
    return RAPT_OK;
  }
  if (t->unknown < 0) return rapt__unknown_missing(w->e, text, size);
  if (!t->fuse_unknown) add_unknown(w);
  w->unknown = true;
  w->unknown_end = end;
  return RAPT_OK;
}

static rapt_status begin_bytes(word *w) {
  const rapt_tokenizer *t = w->e->t;
  for (size_t i = 0; i < w->size; i++) {
    int place = (i == 0) | (i + 1 == w->size) << 1;
    int32_t id = t->byte_id[place][(unsigned char)w->text[i]];
    if (id >= 0) {
      add_unknown(w);
      add(w, id, i + 1);
    } else {
      RAPT_TRY(not_known(w, w->text + i, 1, i + 1));
    }
  }
  add_unknown(w);
  return RAPT_OK;
}

/* A character's token, with the prefix of inner ones and the suffix of the last. */
static int32_t char_id(const word *w, size_t at, size_t n, char *room, const char **text, size_t *size) {
  const rapt_tokenizer *t = w->e->t;
  *text = w->text + at;
  *size = n;
  size_t before = at > 0 ? t->prefix.size : 0, behind = at + n == w->size ? t->suffix.size : 0;
  if (before + behind > 0) {
    if (before) memcpy(room, t->prefix.bytes, before);
    memcpy(room + before, w->text + at, n);
    if (behind) memcpy(room + before + n, t->suffix.bytes, behind);
    *text = room;
    *size = before + n + behind;
  }
  const rapt__slot *slot = rapt__table_find(&t->ids, *text, *size, 0);
  return slot ? (int32_t)slot->value : -1;
}

static rapt_status begin_chars(word *w, char *room) {
  const rapt_tokenizer *t = w->e->t;
  uint32_t code;
  for (size_t at = 0, n, size; at < w->size; at += n) {
    int32_t id = -1;
    n = rapt__added_prefix(&t->users, w->text + at, w->size - at, &id);
    const char *text = w->text + at;
    if (n == 0) {
      n = rapt__utf8(w->text + at, w->size - at, &code);
      if (n == 0) n = 1;
      id = char_id(w, at, n, room, &text, &size);
    } else {
      size = n;
    }
    if (id >= 0) {
      add_unknown(w);
      add(w, id, at + n);
    } else {
      RAPT_TRY(not_known(w, text, size, at + n));
    }
  }
  add_unknown(w);
  return RAPT_OK;
}

static rapt_status encode_word(word *w, pair *pairs, char *room) {
  rapt__text_encoder *e = w->e;
  const rapt_tokenizer *t = e->t;
  RAPT_TRY(t->bytes ? begin_bytes(w) : begin_chars(w, room));
  int32_t count = w->count;
  if (count > 0) w->symbols[count - 1].next = -1;
  size_t start = 0;
  if (count <= SHORT) {
    count = merge_short(t, w->symbols, count);
  } else {
    merge_long(t, w->symbols, count, pairs);
    int32_t kept = 0;
    for (int32_t i = 0; i >= 0 && count > 0; i = w->symbols[i].next) w->symbols[kept++] = w->symbols[i];
    count = kept;
  }
  for (int32_t i = 0; i < count; i++) {
    RAPT_TRY(rapt__text_encoder_put(e, w->symbols[i].id, start, w->symbols[i].end));
    start = w->symbols[i].end;
  }
  return RAPT_OK;
}

rapt_status rapt__bpe_encode(rapt__text_encoder *e, const char *piece, size_t size) {
  const rapt_tokenizer *t = e->t;
  if (t->ignore_merges) {
    const rapt__slot *slot = rapt__table_find(&t->ids, piece, size, 0);
    if (slot) return rapt__text_encoder_put(e, (int32_t)slot->value, 0, size);
  }
  symbol few[SHORT];
  word w = {.e = e, .text = piece, .size = size, .symbols = few};
  size_t affixes = t->prefix.size + t->suffix.size + 4;
  if (size <= SHORT && affixes == 4) return encode_word(&w, NULL, NULL);
  if (size > INT32_MAX / 4)
    return rapt__fail(t->ctx, RAPT_EUNSUPPORTED, "a word of %zu bytes is too long for BPE", size);
  /* With affixes a character may fall back to more bytes than it has. */
  size_t most = size + (t->byte_fallback ? affixes * size : 0), bytes;
  if (rapt__mul_overflows(most, sizeof(symbol) + 3 * sizeof(pair), &bytes) || most > INT32_MAX)
    return rapt__fail_memory(t->ctx, SIZE_MAX);
  char *scratch = rapt__text_encoder_scratch(e, bytes + affixes, 1);
  if (!scratch) return RAPT_ENOMEM;
  w.symbols = (symbol *)(void *)scratch;
  return encode_word(&w, (pair *)(void *)(scratch + most * sizeof(symbol)), scratch + bytes);
}
