/* What bias correction is for: a variational autoencoder on handwritten digits (the paper's Figure 4), trained by Adam
 * over a grid of decays and rates, with and without the correction.
 *
 * "Unstable in early steps" means, and meant before the first run: take the rate with which the corrected version has
 * the lowest loss in the end; at this rate the uncorrected version's largest loss among the first adam.vae_early updates
 * is more than twice the corrected version's. The claim is about β₂ = 0.99999 and holds if this is so for both β₁. */
#include "recipes/adam.h"

#include "base/rng.h"
#include "formats/svg.h"

#include <math.h>

enum { STREAM_NOISE = 6, BETA1S = 2, BETA2S = 4, RATES = 5, TAIL = 20 };
static const double beta1s[BETA1S] = {0, 0.9}, beta2s[BETA2S] = {0.99, 0.999, 0.9999, 0.99999};
static const double rates[RATES] = {1e-5, 1e-4, 1e-3, 1e-2, 1e-1};
static const double highest = 1000; /* nats: a curve above it is drawn at it */

typedef struct outcome {
  double *losses;    /* of every update, in the run's arena; infinite from where it diverged */
  double early, end; /* largest of the first updates; mean of the last ones */
} outcome;

typedef struct grid {
  outcome at[BETA1S][BETA2S][2][RATES]; /* [1]: corrected */
} grid;

/* ---- The autoencoder ---- */

static rapt_tensor *layer(rapt_graph *graph, rapt_params *params, rapt_tensor *x, const char *name, int64_t out) {
  int64_t in = rapt_dim(x, -1);
  rapt_scope_begin(graph, "%s", name);
  rapt_tensor *w =
      rapt_param(graph, params, "weight", 2, (int64_t[]){in, out}, (rapt_init){RAPT_INIT_NORMAL, 1 / sqrt((double)in)});
  rapt_tensor *b = rapt_param(graph, params, "bias", 1, &out, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  rapt_tensor *y = rapt_linear(x, w, false, b, RAPT_IDENTITY);
  rapt_scope_end(graph);
  return y;
}

/* The bound of Kingma & Welling (2014), negated, in nats an image. Grey values count as probabilities of ink. */
static rapt_tensor *loss(const rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                         rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  const rapt__adam_images *set = p->set;
  rapt_tensor *x = inputs[0] = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){p->batch, set->features});
  rapt_tensor *noise = inputs[1] = rapt_input(graph, "noise", RAPT_F32, 2, (int64_t[]){p->batch, p->latent});
  rapt_tensor *h = rapt_softplus(layer(graph, params, x, "encoder", p->width)), *code[2];
  rapt_split(layer(graph, params, h, "code", 2 * p->latent), 1, 2, code);
  rapt_tensor *mean = code[0], *log_variance = code[1];
  rapt_tensor *z = rapt_add(mean, rapt_mul(rapt_exp(rapt_scale(log_variance, 0.5)), noise));
  rapt_tensor *logits =
      layer(graph, params, rapt_softplus(layer(graph, params, z, "decoder", p->width)), "pixels", set->features);
  rapt_tensor *ink = rapt_sum(rapt_sub(rapt_softplus(logits), rapt_mul(x, logits)), RAPT_ALL, false);
  rapt_tensor *spread = rapt_sum(rapt_sub(rapt_exp(log_variance), log_variance), RAPT_ALL, false);
  rapt_tensor *twice = rapt_add(rapt_sum(rapt_square(mean), RAPT_ALL, false), spread);
  rapt_tensor *constant = rapt_fill(graph, -0.5 * (double)p->latent, 0, NULL);
  rapt_tensor *sum = rapt_add(ink, rapt_scale(twice, 0.5));
  return rapt_add(rapt_scale(sum, 1 / (double)p->batch), constant);
}

static void feed(rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]) {
  rapt__adam_images_feed(p, pass, batch, (void *[]){data[0], NULL});
  rapt_real *noise = data[1];
  int64_t count = p->batch * p->latent, first = ((pass - 1) * p->batches + batch) * count;
  for (int64_t i = 0; i < count; i++)
    noise[i] = (rapt_real)rapt__rng_normal(p->seed, (uint64_t)STREAM_NOISE << 32, (uint64_t)(first + i));
}

static rapt__adam_problem problem(rapt__adam *a) {
  const rapt__adam_settings *s = a->settings;
  return (rapt__adam_problem){.ctx = a->run->ctx,
                              .seed = (uint64_t)a->run->common.seed,
                              .batch = s->batch,
                              .batches = a->images.labels.size / s->batch,
                              .width = s->vae_width,
                              .latent = s->vae_latent,
                              .milliseconds = 8,
                              .set = &a->images,
                              .loss = loss,
                              .feed = feed};
}

void rapt__adam_vae_plan(rapt__adam *a) {
  rapt__adam_problem p = problem(a);
  int64_t updates = (int64_t)BETA1S * BETA2S * 2 * RATES * a->settings->vae_updates;
  rapt__adam_expect(a, &p, updates);
}

/* ---- The grid ---- */

static double mean_before(const double *losses, int64_t end) {
  int64_t begin = end > TAIL ? end - TAIL : 0;
  double sum = 0;
  for (int64_t i = begin; i < end; i++) sum += losses[i];
  return sum / (double)(end - begin);
}

static rapt_status run_point(rapt__adam *a, rapt__adam_problem *p, const rapt_update_options *o, double rate,
                             const char *name, outcome *out) {
  int64_t updates = a->settings->vae_updates, i = 0;
  double value = 0, sum = 0;
  rapt__adam_trial t;
  rapt_status status = rapt__adam_trial_begin(p, o, 0, &t);
  for (; i < updates && status == RAPT_OK && isfinite(value); i++) {
    status = rapt__adam_update(a, &t, "vae", 1 + i / p->batches, i % p->batches, rate, &value);
    out->losses[i] = value = isfinite(value) ? value : HUGE_VAL;
    sum += value;
    if (status == RAPT_OK && (i % 10 == 9 || !isfinite(value))) {
      status = rapt__adam_curve(a, "vae", name, rate, (double)(i + 1) / (double)p->batches, sum / (double)(i % 10 + 1));
      sum = 0;
    }
  }
  rapt__adam_trial_free(&t);
  if (status != RAPT_OK) return status;
  rapt__adam_skip(a, p, updates - i);
  for (; i < updates; i++) out->losses[i] = HUGE_VAL;
  for (i = 0; i < updates && i < a->settings->vae_early; i++) out->early = fmax(out->early, out->losses[i]);
  out->end = mean_before(out->losses, updates);
  return RAPT_OK;
}

static rapt_status run_grid(rapt__adam *a, grid *g) {
  rapt__adam_problem p = problem(a);
  for (int i = 0; i < BETA1S * BETA2S * 2 * RATES; i++) {
    int r = i % RATES, corrected = i / RATES % 2, b2 = i / RATES / 2 % BETA2S, b1 = i / RATES / 2 / BETA2S;
    outcome *out = &g->at[b1][b2][corrected][r];
    rapt_update_options o = {
        .method = RAPT_ADAM, .beta1 = beta1s[b1], .beta2 = beta2s[b2], .eps = 1e-8, .no_bias_correction = !corrected};
    char name[80];
    snprintf(name, sizeof name, "beta1=%g beta2=%g %s", o.beta1, o.beta2, corrected ? "corrected" : "uncorrected");
    out->losses = rapt__arena_new(&a->run->arena, (size_t)a->settings->vae_updates, sizeof *out->losses);
    if (!out->losses) return RAPT_ENOMEM;
    RAPT_TRY(run_point(a, &p, &o, rates[r], name, out));
  }
  return RAPT_OK;
}

static int best_rate(const outcome at[RATES]) {
  int best = 0;
  for (int r = 1; r < RATES; r++)
    if (at[r].end < at[best].end) best = r;
  return best;
}

/* ---- What came out ---- */

static rapt_status judge(rapt__adam *a, const grid *g, const char **rows) {
  bool slow_unstable = true;
  for (int i = 0; i < BETA1S * BETA2S; i++) {
    int b1 = i / BETA2S, b2 = i % BETA2S, r = best_rate(g->at[b1][b2][1]);
    const outcome *with = &g->at[b1][b2][1][r], *without = &g->at[b1][b2][0][r];
    const outcome *best_without = &g->at[b1][b2][0][best_rate(g->at[b1][b2][0])];
    bool unstable = without->early > 2 * with->early;
    if (b2 == BETA2S - 1) slow_unstable = slow_unstable && unstable;
    rows[i] = rapt__arena_format(&a->run->arena,
                                 "β₁ = %g, β₂ = %g=rate %g; largest early loss %.4g corrected, %.4g uncorrected%s; in "
                                 "the end %.1f and %.4g, uncorrected with its own best rate %.4g",
                                 beta1s[b1], beta2s[b2], rates[r], with->early, without->early,
                                 unstable ? " (unstable)" : "", with->end, without->end, best_without->end);
    if (!rows[i]) return RAPT_ENOMEM;
    rapt__run_say(a->run, RAPT_EVENT_RESULT,
                  "vae: β₁ %-3g β₂ %-7g rate %-6g largest early loss %.4g, uncorrected %.4g%s; end %.1f, "
                  "uncorrected %.4g",
                  beta1s[b1], beta2s[b2], rates[r], with->early, without->early, unstable ? " (unstable)" : "",
                  with->end, without->end);
  }
  return rapt__findings_judge(
      &a->findings, false, slow_unstable,
      "vae: without bias correction β₂ = 0.99999 is unstable in early steps (largest loss of the "
      "first %lld updates over twice as large, for both β₁)",
      (long long)a->settings->vae_early);
}

/* Loss against rate, as in the paper: a picture for each β₁ and each time. */
static rapt_status plot_grid(rapt__adam *a, const grid *g, int b1, int64_t updates, const char **svg) {
  rapt__series series[BETA2S * 2];
  double ends[BETA2S * 2][RATES];
  for (int i = 0; i < BETA2S * 2; i++) {
    const outcome *at = g->at[b1][i / 2][i % 2];
    for (int r = 0; r < RATES; r++) ends[i][r] = fmin(mean_before(at[r].losses, updates), highest);
    char *name = rapt__arena_format(&a->run->arena, "β₂ %g %s", beta2s[i / 2], i % 2 ? "corrected" : "without");
    if (!name) return RAPT_ENOMEM;
    series[i] = (rapt__series){name, rates, ends[i], RATES};
  }
  char *file = rapt__arena_format(&a->run->arena, "vae-beta1-%g-after-%lld.svg", beta1s[b1], (long long)updates);
  char *title = rapt__arena_format(&a->run->arena, "β₁ = %g, after %lld updates", beta1s[b1], (long long)updates);
  if (!file || !title) return RAPT_ENOMEM;
  rapt__plot plot = {.title = title,
                     .x_title = "rate α",
                     .y_title = "loss (nats an image; 1000: or more)",
                     .log_x = true,
                     .series = series,
                     .count = BETA2S * 2};
  return rapt__adam_plot(a, file, &plot, svg);
}

static rapt_status plot_early(rapt__adam *a, const grid *g, const char **svg) {
  rapt__series series[BETA1S * 2];
  int64_t count = a->settings->vae_early < a->settings->vae_updates ? a->settings->vae_early : a->settings->vae_updates;
  double *x = rapt__arena_new(&a->run->arena, (size_t)count, sizeof *x);
  if (!x) return RAPT_ENOMEM;
  for (int64_t i = 0; i < count; i++) x[i] = (double)(i + 1);
  for (int i = 0; i < BETA1S * 2; i++) {
    int b1 = i / 2, corrected = i % 2, r = best_rate(g->at[b1][BETA2S - 1][1]);
    char *name = rapt__arena_format(&a->run->arena, "β₁ %g, rate %g, %s", beta1s[b1], rates[r],
                                    corrected ? "corrected" : "without");
    if (!name) return RAPT_ENOMEM;
    series[i] = (rapt__series){name, x, g->at[b1][BETA2S - 1][corrected][r].losses, (size_t)count};
  }
  rapt__plot plot = {.title = "The first updates with β₂ = 0.99999",
                     .x_title = "update",
                     .y_title = "loss (nats an image)",
                     .log_y = true,
                     .series = series,
                     .count = BETA1S * 2};
  return rapt__adam_plot(a, "vae-early.svg", &plot, svg);
}

rapt_status rapt__adam_vae(rapt__adam *a) {
  rapt__arena *arena = &a->run->arena;
  grid *g = rapt__arena_new(arena, 1, sizeof *g);
  const char **rows = rapt__arena_new(arena, BETA1S * BETA2S + 1, sizeof *rows), *svg[5];
  if (!g || !rows) return RAPT_ENOMEM;
  RAPT_TRY(run_grid(a, g));
  RAPT_TRY(judge(a, g, rows));
  int64_t updates = a->settings->vae_updates, sooner = updates / 4 > 0 ? updates / 4 : 1;
  for (int i = 0; i < 4; i++) RAPT_TRY(plot_grid(a, g, i % 2, i / 2 ? updates : sooner, &svg[i]));
  RAPT_TRY(plot_early(a, g, &svg[4]));
  char *all = rapt__arena_format(arena, "%s%s%s%s%s", svg[4], svg[0], svg[1], svg[2], svg[3]);
  if (!all) return RAPT_ENOMEM;
  a->sections[a->section_count++] =
      (rapt__adam_section){.heading = "Bias correction on a variational autoencoder",
                           .text = "Unstable in early steps: with the rate that is best for the corrected version, "
                                   "the uncorrected one's largest loss among the first updates is more than twice as "
                                   "large. Each loss against a rate is the mean of twenty batches before the update "
                                   "that is named.",
                           .svg = all,
                           .rows = rows};
  return RAPT_OK;
}
