/* Running recipes: settings from tables, the run directory, resuming. */
#include "recipes/recipes.h"

#include "base/file.h"
#include "formats/yaml.h"
#include "models/models.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const rapt__key common_keys[] = {{"data", NULL, RAPT__KEY_TEXT, offsetof(rapt__common, data), "", 0, 0, NULL,
                                         "a file, or the name of a data set below RAPT_DATA"},
                                        {"out", NULL, RAPT__KEY_TEXT, offsetof(rapt__common, out), "", 0, 0, NULL,
                                         "run directory; empty: runs/RECIPE-DATE-TIME"},
                                        {"seed", NULL, RAPT__KEY_INT, offsetof(rapt__common, seed), "1", 0, 1e15, NULL,
                                         "of weights, batches, dropout and samples"},
                                        {0}};

int rapt_recipe_count(void) {
  int n = 0;
  while (rapt__recipes[n]) n++;
  return n;
}

const rapt_recipe_info *rapt_recipe_get(int index) {
  return index >= 0 && index < rapt_recipe_count() ? &rapt__recipes[index]->info : NULL;
}

static const rapt__recipe *find(const char *id) {
  for (int i = 0; rapt__recipes[i]; i++)
    if (strcmp(rapt__recipes[i]->info.id, id) == 0) return rapt__recipes[i];
  return NULL;
}

const rapt_recipe_info *rapt_recipe_find(const char *id) {
  const rapt__recipe *r = find(id);
  return r ? &r->info : NULL;
}

static rapt_status unknown(rapt_context *ctx, const char *id) {
  const char *names[256];
  size_t n = 0;
  for (; rapt__recipes[n] && n < 256; n++) names[n] = rapt__recipes[n]->info.id;
  const char *near = rapt__nearest(id, names, n);
  return rapt__fail(ctx, RAPT_EKEY, "there is no recipe \"%s\"%s%s%s; `rapt recipes` lists them", id,
                    near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "");
}

static rapt_status set(rapt__run *run, const char *setting, const char *where) {
  return rapt__config_set(run->ctx, &run->arena, run->configs, run->config_count, setting, NULL, where);
}

/* All tables with their defaults, then the recipe's. */
static rapt_status begin(rapt__run *run, rapt_context *ctx, const rapt__recipe *recipe) {
  *run = (rapt__run){.ctx = ctx, .recipe = recipe};
  rapt__arena_init(&run->arena, ctx);
  run->configs[run->config_count++] = (rapt__config){common_keys, &run->common};
  if (recipe->keys) {
    run->own = rapt__arena_new(&run->arena, 1, recipe->own_size);
    if (!run->own) return RAPT_ENOMEM;
    run->configs[run->config_count++] = (rapt__config){recipe->keys, run->own};
  }
  if (recipe->architecture) {
    const rapt__model *arch = rapt__model_find(recipe->architecture);
    run->model = rapt__arena_new(&run->arena, 1, arch->config_size);
    if (!run->model) return RAPT_ENOMEM;
    run->configs[run->config_count++] = (rapt__config){arch->keys, run->model};
  }
  run->configs[run->config_count++] = (rapt__config){rapt__train_keys, &run->train};
  RAPT_TRY(rapt__config_defaults(ctx, &run->arena, run->configs, run->config_count));
  for (int i = 0; recipe->defaults && recipe->defaults[i]; i++)
    RAPT_TRY(set(run, recipe->defaults[i], recipe->info.id));
  return RAPT_OK;
}

rapt_status rapt_recipe_settings(rapt_context *ctx, const char *id, rapt_setting_fn each, void *user) {
  const rapt__recipe *recipe = find(id);
  if (!recipe) return unknown(ctx, id);
  rapt__run run;
  rapt_status status = begin(&run, ctx, recipe);
  rapt__text text;
  rapt__text_init(&text, ctx);
  for (size_t c = 0; c < run.config_count && status == RAPT_OK; c++)
    for (const rapt__key *key = run.configs[c].keys; key->name && status == RAPT_OK; key++) {
      text.size = 0;
      status = rapt__config_print(&text, key, (char *)run.configs[c].values + key->offset);
      if (status == RAPT_OK) each(user, key->name, text.size ? text.data : "", key->help);
    }
  rapt__text_free(&text);
  rapt__arena_free(&run.arena);
  return status;
}

void rapt__run_say(rapt__run *run, rapt_event event, const char *fmt, ...) {
  if (!run->tell) return;
  char text[2048];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  rapt_progress none = {.stage = ""};
  run->tell(run->tell_user, event, &none, text);
}

char *rapt__run_path(rapt__run *run, const char *name) {
  return rapt__arena_format(&run->arena, "%s/%s", run->common.out, name);
}

rapt_status rapt__run_text(rapt__run *run, const char *file, char **text, size_t *size) {
  const char *name = run->common.data, *root = getenv("RAPT_DATA");
  const char *path = name;
  if (!*name) return rapt__fail(run->ctx, RAPT_EKEY, "which text? Say data=FILE");
  if (!rapt__file_exists(name) && !strchr(name, '/') && root && *root) {
    path = rapt__arena_format(&run->arena, "%s/%s/%s", root, name, file);
    if (!path) return RAPT_ENOMEM;
  }
  if (!rapt__file_exists(path)) {
    if (path == name && strchr(name, '/'))
      return rapt__fail(run->ctx, RAPT_ENOTFOUND, "%s: there is no such file", name);
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "data \"%s\" is neither a file nor a data set below RAPT_DATA (%s); say data=FILE, or set "
                      "RAPT_DATA to the folder "
                      "that holds %s/%s",
                      name, root && *root ? root : "not set", name, file);
  }
  return rapt__file_read(run->ctx, path, (size_t)1 << 32, text, size);
}

/* ---- run.json: recipe and every setting, so that a run can be repeated and resumed ---- */

static rapt_status save_settings(rapt__run *run) {
  json_t *settings = json_object(), *root = json_pack("{s:s,s:s,s:o}", "recipe", run->recipe->info.id, "rapt",
                                                      rapt_version(), "settings", settings);
  rapt__text text;
  rapt__text_init(&text, run->ctx);
  rapt_status status = root ? RAPT_OK : RAPT_ENOMEM;
  for (size_t c = 0; c < run->config_count; c++)
    for (const rapt__key *key = run->configs[c].keys; key->name && status == RAPT_OK; key++) {
      text.size = 0;
      status = rapt__config_print(&text, key, (char *)run->configs[c].values + key->offset);
      if (status == RAPT_OK)
        json_object_set_new(settings, key->name, json_stringn(text.size ? text.data : "", text.size));
    }
  rapt__text_free(&text);
  char *dump = status == RAPT_OK ? json_dumps(root, JSON_INDENT(2)) : NULL, *path = rapt__run_path(run, "run.json");
  json_decref(root);
  if (status == RAPT_OK)
    status = dump && path ? rapt__file_replace(run->ctx, path, dump, strlen(dump)) : rapt__fail_memory(run->ctx, 0);
  free(dump);
  return status;
}

static rapt_status load_settings(rapt__run *run, json_t *root, const char *path) {
  const char *key;
  json_t *value;
  json_object_foreach(json_object_get(root, "settings"), key, value) {
    if (!json_is_string(value))
      return rapt__fail(run->ctx, RAPT_EFORMAT, "%s: setting \"%s\" is not a text", path, key);
    RAPT_TRY(
        rapt__config_set(run->ctx, &run->arena, run->configs, run->config_count, key, json_string_value(value), path));
  }
  return RAPT_OK;
}

/* ---- Starting ---- */

static bool same_key(const char *setting, const char *key) {
  size_t n = strlen(key);
  return strncmp(setting, key, n) == 0 && setting[n] == '=';
}

/* Settings that cannot make a figure better or worse. */
static bool is_neutral(const char *setting) {
  static const char *const keys[] = {
      "out", "seed", "train.threads", "train.stop_at", "train.save_every", "train.sample_every", "train.sample_tokens"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (same_key(setting, keys[i])) return true;
  return false;
}

static rapt_status choose_directory(rapt__run *run) {
  if (!*run->common.out) {
    time_t now = time(NULL);
    struct tm local;
    char stamp[32] = "run";
    if (localtime_r(&now, &local)) strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &local);
    const char *base = rapt__arena_format(&run->arena, "runs/%s-%s", run->recipe->info.id, stamp);
    run->common.out = base;
    for (int i = 2; run->common.out && rapt__file_exists(run->common.out); i++)
      run->common.out = rapt__arena_format(&run->arena, "%s-%d", base, i);
    if (!run->common.out) return RAPT_ENOMEM;
  }
  const char *old = rapt__run_path(run, "run.json");
  if (!old) return RAPT_ENOMEM;
  if (!run->resume && rapt__file_exists(old))
    return rapt__fail(run->ctx, RAPT_EINVAL,
                      "%s holds a run already; choose another out=DIR, or go on with it: rapt train --resume %s",
                      run->common.out, run->common.out);
  return rapt__make_dirs(run->ctx, run->common.out);
}

/* Settings that exclude each other are refused before anything is written. The vocabulary is not known yet. */
static rapt_status check_model(rapt__run *run) {
  if (!run->recipe->architecture) return RAPT_OK;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  int64_t *vocabulary = arch->vocabulary(run->model), given = *vocabulary;
  if (given == 0) *vocabulary = 1;
  rapt_status status = arch->check(run->ctx, run->model);
  *vocabulary = given;
  return status;
}

static rapt_status go(rapt__run *run, rapt_train_fn tell, void *user, rapt_run_result *result) {
  memset(result, 0, sizeof *result);
  run->tell = tell;
  run->tell_user = user;
  run->result = result;
  RAPT_TRY(check_model(run));
  RAPT_TRY(choose_directory(run));
  snprintf(result->dir, sizeof result->dir, "%s", run->common.out);
  RAPT_TRY(save_settings(run));
  return run->recipe->run(run);
}

rapt_status rapt_recipe_train(rapt_context *ctx, const char *id, const char *const *settings, int count,
                              rapt_train_fn tell, void *user, rapt_run_result *result) {
  const rapt__recipe *recipe = find(id);
  if (!recipe) return unknown(ctx, id);
  rapt__run run;
  rapt_status status = begin(&run, ctx, recipe);
  for (int i = 0; i < count && status == RAPT_OK; i++) {
    status = set(&run, settings[i], "command line");
    if (!is_neutral(settings[i])) run.changed = true;
  }
  if (status == RAPT_OK) status = go(&run, tell, user, result);
  rapt__arena_free(&run.arena);
  return status;
}

/* A first pass finds the recipe, whose tables the second one needs. */
static rapt_status yaml_recipe(void *user, const char *key, const char *value, const char *where) {
  rapt__run *run = user;
  if (strcmp(key, "recipe") != 0) return RAPT_OK;
  run->recipe = find(value);
  (void)where;
  return run->recipe ? RAPT_OK : unknown(run->ctx, value);
}

static rapt_status yaml_setting(void *user, const char *key, const char *value, const char *where) {
  rapt__run *run = user;
  if (strcmp(key, "recipe") == 0) return RAPT_OK;
  return rapt__config_set(run->ctx, &run->arena, run->configs, run->config_count, key, value, where);
}

static rapt_status train_from(rapt__run *run, const char *path, const char *text, size_t size,
                              const char *const *settings, int count, rapt_train_fn tell, void *user,
                              rapt_run_result *result) {
  RAPT_TRY(rapt__yaml_read(run->ctx, path, text, size, yaml_setting, run));
  for (int i = 0; i < count; i++) RAPT_TRY(set(run, settings[i], "command line"));
  run->changed = true;
  return go(run, tell, user, result);
}

rapt_status rapt_recipe_train_file(rapt_context *ctx, const char *path, const char *const *settings, int count,
                                   rapt_train_fn tell, void *user, rapt_run_result *result) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, 1 << 20, &text, &size));
  rapt__run found = {.ctx = ctx}, run;
  rapt_status status = rapt__yaml_read(ctx, path, text, size, yaml_recipe, &found);
  if (status == RAPT_OK && !found.recipe)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the key `recipe` is missing", path);
  if (status == RAPT_OK) {
    status = begin(&run, ctx, found.recipe);
    if (status == RAPT_OK) status = train_from(&run, path, text, size, settings, count, tell, user, result);
    rapt__arena_free(&run.arena);
  }
  rapt__free(ctx, text);
  return status;
}

static bool may_change(const char *setting) {
  return same_key(setting, "train.steps") || same_key(setting, "train.stop_at") || same_key(setting, "train.threads");
}

static rapt_status resume(rapt__run *run, json_t *root, const char *path, const char *dir, const char *const *settings,
                          int count, rapt_train_fn tell, void *user, rapt_run_result *result) {
  RAPT_TRY(load_settings(run, root, path));
  run->train.stop_at = 0;
  for (int i = 0; i < count; i++) {
    if (!may_change(settings[i]))
      return rapt__fail(run->ctx, RAPT_EKEY,
                        "\"%s\": a resumed run may change train.steps, train.stop_at and train.threads only",
                        settings[i]);
    RAPT_TRY(set(run, settings[i], "command line"));
  }
  run->common.out = rapt__arena_strdup(&run->arena, dir);
  if (!run->common.out) return RAPT_ENOMEM;
  run->resume = true;
  run->changed = true; /* whether the first part stood on the defaults is not known here */
  return go(run, tell, user, result);
}

rapt_status rapt_recipe_resume(rapt_context *ctx, const char *dir, const char *const *settings, int count,
                               rapt_train_fn tell, void *user, rapt_run_result *result) {
  char *path = rapt__path_join(ctx, dir, "run.json"), *text = NULL;
  size_t size;
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__file_read(ctx, path, 16 << 20, &text, &size);
  json_error_t error;
  json_t *root = status == RAPT_OK ? json_loadb(text, size, JSON_REJECT_DUPLICATES, &error) : NULL;
  if (status == RAPT_OK && !root)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s:%d:%d: %s", path, error.line, error.column, error.text);
  const char *id = json_string_value(json_object_get(root, "recipe"));
  const rapt__recipe *recipe = id ? find(id) : NULL;
  if (status == RAPT_OK && !recipe)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: recipe \"%s\" is not known", path, id ? id : "");
  rapt__run run = {0};
  if (status == RAPT_OK) {
    status = begin(&run, ctx, recipe);
    if (status == RAPT_OK) status = resume(&run, root, path, dir, settings, count, tell, user, result);
    rapt__arena_free(&run.arena);
  }
  json_decref(root);
  rapt__free(ctx, text);
  rapt__free(ctx, path);
  return status;
}
