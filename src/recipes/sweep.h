/* Sweeps inside: the grid, the runs, and the pieces that start them and write their results. */
#ifndef RAPT_SRC_RECIPES_SWEEP_H
#define RAPT_SRC_RECIPES_SWEEP_H

#include <rapt/sweep.h>
#include "base/base.h"

typedef struct rapt__axis {
  const char *key;
  const char **values;
  size_t count;
} rapt__axis;

/* Every setting is an axis; most have one value. The seed is the last one, so that runs that differ in it alone follow each
 * other. */
typedef struct rapt__grid {
  rapt__axis *axes;
  size_t count, total; /* axes; runs */
} rapt__grid;

/* Reads "key=value" with lists and ranges. RAPT_EKEY for what is no grid: no value, an empty one in a list, a range that is
 * backwards or too long, a key or value given twice, more than RAPT_SWEEP_MOST runs. */
rapt_status rapt__grid_read(rapt__arena *arena, const char *const *settings, int count, rapt__grid *out);
/* Which value of an axis run `index` has. */
size_t rapt__grid_at(const rapt__grid *grid, size_t index, size_t axis);
/* "lr=0.01,seed=2": what varies; safe as a file name and different for every run. NULL: no memory. */
const char *rapt__grid_name(rapt__arena *arena, const rapt__grid *grid, size_t index);

struct rapt_sweep {
  rapt_context *ctx;
  rapt__arena arena;
  const char *dir, *command; /* what the user types to get it */
  const char *recipe;        /* NULL: several recipes */
  rapt__grid grid;           /* of several recipes: the axes "recipe" and "seed" */
  rapt_sweep_run *runs;
  size_t count, seeds; /* runs; neighbours that differ in the seed alone */
  bool has_threads;    /* the recipe knows train.threads */
  int64_t threads;     /* the largest train.threads that was asked for; 0: automatic */
  int jobs;            /* of the last rapt_sweep_train */
};

/* Sets the state of a run from what its directory and the index of runs say. RAPT_EINVAL: the directory holds a run with
 * other settings. */
rapt_status rapt__sweep_look(rapt_sweep *sweep, rapt_sweep_run *run);
/* The same, with a run that failed last time as failed. */
rapt_status rapt__sweep_collect(rapt_sweep *sweep, rapt_sweep_run *run);
/* Keeps what is known of a run that has ended in its result.json. */
rapt_status rapt__sweep_keep(rapt_sweep *sweep, const rapt_sweep_run *run);

/* Mean and standard deviation (of a sample, NaN for fewer than two) of the figures of a group of seeds. */
typedef struct rapt__sweep_group {
  size_t first, known, done, reached, judged;
  double mean, deviation, minutes;
} rapt__sweep_group;

rapt__sweep_group rapt__sweep_group_of(const rapt_sweep *sweep, size_t first);
/* Whether an axis tells runs apart; of several recipes the first one does even when there is one. */
bool rapt__sweep_varies(const rapt_sweep *sweep, size_t axis);
/* The values of a group, "lr=0.01, layers=2", in the sweep's arena. NULL: no memory. */
const char *rapt__sweep_label(rapt_sweep *sweep, size_t first);

#endif
