/* The matrix product: a path for every kind of shape, chosen in one function. Blocked products go through C in units that do not
 * depend on each other, each in blocks of k and of columns, so that a block of B stays in the second cache and a strip of A in
 * the first; the epilogue follows while the unit's part of C is near. */
#include "kernels/gemm.h"

#include <string.h>

enum {
  FEW_ROWS,    /* row by row over columns of B */
  FEW_COLUMNS, /* column by column over rows of A */
  DOTS,        /* few rows and B stored along k: dot products, for turning B would cost more than the product */
  STRAIGHT, /* blocked, B read where it lies: packing is not worth it for few rows, nor for a B that is near anyway */
  SHARED_PANELS, /* blocked, B packed once for all units: a small B and many rows */
  OWN_PANELS     /* blocked, each unit packs the block of B that it needs next, into its own scratch */
};

/* A block of B (KC, BLOCK_COLUMNS) takes a quarter of a second cache of 1 MiB, a strip of A (gemm_mr, KC) a quarter of the first. */
enum { KC = 256, BLOCK_COLUMNS = 256, ROWS = 512, COLUMNS = 1024 };
enum { FEW = 4, DOT_ROWS = 16, STRAIGHT_ROWS = 48, STRAIGHT_ELEMENTS = 1 << 18, SHARED_ELEMENTS = 1 << 17 };
enum { PACK_PANELS = 8, GOOD_UNITS = 8 };
enum { UNIT_FLOPS = 1 << 18 }; /* less is not worth waking a worker for */
enum {
  VECTOR_ELEMENTS = 1 << 16
}; /* of the matrix that a unit of a matrix-vector product reads: stays in the second cache */

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int choose_path(const k_gemm *g) {
  bool plain = g->alpha == 1; /* only packing and vectors take alpha in */
  if (g->k > 0 && g->m == 1 && (g->b_col == 1 || g->b_row == 1)) return FEW_ROWS;
  if (g->k > 0 && g->n <= FEW && (g->a_col == 1 || g->a_row == 1)) return FEW_COLUMNS;
  if (plain && g->m <= DOT_ROWS && g->a_col == 1 && g->b_row == 1) return DOTS;
  if (plain && g->b_col == 1 && (g->m <= STRAIGHT_ROWS || g->k * g->n <= STRAIGHT_ELEMENTS)) return STRAIGHT;
  return g->m > ROWS / 2 && g->k * g->n <= SHARED_ELEMENTS ? SHARED_PANELS : OWN_PANELS;
}

/* Splits C until there are enough units for several workers, unless they would become too small. */
static void plan_blocks(const k_kernels *k, const k_gemm *g, k_gemm_plan *plan) {
  int64_t mr = k->gemm_mr, nr = k->gemm_nr, rows = up(g->m, ROWS), columns = up(g->n, COLUMNS);
  double units = 2.0 * (double)g->m * (double)g->n * (double)g->k / UNIT_FLOPS;
  int64_t wanted = units >= GOOD_UNITS ? GOOD_UNITS : (int64_t)units;
  bool repack = plan->path == OWN_PANELS; /* then a split of the rows costs one more packing of B */
  while (rows * columns < wanted) {
    if (g->n >= BLOCK_COLUMNS * (columns + 1)) {
      columns++;
    } else if (g->m >= (repack ? 16 : 4) * mr * (rows + 1)) {
      rows++;
    } else if (g->n >= nr * (columns + 1)) {
      columns++;
    } else if (g->m >= 2 * mr * (rows + 1)) {
      rows++;
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
  int64_t own = plan->path == OWN_PANELS ? BLOCK_COLUMNS : 0;
  if (plan->path != DOTS) plan->worker_bytes = (size_t)((mr + own) * plan->kc) * sizeof(real);
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

void rapt__gemm_epilogue(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  int64_t n = j1 - j0;
  if (!g->bias && g->activation < 0 && !g->residual) return;
  for (int64_t i = i0; i < i1; i++) {
    real *c = g->c + i * g->c_row + j0;
    if (g->bias) k->binary[K_BINARY_add](n, c, 1, g->bias + j0, 1, c);
    if (g->activation >= 0 && g->slope) {
      k->slope[g->activation](n, c, c, g->slope + i * g->c_row + j0);
    } else if (g->activation >= 0) {
      k->unary[g->activation](n, c, c);
    }
    if (g->residual) k->binary[K_BINARY_add](n, c, 1, g->residual + i * g->residual_row + j0, 1, c);
  }
}

/* alpha·x with stride 1: x itself where it is that already. */
static const real *vector(int64_t n, const real *x, int64_t step, real alpha, real *room) {
  if (step == 1 && alpha == 1) return x;
  for (int64_t i = 0; i < n; i++) room[i] = alpha * x[i * step];
  return room;
}

static void few_rows(const k_kernels *k, const k_gemm *g, int64_t j0, int64_t j1, real *scratch) {
  for (int64_t i = 0; i < g->m; i++) {
    const real *a = vector(g->k, g->a + i * g->a_row, g->a_col, g->alpha, scratch);
    real *c = g->c + i * g->c_row + j0;
    if (g->b_col == 1) {
      k->gevm(g->k, j1 - j0, a, g->b + j0, g->b_row, c, g->accumulate);
    } else {
      k->gemv(j1 - j0, g->k, g->b + j0 * g->b_col, g->b_col, a, c, g->accumulate);
    }
  }
  rapt__gemm_epilogue(k, g, 0, g->m, j0, j1);
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
  rapt__gemm_epilogue(k, g, i0, i1, 0, g->n);
}

/* Steps of k of a transposed A, `width` neighbours each. A constant width makes each a move or two. */
static inline void copy_steps(int64_t width, int64_t depth, const real *a, int64_t a_col, real *to) {
  for (int64_t p = 0; p < depth; p++) memcpy(to + p * width, a + p * a_col, (size_t)width * sizeof *to);
}

/* Rows of A as a strip (depth, mr). */
static void pack_rows(int64_t rows, int64_t mr, int64_t depth, const real *a, int64_t a_row, int64_t a_col, real *to) {
  if (rows == 6 && mr == 6 && a_row == 1) {
    copy_steps(6, depth, a, a_col, to);
    return;
  }
  for (int64_t p = 0; p < depth; p++, a += a_col, to += mr) {
    for (int64_t i = 0; i < rows; i++) to[i] = a[i * a_row];
  }
}

/* Whether strips of A are packed: where they lie along neither axis; and where a transposed A is read many times and a cache
 * line (16 floats) is not a whole number of strips, so that reading one in place takes more lines than it has. */
static bool packs_a(const k_gemm *g, int64_t mr, int64_t panels) {
  if (g->a_col == 1) return false;
  return g->a_row != 1 || (16 % mr != 0 && panels > 4);
}

/* One block of B over one block of k that starts at p0. */
typedef struct block {
  int64_t j0, j1, p0, depth;
  const real *panels; /* or NULL: B where it lies */
} block;

/* C (i0…i1) of one block; `last`: nothing will be added to it. */
static void block_product(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, const block *b, bool last,
                          real *strip) {
  int64_t mr = k->gemm_mr, nr = k->gemm_nr;
  bool add = g->accumulate || b->p0 > 0, pack = packs_a(g, mr, up(b->j1 - b->j0, nr));
  for (int64_t i = i0; i < i1; i += mr) {
    int64_t rows = least(mr, i1 - i), a_row = pack ? 1 : g->a_row, a_col = pack ? mr : g->a_col;
    const real *a = g->a + i * g->a_row + b->p0 * g->a_col;
    if (pack) {
      pack_rows(rows, mr, b->depth, a, g->a_row, g->a_col, strip);
      a = strip;
    }
    for (int64_t j = b->j0; j < b->j1; j += nr) {
      int64_t columns = least(nr, b->j1 - j);
      real *c = g->c + i * g->c_row + j;
      if (!b->panels) {
        k->gemm_part(rows, columns, b->depth, a, a_row, a_col, g->b + b->p0 * g->b_row + j, g->b_row, c, g->c_row, add);
      } else if (rows == mr && columns == nr) {
        k->gemm_tile(b->depth, a, a_row, a_col, b->panels + (j - b->j0) * b->depth, c, g->c_row, add);
      } else {
        k->gemm_part(rows, columns, b->depth, a, a_row, a_col, b->panels + (j - b->j0) * b->depth, nr, c, g->c_row,
                     add);
      }
    }
    if (last) rapt__gemm_epilogue(k, g, i, i + rows, b->j0, b->j1);
  }
}

static void blocked(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t i0, int64_t i1, int64_t j0,
                    int64_t j1, const real *shared, real *scratch) {
  int64_t nr = k->gemm_nr, panels = up(g->n, nr);
  real *strip = scratch, *own = scratch + k->gemm_mr * plan->kc;
  for (int64_t j = j0; j < j1; j += BLOCK_COLUMNS) {
    for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
      block b = {j, least(j + BLOCK_COLUMNS, j1), p0, least(plan->kc, g->k - p0), NULL};
      if (plan->path == SHARED_PANELS) {
        b.panels = shared + p0 * panels * nr + j * b.depth;
      } else if (plan->path == OWN_PANELS) {
        k->gemm_pack_b(b.depth, b.j1 - j, g->b + p0 * g->b_row + j * g->b_col, g->b_row, g->b_col, g->alpha, own);
        b.panels = own;
      }
      block_product(k, g, i0, i1, &b, p0 + b.depth == g->k, strip);
    }
  }
}

static void dots(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  k->gemm_dots(i1 - i0, j1 - j0, g->k, g->a + i0 * g->a_row, g->a_row, g->b + j0 * g->b_col, g->b_col,
               g->c + i0 * g->c_row + j0, g->c_row, g->accumulate);
  rapt__gemm_epilogue(k, g, i0, i1, j0, j1);
}

/* An empty sum, then the epilogue. */
static void no_product(const k_kernels *k, const k_gemm *g, int64_t i0, int64_t i1, int64_t j0, int64_t j1) {
  for (int64_t i = i0; i < i1 && !g->accumulate; i++)
    memset(g->c + i * g->c_row + j0, 0, (size_t)(j1 - j0) * sizeof(real));
  rapt__gemm_epilogue(k, g, i0, i1, j0, j1);
}

/* Units follow each other down the rows of C. As many as fill whole columns are one piece of work, in which a block of B is
 * packed once. */
static void blocked_units(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t begin, int64_t end,
                          const real *shared, real *scratch) {
  int64_t row_blocks = up(g->m, plan->mc);
  for (int64_t u = begin; u < end;) {
    int64_t i0 = u % row_blocks * plan->mc, i1 = least(i0 + plan->mc, g->m), j0 = u / row_blocks * plan->nc, wide = 1;
    if (i0 == 0 && end - u >= row_blocks) {
      wide = (end - u) / row_blocks;
      i1 = g->m;
    }
    int64_t j1 = least(j0 + wide * plan->nc, g->n);
    if (g->k == 0)
      no_product(k, g, i0, i1, j0, j1);
    else if (plan->path == DOTS)
      dots(k, g, i0, i1, j0, j1);
    else
      blocked(k, g, plan, i0, i1, j0, j1, shared, scratch);
    u += i1 - i0 == g->m ? wide * row_blocks : 1;
  }
}

static void pack_units(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int64_t begin, int64_t end,
                       real *shared) {
  int64_t nr = k->gemm_nr, panels = up(g->n, nr), j0 = begin * PACK_PANELS * nr,
          j1 = least(end * PACK_PANELS * nr, g->n);
  for (int64_t p0 = 0; p0 < g->k; p0 += plan->kc) {
    int64_t depth = least(plan->kc, g->k - p0);
    k->gemm_pack_b(depth, j1 - j0, g->b + p0 * g->b_row + j0 * g->b_col, g->b_row, g->b_col, g->alpha,
                   shared + p0 * panels * nr + j0 * depth);
  }
}

void rapt__gemm_units(const k_kernels *k, const k_gemm *g, const k_gemm_plan *plan, int phase, int64_t begin,
                      int64_t end, void *shared, void *scratch) {
  if (begin == end) return;
  if (phase == 0) {
    pack_units(k, g, plan, begin, end, shared);
  } else if (plan->path == FEW_ROWS) {
    few_rows(k, g, begin * plan->nc, least(end * plan->nc, g->n), scratch);
  } else if (plan->path == FEW_COLUMNS) {
    for (int64_t u = begin; u < end; u++)
      few_columns_unit(k, g, u * plan->mc, least((u + 1) * plan->mc, g->m), scratch);
  } else {
    blocked_units(k, g, plan, begin, end, shared, scratch);
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
  for (int phase = 0; phase < 2; phase++) rapt__gemm_units(k, g, &plan, phase, 0, plan.units[phase], scratch, worker);
}
