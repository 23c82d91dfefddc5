/* Rounds of small jobs over the thread team. */
#include "recipes/rounds.h"

#include "base/file.h"
#include "base/team.h"

#include <math.h>

typedef struct turn {
  const rapt__rounds *rounds;
  int *open; /* jobs that have not ended, in order */
  bool *ended;
} turn;

static void advance(void *arg, int64_t task, int worker) {
  const turn *t = arg;
  (void)worker;
  t->ended[task] = t->rounds->advance(t->rounds->user, t->open[task]);
}

static void tell(const rapt__rounds *rounds, double begun) {
  if (!rounds->run->tell) return;
  int64_t done, total;
  rounds->count(rounds->user, &done, &total);
  double seconds = rapt__now() - begun;
  rapt_progress p = {.step = done,
                     .steps = total,
                     .loss = NAN,
                     .eval_loss = NAN,
                     .seconds = seconds,
                     .seconds_left = done > 0 ? seconds * ((double)total / (double)done - 1) : 0,
                     .stage = rounds->stage};
  rounds->run->tell(rounds->run->tell_user, RAPT_EVENT_PROGRESS, &p, NULL);
}

rapt_status rapt__rounds_run(const rapt__rounds *rounds) {
  rapt__run *run = rounds->run;
  turn t = {.rounds = rounds,
            .open = rapt__arena_new(&run->arena, (size_t)rounds->jobs, sizeof(int)),
            .ended = rapt__arena_new(&run->arena, (size_t)rounds->jobs, sizeof(bool))};
  if (!t.open || !t.ended) return RAPT_ENOMEM;
  double begun = rapt__now();
  int open = rounds->jobs;
  for (int i = 0; i < open; i++) t.open[i] = i;
  while (open > 0) {
    if (atomic_load(&run->ctx->interrupted)) {
      run->result->interrupted = true;
      return rapt__fail(run->ctx, RAPT_EINTERRUPTED, "%s: stopped before the end; a new run starts anew",
                        run->recipe->info.id);
    }
    rapt__team_run(run->ctx->team, advance, &t, open);
    int kept = 0;
    for (int i = 0; i < open; i++)
      if (!t.ended[i]) t.open[kept++] = t.open[i];
    open = kept;
    tell(rounds, begun);
  }
  return RAPT_OK;
}
