/* The algorithms of Phuong and Hutter 2022, "Formal Algorithms for Transformers" (arXiv:2207.09238), one function
 * each, in double precision and without any cleverness: code to read beside the note, and a yardstick for the fast
 * engine.
 *
 * The note writes a sequence as a matrix X of d rows whose COLUMNS are the tokens. Here a sequence is stored
 * row-major as (token, feature), so X[:, t] of the note is the contiguous row at + t * dim. Weight matrices keep the
 * note's shape and are stored row-major as (output, input); W_e and W_p, whose columns are vectors, are stored with
 * one row per token id or position. The note counts ids and positions from 1, this code from 0.
 *
 * A comment such as "4.5" behind a line says which line of the note it is: algorithm 4, line 5 (see note.h).
 *
 * The note leaves gradients to automatic differentiation; here every algorithm has a hand-derived backward function
 * beside it. A forward function leaves what its backward function needs on a tape in the arena. Backward functions
 * take the gradient of the output and ADD to the gradients of inputs and parameters. */
#ifndef RAPT_SRC_FORMAL_H
#define RAPT_SRC_FORMAL_H

#include "base/base.h"

/* A sequence of vectors: at is (length, dim). */
typedef struct rapt__formal_tokens {
  size_t length, dim;
  double *at;
} rapt__formal_tokens;

/* Mask[t_z, t_x] of algorithm 4: all ones (bidirectional self-attention if Z = X, cross-attention else), or t_z <= t_x
 * (unidirectional self-attention). */
typedef enum rapt__formal_mask { RAPT__FORMAL_BIDIRECTIONAL, RAPT__FORMAL_UNIDIRECTIONAL } rapt__formal_mask;
typedef enum rapt__formal_activation { RAPT__FORMAL_RELU, RAPT__FORMAL_GELU } rapt__formal_activation;

/* Hyperparameters. d_attn and d_mid are those of one attention head; d_f is ETransformer's alone, dec_layers
 * EDTransformer's. */
typedef struct rapt__formal_hyper {
  size_t vocab;              /* N_V */
  size_t max_length;         /* l_max */
  size_t layers, dec_layers; /* L or L_enc; L_dec */
  size_t heads;              /* H */
  size_t d_e, d_mlp, d_f, d_attn, d_mid;
} rapt__formal_hyper;

/* W_qkv of algorithm 4 (and 3). */
typedef struct rapt__formal_attention_params {
  size_t d_x, d_z, d_attn, d_out;
  double *w_q, *b_q; /* (d_attn, d_x), (d_attn) */
  double *w_k, *b_k; /* (d_attn, d_z), (d_attn) */
  double *w_v, *b_v; /* (d_out, d_z), (d_out) */
} rapt__formal_attention_params;

/* W of algorithm 5. */
typedef struct rapt__formal_mhattention_params {
  size_t heads, d_mid, d_out;
  rapt__formal_attention_params *head; /* (heads), each with output size d_mid */
  double *w_o, *b_o;                   /* (d_out, heads * d_mid), (d_out) */
} rapt__formal_mhattention_params;

typedef struct rapt__formal_norm_params {
  size_t dim;
  double *gamma, *beta; /* (dim) */
} rapt__formal_norm_params;

typedef struct rapt__formal_mlp_params {
  size_t d_e, d_mlp;
  double *w_1, *b_1; /* (d_mlp, d_e), (d_mlp) */
  double *w_2, *b_2; /* (d_e, d_mlp), (d_e) */
} rapt__formal_mlp_params;

/* One layer of an encoder or of DTransformer. */
typedef struct rapt__formal_layer_params {
  rapt__formal_mhattention_params attention; /* W_l */
  rapt__formal_norm_params norm_1, norm_2;
  rapt__formal_mlp_params mlp;
} rapt__formal_layer_params;

/* One layer of EDTransformer's decoder. */
typedef struct rapt__formal_decoder_params {
  rapt__formal_mhattention_params self, cross; /* W_dec, W_e/d */
  rapt__formal_norm_params norm_3, norm_4, norm_5;
  rapt__formal_mlp_params mlp;
} rapt__formal_decoder_params;

/* theta of algorithm 8. In all three, `all` is the one array (count) into which the other pointers point. */
typedef struct rapt__formal_ed {
  rapt__formal_hyper hyper;
  size_t count;
  double *all;
  double *w_e, *w_p;                    /* (vocab, d_e), (max_length, d_e) */
  rapt__formal_layer_params *encoder;   /* (layers) */
  rapt__formal_decoder_params *decoder; /* (dec_layers) */
  double *w_u;                          /* (vocab, d_e) */
} rapt__formal_ed;

/* theta of algorithm 9. */
typedef struct rapt__formal_e {
  rapt__formal_hyper hyper;
  size_t count;
  double *all;
  double *w_e, *w_p;                /* (vocab, d_e), (max_length, d_e) */
  rapt__formal_layer_params *layer; /* (layers) */
  double *w_f, *b_f;                /* (d_f, d_e), (d_f) */
  rapt__formal_norm_params norm;    /* (d_f) */
  double *w_u;                      /* (vocab, d_f) */
} rapt__formal_e;

/* theta of algorithm 10. */
typedef struct rapt__formal_d {
  rapt__formal_hyper hyper;
  size_t count;
  double *all;
  double *w_e, *w_p;                /* (vocab, d_e), (max_length, d_e) */
  rapt__formal_layer_params *layer; /* (layers) */
  rapt__formal_norm_params norm;    /* (d_e) */
  double *w_u;                      /* (vocab, d_e) */
} rapt__formal_d;

/* params.c: how many numbers the lists of parameters of algorithms 8, 9, 10 hold; 0 if the hyperparameters make no
 * sense or the number does not fit. */
size_t rapt__formal_ed_count(const rapt__formal_hyper *hyper);
size_t rapt__formal_e_count(const rapt__formal_hyper *hyper);
size_t rapt__formal_d_count(const rapt__formal_hyper *hyper);

/* Parameters in the arena: matrices normal with standard deviation `scale`, biases and betas 0, gammas 1; all zeros,
 * as a gradient needs it, if scale is 0. */
rapt_status rapt__formal_ed_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                                rapt__formal_ed *out);
rapt_status rapt__formal_e_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                               rapt__formal_e *out);
rapt_status rapt__formal_d_new(rapt__arena *arena, const rapt__formal_hyper *hyper, double scale, uint64_t seed,
                               rapt__formal_d *out);

/* What the backward functions need of a forward run. */
typedef struct rapt__formal_attention_tape {
  rapt__formal_tokens x, z;    /* inputs */
  rapt__formal_tokens q, k, v; /* (l_x, d_attn), (l_z, d_attn), (l_z, d_out) */
  rapt__formal_tokens a;       /* (l_x, l_z): softmax of the scaled, masked scores; rows sum to one */
  rapt__formal_tokens out;     /* (l_x, d_out) */
} rapt__formal_attention_tape;

typedef struct rapt__formal_mhattention_tape {
  rapt__formal_attention_tape *head; /* (heads) */
  rapt__formal_tokens y;             /* (l_x, heads * d_mid): the heads' outputs side by side */
  rapt__formal_tokens out;           /* (l_x, d_out) */
} rapt__formal_mhattention_tape;

typedef struct rapt__formal_norm_tape {
  rapt__formal_tokens x, out; /* (l, dim) both */
} rapt__formal_norm_tape;

typedef struct rapt__formal_mlp_tape {
  rapt__formal_activation activation;
  rapt__formal_tokens x, u, h, out; /* (l, d_e), (l, d_mlp) before and after the activation, (l, d_e) */
} rapt__formal_mlp_tape;

typedef struct rapt__formal_layer_tape {
  rapt__formal_mhattention_tape attention;
  rapt__formal_norm_tape norm_1, norm_2;
  rapt__formal_mlp_tape mlp;
} rapt__formal_layer_tape;

typedef struct rapt__formal_decoder_tape {
  rapt__formal_mhattention_tape self, cross;
  rapt__formal_norm_tape norm_3, norm_4, norm_5;
  rapt__formal_mlp_tape mlp;
} rapt__formal_decoder_tape;

typedef struct rapt__formal_ed_tape {
  const int32_t *z_ids, *x_ids;       /* borrowed */
  rapt__formal_layer_tape *encoder;   /* (layers) */
  rapt__formal_decoder_tape *decoder; /* (dec_layers) */
  rapt__formal_tokens z, x;           /* the last encoder and decoder states (l, d_e) */
  rapt__formal_tokens p;              /* (l_x, vocab): p[t] is the distribution of the token after x[0..t] */
} rapt__formal_ed_tape;

typedef struct rapt__formal_e_tape {
  const int32_t *ids;             /* borrowed */
  rapt__formal_layer_tape *layer; /* (layers) */
  rapt__formal_tokens x, u, h;    /* the last state (l, d_e); the final linear before and after GELU (l, d_f) */
  rapt__formal_norm_tape norm;    /* (l, d_f) */
  rapt__formal_tokens p;          /* (l, vocab): p[t] is the distribution of the true token at t */
} rapt__formal_e_tape;

typedef struct rapt__formal_d_tape {
  const int32_t *ids; /* borrowed */
  rapt__formal_layer_tape *layer;
  rapt__formal_norm_tape norm;
  rapt__formal_tokens p; /* (l, vocab): p[t] is the distribution of the token after x[0..t] */
} rapt__formal_d_tape;

/* parts.c */
rapt_status rapt__formal_tokens_new(rapt__arena *arena, size_t length, size_t dim, rapt__formal_tokens *out);
double *rapt__formal_row(rapt__formal_tokens x, size_t t);
/* to = a + b, in new memory */
rapt_status rapt__formal_sum(rapt__arena *arena, rapt__formal_tokens a, rapt__formal_tokens b, rapt__formal_tokens *to);
void rapt__formal_add(rapt__formal_tokens to, rapt__formal_tokens from);
void rapt__formal_softmax(double *row, size_t n);
double rapt__formal_activate(rapt__formal_activation activation, double x);
double rapt__formal_activate_slope(rapt__formal_activation activation, double x);

/* y[t] = w x[t] + b for all tokens; w is (y.dim, x.dim), b (y.dim) or NULL. In the backward function dx.at, dw and
 * db may be NULL. */
void rapt__formal_linear(const double *w, const double *b, rapt__formal_tokens x, rapt__formal_tokens y);
void rapt__formal_linear_backward(const double *w, rapt__formal_tokens x, rapt__formal_tokens dy,
                                  rapt__formal_tokens dx, double *dw, double *db);

/* Algorithms 1, 2, 6, 7. */
void rapt__formal_token_embedding(const double *w_e, size_t d_e, size_t v, double *e);
void rapt__formal_positional_embedding(const double *w_p, size_t d_e, size_t t, double *e);
void rapt__formal_layer_norm(const double *e, const rapt__formal_norm_params *params, double *out);
void rapt__formal_unembedding(const double *w_u, size_t vocab, size_t d_e, const double *e, double *p);

void rapt__formal_layer_norm_backward(const double *e, const rapt__formal_norm_params *params, const double *dy,
                                      double *de, rapt__formal_norm_params *grad);
rapt_status rapt__formal_norm(rapt__arena *arena, rapt__formal_tokens x, const rapt__formal_norm_params *params,
                              rapt__formal_norm_tape *tape);
void rapt__formal_norm_backward(const rapt__formal_norm_tape *tape, const rapt__formal_norm_params *params,
                                rapt__formal_tokens dy, rapt__formal_tokens dx, rapt__formal_norm_params *grad);

/* w_2 activation(w_1 x + b_1) + b_2, the feed-forward line of algorithms 8 to 10. */
rapt_status rapt__formal_mlp(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_activation activation,
                             const rapt__formal_mlp_params *params, rapt__formal_mlp_tape *tape);
rapt_status rapt__formal_mlp_backward(rapt__arena *arena, const rapt__formal_mlp_tape *tape,
                                      const rapt__formal_mlp_params *params, rapt__formal_tokens dy,
                                      rapt__formal_tokens dx, rapt__formal_mlp_params *grad);

/* Both embeddings of a sequence, summed; refuses ids and lengths that do not fit. */
rapt_status rapt__formal_embed(rapt__arena *arena, const rapt__formal_hyper *hyper, const double *w_e,
                               const double *w_p, const int32_t *ids, size_t length, rapt__formal_tokens *out);
void rapt__formal_embed_backward(const int32_t *ids, rapt__formal_tokens dx, double *dw_e, double *dw_p);

/* attention.c: algorithms 3, 4, 5. Algorithm 3 takes one query token e (d_x) over the context z (l_z, d_z) and gives
 * v (d_out). */
rapt_status rapt__formal_basic_attention(rapt__arena *arena, const double *e, rapt__formal_tokens z,
                                         const rapt__formal_attention_params *params, double *v);
rapt_status rapt__formal_attention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                   const rapt__formal_attention_params *params, rapt__formal_mask mask,
                                   rapt__formal_attention_tape *tape);
rapt_status rapt__formal_mhattention(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_tokens z,
                                     const rapt__formal_mhattention_params *params, rapt__formal_mask mask,
                                     rapt__formal_mhattention_tape *tape);
/* dx and dz may be the same memory, which is what self-attention wants. */
rapt_status rapt__formal_attention_backward(rapt__arena *arena, const rapt__formal_attention_tape *tape,
                                            const rapt__formal_attention_params *params, rapt__formal_tokens dy,
                                            rapt__formal_tokens dx, rapt__formal_tokens dz,
                                            rapt__formal_attention_params *grad);
rapt_status rapt__formal_mhattention_backward(rapt__arena *arena, const rapt__formal_mhattention_tape *tape,
                                              const rapt__formal_mhattention_params *params, rapt__formal_tokens dy,
                                              rapt__formal_tokens dx, rapt__formal_tokens dz,
                                              rapt__formal_mhattention_params *grad);

/* etransformer.c: the layer that algorithm 9 shares with the encoder of algorithm 8: attention and feed-forward, each
 * added to its input and then normalised. dx receives (is not added to) the gradient of the input. */
rapt_status rapt__formal_encoder_layer(rapt__arena *arena, rapt__formal_tokens x, rapt__formal_activation activation,
                                       const rapt__formal_layer_params *params, rapt__formal_layer_tape *tape);
rapt_status rapt__formal_encoder_layer_backward(rapt__arena *arena, const rapt__formal_layer_tape *tape,
                                                const rapt__formal_layer_params *params, rapt__formal_tokens dy,
                                                rapt__formal_tokens *dx, rapt__formal_layer_params *grad);

/* Algorithms 8, 9, 10, each in the file of its name. The backward functions take d_scores (l, vocab), the gradient of
 * the unembedding's scores before the softmax. */
rapt_status rapt__formal_edtransformer(rapt__arena *arena, const int32_t *z, size_t z_length, const int32_t *x,
                                       size_t x_length, const rapt__formal_ed *theta, rapt__formal_ed_tape *tape);
rapt_status rapt__formal_etransformer(rapt__arena *arena, const int32_t *x, size_t length, const rapt__formal_e *theta,
                                      rapt__formal_e_tape *tape);
rapt_status rapt__formal_dtransformer(rapt__arena *arena, const int32_t *x, size_t length, const rapt__formal_d *theta,
                                      rapt__formal_d_tape *tape);
rapt_status rapt__formal_edtransformer_backward(rapt__arena *arena, const rapt__formal_ed_tape *tape,
                                                const rapt__formal_ed *theta, rapt__formal_tokens d_scores,
                                                rapt__formal_ed *grad);
rapt_status rapt__formal_etransformer_backward(rapt__arena *arena, const rapt__formal_e_tape *tape,
                                               const rapt__formal_e *theta, rapt__formal_tokens d_scores,
                                               rapt__formal_e *grad);
rapt_status rapt__formal_dtransformer_backward(rapt__arena *arena, const rapt__formal_d_tape *tape,
                                               const rapt__formal_d *theta, rapt__formal_tokens d_scores,
                                               rapt__formal_d *grad);

/* training.c. A sequence of token ids; borrowed. */
typedef struct rapt__formal_text {
  const int32_t *ids;
  size_t length;
} rapt__formal_text;

/* loss(theta) of algorithms 11, 12, 13 for one example; adds its gradient to *grad unless grad is NULL. For
 * ETransformer `masked` is x with some ids replaced by mask_token, and those places alone count. */
rapt_status rapt__formal_ed_loss(rapt_context *ctx, rapt__formal_text z, rapt__formal_text x,
                                 const rapt__formal_ed *theta, rapt__formal_ed *grad, double *loss);
rapt_status rapt__formal_e_loss(rapt_context *ctx, const int32_t *masked, rapt__formal_text x, int32_t mask_token,
                                const rapt__formal_e *theta, rapt__formal_e *grad, double *loss);
rapt_status rapt__formal_d_loss(rapt_context *ctx, rapt__formal_text x, const rapt__formal_d *theta,
                                rapt__formal_d *grad, double *loss);

/* Algorithms 11, 12, 13: plain stochastic gradient descent with learning rate eta, one example a step. theta changes in
 * place; epoch_loss (epochs), unless NULL, receives the sum of the losses seen in each epoch. */
rapt_status rapt__formal_edtraining(rapt_context *ctx, const rapt__formal_text *z, const rapt__formal_text *x,
                                    size_t examples, rapt__formal_ed *theta, size_t epochs, double eta,
                                    double *epoch_loss);
rapt_status rapt__formal_etraining(rapt_context *ctx, const rapt__formal_text *x, size_t examples,
                                   rapt__formal_e *theta, size_t epochs, double eta, double p_mask, int32_t mask_token,
                                   uint64_t seed, double *epoch_loss);
rapt_status rapt__formal_dtraining(rapt_context *ctx, const rapt__formal_text *x, size_t examples,
                                   rapt__formal_d *theta, size_t epochs, double eta, double *epoch_loss);

/* inference.c: a draw from q proportional to p^(1/tau), u uniform in [0, 1); the most probable id if tau is 0. */
int32_t rapt__formal_sample(const double *p, size_t n, double tau, double u);

/* Algorithm 14: appends `wanted` ids to x; y (wanted) receives them. */
rapt_status rapt__formal_dinference(rapt_context *ctx, rapt__formal_text x, const rapt__formal_d *theta, size_t wanted,
                                    double tau, uint64_t seed, int32_t *y);

/* Algorithm 15: x (theta's max_length) receives bos_token and then ids up to and with eos_token. The note's loop has no
 * bound; this one stops when x is full. */
rapt_status rapt__formal_edinference(rapt_context *ctx, rapt__formal_text z, const rapt__formal_ed *theta,
                                     int32_t bos_token, int32_t eos_token, double tau, uint64_t seed, int32_t *x,
                                     size_t *length);

#endif
