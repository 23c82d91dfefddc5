/* How numbers lie in a file: one after the other, or in blocks that share a scale (GGML's). One list: a name, the number that
 * GGUF files use, elements of a block, bytes of a block. */
#ifndef RAPT_SRC_TYPES_H
#define RAPT_SRC_TYPES_H

#include "base/base.h"

/* Computed with are F32 and the first list, which weights may have in memory too; the others are known by name and size only. */
/* clang-format off */
#define RAPT__WEIGHT_TYPE_LIST(X)                                                                                      \
  X(F16, 1, 1, 2) X(BF16, 30, 1, 2) X(Q4_0, 2, 32, 18) X(Q5_0, 6, 32, 22) X(Q8_0, 8, 32, 34)                           \
      X(Q4_K, 12, 256, 144) X(Q5_K, 13, 256, 176) X(Q6_K, 14, 256, 210)
#define RAPT__OTHER_TYPE_LIST(X)                                                                                       \
  X(Q4_1, 3, 32, 20) X(Q5_1, 7, 32, 24) X(Q8_1, 9, 32, 36) X(Q2_K, 10, 256, 84) X(Q3_K, 11, 256, 110)                  \
      X(Q8_K, 15, 256, 292) X(IQ2_XXS, 16, 256, 66) X(IQ2_XS, 17, 256, 74) X(IQ3_XXS, 18, 256, 98)                     \
      X(IQ1_S, 19, 256, 50) X(IQ4_NL, 20, 32, 18) X(IQ3_S, 21, 256, 110) X(IQ2_S, 22, 256, 82)                         \
      X(IQ4_XS, 23, 256, 136) X(I8, 24, 1, 1) X(I16, 25, 1, 2) X(I32, 26, 1, 4) X(I64, 27, 1, 8) X(F64, 28, 1, 8)      \
      X(IQ1_M, 29, 256, 56) X(TQ1_0, 34, 256, 54) X(TQ2_0, 35, 256, 66) X(MXFP4, 39, 32, 17)
/* clang-format on */

typedef enum rapt__type {
#define RAPT__TYPE_ENUM(name, number, elements, bytes) RAPT__##name = (number),
  RAPT__TYPE_ENUM(F32, 0, 1, 4) RAPT__WEIGHT_TYPE_LIST(RAPT__TYPE_ENUM) RAPT__OTHER_TYPE_LIST(RAPT__TYPE_ENUM)
#undef RAPT__TYPE_ENUM
} rapt__type;

typedef struct rapt__type_info {
  rapt__type type;
  const char *name; /* "Q4_K" */
  int64_t elements; /* of a block; 1: no blocks */
  size_t bytes;     /* of a block */
  bool computed;    /* rapt reads, writes and computes with it */
} rapt__type_info;

/* By number, or NULL. */
const rapt__type_info *rapt__type_of(uint32_t number);
/* By name in any case, or NULL. */
const rapt__type_info *rapt__type_named(const char *name);
/* Bytes of a row of n elements, a multiple of the block. */
static inline size_t rapt__type_row(const rapt__type_info *info, int64_t n) {
  return (size_t)(n / info->elements) * info->bytes;
}

#endif
