/* A plan from inside: which nodes run, and where every tensor lies. */
#ifndef RAPT_SRC_PLAN_H
#define RAPT_SRC_PLAN_H

#include "base/team.h"
#include "graph/params.h"

/* One node as it is run. */
typedef struct step_node {
  const rapt__node *node;
  void **in, **out;
  rapt__split split;
} step_node;

/* Memory for plans of which no two run at the same time, and whose inputs are all filled anew before a run. A plan that needs
 * more than the newest block gets a larger one; freed after the plans. */
typedef struct rapt__pool {
  rapt_context *ctx;
  struct block *newest; /* owned list */
} rapt__pool;
void *rapt__pool_take(rapt__pool *pool, size_t bytes); /* aligned; NULL: RAPT_ENOMEM */
void rapt__pool_free(rapt__pool *pool);

struct rapt_plan {
  rapt_context *ctx;
  rapt_graph *graph; /* borrowed */
  const k_kernels *k;
  rapt__arena arena;
  step_node *steps; /* [count] in the arena */
  size_t count;
  void **data; /* storage by tensor id; NULL where a tensor has none */
  bool *kept;  /* by tensor id: outlives a run */
  bool keep_all;
  rapt__pool *pool; /* of the memory, or NULL: it is the plan's own */
  char *memory;     /* all tensors, then the scratch */
  char *shared, *scratch;
  size_t scratch_bytes; /* per worker */
  uint64_t seed;
  rapt_plan_stats stats;
};

/* rapt_plan_new with memory of a pool, which may be NULL. */
rapt_status rapt__plan_new(rapt_graph *graph, rapt_tensor *const *outputs, int count, const rapt_plan_options *options,
                           rapt__pool *pool, rapt_plan **out);

/* rapt_plan_run, with a call after every step of the plan. */
rapt_status rapt__plan_run_watched(rapt_plan *plan, uint64_t step, void (*after)(void *user, size_t index), void *user);
/* For the vector of rapt_grad_params: done[i] = the step of the plan after which the gradient of parameter i lies in it. */
void rapt__plan_gradients_done(const rapt_plan *plan, const rapt_tensor *gradient, size_t *done);

/* memory.c: lifetimes, in-place use, offsets. `needed[id]` says which nodes run, `kept[id]` which tensors outlive the run.
 * Fills plan->data with offsets turned into addresses of plan->memory, and leaves `scratch_bytes` behind the tensors. */
rapt_status rapt__plan_memory(rapt_plan *plan, const bool *needed, const bool *kept, bool keep_all,
                              size_t scratch_bytes);

#endif
