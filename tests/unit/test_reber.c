/* The embedded Reber grammar, the plain recurrent net's gradients, and the recipe reber cut down to a second. */
#include "unit/unit.h"

#include "data/reber.h"
#include "recipes/plain_rnn.h"

#include <math.h>
#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-reber-XXXXXX";

static int make_root(void **state) {
  (void)state;
  return mkdtemp(root) ? 0 : 1;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* ---- The grammar ---- */

/* Reber's grammar once more, as what may follow after each pair of a state and a letter: "" where the letter cannot come. */
static const char *const follows[7][7] = {
    /* by state, letters B T P S X V E: the next state as a digit */
    {"1", "", "", "", "", "", ""},  {"", "2", "3", "", "", "", ""}, {"", "", "", "2", "4", "", ""},
    {"", "3", "", "", "", "5", ""}, {"", "", "", "6", "3", "", ""}, {"", "", "4", "", "", "6", ""},
    {"", "", "", "", "", "", "7"}};

static uint8_t may_come(int state) {
  uint8_t letters = 0;
  for (int s = 0; s < 7; s++) letters |= (uint8_t)(*follows[state][s] ? 1 << s : 0);
  return letters;
}

static void check_string(const rapt__reber_string *s) {
  enum { B, T, P, E = 6 };
  int n = s->length, state = 0;
  assert_in_range(n, 9, RAPT__REBER_LONGEST);
  assert_int_equal(s->symbol[0], B);
  assert_int_equal(s->allowed[0], 1 << T | 1 << P);
  assert_true(s->symbol[1] == T || s->symbol[1] == P);
  assert_int_equal(s->allowed[1], 1 << B);
  for (int t = 2; t < n - 2; t++) {
    assert_true(may_come(state) >> s->symbol[t] & 1);
    state = *follows[state][s->symbol[t]] - '0';
    assert_int_equal(s->allowed[t], state == 7 ? 1 << s->symbol[1] : may_come(state));
  }
  assert_int_equal(state, 7);
  assert_int_equal(s->symbol[n - 2], s->symbol[1]);
  assert_int_equal(s->allowed[n - 2], 1 << E);
  assert_int_equal(s->symbol[n - 1], E);
  assert_int_equal(s->allowed[n - 1], 0);
}

static void strings_obey_the_grammar(void **state) {
  (void)state;
  enum { STRINGS = 20000 };
  int with_t = 0, shortest = 0;
  for (int i = 0; i < STRINGS; i++) {
    rapt__reber_string s, again;
    rapt__reber_draw(5, 9, (uint64_t)i, &s);
    rapt__reber_draw(5, 9, (uint64_t)i, &again);
    assert_true(rapt__reber_equal(&s, &again));
    check_string(&s);
    with_t += s.symbol[1] == 1;
    shortest += s.length == 9;
  }
  /* Two of the ways through have five letters (T X S, P V V): each of probability 1/8 and four standard deviations are 0.013. */
  assert_true(abs(with_t - STRINGS / 2) < 300);
  assert_true(abs(shortest - STRINGS / 4) < 260);
}

static void letters_name_the_symbols(void **state) {
  (void)state;
  rapt__reber_string s = {.length = 9, .symbol = {0, 1, 0, 2, 5, 5, 6, 1, 6}};
  char text[RAPT__REBER_LONGEST + 1];
  rapt__reber_letters(&s, text);
  assert_string_equal(text, "BTBPVVETE");
}

/* ---- The plain net ---- */

enum { STEPS = 6, INPUTS = 2, HIDDEN = 3 };

static const double values[STEPS][INPUTS] = {{1, 0.5}, {-0.3, 0.2}, {0.8, -1}, {0.1, 0.4}, {-0.7, 0.9}, {0.6, 0.3}};

static double loss_of(rapt__plain_rnn *net, double target, bool learning) {
  static const int both[INPUTS] = {0, 1};
  rapt__plain_rnn_reset(net);
  for (int t = 0; t < STEPS; t++) rapt__plain_rnn_step(net, &(rapt__sparse){INPUTS, both, values[t]}, learning);
  double o = rapt__plain_rnn_outputs(net)[0];
  return net->entropy ? -target * log(o) - (1 - target) * log(1 - o) : 0.5 * (target - o) * (target - o);
}

/* What learning with rate 1 changes, against central differences. */
static void gradients_equal_differences(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (int i = 0; i < 4; i++) {
    rapt__plain_rnn net;
    rapt__plain_method method = i % 2 ? RAPT__PLAIN_RTRL : RAPT__PLAIN_THROUGH_TIME;
    assert_ok(ctx, rapt__plain_rnn_new(ctx, INPUTS, HIDDEN, 1, STEPS, method, &net));
    net.entropy = i >= 2;
    rapt__plain_rnn_start(&net, 3, 0.9);
    int count = HIDDEN * net.row + 1 + HIDDEN;
    assert_int_equal(rapt__plain_rnn_weight_count(&net), count);
    double start[HIDDEN * (1 + HIDDEN + INPUTS) + 1 + HIDDEN], change[HIDDEN * (1 + HIDDEN + INPUTS) + 1 + HIDDEN];
    memcpy(start, net.weights, sizeof start);
    loss_of(&net, 0.9, true);
    rapt__plain_rnn_learn(&net, (double[]){0.9}, 1, 0);
    for (int k = 0; k < count; k++) change[k] = net.weights[k] - start[k];
    for (int k = 0; k < count; k++) {
      const double h = 1e-5;
      memcpy(net.weights, start, sizeof start);
      net.weights[k] = start[k] + h;
      double up = loss_of(&net, 0.9, false);
      net.weights[k] = start[k] - h;
      double slope = (up - loss_of(&net, 0.9, false)) / (2 * h);
      if (fabs(slope + change[k]) > 1e-8)
        fail_msg("method %d, weight %d: %g, differences give %g", i, k, -change[k], slope);
    }
    rapt__plain_rnn_free(ctx, &net);
  }
  close_context(&memory, ctx);
}

/* Elman's gradient of the last step takes h(t−1) as given: that of a sequence whose first steps went before. */
static void elman_looks_one_step_back(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__plain_rnn elman, full;
  assert_ok(ctx, rapt__plain_rnn_new(ctx, INPUTS, HIDDEN, 1, STEPS, RAPT__PLAIN_ELMAN, &elman));
  assert_ok(ctx, rapt__plain_rnn_new(ctx, INPUTS, HIDDEN, 1, 1, RAPT__PLAIN_THROUGH_TIME, &full));
  rapt__plain_rnn_start(&elman, 3, 0.9);
  rapt__plain_rnn_start(&full, 3, 0.9);
  loss_of(&elman, 0.9, true);
  double before[HIDDEN], *past = elman.past + (STEPS - 1) % 2 * HIDDEN;
  memcpy(before, past, sizeof before);
  rapt__plain_rnn_learn(&elman, (double[]){0.9}, 1, 0);
  memcpy(full.past, before, sizeof before);
  rapt__plain_rnn_step(&full, &(rapt__sparse){INPUTS, (int[]){0, 1}, values[STEPS - 1]}, true);
  rapt__plain_rnn_outputs(&full);
  rapt__plain_rnn_learn(&full, (double[]){0.9}, 1, 0);
  for (int i = 0; i < HIDDEN * full.row + 1 + HIDDEN; i++)
    assert_true(fabs(elman.weights[i] - full.weights[i]) < 1e-15);
  rapt__plain_rnn_free(ctx, &elman);
  rapt__plain_rnn_free(ctx, &full);
  close_context(&memory, ctx);
}

/* ---- The recipe ---- */

typedef struct told {
  rapt_context *ctx;
  char results[8000];
  bool stop;
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  (void)progress;
  if (event == RAPT_EVENT_PROGRESS && t->stop) rapt_context_interrupt(t->ctx);
  if (event != RAPT_EVENT_RESULT) return;
  size_t used = strlen(t->results);
  snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, told *t, rapt_run_result *result) {
  char out[300];
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[] = {
      out, "seed=101", "reber.seeds=2", "reber.sequences=6500", "reber.strings=64", "reber.check=250"};
  t->ctx = ctx;
  t->results[0] = 0;
  return rapt_recipe_train(ctx, "reber", settings, sizeof settings / sizeof *settings, listen, t, result);
}

static char *read_file(const char *run, const char *file) {
  char path[300], *data;
  snprintf(path, sizeof path, "%s/%s/%s", root, run, file);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is missing", path);
  data = malloc(1 << 20);
  assert_non_null(data);
  data[fread(data, 1, (1 << 20) - 1, f)] = 0;
  fclose(f);
  return data;
}

static void a_short_run_learns_and_does_not_depend_on_threads(void **state) {
  (void)state;
  static told one, three;
  rapt_run_result r;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_ok(ctx, train(ctx, "one", &one, &r));
  close_context(&memory, ctx);
  assert_false(r.passed); /* settings were changed */
  assert_true(r.figure >= 1);
  assert_non_null(strstr(one.results, r.figure < 2 ? "of 2: does not hold\n" : "of 2: holds\n"));
  assert_non_null(strstr(one.results, "not judged, since settings were changed"));
  ctx = counted_context(&memory, 3);
  assert_ok(ctx, train(ctx, "three", &three, &r));
  close_context(&memory, ctx);
  assert_string_equal(one.results, three.results);
  char *a = read_file("one", "trials.csv"), *b = read_file("three", "trials.csv"),
       *page = read_file("one", "report.html");
  assert_string_equal(a, b);
  assert_non_null(strstr(page, "Cells on the way through a string"));
  free(a), free(b), free(page);
}

static void a_run_can_be_stopped(void **state) {
  (void)state;
  static told t = {.stop = true};
  rapt_run_result r;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_fails(ctx, train(ctx, "stopped", &t, &r), RAPT_EINTERRUPTED, "a new run starts anew");
  assert_true(r.interrupted);
  close_context(&memory, ctx);
}

static void failing_memory_leaks_nothing(void **state) {
  (void)state;
  for (long at = 20; at < 2000; at += 23) {
    static told t = {.stop = true};
    char name[20];
    rapt_run_result r;
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    memory.fail_at = memory.calls + at;
    snprintf(name, sizeof name, "memory%ld", at);
    rapt_status status = train(ctx, name, &t, &r);
    bool got_through = status == RAPT_EINTERRUPTED;
    assert_true(got_through || status == RAPT_ENOMEM);
    close_context(&memory, ctx);
    if (got_through) return;
  }
  fail();
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(strings_obey_the_grammar),
                                     cmocka_unit_test(letters_name_the_symbols),
                                     cmocka_unit_test(gradients_equal_differences),
                                     cmocka_unit_test(elman_looks_one_step_back),
                                     cmocka_unit_test(a_short_run_learns_and_does_not_depend_on_threads),
                                     cmocka_unit_test(a_run_can_be_stopped),
                                     cmocka_unit_test(failing_memory_leaks_nothing)};
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
