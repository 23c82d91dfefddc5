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
  char *decoded;
  assert_ok(ctx, rapt_tokenizer_decode(t, ids, count, &decoded, &length));
  assert_int_equal(length, size);
  assert_memory_equal(decoded, s, size);
  assert_int_equal(decoded[size], 0);
  rapt_tokenizer_release(t, decoded);
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
      "{\"pre_tokenizer\":{\"type\":\"ByteLevel\"},\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":3}}",
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

static rapt_status join_piece(void *user, const char *piece, size_t size) {
  char *out = user;
  size_t n = strlen(out);
  memcpy(out + n, piece, size);
  memcpy(out + n + size, "|", 2);
  return RAPT_OK;
}

/* What the regex module of Python gives for GPT-2's pattern; U+180E is no white space, U+0085 and U+3000 are; an
 * invalid byte is a piece of its own and ends the look-ahead. */
static void pieces(void **state) {
  (void)state;
  static const char *const cases[][2] = {
      {"I'll don't 'TIS", "I|'ll| don|'t| '|TIS|"},
      {"a  b\n\n c  ", "a| | b|\n\n| c|  |"},
      {"x1 22\xC2\xBD!?  3", "x|1| 22\xC2\xBD|!?| | 3|"},
      {"a\xE1\xA0\x8E\xE1\xA0\x8E z", "a|\xE1\xA0\x8E\xE1\xA0\x8E| z|"},
      {"!\xE1\xA0\x8E?", "!\xE1\xA0\x8E?|"},
      {"a\xC2\x85\xE3\x80\x80z", "a|\xC2\x85|\xE3\x80\x80|z|"},
      {"ab\xFF\xC3( c", "ab|\xFF|\xC3|(| c|"},
      {"a  \xFFz", "a|  |\xFF|z|"},
  };
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt__byte_level_new(ctx, true, &t));
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char got[128] = "";
    assert_ok(ctx, rapt__pieces_of(t, cases[i][0], strlen(cases[i][0]), join_piece, got));
    assert_string_equal(got, cases[i][1]);
  }
  rapt_tokenizer_free(t);
  close_context(&memory, ctx);
}

/* Every merge joins a pair that no other exceeds, counted anew each time. */
static void merges_are_the_most_frequent(void **state) {
  (void)state;
  enum { SIZE = 3000, IDS = 400 };
  static char word[SIZE];
  static int32_t ids[SIZE], counts[IDS][IDS];
  uint32_t random = 1;
  for (int i = 0; i < SIZE; i++) word[i] = "aaab"[(random = random * 1664525 + 1013904223) >> 30];
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t, *again;
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, word, SIZE, IDS, &t));
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, word, SIZE, IDS, &again));
  assert_int_equal(rapt_tokenizer_size(t), IDS);
  assert_int_equal(again->merge_count, t->merge_count);
  assert_memory_equal(again->merges, t->merges, t->merge_count * sizeof *t->merges);
  int size = SIZE;
  for (int i = 0; i < SIZE; i++) ids[i] = word[i];
  for (size_t m = 0; m < t->merge_count; m++) {
    rapt__merge made = t->merges[m];
    memset(counts, 0, sizeof counts);
    int32_t most = 0;
    for (int i = 0; i + 1 < size; i++) {
      int32_t n = ++counts[ids[i]][ids[i + 1]];
      if (n > most) most = n;
    }
    assert_int_equal(counts[made.left][made.right], most);
    int kept = 0;
    for (int i = 0; i < size; i++) {
      bool here = i + 1 < size && ids[i] == made.left && ids[i + 1] == made.right;
      ids[kept++] = here ? made.made : ids[i];
      i += here;
    }
    size = kept;
  }
  rapt_tokenizer_free(t);
  rapt_tokenizer_free(again);
  close_context(&memory, ctx);
}

static void training_a_long_word(void **state) {
  (void)state;
  enum { N = 1 << 20 };
  char *word = malloc(N);
  assert_non_null(word);
  uint32_t random = 7;
  for (int i = 0; i < N; i++) word[i] = (char)('a' + ((random = random * 1664525 + 1013904223) >> 24) % 26);
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  double start = rapt__now();
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, word, N, 512, &t));
  assert_true(rapt__now() - start < 30); /* it takes one second; a minute when whole words are counted anew */
  assert_int_equal(rapt_tokenizer_size(t), 512);
  rapt_tokenizer_free(t);
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt_tokenizer_train_bpe(ctx, "aaab", 4, 258, &t), RAPT_EINTERRUPTED, "256 ids");
  close_context(&memory, ctx);
  free(word);
}

/* A byte-level tokenizer.json of the 256 bytes; `added`, `model` (begins with a comma) and `before` go into their
 * places. */
static char *byte_json(rapt_context *ctx, const char *added, const char *model, const char *before) {
  rapt__text json;
  rapt__text_init(&json, ctx);
  assert_ok(ctx, rapt__text_addf(&json,
                                 "{\"decoder\":{\"type\":\"ByteLevel\"},\"added_tokens\":[%s],\"pre_tokenizer\":{"
                                 "\"type\":\"ByteLevel\"%s},\"model\":{"
                                 "\"type\":\"BPE\",\"merges\":[\"a b\"]%s,\"vocab\":{\"ab\":256",
                                 added, before, model));
  for (int b = 0; b < 256; b++) {
    rapt__text letter;
    rapt__text_init(&letter, ctx);
    assert_ok(ctx, rapt__letters_write(&(char){(char)b}, 1, &letter));
    assert_ok(ctx, rapt__text_addf(&json, ",\"%s%s\":%d", b == '"' || b == '\\' ? "\\" : "", letter.data, b));
    rapt__text_free(&letter);
  }
  assert_ok(ctx, rapt__text_addf(&json, "}}}"));
  return json.data;
}

#define NO_PREFIX ",\"add_prefix_space\":false"

static void added_tokens(void **state) {
  (void)state;
  static const char added[] = "{\"id\":257,\"content\":\"<s>\"},{\"id\":258,\"content\":\"<s> \\u00e9\"},"
                              "{\"id\":259,\"content\":\"\\u00e9\\u00e8\"}";
  static const char sample[] = "ab<s>ab<s> \xC3\xA9<s \xC3\xA9\xC3\xA8\xC3\xA9";
  static const int32_t expected[] = {256, 257, 256, 258, '<', 's', ' ', 259, 0xC3, 0xA9};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char *json = byte_json(ctx, added, "", NO_PREFIX);
  rapt_tokenizer *t;
  assert_ok(ctx, rapt__tokenizer_parse(ctx, "added", json, strlen(json), &t));
  rapt__free(ctx, json);
  char dir[] = "/tmp/rapt-text-XXXXXX", path[64];
  assert_non_null(mkdtemp(dir));
  for (int round = 0; round < 2; round++) { /* the second time from the file that the first has written */
    int32_t *ids;
    int64_t count;
    assert_ok(ctx, rapt_tokenizer_encode(t, sample, sizeof sample - 1, &ids, &count));
    assert_int_equal(count, sizeof expected / sizeof *expected);
    assert_memory_equal(ids, expected, sizeof expected);
    rapt_tokenizer_release(t, ids);
    assert_round_trip(ctx, t, sample, sizeof sample - 1);
    assert_ok(ctx, rapt_tokenizer_save(t, dir));
    rapt_tokenizer_free(t);
    snprintf(path, sizeof path, "%s/tokenizer.json", dir);
    assert_ok(ctx, rapt_tokenizer_load(ctx, path, &t));
  }
  char *bytes;
  size_t size;
  assert_fails(ctx, rapt_tokenizer_decode(t, (int32_t[]){1, 260}, 2, &bytes, &size), RAPT_EINVAL, "place 1");
  assert_null(bytes);
  rapt_tokenizer_free(t);
  static const char *const names[] = {"tokenizer.json", "vocab.json", "merges.txt"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", dir, names[i]);
    assert_int_equal(unlink(path), 0);
  }
  assert_int_equal(rmdir(dir), 0); /* no temporary file stayed */
  close_context(&memory, ctx);
}

static void write_file(const char *dir, const char *name, const char *content) {
  char path[64];
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(content, f) >= 0);
  assert_int_equal(fclose(f), 0);
}

/* merges.txt begins with "#version" or not; a merge of "#" is no comment. Errors name the file and the line. */
static void merge_lines(void **state) {
  (void)state;
  static const struct {
    const char *merges;
    size_t count;
    const char *part;
  } cases[] = {
      {"#version: 0.2\n# #\n## #\n", 2, NULL},  {"# #\n## #", 2, NULL},
      {"# #\n# #\n", 0, "the same pair"},       {"#version: 0.2\n# #\n# x\n", 0, "merges.txt: merge 3"},
      {"# #\n###\n", 0, "merges.txt: merge 2"},
  };
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  char dir[] = "/tmp/rapt-text-XXXXXX", path[64], command[64];
  assert_non_null(mkdtemp(dir));
  assert_ok(ctx, rapt_tokenizer_train_bpe(ctx, "###", 3, 300, &t)); /* fewer: every word is one token */
  assert_int_equal(rapt_tokenizer_size(t), 258);
  assert_ok(ctx, rapt_tokenizer_save(t, dir));
  rapt_tokenizer_free(t);
  snprintf(path, sizeof path, "%s/tokenizer.json", dir);
  assert_int_equal(unlink(path), 0);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    write_file(dir, "merges.txt", cases[i].merges);
    if (cases[i].part) {
      assert_fails(ctx, rapt_tokenizer_load(ctx, dir, &t), RAPT_EFORMAT, cases[i].part);
      continue;
    }
    assert_ok(ctx, rapt_tokenizer_load(ctx, dir, &t));
    assert_int_equal(t->merge_count, cases[i].count);
    rapt_tokenizer_free(t);
  }
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  assert_int_equal(system(command), 0);
  close_context(&memory, ctx);
}

static void what_is_wrong_is_refused(void **state) {
  (void)state;
  static const struct {
    const char *added, *model, *before;
    rapt_status status;
    const char *part;
  } cases[] = {
      {"", ",\"dropout\":0.1", NO_PREFIX, RAPT_EUNSUPPORTED, "by chance"},
      {"", "", ",\"use_regex\":3", RAPT_EFORMAT, "pre_tokenizer.use_regex"},
      {"{\"id\":5,\"content\":\"<pad>\"}", "", NO_PREFIX, RAPT_EFORMAT, "\"<pad>\" as an added"},
      {"{\"id\":257,\"content\":\"ab\"}", "", NO_PREFIX, RAPT_EFORMAT, "256"},
      {"{\"id\":257,\"content\":\"\\u00e9\"}", "", NO_PREFIX, RAPT_EFORMAT, "233"},
      {"{\"id\":257,\"content\":\"\"}", "", NO_PREFIX, RAPT_EFORMAT, "added token 0"},
      {"{\"id\":259,\"content\":\"<s>\"}", "", NO_PREFIX, RAPT_EFORMAT, "out of range"},
      {"{\"id\":257,\"content\":\"x1\"},{\"id\":257,\"content\":\"x2\"}", "", NO_PREFIX, RAPT_EFORMAT, "257"},
      {"", ",\"model\":1,\"model\":2", NO_PREFIX, RAPT_EFORMAT, "duplicate"},
  };
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_tokenizer *t;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *json = byte_json(ctx, cases[i].added, cases[i].model, cases[i].before);
    assert_fails(ctx, rapt__tokenizer_parse(ctx, "f", json, strlen(json), &t), cases[i].status, cases[i].part);
    rapt__free(ctx, json);
  }
  assert_fails(ctx, rapt_tokenizer_chars(ctx, "a\0b", 3, &t), RAPT_EFORMAT, "byte 1");
  assert_fails(ctx, rapt_tokenizer_load(ctx, "/nowhere/at/all", &t), RAPT_ENOTFOUND, "/nowhere/at/all");
  close_context(&memory, ctx);
}

static rapt_status everything(rapt_context *ctx, const char *json, const char *dir) {
  rapt_tokenizer *t = NULL;
  int32_t *ids = NULL;
  int64_t count;
  char *out = NULL, big[200];
  size_t size;
  memset(big, 'a', sizeof big);
  rapt_status status = rapt__tokenizer_parse(ctx, "f", json, strlen(json), &t);
  rapt_tokenizer_free(t);
  if (status == RAPT_OK) status = rapt_tokenizer_chars(ctx, "abc", 3, &t);
  if (status == RAPT_OK) rapt_tokenizer_free(t);
  if (status == RAPT_OK) status = rapt_tokenizer_train_bpe(ctx, text, sizeof text - 1, 270, &t);
  if (status != RAPT_OK) return status;
  status = rapt_tokenizer_save(t, dir);
  if (status == RAPT_OK) status = rapt_tokenizer_encode(t, big, sizeof big, &ids, &count);
  if (status == RAPT_OK) status = rapt_tokenizer_decode(t, ids, count, &out, &size);
  rapt_tokenizer_release(t, out);
  rapt_tokenizer_release(t, ids);
  rapt_tokenizer_free(t);
  return status;
}

/* The n-th and all later allocations fail, for every n: always RAPT_ENOMEM, nothing lost. */
static void failing_allocations(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char *json = byte_json(ctx, "{\"id\":257,\"content\":\"<s>\"}", "", NO_PREFIX), dir[] = "/tmp/rapt-text-XXXXXX";
  assert_non_null(mkdtemp(dir));
  long live = memory.live, before = memory.calls;
  assert_ok(ctx, everything(ctx, json, dir));
  long calls = memory.calls - before;
  assert_true(calls > 100);
  for (long n = 1; n <= calls; n++) {
    memory.fail_at = memory.calls + n;
    rapt_status status = everything(ctx, json, dir);
    memory.fail_at = 0;
    if (status != RAPT_OK && status != RAPT_ENOMEM) fail_msg("call %ld: %s", n, rapt_context_message(ctx));
    assert_int_equal(rapt_context_status(ctx), status);
    assert_int_equal(memory.live, live);
    rapt_context_clear(ctx);
  }
  rapt__free(ctx, json);
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  assert_int_equal(system(command), 0);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(round_trips),
      cmocka_unit_test(merges_by_count),
      cmocka_unit_test(long_words_take_no_forever),
      cmocka_unit_test(unknown_characters_are_named),
      cmocka_unit_test(hostile_files),
      cmocka_unit_test(pieces),
      cmocka_unit_test(merges_are_the_most_frequent),
      cmocka_unit_test(training_a_long_word),
      cmocka_unit_test(added_tokens),
      cmocka_unit_test(merge_lines),
      cmocka_unit_test(what_is_wrong_is_refused),
      cmocka_unit_test(failing_allocations),
  };
  return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
