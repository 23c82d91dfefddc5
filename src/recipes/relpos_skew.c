/* Relative scores by skewing and by a vector for every pair: the same numbers, and what each needs of memory. */
#include "recipes/relpos.h"

#include "base/rng.h"

#include <math.h>

enum { TIME = 256, HEADS = 4, SIZE = 16, SCORES = HEADS * TIME * TIME, STREAM = 7 };

static rapt_status run_plan(rapt_graph *graph, rapt_params *params, bool naive, float *scores, int64_t *bytes) {
  rapt__layers l = {graph, params};
  rapt__positions p = {.kind = RAPT__POSITION_SKEW, .heads = HEADS, .context = TIME, .init = 0.5, .naive = naive};
  rapt_tensor *q = rapt_input(graph, "q", RAPT_F32, 4, (int64_t[]){1, TIME, HEADS, SIZE});
  rapt_tensor *at = rapt_input(graph, "at", RAPT_I32, 1, (int64_t[]){TIME});
  rapt_tensor *bias = rapt__nn_position_bias(&l, &p, q, at, TIME);
  rapt_plan *plan;
  RAPT_TRY(rapt_params_start(params, 1));
  RAPT_TRY(rapt_plan_new(graph, &bias, 1, NULL, &plan));
  rapt_real *queries = rapt_plan_data(plan, q);
  int32_t *places = rapt_plan_data(plan, at);
  for (int64_t i = 0; i < TIME * HEADS * SIZE; i++)
    queries[i] = (rapt_real)rapt__rng_normal(1, (uint64_t)STREAM << 32, (uint64_t)i);
  for (int i = 0; i < TIME; i++) places[i] = i;
  rapt_status status = rapt_plan_run(plan, 0);
  const rapt_real *found = rapt_plan_data(plan, bias);
  for (int64_t i = 0; i < SCORES && status == RAPT_OK; i++)
    scores[i] = i % TIME <= i / TIME % TIME ? (float)found[i] : 0; /* what is right of the diagonal means nothing */
  rapt_plan_stats stats;
  rapt_plan_get_stats(plan, &stats);
  *bytes = stats.arena_bytes;
  rapt_plan_free(plan);
  return status;
}

static rapt_status measure(rapt_context *ctx, bool naive, float *scores, int64_t *bytes) {
  rapt_graph *graph = NULL;
  rapt_params *params;
  RAPT_TRY(rapt_params_new(ctx, &params));
  rapt_status status = rapt_graph_new(ctx, &graph);
  if (status == RAPT_OK) status = run_plan(graph, params, naive, scores, bytes);
  if (graph) rapt_graph_free(graph);
  rapt_params_free(params);
  return status;
}

rapt_status rapt__relpos_skew(rapt__relpos *r) {
  float *scores = rapt__arena_new(&r->run->arena, 2 * SCORES, sizeof *scores);
  int64_t skewed, naive;
  double most = 0;
  if (!scores) return RAPT_ENOMEM;
  RAPT_TRY(measure(r->run->ctx, false, scores, &skewed));
  RAPT_TRY(measure(r->run->ctx, true, scores + SCORES, &naive));
  for (int64_t i = 0; i < SCORES; i++) most = fmax(most, fabs((double)scores[i] - (double)scores[SCORES + i]));
  return rapt__findings_judge(
      &r->findings, true, most <= 1e-5 && skewed < naive,
      "skewed scores of %d tokens, %d heads of %d are the naive ones (largest difference %.1e) in "
      "less memory (%.1f against %.1f MB)",
      TIME, HEADS, SIZE, most, (double)skewed / 1e6, (double)naive / 1e6);
}
