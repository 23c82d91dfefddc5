/* What the directory of a run says: whether it is the run that is wanted, and how far it came. */
#include "recipes/sweep.h"

#include "base/file.h"
#include "formats/json.h"
#include "recipes/recipes.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const marks[] = {"not judged", "reached", "missed"}; /* as rapt_run_mark */

/* ---- Is it the same run? ----------------------------------------------------------------------------------------- */

typedef struct comparison {
  rapt_sweep *sweep;
  const rapt_sweep_run *run;
  json_t *stored;
} comparison;

/* These do not change what a run comes to. */
static bool is_free(const char *setting, size_t key) {
  static const char *const keys[] = {"out", "train.threads", "train.stop_at"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (strlen(keys[i]) == key && strncmp(setting, keys[i], key) == 0) return true;
  return false;
}

static rapt_status compare_settings(void *user, const char *const *settings) {
  const comparison *c = user;
  for (; *settings; settings++) {
    const char *value = strchr(*settings, '=') + 1;
    size_t key = (size_t)(value - 1 - *settings);
    if (is_free(*settings, key)) continue;
    char name[128];
    snprintf(name, sizeof name, "%.*s", (int)(key < sizeof name ? key : sizeof name - 1), *settings);
    const char *stored = json_string_value(json_object_get(c->stored, name));
    if (stored && strcmp(stored, value) == 0) continue;
    return rapt__fail(c->sweep->ctx, RAPT_EINVAL,
                      "%s holds a run with other settings: %s is %s%.80s%s there and \"%.80s\" here; choose another "
                      "directory",
                      c->run->dir, name, stored ? "\"" : "", stored ? stored : "not known", stored ? "\"" : "", value);
  }
  return RAPT_OK;
}

static rapt_status compare(rapt_sweep *sweep, const rapt_sweep_run *run, json_t *root, const char *path) {
  const char *recipe = json_string_value(json_object_get(root, "recipe"));
  if (!recipe || strcmp(recipe, run->recipe) != 0)
    return rapt__fail(sweep->ctx, RAPT_EINVAL, "%s: a run of recipe \"%.80s\", not of %s; choose another directory",
                      path, recipe ? recipe : "", run->recipe);
  comparison c = {sweep, run, json_object_get(root, "settings")};
  return rapt__recipe_resolve(sweep->ctx, run->recipe, run->settings, run->setting_count, compare_settings, &c);
}

/* ---- How far did it come? ---------------------------------------------------------------------------------------- */

static double real_or_nan(const json_t *value) { return json_is_number(value) ? json_number_value(value) : NAN; }

/* From result.json, if it belongs to the run with this id. */
static rapt_status from_result(rapt_sweep *sweep, rapt_sweep_run *run, const char *id, bool failures, bool *found) {
  char *path = rapt__path_join(sweep->ctx, run->dir, "result.json");
  if (!path) return RAPT_ENOMEM;
  json_t *root = NULL;
  *found = false;
  rapt_status status = rapt__file_exists(path) ? rapt__json_read(sweep->ctx, path, &root) : RAPT_OK;
  rapt__free(sweep->ctx, path);
  const char *stored = json_string_value(json_object_get(root, "id")),
             *state = json_string_value(json_object_get(root, "state")),
             *mark = json_string_value(json_object_get(root, "mark")),
             *why = json_string_value(json_object_get(root, "error"));
  if (status == RAPT_OK && stored && state && strcmp(stored, id) == 0) {
    bool done = strcmp(state, "done") == 0, failed = strcmp(state, "failed") == 0;
    *found = done || (failed && failures);
    if (*found) run->state = done ? RAPT_SWEEP_DONE : RAPT_SWEEP_FAILED;
    for (int i = 0; *found && mark && i < 3; i++)
      if (strcmp(mark, marks[i]) == 0) run->mark = (rapt_run_mark)i;
    if (*found) {
      run->figure = real_or_nan(json_object_get(root, "figure"));
      run->minutes = real_or_nan(json_object_get(root, "minutes"));
      run->why = rapt__arena_strdup(&sweep->arena, why ? why : "");
      if (!run->why) status = RAPT_ENOMEM;
    }
  }
  json_decref(root);
  return status;
}

/* From the index; what that does not know, or where it cannot be read, is a run that may go on. */
static rapt_status from_index(rapt_sweep *sweep, rapt_sweep_run *run, const char *id) {
  rapt_run_list *list;
  run->state = RAPT_SWEEP_STOPPED;
  rapt_status status = rapt_runs_find(sweep->ctx, id, &list);
  if (status == RAPT_ENOMEM) return status;
  if (status != RAPT_OK) {
    rapt__forget(sweep->ctx);
    return RAPT_OK;
  }
  const rapt_run_record *r = list->runs;
  if (strcmp(r->id, id) == 0) {
    run->minutes = r->seconds / 60;
    if (r->state == RAPT_RUN_RUNNING) run->state = RAPT_SWEEP_RUNNING;
    if (r->state == RAPT_RUN_DONE) {
      run->state = RAPT_SWEEP_DONE;
      run->figure = r->figure;
      run->mark = r->mark;
    }
  }
  rapt_run_list_free(sweep->ctx, list);
  return RAPT_OK;
}

static rapt_status look(rapt_sweep *sweep, rapt_sweep_run *run, bool failures) {
  run->state = RAPT_SWEEP_PLANNED;
  run->figure = run->minutes = NAN;
  run->mark = RAPT_MARK_NOT_JUDGED;
  run->why = "";
  char *path = rapt__path_join(sweep->ctx, run->dir, "run.json");
  if (!path) return RAPT_ENOMEM;
  json_t *root = NULL;
  bool begun = rapt__file_exists(path), found = false;
  rapt_status status = begun ? rapt__json_read(sweep->ctx, path, &root) : RAPT_OK;
  if (status == RAPT_OK && begun) status = compare(sweep, run, root, path);
  const char *id = json_string_value(json_object_get(root, "id"));
  if (status == RAPT_OK) status = from_result(sweep, run, id ? id : "", failures, &found);
  if (status == RAPT_OK && !found && begun) status = from_index(sweep, run, id ? id : "");
  json_decref(root);
  rapt__free(sweep->ctx, path);
  return status;
}

rapt_status rapt__sweep_look(rapt_sweep *sweep, rapt_sweep_run *run) { return look(sweep, run, false); }

rapt_status rapt__sweep_collect(rapt_sweep *sweep, rapt_sweep_run *run) { return look(sweep, run, true); }

/* ---- Keeping it -------------------------------------------------------------------------------------------------- */

/* The id in run.json; "" where the run did not come so far. To be freed; NULL: no memory. */
static char *stored_id(rapt_sweep *sweep, const rapt_sweep_run *run) {
  char *path = rapt__path_join(sweep->ctx, run->dir, "run.json");
  if (!path) return NULL;
  json_t *root = NULL;
  if (rapt__file_exists(path) && rapt__json_read(sweep->ctx, path, &root) != RAPT_OK) rapt__forget(sweep->ctx);
  const char *id = json_string_value(json_object_get(root, "id"));
  char *copy = rapt__strdup(sweep->ctx, id ? id : "");
  json_decref(root);
  rapt__free(sweep->ctx, path);
  return copy;
}

static int add_real(json_t *root, const char *key, double value) {
  return json_object_set_new(root, key, isfinite(value) ? json_real(value) : json_null());
}

rapt_status rapt__sweep_keep(rapt_sweep *sweep, const rapt_sweep_run *run) {
  rapt_context *ctx = sweep->ctx;
  char *id = stored_id(sweep, run), *path = rapt__path_join(ctx, run->dir, "result.json");
  json_t *root = id && path ? json_pack("{s:s,s:s,s:s,s:s}", "id", id, "state", rapt_sweep_state_text(run->state),
                                        "mark", rapt_run_mark_text(run->mark), "error", run->why)
                            : NULL;
  bool whole = root && add_real(root, "figure", run->figure) == 0 && add_real(root, "minutes", run->minutes) == 0;
  char *dump = whole ? json_dumps(root, JSON_INDENT(2)) : NULL;
  rapt_status status = dump ? rapt__file_replace(ctx, path, dump, strlen(dump)) : rapt__fail_memory(ctx, 0);
  free(dump);
  json_decref(root);
  rapt__free(ctx, path);
  rapt__free(ctx, id);
  return status;
}
