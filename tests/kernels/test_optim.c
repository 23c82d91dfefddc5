/* Optimizers' updates of every level against ref, and ref's first steps against closed forms. */
#include "check.h"

typedef enum method { ADAMW, ADAM, ADAMAX, SGD, RMSPROP, ADAGRAD, ADADELTA, METHODS } method;
static const char *const method_names[] = {"adamw", "adam", "adamax", "sgd", "rmsprop", "adagrad", "adadelta"};

static void update(const k_kernels *t, method which, int64_t n, const k_optim *o, float *p, const float *g, float *s1,
                   float *s2) {
  switch (which) {
  case ADAMW: t->adamw(n, o, p, g, s1, s2); break;
  case ADAM: t->adam(n, o, p, g, s1, s2); break;
  case ADAMAX: t->adamax(n, o, p, g, s1, s2); break;
  case SGD: t->sgd(n, o, p, g, o->momentum != 0 ? s2 : NULL); break;
  case RMSPROP: t->rmsprop(n, o, p, g, s1, o->momentum != 0 ? s2 : NULL); break;
  case ADAGRAD: t->adagrad(n, o, p, g, s1); break;
  case ADADELTA: t->adadelta(n, o, p, g, s1, s2); break;
  case METHODS: break;
  }
}

/* s1 is a signed average for the Adam family, a mean square elsewhere; s2 the other way round, or a momentum. */
static void check_update(const k_kernels *ref, const k_kernels *t, method which, int64_t n, const k_optim *o) {
  const char *name = method_names[which];
  float *p = check_buffer(0, n), *g = check_buffer(1, n), *s1 = check_buffer(2, n), *s2 = check_buffer(3, n);
  float *p_got = check_buffer(4, n), *s1_got = check_buffer(5, n), *s2_got = check_buffer(6, n);
  bool adam = which <= ADAMAX, momentum = which == SGD || which == RMSPROP;
  check_fill(p, n, -2, 2);
  check_fill(g, n, -2, 2);
  check_fill(s1, n, adam ? -1.0f : 0.05f, 1);
  check_fill(s2, n, momentum ? -1.0f : 0.05f, 1);
  size_t bytes = (size_t)n * sizeof *p;
  memcpy(p_got, p, bytes);
  memcpy(s1_got, s1, bytes);
  memcpy(s2_got, s2, bytes);
  update(ref, which, n, o, p, g, s1, s2);
  update(t, which, n, o, p_got, g, s1_got, s2_got);
  for (int slot = 4; slot < 7; slot++) check_intact(slot, n, name);
  for (int64_t i = 0; i < n; i++) {
    bool ok = check_close(name, t->name, n, i, p_got[i], p[i], CHECK_EPS * (8 + 400 * (double)o->lr));
    ok &= check_close(name, t->name, n, i, s1_got[i], s1[i], 16 * CHECK_EPS);
    ok &= check_close(name, t->name, n, i, s2_got[i], s2[i], (momentum ? 64 : 16) * CHECK_EPS);
    if (!ok) check_fail("  gradient %.9g", (double)g[i]);
  }
}

static void test_updates(void) {
  const k_kernels *ref = rapt__kernels_at(K_LEVEL_ref);
  k_optim o = {.lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .weight_decay = 0.1f, .scale = 0.5f};
  CHECK_EACH_LEVEL(t) for (int which = 0; which < METHODS; which++) CHECK_EACH_SIZE(n) for (int c = 0; c < 8; c++) {
    o.momentum = c & 1 ? 0.9f : 0;
    o.nesterov = c & 2;
    o.weight_decay = c & 4 ? 0.1f : 0;
    o.correction1 = c & 1 ? 0.271f : 1;
    o.correction2 = c & 1 ? 0.142f : 1;
    check_update(ref, t, (method)which, n, &o);
  }
}

/* From a state of zeros the first step has a closed form: torch.optim's, worked out on paper. */
static void test_first_step(void) {
  const double lr = 0.1, b1 = 0.9, b2 = 0.75, eps = 0.125, wd = 0.5, mu = 0.5, p0 = 2, g0 = 3;
  k_optim o = {.lr = 0.1f,
               .beta1 = 0.9f,
               .beta2 = 0.75f,
               .eps = 0.125f,
               .weight_decay = 0.5f,
               .momentum = 0.5f,
               .nesterov = true,
               .correction1 = 0.1f,
               .correction2 = 0.25f,
               .scale = 2};
  double raw = 2 * g0, g = raw + wd * p0; /* scaled, then with L2 */
  double want[METHODS] = {
      [ADAMW] = p0 * (1 - lr * wd) - lr * raw / (raw + eps),
      [ADAM] = p0 - lr * g / (g + eps),
      [ADAMAX] = p0 - lr * g / (g + eps),
      [SGD] = p0 - lr * (1 + mu) * g,
      [RMSPROP] = p0 - lr * g / (sqrt((1 - b2) * g * g) + eps),
      [ADAGRAD] = p0 - lr * g / (g + eps),
      [ADADELTA] = p0 - lr * sqrt(eps) / sqrt((1 - b2) * g * g + eps) * g,
  };
  double first[METHODS] = {[ADAMW] = (1 - b1) * raw,     [ADAM] = (1 - b1) * g, [ADAMAX] = (1 - b1) * g,
                           [RMSPROP] = (1 - b2) * g * g, [ADAGRAD] = g * g,     [ADADELTA] = (1 - b2) * g * g};
  CHECK_EACH_LEVEL(t) for (int which = 0; which < METHODS; which++) {
    float p = (float)p0, gradient = (float)g0, s1 = 0, s2 = 0;
    update(t, (method)which, 1, &o, &p, &gradient, &s1, &s2);
    check_close(method_names[which], t->name, 1, 0, p, (float)want[which], 1e-6);
    check_close(method_names[which], t->name, 1, 1, s1, (float)first[which], 1e-5);
  }
}

/* A gradient of zero and a state of zeros must not give NaN. */
static void test_zero_gradient(void) {
  k_optim o = {
      .lr = 0.1f, .beta1 = 0.9f, .beta2 = 0.99f, .eps = 1e-8f, .correction1 = 0.1f, .correction2 = 0.01f, .scale = 1};
  CHECK_EACH_LEVEL(t) for (int which = 0; which < METHODS; which++) {
    float p[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1}, g[9] = {0}, s1[9] = {0}, s2[9] = {0};
    update(t, (method)which, 9, &o, p, g, s1, s2);
    for (int i = 0; i < 9; i++) check_close(method_names[which], t->name, 9, i, p[i], 1, 0);
  }
}

static const check_test tests[] = {
    CHECK_TEST(test_first_step),
    CHECK_TEST(test_updates),
    CHECK_TEST(test_zero_gradient),
};
CHECK_MAIN(tests)
