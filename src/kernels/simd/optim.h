/* Optimizers' updates over the vectors of whichever simd.h was included before; formulas as in ref/optim.c. */
#include "kernels/simd/math.h"

#define EACH(n) for (int64_t i = 0, left = (n); left > 0; i += VF_WIDTH, left -= VF_WIDTH)
#define LOAD(array) vf_load_upto((array) + i, left)
#define STORE(array, x) vf_store_upto((array) + i, left, x)

/* b·old + (1 − b)·x; 1 − b is exact in float for b ≥ ½. */
static inline vf average(float b, vf old, vf x) { return vf_fma(vf_set(b), old, vf_set(1 - b) * x); }

static inline vf decayed(const k_optim *o, vf p, vf g) {
  return vf_fma(vf_set(o->scale), g, vf_set(o->weight_decay) * p);
}

static inline vf adam_step(const k_optim *o, vf p, vf g, vf *m, vf *v) {
  *m = average(o->beta1, *m, g);
  *v = average(o->beta2, *v, g * g);
  vf size = vf_sqrt(*v / vf_set(o->correction2)) + vf_set(o->eps);
  return vf_fnma(vf_set(o->lr / o->correction1), *m / size, p);
}

static void K_ISA(k_adamw)(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *v) {
  vf keep = vf_set((float)(1 - (double)o->lr * (double)o->weight_decay));
  EACH(n) {
    vf m1 = LOAD(m), v1 = LOAD(v);
    STORE(p, adam_step(o, LOAD(p) * keep, vf_set(o->scale) * LOAD(g), &m1, &v1));
    STORE(m, m1);
    STORE(v, v1);
  }
}

static void K_ISA(k_adam)(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *v) {
  EACH(n) {
    vf p1 = LOAD(p), m1 = LOAD(m), v1 = LOAD(v);
    STORE(p, adam_step(o, p1, decayed(o, p1, LOAD(g)), &m1, &v1));
    STORE(m, m1);
    STORE(v, v1);
  }
}

static void K_ISA(k_adamax)(int64_t n, const k_optim *o, real *p, const real *g, real *m, real *u) {
  vf rate = vf_set(o->lr / o->correction1), eps = vf_set(o->eps);
  EACH(n) {
    vf p1 = LOAD(p), grad = decayed(o, p1, LOAD(g));
    vf m1 = average(o->beta1, LOAD(m), grad), u1 = vf_max(vf_set(o->beta2) * LOAD(u), vf_abs(grad) + eps);
    STORE(m, m1);
    STORE(u, u1);
    STORE(p, vf_fnma(rate, m1 / u1, p1));
  }
}

static void K_ISA(k_sgd)(int64_t n, const k_optim *o, real *p, const real *g, real *momentum) {
  vf lr = vf_set(o->lr), mu = vf_set(o->momentum);
  bool moving = momentum && o->momentum != 0;
  EACH(n) {
    vf p1 = LOAD(p), step = decayed(o, p1, LOAD(g));
    if (moving) {
      vf kept = vf_fma(mu, LOAD(momentum), step);
      STORE(momentum, kept);
      step = o->nesterov ? vf_fma(mu, kept, step) : kept;
    }
    STORE(p, vf_fnma(lr, step, p1));
  }
}

static void K_ISA(k_rmsprop)(int64_t n, const k_optim *o, real *p, const real *g, real *v, real *momentum) {
  vf lr = vf_set(o->lr), mu = vf_set(o->momentum);
  bool moving = momentum && o->momentum != 0;
  EACH(n) {
    vf p1 = LOAD(p), grad = decayed(o, p1, LOAD(g));
    vf v1 = average(o->beta2, LOAD(v), grad * grad);
    STORE(v, v1);
    vf step = grad / (vf_sqrt(v1) + vf_set(o->eps));
    if (moving) {
      step = vf_fma(mu, LOAD(momentum), step);
      STORE(momentum, step);
    }
    STORE(p, vf_fnma(lr, step, p1));
  }
}

static void K_ISA(k_adagrad)(int64_t n, const k_optim *o, real *p, const real *g, real *v) {
  EACH(n) {
    vf p1 = LOAD(p), grad = decayed(o, p1, LOAD(g));
    vf v1 = vf_fma(grad, grad, LOAD(v));
    STORE(v, v1);
    STORE(p, vf_fnma(vf_set(o->lr), grad / (vf_sqrt(v1) + vf_set(o->eps)), p1));
  }
}

static void K_ISA(k_adadelta)(int64_t n, const k_optim *o, real *p, const real *g, real *v, real *u) {
  vf eps = vf_set(o->eps);
  EACH(n) {
    vf p1 = LOAD(p), grad = decayed(o, p1, LOAD(g)), u1 = LOAD(u);
    vf v1 = average(o->beta2, LOAD(v), grad * grad);
    vf step = vf_sqrt(u1 + eps) / vf_sqrt(v1 + eps) * grad;
    STORE(v, v1);
    STORE(u, average(o->beta2, u1, step * step));
    STORE(p, vf_fnma(vf_set(o->lr), step, p1));
  }
}

static inline void set_optim(k_kernels *t) {
  t->adamw = K_ISA(k_adamw);
  t->adam = K_ISA(k_adam);
  t->adamax = K_ISA(k_adamax);
  t->sgd = K_ISA(k_sgd);
  t->rmsprop = K_ISA(k_rmsprop);
  t->adagrad = K_ISA(k_adagrad);
  t->adadelta = K_ISA(k_adadelta);
}
