/* BERT's classes as transformers saves them, against what PyTorch computes with them (tests/golden/make_bert.py): states, pooling,
 * probabilities of masked tokens, gradients, steps. A real model, where RAPT_MINILM is the directory of all-MiniLM-L6-v2. */
#include "golden/model_golden.h"

#define PLAIN "tests/golden/bert/plain"
#define MASKED "tests/golden/bert/masked"
#define REAL "tests/golden/bert/minilm.json"

/* The rows of a golden file as sequences; ids and types have room for all. */
static void read_sequences(const golden *g, int32_t *ids, int32_t *types, rapt_sequence *out) {
  read_ids(g, "ids", ids);
  read_ids(g, "types", types);
  for (size_t b = 0; b < g->batch; b++)
    out[b] = (rapt_sequence){ids + b * g->time, types + b * g->time,
                             (int64_t)number(json_object_get(g->expected, "lengths"), b)};
}

enum { ROWS = 3, TIME = 12, WIDTH = 12 };

static void test_states(void **state) {
  (void)state;
  golden g;
  begin(&g, PLAIN);
  int32_t ids[ROWS * TIME], types[ROWS * TIME];
  rapt_sequence rows[ROWS];
  float got[ROWS * TIME * WIDTH], alone[TIME * WIDTH];
  assert_int_equal(g.batch, ROWS);
  assert_int_equal(g.state, WIDTH);
  assert_int_equal(rapt_model_get_kind(g.model), RAPT_KIND_ENCODER);
  read_sequences(&g, ids, types, rows);
  assert_ok(g.ctx, rapt_encoder_hidden(g.model, rows, ROWS, got));
  const float *at = got;
  for (size_t b = 0; b < ROWS; b++) {
    size_t size = (size_t)rows[b].count * WIDTH;
    const json_t *want = json_array_get(json_object_get(g.expected, "states"), b);
    assert_int_equal(json_array_size(want), size);
    for (size_t i = 0; i < size; i++) assert_near("a state", (double)at[i], number(want, i), 1e-5);
    assert_ok(g.ctx, rapt_encoder_hidden(g.model, &rows[b], 1, alone));
    assert_memory_equal(alone, at, size * sizeof *at);
    at += size;
  }
  end(&g);
}

static void test_pooling(void **state) {
  (void)state;
  static const struct {
    const char *name;
    rapt_embed_options options;
  } cases[] = {{"mean", {RAPT_POOLING_MEAN, false, 0}},
               {"cls", {RAPT_POOLING_CLS, false, 0}},
               {"max", {RAPT_POOLING_MAX, false, 0}},
               {"pooled", {RAPT_POOLING_POOLER, false, 0}},
               {"normalized", {RAPT_POOLING_MEAN, true, 0}}};
  golden g;
  begin(&g, PLAIN);
  int32_t ids[ROWS * TIME], types[ROWS * TIME];
  rapt_sequence rows[ROWS];
  float got[ROWS * WIDTH], own[ROWS * WIDTH];
  read_sequences(&g, ids, types, rows);
  for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
    const json_t *want = json_object_get(g.expected, cases[k].name);
    assert_ok(g.ctx, rapt_encoder_embed(g.model, rows, ROWS, &cases[k].options, got));
    assert_int_equal(json_array_size(want), ROWS * WIDTH);
    for (size_t i = 0; i < ROWS * WIDTH; i++) assert_near(cases[k].name, (double)got[i], number(want, i), 1e-5);
  }
  /* modules.json says mean and normalized. */
  assert_ok(g.ctx, rapt_encoder_embed(g.model, rows, ROWS, NULL, own));
  assert_memory_equal(got, own, sizeof own);
  end(&g);
}

static void test_masked(void **state) {
  (void)state;
  golden g;
  begin(&g, MASKED);
  int32_t ids[ROWS * TIME], types[ROWS * TIME];
  rapt_sequence rows[ROWS];
  read_sequences(&g, ids, types, rows);
  const json_t *logits = json_object_get(g.expected, "logits");
  size_t v = g.vocabulary;
  float *got = test_malloc(v * sizeof *got);
  for (size_t b = 0; b < ROWS; b++)
    for (size_t t = 0; t < (size_t)rows[b].count; t++) {
      double sum = 0;
      for (size_t i = 0; i < v; i++) sum += exp(number(logits, (b * TIME + t) * v + i));
      assert_ok(g.ctx, rapt_encoder_masked(g.model, &rows[b], (int64_t)t, got));
      for (size_t i = 0; i < v; i++)
        assert_near("a probability", (double)got[i], exp(number(logits, (b * TIME + t) * v + i)) / sum, 1e-5);
    }
  test_free(got);
  end(&g);
}

static void test_gradients(void **state) {
  (void)state;
  check_gradients(MASKED);
}

static void test_steps(void **state) {
  (void)state;
  check_steps(MASKED);
}

static void test_refusals(void **state) {
  (void)state;
  golden g;
  begin(&g, PLAIN);
  float out[TIME * WIDTH];
  int32_t ids[TIME] = {0};
  assert_fails(g.ctx, rapt_encoder_masked(g.model, &(rapt_sequence){ids, NULL, 3}, 1, out), RAPT_EUNSUPPORTED,
               "BertModel has no head");
  assert_fails(g.ctx, rapt_encoder_hidden(g.model, &(rapt_sequence){ids, NULL, 17}, 1, out), RAPT_EINVAL,
               "sequence 0 has 17 tokens; 1 to 16 fit");
  ids[1] = 19;
  assert_fails(g.ctx, rapt_encoder_hidden(g.model, &(rapt_sequence){ids, NULL, 3}, 1, out), RAPT_EINVAL,
               "token 19 at position 1");
  assert_fails(g.ctx, rapt_model_logits(g.model, ids, 1, out), RAPT_EUNSUPPORTED, "the model embeds texts (bert)");
  end(&g);
}

/* What is saved gives the same embeddings, by the same options. */
static void test_saved(void **state) {
  (void)state;
  static const char *const folders[] = {PLAIN, MASKED};
  for (int k = 0; k < 2; k++) {
    golden g;
    begin(&g, folders[k]);
    char *scratch = rapt__scratch_dir(g.ctx);
    rapt_model *again;
    int32_t ids[ROWS * TIME], types[ROWS * TIME];
    rapt_sequence rows[ROWS];
    float one[ROWS * WIDTH], two[ROWS * WIDTH];
    read_sequences(&g, ids, types, rows);
    save_for_transformers(&g, folders[k]);
    assert_ok(g.ctx, rapt_model_save(g.model, scratch));
    assert_ok(g.ctx, rapt_model_load(g.ctx, scratch, &again));
    assert_int_equal(rapt_encoder_options(again).normalize, rapt_encoder_options(g.model).normalize);
    assert_ok(g.ctx, rapt_encoder_embed(g.model, rows, ROWS, NULL, one));
    assert_ok(g.ctx, rapt_encoder_embed(again, rows, ROWS, NULL, two));
    assert_memory_equal(one, two, sizeof one);
    rapt_model_free(again);
    rapt__scratch_remove(scratch);
    rapt__free(g.ctx, scratch);
    end(&g);
  }
}

/* The directory without its tokenizer: the golden file has ids. */
static void link_files(const char *directory, const char *scratch) {
  static const char *const names[] = {"config.json", "model.safetensors", "modules.json", "1_Pooling"};
  char from[300], to[300];
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    snprintf(from, sizeof from, "%s/%s", directory, names[i]);
    snprintf(to, sizeof to, "%s/%s", scratch, names[i]);
    assert_int_equal(symlink(from, to), 0);
  }
}

static void test_real(void **state) {
  (void)state;
  const char *directory = getenv("RAPT_MINILM");
  if (!directory) {
    print_message("RAPT_MINILM is not set: the directory of all-MiniLM-L6-v2\n");
    skip();
  }
  json_error_t error;
  json_t *all = json_load_file(REAL, 0, &error);
  assert_non_null(all);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_model *model;
  char *scratch = rapt__scratch_dir(ctx);
  link_files(directory, scratch);
  assert_ok(ctx, rapt_model_load(ctx, scratch, &model));
  size_t count = json_array_size(all), width = (size_t)rapt_encoder_width(model);
  assert_true(count > 1 && width == 384);
  rapt_sequence *rows = test_calloc(count, sizeof *rows);
  float *got = test_malloc(count * width * sizeof *got);
  for (size_t k = 0; k < count; k++) {
    const json_t *ids = json_object_get(json_array_get(all, k), "ids");
    size_t n = json_array_size(ids);
    int32_t *row = test_malloc(n * sizeof *row);
    for (size_t i = 0; i < n; i++) row[i] = (int32_t)number(ids, i);
    rows[k] = (rapt_sequence){row, NULL, (int64_t)n};
  }
  assert_ok(ctx, rapt_encoder_embed(model, rows, (int64_t)count, NULL, got));
  for (size_t k = 0; k < count; k++) {
    const json_t *want = json_object_get(json_array_get(all, k), "vector");
    double dot = 0, one = 0, two = 0;
    for (size_t i = 0; i < width; i++) {
      double x = (double)got[k * width + i], y = number(want, i);
      dot += x * y, one += x * x, two += y * y;
      assert_near("a component", x, y, 1e-5);
    }
    double cosine = dot / sqrt(one * two);
    if (!(cosine >= 0.99999)) fail_msg("sentence %zu: cosine %.9g", k, cosine);
    test_free((void *)rows[k].ids);
  }
  test_free(rows);
  test_free(got);
  rapt_model_free(model);
  rapt__scratch_remove(scratch);
  rapt__free(ctx, scratch);
  close_context(&memory, ctx);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_states),    cmocka_unit_test(test_pooling), cmocka_unit_test(test_masked),
      cmocka_unit_test(test_gradients), cmocka_unit_test(test_steps),   cmocka_unit_test(test_refusals),
      cmocka_unit_test(test_saved),     cmocka_unit_test(test_real),
  };
  return cmocka_run_group_tests_name("bert", tests, NULL, NULL);
}
