/* Sums, maxima and layout with NEON: the bodies of kernels/simd/ compiled for it. */
#include "kernels/neon/simd.h"
#include "kernels/simd/reduce.h"

void rapt__reduce_neon(k_kernels *t) { set_reduce(t); }
