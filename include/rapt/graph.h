/* rapt/graph.h: graphs of tensors, gradients, plans.
 *
 * A graph is built once (forward), rapt_grad extends it with ordinary nodes (backward), an optimizer's update is a node
 * too; a plan then covers all of it, gives every tensor its place in one arena, and is run many times without allocating.
 *
 * Builders return a tensor always: after an error they return a poisoned one, so that code stays linear; the error
 * surfaces at rapt_plan_new, and the context holds its sentence. Tensors belong to their graph. Storage is row-major. */
#ifndef RAPT_GRAPH_H
#define RAPT_GRAPH_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RAPT_MAX_DIMS 6

/* RAPT_F32 holds rapt_real. RAPT_BLOCKS is a matrix of a model that was loaded with its weights as they lie in the file, quantised
 * or in 16 bits: rapt_linear and rapt_embedding take it, nothing else does, and there is no gradient. */
typedef enum rapt_dtype { RAPT_F32, RAPT_I32, RAPT_BLOCKS } rapt_dtype;

typedef struct rapt_graph rapt_graph;
typedef struct rapt_tensor rapt_tensor;
typedef struct rapt_plan rapt_plan;
typedef struct rapt_params rapt_params;

/* ---- Graph ------------------------------------------------------------------------------------------------------- */

RAPT_API rapt_status rapt_graph_new(rapt_context *ctx, rapt_graph **out);
RAPT_API void rapt_graph_free(rapt_graph *graph);
/* Names begun here prefix the names of parameters and nodes: "h.0" + "." + "attn.c_attn.weight". */
RAPT_API void rapt_scope_begin(rapt_graph *graph, const char *fmt, ...) RAPT_PRINTF(2, 3);
RAPT_API void rapt_scope_end(rapt_graph *graph);
RAPT_API int64_t rapt_graph_nodes(const rapt_graph *graph);

/* A tensor that the caller fills before each run. The name is unique in the graph. */
RAPT_API rapt_tensor *rapt_input(rapt_graph *graph, const char *name, rapt_dtype dtype, int ndim, const int64_t *dims);
/* Every element is `value`. */
RAPT_API rapt_tensor *rapt_fill(rapt_graph *graph, double value, int ndim, const int64_t *dims);

RAPT_API int rapt_ndim(const rapt_tensor *t);
RAPT_API int64_t rapt_dim(const rapt_tensor *t, int axis); /* negative axes count from the end */
RAPT_API const int64_t *rapt_dims(const rapt_tensor *t);
RAPT_API int64_t rapt_size(const rapt_tensor *t); /* elements */
RAPT_API rapt_dtype rapt_type(const rapt_tensor *t);
RAPT_API const char *rapt_name(const rapt_tensor *t); /* "" when it has none */

/* Keeps a tensor alive through a run and gives it a name by which rapt_plan_find finds it. Returns the tensor. */
RAPT_API rapt_tensor *rapt_tap(rapt_tensor *t, const char *fmt, ...) RAPT_PRINTF(2, 3);

/* ---- Parameters -------------------------------------------------------------------------------------------------- */

/* How a parameter starts. */
typedef enum rapt_init_kind { RAPT_INIT_ZEROS, RAPT_INIT_ONES, RAPT_INIT_NORMAL, RAPT_INIT_UNIFORM } rapt_init_kind;
typedef struct rapt_init {
  rapt_init_kind kind;
  double scale;  /* standard deviation, or half the width of the uniform range */
  bool no_decay; /* weight decay leaves it alone (biases, norms) */
} rapt_init;

/* A store of named parameters; values, gradients and optimizer state lie in contiguous arrays. The first graph that
 * is built declares them, rapt_params_start gives them memory and first values, later graphs find them by name. */
RAPT_API rapt_status rapt_params_new(rapt_context *ctx, rapt_params **out);
RAPT_API void rapt_params_free(rapt_params *params);
/* The parameter of that name (with the graph's scope before it) as a tensor. Declares it unless it exists; a shape that
 * differs from the earlier one is RAPT_ESHAPE. */
RAPT_API rapt_tensor *rapt_param(rapt_graph *graph, rapt_params *params, const char *name, int ndim,
                                 const int64_t *dims, rapt_init init);
/* Memory and first values; the values depend on `seed` and the order of declaration alone. */
RAPT_API rapt_status rapt_params_start(rapt_params *params, uint64_t seed);
RAPT_API int64_t rapt_params_count(const rapt_params *params); /* tensors */
RAPT_API int64_t rapt_params_size(const rapt_params *params);  /* elements of all */
/* The i-th one in order of declaration: name, shape, values (valid until the store is freed; NULL before rapt_params_start and for
 * RAPT_BLOCKS). */
RAPT_API rapt_status rapt_params_get(const rapt_params *params, int64_t index, const char **name, int *ndim,
                                     const int64_t **dims, rapt_real **values);
RAPT_API int64_t rapt_params_find(const rapt_params *params, const char *name); /* index, or −1 */

/* ---- Gradients --------------------------------------------------------------------------------------------------- */

/* Extends the graph by the gradient of the scalar `loss` with respect to `wrt[0..count)`; grads[i] has the shape of
 * wrt[i] (zeros where loss does not depend on it). An op without a gradient on the way is an error here. */
RAPT_API rapt_status rapt_grad(rapt_tensor *loss, rapt_tensor *const *wrt, int count, rapt_tensor **grads);
/* The gradient with respect to every parameter, as one vector laid out like the store. */
RAPT_API rapt_tensor *rapt_grad_params(rapt_tensor *loss, rapt_params *params);

/* ---- Plans ------------------------------------------------------------------------------------------------------- */

typedef struct rapt_plan_options {
  uint64_t seed;   /* of dropout and every other random node */
  bool keep_all;   /* no tensor's memory is reused: everything can be read after a run (debugging) */
  const char *cpu; /* force a kernel level ("ref", "avx2", "avx512", "neon"); NULL: the best */
} rapt_plan_options;

/* Plans the nodes that `outputs`, taps and updates need. `options` may be NULL. The graph must outlive the plan. */
RAPT_API rapt_status rapt_plan_new(rapt_graph *graph, rapt_tensor *const *outputs, int count,
                                   const rapt_plan_options *options, rapt_plan **out);
RAPT_API void rapt_plan_free(rapt_plan *plan);
/* Runs every node once. `step` numbers the run for random nodes and bias corrections. */
RAPT_API rapt_status rapt_plan_run(rapt_plan *plan, uint64_t step);
/* Runs and looks at every result: RAPT_ENAN names the first tensor that is not finite. Slow; updates are left out. */
RAPT_API rapt_status rapt_plan_check_finite(rapt_plan *plan, uint64_t step);
/* Storage of an input (to fill before a run), an output or a tap (to read after it); NULL for any other tensor, and for NULL. */
RAPT_API void *rapt_plan_data(rapt_plan *plan, const rapt_tensor *t);
/* An input or tap by name, or NULL. */
RAPT_API rapt_tensor *rapt_plan_find(const rapt_plan *plan, const char *name);

/* One node of a run by time. Texts live as long as the graph. */
typedef struct rapt_node_time {
  const char *op, *scope; /* "linear", "transformer.h.0.attn" */
  double seconds;
  double flops; /* of its products; 0: none, what counts is memory */
  double bytes; /* of its inputs and outputs */
} rapt_node_time;
typedef void (*rapt_node_time_fn)(void *user, int64_t index, const rapt_node_time *time);
/* As rapt_plan_run, with the time of every node, in the order of the plan. */
RAPT_API rapt_status rapt_plan_profile(rapt_plan *plan, uint64_t step, rapt_node_time_fn each, void *user);

typedef struct rapt_plan_stats {
  int64_t nodes;       /* that are run */
  int64_t arena_bytes; /* of all tensors and scratch */
  int64_t naive_bytes; /* what they would take without reuse */
  double plan_seconds; /* spent in rapt_plan_new */
} rapt_plan_stats;
RAPT_API void rapt_plan_get_stats(const rapt_plan *plan, rapt_plan_stats *stats);

/* Plans by shape: `build` makes the graph for a key of up to 4 numbers the first time that the key is asked for; the
 * least recently used plan is dropped when `capacity` are kept. */
typedef struct rapt_plan_cache rapt_plan_cache;
typedef rapt_status (*rapt_build_fn)(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs,
                                     int *count);
RAPT_API rapt_status rapt_plan_cache_new(rapt_context *ctx, rapt_build_fn build, void *user, int capacity,
                                         const rapt_plan_options *options, rapt_plan_cache **out);
RAPT_API rapt_status rapt_plan_cache_get(rapt_plan_cache *cache, const int64_t key[4], rapt_plan **plan);
RAPT_API void rapt_plan_cache_free(rapt_plan_cache *cache);

#ifdef __cplusplus
}
#endif
#endif
