/* The recipe fairseq-toolkit on a small made-up text: its sentences hold where no time is measured, its files are
 * there, its model in two bytes a number loads; a stopped run goes on; what does not fit is named. */
#include "unit/unit.h"

#include "base/file.h"
#include "recipes/toolkit.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-fairseq-XXXXXX";

/* Sentences of two to nine words; the target names each word of the source in another language, backwards. */
static void write_text(const char *part, int first, int count) {
  static const char *const from[] = {"haus", "baum", "weg", "tag", "licht", "wort", "stein", "berg"};
  static const char *const to[] = {"house", "tree", "way", "day", "light", "word", "stone", "hill"};
  char path[300];
  FILE *f[2];
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/text/%s.%s", root, part, i ? "en" : "de");
    f[i] = fopen(path, "w");
    assert_non_null(f[i]);
  }
  for (int n = first; n < first + count; n++) {
    int length = 2 + n * 7 % 8;
    for (int k = 0; k < length; k++) {
      fprintf(f[0], "%s%s", k ? " " : "", from[(n + k * k) % 8]);
      fprintf(f[1], "%s%s", k ? " " : "", to[(n + (length - 1 - k) * (length - 1 - k)) % 8]);
    }
    for (int i = 0; i < 2; i++) fprintf(f[i], "\n");
  }
  for (int i = 0; i < 2; i++) assert_int_equal(fclose(f[i]), 0);
}

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return 1;
  snprintf(path, sizeof path, "%s/text", root);
  if (mkdir(path, 0700) != 0) return 1;
  write_text("train", 0, 200);
  write_text("valid", 11, 30);
  write_text("test", 300, 12);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  char results[8000];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  (void)progress;
  if (event != RAPT_EVENT_RESULT) return;
  size_t n = strlen(h->results);
  snprintf(h->results + n, sizeof h->results - n, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *const *extra, int count, heard *h,
                         rapt_run_result *result) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[32] = {data,
                              out,
                              "text.vocabulary=300",
                              "model.width=16",
                              "model.inner=16",
                              "model.heads=2",
                              "model.encoder_layers=1",
                              "model.decoder_layers=1",
                              "model.context=48",
                              "train.steps=12",
                              "train.warmup=2",
                              "train.lr=1e-2",
                              "train.max_tokens=300",
                              "train.eval_every=6",
                              "fairseq.updates=2",
                              "fairseq.sentences=40",
                              "fairseq.length=6",
                              "fairseq.rounds=1"};
  int n = 18;
  *h = (heard){{0}};
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  return rapt_recipe_train(ctx, "fairseq-toolkit", settings, n, hear, h, result);
}

static const char *expect(const char *text, const char *part) {
  const char *found = strstr(text, part);
  if (!found) fail_msg("\"%s\" is not in:\n%s", part, text);
  return found;
}

/* The line that has this part ends in this way. */
static void expect_line(const char *text, const char *part, const char *end) {
  const char *line = expect(text, part), *newline = strchr(line, '\n');
  assert_non_null(newline);
  size_t n = strlen(end);
  if ((size_t)(newline - line) < n || memcmp(newline - n, end, n) != 0)
    fail_msg("does not end in \"%s\": %.*s", end, (int)(newline - line), line);
}

static char *read_file(rapt_context *ctx, const char *name, const char *file, size_t *size) {
  char path[300], *data;
  snprintf(path, sizeof path, "%s/%s/%s", root, name, file);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 24, &data, size));
  return data;
}

static void it_checks_what_it_promises(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  static heard h;
  rapt_run_result r;
  assert_ok(ctx, train(ctx, "whole", NULL, 0, &h, &r));
  assert_false(r.interrupted || r.passed); /* not judged with these settings */
  assert_true(r.figure > 0);
  expect(h.results, "several processes: not measured");
  expect_line(h.results, "architectures are of sequence to sequence", ": holds");
  expect_line(h.results, "4 accumulated batches of 16 sentences are one batch of 64", ": holds");
  expect_line(h.results, "has the bits of one that does not stop", ": holds");
  expect(h.results, "stored as float16"); /* of so small a file the header is no small part */
  expect(h.results, "stored as bfloat16");
  expect(h.results, "batches of at most 300 tokens");
  expect(h.results, "96 of 96 tokens are the same");
  expect(h.results, "with a diverse beam (3 groups, 0.5)");
  expect(h.results, "an update takes");
  expect(h.results, "not judged, as settings were changed");
  size_t size;
  char *page = read_file(ctx, "whole", "report.html", &size),
       *config = read_file(ctx, "whole", "float16/config.json", &size);
  expect(page, "How many times as fast");
  expect(page, "two loops without memory (spin test)");
  expect(config, "\"torch_dtype\": \"float16\"");
  rapt__free(ctx, page);
  rapt__free(ctx, config);
  close_context(&memory, ctx);
}

/* The model in the run directory is the trained one, whatever the checks did to its weights; in two bytes it is that
 * one rounded. */
static void its_models_are_the_trained_one(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const names[] = {"whole", "whole/float32", "whole/float16", "whole/bfloat16"};
  static const double most[] = {0, 0, 0x1p-11, 0x1p-8};
  rapt_model *models[4];
  for (int i = 0; i < 4; i++) {
    char path[300];
    snprintf(path, sizeof path, "%s/%s", root, names[i]);
    assert_ok(ctx, rapt_model_load(ctx, path, &models[i]));
    bool rounded = false;
    for (int64_t k = 0; k < models[0]->params->extent; k++) {
      double x = (double)models[0]->params->values[k], y = (double)models[i]->params->values[k];
      assert_true(fabs(x - y) <= most[i] * fabs(x) + (most[i] > 0 ? 0x1p-25 : 0));
      rounded |= x != y;
    }
    assert_int_equal(rounded, i >= 2);
  }
  for (int i = 0; i < 4; i++) rapt_model_free(models[i]);
  close_context(&memory, ctx);
}

static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static heard h;
  rapt_run_result r;
  char path[300], *files[2];
  size_t sizes[2];
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=7"}, 1, &h, &r));
  assert_true(r.interrupted);
  snprintf(path, sizeof path, "%s/parts", root);
  assert_ok(ctx, rapt_recipe_resume(ctx, path, NULL, 0, hear, &h, &r));
  assert_false(r.interrupted);
  expect(h.results, "pass mark");
  files[0] = read_file(ctx, "whole", "model.safetensors", &sizes[0]);
  files[1] = read_file(ctx, "parts", "model.safetensors", &sizes[1]);
  assert_int_equal(sizes[0], sizes[1]);
  assert_memory_equal(files[0], files[1], sizes[0]);
  for (int i = 0; i < 2; i++) rapt__free(ctx, files[i]);
  close_context(&memory, ctx);
}

static void what_does_not_fit_is_named(void **state) {
  (void)state;
  static const struct {
    const char *setting, *sentence;
    rapt_status status;
  } cases[] = {{"text.joint=false", "need one vocabulary", RAPT_EKEY},
               {"train.max_tokens=0", "makes batches by tokens", RAPT_EKEY},
               {"fairseq.length=48", "does not fit model.context=48", RAPT_EKEY},
               {"text.pairs=20", "are too few: an update takes 64", RAPT_EINVAL}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    static heard h;
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "case%zu", i);
    assert_fails(ctx, train(ctx, name, &cases[i].setting, 1, &h, &r), cases[i].status, cases[i].sentence);
    close_context(&memory, ctx);
  }
}

/* An allocation fails, and all behind it, at places spread over a run. */
static void failing_allocations_leave_nothing_behind(void **state) {
  (void)state;
  static const char *const few[] = {"train.steps=1", "train.evals=1", "fairseq.updates=1", "fairseq.length=2",
                                    "text.pairs=70"};
  int failures = 0;
  for (long n = 1;; n += 1 + n / 5) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char name[32];
    static heard h;
    rapt_run_result r;
    snprintf(name, sizeof name, "fault%ld", n);
    memory.fail_at = memory.calls + n;
    rapt_status status = train(ctx, name, few, 5, &h, &r);
    memory.fail_at = 0;
    if (status != RAPT_OK) {
      assert_int_equal(status, RAPT_ENOMEM);
      failures++;
    }
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
  assert_true(failures > 25);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(it_checks_what_it_promises),
      cmocka_unit_test(its_models_are_the_trained_one),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(what_does_not_fit_is_named),
      cmocka_unit_test(failing_allocations_leave_nothing_behind),
  };
  return cmocka_run_group_tests_name("fairseq recipe", tests, make_root, remove_root);
}
