/* Weights in blocks of 256 with AVX2; products to the bits of ref's. */
#include "kernels/avx2/blocks.h"

static inline __m256i load(const void *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline __m256i low_halves(__m256i x) { return _mm256_and_si256(x, _mm256_set1_epi8(15)); }
static inline __m256i high_halves(__m256i x) { return low_halves(_mm256_srli_epi16(x, 4)); }

/* Of a block with mins, quants of part p as 32 unsigned bytes. */
static inline __m256i part_q4_k(const k_q4_k *b, int p) {
  __m256i bytes = load(b->quants + p / 2 * 32);
  return p % 2 ? high_halves(bytes) : low_halves(bytes);
}

static inline __m256i part_q5_k(const k_q5_k *b, int p) {
  __m256i bytes = load(b->quants + p / 2 * 32), bit = _mm256_set1_epi8((char)(1 << p));
  __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(load(b->high), bit), bit);
  return _mm256_or_si256(p % 2 ? high_halves(bytes) : low_halves(bytes), _mm256_and_si256(set, _mm256_set1_epi8(16)));
}

/* Of 128 elements of Q6_K, quarter `i`: unsigned bytes from 0 to 63. */
static inline __m256i quarter_q6_k(const k_q6_k *b, int half_of_it, int i) {
  __m256i low = load(b->low + 64 * half_of_it + 32 * (i & 1)), high = load(b->high + 32 * half_of_it);
  __m256i four = i < 2 ? low_halves(low) : high_halves(low);
  __m256i two = _mm256_and_si256(_mm256_srl_epi16(high, _mm_cvtsi32_si128(2 * i)), _mm256_set1_epi8(3));
  return _mm256_or_si256(four, _mm256_slli_epi16(two, 4));
}

/* Σ mins·(sums of the activations' parts). */
static inline int32_t offsets(const uint8_t *mins, const k_act_large *x) {
  __m256i sums = load(x->sums);
  __m128i pairs = _mm_hadd_epi16(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
  __m128i m = _mm_madd_epi16(_mm_cvtepu8_epi16(_mm_loadl_epi64((const __m128i *)mins)), pairs);
  m = _mm_add_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  return _mm_cvtsi128_si32(_mm_add_epi32(m, _mm_shuffle_epi32(m, 0xB1)));
}

static inline float fused(float a, float b, float c) {
  return _mm_cvtss_f32(_mm_fmadd_ss(_mm_set_ss(a), _mm_set_ss(b), _mm_set_ss(c)));
}

#define WITH_MINS(type)                                                                                                \
  static void k_read_##type##_avx2(int64_t n, const void *row, real *y) {                                              \
    const k_##type *b = row;                                                                                           \
    uint8_t scales[8], mins[8];                                                                                        \
    for (int64_t at = 0; at < n; at += K_LARGE, b++) {                                                                 \
      float d = half(b->d), dmin = half(b->dmin);                                                                      \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      for (int p = 0; p < 8; p++) {                                                                                    \
        real *part = y + at + 32 * p;                                                                                  \
        store_quants(part_##type(b, p), vf_set(d *scales[p]), part);                                                   \
        for (int i = 0; i < 32; i += 8) vf_store(part + i, _mm256_sub_ps(vf_load(part + i), vf_set(dmin * mins[p])));  \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static real k_dot_##type##_avx2(int64_t n, const void *row, const void *prepared) {                                  \
    const k_##type *b = row;                                                                                           \
    const k_act_large *x = prepared;                                                                                   \
    uint8_t scales[8], mins[8];                                                                                        \
    float sum = 0;                                                                                                     \
    for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {                                                            \
      __m256i total = _mm256_setzero_si256();                                                                          \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      for (int p = 0; p < 8; p++) {                                                                                    \
        __m256i pairs = _mm256_maddubs_epi16(part_##type(b, p), load(x->quants + 32 * p));                             \
        total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, _mm256_set1_epi16(scales[p])));                       \
      }                                                                                                                \
      sum = fused(half(b->d) * x->d, (float)sum_lanes(total), sum);                                                    \
      sum = fused(-(half(b->dmin) * x->d), (float)offsets(mins, x), sum);                                              \
    }                                                                                                                  \
    return sum;                                                                                                        \
  }
WITH_MINS(q4_k)
WITH_MINS(q5_k)

static void k_read_q6_k_avx2(int64_t n, const void *row, real *y) {
  const k_q6_k *b = row;
  for (int64_t at = 0; at < n; at += K_LARGE, b++) {
    float d = half(b->d);
    for (int p = 0; p < 8; p++) {
      __m256i q = _mm256_sub_epi8(quarter_q6_k(b, p / 4, p % 4), _mm256_set1_epi8(32));
      real *part = y + at + 32 * p;
      store_quants(q, vf_set(d), part);
      for (int i = 0; i < 32; i += 8)
        vf_store(part + i, _mm256_mul_ps(vf_load(part + i), vf_set(b->scales[2 * p + i / 16])));
    }
  }
}

/* Quants are taken as they are, and 32 times the activations off in the end. */
static real k_dot_q6_k_avx2(int64_t n, const void *row, const void *prepared) {
  const k_q6_k *b = row;
  const k_act_large *x = prepared;
  float sum = 0;
  for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {
    __m256i scales = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)b->scales));
    __m256i total = _mm256_slli_epi32(_mm256_madd_epi16(scales, load(x->sums)), 5);
    total = _mm256_sub_epi32(_mm256_setzero_si256(), total);
    for (int p = 0; p < 8; p++) {
      __m256i pairs = _mm256_maddubs_epi16(quarter_q6_k(b, p / 4, p % 4), load(x->quants + 32 * p));
      __m256i both = _mm256_set_m128i(_mm_set1_epi16(b->scales[2 * p + 1]), _mm_set1_epi16(b->scales[2 * p]));
      total = _mm256_add_epi32(total, _mm256_madd_epi16(pairs, both));
    }
    sum = fused(half(b->d) * x->d, (float)sum_lanes(total), sum);
  }
  return sum;
}

void rapt__blocks_k_avx2(k_kernels *t) {
#define SET(upper, type)                                                                                               \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_avx2;                                                              \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_avx2
  SET(Q4_K, q4_k);
  SET(Q5_K, q5_k);
  SET(Q6_K, q6_k);
#undef SET
}
