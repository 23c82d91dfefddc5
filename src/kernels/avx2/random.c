/* Kernels that draw random numbers with AVX2: Philox for eight indices at a time, the same draws as base/rng.c. */
#include "kernels/avx2/simd.h"

#include <math.h>

typedef uint32_t vu __attribute__((vector_size(32)));

static inline __m256i set_u32(uint64_t x) { return _mm256_set1_epi32((int32_t)(uint32_t)x); }

/* High and low words of a·m, lane by lane. */
static inline void multiply(vu a, __m256i m, vu *high, vu *low) {
  __m256i even = _mm256_mul_epu32((__m256i)a, m), odd = _mm256_mul_epu32(_mm256_srli_epi64((__m256i)a, 32), m);
  *high = (vu)_mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  *low = (vu)_mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

/* The first two words at counters c1:c0, which are all that a uniform number needs. */
static inline void philox(uint64_t key, uint64_t stream, vu c0, vu c1, vu *word0, vu *word1) {
  const __m256i m0 = set_u32(0xD2511F53u), m1 = set_u32(0xCD9E8D57u);
  vu c2 = (vu)set_u32(stream), c3 = (vu)set_u32(stream >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    vu high0, low0, high1, low1;
    multiply(c0, m0, &high0, &low0);
    multiply(c2, m1, &high1, &low1);
    c0 = high1 ^ c1 ^ (vu)set_u32(k0);
    c2 = high0 ^ c3 ^ (vu)set_u32(k1);
    c1 = low1;
    c3 = low0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  *word0 = c0;
  *word1 = c1;
}

/* uniform ≥ p, in integers: the 53 leading bits of word1:word0 as a fraction reach p where they reach ⌈p·2⁵³⌉. */
static void k_dropout_avx2(int64_t n, real p, uint64_t seed, uint64_t stream, uint64_t first, const real *x, real *y) {
  double limit = ceil((double)p * 0x1p53);
  vf kept = vf_set(1 / (1 - p));
  vi never = vi_set(limit < 0x1p53 ? 0 : -1); /* also where p is NaN */
  uint64_t bits = limit > 0 && limit < 0x1p53 ? (uint64_t)limit << 11 : 0;
  vu limit0 = (vu)set_u32(bits), limit1 = (vu)set_u32(bits >> 32);
  const vu lane = {0, 1, 2, 3, 4, 5, 6, 7};
  for (int64_t i = 0; i < n; i += VF_WIDTH) {
    uint64_t index = first + (uint64_t)i;
    vu c0 = (vu)set_u32(index) + lane, c1 = (vu)set_u32(index >> 32), word0, word1;
    c1 -= (vu)(c0 < lane); /* the carry: a comparison gives −1 */
    philox(seed, stream, c0, c1, &word0, &word1);
    vi keep = ((vi)(word1 > limit1) | ((vi)(word1 == limit1) & (vi)(word0 >= limit0))) & ~never;
    vf factor = (vf)((vi)kept & keep);
    if (n - i >= VF_WIDTH)
      vf_store(y + i, vf_load(x + i) * factor);
    else
      vf_store_part(y + i, n - i, vf_load_part(x + i, n - i) * factor);
  }
}

void rapt__random_avx2(k_kernels *t) { t->dropout = k_dropout_avx2; }
