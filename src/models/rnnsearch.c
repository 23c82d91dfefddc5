/* RNNsearch (Bahdanau et al. 2015): a bidirectional encoder, and a decoder whose attention looks for the source words that the
 * next word needs. Equations are those of the paper's appendix A. */
#include "models/models.h"

#include "nn/attention.h"
#include "nn/recurrent.h"

#include <math.h>
#include <stddef.h>

typedef struct rnnsearch_config {
  int64_t source_vocabulary, vocabulary, context, embedding, width, attention_width, maxout;
  double dropout;
  int cell, score, normaliser;
} rnnsearch_config;

static const char *const cells[] = {"gru-before", "gru", "lstm", NULL};
static const rapt_cell cell_of[] = {RAPT_GRU_BEFORE, RAPT_GRU, RAPT_LSTM};
static const char *const scores[] = {"additive", "dot", "scaled", "bilinear", "location", NULL};
static const char *const normalisers[] = {"softmax", "sigmoid", NULL};

#define AT(field) offsetof(rnnsearch_config, field)
static const rapt__key keys[] = {
    {"model.source_vocabulary", "vocab_size", RAPT__KEY_INT, AT(source_vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the source; 0: its tokenizer's"},
    {"model.vocabulary", "decoder_vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of the target; 0: its tokenizer's"},
    {"model.context", "max_position_embeddings", RAPT__KEY_INT, AT(context), "64", 1, 512, NULL,
     "tokens that a sentence may have, on either side"},
    {"model.embedding", "embedding_size", RAPT__KEY_INT, AT(embedding), "256", 1, 1 << 16, NULL, "size of embeddings"},
    {"model.width", "hidden_size", RAPT__KEY_INT, AT(width), "256", 1, 1 << 16, NULL,
     "units of the decoder and of each direction of the encoder"},
    {"model.attention_width", "attention_size", RAPT__KEY_INT, AT(attention_width), "256", 1, 1 << 16, NULL,
     "units of the alignment model (additive score)"},
    {"model.maxout", "maxout_size", RAPT__KEY_INT, AT(maxout), "256", 1, 1 << 16, NULL,
     "units of the readout; each is the larger of two"},
    {"model.dropout", "dropout", RAPT__KEY_REAL, AT(dropout), "0", 0, 0.99, NULL, "dropout of embeddings and readout"},
    {"model.cell", "cell", RAPT__KEY_CHOICE, AT(cell), "gru-before", 0, 0, cells,
     "recurrent cell; gru-before is the paper's, whose reset gate is inside the product"},
    {"model.score", "score", RAPT__KEY_CHOICE, AT(score), "additive", 0, 0, scores, "score of the alignment model"},
    {"model.normaliser", "normaliser", RAPT__KEY_CHOICE, AT(normaliser), "softmax", 0, 0, normalisers,
     "what makes weights of scores"},
    {0}};
#undef AT

static rapt_status check(rapt_context *ctx, const void *config) {
  const rnnsearch_config *c = config;
  if (c->vocabulary < 1 || c->source_vocabulary < 1)
    return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary or model.source_vocabulary is not set");
  return RAPT_OK;
}

static rapt__attention_kind kind_of(const rnnsearch_config *c) {
  return (rapt__attention_kind){.score = (rapt__score)c->score,
                                .normaliser = (rapt__normaliser)c->normaliser,
                                .units = c->attention_width,
                                .query = c->width,
                                .positions = c->context};
}

static rapt_tensor *linear(const rapt__layers *l, const char *name, rapt_tensor *x, int64_t out, bool bias,
                           rapt_activation activation) {
  return rapt__nn_linear(l, name, x, out, true, bias, 1 / sqrt((double)rapt_dim(x, -1)), activation);
}

/* ids (B, T) → (T, B, E): time first, as recurrent layers read. */
static rapt_tensor *embed(const rapt__seq2seq_pass *pass, const rapt__layers *l, rapt_tensor *ids, int64_t vocabulary) {
  const rnnsearch_config *c = pass->config;
  rapt_tensor *x = rapt_embedding(rapt__nn_table(l, "embed", vocabulary, c->embedding, 0.1), ids);
  return rapt_dropout(rapt_permute(x, (int[]){1, 0, 2}), pass->training ? c->dropout : 0);
}

/* dot and scaled need queries as wide as annotations: the two directions are summed for them, as in Luong et al. (2015). */
static rapt_tensor *annotations_of(const rnnsearch_config *c, rapt_tensor *y) {
  bool narrow = c->score == RAPT__SCORE_DOT || c->score == RAPT__SCORE_SCALED;
  rapt_tensor *both[2];
  if (narrow) rapt_split(y, -1, 2, both);
  return rapt_permute(narrow ? rapt_add(both[0], both[1]) : y, (int[]){1, 0, 2});
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const rnnsearch_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt__attention_kind kind = kind_of(c);
  rapt_tensor *last, *dims[2];
  rapt_scope_begin(pass->graph, "encoder");
  rapt__nn_recurrent_options options = {
      .units = c->width, .bidirectional = true, .lengths = pass->source_lengths, .h_n = &last};
  rapt_tensor *x = embed(pass, &l, pass->source, c->source_vocabulary);
  rapt_tensor *h = annotations_of(c, rapt__nn_recurrent(&l, "rnn", cell_of[c->cell], x, &options));
  rapt_scope_end(pass->graph);
  rapt_scope_begin(pass->graph, "decoder");
  rapt__encoded_memory(encoded, h);
  rapt__encoded_memory(encoded, rapt__nn_attention_keys(&l, "attention", &kind, h));
  /* s_0 = tanh(W_s·h_1): the backward direction has read the whole source when it reaches the first word. */
  rapt_split(last, 0, 2, dims);
  rapt_tensor *first = rapt_reshape(dims[1], 2, (int64_t[]){rapt_dim(h, 0), c->width});
  first = linear(&l, "first", first, c->width, true, RAPT_TANH);
  int64_t state[3] = {rapt_dim(h, 0), 1, c->width};
  rapt__encoded_start(encoded, "s", rapt_reshape(first, 3, state));
  if (cell_of[c->cell] == RAPT_LSTM) rapt__encoded_start(encoded, "c", rapt_fill(pass->graph, 0, 3, state));
  rapt_scope_end(pass->graph);
}

/* The decoder while it is built: what all steps share. */
typedef struct decoder {
  const rapt__seq2seq_pass *pass;
  const rnnsearch_config *c;
  rapt__layers l;
  rapt__attention_kind kind;
  rapt_tensor *annotations, *keys, *mask;
  rapt_tensor *s, *cell; /* (B, H); cell: LSTM */
} decoder;

static decoder decoder_of(const rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  rapt_tensor *h = encoded->memory[0];
  return (decoder){.pass = pass,
                   .c = pass->config,
                   .l = {pass->graph, pass->params},
                   .kind = kind_of(pass->config),
                   .annotations = h,
                   .keys = encoded->memory[1],
                   .mask = rapt__nn_mask(pass->source_lengths, rapt_dim(h, 1))};
}

/* Looks from s_(i−1), and goes on to s_i with the previous word e (1, B, E). *context (1, B, V), *weights (B, 1, S). */
static void advance(decoder *d, rapt_tensor *e, rapt_tensor **context, rapt_tensor **weights) {
  int64_t b = rapt_dim(d->s, 0), n = d->c->width;
  rapt_tensor *query = rapt_reshape(d->s, 3, (int64_t[]){b, 1, n});
  rapt_tensor *seen =
      rapt__nn_attention(&d->l, "attention", &d->kind, query, d->keys, d->annotations, d->mask, weights);
  *context = rapt_reshape(seen, 3, (int64_t[]){1, b, rapt_dim(d->annotations, 2)});
  rapt_tensor *h, *cell;
  rapt__nn_recurrent_options options = {.units = n, .h0 = rapt_reshape(d->s, 3, (int64_t[]){1, b, n}), .h_n = &h};
  if (d->cell) {
    options.c0 = rapt_reshape(d->cell, 3, (int64_t[]){1, b, n});
    options.c_n = &cell;
  }
  rapt__nn_recurrent(&d->l, "rnn", cell_of[d->c->cell], rapt_concat((rapt_tensor *[]){e, *context}, 2, -1), &options);
  d->s = rapt_reshape(h, 2, (int64_t[]){b, n});
  if (d->cell) d->cell = rapt_reshape(cell, 2, (int64_t[]){b, n});
}

/* t̃ = U_o·s_(i−1) + V_o·e + C_o·c, halves of which are compared; for all steps at once. (T, B, …) → (B, T, V) */
static rapt__output read_out(const decoder *d, rapt_tensor *before, rapt_tensor *e, rapt_tensor *context) {
  const rnnsearch_config *c = d->c;
  rapt_tensor *x = rapt_concat((rapt_tensor *[]){before, e, context}, 3, -1), *halves[2];
  rapt_split(linear(&d->l, "readout", x, 2 * c->maxout, true, RAPT_IDENTITY), -1, 2, halves);
  rapt_tensor *t = rapt_dropout(rapt_max(halves[0], halves[1]), d->pass->training ? c->dropout : 0);
  rapt_init init = {RAPT_INIT_NORMAL, 1 / sqrt((double)c->maxout), false}, zero = {RAPT_INIT_ZEROS, 0, true};
  int64_t dims[2] = {c->vocabulary, c->maxout};
  return (rapt__output){.hidden = rapt_permute(t, (int[]){1, 0, 2}),
                        .head = rapt_param(d->pass->graph, d->pass->params, "head.weight", 2, dims, init),
                        .bias = rapt_param(d->pass->graph, d->pass->params, "head.bias", 1, dims, zero)};
}

static rapt__output decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  enum { MOST = 512 }; /* tokens: bounded by model.context */
  rapt_tensor *before[MOST], *seen[MOST], *weights[MOST];
  decoder d = decoder_of(pass, encoded);
  int64_t b = rapt_dim(pass->target, 0), t = rapt_dim(pass->target, 1), n = d.c->width;
  rapt_scope_begin(pass->graph, "decoder");
  rapt_tensor *e = embed(pass, &d.l, pass->target, d.c->vocabulary);
  d.s = rapt_reshape(encoded->starts[0].value, 2, (int64_t[]){b, n});
  if (encoded->start_count > 1) d.cell = rapt_reshape(encoded->starts[1].value, 2, (int64_t[]){b, n});
  for (int64_t i = 0; i < t; i++) {
    before[i] = rapt_reshape(d.s, 3, (int64_t[]){1, b, n});
    advance(&d, rapt_slice(e, 0, i, 1), &seen[i], &weights[i]);
    weights[i] = rapt_reshape(weights[i], 3, (int64_t[]){1, b, rapt_dim(d.annotations, 1)});
  }
  rapt__output out = read_out(&d, rapt__nn_stack(before, t), e, rapt__nn_stack(seen, t));
  pass->alignment = rapt_permute(rapt__nn_stack(weights, t), (int[]){1, 0, 2});
  rapt_scope_end(pass->graph);
  return out;
}

static rapt__output step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  decoder d = decoder_of(pass, encoded);
  int64_t b = rapt_dim(pass->target, 0), n = d.c->width, dims[3] = {b, 1, n};
  rapt_tensor *s = rapt__seq2seq_state(pass, "s", 3, dims), *cell = NULL, *seen;
  if (cell_of[d.c->cell] == RAPT_LSTM) cell = rapt__seq2seq_state(pass, "c", 3, dims);
  rapt_scope_begin(pass->graph, "decoder");
  rapt_tensor *e = embed(pass, &d.l, pass->target, d.c->vocabulary);
  d.s = rapt_reshape(s, 2, (int64_t[]){b, n});
  if (cell) d.cell = rapt_reshape(cell, 2, (int64_t[]){b, n});
  advance(&d, e, &seen, &pass->alignment);
  rapt__output out = read_out(&d, rapt_reshape(s, 3, (int64_t[]){1, b, n}), e, seen);
  /* The readout is computed here, before the states change under it. */
  out.logits = rapt_linear(out.hidden, out.head, true, out.bias, RAPT_IDENTITY);
  rapt__seq2seq_keep(s, rapt_reshape(d.s, 3, dims));
  if (cell) rapt__seq2seq_keep(cell, rapt_reshape(d.cell, 3, dims));
  rapt_scope_end(pass->graph);
  return out;
}

static int64_t context(const void *config) { return ((const rnnsearch_config *)config)->context; }
static int64_t *vocabulary(void *config) { return &((rnnsearch_config *)config)->vocabulary; }
static int64_t *source_vocabulary(void *config) { return &((rnnsearch_config *)config)->source_vocabulary; }

static const rapt__seq2seq seq2seq = {
    .encode = encode, .decode = decode, .step = step, .source_vocabulary = source_vocabulary};

const rapt__model rapt__model_rnnsearch = {.name = "rnnsearch",
                                           .hf_class = "RNNSearch",
                                           .hf_type = "rnnsearch",
                                           .hf_prefix = "",
                                           .keys = keys,
                                           .config_size = sizeof(rnnsearch_config),
                                           .check = check,
                                           .context = context,
                                           .vocabulary = vocabulary,
                                           .seq2seq = &seq2seq};
