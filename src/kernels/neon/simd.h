/* What the shared kernel bodies of kernels/simd/ need from NEON: vectors of four floats. See avx2/simd.h. */
#ifndef RAPT_SRC_KERNELS_NEON_SIMD_H
#define RAPT_SRC_KERNELS_NEON_SIMD_H

#include "kernels/variants.h"

#include <arm_neon.h>
#include <string.h>

#define K_ISA(name) name##_neon
#define VF_WIDTH 4

typedef float32x4_t vf;
typedef int32_t vi __attribute__((vector_size(16)));

static inline vf vf_set(float x) { return vdupq_n_f32(x); }
static inline vi vi_set(int32_t x) { return (vi)vdupq_n_s32(x); }
static inline vf vf_load(const float *p) { return vld1q_f32(p); }
static inline void vf_store(float *p, vf x) { vst1q_f32(p, x); }

static inline vi vi_first(int64_t n) {
  static const int32_t lanes[4] = {0, 1, 2, 3};
  return (vi)vcgtq_s32(vdupq_n_s32((int32_t)n), vld1q_s32(lanes));
}

static inline vf vf_load_part(const float *p, int64_t n) {
  float lanes[4] = {0, 0, 0, 0};
  for (int64_t i = 0; i < n; i++) lanes[i] = p[i];
  return vld1q_f32(lanes);
}

static inline void vf_store_part(float *p, int64_t n, vf x) {
  float lanes[4];
  vst1q_f32(lanes, x);
  for (int64_t i = 0; i < n; i++) p[i] = lanes[i];
}

static inline vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
static inline vf vf_fnma(vf a, vf b, vf c) { return vfmsq_f32(c, a, b); }
static inline vf vf_select(vi mask, vf yes, vf no) { return vbslq_f32((uint32x4_t)mask, yes, no); }
static inline vf vf_sqrt(vf x) { return vsqrtq_f32(x); }
static inline vf vf_floor(vf x) { return vrndmq_f32(x); }
static inline vi vi_round(vf x) { return (vi)vcvtnq_s32_f32(x); }
static inline vf vf_from(vi x) { return vcvtq_f32_s32((int32x4_t)x); }

static inline vf vf_at_least(float limit, vf x) { return vmaxq_f32(vdupq_n_f32(limit), x); }
static inline vf vf_at_most(float limit, vf x) { return vminq_f32(vdupq_n_f32(limit), x); }
static inline vf vf_max(vf a, vf b) { return vmaxq_f32(a, b); }
static inline vf vf_min(vf a, vf b) { return vminq_f32(a, b); }

static inline vf vf_max_number(vf x, vf most) { return vmaxnmq_f32(x, most); }
static inline float vf_top(vf x) { return vmaxnmvq_f32(x); }

static inline float vf_sum(vf x) {
  float32x2_t half = vadd_f32(vget_low_f32(x), vget_high_f32(x));
  return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}

static inline void vf_load_pairs(const float *p, vf *even, vf *odd) {
  float32x4x2_t pairs = vld2q_f32(p);
  *even = pairs.val[0];
  *odd = pairs.val[1];
}

static inline void vf_store_pairs(float *p, vf even, vf odd) {
  float32x4x2_t pairs = {{even, odd}};
  vst2q_f32(p, pairs);
}

static inline void vf_transpose(const float *x, int64_t ldx, float *y, int64_t ldy) {
  float32x4x2_t a = vtrnq_f32(vf_load(x), vf_load(x + ldx));
  float32x4x2_t b = vtrnq_f32(vf_load(x + 2 * ldx), vf_load(x + 3 * ldx));
  for (int i = 0; i < 2; i++) {
    vf_store(y + i * ldy, vcombine_f32(vget_low_f32(a.val[i]), vget_low_f32(b.val[i])));
    vf_store(y + (i + 2) * ldy, vcombine_f32(vget_high_f32(a.val[i]), vget_high_f32(b.val[i])));
  }
}

#endif
