/* Weights turned into blocks. Q4_0, Q5_0 and Q8_0 scale by the number of greatest size, as GGML does, to the same bits. Of the types
 * with parts, each part takes the best of several scales by squared error, each refined by least squares; then the block's own
 * scale is chosen, and the numbers are rounded once more by what the block really says. */
#include "kernels/blocks.h"
#include "kernels/variants.h"

#include <math.h>

static float greatest(int n, const float *x) { /* by size, with its sign; the first of equals */
  float top = 0, size = 0;
  for (int i = 0; i < n; i++)
    if (fabsf(x[i]) > size) size = fabsf(top = x[i]);
  return top;
}

static int clamp(int q, int low, int high) { return q < low ? low : q > high ? high : q; }
static float inverse(float x) { return fabsf(x) > 1e-37F ? 1 / x : 0; } /* of less it would be infinite */

/* Whole rows, for float and double callers. */
#define EACH_BLOCK(type, size)                                                                                         \
  static void k_write_##type##_ref(int64_t n, const real *x, void *row) {                                              \
    k_##type *b = row;                                                                                                 \
    float block[size];                                                                                                 \
    for (int64_t at = 0; at < n; at += (size), b++) {                                                                  \
      for (int i = 0; i < (size); i++) block[i] = (float)x[at + i];                                                    \
      write_##type(block, b);                                                                                          \
    }                                                                                                                  \
  }

/* ---- Blocks of 32 ---- */

static void write_q8_0(const float *x, k_q8_0 *b) {
  float d = fabsf(greatest(K_SMALL, x)) / 127, scale = inverse(d);
  b->d = rapt__to_half(d);
  for (int i = 0; i < K_SMALL; i++) b->quants[i] = (int8_t)clamp((int)roundf(x[i] * scale), -127, 127);
}

static void write_q4_0(const float *x, k_q4_0 *b) {
  float d = greatest(K_SMALL, x) / -8, scale = inverse(d);
  b->d = rapt__to_half(d);
  for (int i = 0; i < 16; i++) {
    int low = clamp((int)(x[i] * scale + 8.5F), 0, 15), high = clamp((int)(x[16 + i] * scale + 8.5F), 0, 15);
    b->quants[i] = (uint8_t)(low | high << 4);
  }
}

static void write_q5_0(const float *x, k_q5_0 *b) {
  float d = greatest(K_SMALL, x) / -16, scale = inverse(d);
  *b = (k_q5_0){.d = rapt__to_half(d)};
  for (int i = 0; i < 16; i++) {
    int low = clamp((int)(x[i] * scale + 16.5F), 0, 31), high = clamp((int)(x[16 + i] * scale + 16.5F), 0, 31);
    b->quants[i] = (uint8_t)((low & 15) | (high & 15) << 4);
    b->high[i / 8] |= (uint8_t)(low >> 4 << i % 8);
    b->high[2 + i / 8] |= (uint8_t)(high >> 4 << i % 8);
  }
}

EACH_BLOCK(q8_0, K_SMALL)
EACH_BLOCK(q4_0, K_SMALL)
EACH_BLOCK(q5_0, K_SMALL)

/* ---- Parts with a scale and a min: x ≈ scale·q − least, q from 0 to top, least ≥ 0 ---- */

typedef struct part {
  float scale, least;
} part;

static double part_error(int n, const float *x, part p, int top) {
  double sum = 0;
  float over = inverse(p.scale);
  for (int i = 0; i < n; i++) {
    int q = clamp((int)lrintf((x[i] + p.least) * over), 0, top);
    double off = (double)(p.scale * (float)q - p.least - x[i]);
    sum += off * off;
  }
  return sum;
}

/* Least squares for scale and least where the quants are those of `from`. */
static part refine(int n, const float *x, part from, int top) {
  double sq = 0, sqq = 0, sx = 0, sqx = 0;
  float over = inverse(from.scale);
  for (int i = 0; i < n; i++) {
    int q = clamp((int)lrintf((x[i] + from.least) * over), 0, top);
    sq += q;
    sqq += q * q;
    sx += (double)x[i];
    sqx += q * (double)x[i];
  }
  double det = n * sqq - sq * sq;
  if (!(det > 0)) return from;
  part p = {(float)((n * sqx - sq * sx) / det), (float)((sq * sqx - sqq * sx) / det)};
  if (p.least < 0) p = (part){(float)(sqx / sqq), 0};
  return p.scale > 0 ? p : from;
}

static part best_part(int n, const float *x, int top) {
  float low = 0, high = x[0];
  for (int i = 0; i < n; i++) {
    if (x[i] < low) low = x[i];
    if (x[i] > high) high = x[i];
  }
  if (!(high > low)) return (part){0, -low};
  part best = {(high - low) / (float)top, -low};
  double least = part_error(n, x, best, top);
  for (int step = -12; step <= 12; step++) {
    part p = refine(n, x, (part){(high - low) / ((float)top + 0.1F * (float)step), -low}, top);
    double error = part_error(n, x, p, top);
    if (error < least) {
      least = error;
      best = p;
    }
  }
  return best;
}

/* Scales and mins of a block of eight parts as six bits each, and the quants that go with what was stored. */
static void write_parts(const float *x, int top, uint16_t *d, uint16_t *dmin, uint8_t *packed, uint8_t *quants) {
  part parts[8];
  float scale = 0, least = 0;
  uint8_t scales[8], mins[8];
  for (int p = 0; p < 8; p++) {
    parts[p] = best_part(32, x + 32 * p, top);
    if (parts[p].scale > scale) scale = parts[p].scale;
    if (parts[p].least > least) least = parts[p].least;
  }
  *d = rapt__to_half(scale / 63);
  *dmin = rapt__to_half(least / 63);
  float ds = rapt__from_half(*d), dm = rapt__from_half(*dmin);
  for (int p = 0; p < 8; p++) {
    scales[p] = (uint8_t)clamp((int)lrintf(parts[p].scale * inverse(ds)), 0, 63);
    mins[p] = (uint8_t)clamp((int)lrintf(parts[p].least * inverse(dm)), 0, 63);
    float over = inverse(ds * (float)scales[p]);
    for (int i = 32 * p; i < 32 * p + 32; i++)
      quants[i] = (uint8_t)clamp((int)lrintf((x[i] + dm * (float)mins[p]) * over), 0, top);
  }
  for (int i = 0; i < 4; i++) {
    packed[i] = (uint8_t)(scales[i] | scales[i + 4] >> 4 << 6);
    packed[i + 4] = (uint8_t)(mins[i] | mins[i + 4] >> 4 << 6);
    packed[i + 8] = (uint8_t)((scales[i + 4] & 15) | (mins[i + 4] & 15) << 4);
  }
}

static void write_q4_k(const float *x, k_q4_k *b) {
  uint8_t q[K_LARGE];
  write_parts(x, 15, &b->d, &b->dmin, b->scales, q);
  for (int i = 0; i < 128; i++) {
    const uint8_t *from = q + i / 32 * 64 + i % 32;
    b->quants[i] = (uint8_t)(from[0] | from[32] << 4);
  }
}

static void write_q5_k(const float *x, k_q5_k *b) {
  uint8_t q[K_LARGE];
  write_parts(x, 31, &b->d, &b->dmin, b->scales, q);
  memset(b->high, 0, sizeof b->high);
  for (int i = 0; i < K_LARGE; i++) b->high[i % 32] |= (uint8_t)(q[i] >> 4 << i / 32);
  for (int i = 0; i < 128; i++) {
    const uint8_t *from = q + i / 32 * 64 + i % 32;
    b->quants[i] = (uint8_t)((from[0] & 15) | (from[32] & 15) << 4);
  }
}

/* ---- Parts with a scale: x ≈ scale·q, q from −32 to 31, scale of either sign ---- */

static double signed_error(const float *x, float scale, float *refined) {
  double xq = 0, qq = 0, sum = 0;
  float over = inverse(scale);
  for (int i = 0; i < 16; i++) {
    int q = clamp((int)lrintf(x[i] * over), -32, 31);
    double off = (double)(scale * (float)q - x[i]);
    sum += off * off;
    xq += (double)x[i] * q;
    qq += q * q;
  }
  *refined = qq > 0 ? (float)(xq / qq) : scale;
  return sum;
}

static float best_scale(const float *x) {
  float top = greatest(16, x), best = top / -32, refined, again;
  if (top == 0) return 0;
  double least = signed_error(x, best, &refined);
  for (int step = -12; step <= 12; step++) {
    signed_error(x, top / (-32 + 0.1F * (float)step), &refined);
    double error = signed_error(x, refined, &again);
    if (error < least) {
      least = error;
      best = refined;
    }
  }
  return best;
}

static void write_q6_k(const float *x, k_q6_k *b) {
  float scales[16];
  uint8_t q[K_LARGE];
  for (int p = 0; p < 16; p++) scales[p] = best_scale(x + 16 * p);
  b->d = rapt__to_half(greatest(16, scales) / -128);
  float d = rapt__from_half(b->d);
  for (int p = 0; p < 16; p++) {
    b->scales[p] = (int8_t)clamp((int)lrintf(scales[p] * inverse(d)), -128, 127);
    float over = inverse(d * (float)b->scales[p]);
    for (int i = 16 * p; i < 16 * p + 16; i++) q[i] = (uint8_t)(clamp((int)lrintf(x[i] * over), -32, 31) + 32);
  }
  for (int half = 0; half < 2; half++)
    for (int l = 0; l < 32; l++) {
      const uint8_t *from = q + 128 * half + l;
      b->low[64 * half + l] = (uint8_t)((from[0] & 15) | (from[64] & 15) << 4);
      b->low[64 * half + 32 + l] = (uint8_t)((from[32] & 15) | (from[96] & 15) << 4);
      b->high[32 * half + l] = (uint8_t)(from[0] >> 4 | from[32] >> 4 << 2 | from[64] >> 4 << 4 | from[96] >> 4 << 6);
    }
}

EACH_BLOCK(q4_k, K_LARGE)
EACH_BLOCK(q5_k, K_LARGE)
EACH_BLOCK(q6_k, K_LARGE)

void rapt__blocks_write_ref(k_kernels *t) {
  t->blocks[K_BLOCK_Q4_0].write = k_write_q4_0_ref;
  t->blocks[K_BLOCK_Q5_0].write = k_write_q5_0_ref;
  t->blocks[K_BLOCK_Q8_0].write = k_write_q8_0_ref;
  t->blocks[K_BLOCK_Q4_K].write = k_write_q4_k_ref;
  t->blocks[K_BLOCK_Q5_K].write = k_write_q5_k_ref;
  t->blocks[K_BLOCK_Q6_K].write = k_write_q6_k_ref;
}
