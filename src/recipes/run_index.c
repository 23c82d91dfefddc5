/* A run's entry in the index of runs: at its start, and at its end with what metrics.jsonl says. */
#include "recipes/run_index.h"

#include "base/file.h"
#include "train/metrics.h"

#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <rapt/runs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum { ID_SIZE = 16 }; /* hexadecimal digits */

/* ---- Trouble stays here ---- */

typedef struct quiet {
  rapt_status status;
  char message[sizeof((rapt_context *)0)->message];
} quiet;

/* The context's first error is set aside, so that the index's own can be told and forgotten. */
static quiet set_aside(rapt_context *ctx) {
  quiet before = {.status = ctx->status};
  memcpy(before.message, ctx->message, sizeof before.message);
  rapt__forget(ctx);
  return before;
}

static void restore(rapt_context *ctx, const quiet *before) {
  ctx->status = before->status;
  memcpy(ctx->message, before->message, sizeof before->message);
}

static void put(rapt__run *run, const rapt_run_record *record) {
  if (rapt_runs_put(run->ctx, record) == RAPT_OK || run->unindexed) return;
  run->unindexed = true;
  rapt__run_say(run, RAPT_EVENT_NOTE, "the run is not noted in the index of runs: %s", rapt_context_message(run->ctx));
}

/* ---- The id ---- */

static bool good_id(const char *id) { return id && strspn(id, "0123456789abcdef") == ID_SIZE && strlen(id) == ID_SIZE; }

static bool is_copy(rapt__run *run, const char *id) {
  quiet before = set_aside(run->ctx);
  rapt_run_list *list = NULL;
  bool copy = false;
  char room[PATH_MAX];
  if (rapt_runs_find(run->ctx, id, &list) == RAPT_OK) {
    const char *dir = list->runs[0].dir, *ours = realpath(run->common.out, room);
    copy = strcmp(list->runs[0].id, id) == 0 && ours && strcmp(dir, ours) != 0 && rapt__file_exists(dir);
    rapt_run_list_free(run->ctx, list);
  }
  restore(run->ctx, &before);
  return copy;
}

rapt_status rapt__run_index_id(rapt__run *run, const char *stored) {
  bool keep = good_id(stored) && !is_copy(run, stored);
  if (keep) {
    run->id = rapt__arena_strdup(&run->arena, stored);
  } else {
    uint64_t number;
    if (getrandom(&number, sizeof number, 0) != (ssize_t)sizeof number)
      number = (uint64_t)time(NULL) << 32 ^ (uint64_t)getpid() << 16 ^ (uint64_t)(rapt__now() * 1e6);
    run->id = rapt__arena_format(&run->arena, "%016llx", (unsigned long long)number);
  }
  return run->id ? RAPT_OK : RAPT_ENOMEM;
}

/* ---- The start ---- */

typedef struct changes {
  rapt__run *run;
  json_t *settings;
  rapt__text text;
  bool failed;
} changes;

static void add_change(void *user, const char *name, const char *initial, const char *help) {
  changes *c = user;
  void *field;
  (void)help;
  if (c->failed || strcmp(name, "out") == 0 || strcmp(name, "seed") == 0) return; /* columns of their own */
  const rapt__key *key = rapt__config_find(c->run->configs, c->run->config_count, name, &field);
  c->text.size = 0;
  c->failed = !key || rapt__config_print(&c->text, key, field) != RAPT_OK;
  const char *value = c->text.size ? c->text.data : "";
  if (c->failed || strcmp(value, initial) == 0) return;
  json_t *word = json_string(value);
  /* A value that is not UTF-8, for instance a path, cannot stand in JSON and is left out. */
  if (word) c->failed = json_object_set_new(c->settings, name, word) != 0;
}

/* The settings that differ from the recipe's defaults as JSON, freed with free(); NULL: no memory. */
static char *changed_settings(rapt__run *run) {
  changes c = {.run = run, .settings = json_object()};
  rapt__text_init(&c.text, run->ctx);
  rapt_status status = rapt_recipe_settings(run->ctx, run->recipe->info.id, add_change, &c);
  char *dump = status == RAPT_OK && !c.failed ? json_dumps(c.settings, JSON_COMPACT) : NULL;
  rapt__text_free(&c.text);
  json_decref(c.settings);
  return dump;
}

/* Training time of earlier sessions. */
static double earlier_seconds(rapt__run *run) {
  rapt_run_list *list;
  double seconds = 0;
  if (!run->resume || rapt_runs_find(run->ctx, run->id, &list) != RAPT_OK) return 0;
  if (list->runs[0].seconds > 0) seconds = list->runs[0].seconds;
  rapt_run_list_free(run->ctx, list);
  return seconds;
}

void rapt__run_index_begin(rapt__run *run) {
  quiet before = set_aside(run->ctx);
  run->begun = rapt__now();
  run->seconds = earlier_seconds(run);
  rapt__forget(run->ctx);
  char *settings = changed_settings(run);
  if (!settings) rapt__run_say(run, RAPT_EVENT_NOTE, "the index of runs lacks the settings of this run: out of memory");
  rapt_run_record record = rapt_run_record_unknown();
  record.id = run->id;
  record.recipe = run->recipe->info.id;
  record.dir = run->common.out;
  record.settings = settings;
  record.version = rapt_version();
  record.seed = run->common.seed;
  put(run, &record);
  free(settings);
  restore(run->ctx, &before);
}

/* ---- The end ---- */

static rapt_status add_metric(void *user, const rapt__metric *metric) {
  rapt_run_record *record = user;
  if (metric->step > record->steps) record->steps = metric->step;
  if (isnan(metric->eval_loss)) return RAPT_OK;
  record->loss = metric->eval_loss;
  if (!(record->best <= metric->eval_loss)) record->best = metric->eval_loss;
  return RAPT_OK;
}

void rapt__run_index_end(rapt__run *run, rapt_status status) {
  const rapt_run_result *result = run->result;
  quiet before = set_aside(run->ctx);
  rapt_run_record record = rapt_run_record_unknown();
  record.id = run->id;
  record.recipe = run->recipe->info.id;
  record.dir = run->common.out;
  record.seconds = run->seconds + rapt__now() - run->begun;
  bool stopped = status == RAPT_EINTERRUPTED || (status == RAPT_OK && result->interrupted);
  record.state = stopped ? RAPT_RUN_STOPPED : status == RAPT_OK ? RAPT_RUN_DONE : RAPT_RUN_FAILED;
  if (record.state == RAPT_RUN_DONE) {
    record.figure = result->figure;
    record.mark = result->passed ? RAPT_MARK_REACHED : run->changed ? RAPT_MARK_NOT_JUDGED : RAPT_MARK_MISSED;
  }
  char path[PATH_MAX];
  int size = snprintf(path, sizeof path, "%s/metrics.jsonl", run->common.out);
  /* Not every recipe leaves metrics; then steps and losses stay unknown. */
  if (size > 0 && size < (int)sizeof path && rapt__file_exists(path) &&
      rapt__metrics_read(run->ctx, path, add_metric, &record) != RAPT_OK)
    rapt__run_say(run, RAPT_EVENT_NOTE, "the index of runs lacks steps and losses: %s", rapt_context_message(run->ctx));
  rapt__forget(run->ctx);
  put(run, &record);
  restore(run->ctx, &before);
}
