/* The recipes bahdanau and transformer on a small made-up text: they learn to translate and judge their claims, and leave pictures. */
#include "unit/toy_text.h"

#include "base/file.h"

#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-attend-XXXXXX";

static int make_root(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return 1;
  snprintf(path, sizeof path, "%s/text", root);
  if (mkdir(path, 0700) != 0) return 1;
  write_text(root, "text", "train", 0, 400);
  write_text(root, "text", "valid", 7, 20);
  write_text(root, "text", "test", 31, 30);
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

static void expect(const char *text, const char *part) {
  if (!strstr(text, part)) fail_msg("\"%s\" is not in:\n%s", part, text);
}

static void train(rapt_context *ctx, const char *recipe, const char *const *extra, heard *h, rapt_run_result *r) {
  char data[300], out[300];
  const char *settings[40] = {data,
                              out,
                              "model.dropout=0",
                              "model.context=16",
                              "train.smoothing=0",
                              "train.batch=16",
                              "train.eval_every=50",
                              "train.save_every=0"};
  int n = 8;
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, recipe);
  *h = (heard){{0}};
  while (*extra) settings[n++] = *extra++;
  assert_ok(ctx, rapt_recipe_train(ctx, recipe, settings, n, hear, h, r));
  assert_false(r->interrupted);
  assert_false(r->passed); /* not judged with these settings */
  if (!(r->figure > 90)) fail_msg("%s", h->results);
}

static void has_pictures(rapt_context *ctx, const char *recipe, const char *heading) {
  char path[300], *page;
  size_t size;
  snprintf(path, sizeof path, "%s/%s/report.html", root, recipe);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 24, &page, &size));
  expect(page, heading);
  expect(page, "<svg");
  rapt__free(ctx, page);
}

static void searching(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  heard h;
  rapt_run_result r;
  train(ctx, "bahdanau",
        (const char *const[]){"model.width=24", "model.embedding=24", "model.attention_width=16", "model.maxout=16",
                              "text.min_count=1", "search.beam=3", "train.steps=200", "train.lr=1e-2",
                              "train.warmup=10", "bahdanau.compare=true", NULL},
        &h, &r);
  expect(h.results, "pass mark: at least 25 BLEU");
  expect(h.results, "claim: attention beats no attention by at least 8 BLEU");
  has_pictures(ctx, "bahdanau", "Alignments");
  close_context(&memory, ctx);
}

static void attention_alone(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  heard h;
  rapt_run_result r;
  train(ctx, "transformer",
        (const char *const[]){"model.width=32", "model.inner=48", "model.heads=2", "model.encoder_layers=1",
                              "model.decoder_layers=1", "text.vocabulary=300", "search.beam=2", "train.steps=250",
                              "train.lr=5e-3", "train.warmup=30", "train.average=2", "transformer.copy_steps=60",
                              "transformer.compare=true", NULL},
        &h, &r);
  expect(h.results, "pass mark: at least 32 BLEU");
  expect(h.results, "claim: a head looks at the token before");
  expect(h.results, "claim: label smoothing hurts perplexity");
  expect(h.results, "claim: one head instead of several");
  has_pictures(ctx, "transformer", "Every head");
  /* The directory is a translator's. */
  char dir[300];
  rapt_model *model;
  rapt_translator *translator;
  snprintf(dir, sizeof dir, "%s/transformer", root);
  assert_ok(ctx, rapt_model_load(ctx, dir, &model));
  assert_string_equal(rapt_model_architecture(model), "transformer");
  assert_ok(ctx, rapt_translator_new(&model, 1, &translator));
  rapt_translator_free(translator);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(searching), cmocka_unit_test(attention_alone)};
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
