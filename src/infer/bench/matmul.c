/* Matrix products of the shapes that small Transformers have. */
#include "infer/bench/bench.h"

static rapt_status build(rapt__bench *b) {
  int64_t m = b->size[0], n = b->size[1], k = b->size[2];
  RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
  rapt_tensor *x = rapt_input(b->graph, "a", RAPT_F32, 2, (int64_t[]){m, k}),
              *y = rapt_input(b->graph, "b", RAPT_F32, 2, (int64_t[]){k, n});
  rapt_tensor *z = rapt_tap(rapt_matmul(x, y, false, false), "c");
  RAPT_TRY(rapt__bench_plan(b, &z, 1));
  rapt__bench_normal(b, x, 1);
  rapt__bench_normal(b, y, 1);
  b->amount = 2e-9 * (double)m * (double)n * (double)k;
  return RAPT_OK;
}

#define MATMUL(m, n, k)                                                                                                \
  {                                                                                                                    \
    {"matmul-" #m "x" #n "x" #k, "matrix product " #m " x " #n " x " #k, "GFLOP/s", false, false}, build, {m, n, k},   \
        NULL                                                                                                           \
  }
const rapt__work rapt__works_matmul[] = {MATMUL(768, 384, 128), MATMUL(768, 512, 128),   MATMUL(768, 128, 512),
                                         MATMUL(128, 512, 768), MATMUL(64, 64, 32),      MATMUL(1, 768, 768),
                                         MATMUL(512, 512, 512), MATMUL(1024, 3072, 768), {{0}}};
#undef MATMUL
