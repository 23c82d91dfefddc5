/* The weather that only moods tell of: the worked example, checked against all paths, and learned back from samples. */
#include "recipes/hmm.h"

#include "base/rng.h"

#include <math.h>

const char *const rapt__hmm_weather_names[RAPT__HMM_WEATHERS] = {"sunny", "rainy"},
                  *const rapt__hmm_mood_names[RAPT__HMM_MOODS] = {"happy", "grumpy"};

rapt_status rapt__hmm_weather_model(rapt__arena *arena, rapt__hmm *h) {
  /* The start is the chain's stationary distribution. */
  static const double start[2] = {2.0 / 3, 1.0 / 3}, step[4] = {0.8, 0.2, 0.4, 0.6}, emit[4] = {0.8, 0.2, 0.4, 0.6};
  const rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = RAPT__HMM_WEATHERS, .symbols = RAPT__HMM_MOODS};
  RAPT_TRY(rapt__hmm_new(arena, &shape, h));
  for (int i = 0; i < 4; i++) h->chain.log_step[i] = log(step[i]), h->log_emit[i] = log(emit[i]);
  for (int i = 0; i < 2; i++) h->chain.log_start[i] = log(start[i]);
  return RAPT_OK;
}

/* ---- Against all paths ---- */

enum { MOST_STATES = 4, MOST_STEPS = 8, MODELS = 200, STREAM = 40 << 20 };

/* log p(x, z). */
static double log_path(const rapt__hmm_chain *c, const double *log_b, const int32_t *path, size_t length) {
  size_t n = c->states;
  double sum = c->log_start[path[0]] + log_b[path[0]];
  for (size_t t = 1; t < length; t++)
    sum += c->log_step[(size_t)path[t - 1] * n + (size_t)path[t]] + log_b[t * n + (size_t)path[t]];
  return sum;
}

/* The largest difference between the algorithms and the sum over all paths. Paths may be equally good: Viterbi's is judged by
 * its probability. */
static rapt_status compare(rapt_context *ctx, const rapt__hmm *h, const int32_t *symbols, size_t length,
                           double *worst) {
  double log_b[MOST_STATES * MOST_STEPS], alpha[MOST_STATES * MOST_STEPS], gamma[MOST_STATES * MOST_STEPS];
  double scratch[2 * MOST_STATES * MOST_STEPS + MOST_STATES], step[MOST_STATES * MOST_STATES], whole, best;
  int32_t back[MOST_STATES * MOST_STEPS], path[MOST_STEPS], wanted[MOST_STEPS];
  const rapt__hmm_data data = {1, (size_t[]){0, length}, symbols, NULL};
  rapt__hmm_emissions(h, &data, 0, length, log_b, NULL, NULL);
  RAPT_TRY(rapt__hmm_enumerate(ctx, &h->chain, log_b, length, &whole, &best, wanted));
  const double *probabilities = rapt__hmm_steps(&h->chain, step) ? step : NULL;
  double found[5] = {rapt__hmm_forward(&h->chain, log_b, length, alpha),
                     rapt__hmm_backward(&h->chain, log_b, length, alpha),
                     rapt__hmm_expect(&h->chain, probabilities, log_b, length, scratch, gamma, NULL, NULL),
                     rapt__hmm_viterbi(&h->chain, log_b, length, alpha, back, path)};
  found[4] = log_path(&h->chain, log_b, path, length);
  for (int i = 0; i < 5; i++) {
    double off = fabs(found[i] - (i < 3 ? whole : best));
    if (!(off <= *worst)) *worst = off;
  }
  return RAPT_OK;
}

static rapt_status random_models(rapt__hmm_run *r, double *worst) {
  rapt_context *ctx = r->run->ctx;
  uint64_t seed = (uint64_t)r->run->common.seed;
  for (uint64_t i = 0; i < MODELS; i++) {
    const rapt__hmm_shape shape = {.kind = RAPT__HMM_DISCRETE, .states = 2 + i % (MOST_STATES - 1), .symbols = 3};
    size_t length = 1 + i % MOST_STEPS;
    int32_t all[3] = {0, 1, 2}, symbols[MOST_STEPS];
    const rapt__hmm_data each = {1, (size_t[]){0, 3}, all, NULL};
    rapt__arena arena;
    rapt__hmm h;
    rapt__arena_init(&arena, ctx);
    rapt_status status = rapt__hmm_new(&arena, &shape, &h);
    if (status == RAPT_OK) status = rapt__hmm_guess(ctx, &h, &each, seed, STREAM + 2 * i);
    if (status == RAPT_OK) {
      rapt__hmm_sample(&h, seed, STREAM + 2 * i + 1, length, NULL, symbols, NULL);
      status = compare(ctx, &h, symbols, length, worst);
    }
    rapt__arena_free(&arena);
    RAPT_TRY(status);
  }
  return RAPT_OK;
}

/* ---- Learned back ---- */

enum { SEQUENCES = 1000, LONGEST = 60 };

static rapt_status learn_back(rapt__hmm_run *r, const rapt__hmm *truth) {
  rapt__run *run = r->run;
  uint64_t seed = (uint64_t)run->common.seed;
  size_t *at = rapt__arena_new(&run->arena, SEQUENCES + 1, sizeof *at);
  int32_t *symbols = rapt__arena_new(&run->arena, SEQUENCES * LONGEST, sizeof *symbols);
  if (!at || !symbols) return RAPT_ENOMEM;
  for (size_t i = 0; i < SEQUENCES; i++) {
    at[i + 1] = at[i] + 20 + rapt__rng_below(seed, STREAM - 1, i, LONGEST - 19);
    rapt__hmm_sample(truth, seed, STREAM + 1000 + i, at[i + 1] - at[i], NULL, symbols + at[i], NULL);
  }
  const rapt__hmm_data data = {SEQUENCES, at, symbols, NULL};
  rapt__hmm h;
  rapt__hmm_training how = rapt__hmm_told(r, "weather", 5 * (size_t)r->settings->rounds, at[SEQUENCES], 0, 1);
  rapt__hmm_trained trained;
  double known;
  how.tolerance = 1e-9;
  RAPT_TRY(rapt__hmm_new(&run->arena, &truth->shape, &h));
  RAPT_TRY(rapt__hmm_search(run->ctx, &h, &data, seed, STREAM - 100, (size_t)r->settings->guesses,
                            (size_t)r->settings->first, &how, &trained));
  RAPT_TRY(rapt__hmm_score(run->ctx, truth, &data, &known, NULL));
  /* States have no names in training: sunny is where happy is likelier. */
  size_t sun = h.log_emit[0] > h.log_emit[2] ? 0 : 1, rain = 1 - sun;
  RAPT_TRY(
      rapt__findings_say(&r->findings,
                         "weather: learned back from the moods of %zu days: sunny stays with %.2f (true 0.80), rainy "
                         "with %.2f (0.60), happy when sunny %.2f (0.80), when rainy %.2f (0.40)",
                         at[SEQUENCES], exp(h.chain.log_step[sun * 3]), exp(h.chain.log_step[rain * 3]),
                         exp(h.log_emit[sun * 2]), exp(h.log_emit[rain * 2])));
  RAPT_TRY(rapt__findings_judge(&r->findings, false, trained.log_likelihood >= known,
                                "weather: the learned model is at least as likely as the true one (%.2f and %.2f nats)",
                                trained.log_likelihood, known));
  return rapt__hmm_judge_rise(r, "weather", &trained);
}

/* ---- The pictures ---- */

enum { DAYS = 6 };
static const int32_t moods[DAYS] = {0, 0, 1, 1, 0, 1};

static rapt_status draw(rapt__hmm_run *r, const rapt__hmm *h) {
  double log_b[DAYS * 2], alpha[DAYS * 2], delta[DAYS * 2];
  int32_t back[DAYS * 2], path[DAYS];
  const char *days[DAYS];
  const rapt__hmm_data data = {1, (size_t[]){0, DAYS}, moods, NULL};
  rapt__hmm_emissions(h, &data, 0, DAYS, log_b, NULL, NULL);
  rapt__hmm_forward(&h->chain, log_b, DAYS, alpha);
  rapt__hmm_viterbi(&h->chain, log_b, DAYS, delta, back, path);
  for (int t = 0; t < DAYS; t++) days[t] = rapt__hmm_mood_names[moods[t]];
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = rapt__hmm_state_diagram(&svg, "The weather from day to day", &h->chain, rapt__hmm_weather_names);
  const char *states = status == RAPT_OK ? rapt__hmm_picture(r, "weather-states.svg", &svg) : NULL;
  if (states)
    status = rapt__hmm_trellis(&svg, "Trellis: the best path over the forward probabilities", &h->chain, alpha, path,
                               DAYS, rapt__hmm_weather_names, days);
  const char *trellis = states && status == RAPT_OK ? rapt__hmm_picture(r, "weather-trellis.svg", &svg) : NULL;
  rapt__text_free(&svg);
  if (status != RAPT_OK) return status;
  if (!trellis) return rapt_context_status(r->run->ctx) != RAPT_OK ? rapt_context_status(r->run->ctx) : RAPT_ENOMEM;
  return rapt__hmm_section(
      r, (rapt__report_section){
             .heading = "Weather and mood",
             .text = "Only the moods are seen. A circle of the trellis is filled by the probability of that weather "
                     "given the moods up to that day; the coloured path is the most probable one for all six days.",
             .svg = rapt__arena_format(&r->run->arena, "%s%s", states, trellis)});
}

rapt_status rapt__hmm_weather(rapt__hmm_run *r) {
  rapt__hmm h;
  double worst = 0;
  RAPT_TRY(rapt__hmm_weather_model(&r->run->arena, &h));
  RAPT_TRY(compare(r->run->ctx, &h, moods, DAYS, &worst));
  RAPT_TRY(random_models(r, &worst));
  RAPT_TRY(
      rapt__findings_judge(&r->findings, true, worst <= 1e-10,
                           "weather and %d random models: forward, backward, scaled and Viterbi differ from the sum or "
                           "best of all paths by %.1e at most",
                           MODELS, worst));
  RAPT_TRY(learn_back(r, &h));
  RAPT_TRY(rapt__hmm_save(r->run, "weather.json", &h, rapt__hmm_weather_names, rapt__hmm_mood_names));
  return draw(r, &h);
}
