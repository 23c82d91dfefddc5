/* The recipe sundermeyer-birnn-rescoring on a made-up language: networks learn, every part of the claim is computed, the files of the
 * run, a stopped run that goes on, text that is wrong. */
#include "unit/unit.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-rescoring-XXXXXX";

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* "the n7 sees the n3." is "L'm7 voit l'm3 .", with "la" for the later nouns; "not" at the front moves to the end. */
static void write_set(const char *set, uint32_t seed, int lines) {
  char path[2][300];
  FILE *file[2];
  for (int side = 0; side < 2; side++) {
    snprintf(path[side], sizeof path[side], "%s/raw/%s.%s.gz", root, set, side ? "fr" : "en");
    file[side] = fopen(path[side], "w"); /* the reader takes plain text too */
    assert_non_null(file[side]);
  }
  for (int k = 0; k < lines; k++) {
    bool negated = draw(&seed, 3) == 0;
    int nouns = 2 + (int)draw(&seed, 2);
    if (negated) fputs("Not ", file[0]);
    for (int n = 0; n < nouns; n++) {
      int noun = (int)draw(&seed, 10);
      fprintf(file[0], "%sthe n%d", n ? " sees " : "", noun);
      fprintf(file[1], noun < 5 ? "%sl'm%d" : "%sla m%d", n ? " voit " : "", noun);
    }
    fputs(".\n", file[0]);
    fputs(negated ? " pas.\n" : ".\n", file[1]);
  }
  for (int side = 0; side < 2; side++) assert_int_equal(fclose(file[side]), 0);
}

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  setenv("RAPT_HOME", path, 1);
  snprintf(path, sizeof path, "%s/raw", root);
  if (mkdir(path, 0700)) return 1;
  write_set("train", 1, 200);
  write_set("val", 2, 20);
  write_set("test_2016_flickr", 3, 20);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  char text[16384], notes[16384];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  (void)progress;
  heard *h = user;
  char *to = event == RAPT_EVENT_RESULT ? h->text : h->notes;
  if (event != RAPT_EVENT_RESULT && event != RAPT_EVENT_NOTE) return;
  size_t used = strlen(to);
  snprintf(to + used, sizeof h->text - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *out, const char *more, heard *h, rapt_run_result *result) {
  char data[320], dir[320];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(dir, sizeof dir, "out=%s/%s", root, out);
  const char *settings[] = {data,
                            dir,
                            "pbmt.rounds=2",
                            "pbmt.starts=1",
                            "rescoring.nbest=8",
                            "train.batch=20",
                            "train.lr=0.01",
                            "model.features=8",
                            "model.units=16",
                            "text.min_count=1",
                            "train.steps=150",
                            "rescoring.seeds=2",
                            more};
  int count = (int)(sizeof settings / sizeof *settings);
  return rapt_recipe_train(ctx, "sundermeyer-birnn-rescoring", settings, more ? count : count - 1, h ? hear : NULL, h,
                           result);
}

static bool has_file(const char *out, const char *name) {
  char path[320];
  struct stat s;
  snprintf(path, sizeof path, "%s/%s/%s", root, out, name);
  return stat(path, &s) == 0 && s.st_size > 0;
}

/* The number behind `what` and `then`. */
static double number_after(const char *text, const char *what, const char *then) {
  const char *at = strstr(text, what);
  at = at ? strstr(at, then) : NULL;
  if (!at) fail_msg("\"%s … %s\" is missing in: %s", what, then, text);
  return strtod(at + strlen(then), NULL);
}

static void test_run(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result, again;
  static heard h, other;
  assert_ok(ctx, train(ctx, "run", NULL, &h, &result));
  assert_false(result.passed || result.interrupted); /* other settings: not judged */
  assert_true(result.figure > 60);
  assert_true(number_after(h.notes, "lm: perplexity", "perplexity ") < 8);
  assert_true(number_after(h.notes, "both-2: perplexity", "perplexity ") < 2.5);
  assert_true(number_after(h.notes, "phrases-1: perplexity", "perplexity ") < 4);
  static const char *const parts[] = {"phrases alone: BLEU",
                                      "+ LSTM language model: BLEU",
                                      "+ source to the left, seed 2: BLEU",
                                      "+ all of the source, in phrases: BLEU",
                                      "+ words and phrases: BLEU",
                                      "pass mark: all of the source gains at least 0.5 BLEU",
                                      "pass mark: all of the source is at least as good",
                                      "for every seed: ",
                                      "the gain is one of TER too",
                                      "by paired bootstrap",
                                      "settings were changed"};
  for (size_t k = 0; k < sizeof parts / sizeof *parts; k++)
    if (!strstr(h.text, parts[k])) fail_msg("\"%s\" is missing in: %s", parts[k], h.text);
  static const char *const files[] = {"translation.txt", "nbest.txt", "nbest-val.txt", "report.html"};
  for (size_t k = 0; k < sizeof files / sizeof *files; k++) assert_true(has_file("run", files[k]));
  assert_ok(ctx, train(ctx, "again", "rescoring.phrases=false", &other, &again));
  assert_true(again.figure == result.figure); /* what is beside the figure does not change it */
  close_context(&memory, ctx);
}

/* Stopped in the first network, which goes on where it was; the figure is the same. */
static void test_resume(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result whole, stopped, rest;
  char dir[320];
  const char *const on[] = {"train.stop_at=0"};
  assert_ok(ctx, train(ctx, "whole", "rescoring.phrases=false", NULL, &whole));
  assert_ok(ctx, train(ctx, "stopped", "train.stop_at=70", NULL, &stopped));
  assert_true(stopped.interrupted);
  snprintf(dir, sizeof dir, "%s/stopped", root);
  assert_ok(ctx, rapt_recipe_resume(ctx, dir, on, 1, NULL, NULL, &rest));
  assert_false(rest.interrupted);
  assert_true(rest.figure == whole.figure);
  close_context(&memory, ctx);
}

static void test_bad_data(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result;
  char path[320];
  assert_fails(ctx, train(ctx, "none", "text.target=xx", NULL, &result), RAPT_ENOTFOUND, "train.xx.gz");
  snprintf(path, sizeof path, "%s/raw/val.fr.gz", root);
  FILE *file = fopen(path, "a");
  assert_non_null(file);
  fputs("une ligne de plus\n", file);
  assert_int_equal(fclose(file), 0);
  assert_fails(ctx, train(ctx, "bad", NULL, NULL, &result), RAPT_EFORMAT, "20 lines");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_run), cmocka_unit_test(test_resume),
                                     cmocka_unit_test(test_bad_data)};
  return cmocka_run_group_tests_name("rescoring_recipe", tests, make_root, remove_root);
}
