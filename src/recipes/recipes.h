/* Recipes: one file a paper. The build finds `const rapt__recipe rapt__recipe_<file>` and lists it. */
#ifndef RAPT_SRC_RECIPES_H
#define RAPT_SRC_RECIPES_H

#include <rapt/recipe.h>
#include "base/config.h"
#include "explain/sheet.h"
#include "train/settings.h"

#include <stdio.h>

typedef struct rapt__recipe rapt__recipe;

/* Settings that every recipe has. */
typedef struct rapt__common {
  const char *data, *out;
  int64_t seed;
  const char *preset; /* "" without one */
} rapt__common;

/* A run under way: settings, where it writes, whom it tells. */
typedef struct rapt__run {
  rapt_context *ctx;
  rapt__arena arena;
  const rapt__recipe *recipe;
  rapt__common common;
  rapt__train_settings train;
  void *own;   /* the recipe's own settings struct, zeroed */
  void *model; /* settings of its architecture, zeroed; NULL without one */
  rapt__config configs[6];
  size_t config_count;
  bool resume;
  bool changed;          /* a setting that the pass mark stands on was changed by the user */
  const char *id;        /* in the index of runs and in run.json */
  bool unindexed;        /* the index could not be written, and that was told */
  double begun, seconds; /* clock at the start; training time of earlier sessions */
  rapt_train_fn tell;
  void *tell_user;
  rapt_run_result *result;
} rapt__run;

/* An explanation under way: what was asked for, and the sheet that takes the answer. */
typedef struct rapt__explanation {
  rapt_context *ctx;
  rapt__arena arena;
  const rapt__recipe *recipe;
  const char *sentence; /* the user's, or NULL */
  uint64_t seed;
  rapt__sheet *sheet;
} rapt__explanation;

struct rapt__recipe {
  rapt_recipe_info info;
  const char *architecture; /* of `model`, or NULL */
  const rapt__key *keys;    /* of its own settings, or NULL */
  size_t own_size;
  const char *const *defaults; /* "key=value" over the tables' defaults, NULL-terminated */
  const char *const *neutral;  /* own keys that cannot make the figure better or worse, NULL-terminated; or NULL */
  bool no_data, no_training;   /* it has no setting `data`, none of `train.*`: they would do nothing */
  bool only_threads;           /* of `train.*` it has train.threads alone */
  rapt_status (*run)(rapt__run *run);
  rapt_status (*explain)(rapt__explanation *explanation); /* for `rapt explain`, or NULL */
};

extern const rapt__recipe *const rapt__recipes[]; /* then NULL */
/* The recipe of that name, or NULL after a sentence that names the nearest one. */
const rapt__recipe *rapt__recipe_named(rapt_context *ctx, const char *id);

/* Checks settings as rapt_recipe_train would, up to where it writes, and hands over every setting of the run as "key=value",
 * ended by NULL; they live during the call. */
typedef rapt_status (*rapt__resolved_fn)(void *user, const char *const *settings);
rapt_status rapt__recipe_resolve(rapt_context *ctx, const char *id, const char *const *settings, int count,
                                 rapt__resolved_fn take, void *user);

/* A line of the result or a note to whoever watches. */
void rapt__run_say(rapt__run *run, rapt_event event, const char *fmt, ...) RAPT_PRINTF(3, 4);
/* Setting `data` as a path: itself where it exists or has a slash, else the folder of the data set of this name. NULL after
 * an error, which names the command that fetches the set; its status is the context's. */
const char *rapt__run_data(rapt__run *run);
/* The same for a name that is not setting `data`. */
const char *rapt__run_data_named(rapt__run *run, const char *name);
/* What a claim is followed by. */
static inline const char *rapt__judged(bool holds) { return holds ? "holds" : "does not hold"; }
/* Every setting as "key=value", ended by NULL, in the run's arena. NULL: no memory. */
const char **rapt__run_settings(rapt__run *run);
/* The preset in use, or NULL. */
const rapt_preset *rapt__run_preset(const rapt__run *run);
/* The path of setting `data` where that is a file, else of this file of the data set. NULL after an error; its status is the
 * context's. */
const char *rapt__run_data_file(rapt__run *run, const char *file);
/* The text of setting `data`: a file, or a data set's name. `file` is the data set's file. The text is
 * freed with rapt__free. */
rapt_status rapt__run_text(rapt__run *run, const char *file, char **text, size_t *size);
/* DIR/NAME in the run's arena. */
char *rapt__run_path(rapt__run *run, const char *name);

#endif
