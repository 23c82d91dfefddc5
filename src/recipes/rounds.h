/* Many small independent jobs (a seed of a method each) spread over the context's threads, a stretch of each a round, so that
 * between rounds someone can be told and a wish to stop be heard. A job's result depends on the job alone. */
#ifndef RAPT_SRC_ROUNDS_H
#define RAPT_SRC_ROUNDS_H

#include "recipes/recipes.h"

typedef struct rapt__rounds {
  rapt__run *run;
  const char *stage;
  void *user;
  int jobs;
  bool (*advance)(void *user,
                  int job); /* a stretch of about a tenth of a second; true: the job has ended. Allocates nothing */
  void (*count)(void *user, int64_t *done, int64_t *total); /* work so far and in all, for the progress */
} rapt__rounds;

/* Until all jobs have ended. RAPT_EINTERRUPTED, with run->result->interrupted, after a wish to stop. */
rapt_status rapt__rounds_run(const rapt__rounds *rounds);

#endif
