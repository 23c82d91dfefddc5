/* Tiled attention over the micro-kernels: a block of queries meets one block of keys at a time. */
#include "kernels/attention.h"

#include "kernels/gemm.h"

#include <math.h>
#include <string.h>

enum { BQ = 64, BK = 64 };

typedef struct workspace {
  real *scores, *grads; // (BQ, BK) each
  real *acc;            // (BQ, dim_v)
  real *top, *sum, *d;  // (BQ)
  void *gemm;
} workspace;

static int64_t up(int64_t n, int64_t to) { return (n + to - 1) / to; }
static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

int64_t rapt__attention_units(const k_attention *a, bool backward) {
  return backward ? a->batch * a->kv_heads : a->batch * a->heads * up(a->tq, BQ);
}

static size_t gemm_room(const k_kernels *k, const k_attention *a) {
  int64_t wide = most(most(a->dim, a->dim_v), BK), deep = wide;
  k_gemm g = {.m = BQ,
              .n = wide,
              .k = deep,
              .a_row = 1,
              .a_col = 7,
              .b_row = 1,
              .b_col = 7,
              .c_row = wide,
              .alpha = 2,
              .activation = -1};
  return rapt__gemm_scratch(k, &g);
}

size_t rapt__attention_scratch(const k_kernels *k, const k_attention *a, bool backward) {
  (void)backward;
  return (2 * BQ * BK + BQ * (size_t)most(a->dim_v, 16) + 3 * BQ + 64) * sizeof(real) + gemm_room(k, a) + 64;
}

static workspace lay_out(const k_attention *a, void *scratch) {
  workspace w;
  real *p = scratch;
  w.scores = p, p += BQ * BK;
  w.grads = p, p += BQ * BK;
  w.acc = p, p += BQ * most(a->dim_v, 16);
  w.top = p, p += BQ;
  w.sum = p, p += BQ;
  w.d = p, p += BQ;
  w.gemm = (void *)(((uintptr_t)p + 63) & ~(uintptr_t)63);
  return w;
}

/* Keys that query i sees: [first, last). */
static int64_t last_key(const k_attention *a, int64_t b, int64_t i) {
  int64_t last = a->lengths ? least(a->lengths[b] < 0 ? 0 : a->lengths[b], a->tk) : a->tk;
  return a->causal ? least(last, most(i + a->tk - a->tq + 1, 0)) : last;
}
static int64_t first_key(const k_attention *a, int64_t i) {
  return a->window > 0 ? most(i + a->tk - a->tq - a->window + 1, 0) : 0;
}

/* A product with free strides, on this thread. */
static void product(const k_kernels *k, const workspace *w, int64_t m, int64_t n, int64_t depth, real alpha,
                    const real *a, int64_t a_row, int64_t a_col, const real *b, int64_t b_row, int64_t b_col, real *c,
                    int64_t c_row, bool add) {
  k_gemm g = {.m = m,
              .n = n,
              .k = depth,
              .a = a,
              .a_row = a_row,
              .a_col = a_col,
              .b = b,
              .b_row = b_row,
              .b_col = b_col,
              .c = c,
              .c_row = c_row,
              .alpha = alpha,
              .accumulate = add,
              .activation = -1};
  rapt__gemm(k, &g, w->gemm);
}

/* Scores (nq, nk) of queries i0… and keys j0…: scaled, biased, hidden keys −∞. */
static void score_tile(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h, int64_t i0,
                       int64_t nq, int64_t j0, int64_t nk) {
  int64_t g = h / (a->heads / a->kv_heads);
  const real *q = a->q + b * a->q_batch + i0 * a->q_time + h * a->q_head;
  const real *key = a->k + b * a->k_batch + j0 * a->k_time + g * a->k_head;
  product(k, w, nq, nk, a->dim, a->scale, q, a->q_time, 1, key, 1, a->k_time, w->scores, BK, false);
  for (int64_t i = 0; i < nq; i++) {
    real *row = w->scores + i * BK;
    if (a->bias) {
      const real *bias = a->bias + b * a->bias_batch + h * a->bias_head + (i0 + i) * a->bias_query + j0;
      k->binary[K_BINARY_add](nk, row, 1, bias, 1, row);
    }
    int64_t first = first_key(a, i0 + i), last = last_key(a, b, i0 + i);
    for (int64_t j = 0; j < least(first - j0, nk); j++) row[j] = (real)-INFINITY;
    for (int64_t j = most(last - j0, 0); j < nk; j++) row[j] = (real)-INFINITY;
  }
}

/* Range of keys that any query of the block sees, cut to tiles. */
static void key_range(const k_attention *a, int64_t b, int64_t i0, int64_t nq, int64_t *first, int64_t *last) {
  *first = first_key(a, i0) / BK * BK;
  *last = last_key(a, b, i0 + nq - 1);
}

/* Second pass for those who asked: P = exp(score − lse). */
static void write_probs(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h, int64_t i0,
                        int64_t nq) {
  int64_t first, last;
  key_range(a, b, i0, nq, &first, &last);
  real *probs = a->probs + ((b * a->heads + h) * a->tq + i0) * a->tk;
  memset(probs, 0, (size_t)(nq * a->tk) * sizeof *probs);
  for (int64_t j0 = first; j0 < last; j0 += BK) {
    int64_t nk = least(BK, last - j0);
    score_tile(k, a, w, b, h, i0, nq, j0, nk);
    for (int64_t i = 0; i < nq; i++) {
      real lse = w->top[i] == -INFINITY ? 0 : w->top[i] + (real)log((double)w->sum[i]);
      if (w->top[i] != -INFINITY) k->exp_shift(nk, -lse, 1, w->scores + i * BK, probs + i * a->tk + j0);
    }
  }
}

void rapt__attention_forward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch) {
  workspace w = lay_out(a, scratch);
  int64_t blocks = up(a->tq, BQ), i0 = unit % blocks * BQ, h = unit / blocks % a->heads, b = unit / blocks / a->heads;
  int64_t nq = least(BQ, a->tq - i0), g = h / (a->heads / a->kv_heads), e = a->dim_v, first, last;
  for (int64_t i = 0; i < nq; i++) w.top[i] = (real)-INFINITY, w.sum[i] = 0;
  memset(w.acc, 0, (size_t)(nq * e) * sizeof(real));
  key_range(a, b, i0, nq, &first, &last);
  for (int64_t j0 = first; j0 < last; j0 += BK) {
    int64_t nk = least(BK, last - j0);
    score_tile(k, a, &w, b, h, i0, nq, j0, nk);
    for (int64_t i = 0; i < nq; i++) {
      real *row = w.scores + i * BK, top = k->max(nk, row), old = w.top[i];
      top = top > old || top != top ? top : old;
      if (top == -INFINITY) {
        memset(row, 0, (size_t)nk * sizeof *row);
        continue;
      }
      if (top != old && old != -INFINITY) {
        real shrink = (real)exp((double)old - (double)top);
        w.sum[i] *= shrink;
        k->scale(e, shrink, w.acc + i * e, w.acc + i * e);
      }
      k->exp_shift(nk, -top, 1, row, row);
      w.sum[i] += k->sum(nk, row);
      w.top[i] = top;
    }
    const real *v = a->v + b * a->v_batch + j0 * a->v_time + g * a->v_head;
    product(k, &w, nq, e, nk, 1, w.scores, BK, 1, v, a->v_time, 1, w.acc, e, true);
  }
  for (int64_t i = 0; i < nq; i++) {
    bool none = w.top[i] == -INFINITY;
    k->scale(e, none ? 0 : 1 / w.sum[i], w.acc + i * e, a->out + b * a->o_batch + (i0 + i) * a->o_time + h * a->o_head);
    if (a->lse)
      a->lse[(b * a->heads + h) * a->tq + i0 + i] = none ? (real)-INFINITY : w.top[i] + (real)log((double)w.sum[i]);
  }
  if (a->probs) write_probs(k, a, &w, b, h, i0, nq);
}

/* Gradients of one tile, P = exp(score − lse): dv += Pᵀ·do, dS = P∘(do·vᵀ − d), dq += dS·k·scale, dk += dSᵀ·q·scale. */
static void backward_tile(const k_kernels *k, const k_attention *a, const workspace *w, int64_t b, int64_t h,
                          int64_t i0, int64_t nq, int64_t j0, int64_t nk) {
  int64_t g = h / (a->heads / a->kv_heads), e = a->dim_v;
  const real *q = a->q + b * a->q_batch + i0 * a->q_time + h * a->q_head;
  const real *key = a->k + b * a->k_batch + j0 * a->k_time + g * a->k_head;
  const real *v = a->v + b * a->v_batch + j0 * a->v_time + g * a->v_head;
  const real *dout = a->dout + b * a->o_batch + i0 * a->o_time + h * a->o_head;
  real *dq = a->dq + b * a->q_batch + i0 * a->q_time + h * a->q_head;
  real *dk = a->dk + b * a->k_batch + j0 * a->k_time + g * a->k_head;
  real *dv = a->dv + b * a->v_batch + j0 * a->v_time + g * a->v_head;
  score_tile(k, a, w, b, h, i0, nq, j0, nk);
  for (int64_t i = 0; i < nq; i++) {
    real lse = a->lse[(b * a->heads + h) * a->tq + i0 + i], *row = w->scores + i * BK;
    if (lse == -INFINITY)
      memset(row, 0, (size_t)nk * sizeof *row);
    else
      k->exp_shift(nk, -lse, 1, row, row);
  }
  product(k, w, nk, e, nq, 1, w->scores, 1, BK, dout, a->o_time, 1, dv, a->v_time, true);
  product(k, w, nq, nk, e, 1, dout, a->o_time, 1, v, 1, a->v_time, w->grads, BK, false);
  for (int64_t i = 0; i < nq; i++) {
    real *row = w->grads + i * BK;
    k->binary[K_BINARY_sub](nk, row, 1, &w->d[i], 0, row);
    k->binary[K_BINARY_mul](nk, row, 1, w->scores + i * BK, 1, row);
    if (a->dbias) memcpy(a->dbias + ((b * a->heads + h) * a->tq + i0 + i) * a->tk + j0, row, (size_t)nk * sizeof *row);
  }
  product(k, w, nq, a->dim, nk, a->scale, w->grads, BK, 1, key, a->k_time, 1, dq, a->q_time, true);
  product(k, w, nk, a->dim, nq, a->scale, w->grads, 1, BK, q, a->q_time, 1, dk, a->k_time, true);
}

void rapt__attention_backward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch) {
  workspace w = lay_out(a, scratch);
  int64_t g = unit % a->kv_heads, b = unit / a->kv_heads, group = a->heads / a->kv_heads, e = a->dim_v;
  for (int64_t j = 0; j < a->tk; j++) {
    memset(a->dk + b * a->k_batch + j * a->k_time + g * a->k_head, 0, (size_t)a->dim * sizeof(real));
    memset(a->dv + b * a->v_batch + j * a->v_time + g * a->v_head, 0, (size_t)e * sizeof(real));
  }
  for (int64_t h = g * group; h < (g + 1) * group; h++) {
    if (a->dbias) memset(a->dbias + (b * a->heads + h) * a->tq * a->tk, 0, (size_t)(a->tq * a->tk) * sizeof(real));
    for (int64_t i0 = 0; i0 < a->tq; i0 += BQ) {
      int64_t nq = least(BQ, a->tq - i0), first, last;
      for (int64_t i = 0; i < nq; i++) {
        int64_t at = b * a->o_batch + (i0 + i) * a->o_time + h * a->o_head;
        w.d[i] = k->dot(e, a->o + at, a->dout + at);
        memset(a->dq + b * a->q_batch + (i0 + i) * a->q_time + h * a->q_head, 0, (size_t)a->dim * sizeof(real));
      }
      key_range(a, b, i0, nq, &first, &last);
      for (int64_t j0 = first; j0 < last; j0 += BK) backward_tile(k, a, &w, b, h, i0, nq, j0, least(BK, last - j0));
    }
  }
}
