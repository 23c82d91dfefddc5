/* Weights of 16 bits and in blocks of 32 with AVX2; products to the bits of ref's. Bytes are multiplied as sizes by signed
 * numbers: |w|·(x with w's sign), of which pairs add up to 127·128·2 at most, as 16 bits hold. */
#include "kernels/avx2/blocks.h"

/* ---- 16 bits ---- */

static void k_read_f16_avx2(int64_t n, const void *row, real *y) {
  const uint16_t *h = row;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) vf_store(y + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(h + i))));
  for (; i < n; i++) y[i] = half(h[i]);
}

static inline vf wide(const uint16_t *h) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)h)), 16));
}

static void k_read_bf16_avx2(int64_t n, const void *row, real *y) {
  const uint16_t *h = row;
  int64_t i = 0;
  for (; i + 8 <= n; i += 8) vf_store(y + i, wide(h + i));
  for (; i < n; i++) y[i] = rapt__from_bfloat(h[i]);
}

static real k_dot_f16_avx2(int64_t n, const void *row, const void *prepared) {
  const uint16_t *h = row;
  const float *x = prepared;
  vf sum[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32)
    for (int j = 0; j < 4; j++)
      sum[j] =
          vf_fma(_mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(h + i + 8 * j))), vf_load(x + i + 8 * j), sum[j]);
  float rest = 0;
  for (; i < n; i++) rest += half(h[i]) * x[i];
  return vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

static real k_dot_bf16_avx2(int64_t n, const void *row, const void *prepared) {
  const uint16_t *h = row;
  const float *x = prepared;
  vf sum[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};
  int64_t i = 0;
  for (; i + 32 <= n; i += 32)
    for (int j = 0; j < 4; j++) sum[j] = vf_fma(wide(h + i + 8 * j), vf_load(x + i + 8 * j), sum[j]);
  float rest = 0;
  for (; i < n; i++) rest += rapt__from_bfloat(h[i]) * x[i];
  return vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;
}

/* ---- Quants of a block as 32 signed bytes ---- */

static inline __m256i halves(const uint8_t *bytes) { /* low halves of 16 bytes, then their high halves */
  __m128i low = _mm_loadu_si128((const __m128i *)bytes);
  __m256i both = _mm256_set_m128i(_mm_srli_epi16(low, 4), low);
  return _mm256_and_si256(both, _mm256_set1_epi8(15));
}

static inline __m256i quants_q4_0(const k_q4_0 *b) { return _mm256_sub_epi8(halves(b->quants), _mm256_set1_epi8(8)); }

static inline __m256i quants_q5_0(const k_q5_0 *b) {
  uint32_t bits;
  memcpy(&bits, b->high, sizeof bits);
  const __m256i places = _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i masks = _mm256_set1_epi64x((int64_t)0x8040201008040201u);
  __m256i spread = _mm256_shuffle_epi8(_mm256_set1_epi32((int)bits), places);
  __m256i set = _mm256_cmpeq_epi8(_mm256_and_si256(spread, masks), masks);
  /* The fifth bit is 16, and 16 is taken away: only where it is not set something changes. */
  return _mm256_sub_epi8(halves(b->quants), _mm256_andnot_si256(set, _mm256_set1_epi8(16)));
}

static inline __m256i quants_q8_0(const k_q8_0 *b) { return _mm256_loadu_si256((const __m256i *)b->quants); }

/* Lane j: the sum of products 4j to 4j + 3. */
static inline __m256i products(__m256i w, __m256i x) {
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

#define SMALL(type)                                                                                                    \
  static void k_read_##type##_avx2(int64_t n, const void *row, real *y) {                                              \
    const k_##type *b = row;                                                                                           \
    for (int64_t at = 0; at < n; at += K_SMALL, b++) store_quants(quants_##type(b), vf_set(half(b->d)), y + at);       \
  }                                                                                                                    \
  static real k_dot_##type##_avx2(int64_t n, const void *row, const void *prepared) {                                  \
    const k_##type *b = row;                                                                                           \
    const k_act_small *x = prepared;                                                                                   \
    vf sum = vf_set(0);                                                                                                \
    for (int64_t at = 0; at < n; at += K_SMALL, b++, x++) {                                                            \
      __m256i p = products(quants_##type(b), _mm256_loadu_si256((const __m256i *)x->quants));                          \
      sum = vf_fma(vf_set(half(b->d) * x->d), _mm256_cvtepi32_ps(p), sum);                                             \
    }                                                                                                                  \
    return vf_sum(sum);                                                                                                \
  }
SMALL(q4_0)
SMALL(q5_0)
SMALL(q8_0)

/* ---- Activations ---- */

/* 32 numbers to bytes in order. */
static inline __m256i to_bytes(const float *x, vf scale) {
  __m256i v[4];
  for (int i = 0; i < 4; i++) v[i] = _mm256_cvtps_epi32(_mm256_mul_ps(vf_load(x + 8 * i), scale));
  __m256i bytes = _mm256_packs_epi16(_mm256_packs_epi32(v[0], v[1]), _mm256_packs_epi32(v[2], v[3]));
  return _mm256_permutevar8x32_epi32(bytes, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The scale to multiply by; *d as the block has it. */
static inline float act_scale(int count, const float *x, float *d) {
  __m256i most = _mm256_setzero_si256();
  for (int i = 0; i < count; i += 8)
    most = _mm256_max_epi32(most, _mm256_and_si256(_mm256_castps_si256(vf_load(x + i)), _mm256_set1_epi32(0x7FFFFFFF)));
  __m128i m = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0x4E));
  m = _mm_max_epi32(m, _mm_shuffle_epi32(m, 0xB1));
  int32_t bits = _mm_cvtsi128_si32(m);
  float top;
  memcpy(&top, &bits, sizeof top);
  bool finite = bits < 0x7F800000, some = finite && top >= K_ACT_LEAST;
  *d = !finite ? (float)NAN : some ? top / 127.0F : 0;
  return some ? 127.0F / top : 0;
}

static inline void store_block(const float *x, float scale, int8_t *quants) {
  __m256i bytes = scale > 0 ? to_bytes(x, vf_set(scale)) : _mm256_setzero_si256();
  _mm256_storeu_si256((__m256i *)quants, bytes);
}

static void k_prepare_small_avx2(int64_t n, const real *x, void *to) {
  k_act_small *b = to;
  for (int64_t at = 0; at < n; at += K_SMALL, b++) store_block(x + at, act_scale(K_SMALL, x + at, &b->d), b->quants);
}

static void k_prepare_large_avx2(int64_t n, const real *x, void *to) {
  k_act_large *b = to;
  for (int64_t at = 0; at < n; at += K_LARGE, b++) {
    float scale = act_scale(K_LARGE, x + at, &b->d);
    for (int i = 0; i < K_LARGE; i += 32) store_block(x + at + i, scale, b->quants + i);
    for (int g = 0; g < 16; g++) {
      __m128i bytes = _mm_loadu_si128((const __m128i *)(b->quants + 16 * g));
      __m256i pairs = _mm256_madd_epi16(_mm256_cvtepi8_epi16(bytes), _mm256_set1_epi16(1));
      b->sums[g] = (int16_t)sum_lanes(pairs);
    }
  }
}

void rapt__blocks_avx2(k_kernels *t) {
#define SET(upper, type)                                                                                               \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_avx2;                                                              \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_avx2
  SET(F16, f16);
  SET(BF16, bf16);
  SET(Q4_0, q4_0);
  SET(Q5_0, q5_0);
  SET(Q8_0, q8_0);
#undef SET
  for (int b = K_BLOCK_Q4_0; b <= K_BLOCK_Q8_0; b++) t->blocks[b].prepare = k_prepare_small_avx2;
  for (int b = K_BLOCK_Q4_K; b <= K_BLOCK_Q6_K; b++) t->blocks[b].prepare = k_prepare_large_avx2;
}
