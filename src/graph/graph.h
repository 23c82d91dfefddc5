/* The graph from inside: nodes, tensors, op descriptors, and what an op's file may call. */
#ifndef RAPT_SRC_GRAPH_H
#define RAPT_SRC_GRAPH_H

#include <rapt/graph.h>
#include "base/base.h"
#include "kernels/kernels.h"

typedef struct rapt__node rapt__node;
typedef struct rapt__op rapt__op;

enum { RAPT__MAX_IN = 8, RAPT__MAX_OUT = 4 };

struct rapt_tensor {
  rapt_graph *graph;
  rapt__node *node; /* that makes it; NULL in the poisoned tensor */
  int out;          /* which of the node's outputs */
  rapt_dtype dtype;
  int ndim;
  int64_t dim[RAPT_MAX_DIMS];
  int64_t size;     /* elements */
  const char *name; /* of an input, parameter or tap; "" otherwise */
  int32_t id;       /* index among the graph's tensors */
  bool tapped;
  bool varies; /* a gradient can flow through it: it depends on a parameter or a differentiable input */
};

struct rapt__node {
  const rapt__op *op;
  rapt_graph *graph;
  const char *scope; /* "h.0.attn" at the time of building */
  int32_t id;        /* order of creation, which is an order of execution */
  int n_in, n_out;
  rapt_tensor **in; /* [n_in] */
  rapt_tensor out[RAPT__MAX_OUT];
  void *attr; /* the op's own settings, in the graph's arena */
};

/* One call of a node's forward function: units [begin, end) of `phase`. */
typedef struct rapt__call {
  const rapt__node *node;
  const k_kernels *k;
  void *const *in;  /* storage of the inputs */
  void *const *out; /* storage of the outputs; NULL for an output that nobody reads */
  void *shared;     /* scratch of this node, the same for all its calls in a run */
  void *scratch;    /* scratch of this worker */
  int phase;
  int64_t begin, end;
  uint64_t seed, step;
} rapt__call;

#define RAPT__IN(call, i) ((const real *)(call)->in[i])
#define RAPT__OUT(call, i) ((real *)(call)->out[i])

/* How a node is run. `phases` run one after the other; the units of one phase are independent of each other, and the
 * result may not depend on how they are dealt out. `grain` units at least go to one call. */
typedef struct rapt__split {
  int phases; /* at most 2, unless phase_units is set */
  int64_t units[2], grain[2];
  /* For nodes of many phases: the units of each, dealt out one by one; NULL: the arrays above say. */
  int64_t (*phase_units)(const rapt__node *node, const k_kernels *k, int phase);
  size_t shared_bytes, scratch_bytes;
} rapt__split;

enum {
  RAPT__EFFECT = 1,        /* changes memory outside its outputs (updates): always run */
  RAPT__NO_GRADIENT = 2,   /* piecewise constant or integer: gradients stop here without an error */
  RAPT__VIEW = 4,          /* output 0 is input 0's memory with another shape */
  RAPT__TAKES_BLOCKS = 16, /* inputs may be RAPT_BLOCKS */
  RAPT__PLACES = 8,        /* output 0 is the concatenation of the inputs' memory: inputs may be computed in place */
};

/* An op is one of these, constant, in its own file, and one line in ops.def. */
struct rapt__op {
  const char *name;
  uint32_t flags;
  /* Bit i: output 0 may take the memory of input i when that dies here (same size). */
  uint32_t alias;
  void (*split)(const rapt__node *node, const k_kernels *k, rapt__split *split); /* NULL: one phase, one unit */
  void (*forward)(const rapt__call *call);                                       /* NULL for leaves and views */
  /* Builds the gradients of the inputs from those of the outputs (dout[i] NULL: zero). din[i] stays NULL for zero; inputs
   * with varies == false may be skipped. NULL: no gradient. */
  void (*grad)(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din);
  /* Where several gradients of one tensor all come from this op, a cheaper form of their sum, or NULL: `add` them. */
  rapt_tensor *(*join)(rapt_tensor *const *parts, int count);
  /* Where a gradient from this op is one of several of a tensor, a cheaper form of part + rest. */
  rapt_tensor *(*absorb)(rapt_tensor *part, rapt_tensor *rest);
  /* Floating-point operations of a run, where `out` says which outputs are made; NULL: so few that memory counts. */
  double (*flops)(const rapt__node *node, void *const *out);
  /* Graphs for the gradient check and for tests: the i-th builds inputs with rapt__sample and returns a result. */
  int samples;
  rapt_tensor *(*sample)(rapt_graph *graph, int i);
};

struct rapt_graph {
  rapt_context *ctx;
  rapt__arena arena;
  rapt__node **nodes; /* owned array; nodes live in the arena */
  size_t node_count, node_capacity;
  rapt_tensor **tensors; /* by id */
  size_t tensor_count, tensor_capacity;
  rapt_tensor poison;
  rapt_status status; /* first error while building */
  const char *scope[16];
  int scope_depth;
  uint64_t random_streams; /* handed out to random nodes */
};

/* ---- For op files ---- */

/* A node of `op` on the inputs, with outputs still to be shaped by rapt__shape. NULL after an error or when an input is
 * poisoned. `attr` is copied. */
rapt__node *rapt__node_new(rapt_graph *graph, const rapt__op *op, rapt_tensor *const *in, int n_in, const void *attr,
                           size_t attr_size);
/* Gives the node its next output. Returns it. */
rapt_tensor *rapt__node_out(rapt__node *node, rapt_dtype dtype, int ndim, const int64_t *dims);
/* Records a building error ("h.0.attn: matmul: …") and returns the poisoned tensor. */
rapt_tensor *rapt__poison(rapt_graph *graph, rapt_status status, const char *fmt, ...) RAPT_PRINTF(3, 4);
static inline bool rapt__poisoned(const rapt_tensor *t) { return t->node == NULL; }
/* The first graph found among tensors, for builders. */
bool rapt__same_shape(const rapt_tensor *a, const rapt_tensor *b);
int rapt__axis(const rapt_tensor *t, int axis); /* resolves negative axes; −1 when out of range */
/* "(2, 3)" in a buffer of the graph's arena. */
const char *rapt__shape_text(const rapt_tensor *t);
uint64_t rapt__random_stream(rapt_graph *graph);
/* An input for samples, filled by the check with values uniform in [lo, hi]; integer when dtype is RAPT_I32. */
rapt_tensor *rapt__sample(rapt_graph *graph, const char *name, rapt_dtype dtype, double lo, double hi, int ndim,
                          const int64_t *dims);

/* A run of nodes of one element each would drown in calls: units of elementwise nodes are blocks of this many. */
enum { RAPT__BLOCK = 4096 };
void rapt__split_blocks(const rapt__node *node, rapt__split *split); /* units of RAPT__BLOCK elements of output 0 */
void rapt__split_rows(int64_t rows, int64_t row_size, rapt__split *split); /* units are rows, grain by row size */

/* Whether every element is known to be 1, as of the gradient that a loss begins with. */
bool rapt__is_one(const rapt_tensor *t);
extern const rapt__op rapt__op_input, rapt__op_param, rapt__op_fill;

/* Of a RAPT__PLACES node: where input i lies in output 0, in elements. */
int64_t rapt__pack_offset(const rapt__node *node, int i);

typedef struct rapt__input_attr {
  bool sample;
  double lo, hi;
} rapt__input_attr;

#define RAPT__DIMS(...)                                                                                                \
  (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]) { __VA_ARGS__ }

#endif
