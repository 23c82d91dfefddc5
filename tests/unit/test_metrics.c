/* What the metrics do at their edges, and properties of the resampling tests; figures are in
 * golden/test_metrics_golden.c. */
#include "unit/unit.h"

#include "base/rng.h"
#include "metrics/metrics.h"

#include <math.h>

static rapt_segment segment(const char *text) { return (rapt_segment){text, strlen(text)}; }

static rapt_score score_one(rapt_context *ctx, const rapt_metric *m, const char *hyp, const char *ref) {
  double row[6 * RAPT_CHRF_ORDERS];
  rapt_score s;
  const rapt_segment h = segment(hyp), r = segment(ref);
  assert_ok(ctx, rapt_metric_stats(ctx, m, &h, (const rapt_segment *const[]){&r}, 1, 1, row));
  assert_ok(ctx, rapt_metric_score(ctx, m, row, &s));
  return s;
}

/* Worked by hand: three words that move together are one edit. */
static void small_figures(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_metric ter = rapt_metric_default(RAPT_TER), wer = rapt_metric_default(RAPT_WER),
              bleu = rapt_metric_default(RAPT_BLEU);
  rapt_score s = score_one(ctx, &ter, "on the mat the cat sat", "the cat sat on the mat");
  assert_true(s.edits == 1 && s.score == 100 * (1.0 / 6));
  s = score_one(ctx, &wer, "the cat sits on mat today", "the cat sat on the mat");
  assert_true(s.substitutions == 1 && s.deletions == 1 && s.insertions == 1 && s.score == 50);
  /* No alignment with fewer errors than two; the one without substitutions is counted. */
  s = score_one(ctx, &wer, "b c", "a b");
  assert_true(s.edits == 2 && s.substitutions == 0 && s.deletions == 1 && s.insertions == 1);
  s = score_one(ctx, &wer, "", "");
  assert_true(s.score == 0);
  s = score_one(ctx, &wer, "a", "");
  assert_true(s.score == 100);
  wer.lowercase = true;
  assert_true(score_one(ctx, &wer, "A b", "a B").edits == 0);
  s = score_one(ctx, &bleu, "the cat sat on the mat", "the cat sat on the mat");
  assert_true(fabs(s.score - 100) < 1e-9 && s.brevity == 1);
  /* Of five words matched four, of four pairs two: (4/5 · 2/4)^½. */
  bleu.max_order = 2;
  s = score_one(ctx, &bleu, "a b c d e", "a b x d e");
  assert_true(fabs(s.score - 100 * sqrt(0.8 * 0.5)) < 1e-9);
  close_context(&memory, ctx);
}

static void lines_of_error_rates(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_metric per = rapt_metric_default(RAPT_PER);
  rapt_score s = score_one(ctx, &per, "HH AH0 L OW1 D", "HH EH0 L OW1");
  char text[512];
  int n = rapt_score_format(&per, &s, &(rapt_score_style){.digits = 2, .references = 1, .signature = true}, text,
                            sizeof text);
  char wanted[200];
  snprintf(wanted, sizeof wanted,
           "PER|nrefs:1|case:mixed|tok:none|version:rapt-%s = 50.00 (S = 1 D = 0 I = 1 hyp_len = 5 ref_len = 4)",
           rapt_version());
  assert_string_equal(text, wanted);
  assert_int_equal(n, strlen(wanted));
  /* A short buffer is filled as far as it goes and ended. */
  char small[11];
  assert_int_equal(rapt_score_format(&per, &s, &(rapt_score_style){.digits = 2}, small, sizeof small),
                   strlen("PER = 50.00 (S = 1 D = 0 I = 1 hyp_len = 5 ref_len = 4)"));
  assert_string_equal(small, "PER = 50.0");
  rapt_metric chrf = rapt_metric_default(RAPT_CHRF);
  s = score_one(ctx, &chrf, "abc", "abd");
  s.mean = 50;
  s.interval = 2.5;
  rapt_score_style style = {.digits = 1, .references = 1, .signature = true, .samples = 1000, .seed = 12345};
  rapt_score_format(&chrf, &s, &style, text, sizeof text);
  assert_non_null(strstr(text, "chrF2|nrefs:1|bs:1000|seed:philox-12345|case:mixed|"));
  assert_non_null(strstr(text, " (\xCE\xBC = 50.0 \xC2\xB1 2.5)"));
  assert_null(strstr(text, ") ")); /* and no space behind it */
  close_context(&memory, ctx);
}

static void refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_metric m = rapt_metric_default(RAPT_BLEU);
  const rapt_segment texts[] = {segment("fine"), segment("\xC3("), segment("a\xED\xA0\x80")};
  const rapt_segment *good[] = {&texts[0]}, *bad[] = {&texts[2]};
  double row[64];
  assert_fails(ctx, rapt_metric_stats(ctx, &m, &texts[1], good, 1, 1, row), RAPT_EFORMAT, "hypothesis 1 is not UTF-8");
  assert_fails(ctx, rapt_metric_stats(ctx, &m, &texts[0], bad, 1, 1, row), RAPT_EFORMAT,
               "reference 1 of segment 1 is not UTF-8");
  assert_fails(ctx, rapt_metric_stats(ctx, &m, texts, good, 0, 1, row), RAPT_EINVAL, "at least one reference");
  rapt_score s;
  const rapt_metric chrf = rapt_metric_default(RAPT_CHRF);
  rapt_metric wrong[] = {{.kind = 9}, m, m, m, m, chrf, chrf, chrf};
  wrong[1].max_order = 0;
  wrong[2].max_order = RAPT_BLEU_ORDERS + 1;
  wrong[3].tokenizer = 99;
  wrong[4].smooth_value = NAN;
  wrong[5].char_order = 0;
  wrong[6].word_order = RAPT_CHRF_ORDERS + 1;
  wrong[7].beta = 0;
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_int_equal(rapt_metric_width(&wrong[i]), 0);
    assert_fails(ctx, rapt_metric_score(ctx, &wrong[i], row, &s), RAPT_EINVAL, "out of bounds");
    assert_fails(ctx, rapt_metric_stats(ctx, &wrong[i], texts, good, 1, 1, row), RAPT_EINVAL, "out of bounds");
  }
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt_metric_stats(ctx, &m, texts, good, 1, 1, row), RAPT_EINTERRUPTED, "interrupted");
  close_context(&memory, ctx);
}

static void lines_of_a_file(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_lines l;
  static const char text[] = "one  \r\n\n  two\xC2\xA0\xE3\x80\x80\n\xE2\x80\x8Bthree";
  assert_ok(ctx, rapt_lines_parse(ctx, "text", text, sizeof text - 1, &l));
  assert_int_equal(l.count, 4);
  const char *wanted[] = {"one", "", "  two", "\xE2\x80\x8Bthree"};
  for (int i = 0; i < 4; i++) {
    assert_int_equal(l.line[i].size, strlen(wanted[i]));
    assert_memory_equal(l.line[i].data, wanted[i], l.line[i].size);
  }
  rapt_lines_free(ctx, &l);
  assert_fails(ctx, rapt_lines_parse(ctx, "empty.txt", "", 0, &l), RAPT_EFORMAT, "empty.txt is empty");
  assert_fails(ctx, rapt_lines_parse(ctx, "bad.txt", "a\nb\xFF\n", 5, &l), RAPT_EFORMAT,
               "bad.txt: line 2 is not UTF-8; convert the file with iconv");
  assert_fails(ctx, rapt_lines_parse(ctx, "cut.txt", "a\n\xE2\x82\n", 5, &l), RAPT_EFORMAT, "cut.txt: line 2");
  assert_fails(ctx, rapt_lines_read(ctx, "/nowhere/text", &l), RAPT_ENOTFOUND, "/nowhere/text");
  assert_ok(ctx, rapt_lines_read(ctx, "LICENSE", &l));
  assert_true(l.count > 10 && l.text);
  rapt_lines_free(ctx, &l);
  close_context(&memory, ctx);
}

/* By hand: sure are 0-0 and 1-1, possible is 2-2 too; found are 0-0, 2-2 and 3-1. */
static void alignments(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_alignments *gold, *hyp, *none;
  rapt_alignment_score s;
  static const char sure[] = "1-1 2-2 3p3 1p1\r\n\n", found[] = "0-0 2-2\t3-1 0-0\n\n", more[] = "5-5\n";
  assert_ok(ctx, rapt_alignments_parse(ctx, "gold", sure, sizeof sure - 1, 1, &gold));
  assert_ok(ctx, rapt_alignments_parse(ctx, "hyp", found, sizeof found - 1, 0, &hyp));
  assert_int_equal(rapt_alignments_count(gold), 2);
  assert_int_equal(rapt_alignments_least(gold), 0);
  assert_ok(ctx, rapt_alignments_score(ctx, gold, hyp, &s));
  assert_true(s.pairs == 2 && s.links == 3 && s.sure == 2 && s.possible == 3);
  assert_true(s.correct_sure == 1 && s.correct_possible == 2);
  assert_true(s.precision == 2.0 / 3 && s.recall == 0.5 && s.aer == 1 - 3.0 / 5);
  assert_ok(ctx, rapt_alignments_score(ctx, gold, gold, &s));
  assert_true(s.precision == 1 && s.recall == 1 && s.aer == 0);
  rapt_alignments_free(hyp);
  assert_ok(ctx, rapt_alignments_parse(ctx, "more", more, sizeof more - 1, 0, &hyp));
  assert_int_equal(rapt_alignments_least(hyp), 5);
  assert_fails(ctx, rapt_alignments_score(ctx, gold, hyp, &s), RAPT_ESHAPE, "2 lines, the other 1");
  assert_ok(ctx, rapt_alignments_parse(ctx, "none", "\n\n", 2, 0, &none));
  assert_int_equal(rapt_alignments_least(none), -1);
  assert_ok(ctx, rapt_alignments_score(ctx, none, none, &s));
  assert_true(s.precision == 0 && s.recall == 0 && s.aer == 0);
  rapt_alignments_free(gold);
  rapt_alignments_free(hyp);
  rapt_alignments_free(none);
  struct {
    const char *text, *part;
    int first;
  } bad[] = {{"", "bad is empty", 0},
             {"0-0\n1:1\n", "line 2, column 2: \"-\" or \"p\" is missing", 0},
             {"0-0 a-1", "column 5: a link is written", 0},
             {"0-", "column 3: a link is written", 0},
             {"0-1-2", "column 4: a link ends with white space", 0},
             {"1-1 0-1", "column 5: word 0", 1},
             {"1-0", "column 3: word 0", 1},
             {"0-99999999999999999999", "column 3: the number of a word is too large", 0},
             {"0-0", "not from 2", 2}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(ctx, rapt_alignments_parse(ctx, "bad", bad[i].text, strlen(bad[i].text), bad[i].first, &gold),
                 i + 1 == sizeof bad / sizeof *bad ? RAPT_EINVAL : RAPT_EFORMAT, bad[i].part);
  close_context(&memory, ctx);
}

/* Systems that get a share of the words of 300 sentences right, ten words each; the second is the first again. */
enum { SENTENCES = 300, SAMPLES = 999, SYSTEMS = 4 };
typedef struct systems {
  double *stats[SYSTEMS];
  rapt_metric m;
} systems;

static systems make_systems(rapt_context *ctx, rapt_metric_kind kind) {
  static const double share[SYSTEMS] = {0.6, 0.6, 0.75, 0.61};
  systems out = {.m = rapt_metric_default(kind)};
  char text[SYSTEMS + 1][64];
  for (int s = 0; s < SYSTEMS; s++)
    out.stats[s] = calloc(SENTENCES * (size_t)rapt_metric_width(&out.m), sizeof(double));
  for (int i = 0; i < SENTENCES; i++) {
    for (int s = 0; s <= SYSTEMS; s++) text[s][0] = 0;
    for (int w = 0; w < 10; w++) {
      char word[2] = {(char)('a' + (int)rapt__rng_below(1, 0, (uint64_t)(10 * i + w), 20)), 0};
      strcat(strcat(text[SYSTEMS], word), " ");
      for (int s = 0; s < SYSTEMS; s++) { /* system 1 is system 0; the others err for themselves */
        bool right = rapt__rng_uniform(2, (uint64_t)(s == 1 ? 0 : s), (uint64_t)(10 * i + w)) < share[s];
        strcat(strcat(text[s], right ? word : "z"), " ");
      }
    }
    const rapt_segment ref = segment(text[SYSTEMS]);
    for (int s = 0; s < SYSTEMS; s++) {
      const rapt_segment hyp = segment(text[s]);
      assert_ok(ctx, rapt_metric_stats(ctx, &out.m, &hyp, (const rapt_segment *const[]){&ref}, 1, 1,
                                       out.stats[s] + i * rapt_metric_width(&out.m)));
    }
  }
  return out;
}

static void free_systems(systems *s) {
  for (int i = 0; i < SYSTEMS; i++) free(s->stats[i]);
}

typedef rapt_status (*test_fn)(rapt_context *ctx, const rapt_metric *m, const double *const *stats, int systems,
                               int64_t segments, int64_t samples, uint64_t seed, rapt_compared *out);

static void check_test(test_fn test, bool bootstrap, rapt_metric_kind kind) {
  counted_memory memory;
  rapt_compared first[SYSTEMS], other[SYSTEMS];
  for (int threads = 1; threads <= 3; threads += 2) {
    rapt_context *ctx = counted_context(&memory, threads);
    systems s = make_systems(ctx, kind);
    rapt_compared *to = threads == 1 ? first : other;
    assert_ok(ctx, test(ctx, &s.m, (const double *const *)s.stats, SYSTEMS, SENTENCES, SAMPLES, 12345, to));
    if (threads == 1) {
      rapt_compared again[SYSTEMS];
      assert_ok(ctx, test(ctx, &s.m, (const double *const *)s.stats, SYSTEMS, SENTENCES, SAMPLES, 54321, again));
      assert_true(bootstrap ? again[2].mean != to[2].mean : again[3].p != to[3].p);
      assert_true(again[0].score == to[0].score);
      assert_true(fabs(again[3].p - to[3].p) < 0.1);
    }
    free_systems(&s);
    close_context(&memory, ctx);
  }
  for (int i = 0; i < SYSTEMS; i++) {
    assert_true(first[i].score == other[i].score && first[i].mean == other[i].mean);
    assert_true(first[i].interval == other[i].interval && (i == 0 || first[i].p == other[i].p));
    if (bootstrap) {
      assert_true(first[i].interval > 0 && first[i].interval < 5);
      assert_true(fabs(first[i].mean - first[i].score) < first[i].interval / 2);
    } else
      assert_true(first[i].mean == 0 && first[i].interval == 0);
  }
  assert_true(isnan(first[0].p));
  assert_true(first[1].p == 1);                     /* the same system */
  assert_true(first[2].p < 0.05);                   /* much better */
  assert_true(first[3].p > 0.05 && first[3].p < 1); /* one word in a hundred better */
}

static void bootstrap(void **state) {
  (void)state;
  check_test(rapt_metric_bootstrap, true, RAPT_BLEU);
  check_test(rapt_metric_bootstrap, true, RAPT_CHRF);
}

static void randomization(void **state) {
  (void)state;
  check_test(rapt_metric_randomize, false, RAPT_BLEU);
  check_test(rapt_metric_randomize, false, RAPT_WER);
}

/* Two systems without any difference but chance: the p-values of many such pairs spread over (0, 1). */
static void p_values_of_chance(void **state) {
  (void)state;
  enum { PAIRS = 200, ROWS = 50 };
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_metric m = rapt_metric_default(RAPT_WER);
  int below_half = 0, below_tenth = 0;
  for (int pair = 0; pair < PAIRS; pair++) {
    double rows[2][ROWS][6] = {0};
    for (int s = 0; s < 2; s++)
      for (int i = 0; i < ROWS; i++) {
        rows[s][i][0] = (double)rapt__rng_below(9, (uint64_t)(2 * pair + s), (uint64_t)i, 6);
        rows[s][i][5] = 10;
      }
    rapt_compared out[2];
    const double *stats[] = {&rows[0][0][0], &rows[1][0][0]};
    assert_ok(ctx, rapt_metric_randomize(ctx, &m, stats, 2, ROWS, 199, (uint64_t)pair, out));
    below_half += out[1].p < 0.5;
    below_tenth += out[1].p < 0.1;
  }
  /* 100 ± 7 and 20 ± 4 are to be expected: four standard deviations. */
  assert_in_range(below_half, 72, 128);
  assert_in_range(below_tenth, 3, 37);
  close_context(&memory, ctx);
}

static void refused_tests(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_metric m = rapt_metric_default(RAPT_TER), none = {.kind = 9};
  double rows[2] = {1, 2};
  const double *stats[] = {rows};
  rapt_compared out;
  assert_fails(ctx, rapt_metric_bootstrap(ctx, &m, stats, 0, 1, 1, 0, &out), RAPT_EINVAL, "needs a system");
  assert_fails(ctx, rapt_metric_bootstrap(ctx, &m, stats, 1, 0, 1, 0, &out), RAPT_EINVAL, "needs a system");
  assert_fails(ctx, rapt_metric_bootstrap(ctx, &m, stats, 1, 1, 0, 0, &out), RAPT_EINVAL, "needs a system");
  assert_fails(ctx, rapt_metric_bootstrap(ctx, &none, stats, 1, 1, 1, 0, &out), RAPT_EINVAL, "out of bounds");
  assert_fails(ctx, rapt_metric_bootstrap(ctx, &m, stats, 1, 1, INT64_MAX, 0, &out), RAPT_ENOMEM, "memory");
  assert_ok(ctx, rapt_metric_bootstrap(ctx, &m, stats, 1, 1, 1, 0, &out));
  assert_true(out.score == 50 && out.mean == 50 && out.interval == 0);
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt_metric_randomize(ctx, &m, stats, 1, 1, 1, 0, &out), RAPT_EINTERRUPTED, "interrupted");
  close_context(&memory, ctx);
}

static rapt_status use_everything(rapt_context *ctx) {
  static const char hyp[] = "the cat sat, on the mat\nan old man\n", gold[] = "0-0 1-1\n",
                    text[] = "on a mat sat the cat\nAn Old m\n";
  rapt_lines h = {0}, r = {0};
  rapt_status status = rapt_lines_parse(ctx, "hyp", hyp, sizeof hyp - 1, &h);
  if (status == RAPT_OK) status = rapt_lines_parse(ctx, "ref", text, sizeof text - 1, &r);
  for (rapt_metric_kind kind = RAPT_BLEU; kind <= RAPT_PER && status == RAPT_OK; kind++) {
    rapt_metric m = rapt_metric_default(kind);
    m.word_order = 2;
    m.lowercase = m.normalized = m.no_punct = m.asian_support = true;
    double rows[2 * 6 * RAPT_CHRF_ORDERS];
    const double *stats[] = {rows};
    rapt_compared out;
    status = rapt_metric_stats(ctx, &m, h.line, (const rapt_segment *const[]){r.line}, 1, 2, rows);
    if (status == RAPT_OK) status = rapt_metric_bootstrap(ctx, &m, stats, 1, 2, 5, 1, &out);
  }
  rapt_lines_free(ctx, &h);
  rapt_lines_free(ctx, &r);
  rapt_alignments *a = NULL;
  if (status == RAPT_OK) status = rapt_alignments_parse(ctx, "gold", gold, sizeof gold - 1, 0, &a);
  rapt_alignments_free(a);
  return status;
}

static void failing_allocations(void **state) {
  (void)state;
  counted_memory memory;
  for (long n = 1;; n++) {
    rapt_context *ctx = counted_context(&memory, 1);
    memory.fail_at = memory.calls + n;
    rapt_status status = use_everything(ctx);
    memory.fail_at = 0;
    close_context(&memory, ctx);
    if (status == RAPT_OK) {
      assert_true(n > 40);
      break;
    }
    assert_int_equal(status, RAPT_ENOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(small_figures), cmocka_unit_test(lines_of_error_rates),
                                     cmocka_unit_test(refused),       cmocka_unit_test(lines_of_a_file),
                                     cmocka_unit_test(alignments),    cmocka_unit_test(bootstrap),
                                     cmocka_unit_test(randomization), cmocka_unit_test(p_values_of_chance),
                                     cmocka_unit_test(refused_tests), cmocka_unit_test(failing_allocations)};
  return cmocka_run_group_tests_name("metrics", tests, NULL, NULL);
}
