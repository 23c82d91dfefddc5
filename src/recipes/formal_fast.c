/* The engine's ops against the plain code of explain/formal, with the same numbers as weights. */
#include "recipes/formal_checks.h"

#include "explain/formal/formal.h"
#include <rapt/graph.h>
#include <rapt/ops.h>

#include <math.h>

static const double bound = 1e-5;

/* A graph whose inputs remember the doubles that they are to be filled with. */
enum { MOST_INPUTS = 64 };
typedef struct fast {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt__arena *arena;
  struct {
    rapt_tensor *input;
    const double *values;
  } given[MOST_INPUTS];
  int count;
  rapt_status status; /* of packing weights */
} fast;

/* An input (rows, columns), or (columns) if rows is 0. */
static rapt_tensor *give(fast *f, const double *values, size_t rows, size_t columns) {
  char name[24];
  int64_t dims[2] = {(int64_t)rows, (int64_t)columns};
  snprintf(name, sizeof name, "given.%d", f->count);
  rapt_tensor *t = rapt_input(f->graph, name, RAPT_F32, rows ? 2 : 1, rows ? dims : dims + 1);
  if (f->count == MOST_INPUTS) {
    f->status = rapt__fail(f->arena->ctx, RAPT_EINVAL, "formal algorithms: more than %d inputs", MOST_INPUTS);
    return t;
  }
  f->given[f->count].input = t;
  f->given[f->count++].values = values;
  return t;
}

static rapt_status run(fast *f, rapt_tensor *const *outputs, int count, rapt_tensor *ids, const int32_t *numbers) {
  RAPT_TRY(f->status);
  RAPT_TRY(rapt_plan_new(f->graph, outputs, count, NULL, &f->plan));
  for (int i = 0; i < f->count; i++) {
    rapt_real *to = rapt_plan_data(f->plan, f->given[i].input);
    for (int64_t k = 0; k < rapt_size(f->given[i].input); k++) to[k] = (rapt_real)f->given[i].values[k];
  }
  int32_t *to = ids ? rapt_plan_data(f->plan, ids) : NULL;
  for (int64_t k = 0; ids && k < rapt_size(ids); k++) to[k] = numbers[k];
  return rapt_plan_run(f->plan, 0);
}

static double difference(fast *f, const rapt_tensor *t, rapt__formal_tokens reference) {
  const rapt_real *got = rapt_plan_data(f->plan, t);
  if (rapt_size(t) != (int64_t)(reference.length * reference.dim)) return NAN;
  double worst = 0;
  for (size_t i = 0; i < reference.length * reference.dim; i++)
    worst = rapt__formal_worse(worst, fabs((double)got[i] - reference.at[i]));
  return worst;
}

static rapt_tensor *linear(fast *f, rapt_tensor *x, const double *w, const double *b, size_t from, size_t to,
                           rapt_activation activation) {
  return rapt_linear(x, give(f, w, to, from), true, b ? give(f, b, 0, to) : NULL, activation);
}

static rapt_tensor *norm(fast *f, rapt_tensor *x, const rapt__formal_norm_params *p) {
  return rapt_layer_norm(x, give(f, p->gamma, 0, p->dim), give(f, p->beta, 0, p->dim), 0);
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
static rapt_tensor *project(fast *f, rapt_tensor *x, const rapt__formal_mhattention_params *p, which what) {
  size_t rows = what == VALUE ? p->head->d_out : p->head->d_attn, in = what == QUERY ? p->head->d_x : p->head->d_z;
  double *w = rapt__arena_new(f->arena, p->heads * rows * in, sizeof *w);
  double *b = rapt__arena_new(f->arena, p->heads * rows, sizeof *b);
  if (!w || !b) {
    f->status = RAPT_ENOMEM;
    return x;
  }
  for (size_t h = 0; h < p->heads; h++) {
    const rapt__formal_attention_params *a = &p->head[h];
    const double *from_w = what == QUERY ? a->w_q : what == KEY ? a->w_k : a->w_v;
    const double *from_b = what == QUERY ? a->b_q : what == KEY ? a->b_k : a->b_v;
    for (size_t i = 0; i < rows * in; i++) w[h * rows * in + i] = from_w[i];
    for (size_t i = 0; i < rows; i++) b[h * rows + i] = from_b[i];
  }
  return linear(f, x, w, b, in, p->heads * rows, RAPT_IDENTITY);
}

static rapt_tensor *mhattention(fast *f, rapt_tensor *x, const rapt__formal_mhattention_params *p, bool causal) {
  rapt_tensor *q = project(f, x, p, QUERY), *k = project(f, x, p, KEY), *v = project(f, x, p, VALUE);
  if (f->status != RAPT_OK) return x;
  return linear(f, attend(q, k, v, p->heads, causal), p->w_o, p->b_o, p->heads * p->d_mid, p->d_out, RAPT_IDENTITY);
}

static rapt_status attention_as(fast *f, rapt__formal_tokens x, rapt__formal_tokens z,
                                const rapt__formal_attention_params *p, bool causal, double *worst) {
  rapt__formal_attention_tape tape;
  RAPT_TRY(rapt__formal_attention(f->arena, x, z, p, causal ? RAPT__FORMAL_UNIDIRECTIONAL : RAPT__FORMAL_BIDIRECTIONAL,
                                  &tape));
  rapt_tensor *from = give(f, x.at, x.length, x.dim), *to = give(f, z.at, z.length, z.dim);
  rapt_tensor *q = linear(f, from, p->w_q, p->b_q, p->d_x, p->d_attn, RAPT_IDENTITY);
  rapt_tensor *k = linear(f, to, p->w_k, p->b_k, p->d_z, p->d_attn, RAPT_IDENTITY);
  rapt_tensor *v = linear(f, to, p->w_v, p->b_v, p->d_z, p->d_out, RAPT_IDENTITY);
  rapt_tensor *y = attend(q, k, v, 1, causal);
  RAPT_TRY(run(f, &y, 1, NULL, NULL));
  *worst = difference(f, y, tape.out);
  return RAPT_OK;
}

static rapt_status layer_norm_as(fast *f, rapt__formal_tokens x, const rapt__formal_norm_params *p, double *worst) {
  rapt__formal_norm_tape tape;
  RAPT_TRY(rapt__formal_norm(f->arena, x, p, &tape));
  rapt_tensor *y = norm(f, give(f, x.at, x.length, x.dim), p);
  RAPT_TRY(run(f, &y, 1, NULL, NULL));
  *worst = difference(f, y, tape.out);
  return RAPT_OK;
}

/* Algorithm 10 in the engine's words. The last states are compared too: distributions alone are small numbers. */
static rapt_status dtransformer_as(fast *f, const int32_t *ids, size_t length, const rapt__formal_d *theta,
                                   double *states, double *distributions) {
  const rapt__formal_hyper *h = &theta->hyper;
  rapt__formal_d_tape tape;
  RAPT_TRY(rapt__formal_dtransformer(f->arena, ids, length, theta, &tape));
  int64_t t = (int64_t)length;
  rapt_tensor *tokens = rapt_input(f->graph, "ids", RAPT_I32, 1, &t);
  rapt_tensor *places = rapt_slice(give(f, theta->w_p, h->max_length, h->d_e), 0, 0, t);
  rapt_tensor *x = rapt_add(rapt_embedding(give(f, theta->w_e, h->vocab, h->d_e), tokens), places);
  for (size_t l = 0; l < h->layers; l++) {
    const rapt__formal_layer_params *p = &theta->layer[l];
    x = rapt_add(x, mhattention(f, norm(f, x, &p->norm_1), &p->attention, true));
    rapt_tensor *u = linear(f, norm(f, x, &p->norm_2), p->mlp.w_1, p->mlp.b_1, h->d_e, h->d_mlp, RAPT_GELU);
    x = rapt_add(x, linear(f, u, p->mlp.w_2, p->mlp.b_2, h->d_mlp, h->d_e, RAPT_IDENTITY));
  }
  x = norm(f, x, &theta->norm);
  rapt_tensor *p = rapt_softmax(linear(f, x, theta->w_u, NULL, h->d_e, h->vocab, RAPT_IDENTITY), NULL);
  RAPT_TRY(run(f, (rapt_tensor *[]){x, p}, 2, tokens, ids));
  *states = difference(f, x, tape.norm.out);
  *distributions = difference(f, p, tape.p);
  return RAPT_OK;
}

static void judge(rapt__formal_verdict *v, const char *what, double worst) {
  v->worst_fast = rapt__formal_worse(v->worst_fast, worst);
  rapt__formal_judge(v, what, worst, bound);
}

static rapt_status begin(fast *f, rapt__arena *arena) {
  *f = (fast){.arena = arena};
  return rapt_graph_new(arena->ctx, &f->graph);
}

static void end(fast *f) {
  rapt_plan_free(f->plan);
  rapt_graph_free(f->graph);
}

static rapt_status check_parts(rapt__formal_verdict *v, rapt__arena *arena, uint64_t seed) {
  static const char *const names[] = {"engine against plain code, attention, bidirectional",
                                      "engine against plain code, attention, causal",
                                      "engine against plain code, attention, cross"};
  const rapt__formal_hyper hyper = {.vocab = 2,
                                    .max_length = 2,
                                    .layers = 1,
                                    .dec_layers = 1,
                                    .heads = 1,
                                    .d_e = 40,
                                    .d_mlp = 1,
                                    .d_attn = 16,
                                    .d_mid = 24};
  rapt__formal_ed ed;
  rapt__formal_tokens x, z;
  RAPT_TRY(rapt__formal_ed_new(arena, &hyper, 0.15, seed, &ed));
  rapt__formal_shake(ed.all, ed.count, 0.05, seed + 1);
  RAPT_TRY(rapt__formal_tokens_new(arena, 67, hyper.d_e, &x));
  RAPT_TRY(rapt__formal_tokens_new(arena, 35, hyper.d_e, &z));
  rapt__formal_shake(x.at, x.length * x.dim, 1, seed + 2);
  rapt__formal_shake(z.at, z.length * z.dim, 1, seed + 3);
  for (int kind = 0; kind < 4; kind++) { /* three attentions and a norm, each a graph of its own */
    fast f;
    double worst = NAN;
    rapt_status status = begin(&f, arena);
    if (status == RAPT_OK && kind < 3)
      status = attention_as(&f, x, kind == 2 ? z : x, ed.decoder->cross.head, kind == 1, &worst);
    else if (status == RAPT_OK)
      status = layer_norm_as(&f, x, &ed.decoder->norm_3, &worst);
    end(&f);
    RAPT_TRY(status);
    judge(v, kind < 3 ? names[kind] : "engine against plain code, layer_norm", worst);
  }
  return RAPT_OK;
}

rapt_status rapt__formal_check_fast(rapt__formal_verdict *v, rapt__arena *arena) {
  enum { LENGTH = 29, VOCAB = 53 };
  const rapt__formal_hyper hyper = {
      .vocab = VOCAB, .max_length = 32, .layers = 2, .heads = 3, .d_e = 24, .d_mlp = 56, .d_attn = 8, .d_mid = 10};
  uint64_t seed = (uint64_t)v->run->common.seed;
  RAPT_TRY(check_parts(v, arena, seed));
  rapt__formal_d d;
  int32_t ids[LENGTH];
  for (int t = 0; t < LENGTH; t++) ids[t] = (7 * t * t + 3 * t + 1) % VOCAB;
  RAPT_TRY(rapt__formal_d_new(arena, &hyper, 0.15, seed, &d));
  rapt__formal_shake(d.all, d.count, 0.05, seed + 4);
  fast f;
  double states = NAN, distributions = NAN;
  rapt_status status = begin(&f, arena);
  if (status == RAPT_OK) status = dtransformer_as(&f, ids, LENGTH, &d, &states, &distributions);
  end(&f);
  RAPT_TRY(status);
  judge(v, "engine against plain code, DTransformer, last states", states);
  judge(v, "engine against plain code, DTransformer, distributions", distributions);
  return RAPT_OK;
}
