/* Architectures by name, and models stored in two bytes a number. */
#include "recipes/toolkit.h"

#include "base/file.h"

#include <math.h>

/* ---- The registry ---- */

enum { LEARNT = 64, STEPS = 8, NAMES = 200 };

static rapt_status tokenizer_again(rapt__toolkit *t, rapt_tokenizer **out) {
  return rapt_tokenizer_load(t->run->ctx, t->run->common.out, out);
}

/* A small model of that architecture with the net's tokenizer for both sides. */
static rapt_status small_model(rapt__toolkit *t, const rapt__model *arch, rapt_model **out) {
  rapt__run *run = t->run;
  rapt_tokenizer *tokenizer;
  RAPT_TRY(tokenizer_again(t, &tokenizer));
  RAPT_TRY(rapt__model_empty_pair(run->ctx, arch, NULL, tokenizer, out));
  rapt_model *model = *out;
  rapt__config config = {arch->keys, model->config};
  RAPT_TRY(rapt__config_set(run->ctx, &model->arena, &config, 1, "model.width=64", NULL, arch->name));
  RAPT_TRY(rapt__model_declare(model));
  return rapt_params_start(model->params, (uint64_t)run->common.seed);
}

/* A few updates of Adam on the same sentences, by the trainer that trains the net. */
static rapt_status learn(rapt__toolkit *t, rapt_model *model, const rapt__pair *const *list, double losses[2]) {
  static const char *const changes[] = {"train.schedule=constant",
                                        "train.warmup=0",
                                        "train.optimizer=adam",
                                        "train.lr=3e-3",
                                        "train.eval_every=0",
                                        "train.save_every=0",
                                        "train.sample_every=0",
                                        "train.average=0",
                                        "train.stop_at=0",
                                        "train.minutes=0",
                                        NULL};
  rapt__run *run = t->run;
  rapt__trainer trainer;
  rapt__deals deals;
  const rapt__pairs *pairs = &t->net.task.train_pairs;
  int64_t count = pairs->count < LEARNT ? (int64_t)pairs->count : LEARNT;
  RAPT_TRY(rapt__deals_cut(&run->arena, model, pairs, list, count, count, &deals));
  RAPT_TRY(rapt__deals_loss(&deals, model, &losses[0]));
  rapt__trainer_init(&trainer, run->ctx);
  trainer.task = &deals.task;
  trainer.params = model->params;
  RAPT_TRY(rapt__toolkit_settings_of(run, changes, &trainer.settings));
  trainer.settings.steps = STEPS;
  rapt_status status = rapt__trainer_run(&trainer, false);
  rapt__trainer_free(&trainer);
  return status == RAPT_OK ? rapt__deals_loss(&deals, model, &losses[1]) : status;
}

rapt_status rapt__toolkit_registry(rapt__toolkit *t) {
  rapt__run *run = t->run;
  const rapt__pair **list = rapt__deals_shuffle(&run->arena, &t->net.task.train_pairs, (uint64_t)run->common.seed);
  char names[NAMES] = "";
  size_t used = 0, models = 0, recipes = 0;
  int pairs = 0, learnt = 0;
  if (!list) return RAPT_ENOMEM;
  while (rapt__recipes[recipes]) recipes++;
  for (; rapt__models[models]; models++) {
    const rapt__model *arch = rapt__models[models];
    rapt_model *model = NULL;
    double losses[2] = {NAN, NAN};
    if (!arch->seq2seq) continue;
    rapt_status status = small_model(t, arch, &model);
    if (status == RAPT_OK) status = learn(t, model, list, losses);
    rapt_model_free(model);
    RAPT_TRY(status);
    pairs++;
    learnt += losses[1] < losses[0];
    int n = snprintf(names + used, sizeof names - used, "%s%s %.2f to %.2f", used ? ", " : "", arch->name, losses[0],
                     losses[1]);
    used = n > 0 && used + (size_t)n < sizeof names ? used + (size_t)n : sizeof names - 1;
  }
  return rapt__findings_judge(
      &t->findings, false, pairs > 0 && learnt == pairs,
      "of %zu architectures and %zu recipes in the registries, %d architectures are of sequence "
      "to sequence; one task and one trainer lower the loss of each in %d updates (%s)",
      models, recipes, pairs, STEPS, names);
}

/* ---- Two bytes a number ---- */

enum { VALIDATED = 256, FORMS = 3 };

typedef struct stored {
  rapt_storage storage;
  const char *name;
  double most; /* by how much the loss may differ */
  double bytes, loss;
} stored;

static rapt_status size_of(rapt__run *run, const char *dir, double *bytes) {
  rapt__map map;
  const char *path = rapt__arena_format(&run->arena, "%s/model.safetensors", dir);
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__map_open(run->ctx, path, &map));
  *bytes = (double)map.size;
  rapt__map_close(&map);
  return RAPT_OK;
}

static rapt_status store_and_read(rapt__toolkit *t, const rapt__pair *const *list, int64_t count, stored *s) {
  rapt__run *run = t->run;
  const char *dir = rapt__run_path(run, s->name);
  rapt_model *model;
  rapt__deals deals;
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(rapt_model_save_as(t->net.model, dir, s->storage));
  RAPT_TRY(size_of(run, dir, &s->bytes));
  RAPT_TRY(rapt_model_load(run->ctx, dir, &model));
  rapt_status status =
      rapt__deals_cut(&run->arena, model, &t->net.task.valid_pairs, list, count, count < 64 ? count : 64, &deals);
  if (status == RAPT_OK) status = rapt__deals_loss(&deals, model, &s->loss);
  rapt_model_free(model);
  return status;
}

rapt_status rapt__toolkit_storage(rapt__toolkit *t) {
  rapt__run *run = t->run;
  const rapt__pairs *pairs = &t->net.task.valid_pairs;
  const rapt__pair **list = rapt__deals_shuffle(&run->arena, pairs, (uint64_t)run->common.seed);
  int64_t count = pairs->count < VALIDATED ? (int64_t)pairs->count : VALIDATED;
  stored forms[FORMS] = {{RAPT_STORAGE_FLOAT32, "float32", 0, 0, 0},
                         {RAPT_STORAGE_FLOAT16, "float16", 1e-3, 0, 0},
                         {RAPT_STORAGE_BFLOAT16, "bfloat16", 1e-2, 0, 0}};
  if (!list) return RAPT_ENOMEM;
  for (int i = 0; i < FORMS; i++) RAPT_TRY(store_and_read(t, list, count, &forms[i]));
  for (int i = 1; i < FORMS; i++) {
    double share = forms[i].bytes / forms[0].bytes, apart = fabs(forms[i].loss - forms[0].loss);
    RAPT_TRY(rapt__findings_judge(&t->findings, false, share <= 0.51 && apart <= forms[i].most,
                                  "stored as %s the weights take %.2f MB instead of %.2f, and the loss of validation "
                                  "sentences is %.5f instead of %.5f (to differ by at most %g)",
                                  forms[i].name, forms[i].bytes / 1e6, forms[0].bytes / 1e6, forms[i].loss,
                                  forms[0].loss, forms[i].most));
  }
  return RAPT_OK;
}
