/* The Transformer (Vaswani et al. 2017): encoder and decoder of attention and feed-forward layers, normed after the residual
 * sum, with sinusoidal positions and shared embeddings, under the tensor names of Hugging Face's MarianMTModel. */
#include "models/transformer.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

const char *const rapt__transformer_activations[] = {"relu", "gelu", "silu", "gelu_new", "tanh", NULL};
static const rapt_activation activation_of[] = {RAPT_RELU, RAPT_GELU, RAPT_SILU, RAPT_GELU_TANH, RAPT_TANH};

static const rapt__key keys[] = {RAPT__TRANSFORMER_KEYS, {0}};

rapt_status rapt__transformer_settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__transformer_config *c = config;
  if (!c->decoder_heads) c->decoder_heads = c->encoder_heads;
  if (!c->encoder_inner) c->encoder_inner = 4 * c->width;
  if (!c->decoder_inner) c->decoder_inner = c->encoder_inner;
  return RAPT_OK;
}

rapt_status rapt__transformer_check(rapt_context *ctx, const void *config) {
  const rapt__transformer_config *c = config;
  if (c->width % 2 && !c->learned) return rapt__fail(ctx, RAPT_EKEY, "model.width=%lld is odd", (long long)c->width);
  if (c->width % c->encoder_heads)
    return rapt__fail(ctx, RAPT_EKEY, "model.heads=%lld does not divide model.width=%lld", (long long)c->encoder_heads,
                      (long long)c->width);
  if (c->width % c->decoder_heads)
    return rapt__fail(ctx, RAPT_EKEY, "model.decoder_heads=%lld does not divide model.width=%lld",
                      (long long)c->decoder_heads, (long long)c->width);
  if (c->vocabulary < 1 || c->source_vocabulary < 1)
    return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary or model.source_vocabulary is not set");
  if (c->shared && c->vocabulary != c->source_vocabulary)
    return rapt__fail(ctx, RAPT_EKEY,
                      "model.shared=true needs one vocabulary, but the source has %lld tokens and the target %lld",
                      (long long)c->source_vocabulary, (long long)c->vocabulary);
  return RAPT_OK;
}

/* One side of the network while it is built. */
typedef struct side {
  rapt__seq2seq_pass *pass;
  rapt__layers l;
  const rapt__transformer_config *c;
  int64_t heads, inner, cross; /* cross: so many of the decoder's layers attend to the encoder */
  bool training;
} side;

static side side_of(rapt__seq2seq_pass *pass, bool decoder, int64_t cross) {
  const rapt__transformer_config *c = pass->config;
  return (side){.pass = pass,
                .l = {pass->graph, pass->params},
                .c = c,
                .heads = decoder ? c->decoder_heads : c->encoder_heads,
                .inner = decoder ? c->decoder_inner : c->encoder_inner,
                .cross = cross,
                .training = pass->training};
}

/* Weights start as Glorot & Bengio's (2010), with a normal distribution. */
static rapt_tensor *linear(const side *s, const char *name, rapt_tensor *x, int64_t out, rapt_activation activation) {
  double std = sqrt(2.0 / (double)(rapt_dim(x, -1) + out));
  return rapt__nn_linear(&s->l, name, x, out, true, true, std, activation);
}

static rapt_tensor *drop(const side *s, rapt_tensor *x, double p) { return s->training ? rapt_dropout(x, p) : x; }

/* x (B, T, C) as heads (B, T, H, C/H). */
static rapt_tensor *heads_of(const side *s, rapt_tensor *x) {
  return rapt_reshape(x, 4, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), s->heads, s->c->width / s->heads});
}

static rapt_tensor *keys_of(const side *s, rapt_tensor *x) {
  return heads_of(s, linear(s, "k_proj", x, s->c->width, RAPT_IDENTITY));
}
static rapt_tensor *values_of(const side *s, rapt_tensor *x) {
  return heads_of(s, linear(s, "v_proj", x, s->c->width, RAPT_IDENTITY));
}

/* Queries from x (B, T, C) over keys and values; *probs gets (B, H, T, Tk) unless NULL. The graph's scope is the attention's. */
static rapt_tensor *attend(const side *s, rapt_tensor *x, rapt_tensor *k, rapt_tensor *v, bool causal,
                           rapt_tensor *lengths, rapt_tensor **probs) {
  rapt_tensor *seen;
  rapt_attention_options options = {.causal = causal,
                                    .lengths = lengths,
                                    .dropout = s->training ? s->c->attention_dropout : 0,
                                    .probs = probs || s->pass->taps ? &seen : NULL};
  rapt_tensor *q = heads_of(s, linear(s, "q_proj", x, s->c->width, RAPT_IDENTITY));
  rapt_tensor *y = rapt_attention(q, k, v, &options);
  if (probs) *probs = seen;
  if (s->pass->taps) rapt_tap(seen, "probs");
  return linear(s, "out_proj", rapt_reshape(y, 3, rapt_dims(x)), s->c->width, RAPT_IDENTITY);
}

/* norm(x + dropout(branch)): the paper's order. */
static rapt_tensor *join(const side *s, const char *norm, rapt_tensor *x, rapt_tensor *branch) {
  return rapt__nn_layer_norm(&s->l, norm, rapt_add(x, drop(s, branch, s->c->dropout)), true, 1e-5);
}

static rapt_tensor *feed_forward(const side *s, rapt_tensor *x) {
  rapt_tensor *h = linear(s, "fc1", x, s->inner, activation_of[s->c->activation]);
  return linear(s, "fc2", drop(s, h, s->c->activation_dropout), s->c->width, RAPT_IDENTITY);
}

static rapt_tensor *self_attention(const side *s, rapt_tensor *x, bool causal, rapt_tensor *lengths) {
  rapt_scope_begin(s->l.graph, "self_attn");
  rapt_tensor *k = keys_of(s, x), *v = values_of(s, x);
  rapt_tensor *y = attend(s, x, k, v, causal, lengths, NULL);
  rapt_scope_end(s->l.graph);
  return y;
}

/* Sines in the first half of the columns and cosines in the second, as in Marian: the paper's columns in another order. */
static rapt_tensor *positions(const side *s, int64_t count) {
  int64_t c = s->c->width;
  rapt_tensor *p = rapt_reshape(rapt_sinusoid(s->l.graph, count, c), 3, (int64_t[]){count, c / 2, 2});
  return rapt_reshape(rapt_permute(p, (int[]){0, 2, 1}), 2, (int64_t[]){count, c});
}

static rapt_tensor *table(const side *s, bool target) {
  const rapt__transformer_config *c = s->c;
  const char *name = c->shared ? "model.shared" : target ? "model.decoder.embed_tokens" : "model.encoder.embed_tokens";
  return rapt__nn_table(&s->l, name, target ? c->vocabulary : c->source_vocabulary, c->width,
                        1 / sqrt((double)c->width));
}

/* Positions of `count` tokens, or of the one at `at` (); learned tables have two rows in front that nothing uses. */
static rapt_tensor *places_of(const side *s, bool target, int64_t count, rapt_tensor *at) {
  enum { UNUSED = 2 };
  const rapt__transformer_config *c = s->c;
  if (!c->learned) return at ? rapt_embedding(positions(s, c->context), at) : positions(s, count);
  const char *name = target ? "model.decoder.embed_positions" : "model.encoder.embed_positions";
  rapt_tensor *places = rapt__nn_table(&s->l, name, c->context + UNUSED, c->width, 1 / sqrt((double)c->width));
  return at ? rapt_embedding(rapt_slice(places, 0, UNUSED, c->context), at) : rapt_slice(places, 0, UNUSED, count);
}

/* Embeddings, times √C where they are scaled, plus positions; `at` (): the position of the only token, or NULL: they begin
 * at 0. */
static rapt_tensor *embed(const side *s, rapt_tensor *ids, bool target, rapt_tensor *at) {
  rapt_tensor *x = rapt_embedding(table(s, target), ids);
  if (s->c->scaled) x = rapt_scale(x, sqrt((double)s->c->width));
  x = rapt_add(x, places_of(s, target, rapt_dim(ids, 1), at));
  if (s->c->embedding_norm) {
    const char *name = target ? "model.decoder.layernorm_embedding" : "model.encoder.layernorm_embedding";
    x = rapt__nn_layer_norm(&s->l, name, x, true, 1e-5);
  }
  return drop(s, x, s->c->dropout);
}

rapt_tensor *rapt__transformer_encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded, int64_t cross) {
  side s = side_of(pass, false, cross);
  rapt_tensor *x = embed(&s, pass->source, false, NULL);
  for (int i = 0; i < (int)s.c->encoder_layers; i++) {
    rapt_scope_begin(pass->graph, "model.encoder.layers.%d", i);
    x = join(&s, "self_attn_layer_norm", x, self_attention(&s, x, false, pass->source_lengths));
    x = join(&s, "final_layer_norm", x, feed_forward(&s, x));
    rapt_scope_end(pass->graph);
  }
  /* What the decoder's layers look at is the same for every token, so it is projected here. */
  side d = side_of(pass, true, cross);
  for (int i = 0; i < (int)cross; i++) {
    rapt_scope_begin(pass->graph, "model.decoder.layers.%d.encoder_attn", i);
    rapt__encoded_memory(encoded, keys_of(&d, x));
    rapt__encoded_memory(encoded, values_of(&d, x));
    rapt_scope_end(pass->graph);
  }
  return x;
}

/* The mean over heads of the last layer but one is closest to a word alignment (Garg et al. 2019). */
static rapt_tensor *alignment_of(const side *s, int layer, rapt_tensor *probs) {
  int64_t n = s->cross;
  if (layer != (n > 1 ? n - 2 : 0)) return s->pass->alignment;
  return rapt_mean(probs, 1, false);
}

/* The decoder's layers; in a step (`states`) the past lies in caches. */
static rapt_tensor *decoder_layer(const side *s, int i, rapt_tensor *x, const rapt__encoded *encoded) {
  rapt__seq2seq_pass *pass = s->pass;
  rapt_tensor *own;
  if (pass->states) {
    int64_t dims[4] = {rapt_dim(x, 0), s->c->context, s->heads, s->c->width / s->heads};
    rapt_scope_begin(pass->graph, "self_attn");
    rapt_tensor *k = rapt__seq2seq_state(pass, "cache.k", 4, dims), *v = rapt__seq2seq_state(pass, "cache.v", 4, dims);
    k = rapt__seq2seq_cache(pass, k, keys_of(s, x));
    v = rapt__seq2seq_cache(pass, v, values_of(s, x));
    own = attend(s, x, k, v, false, pass->filled, NULL);
    rapt_scope_end(pass->graph);
  } else {
    own = self_attention(s, x, true, NULL);
  }
  x = join(s, "self_attn_layer_norm", x, own);
  if (i >= (int)s->cross) return join(s, "final_layer_norm", x, feed_forward(s, x));
  rapt_tensor *probs;
  rapt_scope_begin(pass->graph, "encoder_attn");
  rapt_tensor *across =
      attend(s, x, encoded->memory[2 * i], encoded->memory[2 * i + 1], false, pass->source_lengths, &probs);
  rapt_scope_end(pass->graph);
  pass->alignment = alignment_of(s, i, probs);
  x = join(s, "encoder_attn_layer_norm", x, across);
  return join(s, "final_layer_norm", x, feed_forward(s, x));
}

rapt_tensor *rapt__transformer_decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, int64_t cross) {
  side s = side_of(pass, true, cross);
  rapt_tensor *x = embed(&s, pass->target, true, pass->states ? pass->at : NULL);
  for (int i = 0; i < (int)s.c->decoder_layers; i++) {
    rapt_scope_begin(pass->graph, "model.decoder.layers.%d", i);
    x = decoder_layer(&s, i, x, encoded);
    rapt_scope_end(pass->graph);
  }
  return x;
}

rapt_tensor *rapt__transformer_head(rapt__seq2seq_pass *pass) {
  side s = side_of(pass, true, 0);
  return table(&s, true);
}

static int64_t layers_of(const rapt__seq2seq_pass *pass) {
  return ((const rapt__transformer_config *)pass->config)->decoder_layers;
}

static void encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  rapt__transformer_encode(pass, encoded, layers_of(pass));
}

static rapt__output run_decoder(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  rapt_tensor *x = rapt__transformer_decode(pass, encoded, layers_of(pass));
  return (rapt__output){.hidden = x, .head = rapt__transformer_head(pass)};
}

int64_t rapt__transformer_context(const void *config) { return ((const rapt__transformer_config *)config)->context; }
int64_t *rapt__transformer_vocabulary(void *config) { return &((rapt__transformer_config *)config)->vocabulary; }
int64_t *rapt__transformer_source_vocabulary(void *config) {
  return &((rapt__transformer_config *)config)->source_vocabulary;
}

static const rapt__seq2seq seq2seq = {.encode = encode,
                                      .decode = run_decoder,
                                      .step = run_decoder,
                                      .source_vocabulary = rapt__transformer_source_vocabulary};

/* Tables of sinusoids, and copies of tied embeddings. */
static const char *const unread[] = {"embed_positions.weight", "embed_tokens.weight", "lm_head.weight", NULL};
static const char *const zero[] = {"final_logits_bias", NULL};

const rapt__model rapt__model_transformer = {.name = "transformer",
                                             .hf_class = "MarianMTModel",
                                             .hf_type = "marian",
                                             .hf_prefix = "",
                                             .hf_unread = unread,
                                             .hf_zero = zero,
                                             .keys = keys,
                                             .config_size = sizeof(rapt__transformer_config),
                                             .settle = rapt__transformer_settle,
                                             .check = rapt__transformer_check,
                                             .context = rapt__transformer_context,
                                             .vocabulary = rapt__transformer_vocabulary,
                                             .seq2seq = &seq2seq};
