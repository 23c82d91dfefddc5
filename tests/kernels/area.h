/* Memory of any size for the tests of products and attention: an unreadable page behind it, a pattern all over it. Where
 * the result is expected to leave the pattern alone, it must still be there afterwards. */
#ifndef RAPT_TESTS_KERNELS_AREA_H
#define RAPT_TESTS_KERNELS_AREA_H

#include "check.h"

#include <stdlib.h>

typedef struct area {
  char *map;
  size_t bytes; /* mapped and usable */
  float *p;     /* n floats that end where the unreadable page begins */
  int64_t n;
} area;

/* A multiple of 16 floats starts on a cache line. */
static area area_new(int64_t n) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  area a = {.n = n, .bytes = ((size_t)n * sizeof(float) + 64 + page - 1) / page * page};
  a.map = mmap(NULL, a.bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (a.map == MAP_FAILED || mprotect(a.map + a.bytes, page, PROT_NONE) != 0) {
    perror("mmap");
    _exit(2);
  }
  for (size_t i = 0; i < a.bytes; i += 4) memcpy(a.map + i, &(uint32_t){CHECK_PATTERN}, 4);
  a.p = (float *)(a.map + a.bytes) - n;
  return a;
}

static area area_random(int64_t n, float low, float high) {
  area a = area_new(n);
  check_fill(a.p, n, low, high);
  return a;
}

/* Scratch: all NaN, so that nothing can depend on what it held. */
static area area_scratch(size_t bytes) {
  area a = area_new((int64_t)((bytes + 63) / 64 * 16));
  memset(a.p, 0xFF, (size_t)a.n * sizeof(float));
  return a;
}

static void area_free(area *a) { munmap(a->map, a->bytes + (size_t)sysconf(_SC_PAGESIZE)); }

/* What a result should be, in double; NaN: nothing is written there. */
typedef struct wanted {
  double *value, *tolerance;
  int64_t n;
} wanted;

__attribute__((unused)) static wanted wanted_new(int64_t n) {
  wanted w = {malloc((size_t)(n + 1) * sizeof(double)), malloc((size_t)(n + 1) * sizeof(double)), n};
  if (!w.value || !w.tolerance) _exit(2);
  for (int64_t i = 0; i < n; i++) w.value[i] = NAN, w.tolerance[i] = 0;
  return w;
}

__attribute__((unused)) static void wanted_free(wanted *w) {
  free(w->value);
  free(w->tolerance);
}

__attribute__((unused)) static void check_area(const char *what, const char *level, const area *a, const wanted *w) {
  for (int64_t i = 0; i < w->n; i++) {
    if (isnan(w->value[i])) {
      if (memcmp(&a->p[i], &(uint32_t){CHECK_PATTERN}, 4) != 0) {
        check_fail("%s at %s: wrote to [%lld], outside the result", what, level, (long long)i);
        return;
      }
    } else if (isinf(w->value[i]) ? (double)a->p[i] != w->value[i] // NaN fails both comparisons
                                  : !(fabs((double)a->p[i] - w->value[i]) <= w->tolerance[i])) {
      check_fail("%s at %s: [%lld] is %.9g, not %.9g (allowed %g)", what, level, (long long)i, (double)a->p[i],
                 w->value[i], w->tolerance[i]);
      return;
    }
  }
  for (const char *c = a->map; c + 4 <= (const char *)a->p; c += 4) {
    if (memcmp(c, &(uint32_t){CHECK_PATTERN}, 4) != 0) {
      check_fail("%s at %s: wrote before the buffer", what, level);
      return;
    }
  }
}

static int64_t pick(int64_t low, int64_t high) { return low + (int64_t)(check_u32() % (uint32_t)(high - low + 1)); }

#endif
