/* IDX files that are right, cut, too long, of other types and with absurd dimensions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data/idx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

static char path[] = "/tmp/rapt-idx-XXXXXX";
static rapt_context *ctx;

static int setup(void **state) {
  int fd = mkstemp(path);
  if (fd < 0) return -1;
  close(fd);
  return rapt_context_new(&ctx, NULL) == RAPT_OK ? 0 : -1;
}

static int teardown(void **state) {
  rapt_context_free(ctx);
  return unlink(path);
}

static void put(const void *data, size_t size, bool zip) {
  gzFile f = gzopen(path, zip ? "wb" : "wbT");
  assert_non_null(f);
  if (size) assert_int_equal(gzwrite(f, data, (unsigned)size), (int)size);
  assert_int_equal(gzclose(f), Z_OK);
}

static const uint8_t good[] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255};

static void test_good(void **state) {
  for (int zip = 0; zip < 2; zip++) {
    rapt__idx idx;
    put(good, sizeof good, zip);
    assert_int_equal(rapt__idx_read(ctx, path, 3, &idx), RAPT_OK);
    assert_int_equal(idx.dims[0], 2);
    assert_int_equal(idx.dims[2], 3);
    assert_int_equal(idx.size, 6);
    assert_memory_equal(idx.data, good + 16, 6);
    rapt__idx_free(ctx, &idx);
  }
}

static void expect_bad(const uint8_t *data, size_t size, int ndim, bool zip, const char *hint) {
  rapt__idx idx;
  put(data, size, zip);
  assert_int_equal(rapt__idx_read(ctx, path, ndim, &idx), RAPT_EFORMAT);
  assert_null(idx.data);
  assert_non_null(strstr(rapt_context_message(ctx), path));
  assert_non_null(strstr(rapt_context_message(ctx), hint));
  rapt_context_clear(ctx);
}

static void test_hostile(void **state) {
  for (size_t n = 0; n < sizeof good; n++)
    for (int zip = 0; zip < 2; zip++) expect_bad(good, n, 3, zip, "byte");
  static const struct {
    int at;
    uint8_t value;
    const char *hint;
  } edits[] = {{0, 1, "byte 0"}, {2, 13, "byte 2"},  {3, 1, "byte 3"},
               {7, 0, "byte 4"}, {8, 255, "byte 8"}, {15, 2, "after"}};
  for (size_t i = 0; i < sizeof edits / sizeof *edits; i++) {
    uint8_t bad[sizeof good];
    memcpy(bad, good, sizeof good);
    bad[edits[i].at] = edits[i].value;
    expect_bad(bad, sizeof bad, 3, false, edits[i].hint);
  }
  uint8_t huge[16] = {0, 0, 8, 3};
  memset(huge + 4, 255, 12);
  expect_bad(huge, sizeof huge, 3, false, "larger");
}

static void test_missing(void **state) {
  rapt__idx idx;
  assert_int_equal(rapt__idx_read(ctx, "/nonexistent/rapt", 3, &idx), RAPT_ENOTFOUND);
  rapt_context_clear(ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_good), cmocka_unit_test(test_hostile),
                                     cmocka_unit_test(test_missing)};
  return cmocka_run_group_tests(tests, setup, teardown);
}
