/* rapt/parallel.h: one training run spread over the processes that Open MPI's mpirun started.
 *
 * Every process takes its share of each step's batches; the gradients are summed, so that N processes train as one with N times
 * the batch. The first process (rank 0) writes the run directory and finishes the recipe; the others only train. */
#ifndef RAPT_PARALLEL_H
#define RAPT_PARALLEL_H

#include <rapt/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Joins the others; a process that mpirun did not start stays alone. RAPT_EUNSUPPORTED: Open MPI's library cannot be loaded. */
RAPT_API rapt_status rapt_parallel_join(rapt_context *ctx);
RAPT_API int rapt_parallel_rank(const rapt_context *ctx); /* 0 when alone */
RAPT_API int rapt_parallel_size(const rapt_context *ctx); /* 1 when alone */
/* Waits until rank 0 is here too, so that mpirun sees all end together; rapt_context_free does the same. */
RAPT_API void rapt_parallel_leave(rapt_context *ctx);

#ifdef __cplusplus
}
#endif
#endif
