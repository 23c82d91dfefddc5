/* Encoder and decoder of recurrent layers without attention. By default that of Sutskever et al. 2014: two LSTMs, the source read
 * from its end, the encoder's last states the decoder's first ones. Settings make it that of Cho et al. 2014: one layer of their
 * gated unit, the source's vector c an input of every decoder step, and a maxout layer before the output; with either of their
 * encoders, the second of which is no recurrent layer but a gated recursive convolutional network. */
#include "models/models.h"
#include "nn/grconv.h"
#include "nn/recurrent.h"

#include <stddef.h>
#include <stdio.h>

typedef struct encdec_config {
  int64_t vocabulary, source_vocabulary, context, layers, width, embedding, maxout;
  double dropout, init;
  int cell, encoder;
  bool reverse, bidirectional, feed_context;
} encdec_config;

static const char *const cells[] = {"lstm", "gru", "gru-before", NULL};
enum { ENCODER_RECURRENT, ENCODER_GRCONV };
static const char *const encoders[] = {"recurrent", "grconv", NULL};

#define AT(field) offsetof(encdec_config, field)
static const rapt__key keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the target; 0: the tokenizer's"},
    {"model.source_vocabulary", "source_vocab_size", RAPT__KEY_INT, AT(source_vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the source; 0: the tokenizer's"},
    {"model.context", "n_positions", RAPT__KEY_INT, AT(context), "64", 2, 1 << 16, NULL,
     "tokens of a sentence at most, its end included"},
    {"model.cell", "cell", RAPT__KEY_CHOICE, AT(cell), "lstm", 0, 0, cells,
     "recurrent unit; gru-before resets the state before its product, as Cho et al. have it"},
    {"model.encoder", "encoder", RAPT__KEY_CHOICE, AT(encoder), "recurrent", 0, 0, encoders,
     "recurrent layers, or a gated recursive convolutional network that joins neighbours until one vector is left"},
    {"model.layers", "num_layers", RAPT__KEY_INT, AT(layers), "2", 1, RAPT__NN_RECURRENT_LAYERS, NULL,
     "recurrent layers of the encoder, and of the decoder"},
    {"model.width", "hidden_size", RAPT__KEY_INT, AT(width), "256", 1, 1 << 16, NULL, "units of a layer"},
    {"model.embedding", "embedding_size", RAPT__KEY_INT, AT(embedding), "0", 0, 1 << 16, NULL,
     "size of a token's vector; 0: as the width"},
    {"model.dropout", "dropout", RAPT__KEY_REAL, AT(dropout), "0", 0, 0.99, NULL,
     "dropout of token vectors, between layers and before the output"},
    {"model.init", "initializer_range", RAPT__KEY_REAL, AT(init), "0.08", 0, 10, NULL,
     "new token vectors and output weights are uniform in ± this"},
    {"model.reverse", "reverse", RAPT__KEY_BOOL, AT(reverse), "true", 0, 0, NULL, "the source is read from its end"},
    {"model.bidirectional", "bidirectional", RAPT__KEY_BOOL, AT(bidirectional), "false", 0, 0, NULL,
     "the source is read in both directions"},
    {"model.feed_context", "feed_context", RAPT__KEY_BOOL, AT(feed_context), "false", 0, 0, NULL,
     "the source's vector is an input of every decoder step and all that the decoder starts from"},
    {"model.maxout", "maxout", RAPT__KEY_INT, AT(maxout), "0", 0, 1 << 16, NULL,
     "units of a maxout layer before the output; 0: none"},
    {0}};
#undef AT

static rapt_status check(rapt_context *ctx, const void *config) {
  const encdec_config *c = config;
  if (c->vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary is not set");
  if (c->source_vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.source_vocabulary is not set");
  if (c->encoder == ENCODER_GRCONV && (!c->feed_context || c->reverse || c->bidirectional))
    return rapt__fail(ctx, RAPT_EKEY,
                      "model.encoder=grconv gives one vector and has no direction: it needs model.feed_context=true, "
                      "model.reverse=false and model.bidirectional=false");
  return RAPT_OK;
}

static rapt_cell cell_of(const encdec_config *c) {
  static const rapt_cell kinds[] = {RAPT_LSTM, RAPT_GRU, RAPT_GRU_BEFORE};
  return kinds[c->cell];
}

static rapt_tensor *weight(const rapt__layers *l, const encdec_config *c, const char *name, int64_t rows,
                           int64_t columns) {
  return rapt_param(l->graph, l->params, name, 2, (int64_t[]){rows, columns},
                    (rapt_init){RAPT_INIT_UNIFORM, c->init, false});
}

/* NAME.weight (out, in) and, with `bias`, NAME.bias. */
static rapt_tensor *linear(const rapt__layers *l, const encdec_config *c, const char *name, rapt_tensor *x, int64_t out,
                           bool bias, rapt_activation activation) {
  char full[64];
  snprintf(full, sizeof full, "%s.weight", name);
  rapt_tensor *w = weight(l, c, full, out, rapt_dim(x, -1)), *b = NULL;
  snprintf(full, sizeof full, "%s.bias", name);
  if (bias) b = rapt_param(l->graph, l->params, full, 1, &out, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return rapt_linear(x, w, true, b, activation);
}

/* Vectors of tokens (B, n) with time first: (n, B, E). */
static rapt_tensor *embed(const rapt__seq2seq_pass *pass, const rapt__layers *l, int64_t vocabulary,
                          rapt_tensor *tokens) {
  const encdec_config *c = pass->config;
  rapt_tensor *table = weight(l, c, "embedding.weight", vocabulary, c->embedding ? c->embedding : c->width);
  rapt_tensor *x = rapt_permute(rapt_embedding(table, tokens), (int[]){1, 0, 2});
  return rapt_dropout(x, pass->training ? c->dropout : 0);
}

/* States (L, B, n) as the search keeps them, (B, 1, L, n), and back. */
static rapt_tensor *rows_first(rapt_tensor *x) {
  rapt_tensor *y = rapt_permute(x, (int[]){1, 0, 2});
  return rapt_reshape(y, 4, (int64_t[]){rapt_dim(y, 0), 1, rapt_dim(y, 1), rapt_dim(y, 2)});
}
static rapt_tensor *layers_first(rapt_tensor *x) {
  int64_t dims[3] = {rapt_dim(x, 0), rapt_dim(x, 2), rapt_dim(x, 3)};
  return rapt_permute(rapt_reshape(x, 3, dims), (int[]){1, 0, 2});
}

/* ---- Encoder ---- */

/* Last states (2L, B, n) of both directions as those of a decoder (L, B, n): one linear layer for all. */
static rapt_tensor *join_directions(const rapt__layers *l, const encdec_config *c, const char *name, rapt_tensor *x,
                                    rapt_activation activation) {
  int64_t dims[4] = {c->layers, 2, rapt_dim(x, 1), c->width};
  rapt_tensor *y = rapt_permute(rapt_reshape(x, 4, dims), (int[]){0, 2, 1, 3});
  y = rapt_reshape(y, 3, (int64_t[]){c->layers, dims[2], 2 * c->width});
  return linear(l, c, name, y, c->width, true, activation);
}

/* Last states (L, B, n) of all layers and directions as the decoder's, and those of LSTMs' memory cells. */
static rapt_tensor *encode_recurrent(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *x,
                                     rapt_tensor **memory) {
  const encdec_config *c = pass->config;
  bool lstm = cell_of(c) == RAPT_LSTM;
  rapt_tensor *h;
  rapt__nn_recurrent_options o = {.units = c->width,
                                  .layers = c->layers,
                                  .bidirectional = c->bidirectional,
                                  .reverse = c->reverse,
                                  .dropout = pass->training ? c->dropout : 0,
                                  .lengths = pass->source_lengths,
                                  .h_n = &h,
                                  .c_n = lstm ? memory : NULL};
  rapt__nn_recurrent(l, "rnn", cell_of(c), x, &o);
  if (!c->bidirectional) return h;
  if (lstm && !c->feed_context) *memory = join_directions(l, c, "join_memory", *memory, RAPT_IDENTITY);
  return join_directions(l, c, "join", h, RAPT_TANH);
}

/* The top of the pyramid, as the last state of one layer: (1, B, n). */
static rapt_tensor *encode_pyramid(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *x) {
  const encdec_config *c = pass->config;
  rapt__nn_grconv_options o = {.units = c->width, .lengths = pass->source_lengths, .taps = pass->taps};
  rapt_tensor *top = rapt__nn_grconv(l, "grconv", rapt_permute(x, (int[]){1, 0, 2}), &o);
  return rapt_reshape(top, 3, (int64_t[]){1, rapt_dim(x, 1), c->width});
}

/* c = tanh(V h): the only thing that the decoder gets; its layers start from tanh(V' c), memory cells from zero. */
static void encode_context(const rapt__layers *l, const encdec_config *c, rapt_tensor *top, rapt__encoded *encoded) {
  int64_t rows = rapt_dim(top, 1);
  rapt_tensor *vector = rapt_reshape(top, 2, (int64_t[]){rows, c->width});
  vector = linear(l, c, "context", vector, c->width, true, RAPT_TANH);
  rapt__encoded_memory(encoded, vector);
  rapt_tensor *h = linear(l, c, "start", vector, c->layers * c->width, true, RAPT_TANH);
  rapt__encoded_start(encoded, "h", rapt_reshape(h, 4, (int64_t[]){rows, 1, c->layers, c->width}));
  if (cell_of(c) != RAPT_LSTM) return;
  rapt__encoded_start(encoded, "c", rapt_fill(l->graph, 0, 4, (int64_t[]){rows, 1, c->layers, c->width}));
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const encdec_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt_scope_begin(pass->graph, "encoder");
  rapt_tensor *x = embed(pass, &l, c->source_vocabulary, pass->source), *memory = NULL;
  rapt_tensor *h = c->encoder == ENCODER_GRCONV ? encode_pyramid(pass, &l, x) : encode_recurrent(pass, &l, x, &memory);
  if (c->feed_context) {
    encode_context(&l, c, rapt_slice(h, 0, rapt_dim(h, 0) - 1, 1), encoded);
  } else {
    rapt__encoded_start(encoded, "h", rows_first(h));
    if (memory) rapt__encoded_start(encoded, "c", rows_first(memory));
  }
  rapt_scope_end(pass->graph);
}

/* ---- Decoder ---- */

/* The context (B, n) beside every step of x (T, B, E). */
static rapt_tensor *beside(rapt_tensor *x, rapt_tensor *context) {
  int64_t dims[3] = {rapt_dim(x, 0), rapt_dim(x, 1), rapt_dim(context, 1)};
  return rapt_concat((rapt_tensor *[]){x, rapt_broadcast(context, 3, dims)}, 2, 2);
}

/* From states before the first token, (L, B, n); h_n and c_n get those after the last. */
static rapt__output decode_from(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *h0,
                                rapt_tensor *c0, rapt_tensor **h_n, rapt_tensor **c_n) {
  const encdec_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  double drop = pass->training ? c->dropout : 0;
  rapt_scope_begin(pass->graph, "decoder");
  rapt_tensor *x = embed(pass, &l, c->vocabulary, pass->target);
  if (c->feed_context) x = beside(x, encoded->memory[0]);
  rapt__nn_recurrent_options o = {
      .units = c->width, .layers = c->layers, .dropout = drop, .h0 = h0, .c0 = c0, .h_n = h_n, .c_n = c_n};
  rapt_tensor *y = rapt__nn_recurrent(&l, "rnn", cell_of(c), x, &o);
  if (c->maxout) {
    /* One product over state, last token and context side by side is the sum of the paper's three. */
    y = rapt_concat((rapt_tensor *[]){y, x}, 2, 2);
    y = linear(&l, c, "maxout", y, 2 * c->maxout, true, RAPT_IDENTITY);
    y = rapt_reshape(y, 4, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), c->maxout, 2});
    y = rapt_reduce_max(y, -1, false);
  }
  y = rapt_permute(rapt_dropout(y, drop), (int[]){1, 0, 2});
  rapt_scope_end(pass->graph);
  rapt__output out = {.hidden = y, .head = weight(&l, c, "head.weight", c->vocabulary, rapt_dim(y, 2))};
  out.bias =
      rapt_param(pass->graph, pass->params, "head.bias", 1, &c->vocabulary, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return out;
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const encdec_config *c = pass->config;
  bool lstm = cell_of(c) == RAPT_LSTM;
  rapt_tensor *h0 = layers_first(encoded->starts[0].value);
  return decode_from(pass, encoded, h0, lstm ? layers_first(encoded->starts[1].value) : NULL, NULL, NULL);
}

static rapt__output step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const encdec_config *c = pass->config;
  bool lstm = cell_of(c) == RAPT_LSTM;
  int64_t dims[4] = {rapt_dim(pass->target, 0), 1, c->layers, c->width};
  rapt_tensor *h = rapt__seq2seq_state(pass, "h", 4, dims), *h_n, *c_n;
  rapt_tensor *memory = lstm ? rapt__seq2seq_state(pass, "c", 4, dims) : NULL;
  rapt__output out =
      decode_from(pass, encoded, layers_first(h), lstm ? layers_first(memory) : NULL, &h_n, lstm ? &c_n : NULL);
  rapt__seq2seq_keep(h, rows_first(h_n));
  if (lstm) rapt__seq2seq_keep(memory, rows_first(c_n));
  return out;
}

static int64_t context(const void *config) { return ((const encdec_config *)config)->context; }
static int64_t *vocabulary(void *config) { return &((encdec_config *)config)->vocabulary; }
static int64_t *source_vocabulary(void *config) { return &((encdec_config *)config)->source_vocabulary; }

static const rapt__seq2seq seq2seq = {
    .encode = encode, .decode = decode, .step = step, .source_vocabulary = source_vocabulary};

const rapt__model rapt__model_rnn_encdec = {.name = "rnn-encdec",
                                            .hf_class = "RnnEncoderDecoder",
                                            .hf_type = "rnn-encdec",
                                            .hf_prefix = "",
                                            .keys = keys,
                                            .config_size = sizeof(encdec_config),
                                            .check = check,
                                            .context = context,
                                            .vocabulary = vocabulary,
                                            .seq2seq = &seq2seq};
