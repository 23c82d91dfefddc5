/* Optimizers' updates in plain C, computed in double from the state as it is stored. The formulas are
 * those of torch.optim (dampening 0). */
#include "kernels/variants.h"

#include <math.h>

/* Adam (Kingma & Ba 2015) from a gradient that already holds scale and, for L2, weight decay; returns the new p. */
static double adam_step(const k_optim *o, double p, double g, real *m, real *v) {
  double b1 = (double)o->beta1, b2 = (double)o->beta2;
  double m1 = b1 * (double)*m + (1 - b1) * g, v1 = b2 * (double)*v + (1 - b2) * g * g;
  *m = (real)m1;
  *v = (real)v1;
  return p -
         (double)o->lr * (m1 / (double)o->correction1) / (sqrt((double)*v / (double)o->correction2) + (double)o->eps);
}

/* Loshchilov & Hutter 2019: the decay bypasses the moments. */
static void k_adamw_ref(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *v) {
  double keep = 1 - (double)o->lr * (double)o->weight_decay;
  for (int64_t i = 0; i < n; i++) {
    p[i] = (real)adam_step(o, (double)p[i] * keep, (double)o->scale * (double)g[i], &m[i], &v[i]);
  }
}

/* The gradient as every method but AdamW sees it: scaled, then with L2 decay. */
static double decayed(const k_optim *o, real p, real g) {
  return (double)o->scale * (double)g + (double)o->weight_decay * (double)p;
}

static void k_adam_ref(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *v) {
  for (int64_t i = 0; i < n; i++) p[i] = (real)adam_step(o, (double)p[i], decayed(o, p[i], g[i]), &m[i], &v[i]);
}

static void k_adamax_ref(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *u) {
  double b1 = (double)o->beta1, b2 = (double)o->beta2;
  for (int64_t i = 0; i < n; i++) {
    double grad = decayed(o, p[i], g[i]);
    double m1 = b1 * (double)m[i] + (1 - b1) * grad;
    double old = b2 * (double)u[i], now = fabs(grad) + (double)o->eps;
    double u1 = old > now ? old : now;
    m[i] = (real)m1;
    u[i] = (real)u1;
    p[i] = (real)((double)p[i] - (double)o->lr / (double)o->correction1 * m1 / (double)u[i]);
  }
}

static void k_sgd_ref(int64_t n, const k_optim *o, real *p, const real *g, real *momentum) {
  double mu = (double)o->momentum;
  for (int64_t i = 0; i < n; i++) {
    double step = decayed(o, p[i], g[i]);
    if (momentum && mu != 0) {
      double kept = mu * (double)momentum[i] + step;
      momentum[i] = (real)kept;
      step = o->nesterov ? step + mu * kept : kept;
    }
    p[i] = (real)((double)p[i] - (double)o->lr * step);
  }
}

/* beta2 is torch's alpha. */
static void k_rmsprop_ref(int64_t n, const k_optim *o, real *p, const real *g, real *v, real *momentum) {
  double alpha = (double)o->beta2, mu = (double)o->momentum;
  for (int64_t i = 0; i < n; i++) {
    double grad = decayed(o, p[i], g[i]);
    double v1 = alpha * (double)v[i] + (1 - alpha) * grad * grad;
    v[i] = (real)v1;
    double step = grad / (sqrt((double)v[i]) + (double)o->eps);
    if (momentum && mu != 0) {
      step += mu * (double)momentum[i];
      momentum[i] = (real)step;
    }
    p[i] = (real)((double)p[i] - (double)o->lr * step);
  }
}

static void k_adagrad_ref(int64_t n, const k_optim *o, real *p, const real *g, real *v) {
  for (int64_t i = 0; i < n; i++) {
    double grad = decayed(o, p[i], g[i]);
    double v1 = (double)v[i] + grad * grad;
    v[i] = (real)v1;
    p[i] = (real)((double)p[i] - (double)o->lr * grad / (sqrt((double)v[i]) + (double)o->eps));
  }
}

static void k_adadelta_ref(int64_t n, const k_optim *o, real *p, const real *g, real *v, real *u) {
  double rho = (double)o->beta2, eps = (double)o->eps;
  for (int64_t i = 0; i < n; i++) {
    double grad = decayed(o, p[i], g[i]);
    double v1 = rho * (double)v[i] + (1 - rho) * grad * grad;
    v[i] = (real)v1;
    double step = sqrt((double)u[i] + eps) / sqrt((double)v[i] + eps) * grad;
    u[i] = (real)(rho * (double)u[i] + (1 - rho) * step * step);
    p[i] = (real)((double)p[i] - (double)o->lr * step);
  }
}

void rapt__optim_ref(k_kernels *t) {
  t->adamw = k_adamw_ref;
  t->adam = k_adam_ref;
  t->adamax = k_adamax_ref;
  t->sgd = k_sgd_ref;
  t->rmsprop = k_rmsprop_ref;
  t->adagrad = k_adagrad_ref;
  t->adadelta = k_adadelta_ref;
}
