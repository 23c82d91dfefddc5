/* Weights of 16 bits and in blocks of 32 with NEON; products to the bits of ref's. */
#include "kernels/neon/blocks.h"

/* ---- 16 bits ---- */

static inline vf four_f16(const uint16_t *h) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(h))); }
static inline vf four_bf16(const uint16_t *h) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(h), 16)); }

#define NARROW(type, one)                                                                                              \
  static void k_read_##type##_neon(int64_t n, const void *row, real *y) {                                              \
    const uint16_t *h = row;                                                                                           \
    int64_t i = 0;                                                                                                     \
    for (; i + 4 <= n; i += 4) vst1q_f32(y + i, four_##type(h + i));                                                   \
    for (; i < n; i++) y[i] = one(h[i]);                                                                               \
  }                                                                                                                    \
  static real k_dot_##type##_neon(int64_t n, const void *row, const void *prepared) {                                  \
    const uint16_t *h = row;                                                                                           \
    const float *x = prepared;                                                                                         \
    vf sum[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};                                                          \
    int64_t i = 0;                                                                                                     \
    for (; i + 16 <= n; i += 16)                                                                                       \
      for (int j = 0; j < 4; j++) sum[j] = vf_fma(four_##type(h + i + 4 * j), vf_load(x + i + 4 * j), sum[j]);         \
    float rest = 0;                                                                                                    \
    for (; i < n; i++) rest += one(h[i]) * x[i];                                                                       \
    return vf_sum((sum[0] + sum[1]) + (sum[2] + sum[3])) + rest;                                                       \
  }
NARROW(f16, half)
NARROW(bf16, rapt__from_bfloat)

/* ---- Quants of a block as twice 16 signed bytes ---- */

static inline void halves(const uint8_t *bytes, int8x16_t *low, int8x16_t *high) {
  uint8x16_t both = vld1q_u8(bytes);
  *low = vreinterpretq_s8_u8(vandq_u8(both, vdupq_n_u8(15)));
  *high = vreinterpretq_s8_u8(vshrq_n_u8(both, 4));
}

static inline void quants_q4_0(const k_q4_0 *b, int8x16_t *low, int8x16_t *high) {
  halves(b->quants, low, high);
  *low = vsubq_s8(*low, vdupq_n_s8(8));
  *high = vsubq_s8(*high, vdupq_n_s8(8));
}

/* 16 where the bit of the byte's place is not set. */
static inline int8x16_t unset(const uint8_t *bits) {
  static const uint8_t masks[16] = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
  uint8x16_t spread = vcombine_u8(vdup_n_u8(bits[0]), vdup_n_u8(bits[1]));
  return vreinterpretq_s8_u8(vbicq_u8(vdupq_n_u8(16), vtstq_u8(spread, vld1q_u8(masks))));
}

static inline void quants_q5_0(const k_q5_0 *b, int8x16_t *low, int8x16_t *high) {
  halves(b->quants, low, high);
  *low = vsubq_s8(*low, unset(b->high));
  *high = vsubq_s8(*high, unset(b->high + 2));
}

static inline void quants_q8_0(const k_q8_0 *b, int8x16_t *low, int8x16_t *high) {
  *low = vld1q_s8(b->quants);
  *high = vld1q_s8(b->quants + 16);
}

/* Lane j: the sum of products 4j to 4j + 3 of 16. */
static inline int32x4_t fours(int8x16_t w, int8x16_t x) {
  return vpaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x))),
                    vpaddlq_s16(vmull_s8(vget_high_s8(w), vget_high_s8(x))));
}

#define SMALL(type)                                                                                                    \
  static void k_read_##type##_neon(int64_t n, const void *row, real *y) {                                              \
    const k_##type *b = row;                                                                                           \
    int8x16_t low, high;                                                                                               \
    for (int64_t at = 0; at < n; at += K_SMALL, b++) {                                                                 \
      quants_##type(b, &low, &high);                                                                                   \
      store_quants(low, half(b->d), y + at);                                                                           \
      store_quants(high, half(b->d), y + at + 16);                                                                     \
    }                                                                                                                  \
  }                                                                                                                    \
  static real k_dot_##type##_neon(int64_t n, const void *row, const void *prepared) {                                  \
    const k_##type *b = row;                                                                                           \
    const k_act_small *x = prepared;                                                                                   \
    vf first = vf_set(0), last = vf_set(0);                                                                            \
    int8x16_t low, high;                                                                                               \
    for (int64_t at = 0; at < n; at += K_SMALL, b++, x++) {                                                            \
      vf scale = vf_set(half(b->d) * x->d);                                                                            \
      quants_##type(b, &low, &high);                                                                                   \
      first = vf_fma(scale, vcvtq_f32_s32(fours(low, vld1q_s8(x->quants))), first);                                    \
      last = vf_fma(scale, vcvtq_f32_s32(fours(high, vld1q_s8(x->quants + 16))), last);                                \
    }                                                                                                                  \
    return vf_sum(vaddq_f32(first, last));                                                                             \
  }
SMALL(q4_0)
SMALL(q5_0)
SMALL(q8_0)

/* ---- Activations ---- */

/* The scale to multiply by; *d as the block has it. */
static inline float act_scale(int count, const float *x, float *d) {
  uint32x4_t most = vdupq_n_u32(0);
  for (int i = 0; i < count; i += 4)
    most = vmaxq_u32(most, vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + i)), vdupq_n_u32(0x7FFFFFFF)));
  uint32_t bits = vmaxvq_u32(most);
  float top;
  memcpy(&top, &bits, sizeof top);
  bool finite = bits < 0x7F800000, some = finite && top >= K_ACT_LEAST;
  *d = !finite ? (float)NAN : some ? top / 127.0F : 0;
  return some ? 127.0F / top : 0;
}

static inline int16x4_t to_short(const float *x, float scale) {
  return vqmovn_s32(vcvtnq_s32_f32(vmulq_n_f32(vld1q_f32(x), scale)));
}

/* 16 numbers; the sum of what they became. */
static inline int16_t store_quants_of(const float *x, float scale, int8_t *quants) {
  int8x16_t q = vdupq_n_s8(0);
  if (scale > 0)
    q = vcombine_s8(vqmovn_s16(vcombine_s16(to_short(x, scale), to_short(x + 4, scale))),
                    vqmovn_s16(vcombine_s16(to_short(x + 8, scale), to_short(x + 12, scale))));
  vst1q_s8(quants, q);
  return vaddlvq_s8(q);
}

static void k_prepare_small_neon(int64_t n, const real *x, void *to) {
  k_act_small *b = to;
  for (int64_t at = 0; at < n; at += K_SMALL, b++) {
    float scale = act_scale(K_SMALL, x + at, &b->d);
    for (int i = 0; i < K_SMALL; i += 16) store_quants_of(x + at + i, scale, b->quants + i);
  }
}

static void k_prepare_large_neon(int64_t n, const real *x, void *to) {
  k_act_large *b = to;
  for (int64_t at = 0; at < n; at += K_LARGE, b++) {
    float scale = act_scale(K_LARGE, x + at, &b->d);
    for (int g = 0; g < 16; g++) b->sums[g] = store_quants_of(x + at + 16 * g, scale, b->quants + 16 * g);
  }
}

void rapt__blocks_neon(k_kernels *t) {
#define SET(upper, type)                                                                                               \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_neon;                                                              \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_neon
  SET(F16, f16);
  SET(BF16, bf16);
  SET(Q4_0, q4_0);
  SET(Q5_0, q5_0);
  SET(Q8_0, q8_0);
#undef SET
  for (int b = K_BLOCK_Q4_0; b <= K_BLOCK_Q8_0; b++) t->blocks[b].prepare = k_prepare_small_neon;
  for (int b = K_BLOCK_Q4_K; b <= K_BLOCK_Q6_K; b++) t->blocks[b].prepare = k_prepare_large_neon;
}
