/* Archives of film reviews: what is read from a good one, and that broken ones are refused with a sentence. */
#include "unit/unit.h"

#include "data/reviews.h"

#include <zlib.h>

#include "unit/tar.h"

static char path[] = "/tmp/rapt-reviews-XXXXXX";

static int setup(void **state) {
  (void)state;
  int fd = mkstemp(path);
  if (fd < 0) return -1;
  return close(fd);
}

static int teardown(void **state) {
  (void)state;
  return unlink(path);
}

static void put(const tar *t, size_t size, bool packed) {
  gzFile file = gzopen(path, packed ? "wb" : "wbT");
  assert_non_null(file);
  if (size) assert_int_equal(gzwrite(file, t->data, (unsigned)size), size);
  assert_int_equal(gzclose(file), Z_OK);
}

static void make_good(tar *t) {
  tar_begin(t);
  tar_add(t, "README", '0', "neg pos cv000_1.txt");
  tar_add(t, "r/pos/", '5', "");
  tar_add(t, "r/pos/cv000_12.txt", '0', " good film good\nfilm . good\n");
  tar_add(t, "neg/cv812_9.txt", 0, "bad film");
  tar_add(t, "r/neg/cv900_3.txt", '0', "unseen bad\tgood");
  tar_add(t, "r/xneg/cv000_3.txt", '0', "other");
  tar_add(t, "r/neg/cv00_3.txt", '0', "other");
  tar_add(t, "r/neg/cv000_3.html", '0', "other");
  tar_end(t);
}

static void rows_are_sparse(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static tar t;
  make_good(&t);
  for (int packed = 0; packed < 2; packed++) {
    rapt__reviews r;
    put(&t, t.size, packed);
    assert_ok(ctx, rapt__reviews_read(ctx, path, 10, &r));
    assert_int_equal(r.count, 3);
    assert_int_equal(r.features, 4); /* good film . bad; "unseen" is in fold 9 alone */
    static const int32_t words[] = {0, 1, 2, 3, 1, 3, 0};
    static const size_t begin[] = {0, 3, 5, 7};
    assert_memory_equal(r.begin, begin, sizeof begin);
    assert_memory_equal(r.words, words, sizeof words);
    assert_memory_equal(r.positive, ((uint8_t[]){1, 0, 0}), 3);
    assert_memory_equal(r.fold, ((uint8_t[]){0, 8, 9}), 3);
    rapt__reviews_free(&r);
    assert_ok(ctx, rapt__reviews_read(ctx, path, 2, &r));
    assert_int_equal(r.features, 2);
    assert_int_equal(r.begin[3], 4); /* good film, film, good */
    rapt__reviews_free(&r);
  }
  close_context(&memory, ctx);
}

static void expect_bad(rapt_context *ctx, const tar *t, size_t size, const char *hint) {
  rapt__reviews r;
  put(t, size, true);
  assert_fails(ctx, rapt__reviews_read(ctx, path, 10, &r), RAPT_EFORMAT, hint);
  rapt__reviews_free(&r);
}

static void broken_archives_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static tar t;
  make_good(&t);
  expect_bad(ctx, &t, 0, "empty");
  for (size_t n = 1; n < TAR_BLOCK; n += 37)
    expect_bad(ctx, &t, n, "content byte 0: a header of the archive is cut off");
  expect_bad(ctx, &t, TAR_BLOCK + 5, "content byte 124: the member has 19 bytes, but 5 are left");
  expect_bad(ctx, &t, 2 * TAR_BLOCK, "no member is named");
  t.data[2 * TAR_BLOCK + 7] ^= 1;
  expect_bad(ctx, &t, t.size, "content byte 1024: not a tar header");
  make_good(&t);
  memcpy(t.data + 124, "00000000x01", 12);
  tar_sum(t.data);
  expect_bad(ctx, &t, t.size, "content byte 124: the member's size is not an octal number");
  make_good(&t);
  memcpy(t.data + 124, "777777777777", 12);
  tar_sum(t.data);
  expect_bad(ctx, &t, t.size, "the member has 68719476735 bytes");
  tar_begin(&t);
  tar_add(&t, "r/pos/cv000_12.txt", '0', " \n ");
  tar_add(&t, "r/pos/cv900_12.txt", '0', "word");
  tar_end(&t);
  expect_bad(ctx, &t, t.size, "no word in folds 0 to 8");
  rapt__reviews r;
  assert_fails(ctx, rapt__reviews_read(ctx, "/nowhere/at/all", 10, &r), RAPT_ENOTFOUND, "/nowhere/at/all");
  rapt__reviews_free(&r);
  close_context(&memory, ctx);
}

/* Whatever single bytes of headers become, and with right sums: read or refused, within bounds (the sanitizers look). */
static void changed_bytes_do_no_harm(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static tar t;
  unsigned random = 1;
  int refused = 0, read = 0;
  for (int round = 0; round < 600; round++) {
    make_good(&t);
    size_t blocks = t.size / TAR_BLOCK;
    random = random * 1103515245u + 12345u;
    char *block = t.data + random / 65536 % blocks * TAR_BLOCK;
    random = random * 1103515245u + 12345u;
    block[random / 65536 % 160] = (char)(random / 7);
    if (block[257] == 'u') tar_sum(block);
    put(&t, t.size, false);
    rapt__reviews r;
    rapt_status status = rapt__reviews_read(ctx, path, 10, &r);
    if (status == RAPT_OK) {
      read++;
      for (size_t i = 0; i < r.begin[r.count]; i++) assert_in_range(r.words[i], 0, r.features - 1);
    } else {
      refused++;
      assert_int_equal(status, RAPT_EFORMAT);
      assert_non_null(strstr(rapt_context_message(ctx), path));
    }
    rapt__reviews_free(&r);
    rapt_context_clear(ctx);
  }
  assert_true(refused > 10 && read > 10);
  close_context(&memory, ctx);
}

static void the_real_archive(void **state) {
  (void)state;
  const char *root = getenv("RAPT_DATA");
  char file[400];
  snprintf(file, sizeof file, "%s/movie-reviews/review_polarity.tar.gz", root ? root : "");
  if (!root || access(file, R_OK) != 0) {
    print_message("RAPT_DATA has no movie-reviews: skipped\n");
    skip();
  }
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__reviews r;
  assert_ok(ctx, rapt__reviews_read(ctx, file, 10000, &r));
  assert_int_equal(r.count, 2000);
  assert_int_equal(r.features, 10000);
  int positive = 0, folds[10] = {0};
  for (size_t i = 0; i < r.count; i++) {
    positive += r.positive[i];
    folds[r.fold[i]]++;
  }
  assert_int_equal(positive, 1000);
  for (int i = 0; i < 10; i++) assert_int_equal(folds[i], 200);
  rapt__reviews_free(&r);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rows_are_sparse),
      cmocka_unit_test(broken_archives_are_refused),
      cmocka_unit_test(changed_bytes_do_no_harm),
      cmocka_unit_test(the_real_archive),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
