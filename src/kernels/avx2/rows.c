/* Softmax, normalisation and rotation of rows with AVX2 and FMA: the bodies of kernels/simd/ compiled for it. */
#include "kernels/avx2/simd.h"
#include "kernels/simd/rows.h"

void rapt__rows_avx2(k_kernels *t) { set_rows(t); }
