/* The pyramid of a gated recursive convolutional network, of ordinary nodes. */
#include "nn/grconv.h"

#include "graph/graph.h"
#include "nn/attention.h"

#include <math.h>

enum { LONGEST = 1 << 10 }; /* levels of a pyramid */

/* Sums of what the left and the right child give, by layers of these names: (B, n + 1, I) → (B, n, out). */
static rapt_tensor *both(const rapt__layers *l, const char *left, const char *right, rapt_tensor *h, int64_t out) {
  int64_t n = rapt_dim(h, 1) - 1;
  double std = 1 / sqrt((double)rapt_dim(h, 2));
  rapt_tensor *a = rapt__nn_linear(l, left, rapt_slice(h, 1, 0, n), out, true, true, std, RAPT_IDENTITY);
  return rapt_add(a, rapt__nn_linear(l, right, rapt_slice(h, 1, 1, n), out, true, false, std, RAPT_IDENTITY));
}

/* A level from the one below. */
static rapt_tensor *join(const rapt__layers *l, const rapt__nn_grconv_options *o, rapt_tensor *h, int64_t level) {
  int64_t n = rapt_dim(h, 1) - 1;
  rapt_tensor *parts[RAPT__GRCONV_GATES] = {[RAPT__GRCONV_NEW] = rapt_relu(both(l, "left", "right", h, o->units)),
                                            [RAPT__GRCONV_LEFT] = rapt_slice(h, 1, 0, n),
                                            [RAPT__GRCONV_RIGHT] = rapt_slice(h, 1, 1, n)};
  rapt_tensor *gates = rapt_softmax(both(l, "gate_left", "gate_right", h, RAPT__GRCONV_GATES), NULL), *sum = NULL;
  if (o->taps) rapt_tap(gates, "gates.%d", (int)level);
  for (int64_t g = 0; g < RAPT__GRCONV_GATES; g++) {
    rapt_tensor *part = rapt_mul(parts[g], rapt_slice(gates, -1, g, 1));
    sum = sum ? rapt_add(sum, part) : part;
  }
  return sum;
}

/* Of the first nodes of all levels, (levels, B, units), each row's own. */
static rapt_tensor *own_tops(rapt_tensor *tops, rapt_tensor *lengths) {
  int64_t levels = rapt_dim(tops, 0), rows = rapt_dim(tops, 1), units = rapt_dim(tops, 2);
  rapt_tensor *which = rapt_slice(rapt_one_hot(lengths, levels + 1), 1, 1, levels);
  which = rapt_reshape(which, 3, (int64_t[]){rows, 1, levels});
  rapt_tensor *top = rapt_matmul(which, rapt_permute(tops, (int[]){1, 0, 2}), false, false);
  return rapt_reshape(top, 2, (int64_t[]){rows, units});
}

rapt_tensor *rapt__nn_grconv(const rapt__layers *l, const char *name, rapt_tensor *x,
                             const rapt__nn_grconv_options *o) {
  rapt_tensor *tops[LONGEST];
  if (rapt__poisoned(x)) return x;
  int64_t rows = rapt_dim(x, 0), length = rapt_dim(x, 1);
  if (length > LONGEST)
    return rapt__poison(l->graph, RAPT_EINVAL, "grconv: x %s has more than %d places", rapt__shape_text(x), LONGEST);
  rapt_scope_begin(l->graph, "%s", name);
  double std = 1 / sqrt((double)rapt_dim(x, 2));
  rapt_tensor *h = rapt__nn_linear(l, "project", x, o->units, true, true, std, RAPT_IDENTITY);
  for (int64_t level = 0; level < length; level++) {
    if (level > 0) h = join(l, o, h, level);
    tops[level] = rapt_reshape(rapt_slice(h, 1, 0, 1), 3, (int64_t[]){1, rows, o->units});
  }
  h = own_tops(rapt__nn_stack(tops, length), o->lengths);
  rapt_scope_end(l->graph);
  return h;
}
