/* Gated units on music (Chung et al. 2014): recurrent layers of tanh, LSTM and GRU units with about as many
 * parameters learn which notes of a chorale sound next. */
#include "recipes/gru_music.h"
#include "recipes/training.h"

#include <string.h>

#define AT(field) offsetof(rapt__gru_music_settings, field)
static const rapt__key keys[] = {
    {"music.tanh_units", NULL, RAPT__KEY_INT, AT(units[RAPT__MUSIC_TANH]), "100", 1, 4096, NULL, "tanh units"},
    {"music.lstm_units", NULL, RAPT__KEY_INT, AT(units[RAPT__MUSIC_LSTM]), "36", 1, 4096, NULL, "LSTM units"},
    {"music.gru_units", NULL, RAPT__KEY_INT, AT(units[RAPT__MUSIC_GRU]), "46", 1, 4096, NULL, "gated recurrent units"},
    {"music.noise", NULL, RAPT__KEY_REAL, AT(noise), "0.075", 0, 10, NULL,
     "standard deviation of the noise on weights in training"},
    {"music.test", NULL, RAPT__KEY_BOOL, AT(test), "true", 0, 0, NULL,
     "reads the test pieces at the end; false: settings are being chosen, and validation pieces are all that is read"},
    {"music.frames", NULL, RAPT__KEY_INT, AT(frames), "64", 1, 512, NULL,
     "quarter notes of the chorale that is written"},
    {"music.tempo", NULL, RAPT__KEY_REAL, AT(tempo), "90", 4, 1000, NULL, "quarter notes a minute in its MIDI file"},
    {0}};
#undef AT

static const char *const defaults[] = {
    "data=jsb-chorales",   "train.steps=8000",     "train.batch=8",        "train.optimizer=rmsprop", "train.lr=3e-3",
    "train.min_lr=1e-4",   "train.beta2=0.95",     "train.eps=1e-5",       "train.weight_decay=0",    "train.clip=1",
    "train.eval_every=50", "train.save_every=500", "train.sample_every=0", "train.patience=40",       NULL};

static const char *const names[RAPT__MUSIC_CELLS] = {"tanh", "lstm", "gru"};

/* ---- Data ---- */

/* Frames as reals, with silence before the first: what the net is fed is what it is to guess, one frame late. */
static rapt_status make_sequences(rapt__run *run, const rapt__chorales *c, int part, rapt__sequences *set) {
  enum { N = RAPT_ROLL_NOTES };
  set->count = c->begin[part + 1] - c->begin[part];
  set->inputs = N;
  set->at = rapt__arena_new(&run->arena, set->count, sizeof *set->at);
  if (!set->at) return RAPT_ENOMEM;
  for (size_t i = 0; i < set->count; i++) {
    const rapt_roll *roll = &c->pieces[c->begin[part] + i];
    float *frames = rapt__arena_new(&run->arena, (size_t)(roll->frames + 1) * N, sizeof *frames);
    if (!frames) return RAPT_ENOMEM;
    for (int64_t j = 0; j < roll->frames * N; j++) frames[N + j] = roll->sounds[j];
    set->at[i] = (rapt__sequence){.frames = roll->frames, .x = frames, .y = frames + N};
  }
  return RAPT_OK;
}

static rapt_status load(rapt__gru_music *m, int first, int last) {
  rapt__run *run = m->run;
  const char *path = rapt__run_data_file(run, "jsb-chorales-quarter.json");
  if (!path) return rapt_context_status(run->ctx);
  rapt__chorales c;
  rapt_status status = rapt__chorales_read(run->ctx, path, first, last, &c);
  for (int part = first; part <= last && status == RAPT_OK; part++)
    status = make_sequences(run, &c, part, &m->parts[part]);
  rapt__chorales_free(&c);
  return status;
}

/* ---- Training ---- */

static rapt_tensor *network(const rapt__frames *f, rapt_graph *graph, rapt_params *params, rapt_tensor *x,
                            rapt_tensor *lengths, bool training) {
  const rapt__gru_music_net *net = f->user;
  rapt__music_pass pass = {.graph = graph,
                           .params = params,
                           .config = net->model->config,
                           .before = x,
                           .lengths = lengths,
                           .weight_noise = training ? net->noise : 0};
  return net->model->arch->music->logits(&pass);
}

static rapt_status save(const rapt__frames *f, const char *dir) {
  return rapt_model_save(((const rapt__gru_music_net *)f->user)->model, dir);
}

static rapt_status net_begin(rapt__gru_music *m, int cell) {
  rapt__run *run = m->run;
  rapt__gru_music_net *net = &m->nets[cell];
  net->name = names[cell];
  net->noise = m->settings->noise;
  net->dir = rapt__run_path(run, net->name);
  const char *kind = rapt__arena_format(&run->arena, "model.cell=%s", net->name);
  const char *units = rapt__arena_format(&run->arena, "model.units=%lld", (long long)m->settings->units[cell]);
  if (!net->dir || !kind || !units) return RAPT_ENOMEM;
  RAPT_TRY(rapt_model_new(run->ctx, "music-rnn", (const char *const[]){kind, units}, 2, NULL,
                          (uint64_t)run->common.seed, &net->model));
  net->at = (rapt__frames){.ctx = run->ctx,
                           .params = net->model->params,
                           .train = &m->parts[RAPT__CHORALES_TRAIN],
                           .valid = &m->parts[RAPT__CHORALES_VALID],
                           .answer = RAPT__BITS,
                           .outputs = RAPT_ROLL_NOTES,
                           .batch = run->train.batch,
                           .seed = (uint64_t)run->common.seed,
                           .network = network,
                           .user = net,
                           .save = save};
  RAPT_TRY(rapt__frames_init(&net->at));
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s: %lld units, %lld parameters, %d threads", net->name,
                (long long)m->settings->units[cell], (long long)rapt_params_size(net->model->params),
                rapt_context_threads(run->ctx));
  return RAPT_OK;
}

static rapt_status net_train(rapt__gru_music *m, rapt__gru_music_net *net) {
  rapt__run *run = m->run;
  rapt__trainer *t = &net->trainer;
  rapt__run_trainer(run, t, &net->at.task, net->model->params, net->dir);
  return rapt__run_train(run, t);
}

/* The net of the lowest validation loss takes the place of that of the last update. */
static rapt_status take_best(rapt__gru_music *m, rapt__gru_music_net *net) {
  const rapt__trainer *t = &net->trainer;
  net->valid = t->best;
  if (t->best_step == t->step) return RAPT_OK;
  const char *path = rapt__arena_format(&m->run->arena, "%s/best/model.safetensors", net->dir);
  return path ? rapt__model_read_weights(net->model, path) : RAPT_ENOMEM;
}

/* The test pieces are read here, after everything was chosen. */
static rapt_status measure(rapt__gru_music *m) {
  const rapt__sequences *test = &m->parts[RAPT__CHORALES_TEST];
  rapt_context *ctx = m->run->ctx;
  RAPT_TRY(load(m, RAPT__CHORALES_TEST, RAPT__CHORALES_TEST));
  RAPT_TRY(rapt__gru_music_count(ctx, &m->parts[RAPT__CHORALES_TRAIN], test, &m->independent, &m->markov));
  float *out = rapt__arena_new(&m->run->arena, (size_t)rapt__frames_count(test) * RAPT_ROLL_NOTES, sizeof *out);
  if (!out) return RAPT_ENOMEM;
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) RAPT_TRY(rapt__frames_run(&m->nets[c].at, test, out, &m->nets[c].test));
  return RAPT_OK;
}

static rapt_status train_and_judge(rapt__gru_music *m) {
  rapt__run *run = m->run;
  RAPT_TRY(load(m, RAPT__CHORALES_TRAIN, RAPT__CHORALES_VALID));
  rapt__run_say(run, RAPT_EVENT_NOTE, "%zu training pieces, %zu for validation", m->parts[RAPT__CHORALES_TRAIN].count,
                m->parts[RAPT__CHORALES_VALID].count);
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) {
    RAPT_TRY(net_begin(m, c));
    RAPT_TRY(net_train(m, &m->nets[c]));
    if (run->result->interrupted) return RAPT_OK;
    RAPT_TRY(take_best(m, &m->nets[c]));
  }
  RAPT_TRY(rapt__gru_music_curves(m));
  if (m->settings->test) RAPT_TRY(measure(m));
  return rapt__gru_music_finish(m);
}

static rapt_status gru_music(rapt__run *run) {
  rapt__gru_music m = {.run = run, .settings = run->own};
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) rapt__trainer_init(&m.nets[c].trainer, run->ctx);
  rapt_status status = train_and_judge(&m);
  for (int c = 0; c < RAPT__MUSIC_CELLS; c++) {
    rapt__trainer_free(&m.nets[c].trainer);
    rapt__frames_free(&m.nets[c].at);
    rapt_model_free(m.nets[c].model);
  }
  return status;
}

const rapt__recipe rapt__recipe_gru_music = {
    .info = {.id = "gru-music",
             .title = "Gated recurrent units on chorales",
             .paper = "Chung et al. 2014, Empirical Evaluation of Gated Recurrent Neural Networks on Sequence Modeling",
             .task = "polyphonic music",
             .data = "jsb-chorales",
             .paper_figure = "test nats a frame: tanh 9.10, GRU 8.54, LSTM 8.67",
             .pass_mark = "GRU <= 8.60, LSTM <= 8.75, tanh >= GRU + 0.1 nats a frame",
             .claim = "gated units learn faster than tanh units, in updates and in time",
             .minutes = 6,
             .about = "Three recurrent networks of about the same size learn which notes of Bach's chorales sound "
                      "next: with plain tanh units,\n"
                      "with LSTM units and with gated recurrent units. Gates decide what of the state is kept, so "
                      "that a state can outlast many steps.\n"
                      "The net with gated recurrent units then writes a chorale: chorale.mid in the run directory, "
                      "and as many as you like with\n"
                      "`rapt generate DIR --out FILE.mid`."},
    .keys = keys,
    .own_size = sizeof(rapt__gru_music_settings),
    .neutral = (const char *const[]){"music.frames", "music.tempo", NULL},
    .defaults = defaults,
    .run = gru_music};
