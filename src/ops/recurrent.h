/* What the forward and the backward pass of recurrent layers share (recurrent.c, recurrent_grad.c). */
#ifndef RAPT_SRC_OPS_RECURRENT_H
#define RAPT_SRC_OPS_RECURRENT_H

#include "kernels/fixed.h"
#include "ops/ops.h"

/* What an input of the two nodes is. Which of them a node has, and where, is in its settings. */
typedef enum recurrent_role {
  RECURRENT_X,    /* (T, B, G·H) pre-activations of the input; backward: the activations, which replaced them */
  RECURRENT_W_HH, /* (G·H, P) */
  RECURRENT_BIAS, /* (3·H), GRU: of the state's part, inside the reset gate */
  RECURRENT_W_HR, /* (P, H) */
  RECURRENT_PEEP, /* (gates without g, H) */
  RECURRENT_H0,   /* (B, P) */
  RECURRENT_C0,   /* (B, H) */
  RECURRENT_LENGTHS,
  RECURRENT_EXTRA, /* backward only, like what follows: see rapt__recurrent_extra */
  RECURRENT_Y,
  RECURRENT_DY,
  RECURRENT_DFINAL, /* (B, P + cells) */
  RECURRENT_ROLES
} recurrent_role;

typedef struct rapt__recurrent {
  rapt_cell cell;
  bool reverse, forget, expected;
  int64_t t, b, h, p; /* steps, rows, units, width of the state that is fed back: h unless projected */
  int64_t gates;      /* G */
  double zone_h, zone_c;
  uint64_t stream_h, stream_c; /* of the masks of zoneout */
  int at[RECURRENT_ROLES];     /* index of the input, or −1 */
} rapt__recurrent;

/* Forward outputs: 0 activations (T, B, G·H), in the place of x where that dies; 1 y (T, B, P); 2 what the backward pass
 * needs besides, (T, B, extra): LSTM c and, if projected, o·tanh c; GRU U·h + bias of gate n; GRU_BEFORE r·h; 3 the last
 * states (B, P + cells). */
static inline int64_t rapt__recurrent_extra(const rapt__recurrent *r) {
  if (r->cell == RAPT_LSTM) return r->at[RECURRENT_W_HR] >= 0 ? 2 * r->h : r->h;
  return r->cell == RAPT_GRU || r->cell == RAPT_GRU_BEFORE ? r->h : 1;
}
static inline int64_t rapt__recurrent_cells(const rapt__recurrent *r) { return r->cell == RAPT_LSTM ? r->h : 0; }

static inline const real *rapt__recurrent_in(const rapt__call *call, recurrent_role role) {
  int at = ((const rapt__recurrent *)call->node->attr)->at[role];
  return at < 0 ? NULL : RAPT__IN(call, at);
}
/* A row takes part in step t only before its length. */
static inline bool rapt__recurrent_active(const rapt__call *call, int64_t t, int64_t row) {
  int at = ((const rapt__recurrent *)call->node->attr)->at[RECURRENT_LENGTHS];
  return at < 0 || t < ((const int32_t *)call->in[at])[row];
}

/* Adds an input to a list that is being made for a node. */
static inline void rapt__recurrent_add(rapt__recurrent *r, recurrent_role role, rapt_tensor *t, rapt_tensor **in,
                                       int *count) {
  r->at[role] = t ? *count : -1;
  if (t) in[(*count)++] = t;
}

/* The matrices of a step, packed in phase 0: the second one is W_hr, or U of gate n in GRU_BEFORE, else its n is 0. */
typedef struct rapt__recurrent_weights {
  k_fixed first, second;
} rapt__recurrent_weights;

/* Phase 0 packs, phase 1's units are rows of the batch, which do not depend on each other. */
void rapt__recurrent_split(const rapt__recurrent *r, const k_kernels *k, const rapt__recurrent_weights *w,
                           rapt__split *split);
void rapt__recurrent_pack(const rapt__call *call, const rapt__recurrent_weights *w);
/* Where the second matrix begins in shared memory. */
size_t rapt__recurrent_second(const k_kernels *k, const rapt__recurrent_weights *w);

/* recurrent's `grad`. */
void rapt__recurrent_gradient(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din);

/* Places in scratch memory; with base NULL only their size is counted. */
static inline real *rapt__recurrent_take(char *base, size_t *at, int64_t count) {
  size_t from = *at;
  *at += ((size_t)count * sizeof(real) + 63) & ~(size_t)63;
  return base ? (real *)(base + from) : NULL;
}

/* Zoneout's mask of one row at step t, made from `ones`: not 0 where a unit takes its new value. */
void rapt__recurrent_mask(const rapt__call *call, double p, uint64_t stream, int64_t t, int64_t row, int64_t n,
                          const real *ones, real *mask);

/* Of the products with what stands over time, in one direction. */
double rapt__recurrent_flops(const rapt__node *node, void *const *out);

#endif
