/* Steps of recurrent cells of every level against ref, and products with a matrix that stays against a plain sum. */
#include "area.h"

#include "kernels/fixed.h"

enum { GATES = 4 };

static void check_row(const char *what, const k_kernels *t, int64_t n, int64_t count, const float *got,
                      const float *want, double tolerance) {
  for (int64_t i = 0; i < count; i++)
    if (!check_close(what, t->name, n, i, got[i], want[i], tolerance)) return;
}

/* Activations lie in [−1, 1] and their slopes below 1: what the sums before them lose is the most that they lose. */
static void test_lstm(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int mode = 0; mode < 4; mode++) {
    bool forget = mode & 1, has_peep = mode & 2;
    int64_t gates = forget ? 4 : 3;
    float *x = check_buffer(0, gates * n), *u = check_buffer(1, gates * n), *c = check_buffer(2, n);
    float *peep = check_buffer(3, (gates - 1) * n), *a[2] = {check_buffer(4, gates * n), check_buffer(5, gates * n)};
    float *cell[2] = {check_buffer(6, n), check_buffer(7, n)}, *m[2] = {check_buffer(8, n), check_buffer(9, n)};
    check_fill(x, gates * n, -4, 4);
    check_fill(u, gates * n, -4, 4);
    check_fill(c, n, -2, 2);
    check_fill(peep, (gates - 1) * n, -1, 1);
    for (int i = 0; i < 2; i++) {
      memcpy(cell[i], c, (size_t)n * sizeof *c);
      (i ? t : ref)->lstm_cell(n, forget, x, u, has_peep ? peep : NULL, a[i], cell[i], m[i]);
    }
    check_intact(5, gates * n, "lstm_cell a");
    check_intact(7, n, "lstm_cell c");
    check_intact(9, n, "lstm_cell m");
    check_row("lstm_cell a", t, n, gates * n, a[1], a[0], 12 * CHECK_EPS);
    check_row("lstm_cell c", t, n, n, cell[1], cell[0], 24 * CHECK_EPS);
    check_row("lstm_cell m", t, n, n, m[1], m[0], 24 * CHECK_EPS);
    memcpy(cell[0], c, (size_t)n * sizeof *c);
    t->lstm_cell(n, forget, x, u, has_peep ? peep : NULL, x, cell[0], m[0]);
    check_same("lstm_cell in place", t->name, gates * n, x, a[1]);
    check_same("lstm_cell in place", t->name, n, m[0], m[1]);
  }
}

static void test_lstm_grad(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int mode = 0; mode < 4; mode++) {
    bool forget = mode & 1, has_peep = mode & 2;
    int64_t gates = forget ? 4 : 3;
    float *a = check_buffer(0, gates * n), *old = check_buffer(1, n), *dm = check_buffer(2, n);
    float *peep = check_buffer(3, (gates - 1) * n), *da[2] = {check_buffer(4, gates * n), check_buffer(5, gates * n)};
    float *dc[2] = {check_buffer(6, n), check_buffer(7, n)};
    float *dp[2] = {check_buffer(8, (gates - 1) * n), check_buffer(9, (gates - 1) * n)}, *first = check_buffer(10, n);
    check_fill(a, gates * n, 0, 1);
    check_fill(a + (gates - 2) * n, n, -1, 1);
    check_fill(old, n, -2, 2);
    check_fill(dm, n, -2, 2);
    check_fill(peep, (gates - 1) * n, -1, 1);
    check_fill(first, n, -2, 2);
    check_fill(dp[0], (gates - 1) * n, -1, 1);
    memcpy(dp[1], dp[0], (size_t)((gates - 1) * n) * sizeof(float));
    for (int i = 0; i < 2; i++) {
      memcpy(dc[i], first, (size_t)n * sizeof *first);
      (i ? t : ref)
          ->lstm_cell_grad(n, forget, a, has_peep ? peep : NULL, old, dm, dc[i], da[i], has_peep ? dp[i] : NULL);
    }
    check_intact(5, gates * n, "lstm_cell_grad da");
    check_intact(7, n, "lstm_cell_grad dc");
    check_intact(9, (gates - 1) * n, "lstm_cell_grad dpeep");
    check_row("lstm_cell_grad da", t, n, gates * n, da[1], da[0], 24 * CHECK_EPS);
    check_row("lstm_cell_grad dc", t, n, n, dc[1], dc[0], 48 * CHECK_EPS);
    check_row("lstm_cell_grad dpeep", t, n, (gates - 1) * n, dp[1], dp[0], 48 * CHECK_EPS);
    t->lstm_cell_grad(n, forget, a, has_peep ? peep : NULL, old, dm, first, a, has_peep ? dp[0] : NULL);
    check_same("lstm_cell_grad in place", t->name, gates * n, a, da[1]);
    check_same("lstm_cell_grad in place", t->name, n, first, dc[1]);
  }
}

static void test_gru(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) for (int mode = 0; mode < 4; mode++) {
    bool has_bias = mode & 1, has_s = mode & 2;
    float *x = check_buffer(0, 3 * n), *u = check_buffer(1, 3 * n), *bias = check_buffer(2, 3 * n);
    float *a[2] = {check_buffer(3, 3 * n), check_buffer(4, 3 * n)}, *s[2] = {check_buffer(5, n), check_buffer(6, n)};
    float *h[2] = {check_buffer(7, n), check_buffer(8, n)}, *first = check_buffer(9, n);
    check_fill(x, 3 * n, -4, 4);
    check_fill(u, 3 * n, -4, 4);
    check_fill(bias, 3 * n, -1, 1);
    check_fill(first, n, -1, 1);
    for (int i = 0; i < 2; i++) {
      memcpy(h[i], first, (size_t)n * sizeof *first);
      (i ? t : ref)->gru_cell(n, x, u, has_bias ? bias : NULL, a[i], has_s ? s[i] : NULL, h[i]);
    }
    check_intact(4, 3 * n, "gru_cell a");
    check_intact(6, n, "gru_cell s");
    check_intact(8, n, "gru_cell h");
    check_row("gru_cell a", t, n, 3 * n, a[1], a[0], 24 * CHECK_EPS);
    if (has_s) check_row("gru_cell s", t, n, n, s[1], s[0], 8 * CHECK_EPS);
    check_row("gru_cell h", t, n, n, h[1], h[0], 48 * CHECK_EPS);
    t->gru_cell(n, x, u, has_bias ? bias : NULL, x, NULL, first);
    check_same("gru_cell in place", t->name, 3 * n, x, a[1]);
    check_same("gru_cell in place", t->name, n, first, h[1]);
  }
}

static void test_gru_grad(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  CHECK_EACH_LEVEL(t) CHECK_EACH_SIZE(n) {
    float *a = check_buffer(0, 3 * n), *s = check_buffer(1, n), *old = check_buffer(2, n), *first = check_buffer(3, n);
    float *dx[2] = {check_buffer(4, 3 * n), check_buffer(5, 3 * n)};
    float *du[2] = {check_buffer(6, 3 * n), check_buffer(7, 3 * n)}, *dh[2] = {check_buffer(8, n), check_buffer(9, n)};
    check_fill(a, 2 * n, 0, 1);
    check_fill(a + 2 * n, n, -1, 1);
    check_fill(s, n, -4, 4);
    check_fill(old, n, -1, 1);
    check_fill(first, n, -2, 2);
    for (int i = 0; i < 2; i++) {
      memcpy(dh[i], first, (size_t)n * sizeof *first);
      (i ? t : ref)->gru_cell_grad(n, a, s, old, dh[i], dx[i], du[i]);
    }
    check_intact(5, 3 * n, "gru_cell_grad dx");
    check_intact(7, 3 * n, "gru_cell_grad du");
    check_intact(9, n, "gru_cell_grad dh");
    check_row("gru_cell_grad dx", t, n, 3 * n, dx[1], dx[0], 24 * CHECK_EPS);
    check_row("gru_cell_grad du", t, n, 3 * n, du[1], du[0], 24 * CHECK_EPS);
    check_row("gru_cell_grad dh", t, n, n, dh[1], dh[0], 4 * CHECK_EPS);
    t->gru_cell_grad(n, a, s, old, first, a, du[0]);
    check_same("gru_cell_grad in place", t->name, 3 * n, a, dx[1]);
    check_same("gru_cell_grad in place", t->name, n, first, dh[1]);
  }
}

/* By hand: no input, no state: i = f = o = ½, g = 0; with c = 2 the new c is 1 and m = ½·tanh 1. For the GRU r = z = ½. */
static void test_known_steps(void) {
  CHECK_EACH_LEVEL(t) {
    const float zero[GATES] = {0};
    float a[GATES], c = 2, m, h = 3, s;
    t->lstm_cell(1, true, zero, zero, NULL, a, &c, &m);
    check_close("c", t->name, 1, 0, c, 1, 0);
    check_close("m", t->name, 1, 0, m, (float)(0.5 * tanh(1)), 1e-7);
    c = 2;
    t->lstm_cell(1, false, zero, zero, NULL, a, &c, &m);
    check_close("c without forget gate", t->name, 1, 0, c, 2, 0);
    t->gru_cell(1, zero, zero, (const float[]){0, 0, 4}, a, &s, &h);
    check_close("s", t->name, 1, 0, s, 4, 0);
    check_close("h", t->name, 1, 0, h, (float)(0.5 * tanh(2) + 1.5), 3e-7);
  }
}

/* One product of random sizes; every row alone must give the bits that it gives among others. */
static void check_product(const k_kernels *t, int64_t rows, int64_t k, int64_t n, bool transposed, bool by_row,
                          bool accumulate) {
  int64_t lda = k + pick(0, 3), turn = pick(0, 9);
  area a = area_random((rows - 1) * lda + k, -1, 1), b = area_random(k * n, -1, 1);
  k_fixed f = {.k = k, .n = n, .b_row = transposed ? 1 : n, .b_col = transposed ? k : 1, .by_row = by_row};
  area packed = area_scratch(rapt__fixed_bytes(t, &f));
  f.b = b.p;
  for (int64_t u = rapt__fixed_units(t, &f); u-- > 0;) rapt__fixed_pack(t, &f, u, packed.p);
  int64_t stride = rapt__fixed_stride(t, &f);
  area c = area_random(rows * stride, -1, 1), one = area_random(stride, -1, 1);
  area before = area_random(rows * stride, -1, 1);
  memcpy(before.p, c.p, (size_t)(rows * stride) * sizeof(float));
  rapt__fixed_product(t, &f, packed.p, rows, a.p, lda, c.p, accumulate, turn);
  for (int64_t i = 0; i < rows; i++) {
    memcpy(one.p, before.p + i * stride, (size_t)n * sizeof(float));
    rapt__fixed_product(t, &f, packed.p, 1, a.p + i * lda, lda, one.p, accumulate, turn);
    check_same("fixed product, a row alone", t->name, n, one.p, c.p + i * stride);
    for (int64_t j = 0; j < n; j++) {
      double sum = accumulate ? (double)before.p[i * stride + j] : 0, size = fabs(sum);
      for (int64_t p = 0; p < k; p++) {
        double term = (double)a.p[i * lda + p] * (double)b.p[p * f.b_row + j * f.b_col];
        sum += term;
        size += fabs(term);
      }
      if (!check_close("fixed product", t->name, n, i * stride + j, c.p[i * stride + j], (float)sum,
                       CHECK_EPS * (2 + 2 * sqrt((double)k)) * size + CHECK_TINY))
        break;
    }
  }
  area_free(&a), area_free(&b), area_free(&packed), area_free(&c), area_free(&one), area_free(&before);
}

static void test_fixed(void) {
  CHECK_EACH_LEVEL(t) for (int mode = 0; mode < 8; mode++) {
    bool transposed = mode & 1, by_row = mode & 2, accumulate = mode & 4;
    for (int64_t rows = 1; rows < 20; rows++)
      check_product(t, rows, pick(1, 40), pick(1, 70), transposed, by_row, accumulate);
    check_product(t, 1, 1, 1, transposed, by_row, accumulate);
    check_product(t, 7, 600, 129, transposed, by_row, accumulate); /* several blocks of k and units of packing */
  }
}

static const check_test tests[] = {
    CHECK_TEST(test_lstm),     CHECK_TEST(test_lstm_grad),   CHECK_TEST(test_gru),
    CHECK_TEST(test_gru_grad), CHECK_TEST(test_known_steps), CHECK_TEST(test_fixed),
};
CHECK_MAIN(tests)
