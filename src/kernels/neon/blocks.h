/* What the two files of weights in blocks share at this level. */
#ifndef RAPT_SRC_KERNELS_NEON_BLOCKS_H
#define RAPT_SRC_KERNELS_NEON_BLOCKS_H

#include "kernels/blocks.h"
#include "kernels/neon/simd.h"

#include <math.h>

static inline float half(uint16_t h) { return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0); }

/* Sums of neighbouring products: lane j of four has products 2j, 2j + 1 of the low eight bytes and those of the high eight. */
static inline int32x4_t products(int8x16_t w, int8x16_t x) {
  return vaddq_s32(vpaddlq_s16(vmull_s8(vget_low_s8(w), vget_low_s8(x))),
                   vpaddlq_s16(vmull_s8(vget_high_s8(w), vget_high_s8(x))));
}

/* y = d·q for 16 signed bytes. */
static inline void store_quants(int8x16_t q, float d, float *y) {
  int16x8_t low = vmovl_s8(vget_low_s8(q)), high = vmovl_s8(vget_high_s8(q));
  vst1q_f32(y, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(low))), d));
  vst1q_f32(y + 4, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(low))), d));
  vst1q_f32(y + 8, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_low_s16(high))), d));
  vst1q_f32(y + 12, vmulq_n_f32(vcvtq_f32_s32(vmovl_s16(vget_high_s16(high))), d));
}

#endif
