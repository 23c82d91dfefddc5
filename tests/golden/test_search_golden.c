/* Beam search against transformers' generate and the plain search of make_search.py, on a translator made of tables. */
#include "unit/unit.h"

#include "formats/json.h"
#include "infer/search.h"
#include "tasks/model.h"

#include <math.h>

enum { V = 13, D = 4, CONTEXT = 16, SOURCES = 16 };

/* Uniform in [−1, 1), as make_search.py has it. */
static real number(uint32_t salt, uint32_t i, uint32_t j) {
  uint32_t x = salt * 1000003u + i * 7919u + j * 104729u + 12345u;
  x = (x ^ (x >> 16)) * 0x7FEB352Du;
  x = (x ^ (x >> 15)) * 0x846CA68Bu;
  x ^= x >> 16;
  return (real)(x >> 16) / 32768 - 1;
}

typedef struct table {
  const char *name;
  uint32_t salt;
  int64_t rows, columns;
  real scale;
} table;
enum { FIRST, NEWEST, OLDER, QUERY, KEY, VALUE, OUT, TIME, TABLES };
static const table tables[TABLES] = {{"first", 1, V, V, 1}, {"newest", 2, V, V, 2},    {"older", 3, V, V, 1},
                                     {"query", 4, V, D, 2}, {"key", 5, V, D, 2},       {"value", 6, V, D, 1},
                                     {"out", 7, D, V, 1},   {"time", 8, CONTEXT, V, 1}};

static rapt_tensor *weights(rapt__seq2seq_pass *pass, int i) {
  return rapt_param(pass->graph, pass->params, tables[i].name, 2, (int64_t[]){tables[i].rows, tables[i].columns},
                    (rapt_init){RAPT_INIT_ZEROS, 0, false});
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  int64_t b = rapt_dim(pass->source, 0), s = rapt_dim(pass->source, 1);
  int64_t dims[4] = {b, s, 1, D};
  rapt__encoded_memory(encoded, rapt_reshape(rapt_embedding(weights(pass, KEY), pass->source), 4, dims));
  rapt__encoded_memory(encoded, rapt_reshape(rapt_embedding(weights(pass, VALUE), pass->source), 4, dims));
  rapt__encoded_start(encoded, "older", rapt_embedding(weights(pass, FIRST), rapt_slice(pass->source, 1, 0, 1)));
}

static rapt__output scores(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *older,
                           rapt_tensor *time) {
  int64_t b = rapt_dim(pass->target, 0), t = rapt_dim(pass->target, 1), s = rapt_dim(encoded->memory[0], 1);
  rapt_tensor *probs, *q = rapt_embedding(weights(pass, QUERY), pass->target);
  rapt_attention_options o = {.lengths = pass->source_lengths, .probs = &probs};
  rapt_tensor *y =
      rapt_attention(rapt_reshape(q, 4, (int64_t[]){b, t, 1, D}), encoded->memory[0], encoded->memory[1], &o);
  pass->alignment = rapt_reshape(probs, 3, (int64_t[]){b, t, s});
  rapt_tensor *x =
      rapt_linear(rapt_reshape(y, 3, (int64_t[]){b, t, D}), weights(pass, OUT), false, NULL, RAPT_IDENTITY);
  x = rapt_add(x, rapt_add(rapt_embedding(weights(pass, NEWEST), pass->target), rapt_add(older, time)));
  return (rapt__output){.logits = x};
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  int64_t t = rapt_dim(pass->target, 1);
  rapt_tensor *older = encoded->starts[0].value;
  if (t > 1) {
    rapt_tensor *all = rapt_embedding(weights(pass, OLDER), pass->target);
    older = rapt_concat((rapt_tensor *[]){older, rapt_slice(all, 1, 0, t - 1)}, 2, 1);
  }
  return scores(pass, encoded, older, rapt_slice(weights(pass, TIME), 0, 0, t));
}

static rapt__output step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  int64_t b = rapt_dim(pass->target, 0);
  rapt_tensor *state = rapt__seq2seq_state(pass, "older", 3, (int64_t[]){b, 1, V});
  rapt__output y = scores(pass, encoded, state, rapt_embedding(weights(pass, TIME), pass->at));
  rapt__seq2seq_keep(state, rapt_embedding(weights(pass, OLDER), pass->target));
  return y;
}

static const rapt__seq2seq architecture = {.encode = encode, .decode = decode, .step = step};

static rapt_status declare(rapt_context *ctx, rapt_params *params) {
  rapt_graph *graph;
  RAPT_TRY(rapt_graph_new(ctx, &graph));
  int64_t b = 2, dims[2] = {b, 3};
  rapt__seq2seq_pass pass = {.graph = graph, .params = params};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, dims);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, dims);
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &b);
  rapt__encoded encoded = {.count = 0};
  encode(&pass, &encoded);
  decode(&pass, &encoded);
  rapt_status status = graph->status;
  rapt_graph_free(graph);
  return status == RAPT_OK ? rapt_params_start(params, 0) : status;
}

static void set_weights(rapt_params *params) {
  for (int t = 0; t < TABLES; t++) {
    real *values;
    int64_t index = rapt_params_find(params, tables[t].name);
    assert_true(index >= 0);
    rapt_params_get(params, index, NULL, NULL, NULL, &values);
    for (int64_t i = 0; i < tables[t].rows; i++)
      for (int64_t j = 0; j < tables[t].columns; j++)
        values[i * tables[t].columns + j] = tables[t].scale * number(tables[t].salt, (uint32_t)i, (uint32_t)j);
  }
}

/* ---- The golden file ---- */

static json_t *golden, *tiny;

static double get(json_t *object, const char *name) {
  json_t *value = json_object_get(object, name);
  assert_non_null(value);
  return json_is_boolean(value) ? json_is_true(value) : json_number_value(value);
}

static int64_t read_ids(json_t *list, int32_t *ids, int64_t most) {
  int64_t count = (int64_t)json_array_size(list);
  assert_true(count <= most);
  for (int64_t i = 0; i < count; i++) ids[i] = (int32_t)json_integer_value(json_array_get(list, (size_t)i));
  return count;
}

static rapt_translate_options options_of(json_t *o) {
  const char *stopping = json_string_value(json_object_get(o, "stopping"));
  rapt_translate_options options = {.beam = (int64_t)get(o, "beam"),
                                    .nbest = (int64_t)get(o, "nbest"),
                                    .alpha = get(o, "alpha"),
                                    .length_penalty = get(o, "gnmt") != 0 ? RAPT_LENGTH_GNMT : RAPT_LENGTH_POWER,
                                    .beta = get(o, "beta"),
                                    .max_length = (int64_t)get(o, "max_length"),
                                    .min_length = (int64_t)get(o, "min_length"),
                                    .groups = (int64_t)get(o, "groups"),
                                    .diversity = get(o, "diversity"),
                                    .no_repeat = (int64_t)get(o, "no_repeat"),
                                    .ban_unknown = get(o, "ban_unknown") != 0,
                                    .stopping = strcmp(stopping, "first") == 0   ? RAPT_STOP_FIRST
                                                : strcmp(stopping, "never") == 0 ? RAPT_STOP_NEVER
                                                                                 : RAPT_STOP_ESTIMATE};
  return options;
}

/* null: not known. */
static bool far(json_t *w, const char *name, double found) {
  return !json_is_null(json_object_get(w, name)) && fabs(get(w, name) - found) > 2e-5;
}

static void compare(json_t *wanted, const rapt__answer *answer, const char *what) {
  if ((int64_t)json_array_size(wanted) != answer->count)
    fail_msg("%s: %lld hypotheses, not %zu", what, (long long)answer->count, json_array_size(wanted));
  for (int64_t i = 0; i < answer->count; i++) {
    const rapt_hypothesis *h = &answer->hypotheses[i];
    json_t *w = json_array_get(wanted, (size_t)i);
    int32_t tokens[CONTEXT];
    int64_t count = read_ids(json_object_get(w, "tokens"), tokens, CONTEXT);
    if (count != h->count || memcmp(tokens, h->tokens, (size_t)count * sizeof *tokens) != 0)
      fail_msg("%s: hypothesis %lld has other tokens", what, (long long)i);
    if (far(w, "score", h->score) || far(w, "sum", h->log_probability))
      fail_msg("%s: hypothesis %lld scores %.7f and %.7f", what, (long long)i, h->score, h->log_probability);
  }
}

/* All cases of a file, by batches of like lengths. */
static void search_cases(rapt_context *ctx, rapt__search *search, json_t *file) {
  json_t *sources = json_object_get(file, "sources"), *c;
  int32_t ids[SOURCES][CONTEXT], prefix[CONTEXT];
  rapt__request requests[SOURCES];
  size_t index, count = json_array_size(sources), compared = 0;
  assert_true(count > 0 && count <= SOURCES);
  for (size_t i = 0; i < count; i++)
    requests[i] = (rapt__request){{ids[i], read_ids(json_array_get(sources, i), ids[i], CONTEXT)}, (int64_t)i};
  json_array_foreach(json_object_get(file, "cases"), index, c) {
    json_t *o = json_object_get(c, "options"), *results = json_object_get(c, "results");
    rapt_translate_options given = options_of(o), options;
    assert_ok(ctx, rapt__options_check(ctx, &given, &options));
    int64_t forced = read_ids(json_object_get(o, "prefix"), prefix, CONTEXT);
    for (int64_t length = 8; length <= CONTEXT; length += 8) {
      rapt__request some[SOURCES];
      rapt__answer answers[SOURCES];
      rapt__arena arena;
      int64_t n = 0;
      rapt__arena_init(&arena, ctx);
      for (size_t i = 0; i < count; i++)
        if (rapt__padded(requests[i].source.count, CONTEXT) == length) some[n++] = requests[i];
      if (n > 0) assert_ok(ctx, rapt__search_run(search, some, n, prefix, forced, &options, &arena, answers, NULL));
      for (int64_t i = 0; i < n; i++, compared++) {
        char what[400], *text = json_dumps(o, JSON_COMPACT);
        snprintf(what, sizeof what, "source %lld, %s", (long long)some[i].number, text);
        free(text);
        compare(json_array_get(results, (size_t)some[i].number), &answers[i], what);
      }
      rapt__arena_free(&arena);
    }
  }
  assert_true(compared > 0);
  assert_int_equal(compared, count * json_array_size(json_object_get(file, "cases")));
}

static void tables_are_searched_like_transformers(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_params *params;
  rapt__search *search;
  assert_ok(ctx, rapt_params_new(ctx, &params));
  assert_ok(ctx, declare(ctx, params));
  set_weights(params);
  rapt__search_model model = {&architecture, NULL, params, V, CONTEXT};
  assert_ok(ctx, rapt__search_new(ctx, &model, 1, &search));
  search_cases(ctx, search, golden);
  rapt__search_free(search);
  rapt_params_free(params);
  close_context(&memory, ctx);
}

static void a_transformer_is_searched_like_transformers(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_model *model;
  rapt__search *search;
  assert_ok(ctx, rapt_model_load(ctx, "tests/golden/transformer-tiny", &model));
  assert_int_equal(rapt_model_context(model), CONTEXT);
  rapt__search_model part = {model->arch->seq2seq, model->config, model->params, rapt_model_vocabulary(model), CONTEXT};
  assert_ok(ctx, rapt__search_new(ctx, &part, 1, &search));
  search_cases(ctx, search, tiny);
  rapt__search_free(search);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static int begin(void **state) {
  (void)state;
  golden = json_load_file("tests/golden/search.json", 0, NULL);
  tiny = json_load_file("tests/golden/transformer-tiny/generate.json", 0, NULL);
  return golden == NULL || tiny == NULL;
}

static int end(void **state) {
  (void)state;
  json_decref(golden);
  json_decref(tiny);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(tables_are_searched_like_transformers),
                                     cmocka_unit_test(a_transformer_is_searched_like_transformers)};
  return cmocka_run_group_tests(tests, begin, end);
}
