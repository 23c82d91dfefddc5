/* Choosing the next token. */
#include "infer/sampler.h"

#include <math.h>
#include <stdlib.h>

static int by_logit(const void *a, const void *b) {
  const rapt__candidate *x = a, *y = b;
  if (x->logit != y->logit) return x->logit < y->logit ? 1 : -1;
  return (x->id > y->id) - (x->id < y->id);
}

static void penalise(rapt__candidate *all, int64_t vocabulary, const int32_t *past, int64_t count, double penalty) {
  for (int64_t i = 0; i < count; i++) {
    rapt__candidate *c = &all[past[i]];
    if (past[i] < 0 || past[i] >= vocabulary || c->p != 0) continue; /* p marks what was penalised already */
    c->logit = c->logit > 0 ? c->logit / penalty : c->logit * penalty;
    c->p = 1;
  }
}

/* Probabilities of the first n, which are in falling order. */
static void normalise(rapt__candidate *all, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += all[i].p = exp(all[i].logit - all[0].logit);
  for (int64_t i = 0; i < n; i++) all[i].p /= sum;
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
  qsort(room, (size_t)vocabulary, sizeof *room, by_logit);
  int64_t n = o->top_k > 0 && o->top_k < vocabulary ? o->top_k : vocabulary;
  normalise(room, n);
  if (o->top_p > 0 && o->top_p < 1) {
    double sum = 0;
    int64_t kept = 0;
    while (kept < n && sum < o->top_p) sum += room[kept++].p;
    n = kept;
    normalise(room, n);
  }
  if (o->min_p > 0) {
    int64_t kept = 1;
    while (kept < n && room[kept].p >= o->min_p * room[0].p) kept++;
    n = kept;
    normalise(room, n);
  }
  double sum = 0;
  for (int64_t i = 0; i < n - 1; i++) {
    sum += room[i].p;
    if (uniform < sum) return room[i].id;
  }
  return room[n - 1].id;
}
