/* The recipe formal-algorithms, run as a user runs it: every check is said and holds, the walk is whole. */
#include "unit/unit.h"

#include "base/file.h"
#include "recipes/formal_checks.h"

#include <math.h>

static char root[] = "/tmp/rapt-formal-XXXXXX";

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return -1;
  char home[64]; /* runs are noted here and not in the user's index */
  snprintf(home, sizeof home, "%s/home", root);
  return setenv("RAPT_HOME", home, 1);
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct heard {
  int holds, fails, walks, results;
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  (void)progress;
  if (event != RAPT_EVENT_RESULT) return;
  print_message("%s\n", text);
  h->results++;
  h->holds += strstr(text, "): holds") != NULL;
  h->fails += strstr(text, "NOT hold") != NULL;
  h->walks += strstr(text, "/walk.txt") != NULL;
}

static void run_with(int seed) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  char out[64];
  char of[32], page[80];
  snprintf(out, sizeof out, "out=%s/run-%d", root, seed);
  snprintf(of, sizeof of, "seed=%d", seed);
  snprintf(page, sizeof page, "%s/run-%d/report.html", root, seed);
  const char *settings[] = {out, of};
  rapt_run_result result;
  heard h = {0};
  assert_ok(ctx, rapt_recipe_train(ctx, "formal-algorithms", settings, 2, hear, &h, &result));
  assert_true(result.passed);
  assert_false(result.interrupted);
  assert_true(result.figure > 0 && result.figure <= 1e-5); /* 0 would be no comparison of floats with doubles */
  assert_int_equal(h.holds, 23); /* 10 of the engine forward, 6 gradients, 4 counts, 3 trainings */
  assert_int_equal(h.fails, 0);
  assert_int_equal(h.walks, 1);
  assert_int_equal(h.results, 25);
  assert_true(rapt__file_exists(page));
  close_context(&memory, ctx);
}

/* Seeds 6 and 8 are among those whose first weights lie on a kink of ReLU. */
static void everything_holds(void **state) {
  (void)state;
  run_with(1);
  run_with(6);
  run_with(8);
}

/* The number behind `name` in row `row` and column `column` of a printed matrix. A line of column labels comes first
 * where there is one. */
static double cell(const char *text, const char *name, int row, int column) {
  const char *at = strstr(text, name);
  if (!at) fail_msg("walk.txt has no \"%s\"", name);
  at = strchr(at, '\n') + 1;
  if (at[6] == ' ') row++;
  for (int i = 0; i < row; i++) at = strchr(at, '\n') + 1;
  at += 18; /* the label */
  double value = NAN;
  for (int i = 0; i <= column; i++) {
    char *end;
    value = strtod(at, &end);
    assert_ptr_not_equal(at, end);
    at = end;
  }
  return value;
}

/* The printed scores give the printed weights, the weights the mix: the file can be followed with a pencil. */
static void the_walk_adds_up(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char path[64], *text;
  size_t size;
  snprintf(path, sizeof path, "%s/run-1/walk.txt", root);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 20, &text, &size));
  assert_non_null(strstr(text, "src/explain/formal/attention.c:"));
  for (int t = 0; t < 5; t++) {
    double sum = 0, mixed = 0, probability = 0, scale = 0;
    for (int s = 0; s < 5; s++) {
      double masked = cell(text, "masked scores over", t, s), a = cell(text, "softmax: the weights", t, s);
      assert_true(s <= t ? isfinite(masked) : masked == -INFINITY && a == 0);
      scale += exp(masked);
      sum += a;
      mixed += a * cell(text, "values V ", s, 1);
    }
    for (int s = 0; s <= t; s++)
      assert_true(fabs(exp(cell(text, "masked scores over", t, s)) / scale - cell(text, "softmax: the weights", t, s)) <
                  3e-4);
    for (int v = 0; v < 4; v++) probability += cell(text, "P: the word", t, v);
    assert_true(fabs(sum - 1) < 3e-4 && fabs(probability - 1) < 3e-4);
    assert_true(fabs(mixed - cell(text, "V softmax:", t, 1)) < 2e-3);
  }
  rapt__free(ctx, text);
  close_context(&memory, ctx);
}

static void a_number_that_is_none_fails(void **state) {
  (void)state;
  heard h = {0};
  rapt__run run = {.tell = hear, .tell_user = &h};
  rapt__formal_verdict v = {.run = &run};
  rapt__formal_judge(&v, "not a number", NAN, 1);
  rapt__formal_judge(&v, "too large", 1.1, 1);
  rapt__formal_judge(&v, "just", 1, 1);
  assert_int_equal(v.failed, 2);
  assert_int_equal(v.held, 1);
  assert_int_equal(h.fails, 2);
  assert_true(isnan(rapt__formal_worse(NAN, 1)) && isnan(rapt__formal_worse(1, NAN)));
  assert_true(rapt__formal_worse(2, 1) == 2 && rapt__formal_worse(1, 2) == 2);
}

/* From the first failing allocation on, nothing is left behind. */
static void memory_runs_out(void **state) {
  (void)state;
  long step = 1, failures = 0;
  for (long at = 1; at < 4000; at += step, step = at / 3 + 1) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char out[64];
    snprintf(out, sizeof out, "out=%s/fails-%ld", root, at);
    const char *settings[] = {out};
    rapt_run_result result = {0};
    memory.fail_at = memory.calls + at;
    rapt_status status = rapt_recipe_train(ctx, "formal-algorithms", settings, 1, NULL, NULL, &result);
    memory.fail_at = 0;
    assert_int_equal(status, RAPT_ENOMEM);
    assert_false(result.passed);
    failures++;
    close_context(&memory, ctx);
  }
  assert_true(failures > 10);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_holds),
      cmocka_unit_test(the_walk_adds_up),
      cmocka_unit_test(a_number_that_is_none_fails),
      cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
