/* One fused update of all parameters: global norm, clipping, the optimizer's rule. */
#include "graph/params.h"
#include "ops/ops.h"

#include <math.h>

enum { CHUNK = 16384 }; /* elements of a unit: fixed, so that the norm is the same on any number of threads */

typedef struct update_attr {
  rapt_params *params;
  rapt_update_options o;
} update_attr;

static int64_t chunk_total(const rapt__node *node) { return (node->in[0]->size + CHUNK - 1) / CHUNK; }

static int64_t phase_units(const rapt__node *node, const k_kernels *k, int phase) {
  (void)k;
  return phase == 1 ? 1 : chunk_total(node);
}

static void update_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  split->phases = 3; /* partial squares, norm, update */
  split->phase_units = phase_units;
  split->shared_bytes = (size_t)chunk_total(node) * sizeof(double);
}

static k_optim settings(const rapt__call *call, const update_attr *t, real norm) {
  double count = (double)*RAPT__IN(call, 2);
  k_optim o = {.lr = *RAPT__IN(call, 1),
               .beta1 = (real)t->o.beta1,
               .beta2 = (real)t->o.beta2,
               .eps = (real)t->o.eps,
               .momentum = (real)t->o.momentum,
               .nesterov = t->o.nesterov,
               .correction1 = 1,
               .correction2 = 1,
               .scale = 1};
  if (!t->o.no_bias_correction) {
    /* Of the betas as the kernels have them: in float, 1 − 0.999 is 1.3e-5 off, and more the nearer beta is to 1. */
    o.correction1 = (real)(1 - pow((double)o.beta1, count));
    o.correction2 = (real)(1 - pow((double)o.beta2, count));
  }
  if (t->o.clip > 0 && norm > t->o.clip) o.scale = (real)t->o.clip / norm;
  return o;
}

static void update_part(const rapt__call *call, const update_attr *t, const k_optim *o, int64_t begin, int64_t end) {
  const k_kernels *k = call->k;
  const real *g = RAPT__IN(call, 0) + begin;
  real *p = t->params->values + begin;
  real *s0 = t->params->state[0] ? t->params->state[0] + begin : NULL;
  real *s1 = t->params->state[1] ? t->params->state[1] + begin : NULL;
  int64_t n = end - begin;
  switch (t->o.method) {
  case RAPT_ADAMW: k->adamw(n, o, p, g, s0, s1); break;
  case RAPT_ADAM: k->adam(n, o, p, g, s0, s1); break;
  case RAPT_ADAMAX: k->adamax(n, o, p, g, s0, s1); break;
  case RAPT_SGD: k->sgd(n, o, p, g, o->momentum != 0 ? s0 : NULL); break;
  case RAPT_RMSPROP: k->rmsprop(n, o, p, g, s0, o->momentum != 0 ? s1 : NULL); break;
  case RAPT_ADAGRAD: k->adagrad(n, o, p, g, s0); break;
  case RAPT_ADADELTA: k->adadelta(n, o, p, g, s0, s1); break;
  }
}

static void update_forward(const rapt__call *call) {
  const update_attr *t = call->node->attr;
  int64_t size = call->node->in[0]->size;
  double *squares = call->shared;
  real *norm = RAPT__OUT(call, 0);
  if (call->phase == 1) {
    double sum = 0;
    for (int64_t c = 0; c < chunk_total(call->node); c++) sum += squares[c];
    *norm = (real)sqrt(sum);
    return;
  }
  k_optim o = {0};
  if (call->phase == 2) {
    if (!isfinite(*norm)) return;
    o = settings(call, t, *norm);
  }
  for (int64_t c = call->begin; c < call->end; c++) {
    int64_t begin = c * CHUNK, end = begin + CHUNK < size ? begin + CHUNK : size;
    if (call->phase == 0) {
      squares[c] = (double)call->k->sum_squares(end - begin, RAPT__IN(call, 0) + begin);
      continue;
    }
    int64_t border = t->params->decayed < begin ? begin : t->params->decayed > end ? end : t->params->decayed;
    o.weight_decay = (real)t->o.weight_decay;
    if (border > begin) update_part(call, t, &o, begin, border);
    o.weight_decay = 0;
    if (end > border) update_part(call, t, &o, border, end);
  }
}

const rapt__op rapt__op_update = {
    .name = "update", .flags = RAPT__EFFECT | RAPT__NO_GRADIENT, .split = update_split, .forward = update_forward};

rapt_tensor *rapt_update(rapt_params *params, rapt_tensor *gradient, rapt_tensor *lr, rapt_tensor *count,
                         const rapt_update_options *options) {
  rapt_graph *graph = gradient->graph;
  if (rapt__poisoned(gradient)) return gradient;
  if (gradient->size != params->extent || lr->size != 1 || count->size != 1)
    return rapt__poison(graph, RAPT_ESHAPE,
                        "update: the gradient %s is not one of this store, or rate and count are not ()",
                        rapt__shape_text(gradient));
  static const int states[] = {[RAPT_ADAMW] = 2,   [RAPT_ADAM] = 2,    [RAPT_ADAMAX] = 2,  [RAPT_SGD] = 1,
                               [RAPT_RMSPROP] = 2, [RAPT_ADAGRAD] = 1, [RAPT_ADADELTA] = 2};
  if (rapt__params_need_states(params, states[options->method]) != RAPT_OK) {
    graph->status = RAPT_ENOMEM;
    return &graph->poison;
  }
  update_attr t = {params, *options};
  return rapt__op1(graph, &rapt__op_update, (rapt_tensor *[]){gradient, lr, count}, 3, &t, sizeof t, 0, NULL);
}
