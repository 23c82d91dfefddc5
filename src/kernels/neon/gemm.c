/* NEON: a 6 × 16 micro-kernel (24 accumulators of four floats), dot products in groups of 4 × 4, and skinny products. */
#include "kernels/variants.h"

#include <arm_neon.h>

enum { MR = 6, NR = 16, Q = NR / 4 };

#define INLINE static inline __attribute__((always_inline))

/* The first `count` floats, the rest 0; and their stores. */
INLINE float32x4_t load_some(const float *p, int64_t count) {
  float x[4] = {0};
  for (int64_t i = 0; i < count; i++) x[i] = p[i];
  return vld1q_f32(x);
}

INLINE void store_some(float *p, float32x4_t v, int64_t count) {
  float x[4];
  vst1q_f32(x, v);
  for (int64_t i = 0; i < count; i++) p[i] = x[i];
}

/* `rows`, `quads` of columns and whether the last of them is `whole` (4, not `some`) are constants where this is called. */
INLINE void tile(int rows, int quads, bool whole, int64_t some, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                 const float *b, int64_t b_row, float *c, int64_t c_row, bool accumulate) {
  float32x4_t sum[MR][Q], v[Q];
  for (int i = 0; i < rows; i++)
    for (int q = 0; q < quads; q++) sum[i][q] = vdupq_n_f32(0);
  for (int64_t p = 0; p < k; p++, a += a_col, b += b_row) {
    for (int q = 0; q < quads; q++) v[q] = whole || q < quads - 1 ? vld1q_f32(b + 4 * q) : load_some(b + 4 * q, some);
    for (int i = 0; i < rows; i++) {
      float32x4_t x = vld1q_dup_f32(a + i * a_row);
      for (int q = 0; q < quads; q++) sum[i][q] = vfmaq_f32(sum[i][q], x, v[q]);
    }
  }
  for (int i = 0; i < rows; i++)
    for (int q = 0; q < quads; q++) {
      bool all = whole || q < quads - 1;
      float *to = c + i * c_row + 4 * q;
      if (accumulate) sum[i][q] = vaddq_f32(all ? vld1q_f32(to) : load_some(to, some), sum[i][q]);
      if (all)
        vst1q_f32(to, sum[i][q]);
      else
        store_some(to, sum[i][q], some);
    }
}

static void k_gemm_tile_neon(int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, float *c,
                             int64_t c_row, bool accumulate) {
  tile(MR, Q, true, 4, k, a, a_row, a_col, b, NR, c, c_row, accumulate);
}

/* Full width by the number of rows; narrower ones a quad of columns at a time. */
static void k_gemm_part_neon(int64_t rows, int64_t columns, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                             const float *b, int64_t b_row, float *c, int64_t c_row, bool accumulate) {
#define PART(r)                                                                                                        \
  case r:                                                                                                              \
    if (columns == NR) {                                                                                               \
      tile(r, Q, true, 4, k, a, a_row, a_col, b, b_row, c, c_row, accumulate);                                         \
    } else {                                                                                                           \
      int64_t j = 0;                                                                                                   \
      for (; j + 4 <= columns; j += 4)                                                                                 \
        tile(r, 1, true, 4, k, a, a_row, a_col, b + j, b_row, c + j, c_row, accumulate);                               \
      if (j < columns) tile(r, 1, false, columns - j, k, a, a_row, a_col, b + j, b_row, c + j, c_row, accumulate);     \
    }                                                                                                                  \
    break;
  switch (rows) {
    PART(1)
    PART(2)
    PART(3)
    PART(4)
    PART(5)
    PART(6)
  default: break;
  }
#undef PART
}

/* `rows` of A with four columns of B; those beyond `columns` are the last one again and not stored. */
INLINE void dots(int rows, int64_t columns, int64_t k, const float *a, int64_t a_row, const float *b, int64_t b_col,
                 float *c, int64_t c_row, bool accumulate) {
  float32x4_t s[4][4];
  const float *from[4];
  for (int j = 0; j < 4; j++) from[j] = b + (j < columns ? j : columns - 1) * b_col;
  for (int i = 0; i < rows; i++)
    for (int j = 0; j < 4; j++) s[i][j] = vdupq_n_f32(0);
  int64_t p = 0;
  for (; p + 4 <= k; p += 4) {
    float32x4_t v[4];
    for (int j = 0; j < 4; j++) v[j] = vld1q_f32(from[j] + p);
    for (int i = 0; i < rows; i++) {
      float32x4_t x = vld1q_f32(a + i * a_row + p);
      for (int j = 0; j < 4; j++) s[i][j] = vfmaq_f32(s[i][j], x, v[j]);
    }
  }
  for (int i = 0; i < rows; i++) {
    float32x4_t sum = vpaddq_f32(vpaddq_f32(s[i][0], s[i][1]), vpaddq_f32(s[i][2], s[i][3]));
    float y[4];
    vst1q_f32(y, sum);
    for (int j = 0; j < columns; j++) {
      for (int64_t q = p; q < k; q++) y[j] += a[i * a_row + q] * from[j][q];
      float *to = c + i * c_row + j;
      *to = accumulate ? *to + y[j] : y[j];
    }
  }
}

static void k_gemm_dots_neon(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, const float *b,
                             int64_t b_col, float *c, int64_t c_row, bool accumulate) {
  for (int64_t j = 0; j < n; j += 4) {
    int64_t columns = n - j < 4 ? n - j : 4, i = 0;
    const float *y = b + j * b_col;
    for (; i + 4 <= m; i += 4)
      dots(4, columns, k, a + i * a_row, a_row, y, b_col, c + i * c_row + j, c_row, accumulate);
    for (; i < m; i++) dots(1, columns, k, a + i * a_row, a_row, y, b_col, c + i * c_row + j, c_row, accumulate);
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
  k->gemm_part = k_gemm_part_neon;
  k->gemm_dots = k_gemm_dots_neon;
  k->gemm_pack_b = k_gemm_pack_b_neon;
  k->gemv = k_gemv_neon;
  k->gevm = k_gevm_neon;
}
