/* Optimizers' updates with AVX2 and FMA: the bodies of kernels/simd/ compiled for it. */
#include "kernels/avx2/simd.h"
#include "kernels/simd/optim.h"

void rapt__optim_avx2(k_kernels *t) { set_optim(t); }
