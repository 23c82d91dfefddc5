/* Hidden Markov models (Baum & Petrie 1966; Rabiner 1989): forward, backward, Viterbi, posterior decoding, Baum–Welch,
 * counting from labelled data, sampling, and the Bayesian information criterion. Plain double precision, no graph.
 *
 * N states, T steps. All probabilities are kept as natural logarithms, −inf for what cannot happen; a step that is −inf
 * stays so in training, which is how topologies (left to right) are made. */
#ifndef RAPT_SRC_CLASSIC_HMM_H
#define RAPT_SRC_CLASSIC_HMM_H

#include "base/base.h"

/* ---- hmm_chain.c: one sequence, whose emissions are given as log_b (T, N): log p(x_t | z_t = j) ---- */

typedef struct rapt__hmm_chain {
  size_t states;
  double *log_start; /* (N) */
  double *log_step;  /* (N, N): from a row to a column */
} rapt__hmm_chain;

double rapt__log_sum(const double *x, size_t count); /* log Σ exp x; −inf of nothing but −inf */

/* log_alpha (T, N): log p(x_1 … x_t, z_t = j). Returns log p(x_1 … x_T). */
double rapt__hmm_forward(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_alpha);
/* log_beta (T, N): log p(x_{t+1} … x_T | z_t = i); returns the same likelihood, from the other end. */
double rapt__hmm_backward(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_beta);
/* gamma (T, N): p(z_t = j | x). `log_likelihood` must be finite. gamma may be log_alpha or log_beta. */
void rapt__hmm_posteriors(size_t states, size_t steps, const double *log_alpha, const double *log_beta,
                          double log_likelihood, double *gamma);
/* The states that are most probable one by one: path (T); the first of equals. */
void rapt__hmm_decode(size_t states, size_t steps, const double *gamma, int32_t *path);
/* The most probable path (T) and its log p(x, z). log_delta (T, N): of the best path that ends there; back (T, N): where that
 * came from. The first of equals wins. */
double rapt__hmm_viterbi(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_delta, int32_t *back,
                         int32_t *path);
/* log p(x) as the sum over all N^T paths, and the best of them: to check the rest with. RAPT_EINVAL above 10^7 paths. */
rapt_status rapt__hmm_enumerate(rapt_context *ctx, const rapt__hmm_chain *c, const double *log_b, size_t steps,
                                double *log_likelihood, double *log_best, int32_t *path);

/* step (N, N): the probabilities of log_step. False where one of them, or of log_start, is too small for the scaled pass
 * below. */
#define RAPT__HMM_LEAST 1e-100
bool rapt__hmm_steps(const rapt__hmm_chain *c, double *step);

/* What training needs of one sequence, by scaled probabilities. With
 *     m_t = max_j log_b[t, j],   a_t(j) = p(z_t = j | x_1 … x_t),   c_t = e^(−m_t) p(x_t | x_1 … x_{t−1})
 * it holds that log p(x) = Σ_t (log c_t + m_t) and log_alpha[t, j] = log a_t(j) + Σ_{s≤t} (log c_s + m_s). Where a number
 * leaves the range of double on the way, the sequence is done in log space instead; so it is with step == NULL.
 * gamma (T, N): posteriors. Expected counts of first states and of steps are added to starts (N) and moves (N, N), unless both
 * are NULL. scratch (2, T, N) + (N). Returns log p(x); where that is −inf, nothing is written or added. */
double rapt__hmm_expect(const rapt__hmm_chain *c, const double *step, const double *log_b, size_t steps,
                        double *scratch, double *gamma, double *starts, double *moves);
/* The same in log space alone. */
double rapt__hmm_expect_log(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *scratch, double *gamma,
                            double *starts, double *moves);

/* ---- hmm.c: models and data ---- */

typedef enum rapt__hmm_kind { RAPT__HMM_DISCRETE, RAPT__HMM_DIAGONAL, RAPT__HMM_FULL } rapt__hmm_kind;

typedef struct rapt__hmm_shape {
  rapt__hmm_kind kind;
  size_t states;
  size_t symbols; /* discrete: S */
  size_t dims;    /* Gaussian: D */
  size_t parts;   /* Gaussian: M components of each state's mixture; 1: a single Gaussian */
} rapt__hmm_shape;

typedef struct rapt__hmm {
  rapt__hmm_shape shape;
  rapt__hmm_chain chain; /* everything below is owned by the arena that the model was made in */
  double *log_emit;      /* (N, S) */
  double *log_weight;    /* (N, M) */
  double *mean;          /* (N, M, D) */
  double *cov;           /* (N, M, D) variances, or (N, M, D, D) */
  double *factor;        /* full: Cholesky's lower triangles (N, M, D, D); by rapt__hmm_prepare */
  double *log_norm;      /* (N, M): the logarithm before the exponent; by rapt__hmm_prepare */
} rapt__hmm;

/* Several sequences, one behind the other. */
typedef struct rapt__hmm_data {
  size_t sequences;
  const size_t *at;       /* (sequences + 1): sequence i is steps at[i] … at[i + 1] − 1; none is empty */
  const int32_t *symbols; /* (at[sequences]) for discrete models, 0 … S − 1 */
  const double *values;   /* (at[sequences], D) for the others */
} rapt__hmm_data;

/* A model whose start, steps, symbols and weights are uniform, means zero, variances one. */
rapt_status rapt__hmm_new(rapt__arena *arena, const rapt__hmm_shape *shape, rapt__hmm *out);
void rapt__hmm_copy(const rapt__hmm *from, rapt__hmm *to); /* of the same shape */
/* To be called after means and covariances were set. RAPT_EINVAL: a covariance is not positive definite. */
rapt_status rapt__hmm_prepare(rapt_context *ctx, rapt__hmm *h);
/* Data that fits the model: no empty sequence, symbols in range, finite values. RAPT_EINVAL or RAPT_ENAN says where not. */
rapt_status rapt__hmm_check(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data);
/* A state leads to itself and the next `reach` states only, and sequences begin in the first. */
void rapt__hmm_left_right(rapt__hmm *h, size_t reach);
/* Free parameters: what can happen counts, less one for each sum to one. To be asked before training, for what training itself
 * finds to be zero was free. */
size_t rapt__hmm_parameters(const rapt__hmm *h);
/* −2 log-likelihood + parameters · log(observations) (Schwarz 1978): the smaller, the better. */
double rapt__hmm_bic(double log_likelihood, size_t parameters, size_t observations);
/* A sequence drawn from the model: states (T), and symbols (T) or values (T, D); states may be NULL. */
void rapt__hmm_sample(const rapt__hmm *h, uint64_t seed, uint64_t stream, size_t steps, int32_t *states,
                      int32_t *symbols, double *values);

/* ---- hmm_emit.c ---- */

/* log_b (count, N) of steps first … first + count − 1. log_parts (count, N, M), or NULL: the same for each component with its
 * weight. Between two calls of rapt__hmm_prepare. scratch (D + M). */
void rapt__hmm_emissions(const rapt__hmm *h, const rapt__hmm_data *data, size_t first, size_t count, double *log_b,
                         double *log_parts, double *scratch);
/* The best emission parameters for given gamma (T, N) and parts (T, N, M) of all data; `floor` is the smallest variance,
 * in every direction. States that nothing belongs to keep what they have. RAPT_EINVAL: a covariance is singular. */
rapt_status rapt__hmm_refit(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const double *gamma,
                            const double *parts, double floor);

/* ---- hmm_guess.c ---- */

/* First guesses that depend on seed and stream: discrete: the symbols' frequencies, shaken; Gaussian: points of the data that lie
 * apart as means, its variance. Steps that cannot happen stay so. */
rapt_status rapt__hmm_guess(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, uint64_t seed,
                            uint64_t stream);
/* The flat start of left-right models: every sequence is cut into N equal pieces, and each state fitted to its piece. */
rapt_status rapt__hmm_guess_pieces(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, double floor,
                                   uint64_t seed, uint64_t stream);
/* Counting: maximum likelihood of labelled data, labels (T), with `add` on each count that can happen. Gaussian models
 * have one component. */
rapt_status rapt__hmm_count(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const int32_t *labels,
                            double add, double floor);

/* ---- hmm_train.c ---- */

typedef struct rapt__hmm_training {
  size_t rounds;    /* at most */
  double tolerance; /* ends when a round gains less, in nats for each observation; 0: never */
  double floor;     /* smallest variance */
  /* Told after every round with the log-likelihood of the model that it began with; false stops. Or NULL. */
  bool (*each)(void *user, size_t round, double log_likelihood);
  void *user;
} rapt__hmm_training;

typedef struct rapt__hmm_trained {
  size_t rounds;         /* M-steps that were made */
  double log_likelihood; /* of the model as it is now */
  double worst_fall;     /* the largest fall from a round to the next over |log-likelihood|; 0: none */
} rapt__hmm_trained;

/* Baum–Welch over all sequences. RAPT_ENAN: a sequence that the model cannot make. RAPT_EINTERRUPTED: `each` stopped it, and
 * the model is as the last round left it. */
rapt_status rapt__hmm_train(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const rapt__hmm_training *how,
                            rapt__hmm_trained *out);
/* Baum–Welch from many guesses (streams `stream`, `stream` + 1, …): each is trained for `first` rounds, and the likeliest of them
 * on as `how` says. One guess alone often ends on a plateau or in a poor maximum. Topologies and zeros of h are kept. A guess
 * that fails by RAPT_EINVAL (a singular covariance) is passed over, unless all do. */
rapt_status rapt__hmm_search(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, uint64_t seed,
                             uint64_t stream, size_t guesses, size_t first, const rapt__hmm_training *how,
                             rapt__hmm_trained *out);
/* log p of all sequences together; gamma (T, N) too if it is not NULL. */
rapt_status rapt__hmm_score(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data, double *log_likelihood,
                            double *gamma);
/* Viterbi's path (T) of every sequence; *log_best: their log p(x, z) together. */
rapt_status rapt__hmm_best_paths(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data, int32_t *path,
                                 double *log_best);

#endif
