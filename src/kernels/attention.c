/* Tiled attention over the micro-kernel of the matrix product: a block of queries meets one block of keys at a time. What
 * the masks hide is left out strip by strip (gemm_mr queries), so that a causal mask halves the work on its diagonal too.
 *
 * Buffers have whole strips of rows and whole panels of columns. What the micro-kernel computes in the part beyond the real
 * rows and columns is never read. */
#include "kernels/attention.h"

#include <math.h>
#include <string.h>

enum { BQ = 72, BK = 64 };

/* Part of a row, or of the rows that a strip has in common: [first, last), empty when they are equal. */
typedef struct span {
  int64_t first, last;
} span;

typedef struct workspace {
  int64_t mr, nr, e, d;         /* e, d: dim_v and dim filled up to whole panels */
  real *q, *dout;               /* (BQ, dim), (BQ, dim_v): the block's rows, filled up with zeros */
  real *scores, *grads;         /* (BQ, BK) */
  real *acc;                    /* (BQ, e) forward, (BQ, d) backward */
  real *part;                   /* (BK, max(d, e)): of dk or dv */
  real *panels;                 /* of keys or values */
  real *q_panels, *dout_panels; /* of the block of queries as right operand */
  real *top, *sum, *dot;        /* (BQ) */
  span row[BQ];                 /* keys of the tile that a query sees */
  span strip[BQ];               /* the same for strips of queries, or queries for strips of keys */
} workspace;

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t whole(int64_t n, int64_t to) { return up(n, to) * to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t rapt__attention_units(const k_attention *a, bool backward) {
  return backward ? a->batch * a->kv_heads : a->batch * a->heads * up(a->tq, BQ);
}

/* The next n elements of the scratch, from `base` if there is one, and the place behind them in whole cache lines. */
static real *take(real *base, int64_t *at, int64_t n) {
  real *p = base ? base + *at : NULL;
  *at += whole(n, 16);
  return p;
}

/* Returns how many elements the workspace takes. */
static int64_t lay_out(workspace *w, const k_kernels *k, const k_attention *a, bool backward, real *base) {
  int64_t at = 0, rows = whole(BQ, k->gemm_mr), keys = whole(BK, k->gemm_nr), deep = most(BQ, BK);
  w->mr = k->gemm_mr, w->nr = k->gemm_nr;
  w->e = whole(a->dim_v, w->nr), w->d = whole(a->dim, w->nr);
  w->q = take(base, &at, rows * a->dim);
  w->scores = take(base, &at, rows * keys + w->mr); /* the last strip of keys may reach over the last row */
  w->acc = take(base, &at, rows * (backward ? w->d : w->e));
  w->panels = take(base, &at, most(most(keys * a->dim, keys * a->dim_v), deep * most(w->d, w->e)));
  w->top = take(base, &at, BQ);
  w->sum = take(base, &at, BQ);
  w->dot = take(base, &at, BQ);
  if (backward) {
    w->dout = take(base, &at, rows * a->dim_v);
    w->grads = take(base, &at, rows * keys + w->mr);
    w->part = take(base, &at, whole(BK, w->mr) * most(w->d, w->e));
    w->q_panels = take(base, &at, BQ * w->d);
    w->dout_panels = take(base, &at, BQ * w->e);
  }
  return at;
}

size_t rapt__attention_scratch(const k_kernels *k, const k_attention *a, bool backward) {
  workspace w;
  return (size_t)lay_out(&w, k, a, backward, NULL) * sizeof(real);
}

/* Keys that query i of batch b sees; both ends grow with i. */
static span keys_of(const k_attention *a, int64_t b, int64_t i) {
  int64_t at = i + a->tk - a->tq;
  span s = {0, a->lengths ? most(least(a->lengths[b], a->tk), 0) : a->tk};
  if (a->causal) s.last = least(s.last, most(at + 1, 0));
  if (a->window > 0 && a->window <= at) s.first = at - a->window + 1;
  return s;
}

/* Keys that any query of a block sees. */
static span keys_of_block(const k_attention *a, int64_t b, int64_t i0, int64_t nq) {
  return (span){keys_of(a, b, i0).first, keys_of(a, b, i0 + nq - 1).last};
}

static span joined(const span *s, int64_t n) {
  span all = {0, 0};
  for (int64_t i = 0; i < n; i++) {
    if (s[i].first >= s[i].last) continue;
    all.first = all.last ? least(all.first, s[i].first) : s[i].first;
    all.last = most(all.last, s[i].last);
  }
  return all;
}

/* Which of keys j0… the queries i0… see. Returns whether each sees them all. */
static bool find_spans(const k_attention *a, workspace *w, int64_t b, int64_t i0, int64_t nq, int64_t j0, int64_t nk) {
  bool full = true;
  for (int64_t i = 0; i < nq; i++) {
    span s = keys_of(a, b, i0 + i);
    s.first = least(most(s.first - j0, 0), nk);
    s.last = most(least(s.last - j0, nk), s.first);
    full = full && s.first == 0 && s.last == nk;
    w->row[i] = s;
  }
  for (int64_t i = 0; i < nq; i += w->mr) w->strip[i / w->mr] = joined(w->row + i, least(w->mr, nq - i));
  return full;
}

/* From rows that see keys to strips of keys that are seen by rows. */
static void turn_spans(workspace *w, bool full, int64_t nq, int64_t nk) {
  for (int64_t j = 0; j < nk; j += w->mr) {
    span s = {0, nq};
    while (!full && s.first < s.last && (w->row[s.first].last <= j || w->row[s.first].first >= j + w->mr)) s.first++;
    while (!full && s.first < s.last && (w->row[s.last - 1].last <= j || w->row[s.last - 1].first >= j + w->mr))
      s.last--;
    w->strip[j / w->mr] = s;
  }
}

static void copy_rows(int64_t rows, int64_t all, int64_t n, const real *x, int64_t step, real *to) {
  for (int64_t i = 0; i < rows; i++) memcpy(to + i * n, x + i * step, (size_t)n * sizeof *to);
  memset(to + rows * n, 0, (size_t)((all - rows) * n) * sizeof *to);
}

/* (nq, nk) = x (nq, depth) · panels of keys or values, only tiles of which something is seen. */
static void outer_product(const k_kernels *k, const workspace *w, int64_t nq, int64_t nk, int64_t depth, const real *x,
                          real *to) {
  int64_t ld = whole(BK, w->nr);
  for (int64_t j = 0; j < nk; j += w->nr) {
    for (int64_t i = 0; i < nq; i += w->mr) {
      span s = w->strip[i / w->mr];
      if (s.last <= j || s.first >= j + w->nr) continue;
      k->gemm_tile(depth, x + i * depth, depth, 1, w->panels + j * depth, to + i * ld + j, ld, false);
    }
  }
}

/* to (rows, n filled up) += x (rows, depth) · panels (depth, n), over the part of the depth that a strip of rows has. */
static void inner_product(const k_kernels *k, const workspace *w, int64_t rows, int64_t n, int64_t depth, const real *x,
                          int64_t x_row, int64_t x_col, const real *panels, real *to) {
  int64_t ld = whole(n, w->nr);
  for (int64_t j = 0; j < n; j += w->nr) {
    for (int64_t i = 0; i < rows; i += w->mr) {
      span s = w->strip[i / w->mr];
      if (s.first >= s.last) continue;
      k->gemm_tile(s.last - s.first, x + i * x_row + s.first * x_col, x_row, x_col,
                   panels + j * depth + s.first * w->nr, to + i * ld + j, ld, true);
    }
  }
}

/* Scaled and biased scores of the tile; only what a row sees is valid. */
static void score_tile(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h, int64_t i0,
                       int64_t nq, int64_t j0, int64_t nk) {
  const real *key = a->k + b * a->k_batch + j0 * a->k_time + h / (a->heads / a->kv_heads) * a->k_head;
  k->gemm_pack_b(a->dim, nk, key, 1, a->k_time, a->scale, w->panels);
  outer_product(k, w, nq, nk, a->dim, w->q, w->scores);
  if (!a->bias) return;
  for (int64_t i = 0; i < nq; i++) {
    span s = w->row[i];
    if (s.first >= s.last) continue;
    real *row = w->scores + i * whole(BK, w->nr) + s.first;
    const real *bias = a->bias + b * a->bias_batch + h * a->bias_head + (i0 + i) * a->bias_query + j0 + s.first;
    k->binary[K_BINARY_add](s.last - s.first, row, 1, bias, 1, row);
  }
}

/* Sets what a row does not see to zero. */
static void clear_hidden(real *row, span s, int64_t nk) {
  if (s.first > 0) memset(row, 0, (size_t)s.first * sizeof *row);
  if (s.last < nk) memset(row + s.last, 0, (size_t)(nk - s.last) * sizeof *row);
}

/* One step of the running softmax: a tile's scores become exp(score − top), older sums shrink as the row's top grows. */
static void soften_tile(const k_kernels *k, const workspace *w, int64_t nq, int64_t nk) {
  for (int64_t i = 0; i < nq; i++) {
    span s = w->row[i];
    real *all = w->scores + i * whole(BK, w->nr), *row = all + s.first, old = w->top[i];
    int64_t n = s.last - s.first;
    real top = k->max(n, row);
    top = top > old || top != top ? top : old;
    if (top == -INFINITY) {
      memset(all, 0, (size_t)nk * sizeof *all);
      continue;
    }
    clear_hidden(all, s, nk);
    if (top != old && old != -INFINITY) {
      real shrink = (real)exp((double)old - (double)top);
      w->sum[i] *= shrink;
      k->scale(w->e, shrink, w->acc + i * w->e, w->acc + i * w->e);
    }
    k->exp_shift(n, -top, 1, row, row);
    w->sum[i] += k->sum(n, row);
    w->top[i] = top;
  }
}

/* Keeps the scores of a tile where the probabilities will be. */
static void keep_scores(const k_attention *a, const workspace *w, real *probs, int64_t nq, int64_t j0) {
  for (int64_t i = 0; i < nq; i++) {
    span s = w->row[i];
    memcpy(probs + i * a->tk + j0 + s.first, w->scores + i * whole(BK, w->nr) + s.first,
           (size_t)(s.last - s.first) * sizeof *probs);
  }
}

/* The end of a block: out = acc / sum, log-sum-exp = top + log(sum), probabilities = exp(score − lse). */
static void finish_rows(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h, int64_t i0,
                        int64_t nq, real *probs) {
  real *logs = w->dot;
  k->unary[K_UNARY_log](nq, w->sum, logs);
  for (int64_t i = 0; i < nq; i++) {
    bool none = w->top[i] == -INFINITY;
    real lse = none ? (real)-INFINITY : w->top[i] + logs[i];
    k->scale(a->dim_v, none ? 0 : 1 / w->sum[i], w->acc + i * w->e,
             a->out + b * a->o_batch + (i0 + i) * a->o_time + h * a->o_head);
    if (a->lse) a->lse[(b * a->heads + h) * a->tq + i0 + i] = lse;
    if (!probs) continue;
    span s = keys_of(a, b, i0 + i);
    real *row = probs + i * a->tk;
    if (none || s.first >= s.last) {
      memset(row, 0, (size_t)a->tk * sizeof *row);
    } else {
      clear_hidden(row, s, a->tk);
      k->exp_shift(s.last - s.first, -lse, 1, row + s.first, row + s.first);
    }
  }
}

void rapt__attention_forward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch) {
  workspace w;
  lay_out(&w, k, a, false, scratch);
  int64_t blocks = up(a->tq, BQ), i0 = unit % blocks * BQ, h = unit / blocks % a->heads, b = unit / blocks / a->heads;
  int64_t nq = least(BQ, a->tq - i0), g = h / (a->heads / a->kv_heads), rows = whole(nq, w.mr);
  real *probs = a->probs ? a->probs + ((b * a->heads + h) * a->tq + i0) * a->tk : NULL;
  for (int64_t i = 0; i < nq; i++) w.top[i] = (real)-INFINITY, w.sum[i] = 0;
  memset(w.acc, 0, (size_t)(rows * w.e) * sizeof(real));
  copy_rows(nq, rows, a->dim, a->q + b * a->q_batch + i0 * a->q_time + h * a->q_head, a->q_time, w.q);
  span keys = keys_of_block(a, b, i0, nq);
  for (int64_t j0 = keys.first / BK * BK; j0 < keys.last; j0 += BK) {
    int64_t nk = least(BK, keys.last - j0);
    find_spans(a, &w, b, i0, nq, j0, nk);
    score_tile(k, a, &w, b, h, i0, nq, j0, nk);
    if (probs) keep_scores(a, &w, probs, nq, j0);
    soften_tile(k, &w, nq, nk);
    k->gemm_pack_b(nk, a->dim_v, a->v + b * a->v_batch + j0 * a->v_time + g * a->v_head, a->v_time, 1, 1, w.panels);
    inner_product(k, &w, nq, a->dim_v, nk, w.scores, whole(BK, w.nr), 1, w.panels, w.acc);
  }
  finish_rows(k, a, &w, b, h, i0, nq, probs);
}

/* dS = P∘(dP − d) with P = exp(score − lse), both zero where a row sees nothing. */
static void soften_grads(const k_kernels *k, const k_attention *a, const workspace *w, int64_t first_row, int64_t nq,
                         int64_t j0, int64_t nk) {
  for (int64_t i = 0; i < nq; i++) {
    span s = w->row[i];
    real *p = w->scores + i * whole(BK, w->nr), *ds = w->grads + i * whole(BK, w->nr);
    real lse = a->lse[first_row + i];
    int64_t n = s.last - s.first;
    if (lse == -INFINITY) s.first = s.last = n = 0;
    clear_hidden(p, s, nk);
    clear_hidden(ds, s, nk);
    if (n == 0) continue;
    p += s.first, ds += s.first;
    k->exp_shift(n, -lse, 1, p, p);
    k->binary[K_BINARY_sub](n, ds, 1, &w->dot[i], 0, ds);
    k->binary[K_BINARY_mul](n, ds, 1, p, 1, ds);
    if (a->dbias) memcpy(a->dbias + (first_row + i) * a->tk + j0 + s.first, ds, (size_t)n * sizeof *ds);
  }
}

/* to (nk, n) += xᵀ · panels, where x (nq, nk) is P or dS. */
static void add_turned(const k_kernels *k, const workspace *w, int64_t nq, int64_t nk, int64_t n, const real *x,
                       const real *panels, real *to, int64_t step) {
  int64_t ld = whole(n, w->nr);
  memset(w->part, 0, (size_t)(whole(nk, w->mr) * ld) * sizeof(real));
  inner_product(k, w, nk, n, nq, x, 1, whole(BK, w->nr), panels, w->part);
  for (int64_t j = 0; j < nk; j++) k->axpy(n, 1, w->part + j * ld, to + j * step);
}

/* Gradients of one tile: dv += Pᵀ·dout, dS = P∘(dout·vᵀ − d), dq += dS·k·scale, dk += dSᵀ·q·scale. */
static void backward_tile(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t h, int64_t i0,
                          int64_t nq, int64_t j0, int64_t nk) {
  int64_t g = h / (a->heads / a->kv_heads);
  int64_t k_at = b * a->k_batch + j0 * a->k_time + g * a->k_head;
  int64_t v_at = b * a->v_batch + j0 * a->v_time + g * a->v_head;
  bool full = find_spans(a, w, b, i0, nq, j0, nk);
  score_tile(k, a, w, b, h, i0, nq, j0, nk);
  k->gemm_pack_b(a->dim_v, nk, a->v + v_at, 1, a->v_time, 1, w->panels);
  outer_product(k, w, nq, nk, a->dim_v, w->dout, w->grads);
  soften_grads(k, a, w, (b * a->heads + h) * a->tq + i0, nq, j0, nk);
  k->gemm_pack_b(nk, a->dim, a->k + k_at, a->k_time, 1, a->scale, w->panels);
  inner_product(k, w, nq, a->dim, nk, w->grads, whole(BK, w->nr), 1, w->panels, w->acc);
  turn_spans(w, full, nq, nk);
  add_turned(k, w, nq, nk, a->dim_v, w->scores, w->dout_panels, a->dv + v_at, a->v_time);
  add_turned(k, w, nq, nk, a->dim, w->grads, w->q_panels, a->dk + k_at, a->k_time);
}

static void backward_block(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t h, int64_t i0) {
  int64_t nq = least(BQ, a->tq - i0), rows = whole(nq, w->mr);
  int64_t q_at = b * a->q_batch + i0 * a->q_time + h * a->q_head,
          o_at = b * a->o_batch + i0 * a->o_time + h * a->o_head;
  for (int64_t i = 0; i < nq; i++) {
    w->dot[i] = k->dot(a->dim_v, a->o + o_at + i * a->o_time, a->dout + o_at + i * a->o_time);
  }
  memset(w->acc, 0, (size_t)(rows * w->d) * sizeof(real));
  copy_rows(nq, rows, a->dim, a->q + q_at, a->q_time, w->q);
  copy_rows(nq, rows, a->dim_v, a->dout + o_at, a->o_time, w->dout);
  k->gemm_pack_b(nq, a->dim, a->q + q_at, a->q_time, 1, a->scale, w->q_panels);
  k->gemm_pack_b(nq, a->dim_v, a->dout + o_at, a->o_time, 1, 1, w->dout_panels);
  span keys = keys_of_block(a, b, i0, nq);
  for (int64_t j0 = keys.first / BK * BK; j0 < keys.last; j0 += BK) {
    backward_tile(k, a, w, b, h, i0, nq, j0, least(BK, keys.last - j0));
  }
  for (int64_t i = 0; i < nq; i++) {
    memcpy(a->dq + q_at + i * a->q_time, w->acc + i * w->d, (size_t)a->dim * sizeof(real));
  }
}

void rapt__attention_backward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch) {
  workspace w;
  lay_out(&w, k, a, true, scratch);
  int64_t g = unit % a->kv_heads, b = unit / a->kv_heads, group = a->heads / a->kv_heads;
  for (int64_t j = 0; j < a->tk; j++) {
    memset(a->dk + b * a->k_batch + j * a->k_time + g * a->k_head, 0, (size_t)a->dim * sizeof(real));
    memset(a->dv + b * a->v_batch + j * a->v_time + g * a->v_head, 0, (size_t)a->dim_v * sizeof(real));
  }
  for (int64_t h = g * group; h < (g + 1) * group; h++) {
    if (a->dbias) memset(a->dbias + (b * a->heads + h) * a->tq * a->tk, 0, (size_t)(a->tq * a->tk) * sizeof(real));
    for (int64_t i0 = 0; i0 < a->tq; i0 += BQ) backward_block(k, a, &w, b, h, i0);
  }
}
