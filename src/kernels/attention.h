/* Tiled attention, forward and backward, over a k_kernels table: scores exist one tile at a time (Dao et al. 2022; Rabe &
 * Staats 2021), the row's log-sum-exp is kept for the backward pass. */
#ifndef RAPT_SRC_ATTENTION_H
#define RAPT_SRC_ATTENTION_H

#include "kernels/kernels.h"

typedef struct k_attention {
  int64_t batch, heads, kv_heads; /* kv_heads divides heads: grouped-query attention (Ainslie et al. 2023) */
  int64_t tq, tk, dim, dim_v;     /* queries, keys, width of a query/key head, width of a value head */
  real scale;                     /* of the scores, usually 1/√dim */
  bool causal;                    /* query i sees keys j ≤ i + (tk − tq) */
  int64_t window;                 /* > 0: query i sees only keys j > i + (tk − tq) − window (sliding) */
  /* q (batch, tq, heads, dim), k (batch, tk, kv_heads, dim), v (batch, tk, kv_heads, dim_v), out (batch, tq, heads, dim_v);
   * strides in elements; the width has stride 1. The gradients dq dk dv dout use the same strides as q k v out. */
  const real *q, *k, *v;
  int64_t q_batch, q_time, q_head;
  int64_t k_batch, k_time, k_head;
  int64_t v_batch, v_time, v_head;
  int64_t o_batch, o_time, o_head;
  const int32_t *lengths; /* (batch): keys at and past it are hidden (padding); or NULL */
  const real *bias; /* added to the scaled scores, or NULL; strides may be 0 to broadcast; the key axis has stride 1 */
  int64_t bias_batch, bias_head, bias_query;
  real dropout; /* of the probabilities; their mask is drawn at (seed, stream, index in probs) */
  uint64_t seed, stream;
  real *out; /* forward */
  real *lse; /* (batch, heads, tq) log-sum-exp of every row; written forward, read backward; a row with no key: −∞ */
  real *probs;          /* (batch, heads, tq, tk) the whole matrix before dropout, when somebody asks to see it */
  const real *o, *dout; /* backward: forward's output and its gradient */
  real *dq, *dk, *dv;   /* backward; overwritten */
  real *dbias; /* (batch, heads, tq, tk), the gradient of the bias before it is summed to the bias's shape; or NULL */
} k_attention;

/* Forward: units are independent (batch, head, query block). Backward: units are (batch, kv head): each owns its part of dq,
 * dk, dv. Rows with no visible key give zeros, never NaN. */
int64_t rapt__attention_blocks(const k_attention *a); /* of queries, of one head */
int64_t rapt__attention_units(const k_attention *a, bool backward);
size_t rapt__attention_scratch(const k_kernels *k, const k_attention *a, bool backward); /* bytes per worker */
/* Units [begin, end); those of one head that follow each other share the panels of its keys and values. */
void rapt__attention_forward(const k_kernels *k, const k_attention *a, int64_t begin, int64_t end, void *scratch);
void rapt__attention_backward(const k_kernels *k, const k_attention *a, int64_t unit, void *scratch);

#endif
