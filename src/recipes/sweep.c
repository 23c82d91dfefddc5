/* Sweeps: making the list of runs, everything of which is checked before the first one begins. */
#include "recipes/sweep.h"

#include "base/file.h"
#include "data/sets.h"
#include "recipes/recipes.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *rapt_sweep_state_text(rapt_sweep_state state) {
  static const char *const names[] = {"planned", "running", "done", "stopped", "failed", "skipped"};
  return (unsigned)state < sizeof names / sizeof *names ? names[state] : "unknown";
}

const char *rapt_sweep_dir(const rapt_sweep *sweep) { return sweep->dir; }
size_t rapt_sweep_count(const rapt_sweep *sweep) { return sweep->count; }
const rapt_sweep_run *rapt_sweep_get(const rapt_sweep *sweep, size_t index) {
  return index < sweep->count ? &sweep->runs[index] : NULL;
}

void rapt_sweep_free(rapt_context *ctx, rapt_sweep *sweep) {
  if (!sweep) return;
  rapt__arena_free(&sweep->arena);
  rapt__free(ctx, sweep);
}

static rapt_sweep *make(rapt_context *ctx) {
  rapt_sweep *sweep = rapt__new(ctx, 1, sizeof *sweep);
  if (!sweep) return NULL;
  sweep->ctx = ctx;
  sweep->jobs = 1;
  rapt__arena_init(&sweep->arena, ctx);
  return sweep;
}

/* ---- Checking ---------------------------------------------------------------------------------------------------- */

/* The value of "key=value" where the key is this one, else NULL. */
static const char *value_of(const char *setting, const char *key) {
  size_t n = strlen(key);
  return strncmp(setting, key, n) == 0 && setting[n] == '=' ? setting + n + 1 : NULL;
}

/* Setting `data`, as a run would look for it. */
static rapt_status find_data(rapt_context *ctx, const char *name) {
  char path[PATH_MAX];
  int missing;
  if (!*name || rapt__file_exists(name)) return RAPT_OK;
  if (strchr(name, '/')) return rapt__fail(ctx, RAPT_ENOTFOUND, "%s: there is no such file", name);
  return rapt__data_find(ctx, "file or data set", name, path, sizeof path, &missing);
}

static rapt_status note_threads(void *user, const char *const *settings) {
  rapt_sweep *sweep = user;
  for (; *settings; settings++) {
    const char *threads = value_of(*settings, "train.threads");
    if (!threads) continue;
    long long n = strtoll(threads, NULL, 10);
    sweep->has_threads = true;
    if (n > sweep->threads) sweep->threads = n;
  }
  return RAPT_OK;
}

static rapt_status check_data(void *user, const char *const *settings) {
  rapt_sweep *sweep = user;
  for (; *settings; settings++) {
    const char *data = value_of(*settings, "data");
    if (data) return find_data(sweep->ctx, data);
  }
  return RAPT_OK;
}

/* ---- A grid ------------------------------------------------------------------------------------------------------ */

static const char **settings_of(rapt_sweep *sweep, size_t index) {
  const rapt__grid *grid = &sweep->grid;
  const char **list = rapt__arena_new(&sweep->arena, grid->count + 1, sizeof *list);
  for (size_t i = 0; list && i < grid->count; i++) {
    const rapt__axis *axis = &grid->axes[i];
    list[i] = rapt__arena_format(&sweep->arena, "%s=%s", axis->key, axis->values[rapt__grid_at(grid, index, i)]);
    if (!list[i]) list = NULL;
  }
  return list;
}

static rapt_status place_run(rapt_sweep *sweep, rapt_sweep_run *run, const char *recipe, const char *name) {
  if (!name) return RAPT_ENOMEM;
  run->recipe = recipe;
  run->name = name;
  run->dir = rapt__arena_format(&sweep->arena, "%s/%s", sweep->dir, run->name);
  return run->dir ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status make_runs(rapt_sweep *sweep) {
  const rapt__grid *grid = &sweep->grid;
  sweep->count = grid->total;
  sweep->seeds =
      grid->count && strcmp(grid->axes[grid->count - 1].key, "seed") == 0 ? grid->axes[grid->count - 1].count : 1;
  sweep->runs = rapt__arena_new(&sweep->arena, sweep->count, sizeof *sweep->runs);
  if (!sweep->runs) return RAPT_ENOMEM;
  for (size_t i = 0; i < sweep->count; i++) {
    rapt_sweep_run *run = &sweep->runs[i];
    run->settings = settings_of(sweep, i);
    if (!run->settings) return RAPT_ENOMEM;
    run->setting_count = (int)grid->count;
    RAPT_TRY(rapt__recipe_resolve(sweep->ctx, sweep->recipe, run->settings, run->setting_count, note_threads, sweep));
    RAPT_TRY(place_run(sweep, run, sweep->recipe, rapt__grid_name(&sweep->arena, grid, i)));
  }
  for (size_t i = 0; i < sweep->count; i++) {
    rapt_sweep_run *run = &sweep->runs[i];
    RAPT_TRY(rapt__recipe_resolve(sweep->ctx, sweep->recipe, run->settings, run->setting_count, check_data, sweep));
    RAPT_TRY(rapt__sweep_look(sweep, run));
  }
  return RAPT_OK;
}

static rapt_status command_of(rapt_sweep *sweep, const char *const *settings, int count) {
  rapt__text text;
  rapt__text_init(&text, sweep->ctx);
  rapt_status status = rapt__text_addf(&text, "rapt sweep %s", sweep->recipe);
  for (int i = 0; i < count && status == RAPT_OK; i++) status = rapt__text_addf(&text, " %s", settings[i]);
  if (status == RAPT_OK && !(sweep->command = rapt__arena_strdup(&sweep->arena, text.data))) status = RAPT_ENOMEM;
  rapt__text_free(&text);
  return status;
}

/* `out` is the sweep's own; the other settings make the grid. */
static rapt_status take_out(rapt_sweep *sweep, const char *const *settings, int count, const char **rest, int *kept) {
  const char *out = NULL;
  *kept = 0;
  for (int i = 0; i < count; i++) {
    const char *value = value_of(settings[i], "out");
    if (!value)
      rest[(*kept)++] = settings[i];
    else if (out)
      return rapt__fail(sweep->ctx, RAPT_EKEY, "command line: out is given twice");
    else
      out = value;
  }
  sweep->dir = out && *out ? rapt__arena_strdup(&sweep->arena, out)
                           : rapt__arena_format(&sweep->arena, "sweeps/%s", sweep->recipe);
  return sweep->dir ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status fill_grid(rapt_sweep *sweep, const char *recipe, const char *const *settings, int count) {
  const rapt__recipe *known = rapt__recipe_named(sweep->ctx, recipe);
  if (!known) return rapt_context_status(sweep->ctx);
  sweep->recipe = known->info.id;
  const char **rest = rapt__arena_new(&sweep->arena, (size_t)count + 1, sizeof *rest);
  int kept;
  if (!rest) return RAPT_ENOMEM;
  RAPT_TRY(take_out(sweep, settings, count, rest, &kept));
  RAPT_TRY(command_of(sweep, settings, count));
  RAPT_TRY(rapt__grid_read(&sweep->arena, rest, kept, &sweep->grid));
  return make_runs(sweep);
}

rapt_status rapt_sweep_new(rapt_context *ctx, const char *recipe, const char *const *settings, int count,
                           rapt_sweep **out) {
  *out = NULL;
  rapt_sweep *sweep = make(ctx);
  if (!sweep) return RAPT_ENOMEM;
  rapt_status status = fill_grid(sweep, recipe, settings, count);
  if (status == RAPT_OK)
    *out = sweep;
  else
    rapt_sweep_free(ctx, sweep);
  return status;
}

/* ---- Several recipes --------------------------------------------------------------------------------------------- */

static rapt_status skip(rapt_sweep *sweep, rapt_sweep_run *run, const char *set) {
  run->state = RAPT_SWEEP_SKIPPED;
  run->why = rapt__arena_format(&sweep->arena, "data set %s is missing, `rapt data get %s`", set, set);
  return run->why ? RAPT_OK : RAPT_ENOMEM;
}

/* Skips the run when `name` is a data set that is not here. */
static rapt_status need_data(rapt_sweep *sweep, rapt_sweep_run *run, const char *name) {
  char path[PATH_MAX];
  int missing;
  if (run->state == RAPT_SWEEP_SKIPPED || !rapt__data_set_find(name)) return RAPT_OK;
  rapt_status status = rapt_data_find(sweep->ctx, name, path, sizeof path, &missing);
  if (status != RAPT_ENOTFOUND) return status;
  rapt__forget(sweep->ctx);
  return skip(sweep, run, name);
}

typedef struct needs {
  rapt_sweep *sweep;
  rapt_sweep_run *run;
} needs;

/* A value that is the name of a data set is one that the run reads, whatever its key. */
static rapt_status check_defaults(void *user, const char *const *settings) {
  needs *n = user;
  for (; *settings; settings++) RAPT_TRY(need_data(n->sweep, n->run, strchr(*settings, '=') + 1));
  return RAPT_OK;
}

/* What a recipe's page says of its data names those that no setting does. */
static rapt_status check_stated(rapt_sweep *sweep, rapt_sweep_run *run, const char *data) {
  while (*data) {
    size_t n = strcspn(data, ", ");
    const char *name = rapt__arena_format(&sweep->arena, "%.*s", (int)n, data);
    if (!name) return RAPT_ENOMEM;
    RAPT_TRY(need_data(sweep, run, name));
    data += n + strspn(data + n, ", ");
  }
  return RAPT_OK;
}

static rapt_status full_run(rapt_sweep *sweep, size_t index) {
  const rapt__axis *seeds = &sweep->grid.axes[1];
  rapt_sweep_run *run = &sweep->runs[index];
  const rapt_recipe_info *info = rapt_recipe_find(sweep->grid.axes[0].values[rapt__grid_at(&sweep->grid, index, 0)]);
  const char **settings = rapt__arena_new(&sweep->arena, 2, sizeof *settings);
  if (!settings) return RAPT_ENOMEM;
  settings[0] = rapt__arena_format(&sweep->arena, "seed=%s", seeds->values[rapt__grid_at(&sweep->grid, index, 1)]);
  if (!settings[0]) return RAPT_ENOMEM;
  run->settings = settings;
  run->setting_count = 1;
  const char *name = seeds->count > 1 ? rapt__arena_format(&sweep->arena, "%s,%s", info->id, settings[0]) : info->id;
  RAPT_TRY(place_run(sweep, run, info->id, name));
  RAPT_TRY(rapt__sweep_look(sweep, run));
  if (run->state == RAPT_SWEEP_DONE) return RAPT_OK;
  RAPT_TRY(rapt__recipe_resolve(sweep->ctx, info->id, settings, 1, check_defaults, &(needs){sweep, run}));
  return check_stated(sweep, run, info->data);
}

static rapt_status fill_recipes(rapt_sweep *sweep, const char *const *ids, int count, int seeds, const char *dir) {
  rapt_context *ctx = sweep->ctx;
  bool all = count == 0;
  if (all) count = rapt_recipe_count();
  if (seeds < 1 || seeds > RAPT_SWEEP_MOST / (count > 0 ? count : 1))
    return rapt__fail(ctx, RAPT_EINVAL, "%d seeds of %d recipes: at least one seed and at most %d runs are needed",
                      seeds, count, RAPT_SWEEP_MOST);
  rapt__axis *axes = rapt__arena_new(&sweep->arena, 2, sizeof *axes);
  if (!axes) return RAPT_ENOMEM;
  axes[0] = (rapt__axis){"recipe", rapt__arena_new(&sweep->arena, (size_t)count, sizeof(char *)), (size_t)count};
  axes[1] = (rapt__axis){"seed", rapt__arena_new(&sweep->arena, (size_t)seeds, sizeof(char *)), (size_t)seeds};
  if (!axes[0].values || !axes[1].values) return RAPT_ENOMEM;
  for (int i = 0; i < count; i++) {
    const rapt__recipe *recipe = all ? rapt__recipes[i] : rapt__recipe_named(ctx, ids[i]);
    if (!recipe) return rapt_context_status(ctx);
    for (int k = 0; k < i; k++)
      if (strcmp(axes[0].values[k], recipe->info.id) == 0)
        return rapt__fail(ctx, RAPT_EKEY, "recipe \"%s\" is named twice", recipe->info.id);
    axes[0].values[i] = recipe->info.id;
  }
  for (int i = 0; i < seeds; i++)
    if (!(axes[1].values[i] = rapt__arena_format(&sweep->arena, "%d", i + 1))) return RAPT_ENOMEM;
  sweep->grid = (rapt__grid){axes, 2, (size_t)count * (size_t)seeds};
  sweep->count = sweep->grid.total;
  sweep->seeds = (size_t)seeds;
  sweep->command = "rapt recipes --verify";
  sweep->dir = rapt__arena_strdup(&sweep->arena, dir);
  sweep->runs = rapt__arena_new(&sweep->arena, sweep->count, sizeof *sweep->runs);
  if (!sweep->dir || !sweep->runs) return RAPT_ENOMEM;
  for (size_t i = 0; i < sweep->count; i++) RAPT_TRY(full_run(sweep, i));
  return RAPT_OK;
}

rapt_status rapt_sweep_new_recipes(rapt_context *ctx, const char *const *ids, int count, int seeds, const char *dir,
                                   rapt_sweep **out) {
  *out = NULL;
  rapt_sweep *sweep = make(ctx);
  if (!sweep) return RAPT_ENOMEM;
  rapt_status status = fill_recipes(sweep, ids, count, seeds, dir);
  if (status == RAPT_OK)
    *out = sweep;
  else
    rapt_sweep_free(ctx, sweep);
  return status;
}
