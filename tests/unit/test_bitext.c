/* Parallel text, and dictionaries as such: what is read, what is left out, what is refused and how the sentence names it. */
#include "unit/unit.h"

#include "data/bitext.h"
#include "data/cmudict.h"
#include "data/sets.h"

#include <zlib.h>

static char root[] = "/tmp/rapt-bitext-XXXXXX";

static const char *write_file(const char *name, const char *bytes, size_t size, bool packed) {
  static char paths[32][64];
  static int next;
  char *path = paths[next++ % 32];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  if (packed) {
    gzFile f = gzopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, bytes, (unsigned)size), size);
    assert_int_equal(gzclose(f), Z_OK);
    return path;
  }
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
  return path;
}

#define FILE_OF(name, text) write_file(name, text, sizeof text - 1, false)

static void assert_line(const rapt__line *line, const char *text) {
  assert_int_equal(line->size, strlen(text));
  assert_memory_equal(line->bytes, text, line->size);
}

static void pairs_are_read(void **state) {
  (void)state;
  static const char source[] = "ein Hund\r\n\n  \t\nsehr lange Zeile hier\nzwei \xC3\xA4\nEnde";
  static const char target[] = "a dog\nb\nc\nshort\ntwo\nend\n";
  for (int packed = 0; packed < 2; packed++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__bitext b;
    const char *s = write_file("a", source, sizeof source - 1, packed),
               *t = write_file("b", target, sizeof target - 1, false);
    assert_ok(ctx, rapt__bitext_read(ctx, s, t, 3, &b));
    assert_int_equal(b.count, 3);
    assert_int_equal(b.empty, 2);
    assert_int_equal(b.lengthy, 1);
    assert_line(&b.pairs[0][RAPT__SOURCE], "ein Hund");
    assert_line(&b.pairs[0][RAPT__TARGET], "a dog");
    assert_line(&b.pairs[1][RAPT__SOURCE], "zwei \xC3\xA4");
    assert_line(&b.pairs[2][RAPT__SOURCE], "Ende");
    assert_line(&b.pairs[2][RAPT__TARGET], "end");
    rapt__bitext_free(&b);
    assert_ok(ctx, rapt__bitext_read(ctx, s, t, 0, &b));
    assert_int_equal(b.count, 4);
    rapt__bitext_free(&b);
    close_context(&memory, ctx);
  }
}

static void refuse(rapt_context *ctx, const char *source, const char *target, rapt_status status, const char *part) {
  rapt__bitext b;
  assert_fails(ctx, rapt__bitext_read(ctx, source, target, 2, &b), status, part);
  rapt__bitext_free(&b);
}

static void bad_files_are_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  const char *good = FILE_OF("good", "one\ntwo\n");
  refuse(ctx, FILE_OF("long", "a\nb\nc\n"), good, RAPT_EFORMAT, "long has 3 lines");
  refuse(ctx, good, FILE_OF("short", "a\n"), RAPT_EFORMAT, "short 1: line n");
  refuse(ctx, good,
         FILE_OF("latin", "a\nb\xE4"
                          "c\n"),
         RAPT_EFORMAT, "latin:2: byte 2");
  refuse(ctx, FILE_OF("nul", "a\0\nb\n"), good, RAPT_EFORMAT, "nul:1: byte 2 of the line is NUL");
  refuse(ctx, FILE_OF("blank", "\n\n"), good, RAPT_EFORMAT, "2 with a blank line");
  refuse(ctx, FILE_OF("wordy", "a b c\nd e f\n"), good, RAPT_EFORMAT, "2 too long");
  refuse(ctx, FILE_OF("empty", ""), good, RAPT_EFORMAT, "empty");
  refuse(ctx, "/tmp/rapt-there-is-no-such-file", good, RAPT_ENOTFOUND, "no-such-file");
  char bytes[4000];
  for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = i % 7 == 6 ? '\n' : (char)('a' + (i * i * 31 + i) % 26);
  const char *cut = write_file("cut.gz", bytes, sizeof bytes, true);
  assert_int_equal(truncate(cut, 300), 0);
  refuse(ctx, cut, good, RAPT_EFORMAT, "cut.gz");
  close_context(&memory, ctx);
}

static void failing_allocations_leave_nothing_behind(void **state) {
  (void)state;
  const char *s = FILE_OF("s", "a\nb\nc\n"), *t = FILE_OF("t", "d\ne\nf\n");
  for (long n = 1;; n++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    rapt__bitext b;
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt__bitext_read(ctx, s, t, 0, &b);
    assert_true(status == RAPT_OK || status == RAPT_ENOMEM);
    rapt__bitext_free(&b);
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
}

/* By their hashes (FNV-1a) "abe" and "ac" are of the part train, "andy" of valid and "acre" of test. */
static void a_dictionary_is_parallel_text(void **state) {
  (void)state;
  static const char text[] = "MNCL\n(\"abe\" nil (((ey b) 1)))\n(\"andy\" n (((ae n) 1) ((d iy) 0)))\n"
                             "(\"abe\" v (((b) 0)))\n(\"a.\" nil (((ey) 1)))\n\n(\"ac\" nil (((ey) 1) ((s iy) 1)))\n"
                             "(\"acre\" nil (((ey) 1) ((k er) 0)))\n";
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__bitext parts[3];
  assert_ok(ctx, rapt__cmudict_read(ctx, FILE_OF("dict", text), parts));
  static const char *const first[3][2] = {{"a b e", "ey b"}, {"a n d y", "ae n d iy"}, {"a c r e", "ey k er"}};
  for (int p = 0; p < 3; p++) {
    assert_int_equal(parts[p].count, p == 0 ? 2 : 1);
    for (int i = 0; i < 2; i++) assert_line(&parts[p].pairs[0][i], first[p][i]);
  }
  assert_line(&parts[0].pairs[1][RAPT__TARGET], "ey s iy");
  for (int p = 0; p < 3; p++) rapt__bitext_free(&parts[p]);
  close_context(&memory, ctx);
}

static void bad_dictionaries_are_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const struct {
    const char *text, *part;
  } bad[] = {{"MNCL\nword\n", "dict:2: no entry"},
             {"(\"a\n", "dict:1: no entry"},
             {"(\"a\" nil (((ax) 0)))\n(\"b\" nil (((B) 0)))\n", "dict:2: 'B' is in no phoneme"},
             {"(\"a\" nil (() 0))\n", "dict:1: the word has no phonemes"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    rapt__bitext parts[3];
    const char *path = write_file("dict", bad[i].text, strlen(bad[i].text), false);
    assert_fails(ctx, rapt__cmudict_read(ctx, path, parts), RAPT_EFORMAT, bad[i].part);
    for (int p = 0; p < 3; p++) rapt__bitext_free(&parts[p]);
  }
  close_context(&memory, ctx);
}

/* The set is where the package put it, or the sentence names the command for that. */
static void a_package_is_a_place_for_data(void **state) {
  (void)state;
  static const char folder[] = "/usr/share/festival/dicts/cmu";
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char path[300];
  int missing;
  assert_int_equal(unsetenv("RAPT_DATA"), 0);
  assert_int_equal(setenv("RAPT_HOME", root, 1), 0);
  if (access("/usr/share/festival/dicts/cmu/cmudict-0.4.out", R_OK) == 0) {
    assert_ok(ctx, rapt_data_find(ctx, "cmudict", path, sizeof path, &missing));
    assert_string_equal(path, folder);
    assert_int_equal(missing, 0);
  } else {
    assert_fails(ctx, rapt_data_find(ctx, "cmudict", path, sizeof path, &missing), RAPT_ENOTFOUND,
                 "apt-get install festlex-cmu");
  }
  close_context(&memory, ctx);
}

static int make_root(void **state) {
  (void)state;
  return !mkdtemp(root);
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_are_read),
                                     cmocka_unit_test(bad_files_are_named),
                                     cmocka_unit_test(a_dictionary_is_parallel_text),
                                     cmocka_unit_test(bad_dictionaries_are_named),
                                     cmocka_unit_test(a_package_is_a_place_for_data),
                                     cmocka_unit_test(failing_allocations_leave_nothing_behind)};
  return cmocka_run_group_tests_name("bitext", tests, make_root, remove_root);
}
