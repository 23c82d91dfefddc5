/* Word alignment: against enumeration of all alignments on tiny texts, rounds that never lower the likelihood,
 * joining. */
#include "unit/unit.h"

#include "pbmt/align.h"

#include <math.h>

static counted_memory memory;
static rapt_context *ctx;

static int set_up(void **state) {
  (void)state;
  ctx = counted_context(&memory, 1);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  close_context(&memory, ctx);
  return 0;
}

/* ---- A tiny text ---- */

enum { PAIRS = 6, SOURCES = 5, TARGETS = 6 };
static const int32_t source_ids[] = {0, 1, 2, 1, 0, 2, 2, 3, 0, 1, 3, 0};
static const size_t source_begin[] = {0, 3, 5, 8, 9, 9, 12};
static const int32_t target_ids[] = {3, 1, 0, 1, 5, 3, 0, 4, 2, 2, 5, 0, 1, 4};
static const size_t target_begin[] = {0, 3, 4, 8, 10, 11, 14};
static const rapt__pbmt_text tiny_source = {source_ids, source_begin, PAIRS, SOURCES};
static const rapt__pbmt_text tiny_target = {target_ids, target_begin, PAIRS, TARGETS};

/* Sums over all (I + 1)^J alignments of a pair, word by word from the model's definition. */
typedef struct enumeration {
  double total, post[64], best;
  int32_t best_path[8], path[8];
} enumeration;

static double move_probability(const rapt__aligner *a, rapt__align_model model, int n, int m, int i) {
  if (model == RAPT__ALIGN_IBM1) return 1.0 / (n + 1);
  return i == 0 ? RAPT__ALIGN_DEFAULTS.empty : rapt__aligner_jump(a, n, m, i);
}

static void enumerate(const rapt__aligner *a, rapt__align_model model, size_t s, size_t j, int m, double p,
                      enumeration *e) {
  int n = (int)rapt__pbmt_length(&tiny_source, s);
  size_t rows = rapt__pbmt_length(&tiny_target, s);
  if (j == rows) {
    e->total += p;
    for (size_t k = 0; k < rows; k++) e->post[k * (size_t)(n + 1) + (size_t)(e->path[k] + 1)] += p;
    if (p > e->best) {
      e->best = p;
      memcpy(e->best_path, e->path, sizeof e->path);
    }
    return;
  }
  for (int i = 0; i <= n; i++) {
    int32_t word = i ? rapt__pbmt_words(&tiny_source, s)[i - 1] : -1;
    double t = rapt__aligner_translation(a, word, rapt__pbmt_words(&tiny_target, s)[j]);
    e->path[j] = i - 1;
    enumerate(a, model, s, j + 1, i ? i : m, p * t * move_probability(a, model, n, m, i), e);
  }
}

static double path_probability(const rapt__aligner *a, rapt__align_model model, size_t s, const int32_t *path) {
  int n = (int)rapt__pbmt_length(&tiny_source, s), m = 0;
  double p = 1;
  for (size_t j = 0; j < rapt__pbmt_length(&tiny_target, s); j++) {
    int i = path[j] + 1;
    p *= rapt__aligner_translation(a, i ? rapt__pbmt_words(&tiny_source, s)[i - 1] : -1,
                                   rapt__pbmt_words(&tiny_target, s)[j]);
    p *= move_probability(a, model, n, m, i);
    if (i) m = i;
  }
  return p;
}

static void compare_with_enumeration(rapt__aligner *a, rapt__align_model model) {
  double likelihood, post[64];
  int32_t best[8];
  for (size_t s = 0; s < PAIRS; s++) {
    size_t n = rapt__pbmt_length(&tiny_source, s), rows = rapt__pbmt_length(&tiny_target, s);
    if (n == 0) continue;
    enumeration e = {0};
    enumerate(a, model, s, 0, 0, 1, &e);
    assert_ok(ctx, rapt__aligner_posteriors(a, model, s, post, &likelihood));
    assert_true(fabs(likelihood - log(e.total)) < 1e-10);
    for (size_t k = 0; k < rows * (n + 1); k++) assert_true(fabs(post[k] - e.post[k] / e.total) < 1e-10);
    assert_ok(ctx, rapt__aligner_best(a, model, s, best));
    assert_true(fabs(path_probability(a, model, s, best) - e.best) <= 1e-12 * e.best);
  }
}

static void test_enumeration(void **state) {
  (void)state;
  rapt__aligner *a;
  double likelihood;
  assert_ok(ctx, rapt__aligner_new(ctx, &tiny_source, &tiny_target, &RAPT__ALIGN_DEFAULTS, &a));
  for (int round = 0; round < 4; round++) {
    compare_with_enumeration(a, RAPT__ALIGN_IBM1);
    assert_ok(ctx, rapt__aligner_round(a, RAPT__ALIGN_IBM1, &likelihood));
  }
  for (int round = 0; round < 4; round++) {
    compare_with_enumeration(a, RAPT__ALIGN_HMM);
    assert_ok(ctx, rapt__aligner_round(a, RAPT__ALIGN_HMM, &likelihood));
  }
  rapt__aligner_free(a);
}

/* One round of the HMM on counts by enumeration: t(f | e) is the share of expected links. */
static void test_maximisation(void **state) {
  (void)state;
  rapt__aligner *a;
  double likelihood, count[SOURCES + 1][TARGETS] = {{0}}, sum[SOURCES + 1] = {0}, expected = 0;
  assert_ok(ctx, rapt__aligner_new(ctx, &tiny_source, &tiny_target, &RAPT__ALIGN_DEFAULTS, &a));
  assert_ok(ctx, rapt__aligner_round(a, RAPT__ALIGN_IBM1, &likelihood));
  for (size_t s = 0; s < PAIRS; s++) {
    size_t n = rapt__pbmt_length(&tiny_source, s), rows = rapt__pbmt_length(&tiny_target, s);
    if (n == 0) continue;
    enumeration e = {0};
    enumerate(a, RAPT__ALIGN_HMM, s, 0, 0, 1, &e);
    expected += log(e.total);
    for (size_t j = 0; j < rows; j++)
      for (size_t i = 0; i <= n; i++) {
        size_t word = i ? (size_t)rapt__pbmt_words(&tiny_source, s)[i - 1] : SOURCES;
        count[word][rapt__pbmt_words(&tiny_target, s)[j]] += e.post[j * (n + 1) + i] / e.total;
      }
  }
  assert_ok(ctx, rapt__aligner_round(a, RAPT__ALIGN_HMM, &likelihood));
  assert_true(fabs(likelihood - expected) < 1e-10);
  for (size_t word = 0; word <= SOURCES; word++) {
    for (size_t f = 0; f < TARGETS; f++) sum[word] += count[word][f];
    for (int32_t f = 0; f < TARGETS && sum[word] > 0; f++) {
      double t = rapt__aligner_translation(a, word == SOURCES ? -1 : (int32_t)word, f);
      assert_true(fabs(t - count[word][f] / sum[word]) < 1e-10);
    }
  }
  for (int m = 0; m <= 3; m++) {
    double all = RAPT__ALIGN_DEFAULTS.empty;
    for (int i = 1; i <= 3; i++) all += rapt__aligner_jump(a, 3, m, i);
    assert_true(fabs(all - 1) < 1e-12);
  }
  rapt__aligner_free(a);
}

/* ---- A larger made-up text: words translate one to one, the order moves a little, some words come from nowhere
 * ---- */

enum { MANY = 600, WORDS = 40 };
static int32_t many_source_ids[MANY * 12], many_target_ids[MANY * 24];
static size_t many_source_begin[MANY + 1], many_target_begin[MANY + 1];
static const rapt__pbmt_text many_source = {many_source_ids, many_source_begin, MANY, WORDS};
static const rapt__pbmt_text many_target = {many_target_ids, many_target_begin, MANY, WORDS + 2};

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

static void make_text(void) {
  uint32_t seed = 5;
  size_t sources = 0, targets = 0;
  for (size_t s = 0; s < MANY; s++) {
    size_t n = 1 + draw(&seed, 12);
    int32_t *e = many_source_ids + sources;
    for (size_t i = 0; i < n; i++) e[i] = (int32_t)(draw(&seed, WORDS) * draw(&seed, WORDS) / WORDS);
    for (size_t i = 0; i < n; i++) {
      bool swap = i + 1 < n && draw(&seed, 4) == 0;
      if (draw(&seed, 6) == 0) many_target_ids[targets++] = WORDS + (int32_t)draw(&seed, 2);
      many_target_ids[targets++] = (e[swap ? i + 1 : i] * 7 + 3) % WORDS;
      if (swap) many_target_ids[targets++] = (e[i++] * 7 + 3) % WORDS;
    }
    many_source_begin[s + 1] = sources += n;
    many_target_begin[s + 1] = targets;
  }
}

static void test_likelihood_rises(void **state) {
  (void)state;
  make_text();
  for (int direction = 0; direction < 2; direction++) {
    rapt__aligner *a;
    double before = -INFINITY, now;
    assert_ok(ctx, rapt__aligner_new(ctx, direction ? &many_target : &many_source,
                                     direction ? &many_source : &many_target, &RAPT__ALIGN_DEFAULTS, &a));
    for (int model = RAPT__ALIGN_IBM1; model <= RAPT__ALIGN_HMM; model++, before = -INFINITY)
      for (int round = 0; round < 25; round++, before = now) {
        assert_ok(ctx, rapt__aligner_round(a, (rapt__align_model)model, &now));
        assert_true(now >= before - 1e-9 * fabs(before));
        if (round == 1) assert_true(now > before + 1);
      }
    rapt__aligner_free(a);
  }
}

static void test_finds_the_translation(void **state) {
  (void)state;
  make_text();
  rapt__align_settings settings = RAPT__ALIGN_DEFAULTS;
  rapt__pbmt_links links;
  for (int model = RAPT__ALIGN_IBM1; model <= RAPT__ALIGN_HMM; model++) {
    size_t right = 0, words = 0;
    settings.model = (rapt__align_model)model;
    assert_ok(ctx, rapt__align_text(ctx, &many_source, &many_target, &settings, &links));
    for (size_t s = 0; s < MANY; s++)
      for (size_t k = links.begin[s]; k < links.begin[s + 1]; k++) {
        int32_t e = rapt__pbmt_words(&many_source, s)[links.at[k].source];
        right += rapt__pbmt_words(&many_target, s)[links.at[k].target] == (e * 7 + 3) % WORDS;
      }
    words = many_source_begin[MANY];
    /* Model 1 cannot tell apart two places of the same word, and leaves the second without a link. */
    assert_true(right > words * (model == RAPT__ALIGN_HMM ? 97 : 90) / 100);
    assert_true(links.size - right < words * 3 / 100);
    rapt__pbmt_links_free(&links);
  }
}

static void test_threads(void **state) {
  (void)state;
  make_text();
  rapt__pbmt_links links[2];
  double likelihood[2];
  for (int k = 0; k < 2; k++) {
    rapt_context *own;
    rapt__aligner *a;
    assert_int_equal(rapt_context_new(&own, &(rapt_options){.threads = 1 + 2 * k}), RAPT_OK);
    assert_ok(own, rapt__aligner_new(own, &many_source, &many_target, &RAPT__ALIGN_DEFAULTS, &a));
    for (int round = 0; round < 6; round++)
      assert_ok(own, rapt__aligner_round(a, round < 3 ? RAPT__ALIGN_IBM1 : RAPT__ALIGN_HMM, &likelihood[k]));
    rapt__aligner_free(a);
    rapt__pbmt_links theirs;
    assert_ok(own, rapt__align_text(own, &many_source, &many_target, &RAPT__ALIGN_DEFAULTS, &theirs));
    assert_ok(ctx, rapt__pbmt_links_init(&links[k], ctx, MANY));
    for (size_t s = 0; s < MANY; s++) {
      for (size_t l = theirs.begin[s]; l < theirs.begin[s + 1]; l++)
        assert_ok(ctx, rapt__pbmt_links_add(&links[k], theirs.at[l].source, theirs.at[l].target));
      rapt__pbmt_links_end(&links[k], s);
    }
    rapt__pbmt_links_free(&theirs);
    rapt_context_free(own);
  }
  assert_true(likelihood[0] == likelihood[1]);
  assert_int_equal(links[0].size, links[1].size);
  assert_memory_equal(links[0].at, links[1].at, links[0].size * sizeof *links[0].at);
  rapt__pbmt_links_free(&links[0]);
  rapt__pbmt_links_free(&links[1]);
}

/* ---- Joining ---- */

static void expect_joined(rapt__align_join join, const int32_t *forward, size_t target_length, const int32_t *backward,
                          size_t source_length, const char *wanted) {
  uint8_t marks[256];
  rapt__pbmt_links links;
  rapt__text text;
  rapt__text_init(&text, ctx);
  assert_ok(ctx, rapt__pbmt_links_init(&links, ctx, 1));
  assert_ok(ctx, rapt__align_join_pair(join, forward, target_length, backward, source_length, marks, &links));
  rapt__pbmt_links_end(&links, 0);
  assert_ok(ctx, rapt__pbmt_links_print(&links, 0, &text));
  assert_string_equal(text.data ? text.data : "", wanted);
  rapt__text_free(&text);
  rapt__pbmt_links_free(&links);
}

static void test_joining(void **state) {
  (void)state;
  /* Forward links 0-0 1-1 1-2 3-3, backward links 0-0 1-1 2-2 4-4. */
  const int32_t forward[] = {0, 1, 1, 3, -1}, backward[] = {0, 1, 2, -1, 4};
  expect_joined(RAPT__ALIGN_FORWARD, forward, 5, backward, 5, "0-0 1-1 1-2 3-3");
  expect_joined(RAPT__ALIGN_BACKWARD, forward, 5, backward, 5, "0-0 1-1 2-2 4-4");
  expect_joined(RAPT__ALIGN_INTERSECTION, forward, 5, backward, 5, "0-0 1-1");
  expect_joined(RAPT__ALIGN_UNION, forward, 5, backward, 5, "0-0 1-1 1-2 2-2 3-3 4-4");
  /* From 1-1 grow 1-2 (right) and then, over the diagonal or from 1-2, 2-2; from 2-2 grow 3-3, from there 4-4. */
  expect_joined(RAPT__ALIGN_GDFA, forward, 5, backward, 5, "0-0 1-1 1-2 2-2 3-3 4-4");
  /* Nothing touches 0-0: 2-2 joins in the end as both words are free, 0-2 does not, as 0 has a link. */
  const int32_t far_forward[] = {0, -1, 0}, far_backward[] = {0, -1, 2};
  expect_joined(RAPT__ALIGN_GDFA, far_forward, 3, far_backward, 3, "0-0 2-2");
  expect_joined(RAPT__ALIGN_GDFA, (const int32_t[]){-1}, 1, (const int32_t[]){-1}, 1, "");
  expect_joined(RAPT__ALIGN_GDFA, NULL, 0, (const int32_t[]){-1}, 1, "");
}

/* ---- Refusals and memory ---- */

static void test_refusals(void **state) {
  (void)state;
  rapt__aligner *a;
  rapt__align_settings settings = RAPT__ALIGN_DEFAULTS;
  rapt__pbmt_text bad = tiny_source;
  double likelihood, post[64];
  bad.count--;
  assert_fails(ctx, rapt__aligner_new(ctx, &bad, &tiny_target, &settings, &a), RAPT_EINVAL, "5 sentences");
  bad = tiny_source;
  bad.vocab = 3;
  assert_fails(ctx, rapt__aligner_new(ctx, &bad, &tiny_target, &settings, &a), RAPT_EINVAL, "sentence 3, word 3");
  static int32_t zeros[RAPT__PBMT_LONGEST + 1];
  const size_t begin[] = {0, RAPT__PBMT_LONGEST + 1};
  const rapt__pbmt_text longest = {zeros, begin, 1, 1};
  assert_fails(ctx, rapt__aligner_new(ctx, &longest, &longest, &settings, &a), RAPT_EINVAL, "1001 words");
  settings.empty = 1;
  assert_fails(ctx, rapt__aligner_new(ctx, &tiny_source, &tiny_target, &settings, &a), RAPT_EINVAL, "empty word");
  assert_ok(ctx, rapt__aligner_new(ctx, &tiny_source, &tiny_target, &RAPT__ALIGN_DEFAULTS, &a));
  assert_fails(ctx, rapt__aligner_posteriors(a, RAPT__ALIGN_HMM, PAIRS, post, &likelihood), RAPT_EINVAL, "pair 7");
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt__aligner_round(a, RAPT__ALIGN_HMM, &likelihood), RAPT_EINTERRUPTED, "interrupted");
  rapt__aligner_free(a);
}

static void test_longest_sentence(void **state) {
  (void)state;
  static int32_t ids[RAPT__PBMT_LONGEST];
  const size_t begin[] = {0, RAPT__PBMT_LONGEST};
  for (int i = 0; i < RAPT__PBMT_LONGEST; i++) ids[i] = i % 50;
  const rapt__pbmt_text text = {ids, begin, 1, 50};
  rapt__aligner *a;
  double likelihood;
  assert_ok(ctx, rapt__aligner_new(ctx, &text, &text, &RAPT__ALIGN_DEFAULTS, &a));
  for (int round = 0; round < 2; round++) {
    assert_ok(ctx, rapt__aligner_round(a, RAPT__ALIGN_HMM, &likelihood));
    assert_true(isfinite(likelihood));
  }
  rapt__aligner_free(a);
}

static void test_out_of_memory(void **state) {
  (void)state;
  long failures = 0, live = memory.live;
  for (long n = 1;; n++) {
    rapt__pbmt_links links;
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt__align_text(ctx, &tiny_source, &tiny_target, &RAPT__ALIGN_DEFAULTS, &links);
    memory.fail_at = 0;
    rapt__pbmt_links_free(&links);
    rapt_context_clear(ctx);
    assert_int_equal(memory.live, live);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 8);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_enumeration),      cmocka_unit_test(test_maximisation),
      cmocka_unit_test(test_likelihood_rises), cmocka_unit_test(test_finds_the_translation),
      cmocka_unit_test(test_threads),          cmocka_unit_test(test_joining),
      cmocka_unit_test(test_refusals),         cmocka_unit_test(test_longest_sentence),
      cmocka_unit_test(test_out_of_memory)};
  return cmocka_run_group_tests_name("align", tests, set_up, tear_down);
}
