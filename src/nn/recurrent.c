/* Stacks of recurrent layers, in one or both directions. */
#include "nn/recurrent.h"

#include "graph/graph.h"

#include <math.h>
#include <stdio.h>

enum { GROUP = 8 }; /* parts that one concat takes */

/* One layer in one direction while it is built. */
typedef struct layer {
  const rapt__layers *l;
  const rapt__nn_recurrent_options *o;
  const char *name;
  rapt_cell cell;
  int64_t index; /* among the L */
} layer;

static rapt_tensor *param(const layer *y, const char *part, int ndim, int64_t rows, int64_t columns) {
  char full[200];
  int64_t directions = y->o->bidirectional ? 2 : 1;
  snprintf(full, sizeof full, "%s.%s_l%lld%s", y->name, part, (long long)(y->index / directions),
           y->index % directions ? "_reverse" : "");
  rapt_init init = {RAPT_INIT_UNIFORM, 1 / sqrt((double)y->o->units), ndim == 1 || part[0] == 'p'};
  rapt_tensor *p = rapt_param(y->l->graph, y->l->params, full, ndim, (int64_t[]){rows, columns}, init);
  return rapt_gaussian_noise(p, y->o->weight_noise);
}

/* Row `index` of stacked states (L, B, n) as (B, n). */
static rapt_tensor *state_of(rapt_tensor *all, int64_t index) {
  if (!all || rapt__poisoned(all)) return all;
  rapt_tensor *one = rapt_slice(all, 0, index, 1);
  return rapt__poisoned(one) ? one : rapt_reshape(one, 2, rapt_dims(all) + 1);
}

static rapt_tensor *build(const layer *y, rapt_tensor *x, rapt_tensor **h_n, rapt_tensor **c_n) {
  const rapt__nn_recurrent_options *o = y->o;
  int64_t gates = y->cell == RAPT_LSTM ? (o->no_forget ? 3 : 4) : y->cell <= RAPT_RNN_RELU ? 1 : 3;
  int64_t rows = gates * o->units, fed = o->projection ? o->projection : o->units;
  rapt_tensor *w_ih = param(y, "weight_ih", 2, rows, rapt_dim(x, -1)), *w_hh = param(y, "weight_hh", 2, rows, fed);
  rapt_tensor *b_ih = o->no_bias ? NULL : param(y, "bias_ih", 1, rows, 0);
  rapt_tensor *b_hh = o->no_bias ? NULL : param(y, "bias_hh", 1, rows, 0);
  rapt_recurrent_options r = {.cell = y->cell,
                              .reverse = o->reverse != (o->bidirectional && y->index % 2 == 1),
                              .h0 = state_of(o->h0, y->index),
                              .c0 = state_of(o->c0, y->index),
                              .lengths = o->lengths,
                              .h_n = h_n,
                              .c_n = c_n,
                              .no_forget = o->no_forget,
                              .zoneout_h = o->zoneout_h,
                              .zoneout_c = o->zoneout_c,
                              .zoneout_mean = o->zoneout_mean};
  if (o->projection) r.w_hr = param(y, "weight_hr", 2, o->projection, o->units);
  if (o->peepholes) r.peepholes = param(y, "peephole", 2, gates - 1, o->units);
  return rapt_recurrent(x, w_ih, w_hh, b_ih, b_hh, &r);
}

/* States (B, n) stacked to (count, B, n), in groups, since a concat takes only so many. */
static rapt_tensor *stack(rapt_tensor **states, int64_t count) {
  rapt_tensor *groups[2 * RAPT__NN_RECURRENT_LAYERS / GROUP];
  int n = 0;
  for (int64_t i = 0; i < count; i++) {
    if (rapt__poisoned(states[i])) return states[i];
    states[i] = rapt_reshape(states[i], 3, (int64_t[]){1, rapt_dim(states[i], 0), rapt_dim(states[i], 1)});
  }
  for (int64_t i = 0; i < count; i += GROUP)
    groups[n++] = rapt_concat(states + i, (int)(count - i < GROUP ? count - i : GROUP), 0);
  return rapt_concat(groups, n, 0);
}

rapt_tensor *rapt__nn_recurrent(const rapt__layers *l, const char *name, rapt_cell cell, rapt_tensor *x,
                                const rapt__nn_recurrent_options *o) {
  int64_t layers = o->layers ? o->layers : 1, directions = o->bidirectional ? 2 : 1;
  rapt_tensor *h[2 * RAPT__NN_RECURRENT_LAYERS], *c[2 * RAPT__NN_RECURRENT_LAYERS];
  if (o->h_n) *o->h_n = &l->graph->poison;
  if (o->c_n) *o->c_n = &l->graph->poison;
  if (rapt__poisoned(x)) return x;
  if (x->ndim != 3 || o->units < 1 || o->units > INT32_MAX || layers < 1 || layers > RAPT__NN_RECURRENT_LAYERS ||
      o->projection < 0)
    return rapt__poison(l->graph, RAPT_EINVAL,
                        "recurrent: x %s, %lld layers of %lld units; (T, B, I), 1 to %d layers "
                        "and at least one unit are needed",
                        rapt__shape_text(x), (long long)layers, (long long)o->units, RAPT__NN_RECURRENT_LAYERS);
  const struct {
    const rapt_tensor *t;
    const char *what;
  } given[2] = {{o->h0, "h0"}, {o->c0, "c0"}};
  for (int i = 0; i < 2; i++)
    if (given[i].t && !rapt__poisoned(given[i].t) &&
        (given[i].t->ndim != 3 || given[i].t->dim[0] != layers * directions))
      return rapt__poison(l->graph, RAPT_ESHAPE, "recurrent: %s %s for %lld layers and directions", given[i].what,
                          rapt__shape_text(given[i].t), (long long)(layers * directions));
  for (int64_t i = 0; i < layers; i++) {
    if (i > 0) x = rapt_dropout(x, o->dropout);
    rapt_tensor *y[2];
    for (int64_t d = 0; d < directions; d++) {
      layer one = {.l = l, .o = o, .name = name, .cell = cell, .index = i * directions + d};
      y[d] = build(&one, x, o->h_n ? &h[one.index] : NULL, o->c_n ? &c[one.index] : NULL);
      if (rapt__poisoned(y[d])) return y[d];
    }
    x = directions == 2 ? rapt_concat(y, 2, 2) : y[0];
  }
  if (o->h_n) *o->h_n = stack(h, layers * directions);
  if (o->c_n) *o->c_n = stack(c, layers * directions);
  return x;
}
