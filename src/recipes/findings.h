/* What a run finds out: lines of its result that stand among the verdicts of its page too, and how its pass marks fared. */
#ifndef RAPT_SRC_RECIPES_FINDINGS_H
#define RAPT_SRC_RECIPES_FINDINGS_H

#include "recipes/recipes.h"

enum { RAPT__FINDINGS = 32 }; /* lines that are kept */

typedef struct rapt__findings {
  rapt__run *run;                    /* set by whoever makes it */
  const char *lines[RAPT__FINDINGS]; /* what was said, in the run's arena */
  size_t count;
  int judged, missed; /* pass marks */
} rapt__findings;

/* A line of the result. */
rapt_status rapt__findings_say(rapt__findings *f, const char *fmt, ...) RAPT_PRINTF(2, 3);
/* The same with ": holds" or ": does not hold" behind it; `mark`: it is part of the pass mark, else a claim. */
rapt_status rapt__findings_judge(rapt__findings *f, bool mark, bool holds, const char *fmt, ...) RAPT_PRINTF(4, 5);

#endif
