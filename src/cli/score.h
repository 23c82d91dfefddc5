/* What the two files of `rapt score` share. */
#ifndef RAPT_SRC_CLI_SCORE_H
#define RAPT_SRC_CLI_SCORE_H

#include "cli/cli.h"

enum { SCORE_METRICS = 5, SCORE_TEXT = 1024 };

typedef struct score_job {
  rapt_metric metric[SCORE_METRICS]; /* all kinds with their settings */
  bool wanted[SCORE_METRICS];
  double references, digits, samples, seed, threads, gold_first, hyp_first;
  bool sentence_level, json, confidence, bootstrap, randomize, lowercase;
  const char *gold;
  char **file; /* the references, then the systems */
  int files, systems;
} score_job;

/* A file's lines and what holds them. */
typedef struct score_input {
  const char *name;
  char *text;
  rapt_lines lines;
} score_input;

/* What is known of one metric: the rows of all systems and what came of them. */
typedef struct score_result {
  const rapt_metric *m;
  double **stats;          /* (systems); the pointers and the rows are owned */
  rapt_compared *compared; /* (systems) */
} score_result;

rapt_score_style score_style(const score_job *j);
/* The object that sacrebleu writes for one score. */
void score_print_object(const rapt_metric *m, const rapt_score *s, const rapt_score_style *style);
/* Several systems, `count` metrics. */
void score_print_table(const score_job *j, const score_result *results, int count, const score_input *systems);
void score_print_json(const score_job *j, const score_result *results, int count, const score_input *systems);

#endif
