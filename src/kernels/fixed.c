/* Products with a matrix that stays: panels for the micro-kernel, or rows for the matrix-vector kernel. */
#include "kernels/fixed.h"

enum { DEPTH = 256 };  /* steps of k: such a panel stays in the first cache for all tiles of rows */
enum { PIECE = 4096 }; /* elements that a product by row reads at a time: half of the first cache */
enum { UNIT_PANELS = 8, UNIT_ROWS = 64 };

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }

/* gevm reads a matrix whose rows are contiguous where it lies. */
static bool as_it_is(const k_fixed *f) { return f->by_row && f->b_col == 1; }

int64_t rapt__fixed_units(const k_kernels *k, const k_fixed *f) {
  if (as_it_is(f)) return 0;
  return f->by_row ? up(f->n, UNIT_ROWS) : up(f->n, UNIT_PANELS * k->gemm_nr);
}

size_t rapt__fixed_bytes(const k_kernels *k, const k_fixed *f) {
  return as_it_is(f) ? 0 : (size_t)(f->k * rapt__fixed_stride(k, f)) * sizeof(real);
}

void rapt__fixed_pack(const k_kernels *k, const k_fixed *f, int64_t unit, void *shared) {
  int64_t width = f->by_row ? UNIT_ROWS : UNIT_PANELS * k->gemm_nr, j = unit * width;
  int64_t columns = f->n - j < width ? f->n - j : width;
  if (f->by_row) {
    k->transpose(columns, f->k, f->b + j * f->b_col, f->b_col, (real *)shared + j, f->n);
  } else {
    k->gemm_pack_b(f->k, columns, f->b + j * f->b_col, f->b_row, f->b_col, 1, (real *)shared + j * f->k);
  }
}

int64_t rapt__fixed_stride(const k_kernels *k, const k_fixed *f) {
  return f->by_row ? f->n : up(f->n, k->gemm_nr) * k->gemm_nr;
}

/* Row by row, over pieces of B that the first cache holds beside others. */
static void product_by_row(const k_kernels *k, const k_fixed *f, const void *shared, int64_t rows, const real *a,
                           int64_t lda, real *c, bool accumulate, int64_t turn) {
  const real *b = as_it_is(f) ? f->b : shared;
  int64_t ldb = as_it_is(f) ? f->b_row : f->n, depth = PIECE / f->n < 8 ? 8 : PIECE / f->n / 8 * 8;
  int64_t pieces = up(f->k, depth);
  for (int64_t piece = 0; piece < pieces; piece++) {
    int64_t p = (turn % 2 ? pieces - 1 - piece : piece) * depth, steps = f->k - p < depth ? f->k - p : depth;
    for (int64_t i = 0; i < rows; i++)
      k->gevm(steps, f->n, a + i * lda + p, b + p * ldb, ldb, c + i * f->n, accumulate || piece > 0);
  }
}

void rapt__fixed_product(const k_kernels *k, const k_fixed *f, const void *shared, int64_t rows, const real *a,
                         int64_t lda, real *c, bool accumulate, int64_t turn) {
  if (f->by_row) {
    product_by_row(k, f, shared, rows, a, lda, c, accumulate, turn);
    return;
  }
  int64_t mr = k->gemm_mr, nr = k->gemm_nr, stride = rapt__fixed_stride(k, f);
  for (int64_t j = 0; j < f->n; j += nr) {
    for (int64_t p = 0; p < f->k; p += DEPTH) {
      int64_t depth = f->k - p < DEPTH ? f->k - p : DEPTH, i = 0;
      const real *b = (const real *)shared + j * f->k + p * nr;
      bool add = accumulate || p > 0;
      for (; i + mr <= rows; i += mr) k->gemm_tile(depth, a + i * lda + p, lda, 1, b, c + i * stride + j, stride, add);
      if (i < rows) k->gemm_part(rows - i, nr, depth, a + i * lda + p, lda, 1, b, nr, c + i * stride + j, stride, add);
    }
  }
}
