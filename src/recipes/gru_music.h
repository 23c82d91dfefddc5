/* What the files of the recipe gru-music share. */
#ifndef RAPT_SRC_RECIPES_GRU_MUSIC_H
#define RAPT_SRC_RECIPES_GRU_MUSIC_H

#include "data/chorales.h"
#include "models/music_rnn.h"
#include "recipes/recipes.h"
#include "tasks/frames.h"
#include "tasks/model.h"
#include "train/trainer.h"

typedef struct rapt__gru_music_settings {
  int64_t units[RAPT__MUSIC_CELLS], frames;
  double noise, tempo;
  bool test;
} rapt__gru_music_settings;

/* One net at work. */
typedef struct rapt__gru_music_net {
  const char *name;  /* "gru" */
  const char *dir;   /* in the run's arena */
  rapt_model *model; /* owned */
  rapt__frames at;
  rapt__trainer trainer;
  double noise;
  double valid, test;  /* nats a frame, of the update with the lowest validation loss */
  double *step, *loss; /* validation curve, in the run's arena */
  size_t points;
  int64_t reach; /* updates until the validation loss was low enough; -1: never */
  double reach_seconds;
} rapt__gru_music_net;

typedef struct rapt__gru_music {
  rapt__run *run;
  const rapt__gru_music_settings *settings;
  rapt__sequences parts[RAPT__CHORALES_PARTS];
  rapt__gru_music_net nets[RAPT__MUSIC_CELLS];
  double independent, markov; /* test loss of the two models that count */
} rapt__gru_music;

/* gru_music_count.c: nats a frame of counted models: each note on its own, and each given whether it sounded before. */
rapt_status rapt__gru_music_count(rapt_context *ctx, const rapt__sequences *train, const rapt__sequences *test,
                                  double *independent, double *markov);
/* gru_music_report.c: curves from metrics.jsonl; verdicts; a chorale; report.html. */
rapt_status rapt__gru_music_curves(rapt__gru_music *m);
rapt_status rapt__gru_music_finish(rapt__gru_music *m);

#endif
