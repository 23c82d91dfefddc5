/* Decoders after Llama: settings that follow from others, and the network. */
#include "models/decoder.h"

#include <math.h>
#include <string.h>

const char *const rapt__decoder_activations[] = {"silu", "gelu_pytorch_tanh", "gelu_new", "gelu", "relu", NULL};
static const rapt_activation activation_of[] = {RAPT_SILU, RAPT_GELU_TANH, RAPT_GELU_TANH, RAPT_GELU, RAPT_RELU};
const char *const rapt__decoder_scalings[] = {"default", "linear", "llama3", NULL}; /* as rapt_rotary_scaling */

/* Buffers of older checkpoints. */
const char *const rapt__decoder_unread[] = {"rotary_emb.inv_freq", NULL};
const char *const rapt__decoder_tied[] = {"lm_head.weight", "model.embed_tokens.weight", NULL};

/* ---- Settings ---- */

#define SLIDING "sliding_attention"
#define FULL "full_attention"

/* The class's own rule, for files that do not list the layers. */
static bool slides_by_rule(const rapt__decoder_config *c, int64_t layer) {
  if (c->window == 0) return false;
  if (c->pattern) return (layer + 1) % c->pattern != 0;
  return c->use_window && layer >= c->full_layers;
}

static rapt_status list_layers(rapt_context *ctx, rapt__arena *arena, rapt__decoder_config *c) {
  rapt__text list;
  rapt__text_init(&list, ctx);
  rapt_status status = RAPT_OK;
  for (int64_t i = 0; i < c->layers && status == RAPT_OK; i++)
    status = rapt__text_addf(&list, "%s%s", i ? "," : "", slides_by_rule(c, i) ? SLIDING : FULL);
  if (status == RAPT_OK) c->layer_types = rapt__arena_strdup(arena, list.data);
  rapt__text_free(&list);
  return status != RAPT_OK || c->layer_types ? status : RAPT_ENOMEM;
}

rapt_status rapt__decoder_settle(rapt_context *ctx, rapt__arena *arena, rapt__decoder_config *c) {
  if (!c->kv_heads) c->kv_heads = c->heads;
  if (!c->head_size) c->head_size = c->width / c->heads;
  if (!c->inner) c->inner = (8 * c->width / 3 + 15) / 16 * 16;
  if (c->rope_scaling == RAPT_ROTARY_LLAMA3) {
    if (c->rope_low == 0) c->rope_low = 1;
    if (c->rope_high == 0) c->rope_high = 4;
    if (!c->rope_original) c->rope_original = c->context;
  }
  if (c->all_slide || (c->layer_types && *c->layer_types)) return RAPT_OK;
  return list_layers(ctx, arena, c);
}

/* The layer's word; NULL: there is none. */
static const char *word_of(const rapt__decoder_config *c, int64_t layer) {
  const char *at = c->layer_types;
  for (; at && layer > 0; layer--) {
    at = strchr(at, ',');
    if (at) at++;
  }
  return at;
}

static bool is_word(const char *at, const char *word) {
  size_t n = strcspn(at, ",");
  return n == strlen(word) && strncmp(at, word, n) == 0;
}

static bool slides(const rapt__decoder_config *c, int64_t layer) {
  if (c->window == 0) return false;
  return c->all_slide || is_word(word_of(c, layer), SLIDING);
}

static rapt_status check_layers(rapt_context *ctx, const rapt__decoder_config *c) {
  if (c->all_slide) return RAPT_OK;
  for (int64_t i = 0; i < c->layers; i++) {
    const char *word = word_of(c, i);
    if (!word || !(is_word(word, SLIDING) || is_word(word, FULL)))
      return rapt__fail(ctx, RAPT_EKEY,
                        "model.layer_types has \"%.*s\" for layer %lld; " FULL " or " SLIDING " is needed",
                        word ? (int)strcspn(word, ",") : 0, word ? word : "", (long long)i);
    if (is_word(word, SLIDING) && c->window == 0)
      return rapt__fail(ctx, RAPT_EKEY, "model.layer_types lets layer %lld slide, but model.window is 0", (long long)i);
  }
  if (word_of(c, c->layers))
    return rapt__fail(ctx, RAPT_EKEY, "model.layer_types has words for more than model.layers=%lld layers",
                      (long long)c->layers);
  return RAPT_OK;
}

rapt_status rapt__decoder_check(rapt_context *ctx, const void *config) {
  const rapt__decoder_config *c = config;
  if (c->heads % c->kv_heads != 0)
    return rapt__fail(ctx, RAPT_EKEY, "model.kv_heads=%lld does not divide model.heads=%lld", (long long)c->kv_heads,
                      (long long)c->heads);
  if (c->head_size < 2 || c->head_size % 2 != 0)
    return rapt__fail(ctx, RAPT_EKEY, "rotary positions need an even model.head_size, not %lld",
                      (long long)c->head_size);
  if (c->rope_scaling == RAPT_ROTARY_LLAMA3 && !(c->rope_low < c->rope_high))
    return rapt__fail(ctx, RAPT_EKEY, "model.rope_low=%g is not below model.rope_high=%g", c->rope_low, c->rope_high);
  if (c->vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary is not set");
  return check_layers(ctx, c);
}

int64_t rapt__decoder_context(const void *config) { return ((const rapt__decoder_config *)config)->context; }
int64_t *rapt__decoder_vocabulary(void *config) { return &((rapt__decoder_config *)config)->vocabulary; }

/* ---- The network ---- */

/* One layer while it is built. */
typedef struct block {
  const rapt__lm_pass *pass;
  const rapt__decoder_config *c;
  rapt__layers l;
  bool slides;
} block;

static rapt_tensor *norm(const block *b, const char *name, rapt_tensor *x) {
  if (!b->c->unit_norms) return rapt__nn_rms_norm(&b->l, name, x, b->c->eps);
  int64_t n = rapt_dim(x, -1), one = 1;
  rapt_scope_begin(b->l.graph, "%s", name);
  rapt_tensor *w = rapt_param(b->l.graph, b->l.params, "weight", 1, &n, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_scope_end(b->l.graph);
  return rapt_rms_norm(x, rapt_add(w, rapt_fill(b->l.graph, 1, 1, &one)), b->c->eps);
}

static rapt_tensor *linear(const block *b, const char *name, rapt_tensor *x, int64_t out, bool bias,
                           rapt_activation activation) {
  return rapt__nn_linear(&b->l, name, x, out, true, bias, b->c->init, activation);
}

/* What a branch ends in starts smaller, the more branches there are (Radford et al. 2019). */
static rapt_tensor *last_linear(const block *b, const char *name, rapt_tensor *x, bool bias) {
  double std = b->c->init / sqrt(2.0 * (double)b->c->layers);
  return rapt__nn_linear(&b->l, name, x, b->c->width, true, bias, std, RAPT_IDENTITY);
}

static rapt_tensor *turn(const block *b, rapt_tensor *x) {
  const rapt__decoder_config *c = b->c;
  rapt_rotary_options o = {c->rope_base,
                           true,
                           (rapt_rotary_scaling)c->rope_scaling,
                           c->rope_factor,
                           c->rope_low,
                           c->rope_high,
                           (double)c->rope_original};
  if (b->slides && c->has_local_rope) o = (rapt_rotary_options){.base = c->local_rope_base, .halves = true};
  return rapt_rotary_scaled(x, b->pass->positions, &o);
}

/* Queries or keys (B, T, heads, D). */
static rapt_tensor *heads_of(const block *b, const char *name, rapt_tensor *x, int64_t heads) {
  rapt_tensor *y = linear(b, name, x, heads * b->c->head_size, b->c->qkv_bias, RAPT_IDENTITY);
  return rapt_reshape(y, 4, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), heads, b->c->head_size});
}

/* Keys or values of the past: written into the cache, or as they are when a sequence begins. A sliding layer's cache is a ring of
 * its window: which row a key lies in does not matter, since it was turned by its position before. */
static rapt_tensor *with_past(const block *b, const char *name, rapt_tensor *x) {
  int64_t rows = b->slides && b->c->window < b->pass->capacity ? b->c->window : b->pass->capacity;
  int64_t dims[4] = {rapt_dim(x, 0), rows, rapt_dim(x, 2), rapt_dim(x, 3)};
  rapt_tensor *cache = rapt_param(b->l.graph, b->pass->caches, name, 4, dims, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_tensor *all = rapt_cache_write_ring(cache, x, b->pass->start);
  return rapt_dim(x, 1) == 1 ? all : x;
}

static rapt_tensor *attention(const block *b, rapt_tensor *x) {
  const rapt__decoder_config *c = b->c;
  const rapt__lm_pass *pass = b->pass;
  int64_t rows = rapt_dim(x, 0), t = rapt_dim(x, 1);
  rapt_tensor *q = heads_of(b, "q_proj", x, c->heads), *k = heads_of(b, "k_proj", x, c->kv_heads);
  rapt_tensor *v = heads_of(b, "v_proj", x, c->kv_heads);
  if (c->head_norms) {
    q = norm(b, "q_norm", q);
    k = norm(b, "k_norm", k);
  }
  q = turn(b, q);
  k = turn(b, k);
  rapt_attention_options options = {.scale = c->query_scalar ? 1 / sqrt((double)c->query_scalar) : 0,
                                    .causal = t > 1,
                                    .window = b->slides && t > 1 ? c->window : 0,
                                    .dropout = pass->training ? c->attention_dropout : 0};
  if (pass->caches) {
    k = with_past(b, "cache.k", k);
    v = with_past(b, "cache.v", v);
    if (t == 1) options.lengths = pass->filled;
  }
  rapt_tensor *y = rapt_attention(q, k, v, &options);
  y = rapt_reshape(y, 3, (int64_t[]){rows, t, c->heads * c->head_size});
  return last_linear(b, "o_proj", y, c->out_bias);
}

static rapt_tensor *feed_forward(const block *b, rapt_tensor *x) {
  const rapt__decoder_config *c = b->c;
  rapt_tensor *gate = linear(b, "gate_proj", x, c->inner, c->inner_bias, activation_of[c->activation]);
  rapt_tensor *h = rapt_mul(gate, linear(b, "up_proj", x, c->inner, c->inner_bias, RAPT_IDENTITY));
  return last_linear(b, "down_proj", h, c->inner_bias);
}

/* x plus a branch of it: normed before, and with branch_norms after. */
static rapt_tensor *branch(const block *b, rapt_tensor *x, const char *before, const char *scope, const char *after,
                           rapt_tensor *(*of)(const block *b, rapt_tensor *x)) {
  rapt_tensor *y = norm(b, before, x);
  rapt_scope_begin(b->l.graph, "%s", scope);
  y = of(b, y);
  rapt_scope_end(b->l.graph);
  return rapt_add(x, b->c->branch_norms ? norm(b, after, y) : y);
}

rapt_tensor *rapt__decoder_hidden(const rapt__lm_pass *pass, rapt_tensor **head) {
  const rapt__decoder_config *c = pass->config;
  block b = {.pass = pass, .c = c, .l = {pass->graph, pass->params}};
  rapt_tensor *table = rapt__nn_table(&b.l, "model.embed_tokens", c->vocabulary, c->width, c->init);
  rapt_tensor *x = rapt_embedding(table, pass->tokens);
  if (c->scaled) x = rapt_scale(x, sqrt((double)c->width));
  for (int i = 0; i < (int)c->layers; i++) {
    b.slides = slides(c, i);
    rapt_scope_begin(pass->graph, "model.layers.%d", i);
    x = branch(&b, x, "input_layernorm", "self_attn", "post_attention_layernorm", attention);
    x = branch(&b, x, c->branch_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm", "mlp",
               "post_feedforward_layernorm", feed_forward);
    rapt_scope_end(pass->graph);
  }
  x = norm(&b, "model.norm", x);
  *head = c->tied ? table : rapt__nn_table(&b.l, "lm_head", c->vocabulary, c->width, c->init);
  return x;
}
