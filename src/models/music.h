/* What a model of piano rolls is to the rest of the library: scores of the notes of each frame, given all frames
 * before. */
#ifndef RAPT_SRC_MODELS_MUSIC_H
#define RAPT_SRC_MODELS_MUSIC_H

#include <rapt/ops.h>

typedef struct rapt__music_pass {
  rapt_graph *graph;
  rapt_params *params;
  const void *config;
  rapt_tensor *before;  /* (T, B, notes): the frame before each, 1 where a note sounds; silence before the first */
  rapt_tensor *lengths; /* int32 (B), or NULL */
  double weight_noise;  /* 0 but in training */
  /* Frame by frame: the states before, the places that get those after (states of them). Else all NULL: states are
   * zero. */
  rapt_tensor *states[2];
  rapt_tensor **next[2];
} rapt__music_pass;

enum { RAPT__MUSIC_STATES = 2 }; /* at most */

typedef struct rapt__music {
  /* The logit of each note: (T, B, notes). */
  rapt_tensor *(*logits)(const rapt__music_pass *pass);
  /* How many states a pass frame by frame has; dims: their shape for B rows. */
  int (*states)(const void *config, int64_t rows, int64_t dims[3]);
} rapt__music;

#endif
