/* AVX2+FMA: a 6 × 16 micro-kernel (12 accumulators, two loads of B and six broadcasts of A a step), packing with 8 × 8
 * transposes, and skinny products. */
#include "kernels/variants.h"

#include <immintrin.h>

enum { MR = 6, NR = 16, LANES = 8 };

#define STEP(i, address)                                                                                               \
  {                                                                                                                    \
    __m256 x = _mm256_broadcast_ss(address);                                                                           \
    c##i##0 = _mm256_fmadd_ps(x, b0, c##i##0);                                                                         \
    c##i##1 = _mm256_fmadd_ps(x, b1, c##i##1);                                                                         \
  }
#define STORE(i)                                                                                                       \
  {                                                                                                                    \
    float *row = c + (i)*c_row;                                                                                        \
    if (accumulate) {                                                                                                  \
      c##i##0 = _mm256_add_ps(c##i##0, _mm256_loadu_ps(row));                                                          \
      c##i##1 = _mm256_add_ps(c##i##1, _mm256_loadu_ps(row + 8));                                                      \
    }                                                                                                                  \
    _mm256_storeu_ps(row, c##i##0);                                                                                    \
    _mm256_storeu_ps(row + 8, c##i##1);                                                                                \
  }

static void k_gemm_tile_avx2(int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, float *c,
                             int64_t c_row, bool accumulate) {
  __m256 c00 = _mm256_setzero_ps(), c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00;
  __m256 c30 = c00, c31 = c00, c40 = c00, c41 = c00, c50 = c00, c51 = c00;
  const float *d = a + 3 * a_row;
  for (int i = 0; i < MR; i++) _mm_prefetch((const char *)(c + i * c_row), _MM_HINT_T0);
  for (int64_t p = 0; p < k; p++) {
    __m256 b0 = _mm256_loadu_ps(b), b1 = _mm256_loadu_ps(b + 8);
    STEP(0, a)
    STEP(1, a + a_row)
    STEP(2, a + 2 * a_row)
    STEP(3, d)
    STEP(4, d + a_row)
    STEP(5, d + 2 * a_row)
    a += a_col;
    d += a_col;
    b += NR;
  }
  STORE(0)
  STORE(1)
  STORE(2)
  STORE(3)
  STORE(4)
  STORE(5)
}

/* 8 columns of 8 rows: x[i·ld + 0..8) → y[j·NR + i]. */
static void transpose8(const float *x, int64_t ld, float *y, __m256 alpha) {
  __m256 r[8], t[8];
  for (int i = 0; i < 8; i++) r[i] = _mm256_mul_ps(alpha, _mm256_loadu_ps(x + i * ld));
  for (int i = 0; i < 4; i++) {
    t[2 * i] = _mm256_unpacklo_ps(r[2 * i], r[2 * i + 1]);
    t[2 * i + 1] = _mm256_unpackhi_ps(r[2 * i], r[2 * i + 1]);
  }
  for (int h = 0; h < 2; h++) {
    r[4 * h + 0] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0x44);
    r[4 * h + 1] = _mm256_shuffle_ps(t[4 * h], t[4 * h + 2], 0xEE);
    r[4 * h + 2] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0x44);
    r[4 * h + 3] = _mm256_shuffle_ps(t[4 * h + 1], t[4 * h + 3], 0xEE);
  }
  for (int i = 0; i < 4; i++) {
    _mm256_storeu_ps(y + i * NR, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    _mm256_storeu_ps(y + (i + 4) * NR, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

static void k_gemm_pack_b_avx2(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_col, float alpha,
                               float *packed) {
  __m256 scale = _mm256_set1_ps(alpha);
  for (int64_t j0 = 0; j0 < n; j0 += NR, packed += k * NR) {
    int64_t width = n - j0 < NR ? n - j0 : NR, p = 0;
    const float *from = b + j0 * b_col;
    if (width == NR && b_col == 1) {
      for (; p < k; p++) {
        _mm256_storeu_ps(packed + p * NR, _mm256_mul_ps(scale, _mm256_loadu_ps(from + p * b_row)));
        _mm256_storeu_ps(packed + p * NR + 8, _mm256_mul_ps(scale, _mm256_loadu_ps(from + p * b_row + 8)));
      }
    } else if (width == NR && b_row == 1) {
      for (; p + 8 <= k; p += 8)
        for (int h = 0; h < NR; h += 8) transpose8(from + p + h * b_col, b_col, packed + p * NR + h, scale);
    }
    for (; p < k; p++) {
      for (int64_t j = 0; j < width; j++) packed[p * NR + j] = alpha * from[p * b_row + j * b_col];
      for (int64_t j = width; j < NR; j++) packed[p * NR + j] = 0;
    }
  }
}

static inline __m256i mask_of(int64_t count) {
  static const int32_t window[2 * LANES] = {-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0};
  return _mm256_loadu_si256((const __m256i *)(window + LANES - count));
}

static inline float add_lanes(__m256 v) {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

/* Dot products of R rows with x. Always inlined with a constant R; the order of a row's sum is the same for every R, so a
 * row does not notice which group of rows it falls into. */
static inline __attribute__((always_inline)) void gemv_rows(int R, int64_t k, const float *a, int64_t lda,
                                                            const float *x, float *y, bool accumulate) {
  __m256 s[4][2];
  for (int i = 0; i < R; i++) s[i][0] = s[i][1] = _mm256_setzero_ps();
  int64_t p = 0;
  for (; p + 2 * LANES <= k; p += 2 * LANES) {
    __m256 x0 = _mm256_loadu_ps(x + p), x1 = _mm256_loadu_ps(x + p + LANES);
    for (int i = 0; i < R; i++) {
      s[i][0] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i * lda + p), x0, s[i][0]);
      s[i][1] = _mm256_fmadd_ps(_mm256_loadu_ps(a + i * lda + p + LANES), x1, s[i][1]);
    }
  }
  for (; p < k; p += LANES) {
    __m256i mask = mask_of(k - p < LANES ? k - p : LANES);
    __m256 x0 = _mm256_maskload_ps(x + p, mask);
    for (int i = 0; i < R; i++) { s[i][0] = _mm256_fmadd_ps(_mm256_maskload_ps(a + i * lda + p, mask), x0, s[i][0]); }
  }
  for (int i = 0; i < R; i++) {
    float sum = add_lanes(_mm256_add_ps(s[i][0], s[i][1]));
    y[i] = accumulate ? y[i] + sum : sum;
  }
}

static void k_gemv_avx2(int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y, bool accumulate) {
  int64_t i = 0;
  for (; i + 4 <= m; i += 4) gemv_rows(4, k, a + i * lda, lda, x, y + i, accumulate);
  for (; i < m; i++) gemv_rows(1, k, a + i * lda, lda, x, y + i, accumulate);
}

/* y += R rows of B times their x: rows are read in streams, y stays in the first-level cache. */
static inline __attribute__((always_inline)) void gevm_rows(int R, int64_t n, const float *x, const float *b,
                                                            int64_t ldb, float *y) {
  __m256 f[8];
  for (int p = 0; p < R; p++) f[p] = _mm256_broadcast_ss(x + p);
  int64_t j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) {
    __m256 s[4];
    for (int v = 0; v < 4; v++) s[v] = _mm256_loadu_ps(y + j + v * LANES);
    for (int p = 0; p < R; p++) {
      for (int v = 0; v < 4; v++) s[v] = _mm256_fmadd_ps(f[p], _mm256_loadu_ps(b + p * ldb + j + v * LANES), s[v]);
    }
    for (int v = 0; v < 4; v++) _mm256_storeu_ps(y + j + v * LANES, s[v]);
  }
  for (; j < n; j += LANES) {
    __m256i mask = mask_of(n - j < LANES ? n - j : LANES);
    __m256 s = _mm256_maskload_ps(y + j, mask);
    for (int p = 0; p < R; p++) s = _mm256_fmadd_ps(f[p], _mm256_maskload_ps(b + p * ldb + j, mask), s);
    _mm256_maskstore_ps(y + j, mask, s);
  }
}

static void k_gevm_avx2(int64_t k, int64_t n, const float *x, const float *b, int64_t ldb, float *y, bool accumulate) {
  if (!accumulate) {
    for (int64_t j = 0; j < n; j++) y[j] = 0;
  }
  int64_t p = 0;
  for (; p + 8 <= k; p += 8) gevm_rows(8, n, x + p, b + p * ldb, ldb, y);
  for (; p < k; p++) gevm_rows(1, n, x + p, b + p * ldb, ldb, y);
}

void rapt__gemm_avx2(k_kernels *k) {
  k->gemm_mr = MR;
  k->gemm_nr = NR;
  k->gemm_tile = k_gemm_tile_avx2;
  k->gemm_pack_b = k_gemm_pack_b_avx2;
  k->gemv = k_gemv_avx2;
  k->gevm = k_gevm_avx2;
}
