/* The engine's ops against the plain code of explain/formal, with the same numbers as weights: forward. The backward
 * direction is in formal_checks.c. */
#include "recipes/formal_checks.h"

#include "explain/formal/engine.h"

#include <math.h>

static const double bound = 1e-5;

static double difference(rapt__formal_tokens got, rapt__formal_tokens reference) {
  if (got.length != reference.length || got.dim != reference.dim) return NAN;
  double worst = 0;
  for (size_t i = 0; i < got.length * got.dim; i++)
    worst = rapt__formal_worse(worst, fabs(got.at[i] - reference.at[i]));
  return worst;
}

static void judge(rapt__formal_verdict *v, const char *name, const char *what, double worst) {
  char line[96];
  snprintf(line, sizeof line, "engine against plain code, %s%s", name, what);
  v->worst_fast = rapt__formal_worse(v->worst_fast, worst);
  rapt__formal_judge(v, line, worst, bound);
}

static rapt_status check_parts(rapt__formal_verdict *v, rapt__arena *arena, uint64_t seed) {
  static const char *const names[] = {"attention, bidirectional", "attention, causal", "attention, cross"};
  const rapt__formal_hyper hyper = {.vocab = 2,
                                    .max_length = 2,
                                    .layers = 1,
                                    .dec_layers = 1,
                                    .heads = 1,
                                    .d_e = 40,
                                    .d_mlp = 1,
                                    .d_attn = 16,
                                    .d_mid = 24};
  rapt__formal_ed ed;
  rapt__formal_tokens x, z, got;
  RAPT_TRY(rapt__formal_ed_new(arena, &hyper, 0.15, seed, &ed));
  rapt__formal_shake(ed.all, ed.count, 0.05, seed + 1);
  RAPT_TRY(rapt__formal_tokens_new(arena, 67, hyper.d_e, &x));
  RAPT_TRY(rapt__formal_tokens_new(arena, 35, hyper.d_e, &z));
  rapt__formal_shake(x.at, x.length * x.dim, 1, seed + 2);
  rapt__formal_shake(z.at, z.length * z.dim, 1, seed + 3);
  for (int kind = 0; kind < 3; kind++) {
    rapt__formal_tokens from = kind == 2 ? z : x;
    rapt__formal_mask mask = kind == 1 ? RAPT__FORMAL_UNIDIRECTIONAL : RAPT__FORMAL_BIDIRECTIONAL;
    const rapt__formal_attention_params *p = ed.decoder->cross.head;
    rapt__formal_attention_tape tape;
    RAPT_TRY(rapt__formal_attention(arena, x, from, p, mask, &tape));
    RAPT_TRY(rapt__formal_engine_attention(arena, x, from, p, mask, &got));
    judge(v, names[kind], "", difference(got, tape.out));
  }
  rapt__formal_norm_tape tape;
  RAPT_TRY(rapt__formal_norm(arena, x, &ed.decoder->norm_3, &tape));
  RAPT_TRY(rapt__formal_engine_norm(arena, x, &ed.decoder->norm_3, &got));
  judge(v, "layer_norm", "", difference(got, tape.out));
  return RAPT_OK;
}

/* The last states are compared too: distributions alone are small numbers. */
static void judge_model(rapt__formal_verdict *v, const char *name, const rapt__formal_engine_result *got,
                        rapt__formal_tokens states, rapt__formal_tokens p) {
  judge(v, name, ", last states", difference(got->states, states));
  judge(v, name, ", distributions", difference(got->p, p));
}

enum { LENGTH = 29, CONTEXT = 17, VOCAB = 53, MASK = 52 };
static const rapt__formal_hyper middling = {.vocab = VOCAB,
                                            .max_length = 32,
                                            .layers = 2,
                                            .dec_layers = 2,
                                            .heads = 3,
                                            .d_e = 24,
                                            .d_mlp = 56,
                                            .d_f = 20,
                                            .d_attn = 8,
                                            .d_mid = 10};

static rapt_status check_d(rapt__formal_verdict *v, rapt__arena *arena, rapt__formal_text x, uint64_t seed) {
  rapt__formal_d d, grad;
  rapt__formal_d_tape tape;
  rapt__formal_engine_result got;
  RAPT_TRY(rapt__formal_d_new(arena, &middling, 0.15, seed, &d));
  RAPT_TRY(rapt__formal_d_new(arena, &middling, 0, 0, &grad));
  rapt__formal_shake(d.all, d.count, 0.05, seed + 4);
  RAPT_TRY(rapt__formal_dtransformer(arena, x.ids, x.length, &d, &tape));
  RAPT_TRY(rapt__formal_engine_d(arena, x, &d, &grad, &got));
  judge_model(v, "DTransformer", &got, tape.norm.out, tape.p);
  return RAPT_OK;
}

static rapt_status check_e(rapt__formal_verdict *v, rapt__arena *arena, rapt__formal_text x, uint64_t seed) {
  rapt__formal_e e, grad;
  rapt__formal_e_tape tape;
  rapt__formal_engine_result got;
  int32_t masked[LENGTH];
  for (size_t t = 0; t < x.length; t++) masked[t] = t % 3 == 1 ? MASK : x.ids[t];
  RAPT_TRY(rapt__formal_e_new(arena, &middling, 0.15, seed, &e));
  RAPT_TRY(rapt__formal_e_new(arena, &middling, 0, 0, &grad));
  rapt__formal_shake(e.all, e.count, 0.05, seed + 5);
  RAPT_TRY(rapt__formal_etransformer(arena, masked, x.length, &e, &tape));
  RAPT_TRY(rapt__formal_engine_e(arena, masked, x, MASK, &e, &grad, &got));
  judge_model(v, "ETransformer", &got, tape.norm.out, tape.p);
  return RAPT_OK;
}

static rapt_status check_ed(rapt__formal_verdict *v, rapt__arena *arena, rapt__formal_text x, uint64_t seed) {
  rapt__formal_ed ed, grad;
  rapt__formal_ed_tape tape;
  rapt__formal_engine_result got;
  rapt__formal_text z = {x.ids + 3, CONTEXT};
  RAPT_TRY(rapt__formal_ed_new(arena, &middling, 0.15, seed, &ed));
  RAPT_TRY(rapt__formal_ed_new(arena, &middling, 0, 0, &grad));
  rapt__formal_shake(ed.all, ed.count, 0.05, seed + 6);
  RAPT_TRY(rapt__formal_edtransformer(arena, z.ids, z.length, x.ids, x.length, &ed, &tape));
  RAPT_TRY(rapt__formal_engine_ed(arena, z, x, &ed, &grad, &got));
  judge_model(v, "EDTransformer", &got, tape.x, tape.p);
  return RAPT_OK;
}

rapt_status rapt__formal_check_fast(rapt__formal_verdict *v, rapt__arena *arena) {
  uint64_t seed = (uint64_t)v->run->common.seed;
  int32_t ids[LENGTH];
  for (int t = 0; t < LENGTH; t++) ids[t] = (7 * t * t + 3 * t + 1) % VOCAB;
  rapt__formal_text x = {ids, LENGTH};
  RAPT_TRY(check_parts(v, arena, seed));
  RAPT_TRY(check_d(v, arena, x, seed));
  RAPT_TRY(check_e(v, arena, x, seed));
  return check_ed(v, arena, x, seed);
}
