/* The index of runs: what is put is found again, also by many processes at once; whatever the file holds and whichever
 * allocation fails, there is an error and no harm. */
#include "unit/unit.h"

#include "base/file.h"

#include <math.h>
#include <rapt/recipe.h>
#include <rapt/runs.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>

typedef struct world {
  counted_memory memory;
  rapt_context *ctx;
  char dir[64], db[96];
} world;

/* SQLite's own memory, which can be made to fail as the context's can. */
static sqlite3_mem_methods plain;
static long sqlite_calls, sqlite_fail_at; /* this call and all later ones fail; 0: none */

static bool sqlite_fails(void) { return ++sqlite_calls >= sqlite_fail_at && sqlite_fail_at; }
static void *sqlite_malloc(int size) { return sqlite_fails() ? NULL : plain.xMalloc(size); }
static void *sqlite_realloc(void *p, int size) { return sqlite_fails() ? NULL : plain.xRealloc(p, size); }

static int open_world(void **state) {
  world *w = calloc(1, sizeof *w);
  rapt_options options = {.alloc = counted_alloc, .alloc_user = &w->memory, .threads = 1};
  if (rapt_context_new(&w->ctx, &options) != RAPT_OK) return -1;
  snprintf(w->dir, sizeof w->dir, "/tmp/rapt_runs_XXXXXX");
  *state = w;
  if (!mkdtemp(w->dir)) return -1;
  snprintf(w->db, sizeof w->db, "%s/data/rapt/runs.db", w->dir);
  unsetenv("RAPT_HOME");
  char data[96];
  snprintf(data, sizeof data, "%s/data", w->dir);
  setenv("XDG_DATA_HOME", data, 1);
  return 0;
}

static int close_world(void **state) {
  world *w = *state;
  char command[160];
  snprintf(command, sizeof command, "rm -rf '%s'", w->dir);
  int left = system(command) != 0;
  rapt_context_free(w->ctx);
  left |= w->memory.live != 0;
  free(w);
  return left;
}

static rapt_run_record run_of(const char *id, const char *recipe, const char *dir, const char *started) {
  rapt_run_record run = rapt_run_record_unknown();
  run.id = id;
  run.recipe = recipe;
  run.dir = dir;
  run.started = started;
  return run;
}

static void change(const world *w, const char *sql) {
  sqlite3 *db;
  assert_int_equal(sqlite3_open(w->db, &db), SQLITE_OK);
  if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) fail_msg("%s: %s", sql, sqlite3_errmsg(db));
  sqlite3_close(db);
}

static void put_and_find(void **state) {
  world *w = *state;
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list)); /* no index yet */
  assert_int_equal(list->count, 0);
  rapt_run_list_free(w->ctx, list);
  assert_false(rapt__file_exists(w->db));

  rapt_run_record run = run_of("a", "gpt", "/nowhere/it's a", "2026-01-02T03:04:05Z");
  run.settings = "{\"x\": \"\xE2\x82\xAC\"}";
  run.seed = 7;
  run.mark = RAPT_MARK_REACHED; /* nothing is judged while it runs */
  run.figure = 3;
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  assert_ok(w->ctx, rapt_runs_find(w->ctx, "a", &list));
  assert_int_equal(list->count, 1);
  const rapt_run_record *r = list->runs;
  assert_string_equal(r->recipe, "gpt");
  assert_string_equal(r->dir, "/nowhere/it's a");
  assert_string_equal(r->started, "2026-01-02T03:04:05Z");
  assert_string_equal(r->ended, "");
  assert_string_equal(r->version, "");
  assert_string_equal(r->settings, run.settings);
  assert_int_equal(r->pid, getpid());
  assert_int_equal(r->state, RAPT_RUN_RUNNING);
  assert_int_equal(r->mark, RAPT_MARK_NOT_JUDGED);
  assert_true(isnan(r->loss) && isnan(r->best) && isnan(r->figure) && isnan(r->seconds));
  assert_true(r->steps == -1 && r->seed == 7);
  rapt_run_list_free(w->ctx, list);

  /* An update keeps what it does not name. */
  rapt_run_record later = {.id = "a",
                           .state = RAPT_RUN_DONE,
                           .mark = RAPT_MARK_MISSED,
                           .seed = -1,
                           .steps = 500,
                           .loss = 1.25,
                           .best = 1.125,
                           .figure = 1.5,
                           .seconds = 60};
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &later));
  assert_ok(w->ctx, rapt_runs_find(w->ctx, "/nowhere/it's a", &list));
  r = list->runs;
  assert_string_equal(r->id, "a");
  assert_string_equal(r->recipe, "gpt");
  assert_true(r->steps == 500 && r->loss == 1.25 && r->best == 1.125 && r->figure == 1.5 && r->seconds == 60);
  assert_true(r->seed == 7 && r->mark == RAPT_MARK_MISSED && r->state == RAPT_RUN_DONE);
  assert_int_equal(strlen(r->ended), 20);
  rapt_run_list_free(w->ctx, list);

  /* When it goes on, what was said at its end no longer holds. */
  rapt_run_record again = run_of("a", NULL, NULL, NULL);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &again));
  assert_ok(w->ctx, rapt_runs_find(w->ctx, "a", &list));
  r = list->runs;
  assert_true(r->steps == 500 && r->seconds == 60 && isnan(r->figure) && r->mark == RAPT_MARK_NOT_JUDGED);
  assert_string_equal(r->ended, "");
  assert_string_equal(r->started, "2026-01-02T03:04:05Z");
  rapt_run_list_free(w->ctx, list);
  rapt_run_list_free(w->ctx, NULL);
}

static void order_and_filter(void **state) {
  world *w = *state;
  rapt_run_record runs[] = {
      run_of("old", "gpt", "/r/1", "2026-01-01T00:00:00Z"), run_of("new", "nplm", "/r/2", "2026-03-01T00:00:00Z"),
      run_of("mid", "gpt", "/r/1", "2026-02-01T00:00:00Z"), run_of("mid2", "gpt", "/r/3", "2026-02-01T00:00:00Z")};
  for (size_t i = 0; i < 4; i++) assert_ok(w->ctx, rapt_runs_put(w->ctx, &runs[i]));
  static const struct {
    const char *recipe;
    size_t limit;
    const char *ids[5];
  } cases[] = {{NULL, 0, {"new", "mid2", "mid", "old"}},
               {NULL, 2, {"new", "mid2"}},
               {NULL, SIZE_MAX, {"new", "mid2", "mid", "old"}},
               {"gpt", 0, {"mid2", "mid", "old"}},
               {"gp", 0, {0}},
               {"' OR 1=1 --", 0, {0}}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
    rapt_run_list *list;
    assert_ok(w->ctx, rapt_runs_list(w->ctx, cases[c].recipe, cases[c].limit, &list));
    size_t n = 0;
    for (; cases[c].ids[n]; n++) {
      assert_true(n < list->count);
      assert_string_equal(list->runs[n].id, cases[c].ids[n]);
    }
    assert_int_equal(list->count, n);
    rapt_run_list_free(w->ctx, list);
  }
}

static void finds(world *w, const char *name, const char *id) {
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_find(w->ctx, name, &list));
  assert_int_equal(list->count, 1);
  assert_string_equal(list->runs->id, id);
  rapt_run_list_free(w->ctx, list);
}

static void names_of_a_run(void **state) {
  world *w = *state;
  rapt_run_record runs[] = {run_of("abcd1234", "gpt", "/r/one", "2026-01-01T00:00:00Z"),
                            run_of("abcd", "gpt", "/r/one", "2026-01-02T00:00:00Z"),
                            run_of("abff0000", "gpt", "/r/two", "2026-01-03T00:00:00Z"),
                            run_of("x_y-z", "gpt", "/r/first-try", "2026-01-04T00:00:00Z")};
  for (size_t i = 0; i < 4; i++) assert_ok(w->ctx, rapt_runs_put(w->ctx, &runs[i]));
  finds(w, "abcd", "abcd"); /* whole before a beginning */
  finds(w, "abcd1", "abcd1234");
  finds(w, "abf", "abff0000");
  finds(w, "/r/one", "abcd"); /* the newest there */
  rapt_run_list *list;
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "ab", &list), RAPT_EINVAL, "several runs");
  assert_null(list);
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "", &list), RAPT_ENOTFOUND, "no run");
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "%", &list), RAPT_ENOTFOUND, "no run");
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "abfg", &list), RAPT_ENOTFOUND, "did you mean \"abff\"");
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "abcd1243", &list), RAPT_ENOTFOUND, "did you mean \"abcd1234\"");
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "frist-try", &list), RAPT_ENOTFOUND, "did you mean \"first-try\"");
  assert_fails(w->ctx, rapt_runs_find(w->ctx, "/r/twoo", &list), RAPT_ENOTFOUND, "did you mean \"/r/two\"");
}

static void relative_directories(void **state) {
  world *w = *state;
  char here[4096], *whole;
  assert_non_null(getcwd(here, sizeof here));
  assert_int_equal(chdir(w->dir), 0);
  assert_int_equal(mkdir("run", 0700), 0);
  rapt_run_record run = run_of("r", "gpt", "run", NULL);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  assert_int_equal(chdir("run"), 0);
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_find(w->ctx, ".", &list));
  assert_non_null(whole = realpath(".", NULL));
  assert_string_equal(list->runs->dir, whole);
  assert_int_equal(strlen(list->runs->started), 20); /* the present time */
  assert_int_equal(strncmp(list->runs->started, "20", 2), 0);
  free(whole);
  rapt_run_list_free(w->ctx, list);
  assert_int_equal(chdir(here), 0);
}

static void wrong_records_and_homes(void **state) {
  world *w = *state;
  rapt_run_record run = run_of("a", "gpt", "/r", NULL), bad;
  static const char *const ids[] = {
      NULL, "", "a b", "../x", "\x1B[2J", "%", "12345678901234567890123456789012345678901234567890123456789012345"};
  for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
    bad = run_of(ids[i], "gpt", "/r", NULL);
    assert_fails(w->ctx, rapt_runs_put(w->ctx, &bad), RAPT_EINVAL, "an id has");
  }
  bad = run_of("unknown", "gpt", NULL, NULL);
  assert_fails(w->ctx, rapt_runs_put(w->ctx, &bad), RAPT_EINVAL, "\"unknown\"");
  bad = run;
  bad.state = RAPT_RUN_LOST; /* is found out, never stored */
  assert_fails(w->ctx, rapt_runs_put(w->ctx, &bad), RAPT_EINVAL, "state 4");
  bad = run;
  bad.mark = (rapt_run_mark)3;
  assert_fails(w->ctx, rapt_runs_put(w->ctx, &bad), RAPT_EINVAL, "mark 3");

  /* The home is a file. */
  char file[96];
  snprintf(file, sizeof file, "%s/file", w->dir);
  assert_ok(w->ctx, rapt__file_replace(w->ctx, file, "x", 1));
  setenv("RAPT_HOME", file, 1);
  assert_int_not_equal(rapt_runs_put(w->ctx, &run), RAPT_OK);
  assert_non_null(strstr(rapt_context_message(w->ctx), file));
  rapt_context_clear(w->ctx);
  /* RAPT_HOME comes first, and is made. */
  char own[96], db[112];
  snprintf(own, sizeof own, "%s/own/deep", w->dir);
  snprintf(db, sizeof db, "%s/runs.db", own);
  setenv("RAPT_HOME", own, 1);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  assert_true(rapt__file_exists(db));
  unsetenv("RAPT_HOME");

  /* HOME alone; a relative XDG_DATA_HOME does not count. Then no home at all. */
  char *home = strdup(getenv("HOME") ? getenv("HOME") : "/");
  setenv("XDG_DATA_HOME", "relative", 1);
  setenv("HOME", w->dir, 1);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  snprintf(db, sizeof db, "%s/.local/share/rapt/runs.db", w->dir);
  assert_true(rapt__file_exists(db));
  unsetenv("HOME");
  rapt_run_list *list;
  assert_fails(w->ctx, rapt_runs_put(w->ctx, &run), RAPT_ENOTFOUND, "RAPT_HOME");
  assert_fails(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list), RAPT_ENOTFOUND, "RAPT_HOME");
  assert_null(list);
  setenv("HOME", home, 1);
  free(home);
}

static void fails_both_ways(world *w, const char *part) {
  rapt_run_record run = run_of("a", "gpt", "/r", NULL);
  rapt_run_list *list;
  size_t count;
  assert_fails(w->ctx, rapt_runs_put(w->ctx, &run), RAPT_EFORMAT, part);
  assert_fails(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list), RAPT_EFORMAT, part);
  assert_null(list);
  assert_fails(w->ctx, rapt_runs_prune(w->ctx, &count), RAPT_EFORMAT, part);
}

static void damaged_index(void **state) {
  world *w = *state;
  rapt_run_record run = run_of("a", "gpt", "/r", NULL);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  char rubbish[4096];
  memset(rubbish, 'x', sizeof rubbish);
  assert_ok(w->ctx, rapt__file_replace(w->ctx, w->db, rubbish, sizeof rubbish));
  fails_both_ways(w, "runs.db");

  /* One of a later version is left alone, others' tables are not ours, and nothing of theirs is run. */
  static const struct {
    const char *sql, *part;
  } others[] = {{"PRAGMA user_version=99", "newer"},
                {"PRAGMA user_version=-1", "version -1"},
                {"CREATE TABLE runs(x); PRAGMA user_version=1", "runs.db"},
                {"CREATE TABLE t(id,recipe); CREATE VIEW runs AS SELECT * FROM t; PRAGMA user_version=1", "runs.db"},
                {"PRAGMA user_version=1", "runs.db"}};
  for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
    assert_int_equal(unlink(w->db), 0);
    change(w, others[i].sql);
    fails_both_ways(w, others[i].part);
  }
  assert_int_equal(unlink(w->db), 0);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  change(w, "CREATE TRIGGER t AFTER UPDATE ON runs BEGIN DELETE FROM runs; END");
  run.steps = 5;
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  finds(w, "a", "a");
  change(w, "DROP TRIGGER t; UPDATE runs SET state='dancing'");
  rapt_run_list *list;
  assert_fails(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list), RAPT_EFORMAT, "\"dancing\" is no state");

  /* An earlier error stays the first one. */
  rapt__fail(w->ctx, RAPT_ENAN, "the loss is not a number");
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  assert_string_equal(rapt_context_message(w->ctx), "the loss is not a number");
  rapt_context_clear(w->ctx);
}

/* Bytes changed anywhere: an answer or an error, and the error names the file. */
static void changed_bytes(void **state) {
  world *w = *state;
  char *good, id[32];
  size_t size;
  for (int i = 0; i < 60; i++) {
    snprintf(id, sizeof id, "run-%d", i);
    rapt_run_record run = run_of(id, "gpt", "/r/some/where", NULL);
    run.settings = "{\"train.lr\": \"0.01\"}";
    assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  }
  assert_ok(w->ctx, rapt__file_read(w->ctx, w->db, 1 << 20, &good, &size));
  unsigned r = 1;
  int refused = 0;
  for (int round = 0; round < 120; round++) {
    char *bad = rapt__alloc(w->ctx, size);
    memcpy(bad, good, size);
    for (int i = 0; i < 1 + round % 20; i++) {
      r = r * 1103515245u + 12345u;
      size_t at = (r >> 8) % (round % 2 ? size : 200); /* every other round within the header and the first page's */
      bad[at] = (char)(r >> 3);
    }
    assert_ok(w->ctx, rapt__file_replace(w->ctx, w->db, bad, round % 7 == 6 ? size / 2 : size));
    rapt__free(w->ctx, bad);
    rapt_run_list *list;
    rapt_run_record run = run_of("run-7", "gpt", "/r", NULL);
    for (int writing = 0; writing < 2; writing++) {
      rapt_status status = writing ? rapt_runs_put(w->ctx, &run) : rapt_runs_list(w->ctx, NULL, 0, &list);
      if (status == RAPT_OK) {
        if (!writing) rapt_run_list_free(w->ctx, list);
        continue;
      }
      refused++;
      if (status != RAPT_EFORMAT && status != RAPT_EIO) fail_msg("%s", rapt_context_message(w->ctx));
      assert_non_null(strstr(rapt_context_message(w->ctx), w->db));
      rapt_context_clear(w->ctx);
    }
  }
  assert_true(refused > 30);
  rapt__free(w->ctx, good);
}

static void expect_state(world *w, rapt_run_state wanted) {
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_find(w->ctx, "a", &list));
  assert_string_equal(rapt_run_state_text(list->runs->state), rapt_run_state_text(wanted));
  rapt_run_list_free(w->ctx, list);
}

static void a_killed_run_is_lost(void **state) {
  world *w = *state;
  rapt_run_record run = run_of("a", "gpt", "/r", NULL);
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  expect_state(w, RAPT_RUN_RUNNING);
  change(w, "UPDATE runs SET born=born+1"); /* another process that got the same number */
  expect_state(w, RAPT_RUN_LOST);
  pid_t child = fork();
  if (child == 0) {
    rapt_context *ctx;
    if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK || rapt_runs_put(ctx, &run) != RAPT_OK)
      _exit(1);
    _exit(0);
  }
  siginfo_t ended;
  assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
  expect_state(w, RAPT_RUN_LOST); /* ended, though its number is not free before its parent has waited for it */
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_int_equal(status, 0);
  expect_state(w, RAPT_RUN_LOST);
  change(w, "UPDATE runs SET host='elsewhere'"); /* of which nothing can be known here */
  expect_state(w, RAPT_RUN_RUNNING);
  run.state = RAPT_RUN_STOPPED;
  assert_ok(w->ctx, rapt_runs_put(w->ctx, &run));
  expect_state(w, RAPT_RUN_STOPPED);
  change(w, "UPDATE runs SET state='running', pid=-5, born=NULL");
  expect_state(w, RAPT_RUN_RUNNING);
}

static void many_processes(void **state) {
  world *w = *state;
  enum { PROCESSES = 4, EACH = 10 };
  pid_t children[PROCESSES];
  for (int p = 0; p < PROCESSES; p++) {
    children[p] = fork();
    if (children[p] != 0) continue;
    rapt_context *ctx;
    if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) _exit(1);
    for (int i = 0; i < EACH; i++) {
      char id[32];
      snprintf(id, sizeof id, "%d-%d", p, i);
      rapt_run_record run = run_of(id, "gpt", "/r", NULL);
      if (rapt_runs_put(ctx, &run) != RAPT_OK) _exit(2);
    }
    _exit(0);
  }
  for (int p = 0; p < PROCESSES; p++) {
    int status;
    assert_int_equal(waitpid(children[p], &status, 0), children[p]);
    assert_int_equal(status, 0);
  }
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list));
  assert_int_equal(list->count, PROCESSES * EACH);
  rapt_run_list_free(w->ctx, list);
}

static void forgetting(void **state) {
  world *w = *state;
  size_t count = 9;
  assert_ok(w->ctx, rapt_runs_prune(w->ctx, &count)); /* no index: none is made */
  assert_int_equal(count, 0);
  assert_false(rapt__file_exists(w->db));
  char below[128];
  snprintf(below, sizeof below, "%s/data/rapt/runs.db/x", w->dir); /* a file is no directory */
  rapt_run_record runs[] = {run_of("there", "gpt", w->dir, NULL), run_of("gone", "gpt", "/nowhere/at/all", NULL),
                            run_of("below", "gpt", below, NULL)};
  for (size_t i = 0; i < 3; i++) assert_ok(w->ctx, rapt_runs_put(w->ctx, &runs[i]));
  assert_ok(w->ctx, rapt_runs_prune(w->ctx, &count));
  assert_int_equal(count, 2);
  rapt_run_list *list;
  assert_ok(w->ctx, rapt_runs_list(w->ctx, NULL, 0, &list));
  assert_int_equal(list->count, 1);
  assert_string_equal(list->runs->id, "there");
  rapt_run_list_free(w->ctx, list);
}

/* ---- Two runs ---- */

enum { TEXT = 4000 }; /* the settings in which two runs differ */

static void note_difference(void *user, const char *key, const char *a, const char *b) {
  char *text = user;
  size_t used = strlen(text);
  snprintf(text + used, TEXT - used, "%s:%s:%s;", key, a, b);
}

static void settings_side_by_side(void **state) {
  world *w = *state;
  char text[TEXT] = "";
  rapt_run_record a = run_of("a", "gpt", "/r", NULL), b = run_of("b", "gpt", "/r", NULL);
  a.version = b.version = rapt_version();
  a.settings = "{\"train.lr\":\"0.01\",\"train.steps\":\"50\"}";
  b.settings = "{\"train.steps\":\"50\",\"model.layers\":\"2\"}";
  assert_ok(w->ctx, rapt_runs_compare(w->ctx, &a, &b, note_difference, text));
  assert_string_equal(text, "model.layers:4:2;train.lr:0.01:0.003;"); /* the other side has the recipe's default */
  *text = 0;
  b.version = "0.0.1"; /* whose defaults are not known */
  assert_ok(w->ctx, rapt_runs_compare(w->ctx, &a, &b, note_difference, text));
  assert_string_equal(text, "train.lr:0.01:(default);model.layers:(default):2;");
  *text = 0;
  b = a;
  b.recipe = "adam"; /* which has no model */
  b.settings = NULL;
  assert_ok(w->ctx, rapt_runs_compare(w->ctx, &a, &b, note_difference, text));
  assert_non_null(strstr(text, "model.layers:4:-;"));
  assert_non_null(strstr(text, "adam.passes:-:45;"));
  static const char *const bad[] = {"[]", "{", "{\"a\":\"1\",\"a\":\"2\"}"};
  for (size_t i = 0; i < 3; i++) {
    b.settings = bad[i];
    assert_fails(w->ctx, rapt_runs_compare(w->ctx, &a, &b, note_difference, text), RAPT_EFORMAT, "\"a\"");
  }
}

static void write_metrics(const world *w, const char *run, const char *text) {
  char dir[96], path[128];
  snprintf(dir, sizeof dir, "%s/%s", w->dir, run);
  snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
  assert_true(mkdir(dir, 0700) == 0 || rapt__file_exists(dir));
  assert_ok(w->ctx, rapt__file_replace(w->ctx, path, text, strlen(text)));
}

static void losses_in_one_plot(void **state) {
  world *w = *state;
  static char many[200000];
  size_t used = 0;
  for (int i = 1; i <= 1500; i++)
    used += (size_t)snprintf(many + used, sizeof many - used,
                             "{\"step\": %d, \"loss\": %g, \"norm\": 1, \"lr\": 0.1}\n", i, 4 - i / 1000.0);
  snprintf(many + used, sizeof many - used,
           "{\"step\": 1500, \"train_loss\": 2.5, \"eval_loss\": 2.625}\n{\"step\": 1501, \"lo");
  write_metrics(w, "a", many);
  write_metrics(w, "b",
                "rubbish\n{\"step\": 1, \"loss\": nan, \"norm\": 1}\n{\"step\": 2, \"loss\": 3.5, \"norm\": 1}\n");
  char dirs[2][96], path[96], *svg;
  size_t size;
  for (int i = 0; i < 2; i++) snprintf(dirs[i], sizeof dirs[i], "%s/%c", w->dir, 'a' + i);
  snprintf(path, sizeof path, "%s/plot.svg", w->dir);
  rapt_run_record runs[] = {run_of("<first>", "gpt", dirs[0], NULL), run_of("second", "gpt", dirs[1], NULL)};
  assert_ok(w->ctx, rapt_runs_plot(w->ctx, runs, 2, path));
  assert_ok(w->ctx, rapt__file_read(w->ctx, path, 1 << 20, &svg, &size));
  assert_non_null(strstr(svg, "&lt;first&gt; training"));
  assert_non_null(strstr(svg, "&lt;first&gt; validation"));
  assert_non_null(strstr(svg, "second training"));
  assert_null(strstr(svg, "second validation"));
  assert_true(size < 40000); /* 1500 updates are drawn as at most 400 points */
  rapt__free(w->ctx, svg);
  write_metrics(w, "b", "\n\n");
  assert_fails(w->ctx, rapt_runs_plot(w->ctx, runs, 2, path), RAPT_EFORMAT, "metrics.jsonl");
  runs[1].dir = "/nowhere";
  assert_fails(w->ctx, rapt_runs_plot(w->ctx, runs, 2, path), RAPT_ENOTFOUND, "/nowhere/metrics.jsonl");
  assert_fails(w->ctx, rapt_runs_plot(w->ctx, runs, 9, path), RAPT_EINVAL, "1 to 8");
}

/* ---- Memory ---- */

typedef rapt_status (*deed)(world *w);

static rapt_status do_put(world *w) {
  rapt_run_record run = run_of("a", "gpt", w->dir, NULL);
  return rapt_runs_put(w->ctx, &run);
}

static rapt_status do_list(world *w) {
  rapt_run_list *list;
  rapt_status status = rapt_runs_list(w->ctx, NULL, 0, &list);
  rapt_run_list_free(w->ctx, list);
  return status;
}

static rapt_status do_find(world *w) {
  rapt_run_list *list;
  rapt_status status = rapt_runs_find(w->ctx, "nobody", &list);
  return status == RAPT_ENOTFOUND ? RAPT_OK : status;
}

static rapt_status do_prune(world *w) {
  size_t count;
  rapt_status status = rapt_runs_prune(w->ctx, &count);
  if (status == RAPT_OK) assert_int_equal(count, 0);
  return status;
}

static rapt_status do_plot(world *w) {
  char path[96];
  snprintf(path, sizeof path, "%s/plot.svg", w->dir);
  rapt_run_record run = run_of("a", "gpt", w->dir, NULL);
  return rapt_runs_plot(w->ctx, &run, 1, path);
}

static void failing_memory(void **state) {
  world *w = *state;
  assert_ok(w->ctx, do_put(w));
  write_metrics(w, ".", "{\"step\": 1, \"loss\": 2}\n{\"step\": 2, \"loss\": 1}\n");
  static const deed deeds[] = {do_put, do_list, do_find, do_prune, do_plot};
  for (size_t d = 0; d < sizeof deeds / sizeof *deeds; d++)
    for (int sqlite = 0; sqlite < (deeds[d] == do_plot ? 1 : 2); sqlite++) {
      long live = w->memory.live, failures = 0;
      for (long at = 1;; at++) {
        sqlite_calls = w->memory.calls = 0;
        *(sqlite ? &sqlite_fail_at : &w->memory.fail_at) = at;
        rapt_status status = deeds[d](w);
        sqlite_fail_at = w->memory.fail_at = 0;
        assert_int_equal(w->memory.live, live);
        if (status == RAPT_OK) break;
        if (status != RAPT_ENOMEM) fail_msg("%zu: %s", d, rapt_context_message(w->ctx));
        rapt_context_clear(w->ctx);
        failures++;
      }
      assert_true(failures >= 2);
      assert_ok(w->ctx, do_list(w));
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void) {
  sqlite3_config(SQLITE_CONFIG_GETMALLOC, &plain);
  sqlite3_mem_methods counted = plain;
  counted.xMalloc = sqlite_malloc;
  counted.xRealloc = sqlite_realloc;
  if (sqlite3_config(SQLITE_CONFIG_MALLOC, &counted) != SQLITE_OK) return 1;
  const struct CMUnitTest tests[] = {
      TEST(put_and_find),         TEST(order_and_filter),        TEST(names_of_a_run),
      TEST(relative_directories), TEST(wrong_records_and_homes), TEST(damaged_index),
      TEST(changed_bytes),        TEST(a_killed_run_is_lost),    TEST(many_processes),
      TEST(forgetting),           TEST(settings_side_by_side),   TEST(losses_in_one_plot),
      TEST(failing_memory),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
