/* Lexical weights. All links of a phrase's words stay within the phrase, so that a word's factor is the same in every
 * phrase pair of its sentence: it is computed once, and a phrase's weight is a product over its words. */
#include "pbmt/phrases.h"

#include <math.h>

/* Links between words; the empty word's number is the size of the vocabulary. */
typedef struct counts {
  rapt__table pairs;               /* source << 32 | target → links */
  uint64_t *by_source, *by_target; /* (vocab + 1) */
} counts;

/* The links of one sentence pair with both sides' words, and which words have any. */
typedef struct pair {
  const int32_t *source, *target;
  size_t source_length, target_length;
  const rapt__pbmt_link *link;
  size_t links;
  int source_links[RAPT__PBMT_LONGEST], target_links[RAPT__PBMT_LONGEST];
} pair;

static void open_pair(pair *p, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                      const rapt__pbmt_links *links, size_t s) {
  p->source = rapt__pbmt_words(source, s);
  p->target = rapt__pbmt_words(target, s);
  p->source_length = rapt__pbmt_length(source, s);
  p->target_length = rapt__pbmt_length(target, s);
  p->link = links->at + links->begin[s];
  p->links = links->begin[s + 1] - links->begin[s];
  for (size_t i = 0; i < p->source_length; i++) p->source_links[i] = 0;
  for (size_t j = 0; j < p->target_length; j++) p->target_links[j] = 0;
  for (size_t k = 0; k < p->links; k++) {
    p->source_links[p->link[k].source]++;
    p->target_links[p->link[k].target]++;
  }
}

static uint64_t key_of(int32_t f, int32_t e) { return (uint64_t)(uint32_t)f << 32 | (uint32_t)e; }

static rapt_status count_link(counts *c, int32_t f, int32_t e) {
  rapt__slot *slot = rapt__table_get(&c->pairs, NULL, 0, key_of(f, e), 0);
  if (!slot) return RAPT_ENOMEM;
  slot->value++;
  c->by_source[f]++;
  c->by_target[e]++;
  return RAPT_OK;
}

static rapt_status count_pair(counts *c, const pair *p, int32_t no_source, int32_t no_target) {
  for (size_t k = 0; k < p->links; k++)
    RAPT_TRY(count_link(c, p->source[p->link[k].source], p->target[p->link[k].target]));
  for (size_t i = 0; i < p->source_length; i++)
    if (p->source_links[i] == 0) RAPT_TRY(count_link(c, p->source[i], no_target));
  for (size_t j = 0; j < p->target_length; j++)
    if (p->target_links[j] == 0) RAPT_TRY(count_link(c, no_source, p->target[j]));
  return RAPT_OK;
}

static void weigh_pair(const counts *c, const pair *p, int32_t no_source, int32_t no_target, double *source,
                       double *target) {
  for (size_t i = 0; i < p->source_length; i++) source[i] = 0;
  for (size_t j = 0; j < p->target_length; j++) target[j] = 0;
  for (size_t k = 0; k < p->links; k++) {
    int i = p->link[k].source, j = p->link[k].target;
    int32_t f = p->source[i], e = p->target[j];
    double links = (double)rapt__table_find(&c->pairs, NULL, 0, key_of(f, e))->value;
    source[i] += links / (double)c->by_target[e] / p->source_links[i];
    target[j] += links / (double)c->by_source[f] / p->target_links[j];
  }
  for (size_t i = 0; i < p->source_length; i++) {
    if (p->source_links[i] == 0)
      source[i] = (double)rapt__table_find(&c->pairs, NULL, 0, key_of(p->source[i], no_target))->value /
                  (double)c->by_target[no_target];
    source[i] = log(source[i]);
  }
  for (size_t j = 0; j < p->target_length; j++) {
    if (p->target_links[j] == 0)
      target[j] = (double)rapt__table_find(&c->pairs, NULL, 0, key_of(no_source, p->target[j]))->value /
                  (double)c->by_source[no_source];
    target[j] = log(target[j]);
  }
}

rapt_status rapt__pbmt_lexical_weigh(rapt__arena *arena, const rapt__pbmt_text *source, const rapt__pbmt_text *target,
                                     const rapt__pbmt_links *links, rapt__pbmt_lexical *out) {
  counts c = {0};
  pair p;
  size_t first_source = source->begin[0], first_target = target->begin[0];
  rapt__table_init(&c.pairs, arena->ctx);
  c.by_source = rapt__new(arena->ctx, (size_t)source->vocab + 1, sizeof *c.by_source);
  c.by_target = rapt__new(arena->ctx, (size_t)target->vocab + 1, sizeof *c.by_target);
  out->source = rapt__arena_new(arena, source->begin[source->count] - first_source, sizeof *out->source);
  out->target = rapt__arena_new(arena, target->begin[target->count] - first_target, sizeof *out->target);
  rapt_status status = c.by_source && c.by_target && out->source && out->target ? RAPT_OK : RAPT_ENOMEM;
  for (size_t s = 0; s < source->count && status == RAPT_OK; s++) {
    open_pair(&p, source, target, links, s);
    status = count_pair(&c, &p, source->vocab, target->vocab);
  }
  for (size_t s = 0; s < source->count && status == RAPT_OK; s++) {
    open_pair(&p, source, target, links, s);
    weigh_pair(&c, &p, source->vocab, target->vocab, out->source + (source->begin[s] - first_source),
               out->target + (target->begin[s] - first_target));
  }
  rapt__table_free(&c.pairs);
  rapt__free(arena->ctx, c.by_source);
  rapt__free(arena->ctx, c.by_target);
  return status;
}
