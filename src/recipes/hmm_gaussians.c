/* Values instead of symbols: every kind of Gaussian emission, learned back from samples of a known model. */
#include "recipes/hmm.h"

#include <math.h>
#include <string.h>

enum { STATES = 3, DIMS = 2, SEQUENCES = 60, SHORTEST = 20, LONGEST = 60, STREAM = 43 << 20 };

static const struct {
  const char *name, *file;
  rapt__hmm_kind kind;
  size_t parts;
  bool left_right;
} trials[] = {{"diagonal", "gaussian-diagonal.json", RAPT__HMM_DIAGONAL, 1, false},
              {"full covariance", "gaussian-full.json", RAPT__HMM_FULL, 1, false},
              {"mixture of two", "gaussian-mixture.json", RAPT__HMM_DIAGONAL, 2, false},
              {"left to right", "gaussian-left-right.json", RAPT__HMM_FULL, 1, true}};
enum { TRIALS = sizeof trials / sizeof *trials };

/* States three apart, on a line; a mixture has its parts on either side of it. */
static rapt_status make_truth(rapt__run *run, int trial, rapt__hmm *h) {
  const rapt__hmm_shape shape = {
      .kind = trials[trial].kind, .states = STATES, .dims = DIMS, .parts = trials[trial].parts};
  RAPT_TRY(rapt__hmm_new(&run->arena, &shape, h));
  if (trials[trial].left_right) rapt__hmm_left_right(h, 1);
  for (size_t i = 0; i < STATES; i++)
    for (size_t j = 0; j < STATES; j++) {
      double stay = i + 1 == STATES && trials[trial].left_right ? 1 : 0.9;
      double leave = trials[trial].left_right ? 0.1 : 0.05;
      if (h->chain.log_step[i * STATES + j] != -INFINITY)
        h->chain.log_step[i * STATES + j] = log(i == j ? stay : leave);
    }
  for (size_t p = 0; p < STATES * shape.parts; p++)
    for (size_t i = 0; i < DIMS; i++) {
      double side = shape.parts == 1 ? 0 : p % 2 ? 1.5 : -1.5;
      h->mean[p * DIMS + i] = 3 * (double)(p / shape.parts) + (i ? -side : side);
      if (shape.kind == RAPT__HMM_DIAGONAL)
        h->cov[p * DIMS + i] = i ? 0.5 : 1;
      else
        for (size_t k = 0; k < DIMS; k++) h->cov[(p * DIMS + i) * DIMS + k] = i == k ? 1 : 0.6;
    }
  return rapt__hmm_prepare(run->ctx, h);
}

/* The share of steps that lie in the state most of whose steps are of the same true state. */
static double agreement(const int32_t *path, const int32_t *truth, size_t count) {
  size_t together[STATES][STATES] = {{0}}, right = 0;
  for (size_t t = 0; t < count; t++) together[path[t]][truth[t]]++;
  for (int i = 0; i < STATES; i++) {
    size_t most = 0;
    for (int j = 0; j < STATES; j++) most = together[i][j] > most ? together[i][j] : most;
    right += most;
  }
  return (double)right / (double)count;
}

typedef struct sample {
  size_t at[SEQUENCES + 1];
  double values[SEQUENCES * LONGEST * DIMS];
  int32_t truth[SEQUENCES * LONGEST], path[SEQUENCES * LONGEST];
} sample;

static rapt_status learn_back(rapt__hmm_run *r, int trial, sample *s, double shares[2], double *worst_fall) {
  rapt__run *run = r->run;
  uint64_t seed = (uint64_t)run->common.seed, stream = STREAM + 10000 * (uint64_t)trial;
  rapt__hmm truth, h;
  double best;
  RAPT_TRY(make_truth(run, trial, &truth));
  for (size_t i = 0; i < SEQUENCES; i++) {
    s->at[i + 1] = s->at[i] + SHORTEST + i * (LONGEST - SHORTEST) / SEQUENCES;
    rapt__hmm_sample(&truth, seed, stream + i, s->at[i + 1] - s->at[i], s->truth + s->at[i], NULL,
                     s->values + s->at[i] * DIMS);
  }
  const rapt__hmm_data data = {SEQUENCES, s->at, NULL, s->values};
  rapt__hmm_training how = rapt__hmm_told(r, "gaussians", (size_t)r->settings->rounds, s->at[SEQUENCES],
                                          (double)trial / TRIALS, (double)(trial + 1) / TRIALS);
  rapt__hmm_trained trained;
  RAPT_TRY(rapt__hmm_new(&run->arena, &truth.shape, &h));
  if (trials[trial].left_right) {
    rapt__hmm_left_right(&h, 1);
    RAPT_TRY(rapt__hmm_guess_pieces(run->ctx, &h, &data, how.floor, seed, stream + 5000));
    RAPT_TRY(rapt__hmm_train(run->ctx, &h, &data, &how, &trained));
  } else {
    RAPT_TRY(rapt__hmm_search(run->ctx, &h, &data, seed, stream + 5000, (size_t)r->settings->guesses,
                              (size_t)r->settings->first, &how, &trained));
  }
  *worst_fall = fmax(*worst_fall, trained.worst_fall);
  RAPT_TRY(rapt__hmm_best_paths(run->ctx, &h, &data, s->path, &best));
  shares[0] = agreement(s->path, s->truth, s->at[SEQUENCES]);
  RAPT_TRY(rapt__hmm_best_paths(run->ctx, &truth, &data, s->path, &best));
  shares[1] = agreement(s->path, s->truth, s->at[SEQUENCES]);
  static const char *const names[STATES] = {"1", "2", "3"};
  return rapt__hmm_save(run, trials[trial].file, &h, names, NULL);
}

static rapt_status try_all(rapt__hmm_run *r, sample *s) {
  static const char *const series[2] = {"learned model", "true model"};
  const char *labels[TRIALS];
  double shares[TRIALS][2], worst_fall = 0, least = INFINITY;
  for (int i = 0; i < TRIALS; i++) {
    memset(s, 0, sizeof *s);
    RAPT_TRY(learn_back(r, i, s, shares[i], &worst_fall));
    least = fmin(least, shares[i][0] - shares[i][1]);
    labels[i] = trials[i].name;
  }
  RAPT_TRY(
      rapt__findings_judge(&r->findings, false, least >= -0.02,
                           "gaussians: Viterbi's states are the true ones for %.1f %% (diagonal), %.1f %% (full), %.1f "
                           "%% (mixture), %.1f %% (left to right) of the steps, within 2 points of the true model's",
                           100 * shares[0][0], 100 * shares[1][0], 100 * shares[2][0], 100 * shares[3][0]));
  rapt__hmm_trained all = {.worst_fall = worst_fall};
  RAPT_TRY(rapt__hmm_judge_rise(r, "gaussians", &all));
  const rapt__bars bars = {.title = "Steps whose hidden state Viterbi finds",
                           .x_title = "share",
                           .labels = labels,
                           .series = series,
                           .values = shares[0],
                           .count = TRIALS,
                           .series_count = 2};
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = rapt__svg_bars(&svg, &bars);
  const char *kept = status == RAPT_OK ? rapt__hmm_picture(r, "gaussians.svg", &svg) : NULL;
  rapt__text_free(&svg);
  RAPT_TRY(status);
  return rapt__hmm_section(
      r, (rapt__report_section){.heading = "Values instead of symbols",
                                .text = "Sequences drawn from known models of three states with Gaussian emissions, "
                                        "whose states a model trained on the values alone is to find again.",
                                .svg = kept});
}

rapt_status rapt__hmm_gaussians(rapt__hmm_run *r) {
  sample *s = rapt__new(r->run->ctx, 1, sizeof *s);
  rapt_status status = s ? try_all(r, s) : RAPT_ENOMEM;
  rapt__free(r->run->ctx, s);
  return status;
}
