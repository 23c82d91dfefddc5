/* Sums, maxima and layout over the vectors of whichever simd.h was included before.
 *
 * Blocks of 4096 elements are summed in four vectors of lanes and the blocks' sums in double: the order depends on n alone,
 * and the error of a long sum stays that of a short one. */
#include "kernels/simd/math.h"

#define BLOCK 4096

#define SUM(n, term)                                                                                                   \
  double total = 0;                                                                                                    \
  for (int64_t start = 0; start < (n); start += BLOCK) {                                                               \
    int64_t end = (n)-start < BLOCK ? (n) : start + BLOCK, i = start;                                                  \
    vf lane[4] = {vf_set(0), vf_set(0), vf_set(0), vf_set(0)};                                                         \
    for (; i + 4 * VF_WIDTH <= end; i += 4 * VF_WIDTH) {                                                               \
      for (int j = 0; j < 4; j++) lane[j] = term(lane[j], i + j * VF_WIDTH, vf_load);                                  \
    }                                                                                                                  \
    for (; i + VF_WIDTH <= end; i += VF_WIDTH) lane[0] = term(lane[0], i, vf_load);                                    \
    int64_t left = end - i;                                                                                            \
    if (left > 0) lane[1] = term(lane[1], i, PART);                                                                    \
    total += (double)vf_sum((lane[0] + lane[1]) + (lane[2] + lane[3]));                                                \
  }                                                                                                                    \
  return (real)total;

#define PART(p) vf_load_part(p, left)
#define TERM_SUM(lane, i, load) ((lane) + load(x + (i)))
#define TERM_DOT(lane, i, load) vf_fma(load(a + (i)), load(b + (i)), lane)

static real K_ISA(k_sum)(int64_t n, const real *x) { SUM(n, TERM_SUM) }

static real K_ISA(k_dot)(int64_t n, const real *a, const real *b) { SUM(n, TERM_DOT) }

static real K_ISA(k_sum_squares)(int64_t n, const real *x) { return K_ISA(k_dot)(n, x, x); }

static real K_ISA(k_max)(int64_t n, const real *x) {
  vf most = vf_set(-INFINITY), more = most;
  int64_t i = 0;
  for (; i + 2 * VF_WIDTH <= n; i += 2 * VF_WIDTH) {
    most = vf_max(most, vf_load(x + i));
    more = vf_max(more, vf_load(x + i + VF_WIDTH));
  }
  for (; i < n; i += VF_WIDTH) {
    int64_t left = n - i;
    vf v = vf_select(vi_first(left), vf_load_upto(x + i, left), vf_set(-INFINITY));
    most = vf_max(most, v);
  }
  float lane[VF_WIDTH];
  vf_store(lane, vf_max(most, more));
  for (int j = 1; j < VF_WIDTH; j++) lane[0] = lane[j] > lane[0] || lane[j] != lane[j] ? lane[j] : lane[0];
  return lane[0];
}

/* Strips of four vectors stay in registers while the rows go by. */
static void K_ISA(k_column_sum)(int64_t rows, int64_t n, const real *x, int64_t ldx, real *y, bool accumulate) {
  int64_t j = 0;
  for (; j + 4 * VF_WIDTH <= n; j += 4 * VF_WIDTH) {
    vf sum[4];
    for (int k = 0; k < 4; k++) sum[k] = accumulate ? vf_load(y + j + k * VF_WIDTH) : vf_set(0);
    for (int64_t i = 0; i < rows; i++) {
      for (int k = 0; k < 4; k++) sum[k] += vf_load(x + i * ldx + j + k * VF_WIDTH);
    }
    for (int k = 0; k < 4; k++) vf_store(y + j + k * VF_WIDTH, sum[k]);
  }
  for (; j < n; j += VF_WIDTH) {
    vf sum = accumulate ? vf_load_upto(y + j, n - j) : vf_set(0);
    for (int64_t i = 0; i < rows; i++) sum += vf_load_upto(x + i * ldx + j, n - j);
    vf_store_upto(y + j, n - j, sum);
  }
}

static void transpose_edge(int64_t rows, int64_t cols, const real *x, int64_t ldx, real *y, int64_t ldy) {
  for (int64_t j = 0; j < cols; j++) {
    for (int64_t i = 0; i < rows; i++) y[j * ldy + i] = x[i * ldx + j];
  }
}

static void K_ISA(k_transpose)(int64_t rows, int64_t cols, const real *x, int64_t ldx, real *y, int64_t ldy) {
  int64_t i = 0, whole = cols - cols % VF_WIDTH;
  for (; i + VF_WIDTH <= rows; i += VF_WIDTH) {
    for (int64_t j = 0; j < whole; j += VF_WIDTH) vf_transpose(x + i * ldx + j, ldx, y + j * ldy + i, ldy);
    transpose_edge(VF_WIDTH, cols - whole, x + i * ldx + whole, ldx, y + whole * ldy + i, ldy);
  }
  transpose_edge(rows - i, cols, x + i * ldx, ldx, y + i, ldy);
}

static inline void set_reduce(k_kernels *t) {
  t->sum = K_ISA(k_sum);
  t->sum_squares = K_ISA(k_sum_squares);
  t->dot = K_ISA(k_dot);
  t->max = K_ISA(k_max);
  t->column_sum = K_ISA(k_column_sum);
  t->transpose = K_ISA(k_transpose);
}
