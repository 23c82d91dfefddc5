/* What a run tells the index of runs. Nothing here can make a run fail: trouble is told as a note. */
#ifndef RAPT_SRC_RECIPES_RUN_INDEX_H
#define RAPT_SRC_RECIPES_RUN_INDEX_H

#include "recipes/recipes.h"

/* Gives run->id: `stored`, as run.json has it (NULL: a new run), unless that is not an id of ours or the index knows it to
 * belong to another directory, of which this one is then a copy. RAPT_ENOMEM is the only error. */
rapt_status rapt__run_index_id(rapt__run *run, const char *stored);
/* The directory and run.json are there: the run is put as running. */
void rapt__run_index_begin(rapt__run *run);
/* The run has ended with this status. */
void rapt__run_index_end(rapt__run *run, rapt_status status);

#endif
