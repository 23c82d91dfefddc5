/* Files: mapping, reading with a limit, atomic replacement, directories, paths. */
#include "unit/unit.h"

#include "base/file.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

typedef struct place {
  counted_memory memory;
  rapt_context *ctx;
  char dir[64];
  char path[4][256]; /* turns taken by `in` */
  int turn;
} place;

static int open_place(void **state) {
  place *p = calloc(1, sizeof *p);
  p->ctx = counted_context(&p->memory, 1);
  snprintf(p->dir, sizeof p->dir, "/tmp/rapt_test_XXXXXX");
  *state = p;
  return mkdtemp(p->dir) ? 0 : -1;
}

static int close_place(void **state) {
  place *p = *state;
  char command[128];
  snprintf(command, sizeof command, "rm -rf %s", p->dir);
  int result = system(command);
  rapt_context_free(p->ctx);
  result |= p->memory.live != 0;
  free(p);
  return result;
}

static const char *in(place *p, const char *name) {
  char *path = p->path[p->turn++ % 4];
  snprintf(path, sizeof p->path[0], "%s/%s", p->dir, name);
  return path;
}

static int entries(place *p) {
  DIR *dir = opendir(p->dir);
  int count = -2; /* . and .. */
  while (readdir(dir)) count++;
  closedir(dir);
  return count;
}

static void assert_content(place *p, const char *path, const char *wanted) {
  char *data;
  size_t size;
  assert_ok(p->ctx, rapt__file_read(p->ctx, path, SIZE_MAX, &data, &size));
  assert_int_equal(size, strlen(wanted));
  assert_string_equal(data, wanted);
  rapt__free(p->ctx, data);
}

static void replaced_and_read(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  assert_false(rapt__file_exists(path));
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "first", 5));
  assert_true(rapt__file_exists(path));
  assert_content(p, path, "first");
  assert_int_equal(chmod(path, 0640), 0);
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "2", 1));
  assert_content(p, path, "2");
  struct stat about;
  assert_int_equal(stat(path, &about), 0);
  assert_int_equal(about.st_mode & 0777, 0640);
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, NULL, 0));
  assert_content(p, path, "");
  assert_int_equal(entries(p), 1);
}

static void limits(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  char *data = (char *)p;
  size_t size = 1;
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "12345", 5));
  assert_fails(p->ctx, rapt__file_read(p->ctx, path, 4, &data, &size), RAPT_EFORMAT, path);
  assert_null(data);
  assert_int_equal(size, 0);
  assert_ok(p->ctx, rapt__file_read(p->ctx, path, 5, &data, &size));
  assert_int_equal(size, 5);
  rapt__free(p->ctx, data);
  /* A device announces no size. */
  assert_fails(p->ctx, rapt__file_read(p->ctx, "/dev/zero", 100000, &data, &size), RAPT_EFORMAT, "/dev/zero");
  assert_ok(p->ctx, rapt__file_read(p->ctx, "/proc/self/status", 1000000, &data, &size));
  assert_true(size > 10);
  assert_int_equal(strlen(data), size);
  rapt__free(p->ctx, data);
}

static void *feed(void *arg) {
  int fd = open(arg, O_WRONLY);
  for (int i = 0; i < 30000; i++)
    if (write(fd, "abcdefghij", 10) != 10) break;
  close(fd);
  return NULL;
}

static void pipes_are_read_whole(void **state) {
  place *p = *state;
  char *path = (char *)in(p, "pipe"), *data;
  size_t size;
  assert_int_equal(mkfifo(path, 0600), 0);
  rapt__map map;
  assert_fails(p->ctx, rapt__map_open(p->ctx, path, &map), RAPT_EIO, "regular");
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, feed, path), 0);
  assert_ok(p->ctx, rapt__file_read(p->ctx, path, 1000000, &data, &size));
  pthread_join(thread, NULL);
  assert_int_equal(size, 300000);
  for (size_t i = 0; i < size; i++) assert_int_equal(data[i], 'a' + (int)(i % 10));
  rapt__free(p->ctx, data);
}

static void mapped(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  rapt__map map;
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "mapped", 6));
  assert_ok(p->ctx, rapt__map_open(p->ctx, path, &map));
  assert_int_equal(map.size, 6);
  /* Replacing the file leaves the mapping of the old one alone. */
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "", 0));
  assert_memory_equal(map.data, "mapped", 6);
  rapt__map_close(&map);
  assert_null(map.data);
  rapt__map_close(&map);
  assert_ok(p->ctx, rapt__map_open(p->ctx, path, &map));
  assert_null(map.data);
  assert_int_equal(map.size, 0);
  rapt__map_close(&map);
}

static void missing_and_wrong(void **state) {
  place *p = *state;
  rapt__map map;
  rapt__out out;
  char *data;
  size_t size;
  const char *nothing = in(p, "nothing"), *below = in(p, "no/such/file");
  assert_fails(p->ctx, rapt__map_open(p->ctx, nothing, &map), RAPT_ENOTFOUND, nothing);
  assert_fails(p->ctx, rapt__file_read(p->ctx, nothing, 10, &data, &size), RAPT_ENOTFOUND, nothing);
  assert_fails(p->ctx, rapt__map_open(p->ctx, p->dir, &map), RAPT_EIO, "is a directory");
  assert_fails(p->ctx, rapt__file_read(p->ctx, p->dir, 10, &data, &size), RAPT_EIO, "is a directory");
  assert_fails(p->ctx, rapt__out_open(p->ctx, p->dir, &out), RAPT_EIO, "is a directory");
  assert_fails(p->ctx, rapt__out_open(p->ctx, below, &out), RAPT_ENOTFOUND, below);
  /* What failed to open is safe to use and to close. */
  assert_int_equal(rapt__out_write(&out, "x", 1), RAPT_ENOTFOUND);
  assert_int_equal(rapt__out_printf(&out, "%d", 1), RAPT_ENOTFOUND);
  assert_int_equal(rapt__out_commit(&out), RAPT_ENOTFOUND);
  rapt__out_abort(&out);
  assert_int_equal(entries(p), 0);
}

static void large_output(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  enum { SIZE = 1000000 };
  char *wanted = malloc(SIZE + 1);
  for (int i = 0; i < SIZE; i++) wanted[i] = (char)('a' + i * 7 % 26);
  wanted[SIZE] = 0;
  rapt__out out;
  assert_ok(p->ctx, rapt__out_open(p->ctx, path, &out));
  size_t at = 0;
  static const size_t pieces[] = {1, 10, 65535, 65536, 3, 65537, 0, 200000, 511, 512, 513, 5000};
  for (int turn = 0; at < SIZE; turn++) {
    size_t piece = pieces[turn % 12];
    if (piece > SIZE - at) piece = SIZE - at;
    if (turn % 2)
      assert_ok(p->ctx, rapt__out_write(&out, wanted + at, piece));
    else
      assert_ok(p->ctx, rapt__out_printf(&out, "%.*s", (int)piece, wanted + at));
    at += piece;
  }
  assert_false(rapt__file_exists(path)); /* nothing is seen before the commit */
  assert_ok(p->ctx, rapt__out_commit(&out));
  assert_content(p, path, wanted);
  free(wanted);
  assert_fails(p->ctx, rapt__out_write(&out, "x", 1), RAPT_EINVAL, "closed");
}

static void abort_leaves_nothing(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  rapt__out out;
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "old", 3));
  assert_ok(p->ctx, rapt__out_open(p->ctx, path, &out));
  assert_ok(p->ctx, rapt__out_write(&out, "new", 3));
  assert_int_equal(entries(p), 2);
  rapt__out_abort(&out);
  rapt__out_abort(&out);
  assert_int_equal(entries(p), 1);
  assert_content(p, path, "old");
}

static void failing_write_leaves_the_old_file(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "old", 3));
  struct rlimit before, small;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
  small = before;
  small.rlim_cur = 100000; /* the first write succeeds, a later one is short, the next one fails */
  signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  rapt__out out;
  static char block[30000];
  rapt_status status = rapt__out_open(p->ctx, path, &out);
  for (int i = 0; i < 5; i++) rapt__out_write(&out, block, sizeof block);
  rapt_status written = rapt__out_commit(&out);
  setrlimit(RLIMIT_FSIZE, &before);
  assert_int_equal(status, RAPT_OK);
  assert_fails(p->ctx, written, RAPT_EIO, path);
  assert_content(p, path, "old");
  assert_int_equal(entries(p), 1);
}

static void full_disk(void **state) {
  place *p = *state;
  struct stat about;
  if (stat("/dev/full", &about) != 0) skip();
  assert_fails(p->ctx, rapt__file_replace(p->ctx, "/dev/full", "x", 1), RAPT_EIO, "/dev/full");
  assert_int_equal(stat("/dev/full", &about), 0);
  assert_true(S_ISCHR(about.st_mode)); /* devices are written to, never replaced */
  assert_ok(p->ctx, rapt__file_replace(p->ctx, "/dev/null", "x", 1));
  assert_int_equal(stat("/dev/null", &about), 0);
  assert_true(S_ISCHR(about.st_mode));
}

/* Two writers of one path at once, or a file left by a killed process of the same number. */
static void two_writers(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  rapt__out first, second;
  assert_ok(p->ctx, rapt__out_open(p->ctx, path, &first));
  assert_ok(p->ctx, rapt__out_open(p->ctx, path, &second));
  assert_ok(p->ctx, rapt__out_write(&first, "one", 3));
  assert_ok(p->ctx, rapt__out_write(&second, "two", 3));
  assert_ok(p->ctx, rapt__out_commit(&first));
  assert_content(p, path, "one");
  assert_ok(p->ctx, rapt__out_commit(&second));
  assert_content(p, path, "two");
  assert_int_equal(entries(p), 1);
}

/* A link stays and the file behind it is replaced; one that leads nowhere is replaced itself. */
static void links(void **state) {
  place *p = *state;
  const char *file = in(p, "file"), *link = in(p, "link");
  struct stat about;
  assert_ok(p->ctx, rapt__file_replace(p->ctx, file, "old", 3));
  assert_int_equal(symlink("file", link), 0);
  assert_ok(p->ctx, rapt__file_replace(p->ctx, link, "new", 3));
  assert_content(p, file, "new");
  assert_int_equal(lstat(link, &about), 0);
  assert_true(S_ISLNK(about.st_mode));
  assert_int_equal(unlink(file), 0);
  assert_ok(p->ctx, rapt__file_replace(p->ctx, link, "third", 5));
  assert_content(p, link, "third");
  assert_int_equal(entries(p), 1);
}

static void without_memory(void **state) {
  place *p = *state;
  const char *path = in(p, "file");
  assert_ok(p->ctx, rapt__file_replace(p->ctx, path, "old", 3));
  static char text[2000];
  memset(text, 'x', sizeof text - 1);
  long live = p->memory.live;
  bool succeeded = false;
  for (long at = 1; !succeeded && at < 50; at++) {
    p->memory.calls = 0;
    p->memory.fail_at = at;
    rapt__out out;
    rapt_status status = rapt__out_open(p->ctx, path, &out);
    rapt__out_printf(&out, "%s", text);
    if (status == RAPT_OK) status = rapt__out_commit(&out);
    char *data = NULL;
    size_t size;
    if (status == RAPT_OK) status = rapt__file_read(p->ctx, path, 10000, &data, &size);
    if (status == RAPT_OK) status = rapt__make_dirs(p->ctx, p->dir);
    succeeded = status == RAPT_OK;
    rapt__free(p->ctx, data);
    if (!succeeded) assert_int_equal(status, RAPT_ENOMEM);
    rapt_context_clear(p->ctx);
    assert_int_equal(p->memory.live, live);
    assert_int_equal(entries(p), 1);
  }
  assert_true(succeeded);
  p->memory.fail_at = 0;
}

static void directories(void **state) {
  place *p = *state;
  struct stat about;
  assert_ok(p->ctx, rapt__make_dirs(p->ctx, in(p, "a/b//c/")));
  assert_int_equal(stat(in(p, "a/b/c"), &about), 0);
  assert_true(S_ISDIR(about.st_mode));
  assert_ok(p->ctx, rapt__make_dirs(p->ctx, in(p, "a/b/c")));
  assert_ok(p->ctx, rapt__make_dirs(p->ctx, "/"));
  assert_ok(p->ctx, rapt__make_dirs(p->ctx, "."));
  const char *file = in(p, "a/file");
  assert_ok(p->ctx, rapt__file_replace(p->ctx, file, "x", 1));
  assert_fails(p->ctx, rapt__make_dirs(p->ctx, file), RAPT_EIO, "is a file");
  assert_fails(p->ctx, rapt__make_dirs(p->ctx, in(p, "a/file/below")), RAPT_EIO, "a/file: is a file");
  assert_fails(p->ctx, rapt__make_dirs(p->ctx, ""), RAPT_EINVAL, "empty");
}

static void joined(void **state) {
  place *p = *state;
  static const char *const cases[][3] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"},
                                         {"/", "b", "/b"},  {"a", "/b", "/b"},  {NULL, "b", "b"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char *path = rapt__path_join(p->ctx, cases[i][0], cases[i][1]);
    assert_string_equal(path, cases[i][2]);
    rapt__free(p->ctx, path);
  }
}

static void time_passes(void **state) {
  double start = rapt__now();
  usleep(2000);
  double passed = rapt__now() - start;
  assert_true(passed >= 0.002 && passed < 10);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_place, close_place)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(replaced_and_read),
      TEST(limits),
      TEST(pipes_are_read_whole),
      TEST(mapped),
      TEST(missing_and_wrong),
      TEST(large_output),
      TEST(abort_leaves_nothing),
      TEST(failing_write_leaves_the_old_file),
      TEST(full_disk),
      TEST(two_writers),
      TEST(links),
      TEST(without_memory),
      TEST(directories),
      TEST(joined),
      cmocka_unit_test(time_passes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
