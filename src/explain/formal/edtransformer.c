/* The encoder-decoder transformer, the one of 2017: algorithm 8 of the note. */
#include "explain/formal/formal.h"

/* Lines 14 to 19: causal attention to x, attention to the encoded context z, feed-forward; each added, then
 * normalised. */
static rapt_status decoder_layer(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                 const rapt__formal_decoder_params *params, rapt__formal_decoder_tape *tape) {
  rapt__formal_tokens sum;
  RAPT_TRY(rapt__formal_mhattention(arena, x, x, &params->self, RAPT__FORMAL_UNIDIRECTIONAL, &tape->self));
  RAPT_TRY(rapt__formal_sum(arena, x, tape->self.out, &sum));              /* 8.14 */
  RAPT_TRY(rapt__formal_norm(arena, sum, &params->norm_3, &tape->norm_3)); /* 8.15 */
  x = tape->norm_3.out;
  RAPT_TRY(rapt__formal_mhattention(arena, x, z, &params->cross, RAPT__FORMAL_BIDIRECTIONAL, &tape->cross));
  RAPT_TRY(rapt__formal_sum(arena, x, tape->cross.out, &sum));             /* 8.16 */
  RAPT_TRY(rapt__formal_norm(arena, sum, &params->norm_4, &tape->norm_4)); /* 8.17 */
  x = tape->norm_4.out;
  RAPT_TRY(rapt__formal_mlp(arena, x, RAPT__FORMAL_RELU, &params->mlp, &tape->mlp));
  RAPT_TRY(rapt__formal_sum(arena, x, tape->mlp.out, &sum));            /* 8.18 */
  return rapt__formal_norm(arena, sum, &params->norm_5, &tape->norm_5); /* 8.19 */
}

/* dz collects over all layers, as every one of them looks at z; dx receives the gradient of this layer's x. */
static rapt_status decoder_layer_backward(rapt__arena *arena, const rapt__formal_decoder_tape *tape,
                                          const rapt__formal_decoder_params *params, rapt__formal_tokens dy,
                                          rapt__formal_tokens *dx, rapt__formal_tokens dz,
                                          rapt__formal_decoder_params *grad) {
  rapt__formal_tokens d_sum[3], d_in[3]; /* at the three sums and at what enters each of the three parts */
  for (int i = 0; i < 3; i++) {
    RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, &d_sum[i]));
    RAPT_TRY(rapt__formal_tokens_new(arena, dy.length, dy.dim, &d_in[i]));
  }
  rapt__formal_norm_backward(&tape->norm_5, &params->norm_5, dy, d_sum[2], &grad->norm_5);
  rapt__formal_add(d_in[2], d_sum[2]);
  RAPT_TRY(rapt__formal_mlp_backward(arena, &tape->mlp, &params->mlp, d_sum[2], d_in[2], &grad->mlp));
  rapt__formal_norm_backward(&tape->norm_4, &params->norm_4, d_in[2], d_sum[1], &grad->norm_4);
  rapt__formal_add(d_in[1], d_sum[1]);
  RAPT_TRY(rapt__formal_mhattention_backward(arena, &tape->cross, &params->cross, d_sum[1], d_in[1], dz, &grad->cross));
  rapt__formal_norm_backward(&tape->norm_3, &params->norm_3, d_in[1], d_sum[0], &grad->norm_3);
  rapt__formal_add(d_in[0], d_sum[0]);
  *dx = d_in[0];
  return rapt__formal_mhattention_backward(arena, &tape->self, &params->self, d_sum[0], *dx, *dx, &grad->self);
}

/* Algorithm 8, EDTransformer. */
rapt_status rapt__formal_edtransformer(rapt__arena *arena, const int32_t *z, size_t z_length, const int32_t *x,
                                       size_t x_length, const rapt__formal_ed *theta, rapt__formal_ed_tape *tape) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  *tape = (rapt__formal_ed_tape){.z_ids = z, .x_ids = x};
  tape->encoder = rapt__arena_new(arena, hyper->layers, sizeof *tape->encoder);
  tape->decoder = rapt__arena_new(arena, hyper->dec_layers, sizeof *tape->decoder);
  if (!tape->encoder || !tape->decoder) return RAPT_ENOMEM;
  RAPT_TRY(rapt__formal_embed(arena, hyper, theta->w_e, theta->w_p, z, z_length, &tape->z)); /* 8.1 8.2 8.3 */
  for (size_t l = 0; l < hyper->layers; l++) {                                               /* 8.4 */
    RAPT_TRY(rapt__formal_encoder_layer(arena, tape->z, RAPT__FORMAL_RELU, &theta->encoder[l], &tape->encoder[l]));
    tape->z = tape->encoder[l].norm_2.out;
  }
  RAPT_TRY(rapt__formal_embed(arena, hyper, theta->w_e, theta->w_p, x, x_length, &tape->x)); /* 8.10 8.11 8.12 */
  for (size_t l = 0; l < hyper->dec_layers; l++) {                                           /* 8.13 */
    RAPT_TRY(decoder_layer(arena, tape->x, tape->z, &theta->decoder[l], &tape->decoder[l]));
    tape->x = tape->decoder[l].norm_5.out;
  }
  RAPT_TRY(rapt__formal_tokens_new(arena, x_length, hyper->vocab, &tape->p));
  for (size_t t = 0; t < x_length; t++)
    rapt__formal_unembedding(theta->w_u, hyper->vocab, hyper->d_e, rapt__formal_row(tape->x, t), /* 8.21 */
                             rapt__formal_row(tape->p, t));
  return RAPT_OK;
}

rapt_status rapt__formal_edtransformer_backward(rapt__arena *arena, const rapt__formal_ed_tape *tape,
                                                const rapt__formal_ed *theta, rapt__formal_tokens d_scores,
                                                rapt__formal_ed *grad) {
  const rapt__formal_hyper *hyper = &theta->hyper;
  rapt__formal_tokens dx, dz;
  RAPT_TRY(rapt__formal_tokens_new(arena, d_scores.length, hyper->d_e, &dx));
  RAPT_TRY(rapt__formal_tokens_new(arena, tape->z.length, hyper->d_e, &dz));
  rapt__formal_linear_backward(theta->w_u, tape->x, d_scores, dx, grad->w_u, NULL);
  for (size_t l = hyper->dec_layers; l-- > 0;)
    RAPT_TRY(decoder_layer_backward(arena, &tape->decoder[l], &theta->decoder[l], dx, &dx, dz, &grad->decoder[l]));
  rapt__formal_embed_backward(tape->x_ids, dx, grad->w_e, grad->w_p);
  for (size_t l = hyper->layers; l-- > 0;)
    RAPT_TRY(
        rapt__formal_encoder_layer_backward(arena, &tape->encoder[l], &theta->encoder[l], dz, &dz, &grad->encoder[l]));
  rapt__formal_embed_backward(tape->z_ids, dz, grad->w_e, grad->w_p);
  return RAPT_OK;
}
