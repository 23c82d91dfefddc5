/* Conversions between float and the two formats of two bytes. */
#include "base/half.h"

#include <string.h>

enum { SIGN = 0x8000, INFINITE = 0x7C00, QUIET = 0x200 }; /* of a half */
static const uint32_t infinite = 0x7F800000;              /* of a float without its sign, as the next two */
static const uint32_t too_large = 0x477FF000;             /* 65520 and more round to infinity */
static const uint32_t normal = 0x38800000;                /* 2⁻¹⁴: below, halves are equally far apart */

static uint32_t bits_of(float x) {
  uint32_t bits;
  memcpy(&bits, &x, sizeof bits);
  return bits;
}

static float from_bits(uint32_t bits) {
  float x;
  memcpy(&x, &bits, sizeof x);
  return x;
}

float rapt__from_half(uint16_t h) {
  uint32_t sign = (uint32_t)(h & SIGN) << 16, exponent = h >> 10 & 31, mantissa = h & 0x3FF;
  if (exponent == 31) return from_bits(sign | infinite | mantissa << 13);
  if (exponent == 0) {
    float f = (float)mantissa * 0x1p-24f;
    return sign ? -f : f;
  }
  return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
}

float rapt__from_bfloat(uint16_t h) { return from_bits((uint32_t)h << 16); }

uint16_t rapt__to_half(float x) {
  uint32_t bits = bits_of(x), sign = bits >> 16 & SIGN, size = bits & 0x7FFFFFFF;
  if (size > infinite) return (uint16_t)(sign | INFINITE | QUIET);
  if (size >= too_large) return (uint16_t)(sign | INFINITE);
  /* Neighbours of 0.5 are 2⁻²⁴ apart, as small halves are: the sum is rounded as they must be. */
  if (size < normal) return (uint16_t)(sign | (bits_of(from_bits(size) + 0.5F) - bits_of(0.5F)));
  size += 0xFFF + (size >> 13 & 1);
  return (uint16_t)(sign | (size - ((uint32_t)112 << 23)) >> 13);
}

uint16_t rapt__to_bfloat(float x) {
  uint32_t bits = bits_of(x);
  if ((bits & 0x7FFFFFFF) > infinite) return (uint16_t)(bits >> 16 | 0x40); /* stays not a number */
  return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}
