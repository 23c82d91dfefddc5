/* Back through time: gradients of the pre-activations, step by step, and of the weights, in one product over all steps. */
#include "kernels/gemm.h"
#include "ops/recurrent.h"

#include <string.h>

/* ---- The pass over time ---- */

static rapt__recurrent_weights weights_of(const rapt__recurrent *r) {
  bool before = r->cell == RAPT_GRU_BEFORE, by_row = r->b <= K_FIXED_FEW;
  rapt__recurrent_weights w = {
      .first = {.k = (before ? 2 : r->gates) * r->h, .n = r->p, .b_row = r->p, .b_col = 1, .by_row = by_row}};
  if (before) w.second = (k_fixed){.k = r->h, .n = r->p, .b_row = r->p, .b_col = 1, .by_row = by_row};
  if (r->at[RECURRENT_W_HR] >= 0)
    w.second = (k_fixed){.k = r->p, .n = r->h, .b_row = r->h, .b_col = 1, .by_row = by_row};
  return w;
}

static rapt__recurrent_weights connect(const rapt__call *call) {
  const rapt__recurrent *r = call->node->attr;
  rapt__recurrent_weights w = weights_of(r);
  w.first.b = rapt__recurrent_in(call, RECURRENT_W_HH);
  w.second.b = r->cell == RAPT_GRU_BEFORE ? w.first.b + 2 * r->h * r->p : rapt__recurrent_in(call, RECURRENT_W_HR);
  return w;
}

/* Working memory of one call. dh and dc are what flows from step to step; d is the gradient of a step's own new h where
 * zoneout or a projection part the two, else it is dh. */
typedef struct backward_state {
  real *dh, *dc;                      // (rows, ≥ P), (rows, H)
  real *d;                            // (rows, P) or NULL
  real *v;                            // (rows, second.n) the second product
  real *du;                           // (rows, 3·H) of the GRU where nobody reads them
  real *dpeep;                        // (gates − 1, H) where nobody reads them
  real *zeros, *ones, *mask, *row[2]; // (max(P, H)) each
  int64_t dh_stride, v_stride;
} backward_state;

static bool parted(const rapt__recurrent *r) { return r->zone_h > 0 || r->at[RECURRENT_W_HR] >= 0; }

static size_t place(const rapt__recurrent *r, const k_kernels *k, const rapt__recurrent_weights *w, char *base,
                    backward_state *s) {
  size_t at = 0;
  int64_t wide = r->h > r->p ? r->h : r->p, b = r->b;
  bool second = w->second.n > 0;
  s->dh_stride = rapt__fixed_stride(k, &w->first);
  s->v_stride = second ? rapt__fixed_stride(k, &w->second) : 0;
  s->dh = rapt__recurrent_take(base, &at, b * s->dh_stride);
  s->dc = rapt__recurrent_take(base, &at, b * rapt__recurrent_cells(r));
  s->d = parted(r) ? rapt__recurrent_take(base, &at, b * r->p) : NULL;
  s->v = rapt__recurrent_take(base, &at, second ? b * s->v_stride : 0);
  s->du = rapt__recurrent_take(base, &at, r->cell == RAPT_GRU ? b * 3 * r->h : 0);
  s->dpeep = rapt__recurrent_take(base, &at, 3 * r->h);
  s->zeros = rapt__recurrent_take(base, &at, wide);
  s->ones = rapt__recurrent_take(base, &at, wide);
  s->mask = rapt__recurrent_take(base, &at, wide);
  for (int i = 0; i < 2; i++) s->row[i] = rapt__recurrent_take(base, &at, wide);
  return at;
}

static void recurrent_grad_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const rapt__recurrent *r = node->attr;
  rapt__recurrent_weights w = weights_of(r);
  backward_state s;
  rapt__recurrent_split(r, k, &w, split);
  split->scratch_bytes = place(r, k, &w, NULL, &s);
}

/* A row of the state before step t: the step's before it in the direction of time, or where the row began. */
static const real *before(const rapt__call *call, const backward_state *s, recurrent_role states, int64_t width,
                          recurrent_role initial, int64_t n, int64_t t, int64_t row) {
  const rapt__recurrent *r = call->node->attr;
  int64_t from = r->reverse ? t + 1 : t - 1;
  if (from >= 0 && from < r->t && rapt__recurrent_active(call, from, row))
    return rapt__recurrent_in(call, states) + (from * r->b + row) * width;
  const real *first = rapt__recurrent_in(call, initial);
  return first ? first + row * n : s->zeros;
}

static const real *h_before(const rapt__call *call, const backward_state *s, int64_t t, int64_t row) {
  const rapt__recurrent *r = call->node->attr;
  return before(call, s, RECURRENT_Y, r->p, RECURRENT_H0, r->p, t, row);
}

/* Zoneout: what of d belongs to the new value goes to `fresh`, the rest stays in d for the old one. */
static void part(const rapt__call *call, const backward_state *s, double p, uint64_t stream, int64_t t, int64_t row,
                 int64_t n, real *d, real *fresh) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  if (r->expected) {
    k->scale(n, (real)(1 - p), d, fresh);
    k->scale(n, (real)p, d, d);
  } else {
    rapt__recurrent_mask(call, p, stream, t, row, n, s->ones, s->mask);
    k->where(n, s->mask, 1, d, 1, s->zeros, 1, fresh);
    k->where(n, s->mask, 1, s->zeros, 1, d, 1, d);
  }
}

/* The gradient of the row's new h, with dy, into s->d or where dh is. */
static void receive(const rapt__call *call, const backward_state *s, int64_t t, int64_t row, int64_t i) {
  const rapt__recurrent *r = call->node->attr;
  const real *dy = rapt__recurrent_in(call, RECURRENT_DY);
  real *dh = s->dh + i * s->dh_stride, *d = s->d ? s->d + i * r->p : NULL;
  int64_t at = (t * r->b + row) * r->p;
  if (dy) call->k->binary[K_BINARY_add](r->p, dh, 1, dy + at, 1, dh);
  if (r->zone_h > 0) {
    part(call, s, r->zone_h, r->stream_h, t, row, r->p, dh, d);
  } else if (d) {
    memcpy(d, dh, (size_t)r->p * sizeof *d);
    memset(dh, 0, (size_t)r->p * sizeof *dh);
  }
  if (r->at[RECURRENT_W_HR] >= 0 && RAPT__OUT(call, 1)) memcpy(RAPT__OUT(call, 1) + at, d, (size_t)r->p * sizeof *d);
}

static void lstm_row(const rapt__call *call, const backward_state *s, int64_t t, int64_t row, int64_t i, real *d) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = (t * r->b + row) * r->gates * n;
  const real *peep = rapt__recurrent_in(call, RECURRENT_PEEP);
  const real *old = before(call, s, RECURRENT_EXTRA, rapt__recurrent_extra(r), RECURRENT_C0, n, t, row);
  real *dc = s->dc + i * n, *fresh = dc;
  real *dpeep = peep && RAPT__OUT(call, 3) ? RAPT__OUT(call, 3) + row * (r->gates - 1) * n : s->dpeep;
  bool projected = r->at[RECURRENT_W_HR] >= 0;
  if (r->zone_c > 0) {
    fresh = s->row[0];
    part(call, s, r->zone_c, r->stream_c, t, row, n, dc, fresh);
  }
  k->lstm_cell_grad(n, r->forget, RAPT__IN(call, 0) + at, peep, old, projected ? s->v + i * s->v_stride : d, fresh,
                    RAPT__OUT(call, 0) + at, dpeep);
  if (fresh != dc) k->binary[K_BINARY_add](n, dc, 1, fresh, 1, dc);
  if (!s->d) memset(d, 0, (size_t)n * sizeof *d); /* nothing goes straight from h to h */
}

/* GRU_BEFORE as far as gate n, whose gradient the second product takes; d keeps what goes straight to the old h. */
static void gru_before_row(const rapt__call *call, const backward_state *s, int64_t t, int64_t row, real *d) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = (t * r->b + row) * 3 * n;
  const real *z = RAPT__IN(call, 0) + at + n, *fresh = z + n;
  real *dz = RAPT__OUT(call, 0) + at + n, *dn = dz + n, *along = s->row[0], *mixed = s->row[1];
  k->binary[K_BINARY_sub](n, h_before(call, s, t, row), 1, fresh, 1, mixed);
  k->binary[K_BINARY_mul](n, mixed, 1, d, 1, mixed);
  k->binary[K_BINARY_mul](n, d, 1, z, 1, along);
  k->binary[K_BINARY_sub](n, d, 1, along, 1, d);
  k->binary[K_BINARY_tanh_grad_y](n, fresh, 1, d, 1, dn);
  k->binary[K_BINARY_sigmoid_grad_y](n, z, 1, mixed, 1, dz);
  memcpy(d, along, (size_t)n * sizeof *d);
}

/* The rest: dv is the gradient of r·h. */
static void gru_before_rest(const rapt__call *call, const backward_state *s, int64_t t, int64_t row, const real *dv,
                            real *dh) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = (t * r->b + row) * 3 * n;
  const real *gate = RAPT__IN(call, 0) + at;
  k->binary[K_BINARY_mul](n, dv, 1, gate, 1, s->row[0]);
  k->binary[K_BINARY_add](n, dh, 1, s->row[0], 1, dh);
  k->binary[K_BINARY_mul](n, dv, 1, h_before(call, s, t, row), 1, s->row[1]);
  k->binary[K_BINARY_sigmoid_grad_y](n, gate, 1, s->row[1], 1, RAPT__OUT(call, 0) + at);
}

static void step_row(const rapt__call *call, const backward_state *s, int64_t t, int64_t row, int64_t i, real *du) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = (t * r->b + row) * r->gates * n;
  real *dh = s->dh + i * s->dh_stride, *d = s->d ? s->d + i * r->p : dh, *da = RAPT__OUT(call, 0) + at;
  const real *a = RAPT__IN(call, 0) + at;
  switch (r->cell) {
  case RAPT_LSTM: lstm_row(call, s, t, row, i, d); return;
  case RAPT_GRU:
    k->gru_cell_grad(n, a, rapt__recurrent_in(call, RECURRENT_EXTRA) + (t * r->b + row) * n, h_before(call, s, t, row),
                     d, da, du + i * 3 * n);
    break;
  case RAPT_GRU_BEFORE: gru_before_row(call, s, t, row, d); break;
  default:
    k->binary[r->cell == RAPT_RNN_TANH ? K_BINARY_tanh_grad_y : K_BINARY_relu_grad](n, a, 1, d, 1, da);
    memset(d, 0, (size_t)n * sizeof *d);
    return;
  }
  if (s->d) k->binary[K_BINARY_add](n, dh, 1, d, 1, dh);
}

static void zero_row(const rapt__call *call, int64_t t, int64_t row, real *du) {
  const rapt__recurrent *r = call->node->attr;
  int64_t at = t * r->b + row, width = r->gates * r->h;
  memset(RAPT__OUT(call, 0) + at * width, 0, (size_t)width * sizeof(real));
  if (r->cell == RAPT_GRU) memset(du, 0, (size_t)width * sizeof(real));
  if (r->at[RECURRENT_W_HR] >= 0 && RAPT__OUT(call, 1))
    memset(RAPT__OUT(call, 1) + at * r->p, 0, (size_t)r->p * sizeof(real));
}

/* A row that takes no part leaves zeros behind, so its dh passes the accumulating product unchanged. */
static void step(const rapt__call *call, const backward_state *s, const rapt__recurrent_weights *w, int64_t t) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t rows = call->end - call->begin, width = r->gates * r->h, at = t * r->b + call->begin, active = 0;
  const char *second = (const char *)call->shared + rapt__recurrent_second(k, w);
  real *da = RAPT__OUT(call, 0) + at * width, *du = s->du;
  if (r->cell == RAPT_GRU && RAPT__OUT(call, 1)) du = RAPT__OUT(call, 1) + at * width;
  for (int64_t i = 0; i < rows; i++) {
    if (!rapt__recurrent_active(call, t, call->begin + i)) continue;
    receive(call, s, t, call->begin + i, i);
    active++;
  }
  if (active && r->at[RECURRENT_W_HR] >= 0)
    rapt__fixed_product(k, &w->second, second, rows, s->d, r->p, s->v, false, t);
  for (int64_t i = 0; i < rows; i++) {
    if (rapt__recurrent_active(call, t, call->begin + i)) {
      step_row(call, s, t, call->begin + i, i, du);
    } else {
      zero_row(call, t, call->begin + i, du + i * width);
    }
  }
  if (!active) return;
  if (r->cell == RAPT_GRU_BEFORE) {
    rapt__fixed_product(k, &w->second, second, rows, da + 2 * r->h, width, s->v, false, t);
    for (int64_t i = 0; i < rows; i++)
      if (rapt__recurrent_active(call, t, call->begin + i))
        gru_before_rest(call, s, t, call->begin + i, s->v + i * s->v_stride, s->dh + i * s->dh_stride);
  }
  rapt__fixed_product(k, &w->first, call->shared, rows, r->cell == RAPT_GRU ? du : da, width, s->dh, true, t);
}

/* Inputs by role; outputs: 0 gradient of the pre-activations, in the place of the activations where they die; 1 GRU: of the
 * state's part of them (T, B, 3·H), LSTM: of h before zoneout (T, B, P); 2 of the initial states (B, P + cells); 3 of the
 * peepholes, row by row (B, (gates − 1)·H). */
static void recurrent_grad_forward(const rapt__call *call) {
  const rapt__recurrent *r = call->node->attr;
  rapt__recurrent_weights w = connect(call);
  if (call->phase == 0) {
    rapt__recurrent_pack(call, &w);
    return;
  }
  backward_state s;
  place(r, call->k, &w, call->scratch, &s);
  int64_t rows = call->end - call->begin, cells = rapt__recurrent_cells(r), wide = r->h > r->p ? r->h : r->p;
  const real *from = rapt__recurrent_in(call, RECURRENT_DFINAL);
  real *dinit = RAPT__OUT(call, 2), *dpeep = RAPT__OUT(call, 3);
  memset(s.zeros, 0, (size_t)wide * sizeof(real));
  for (int64_t j = 0; j < wide; j++) s.ones[j] = 1;
  memset(s.dpeep, 0, (size_t)(3 * r->h) * sizeof(real));
  memset(s.dh, 0, (size_t)(rows * s.dh_stride) * sizeof(real));
  memset(s.dc, 0, (size_t)(rows * cells) * sizeof(real));
  if (s.d) memset(s.d, 0, (size_t)(rows * r->p) * sizeof(real));
  for (int64_t i = 0; i < rows; i++) {
    int64_t row = call->begin + i, at = row * (r->p + cells), peeps = (r->gates - 1) * r->h;
    if (from) memcpy(s.dh + i * s.dh_stride, from + at, (size_t)r->p * sizeof(real));
    if (from) memcpy(s.dc + i * cells, from + at + r->p, (size_t)cells * sizeof(real));
    if (dpeep) memset(dpeep + row * peeps, 0, (size_t)peeps * sizeof(real));
  }
  for (int64_t i = 0; i < r->t; i++) step(call, &s, &w, r->reverse ? i : r->t - 1 - i);
  for (int64_t i = 0; i < rows && dinit; i++) {
    real *to = dinit + (call->begin + i) * (r->p + cells);
    memcpy(to, s.dh + i * s.dh_stride, (size_t)r->p * sizeof(real));
    memcpy(to + r->p, s.dc + i * cells, (size_t)cells * sizeof(real));
  }
}

const rapt__op rapt__op_recurrent_grad = {.name = "recurrent_grad",
                                          .alias = 1,
                                          .split = recurrent_grad_split,
                                          .flops = rapt__recurrent_flops,
                                          .forward = recurrent_grad_forward};

/* ---- Weights: Σ over steps and rows of (gradient)ᵀ·(what the weights were applied to) ---- */

typedef struct weight_attr {
  int64_t t, b;
  int64_t first, count, a_width; /* columns of the gradient (T, B, a_width) */
  int64_t start, n, b_width;     /* columns of the states (T, B, b_width) */
  int shift;                     /* the state of step t is in the block t − shift */
  bool has_h0, has_lengths;
} weight_attr;

static k_gemm weight_product(const weight_attr *a, int64_t k) {
  return (k_gemm){.m = a->count,
                  .n = a->n,
                  .k = k,
                  .a_row = 1,
                  .a_col = a->a_width,
                  .b_row = a->b_width,
                  .b_col = 1,
                  .c_row = a->n,
                  .alpha = 1,
                  .activation = -1};
}

static k_gemm weight_steps(const weight_attr *a) { return weight_product(a, (a->t - (a->shift != 0)) * a->b); }

/* What the first step of every row adds: its state is h0. */
static k_gemm weight_start(const weight_attr *a) {
  k_gemm g = weight_product(a, a->b);
  g.a_col = a->count;
  g.accumulate = true;
  return g;
}

static int64_t weight_units(const rapt__node *node, const k_kernels *k, int phase) {
  const weight_attr *a = node->attr;
  if (phase == 2) return a->has_h0;
  k_gemm g = weight_steps(a);
  k_gemm_plan plan;
  rapt__gemm_plan(k, &g, &plan);
  return plan.units[phase];
}

static void weight_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const weight_attr *a = node->attr;
  k_gemm g = weight_steps(a), first = weight_start(a);
  k_gemm_plan plan;
  rapt__gemm_plan(k, &g, &plan);
  split->phases = 3;
  split->phase_units = weight_units;
  split->shared_bytes = plan.shared_bytes;
  split->scratch_bytes = plan.worker_bytes;
  size_t start = (((size_t)(a->b * a->count) * sizeof(real) + 63) & ~(size_t)63) + rapt__gemm_scratch(k, &first);
  if (a->has_h0 && start > split->scratch_bytes) split->scratch_bytes = start;
}

/* Inputs: gradient, states [, h0] [, lengths]. */
static void weight_forward(const rapt__call *call) {
  const weight_attr *a = call->node->attr;
  const real *d = RAPT__IN(call, 0) + a->first;
  if (call->phase < 2) {
    k_gemm g = weight_steps(a);
    k_gemm_plan plan;
    rapt__gemm_plan(call->k, &g, &plan);
    g.a = d + (a->shift > 0 ? a->b * a->a_width : 0);
    g.b = RAPT__IN(call, 1) + a->start + (a->shift < 0 ? a->b * a->b_width : 0);
    g.c = RAPT__OUT(call, 0);
    rapt__gemm_units(call->k, &g, &plan, call->phase, call->begin, call->end, call->shared, call->scratch);
    return;
  }
  real *rows = call->scratch; // (B, count): the gradients at the steps where the rows begin
  for (int64_t b = 0; b < a->b; b++) {
    int64_t t = a->shift > 0 ? 0 : a->t - 1;
    if (a->has_lengths && t >= ((const int32_t *)call->in[3])[b]) t = ((const int32_t *)call->in[3])[b] - 1;
    if (t >= 0) {
      memcpy(rows + b * a->count, d + (t * a->b + b) * a->a_width, (size_t)a->count * sizeof *rows);
    } else {
      memset(rows + b * a->count, 0, (size_t)a->count * sizeof *rows);
    }
  }
  k_gemm g = weight_start(a);
  g.a = rows;
  g.b = RAPT__IN(call, 2);
  g.c = RAPT__OUT(call, 0);
  rapt__gemm(call->k, &g, (char *)rows + (((size_t)(a->b * a->count) * sizeof *rows + 63) & ~(size_t)63));
}

static double weight_flops(const rapt__node *node, void *const *out) {
  (void)out;
  return 2.0 * (double)node->out[0].size * (double)(node->in[0]->size / rapt__width(node->in[0]));
}

const rapt__op rapt__op_recurrent_weight_grad = {
    .name = "recurrent_weight_grad", .split = weight_split, .flops = weight_flops, .forward = weight_forward};

/* `gates` (count, P) from the columns [first, first + count) of d and the states before each step. */
static rapt_tensor *of_states(const rapt__node *node, rapt_tensor *d, int64_t first, int64_t count) {
  const rapt__recurrent *r = node->attr;
  rapt_tensor *in[4] = {d, (rapt_tensor *)&node->out[1]};
  int n = 2;
  weight_attr a = {.t = r->t,
                   .b = r->b,
                   .first = first,
                   .count = count,
                   .a_width = rapt__width(d),
                   .n = r->p,
                   .b_width = r->p,
                   .shift = r->reverse ? -1 : 1,
                   .has_h0 = r->at[RECURRENT_H0] >= 0};
  a.has_lengths = a.has_h0 && r->at[RECURRENT_LENGTHS] >= 0;
  if (a.has_h0) in[n++] = node->in[r->at[RECURRENT_H0]];
  if (a.has_lengths) in[n++] = node->in[r->at[RECURRENT_LENGTHS]];
  return rapt__op1(node->graph, &rapt__op_recurrent_weight_grad, in, n, &a, sizeof a, RAPT__DIMS(count, r->p));
}

/* (count, H) from the columns [first, first + count) of d and the H columns from `start` of what the forward pass kept. */
static rapt_tensor *of_extra(const rapt__node *node, rapt_tensor *d, int64_t first, int64_t count, int64_t start) {
  const rapt__recurrent *r = node->attr;
  rapt_tensor *in[2] = {d, (rapt_tensor *)&node->out[2]};
  weight_attr a = {.t = r->t,
                   .b = r->b,
                   .first = first,
                   .count = count,
                   .a_width = rapt__width(d),
                   .start = start,
                   .n = r->h,
                   .b_width = rapt__recurrent_extra(r)};
  return rapt__op1(node->graph, &rapt__op_recurrent_weight_grad, in, 2, &a, sizeof a, RAPT__DIMS(count, r->h));
}

/* ---- The gradient of the node ---- */

static bool wanted(const rapt__node *node, recurrent_role role) {
  int at = ((const rapt__recurrent *)node->attr)->at[role];
  return at >= 0 && node->in[at]->varies;
}

void rapt__recurrent_gradient(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  const rapt__recurrent *r = node->attr;
  rapt__recurrent g = *r;
  rapt_tensor *in[RECURRENT_ROLES];
  int count = 0;
  bool lstm = r->cell == RAPT_LSTM, gru = r->cell == RAPT_GRU, h = gru || r->cell == RAPT_GRU_BEFORE;
  rapt__recurrent_add(&g, RECURRENT_X, &node->out[0], in, &count);
  for (int role = RECURRENT_W_HH; role <= RECURRENT_LENGTHS; role++) {
    bool used = role != RECURRENT_BIAS && (role != RECURRENT_H0 || h) && r->at[role] >= 0;
    rapt__recurrent_add(&g, (recurrent_role)role, used ? node->in[r->at[role]] : NULL, in, &count);
  }
  rapt__recurrent_add(&g, RECURRENT_EXTRA, lstm || gru ? &node->out[2] : NULL, in, &count);
  rapt__recurrent_add(&g, RECURRENT_Y, h ? &node->out[1] : NULL, in, &count);
  rapt__recurrent_add(&g, RECURRENT_DY, dout[1], in, &count);
  rapt__recurrent_add(&g, RECURRENT_DFINAL, dout[3], in, &count);
  rapt__node *back = rapt__node_new(node->graph, &rapt__op_recurrent_grad, in, count, &g, sizeof g);
  if (!back) return;
  int64_t width = r->gates * r->h, peeps = r->gates > 1 ? r->gates - 1 : 1;
  rapt_tensor *da = rapt__node_out(back, RAPT_F32, RAPT__DIMS(r->t, r->b, width));
  rapt_tensor *other = rapt__node_out(back, RAPT_F32, RAPT__DIMS(r->t, r->b, lstm ? r->p : width));
  rapt_tensor *initial = rapt__node_out(back, RAPT_F32, RAPT__DIMS(r->b, r->p + rapt__recurrent_cells(r)));
  rapt_tensor *peep = rapt__node_out(back, RAPT_F32, RAPT__DIMS(r->b, peeps * r->h));
  din[0] = da;
  if (wanted(node, RECURRENT_W_HH)) {
    rapt_tensor *d = gru ? other : da;
    if (r->cell == RAPT_GRU_BEFORE) {
      rapt_tensor *parts[2] = {of_states(node, d, 0, 2 * r->h), of_extra(node, d, 2 * r->h, r->h, 0)};
      din[r->at[RECURRENT_W_HH]] = rapt_concat(parts, 2, 0);
    } else {
      din[r->at[RECURRENT_W_HH]] = of_states(node, d, 0, width);
    }
  }
  if (wanted(node, RECURRENT_BIAS)) din[r->at[RECURRENT_BIAS]] = rapt__column_sum(other);
  if (wanted(node, RECURRENT_W_HR)) din[r->at[RECURRENT_W_HR]] = of_extra(node, other, 0, r->p, r->h);
  if (wanted(node, RECURRENT_PEEP))
    din[r->at[RECURRENT_PEEP]] = rapt_reshape(rapt__column_sum(peep), RAPT__DIMS(peeps, r->h));
  if (wanted(node, RECURRENT_H0)) din[r->at[RECURRENT_H0]] = rapt_slice(initial, 1, 0, r->p);
  if (wanted(node, RECURRENT_C0)) din[r->at[RECURRENT_C0]] = rapt_slice(initial, 1, r->p, r->h);
}
