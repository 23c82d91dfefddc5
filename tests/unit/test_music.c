/* Music: MIDI and WAV files byte by byte, piano rolls out of JSON, pieces that a model writes, and the recipe
 * gru-music on a made-up set of pieces. */
#include "unit.h"

#include "base/file.h"
#include "data/chorales.h"
#include "formats/midi.h"
#include "formats/wav.h"

#include <math.h>
#include <rapt/rapt.h>

static char root[] = "/tmp/rapt-music-XXXXXX";

static int make_root(void **state) {
  (void)state;
  char home[64];
  if (!mkdtemp(root)) return 1;
  snprintf(home, sizeof home, "%s/home", root);
  setenv("RAPT_HOME", home, 1);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

static const char *path_of(const char *name) {
  static char path[8][300];
  static int next;
  char *out = path[next++ % 8];
  snprintf(out, sizeof path[0], "%s/%s", root, name);
  return out;
}

/* ---- MIDI ---- */

/* A4 for two frames, then a rest, then A4 and C5 for one. */
static void midi_is_what_the_format_says(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  uint8_t sounds[4 * RAPT_ROLL_NOTES] = {0};
  rapt_roll roll = {4, sounds};
  for (int t = 0; t < 4; t++) sounds[t * RAPT_ROLL_NOTES + 69 - 21] = t != 2;
  sounds[3 * RAPT_ROLL_NOTES + 72 - 21] = 1;
  static const uint8_t wanted[] = {
      'M',  'T',  'h',  'd', 0,  0,    0,  6,  0,    0,    0, 1,    0,    96,   'M',
      'T',  'r',  'k',  0,   0,  0,    36, 0,  0xff, 0x51, 3, 0x07, 0xa1, 0x20, /* 500,000 microseconds: 120 a minute */
      0,    0x90, 69,   80,                                                     /* on */
      0x81, 0x40, 0x80, 69,  80,                                                /* off after 192 ticks */
      96,   0x90, 69,   80,  0,  0x90, 72, 80,                                  /* both on after 96 */
      96,   0x80, 69,   80,  0,  0x80, 72, 80,                                  /* both off after 96 */
      0,    0xff, 0x2f, 0};
  rapt__text text;
  rapt__text_init(&text, ctx);
  assert_ok(ctx, rapt__midi_write(&text, &roll, 120));
  assert_int_equal(text.size, sizeof wanted);
  assert_memory_equal(text.data, wanted, sizeof wanted);
  assert_fails(ctx, rapt__midi_write(&text, &roll, 3), RAPT_EINVAL, "tempo");
  roll.frames = (1 << 20) + 1;
  assert_fails(ctx, rapt__midi_write(&text, &roll, 60), RAPT_EINVAL, "frames");
  rapt__text_free(&text);
  roll.frames = 4;
  assert_fails(ctx, rapt_roll_save(ctx, &roll, 60, path_of("a.mp3")), RAPT_EINVAL, "neither in .mid nor in .wav");
  assert_fails(ctx, rapt_roll_save(ctx, &roll, 60, path_of("nowhere/a.mid")), RAPT_ENOTFOUND, "nowhere");
  close_context(&memory, ctx);
}

/* ---- WAV ---- */

static void wav_comes_back(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const double sound[] = {0, 0.5, -0.5, 1, -1, 2, -7};
  const char *path = path_of("a.wav");
  assert_ok(ctx, rapt__wav_write(ctx, path, sound, 7, 8000));
  char *data;
  size_t size, count;
  uint32_t rate;
  float *back;
  assert_ok(ctx, rapt__file_read(ctx, path, 1000, &data, &size));
  assert_int_equal(size, 44 + 14);
  assert_ok(ctx, rapt__wav_parse(ctx, "a", (uint8_t *)data, size, &back, &count, &rate));
  assert_int_equal(count, 7);
  assert_int_equal(rate, 8000);
  for (size_t i = 0; i < 7; i++) assert_true(fabs((double)back[i] - fmin(fmax(sound[i], -1), 1)) < 1e-4);
  rapt__free(ctx, back);
  /* Every way to be cut off is an error, or less sound of a file that says so. */
  for (size_t n = 0; n < size; n++)
    assert_fails(ctx, rapt__wav_parse(ctx, "cut", (uint8_t *)data, n, &back, &count, &rate), RAPT_EFORMAT, "cut");
  data[34] = 8;
  assert_fails(ctx, rapt__wav_parse(ctx, "a", (uint8_t *)data, size, &back, &count, &rate), RAPT_EUNSUPPORTED,
               "8 bits");
  rapt__free(ctx, data);
  close_context(&memory, ctx);
}

/* A note of the piano's A4 crosses zero 880 times a second and lasts as long as its frames. */
static void sound_has_its_pitch(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  uint8_t sounds[2 * RAPT_ROLL_NOTES] = {0};
  rapt_roll roll = {2, sounds};
  sounds[69 - 21] = 1; /* in the first of two seconds */
  const char *path = path_of("note.wav");
  assert_ok(ctx, rapt_roll_save(ctx, &roll, 60, path));
  char *data;
  size_t size, count;
  uint32_t rate;
  float *sound;
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 20, &data, &size));
  assert_ok(ctx, rapt__wav_parse(ctx, path, (uint8_t *)data, size, &sound, &count, &rate));
  assert_int_equal(count, 2 * rate);
  int crossings = 0;
  for (size_t i = 1; i < rate; i++) crossings += (sound[i - 1] < 0) != (sound[i] < 0);
  assert_true(abs(crossings - 880) <= 2);
  for (size_t i = rate; i < count; i++) assert_true(sound[i] == 0);
  rapt__free(ctx, sound);
  rapt__free(ctx, data);
  close_context(&memory, ctx);
}

/* ---- Piano rolls ---- */

static const char *write_json(const char *name, const char *text) {
  const char *path = path_of(name);
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_true(fputs(text, f) >= 0 && fclose(f) == 0);
  return path;
}

static void rolls_are_read_or_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__chorales c;
  const char *good =
      write_json("good.json", "{\"train\": [[[60, 64], []], [[21]]], \"valid\": [[[108]]], \"test\": 3}");
  assert_ok(ctx, rapt__chorales_read(ctx, good, 0, 1, &c)); /* the test part is not looked at */
  assert_int_equal(c.begin[1], 2);
  assert_int_equal(c.begin[2], 3);
  assert_int_equal(c.pieces[0].frames, 2);
  int sum = 0;
  for (int i = 0; i < 2 * RAPT_ROLL_NOTES; i++) sum += c.pieces[0].sounds[i];
  assert_true(sum == 2 && c.pieces[0].sounds[60 - 21] && c.pieces[0].sounds[64 - 21]);
  assert_true(c.pieces[1].sounds[0] && c.pieces[2].sounds[87]);
  rapt__chorales_free(&c);
  static const char *const bad[][2] = {{"{\"train\": [[[20]]]}", "note 0 is not a whole number"},
                                       {"{\"train\": [[[60, 109]]]}", "note 1 is not"},
                                       {"{\"train\": [[[60.5]]]}", "note 0 is not"},
                                       {"{\"train\": [[[99999999999]]]}", "note 0 is not"},
                                       {"{\"train\": [[60]]}", "frame 0: not a list"},
                                       {"{\"train\": [[]]}", "piece 0: not a list of frames"},
                                       {"{\"train\": [60]}", "piece 0: not a list of frames"},
                                       {"{\"train\": []}", "not a list of pieces"},
                                       {"{\"valid\": []}", "\"train\" is not a list"},
                                       {"[1]", "\"train\" is not a list"},
                                       {"{", ":1:"}};
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    assert_fails(ctx, rapt__chorales_read(ctx, write_json("bad.json", bad[i][0]), 0, 0, &c), RAPT_EFORMAT, bad[i][1]);
    rapt__chorales_free(&c);
  }
  close_context(&memory, ctx);
}

/* ---- Models of music ---- */

static bool collect(void *user, const char *bytes, size_t size) { return rapt__text_add(user, bytes, size) == RAPT_OK; }

static void a_saved_model_writes_the_same_piece(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  static const char *const cells[] = {"model.cell=tanh", "model.cell=lstm", "model.cell=gru"};
  for (int i = 0; i < 3; i++) {
    const char *settings[] = {cells[i], "model.units=5"}, *dir = path_of("model");
    rapt_music_options o = {.frames = 12, .temperature = 1, .seed = 4};
    rapt_model *model, *back;
    rapt_roll *a, *b;
    assert_ok(ctx, rapt_model_new(ctx, "music-rnn", settings, 2, NULL, 1, &model));
    assert_int_equal(rapt_model_get_kind(model), RAPT_KIND_MUSIC);
    assert_ok(ctx, rapt_model_save(model, dir));
    assert_ok(ctx, rapt_model_load(ctx, dir, &back));
    assert_ok(ctx, rapt_music_generate(model, &o, &a));
    assert_ok(ctx, rapt_music_generate(back, &o, &b));
    assert_memory_equal(a->sounds, b->sounds, 12 * RAPT_ROLL_NOTES);
    int sum = 0;
    for (int k = 0; k < 12 * RAPT_ROLL_NOTES; k++) sum += a->sounds[k];
    assert_true(sum > 12 * RAPT_ROLL_NOTES / 4 && sum < 12 * RAPT_ROLL_NOTES * 3 / 4); /* new weights: near one half */
    rapt_roll_free(ctx, b);
    o.frames = 5; /* the beginning of the longer piece */
    assert_ok(ctx, rapt_music_generate(back, &o, &b));
    assert_memory_equal(a->sounds, b->sounds, 5 * RAPT_ROLL_NOTES);
    rapt_roll_free(ctx, b);
    o.frames = 0;
    assert_fails(ctx, rapt_music_generate(back, &o, &b), RAPT_EINVAL, "frames");
    rapt__text text;
    rapt__text_init(&text, ctx);
    rapt_generate_options words = {.tokens = 3};
    assert_fails(ctx, rapt_model_generate(back, "", 0, &words, collect, &text), RAPT_EUNSUPPORTED,
                 "the model writes music");
    rapt_eval eval;
    assert_fails(ctx, rapt_model_eval(back, "a", 1, &eval), RAPT_EUNSUPPORTED, "the model writes music");
    float logits;
    assert_fails(ctx, rapt_model_logits(back, &(int32_t){0}, 1, &logits), RAPT_EUNSUPPORTED, "the model writes music");
    rapt_roll_free(ctx, a);
    rapt_model_free(model);
    rapt_model_free(back);
  }
  rapt_model *text_model;
  rapt_roll *roll;
  static const char *const small[] = {"model.vocabulary=5", "model.layers=1", "model.width=8", "model.heads=1"};
  assert_ok(ctx, rapt_model_new(ctx, "gpt2", small, 4, NULL, 1, &text_model));
  assert_fails(ctx, rapt_music_generate(text_model, &(rapt_music_options){.frames = 1}, &roll), RAPT_EUNSUPPORTED,
               "is one of text");
  rapt_model_free(text_model);
  close_context(&memory, ctx);
}

/* ---- The recipe ---- */

/* Pieces of two notes that change places every two frames. */
static const char *write_pieces(void) {
  static char text[20000];
  static const char *const parts[] = {"train", "valid", "test"};
  size_t n = 0;
  n += (size_t)sprintf(text + n, "{");
  for (int p = 0; p < 3; p++) {
    n += (size_t)sprintf(text + n, "%s\"%s\": [", p ? ", " : "", parts[p]);
    for (int i = 0; i < 12; i++) {
      n += (size_t)sprintf(text + n, "%s[", i ? ", " : "");
      for (int t = 0; t < 8 + i % 3; t++)
        n += (size_t)sprintf(text + n, "%s[%d, 90]", t ? ", " : "", (t / 2 + i) % 2 ? 60 : 67);
      n += (size_t)sprintf(text + n, "]");
    }
    n += (size_t)sprintf(text + n, "]");
  }
  sprintf(text + n, "}");
  return write_json("pieces.json", text);
}

typedef struct told {
  char results[4000];
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  (void)progress;
  size_t used = strlen(t->results);
  if (event == RAPT_EVENT_RESULT) snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
}

static rapt_status train(rapt_context *ctx, const char *name, const char *const *extra, int count, told *t,
                         rapt_run_result *result) {
  char data[310], out[310];
  snprintf(data, sizeof data, "data=%s", write_pieces());
  snprintf(out, sizeof out, "out=%s", path_of(name));
  const char *settings[20] = {data,
                              out,
                              "music.tanh_units=6",
                              "music.lstm_units=4",
                              "music.gru_units=5",
                              "music.noise=0.01",
                              "music.frames=20",
                              "train.steps=120",
                              "train.batch=4",
                              "train.lr=0.03",
                              "train.warmup=5",
                              "train.eval_every=20",
                              "train.save_every=40"};
  int n = 13;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  t->results[0] = 0;
  return rapt_recipe_train(ctx, "gru-music", settings, n, listen, t, result);
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

static void assert_same_file(const char *a, const char *b) {
  char *x = read_file(a), *y = read_file(b);
  assert_memory_equal(x, y, 1 << 20);
  free(x);
  free(y);
}

static void the_recipe_runs(void **state) {
  (void)state;
  counted_memory memory;
  told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_ok(ctx, train(ctx, "whole", NULL, 0, &t, &r));
  assert_false(r.interrupted || r.passed); /* settings were changed */
  assert_true(r.figure < 1.6);             /* 88 notes by chance have 61 nats, by counting each on its own 1.78 */
  static const char *const lines[] = {"tanh  validation",
                                      "lstm  validation",
                                      "gru   validation",
                                      "counted: each note on its own 1.78",
                                      "pass mark: GRU at most 8.60",
                                      "not judged",
                                      "gated units do better than tanh units",
                                      "lstm units learn faster"};
  for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
    if (!strstr(t.results, lines[i])) fail_msg("\"%s\" is not in:\n%s", lines[i], t.results);
  char *page = read_file("whole/report.html"), *midi = read_file("whole/chorale.mid");
  assert_non_null(strstr(page, "time in quarter notes"));
  assert_non_null(strstr(page, "validation loss (nats a frame)"));
  assert_memory_equal(midi, "MThd", 4);
  free(page);
  free(midi);
  rapt_model *model;
  rapt_roll *roll;
  assert_ok(ctx, rapt_model_load(ctx, path_of("whole"), &model));
  assert_ok(ctx, rapt_music_generate(model, &(rapt_music_options){.frames = 20, .temperature = 1, .seed = 1}, &roll));
  assert_ok(ctx, rapt_roll_save(ctx, roll, 90, path_of("again.mid")));
  assert_same_file("again.mid", "whole/chorale.mid");
  rapt_roll_free(ctx, roll);
  rapt_model_free(model);
  close_context(&memory, ctx);
}

static void a_stopped_run_goes_on_to_the_same_bits(void **state) {
  (void)state;
  counted_memory memory;
  told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 3);
  assert_ok(ctx, train(ctx, "parts", (const char *const[]){"train.stop_at=50"}, 1, &t, &r));
  assert_true(r.interrupted);
  t.results[0] = 0;
  assert_ok(ctx, rapt_recipe_resume(ctx, path_of("parts"), NULL, 0, listen, &t, &r));
  assert_false(r.interrupted);
  assert_same_file("parts/model.safetensors", "whole/model.safetensors");
  assert_same_file("parts/tanh/metrics.jsonl", "whole/tanh/metrics.jsonl");
  assert_same_file("parts/chorale.mid", "whole/chorale.mid");
  close_context(&memory, ctx);
}

/* A net that stopped by patience does not go on when the run is resumed for the sake of the next one. */
static void patience_outlasts_resuming(void **state) {
  (void)state;
  counted_memory memory;
  told t;
  rapt_run_result r;
  rapt_context *ctx = counted_context(&memory, 1);
  /* A rate of zero: no evaluation is better than the first. */
  static const char *const still[] = {"train.lr=0", "train.min_lr=0", "train.patience=2", "music.test=false"};
  assert_ok(ctx, train(ctx, "still", still, 4, &t, &r));
  assert_non_null(strstr(t.results, "(update 20 of 60,"));
  assert_null(strstr(t.results, "test"));
  t.results[0] = 0;
  assert_ok(ctx, rapt_recipe_resume(ctx, path_of("still"), NULL, 0, listen, &t, &r));
  assert_non_null(strstr(t.results, "(update 20 of 60,"));
  close_context(&memory, ctx);
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static told t;
  static const char *const few[] = {"train.steps=2", "train.eval_every=1"};
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
      cmocka_unit_test(midi_is_what_the_format_says),
      cmocka_unit_test(wav_comes_back),
      cmocka_unit_test(sound_has_its_pitch),
      cmocka_unit_test(rolls_are_read_or_refused),
      cmocka_unit_test(a_saved_model_writes_the_same_piece),
      cmocka_unit_test(the_recipe_runs),
      cmocka_unit_test(a_stopped_run_goes_on_to_the_same_bits),
      cmocka_unit_test(patience_outlasts_resuming),
      cmocka_unit_test(failing_memory_is_reported),
  };
  return cmocka_run_group_tests_name("music", tests, make_root, remove_root);
}
