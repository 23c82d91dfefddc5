/* What the shared kernel bodies of kernels/simd/ need from AVX2 and FMA: vectors of eight floats. Arithmetic and
 * comparisons are the compiler's vector operators; the rest has a name here and in neon/simd.h. */
#ifndef RAPT_SRC_KERNELS_AVX2_SIMD_H
#define RAPT_SRC_KERNELS_AVX2_SIMD_H

#include "kernels/variants.h"

#include <immintrin.h>
#include <string.h>

#define K_ISA(name) name##_avx2
#define VF_WIDTH 8

typedef __m256 vf;
typedef int32_t vi __attribute__((vector_size(32)));

static inline vf vf_set(float x) { return _mm256_set1_ps(x); }
static inline vi vi_set(int32_t x) { return (vi)_mm256_set1_epi32(x); }
static inline vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
static inline void vf_store(float *p, vf x) { _mm256_storeu_ps(p, x); }

/* All ones in the first n lanes. */
static inline vi vi_first(int64_t n) {
  return (vi)_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The first n < VF_WIDTH lanes; the others load as zero and are not stored. */
static inline vf vf_load_part(const float *p, int64_t n) { return _mm256_maskload_ps(p, (__m256i)vi_first(n)); }
static inline void vf_store_part(float *p, int64_t n, vf x) { _mm256_maskstore_ps(p, (__m256i)vi_first(n), x); }

static inline vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }   /* a·b + c */
static inline vf vf_fnma(vf a, vf b, vf c) { return _mm256_fnmadd_ps(a, b, c); } /* c − a·b */
static inline vf vf_select(vi mask, vf yes, vf no) { return _mm256_blendv_ps(no, yes, (__m256)mask); }
static inline vf vf_sqrt(vf x) { return _mm256_sqrt_ps(x); }
static inline vf vf_floor(vf x) { return _mm256_floor_ps(x); }
static inline vi vi_round(vf x) { return (vi)_mm256_cvtps_epi32(x); } /* to nearest, ties to even */
static inline vf vf_from(vi x) { return _mm256_cvtepi32_ps((__m256i)x); }

/* A NaN in `x` passes through. */
static inline vf vf_at_least(float limit, vf x) { return _mm256_max_ps(_mm256_set1_ps(limit), x); }
static inline vf vf_at_most(float limit, vf x) { return _mm256_min_ps(_mm256_set1_ps(limit), x); }
/* NaN if either is. */
static inline vf vf_max(vf a, vf b) {
  return _mm256_blendv_ps(_mm256_max_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}
static inline vf vf_min(vf a, vf b) {
  return _mm256_blendv_ps(_mm256_min_ps(a, b), a, _mm256_cmp_ps(a, a, _CMP_UNORD_Q));
}

/* Lanes of x that are NaN leave `most` as it is. */
static inline vf vf_max_number(vf x, vf most) { return _mm256_max_ps(x, most); }
/* The largest lane of numbers. */
static inline float vf_top(vf x) {
  __m128 half = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_max_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_max_ss(half, _mm_movehdup_ps(half)));
}

/* Across lanes, in a fixed order. */
static inline float vf_sum(vf x) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

/* Pairs: even[i] = p[2i], odd[i] = p[2i + 1]. */
static inline void vf_load_pairs(const float *p, vf *even, vf *odd) {
  vf a = vf_load(p), b = vf_load(p + 8);
  vf e = _mm256_shuffle_ps(a, b, 0x88), o = _mm256_shuffle_ps(a, b, 0xDD);
  *even = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(e), 0xD8));
  *odd = _mm256_castpd_ps(_mm256_permute4x64_pd(_mm256_castps_pd(o), 0xD8));
}

static inline void vf_store_pairs(float *p, vf even, vf odd) {
  vf low = _mm256_unpacklo_ps(even, odd), high = _mm256_unpackhi_ps(even, odd);
  vf_store(p, _mm256_permute2f128_ps(low, high, 0x20));
  vf_store(p + 8, _mm256_permute2f128_ps(low, high, 0x31));
}

/* A square of VF_WIDTH rows. */
static inline void vf_transpose(const float *x, int64_t ldx, float *y, int64_t ldy) {
  vf r[8], s[8];
  for (int i = 0; i < 8; i++) r[i] = vf_load(x + i * ldx);
  for (int i = 0; i < 8; i += 2) {
    s[i] = _mm256_unpacklo_ps(r[i], r[i + 1]);
    s[i + 1] = _mm256_unpackhi_ps(r[i], r[i + 1]);
  }
  for (int i = 0; i < 8; i += 4) {
    r[i] = _mm256_shuffle_ps(s[i], s[i + 2], 0x44);
    r[i + 1] = _mm256_shuffle_ps(s[i], s[i + 2], 0xEE);
    r[i + 2] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0x44);
    r[i + 3] = _mm256_shuffle_ps(s[i + 1], s[i + 3], 0xEE);
  }
  for (int i = 0; i < 4; i++) {
    vf_store(y + i * ldy, _mm256_permute2f128_ps(r[i], r[i + 4], 0x20));
    vf_store(y + (i + 4) * ldy, _mm256_permute2f128_ps(r[i], r[i + 4], 0x31));
  }
}

#endif
