/* The augmented LSTM out of ordinary ops: its external gate depends on the state, so that the input's part of the candidate
 * cannot be one product before the recurrence is known. */
#include "nn/augmented.h"

#include "graph/graph.h"

#include <math.h>
#include <stdio.h>

enum { GROUP = 8 }; /* parts that one concat takes */
enum { GATE_I, GATE_F, GATE_G, GATE_O, GATE_X };

typedef struct layer {
  const rapt__augmented_options *o;
  rapt_tensor *w_hh, *bias, *peep[5];
  int64_t steps, rows, units, gates;
} layer;

static rapt_tensor *gate(const layer *y, rapt_tensor *const *in, rapt_tensor *const *fed, int which, rapt_tensor *c) {
  rapt_tensor *a = rapt_add(in[which], fed[which]);
  if (y->peep[which]) a = rapt_add(a, rapt_mul(c, y->peep[which]));
  return rapt_sigmoid(a);
}

/* Every block of both sums is used, so that the gradient of a split is one concatenation. */
static void step(const layer *y, rapt_tensor *seen, rapt_tensor **h, rapt_tensor **c) {
  rapt_tensor *in[5], *fed[5], *new_part;
  rapt_split(seen, -1, (int)y->gates, in);
  rapt_split(rapt_linear(*h, y->w_hh, true, y->bias, RAPT_IDENTITY), -1, (int)y->gates, fed);
  rapt_tensor *i = gate(y, in, fed, GATE_I, *c), *f = gate(y, in, fed, GATE_F, *c);
  new_part = y->o->ungated ? in[GATE_G] : rapt_mul(gate(y, in, fed, GATE_X, *c), in[GATE_G]);
  rapt_tensor *g = rapt_tanh(rapt_add(new_part, fed[GATE_G]));
  *c = rapt_add(rapt_mul(f, *c), rapt_mul(i, g));
  *h = rapt_mul(gate(y, in, fed, GATE_O, *c), rapt_tanh(*c));
  if (y->o->w_hr) *h = rapt_linear(*h, y->o->w_hr, true, NULL, RAPT_IDENTITY);
}

/* Takes x (T, B, n) apart into its steps (B, n), by a tree of slices whose gradients are concatenations; single slices would
 * each have a gradient as large as x. */
static void take_apart(rapt_tensor *x, rapt_tensor **steps) {
  int64_t count = rapt_dim(x, 0), size = 1;
  if (rapt__poisoned(x)) return;
  if (count == 1) {
    steps[0] = rapt_reshape(x, 2, rapt_dims(x) + 1);
    return;
  }
  while (size * GROUP < count) size *= GROUP;
  for (int64_t i = 0; i < count; i += size)
    take_apart(rapt_slice(x, 0, i, count - i < size ? count - i : size), steps + i);
}

/* Outputs (B, P) of all steps as (T, B, P), by a tree of concats. `parts` is used up. */
static rapt_tensor *join(rapt_tensor **parts, int64_t count) {
  while (count > 1) {
    int64_t n = 0;
    for (int64_t i = 0; i < count; i += GROUP, n++)
      parts[n] = rapt_concat(parts + i, (int)(count - i < GROUP ? count - i : GROUP), 0);
    count = n;
  }
  return parts[0];
}

/* in: (T, B, G·H) */
static rapt_tensor *unroll(const layer *y, rapt_tensor *in, rapt_tensor *h, rapt_tensor *c) {
  rapt_graph *graph = in->graph;
  rapt_tensor **out = rapt__new(graph->ctx, (size_t)y->steps, sizeof *out);
  if (!out) return rapt__poison(graph, RAPT_ENOMEM, "augmented lstm: no memory for %lld steps", (long long)y->steps);
  for (int64_t t = 0; t < y->steps; t++) out[t] = &graph->poison; /* where taking apart fails */
  take_apart(in, out);
  for (int64_t t = 0; t < y->steps; t++) {
    step(y, out[t], &h, &c);
    out[t] = rapt__poisoned(h) ? h : rapt_reshape(h, 3, (int64_t[]){1, y->rows, rapt_dim(h, -1)});
  }
  if (y->o->h_n) *y->o->h_n = h;
  if (y->o->c_n) *y->o->c_n = c;
  rapt_tensor *all = join(out, y->steps);
  rapt__free(graph->ctx, out);
  return all;
}

rapt_tensor *rapt__augmented_lstm(rapt_tensor *x, rapt_tensor *w_ih, rapt_tensor *w_hh, rapt_tensor *b_ih,
                                  rapt_tensor *b_hh, const rapt__augmented_options *o) {
  rapt_graph *graph = x->graph;
  int64_t window = o->window ? o->window : 1;
  if (o->h_n) *o->h_n = &graph->poison;
  if (o->c_n) *o->c_n = &graph->poison;
  rapt_tensor *all[] = {x, w_ih, w_hh, b_ih, b_hh, o->peepholes, o->w_hr, o->h0, o->c0};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] && rapt__poisoned(all[i])) return &graph->poison;
  layer y = {.o = o, .w_hh = w_hh, .gates = o->ungated ? 4 : 5};
  bool fits = x->ndim == 3 && window >= 1 && window <= RAPT__AUGMENTED_WINDOW && x->dim[0] >= window &&
              w_hh->ndim == 2 && w_hh->dim[0] % y.gates == 0;
  if (!fits)
    return rapt__poison(
        graph, RAPT_ESHAPE,
        "augmented lstm: x %s, w_hh %s and a window of %lld; (T + L - 1, B, I), (%lld·H, P) and at most "
        "%d inputs are needed",
        rapt__shape_text(x), rapt__shape_text(w_hh), (long long)window, (long long)y.gates, RAPT__AUGMENTED_WINDOW);
  y.units = w_hh->dim[0] / y.gates;
  y.steps = x->dim[0] - window + 1;
  y.rows = x->dim[1];
  rapt_tensor *seen[RAPT__AUGMENTED_WINDOW];
  for (int64_t i = 0; i < window; i++) seen[i] = rapt_slice(x, 0, i, y.steps);
  rapt_tensor *in = rapt_linear(window > 1 ? rapt_concat(seen, (int)window, 2) : x, w_ih, true, NULL, RAPT_IDENTITY);
  y.bias = rapt_add(b_ih, b_hh);
  for (int g = 0, row = 0; o->peepholes && g < (int)y.gates; g++)
    if (g != GATE_G) y.peep[g] = rapt_reshape(rapt_slice(o->peepholes, 0, row++, 1), 1, &y.units);
  if (rapt__poisoned(in) || rapt__poisoned(y.bias)) return &graph->poison;
  rapt_tensor *h = o->h0, *c = o->c0;
  if (!h) h = rapt_fill(graph, 0, 2, (int64_t[]){y.rows, w_hh->dim[1]});
  if (!c) c = rapt_fill(graph, 0, 2, (int64_t[]){y.rows, y.units});
  return unroll(&y, in, h, c);
}

static rapt_tensor *param(const rapt__layers *l, const char *name, const char *part, int ndim, int64_t rows,
                          int64_t columns, int64_t units) {
  char full[200];
  snprintf(full, sizeof full, "%s.%s_l0", name, part);
  rapt_init init = {RAPT_INIT_UNIFORM, 1 / sqrt((double)units), ndim == 1 || part[0] == 'p'};
  return rapt_param(l->graph, l->params, full, ndim, (int64_t[]){rows, columns}, init);
}

rapt_tensor *rapt__nn_augmented(const rapt__layers *l, const char *name, rapt_tensor *x, int64_t units,
                                int64_t projection, int64_t window, rapt_tensor *h0, rapt_tensor *c0, rapt_tensor **h_n,
                                rapt_tensor **c_n) {
  if (h_n) *h_n = &l->graph->poison;
  if (c_n) *c_n = &l->graph->poison;
  if (rapt__poisoned(x)) return x;
  int64_t rows = 5 * units, fed = projection ? projection : units;
  rapt_tensor *w_ih = param(l, name, "weight_ih", 2, rows, window * rapt_dim(x, -1), units);
  rapt_tensor *w_hh = param(l, name, "weight_hh", 2, rows, fed, units);
  rapt_tensor *b_ih = param(l, name, "bias_ih", 1, rows, 0, units),
              *b_hh = param(l, name, "bias_hh", 1, rows, 0, units);
  rapt__augmented_options o = {.window = window,
                               .peepholes = param(l, name, "peephole", 2, 4, units, units),
                               .h0 = h0,
                               .c0 = c0,
                               .h_n = h_n,
                               .c_n = c_n};
  if (projection) o.w_hr = param(l, name, "weight_hr", 2, projection, units, units);
  return rapt__augmented_lstm(x, w_ih, w_hh, b_ih, b_hh, &o);
}
