/* Attention: algorithms 3, 4 and 5 of the note. */
#include "explain/formal/formal.h"

#include <math.h>
#include <string.h>

/* Algorithm 3, basic single-query attention: the values of a context, weighted by how well its keys fit one query. */
rapt_status rapt__formal_basic_attention(rapt__arena *arena, const double *e, rapt__formal_tokens z,
                                         const rapt__formal_attention_params *params, double *v) {
  rapt__formal_tokens token = {1, params->d_x, NULL}, q, k, values, alpha;
  RAPT_TRY(rapt__formal_tokens_new(arena, 1, params->d_x, &token));
  RAPT_TRY(rapt__formal_tokens_new(arena, 1, params->d_attn, &q));
  RAPT_TRY(rapt__formal_tokens_new(arena, z.length, params->d_attn, &k));
  RAPT_TRY(rapt__formal_tokens_new(arena, z.length, params->d_out, &values));
  RAPT_TRY(rapt__formal_tokens_new(arena, 1, z.length, &alpha));
  memcpy(token.at, e, params->d_x * sizeof *e);
  rapt__formal_linear(params->w_q, params->b_q, token, q);  /* 3.1 */
  rapt__formal_linear(params->w_k, params->b_k, z, k);      /* 3.2 */
  rapt__formal_linear(params->w_v, params->b_v, z, values); /* 3.3 */
  for (size_t t = 0; t < z.length; t++) {
    for (size_t i = 0; i < q.dim; i++) alpha.at[t] += q.at[i] * rapt__formal_row(k, t)[i];
    alpha.at[t] /= sqrt((double)params->d_attn);
  }
  rapt__formal_softmax(alpha.at, z.length); /* 3.4 */
  for (size_t i = 0; i < params->d_out; i++) {
    v[i] = 0;
    for (size_t t = 0; t < z.length; t++) v[i] += alpha.at[t] * rapt__formal_row(values, t)[i]; /* 3.5 */
  }
  return RAPT_OK;
}

static bool allowed(rapt__formal_mask mask, size_t t_z, size_t t_x) {
  return mask == RAPT__FORMAL_BIDIRECTIONAL || t_z <= t_x;
}

/* Algorithm 4, Attention: every token of x asks, the tokens of z that the mask leaves answer. */
rapt_status rapt__formal_attention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                   const rapt__formal_attention_params *params, rapt__formal_mask mask,
                                   rapt__formal_attention_tape *tape) {
  if (x.dim != params->d_x || z.dim != params->d_z || z.length == 0)
    return rapt__fail(arena->ctx, RAPT_ESHAPE,
                      "attention: inputs (%zu, %zu) and (%zu, %zu) for weights of %zu and %zu features", x.length,
                      x.dim, z.length, z.dim, params->d_x, params->d_z);
  tape->x = x;
  tape->z = z;
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_attn, &tape->q));
  RAPT_TRY(rapt__formal_tokens_new(arena, z.length, params->d_attn, &tape->k));
  RAPT_TRY(rapt__formal_tokens_new(arena, z.length, params->d_out, &tape->v));
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, z.length, &tape->a));
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_out, &tape->out));
  rapt__formal_linear(params->w_q, params->b_q, x, tape->q); /* 4.1 */
  rapt__formal_linear(params->w_k, params->b_k, z, tape->k); /* 4.2 */
  rapt__formal_linear(params->w_v, params->b_v, z, tape->v); /* 4.3 */
  /* Score t_z of token t_x is k[t_z] . q[t_x]. */
  rapt__formal_linear(tape->k.at, NULL, tape->q, tape->a); /* 4.4 */
  for (size_t t_x = 0; t_x < x.length; t_x++) {
    double *s = rapt__formal_row(tape->a, t_x), *out = rapt__formal_row(tape->out, t_x);
    for (size_t t_z = 0; t_z < z.length; t_z++)
      s[t_z] = allowed(mask, t_z, t_x) ? s[t_z] / sqrt((double)params->d_attn) : -INFINITY; /* 4.5 */
    rapt__formal_softmax(s, z.length);                                                      /* 4.6 */
    for (size_t t_z = 0; t_z < z.length; t_z++)
      for (size_t i = 0; i < params->d_out; i++) out[i] += s[t_z] * rapt__formal_row(tape->v, t_z)[i];
  }
  return RAPT_OK;
}

/* out = a v:  dv += a^T dy,  da = dy v^T.  a = softmax(s):  ds = a (da - sum(a da)). Masked places have a = 0, so that
 * nothing flows through them.  s = q k / sqrt(d_attn):  dq = ds k,  dk = ds^T q, both over sqrt(d_attn). */
rapt_status rapt__formal_attention_backward(rapt__arena *arena, const rapt__formal_attention_tape *tape,
                                            const rapt__formal_attention_params *params, rapt__formal_tokens dy,
                                            rapt__formal_tokens dx, rapt__formal_tokens dz,
                                            rapt__formal_attention_params *grad) {
  size_t l_x = tape->x.length, l_z = tape->z.length;
  rapt__formal_tokens dq, dk, dv, ds;
  RAPT_TRY(rapt__formal_tokens_new(arena, l_x, params->d_attn, &dq));
  RAPT_TRY(rapt__formal_tokens_new(arena, l_z, params->d_attn, &dk));
  RAPT_TRY(rapt__formal_tokens_new(arena, l_z, params->d_out, &dv));
  RAPT_TRY(rapt__formal_tokens_new(arena, l_x, l_z, &ds));
  for (size_t t_x = 0; t_x < l_x; t_x++) {
    const double *a = rapt__formal_row(tape->a, t_x), *g = rapt__formal_row(dy, t_x);
    double *row = rapt__formal_row(ds, t_x), mean = 0;
    for (size_t t_z = 0; t_z < l_z; t_z++) {
      for (size_t i = 0; i < params->d_out; i++) {
        row[t_z] += g[i] * rapt__formal_row(tape->v, t_z)[i];
        rapt__formal_row(dv, t_z)[i] += a[t_z] * g[i];
      }
      mean += a[t_z] * row[t_z];
    }
    for (size_t t_z = 0; t_z < l_z; t_z++) row[t_z] = a[t_z] * (row[t_z] - mean) / sqrt((double)params->d_attn);
  }
  rapt__formal_linear_backward(tape->k.at, tape->q, ds, dq, dk.at, NULL);
  rapt__formal_linear_backward(params->w_q, tape->x, dq, dx, grad->w_q, grad->b_q);
  rapt__formal_linear_backward(params->w_k, tape->z, dk, dz, grad->w_k, grad->b_k);
  rapt__formal_linear_backward(params->w_v, tape->z, dv, dz, grad->w_v, grad->b_v);
  return RAPT_OK;
}

/* Algorithm 5, MHAttention: several attentions side by side, their outputs stacked and mixed by W_o. */
rapt_status rapt__formal_mhattention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                     const rapt__formal_mhattention_params *params, rapt__formal_mask mask,
                                     rapt__formal_mhattention_tape *tape) {
  tape->head = rapt__arena_new(arena, params->heads, sizeof *tape->head);
  if (!tape->head) return RAPT_ENOMEM;
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->heads * params->d_mid, &tape->y));
  RAPT_TRY(rapt__formal_tokens_new(arena, x.length, params->d_out, &tape->out));
  for (size_t h = 0; h < params->heads; h++) {                                             /* 5.1 */
    RAPT_TRY(rapt__formal_attention(arena, x, z, &params->head[h], mask, &tape->head[h])); /* 5.2 */
    for (size_t t = 0; t < x.length; t++)
      memcpy(rapt__formal_row(tape->y, t) + h * params->d_mid, rapt__formal_row(tape->head[h].out, t), /* 5.3 */
             params->d_mid * sizeof(double));
  }
  rapt__formal_linear(params->w_o, params->b_o, tape->y, tape->out); /* 5.4 */
  return RAPT_OK;
}

rapt_status rapt__formal_mhattention_backward(rapt__arena *arena, const rapt__formal_mhattention_tape *tape,
                                              const rapt__formal_mhattention_params *params, rapt__formal_tokens dy,
                                              rapt__formal_tokens dx, rapt__formal_tokens dz,
                                              rapt__formal_mhattention_params *grad) {
  rapt__formal_tokens stacked, one;
  RAPT_TRY(rapt__formal_tokens_new(arena, tape->y.length, tape->y.dim, &stacked));
  RAPT_TRY(rapt__formal_tokens_new(arena, tape->y.length, params->d_mid, &one));
  rapt__formal_linear_backward(params->w_o, tape->y, dy, stacked, grad->w_o, grad->b_o);
  for (size_t h = 0; h < params->heads; h++) {
    for (size_t t = 0; t < one.length; t++)
      memcpy(rapt__formal_row(one, t), rapt__formal_row(stacked, t) + h * params->d_mid,
             params->d_mid * sizeof(double));
    RAPT_TRY(rapt__formal_attention_backward(arena, &tape->head[h], &params->head[h], one, dx, dz, &grad->head[h]));
  }
  return RAPT_OK;
}
