/* Softmax, norms, rotation and dropout of every level against ref. */
#include "check.h"

enum row_kind { ROW_SMALL, ROW_WIDE, ROW_MASKED, ROW_EMPTY, ROW_NAN, ROW_INFINITE, ROW_HUGE, ROW_KINDS };

static void fill_row(float *x, int64_t n, enum row_kind kind) {
  float size = kind == ROW_WIDE ? 60.0f : kind == ROW_HUGE ? FLT_MAX : 4.0f;
  for (int64_t i = 0; i < n; i++) {
    x[i] = size * check_between(-1, 1);
    if (kind == ROW_EMPTY || (kind == ROW_MASKED && check_u32() % 2)) x[i] = -INFINITY;
  }
  if (n > 0 && kind == ROW_NAN) x[check_u32() % (uint32_t)n] = NAN;
  if (n > 0 && kind == ROW_INFINITE) x[check_u32() % (uint32_t)n] = INFINITY;
}

static double finite_most(const float *x, int64_t n) {
  double most = 0;
  for (int64_t i = 0; i < n; i++) {
    if (isfinite(x[i]) && fabs((double)x[i]) > most) most = fabs((double)x[i]);
  }
  return most;
}

static void check_softmax(const k_kernels *ref, const k_kernels *t, int64_t n, enum row_kind kind) {
  float *x = check_buffer(0, n), *want = check_buffer(1, n), *got = check_buffer(2, n);
  fill_row(x, n, kind);
  /* x − max is rounded once, and an error in it is a relative error of exp; beyond 104 exp is zero. */
  double range = fmin(2 * finite_most(x, n), 104), size = finite_most(x, n) + 10;
  ref->softmax(n, x, want);
  t->softmax(n, x, got);
  check_intact(2, n, "softmax");
  double sum = 0;
  for (int64_t i = 0; i < n; i++) {
    double tolerance = CHECK_EPS * (12 + range) * fabs((double)want[i]) + CHECK_TINY;
    check_close("softmax", t->name, n, i, got[i], want[i], tolerance);
    sum += (double)got[i];
  }
  if (kind == ROW_EMPTY) check_close("sum of an empty softmax", t->name, n, 0, (float)sum, 0, 0);

  ref->log_softmax(n, x, want);
  t->log_softmax(n, x, got);
  check_intact(2, n, "log_softmax");
  for (int64_t i = 0; i < n; i++) {
    check_close("log_softmax", t->name, n, i, got[i], want[i], 8 * CHECK_EPS * size);
    if (kind == ROW_EMPTY) check_close("empty log_softmax", t->name, n, i, got[i], -INFINITY, 0);
  }
  check_close("logsumexp", t->name, n, 0, t->logsumexp(n, x), ref->logsumexp(n, x), 8 * CHECK_EPS * size);

  float *place = check_buffer(3, n);
  memcpy(place, x, (size_t)n * sizeof *x);
  t->log_softmax(n, place, place);
  check_same("log_softmax in place", t->name, n, place, got);
  memcpy(place, x, (size_t)n * sizeof *x);
  t->softmax(n, x, got);
  t->softmax(n, place, place);
  check_same("softmax in place", t->name, n, place, got);
}

static void test_softmax(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int kind = 0; kind < ROW_KINDS; kind++) {
    check_softmax(ref, t, n, (enum row_kind)kind);
  }
}

static void test_softmax_grad(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) {
    float *y = check_buffer(0, n), *dy = check_buffer(1, n), *want = check_buffer(2, n), *got = check_buffer(3, n);
    check_fill(y, n, -4, 4);
    check_fill(dy, n, -1, 1);
    ref->log_softmax(n, y, y);
    double sizes = 0;
    for (int64_t i = 0; i < n; i++) sizes += fabs((double)dy[i]);
    ref->log_softmax_grad(n, y, dy, want);
    t->log_softmax_grad(n, y, dy, got);
    for (int64_t i = 0; i < n; i++) {
      double tolerance = CHECK_EPS * (2 + (8 + 2 * sqrt((double)n)) * exp((double)y[i]) * sizes);
      check_close("log_softmax_grad", t->name, n, i, got[i], want[i], tolerance);
    }
    for (int64_t i = 0; i < n; i++) y[i] = (float)exp((double)y[i]);
    ref->softmax_grad(n, y, dy, want);
    t->softmax_grad(n, y, dy, got);
    for (int64_t i = 0; i < n; i++) {
      double tolerance = CHECK_EPS * (8 + 2 * sqrt((double)n)) * (double)y[i] + CHECK_TINY;
      check_close("softmax_grad", t->name, n, i, got[i], want[i], tolerance);
    }
    check_intact(3, n, "softmax_grad");
    t->softmax_grad(n, y, dy, dy);
    check_same("softmax_grad in place", t->name, n, dy, got);

    float shift = check_between(-3, 3), scale = check_between(-2, 2);
    check_fill(dy, n, -50, 20);
    check_sprinkle(dy, n);
    ref->exp_shift(n, shift, scale, dy, want);
    t->exp_shift(n, shift, scale, dy, got);
    for (int64_t i = 0; i < n; i++) {
      if (isfinite(dy[i]) && dy[i] + shift > 88 && dy[i] + shift < 95) continue; /* exp alone may overflow first */
      double range = fmin(fabs((double)dy[i]) + 3, 104);
      double tolerance = CHECK_EPS * (8 + range) * fmin(fabs((double)want[i]), 0x1p128) + CHECK_TINY;
      check_close("exp_shift", t->name, n, i, got[i], want[i], tolerance);
    }
    check_intact(3, n, "exp_shift");
  }
}

#define SOFTEN_TINY 1.2e-38 /* kernels.h */

/* A row beneath an older top, which is −∞ in the first row, below or above the others. */
static void check_soften(const k_kernels *ref, const k_kernels *t, int64_t n, enum row_kind kind, float old) {
  float *want = check_buffer(0, n), *got = check_buffer(1, n), top[2] = {old, old};
  fill_row(want, n, kind);
  memcpy(got, want, (size_t)n * sizeof *got);
  double range = fmin(2 * finite_most(want, n) + fabs(isinf(old) ? 0 : (double)old), 104);
  float sum = ref->soften(n, want, &top[0]), ours = t->soften(n, got, &top[1]);
  check_intact(1, n, "soften");
  check_close("top of soften", t->name, n, 0, top[1], top[0], 0);
  double size = 0;
  for (int64_t i = 0; i < n; i++) {
    double tolerance = CHECK_EPS * (12 + range) * fabs((double)want[i]) + SOFTEN_TINY;
    check_close("soften", t->name, n, i, got[i], want[i], tolerance);
    size += tolerance + CHECK_EPS * 4 * fabs((double)want[i]);
  }
  check_close("sum of soften", t->name, n, 0, ours, sum, size * (1 + sqrt((double)n) / 4) + CHECK_TINY);
}

static void check_soften_grad(const k_kernels *ref, const k_kernels *t, int64_t n) {
  float *p = check_buffer(0, n), *ds = check_buffer(1, n), *want = check_buffer(2, n), *got = check_buffer(3, n);
  float d = check_between(-1, 1);
  check_fill(p, n, -30, 5);
  check_fill(ds, n, -2, 2);
  if (n > 3) p[n / 2] = -INFINITY, p[0] = -200;
  memcpy(want, p, (size_t)n * sizeof *p);
  memcpy(got, ds, (size_t)n * sizeof *ds);
  ref->soften_grad(n, 5, d, want, ds);
  t->soften_grad(n, 5, d, p, got);
  check_intact(0, n, "soften_grad");
  check_intact(3, n, "soften_grad");
  for (int64_t i = 0; i < n; i++) {
    double tolerance = CHECK_EPS * 60 * fabs((double)want[i]) + SOFTEN_TINY;
    check_close("p of soften_grad", t->name, n, i, p[i], want[i], tolerance);
    check_close("soften_grad", t->name, n, i, got[i], ds[i], 4 * tolerance);
  }
}

static void test_soften(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  static const float tops[] = {-INFINITY, -80, 0, 3, 70};
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) {
    for (int kind = 0; kind < ROW_KINDS; kind++)
      for (int i = 0; i < 5 && kind != ROW_HUGE; i++) check_soften(ref, t, n, (enum row_kind)kind, tops[i]);
    check_soften_grad(ref, t, n);
  }
}

/* x with mean `offset`, and weights; kinds 0 to 3 are: both, no bias, no weight, neither. */
static void check_norms(const k_kernels *ref, const k_kernels *t, int64_t n, int kind, float offset) {
  float *x = check_buffer(0, n), *weight = check_buffer(1, n), *bias = check_buffer(2, n);
  float *want = check_buffer(3, n), *got = check_buffer(4, n), *dy = check_buffer(5, n);
  check_fill(x, n, offset - 2, offset + 2);
  check_fill(weight, n, -2, 2);
  check_fill(bias, n, -1, 1);
  check_fill(dy, n, -1, 1);
  const float *w = kind & 2 ? NULL : weight, *b = kind & 1 ? NULL : bias;
  float eps = 1e-5f, mean, rstd, mean_got, rstd_got;
  double size = check_most(x, n);

  ref->layer_norm(n, x, w, b, eps, want, &mean, &rstd);
  t->layer_norm(n, x, w, b, eps, got, &mean_got, &rstd_got);
  check_intact(4, n, "layer_norm");
  /* An error of the mean moves every x − mean by 8ε·max|x| at most. */
  double h = (2 * size + 1) * (double)rstd;
  check_close("layer_norm mean", t->name, n, 0, mean_got, mean, 8 * CHECK_EPS * size);
  check_close("layer_norm rstd", t->name, n, 0, rstd_got, rstd, 16 * CHECK_EPS * (double)rstd * (1 + size));
  for (int64_t i = 0; i < n; i++) {
    check_close("layer_norm", t->name, n, i, got[i], want[i], 16 * CHECK_EPS * (h * (w ? fabs((double)w[i]) : 1) + 1));
  }
  ref->layer_norm_grad(n, x, w, mean, rstd, dy, want);
  t->layer_norm_grad(n, x, w, mean, rstd, dy, got);
  check_intact(4, n, "layer_norm_grad");
  double slope = 2 * (double)rstd * (1 + h);
  for (int64_t i = 0; i < n; i++) {
    check_close("layer_norm_grad", t->name, n, i, got[i], want[i], 32 * CHECK_EPS * slope);
  }
  float *place = check_buffer(6, n);
  memcpy(place, dy, (size_t)n * sizeof *dy);
  t->layer_norm_grad(n, x, w, mean, rstd, place, place);
  check_same("layer_norm_grad in place", t->name, n, place, got);

  ref->rms_norm(n, x, w, eps, want, &rstd);
  t->rms_norm(n, x, w, eps, got, &rstd_got);
  check_intact(4, n, "rms_norm");
  check_close("rms_norm rstd", t->name, n, 0, rstd_got, rstd, 8 * CHECK_EPS * (double)rstd);
  for (int64_t i = 0; i < n; i++) {
    check_close("rms_norm", t->name, n, i, got[i], want[i], 12 * CHECK_EPS * fabs((double)want[i]));
  }
  ref->rms_norm_grad(n, x, w, rstd, dy, want);
  t->rms_norm_grad(n, x, w, rstd, dy, got);
  check_intact(4, n, "rms_norm_grad");
  slope = 2 * (double)rstd * (1 + size * (double)rstd);
  for (int64_t i = 0; i < n; i++) check_close("rms_norm_grad", t->name, n, i, got[i], want[i], 32 * CHECK_EPS * slope);
}

static void test_norms(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int kind = 0; kind < 4; kind++) {
    check_norms(ref, t, n, kind, 0);
    check_norms(ref, t, n, kind, 5);
  }
}

/* By hand: (1, 2, 3, 4) has mean 2.5, variance 1.25 and mean square 7.5. */
static void test_known_norms(void) {
  CHECK_EACH_LEVEL(t) {
    const float x[] = {1, 2, 3, 4}, weight[] = {1, 1, 2, 1}, bias[] = {0, 0, 1, 0};
    float y[4], mean, rstd;
    t->layer_norm(4, x, weight, bias, 0, y, &mean, &rstd);
    check_close("mean", t->name, 4, 0, mean, 2.5f, 0);
    check_close("rstd", t->name, 4, 0, rstd, (float)(1 / sqrt(1.25)), 1e-7);
    check_close("y", t->name, 4, 2, y[2], (float)(2 * 0.5 / sqrt(1.25) + 1), 5e-7);
    t->rms_norm(4, x, weight, 0, y, &rstd);
    check_close("rms rstd", t->name, 4, 0, rstd, (float)(1 / sqrt(7.5)), 1e-7);
    check_close("rms y", t->name, 4, 2, y[2], (float)(6 / sqrt(7.5)), 5e-7);
    t->softmax(4, x, y);
    check_close("softmax", t->name, 4, 3, y[3], 0.643914260f, 2e-7);
    check_close("logsumexp", t->name, 4, 0, t->logsumexp(4, x), 4.44018970f, 1e-6);
  }
}

static void test_rotate(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) for (int64_t n = 0; n < 140; n += 2) for (int mode = 0; mode < 4; mode++) {
    float *x = check_buffer(0, n), *cs = check_buffer(1, n), *want = check_buffer(2, n), *got = check_buffer(3, n);
    check_fill(x, n, -3, 3);
    for (int64_t i = 0; i < n; i += 2) {
      double angle = (double)check_between(0, 6.28f);
      cs[i] = (float)cos(angle);
      cs[i + 1] = (float)sin(angle);
    }
    bool halves = mode & 1;
    float sign = mode & 2 ? -1.0f : 1.0f;
    ref->rotate(n, halves, sign, cs, x, want);
    t->rotate(n, halves, sign, cs, x, got);
    check_intact(3, n, "rotate");
    for (int64_t i = 0; i < n; i++) check_close("rotate", t->name, n, i, got[i], want[i], 12 * CHECK_EPS);
    float *place = check_buffer(4, n);
    memcpy(place, x, (size_t)n * sizeof *x);
    t->rotate(n, halves, sign, cs, place, place);
    check_same("rotate in place", t->name, n, place, got);
    t->rotate(n, halves, -sign, cs, place, place);
    for (int64_t i = 0; i < n; i++) check_close("rotate back", t->name, n, i, place[i], x[i], 32 * CHECK_EPS);
  }
  CHECK_EACH_LEVEL(t) { /* a quarter turn takes (1, 0) to (0, 1) */
    const float cs[] = {0, 1}, x[] = {1, 0};
    float y[2];
    t->rotate(2, false, 1, cs, x, y);
    check_close("quarter turn", t->name, 2, 0, y[0], 0, 0);
    check_close("quarter turn", t->name, 2, 1, y[1], 1, 0);
  }
}

static void test_dropout(void) {
  static const float ps[] = {0, 0.1f, 0.5f, 0.999f, 1};
  static const uint64_t firsts[] = {0, 5, 0xFFFFFFF3u, 0xFFFFFFFFFFFFFFF5u};
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int c = 0; c < 20; c++) {
    float *x = check_buffer(0, n), *want = check_buffer(1, n), *got = check_buffer(2, n);
    check_fill(x, n, -3, 3);
    uint64_t seed = (uint64_t)check_u32() << 32 | check_u32(), stream = (uint64_t)check_u32() << 32 | check_u32();
    ref->dropout(n, ps[c / 4], seed, stream, firsts[c % 4], x, want);
    t->dropout(n, ps[c / 4], seed, stream, firsts[c % 4], x, got);
    check_intact(2, n, "dropout");
    check_same("dropout", t->name, n, got, want);
    t->dropout(n, ps[c / 4], seed, stream, firsts[c % 4], x, x);
    check_same("dropout in place", t->name, n, x, got);
  }
  float *x = check_buffer(0, 20000), *y = check_buffer(1, 20000);
  for (int i = 0; i < 20000; i++) x[i] = 1;
  CHECK_EACH_LEVEL(t) {
    t->dropout(20000, 0.25f, 1, 2, 3, x, y);
    int kept = 0;
    for (int i = 0; i < 20000; i++) kept += y[i] != 0;
    check_close("share kept", t->name, 20000, 0, (float)kept / 20000, 0.75f, 0.0125); /* four standard deviations */
  }
}

static const check_test tests[] = {
    CHECK_TEST(test_softmax),     CHECK_TEST(test_soften), CHECK_TEST(test_softmax_grad), CHECK_TEST(test_norms),
    CHECK_TEST(test_known_norms), CHECK_TEST(test_rotate), CHECK_TEST(test_dropout),
};
CHECK_MAIN(tests)
