/* What counting alone makes of piano rolls: the nets are held against it. */
#include "recipes/gru_music.h"

#include <math.h>
#include <rapt/music.h>

enum { N = RAPT_ROLL_NOTES };

typedef struct counts {
  double sounds[N], frames; /* in the training pieces */
  double after[N][2][2];    /* [sounded before][sounds] */
} counts;

/* y of the frame and x, the frame before, as the task lays them out. */
static void count(const rapt__sequences *set, counts *c) {
  for (size_t i = 0; i < set->count; i++)
    for (int64_t at = 0; at < set->at[i].frames * N; at++) {
      int n = (int)(at % N), before = set->at[i].x[at] > 0, now = set->at[i].y[at] > 0;
      c->sounds[n] += now;
      c->frames += n == 0;
      c->after[n][before][now]++;
    }
}

/* One half is added to each count, so that no probability is 0. */
static double surprise(double yes, double no, bool now) { return -log(((now ? yes : no) + 0.5) / (yes + no + 1)); }

rapt_status rapt__gru_music_count(rapt_context *ctx, const rapt__sequences *train, const rapt__sequences *test,
                                  double *independent, double *markov) {
  counts *c = rapt__new(ctx, 1, sizeof *c);
  if (!c) return RAPT_ENOMEM;
  count(train, c);
  double frames = 0;
  *independent = *markov = 0;
  for (size_t i = 0; i < test->count; i++)
    for (int64_t at = 0; at < test->at[i].frames * N; at++) {
      int n = (int)(at % N), before = test->at[i].x[at] > 0;
      bool now = test->at[i].y[at] > 0;
      *independent += surprise(c->sounds[n], c->frames - c->sounds[n], now);
      *markov += surprise(c->after[n][before][1], c->after[n][before][0], now);
      frames += n == 0;
    }
  *independent /= frames;
  *markov /= frames;
  rapt__free(ctx, c);
  return RAPT_OK;
}
