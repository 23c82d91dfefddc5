/* Every allocation of training, loading and generating fails once: an error each time, no crash, no leak. */
#include "unit/unit.h"

#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-faults-XXXXXX";

static bool drop(void *user, const char *bytes, size_t size) {
  (void)user, (void)bytes, (void)size;
  return true;
}

static rapt_status train(rapt_context *ctx, int round) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/run%d", root, round);
  const char *settings[] = {data,
                            out,
                            "model.layers=1",
                            "model.width=8",
                            "model.heads=2",
                            "model.context=8",
                            "train.batch=1",
                            "train.steps=2",
                            "train.warmup=0",
                            "train.evals=1",
                            "train.sample_tokens=2",
                            "text.tokenizer=bpe",
                            "text.vocabulary=258"};
  rapt_run_result result;
  return rapt_recipe_train(ctx, "gpt", settings, 13, NULL, NULL, &result);
}

static rapt_status use(rapt_context *ctx) {
  char dir[300];
  snprintf(dir, sizeof dir, "%s/run0", root);
  rapt_model *model;
  rapt_status status = rapt_model_load(ctx, dir, &model);
  if (status != RAPT_OK) return status;
  rapt_generate_options o = {.tokens = 12, .temperature = 0};
  status = rapt_model_generate(model, "ab", 2, &o, drop, NULL);
  rapt_model_free(model);
  return status;
}

/* Fails the n-th allocation and all later ones for n = 1, 2, … until nothing fails any more. */
static void try_all(bool training) {
  counted_memory memory;
  long failures = 0;
  for (long n = 1;; n += n < 200 ? 1 : 1 + n / 40) {
    rapt_context *ctx = counted_context(&memory, 1);
    memory.fail_at = memory.calls + n;
    rapt_status status = training ? train(ctx, (int)n) : use(ctx);
    if (status != RAPT_OK) {
      assert_int_equal(status, RAPT_ENOMEM);
      failures++;
    }
    memory.fail_at = 0;
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
  assert_true(failures > 50);
}

static void training_survives(void **state) {
  (void)state;
  try_all(true);
}

static void using_a_model_survives(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_ok(ctx, train(ctx, 0));
  close_context(&memory, ctx);
  try_all(false);
}

static int begin(void **state) {
  (void)state;
  char path[300];
  if (!mkdtemp(root)) return 1;
  char home[64]; /* runs are noted here and not in the user's index */
  snprintf(home, sizeof home, "%s/home", root);
  setenv("RAPT_HOME", home, 1);
  snprintf(path, sizeof path, "%s/text", root);
  FILE *f = fopen(path, "w");
  for (int i = 0; f && i < 40; i++) fprintf(f, "ab %d cd %d.\n", i, i % 3);
  return !f || fclose(f) != 0;
}

static int end(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(training_survives), cmocka_unit_test(using_a_model_survives)};
  return cmocka_run_group_tests_name("allocations", tests, begin, end);
}
