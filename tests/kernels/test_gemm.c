/* The blocked product at every level against a plain one in double precision: sizes around every block, all layouts, all
 * epilogues, and the same bits whatever the order of its units. */
#include "area.h"

#include "kernels/gemm.h"

static double activate(int activation, double x) {
  switch (activation) {
  case K_UNARY_relu: return x > 0 ? x : 0;
  case K_UNARY_tanh: return tanh(x);
  case K_UNARY_silu: return x / (1 + exp(-x));
  case K_UNARY_gelu_tanh: return 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));
  default: return x;
  }
}

/* A matrix: plain, transposed, or every other element of a wider one. Returns its elements. */
static int64_t lay_out(int64_t rows, int64_t columns, int kind, int64_t *row, int64_t *column) {
  int64_t pad = pick(0, 3);
  if (kind == 0)
    *row = columns + pad, *column = 1;
  else if (kind == 1)
    *row = 1, *column = rows + pad;
  else
    *row = 2 * columns + pad, *column = 2;
  return rows > 0 && columns > 0 ? (rows - 1) * *row + (columns - 1) * *column + 1 : 0;
}

static void want(const k_gemm *g, const float *c0, wanted *c, wanted *before) {
  for (int64_t i = 0; i < g->m; i++)
    for (int64_t j = 0; j < g->n; j++) {
      int64_t at = i * g->c_row + j;
      double sum = g->accumulate ? (double)c0[at] : 0, size = fabs(sum);
      for (int64_t p = 0; p < g->k; p++) {
        double x =
            (double)g->alpha * (double)g->a[i * g->a_row + p * g->a_col] * (double)g->b[p * g->b_row + j * g->b_col];
        sum += x;
        size += fabs(x);
      }
      if (g->bias) sum += (double)g->bias[j], size += fabs((double)g->bias[j]);
      double tolerance = 4 * CHECK_EPS * sqrt((double)g->k + 4) * size + CHECK_TINY;
      before->value[at] = sum, before->tolerance[at] = tolerance;
      c->value[at] = activate(g->activation, sum);
      if (g->activation >= 0) tolerance = 1.2 * tolerance + 8 * CHECK_EPS * (1 + fabs(sum));
      if (g->residual) {
        double r = (double)g->residual[i * g->residual_row + j];
        c->value[at] += r, tolerance += 2 * CHECK_EPS * (fabs(r) + fabs(c->value[at]));
      }
      c->tolerance[at] = tolerance;
    }
}

static void run_backwards(const k_kernels *k, const k_gemm *g) {
  k_gemm_plan plan;
  rapt__gemm_plan(k, g, &plan);
  area shared = area_scratch(plan.shared_bytes);
  for (int phase = 0; phase < 2; phase++)
    for (int64_t u = plan.units[phase] - 1; u >= 0; u--) {
      area own = area_scratch(plan.worker_bytes);
      rapt__gemm_unit(k, g, &plan, phase, u, shared.p, own.p);
      area_free(&own);
    }
  area_free(&shared);
}

static void check_product(int64_t m, int64_t n, int64_t depth, int kind_a, int kind_b, bool plain) {
  static const int activations[] = {-1, -1, K_UNARY_relu, K_UNARY_tanh, K_UNARY_silu, K_UNARY_gelu_tanh};
  static const float alphas[] = {1, 1, -0.5f, 0.125f, 3};
  k_gemm g = {.m = m,
              .n = n,
              .k = depth,
              .c_row = n + pick(0, 5),
              .alpha = plain ? 1 : alphas[pick(0, 4)],
              .accumulate = pick(0, 1),
              .activation = plain ? -1 : activations[pick(0, 5)],
              .residual_row = n + pick(0, 2)};
  area a = area_random(lay_out(m, depth, kind_a, &g.a_row, &g.a_col), -1, 1);
  area b = area_random(lay_out(depth, n, kind_b, &g.b_row, &g.b_col), -1, 1);
  area bias = area_random(n, -1, 1), residual = area_random(m > 0 ? (m - 1) * g.residual_row + n : 0, -1, 1);
  int64_t size = m > 0 ? (m - 1) * g.c_row + n : 0;
  bool with_before = g.activation >= 0 && pick(0, 1);
  g.a = a.p, g.b = b.p;
  g.bias = !plain && pick(0, 1) ? bias.p : NULL;
  g.residual = !plain && pick(0, 2) == 0 ? residual.p : NULL;
  area first = area_random(size, -1, 1);
  wanted c = wanted_new(size), before = wanted_new(size);
  want(&g, first.p, &c, &before);
  CHECK_EACH_LEVEL(k) {
    char what[160];
    snprintf(what, sizeof what, "%lld x %lld x %lld, A %d, B %d, alpha %g, %s, activation %d%s%s", (long long)m,
             (long long)n, (long long)depth, kind_a, kind_b, (double)g.alpha, g.accumulate ? "+=" : "=", g.activation,
             g.bias ? ", bias" : "", g.residual ? ", residual" : "");
    area out[2] = {area_new(size), area_new(size)}, pre[2] = {area_new(size), area_new(size)};
    for (int run = 0; run < 2; run++) {
      for (int64_t i = 0; g.accumulate && i < size; i++)
        if (!isnan(c.value[i])) out[run].p[i] = first.p[i];
      g.c = out[run].p;
      g.before = with_before ? pre[run].p : NULL;
      if (run == 1) {
        run_backwards(k, &g);
        continue;
      }
      area scratch = area_scratch(rapt__gemm_scratch(k, &g));
      rapt__gemm(k, &g, scratch.p);
      area_free(&scratch);
    }
    check_area(what, k->name, &out[0], &c);
    if (with_before) check_area("before", k->name, &pre[0], &before);
    if (memcmp(out[0].map, out[1].map, out[0].bytes) != 0 || memcmp(pre[0].map, pre[1].map, pre[0].bytes) != 0)
      check_fail("%s at %s: other bits when the units run in another order", what, k->name);
    for (int run = 0; run < 2; run++) area_free(&out[run]), area_free(&pre[run]);
  }
  area_free(&a), area_free(&b), area_free(&bias), area_free(&residual), area_free(&first);
  wanted_free(&c), wanted_free(&before);
}

static void small_sizes(void) {
  for (int i = 0; i < 400; i++)
    check_product(pick(1, 70), pick(1, 70), pick(1, 70), (int)pick(0, 2), (int)pick(0, 2), false);
}

static void deep_and_wide(void) {
  for (int i = 0; i < 9; i++) {
    check_product(pick(70, 160), pick(1, 70), pick(257, 600), i % 3, i / 3, false);
    check_product(pick(1, 30), pick(1025, 1100), pick(1, 40), i % 3, i / 3, false);
    check_product(pick(73, 80), pick(1025, 1060), pick(257, 270), i % 3, i / 3, false);
  }
  check_product(144, 2048, 512, 0, 0, false); /* whole blocks only */
  check_product(73, 2049, 513, 1, 1, false);
}

/* Few rows take a path of their own where the layout and alpha allow. */
static void few_rows(void) {
  for (int i = 0; i < 60; i++) {
    check_product(pick(1, 4), pick(1, 1100), pick(1, 300), 0, i % 3, true);
    check_product(pick(1, 4), pick(1, 1100), pick(1, 70), (int)pick(0, 2), i % 3, false);
  }
}

/* Few columns take a path of their own too, whether C's rows are one element apart or more. */
static void few_columns(void) {
  for (int i = 0; i < 60; i++) {
    check_product(pick(5, 1100), pick(1, 4), pick(1, 300), i % 2, i / 2 % 3, true);
    check_product(pick(5, 1100), pick(1, 4), pick(1, 70), (int)pick(0, 2), i % 3, false);
  }
  check_product(20000, 1, 9, 0, 0, false);
  check_product(3, 20000, 9, 0, 0, false);
}

/* Where the two paths of blocked products meet, and every number of rows and columns left over. */
static void rows_left_over(void) {
  for (int64_t i = 0; i < 18; i++) {
    check_product(64 + i, pick(5, 200), pick(1, 300), (int)(i % 3), (int)pick(0, 2), false);
    check_product(pick(5, 200), 64 + i, pick(1, 300), (int)pick(0, 2), (int)(i % 3), false);
  }
}

/* Work enough for several workers is split for several workers; work for nobody makes no unit. */
static void plans(void) {
  static const int64_t sizes[][4] = {/* m, n, k, units at least */
                                     {0, 5, 5, 0},       {5, 0, 5, 0},      {64, 64, 64, 2},   {128, 128, 64, 4},
                                     {128, 512, 768, 8}, {8, 512, 512, 8},  {1, 4096, 512, 8}, {4096, 1, 512, 8},
                                     {768, 128, 128, 8}, {4096, 64, 64, 8}, {64, 4096, 64, 8}, {512, 512, 512, 8}};
  CHECK_EACH_LEVEL(k) {
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      k_gemm g = {.m = sizes[i][0], .n = sizes[i][1], .k = sizes[i][2], .a_col = 1, .b_col = 1, .activation = -1};
      g.a_row = g.k, g.b_row = g.c_row = g.n, g.alpha = 1;
      k_gemm_plan plan;
      rapt__gemm_plan(k, &g, &plan);
      bool none = g.m == 0 || g.n == 0;
      if (none ? plan.units[0] + plan.units[1] != 0 : plan.units[1] < sizes[i][3])
        check_fail("%lld x %lld x %lld at %s: %lld units", (long long)g.m, (long long)g.n, (long long)g.k, k->name,
                   (long long)plan.units[1]);
    }
  }
}

static void empty_sizes(void) {
  for (int i = 0; i < 18; i++) {
    check_product(pick(1, 80), pick(1, 1100), 0, i % 3, i / 3 % 3, i < 9);
    check_product(pick(1, 3), pick(1, 1100), 0, 0, i % 2, true);
    check_product(0, pick(0, 40), pick(0, 9), i % 3, i / 3 % 3, false);
    check_product(pick(0, 40), 0, pick(0, 9), i % 3, i / 3 % 3, false);
  }
}

static const check_test tests[] = {CHECK_TEST(small_sizes), CHECK_TEST(deep_and_wide),  CHECK_TEST(few_rows),
                                   CHECK_TEST(few_columns), CHECK_TEST(rows_left_over), CHECK_TEST(plans),
                                   CHECK_TEST(empty_sizes)};
CHECK_MAIN(tests)
