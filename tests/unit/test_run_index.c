/* Runs of recipes in the index: noted at start and end, found again when they go on, and never the worse for a bad index. */
#include "unit/unit.h"

#include "base/file.h"

#include <math.h>
#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-run-index-XXXXXX";

static void set_home(const char *name) {
  char home[64];
  snprintf(home, sizeof home, "%s/%s", root, name);
  setenv("RAPT_HOME", home, 1);
}

static int make_root(void **state) {
  (void)state;
  char path[64];
  if (!mkdtemp(root)) return 1;
  snprintf(path, sizeof path, "%s/text", root);
  FILE *f = fopen(path, "w");
  for (int i = 0; f && i < 60; i++) fprintf(f, "ab %d cd %d.\n", i, i % 3);
  return !f || fclose(f) != 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

typedef struct told {
  int notes; /* about the index */
  char note[500];
  rapt_context *interrupt; /* stops as soon as it is told anything */
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  (void)progress;
  if (t->interrupt) rapt_context_interrupt(t->interrupt);
  if (event != RAPT_EVENT_NOTE || !strstr(text, "index of runs")) return;
  t->notes++;
  snprintf(t->note, sizeof t->note, "%s", text);
}

static rapt_status try_train(rapt_context *ctx, const char *name, const char *extra, told *t, rapt_run_result *result) {
  char data[64], out[64];
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  const char *settings[] = {data,
                            out,
                            "model.layers=1",
                            "model.width=8",
                            "model.heads=2",
                            "model.context=8",
                            "train.batch=1",
                            "train.steps=6",
                            "train.warmup=0",
                            "train.evals=1",
                            "train.eval_every=2",
                            "train.sample_tokens=0",
                            "seed=3",
                            extra};
  return rapt_recipe_train(ctx, "gpt", settings, extra ? 14 : 13, listen, t, result);
}

/* The only run in this directory. */
static rapt_run_list *find(rapt_context *ctx, const char *name) {
  char dir[64];
  rapt_run_list *list;
  snprintf(dir, sizeof dir, "%s/%s", root, name);
  assert_ok(ctx, rapt_runs_find(ctx, dir, &list));
  return list;
}

static void a_run_is_noted(void **state) {
  (void)state;
  set_home("noted");
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t = {0};
  rapt_run_result result;
  assert_ok(ctx, try_train(ctx, "one", NULL, &t, &result));
  assert_int_equal(t.notes, 0);
  rapt_run_list *list = find(ctx, "one");
  const rapt_run_record *r = list->runs;
  assert_int_equal(strlen(r->id), 16);
  assert_string_equal(r->recipe, "gpt");
  assert_string_equal(r->version, rapt_version());
  assert_int_equal(r->state, RAPT_RUN_DONE);
  assert_int_equal(r->mark, RAPT_MARK_NOT_JUDGED); /* settings were changed */
  assert_true(r->steps == 6 && r->seed == 3 && r->seconds > 0 && r->seconds < 100);
  assert_true(r->figure == result.figure && fabs(r->loss - r->figure) < 1e-6 && r->best <= r->loss);
  assert_int_equal(strlen(r->started), 20);
  assert_true(strcmp(r->started, r->ended) <= 0);
  assert_non_null(strstr(r->settings, "\"model.layers\":\"1\""));
  assert_null(strstr(r->settings, "train.lr"));
  assert_null(strstr(r->settings, "seed"));
  rapt_run_list_free(ctx, list);
  close_context(&memory, ctx);
}

static void stopping_and_going_on(void **state) {
  (void)state;
  set_home("resumed");
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t = {0};
  rapt_run_result result;
  char dir[64], copy[64], command[200], id[65];
  snprintf(dir, sizeof dir, "%s/parts", root);
  assert_ok(ctx, try_train(ctx, "parts", "train.stop_at=3", &t, &result));
  assert_true(isnan(result.figure));
  rapt_run_list *list = find(ctx, "parts");
  assert_int_equal(list->runs->state, RAPT_RUN_STOPPED);
  assert_true(list->runs->steps == 3 && isnan(list->runs->figure));
  double seconds = list->runs->seconds;
  snprintf(id, sizeof id, "%s", list->runs->id);
  rapt_run_list_free(ctx, list);
  /* A copy of the directory is another run from the moment it goes on. */
  snprintf(copy, sizeof copy, "%s/copy", root);
  snprintf(command, sizeof command, "cp -r '%s' '%s'", dir, copy);
  assert_int_equal(system(command), 0);
  assert_ok(ctx, rapt_recipe_resume(ctx, dir, NULL, 0, listen, &t, &result));
  assert_ok(ctx, rapt_recipe_resume(ctx, copy, NULL, 0, listen, &t, &result));
  list = find(ctx, "parts");
  assert_string_equal(list->runs->id, id);
  assert_int_equal(list->runs->state, RAPT_RUN_DONE);
  assert_true(list->runs->steps == 6 && list->runs->figure == result.figure && list->runs->seconds > seconds);
  rapt_run_list_free(ctx, list);
  list = find(ctx, "copy");
  assert_string_not_equal(list->runs->id, id);
  rapt_run_list_free(ctx, list);
  /* One that was moved stays the same run. */
  snprintf(command, sizeof command, "mv '%s' '%s-moved'", dir, dir);
  assert_int_equal(system(command), 0);
  snprintf(dir, sizeof dir, "%s/parts-moved", root);
  assert_ok(ctx, rapt_recipe_resume(ctx, dir, NULL, 0, listen, &t, &result));
  list = find(ctx, "parts-moved");
  assert_string_equal(list->runs->id, id);
  rapt_run_list_free(ctx, list);
  assert_ok(ctx, rapt_runs_list(ctx, NULL, 0, &list));
  assert_int_equal(list->count, 2);
  rapt_run_list_free(ctx, list);
  assert_int_equal(t.notes, 0);
  close_context(&memory, ctx);
}

static void expect_end(const char *name, const char *extra, bool interrupt, rapt_run_state wanted) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t = {.interrupt = interrupt ? ctx : NULL};
  rapt_run_result result;
  rapt_status status = try_train(ctx, name, extra, &t, &result);
  assert_true((status == RAPT_OK) == (wanted == RAPT_RUN_STOPPED));
  if (status != RAPT_OK) assert_non_null(strstr(rapt_context_message(ctx), "too short")); /* and not the index's */
  rapt_context_clear(ctx);
  rapt_run_list *list = find(ctx, name);
  assert_int_equal(list->runs->state, wanted);
  assert_true(isnan(list->runs->figure));
  rapt_run_list_free(ctx, list);
  close_context(&memory, ctx);
}

static void other_ends(void **state) {
  (void)state;
  set_home("ends");
  expect_end("failing", "model.context=100000", false, RAPT_RUN_FAILED);
  expect_end("interrupted", NULL, true, RAPT_RUN_STOPPED);
}

/* run.json comes from outside: an id that is none of ours is replaced. */
static void a_wrong_id_is_not_taken(void **state) {
  (void)state;
  set_home("ids");
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t = {0};
  rapt_run_result result;
  char path[96], dir[64], *text;
  size_t size;
  assert_ok(ctx, try_train(ctx, "ids-run", "train.stop_at=2", &t, &result));
  snprintf(dir, sizeof dir, "%s/ids-run", root);
  snprintf(path, sizeof path, "%s/run.json", dir);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 20, &text, &size));
  char *id = strstr(text, "\"id\": \"");
  assert_non_null(id);
  memcpy(id + 7, "../../../../../e", 16);
  assert_ok(ctx, rapt__file_replace(ctx, path, text, size));
  rapt__free(ctx, text);
  assert_ok(ctx, rapt_recipe_resume(ctx, dir, NULL, 0, listen, &t, &result));
  assert_int_equal(t.notes, 0);
  rapt_run_list *list = find(ctx, "ids-run");
  assert_int_equal(strspn(list->runs->id, "0123456789abcdef"), 16);
  rapt_run_list_free(ctx, list);
  close_context(&memory, ctx);
}

static void a_bad_index_is_only_a_note(void **state) {
  (void)state;
  set_home("text"); /* a file */
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  told t = {0};
  rapt_run_result result;
  assert_ok(ctx, try_train(ctx, "unnoted", NULL, &t, &result));
  assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  assert_string_equal(rapt_context_message(ctx), "");
  assert_int_equal(t.notes, 1); /* once a run */
  assert_non_null(strstr(t.note, "/text"));
  assert_true(isfinite(result.figure));
  close_context(&memory, ctx);
}

/* Only one allocation fails: where it is the index's, the run is none the worse. */
typedef struct one_fails {
  counted_memory memory;
  long at;
} one_fails;

static void *fail_one(void *user, void *old, size_t size) {
  one_fails *f = user;
  if (size && f->memory.calls + 1 == f->at) {
    f->memory.calls++;
    return NULL;
  }
  return counted_alloc(&f->memory, old, size);
}

static rapt_status train_failing(long at, long *calls, told *t) {
  one_fails f = {.at = 0};
  rapt_context *ctx;
  rapt_run_result result;
  char name[32];
  snprintf(name, sizeof name, "one-%ld", at);
  rapt_options options = {.alloc = fail_one, .alloc_user = &f, .threads = 1};
  assert_int_equal(rapt_context_new(&ctx, &options), RAPT_OK);
  long before = f.memory.calls;
  f.at = at ? before + at : 0;
  rapt_status status = try_train(ctx, name, NULL, t, &result);
  if (status == RAPT_OK) assert_int_equal(rapt_context_status(ctx), RAPT_OK);
  *calls = f.memory.calls - before;
  rapt_context_free(ctx);
  assert_int_equal(f.memory.live, 0);
  return status;
}

static bool is_in_index(long at) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  char name[32];
  snprintf(name, sizeof name, "one-%ld", at);
  rapt_run_list *list = find(ctx, name);
  bool found = list->runs->state == RAPT_RUN_DONE;
  rapt_run_list_free(ctx, list);
  close_context(&memory, ctx);
  return found;
}

static void memory_of_the_index(void **state) {
  (void)state;
  set_home("memory");
  long all, calls, first = 1, noted = 0;
  told t = {0};
  assert_int_equal(train_failing(0, &all, &t), RAPT_OK);
  for (long at = first; at <= all; at = at == 40 ? all - 9 : at + 1) {
    t = (told){0};
    rapt_status status = train_failing(at, &calls, &t);
    if (status != RAPT_OK) assert_int_equal(status, RAPT_ENOMEM);
    noted += status == RAPT_OK && t.notes;
    /* Without its machine code a pattern is only slower: nothing is to be told, and the run is in the index. */
    if (status == RAPT_OK && !t.notes) assert_true(is_in_index(at));
  }
  assert_true(noted >= 8); /* paths and folders of two entries, and the settings of the first */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_run_is_noted),
      cmocka_unit_test(stopping_and_going_on),
      cmocka_unit_test(other_ends),
      cmocka_unit_test(a_wrong_id_is_not_taken),
      cmocka_unit_test(a_bad_index_is_only_a_note),
      cmocka_unit_test(memory_of_the_index),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
