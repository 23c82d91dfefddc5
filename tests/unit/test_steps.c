/* Alignments as one-to-one steps: examples worked out by hand, properties of random alignments, the links of a translation;
 * and running text as words. */
#include "unit/unit.h"

#include "pbmt/plain.h"
#include "pbmt/segment.h"
#include "pbmt/sequences.h"
#include "pbmt/steps.h"

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

enum { A = RAPT__STEP_ALIGNED, U = RAPT__STEP_UNALIGNED, MOST = 16 };

typedef struct example {
  const char *what;
  int source_length, target_length, links, steps;
  rapt__pbmt_link link[MOST];
  rapt__pbmt_step step[2 * MOST];
} example;

static const example examples[] = {
    {"one to one, in order", 2, 2, 2, 2, {{0, 0}, {1, 1}}, {{0, 0}, {1, 1}}},
    {"one to one, swapped: the target's order stands", 2, 2, 2, 2, {{0, 1}, {1, 0}}, {{1, 0}, {0, 1}}},
    {"one source word, three target words: the first takes it",
     1,
     3,
     3,
     3,
     {{0, 0}, {0, 1}, {0, 2}},
     {{0, 0}, {A, 1}, {A, 2}}},
    {"three source words, one target word: the first stands with it",
     3,
     1,
     3,
     3,
     {{0, 0}, {1, 0}, {2, 0}},
     {{0, 0}, {1, A}, {2, A}}},
    {"a target word without link", 2, 3, 2, 3, {{0, 0}, {1, 2}}, {{0, 0}, {U, 1}, {1, 2}}},
    {"a source word without link: behind the source word before it",
     3,
     2,
     2,
     3,
     {{0, 1}, {2, 0}},
     {{2, 0}, {0, 1}, {1, U}}},
    {"source words without link at the front and at the end", 4, 1, 1, 4, {{2, 0}}, {{0, U}, {1, U}, {2, 0}, {3, U}}},
    {"no links at all", 2, 2, 0, 4, {{0, 0}}, {{0, U}, {1, U}, {U, 0}, {U, 1}}},
    {"all with all: the second source word waits for the second target word",
     2,
     2,
     4,
     2,
     {{0, 0}, {0, 1}, {1, 0}, {1, 1}},
     {{0, 0}, {1, 1}}},
    {"two with three: the third finds all taken",
     2,
     3,
     6,
     3,
     {{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}},
     {{0, 0}, {1, 1}, {A, 2}}},
    {"a word that waited follows, as an earlier one is free",
     3,
     2,
     4,
     3,
     {{0, 1}, {1, 0}, {2, 0}, {2, 1}},
     {{1, 0}, {0, 1}, {2, A}}},
    {"a source word without link behind one that follows", 3, 1, 2, 3, {{0, 0}, {1, 0}}, {{0, 0}, {1, A}, {2, U}}},
    {"nothing", 0, 0, 0, 0, {{0, 0}}, {{0, 0}}},
};

static void test_examples(void **state) {
  (void)state;
  for (size_t n = 0; n < sizeof examples / sizeof *examples; n++) {
    const example *e = &examples[n];
    uint8_t taken[MOST];
    rapt__pbmt_step out[2 * MOST];
    size_t count =
        rapt__pbmt_steps((size_t)e->source_length, (size_t)e->target_length, e->link, (size_t)e->links, taken, out);
    if (count != (size_t)e->steps) fail_msg("%s: %zu steps", e->what, count);
    for (size_t k = 0; k < count; k++)
      if (out[k].source != e->step[k].source || out[k].target != e->step[k].target)
        fail_msg("%s: step %zu is %d-%d", e->what, k, out[k].source, out[k].target);
  }
}

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* Every word of both sides comes once, target words in order; a pair of words has a link; UNALIGNED stands beside words
 * without links and ALIGNED beside words with links. */
static void test_properties(void **state) {
  (void)state;
  uint32_t seed = 7;
  for (int n = 0; n < 2000; n++) {
    int I = (int)draw(&seed, 8), J = (int)draw(&seed, 8), one_in = 1 + (int)draw(&seed, 9);
    rapt__pbmt_link link[64];
    bool linked[8][8] = {{false}}, left[8] = {false}, right[8] = {false};
    size_t count = 0;
    for (int i = 0; i < I; i++)
      for (int j = 0; j < J; j++)
        if (draw(&seed, (uint32_t)one_in) == 0) {
          link[count++] = (rapt__pbmt_link){(int16_t)i, (int16_t)j};
          linked[i][j] = left[i] = right[j] = true;
        }
    uint8_t taken[8];
    rapt__pbmt_step out[16];
    size_t steps = rapt__pbmt_steps((size_t)I, (size_t)J, link, count, taken, out);
    int sources = 0, next = 0, came[8] = {0};
    for (size_t k = 0; k < steps; k++) {
      int i = out[k].source, j = out[k].target;
      assert_true(i >= 0 || j >= 0);
      if (j >= 0) assert_int_equal(j, next++);
      if (i >= 0) came[i]++, sources++;
      if (i >= 0 && j >= 0) assert_true(linked[i][j]);
      if (i < 0) assert_int_equal(i, right[j] ? A : U);
      if (j < 0) assert_int_equal(j, left[i] ? A : U);
    }
    assert_int_equal(next, J);
    assert_int_equal(sources, I);
    for (int i = 0; i < I; i++) assert_int_equal(came[i], 1);
  }
}

/* Trained on 0 1 2 = 0 1 2 3 with links 0-1 1-0 2-3. "2 0 1" becomes "2 3" (source 2, target word 2 without link), "0 1"
 * swapped, with one copied word between. */
static void test_entry_links(void **state) {
  (void)state;
  const int32_t source_ids[] = {0, 1, 2}, target_ids[] = {0, 1, 2, 3}, read[] = {2, 9, 0, 1}, made[] = {2, 3, 9, 0, 1};
  const size_t source_begin[] = {0, 3}, target_begin[] = {0, 4};
  const rapt__pbmt_text source = {source_ids, source_begin, 1, 10}, target = {target_ids, target_begin, 1, 10};
  const rapt__pbmt_span spans[] = {{0, 1, 0, 2, false}, {1, 2, 2, 3, true}, {2, 4, 3, 5, false}};
  rapt__pbmt_links links, out;
  rapt__pbmt_phrases table;
  rapt__pbmt_nbest lists;
  assert_ok(ctx, rapt__pbmt_links_init(&links, ctx, 1));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 0, 1));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 1, 0));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 2, 3));
  rapt__pbmt_links_end(&links, 0);
  assert_ok(ctx, rapt__pbmt_phrases_extract(ctx, &source, &target, &links, 7, 100, &table));
  assert_ok(ctx, rapt__pbmt_nbest_init(&lists, ctx, &(rapt__pbmt_columns){0}));
  assert_ok(ctx, rapt__pbmt_nbest_add(&lists, made, 5, spans, 3, NULL));
  assert_ok(ctx, rapt__pbmt_nbest_end(&lists));
  assert_ok(ctx, rapt__pbmt_links_init(&out, ctx, 1));
  assert_ok(ctx, rapt__pbmt_entry_links(&table, &links, read, &lists, 0, &out));
  rapt__pbmt_links_end(&out, 0);
  rapt__text text;
  rapt__text_init(&text, ctx);
  assert_ok(ctx, rapt__pbmt_links_print(&out, 0, &text));
  assert_string_equal(text.data, "0-1 1-2 2-4 3-3");
  rapt__text_free(&text);
  const int32_t other[] = {2, 9, 1, 1};
  assert_fails(ctx, rapt__pbmt_entry_links(&table, &links, other, &lists, 0, &out), RAPT_EINVAL,
               "entry 1 of the n-best lists has a phrase pair that is not in the table: source words 3 to 4");
  rapt__pbmt_links_free(&out);
  rapt__pbmt_links_free(&links);
  rapt__pbmt_nbest_free(&lists);
  rapt__pbmt_phrases_free(&table);
}

/* Of 0 1 2 3 = 0 1 2 3 with links 0-1 1-0 2-3, source word 3 and target word 2 without: three phrases where every phrase is worth
 * something, one where every phrase costs; source word 3 goes with the word before it. */
static void test_segments(void **state) {
  (void)state;
  const int32_t source_ids[] = {0, 1, 2, 3}, target_ids[] = {0, 1, 2, 3};
  const size_t source_begin[] = {0, 4}, target_begin[] = {0, 4};
  const rapt__pbmt_text source = {source_ids, source_begin, 1, 4}, target = {target_ids, target_begin, 1, 4};
  rapt__pbmt_links links;
  rapt__pbmt_phrases table;
  rapt__segmenter s;
  rapt__pbmt_span spans[4];
  double weights[RAPT__PBMT_FEATURE_COUNT] = {[RAPT__PBMT_PHRASES] = 1};
  assert_ok(ctx, rapt__pbmt_links_init(&links, ctx, 1));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 0, 1));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 1, 0));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 2, 3));
  rapt__pbmt_links_end(&links, 0);
  assert_ok(ctx, rapt__pbmt_phrases_extract(ctx, &source, &target, &links, 7, 100, &table));
  assert_ok(ctx, rapt__segmenter_init(ctx, &table, weights, 7, &s));
  /* Many phrases: 1 = 0, 0 = 1 (or 1 2), 2 3 = (2) 3; target word 2 has to go with one of its neighbours. */
  assert_int_equal(rapt__segment(&s, source_ids, 4, target_ids, 4, links.at, links.size, spans), 3);
  assert_int_equal(spans[0].begin, 1);
  assert_int_equal(spans[1].begin, 0);
  assert_int_equal(spans[2].begin, 2);
  assert_int_equal(spans[2].end, 4);
  assert_int_equal(spans[2].target_end, 4);
  weights[RAPT__PBMT_PHRASES] = -1;
  assert_int_equal(rapt__segment(&s, source_ids, 4, target_ids, 4, links.at, links.size, spans), 1);
  assert_int_equal(spans[0].end, 4);
  s.longest = 1;
  assert_int_equal(rapt__segment(&s, source_ids, 4, target_ids, 4, links.at, links.size, spans), 0);
  rapt__segmenter_free(&s);
  rapt__pbmt_phrases_free(&table);
  rapt__pbmt_links_free(&links);
}

static void expect_ids(const rapt__pairs *pairs, size_t pair, int side, const int32_t *ids, int64_t count) {
  const rapt__pair *p = &pairs->at[pair];
  assert_int_equal(p->count[side], count);
  assert_memory_equal(pairs->ids + p->begin[side], ids, (size_t)count * sizeof *ids);
}

/* Word 2 is the most frequent one, 0 and 1 come once; with min_count 2 they are unknown. */
static void test_sequences(void **state) {
  (void)state;
  enum { END = RAPT__ALIGNED_END, X = RAPT__ALIGNED_UNKNOWN, L = RAPT__ALIGNED_LINKED, W = RAPT__ALIGNED_WORDS };
  const int32_t ids[] = {2, 0, 3, 2, 1, 3, 2};
  const size_t begin[] = {0, 7};
  const rapt__pbmt_text text = {ids, begin, 1, 5};
  rapt__step_vocab all, frequent;
  rapt__sequencer s;
  rapt__pairs pairs = {.ctx = ctx};
  assert_ok(ctx, rapt__step_vocab_init(ctx, &text, 1, &all));
  assert_ok(ctx, rapt__step_vocab_init(ctx, &text, 2, &frequent));
  const int32_t wanted[2][6] = {{W + 2, W + 3, W, W + 1, X, X}, {X, X, W, W + 1, X, X}};
  for (int32_t w = 0; w < 6; w++) {
    assert_int_equal(rapt__step_id(&all, w), wanted[0][w]);
    assert_int_equal(rapt__step_id(&frequent, w), wanted[1][w]);
  }
  assert_int_equal(all.size, W + 4);
  assert_int_equal(frequent.size, W + 2);
  assert_ok(ctx, rapt__sequencer_init(ctx, &all, &frequent, &s));
  const int32_t source[] = {0, 1, 2}, target[] = {2, 3, 0};
  const rapt__pbmt_link links[] = {{0, 0}, {1, 0}};
  assert_ok(ctx, rapt__sequence_target(&s, target, 3, &pairs));
  assert_ok(ctx, rapt__sequence_words(&s, source, 3, target, 3, links, 2, &pairs));
  const rapt__pbmt_span spans[] = {{1, 3, 0, 2, false}, {0, 1, 2, 3, false}};
  assert_ok(ctx, rapt__sequence_phrases(&s, source, target, spans, 2, 2, &pairs));
  expect_ids(&pairs, 0, RAPT__TARGET, (int32_t[]){W, W + 1, X, END}, 4);
  int32_t U_ = RAPT__ALIGNED_UNLINKED;
  expect_ids(&pairs, 1, RAPT__SOURCE, (int32_t[]){W + 2, W + 3, W, U_, U_, END}, 6);
  expect_ids(&pairs, 1, RAPT__TARGET, (int32_t[]){W, L, U_, W + 1, X, END}, 6);
  expect_ids(&pairs, 2, RAPT__SOURCE, (int32_t[]){W + 3, W, W + 2, -1, END, -1}, 6);
  expect_ids(&pairs, 2, RAPT__TARGET, (int32_t[]){W, W + 1, L, X, L, -1, END, -1, -1}, 9);
  assert_fails(ctx, rapt__sequence_phrases(&s, source, target, spans, 2, 1, &pairs), RAPT_EINVAL,
               "a phrase pair of 2 and 2 words; 1 to 1 are expected");
  rapt__pairs_free(&pairs);
  rapt__sequencer_free(&s);
  rapt__step_vocab_free(&all);
  rapt__step_vocab_free(&frequent);
}

static void expect_words(const char *text, rapt__pbmt_apostrophe apostrophe, const char *words) {
  rapt__text out;
  rapt__text_init(&out, ctx);
  assert_ok(ctx, rapt__pbmt_plain_words(ctx, "t", text, strlen(text), apostrophe, &out));
  assert_string_equal(out.data, words);
  rapt__text_free(&out);
}

static void test_plain(void **state) {
  (void)state;
  expect_words("L'homme n\u2019est pas \u00c0 l'aise.\nOui!", RAPT__APOSTROPHE_LEFT,
               "l' homme n' est pas \u00e0 l' aise . \noui ! ");
  expect_words("A man's t-shirt, (No. 7) costs 1,000.50 \u2013 'so'", RAPT__APOSTROPHE_RIGHT,
               "a man 's t-shirt , ( no . 7 ) costs 1,000.50 \u2013 ' so ' ");
  rapt__text out;
  rapt__text_init(&out, ctx);
  assert_fails(ctx, rapt__pbmt_plain_words(ctx, "bad.fr", "a\xff", 2, RAPT__APOSTROPHE_LEFT, &out), RAPT_EFORMAT,
               "bad.fr: the text is not UTF-8");
  rapt__text_free(&out);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_examples),    cmocka_unit_test(test_properties),
                                     cmocka_unit_test(test_entry_links), cmocka_unit_test(test_segments),
                                     cmocka_unit_test(test_sequences),   cmocka_unit_test(test_plain)};
  return cmocka_run_group_tests_name("steps", tests, set_up, tear_down);
}
