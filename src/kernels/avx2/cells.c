/* Steps of recurrent cells with AVX2 and FMA: the bodies of kernels/simd/ compiled for it. */
#include "kernels/avx2/simd.h"
#include "kernels/simd/cells.h"

void rapt__cells_avx2(k_kernels *t) { set_cells(t); }
