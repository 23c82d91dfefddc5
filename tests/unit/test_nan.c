/* A step that is not finite stops the training, names a tensor, and leaves the weights as they were. */
#include "unit/unit.h"

#include <math.h>
#include <rapt/rapt.h>

static void a_bad_step_changes_nothing(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_params *params;
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(ctx, rapt_params_new(ctx, &params));
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt_init init = {RAPT_INIT_ONES, 0, false};
  int64_t n = 5;
  rapt_param(graph, params, "w", 1, &n, init);
  assert_ok(ctx, rapt_params_start(params, 1));
  rapt_tensor *w = rapt_param(graph, params, "w", 1, &n, init);
  rapt_tensor *x = rapt_input(graph, "x", RAPT_F32, 1, &n);
  rapt_scope_begin(graph, "deep");
  rapt_tensor *loss = rapt_sum(rapt_log(rapt_mul(w, x)), RAPT_ALL, false);
  rapt_scope_end(graph);
  rapt_tensor *lr = rapt_input(graph, "lr", RAPT_F32, 0, NULL), *count = rapt_input(graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options o = {.method = RAPT_SGD};
  rapt_tensor *norm = rapt_update(params, rapt_grad_params(loss, params), lr, count, &o);
  assert_ok(ctx, rapt_plan_new(graph, (rapt_tensor *[]){loss, norm}, 2, NULL, &plan));
  rapt_real *values, *input = rapt_plan_data(plan, x);
  assert_ok(ctx, rapt_params_get(params, 0, NULL, NULL, NULL, &values));
  *(rapt_real *)rapt_plan_data(plan, lr) = (rapt_real)0.5;
  *(rapt_real *)rapt_plan_data(plan, count) = 1;
  for (int i = 0; i < n; i++) input[i] = i == 3 ? 0 : 1; /* log 0 */
  assert_ok(ctx, rapt_plan_run(plan, 0));
  assert_false(isfinite(*(rapt_real *)rapt_plan_data(plan, norm)));
  for (int i = 0; i < n; i++) assert_true(values[i] == 1);
  assert_fails(ctx, rapt_plan_check_finite(plan, 0), RAPT_ENAN, "deep: unary");
  for (int i = 0; i < n; i++) input[i] = 1;
  assert_ok(ctx, rapt_plan_run(plan, 1));
  for (int i = 0; i < n; i++) assert_true(values[i] == (rapt_real)0.5); /* d log(w)/dw = 1 at w = 1 */
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  rapt_params_free(params);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(a_bad_step_changes_nothing)};
  return cmocka_run_group_tests_name("nan", tests, NULL, NULL);
}
