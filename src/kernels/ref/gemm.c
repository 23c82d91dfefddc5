/* Reference: the micro-kernel and its packing, dot products, matrix times vector. */
#include "kernels/variants.h"

enum { MR = 4, NR = 8 };

static void k_gemm_tile_ref(int64_t k, const real *a, int64_t a_row, int64_t a_col, const real *b, real *c,
                            int64_t c_row, bool accumulate) {
  real sum[MR][NR] = {{0}};
  for (int64_t p = 0; p < k; p++)
    for (int i = 0; i < MR; i++)
      for (int j = 0; j < NR; j++) sum[i][j] += a[i * a_row + p * a_col] * b[p * NR + j];
  for (int i = 0; i < MR; i++)
    for (int j = 0; j < NR; j++) c[i * c_row + j] = accumulate ? c[i * c_row + j] + sum[i][j] : sum[i][j];
}

static void k_gemm_part_ref(int64_t rows, int64_t columns, int64_t k, const real *a, int64_t a_row, int64_t a_col,
                            const real *b, int64_t b_row, real *c, int64_t c_row, bool accumulate) {
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++) {
      real sum = 0;
      for (int64_t p = 0; p < k; p++) sum += a[i * a_row + p * a_col] * b[p * b_row + j];
      c[i * c_row + j] = accumulate ? c[i * c_row + j] + sum : sum;
    }
}

static void k_gemm_dots_ref(int64_t m, int64_t n, int64_t k, const real *a, int64_t a_row, const real *b, int64_t b_col,
                            real *c, int64_t c_row, bool accumulate) {
  for (int64_t i = 0; i < m; i++)
    for (int64_t j = 0; j < n; j++) {
      real sum = 0;
      for (int64_t p = 0; p < k; p++) sum += a[i * a_row + p] * b[p + j * b_col];
      c[i * c_row + j] = accumulate ? c[i * c_row + j] + sum : sum;
    }
}

static void k_gemm_pack_b_ref(int64_t k, int64_t n, const real *b, int64_t b_row, int64_t b_col, real alpha,
                              real *packed) {
  for (int64_t j0 = 0; j0 < n; j0 += NR, packed += k * NR)
    for (int64_t p = 0; p < k; p++)
      for (int64_t j = 0; j < NR; j++) packed[p * NR + j] = j0 + j < n ? alpha * b[p * b_row + (j0 + j) * b_col] : 0;
}

static void k_gemv_ref(int64_t m, int64_t k, const real *a, int64_t lda, const real *x, real *y, bool accumulate) {
  for (int64_t i = 0; i < m; i++) {
    real s = 0;
    for (int64_t p = 0; p < k; p++) s += a[i * lda + p] * x[p];
    y[i] = accumulate ? y[i] + s : s;
  }
}

static void k_gevm_ref(int64_t k, int64_t n, const real *x, const real *b, int64_t ldb, real *y, bool accumulate) {
  for (int64_t j = 0; j < n && !accumulate; j++) y[j] = 0;
  for (int64_t p = 0; p < k; p++)
    for (int64_t j = 0; j < n; j++) y[j] += x[p] * b[p * ldb + j];
}

void rapt__gemm_ref(k_kernels *k) {
  k->gemm_mr = MR;
  k->gemm_nr = NR;
  k->gemm_tile = k_gemm_tile_ref;
  k->gemm_part = k_gemm_part_ref;
  k->gemm_dots = k_gemm_dots_ref;
  k->gemm_pack_b = k_gemm_pack_b_ref;
  k->gemv = k_gemv_ref;
  k->gevm = k_gevm_ref;
}
