/* Chorales as events: the notes of a frame from the highest down, then a sign that the frame is over; each event is guessed from
 * those before it. */
#include "recipes/relpos.h"

#include "data/chorales.h"
#include "tasks/lm.h"

#include <math.h>

enum { FRAME = RAPT_ROLL_NOTES, PIECE, VOCABULARY }; /* events behind the notes: a frame is over; a piece begins */

/* A part's pieces, one behind the other. */
typedef struct events {
  int32_t *ids; /* in the run's arena */
  int64_t count, frames;
  int64_t *begin; /* (pieces + 1), in the run's arena */
  size_t pieces;
} events;

static int64_t lay(const rapt_roll *roll, int32_t *ids) {
  int64_t n = 0;
  ids[n++] = PIECE;
  for (int64_t t = 0; t < roll->frames; t++) {
    for (int note = RAPT_ROLL_NOTES - 1; note >= 0; note--)
      if (roll->sounds[t * RAPT_ROLL_NOTES + note]) ids[n++] = note;
    ids[n++] = FRAME;
  }
  return n;
}

static rapt_status make_events(rapt__run *run, const rapt__chorales *c, int part, events *out) {
  int64_t room = 0;
  *out = (events){.pieces = c->begin[part + 1] - c->begin[part]};
  const rapt_roll *rolls = c->pieces + c->begin[part];
  for (size_t i = 0; i < out->pieces; i++) room += 1 + rolls[i].frames * (RAPT_ROLL_NOTES + 1);
  int32_t *all = rapt__new(run->ctx, (size_t)room, sizeof *all);
  out->begin = rapt__arena_new(&run->arena, out->pieces + 1, sizeof *out->begin);
  if (!all || !out->begin) {
    rapt__free(run->ctx, all);
    return RAPT_ENOMEM;
  }
  for (size_t i = 0; i < out->pieces; i++) {
    out->count += lay(&rolls[i], all + out->count);
    out->frames += rolls[i].frames;
    out->begin[i + 1] = out->count;
  }
  out->ids = rapt__arena_new(&run->arena, (size_t)out->count, sizeof *out->ids);
  for (int64_t i = 0; out->ids && i < out->count; i++) out->ids[i] = all[i];
  rapt__free(run->ctx, all);
  return out->ids ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status load(rapt__run *run, int first, int last, events *parts) {
  const char *path = rapt__run_data_file(run, "jsb-chorales-quarter.json");
  if (!path) return rapt_context_status(run->ctx);
  rapt__chorales c;
  rapt_status status = rapt__chorales_read(run->ctx, path, first, last, &c);
  for (int part = first; part <= last && status == RAPT_OK; part++) status = make_events(run, &c, part, &parts[part]);
  rapt__chorales_free(&c);
  return status;
}

/* Nats of all events, each piece by itself. */
static rapt_status nats_of(rapt_model *model, const events *e, double *sum) {
  *sum = 0;
  for (size_t i = 0; i < e->pieces; i++) {
    double piece;
    RAPT_TRY(rapt__model_eval_ids(model, e->ids + e->begin[i], e->begin[i + 1] - e->begin[i], &piece));
    *sum += piece;
  }
  return RAPT_OK;
}

enum { LEARNED, SINUSOID, SKEW, NETS };
static const rapt__position kinds[NETS] = {RAPT__POSITION_LEARNED, RAPT__POSITION_SINUSOID, RAPT__POSITION_SKEW};

/* The nets stay until all are trained: only then are the test pieces read. */
static rapt_status train_one(rapt__relpos *r, int k, const events *parts, rapt_model **model) {
  const rapt__relpos_settings *own = r->settings;
  rapt__relpos_shape shape = {.kind = kinds[k],
                              .vocabulary = VOCABULARY,
                              .context = own->events,
                              .layers = own->music_layers,
                              .width = own->music_width,
                              .heads = own->heads,
                              .init = own->init,
                              .dropout = own->dropout};
  const char *dir = rapt__arena_format(&r->run->arena, "music/%s", rapt__position_names[kinds[k]]);
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(rapt__relpos_model(r, &shape, model));
  const events *train = &parts[RAPT__CHORALES_TRAIN], *valid = &parts[RAPT__CHORALES_VALID];
  rapt__lm lm = {.model = *model,
                 .train = train->ids,
                 .train_count = train->count,
                 .valid = valid->ids,
                 .valid_count = valid->count,
                 .batch = own->music_batch,
                 .evals = r->run->train.evals,
                 .seed = (uint64_t)r->run->common.seed};
  RAPT_TRY(rapt__lm_init(&lm));
  return rapt__relpos_train(r, &lm.task, *model, dir, own->music_steps, own->music_batch, true);
}

static rapt_status judge(rapt__relpos *r, const events *e, const double *nats) {
  static const char *const names[NETS] = {"learnt table", "waves", "relative, skewed"};
  double event[NETS], absolute;
  rapt__run *run = r->run;
  rapt__relpos_section *section = &r->sections[r->section_count++];
  const char **rows = rapt__arena_new(&run->arena, NETS + 3, sizeof *rows);
  if (!rows) return RAPT_ENOMEM;
  for (int k = 0; k < NETS; k++) {
    event[k] = nats[k] / (double)(e->count - (int64_t)e->pieces);
    RAPT_TRY(rapt__findings_say(&r->findings, "music: %-16s %.4f nats an event, %.3f a frame", names[k], event[k],
                                nats[k] / (double)e->frames));
    rows[k] = rapt__arena_format(&run->arena, "%s (nats an event)=%.4f", names[k], event[k]);
  }
  rows[NETS] = "Huang et al., relative (sixteenths, second-hand note)=0.335";
  rows[NETS + 1] = "Huang et al., absolute (sixteenths, second-hand note)=0.417";
  for (int k = 0; k < NETS; k++)
    if (!rows[k]) return RAPT_ENOMEM;
  *section = (rapt__relpos_section){.heading = "Chorales",
                                    .text = r->settings->test ? "Test pieces in quarter notes, event by event."
                                                              : "Validation pieces in quarter notes, event by event.",
                                    .rows = rows};
  absolute = fmin(event[LEARNED], event[SINUSOID]);
  run->result->figure = event[SKEW];
  return rapt__findings_judge(&r->findings, true, event[SKEW] <= 0.97 * absolute,
                              "music: relative positions have at least 3 %% less than the better of both absolute ones "
                              "(%.4f against %.4f nats an event, %.1f %% less)",
                              event[SKEW], absolute, 100 * (1 - event[SKEW] / absolute));
}

static rapt_status train_and_judge(rapt__relpos *r, rapt_model **models) {
  events parts[RAPT__CHORALES_PARTS] = {{0}};
  int last = r->settings->test ? RAPT__CHORALES_TEST : RAPT__CHORALES_VALID;
  double nats[NETS];
  RAPT_TRY(load(r->run, RAPT__CHORALES_TRAIN, RAPT__CHORALES_VALID, parts));
  rapt__run_say(r->run, RAPT_EVENT_NOTE, "music: %zu training pieces of %lld events, %zu for validation",
                parts[RAPT__CHORALES_TRAIN].pieces, (long long)parts[RAPT__CHORALES_TRAIN].count,
                parts[RAPT__CHORALES_VALID].pieces);
  for (int k = 0; k < NETS; k++) {
    RAPT_TRY(train_one(r, k, parts, &models[k]));
    if (r->run->result->interrupted) return RAPT_OK;
  }
  if (r->settings->test) RAPT_TRY(load(r->run, RAPT__CHORALES_TEST, RAPT__CHORALES_TEST, parts));
  for (int k = 0; k < NETS; k++) RAPT_TRY(nats_of(models[k], &parts[last], &nats[k]));
  return judge(r, &parts[last], nats);
}

rapt_status rapt__relpos_music(rapt__relpos *r) {
  rapt_model *models[NETS] = {NULL};
  rapt_status status = train_and_judge(r, models);
  for (int k = 0; k < NETS; k++) rapt_model_free(models[k]);
  return status;
}
