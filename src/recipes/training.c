/* What recipes do around a trainer. */
#include "recipes/training.h"

#include "base/file.h"

void rapt__run_trainer(const rapt__run *run, rapt__trainer *t, rapt__task *task, rapt_params *params, const char *dir) {
  t->task = task;
  t->params = params;
  t->settings = run->train;
  t->seed = (uint64_t)run->common.seed;
  t->dir = dir;
  t->tell = run->tell;
  t->tell_user = run->tell_user;
}

rapt_status rapt__run_train(rapt__run *run, rapt__trainer *t) {
  bool resume = false;
  RAPT_TRY(rapt__make_dirs(run->ctx, t->dir));
  if (run->resume) RAPT_TRY(rapt__checkpoint_exists(t, &resume));
  rapt_status status = rapt__trainer_run(t, resume);
  run->result->interrupted = t->interrupted;
  return status;
}
