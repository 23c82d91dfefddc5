/* BERT (Devlin et al. 2019): an encoder normed after the residual sum, with learned positions and kinds of text, under the tensor
 * names of Hugging Face's BertModel. */
#include "models/bert.h"

#include <stddef.h>

static const char *const activations[] = {"gelu", "relu", "silu", "gelu_new", "gelu_pytorch_tanh", NULL};
static const rapt_activation activation_of[] = {RAPT_GELU, RAPT_RELU, RAPT_SILU, RAPT_GELU_TANH, RAPT_GELU_TANH};

#define AT(field) offsetof(rapt__bert_config, field)
const rapt__key rapt__bert_keys[] = {
    {"model.vocabulary", "vocab_size", RAPT__KEY_INT, AT(vocabulary), "0", 0, 1 << 24, NULL,
     "tokens in the vocabulary; 0: the tokenizer's", "30522"},
    {"model.context", "max_position_embeddings", RAPT__KEY_INT, AT(context), "128", 1, 1 << 20, NULL,
     "tokens that a sequence may have", "512"},
    {"model.types", "type_vocab_size", RAPT__KEY_INT, AT(types), "2", 1, 1 << 10, NULL,
     "kinds of text: 2 where pairs are read"},
    {"model.layers", "num_hidden_layers", RAPT__KEY_INT, AT(layers), "4", 1, 1024, NULL,
     "layers of attention and feed-forward", "12"},
    {"model.heads", "num_attention_heads", RAPT__KEY_INT, AT(heads), "4", 1, 1024, NULL,
     "attention heads; divides the width", "12"},
    {"model.width", "hidden_size", RAPT__KEY_INT, AT(width), "128", 1, 1 << 16, NULL, "size of the hidden state",
     "768"},
    {"model.inner", "intermediate_size", RAPT__KEY_INT, AT(inner), "0", 0, 1 << 18, NULL,
     "size of the feed-forward layer; 0: 4 × width", "3072"},
    {"model.dropout", "hidden_dropout_prob", RAPT__KEY_REAL, AT(dropout), "0.1", 0, 0.99, NULL,
     "dropout of embeddings and residual branches"},
    {"model.attention_dropout", "attention_probs_dropout_prob", RAPT__KEY_REAL, AT(attention_dropout), "0.1", 0, 0.99,
     NULL, "dropout of attention probabilities"},
    {"model.activation", "hidden_act", RAPT__KEY_CHOICE, AT(activation), "gelu", 0, 0, activations,
     "of the feed-forward layer"},
    {"model.eps", "layer_norm_eps", RAPT__KEY_REAL, AT(eps), "1e-12", 0, 1, NULL, "added to the variance in norms"},
    {"model.init", "initializer_range", RAPT__KEY_REAL, AT(init), "0.02", 0, 10, NULL,
     "standard deviation of new weights"},
    {0}};
#undef AT

/* Names of the first releases. */
const char *const rapt__bert_renamed[] = {"LayerNorm.gamma", "LayerNorm.weight", "LayerNorm.beta", "LayerNorm.bias",
                                          NULL};

rapt_status rapt__bert_settle(rapt_context *ctx, rapt__arena *arena, void *config) {
  rapt__bert_config *c = config;
  if (!c->inner) c->inner = 4 * c->width;
  return RAPT_OK;
}

rapt_status rapt__bert_check(rapt_context *ctx, const void *config) {
  const rapt__bert_config *c = config;
  if (c->width % c->heads != 0)
    return rapt__fail(ctx, RAPT_EKEY, "model.heads=%lld does not divide model.width=%lld", (long long)c->heads,
                      (long long)c->width);
  if (c->vocabulary < 1) return rapt__fail(ctx, RAPT_EKEY, "model.vocabulary is not set");
  return RAPT_OK;
}

int64_t rapt__bert_context(const void *config) { return ((const rapt__bert_config *)config)->context; }
int64_t *rapt__bert_vocabulary(void *config) { return &((rapt__bert_config *)config)->vocabulary; }
int64_t rapt__bert_width(const void *config) { return ((const rapt__bert_config *)config)->width; }
rapt_activation rapt__bert_activation(const rapt__bert_config *config) { return activation_of[config->activation]; }

rapt_tensor *rapt__bert_linear(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x, int64_t out,
                               rapt_activation activation) {
  rapt__layers l = {pass->graph, pass->params};
  return rapt__nn_linear(&l, name, x, out, true, true, ((const rapt__bert_config *)pass->config)->init, activation);
}

rapt_tensor *rapt__bert_norm(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x) {
  rapt__layers l = {pass->graph, pass->params};
  return rapt__nn_layer_norm(&l, name, x, true, ((const rapt__bert_config *)pass->config)->eps);
}

static rapt_tensor *drop(const rapt__encoder_pass *pass, rapt_tensor *x) {
  return pass->training ? rapt_dropout(x, ((const rapt__bert_config *)pass->config)->dropout) : x;
}

static rapt_tensor *embed(const rapt__encoder_pass *pass) {
  const rapt__bert_config *c = pass->config;
  rapt__layers l = {pass->graph, pass->params};
  rapt_scope_begin(pass->graph, "embeddings");
  rapt_tensor *words = rapt__nn_table(&l, "word_embeddings", c->vocabulary, c->width, c->init);
  rapt_tensor *places = rapt__nn_table(&l, "position_embeddings", c->context, c->width, c->init);
  rapt_tensor *types = rapt__nn_table(&l, "token_type_embeddings", c->types, c->width, c->init);
  rapt_tensor *x = rapt_add(rapt_embedding(words, pass->tokens), rapt_embedding(types, pass->types));
  x = rapt_add(x, rapt_slice(places, 0, 0, rapt_dim(pass->tokens, 1)));
  x = rapt__bert_norm(pass, "LayerNorm", x);
  rapt_scope_end(pass->graph);
  return drop(pass, x);
}

/* norm(x + dense(branch)) in the scope `name`. */
static rapt_tensor *join(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x, rapt_tensor *branch) {
  rapt_scope_begin(pass->graph, "%s", name);
  rapt_tensor *y = rapt__bert_linear(pass, "dense", branch, rapt_dim(x, -1), RAPT_IDENTITY);
  y = rapt__bert_norm(pass, "LayerNorm", rapt_add(x, drop(pass, y)));
  rapt_scope_end(pass->graph);
  return y;
}

static rapt_tensor *heads_of(const rapt__encoder_pass *pass, const char *name, rapt_tensor *x) {
  const rapt__bert_config *c = pass->config;
  rapt_tensor *y = rapt__bert_linear(pass, name, x, c->width, RAPT_IDENTITY);
  return rapt_reshape(y, 4, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), c->heads, c->width / c->heads});
}

static rapt_tensor *attention(const rapt__encoder_pass *pass, rapt_tensor *x) {
  const rapt__bert_config *c = pass->config;
  rapt_tensor *probs;
  rapt_attention_options options = {.lengths = pass->lengths,
                                    .dropout = pass->training ? c->attention_dropout : 0,
                                    .probs = pass->taps ? &probs : NULL};
  rapt_scope_begin(pass->graph, "self");
  rapt_tensor *q = heads_of(pass, "query", x), *k = heads_of(pass, "key", x), *v = heads_of(pass, "value", x);
  rapt_tensor *y = rapt_attention(q, k, v, &options);
  if (pass->taps) rapt_tap(probs, "probs");
  rapt_scope_end(pass->graph);
  return rapt_reshape(y, 3, rapt_dims(x));
}

rapt_tensor *rapt__bert_hidden(const rapt__encoder_pass *pass) {
  const rapt__bert_config *c = pass->config;
  rapt_tensor *x = embed(pass);
  for (int i = 0; i < (int)c->layers; i++) {
    rapt_scope_begin(pass->graph, "encoder.layer.%d", i);
    rapt_scope_begin(pass->graph, "attention");
    x = join(pass, "output", x, attention(pass, x));
    rapt_scope_end(pass->graph);
    rapt_tensor *h = rapt__bert_linear(pass, "intermediate.dense", x, c->inner, rapt__bert_activation(c));
    x = join(pass, "output", x, h);
    rapt_scope_end(pass->graph);
  }
  return x;
}

/* ---- BertModel ---- */

static rapt_tensor *pooled(const rapt__encoder_pass *pass, rapt_tensor *states) {
  int64_t dims[2] = {rapt_dim(states, 0), rapt_dim(states, 2)};
  rapt_tensor *first = rapt_reshape(rapt_slice(states, 1, 0, 1), 2, dims);
  return rapt__bert_linear(pass, "pooler.dense", first, dims[1], RAPT_TANH);
}

static const rapt__encoder encoder = {.hidden = rapt__bert_hidden, .pooled = pooled, .width = rapt__bert_width};

static const char *const unread[] = {"embeddings.position_ids", NULL};
static const char *const optional[] = {"pooler.dense.weight", "pooler.dense.bias", NULL};

const rapt__model rapt__model_bert = {.name = "bert",
                                      .hf_class = "BertModel",
                                      .hf_type = "bert",
                                      .hf_prefix = "bert.",
                                      .hf_unread = unread,
                                      .hf_renamed = rapt__bert_renamed,
                                      .hf_optional = optional,
                                      .keys = rapt__bert_keys,
                                      .config_size = sizeof(rapt__bert_config),
                                      .settle = rapt__bert_settle,
                                      .check = rapt__bert_check,
                                      .context = rapt__bert_context,
                                      .vocabulary = rapt__bert_vocabulary,
                                      .encoder = &encoder};
