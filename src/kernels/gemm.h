/* Matrix product over the micro-kernels of a k_kernels table (blocked after Goto & van de Geijn 2008 and BLIS). Every element
 * of C is summed over k in an order that follows from the sizes and layouts alone, whatever the number of workers. */
#ifndef RAPT_SRC_GEMM_H
#define RAPT_SRC_GEMM_H

#include "kernels/kernels.h"

/* Splits one product into two phases of independent units:
 *   phase 0: units pack B into the shared buffer (there may be no unit: most products do not);
 *   phase 1: units compute blocks of C, each with its own scratch.
 * `units[phase]`, and bytes of shared and per-worker scratch (64-byte aligned by the caller), follow from the sizes and the
 * table alone. */
typedef struct k_gemm_plan {
  int64_t units[2];
  size_t shared_bytes, worker_bytes;
  int64_t mc, nc, kc; /* block sizes chosen */
  int path;           /* which of the paths in gemm.c */
} k_gemm_plan;

/* Looks only at the sizes, strides and epilogue of `g`; pointers may be NULL here. */
void rapt__gemm_plan(const k_kernels *k, const k_gemm *g, k_gemm_plan *plan);
/* Units [begin, end) of a phase. The bits do not depend on how they are dealt out; the more at once, the less is packed twice. */
void rapt__gemm_units(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int phase, int64_t begin,
                      int64_t end, void *shared, void *scratch);
/* The whole product on this thread, with scratch of the size that rapt__gemm_scratch says. */
size_t rapt__gemm_scratch(const k_kernels *k, const k_gemm *g);
void rapt__gemm(const k_kernels *k, const k_gemm *g, void *scratch);
/* Bias, activation and residual over a block of C. */
void rapt__gemm_epilogue(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1);

#endif
