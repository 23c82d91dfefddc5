/* C = A·Wᵀ with weights in blocks: few rows of A as products of integers, many by reading panels of W as numbers for the product of
 * gemm.h. Which one follows from the sizes alone. */
#ifndef RAPT_SRC_BLOCKS_PRODUCT_H
#define RAPT_SRC_BLOCKS_PRODUCT_H

#include "kernels/gemm.h"

/* As rapt__gemm_plan and rapt__gemm_units. Of `g` b is not looked at: `rows` has the n rows of W, g->k elements each, as type
 * `block` (K_BLOCK_…) stores them. A has unit column stride, alpha is 1, and nothing is accumulated. */
void rapt__blocks_plan(const k_kernels *k, const k_gemm *g, int block, k_gemm_plan *plan);
void rapt__blocks_units(const k_kernels *k, const k_gemm *g, int block, const void *rows, const k_gemm_plan *plan,
                        int phase, int64_t begin, int64_t end, void *shared, void *scratch);

#endif
