/* Philox's known answers, and the distributions. */
#include "unit/unit.h"

#include "base/rng.h"

#include <math.h>

/* From the known-answer file of Random123 ("philox4x32 10"): counter, key, output. */
static const uint32_t known[][10] = {
    {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
    {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0x408f276d, 0x41c83b0e, 0xa20bc7c6,
     0x6d5451fd},
    {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09, 0x94fdcceb, 0x5001e420,
     0x24126ea1},
};

static void known_answers(void **state) {
  for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    const uint32_t *k = known[i];
    uint32_t out[4];
    rapt__philox((uint64_t)k[5] << 32 | k[4], (uint64_t)k[3] << 32 | k[2], (uint64_t)k[1] << 32 | k[0], out);
    for (int j = 0; j < 4; j++) assert_int_equal(out[j], k[6 + j]);
  }
}

static void values_depend_on_everything(void **state) {
  uint32_t a = rapt__rng_u32(1, 2, 3);
  assert_int_equal(a, rapt__rng_u32(1, 2, 3));
  assert_int_not_equal(a, rapt__rng_u32(2, 2, 3));
  assert_int_not_equal(a, rapt__rng_u32(1, 3, 3));
  assert_int_not_equal(a, rapt__rng_u32(1, 2, 4));
  assert_int_not_equal(a, rapt__rng_u32(1 + (1ull << 32), 2, 3));
  assert_int_not_equal(a, rapt__rng_u32(1, 2 + (1ull << 32), 3));
  assert_int_not_equal(a, rapt__rng_u32(1, 2, 3 + (1ull << 32)));
}

static void uniform_values(void **state) {
  enum { COUNT = 200000, BINS = 20 };
  int bins[BINS] = {0};
  double sum = 0;
  for (int i = 0; i < COUNT; i++) {
    double u = rapt__rng_uniform(7, 1, (uint64_t)i);
    assert_true(u >= 0 && u < 1);
    sum += u;
    bins[(int)(u * BINS)]++;
  }
  assert_true(fabs(sum / COUNT - 0.5) < 5 * sqrt(1.0 / 12 / COUNT));
  double chi = 0, wanted = (double)COUNT / BINS;
  for (int i = 0; i < BINS; i++) chi += (bins[i] - wanted) * (bins[i] - wanted) / wanted;
  assert_true(chi < 60); /* 19 degrees of freedom: far beyond the 99.999th percentile */
}

static void normal_values(void **state) {
  enum { COUNT = 200000 };
  double sum[5] = {0}, follow = 0, before = 0;
  int inside = 0;
  for (int i = 0; i < COUNT; i++) {
    double x = rapt__rng_normal(7, 2, (uint64_t)i), power = 1;
    assert_true(isfinite(x));
    for (int p = 1; p <= 4; p++) sum[p] += power *= x;
    follow += x * before;
    before = x;
    inside += fabs(x) < 1;
  }
  double root = sqrt(COUNT);
  assert_true(fabs(sum[1] / COUNT) < 5 / root);
  assert_true(fabs(sum[2] / COUNT - 1) < 5 * sqrt(2) / root);
  assert_true(fabs(sum[3] / COUNT) < 5 * sqrt(15) / root);
  assert_true(fabs(sum[4] / COUNT - 3) < 5 * sqrt(96) / root);
  assert_true(fabs(follow / COUNT) < 5 / root);
  assert_true(fabs((double)inside / COUNT - 0.682689492) < 5 * 0.4655 / root);
}

static void below_limits(void **state) {
  for (uint64_t i = 0; i < 1000; i++) {
    assert_int_equal(rapt__rng_below(1, 1, i, 0), 0);
    assert_int_equal(rapt__rng_below(1, 1, i, 1), 0);
    assert_true(rapt__rng_below(1, 1, i, 10) < 10);
    assert_true(rapt__rng_below(1, 1, i, UINT64_MAX) < UINT64_MAX);
  }
}

static void below_is_uniform(void **state) {
  enum { COUNT = 70000, LIMIT = 7 };
  int bins[LIMIT] = {0};
  for (uint64_t i = 0; i < COUNT; i++) bins[rapt__rng_below(3, 9, i, LIMIT)]++;
  double chi = 0, wanted = (double)COUNT / LIMIT;
  for (int i = 0; i < LIMIT; i++) chi += (bins[i] - wanted) * (bins[i] - wanted) / wanted;
  assert_true(chi < 35); /* 6 degrees of freedom */

  /* With 3/4 of 2^64 a multiply without rejection hits every third value twice as often: values divisible by 3 would
   * have half of the mass instead of a third. A quarter of the draws is rejected, so the redraws are tested too. */
  uint64_t limit = 3ull << 62;
  int thirds[3] = {0};
  enum { DRAWS = 60000 };
  for (uint64_t i = 0; i < DRAWS; i++) {
    uint64_t x = rapt__rng_below(5, 9, i, limit);
    assert_true(x < limit);
    thirds[x % 3]++;
  }
  for (int i = 0; i < 3; i++) assert_true(fabs(thirds[i] - DRAWS / 3.0) < 5 * sqrt(DRAWS * 2 / 9.0));
}

static void shuffles_are_orders(void **state) {
  (void)state;
  enum { N = 500 };
  uint32_t a[N], b[N];
  int seen[N] = {0}, same = 0;
  rapt__rng_shuffle(3, 5, 0, a, N);
  rapt__rng_shuffle(3, 5, 0, b, N);
  assert_memory_equal(a, b, sizeof a);
  for (int i = 0; i < N; i++) {
    assert_in_range(a[i], 0, N - 1);
    seen[a[i]]++;
  }
  for (int i = 0; i < N; i++) assert_int_equal(seen[i], 1);
  rapt__rng_shuffle(3, 5, N, b, N);
  for (int i = 0; i < N; i++) same += a[i] == b[i];
  assert_true(same < 20); /* one is expected to stay where it was */
  rapt__rng_shuffle(3, 5, 0, a, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shuffles_are_orders),
      cmocka_unit_test(known_answers),
      cmocka_unit_test(values_depend_on_everything),
      cmocka_unit_test(uniform_values),
      cmocka_unit_test(normal_values),
      cmocka_unit_test(below_limits),
      cmocka_unit_test(below_is_uniform),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
