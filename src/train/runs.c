/* The index of runs: putting, listing, finding and forgetting its rows. */
#include <rapt/runs.h>

#include "base/file.h"
#include "train/process.h"
#include "train/runs_db.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LONGEST_ID = 64 };

static const char *const state_names[] = {
#define STATE_NAME(name, text) text,
    RAPT_RUN_STATE_LIST(STATE_NAME)
#undef STATE_NAME
};
static const char *const mark_names[] = {"not judged", "reached", "missed"};
enum { STATES = sizeof state_names / sizeof *state_names, MARKS = sizeof mark_names / sizeof *mark_names };

const char *rapt_run_state_text(rapt_run_state state) {
  return (unsigned)state < STATES ? state_names[state] : "unknown";
}

const char *rapt_run_mark_text(rapt_run_mark mark) { return (unsigned)mark < MARKS ? mark_names[mark] : "unknown"; }

rapt_run_record rapt_run_record_unknown(void) {
  return (rapt_run_record){.pid = -1, .seed = -1, .steps = -1, .seconds = NAN, .loss = NAN, .best = NAN, .figure = NAN};
}

/* The path from the root, so that a run is found from everywhere; as it is when the directory does not exist. */
static const char *absolute(const char *dir, char room[PATH_MAX]) { return realpath(dir, room) ? room : dir; }

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

static const char insert[] =
    "INSERT INTO runs(id,recipe,dir,started,ended,state,mark,settings,version,host,pid,born,seed,steps,seconds,loss,"
    "best,figure) VALUES(?1,?2,?3,COALESCE(?4,strftime('%Y-%m-%dT%H:%M:%SZ','now')),"
    "CASE ?5 WHEN 'running' THEN NULL ELSE strftime('%Y-%m-%dT%H:%M:%SZ','now') END,"
    "?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17)";
static const char update[] =
    "UPDATE runs SET recipe=COALESCE(?2,recipe),dir=COALESCE(?3,dir),started=COALESCE(?4,started),"
    "ended=CASE ?5 WHEN 'running' THEN NULL ELSE strftime('%Y-%m-%dT%H:%M:%SZ','now') END,state=?5,mark=?6,"
    "settings=COALESCE(?7,settings),version=COALESCE(?8,version),host=?9,pid=?10,born=?11,seed=COALESCE(?12,seed),"
    "steps=COALESCE(?13,steps),seconds=COALESCE(?14,seconds),loss=COALESCE(?15,loss),best=COALESCE(?16,best),"
    "figure=CASE ?5 WHEN 'running' THEN NULL ELSE COALESCE(?17,figure) END WHERE id=?1";

/* The parameters are first the texts, then the integers, then the reals. SQLite stores NULL texts and NaN as NULL by
 * itself. The first failure ends it, since a later success would replace the error. */
static bool bind_run(sqlite3_stmt *s, const rapt_run_record *run, const char *dir, const char *host) {
  bool running = run->state == RAPT_RUN_RUNNING;
  int64_t pid = getpid();
  const char *mark = running || run->mark == RAPT_MARK_NOT_JUDGED ? NULL : rapt_run_mark_text(run->mark);
  const char *const texts[] = {run->id, run->recipe,   dir,          run->started, rapt_run_state_text(run->state),
                               mark,    run->settings, run->version, host};
  const int64_t counts[] = {pid, rapt__process_born(pid), run->seed, run->steps};
  const double reals[] = {run->seconds, run->loss, run->best, running ? NAN : run->figure};
  int at = 1;
  for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
    if (sqlite3_bind_text(s, at++, texts[i], -1, SQLITE_STATIC) != SQLITE_OK) return false;
  for (size_t i = 0; i < sizeof counts / sizeof *counts; i++, at++)
    if (counts[i] >= 0 && sqlite3_bind_int64(s, at, counts[i]) != SQLITE_OK) return false;
  for (size_t i = 0; i < sizeof reals / sizeof *reals; i++)
    if (sqlite3_bind_double(s, at++, reals[i]) != SQLITE_OK) return false;
  return true;
}

/* The error is read before sqlite3_finalize, which replaces one of binding. */
static rapt_status run_statement(rapt_context *ctx, sqlite3 *db, const char *path, const char *sql,
                                 const rapt_run_record *run, const char *dir) {
  char host[RAPT__HOST_SIZE];
  rapt__process_host(host);
  sqlite3_stmt *statement = NULL;
  bool ok = sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK && bind_run(statement, run, dir, host) &&
            sqlite3_step(statement) == SQLITE_DONE;
  rapt_status status = ok ? RAPT_OK : rapt__runs_fail(ctx, db, path);
  sqlite3_finalize(statement);
  return status;
}

static rapt_status put_into(rapt_context *ctx, sqlite3 *db, const char *path, const rapt_run_record *run) {
  char room[PATH_MAX];
  const char *dir = run->dir ? absolute(run->dir, room) : NULL;
  RAPT_TRY(run_statement(ctx, db, path, update, run, dir));
  if (sqlite3_changes(db) > 0) return RAPT_OK;
  if (!run->recipe || !dir)
    return rapt__fail(ctx, RAPT_EINVAL, "the index of runs: run \"%s\" is new and needs a recipe and a dir", run->id);
  return run_statement(ctx, db, path, insert, run, dir);
}

static bool good_id(const char *id) {
  size_t n = 0;
  for (; n <= LONGEST_ID && id[n]; n++)
    if (!isalnum((unsigned char)id[n]) && id[n] != '-' && id[n] != '_') return false;
  return n > 0 && n <= LONGEST_ID;
}

static rapt_status begin(rapt_context *ctx, sqlite3 *db, const char *path) {
  return sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK ? RAPT_OK : rapt__runs_fail(ctx, db, path);
}

static rapt_status commit(rapt_context *ctx, sqlite3 *db, const char *path) {
  return sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK ? RAPT_OK : rapt__runs_fail(ctx, db, path);
}

rapt_status rapt_runs_put(rapt_context *ctx, const rapt_run_record *run) {
  if (!run->id || !good_id(run->id))
    return rapt__fail(ctx, RAPT_EINVAL,
                      "the index of runs: an id has 1 to %d letters, digits, '-' and '_', not \"%.80s\"", LONGEST_ID,
                      run->id ? run->id : "");
  if ((unsigned)run->state >= RAPT_RUN_LOST || (unsigned)run->mark >= MARKS)
    return rapt__fail(ctx, RAPT_EINVAL, "the index of runs: run \"%s\": state %d or mark %d cannot be stored", run->id,
                      (int)run->state, (int)run->mark);
  char *path;
  sqlite3 *db;
  RAPT_TRY(rapt__runs_open(ctx, true, &path, &db));
  rapt_status status = begin(ctx, db, path);
  if (status == RAPT_OK) status = put_into(ctx, db, path, run);
  if (status == RAPT_OK) status = commit(ctx, db, path);
  sqlite3_close(db);
  rapt__free(ctx, path);
  return status;
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

typedef struct run_list {
  rapt_run_list list;    /* first, so that its address is the whole's */
  rapt_run_record *runs; /* owned */
  size_t capacity;
  rapt__arena arena;
} run_list;

/* One row on its way from the database. */
typedef struct row {
  rapt_context *ctx;
  run_list *list;
  sqlite3 *db;
  sqlite3_stmt *s;
  const char *path;
} row;

static rapt_status text_of(const row *r, int column, const char **out) {
  const char *text = (const char *)sqlite3_column_text(r->s, column);
  if (!text && sqlite3_column_type(r->s, column) != SQLITE_NULL) return rapt__fail_memory(r->ctx, 0);
  *out = rapt__arena_strdup(&r->list->arena, text ? text : "");
  return *out ? RAPT_OK : RAPT_ENOMEM;
}

static double real_of(const row *r, int column) {
  return sqlite3_column_type(r->s, column) == SQLITE_NULL ? NAN : sqlite3_column_double(r->s, column);
}

static int64_t count_of(const row *r, int column) {
  int64_t count = sqlite3_column_type(r->s, column) == SQLITE_NULL ? -1 : sqlite3_column_int64(r->s, column);
  return count < 0 ? -1 : count;
}

static rapt_status word_of(const row *r, int column, const char *what, const char *const *words, int count, int *out) {
  const char *text = "";
  RAPT_TRY(text_of(r, column, &text));
  for (int i = 0; i < count; i++)
    if (strcmp(text, words[i]) == 0) {
      *out = i;
      return RAPT_OK;
    }
  return rapt__fail(r->ctx, RAPT_EFORMAT, "%s: the index of runs is damaged: \"%.40s\" is no %s of a run", r->path,
                    text, what);
}

#define COLUMNS                                                                                                        \
  "SELECT id,recipe,dir,settings,version,started,ended,host,pid,born,state,COALESCE(mark,'not judged'),seed,steps,"    \
  "seconds,loss,best,figure FROM runs "

static rapt_status add_row(const row *r) {
  run_list *list = r->list;
  RAPT_TRY(rapt__reserve(r->ctx, (void **)&list->runs, &list->capacity, list->list.count, sizeof *list->runs));
  rapt_run_record run = {.pid = count_of(r, 8),
                         .seed = count_of(r, 12),
                         .steps = count_of(r, 13),
                         .seconds = real_of(r, 14),
                         .loss = real_of(r, 15),
                         .best = real_of(r, 16),
                         .figure = real_of(r, 17)};
  const char **texts[] = {&run.id,      &run.recipe,  &run.dir,   &run.settings,
                          &run.version, &run.started, &run.ended, &run.host};
  for (int i = 0; i < 8; i++) RAPT_TRY(text_of(r, i, texts[i]));
  int state = 0, mark = 0;
  RAPT_TRY(word_of(r, 10, "state", state_names, RAPT_RUN_LOST, &state));
  RAPT_TRY(word_of(r, 11, "mark", mark_names, MARKS, &mark));
  run.state = (rapt_run_state)state;
  run.mark = (rapt_run_mark)mark;
  if (run.state == RAPT_RUN_RUNNING && !rapt__process_may_live(run.host, run.pid, count_of(r, 9)))
    run.state = RAPT_RUN_LOST;
  list->runs[list->list.count++] = run;
  list->list.runs = list->runs;
  return RAPT_OK;
}

static rapt_status read_rows(row *r, const char *sql, const char *text, int64_t limit) {
  int code = sqlite3_prepare_v2(r->db, sql, -1, &r->s, NULL);
  if (code == SQLITE_OK) code = sqlite3_bind_text(r->s, 1, text, -1, SQLITE_STATIC);
  if (code == SQLITE_OK) code = sqlite3_bind_int64(r->s, 2, limit);
  rapt_status status = RAPT_OK;
  if (code == SQLITE_OK)
    while (status == RAPT_OK && (code = sqlite3_step(r->s)) == SQLITE_ROW) status = add_row(r);
  if (status == RAPT_OK && code != SQLITE_DONE) status = rapt__runs_fail(r->ctx, r->db, r->path);
  sqlite3_finalize(r->s);
  return status;
}

static rapt_status query(rapt_context *ctx, const char *sql, const char *text, int64_t limit, rapt_run_list **out) {
  *out = NULL;
  run_list *list = rapt__new(ctx, 1, sizeof *list);
  if (!list) return RAPT_ENOMEM;
  rapt__arena_init(&list->arena, ctx);
  char *path;
  sqlite3 *db;
  rapt_status status = rapt__runs_open(ctx, false, &path, &db);
  if (status == RAPT_OK && db) status = read_rows(&(row){ctx, list, db, NULL, path}, sql, text, limit);
  sqlite3_close(db);
  rapt__free(ctx, path);
  if (status == RAPT_OK)
    *out = &list->list;
  else
    rapt_run_list_free(ctx, &list->list);
  return status;
}

void rapt_run_list_free(rapt_context *ctx, rapt_run_list *list) {
  run_list *whole = (run_list *)list;
  if (!whole) return;
  rapt__arena_free(&whole->arena);
  rapt__free(ctx, whole->runs);
  rapt__free(ctx, whole);
}

#define NEWEST " ORDER BY started DESC,rowid DESC LIMIT ?2"
static const char by_recipe[] = COLUMNS "WHERE ?1 IS NULL OR recipe=?1" NEWEST;
static const char by_id[] = COLUMNS "WHERE id=?1" NEWEST;
static const char by_dir[] = COLUMNS "WHERE dir=?1" NEWEST;
static const char by_prefix[] = COLUMNS "WHERE substr(id,1,length(?1))=?1" NEWEST;

rapt_status rapt_runs_list(rapt_context *ctx, const char *recipe, size_t limit, rapt_run_list **out) {
  return query(ctx, by_recipe, recipe, limit == 0 || limit > INT64_MAX ? -1 : (int64_t)limit, out);
}

/* The nearest id, beginning of an id of the same length, or directory. */
static rapt_status not_found(rapt_context *ctx, const char *name) {
  rapt_run_list *all;
  RAPT_TRY(query(ctx, by_recipe, NULL, -1, &all));
  size_t count = all->count, n = 0, size = strlen(name);
  run_list *whole = (run_list *)all;
  const char **names = rapt__new(ctx, 4 * count + 1, sizeof *names);
  rapt_status status = names ? RAPT_OK : RAPT_ENOMEM;
  for (size_t i = 0; i < count && status == RAPT_OK; i++) {
    const char *slash = strrchr(all->runs[i].dir, '/');
    names[n++] = all->runs[i].id;
    names[n++] = all->runs[i].dir;
    if (slash) names[n++] = slash + 1;
    if (size > LONGEST_ID) continue;
    names[n] = rapt__arena_format(&whole->arena, "%.*s", (int)size, all->runs[i].id);
    if (!names[n++]) status = RAPT_ENOMEM;
  }
  if (status == RAPT_OK) {
    const char *near = rapt__nearest(name, names, n);
    status = rapt__fail(ctx, RAPT_ENOTFOUND, "no run has the id or the directory \"%s\"%s%s%s; `rapt runs` lists them",
                        name, near ? "; did you mean \"" : "", near ? near : "", near ? "\"" : "");
  }
  rapt__free(ctx, names);
  rapt_run_list_free(ctx, all);
  return status;
}

rapt_status rapt_runs_find(rapt_context *ctx, const char *name, rapt_run_list **out) {
  char room[PATH_MAX];
  const char *sql[] = {by_id, by_dir, by_prefix}, *texts[] = {name, absolute(name, room), name};
  for (int i = 0; i < 3; i++) {
    if (i == 2 && !*name) continue; /* every id begins with nothing */
    RAPT_TRY(query(ctx, sql[i], texts[i], i == 2 ? 2 : 1, out));
    if ((*out)->count == 1) return RAPT_OK;
    bool several = (*out)->count > 1;
    rapt_run_list_free(ctx, *out);
    *out = NULL;
    if (several)
      return rapt__fail(ctx, RAPT_EINVAL, "several runs have ids that begin with \"%s\"; say more of it", name);
  }
  return not_found(ctx, name);
}

/* ---- Forgetting -------------------------------------------------------------------------------------------------- */

/* Certain only where the system says that there is nothing; a folder that may not be looked at is there. */
static bool is_gone(const char *dir) {
  struct stat about;
  return stat(dir, &about) != 0 && (errno == ENOENT || errno == ENOTDIR);
}

static rapt_status forget(rapt_context *ctx, sqlite3 *db, const char *path, const rapt_run_list *list, size_t *count) {
  sqlite3_stmt *s = NULL;
  /* The directory may have changed since the list was read. */
  bool ok = sqlite3_prepare_v2(db, "DELETE FROM runs WHERE id=?1 AND dir=?2", -1, &s, NULL) == SQLITE_OK;
  for (size_t i = 0; ok && i < list->count; i++) {
    if (!is_gone(list->runs[i].dir)) continue;
    ok = sqlite3_bind_text(s, 1, list->runs[i].id, -1, SQLITE_STATIC) == SQLITE_OK &&
         sqlite3_bind_text(s, 2, list->runs[i].dir, -1, SQLITE_STATIC) == SQLITE_OK && sqlite3_step(s) == SQLITE_DONE;
    if (ok) *count += (size_t)sqlite3_changes(db);
    ok = ok && sqlite3_reset(s) == SQLITE_OK;
  }
  rapt_status status = ok ? RAPT_OK : rapt__runs_fail(ctx, db, path);
  sqlite3_finalize(s);
  return status;
}

rapt_status rapt_runs_prune(rapt_context *ctx, size_t *count) {
  *count = 0;
  rapt_run_list *list;
  RAPT_TRY(query(ctx, by_recipe, NULL, -1, &list));
  char *path = NULL;
  sqlite3 *db = NULL;
  rapt_status status = list->count ? rapt__runs_open(ctx, true, &path, &db) : RAPT_OK;
  if (status == RAPT_OK && db) {
    status = begin(ctx, db, path);
    if (status == RAPT_OK) status = forget(ctx, db, path, list, count);
    if (status == RAPT_OK) status = commit(ctx, db, path);
    if (status != RAPT_OK) *count = 0;
  }
  sqlite3_close(db);
  rapt__free(ctx, path);
  rapt_run_list_free(ctx, list);
  return status;
}
