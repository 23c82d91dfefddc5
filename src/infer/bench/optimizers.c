/* One update of a million parameters by each rule, with the norm of the gradient that every update takes. */
#include "infer/bench/bench.h"

enum { PARAMETERS = 1 << 20 };

static rapt_status build(rapt__bench *b) {
  int64_t n = PARAMETERS;
  rapt_update_options o = rapt__bench_adamw;
  o.method = (rapt_optimizer)b->size[0];
  if (o.method == RAPT_SGD) o.momentum = 0.9, o.nesterov = true;
  RAPT_TRY(rapt_params_new(b->ctx, &b->params));
  RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
  rapt_param(b->graph, b->params, "w", 1, &n, (rapt_init){RAPT_INIT_NORMAL, 1, false});
  RAPT_TRY(rapt_params_start(b->params, 1));
  rapt_tensor *g = rapt_input(b->graph, "gradient", RAPT_F32, 1, &n);
  rapt_tensor *lr = rapt_input(b->graph, "lr", RAPT_F32, 0, NULL);
  b->count = rapt_input(b->graph, "count", RAPT_F32, 0, NULL);
  rapt_tensor *norm = rapt_update(b->params, g, lr, b->count, &o);
  RAPT_TRY(rapt__bench_plan(b, &norm, 1));
  rapt__bench_normal(b, g, 1);
  *(real *)rapt_plan_data(b->plan, lr) = (real)RAPT__BENCH_RATE;
  b->amount = 1e-6 * PARAMETERS;
  return RAPT_OK;
}

#define RULE(name, method)                                                                                             \
  { {"optimizers-" name, "update of 2^20 parameters by " name, "M params/s", false, false}, build, {method}, NULL }
const rapt__work rapt__works_optimizers[] = {RULE("adamw", RAPT_ADAMW),       RULE("adam", RAPT_ADAM),
                                             RULE("adamax", RAPT_ADAMAX),     RULE("sgd-nesterov", RAPT_SGD),
                                             RULE("rmsprop", RAPT_RMSPROP),   RULE("adagrad", RAPT_ADAGRAD),
                                             RULE("adadelta", RAPT_ADADELTA), {{0}}};
#undef RULE
