/* Phrase-based translation: extraction by hand, the decoder against enumeration of all derivations on tiny models, line
 * searches against sampling, tuning, rescoring, memory. */
#include "unit/unit.h"

#include "pbmt/line.h"
#include "pbmt/model.h"

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

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* ---- Extraction ---- */

static const rapt__pbmt_option *find_option(const rapt__pbmt_phrases *p, const int32_t *source, size_t length,
                                            const int32_t *target, int target_length) {
  const rapt__pbmt_option *options;
  size_t count = rapt__pbmt_phrases_find(p, source, length, &options);
  for (size_t k = 0; k < count; k++)
    if (options[k].length == target_length &&
        memcmp(options[k].words, target, (size_t)target_length * sizeof *target) == 0)
      return &options[k];
  return NULL;
}

/* 0 1 2 and 0 1 2 3 linked 0-1 1-0 2-3: target word 2 has no link, and 0 1 is swapped; then 0 and 1 linked 0-0. */
static void test_extraction(void **state) {
  (void)state;
  const int32_t source_ids[] = {0, 1, 2, 0}, target_ids[] = {0, 1, 2, 3, 1};
  const size_t source_begin[] = {0, 3, 4}, target_begin[] = {0, 4, 5};
  const rapt__pbmt_text source = {source_ids, source_begin, 2, 3}, target = {target_ids, target_begin, 2, 4};
  rapt__pbmt_links links;
  rapt__pbmt_phrases p;
  assert_ok(ctx, rapt__pbmt_links_init(&links, ctx, 2));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 0, 1));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 1, 0));
  assert_ok(ctx, rapt__pbmt_links_add(&links, 2, 3));
  rapt__pbmt_links_end(&links, 0);
  assert_ok(ctx, rapt__pbmt_links_add(&links, 0, 0));
  rapt__pbmt_links_end(&links, 1);
  assert_ok(ctx, rapt__pbmt_phrases_extract(ctx, &source, &target, &links, 7, 100, &p));
  /* 0: "1", "1 2", then "1" again. 1: "0". 2: "3", "2 3". 0 1: "0 1", "0 1 2". 0 1 2: all. 1 2 would reach over 1. */
  assert_int_equal(p.phrases, 5);
  assert_int_equal(p.count, 8);
  const int32_t *s = source_ids, *t = target_ids;
  for (size_t n = 0; n < p.phrases; n++) {
    const rapt__pbmt_option *options;
    size_t count = rapt__pbmt_phrases_find(&p, p.source[n].words, (size_t)p.source[n].length, &options);
    assert_true(options == p.options + p.first[n] && count == p.first[n + 1] - p.first[n]);
  }
  assert_null(find_option(&p, s + 1, 2, t, 4));
  assert_non_null(find_option(&p, s, 3, t, 4));
  assert_non_null(find_option(&p, s, 2, t, 2));
  assert_non_null(find_option(&p, s, 2, t, 3));
  const rapt__pbmt_option *one = find_option(&p, s, 1, t + 1, 1), *two = find_option(&p, s, 1, t + 1, 2);
  assert_non_null(one);
  assert_non_null(two);
  assert_int_equal(one->count, 2);
  assert_true(fabs(one->phi_target - log(2.0 / 3)) < 1e-12 && fabs(one->phi_source) < 1e-12);
  assert_true(fabs(two->phi_target - log(1.0 / 3)) < 1e-12);
  /* w is 1 for every link; target word 2 alone is linked to the empty word. */
  assert_true(one->lex_source == 0 && one->lex_target == 0 && two->lex_target == 0);
  rapt__pbmt_phrases_free(&p);
  assert_ok(ctx, rapt__pbmt_phrases_extract(ctx, &source, &target, &links, 1, 1, &p));
  assert_int_equal(p.count, 3);
  assert_non_null(find_option(&p, s, 1, t + 1, 1));
  rapt__pbmt_phrases_free(&p);
  assert_fails(ctx, rapt__pbmt_phrases_extract(ctx, &source, &target, &links, 8, 1, &p), RAPT_EINVAL, "8 words");
  rapt__pbmt_phrases_free(&p);
  rapt__pbmt_links_free(&links);
}

/* One source word linked to two target words, one target word linked to two source words. */
static void test_lexical_weights(void **state) {
  (void)state;
  const int32_t source_ids[] = {0, 1, 2, 0}, target_ids[] = {0, 1, 2, 0};
  const size_t source_begin[] = {0, 3, 4}, target_begin[] = {0, 3, 4};
  const rapt__pbmt_text source = {source_ids, source_begin, 2, 3}, target = {target_ids, target_begin, 2, 3};
  rapt__pbmt_links links;
  rapt__pbmt_lexical lexical;
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  assert_ok(ctx, rapt__pbmt_links_init(&links, ctx, 2));
  const int pairs[][2] = {{0, 0}, {0, 1}, {1, 1}};
  for (int k = 0; k < 3; k++) assert_ok(ctx, rapt__pbmt_links_add(&links, pairs[k][0], pairs[k][1]));
  rapt__pbmt_links_end(&links, 0);
  assert_ok(ctx, rapt__pbmt_links_add(&links, 0, 0));
  rapt__pbmt_links_end(&links, 1);
  assert_ok(ctx, rapt__pbmt_lexical_weigh(&arena, &source, &target, &links, &lexical));
  /* links(0, 0) = 2, (0, 1) = 1, (1, 1) = 1, (2, empty) = 1, (empty, 2) = 1. */
  assert_true(fabs(lexical.source[0] - log((2.0 / 2 + 1.0 / 2) / 2)) < 1e-12);
  assert_true(fabs(lexical.source[1] - log(1.0 / 2)) < 1e-12);
  assert_true(fabs(lexical.source[2] - log(1.0 / 1)) < 1e-12);
  assert_true(fabs(lexical.source[3] - log(2.0 / 2)) < 1e-12);
  assert_true(fabs(lexical.target[0] - log(2.0 / 3)) < 1e-12);
  assert_true(fabs(lexical.target[1] - log((1.0 / 3 + 1.0 / 1) / 2)) < 1e-12);
  assert_true(fabs(lexical.target[2] - log(1.0 / 1)) < 1e-12);
  rapt__pbmt_links_free(&links);
  rapt__arena_free(&arena);
}

/* ---- A tiny system ---- */

enum { TRAIN = 60, SOURCES = 8, TARGETS = 9, END = 0 };
static int32_t train_source_ids[TRAIN * 6], train_target_ids[TRAIN * 12], copy[SOURCES];
static size_t train_source_begin[TRAIN + 1], train_target_begin[TRAIN + 1];
static const rapt__pbmt_text train_source = {train_source_ids, train_source_begin, TRAIN, SOURCES};
static const rapt__pbmt_text train_target = {train_target_ids, train_target_begin, TRAIN, TARGETS};
static const rapt__pbmt_vocab vocab = {copy, END};

/* Source word 7 is never seen; target words are 1 … 7, of which a source word has two; neighbours swap at times. */
static void make_text(void) {
  uint32_t seed = 11;
  size_t sources = 0, targets = 0;
  for (int f = 0; f < SOURCES; f++) copy[f] = TARGETS - 1;
  for (size_t s = 0; s < TRAIN; s++) {
    size_t n = 2 + draw(&seed, 4);
    int32_t *f = train_source_ids + sources;
    for (size_t i = 0; i < n; i++) f[i] = (int32_t)draw(&seed, SOURCES - 1);
    for (size_t i = 0; i < n; i++) {
      size_t at = draw(&seed, 3) == 0 && i + 1 < n ? i + 1 : i;
      train_target_ids[targets++] = 1 + (f[at] + (int32_t)(draw(&seed, 4) == 0)) % 7;
    }
    train_source_begin[s + 1] = sources += n;
    train_target_begin[s + 1] = targets;
  }
}

static rapt__pbmt_settings tiny_settings(void) {
  rapt__pbmt_settings s = RAPT__PBMT_DEFAULTS;
  s.longest_phrase = 3;
  s.most_options = 3;
  s.order = 3;
  s.search = (rapt__pbmt_search){.stack = 0, .threshold = INFINITY, .distortion = -1, .options = 0};
  s.rounds = 3;
  s.tuning_nbest = 20;
  s.tuning.starts = 2;
  return s;
}

/* ---- All derivations ---- */

enum { MOST = 8192, LONG = 24 };
typedef struct found {
  int32_t words[LONG];
  int length;
  double score;
} found;

typedef struct enumeration {
  const rapt__pbmt_decoder *d;
  const int32_t *source;
  int n, length, derivations;
  int32_t target[LONG];
  found *list; /* (MOST) one for each translation */
  int count;
} enumeration;

static void record(enumeration *e, double score) {
  int32_t context[LONG + 1] = {rapt__ngram_start(e->d->lm)};
  double lm = 0;
  memcpy(context + 1, e->target, sizeof e->target);
  for (int k = 0; k <= e->length; k++)
    lm += log(rapt__ngram_prob(e->d->lm, context, (size_t)k + 1, k < e->length ? e->target[k] : END));
  score += e->d->weights[RAPT__PBMT_LM] * lm;
  e->derivations++;
  for (int k = 0; k < e->count; k++)
    if (e->list[k].length == e->length &&
        memcmp(e->list[k].words, e->target, (size_t)e->length * sizeof(int32_t)) == 0) {
      e->list[k].score = fmax(e->list[k].score, score);
      return;
    }
  assert_true(e->count < MOST);
  found *f = &e->list[e->count++];
  memcpy(f->words, e->target, sizeof f->words);
  f->length = e->length;
  f->score = score;
}

/* What the table's further columns add. */
static double own_features(const rapt__pbmt_decoder *d, const rapt__pbmt_option *o) {
  const rapt__pbmt_phrases *p = d->phrases;
  double sum = 0;
  for (size_t k = 0; k < p->extra_count; k++)
    sum += d->weights[RAPT__PBMT_FEATURE_COUNT + k] * p->extra[(size_t)(o - p->options) * p->extra_count + k];
  return sum;
}

static void derive(enumeration *e, unsigned cover, int last, double score) {
  const double *w = e->d->weights;
  int gap = 0, limit = e->d->search.distortion;
  while (gap < e->n && cover >> gap & 1) gap++;
  if (gap == e->n) {
    record(e, score);
    return;
  }
  for (int begin = gap; begin < e->n; begin++)
    for (int end = begin + 1; end <= e->n && end - begin <= 3; end++) {
      unsigned span = ((1u << (end - begin)) - 1) << begin;
      if (cover & span) break;
      if (limit >= 0 && (abs(begin - last) > limit || (begin > gap && end - gap > limit))) continue;
      const rapt__pbmt_option *options;
      size_t count = rapt__pbmt_phrases_find(e->d->phrases, e->source + begin, (size_t)(end - begin), &options);
      double jump = -w[RAPT__PBMT_DISTORTION] * abs(begin - last);
      for (size_t k = 0; k < count; k++) {
        const rapt__pbmt_option *o = &options[k];
        memcpy(e->target + e->length, o->words, (size_t)o->length * sizeof(int32_t));
        e->length += o->length;
        derive(e, cover | span, end,
               score + jump + w[RAPT__PBMT_PHI_SOURCE] * o->phi_source + w[RAPT__PBMT_PHI_TARGET] * o->phi_target +
                   w[RAPT__PBMT_LEX_SOURCE] * o->lex_source + w[RAPT__PBMT_LEX_TARGET] * o->lex_target +
                   w[RAPT__PBMT_PHRASES] + w[RAPT__PBMT_WORDS] * o->length + own_features(e->d, o));
        e->length -= o->length;
      }
      if (count == 0 && end - begin == 1) {
        e->target[e->length++] = copy[e->source[begin]];
        derive(e, cover | span, end, score + jump + w[RAPT__PBMT_PHRASES] + w[RAPT__PBMT_WORDS] + w[RAPT__PBMT_COPIES]);
        e->length--;
      }
    }
}

static int by_score(const void *a, const void *b) {
  double x = ((const found *)a)->score, y = ((const found *)b)->score;
  return (x < y) - (x > y);
}

/* Two columns of numbers by chance. */
static void add_columns(rapt__pbmt_model *m) {
  uint32_t seed = 5;
  double *values = malloc(m->phrases.count * sizeof *values);
  assert_non_null(values);
  for (int column = 0; column < 2; column++) {
    for (size_t k = 0; k < m->phrases.count; k++) values[k] = (double)draw(&seed, 1000) / 250 - 2;
    assert_ok(ctx, rapt__pbmt_add_feature(m, column ? "second" : "first", values, column ? -0.4 : 0.7));
  }
  assert_fails(ctx, rapt__pbmt_add_feature(m, "phi(e|f)", values, 1), RAPT_EINVAL, "phi(e|f)");
  free(values);
  assert_int_equal(m->phrases.columns.count, RAPT__PBMT_FEATURE_COUNT + 2);
  assert_int_equal(rapt__pbmt_columns_find(&m->phrases.columns, "second"), RAPT__PBMT_FEATURE_COUNT + 1);
}

static void check_exact(bool further) {
  make_text();
  rapt__pbmt_model m;
  rapt__pbmt_settings settings = tiny_settings();
  settings.most_options = 2;
  assert_ok(ctx, rapt__pbmt_train(ctx, &settings, &train_source, &train_target, &vocab, &m));
  if (further) add_columns(&m);
  const int32_t sentences[][5] = {{1, 2, 3, 4, 5}, {0, 0, 6, 2, 7}, {7, 3, 1, 3, 0}, {5, 7, 7, 2, 1}, {4, 4, 4, 4, 6}};
  const int limits[] = {-1, 0, 1, 2, 4};
  found *list = malloc(MOST * sizeof *list);
  assert_non_null(list);
  size_t reordered = 0;
  for (int sentence = 0; sentence < 5; sentence++)
    for (int l = 0; l < 5; l++) {
      enumeration e = {.d = &m.decoder, .source = sentences[sentence], .n = 4 + sentence % 2, .list = list};
      rapt__pbmt_nbest lists;
      double score;
      enum { N = 12 };
      m.decoder.search.distortion = limits[l];
      derive(&e, 0, 0, 0);
      qsort(list, (size_t)e.count, sizeof *list, by_score);
      assert_true(e.derivations > e.count);
      assert_ok(ctx, rapt__pbmt_nbest_init(&lists, ctx, &m.phrases.columns));
      assert_ok(ctx, rapt__pbmt_decode(&m.decoder, e.source, (size_t)e.n, N, &lists, &score));
      assert_true(fabs(score - list[0].score) < 1e-9);
      assert_int_equal(lists.entries, e.count < N ? e.count : N);
      for (size_t k = 0; k < lists.entries; k++) {
        /* Equal scores may come in either order: the words are looked up. */
        double wanted = NAN;
        size_t words = lists.word_at[k + 1] - lists.word_at[k], spans = lists.span_at[k + 1] - lists.span_at[k];
        for (int f = 0; f < e.count; f++)
          if ((size_t)list[f].length == words &&
              memcmp(list[f].words, lists.words + lists.word_at[k], words * sizeof(int32_t)) == 0)
            wanted = list[f].score;
        assert_true(fabs(rapt__pbmt_nbest_score(&lists, k, m.decoder.weights) - wanted) < 1e-9);
        assert_true(fabs(list[k].score - wanted) < 1e-9);
        const rapt__pbmt_span *span = lists.spans + lists.span_at[k];
        int covered = 0;
        for (size_t s = 0; s < spans; s++) {
          covered += span[s].end - span[s].begin;
          assert_int_equal(span[s].target_begin, s ? span[s - 1].target_end : 0);
          reordered += s > 0 && span[s].begin != span[s - 1].end;
        }
        assert_int_equal(covered, e.n);
        assert_int_equal(span[spans - 1].target_end, words);
        assert_true(lists.features[k * lists.columns.count + RAPT__PBMT_PHRASES] == (double)spans);
      }
      rapt__pbmt_nbest_free(&lists);
    }
  assert_true(reordered > 10);
  free(list);
  rapt__pbmt_free(&m);
}

static void test_decoder_is_exact(void **state) {
  (void)state;
  check_exact(false);
}

static void test_further_columns(void **state) {
  (void)state;
  check_exact(true);
}

static void test_column_names(void **state) {
  (void)state;
  rapt__pbmt_columns c = rapt__pbmt_columns_first();
  const char *const longest = "0123456789012345678901234567890";
  assert_int_equal(c.count, RAPT__PBMT_FEATURE_COUNT);
  assert_int_equal(rapt__pbmt_columns_find(&c, "distortion"), RAPT__PBMT_DISTORTION);
  assert_int_equal(rapt__pbmt_columns_find(&c, "none"), -1);
  assert_fails(ctx, rapt__pbmt_columns_add(ctx, &c, ""), RAPT_EINVAL, "0 bytes");
  assert_fails(ctx, rapt__pbmt_columns_add(ctx, &c, "01234567890123456789012345678901"), RAPT_EINVAL, "32 bytes");
  assert_fails(ctx, rapt__pbmt_columns_add(ctx, &c, "phrases"), RAPT_EINVAL, "already");
  for (const char *name = longest; c.count < RAPT__PBMT_MOST_COLUMNS; name++)
    assert_ok(ctx, rapt__pbmt_columns_add(ctx, &c, name));
  assert_fails(ctx, rapt__pbmt_columns_add(ctx, &c, "more"), RAPT_EINVAL, "beside 32");
}

/* With pruning the best score can only be lower, and a sentence always gets a translation. */
static void test_pruning(void **state) {
  (void)state;
  make_text();
  rapt__pbmt_model m;
  rapt__pbmt_settings settings = tiny_settings();
  assert_ok(ctx, rapt__pbmt_train(ctx, &settings, &train_source, &train_target, &vocab, &m));
  rapt__pbmt_nbest lists;
  assert_ok(ctx, rapt__pbmt_nbest_init(&lists, ctx, &m.phrases.columns));
  for (uint32_t seed = 1; seed < 12; seed++) {
    uint32_t random = seed;
    int32_t words[9];
    double exact, pruned;
    size_t length = 3 + draw(&random, 6);
    for (size_t i = 0; i < length; i++) words[i] = (int32_t)draw(&random, SOURCES);
    m.decoder.search = (rapt__pbmt_search){.stack = 0, .threshold = INFINITY, .distortion = 3};
    assert_ok(ctx, rapt__pbmt_decode(&m.decoder, words, length, 1, &lists, &exact));
    m.decoder.search.stack = (int)seed % 3 + 1;
    assert_ok(ctx, rapt__pbmt_decode(&m.decoder, words, length, 5, &lists, &pruned));
    assert_true(isfinite(pruned) && pruned <= exact + 1e-9);
    m.decoder.search = (rapt__pbmt_search){.stack = 1000, .threshold = 0, .distortion = 0, .options = 1};
    assert_ok(ctx, rapt__pbmt_decode(&m.decoder, words, length, 5, &lists, &pruned));
    assert_true(isfinite(pruned) && pruned <= exact + 1e-9);
  }
  size_t before = lists.entries;
  assert_ok(ctx, rapt__pbmt_decode(&m.decoder, NULL, 0, 3, &lists, NULL));
  assert_int_equal(lists.entries, before + 1);
  int32_t words[RAPT__PBMT_LONGEST_INPUT + 1] = {SOURCES};
  assert_fails(ctx, rapt__pbmt_decode(&m.decoder, words, 1, 1, &lists, NULL), RAPT_EINVAL, "id 8");
  assert_fails(ctx, rapt__pbmt_decode(&m.decoder, words, RAPT__PBMT_LONGEST_INPUT + 1, 1, &lists, NULL), RAPT_EINVAL,
               "257 words");
  for (int i = 0; i < RAPT__PBMT_LONGEST_INPUT; i++) words[i] = i % SOURCES;
  m.decoder.search = (rapt__pbmt_search){.stack = 4, .threshold = 5, .distortion = 4, .options = 2};
  assert_ok(ctx, rapt__pbmt_decode(&m.decoder, words, RAPT__PBMT_LONGEST_INPUT, 2, &lists, NULL));
  rapt__pbmt_nbest_free(&lists);
  rapt__pbmt_free(&m);
}

/* ---- BLEU and tuning ---- */

static void test_bleu(void **state) {
  (void)state;
  const int32_t seven[] = {1, 1, 1, 1, 1, 1, 1}, cat[] = {1, 2, 3, 4, 1, 5}, near[] = {1, 2, 3, 4, 6};
  rapt__pbmt_counts c = rapt__pbmt_count(seven, 7, cat, 6);
  assert_true(c.match[0] == 2 && c.all[0] == 7 && c.match[1] == 0 && c.all[1] == 6 && c.all[3] == 4);
  assert_true(rapt__pbmt_bleu(&c) == 0);
  c = rapt__pbmt_count(cat, 6, cat, 6);
  assert_true(fabs(rapt__pbmt_bleu(&c) - 100) < 1e-12);
  c = rapt__pbmt_count(near, 5, cat, 6);
  double wanted = 100 * exp(1 - 6.0 / 5) * pow(4.0 / 5 * 3 / 4 * 2 / 3 * 1 / 2, 0.25);
  assert_true(fabs(rapt__pbmt_bleu(&c) - wanted) < 1e-12);
  rapt__pbmt_counts one = rapt__pbmt_count(cat, 2, cat, 6);
  rapt__pbmt_counts_add(&c, &one, 1);
  assert_true(c.all[0] == 7 && c.match[1] == 4 && c.all[3] == 2 && c.reference == 12);
}

/* Random lists over a small vocabulary, so that n-grams match by chance. */
enum { LISTS = 20, ENTRIES = 15, COLUMNS = 4, WORDS = 7 };
static int32_t reference_ids[LISTS * WORDS];
static size_t reference_begin[LISTS + 1];
static const rapt__pbmt_text references = {reference_ids, reference_begin, LISTS, 4};

static rapt__pbmt_columns some_columns(size_t count) {
  rapt__pbmt_columns columns = {0};
  const char *const names[] = {"one", "two", "three", "four"};
  for (size_t c = 0; c < count; c++) assert_ok(ctx, rapt__pbmt_columns_add(ctx, &columns, names[c]));
  return columns;
}

static void make_lists(uint32_t seed, rapt__pbmt_nbest *lists) {
  const rapt__pbmt_columns columns = some_columns(COLUMNS);
  assert_ok(ctx, rapt__pbmt_nbest_init(lists, ctx, &columns));
  for (size_t s = 0; s < LISTS; s++) {
    for (int k = 0; k < WORDS; k++) reference_ids[s * WORDS + (size_t)k] = (int32_t)draw(&seed, 3);
    reference_begin[s + 1] = (s + 1) * WORDS;
    size_t entries = 1 + draw(&seed, ENTRIES);
    for (size_t e = 0; e < entries; e++) {
      int32_t words[WORDS];
      double features[COLUMNS];
      size_t length = 4 + draw(&seed, WORDS - 3);
      for (int k = 0; k < WORDS; k++) words[k] = (int32_t)draw(&seed, 3);
      for (int c = 0; c < COLUMNS; c++) features[c] = (double)draw(&seed, c == 3 ? 3 : 1000) / (c == 3 ? 1 : 100);
      assert_ok(ctx, rapt__pbmt_nbest_add(lists, words, length, NULL, 0, features));
    }
    assert_ok(ctx, rapt__pbmt_nbest_end(lists));
  }
}

static double bleu_at(const rapt__pbmt_nbest *lists, const double *weights, const double *direction, double x) {
  double at[COLUMNS + 1] = {0};
  size_t best[LISTS];
  for (size_t c = 0; c < lists->columns.count; c++) at[c] = weights[c] + x * direction[c];
  rapt__pbmt_nbest_pick(lists, at, best);
  return rapt__pbmt_bleu_of(lists, best, &references);
}

static void test_line_search(void **state) {
  (void)state;
  for (uint32_t seed = 1; seed <= 10; seed++) {
    rapt__pbmt_nbest lists;
    rapt__pbmt_line line;
    make_lists(seed, &lists);
    rapt__pbmt_counts *counts = malloc(lists.entries * sizeof *counts);
    assert_non_null(counts);
    for (size_t s = 0; s < LISTS; s++)
      for (size_t k = lists.first[s]; k < lists.first[s + 1]; k++)
        counts[k] = rapt__pbmt_count(lists.words + lists.word_at[k], lists.word_at[k + 1] - lists.word_at[k],
                                     rapt__pbmt_words(&references, s), WORDS);
    assert_ok(ctx, rapt__pbmt_line_init(&line, &lists));
    for (int trial = 0; trial < 6; trial++) {
      double weights[COLUMNS], direction[COLUMNS] = {0}, x, bleu, sampled = 0;
      for (int c = 0; c < COLUMNS; c++) weights[c] = (double)draw(&seed, 2001) / 1000 - 1;
      for (int c = 0; c < COLUMNS; c++)
        direction[c] = trial < COLUMNS ? trial == c : (double)draw(&seed, 2001) / 1000 - 1;
      rapt__pbmt_line_search(&line, &lists, counts, weights, direction, &x, &bleu);
      assert_true(fabs(bleu - bleu_at(&lists, weights, direction, x)) < 1e-9);
      for (int k = -20000; k <= 20000; k++) {
        double there = bleu_at(&lists, weights, direction, k * 1e-3 + 1e-7);
        if (k % 10 && fabs(k * 1e-3) > 2) continue;
        assert_true(there <= bleu + 1e-9);
        sampled = fmax(sampled, there);
      }
      assert_true(sampled > 0);
    }
    rapt__pbmt_line_free(&line);
    free(counts);
    rapt__pbmt_nbest_free(&lists);
    seed = seed % 100;
  }
}

/* The short sentence is right for w1 > 2, the long one for |w1 - w2| < w3/2; from 1, 1 with w3 = 1 fixed neither weight gains alone. */
static void test_directions(void **state) {
  (void)state;
  const rapt__pbmt_columns columns = some_columns(3);
  const int32_t words[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14}, other[] = {15, 15, 15, 15};
  const size_t begin[] = {0, 4, 14};
  const rapt__pbmt_text text = {words, begin, 2, 16};
  const double features[5][3] = {{0, 0, 2}, {1, 0, 0}, {0, 0, 0.5}, {1, -1, 0}, {-1, 1, 0}};
  rapt__pbmt_nbest lists;
  assert_ok(ctx, rapt__pbmt_nbest_init(&lists, ctx, &columns));
  assert_ok(ctx, rapt__pbmt_nbest_add(&lists, other, 4, NULL, 0, features[0]));
  assert_ok(ctx, rapt__pbmt_nbest_add(&lists, words, 4, NULL, 0, features[1]));
  assert_ok(ctx, rapt__pbmt_nbest_end(&lists));
  assert_ok(ctx, rapt__pbmt_nbest_add(&lists, words + 4, 10, NULL, 0, features[2]));
  for (int k = 3; k < 5; k++) assert_ok(ctx, rapt__pbmt_nbest_add(&lists, other, 4, NULL, 0, features[k]));
  assert_ok(ctx, rapt__pbmt_nbest_end(&lists));
  const bool fixed[3] = {false, false, true};
  rapt__pbmt_tuning settings = {.starts = 0, .passes = 10, .seed = 1, .fixed = fixed};
  double weights[3] = {0.5, 0.5, 0.5}, bleu;
  assert_ok(ctx, rapt__pbmt_tune_weights(&lists, &text, &settings, weights, &bleu));
  assert_true(bleu < 99);
  settings.directions = 20;
  assert_ok(ctx, rapt__pbmt_tune_weights(&lists, &text, &settings, weights, &bleu));
  assert_true(fabs(bleu - 100) < 1e-9);
  assert_true(weights[2] == 0.5);
  rapt__pbmt_nbest_free(&lists);
}

/* A column that says how good an entry is: tuning must lean on it, and rescoring reach what the lists allow. */
static void test_rescoring(void **state) {
  (void)state;
  rapt__pbmt_nbest dev, test;
  make_lists(3, &test);
  make_lists(3, &dev);
  double weights[COLUMNS + 1] = {0.4, 0.3, 0.2, 0.1}, before, after, *values = malloc(dev.entries * sizeof *values);
  size_t best[LISTS];
  assert_non_null(values);
  for (size_t s = 0; s < LISTS; s++)
    for (size_t k = dev.first[s]; k < dev.first[s + 1]; k++) {
      rapt__pbmt_counts c = rapt__pbmt_count(dev.words + dev.word_at[k], dev.word_at[k + 1] - dev.word_at[k],
                                             rapt__pbmt_words(&references, s), WORDS);
      values[k] = c.match[0] + 2 * c.match[1] + 4 * c.match[2] + 8 * c.match[3] - c.all[0];
    }
  rapt__pbmt_tuning tuning = RAPT__PBMT_TUNING_DEFAULTS;
  double tuned[COLUMNS];
  memcpy(tuned, weights, sizeof tuned);
  before = bleu_at(&dev, weights, weights, 0);
  assert_ok(ctx, rapt__pbmt_tune_weights(&dev, &references, &tuning, tuned, &after));
  assert_true(after >= before);
  assert_true(fabs(after - bleu_at(&dev, tuned, tuned, 0)) < 1e-9);
  double sum = 0;
  for (int c = 0; c < COLUMNS; c++) sum += fabs(tuned[c]);
  assert_true(fabs(sum - 1) < 1e-12);
  before = after;
  assert_ok(ctx, rapt__pbmt_rescore("oracle", &dev, values, &references, &test, values, &tuning, weights, best));
  assert_int_equal(dev.columns.count, COLUMNS + 1);
  assert_int_equal(rapt__pbmt_columns_find(&test.columns, "oracle"), COLUMNS);
  assert_fails(ctx, rapt__pbmt_nbest_add_column(&dev, "oracle", values), RAPT_EINVAL, "\"oracle\" already");
  assert_true(weights[COLUMNS] > 0);
  after = rapt__pbmt_bleu_of(&test, best, &references);
  assert_true(after > before + 5);
  bool fixed[COLUMNS + 1] = {true, false, false, false, true};
  double held[] = {0.7, 0.1, 0.1, 0.1, -3};
  tuning.fixed = fixed;
  assert_ok(ctx, rapt__pbmt_tune_weights(&dev, &references, &tuning, held, &after));
  assert_true(held[0] == 0.7 && held[4] == -3);
  rapt__pbmt_nbest_free(&dev);
  rapt__pbmt_nbest_free(&test);
  free(values);
}

static void test_merging(void **state) {
  (void)state;
  rapt__pbmt_nbest a, b;
  const double features[] = {1, 2}, others[] = {3, 4};
  const int32_t words[] = {5, 6, 7};
  const rapt__pbmt_columns columns = some_columns(2), three = some_columns(3);
  assert_ok(ctx, rapt__pbmt_nbest_init(&a, ctx, &columns));
  assert_ok(ctx, rapt__pbmt_nbest_init(&b, ctx, &columns));
  assert_ok(ctx, rapt__pbmt_nbest_add(&a, words, 2, NULL, 0, features));
  assert_ok(ctx, rapt__pbmt_nbest_add(&b, words, 2, NULL, 0, others));
  assert_ok(ctx, rapt__pbmt_nbest_add(&b, words, 3, NULL, 0, others));
  assert_ok(ctx, rapt__pbmt_nbest_add(&b, words, 0, NULL, 0, others));
  assert_fails(ctx, rapt__pbmt_nbest_merge(&a, &(rapt__pbmt_nbest){.sentences = 3}), RAPT_EINVAL, "3");
  assert_ok(ctx, rapt__pbmt_nbest_end(&a));
  assert_ok(ctx, rapt__pbmt_nbest_end(&b));
  b.columns = three;
  assert_fails(ctx, rapt__pbmt_nbest_merge(&a, &b), RAPT_EINVAL, "3 or with other");
  b.columns = columns;
  assert_ok(ctx, rapt__pbmt_nbest_merge(&a, &b));
  assert_int_equal(a.entries, 3);
  assert_true(a.features[0] == 1 && a.features[2] == 3 && a.word_at[2] == 5 && a.word_at[3] == 5);
  rapt__pbmt_nbest_free(&a);
  rapt__pbmt_nbest_free(&b);
}

/* ---- All of it ---- */

static rapt_status run_all(rapt__pbmt_outcome *out) {
  rapt__pbmt_settings settings = tiny_settings();
  settings.search = RAPT__PBMT_SEARCH_DEFAULTS;
  rapt__pbmt_task task = {.train_source = train_source,
                          .train_target = train_target,
                          .dev_source = {train_source_ids, train_source_begin, 10, SOURCES},
                          .dev_target = {train_target_ids, train_target_begin, 10, TARGETS},
                          .test_source = {train_source_ids, train_source_begin + 10, 10, SOURCES},
                          .vocab = vocab,
                          .n = 5};
  return rapt__pbmt_baseline(ctx, &settings, &task, NULL, NULL, out);
}

static void test_baseline(void **state) {
  (void)state;
  make_text();
  rapt__pbmt_outcome out[2];
  const rapt__pbmt_text dev = {train_target_ids, train_target_begin, 10, TARGETS};
  size_t best[10];
  for (int k = 0; k < 2; k++) assert_ok(ctx, run_all(&out[k]));
  assert_int_equal(out[0].test.sentences, 10);
  assert_memory_equal(out[0].weights, out[1].weights, sizeof out[0].weights);
  assert_memory_equal(out[0].test.features, out[1].test.features, out[0].test.entries * 9 * sizeof(double));
  for (size_t s = 0; s < 10; s++) best[s] = out[0].dev.first[s];
  assert_true(rapt__pbmt_bleu_of(&out[0].dev, best, &dev) > 40);
  for (int k = 0; k < 2; k++) rapt__pbmt_outcome_free(&out[k]);
}

static void test_refusals(void **state) {
  (void)state;
  make_text();
  rapt__pbmt_settings settings = tiny_settings();
  rapt__pbmt_model m;
  rapt__pbmt_vocab bad = {copy, TARGETS};
  assert_fails(ctx, rapt__pbmt_train(ctx, &settings, &train_source, &train_target, &bad, &m), RAPT_EINVAL, "end id 9");
  rapt__pbmt_free(&m);
  bad.end = 1;
  assert_fails(ctx, rapt__pbmt_train(ctx, &settings, &train_source, &train_target, &bad, &m), RAPT_EINVAL, "end id 1");
  rapt__pbmt_free(&m);
  copy[3] = END;
  assert_fails(ctx, rapt__pbmt_train(ctx, &settings, &train_source, &train_target, &vocab, &m), RAPT_EINVAL,
               "source word 3");
  rapt__pbmt_free(&m);
  rapt__pbmt_nbest empty;
  const rapt__pbmt_columns columns = some_columns(COLUMNS);
  double weights[COLUMNS] = {1}, bleu;
  assert_ok(ctx, rapt__pbmt_nbest_init(&empty, ctx, &columns));
  assert_ok(ctx, rapt__pbmt_nbest_end(&empty));
  const rapt__pbmt_text one = {reference_ids, reference_begin, 1, 4};
  assert_fails(ctx, rapt__pbmt_tune_weights(&empty, &one, &RAPT__PBMT_TUNING_DEFAULTS, weights, &bleu), RAPT_EINVAL,
               "sentence 1 is empty");
  rapt__pbmt_nbest_free(&empty);
}

static void test_out_of_memory(void **state) {
  (void)state;
  make_text();
  long failures = 0, live = memory.live;
  for (long n = 1;; n += 1 + n / 8) {
    rapt__pbmt_outcome out;
    memory.fail_at = memory.calls + n;
    rapt_status status = run_all(&out);
    memory.fail_at = 0;
    rapt__pbmt_outcome_free(&out);
    rapt_context_clear(ctx);
    assert_int_equal(memory.live, live);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_extraction),
                                     cmocka_unit_test(test_lexical_weights),
                                     cmocka_unit_test(test_decoder_is_exact),
                                     cmocka_unit_test(test_further_columns),
                                     cmocka_unit_test(test_column_names),
                                     cmocka_unit_test(test_pruning),
                                     cmocka_unit_test(test_bleu),
                                     cmocka_unit_test(test_line_search),
                                     cmocka_unit_test(test_directions),
                                     cmocka_unit_test(test_rescoring),
                                     cmocka_unit_test(test_merging),
                                     cmocka_unit_test(test_baseline),
                                     cmocka_unit_test(test_refusals),
                                     cmocka_unit_test(test_out_of_memory)};
  return cmocka_run_group_tests_name("pbmt", tests, set_up, tear_down);
}
