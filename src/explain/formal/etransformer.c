/* The encoder-only transformer, BERT's kind: algorithm 9 of the note. */
#include "explain/formal/formal.h"

rapt_status rapt__formal_encoder_layer(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_activation activation,
                                       const rapt__formal_layer_params *params, rapt__formal_layer_tape *tape) {
  rapt__formal_tokens sum;
  RAPT_TRY(rapt__formal_mhattention(arena, x, x, &params->attention, RAPT__FORMAL_BIDIRECTIONAL, &tape->attention));
  RAPT_TRY(rapt__formal_sum(arena, x, tape->attention.out, &sum));         /* 8.5 9.5 */
  RAPT_TRY(rapt__formal_norm(arena, sum, &params->norm_1, &tape->norm_1)); /* 8.6 9.6 */
  RAPT_TRY(rapt__formal_mlp(arena, tape->norm_1.out, activation, &params->mlp, &tape->mlp));
  RAPT_TRY(rapt__formal_sum(arena, tape->norm_1.out, tape->mlp.out, &sum)); /* 8.7 9.7 */
  return rapt__formal_norm(arena, sum, &params->norm_2, &tape->norm_2);     /* 8.8 9.8 */
}

/* A sum hands its gradient to both of its parts: the gradient at a norm's input is that of the skipped path already,
 * and the backward pass of the other path adds to it. Hence the copies. */
rapt_status rapt__formal_encoder_layer_backward(rapt__arena *arena, const rapt__formal_layer_tape *tape,
                                                const rapt__formal_layer_params *params, rapt__formal_tokens dy,
                                                rapt__formal_tokens *dx, rapt__formal_layer_params *grad) {
  rapt__formal_tokens d_sum_2, d_normed, d_sum_1;
  RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, &d_sum_2));
  RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, &d_normed));
  RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, &d_sum_1));
  RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, dx));
  rapt__formal_norm_backward(&tape->norm_2, &params->norm_2, dy, d_sum_2, &grad->norm_2);
  rapt__formal_add(d_normed, d_sum_2);
  RAPT_TRY(rapt__formal_mlp_backward(arena, &tape->mlp, &params->mlp, d_sum_2, d_normed, &grad->mlp));
  rapt__formal_norm_backward(&tape->norm_1, &params->norm_1, d_normed, d_sum_1, &grad->norm_1);
  rapt__formal_add(*dx, d_sum_1);
  return rapt__formal_mhattention_backward(arena, &tape->attention, &params->attention, d_sum_1, *dx, *dx,
                                           &grad->attention);
}

/* Algorithm 9, ETransformer. */
rapt_status rapt__formal_etransformer(rapt__arena *arena, const int32_t *x, size_t length, const rapt__formal_e *theta,
                                      rapt__formal_e_tape *tape) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  *tape = (rapt__formal_e_tape){.ids = x};
  tape->layer = rapt__arena_new(arena, hyper->layers, sizeof *tape->layer);
  if (!tape->layer) return RAPT_ENOMEM;
  RAPT_TRY(rapt__formal_embed(arena, hyper, theta->w_e, theta->w_p, x, length, &tape->x)); /* 9.1 9.2 9.3 */
  for (size_t l = 0; l < hyper->layers; l++) {                                             /* 9.4 */
    RAPT_TRY(rapt__formal_encoder_layer(arena, tape->x, RAPT__FORMAL_GELU, &theta->layer[l], &tape->layer[l]));
    tape->x = tape->layer[l].norm_2.out;
  }
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_f, &tape->u));
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_f, &tape->h));
  rapt__formal_linear(theta->w_f, theta->b_f, tape->x, tape->u);
  for (size_t i = 0; i < length * hyper->d_f; i++)
    tape->h.at[i] = rapt__formal_activate(RAPT__FORMAL_GELU, tape->u.at[i]); /* 9.10 */
  RAPT_TRY(rapt__formal_norm(arena, tape->h, &theta->norm, &tape->norm));    /* 9.11 */
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->vocab, &tape->p));
  for (size_t t = 0; t < length; t++)
    rapt__formal_unembedding(theta->w_u, hyper->vocab, hyper->d_f, rapt__formal_row(tape->norm.out, t), /* 9.12 */
                             rapt__formal_row(tape->p, t));
  return RAPT_OK;
}

rapt_status rapt__formal_etransformer_backward(rapt__arena *arena, const rapt__formal_e_tape *tape,
                                               const rapt__formal_e *theta, rapt__formal_tokens d_scores,
                                               rapt__formal_e *grad) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  rapt__formal_tokens d_normed, du, dx;
  RAPT_TRY(rapt__formal_tokens_new(arena, d_scores.length, hyper->d_f, &d_normed));
  RAPT_TRY(rapt__formal_tokens_new(arena, d_scores.length, hyper->d_f, &du));
  RAPT_TRY(rapt__formal_tokens_new(arena, d_scores.length, hyper->d_e, &dx));
  rapt__formal_linear_backward(theta->w_u, tape->norm.out, d_scores, d_normed, grad->w_u, NULL);
  rapt__formal_norm_backward(&tape->norm, &theta->norm, d_normed, du, &grad->norm);
  for (size_t i = 0; i < du.length * du.dim; i++)
    du.at[i] *= rapt__formal_activate_slope(RAPT__FORMAL_GELU, tape->u.at[i]);
  rapt__formal_linear_backward(theta->w_f, tape->x, du, dx, grad->w_f, grad->b_f);
  for (size_t l = hyper->layers; l-- > 0;)
    RAPT_TRY(rapt__formal_encoder_layer_backward(arena, &tape->layer[l], &theta->layer[l], dx, &dx, &grad->layer[l]));
  rapt__formal_embed_backward(tape->ids, dx, grad->w_e, grad->w_p);
  return RAPT_OK;
}
