/* Sums, maxima and layout in plain C; sums are carried in double. */
#include "kernels/variants.h"

#include <math.h>

static real k_sum_ref(int64_t n, const real *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i];
  return (real)sum;
}

static real k_sum_squares_ref(int64_t n, const real *x) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
  return (real)sum;
}

static real k_dot_ref(int64_t n, const real *a, const real *b) {
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)a[i] * (double)b[i];
  return (real)sum;
}

static real k_max_ref(int64_t n, const real *x) {
  real most = (real)-INFINITY;
  for (int64_t i = 0; i < n; i++) {
    if (x[i] != x[i]) return x[i];
    if (x[i] > most) most = x[i];
  }
  return most;
}

/* In `real`, since y is the only place for the running sums: row after row is the order that every variant keeps. */
static void k_column_sum_ref(int64_t rows, int64_t n, const real *x, int64_t ldx, real *y, bool accumulate) {
  if (!accumulate) {
    for (int64_t j = 0; j < n; j++) y[j] = 0;
  }
  for (int64_t i = 0; i < rows; i++) {
    for (int64_t j = 0; j < n; j++) y[j] += x[i * ldx + j];
  }
}

static void k_transpose_ref(int64_t rows, int64_t cols, const real *x, int64_t ldx, real *y, int64_t ldy) {
  enum { BLOCK = 16 };
  for (int64_t i0 = 0; i0 < rows; i0 += BLOCK) {
    int64_t i1 = rows - i0 < BLOCK ? rows : i0 + BLOCK;
    for (int64_t j0 = 0; j0 < cols; j0 += BLOCK) {
      int64_t j1 = cols - j0 < BLOCK ? cols : j0 + BLOCK;
      for (int64_t j = j0; j < j1; j++) {
        for (int64_t i = i0; i < i1; i++) y[j * ldy + i] = x[i * ldx + j];
      }
    }
  }
}

void rapt__reduce_ref(k_kernels *t) {
  t->sum = k_sum_ref;
  t->sum_squares = k_sum_squares_ref;
  t->dot = k_dot_ref;
  t->max = k_max_ref;
  t->column_sum = k_column_sum_ref;
  t->transpose = k_transpose_ref;
}
