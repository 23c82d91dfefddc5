/* Settings from YAML: flat keys with their lines, and a refusal of everything that is not a map of scalars. */
#include "unit/unit.h"

#include "formats/yaml.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  rapt__text seen;      /* "key=value@where;" of every call */
  const char *stop_key; /* at which the callback fails, or NULL */
} world;

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  w->ctx = counted_context(&w->memory, 1);
  rapt__text_init(&w->seen, w->ctx);
  *state = w;
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  rapt__text_free(&w->seen);
  rapt_context_free(w->ctx);
  int left = w->memory.live != 0;
  free(w);
  return left;
}

static rapt_status each(void *user, const char *key, const char *value, const char *where) {
  world *w = user;
  if (w->stop_key && strcmp(key, w->stop_key) == 0)
    return rapt__fail(w->ctx, RAPT_EKEY, "%s: unknown key %s", where, key);
  return rapt__text_addf(&w->seen, "%s=%s@%s;", key, value, where);
}

/* From a block of exactly its size, so that a sanitizer sees every byte read too much. */
static rapt_status read_bytes(world *w, const char *text, size_t size) {
  rapt__text_free(&w->seen);
  char *block = malloc(size ? size : 1);
  memcpy(block, text, size);
  rapt_status status = rapt__yaml_read(w->ctx, "f", block, size, each, w);
  free(block);
  return status;
}

static const char *seen(world *w, const char *text) {
  assert_ok(w->ctx, read_bytes(w, text, strlen(text)));
  return w->seen.data ? w->seen.data : "";
}

static void accepted(void **state) {
  world *w = *state;
  assert_string_equal(seen(w, ""), "");
  assert_string_equal(seen(w, "# only a comment\n"), "");
  assert_string_equal(seen(w, "---\n{}\n"), "");
  assert_string_equal(seen(w, "recipe: gpt\n"), "recipe=gpt@f:1;");
  assert_string_equal(seen(w, "a:\n  b: 1\n  c:\n    d: x y\n\ne: 'true'\n"), "a.b=1@f:2;a.c.d=x y@f:4;e=true@f:6;");
  assert_string_equal(seen(w, "train.lr: 1e-3 # comment\n"), "train.lr=1e-3@f:1;");
  assert_string_equal(seen(w, "a: {b: 1, c: 2}"), "a.b=1@f:1;a.c=2@f:1;");
  assert_string_equal(seen(w, "a: |\n  x\n  y\n"), "a=x\ny\n@f:1;");
  assert_string_equal(seen(w, "a:\nb: \"\"\n"), "a=@f:1;b=@f:2;");
  assert_string_equal(seen(w, "a: {}\nb: 2\n"), "b=2@f:2;");
  assert_string_equal(seen(w, "a:\n  x: 1\nb:\n  x: 2\n"), "a.x=1@f:2;b.x=2@f:4;"); /* the same name elsewhere */
  assert_string_equal(seen(w, "caf\xC3\xA9: \"\\u20ac\"\n"), "caf\xC3\xA9=\xE2\x82\xAC@f:1;");
  assert_string_equal(seen(w, "a: {b: {c: {d: {e: {f: {g: {h: 8}}}}}}}"), "a.b.c.d.e.f.g.h=8@f:1;");
}

static void refused(void **state) {
  world *w = *state;
  static const struct {
    const char *text, *part;
  } cases[] = {
      {"a: 1\nb: [1, 2]\n", "f:2: lists"},
      {"a:\n- 1\n", "f:2: lists"},
      {"- 1\n", "f:1: lists"},
      {"just text\n", "f:1: a map of settings"},
      {"a: &x 1\n", "f:1: anchors"},
      {"a: &x {b: 1}\n", "f:1: anchors"},
      {"a: 1\nb: *x\n", "f:2: aliases"},
      {"? *x\n: 1\n", "f:1: aliases"},
      {"a: !!str 5\n", "f:1: anchors and tags"},
      {"a: !thing {b: 1}\n", "f:1: anchors and tags"},
      {"a: 1\n---\nb: 2\n", "f:2: only one document"},
      {"? {a: 1}\n: 2\n", "f:1: a map cannot be a key"},
      {"a: 1\nb: 2\na: 3\n", "f:3: the key \"a\""},
      {"a:\n  b: 1\n  b: 1\n", "f:3: the key \"a.b\""},
      {"a:\n  b: 1\na.b: 2\n", "f:3: the key \"a.b\""},
      {"a: {b: 1}\na: {c: 1}\n", "f:2: the key \"a.\""},
      {"'': 1\n", "f:1: a key is empty"},
      {"a: {b: {c: {d: {e: {f: {g: {h: {i: 9}}}}}}}}", "f:1: maps are nested"},
      {"a: \"x\\0y\"\n", "f:1: a zero byte"},
      {"a: 1\n  b: 2\n", "f:2: "},
      {"a: \"open\n", "f:2: "},
      {"a: 1\n\tb: 2\n", "f:2: "},
      {"a: {b: 1\n", "f:2: "},
      {"a: \xFF\n", "f: byte 3"},
      {"a: \x01\n", "f: byte 3"},
  };
  for (size_t i = 0; i < COUNT(cases); i++) {
    rapt_status status = read_bytes(w, cases[i].text, strlen(cases[i].text));
    const char *message = rapt_context_message(w->ctx);
    if (status != RAPT_EFORMAT || strncmp(message, cases[i].part, strlen(cases[i].part)) != 0)
      fail_msg("%s: status %d, \"%s\" does not begin with \"%s\"", cases[i].text, status, message, cases[i].part);
    rapt_context_clear(w->ctx);
  }
}

static void limits(void **state) {
  world *w = *state;
  enum { ROOM = 2 << 20 };
  char *text = malloc(ROOM);
  for (int length = 200; length <= 300; length += 100) { /* one key */
    memset(text, 'k', (size_t)length);
    memcpy(text + length, ": 1\n", 5);
    assert_int_equal(read_bytes(w, text, strlen(text)), length == 200 ? RAPT_OK : RAPT_EFORMAT);
    rapt_context_clear(w->ctx);
  }
  /* a key that only its maps make too long */
  size_t at = 0;
  for (int depth = 0; depth < 3; depth++) {
    for (int i = 0; i < depth; i++) text[at++] = ' ';
    memset(text + at, 'k', 100);
    memcpy(text + at + 100, ": \n", 4);
    at += 103;
  }
  assert_fails(w->ctx, read_bytes(w, text, at), RAPT_EFORMAT, "f:3: a key is empty or too long");
  at = 0;
  for (int i = 0; i <= 2000; i++) at += (size_t)sprintf(text + at, "k%d: 1\n", i);
  assert_fails(w->ctx, read_bytes(w, text, at), RAPT_EFORMAT, "f:2001: there are too many keys");
  memset(text, ' ', ROOM);
  assert_fails(w->ctx, read_bytes(w, text, (1 << 20) + 1), RAPT_EFORMAT, "too many");
  memset(text, '[', ROOM);
  assert_fails(w->ctx, read_bytes(w, text, 1 << 20), RAPT_EFORMAT, "f:1: ");
  memset(text, '{', ROOM);
  assert_fails(w->ctx, read_bytes(w, text, 1 << 20), RAPT_EFORMAT, "f:1: ");
  free(text);
}

static void callback_stops(void **state) {
  world *w = *state;
  w->stop_key = "b.c";
  static const char text[] = "a: 1\nb:\n  c: 2\nd: 3\n";
  assert_fails(w->ctx, read_bytes(w, text, strlen(text)), RAPT_EKEY, "f:3: unknown key b.c");
  assert_string_equal(w->seen.data, "a=1@f:1;");
}

static void failing_memory(void **state) {
  world *w = *state;
  static const char text[] = "a: 1\nb:\n  c: 2\nd: 3\n";
  rapt__text_free(&w->seen);
  long live = w->memory.live, failures = 0;
  for (long at = 1;; at++) {
    w->memory.calls = 0;
    w->memory.fail_at = at;
    rapt_status status = read_bytes(w, text, strlen(text));
    w->memory.fail_at = 0;
    rapt__text_free(&w->seen);
    assert_int_equal(w->memory.live, live);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    rapt_context_clear(w->ctx);
    failures++;
  }
  assert_true(failures >= 2);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  const struct CMUnitTest tests[] = {TEST(accepted), TEST(refused), TEST(limits), TEST(callback_stops),
                                     TEST(failing_memory)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
