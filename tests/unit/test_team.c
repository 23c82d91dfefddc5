/* The thread team: every task exactly once, failing pthread_create, nesting; processors and quotas. */
#include "unit/unit.h"

#include "base/cpu.c" /* for the quota below another root; replaces the library's copy */

#include "base/file.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>

/* Stands before the C library's, so that creating threads can fail. */
static int creations_left = -1;
int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg) {
  if (creations_left == 0) return 11;
  if (creations_left > 0) creations_left--;
  int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);
  *(void **)&real = dlsym(RTLD_NEXT, "pthread_create");
  return real(thread, attr, start, arg);
}

enum { MOST = 10000 };

typedef struct marks {
  int hits[MOST];     /* plain on purpose: a task run twice at once is a race that the thread sanitizer sees */
  int64_t scratch[8]; /* one of each worker's own */
  int size;
  atomic_int bad_workers;
} marks;

static void mark(void *arg, int64_t task, int worker) {
  marks *m = arg;
  if (worker < 0 || worker >= m->size)
    atomic_fetch_add(&m->bad_workers, 1);
  else
    m->scratch[worker]++;
  m->hits[task]++;
}

static void every_task_once(void **state) {
  static marks m;
  static const int counts[] = {0, 1, 2, 3, 7, 8, 9, 64, 1000, MOST};
  for (int size = 1; size <= 8; size++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, size);
    assert_int_equal(rapt__team_size(ctx->team), size);
    for (size_t c = 0; c < sizeof counts / sizeof *counts; c++) {
      memset(&m, 0, sizeof m);
      m.size = size;
      for (int run = 1; run <= 3; run++) {
        rapt__team_run(ctx->team, mark, &m, counts[c]);
        for (int i = 0; i < MOST; i++) assert_int_equal(m.hits[i], i < counts[c] ? run : 0);
      }
      int64_t sum = 0;
      for (int i = 0; i < 8; i++) sum += m.scratch[i];
      assert_int_equal(sum, 3 * counts[c]);
      assert_int_equal(atomic_load(&m.bad_workers), 0);
    }
    close_context(&memory, ctx);
  }
}

static void negative_count_runs_nothing(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt__team_run(ctx->team, mark, NULL, -5);
  close_context(&memory, ctx);
}

static void many_small_runs(void **state) {
  static marks m;
  for (int size = 2; size <= 5; size++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, size);
    memset(&m, 0, sizeof m);
    m.size = size;
    int wanted[12] = {0};
    for (int run = 0; run < 5000; run++) {
      int tasks = run % 12;
      for (int i = 0; i < tasks; i++) wanted[i]++;
      rapt__team_run(ctx->team, mark, &m, tasks);
      if (run % 1000 == 0) usleep(2000); /* let the workers fall asleep */
    }
    for (int i = 0; i < 12; i++) assert_int_equal(m.hits[i], wanted[i]);
    close_context(&memory, ctx);
  }
}

static void slow_task(void *arg, int64_t task, int worker) {
  usleep(task % 2 ? 3000 : 100);
  ((int *)arg)[task] += worker + 1;
}

/* Longer than any spinning: caller and workers sleep and are woken. */
static void sleeping_threads(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 4);
  for (int run = 0; run < 10; run++) {
    int hits[6] = {0};
    rapt__team_run(ctx->team, slow_task, hits, 6);
    for (int i = 0; i < 6; i++) assert_in_range(hits[i], 1, 4);
    usleep(run * 300);
  }
  close_context(&memory, ctx);
}

typedef struct meeting {
  atomic_int here, signals;
} meeting;

static void meet(void *arg, int64_t task, int worker) {
  meeting *m = arg;
  sigset_t blocked;
  pthread_sigmask(SIG_SETMASK, NULL, &blocked);
  if (sigismember(&blocked, SIGINT) != (worker > 0)) atomic_fetch_add(&m->signals, 1);
  atomic_fetch_add(&m->here, 1);
  for (int i = 0; i < 10000 && atomic_load(&m->here) < 3; i++) usleep(500);
}

static void workers_run_at_once(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 3);
  usleep(20000); /* asleep by now: three tasks that wait for one another need both of them woken */
  meeting m = {0};
  double start = rapt__now();
  rapt__team_run(ctx->team, meet, &m, 3);
  assert_true(rapt__now() - start < 5);
  assert_int_equal(atomic_load(&m.here), 3);
  assert_int_equal(atomic_load(&m.signals), 0); /* signals go to the program's threads, not to the workers */
  close_context(&memory, ctx);
}

typedef struct nest {
  rapt__team *team;
  atomic_int inner, wrong;
} nest;

typedef struct nest_level {
  nest *nest;
  int worker;
} nest_level;

static void inner_task(void *arg, int64_t task, int worker) {
  nest_level *level = arg;
  atomic_fetch_add(&level->nest->inner, 1);
  if (worker != level->worker) atomic_fetch_add(&level->nest->wrong, 1);
}

static void outer_task(void *arg, int64_t task, int worker) {
  nest_level level = {arg, worker};
  rapt__team_run(level.nest->team, inner_task, &level, 5);
}

static void nested_runs_stay_on_their_thread(void **state) {
  for (int size = 1; size <= 3; size++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, size);
    nest n = {.team = ctx->team};
    for (int run = 1; run <= 50; run++) {
      rapt__team_run(ctx->team, outer_task, &n, 20);
      assert_int_equal(atomic_load(&n.inner), run * 100);
    }
    assert_int_equal(atomic_load(&n.wrong), 0);
    close_context(&memory, ctx);
  }
}

static atomic_llong far_sum;
static void far_task(void *arg, int64_t task, int worker) { atomic_fetch_add(&far_sum, task); }

static void fewer_threads_when_creation_fails(void **state) {
  for (int allowed = 0; allowed < 4; allowed++) {
    creations_left = allowed;
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 8);
    creations_left = -1;
    assert_int_equal(rapt_context_threads(ctx), allowed + 1);
    assert_int_equal(rapt_context_status(ctx), RAPT_OK);
    atomic_store(&far_sum, 0);
    rapt__team_run(ctx->team, far_task, NULL, 1000);
    assert_int_equal(atomic_load(&far_sum), 499500);
    close_context(&memory, ctx);
  }
  creations_left = 0;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1); /* makes no thread at all */
  creations_left = -1;
  assert_int_equal(rapt_context_threads(ctx), 1);
  close_context(&memory, ctx);
}

static void processors(void **state) {
  assert_true(rapt__cpu_affinity() >= 1);
  assert_true(rapt__cpu_quota() >= 0);
  assert_in_range(rapt__cpu_count(), 1, rapt__cpu_affinity());
}

static void put(rapt_context *ctx, const char *root, const char *name, const char *text) {
  char path[512];
  snprintf(path, sizeof path, "%s/%s", root, name);
  char *slash = strrchr(path, '/');
  *slash = 0;
  assert_ok(ctx, rapt__make_dirs(ctx, path));
  *slash = '/';
  assert_ok(ctx, rapt__file_replace(ctx, path, text, strlen(text)));
}

#define near(a, b) assert_true(fabs((a) - (b)) < 1e-9)

static void quotas(void **state) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char root[] = "/tmp/rapt_test_XXXXXX";
  assert_non_null(mkdtemp(root));
  near(quota_under(root), 0);
  put(ctx, root, "proc/self/cgroup", "0::/a/b\n");
  near(quota_under(root), 0);
  put(ctx, root, "sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  near(quota_under(root), 0);
  put(ctx, root, "sys/fs/cgroup/a/cpu.max", "250000 100000\n");
  near(quota_under(root), 2.5);
  put(ctx, root, "sys/fs/cgroup/a/b/cpu.max", "50000 100000\n");
  near(quota_under(root), 0.5);
  put(ctx, root, "sys/fs/cgroup/a/b/cpu.max", "");
  near(quota_under(root), 2.5);
  static const char *const junk[] = {"x", "\n", "1e999 1", "5 0", "-1 100000", "nan nan", "5", "5 ", "inf 1", " "};
  for (size_t i = 0; i < sizeof junk / sizeof *junk; i++) {
    put(ctx, root, "sys/fs/cgroup/a/cpu.max", junk[i]);
    near(quota_under(root), 0);
  }
  put(ctx, root, "sys/fs/cgroup/cpu.max", "150000 100000\n"); /* a container that sees the host's path */
  put(ctx, root, "proc/self/cgroup", "0::/../../elsewhere\n");
  near(quota_under(root), 1.5);
  put(ctx, root, "proc/self/cgroup", "7:cpuset:/x\n4:cpu,cpuacct:/job\n3:memory:/\n\n:\nrubbish");
  near(quota_under(root), 0);
  put(ctx, root, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "-1\n");
  put(ctx, root, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us", "100000\n");
  near(quota_under(root), 0);
  put(ctx, root, "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us", "300000\n");
  near(quota_under(root), 3);
  char longer[9000];
  memset(longer, '/', sizeof longer);
  memcpy(longer, "0::", 3);
  longer[sizeof longer - 1] = 0;
  put(ctx, root, "proc/self/cgroup", longer);
  near(quota_under(root), 1.5);
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", root);
  assert_int_equal(system(command), 0);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_task_once),
      cmocka_unit_test(negative_count_runs_nothing),
      cmocka_unit_test(many_small_runs),
      cmocka_unit_test(sleeping_threads),
      cmocka_unit_test(workers_run_at_once),
      cmocka_unit_test(nested_runs_stay_on_their_thread),
      cmocka_unit_test(fewer_threads_when_creation_fails),
      cmocka_unit_test(processors),
      cmocka_unit_test(quotas),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
