/* Data sets: the table, where they are looked for, hashes, and fetching from a server on this machine. */
#include "unit/unit.h"

#include "base/file.h"
#include "data/fetch.h"
#include "data/sets.h"
#include "data/unpack.h"

#include <ctype.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

enum { WORDS = 2 << 20 };

/* One scratch folder and one server for all tests; the server is NULL where there is no Python. */
static char root[] = "/tmp/rapt_data_XXXXXX";
static FILE *server, *stop;
static pid_t server_pid;
static int port;
static char words_sha256[65];

static char *format(const char *fmt, ...) {
  static char text[64][PATH_MAX]; /* taken in turns */
  static int turn;
  char *out = text[turn++ % 64];
  va_list args;
  va_start(args, fmt);
  vsnprintf(out, sizeof text[0], fmt, args);
  va_end(args);
  return out;
}

static void write_file(const char *path, const void *data, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

static size_t size_of(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 ? (size_t)about.st_size : 0;
}

static void start_server(const char *folder) {
  int in[2], out[2];
  assert_int_equal(pipe(in) | pipe(out), 0);
  if ((server_pid = fork()) == 0) {
    dup2(in[0], 0);
    dup2(out[1], 1);
    for (int i = 0; i < 2; i++) close(in[i]), close(out[i]);
    execlp("python3", "python3", "tests/cli/server.py", folder, (char *)NULL);
    _exit(127);
  }
  close(in[0]);
  close(out[1]);
  server = fdopen(out[0], "r");
  stop = fdopen(in[1], "w");
  if (!server || fscanf(server, "%d", &port) != 1) port = 0;
}

static int begin(void **state) {
  (void)state;
  if (!mkdtemp(root)) return -1;
  mkdir(format("%s/served", root), 0777);
  char *words = malloc(WORDS);
  if (!words) return -1;
  uint32_t x = 1;
  for (int i = 0; i < WORDS; i++) words[i] = (x = x * 1664525 + 1013904223) >> 29 ? (char)('a' + (x >> 24) % 26) : ' ';
  write_file(format("%s/served/words.txt", root), words, WORDS);
  free(words);
  rapt_context *ctx;
  if (rapt_context_new(&ctx, NULL) != RAPT_OK) return -1;
  uint64_t size;
  rapt_status status = rapt__data_digest(ctx, format("%s/served/words.txt", root), false, WORDS, &size, words_sha256);
  rapt_context_free(ctx);
  start_server(format("%s/served", root));
  return status == RAPT_OK && size == WORDS ? 0 : -1;
}

static int end(void **state) {
  (void)state;
  if (stop) fclose(stop);
  if (server) fclose(server);
  waitpid(server_pid, NULL, 0);
  return system(format("rm -rf %s", root));
}

/* ---- The table ---- */

static bool known_address(const char *address) {
  if (strncmp(address, "https://", 8) == 0) return true;
  const char *at = strchr(address, '@'), *colon = at ? strchr(at, ':') : NULL;
  return strncmp(address, "github:", 7) == 0 && colon && colon > at + 1;
}

static void check_row(const rapt__data_set *set, const rapt__data_file *file) {
  assert_true(rapt__data_safe_name(file->name, true));
  assert_true(file->size > 0);
  assert_int_equal(strlen(file->sha256), 64);
  assert_int_equal(strspn(file->sha256, "0123456789abcdef"), 64);
  if (file->form == RAPT__DATA_PACKED) assert_true(rapt__data_is_gz(file->name));
  if (file->form == RAPT__DATA_HAND) {
    assert_true(*set->by_hand != 0);
    return;
  }
  const char *given = file->form == RAPT__DATA_FROM ? file->address : file->name;
  assert_true(known_address(set->base) || known_address(given));
  for (const char *p = given; *p; p++) assert_true(isgraph((unsigned char)*p) && !strchr("?%&", *p));
}

static void test_table(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char last[64] = "";
  for (int i = 0; i < rapt_data_count(); i++) {
    rapt_data_info d;
    int index = -1;
    assert_ok(ctx, rapt_data_get_info(ctx, i, &d));
    assert_true(strcmp(last, d.name) < 0);
    snprintf(last, sizeof last, "%s", d.name);
    assert_true(rapt__data_safe_name(d.name, false) && *d.about && *d.licence);
    assert_ok(ctx, rapt_data_index(ctx, d.name, &index));
    assert_int_equal(index, i);
    const rapt__data_set *set = rapt__data_set_find(d.name);
    for (int f = 0; f < d.files; f++) check_row(set, &set->files[f]);
  }
  static const char *const wanted[] = {"tinyshakespeare", "ptb",          "mnist",   "movie-reviews", "multi30k",
                                       "tatoeba-eng-fra", "jsb-chorales", "wikixml", "wikitext-2",    "botchan",
                                       "stories260k",     "stsb",         "sst2"};
  for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) assert_non_null(rapt__data_set_find(wanted[i]));
  rapt_data_info d;
  int index;
  assert_fails(ctx, rapt_data_get_info(ctx, rapt_data_count(), &d), RAPT_EINVAL, "counted from 0");
  assert_fails(ctx, rapt_data_index(ctx, "mnits", &index), RAPT_EKEY, "did you mean \"mnist\"");
  close_context(&memory, ctx);
}

static void test_names(void **state) {
  (void)state;
  static const char *const bad[] = {"", ".", "..", "/", "/etc", "a/../b", "a//b", "../a", "a/", "a/.."};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(rapt__data_safe_name(bad[i], true));
  assert_true(rapt__data_safe_name("a/b.txt", true));
  assert_false(rapt__data_safe_name("a/b.txt", false));
  assert_true(rapt__data_safe_name("..a", false));
}

/* ---- Where ---- */

static void test_lookup(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char path[PATH_MAX], *data = format("%s/data", root), *home = format("%s/home", root);
  int missing;
  setenv("RAPT_DATA", data, 1);
  setenv("RAPT_HOME", home, 1);
  assert_fails(ctx, rapt_data_find(ctx, "wikitext-2", path, sizeof path, NULL), RAPT_ENOTFOUND,
               "`rapt data get wikitext-2` fetches it (licence: CC BY-SA 3.0");
  assert_fails(ctx, rapt_data_find(ctx, "blimp", path, sizeof path, NULL), RAPT_ENOTFOUND, "says how to get it");
  assert_fails(ctx, rapt_data_find(ctx, "wikitext2", path, sizeof path, NULL), RAPT_EKEY, "\"wikitext-2\"");
  assert_fails(ctx, rapt_data_find(ctx, "../data", path, sizeof path, NULL), RAPT_EKEY, "no data set");
  char *cached = format("%s/data/wikitext-2", home), *given = format("%s/wikitext-2", data);
  assert_ok(ctx, rapt__make_dirs(ctx, cached));
  assert_fails(ctx, rapt_data_find(ctx, "wikitext-2", path, sizeof path, NULL), RAPT_ENOTFOUND, "is not there");
  write_file(format("%s/test.txt", cached), "x", 1);
  write_file(format("%s/valid.txt", cached), "x", 1);
  assert_ok(ctx, rapt_data_find(ctx, "wikitext-2", path, sizeof path, &missing));
  assert_string_equal(path, cached);
  assert_int_equal(missing, 1);
  /* RAPT_DATA comes first, but not with fewer files. */
  assert_ok(ctx, rapt__make_dirs(ctx, given));
  write_file(format("%s/test.txt", given), "x", 1);
  assert_ok(ctx, rapt_data_find(ctx, "wikitext-2", path, sizeof path, &missing));
  assert_string_equal(path, cached);
  write_file(format("%s/valid.txt", given), "x", 1);
  assert_ok(ctx, rapt_data_find(ctx, "wikitext-2", path, sizeof path, &missing));
  assert_string_equal(path, given);
  /* A folder of the user's own. */
  assert_ok(ctx, rapt__make_dirs(ctx, format("%s/mine", data)));
  assert_ok(ctx, rapt_data_find(ctx, "mine", path, sizeof path, &missing));
  assert_int_equal(missing, 0);
  assert_fails(ctx, rapt_data_find(ctx, "mine", path, 4, &missing), RAPT_EINVAL, "does not fit");
  unsetenv("RAPT_HOME");
  setenv("XDG_CACHE_HOME", "relative", 1);
  setenv("HOME", "/nowhere", 1);
  char *cache = rapt__data_cache(ctx);
  assert_string_equal(cache, "/nowhere/.cache/rapt");
  rapt__free(ctx, cache);
  setenv("XDG_CACHE_HOME", "/caches", 1);
  cache = rapt__data_cache(ctx);
  assert_string_equal(cache, "/caches/rapt");
  rapt__free(ctx, cache);
  unsetenv("XDG_CACHE_HOME");
  unsetenv("HOME");
  assert_null(rapt__data_cache(ctx));
  rapt_context_clear(ctx);
  unsetenv("RAPT_DATA");
  assert_fails(ctx, rapt_data_find(ctx, "ptb", path, sizeof path, NULL), RAPT_ENOTFOUND, "RAPT_DATA (not set)");
  close_context(&memory, ctx);
}

/* ---- Hashes ---- */

static void test_digest(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  uint64_t size;
  char sha256[65], *abc = format("%s/abc", root), *packed = format("%s/abc.gz", root);
  write_file(abc, "abc", 3); /* the example of FIPS 180-4 */
  assert_ok(ctx, rapt__data_digest(ctx, abc, false, 100, &size, sha256));
  assert_string_equal(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_int_equal(size, 3);
  gzFile gz = gzopen(packed, "wb");
  assert_int_equal(gzwrite(gz, "abc", 3), 3);
  gzclose(gz);
  assert_ok(ctx, rapt__data_digest(ctx, packed, true, 100, &size, sha256));
  assert_string_equal(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  assert_int_equal(size, 3);
  assert_ok(ctx, rapt__data_digest(ctx, packed, false, 100, &size, sha256));
  assert_int_equal(size, size_of(packed));
  assert_fails(ctx, rapt__data_digest(ctx, abc, true, 100, &size, sha256), RAPT_EFORMAT, "not a gzip file");
  assert_int_equal(truncate(packed, (off_t)size_of(packed) - 5), 0);
  assert_fails(ctx, rapt__data_digest(ctx, packed, true, 100, &size, sha256), RAPT_EFORMAT, "damaged");
  assert_ok(ctx, rapt__data_digest(ctx, format("%s/served/words.txt", root), false, 10, &size, sha256));
  assert_true(size > 10 && size < WORDS);
  assert_fails(ctx, rapt__data_digest(ctx, root, false, 10, &size, sha256), RAPT_EIO, "directory");
  close_context(&memory, ctx);
}

/* ---- Fetching ---- */

typedef struct spot {
  counted_memory memory;
  rapt_context *ctx;
  char part[PATH_MAX];
} spot;

static void open_spot(spot *s) {
  if (!port) {
    print_message("skipped: python3 tests/cli/server.py does not start\n");
    skip();
  }
  s->ctx = counted_context(&s->memory, 1);
  snprintf(s->part, sizeof s->part, "%s/words.part", root);
  unlink(s->part);
}

static rapt_status fetch(spot *s, const char *path, uint64_t limit, bool exact, rapt__fetch_fn progress) {
  char *url = format("http://127.0.0.1:%d/%s", port, path);
  return rapt__fetch_file(s->ctx, &(rapt__fetch){.url = url,
                                                 .part = s->part,
                                                 .limit = limit,
                                                 .exact = exact,
                                                 .loopback = true,
                                                 .progress = progress,
                                                 .user = s->ctx});
}

static void expect_words(spot *s) {
  uint64_t size;
  char sha256[65];
  assert_ok(s->ctx, rapt__data_digest(s->ctx, s->part, false, WORDS, &size, sha256));
  assert_int_equal(size, WORDS);
  assert_string_equal(sha256, words_sha256);
}

static void test_fetch(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  assert_ok(s.ctx, fetch(&s, "ok/words.txt", WORDS, true, NULL));
  expect_words(&s);
  assert_ok(s.ctx, fetch(&s, "status/500/words.txt", WORDS, true, NULL)); /* complete: not asked for again */
  assert_ok(s.ctx, fetch(&s, "ok/words.txt", WORDS + 100, false, NULL));  /* 416: complete */
  expect_words(&s);
  close_context(&s.memory, s.ctx);
}

static void test_resume(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  /* Four attempts of a third each would do; three of a fifth do not. */
  assert_ok(s.ctx, fetch(&s, format("cut/%d/words.txt", WORDS / 3), WORDS, true, NULL));
  expect_words(&s);
  unlink(s.part);
  assert_fails(s.ctx, fetch(&s, format("cut/%d/words.txt", WORDS / 5), WORDS, true, NULL), RAPT_EIO,
               "goes on from there");
  assert_in_range(size_of(s.part), WORDS / 5, WORDS - 1);
  assert_ok(s.ctx, fetch(&s, format("cut/%d/words.txt", WORDS / 5), WORDS, true, NULL));
  expect_words(&s);
  /* A server without ranges starts again. */
  assert_int_equal(truncate(s.part, 1000), 0);
  assert_ok(s.ctx, fetch(&s, "whole/words.txt", WORDS, true, NULL));
  expect_words(&s);
  /* A part file larger than the file may be is not its beginning. */
  assert_int_equal(truncate(s.part, WORDS + 1), 0);
  assert_ok(s.ctx, fetch(&s, "ok/words.txt", WORDS, true, NULL));
  expect_words(&s);
  close_context(&s.memory, s.ctx);
}

static void interrupt(void *user, uint64_t done, uint64_t total) {
  (void)total;
  if (done > 0) rapt_context_interrupt(user);
}

static void test_interrupt(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  assert_fails(s.ctx, fetch(&s, "ok/words.txt", WORDS, true, interrupt), RAPT_EINTERRUPTED, "goes on from there");
  assert_in_range(size_of(s.part), 1, WORDS);
  assert_ok(s.ctx, fetch(&s, "ok/words.txt", WORDS, true, NULL));
  expect_words(&s);
  close_context(&s.memory, s.ctx);
}

static void test_refused(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  assert_fails(s.ctx, fetch(&s, "ok/words.txt", WORDS - 1, false, NULL), RAPT_EFORMAT, "is larger than");
  assert_int_equal(access(s.part, F_OK), -1);
  assert_fails(s.ctx, fetch(&s, "long/words.txt", WORDS, false, NULL), RAPT_EFORMAT, "is larger than");
  assert_int_equal(access(s.part, F_OK), -1);
  assert_fails(s.ctx, fetch(&s, "ok/none.txt", WORDS, true, NULL), RAPT_ENOTFOUND, "404");
  assert_fails(s.ctx, fetch(&s, "status/403/words.txt", WORDS, true, NULL), RAPT_EIO, "403");
  assert_fails(s.ctx, fetch(&s, "status/503/words.txt", WORDS, true, NULL), RAPT_EIO, "503");
  assert_fails(s.ctx, fetch(&s, "loop/words.txt", WORDS, true, NULL), RAPT_EIO, "redirects");
  assert_fails(s.ctx, fetch(&s, "away/words.txt", WORDS, true, NULL), RAPT_EIO, "https");
  assert_int_equal(access(s.part, F_OK), -1);
  /* Outside of tests plain http is refused. */
  rapt__fetch job = {.url = format("http://127.0.0.1:%d/ok/words.txt", port), .part = s.part, .limit = WORDS};
  assert_fails(s.ctx, rapt__fetch_file(s.ctx, &job), RAPT_EIO, "http");
  job.url = format("file://%s/served/words.txt", root);
  assert_fails(s.ctx, rapt__fetch_file(s.ctx, &job), RAPT_EIO, "file");
  assert_int_equal(access(s.part, F_OK), -1);
  assert_int_equal(symlink("/tmp", s.part), 0);
  assert_fails(s.ctx, rapt__fetch_file(s.ctx, &job), RAPT_EIO, "cannot open it");
  close_context(&s.memory, s.ctx);
}

static void test_disk_full(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  struct rlimit old, low = {.rlim_cur = WORDS / 2, .rlim_max = RLIM_INFINITY};
  getrlimit(RLIMIT_FSIZE, &old);
  low.rlim_max = old.rlim_max;
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
  rapt_status status = fetch(&s, "ok/words.txt", WORDS, true, NULL);
  setrlimit(RLIMIT_FSIZE, &old);
  assert_fails(s.ctx, status, RAPT_EIO, "cannot write it");
  assert_int_equal(size_of(s.part), WORDS / 2);
  assert_ok(s.ctx, fetch(&s, "ok/words.txt", WORDS, true, NULL));
  expect_words(&s);
  close_context(&s.memory, s.ctx);
}

/* ---- Whole sets ---- */

static rapt_status get(spot *s, const rapt__data_file *files, const char *how, bool force) {
  rapt__data_set set = {
      .name = "test", .base = format("http://127.0.0.1:%d/%s/", port, how), .by_hand = "Write it", .files = files};
  return rapt__data_fetch_set(s->ctx, &set, format("%s/set", root), force, true, NULL, NULL);
}

static void test_set(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  const rapt__data_file files[] = {
      {RAPT__DATA_SAME, "words.txt", WORDS, words_sha256, NULL},
      {RAPT__DATA_SAME, "words.txt.gz", WORDS, words_sha256, NULL},
      {RAPT__DATA_FROM, "in/packed.txt.gz", WORDS, words_sha256, "words.txt"},
      {RAPT__DATA_FROM, "from-bzip2.txt.gz", WORDS, words_sha256, "words.txt.bz2"},
      {RAPT__DATA_FROM, "from-zip.txt", WORDS, words_sha256, "pack.zip#folder/words.txt"},
      {RAPT__DATA_FROM, "from-zip.txt.gz", WORDS, words_sha256, "pack.zip#folder/words.txt"},
      {0}};
  assert_ok(s.ctx, get(&s, files, "ok", false));
  for (const rapt__data_file *f = files; f->name; f++) {
    uint64_t size;
    char sha256[65], *path = format("%s/set/%s", root, f->name);
    assert_ok(s.ctx, rapt__data_digest(s.ctx, path, rapt__data_is_gz(f->name), WORDS, &size, sha256));
    assert_int_equal(size, WORDS);
    assert_string_equal(sha256, words_sha256);
  }
  /* Nothing else is there, and nothing outside: neither parts, nor archives, nor what they name. */
  assert_int_equal(system(format("test \"$(find %s/set -type f | wc -l)\" = 6", root)), 0);
  assert_int_equal(access(format("%s/evil.txt", root), F_OK), -1);
  /* What is right is not fetched again, a damaged file is, and force fetches all. */
  assert_ok(s.ctx, get(&s, files, "status/500", false));
  write_file(format("%s/set/words.txt", root), "x", 1);
  assert_fails(s.ctx, get(&s, files, "status/500", false), RAPT_EIO, "500");
  assert_ok(s.ctx, get(&s, files, "ok", false));
  assert_int_equal(size_of(format("%s/set/words.txt", root)), WORDS);
  assert_fails(s.ctx, get(&s, files, "status/500", true), RAPT_EIO, "500");
  assert_int_equal(size_of(format("%s/set/words.txt", root)), WORDS);
  close_context(&s.memory, s.ctx);
}

static void test_wrong(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  static const char other[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
  static const struct {
    rapt__data_file file;
    const char *part;
  } cases[] = {
      {{RAPT__DATA_FROM, "bad.txt", WORDS, other, "words.txt"}, "not the same file"},
      {{RAPT__DATA_FROM, "bad.txt", WORDS + 5, other, "words.txt"}, "instead of"},
      {{RAPT__DATA_FROM, "bad.txt.gz", WORDS, other, "words.txt.gz"}, "not the same file"},
      {{RAPT__DATA_FROM, "bad.txt.gz", WORDS - 1, other, "words.txt.gz"}, "more than"},
      {{RAPT__DATA_FROM, "bad.txt.gz", WORDS, other, "words.txt"}, "not the same file"},
      {{RAPT__DATA_FROM, "bad.txt.gz", WORDS - 1, other, "words.txt.bz2"}, "more than"},
      {{RAPT__DATA_FROM, "bad.txt", WORDS, other, "pack.zip#folder/words.txt"}, "not the same file"},
      {{RAPT__DATA_FROM, "bad.txt", 3, other, "pack.zip#folder/words.txt"}, "more than"},
      {{RAPT__DATA_FROM, "bad.txt", 3, other, "pack.zip#words.txt"}, "no file words.txt"},
      {{RAPT__DATA_FROM, "bad.txt", 3, other, "pack.zip#folder/"}, "no file folder/"},
      {{RAPT__DATA_FROM, "bad.txt", 3, other, "words.txt#words.txt"}, "cannot be unpacked"},
      {{RAPT__DATA_FROM, "bad.txt.gz", WORDS, other, "words.txt.gz#x"}, "cannot be unpacked"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const rapt__data_file files[] = {cases[i].file, {0}};
    assert_int_equal(system(format("rm -rf %s/set", root)), 0);
    assert_fails(s.ctx, get(&s, files, "ok", false), RAPT_EFORMAT, cases[i].part);
    assert_int_equal(system(format("test -z \"$(find %s/set -type f)\"", root)), 0);
  }
  const rapt__data_file outside[] = {{RAPT__DATA_FROM, "../evil.txt", WORDS, words_sha256, "words.txt"}, {0}};
  assert_fails(s.ctx, get(&s, outside, "ok", false), RAPT_EINVAL, "leads out of");
  assert_int_equal(access(format("%s/evil.txt", root), F_OK), -1);
  const rapt__data_file by_hand[] = {
      {RAPT__DATA_SAME, "words.txt", WORDS, words_sha256, NULL}, {RAPT__DATA_HAND, "own.txt", 3, other, NULL}, {0}};
  assert_fails(s.ctx, get(&s, by_hand, "ok", false), RAPT_EUNSUPPORTED, "1 of 2 files of test have no address");
  write_file(format("%s/set/own.txt", root), "abc", 3);
  assert_ok(s.ctx, get(&s, by_hand, "status/500", false));
  /* Two at once. */
  int fd = open(format("%s/set", root), O_RDONLY | O_DIRECTORY);
  assert_int_equal(flock(fd, LOCK_EX), 0);
  assert_fails(s.ctx, get(&s, by_hand, "ok", false), RAPT_EIO, "another rapt");
  close(fd);
  close_context(&s.memory, s.ctx);
}

/* Every allocation fails once; what was fetched before is found again. */
static void test_no_memory(void **state) {
  (void)state;
  spot s;
  open_spot(&s);
  const rapt__data_file files[] = {
      {RAPT__DATA_SAME, "words.txt", WORDS, words_sha256, NULL},
      {RAPT__DATA_FROM, "from-zip.txt.gz", WORDS, words_sha256, "pack.zip#folder/words.txt"},
      {0}};
  rapt_status status = RAPT_ENOMEM;
  long fail_at = 0;
  assert_int_equal(system(format("rm -rf %s/set", root)), 0);
  while (status != RAPT_OK && fail_at < 200) {
    long live = s.memory.live;
    s.memory.calls = 0;
    s.memory.fail_at = ++fail_at;
    status = get(&s, files, "ok", false);
    s.memory.fail_at = 0;
    if (status != RAPT_OK) assert_int_equal(status, RAPT_ENOMEM);
    rapt_context_clear(s.ctx);
    assert_int_equal(s.memory.live, live);
  }
  assert_in_range(fail_at, 5, 199);
  close_context(&s.memory, s.ctx);
}

/* The table against real files, where there are some. */
static void test_real(void **state) {
  counted_memory memory;
  static const char *const names[] = {"tinyshakespeare", "wikixml", "movielens-100k"};
  const char *data = *state;
  if (!data) {
    print_message("skipped: RAPT_DATA is not set\n");
    skip();
  }
  setenv("RAPT_DATA", data, 1);
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (access(format("%s/%s", data, names[i]), F_OK) != 0) {
      print_message("skipped: RAPT_DATA has no %s\n", names[i]);
      continue;
    }
    rapt_context *ctx = counted_context(&memory, 1);
    assert_ok(ctx, rapt_data_check(ctx, names[i], NULL, NULL));
    close_context(&memory, ctx);
  }
}

int main(void) {
  char *data = getenv("RAPT_DATA");
  if (data) data = strdup(data); /* test_lookup changes the environment */
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_table),
      cmocka_unit_test(test_names),
      cmocka_unit_test(test_lookup),
      cmocka_unit_test(test_digest),
      cmocka_unit_test(test_fetch),
      cmocka_unit_test(test_resume),
      cmocka_unit_test(test_interrupt),
      cmocka_unit_test(test_refused),
      cmocka_unit_test(test_disk_full),
      cmocka_unit_test(test_set),
      cmocka_unit_test(test_wrong),
      cmocka_unit_test(test_no_memory),
      cmocka_unit_test_prestate(test_real, data),
  };
  int failed = cmocka_run_group_tests(tests, begin, end);
  free(data);
  return failed;
}
