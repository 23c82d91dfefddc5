/* The recipe lstm-tutorials on a small made-up text: checks and claim, four networks, report; resuming; and its walk. */
#include "unit/unit.h"

#include <math.h>
#include <rapt/rapt.h>
#include <zlib.h>

static char root[] = "/tmp/rapt-lstm-XXXXXX", home[64];

static void write_sentences(const char *name, int count, unsigned state, bool packed) {
  static const char *const who[] = {"cat", "dog", "bird"}, *const did[] = {"sat", "ran", "flew"},
                           *const where[] = {"mat", "road", "tree"};
  char path[300];
  snprintf(path, sizeof path, "%s/%s", root, name);
  gzFile file = gzopen(path, packed ? "wb" : "wbT");
  assert_non_null(file);
  for (int i = 0; i < count; i++) {
    unsigned r = (state = state * 1103515245u + 12345u) >> 16, k = r % 3;
    assert_true(gzprintf(file, " the %s %s on a %s \n", who[k], did[k], where[r / 3 % 3]) > 0);
  }
  assert_int_equal(gzclose(file), Z_OK);
}

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  snprintf(home, sizeof home, "%s/home", root);
  if (setenv("RAPT_HOME", home, 1) != 0) return 1; /* runs leave nothing behind in the user's own */
  write_sentences("ptb.train.txt.gz", 400, 1, true);
  write_sentences("ptb.valid.txt", 60, 2, false);
  write_sentences("ptb.test.txt", 60, 3, false);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct told {
  char results[8000];
  double evals[64];
  int eval_count;
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  if (event == RAPT_EVENT_EVAL && t->eval_count < 64) t->evals[t->eval_count++] = progress->eval_loss;
  if (event != RAPT_EVENT_RESULT) return;
  size_t used = strlen(t->results);
  snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
}

static rapt_status try_train(rapt_context *ctx, const char *name, bool resume, const char *const *extra, int count,
                             told *t, rapt_run_result *result) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[25] = {data,
                              out,
                              "lstm.units=12",
                              "lstm.features=5",
                              "lstm.steps=12",
                              "train.batch=8",
                              "train.steps=240",
                              "lstm.rnn_lr=2e-2",
                              "train.lr=4e-2",
                              "train.warmup=5",
                              "train.eval_every=80",
                              "train.evals=5",
                              "train.sample_tokens=20"};
  int n = 13;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  *t = (told){.eval_count = 0};
  return resume ? rapt_recipe_resume(ctx, out + 4, extra, count, listen, t, result)
                : rapt_recipe_train(ctx, "lstm-tutorials", settings, n, listen, t, result);
}

static void train(int threads, const char *name, bool resume, const char *const *extra, int count, told *t,
                  rapt_run_result *result) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, threads);
  assert_ok(ctx, try_train(ctx, name, resume, extra, count, t, result));
  close_context(&memory, ctx);
}

static char *read_file(const char *run, const char *file, size_t *size) {
  char path[300], *data;
  snprintf(path, sizeof path, "%s/%s/%s", root, run, file);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is missing", path);
  data = malloc(4 << 20);
  *size = fread(data, 1, (4 << 20) - 1, f);
  data[*size] = 0;
  fclose(f);
  return data;
}

static void assert_same_file(const char *a, const char *b, const char *file) {
  size_t size[2];
  char *data[2] = {read_file(a, file, &size[0]), read_file(b, file, &size[1])};
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(data[0], data[1], size[0]);
  free(data[0]);
  free(data[1]);
}

static void it_checks_learns_and_judges(void **state) {
  (void)state;
  told t;
  rapt_run_result r;
  size_t size;
  train(2, "whole", false, NULL, 0, &t, &r);
  assert_false(r.interrupted);
  assert_false(r.passed); /* settings were changed */
  static const char *const holding[] = {"gradients of 10 cells against differences",
                                        "real-time recurrent learning against backpropagation",
                                        "the engine's layers against the plain code",
                                        "the delay equation is followed to first order",
                                        "tanh: the derivative of h_T by h_t decays exponentially",
                                        "cell of 1997: the derivative of c_T by c_t through the carousel"};
  for (size_t i = 0; i < sizeof holding / sizeof *holding; i++) {
    const char *line = strstr(t.results, holding[i]), *end = line ? strchr(line, '\n') : NULL;
    if (!line || strncmp(end - strlen(": holds"), ": holds", strlen(": holds")) != 0)
      fail_msg("not held: %s", holding[i]);
  }
  assert_non_null(strstr(t.results, "not judged"));
  /* Three evaluations of each network, and each has learnt. A sentence has log2 9 bits in 22 characters; without a model a
   * character would have more than four. */
  assert_int_equal(t.eval_count, 12);
  char *csv = read_file("whole", "bits.csv", &size);
  const char *line = csv;
  for (int i = 0; i < 4; i++) {
    double valid, test;
    assert_non_null(line = strchr(line, '\n') + 1);
    assert_int_equal(sscanf(line, "%*[^,],%*d,%*d,%lf,%lf", &valid, &test), 2);
    if (!(valid < 2 && test < 2)) fail_msg("network %d: %g, %g bits", i, valid, test);
    if (i == 0) assert_true(fabs(r.figure - test) < 1e-4);
  }
  free(csv);
  char *page = read_file("whole", "report.html", &size);
  static const char *const parts[] = {"Gradient flow",
                                      "Gates over a text",
                                      "forget gate f",
                                      "What truncation loses",
                                      "From a delay equation to the RNN",
                                      "augmented LSTM, c, end"};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    if (!strstr(page, parts[i])) fail_msg("the report lacks \"%s\"", parts[i]);
  free(page);
}

/* Stopped in the first network, and once more in the third: the others are not trained again. */
static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  told t;
  rapt_run_result r;
  train(1, "parts", false, (const char *const[]){"train.stop_at=47"}, 1, &t, &r);
  assert_true(r.interrupted);
  train(2, "parts", true, NULL, 0, &t, &r);
  assert_false(r.interrupted);
  static const char *const files[] = {"model.safetensors", "metrics.jsonl", "augmented/model.safetensors",
                                      "peepholes/metrics.jsonl", "rnn/model.safetensors"};
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) assert_same_file("whole", "parts", files[i]);
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static const char *const few[] = {"train.steps=2", "train.eval_every=0", "lstm.units=3", "train.sample_tokens=2"};
  counted_memory memory;
  long calls = 0, tried = 0;
  for (long at = 0; at <= calls; at += at ? 1 + calls / 50 : 1) {
    rapt_context *ctx = counted_context(&memory, 1);
    told t;
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "memory-%ld", at);
    memory.fail_at = at ? memory.calls + at : 0;
    long before = memory.calls;
    rapt_status status = try_train(ctx, name, false, few, 4, &t, &r);
    if (at == 0) {
      assert_ok(ctx, status);
      calls = memory.calls - before;
    } else {
      /* The run's entry in the index, at the very end, is done without. */
      if (status != RAPT_ENOMEM && !(status == RAPT_OK && at > calls - 8))
        fail_msg("call %ld of %ld: %s", at, calls, rapt_context_message(ctx));
      tried++;
    }
    close_context(&memory, ctx);
  }
  assert_true(tried > 30);
}

static void errors_name_the_file(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t;
  rapt_run_result r;
  assert_fails(ctx, try_train(ctx, "e1", false, (const char *const[]){"data=/nowhere/at/all"}, 1, &t, &r),
               RAPT_ENOTFOUND, "ptb.train.txt");
  assert_fails(ctx, try_train(ctx, "e2", false, (const char *const[]){"train.batch=100000"}, 1, &t, &r), RAPT_EINVAL,
               "too short");
  close_context(&memory, ctx);
}

/* ---- The walk ---- */

static void collect(void *user, rapt_explain_part part, const char *text) {
  (void)part;
  char *to = user;
  size_t used = strlen(to);
  snprintf(to + used, 40000 - used, "%s", text);
}

/* The first number of the matrix of this name. */
static double number_of(const char *text, const char *name) {
  char line[100];
  double value;
  snprintf(line, sizeof line, "\n      %s  (1, 4)\n", name);
  const char *at = strstr(text, line);
  if (!at) fail_msg("the walk lacks \"%s\"", name);
  assert_int_equal(sscanf(at + strlen(line), "%lf", &value), 1);
  return value;
}

static void the_walk_adds_up(void **state) {
  (void)state;
  static char text[40000];
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (uint64_t seed = 1; seed < 4; seed++) {
    rapt_explain_options options = {.sentence = "h\xC3\xA9llo w\xC3\xB6rld", .seed = seed};
    text[0] = 0;
    assert_ok(ctx, rapt_recipe_explain(ctx, "lstm-tutorials", &options, collect, text));
    double i = number_of(text, "i"), f = number_of(text, "f"), g = number_of(text, "g"), o = number_of(text, "o"),
           before = number_of(text, "c_(t-1), the cells"), c = number_of(text, "c_t"), h = number_of(text, "h_t");
    assert_true(fabs(f * before + i * g - c) < 5e-4);
    assert_true(fabs(o * tanh(c) - h) < 5e-4);
    assert_true(fabs(number_of(text, "d loss / d c_(t-1), through the carousel") - o * (1 - tanh(c) * tanh(c)) * f) <
                5e-4);
    assert_non_null(strstr(text, "Over the last 8 characters"));
  }
  assert_fails(ctx,
               rapt_recipe_explain(ctx, "lstm-tutorials", &(rapt_explain_options){.sentence = "a\xFF"}, NULL, NULL),
               RAPT_EKEY, "byte 1");
  assert_fails(ctx, rapt_recipe_explain(ctx, "lstm-tutorials", &(rapt_explain_options){.sentence = "a"}, NULL, NULL),
               RAPT_EKEY, "fewer than two");
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_walk_adds_up),
      cmocka_unit_test(it_checks_learns_and_judges),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(failing_memory_is_reported),
      cmocka_unit_test(errors_name_the_file),
  };
  return cmocka_run_group_tests_name("lstm_recipe", tests, make_root, remove_root);
}
