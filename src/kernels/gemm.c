/* The blocked matrix product. B is packed into panels once; then blocks of rows and columns of C are independent units, each
 * of which walks k in blocks that fit the first cache and finishes with the epilogue while its part of C is still near. */
#include "kernels/gemm.h"

#include <string.h>

enum { SKINNY, BLOCKED };
enum { KC = 256, ROWS = 72, COLUMNS = 1024, SKINNY_ROWS = 3, SKINNY_COLUMNS = 512, EDGE = 32 * 32 };

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

static bool skinny(const k_gemm *g) {
  return g->m <= SKINNY_ROWS && g->a_col == 1 && (g->b_col == 1 || g->b_row == 1) && g->alpha == 1;
}

void rapt__gemm_plan(const k_kernels *k, const k_gemm *g, k_gemm_plan *plan) {
  *plan = (k_gemm_plan){.path = skinny(g) ? SKINNY : BLOCKED, .kc = KC, .mc = ROWS, .nc = COLUMNS};
  if (g->m < 1 || g->n < 1) return;
  if (plan->path == SKINNY) {
    plan->nc = SKINNY_COLUMNS;
    plan->units[1] = up(g->n, plan->nc);
    return;
  }
  int64_t nr = k->gemm_nr, panels = up(g->n, nr);
  plan->units[0] = g->k > 0 ? up(panels, 8) : 0;
  plan->units[1] = up(g->m, plan->mc) * up(g->n, plan->nc);
  plan->shared_bytes = (size_t)(panels * nr * g->k) * sizeof(real);
  plan->worker_bytes = (EDGE + (size_t)(ROWS + 16) * KC) * sizeof(real);
}

/* bias, activation and residual over a block of C. */
static void epilogue(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  int64_t n = j1 - j0;
  if (!g->bias && g->activation < 0 && !g->residual && !g->before) return;
  for (int64_t i = i0; i < i1; i++) {
    real *c = g->c + i * g->c_row + j0;
    if (g->bias) k->binary[K_BINARY_add](n, c, 1, g->bias + j0, 1, c);
    if (g->before) memcpy(g->before + i * g->c_row + j0, c, (size_t)n * sizeof *c);
    if (g->activation >= 0) k->unary[g->activation](n, c, c);
    if (g->residual) k->binary[K_BINARY_add](n, c, 1, g->residual + i * g->residual_row + j0, 1, c);
  }
}

static void clear(const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  for (int64_t i = i0; i < i1; i++) memset(g->c + i * g->c_row + j0, 0, (size_t)(j1 - j0) * sizeof(real));
}

static void skinny_unit(const k_kernels *k, const k_gemm *g, int64_t j0, int64_t j1) {
  for (int64_t i = 0; i < g->m; i++) {
    const real *a = g->a + i * g->a_row;
    real *c = g->c + i * g->c_row + j0;
    if (g->b_col == 1)
      k->gevm(g->k, j1 - j0, a, g->b + j0, g->b_row, c, g->accumulate);
    else
      k->gemv(j1 - j0, g->k, g->b + j0 * g->b_col, g->b_col, a, c, g->accumulate);
  }
  epilogue(k, g, 0, g->m, j0, j1);
}

/* One tile at the border of C: computed in full beside it, then the part that exists is copied. */
static void edge_tile(const k_kernels *k, int64_t depth, const real *a, int64_t a_row, int64_t a_col, const real *b,
                      real *c, int64_t c_row, int64_t rows, int64_t columns, bool accumulate, real *tile) {
  k->gemm_tile(depth, a, a_row, a_col, b, tile, k->gemm_nr, false);
  for (int64_t i = 0; i < rows; i++)
    for (int64_t j = 0; j < columns; j++)
      c[i * c_row + j] = accumulate ? c[i * c_row + j] + tile[i * k->gemm_nr + j] : tile[i * k->gemm_nr + j];
}

/* Rows of A as panels (depth, mr), zero-filled: for transposed A, and for the last rows, whose tile must be whole. */
static void pack_rows(const k_gemm *g, int64_t i0, int64_t rows, int64_t mr, int64_t p0, int64_t depth, real *to) {
  for (int64_t p = 0; p < depth; p++) {
    const real *a = g->a + i0 * g->a_row + (p0 + p) * g->a_col;
    for (int64_t i = 0; i < rows; i++) to[p * mr + i] = a[i * g->a_row];
    for (int64_t i = rows; i < mr; i++) to[p * mr + i] = 0;
  }
}

static void blocked_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t unit, const real *packed,
                         real *scratch) {
  int64_t mr = k->gemm_mr, nr = k->gemm_nr, row_blocks = up(g->m, plan->mc), panels = up(g->n, nr);
  int64_t i0 = unit % row_blocks * plan->mc, i1 = least(i0 + plan->mc, g->m);
  int64_t j0 = unit / row_blocks * plan->nc, j1 = least(j0 + plan->nc, g->n);
  real *tile = scratch, *rows = scratch + EDGE;
  bool pack_all = g->a_row == 1 && g->a_col != 1;
  if (g->k == 0 && !g->accumulate) clear(g, i0, i1, j0, j1);
  for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
    int64_t depth = least(plan->kc, g->k - p0);
    bool add = g->accumulate || p0 > 0;
    for (int64_t i = i0; i < i1; i += mr)
      if (pack_all || i1 - i < mr) pack_rows(g, i, least(mr, i1 - i), mr, p0, depth, rows + (i - i0) * depth);
    for (int64_t j = j0; j < j1; j += nr) {
      const real *b = packed + p0 * panels * nr + j * depth;
      for (int64_t i = i0; i < i1; i += mr) {
        bool whole = i1 - i >= mr;
        bool is_packed = pack_all || !whole;
        const real *a = is_packed ? rows + (i - i0) * depth : g->a + i * g->a_row + p0 * g->a_col;
        int64_t a_row = is_packed ? 1 : g->a_row, a_col = is_packed ? mr : g->a_col;
        real *c = g->c + i * g->c_row + j;
        if (whole && j1 - j >= nr)
          k->gemm_tile(depth, a, a_row, a_col, b, c, g->c_row, add);
        else
          edge_tile(k, depth, a, a_row, a_col, b, c, g->c_row, least(mr, i1 - i), least(nr, j1 - j), add, tile);
      }
    }
  }
  epilogue(k, g, i0, i1, j0, j1);
}

void rapt__gemm_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int phase, int64_t unit,
                     void *shared, void *scratch) {
  int64_t nr = k->gemm_nr, panels = up(g->n, nr);
  if (phase == 1 && plan->path == SKINNY) {
    skinny_unit(k, g, unit * plan->nc, least((unit + 1) * plan->nc, g->n));
  } else if (phase == 1) {
    blocked_unit(k, g, plan, unit, shared, scratch);
  } else {
    real *packed = shared;
    int64_t first = unit * 8, last = least(first + 8, panels);
    for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
      int64_t depth = least(plan->kc, g->k - p0);
      k->gemm_pack_b(depth, least(last * nr, g->n) - first * nr, g->b + p0 * g->b_row + first * nr * g->b_col, g->b_row,
                     g->b_col, g->alpha, packed + p0 * panels * nr + first * nr * depth);
    }
  }
}

size_t rapt__gemm_scratch(const k_kernels *k, const k_gemm *g) {
  k_gemm_plan plan;
  rapt__gemm_plan(k, g, &plan);
  return ((plan.shared_bytes + 63) & ~(size_t)63) + plan.worker_bytes;
}

void rapt__gemm(const k_kernels *k, const k_gemm *g, void *scratch) {
  k_gemm_plan plan;
  rapt__gemm_plan(k, g, &plan);
  char *worker = (char *)scratch + ((plan.shared_bytes + 63) & ~(size_t)63);
  for (int phase = 0; phase < 2; phase++)
    for (int64_t u = 0; u < plan.units[phase]; u++) rapt__gemm_unit(k, g, &plan, phase, u, scratch, worker);
}
