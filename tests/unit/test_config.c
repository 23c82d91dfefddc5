/* Settings: defaults, every type, ranges, unknown keys, printing. */
#include "unit/unit.h"

#include "base/config.h"

#include <float.h>
#include <locale.h>
#include <math.h>

typedef struct model {
  int64_t layers, any;
  double dropout, free;
  int act;
} model;

typedef struct train {
  double rate, decay;
  bool shuffle;
  const char *out, *note;
  int64_t steps;
} train;

static const char *const acts[] = {"relu", "gelu", "swish", NULL};
static const rapt__key model_keys[] = {
    {"model.layers", "n_layer", RAPT__KEY_INT, offsetof(model, layers), "4", 1, 100, NULL, "layers"},
    {"model.any", NULL, RAPT__KEY_INT, offsetof(model, any), "-7", 0, 0, NULL, "no limit"},
    {"model.dropout", NULL, RAPT__KEY_REAL, offsetof(model, dropout), "0.1", 0, 0.9, NULL, "dropout"},
    {"model.free", NULL, RAPT__KEY_REAL, offsetof(model, free), "1e-3", 0, 0, NULL, "no limit"},
    {"model.act", NULL, RAPT__KEY_CHOICE, offsetof(model, act), "gelu", 0, 0, acts, "activation"},
    {NULL},
};
static const rapt__key train_keys[] = {
    {"train.learning_rate", NULL, RAPT__KEY_REAL, offsetof(train, rate), "0.5", 0, 10, NULL, "rate"},
    {"train.decay", NULL, RAPT__KEY_REAL, offsetof(train, decay), "-1", -INFINITY, 2, NULL, "one-sided"},
    {"train.shuffle", NULL, RAPT__KEY_BOOL, offsetof(train, shuffle), "yes", 0, 0, NULL, "shuffle"},
    {"train.out", NULL, RAPT__KEY_TEXT, offsetof(train, out), "runs", 0, 0, NULL, "folder"},
    {"train.note", NULL, RAPT__KEY_TEXT, offsetof(train, note), NULL, 0, 0, NULL, "note"},
    {"train.steps", NULL, RAPT__KEY_INT, offsetof(train, steps), "100", 0.5, INFINITY, NULL, "steps"},
    {NULL},
};

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  rapt__arena arena;
  model model;
  train train;
  rapt__config configs[2];
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  w->ctx = counted_context(&w->memory, 1);
  rapt__arena_init(&w->arena, w->ctx);
  w->configs[0] = (rapt__config){model_keys, &w->model};
  w->configs[1] = (rapt__config){train_keys, &w->train};
  *state = w;
  return rapt__config_defaults(w->ctx, &w->arena, w->configs, 2) == RAPT_OK ? 0 : -1;
}

static int close_world(void **state) {
  world *w = *state;
  rapt__arena_free(&w->arena);
  rapt_context_free(w->ctx);
  int left = w->memory.live != 0;
  free(w);
  return left;
}

static rapt_status set(world *w, const char *name, const char *value) {
  return rapt__config_set(w->ctx, &w->arena, w->configs, 2, name, value, "my.yaml:12");
}

static void defaults(void **state) {
  world *w = *state;
  assert_int_equal(w->model.layers, 4);
  assert_int_equal(w->model.any, -7);
  assert_true(w->model.dropout == 0.1 && w->model.free == 1e-3);
  assert_int_equal(w->model.act, 1);
  assert_true(w->train.rate == 0.5 && w->train.shuffle);
  assert_string_equal(w->train.out, "runs");
  assert_string_equal(w->train.note, "");
}

static void found(void **state) {
  world *w = *state;
  void *field;
  assert_ptr_equal(rapt__config_find(w->configs, 2, "train.out", &field), &train_keys[3]);
  assert_ptr_equal(field, &w->train.out);
  assert_ptr_equal(rapt__config_find(w->configs, 2, "model.layers", NULL), &model_keys[0]);
  assert_null(rapt__config_find(w->configs, 2, "out", NULL));
  assert_null(rapt__config_find(w->configs, 1, "train.out", NULL));
}

static void one_argument(void **state) {
  world *w = *state;
  assert_ok(w->ctx, set(w, "model.layers=12", NULL));
  assert_int_equal(w->model.layers, 12);
  assert_ok(w->ctx, set(w, "train.out=a=b", NULL)); /* only the first sign divides */
  assert_string_equal(w->train.out, "a=b");
  assert_ok(w->ctx, set(w, "train.out=", NULL));
  assert_string_equal(w->train.out, "");
  assert_fails(w->ctx, set(w, "model.layers", NULL), RAPT_EKEY, "my.yaml:12: \"model.layers\" has no value");
  assert_fails(w->ctx, set(w, "=3", NULL), RAPT_EKEY, "unknown key \"\"");
}

static void integers(void **state) {
  world *w = *state;
  assert_ok(w->ctx, set(w, "model.layers", "1"));
  assert_ok(w->ctx, set(w, "model.layers", "100"));
  assert_int_equal(w->model.layers, 100);
  assert_fails(w->ctx, set(w, "model.layers", "0"), RAPT_EKEY,
               "my.yaml:12: model.layers=0 is out of range: it must lie between 1 and 100");
  assert_fails(w->ctx, set(w, "model.layers", "101"), RAPT_EKEY, "between 1 and 100");
  static const char *const bad[] = {"", " 3", "3 ", "3.0", "2_000", "2k", "0x10", "1e3", "three", "--3", "+"};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(w->ctx, set(w, "model.layers", bad[i]), RAPT_EKEY, "whole number");
  assert_int_equal(w->model.layers, 100); /* untouched by what failed */
  assert_ok(w->ctx, set(w, "model.any", "-9223372036854775808"));
  assert_true(w->model.any == INT64_MIN);
  assert_ok(w->ctx, set(w, "model.any", "9223372036854775807"));
  assert_true(w->model.any == INT64_MAX);
  assert_fails(w->ctx, set(w, "model.any", "9223372036854775808"), RAPT_EKEY, "64 bits");
  /* Limits that no integer meets exactly. */
  assert_fails(w->ctx, set(w, "train.steps", "0"), RAPT_EKEY, "must be at least 0.5");
  assert_ok(w->ctx, set(w, "train.steps", "1"));
  assert_ok(w->ctx, set(w, "train.steps", "9223372036854775807"));
}

static void reals(void **state) {
  world *w = *state;
  assert_ok(w->ctx, set(w, "model.dropout", "0"));
  assert_ok(w->ctx, set(w, "model.dropout", "0.9"));
  assert_ok(w->ctx, set(w, "model.dropout", "5e-2"));
  assert_true(w->model.dropout == 0.05);
  assert_fails(w->ctx, set(w, "model.dropout", "0.91"), RAPT_EKEY, "between 0 and 0.9");
  assert_fails(w->ctx, set(w, "model.dropout", "-1e-9"), RAPT_EKEY, "between 0 and 0.9");
  assert_ok(w->ctx, set(w, "train.decay", "-1e300"));
  assert_fails(w->ctx, set(w, "train.decay", "2.5"), RAPT_EKEY, "must be at most 2");
  static const char *const bad[] = {"", " 1", "1 ", "1,5", "nan", "inf", "-inf", "1e999", "x", "1.0.0", "."};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
    assert_fails(w->ctx, set(w, "model.free", bad[i]), RAPT_EKEY, "number is needed");
  assert_true(w->model.free == 1e-3);
}

static void booleans(void **state) {
  world *w = *state;
  static const char *const words[][2] = {
      {"false", "true"}, {"no", "yes"}, {"off", "on"}, {"0", "1"}, {"FALSE", "True"}};
  for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
    assert_ok(w->ctx, set(w, "train.shuffle", words[i][0]));
    assert_false(w->train.shuffle);
    assert_ok(w->ctx, set(w, "train.shuffle", words[i][1]));
    assert_true(w->train.shuffle);
  }
  assert_fails(w->ctx, set(w, "train.shuffle", "maybe"), RAPT_EKEY, "true or false");
  assert_fails(w->ctx, set(w, "train.shuffle", ""), RAPT_EKEY, "true or false");
}

static void choices(void **state) {
  world *w = *state;
  assert_ok(w->ctx, set(w, "model.act", "swish"));
  assert_int_equal(w->model.act, 2);
  assert_fails(w->ctx, set(w, "model.act", "tanh"), RAPT_EKEY,
               "my.yaml:12: model.act=tanh is not one of the choices: relu, gelu, swish");
  assert_fails(w->ctx, set(w, "model.act", "gleu"), RAPT_EKEY, "did you mean \"gelu\"?");
  assert_int_equal(w->model.act, 2);
}

static void text_is_copied(void **state) {
  world *w = *state;
  char value[] = "runs/one";
  assert_ok(w->ctx, set(w, "train.out", value));
  memset(value, 'x', sizeof value - 1);
  assert_string_equal(w->train.out, "runs/one");
}

static void unknown_keys(void **state) {
  world *w = *state;
  static const char *const meant[][2] = {
      {"model.layer", "model.layers"},    {"layers", "model.layers"},   {"n_layer", "model.layers"},
      {"model.shuffel", "train.shuffle"}, {"dropuot", "model.dropout"}, {"train.learning_rat", "train.learning_rate"},
  };
  for (size_t i = 0; i < sizeof meant / sizeof *meant; i++) {
    char wanted[200];
    snprintf(wanted, sizeof wanted, "my.yaml:12: unknown key \"%s\"; did you mean \"%s\"?", meant[i][0], meant[i][1]);
    assert_fails(w->ctx, set(w, meant[i][0], "1"), RAPT_EKEY, wanted);
  }
  assert_int_equal(set(w, "temperature", "1"), RAPT_EKEY);
  assert_string_equal(rapt_context_message(w->ctx), "my.yaml:12: unknown key \"temperature\"");
}

static void assert_prints(world *w, const char *name, const char *wanted) {
  void *field;
  const rapt__key *key = rapt__config_find(w->configs, 2, name, &field);
  rapt__text text;
  rapt__text_init(&text, w->ctx);
  assert_ok(w->ctx, rapt__config_print(&text, key, field));
  assert_string_equal(text.data, wanted);
  rapt__text_free(&text);
}

static void printed(void **state) {
  world *w = *state;
  assert_prints(w, "model.layers", "4");
  assert_prints(w, "model.any", "-7");
  assert_prints(w, "model.dropout", "0.1");
  assert_prints(w, "model.free", "0.001");
  assert_prints(w, "model.act", "gelu");
  assert_prints(w, "train.shuffle", "true");
  assert_prints(w, "train.out", "runs");
  w->train.note = NULL;
  assert_prints(w, "train.note", "");
  w->model.any = INT64_MIN;
  assert_prints(w, "model.any", "-9223372036854775808");
}

static void reals_round_trip(void **state) {
  world *w = *state;
  double values[] = {0,        -0.0,   1.0 / 3,   0.1 + 0.2, 1e22, 1e23, DBL_MAX,        DBL_MIN,
                     -DBL_MAX, 5e-324, 123456789, M_PI,      3e-4, -2.5, 1 + DBL_EPSILON};
  for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
    rapt__text text;
    rapt__text_init(&text, w->ctx);
    assert_ok(w->ctx, rapt__config_print(&text, &model_keys[3], &values[i]));
    assert_ok(w->ctx, set(w, "model.free", text.data));
    assert_memory_equal(&w->model.free, &values[i], sizeof(double));
    rapt__text_free(&text);
  }
}

static void comma_locales(void **state) {
  world *w = *state;
  static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "de_DE.utf8"};
  bool comma = false;
  for (size_t i = 0; i < sizeof names / sizeof *names && !comma; i++)
    comma = setlocale(LC_NUMERIC, names[i]) && *localeconv()->decimal_point == ',';
  if (!comma) {
    print_message("skipped: no locale with a decimal comma is installed (de_DE or fr_FR)\n");
    skip();
  }
  rapt_status status = set(w, "model.free", "0.25");
  w->model.dropout = 0.5;
  rapt__text text;
  rapt__text_init(&text, w->ctx);
  rapt__config_print(&text, &model_keys[2], &w->model.dropout);
  setlocale(LC_NUMERIC, "C");
  assert_ok(w->ctx, status);
  assert_true(w->model.free == 0.25);
  assert_string_equal(text.data, "0.5");
  rapt__text_free(&text);
}

static void without_memory(void **state) {
  world *w = *state;
  rapt__arena_free(&w->arena);
  static char big[20000];
  memset(big, 'x', sizeof big - 1);
  w->memory.calls = 0;
  w->memory.fail_at = 1;
  assert_int_equal(set(w, "train.out", big), RAPT_ENOMEM);
  assert_string_equal(w->train.note, "");
  rapt_context_clear(w->ctx);
  assert_int_equal(set(w, "modle.layers", "3"), RAPT_ENOMEM);
  assert_int_equal(set(w, "model.act", "none"), RAPT_ENOMEM);
  assert_int_equal(set(w, "model.layers=3", NULL), RAPT_ENOMEM);
  assert_int_equal(rapt__config_defaults(w->ctx, &w->arena, w->configs, 2), RAPT_ENOMEM);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(defaults),         TEST(found),         TEST(one_argument),   TEST(integers),     TEST(reals),
      TEST(booleans),         TEST(choices),       TEST(text_is_copied), TEST(unknown_keys), TEST(printed),
      TEST(reals_round_trip), TEST(comma_locales), TEST(without_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
