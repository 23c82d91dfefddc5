/* Philox4x32-10 and the distributions drawn from it. */
#include "base/rng.h"

#include <math.h>

#define TWO_PI 6.283185307179586476925286766559

void rapt__philox(uint64_t key, uint64_t counter_high, uint64_t counter_low, uint32_t out[4]) {
  uint32_t c0 = (uint32_t)counter_low, c1 = (uint32_t)(counter_low >> 32);
  uint32_t c2 = (uint32_t)counter_high, c3 = (uint32_t)(counter_high >> 32);
  uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0, p1 = (uint64_t)0xCD9E8D57u * c2;
    c0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    c2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

static uint64_t join(const uint32_t half[2]) { return (uint64_t)half[1] << 32 | half[0]; }

uint32_t rapt__rng_u32(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t word[4];
  rapt__philox(seed, stream, index, word);
  return word[0];
}

/* Lemire's method: the high half of random × limit is uniform once the few low halves that would favour some values
 * are drawn again. The redraws take other keys, not other counters, which belong to the stream's other values. */
uint64_t rapt__rng_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t limit) {
  if (limit == 0) return 0;
  uint64_t excess = (0 - limit) % limit; /* 2^64 mod limit */
  for (uint64_t key = seed;; key += 0x9E3779B97F4A7C15u) {
    uint32_t word[4];
    rapt__philox(key, stream, index, word);
    for (int i = 0; i < 4; i += 2) {
      unsigned __int128 product = (unsigned __int128)join(word + i) * limit;
      if ((uint64_t)product >= excess) return (uint64_t)(product >> 64);
    }
  }
}

double rapt__rng_uniform(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t word[4];
  rapt__philox(seed, stream, index, word);
  return (double)(join(word) >> 11) * 0x1p-53;
}

double rapt__rng_normal(uint64_t seed, uint64_t stream, uint64_t index) {
  uint32_t word[4];
  rapt__philox(seed, stream, index, word);
  double radius = (double)((join(word) >> 11) + 1) * 0x1p-53; /* in (0, 1]: the logarithm needs it */
  double angle = (double)(join(word + 2) >> 11) * 0x1p-53;
  return sqrt(-2 * log(radius)) * cos(TWO_PI * angle);
}

void rapt__rng_shuffle(uint64_t seed, uint64_t stream, uint64_t first, uint32_t *order, size_t count) {
  for (size_t i = 0; i < count; i++) order[i] = (uint32_t)i;
  for (size_t i = count; i-- > 1;) {
    size_t j = (size_t)rapt__rng_below(seed, stream, first + i, i + 1);
    uint32_t other = order[j];
    order[j] = order[i];
    order[i] = other;
  }
}
