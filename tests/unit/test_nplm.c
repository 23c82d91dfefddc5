/* The recipe nplm on a small made-up text: it learns, judges its claims, resumes; and the reader of such texts. */
#include "unit/unit.h"

#include "base/file.h"
#include "data/words.h"

#include <math.h>
#include <rapt/rapt.h>
#include <zlib.h>

static char root[] = "/tmp/rapt-nplm-XXXXXX", home[64];

/* The verb decides the place, three words later: further back than a trigram sees. */
static void write_sentences(char *out, int count, unsigned state) {
  static const char *const who[] = {"cat", "dog", "bird"}, *const did[] = {"sat", "ran", "flew"},
                           *const how[] = {"slowly", "quickly"}, *const where[] = {"mat", "road", "tree"};
  for (int i = 0; i < count; i++) {
    unsigned r = (state = state * 1103515245u + 12345u) >> 16, k = r % 3;
    out += sprintf(out, " the %s %s %s on a %s \n", who[k], did[k], how[r / 3 % 2], where[k]);
  }
}

static void write_file(const char *name, const char *text, bool packed) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", root, name);
  gzFile file = gzopen(path, packed ? "wb" : "wbT");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
  assert_int_equal(gzclose(file), Z_OK);
}

static int make_root(void **state) {
  (void)state;
  static char text[40000];
  if (!mkdtemp(root)) return 1;
  snprintf(home, sizeof home, "%s/home", root);
  if (setenv("RAPT_HOME", home, 1) != 0) return 1; /* runs leave nothing behind in the user's own */
  write_sentences(text, 300, 1);
  write_file("ptb.train.txt.gz", text, true);
  write_sentences(text, 60, 2);
  write_file("ptb.valid.txt", text, false);
  write_sentences(text, 60, 3);
  write_file("ptb.test.txt", text, false);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* What a run told: results and evaluations. */
typedef struct told {
  char results[4000], sample[4000];
  double evals[64];
  int eval_count;
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  if (event == RAPT_EVENT_EVAL && t->eval_count < 64) t->evals[t->eval_count++] = progress->eval_loss;
  char *out = event == RAPT_EVENT_RESULT ? t->results : event == RAPT_EVENT_SAMPLE ? t->sample : NULL;
  if (!out) return;
  size_t used = strlen(out);
  snprintf(out + used, 4000 - used, "%s\n", text);
}

static rapt_status try_train(rapt_context *ctx, const char *name, bool resume, const char *const *extra, int count,
                             told *t, rapt_run_result *result) {
  char data[300], out[300];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[24] = {data,
                              out,
                              "nplm.features=8",
                              "nplm.hidden=12",
                              "train.batch=32",
                              "train.steps=240",
                              "train.lr=2e-2",
                              "train.warmup=5",
                              "train.eval_every=20",
                              "train.sample_tokens=3"};
  int n = 10;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  *t = (told){.eval_count = 0};
  return resume ? rapt_recipe_resume(ctx, out + 4, extra, count, listen, t, result)
                : rapt_recipe_train(ctx, "nplm", settings, n, listen, t, result);
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
  data = malloc(1 << 20);
  *size = fread(data, 1, (1 << 20) - 1, f);
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

/* ---- The recipe ---- */

static void it_learns_and_judges(void **state) {
  (void)state;
  told t;
  rapt_run_result r;
  train(2, "plain", false, NULL, 0, &t, &r);
  assert_false(r.interrupted);
  assert_false(r.passed); /* settings were changed */
  assert_int_equal(t.eval_count, 12);
  assert_true(t.evals[11] < t.evals[0] - 0.3);
  assert_non_null(strstr(t.sample, "nearest words"));
  assert_non_null(strstr(t.results, "the mixture beats both parts"));
  assert_non_null(strstr(t.results, "not judged"));
  assert_null(strstr(t.results, "direct connections do not help"));
  size_t size;
  char *csv = read_file("plain", "perplexity.csv", &size);
  double valid[3], test[3];
  assert_int_equal(sscanf(csv,
                          "direct,model,valid,test\nfalse,kneser-ney-3,%lf,%lf\nfalse,net,%lf,%lf\n"
                          "false,mixture,%lf,%lf",
                          &valid[0], &test[0], &valid[1], &test[1], &valid[2], &test[2]),
                   6);
  free(csv);
  /* The weight is the best one for the validation text, where the mixture can then be no worse than a part. */
  assert_true(valid[2] <= valid[0] + 1e-3 && valid[2] <= valid[1] + 1e-3);
  assert_true(fabs(r.figure - test[2]) < 1e-3);
  /* Only the net sees the word that decides between the places, one word in eight. */
  assert_true(test[1] < test[0]);
  /* The trainer spreads its batches over the whole validation text, so both ways of measuring agree roughly. */
  assert_true(fabs(log(valid[1]) - t.evals[11]) < 0.1);
  bool beats = test[2] < test[0] && test[2] < test[1];
  assert_non_null(strstr(t.results, beats ? "Kneser-Ney-3): holds" : "Kneser-Ney-3): does not hold"));
}

static void both_nets_are_compared(void **state) {
  (void)state;
  told t;
  rapt_run_result r;
  train(1, "both", false, (const char *const[]){"nplm.compare=true"}, 1, &t, &r);
  assert_non_null(strstr(t.results, "direct connections do not help at equal time"));
  size_t size;
  char *csv = read_file("both", "perplexity.csv", &size);
  assert_non_null(strstr(csv, "\nfalse,net,"));
  assert_non_null(strstr(csv, "\ntrue,net,"));
  free(csv);
  free(read_file("both", "other/model.safetensors", &size));
  assert_same_file("both", "plain", "model.safetensors"); /* one thread there, two here */
}

static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  told t;
  rapt_run_result r;
  static const char *const direct[] = {"nplm.direct=true", "train.stop_at=47"};
  train(1, "whole", false, direct, 1, &t, &r);
  assert_non_null(strstr(t.results, "(with direct connections"));
  train(1, "parts", false, direct, 2, &t, &r);
  assert_true(r.interrupted);
  assert_int_equal(strlen(t.results), 0);
  train(2, "parts", true, NULL, 0, &t, &r);
  assert_false(r.interrupted);
  assert_same_file("whole", "parts", "model.safetensors");
  assert_same_file("whole", "parts", "metrics.jsonl");
  assert_same_file("whole", "parts", "perplexity.csv");
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static const char *const few[] = {"train.steps=2", "nplm.compare=true", "train.eval_every=0"};
  counted_memory memory;
  long calls = 0, tried = 0;
  for (long at = 0; at <= calls; at += at ? 1 + calls / 60 : 1) {
    rapt_context *ctx = counted_context(&memory, 1);
    told t;
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "memory-%ld", at);
    memory.fail_at = at ? memory.calls + at : 0;
    long before = memory.calls;
    rapt_status status = try_train(ctx, name, false, few, 3, &t, &r);
    if (at == 0) {
      assert_ok(ctx, status);
      calls = memory.calls - before;
    } else {
      /* The run's entry in the index, at the very end, is done without. */
      assert_true(status == RAPT_ENOMEM || (status == RAPT_OK && at > calls - 8));
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
               "do not fill a batch");
  close_context(&memory, ctx);
}

/* ---- The reader ---- */

static void words_become_ids(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__words words;
  int32_t *ids;
  size_t count;
  char path[300], other[300], empty[300];
  snprintf(path, sizeof path, "%s/words.gz", root);
  snprintf(other, sizeof other, "%s/other", root);
  snprintf(empty, sizeof empty, "%s/empty", root);
  write_file("words.gz", "  b a\tb\r\n\nc b <unk> a", true); /* a line without words; no newline at the end */
  write_file("other", "a z\n", false);
  write_file("empty", "", false);
  assert_ok(ctx, rapt__words_learn(ctx, path, &words));
  assert_int_equal(words.count, 5); /* </s> <unk> b a c */
  assert_int_equal(words.words[2].bytes[0], 'b');
  assert_int_equal(words.words[2].count, 3);
  static const int32_t wanted[] = {2, 3, 2, 0, 0, 4, 2, 1, 3, 0}, known[] = {3, 1, 0};
  assert_ok(ctx, rapt__words_read(&words, path, &ids, &count));
  assert_int_equal(count, 10);
  assert_memory_equal(ids, wanted, sizeof wanted);
  rapt__free(ctx, ids);
  assert_ok(ctx, rapt__words_read(&words, other, &ids, &count));
  assert_int_equal(count, 3);
  assert_memory_equal(ids, known, sizeof known);
  rapt__free(ctx, ids);
  assert_fails(ctx, rapt__words_read(&words, empty, &ids, &count), RAPT_EFORMAT, "empty");
  assert_null(ids);
  rapt__words_free(&words);
  close_context(&memory, ctx);
}

static void a_broken_gzip_is_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char path[300], cut[300];
  size_t size;
  snprintf(path, sizeof path, "%s/ptb.train.txt.gz", root);
  snprintf(cut, sizeof cut, "%s/cut.gz", root);
  char *data;
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 20, &data, &size));
  assert_ok(ctx, rapt__file_replace(ctx, cut, data, size / 2));
  rapt__free(ctx, data);
  rapt__words words;
  assert_fails(ctx, rapt__words_learn(ctx, cut, &words), RAPT_EFORMAT, "bad gzip data");
  rapt__words_free(&words);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(words_become_ids),
      cmocka_unit_test(a_broken_gzip_is_refused),
      cmocka_unit_test(it_learns_and_judges),
      cmocka_unit_test(both_nets_are_compared),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(failing_memory_is_reported),
      cmocka_unit_test(errors_name_the_file),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
