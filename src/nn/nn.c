/* Layers. */
#include "nn/nn.h"

#include <stdio.h>

static rapt_tensor *param(const rapt__layers *l, const char *name, const char *part, int ndim, const int64_t *dims,
                          rapt_init init) {
  char full[160];
  snprintf(full, sizeof full, "%s.%s", name, part);
  return rapt_param(l->graph, l->params, full, ndim, dims, init);
}

rapt_tensor *rapt__nn_linear(const rapt__layers *l, const char *name, rapt_tensor *x, int64_t out, bool transposed,
                             bool bias, double std, rapt_activation activation) {
  int64_t in = rapt_dim(x, -1);
  int64_t dims[2] = {transposed ? out : in, transposed ? in : out};
  rapt_tensor *w = param(l, name, "weight", 2, dims, (rapt_init){RAPT_INIT_NORMAL, std, false});
  rapt_tensor *b = bias ? param(l, name, "bias", 1, &out, (rapt_init){RAPT_INIT_ZEROS, 0, true}) : NULL;
  return rapt_linear(x, w, transposed, b, activation);
}

rapt_tensor *rapt__nn_layer_norm(const rapt__layers *l, const char *name, rapt_tensor *x, bool bias, double eps) {
  int64_t n = rapt_dim(x, -1);
  rapt_tensor *w = param(l, name, "weight", 1, &n, (rapt_init){RAPT_INIT_ONES, 0, true});
  rapt_tensor *b = bias ? param(l, name, "bias", 1, &n, (rapt_init){RAPT_INIT_ZEROS, 0, true}) : NULL;
  return rapt_layer_norm(x, w, b, eps);
}

rapt_tensor *rapt__nn_rms_norm(const rapt__layers *l, const char *name, rapt_tensor *x, double eps) {
  int64_t n = rapt_dim(x, -1);
  return rapt_rms_norm(x, param(l, name, "weight", 1, &n, (rapt_init){RAPT_INIT_ONES, 0, true}), eps);
}

rapt_tensor *rapt__nn_table(const rapt__layers *l, const char *name, int64_t count, int64_t width, double std) {
  return param(l, name, "weight", 2, (int64_t[]){count, width}, (rapt_init){RAPT_INIT_NORMAL, std, false});
}
