/* Kneser–Ney models as a trie of sorted arrays: level k holds the distinct k-grams in lexicographic order, and the
 * children of a node are a range of the next level. It is built by sorting the positions of the text by what follows
 * them. */
#include "tasks/ngram.h"

#include <math.h>
#include <string.h>

typedef struct level {
  size_t size;
  int32_t *words;     /* (size) the last word of each n-gram */
  uint32_t *counts;   /* (size) raw or continuation counts */
  uint32_t *child;    /* (size + 1) where the children begin in the next level; NULL at the last level */
  double *total;      /* (size) sum of the children's counts; NULL at the last level */
  double *mass;       /* (size) sum of what the discounts take from the children; NULL at the last level */
  double discount[4]; /* by min(count, 3) */
} level;

struct rapt__ngram {
  rapt_context *ctx;
  rapt__arena arena; /* owns all arrays */
  int order;
  int32_t vocab, end; /* end: RAPT__NGRAM_STREAM without sentences */
  bool modified;
  level levels[RAPT__NGRAM_MAX_ORDER];
  double total, mass; /* of the empty context */
  uint32_t *place;    /* (vocab + 1) of each word in the first level; UINT32_MAX: not there */
};

/* The text with start markers, while it is being counted. */
typedef struct corpus {
  size_t size;
  int32_t *words;     /* (size) */
  uint32_t *position; /* (size) sorted by the up to `order` words that begin there */
  uint32_t *scratch;  /* (size) for the merge sort */
  uint8_t *length;    /* (size) how many words, at most `order`, before the sentence ends */
} corpus;

static int compare(const corpus *text, uint32_t a, uint32_t b) {
  int la = text->length[a], lb = text->length[b], shared = la < lb ? la : lb;
  for (int i = 0; i < shared; i++) {
    int32_t wa = text->words[a + (size_t)i], wb = text->words[b + (size_t)i];
    if (wa != wb) return wa < wb ? -1 : 1;
  }
  return la - lb;
}

/* Bottom-up merge sort: the C library's qsort has no place for the text. */
static void sort_positions(corpus *text) {
  uint32_t *from = text->position, *to = text->scratch;
  for (size_t width = 1; width < text->size; width *= 2) {
    for (size_t low = 0; low < text->size; low += 2 * width) {
      size_t middle = low + width < text->size ? low + width : text->size;
      size_t high = middle + width < text->size ? middle + width : text->size;
      size_t i = low, j = middle, k = low;
      while (i < middle && j < high) to[k++] = compare(text, from[i], from[j]) <= 0 ? from[i++] : from[j++];
      while (i < middle) to[k++] = from[i++];
      while (j < high) to[k++] = from[j++];
    }
    uint32_t *swap = from;
    from = to;
    to = swap;
  }
  text->position = from;
  text->scratch = to;
}

static rapt_status make_corpus(rapt__arena *arena, const rapt__ngram *lm, const int32_t *ids, size_t count,
                               corpus *text) {
  size_t starts = 1;
  if (lm->end >= 0)
    for (size_t i = 0; i + 1 < count; i++) starts += ids[i] == lm->end;
  size_t size;
  if (rapt__add_overflows(count, starts, &size) || size >= UINT32_MAX)
    return rapt__fail(arena->ctx, RAPT_EINVAL, "n-gram: %zu ids are more than the counts can hold", count);
  *text = (corpus){.words = rapt__arena_new(arena, size, sizeof *text->words),
                   .position = rapt__arena_new(arena, size, sizeof *text->position),
                   .scratch = rapt__arena_new(arena, size, sizeof *text->scratch),
                   .length = rapt__arena_new(arena, size, sizeof *text->length)};
  if (!text->words || !text->position || !text->scratch || !text->length) return RAPT_ENOMEM;
  bool at_start = true;
  for (size_t i = 0; i < count; i++) {
    if (at_start) text->words[text->size++] = lm->vocab;
    text->words[text->size++] = ids[i];
    at_start = lm->end >= 0 && ids[i] == lm->end;
  }
  int ahead = 0;
  for (size_t i = text->size; i-- > 0;) {
    if (i + 1 < text->size && text->words[i + 1] == lm->vocab) ahead = 0;
    if (ahead < lm->order) ahead++;
    text->length[i] = (uint8_t)ahead;
    text->position[i] = (uint32_t)i;
  }
  sort_positions(text);
  return RAPT_OK;
}

static int shared_prefix(const corpus *text, uint32_t a, uint32_t b) {
  int limit = text->length[a] < text->length[b] ? text->length[a] : text->length[b], n = 0;
  while (n < limit && text->words[a + (size_t)n] == text->words[b + (size_t)n]) n++;
  return n;
}

static rapt_status make_levels(rapt__ngram *lm, const corpus *text) {
  for (size_t i = 0; i < text->size; i++) {
    uint32_t at = text->position[i];
    int old = i ? shared_prefix(text, text->position[i - 1], at) : 0;
    for (int k = old; k < text->length[at]; k++) lm->levels[k].size++;
  }
  for (int k = 0; k < lm->order; k++) {
    level *l = &lm->levels[k];
    l->words = rapt__arena_new(&lm->arena, l->size, sizeof *l->words);
    l->counts = rapt__arena_new(&lm->arena, l->size, sizeof *l->counts);
    if (!l->words || !l->counts) return RAPT_ENOMEM;
    if (k + 1 == lm->order) continue;
    l->child = rapt__arena_new(&lm->arena, l->size + 1, sizeof *l->child);
    l->total = rapt__arena_new(&lm->arena, l->size, sizeof *l->total);
    l->mass = rapt__arena_new(&lm->arena, l->size, sizeof *l->mass);
    if (!l->child || !l->total || !l->mass) return RAPT_ENOMEM;
  }
  size_t used[RAPT__NGRAM_MAX_ORDER] = {0};
  for (size_t i = 0; i < text->size; i++) {
    uint32_t at = text->position[i];
    int old = i ? shared_prefix(text, text->position[i - 1], at) : 0;
    for (int k = 0; k < text->length[at]; k++) {
      level *l = &lm->levels[k];
      if (k >= old) {
        l->words[used[k]] = text->words[at + (size_t)k];
        if (l->child) l->child[used[k]] = (uint32_t)used[k + 1];
        used[k]++;
      }
      l->counts[used[k] - 1]++;
    }
  }
  for (int k = 0; k + 1 < lm->order; k++) lm->levels[k].child[used[k]] = (uint32_t)used[k + 1];
  return RAPT_OK;
}

/* The index of `word` in level k between low and high, or SIZE_MAX. */
static size_t find(const level *l, size_t low, size_t high, int32_t word) {
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (l->words[middle] == word) return middle;
    if (l->words[middle] < word)
      low = middle + 1;
    else
      high = middle;
  }
  return SIZE_MAX;
}

static size_t find_word(const rapt__ngram *lm, int32_t word) {
  bool known = word >= 0 && word <= lm->vocab && lm->place[word] != UINT32_MAX;
  return known ? lm->place[word] : SIZE_MAX;
}

static rapt_status index_words(rapt__ngram *lm) {
  lm->place = rapt__arena_new(&lm->arena, (size_t)lm->vocab + 1, sizeof *lm->place);
  if (!lm->place) return RAPT_ENOMEM;
  for (int32_t word = 0; word <= lm->vocab; word++) lm->place[word] = UINT32_MAX;
  for (size_t i = 0; i < lm->levels[0].size; i++) lm->place[lm->levels[0].words[i]] = (uint32_t)i;
  return RAPT_OK;
}

static size_t find_ngram(const rapt__ngram *lm, const int32_t *words, size_t n) {
  size_t at = find_word(lm, words[0]);
  for (size_t k = 1; k < n && at != SIZE_MAX; k++)
    at = find(&lm->levels[k], lm->levels[k - 1].child[at], lm->levels[k - 1].child[at + 1], words[k]);
  return at;
}

/* Below the highest order an n-gram counts once for every distinct word to its left, which is once for every (n +
 * 1)-gram that ends with it. Each sorted position that begins a new (n + 1)-gram gives one. */
static void count_continuations(rapt__ngram *lm, const corpus *text) {
  for (int k = 0; k + 1 < lm->order; k++) {
    level *l = &lm->levels[k];
    if (k == 0) {
      memset(l->counts, 0, l->size * sizeof *l->counts);
      continue;
    }
    size_t marked = find_word(lm, lm->vocab);
    size_t low = marked, high = marked + 1; /* the k-grams that begin with the marker, the last ones of the level */
    for (int j = 0; j < k; j++) low = lm->levels[j].child[low], high = lm->levels[j].child[high];
    memset(l->counts, 0, low * sizeof *l->counts);
    memset(l->counts + high, 0, (l->size - high) * sizeof *l->counts);
  }
  for (size_t i = 0; i < text->size; i++) {
    uint32_t at = text->position[i];
    int old = i ? shared_prefix(text, text->position[i - 1], at) : 0;
    for (int n = old > 1 ? old : 1; n < text->length[at]; n++)
      lm->levels[n - 1].counts[find_ngram(lm, text->words + at + 1, (size_t)n)]++;
  }
}

static double discount_of(const level *l, uint32_t count) { return l->discount[count < 3 ? count : 3]; }

/* The closed estimates from the numbers of n-grams that occur once to four times. Where these cannot be formed (small
 * vocabularies have no rare unigrams) fixed values keep the model proper. */
static void estimate_discounts(level *l, bool modified) {
  double n[5] = {0};
  for (size_t i = 0; i < l->size; i++)
    if (l->counts[i] < 5) n[l->counts[i]]++;
  double *d = l->discount, y = n[1] > 0 ? n[1] / (n[1] + 2 * n[2]) : 0;
  d[0] = 0;
  if (!modified) {
    d[1] = d[2] = d[3] = n[1] > 0 && n[2] > 0 ? y : 0.5;
    return;
  }
  bool usable = n[1] > 0 && n[2] > 0 && n[3] > 0;
  if (usable) {
    d[1] = 1 - 2 * y * n[2] / n[1];
    d[2] = 2 - 3 * y * n[3] / n[2];
    d[3] = 3 - 4 * y * n[4] / n[3];
    for (int j = 1; j <= 3; j++) usable = usable && d[j] >= 0 && d[j] <= j;
  }
  if (!usable) d[1] = 0.5, d[2] = 1, d[3] = 1.5;
}

static void sum_children(const level *l, size_t low, size_t high, double *total, double *mass) {
  *total = *mass = 0;
  for (size_t i = low; i < high; i++) {
    *total += l->counts[i];
    *mass += discount_of(l, l->counts[i]);
  }
}

static rapt_status check_ids(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab) {
  for (size_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= vocab)
      return rapt__fail(ctx, RAPT_EINVAL, "n-gram: id %d at position %zu is outside the vocabulary of %d", (int)ids[i],
                        i, (int)vocab);
  return RAPT_OK;
}

static rapt_status count_all(rapt__ngram *lm, const int32_t *ids, size_t count) {
  rapt__arena arena;
  corpus text = {0};
  rapt__arena_init(&arena, lm->ctx);
  rapt_status status = make_corpus(&arena, lm, ids, count, &text);
  if (status == RAPT_OK) status = make_levels(lm, &text);
  if (status == RAPT_OK) status = index_words(lm);
  if (status == RAPT_OK) {
    count_continuations(lm, &text);
    size_t marker = find_word(lm, lm->vocab);
    lm->levels[0].counts[marker] = 0; /* a context, never a prediction */
    for (int k = 0; k < lm->order; k++) estimate_discounts(&lm->levels[k], lm->modified);
    sum_children(&lm->levels[0], 0, lm->levels[0].size, &lm->total, &lm->mass);
    for (int k = 0; k + 1 < lm->order; k++) {
      level *l = &lm->levels[k];
      for (size_t i = 0; i < l->size; i++)
        sum_children(&lm->levels[k + 1], l->child[i], l->child[i + 1], &l->total[i], &l->mass[i]);
    }
  }
  rapt__arena_free(&arena);
  return status;
}

static rapt_status train(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab, int32_t end, int order,
                         bool modified, rapt__ngram **out) {
  *out = NULL;
  if (order < 1 || order > RAPT__NGRAM_MAX_ORDER)
    return rapt__fail(ctx, RAPT_EINVAL, "n-gram: order %d, but it must be 1 to %d", order, RAPT__NGRAM_MAX_ORDER);
  if (vocab < 1 || vocab == INT32_MAX || count == 0)
    return rapt__fail(ctx, RAPT_EINVAL, "n-gram: nothing to count in %zu ids over a vocabulary of %d", count,
                      (int)vocab);
  if (end >= vocab)
    return rapt__fail(ctx, RAPT_EINVAL, "n-gram: the end id %d is outside the vocabulary of %d", (int)end, (int)vocab);
  RAPT_TRY(check_ids(ctx, ids, count, vocab));
  rapt__ngram *lm = rapt__new(ctx, 1, sizeof *lm);
  if (!lm) return RAPT_ENOMEM;
  lm->ctx = ctx;
  lm->order = order;
  lm->vocab = vocab;
  lm->end = end;
  lm->modified = modified;
  rapt__arena_init(&lm->arena, ctx);
  rapt_status status = count_all(lm, ids, count);
  if (status != RAPT_OK) {
    rapt__ngram_free(lm);
    return status;
  }
  *out = lm;
  return RAPT_OK;
}

rapt_status rapt__ngram_train(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab, int order,
                              bool modified, rapt__ngram **out) {
  return train(ctx, ids, count, vocab, RAPT__NGRAM_STREAM, order, modified, out);
}

rapt_status rapt__ngram_train_sentences(rapt_context *ctx, const int32_t *ids, size_t count, int32_t vocab, int32_t end,
                                        int order, bool modified, rapt__ngram **out) {
  *out = NULL;
  if (end < 0) return rapt__fail(ctx, RAPT_EINVAL, "n-gram: sentences need an end id, not %d", (int)end);
  return train(ctx, ids, count, vocab, end, order, modified, out);
}

void rapt__ngram_free(rapt__ngram *lm) {
  if (!lm) return;
  rapt__arena_free(&lm->arena);
  rapt__free(lm->ctx, lm);
}

int rapt__ngram_order(const rapt__ngram *lm) { return lm->order; }
int32_t rapt__ngram_vocab(const rapt__ngram *lm) { return lm->vocab; }
int32_t rapt__ngram_start(const rapt__ngram *lm) { return lm->vocab; }

double rapt__ngram_discount(const rapt__ngram *lm, int order, int count) {
  if (order < 1 || order > lm->order || count < 0) return 0;
  return discount_of(&lm->levels[order - 1], (uint32_t)count);
}

/* One step of the recursion: what a context adds to the probability of the order below it. */
static double interpolate(const level *l, size_t found, double total, double mass, double lower) {
  if (total <= 0) return lower;
  double count = found == SIZE_MAX ? 0 : l->counts[found];
  double kept = found == SIZE_MAX ? 0 : count - discount_of(l, l->counts[found]);
  return (kept + mass * lower) / total;
}

/* `context` holds at most order - 1 words, the start marker only in front. */
static double prob_in(const rapt__ngram *lm, const int32_t *context, size_t n, int32_t id) {
  size_t found = find_word(lm, id);
  double p = interpolate(&lm->levels[0], found, lm->total, lm->mass, 1.0 / lm->vocab);
  for (size_t m = 1; m <= n; m++) {
    size_t at = find_ngram(lm, context + n - m, m);
    if (at == SIZE_MAX) break; /* then no longer context was seen either */
    const level *l = &lm->levels[m - 1], *next = &lm->levels[m];
    found = find(next, l->child[at], l->child[at + 1], id);
    p = interpolate(next, found, l->total[at], l->mass[at], p);
  }
  return p;
}

/* As rapt__ngram_prob, with the id that bounds contexts and what stands in its place. */
static double prob_bounded(const rapt__ngram *lm, const int32_t *context, size_t n, int32_t id, int32_t end) {
  if (id < 0 || id >= lm->vocab) return 0;
  int32_t last[RAPT__NGRAM_MAX_ORDER];
  size_t limit = (size_t)lm->order - 1, taken = 0;
  while (taken < limit && taken < n) {
    int32_t word = context[n - 1 - taken];
    bool bound = word == lm->vocab || (end >= 0 && word == end);
    if (bound && end >= 0 && end == lm->end) word = lm->vocab;
    last[limit - 1 - taken++] = word;
    if (bound) break;
  }
  return prob_in(lm, last + limit - taken, taken, id);
}

double rapt__ngram_prob(const rapt__ngram *lm, const int32_t *context, size_t n, int32_t id) {
  return prob_bounded(lm, context, n, id, lm->end);
}

void rapt__ngram_no_context(rapt__ngram_state *state) { *state = (rapt__ngram_state){0}; }

/* Adds a longer context to a state unless nothing was seen behind it, or it is as long as an n-gram. */
static void remember(const rapt__ngram *lm, rapt__ngram_state *state, size_t node) {
  uint32_t n = state->length;
  if (node == SIZE_MAX || (int)n + 1 >= lm->order || !(lm->levels[n].total[node] > 0)) return;
  state->node[state->length++] = (uint32_t)node;
}

void rapt__ngram_begin(const rapt__ngram *lm, rapt__ngram_state *state) {
  rapt__ngram_no_context(state);
  if (lm->end >= 0) remember(lm, state, find_word(lm, lm->vocab));
}

double rapt__ngram_step(const rapt__ngram *lm, const rapt__ngram_state *state, int32_t id, rapt__ngram_state *next) {
  rapt__ngram_state before = *state;
  rapt__ngram_no_context(next);
  if (id < 0 || id >= lm->vocab) return 0;
  size_t found = find_word(lm, id);
  double p = interpolate(&lm->levels[0], found, lm->total, lm->mass, 1.0 / lm->vocab);
  remember(lm, next, found);
  for (uint32_t m = 1; m <= before.length; m++) {
    size_t at = before.node[m - 1];
    const level *l = &lm->levels[m - 1];
    found = find(&lm->levels[m], l->child[at], l->child[at + 1], id);
    p = interpolate(&lm->levels[m], found, l->total[at], l->mass[at], p);
    if (next->length == m) remember(lm, next, found);
  }
  if (id == lm->end) rapt__ngram_begin(lm, next);
  return p;
}

rapt_status rapt__ngram_probs(const rapt__ngram *lm, const int32_t *ids, size_t count, int32_t end, double *out) {
  RAPT_TRY(check_ids(lm->ctx, ids, count, lm->vocab));
  if (end >= lm->vocab)
    return rapt__fail(lm->ctx, RAPT_EINVAL, "n-gram: the end id %d is outside the vocabulary of %d", (int)end,
                      (int)lm->vocab);
  for (size_t i = 0; i < count; i++) {
    size_t n = i < (size_t)lm->order ? i : (size_t)lm->order;
    /* Before the first sentence there is no end id to see, so it is handed over. */
    int32_t first[RAPT__NGRAM_MAX_ORDER + 1] = {end};
    bool open = end >= 0 && i < (size_t)lm->order;
    if (open) memcpy(first + 1, ids, i * sizeof *ids);
    out[i] = open ? prob_bounded(lm, first, i + 1, ids[i], end) : prob_bounded(lm, ids + i - n, n, ids[i], end);
  }
  return RAPT_OK;
}

rapt_status rapt__ngram_perplexity(const rapt__ngram *lm, const int32_t *ids, size_t count, int32_t end, double *out) {
  if (count == 0) return rapt__fail(lm->ctx, RAPT_EINVAL, "n-gram: no ids to measure the perplexity of");
  double *probs = rapt__new(lm->ctx, count, sizeof *probs);
  if (!probs) return RAPT_ENOMEM;
  rapt_status status = rapt__ngram_probs(lm, ids, count, end, probs);
  if (status == RAPT_OK) {
    double sum = 0;
    for (size_t i = 0; i < count; i++) sum -= log(probs[i]);
    *out = exp(sum / (double)count);
  }
  rapt__free(lm->ctx, probs);
  return status;
}

rapt_status rapt__ngram_mixture(rapt_context *ctx, const double *probs, size_t models, size_t count, int rounds,
                                double *weights) {
  if (models == 0) return rapt__fail(ctx, RAPT_EINVAL, "n-gram: a mixture of no models");
  double *share = rapt__new(ctx, models, sizeof *share);
  if (!share) return RAPT_ENOMEM;
  for (size_t m = 0; m < models; m++) weights[m] = 1.0 / (double)models;
  rapt_status status = RAPT_OK;
  double moved = 1;
  for (int round = 0; round < rounds && moved > 1e-10; round++) {
    memset(share, 0, models * sizeof *share);
    size_t used = 0;
    for (size_t i = 0; i < count; i++) {
      double p = 0;
      for (size_t m = 0; m < models; m++) p += weights[m] * probs[m * count + i];
      if (!(p > 0)) continue;
      used++;
      for (size_t m = 0; m < models; m++) share[m] += weights[m] * probs[m * count + i] / p;
    }
    if (used == 0) {
      status =
          rapt__fail(ctx, RAPT_EINVAL, "n-gram: no held-out id has a positive probability under any of the models");
      break;
    }
    moved = 0;
    for (size_t m = 0; m < models; m++) {
      double now = share[m] / (double)used;
      moved = fmax(moved, fabs(now - weights[m]));
      weights[m] = now;
    }
  }
  rapt__free(ctx, share);
  return status;
}
