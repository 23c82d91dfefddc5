/* The augmented LSTM (Sherstinsky 2020): rapt_recurrent's LSTM with an external input gate and a window of inputs. */
#ifndef RAPT_SRC_NN_AUGMENTED_H
#define RAPT_SRC_NN_AUGMENTED_H

#include "nn/nn.h"

enum { RAPT__AUGMENTED_WINDOW = 8 }; /* inputs, at most */

typedef struct rapt__augmented_options {
  int64_t window;           /* L; 0: one input */
  bool ungated;             /* without the external input gate: four gates */
  rapt_tensor *peepholes;   /* (G − 1, H): rows i, f, o, x; or NULL */
  rapt_tensor *w_hr;        /* (P, H), or NULL: P = H */
  rapt_tensor *h0, *c0;     /* (B, P), (B, H); NULL: zeros */
  rapt_tensor **h_n, **c_n; /* where not NULL: get the last states */
} rapt__augmented_options;

/* With ξ_k = W_k·(x_t, …, x_(t+L−1)) and u_k = U_k·h_(t−1) + b_k for gates i, f, g, o, x:
 *
 *   x = σ(ξ_x + u_x + p_x c_(t−1)), i and f likewise;  g = tanh(x ξ_g + u_g)
 *   c_t = f c_(t−1) + i g;  o = σ(ξ_o + u_o + p_o c_t);  h_t = w_hr·(o tanh c_t)
 *
 * x (T + L − 1, B, I), w_ih (G·H, L·I), w_hh (G·H, P), b_ih and b_hh (G·H) → (T, B, P). Unrolled: a node list for every step. */
rapt_tensor *rapt__augmented_lstm(rapt_tensor *x, rapt_tensor *w_ih, rapt_tensor *w_hh, rapt_tensor *b_ih,
                                  rapt_tensor *b_hh, const rapt__augmented_options *options);

/* The same with all of it, and parameters NAME.weight_ih_l0 and so on, as rapt__nn_recurrent names and starts them. */
rapt_tensor *rapt__nn_augmented(const rapt__layers *l, const char *name, rapt_tensor *x, int64_t units,
                                int64_t projection, int64_t window, rapt_tensor *h0, rapt_tensor *c0, rapt_tensor **h_n,
                                rapt_tensor **c_n);

#endif
