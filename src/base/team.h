/* The thread team: a few workers that spin briefly and then sleep. */
#ifndef RAPT_SRC_TEAM_H
#define RAPT_SRC_TEAM_H

#include "base/base.h"

typedef struct rapt__team rapt__team;

/* Called once for every task in [0, tasks); `worker` in [0, size) names the thread, for per-worker scratch memory.
 * Which worker gets which task is not fixed, so results may depend on `task` alone, never on `worker`. */
typedef void (*rapt__task_fn)(void *arg, int64_t task, int worker);

rapt_status rapt__team_new(rapt_context *ctx, int threads, rapt__team **out); /* threads ≥ 1, the caller included */
void rapt__team_free(rapt_context *ctx, rapt__team *team);
int rapt__team_size(const rapt__team *team);
/* Runs all tasks and returns when the last has ended. The calling thread takes part as worker 0. */
void rapt__team_run(rapt__team *team, rapt__task_fn fn, void *arg, int64_t tasks);

/* How many processors this process may use: affinity mask, then the cgroup quota (v1 and v2) rounded up; at least 1. */
int rapt__cpu_count(void);
/* The two parts, for `rapt doctor`: processors in the affinity mask; quota in processors, or 0 where there is none. */
int rapt__cpu_affinity(void);
double rapt__cpu_quota(void);

#endif
