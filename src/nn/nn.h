/* Layers as functions over the graph: each declares its parameters in the graph's current scope. */
#ifndef RAPT_SRC_NN_H
#define RAPT_SRC_NN_H

#include <rapt/ops.h>

/* Where parameters come from and how weights start. */
typedef struct rapt__layers {
  rapt_graph *graph;
  rapt_params *params;
} rapt__layers;

/* y = activation(x·W + b) with NAME.weight (in, out) (GPT-2's Conv1D layout) or (out, in) when transposed, NAME.bias (out). */
rapt_tensor *rapt__nn_linear(const rapt__layers *l, const char *name, rapt_tensor *x, int64_t out, bool transposed,
                             bool bias, double std, rapt_activation activation);
/* Layer norm with NAME.weight and, if bias, NAME.bias. */
rapt_tensor *rapt__nn_layer_norm(const rapt__layers *l, const char *name, rapt_tensor *x, bool bias, double eps);
rapt_tensor *rapt__nn_rms_norm(const rapt__layers *l, const char *name, rapt_tensor *x, double eps);
/* NAME.weight (count, width). */
rapt_tensor *rapt__nn_table(const rapt__layers *l, const char *name, int64_t count, int64_t width, double std);

#endif
