/* NEON: a 6 × 16 micro-kernel (24 accumulators of four floats), and skinny products. */
#include "kernels/variants.h"

#include <arm_neon.h>

enum { MR = 6, NR = 16, Q = NR / 4 };

static void k_gemm_tile_neon(int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, float *c,
                             int64_t c_row, bool accumulate) {
  float32x4_t sum[MR][Q];
  for (int i = 0; i < MR; i++)
    for (int q = 0; q < Q; q++) sum[i][q] = vdupq_n_f32(0);
  for (int64_t p = 0; p < k; p++, a += a_col, b += NR) {
    float32x4_t v[Q];
    for (int q = 0; q < Q; q++) v[q] = vld1q_f32(b + 4 * q);
    for (int i = 0; i < MR; i++) {
      float32x4_t x = vld1q_dup_f32(a + i * a_row);
      for (int q = 0; q < Q; q++) sum[i][q] = vfmaq_f32(sum[i][q], x, v[q]);
    }
  }
  for (int i = 0; i < MR; i++)
    for (int q = 0; q < Q; q++) {
      float *to = c + i * c_row + 4 * q;
      vst1q_f32(to, accumulate ? vaddq_f32(vld1q_f32(to), sum[i][q]) : sum[i][q]);
    }
}

/* Four columns of B with unit stride along k, four steps: x[j·ld + 0..4) → y[p·NR + j]. */
static inline void transpose4(const float *x, int64_t ld, float *y, float alpha) {
  float32x4_t r[4];
  for (int j = 0; j < 4; j++) r[j] = vmulq_n_f32(vld1q_f32(x + j * ld), alpha);
  float32x4x2_t s = vtrnq_f32(r[0], r[1]), t = vtrnq_f32(r[2], r[3]);
  for (int h = 0; h < 2; h++) {
    vst1q_f32(y + h * NR, vcombine_f32(vget_low_f32(s.val[h]), vget_low_f32(t.val[h])));
    vst1q_f32(y + (h + 2) * NR, vcombine_f32(vget_high_f32(s.val[h]), vget_high_f32(t.val[h])));
  }
}

static void k_gemm_pack_b_neon(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_col, float alpha,
                               float *packed) {
  for (int64_t j0 = 0; j0 < n; j0 += NR, packed += k * NR) {
    const float *from = b + j0 * b_col;
    int64_t width = n - j0 < NR ? n - j0 : NR, p = 0;
    if (width == NR && b_col == 1) {
      for (; p < k; p++) {
        for (int q = 0; q < Q; q++)
          vst1q_f32(packed + p * NR + 4 * q, vmulq_n_f32(vld1q_f32(from + p * b_row + 4 * q), alpha));
      }
    } else if (width == NR && b_row == 1) {
      for (; p + 4 <= k; p += 4)
        for (int q = 0; q < Q; q++) transpose4(from + p + 4 * q * b_col, b_col, packed + p * NR + 4 * q, alpha);
    }
    for (; p < k; p++) {
      for (int64_t j = 0; j < width; j++) packed[p * NR + j] = alpha * from[p * b_row + j * b_col];
      for (int64_t j = width; j < NR; j++) packed[p * NR + j] = 0;
    }
  }
}

static void k_gemv_neon(int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y, bool accumulate) {
  for (int64_t i = 0; i < m; i++) {
    float32x4_t s[2] = {vdupq_n_f32(0), vdupq_n_f32(0)};
    int64_t p = 0;
    for (; p + 8 <= k; p += 8)
      for (int h = 0; h < 2; h++) s[h] = vfmaq_f32(s[h], vld1q_f32(a + i * lda + p + 4 * h), vld1q_f32(x + p + 4 * h));
    float sum = vaddvq_f32(vaddq_f32(s[0], s[1]));
    for (; p < k; p++) sum += a[i * lda + p] * x[p];
    y[i] = accumulate ? y[i] + sum : sum;
  }
}

static void k_gevm_neon(int64_t k, int64_t n, const float *x, const float *b, int64_t ldb, float *y, bool accumulate) {
  int64_t j = 0;
  for (; j + 16 <= n; j += 16) {
    float32x4_t s[Q];
    for (int q = 0; q < Q; q++) s[q] = accumulate ? vld1q_f32(y + j + 4 * q) : vdupq_n_f32(0);
    for (int64_t p = 0; p < k; p++)
      for (int q = 0; q < Q; q++) s[q] = vfmaq_n_f32(s[q], vld1q_f32(b + p * ldb + j + 4 * q), x[p]);
    for (int q = 0; q < Q; q++) vst1q_f32(y + j + 4 * q, s[q]);
  }
  for (; j < n; j++) {
    float s = accumulate ? y[j] : 0;
    for (int64_t p = 0; p < k; p++) s += x[p] * b[p * ldb + j];
    y[j] = s;
  }
}

void rapt__gemm_neon(k_kernels *k) {
  k->gemm_mr = MR;
  k->gemm_nr = NR;
  k->gemm_tile = k_gemm_tile_neon;
  k->gemm_pack_b = k_gemm_pack_b_neon;
  k->gemv = k_gemv_neon;
  k->gevm = k_gevm_neon;
}
