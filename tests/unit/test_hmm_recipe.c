/* The recipe hmm on small made-up data: what it says, the models it leaves, its explanation, and what it refuses. */
#include "unit/unit.h"

#include "base/file.h"
#include "recipes/hmm.h"

#include <jansson.h>
#include <math.h>
#include <rapt/rapt.h>
#include <zlib.h>

static char root[] = "/tmp/rapt-hmm-XXXXXX";

/* ---- Made-up data ---- */

static void write_file(const char *name, const char *text) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", root, name);
  bool packed = strstr(name, ".gz") != NULL;
  gzFile file = gzopen(path, packed ? "wb" : "wbT"); /* T: as it is */
  assert_non_null(file);
  assert_int_equal(gzwrite(file, text, (unsigned)strlen(text)), strlen(text));
  assert_int_equal(gzclose(file), Z_OK);
}

static unsigned pick(unsigned *state, unsigned below) {
  *state = *state * 1103515245u + 12345u;
  return (*state >> 16) % below;
}

/* Syllables of a consonant and a vowel, in words and paragraphs. */
static void write_letters(void) {
  static char text[20000];
  size_t at = 0;
  unsigned random = 5;
  while (at < 9000) {
    for (unsigned i = pick(&random, 3) + 1; i > 0; i--) {
      text[at++] = "bcdfghklmnprstvw"[pick(&random, 16)];
      text[at++] = "aeiou"[pick(&random, 5)];
    }
    text[at++] = pick(&random, 12) ? ' ' : '\n';
    if (text[at - 1] == '\n' && pick(&random, 2)) text[at++] = '\n';
  }
  write_file("letters.txt", text);
}

/* Two harmonies, each for a few steps; every song in a key of its own, which its last note tells. */
static void write_songs(const char *name, bool broken) {
  static char text[60000];
  size_t at = 0;
  unsigned random = 7;
  at += (size_t)sprintf(text, "{");
  for (int part = 0; part < 2; part++) {
    at += (size_t)sprintf(text + at, "%s\"%s\": [", part ? ", " : "", part ? "valid" : "train");
    for (int song = 0; song < 12; song++) {
      int key = 48 + (int)pick(&random, 12), now = 0;
      at += (size_t)sprintf(text + at, "%s[", song ? ", " : "");
      for (int t = 0; t < 40; t++) {
        if (pick(&random, 6) == 0) now = !now;
        int base = key + (now ? 5 : 0) + (pick(&random, 5) ? 0 : 2);
        at += (size_t)sprintf(text + at, "[%d, %d, %d], ", base, base + 4, base + 7);
      }
      at += (size_t)sprintf(text + at, "[%d, %d], []]", broken ? 300 : key, key + 7);
    }
    at += (size_t)sprintf(text + at, "]");
  }
  sprintf(text + at, "}");
  write_file(name, text);
}

static void add_word(char *text, size_t *at, int number, const char *form, const char *tag) {
  *at += (size_t)sprintf(text + *at, "%d\t%s\t_\t%s\t_\t_\t_\t_\t_\t_\n", number, form, tag);
}

/* "the dog runs ." with nouns on -er, verbs on -ed, and "fish", which is both. */
static void write_sentences(const char *name, unsigned random, int sentences) {
  static const char *const nouns[] = {"baker", "singer", "fish", "writer"}, *const verbs[] = {"baked", "fish",
                                                                                              "jumped"};
  static char text[60000];
  char form[32];
  size_t at = 0;
  for (int i = 0; i < sentences; i++) {
    add_word(text, &at, 1, pick(&random, 2) ? "the" : "a", "DET");
    snprintf(form, sizeof form, "m%u%s", pick(&random, 40) + 10, "er");
    add_word(text, &at, 2, pick(&random, 3) ? nouns[pick(&random, 4)] : form, "NOUN");
    add_word(text, &at, 3, verbs[pick(&random, 3)], "VERB");
    add_word(text, &at, 4, ".", "PUNCT");
    at += (size_t)sprintf(text + at, "\n");
  }
  write_file(name, text);
}

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return -1;
  char path[64];
  snprintf(path, sizeof path, "%s/home", root);
  if (setenv("RAPT_HOME", path, 1) != 0) return -1;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const folders[] = {"songs", "broken", "ud-english-ewt"};
  for (int i = 0; i < 3; i++) {
    snprintf(path, sizeof path, "%s/%s", root, folders[i]);
    assert_ok(ctx, rapt__make_dirs(ctx, path));
  }
  close_context(&memory, ctx);
  write_letters();
  write_songs("songs/jsb-chorales-quarter.json", false);
  write_songs("broken/jsb-chorales-quarter.json", true);
  write_sentences("ud-english-ewt/en_ewt-ud-train.conllu.gz", 3, 200);
  write_sentences("ud-english-ewt/en_ewt-ud-test.conllu.gz", 4, 50);
  return setenv("RAPT_DATA", root, 1);
}

static int remove_root(void **state) {
  (void)state;
  char command[64];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* ---- Runs ---- */

typedef struct heard {
  int holds, fails, progress;
  rapt_context *stop; /* interrupted at the first progress */
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  if (event == RAPT_EVENT_PROGRESS) {
    h->progress++;
    assert_true(progress->step >= 1 && progress->step <= progress->steps && progress->seconds_left >= 0);
    if (h->stop) rapt_context_interrupt(h->stop);
  }
  if (event != RAPT_EVENT_RESULT) return;
  print_message("%s\n", text);
  h->holds += strstr(text, ": holds") != NULL;
  h->fails += strstr(text, "does not hold") != NULL;
}

static rapt_status train(rapt_context *ctx, const char *out, const char *songs, const char *more, heard *h,
                         rapt_run_result *result) {
  char settings[4][300];
  const char *all[7] = {settings[0],      settings[1],         settings[2], settings[3],
                        "hmm.guesses=16", "hmm.most_states=4", more};
  snprintf(settings[0], sizeof settings[0], "data=%s/letters.txt", root);
  snprintf(settings[1], sizeof settings[1], "out=%s/%s", root, out);
  snprintf(settings[2], sizeof settings[2], "hmm.chords=%s/%s", root, songs);
  snprintf(settings[3], sizeof settings[3], "hmm.treebank=%s/ud-english-ewt", root);
  return rapt_recipe_train(ctx, "hmm", all, more ? 7 : 6, hear, h, result);
}

static json_t *load(const char *run, const char *name) {
  char path[300];
  json_error_t error;
  snprintf(path, sizeof path, "%s/%s/%s", root, run, name);
  json_t *json = json_load_file(path, JSON_REJECT_DUPLICATES, &error);
  if (!json) fail_msg("%s: %s", path, error.text);
  return json;
}

/* Rows that sum to one, as many as there are states. */
static void check_rows(const json_t *json, const char *key) {
  const json_t *rows = json_object_get(json, key), *row;
  size_t i, j;
  assert_int_equal(json_array_size(rows), json_array_size(json_object_get(json, "states")));
  json_array_foreach(rows, i, row) {
    double sum = 0;
    for (j = 0; j < json_array_size(row); j++) sum += json_number_value(json_array_get(row, j));
    assert_true(fabs(sum - 1) < 1e-9);
  }
}

static void models_are_left(const char *run) {
  static const char *const discrete[] = {"weather.json", "letters.json", "chords.json"};
  for (int i = 0; i < 3; i++) {
    json_t *json = load(run, discrete[i]);
    assert_string_equal(json_string_value(json_object_get(json, "format")), "rapt-hmm");
    check_rows(json, "step");
    check_rows(json, "emit");
    json_decref(json);
  }
  json_t *json = load(run, "gaussian-mixture.json");
  check_rows(json, "weights");
  assert_int_equal(json_array_size(json_object_get(json, "covariances")), 3);
  json_decref(json);
  json = load(run, "tagger.json");
  check_rows(json, "step");
  const json_t *fish = json_object_get(json_object_get(json, "words"), "fish");
  assert_true(json_integer_value(json_object_get(fish, "NOUN")) > 10);
  assert_true(json_integer_value(json_object_get(fish, "VERB")) > 10);
  json_decref(json);
}

static void everything_is_done(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt_run_result result;
  heard h = {0};
  char page[80];
  assert_ok(ctx, train(ctx, "run", "songs", NULL, &h, &result));
  assert_int_equal(h.holds, 11); /* weather 3, Gaussians 2, letters 2, chords 2, tags 2 */
  assert_int_equal(h.fails, 0);
  assert_true(h.progress >= 1);
  assert_false(result.passed); /* settings were changed: not judged */
  assert_true(result.figure > 99);
  models_are_left("run");
  snprintf(page, sizeof page, "%s/run/report.html", root);
  assert_true(rapt__file_exists(page));
  close_context(&memory, ctx);
}

static void an_interrupt_ends_it(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result;
  heard h = {.stop = ctx};
  assert_fails(ctx, train(ctx, "stopped", "songs", NULL, &h, &result), RAPT_EINTERRUPTED, "stopped after");
  assert_true(result.interrupted);
  close_context(&memory, ctx);
}

static void bad_data_is_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt_run_result result;
  heard h = {0};
  assert_fails(ctx, train(ctx, "bad1", "broken", "hmm.experiment=chords", &h, &result), RAPT_EFORMAT, "song 0 is not");
  assert_fails(ctx, train(ctx, "bad2", "home", "hmm.experiment=chords", &h, &result), RAPT_ENOTFOUND, "home");
  char none[300];
  snprintf(none, sizeof none, "hmm.treebank=%s/songs", root);
  const char *settings[] = {"hmm.experiment=tags", none, NULL};
  char out[300];
  snprintf(out, sizeof out, "out=%s/bad3", root);
  settings[2] = out;
  assert_fails(ctx, rapt_recipe_train(ctx, "hmm", settings, 3, hear, &h, &result), RAPT_ENOTFOUND, "hmm.treebank");
  close_context(&memory, ctx);
}

/* ---- The explanation ---- */

typedef struct walked {
  rapt__text text;
} walked;

static void keep(void *user, rapt_explain_part part, const char *text) {
  walked *w = user;
  (void)part;
  assert_int_equal(rapt__text_add(&w->text, text, strlen(text)), RAPT_OK);
  assert_int_equal(rapt__text_add(&w->text, "\n", 1), RAPT_OK);
}

static void the_walk_is_right(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  walked w;
  rapt__text_init(&w.text, ctx);
  assert_ok(ctx, rapt_recipe_explain(ctx, "hmm", NULL, keep, &w));
  /* alpha_1 = 2/3 · 0.8; alpha_2(sunny) = (0.5333 · 0.8 + 0.1333 · 0.4) · 0.8 */
  assert_non_null(strstr(w.text.data, "alpha_1(sunny) = 0.6667 x 0.80 = 0.533333"));
  assert_non_null(strstr(w.text.data, "alpha_2(sunny) = (0.533333 x 0.80 + 0.133333 x 0.40) x 0.80 = 0.384000"));
  assert_non_null(strstr(w.text.data, "log delta"));
  w.text.size = 0;
  rapt_explain_options options = {.sentence = "the blorker jumped.", .seed = 1};
  assert_ok(ctx, rapt_recipe_explain(ctx, "hmm", &options, keep, &w));
  assert_non_null(strstr(w.text.data, "\"blorker\" never stood there"));
  assert_non_null(strstr(w.text.data, "blorker          NOUN       from DET"));
  assert_non_null(strstr(w.text.data, "jumped           VERB       from NOUN"));
  options.sentence = "   ";
  assert_fails(ctx, rapt_recipe_explain(ctx, "hmm", &options, keep, &w), RAPT_EKEY, "no words");
  options.sentence = "a\tb";
  assert_fails(ctx, rapt_recipe_explain(ctx, "hmm", &options, keep, &w), RAPT_EKEY, "byte 1");
  options.sentence = "a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a a";
  assert_fails(ctx, rapt_recipe_explain(ctx, "hmm", &options, keep, &w), RAPT_EKEY, "more than 40");
  rapt__text_free(&w.text);
  close_context(&memory, ctx);
}

/* From some failing allocation on, nothing is left behind. */
static void memory_runs_out(void **state) {
  (void)state;
  long failures = 0;
  for (long at = 1;; at += at / 6 + 1) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char out[32];
    rapt_run_result result;
    snprintf(out, sizeof out, "fails-%ld", at);
    memory.fail_at = memory.calls + at;
    char settings[4][300];
    snprintf(settings[0], sizeof settings[0], "data=%s/letters.txt", root);
    snprintf(settings[1], sizeof settings[1], "out=%s/%s", root, out);
    snprintf(settings[2], sizeof settings[2], "hmm.chords=%s/songs", root);
    snprintf(settings[3], sizeof settings[3], "hmm.treebank=%s/ud-english-ewt", root);
    const char *all[] = {settings[0],     settings[1],          settings[2],         settings[3],
                         "hmm.guesses=1", "hmm.first_rounds=1", "hmm.most_states=2", "hmm.rounds=1"};
    rapt_status status = rapt_recipe_train(ctx, "hmm", all, 8, NULL, NULL, &result);
    memory.fail_at = 0;
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 20);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(everything_is_done),  cmocka_unit_test(an_interrupt_ends_it),
      cmocka_unit_test(bad_data_is_refused), cmocka_unit_test(the_walk_is_right),
      cmocka_unit_test(memory_runs_out),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
