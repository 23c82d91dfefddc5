/* Several processes that train together, over Open MPI. */
#ifndef RAPT_SRC_PARALLEL_H
#define RAPT_SRC_PARALLEL_H

#include <rapt/parallel.h>
#include "base/base.h"

/* What a context knows of the others; NULL in a context that is alone. */
typedef struct rapt__parallel rapt__parallel;

typedef struct rapt__reduction {
  void *request; /* MPI's, while it is under way */
} rapt__reduction;

/* Every process calls these in the same order with the same counts. While one waits, an interrupt of the context that the
 * others do not answer within a moment ends the wait with RAPT_EINTERRUPTED; from then on the processes are apart. */
rapt_status rapt__parallel_sum(rapt_context *ctx, float *values, size_t count);
rapt_status rapt__parallel_most(rapt_context *ctx, double *values, size_t count); /* the largest of all, each */
rapt_status rapt__parallel_copy(rapt_context *ctx, void *values, size_t bytes);   /* rank 0's, to all */
/* The same sum begun, looked after now and then, and waited for. `values` must stay. */
rapt_status rapt__parallel_begin_sum(rapt_context *ctx, float *values, size_t count, rapt__reduction *r);
void rapt__parallel_push(rapt__reduction *r); /* gives MPI a moment to go on */
rapt_status rapt__parallel_wait(rapt_context *ctx, rapt__reduction *r);

/* Whether the next training is spread; only the first of a process is (what a recipe trains after it, rank 0 trains alone). */
bool rapt__parallel_spread(const rapt_context *ctx);
void rapt__parallel_finished(rapt_context *ctx); /* that training is over */

#endif
