/* 1,000 updates of every optimizer against torch.optim's (optim.json); shared by the double and the float programs. */
#ifndef RAPT_TESTS_GOLDEN_OPTIM_GOLDEN_H
#define RAPT_TESTS_GOLDEN_OPTIM_GOLDEN_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <math.h>

#include "kernels/kernels.h"

enum { GOLDEN_SIZE = 16, GOLDEN_STEPS = 1000 };

/* The cases of make_optim.py, in its order. */
typedef struct golden_case {
  const char *name;
  double lr, beta1, beta2, eps, decay, momentum;
} golden_case;

static const golden_case golden_cases[] = {
    {"adamw", 1e-3, 0.9, 0.999, 1e-8, 0.1, 0},   {"adam", 1e-3, 0.9, 0.999, 1e-8, 0.01, 0},
    {"adamax", 2e-3, 0.9, 0.999, 1e-8, 0.01, 0}, {"sgd", 1e-2, 0, 0, 0, 0.01, 0.9},
    {"rmsprop", 1e-3, 0, 0.99, 1e-8, 0.01, 0.9}, {"adagrad", 1e-2, 0, 0, 1e-10, 0.01, 0},
    {"adadelta", 1, 0, 0.9, 1e-6, 0.01, 0}};
enum { GOLDEN_CASES = sizeof golden_cases / sizeof *golden_cases };

static inline void golden_update(const k_kernels *k, int which, const k_optim *o, real *p, const real *g, real *s,
                                 real *u) {
  const int64_t n = GOLDEN_SIZE;
  switch (which) {
  case 0: k->adamw(n, o, p, g, s, u); break;
  case 1: k->adam(n, o, p, g, s, u); break;
  case 2: k->adamax(n, o, p, g, s, u); break;
  case 3: k->sgd(n, o, p, g, s); break;
  case 4: k->rmsprop(n, o, p, g, s, u); break;
  case 5: k->adagrad(n, o, p, g, s); break;
  default: k->adadelta(n, o, p, g, s, u); break;
  }
}

static inline void golden_check(const k_kernels *k, double tolerance) {
  json_t *root = json_load_file("tests/golden/optim.json", 0, NULL);
  assert_non_null(root);
  for (int which = 0; which < GOLDEN_CASES; which++) {
    const golden_case *c = &golden_cases[which];
    json_t *want = json_object_get(root, c->name);
    assert_int_equal(json_array_size(want), GOLDEN_SIZE);
    real p[GOLDEN_SIZE], g[GOLDEN_SIZE], s[GOLDEN_SIZE] = {0}, u[GOLDEN_SIZE] = {0};
    for (int i = 0; i < GOLDEN_SIZE; i++) p[i] = (real)sin(i + 1);
    for (int t = 1; t <= GOLDEN_STEPS; t++) {
      for (int i = 0; i < GOLDEN_SIZE; i++)
        g[i] = (real)(sin(0.37 * t + 1.3 * i) + 0.1 * cos(0.011 * t * i) + 0.3 * (double)p[i]);
      k_optim o = {.lr = (real)c->lr,
                   .beta1 = (real)c->beta1,
                   .beta2 = (real)c->beta2,
                   .eps = (real)c->eps,
                   .weight_decay = (real)c->decay,
                   .momentum = (real)c->momentum,
                   .nesterov = true,
                   .correction1 = (real)(1 - pow(c->beta1, t)),
                   .correction2 = (real)(1 - pow(c->beta2, t)),
                   .scale = 1};
      golden_update(k, which, &o, p, g, s, u);
    }
    for (int i = 0; i < GOLDEN_SIZE; i++) {
      double value = json_real_value(json_array_get(want, (size_t)i));
      if (!(fabs((double)p[i] - value) <= tolerance * fmax(fabs(value), 0.01)))
        fail_msg("%s at level %s, parameter %d: %.12g, torch has %.12g", c->name, k->name, i, (double)p[i], value);
    }
  }
  json_decref(root);
}

#endif
