/* The recipe gpt besides training: layout of plays, presets, texts without line breaks, what a resumed run remembers. */
#include "unit/unit.h"

#include "recipes/gpt_claims.h"

#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-gpt-XXXXXX";

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

static double share(const char *text, int64_t *blocks) { return rapt__speaker_share(text, strlen(text), blocks); }

static void blocks_begin_with_a_speaker(void **state) {
  (void)state;
  int64_t blocks;
  assert_true(share("cut\n\nA:\nline\n\nB:\nline\nline\n\ncut", &blocks) == 1 && blocks == 2);
  assert_true(share("cut\n\nA:\nline\n\nno speaker\n\ncut", &blocks) == 0.5 && blocks == 2);
  assert_true(share("cut\n\n:\nline\n\ncut", &blocks) == 0 && blocks == 1);
  assert_true(share("cut\n\nonly a start:", &blocks) == 0 && blocks == 0);
  assert_true(share("cut\n\n\n\nA:\n\n\nB:\n\n", &blocks) == 1 && blocks == 2);
  assert_true(share("", &blocks) == 0 && blocks == 0);
  assert_true(share("\n\n\n", &blocks) == 0 && blocks == 0);
}

static const char *write_text(const char *name, const char *line, int times) {
  static char path[300];
  snprintf(path, sizeof path, "data=%s/%s.txt", root, name);
  FILE *f = fopen(path + 5, "w");
  assert_non_null(f);
  for (int i = 0; i < times; i++) fputs(line, f);
  assert_int_equal(fclose(f), 0);
  return path;
}

typedef struct heard {
  char results[4000];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  (void)progress;
  if (event != RAPT_EVENT_RESULT) return;
  size_t n = strlen(h->results);
  snprintf(h->results + n, sizeof h->results - n, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *data, const char *const *extra, int count,
                         heard *h, rapt_run_result *result) {
  char out[300];
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[24] = {data,
                              out,
                              "model.layers=1",
                              "model.width=16",
                              "model.heads=2",
                              "model.context=16",
                              "train.batch=4",
                              "train.sample_every=0",
                              "train.sample_tokens=8"};
  int n = 9;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  *h = (heard){0};
  return rapt_recipe_train(ctx, "gpt", settings, n, hear, h, result);
}

static void a_text_needs_no_line_breaks(void **state) {
  (void)state;
  rapt_context *ctx;
  heard h;
  rapt_run_result r;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  const char *data = write_text("one-line", "abc def ", 200);
  assert_ok(ctx, train(ctx, "one-line", data, (const char *const[]){"train.steps=4"}, 1, &h, &r));
  assert_non_null(strstr(h.results, "its own 5-gram"));
  assert_null(strstr(h.results, "layout")); /* there are no speakers */
  rapt_context_free(ctx);
}

static void plays_are_looked_at(void **state) {
  (void)state;
  rapt_context *ctx;
  heard h;
  rapt_run_result r;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  const char *data = write_text("play", "ANN:\nyes\n\nBO:\nno\n\n", 60);
  assert_ok(ctx, train(ctx, "play", data, (const char *const[]){"train.steps=4"}, 1, &h, &r));
  assert_non_null(strstr(h.results, "100 % in the text"));
  rapt_context_free(ctx);
}

static void presets_come_before_other_settings(void **state) {
  (void)state;
  rapt_context *ctx;
  heard h;
  rapt_run_result r;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  const char *data = write_text("preset", "some words here\n", 100);
  const char *extra[] = {"preset=longest", "train.stop_at=2", "gpt.compare=false"};
  assert_ok(ctx, train(ctx, "preset", data, extra, 3, &h, &r));
  assert_true(r.interrupted);
  char path[300], text[8000] = "";
  snprintf(path, sizeof path, "%s/preset/run.json", root);
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  assert_true(fread(text, 1, sizeof text - 1, f) > 0);
  fclose(f);
  assert_non_null(strstr(text, "\"train.steps\": \"25000\""));
  assert_non_null(strstr(text, "\"model.dropout\": \"0.1\""));
  assert_non_null(strstr(text, "\"model.context\": \"16\"")); /* the user's, though it stood before the preset */
  assert_non_null(strstr(text, "\"preset\": \"longest\""));
  rapt_context_free(ctx);
}

static void unknown_presets_are_refused(void **state) {
  (void)state;
  rapt_context *ctx;
  rapt_run_result r;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  assert_int_equal(rapt_recipe_train(ctx, "gpt", (const char *const[]){"preset=lung"}, 1, NULL, NULL, &r), RAPT_EKEY);
  assert_non_null(strstr(rapt_context_message(ctx), "did you mean \"long\""));
  rapt_context_free(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(blocks_begin_with_a_speaker), cmocka_unit_test(a_text_needs_no_line_breaks),
      cmocka_unit_test(plays_are_looked_at), cmocka_unit_test(presets_come_before_other_settings),
      cmocka_unit_test(unknown_presets_are_refused)};
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
