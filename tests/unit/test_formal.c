/* The formal algorithms: gradients against central differences, masks, formulas by direct loops, training,
 * inference. */
#include "explain/formal/differences.h"

#include "base/rng.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static rapt_context *ctx;
static rapt__arena arena;

static int set_up(void **state) {
  (void)state;
  if (rapt_context_new(&ctx, &(rapt_options){.threads = 1}) != RAPT_OK) return -1;
  rapt__arena_init(&arena, ctx);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  rapt__arena_free(&arena);
  rapt_context_free(ctx);
  return 0;
}

#define assert_near(a, b, eps) assert_true(fabs((double)(a) - (double)(b)) <= (eps))
#define assert_ok(expr) assert_int_equal(expr, RAPT_OK)

/* All sizes differ, so that no two can be confused unnoticed. */
static const rapt__formal_hyper small = {.vocab = 11,
                                         .max_length = 7,
                                         .layers = 2,
                                         .dec_layers = 2,
                                         .heads = 3,
                                         .d_e = 6,
                                         .d_mlp = 9,
                                         .d_f = 5,
                                         .d_attn = 4,
                                         .d_mid = 2};

/* Random values everywhere, biases, gammas and betas too. */
static void shake(double *all, size_t count, uint64_t seed) {
  for (size_t i = 0; i < count; i++) all[i] += 0.3 * rapt__rng_normal(seed, 1, i);
}

static void fill(rapt__formal_tokens x, uint64_t seed) { shake(x.at, x.length * x.dim, seed); }

static const int32_t z_ids[] = {3, 7, 0, 10, 3}, x_ids[] = {1, 4, 9, 4, 2, 8}, masked_ids[] = {1, 5, 9, 5, 2, 5};
enum { MASK = 5 };
static const rapt__formal_text z_text = {z_ids, 5}, x_text = {x_ids, 6};

typedef struct drawn {
  rapt__formal_ed ed, ed_grad;
  rapt__formal_e e, e_grad;
  rapt__formal_d d, d_grad;
} drawn_models;

/* The three models with random weights, and their gradients. */
static void draw(drawn_models *m, uint64_t seed) {
  double loss;
  assert_ok(rapt__formal_ed_new(&arena, &small, 0.3, seed, &m->ed));
  assert_ok(rapt__formal_ed_new(&arena, &small, 0, 0, &m->ed_grad));
  shake(m->ed.all, m->ed.count, seed + 11);
  assert_ok(rapt__formal_ed_loss(ctx, z_text, x_text, &m->ed, &m->ed_grad, &loss));
  assert_ok(rapt__formal_e_new(&arena, &small, 0.3, seed, &m->e));
  assert_ok(rapt__formal_e_new(&arena, &small, 0, 0, &m->e_grad));
  shake(m->e.all, m->e.count, seed + 12);
  assert_ok(rapt__formal_e_loss(ctx, masked_ids, x_text, MASK, &m->e, &m->e_grad, &loss));
  assert_ok(rapt__formal_d_new(&arena, &small, 0.3, seed, &m->d));
  assert_ok(rapt__formal_d_new(&arena, &small, 0, 0, &m->d_grad));
  shake(m->d.all, m->d.count, seed + 13);
  assert_ok(rapt__formal_d_loss(ctx, x_text, &m->d, &m->d_grad, &loss));
}

/* Every stride-th parameter; returns how many lie on a kink of ReLU. */
static size_t compare(const rapt__formal_case *of, const double *g, size_t first, size_t stride, double *worst,
                      size_t *narrowed) {
  rapt__formal_comparison c;
  assert_ok(rapt__formal_compare(ctx, of, g, first, stride, &c));
  assert_true(c.checked > 0);
  if (!(c.worst <= 1e-6)) fail_msg("relative error of a gradient: %.3g", c.worst);
  *worst = fmax(*worst, c.worst);
  *narrowed += c.narrowed;
  return c.skipped;
}

static size_t moving(const double *g, size_t count) {
  size_t n = 0;
  for (size_t i = 0; i < count; i++) n += g[i] != 0;
  return n;
}

static void test_gradients(void **state) {
  (void)state;
  drawn_models m;
  double worst[3] = {0};
  size_t narrowed = 0, none = 0;
  draw(&m, 1);
  size_t skipped =
      compare(&(rapt__formal_case){.ed = &m.ed, .z = z_text, .x = x_text}, m.ed_grad.all, 0, 1, &worst[0], &narrowed);
  compare(&(rapt__formal_case){.e = &m.e, .x = x_text, .masked = masked_ids, .mask_token = MASK}, m.e_grad.all, 0, 1,
          &worst[1], &none);
  compare(&(rapt__formal_case){.d = &m.d, .x = x_text}, m.d_grad.all, 0, 1, &worst[2], &none);
  print_message("all parameters: EDTransformer %.1e (%zu of %zu on a kink), ETransformer %.1e, DTransformer %.1e\n",
                worst[0], skipped, m.ed.count, worst[1], worst[2]);
  assert_true(skipped * 100 <= m.ed.count);
  assert_true(moving(m.ed_grad.all, m.ed.count) > m.ed.count / 2);
  assert_true(moving(m.e_grad.all, m.e.count) > m.e.count / 2);
  assert_true(moving(m.d_grad.all, m.d.count) > m.d.count / 2);
}

/* The seeds are whatever they are: some put inputs of ReLU next to 0. Each looks at every 16th parameter, all of them
 * at others than its neighbours. */
static void test_gradients_of_many_seeds(void **state) {
  (void)state;
  enum { SEEDS = 200, STRIDE = 16 };
  size_t skipped = 0, looked = 0, narrowed = 0, none = 0;
  double worst = 0;
  for (uint64_t seed = 0; seed < SEEDS; seed++) {
    drawn_models m;
    draw(&m, 1000 + seed);
    size_t first = seed % STRIDE;
    skipped += compare(&(rapt__formal_case){.ed = &m.ed, .z = z_text, .x = x_text}, m.ed_grad.all, first, STRIDE,
                       &worst, &narrowed);
    looked += (m.ed.count - first + STRIDE - 1) / STRIDE;
    compare(&(rapt__formal_case){.e = &m.e, .x = x_text, .masked = masked_ids, .mask_token = MASK}, m.e_grad.all, first,
            STRIDE, &worst, &none);
    compare(&(rapt__formal_case){.d = &m.d, .x = x_text}, m.d_grad.all, first, STRIDE, &worst, &none);
    rapt__arena_free(&arena);
    rapt__arena_init(&arena, ctx);
  }
  print_message(
      "%d seeds: worst relative error %.1e; of %zu parameters of EDTransformer %zu needed a smaller step, %zu lie on a "
      "kink\n",
      SEEDS, worst, looked, narrowed, skipped);
  assert_int_equal(none, 0); /* GELU has no kink */
  assert_true(narrowed > 0); /* without a kink among them the seeds would show nothing */
  assert_true(skipped * 100 <= looked);
}

/* A unit of ReLU that stands at 0 for every token: its bias has no slope, and no step is small enough. */
static void test_a_kink_is_skipped(void **state) {
  (void)state;
  drawn_models m;
  rapt__formal_comparison c;
  draw(&m, 3);
  rapt__formal_mlp_params *mlp = &m.ed.decoder[0].mlp;
  memset(mlp->w_1, 0, mlp->d_e * sizeof(double));
  mlp->b_1[0] = 0;
  rapt__formal_case of = {.ed = &m.ed, .z = z_text, .x = x_text};
  size_t at = (size_t)(mlp->b_1 - m.ed.all);
  assert_ok(rapt__formal_compare(ctx, &of, m.ed_grad.all, at, m.ed.count, &c));
  assert_int_equal(c.checked, 0);
  assert_int_equal(c.skipped, 1);
  assert_true(mlp->b_1[0] == 0); /* put back */
}

/* A wrong element is found, and so is a gradient that is nothing. */
static void test_a_wrong_gradient_is_found(void **state) {
  (void)state;
  drawn_models m;
  rapt__formal_comparison c;
  draw(&m, 2);
  rapt__formal_case of = {.d = &m.d, .x = x_text};
  m.d_grad.all[100] *= 1 + 1e-3;
  m.d_grad.all[100] += 1e-4;
  assert_ok(rapt__formal_compare(ctx, &of, m.d_grad.all, 100, m.d.count, &c));
  assert_int_equal(c.checked, 1);
  assert_true(c.worst > 1e-5);
  m.d_grad.all[0] = NAN;
  assert_ok(rapt__formal_compare(ctx, &of, m.d_grad.all, 100, m.d.count, &c));
  assert_true(isnan(c.worst));
  memset(m.d_grad.all, 0, m.d.count * sizeof(double));
  assert_ok(rapt__formal_compare(ctx, &of, m.d_grad.all, 100, m.d.count, &c));
  assert_true(isnan(c.worst));
}

static void test_masks(void **state) {
  (void)state;
  rapt__formal_d d;
  rapt__formal_d_tape before, after;
  int32_t ids[6];
  memcpy(ids, x_ids, sizeof ids);
  assert_ok(rapt__formal_d_new(&arena, &small, 0.5, 4, &d));
  assert_ok(rapt__formal_dtransformer(&arena, x_ids, 6, &d, &before));
  for (size_t changed = 0; changed < 6; changed++) {
    ids[changed] = (x_ids[changed] + 1) % 11;
    assert_ok(rapt__formal_dtransformer(&arena, ids, 6, &d, &after));
    size_t past = changed * before.p.dim, all = 6 * before.p.dim;
    assert_memory_equal(before.p.at, after.p.at, past * sizeof(double));
    for (size_t t = changed; t < 6; t++) /* and every later place does see the change */
      assert_memory_not_equal(rapt__formal_row(before.p, t), rapt__formal_row(after.p, t),
                              before.p.dim * sizeof(double));
    assert_true(all > past);
    ids[changed] = x_ids[changed];
  }
  rapt__formal_ed ed;
  rapt__formal_ed_tape first, second;
  assert_ok(rapt__formal_ed_new(&arena, &small, 0.5, 5, &ed));
  assert_ok(rapt__formal_edtransformer(&arena, z_ids, 5, x_ids, 6, &ed, &first));
  ids[3] = 0;
  assert_ok(rapt__formal_edtransformer(&arena, z_ids, 5, ids, 6, &ed, &second));
  assert_memory_equal(first.p.at, second.p.at, 3 * first.p.dim * sizeof(double));
  assert_memory_not_equal(first.p.at + 3 * first.p.dim, second.p.at + 3 * first.p.dim, first.p.dim * sizeof(double));
  int32_t other[] = {3, 7, 0, 10, 4}; /* the last id of the context reaches the first of the output */
  assert_ok(rapt__formal_edtransformer(&arena, other, 5, x_ids, 6, &ed, &second));
  assert_memory_not_equal(first.p.at, second.p.at, first.p.dim * sizeof(double));
  rapt__formal_e e;
  rapt__formal_e_tape one, two;
  assert_ok(rapt__formal_e_new(&arena, &small, 0.5, 6, &e));
  assert_ok(rapt__formal_etransformer(&arena, x_ids, 6, &e, &one));
  ids[3] = x_ids[3];
  ids[5] = 0;
  assert_ok(rapt__formal_etransformer(&arena, ids, 6, &e, &two));
  assert_memory_not_equal(one.p.at, two.p.at, one.p.dim * sizeof(double)); /* an encoder looks ahead */
}

/* Multi-head attention written as one formula, with none of the code under test. */
static double direct_mhattention(rapt__formal_tokens x, rapt__formal_tokens z, const rapt__formal_mhattention_params *p,
                                 bool causal, size_t t_x, size_t i) {
  double out = p->b_o[i];
  for (size_t h = 0; h < p->heads; h++) {
    const rapt__formal_attention_params *w = &p->head[h];
    double weight[16], sum = 0;
    for (size_t t = 0; t < z.length; t++) {
      double score = 0;
      for (size_t a = 0; a < w->d_attn; a++) {
        double q = w->b_q[a], k = w->b_k[a];
        for (size_t j = 0; j < w->d_x; j++) q += w->w_q[a * w->d_x + j] * x.at[t_x * x.dim + j];
        for (size_t j = 0; j < w->d_z; j++) k += w->w_k[a * w->d_z + j] * z.at[t * z.dim + j];
        score += q * k;
      }
      weight[t] = causal && t > t_x ? 0 : exp(score / sqrt((double)w->d_attn));
      sum += weight[t];
    }
    for (size_t m = 0; m < p->d_mid; m++)
      for (size_t t = 0; t < z.length; t++) {
        double v = w->b_v[m];
        for (size_t j = 0; j < w->d_z; j++) v += w->w_v[m * w->d_z + j] * z.at[t * z.dim + j];
        out += p->w_o[i * p->heads * p->d_mid + h * p->d_mid + m] * weight[t] / sum * v;
      }
  }
  return out;
}

static void test_attention(void **state) {
  (void)state;
  rapt__formal_ed ed;
  rapt__formal_tokens x, z;
  assert_ok(rapt__formal_ed_new(&arena, &small, 0.5, 7, &ed));
  shake(ed.all, ed.count, 8);
  const rapt__formal_mhattention_params *params = &ed.decoder[0].cross;
  assert_ok(rapt__formal_tokens_new(&arena, 6, small.d_e, &x));
  assert_ok(rapt__formal_tokens_new(&arena, 4, small.d_e, &z));
  fill(x, 9);
  fill(z, 10);
  for (int kind = 0; kind < 3; kind++) { /* bidirectional, unidirectional, cross */
    rapt__formal_tokens from = kind == 2 ? z : x;
    rapt__formal_mask mask = kind == 1 ? RAPT__FORMAL_UNIDIRECTIONAL : RAPT__FORMAL_BIDIRECTIONAL;
    rapt__formal_mhattention_tape tape;
    assert_ok(rapt__formal_mhattention(&arena, x, from, params, mask, &tape));
    for (size_t t = 0; t < x.length; t++)
      for (size_t i = 0; i < small.d_e; i++)
        assert_near(rapt__formal_row(tape.out, t)[i], direct_mhattention(x, from, params, kind == 1, t, i), 1e-13);
    for (size_t h = 0; h < params->heads; h++)
      for (size_t t = 0; t < x.length; t++) {
        const double *a = rapt__formal_row(tape.head[h].a, t);
        double sum = 0;
        for (size_t s = 0; s < from.length; s++) {
          assert_true(kind == 1 && s > t ? a[s] == 0 : a[s] > 0);
          sum += a[s];
        }
        assert_near(sum, 1, 1e-14);
      }
    /* Algorithm 3 is algorithm 4 for one query; under the causal mask the last token sees all. */
    double v[2];
    assert_ok(rapt__formal_basic_attention(&arena, rapt__formal_row(x, 5), from, &params->head[1], v));
    assert_near(v[0], rapt__formal_row(tape.head[1].out, 5)[0], 1e-14);
    assert_near(v[1], rapt__formal_row(tape.head[1].out, 5)[1], 1e-14);
  }
}

static void test_parts(void **state) {
  (void)state;
  double w[] = {1, 2, 3, 4, 5, 6}, e[2], p[3];
  rapt__formal_token_embedding(w, 2, 2, e);
  assert_true(e[0] == 5 && e[1] == 6);
  rapt__formal_positional_embedding(w, 2, 1, e);
  assert_true(e[0] == 3 && e[1] == 4);
  double gamma[] = {2, 3}, beta[] = {1, -1}, out[2];
  rapt__formal_norm_params norm = {2, gamma, beta};
  rapt__formal_layer_norm(e, &norm, out); /* 3 and 4 normalise to -1 and 1 */
  assert_near(out[0], -1, 1e-15);
  assert_near(out[1], 2, 1e-15);
  double equal[] = {7, 7};
  rapt__formal_layer_norm(equal, &norm, out);
  assert_true(out[0] == 1 && out[1] == -1);
  double along[] = {1, -1}; /* scores -1, -1, -1 */
  rapt__formal_unembedding(w, 3, 2, along, p);
  for (int i = 0; i < 3; i++) assert_near(p[i], 1.0 / 3, 1e-15);
  double other[] = {log(2) / 2, 0}; /* scores grow by log 2 */
  rapt__formal_unembedding(w, 3, 2, other, p);
  assert_near(p[1] / p[0], 2, 1e-14);
  assert_near(p[2] / p[1], 2, 1e-14);
  assert_near(rapt__formal_activate(RAPT__FORMAL_GELU, 1), 0.84134474606854294859, 1e-15);
  assert_near(rapt__formal_activate(RAPT__FORMAL_GELU, -2), -0.04550026389635841440, 1e-15);
  assert_true(rapt__formal_activate(RAPT__FORMAL_RELU, -2) == 0 && rapt__formal_activate(RAPT__FORMAL_RELU, 3) == 3);
}

static void test_counts(void **state) {
  (void)state;
  /* One MHAttention: heads times (query, key, value, each with bias), and the output. With d_attn = d_mid = d_e / H
   * that is 4 (d_e^2 + d_e); a feed-forward part is 2 d_e d_mlp + d_mlp + d_e; a norm is 2 d_e. */
  rapt__formal_hyper gpt = {.vocab = 50257,
                            .max_length = 1024,
                            .layers = 12,
                            .heads = 12,
                            .d_e = 768,
                            .d_mlp = 3072,
                            .d_attn = 64,
                            .d_mid = 64};
  size_t attention = 4 * (768 * 768 + 768), mlp = 2 * 768 * 3072 + 3072 + 768, norm = 2 * 768;
  assert_int_equal(rapt__formal_d_count(&gpt),
                   50257 * 768 + 1024 * 768 + 12 * (attention + mlp + 2 * norm) + norm + 50257 * 768);
  /* GPT-2 small shares W_u with W_e and is known to have 124,439,808. */
  assert_int_equal(rapt__formal_d_count(&gpt) - 50257 * 768, 124439808);
  rapt__formal_hyper bert = {.vocab = 30522,
                             .max_length = 512,
                             .layers = 12,
                             .heads = 12,
                             .d_e = 768,
                             .d_mlp = 3072,
                             .d_f = 768,
                             .d_attn = 64,
                             .d_mid = 64};
  assert_int_equal(rapt__formal_e_count(&bert), 30522 * 768 + 512 * 768 + 12 * (attention + mlp + 2 * norm) +
                                                    (768 * 768 + 768) + norm + 30522 * 768);
  rapt__formal_hyper base = {.vocab = 37000,
                             .max_length = 256,
                             .layers = 6,
                             .dec_layers = 6,
                             .heads = 8,
                             .d_e = 512,
                             .d_mlp = 2048,
                             .d_attn = 64,
                             .d_mid = 64};
  attention = 4 * (512 * 512 + 512);
  mlp = 2 * 512 * 2048 + 2048 + 512;
  norm = 2 * 512;
  assert_int_equal(rapt__formal_ed_count(&base), 37000 * 512 + 256 * 512 + 6 * (attention + mlp + 2 * norm) +
                                                     6 * (2 * attention + mlp + 3 * norm) + 37000 * 512);
  /* Heads whose sizes do not follow from d_e. */
  const rapt__formal_hyper *s = &small;
  size_t odd = s->heads * (2 * (s->d_attn * s->d_e + s->d_attn) + s->d_mid * s->d_e + s->d_mid) +
               s->d_e * s->heads * s->d_mid + s->d_e;
  size_t layer = odd + 2 * s->d_e * s->d_mlp + s->d_mlp + s->d_e + 4 * s->d_e;
  assert_int_equal(rapt__formal_e_count(s), 11 * 6 + 7 * 6 + 2 * layer + 5 * 6 + 5 + 2 * 5 + 11 * 5);
  rapt__formal_hyper wrong = small;
  wrong.heads = 0;
  rapt__formal_d d;
  assert_int_equal(rapt__formal_d_count(&wrong), 0);
  assert_int_equal(rapt__formal_d_new(&arena, &wrong, 1, 1, &d), RAPT_EINVAL);
  rapt_context_clear(ctx);
}

/* Copying: half a sequence, then the same again (ED: the context, then itself after a start id). */
enum { EXAMPLES = 12, HALF = 3, SYMBOLS = 4, BOS = 9, EOS = 10, EPOCHS = 250 };

static void test_training(void **state) {
  (void)state;
  static int32_t half[EXAMPLES][HALF], twice[EXAMPLES][2 * HALF], framed[EXAMPLES][HALF + 2];
  rapt__formal_text halves[EXAMPLES], doubles[EXAMPLES], frames[EXAMPLES];
  for (size_t n = 0; n < EXAMPLES; n++) {
    for (size_t t = 0; t < HALF; t++) {
      half[n][t] = (int32_t)rapt__rng_below(1, 2, n * HALF + t, SYMBOLS);
      twice[n][t] = twice[n][t + HALF] = framed[n][t + 1] = half[n][t];
    }
    framed[n][0] = BOS;
    framed[n][HALF + 1] = EOS;
    halves[n] = (rapt__formal_text){half[n], HALF};
    doubles[n] = (rapt__formal_text){twice[n], 2 * HALF};
    frames[n] = (rapt__formal_text){framed[n], HALF + 2};
  }
  rapt__formal_hyper hyper = small;
  hyper.layers = hyper.dec_layers = 1;
  hyper.d_e = 12;
  hyper.d_mlp = hyper.d_f = 24;
  hyper.d_attn = hyper.d_mid = 6;
  double loss[EPOCHS];
  rapt__formal_ed ed;
  assert_ok(rapt__formal_ed_new(&arena, &hyper, 0.3, 21, &ed));
  assert_ok(rapt__formal_edtraining(ctx, halves, frames, EXAMPLES, &ed, EPOCHS, 0.02, loss));
  print_message("EDTraining: loss %.3f -> %.3f an example\n", loss[0] / EXAMPLES, loss[EPOCHS - 1] / EXAMPLES);
  assert_true(loss[EPOCHS - 1] < 0.1 * loss[0]);
  for (size_t n = 0; n < EXAMPLES; n++) { /* algorithm 15 now copies */
    int32_t answer[7];
    size_t length;
    assert_ok(rapt__formal_edinference(ctx, halves[n], &ed, BOS, EOS, 0, 1, answer, &length));
    assert_int_equal(length, HALF + 2);
    assert_memory_equal(answer, framed[n], sizeof framed[n]);
  }
  rapt__formal_e e;
  assert_ok(rapt__formal_e_new(&arena, &hyper, 0.3, 22, &e));
  assert_ok(rapt__formal_etraining(ctx, doubles, EXAMPLES, &e, EPOCHS, 0.05, 0.3, MASK, 5, loss));
  double first = 0, last = 0; /* what is hidden differs from epoch to epoch */
  for (int i = 0; i < 5; i++) first += loss[i] / 5, last += loss[EPOCHS - 1 - i] / 5;
  print_message("ETraining: loss %.3f -> %.3f an example\n", first / EXAMPLES, last / EXAMPLES);
  assert_true(last < 0.5 * first);
  rapt__formal_d d;
  assert_ok(rapt__formal_d_new(&arena, &hyper, 0.3, 23, &d));
  assert_ok(rapt__formal_dtraining(ctx, doubles, EXAMPLES, &d, EPOCHS, 0.05, loss));
  print_message("DTraining: loss %.3f -> %.3f an example\n", loss[0] / EXAMPLES, loss[EPOCHS - 1] / EXAMPLES);
  assert_true(loss[EPOCHS - 1] < 0.6 * loss[0]); /* the first half cannot be guessed */
  for (int i = 0; i < EPOCHS; i++) assert_true(isfinite(loss[i]));
}

static void test_inference(void **state) {
  (void)state;
  rapt__formal_d d;
  int32_t greedy[5], cold[5], drawn[5], again[5], text[7] = {1, 4, 9};
  assert_ok(rapt__formal_d_new(&arena, &small, 0.7, 31, &d));
  rapt__formal_text prompt = {text, 3};
  assert_ok(rapt__formal_dinference(ctx, prompt, &d, 5, 0, 1, greedy));
  for (size_t i = 0; i < 5; i++) { /* by hand: always the most probable id */
    rapt__formal_d_tape tape;
    assert_ok(rapt__formal_dtransformer(&arena, text, 3 + i, &d, &tape));
    const double *p = rapt__formal_row(tape.p, 2 + i);
    int32_t top = 0;
    for (int32_t v = 1; v < 11; v++)
      if (p[v] > p[top]) top = v;
    assert_int_equal(greedy[i], top);
    if (i < 4) text[3 + i] = top;
  }
  for (uint64_t seed = 0; seed < 20; seed++) {
    assert_ok(rapt__formal_dinference(ctx, prompt, &d, 5, 1e-6, seed, cold));
    assert_memory_equal(cold, greedy, sizeof cold);
  }
  size_t other = 0;
  for (uint64_t seed = 0; seed < 20; seed++) {
    assert_ok(rapt__formal_dinference(ctx, prompt, &d, 5, 1, seed, drawn));
    assert_ok(rapt__formal_dinference(ctx, prompt, &d, 5, 1, seed, again));
    assert_memory_equal(drawn, again, sizeof drawn);
    other += memcmp(drawn, greedy, sizeof drawn) != 0;
  }
  assert_true(other > 10);
  assert_int_equal(rapt__formal_dinference(ctx, prompt, &d, 6, 1, 1, drawn), RAPT_ESHAPE);
  rapt_context_clear(ctx);
  /* q is proportional to p^(1/tau): tau = 1/2 squares the odds. */
  double p[] = {0.5, 0.25, 0.25}, seen[3] = {0};
  for (int i = 0; i < 60000; i++) seen[rapt__formal_sample(p, 3, 0.5, (i + 0.5) / 60000)] += 1.0 / 60000;
  assert_near(seen[0], 4.0 / 6, 1e-4);
  assert_near(seen[1], 1.0 / 6, 1e-4);
  int32_t bad[] = {1, 11};
  rapt__formal_d_tape tape;
  assert_int_equal(rapt__formal_dtransformer(&arena, bad, 2, &d, &tape), RAPT_EINVAL);
  rapt_context_clear(ctx);
}

/* An allocator that fails at a chosen call and counts what is out. */
static struct { long left, out; } hook;

static void *counting_alloc(void *user, void *old, size_t size) {
  (void)user;
  if (size == 0) {
    hook.out -= old != NULL;
    free(old);
    return NULL;
  }
  if (hook.left >= 0 && hook.left-- == 0) return NULL;
  void *p = realloc(old, size);
  hook.out += p && !old;
  return p;
}

static rapt_status run_everything(rapt_context *own) {
  rapt__arena local;
  rapt__formal_ed ed;
  rapt__formal_e e;
  rapt__formal_d d;
  int32_t out[7];
  size_t length;
  rapt__arena_init(&local, own);
  rapt_status status = rapt__formal_ed_new(&local, &small, 0.1, 1, &ed);
  if (status == RAPT_OK) status = rapt__formal_e_new(&local, &small, 0.1, 1, &e);
  if (status == RAPT_OK) status = rapt__formal_d_new(&local, &small, 0.1, 1, &d);
  if (status == RAPT_OK) status = rapt__formal_edtraining(own, &z_text, &x_text, 1, &ed, 1, 0.1, NULL);
  if (status == RAPT_OK) status = rapt__formal_etraining(own, &x_text, 1, &e, 1, 0.1, 0.5, MASK, 1, NULL);
  if (status == RAPT_OK) status = rapt__formal_dtraining(own, &x_text, 1, &d, 1, 0.1, NULL);
  if (status == RAPT_OK) status = rapt__formal_dinference(own, x_text, &d, 2, 1, 1, out);
  if (status == RAPT_OK) status = rapt__formal_edinference(own, z_text, &ed, 9, 10, 1, 1, out, &length);
  rapt__arena_free(&local);
  return status;
}

static void test_out_of_memory(void **state) {
  (void)state;
  rapt_context *own;
  hook.left = -1;
  assert_ok(rapt_context_new(&own, &(rapt_options){.alloc = counting_alloc, .threads = 1}));
  long before = hook.out, failures = 0;
  for (long at = 0;; at++) {
    hook.left = at;
    rapt_status status = run_everything(own);
    assert_int_equal(hook.out, before);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 10);
  hook.left = -1;
  rapt_context_free(own);
  assert_int_equal(hook.out, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_parts),
      cmocka_unit_test(test_attention),
      cmocka_unit_test(test_masks),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_gradients_of_many_seeds),
      cmocka_unit_test(test_a_kink_is_skipped),
      cmocka_unit_test(test_a_wrong_gradient_is_found),
      cmocka_unit_test(test_counts),
      cmocka_unit_test(test_training),
      cmocka_unit_test(test_inference),
      cmocka_unit_test(test_out_of_memory),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
