/* Softmax, normalisation and rotation of rows with NEON: the bodies of kernels/simd/ compiled for it. */
#include "kernels/neon/simd.h"
#include "kernels/simd/rows.h"

void rapt__rows_neon(k_kernels *t) { set_rows(t); }
