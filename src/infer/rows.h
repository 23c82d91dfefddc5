/* One row of a step: what is banned there, and its best tokens, its forced one or the one that is drawn. */
#ifndef RAPT_SRC_INFER_ROWS_H
#define RAPT_SRC_INFER_ROWS_H

#include "infer/beam.h"
#include "infer/sampler.h"

/* Each worker has its own. */
typedef struct rapt__row_room {
  real *mean;                  /* (2, V), for several models */
  int32_t *history, *banned;   /* (limit + 1), (limit + 8) */
  rapt__candidate *candidates; /* (V), for draws */
} rapt__row_room;
rapt_status rapt__row_room_make(rapt__arena *arena, const rapt_translate_options *o, int models, int64_t vocabulary,
                                int64_t limit, rapt__row_room *room);

/* What a hypothesis may go on with. */
typedef struct rapt__row_task {
  const rapt_translate_options *options;
  const rapt__beam *beam;
  const rapt__live *live;
  int64_t position; /* tokens so far */
  int32_t forced;   /* the token that must come, or −1 */
  int64_t draw;     /* which of the draws this is */
} rapt__row_task;

/* Fills choices[0..n): how many, or −1 where a score is not a number. Writes into the row's logits. */
int64_t rapt__row_choose(const rapt__row_task *task, rapt__row *row, const rapt__row_room *room, int64_t n,
                         rapt__choice *choices);

#endif
