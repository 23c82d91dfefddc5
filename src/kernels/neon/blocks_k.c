/* Weights in blocks of 256 with NEON; products to the bits of ref's. */
#include "kernels/neon/blocks.h"

/* Of a block with mins, 16 quants of part p, the first or the second; all are small enough for signed bytes. */
static inline int8x16_t nibbles(const uint8_t *bytes, bool high) {
  uint8x16_t both = vld1q_u8(bytes);
  return vreinterpretq_s8_u8(high ? vshrq_n_u8(both, 4) : vandq_u8(both, vdupq_n_u8(15)));
}

static inline int8x16_t part_q4_k(const k_q4_k *b, int p, int second) {
  return nibbles(b->quants + p / 2 * 32 + 16 * second, p % 2);
}

static inline int8x16_t part_q5_k(const k_q5_k *b, int p, int second) {
  uint8x16_t set = vtstq_u8(vld1q_u8(b->high + 16 * second), vdupq_n_u8((uint8_t)(1 << p)));
  int8x16_t four = nibbles(b->quants + p / 2 * 32 + 16 * second, p % 2);
  return vorrq_s8(four, vreinterpretq_s8_u8(vandq_u8(set, vdupq_n_u8(16))));
}

/* Part p of the sixteen of Q6_K: signed, from −32 to 31. */
static inline int8x16_t part_q6_k(const k_q6_k *b, int p) {
  int half_of_it = p / 8, quarter = p % 8 / 2, second = p % 2;
  int8x16_t four = nibbles(b->low + 64 * half_of_it + 32 * (quarter & 1) + 16 * second, quarter >= 2);
  uint8x16_t high = vshlq_u8(vld1q_u8(b->high + 32 * half_of_it + 16 * second), vdupq_n_s8((int8_t)(-2 * quarter)));
  uint8x16_t two = vshlq_n_u8(vandq_u8(high, vdupq_n_u8(3)), 4);
  return vsubq_s8(vorrq_s8(four, vreinterpretq_s8_u8(two)), vdupq_n_s8(32));
}

static inline int32_t offsets(const uint8_t *mins, const k_act_large *x) {
  int16x8_t pairs = vpaddq_s16(vld1q_s16(x->sums), vld1q_s16(x->sums + 8));
  int16x8_t m = vreinterpretq_s16_u16(vmovl_u8(vld1_u8(mins)));
  return vaddvq_s32(vmlal_s16(vmull_s16(vget_low_s16(m), vget_low_s16(pairs)), vget_high_s16(m), vget_high_s16(pairs)));
}

#define WITH_MINS(type)                                                                                                \
  static void k_read_##type##_neon(int64_t n, const void *row, real *y) {                                              \
    const k_##type *b = row;                                                                                           \
    uint8_t scales[8], mins[8];                                                                                        \
    for (int64_t at = 0; at < n; at += K_LARGE, b++) {                                                                 \
      float d = half(b->d), dmin = half(b->dmin);                                                                      \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      for (int p = 0; p < 16; p++) {                                                                                   \
        float *part = y + at + 16 * p;                                                                                 \
        store_quants(part_##type(b, p / 2, p % 2), d *scales[p / 2], part);                                            \
        vf offset = vf_set(dmin * mins[p / 2]);                                                                        \
        for (int i = 0; i < 16; i += 4) vst1q_f32(part + i, vsubq_f32(vld1q_f32(part + i), offset));                   \
      }                                                                                                                \
    }                                                                                                                  \
  }                                                                                                                    \
  static real k_dot_##type##_neon(int64_t n, const void *row, const void *prepared) {                                  \
    const k_##type *b = row;                                                                                           \
    const k_act_large *x = prepared;                                                                                   \
    uint8_t scales[8], mins[8];                                                                                        \
    float sum = 0;                                                                                                     \
    for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {                                                            \
      int32x4_t total = vdupq_n_s32(0);                                                                                \
      k_unpack_scales(b->scales, scales, mins);                                                                        \
      for (int p = 0; p < 16; p++)                                                                                     \
        total =                                                                                                        \
            vmlaq_n_s32(total, products(part_##type(b, p / 2, p % 2), vld1q_s8(x->quants + 16 * p)), scales[p / 2]);   \
      sum = fmaf(half(b->d) * x->d, (float)vaddvq_s32(total), sum);                                                    \
      sum = fmaf(-(half(b->dmin) * x->d), (float)offsets(mins, x), sum);                                               \
    }                                                                                                                  \
    return sum;                                                                                                        \
  }
WITH_MINS(q4_k)
WITH_MINS(q5_k)

static void k_read_q6_k_neon(int64_t n, const void *row, real *y) {
  const k_q6_k *b = row;
  for (int64_t at = 0; at < n; at += K_LARGE, b++)
    for (int p = 0; p < 16; p++) store_quants(part_q6_k(b, p), half(b->d) * b->scales[p], y + at + 16 * p);
}

static real k_dot_q6_k_neon(int64_t n, const void *row, const void *prepared) {
  const k_q6_k *b = row;
  const k_act_large *x = prepared;
  float sum = 0;
  for (int64_t at = 0; at < n; at += K_LARGE, b++, x++) {
    int32x4_t total = vdupq_n_s32(0);
    for (int p = 0; p < 16; p++)
      total = vmlaq_n_s32(total, products(part_q6_k(b, p), vld1q_s8(x->quants + 16 * p)), b->scales[p]);
    sum = fmaf(half(b->d) * x->d, (float)vaddvq_s32(total), sum);
  }
  return sum;
}

void rapt__blocks_k_neon(k_kernels *t) {
#define SET(upper, type)                                                                                               \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_neon;                                                              \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_neon
  SET(Q4_K, q4_k);
  SET(Q5_K, q5_k);
  SET(Q6_K, q6_k);
#undef SET
}
