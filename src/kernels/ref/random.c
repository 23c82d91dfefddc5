/* Kernels that draw random numbers, in plain C. */
#include "kernels/variants.h"
#include "base/rng.h"

static void k_dropout_ref(int64_t n, real p, uint64_t seed, uint64_t stream, uint64_t first, const real *x, real *y) {
  real kept = 1 / (1 - p);
  for (int64_t i = 0; i < n; i++) {
    bool keep = rapt__rng_uniform(seed, stream, first + (uint64_t)i) >= (double)p;
    y[i] = x[i] * (keep ? kept : 0);
  }
}

void rapt__random_ref(k_kernels *t) { t->dropout = k_dropout_ref; }
