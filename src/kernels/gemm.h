/* Blocked matrix product over the micro-kernels of a k_kernels table (the scheme of Goto & van de Geijn 2008 and BLIS):
 * B is packed once for all workers, then row blocks of C are independent. Every C element is summed over k in the same order
 * whatever the number of workers. */
#ifndef RAPT_SRC_GEMM_H
#define RAPT_SRC_GEMM_H

#include "kernels/kernels.h"

/* Splits one product into two phases of independent units:
 *   phase 0: units pack B into the shared buffer (there may be no unit: small and skinny products do not pack);
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
void rapt__gemm_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int phase, int64_t unit,
                     void *shared, void *scratch);
/* The whole product on this thread, with scratch of the size that rapt__gemm_scratch says. */
size_t rapt__gemm_scratch(const k_kernels *k, const k_gemm *g);
void rapt__gemm(const k_kernels *k, const k_gemm *g, void *scratch);

#endif
