/* GPT-2 (Radford et al. 2019): a pre-norm decoder with learned positions and a tied output, under the tensor names of
 * Hugging Face's GPT2LMHeadModel. Settings turn it into its descendants: other positions (nn/positions.h), RMS norm (Zhang &
 * Sennrich 2019), SwiGLU (Shazeer 2020), grouped-query attention (Ainslie et al. 2023), no biases. */
#include "models/models.h"
#include "nn/positions.h"

#include <math.h>
#include <stddef.h>

typedef struct gpt_config {
  int64_t vocabulary, context, layers, heads, kv_heads, width, inner, clip, buckets, max_distance;
  double dropout, eps, rope_base, init;
  int position, norm, activation;
  bool bias, tied;
} gpt_config;

enum { LAYER_NORM, RMS_NORM };
enum { ACT_GELU_TANH, ACT_GELU, ACT_RELU, ACT_SWIGLU };

static const char *const norms[] = {"layer", "rms", NULL};
static const char *const activations[] = {"gelu_new", "gelu", "relu", "swiglu", NULL};

#define AT(field) offsetof(gpt_config, field)
static const rapt__key keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens in the vocabulary; 0: the tokenizer's"},
    {"model.context", "n_positions", RAPT__KEY_INT, AT(context), "64", 1, 1 << 20, NULL,
     "tokens that a prediction can see"},
    {"model.layers", "n_layer", RAPT__KEY_INT, AT(layers), "4", 1, 1024, NULL, "blocks of attention and feed-forward"},
    {"model.heads", "n_head", RAPT__KEY_INT, AT(heads), "4", 1, 1024, NULL, "attention heads; divides the width"},
    {"model.kv_heads", "n_kv_head", RAPT__KEY_INT, AT(kv_heads), "0", 0, 1024, NULL,
     "heads of keys and values (grouped-query attention); 0: as many as heads"},
    {"model.width", "n_embd", RAPT__KEY_INT, AT(width), "128", 1, 1 << 16, NULL, "size of the hidden state"},
    {"model.inner", "n_inner", RAPT__KEY_INT, AT(inner), "0", 0, 1 << 18, NULL,
     "size of the feed-forward layer; 0: 4 × width"},
    {"model.dropout", "resid_pdrop", RAPT__KEY_REAL, AT(dropout), "0", 0, 0.99, NULL,
     "dropout of embeddings, attention and residual branches"},
    {"model.eps", "layer_norm_epsilon", RAPT__KEY_REAL, AT(eps), "1e-5", 0, 1, NULL, "added to the variance in norms"},
    {"model.init", "initializer_range", RAPT__KEY_REAL, AT(init), "0.02", 0, 10, NULL,
     "standard deviation of new weights"},
    {"model.position", "position", RAPT__KEY_CHOICE, AT(position), "learned", 0, 0, rapt__position_names,
     "positions: a table, rotary, none, sinusoids, relative keys (shaw, skew), linear biases, T5's buckets"},
    {"model.rope_base", "rope_theta", RAPT__KEY_REAL, AT(rope_base), "10000", 1, 1e9, NULL,
     "base of the rotary frequencies"},
    {"model.clip", "relative_clip", RAPT__KEY_INT, AT(clip), "16", 1, 1 << 20, NULL,
     "position=shaw: distances at and past it are one"},
    {"model.buckets", "relative_buckets", RAPT__KEY_INT, AT(buckets), "32", 2, 1 << 16, NULL,
     "position=t5: buckets of distances"},
    {"model.max_distance", "relative_max_distance", RAPT__KEY_INT, AT(max_distance), "128", 2, 1 << 20, NULL,
     "position=t5: distances at and past it are one"},
    {"model.norm", "norm", RAPT__KEY_CHOICE, AT(norm), "layer", 0, 0, norms, "layer norm or RMS norm"},
    {"model.activation", "activation_function", RAPT__KEY_CHOICE, AT(activation), "gelu_new", 0, 0, activations,
     "of the feed-forward layer"},
    {"model.bias", "bias", RAPT__KEY_BOOL, AT(bias), "true", 0, 0, NULL, "biases in linear layers and layer norms"},
    {"model.tied", "tie_word_embeddings", RAPT__KEY_BOOL, AT(tied), "true", 0, 0, NULL,
     "output weights are the token embeddings"},
    {0}};
#undef AT

static rapt_status check(rapt_context *ctx, const void *config) {
  const gpt_config *c = config;
  int64_t kv = c->kv_heads ? c->kv_heads : c->heads;
  if (c->width % c->heads != 0)
    return rapt__fail(ctx, RAPT_EKEY, "model.heads=%lld does not divide model.width=%lld", (long long)c->heads,
                      (long long)c->width);
  if (c->heads % kv != 0)
    return rapt__fail(ctx, RAPT_EKEY, "model.kv_heads=%lld does not divide model.heads=%lld", (long long)kv,
                      (long long)c->heads);
  if (c->position == RAPT__POSITION_ROPE && (c->width / c->heads) % 2 != 0)
    return rapt__fail(ctx, RAPT_EKEY, "model.position=rope needs an even head size, not %lld",
                      (long long)(c->width / c->heads));
  if (c->position == RAPT__POSITION_T5 && (c->buckets % 2 != 0 || c->max_distance <= c->buckets / 2))
    return rapt__fail(
        ctx, RAPT_EKEY,
        "model.position=t5 needs an even number of model.buckets, not %lld, and a model.max_distance above "
        "half of it, not %lld",
        (long long)c->buckets, (long long)c->max_distance);
  if (c->vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary is not set");
  return RAPT_OK;
}

static rapt__positions positions_of(const gpt_config *c) {
  return (rapt__positions){.kind = (rapt__position)c->position,
                           .heads = c->heads,
                           .context = c->context,
                           .clip = c->clip,
                           .buckets = c->buckets,
                           .max_distance = c->max_distance,
                           .base = c->rope_base,
                           .init = c->init};
}

/* Of a pass: what its tokens attend to, the whole cache or themselves. */
static int64_t keys_of(const rapt__lm_pass *pass) {
  int64_t t = rapt_dim(pass->tokens, 1);
  return pass->caches && t == 1 ? ((const gpt_config *)pass->config)->context : t;
}

static rapt_tensor *norm(const rapt__layers *l, const gpt_config *c, const char *name, rapt_tensor *x) {
  return c->norm == RMS_NORM ? rapt__nn_rms_norm(l, name, x, c->eps) : rapt__nn_layer_norm(l, name, x, c->bias, c->eps);
}

/* Keys or values of the whole past: written into the cache, or as they are when a sequence begins. */
static rapt_tensor *with_past(const rapt__lm_pass *pass, const char *name, rapt_tensor *x) {
  const gpt_config *c = pass->config;
  int64_t dims[4] = {rapt_dim(x, 0), c->context, rapt_dim(x, 2), rapt_dim(x, 3)};
  rapt_tensor *cache = rapt_param(pass->graph, pass->caches, name, 4, dims, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_tensor *all = rapt_cache_write(cache, x, pass->start);
  return rapt_dim(x, 1) == 1 ? all : x;
}

static rapt_tensor *attention(const rapt__lm_pass *pass, const rapt__layers *l, rapt_tensor *x, rapt_tensor *bias) {
  const gpt_config *c = pass->config;
  rapt__positions p = positions_of(c);
  rapt_tensor *at = pass->positions;
  bool plain = p.kind != RAPT__POSITION_ROPE && p.kind != RAPT__POSITION_SHAW && p.kind != RAPT__POSITION_SKEW;
  int64_t b = rapt_dim(x, 0), t = rapt_dim(x, 1), size = c->width / c->heads;
  int64_t kv = c->kv_heads ? c->kv_heads : c->heads, wide = kv * size;
  rapt_tensor *qkv = rapt__nn_linear(l, "c_attn", x, c->width + 2 * wide, false, c->bias, c->init, RAPT_IDENTITY);
  double small = c->init / sqrt(2.0 * (double)c->layers);
  rapt_attention_options options = {.causal = t > 1, .bias = bias, .dropout = pass->training ? c->dropout : 0};
  if (plain && !pass->caches)
    return rapt__nn_linear(l, "c_proj", rapt_attention_qkv(qkv, c->heads, kv, &options), c->width, false, c->bias,
                           small, RAPT_IDENTITY);
  rapt_tensor *q = rapt_reshape(rapt_slice(qkv, -1, 0, c->width), 4, (int64_t[]){b, t, c->heads, size});
  rapt_tensor *k = rapt_reshape(rapt_slice(qkv, -1, c->width, wide), 4, (int64_t[]){b, t, kv, size});
  rapt_tensor *v = rapt_reshape(rapt_slice(qkv, -1, c->width + wide, wide), 4, (int64_t[]){b, t, kv, size});
  q = rapt__nn_position_turn(&p, q, at);
  k = rapt__nn_position_turn(&p, k, at);
  if (!plain) options.bias = rapt__nn_position_bias(l, &p, q, at, keys_of(pass));
  if (pass->caches) {
    k = with_past(pass, "cache.k", k);
    v = with_past(pass, "cache.v", v);
    if (t == 1) options.lengths = pass->filled;
  }
  rapt_tensor *y = rapt_reshape(rapt_attention(q, k, v, &options), 3, (int64_t[]){b, t, c->width});
  return rapt__nn_linear(l, "c_proj", y, c->width, false, c->bias, small, RAPT_IDENTITY);
}

static rapt_tensor *feed_forward(const rapt__layers *l, const gpt_config *c, rapt_tensor *x) {
  static const rapt_activation kinds[] = {RAPT_GELU_TANH, RAPT_GELU, RAPT_RELU, RAPT_SILU};
  int64_t inner = c->inner ? c->inner : 4 * c->width;
  double small = c->init / sqrt(2.0 * (double)c->layers);
  rapt_tensor *h = rapt__nn_linear(l, "c_fc", x, inner, false, c->bias, c->init, kinds[c->activation]);
  if (c->activation == ACT_SWIGLU)
    h = rapt_mul(h, rapt__nn_linear(l, "c_gate", x, inner, false, c->bias, c->init, RAPT_IDENTITY));
  return rapt__nn_linear(l, "c_proj", h, c->width, false, c->bias, small, RAPT_IDENTITY);
}

static rapt_tensor *hidden(const rapt__lm_pass *pass, rapt_tensor **head) {
  const gpt_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  double drop = pass->training ? c->dropout : 0;
  rapt_scope_begin(pass->graph, "transformer");
  rapt_tensor *wte = rapt__nn_table(&l, "wte", c->vocabulary, c->width, c->init);
  rapt_tensor *x = rapt_embedding(wte, pass->tokens);
  rapt__positions p = positions_of(c);
  x = rapt__nn_position_embed(&l, &p, x, pass->positions);
  rapt_tensor *bias = rapt__nn_position_shared(&l, &p, pass->positions, keys_of(pass));
  x = rapt_dropout(x, drop);
  for (int i = 0; i < (int)c->layers; i++) {
    rapt_scope_begin(pass->graph, "h.%d", i);
    rapt_tensor *normed = norm(&l, c, "ln_1", x);
    rapt_scope_begin(pass->graph, "attn");
    rapt_tensor *a = attention(pass, &l, normed, bias);
    rapt_scope_end(pass->graph);
    x = rapt_add(x, rapt_dropout(a, drop));
    normed = norm(&l, c, "ln_2", x);
    rapt_scope_begin(pass->graph, "mlp");
    rapt_tensor *f = feed_forward(&l, c, normed);
    rapt_scope_end(pass->graph);
    x = rapt_add(x, rapt_dropout(f, drop));
    rapt_scope_end(pass->graph);
  }
  x = norm(&l, c, "ln_f", x);
  rapt_scope_end(pass->graph);
  *head = c->tied ? wte : rapt__nn_table(&l, "lm_head", c->vocabulary, c->width, c->init);
  return x;
}

static int64_t context(const void *config) { return ((const gpt_config *)config)->context; }
static int64_t *vocabulary(void *config) { return &((gpt_config *)config)->vocabulary; }

/* Buffers of older checkpoints, and the head's copy of tied embeddings. */
static const char *const unread[] = {"lm_head.weight", ".attn.bias", ".attn.masked_bias", NULL};

static int64_t inner_of(const void *config) {
  const gpt_config *c = config;
  return c->inner ? c->inner : 4 * c->width;
}

/* GGUF's gpt2, which is the paper's model and none of its variants. */
static const rapt__gguf_name gguf_names[] = {
    {"token_embd.weight", "transformer.wte.weight", 0},
    {"position_embd.weight", "transformer.wpe.weight", RAPT__GGUF_PLAIN},
    {"output_norm.weight", "transformer.ln_f.weight", 0},
    {"output_norm.bias", "transformer.ln_f.bias", 0},
    {"output.weight", "lm_head.weight", 0},
    {"blk.%d.attn_norm.weight", "transformer.h.%d.ln_1.weight", 0},
    {"blk.%d.attn_norm.bias", "transformer.h.%d.ln_1.bias", 0},
    {"blk.%d.attn_qkv.weight", "transformer.h.%d.attn.c_attn.weight", RAPT__GGUF_TURNED},
    {"blk.%d.attn_qkv.bias", "transformer.h.%d.attn.c_attn.bias", 0},
    {"blk.%d.attn_output.weight", "transformer.h.%d.attn.c_proj.weight", RAPT__GGUF_TURNED},
    {"blk.%d.attn_output.bias", "transformer.h.%d.attn.c_proj.bias", 0},
    {"blk.%d.ffn_norm.weight", "transformer.h.%d.ln_2.weight", 0},
    {"blk.%d.ffn_norm.bias", "transformer.h.%d.ln_2.bias", 0},
    {"blk.%d.ffn_up.weight", "transformer.h.%d.mlp.c_fc.weight", RAPT__GGUF_TURNED},
    {"blk.%d.ffn_up.bias", "transformer.h.%d.mlp.c_fc.bias", 0},
    {"blk.%d.ffn_down.weight", "transformer.h.%d.mlp.c_proj.weight", RAPT__GGUF_TURNED},
    {"blk.%d.ffn_down.bias", "transformer.h.%d.mlp.c_proj.bias", 0},
    {0}};
static const rapt__gguf_key gguf_keys[] = {{"context_length", "n_positions", NULL},
                                           {"embedding_length", "n_embd", NULL},
                                           {"block_count", "n_layer", NULL},
                                           {"feed_forward_length", "n_inner", inner_of},
                                           {"attention.head_count", "n_head", NULL},
                                           {"attention.layer_norm_epsilon", "layer_norm_epsilon", NULL},
                                           {0}};
static const rapt__gguf_fixed gguf_fixed[] = {{"activation_function", "gelu_new"},
                                              {"bias", "true"},
                                              {"position", "learned"},
                                              {"norm", "layer"},
                                              {"n_kv_head", "0"},
                                              {0}};
static const rapt__gguf_arch gguf = {.name = "gpt2",
                                     .names = gguf_names,
                                     .keys = gguf_keys,
                                     .fixed = gguf_fixed,
                                     .table = "token_embd.weight",
                                     .output = "output.weight",
                                     .tied = "tie_word_embeddings"};

const rapt__model rapt__model_gpt2 = {.name = "gpt2",
                                      .hf_class = "GPT2LMHeadModel",
                                      .hf_type = "gpt2",
                                      .hf_prefix = "transformer.",
                                      .hf_unread = unread,
                                      .keys = keys,
                                      .config_size = sizeof(gpt_config),
                                      .check = check,
                                      .hidden = hidden,
                                      .context = context,
                                      .vocabulary = vocabulary,
                                      .has_cache = true,
                                      .gguf = &gguf};
