/* rapt/ops.h: the operations. Each returns its result, or a poisoned tensor after an error (see rapt/graph.h).
 * "x: any" means any shape of reals. Broadcasting is NumPy's: shapes are aligned at the last axis, axes of 1 stretch. */
#ifndef RAPT_OPS_H
#define RAPT_OPS_H

#include <rapt/graph.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Elementwise, one input: y has the shape of x --------------------------------------------------------------- */
RAPT_API rapt_tensor *rapt_neg(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_abs(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_square(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_sqrt(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_exp(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_log(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_sin(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_cos(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_tanh(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_sigmoid(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_relu(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_gelu(rapt_tensor *x);      /* x·Φ(x) (Hendrycks & Gimpel 2016) */
RAPT_API rapt_tensor *rapt_gelu_tanh(rapt_tensor *x); /* its tanh approximation, GPT-2's */
RAPT_API rapt_tensor *rapt_silu(rapt_tensor *x);      /* x·σ(x) */
RAPT_API rapt_tensor *rapt_softplus(rapt_tensor *x);  /* log(1 + exp x) */
RAPT_API rapt_tensor *rapt_scale(rapt_tensor *x, double factor);
RAPT_API rapt_tensor *rapt_clamp(rapt_tensor *x, double lo, double hi); /* gradient 0 outside [lo, hi] */
/* Stops the gradient: y = x. */
RAPT_API rapt_tensor *rapt_detach(rapt_tensor *x);

/* ---- Elementwise, two or three inputs, broadcasting -------------------------------------------------------------- */
RAPT_API rapt_tensor *rapt_add(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_sub(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_mul(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_div(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_max(rapt_tensor *a, rapt_tensor *b); /* at a tie the gradient goes to a */
RAPT_API rapt_tensor *rapt_min(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_pow(rapt_tensor *a, rapt_tensor *b); /* a > 0 where a gradient of b is asked for */
/* 1 where it holds, else 0; no gradient. */
RAPT_API rapt_tensor *rapt_less(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_less_equal(rapt_tensor *a, rapt_tensor *b);
RAPT_API rapt_tensor *rapt_equal(rapt_tensor *a, rapt_tensor *b);
/* cond ≠ 0 ? a : b, broadcasting all three. */
RAPT_API rapt_tensor *rapt_where(rapt_tensor *cond, rapt_tensor *a, rapt_tensor *b);

/* ---- Reductions. `axis` may be negative; RAPT_ALL reduces everything to shape (). keep: the axis stays with size 1 -- */
#define RAPT_ALL 99
RAPT_API rapt_tensor *rapt_sum(rapt_tensor *x, int axis, bool keep);
RAPT_API rapt_tensor *rapt_mean(rapt_tensor *x, int axis, bool keep);
RAPT_API rapt_tensor *rapt_reduce_max(rapt_tensor *x, int axis, bool keep); /* gradient to the first maximum */
RAPT_API rapt_tensor *rapt_reduce_min(rapt_tensor *x, int axis, bool keep);
RAPT_API rapt_tensor *rapt_argmax(rapt_tensor *x, int axis); /* int32, the first maximum; no gradient */
/* Sums x down to the shape `dims` that broadcasts to it (the adjoint of broadcasting). */
RAPT_API rapt_tensor *rapt_sum_to(rapt_tensor *x, int ndim, const int64_t *dims);
RAPT_API rapt_tensor *rapt_cumsum(rapt_tensor *x, int axis);

/* ---- Shapes ------------------------------------------------------------------------------------------------------ */
RAPT_API rapt_tensor *rapt_reshape(rapt_tensor *x, int ndim, const int64_t *dims); /* one −1: what is left */
RAPT_API rapt_tensor *rapt_permute(rapt_tensor *x, const int *axes);               /* y.dim[i] = x.dim[axes[i]] */
RAPT_API rapt_tensor *rapt_transpose(rapt_tensor *x);                              /* the last two axes */
RAPT_API rapt_tensor *rapt_broadcast(rapt_tensor *x, int ndim, const int64_t *dims);
RAPT_API rapt_tensor *rapt_slice(rapt_tensor *x, int axis, int64_t begin, int64_t size);
RAPT_API rapt_tensor *rapt_pad(rapt_tensor *x, int axis, int64_t before, int64_t after); /* with zeros */
RAPT_API rapt_tensor *rapt_concat(rapt_tensor *const *parts, int count, int axis);       /* count ≤ 8 */
RAPT_API void rapt_split(rapt_tensor *x, int axis, int count, rapt_tensor **parts);      /* equal parts */

/* ---- Matrices ---------------------------------------------------------------------------------------------------- */
/* C = A·B over the last two axes: a (…, m, k) or (…, k, m) when transpose_a; b likewise; leading axes broadcast. */
RAPT_API rapt_tensor *rapt_matmul(rapt_tensor *a, rapt_tensor *b, bool transpose_a, bool transpose_b);

typedef enum rapt_activation {
  RAPT_IDENTITY,
  RAPT_RELU,
  RAPT_GELU,
  RAPT_GELU_TANH,
  RAPT_SILU,
  RAPT_TANH,
  RAPT_SIGMOID
} rapt_activation;
RAPT_API rapt_tensor *rapt_activate(rapt_tensor *x, rapt_activation activation);
/* y = activation(x·W + bias): x (…, k), weight (k, n) or (n, k) when transposed (torch.nn.Linear's layout), bias (n) or
 * NULL, y (…, n). One pass: bias and activation are the product's epilogue. */
RAPT_API rapt_tensor *rapt_linear(rapt_tensor *x, rapt_tensor *weight, bool transposed, rapt_tensor *bias,
                                  rapt_activation activation);
/* weight (V, C) is blocks of `size` rows, of which the last may have fewer; each x[i] takes the block ids[i]: y[i] =
 * weight[ids[i]·size … ids[i]·size + size − 1]·x[i], x (…, C), ids (…) → (…, size). Rows past V give zeros, and so does
 * an id without a block. */
RAPT_API rapt_tensor *rapt_block_linear(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *ids, int64_t size);
/* (B, T, C) with kernel (W, C, F), stride and zero padding on both sides → (B, T', F); T' = (T + 2·padding − W)/stride + 1. */
RAPT_API rapt_tensor *rapt_conv1d(rapt_tensor *x, rapt_tensor *kernel, rapt_tensor *bias, int64_t stride,
                                  int64_t padding);

/* ---- Rows: softmax, norms ---------------------------------------------------------------------------------------- */
/* Over the last axis. A row of −∞ gives zeros. Masks are added as −∞ or given as `mask` (broadcast, 0 hides) or NULL. */
RAPT_API rapt_tensor *rapt_softmax(rapt_tensor *x, rapt_tensor *mask);
RAPT_API rapt_tensor *rapt_log_softmax(rapt_tensor *x);
RAPT_API rapt_tensor *rapt_logsumexp(rapt_tensor *x); /* the last axis goes */
/* Over the last axis (n); weight (n) or NULL, bias (n) or NULL. (Ba et al. 2016) */
RAPT_API rapt_tensor *rapt_layer_norm(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *bias, double eps);
/* (Zhang & Sennrich 2019) */
RAPT_API rapt_tensor *rapt_rms_norm(rapt_tensor *x, rapt_tensor *weight, double eps);
/* Zeroes elements with probability p and scales the others by 1/(1 − p). (Srivastava et al. 2014) p = 0 gives x itself. */
RAPT_API rapt_tensor *rapt_dropout(rapt_tensor *x, double p);
/* x + noise of mean 0 and this standard deviation, drawn anew in every run of a plan; the gradient is that of x. On
 * weights it is weight noise (Graves 2011). deviation = 0 gives x itself. */
RAPT_API rapt_tensor *rapt_gaussian_noise(rapt_tensor *x, double deviation);

/* ---- Indices ------------------------------------------------------------------------------------------------------ */
/* Rows of table (V, C) at ids (…), int32 → (…, C). Ids outside [0, V) give zeros and no gradient. */
RAPT_API rapt_tensor *rapt_embedding(rapt_tensor *table, rapt_tensor *ids);
/* y[i] = x[i, ids[i]] for x (…, n), ids (…). */
RAPT_API rapt_tensor *rapt_gather(rapt_tensor *x, rapt_tensor *ids);
/* y (…, n) with y[i, ids[i]] = x[i] and zeros elsewhere, for x (…), ids (…). */
RAPT_API rapt_tensor *rapt_scatter(rapt_tensor *x, rapt_tensor *ids, int64_t n);
RAPT_API rapt_tensor *rapt_one_hot(rapt_tensor *ids, int64_t n); /* (…) → (…, n) */
/* id / divisor and id % divisor; a negative id stays what it is in both. */
RAPT_API void rapt_divide_ids(rapt_tensor *ids, int64_t divisor, rapt_tensor **quotient, rapt_tensor **rest);
/* The k largest of the last axis, in falling order (ties: lower index first); *indices int32, may be NULL. k = n sorts. */
RAPT_API rapt_tensor *rapt_top_k(rapt_tensor *x, int64_t k, rapt_tensor **indices);

/* ---- Losses ------------------------------------------------------------------------------------------------------- */
typedef struct rapt_cross_entropy_options {
  double label_smoothing; /* (Szegedy et al. 2016), as torch.nn.functional.cross_entropy */
  int32_t ignore;         /* labels equal to it do not count; −100 when the options are NULL */
  bool sum;               /* the sum over counted rows instead of the mean */
} rapt_cross_entropy_options;
/* Mean of −log softmax(logits)[label] over the rows that count: logits (…, V), labels int32 (…) → (). Labels outside
 * [0, V) count as ignored. No counted row: 0. */
RAPT_API rapt_tensor *rapt_cross_entropy(rapt_tensor *logits, rapt_tensor *labels,
                                         const rapt_cross_entropy_options *options);
/* Soft labels: targets (…, V), mean over rows of −Σ target·log softmax. */
RAPT_API rapt_tensor *rapt_cross_entropy_soft(rapt_tensor *logits, rapt_tensor *targets);
/* The same as cross_entropy(x·Wᵀ, labels) without the logits of all rows ever in memory: x (…, C), weight (V, C). */
RAPT_API rapt_tensor *rapt_linear_cross_entropy(rapt_tensor *x, rapt_tensor *weight, rapt_tensor *labels,
                                                const rapt_cross_entropy_options *options);

/* ---- Attention and positions -------------------------------------------------------------------------------------- */
typedef struct rapt_attention_options {
  double scale;         /* of the scores; 0: 1/√D */
  bool causal;          /* query i sees keys j ≤ i + (Tk − Tq) */
  int64_t window;       /* > 0: only the last `window` of them */
  rapt_tensor *lengths; /* int32 (B): keys at and past it are hidden; or NULL */
  rapt_tensor *bias;    /* added to the scaled scores, broadcasts to (B, H, Tq, Tk); or NULL */
  double dropout;       /* of the probabilities, in [0, 1) (Srivastava et al. 2014) */
  rapt_tensor **probs;  /* where not NULL: gets the probabilities (B, H, Tq, Tk), stored only if somebody reads them */
} rapt_attention_options;
/* softmax(q·kᵀ·scale + bias)·v, tiled: q (B, Tq, H, D), k (B, Tk, G, D), v (B, Tk, G, E), G divides H → (B, Tq, H, E).
 * (Vaswani et al. 2017, eq. 1; grouped heads: Ainslie et al. 2023) */
RAPT_API rapt_tensor *rapt_attention(rapt_tensor *q, rapt_tensor *k, rapt_tensor *v,
                                     const rapt_attention_options *options);
/* The same where queries, keys and values lie side by side, as one linear layer makes them: qkv (B, T, (H + 2G)·D), first H
 * heads of queries, then G of keys, then G of values → (B, T, H·D). */
RAPT_API rapt_tensor *rapt_attention_qkv(rapt_tensor *qkv, int64_t heads, int64_t kv_heads,
                                         const rapt_attention_options *options);
/* Rotary positions (Su et al. 2021): x (B, T, H, D), turned by position·base^(−2i/D); positions int32 (T) or (B, T).
 * halves: pairs are (i, i + D/2), as in Llama; else neighbours, as in GPT-J. */
RAPT_API rapt_tensor *rapt_rotary(rapt_tensor *x, rapt_tensor *positions, double base, bool halves);
/* How frequencies are slowed down for texts longer than those of training. LINEAR: all by `factor` (Chen et al. 2023). LLAMA3: those
 * with a wave longer than original/low by `factor`, those with one shorter than original/high not at all, in between
 * blended (Llama 3.1's, Dubey et al. 2024). */
typedef enum rapt_rotary_scaling { RAPT_ROTARY_PLAIN, RAPT_ROTARY_LINEAR, RAPT_ROTARY_LLAMA3 } rapt_rotary_scaling;
typedef struct rapt_rotary_options {
  double base;
  bool halves;
  rapt_rotary_scaling scaling;
  double factor;              /* LINEAR, LLAMA3: above 0 */
  double low, high, original; /* LLAMA3: low < high; original: positions in training */
} rapt_rotary_options;
RAPT_API rapt_tensor *rapt_rotary_scaled(rapt_tensor *x, rapt_tensor *positions, const rapt_rotary_options *options);
/* (T, C): sines in even and cosines in odd columns (Vaswani et al. 2017, §3.5); a constant. */
RAPT_API rapt_tensor *rapt_sinusoid(rapt_graph *graph, int64_t t, int64_t c);
/* int32 (n): 0, 1, …, n − 1; a constant. */
RAPT_API rapt_tensor *rapt_arange(rapt_graph *graph, int64_t n);
/* Which row of a table of relative positions belongs to each query and key: int32 (Tq, Tk) for positions int32 (Tq) of the
 * queries and keys at 0, 1, …, Tk − 1. With distance d = position of the query − position of the key:
 * clamp(d, lo, hi) − lo (Shaw et al. 2018, §3.2), or T5's bucket (Raffel et al. 2020, §2.1): small distances have one
 * each, larger ones share, all from max_distance on are in the last. both: half the buckets are for keys behind the query,
 * else those count as d = 0. No gradient. */
RAPT_API rapt_tensor *rapt_relative_positions(rapt_tensor *positions, int64_t keys, int64_t lo, int64_t hi);
RAPT_API rapt_tensor *rapt_relative_buckets(rapt_tensor *positions, int64_t keys, int64_t buckets, int64_t max_distance,
                                            bool both);

/* A key/value cache: copies x (B, T, …) over rows at, at + 1, … of `cache` (B, capacity, …), a parameter of a store that no
 * optimizer sees, and returns the whole cache. `at` is int32 (), or NULL for 0; rows past the capacity are dropped. No gradient. */
RAPT_API rapt_tensor *rapt_cache_write(rapt_tensor *cache, rapt_tensor *x, rapt_tensor *at);
/* The same as a ring: row i goes to (at + i) mod capacity, so that the cache keeps the last `capacity` rows. */
RAPT_API rapt_tensor *rapt_cache_write_ring(rapt_tensor *cache, rapt_tensor *x, rapt_tensor *at);

/* ---- Recurrent layers --------------------------------------------------------------------------------------------- */
/* With a_k = W_k·x_t + b_k + U_k·h_(t−1) + d_k for gate k, W, U the blocks of w_ih, w_hh and b, d those of b_ih, b_hh:
 * RAPT_RNN_TANH, RAPT_RNN_RELU (Elman 1990): h_t = tanh a or max(0, a).
 * RAPT_LSTM (Hochreiter & Schmidhuber 1997; Gers et al. 2000), gates i, f, g, o: c_t = σ(a_f)·c_(t−1) + σ(a_i)·tanh a_g,
 *   h_t = σ(a_o)·tanh c_t.
 * RAPT_GRU, gates r, z, n, as torch and cuDNN have it: n = tanh(W_n·x_t + b_n + r·(U_n·h_(t−1) + d_n)) with r = σ(a_r),
 *   z = σ(a_z); h_t = (1 − z)·n + z·h_(t−1).
 * RAPT_GRU_BEFORE (Cho et al. 2014): n = tanh(W_n·x_t + b_n + U_n·(r·h_(t−1)) + d_n). */
typedef enum rapt_cell { RAPT_RNN_TANH, RAPT_RNN_RELU, RAPT_LSTM, RAPT_GRU, RAPT_GRU_BEFORE } rapt_cell;

typedef struct rapt_recurrent_options {
  rapt_cell cell;
  bool reverse;           /* from the last step (of each row's length) to the first */
  rapt_tensor *h0, *c0;   /* (B, P), (B, H): states before the first step; NULL: zeros. c0: LSTM only */
  rapt_tensor *lengths;   /* int32 (B): steps at and past it leave a row's state alone and give zeros; or NULL */
  rapt_tensor **h_n;      /* where not NULL: gets the last state of each row (B, P) */
  rapt_tensor **c_n;      /* LSTM; (B, H) */
  bool no_forget;         /* LSTM of 1997 with tanh: gates i, g, o; f = 1 */
  rapt_tensor *peepholes; /* LSTM: (3, H) diagonal weights p from c_(t−1) to a_i and a_f and from c_t to a_o, or (2, H)
                           * for i and o with no_forget (Gers et al. 2002); or NULL */
  rapt_tensor *w_hr;      /* LSTM: (P, H); h_t = w_hr·(σ(a_o)·tanh c_t) (Sak et al. 2014); or NULL: P = H */
  /* Zoneout (Krueger et al. 2017): every unit of h or c keeps its old value with this probability, in [0, 1); in the mean
   * (for evaluation) with zoneout_mean. zoneout_c: LSTM only. */
  double zoneout_h, zoneout_c;
  bool zoneout_mean;
} rapt_recurrent_options;
/* A layer over all steps: x (T, B, I), w_ih (G·H, I), w_hh (G·H, P), b_ih and b_hh (G·H) or NULL, all in torch.nn's layout, →
 * y (T, B, P). Time comes first, since a step's rows then lie together. */
RAPT_API rapt_tensor *rapt_recurrent(rapt_tensor *x, rapt_tensor *w_ih, rapt_tensor *w_hh, rapt_tensor *b_ih,
                                     rapt_tensor *b_hh, const rapt_recurrent_options *options);

/* ---- Alignments --------------------------------------------------------------------------------------------------- */
typedef struct rapt_hmm_options {
  rapt_tensor **prior;     /* where not NULL: gets log p(state j at i | words before i), (B, I, J); no gradient */
  rapt_tensor **posterior; /* where not NULL: gets p(state j at i | all words), (B, I, J); no gradient */
} rapt_hmm_options;
/* A hidden Markov model whose word i comes from one of J states: Σ over all paths j_1 … j_I of Π_i p(j_i | j_(i−1)) p(word i | j_i),
 * by the forward recursion, in logarithms (Rabiner 1989). emission (B, I, J), start (B, J), move (B, I, J, J) from the state
 * before (move[b, 0] is not read), all logarithms; lengths, counts int32 (B): states and words of a row, brought into 1 … J
 * and 1 … I → (B), the logarithm of the sum. */
RAPT_API rapt_tensor *rapt_hmm_forward(rapt_tensor *emission, rapt_tensor *start, rapt_tensor *move,
                                       rapt_tensor *lengths, rapt_tensor *counts, const rapt_hmm_options *options);
/* The path with the largest term of that sum: int32 (B, I), −1 past a row's words; ties go to the lower state. No gradient. */
RAPT_API rapt_tensor *rapt_hmm_best(rapt_tensor *emission, rapt_tensor *start, rapt_tensor *move, rapt_tensor *lengths,
                                    rapt_tensor *counts);

/* ---- Updates ------------------------------------------------------------------------------------------------------ */
typedef enum rapt_optimizer {
  RAPT_ADAMW,
  RAPT_ADAM,
  RAPT_ADAMAX,
  RAPT_SGD,
  RAPT_RMSPROP,
  RAPT_ADAGRAD,
  RAPT_ADADELTA
} rapt_optimizer;
typedef struct rapt_update_options {
  rapt_optimizer method;
  double beta1, beta2, eps, momentum, weight_decay;
  bool nesterov, no_bias_correction;
  double clip; /* global norm; 0: off */
} rapt_update_options;
/* One fused update of all parameters from `gradient` (of rapt_grad_params) with the rate lr (), at update number `count` ()
 * (1, 2, …; both are inputs that the trainer fills). Skipped where the gradient's norm is not finite. Returns the norm () before clipping. */
RAPT_API rapt_tensor *rapt_update(rapt_params *params, rapt_tensor *gradient, rapt_tensor *lr, rapt_tensor *count,
                                  const rapt_update_options *options);

#ifdef __cplusplus
}
#endif
#endif
