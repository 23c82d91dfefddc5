/* Recipes: one file a paper. The build finds `const rapt__recipe rapt__recipe_<file>` and lists it. */
#ifndef RAPT_SRC_RECIPES_H
#define RAPT_SRC_RECIPES_H

#include <rapt/recipe.h>
#include "base/config.h"
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
  rapt__config configs[5];
  size_t config_count;
  bool resume;
  bool changed; /* a setting that the pass mark stands on was changed by the user */
  rapt_train_fn tell;
  void *tell_user;
  rapt_run_result *result;
} rapt__run;

struct rapt__recipe {
  rapt_recipe_info info;
  const char *architecture; /* of `model`, or NULL */
  const rapt__key *keys;    /* of its own settings, or NULL */
  size_t own_size;
  const char *const *defaults; /* "key=value" over the tables' defaults, NULL-terminated */
  rapt_status (*run)(rapt__run *run);
};

extern const rapt__recipe *const rapt__recipes[]; /* then NULL */

/* A line of the result or a note to whoever watches. */
void rapt__run_say(rapt__run *run, rapt_event event, const char *fmt, ...) RAPT_PRINTF(3, 4);
/* Setting `data` as a path: itself where it exists or has a slash, else below RAPT_DATA if that is set. NULL: no memory. */
const char *rapt__run_data(rapt__run *run);
/* The same for a name that is not setting `data`. */
const char *rapt__run_data_named(rapt__run *run, const char *name);
/* Every setting as "key=value", ended by NULL, in the run's arena. NULL: no memory. */
const char **rapt__run_settings(rapt__run *run);
/* The preset in use, or NULL. */
const rapt_preset *rapt__run_preset(const rapt__run *run);
/* The text of setting `data`: a file, or a data set's name looked up in RAPT_DATA. `file` is the data set's file. The text is
 * freed with rapt__free. */
rapt_status rapt__run_text(rapt__run *run, const char *file, char **text, size_t *size);
/* DIR/NAME in the run's arena. */
char *rapt__run_path(rapt__run *run, const char *name);

#endif
