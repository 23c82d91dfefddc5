/* Tokenizers: round trips, training, saving, hostile files. */
#include "unit/unit.h"

#include "base/file.h"
#include "text/tokenizer.h"

static const char text[] = "low low low lower lowest newer newer caf\xC3\xA9 \xE2\x82\xAC 10 10  don't\n\n";

static void assert_round_trip(rapt_context *ctx, const rapt_tokenizer *t, const char *s, size_t size) {
  int32_t *ids;
  int64_t count;
  assert_ok(ctx, rapt_tokenizer_encode(t, s, size, &ids, &count));
  size_t at = 0, length;
  for (int64_t i = 0; i < count; at += length, i++) {
    const char *bytes = rapt_tokenizer_token(t, ids[i], &length);
    assert_non_null(bytes);
    assert_memory_equal(bytes, s + at, length);
  }
  assert_int_equal(at, size);
  rapt_tokenizer_release(t, ids);
}

static void round_trips(void **state) {
  (void)state;
  static const char broken[] = "ab\xFF\xC3(\xE2\x82 lower \xF0\x9F\x98\x80\0z";
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (int kind = 0; kind < 3; kind++) {
    rapt_tokenizer *t;
    assert_ok(ctx, kind == 0   ? rapt_tokenizer_bytes(ctx, &t)
                   : kind == 1 ? rapt_tokenizer_chars(ctx, text, sizeof text - 1, &t)
                               : rapt_tokenizer_train_bpe(ctx, text, sizeof text - 1, 280, &t));
    assert_round_trip(ctx, t, text, sizeof text - 1);
    assert_round_trip(ctx, t, "", 0);
    if (kind != 1) assert_round_trip(ctx, t, broken, sizeof broken - 1);
    char dir[] = "/tmp/rapt-text-XXXXXX", command[64];
    assert_non_null(mkdtemp(dir));
    assert_ok(ctx, rapt_tokenizer_save(t, dir));
    rapt_tokenizer *again;
    assert_ok(ctx, rapt_tokenizer_load(ctx, dir, &again));
    assert_int_equal(rapt_tokenizer_get_kind(again), rapt_tokenizer_get_kind(t));
    assert_int_equal(rapt_tokenizer_size(again), rapt_tokenizer_size(t));
    int32_t *a, *b;
    int64_t na, nb;
    assert_ok(ctx, rapt_tokenizer_encode(t, text, sizeof text - 1, &a, &na));
    assert_ok(ctx, rapt_tokenizer_encode(again, text, sizeof text - 1, &b, &nb));
    assert_int_equal(na, nb);
    assert_memory_equal(a, b, (size_t)na * sizeof *a);
    rapt_tokenizer_release(t, a);
    rapt_tokenizer_release(again, b);
    rapt_tokenizer_free(t);
    rapt_tokenizer_free(again);
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    assert_int_equal(system(command), 0);
  }
  close_context(&memory, ctx);
}

/* "aab aab ab": the words are "aab", " aab", " ab"; (a, b) occurs three times and goes first, then (a, ab) twice. */
static void merges_by_count(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, "aab aab ab", 10, 258, &t));
  size_t size;
  assert_memory_equal(rapt_tokenizer_token(t, 256, &size), "ab", 2);
  assert_int_equal(size, 2);
  assert_memory_equal(rapt_tokenizer_token(t, 257, &size), "aab", 3);
  assert_null(rapt_tokenizer_token(t, 258, &size));
  assert_null(rapt_tokenizer_token(t, -1, &size));
  rapt_tokenizer_free(t);
  assert_fails(ctx, rapt_tokenizer_train_bpe(ctx, "a", 1, 255, &t), RAPT_EINVAL, "256");
  close_context(&memory, ctx);
}

static void long_words_take_no_forever(void **state) {
  (void)state;
  enum { N = 1 << 20 };
  char *word = malloc(N);
  assert_non_null(word);
  memset(word, 'a', N);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, "aaaaaaaa aaaa aa", 16, 260, &t));
  assert_round_trip(ctx, t, word, N);
  rapt_tokenizer_free(t);
  close_context(&memory, ctx);
  free(word);
}

static void unknown_characters_are_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  int32_t *ids;
  int64_t count;
  assert_ok(ctx, rapt_tokenizer_chars(ctx, "abc", 3, &t));
  assert_fails(ctx, rapt_tokenizer_encode(t, "abx", 3, &ids, &count), RAPT_EKEY, "byte 2");
  rapt_tokenizer_free(t);
  assert_fails(ctx, rapt_tokenizer_chars(ctx, "ab\xFF", 3, &t), RAPT_EFORMAT, "byte 2");
  close_context(&memory, ctx);
}

static void hostile_files(void **state) {
  (void)state;
  static const char *const files[] = {
      "",
      "{",
      "[]",
      "{\"model\": 3}",
      "{\"model\":{\"type\":\"Unigram\"}}",
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}}",
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0,\"b\":0},\"merges\":["
      "]}}",
      "{\"pre_tokenizer\":{\"type\":\"Split\"},\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":4000000000}}}",
      "{\"pre_tokenizer\":{\"type\":\"Split\"},\"model\":{\"type\":\"WordLevel\",\"vocab\":{\"a\":1}}}",
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[\"x "
      "y\"]}}"};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    rapt_tokenizer *t;
    assert_int_not_equal(rapt__tokenizer_parse(ctx, "evil.json", files[i], strlen(files[i]), &t), RAPT_OK);
    assert_null(t);
    assert_non_null(strstr(rapt_context_message(ctx), "evil.json"));
    rapt_context_clear(ctx);
  }
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(round_trips), cmocka_unit_test(merges_by_count),
                                     cmocka_unit_test(long_words_take_no_forever),
                                     cmocka_unit_test(unknown_characters_are_named), cmocka_unit_test(hostile_files)};
  return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
