/* What the recipe formal-algorithms checks, and the sentence that it walks through. */
#ifndef RAPT_SRC_RECIPES_FORMAL_CHECKS_H
#define RAPT_SRC_RECIPES_FORMAL_CHECKS_H

#include "recipes/recipes.h"

/* How the checks went so far. */
enum { RAPT__FORMAL_LINES = 32 };
typedef struct rapt__formal_verdict {
  rapt__run *run;
  int held, failed;
  double worst_fast;                  /* the largest difference between the engine and the plain code */
  char line[RAPT__FORMAL_LINES][160]; /* what was said, for the report */
} rapt__formal_verdict;

/* Says the line "…: holds" or "…: does NOT hold" and counts it. */
void rapt__formal_say(rapt__formal_verdict *v, bool holds, const char *fmt, ...) RAPT_PRINTF(3, 4);
/* The same for "WHAT: VALUE (at most BOUND)". A value that is not a number fails. */
void rapt__formal_judge(rapt__formal_verdict *v, const char *what, double value, double bound);
/* The larger of two errors; NaN, which fmax would drop, wins. */
double rapt__formal_worse(double a, double b);
/* Adds normal values, so that biases, gammas and betas differ from 0 and 1. */
void rapt__formal_shake(double *all, size_t count, double scale, uint64_t seed);

/* formal_fast.c: the engine against the plain code. */
rapt_status rapt__formal_check_fast(rapt__formal_verdict *v, rapt__arena *arena);
/* formal_checks.c */
rapt_status rapt__formal_check_gradients(rapt__formal_verdict *v, rapt__arena *arena);
rapt_status rapt__formal_check_counts(rapt__formal_verdict *v);
rapt_status rapt__formal_check_training(rapt__formal_verdict *v, rapt__arena *arena);
/* formal_walk.c: every matrix between a sentence (NULL: five words) and the distributions of the words that follow. */
rapt_status rapt__formal_walk(rapt__sheet *sheet, rapt__arena *arena, const char *sentence, uint64_t seed);

#endif
