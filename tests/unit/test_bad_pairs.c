/* Bad parallel text from end to end: a training that cannot begin says why and leaves nothing, and a sentence that cannot be
 * translated does not stop the others. */
#include "unit/toy_text.h"

#include "base/file.h"

#include <rapt/rapt.h>
#include <sys/stat.h>
#include <zlib.h>

static char root[] = "/tmp/rapt-bad-pairs-XXXXXX";

static const char *path_of(const char *name) {
  static char paths[8][300];
  static int next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s/%s", root, name);
  return path;
}

static void append(const char *name, const char *bytes, size_t size) {
  FILE *f = fopen(path_of(name), "ab");
  assert_non_null(f);
  assert_int_equal(fwrite(bytes, 1, size, f), size);
  assert_int_equal(fclose(f), 0);
}

/* 5,000 words. */
static const char *lengthy(void) {
  static char line[5000 * 5 + 1];
  for (size_t i = 0; i + 5 < sizeof line; i += 5) memcpy(line + i, "mann ", 5);
  line[sizeof line - 2] = '\n';
  return line;
}

static void write_parts(void) {
  write_text(root, "text", "train", 0, 60);
  write_text(root, "text", "valid", 7, 20);
  write_text(root, "text", "test", 31, 10);
}

typedef struct heard {
  char notes[4000];
} heard;

static void hear(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  heard *h = user;
  size_t n = strlen(h->notes);
  (void)progress;
  if (event == RAPT_EVENT_NOTE) snprintf(h->notes + n, sizeof h->notes - n, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *extra, heard *h) {
  char data[300], out[300];
  const char *settings[] = {data,
                            out,
                            "model.width=16",
                            "model.embedding=16",
                            "model.attention_width=16",
                            "model.maxout=8",
                            "model.context=16",
                            "text.min_count=1",
                            "train.batch=8",
                            "train.steps=2",
                            "train.eval_every=0",
                            "train.save_every=0",
                            "train.sample_tokens=0",
                            "search.beam=1",
                            extra};
  snprintf(data, sizeof data, "data=%s/text", root);
  snprintf(out, sizeof out, "out=%s/run", root);
  rapt_run_result r;
  int count = sizeof settings / sizeof *settings;
  *h = (heard){{0}};
  return rapt_recipe_train(ctx, "bahdanau", settings, extra ? count : count - 1, hear, h, &r);
}

/* No more than the settings: the same command works once the text is mended. */
static void assert_nothing_is_left(void) { assert_true(rapt__dir_holds_only(path_of("run"), "run.json")); }

static void a_training_that_cannot_begin_says_why(void **state) {
  (void)state;
  static const struct {
    const char *file, *bytes;
    size_t size;
    const char *setting;
    rapt_status status;
    const char *part;
  } bad[] = {
      {"text/train.de", "hund\n", 5, NULL, RAPT_EFORMAT, "text/train.de has 61 lines and"},
      {"text/valid.en", "dog\n", 4, NULL, RAPT_EFORMAT, "text/valid.de has 20 lines and"},
      {"text/train.de", "hu\xFFnd", 5, NULL, RAPT_EFORMAT, "text/train.de has 61 lines"},
      {"text/test.en", "\xE4", 1, NULL, RAPT_EFORMAT, "has 10 lines and"},
      {NULL, NULL, 0, "model.vocabulary=5", RAPT_EINVAL, "model.vocabulary=5 does not fit the text's vocabulary of"},
      {NULL, NULL, 0, "model.source_vocabulary=99", RAPT_EINVAL, "model.source_vocabulary=99 does not fit"},
      {NULL, NULL, 0, "text.vocabulary=4", RAPT_EINVAL, "leave no word of the source text"},
      {NULL, NULL, 0, "text.min_count=5000", RAPT_EINVAL, "text.min_count=5000 leave no word"},
      {NULL, NULL, 0, "text.max_words=1", RAPT_EFORMAT, "no pair of sentences is left: all 60 have more than 1"},
      {NULL, NULL, 0, "model.context=4", RAPT_EINVAL, "raise model.context"},
      {NULL, NULL, 0, "text.target=fr", RAPT_ENOTFOUND, "no training text from de to fr"}};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  heard h;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_parts();
    if (bad[i].file) append(bad[i].file, bad[i].bytes, bad[i].size);
    assert_fails(ctx, train(ctx, bad[i].setting, &h), bad[i].status, bad[i].part);
    rapt_context_clear(ctx);
    assert_nothing_is_left();
  }
  close_context(&memory, ctx);
}

static void bytes_of_lines_are_named(void **state) {
  (void)state;
  static const struct {
    const char *file, *bytes;
    size_t size;
    const char *part;
  } bad[] = {{"text/train.en", "a \xFF b\n", 6, "text/train.en:61: byte 3 of the line is not UTF-8; convert"},
             {"text/valid.en", "do\0g\n", 5, "text/valid.en:21: byte 3 of the line is NUL"},
             {"text/test.en", "\xC3\n", 2, "text/test.en:11: byte 1 of the line is not UTF-8"}};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  heard h;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    char other[32];
    write_parts();
    append(bad[i].file, bad[i].bytes, bad[i].size);
    snprintf(other, sizeof other, "%.*s.de", (int)(strlen(bad[i].file) - 3), bad[i].file);
    append(other, "hund\n", 5);
    assert_fails(ctx, train(ctx, NULL, &h), RAPT_EFORMAT, bad[i].part);
    rapt_context_clear(ctx);
    assert_nothing_is_left();
  }
  close_context(&memory, ctx);
}

static void a_file_that_was_cut_off_is_named(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  heard h;
  write_parts();
  for (int i = 0; i < 2; i++) {
    char name[40], text[4000];
    snprintf(name, sizeof name, "text/train.%s", i ? "en" : "de");
    FILE *f = fopen(path_of(name), "r");
    size_t size = fread(text, 1, sizeof text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(unlink(path_of(name)), 0);
    strcat(name, ".gz");
    gzFile packed = gzopen(path_of(name), "wb");
    assert_int_equal(gzwrite(packed, text, (unsigned)size), size);
    assert_int_equal(gzclose(packed), Z_OK);
    for (int p = 0; p < 2; p++) { /* the other parts have the same form */
      char from[40], to[40];
      snprintf(from, sizeof from, "text/%s.%s", p ? "test" : "valid", i ? "en" : "de");
      snprintf(to, sizeof to, "text/%s.%s.gz", p ? "test" : "valid", i ? "en" : "de");
      assert_int_equal(rename(path_of(from), path_of(to)), 0);
    }
  }
  assert_int_equal(truncate(path_of("text/train.en.gz"), 60), 0);
  assert_fails(ctx, train(ctx, NULL, &h), RAPT_EFORMAT, "text/train.en.gz: content byte");
  rapt_context_clear(ctx);
  assert_nothing_is_left();
  static const char *const parts[] = {"train", "valid", "test"};
  for (int i = 0; i < 6; i++) {
    char name[40];
    snprintf(name, sizeof name, "text/%s.%s.gz", parts[i / 2], i % 2 ? "en" : "de");
    assert_int_equal(unlink(path_of(name)), 0);
  }
  close_context(&memory, ctx);
}

typedef struct outcome {
  rapt_status status[8];
  char message[8][200], text[8][200];
  int count;
} outcome;

static bool keep(void *user, const rapt_translation *t) {
  outcome *o = user;
  o->status[o->count] = t->status;
  snprintf(o->message[o->count], sizeof o->message[0], "%s", t->message);
  snprintf(o->text[o->count], sizeof o->text[0], "%s", t->count ? t->hypotheses[0].text : "");
  o->count++;
  return true;
}

/* The rest of a text with empty and endless lines is trained on and translated, and the model in the folder takes all of it. */
static void what_can_be_left_out_is(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const parts[] = {"train", "valid", "test"};
  heard h;
  write_parts();
  for (int i = 0; i < 6; i++) {
    char name[40];
    snprintf(name, sizeof name, "text/%s.%s", parts[i / 2], i % 2 ? "en" : "de");
    append(name, i % 2 ? "dog\ndog\n\n" : "\n \t\nhund\n", i % 2 ? 9 : 9);
    append(name, i % 2 ? "man\n" : lengthy(), i % 2 ? 4 : strlen(lengthy()));
    append(name, "\xE4\xB8\xAD \xF0\x9F\x98\x80\n", 9); /* unknown characters */
  }
  assert_ok(ctx, train(ctx, NULL, &h));
  static const char *const notes[] = {"training text: 3 pairs left out for a blank line",
                                      "1 pairs and 1 of validation too long",
                                      "test text: 1 sentences are longer than model.context"};
  for (int i = 0; i < 3; i++)
    if (!strstr(h.notes, notes[i])) fail_msg("\"%s\" is not in:\n%s", notes[i], h.notes);
  rapt_model *model;
  rapt_translator *translator;
  assert_ok(ctx, rapt_model_load(ctx, path_of("run"), &model));
  assert_ok(ctx, rapt_translator_new(&model, 1, &translator));
  const char *lines[] = {"hier ruft frau kind", "", lengthy(), "\xFF", "\xE4\xB8\xAD", "a\0b", "hier ruft frau kind"};
  size_t sizes[] = {19, 0, strlen(lengthy()) - 1, 1, 3, 3, 19};
  static const rapt_status wanted[] = {RAPT_OK, RAPT_OK, RAPT_EINVAL, RAPT_EFORMAT, RAPT_OK, RAPT_OK, RAPT_OK};
  rapt_translate_options options = {.first_line = 1};
  outcome o = {.count = 0};
  assert_ok(ctx, rapt_translate(translator, lines, sizes, 7, &options, keep, &o));
  assert_int_equal(o.count, 7);
  for (int i = 0; i < 7; i++) assert_int_equal(o.status[i], wanted[i]);
  assert_string_equal(o.text[0], o.text[6]);
  assert_string_equal(o.message[2],
                      "line 3: 5000 tokens and the end do not fit the model's context of 16; divide the line");
  assert_string_equal(o.message[3], "line 4: byte 0 is not valid UTF-8; convert the text with iconv");
  const char *targets[] = {"the man", "dog", "dog", "dog", lengthy(), "\xFF", ""};
  size_t target_sizes[] = {7, 3, 3, 3, strlen(lengthy()) - 1, 1, 0};
  o.count = 0;
  assert_ok(ctx, rapt_translate_score(translator, lines, sizes, targets, target_sizes, 7, &options, keep, &o));
  assert_string_equal(o.message[0], "");
  assert_string_equal(o.message[1], "line 2: the source is empty; leave the pair out");
  assert_non_null(strstr(o.message[2], "line 3: source: 5000 tokens"));
  assert_non_null(strstr(o.message[4], "line 5: target: 5000 tokens"));
  assert_non_null(strstr(o.message[5], "line 6: target: byte 0 is not valid UTF-8"));
  assert_string_equal(o.message[6], "");
  rapt_translator_free(translator);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  return setenv("RAPT_HOME", path_of("home"), 1) != 0 || mkdir(path_of("text"), 0700) != 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_training_that_cannot_begin_says_why), cmocka_unit_test(bytes_of_lines_are_named),
      cmocka_unit_test(a_file_that_was_cut_off_is_named), cmocka_unit_test(what_can_be_left_out_is)};
  return cmocka_run_group_tests_name("bad pairs", tests, make_root, remove_root);
}
