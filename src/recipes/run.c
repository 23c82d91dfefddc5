/* Running recipes: settings from tables, the run directory, resuming. */
#include "recipes/recipes.h"

#include "base/file.h"
#include "data/sets.h"
#include "formats/json.h"
#include "formats/yaml.h"
#include "models/models.h"
#include "recipes/run_index.h"

#include <rapt/parallel.h>

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const rapt__key data_keys[] = {{"data", NULL, RAPT__KEY_TEXT, offsetof(rapt__common, data), "", 0, 0, NULL,
                                       "a file, or the name of a data set (rapt data list)"},
                                      {0}};
static const rapt__key common_keys[] = {{"out", NULL, RAPT__KEY_TEXT, offsetof(rapt__common, out), "", 0, 0, NULL,
                                         "run directory; empty: runs/RECIPE-DATE-TIME"},
                                        {"seed", NULL, RAPT__KEY_INT, offsetof(rapt__common, seed), "1", 0, 1e15, NULL,
                                         "of weights, batches, dropout and samples"},
                                        {0}};

/* A table of its own, which recipes without presets do not show. */
static const rapt__key preset_keys[] = {
    {"preset", NULL, RAPT__KEY_TEXT, offsetof(rapt__common, preset), "", 0, 0, NULL,
     "a named group of settings that is applied before all others; empty: the recipe's defaults"},
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

const rapt__recipe *rapt__recipe_named(rapt_context *ctx, const char *id) {
  const rapt__recipe *recipe = find(id);
  if (!recipe) unknown(ctx, id);
  return recipe;
}

static rapt_status set(rapt__run *run, const char *setting, const char *where) {
  return rapt__config_set(run->ctx, &run->arena, run->configs, run->config_count, setting, NULL, where);
}

/* All tables with their defaults, then the recipe's. */
static rapt_status begin(rapt__run *run, rapt_context *ctx, const rapt__recipe *recipe) {
  *run = (rapt__run){.ctx = ctx, .recipe = recipe};
  rapt__arena_init(&run->arena, ctx);
  run->common.data = run->common.preset = "";
  if (!recipe->no_data) run->configs[run->config_count++] = (rapt__config){data_keys, &run->common};
  run->configs[run->config_count++] = (rapt__config){common_keys, &run->common};
  if (recipe->info.presets) run->configs[run->config_count++] = (rapt__config){preset_keys, &run->common};
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
  const rapt__key *training = recipe->only_threads ? rapt__threads_keys : rapt__train_keys;
  if (!recipe->no_training) run->configs[run->config_count++] = (rapt__config){training, &run->train};
  RAPT_TRY(rapt__config_defaults(ctx, &run->arena, run->configs, run->config_count));
  for (int i = 0; recipe->defaults && recipe->defaults[i]; i++)
    RAPT_TRY(set(run, recipe->defaults[i], recipe->info.id));
  return RAPT_OK;
}

const rapt_preset *rapt__run_preset(const rapt__run *run) {
  for (const rapt_preset *p = run->recipe->info.presets; p && p->name; p++)
    if (strcmp(p->name, run->common.preset) == 0) return p;
  return NULL;
}

static rapt_status apply_preset(rapt__run *run, const char *name, const char *where) {
  const char *names[64];
  size_t n = 0;
  for (const rapt_preset *p = run->recipe->info.presets; p && p->name && n < 64; p++) names[n++] = p->name;
  run->common.preset = name;
  const rapt_preset *preset = rapt__run_preset(run);
  if (!preset) {
    const char *near = rapt__nearest(name, names, n);
    return rapt__fail(run->ctx, RAPT_EKEY, "%s: %s has no preset \"%s\"%s%s%s; `rapt show %s` lists them", where,
                      run->recipe->info.id, name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "",
                      run->recipe->info.id);
  }
  for (int i = 0; preset->settings[i]; i++) RAPT_TRY(set(run, preset->settings[i], preset->name));
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

const char *rapt__run_data_named(rapt__run *run, const char *name) {
  if (rapt__file_exists(name) || strchr(name, '/')) return name;
  char path[PATH_MAX];
  int missing;
  if (rapt__data_find(run->ctx, "file or data set", name, path, sizeof path, &missing) != RAPT_OK) return NULL;
  if (missing)
    rapt__log(run->ctx, RAPT_LOG_WARN, "%s lacks %d of its files; `rapt data get %s` fetches them", path, missing,
              name);
  return rapt__arena_strdup(&run->arena, path);
}

const char *rapt__run_data(rapt__run *run) { return rapt__run_data_named(run, run->common.data); }

const char *rapt__run_data_file(rapt__run *run, const char *file) {
  const char *path = rapt__run_data(run);
  return !path || path == run->common.data ? path : rapt__arena_format(&run->arena, "%s/%s", path, file);
}

rapt_status rapt__run_text(rapt__run *run, const char *file, char **text, size_t *size) {
  const char *name = run->common.data;
  if (!*name) return rapt__fail(run->ctx, RAPT_EKEY, "which text? Say data=FILE");
  const char *path = rapt__run_data_file(run, file);
  if (!path) return rapt_context_status(run->ctx);
  if (!rapt__file_exists(path))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND, "%s: there is no such file%s%s%s", path,
                      path == name ? "" : "; data set \"", path == name ? "" : name, path == name ? "" : "\" lacks it");
  return rapt__file_read(run->ctx, path, (size_t)1 << 32, text, size);
}

/* ---- run.json: recipe and every setting, so that a run can be repeated and resumed ---- */

/* A path may be any bytes, JSON may not; a run that lost one could not be resumed. */
static rapt_status keep_setting(rapt__run *run, json_t *settings, const char *name, const rapt__text *value) {
  const char *bytes = value->size ? value->data : "";
  json_t *text = json_stringn(bytes, value->size);
  if (text) return json_object_set_new(settings, name, text) == 0 ? RAPT_OK : rapt__fail_memory(run->ctx, 0);
  text = json_stringn_nocheck(bytes, value->size);
  if (!text) return rapt__fail_memory(run->ctx, 0);
  json_decref(text);
  return rapt__fail(run->ctx, RAPT_EINVAL, "the value of %s is not UTF-8, so run.json cannot keep it", name);
}

static rapt_status save_settings(rapt__run *run) {
  json_t *settings = json_object(),
         *root = json_pack("{s:s,s:s,s:s,s:b,s:o}", "id", run->id, "recipe", run->recipe->info.id, "rapt",
                           rapt_version(), "changed", run->changed, "settings", settings);
  rapt__text text;
  rapt__text_init(&text, run->ctx);
  rapt_status status = root ? RAPT_OK : RAPT_ENOMEM;
  for (size_t c = 0; c < run->config_count; c++)
    for (const rapt__key *key = run->configs[c].keys; key->name && status == RAPT_OK; key++) {
      text.size = 0;
      status = rapt__config_print(&text, key, (char *)run->configs[c].values + key->offset);
      if (status == RAPT_OK) status = keep_setting(run, settings, key->name, &text);
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

const char **rapt__run_settings(rapt__run *run) {
  size_t n = 0, at = 0;
  for (size_t c = 0; c < run->config_count; c++)
    for (const rapt__key *key = run->configs[c].keys; key->name; key++) n++;
  const char **list = rapt__arena_new(&run->arena, n + 1, sizeof *list);
  rapt__text text;
  rapt__text_init(&text, run->ctx);
  for (size_t c = 0; list && c < run->config_count; c++)
    for (const rapt__key *key = run->configs[c].keys; list && key->name; key++) {
      text.size = 0;
      rapt_status status = rapt__config_print(&text, key, (char *)run->configs[c].values + key->offset);
      list[at] =
          status == RAPT_OK ? rapt__arena_format(&run->arena, "%s=%s", key->name, text.size ? text.data : "") : NULL;
      if (!list[at++]) list = NULL;
    }
  rapt__text_free(&text);
  return list;
}

/* ---- Starting ---- */

static bool same_key(const char *setting, const char *key) {
  size_t n = strlen(key);
  return strncmp(setting, key, n) == 0 && setting[n] == '=';
}

/* The value of "preset=NAME" among settings, the last one; NULL without one. */
static const char *preset_among(const rapt__run *run, const char *const *settings, int count) {
  const char *name = NULL;
  for (int i = 0; i < count && run->recipe->info.presets; i++)
    if (same_key(settings[i], "preset")) name = settings[i] + strlen("preset=");
  return name && *name ? name : NULL;
}

/* Settings that cannot make a figure better or worse. */
static bool is_neutral(const rapt__run *run, const char *setting) {
  static const char *const keys[] = {"out",
                                     "seed",
                                     "preset",
                                     "train.threads",
                                     "train.stop_at",
                                     "train.save_every",
                                     "train.sample_every",
                                     "train.sample_tokens"};
  for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
    if (same_key(setting, keys[i])) return true;
  for (const char *const *own = run->recipe->neutral; own && *own; own++)
    if (same_key(setting, *own)) return true;
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
  /* A run that failed before it left anything (its text could not be read) does not keep its place from the next one. */
  if (!run->resume && rapt__file_exists(old) && !rapt__dir_holds_only(run->common.out, "run.json"))
    return rapt__fail(run->ctx, RAPT_EINVAL,
                      "%s holds a run already; choose another out=DIR, or go on with it: rapt train --resume %s",
                      run->common.out, run->common.out);
  return rapt__make_dirs(run->ctx, run->common.out);
}

/* Settings that exclude each other are refused before anything is written. Vocabularies are not known yet. */
static rapt_status check_model(rapt__run *run) {
  if (!run->recipe->architecture) return RAPT_OK;
  const rapt__model *arch = rapt__model_find(run->recipe->architecture);
  void *config = rapt__arena_new(&run->arena, 1, arch->config_size);
  if (!config) return RAPT_ENOMEM;
  memcpy(config, run->model, arch->config_size);
  int64_t *vocabulary = arch->vocabulary(config);
  if (*vocabulary == 0) *vocabulary = 1;
  if (arch->seq2seq && arch->seq2seq->source_vocabulary) {
    int64_t *source = arch->seq2seq->source_vocabulary(config);
    if (*source == 0) *source = *vocabulary;
  }
  if (arch->settle) RAPT_TRY(arch->settle(run->ctx, &run->arena, config));
  return arch->check(run->ctx, config);
}

/* In a process that only trains with rank 0: nothing is told, and what the recipe writes is not kept. */
static rapt_status go_along(rapt__run *run) {
  char *scratch = rapt__scratch_dir(run->ctx);
  if (!scratch) return rapt_context_status(run->ctx);
  run->common.out = scratch;
  run->tell = NULL;
  rapt_status status = run->recipe->run(run);
  rapt__scratch_remove(scratch);
  rapt__free(run->ctx, scratch);
  return status;
}

static rapt_status go(rapt__run *run, rapt_train_fn tell, void *user, rapt_run_result *result) {
  memset(result, 0, sizeof *result);
  result->figure = NAN; /* until the recipe has one */
  run->tell = tell;
  run->tell_user = user;
  run->result = result;
  RAPT_TRY(check_model(run));
  if (rapt_parallel_rank(run->ctx) > 0) return go_along(run);
  RAPT_TRY(choose_directory(run));
  snprintf(result->dir, sizeof result->dir, "%s", run->common.out);
  RAPT_TRY(rapt__run_index_id(run, run->id));
  RAPT_TRY(save_settings(run));
  rapt__run_index_begin(run);
  rapt_status status = run->recipe->run(run);
  rapt__run_index_end(run, status);
  return status;
}

/* The preset, then the settings. */
static rapt_status apply(rapt__run *run, const char *const *settings, int count) {
  const char *preset = preset_among(run, settings, count);
  if (preset) RAPT_TRY(apply_preset(run, preset, "command line"));
  for (int i = 0; i < count; i++) {
    RAPT_TRY(set(run, settings[i], "command line"));
    if (!is_neutral(run, settings[i])) run->changed = true;
  }
  return RAPT_OK;
}

rapt_status rapt_recipe_train(rapt_context *ctx, const char *id, const char *const *settings, int count,
                              rapt_train_fn tell, void *user, rapt_run_result *result) {
  const rapt__recipe *recipe = find(id);
  if (!recipe) return unknown(ctx, id);
  rapt__run run;
  rapt_status status = begin(&run, ctx, recipe);
  if (status == RAPT_OK) status = apply(&run, settings, count);
  if (status == RAPT_OK) status = go(&run, tell, user, result);
  rapt__arena_free(&run.arena);
  return status;
}

rapt_status rapt__recipe_resolve(rapt_context *ctx, const char *id, const char *const *settings, int count,
                                 rapt__resolved_fn take, void *user) {
  const rapt__recipe *recipe = find(id);
  if (!recipe) return unknown(ctx, id);
  rapt__run run;
  rapt_status status = begin(&run, ctx, recipe);
  if (status == RAPT_OK) status = apply(&run, settings, count);
  if (status == RAPT_OK) status = check_model(&run);
  const char **all = status == RAPT_OK ? rapt__run_settings(&run) : NULL;
  if (status == RAPT_OK) status = all ? take(user, all) : RAPT_ENOMEM;
  rapt__arena_free(&run.arena);
  return status;
}

/* A first pass finds the recipe, whose tables the second one needs, and the preset, which goes before other settings. */
static rapt_status yaml_recipe(void *user, const char *key, const char *value, const char *where) {
  rapt__run *run = user;
  (void)where;
  if (strcmp(key, "preset") == 0) {
    run->common.preset = rapt__arena_strdup(&run->arena, value);
    return run->common.preset ? RAPT_OK : RAPT_ENOMEM;
  }
  if (strcmp(key, "recipe") != 0) return RAPT_OK;
  run->recipe = find(value);
  return run->recipe ? RAPT_OK : unknown(run->ctx, value);
}

static rapt_status yaml_setting(void *user, const char *key, const char *value, const char *where) {
  rapt__run *run = user;
  if (strcmp(key, "recipe") == 0) return RAPT_OK;
  return rapt__config_set(run->ctx, &run->arena, run->configs, run->config_count, key, value, where);
}

static rapt_status train_from(rapt__run *run, const char *path, const char *text, size_t size, const char *preset,
                              const char *const *settings, int count, rapt_train_fn tell, void *user,
                              rapt_run_result *result) {
  const char *typed = preset_among(run, settings, count);
  if (typed) preset = typed;
  if (run->recipe->info.presets && preset && *preset)
    RAPT_TRY(apply_preset(run, preset, typed ? "command line" : path));
  RAPT_TRY(rapt__yaml_read(run->ctx, path, text, size, yaml_setting, run));
  for (int i = 0; i < count; i++) RAPT_TRY(set(run, settings[i], "command line"));
  run->changed = true; /* a file spells out settings; which of them differ is not looked at */
  return go(run, tell, user, result);
}

rapt_status rapt_recipe_train_file(rapt_context *ctx, const char *path, const char *const *settings, int count,
                                   rapt_train_fn tell, void *user, rapt_run_result *result) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__file_read(ctx, path, 1 << 20, &text, &size));
  rapt__run found = {.ctx = ctx}, run;
  rapt__arena_init(&found.arena, ctx);
  rapt_status status = rapt__yaml_read(ctx, path, text, size, yaml_recipe, &found);
  if (status == RAPT_OK && !found.recipe)
    status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the key `recipe` is missing", path);
  if (status == RAPT_OK) {
    status = begin(&run, ctx, found.recipe);
    if (status == RAPT_OK)
      status = train_from(&run, path, text, size, found.common.preset, settings, count, tell, user, result);
    rapt__arena_free(&run.arena);
  }
  rapt__arena_free(&found.arena);
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
  run->changed = !json_is_false(json_object_get(root, "changed")); /* a run that does not say so is not judged */
  for (int i = 0; i < count; i++) {
    if (!may_change(settings[i]))
      return rapt__fail(run->ctx, RAPT_EKEY,
                        "\"%s\": a resumed run may change train.steps, train.stop_at and train.threads only",
                        settings[i]);
    RAPT_TRY(set(run, settings[i], "command line"));
    if (!is_neutral(run, settings[i])) run->changed = true;
    if (same_key(settings[i], "train.steps")) run->train.minutes = 0; /* a number of steps replaces the time */
  }
  run->common.out = rapt__arena_strdup(&run->arena, dir);
  if (!run->common.out) return RAPT_ENOMEM;
  run->id = json_string_value(json_object_get(root, "id"));
  run->resume = true;
  return go(run, tell, user, result);
}

rapt_status rapt_recipe_resume(rapt_context *ctx, const char *dir, const char *const *settings, int count,
                               rapt_train_fn tell, void *user, rapt_run_result *result) {
  char *path = rapt__path_join(ctx, dir, "run.json");
  if (!path) return RAPT_ENOMEM;
  json_t *root;
  rapt_status status = rapt__json_read(ctx, path, &root);
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
  rapt__free(ctx, path);
  return status;
}
