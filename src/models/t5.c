/* T5 (Raffel et al. 2020): an encoder and a decoder normed before every branch by RMS norms, with learnt biases of scores for buckets of
 * distances and unscaled dot products, under the tensor names of Hugging Face's T5ForConditionalGeneration. */
#include "models/models.h"

#include <math.h>
#include <stddef.h>

typedef struct t5_config {
  int64_t vocabulary, context, layers, decoder_layers, heads, head_size, width, inner, buckets, max_distance;
  double dropout, eps, init;
  int inner_kind;
  bool tied, scaled_head;
} t5_config;

static const char *const kinds[] = {"relu", "gated-gelu", "gelu", "gelu_new", "silu", "gated-relu", "gated-silu", NULL};
static const struct {
  rapt_activation activation;
  bool gated;
} kind_of[] = {{RAPT_RELU, false}, {RAPT_GELU_TANH, true}, {RAPT_GELU, false}, {RAPT_GELU_TANH, false},
               {RAPT_SILU, false}, {RAPT_RELU, true},      {RAPT_SILU, true}};

#define AT(field) offsetof(t5_config, field)
static const rapt__key keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens of both sides; 0: the tokenizer's", "32128"},
    {"model.context", "n_positions", RAPT__KEY_INT, AT(context), "128", 1, 1 << 16, NULL,
     "tokens that a text may have, on either side: room, since positions are relative", "512"},
    {"model.encoder_layers", "num_layers", RAPT__KEY_INT, AT(layers), "3", 1, 100, NULL, "layers that read the source",
     "6"},
    {"model.decoder_layers", "num_decoder_layers", RAPT__KEY_INT, AT(decoder_layers), "0", 0, 30, NULL,
     "layers that write the target; 0: as many as the encoder", "0"},
    {"model.width", "d_model", RAPT__KEY_INT, AT(width), "256", 1, 1 << 16, NULL, "size of the hidden state", "512"},
    {"model.heads", "num_heads", RAPT__KEY_INT, AT(heads), "4", 1, 1024, NULL, "attention heads", "8"},
    {"model.head_size", "d_kv", RAPT__KEY_INT, AT(head_size), "0", 0, 1 << 12, NULL,
     "size of a head; 0: the width divided by the heads", "64"},
    {"model.inner", "d_ff", RAPT__KEY_INT, AT(inner), "0", 0, 1 << 18, NULL,
     "size of the feed-forward layers; 0: 4 × width", "2048"},
    {"model.buckets", "relative_attention_num_buckets", RAPT__KEY_INT, AT(buckets), "32", 4, 1 << 16, NULL,
     "buckets of distances; a multiple of 4"},
    {"model.max_distance", "relative_attention_max_distance", RAPT__KEY_INT, AT(max_distance), "128", 2, 1 << 20, NULL,
     "distances at and past it are one"},
    {"model.dropout", "dropout_rate", RAPT__KEY_REAL, AT(dropout), "0.1", 0, 0.99, NULL,
     "dropout of embeddings, attention, feed-forward layers and residual branches"},
    {"model.eps", "layer_norm_epsilon", RAPT__KEY_REAL, AT(eps), "1e-6", 0, 1, NULL,
     "added to the mean square in norms"},
    {"model.init", "initializer_factor", RAPT__KEY_REAL, AT(init), "1", 0, 10, NULL,
     "new weights are as large as in T5 times this"},
    {"model.activation", "feed_forward_proj", RAPT__KEY_CHOICE, AT(inner_kind), "relu", 0, 0, kinds,
     "of the feed-forward layers, gated or not"},
    {"model.scaled_head", "scale_decoder_outputs|tie_word_embeddings", RAPT__KEY_BOOL, AT(scaled_head), "true", 0, 0,
     NULL, "states are divided by the root of the width before the output weights"},
    {"model.tied", "tie_word_embeddings", RAPT__KEY_BOOL, AT(tied), "true", 0, 0, NULL,
     "output weights are the token embeddings"},
    {0}};
#undef AT

static rapt_status settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  t5_config *c = config;
  if (!c->decoder_layers) c->decoder_layers = c->layers;
  if (!c->head_size) c->head_size = c->width / c->heads;
  if (!c->inner) c->inner = 4 * c->width;
  return RAPT_OK;
}

static rapt_status check(rapt_context *ctx, const void *config) {
  const t5_config *c = config;
  if (c->decoder_layers > 30)
    return rapt__fail(ctx, RAPT_EKEY, "model.decoder_layers=%lld is above 30", (long long)c->decoder_layers);
  if (c->head_size < 1)
    return rapt__fail(ctx, RAPT_EKEY, "model.heads=%lld is above model.width=%lld", (long long)c->heads,
                      (long long)c->width);
  if (c->buckets % 4 != 0 || c->max_distance <= c->buckets / 2)
    return rapt__fail(ctx, RAPT_EKEY,
                      "model.buckets=%lld is no multiple of 4, or model.max_distance=%lld not above half of it",
                      (long long)c->buckets, (long long)c->max_distance);
  if (c->vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary is not set");
  return RAPT_OK;
}

/* One side of the network while it is built. */
typedef struct side {
  rapt__seq2seq_pass *pass;
  rapt__layers l;
  const t5_config *c;
  const char *name;  /* "encoder" */
  rapt_tensor *bias; /* of the scores among its own tokens, (H, Tq, Tk) */
} side;

/* Weights start with `scale` as their standard deviation, times model.init. */
static rapt_tensor *linear(const side *s, const char *name, rapt_tensor *x, int64_t out, double scale,
                           rapt_activation activation) {
  return rapt__nn_linear(&s->l, name, x, out, true, false, scale * s->c->init, activation);
}

static rapt_tensor *drop(const side *s, rapt_tensor *x) {
  return s->pass->training ? rapt_dropout(x, s->c->dropout) : x;
}

static rapt_tensor *heads_of(const side *s, const char *name, rapt_tensor *x) {
  const t5_config *c = s->c;
  double scale = pow((double)c->width, -0.5);
  if (name[0] == 'q') scale *= pow((double)c->head_size, -0.5); /* what other models divide scores by */
  rapt_tensor *y = linear(s, name, x, c->heads * c->head_size, scale, RAPT_IDENTITY);
  return rapt_reshape(y, 4, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), c->heads, c->head_size});
}

/* Queries from x (B, T, C) over keys and values; *probs gets (B, H, T, Tk) unless NULL. The graph's scope is the attention's. */
static rapt_tensor *attend(const side *s, rapt_tensor *x, rapt_tensor *k, rapt_tensor *v,
                           rapt_attention_options options, rapt_tensor **probs) {
  const t5_config *c = s->c;
  rapt_tensor *seen;
  int64_t dims[3] = {rapt_dim(x, 0), rapt_dim(x, 1), c->heads * c->head_size};
  options.scale = 1;
  options.dropout = s->pass->training ? c->dropout : 0;
  options.probs = probs || s->pass->taps ? &seen : NULL;
  rapt_tensor *y = rapt_attention(heads_of(s, "q", x), k, v, &options);
  if (probs) *probs = seen;
  if (s->pass->taps) rapt_tap(seen, "probs");
  return linear(s, "o", rapt_reshape(y, 3, dims), c->width, pow((double)dims[2], -0.5), RAPT_IDENTITY);
}

static rapt_tensor *feed_forward(const side *s, rapt_tensor *x) {
  const t5_config *c = s->c;
  double scale = pow((double)c->width, -0.5);
  bool gated = kind_of[c->inner_kind].gated;
  rapt_tensor *h = linear(s, gated ? "wi_0" : "wi", x, c->inner, scale, kind_of[c->inner_kind].activation);
  if (gated) h = rapt_mul(h, linear(s, "wi_1", x, c->inner, scale, RAPT_IDENTITY));
  return linear(s, "wo", drop(s, h), c->width, pow((double)c->inner, -0.5), RAPT_IDENTITY);
}

/* Biases of a side's scores, which its first layer has for all: queries at `at` (Tq), `count` keys from 0 on. */
static rapt_tensor *make_bias(const side *s, rapt_tensor *at, int64_t count, bool both) {
  const t5_config *c = s->c;
  rapt_scope_begin(s->l.graph, "%s.block.0.layer.0.SelfAttention", s->name);
  rapt_tensor *table =
      rapt__nn_table(&s->l, "relative_attention_bias", c->buckets, c->heads, c->init * pow((double)c->width, -0.5));
  rapt_scope_end(s->l.graph);
  rapt_tensor *ids = rapt_relative_buckets(at, count, c->buckets, c->max_distance, both);
  return rapt_permute(rapt_embedding(table, ids), (int[]){2, 0, 1});
}

static rapt_tensor *own_attention(const side *s, rapt_tensor *x) {
  rapt__seq2seq_pass *pass = s->pass;
  bool decoder = s->name[0] == 'd';
  rapt_tensor *k = heads_of(s, "k", x), *v = heads_of(s, "v", x);
  rapt_attention_options o = {.bias = s->bias, .lengths = decoder ? NULL : pass->source_lengths};
  if (decoder && pass->states) {
    int64_t dims[4] = {rapt_dim(x, 0), s->c->context, s->c->heads, s->c->head_size};
    k = rapt__seq2seq_cache(pass, rapt__seq2seq_state(pass, "cache.k", 4, dims), k);
    v = rapt__seq2seq_cache(pass, rapt__seq2seq_state(pass, "cache.v", 4, dims), v);
    o.lengths = pass->filled;
  } else {
    o.causal = decoder;
  }
  return attend(s, x, k, v, o, NULL);
}

/* The places of a block: what a branch begins and ends with. */
static rapt_tensor *enter(const side *s, int layer, const char *name, rapt_tensor *x) {
  rapt_scope_begin(s->l.graph, "layer.%d", layer);
  x = rapt__nn_rms_norm(&s->l, "layer_norm", x, s->c->eps);
  rapt_scope_begin(s->l.graph, "%s", name);
  return x;
}

static rapt_tensor *leave(const side *s, rapt_tensor *x, rapt_tensor *branch) {
  rapt_scope_end(s->l.graph);
  rapt_scope_end(s->l.graph);
  return rapt_add(x, drop(s, branch));
}

static rapt_tensor *table(const side *s) {
  return rapt__nn_table(&s->l, "shared", s->c->vocabulary, s->c->width, s->c->init);
}

static rapt_tensor *finish(const side *s, rapt_tensor *x) {
  rapt_scope_begin(s->l.graph, "%s", s->name);
  x = rapt__nn_rms_norm(&s->l, "final_layer_norm", x, s->c->eps);
  rapt_scope_end(s->l.graph);
  return drop(s, x);
}

static side side_of(rapt__seq2seq_pass *pass, const char *name) {
  return (side){.pass = pass, .l = {pass->graph, pass->params}, .c = pass->config, .name = name};
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  side s = side_of(pass, "encoder"), d = side_of(pass, "decoder");
  int64_t t = rapt_dim(pass->source, 1);
  rapt_tensor *x = drop(&s, rapt_embedding(table(&s), pass->source));
  s.bias = make_bias(&s, rapt_arange(pass->graph, t), t, true);
  for (int i = 0; i < (int)s.c->layers; i++) {
    rapt_scope_begin(pass->graph, "encoder.block.%d", i);
    x = leave(&s, x, own_attention(&s, enter(&s, 0, "SelfAttention", x)));
    x = leave(&s, x, feed_forward(&s, enter(&s, 1, "DenseReluDense", x)));
    rapt_scope_end(pass->graph);
  }
  x = finish(&s, x);
  /* What the decoder's layers look at is the same for every token, so it is projected here. */
  for (int i = 0; i < (int)d.c->decoder_layers; i++) {
    rapt_scope_begin(pass->graph, "decoder.block.%d.layer.1.EncDecAttention", i);
    rapt__encoded_memory(encoded, heads_of(&d, "k", x));
    rapt__encoded_memory(encoded, heads_of(&d, "v", x));
    rapt_scope_end(pass->graph);
  }
}

/* The mean over heads of the last layer but one, as in transformer.c. */
static void keep_alignment(const side *s, int layer, rapt_tensor *probs) {
  int64_t n = s->c->decoder_layers;
  if (layer == (n > 1 ? n - 2 : 0)) s->pass->alignment = rapt_mean(probs, 1, false);
}

static rapt__output run_decoder(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  side s = side_of(pass, "decoder");
  const t5_config *c = s.c;
  int64_t one = 1, t = rapt_dim(pass->target, 1);
  rapt_tensor *probs, *x = drop(&s, rapt_embedding(table(&s), pass->target));
  rapt_tensor *at = pass->states ? rapt_reshape(pass->at, 1, &one) : rapt_arange(pass->graph, t);
  s.bias = make_bias(&s, at, pass->states ? c->context : t, false);
  for (int i = 0; i < (int)c->decoder_layers; i++) {
    rapt_attention_options across = {.lengths = pass->source_lengths};
    rapt_scope_begin(pass->graph, "decoder.block.%d", i);
    x = leave(&s, x, own_attention(&s, enter(&s, 0, "SelfAttention", x)));
    rapt_tensor *normed = enter(&s, 1, "EncDecAttention", x);
    x = leave(&s, x, attend(&s, normed, encoded->memory[2 * i], encoded->memory[2 * i + 1], across, &probs));
    keep_alignment(&s, i, probs);
    x = leave(&s, x, feed_forward(&s, enter(&s, 2, "DenseReluDense", x)));
    rapt_scope_end(pass->graph);
  }
  x = finish(&s, x);
  if (c->scaled_head) x = rapt_scale(x, pow((double)c->width, -0.5));
  rapt_tensor *head = c->tied ? table(&s) : rapt__nn_table(&s.l, "lm_head", c->vocabulary, c->width, c->init);
  return (rapt__output){.hidden = x, .head = head};
}

static int64_t context(const void *config) { return ((const t5_config *)config)->context; }
static int64_t *vocabulary(void *config) { return &((t5_config *)config)->vocabulary; }

static const rapt__seq2seq seq2seq = {.encode = encode, .decode = run_decoder, .step = run_decoder};

static const char *const unread[] = {"EncDecAttention.relative_attention_bias.weight", NULL};
static const char *const tied[] = {"encoder.embed_tokens.weight",
                                   "shared.weight",
                                   "decoder.embed_tokens.weight",
                                   "shared.weight",
                                   "lm_head.weight",
                                   "shared.weight",
                                   NULL};

const rapt__model rapt__model_t5 = {.name = "t5",
                                    .hf_class = "T5ForConditionalGeneration",
                                    .hf_type = "t5",
                                    .hf_prefix = "",
                                    .hf_unread = unread,
                                    .hf_tied = tied,
                                    .keys = keys,
                                    .config_size = sizeof(t5_config),
                                    .settle = settle,
                                    .check = check,
                                    .context = context,
                                    .vocabulary = vocabulary,
                                    .seq2seq = &seq2seq};
