/* The sum over all alignments of a sentence pair by the forward recursion, in logarithms and in double precision. Its
 * gradient is made of posteriors, so the backward recursion runs in the same call where someone reads them. */
#include "ops/alignment_hmm.h"

#include <math.h>

enum { OUT_SUM, OUT_PRIOR, OUT_STATES, OUT_MOVES };

static const double hidden = -1e30; /* a logarithm of nothing that stays finite in what is computed from it */

/* ---- Shared with the best path ---- */

static int64_t bounded(int32_t value, int64_t most) { return value < 1 ? 1 : value > most ? most : value; }

rapt__chain_row rapt__chain_row_at(const rapt__call *call, int64_t row) {
  const rapt_tensor *emission = call->node->in[RAPT__CHAIN_EMISSION];
  int64_t steps = emission->dim[1], states = emission->dim[2];
  return (rapt__chain_row){.emission = RAPT__IN(call, RAPT__CHAIN_EMISSION) + row * steps * states,
                           .start = RAPT__IN(call, RAPT__CHAIN_START) + row * states,
                           .move = RAPT__IN(call, RAPT__CHAIN_MOVE) + row * steps * states * states,
                           .steps = steps,
                           .states = states,
                           .length = bounded(((const int32_t *)call->in[RAPT__CHAIN_LENGTHS])[row], states),
                           .count = bounded(((const int32_t *)call->in[RAPT__CHAIN_COUNTS])[row], steps)};
}

void rapt__chain_split_rows(const rapt__node *node, rapt__split *split) {
  split->phases = 1;
  split->units[0] = node->in[RAPT__CHAIN_EMISSION]->dim[0];
  split->grain[0] = 1;
}

bool rapt__chain_fits(const char *name, rapt_tensor *const in[RAPT__CHAIN_INPUTS]) {
  for (int i = 0; i < RAPT__CHAIN_INPUTS; i++)
    if (rapt__poisoned(in[i])) return false;
  const rapt_tensor *e = in[RAPT__CHAIN_EMISSION], *s = in[RAPT__CHAIN_START], *m = in[RAPT__CHAIN_MOVE];
  const rapt_tensor *lengths = in[RAPT__CHAIN_LENGTHS], *counts = in[RAPT__CHAIN_COUNTS];
  bool fits = e->ndim == 3 && s->ndim == 2 && m->ndim == 4 && lengths->ndim == 1 && counts->ndim == 1;
  fits = fits && e->dtype == RAPT_F32 && s->dtype == RAPT_F32 && m->dtype == RAPT_F32 && lengths->dtype == RAPT_I32 &&
         counts->dtype == RAPT_I32;
  fits = fits && s->dim[0] == e->dim[0] && s->dim[1] == e->dim[2] && m->dim[0] == e->dim[0] && m->dim[1] == e->dim[1] &&
         m->dim[2] == e->dim[2] && m->dim[3] == e->dim[2] && lengths->dim[0] == e->dim[0] &&
         counts->dim[0] == e->dim[0];
  if (!fits)
    rapt__poison(
        e->graph, RAPT_ESHAPE,
        "%s: emission %s, start %s, move %s, lengths %s, counts %s are not (B, I, J), (B, J), (B, I, J, J) and "
        "twice integers (B)",
        name, rapt__shape_text(e), rapt__shape_text(s), rapt__shape_text(m), rapt__shape_text(lengths),
        rapt__shape_text(counts));
  return fits;
}

void rapt__chain_sample(rapt_graph *graph, int i, rapt_tensor *in[RAPT__CHAIN_INPUTS]) {
  int64_t b = 3, steps = i == 2 ? 1 : 4, states = i == 1 ? 1 : 3;
  in[RAPT__CHAIN_EMISSION] = rapt__sample(graph, "emission", RAPT_F32, -3, 0, RAPT__DIMS(b, steps, states));
  in[RAPT__CHAIN_START] = rapt__sample(graph, "start", RAPT_F32, -3, 0, RAPT__DIMS(b, states));
  in[RAPT__CHAIN_MOVE] = rapt__sample(graph, "move", RAPT_F32, -3, 0, RAPT__DIMS(b, steps, states, states));
  in[RAPT__CHAIN_LENGTHS] = rapt__sample(graph, "lengths", RAPT_I32, 1, (double)states + 2, RAPT__DIMS(b));
  in[RAPT__CHAIN_COUNTS] = rapt__sample(graph, "counts", RAPT_I32, 0, (double)steps + 1, RAPT__DIMS(b));
}

/* ---- The recursions ---- */

/* exp(most)·rest, a sum of numbers that are given by their logarithms. */
typedef struct running {
  double most, rest;
} running;

static void sum_begin(running *s) { *s = (running){-INFINITY, 0}; }
/* One pass: the scale moves with the largest term so far. */
static void sum_add(running *s, double x) {
  if (x <= s->most) {
    if (s->most > -INFINITY) s->rest += exp(x - s->most);
  } else {
    s->rest = s->rest * exp(s->most - x) + 1;
    s->most = x;
  }
}
static double sum_end(const running *s) { return s->rest > 0 ? s->most + log(s->rest) : -INFINITY; }

static double sum_of(const double *x, int64_t n) {
  running s;
  sum_begin(&s);
  for (int64_t k = 0; k < n; k++) sum_add(&s, x[k]);
  return sum_end(&s);
}

/* alpha (I, J): log p(words up to i, state j at i); prior (I, J), or NULL: log p(state j at i | words before i). Goes on
 * past the row's count, since a decoder over whole targets asks for the prior of every step. Returns the logarithm of
 * the sum. */
static double go_forward(const rapt__chain_row *r, double *alpha, real *prior) {
  double total = -INFINITY;
  for (int64_t i = 0; i < (prior ? r->steps : r->count); i++) {
    const double *before = alpha + (i - 1) * r->states;
    double past = i ? sum_of(before, r->length) : 0;
    for (int64_t j = 0; j < r->states; j++) {
      running s;
      sum_begin(&s);
      if (i == 0 && j < r->length) sum_add(&s, (double)r->start[j]);
      for (int64_t from = 0; i > 0 && j < r->length && from < r->length; from++)
        sum_add(&s, before[from] + rapt__chain_move(r, i, from, j));
      double arrived = sum_end(&s);
      alpha[i * r->states + j] = arrived + rapt__chain_emission(r, i, j);
      if (prior) prior[i * r->states + j] = (real)(arrived - past > hidden ? arrived - past : hidden);
    }
    if (i == r->count - 1) total = sum_of(alpha + i * r->states, r->length);
  }
  return total;
}

/* Posteriors of states (I, J) and of moves (I, J, J), either NULL, from alpha; beta (2, J) is room. */
static void go_backward(const rapt__chain_row *r, const double *alpha, double total, double *beta, real *states,
                        real *moves) {
  int64_t n = r->states;
  double *after = beta, *now = beta + n; /* log p(words after i | state j at i), and at i − 1 */
  for (int64_t j = 0; j < r->length; j++) after[j] = 0;
  for (int64_t i = r->count - 1; i >= 0; i--) {
    const double *here = alpha + i * n, *before = here - n;
    for (int64_t j = 0; states && j < r->length; j++) states[i * n + j] = (real)exp(here[j] + after[j] - total);
    for (int64_t from = 0; i > 0 && from < r->length; from++) {
      running s;
      sum_begin(&s);
      for (int64_t j = 0; j < r->length; j++) {
        double rest = rapt__chain_move(r, i, from, j) + rapt__chain_emission(r, i, j) + after[j];
        sum_add(&s, rest);
        if (moves) moves[(i * n + from) * n + j] = (real)exp(before[from] + rest - total);
      }
      now[from] = sum_end(&s);
    }
    double *swap = after;
    after = now;
    now = swap;
  }
}

static void clear(real *x, int64_t n) {
  for (int64_t i = 0; x && i < n; i++) x[i] = 0;
}

static void hmm_forward_forward(const rapt__call *call) {
  for (int64_t b = call->begin; b < call->end; b++) {
    rapt__chain_row r = rapt__chain_row_at(call, b);
    int64_t cells = r.steps * r.states;
    real *outs[4];
    for (int o = 0; o < 4; o++) {
      int64_t size = o == OUT_SUM ? 1 : o == OUT_MOVES ? cells * r.states : cells;
      outs[o] = call->out[o] ? RAPT__OUT(call, o) + b * size : NULL;
    }
    double *alpha = call->scratch, *beta = alpha + cells;
    double total = go_forward(&r, alpha, outs[OUT_PRIOR]);
    if (outs[OUT_SUM]) *outs[OUT_SUM] = (real)total;
    clear(outs[OUT_STATES], cells);
    clear(outs[OUT_MOVES], cells * r.states);
    if ((outs[OUT_STATES] || outs[OUT_MOVES]) && total > -INFINITY)
      go_backward(&r, alpha, total, beta, outs[OUT_STATES], outs[OUT_MOVES]);
  }
}

static void hmm_forward_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const rapt_tensor *e = node->in[RAPT__CHAIN_EMISSION];
  rapt__chain_split_rows(node, split);
  split->scratch_bytes = (size_t)((e->dim[1] + 2) * e->dim[2]) * sizeof(double);
}

/* ---- Gradient ---- */

/* A posterior times what flows into its row's sum. */
static rapt_tensor *weigh(rapt_tensor *posterior, rapt_tensor *dy) {
  int64_t dims[4] = {rapt_dim(dy, 0), 1, 1, 1};
  return rapt_mul(posterior, rapt_reshape(dy, rapt_ndim(posterior), dims));
}

static void hmm_forward_grad(rapt__node *node, rapt_tensor *const *dout, rapt_tensor **din) {
  for (int o = OUT_PRIOR; o <= OUT_MOVES; o++)
    if (dout[o]) {
      rapt__poison(node->graph, RAPT_EUNSUPPORTED, "hmm_forward: priors and posteriors have no gradient");
      return;
    }
  if (!dout[OUT_SUM]) return;
  rapt_tensor *states = &node->out[OUT_STATES];
  if (node->in[RAPT__CHAIN_EMISSION]->varies) din[RAPT__CHAIN_EMISSION] = weigh(states, dout[OUT_SUM]);
  if (node->in[RAPT__CHAIN_START]->varies) {
    rapt_tensor *first = rapt_reshape(rapt_slice(states, 1, 0, 1), 2, node->in[RAPT__CHAIN_START]->dim);
    din[RAPT__CHAIN_START] = weigh(first, dout[OUT_SUM]);
  }
  if (node->in[RAPT__CHAIN_MOVE]->varies) din[RAPT__CHAIN_MOVE] = weigh(&node->out[OUT_MOVES], dout[OUT_SUM]);
}

static rapt_tensor *hmm_forward_sample(rapt_graph *graph, int i) {
  rapt_tensor *in[RAPT__CHAIN_INPUTS];
  rapt__chain_sample(graph, i, in);
  return rapt_hmm_forward(in[0], in[1], in[2], in[3], in[4], NULL);
}

static double hmm_forward_flops(const rapt__node *node, void *const *out) {
  return 4.0 * (double)node->in[RAPT__CHAIN_MOVE]->size * (1 + 2 * (out[OUT_STATES] || out[OUT_MOVES]));
}

const rapt__op rapt__op_hmm_forward = {.name = "hmm_forward",
                                       .split = hmm_forward_split,
                                       .flops = hmm_forward_flops,
                                       .forward = hmm_forward_forward,
                                       .grad = hmm_forward_grad,
                                       .samples = 3,
                                       .sample = hmm_forward_sample};

rapt_tensor *rapt_hmm_forward(rapt_tensor *emission, rapt_tensor *start, rapt_tensor *move, rapt_tensor *lengths,
                              rapt_tensor *counts, const rapt_hmm_options *options) {
  rapt_graph *graph = emission->graph;
  rapt_tensor *in[RAPT__CHAIN_INPUTS] = {emission, start, move, lengths, counts};
  rapt_hmm_options none = {NULL, NULL};
  const rapt_hmm_options *o = options ? options : &none;
  if (o->prior) *o->prior = &graph->poison;
  if (o->posterior) *o->posterior = &graph->poison;
  if (!rapt__chain_fits("hmm_forward", in)) return &graph->poison;
  rapt__node *node = rapt__node_new(graph, &rapt__op_hmm_forward, in, RAPT__CHAIN_INPUTS, NULL, 0);
  if (!node) return &graph->poison;
  rapt_tensor *sum = rapt__node_out(node, RAPT_F32, 1, emission->dim);
  rapt_tensor *prior = rapt__node_out(node, RAPT_F32, 3, emission->dim);
  rapt_tensor *posterior = rapt__node_out(node, RAPT_F32, 3, emission->dim);
  rapt__node_out(node, RAPT_F32, 4, move->dim);
  if (o->prior) *o->prior = prior;
  if (o->posterior) *o->posterior = posterior;
  return sum;
}
