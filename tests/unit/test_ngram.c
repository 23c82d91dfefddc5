/* Kneser–Ney models: proper distributions, an example by hand, figures of an independent script, the Penn Treebank. */
#include "tasks/ngram.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <zlib.h>

static rapt_context *ctx;

static int set_up(void **state) {
  (void)state;
  return rapt_context_new(&ctx, &(rapt_options){.threads = 1}) == RAPT_OK ? 0 : -1;
}

static int tear_down(void **state) {
  (void)state;
  rapt_context_free(ctx);
  return 0;
}

#define assert_near(a, b, eps) assert_true(fabs((double)(a) - (double)(b)) <= (eps))

/* The generator of tests/golden/kn_reference.py. */
enum { VOCAB = 12, END = 11 };

static void sample(uint64_t seed, size_t count, int32_t *ids) {
  uint64_t state = seed;
  for (size_t i = 0; i < count; i++) {
    state = (state * 1103515245 + 12345) % 2147483648u;
    uint64_t r = state / 65536;
    if (i >= 2 && r % 3)
      ids[i] = (int32_t)(((uint64_t)ids[i - 2] * 5 + (uint64_t)ids[i - 1] + r % 2) % VOCAB);
    else
      ids[i] = (int32_t)((r % 97) * (r % 89) % VOCAB);
  }
  ids[count - 1] = END;
}

static void test_by_hand(void **state) {
  (void)state;
  /* Sentences "a b $", "a b $", "a c $" over a = 0, b = 1, c = 2, $ = 3 and the unseen 4. Bigrams: <s>a 3, ab 2, ac 1,
   * b$ 2, c$ 1: n1 = 2, n2 = 2, D = 2/6 = 1/3. Continuation counts: a 1 (after <s>), b 1, c 1, $ 2: n1 = 3, n2 = 1,
   * D = 3/5; their sum is 5 and the discounts take 4 * 3/5 = 12/5, so that the uniform 1/5 weighs 12/25. */
  int32_t ids[] = {0, 1, 3, 0, 1, 3, 0, 2, 3};
  rapt__ngram *lm;
  assert_int_equal(rapt__ngram_train_sentences(ctx, ids, 9, 5, 3, 2, false, &lm), RAPT_OK);
  assert_near(rapt__ngram_discount(lm, 1, 1), 3.0 / 5, 1e-15);
  assert_near(rapt__ngram_discount(lm, 2, 7), 1.0 / 3, 1e-15);
  double uniform = 12.0 / 25 / 5, b1 = 0.4 / 5 + uniform, end1 = 1.4 / 5 + uniform;
  assert_near(rapt__ngram_prob(lm, NULL, 0, 1), b1, 1e-15);
  assert_near(rapt__ngram_prob(lm, NULL, 0, 3), end1, 1e-15);
  assert_near(rapt__ngram_prob(lm, NULL, 0, 4), uniform, 1e-15);
  int32_t a = 0, b = 1, end = 3, start = rapt__ngram_start(lm), unseen = 4;
  /* After a: b 2, c 1; the discounts take 2/3 of 3. */
  double b2 = (5.0 / 3 + 2.0 / 3 * b1) / 3;
  assert_near(rapt__ngram_prob(lm, &a, 1, 1), b2, 1e-15);
  assert_near(rapt__ngram_prob(lm, &a, 1, 4), 2.0 / 9 * uniform, 1e-15);
  assert_near(rapt__ngram_prob(lm, &b, 1, 3), (5.0 / 3 + 1.0 / 3 * end1) / 2, 1e-15);
  double a2 = (8.0 / 3 + 1.0 / 3 * b1) / 3; /* after the marker: a 3; a's unigram is b's */
  assert_near(rapt__ngram_prob(lm, &start, 1, 0), a2, 1e-15);
  assert_near(rapt__ngram_prob(lm, &end, 1, 0), a2, 1e-15); /* an end bounds the context */
  assert_near(rapt__ngram_prob(lm, &unseen, 1, 1), b1, 1e-15);
  assert_true(rapt__ngram_prob(lm, &a, 1, 5) == 0 && rapt__ngram_prob(lm, &a, 1, -1) == 0);
  double perplexity, end2 = (5.0 / 3 + 1.0 / 3 * end1) / 2;
  assert_int_equal(rapt__ngram_perplexity(lm, ids, 3, 3, &perplexity), RAPT_OK);
  assert_near(perplexity, pow(a2 * b2 * end2, -1.0 / 3), 1e-13);
  int32_t twice[] = {0, 1, 3, 0, 1, 3};
  assert_int_equal(rapt__ngram_perplexity(lm, twice, 6, 3, &perplexity), RAPT_OK);
  assert_near(perplexity, pow(a2 * b2 * end2, -1.0 / 3), 1e-13);
  rapt__ngram_free(lm);
}

static void test_sums_to_one(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  int32_t *ids = malloc(COUNT * sizeof *ids);
  assert_non_null(ids);
  sample(99, COUNT, ids);
  for (int setting = 0; setting < 4 * RAPT__NGRAM_MAX_ORDER; setting++) {
    int order = setting / 4 + 1;
    bool modified = setting & 1, sentences = setting & 2;
    rapt__ngram *lm;
    /* A vocabulary larger than what occurs: unseen ids have their share. */
    if (sentences)
      assert_int_equal(rapt__ngram_train_sentences(ctx, ids, COUNT, VOCAB + 3, END, order, modified, &lm), RAPT_OK);
    else
      assert_int_equal(rapt__ngram_train(ctx, ids, COUNT, VOCAB + 3, order, modified, &lm), RAPT_OK);
    srand(3);
    for (int trial = 0; trial < 300; trial++) {
      int32_t context[7];
      size_t n = (size_t)(rand() % 8), at = (size_t)(rand() % (COUNT - 8));
      for (size_t i = 0; i < n; i++) context[i] = trial % 2 ? ids[at + i] : rand() % (VOCAB + 6) - 1;
      double sum = 0;
      for (int32_t w = 0; w < VOCAB + 3; w++) {
        double p = rapt__ngram_prob(lm, context, n, w);
        assert_true(p > 0 && p < 1);
        sum += p;
      }
      assert_near(sum, 1, 1e-12);
    }
    rapt__ngram_free(lm);
  }
  free(ids);
}

/* A model of one stream has n-grams that reach over an end; asked for sentences, it must not use them. */
static void test_boundaries(void **state) {
  (void)state;
  enum { COUNT = 3000 };
  int32_t ids[COUNT], end = END;
  double sentences[COUNT], stream[COUNT];
  sample(17, COUNT, ids);
  rapt__ngram *lm;
  assert_int_equal(rapt__ngram_train(ctx, ids, COUNT, VOCAB, 4, true, &lm), RAPT_OK);
  assert_int_equal(rapt__ngram_probs(lm, ids, COUNT, END, sentences), RAPT_OK);
  assert_int_equal(rapt__ngram_probs(lm, ids, COUNT, RAPT__NGRAM_STREAM, stream), RAPT_OK);
  size_t since = 0, differ = 0; /* ids since the last end */
  for (size_t i = 0; i < COUNT; i++) {
    if (since == 0)
      assert_true(sentences[i] == rapt__ngram_prob(lm, &end, 1, ids[i]));
    else if (i > since)
      assert_true(sentences[i] == rapt__ngram_prob(lm, ids + i - since - 1, since + 1, ids[i]));
    assert_true(stream[i] == rapt__ngram_prob(lm, ids, i, ids[i]));
    differ += sentences[i] != stream[i];
    since = ids[i] == END ? 0 : since + 1;
  }
  assert_true(differ > 20);
  rapt__ngram_free(lm);
}

/* Word by word through states: the same numbers, with and without sentences, at every order. */
static void test_states(void **state) {
  (void)state;
  enum { COUNT = 3000, HELD = 800 };
  int32_t ids[COUNT], held[HELD];
  sample(21, COUNT, ids);
  sample(22, HELD, held);
  for (int order = 1; order <= RAPT__NGRAM_MAX_ORDER; order++)
    for (int sentences = 0; sentences < 2; sentences++) {
      rapt__ngram *lm;
      rapt__ngram_state at;
      /* One word more than what occurs, and two ids that are none. */
      if (sentences)
        assert_int_equal(rapt__ngram_train_sentences(ctx, ids, COUNT, VOCAB + 1, END, order, true, &lm), RAPT_OK);
      else
        assert_int_equal(rapt__ngram_train(ctx, ids, COUNT, VOCAB + 1, order, true, &lm), RAPT_OK);
      int32_t context[HELD + 1] = {rapt__ngram_start(lm)};
      size_t n = sentences ? 1 : 0;
      rapt__ngram_begin(lm, &at);
      for (size_t i = 0; i < HELD; i++) {
        int32_t word = i % 50 == 49 ? VOCAB : held[i];
        assert_true(rapt__ngram_step(lm, &at, word, &at) == rapt__ngram_prob(lm, context, n, word));
        context[n++] = word;
      }
      rapt__ngram_no_context(&at);
      assert_true(rapt__ngram_step(lm, &at, 3, &at) == rapt__ngram_prob(lm, NULL, 0, 3));
      assert_true(rapt__ngram_step(lm, &at, VOCAB + 1, &at) == 0 && rapt__ngram_step(lm, &at, -1, &at) == 0);
      rapt__ngram_free(lm);
    }
}

/* Printed by tests/golden/kn_reference.py. */
static const struct {
  bool modified;
  int order;
  double d1, d2, d3, perplexity, p;
} golden[] = {
    {false, 1, 0.5, 0.5, 0.5, 11.564247653089, 0.088666666666667},
    {false, 2, 0.5, 0.5, 0.5, 11.862087708982, 0.064777327935223},
    {false, 3, 0.58, 0.58, 0.58, 6.347237616944, 0.248343653250774},
    {false, 4, 0.71124417831, 0.71124417831, 0.71124417831, 7.230403856244, 0.530493996238977},
    {false, 5, 0.796625626995, 0.796625626995, 0.796625626995, 7.705501530573, 0.563911830777559},
    {true, 1, 0.5, 1, 1.5, 11.564247653089, 0.088666666666667},
    {true, 2, 0.5, 1, 1.5, 11.862087708982, 0.064777327935223},
    {true, 3, 0.58, 1.40619047619, 0.94976744186, 6.201035338346, 0.234892360861113},
    {true, 4, 0.71124417831, 0.898718691649, 1.272692709818, 6.893709174875, 0.472413594508374},
    {true, 5, 0.796625626995, 1.356983798838, 1.619182246542, 7.028424908548, 0.509965393766086},
};

static void test_reference(void **state) {
  (void)state;
  int32_t ids[3000], held[500];
  sample(7, 3000, ids);
  sample(1234, 500, held);
  for (size_t g = 0; g < sizeof golden / sizeof *golden; g++) {
    rapt__ngram *lm;
    int order = golden[g].order;
    assert_int_equal(rapt__ngram_train_sentences(ctx, ids, 3000, VOCAB, END, order, golden[g].modified, &lm), RAPT_OK);
    assert_near(rapt__ngram_discount(lm, order, 1), golden[g].d1, 1e-11);
    assert_near(rapt__ngram_discount(lm, order, 2), golden[g].d2, 1e-11);
    assert_near(rapt__ngram_discount(lm, order, 3), golden[g].d3, 1e-11);
    double perplexity;
    assert_int_equal(rapt__ngram_perplexity(lm, held, 500, END, &perplexity), RAPT_OK);
    assert_near(perplexity, golden[g].perplexity, 1e-10);
    int32_t context[] = {rapt__ngram_start(lm), 3, 5, 2};
    assert_near(rapt__ngram_prob(lm, context, 4, 4), golden[g].p, 1e-14);
    rapt__ngram_free(lm);
  }
}

static void test_mixture(void **state) {
  (void)state;
  enum { COUNT = 4000, HELD = 1000 };
  int32_t *ids = malloc(COUNT * sizeof *ids), *held = malloc(HELD * sizeof *held);
  double *probs = malloc(3 * HELD * sizeof *probs), weights[3];
  assert_true(ids && held && probs);
  sample(5, COUNT, ids);
  sample(6, HELD, held);
  for (int order = 1; order <= 3; order++) {
    rapt__ngram *lm;
    assert_int_equal(rapt__ngram_train(ctx, ids, COUNT, VOCAB, order, true, &lm), RAPT_OK);
    assert_int_equal(rapt__ngram_probs(lm, held, HELD, RAPT__NGRAM_STREAM, probs + (order - 1) * HELD), RAPT_OK);
    rapt__ngram_free(lm);
  }
  assert_int_equal(rapt__ngram_mixture(ctx, probs, 3, HELD, 20000, weights), RAPT_OK);
  assert_near(weights[0] + weights[1] + weights[2], 1, 1e-12);
  /* Where the likelihood is highest the mean of p_m / p is one for every model in use, and below one for the others. */
  double single[3] = {0}, mixed = 0;
  for (size_t m = 0; m < 3; m++) {
    double ratio = 0;
    for (size_t i = 0; i < HELD; i++) {
      double p = weights[0] * probs[i] + weights[1] * probs[HELD + i] + weights[2] * probs[2 * HELD + i];
      ratio += probs[m * HELD + i] / p / HELD;
      single[m] += log(probs[m * HELD + i]);
      if (m == 0) mixed += log(p);
    }
    assert_true(ratio < 1 + 1e-4);
    if (weights[m] > 1e-3) assert_near(ratio, 1, 1e-4);
  }
  for (size_t m = 0; m < 3; m++) assert_true(mixed >= single[m] - 1e-6);
  double never[2] = {0, 0};
  assert_int_equal(rapt__ngram_mixture(ctx, never, 2, 1, 10, weights), RAPT_EINVAL);
  free(ids);
  free(held);
  free(probs);
}

static void test_refusals(void **state) {
  (void)state;
  int32_t ids[] = {0, 1, 2, 9};
  rapt_context_clear(ctx);
  rapt__ngram *lm;
  assert_int_equal(rapt__ngram_train(ctx, ids, 4, 9, 2, true, &lm), RAPT_EINVAL);
  assert_null(lm);
  assert_non_null(strstr(rapt_context_message(ctx), "position 3"));
  rapt_context_clear(ctx);
  assert_int_equal(rapt__ngram_train(ctx, ids, 4, 10, 6, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train(ctx, ids, 4, 10, 0, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train(ctx, ids, 0, 10, 2, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train(ctx, ids, 4, 0, 2, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train_sentences(ctx, ids, 4, 10, 10, 2, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train_sentences(ctx, ids, 4, 10, -1, 2, true, &lm), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_train(ctx, ids, 4, 10, 5, true, &lm), RAPT_OK);
  int32_t foreign = 10;
  double perplexity;
  assert_int_equal(rapt__ngram_perplexity(lm, &foreign, 1, RAPT__NGRAM_STREAM, &perplexity), RAPT_EINVAL);
  assert_int_equal(rapt__ngram_perplexity(lm, ids, 0, RAPT__NGRAM_STREAM, &perplexity), RAPT_EINVAL);
  rapt__ngram_free(lm);
}

/* An allocator that fails at a chosen call and counts what is out. */
static struct { long left, out; } hook;

static void *counting_alloc(void *user, void *old, size_t size) {
  (void)user;
  if (size == 0) {
    hook.out -= old != NULL;
    free(old);
    return NULL;
  }
  if (hook.left >= 0 && hook.left-- == 0) return NULL;
  void *p = realloc(old, size);
  hook.out += p && !old;
  return p;
}

static void test_out_of_memory(void **state) {
  (void)state;
  enum { COUNT = 2000 };
  int32_t ids[COUNT];
  sample(1, COUNT, ids);
  rapt_context *own;
  hook.left = -1;
  assert_int_equal(rapt_context_new(&own, &(rapt_options){.alloc = counting_alloc, .threads = 1}), RAPT_OK);
  long before = hook.out;
  int failures = 0;
  for (long at = 0;; at++) {
    rapt__ngram *lm;
    double perplexity, weights[2], probs[] = {0.5, 0.25};
    hook.left = at;
    rapt_status status = rapt__ngram_train_sentences(own, ids, COUNT, VOCAB, END, 4, true, &lm);
    if (status == RAPT_OK) status = rapt__ngram_perplexity(lm, ids, COUNT, END, &perplexity);
    if (status == RAPT_OK) status = rapt__ngram_mixture(own, probs, 2, 1, 3, weights);
    rapt__ngram_free(lm);
    assert_int_equal(hook.out, before);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 5);
  hook.left = -1;
  rapt_context_free(own);
  assert_int_equal(hook.out, 0);
}

/* A plain open-addressing table from words to ids. */
enum { SLOTS = 1 << 16 };
typedef struct words {
  char *names[SLOTS];
  int32_t ids[SLOTS], count;
} words;

static int32_t word_id(words *w, const char *name, size_t size) {
  uint32_t hash = 2166136261u;
  for (size_t i = 0; i < size; i++) hash = (hash ^ (unsigned char)name[i]) * 16777619u;
  for (uint32_t at = hash % SLOTS;; at = (at + 1) % SLOTS) {
    if (!w->names[at]) {
      w->names[at] = strndup(name, size);
      return w->ids[at] = w->count++;
    }
    if (strlen(w->names[at]) == size && !memcmp(w->names[at], name, size)) return w->ids[at];
  }
}

/* Reads a text, compressed or not, one sentence a line; every line closes with the id 0. Returns the number of ids. */
static size_t read_words(words *w, const char *path, int32_t **ids) {
  enum { ROOM = 6 << 20 };
  char *text = malloc(ROOM);
  *ids = malloc(ROOM / 2 * sizeof **ids);
  gzFile file = gzopen(path, "rb");
  assert_true(text && *ids && file);
  int size = gzread(file, text, ROOM);
  assert_true(size > 0 && size < ROOM);
  gzclose(file);
  size_t count = 0;
  for (int i = 0; i < size;) {
    int from = i;
    while (i < size && text[i] != ' ' && text[i] != '\n') i++;
    if (i > from) (*ids)[count++] = word_id(w, text + from, (size_t)(i - from));
    if (i < size && text[i++] == '\n') (*ids)[count++] = 0;
  }
  free(text);
  return count;
}

static void test_penn_treebank(void **state) {
  (void)state;
  const char *data = getenv("RAPT_DATA");
  char train_path[4096], test_path[4096];
  snprintf(train_path, sizeof train_path, "%s/ptb/ptb.train.txt.gz", data ? data : "");
  snprintf(test_path, sizeof test_path, "%s/ptb/ptb.test.txt", data ? data : "");
  FILE *there = data ? fopen(train_path, "rb") : NULL;
  if (!there) {
    print_message("skipped: RAPT_DATA names no folder with ptb/ptb.train.txt.gz\n");
    skip();
  }
  fclose(there);
  words *w = calloc(1, sizeof *w);
  assert_non_null(w);
  word_id(w, "</s>", 4);
  int32_t *ids, *held;
  size_t count = read_words(w, train_path, &ids);
  assert_int_equal(w->count, 10000);
  size_t held_count = read_words(w, test_path, &held);
  assert_int_equal(w->count, 10000); /* nothing outside the vocabulary */
  assert_int_equal(count, 929589);
  assert_int_equal(held_count, 82430);
  double last = INFINITY;
  for (int order = 1; order <= 5; order++) {
    double fixed = 0, modified;
    rapt__ngram *lm;
    if (order == 3 || order == 5) {
      assert_int_equal(rapt__ngram_train_sentences(ctx, ids, count, w->count, 0, order, false, &lm), RAPT_OK);
      assert_int_equal(rapt__ngram_perplexity(lm, held, held_count, 0, &fixed), RAPT_OK);
      rapt__ngram_free(lm);
    }
    assert_int_equal(rapt__ngram_train_sentences(ctx, ids, count, w->count, 0, order, true, &lm), RAPT_OK);
    assert_int_equal(rapt__ngram_perplexity(lm, held, held_count, 0, &modified), RAPT_OK);
    rapt__ngram_free(lm);
    print_message("Penn Treebank, order %d: modified Kneser-Ney %.2f", order, modified);
    if (fixed > 0) print_message(", one discount %.2f", fixed);
    print_message("\n");
    assert_true(modified < last);
    if (fixed > 0) assert_true(modified < fixed);
    last = modified;
  }
  assert_true(last > 135 && last < 150);
  for (int i = 0; i < SLOTS; i++) free(w->names[i]);
  free(w);
  free(ids);
  free(held);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_by_hand),    cmocka_unit_test(test_sums_to_one), cmocka_unit_test(test_reference),
      cmocka_unit_test(test_mixture),    cmocka_unit_test(test_refusals),    cmocka_unit_test(test_out_of_memory),
      cmocka_unit_test(test_boundaries), cmocka_unit_test(test_states),      cmocka_unit_test(test_penn_treebank),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
