/* Positions: rotary (Su et al. 2021), sinusoidal (Vaswani et al. 2017, §3.5), and plain numbers. */
#include "ops/ops.h"

#include <math.h>

typedef struct rotary_attr {
  rapt_rotary_options options;
  real sign; /* −1 turns back: the gradient */
} rotary_attr;

/* Radians that pair i of d/2 turns by from one position to the next. */
static double rate_of(const rapt_rotary_options *o, int64_t i, int64_t d) {
  double rate = pow(o->base, -2.0 * (double)i / (double)d);
  if (o->scaling == RAPT_ROTARY_LINEAR) return rate / o->factor;
  if (o->scaling != RAPT_ROTARY_LLAMA3) return rate;
  double waves = o->original * rate / (2 * acos(-1)); /* in the texts of training */
  if (waves < o->low) return rate / o->factor;
  if (waves > o->high) return rate;
  double share = (waves - o->low) / (o->high - o->low);
  return (1 - share) * rate / o->factor + share * rate;
}

/* Phase 0 makes cosines and sines for every row of positions, phase 1 turns every (batch, time). */
static void rotary_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const rapt_tensor *x = node->in[0], *positions = node->in[1];
  int64_t row = x->dim[2] * x->dim[3];
  split->phases = 2;
  split->units[0] = positions->size;
  split->grain[0] = 16;
  split->units[1] = x->dim[0] * x->dim[1];
  split->grain[1] = 1 + 4 * RAPT__BLOCK / row;
  split->shared_bytes = (size_t)(positions->size * x->dim[3]) * sizeof(real);
}

static void rotary_forward(const rapt__call *call) {
  const rotary_attr *t = call->node->attr;
  const rapt_tensor *x = call->node->in[0];
  int64_t d = x->dim[3], heads = x->dim[2];
  real *table = call->shared; // (positions, d/2, 2)
  if (call->phase == 0) {
    const int32_t *positions = call->in[1];
    for (int64_t i = 0; i < d / 2; i++) {
      double rate = rate_of(&t->options, i, d);
      for (int64_t p = call->begin; p < call->end; p++) {
        table[p * d + 2 * i] = (real)cos(positions[p] * rate);
        table[p * d + 2 * i + 1] = (real)sin(positions[p] * rate);
      }
    }
    return;
  }
  for (int64_t r = call->begin; r < call->end; r++) {
    const real *cs = table + r % call->node->in[1]->size * d;
    for (int64_t h = 0; h < heads; h++) {
      int64_t at = (r * heads + h) * d;
      call->k->rotate(d, t->options.halves, t->sign, cs, RAPT__IN(call, 0) + at, RAPT__OUT(call, 0) + at);
    }
  }
}

static rapt_tensor *rotate(rapt_tensor *x, rapt_tensor *positions, rotary_attr t) {
  return rapt__op1(x->graph, &rapt__op_rotary, (rapt_tensor *[]){x, positions}, 2, &t, sizeof t, x->ndim, x->dim);
}

static void rotary_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  rotary_attr t = *(rotary_attr *)node->attr;
  t.sign = -t.sign;
  din[0] = rotate(dout[0], node->in[1], t);
}

static rapt_tensor *rotary_sample(rapt_graph *graph, int i) {
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(2, 3, 2, 6));
  rapt_tensor *p = i & 1 ? rapt__sample(graph, "p", RAPT_I32, 0, 9, RAPT__DIMS(2, 3))
                         : rapt__sample(graph, "p", RAPT_I32, 0, 9, RAPT__DIMS(3));
  if (i == 4) return rapt_rotary_scaled(x, p, &(rapt_rotary_options){100, true, RAPT_ROTARY_LLAMA3, 8, 1, 4, 20});
  return rapt_rotary(x, p, 100, i & 2);
}

const rapt__op rapt__op_rotary = {.name = "rotary",
                                  .alias = 1,
                                  .split = rotary_split,
                                  .forward = rotary_forward,
                                  .grad = rotary_grad,
                                  .samples = 5,
                                  .sample = rotary_sample};

rapt_tensor *rapt_rotary(rapt_tensor *x, rapt_tensor *positions, double base, bool halves) {
  return rapt_rotary_scaled(x, positions, &(rapt_rotary_options){.base = base, .halves = halves});
}

rapt_tensor *rapt_rotary_scaled(rapt_tensor *x, rapt_tensor *positions, const rapt_rotary_options *options) {
  if (rapt__poisoned(x) || rapt__poisoned(positions)) return &x->graph->poison;
  bool fits = x->ndim == 4 && x->dim[3] % 2 == 0 && positions->dtype == RAPT_I32 &&
              (positions->size == x->dim[1] || positions->size == x->dim[0] * x->dim[1]);
  if (!fits)
    return rapt__poison(x->graph, RAPT_ESHAPE,
                        "rotary: x %s must be (B, T, H, D) with even D, positions %s (T) or (B, T)",
                        rapt__shape_text(x), rapt__shape_text(positions));
  if ((options->scaling != RAPT_ROTARY_PLAIN && !(options->factor > 0)) ||
      (options->scaling == RAPT_ROTARY_LLAMA3 && !(options->low < options->high && options->original > 0)))
    return rapt__poison(x->graph, RAPT_EINVAL, "rotary: the factor %g, low %g, high %g or original %g is out of range",
                        options->factor, options->low, options->high, options->original);
  return rotate(x, positions, (rotary_attr){*options, 1});
}

static void sinusoid_forward(const rapt__call *call) {
  int64_t t = call->node->out[0].dim[0], c = call->node->out[0].dim[1];
  for (int64_t p = 0; p < t; p++)
    for (int64_t i = 0; i < c; i++) {
      double angle = (double)p * pow(10000, -(double)(i - i % 2) / (double)c);
      RAPT__OUT(call, 0)[p * c + i] = (real)(i % 2 ? cos(angle) : sin(angle));
    }
}

const rapt__op rapt__op_sinusoid = {.name = "sinusoid", .flags = RAPT__NO_GRADIENT, .forward = sinusoid_forward};

rapt_tensor *rapt_sinusoid(rapt_graph *graph, int64_t t, int64_t c) {
  return rapt__op1(graph, &rapt__op_sinusoid, NULL, 0, NULL, 0, RAPT__DIMS(t, c));
}

static void arange_forward(const rapt__call *call) {
  int32_t *out = call->out[0];
  for (int64_t i = 0; i < call->node->out[0].size; i++) out[i] = (int32_t)i;
}

const rapt__op rapt__op_arange = {.name = "arange", .flags = RAPT__NO_GRADIENT, .forward = arange_forward};

rapt_tensor *rapt_arange(rapt_graph *graph, int64_t n) {
  if (n < 1 || n > INT32_MAX) return rapt__poison(graph, RAPT_ESHAPE, "arange: no %lld numbers", (long long)n);
  rapt__node *node = rapt__node_new(graph, &rapt__op_arange, NULL, 0, NULL, 0);
  return node ? rapt__node_out(node, RAPT_I32, RAPT__DIMS(n)) : &graph->poison;
}
