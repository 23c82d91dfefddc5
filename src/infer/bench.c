/* Own timings for `rapt bench`: the least of many repetitions, on the context's threads. */
#include <rapt/system.h>

#include "base/file.h"
#include "tasks/model.h"

#include <stdio.h>
#include <string.h>

static rapt_status bench_gemm(rapt_context *ctx, int64_t m, int64_t n, int64_t k, rapt_timing_fn each, void *user) {
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  RAPT_TRY(rapt_graph_new(ctx, &graph));
  rapt_tensor *a = rapt_input(graph, "a", RAPT_F32, 2, (int64_t[]){m, k}),
              *b = rapt_input(graph, "b", RAPT_F32, 2, (int64_t[]){k, n});
  rapt_tensor *c = rapt_matmul(a, b, false, false);
  rapt_status status = rapt_plan_new(graph, &c, 1, NULL, &plan);
  double best = 1e9, begin = rapt__now();
  while (status == RAPT_OK && rapt__now() - begin < 0.2) {
    double t = rapt__now();
    status = rapt_plan_run(plan, 0);
    t = rapt__now() - t;
    if (t < best) best = t;
  }
  char name[64];
  snprintf(name, sizeof name, "matmul %lld x %lld x %lld", (long long)m, (long long)n, (long long)k);
  if (status == RAPT_OK)
    each(user, &(rapt_timing){name, "GFLOP/s", best, 2.0 * (double)m * (double)n * (double)k / best * 1e-9});
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}

typedef struct step {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *loss, *lr, *count;
} step;

static rapt_status build_step(rapt_model *model, int64_t batch, step *s) {
  int64_t t = rapt_model_context(model), dims[2] = {batch, t};
  RAPT_TRY(rapt_graph_new(model->ctx, &s->graph));
  rapt__lm_pass pass = {.graph = s->graph, .params = model->params, .config = model->config, .training = true};
  pass.tokens = rapt_input(s->graph, "tokens", RAPT_I32, 2, dims);
  pass.positions = rapt_input(s->graph, "positions", RAPT_I32, 1, &t);
  rapt_tensor *labels = rapt_input(s->graph, "labels", RAPT_I32, 2, dims), *head,
              *x = model->arch->hidden(&pass, &head);
  s->loss = rapt_cross_entropy(rapt_linear(x, head, true, NULL, RAPT_IDENTITY), labels, NULL);
  s->lr = rapt_input(s->graph, "lr", RAPT_F32, 0, NULL);
  s->count = rapt_input(s->graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options o = {
      .method = RAPT_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
  rapt_tensor *norm = rapt_update(model->params, rapt_grad_params(s->loss, model->params), s->lr, s->count, &o);
  return rapt_plan_new(s->graph, (rapt_tensor *[]){s->loss, norm}, 2, NULL, &s->plan);
}

static rapt_status bench_gpt(rapt_context *ctx, rapt_timing_fn each, void *user) {
  rapt_model *model;
  step s = {0};
  enum { BATCH = 12 };
  RAPT_TRY(rapt_model_new(ctx, "gpt2", (const char *const[]){"model.vocabulary=65"}, 1, NULL, 1, &model));
  rapt_status status = build_step(model, BATCH, &s);
  if (status == RAPT_OK) {
    rapt_plan_stats stats;
    rapt_plan_get_stats(s.plan, &stats);
    each(user, &(rapt_timing){"plan of a GPT step (4 x 128)", "us a node", stats.plan_seconds,
                              stats.plan_seconds * 1e6 / (double)stats.nodes});
    *(real *)rapt_plan_data(s.plan, s.lr) = (real)1e-3;
    *(real *)rapt_plan_data(s.plan, s.count) = 1;
  }
  double best = 1e9, begin = rapt__now();
  for (uint64_t i = 0; status == RAPT_OK && (i < 5 || rapt__now() - begin < 2); i++) {
    double t = rapt__now();
    status = rapt_plan_run(s.plan, i);
    t = rapt__now() - t;
    if (t < best) best = t;
  }
  if (status == RAPT_OK)
    each(user, &(rapt_timing){"GPT step (4 x 128, context 64, batch 12)", "tokens/s", best,
                              BATCH * (double)rapt_model_context(model) / best});
  rapt_plan_free(s.plan);
  rapt_graph_free(s.graph);
  rapt_model_free(model);
  return status;
}

rapt_status rapt_bench_run(rapt_context *ctx, rapt_timing_fn each, void *user) {
  static const int64_t shapes[][3] = {{768, 384, 128}, {768, 512, 128}, {768, 128, 512}, {128, 512, 768},
                                      {64, 64, 32},    {1, 768, 768},   {512, 512, 512}, {1024, 3072, 768}};
  for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
    RAPT_TRY(bench_gemm(ctx, shapes[i][0], shapes[i][1], shapes[i][2], each, user));
  return bench_gpt(ctx, each, user);
}
