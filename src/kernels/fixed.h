/* Products of few rows with one matrix that stays the same over many of them: a layer's weights over the steps of time.
 * The matrix is brought into the micro-kernel's order once, by independent units; a step then only reads it. */
#ifndef RAPT_SRC_FIXED_H
#define RAPT_SRC_FIXED_H

#include "kernels/kernels.h"

typedef struct k_fixed {
  int64_t k, n;
  const real *b; /* B (k, n): B[p, j] at b[p·b_row + j·b_col], one stride 1 */
  int64_t b_row, b_col;
  bool by_row; /* one row of A at a time instead of tiles. Rounds differently, so it must follow from shapes alone */
} k_fixed;

enum { K_FIXED_FEW = 3 }; /* with so many rows at most, `by_row` is faster */

/* Looks at sizes and strides alone. Units of packing, and bytes that they share. */
int64_t rapt__fixed_units(const k_kernels *k, const k_fixed *f);
size_t rapt__fixed_bytes(const k_kernels *k, const k_fixed *f);
void rapt__fixed_pack(const k_kernels *k, const k_fixed *f, int64_t unit, void *shared);

/* C = or += A (rows, k; row stride lda)·B. C has the row stride rapt__fixed_stride; columns past n hold nothing of use
 * afterwards. A row's result does not depend on the rows beside it. `turn` counts the products: every other one of those by
 * row walks through B backwards, and finds near what the one before had last; they add up in another order. */
int64_t rapt__fixed_stride(const k_kernels *k, const k_fixed *f);
void rapt__fixed_product(const k_kernels *k, const k_fixed *f, const void *shared, int64_t rows, const real *a,
                         int64_t lda, real *c, bool accumulate, int64_t turn);

#endif
