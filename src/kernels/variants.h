/* Every function that installs kernels: each overwrites the entries that its file has and leaves the rest.
 * dispatch.c names each in one line of its table. */
#ifndef RAPT_SRC_KERNELS_VARIANTS_H
#define RAPT_SRC_KERNELS_VARIANTS_H

#include "kernels/kernels.h"

void rapt__vec_ref(k_kernels *t);
void rapt__reduce_ref(k_kernels *t);
void rapt__rows_ref(k_kernels *t);
void rapt__random_ref(k_kernels *t);
void rapt__cells_ref(k_kernels *t);
void rapt__optim_ref(k_kernels *t);
void rapt__gemm_ref(k_kernels *t);
void rapt__blocks_ref(k_kernels *t);
void rapt__blocks_k_ref(k_kernels *t);
void rapt__blocks_write_ref(k_kernels *t);

#ifdef RAPT_HAVE_AVX2
void rapt__vec_avx2(k_kernels *t);
void rapt__reduce_avx2(k_kernels *t);
void rapt__rows_avx2(k_kernels *t);
void rapt__random_avx2(k_kernels *t);
void rapt__cells_avx2(k_kernels *t);
void rapt__optim_avx2(k_kernels *t);
void rapt__gemm_avx2(k_kernels *t);
void rapt__blocks_avx2(k_kernels *t);
void rapt__blocks_k_avx2(k_kernels *t);

void rapt__gemm_avx512(k_kernels *t);
#endif

#ifdef RAPT_HAVE_NEON
void rapt__vec_neon(k_kernels *t);
void rapt__reduce_neon(k_kernels *t);
void rapt__rows_neon(k_kernels *t);
void rapt__cells_neon(k_kernels *t);
void rapt__optim_neon(k_kernels *t);
void rapt__gemm_neon(k_kernels *t);
void rapt__blocks_neon(k_kernels *t);
void rapt__blocks_k_neon(k_kernels *t);
#endif

#endif
