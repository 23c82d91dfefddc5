/* A byte-level GPT in the public API: train_gpt FILE. One block, 200 steps, the loss every 20. */
#include <rapt/rapt.h>
#include <stdio.h>
#include <stdlib.h>

enum { B = 8, T = 32, C = 64, H = 4, V = 256, STEPS = 200 };

static const rapt_init weight = {RAPT_INIT_NORMAL, 0.05, false}, ones = {RAPT_INIT_ONES, 0, true};

static rapt_tensor *param(rapt_graph *g, rapt_params *p, const char *name, int64_t a, int64_t b) {
  return rapt_param(g, p, name, 2, (int64_t[]){a, b}, weight);
}

/* Logits' loss (): embedding, causal attention and feed-forward with residuals, norm, output. */
static rapt_tensor *loss(rapt_graph *g, rapt_params *p) {
  rapt_tensor *tokens = rapt_input(g, "tokens", RAPT_I32, 2, (int64_t[]){B, T});
  rapt_tensor *labels = rapt_input(g, "labels", RAPT_I32, 2, (int64_t[]){B, T});
  rapt_tensor *x = rapt_add(rapt_embedding(param(g, p, "wte", V, C), tokens), param(g, p, "wpe", T, C));
  rapt_tensor *qkv[3], *h = rapt_layer_norm(x, rapt_param(g, p, "ln1", 1, (int64_t[]){C}, ones), NULL, 1e-5);
  rapt_split(rapt_linear(h, param(g, p, "attn", C, 3 * C), false, NULL, RAPT_IDENTITY), -1, 3, qkv);
  for (int i = 0; i < 3; i++) qkv[i] = rapt_reshape(qkv[i], 4, (int64_t[]){B, T, H, C / H});
  h = rapt_attention(qkv[0], qkv[1], qkv[2], &(rapt_attention_options){.causal = true});
  h = rapt_reshape(h, 3, (int64_t[]){B, T, C});
  x = rapt_add(x, rapt_linear(h, param(g, p, "proj", C, C), false, NULL, RAPT_IDENTITY));
  h = rapt_layer_norm(x, rapt_param(g, p, "ln2", 1, (int64_t[]){C}, ones), NULL, 1e-5);
  h = rapt_linear(h, param(g, p, "up", C, 4 * C), false, NULL, RAPT_GELU_TANH);
  x = rapt_add(x, rapt_linear(h, param(g, p, "down", 4 * C, C), false, NULL, RAPT_IDENTITY));
  return rapt_cross_entropy(rapt_linear(x, param(g, p, "head", C, V), false, NULL, RAPT_IDENTITY), labels, NULL);
}

int main(int argc, char **argv) {
  static unsigned char text[1 << 20];
  FILE *f = argc == 2 ? fopen(argv[1], "rb") : NULL;
  size_t size = f ? fread(text, 1, sizeof text, f) : 0;
  if (f) fclose(f);
  if (size < 2 * T) return fprintf(stderr, "usage: train_gpt FILE (of at least %d bytes)\n", 2 * T), 2;
  rapt_context *ctx;
  rapt_params *params;
  rapt_graph *declare, *g;
  rapt_plan *plan = NULL;
  if (rapt_context_new(&ctx, NULL) || rapt_params_new(ctx, &params) || rapt_graph_new(ctx, &declare)) return 1;
  loss(declare, params); /* the first graph declares the parameters, the second one trains them */
  if (rapt_params_start(params, 1) || rapt_graph_new(ctx, &g)) return 1;
  rapt_tensor *l = loss(g, params), *lr = rapt_input(g, "lr", RAPT_F32, 0, NULL),
              *count = rapt_input(g, "count", RAPT_F32, 0, NULL);
  rapt_update_options adam = {
      .method = RAPT_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1, .clip = 1};
  rapt_tensor *norm = rapt_update(params, rapt_grad_params(l, params), lr, count, &adam);
  if (rapt_plan_new(g, (rapt_tensor *[]){l, norm}, 2, NULL, &plan))
    return fprintf(stderr, "%s\n", rapt_context_message(ctx)), 1;
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens")),
          *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
  for (int step = 0; step < STEPS; step++) {
    for (int b = 0; b < B; b++) {
      size_t at = (size_t)rand() % (size - T - 1);
      for (int i = 0; i < T; i++)
        tokens[b * T + i] = text[at + (size_t)i], labels[b * T + i] = text[at + (size_t)i + 1];
    }
    *(float *)rapt_plan_data(plan, lr) = 3e-3f;
    *(float *)rapt_plan_data(plan, count) = (float)(step + 1);
    rapt_plan_run(plan, (uint64_t)step);
    if (step % 20 == 19) printf("step %d  loss %.3f\n", step + 1, *(float *)rapt_plan_data(plan, l));
  }
  rapt_plan_free(plan), rapt_graph_free(g), rapt_graph_free(declare), rapt_params_free(params), rapt_context_free(ctx);
  return 0;
}
