/* Optimizers' updates with NEON: the bodies of kernels/simd/ compiled for it. */
#include "kernels/neon/simd.h"
#include "kernels/simd/optim.h"

void rapt__optim_neon(k_kernels *t) { set_optim(t); }
