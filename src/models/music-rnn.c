/* One recurrent layer over the frames of a piano roll and an output unit a note (Boulanger-Lewandowski et al. 2012,
 * Chung et al. 2014): p(note sounds in frame t) = σ(V h_t + b), h_t the state after the frames before t. */
#include "models/models.h"
#include "models/music_rnn.h"
#include "nn/recurrent.h"

#include <math.h>
#include <rapt/music.h>
#include <stddef.h>

static const char *const cells[] = {"tanh", "lstm", "gru", NULL};

static const rapt__key keys[] = {{"model.cell", "cell", RAPT__KEY_CHOICE, offsetof(rapt__music_rnn, cell), "gru", 0, 0,
                                  cells, "units of the recurrent layer: tanh, LSTM or GRU"},
                                 {"model.units", "hidden_size", RAPT__KEY_INT, offsetof(rapt__music_rnn, units), "46",
                                  1, 1 << 16, NULL, "how many of them"},
                                 {0}};

static rapt_status check(rapt_context *ctx, const void *config) {
  (void)ctx;
  (void)config;
  return RAPT_OK;
}

static rapt_tensor *logits(const rapt__music_pass *pass) {
  static const rapt_cell kinds[RAPT__MUSIC_CELLS] = {RAPT_RNN_TANH, RAPT_LSTM, RAPT_GRU};
  const rapt__music_rnn *c = pass->config;
  const rapt__layers l = {pass->graph, pass->params};
  rapt__nn_recurrent_options o = {.units = c->units,
                                  .weight_noise = pass->weight_noise,
                                  .lengths = pass->lengths,
                                  .h0 = pass->states[0],
                                  .c0 = pass->states[1],
                                  .h_n = pass->next[0],
                                  .c_n = pass->next[1]};
  rapt_tensor *h = rapt__nn_recurrent(&l, "rnn", kinds[c->cell], pass->before, &o);
  rapt_init init = {RAPT_INIT_UNIFORM, 1 / sqrt((double)c->units), false};
  int64_t notes = RAPT_ROLL_NOTES, dims[2] = {notes, c->units};
  rapt_tensor *w = rapt_param(pass->graph, pass->params, "output.weight", 2, dims, init);
  init.no_decay = true;
  rapt_tensor *b = rapt_param(pass->graph, pass->params, "output.bias", 1, &notes, init);
  return rapt_linear(h, rapt_gaussian_noise(w, pass->weight_noise), true, rapt_gaussian_noise(b, pass->weight_noise),
                     RAPT_IDENTITY);
}

static int states(const void *config, int64_t rows, int64_t dims[3]) {
  const rapt__music_rnn *c = config;
  dims[0] = 1;
  dims[1] = rows;
  dims[2] = c->units;
  return c->cell == RAPT__MUSIC_LSTM ? 2 : 1;
}

static const rapt__music music = {.logits = logits, .states = states};

const rapt__model rapt__model_music_rnn = {.name = "music-rnn",
                                           .hf_class = "MusicRNN",
                                           .hf_type = "music-rnn",
                                           .hf_prefix = "",
                                           .keys = keys,
                                           .config_size = sizeof(rapt__music_rnn),
                                           .check = check,
                                           .music = &music};
