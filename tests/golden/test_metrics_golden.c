/* The metrics against sacrebleu's figures and lines, Python's Unicode, and plain algorithms (make_metrics.py). */
#include "unit/unit.h"

#include "metrics/metrics.h"

#include <jansson.h>
#include <math.h>
#include <zlib.h>

static json_t *golden;

static int begin(void **state) {
  (void)state;
  json_error_t error;
  golden = json_load_file("tests/golden/metrics.json", JSON_ALLOW_NUL, &error);
  if (!golden) print_message("metrics.json: line %d: %s\n", error.line, error.text);
  return golden ? 0 : 1;
}

static int end(void **state) {
  (void)state;
  json_decref(golden);
  return 0;
}

static json_t *get(const json_t *object, const char *key) {
  json_t *value = json_object_get(object, key);
  if (!value) fail_msg("no \"%s\"", key);
  return value;
}

/* Relative to the value; figures are per cent, and a score of nothing is exactly 0. */
static void assert_close(double got, double wanted, const char *what, int at) {
  if (!(fabs(got - wanted) <= 1e-9 * fabs(wanted))) fail_msg("%s %d: %.17g instead of %.17g", what, at, got, wanted);
}

static uint64_t fnv(uint64_t h, const char *text) {
  for (; *text; text++) h = (h ^ (unsigned char)*text) * 1099511628211ULL;
  return h;
}
#define FNV_START 14695981039346656037ULL

static rapt_metric metric_of(const json_t *item) {
  const char *kind = json_string_value(get(item, "metric")), *key;
  rapt_metric m = rapt_metric_default(!strcmp(kind, "bleu") ? RAPT_BLEU : !strcmp(kind, "chrf") ? RAPT_CHRF : RAPT_TER);
  json_t *value;
  json_object_foreach(get(item, "options"), key, value) {
    const char *text = json_string_value(value);
    bool yes = json_is_true(value);
    if (!strcmp(key, "tokenize")) {
      m.tokenizer = RAPT_TOK_NONE;
      while (strcmp(rapt_bleu_tokenizer_text(m.tokenizer), text) != 0) m.tokenizer++;
    } else if (!strcmp(key, "smooth_method")) {
      m.smoothing = RAPT_SMOOTH_NONE;
      while (strcmp(rapt_bleu_smoothing_text(m.smoothing), text) != 0) m.smoothing++;
    } else if (!strcmp(key, "smooth_value"))
      m.smooth_value = json_number_value(value);
    else if (!strcmp(key, "max_ngram_order"))
      m.max_order = (int)json_integer_value(value);
    else if (!strcmp(key, "char_order"))
      m.char_order = (int)json_integer_value(value);
    else if (!strcmp(key, "word_order"))
      m.word_order = (int)json_integer_value(value);
    else if (!strcmp(key, "beta"))
      m.beta = (int)json_integer_value(value);
    else {
      struct {
        const char *name;
        bool *to;
      } flags[] = {{"lowercase", &m.lowercase},         {"effective_order", &m.effective_order},
                   {"whitespace", &m.whitespace},       {"eps_smoothing", &m.eps_smoothing},
                   {"normalized", &m.normalized},       {"no_punct", &m.no_punct},
                   {"asian_support", &m.asian_support}, {"case_sensitive", &m.case_sensitive}};
      size_t i = 0;
      while (i < sizeof flags / sizeof *flags && strcmp(flags[i].name, key) != 0) i++;
      if (i == sizeof flags / sizeof *flags) fail_msg("no option %s", key);
      *flags[i].to = yes;
    }
  }
  return m;
}

static void check_corpus(rapt_context *ctx, const json_t *item, int at, const rapt_segment *hyps,
                         const rapt_segment *const *refs, int64_t segments) {
  rapt_metric m = metric_of(item);
  int references = (int)json_integer_value(get(item, "references"));
  size_t width = (size_t)rapt_metric_width(&m);
  assert_true(width > 0);
  double *stats = calloc((size_t)segments * width, sizeof *stats), sum[128];
  rapt_score s;
  char text[1024];
  assert_ok(ctx, rapt_metric_stats(ctx, &m, hyps, refs, references, segments, stats));
  rapt_metric_sum(&m, stats, segments, sum);
  assert_ok(ctx, rapt_metric_score(ctx, &m, sum, &s));
  rapt_score_style style = {.digits = 2, .references = references, .signature = true};
  rapt_score_format(&m, &s, &style, text, sizeof text);
  assert_string_equal(text, json_string_value(get(item, "line")));
  rapt_score_format(&m, &s, &(rapt_score_style){.digits = 4}, text, sizeof text);
  assert_string_equal(text, json_string_value(get(item, "plain")));
  assert_close(s.score, json_number_value(get(item, "score")), "case", at);
  const json_t *sentences = json_object_get(item, "sentences");
  if (sentences) {
    assert_int_equal(json_array_size(sentences), segments);
    if (m.kind == RAPT_BLEU) m.effective_order = true;
    uint64_t h = FNV_START;
    for (int64_t i = 0; i < segments; i++) {
      assert_ok(ctx, rapt_metric_score(ctx, &m, stats + (size_t)i * width, &s));
      double wanted = json_number_value(json_array_get(sentences, (size_t)i));
      if (!(fabs(s.score - wanted) <= 1e-9 * wanted))
        fail_msg("case %d, %s, sentence %d: %.12g instead of %.12g", at, json_string_value(get(item, "line")), (int)i,
                 s.score, wanted);
      rapt_score_format(&m, &s, &style, text, sizeof text);
      h = fnv(fnv(h, text), "\n");
    }
    snprintf(text, sizeof text, "%016llx", (unsigned long long)h);
    assert_string_equal(text, json_string_value(get(item, "sentence_lines")));
  }
  free(stats);
}

static rapt_segment *segments_of(const json_t *lines) {
  size_t count = json_array_size(lines);
  rapt_segment *out = calloc(count, sizeof *out);
  for (size_t i = 0; i < count; i++) {
    json_t *line = json_array_get(lines, i);
    out[i] = (rapt_segment){json_string_value(line), json_string_length(line)};
  }
  return out;
}

static void made_sentences(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  json_t *item;
  size_t at;
  assert_true(json_array_size(get(golden, "cases")) > 200);
  json_array_foreach(get(golden, "cases"), at, item) {
    json_t *set = get(get(golden, "sets"), json_string_value(get(item, "set")));
    json_t *hyps = get(set, "hypotheses"), *refs = get(set, "references");
    rapt_segment *hyp = segments_of(hyps), *ref[8] = {0};
    size_t count = json_array_size(refs);
    assert_true(count <= 8);
    for (size_t r = 0; r < count; r++) ref[r] = segments_of(json_array_get(refs, r));
    check_corpus(ctx, item, (int)at, hyp, (const rapt_segment *const *)ref, (int64_t)json_array_size(hyps));
    for (size_t r = 0; r < count; r++) free(ref[r]);
    free(hyp);
  }
  close_context(&memory, ctx);
}

/* sacrebleu's tests of three systems, with its own random numbers: a mean, a quantile and a share of N samples are
 * uncertain by about s/√N, 2 s/√N and √(p (1 − p)/N), here in both programs; four such deviations are allowed. TER has
 * ties, which sacrebleu does not count. */
static void within_sampling_error(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const json_t *made = get(get(golden, "sets"), "made"), *references = get(made, "references");
  rapt_segment *text[] = {segments_of(get(made, "hypotheses")), segments_of(json_array_get(references, 1)),
                          segments_of(json_array_get(references, 2)), segments_of(json_array_get(references, 0))};
  int64_t segments = (int64_t)json_array_size(get(made, "hypotheses"));
  json_t *item;
  size_t at;
  assert_int_equal(json_array_size(get(golden, "comparisons")), 6);
  json_array_foreach(get(golden, "comparisons"), at, item) {
    rapt_metric m = metric_of(item);
    double *stats[3];
    for (int s = 0; s < 3; s++) {
      stats[s] = calloc((size_t)segments * (size_t)rapt_metric_width(&m), sizeof(double));
      assert_ok(ctx, rapt_metric_stats(ctx, &m, text[s], (const rapt_segment *const *)&text[3], 1, segments, stats[s]));
    }
    bool bootstrap = strcmp(json_string_value(get(item, "test")), "bs") == 0;
    int64_t samples = json_integer_value(get(item, "samples"));
    rapt_compared out[3];
    assert_ok(ctx, (bootstrap ? rapt_metric_bootstrap : rapt_metric_randomize)(ctx, &m, (const double *const *)stats, 3,
                                                                               segments, samples, 12345, out));
    for (int s = 0; s < 3; s++) {
      const json_t *want = json_array_get(get(item, "systems"), (size_t)s);
      double root = sqrt(2.0 / (double)samples);
      assert_close(out[s].score, json_number_value(get(want, "score")), "score of comparison", (int)at);
      if (bootstrap) {
        double interval = json_number_value(get(want, "interval")), deviation = interval / 1.96;
        assert_true(fabs(out[s].mean - json_number_value(get(want, "mean"))) < 4 * root * deviation);
        assert_true(fabs(out[s].interval - interval) < 8 * root * deviation);
      }
      if (s == 0) continue;
      double p = json_number_value(get(want, m.kind == RAPT_TER ? "p_ties" : "p"));
      if (!(fabs(out[s].p - p) <= 4 * root * sqrt(p * (1 - p)) + 2.0 / (double)samples))
        fail_msg("comparison %d, system %d: p is %g instead of %g", (int)at, s, out[s].p, p);
    }
    for (int s = 0; s < 3; s++) free(stats[s]);
  }
  for (int i = 0; i < 4; i++) free(text[i]);
  close_context(&memory, ctx);
}

/* A language of Multi30K's test set, read as the command reads files. */
typedef struct language {
  char *text;
  rapt_lines lines;
} language;

static language read_language(rapt_context *ctx, const char *name) {
  char path[1024];
  snprintf(path, sizeof path, "%s/multi30k/raw/test_2016_flickr.%s.gz", getenv("RAPT_DATA"), name);
  gzFile f = gzopen(path, "rb");
  if (!f) fail_msg("cannot read %s", path);
  size_t room = 1 << 20;
  language l = {.text = malloc(room)};
  int size = gzread(f, l.text, (unsigned)room);
  gzclose(f);
  assert_true(size > 0 && (size_t)size < room);
  assert_ok(ctx, rapt_lines_parse(ctx, path, l.text, (size_t)size, &l.lines));
  assert_int_equal(l.lines.count, 1000);
  return l;
}

static void forget_language(rapt_context *ctx, language *l) {
  rapt_lines_free(ctx, &l->lines);
  free(l->text);
}

/* Every fifth word left out, the last two moved to the front. */
static char *dropped(rapt_segment line, size_t *size) {
  char copy[4096], *kept[512], *out = calloc(1, line.size + 2);
  size_t count = 0, index = 0;
  assert_true(line.size < sizeof copy);
  memcpy(copy, line.data, line.size);
  copy[line.size] = 0;
  for (char *at = copy, *word; (word = strsep(&at, " ")) != NULL; index++)
    if (index % 5 != 4) kept[count++] = word;
  size_t front = count < 2 ? count : 2;
  for (size_t i = 0; i < count; i++) {
    strcat(out, kept[i < front ? count - front + i : i - front]);
    if (i + 1 < count) strcat(out, " ");
  }
  *size = strlen(out);
  return out;
}

static void real_sentences(void **state) {
  (void)state;
  const char *root = getenv("RAPT_DATA");
  char path[1024];
  snprintf(path, sizeof path, "%s/multi30k/raw", root ? root : "");
  if (!root || access(path, R_OK) != 0) {
    print_message("RAPT_DATA has no multi30k: no real sentences to score\n");
    skip();
  }
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  language de = read_language(ctx, "de"), en = read_language(ctx, "en"), fr = read_language(ctx, "fr");
  rapt_segment less_de[1000], less_fr[1000];
  for (int i = 0; i < 1000; i++) {
    less_de[i].data = dropped(de.lines.line[i], &less_de[i].size);
    less_fr[i].data = dropped(fr.lines.line[i], &less_fr[i].size);
  }
  json_t *item;
  size_t at;
  assert_true(json_array_size(get(golden, "multi30k")) >= 18);
  json_array_foreach(get(golden, "multi30k"), at, item) {
    const char *set = json_string_value(get(item, "set"));
    bool two = strcmp(set, "two") == 0;
    const rapt_segment *hyp = two ? less_fr : strcmp(set, "english") == 0 ? en.lines.line : less_de;
    const rapt_segment *refs[] = {two ? fr.lines.line : de.lines.line, de.lines.line};
    check_corpus(ctx, item, (int)at, hyp, refs, 1000);
  }
  for (int i = 0; i < 1000; i++) {
    free((char *)less_de[i].data);
    free((char *)less_fr[i].data);
  }
  forget_language(ctx, &de);
  forget_language(ctx, &en);
  forget_language(ctx, &fr);
  close_context(&memory, ctx);
}

static bool in_runs(const json_t *runs, uint32_t c, size_t *at) {
  while (*at < json_array_size(runs) && (uint32_t)json_integer_value(json_array_get(runs, *at + 1)) < c) *at += 2;
  return *at < json_array_size(runs) && (uint32_t)json_integer_value(json_array_get(runs, *at)) <= c;
}

static void classes_of_characters(void **state) {
  (void)state;
  const json_t *unicode = get(golden, "unicode"), *assigned = get(unicode, "assigned"), *lower = get(unicode, "lower");
  struct {
    const json_t *runs;
    bool (*is)(uint32_t c);
    size_t at;
  } classes[] = {{get(unicode, "space"), rapt__is_space, 0},
                 {get(unicode, "punctuation"), rapt__is_punctuation, 0},
                 {get(unicode, "symbol"), rapt__is_symbol, 0},
                 {get(unicode, "number"), rapt__is_number, 0}};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__chars in = {0}, out = {0};
  assert_ok(ctx, rapt__chars_room(ctx, &in, 1));
  in.count = 1;
  size_t known = 0, pair = 0, checked = 0;
  for (uint32_t c = 0; c < 0x110000; c++) {
    if (!in_runs(assigned, c, &known)) continue;
    for (size_t k = 0; k < sizeof classes / sizeof *classes; k++)
      if (classes[k].is(c) != in_runs(classes[k].runs, c, &classes[k].at)) fail_msg("class %zu of U+%04X", k, c);
    in.at[0] = c;
    assert_ok(ctx, rapt__chars_lower(ctx, &in, &out));
    uint32_t wanted = c;
    if (pair < json_array_size(lower) && json_integer_value(json_array_get(lower, pair)) == c) {
      wanted = (uint32_t)json_integer_value(json_array_get(lower, pair + 1));
      pair += 2;
    }
    if (c != 0x130 && (out.count != 1 || out.at[0] != wanted)) fail_msg("lower case of U+%04X is U+%04X", c, out.at[0]);
    checked++;
  }
  assert_true(checked > 280000);
  assert_int_equal(pair, json_array_size(lower));
  rapt__chars_free(ctx, &in);
  rapt__chars_free(ctx, &out);
  close_context(&memory, ctx);
}

static void capital_sigma(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__chars in = {0}, out = {0}, wanted = {0};
  json_t *pair;
  size_t at;
  json_array_foreach(get(get(golden, "unicode"), "sigma"), at, pair) {
    json_t *from = json_array_get(pair, 0), *to = json_array_get(pair, 1);
    assert_ok(ctx, rapt__chars_decode(ctx, &in, json_string_value(from), json_string_length(from)));
    assert_ok(ctx, rapt__chars_decode(ctx, &wanted, json_string_value(to), json_string_length(to)));
    assert_ok(ctx, rapt__chars_lower(ctx, &in, &out));
    if (out.count != wanted.count || memcmp(out.at, wanted.at, out.count * sizeof *out.at) != 0)
      fail_msg("lower case of \"%s\" is not \"%s\"", json_string_value(from), json_string_value(to));
  }
  assert_true(at > 100);
  rapt__chars_free(ctx, &in);
  rapt__chars_free(ctx, &out);
  rapt__chars_free(ctx, &wanted);
  close_context(&memory, ctx);
}

static void error_rates(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const json_t *made = get(get(golden, "sets"), "made"), *wanted = get(golden, "errors");
  rapt_segment *hyp = segments_of(get(made, "hypotheses"));
  rapt_segment *ref = segments_of(json_array_get(get(made, "references"), 0));
  rapt_metric m = rapt_metric_default(RAPT_WER);
  assert_int_equal(rapt_metric_width(&m), 6);
  double rows[6], total = 0, words = 0;
  size_t count = json_array_size(wanted);
  double *stats = calloc(count * 6, sizeof *stats), sum[6];
  assert_ok(ctx, rapt_metric_stats(ctx, &m, hyp, (const rapt_segment *const[]){ref}, 1, (int64_t)count, stats));
  for (size_t i = 0; i < count; i++) {
    memcpy(rows, stats + 6 * i, sizeof rows);
    double want[4];
    for (size_t k = 0; k < 4; k++) want[k] = json_number_value(json_array_get(json_array_get(wanted, i), k));
    assert_true(rows[0] == want[0] && rows[1] == want[1] && rows[4] == want[2] && rows[5] == want[3]);
    assert_true(rows[1] + rows[2] + rows[3] == rows[0] && rows[2] - rows[3] == rows[5] - rows[4]);
    total += want[0];
    words += want[3];
  }
  rapt_score s;
  rapt_metric_sum(&m, stats, (int64_t)count, sum);
  assert_ok(ctx, rapt_metric_score(ctx, &m, sum, &s));
  assert_close(s.score, 100 * total / words, "error rate", 0);
  free(stats);
  free(hyp);
  free(ref);
  close_context(&memory, ctx);
}

static void alignment_error_rate(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const json_t *want = get(golden, "alignments");
  const char *gold_text = json_string_value(get(want, "gold")), *text = json_string_value(get(want, "hypothesis"));
  rapt_alignments *gold, *hyp;
  rapt_alignment_score s;
  assert_ok(ctx, rapt_alignments_parse(ctx, "gold", gold_text, strlen(gold_text), 1, &gold));
  assert_ok(ctx, rapt_alignments_parse(ctx, "hypothesis", text, strlen(text), 0, &hyp));
  assert_ok(ctx, rapt_alignments_score(ctx, gold, hyp, &s));
  assert_int_equal(s.pairs, 30);
  assert_int_equal(s.links, json_integer_value(get(want, "links")));
  assert_int_equal(s.sure, json_integer_value(get(want, "sure")));
  assert_int_equal(s.possible, json_integer_value(get(want, "possible")));
  assert_int_equal(s.correct_sure, json_integer_value(get(want, "correct_sure")));
  assert_int_equal(s.correct_possible, json_integer_value(get(want, "correct_possible")));
  assert_close(s.aer, json_number_value(get(want, "aer")), "alignment error rate", 0);
  assert_close(s.precision, json_number_value(get(want, "precision")), "precision", 0);
  assert_close(s.recall, json_number_value(get(want, "recall")), "recall", 0);
  rapt_alignments_free(gold);
  rapt_alignments_free(hyp);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(made_sentences),        cmocka_unit_test(real_sentences),
                                     cmocka_unit_test(classes_of_characters), cmocka_unit_test(capital_sigma),
                                     cmocka_unit_test(error_rates),           cmocka_unit_test(within_sampling_error),
                                     cmocka_unit_test(alignment_error_rate)};
  return cmocka_run_group_tests_name("metrics_golden", tests, begin, end);
}
