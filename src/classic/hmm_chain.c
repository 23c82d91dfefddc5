/* Hidden Markov models: what can be asked of one sequence whose emission probabilities are known. */
#include "classic/hmm.h"

#include <math.h>
#include <string.h>

double rapt__log_sum(const double *x, size_t count) {
  double top = -INFINITY, sum = 0;
  for (size_t i = 0; i < count; i++) top = fmax(top, x[i]);
  if (top == -INFINITY) return top;
  for (size_t i = 0; i < count; i++) sum += exp(x[i] - top);
  return top + log(sum);
}

double rapt__hmm_forward(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_alpha) {
  size_t n = c->states;
  for (size_t j = 0; j < n; j++) log_alpha[j] = c->log_start[j] + log_b[j];
  for (size_t t = 1; t < steps; t++) {
    const double *before = log_alpha + (t - 1) * n;
    for (size_t j = 0; j < n; j++) {
      double top = -INFINITY, sum = 0;
      for (size_t i = 0; i < n; i++) top = fmax(top, before[i] + c->log_step[i * n + j]);
      for (size_t i = 0; i < n && top != -INFINITY; i++) sum += exp(before[i] + c->log_step[i * n + j] - top);
      log_alpha[t * n + j] = (top == -INFINITY ? top : top + log(sum)) + log_b[t * n + j];
    }
  }
  return rapt__log_sum(log_alpha + (steps - 1) * n, n);
}

double rapt__hmm_backward(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_beta) {
  size_t n = c->states;
  double whole = -INFINITY;
  for (size_t i = 0; i < n; i++) log_beta[(steps - 1) * n + i] = 0;
  for (size_t t = steps; t-- > 0;) {
    /* One turn more than there are rows: that of the start, whose likelihood is everything. */
    const double *b = log_b + t * n, *after = log_beta + t * n;
    for (size_t i = 0; i < (t ? n : 1); i++) {
      const double *row = t ? c->log_step + i * n : c->log_start;
      double top = -INFINITY, sum = 0;
      for (size_t j = 0; j < n; j++) top = fmax(top, row[j] + b[j] + after[j]);
      for (size_t j = 0; j < n && top != -INFINITY; j++) sum += exp(row[j] + b[j] + after[j] - top);
      *(t ? &log_beta[(t - 1) * n + i] : &whole) = top == -INFINITY ? top : top + log(sum);
    }
  }
  return whole;
}

void rapt__hmm_posteriors(size_t states, size_t steps, const double *log_alpha, const double *log_beta,
                          double log_likelihood, double *gamma) {
  for (size_t i = 0; i < steps * states; i++) gamma[i] = exp(log_alpha[i] + log_beta[i] - log_likelihood);
}

static size_t largest(const double *x, size_t count) {
  size_t best = 0;
  for (size_t i = 1; i < count; i++)
    if (x[i] > x[best]) best = i;
  return best;
}

void rapt__hmm_decode(size_t states, size_t steps, const double *gamma, int32_t *path) {
  for (size_t t = 0; t < steps; t++) path[t] = (int32_t)largest(gamma + t * states, states);
}

double rapt__hmm_viterbi(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *log_delta, int32_t *back,
                         int32_t *path) {
  size_t n = c->states;
  for (size_t j = 0; j < n; j++) log_delta[j] = c->log_start[j] + log_b[j], back[j] = 0;
  for (size_t t = 1; t < steps; t++) {
    const double *before = log_delta + (t - 1) * n;
    for (size_t j = 0; j < n; j++) {
      size_t best = 0;
      for (size_t i = 1; i < n; i++)
        if (before[i] + c->log_step[i * n + j] > before[best] + c->log_step[best * n + j]) best = i;
      log_delta[t * n + j] = before[best] + c->log_step[best * n + j] + log_b[t * n + j];
      back[t * n + j] = (int32_t)best;
    }
  }
  size_t end = largest(log_delta + (steps - 1) * n, n);
  path[steps - 1] = (int32_t)end;
  for (size_t t = steps - 1; t > 0; t--) path[t - 1] = back[t * n + (size_t)path[t]];
  return log_delta[(steps - 1) * n + end];
}

rapt_status rapt__hmm_enumerate(rapt_context *ctx, const rapt__hmm_chain *c, const double *log_b, size_t steps,
                                double *log_likelihood, double *log_best, int32_t *path) {
  size_t n = c->states, count = 1;
  for (size_t t = 0; t < steps; t++)
    if (rapt__mul_overflows(count, n, &count) || count > 10000000)
      return rapt__fail(ctx, RAPT_EINVAL, "hmm: %zu states in %zu steps have more than 10,000,000 paths", n, steps);
  double sum = 0, scale = -INFINITY; /* Σ exp(log p − scale), the scale being the largest so far */
  *log_best = -INFINITY;
  memset(path, 0, steps * sizeof *path);
  for (size_t k = 0; k < count; k++) {
    /* The last step is the fastest digit, so that of equal paths the first in reading order comes first. */
    size_t rest = k, after = 0;
    double p = 0;
    for (size_t t = steps; t-- > 0; rest /= n) {
      size_t now = rest % n;
      p += log_b[t * n + now] + (t + 1 < steps ? c->log_step[now * n + after] : 0);
      after = now;
    }
    p += c->log_start[after];
    if (p == -INFINITY) continue;
    if (p > scale)
      sum = sum * exp(scale - p) + 1, scale = p;
    else
      sum += exp(p - scale);
    if (p <= *log_best) continue;
    *log_best = p;
    rest = k;
    for (size_t t = steps; t-- > 0; rest /= n) path[t] = (int32_t)(rest % n);
  }
  *log_likelihood = scale + log(sum);
  return RAPT_OK;
}

/* ---- Expectations ---- */

double rapt__hmm_expect_log(const rapt__hmm_chain *c, const double *log_b, size_t steps, double *scratch, double *gamma,
                            double *starts, double *moves) {
  size_t n = c->states;
  double *alpha = scratch, *beta = scratch + steps * n;
  double whole = rapt__hmm_forward(c, log_b, steps, alpha);
  if (!isfinite(whole)) return whole;
  rapt__hmm_backward(c, log_b, steps, beta);
  rapt__hmm_posteriors(n, steps, alpha, beta, whole, gamma);
  if (!starts) return whole;
  for (size_t i = 0; i < n; i++) starts[i] += gamma[i];
  for (size_t t = 1; t < steps; t++)
    for (size_t i = 0; i < n; i++)
      for (size_t j = 0; j < n; j++)
        moves[i * n + j] +=
            exp(alpha[(t - 1) * n + i] + c->log_step[i * n + j] + log_b[t * n + j] + beta[t * n + j] - whole);
  return whole;
}

/* Below this a scaled number counts as out of range. Above it, times the least step, it is still a normal double: nothing that
 * is possible can vanish unseen. */
static const double smallest = 1e-200, least_sum = 1e-150;

static bool in_range(double log_p) { return log_p == -INFINITY || exp(log_p) >= RAPT__HMM_LEAST; }

bool rapt__hmm_steps(const rapt__hmm_chain *c, double *step) {
  bool fits = true;
  for (size_t i = 0; i < c->states; i++) fits = fits && in_range(c->log_start[i]);
  for (size_t i = 0; i < c->states * c->states; i++) {
    step[i] = exp(c->log_step[i]);
    fits = fits && in_range(c->log_step[i]);
  }
  return fits;
}

/* One step of the scaled forward pass: `now` has p(z_t = j | x_1 … x_{t−1}) and gets a_t(j); e has e^(log_b − m_t). Returns
 * c_t, or NaN where a number is out of range. */
static double scaled_step(const double *log_b, const double *e, size_t n, double *now) {
  double sum = 0;
  bool lost = false;
  for (size_t j = 0; j < n; j++) {
    bool possible = now[j] > 0 && log_b[j] != -INFINITY;
    now[j] *= e[j];
    lost |= possible && now[j] < smallest;
    sum += now[j];
  }
  if (lost || !(sum > least_sum)) return NAN;
  for (size_t j = 0; j < n; j++) now[j] /= sum;
  return sum;
}

/* Fills b (T, N) with e^(log_b − m_t) and alpha (T, N) with a_t. Returns log p(x), or NaN. */
static double scaled_forward(const rapt__hmm_chain *chain, const double *step, const double *log_b, size_t steps,
                             double *b, double *alpha) {
  size_t n = chain->states;
  double whole = 0, product = 1;
  for (size_t t = 0; t < steps; t++) {
    double top = -INFINITY, *now = alpha + t * n, *e = b + t * n;
    const double *log_now = log_b + t * n, *before = now - (t ? n : 0);
    for (size_t j = 0; j < n; j++) top = log_now[j] > top ? log_now[j] : top;
    if (top == -INFINITY) return NAN;
    for (size_t j = 0; j < n; j++) e[j] = log_now[j] == top ? 1 : exp(log_now[j] - top);
    for (size_t j = 0; j < n; j++) now[j] = t ? 0 : exp(chain->log_start[j]);
    for (size_t i = 0; t && i < n; i++)
      for (size_t j = 0; j < n; j++) now[j] += before[i] * step[i * n + j];
    double sum = scaled_step(log_now, e, n, now);
    if (isnan(sum)) return NAN;
    /* One logarithm does for many factors while their product is not too small. */
    whole += top;
    product *= sum;
    if (product < 1e-100) whole += log(product), product = 1;
  }
  return whole + log(product);
}

double rapt__hmm_expect(const rapt__hmm_chain *c, const double *step, const double *log_b, size_t steps,
                        double *scratch, double *gamma, double *starts, double *moves) {
  size_t n = c->states;
  double *b = scratch, *alpha = scratch + steps * n, *beta = scratch + 2 * steps * n;
  double whole = step ? scaled_forward(c, step, log_b, steps, b, alpha) : NAN;
  if (isnan(whole)) return rapt__hmm_expect_log(c, log_b, steps, scratch, gamma, starts, moves);
  /* beta is scaled so that Σ_j a_t(j) beta(j) = 1 at every step, hence a_t(j) beta(j) is gamma. Where a_t is 0, beta
   * matters to no state that can be reached, and could be too large. */
  for (size_t j = 0; j < n; j++) beta[j] = 1;
  memcpy(gamma + (steps - 1) * n, alpha + (steps - 1) * n, n * sizeof *gamma);
  for (size_t t = steps - 1; t > 0; t--) {
    double *e = b + t * n, sum = 0;
    const double *before = alpha + (t - 1) * n;
    for (size_t j = 0; j < n; j++) e[j] *= beta[j]; /* b is read for the last time */
    for (size_t i = 0; i < n; i++) {
      double back = 0;
      for (size_t j = 0; j < n; j++) back += step[i * n + j] * e[j];
      beta[i] = before[i] > 0 ? back : 0;
      sum += before[i] * beta[i];
    }
    double inverse = 1 / sum;
    for (size_t i = 0; i < n; i++) {
      beta[i] *= inverse;
      gamma[(t - 1) * n + i] = before[i] * beta[i];
    }
    if (!starts) continue;
    for (size_t i = 0; i < n; i++) {
      double weight = before[i] * inverse;
      for (size_t j = 0; j < n; j++) moves[i * n + j] += weight * step[i * n + j] * e[j];
    }
  }
  for (size_t i = 0; starts && i < n; i++) starts[i] += gamma[i];
  return whole;
}
