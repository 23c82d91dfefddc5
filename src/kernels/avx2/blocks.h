/* What the two files of weights in blocks share at this level. */
#ifndef RAPT_SRC_KERNELS_AVX2_BLOCKS_H
#define RAPT_SRC_KERNELS_AVX2_BLOCKS_H

#include "kernels/avx2/simd.h"
#include "kernels/blocks.h"

#include <math.h>

static inline float half(uint16_t h) { return _cvtsh_ss(h); }

static inline int32_t sum_lanes(__m256i x) {
  __m128i s = _mm_add_epi32(_mm256_castsi256_si128(x), _mm256_extracti128_si256(x, 1));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4E));
  s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0xB1));
  return _mm_cvtsi128_si32(s);
}

/* Eight signed bytes as floats. */
static inline vf eight(__m128i bytes) { return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes)); }

/* y = d·q for 32 signed bytes. */
static inline void store_quants(__m256i q, vf d, float *y) {
  for (int i = 0; i < 2; i++) {
    __m128i half_of_it = i ? _mm256_extracti128_si256(q, 1) : _mm256_castsi256_si128(q);
    vf_store(y + 16 * i, _mm256_mul_ps(d, eight(half_of_it)));
    vf_store(y + 16 * i + 8, _mm256_mul_ps(d, eight(_mm_srli_si128(half_of_it, 8))));
  }
}

#endif
