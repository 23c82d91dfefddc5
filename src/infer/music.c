/* A model of music writes a piano roll: each note of a frame is drawn from its probability given the frames before. */
#include <rapt/music.h>

#include "base/file.h"
#include "base/rng.h"
#include "formats/midi.h"
#include "formats/wav.h"
#include "tasks/model.h"

#include <math.h>
#include <string.h>

enum { STREAM_SAMPLE = 5, MOST_FRAMES = 1 << 20 };

/* One frame at a time. */
typedef struct writing {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *before, *logits, *states[RAPT__MUSIC_STATES], *next[RAPT__MUSIC_STATES];
  int count; /* of states */
} writing;

static rapt_status begin(rapt_model *model, writing *w) {
  static const char *const names[RAPT__MUSIC_STATES] = {"state.0", "state.1"};
  const rapt__music *music = model->arch->music;
  int64_t dims[3];
  RAPT_TRY(rapt_graph_new(model->ctx, &w->graph));
  rapt__music_pass pass = {.graph = w->graph, .params = model->params, .config = model->config};
  w->count = music->states(model->config, 1, dims);
  w->before = pass.before = rapt_input(w->graph, "before", RAPT_F32, 3, (int64_t[]){1, 1, RAPT_ROLL_NOTES});
  for (int i = 0; i < w->count; i++) {
    w->states[i] = pass.states[i] = rapt_input(w->graph, names[i], RAPT_F32, 3, dims);
    pass.next[i] = &w->next[i];
  }
  w->logits = music->logits(&pass);
  rapt_tensor *outputs[1 + RAPT__MUSIC_STATES] = {w->logits, w->next[0], w->next[1]};
  return rapt_plan_new(w->graph, outputs, 1 + w->count, NULL, &w->plan);
}

static void draw(const rapt_music_options *o, int64_t frame, const real *logits, uint8_t *sounds) {
  for (int64_t n = 0; n < RAPT_ROLL_NOTES; n++) {
    uint64_t index = (uint64_t)(frame * RAPT_ROLL_NOTES + n);
    double u = rapt__rng_uniform(o->seed, (uint64_t)STREAM_SAMPLE << 32, index), z = (double)logits[n];
    sounds[n] = o->temperature > 0 ? u < 1 / (1 + exp(-z / o->temperature)) : z > 0;
  }
}

static rapt_status write_frames(rapt_model *model, writing *w, const rapt_music_options *o, rapt_roll *roll) {
  real *before = rapt_plan_data(w->plan, w->before);
  memset(before, 0, RAPT_ROLL_NOTES * sizeof *before);
  for (int i = 0; i < w->count; i++)
    memset(rapt_plan_data(w->plan, w->states[i]), 0, (size_t)rapt_size(w->states[i]) * sizeof(real));
  for (int64_t t = 0; t < roll->frames; t++) {
    if (atomic_load(&model->ctx->interrupted))
      return rapt__fail(model->ctx, RAPT_EINTERRUPTED, "generation was interrupted");
    RAPT_TRY(rapt_plan_run(w->plan, 0));
    uint8_t *sounds = roll->sounds + t * RAPT_ROLL_NOTES;
    draw(o, t, rapt_plan_data(w->plan, w->logits), sounds);
    for (int64_t n = 0; n < RAPT_ROLL_NOTES; n++) before[n] = sounds[n];
    for (int i = 0; i < w->count; i++)
      memcpy(rapt_plan_data(w->plan, w->states[i]), rapt_plan_data(w->plan, w->next[i]),
             (size_t)rapt_size(w->states[i]) * sizeof(real));
  }
  return RAPT_OK;
}

rapt_status rapt_music_generate(rapt_model *model, const rapt_music_options *options, rapt_roll **out) {
  rapt_context *ctx = model->ctx;
  *out = NULL;
  RAPT_TRY(rapt__model_is_music(model));
  if (options->frames < 1 || options->frames > MOST_FRAMES || !(options->temperature >= 0))
    return rapt__fail(ctx, RAPT_EINVAL, "music: %lld frames at a temperature of %g; 1 to %d frames and 0 or more",
                      (long long)options->frames, options->temperature, MOST_FRAMES);
  rapt_roll *roll = rapt__new(ctx, 1, sizeof *roll);
  if (!roll) return RAPT_ENOMEM;
  roll->sounds = rapt__new(ctx, (size_t)options->frames, RAPT_ROLL_NOTES);
  writing w = {0};
  rapt_status status = roll->sounds ? begin(model, &w) : RAPT_ENOMEM;
  roll->frames = options->frames;
  if (status == RAPT_OK) status = write_frames(model, &w, options, roll);
  rapt_plan_free(w.plan);
  rapt_graph_free(w.graph);
  if (status != RAPT_OK)
    rapt_roll_free(ctx, roll);
  else
    *out = roll;
  return status;
}

void rapt_roll_free(rapt_context *ctx, rapt_roll *roll) {
  if (!roll) return;
  rapt__free(ctx, roll->sounds);
  rapt__free(ctx, roll);
}

/* ---- Files ---- */

rapt_status rapt_roll_midi(rapt_context *ctx, const rapt_roll *roll, double tempo, rapt_stream_fn write, void *user) {
  rapt__text text;
  rapt__text_init(&text, ctx);
  rapt_status status = rapt__midi_write(&text, roll, tempo);
  if (status == RAPT_OK && !write(user, text.data, text.size))
    status = rapt__fail(ctx, RAPT_EIO, "midi: %zu bytes could not be written", text.size);
  rapt__text_free(&text);
  return status;
}

enum { RATE = 22050, OVERTONES = 3 };

/* Adds one note over its frames: a sine and its first overtones, each half as loud as the one below, fading in and
 * out over ten milliseconds and decaying as a string does. */
static void add_note(double *sound, int64_t begin, int64_t end, int64_t note) {
  double hertz = 440 * exp2((double)(RAPT_ROLL_LOWEST + note - 69) / 12), edge = RATE * 0.01;
  for (int64_t i = begin; i < end; i++) {
    double at = (double)(i - begin), left = (double)(end - i), wave = 0;
    for (int k = 1; k <= OVERTONES; k++) wave += exp2(1 - k) * sin(2 * 3.14159265358979323846 * hertz * k * at / RATE);
    sound[i] += 0.1 * wave * fmin(1, fmin(at, left) / edge) * exp(-at / RATE);
  }
}

static rapt_status save_sound(rapt_context *ctx, const rapt_roll *roll, double tempo, const char *path) {
  int64_t step = (int64_t)(RATE * 60 / tempo);
  if (roll->frames < 1 || roll->frames > ((int64_t)1 << 28) / step) /* 3.4 hours */
    return rapt__fail(ctx, RAPT_EINVAL, "%s: %lld frames are no sound, or too long for one", path,
                      (long long)roll->frames);
  size_t count = (size_t)(roll->frames * step);
  double *sound = rapt__new(ctx, count, sizeof *sound);
  if (!sound) return RAPT_ENOMEM;
  for (int64_t n = 0; n < RAPT_ROLL_NOTES; n++)
    for (int64_t t = 0, end; t < roll->frames; t = end + 1) {
      for (end = t; end < roll->frames && roll->sounds[end * RAPT_ROLL_NOTES + n]; end++) {}
      if (end > t) add_note(sound, t * step, end * step, n);
    }
  rapt_status status = rapt__wav_write(ctx, path, sound, count, RATE);
  rapt__free(ctx, sound);
  return status;
}

static bool ends_with(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool write_out(void *user, const char *bytes, size_t size) {
  return rapt__out_write(user, bytes, size) == RAPT_OK;
}

rapt_status rapt_roll_save(rapt_context *ctx, const rapt_roll *roll, double tempo, const char *path) {
  if (!(tempo >= 4 && tempo <= 1000))
    return rapt__fail(ctx, RAPT_EINVAL, "%s: a tempo of %g; 4 to 1000 quarter notes a minute are possible", path,
                      tempo);
  if (ends_with(path, ".wav")) return save_sound(ctx, roll, tempo, path);
  if (!ends_with(path, ".mid"))
    return rapt__fail(ctx, RAPT_EINVAL, "%s: the name ends neither in .mid nor in .wav", path);
  rapt__out out;
  RAPT_TRY(rapt__out_open(ctx, path, &out));
  rapt_status status = rapt_roll_midi(ctx, roll, tempo, write_out, &out);
  if (status == RAPT_OK) return rapt__out_commit(&out);
  rapt__out_abort(&out);
  return status;
}
