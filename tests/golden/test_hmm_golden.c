/* Hidden Markov models against hmmlearn (tests/golden/make_hmm.py): likelihoods, posteriors, decoding, rounds of Baum–Welch. */
#include "unit/unit.h"

#include "classic/hmm.h"

#include <jansson.h>
#include <math.h>

#define FILE_NAME "tests/golden/hmm.json"
enum { MOST = 200, SEQUENCES = 5 };
static const double tolerance = 1e-8;

static size_t size_of(const json_t *o, const char *key) { return (size_t)json_integer_value(json_object_get(o, key)); }

static void read_numbers(const json_t *o, const char *key, double *to, size_t count, bool logs) {
  const json_t *list = json_object_get(o, key);
  if (json_array_size(list) != count) fail_msg(FILE_NAME ": %s has not %zu numbers", key, count);
  for (size_t i = 0; i < count; i++) {
    double x = json_number_value(json_array_get(list, i));
    to[i] = logs ? log(x) : x;
  }
}

static void same(const char *what, double got, double want) {
  if (!(fabs(got - want) <= tolerance * fmax(1, fabs(want))))
    fail_msg("%s is %.12g, hmmlearn has %.12g", what, got, want);
}

static void compare(const json_t *o, const char *key, const double *got, size_t count, bool logs) {
  const json_t *list = json_object_get(o, key);
  if (json_array_size(list) != count) fail_msg(FILE_NAME ": %s has not %zu numbers", key, count);
  for (size_t i = 0; i < count; i++) same(key, logs ? exp(got[i]) : got[i], json_number_value(json_array_get(list, i)));
}

static void read_model(const json_t *o, rapt__hmm *h) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, p = n * s->parts;
  read_numbers(o, "start", h->chain.log_start, n, true);
  read_numbers(o, "step", h->chain.log_step, n * n, true);
  if (s->kind == RAPT__HMM_DISCRETE) {
    read_numbers(o, "emit", h->log_emit, n * s->symbols, true);
    return;
  }
  read_numbers(o, "weight", h->log_weight, p, true);
  read_numbers(o, "mean", h->mean, p * s->dims, false);
  read_numbers(o, "cov", h->cov, p * s->dims * (s->kind == RAPT__HMM_FULL ? s->dims : 1), false);
}

static void compare_model(const json_t *o, const rapt__hmm *h) {
  const rapt__hmm_shape *s = &h->shape;
  size_t n = s->states, p = n * s->parts;
  compare(o, "start", h->chain.log_start, n, true);
  compare(o, "step", h->chain.log_step, n * n, true);
  if (s->kind == RAPT__HMM_DISCRETE) {
    compare(o, "emit", h->log_emit, n * s->symbols, true);
    return;
  }
  compare(o, "weight", h->log_weight, p, true);
  compare(o, "mean", h->mean, p * s->dims, false);
  compare(o, "cov", h->cov, p * s->dims * (s->kind == RAPT__HMM_FULL ? s->dims : 1), false);
}

typedef struct history {
  const json_t *want;
  size_t seen;
} history;

static bool hear(void *user, size_t round, double log_likelihood) {
  history *h = user;
  if (round < json_array_size(h->want)) {
    same("history", log_likelihood, json_number_value(json_array_get(h->want, round)));
    h->seen++;
  }
  return true;
}

static void check_path(const json_t *o, const char *key, const int32_t *path, size_t total) {
  const json_t *list = json_object_get(o, key);
  assert_int_equal(json_array_size(list), total);
  for (size_t t = 0; t < total; t++) assert_int_equal(path[t], json_integer_value(json_array_get(list, t)));
}

static void check_case(rapt_context *ctx, const json_t *o, const size_t *at) {
  static int32_t symbols[MOST], path[MOST];
  static double values[MOST * 4], gamma[MOST * 8];
  const char *kind = json_string_value(json_object_get(o, "kind"));
  rapt__hmm_shape shape = {.kind = strcmp(kind, "discrete") == 0 ? RAPT__HMM_DISCRETE
                                   : strcmp(kind, "full") == 0   ? RAPT__HMM_FULL
                                                                 : RAPT__HMM_DIAGONAL,
                           .states = size_of(o, "states"),
                           .symbols = size_of(o, "symbols"),
                           .dims = size_of(o, "dims"),
                           .parts = size_of(o, "parts")};
  size_t total = at[SEQUENCES];
  assert_true(total <= MOST && shape.dims <= 4 && shape.states <= 8);
  rapt__arena arena;
  rapt__hmm h;
  rapt__arena_init(&arena, ctx);
  assert_ok(ctx, rapt__hmm_new(&arena, &shape, &h));
  read_model(o, &h);
  assert_ok(ctx, rapt__hmm_prepare(ctx, &h));
  if (shape.kind == RAPT__HMM_DISCRETE)
    for (size_t t = 0; t < total; t++)
      symbols[t] = (int32_t)json_integer_value(json_array_get(json_object_get(o, "x"), t));
  else
    read_numbers(o, "x", values, total * shape.dims, false);
  rapt__hmm_data data = {SEQUENCES, at, symbols, values};
  double score, best;
  assert_ok(ctx, rapt__hmm_score(ctx, &h, &data, &score, gamma));
  same("score", score, json_number_value(json_object_get(o, "score")));
  compare(o, "posteriors", gamma, total * shape.states, false);
  rapt__hmm_decode(shape.states, total, gamma, path);
  check_path(o, "map", path, total);
  assert_ok(ctx, rapt__hmm_best_paths(ctx, &h, &data, path, &best));
  same("best", best, json_number_value(json_object_get(o, "best")));
  check_path(o, "path", path, total);
  history heard = {json_object_get(o, "history"), 0};
  rapt__hmm_training how = {.rounds = size_of(o, "rounds"), .each = hear, .user = &heard};
  rapt__hmm_trained trained;
  assert_ok(ctx, rapt__hmm_train(ctx, &h, &data, &how, &trained));
  assert_int_equal(heard.seen, how.rounds);
  assert_int_equal(trained.rounds, how.rounds);
  compare_model(json_object_get(o, "after"), &h);
  const json_t *after = json_object_get(o, "after_score");
  if (!json_is_null(after)) same("score after training", trained.log_likelihood, json_number_value(after));
  rapt__arena_free(&arena);
}

static void as_hmmlearn(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  json_error_t error;
  json_t *root = json_load_file(FILE_NAME, 0, &error);
  if (!root) fail_msg(FILE_NAME ": %s", error.text);
  size_t at[SEQUENCES + 1] = {0}, i;
  const json_t *lengths = json_object_get(root, "lengths"), *cases = json_object_get(root, "cases"), *o;
  assert_int_equal(json_array_size(lengths), SEQUENCES);
  for (i = 0; i < SEQUENCES; i++) at[i + 1] = at[i] + (size_t)json_integer_value(json_array_get(lengths, i));
  assert_int_equal(json_array_size(cases), 7);
  json_array_foreach(cases, i, o) check_case(ctx, o, at);
  json_decref(root);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(as_hmmlearn)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
