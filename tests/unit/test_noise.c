/* Gaussian noise: its mean and deviation, new noise in every run, the same whatever the number of threads, a
 * gradient of 1. */
#include "unit.h"

#include <math.h>
#include <rapt/ops.h>

enum { ROWS = 130, COLUMNS = 101, SIZE = ROWS * COLUMNS }; /* more than three blocks of a node */

typedef struct noisy {
  counted_memory memory;
  rapt_context *ctx;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *x, *y, *gradient;
} noisy;

static void begin(noisy *n, int threads, uint64_t seed, double deviation) {
  n->ctx = counted_context(&n->memory, threads);
  assert_ok(n->ctx, rapt_graph_new(n->ctx, &n->graph));
  n->x = rapt_input(n->graph, "x", RAPT_F32, 2, (const int64_t[]){ROWS, COLUMNS});
  n->y = rapt_gaussian_noise(n->x, deviation);
  assert_ok(n->ctx, rapt_grad(rapt_sum(n->y, RAPT_ALL, false), &n->x, 1, &n->gradient));
  rapt_plan_options options = {.seed = seed};
  assert_ok(n->ctx, rapt_plan_new(n->graph, (rapt_tensor *[]){n->y, n->gradient}, 2, &options, &n->plan));
  rapt_real *x = rapt_plan_data(n->plan, n->x);
  for (int i = 0; i < SIZE; i++) x[i] = 3;
  assert_ok(n->ctx, rapt_plan_run(n->plan, 7));
}

static void end(noisy *n) {
  rapt_plan_free(n->plan);
  rapt_graph_free(n->graph);
  close_context(&n->memory, n->ctx);
}

static void noise_has_its_deviation(void **state) {
  (void)state;
  noisy n;
  begin(&n, 1, 1, 0.5);
  const rapt_real *y = rapt_plan_data(n.plan, n.y), *gradient = rapt_plan_data(n.plan, n.gradient);
  double sum = 0, squares = 0, together = 0;
  for (int i = 0; i < SIZE; i++) {
    double e = (double)y[i] - 3;
    sum += e;
    squares += e * e;
    if (i > 0) together += e * ((double)y[i - 1] - 3);
    assert_true(gradient[i] == 1);
  }
  /* Four standard errors of each of the three estimates. */
  assert_true(fabs(sum / SIZE) < 4 * 0.5 / sqrt(SIZE));
  assert_true(fabs(squares / SIZE - 0.25) < 4 * 0.25 * sqrt(2.0 / SIZE));
  assert_true(fabs(together / SIZE) < 4 * 0.25 / sqrt(SIZE));
  end(&n);
}

static void it_follows_from_seed_and_step_alone(void **state) {
  (void)state;
  noisy one, three, other;
  begin(&one, 1, 1, 0.5);
  begin(&three, 3, 1, 0.5);
  begin(&other, 1, 2, 0.5);
  size_t bytes = SIZE * sizeof(rapt_real);
  const rapt_real *a = rapt_plan_data(one.plan, one.y), *b = rapt_plan_data(three.plan, three.y);
  assert_memory_equal(a, b, bytes);
  assert_memory_not_equal(a, rapt_plan_data(other.plan, other.y), bytes);
  rapt_real *kept = malloc(bytes);
  assert_non_null(kept);
  memcpy(kept, a, bytes);
  assert_ok(one.ctx, rapt_plan_run(one.plan, 8));
  assert_memory_not_equal(kept, a, bytes);
  assert_ok(one.ctx, rapt_plan_run(one.plan, 7));
  assert_memory_equal(kept, a, bytes);
  free(kept);
  end(&one);
  end(&three);
  end(&other);
}

static void none_and_negative(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_tensor *x = rapt_fill(graph, 1, 1, (const int64_t[]){3});
  assert_ptr_equal(rapt_gaussian_noise(x, 0), x);
  rapt_tensor *y = rapt_gaussian_noise(x, -1);
  assert_fails(ctx, rapt_plan_new(graph, &y, 1, NULL, &plan), RAPT_EINVAL, "gaussian_noise");
  rapt_graph_free(graph);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(noise_has_its_deviation),
                                     cmocka_unit_test(it_follows_from_seed_and_step_alone),
                                     cmocka_unit_test(none_and_negative)};
  return cmocka_run_group_tests_name("noise", tests, NULL, NULL);
}
