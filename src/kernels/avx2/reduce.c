/* Sums, maxima and layout with AVX2 and FMA: the bodies of kernels/simd/ compiled for it. */
#include "kernels/avx2/simd.h"
#include "kernels/simd/reduce.h"

void rapt__reduce_avx2(k_kernels *t) { set_reduce(t); }
