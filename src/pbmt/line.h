/* A line search of minimum error rate training, and the memory that it uses again and again. */
#ifndef RAPT_SRC_PBMT_LINE_H
#define RAPT_SRC_PBMT_LINE_H

#include "pbmt/tune.h"

typedef struct rapt__pbmt_line {
  rapt_context *ctx;
  struct ray *rays;       /* (longest list) owned, as the others */
  struct corner *corners; /* (entries) */
  size_t count;           /* corners */
  size_t *now;            /* (sentences) entry at the present point of the line */
} rapt__pbmt_line;

/* RAPT_EINVAL for an empty list; free the line after a failure too. */
rapt_status rapt__pbmt_line_init(rapt__pbmt_line *line, const rapt__pbmt_nbest *lists);
void rapt__pbmt_line_free(rapt__pbmt_line *line);

/* The best point along weights + x direction, and BLEU there: the middle of the best stretch, the one of x = 0 among
 * equals; half a unit beyond the last corner where the stretch has no end. counts (entries). */
void rapt__pbmt_line_search(rapt__pbmt_line *line, const rapt__pbmt_nbest *lists, const rapt__pbmt_counts *counts,
                            const double *weights, const double *direction, double *x, double *bleu);

#endif
