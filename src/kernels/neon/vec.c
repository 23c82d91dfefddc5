/* Elementwise kernels with NEON: the bodies of kernels/simd/ compiled for it. */
#include "kernels/neon/simd.h"
#include "kernels/simd/vec.h"

void rapt__vec_neon(k_kernels *t) { set_vec(t); }
