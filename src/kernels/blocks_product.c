/* The two ways of multiplying with weights in blocks. */
#include "kernels/blocks_product.h"

#include "kernels/blocks.h"

enum { DOTS, PANELS };
/* Up to DOT_ROWS rows of A, unpacking W for each of them costs less than turning a panel of W into numbers. */
enum { DOT_ROWS = 3, DOT_COLUMNS = 16, PANEL_ELEMENTS = 1 << 16, PANEL_MOST = 128 };

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static size_t aligned(size_t bytes) { return (bytes + 63) & ~(size_t)63; }
static size_t act_row(const k_blocks *b, int64_t k) { return aligned((size_t)(k / b->elements) * b->act_bytes); }

/* The product of one panel: `columns` rows of W, read into numbers along k. */
static k_gemm panel_of(const k_gemm *g, int64_t j, int64_t columns, const real *panel) {
  k_gemm part = *g;
  part.n = columns;
  part.b = panel;
  part.b_row = 1;
  part.b_col = g->k;
  if (g->c) part.c = g->c + j;
  if (g->bias) part.bias = g->bias + j;
  if (g->slope) part.slope = g->slope + j;
  if (g->residual) part.residual = g->residual + j;
  return part;
}

void rapt__blocks_plan(const k_kernels *k, const k_gemm *g, int block, k_gemm_plan *plan) {
  const k_blocks *b = &k->blocks[block];
  *plan = (k_gemm_plan){.path = g->m <= DOT_ROWS ? DOTS : PANELS};
  if (plan->path == DOTS) {
    plan->nc = DOT_COLUMNS;
    plan->units[0] = g->m;
    plan->shared_bytes = (size_t)g->m * act_row(b, g->k);
  } else {
    int64_t columns = PANEL_ELEMENTS / g->k / 16 * 16;
    plan->nc = columns < 16 ? 16 : columns > PANEL_MOST ? PANEL_MOST : columns;
    k_gemm widest = panel_of(g, 0, plan->nc < g->n ? plan->nc : g->n, NULL);
    k_gemm last = panel_of(g, 0, g->n % plan->nc ? g->n % plan->nc : widest.n, NULL);
    size_t scratch = rapt__gemm_scratch(k, &widest), other = rapt__gemm_scratch(k, &last);
    plan->worker_bytes = aligned((size_t)(plan->nc * g->k) * sizeof(real)) + (scratch > other ? scratch : other);
  }
  plan->units[1] = up(g->n, plan->nc);
}

/* A row of W stays in the first cache while it meets all rows of A. */
static void dots(const k_kernels *k, const k_gemm *g, const k_blocks *b, const char *rows, int64_t j0, int64_t j1,
                 const char *acts) {
  size_t row = (size_t)(g->k / b->elements) * b->bytes, act = act_row(b, g->k);
  for (int64_t j = j0; j < j1; j++)
    for (int64_t i = 0; i < g->m; i++)
      g->c[i * g->c_row + j] = b->dot(g->k, rows + (size_t)j * row, acts + (size_t)i * act);
  rapt__gemm_epilogue(k, g, 0, g->m, j0, j1);
}

static void panel(const k_kernels *k, const k_gemm *g, const k_blocks *b, const char *rows, int64_t j0, int64_t j1,
                  char *scratch) {
  size_t row = (size_t)(g->k / b->elements) * b->bytes;
  real *numbers = (real *)scratch;
  for (int64_t j = j0; j < j1; j++) b->read(g->k, rows + (size_t)j * row, numbers + (j - j0) * g->k);
  k_gemm part = panel_of(g, j0, j1 - j0, numbers);
  rapt__gemm(k, &part, scratch + aligned((size_t)((j1 - j0) * g->k) * sizeof(real)));
}

void rapt__blocks_units(const k_kernels *k, const k_gemm *g, int block, const void *rows, const k_gemm_plan *plan,
                        int phase, int64_t begin, int64_t end, void *shared, void *scratch) {
  const k_blocks *b = &k->blocks[block];
  if (phase == 0) {
    for (int64_t i = begin; i < end; i++)
      b->prepare(g->k, g->a + i * g->a_row, (char *)shared + (size_t)i * act_row(b, g->k));
    return;
  }
  for (int64_t u = begin; u < end; u++) {
    int64_t j0 = u * plan->nc, j1 = j0 + plan->nc < g->n ? j0 + plan->nc : g->n;
    if (plan->path == DOTS)
      dots(k, g, b, rows, j0, j1, shared);
    else
      panel(k, g, b, rows, j0, j1, scratch);
  }
}
