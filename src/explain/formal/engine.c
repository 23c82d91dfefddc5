/* Graphs whose inputs are the plain code's numbers. Each parameter is one input however often it is used, so that its
 * gradient comes back whole. */
#include "explain/formal/engine.h"

#include <rapt/graph.h>
#include <rapt/ops.h>

#include <stdio.h>
#include <string.h>

enum { MOST_INPUTS = 512, MOST_HEADS = 8, NO_LABEL = -100 };

typedef struct build {
  rapt__arena *arena;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *input[MOST_INPUTS], *gradient[MOST_INPUTS];
  const double *values[MOST_INPUTS]; /* what an input is filled with */
  int count, numbers;
  struct {
    rapt_tensor *input;
    const int32_t *values;
  } ids[4]; /* token ids and labels */
  rapt_status status;
} build;

static rapt_status refuse(build *b, const char *what, int most) {
  if (b->status == RAPT_OK)
    b->status = rapt__fail(b->arena->ctx, RAPT_EINVAL, "formal algorithms in the engine: not 1 to %d %s", most, what);
  return b->status;
}

/* An input (rows, columns), or (columns) if rows is 0; the same numbers are the same input. */
static rapt_tensor *give(build *b, const double *values, size_t rows, size_t columns) {
  char name[24];
  int64_t dims[2] = {(int64_t)rows, (int64_t)columns};
  for (int i = 0; i < b->count; i++)
    if (b->values[i] == values) return b->input[i];
  snprintf(name, sizeof name, "given.%d", b->count);
  rapt_tensor *t = rapt_input(b->graph, name, RAPT_F32, rows ? 2 : 1, rows ? dims : dims + 1);
  if (b->count == MOST_INPUTS) {
    refuse(b, "parameters", MOST_INPUTS);
    return t;
  }
  b->values[b->count] = values;
  b->input[b->count++] = t;
  return t;
}

static rapt_tensor *give_ids(build *b, const int32_t *values, size_t length) {
  char name[24];
  int64_t dim = (int64_t)length;
  snprintf(name, sizeof name, "ids.%d", b->numbers);
  rapt_tensor *t = rapt_input(b->graph, name, RAPT_I32, 1, &dim);
  b->ids[b->numbers].values = values;
  b->ids[b->numbers++].input = t;
  return t;
}

static rapt_tensor *linear(build *b, rapt_tensor *x, const double *w, const double *bias, size_t from, size_t to,
                           rapt_activation activation) {
  return rapt_linear(x, give(b, w, to, from), true, bias ? give(b, bias, 0, to) : NULL, activation);
}

static rapt_tensor *norm(build *b, rapt_tensor *x, const rapt__formal_norm_params *p) {
  return rapt_layer_norm(x, give(b, p->gamma, 0, p->dim), give(b, p->beta, 0, p->dim), 0);
}

static rapt_tensor *mlp(build *b, rapt_tensor *x, const rapt__formal_mlp_params *p, rapt_activation activation) {
  rapt_tensor *u = linear(b, x, p->w_1, p->b_1, p->d_e, p->d_mlp, activation);
  return linear(b, u, p->w_2, p->b_2, p->d_mlp, p->d_e, RAPT_IDENTITY);
}

/* (T, heads * size) as (1, T, heads, size). */
static rapt_tensor *split_heads(rapt_tensor *x, size_t heads) {
  int64_t h = (int64_t)heads;
  return rapt_reshape(x, 4, (int64_t[]){1, rapt_dim(x, 0), h, rapt_dim(x, 1) / h});
}

static rapt_tensor *attend(rapt_tensor *q, rapt_tensor *k, rapt_tensor *v, size_t heads, bool causal) {
  rapt_attention_options options = {.causal = causal};
  rapt_tensor *y = rapt_attention(split_heads(q, heads), split_heads(k, heads), split_heads(v, heads), &options);
  return rapt_reshape(y, 2, (int64_t[]){rapt_dim(y, 1), -1});
}

typedef enum which { QUERY, KEY, VALUE } which;

/* The engine projects for all heads at once: the heads' weights below each other. */
static rapt_tensor *project(build *b, rapt_tensor *x, const rapt__formal_attention_params *head, size_t heads,
                            which what) {
  rapt_tensor *w[MOST_HEADS], *bias[MOST_HEADS];
  size_t rows = what == VALUE ? head->d_out : head->d_attn, in = what == QUERY ? head->d_x : head->d_z;
  if (heads == 0 || heads > MOST_HEADS) {
    refuse(b, "heads", MOST_HEADS);
    return x;
  }
  for (size_t h = 0; h < heads; h++) {
    const rapt__formal_attention_params *p = &head[h];
    w[h] = give(b, what == QUERY ? p->w_q : what == KEY ? p->w_k : p->w_v, rows, in);
    bias[h] = give(b, what == QUERY ? p->b_q : what == KEY ? p->b_k : p->b_v, 0, rows);
  }
  return rapt_linear(x, rapt_concat(w, (int)heads, 0), true, rapt_concat(bias, (int)heads, 0), RAPT_IDENTITY);
}

static rapt_tensor *heads_of(build *b, rapt_tensor *x, rapt_tensor *z, const rapt__formal_attention_params *head,
                             size_t heads, bool causal) {
  rapt_tensor *q = project(b, x, head, heads, QUERY), *k = project(b, z, head, heads, KEY);
  return attend(q, k, project(b, z, head, heads, VALUE), heads, causal);
}

static rapt_tensor *mhattention(build *b, rapt_tensor *x, rapt_tensor *z, const rapt__formal_mhattention_params *p,
                                bool causal) {
  rapt_tensor *y = heads_of(b, x, z, p->head, p->heads, causal);
  return linear(b, y, p->w_o, p->b_o, p->heads * p->d_mid, p->d_out, RAPT_IDENTITY);
}

static rapt_tensor *embed(build *b, const rapt__formal_hyper *h, const double *w_e, const double *w_p,
                          const int32_t *ids, size_t length) {
  rapt_tensor *e = rapt_embedding(give(b, w_e, h->vocab, h->d_e), give_ids(b, ids, length));
  return rapt_add(e, rapt_slice(give(b, w_p, h->max_length, h->d_e), 0, 0, (int64_t)length));
}

static rapt_tensor *encoder_layer(build *b, rapt_tensor *x, const rapt__formal_layer_params *p,
                                  rapt_activation activation) {
  x = norm(b, rapt_add(x, mhattention(b, x, x, &p->attention, false)), &p->norm_1);
  return norm(b, rapt_add(x, mlp(b, x, &p->mlp, activation)), &p->norm_2);
}

/* ---- Running ---- */

static rapt_status begin(build *b, rapt__arena *arena) {
  memset(b, 0, sizeof *b);
  b->arena = arena;
  return rapt_graph_new(arena->ctx, &b->graph);
}

static void end(build *b) {
  rapt_plan_free(b->plan);
  rapt_graph_free(b->graph);
}

static rapt_status run(build *b, rapt_tensor *const *outputs, int count) {
  RAPT_TRY(b->status);
  RAPT_TRY(rapt_plan_new(b->graph, outputs, count, NULL, &b->plan));
  for (int i = 0; i < b->count; i++) {
    rapt_real *to = rapt_plan_data(b->plan, b->input[i]);
    for (int64_t k = 0; to && k < rapt_size(b->input[i]); k++) to[k] = (rapt_real)b->values[i][k];
  }
  for (int i = 0; i < b->numbers; i++) {
    int32_t *to = rapt_plan_data(b->plan, b->ids[i].input);
    if (to) memcpy(to, b->ids[i].values, (size_t)rapt_size(b->ids[i].input) * sizeof *to);
  }
  return rapt_plan_run(b->plan, 0);
}

static rapt_status read_tokens(build *b, const rapt_tensor *t, rapt__formal_tokens *out) {
  const rapt_real *from = rapt_plan_data(b->plan, t);
  RAPT_TRY(rapt__formal_tokens_new(b->arena, (size_t)rapt_dim(t, 0), (size_t)rapt_dim(t, 1), out));
  for (int64_t k = 0; k < rapt_size(t); k++) out->at[k] = (double)from[k];
  return RAPT_OK;
}

/* Unembedding, loss and gradients: the same for all three. `all` and `grad` are the arrays of theta and its gradient. */
static rapt_status finish(build *b, rapt_tensor *states, const double *w_u, size_t vocab, const int32_t *labels,
                          const double *all, double *grad, rapt__formal_engine_result *out) {
  rapt_tensor *outputs[MOST_INPUTS + 3];
  rapt_cross_entropy_options options = {.ignore = NO_LABEL, .sum = true};
  size_t d = (size_t)rapt_dim(states, 1), length = (size_t)rapt_dim(states, 0);
  rapt_tensor *scores = linear(b, states, w_u, NULL, d, vocab, RAPT_IDENTITY), *p = rapt_softmax(scores, NULL);
  rapt_tensor *loss = rapt_cross_entropy(scores, give_ids(b, labels, length), &options);
  RAPT_TRY(b->status);
  RAPT_TRY(rapt_grad(loss, b->input, b->count, b->gradient));
  outputs[0] = states, outputs[1] = p, outputs[2] = loss;
  memcpy(outputs + 3, b->gradient, (size_t)b->count * sizeof *outputs);
  RAPT_TRY(run(b, outputs, b->count + 3));
  for (int i = 0; i < b->count; i++) {
    const rapt_real *from = rapt_plan_data(b->plan, b->gradient[i]);
    double *to = grad + (b->values[i] - all);
    for (int64_t k = 0; k < rapt_size(b->gradient[i]); k++) to[k] = (double)from[k];
  }
  out->loss = (double)*(const rapt_real *)rapt_plan_data(b->plan, loss);
  RAPT_TRY(read_tokens(b, states, &out->states));
  return read_tokens(b, p, &out->p);
}

/* Labels that name the id after each place; the last place has none. */
static int32_t *next_ids(rapt__arena *arena, rapt__formal_text x) {
  int32_t *labels = rapt__arena_new(arena, x.length, sizeof *labels);
  for (size_t t = 0; labels && t < x.length; t++) labels[t] = t + 1 < x.length ? x.ids[t + 1] : NO_LABEL;
  return labels;
}

static rapt_status build_d(build *b, rapt__formal_text x, const rapt__formal_d *theta, rapt__formal_d *grad,
                           rapt__formal_engine_result *out) {
  const rapt__formal_hyper *h = &theta->hyper;
  const int32_t *labels = next_ids(b->arena, x);
  if (!labels) return RAPT_ENOMEM;
  rapt_tensor *s = embed(b, h, theta->w_e, theta->w_p, x.ids, x.length);
  for (size_t l = 0; l < h->layers; l++) {
    const rapt__formal_layer_params *p = &theta->layer[l];
    rapt_tensor *normal = norm(b, s, &p->norm_1);
    s = rapt_add(s, mhattention(b, normal, normal, &p->attention, true));
    s = rapt_add(s, mlp(b, norm(b, s, &p->norm_2), &p->mlp, RAPT_GELU));
  }
  return finish(b, norm(b, s, &theta->norm), theta->w_u, h->vocab, labels, theta->all, grad->all, out);
}

static rapt_status build_e(build *b, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                           const rapt__formal_e *theta, rapt__formal_e *grad, rapt__formal_engine_result *out) {
  const rapt__formal_hyper *h = &theta->hyper;
  int32_t *labels = rapt__arena_new(b->arena, x.length, sizeof *labels);
  if (!labels) return RAPT_ENOMEM;
  for (size_t t = 0; t < x.length; t++) labels[t] = masked[t] == mask_token ? x.ids[t] : NO_LABEL;
  rapt_tensor *s = embed(b, h, theta->w_e, theta->w_p, masked, x.length);
  for (size_t l = 0; l < h->layers; l++) s = encoder_layer(b, s, &theta->layer[l], RAPT_GELU);
  s = norm(b, linear(b, s, theta->w_f, theta->b_f, h->d_e, h->d_f, RAPT_GELU), &theta->norm);
  return finish(b, s, theta->w_u, h->vocab, labels, theta->all, grad->all, out);
}

static rapt_status build_ed(build *b, rapt__formal_text z, rapt__formal_text x, const rapt__formal_ed *theta,
                            rapt__formal_ed *grad, rapt__formal_engine_result *out) {
  const rapt__formal_hyper *h = &theta->hyper;
  const int32_t *labels = next_ids(b->arena, x);
  if (!labels) return RAPT_ENOMEM;
  rapt_tensor *context = embed(b, h, theta->w_e, theta->w_p, z.ids, z.length);
  for (size_t l = 0; l < h->layers; l++) context = encoder_layer(b, context, &theta->encoder[l], RAPT_RELU);
  rapt_tensor *s = embed(b, h, theta->w_e, theta->w_p, x.ids, x.length);
  for (size_t l = 0; l < h->dec_layers; l++) {
    const rapt__formal_decoder_params *p = &theta->decoder[l];
    s = norm(b, rapt_add(s, mhattention(b, s, s, &p->self, true)), &p->norm_3);
    s = norm(b, rapt_add(s, mhattention(b, s, context, &p->cross, false)), &p->norm_4);
    s = norm(b, rapt_add(s, mlp(b, s, &p->mlp, RAPT_RELU)), &p->norm_5);
  }
  return finish(b, s, theta->w_u, h->vocab, labels, theta->all, grad->all, out);
}

rapt_status rapt__formal_engine_d(rapt__arena *arena, rapt__formal_text x, const rapt__formal_d *theta,
                                  rapt__formal_d *grad, rapt__formal_engine_result *out) {
  build b;
  rapt_status status = begin(&b, arena);
  if (status == RAPT_OK) status = build_d(&b, x, theta, grad, out);
  end(&b);
  return status;
}

rapt_status rapt__formal_engine_e(rapt__arena *arena, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                                  const rapt__formal_e *theta, rapt__formal_e *grad, rapt__formal_engine_result *out) {
  build b;
  rapt_status status = begin(&b, arena);
  if (status == RAPT_OK) status = build_e(&b, masked, x, mask_token, theta, grad, out);
  end(&b);
  return status;
}

rapt_status rapt__formal_engine_ed(rapt__arena *arena, rapt__formal_text z, rapt__formal_text x,
                                   const rapt__formal_ed *theta, rapt__formal_ed *grad,
                                   rapt__formal_engine_result *out) {
  build b;
  rapt_status status = begin(&b, arena);
  if (status == RAPT_OK) status = build_ed(&b, z, x, theta, grad, out);
  end(&b);
  return status;
}

static rapt_status run_one(build *b, rapt_tensor *y, rapt__formal_tokens *out) {
  RAPT_TRY(run(b, &y, 1));
  return read_tokens(b, y, out);
}

rapt_status rapt__formal_engine_attention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                          const rapt__formal_attention_params *params, rapt__formal_mask mask,
                                          rapt__formal_tokens *out) {
  build b;
  rapt_status status = begin(&b, arena);
  if (status == RAPT_OK) {
    rapt_tensor *from = give(&b, x.at, x.length, x.dim), *to = give(&b, z.at, z.length, z.dim);
    status = run_one(&b, heads_of(&b, from, to, params, 1, mask == RAPT__FORMAL_UNIDIRECTIONAL), out);
  }
  end(&b);
  return status;
}

rapt_status rapt__formal_engine_norm(rapt__arena *arena, rapt__formal_tokens x, const rapt__formal_norm_params *params,
                                     rapt__formal_tokens *out) {
  build b;
  rapt_status status = begin(&b, arena);
  if (status == RAPT_OK) status = run_one(&b, norm(&b, give(&b, x.at, x.length, x.dim), params), out);
  end(&b);
  return status;
}
