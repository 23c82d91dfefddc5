/* Five words walked through one layer of DTransformer, every matrix printed. */
#include "recipes/formal_checks.h"

#include "base/file.h"
#include "explain/formal/formal.h"

#include <math.h>

enum { WORDS = 5, VOCAB = 4 };
static const char *const vocabulary[VOCAB] = {"the", "dog", "sees", "cat"};
static const int32_t sentence[WORDS] = {0, 1, 2, 0, 3}; /* "the" stands twice: its place alone tells the two apart */

/* Row labels: the sentence's words, the vocabulary, or none. */
typedef enum labels { NONE, BY_TOKEN, BY_ID } labels;

static void matrix(rapt__out *out, const char *name, const double *at, size_t rows, size_t columns, labels label) {
  rapt__out_printf(out, "%s   (%zu, %zu)\n", name, rows, columns);
  for (size_t r = 0; r < rows; r++) {
    rapt__out_printf(out, "  %-5s", label == BY_TOKEN ? vocabulary[sentence[r]] : label == BY_ID ? vocabulary[r] : "");
    for (size_t c = 0; c < columns; c++) {
      double value = at[r * columns + c];
      if (value == -INFINITY)
        rapt__out_printf(out, "     -inf");
      else
        rapt__out_printf(out, " %8.4f", value);
    }
    rapt__out_printf(out, "\n");
  }
  rapt__out_printf(out, "\n");
}

static void tokens(rapt__out *out, const char *name, rapt__formal_tokens x) {
  matrix(out, name, x.at, x.length, x.dim, BY_TOKEN);
}

static void norm(rapt__out *out, const char *name, const rapt__formal_norm_params *p, rapt__formal_tokens result) {
  matrix(out, "gamma", p->gamma, 1, p->dim, NONE);
  matrix(out, "beta", p->beta, 1, p->dim, NONE);
  tokens(out, name, result);
}

/* The tape keeps what the softmax made of the scores; the scores themselves are made again here. */
static void head(rapt__out *out, size_t number, const rapt__formal_attention_params *p,
                 const rapt__formal_attention_tape *tape) {
  double scores[WORDS * WORDS], mask[WORDS * WORDS];
  rapt__formal_tokens s = {WORDS, WORDS, scores};
  rapt__out_printf(out, "-- Head %zu: algorithm 4, Attention --\n\n", number);
  matrix(out, "W_q", p->w_q, p->d_attn, p->d_x, NONE);
  matrix(out, "b_q", p->b_q, 1, p->d_attn, NONE);
  tokens(out, "queries Q = W_q X + b_q", tape->q);
  matrix(out, "W_k", p->w_k, p->d_attn, p->d_z, NONE);
  matrix(out, "b_k", p->b_k, 1, p->d_attn, NONE);
  tokens(out, "keys K = W_k Z + b_k", tape->k);
  matrix(out, "W_v", p->w_v, p->d_out, p->d_z, NONE);
  matrix(out, "b_v", p->b_v, 1, p->d_out, NONE);
  tokens(out, "values V = W_v Z + b_v", tape->v);
  rapt__formal_linear(tape->k.at, NULL, tape->q, s);
  tokens(out, "scores S = K^T Q: a row asks, a column answers", s);
  for (size_t i = 0; i < WORDS * WORDS; i++) {
    mask[i] = i % WORDS <= i / WORDS;
    scores[i] = mask[i] != 0 ? scores[i] / sqrt((double)p->d_attn) : -INFINITY;
  }
  matrix(out, "mask: 1 where the column's word is not later than the row's", mask, WORDS, WORDS, BY_TOKEN);
  tokens(out, "masked scores over sqrt(d_attn)", s);
  tokens(out, "weights A = softmax of each row; a row sums to 1", tape->a);
  tokens(out, "mixed values V A", tape->out);
}

static void walk(rapt__out *out, const rapt__formal_d *theta, const rapt__formal_d_tape *tape) {
  const rapt__formal_hyper *h = &theta->hyper;
  const rapt__formal_layer_params *p = theta->layer;
  const rapt__formal_layer_tape *on = tape->layer;
  rapt__out_printf(out,
                   "Five words through one layer of DTransformer (algorithm 10 of Phuong and Hutter 2022)\n\n"
                   "The weights are random and small in number: what is shown is where every number comes from, "
                   "not what a\ntrained model would think. A row is a token; the note writes tokens as columns.\n\n"
                   "sentence:");
  for (int t = 0; t < WORDS; t++) rapt__out_printf(out, " %s", vocabulary[sentence[t]]);
  rapt__out_printf(out, "\nids:     ");
  for (int t = 0; t < WORDS; t++) rapt__out_printf(out, " %d", (int)sentence[t]);
  rapt__out_printf(out, "\n\n== Algorithms 1 and 2: embeddings ==\n\n");
  matrix(out, "W_e, a row an id", theta->w_e, h->vocab, h->d_e, BY_ID);
  matrix(out, "W_p, a row a position", theta->w_p, h->max_length, h->d_e, NONE);
  tokens(out, "X: the row of the id plus the row of the position", on->norm_1.x);
  rapt__out_printf(out, "== Algorithm 6: layer_norm before the attention ==\n\n");
  norm(out, "X normalised: both X and Z of the attention", &p->norm_1, on->norm_1.out);
  rapt__out_printf(out, "== Algorithm 5: MHAttention, causal ==\n\n");
  for (size_t i = 0; i < h->heads; i++) head(out, i + 1, &p->attention.head[i], &on->attention.head[i]);
  rapt__out_printf(out, "-- All heads --\n\n");
  tokens(out, "Y: the heads side by side", on->attention.y);
  matrix(out, "W_o", p->attention.w_o, h->d_e, h->heads * h->d_mid, NONE);
  matrix(out, "b_o", p->attention.b_o, 1, h->d_e, NONE);
  tokens(out, "W_o Y + b_o", on->attention.out);
  tokens(out, "X plus that", on->norm_2.x);
  rapt__out_printf(out, "== Algorithm 6 again, then the feed-forward part ==\n\n");
  norm(out, "X normalised", &p->norm_2, on->norm_2.out);
  matrix(out, "W_mlp1", p->mlp.w_1, h->d_mlp, h->d_e, NONE);
  matrix(out, "b_mlp1", p->mlp.b_1, 1, h->d_mlp, NONE);
  tokens(out, "U = W_mlp1 X + b_mlp1", on->mlp.u);
  tokens(out, "GELU(U)", on->mlp.h);
  matrix(out, "W_mlp2", p->mlp.w_2, h->d_e, h->d_mlp, NONE);
  matrix(out, "b_mlp2", p->mlp.b_2, 1, h->d_e, NONE);
  tokens(out, "W_mlp2 GELU(U) + b_mlp2", on->mlp.out);
  tokens(out, "X plus that", tape->norm.x);
  rapt__out_printf(out, "== Algorithms 6 and 7: the last layer_norm and unembedding ==\n\n");
  norm(out, "X normalised", &theta->norm, tape->norm.out);
  matrix(out, "W_u, a row an id", theta->w_u, h->vocab, h->d_e, BY_ID);
  rapt__out_printf(out, "columns of P:");
  for (int v = 0; v < VOCAB; v++) rapt__out_printf(out, " %s", vocabulary[v]);
  rapt__out_printf(out, "\n");
  tokens(out, "P = softmax(W_u X): the word that follows each", tape->p);
}

rapt_status rapt__formal_walk(rapt__run *run, rapt__arena *arena, const char *path) {
  const rapt__formal_hyper hyper = {
      .vocab = VOCAB, .max_length = WORDS, .layers = 1, .heads = 2, .d_e = 4, .d_mlp = 6, .d_attn = 2, .d_mid = 2};
  uint64_t seed = (uint64_t)run->common.seed;
  rapt__formal_d d;
  rapt__formal_d_tape tape;
  rapt__out out;
  RAPT_TRY(rapt__formal_d_new(arena, &hyper, 0.7, seed, &d));
  rapt__formal_shake(d.all, d.count, 0.1, seed + 20);
  RAPT_TRY(rapt__formal_dtransformer(arena, sentence, WORDS, &d, &tape));
  RAPT_TRY(rapt__out_open(run->ctx, path, &out));
  walk(&out, &d, &tape);
  return rapt__out_commit(&out);
}
