/* The long short-term memory of 1997 as its paper's appendix writes it: blocks of memory cells behind an input gate and an
 * output gate, no forget gate, the gradient truncated where it would leave a cell. Learning is on line: the derivatives of
 * every cell's state are carried forward, so that nothing of a sequence has to be kept. Plain C in double precision, since the
 * nets have a dozen units and one sequence at a time.
 *
 *   net(t) = W [1; y(t−1); x(t)]                  of gates and cells
 *   s(t)   = s(t−1) + σ(net_in) g(net_c)          g = 4σ − 2
 *   y(t)   = σ(net_out) h(s(t))                   h = 2σ − 1
 *   o(t)   = σ(V [1; y(t)])                       E(t) = ½ Σ (target − o)² */
#ifndef RAPT_SRC_LSTM1997_H
#define RAPT_SRC_LSTM1997_H

#include "base/base.h"

/* The inputs of a step that are not zero: `value[k]` at `index[k]`. */
typedef struct rapt__sparse {
  int count;
  const int *index;
  const double *value;
} rapt__sparse;

typedef struct rapt__lstm1997_shape {
  int inputs, outputs, blocks, cells; /* cells of a block */
  bool gates_seen; /* gates are sources of y(t−1) beside the cells, as in the paper's experiments */
  bool all_biases; /* cells and outputs have biases too, not gates alone */
  bool shortcuts;  /* outputs see x(t) directly beside the cells, as in Gers et al. 2000 */
  bool linear;     /* o(t) = V [1; y(t)] without σ */
  bool entropy; /* E(t) is the cross-entropy −Σ target ln o + (1 − target) ln(1 − o), not ½ Σ (target − o)² */
} rapt__lstm1997_shape;

typedef struct rapt__lstm1997_bias {
  double first, step;
} rapt__lstm1997_bias;

typedef struct rapt__lstm1997 {
  rapt__lstm1997_shape shape;
  int units, row; /* gates and cells of all blocks; weights into one of them */
  int fed;        /* sources of y(t−1) */
  int seen;       /* weights into an output */
  double *
      weights; /* owned, with all that follows: (units, row): bias, y(t−1), inputs; a block: input gate, output gate, cells */
  double *outward;            /* (outputs, seen): bias, cells, inputs with shortcuts */
  double *net, *y;            /* (units): net input; activation */
  double *state;              /* (blocks·cells) */
  double *before;             /* (fed): y(t−1) */
  double *trace_c, *trace_in; /* (blocks·cells, row): ∂s/∂w of the cell's own and of its input gate's weights */
  double *out, *delta;        /* (outputs) */
  double *error;              /* (blocks·cells): −∂E/∂y */
  rapt__sparse x;             /* of the newest step, borrowed */
} rapt__lstm1997;

/* Weights are uniform in [−range, range], from `seed` alone; the biases of the gates of block j = 0, 1, … begin at
 * first + j·step of `in_bias` and `out_bias`. */
rapt_status rapt__lstm1997_new(rapt_context *ctx, const rapt__lstm1997_shape *shape, rapt__lstm1997 *net);
void rapt__lstm1997_free(rapt_context *ctx, rapt__lstm1997 *net);
void rapt__lstm1997_start(rapt__lstm1997 *net, uint64_t seed, double range, rapt__lstm1997_bias in_bias,
                          rapt__lstm1997_bias out_bias);
int rapt__lstm1997_weight_count(const rapt__lstm1997 *net); /* that are learnt */

/* Forgets states, activations and traces: a sequence begins. */
void rapt__lstm1997_reset(rapt__lstm1997 *net);
/* One step in time. `learning`: keep the traces that rapt__lstm1997_learn needs. */
void rapt__lstm1997_step(rapt__lstm1997 *net, const rapt__sparse *x, bool learning);
/* The outputs of the newest step: net->out. */
const double *rapt__lstm1997_outputs(rapt__lstm1997 *net);
/* Changes all weights by rate times the negative truncated gradient of E(t). After _outputs, inside a sequence of learning
 * steps. */
void rapt__lstm1997_learn(rapt__lstm1997 *net, const double *target, double rate);

#endif
