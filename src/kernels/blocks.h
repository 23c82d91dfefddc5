/* Layouts of weights in blocks and of the activations that they are multiplied with, for the files that compute with them.
 * Multi-byte numbers are little-endian in files; so are the machines that rapt runs on. */
#ifndef RAPT_SRC_BLOCKS_H
#define RAPT_SRC_BLOCKS_H

#include "base/half.h"
#include "kernels/kernels.h"

#include <string.h>

enum { K_SMALL = 32, K_LARGE = 256 }; /* elements of a block */

/* w = d·(q − 8), where element i < 16 has the low half of quants[i] and element 16 + i the high half. */
typedef struct k_q4_0 {
  uint16_t d; /* as all d: binary16 */
  uint8_t quants[16];
} k_q4_0;

/* w = d·(q − 16); the fifth bit of element i is bit i of `high`. */
typedef struct k_q5_0 {
  uint16_t d;
  uint8_t high[4];
  uint8_t quants[16];
} k_q5_0;

/* w = d·q */
typedef struct k_q8_0 {
  uint16_t d;
  int8_t quants[32];
} k_q8_0;

/* Eight parts of 32: w = d·scale·q − dmin·min, scales and mins of 6 bits. Of 64 elements in turn, the first 32 have the low halves of
 * 32 bytes of quants and the next 32 the high halves. */
typedef struct k_q4_k {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t quants[128];
} k_q4_k;

/* The same with a fifth bit: of part p, element i it is bit p of high[i]. */
typedef struct k_q5_k {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t high[32];
  uint8_t quants[128];
} k_q5_k;

/* Sixteen parts of 16: w = d·scale·(q − 32). Of each 128 elements, element i of the four times 32 has the low or high half of
 * low[i] or low[32 + i] and two bits of high[i]. */
typedef struct k_q6_k {
  uint8_t low[128], high[64];
  int8_t scales[16];
  uint16_t d;
} k_q6_k;

/* Activations: x = d·q with d = max|x|/127. A block with an infinity or a NaN has d = NaN and zeros. */
typedef struct k_act_small {
  float d;
  int8_t quants[32];
} k_act_small;
typedef struct k_act_large {
  float d;
  int8_t quants[256];
  int16_t sums[16]; /* of 16 quants each */
} k_act_large;

/* What is smaller than this throughout counts as zero: its reciprocal would be infinite. */
#define K_ACT_LEAST 1e-30F

/* The eight scales and mins of Q4_K and Q5_K, six bits each. */
static inline void k_unpack_scales(const uint8_t *packed, uint8_t *scales, uint8_t *mins) {
  for (int i = 0; i < 4; i++) {
    scales[i] = packed[i] & 63;
    mins[i] = packed[i + 4] & 63;
    scales[i + 4] = (uint8_t)((packed[i + 8] & 15) | packed[i] >> 6 << 4);
    mins[i + 4] = (uint8_t)(packed[i + 8] >> 4 | packed[i + 4] >> 6 << 4);
  }
}

#endif
