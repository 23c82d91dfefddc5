/* Numbers of two bytes: IEEE 754's binary16 ("float16"), and the upper half of a float ("bfloat16"). */
#ifndef RAPT_SRC_HALF_H
#define RAPT_SRC_HALF_H

#include <stdint.h>

float rapt__from_half(uint16_t half);
float rapt__from_bfloat(uint16_t half);
/* The nearest number, of two equally near ones the even one; what is too large becomes infinite. */
uint16_t rapt__to_half(float x);
uint16_t rapt__to_bfloat(float x);

#endif
