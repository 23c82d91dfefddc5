/* Word tokenizers, and special tokens before other kinds. */
#include "unit/unit.h"

#include "text/tokenizer.h"

static const char text[] = "The cat saw the  dog;\tthe dog\nsaw a caf\xC3\x89.";

static char root[] = "/tmp/rapt-words-XXXXXX";

static int make_root(void **state) {
  (void)state;
  return mkdtemp(root) ? 0 : -1;
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

static void assert_ids(rapt_context *ctx, const rapt_tokenizer *t, const char *s, const char *expected) {
  int32_t *ids;
  int64_t count;
  char found[256] = "";
  assert_ok(ctx, rapt_tokenizer_encode(t, s, strlen(s), &ids, &count));
  for (int64_t i = 0; i < count; i++) {
    size_t size, end = strlen(found);
    const char *bytes = rapt_tokenizer_token(t, ids[i], &size);
    snprintf(found + end, sizeof found - end, "%s%d:%.*s", i ? " " : "", ids[i], (int)size, bytes);
  }
  assert_string_equal(found, expected);
  rapt_tokenizer_release(t, ids);
}

static void frequent_words_first(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  rapt_words_options options = {.lowercase = true, .punctuation = true};
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, &options, &t));
  assert_ids(ctx, t, "THE dog saw.", "4:the 5:dog 6:saw 7:.");
  assert_ids(ctx, t, "a bird; </s> caf\xC3\xA9", "9:a 3:<unk> 8:; 2:</s> 10:caf\xC3\xA9");
  assert_ids(ctx, t, "", "");
  assert_ids(ctx, t, " \t", "");
  assert_int_equal(rapt_tokenizer_find(t, "dog", 3), 5);
  assert_int_equal(rapt_tokenizer_find(t, "<pad>", 5), 1);
  assert_int_equal(rapt_tokenizer_find(t, "bird", 4), -1);
  char *decoded;
  size_t size;
  assert_ok(ctx, rapt_tokenizer_decode(t, (int32_t[]){4, 5, 3}, 3, &decoded, &size));
  assert_string_equal(decoded, "the dog <unk>");
  rapt_tokenizer_release(t, decoded);
  rapt_tokenizer_free(t);
  close_context(&memory, ctx);
}

static void limits(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, NULL, &t));
  assert_ids(ctx, t, "The dog; dog", "6:The 11:dog; 10:dog");
  rapt_tokenizer_free(t);
  rapt_words_options options = {.vocabulary = 6, .min_count = 2};
  assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, &options, &t));
  assert_int_equal(rapt_tokenizer_size(t), 6);
  assert_ids(ctx, t, "the dog saw", "5:the 3:<unk> 4:saw");
  rapt_tokenizer_free(t);
  options.vocabulary = 3;
  assert_fails(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, &options, &t), RAPT_EINVAL, "3 words");
  assert_fails(ctx, rapt_tokenizer_train_words(ctx, "ab \xFF", 4, NULL, &t), RAPT_EFORMAT, "byte 3");
  options = (rapt_words_options){.lowercase = true};
  assert_fails(ctx, rapt_tokenizer_train_words(ctx, "ab \xFF", 4, &options, &t), RAPT_EFORMAT, "byte 3");
  close_context(&memory, ctx);
}

static void the_special_lower_case(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char *lower;
  size_t size;
  assert_ok(ctx, rapt__lowercase(ctx, "\xC4\xB0X\xC3\x84", 5, &lower, &size));
  assert_int_equal(size, 6);
  assert_memory_equal(lower, "i\xCC\x87x\xC3\xA4", 6);
  rapt__free(ctx, lower);
  close_context(&memory, ctx);
}

static void saved_and_loaded(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  for (int kind = 0; kind < 4; kind++) {
    rapt_words_options options = {.lowercase = kind & 1, .punctuation = kind & 2};
    rapt_tokenizer *t, *again;
    assert_ok(ctx, rapt_tokenizer_train_words(ctx, text, sizeof text - 1, &options, &t));
    assert_ok(ctx, rapt_tokenizer_save(t, root));
    assert_ok(ctx, rapt_tokenizer_load(ctx, root, &again));
    assert_int_equal(rapt_tokenizer_get_kind(again), RAPT_WORDS);
    int32_t *ids, *others;
    int64_t count, other_count;
    static const char tried[] = "The DOG saw the cat; <s> a bird.";
    assert_ok(ctx, rapt_tokenizer_encode(t, tried, sizeof tried - 1, &ids, &count));
    assert_ok(ctx, rapt_tokenizer_encode(again, tried, sizeof tried - 1, &others, &other_count));
    assert_int_equal(count, other_count);
    assert_memory_equal(ids, others, (size_t)count * sizeof *ids);
    rapt_tokenizer_release(t, ids);
    rapt_tokenizer_release(t, others);
    rapt_tokenizer_free(t);
    rapt_tokenizer_free(again);
  }
  close_context(&memory, ctx);
}

static void specials_before_others(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char plain[] = "low low lower lowest";
  for (int kind = 0; kind < 3; kind++) {
    rapt_tokenizer *t, *again;
    assert_ok(ctx, kind == 0   ? rapt_tokenizer_bytes(ctx, &t)
                   : kind == 1 ? rapt_tokenizer_chars(ctx, plain, sizeof plain - 1, &t)
                               : rapt_tokenizer_train_bpe(ctx, plain, sizeof plain - 1, 280, &t));
    int32_t *ids, *moved;
    int64_t count, moved_count, size = rapt_tokenizer_size(t);
    assert_ok(ctx, rapt_tokenizer_encode(t, plain, sizeof plain - 1, &ids, &count));
    assert_ok(ctx, rapt_tokenizer_add_specials(&t));
    assert_fails(ctx, rapt_tokenizer_add_specials(&t), RAPT_EINVAL, "<s>");
    assert_int_equal(rapt_tokenizer_size(t), size + 4);
    assert_ok(ctx, rapt_tokenizer_save(t, root));
    assert_ok(ctx, rapt_tokenizer_load(ctx, root, &again));
    for (int round = 0; round < 2; round++) {
      assert_ok(ctx, rapt_tokenizer_encode(round ? again : t, plain, sizeof plain - 1, &moved, &moved_count));
      assert_int_equal(moved_count, count);
      for (int64_t i = 0; i < count; i++) assert_int_equal(moved[i], ids[i] + 4);
      rapt_tokenizer_release(t, moved);
      assert_int_equal(rapt_tokenizer_find(round ? again : t, "</s>", 4), 2);
    }
    rapt_tokenizer_release(t, ids);
    rapt_tokenizer_free(t);
    rapt_tokenizer_free(again);
  }
  close_context(&memory, ctx);
}

static void failing_allocations(void **state) {
  (void)state;
  for (long at = 1;; at++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    memory.fail_at = memory.calls + at;
    rapt_words_options options = {.lowercase = true};
    rapt_tokenizer *t = NULL;
    int32_t *ids = NULL;
    int64_t count;
    rapt_status status = rapt_tokenizer_train_words(ctx, text, sizeof text - 1, &options, &t);
    if (status == RAPT_OK) status = rapt_tokenizer_encode(t, text, sizeof text - 1, &ids, &count);
    if (ids) rapt_tokenizer_release(t, ids);
    rapt_tokenizer_free(t);
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(frequent_words_first),   cmocka_unit_test(limits),
      cmocka_unit_test(the_special_lower_case), cmocka_unit_test(saved_and_loaded),
      cmocka_unit_test(specials_before_others), cmocka_unit_test(failing_allocations),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
