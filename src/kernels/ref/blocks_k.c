/* Weights in blocks of 256, in plain C. The parts of a block are summed as integers, and the blocks in order with one rounding each
 * for the scales and one for the mins. */
#include "kernels/blocks.h"
#include "kernels/variants.h"

#include <math.h>

static real fused(real a, real b, real c) {
  return sizeof(real) == sizeof(float) ? (real)fmaf((float)a, (float)b, (float)c)
                                       : (real)fma((double)a, (double)b, (double)c);
}

static void quants_q4_k(const k_q4_k *b, uint8_t *q) {
  for (int i = 0; i < K_LARGE; i++) {
    uint8_t byte = b->quants[i / 64 * 32 + i % 32];
    q[i] = i % 64 < 32 ? byte & 15 : byte >> 4;
  }
}

static void quants_q5_k(const k_q5_k *b, uint8_t *q) {
  for (int i = 0; i < K_LARGE; i++) {
    uint8_t byte = b->quants[i / 64 * 32 + i % 32];
    q[i] = (uint8_t)((i % 64 < 32 ? byte & 15 : byte >> 4) + 16 * (b->high[i % 32] >> (i / 32) & 1));
  }
}

static void quants_q6_k(const k_q6_k *b, int8_t *q) {
  for (int i = 0; i < K_LARGE; i++) {
    int half = i / 128, quarter = i % 128 / 32, l = i % 32;
    uint8_t byte = b->low[64 * half + 32 * (quarter & 1) + l];
    int high = b->high[32 * half + l] >> (2 * quarter) & 3;
    q[i] = (int8_t)(((quarter < 2 ? byte & 15 : byte >> 4) | high << 4) - 32);
  }
}

/* Products of small numbers with one of 11 bits: exact in float. */
#define WITH_MINS(type)                                                                                                \
  static void k_read_##type##_ref(int64_t n, const void *row, real *y) {                                               \
    const k_##type *b = row;                                                                                           \
    uint8_t q[K_LARGE], scales[8], mins[8];                                                                            \
    for (int64_t at = 0; at < n; at += K_LARGE, b++) {                                                                 \
      real d = rapt__from_half(b->d), dmin = rapt__from_half(b->dmin);                                                 \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      quants_##type(b, q);                                                                                             \
      for (int i = 0; i < K_LARGE; i++) y[at + i] = d * (real)scales[i / 32] * (real)q[i] - dmin * (real)mins[i / 32]; \
    }                                                                                                                  \
  }                                                                                                                    \
  static real k_dot_##type##_ref(int64_t n, const void *row, const void *prepared) {                                   \
    const k_##type *b = row;                                                                                           \
    const k_act_large *x = prepared;                                                                                   \
    uint8_t q[K_LARGE], scales[8], mins[8];                                                                            \
    real sum = 0;                                                                                                      \
    for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {                                                            \
      int32_t products = 0, offsets = 0;                                                                               \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      quants_##type(b, q);                                                                                             \
      for (int i = 0; i < K_LARGE; i++) products += scales[i / 32] * q[i] * x->quants[i];                              \
      for (int i = 0; i < 16; i++) offsets += mins[i / 2] * x->sums[i];                                                \
      sum = fused((real)(rapt__from_half(b->d) * x->d), (real)products, sum);                                          \
      sum = fused((real) - (rapt__from_half(b->dmin) * x->d), (real)offsets, sum);                                     \
    }                                                                                                                  \
    return sum;                                                                                                        \
  }
WITH_MINS(q4_k)
WITH_MINS(q5_k)

static void k_read_q6_k_ref(int64_t n, const void *row, real *y) {
  const k_q6_k *b = row;
  int8_t q[K_LARGE];
  for (int64_t at = 0; at < n; at += K_LARGE, b++) {
    real d = rapt__from_half(b->d);
    quants_q6_k(b, q);
    for (int i = 0; i < K_LARGE; i++) y[at + i] = d * (real)b->scales[i / 16] * (real)q[i];
  }
}

static real k_dot_q6_k_ref(int64_t n, const void *row, const void *prepared) {
  const k_q6_k *b = row;
  const k_act_large *x = prepared;
  int8_t q[K_LARGE];
  real sum = 0;
  for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {
    int32_t products = 0;
    quants_q6_k(b, q);
    for (int i = 0; i < K_LARGE; i++) products += b->scales[i / 16] * q[i] * x->quants[i];
    sum = fused((real)(rapt__from_half(b->d) * x->d), (real)products, sum);
  }
  return sum;
}

void rapt__blocks_k_ref(k_kernels *t) {
#define SET(upper, type)                                                                                               \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_ref;                                                               \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_ref
  SET(Q4_K, q4_k);
  SET(Q5_K, q5_k);
  SET(Q6_K, q6_k);
#undef SET
}
