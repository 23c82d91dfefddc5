/* The gated recursive convolutional network (Cho, van Merriënboer, Bahdanau and Bengio 2014, "On the properties of neural
 * machine translation"): neighbours are joined in pairs, the joined ones again, until one vector is left. */
#ifndef RAPT_SRC_NN_GRCONV_H
#define RAPT_SRC_NN_GRCONV_H

#include "nn/nn.h"

enum { RAPT__GRCONV_NEW, RAPT__GRCONV_LEFT, RAPT__GRCONV_RIGHT, RAPT__GRCONV_GATES };

typedef struct rapt__nn_grconv_options {
  int64_t units;
  rapt_tensor *lengths; /* int32 (B), each at least 1 */
  bool taps; /* gates are kept, as taps NAME.gates.N for N = 1 … S − 1: (B, S − N, RAPT__GRCONV_GATES) */
} rapt__nn_grconv_options;

/* x (B, S, I) → (B, units): each row's vector of its whole length. With h(0)_j = U·x_j + b and l = h(n−1)_j, r = h(n−1)_(j+1):
 *
 *   h(n)_j = ω_new·max(0, W_l·l + W_r·r + b) + ω_left·l + ω_right·r,   ω = softmax(G_l·l + G_r·r + b)
 *
 * The weights are those of every level: NAME.project, left, right, gate_left and gate_right, biases with project, left and
 * gate_left. Node j of level n has seen the places j … j + n and no others, so that what stands past a row's length does
 * not reach its vector. */
rapt_tensor *rapt__nn_grconv(const rapt__layers *l, const char *name, rapt_tensor *x,
                             const rapt__nn_grconv_options *options);

#endif
