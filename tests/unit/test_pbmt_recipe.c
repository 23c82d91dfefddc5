/* The recipe pbmt on a made-up language: the run's files, the claim, bad data, and aligning the files without
 * memory. */
#include "unit/unit.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-pbmt-XXXXXX";

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* Noun n is d<n> and e<n>; "das" before one of the first five nouns is "the" and else "that"; "nicht" moves to the
 * end. */
static void write_set(const char *set, uint32_t seed, int lines) {
  char path[2][300];
  FILE *file[2];
  for (int side = 0; side < 2; side++) {
    snprintf(path[side], sizeof path[side], "%s/tok/%s.lc.norm.tok.%s.gz", root, set, side ? "en" : "de");
    file[side] = fopen(path[side], "w"); /* the reader takes plain text too */
    assert_non_null(file[side]);
  }
  for (int k = 0; k < lines; k++) {
    bool negated = draw(&seed, 3) == 0;
    int nouns = 2 + (int)draw(&seed, 3);
    if (negated) fputs("nicht ", file[0]);
    for (int n = 0; n < nouns; n++) {
      int noun = (int)draw(&seed, 10);
      fprintf(file[0], "das d%d ", noun);
      fprintf(file[1], "%s e%d ", noun < 5 ? "the" : "that", noun);
    }
    fputs(".\n", file[0]);
    fputs(negated ? "not .\n" : ".\n", file[1]);
  }
  for (int side = 0; side < 2; side++) assert_int_equal(fclose(file[side]), 0);
}

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  setenv("RAPT_HOME", path, 1);
  snprintf(path, sizeof path, "%s/tok", root);
  if (mkdir(path, 0700)) return 1;
  write_set("train", 1, 200);
  write_set("val", 2, 30);
  write_set("test_2016_flickr", 3, 30);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  char text[8192];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  (void)progress;
  heard *h = user;
  if (event != RAPT_EVENT_RESULT) return;
  size_t used = strlen(h->text);
  snprintf(h->text + used, sizeof h->text - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *out, const char *more, heard *h, rapt_run_result *result) {
  char data[320], dir[320];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(dir, sizeof dir, "out=%s/%s", root, out);
  const char *settings[] = {data, dir, "pbmt.rounds=3", "pbmt.starts=1", "pbmt.nbest=20", more};
  return rapt_recipe_train(ctx, "pbmt", settings, more ? 6 : 5, h ? hear : NULL, h, result);
}

static bool has_file(const char *out, const char *name) {
  char path[320];
  struct stat s;
  snprintf(path, sizeof path, "%s/%s/%s", root, out, name);
  return stat(path, &s) == 0 && s.st_size > 0;
}

static void test_run(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result;
  heard h = {{0}};
  assert_ok(ctx, train(ctx, "run", NULL, &h, &result));
  assert_true(result.figure > 90);
  assert_false(result.passed); /* other data: not judged */
  assert_non_null(strstr(h.text, "phrases beat words"));
  assert_non_null(strstr(h.text, "not judged"));
  assert_true(has_file("run", "translation.txt") && has_file("run", "nbest.txt") && has_file("run", "report.html"));
  double figure = result.figure;
  heard other = {{0}};
  assert_ok(ctx, train(ctx, "alone", "pbmt.compare=false", &other, &result));
  assert_true(result.figure == figure);
  assert_null(strstr(other.text, "phrases beat words"));
  assert_ok(ctx, train(ctx, "back", "pbmt.direction=en-de", NULL, &result));
  assert_true(result.figure > 80 && result.figure != figure);
  close_context(&memory, ctx);
}

static void test_bad_data(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result;
  char path[320];
  snprintf(path, sizeof path, "%s/tok/val.lc.norm.tok.en.gz", root);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("one line more\n", file);
  assert_int_equal(fclose(file), 0);
  assert_fails(ctx, train(ctx, "bad", NULL, NULL, &result), RAPT_EFORMAT, "30 lines");
  write_set("val", 2, 30);
  close_context(&memory, ctx);
}

static void drop(void *user, const char *links, size_t size) {
  size_t *lines = user;
  assert_int_equal(strlen(links), size);
  ++*lines;
}

static void test_align_without_memory(void **state) {
  (void)state;
  counted_memory memory;
  char source[320], target[320];
  snprintf(source, sizeof source, "%s/tok/val.lc.norm.tok.de.gz", root);
  snprintf(target, sizeof target, "%s/tok/val.lc.norm.tok.en.gz", root);
  long failures = 0;
  for (long n = 1;; n++) {
    rapt_context *ctx = counted_context(&memory, 1);
    size_t lines = 0;
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt_align_files(ctx, source, target, NULL, drop, &lines);
    memory.fail_at = 0;
    if (status != RAPT_OK) assert_int_equal(status, RAPT_ENOMEM);
    close_context(&memory, ctx);
    failures += status != RAPT_OK;
    if (status == RAPT_OK) {
      assert_int_equal(lines, 30);
      break;
    }
  }
  assert_true(failures > 30);
}

static void test_align_options(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_align_options options = {.hmm_rounds = -1};
  assert_fails(ctx, rapt_align_files(ctx, "a", "b", &options, drop, NULL), RAPT_EINVAL, "-1 rounds");
  options = (rapt_align_options){.symmetry = (rapt_align_symmetry)9};
  assert_fails(ctx, rapt_align_files(ctx, "a", "b", &options, drop, NULL), RAPT_EINVAL, "symmetry 9");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_run), cmocka_unit_test(test_bad_data),
                                     cmocka_unit_test(test_align_without_memory), cmocka_unit_test(test_align_options)};
  return cmocka_run_group_tests_name("pbmt_recipe", tests, make_root, remove_root);
}
