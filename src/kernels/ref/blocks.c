/* Weights of 16 bits and in blocks of 32, in plain C. A dot product keeps eight lanes: lane j sums elements 4j to 4j + 3 of every
 * block as integers, and the blocks in order with one rounding each, so that vector units can give the same bits. */
#include "kernels/blocks.h"
#include "kernels/variants.h"

#include <math.h>

enum { LANES = 8 };

static real fused(real a, real b, real c) {
  return sizeof(real) == sizeof(float) ? (real)fmaf((float)a, (float)b, (float)c)
                                       : (real)fma((double)a, (double)b, (double)c);
}

/* ---- 16 bits ---- */

static void k_read_f16_ref(int64_t n, const void *row, real *y) {
  const uint16_t *h = row;
  for (int64_t i = 0; i < n; i++) y[i] = rapt__from_half(h[i]);
}

static void k_read_bf16_ref(int64_t n, const void *row, real *y) {
  const uint16_t *h = row;
  for (int64_t i = 0; i < n; i++) y[i] = rapt__from_bfloat(h[i]);
}

static void k_write_f16_ref(int64_t n, const real *x, void *row) {
  for (int64_t i = 0; i < n; i++) ((uint16_t *)row)[i] = rapt__to_half((float)x[i]);
}

static void k_write_bf16_ref(int64_t n, const real *x, void *row) {
  for (int64_t i = 0; i < n; i++) ((uint16_t *)row)[i] = rapt__to_bfloat((float)x[i]);
}

static void k_prepare_real_ref(int64_t n, const real *x, void *to) { memcpy(to, x, (size_t)n * sizeof *x); }

static real k_dot_f16_ref(int64_t n, const void *row, const void *prepared) {
  const uint16_t *h = row;
  const real *x = prepared;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)rapt__from_half(h[i]) * (double)x[i];
  return (real)sum;
}

static real k_dot_bf16_ref(int64_t n, const void *row, const void *prepared) {
  const uint16_t *h = row;
  const real *x = prepared;
  double sum = 0;
  for (int64_t i = 0; i < n; i++) sum += (double)rapt__from_bfloat(h[i]) * (double)x[i];
  return (real)sum;
}

/* ---- Quants of a block as small integers ---- */

static void quants_q4_0(const k_q4_0 *b, int8_t *q) {
  for (int i = 0; i < 16; i++) {
    q[i] = (int8_t)((b->quants[i] & 15) - 8);
    q[16 + i] = (int8_t)((b->quants[i] >> 4) - 8);
  }
}

static void quants_q5_0(const k_q5_0 *b, int8_t *q) {
  for (int i = 0; i < 16; i++) {
    int low = b->high[i / 8] >> (i % 8) & 1, high = b->high[2 + i / 8] >> (i % 8) & 1;
    q[i] = (int8_t)((b->quants[i] & 15) + 16 * low - 16);
    q[16 + i] = (int8_t)((b->quants[i] >> 4) + 16 * high - 16);
  }
}

static void quants_q8_0(const k_q8_0 *b, int8_t *q) { memcpy(q, b->quants, sizeof b->quants); }

/* ---- Reading and products ---- */

static void add_block(const int8_t *q, uint16_t d, const k_act_small *x, real *lanes) {
  real scale = (real)(rapt__from_half(d) * x->d);
  for (int j = 0; j < LANES; j++) {
    int sum = 0;
    for (int i = 4 * j; i < 4 * j + 4; i++) sum += q[i] * x->quants[i];
    lanes[j] = fused(scale, (real)sum, lanes[j]);
  }
}

static real sum_lanes(const real *l) {
  real half[4];
  for (int j = 0; j < 4; j++) half[j] = l[j] + l[j + 4];
  return (half[0] + half[2]) + (half[1] + half[3]);
}

#define SMALL(type)                                                                                                    \
  static void k_read_##type##_ref(int64_t n, const void *row, real *y) {                                               \
    const k_##type *b = row;                                                                                           \
    int8_t q[K_SMALL];                                                                                                 \
    for (int64_t at = 0; at < n; at += K_SMALL, b++) {                                                                 \
      real d = rapt__from_half(b->d);                                                                                  \
      quants_##type(b, q);                                                                                             \
      for (int i = 0; i < K_SMALL; i++) y[at + i] = d * (real)q[i];                                                    \
    }                                                                                                                  \
  }                                                                                                                    \
  static real k_dot_##type##_ref(int64_t n, const void *row, const void *prepared) {                                   \
    const k_##type *b = row;                                                                                           \
    const k_act_small *x = prepared;                                                                                   \
    real lanes[LANES] = {0};                                                                                           \
    int8_t q[K_SMALL];                                                                                                 \
    for (int64_t at = 0; at < n; at += K_SMALL, b++, x++) {                                                            \
      quants_##type(b, q);                                                                                             \
      add_block(q, b->d, x, lanes);                                                                                    \
    }                                                                                                                  \
    return sum_lanes(lanes);                                                                                           \
  }
SMALL(q4_0)
SMALL(q5_0)
SMALL(q8_0)

/* ---- Activations ---- */

static void prepare_block(int count, const real *x, float *d, int8_t *quants) {
  uint32_t most = 0; /* bits of |x|: those of infinities and NaN are above all numbers' */
  for (int i = 0; i < count; i++) {
    float v = (float)x[i];
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    bits &= 0x7FFFFFFF;
    if (bits > most) most = bits;
  }
  float top;
  memcpy(&top, &most, sizeof top);
  bool finite = most < 0x7F800000, some = finite && top >= K_ACT_LEAST;
  float scale = some ? 127.0F / top : 0;
  *d = !finite ? (float)NAN : some ? top / 127.0F : 0;
  for (int i = 0; i < count; i++) quants[i] = some ? (int8_t)lrintf((float)x[i] * scale) : 0;
}

static void k_prepare_small_ref(int64_t n, const real *x, void *to) {
  k_act_small *b = to;
  for (int64_t at = 0; at < n; at += K_SMALL, b++) prepare_block(K_SMALL, x + at, &b->d, b->quants);
}

static void k_prepare_large_ref(int64_t n, const real *x, void *to) {
  k_act_large *b = to;
  for (int64_t at = 0; at < n; at += K_LARGE, b++) {
    prepare_block(K_LARGE, x + at, &b->d, b->quants);
    for (int g = 0; g < 16; g++) {
      int sum = 0;
      for (int i = 0; i < 16; i++) sum += b->quants[16 * g + i];
      b->sums[g] = (int16_t)sum;
    }
  }
}

void rapt__blocks_ref(k_kernels *t) {
#define SET(upper, type, kind, act)                                                                                    \
  t->blocks[K_BLOCK_##upper].read = k_read_##type##_ref;                                                               \
  t->blocks[K_BLOCK_##upper].prepare = k_prepare_##kind##_ref;                                                         \
  t->blocks[K_BLOCK_##upper].act_bytes = sizeof(act);                                                                  \
  t->blocks[K_BLOCK_##upper].dot = k_dot_##type##_ref
  SET(F16, f16, real, real);
  SET(BF16, bf16, real, real);
  SET(Q4_0, q4_0, small, k_act_small);
  SET(Q5_0, q5_0, small, k_act_small);
  SET(Q8_0, q8_0, small, k_act_small);
#undef SET
  t->blocks[K_BLOCK_F16].write = k_write_f16_ref;
  t->blocks[K_BLOCK_BF16].write = k_write_bf16_ref;
  for (int b = K_BLOCK_Q4_K; b <= K_BLOCK_Q6_K; b++) {
    t->blocks[b].prepare = k_prepare_large_ref;
    t->blocks[b].act_bytes = sizeof(k_act_large);
  }
#define SET(name, number, count, size)                                                                                 \
  t->blocks[K_BLOCK_##name].elements = (count);                                                                        \
  t->blocks[K_BLOCK_##name].bytes = (size);
  RAPT__WEIGHT_TYPE_LIST(SET)
#undef SET
}
