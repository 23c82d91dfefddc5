/* Choosing the next token. */
#include "infer/sampler.h"

#include <math.h>

static bool before(const rapt__candidate *a, const rapt__candidate *b) {
  return a->logit != b->logit ? a->logit > b->logit : a->id < b->id;
}

/* Candidates [0, n) as a heap whose best is on top. */
static void sink(rapt__candidate *heap, int64_t n, int64_t at) {
  rapt__candidate moving = heap[at];
  for (int64_t child; (child = 2 * at + 1) < n; at = child) {
    if (child + 1 < n && before(&heap[child + 1], &heap[child])) child++;
    if (!before(&heap[child], &moving)) break;
    heap[at] = heap[child];
  }
  heap[at] = moving;
}

/* The candidates in falling order, taken from the heap only as far as somebody looks: taken ones lie at the end of the array,
 * the best at the very end. */
typedef struct ranking {
  rapt__candidate *all;
  int64_t count, taken;
} ranking;

static void rank(ranking *r) {
  for (int64_t i = r->count / 2 - 1; i >= 0; i--) sink(r->all, r->count, i);
}

static rapt__candidate *at_rank(ranking *r, int64_t i) {
  while (r->taken <= i) {
    int64_t last = r->count - 1 - r->taken++;
    rapt__candidate best = r->all[0];
    r->all[0] = r->all[last];
    sink(r->all, last, 0);
    r->all[last] = best;
  }
  return &r->all[r->count - 1 - i];
}

static void penalise(rapt__candidate *all, int64_t vocabulary, const int32_t *past, int64_t count, double penalty) {
  for (int64_t i = 0; i < count; i++) {
    rapt__candidate *c = &all[past[i]];
    if (past[i] < 0 || past[i] >= vocabulary || c->p != 0) continue; /* p marks what was penalised already */
    c->logit = c->logit > 0 ? c->logit / penalty : c->logit * penalty;
    c->p = 1;
  }
}

/* How many of the best top-k, top-p and min-p leave; *mass is the sum of their weights p = exp(logit − best). */
static int64_t keep(ranking *r, const rapt_generate_options *o, double *mass) {
  int64_t n = r->count;
  double best = at_rank(r, 0)->logit;
  *mass = 0;
  for (int64_t i = 0; i < n; i++) r->all[i].p = exp(r->all[i].logit - best);
  if (o->top_k > 0 && o->top_k < n) {
    n = o->top_k;
    for (int64_t i = 0; i < n; i++) *mass += at_rank(r, i)->p;
  } else {
    for (int64_t i = 0; i < n; i++) *mass += r->all[i].p;
  }
  if (o->top_p > 0 && o->top_p < 1) {
    double sum = 0;
    int64_t kept = 0;
    while (kept < n && sum < o->top_p * *mass) sum += at_rank(r, kept++)->p;
    n = kept;
    *mass = sum;
  }
  if (o->min_p > 0) {
    double sum = 1;
    int64_t kept = 1;
    while (kept < n && at_rank(r, kept)->p >= o->min_p) sum += at_rank(r, kept++)->p;
    n = kept;
    *mass = sum;
  }
  return n;
}

int32_t rapt__sample_token(const float *logits, int64_t vocabulary, const int32_t *past, int64_t past_count,
                           const rapt_generate_options *o, double uniform, rapt__candidate *room) {
  for (int64_t i = 0; i < vocabulary; i++) room[i] = (rapt__candidate){(int32_t)i, (double)logits[i], 0};
  if (o->repetition_penalty > 0 && o->repetition_penalty != 1)
    penalise(room, vocabulary, past, past_count, o->repetition_penalty);
  if (o->temperature <= 0) {
    int64_t best = 0;
    for (int64_t i = 1; i < vocabulary; i++)
      if (room[i].logit > room[best].logit) best = i;
    return room[best].id;
  }
  for (int64_t i = 0; i < vocabulary; i++) room[i].logit /= o->temperature;
  ranking r = {room, vocabulary, 0};
  double mass, sum = 0;
  rank(&r);
  int64_t n = keep(&r, o, &mass), i = 0;
  while (i < n - 1 && (sum += at_rank(&r, i)->p) <= uniform * mass) i++;
  return at_rank(&r, i)->id;
}
