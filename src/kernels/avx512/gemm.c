/* AVX-512F: an 8 × 32 micro-kernel (16 accumulators, two loads of B and eight broadcasts of A a step) whose edges are masks,
 * packing, dot products in groups of 6 × 4, and products with a vector. Everything else of this level is avx2's. */
#include "kernels/variants.h"

#include <immintrin.h>

enum { MR = 8, LANES = 16, NR = 2 * LANES, DOT_ROWS = 6 };
enum { AHEAD = 8 }; /* steps of k that packing takes at a time, and how far before their use it prefetches */

#define INLINE static inline __attribute__((always_inline))

static inline __mmask16 first_lanes(int64_t count) { return (__mmask16)((1u << count) - 1); }

/* `rows`, `vectors` and `whole` (the last vector too) are constants where this is called. */
INLINE void tile(int rows, int vectors, bool whole, bool packed, int64_t k, const float *a, int64_t a_row,
                 int64_t a_col, const float *b, int64_t b_row, __mmask16 last, float *c, int64_t c_row,
                 bool accumulate) {
  __m512 s[MR][2], v[2];
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) { s[i][0] = s[i][1] = _mm512_setzero_ps(); }
  for (int64_t p = 0; p < k; p++, a += a_col, b += b_row) {
#pragma GCC unroll 2
    for (int q = 0; q < vectors; q++) {
      v[q] = whole || q < vectors - 1 ? _mm512_loadu_ps(b + q * LANES) : _mm512_maskz_loadu_ps(last, b + q * LANES);
    }
    if (packed) { /* a panel is longer than what fits the first cache beside the strip of A */
      _mm_prefetch((const char *)(b + 12 * NR), _MM_HINT_T0);
      _mm_prefetch((const char *)(b + 12 * NR + LANES), _MM_HINT_T0);
    }
#pragma GCC unroll 8
    for (int i = 0; i < rows; i++) {
      __m512 x = _mm512_set1_ps(a[i * a_row]);
#pragma GCC unroll 2
      for (int q = 0; q < vectors; q++) s[i][q] = _mm512_fmadd_ps(x, v[q], s[i][q]);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < rows; i++) {
#pragma GCC unroll 2
    for (int q = 0; q < vectors; q++) {
      float *to = c + i * c_row + q * LANES;
      if (whole || q < vectors - 1) {
        if (accumulate) s[i][q] = _mm512_add_ps(_mm512_loadu_ps(to), s[i][q]);
        _mm512_storeu_ps(to, s[i][q]);
      } else {
        if (accumulate) s[i][q] = _mm512_add_ps(_mm512_maskz_loadu_ps(last, to), s[i][q]);
        _mm512_mask_storeu_ps(to, last, s[i][q]);
      }
    }
  }
}

static void k_gemm_tile_avx512(int64_t k, const float *a, int64_t a_row, int64_t a_col, const float *b, float *c,
                               int64_t c_row, bool accumulate) {
  tile(MR, 2, true, true, k, a, a_row, a_col, b, NR, 0xFFFF, c, c_row, accumulate);
}

static void k_gemm_part_avx512(int64_t rows, int64_t columns, int64_t k, const float *a, int64_t a_row, int64_t a_col,
                               const float *b, int64_t b_row, float *c, int64_t c_row, bool accumulate) {
  __mmask16 last = first_lanes(columns > LANES ? columns - LANES : columns);
#define PART(r)                                                                                                        \
  case r:                                                                                                              \
    if (columns == NR)                                                                                                 \
      tile(r, 2, true, false, k, a, a_row, a_col, b, b_row, last, c, c_row, accumulate);                               \
    else if (columns > LANES)                                                                                          \
      tile(r, 2, false, false, k, a, a_row, a_col, b, b_row, last, c, c_row, accumulate);                              \
    else if (columns == LANES)                                                                                         \
      tile(r, 1, true, false, k, a, a_row, a_col, b, b_row, last, c, c_row, accumulate);                               \
    else                                                                                                               \
      tile(r, 1, false, false, k, a, a_row, a_col, b, b_row, last, c, c_row, accumulate);                              \
    break;
  switch (rows) {
    PART(1)
    PART(2)
    PART(3)
    PART(4)
    PART(5)
    PART(6)
    PART(7)
    PART(8)
  default: break;
  }
#undef PART
}

/* Four steps of k of up to 16 columns that lie along k: lanes of four columns each are turned in place. */
static inline void turn4(const float *const *from, int64_t p, float *y, __mmask16 mask, __m512 alpha) {
  __m512 r[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; i++) {
    r[i] = _mm512_castps128_ps512(_mm_loadu_ps(from[i] + p));
    r[i] = _mm512_insertf32x4(r[i], _mm_loadu_ps(from[i + 4] + p), 1);
    r[i] = _mm512_insertf32x4(r[i], _mm_loadu_ps(from[i + 8] + p), 2);
    r[i] = _mm512_insertf32x4(r[i], _mm_loadu_ps(from[i + 12] + p), 3);
  }
  __m512d t0 = _mm512_castps_pd(_mm512_unpacklo_ps(r[0], r[1])), t1 = _mm512_castps_pd(_mm512_unpackhi_ps(r[0], r[1]));
  __m512d t2 = _mm512_castps_pd(_mm512_unpacklo_ps(r[2], r[3])), t3 = _mm512_castps_pd(_mm512_unpackhi_ps(r[2], r[3]));
  _mm512_storeu_ps(y, _mm512_maskz_mul_ps(mask, alpha, _mm512_castpd_ps(_mm512_unpacklo_pd(t0, t2))));
  _mm512_storeu_ps(y + NR, _mm512_maskz_mul_ps(mask, alpha, _mm512_castpd_ps(_mm512_unpackhi_pd(t0, t2))));
  _mm512_storeu_ps(y + 2 * NR, _mm512_maskz_mul_ps(mask, alpha, _mm512_castpd_ps(_mm512_unpacklo_pd(t1, t3))));
  _mm512_storeu_ps(y + 3 * NR, _mm512_maskz_mul_ps(mask, alpha, _mm512_castpd_ps(_mm512_unpackhi_pd(t1, t3))));
}

/* Half a panel of a B that does not lie along the columns. */
static void pack_half(int64_t k, int64_t width, const float *b, int64_t b_row, int64_t b_col, float alpha, float *to) {
  __m512 scale = _mm512_set1_ps(alpha);
  __mmask16 mask = first_lanes(width);
  int64_t p = 0;
  if (b_row == 1 && width > 0) {
    const float *from[LANES]; /* columns that do not exist: the last one, masked away */
    for (int j = 0; j < LANES; j++) from[j] = b + (j < width ? j : width - 1) * b_col;
    for (; p + 4 <= k; p += 4) {
      if (p % LANES == 0) {
        for (int j = 0; j < LANES; j++) _mm_prefetch((const char *)(from[j] + p + 4 * LANES), _MM_HINT_T0);
      }
      turn4(from, p, to + p * NR, mask, scale);
    }
  }
  for (; p < k; p++) {
    for (int64_t j = 0; j < width; j++) to[p * NR + j] = alpha * b[p * b_row + j * b_col];
    for (int64_t j = width; j < LANES; j++) to[p * NR + j] = 0;
  }
}

/* Panels of a B that lies along the columns: AHEAD rows at a time over all panels, so that memory is read in runs; the processor
 * does not foresee that the next rows follow a page further on, hence the prefetch. */
static void pack_rows(int64_t k, int64_t n, const float *b, int64_t b_row, float alpha, float *packed) {
  __m512 scale = _mm512_set1_ps(alpha);
  for (int64_t p0 = 0; p0 < k; p0 += AHEAD) {
    int64_t p1 = k - p0 < AHEAD ? k : p0 + AHEAD;
    for (int64_t j = 0; j < n; j += NR) {
      int64_t left = n - j;
      __mmask16 low = first_lanes(left < LANES ? left : LANES);
      __mmask16 high = left < LANES ? 0 : first_lanes(left < NR ? left - LANES : LANES);
      const float *from = b + p0 * b_row + j;
      float *to = packed + j * k + p0 * NR;
      for (int64_t p = p0; p < p1; p++, from += b_row, to += NR) {
        __m512 x = _mm512_maskz_loadu_ps(low, from), y = _mm512_maskz_loadu_ps(high, from + LANES);
        _mm_prefetch((const char *)(from + AHEAD * b_row), _MM_HINT_T0);
        _mm_prefetch((const char *)(from + AHEAD * b_row + LANES), _MM_HINT_T0);
        _mm512_storeu_ps(to, _mm512_mul_ps(scale, x));
        _mm512_storeu_ps(to + LANES, _mm512_mul_ps(scale, y));
      }
    }
  }
}

static void k_gemm_pack_b_avx512(int64_t k, int64_t n, const float *b, int64_t b_row, int64_t b_col, float alpha,
                                 float *packed) {
  if (b_col == 1) {
    pack_rows(k, n, b, b_row, alpha, packed);
    return;
  }
  for (int64_t j = 0; j < n; j += LANES) {
    pack_half(k, n - j < LANES ? n - j : LANES, b + j * b_col, b_row, b_col, alpha, packed + j / NR * NR * k + j % NR);
  }
  if (n % NR > 0 && n % NR <= LANES) pack_half(k, 0, b, b_row, b_col, alpha, packed + n / NR * NR * k + LANES);
}

/* The sums of four vectors, each in one order. */
INLINE __m128 sums(const __m512 *s) {
  __m256 h[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) {
    __m256 high = _mm256_castpd_ps(_mm512_extractf64x4_pd(_mm512_castps_pd(s[j]), 1));
    h[j] = _mm256_add_ps(_mm512_castps512_ps256(s[j]), high);
  }
  __m256 t = _mm256_hadd_ps(_mm256_hadd_ps(h[0], h[1]), _mm256_hadd_ps(h[2], h[3]));
  return _mm_add_ps(_mm256_castps256_ps128(t), _mm256_extractf128_ps(t, 1));
}

/* `rows` of A with four columns of B; those beyond `columns` are the last one again and not stored. */
INLINE void dots(int rows, int64_t columns, int64_t k, const float *a, int64_t a_row, const float *b, int64_t b_col,
                 float *c, int64_t c_row, bool accumulate) {
  __m512 s[DOT_ROWS][4];
  const float *from[4];
#pragma GCC unroll 4
  for (int j = 0; j < 4; j++) from[j] = b + (j < columns ? j : columns - 1) * b_col;
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++) s[i][0] = s[i][1] = s[i][2] = s[i][3] = _mm512_setzero_ps();
  for (int64_t p = 0; p < k; p += LANES) {
    __mmask16 mask = k - p < LANES ? first_lanes(k - p) : (__mmask16)0xFFFF;
    __m512 v[4];
#pragma GCC unroll 4
    for (int j = 0; j < 4; j++) v[j] = _mm512_maskz_loadu_ps(mask, from[j] + p);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++) {
      __m512 x = _mm512_maskz_loadu_ps(mask, a + i * a_row + p);
#pragma GCC unroll 4
      for (int j = 0; j < 4; j++) s[i][j] = _mm512_fmadd_ps(x, v[j], s[i][j]);
    }
  }
  __mmask16 mask = first_lanes(columns);
#pragma GCC unroll 6
  for (int i = 0; i < rows; i++) {
    __m512 y = _mm512_castps128_ps512(sums(s[i]));
    float *to = c + i * c_row;
    if (accumulate) y = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, to), y);
    _mm512_mask_storeu_ps(to, mask, y);
  }
}

static void k_gemm_dots_avx512(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, const float *b,
                               int64_t b_col, float *c, int64_t c_row, bool accumulate) {
  int64_t groups = (m + DOT_ROWS - 1) / DOT_ROWS;
  for (int64_t j = 0; j < n; j += 4) {
    int64_t columns = n - j < 4 ? n - j : 4;
    for (int64_t group = 0; group < groups; group++) { /* of sizes that differ by one at most */
      int64_t i = m * group / groups, rows = m * (group + 1) / groups - i;
      const float *x = a + i * a_row, *y = b + j * b_col;
      float *to = c + i * c_row + j;
      switch (rows) {
      case 1: dots(1, columns, k, x, a_row, y, b_col, to, c_row, accumulate); break;
      case 2: dots(2, columns, k, x, a_row, y, b_col, to, c_row, accumulate); break;
      case 3: dots(3, columns, k, x, a_row, y, b_col, to, c_row, accumulate); break;
      case 4: dots(4, columns, k, x, a_row, y, b_col, to, c_row, accumulate); break;
      case 5: dots(5, columns, k, x, a_row, y, b_col, to, c_row, accumulate); break;
      default: dots(6, columns, k, x, a_row, y, b_col, to, c_row, accumulate);
      }
    }
  }
}

/* Up to eight rows of A with x; those beyond `rows` are the last one again and not stored. */
static void gemv_rows(int64_t rows, int64_t k, const float *a, int64_t lda, const float *x, float *y, bool accumulate) {
  __m512 s[8];
  const float *from[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; i++) {
    from[i] = a + (i < rows ? i : rows - 1) * lda;
    s[i] = _mm512_setzero_ps();
  }
  int64_t p = 0;
  for (; p + LANES <= k; p += LANES) {
    __m512 v = _mm512_loadu_ps(x + p);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) s[i] = _mm512_fmadd_ps(_mm512_loadu_ps(from[i] + p), v, s[i]);
  }
  if (p < k) {
    __mmask16 mask = first_lanes(k - p);
    __m512 v = _mm512_maskz_loadu_ps(mask, x + p);
#pragma GCC unroll 8
    for (int i = 0; i < 8; i++) s[i] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, from[i] + p), v, s[i]);
  }
  __m512 sum = _mm512_insertf32x4(_mm512_castps128_ps512(sums(s)), sums(s + 4), 1);
  __mmask16 mask = first_lanes(rows);
  if (accumulate) sum = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, y), sum);
  _mm512_mask_storeu_ps(y, mask, sum);
}

static void k_gemv_avx512(int64_t m, int64_t k, const float *a, int64_t lda, const float *x, float *y,
                          bool accumulate) {
  for (int64_t i = 0; i < m; i += 8) { gemv_rows(m - i < 8 ? m - i : 8, k, a + i * lda, lda, x, y + i, accumulate); }
}

/* y += R rows of B times their x: rows are read in streams, y stays near. Every element is summed in the order of the rows. */
INLINE void gevm_rows(int R, int64_t n, const float *x, const float *b, int64_t ldb, float *y) {
  __m512 f[8];
#pragma GCC unroll 8
  for (int p = 0; p < R; p++) f[p] = _mm512_set1_ps(x[p]);
  int64_t j = 0;
  for (; j + 4 * LANES <= n; j += 4 * LANES) {
    __m512 s[4];
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) s[v] = _mm512_loadu_ps(y + j + v * LANES);
#pragma GCC unroll 8
    for (int p = 0; p < R; p++) {
#pragma GCC unroll 4
      for (int v = 0; v < 4; v++) s[v] = _mm512_fmadd_ps(f[p], _mm512_loadu_ps(b + p * ldb + j + v * LANES), s[v]);
    }
#pragma GCC unroll 4
    for (int v = 0; v < 4; v++) _mm512_storeu_ps(y + j + v * LANES, s[v]);
  }
  for (; j < n; j += LANES) {
    __mmask16 mask = n - j < LANES ? first_lanes(n - j) : (__mmask16)0xFFFF;
    __m512 s = _mm512_maskz_loadu_ps(mask, y + j);
#pragma GCC unroll 8
    for (int p = 0; p < R; p++) s = _mm512_fmadd_ps(f[p], _mm512_maskz_loadu_ps(mask, b + p * ldb + j), s);
    _mm512_mask_storeu_ps(y + j, mask, s);
  }
}

static void k_gevm_avx512(int64_t k, int64_t n, const float *x, const float *b, int64_t ldb, float *y,
                          bool accumulate) {
  for (int64_t j = 0; j < n && !accumulate; j++) y[j] = 0;
  int64_t p = 0;
  for (; p + 8 <= k; p += 8) gevm_rows(8, n, x + p, b + p * ldb, ldb, y);
  for (; p < k; p++) gevm_rows(1, n, x + p, b + p * ldb, ldb, y);
}

void rapt__gemm_avx512(k_kernels *k) {
  k->gemm_mr = MR;
  k->gemm_nr = NR;
  k->gemm_tile = k_gemm_tile_avx512;
  k->gemm_part = k_gemm_part_avx512;
  k->gemm_pack_b = k_gemm_pack_b_avx512;
  k->gemm_dots = k_gemm_dots_avx512;
  k->gemv = k_gemv_avx512;
  k->gevm = k_gevm_avx512;
}
