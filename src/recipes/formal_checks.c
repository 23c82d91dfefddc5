/* Gradients of the plain code of explain/formal and of the engine, numbers of parameters, training on a copy task. */
#include "recipes/formal_checks.h"

#include "base/rng.h"
#include "explain/formal/differences.h"
#include "explain/formal/engine.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void rapt__formal_say(rapt__formal_verdict *v, bool holds, const char *fmt, ...) {
  char text[128], line[160];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  snprintf(line, sizeof line, "%s: %s", text, holds ? "holds" : "does NOT hold");
  rapt__run_say(v->run, RAPT_EVENT_RESULT, "%s", line);
  int number = v->held + v->failed;
  if (number < RAPT__FORMAL_LINES) memcpy(v->line[number], line, sizeof line);
  if (holds)
    v->held++;
  else
    v->failed++;
}

void rapt__formal_judge(rapt__formal_verdict *v, const char *what, double value, double bound) {
  rapt__formal_say(v, value <= bound, "%s: %.2g (at most %.2g)", what, value, bound);
}

double rapt__formal_worse(double a, double b) { return isnan(a) || isnan(b) ? NAN : fmax(a, b); }

void rapt__formal_shake(double *all, size_t count, double scale, uint64_t seed) {
  for (size_t i = 0; i < count; i++) all[i] += scale * rapt__rng_normal(seed, 1, i);
}

/* ---- Gradients ---- */

static const int32_t z_ids[] = {3, 7, 0, 10, 3}, x_ids[] = {1, 4, 9, 4, 2, 8}, masked_ids[] = {1, 5, 9, 5, 2, 5};
enum { MASK = 5 };
static const rapt__formal_text z_text = {z_ids, 5}, x_text = {x_ids, 6};

/* All sizes differ, so that no two can be confused unnoticed. */
static const rapt__formal_hyper tiny = {.vocab = 11,
                                        .max_length = 7,
                                        .layers = 2,
                                        .dec_layers = 2,
                                        .heads = 3,
                                        .d_e = 6,
                                        .d_mlp = 9,
                                        .d_f = 5,
                                        .d_attn = 4,
                                        .d_mid = 2};

typedef struct gradients {
  rapt__formal_case of;
  const char *name;
  double *plain, *engine; /* both like theta->all */
  size_t count;
} gradients;

static double largest_of(const double *g, size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) largest = rapt__formal_worse(largest, fabs(g[i]));
  return largest;
}

/* The engine computes in float, so its error is told in units of the largest element. */
static rapt_status judge_gradients(rapt__formal_verdict *v, const gradients *g) {
  char what[96];
  rapt__formal_comparison c;
  double worst = 0, largest = largest_of(g->plain, g->count);
  RAPT_TRY(rapt__formal_compare(v->run->ctx, &g->of, g->plain, 0, 1, &c));
  snprintf(what, sizeof what, "gradients against central differences, %s", g->name);
  rapt__formal_judge(v, what, c.skipped * 100 <= g->count ? c.worst : NAN, 1e-6);
  for (size_t i = 0; i < g->count; i++) worst = rapt__formal_worse(worst, fabs(g->engine[i] - g->plain[i]) / largest);
  snprintf(what, sizeof what, "engine's gradients against plain code, %s", g->name);
  v->worst_fast = rapt__formal_worse(v->worst_fast, worst);
  rapt__formal_judge(v, what, worst, 1e-5);
  return RAPT_OK;
}

static rapt_status check_d(rapt__formal_verdict *v, rapt__arena *arena, uint64_t seed) {
  rapt__formal_d d, plain, engine;
  rapt__formal_engine_result result;
  double loss;
  RAPT_TRY(rapt__formal_d_new(arena, &tiny, 0.3, seed, &d));
  RAPT_TRY(rapt__formal_d_new(arena, &tiny, 0, 0, &plain));
  RAPT_TRY(rapt__formal_d_new(arena, &tiny, 0, 0, &engine));
  rapt__formal_shake(d.all, d.count, 0.3, seed + 10);
  RAPT_TRY(rapt__formal_d_loss(v->run->ctx, x_text, &d, &plain, &loss));
  RAPT_TRY(rapt__formal_engine_d(arena, x_text, &d, &engine, &result));
  return judge_gradients(v, &(gradients){{.d = &d, .x = x_text}, "DTransformer (GPT)", plain.all, engine.all, d.count});
}

static rapt_status check_e(rapt__formal_verdict *v, rapt__arena *arena, uint64_t seed) {
  rapt__formal_e e, plain, engine;
  rapt__formal_engine_result result;
  double loss;
  RAPT_TRY(rapt__formal_e_new(arena, &tiny, 0.3, seed, &e));
  RAPT_TRY(rapt__formal_e_new(arena, &tiny, 0, 0, &plain));
  RAPT_TRY(rapt__formal_e_new(arena, &tiny, 0, 0, &engine));
  rapt__formal_shake(e.all, e.count, 0.3, seed + 11);
  RAPT_TRY(rapt__formal_e_loss(v->run->ctx, masked_ids, x_text, MASK, &e, &plain, &loss));
  RAPT_TRY(rapt__formal_engine_e(arena, masked_ids, x_text, MASK, &e, &engine, &result));
  return judge_gradients(v, &(gradients){{.e = &e, .x = x_text, .masked = masked_ids, .mask_token = MASK},
                                         "ETransformer (BERT)",
                                         plain.all,
                                         engine.all,
                                         e.count});
}

static double nearest_to_zero(rapt__formal_tokens u, double so_far) {
  for (size_t i = 0; i < u.length * u.dim; i++) so_far = fmin(so_far, fabs(u.at[i]));
  return so_far;
}

/* At an input of ReLU that is zero up to rounding, float and double may stand on different sides of the kink, where their
 * gradients differ by rights. So weights are drawn until every such input is further from 0 than rounding reaches. */
static rapt_status draw_off_kinks(rapt__arena *arena, uint64_t seed, rapt__formal_ed *ed) {
  const double far = 1e-4;
  const uint64_t draws = 200;
  for (uint64_t draw = 0; draw < draws; draw++) {
    rapt__formal_ed_tape tape;
    double nearest = INFINITY;
    RAPT_TRY(rapt__formal_ed_new(arena, &tiny, 0.3, seed + 1000 * draw, ed));
    rapt__formal_shake(ed->all, ed->count, 0.3, seed + 1000 * draw + 12);
    RAPT_TRY(rapt__formal_edtransformer(arena, z_ids, z_text.length, x_ids, x_text.length, ed, &tape));
    for (size_t l = 0; l < tiny.layers; l++) nearest = nearest_to_zero(tape.encoder[l].mlp.u, nearest);
    for (size_t l = 0; l < tiny.dec_layers; l++) nearest = nearest_to_zero(tape.decoder[l].mlp.u, nearest);
    if (nearest >= far) return RAPT_OK;
  }
  return rapt__fail(arena->ctx, RAPT_EINVAL, "gradients of EDTransformer: no weights off the kinks of ReLU in %d draws",
                    (int)draws);
}

static rapt_status check_ed(rapt__formal_verdict *v, rapt__arena *arena, uint64_t seed) {
  rapt__formal_ed ed, plain, engine;
  rapt__formal_engine_result result;
  double loss;
  RAPT_TRY(draw_off_kinks(arena, seed, &ed));
  RAPT_TRY(rapt__formal_ed_new(arena, &tiny, 0, 0, &plain));
  RAPT_TRY(rapt__formal_ed_new(arena, &tiny, 0, 0, &engine));
  RAPT_TRY(rapt__formal_ed_loss(v->run->ctx, z_text, x_text, &ed, &plain, &loss));
  RAPT_TRY(rapt__formal_engine_ed(arena, z_text, x_text, &ed, &engine, &result));
  return judge_gradients(
      v, &(gradients){{.ed = &ed, .z = z_text, .x = x_text}, "EDTransformer", plain.all, engine.all, ed.count});
}

rapt_status rapt__formal_check_gradients(rapt__formal_verdict *v, rapt__arena *arena) {
  uint64_t seed = (uint64_t)v->run->common.seed;
  RAPT_TRY(check_d(v, arena, seed));
  RAPT_TRY(check_e(v, arena, seed));
  return check_ed(v, arena, seed);
}

/* ---- Numbers of parameters ---- */

static void judge_count(rapt__formal_verdict *v, const char *what, size_t counted, size_t formula) {
  rapt__formal_say(v, counted == formula, "parameters, %s: %zu (formula: %zu)", what, counted, formula);
}

/* With d_attn = d_mid = d_e / H one MHAttention has four square matrices and four biases. */
static size_t attention_size(size_t d) { return 4 * (d * d + d); }
static size_t mlp_size(size_t d, size_t d_mlp) { return 2 * d * d_mlp + d_mlp + d; }
static size_t layer_size(size_t d, size_t d_mlp) { return attention_size(d) + mlp_size(d, d_mlp) + 2 * (2 * d); }

rapt_status rapt__formal_check_counts(rapt__formal_verdict *v) {
  const rapt__formal_hyper gpt = {.vocab = 50257,
                                  .max_length = 1024,
                                  .layers = 12,
                                  .heads = 12,
                                  .d_e = 768,
                                  .d_mlp = 3072,
                                  .d_attn = 64,
                                  .d_mid = 64};
  size_t d = 768, counted = rapt__formal_d_count(&gpt);
  judge_count(v, "DTransformer of GPT-2 small's sizes", counted,
              2 * 50257 * d + 1024 * d + 12 * layer_size(d, 3072) + 2 * d);
  /* GPT-2 shares W_u with W_e; its number is known. */
  judge_count(v, "the same with W_u shared", counted - 50257 * d, 124439808);
  const rapt__formal_hyper bert = {.vocab = 30522,
                                   .max_length = 512,
                                   .layers = 12,
                                   .heads = 12,
                                   .d_e = 768,
                                   .d_mlp = 3072,
                                   .d_f = 768,
                                   .d_attn = 64,
                                   .d_mid = 64};
  judge_count(v, "ETransformer of BERT base's sizes", rapt__formal_e_count(&bert),
              2 * 30522 * d + 512 * d + 12 * layer_size(d, 3072) + (d * d + d) + 2 * d);
  const rapt__formal_hyper base = {.vocab = 37000,
                                   .max_length = 256,
                                   .layers = 6,
                                   .dec_layers = 6,
                                   .heads = 8,
                                   .d_e = 512,
                                   .d_mlp = 2048,
                                   .d_attn = 64,
                                   .d_mid = 64};
  d = 512;
  judge_count(v, "EDTransformer of the base model's sizes", rapt__formal_ed_count(&base),
              2 * 37000 * d + 256 * d + 6 * layer_size(d, 2048) +
                  6 * (layer_size(d, 2048) + attention_size(d) + 2 * d)); /* a decoder layer: cross-attention, a norm */
  return RAPT_OK;
}

/* ---- Training ---- */

/* Half a sequence, then the same again; for EDTransformer the context, then itself after a start id. */

enum { EXAMPLES = 12, HALF = 3, SYMBOLS = 4, BOS = 9, EOS = 10, EPOCHS = 500, ENDS = 25 };

/* Mean of the last epochs over the mean of the first: means, because what ETraining hides differs from epoch to epoch.
 * Without learning the shares are 1, and between 0.86 and 1.14 for ETraining. */
static double share_left(const double *loss) {
  double first = 0, last = 0;
  for (int i = 0; i < ENDS; i++) first += loss[i], last += loss[EPOCHS - 1 - i];
  return last / first;
}

rapt_status rapt__formal_check_training(rapt__formal_verdict *v, rapt__arena *arena) {
  const rapt__formal_hyper hyper = {.vocab = 11,
                                    .max_length = 7,
                                    .layers = 1,
                                    .dec_layers = 1,
                                    .heads = 3,
                                    .d_e = 12,
                                    .d_mlp = 24,
                                    .d_f = 24,
                                    .d_attn = 6,
                                    .d_mid = 6};
  int32_t twice[EXAMPLES][2 * HALF], framed[EXAMPLES][HALF + 2];
  rapt__formal_text halves[EXAMPLES], doubles[EXAMPLES], frames[EXAMPLES];
  uint64_t seed = (uint64_t)v->run->common.seed;
  rapt_context *ctx = v->run->ctx;
  double loss[EPOCHS];
  for (size_t n = 0; n < EXAMPLES; n++) {
    for (size_t t = 0; t < HALF; t++) {
      int32_t id = (int32_t)rapt__rng_below(seed, 2, n * HALF + t, SYMBOLS);
      twice[n][t] = twice[n][t + HALF] = framed[n][t + 1] = id;
    }
    framed[n][0] = BOS;
    framed[n][HALF + 1] = EOS;
    halves[n] = (rapt__formal_text){twice[n], HALF};
    doubles[n] = (rapt__formal_text){twice[n], 2 * HALF};
    frames[n] = (rapt__formal_text){framed[n], HALF + 2};
  }
  rapt__formal_d d;
  RAPT_TRY(rapt__formal_d_new(arena, &hyper, 0.3, seed, &d));
  RAPT_TRY(rapt__formal_dtraining(ctx, doubles, EXAMPLES, &d, EPOCHS, 0.01, loss));
  rapt__formal_judge(v, "DTraining copies, loss left of the first", share_left(loss), 0.7);
  rapt__formal_e e;
  RAPT_TRY(rapt__formal_e_new(arena, &hyper, 0.3, seed, &e));
  RAPT_TRY(rapt__formal_etraining(ctx, doubles, EXAMPLES, &e, EPOCHS, 0.01, 0.3, MASK, seed, loss));
  rapt__formal_judge(v, "ETraining fills in, loss left of the first", share_left(loss), 0.7);
  rapt__formal_ed ed;
  RAPT_TRY(rapt__formal_ed_new(arena, &hyper, 0.3, seed, &ed));
  RAPT_TRY(rapt__formal_edtraining(ctx, halves, frames, EXAMPLES, &ed, EPOCHS, 0.004, loss));
  rapt__formal_judge(v, "EDTraining copies, loss left of the first", share_left(loss), 0.1);
  return RAPT_OK;
}
