/* Harness of the kernel tests: every level's kernels against ref's on buffers with traps on both sides.
 *
 * A buffer ends where an unreadable page begins, so that touching anything behind it crashes; words before it must keep
 * their pattern. Its alignment varies with its length. Built with -DRAPT_CHECK_PLAIN the tests need no cmocka, which is
 * how they run under an emulator of another CPU. */
#ifndef RAPT_TESTS_KERNELS_CHECK_H
#define RAPT_TESTS_KERNELS_CHECK_H

#include "kernels/kernels.h"

#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#ifndef RAPT_CHECK_PLAIN
#include <setjmp.h>
#include <cmocka.h>
#endif

#define CHECK_EPS 0x1p-24 /* half the distance from 1 to the next float */
#define CHECK_TINY 1e-38  /* what results near the smallest normal number may be off by */

enum { CHECK_SLOTS = 12, CHECK_MAX = 70000, CHECK_GUARD = 32 };

typedef struct check_test {
  const char *name;
  void (*run)(void);
} check_test;
#define CHECK_TEST(function)                                                                                           \
  { #function, function }

/* Sizes that tests loop over: all short ones and some that reach every part of an unrolled loop. */
#define CHECK_EACH_SIZE(n) for (int64_t n = 0; n >= 0; n = check_next_size(n))
__attribute__((unused)) static int64_t check_next_size(int64_t n) {
  static const int64_t more[] = {127, 300, 1001, 4096, 4099};
  if (n < 70) return n + 1;
  for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
    if (more[i] > n) return more[i];
  }
  return -1;
}

static int check_failures; /* in the running test */

__attribute__((unused, format(printf, 1, 2))) static void check_fail(const char *format, ...) {
  if (check_failures++ >= 10) return;
  va_list args;
  va_start(args, format);
  fputs("  ", stderr);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

/* Values: xorshift, and from time to time one of the awkward ones. */
static uint64_t check_state = 0x9E3779B97F4A7C15u;

__attribute__((unused)) static uint32_t check_u32(void) {
  check_state ^= check_state << 13;
  check_state ^= check_state >> 7;
  check_state ^= check_state << 17;
  return (uint32_t)(check_state >> 32);
}

__attribute__((unused)) static float check_between(float low, float high) {
  return low + (high - low) * (float)(check_u32() >> 8) * 0x1p-24f;
}

__attribute__((unused)) static void check_fill(float *x, int64_t n, float low, float high) {
  for (int64_t i = 0; i < n; i++) x[i] = check_between(low, high);
}

__attribute__((unused)) static void check_sprinkle(float *x, int64_t n) {
  static const float odd[] = {NAN,     INFINITY, -INFINITY, 0.0f,     -0.0f, 1e-45f,
                              -1e-40f, FLT_MIN,  FLT_MAX,   -FLT_MAX, 88.8f, -104.0f};
  for (int64_t i = 0; i < n; i++) {
    if (check_u32() % 4 == 0) x[i] = odd[check_u32() % (sizeof odd / sizeof *odd)];
  }
}

#define CHECK_PATTERN 0xA5A5F00Du

static float *check_end[CHECK_SLOTS];

/* A buffer of n floats in this slot, with whatever was there before. */
__attribute__((unused)) static float *check_buffer(int slot, int64_t n) {
  if (!check_end[slot]) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t bytes = ((CHECK_MAX + CHECK_GUARD) * sizeof(float) + page - 1) / page * page;
    char *map = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || mprotect(map + bytes, page, PROT_NONE) != 0) {
      perror("mmap");
      _exit(2);
    }
    check_end[slot] = (float *)(map + bytes);
  }
  float *p = check_end[slot] - n;
  for (int i = 1; i <= CHECK_GUARD; i++) memcpy(p - i, &(uint32_t){CHECK_PATTERN}, sizeof(uint32_t));
  return p;
}

/* Says whether what lies before the slot's buffer of n floats was written. */
__attribute__((unused)) static void check_intact(int slot, int64_t n, const char *what) {
  for (int i = 1; i <= CHECK_GUARD; i++) {
    uint32_t word;
    memcpy(&word, check_end[slot] - n - i, sizeof word);
    if (word != CHECK_PATTERN) check_fail("%s, n = %lld: wrote %d before the buffer", what, (long long)n, i);
  }
}

/* The distance between neighbouring floats at x. */
__attribute__((unused)) static double check_ulp(double x) {
  x = fabs(x);
  if (!(x >= (double)FLT_MIN)) return 0x1p-149;
  int e;
  frexp(x > (double)FLT_MAX ? (double)FLT_MAX : x, &e);
  return ldexp(1, e - 24);
}

/* NaN must meet NaN; an infinity counts as the number after the largest, so that rounding may decide about it. */
__attribute__((unused)) static double check_distance(float got, float want) {
  if (isnan(got) || isnan(want)) return isnan(got) && isnan(want) ? 0 : INFINITY;
  double a = isinf(got) ? copysign(0x1p128, (double)got) : (double)got;
  double b = isinf(want) ? copysign(0x1p128, (double)want) : (double)want;
  return fabs(a - b);
}

__attribute__((unused)) static bool check_close(const char *what, const char *level, int64_t n, int64_t i, float got,
                                                float want, double tolerance) {
  double d = check_distance(got, want);
  if (d == 0 || d <= tolerance) return true; /* the tolerance of a NaN is NaN */
  check_fail("%s at %s, n = %lld: [%lld] is %.9g, not %.9g (off by %g, allowed %g)", what, level, (long long)n,
             (long long)i, (double)got, (double)want, d, tolerance);
  return false;
}

__attribute__((unused)) static void check_same(const char *what, const char *level, int64_t n, const float *got,
                                               const float *want) {
  for (int64_t i = 0; i < n; i++) {
    if (memcmp(&got[i], &want[i], sizeof *got) != 0 && !(isnan(got[i]) && isnan(want[i]))) {
      check_fail("%s at %s, n = %lld: [%lld] is %.9g, not exactly %.9g", what, level, (long long)n, (long long)i,
                 (double)got[i], (double)want[i]);
      return;
    }
  }
}

__attribute__((unused)) static double check_most(const float *x, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) most = fabs((double)x[i]) > most ? fabs((double)x[i]) : most;
  return most;
}

/* Runs the body for every level that this CPU has, ref among them. */
#define CHECK_EACH_LEVEL(t)                                                                                            \
  for (int level_ = 0; level_ < K_LEVEL_COUNT; level_++)                                                               \
    for (const k_kernels *t = rapt__kernels_at((k_level)level_); t; t = NULL)

#ifdef RAPT_CHECK_PLAIN
__attribute__((unused)) static int check_main(const check_test *tests, size_t count) {
  size_t failed = 0;
  for (size_t i = 0; i < count; i++) {
    check_failures = 0;
    tests[i].run();
    if (check_failures) fprintf(stderr, "%s: %d failures\n", tests[i].name, check_failures);
    failed += check_failures > 0;
  }
  printf("%zu passed, %zu failed\n", count - failed, failed);
  return failed > 0;
}
#else
static void check_run(void **state) {
  const check_test *test = *state;
  check_failures = 0;
  test->run();
  if (check_failures) fail_msg("%s: %d failures", test->name, check_failures);
}

__attribute__((unused)) static int check_main(const check_test *tests, size_t count) {
  struct CMUnitTest list[64];
  if (count > 64) return 2;
  for (size_t i = 0; i < count; i++) {
    list[i] = (struct CMUnitTest){
        .name = tests[i].name, .test_func = check_run, .initial_state = (void *)(uintptr_t)&tests[i]};
  }
  return _cmocka_run_group_tests("kernels", list, count, NULL, NULL);
}
#endif

#define CHECK_MAIN(tests)                                                                                              \
  int main(void) { return check_main(tests, sizeof(tests) / sizeof *(tests)); }

#endif
