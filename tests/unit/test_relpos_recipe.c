/* The recipe relative-position, cut down: it learns, resumes to the same bits, refuses bad settings and data, and reports
 * memory that fails. */
#include "unit/unit.h"

#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-relpos-XXXXXX";

static int make_root(void **state) {
  (void)state;
  return !mkdtemp(root) || setenv("RAPT_HOME", root, 1);
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

static const char *path_of(const char *name) {
  static char path[300];
  snprintf(path, sizeof path, "%s/%s", root, name);
  return path;
}

static char *read_file(const char *name) {
  FILE *f = fopen(path_of(name), "rb");
  if (!f) fail_msg("%s is not there", path_of(name));
  static const size_t most = 8 << 20;
  char *text = calloc(most, 1);
  assert_non_null(text);
  assert_true(fread(text, 1, most - 1, f) > 0);
  assert_int_equal(fclose(f), 0);
  return text;
}

/* Pieces of two notes that change places every two frames. */
static void write_pieces(void) {
  static const char *const parts[] = {"train", "valid", "test"};
  FILE *f = fopen(path_of("pieces.json"), "w");
  assert_non_null(f);
  fputs("{", f);
  for (int p = 0; p < 3; p++) {
    fprintf(f, "%s\"%s\": [", p ? ", " : "", parts[p]);
    for (int i = 0; i < 12; i++) {
      fprintf(f, "%s[", i ? ", " : "");
      for (int t = 0; t < 8 + i % 3; t++) fprintf(f, "%s[%d, 90]", t ? ", " : "", (t / 2 + i) % 2 ? 60 : 67);
      fputs("]", f);
    }
    fputs("]", f);
  }
  fputs("}", f);
  assert_int_equal(fclose(f), 0);
}

typedef struct told {
  char results[6000];
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  (void)progress;
  size_t used = strlen(t->results);
  if (event == RAPT_EVENT_RESULT) snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *const *extra, int count, told *t,
                         rapt_run_result *result) {
  char data[310], out[310];
  snprintf(data, sizeof data, "data=%s", path_of("pieces.json"));
  snprintf(out, sizeof out, "out=%s", path_of(name));
  const char *settings[32] = {data,
                              out,
                              "train.steps=40",
                              "train.batch=8",
                              "train.warmup=5",
                              "train.lr=1e-2",
                              "train.evals=4",
                              "train.eval_every=20",
                              "train.save_every=10",
                              "strings.length=4",
                              "strings.symbols=3",
                              "strings.tests=8",
                              "strings.width=16",
                              "strings.layers=1",
                              "position.heads=2",
                              "music.events=16",
                              "music.steps=60",
                              "music.batch=4",
                              "music.width=16",
                              "music.layers=1",
                              "music.dropout=0"};
  int n = 21;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  *t = (told){0};
  return rapt_recipe_train(ctx, "relative-position", settings, n, listen, t, result);
}

static void the_recipe_runs(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  write_pieces();
  rapt_context *ctx = counted_context(&memory, 1);
  assert_ok(ctx, train(ctx, "whole", NULL, 0, &t, &r));
  assert_false(r.interrupted || r.passed); /* settings were changed */
  assert_true(r.figure < 1);               /* of 90 events by chance 4.5 nats an event, by how often each comes 1.24 */
  static const char *const lines[] = {"learned  tokens right at 4, 6, 8 symbols",
                                      "t5       tokens right at 4, 6, 8 symbols",
                                      "copied, learnt up to 4 symbols",
                                      "reversed, learnt up to 4 symbols",
                                      "music: relative, skewed",
                                      "music: relative positions have at least 3 % less",
                                      "skewed scores of 256 tokens",
                                      "in less memory",
                                      "not judged"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (!strstr(t.results, lines[i])) fail_msg("\"%s\" is not in:\n%s", lines[i], t.results);
  assert_non_null(strstr(strstr(t.results, "skewed scores"), "MB): holds"));
  char *page = read_file("whole/report.html"), *csv = read_file("whole/strings.csv");
  static const char *const parts[] = {"symbols of the string", "bucket of distances", "distance", "second-hand note"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(page, parts[i])) fail_msg("report.html has no \"%s\"", parts[i]);
  assert_non_null(strstr(csv, "reverse,alibi,8,"));
  free(page);
  free(csv);
  rapt_model *model;
  assert_ok(ctx, rapt_model_load(ctx, path_of("whole/music/skew"), &model));
  assert_int_equal(rapt_model_context(model), 16);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void a_stopped_run_goes_on_to_the_same_bits(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 3);
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=25"}, 1, &t, &r));
  assert_true(r.interrupted);
  assert_ok(ctx, rapt_recipe_resume(ctx, path_of("parts"), NULL, 0, listen, &t, &r));
  assert_false(r.interrupted);
  static const char *const files[][2] = {{"whole/strings.csv", "parts/strings.csv"},
                                         {"whole/music/skew/model.safetensors", "parts/music/skew/model.safetensors"}};
  for (int i = 0; i < 2; i++) {
    char *a = read_file(files[i][0]), *b = read_file(files[i][1]);
    assert_memory_equal(a, b, 8 << 20);
    free(a);
    free(b);
  }
  close_context(&memory, ctx);
}

static void bad_input_is_refused(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const music = "position.task=music";
  assert_fails(ctx, train(ctx, "e1", (const char *const[]){music, "music.width=18"}, 2, &t, &r), RAPT_EKEY,
               "music.width=18");
  assert_fails(ctx, train(ctx, "e2", (const char *const[]){music, "data=/nowhere/at/all"}, 2, &t, &r), RAPT_ENOTFOUND,
               "/nowhere/at/all");
  assert_fails(ctx, train(ctx, "e3", (const char *const[]){music, "music.events=4096"}, 2, &t, &r), RAPT_EINVAL,
               "the text is too short");
  close_context(&memory, ctx);
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static told t;
  static const char *const few[] = {"train.steps=1", "music.steps=1", "strings.tests=1", "train.evals=1"};
  counted_memory memory;
  long calls = 0, tried = 0;
  for (long at = 0; at <= calls; at += at ? 1 + calls / 40 : 1) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "memory-%ld", at);
    memory.fail_at = at ? memory.calls + at : 0;
    long before = memory.calls;
    rapt_status status = train(ctx, name, few, 4, &t, &r);
    if (at == 0) {
      assert_ok(ctx, status);
      calls = memory.calls - before;
    } else {
      assert_int_equal(status, RAPT_ENOMEM);
      tried++;
    }
    close_context(&memory, ctx);
  }
  assert_true(tried > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_recipe_runs),
      cmocka_unit_test(a_stopped_run_goes_on_to_the_same_bits),
      cmocka_unit_test(bad_input_is_refused),
      cmocka_unit_test(failing_memory_is_reported),
  };
  return cmocka_run_group_tests_name("relpos", tests, make_root, remove_root);
}
