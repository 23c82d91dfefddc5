/* Recurrent layers over all steps of time as one node; the input's products are an ordinary linear node before it.
 *
 * Time comes first in every tensor: what a step reads and writes is then one block of memory, the input's and the
 * weights' products are single matrix products over T·B rows, and the state before step t is the row block before. */
#include "ops/recurrent.h"

#include <string.h>

/* ---- Shared with the backward pass ---- */

size_t rapt__recurrent_second(const k_kernels *k, const rapt__recurrent_weights *w) {
  return (rapt__fixed_bytes(k, &w->first) + 63) & ~(size_t)63;
}

void rapt__recurrent_split(const rapt__recurrent *r, const k_kernels *k, const rapt__recurrent_weights *w,
                           rapt__split *split) {
  split->phases = 2;
  split->units[0] = rapt__fixed_units(k, &w->first);
  split->shared_bytes = rapt__fixed_bytes(k, &w->first);
  if (w->second.n > 0) {
    split->units[0] += rapt__fixed_units(k, &w->second);
    split->shared_bytes = rapt__recurrent_second(k, w) + rapt__fixed_bytes(k, &w->second);
  }
  split->units[1] = r->b;
  /* Whole tiles of rows, eight parts at most; where all is little, one part. */
  int64_t tile = w->first.by_row ? 1 : k->gemm_mr;
  split->grain[1] = (r->b + 8 * tile - 1) / (8 * tile) * tile;
  if ((double)r->t * (double)r->b * (double)w->first.k * (double)w->first.n < 1e6) split->grain[1] = r->b;
}

void rapt__recurrent_pack(const rapt__call *call, const rapt__recurrent_weights *w) {
  int64_t units = rapt__fixed_units(call->k, &w->first);
  char *second = (char *)call->shared + rapt__recurrent_second(call->k, w);
  for (int64_t u = call->begin; u < call->end; u++) {
    if (u < units) {
      rapt__fixed_pack(call->k, &w->first, u, call->shared);
    } else {
      rapt__fixed_pack(call->k, &w->second, u - units, second);
    }
  }
}

void rapt__recurrent_mask(const rapt__call *call, double p, uint64_t stream, int64_t t, int64_t row, int64_t n,
                          const real *ones, real *mask) {
  const rapt__recurrent *r = call->node->attr;
  /* The high half of the stream separates nodes, the low half steps, as in dropout. */
  call->k->dropout(n, (real)p, call->seed, ((stream + 1) << 40) + call->step, (uint64_t)((t * r->b + row) * n), ones,
                   mask);
}

/* ---- Forward ---- */

static rapt__recurrent_weights weights_of(const rapt__recurrent *r) {
  bool before = r->cell == RAPT_GRU_BEFORE, by_row = r->b <= K_FIXED_FEW;
  rapt__recurrent_weights w = {
      .first = {.k = r->p, .n = (before ? 2 : r->gates) * r->h, .b_row = 1, .b_col = r->p, .by_row = by_row}};
  if (before) w.second = (k_fixed){.k = r->h, .n = r->h, .b_row = 1, .b_col = r->h, .by_row = by_row};
  if (r->at[RECURRENT_W_HR] >= 0)
    w.second = (k_fixed){.k = r->h, .n = r->p, .b_row = 1, .b_col = r->h, .by_row = by_row};
  return w;
}

static rapt__recurrent_weights connect(const rapt__call *call) {
  const rapt__recurrent *r = call->node->attr;
  rapt__recurrent_weights w = weights_of(r);
  w.first.b = rapt__recurrent_in(call, RECURRENT_W_HH);
  w.second.b = r->cell == RAPT_GRU_BEFORE ? w.first.b + 2 * r->h * r->p : rapt__recurrent_in(call, RECURRENT_W_HR);
  return w;
}

/* Working memory of one call: states and products of its rows. */
typedef struct forward_state {
  real *h, *c;             // (rows, P), (rows, H)
  real *u;                 // (rows, first.n) product of the state
  real *m, *u2;            // (rows, H), (rows, second.n): what the second product takes and gives
  real *old, *ones, *mask; // zoneout: (P + H), (max(P, H)) twice
} forward_state;

static size_t place(const rapt__recurrent *r, const k_kernels *k, const rapt__recurrent_weights *w, char *base,
                    forward_state *s) {
  size_t at = 0;
  int64_t wide = r->h > r->p ? r->h : r->p;
  bool zone = r->zone_h > 0 || r->zone_c > 0, second = w->second.n > 0;
  s->h = rapt__recurrent_take(base, &at, r->b * r->p);
  s->c = rapt__recurrent_take(base, &at, r->b * rapt__recurrent_cells(r));
  s->u = rapt__recurrent_take(base, &at, r->b * rapt__fixed_stride(k, &w->first));
  s->m = rapt__recurrent_take(base, &at, second ? r->b * r->h : 0);
  s->u2 = rapt__recurrent_take(base, &at, second ? r->b * rapt__fixed_stride(k, &w->second) : 0);
  s->old = rapt__recurrent_take(base, &at, zone ? r->p + r->h : 0);
  s->ones = rapt__recurrent_take(base, &at, zone ? wide : 0);
  s->mask = rapt__recurrent_take(base, &at, zone ? wide : 0);
  return at;
}

static void recurrent_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  const rapt__recurrent *r = node->attr;
  rapt__recurrent_weights w = weights_of(r);
  forward_state s;
  rapt__recurrent_split(r, k, &w, split);
  split->scratch_bytes = place(r, k, &w, NULL, &s);
}

/* Zoneout (Krueger et al. 2017): units keep their old value with probability p, or on average. */
static void keep_some(const rapt__call *call, const forward_state *s, double p, uint64_t stream, int64_t t, int64_t row,
                      int64_t n, const real *old, real *fresh) {
  const rapt__recurrent *r = call->node->attr;
  if (p <= 0) return;
  if (r->expected) {
    call->k->scale(n, (real)(1 - p), fresh, fresh);
    call->k->axpy(n, (real)p, old, fresh);
  } else {
    rapt__recurrent_mask(call, p, stream, t, row, n, s->ones, s->mask);
    call->k->where(n, s->mask, 1, fresh, 1, old, 1, fresh);
  }
}

/* The new state of a row, once it is in s->h. */
static void put_state(const rapt__call *call, const forward_state *s, int64_t t, int64_t row, const real *old,
                      real *h) {
  const rapt__recurrent *r = call->node->attr;
  real *y = RAPT__OUT(call, 1);
  keep_some(call, s, r->zone_h, r->stream_h, t, row, r->p, old, h);
  if (y) memcpy(y + (t * r->b + row) * r->p, h, (size_t)r->p * sizeof *h);
}

/* One row in one step, up to the second product where there is one. i: the row's place in the working memory. */
static void step_row(const rapt__call *call, const forward_state *s, const real *u, int64_t t, int64_t row, int64_t i) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = t * r->b + row, width = r->gates * n;
  const real *x = RAPT__IN(call, 0) + at * width;
  real *a = RAPT__OUT(call, 0) + at * width, *h = s->h + i * r->p, *c = s->c + i * n;
  real *extra = RAPT__OUT(call, 2) ? RAPT__OUT(call, 2) + at * rapt__recurrent_extra(r) : NULL;
  bool projected = r->at[RECURRENT_W_HR] >= 0;
  if (s->old && !projected) memcpy(s->old, h, (size_t)r->p * sizeof *h);
  switch (r->cell) {
  case RAPT_LSTM: {
    real *m = projected ? s->m + i * n : h;
    if (s->old) memcpy(s->old + r->p, c, (size_t)n * sizeof *c);
    k->lstm_cell(n, r->forget, x, u, rapt__recurrent_in(call, RECURRENT_PEEP), a, c, m);
    if (s->old) keep_some(call, s, r->zone_c, r->stream_c, t, row, n, s->old + r->p, c);
    if (extra) memcpy(extra, c, (size_t)n * sizeof *c);
    if (extra && projected) memcpy(extra + n, m, (size_t)n * sizeof *m);
    if (projected) return;
    break;
  }
  case RAPT_GRU: k->gru_cell(n, x, u, rapt__recurrent_in(call, RECURRENT_BIAS), a, extra, h); break;
  case RAPT_GRU_BEFORE: {
    real *m = s->m + i * n;
    k->binary[K_BINARY_add](2 * n, x, 1, u, 1, a);
    k->unary[K_UNARY_sigmoid](2 * n, a, a);
    k->binary[K_BINARY_mul](n, a, 1, h, 1, m);
    if (extra) memcpy(extra, m, (size_t)n * sizeof *m);
    return;
  }
  default:
    k->binary[K_BINARY_add](n, x, 1, u, 1, a);
    k->unary[r->cell == RAPT_RNN_TANH ? K_UNARY_tanh : K_UNARY_relu](n, a, a);
    memcpy(h, a, (size_t)n * sizeof *h);
    break;
  }
  put_state(call, s, t, row, s->old, h);
}

/* The rest of a row's step, behind the second product. */
static void finish_row(const rapt__call *call, const forward_state *s, const real *u2, int64_t t, int64_t row,
                       int64_t i) {
  const rapt__recurrent *r = call->node->attr;
  const k_kernels *k = call->k;
  int64_t n = r->h, at = (t * r->b + row) * r->gates * n;
  real *h = s->h + i * r->p;
  if (s->old) memcpy(s->old, h, (size_t)r->p * sizeof *h);
  if (r->cell == RAPT_LSTM) {
    memcpy(h, u2, (size_t)r->p * sizeof *h);
  } else { /* n = tanh(x_n + U·(r·h)); h = n + z·(h − n) */
    real *z = RAPT__OUT(call, 0) + at + n, *fresh = z + n;
    k->binary[K_BINARY_add](n, RAPT__IN(call, 0) + at + 2 * n, 1, u2, 1, fresh);
    k->unary[K_UNARY_tanh](n, fresh, fresh);
    k->binary[K_BINARY_sub](n, h, 1, fresh, 1, h);
    k->binary[K_BINARY_mul](n, h, 1, z, 1, h);
    k->binary[K_BINARY_add](n, h, 1, fresh, 1, h);
  }
  put_state(call, s, t, row, s->old, h);
}

static void zero_row(const rapt__call *call, int64_t t, int64_t row) {
  const rapt__recurrent *r = call->node->attr;
  const int64_t width[3] = {r->gates * r->h, r->p, rapt__recurrent_extra(r)};
  for (int o = 0; o < 3; o++) {
    real *out = RAPT__OUT(call, o);
    if (out) memset(out + (t * r->b + row) * width[o], 0, (size_t)width[o] * sizeof *out);
  }
}

static void step(const rapt__call *call, const forward_state *s, const rapt__recurrent_weights *w, int64_t t) {
  const k_kernels *k = call->k;
  int64_t rows = call->end - call->begin, stride = rapt__fixed_stride(k, &w->first), active = 0;
  for (int64_t i = 0; i < rows; i++) active += rapt__recurrent_active(call, t, call->begin + i);
  if (active) rapt__fixed_product(k, &w->first, call->shared, rows, s->h, w->first.k, s->u, false, t);
  for (int64_t i = 0; i < rows; i++) {
    int64_t row = call->begin + i;
    if (rapt__recurrent_active(call, t, row)) {
      step_row(call, s, s->u + i * stride, t, row, i);
    } else {
      zero_row(call, t, row);
    }
  }
  if (w->second.n == 0 || !active) return;
  rapt__fixed_product(k, &w->second, (char *)call->shared + rapt__recurrent_second(k, w), rows, s->m, w->second.k,
                      s->u2, false, t);
  stride = rapt__fixed_stride(k, &w->second);
  for (int64_t i = 0; i < rows; i++)
    if (rapt__recurrent_active(call, t, call->begin + i))
      finish_row(call, s, s->u2 + i * stride, t, call->begin + i, i);
}

static void start(real *state, const real *from, int64_t size) {
  if (from) {
    memcpy(state, from, (size_t)size * sizeof *state);
  } else {
    memset(state, 0, (size_t)size * sizeof *state);
  }
}

static void recurrent_forward(const rapt__call *call) {
  const rapt__recurrent *r = call->node->attr;
  rapt__recurrent_weights w = connect(call);
  if (call->phase == 0) {
    rapt__recurrent_pack(call, &w);
    return;
  }
  forward_state s;
  place(r, call->k, &w, call->scratch, &s);
  int64_t rows = call->end - call->begin, cells = rapt__recurrent_cells(r), wide = r->h > r->p ? r->h : r->p;
  const real *h0 = rapt__recurrent_in(call, RECURRENT_H0), *c0 = rapt__recurrent_in(call, RECURRENT_C0);
  if (r->zone_h <= 0 && r->zone_c <= 0) s.old = NULL;
  for (int64_t j = 0; s.old && j < wide; j++) s.ones[j] = 1;
  start(s.h, h0 ? h0 + call->begin * r->p : NULL, rows * r->p);
  start(s.c, c0 ? c0 + call->begin * cells : NULL, rows * cells);
  if (w.second.n > 0) start(s.m, NULL, rows * r->h);
  for (int64_t i = 0; i < r->t; i++) step(call, &s, &w, r->reverse ? r->t - 1 - i : i);
  real *final = RAPT__OUT(call, 3);
  for (int64_t i = 0; i < rows && final; i++) {
    real *to = final + (call->begin + i) * (r->p + cells);
    memcpy(to, s.h + i * r->p, (size_t)r->p * sizeof *to);
    memcpy(to + r->p, s.c + i * cells, (size_t)cells * sizeof *to);
  }
}

/* ---- Building ---- */

static rapt_tensor *vector(rapt_tensor *x) { return rapt_reshape(x, RAPT__DIMS(x->size)); }

typedef struct sample_case {
  rapt_cell cell;
  int64_t t, b, i, h, p; /* p: 0 without projection */
  bool bias, initial, lengths, reverse, no_forget, peep;
  double zone_h, zone_c;
  bool expected;
} sample_case;

/* Every kind with and without each option, at odd sizes and at size one; few rows go through another product than many. */
static const sample_case cases[] = {
    {RAPT_RNN_TANH, 4, 5, 3, 3, 0, true, true, true, false},
    {RAPT_RNN_TANH, 3, 2, 2, 5, 0, false, false, false, true, .zone_h = 0.4},
    {RAPT_RNN_RELU, 3, 5, 3, 3, 0, true, true, true, true},
    {RAPT_LSTM, 4, 5, 3, 3, 0, true, true, true, false},
    {RAPT_LSTM, 4, 5, 2, 9, 0, true, true, true, true},
    {RAPT_LSTM, 3, 2, 3, 5, 0, false, false, false, true},
    {RAPT_LSTM, 1, 1, 1, 1, 0, true, true, false, false},
    {RAPT_LSTM, 3, 5, 2, 3, 0, true, true, true, true, true, true},
    {RAPT_LSTM, 4, 2, 2, 3, 0, true, false, false, false, false, true},
    {RAPT_LSTM, 3, 5, 2, 5, 3, true, true, true, false, false, true},
    {RAPT_LSTM, 3, 2, 2, 3, 2, true, true, true, true, true, false, 0.3, 0.4},
    {RAPT_LSTM, 3, 5, 2, 3, 0, true, true, true, false, false, true, 0.3, 0.4},
    {RAPT_LSTM, 3, 1, 2, 3, 0, true, true, false, false, .zone_h = 0.3, .zone_c = 0.4, .expected = true},
    {RAPT_GRU, 4, 5, 3, 3, 0, true, true, true, false},
    {RAPT_GRU, 4, 5, 3, 3, 0, true, true, true, true, .zone_h = 0.3},
    {RAPT_GRU, 3, 2, 2, 5, 0, false, false, false, true},
    {RAPT_GRU, 1, 1, 1, 1, 0, true, true, false, false},
    {RAPT_GRU_BEFORE, 4, 5, 3, 3, 0, true, true, true, false},
    {RAPT_GRU_BEFORE, 3, 2, 2, 5, 0, true, false, true, true, .zone_h = 0.3, .expected = true},
    {RAPT_GRU_BEFORE, 1, 1, 1, 1, 0, false, true, false, false},
};

static rapt_tensor *recurrent_sample(rapt_graph *graph, int index) {
  const sample_case *s = &cases[index];
  int64_t p = s->p ? s->p : s->h, gates = s->cell == RAPT_LSTM       ? (s->no_forget ? 3 : 4)
                                          : s->cell <= RAPT_RNN_RELU ? 1
                                                                     : 3;
  rapt_tensor *x = rapt__sample(graph, "x", RAPT_F32, -1, 1, RAPT__DIMS(s->t, s->b, s->i));
  rapt_tensor *w_ih = rapt__sample(graph, "w_ih", RAPT_F32, -1, 1, RAPT__DIMS(gates * s->h, s->i));
  rapt_tensor *w_hh = rapt__sample(graph, "w_hh", RAPT_F32, -1, 1, RAPT__DIMS(gates * s->h, p));
  rapt_tensor *b_ih = NULL, *b_hh = NULL, *h_n, *c_n = NULL;
  if (s->bias) {
    b_ih = rapt__sample(graph, "b_ih", RAPT_F32, -1, 1, RAPT__DIMS(gates * s->h));
    b_hh = rapt__sample(graph, "b_hh", RAPT_F32, -1, 1, RAPT__DIMS(gates * s->h));
  }
  rapt_recurrent_options o = {.cell = s->cell,
                              .reverse = s->reverse,
                              .no_forget = s->no_forget,
                              .zoneout_h = s->zone_h,
                              .zoneout_c = s->zone_c,
                              .zoneout_mean = s->expected,
                              .h_n = &h_n};
  bool lstm = s->cell == RAPT_LSTM;
  if (lstm) o.c_n = &c_n;
  if (s->initial) o.h0 = rapt__sample(graph, "h0", RAPT_F32, -1, 1, RAPT__DIMS(s->b, p));
  if (s->initial && lstm) o.c0 = rapt__sample(graph, "c0", RAPT_F32, -1, 1, RAPT__DIMS(s->b, s->h));
  /* Lengths of 0 and past the end among them. */
  if (s->lengths) o.lengths = rapt__sample(graph, "lengths", RAPT_I32, 0, (double)s->t + 2, RAPT__DIMS(s->b));
  if (s->peep) o.peepholes = rapt__sample(graph, "peep", RAPT_F32, -1, 1, RAPT__DIMS(gates - 1, s->h));
  if (s->p) o.w_hr = rapt__sample(graph, "w_hr", RAPT_F32, -1, 1, RAPT__DIMS(s->p, s->h));
  rapt_tensor *y = rapt_recurrent(x, w_ih, w_hh, b_ih, b_hh, &o);
  rapt_tensor *parts[3] = {vector(y), vector(h_n), lstm ? vector(c_n) : NULL};
  if (index % 4 > 1) return parts[index % 4 - 2]; /* only y or only h is of use to anyone */
  return rapt_concat(parts, lstm ? 3 : 2, 0);
}

double rapt__recurrent_flops(const rapt__node *node, void *const *out) {
  const rapt__recurrent *r = node->attr;
  (void)out;
  return 2.0 * (double)(r->t * r->b) * (double)(r->gates * r->h) * (double)r->p;
}

const rapt__op rapt__op_recurrent = {.name = "recurrent",
                                     .flops = rapt__recurrent_flops,
                                     .alias = 1,
                                     .split = recurrent_split,
                                     .forward = recurrent_forward,
                                     .grad = rapt__recurrent_gradient,
                                     .samples = sizeof cases / sizeof *cases,
                                     .sample = recurrent_sample};

static bool shaped(const rapt_tensor *t, int64_t rows, int64_t columns) {
  return !t || (t->dtype == RAPT_F32 && t->ndim == 2 && t->dim[0] == rows && t->dim[1] == columns);
}

static bool bias_fits(const rapt_tensor *t, int64_t n) {
  return !t || (t->dtype == RAPT_F32 && t->ndim == 1 && t->dim[0] == n);
}

static const char *text(const rapt_tensor *t) { return t ? rapt__shape_text(t) : "absent"; }

/* Returns the poisoned tensor where something does not fit, else NULL. */
static rapt_tensor *refuse(const rapt_tensor *x, const rapt_tensor *w_ih, const rapt_tensor *w_hh,
                           const rapt_tensor *b_ih, const rapt_tensor *b_hh, const rapt_recurrent_options *o,
                           const rapt__recurrent *r) {
  rapt_graph *graph = x->graph;
  int64_t rows = r->gates * r->h;
  if (!shaped(w_ih, rows, x->dim[2]) || !shaped(w_hh, rows, r->p) || !bias_fits(b_ih, rows) || !bias_fits(b_hh, rows))
    return rapt__poison(graph, RAPT_ESHAPE,
                        "recurrent: x %s, w_ih %s, w_hh %s, b_ih %s, b_hh %s; with %lld gates of %lld units (T, B, I), "
                        "(%lld, I), (%lld, %lld) and (%lld) are needed",
                        rapt__shape_text(x), text(w_ih), text(w_hh), text(b_ih), text(b_hh), (long long)r->gates,
                        (long long)r->h, (long long)rows, (long long)rows, (long long)r->p, (long long)rows);
  if (r->cell != RAPT_LSTM && (o->c0 || o->c_n || o->no_forget || o->peepholes || o->w_hr || o->zoneout_c > 0))
    return rapt__poison(graph, RAPT_EINVAL,
                        "recurrent: cells, forget gate, peepholes and projection belong to RAPT_LSTM");
  if (!shaped(o->w_hr, r->p, r->h) || !shaped(o->peepholes, r->gates - 1, r->h) || !shaped(o->h0, r->b, r->p) ||
      !shaped(o->c0, r->b, r->h))
    return rapt__poison(graph, RAPT_ESHAPE,
                        "recurrent: w_hr %s, peepholes %s, h0 %s, c0 %s; (%lld, %lld), (%lld, %lld), (%lld, %lld) and "
                        "(%lld, %lld) are needed",
                        text(o->w_hr), text(o->peepholes), text(o->h0), text(o->c0), (long long)r->p, (long long)r->h,
                        (long long)(r->gates - 1), (long long)r->h, (long long)r->b, (long long)r->p, (long long)r->b,
                        (long long)r->h);
  if (o->lengths && (o->lengths->dtype != RAPT_I32 || o->lengths->ndim != 1 || o->lengths->dim[0] != r->b))
    return rapt__poison(graph, RAPT_ESHAPE, "recurrent: lengths %s must be int32 (%lld)", text(o->lengths),
                        (long long)r->b);
  if (!(r->zone_h >= 0 && r->zone_h < 1 && r->zone_c >= 0 && r->zone_c < 1))
    return rapt__poison(graph, RAPT_EINVAL, "recurrent: zoneout of %g and %g; both must be in [0, 1)", r->zone_h,
                        r->zone_c);
  return NULL;
}

rapt_tensor *rapt_recurrent(rapt_tensor *x, rapt_tensor *w_ih, rapt_tensor *w_hh, rapt_tensor *b_ih, rapt_tensor *b_hh,
                            const rapt_recurrent_options *options) {
  rapt_graph *graph = x->graph;
  rapt_recurrent_options o = options ? *options : (rapt_recurrent_options){0};
  if (o.h_n) *o.h_n = &graph->poison;
  if (o.c_n) *o.c_n = &graph->poison;
  rapt_tensor *all[] = {x, w_ih, w_hh, b_ih, b_hh, o.h0, o.c0, o.lengths, o.peepholes, o.w_hr};
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    if (all[i] && rapt__poisoned(all[i])) return &graph->poison;
  if (x->ndim != 3 || x->dtype != RAPT_F32 || w_hh->ndim != 2 || (unsigned)o.cell > RAPT_GRU_BEFORE)
    return rapt__poison(graph, RAPT_ESHAPE,
                        "recurrent: x %s and w_hh %s must be (T, B, I) and (G·H, H), the cell %d a kind",
                        rapt__shape_text(x), rapt__shape_text(w_hh), (int)o.cell);
  static const int64_t gates[] = {
      [RAPT_RNN_TANH] = 1, [RAPT_RNN_RELU] = 1, [RAPT_LSTM] = 4, [RAPT_GRU] = 3, [RAPT_GRU_BEFORE] = 3};
  rapt__recurrent r = {.cell = o.cell,
                       .reverse = o.reverse,
                       .forget = !o.no_forget,
                       .expected = o.zoneout_mean,
                       .t = x->dim[0],
                       .b = x->dim[1],
                       .p = w_hh->dim[1],
                       .gates = o.cell == RAPT_LSTM && o.no_forget ? 3 : gates[o.cell],
                       .zone_h = o.zoneout_h,
                       .zone_c = o.zoneout_c};
  r.h = w_hh->dim[0] / r.gates;
  if (r.h != r.p && !o.w_hr) r.h = r.p; /* the sentence then says what w_hh should be */
  rapt_tensor *refused = refuse(x, w_ih, w_hh, b_ih, b_hh, &o, &r);
  if (refused) return refused;
  if (r.zone_h > 0 && !r.expected) r.stream_h = rapt__random_stream(graph);
  if (r.zone_c > 0 && !r.expected) r.stream_c = rapt__random_stream(graph);
  /* Only the GRU's second bias has a place of its own; elsewhere both are one sum. */
  bool inside = o.cell == RAPT_GRU;
  rapt_tensor *bias = inside || !b_hh ? b_ih : b_ih ? rapt_add(b_ih, b_hh) : b_hh;
  rapt_tensor *in[RECURRENT_ROLES];
  int count = 0;
  for (int i = 0; i < RECURRENT_ROLES; i++) r.at[i] = -1;
  rapt__recurrent_add(&r, RECURRENT_X, rapt_linear(x, w_ih, true, bias, RAPT_IDENTITY), in, &count);
  rapt__recurrent_add(&r, RECURRENT_W_HH, w_hh, in, &count);
  rapt__recurrent_add(&r, RECURRENT_BIAS, inside ? b_hh : NULL, in, &count);
  rapt__recurrent_add(&r, RECURRENT_W_HR, o.w_hr, in, &count);
  rapt__recurrent_add(&r, RECURRENT_PEEP, o.peepholes, in, &count);
  rapt__recurrent_add(&r, RECURRENT_H0, o.h0, in, &count);
  rapt__recurrent_add(&r, RECURRENT_C0, o.c0, in, &count);
  rapt__recurrent_add(&r, RECURRENT_LENGTHS, o.lengths, in, &count);
  rapt__node *node = rapt__node_new(graph, &rapt__op_recurrent, in, count, &r, sizeof r);
  if (!node) return &graph->poison;
  rapt__node_out(node, RAPT_F32, RAPT__DIMS(r.t, r.b, r.gates * r.h))->varies = false;
  rapt_tensor *y = rapt__node_out(node, RAPT_F32, RAPT__DIMS(r.t, r.b, r.p));
  rapt__node_out(node, RAPT_F32, RAPT__DIMS(r.t, r.b, rapt__recurrent_extra(&r)))->varies = false;
  rapt_tensor *final = rapt__node_out(node, RAPT_F32, RAPT__DIMS(r.b, r.p + rapt__recurrent_cells(&r)));
  if (o.h_n) *o.h_n = rapt_slice(final, 1, 0, r.p);
  if (o.c_n) *o.c_n = rapt_slice(final, 1, r.p, r.h);
  return y;
}
