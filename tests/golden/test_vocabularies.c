/* Vocabularies of real models give the ids, offsets and texts of Hugging Face's tokenizers and of sentencepiece. */
#include "unit/unit.h"

#include <rapt/text.h>

#include <jansson.h>
#include <zlib.h>

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

typedef struct sums {
  uint64_t ids, offsets, text;
  int64_t count;
} sums;

static uint64_t add(uint64_t h, const void *bytes, size_t size) {
  for (size_t i = 0; i < size; i++) h = (h ^ ((const unsigned char *)bytes)[i]) * 1099511628211ULL;
  return h;
}

static uint64_t add_number(uint64_t h, uint32_t n) {
  unsigned char b[4] = {(unsigned char)n, (unsigned char)(n >> 8), (unsigned char)(n >> 16), (unsigned char)(n >> 24)};
  return add(h, b, 4);
}

static void sum_line(rapt_context *ctx, const rapt_tokenizer *t, const char *line, size_t size, sums *s) {
  rapt_encoding *e;
  char *text;
  size_t length;
  assert_ok(ctx, rapt_tokenizer_encode_with(t, line, size, NULL, 0, NULL, &e));
  for (int64_t i = 0; i < e->count; i++) {
    s->ids = add_number(s->ids, (uint32_t)e->ids[i]);
    s->offsets = add_number(s->offsets, (uint32_t)e->chars[i].start);
    s->offsets = add_number(s->offsets, (uint32_t)e->chars[i].end);
  }
  s->count += e->count;
  assert_ok(ctx, rapt_tokenizer_decode(t, e->ids, e->count, &text, &length));
  s->text = add(s->text, text, length);
  rapt_tokenizer_release(t, text);
  rapt_encoding_free(t, e);
}

static void sum_hex(rapt_context *ctx, const rapt_tokenizer *t, json_t *list, sums *s) {
  size_t i;
  json_t *item;
  json_array_foreach(list, i, item) {
    char line[256];
    size_t n = json_string_length(item) / 2;
    assert_true(n <= sizeof line);
    for (size_t k = 0; k < n; k++) {
      unsigned byte;
      assert_int_equal(sscanf(json_string_value(item) + 2 * k, "%2x", &byte), 1);
      line[k] = (char)byte;
    }
    sum_line(ctx, t, line, n, s);
  }
}

static void sum_file(rapt_context *ctx, const rapt_tokenizer *t, const char *path, int64_t lines, sums *s) {
  size_t size;
  char *text = read_any(path, &size);
  for (size_t at = 0; at <= size && lines > 0; lines--) {
    const char *end = at < size ? memchr(text + at, '\n', size - at) : NULL;
    size_t n = end ? (size_t)(end - text) - at : size - at;
    sum_line(ctx, t, text + at, n, s);
    at += n + 1;
  }
  free(text);
}

static void check(json_t *item, const char *key, uint64_t found) {
  char hash[32];
  snprintf(hash, sizeof hash, "%016llx", (unsigned long long)found);
  if (strcmp(hash, json_string_value(json_object_get(item, key))) != 0)
    fail_msg("%s: %s is %s", json_string_value(json_object_get(item, "path")), key, hash);
}

static void real_vocabularies(void **state) {
  (void)state;
  const char *root = getenv("RAPT_DATA");
  if (!root || !*root) {
    print_message("RAPT_DATA is not set: no vocabulary to read\n");
    skip();
  }
  json_error_t error;
  json_t *expected = json_load_file("tests/golden/vocabularies.json", 0, &error), *item, *file;
  assert_non_null(expected);
  size_t index, k;
  json_array_foreach(json_object_get(expected, "vocabularies"), index, item) {
    char path[1024];
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_tokenizer *t;
    sums s = {14695981039346656037ULL, 14695981039346656037ULL, 14695981039346656037ULL, 0};
    snprintf(path, sizeof path, "%s/%s", root, json_string_value(json_object_get(item, "path")));
    assert_ok(ctx, rapt_tokenizer_load(ctx, path, &t));
    json_array_foreach(json_object_get(expected, "files"), k, file) {
      snprintf(path, sizeof path, "%s/%s", root, json_string_value(file));
      sum_file(ctx, t, path, json_integer_value(json_object_get(expected, "lines")), &s);
    }
    sum_hex(ctx, t, json_object_get(expected, "extra"), &s);
    if (json_is_true(json_object_get(item, "broken"))) sum_hex(ctx, t, json_object_get(expected, "broken"), &s);
    assert_int_equal(s.count, json_integer_value(json_object_get(item, "ids")));
    check(item, "ids_fnv", s.ids);
    check(item, "text_fnv", s.text);
    /* sentencepiece gives none, so nothing was hashed there */
    if (strcmp(json_string_value(json_object_get(item, "offsets_fnv")), "cbf29ce484222325") != 0)
      check(item, "offsets_fnv", s.offsets);
    rapt_tokenizer_free(t);
    close_context(&memory, ctx);
  }
  json_decref(expected);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(real_vocabularies)};
  return cmocka_run_group_tests_name("vocabularies", tests, NULL, NULL);
}
