/* The note's pseudocode, in plain letters: ' transposes, [c] is 1 where c holds and 0 elsewhere. */
#include "explain/formal/note.h"

#include <string.h>

const char *const rapt__formal_names[RAPT__FORMAL_ALGORITHMS + 1] = {
    "",
    "Token embedding",
    "Positional embedding",
    "Basic single-query attention",
    "Attention",
    "MHAttention",
    "layer_norm",
    "Unembedding",
    "EDTransformer",
    "ETransformer",
    "DTransformer",
    "EDTraining",
    "ETraining",
    "DTraining",
    "DInference",
    "EDInference",
};

const rapt__formal_line rapt__formal_lines[] = {
    {1, 1, "return e = W_e[:, v]"},
    {2, 1, "return e_p = W_p[:, t]"},
    {3, 1, "q <- W_q e + b_q"},
    {3, 2, "for t: k_t <- W_k e_t + b_k"},
    {3, 3, "for t: v_t <- W_v e_t + b_v"},
    {3, 4, "for t: alpha_t = exp(q' k_t / c) / sum_u exp(q' k_u / c), c^2 = d_attn"},
    {3, 5, "return v = sum_t alpha_t v_t"},
    {4, 1, "Q <- W_q X + b_q 1'"},
    {4, 2, "K <- W_k Z + b_k 1'"},
    {4, 3, "V <- W_v Z + b_v 1'"},
    {4, 4, "S <- K' Q"},
    {4, 5, "for t_z, t_x: if not Mask[t_z, t_x] then S[t_z, t_x] <- -inf"},
    {4, 6, "return V softmax(S / sqrt d_attn)"},
    {5, 1, "for h in [H]:"},
    {5, 2, "  Y_h <- Attention(X, Z | W_h, Mask)"},
    {5, 3, "Y <- [Y_1; Y_2; ...; Y_H]"},
    {5, 4, "return W_o Y + b_o 1'"},
    {6, 1, "m <- sum_i e[i] / d_e"},
    {6, 2, "v <- sum_i (e[i] - m)^2 / d_e"},
    {6, 3, "return (e - m) / sqrt v * gamma + beta"},
    {7, 1, "return p = softmax(W_u e)"},
    {8, 1, "l_z <- length(z)"},
    {8, 2, "for t in [l_z]: e_t <- W_e[:, z[t]] + W_p[:, t]"},
    {8, 3, "Z <- [e_1, e_2, ..., e_l_z]"},
    {8, 4, "for l = 1, 2, ..., L_enc do"},
    {8, 5, "  Z <- Z + MHAttention(Z, Z | W_enc_l, Mask = 1)"},
    {8, 6, "  for t: Z[:, t] <- layer_norm(Z[:, t] | gamma_1, beta_1)"},
    {8, 7, "  Z <- Z + W_mlp2 ReLU(W_mlp1 Z + b_mlp1 1') + b_mlp2 1'"},
    {8, 8, "  for t: Z[:, t] <- layer_norm(Z[:, t] | gamma_2, beta_2)"},
    {8, 10, "l_x <- length(x)"},
    {8, 11, "for t in [l_x]: e_t <- W_e[:, x[t]] + W_p[:, t]"},
    {8, 12, "X <- [e_1, e_2, ..., e_l_x]"},
    {8, 13, "for l = 1, 2, ..., L_dec do"},
    {8, 14, "  X <- X + MHAttention(X, X | W_dec_l, Mask[t, u] = [t <= u])"},
    {8, 15, "  for t: X[:, t] <- layer_norm(X[:, t] | gamma_3, beta_3)"},
    {8, 16, "  X <- X + MHAttention(X, Z | W_e/d_l, Mask = 1)"},
    {8, 17, "  for t: X[:, t] <- layer_norm(X[:, t] | gamma_4, beta_4)"},
    {8, 18, "  X <- X + W_mlp4 ReLU(W_mlp3 X + b_mlp3 1') + b_mlp4 1'"},
    {8, 19, "  for t: X[:, t] <- layer_norm(X[:, t] | gamma_5, beta_5)"},
    {8, 21, "return P = softmax(W_u X)"},
    {9, 1, "l_x <- length(x)"},
    {9, 2, "for t in [l_x]: e_t <- W_e[:, x[t]] + W_p[:, t]"},
    {9, 3, "X <- [e_1, e_2, ..., e_l_x]"},
    {9, 4, "for l = 1, 2, ..., L do"},
    {9, 5, "  X <- X + MHAttention(X, X | W_l, Mask = 1)"},
    {9, 6, "  for t: X[:, t] <- layer_norm(X[:, t] | gamma_1, beta_1)"},
    {9, 7, "  X <- X + W_mlp2 GELU(W_mlp1 X + b_mlp1 1') + b_mlp2 1'"},
    {9, 8, "  for t: X[:, t] <- layer_norm(X[:, t] | gamma_2, beta_2)"},
    {9, 10, "X <- GELU(W_f X + b_f 1')"},
    {9, 11, "for t: X[:, t] <- layer_norm(X[:, t] | gamma, beta)"},
    {9, 12, "return P = softmax(W_u X)"},
    {10, 1, "l_x <- length(x)"},
    {10, 2, "for t in [l_x]: e_t <- W_e[:, x[t]] + W_p[:, t]"},
    {10, 3, "X <- [e_1, e_2, ..., e_l_x]"},
    {10, 4, "for l = 1, 2, ..., L do"},
    {10, 5, "  for t: X~[:, t] <- layer_norm(X[:, t] | gamma_1, beta_1)"},
    {10, 6, "  X <- X + MHAttention(X~, X~ | W_l, Mask[t, u] = [t <= u])"},
    {10, 7, "  for t: X~[:, t] <- layer_norm(X[:, t] | gamma_2, beta_2)"},
    {10, 8, "  X <- X + W_mlp2 GELU(W_mlp1 X~ + b_mlp1 1') + b_mlp2 1'"},
    {10, 10, "for t: X[:, t] <- layer_norm(X[:, t] | gamma, beta)"},
    {10, 11, "return P = softmax(W_u X)"},
    {11, 1, "for i = 1, 2, ..., N_epochs do"},
    {11, 2, "  for n = 1, 2, ..., N_data do"},
    {11, 3, "    l <- length(x_n)"},
    {11, 4, "    P(theta) <- EDTransformer(z_n, x_n | theta)"},
    {11, 5, "    loss(theta) = - sum_(t < l) log P(theta)[x_n[t + 1], t]"},
    {11, 6, "    theta <- theta - eta grad loss(theta)"},
    {12, 1, "for i = 1, 2, ..., N_epochs do"},
    {12, 2, "  for n = 1, 2, ..., N_data do"},
    {12, 3, "    l <- length(x_n)"},
    {12, 4, "    for t = 1, 2, ..., l do"},
    {12, 5, "      x~_n[t] <- mask_token with probability p_mask, else x_n[t]"},
    {12, 7, "    T~ <- {t : x~_n[t] = mask_token}"},
    {12, 8, "    P(theta) <- ETransformer(x~_n | theta)"},
    {12, 9, "    loss(theta) = - sum_(t in T~) log P(theta)[x_n[t], t]"},
    {12, 10, "    theta <- theta - eta grad loss(theta)"},
    {13, 1, "for i = 1, 2, ..., N_epochs do"},
    {13, 2, "  for n = 1, 2, ..., N_data do"},
    {13, 3, "    l <- length(x_n)"},
    {13, 4, "    P(theta) <- DTransformer(x_n | theta)"},
    {13, 5, "    loss(theta) = - sum_(t < l) log P(theta)[x_n[t + 1], t]"},
    {13, 6, "    theta <- theta - eta grad loss(theta)"},
    {14, 1, "l <- length(x)"},
    {14, 2, "for i = 1, 2, ..., l_gen do"},
    {14, 3, "  P <- DTransformer(x | theta)"},
    {14, 4, "  p <- P[:, l + i - 1]"},
    {14, 5, "  sample y from q proportional to p^(1 / tau)"},
    {14, 6, "  x <- [x, y]"},
    {15, 1, "x <- [bos_token]"},
    {15, 2, "y <- 0"},
    {15, 3, "while y != eos_token do"},
    {15, 4, "  P <- EDTransformer(z, x | theta)"},
    {15, 5, "  p <- P[:, length(x)]"},
    {15, 6, "  sample y from q proportional to p^(1 / tau)"},
    {15, 7, "  x <- [x, y]"},
    {0},
};

const rapt__formal_line *rapt__formal_line_find(int algorithm, int line) {
  for (const rapt__formal_line *l = rapt__formal_lines; l->algorithm; l++)
    if (l->algorithm == algorithm && l->line == line) return l;
  return NULL;
}

/* Digits, a dot, digits; at most four digits each, so that nothing overflows. */
static bool read_mark(const char *text, size_t *at, int *algorithm, int *line) {
  int value[2] = {0, 0};
  size_t i = *at;
  for (int part = 0; part < 2; part++) {
    size_t begin = i;
    for (; text[i] >= '0' && text[i] <= '9' && i - begin < 4; i++) value[part] = value[part] * 10 + (text[i] - '0');
    if (i == begin || (part == 0 && text[i++] != '.')) return false;
  }
  if (text[i] != ' ') return false;
  *at = i;
  *algorithm = value[0];
  *line = value[1];
  return true;
}

bool rapt__formal_mark_next(const char *text, size_t *at, int *algorithm, int *line) {
  while (text[*at]) {
    size_t i = *at;
    bool opens = strncmp(text + i, "/* ", 3) == 0;
    /* Behind another mark of the same comment, or at the beginning of one. */
    if (opens || (i > 0 && text[i] == ' ' && text[i - 1] >= '0' && text[i - 1] <= '9')) {
      size_t from = i + (opens ? 3 : 1);
      if (read_mark(text, &from, algorithm, line)) {
        *at = from;
        return true;
      }
    }
    (*at)++;
  }
  return false;
}

static void describe(const rapt__formal_source *source, size_t at, rapt__formal_place *out) {
  const char *text = (const char *)source->text;
  size_t begin = at;
  *out = (rapt__formal_place){.path = source->path, .number = 1};
  while (begin > 0 && text[begin - 1] != '\n') begin--;
  for (size_t i = 0; i < begin; i++) out->number += text[i] == '\n';
  while (text[begin] == ' ') begin++;
  const char *mark = strstr(text + begin, "/* ");
  size_t end = (size_t)(mark - text);
  while (end > begin && text[end - 1] == ' ') end--;
  out->code = text + begin;
  out->size = end - begin;
}

bool rapt__formal_place_find(int algorithm, int line, rapt__formal_place *out) {
  for (const rapt__formal_source *source = rapt__formal_sources; source->path; source++) {
    int a, l;
    for (size_t at = 0; rapt__formal_mark_next((const char *)source->text, &at, &a, &l);) {
      if (a != algorithm || l != line) continue;
      describe(source, at, out);
      return true;
    }
  }
  return false;
}
