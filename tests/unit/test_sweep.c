/* Sweeps: the grid, what is refused early, and processes that end well, fail, hang or are stopped. */
#include "unit/unit.h"

#include "recipes/sweep.h"

#include <math.h>
#include <rapt/rapt.h>
#include <sys/stat.h>

static char root[] = "/tmp/rapt-sweep-XXXXXX";

static char *in_root(const char *name) {
  static char paths[4][128];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static void write_file(const char *path, const char *text, int mode) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(text, f);
  assert_int_equal(fclose(f), 0);
  assert_int_equal(chmod(path, (mode_t)mode), 0);
}

/* A program in the place of rapt. It fails for a text called bad, is killed for one called worse, and waits for a signal for
 * one called slow. */
static const char program[] =
    "#!/bin/sh\n"
    "echo \"$@\" >>\"$ROOT/calls\"\n"
    "case \"$*\" in\n"
    "*data=*/bad*) echo 'rapt: first line' >&2; printf 'rapt: the \\033text is \\377bad\\n' >&2; exit 1 ;;\n"
    "*data=*/worse*) kill -9 $$ ;;\n"
    "*data=*/slow*) trap 'exit 0' INT; while :; do sleep 0.02; done ;;\n"
    "esac\n"
    "exit 0\n";

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  setenv("RAPT_HOME", in_root("home"), 1);
  setenv("ROOT", root, 1);
  write_file(in_root("program"), program, 0700);
  write_file(in_root("good"), "text", 0600);
  write_file(in_root("bad"), "text", 0600);
  write_file(in_root("worse"), "text", 0600);
  write_file(in_root("slow"), "text", 0600);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* ---- The grid ---- */

static rapt_status read_grid(rapt__arena *arena, rapt__grid *grid, const char *a, const char *b) {
  const char *settings[] = {a, b};
  return rapt__grid_read(arena, settings, b ? 2 : 1, grid);
}

static void grids_are_read(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt__grid grid;
  assert_ok(ctx, read_grid(&arena, &grid, "seed=1..3,7", "train.lr=1e-3,0.5"));
  assert_int_equal(grid.total, 8);
  assert_string_equal(grid.axes[1].key, "seed"); /* it comes last */
  assert_int_equal(grid.axes[1].count, 4);
  assert_string_equal(grid.axes[1].values[3], "7");
  assert_string_equal(rapt__grid_name(&arena, &grid, 0), "lr=1e-3,seed=1");
  assert_string_equal(rapt__grid_name(&arena, &grid, 7), "lr=0.5,seed=7");
  assert_ok(ctx, read_grid(&arena, &grid, "a.x=-2..1", NULL));
  assert_int_equal(grid.total, 4);
  assert_string_equal(grid.axes[0].values[0], "-2");
  assert_ok(ctx, read_grid(&arena, &grid, "data=a\\,b,c\\d", NULL));
  assert_string_equal(grid.axes[0].values[0], "a,b");
  assert_string_equal(grid.axes[0].values[1], "c\\d");
  assert_ok(ctx, read_grid(&arena, &grid, "data=../1..2", NULL)); /* not a range */
  assert_string_equal(grid.axes[0].values[0], "../1..2");
  assert_string_equal(rapt__grid_name(&arena, &grid, 0), "run");
  assert_ok(ctx, read_grid(&arena, &grid, "seed=", NULL)); /* one empty value; whether it may be is the key's matter */
  assert_int_equal(grid.total, 1);
  assert_ok(ctx, rapt__grid_read(&arena, NULL, 0, &grid));
  assert_int_equal(grid.total, 1);
  assert_string_equal(rapt__grid_name(&arena, &grid, 0), "run");
  assert_ok(ctx, read_grid(&arena, &grid, "seed=9223372036854775806..9223372036854775807", NULL));
  assert_int_equal(grid.total, 2);
  assert_ok(ctx, read_grid(&arena, &grid, "seed=1..10000", NULL));
  assert_int_equal(grid.total, RAPT_SWEEP_MOST);
  rapt__arena_free(&arena);
  close_context(&memory, ctx);
}

static void names_are_safe(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt__grid grid;
  assert_ok(ctx, read_grid(&arena, &grid, "data=../x,..-x,\033[2J", NULL));
  assert_string_equal(rapt__grid_name(&arena, &grid, 0), "data=..-x~1");
  assert_string_equal(rapt__grid_name(&arena, &grid, 1), "data=..-x");
  assert_string_equal(rapt__grid_name(&arena, &grid, 2), "data=--2J~3");
  assert_ok(ctx, read_grid(&arena, &grid, "model.size=1,2", "train.size=3,4"));
  assert_string_equal(rapt__grid_name(&arena, &grid, 3), "model.size=2,train.size=4");
  char many[4000] = "data=";
  for (int i = 0; i < 3000; i++) strcat(many, "x");
  strcat(many, ",y");
  assert_ok(ctx, read_grid(&arena, &grid, many, NULL));
  assert_true(strlen(rapt__grid_name(&arena, &grid, 0)) < 60);
  rapt__arena_free(&arena);
  close_context(&memory, ctx);
}

static void bad_grids_are_refused(void **state) {
  (void)state;
  static const struct {
    const char *a, *b, *part;
  } cases[] = {{"seed=1..1000000000", NULL, "more than 10000 runs"},
               {"seed=1..10001", NULL, "more than 10000 runs"},
               {"seed=-9223372036854775808..9223372036854775807", NULL, "more than 10000 runs"},
               {"seed=1..99999999999999999999", NULL, "at most 64 bits"},
               {"seed=1..5000,6001..12000", NULL, "more than 10000 runs"},
               {"seed=1..200", "model.layers=1..100", "more than 10000 runs"},
               {"seed=5..1", NULL, "backwards"},
               {"seed=1,,2", NULL, "is empty"},
               {"seed=,", NULL, "is empty"},
               {"seed=1,", NULL, "is empty"},
               {"seed=1,2,1", NULL, "given twice"},
               {"seed=1..3,2", NULL, "given twice"},
               {"seed=1", "seed=2", "seed is given twice"},
               {"=1", NULL, "key=value"},
               {"seed", NULL, "key=value"}};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt__grid grid;
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    assert_fails(ctx, read_grid(&arena, &grid, cases[i].a, cases[i].b), RAPT_EKEY, cases[i].part);
  rapt__arena_free(&arena);
  close_context(&memory, ctx);
}

/* ---- Sweeps ---- */

static rapt_status sweep_of(rapt_context *ctx, const char *out, const char *a, const char *b, rapt_sweep **sweep) {
  char place[128];
  snprintf(place, sizeof place, "out=%s", in_root(out));
  const char *settings[] = {place, a, b};
  return rapt_sweep_new(ctx, "gpt", settings, b ? 3 : 2, sweep);
}

static void values_are_checked_first(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  assert_fails(ctx, sweep_of(ctx, "no", "train.lrr=1,2", NULL, &sweep), RAPT_EKEY, "did you mean \"train.lr\"");
  assert_fails(ctx, sweep_of(ctx, "no", "train.lr=1,x", NULL, &sweep), RAPT_EKEY, "a number is needed");
  assert_fails(ctx, sweep_of(ctx, "no", "model.heads=4", "model.width=128,130", &sweep), RAPT_EKEY, "130");
  assert_fails(ctx, sweep_of(ctx, "no", "data=./none", NULL, &sweep), RAPT_ENOTFOUND, "no such file");
  assert_fails(ctx, rapt_sweep_new(ctx, "gtp", NULL, 0, &sweep), RAPT_EKEY, "did you mean \"gpt\"");
  assert_null(sweep);
  const char *ids[] = {"gpt", "gpt"};
  assert_fails(ctx, rapt_sweep_new_recipes(ctx, ids, 2, 1, "no", &sweep), RAPT_EKEY, "named twice");
  assert_fails(ctx, rapt_sweep_new_recipes(ctx, ids, 1, 0, "no", &sweep), RAPT_EINVAL, "at least one seed");
  assert_int_not_equal(access(in_root("no"), F_OK), 0);
  close_context(&memory, ctx);
}

static char *data_setting(const char *names) {
  static char text[256];
  char *to = text + sprintf(text, "data=");
  char copy[64];
  snprintf(copy, sizeof copy, "%s", names);
  for (char *name = strtok(copy, ","); name; name = strtok(NULL, ","))
    to += sprintf(to, "%s%s", to == text + 5 ? "" : ",", in_root(name));
  return text;
}

/* As rapt leaves it: run.json, and what the sweep has kept of the result. */
static void leave_done(rapt_context *ctx, rapt_sweep *sweep, size_t index, double figure) {
  rapt_sweep_run *run = &sweep->runs[index];
  char path[300], command[300];
  snprintf(command, sizeof command, "mkdir -p '%s'", run->dir);
  assert_int_equal(system(command), 0);
  run->state = RAPT_SWEEP_DONE;
  run->mark = RAPT_MARK_REACHED;
  run->figure = figure;
  run->minutes = 1;
  assert_ok(ctx, rapt__sweep_keep(sweep, run));
  snprintf(path, sizeof path, "%s/result.json", run->dir);
  assert_int_equal(access(path, R_OK), 0);
}

static void failures_do_not_end_the_others(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  assert_ok(ctx, sweep_of(ctx, "fails", data_setting("bad,worse,good"), NULL, &sweep));
  leave_done(ctx, sweep, 2, 3.5);
  rapt_sweep_options options = {.program = in_root("program"), .jobs = 2};
  assert_ok(ctx, rapt_sweep_train(ctx, sweep, &options));
  assert_int_equal(rapt_sweep_get(sweep, 0)->state, RAPT_SWEEP_FAILED);
  assert_string_equal(rapt_sweep_get(sweep, 0)->why, "the ?text is ?bad");
  assert_int_equal(rapt_sweep_get(sweep, 1)->state, RAPT_SWEEP_FAILED);
  assert_non_null(strstr(rapt_sweep_get(sweep, 1)->why, "signal 9"));
  assert_int_equal(rapt_sweep_get(sweep, 2)->state, RAPT_SWEEP_DONE);
  assert_true(rapt_sweep_get(sweep, 2)->earlier);
  assert_null(rapt_sweep_get(sweep, 3));
  assert_ok(ctx, rapt_sweep_save(ctx, sweep));
  const char *csv;
  assert_ok(ctx, rapt_sweep_text(ctx, sweep, RAPT_SWEEP_CSV, &csv));
  assert_non_null(strstr(csv, ",done,3.5,reached,1,3.5,,"));
  assert_non_null(strstr(csv, ",failed,,,,,,"));
  rapt_sweep_free(ctx, sweep);
  /* Once more: the failed ones are to be done again, the other one is kept. */
  assert_ok(ctx, sweep_of(ctx, "fails", data_setting("bad,worse,good"), NULL, &sweep));
  assert_int_equal(rapt_sweep_get(sweep, 0)->state, RAPT_SWEEP_PLANNED);
  assert_int_equal(rapt_sweep_get(sweep, 2)->state, RAPT_SWEEP_DONE);
  assert_true(rapt_sweep_get(sweep, 2)->figure == 3.5);
  rapt_sweep_free(ctx, sweep);
  close_context(&memory, ctx);
}

static void the_program_must_start(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  assert_ok(ctx, sweep_of(ctx, "starts", data_setting("good"), NULL, &sweep));
  rapt_sweep_options options = {.program = in_root("nothing")};
  assert_fails(ctx, rapt_sweep_train(ctx, sweep, &options), RAPT_ENOTFOUND, "nothing");
  options.jobs = -1;
  assert_fails(ctx, rapt_sweep_train(ctx, sweep, &options), RAPT_EINVAL, "number of jobs");
  rapt_sweep_free(ctx, sweep);
  close_context(&memory, ctx);
}

static void interrupt(void *user, const rapt_sweep_run *run, size_t ended, size_t total) {
  (void)ended, (void)total;
  if (run->state == RAPT_SWEEP_RUNNING && strstr(run->name, "seed=2")) rapt_context_interrupt(user);
}

static void an_interrupt_stops_all(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  assert_ok(ctx, sweep_of(ctx, "slow-ones", data_setting("slow"), "seed=1..4", &sweep));
  rapt_sweep_options options = {.program = in_root("program"), .jobs = 2, .tell = interrupt, .user = ctx};
  assert_ok(ctx, rapt_sweep_train(ctx, sweep, &options)); /* it returns, so both have ended */
  for (size_t i = 0; i < 4; i++) assert_int_equal(rapt_sweep_get(sweep, i)->state, RAPT_SWEEP_PLANNED);
  assert_int_equal(access(rapt_sweep_get(sweep, 1)->dir, F_OK), 0);
  assert_int_not_equal(access(rapt_sweep_get(sweep, 2)->dir, F_OK), 0);
  rapt_sweep_free(ctx, sweep);
  close_context(&memory, ctx);
}

static void seeds_have_mean_and_deviation(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  assert_ok(ctx, sweep_of(ctx, "groups", data_setting("good,bad"), "seed=1..3", &sweep));
  for (size_t i = 0; i < 3; i++) leave_done(ctx, sweep, i, 1 + (double)i);
  rapt__sweep_group g = rapt__sweep_group_of(sweep, 0);
  assert_true(g.mean == 2 && g.deviation == 1 && g.minutes == 3 && g.done == 3 && g.reached == 3);
  g = rapt__sweep_group_of(sweep, 3);
  assert_true(isnan(g.mean) && isnan(g.deviation) && g.done == 0);
  const char *text;
  assert_ok(ctx, rapt_sweep_text(ctx, sweep, RAPT_SWEEP_TABLE, &text));
  assert_non_null(strstr(text, "2 ± 1"));
  assert_non_null(strstr(text, "3 of 3"));
  assert_non_null(strstr(text, "6 runs: 3 done (3 reached, 0 missed), 3 planned; 3.00 minutes\n"));
  assert_ok(ctx, rapt_sweep_text(ctx, sweep, RAPT_SWEEP_JSON, &text));
  assert_non_null(strstr(text, "\"deviation\": 1.0"));
  assert_ok(ctx, rapt_sweep_text(ctx, sweep, RAPT_SWEEP_PLAN, &text));
  assert_non_null(strstr(text, "6 runs, 3 to do"));
  assert_ok(ctx, rapt_sweep_save(ctx, sweep));
  rapt_sweep_free(ctx, sweep);
  close_context(&memory, ctx);
}

static void other_settings_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  char command[300];
  snprintf(command, sizeof command, "mkdir -p '%s/run'", in_root("other"));
  assert_int_equal(system(command), 0);
  write_file(in_root("other/run/run.json"),
             "{\"id\": \"0123456789abcdef\", \"recipe\": \"gpt\", \"settings\": {\"data\": \"elsewhere\"}}", 0600);
  assert_fails(ctx, sweep_of(ctx, "other", data_setting("good"), NULL, &sweep), RAPT_EINVAL, "data is \"elsewhere\"");
  write_file(in_root("other/run/run.json"), "{\"recipe\": \"nplm\"}", 0600);
  assert_fails(ctx, sweep_of(ctx, "other", data_setting("good"), NULL, &sweep), RAPT_EINVAL, "nplm");
  write_file(in_root("other/run/run.json"), "{", 0600);
  assert_fails(ctx, sweep_of(ctx, "other", data_setting("good"), NULL, &sweep), RAPT_EFORMAT, "run.json");
  close_context(&memory, ctx);
}

static void missing_data_skips_a_recipe(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_sweep *sweep;
  char *before = getenv("RAPT_DATA") ? strdup(getenv("RAPT_DATA")) : NULL;
  setenv("RAPT_DATA", in_root("no-data"), 1);
  const char *ids[] = {"gpt", "formal-algorithms"};
  assert_ok(ctx, rapt_sweep_new_recipes(ctx, ids, 2, 1, in_root("verify"), &sweep));
  assert_int_equal(rapt_sweep_get(sweep, 0)->state, RAPT_SWEEP_SKIPPED);
  assert_string_equal(rapt_sweep_get(sweep, 0)->why,
                      "data set tinyshakespeare is missing, `rapt data get tinyshakespeare`");
  assert_int_equal(rapt_sweep_get(sweep, 1)->state, RAPT_SWEEP_PLANNED);
  const char *text;
  assert_ok(ctx, rapt_sweep_text(ctx, sweep, RAPT_SWEEP_PLAN, &text));
  assert_non_null(strstr(text, "2 runs, 1 to do: 1 minutes"));
  rapt_sweep_free(ctx, sweep);
  if (before)
    setenv("RAPT_DATA", before, 1);
  else
    unsetenv("RAPT_DATA");
  free(before);
  close_context(&memory, ctx);
}

static rapt_status make_and_free(rapt_context *ctx) {
  rapt_sweep *sweep;
  RAPT_TRY(sweep_of(ctx, "memory", data_setting("good,bad"), "seed=1,2", &sweep));
  const char *text;
  rapt_status status = rapt_sweep_text(ctx, sweep, RAPT_SWEEP_TABLE, &text);
  if (status == RAPT_OK) status = rapt_sweep_save(ctx, sweep);
  rapt_sweep_free(ctx, sweep);
  return status;
}

static void every_allocation_may_fail(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  long before = memory.live;
  assert_ok(ctx, make_and_free(ctx));
  assert_int_equal(memory.live, before);
  long calls = memory.calls;
  for (long at = 1, step = 1; at < 2 * calls; at += step) {
    memory.calls = 0;
    memory.fail_at = at;
    rapt_status status = make_and_free(ctx);
    memory.fail_at = 0;
    assert_int_equal(memory.live, before);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    rapt_context_clear(ctx);
    step = at < 100 ? 1 : 7;
  }
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(grids_are_read),
                                     cmocka_unit_test(names_are_safe),
                                     cmocka_unit_test(bad_grids_are_refused),
                                     cmocka_unit_test(values_are_checked_first),
                                     cmocka_unit_test(failures_do_not_end_the_others),
                                     cmocka_unit_test(the_program_must_start),
                                     cmocka_unit_test(an_interrupt_stops_all),
                                     cmocka_unit_test(seeds_have_mean_and_deviation),
                                     cmocka_unit_test(other_settings_are_refused),
                                     cmocka_unit_test(missing_data_skips_a_recipe),
                                     cmocka_unit_test(every_allocation_may_fail)};
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
