/* Beam search for one sentence: its hypotheses, and the choice among what could come next. A group is a beam of its own; a
 * draw of sampling is a group of one hypothesis. */
#ifndef RAPT_SRC_INFER_BEAM_H
#define RAPT_SRC_INFER_BEAM_H

#include "infer/candidates.h"
#include "infer/hypotheses.h"

typedef struct rapt__live {
  int32_t leaf;
  int32_t row; /* of the sentence's slot */
  double sum;
} rapt__live;

typedef struct rapt__done {
  int32_t leaf;
  bool ended;
  double score;
} rapt__done;

typedef struct rapt__group {
  rapt__live *live; /* [size] best first */
  rapt__done *done; /* [size] best first */
  int64_t live_count, done_count;
  bool closed;
} rapt__group;

typedef struct rapt__beam {
  rapt__tree tree;     /* owned */
  rapt__group *groups; /* [group_count] */
  int64_t group_count, size;
  int64_t limit;  /* tokens at most */
  int64_t number; /* of the sentence, for random numbers */
  double *room;   /* (source tokens), for the coverage */
} rapt__beam;

/* What a step offers for the rows of a slot. */
typedef struct rapt__offer {
  const rapt__choice *choices; /* (rows of the slot, per_row), best first */
  const int64_t *found;        /* (rows of the slot) */
  int64_t per_row;
  const float *alignment; /* (rows of the slot, stride), or NULL */
  int64_t stride;
} rapt__offer;

/* A row that becomes a copy of another one. */
typedef struct rapt__move {
  int32_t to, from;
} rapt__move;

/* Room that beams of `size` hypotheses in `groups` groups share: for candidates, tokens of earlier groups and moves. */
typedef struct rapt__beam_room {
  struct candidate *candidates; /* [2·size] */
  rapt__live *next;             /* [size] */
  int32_t *taken;               /* [2·groups·size] tokens of the groups before, in the latest step */
  int64_t taken_count;
  bool *used;        /* [groups·size] */
  rapt__move *moves; /* [groups·size] of the latest step */
  int64_t move_count;
} rapt__beam_room;
rapt_status rapt__beam_room_make(rapt__arena *arena, int64_t groups, int64_t size, rapt__beam_room *room);

/* Begins with the empty hypothesis in every group. Arrays live in the arena. */
rapt_status rapt__beam_init(rapt__beam *beam, rapt__arena *arena, int64_t groups, int64_t size);
void rapt__beam_free(rapt__beam *beam);
/* How many choices a row has to offer so that the best are surely among them. */
int64_t rapt__beam_per_row(const rapt_translate_options *o, int64_t groups, int64_t size);
/* All groups go on by one token, or close. */
rapt_status rapt__beam_step(rapt__beam *beam, const rapt_translate_options *o, const rapt__offer *offer,
                            rapt__beam_room *room);
bool rapt__beam_open(const rapt__beam *beam);

#endif
