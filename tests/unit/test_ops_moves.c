/* Values of the ops that move, select, reduce and index, worked out by hand or by the plainest loop. */
#include "base/rng.h"
#include "ops/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

typedef struct fixture {
  rapt_context *ctx;
  rapt_graph *graph;
  rapt_plan *plan;
} fixture;

static fixture begin(void) {
  fixture f = {0};
  const rapt_options options = {.threads = 3};
  assert_int_equal(rapt_context_new(&f.ctx, &options), RAPT_OK);
  assert_int_equal(rapt_graph_new(f.ctx, &f.graph), RAPT_OK);
  return f;
}

static void end(fixture *f) {
  rapt_plan_free(f->plan);
  rapt_graph_free(f->graph);
  rapt_context_free(f->ctx);
}

/* Plans `out`, fills x with `values` (NULL: 0, 1, 2, …) and ids, runs. */
static void run(fixture *f, rapt_tensor *const *out, int count, rapt_tensor *x, const real *values, rapt_tensor *ids,
                const int32_t *numbers) {
  if (rapt_plan_new(f->graph, out, count, NULL, &f->plan) != RAPT_OK) fail_msg("%s", rapt_context_message(f->ctx));
  real *data = x ? rapt_plan_data(f->plan, x) : NULL;
  for (int64_t i = 0; data && i < x->size; i++) data[i] = values ? values[i] : (real)i;
  if (ids) memcpy(rapt_plan_data(f->plan, ids), numbers, (size_t)ids->size * sizeof *numbers);
  assert_int_equal(rapt_plan_run(f->plan, 0), RAPT_OK);
}

static void expect(fixture *f, const rapt_tensor *t, const double *wanted) {
  const void *data = rapt_plan_data(f->plan, t);
  for (int64_t i = 0; i < t->size; i++) {
    double got = t->dtype == RAPT_I32 ? ((const int32_t *)data)[i] : (double)((const real *)data)[i];
    if (!(got == wanted[i] || (isnan(got) && isnan(wanted[i]))))
      fail_msg("%s, element %d: %g, not %g", t->node->op->name, (int)i, got, wanted[i]);
  }
}

static void extremes_take_the_first(void **state) {
  (void)state;
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(3, 4)), *places;
  rapt_tensor *top = rapt_top_k(x, 4, &places);
  rapt_tensor *out[] = {rapt_reduce_max(x, 1, false), rapt_reduce_min(x, 0, true), rapt_argmax(x, -1), top, places,
                        rapt_top_k(x, 1, NULL),       rapt_argmax(x, RAPT_ALL)};
  run(&f, out, 7, x, (const real[]){3, 5, 5, -1, 2, 2, 2, 2, -INFINITY, 0, NAN, 7}, NULL, NULL);
  expect(&f, out[0], (const double[]){5, 2, NAN});
  expect(&f, out[1], (const double[]){-INFINITY, 0, NAN, -1});
  expect(&f, out[2], (const double[]){1, 0, 2});
  expect(&f, out[3], (const double[]){5, 5, 3, -1, 2, 2, 2, 2, NAN, 7, 0, -INFINITY});
  expect(&f, out[4], (const double[]){1, 2, 0, 3, 0, 1, 2, 3, 2, 3, 1, 0});
  expect(&f, out[5], (const double[]){5, 2, NAN});
  expect(&f, out[6], (const double[]){10});
  assert_int_equal(out[1]->ndim, 2);
  end(&f);
}

static void top_k_sorts(void **state) {
  (void)state;
  enum { N = 257 };
  for (int k = 1; k <= N; k += 64) {
    fixture f = begin();
    rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(N)), *places;
    rapt_tensor *out[2] = {rapt_top_k(x, k, &places)};
    out[1] = places;
    real values[N];
    for (int i = 0; i < N; i++) values[i] = (real)(int)rapt__rng_below(3, 1, (uint64_t)i, 90); /* with ties */
    run(&f, out, 2, x, values, NULL, NULL);
    const real *y = rapt_plan_data(f.plan, out[0]);
    const int32_t *at = rapt_plan_data(f.plan, places);
    for (int i = 0; i < k; i++) {
      int before = 0; /* how many elements come before this one is its place */
      for (int j = 0; j < N; j++) before += values[j] > y[i] || (values[j] == y[i] && j < at[i]);
      assert_int_equal(before, i);
      assert_true(values[at[i]] == y[i]);
    }
    end(&f);
  }
}

static void indices_out_of_range_read_zeros(void **state) {
  (void)state;
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(4, 2)), *grad;
  rapt_tensor *ids = rapt_input(f.graph, "ids", RAPT_I32, RAPT__DIMS(4));
  rapt_tensor *rows = rapt_embedding(x, ids), *loss = rapt_sum(rapt_square(rows), RAPT_ALL, false);
  assert_int_equal(rapt_grad(loss, &x, 1, &grad), RAPT_OK);
  rapt_tensor *picked = rapt_gather(x, ids);
  rapt_tensor *out[] = {rows, grad, picked, rapt_scatter(picked, ids, 3), rapt_one_hot(ids, 2)};
  run(&f, out, 5, x, NULL, ids, (const int32_t[]){1, -1, 4, 1});
  expect(&f, rows, (const double[]){2, 3, 0, 0, 0, 0, 2, 3});
  expect(&f, grad, (const double[]){0, 0, 8, 12, 0, 0, 0, 0});
  expect(&f, picked, (const double[]){1, 0, 0, 7});
  expect(&f, out[3], (const double[]){0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0});
  expect(&f, out[4], (const double[]){0, 1, 0, 0, 0, 0, 0, 1});
  end(&f);
}

static void embedding_gradient_counts_every_use(void **state) {
  (void)state;
  enum { V = 1000, USES = 5000 };
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(V, 3)), *grad;
  rapt_tensor *ids = rapt_input(f.graph, "ids", RAPT_I32, RAPT__DIMS(USES));
  assert_int_equal(rapt_grad(rapt_sum(rapt_embedding(x, ids), RAPT_ALL, false), &x, 1, &grad), RAPT_OK);
  static int32_t numbers[USES];
  static double wanted[V * 3];
  for (int i = 0; i < USES; i++) {
    numbers[i] = (int32_t)rapt__rng_below(5, 0, (uint64_t)i, V);
    for (int c = 0; c < 3; c++) wanted[numbers[i] * 3 + c]++;
  }
  run(&f, &grad, 1, NULL, NULL, ids, numbers);
  expect(&f, grad, wanted);
  end(&f);
}

static void sums_and_running_sums(void **state) {
  (void)state;
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(2, 3, 2));
  rapt_tensor *out[] = {rapt_sum(x, 1, false),  rapt_sum(x, RAPT_ALL, true),      rapt_mean(x, -1, true),
                        rapt_cumsum(x, 1),      rapt_sum_to(x, RAPT__DIMS(3, 1)), rapt_sum_to(x, RAPT__DIMS(2, 1, 1)),
                        rapt_sum_to(x, 0, NULL)};
  run(&f, out, 7, x, NULL, NULL, NULL);
  expect(&f, out[0], (const double[]){6, 9, 24, 27});
  expect(&f, out[1], (const double[]){66});
  expect(&f, out[2], (const double[]){0.5, 2.5, 4.5, 6.5, 8.5, 10.5});
  expect(&f, out[3], (const double[]){0, 1, 2, 4, 6, 9, 6, 7, 14, 16, 24, 27});
  expect(&f, out[4], (const double[]){14, 22, 30});
  expect(&f, out[5], (const double[]){15, 51});
  expect(&f, out[6], (const double[]){66});
  assert_int_equal(out[1]->ndim, 3);
  end(&f);
}

/* Sums in parts: sizes at which the summands are cut up, against whole numbers that float adds exactly. */
static void long_sums_are_whole(void **state) {
  (void)state;
  fixture f = begin();
  enum { N = 50021, C = 7 };
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(N, C));
  rapt_tensor *out[] = {rapt_sum(x, RAPT_ALL, false), rapt_sum(x, 0, false), rapt_sum_to(x, RAPT__DIMS(1, C))};
  static real values[N * C];
  double total = 0, columns[C] = {0};
  for (int i = 0; i < N * C; i++) {
    values[i] = (real)(i % 5);
    total += values[i];
    columns[i % C] += values[i];
  }
  run(&f, out, 3, x, values, NULL, NULL);
  expect(&f, out[0], &total);
  expect(&f, out[1], columns);
  expect(&f, out[2], columns);
  end(&f);
}

static void moves_put_every_element_in_its_place(void **state) {
  (void)state;
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(2, 3));
  rapt_tensor *ids = rapt_input(f.graph, "ids", RAPT_I32, RAPT__DIMS(2, 2));
  rapt_tensor *halves[3];
  rapt_split(x, 1, 3, halves);
  rapt_tensor *out[] = {rapt_transpose(x),
                        rapt_broadcast(rapt_slice(x, 1, 1, 1), RAPT__DIMS(2, 2, 3)),
                        rapt_pad(x, 0, 1, 0),
                        rapt_pad(x, 1, 0, 1),
                        rapt_concat((rapt_tensor *[]){halves[2], halves[0], x}, 3, -1),
                        rapt_transpose(ids),
                        rapt_concat((rapt_tensor *[]){ids, rapt_slice(ids, 0, 1, 1)}, 2, 0),
                        rapt_broadcast(rapt_slice(ids, 0, 0, 1), RAPT__DIMS(2, 2))};
  run(&f, out, 8, x, NULL, ids, (const int32_t[]){10, 11, 12, 13});
  expect(&f, out[0], (const double[]){0, 3, 1, 4, 2, 5});
  expect(&f, out[1], (const double[]){1, 1, 1, 4, 4, 4, 1, 1, 1, 4, 4, 4});
  expect(&f, out[2], (const double[]){0, 0, 0, 0, 1, 2, 3, 4, 5});
  expect(&f, out[3], (const double[]){0, 1, 2, 0, 3, 4, 5, 0});
  expect(&f, out[4], (const double[]){2, 0, 0, 1, 2, 5, 3, 3, 4, 5});
  expect(&f, out[5], (const double[]){10, 12, 11, 13});
  expect(&f, out[6], (const double[]){10, 11, 12, 13, 12, 13});
  expect(&f, out[7], (const double[]){10, 11, 10, 11});
  end(&f);
}

/* All orders of four axes, one of which spans several blocks. */
static void permute_matches_its_definition(void **state) {
  (void)state;
  const int64_t dim[4] = {2, 3, 130, 5};
  for (int code = 0; code < 256; code++) {
    const int axes[4] = {code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6};
    if ((1 << axes[0] | 1 << axes[1] | 1 << axes[2] | 1 << axes[3]) != 15) continue;
    fixture f = begin();
    rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, 4, dim), *y = rapt_permute(x, axes);
    run(&f, &y, 1, x, NULL, NULL, NULL);
    const real *data = rapt_plan_data(f.plan, y);
    for (int64_t i = 0; i < y->size; i++) {
      int64_t at[4], rest = i;
      for (int a = 3; a >= 0; a--) {
        assert_int_equal(y->dim[a], dim[axes[a]]);
        at[axes[a]] = rest % y->dim[a];
        rest /= y->dim[a];
      }
      if ((int64_t)data[i] != ((at[0] * 3 + at[1]) * 130 + at[2]) * 5 + at[3])
        fail_msg("permute %d %d %d %d, element %d", axes[0], axes[1], axes[2], axes[3], (int)i);
    }
    end(&f);
  }
}

/* Against four loops, over strides, paddings and more rows than a unit has; whole numbers, so that order does not matter. */
static void convolution_matches_its_definition(void **state) {
  (void)state;
  enum { B = 2, T = 300, C = 3, F = 4 };
  for (int code = 0; code < 36; code++) {
    int w = 1 + code % 3, stride = 1 + code / 3 % 3, padding = code / 9;
    fixture f = begin();
    rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(B, T, C));
    rapt_tensor *kernel = rapt_input(f.graph, "kernel", RAPT_F32, RAPT__DIMS(w, C, F));
    rapt_tensor *bias = rapt_input(f.graph, "bias", RAPT_F32, RAPT__DIMS(F));
    rapt_tensor *y = rapt_conv1d(x, kernel, bias, stride, padding);
    if (rapt_plan_new(f.graph, &y, 1, NULL, &f.plan) != RAPT_OK) fail_msg("%s", rapt_context_message(f.ctx));
    real *px = rapt_plan_data(f.plan, x), *pk = rapt_plan_data(f.plan, kernel), *pb = rapt_plan_data(f.plan, bias);
    for (int i = 0; i < B * T * C; i++) px[i] = (real)(i % 7 - 3);
    for (int i = 0; i < w * C * F; i++) pk[i] = (real)(i % 5 - 2);
    for (int i = 0; i < F; i++) pb[i] = (real)i;
    assert_int_equal(rapt_plan_run(f.plan, 0), RAPT_OK);
    const real *py = rapt_plan_data(f.plan, y);
    int out = (T + 2 * padding - w) / stride + 1;
    assert_int_equal(y->dim[1], out);
    for (int i = 0; i < B * out * F; i++) {
      int o = i % F, t = i / F % out, b = i / F / out;
      real sum = pb[o];
      for (int j = 0; j < w * C; j++) {
        int s = t * stride + j / C - padding;
        if (s >= 0 && s < T) sum += px[(b * T + s) * C + j % C] * pk[j * F + o];
      }
      if (py[i] != sum) fail_msg("conv1d w %d stride %d padding %d: element %d", w, stride, padding, i);
    }
    end(&f);
  }
}

static void selections(void **state) {
  (void)state;
  fixture f = begin();
  rapt_tensor *x = rapt_input(f.graph, "x", RAPT_F32, RAPT__DIMS(4)), *two = rapt_fill(f.graph, 2, 0, NULL);
  rapt_tensor *out[] = {rapt_clamp(x, 1, 2), rapt_scale(x, -2), rapt_detach(x),
                        rapt_where(x, two, rapt_reshape(x, RAPT__DIMS(4, 1)))};
  run(&f, out, 4, x, NULL, NULL, NULL);
  expect(&f, out[0], (const double[]){1, 1, 2, 2});
  expect(&f, out[1], (const double[]){0, -2, -4, -6});
  expect(&f, out[2], (const double[]){0, 1, 2, 3});
  expect(&f, out[3], (const double[]){0, 2, 2, 2, 1, 2, 2, 2, 2, 2, 2, 2, 3, 2, 2, 2});
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(extremes_take_the_first),
      cmocka_unit_test(top_k_sorts),
      cmocka_unit_test(indices_out_of_range_read_zeros),
      cmocka_unit_test(embedding_gradient_counts_every_use),
      cmocka_unit_test(sums_and_running_sums),
      cmocka_unit_test(long_sums_are_whole),
      cmocka_unit_test(moves_put_every_element_in_its_place),
      cmocka_unit_test(permute_matches_its_definition),
      cmocka_unit_test(convolution_matches_its_definition),
      cmocka_unit_test(selections),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
