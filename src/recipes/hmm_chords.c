/* Bach's chords: how many hidden states they want, by the Bayesian information criterion and by chorales held out. */
#include "recipes/hmm.h"

#include "formats/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PITCHES = 12, SETS = 1 << PITCHES, STREAM = 42 << 20 };

typedef struct chorales {
  int32_t *chords; /* pitch classes above the last bass note, a bit each; then symbols. Owned, as is `at` */
  size_t *at, count, songs;
  size_t chord_capacity, at_capacity;
} chorales;

typedef struct study {
  rapt__hmm_run *r;
  chorales train, valid;
  int32_t symbol_of[SETS];
  const char **names; /* (symbols) */
  size_t symbols;
} study;

/* ---- Reading ---- */

static rapt_status bad(rapt_context *ctx, const char *path, size_t song) {
  return rapt__fail(ctx, RAPT_EFORMAT, "%s: song %zu is not a list of steps that are lists of notes from 0 to 127",
                    path, song);
}

/* The lowest note of a step; 128 of a rest, −1 of what is no step. */
static int bass_of(const json_t *step) {
  if (!json_is_array(step)) return -1;
  int low = 128;
  for (size_t i = 0; i < json_array_size(step); i++) {
    const json_t *note = json_array_get(step, i);
    if (!json_is_number(note) || !(json_number_value(note) >= 0 && json_number_value(note) <= 127)) return -1;
    if ((int)json_number_value(note) < low) low = (int)json_number_value(note);
  }
  return low;
}

/* A chorale ends on its key: with the last bass note as zero the same harmony is the same chord in every key. */
static rapt_status read_song(rapt_context *ctx, const char *path, const json_t *song, chorales *c) {
  int key = 128;
  for (size_t t = json_array_size(song); t-- > 0;) {
    int bass = bass_of(json_array_get(song, t));
    if (bass < 0) return bad(ctx, path, c->songs);
    if (key == 128) key = bass;
  }
  if (key == 128) return bad(ctx, path, c->songs);
  for (size_t t = 0; t < json_array_size(song); t++) {
    const json_t *step = json_array_get(song, t);
    int32_t set = 0;
    for (size_t i = 0; i < json_array_size(step); i++)
      set |= 1 << (((int)json_number_value(json_array_get(step, i)) - key + 132) % PITCHES);
    RAPT_TRY(rapt__reserve(ctx, (void **)&c->chords, &c->chord_capacity, c->count, sizeof *c->chords));
    c->chords[c->count++] = set;
  }
  RAPT_TRY(rapt__reserve(ctx, (void **)&c->at, &c->at_capacity, c->songs + 1, sizeof *c->at));
  c->at[++c->songs] = c->count;
  return RAPT_OK;
}

static rapt_status read_part(rapt_context *ctx, const char *path, const json_t *root, const char *part, chorales *c) {
  const json_t *songs = json_object_get(root, part);
  if (!json_is_array(songs) || json_array_size(songs) == 0)
    return rapt__fail(ctx, RAPT_EFORMAT, "%s: there is no list of songs \"%s\"", path, part);
  RAPT_TRY(rapt__reserve(ctx, (void **)&c->at, &c->at_capacity, 0, sizeof *c->at));
  c->at[0] = 0;
  for (size_t i = 0; i < json_array_size(songs); i++) RAPT_TRY(read_song(ctx, path, json_array_get(songs, i), c));
  return RAPT_OK;
}

static rapt_status read_chorales(study *s) {
  rapt__run *run = s->r->run;
  const char *dir = rapt__run_data_named(run, s->r->settings->chords);
  if (!dir) return rapt_context_status(run->ctx);
  const char *path = rapt__arena_format(&run->arena, "%s/jsb-chorales-quarter.json", dir);
  json_t *root;
  if (!path) return RAPT_ENOMEM;
  rapt_status status = rapt__json_read(run->ctx, path, &root);
  if (status == RAPT_OK) status = read_part(run->ctx, path, root, "train", &s->train);
  if (status == RAPT_OK) status = read_part(run->ctx, path, root, "valid", &s->valid);
  json_decref(root);
  return status;
}

/* ---- Symbols ---- */

static const char *chord_name(rapt__arena *arena, int set) {
  static const char *const notes[PITCHES] = {"C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B"};
  char name[PITCHES * 3 + 1] = "";
  for (int i = 0; i < PITCHES; i++)
    if (set >> i & 1) {
      if (*name) strcat(name, " ");
      strcat(name, notes[i]);
    }
  return rapt__arena_strdup(arena, *name ? name : "rest");
}

/* The most frequent chords of the training part get symbols of their own, equals in order of their sets. */
static rapt_status make_symbols(study *s) {
  rapt__arena *arena = &s->r->run->arena;
  size_t often[SETS] = {0}, most = (size_t)s->r->settings->chord_count;
  for (size_t t = 0; t < s->train.count; t++) often[s->train.chords[t]]++;
  s->names = rapt__arena_new(arena, most + 1, sizeof *s->names);
  if (!s->names) return RAPT_ENOMEM;
  for (int i = 0; i < SETS; i++) s->symbol_of[i] = -1;
  for (; s->symbols < most; s->symbols++) {
    int best = 0;
    for (int i = 1; i < SETS; i++)
      if (often[i] > often[best]) best = i;
    if (often[best] == 0) break;
    often[best] = 0;
    s->symbol_of[best] = (int32_t)s->symbols;
    if (!(s->names[s->symbols] = chord_name(arena, best))) return RAPT_ENOMEM;
  }
  s->names[s->symbols] = "other";
  chorales *const parts[2] = {&s->train, &s->valid};
  for (int p = 0; p < 2; p++)
    for (size_t t = 0; t < parts[p]->count; t++) {
      int32_t symbol = s->symbol_of[parts[p]->chords[t]];
      parts[p]->chords[t] = symbol < 0 ? (int32_t)s->symbols : symbol;
    }
  s->symbols++;
  return RAPT_OK;
}

/* ---- Models with more and more states ---- */

enum { MOST = 64 };
typedef struct curve {
  size_t most, best, held_best; /* states */
  double states[MOST], bic[MOST], train[MOST], held[MOST];
} curve;

/* A thousandth of every row is spread evenly: training may have found that something never happens. */
static void soften(double *log_row, size_t n) {
  for (size_t i = 0; i < n; i++) log_row[i] = log(0.999 * exp(log_row[i]) + 0.001 / (double)n);
}

static rapt_status held_out(rapt_context *ctx, const rapt__hmm *h, const chorales *c, double *nats) {
  rapt__arena arena;
  rapt__hmm soft;
  rapt__arena_init(&arena, ctx);
  rapt_status status = rapt__hmm_new(&arena, &h->shape, &soft);
  if (status == RAPT_OK) {
    size_t n = h->shape.states;
    rapt__hmm_copy(h, &soft);
    soften(soft.chain.log_start, n);
    for (size_t i = 0; i < n; i++) {
      soften(soft.chain.log_step + i * n, n);
      soften(soft.log_emit + i * h->shape.symbols, h->shape.symbols);
    }
    const rapt__hmm_data data = {c->songs, c->at, c->chords, NULL};
    status = rapt__hmm_score(ctx, &soft, &data, nats, NULL);
    *nats /= -(double)c->count;
  }
  rapt__arena_free(&arena);
  return status;
}

/* Of the work for all models, that for those with up to n states; a round takes time in proportion to n (n + 4). */
static double share_up_to(size_t n, size_t most) {
  double done = 0, all = 0;
  for (size_t i = 1; i <= most; i++) *(i <= n ? &done : &all) += (double)(i * (i + 4));
  return done / (done + all);
}

static rapt_status fit(study *s, size_t n, rapt__hmm *h, double *worst_fall, curve *c) {
  rapt__hmm_run *r = s->r;
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = n, .symbols = s->symbols};
  const rapt__hmm_data data = {s->train.songs, s->train.at, s->train.chords, NULL};
  rapt__hmm_training how = rapt__hmm_told(r, "chords", (size_t)r->settings->rounds, s->train.count,
                                          share_up_to(n - 1, c->most), share_up_to(n, c->most));
  rapt__hmm_trained trained;
  how.tolerance *= 10;
  RAPT_TRY(rapt__hmm_new(&r->run->arena, &shape, h));
  size_t parameters = rapt__hmm_parameters(h);
  RAPT_TRY(rapt__hmm_search(r->run->ctx, h, &data, (uint64_t)r->run->common.seed, STREAM + 10000 * n,
                            (size_t)r->settings->guesses, (size_t)r->settings->first, &how, &trained));
  *worst_fall = fmax(*worst_fall, trained.worst_fall);
  c->states[n - 1] = (double)n;
  c->bic[n - 1] = rapt__hmm_bic(trained.log_likelihood, parameters, s->train.count);
  c->train[n - 1] = -trained.log_likelihood / (double)s->train.count;
  RAPT_TRY(held_out(r->run->ctx, h, &s->valid, &c->held[n - 1]));
  if (n == 1 || c->bic[n - 1] < c->bic[c->best - 1]) c->best = n;
  if (n == 1 || c->held[n - 1] < c->held[c->held_best - 1]) c->held_best = n;
  return RAPT_OK;
}

/* ---- What is told ---- */

/* The likeliest chord of each state is its name. */
static rapt_status name_states(study *s, const rapt__hmm *h, const char **names) {
  for (size_t j = 0; j < h->shape.states; j++) {
    size_t best = 0;
    const double *row = h->log_emit + j * s->symbols;
    for (size_t k = 1; k < s->symbols; k++)
      if (row[k] > row[best]) best = k;
    names[j] = rapt__arena_format(&s->r->run->arena, "%zu: %s", j + 1, s->names[best]);
    if (!names[j]) return RAPT_ENOMEM;
  }
  return RAPT_OK;
}

/* "1: C E G=C E G 62 %, …" */
static rapt_status list_states(study *s, const rapt__hmm *h, const char *const *names, const char **rows) {
  for (size_t j = 0; j < h->shape.states; j++) {
    const double *row = h->log_emit + j * s->symbols;
    size_t best[3] = {0};
    for (int k = 0; k < 3; k++) {
      double most = -INFINITY;
      for (size_t i = 0; i < s->symbols; i++)
        if (row[i] > most && (k < 1 || i != best[0]) && (k < 2 || i != best[1])) most = row[i], best[k] = i;
    }
    rows[j] = rapt__arena_format(&s->r->run->arena, "%s=%s %.0f %%, %s %.0f %%, %s %.0f %%", names[j],
                                 s->names[best[0]], 100 * exp(row[best[0]]), s->names[best[1]], 100 * exp(row[best[1]]),
                                 s->names[best[2]], 100 * exp(row[best[2]]));
    if (!rows[j]) return RAPT_ENOMEM;
  }
  return RAPT_OK;
}

static rapt_status draw_curves(const curve *c, rapt__text *svg) {
  double per_thousand[MOST];
  for (size_t i = 0; i < c->most; i++) per_thousand[i] = c->bic[i] / 1000;
  const rapt__series bic = {NULL, c->states, per_thousand, c->most};
  const rapt__series nats[2] = {{"training", c->states, c->train, c->most}, {"held out", c->states, c->held, c->most}};
  const rapt__plot first = {.title = "Bayesian information criterion: the lowest point is chosen",
                            .x_title = "states",
                            .y_title = "BIC / 1000",
                            .series = &bic,
                            .count = 1};
  const rapt__plot second = {
      .title = "Loss", .x_title = "states", .y_title = "nats a chord", .series = nats, .count = 2};
  RAPT_TRY(rapt__svg_plot(svg, &first));
  return rapt__svg_plot(svg, &second);
}

static rapt_status tell(study *s, const curve *c, const rapt__hmm *best, double worst_fall) {
  rapt__hmm_run *r = s->r;
  const char *names[MOST], **rows = rapt__arena_new(&r->run->arena, MOST + 1, sizeof *rows);
  if (!rows) return RAPT_ENOMEM;
  RAPT_TRY(name_states(s, best, names));
  RAPT_TRY(list_states(s, best, names, rows));
  RAPT_TRY(rapt__hmm_save(r->run, "chords.json", best, names, s->names));
  RAPT_TRY(rapt__findings_say(
      &r->findings,
      "chords: %zu chorales, %zu chords, %zu symbols; BIC %.0f with 1 state, %.0f with %zu, %.0f with "
      "%zu; held out %.3f, %.3f, %.3f nats a chord",
      s->train.songs, s->train.count, s->symbols, c->bic[0], c->bic[c->best - 1], c->best, c->bic[c->most - 1], c->most,
      c->held[0], c->held[c->best - 1], c->held[c->most - 1]));
  RAPT_TRY(
      rapt__findings_judge(&r->findings, false, c->best > 1 && c->best < c->most,
                           "chords: the criterion chooses a number between the ends, %zu of 1 to %zu states (held-out "
                           "chorales like %zu best)",
                           c->best, c->most, c->held_best));
  rapt__hmm_trained all = {.worst_fall = worst_fall};
  RAPT_TRY(rapt__hmm_judge_rise(r, "chords", &all));
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = draw_curves(c, &svg);
  if (status == RAPT_OK)
    status = rapt__hmm_state_diagram(&svg, "The chosen model: a state and its likeliest chord, the last bass as C",
                                     &best->chain, names);
  const char *kept = status == RAPT_OK ? rapt__hmm_picture(r, "chords.svg", &svg) : NULL;
  rapt__text_free(&svg);
  RAPT_TRY(status);
  return rapt__hmm_section(
      r, (rapt__report_section){.heading = "Chords",
                                .text = "Chords of Bach's chorales, all moved so that the last bass note is C. More "
                                        "states always fit the training part better; the criterion asks a price for "
                                        "each parameter.",
                                .svg = kept,
                                .rows = rows});
}

static rapt_status compare(study *s) {
  curve c = {.most = (size_t)s->r->settings->most_states};
  rapt__hmm *models = rapt__arena_new(&s->r->run->arena, c.most, sizeof *models);
  double worst_fall = 0;
  if (!models) return RAPT_ENOMEM;
  for (size_t n = 1; n <= c.most; n++) RAPT_TRY(fit(s, n, &models[n - 1], &worst_fall, &c));
  return tell(s, &c, &models[c.best - 1], worst_fall);
}

rapt_status rapt__hmm_chords(rapt__hmm_run *r) {
  study *s = rapt__new(r->run->ctx, 1, sizeof *s);
  if (!s) return RAPT_ENOMEM;
  s->r = r;
  rapt_status status = read_chorales(s);
  if (status == RAPT_OK) status = make_symbols(s);
  if (status == RAPT_OK) status = compare(s);
  chorales *const parts[2] = {&s->train, &s->valid};
  for (int p = 0; p < 2; p++) {
    rapt__free(r->run->ctx, parts[p]->chords);
    rapt__free(r->run->ctx, parts[p]->at);
  }
  rapt__free(r->run->ctx, s);
  return status;
}
