/* Causal attention alone, forward and backward, 8 heads of 64. */
#include "infer/bench/bench.h"

enum { HEADS = 8, SIZE = 64 };

static rapt_status build(rapt__bench *b) {
  int64_t t = b->size[0], dims[4] = {1, t, HEADS, SIZE};
  RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
  static const char *const names[4] = {"q", "k", "v", "dy"};
  rapt_tensor *in[4], *out[4];
  for (int i = 0; i < 4; i++) in[i] = rapt_input(b->graph, names[i], RAPT_F32, 4, dims);
  rapt_attention_options options = {.causal = true};
  rapt_tensor *y = rapt_attention(in[0], in[1], in[2], &options);
  b->loss = out[3] = rapt_sum(rapt_mul(y, in[3]), RAPT_ALL, false);
  RAPT_TRY(rapt_grad(b->loss, in, 3, out));
  rapt_tap(out[0], "dq");
  rapt_tap(out[1], "dk");
  rapt_tap(out[2], "dv");
  RAPT_TRY(rapt__bench_plan(b, out, 4));
  for (int i = 0; i < 4; i++) rapt__bench_normal(b, in[i], 1);
  /* Two products forward and five backward, over half of the matrix of scores. */
  b->amount = 7e-9 * (double)t * (double)t * HEADS * SIZE;
  return RAPT_OK;
}

const rapt__work rapt__works_attention[] = {
    {{"attention-2048", "causal attention, 8 heads of 64, 2048 positions, forward + backward", "GFLOP/s", false, false},
     build,
     {2048},
     NULL},
    {{"attention-8192", "causal attention, 8 heads of 64, 8192 positions, forward + backward", "GFLOP/s", true, false},
     build,
     {8192},
     NULL},
    {{0}}};
