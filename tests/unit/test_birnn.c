/* Speech and series as they are read, sequences of frames, merged opinions, and the recipe birnn on made-up data. */
#include "unit/unit.h"

#include "base/file.h"
#include "data/digits.h"
#include "data/mfcc.h"
#include "data/series.h"
#include "recipes/birnn.h"

#include <math.h>
#include <rapt/rapt.h>
#include <zlib.h>

#include "unit/tar.h"

static char root[] = "/tmp/rapt-birnn-XXXXXX";

static const char *path_of(const char *name) {
  static char path[8][300];
  static int next;
  char *out = path[next++ % 8];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

static void write_file(const char *name, const void *data, size_t size) {
  gzFile file = gzopen(path_of(name), "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, data, (unsigned)size), size);
  assert_int_equal(gzclose(file), Z_OK);
}

/* ---- Made-up speech: digit k is a tone ---- */

enum { SAMPLES = 1200, SOUND = 44 + 2 * SAMPLES };

static void put(uint8_t *at, unsigned value, int bytes) {
  for (int i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void make_sound(uint8_t *wav, int digit, int take) {
  memcpy(wav, "RIFF....WAVEfmt ", 16);
  put(wav + 16, 16, 4);
  put(wav + 20, 1, 2);
  put(wav + 22, 1, 2);
  put(wav + 24, 8000, 4);
  put(wav + 28, 16000, 4);
  put(wav + 32, 2, 2);
  put(wav + 34, 16, 2);
  memcpy(wav + 36, "data", 4);
  put(wav + 40, 2 * SAMPLES, 4);
  unsigned random = (unsigned)(take * 131 + digit + 1);
  for (int i = 0; i < SAMPLES; i++) {
    random = random * 1103515245u + 12345u;
    double noise = (double)(random >> 16 & 0x7fff) / 32768 - 0.5;
    double tone = sin(2 * 3.14159265358979 * (300 + 330 * digit) * i / 8000);
    put(wav + 44 + 2 * i, (unsigned)(int)(9000 * tone + 3000 * noise), 2);
  }
}

static void write_recordings(const char *name, int last_take) {
  static tar t;
  static uint8_t wav[SOUND];
  const int takes[] = {0, 5, 10, last_take};
  tar_begin(&t);
  tar_add(&t, "recordings/readme.txt", '0', "tones");
  for (int i = 0; i < 4; i++)
    for (int digit = 0; digit < 10; digit++) {
      char member[60];
      snprintf(member, sizeof member, "recordings/%d_any_one_%d.wav", digit, takes[i]);
      make_sound(wav, digit, takes[i]);
      tar_add_bytes(&t, member, '0', wav, sizeof wav);
    }
  tar_end(&t);
  write_file(name, t.data, t.size);
}

/* ---- Made-up series: the label is the sign of the mean of the first channel, or none ---- */

static void write_series(const char *name, int count) {
  static char text[40000];
  size_t n = (size_t)sprintf(text, "# made up\n@problemName Signs\n@timeStamps false\n@classLabel true a b c\n@data\n");
  for (int i = 0; i < count; i++) {
    for (int channel = 0; channel < 2; channel++) {
      for (int t = 0; t < 4 + i % 3; t++)
        n += (size_t)sprintf(text + n, "%s%d.%d", t ? "," : "", channel == 0 ? (i % 3 - 1) * 2 : t % 2,
                             (i * 7 + t) % 10);
      n += (size_t)sprintf(text + n, ":");
    }
    n += (size_t)sprintf(text + n, "%c\n", 'a' + i % 3);
  }
  write_file(name, text, n);
}

static int make_root(void **state) {
  (void)state;
  char home[64];
  if (!mkdtemp(root)) return 1;
  snprintf(home, sizeof home, "%s/home", root);
  setenv("RAPT_HOME", home, 1);
  write_recordings("recordings.tar.gz", 11);
  write_series("JapaneseVowels_TRAIN.ts.gz", 60);
  write_series("JapaneseVowels_TEST.ts.gz", 30);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* ---- Readers ---- */

static void recordings_are_read_or_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__digits d;
  assert_ok(ctx, rapt__digits_read(ctx, path_of("recordings.tar.gz"), &d));
  assert_int_equal(d.count, 40);
  static const int takes[] = {0, 5, 10, 11};
  for (size_t i = 0; i < 40; i++) {
    assert_int_equal(d.at[i].digit, i % 10);
    assert_int_equal(d.at[i].take, takes[i / 10]);
    assert_int_equal(d.at[i].frames, 13); /* (1200 − 200) / 80 and one */
    assert_true(isfinite(d.at[i].x[13 * RAPT__MFCC_WIDTH - 1]));
  }
  rapt__digits_free(&d);
  static tar t;
  static const char *const bad[][3] = {
      {"1_a_0.wav", "no sound", "1_a_0.wav: does not begin as"}, {"1_a.wav", "RIFF....WAVE", "no member is named"},
      {"x_a_0.wav", "RIFF....WAVE", "no member is named"},       {"1_a_0x.wav", "RIFF....WAVE", "no member is named"},
      {"1_a_.wav", "RIFF....WAVE", "no member is named"},        {"12_a_0.wav", "RIFF....WAVE", "no member is named"}};
  static uint8_t wav[SOUND];
  make_sound(wav, 1, 0);
  put(wav + 24, 50, 4);
  tar_begin(&t);
  tar_add_bytes(&t, "1_a_0.wav", '0', wav, sizeof wav);
  tar_end(&t);
  write_file("slow.tar.gz", t.data, t.size);
  assert_fails(ctx, rapt__digits_read(ctx, path_of("slow.tar.gz"), &d), RAPT_EUNSUPPORTED, "50 samples a second");
  rapt__digits_free(&d);
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    tar_begin(&t);
    tar_add(&t, bad[i][0], '0', bad[i][1]);
    tar_end(&t);
    write_file("bad.tar.gz", t.data, t.size);
    assert_fails(ctx, rapt__digits_read(ctx, path_of("bad.tar.gz"), &d), RAPT_EFORMAT, bad[i][2]);
    rapt__digits_free(&d);
  }
  close_context(&memory, ctx);
}

static void series_are_read_or_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__series_set s;
  static const char good[] = "@classLabel true x y\r\n@data\r\n1,2,-3e-1:4,5,6:y\r\n7:8:x";
  write_file("good.ts", good, sizeof good - 1);
  assert_ok(ctx, rapt__series_read(ctx, path_of("good.ts"), &s));
  assert_true(s.count == 2 && s.channels == 2 && s.labels == 2);
  static const float values[] = {1, 4, 2, 5, -0.3f, 6};
  assert_int_equal(s.at[0].frames, 3);
  assert_memory_equal(s.at[0].x, values, sizeof values);
  assert_true(s.at[0].label == 1 && s.at[1].label == 0 && s.at[1].frames == 1 && s.at[1].x[1] == 8);
  rapt__series_free(&s);
  static const char *const bad[][2] = {{"@classLabel false\n@data\n", ":1: series without class labels"},
                                       {"@timeStamps true\n", "with times"},
                                       {"1:2\n", ":1: values before @data"},
                                       {"@classLabel true x\n@data\n1,2:1:x\n", ":3: channel 1 has 1 values"},
                                       {"@classLabel true x\n@data\n1:1:x\n1:x\n", ":4: 1 channels, 2"},
                                       {"@classLabel true x\n@data\n1,?:1,2:x\n", "channel 0, value 1 is not a number"},
                                       {"@classLabel true x\n@data\nnan:x\n", "is not a number"},
                                       {"@classLabel true x\n@data\n1 2:x\n", "is not a number"},
                                       {"@classLabel true x\n@data\n1:z\n", "label \"z\" is not behind"},
                                       {"@classLabel true x\n@data\nx\n", "no colon"},
                                       {"@classLabel true x\n@data\n", "no series"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    write_file("bad.ts", bad[i][0], strlen(bad[i][0]));
    rapt_status status = rapt__series_read(ctx, path_of("bad.ts"), &s);
    assert_true(status == RAPT_EFORMAT || status == RAPT_EUNSUPPORTED);
    if (!strstr(rapt_context_message(ctx), bad[i][1])) fail_msg("%s: %s", bad[i][1], rapt_context_message(ctx));
    rapt_context_clear(ctx);
    rapt__series_free(&s);
  }
  close_context(&memory, ctx);
}

/* ---- Merged opinions, by hand ---- */

static void opinions_are_merged(void **state) {
  (void)state;
  rapt__sequence one = {.frames = 2, .labels = (const int32_t[]){0, 1}};
  rapt__birnn_task task = {.test = {.at = &one, .count = 1}, .outputs = 2};
  /* Probabilities 0.9 and 0.1, then 0.5 and 0.5; logits are right up to a constant. */
  const float a[] = {(float)log(9), 0, 3, 3},
              b[] = {(float)log(0.01), (float)log(0.99), (float)log(0.2), (float)log(0.8)};
  float out[4];
  rapt__birnn_pool(&task, a, b, false, out);
  assert_true(fabs(exp((double)out[0]) - (0.9 + 0.01) / 2) < 1e-6 && fabs(exp((double)out[3]) - 0.65) < 1e-6);
  rapt__birnn_pool(&task, a, b, true, out);
  /* √(0.9 · 0.01) to √(0.1 · 0.99) */
  assert_true(fabs(exp((double)(out[0] - out[1])) - sqrt(0.9 * 0.01 / (0.1 * 0.99))) < 1e-6);
  assert_true(rapt__birnn_errors(&task, a) == 0.5); /* of equal outputs the first wins */
  assert_true(rapt__birnn_errors(&task, b) == 0.5);
  assert_true(rapt__birnn_errors(&task, out) == 0.5);
}

/* ---- The recipe ---- */

typedef struct told {
  char results[8000];
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  (void)progress;
  size_t used = strlen(t->results);
  if (event == RAPT_EVENT_RESULT) snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *const *extra, int count, told *t,
                         rapt_run_result *result) {
  char data[310], vowels[320], out[310];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(vowels, sizeof vowels, "birnn.vowels=%s", root);
  snprintf(out, sizeof out, "out=%s", path_of(name));
  const char *settings[20] = {data,
                              vowels,
                              out,
                              "birnn.units=4",
                              "train.steps=40",
                              "train.lr=0.02",
                              "train.warmup=4",
                              "train.batch=5",
                              "train.eval_every=20"};
  int n = 9;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  t->results[0] = 0;
  return rapt_recipe_train(ctx, "birnn", settings, n, listen, t, result);
}

static char *read_file(const char *name) {
  char *data = calloc(1, 1 << 20);
  FILE *f = fopen(path_of(name), "rb");
  if (!f) fail_msg("%s is missing", path_of(name));
  assert_non_null(data);
  assert_true(fread(data, 1, (1 << 20) - 1, f) > 0);
  fclose(f);
  return data;
}

static double error_of(const char *csv, const char *start) {
  const char *line = strstr(csv, start);
  if (!line) fail_msg("%s is not in:\n%s", start, csv);
  return strtod(line + strlen(start), NULL);
}

static void the_recipe_runs(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_ok(ctx, train(ctx, "whole", NULL, 0, &t, &r));
  assert_false(r.interrupted || r.passed); /* settings were changed */
  char *csv = read_file("whole/errors.csv"), *page = read_file("whole/report.html");
  /* The answers' variance is about 0.0022; tones tell digits apart, and means speakers. */
  assert_true(error_of(csv, "regression,both,0,") < 0.01);
  assert_true(error_of(csv, "digits,both,0,") < 0.5);
  assert_true(error_of(csv, "digits,linear pool,0,") < 0.5);
  assert_true(error_of(csv, "vowels,both,0,") < 0.1);
  assert_true(fabs(r.figure - error_of(csv, "regression,both,0,")) < 1e-6);
  static const char *const lines[] = {"regression: the delay has an optimum", "digits: bidirectional",
                                      "digits: one net of both directions errs less than two nets merged",
                                      "vowels: the bidirectional net knows at least 96 % of the speakers",
                                      "not judged"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (!strstr(t.results, lines[i])) fail_msg("\"%s\" is not in:\n%s", lines[i], t.results);
  assert_non_null(strstr(page, "delay of the answer (frames)"));
  assert_non_null(strstr(page, "forward and backward merged"));
  free(csv);
  free(page);
  free(read_file("whole/regression.svg"));
  free(read_file("whole/digits.svg"));
  free(read_file("whole/digits/both/model.safetensors"));
  close_context(&memory, ctx);
}

static void a_stopped_run_goes_on_to_the_same_bits(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 3);
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=25"}, 1, &t, &r));
  assert_true(r.interrupted);
  assert_ok(ctx, rapt_recipe_resume(ctx, path_of("parts"), NULL, 0, listen, &t, &r));
  assert_false(r.interrupted);
  char *a = read_file("whole/errors.csv"), *b = read_file("parts/errors.csv");
  assert_string_equal(a, b);
  free(a);
  free(b);
  close_context(&memory, ctx);
}

static void bad_data_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  static told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const digits = "birnn.experiment=digits";
  assert_fails(ctx, train(ctx, "e1", (const char *const[]){digits, "train.batch=21"}, 2, &t, &r), RAPT_EINVAL,
               "20 training sequences do not fill a batch of 21");
  assert_fails(ctx, train(ctx, "e2", (const char *const[]){digits, "data=/nowhere/at/all"}, 2, &t, &r), RAPT_ENOTFOUND,
               "/nowhere/at/all/recordings.tar.gz");
  assert_fails(
      ctx, train(ctx, "e3", (const char *const[]){"birnn.experiment=vowels", "birnn.vowels=/nowhere/at"}, 2, &t, &r),
      RAPT_ENOTFOUND, "/nowhere/at/JapaneseVowels_TRAIN.ts.gz");
  static tar one;
  static uint8_t wav[SOUND];
  tar_begin(&one);
  make_sound(wav, 1, 10);
  tar_add_bytes(&one, "1_a_10.wav", '0', wav, sizeof wav);
  tar_end(&one);
  write_file("one.tar.gz", one.data, one.size);
  char data[320];
  snprintf(data, sizeof data, "data=%s", path_of("one.tar.gz"));
  assert_fails(ctx, train(ctx, "e4", (const char *const[]){digits, data}, 2, &t, &r), RAPT_EFORMAT,
               "0 for validation (takes 5 to 9)");
  close_context(&memory, ctx);
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static told t;
  static const char *const few[] = {"train.steps=1", "birnn.recordings=10"};
  counted_memory memory;
  long calls = 0, tried = 0;
  for (long at = 0; at <= calls; at += at ? 1 + calls / 60 : 1) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "memory-%ld", at);
    memory.fail_at = at ? memory.calls + at : 0;
    long before = memory.calls;
    rapt_status status = train(ctx, name, few, 2, &t, &r);
    if (at == 0) {
      assert_ok(ctx, status);
      calls = memory.calls - before;
    } else {
      assert_int_equal(status, RAPT_ENOMEM);
      tried++;
    }
    close_context(&memory, ctx);
  }
  assert_true(tried > 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(recordings_are_read_or_refused),
      cmocka_unit_test(series_are_read_or_refused),
      cmocka_unit_test(opinions_are_merged),
      cmocka_unit_test(the_recipe_runs),
      cmocka_unit_test(a_stopped_run_goes_on_to_the_same_bits),
      cmocka_unit_test(bad_data_are_refused),
      cmocka_unit_test(failing_memory_is_reported),
  };
  return cmocka_run_group_tests_name("birnn", tests, make_root, remove_root);
}
