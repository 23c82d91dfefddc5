/* The parameter store from inside: contiguous values and optimizer state. */
#ifndef RAPT_SRC_PARAMS_H
#define RAPT_SRC_PARAMS_H

#include "graph/graph.h"

enum { RAPT__STATES = 2 }; /* arrays of optimizer state: first and second moment */

typedef struct rapt__param {
  char *name; /* in the store's arena */
  int ndim;
  int64_t dim[RAPT_MAX_DIMS];
  int64_t size, offset; /* elements; offset once started, a multiple of 16 */
  rapt_init init;
  /* A matrix kept as the file has it (RAPT_BLOCKS): rows of blocks that run along dim[1], or along dim[0] where it is turned. It
   * has no place among the values. */
  const void *blocks; /* borrowed; NULL: numbers */
  int block;          /* K_BLOCK_… */
  bool turned;
} rapt__param;

struct rapt_params {
  rapt_context *ctx;
  rapt__arena arena;
  rapt__param **items; /* owned array */
  size_t count, capacity;
  int64_t size;    /* elements of all parameters */
  int64_t extent;  /* elements of the arrays, with padding */
  int64_t decayed; /* elements at the start of the arrays that weight decay reaches */
  bool started;
  bool borrows;              /* the values are another store's */
  real *values;              /* (extent) owned, unless borrowed */
  real *state[RAPT__STATES]; /* (extent) owned, or NULL until an optimizer asks */
};

typedef struct rapt__param_attr {
  rapt_params *params;
  rapt__param *param;
} rapt__param_attr;

/* The parameter of that name, made if need be; NULL after an error on the graph. */
rapt__param *rapt__params_declare(rapt_params *params, rapt_graph *graph, const char *name, int ndim,
                                  const int64_t *dims, rapt_init init);
rapt_status rapt__params_need_states(rapt_params *params, int count);
/* Before the store is started: the parameter's weights are these, borrowed for the life of the store. */
rapt_status rapt__params_attach(rapt_params *params, int64_t index, int block, bool turned, const void *rows);
/* The first parameter that is kept in blocks, or NULL. */
const rapt__param *rapt__params_in_blocks(const rapt_params *params);
/* Of a tensor that is one, else NULL. */
static inline const rapt__param *rapt__blocks_of(const rapt_tensor *t) {
  return t->dtype == RAPT_BLOCKS ? ((const rapt__param_attr *)t->node->attr)->param : NULL;
}
/* Starts `params` with the memory of `from`, a started store that outlives it and has the same parameters with the same shapes,
 * the first axis excepted, which may be longer there: fewer rows of the same states. */
rapt_status rapt__params_borrow(rapt_params *params, const rapt_params *from);

#endif
