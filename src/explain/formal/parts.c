/* Embeddings, layer norm, unembedding and the feed-forward part: algorithms 1, 2, 6 and 7 of the note. */
#include "explain/formal/formal.h"

#include <math.h>
#include <string.h>

rapt_status rapt__formal_tokens_new(rapt__arena *arena, size_t length, size_t dim, rapt__formal_tokens *out) {
  size_t count;
  if (rapt__mul_overflows(length, dim, &count)) return rapt__fail_memory(arena->ctx, SIZE_MAX);
  *out = (rapt__formal_tokens){length, dim, rapt__arena_new(arena, count, sizeof *out->at)};
  return out->at ? RAPT_OK : RAPT_ENOMEM;
}

double *rapt__formal_row(rapt__formal_tokens x, size_t t) { return x.at + t * x.dim; }

void rapt__formal_add(rapt__formal_tokens to, rapt__formal_tokens from) {
  for (size_t i = 0; i < to.length * to.dim; i++) to.at[i] += from.at[i];
}

rapt_status rapt__formal_sum(rapt__arena *arena, rapt__formal_tokens a, rapt__formal_tokens b,
                             rapt__formal_tokens *to) {
  RAPT_TRY(rapt__formal_tokens_new(arena, a.length, a.dim, to));
  rapt__formal_add(*to, a);
  rapt__formal_add(*to, b);
  return RAPT_OK;
}

/* The largest value is taken off first, which changes nothing but the range of exp. */
void rapt__formal_softmax(double *row, size_t n) {
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) top = fmax(top, row[i]);
  for (size_t i = 0; i < n; i++) sum += row[i] = exp(row[i] - top);
  for (size_t i = 0; i < n; i++) row[i] /= sum;
}

/* GELU(x) = x times the probability that a standard normal variable is below x. */
static double normal_below(double x) { return 0.5 * erfc(-x * 0.70710678118654752440); }

double rapt__formal_activate(rapt__formal_activation activation, double x) {
  if (activation == RAPT__FORMAL_RELU) return x > 0 ? x : 0;
  return x * normal_below(x);
}

double rapt__formal_activate_slope(rapt__formal_activation activation, double x) {
  if (activation == RAPT__FORMAL_RELU) return x > 0;
  return normal_below(x) + x * exp(-0.5 * x * x) * 0.39894228040143267794;
}

void rapt__formal_linear(const double *w, const double *b, rapt__formal_tokens x, rapt__formal_tokens y) {
  for (size_t t = 0; t < x.length; t++)
    for (size_t i = 0; i < y.dim; i++) {
      double sum = b ? b[i] : 0;
      for (size_t j = 0; j < x.dim; j++) sum += w[i * x.dim + j] * x.at[t * x.dim + j];
      y.at[t * y.dim + i] = sum;
    }
}

/* y = w x + b:  dx += w^T dy,  dw += dy x^T,  db += dy. */
void rapt__formal_linear_backward(const double *w, rapt__formal_tokens x, rapt__formal_tokens dy,
                                  rapt__formal_tokens dx, double *dw, double *db) {
  for (size_t t = 0; t < x.length; t++)
    for (size_t i = 0; i < dy.dim; i++) {
      double g = dy.at[t * dy.dim + i];
      if (db) db[i] += g;
      for (size_t j = 0; j < x.dim; j++) {
        if (dw) dw[i * x.dim + j] += g * x.at[t * x.dim + j];
        if (dx.at) dx.at[t * x.dim + j] += g * w[i * x.dim + j];
      }
    }
}

/* Algorithm 1, token embedding: the vector of token id v. */
void rapt__formal_token_embedding(const double *w_e, size_t d_e, size_t v, double *e) {
  memcpy(e, w_e + v * d_e, d_e * sizeof *e); /* 1.1 */
}

/* Algorithm 2, positional embedding: the vector of position t. */
void rapt__formal_positional_embedding(const double *w_p, size_t d_e, size_t t, double *e) {
  memcpy(e, w_p + t * d_e, d_e * sizeof *e); /* 2.1 */
}

static void mean_and_deviation(const double *e, size_t d, double *mean, double *deviation) {
  double m = 0, v = 0;
  for (size_t i = 0; i < d; i++) m += e[i]; /* 6.1 */
  m /= (double)d;
  for (size_t i = 0; i < d; i++) v += (e[i] - m) * (e[i] - m); /* 6.2 */
  *mean = m;
  *deviation = sqrt(v / (double)d);
}

/* Algorithm 6, layer_norm. The note adds no epsilon to the variance; where all components are equal, and it would
 * divide zero by zero, the normalised vector is taken as zero. */
void rapt__formal_layer_norm(const double *e, const rapt__formal_norm_params *params, double *out) {
  double m, s;
  mean_and_deviation(e, params->dim, &m, &s);
  for (size_t i = 0; i < params->dim; i++) {
    double normal = s > 0 ? (e[i] - m) / s : 0;
    out[i] = normal * params->gamma[i] + params->beta[i]; /* 6.3 */
  }
}

/* With n = (e - m) / s and g = dy * gamma:  de += (g - mean(g) - n mean(g n)) / s. The two means are what of g would
 * only shift or stretch e, to which the output is blind. */
void rapt__formal_layer_norm_backward(const double *e, const rapt__formal_norm_params *params, const double *dy,
                                      double *de, rapt__formal_norm_params *grad) {
  double m, s, mean_g = 0, mean_gn = 0, d = (double)params->dim;
  mean_and_deviation(e, params->dim, &m, &s);
  for (size_t i = 0; i < params->dim; i++) {
    double normal = s > 0 ? (e[i] - m) / s : 0, g = dy[i] * params->gamma[i];
    grad->gamma[i] += dy[i] * normal;
    grad->beta[i] += dy[i];
    mean_g += g / d;
    mean_gn += g * normal / d;
  }
  if (!(s > 0)) return;
  for (size_t i = 0; i < params->dim; i++) de[i] += (dy[i] * params->gamma[i] - mean_g - (e[i] - m) / s * mean_gn) / s;
}

/* Algorithm 7, unembedding: the distribution over the vocabulary that the vector e stands for. */
void rapt__formal_unembedding(const double *w_u, size_t vocab, size_t d_e, const double *e, double *p) {
  for (size_t v = 0; v < vocab; v++) {
    p[v] = 0;
    for (size_t i = 0; i < d_e; i++) p[v] += w_u[v * d_e + i] * e[i];
  }
  rapt__formal_softmax(p, vocab); /* 7.1 */
}

rapt_status rapt__formal_norm(rapt__arena *arena, rapt__formal_tokens x, const rapt__formal_norm_params *params,
                              rapt__formal_norm_tape *tape) {
  tape->x = x;
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, x.dim, &tape->out));
  for (size_t t = 0; t < x.length; t++)
    rapt__formal_layer_norm(rapt__formal_row(x, t), params, rapt__formal_row(tape->out, t));
  return RAPT_OK;
}

void rapt__formal_norm_backward(const rapt__formal_norm_tape *tape, const rapt__formal_norm_params *params,
                                rapt__formal_tokens dy, rapt__formal_tokens dx, rapt__formal_norm_params *grad) {
  for (size_t t = 0; t < dy.length; t++)
    rapt__formal_layer_norm_backward(rapt__formal_row(tape->x, t), params, rapt__formal_row(dy, t),
                                     rapt__formal_row(dx, t), grad);
}

rapt_status rapt__formal_mlp(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_activation activation,
                             const rapt__formal_mlp_params *params, rapt__formal_mlp_tape *tape) {
  tape->activation = activation;
  tape->x = x;
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_mlp, &tape->u));
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_mlp, &tape->h));
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_e, &tape->out));
  rapt__formal_linear(params->w_1, params->b_1, x, tape->u);
  for (size_t i = 0; i < x.length * params->d_mlp; i++)
    tape->h.at[i] = rapt__formal_activate(activation, tape->u.at[i]);
  rapt__formal_linear(params->w_2, params->b_2, tape->h, tape->out);
  return RAPT_OK;
}

rapt_status rapt__formal_mlp_backward(rapt__arena *arena, const rapt__formal_mlp_tape *tape,
                                      const rapt__formal_mlp_params *params, rapt__formal_tokens dy,
                                      rapt__formal_tokens dx, rapt__formal_mlp_params *grad) {
  rapt__formal_tokens du;
  RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, params->d_mlp, &du));
  rapt__formal_linear_backward(params->w_2, tape->h, dy, du, grad->w_2, grad->b_2);
  for (size_t i = 0; i < du.length * du.dim; i++)
    du.at[i] *= rapt__formal_activate_slope(tape->activation, tape->u.at[i]);
  rapt__formal_linear_backward(params->w_1, tape->x, du, dx, grad->w_1, grad->b_1);
  return RAPT_OK;
}

rapt_status rapt__formal_embed(rapt__arena *arena, const rapt__formal_hyper *hyper, const double *w_e,
                               const double *w_p, const int32_t *ids, size_t length, rapt__formal_tokens *out) {
  if (length == 0 || length > hyper->max_length)
    return rapt__fail(arena->ctx, RAPT_ESHAPE, "embedding: a sequence of %zu ids, but 1 to %zu have positions", length,
                      hyper->max_length);
  rapt__formal_tokens position;
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_e, out));
  RAPT_TRY(rapt__formal_tokens_new(arena, 1, hyper->d_e, &position));
  for (size_t t = 0; t < length; t++) {
    if (ids[t] < 0 || (size_t)ids[t] >= hyper->vocab)
      return rapt__fail(arena->ctx, RAPT_EINVAL, "embedding: id %d at position %zu is outside the vocabulary of %zu",
                        (int)ids[t], t, hyper->vocab);
    rapt__formal_token_embedding(w_e, hyper->d_e, (size_t)ids[t], rapt__formal_row(*out, t));
    rapt__formal_positional_embedding(w_p, hyper->d_e, t, position.at);
    for (size_t i = 0; i < hyper->d_e; i++) rapt__formal_row(*out, t)[i] += position.at[i];
  }
  return RAPT_OK;
}

void rapt__formal_embed_backward(const int32_t *ids, rapt__formal_tokens dx, double *dw_e, double *dw_p) {
  for (size_t t = 0; t < dx.length; t++)
    for (size_t i = 0; i < dx.dim; i++) {
      dw_e[(size_t)ids[t] * dx.dim + i] += dx.at[t * dx.dim + i];
      dw_p[t * dx.dim + i] += dx.at[t * dx.dim + i];
    }
}
