/* Models to GGUF and back: the same weights and tokens, quantised ones compute as their numbers say, hostile files refused; weights in several files. */
#include "unit/unit.h"

#include <rapt/model.h>
#include <rapt/model_file.h>
#include "base/file.h"
#include "formats/weights.h"
#include "tasks/gguf.h"

#include <math.h>

enum { VOCABULARY = 300, CONTEXT = 16 };

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  char dir[64];
  char path[5][96]; /* model, a.gguf, b.gguf, back, sharded */
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  static const char *const names[] = {"model", "a.gguf", "b.gguf", "back", "sharded"};
  w->ctx = counted_context(&w->memory, 1);
  snprintf(w->dir, sizeof w->dir, "/tmp/rapt_convert_XXXXXX");
  *state = w;
  if (!mkdtemp(w->dir)) return -1;
  for (int i = 0; i < 5; i++) snprintf(w->path[i], sizeof w->path[i], "%s/%s", w->dir, names[i]);
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  rapt__scratch_remove(w->dir);
  rapt_context_free(w->ctx);
  int left = w->memory.live != 0;
  free(w);
  return left;
}

static const char text[] = "the cat sat on the mat and the other cat sat on the other mat, then the cats ate that rat";

/* A small model with random weights, saved. `width` 96 is whole blocks of 32, not of 256. */
static void make_model(world *w, int width, bool tied) {
  rapt_tokenizer *t;
  rapt_model *m;
  char size[32];
  snprintf(size, sizeof size, "model.width=%d", width);
  const char *settings[] = {size,
                            "model.layers=2",
                            "model.heads=2",
                            "model.context=16",
                            tied ? "model.tied=true" : "model.tied=false",
                            "model.init=0.3"};
  assert_ok(w->ctx, rapt_tokenizer_train_bpe(w->ctx, text, sizeof text - 1, VOCABULARY, &t));
  assert_ok(w->ctx, rapt_model_new(w->ctx, "gpt2", settings, 6, t, 5, &m));
  assert_ok(w->ctx, rapt_model_save(m, w->path[0]));
  rapt_model_free(m);
}

static void logits_of(world *w, const char *path, float **logits, int64_t *count) {
  rapt_model *m;
  int32_t *ids;
  assert_ok(w->ctx, rapt_model_load(w->ctx, path, &m));
  assert_ok(w->ctx, rapt_tokenizer_encode(rapt_model_tokenizer(m), text, 30, &ids, count));
  assert_in_range(*count, 2, CONTEXT);
  *logits = malloc((size_t)(*count * rapt_model_vocabulary(m)) * sizeof **logits);
  assert_ok(w->ctx, rapt_model_logits(m, ids, *count, *logits));
  *count *= rapt_model_vocabulary(m);
  rapt_tokenizer_release(rapt_model_tokenizer(m), ids);
  rapt_model_free(m);
}

static void same_file(world *w, const char *a, const char *b, const char *name) {
  char *data[2];
  size_t size[2];
  const char *dirs[] = {a, b};
  for (int i = 0; i < 2; i++) {
    char *path = rapt__path_join(w->ctx, dirs[i], name);
    assert_ok(w->ctx, rapt__file_read(w->ctx, path, 1 << 24, &data[i], &size[i]));
    rapt__free(w->ctx, path);
  }
  assert_int_equal(size[0], size[1]);
  assert_memory_equal(data[0], data[1], size[0]);
  rapt__free(w->ctx, data[0]);
  rapt__free(w->ctx, data[1]);
}

static void there_and_back(void **state) {
  world *w = *state;
  for (int tied = 0; tied < 2; tied++) {
    const rapt_convert_options replace = {.replace = true};
    make_model(w, 96, tied);
    assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[0], w->path[1], &replace));
    assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[1], w->path[3], &replace));
    same_file(w, w->path[0], w->path[3], "model.safetensors");
    same_file(w, w->path[0], w->path[3], "tokenizer.json");
    assert_fails(w->ctx, rapt_model_convert(w->ctx, w->path[1], w->path[3], NULL), RAPT_EIO, "is there already");
  }
}

/* A quantised model computes what a model in float32 with the same numbers computes (a prompt's products are in float32). */
static void quantised(void **state) {
  world *w = *state;
  static const struct {
    const char *type;
    int width;
    const char *stored;
  } cases[] = {{"f16", 96, "F16"},    {"bf16", 96, "BF16"}, {"q8_0", 96, "Q8_0"}, {"q5_0", 96, "Q5_0"},
               {"q4_0", 96, "Q4_0"},  {"q4_k", 96, "Q5_0"}, {"q6_k", 96, "Q8_0"}, {"q4_k", 256, "Q4_K"},
               {"Q5_K", 256, "Q5_K"}, {"q6_k", 256, "Q6_K"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const rapt_convert_options options = {.type = cases[i].type, .replace = true}, numbers = {.replace = true};
    float *want, *got;
    int64_t count, other;
    make_model(w, cases[i].width, true);
    assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[0], w->path[1], &options));
    assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[1], w->path[3], &numbers));
    logits_of(w, w->path[3], &want, &count);
    logits_of(w, w->path[1], &got, &other);
    assert_int_equal(count, other);
    double off = 0, all = 0;
    for (int64_t k = 0; k < count; k++) {
      off += ((double)got[k] - (double)want[k]) * ((double)got[k] - (double)want[k]);
      all += (double)want[k] * (double)want[k];
    }
    if (!(sqrt(off / all) < 1e-4))
      fail_msg("%s, width %d: logits are off by %g of their size", cases[i].type, cases[i].width, sqrt(off / all));
    free(want);
    free(got);
    rapt__gguf g;
    assert_ok(w->ctx, rapt__gguf_open(w->ctx, w->path[1], &g));
    assert_string_equal(rapt__gguf_find(&g, "blk.1.attn_qkv.weight")->type->name, cases[i].stored);
    assert_string_equal(rapt__gguf_find(&g, "position_embd.weight")->type->name, "F32");
    assert_string_equal(rapt__gguf_find(&g, "output_norm.bias")->type->name, "F32");
    assert_int_equal(rapt__gguf_find(&g, "blk.0.attn_qkv.weight")->dim[0], 3 * cases[i].width);
    rapt__gguf_close(&g);
    /* Written again in the same type, matrices are taken as they are. */
    assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[1], w->path[2], &options));
    char *data[2];
    size_t size[2];
    for (int k = 0; k < 2; k++) assert_ok(w->ctx, rapt__file_read(w->ctx, w->path[1 + k], 1 << 24, &data[k], &size[k]));
    assert_int_equal(size[0], size[1]);
    assert_memory_equal(data[0], data[1], size[0]);
    rapt__free(w->ctx, data[0]);
    rapt__free(w->ctx, data[1]);
  }
}

static void other_tokenizers(void **state) {
  world *w = *state;
  rapt_tokenizer *t;
  rapt_model *m;
  int32_t *ids;
  int64_t count;
  const char *settings[] = {"model.width=32", "model.layers=1", "model.context=16"};
  assert_ok(w->ctx, rapt_tokenizer_chars(w->ctx, text, sizeof text - 1, &t));
  int64_t size = rapt_tokenizer_size(t);
  assert_ok(w->ctx, rapt_model_new(w->ctx, "gpt2", settings, 3, t, 5, &m));
  assert_ok(w->ctx, rapt_model_save_gguf(m, w->path[1], "q8_0"));
  rapt_model_free(m);
  assert_ok(w->ctx, rapt_model_load(w->ctx, w->path[1], &m));
  assert_int_equal(rapt_tokenizer_size(rapt_model_tokenizer(m)), size);
  assert_ok(w->ctx, rapt_tokenizer_encode(rapt_model_tokenizer(m), text, 9, &ids, &count));
  assert_int_equal(count, 9);
  rapt_tokenizer_release(rapt_model_tokenizer(m), ids);
  assert_fails(w->ctx, rapt_model_save(m, w->path[0]), RAPT_EUNSUPPORTED, "rapt convert");
  rapt_model_free(m);
}

static void refusals(void **state) {
  world *w = *state;
  rapt_model *m;
  const char *settings[] = {"model.width=32", "model.layers=1", "model.vocabulary=9", "model.norm=rms"};
  assert_ok(w->ctx, rapt_model_new(w->ctx, "gpt2", settings, 4, NULL, 5, &m));
  assert_fails(w->ctx, rapt_model_save_gguf(m, w->path[1], "f32"), RAPT_EUNSUPPORTED, "model.norm=rms has no form");
  assert_fails(w->ctx, rapt_model_save_gguf(m, w->path[1], "q2_k"), RAPT_EKEY, "\"q2_k\" is no type that rapt writes");
  rapt_model_free(m);
  assert_ok(w->ctx, rapt_model_new(w->ctx, "gpt2", settings, 3, NULL, 5, &m));
  rapt_real *values;
  assert_ok(w->ctx, rapt_params_get(rapt_model_params(m), 0, NULL, NULL, NULL, &values));
  values[3] = 70000;
  assert_fails(w->ctx, rapt_model_save_gguf(m, w->path[1], "q8_0"), RAPT_EINVAL, "70000 has no form in Q8_0");
  assert_int_equal(access(w->path[1], F_OK), -1);
  rapt_model_free(m);
  make_model(w, 96, true);
  const rapt_convert_options options = {.type = "q8_0"};
  assert_fails(w->ctx, rapt_model_convert(w->ctx, w->path[0], w->path[3], &options), RAPT_EKEY,
               "a model directory has");
  rapt__gguf_out out;
  for (int k = 0; k < 3; k++) {
    rapt__gguf_out_init(&out, w->ctx);
    if (k) rapt__gguf_put_text(&out, "general.architecture", k == 1 ? "martian" : "gpt2");
    assert_ok(w->ctx, rapt__gguf_begin(&out, w->path[1]));
    assert_ok(w->ctx, rapt__gguf_commit(&out));
    static const char *const parts[] = {"general.architecture is missing", "\"martian\" is not supported",
                                        "key gpt2.context_length is missing"};
    assert_fails(w->ctx, rapt_model_load(w->ctx, w->path[1], &m), k == 1 ? RAPT_EUNSUPPORTED : RAPT_EFORMAT, parts[k]);
  }
}

/* ---- Several files ---- */

static void write_index(world *w, const char *json) {
  char path[160];
  snprintf(path, sizeof path, "%s/model.safetensors.index.json", w->path[4]);
  assert_ok(w->ctx, rapt__file_replace(w->ctx, path, json, strlen(json)));
}

static void several_files(void **state) {
  world *w = *state;
  float *want, *got;
  int64_t count;
  const rapt_convert_options options = {.shard_bytes = 100000};
  make_model(w, 96, true);
  assert_ok(w->ctx, rapt_model_convert(w->ctx, w->path[0], w->path[4], &options));
  rapt_model_file *f;
  rapt_model_file_totals totals;
  assert_ok(w->ctx, rapt_model_file_open(w->ctx, w->path[4], &f));
  rapt_model_file_get_totals(f, &totals);
  assert_true(totals.files > 3 && totals.tensors == 28);
  rapt_model_file_free(f);
  logits_of(w, w->path[0], &want, &count);
  logits_of(w, w->path[4], &got, &count);
  assert_memory_equal(want, got, (size_t)count * sizeof *want);
  free(want);
  free(got);
  static const struct {
    const char *json, *part;
  } cases[] = {{"{}", "no \"weight_map\""},
               {"{\"weight_map\": {}}", "no \"weight_map\""},
               {"{\"weight_map\": {\"a\": \"../model/model.safetensors\"}}", "is no name of a file beside the index"},
               {"{\"weight_map\": {\"a\": 3}}", "is no name of a file"},
               {"{\"weight_map\": {\"a\": \"none.safetensors\"}}", "none.safetensors"},
               {"{\"weight_map\": {\"a\": \"model-00001-of-0000", ":1:"}};
  rapt_model *m;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_index(w, cases[i].json);
    rapt_status status = rapt_model_load(w->ctx, w->path[4], &m);
    assert_int_not_equal(status, RAPT_OK);
    if (!strstr(rapt_context_message(w->ctx), cases[i].part))
      fail_msg("\"%s\" does not contain \"%s\"", rapt_context_message(w->ctx), cases[i].part);
    rapt_context_clear(w->ctx);
  }
}

static void index_and_files_differ(void **state) {
  world *w = *state;
  const float x[2] = {1, 2};
  const rapt__st_entry entries[] = {
      {.name = "a", .type = RAPT__ST_F32, .ndim = 1, .dim = {2}, .size = 2, .data = (const uint8_t *)x},
      {.name = "b", .type = RAPT__ST_F32, .ndim = 1, .dim = {2}, .size = 2, .data = (const uint8_t *)x}};
  rapt__weights found;
  assert_ok(w->ctx, rapt__make_dirs(w->ctx, w->path[4]));
  assert_ok(w->ctx, rapt__weights_write(w->ctx, w->path[4], entries, 2, NULL, 8));
  assert_ok(w->ctx, rapt__weights_open_dir(w->ctx, w->path[4], &found));
  assert_true(found.count == 2 && found.file_count == 2 && rapt__weights_find(&found, "b"));
  assert_null(rapt__weights_find(&found, "c"));
  rapt__weights_close(&found);
#define FIRST "model-00001-of-00002.safetensors"
#define SECOND "model-00002-of-00002.safetensors"
  static const char *const cases[][2] = {
      {"{\"weight_map\": {\"a\": \"" FIRST "\", \"b\": \"" FIRST "\"}}", "\"b\" is said to be in " FIRST},
      {"{\"weight_map\": {\"a\": \"" SECOND "\", \"b\": \"" FIRST "\"}}", "is said to be in"},
      {"{\"weight_map\": {\"a\": \"" FIRST "\", \"b\": \"" SECOND "\", \"c\": \"" FIRST "\"}}",
       "\"c\" is said to be in"}};
  for (int i = 0; i < 3; i++) {
    write_index(w, cases[i][0]);
    assert_fails(w->ctx, rapt__weights_open_dir(w->ctx, w->path[4], &found), RAPT_EFORMAT, cases[i][1]);
  }
  assert_ok(w->ctx, rapt__weights_write(w->ctx, w->path[4], entries, 2, NULL, 0)); /* one file: the index goes */
  assert_ok(w->ctx, rapt__weights_open_dir(w->ctx, w->path[4], &found));
  assert_true(found.count == 2 && found.file_count == 1);
  rapt__weights_close(&found);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(there_and_back, open_world, close_world),
      cmocka_unit_test_setup_teardown(quantised, open_world, close_world),
      cmocka_unit_test_setup_teardown(other_tokenizers, open_world, close_world),
      cmocka_unit_test_setup_teardown(refusals, open_world, close_world),
      cmocka_unit_test_setup_teardown(several_files, open_world, close_world),
      cmocka_unit_test_setup_teardown(index_and_files_differ, open_world, close_world),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
