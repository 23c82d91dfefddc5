/* A small translator for tests of search: a bidirectional GRU as encoder; a decoder with a GRU's state, caches of its own past
 * and attention over the source. */
#ifndef RAPT_TESTS_UNIT_TOY_SEQ2SEQ_H
#define RAPT_TESTS_UNIT_TOY_SEQ2SEQ_H

#include "unit/unit.h"

#include "infer/search.h"
#include "nn/recurrent.h"
#include "tasks/model.h"

typedef struct toy {
  int64_t vocabulary, width, heads, layers, context;
  double init, end;
} toy;

static inline rapt__layers toy_layers(rapt__seq2seq_pass *pass) { return (rapt__layers){pass->graph, pass->params}; }

static inline rapt_tensor *toy_linear(rapt__seq2seq_pass *pass, const char *name, rapt_tensor *x, int64_t out,
                                      rapt_activation activation) {
  rapt__layers l = toy_layers(pass);
  return rapt__nn_linear(&l, name, x, out, true, true, ((const toy *)pass->config)->init, activation);
}

static inline rapt_tensor *toy_heads(rapt__seq2seq_pass *pass, const char *name, rapt_tensor *x) {
  const toy *c = pass->config;
  int64_t dims[4] = {rapt_dim(x, 0), rapt_dim(x, 1), c->heads, c->width / c->heads};
  return rapt_reshape(toy_linear(pass, name, x, c->width, RAPT_IDENTITY), 4, dims);
}

static inline void toy_encode(rapt__seq2seq_pass *pass, rapt__encoded *encoded) {
  const toy *c = pass->config;
  rapt__layers l = toy_layers(pass);
  rapt_scope_begin(pass->graph, "encoder");
  rapt_tensor *table = rapt__nn_table(&l, "embed", c->vocabulary, c->width, c->init), *last;
  rapt_tensor *x = rapt_permute(rapt_embedding(table, pass->source), (int[]){1, 0, 2});
  rapt__nn_recurrent_options o = {
      .units = c->width / 2, .bidirectional = true, .lengths = pass->source_lengths, .h_n = &last};
  x = rapt_permute(rapt__nn_gru(&l, "gru", x, &o), (int[]){1, 0, 2});
  int64_t b = rapt_dim(x, 0);
  last = rapt_reshape(rapt_permute(last, (int[]){1, 0, 2}), 3, (int64_t[]){b, 1, c->width});
  for (int64_t i = 0; i < c->layers; i++) {
    rapt_scope_begin(pass->graph, "to.%d", (int)i);
    rapt__encoded_memory(encoded, toy_heads(pass, "k", x));
    rapt__encoded_memory(encoded, toy_heads(pass, "v", x));
    rapt_scope_end(pass->graph);
  }
  rapt__encoded_start(encoded, "h", toy_linear(pass, "start", last, c->width, RAPT_TANH));
  rapt_scope_end(pass->graph);
}

static inline rapt_tensor *toy_attend(rapt__seq2seq_pass *pass, const char *name, rapt_tensor *x, rapt_tensor *k,
                                      rapt_tensor *v, rapt_attention_options o) {
  const toy *c = pass->config;
  rapt_scope_begin(pass->graph, "%s", name);
  rapt_tensor *y = rapt_attention(toy_heads(pass, "q", x), k, v, &o);
  y = toy_linear(pass, "out", rapt_reshape(y, 3, (int64_t[]){rapt_dim(x, 0), rapt_dim(x, 1), c->width}), c->width,
                 RAPT_IDENTITY);
  rapt_scope_end(pass->graph);
  return rapt_add(x, y);
}

static inline rapt_tensor *toy_cached(rapt__seq2seq_pass *pass, const char *name, rapt_tensor *x) {
  const toy *c = pass->config;
  int64_t dims[4] = {rapt_dim(x, 0), c->context, rapt_dim(x, 2), rapt_dim(x, 3)};
  return rapt__seq2seq_cache(pass, rapt__seq2seq_state(pass, name, 4, dims), x);
}

/* h0 (B, 1, C); *h_n gets the last state (B, C). */
static inline rapt__output toy_decoder(rapt__seq2seq_pass *pass, const rapt__encoded *encoded, rapt_tensor *h0,
                                       rapt_tensor **h_n) {
  const toy *c = pass->config;
  rapt__layers l = toy_layers(pass);
  rapt_scope_begin(pass->graph, "decoder");
  rapt_tensor *table = rapt__nn_table(&l, "embed", c->vocabulary, c->width, c->init), *probs = NULL;
  rapt_tensor *x = rapt_permute(rapt_embedding(table, pass->target), (int[]){1, 0, 2});
  int64_t b = rapt_dim(pass->target, 0);
  rapt__nn_recurrent_options o = {
      .units = c->width, .h0 = rapt_reshape(h0, 3, (int64_t[]){1, b, c->width}), .h_n = h_n};
  x = rapt_permute(rapt__nn_gru(&l, "gru", x, &o), (int[]){1, 0, 2});
  for (int64_t i = 0; i < c->layers; i++) {
    rapt_scope_begin(pass->graph, "%d", (int)i);
    rapt_tensor *n = rapt__nn_layer_norm(&l, "norm", x, true, 1e-5);
    rapt_tensor *k = toy_heads(pass, "k", n), *v = toy_heads(pass, "v", n);
    rapt_attention_options own = {.causal = pass->states == NULL, .lengths = pass->filled};
    if (pass->states) k = toy_cached(pass, "past.k", k), v = toy_cached(pass, "past.v", v);
    x = toy_attend(pass, "own", n, k, v, own);
    rapt_attention_options over = {.lengths = pass->source_lengths, .probs = &probs};
    x = toy_attend(pass, "over", x, encoded->memory[2 * i], encoded->memory[2 * i + 1], over);
    rapt_tensor *f = toy_linear(pass, "in", rapt__nn_layer_norm(&l, "norm2", x, true, 1e-5), 4 * c->width, RAPT_RELU);
    x = rapt_add(x, toy_linear(pass, "back", f, c->width, RAPT_IDENTITY));
    rapt_scope_end(pass->graph);
  }
  x = rapt__nn_layer_norm(&l, "last", x, true, 1e-5);
  if (probs) pass->alignment = rapt_mean(probs, 1, false);
  rapt_tensor *head = rapt__nn_table(&l, "head", c->vocabulary, c->width, 2 * c->init);
  rapt_tensor *bias =
      rapt_param(pass->graph, pass->params, "bias", 1, &c->vocabulary, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_scope_end(pass->graph);
  return (rapt__output){.hidden = x, .head = head, .bias = bias};
}

static inline rapt__output toy_decode(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  rapt_tensor *last;
  return toy_decoder(pass, encoded, encoded->starts[0].value, &last);
}

static inline rapt__output toy_step(rapt__seq2seq_pass *pass, const rapt__encoded *encoded) {
  const toy *c = pass->config;
  int64_t dims[3] = {rapt_dim(pass->target, 0), 1, c->width};
  rapt_tensor *h = rapt__seq2seq_state(pass, "h", 3, dims), *next;
  rapt__output y = toy_decoder(pass, encoded, h, &next);
  rapt__seq2seq_keep(h, rapt_reshape(next, 3, dims));
  return y;
}

static const rapt__seq2seq toy_architecture = {.encode = toy_encode, .decode = toy_decode, .step = toy_step};

/* Parameters with values from a seed. */
static inline rapt_status toy_params(rapt_context *ctx, const toy *c, uint64_t seed, rapt_params **out) {
  rapt_graph *graph;
  RAPT_TRY(rapt_params_new(ctx, out));
  rapt_status status = rapt_graph_new(ctx, &graph);
  if (status == RAPT_OK) {
    int64_t b = 2, dims[2] = {b, 3};
    rapt__seq2seq_pass pass = {.graph = graph, .params = *out, .config = c};
    pass.source = rapt_input(graph, "source", RAPT_I32, 2, dims);
    pass.target = rapt_input(graph, "target", RAPT_I32, 2, dims);
    pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &b);
    rapt__encoded encoded = {.count = 0};
    toy_encode(&pass, &encoded);
    toy_decode(&pass, &encoded);
    status = graph->status;
    rapt_graph_free(graph);
  }
  if (status == RAPT_OK) status = rapt_params_start(*out, seed);
  if (status == RAPT_OK) {
    real *bias;
    rapt_params_get(*out, rapt_params_find(*out, "decoder.bias"), NULL, NULL, NULL, &bias);
    bias[RAPT__EOS] = (real)c->end; /* or hardly a target would end */
    return RAPT_OK;
  }
  rapt_params_free(*out);
  *out = NULL;
  return status;
}

#endif
