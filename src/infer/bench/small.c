/* Steps of models so small that everything but arithmetic counts: a perceptron, and the Transformer that learns functions in
 * its context (Garg et al. 2022, "What can Transformers learn in-context?", the smallest size). */
#include "infer/bench/bench.h"

#include <math.h>

/* ---- 784-256-10 --------------------------------------------------------------------------------------------------- */

enum { PIXELS = 784, HIDDEN = 256, CLASSES = 10 };

static rapt_tensor *mlp_loss(rapt__bench *b) {
  int64_t batch = b->size[0];
  rapt__layers l = {b->graph, b->params};
  rapt_tensor *x = rapt_input(b->graph, "x", RAPT_F32, 2, (int64_t[]){batch, PIXELS});
  rapt_tensor *labels = rapt_input(b->graph, "labels", RAPT_I32, 1, &batch);
  rapt_tensor *h = rapt__nn_linear(&l, "fc1", x, HIDDEN, true, true, 1 / sqrt(PIXELS), RAPT_RELU);
  return rapt_cross_entropy(rapt__nn_linear(&l, "fc2", h, CLASSES, true, true, 1 / sqrt(HIDDEN), RAPT_IDENTITY), labels,
                            NULL);
}

static rapt_status build_mlp(rapt__bench *b) {
  RAPT_TRY(rapt__bench_train(b, mlp_loss, 0));
  rapt__bench_normal(b, rapt_plan_find(b->plan, "x"), 1);
  rapt__bench_ids(b, rapt_plan_find(b->plan, "labels"), CLASSES);
  b->amount = (double)b->size[0];
  return RAPT_OK;
}

/* ---- In-context learning: 3 layers of 64, 2 heads, numbers in and out ---------------------------------------------- */

enum { LAYERS = 3, WIDTH = 64, HEADS = 2, NUMBERS = 20 };

static rapt_tensor *block(const rapt__layers *l, rapt_tensor *x) {
  rapt_attention_options options = {.causal = true};
  rapt_tensor *h = rapt__nn_layer_norm(l, "ln_1", x, true, 1e-5);
  h = rapt__nn_linear(l, "attn.c_attn", h, 3 * WIDTH, false, true, 0.02, RAPT_IDENTITY);
  h = rapt_attention_qkv(h, HEADS, HEADS, &options);
  x = rapt_add(x, rapt__nn_linear(l, "attn.c_proj", h, WIDTH, false, true, 0.02, RAPT_IDENTITY));
  h = rapt__nn_linear(l, "mlp.c_fc", rapt__nn_layer_norm(l, "ln_2", x, true, 1e-5), 4 * WIDTH, false, true, 0.02,
                      RAPT_GELU_TANH);
  return rapt_add(x, rapt__nn_linear(l, "mlp.c_proj", h, WIDTH, false, true, 0.02, RAPT_IDENTITY));
}

static rapt_tensor *icl_loss(rapt__bench *b) {
  int64_t batch = b->size[0], t = b->size[1];
  rapt__layers l = {b->graph, b->params};
  rapt_tensor *x = rapt_input(b->graph, "x", RAPT_F32, 3, (int64_t[]){batch, t, NUMBERS});
  rapt_tensor *y = rapt_input(b->graph, "y", RAPT_F32, 2, (int64_t[]){batch, t});
  rapt_tensor *h = rapt__nn_linear(&l, "read_in", x, WIDTH, true, true, 0.2, RAPT_IDENTITY);
  h = rapt_add(h, rapt__nn_table(&l, "wpe", t, WIDTH, 0.02));
  for (int i = 0; i < LAYERS; i++) {
    rapt_scope_begin(b->graph, "h.%d", i);
    h = block(&l, h);
    rapt_scope_end(b->graph);
  }
  h = rapt__nn_linear(&l, "read_out", rapt__nn_layer_norm(&l, "ln_f", h, true, 1e-5), 1, true, true, 0.1,
                      RAPT_IDENTITY);
  return rapt_mean(rapt_square(rapt_sub(rapt_reshape(h, 2, (int64_t[]){batch, t}), y)), RAPT_ALL, false);
}

static rapt_status build_icl(rapt__bench *b) {
  RAPT_TRY(rapt__bench_train(b, icl_loss, 0));
  rapt__bench_normal(b, rapt_plan_find(b->plan, "x"), 1);
  rapt__bench_normal(b, rapt_plan_find(b->plan, "y"), 1);
  b->amount = (double)(b->size[0] * b->size[1]);
  return RAPT_OK;
}

const rapt__work rapt__works_small[] = {
    {{"mlp", "perceptron 784-256-10 step, batch 64", "examples/s", false, false}, build_mlp, {64}, NULL},
    {{"icl", "in-context learner step, 3 x 64, 41 positions, batch 64", "positions/s", false, false},
     build_icl,
     {64, 41},
     NULL},
    {{0}}};
