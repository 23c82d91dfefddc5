/* Steps of recurrent cells with NEON: the bodies of kernels/simd/ compiled for it. */
#include "kernels/neon/simd.h"
#include "kernels/simd/cells.h"

void rapt__cells_neon(k_kernels *t) { set_cells(t); }
