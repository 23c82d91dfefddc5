/* The most probable alignment of a sentence pair: the forward recursion with a maximum in place of the sum, and pointers
 * to where each maximum came from (Viterbi 1967). */
#include "ops/alignment_hmm.h"

#include <math.h>

/* best (2, J): the logarithm of the best path to each state, now and a step before. */
static void best_path(const rapt__chain_row *r, double *best, int32_t *from_of, int32_t *path) {
  int64_t n = r->states;
  double *before = best, *now = best + n;
  for (int64_t i = 0; i < r->count; i++) {
    for (int64_t j = 0; j < r->length; j++) {
      double most = i ? -INFINITY : (double)r->start[j];
      int32_t from = 0;
      for (int64_t k = 0; i > 0 && k < r->length; k++) {
        double x = before[k] + rapt__chain_move(r, i, k, j);
        if (x > most) most = x, from = (int32_t)k;
      }
      now[j] = most + rapt__chain_emission(r, i, j);
      from_of[i * n + j] = from;
    }
    double *swap = before;
    before = now;
    now = swap;
  }
  int32_t at = 0;
  for (int64_t j = 1; j < r->length; j++)
    if (before[j] > before[at]) at = (int32_t)j;
  for (int64_t i = r->count - 1; i >= 0; i--) {
    path[i] = at;
    at = from_of[i * n + at];
  }
  for (int64_t i = r->count; i < r->steps; i++) path[i] = -1;
}

static void hmm_best_forward(const rapt__call *call) {
  for (int64_t b = call->begin; b < call->end; b++) {
    rapt__chain_row r = rapt__chain_row_at(call, b);
    double *best = call->scratch;
    best_path(&r, best, (int32_t *)(best + 2 * r.states), (int32_t *)call->out[0] + b * r.steps);
  }
}

static void hmm_best_split(const rapt__node *node, const k_kernels *k, rapt__split *split) {
  (void)k;
  const rapt_tensor *e = node->in[RAPT__CHAIN_EMISSION];
  rapt__chain_split_rows(node, split);
  split->scratch_bytes = (size_t)e->dim[2] * (2 * sizeof(double) + (size_t)e->dim[1] * sizeof(int32_t));
}

static rapt_tensor *hmm_best_sample(rapt_graph *graph, int i) {
  rapt_tensor *in[RAPT__CHAIN_INPUTS];
  rapt__chain_sample(graph, i, in);
  return rapt_hmm_best(in[0], in[1], in[2], in[3], in[4]);
}

const rapt__op rapt__op_hmm_best = {.name = "hmm_best",
                                    .flags = RAPT__NO_GRADIENT,
                                    .split = hmm_best_split,
                                    .forward = hmm_best_forward,
                                    .samples = 3,
                                    .sample = hmm_best_sample};

rapt_tensor *rapt_hmm_best(rapt_tensor *emission, rapt_tensor *start, rapt_tensor *move, rapt_tensor *lengths,
                           rapt_tensor *counts) {
  rapt_tensor *in[RAPT__CHAIN_INPUTS] = {emission, start, move, lengths, counts};
  if (!rapt__chain_fits("hmm_best", in)) return &emission->graph->poison;
  rapt__node *node = rapt__node_new(emission->graph, &rapt__op_hmm_best, in, RAPT__CHAIN_INPUTS, NULL, 0);
  return node ? rapt__node_out(node, RAPT_I32, 2, emission->dim) : &emission->graph->poison;
}
