/* Hidden Markov models: Baum–Welch over many sequences, and what runs over whole data sets. */
#include "classic/hmm.h"

#include <math.h>
#include <string.h>

/* Memory of a pass over all data; everything is owned. */
typedef struct pass {
  rapt_context *ctx;
  double *gamma;   /* (T, N) */
  double *parts;   /* (T, N, M) of mixtures, else NULL */
  double *log_b;   /* (longest sequence, N) */
  double *scratch; /* of rapt__hmm_expect, and of rapt__hmm_emissions behind it */
  double *step;    /* (N, N) probabilities */
  double *starts, *moves;
  size_t emit_at; /* where the second scratch begins */
} pass;

static void pass_free(pass *p) {
  double *const all[] = {p->gamma, p->parts, p->log_b, p->scratch, p->step, p->starts, p->moves};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++) rapt__free(p->ctx, all[i]);
}

static double *numbers(rapt_context *ctx, size_t a, size_t b, size_t c) {
  size_t count;
  if (rapt__mul_overflows(a, b, &count) || rapt__mul_overflows(count, c, &count)) count = SIZE_MAX;
  return rapt__new(ctx, count, sizeof(double));
}

static size_t longest(const rapt__hmm_data *data) {
  size_t most = 0;
  for (size_t i = 0; i < data->sequences; i++) {
    size_t steps = data->at[i + 1] - data->at[i];
    most = steps > most ? steps : most;
  }
  return most;
}

static rapt_status pass_new(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data, bool parts, pass *p) {
  size_t n = h->shape.states, total = data->at[data->sequences], most = longest(data);
  *p = (pass){.ctx = ctx, .emit_at = 2 * most * n + n};
  p->gamma = numbers(ctx, total, n, 1);
  if (parts) p->parts = numbers(ctx, total, n, h->shape.parts);
  p->log_b = numbers(ctx, most, n, 1);
  p->scratch = numbers(ctx, p->emit_at + h->shape.dims + h->shape.parts, 1, 1);
  p->step = numbers(ctx, n, n, 1);
  p->starts = numbers(ctx, n, 1, 1);
  p->moves = numbers(ctx, n, n, 1);
  bool full = p->gamma && (p->parts || !parts) && p->log_b && p->scratch && p->step && p->starts && p->moves;
  if (full) return RAPT_OK;
  pass_free(p);
  return RAPT_ENOMEM;
}

/* ---- Baum–Welch ---- */

static rapt_status expect(const rapt__hmm *h, const rapt__hmm_data *data, pass *p, bool count, double *whole) {
  size_t n = h->shape.states, parts = h->shape.parts;
  const double *step = rapt__hmm_steps(&h->chain, p->step) ? p->step : NULL;
  memset(p->starts, 0, n * sizeof *p->starts);
  memset(p->moves, 0, n * n * sizeof *p->moves);
  *whole = 0;
  for (size_t i = 0; i < data->sequences; i++) {
    size_t at = data->at[i], steps = data->at[i + 1] - at;
    double *of = p->parts ? p->parts + at * n * parts : NULL, *gamma = p->gamma + at * n;
    rapt__hmm_emissions(h, data, at, steps, p->log_b, of, p->scratch + p->emit_at);
    double log_p = rapt__hmm_expect(&h->chain, step, p->log_b, steps, p->scratch, gamma, count ? p->starts : NULL,
                                    count ? p->moves : NULL);
    if (!isfinite(log_p))
      return rapt__fail(p->ctx, RAPT_ENAN, "hmm: the model cannot make sequence %zu of %zu: its probability is zero", i,
                        data->sequences);
    *whole += log_p;
    for (size_t k = 0; of && k < steps * n * parts; k++) {
      double log_b = p->log_b[k / parts];
      of[k] = log_b == -INFINITY ? 0 : gamma[k / parts] * exp(of[k] - log_b);
    }
  }
  return RAPT_OK;
}

/* log of counts over their sum, into a row that stays as it is if nothing was counted. What is too small for the scaled
 * pass is taken as nothing: that changes the likelihood by far less than rounding does. */
static void set_row(double *log_row, const double *counts, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += counts[i];
  for (size_t i = 0; sum > 0 && i < n; i++)
    log_row[i] = counts[i] / sum < RAPT__HMM_LEAST ? -INFINITY : log(counts[i] / sum);
}

static void set_chain(rapt__hmm_chain *c, const double *starts, const double *moves) {
  set_row(c->log_start, starts, c->states);
  for (size_t i = 0; i < c->states; i++) set_row(c->log_step + i * c->states, moves + i * c->states, c->states);
}

static rapt_status train(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const rapt__hmm_training *how,
                         pass *p, rapt__hmm_trained *out) {
  size_t total = data->at[data->sequences];
  for (double before = -INFINITY;; before = out->log_likelihood, out->rounds++) {
    RAPT_TRY(expect(h, data, p, true, &out->log_likelihood));
    double gain = out->log_likelihood - before;
    if (out->rounds) out->worst_fall = fmax(out->worst_fall, -gain / fabs(out->log_likelihood));
    if (how->each && !how->each(how->user, out->rounds, out->log_likelihood))
      return rapt__fail(ctx, RAPT_EINTERRUPTED, "hmm: training was stopped after %zu rounds", out->rounds);
    if (out->rounds == how->rounds || (out->rounds && how->tolerance > 0 && gain < how->tolerance * (double)total))
      return RAPT_OK;
    set_chain(&h->chain, p->starts, p->moves);
    RAPT_TRY(rapt__hmm_refit(ctx, h, data, p->gamma, p->parts, how->floor));
  }
}

rapt_status rapt__hmm_train(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, const rapt__hmm_training *how,
                            rapt__hmm_trained *out) {
  *out = (rapt__hmm_trained){0};
  pass p;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  RAPT_TRY(pass_new(ctx, h, data, h->shape.parts > 1, &p));
  rapt_status status = train(ctx, h, data, how, &p, out);
  pass_free(&p);
  return status;
}

/* One guess, trained a little, into `now`; false in *valid where a covariance was singular. */
static rapt_status try_guess(rapt_context *ctx, rapt__hmm *now, const rapt__hmm_data *data, uint64_t seed,
                             uint64_t stream, const rapt__hmm_training *how, rapt__hmm_trained *trained, bool *valid) {
  rapt_status status = rapt__hmm_guess(ctx, now, data, seed, stream);
  if (status == RAPT_OK) status = rapt__hmm_train(ctx, now, data, how, trained);
  *valid = status == RAPT_OK;
  return status == RAPT_EINVAL ? RAPT_OK : status;
}

static rapt_status search(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, uint64_t seed, uint64_t stream,
                          size_t guesses, const rapt__hmm_training *how, rapt__hmm *empty, rapt__hmm *now,
                          double *worst_fall) {
  double best = -INFINITY;
  rapt__hmm_copy(h, empty);
  for (size_t i = 0; i < guesses; i++) {
    rapt__hmm_trained trained;
    bool valid;
    rapt__hmm_copy(empty, now);
    RAPT_TRY(try_guess(ctx, now, data, seed, stream + i, how, &trained, &valid));
    if (!valid && best == -INFINITY && i + 1 == guesses) return RAPT_EINVAL;
    if (!valid) {
      rapt__forget(ctx);
      continue;
    }
    *worst_fall = fmax(*worst_fall, trained.worst_fall);
    if (trained.log_likelihood <= best) continue;
    best = trained.log_likelihood;
    rapt__hmm_copy(now, h);
  }
  return RAPT_OK;
}

rapt_status rapt__hmm_search(rapt_context *ctx, rapt__hmm *h, const rapt__hmm_data *data, uint64_t seed,
                             uint64_t stream, size_t guesses, size_t first, const rapt__hmm_training *how,
                             rapt__hmm_trained *out) {
  *out = (rapt__hmm_trained){0};
  rapt__arena arena;
  rapt__hmm empty, now;
  rapt__hmm_training short_one = *how;
  short_one.rounds = first;
  double fall = 0;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  rapt__arena_init(&arena, ctx);
  rapt_status status = rapt__hmm_new(&arena, &h->shape, &empty);
  if (status == RAPT_OK) status = rapt__hmm_new(&arena, &h->shape, &now);
  if (status == RAPT_OK) status = search(ctx, h, data, seed, stream, guesses, &short_one, &empty, &now, &fall);
  rapt__arena_free(&arena);
  if (status == RAPT_OK) status = rapt__hmm_train(ctx, h, data, how, out);
  out->worst_fall = fmax(out->worst_fall, fall);
  return status;
}

rapt_status rapt__hmm_score(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data, double *log_likelihood,
                            double *gamma) {
  pass p;
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  RAPT_TRY(pass_new(ctx, h, data, false, &p));
  rapt_status status = expect(h, data, &p, false, log_likelihood);
  if (status == RAPT_OK && gamma) memcpy(gamma, p.gamma, data->at[data->sequences] * h->shape.states * sizeof *gamma);
  pass_free(&p);
  return status;
}

rapt_status rapt__hmm_best_paths(rapt_context *ctx, const rapt__hmm *h, const rapt__hmm_data *data, int32_t *path,
                                 double *log_best) {
  RAPT_TRY(rapt__hmm_check(ctx, h, data));
  size_t n = h->shape.states, most = longest(data);
  double *log_b = numbers(ctx, most, n, 1), *delta = numbers(ctx, most, n, 1);
  double *scratch = numbers(ctx, h->shape.dims + h->shape.parts, 1, 1);
  int32_t *back = rapt__new(ctx, most, n * sizeof *back);
  rapt_status status = log_b && delta && scratch && back ? RAPT_OK : RAPT_ENOMEM;
  *log_best = 0;
  for (size_t i = 0; i < data->sequences && status == RAPT_OK; i++) {
    size_t at = data->at[i], steps = data->at[i + 1] - at;
    rapt__hmm_emissions(h, data, at, steps, log_b, NULL, scratch);
    *log_best += rapt__hmm_viterbi(&h->chain, log_b, steps, delta, back, path + at);
  }
  rapt__free(ctx, log_b);
  rapt__free(ctx, delta);
  rapt__free(ctx, scratch);
  rapt__free(ctx, back);
  return status;
}
