/* One optimizer at work on a problem. */
#include "recipes/adam_trial.h"

#include "graph/params.h"

#include <math.h>
#include <string.h>

rapt_status rapt__adam_trial_begin(rapt__adam_problem *problem, const rapt_update_options *o, double average,
                                   rapt__adam_trial *t) {
  rapt_context *ctx = problem->ctx;
  *t = (rapt__adam_trial){.problem = problem, .average = average};
  RAPT_TRY(rapt_params_new(ctx, &t->params));
  RAPT_TRY(rapt_graph_new(ctx, &t->declared));
  problem->loss(problem, t->declared, t->params, t->inputs);
  RAPT_TRY(rapt_params_start(t->params, problem->seed));
  RAPT_TRY(rapt_graph_new(ctx, &t->graph));
  t->loss = problem->loss(problem, t->graph, t->params, t->inputs);
  t->lr = rapt_input(t->graph, "lr", RAPT_F32, 0, NULL);
  t->count = rapt_input(t->graph, "count", RAPT_F32, 0, NULL);
  rapt_tensor *norm = rapt_update(t->params, rapt_grad_params(t->loss, t->params), t->lr, t->count, o);
  rapt_plan_options options = {.seed = problem->seed};
  RAPT_TRY(rapt_plan_new(t->graph, (rapt_tensor *[]){t->loss, norm}, 2, &options, &t->plan));
  if (average > 0) t->mean = rapt__new(ctx, (size_t)t->params->extent, sizeof *t->mean);
  return average > 0 && !t->mean ? RAPT_ENOMEM : RAPT_OK;
}

void rapt__adam_trial_free(rapt__adam_trial *t) {
  if (!t->problem) return;
  rapt_plan_free(t->plan);
  rapt_graph_free(t->graph);
  rapt_graph_free(t->declared);
  rapt_params_free(t->params);
  rapt__free(t->problem->ctx, t->mean);
  *t = (rapt__adam_trial){0};
}

static void feed(const rapt__adam_trial *t, rapt_plan *plan, rapt_tensor *const *inputs, int64_t pass, int64_t batch) {
  void *data[RAPT__ADAM_INPUTS];
  for (int i = 0; i < RAPT__ADAM_INPUTS; i++) data[i] = rapt_plan_data(plan, inputs[i]);
  t->problem->feed(t->problem, pass, batch, data);
}

rapt_status rapt__adam_trial_update(rapt__adam_trial *t, int64_t pass, int64_t batch, double lr, double *loss) {
  feed(t, t->plan, t->inputs, pass, batch);
  *(rapt_real *)rapt_plan_data(t->plan, t->lr) = (rapt_real)lr;
  *(rapt_real *)rapt_plan_data(t->plan, t->count) = (rapt_real)++t->updates;
  RAPT_TRY(rapt_plan_run(t->plan, (uint64_t)t->updates));
  *loss = (double)*(rapt_real *)rapt_plan_data(t->plan, t->loss);
  for (int64_t i = 0; t->mean && i < t->params->extent; i++)
    t->mean[i] = t->average * t->mean[i] + (1 - t->average) * (double)t->params->values[i];
  return RAPT_OK;
}

static rapt_status run_pass(rapt__adam_trial *t, rapt_plan *plan, rapt_tensor *loss, rapt_tensor *const *inputs,
                            double *mean) {
  double sum = 0;
  for (int64_t b = 0; b < t->problem->batches; b++) {
    feed(t, plan, inputs, 1, b);
    RAPT_TRY(rapt_plan_run(plan, (uint64_t)b));
    sum += (double)*(rapt_real *)rapt_plan_data(plan, loss);
  }
  *mean = sum / (double)t->problem->batches;
  return RAPT_OK;
}

rapt_status rapt__adam_trial_measure(rapt__adam_trial *t, bool averaged, double *loss) {
  rapt_context *ctx = t->problem->ctx;
  size_t bytes = (size_t)t->params->extent * sizeof(rapt_real);
  rapt_tensor *inputs[RAPT__ADAM_INPUTS];
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  if (averaged && (!t->mean || t->updates == 0))
    return rapt__fail(ctx, RAPT_EINVAL, "adam: there is no mean of the parameters yet");
  RAPT_TRY(rapt_graph_new(ctx, &graph));
  rapt_tensor *value = t->problem->loss(t->problem, graph, t->params, inputs);
  rapt_plan_options options = {.seed = t->problem->seed};
  rapt_status status = rapt_plan_new(graph, &value, 1, &options, &plan);
  rapt_real *kept = status == RAPT_OK && averaged ? rapt__alloc(ctx, bytes) : NULL;
  if (status == RAPT_OK && averaged && !kept) status = RAPT_ENOMEM;
  if (kept) {
    /* The mean begins at zero, as Adam's moments do, and is corrected in the same way (section 7.2). */
    double correction = 1 - pow(t->average, (double)t->updates);
    memcpy(kept, t->params->values, bytes);
    for (int64_t i = 0; i < t->params->extent; i++) t->params->values[i] = (rapt_real)(t->mean[i] / correction);
  }
  if (status == RAPT_OK) status = run_pass(t, plan, value, inputs, loss);
  if (kept) memcpy(t->params->values, kept, bytes);
  rapt__free(ctx, kept);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}
