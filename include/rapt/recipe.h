/* rapt/recipe.h: papers as recipes, and training. */
#ifndef RAPT_RECIPE_H
#define RAPT_RECIPE_H

#include <rapt/base.h>
#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A named group of settings over a recipe's defaults, for another budget or another experiment. */
typedef struct rapt_preset {
  const char *name;            /* "long": `rapt train gpt preset=long` */
  const char *about;           /* one sentence */
  const char *pass_mark;       /* of a run with just this preset, or NULL: not judged */
  int minutes;                 /* on two slow cores */
  const char *const *settings; /* "key=value", ended by NULL */
} rapt_preset;

typedef struct rapt_recipe_info {
  const char *id;             /* "gpt" */
  const char *title;          /* "GPT on characters" */
  const char *paper;          /* "Radford et al. 2019, Language Models are Unsupervised Multitask Learners" */
  const char *task;           /* "language modelling" */
  const char *data;           /* "tinyshakespeare" */
  const char *paper_figure;   /* "1.88 nats (nanoGPT's CPU recipe)" */
  const char *pass_mark;      /* "≤ 1.88 nats" */
  const char *claim;          /* one sentence that a full run checks */
  const char *about;          /* a paragraph in the user's words */
  int minutes;                /* of the defaults on two slow cores */
  const rapt_preset *presets; /* ended by a name of NULL, or NULL */
} rapt_recipe_info;

RAPT_API int rapt_recipe_count(void);
RAPT_API const rapt_recipe_info *rapt_recipe_get(int index);
RAPT_API const rapt_recipe_info *rapt_recipe_find(const char *id); /* NULL when there is none */

/* Every setting of a recipe, one call each: key, default as text, meaning. */
typedef void (*rapt_setting_fn)(void *user, const char *key, const char *initial, const char *help);
RAPT_API rapt_status rapt_recipe_settings(rapt_context *ctx, const char *id, rapt_setting_fn each, void *user);

/* What training tells while it runs. Texts live during the call only. */
typedef struct rapt_progress {
  int64_t step, steps;
  double loss, lr, norm; /* of this step; norm before clipping */
  double eval_loss;      /* newest evaluation, or NaN */
  double tokens_per_second, seconds, seconds_left;
  const char *stage; /* "train", "eval", "n-gram", … */
} rapt_progress;
typedef enum rapt_event {
  RAPT_EVENT_PROGRESS,
  RAPT_EVENT_EVAL,
  RAPT_EVENT_SAMPLE,
  RAPT_EVENT_NOTE,
  RAPT_EVENT_RESULT
} rapt_event;
typedef void (*rapt_train_fn)(void *user, rapt_event event, const rapt_progress *progress, const char *text);

typedef struct rapt_run_result {
  char dir[1024];   /* the run directory */
  bool interrupted; /* stopped by rapt_context_interrupt or train.stop_at; `rapt train --resume DIR` goes on */
  bool passed;      /* the pass mark was reached (false where the recipe's data or steps were changed) */
  double figure;    /* the recipe's figure, e.g. validation nats; NaN where there is none yet */
} rapt_run_result;

/* Runs a recipe with settings "key=value" (or read from YAML: rapt_recipe_train_file). Leaves a run directory. The settings
 * of "preset=NAME" are applied before all others, wherever it stands. */
RAPT_API rapt_status rapt_recipe_train(rapt_context *ctx, const char *id, const char *const *settings, int count,
                                       rapt_train_fn tell, void *user, rapt_run_result *result);
/* Settings from a file whose key `recipe` names the recipe; `settings` come on top. */
RAPT_API rapt_status rapt_recipe_train_file(rapt_context *ctx, const char *path, const char *const *settings, int count,
                                            rapt_train_fn tell, void *user, rapt_run_result *result);
/* Goes on with an interrupted run from its last checkpoint. Only train.steps, train.stop_at and train.threads may be set anew. */
RAPT_API rapt_status rapt_recipe_resume(rapt_context *ctx, const char *dir, const char *const *settings, int count,
                                        rapt_train_fn tell, void *user, rapt_run_result *result);

#ifdef __cplusplus
}
#endif
#endif
