/* rapt/sweep.h: many runs: a grid of settings over one recipe, or several recipes one after the other.
 *
 * Every run is a process `PROGRAM train …` of its own with a run directory of its own below the sweep's, where train.log
 * keeps what it says. A run that is done there is not repeated, one that was stopped goes on: doing the same once more
 * continues a sweep. Results come from the index of runs and are kept as result.json in each run directory. */
#ifndef RAPT_SWEEP_H
#define RAPT_SWEEP_H

#include <rapt/runs.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The most runs of one sweep. */
#define RAPT_SWEEP_MOST 10000

typedef struct rapt_sweep rapt_sweep;

typedef enum rapt_sweep_state {
  RAPT_SWEEP_PLANNED, /* not begun */
  RAPT_SWEEP_RUNNING,
  RAPT_SWEEP_DONE,
  RAPT_SWEEP_STOPPED, /* can go on */
  RAPT_SWEEP_FAILED,
  RAPT_SWEEP_SKIPPED /* its data set is missing */
} rapt_sweep_state;

/* "planned", "running", "done", "stopped", "failed" or "skipped". Never NULL. */
RAPT_API const char *rapt_sweep_state_text(rapt_sweep_state state);

typedef struct rapt_sweep_run {
  const char *recipe, *name, *dir; /* the name is readable: "lr=0.01,seed=2" */
  const char *const *settings;     /* "key=value", without `out` */
  int setting_count;
  rapt_sweep_state state;
  bool earlier;       /* it was done before rapt_sweep_train */
  rapt_run_mark mark; /* figure, mark and minutes are known of a run that is done */
  double figure, minutes;
  const char *why; /* of failed and skipped runs, one line; else "" */
} rapt_sweep_run;

/* The grid of runs that the settings span: a value may be a list, "a,b,c" ("\," is a comma inside a value), a range of whole
 * numbers, "1..5", or a list with ranges. `out` names the directory; without it that is sweeps/RECIPE. All combinations are
 * checked: an unknown key or a value that cannot be is RAPT_EKEY, missing data RAPT_ENOTFOUND, and a directory that holds a
 * run with other settings RAPT_EINVAL. Nothing is written. */
RAPT_API rapt_status rapt_sweep_new(rapt_context *ctx, const char *recipe, const char *const *settings, int count,
                                    rapt_sweep **out);

/* Full runs of these recipes (of all when count is 0) with their defaults and the seeds 1 … seeds, below `dir`. Recipes whose
 * data sets are missing are skipped. */
RAPT_API rapt_status rapt_sweep_new_recipes(rapt_context *ctx, const char *const *ids, int count, int seeds,
                                            const char *dir, rapt_sweep **out);

RAPT_API void rapt_sweep_free(rapt_context *ctx, rapt_sweep *sweep); /* NULL is allowed */
RAPT_API const char *rapt_sweep_dir(const rapt_sweep *sweep);
RAPT_API size_t rapt_sweep_count(const rapt_sweep *sweep);
RAPT_API const rapt_sweep_run *rapt_sweep_get(const rapt_sweep *sweep, size_t index); /* NULL outside */

/* A run has begun, or has ended; `ended` runs of `total` are over. */
typedef void (*rapt_sweep_fn)(void *user, const rapt_sweep_run *run, size_t ended, size_t total);

typedef struct rapt_sweep_options {
  const char *program; /* the rapt command */
  int jobs;            /* processes at a time; 0: as many as the processors bear with train.threads each */
  rapt_sweep_fn tell;  /* may be NULL */
  void *user;
} rapt_sweep_options;

/* Does what is left to do. A run that fails does not end the others, and is no error. An interrupt of the context stops the
 * processes, which save; the call then returns RAPT_OK with runs that are stopped or planned. In a context that has joined
 * others (rapt/parallel.h), rank r takes every size-th run; the call leaves them when its share is done, and rank 0 then
 * knows all results. RAPT_EIO: the program cannot be started. */
RAPT_API rapt_status rapt_sweep_train(rapt_context *ctx, rapt_sweep *sweep, const rapt_sweep_options *options);

typedef enum rapt_sweep_form {
  RAPT_SWEEP_PLAN,  /* the runs and what is left to do, for people */
  RAPT_SWEEP_TABLE, /* the results for people; over several seeds a line with mean ± standard deviation */
  RAPT_SWEEP_JSON,
  RAPT_SWEEP_CSV
} rapt_sweep_form;

/* The sweep as text, which lives as long as the sweep. */
RAPT_API rapt_status rapt_sweep_text(rapt_context *ctx, rapt_sweep *sweep, rapt_sweep_form form, const char **text);

/* Writes results.csv and sweep.html, a page with a plot, into the sweep's directory. */
RAPT_API rapt_status rapt_sweep_save(rapt_context *ctx, rapt_sweep *sweep);

#ifdef __cplusplus
}
#endif
#endif
