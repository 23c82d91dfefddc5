/* Filling the stacks. Ties are decided by the order in which hypotheses were made, so that a search always gives the
 * same graph. */
#include "pbmt/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The hypotheses with so many source words translated. */
typedef struct stack {
  rapt__pbmt_node **nodes; /* [count] owned */
  size_t count, room;
  rapt__pbmt_node **slots; /* [size] owned; hash → chain of nodes */
  size_t size;
  double best, cut; /* highest total; below it nothing new comes in */
} stack;

typedef struct search {
  rapt__pbmt_graph *g;
  stack *stacks; /* (length + 1) */
} search;

/* A hypothesis that may become a node. */
typedef struct candidate {
  rapt__pbmt_node node;
  rapt__pbmt_arc arc;
} candidate;

static bool is_covered(const uint64_t *cover, int i) { return cover[i / 64] >> i % 64 & 1; }

/* ---- Stacks ---- */

static uint64_t mix(uint64_t h, uint64_t value) {
  h = (h ^ value) * 0x9e3779b97f4a7c15ULL;
  return h ^ h >> 29;
}

static uint64_t hash_of(const rapt__pbmt_node *n) {
  uint64_t h = (uint64_t)n->last << 8 | n->state.length;
  for (int k = 0; k < RAPT__PBMT_COVER; k++) h = mix(h, n->cover[k]);
  for (uint32_t k = 0; k < n->state.length; k++) h = mix(h, n->state.node[k]);
  return h;
}

static bool is_alike(const rapt__pbmt_node *a, const rapt__pbmt_node *b) {
  return a->last == b->last && a->state.length == b->state.length && memcmp(a->cover, b->cover, sizeof a->cover) == 0 &&
         memcmp(a->state.node, b->state.node, a->state.length * sizeof *a->state.node) == 0;
}

static void chain(stack *s, rapt__pbmt_node *node) {
  rapt__pbmt_node **slot = &s->slots[hash_of(node) & (s->size - 1)];
  node->chain = *slot;
  *slot = node;
}

static rapt_status make_slots(rapt_context *ctx, stack *s) {
  if (s->count < s->size) return RAPT_OK;
  size_t size = s->size ? 2 * s->size : 64;
  rapt__pbmt_node **slots = rapt__new(ctx, size, sizeof *slots);
  if (!slots) return RAPT_ENOMEM;
  rapt__free(ctx, s->slots);
  s->slots = slots;
  s->size = size;
  for (size_t k = 0; k < s->count; k++) chain(s, s->nodes[k]);
  return RAPT_OK;
}

static int by_total(const void *a, const void *b) {
  const rapt__pbmt_node *x = *(rapt__pbmt_node *const *)a, *y = *(rapt__pbmt_node *const *)b;
  if (x->total != y->total) return x->total > y->total ? -1 : 1;
  return x->serial < y->serial ? -1 : x->serial > y->serial;
}

/* Keeps the best, sorted. */
static void prune(const rapt__pbmt_search *settings, stack *s) {
  if (s->count == 0) return;
  qsort(s->nodes, s->count, sizeof *s->nodes, by_total);
  if (settings->stack > 0 && s->count >= (size_t)settings->stack) {
    s->count = (size_t)settings->stack;
    s->cut = fmax(s->cut, s->nodes[s->count - 1]->total);
  }
  while (s->count > 1 && s->nodes[s->count - 1]->total < s->best - settings->threshold) s->count--;
  memset(s->slots, 0, s->size * sizeof *s->slots);
  for (size_t k = 0; k < s->count; k++) chain(s, s->nodes[k]);
}

static rapt_status add_arc(rapt__pbmt_graph *g, rapt__pbmt_node *node, const candidate *c) {
  rapt__pbmt_arc *arc = rapt__arena_new(&g->arena, 1, sizeof *arc);
  if (!arc) return RAPT_ENOMEM;
  *arc = c->arc;
  arc->next = node->arcs;
  node->arcs = arc;
  return RAPT_OK;
}

static rapt_status push(search *x, stack *s, const candidate *c) {
  const rapt__pbmt_search *settings = &x->g->decoder->search;
  rapt_context *ctx = x->g->decoder->ctx;
  if (c->node.total < s->cut || c->node.total < s->best - settings->threshold) return RAPT_OK;
  rapt__pbmt_node *node = s->size ? s->slots[hash_of(&c->node) & (s->size - 1)] : NULL;
  while (node && !is_alike(node, &c->node)) node = node->chain;
  if (!node) {
    RAPT_TRY(make_slots(ctx, s));
    RAPT_TRY(rapt__reserve(ctx, (void **)&s->nodes, &s->room, s->count, sizeof *s->nodes));
    node = rapt__arena_new(&x->g->arena, 1, sizeof *node);
    if (!node) return RAPT_ENOMEM;
    *node = c->node;
    node->serial = x->g->serial++;
    s->nodes[s->count++] = node;
    chain(s, node);
  } else if (c->node.score > node->score) {
    node->score = c->node.score;
    node->total = c->node.total;
  }
  s->best = fmax(s->best, node->total);
  RAPT_TRY(add_arc(x->g, node, c));
  if (settings->stack > 0 && s->count >= 2 * (size_t)settings->stack) prune(settings, s);
  return RAPT_OK;
}

/* ---- Growing ---- */

/* The estimate of what is left: all stretches without translation. */
static double future_of(const rapt__pbmt_graph *g, const uint64_t *cover) {
  double sum = 0;
  for (int i = 0; i < g->length; i++) {
    if (is_covered(cover, i)) continue;
    int begin = i;
    while (i < g->length && !is_covered(cover, i)) i++;
    sum += *rapt__pbmt_future(g, begin, i);
  }
  return sum;
}

/* How much better, in nats, the language model may find a phrase in its place than alone: what lies further below
 * the stack is not worth asking it. */
static const double surprise = 4;

static rapt_status grow(search *x, const rapt__pbmt_node *from, int covered, int begin, int end) {
  rapt__pbmt_graph *g = x->g;
  const rapt__pbmt_decoder *d = g->decoder;
  candidate c = {.node = {.last = end}, .arc = {.from = from, .jump = abs(begin - from->last)}};
  memcpy(c.node.cover, from->cover, sizeof c.node.cover);
  for (int i = begin; i < end; i++) c.node.cover[i / 64] |= (uint64_t)1 << i % 64;
  double future = future_of(g, c.node.cover);
  stack *to = &x->stacks[covered + end - begin];
  for (size_t k = rapt__pbmt_span_at(g, begin, end); k < rapt__pbmt_span_end(g, begin, end); k++) {
    const rapt__pbmt_choice *choice = &g->choices[k];
    double alone = from->score + choice->estimate - d->weights[RAPT__PBMT_DISTORTION] * c.arc.jump + future;
    if (alone + surprise * fabs(d->weights[RAPT__PBMT_LM]) < to->cut) continue;
    c.node.state = from->state;
    c.arc.choice = choice;
    c.arc.lm = 0;
    for (int w = 0; w < choice->length; w++)
      c.arc.lm += log(rapt__ngram_step(d->lm, &c.node.state, choice->words[w], &c.node.state));
    c.arc.score = choice->score + d->weights[RAPT__PBMT_LM] * c.arc.lm - d->weights[RAPT__PBMT_DISTORTION] * c.arc.jump;
    c.node.score = from->score + c.arc.score;
    c.node.total = c.node.score + future;
    RAPT_TRY(push(x, to, &c));
  }
  return RAPT_OK;
}

/* A phrase may begin where the jump is short enough, and only if from its end one can jump back to the first word that
 * would be left: so no hypothesis ever gets stuck. */
static rapt_status expand(search *x, const rapt__pbmt_node *from, int covered) {
  const rapt__pbmt_graph *g = x->g;
  int limit = g->decoder->search.distortion, gap = 0;
  while (is_covered(from->cover, gap)) gap++;
  for (int begin = gap; begin < g->length; begin++) {
    if (limit >= 0 && abs(begin - from->last) > limit) continue;
    for (int end = begin + 1; end <= g->length && end - begin <= RAPT__PBMT_LONGEST_PHRASE; end++) {
      if (is_covered(from->cover, end - 1)) break;
      if (limit >= 0 && begin > gap && end - gap > limit) break;
      RAPT_TRY(grow(x, from, covered, begin, end));
    }
  }
  return RAPT_OK;
}

static rapt_status finish(rapt__pbmt_graph *g, const stack *last) {
  const rapt__pbmt_decoder *d = g->decoder;
  g->goal = rapt__arena_new(&g->arena, 1, sizeof *g->goal);
  if (!g->goal) return RAPT_ENOMEM;
  g->goal->score = -INFINITY;
  for (size_t k = last->count; k-- > 0;) {
    candidate c = {.arc = {.from = last->nodes[k]}};
    rapt__ngram_state state;
    c.arc.lm = log(rapt__ngram_step(d->lm, &last->nodes[k]->state, d->end, &state));
    c.arc.score = d->weights[RAPT__PBMT_LM] * c.arc.lm;
    g->goal->score = fmax(g->goal->score, last->nodes[k]->score + c.arc.score);
    RAPT_TRY(add_arc(g, g->goal, &c));
  }
  return RAPT_OK;
}

static rapt_status fill(search *x) {
  rapt__pbmt_graph *g = x->g;
  for (int k = 0; k <= g->length; k++) x->stacks[k].best = x->stacks[k].cut = -INFINITY;
  candidate first = {0};
  rapt__ngram_begin(g->decoder->lm, &first.node.state);
  first.node.total = g->length ? *rapt__pbmt_future(g, 0, g->length) : 0;
  RAPT_TRY(push(x, &x->stacks[0], &first));
  g->start = x->stacks[0].nodes[0];
  g->start->arcs = NULL; /* it has no step before it */
  for (int k = 0; k < g->length; k++) {
    stack *s = &x->stacks[k];
    prune(&g->decoder->search, s);
    for (size_t n = 0; n < s->count; n++) RAPT_TRY(expand(x, s->nodes[n], k));
  }
  prune(&g->decoder->search, &x->stacks[g->length]);
  return finish(g, &x->stacks[g->length]);
}

rapt_status rapt__pbmt_graph_search(rapt__pbmt_graph *g) {
  rapt_context *ctx = g->decoder->ctx;
  search x = {.g = g, .stacks = rapt__new(ctx, (size_t)g->length + 1, sizeof *x.stacks)};
  if (!x.stacks) return RAPT_ENOMEM;
  rapt_status status = fill(&x);
  for (int k = 0; k <= g->length; k++) {
    rapt__free(ctx, x.stacks[k].nodes);
    rapt__free(ctx, x.stacks[k].slots);
  }
  rapt__free(ctx, x.stacks);
  return status;
}
