/* Positions: absolute, relative, rotary, as biases. */
#include "nn/positions.h"

#include <math.h>

const char *const rapt__position_names[] = {"learned", "rope", "none", "sinusoid", "shaw", "skew", "alibi", "t5", NULL};

rapt_tensor *rapt__nn_position_embed(const rapt__layers *l, const rapt__positions *p, rapt_tensor *x, rapt_tensor *at) {
  int64_t width = rapt_dim(x, -1);
  if (p->kind == RAPT__POSITION_LEARNED)
    return rapt_add(x, rapt_embedding(rapt__nn_table(l, "wpe", p->context, width, p->init), at));
  if (p->kind == RAPT__POSITION_SINUSOID) /* embeddings grow by √C, so that the waves do not drown them (§3.4) */
    return rapt_add(rapt_scale(x, sqrt((double)width)), rapt_embedding(rapt_sinusoid(l->graph, p->context, width), at));
  return x;
}

rapt_tensor *rapt__nn_position_turn(const rapt__positions *p, rapt_tensor *x, rapt_tensor *at) {
  return p->kind == RAPT__POSITION_ROPE ? rapt_rotary(x, at, p->base, true) : x;
}

/* ---- Biases that do not look at the query ---- */

/* 1, 2, …, n times `step`. */
static rapt_tensor *ramp(rapt_graph *graph, double step, int64_t n) {
  return rapt_scale(rapt_cumsum(rapt_fill(graph, 1, 1, &n), 0), step);
}

rapt_tensor *rapt__nn_alibi_slopes(rapt_graph *graph, int64_t heads) {
  int64_t power = 1;
  while (2 * power <= heads) power *= 2;
  rapt_tensor *exponents = ramp(graph, -8.0 / (double)power, power);
  if (heads > power) { /* 2^(−8k/(2·power)) for odd k */
    int64_t more = heads - power;
    rapt_tensor *odd = ramp(graph, -8.0 / (double)power, more);
    odd = rapt_add(odd, rapt_fill(graph, 4.0 / (double)power, 1, &more));
    exponents = rapt_concat((rapt_tensor *[]){exponents, odd}, 2, 0);
  }
  return rapt_exp(rapt_scale(exponents, log(2)));
}

/* Row d of the table (…, H) is the bias of a distance or bucket. */
static rapt_tensor *bias_by(rapt_tensor *table, rapt_tensor *ids) {
  return rapt_permute(rapt_embedding(table, ids), (int[]){2, 0, 1});
}

rapt_tensor *rapt__nn_position_shared(const rapt__layers *l, const rapt__positions *p, rapt_tensor *at, int64_t keys) {
  if (p->kind == RAPT__POSITION_ALIBI) {
    int64_t column[2] = {p->context, 1}, one = 1;
    rapt_tensor *distances = rapt_sub(ramp(l->graph, 1, p->context), rapt_fill(l->graph, 1, 1, &one));
    rapt_tensor *table = rapt_mul(rapt_reshape(distances, 2, column), rapt__nn_alibi_slopes(l->graph, p->heads));
    return bias_by(rapt_neg(table), rapt_relative_positions(at, keys, 0, p->context - 1));
  }
  if (p->kind == RAPT__POSITION_T5)
    return bias_by(rapt__nn_table(l, "relative", p->buckets, p->heads, p->init),
                   rapt_relative_buckets(at, keys, p->buckets, p->max_distance, false));
  return NULL;
}

/* ---- Biases that do ---- */

rapt_tensor *rapt__nn_skew(rapt_tensor *x) {
  int64_t t = rapt_dim(x, 2), longer[4] = {rapt_dim(x, 0), rapt_dim(x, 1), t + 1, t};
  return rapt_slice(rapt_reshape(rapt_pad(x, -1, 1, 0), 4, longer), 2, 1, t);
}

/* A vector for every query and key; of each head, or with groups = 1 shared by them. */
static rapt_tensor *by_pairs(rapt_tensor *q, rapt_tensor *table, int64_t groups, rapt_tensor *ids) {
  int64_t b = rapt_dim(q, 0), tq = rapt_dim(q, 1), h = rapt_dim(q, 2), d = rapt_dim(q, 3), tk = rapt_dim(ids, 1);
  rapt_tensor *a = rapt_reshape(rapt_embedding(table, ids), 4, (int64_t[]){tq, tk, groups, d});
  a = rapt_permute(a, (int[]){2, 0, 1, 3});                 /* (G, Tq, Tk, D) */
  rapt_tensor *rows = rapt_permute(q, (int[]){2, 1, 0, 3}); /* (H, Tq, B, D) */
  rapt_tensor *y = rapt_matmul(rows, a, false, true);       /* (H, Tq, B, Tk) */
  return rapt_reshape(rapt_permute(y, (int[]){2, 0, 1, 3}), 4, (int64_t[]){b, h, tq, tk});
}

/* A vector for every distance. */
static rapt_tensor *by_distance(rapt_tensor *q, rapt_tensor *table, int64_t groups, rapt_tensor *ids) {
  int64_t t = rapt_dim(q, 1), d = rapt_dim(q, 3);
  /* The last query sees the key of column c at distance T − 1 − c. */
  rapt_tensor *a = rapt_reshape(rapt_embedding(table, ids), 3, (int64_t[]){t, groups, d});
  a = rapt_permute(a, (int[]){1, 0, 2});                                                   /* (G, T, D) */
  return rapt__nn_skew(rapt_matmul(rapt_permute(q, (int[]){0, 2, 1, 3}), a, false, true)); /* (B, H, T, T) */
}

rapt_tensor *rapt__nn_position_bias(const rapt__layers *l, const rapt__positions *p, rapt_tensor *q, rapt_tensor *at,
                                    int64_t keys) {
  if (p->kind != RAPT__POSITION_SHAW && p->kind != RAPT__POSITION_SKEW) return NULL;
  int64_t t = rapt_dim(q, 1), d = rapt_dim(q, 3);
  bool shared = p->kind == RAPT__POSITION_SHAW;
  int64_t groups = shared ? 1 : p->heads, most = shared && p->clip < p->context ? p->clip : p->context - 1;
  rapt_tensor *table = rapt__nn_table(l, "relative", most + 1, groups * d, p->init);
  q = rapt_scale(q, 1 / sqrt((double)d));
  if (t == 1 || p->naive) return by_pairs(q, table, groups, rapt_relative_positions(at, keys, 0, most));
  return by_distance(q, table, groups, rapt_relative_positions(rapt_slice(at, 0, t - 1, 1), keys, 0, most));
}
