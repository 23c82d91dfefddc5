/* Tiled attention over the micro-kernel of the matrix product: a block of queries meets one block of keys at a time. What
 * the masks hide is left out strip by strip (gemm_mr queries), so that a causal mask halves the work on its diagonal too. Keys
 * and values are brought into panels once for all blocks of queries that follow each other.
 *
 * Rows of queries and of incoming gradients are read where they lie. Scores have whole panels of columns; what the
 * micro-kernel computes in those beyond the real ones is never read. */
#include "kernels/attention.h"

#include <math.h>
#include <string.h>

enum { BQ = 144, BK = 64, FEW = 2 };

/* Part of a row, or of the rows that a strip has in common: [first, last), empty when they are equal. */
typedef struct span {
  int64_t first, last;
} span;

typedef struct workspace {
  int64_t mr, nr, e, d;         /* e, d: dim_v and dim filled up to whole panels */
  real *scores, *grads;         /* (BQ, BK) */
  real *acc;                    /* (BQ, dim_v) forward, (BQ, dim) of dq backward */
  real *dk, *dv;                /* (tk, dim), (tk, dim_v): sums over all queries, closer together than the outputs */
  real *keys_t, *values_t;      /* panels by tile: Kᵀ; Vᵀ backward */
  real *keys, *values;          /* panels by tile: K backward, V forward */
  real *q_panels, *dout_panels; /* of the block of queries as right operand */
  real *top, *sum, *dot;        /* (BQ) */
  int64_t from, packed;         /* tiles of keys and values that have their panels: [from, packed) */
  span row[BQ];                 /* keys of the tile that a query sees */
  span strip[BQ];               /* the same for strips of queries, or queries for strips of keys */
} workspace;

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t whole(int64_t n, int64_t to) { return up(n, to) * to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t rapt__attention_blocks(const k_attention *a) { return up(a->tq, BQ); }

int64_t rapt__attention_units(const k_attention *a, bool backward) {
  return backward ? a->batch * a->kv_heads : a->batch * a->heads * rapt__attention_blocks(a);
}

/* The next n elements of the scratch, from `base` if there is one, and the place behind them in whole cache lines. */
static real *take(real *base, int64_t *at, int64_t n) {
  real *p = base ? base + *at : NULL;
  *at += whole(n, 16);
  return p;
}

/* Elements of one tile's panels: keys as columns (Kᵀ, Vᵀ) of depth `width`, or as depth of `columns` columns. */
static int64_t turned_tile(const workspace *w, int64_t width) { return whole(BK, w->nr) * width; }
static int64_t plain_tile(int64_t columns) { return BK * columns; }

/* Returns how many elements the workspace takes. */
static int64_t lay_out(workspace *w, const k_kernels *k, const k_attention *a, bool backward, real *base) {
  int64_t at = 0, rows = least(BQ, a->tq), keys = whole(BK, k->gemm_nr), tiles = up(a->tk, BK);
  w->mr = k->gemm_mr, w->nr = k->gemm_nr, w->from = w->packed = 0;
  w->e = whole(a->dim_v, w->nr), w->d = whole(a->dim, w->nr);
  w->scores = take(base, &at, rows * keys);
  w->keys_t = take(base, &at, tiles * turned_tile(w, a->dim));
  w->top = take(base, &at, rows);
  w->sum = take(base, &at, rows);
  w->dot = take(base, &at, rows);
  if (!backward) {
    w->acc = take(base, &at, rows * a->dim_v);
    w->values = take(base, &at, tiles * plain_tile(w->e));
    return at;
  }
  w->values_t = take(base, &at, tiles * turned_tile(w, a->dim_v));
  w->keys = take(base, &at, tiles * plain_tile(w->d));
  w->acc = take(base, &at, rows * a->dim);
  w->dk = take(base, &at, a->tk * a->dim);
  w->dv = take(base, &at, a->tk * a->dim_v);
  w->grads = take(base, &at, rows * keys);
  w->q_panels = take(base, &at, rows * w->d);
  w->dout_panels = take(base, &at, rows * w->e);
  return at;
}

size_t rapt__attention_scratch(const k_kernels *k, const k_attention *a, bool backward) {
  workspace w;
  if (!backward && a->tq <= FEW) return (size_t)(a->tk + a->dim) * sizeof(real);
  return (size_t)lay_out(&w, k, a, backward, NULL) * sizeof(real);
}

/* Panels of the tiles up to `last` of batch b and kv head g, that were not needed until now. */
static void pack_keys(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t g, int64_t first,
                      int64_t last) {
  if (w->packed == 0) w->from = first;
  for (int64_t t = most(w->packed, first); t < last; t++) {
    int64_t j0 = t * BK, n = least(BK, a->tk - j0);
    const real *key = a->k + b * a->k_batch + j0 * a->k_time + g * a->k_head;
    const real *value = a->v + b * a->v_batch + j0 * a->v_time + g * a->v_head;
    k->gemm_pack_b(a->dim, n, key, 1, a->k_time, a->scale, w->keys_t + t * turned_tile(w, a->dim));
    if (w->values) {
      k->gemm_pack_b(n, a->dim_v, value, a->v_time, 1, 1, w->values + t * plain_tile(w->e));
    } else {
      k->gemm_pack_b(a->dim_v, n, value, 1, a->v_time, 1, w->values_t + t * turned_tile(w, a->dim_v));
      k->gemm_pack_b(n, a->dim, key, a->k_time, 1, a->scale, w->keys + t * plain_tile(w->d));
    }
  }
  w->packed = most(w->packed, last);
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

/* c (rows ≤ mr, columns ≤ nr) = or += x (rows, depth) · one panel. */
static void multiply(const k_kernels *k, int64_t rows, int64_t columns, int64_t depth, const real *x, int64_t x_row,
                     int64_t x_col, const real *panel, real *c, int64_t c_row, bool add) {
  if (rows == k->gemm_mr && columns == k->gemm_nr)
    k->gemm_tile(depth, x, x_row, x_col, panel, c, c_row, add);
  else
    k->gemm_part(rows, columns, depth, x, x_row, x_col, panel, k->gemm_nr, c, c_row, add);
}

/* (nq, nk) = x (nq, depth) · panels of keys or values, only tiles of which something is seen. */
static void outer_product(const k_kernels *k, const workspace *w, int64_t nq, int64_t nk, int64_t depth, const real *x,
                          int64_t x_row, const real *panels, real *to) {
  int64_t ld = whole(BK, w->nr);
  for (int64_t j = 0; j < nk; j += w->nr) {
    for (int64_t i = 0; i < nq; i += w->mr) {
      span s = w->strip[i / w->mr];
      if (s.last <= j || s.first >= j + w->nr) continue;
      multiply(k, least(w->mr, nq - i), w->nr, depth, x + i * x_row, x_row, 1, panels + j * depth, to + i * ld + j, ld,
               false);
    }
  }
}

/* to (rows, n) += x (rows, depth) · panels (depth, n), over the part of the depth that a strip of rows has. */
static void inner_product(const k_kernels *k, const workspace *w, int64_t rows, int64_t n, int64_t depth, const real *x,
                          int64_t x_row, int64_t x_col, const real *panels, real *to, int64_t to_row) {
  for (int64_t j = 0; j < n; j += w->nr) {
    for (int64_t i = 0; i < rows; i += w->mr) {
      span s = w->strip[i / w->mr];
      if (s.first >= s.last) continue;
      multiply(k, least(w->mr, rows - i), least(w->nr, n - j), s.last - s.first, x + i * x_row + s.first * x_col, x_row,
               x_col, panels + j * depth + s.first * w->nr, to + i * to_row + j, to_row, true);
    }
  }
}

/* Scaled and biased scores of the tile; only what a row sees is valid. */
static void score_tile(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h, int64_t i0,
                       int64_t nq, int64_t j0, int64_t nk) {
  const real *q = a->q + b * a->q_batch + i0 * a->q_time + h * a->q_head;
  outer_product(k, w, nq, nk, a->dim, q, a->q_time, w->keys_t + j0 / BK * turned_tile(w, a->dim), w->scores);
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

/* Drops elements [first, first + n) of a row of the probabilities out. */
static void drop(const k_kernels *k, const k_attention *a, int64_t row, int64_t first, int64_t n, real *x) {
  if (a->dropout > 0) k->dropout(n, a->dropout, a->seed, a->stream, (uint64_t)(row * a->tk + first), x, x);
}

/* One step of the running softmax: a tile's scores become exp(score − top), older sums shrink as the row's top grows. */
static void soften_tile(const k_kernels *k, const k_attention *a, const workspace *w, int64_t first_row, int64_t nq,
                        int64_t j0, int64_t nk) {
  for (int64_t i = 0; i < nq; i++) {
    span s = w->row[i];
    real *all = w->scores + i * whole(BK, w->nr), *row = all + s.first, old = w->top[i];
    int64_t n = s.last - s.first;
    real top = old, sum = k->soften(n, row, &top);
    clear_hidden(all, s, nk);
    if (top == -INFINITY && sum == 0) continue;
    if (top != old && old != -INFINITY) {
      real shrink = (real)exp((double)old - (double)top);
      w->sum[i] *= shrink;
      k->scale(a->dim_v, shrink, w->acc + i * a->dim_v, w->acc + i * a->dim_v);
    }
    w->sum[i] += sum;
    drop(k, a, first_row + i, j0 + s.first, n, row);
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
    k->scale(a->dim_v, none ? 0 : 1 / w->sum[i], w->acc + i * a->dim_v,
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

/* A query by itself, as in generation with a cache: matrix times vector on keys and values where they lie. `room` holds tk +
 * dim elements. */
static void forward_row(const k_kernels *k, const k_attention *a, int64_t b, int64_t h, int64_t i, real *room) {
  int64_t g = h / (a->heads / a->kv_heads), row = (b * a->heads + h) * a->tq + i;
  span s = keys_of(a, b, i);
  int64_t n = most(s.last - s.first, 0);
  const real *keys = a->k + b * a->k_batch + s.first * a->k_time + g * a->k_head;
  const real *values = a->v + b * a->v_batch + s.first * a->v_time + g * a->v_head;
  real *out = a->out + b * a->o_batch + i * a->o_time + h * a->o_head, *p = room, *q = room + a->tk;
  real *probs = a->probs ? a->probs + row * a->tk : NULL;
  k->scale(a->dim, a->scale, a->q + b * a->q_batch + i * a->q_time + h * a->q_head, q);
  k->gemv(n, a->dim, keys, a->k_time, q, p, false);
  if (a->bias) {
    const real *bias = a->bias + b * a->bias_batch + h * a->bias_head + i * a->bias_query + s.first;
    k->binary[K_BINARY_add](n, p, 1, bias, 1, p);
  }
  real top = k->max(n, p), sum = 0;
  bool none = top == -INFINITY;
  if (none) {
    memset(out, 0, (size_t)a->dim_v * sizeof *out);
    if (probs) memset(probs, 0, (size_t)a->tk * sizeof *probs);
  } else {
    k->exp_shift(n, -top, 1, p, p);
    sum = k->sum(n, p);
    if (probs) {
      clear_hidden(probs, s, a->tk);
      k->scale(n, 1 / sum, p, probs + s.first);
    }
    drop(k, a, row, s.first, n, p);
    k->gevm(n, a->dim_v, p, values, a->v_time, out, false);
    k->scale(a->dim_v, 1 / sum, out, out);
  }
  if (a->lse) a->lse[row] = none ? (real)-INFINITY : (real)((double)top + log((double)sum));
}

static void forward_block(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t h, int64_t i0) {
  int64_t nq = least(BQ, a->tq - i0), g = h / (a->heads / a->kv_heads);
  int64_t first_row = (b * a->heads + h) * a->tq + i0;
  real *probs = a->probs ? a->probs + first_row * a->tk : NULL;
  for (int64_t i = 0; i < nq; i++) w->top[i] = (real)-INFINITY, w->sum[i] = 0;
  memset(w->acc, 0, (size_t)(nq * a->dim_v) * sizeof(real));
  span keys = keys_of_block(a, b, i0, nq);
  if (keys.first < keys.last) pack_keys(k, a, w, b, g, keys.first / BK, up(keys.last, BK));
  for (int64_t j0 = keys.first / BK * BK; j0 < keys.last; j0 += BK) {
    int64_t nk = least(BK, a->tk - j0);
    find_spans(a, w, b, i0, nq, j0, nk);
    score_tile(k, a, w, b, h, i0, nq, j0, nk);
    if (probs) keep_scores(a, w, probs, nq, j0);
    soften_tile(k, a, w, first_row, nq, j0, nk);
    inner_product(k, w, nq, a->dim_v, nk, w->scores, whole(BK, w->nr), 1, w->values + j0 / BK * plain_tile(w->e),
                  w->acc, a->dim_v);
  }
  finish_rows(k, a, w, b, h, i0, nq, probs);
}

void rapt__attention_forward(const k_kernels *k, const k_attention *a, int64_t begin, int64_t end, void *scratch) {
  if (a->tq <= FEW) { /* a unit is a head */
    for (int64_t unit = begin; unit < end; unit++)
      for (int64_t i = 0; i < a->tq; i++) forward_row(k, a, unit / a->heads, unit % a->heads, i, scratch);
    return;
  }
  workspace w = {0};
  lay_out(&w, k, a, false, scratch);
  int64_t blocks = rapt__attention_blocks(a), group = a->heads / a->kv_heads, packed_for = -1;
  for (int64_t unit = begin; unit < end; unit++) {
    int64_t head = unit / blocks; /* of all batches */
    /* A head begins with the first tiles again, which a range that began within another head may lack. */
    if (head / group != packed_for || (unit % blocks == 0 && w.from > 0)) w.packed = 0;
    packed_for = head / group;
    forward_block(k, a, &w, head / a->heads, head % a->heads, unit % blocks * BQ);
  }
}

/* dS = P∘(dP − d) with P = exp(score − lse), both zero where a row sees nothing; then P as dropout left it. */
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
    drop(k, a, first_row + i, j0 + s.first, n, ds);
    k->soften_grad(n, lse, w->dot[i], p, ds);
    drop(k, a, first_row + i, j0 + s.first, n, p);
    if (a->dbias) memcpy(a->dbias + (first_row + i) * a->tk + j0 + s.first, ds, (size_t)n * sizeof *ds);
  }
}

/* Gradients of one tile: dv += Pᵀ·dout, dS = P∘(dout·vᵀ − d), dq += dS·k·scale, dk += dSᵀ·q·scale. */
static void backward_tile(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t h, int64_t i0,
                          int64_t nq, int64_t j0, int64_t nk) {
  int64_t tile = j0 / BK, ld = whole(BK, w->nr);
  const real *dout = a->dout + b * a->o_batch + i0 * a->o_time + h * a->o_head;
  bool full = find_spans(a, w, b, i0, nq, j0, nk);
  score_tile(k, a, w, b, h, i0, nq, j0, nk);
  outer_product(k, w, nq, nk, a->dim_v, dout, a->o_time, w->values_t + tile * turned_tile(w, a->dim_v), w->grads);
  soften_grads(k, a, w, (b * a->heads + h) * a->tq + i0, nq, j0, nk);
  inner_product(k, w, nq, a->dim, nk, w->grads, ld, 1, w->keys + tile * plain_tile(w->d), w->acc, a->dim);
  turn_spans(w, full, nq, nk);
  inner_product(k, w, nk, a->dim_v, nq, w->scores, 1, ld, w->dout_panels, w->dv + j0 * a->dim_v, a->dim_v);
  inner_product(k, w, nk, a->dim, nq, w->grads, 1, ld, w->q_panels, w->dk + j0 * a->dim, a->dim);
}

static void copy_rows(int64_t rows, int64_t n, const real *from, real *to, int64_t step) {
  for (int64_t i = 0; i < rows; i++) memcpy(to + i * step, from + i * n, (size_t)n * sizeof *to);
}

static void backward_block(const k_kernels *k, const k_attention *a, workspace *w, int64_t b, int64_t h, int64_t i0) {
  int64_t nq = least(BQ, a->tq - i0), g = h / (a->heads / a->kv_heads);
  int64_t q_at = b * a->q_batch + i0 * a->q_time + h * a->q_head,
          o_at = b * a->o_batch + i0 * a->o_time + h * a->o_head;
  for (int64_t i = 0; i < nq; i++) {
    w->dot[i] = k->dot(a->dim_v, a->o + o_at + i * a->o_time, a->dout + o_at + i * a->o_time);
  }
  memset(w->acc, 0, (size_t)(nq * a->dim) * sizeof(real));
  k->gemm_pack_b(nq, a->dim, a->q + q_at, a->q_time, 1, a->scale, w->q_panels);
  k->gemm_pack_b(nq, a->dim_v, a->dout + o_at, a->o_time, 1, 1, w->dout_panels);
  span keys = keys_of_block(a, b, i0, nq);
  if (keys.first < keys.last) pack_keys(k, a, w, b, g, keys.first / BK, up(keys.last, BK));
  for (int64_t j0 = keys.first / BK * BK; j0 < keys.last; j0 += BK) {
    backward_tile(k, a, w, b, h, i0, nq, j0, least(BK, a->tk - j0));
  }
  copy_rows(nq, a->dim, w->acc, a->dq + q_at, a->q_time);
}

void rapt__attention_backward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch) {
  workspace w = {0};
  lay_out(&w, k, a, true, scratch);
  int64_t g = unit % a->kv_heads, b = unit / a->kv_heads, group = a->heads / a->kv_heads;
  memset(w.dk, 0, (size_t)(a->tk * a->dim) * sizeof(real));
  memset(w.dv, 0, (size_t)(a->tk * a->dim_v) * sizeof(real));
  for (int64_t h = g * group; h < (g + 1) * group; h++) {
    if (a->dbias) memset(a->dbias + (b * a->heads + h) * a->tq * a->tk, 0, (size_t)(a->tq * a->tk) * sizeof(real));
    for (int64_t i0 = 0; i0 < a->tq; i0 += BQ) backward_block(k, a, &w, b, h, i0);
  }
  copy_rows(a->tk, a->dim, w.dk, a->dk + b * a->k_batch + g * a->k_head, a->k_time);
  copy_rows(a->tk, a->dim_v, w.dv, a->dv + b * a->v_batch + g * a->v_head, a->v_time);
}
