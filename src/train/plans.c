/* Plans by bucket. */
#include "train/plans.h"

#include <string.h>

static rapt_status finish(rapt__plans *p, rapt__train_plan *t, rapt_tensor *const *outputs, int count) {
  rapt_plan_options options = {.seed = p->seed};
  return rapt__plan_new(t->graph, outputs, count, &options, &p->pool, &t->plan);
}

static void add_update(rapt__plans *p, rapt__train_plan *t, rapt_tensor *gradient) {
  t->lr = rapt_input(t->graph, "lr", RAPT_F32, 0, NULL);
  t->count = rapt_input(t->graph, "count", RAPT_F32, 0, NULL);
  t->norm = rapt_update(p->params, gradient, t->lr, t->count, &p->update);
}

static rapt_tensor *sum_of(rapt__plans *p, rapt_graph *graph) {
  return rapt_param(graph, p->sum, "sum", 3, (int64_t[]){1, 1, p->params->extent},
                    (rapt_init){RAPT_INIT_ZEROS, 0, true});
}

/* The sum outlives the run, so it is written like a cache of one place, the first. */
static void add_to_sum(rapt__plans *p, rapt_graph *graph, rapt_tensor *gradient) {
  rapt_tensor *sum = sum_of(p, graph);
  rapt_cache_write(sum, rapt_add(sum, rapt_reshape(gradient, 3, (int64_t[]){1, 1, p->params->extent})), NULL);
}

static rapt_status make_batch(rapt__plans *p, int bucket, rapt__train_plan *t) {
  RAPT_TRY(rapt_graph_new(p->ctx, &t->graph));
  t->loss = p->task->loss(p->task, t->graph, p->params, true, bucket);
  if (!p->accumulate && !p->spread) {
    add_update(p, t, rapt_grad_params(t->loss, p->params));
    return finish(p, t, (rapt_tensor *[]){t->loss, t->norm}, 2);
  }
  t->share = rapt_input(t->graph, "share", RAPT_F32, 0, NULL);
  t->loss = rapt_mul(t->loss, t->share);
  if (!p->accumulate) {
    t->gradient = rapt_grad_params(t->loss, p->params);
    return finish(p, t, (rapt_tensor *[]){t->loss, t->gradient}, 2);
  }
  add_to_sum(p, t->graph, rapt_grad_params(t->loss, p->params));
  return finish(p, t, &t->loss, 1);
}

static rapt_status make_eval(rapt__plans *p, int bucket, rapt__train_plan *t) {
  RAPT_TRY(rapt_graph_new(p->ctx, &t->graph));
  t->loss = p->task->loss(p->task, t->graph, p->params, false, bucket);
  return finish(p, t, &t->loss, 1);
}

static rapt_status make_step(rapt__plans *p) {
  rapt__train_plan *t = &p->step;
  RAPT_TRY(rapt_params_new(p->ctx, &p->sum));
  RAPT_TRY(rapt_graph_new(p->ctx, &t->graph));
  rapt_tensor *sum = sum_of(p, t->graph);
  RAPT_TRY(rapt_params_start(p->sum, 0));
  add_update(p, t, rapt_reshape(sum, 1, &p->params->extent));
  return finish(p, t, &t->norm, 1);
}

static void drop(rapt__train_plan *t) {
  rapt_plan_free(t->plan);
  rapt_graph_free(t->graph);
  *t = (rapt__train_plan){0};
}

static rapt_status get(rapt__plans *p, rapt__train_plan *t, int bucket,
                       rapt_status (*make)(rapt__plans *, int, rapt__train_plan *), rapt__train_plan **out) {
  rapt_status status = t->plan ? RAPT_OK : make(p, bucket, t);
  if (status != RAPT_OK) drop(t);
  *out = t;
  return status;
}

rapt_status rapt__plans_batch(rapt__plans *p, int bucket, rapt__train_plan **out) {
  return get(p, &p->batch[bucket], bucket, make_batch, out);
}

rapt_status rapt__plans_eval(rapt__plans *p, int bucket, rapt__train_plan **out) {
  return get(p, &p->eval[bucket], bucket, make_eval, out);
}

void rapt__plans_clear_sum(rapt__plans *p) {
  memset(p->sum->values, 0, (size_t)p->sum->extent * sizeof *p->sum->values);
}

rapt_status rapt__plans_begin(rapt__plans *p) {
  rapt__train_plan *first;
  p->buckets = p->task->batch ? p->task->buckets : 1;
  p->pool = (rapt__pool){.ctx = p->ctx};
  p->batch = rapt__new(p->ctx, (size_t)p->buckets, sizeof *p->batch);
  p->eval = rapt__new(p->ctx, (size_t)p->buckets, sizeof *p->eval);
  if (!p->batch || !p->eval) return RAPT_ENOMEM;
  if (p->accumulate || p->spread) RAPT_TRY(make_step(p));
  RAPT_TRY(rapt__plans_batch(p, p->buckets - 1, &first));
  return p->task->fill_eval ? rapt__plans_eval(p, p->buckets - 1, &first) : RAPT_OK;
}

void rapt__plans_free(rapt__plans *p) {
  for (int i = 0; i < p->buckets; i++) {
    if (p->batch) drop(&p->batch[i]);
    if (p->eval) drop(&p->eval[i]);
  }
  drop(&p->step);
  rapt__free(p->ctx, p->batch);
  rapt__free(p->ctx, p->eval);
  rapt_params_free(p->sum);
  rapt__pool_free(&p->pool);
  p->buckets = 0;
}
