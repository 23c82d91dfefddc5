/* The decoder-only transformer, GPT's kind: algorithm 10 of the note. Norms stand before the attention and the
 * feed-forward part, so that the sums run through from the embedding to the last norm. */
#include "explain/formal/formal.h"

/* Algorithm 10, DTransformer. */
rapt_status rapt__formal_dtransformer(rapt__arena *arena, const int32_t *x_ids, size_t length,
                                      const rapt__formal_d *theta, rapt__formal_d_tape *tape) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  rapt__formal_tokens x;
  *tape = (rapt__formal_d_tape){.ids = x_ids};
  tape->layer = rapt__arena_new(arena, hyper->layers, sizeof *tape->layer);
  if (!tape->layer) return RAPT_ENOMEM;
  RAPT_TRY(rapt__formal_embed(arena, hyper, theta->w_e, theta->w_p, x_ids, length, &x)); /* 10.1 10.2 10.3 */
  for (size_t l = 0; l < hyper->layers; l++) {                                           /* 10.4 */
    const rapt__formal_layer_params *layer = &theta->layer[l];
    rapt__formal_layer_tape *on = &tape->layer[l];
    RAPT_TRY(rapt__formal_norm(arena, x, &layer->norm_1, &on->norm_1)); /* 10.5 */
    RAPT_TRY(rapt__formal_mhattention(arena, on->norm_1.out, on->norm_1.out, &layer->attention,
                                      RAPT__FORMAL_UNIDIRECTIONAL, &on->attention));
    RAPT_TRY(rapt__formal_sum(arena, x, on->attention.out, &x));        /* 10.6 */
    RAPT_TRY(rapt__formal_norm(arena, x, &layer->norm_2, &on->norm_2)); /* 10.7 */
    RAPT_TRY(rapt__formal_mlp(arena, on->norm_2.out, RAPT__FORMAL_GELU, &layer->mlp, &on->mlp));
    RAPT_TRY(rapt__formal_sum(arena, x, on->mlp.out, &x)); /* 10.8 */
  }
  RAPT_TRY(rapt__formal_norm(arena, x, &theta->norm, &tape->norm)); /* 10.10 */
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->vocab, &tape->p));
  for (size_t t = 0; t < length; t++)
    rapt__formal_unembedding(theta->w_u, hyper->vocab, hyper->d_e, rapt__formal_row(tape->norm.out, t), /* 10.11 */
                             rapt__formal_row(tape->p, t));
  return RAPT_OK;
}

/* dx is the gradient at the running sum; each branch reads it, and adds to it what comes back through the branch. */
rapt_status rapt__formal_dtransformer_backward(rapt__arena *arena, const rapt__formal_d_tape *tape,
                                               const rapt__formal_d *theta, rapt__formal_tokens d_scores,
                                               rapt__formal_d *grad) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  size_t length = d_scores.length;
  rapt__formal_tokens d_normed, dx;
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_e, &dx));
  RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_e, &d_normed));
  rapt__formal_linear_backward(theta->w_u, tape->norm.out, d_scores, d_normed, grad->w_u, NULL);
  rapt__formal_norm_backward(&tape->norm, &theta->norm, d_normed, dx, &grad->norm);
  for (size_t l = hyper->layers; l-- > 0;) {
    const rapt__formal_layer_params *layer = &theta->layer[l];
    const rapt__formal_layer_tape *on = &tape->layer[l];
    rapt__formal_layer_params *to = &grad->layer[l];
    RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_e, &d_normed));
    RAPT_TRY(rapt__formal_mlp_backward(arena, &on->mlp, &layer->mlp, dx, d_normed, &to->mlp));
    rapt__formal_norm_backward(&on->norm_2, &layer->norm_2, d_normed, dx, &to->norm_2);
    RAPT_TRY(rapt__formal_tokens_new(arena, length, hyper->d_e, &d_normed));
    RAPT_TRY(rapt__formal_mhattention_backward(arena, &on->attention, &layer->attention, dx, d_normed, d_normed,
                                               &to->attention));
    rapt__formal_norm_backward(&on->norm_1, &layer->norm_1, d_normed, dx, &to->norm_1);
  }
  rapt__formal_embed_backward(tape->ids, dx, grad->w_e, grad->w_p);
  return RAPT_OK;
}
