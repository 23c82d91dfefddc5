/* The blocked matrix product. Units are independent blocks of rows and columns of C; each walks k in blocks that fit the
 * first cache and finishes with the epilogue while its part of C is still near. B is packed into panels once for all units,
 * or by each unit for itself where no other unit would use the panel. Very few rows or columns are matrix times vector. */
#include "kernels/gemm.h"

#include <string.h>

enum {
  FEW_ROWS,    /* row by row over columns of B */
  FEW_COLUMNS, /* column by column over rows of A */
  OWN_PANELS,  /* blocked; each unit packs the panels of B it needs, one at a time */
  SHARED_PANELS
};

/* A panel of B (KC, 16 floats) takes half of the first cache; a block of A (ROWS, KC) a tenth of the second. */
enum { KC = 256, ROWS = 72, COLUMNS = 1024, EDGE = 32 * 32 };
enum { FEW = 4, PACK_PANELS = 8, GOOD_UNITS = 8 };
enum { UNIT_FLOPS = 1 << 18 }; /* less is not worth waking a worker for */
enum {
  VECTOR_ELEMENTS = 1 << 16
}; /* of the matrix that a unit of a matrix-vector product reads: stays in the second cache */

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int choose_path(const k_gemm *g) {
  if (g->k > 0 && g->m <= FEW && (g->b_col == 1 || g->b_row == 1)) return FEW_ROWS;
  if (g->k > 0 && g->n <= FEW && (g->a_col == 1 || g->a_row == 1)) return FEW_COLUMNS;
  return g->m <= ROWS ? OWN_PANELS : SHARED_PANELS;
}

/* Splits C until there are enough units for several workers, unless they would become too small. */
static void plan_blocks(const k_kernels *k, const k_gemm *g, k_gemm_plan *plan) {
  int64_t mr = k->gemm_mr, nr = k->gemm_nr, rows = up(g->m, ROWS), columns = up(g->n, COLUMNS);
  double units = 2.0 * (double)g->m * (double)g->n * (double)g->k / UNIT_FLOPS;
  int64_t wanted = units >= GOOD_UNITS ? GOOD_UNITS : (int64_t)units;
  while (rows * columns < wanted) {
    if (g->n >= 256 * (columns + 1) || (plan->path == OWN_PANELS && g->n >= nr * (columns + 1))) {
      columns++;
    } else if (plan->path == SHARED_PANELS && g->m >= 4 * mr * (rows + 1)) {
      rows++;
    } else if (g->n >= 4 * nr * (columns + 1)) {
      columns++;
    } else {
      break;
    }
  }
  plan->mc = up(up(g->m, rows), mr) * mr;
  plan->nc = up(up(g->n, columns), nr) * nr;
  plan->kc = g->k > 0 ? up(g->k, up(g->k, KC)) : 1;
  plan->units[1] = up(g->m, plan->mc) * up(g->n, plan->nc);
  int64_t panels = up(g->n, nr);
  if (plan->path == SHARED_PANELS && g->k > 0) {
    plan->units[0] = up(panels, PACK_PANELS);
    plan->shared_bytes = (size_t)(panels * nr * g->k) * sizeof(real);
  }
  int64_t own = plan->path == OWN_PANELS ? nr * plan->kc : 0;
  plan->worker_bytes = (size_t)(EDGE + own + plan->mc * plan->kc) * sizeof(real);
}

void rapt__gemm_plan(const k_kernels *k, const k_gemm *g, k_gemm_plan *plan) {
  *plan = (k_gemm_plan){.path = choose_path(g)};
  if (g->m < 1 || g->n < 1) return;
  if (plan->path == FEW_ROWS) {
    /* Of a matrix that no cache holds, strips must be wide enough to be read as streams. */
    plan->nc = up(most(VECTOR_ELEMENTS / g->k, least(g->n / GOOD_UNITS, 512)), 64) * 64;
    plan->units[1] = up(g->n, plan->nc);
    plan->worker_bytes = (size_t)g->k * sizeof(real);
  } else if (plan->path == FEW_COLUMNS) {
    plan->mc = up(most(VECTOR_ELEMENTS / g->k, least(g->m / GOOD_UNITS, 512)), 64) * 64;
    plan->units[1] = up(g->m, plan->mc);
    plan->worker_bytes = (size_t)(g->k + plan->mc) * sizeof(real);
  } else {
    plan_blocks(k, g, plan);
  }
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

/* alpha·x with stride 1: x itself where it is that already. */
static const real *vector(int64_t n, const real *x, int64_t step, real alpha, real *room) {
  if (step == 1 && alpha == 1) return x;
  for (int64_t i = 0; i < n; i++) room[i] = alpha * x[i * step];
  return room;
}

static void few_rows_unit(const k_kernels *k, const k_gemm *g, int64_t j0, int64_t j1, real *scratch) {
  for (int64_t i = 0; i < g->m; i++) {
    const real *a = vector(g->k, g->a + i * g->a_row, g->a_col, g->alpha, scratch);
    real *c = g->c + i * g->c_row + j0;
    if (g->b_col == 1) {
      k->gevm(g->k, j1 - j0, a, g->b + j0, g->b_row, c, g->accumulate);
    } else {
      k->gemv(j1 - j0, g->k, g->b + j0 * g->b_col, g->b_col, a, c, g->accumulate);
    }
  }
  epilogue(k, g, 0, g->m, j0, j1);
}

static void few_columns_unit(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, real *scratch) {
  bool direct = g->c_row == 1 && g->n == 1;
  for (int64_t j = 0; j < g->n; j++) {
    const real *b = vector(g->k, g->b + j * g->b_col, g->b_row, g->alpha, scratch);
    real *y = direct ? g->c + i0 : scratch + g->k;
    if (g->a_col == 1) {
      k->gemv(i1 - i0, g->k, g->a + i0 * g->a_row, g->a_row, b, y, direct && g->accumulate);
    } else {
      k->gevm(g->k, i1 - i0, b, g->a + i0, g->a_col, y, direct && g->accumulate);
    }
    for (int64_t i = i0; i < i1 && !direct; i++) {
      real *c = g->c + i * g->c_row + j;
      *c = g->accumulate ? *c + y[i - i0] : y[i - i0];
    }
  }
  epilogue(k, g, i0, i1, 0, g->n);
}

/* One tile at the border of C: computed in full beside it, then the part that exists is copied. */
static void edge_tile(const k_kernels *k, int64_t depth, const real *a, int64_t a_row, int64_t a_col, const real *b,
                      real *c, int64_t c_row, int64_t rows, int64_t columns, bool accumulate, real *tile) {
  k->gemm_tile(depth, a, a_row, a_col, b, tile, k->gemm_nr, false);
  for (int64_t i = 0; i < rows; i++) {
    const real *from = tile + i * k->gemm_nr;
    real *to = c + i * c_row;
    for (int64_t j = 0; j < columns; j++) to[j] = accumulate ? to[j] + from[j] : from[j];
  }
}

/* Steps of k of a transposed A, `width` neighbours each. A constant width makes each a move or two. */
static inline void copy_steps(int64_t width, int64_t depth, const real *a, int64_t a_col, real *to) {
  for (int64_t p = 0; p < depth; p++) memcpy(to + p * width, a + p * a_col, (size_t)width * sizeof *to);
}

/* Rows of A as a panel (depth, mr), zero-filled: for transposed A, whose steps lie far apart, and for the last rows, whose
 * tile must be whole. */
static void pack_rows(int64_t rows, int64_t mr, int64_t depth, const real *a, int64_t a_row, int64_t a_col, real *to) {
  if (rows == mr && a_row == 1 && (mr == 4 || mr == 6 || mr == 8)) {
    if (mr == 4) copy_steps(4, depth, a, a_col, to);
    if (mr == 6) copy_steps(6, depth, a, a_col, to);
    if (mr == 8) copy_steps(8, depth, a, a_col, to);
    return;
  }
  for (int64_t p = 0; p < depth; p++, a += a_col, to += mr) {
    for (int64_t i = 0; i < rows; i++) to[i] = a[i * a_row];
    for (int64_t i = rows; i < mr; i++) to[i] = 0;
  }
}

/* C (i0…i1, j0…j0 + columns) of one panel of B over one block of k that starts at p0. `rows` holds the packed rows of A. */
static void panel_product(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t columns,
                          int64_t p0, int64_t depth, const real *rows, bool all_packed, const real *b, real *tile) {
  int64_t mr = k->gemm_mr;
  bool add = g->accumulate || p0 > 0;
  for (int64_t i = i0; i < i1; i += mr) {
    bool whole = i1 - i >= mr, packed = all_packed || !whole;
    const real *a = packed ? rows + (i - i0) * depth : g->a + i * g->a_row + p0 * g->a_col;
    int64_t a_row = packed ? 1 : g->a_row, a_col = packed ? mr : g->a_col;
    real *c = g->c + i * g->c_row + j0;
    if (whole && columns >= k->gemm_nr) {
      k->gemm_tile(depth, a, a_row, a_col, b, c, g->c_row, add);
    } else {
      edge_tile(k, depth, a, a_row, a_col, b, c, g->c_row, least(mr, i1 - i), columns, add, tile);
    }
  }
}

static void blocked_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t unit, const real *shared,
                         real *scratch) {
  int64_t mr = k->gemm_mr, nr = k->gemm_nr, row_blocks = up(g->m, plan->mc), panels = up(g->n, nr);
  int64_t i0 = unit % row_blocks * plan->mc, i1 = least(i0 + plan->mc, g->m);
  int64_t j0 = unit / row_blocks * plan->nc, j1 = least(j0 + plan->nc, g->n);
  real *tile = scratch, *rows = scratch + EDGE, *own = rows + plan->mc * plan->kc;
  bool all_packed = g->a_col != 1;
  if (g->k == 0 && !g->accumulate) {
    for (int64_t i = i0; i < i1; i++) memset(g->c + i * g->c_row + j0, 0, (size_t)(j1 - j0) * sizeof(real));
  }
  for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
    int64_t depth = least(plan->kc, g->k - p0);
    for (int64_t i = i0; i < i1; i += mr) {
      if (!all_packed && i1 - i >= mr) continue;
      pack_rows(least(mr, i1 - i), mr, depth, g->a + i * g->a_row + p0 * g->a_col, g->a_row, g->a_col,
                rows + (i - i0) * depth);
    }
    for (int64_t j = j0; j < j1; j += nr) {
      int64_t columns = least(nr, j1 - j);
      const real *b = own;
      if (plan->path == SHARED_PANELS) {
        b = shared + p0 * panels * nr + j * depth;
      } else {
        k->gemm_pack_b(depth, columns, g->b + p0 * g->b_row + j * g->b_col, g->b_row, g->b_col, g->alpha, own);
      }
      panel_product(k, g, i0, i1, j, columns, p0, depth, rows, all_packed, b, tile);
    }
  }
  epilogue(k, g, i0, i1, j0, j1);
}

static void pack_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t unit, real *shared) {
  int64_t nr = k->gemm_nr, panels = up(g->n, nr), j0 = unit * PACK_PANELS * nr;
  int64_t columns = least(PACK_PANELS * nr, g->n - j0);
  for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
    int64_t depth = least(plan->kc, g->k - p0);
    k->gemm_pack_b(depth, columns, g->b + p0 * g->b_row + j0 * g->b_col, g->b_row, g->b_col, g->alpha,
                   shared + p0 * panels * nr + j0 * depth);
  }
}

void rapt__gemm_unit(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int phase, int64_t unit,
                     void *shared, void *scratch) {
  if (phase == 0) {
    pack_unit(k, g, plan, unit, shared);
  } else if (plan->path == FEW_ROWS) {
    few_rows_unit(k, g, unit * plan->nc, least((unit + 1) * plan->nc, g->n), scratch);
  } else if (plan->path == FEW_COLUMNS) {
    few_columns_unit(k, g, unit * plan->mc, least((unit + 1) * plan->mc, g->m), scratch);
  } else {
    blocked_unit(k, g, plan, unit, shared, scratch);
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
  for (int phase = 0; phase < 2; phase++) {
    for (int64_t u = 0; u < plan.units[phase]; u++) rapt__gemm_unit(k, g, &plan, phase, u, scratch, worker);
  }
}
