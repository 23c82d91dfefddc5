/* Elementwise kernels with AVX2 and FMA: the bodies of kernels/simd/ compiled for it. */
#include "kernels/avx2/simd.h"
#include "kernels/simd/vec.h"

void rapt__vec_avx2(k_kernels *t) { set_vec(t); }
