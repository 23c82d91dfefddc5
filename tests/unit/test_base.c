/* Context, memory, arena, text, status names, nearest name. */
#include "unit/unit.h"

#include "base/team.h"

static void status_names(void **state) {
  assert_string_equal(rapt_status_text(RAPT_OK), "ok");
  assert_string_equal(rapt_status_text(RAPT_EFORMAT), "malformed file");
  assert_string_equal(rapt_status_text(RAPT_EINTERRUPTED), "interrupted");
  assert_string_equal(rapt_status_text((rapt_status)(RAPT_EINTERRUPTED + 1)), "unknown status");
  assert_string_equal(rapt_status_text((rapt_status)-1), "unknown status");
  char version[64];
  snprintf(version, sizeof version, "%d.%d.%d", RAPT_VERSION_MAJOR, RAPT_VERSION_MINOR, RAPT_VERSION_PATCH);
  assert_string_equal(rapt_version(), version);
}

static void default_context(void **state) {
  rapt_context *ctx;
  assert_int_equal(rapt_context_new(&ctx, NULL), RAPT_OK);
  assert_int_equal(rapt_context_threads(ctx), rapt__cpu_count());
  assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  assert_string_equal(rapt_context_message(ctx), "");
  rapt_context_free(ctx);
  rapt_context_free(NULL);
  assert_int_equal(rapt_context_new(NULL, NULL), RAPT_EINVAL);
}

static void context_without_memory(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 3);
  long needed = memory.calls;
  close_context(&memory, ctx);
  for (long at = 1; at <= needed; at++) {
    memory = (counted_memory){.fail_at = at};
    rapt_options options = {.alloc = counted_alloc, .alloc_user = &memory, .threads = 3};
    ctx = (rapt_context *)&memory;
    assert_int_equal(rapt_context_new(&ctx, &options), RAPT_ENOMEM);
    assert_null(ctx);
    assert_int_equal(memory.live, 0);
  }
}

typedef struct log_record {
  int count;
  rapt_log_level level;
  char text[256];
} log_record;

static void record_log(void *user, rapt_log_level level, const char *message) {
  log_record *record = user;
  record->count++;
  record->level = level;
  snprintf(record->text, sizeof record->text, "%s", message);
}

static void first_error_stays(void **state) {
  log_record record = {0};
  rapt_options options = {.log = record_log, .log_user = &record, .threads = 1};
  rapt_context *ctx;
  assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
  assert_int_equal(rapt__fail(ctx, RAPT_ESHAPE, "matmul: %d columns", 3), RAPT_ESHAPE);
  assert_int_equal(record.count, 0);
  assert_int_equal(rapt__fail(ctx, RAPT_EIO, "later"), RAPT_EIO);
  assert_int_equal(rapt_context_status(ctx), RAPT_ESHAPE);
  assert_string_equal(rapt_context_message(ctx), "matmul: 3 columns");
  assert_int_equal(record.count, 1);
  assert_int_equal(record.level, RAPT_LOG_DEBUG);
  assert_non_null(strstr(record.text, "later"));

  rapt_context_interrupt(ctx);
  assert_int_equal(atomic_load(&ctx->interrupted), 1);
  rapt_context_clear(ctx);
  assert_int_equal(atomic_load(&ctx->interrupted), 0);
  assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  assert_string_equal(rapt_context_message(ctx), "");

  char longer[5000];
  memset(longer, 'x', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  rapt__fail(ctx, RAPT_EKEY, "%s", longer);
  assert_int_equal(strlen(rapt_context_message(ctx)), sizeof ctx->message - 1);
  rapt__log(ctx, RAPT_LOG_INFO, "%s", longer);
  assert_int_equal(record.level, RAPT_LOG_INFO);
  rapt_context_free(ctx);
}

static void memory_sizes(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  unsigned char *p = rapt__new(ctx, 100, 3);
  for (int i = 0; i < 300; i++) assert_int_equal(p[i], 0);
  p[299] = 7;
  p = rapt__grow(ctx, p, 1000, 3);
  assert_int_equal(p[299], 7);
  rapt__free(ctx, p);
  p = rapt__alloc(ctx, 0);
  assert_non_null(p);
  rapt__free(ctx, p);
  rapt__free(ctx, NULL);
  assert_null(rapt__new(ctx, SIZE_MAX / 2, 3));
  assert_int_equal(rapt_context_status(ctx), RAPT_ENOMEM);
  rapt_context_clear(ctx);
  assert_null(rapt__grow(ctx, NULL, SIZE_MAX / 2, 3));
  assert_int_equal(rapt_context_status(ctx), RAPT_ENOMEM);
  rapt_context_clear(ctx);
  assert_null(rapt__alloc_aligned(ctx, SIZE_MAX - 8));
  assert_int_equal(rapt_context_status(ctx), RAPT_ENOMEM);
  rapt_context_clear(ctx);
  for (size_t size = 0; size < 300; size += 13) {
    p = rapt__alloc_aligned(ctx, size);
    assert_int_equal((uintptr_t)p % RAPT__ALIGN, 0);
    for (size_t i = 0; i < size; i++) assert_int_equal(p[i], 0);
    memset(p, 1, size);
    rapt__free_aligned(ctx, p);
  }
  rapt__free_aligned(ctx, NULL);
  char *text = rapt__format(ctx, "%d-%s", 42, "abc");
  assert_string_equal(text, "42-abc");
  char *copy = rapt__strdup(ctx, text);
  assert_string_equal(copy, text);
  rapt__free(ctx, text);
  rapt__free(ctx, copy);
  assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  close_context(&memory, ctx);
}

static void reserve_grows(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  void *items = NULL;
  size_t capacity = 0;
  for (size_t i = 0; i < 1000; i++) {
    assert_ok(ctx, rapt__reserve(ctx, &items, &capacity, i, sizeof(int)));
    assert_true(capacity > i);
    ((int *)items)[i] = (int)i;
  }
  for (int i = 0; i < 1000; i++) assert_int_equal(((int *)items)[i], i);
  memory.fail_at = 1;
  size_t before = capacity;
  assert_int_equal(rapt__reserve(ctx, &items, &capacity, capacity, sizeof(int)), RAPT_ENOMEM);
  assert_int_equal(capacity, before);
  assert_int_equal(((int *)items)[999], 999);
  rapt__free(ctx, items);
  close_context(&memory, ctx);
}

static void arena_objects(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  unsigned char *objects[500];
  for (size_t i = 0; i < 500; i++) {
    size_t size = i % 50 == 0 ? 40000 : i;
    objects[i] = rapt__arena_new(&arena, size, 1);
    assert_int_equal((uintptr_t)objects[i] % 16, 0);
    for (size_t j = 0; j < size; j++) assert_int_equal(objects[i][j], 0);
    memset(objects[i], (int)(i % 251), size);
  }
  for (size_t i = 0; i < 500; i++) {
    size_t size = i % 50 == 0 ? 40000 : i;
    for (size_t j = 0; j < size; j++) assert_int_equal(objects[i][j], i % 251);
  }
  assert_string_equal(rapt__arena_strdup(&arena, "word"), "word");
  assert_string_equal(rapt__arena_format(&arena, "%03d", 7), "007");
  assert_null(rapt__arena_new(&arena, SIZE_MAX / 2, 3));
  assert_int_equal(rapt_context_status(ctx), RAPT_ENOMEM);
  rapt_context_clear(ctx);
  assert_null(rapt__arena_new(&arena, SIZE_MAX - 4, 1));
  rapt__arena_free(&arena);
  assert_null(arena.blocks);
  close_context(&memory, ctx);
}

static void text_grows(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__text text;
  rapt__text_init(&text, ctx);
  for (int i = 0; i < 1000; i++) {
    assert_ok(ctx, rapt__text_addf(&text, "%04d", i));
    assert_ok(ctx, rapt__text_add(&text, "\0|", 2));
  }
  assert_int_equal(text.size, 6000);
  assert_int_equal(text.data[text.size], 0);
  for (int i = 0; i < 1000; i++) {
    char part[8];
    snprintf(part, sizeof part, "%04d", i);
    assert_memory_equal(text.data + 6 * i, part, 5);
    assert_int_equal(text.data[6 * i + 5], '|');
  }
  memory.fail_at = 1;
  size_t size = text.size;
  static char big[100000];
  assert_int_equal(rapt__text_add(&text, big, sizeof big), RAPT_ENOMEM);
  assert_int_equal(text.size, size);
  assert_int_equal(rapt__text_add(&text, big, SIZE_MAX), RAPT_ENOMEM);
  rapt__text_free(&text);
  assert_null(text.data);
  close_context(&memory, ctx);
}

static void nearest_names(void **state) {
  static const char *const names[] = {"layers", "heads", "dim", "dropout", "learning_rate", "lr"};
  enum { COUNT = sizeof names / sizeof *names };
  assert_string_equal(rapt__nearest("layer", names, COUNT), "layers");
  assert_string_equal(rapt__nearest("layesr", names, COUNT), "layers"); /* a swap is one step */
  assert_string_equal(rapt__nearest("haeds", names, COUNT), "heads");
  assert_string_equal(rapt__nearest("dmi", names, COUNT), "dim");
  assert_string_equal(rapt__nearest("learn_rate", names, COUNT), "learning_rate"); /* 3 of 10 */
  assert_string_equal(rapt__nearest("heads", names, COUNT), "heads");
  assert_null(rapt__nearest("dropped", names, COUNT)); /* 3 of 7 */
  assert_null(rapt__nearest("width", names, COUNT));
  assert_null(rapt__nearest("", names, COUNT));
  assert_null(rapt__nearest("dim", names, 0));
  char longer[1000];
  memset(longer, 'a', sizeof longer - 1);
  longer[sizeof longer - 1] = 0;
  const char *const one[] = {longer};
  assert_null(rapt__nearest(longer, names, COUNT));
  assert_null(rapt__nearest("aaa", one, 1));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(status_names),      cmocka_unit_test(default_context), cmocka_unit_test(context_without_memory),
      cmocka_unit_test(first_error_stays), cmocka_unit_test(memory_sizes),    cmocka_unit_test(reserve_grows),
      cmocka_unit_test(arena_objects),     cmocka_unit_test(text_grows),      cmocka_unit_test(nearest_names),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
