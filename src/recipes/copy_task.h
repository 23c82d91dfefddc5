/* Sequences that are to be copied: the first thing to try with a translator. */
#ifndef RAPT_SRC_RECIPES_COPY_TASK_H
#define RAPT_SRC_RECIPES_COPY_TASK_H

#include "recipes/translation.h"

/* Lines of 4 to 12 of ten symbols, source and target alike, from the run's seed. Free with rapt__corpus_free, after a failure too. */
rapt_status rapt__copy_corpus(rapt__run *run, rapt__corpus *out);
/* The share of test lines that came out as they are. */
double rapt__copied(const rapt__corpus *corpus, const rapt__translated *output);

#endif
