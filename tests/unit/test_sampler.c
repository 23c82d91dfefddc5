/* The sampler against a plain one that sorts everything, and the edges of its options. */
#include "unit/unit.h"

#include "base/rng.h"
#include "infer/sampler.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 300 };

typedef struct entry {
  int32_t id;
  double logit, p;
} entry;

static int falling(const void *a, const void *b) {
  const entry *x = a, *y = b;
  return x->logit != y->logit ? (x->logit < y->logit ? 1 : -1) : (x->id > y->id) - (x->id < y->id);
}

static void renormalise(entry *e, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += e[i].p;
  for (int64_t i = 0; i < n; i++) e[i].p /= sum;
}

/* Which ids may be drawn, with their probabilities, best first. */
static int64_t plainly(const float *logits, int64_t v, const rapt_generate_options *o, entry *e) {
  for (int64_t i = 0; i < v; i++) e[i] = (entry){(int32_t)i, (double)logits[i] / o->temperature, 0};
  qsort(e, (size_t)v, sizeof *e, falling);
  int64_t n = o->top_k > 0 && o->top_k < v ? o->top_k : v, kept = 0;
  for (int64_t i = 0; i < n; i++) e[i].p = exp(e[i].logit - e[0].logit);
  renormalise(e, n);
  if (o->top_p > 0 && o->top_p < 1) {
    double sum = 0;
    while (kept < n && sum < o->top_p) sum += e[kept++].p;
    renormalise(e, n = kept);
  }
  for (kept = 1; o->min_p > 0 && kept < n && e[kept].p >= o->min_p * e[0].p;) kept++;
  if (o->min_p > 0) renormalise(e, n = kept);
  return n;
}

static float logits[MOST];
static rapt__candidate room[MOST];

static void draw_logits(int64_t v, uint64_t at, double spread) {
  for (int64_t i = 0; i < v; i++) logits[i] = (float)(spread * (rapt__rng_uniform(7, at << 32, (uint64_t)i) - 0.5));
}

/* The middle of each token's share of [0, 1) draws that token. */
static void draws_as_the_plain_one(void **state) {
  (void)state;
  for (uint64_t round = 0; round < 200; round++) {
    int64_t v = 1 + (int64_t)(round * 37 % MOST);
    draw_logits(v, round, round % 3 == 0 ? 2 : 12);
    rapt_generate_options o = {.temperature = round % 2 ? 0.7 : 1.3,
                               .top_k = round % 4 < 2 ? 0 : 1 + (int64_t)round % 50,
                               .top_p = round % 5 < 2 ? 0 : 0.5 + 0.09 * (double)(round % 5),
                               .min_p = round % 3 ? 0 : 0.05};
    entry e[MOST];
    int64_t n = plainly(logits, v, &o, e);
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
      if (e[i].p > 1e-9) assert_int_equal(rapt__sample_token(logits, v, NULL, 0, &o, sum + e[i].p / 2, room), e[i].id);
      sum += e[i].p;
    }
    assert_true(fabs(sum - 1) < 1e-9);
    assert_int_equal(rapt__sample_token(logits, v, NULL, 0, &o, 1 - 1e-16, room), e[n - 1].id);
  }
}

static void greedy_takes_the_lower_id_at_a_tie(void **state) {
  (void)state;
  float tied[] = {1, 3, 3, 2};
  assert_int_equal(rapt__sample_token(tied, 4, NULL, 0, &(rapt_generate_options){0}, 0.9, room), 1);
  rapt_generate_options one = {.temperature = 1, .top_k = 1};
  assert_int_equal(rapt__sample_token(tied, 4, NULL, 0, &one, 0.999, room), 1);
}

static void repetition_is_penalised_once(void **state) {
  (void)state;
  float two[] = {2, 1.5, -1};
  rapt_generate_options o = {.repetition_penalty = 1.2};
  const int32_t past[] = {0, 0, 0, 2};
  assert_int_equal(rapt__sample_token(two, 3, past, 4, &o, 0, room), 0); /* 2/1.2 > 1.5; thrice would not be */
  o.repetition_penalty = 1.5;
  assert_int_equal(rapt__sample_token(two, 3, past, 4, &o, 0, room), 1);
  assert_int_equal(rapt__sample_token(two, 3, (const int32_t[]){-5, 99}, 2, &o, 0, room),
                   0); /* strangers are ignored */
}

static void numbers_that_are_none_do_no_harm(void **state) {
  (void)state;
  float odd[] = {NAN, 1, -INFINITY, INFINITY};
  rapt_generate_options o = {.temperature = 1, .top_p = 0.9, .min_p = 0.1};
  for (int i = 0; i < 10; i++) {
    int32_t id = rapt__sample_token(odd, 4, NULL, 0, &o, i / 10.0, room);
    assert_in_range(id, 0, 3);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(draws_as_the_plain_one), cmocka_unit_test(greedy_takes_the_lower_id_at_a_tie),
      cmocka_unit_test(repetition_is_penalised_once), cmocka_unit_test(numbers_that_are_none_do_no_harm)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
