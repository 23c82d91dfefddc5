/* GPT-2's own vocabulary, loaded in both of its forms, and words give the reference's ids on real text in several languages. */
#include "unit/unit.h"

#include "base/file.h"
#include "text/tokenizer.h"

#include <jansson.h>
#include <zlib.h>

/* A plain or gzipped file as allocated text. */
static char *read_any(const char *path, size_t *size) {
  gzFile f = gzopen(path, "rb");
  assert_non_null(f);
  size_t room = 1 << 20;
  char *data = malloc(room);
  *size = 0;
  for (int n = 1; n > 0;) {
    assert_non_null(data);
    if (*size + 65536 > room) data = realloc(data, room *= 2);
    n = data ? gzread(f, data + *size, 65536) : -1;
    assert_true(n >= 0);
    *size += (size_t)n;
  }
  gzclose(f);
  return data;
}

static void hash_of(const int32_t *ids, int64_t count, char hash[32]) {
  uint64_t h = 14695981039346656037ULL;
  for (int64_t i = 0; i < count; i++)
    for (int b = 0; b < 4; b++) h = (h ^ ((uint32_t)ids[i] >> (8 * b) & 255)) * 1099511628211ULL;
  snprintf(hash, 32, "%016llx", (unsigned long long)h);
}

static void check_all(const rapt_tokenizer *t, rapt_context *ctx, const char *root) {
  json_error_t error;
  json_t *expected = json_load_file("tests/golden/tokenizers.json", 0, &error), *item;
  assert_true(json_array_size(expected) > 5);
  size_t index;
  json_array_foreach(expected, index, item) {
    char path[1024], hash[32];
    const char *file = json_string_value(json_object_get(item, "file"));
    snprintf(path, sizeof path, "%s/%s", root, file);
    size_t size;
    char *text = read_any(path, &size);
    int32_t *ids;
    int64_t count;
    assert_ok(ctx, rapt_tokenizer_encode(t, text, size, &ids, &count));
    hash_of(ids, count, hash);
    if (count != json_integer_value(json_object_get(item, "ids")) ||
        strcmp(hash, json_string_value(json_object_get(item, "fnv"))) != 0)
      fail_msg("%s: %lld ids, hash %s; expected %lld, %s", file, (long long)count, hash,
               (long long)json_integer_value(json_object_get(item, "ids")),
               json_string_value(json_object_get(item, "fnv")));
    size_t at = 0, length; /* the bytes of the tokens are the text again */
    for (int64_t i = 0; i < count; at += length, i++) {
      const char *bytes = rapt_tokenizer_token(t, ids[i], &length);
      assert_true(bytes && at + length <= size && memcmp(bytes, text + at, length) == 0);
    }
    assert_int_equal(at, size);
    rapt_tokenizer_release(t, ids);
    free(text);
  }
  json_decref(expected);
}

static const char *data_root(void) {
  const char *root = getenv("RAPT_DATA");
  if (!root || !*root) {
    print_message("RAPT_DATA is not set: no vocabulary to read\n");
    skip();
  }
  return root;
}

static void two_files(void **state) {
  (void)state;
  const char *root = data_root();
  char path[1024];
  snprintf(path, sizeof path, "%s/tokenizers/gpt2", root);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt_tokenizer_load(ctx, path, &t));
  assert_int_equal(rapt_tokenizer_size(t), 50257);
  check_all(t, ctx, root);
  rapt_tokenizer_free(t);
  close_context(&memory, ctx);
}

static void words(void **state) {
  (void)state;
  const char *root = data_root();
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  json_error_t error;
  json_t *expected = json_load_file("tests/golden/tokenizers.json", 0, &error), *item;
  assert_true(json_array_size(expected) > 5);
  size_t index;
  json_array_foreach(expected, index, item) {
    char path[1024], hash[32];
    const char *file = json_string_value(json_object_get(item, "file"));
    snprintf(path, sizeof path, "%s/%s", root, file);
    size_t size;
    char *text = read_any(path, &size);
    rapt_tokenizer *t;
    int32_t *ids;
    int64_t count;
    rapt_words_options options = {.min_count = 2, .lowercase = true, .punctuation = true};
    assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, size, &options, &t));
    assert_ok(ctx, rapt_tokenizer_encode(t, text, size, &ids, &count));
    hash_of(ids, count, hash);
    if (count != json_integer_value(json_object_get(item, "words")) ||
        strcmp(hash, json_string_value(json_object_get(item, "words_fnv"))) != 0)
      fail_msg("%s: %lld words, hash %s; expected %lld, %s", file, (long long)count, hash,
               (long long)json_integer_value(json_object_get(item, "words")),
               json_string_value(json_object_get(item, "words_fnv")));
    rapt_tokenizer_release(t, ids);
    rapt_tokenizer_free(t);
    free(text);
  }
  json_decref(expected);
  close_context(&memory, ctx);
}

static void one_json(void **state) {
  (void)state;
  const char *root = data_root();
  char path[1024];
  snprintf(path, sizeof path, "%s/tokenizers/gpt2/tokenizer.json.gz", root);
  size_t size;
  char *text = read_any(path, &size);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt__tokenizer_parse(ctx, path, text, size, &t));
  free(text);
  check_all(t, ctx, root);
  rapt_tokenizer_free(t);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(two_files), cmocka_unit_test(words), cmocka_unit_test(one_json)};
  return cmocka_run_group_tests_name("tokenizers", tests, NULL, NULL);
}
