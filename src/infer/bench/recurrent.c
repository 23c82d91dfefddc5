/* Recurrent layers forward and backward, and the training step of an attention decoder that is unrolled over its steps. */
#include "infer/bench/bench.h"

#include <math.h>

/* ---- One layer, as many inputs as units ---------------------------------------------------------------------------- */

enum { LEAVES = 5 }; /* x and the weights: all that has a gradient */

static rapt_status build_layer(rapt__bench *b, rapt_cell cell) {
  int64_t batch = b->size[0], t = b->size[1], n = b->size[2], gates = cell == RAPT_LSTM ? 4 : 3;
  static const char *const names[LEAVES + 1] = {"x", "w_ih", "w_hh", "b_ih", "b_hh", "dy"};
  static const char *const gradients[LEAVES] = {"dx", "dw_ih", "dw_hh", "db_ih", "db_hh"};
  RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
  rapt_tensor *in[LEAVES + 1], *out[LEAVES + 2];
  for (int i = 0; i <= LEAVES; i++) {
    bool sequence = i == 0 || i == LEAVES;
    const int64_t *dims = sequence ? (int64_t[]){t, batch, n} : (int64_t[]){gates * n, n};
    in[i] = rapt_input(b->graph, names[i], RAPT_F32, sequence ? 3 : i < 3 ? 2 : 1, dims);
  }
  rapt_recurrent_options options = {.cell = cell};
  out[LEAVES] = rapt_tap(rapt_recurrent(in[0], in[1], in[2], in[3], in[4], &options), "y");
  b->loss = out[LEAVES + 1] = rapt_sum(rapt_mul(out[LEAVES], in[LEAVES]), RAPT_ALL, false);
  RAPT_TRY(rapt_grad(b->loss, in, LEAVES, out));
  for (int i = 0; i < LEAVES; i++) rapt_tap(out[i], gradients[i]);
  RAPT_TRY(rapt__bench_plan(b, out, LEAVES + 2));
  for (int i = 0; i <= LEAVES; i++)
    rapt__bench_normal(b, in[i], i == 0 || i == LEAVES ? 1 : 1 / sqrt(3 * (double)n)); /* weights vary as torch's */
  b->amount = (double)(batch * t);
  return RAPT_OK;
}

static rapt_status build_lstm(rapt__bench *b) { return build_layer(b, RAPT_LSTM); }
static rapt_status build_gru(rapt__bench *b) { return build_layer(b, RAPT_GRU); }

/* ---- A decoder with additive attention (Bahdanau et al. 2015) ------------------------------------------------------ */

enum { UNITS = 256, VOCABULARY = 1000, GROUPS = 6, GROUP = 5 }; /* GROUPS × GROUP steps: a concat takes only so many */

/* What all steps share. */
typedef struct decoder {
  rapt_tensor *annotations, *keys;        /* (B, S, UNITS) */
  rapt_tensor *query, *score;             /* (UNITS, UNITS), (1, UNITS) */
  rapt_tensor *w_ih, *w_hh, *b_ih, *b_hh; /* of the GRU */
  int64_t batch, positions;
} decoder;

/* e_j = v·tanh(W·s + U·h_j), context = Σ softmax(e)_j·h_j, for the state s (B, UNITS) → (1, B, UNITS). */
static rapt_tensor *context_of(const decoder *d, rapt_tensor *state) {
  rapt_tensor *query = rapt_linear(state, d->query, true, NULL, RAPT_IDENTITY);
  query = rapt_reshape(query, 3, (int64_t[]){d->batch, 1, UNITS});
  rapt_tensor *scores = rapt_linear(rapt_tanh(rapt_add(d->keys, query)), d->score, true, NULL, RAPT_IDENTITY);
  scores = rapt_softmax(rapt_reshape(scores, 3, (int64_t[]){d->batch, 1, d->positions}), NULL);
  return rapt_reshape(rapt_matmul(scores, d->annotations, false, false), 3, (int64_t[]){1, d->batch, UNITS});
}

static rapt_tensor *weights(const rapt__layers *l, const char *name, int ndim, int64_t rows, int64_t columns) {
  rapt_init init = {RAPT_INIT_UNIFORM, 1 / sqrt(UNITS), ndim == 1};
  return rapt_param(l->graph, l->params, name, ndim, (int64_t[]){rows, columns}, init);
}

static rapt_tensor *decoder_loss(rapt__bench *b) {
  int64_t batch = b->size[0], steps = GROUPS * GROUP, positions = b->size[1];
  rapt__layers l = {b->graph, b->params};
  rapt_tensor *source = rapt_input(b->graph, "source", RAPT_I32, 2, (int64_t[]){batch, positions});
  rapt_tensor *target = rapt_input(b->graph, "target", RAPT_I32, 2, (int64_t[]){steps, batch});
  rapt_tensor *labels = rapt_input(b->graph, "labels", RAPT_I32, 2, (int64_t[]){steps, batch});
  decoder d = {.batch = batch, .positions = positions};
  d.annotations = rapt_embedding(rapt__nn_table(&l, "source", VOCABULARY, UNITS, 1), source);
  d.keys = rapt__nn_linear(&l, "keys", d.annotations, UNITS, true, false, 1 / sqrt(UNITS), RAPT_IDENTITY);
  d.query = weights(&l, "query.weight", 2, UNITS, UNITS);
  d.score = weights(&l, "score.weight", 2, 1, UNITS);
  d.w_ih = weights(&l, "cell.weight_ih", 2, 3 * UNITS, 2 * UNITS);
  d.w_hh = weights(&l, "cell.weight_hh", 2, 3 * UNITS, UNITS);
  d.b_ih = weights(&l, "cell.bias_ih", 1, 3 * UNITS, 0);
  d.b_hh = weights(&l, "cell.bias_hh", 1, 3 * UNITS, 0);
  rapt_tensor *state =
      rapt__nn_linear(&l, "first", rapt_mean(d.annotations, 1, false), UNITS, true, true, 1 / sqrt(UNITS), RAPT_TANH);
  rapt_tensor *words[GROUPS], *states[GROUPS];
  rapt_split(rapt_embedding(rapt__nn_table(&l, "target", VOCABULARY, UNITS, 1), target), 0, GROUPS, words);
  for (int g = 0; g < GROUPS; g++) {
    rapt_tensor *word[GROUP], *y[GROUP];
    rapt_split(words[g], 0, GROUP, word);
    for (int i = 0; i < GROUP; i++) {
      rapt_recurrent_options options = {.cell = RAPT_GRU, .h0 = state};
      rapt_tensor *x = rapt_concat((rapt_tensor *[]){word[i], context_of(&d, state)}, 2, -1);
      y[i] = rapt_recurrent(x, d.w_ih, d.w_hh, d.b_ih, d.b_hh, &options);
      state = rapt_reshape(y[i], 2, (int64_t[]){batch, UNITS});
    }
    states[g] = rapt_concat(y, GROUP, 0);
  }
  rapt_tensor *all = rapt_concat(states, GROUPS, 0);
  return rapt_cross_entropy(
      rapt__nn_linear(&l, "read_out", all, VOCABULARY, true, true, 1 / sqrt(UNITS), RAPT_IDENTITY), labels, NULL);
}

static rapt_status build_decoder(rapt__bench *b) {
  RAPT_TRY(rapt__bench_train(b, decoder_loss, 0));
  static const char *const names[] = {"source", "target", "labels"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    rapt__bench_ids(b, rapt_plan_find(b->plan, names[i]), VOCABULARY);
  b->amount = (double)(b->size[0] * GROUPS * GROUP);
  return RAPT_OK;
}

const rapt__work rapt__works_recurrent[] = {
    {{"lstm", "LSTM 16 x 100 x 256, forward + backward", "positions/s", false, false},
     build_lstm,
     {16, 100, 256},
     NULL},
    {{"gru", "GRU 16 x 100 x 256, forward + backward", "positions/s", false, false}, build_gru, {16, 100, 256}, NULL},
    {{"lstm-small", "LSTM 1 x 200 x 64, forward + backward", "positions/s", false, false},
     build_lstm,
     {1, 200, 64},
     NULL},
    {{"decoder", "decoder step with additive attention, GRU 256, 30 words from 30, batch 32", "words/s", false, false},
     build_decoder,
     {32, 30},
     NULL},
    {{0}}};
