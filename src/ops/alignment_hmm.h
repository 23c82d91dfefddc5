/* Pieces that the forward recursion and the best path of a hidden Markov model over source positions share. */
#ifndef RAPT_SRC_OPS_ALIGNMENT_HMM_H
#define RAPT_SRC_OPS_ALIGNMENT_HMM_H

#include "ops/ops.h"

/* Inputs of both, in this order. */
enum {
  RAPT__CHAIN_EMISSION,
  RAPT__CHAIN_START,
  RAPT__CHAIN_MOVE,
  RAPT__CHAIN_LENGTHS,
  RAPT__CHAIN_COUNTS,
  RAPT__CHAIN_INPUTS
};

/* One row of the batch, its lengths brought into their bounds. */
typedef struct rapt__chain_row {
  const real *emission, *start, *move; /* (I, J), (J), (I, J, J) */
  int64_t steps, states;               /* I and J of the tensors: strides */
  int64_t length, count;               /* states and steps of this row */
} rapt__chain_row;

rapt__chain_row rapt__chain_row_at(const rapt__call *call, int64_t row);
/* log p(state j at step i | state `from` at the step before): 0 ≤ from, j < J, i ≥ 1. */
static inline double rapt__chain_move(const rapt__chain_row *r, int64_t i, int64_t from, int64_t j) {
  return (double)r->move[(i * r->states + from) * r->states + j];
}
static inline double rapt__chain_emission(const rapt__chain_row *r, int64_t i, int64_t j) {
  return (double)r->emission[i * r->states + j];
}

/* Whether the inputs go together; records the error otherwise. */
bool rapt__chain_fits(const char *name, rapt_tensor *const in[RAPT__CHAIN_INPUTS]);
/* Samples for the gradient check, of which the i-th is small, of one state, or of one step. */
void rapt__chain_sample(rapt_graph *graph, int i, rapt_tensor *in[RAPT__CHAIN_INPUTS]);
/* A row is a unit: so few are worth a call of their own that each may go to another worker. */
void rapt__chain_split_rows(const rapt__node *node, rapt__split *split);

#endif
