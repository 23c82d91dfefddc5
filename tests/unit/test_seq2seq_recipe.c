/* The recipe seq2seq on a small made-up text: it learns to translate, judges its claims, resumes; sentence vectors and their
 * picture; what folders of parallel text may look like. */
#include "unit/toy_text.h"

#include "base/file.h"
#include "formats/svg.h"
#include "recipes/sentence_vectors.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-s2s-XXXXXX";

/* Words of three letters, each with one sound. */
static void write_dictionary(const char *path) {
  static const char *const sounds[] = {"ae", "b", "k", "d", "iy", "f"};
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  for (int n = 0; n < 216; n++) {
    int a = n % 6, b = n / 6 % 6, c = n / 36;
    fprintf(f, "(\"%c%c%c\" nil (((%s) 1) ((%s %s) 0)))\n", 'a' + a, 'a' + b, 'a' + c, sounds[a], sounds[b], sounds[c]);
  }
  assert_int_equal(fclose(f), 0);
}

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return 1; /* runs leave nothing behind in the user's own */
  if (setenv("RAPT_DATA", root, 1) != 0) return 1;
  static const char *const dirs[] = {"text", "half", "cmudict"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", root, dirs[i]);
    if (mkdir(path, 0700) != 0) return 1;
  }
  write_text(root, "text", "train", 0, 400);
  write_text(root, "text", "valid", 7, 20);
  write_text(root, "text", "test", 31, 30);
  write_text(root, "half", "train", 0, 10);
  snprintf(path, sizeof path, "%s/cmudict/cmudict-0.4.out", root);
  write_dictionary(path);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  char results[6000];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  (void)progress;
  if (event != RAPT_EVENT_RESULT) return;
  size_t n = strlen(h->results);
  snprintf(h->results + n, sizeof h->results - n, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *const *extra, int count, bool resume,
                         heard *h, rapt_run_result *result) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[32] = {data,
                              out,
                              "model.width=32",
                              "model.layers=1",
                              "model.init=0.5",
                              "model.dropout=0",
                              "model.context=16",
                              "text.min_count=1",
                              "search.beam=3",
                              "train.smoothing=0",
                              "train.steps=300",
                              "train.batch=16",
                              "train.lr=2e-2",
                              "train.warmup=10",
                              "train.eval_every=40",
                              "seq2seq.spelling=250"};
  int n = 16;
  *h = (heard){{0}};
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  return resume ? rapt_recipe_resume(ctx, out + 4, extra, count, hear, h, result)
                : rapt_recipe_train(ctx, "seq2seq", settings, n, hear, h, result);
}

static char *read_file(rapt_context *ctx, const char *name, const char *file) {
  char path[300], *data;
  size_t size;
  snprintf(path, sizeof path, "%s/%s/%s", root, name, file);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 24, &data, &size));
  return data;
}

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void it_learns_to_translate(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  heard h;
  rapt_run_result r;
  assert_ok(ctx, train(ctx, "whole", NULL, 0, false, &h, &r));
  assert_false(r.interrupted);
  assert_false(r.passed); /* not judged with these settings */
  if (!(r.figure > 90)) fail_msg("%s", h.results);
  expect(h.results, "not judged, as settings were changed");
  expect(h.results, "reading the source from its end gains");
  expect(h.results, "a beam of 2 gives most");
  expect(h.results, "sentence vectors respect word order");
  expect(h.results, "mean of both");
  const char *wrong = strstr(h.results, "wrong phonemes             PER = ");
  if (!wrong) fail_msg("%s", h.results);
  assert_true(strtod(wrong + strlen("wrong phonemes             PER = "), NULL) <
              20); /* five of six guesses are wrong */
  char *page = read_file(ctx, "whole", "report.html"), *lines = read_file(ctx, "whole", "test.translated");
  expect(page, "BLEU by length of the source");
  expect(page, "Sentence vectors on two principal axes");
  expect(page, "reference    the");
  size_t count = 0;
  for (const char *p = lines; *p; p++) count += *p == '\n';
  assert_int_equal(count, 30);
  rapt__free(ctx, page);
  rapt__free(ctx, lines);
  close_context(&memory, ctx);
}

/* Pieces of words, one vocabulary, batches by tokens: the model directory has one tokenizer. */
static void it_reads_pieces_of_words(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  heard h;
  rapt_run_result r;
  static const char *const pieces[] = {"text.tokenizer=bpe", "text.joint=true",      "text.vocabulary=300",
                                       "model.context=40",   "train.max_tokens=200", "seq2seq.compare=false",
                                       "train.steps=10",     "seq2seq.spelling=0"};
  assert_ok(ctx, train(ctx, "pieces", pieces, 8, false, &h, &r));
  expect(h.results, "and at most 11 % wrong phonemes (not measured)");
  char path[300];
  snprintf(path, sizeof path, "%s/pieces", root);
  rapt_model *model;
  assert_ok(ctx, rapt_model_load(ctx, path, &model));
  assert_int_equal(rapt_tokenizer_get_kind(rapt_model_tokenizer(model)), RAPT_BPE);
  assert_null(model->source_tokenizer);
  assert_in_range(rapt_model_vocabulary(model), 261, 300);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

/* Stopped twice in the first net, before the second one began. */
static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  heard h;
  rapt_run_result r;
  char *results[2] = {NULL, NULL};
  static const char *const files[] = {"model.safetensors", "metrics.jsonl", "other/metrics.jsonl", "test.translated"};
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=57"}, 1, false, &h, &r));
  assert_true(r.interrupted);
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=220"}, 1, true, &h, &r));
  assert_true(r.interrupted);
  assert_ok(ctx, train(ctx, "parts", NULL, 0, true, &h, &r));
  assert_false(r.interrupted);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    results[0] = read_file(ctx, "whole", files[i]);
    results[1] = read_file(ctx, "parts", files[i]);
    assert_string_equal(results[0], results[1]);
    for (int k = 0; k < 2; k++) rapt__free(ctx, results[k]);
  }
  close_context(&memory, ctx);
}

/* The model directory is all that is needed to translate. */
static void its_model_translates(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char path[300];
  snprintf(path, sizeof path, "%s/whole", root);
  rapt_model *model;
  assert_ok(ctx, rapt_model_load(ctx, path, &model));
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  const char *sentences[] = {"heute sucht mann vogel", "heute sucht mann vogel", "hier ruft hund katze"};
  size_t sizes[] = {22, 22, 20};
  double *v, x[3], y[3];
  int64_t width;
  assert_ok(ctx, rapt__sentence_vectors(model, &arena, sentences, sizes, 3, &v, &width));
  assert_int_equal(width, 32);
  assert_memory_equal(v, v + width, (size_t)width * sizeof *v);
  assert_memory_not_equal(v, v + 2 * width, (size_t)width * sizeof *v);
  assert_ok(ctx, rapt__principal_plane(ctx, v, 3, width, x, y));
  assert_true(fabs(x[0] - x[1]) < 1e-6 && fabs(x[0] - x[2]) > 1e-3);
  rapt__arena_free(&arena);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

/* Points on a slanted rectangle: the long side is the first axis, distances stay. */
static void the_plane_keeps_distances(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const double a[3] = {0.6, 0.8, 0}, b[3] = {0, 0, 1};
  double v[4][3], x[4], y[4];
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 3; j++) v[i][j] = 5 + (i & 1 ? 3 : -3) * a[j] + (i & 2 ? 1 : -1) * b[j];
  assert_ok(ctx, rapt__principal_plane(ctx, &v[0][0], 4, 3, x, y));
  for (int i = 0; i < 4; i++) {
    assert_true(fabs(fabs(x[i]) - 3) < 1e-9);
    assert_true(fabs(fabs(y[i]) - 1) < 1e-9);
  }
  assert_true(x[0] * x[1] < 0 && y[0] * y[2] < 0);
  rapt__text svg;
  rapt__text_init(&svg, ctx);
  rapt__points points = {.title = "T", .x = x, .y = y, .count = 4};
  points.labels = (const char *const[]){"a<b", "c", "d", "e"};
  points.groups = (const int[]){0, 1, 2, 9};
  x[3] = NAN;
  assert_ok(ctx, rapt__svg_points(&svg, &points));
  expect(svg.data, "a&lt;b");
  size_t circles = 0;
  for (const char *p = svg.data; (p = strstr(p, "<circle")); p++) circles++;
  assert_int_equal(circles, 3);
  rapt__text_free(&svg);
  close_context(&memory, ctx);
}

static void what_is_missing_is_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char data[300], out[300];
  rapt_run_result r;
  snprintf(out, sizeof out, "out=%s/none", root);
  snprintf(data, sizeof data, "data=%s/half", root);
  const char *settings[] = {data, out, "text.source=fr"};
  assert_fails(ctx, rapt_recipe_train(ctx, "seq2seq", settings, 3, NULL, NULL, &r), RAPT_ENOTFOUND,
               "no training text from fr to en");
  snprintf(out, sizeof out, "out=%s/none2", root);
  assert_fails(ctx, rapt_recipe_train(ctx, "seq2seq", settings, 2, NULL, NULL, &r), RAPT_ENOTFOUND,
               "no val.de and val.en");
  close_context(&memory, ctx);
}

/* An allocation fails, and all behind it, at places spread over a run. */
static void failing_allocations_leave_nothing_behind(void **state) {
  (void)state;
  static const char *const few[] = {"text.pairs=20", "train.steps=2", "seq2seq.spelling=2", "model.width=4",
                                    "search.beam=2", "train.evals=1", "train.average=1"};
  int failures = 0;
  for (long n = 1;; n += 1 + n / 12) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char name[32];
    heard h;
    rapt_run_result r;
    snprintf(name, sizeof name, "fault%ld", n);
    memory.fail_at = memory.calls + n;
    rapt_status status = train(ctx, name, few, 7, false, &h, &r);
    memory.fail_at = 0;
    if (status != RAPT_OK) {
      assert_int_equal(status, RAPT_ENOMEM);
      failures++;
    }
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
  assert_true(failures > 50);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_learns_to_translate),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(it_reads_pieces_of_words),
      cmocka_unit_test(its_model_translates),
      cmocka_unit_test(the_plane_keeps_distances),
      cmocka_unit_test(what_is_missing_is_named),
      cmocka_unit_test(failing_allocations_leave_nothing_behind),
  };
  return cmocka_run_group_tests_name("seq2seq recipe", tests, make_root, remove_root);
}
