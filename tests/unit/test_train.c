/* Training end to end on a small text: resuming, threads, accumulation, generation, model directories. */
#include "unit/unit.h"

#include "base/file.h"
#include "formats/safetensors.h"

#include <math.h>
#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-train-XXXXXX";
static char text_path[256];

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  char home[64]; /* runs are noted here and not in the user's index */
  snprintf(home, sizeof home, "%s/home", root);
  setenv("RAPT_HOME", home, 1);
  snprintf(text_path, sizeof text_path, "%s/text.txt", root);
  FILE *f = fopen(text_path, "w");
  for (int i = 0; f && i < 400; i++)
    fprintf(f, "line %d: the cat number %d sat on mat %d.\n", i, i * 7 % 13, i * i % 17);
  return !f || fclose(f) != 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* Trains in ROOT/NAME; `extra` are more settings. */
static void train(int threads, const char *name, bool resume, const char *const *extra, int count,
                  rapt_run_result *result) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s", text_path);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[24] = {data,
                              out,
                              "model.layers=2",
                              "model.width=16",
                              "model.heads=2",
                              "model.context=16",
                              "model.dropout=0.1",
                              "train.batch=4",
                              "train.steps=12",
                              "train.warmup=3",
                              "train.eval_every=5",
                              "train.evals=2",
                              "train.sample_every=0",
                              "train.sample_tokens=0"};
  int n = 14;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  rapt_context *ctx;
  rapt_options options = {.threads = threads};
  assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
  if (resume)
    assert_ok(ctx, rapt_recipe_resume(ctx, out + 4, extra, count, NULL, NULL, result));
  else
    assert_ok(ctx, rapt_recipe_train(ctx, "gpt", settings, n, NULL, NULL, result));
  rapt_context_free(ctx);
}

static void assert_same_file(const char *a, const char *b, const char *file) {
  char path[2][300];
  snprintf(path[0], sizeof path[0], "%s/%s/%s", root, a, file);
  snprintf(path[1], sizeof path[1], "%s/%s/%s", root, b, file);
  rapt_context *ctx;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  char *data[2];
  size_t size[2];
  for (int i = 0; i < 2; i++) assert_ok(ctx, rapt__file_read(ctx, path[i], 1 << 26, &data[i], &size[i]));
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(data[0], data[1], size[0]);
  for (int i = 0; i < 2; i++) rapt__free(ctx, data[i]);
  rapt_context_free(ctx);
}

static void threads_do_not_matter(void **state) {
  (void)state;
  rapt_run_result r;
  train(1, "one", false, NULL, 0, &r);
  assert_false(r.interrupted);
  train(3, "three", false, NULL, 0, &r);
  assert_same_file("one", "three", "model.safetensors");
  assert_same_file("one", "three", "metrics.jsonl");
}

static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  rapt_run_result r;
  train(1, "whole", false, NULL, 0, &r);
  train(2, "parts", false, (const char *const[]){"train.stop_at=7"}, 1, &r);
  assert_true(r.interrupted);
  train(2, "parts", true, (const char *const[]){"train.stop_at=9"}, 1, &r);
  assert_true(r.interrupted);
  train(1, "parts", true, NULL, 0, &r);
  assert_false(r.interrupted);
  assert_same_file("whole", "parts", "model.safetensors");
  assert_same_file("whole", "parts", "metrics.jsonl");
}

static double meta_of(const char *name, const char *key) {
  char path[300];
  rapt_context *ctx;
  rapt__safetensors st;
  snprintf(path, sizeof path, "%s/%s/checkpoint.safetensors", root, name);
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  assert_ok(ctx, rapt__safetensors_open(ctx, path, &st));
  double value = strtod(rapt__safetensors_meta(&st, key), NULL);
  rapt__safetensors_close(&st);
  rapt_context_free(ctx);
  return value;
}

/* train.minutes fits the number of steps once: an interrupted run goes on with that number, not with a new one. */
static void a_fitted_run_keeps_its_steps(void **state) {
  (void)state;
  rapt_run_result r;
  train(1, "fitted", false, (const char *const[]){"train.minutes=0.005", "train.stop_at=25", "train.steps=7000000"}, 3,
        &r);
  assert_true(r.interrupted);
  double fitted = meta_of("fitted", "steps");
  assert_true(fitted >= 40 && fitted < 7000000);
  train(1, "fitted", true, (const char *const[]){"train.stop_at=30"}, 1, &r);
  assert_true(r.interrupted);
  train(1, "fitted", true, NULL, 0, &r);
  assert_false(r.interrupted);
  assert_true(meta_of("fitted", "step") == fitted);
}

/* Four batches of one row and their mean gradient against the same four rows: equal up to rounding of the sums. */
static void accumulation_is_a_larger_batch(void **state) {
  (void)state;
  rapt_run_result r;
  static const char *const big[] = {"train.batch=4", "model.dropout=0", "train.steps=3", "train.clip=0"};
  static const char *const small[] = {"train.batch=1", "train.accumulate=4", "model.dropout=0", "train.steps=3",
                                      "train.clip=0"};
  train(1, "big", false, big, 4, &r);
  train(1, "small", false, small, 5, &r);
  rapt_context *ctx;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  char path[300];
  rapt__safetensors st[2];
  for (int i = 0; i < 2; i++) {
    snprintf(path, sizeof path, "%s/%s/model.safetensors", root, i ? "small" : "big");
    assert_ok(ctx, rapt__safetensors_open(ctx, path, &st[i]));
  }
  for (size_t e = 0; e < st[0].count; e++) {
    const rapt__st_entry *a = &st[0].entries[e], *b = rapt__safetensors_find(&st[1], a->name);
    assert_non_null(b);
    for (int64_t i = 0; i < a->size; i++) {
      float x, y;
      memcpy(&x, a->data + 4 * i, 4);
      memcpy(&y, b->data + 4 * i, 4);
      assert_true(fabsf(x - y) <
                  1e-4f); /* Adam's first steps are ±lr: only signs of near-zero gradients could differ */
    }
  }
  for (int i = 0; i < 2; i++) rapt__safetensors_close(&st[i]);
  rapt_context_free(ctx);
}

static bool collect(void *user, const char *bytes, size_t size) { return rapt__text_add(user, bytes, size) == RAPT_OK; }

/* Architectures of the same file: each trains, saves, loads and generates the same with and without the cache, also past the
 * context. */
static void the_cache_does_not_change_the_text(void **state) {
  (void)state;
  static const char *const kinds[][5] = {
      {"model.position=learned"},
      {"model.position=rope", "model.norm=rms", "model.activation=swiglu", "model.bias=false", "model.kv_heads=1"},
      {"text.tokenizer=bpe", "text.vocabulary=300", "model.tied=false"},
      {"text.tokenizer=bytes", "model.activation=gelu"},
      {"model.position=none"},
      {"model.position=sinusoid"},
      {"model.position=shaw", "model.clip=3"},
      {"model.position=skew", "model.kv_heads=1"},
      {"model.position=alibi"},
      {"model.position=t5", "model.buckets=6", "model.max_distance=10"}};
  static const int counts[] = {1, 5, 3, 2, 1, 1, 2, 2, 1, 3};
  for (int kind = 0; kind < 10; kind++) {
    char name[32], dir[300];
    rapt_run_result r;
    snprintf(name, sizeof name, "kind%d", kind);
    train(1, name, false, kinds[kind], counts[kind], &r);
    snprintf(dir, sizeof dir, "%s/%s", root, name);
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_model *model;
    assert_ok(ctx, rapt_model_load(ctx, dir, &model));
    for (int greedy = 0; greedy < 2; greedy++) {
      rapt__text with, without;
      rapt__text_init(&with, ctx);
      rapt__text_init(&without, ctx);
      rapt_generate_options o = {.tokens = 40, .temperature = greedy ? 0 : 1, .top_p = 0.95, .seed = 7};
      assert_ok(ctx, rapt_model_generate(model, "the cat", 7, &o, collect, &with));
      o.no_cache = true;
      assert_ok(ctx, rapt_model_generate(model, "the cat", 7, &o, collect, &without));
      assert_true(with.size > 0);
      assert_string_equal(with.data, without.data);
      rapt__text_free(&with);
      rapt__text_free(&without);
    }
    rapt_eval e;
    assert_ok(ctx, rapt_model_eval(model, "the cat number 5 sat on mat 3.\n", 31, &e));
    assert_true(e.loss > 0 && e.loss < 10 && fabs(e.perplexity - exp(e.loss)) < 1e-9);
    rapt_model_free(model);
    close_context(&memory, ctx);
  }
}

static void broken_directories_are_named(void **state) {
  (void)state;
  rapt_run_result r;
  train(1, "broken", false, NULL, 0, &r);
  char dir[300], path[320];
  snprintf(dir, sizeof dir, "%s/broken", root);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model;
  snprintf(path, sizeof path, "%s/model.safetensors", dir);
  assert_int_equal(truncate(path, 2000), 0);
  assert_fails(ctx, rapt_model_load(ctx, dir, &model), RAPT_EFORMAT, "model.safetensors");
  assert_null(model);
  assert_int_equal(unlink(path), 0);
  assert_fails(ctx, rapt_model_load(ctx, dir, &model), RAPT_ENOTFOUND, "model.safetensors");
  snprintf(path, sizeof path, "%s/config.json", dir);
  assert_ok(ctx, rapt__file_replace(ctx, path, "{\"model_type\": \"xl\"}", 20));
  assert_fails(ctx, rapt_model_load(ctx, dir, &model), RAPT_EUNSUPPORTED, "\"xl\"");
  assert_ok(ctx, rapt__file_replace(ctx, path, "{\"model_type\": ", 15));
  assert_fails(ctx, rapt_model_load(ctx, dir, &model), RAPT_EFORMAT, "config.json:1");
  close_context(&memory, ctx);
}

static void wrong_settings_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result r;
  const char *one[1] = {"model.layer=3"};
  assert_fails(ctx, rapt_recipe_train(ctx, "gpt", one, 1, NULL, NULL, &r), RAPT_EKEY, "model.layers");
  one[0] = "train.lr=fast";
  assert_fails(ctx, rapt_recipe_train(ctx, "gpt", one, 1, NULL, NULL, &r), RAPT_EKEY, "train.lr");
  one[0] = "model.norm=batch";
  assert_fails(ctx, rapt_recipe_train(ctx, "gpt", one, 1, NULL, NULL, &r), RAPT_EKEY, "layer");
  assert_fails(ctx, rapt_recipe_train(ctx, "gtp", NULL, 0, NULL, NULL, &r), RAPT_EKEY, "gpt");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(threads_do_not_matter),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(a_fitted_run_keeps_its_steps),
      cmocka_unit_test(accumulation_is_a_larger_batch),
      cmocka_unit_test(the_cache_does_not_change_the_text),
      cmocka_unit_test(broken_directories_are_named),
      cmocka_unit_test(wrong_settings_are_refused),
  };
  return cmocka_run_group_tests_name("train", tests, make_root, remove_root);
}
