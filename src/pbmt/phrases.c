/* Extracting phrase pairs and making the table of them. */
#include "pbmt/phrases.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct phrase {
  const int32_t *words; /* in the table's copy of a text */
  int32_t length;
  uint32_t count;
} phrase;

/* A phrase pair while the text is gone through. */
typedef struct pair {
  uint32_t source, target, count;
  float lex_source, lex_target; /* the highest so far */
  uint32_t sentence;            /* where lex_target is from */
  int16_t source_at, target_at;
} pair;

typedef struct extraction {
  rapt_context *ctx;
  rapt__pbmt_phrases *out;
  rapt__pbmt_lexical lexical;
  int longest;
  rapt__table targets, numbers;      /* target phrase → number; source << 32 | target → number of the pair */
  phrase *source, *target;           /* owned */
  pair *pairs;                       /* owned */
  size_t source_count, target_count; /* phrases */
  size_t source_room, target_room, pair_count, pair_room;
  /* Of the sentence pair at hand: where its words begin in the texts' copies, and from where to where each word's links
   * reach on the other side; first > last for a word without links. */
  const int32_t *source_words, *target_words;
  const double *source_lex, *target_lex;
  uint32_t sentence;
  int source_length, target_length;
  int16_t source_first[RAPT__PBMT_LONGEST], source_last[RAPT__PBMT_LONGEST];
  int16_t target_first[RAPT__PBMT_LONGEST], target_last[RAPT__PBMT_LONGEST];
} extraction;

static rapt_status number_of(rapt__table *table, phrase **list, size_t *count, size_t *room, const int32_t *words,
                             int length, uint32_t *out) {
  rapt__slot *slot = rapt__table_get(table, (const char *)words, (size_t)length * sizeof *words, 0, (int64_t)*count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)*count) {
    RAPT_TRY(rapt__reserve(table->ctx, (void **)list, room, *count, sizeof **list));
    (*list)[(*count)++] = (phrase){words, length, 0};
  }
  *out = (uint32_t)slot->value;
  (*list)[*out].count++;
  return RAPT_OK;
}

static double sum(const double *from, int count) {
  double total = 0;
  for (int k = 0; k < count; k++) total += from[k];
  return total;
}

static rapt_status add(extraction *x, int i, int source_length, int j, int target_length) {
  uint32_t source, target;
  RAPT_TRY(number_of(&x->out->sources, &x->source, &x->source_count, &x->source_room, x->source_words + i,
                     source_length, &source));
  RAPT_TRY(number_of(&x->targets, &x->target, &x->target_count, &x->target_room, x->target_words + j, target_length,
                     &target));
  float lex_source = (float)sum(x->source_lex + i, source_length);
  float lex_target = (float)sum(x->target_lex + j, target_length);
  uint64_t key = (uint64_t)source << 32 | target;
  rapt__slot *slot = rapt__table_get(&x->numbers, NULL, 0, key, (int64_t)x->pair_count);
  if (!slot) return RAPT_ENOMEM;
  if (slot->value == (int64_t)x->pair_count) {
    if (x->pair_count == UINT32_MAX)
      return rapt__fail(x->ctx, RAPT_EINVAL, "phrases: the text has more than 2^32 different phrase pairs");
    RAPT_TRY(rapt__reserve(x->ctx, (void **)&x->pairs, &x->pair_room, x->pair_count, sizeof *x->pairs));
    x->pairs[x->pair_count++] = (pair){source, target, 0, lex_source, lex_target, x->sentence, (int16_t)i, (int16_t)j};
  }
  pair *p = &x->pairs[slot->value];
  p->count++;
  if (lex_source > p->lex_source) p->lex_source = lex_source;
  if (lex_target > p->lex_target) {
    p->lex_target = lex_target;
    p->sentence = x->sentence;
    p->source_at = (int16_t)i;
    p->target_at = (int16_t)j;
  }
  return RAPT_OK;
}

static void reach(int16_t *first, int16_t *last, int to) {
  if (to < *first) *first = (int16_t)to;
  if (to > *last) *last = (int16_t)to;
}

static void open_pair(extraction *x, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                      const rapt__pbmt_links *links, size_t s) {
  x->sentence = (uint32_t)s;
  size_t source_at = source->begin[s] - source->begin[0], target_at = target->begin[s] - target->begin[0];
  x->source_words = x->out->source_words + source_at;
  x->target_words = x->out->target_words + target_at;
  x->source_lex = x->lexical.source + source_at;
  x->target_lex = x->lexical.target + target_at;
  x->source_length = (int)rapt__pbmt_length(source, s);
  x->target_length = (int)rapt__pbmt_length(target, s);
  for (int i = 0; i < x->source_length; i++) x->source_first[i] = INT16_MAX, x->source_last[i] = -1;
  for (int j = 0; j < x->target_length; j++) x->target_first[j] = INT16_MAX, x->target_last[j] = -1;
  for (size_t k = links->begin[s]; k < links->begin[s + 1]; k++) {
    rapt__pbmt_link link = links->at[k];
    reach(&x->source_first[link.source], &x->source_last[link.source], link.target);
    reach(&x->target_first[link.target], &x->target_last[link.target], link.source);
  }
}

/* Target words without links may belong to the phrase on either side of it or to none. */
static rapt_status add_widened(extraction *x, int i, int source_length, int16_t first, int16_t last) {
  for (int from = first; from >= 0 && last - from < x->longest; from--) {
    if (from < first && x->target_last[from] >= 0) break;
    for (int to = last; to < x->target_length && to - from < x->longest; to++) {
      if (to > last && x->target_last[to] >= 0) break;
      RAPT_TRY(add(x, i, source_length, from, to - from + 1));
    }
  }
  return RAPT_OK;
}

static rapt_status extract_pair(extraction *x) {
  for (int i = 0; i < x->source_length; i++) {
    int16_t first = INT16_MAX, last = -1;
    for (int end = i; end < x->source_length && end - i < x->longest; end++) {
      if (x->source_last[end] >= 0) {
        if (x->source_first[end] < first) first = x->source_first[end];
        if (x->source_last[end] > last) last = x->source_last[end];
      }
      if (last < 0) continue;
      if (last - first >= x->longest) break;
      bool inside = true;
      for (int j = first; j <= last && inside; j++)
        inside = x->target_last[j] < 0 || (x->target_first[j] >= i && x->target_last[j] <= end);
      if (inside) RAPT_TRY(add_widened(x, i, end - i + 1, first, last));
    }
  }
  return RAPT_OK;
}

/* ---- The table ---- */

static int by_count(const void *a, const void *b) {
  const pair *x = a, *y = b;
  if (x->source != y->source) return x->source < y->source ? -1 : 1;
  if (x->count != y->count) return x->count > y->count ? -1 : 1;
  return x->target < y->target ? -1 : x->target > y->target;
}

static rapt_status make_options(extraction *x, int most) {
  rapt__pbmt_phrases *out = x->out;
  if (x->pair_count) qsort(x->pairs, x->pair_count, sizeof *x->pairs, by_count);
  out->phrases = x->source_count;
  out->first = rapt__arena_new(&out->arena, out->phrases + 1, sizeof *out->first);
  out->source = rapt__arena_new(&out->arena, out->phrases, sizeof *out->source);
  if (!out->first || !out->source) return RAPT_ENOMEM;
  for (size_t n = 0; n < out->phrases; n++)
    out->source[n] = (rapt__pbmt_source){x->source[n].words, x->source[n].length};
  for (size_t k = 0, rank = 0; k < x->pair_count; k++) {
    rank = k && x->pairs[k].source == x->pairs[k - 1].source ? rank + 1 : 0;
    out->first[x->pairs[k].source + 1] += rank < (size_t)most;
  }
  for (size_t n = 0; n < out->phrases; n++) out->first[n + 1] += out->first[n];
  out->count = out->first[out->phrases];
  out->options = rapt__arena_new(&out->arena, out->count, sizeof *out->options);
  if (!out->options) return RAPT_ENOMEM;
  for (size_t k = 0, rank = 0; k < x->pair_count; k++) {
    const pair *p = &x->pairs[k];
    rank = k && p->source == p[-1].source ? rank + 1 : 0;
    if (rank >= (size_t)most) continue;
    const phrase *target = &x->target[p->target];
    out->options[out->first[p->source] + rank] =
        (rapt__pbmt_option){.words = target->words,
                            .length = target->length,
                            .count = p->count,
                            .phi_source = log((double)p->count / target->count),
                            .phi_target = log((double)p->count / x->source[p->source].count),
                            .lex_source = p->lex_source,
                            .lex_target = p->lex_target,
                            .sentence = p->sentence,
                            .source_at = p->source_at,
                            .target_at = p->target_at};
  }
  return RAPT_OK;
}

static int32_t *copy_words(rapt__arena *arena, const rapt__pbmt_text *text) {
  size_t words = text->begin[text->count] - text->begin[0];
  int32_t *copy = rapt__arena_new(arena, words, sizeof *copy);
  if (copy && words) memcpy(copy, text->ids + text->begin[0], words * sizeof *copy);
  return copy;
}

static rapt_status extract_all(extraction *x, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                               const rapt__pbmt_links *links, rapt__arena *local) {
  x->out->source_words = copy_words(&x->out->arena, source);
  x->out->target_words = copy_words(&x->out->arena, target);
  if (!x->out->source_words || !x->out->target_words) return RAPT_ENOMEM;
  RAPT_TRY(rapt__pbmt_lexical_weigh(local, source, target, links, &x->lexical));
  for (size_t s = 0; s < source->count; s++) {
    if (s % 256 == 0 && atomic_load(&x->ctx->interrupted))
      return rapt__fail(x->ctx, RAPT_EINTERRUPTED, "extracting phrases was interrupted at sentence %zu", s + 1);
    open_pair(x, source, target, links, s);
    RAPT_TRY(extract_pair(x));
  }
  return RAPT_OK;
}

rapt_status rapt__pbmt_phrases_extract(rapt_context *ctx, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                       const rapt__pbmt_links *links, int longest, int most, rapt__pbmt_phrases *out) {
  *out = (rapt__pbmt_phrases){.ctx = ctx, .columns = rapt__pbmt_columns_first()};
  rapt__arena_init(&out->arena, ctx);
  rapt__table_init(&out->sources, ctx);
  RAPT_TRY(rapt__pbmt_check_pair(ctx, source, target));
  if (longest < 1 || longest > RAPT__PBMT_LONGEST_PHRASE || most < 1)
    return rapt__fail(ctx, RAPT_EINVAL,
                      "phrases: at most %d words and %d targets, but 1 to %d words and a target are "
                      "needed",
                      longest, most, RAPT__PBMT_LONGEST_PHRASE);
  rapt__arena local;
  rapt__arena_init(&local, ctx);
  extraction *x = rapt__new(ctx, 1, sizeof *x);
  rapt_status status = x ? RAPT_OK : RAPT_ENOMEM;
  if (x) {
    x->ctx = ctx;
    x->out = out;
    x->longest = longest;
    rapt__table_init(&x->targets, ctx);
    rapt__table_init(&x->numbers, ctx);
    status = extract_all(x, source, target, links, &local);
    rapt__table_free(&x->targets);
    rapt__table_free(&x->numbers);
    if (status == RAPT_OK) status = make_options(x, most);
    rapt__free(ctx, x->source);
    rapt__free(ctx, x->target);
    rapt__free(ctx, x->pairs);
  }
  rapt__free(ctx, x);
  rapt__arena_free(&local);
  return status;
}

void rapt__pbmt_phrases_free(rapt__pbmt_phrases *phrases) {
  if (!phrases->ctx) return;
  rapt__table_free(&phrases->sources);
  rapt__arena_free(&phrases->arena);
  rapt__free(phrases->ctx, phrases->extra);
  *phrases = (rapt__pbmt_phrases){0};
}

rapt_status rapt__pbmt_phrases_add_column(rapt__pbmt_phrases *p, const char *name, const double *values) {
  rapt__pbmt_columns names = p->columns;
  double *extra;
  size_t room;
  RAPT_TRY(rapt__pbmt_columns_add(p->ctx, &names, name));
  RAPT_TRY(rapt__pbmt_columns_append(p->ctx, p->count, p->extra_count, p->extra, values, &extra, &room));
  rapt__free(p->ctx, p->extra);
  p->extra = extra;
  p->extra_count++;
  p->columns = names;
  return RAPT_OK;
}

size_t rapt__pbmt_phrases_find(const rapt__pbmt_phrases *phrases, const int32_t *words, size_t length,
                               const rapt__pbmt_option **options) {
  const rapt__slot *slot = rapt__table_find(&phrases->sources, (const char *)words, length * sizeof *words, 0);
  if (!slot) return 0;
  *options = phrases->options + phrases->first[slot->value];
  return phrases->first[slot->value + 1] - phrases->first[slot->value];
}
