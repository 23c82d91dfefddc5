/* Elementwise kernels and reductions of every level against ref. */
#include "check.h"

#include <stdlib.h>

/* What a unary kernel may be off by: ulps of the result plus a multiple of ε·|x|, and how dense the sweep is. Functions
 * that are not here must give ref's bits. */
typedef struct unary_bound {
  double ulps, by_x;
  uint32_t stride;
} unary_bound;

static const unary_bound unary_bounds[K_UNARY_COUNT] = {
    [K_UNARY_rsqrt] = {1, 0, 0},    [K_UNARY_exp] = {1, 0, 977},     [K_UNARY_log] = {2, 0, 977},
    [K_UNARY_tanh] = {2, 0, 977},   [K_UNARY_erf] = {2, 0, 977},     [K_UNARY_sigmoid] = {2, 0, 977},
    [K_UNARY_gelu] = {4, 2, 0},     [K_UNARY_gelu_tanh] = {4, 2, 0}, [K_UNARY_silu] = {3, 0, 0},
    [K_UNARY_softplus] = {3, 0, 0},
};

static const char *const unary_names[] = {
#define NAME(name) #name,
    K_UNARY_LIST(NAME)};
static const char *const binary_names[] = {K_BINARY_LIST(NAME)
#undef NAME
};

static double unary_tolerance(int f, float x, float want) {
  double size = fabs((double)x) < 40 ? fabs((double)x) : 0; /* beyond, the functions that need it are exact */
  const unary_bound *b = &unary_bounds[f];
  return b->ulps > 0 ? b->ulps * check_ulp((double)want) + b->by_x * CHECK_EPS * size + CHECK_TINY : 0;
}

/* Over the whole range of floats, by bit pattern; RAPT_CHECK_VERBOSE prints the largest error found, in ulps. */
static void sweep(const k_kernels *ref, const k_kernels *t, int f) {
  enum { BATCH = 4096 };
  uint64_t stride = unary_bounds[f].stride ? unary_bounds[f].stride : 9973;
  float *x = check_buffer(0, BATCH), *want = check_buffer(1, BATCH), *got = check_buffer(2, BATCH);
  double worst = 0;
  float where = 0;
  for (uint64_t bits = 0; bits <= UINT32_MAX;) {
    int n = 0;
    for (; n < BATCH && bits <= UINT32_MAX; n++, bits += stride) memcpy(&x[n], &(uint32_t){(uint32_t)bits}, 4);
    ref->unary[f](n, x, want);
    t->unary[f](n, x, got);
    for (int i = 0; i < n; i++) {
      double d = check_distance(got[i], want[i]) / check_ulp((double)want[i]);
      if (d > worst && fabs((double)want[i]) >= (double)FLT_MIN) worst = d, where = x[i];
      check_close(unary_names[f], t->name, n, i, got[i], want[i], unary_tolerance(f, x[i], want[i]));
    }
  }
  if (getenv("RAPT_CHECK_VERBOSE"))
    printf("%s at %s: %.1f ulp at %.9g\n", unary_names[f], t->name, worst, (double)where);
}

static void test_unary_range(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) {
    for (int f = 0; f < K_UNARY_COUNT; f++) {
      if (t->unary[f] != ref->unary[f]) sweep(ref, t, f);
    }
  }
}

static void test_unary_sizes(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) for (int f = 0; f < K_UNARY_COUNT; f++) CHECK_EACH_SIZE(n) {
    float *x = check_buffer(0, n), *want = check_buffer(1, n), *got = check_buffer(2, n), *one = check_buffer(3, n);
    check_fill(x, n, -6, 6);
    check_sprinkle(x, n);
    ref->unary[f](n, x, want);
    t->unary[f](n, x, got);
    check_intact(2, n, unary_names[f]);
    for (int64_t i = 0; i < n; i++) {
      check_close(unary_names[f], t->name, n, i, got[i], want[i], unary_tolerance(f, x[i], want[i]));
      t->unary[f](1, &x[i], &one[i]);
    }
    check_same(unary_names[f], t->name, n, one, got); /* the place in a buffer makes no difference */
    t->unary[f](n, x, x);
    check_same(unary_names[f], t->name, n, x, got);
    check_intact(0, n, unary_names[f]);
  }
}

/* The value with the bits of the unary kernel, the slope as the derivative's own kernel has it for an incoming gradient of 1. */
static void test_slopes(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) for (int f = 0; f < K_UNARY_COUNT; f++) {
    if (!ref->slope[f]) continue;
    CHECK_EACH_SIZE(n) {
      float *x = check_buffer(0, n), *y = check_buffer(1, n), *slope = check_buffer(2, n), *want = check_buffer(3, n);
      check_fill(x, n, -6, 6);
      check_sprinkle(x, n);
      t->slope[f](n, x, y, slope);
      check_intact(1, n, unary_names[f]);
      check_intact(2, n, unary_names[f]);
      t->unary[f](n, x, want);
      check_same(unary_names[f], t->name, n, y, want);
      ref->slope[f](n, x, y, want);
      for (int64_t i = 0; i < n; i++)
        check_close("slope", t->name, n, i, slope[i], want[i], 16 * CHECK_EPS + CHECK_TINY);
      t->unary[f](n, x, want);
      t->slope[f](n, x, x, slope);
      check_same("slope in place", t->name, n, x, want);
    }
  }
}

/* Smooth derivatives are bounded functions times v: their error counts by the size of v. */
static double binary_tolerance(int f, float v, float want) {
  double ulp = check_ulp((double)want), size = fabs((double)v) * CHECK_EPS;
  switch (f) {
  case K_BINARY_tanh_grad_y: return 2 * ulp + CHECK_TINY;
  case K_BINARY_sigmoid_grad_y: return 3 * ulp + CHECK_TINY;
  case K_BINARY_gelu_grad: return 8 * size + CHECK_TINY;
  case K_BINARY_gelu_tanh_grad: return 16 * size + CHECK_TINY;
  case K_BINARY_silu_grad: return 8 * size + CHECK_TINY;
  case K_BINARY_softplus_grad: return 3 * ulp + CHECK_TINY;
  default: return 0;
  }
}

static bool is_derivative(int f) { return f >= K_BINARY_tanh_grad_y; }

static void test_binary(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) for (int f = 0; f < K_BINARY_COUNT; f++) CHECK_EACH_SIZE(n) for (int s = 0; s < 4; s++) {
    const char *name = binary_names[f];
    int64_t sa = s & 1, sb = s >> 1, na = sa ? n : 1, nb = sb ? n : 1;
    float *a = check_buffer(0, na), *b = check_buffer(1, nb), *want = check_buffer(2, n), *got = check_buffer(3, n);
    bool of_y = f == K_BINARY_tanh_grad_y || f == K_BINARY_sigmoid_grad_y;
    check_fill(a, na, of_y ? 0 : -6, of_y ? 1 : 6);
    check_fill(b, nb, -6, 6);
    for (int64_t i = 0; i < n; i += 3) {
      if (sa && sb) a[i] = b[i]; /* equal operands */
    }
    if (!of_y) check_sprinkle(a, na);
    if (!is_derivative(f)) check_sprinkle(b, nb);
    ref->binary[f](n, a, sa, b, sb, want);
    t->binary[f](n, a, sa, b, sb, got);
    check_intact(3, n, name);
    for (int64_t i = 0; i < n; i++) {
      bool ok = check_close(name, t->name, n, i, got[i], want[i], binary_tolerance(f, b[i * sb], want[i]));
      if (!ok) check_fail("  operands %.9g, %.9g", (double)a[i * sa], (double)b[i * sb]);
    }
    float *place = check_buffer(4, n);
    if (sa) {
      memcpy(place, a, (size_t)n * sizeof *a);
      t->binary[f](n, place, 1, b, sb, place);
      check_same(name, t->name, n, place, got);
    }
    if (sb) {
      memcpy(place, b, (size_t)n * sizeof *b);
      t->binary[f](n, a, sa, place, 1, place);
      check_same(name, t->name, n, place, got);
    }
    check_intact(4, n, name);
  }
}

static void test_vectors(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) {
    float *x = check_buffer(0, n), *y = check_buffer(1, n), *want = check_buffer(2, n), *got = check_buffer(3, n);
    float *c = check_buffer(4, n);
    check_fill(x, n, -3, 3);
    check_fill(y, n, -3, 3);
    for (int64_t i = 0; i < n; i++) c[i] = (float)(check_u32() % 2);
    float a = check_between(-2, 2);

    memcpy(want, y, (size_t)n * sizeof *y);
    memcpy(got, y, (size_t)n * sizeof *y);
    ref->axpy(n, a, x, want);
    t->axpy(n, a, x, got);
    for (int64_t i = 0; i < n; i++) check_close("axpy", t->name, n, i, got[i], want[i], check_ulp(6));

    check_sprinkle(x, n);
    ref->scale(n, a, x, want);
    t->scale(n, a, x, got);
    check_same("scale", t->name, n, got, want);
    ref->clamp(n, -1, 2, x, want);
    t->clamp(n, -1, 2, x, got);
    check_same("clamp", t->name, n, got, want);
    for (int s = 0; s < 8 && n > 0; s++) {
      ref->where(n, c, s & 1, x, s >> 1 & 1, y, s >> 2, want);
      t->where(n, c, s & 1, x, s >> 1 & 1, y, s >> 2, got);
      check_same("where", t->name, n, got, want);
    }
    check_intact(3, n, "axpy, scale, clamp, where");
  }
}

static void check_sums(const k_kernels *ref, const k_kernels *t, int64_t n) {
  float *x = check_buffer(0, n), *y = check_buffer(1, n);
  check_fill(x, n, -3, 3);
  check_fill(y, n, -3, 3);
  double sizes = 0, products = 0, squares = 0;
  for (int64_t i = 0; i < n; i++) {
    sizes += fabs((double)x[i]);
    products += fabs((double)x[i] * (double)y[i]);
    squares += (double)x[i] * (double)x[i];
  }
  check_close("sum", t->name, n, 0, t->sum(n, x), ref->sum(n, x), 8 * CHECK_EPS * sizes);
  check_close("dot", t->name, n, 0, t->dot(n, x, y), ref->dot(n, x, y), 8 * CHECK_EPS * products);
  check_close("sum_squares", t->name, n, 0, t->sum_squares(n, x), ref->sum_squares(n, x), 8 * CHECK_EPS * squares);
  check_close("max", t->name, n, 0, t->max(n, x), ref->max(n, x), 0);
  for (int64_t i = 0; i < n && n < 71; i++) {
    float kept = x[i];
    x[i] = NAN;
    check_close("max with NaN", t->name, n, i, t->max(n, x), NAN, 0);
    check_close("sum with NaN", t->name, n, i, t->sum(n, x), NAN, 0);
    x[i] = INFINITY;
    check_close("max with infinity", t->name, n, i, t->max(n, x), INFINITY, 0);
    x[i] = 7;
    check_close("max", t->name, n, i, t->max(n, x), 7, 0);
    x[i] = kept;
  }
  for (int64_t i = 0; i < n; i++) x[i] = -INFINITY;
  check_close("max of −infinity", t->name, n, 0, t->max(n, x), -INFINITY, 0);
}

static void test_reductions(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) {
    CHECK_EACH_SIZE(n) check_sums(ref, t, n);
    check_sums(ref, t, CHECK_MAX);
  }
}

static void test_column_sum(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) for (int64_t rows = 0; rows < 9; rows++) CHECK_EACH_SIZE(n) for (int add = 0; add < 2; add++) {
    int64_t ldx = n + rows % 3, total = rows ? (rows - 1) * ldx + n : 0;
    float *x = check_buffer(0, total), *want = check_buffer(1, n), *got = check_buffer(2, n);
    check_fill(x, total, -3, 3);
    check_fill(want, n, -3, 3);
    memcpy(got, want, (size_t)n * sizeof *got);
    ref->column_sum(rows, n, x, ldx, want, add);
    t->column_sum(rows, n, x, ldx, got, add);
    check_same("column_sum", t->name, n, got, want);
    check_intact(2, n, "column_sum");
  }
}

static void test_transpose(void) {
  CHECK_EACH_LEVEL(t) for (int64_t rows = 0; rows < 36; rows++) for (int64_t cols = 0; cols < 36; cols++) {
    int64_t ldx = cols + rows % 4, ldy = rows + cols % 4;
    int64_t nx = rows ? (rows - 1) * ldx + cols : 0, ny = cols ? (cols - 1) * ldy + rows : 0;
    float *x = check_buffer(0, nx), *y = check_buffer(1, ny);
    check_fill(x, nx, -3, 3);
    for (int64_t i = 0; i < ny; i++) y[i] = 99;
    t->transpose(rows, cols, x, ldx, y, ldy);
    check_intact(1, ny, "transpose");
    for (int64_t i = 0; i < ny; i++) {
      int64_t row = i % ldy, col = i / ldy;
      check_close("transpose", t->name, ny, i, y[i], row < rows ? x[row * ldx + col] : 99, 0);
    }
  }
}

/* Values that are known without ref. */
static void test_known(void) {
  static const struct {
    int f;
    float x, y;
  } known[] = {
      {K_UNARY_exp, 0, 1},
      {K_UNARY_exp, 1, 2.71828183f},
      {K_UNARY_exp, INFINITY, INFINITY},
      {K_UNARY_exp, -INFINITY, 0},
      {K_UNARY_log, 0, -INFINITY},
      {K_UNARY_log, 1e-45f, -103.278929f},
      {K_UNARY_log, -1, NAN},
      {K_UNARY_tanh, 0.5f, 0.462117157f},
      {K_UNARY_tanh, -INFINITY, -1},
      {K_UNARY_erf, 0.5f, 0.520499878f},
      {K_UNARY_sigmoid, 2, 0.880797078f},
      {K_UNARY_relu, NAN, NAN},
      {K_UNARY_relu, -3, 0},
      {K_UNARY_gelu, 1, 0.841344746f},
      {K_UNARY_gelu_tanh, 1, 0.841191991f},
      {K_UNARY_gelu, -INFINITY, 0},
      {K_UNARY_gelu_tanh, -INFINITY, 0},
      {K_UNARY_silu, 1, 0.731058579f},
      {K_UNARY_silu, -INFINITY, 0},
      {K_UNARY_softplus, 1, 1.31326169f},
      {K_UNARY_softplus, -INFINITY, 0},
      {K_UNARY_softplus, INFINITY, INFINITY},
  };
  CHECK_EACH_LEVEL(t) for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
    float y;
    t->unary[known[i].f](1, &known[i].x, &y);
    double tolerance = isfinite(known[i].y) ? 3 * check_ulp((double)known[i].y) : 0;
    check_close(unary_names[known[i].f], t->name, 1, (int64_t)i, y, known[i].y, tolerance);
  }
}

static const check_test tests[] = {
    CHECK_TEST(test_known),       CHECK_TEST(test_unary_sizes), CHECK_TEST(test_slopes),
    CHECK_TEST(test_unary_range), CHECK_TEST(test_binary),      CHECK_TEST(test_vectors),
    CHECK_TEST(test_reductions),  CHECK_TEST(test_column_sum),  CHECK_TEST(test_transpose),
};
CHECK_MAIN(tests)
