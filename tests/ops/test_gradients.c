/* Every op's gradient against central differences, in double precision: each sample of each op in the table is reduced to
 * a number by fixed random weights. */
#include "base/rng.h"
#include "ops/ops.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { MAX_INPUTS = 16 };

typedef struct check {
  rapt_context *ctx;
  rapt_graph *graph;
  rapt_plan *plan;
  const rapt__op *op;
  int sample;
  rapt_tensor *loss;
  rapt_tensor *inputs[MAX_INPUTS]; /* what the gradient is taken with respect to */
  rapt_tensor *grads[MAX_INPUTS];
  int count;
} check;

static void fill(check *c, const rapt_tensor *t, uint64_t stream, double lo, double hi) {
  void *data = rapt_plan_data(c->plan, t);
  if (!data) return; /* the result does not depend on it */
  for (int64_t i = 0; i < t->size; i++) {
    double v = lo + (hi - lo) * rapt__rng_uniform(17, stream, (uint64_t)i);
    if (t->dtype == RAPT_I32)
      ((int32_t *)data)[i] = (int32_t)floor(v);
    else
      ((real *)data)[i] = (real)v;
  }
}

/* Builds the sample and its gradient. False when nothing in it can vary. */
static bool build(check *c) {
  rapt_tensor *y = c->op->sample(c->graph, c->sample);
  if (rapt__poisoned(y)) fail_msg("%s, sample %d: %s", c->op->name, c->sample, rapt_context_message(c->ctx));
  if (!y->varies) return false;
  rapt_tensor *weights = rapt_input(c->graph, "weights__", RAPT_F32, y->ndim, y->dim);
  c->loss = rapt_sum(rapt_mul(y, weights), RAPT_ALL, false);
  for (size_t i = 0; i < c->graph->node_count; i++) {
    rapt__node *node = c->graph->nodes[i];
    if (node->op != &rapt__op_input || node->out[0].dtype != RAPT_F32) continue;
    if (((rapt__input_attr *)node->attr)->sample && c->count < MAX_INPUTS) c->inputs[c->count++] = &node->out[0];
  }
  rapt_tensor *outputs[MAX_INPUTS + 1] = {c->loss};
  if (rapt_grad(c->loss, c->inputs, c->count, c->grads) == RAPT_OK) {
    memcpy(outputs + 1, c->grads, (size_t)c->count * sizeof *outputs);
    rapt_plan_new(c->graph, outputs, c->count + 1, NULL, &c->plan);
  }
  if (!c->plan) fail_msg("%s, sample %d: %s", c->op->name, c->sample, rapt_context_message(c->ctx));
  for (size_t i = 0; i < c->graph->node_count; i++) {
    rapt__node *node = c->graph->nodes[i];
    if (node->op != &rapt__op_input) continue;
    const rapt__input_attr *attr = node->attr;
    fill(c, &node->out[0], i, attr->sample ? attr->lo : -1, attr->sample ? attr->hi : 1);
  }
  return true;
}

static double loss_at(check *c) {
  assert_int_equal(rapt_plan_run(c->plan, 1), RAPT_OK);
  return (double)*(real *)rapt_plan_data(c->plan, c->loss);
}

static void compare(check *c, int input) {
  const rapt_tensor *t = c->inputs[input];
  real *x = rapt_plan_data(c->plan, t);
  real *analytic = malloc((size_t)t->size * sizeof *analytic);
  assert_non_null(analytic);
  loss_at(c);
  memcpy(analytic, rapt_plan_data(c->plan, c->grads[input]), (size_t)t->size * sizeof *analytic);
  const double h = 1e-5;
  for (int64_t i = 0; i < t->size; i++) {
    double numeric = 0;
    if (x) {
      real at = x[i];
      x[i] = (real)(at + h);
      double above = loss_at(c);
      x[i] = (real)(at - h);
      numeric = (above - loss_at(c)) / (2 * h);
      x[i] = at;
    }
    double a = (double)analytic[i], size = fmax(fmax(fabs(a), fabs(numeric)), 1e-2);
    if (!(fabs(a - numeric) <= 1e-6 * size)) {
      free(analytic);
      fail_msg("%s, sample %d: d result / d %s[%lld] is %.12g, differences say %.12g", c->op->name, c->sample, t->name,
               (long long)i, a, numeric);
    }
  }
  free(analytic);
}

static void op_agrees(void **state) {
  const rapt__op *op = *state;
  for (int sample = 0; sample < op->samples; sample++) {
    check c = {.op = op, .sample = sample};
    const rapt_options options = {.threads = 1};
    assert_int_equal(rapt_context_new(&c.ctx, &options), RAPT_OK);
    assert_int_equal(rapt_graph_new(c.ctx, &c.graph), RAPT_OK);
    if (build(&c)) {
      if (!isfinite(loss_at(&c))) fail_msg("%s, sample %d: the result is not finite", op->name, sample);
      for (int i = 0; i < c.count; i++) compare(&c, i);
    }
    rapt_plan_free(c.plan);
    rapt_graph_free(c.graph);
    rapt_context_free(c.ctx);
  }
}

static void every_gradient_has_samples(void **state) {
  (void)state;
  for (const rapt__op *const *op = rapt__ops; *op; op++)
    if ((*op)->grad && (*op)->samples == 0) fail_msg("%s has a gradient and no samples to check it on", (*op)->name);
}

/* The check itself must be able to fail. */
static void wrong_forward(const rapt__call *call) {
  for (int64_t i = 0; i < call->node->out[0].size; i++) RAPT__OUT(call, 0)[i] = RAPT__IN(call, 0)[i];
}
static void wrong_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  (void)node;
  din[0] = rapt_scale(dout[0], 1.00001);
}
static const rapt__op wrong_op = {.name = "wrong", .forward = wrong_forward, .grad = wrong_grad};

static void wrong_gradient_is_seen(void **state) {
  (void)state;
  check c = {.op = &wrong_op};
  assert_int_equal(rapt_context_new(&c.ctx, NULL), RAPT_OK);
  assert_int_equal(rapt_graph_new(c.ctx, &c.graph), RAPT_OK);
  rapt_tensor *x = rapt__sample(c.graph, "x", RAPT_F32, 1, 2, RAPT__DIMS(3));
  c.loss = rapt_sum(rapt__op1(c.graph, &wrong_op, &x, 1, NULL, 0, x->ndim, x->dim), RAPT_ALL, false);
  rapt_tensor *outputs[2] = {c.loss};
  assert_int_equal(rapt_grad(c.loss, &x, 1, &outputs[1]), RAPT_OK);
  assert_int_equal(rapt_plan_new(c.graph, outputs, 2, NULL, &c.plan), RAPT_OK);
  fill(&c, x, 1, 1, 2);
  real *data = rapt_plan_data(c.plan, x);
  double before = loss_at(&c), a = (double)((real *)rapt_plan_data(c.plan, outputs[1]))[0];
  data[0] += (real)1e-5;
  double numeric = (loss_at(&c) - before) / 1e-5;
  assert_true(fabs(a - numeric) > 5e-6);
  rapt_plan_free(c.plan);
  rapt_graph_free(c.graph);
  rapt_context_free(c.ctx);
}

int main(void) {
  size_t ops = 0;
  while (rapt__ops[ops]) ops++;
  struct CMUnitTest *tests = calloc(ops + 2, sizeof *tests);
  if (!tests) return 1;
  size_t n = 0;
  tests[n++] = (struct CMUnitTest){.name = "every_gradient_has_samples", .test_func = every_gradient_has_samples};
  tests[n++] = (struct CMUnitTest){.name = "wrong_gradient_is_seen", .test_func = wrong_gradient_is_seen};
  for (size_t i = 0; i < ops; i++)
    if (rapt__ops[i]->samples > 0)
      tests[n++] = (struct CMUnitTest){
          .name = rapt__ops[i]->name, .test_func = op_agrees, .initial_state = (void *)(uintptr_t)rapt__ops[i]};
  int failed = _cmocka_run_group_tests("gradients", tests, n, NULL, NULL);
  free(tests);
  return failed;
}
