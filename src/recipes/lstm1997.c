/* One step and one change of the weights of the net of 1997 (its appendix A.1), in the order of the equations. */
#include "recipes/lstm1997.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { IN_GATE, OUT_GATE, GATES }; /* places in a block */

#define STREAM_WEIGHTS ((uint64_t)1 << 32)

static double logistic(double x) { return 1 / (1 + exp(-x)); }

static int cell_count(const rapt__lstm1997 *net) { return net->shape.blocks * net->shape.cells; }
static int block_size(const rapt__lstm1997 *net) { return GATES + net->shape.cells; }

rapt_status rapt__lstm1997_new(rapt_context *ctx, const rapt__lstm1997_shape *shape, rapt__lstm1997 *net) {
  *net = (rapt__lstm1997){.shape = *shape};
  int cells = cell_count(net);
  net->units = shape->blocks * block_size(net);
  net->fed = shape->gates_seen ? net->units : cells;
  net->row = 1 + net->fed + shape->inputs;
  net->seen = 1 + cells + (shape->shortcuts ? shape->inputs : 0);
  double **const parts[] = {&net->weights, &net->outward,  &net->net, &net->y,     &net->state, &net->before,
                            &net->trace_c, &net->trace_in, &net->out, &net->delta, &net->error};
  const size_t units = (size_t)net->units, row = (size_t)net->row, all = (size_t)cells, outs = (size_t)shape->outputs;
  const size_t sizes[] = {
      units * row, outs * (size_t)net->seen, units, units, all, (size_t)net->fed, all * row, all * row, outs, outs,
      all};
  size_t total = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) total += sizes[i];
  double *memory = rapt__new(ctx, total, sizeof *memory);
  if (!memory) return RAPT_ENOMEM;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    *parts[i] = memory;
    memory += sizes[i];
  }
  return RAPT_OK;
}

void rapt__lstm1997_free(rapt_context *ctx, rapt__lstm1997 *net) {
  rapt__free(ctx, net->weights);
  *net = (rapt__lstm1997){0};
}

void rapt__lstm1997_start(rapt__lstm1997 *net, uint64_t seed, double range, rapt__lstm1997_bias in_bias,
                          rapt__lstm1997_bias out_bias) {
  const rapt__lstm1997_shape *s = &net->shape;
  uint64_t drawn = 0;
  for (int i = 0; i < net->units * net->row; i++)
    net->weights[i] = range * (2 * rapt__rng_uniform(seed, STREAM_WEIGHTS, drawn++) - 1);
  for (int i = 0; i < s->outputs * net->seen; i++)
    net->outward[i] = range * (2 * rapt__rng_uniform(seed, STREAM_WEIGHTS, drawn++) - 1);
  for (int j = 0; j < s->blocks; j++) {
    double *block = net->weights + j * block_size(net) * net->row;
    block[IN_GATE * net->row] = in_bias.first + j * in_bias.step;
    block[OUT_GATE * net->row] = out_bias.first + j * out_bias.step;
    if (s->all_biases) continue;
    for (int v = 0; v < s->cells; v++) block[(GATES + v) * net->row] = 0;
  }
  for (int k = 0; k < s->outputs && !s->all_biases; k++) net->outward[k * net->seen] = 0;
  rapt__lstm1997_reset(net);
}

int rapt__lstm1997_weight_count(const rapt__lstm1997 *net) {
  const rapt__lstm1997_shape *s = &net->shape;
  int without = s->all_biases ? 0 : cell_count(net) + s->outputs;
  return net->units * net->row + s->outputs * net->seen - without;
}

void rapt__lstm1997_reset(rapt__lstm1997 *net) {
  size_t cells = (size_t)cell_count(net), row = (size_t)net->row;
  memset(net->y, 0, (size_t)net->units * sizeof(double));
  memset(net->state, 0, cells * sizeof(double));
  memset(net->trace_c, 0, cells * row * sizeof(double));
  memset(net->trace_in, 0, cells * row * sizeof(double));
}

/* w += by · [1; y(t−1); x(t)] for weights or traces of one unit. */
static void add_sources(const rapt__lstm1997 *net, double *w, double by, bool bias) {
  if (bias) w[0] += by;
  for (int r = 0; r < net->fed; r++) w[1 + r] += by * net->before[r];
  double *from_inputs = w + 1 + net->fed;
  for (int k = 0; k < net->x.count; k++) from_inputs[net->x.index[k]] += by * net->x.value[k];
}

static double net_input(const rapt__lstm1997 *net, const double *w) {
  double sum = w[0];
  for (int r = 0; r < net->fed; r++) sum += w[1 + r] * net->before[r];
  const double *from_inputs = w + 1 + net->fed;
  for (int k = 0; k < net->x.count; k++) sum += from_inputs[net->x.index[k]] * net->x.value[k];
  return sum;
}

/* What later steps see of this one's activations. */
static void feed_back(rapt__lstm1997 *net) {
  if (net->shape.gates_seen) {
    memcpy(net->before, net->y, (size_t)net->units * sizeof(double));
    return;
  }
  int cells = net->shape.cells, to = 0;
  for (int j = 0; j < net->shape.blocks; j++)
    for (int v = 0; v < cells; v++) net->before[to++] = net->y[j * block_size(net) + GATES + v];
}

void rapt__lstm1997_step(rapt__lstm1997 *net, const rapt__sparse *x, bool learning) {
  const rapt__lstm1997_shape *s = &net->shape;
  net->x = *x;
  feed_back(net);
  for (int u = 0; u < net->units; u++) net->net[u] = net_input(net, net->weights + u * net->row);
  for (int j = 0; j < s->blocks; j++) {
    int first = j * block_size(net);
    double in = logistic(net->net[first + IN_GATE]), out = logistic(net->net[first + OUT_GATE]);
    net->y[first + IN_GATE] = in;
    net->y[first + OUT_GATE] = out;
    for (int v = 0; v < s->cells; v++) {
      int c = j * s->cells + v;
      double squashed = logistic(net->net[first + GATES + v]), g = 4 * squashed - 2;
      net->state[c] += in * g;
      net->y[first + GATES + v] = out * (2 * logistic(net->state[c]) - 1);
      if (!learning) continue;
      add_sources(net, net->trace_c + c * net->row, in * 4 * squashed * (1 - squashed), s->all_biases);
      add_sources(net, net->trace_in + c * net->row, g * in * (1 - in), true);
    }
  }
}

const double *rapt__lstm1997_outputs(rapt__lstm1997 *net) {
  const rapt__lstm1997_shape *s = &net->shape;
  int cells = cell_count(net);
  for (int k = 0; k < s->outputs; k++) {
    const double *w = net->outward + k * net->seen;
    double sum = w[0];
    for (int c = 0; c < cells; c++) sum += w[1 + c] * net->y[c / s->cells * block_size(net) + GATES + c % s->cells];
    for (int i = 0; i < net->x.count && s->shortcuts; i++) sum += w[1 + cells + net->x.index[i]] * net->x.value[i];
    net->out[k] = s->linear ? sum : logistic(sum);
  }
  return net->out;
}

/* −∂E/∂y of every cell, and the change of the weights into the outputs. */
static void learn_outputs(rapt__lstm1997 *net, const double *target, double rate) {
  const rapt__lstm1997_shape *s = &net->shape;
  int cells = cell_count(net);
  for (int k = 0; k < s->outputs; k++) {
    double slope = s->entropy || s->linear ? 1 : net->out[k] * (1 - net->out[k]);
    net->delta[k] = (target[k] - net->out[k]) * slope;
  }
  for (int c = 0; c < cells; c++) {
    double y = net->y[c / s->cells * block_size(net) + GATES + c % s->cells], error = 0;
    for (int k = 0; k < s->outputs; k++) {
      double *w = net->outward + k * net->seen + 1 + c;
      error += *w * net->delta[k];
      *w += rate * net->delta[k] * y;
    }
    net->error[c] = error;
  }
  for (int k = 0; k < s->outputs; k++) {
    double *w = net->outward + k * net->seen, by = rate * net->delta[k];
    if (s->all_biases) w[0] += by;
    for (int i = 0; i < net->x.count && s->shortcuts; i++) w[1 + cells + net->x.index[i]] += by * net->x.value[i];
  }
}

static void add_trace(double *w, double by, const double *trace, int count) {
  for (int i = 0; i < count; i++) w[i] += by * trace[i];
}

void rapt__lstm1997_learn(rapt__lstm1997 *net, const double *target, double rate) {
  const rapt__lstm1997_shape *s = &net->shape;
  learn_outputs(net, target, rate);
  for (int j = 0; j < s->blocks; j++) {
    int first = j * block_size(net);
    double out = net->y[first + OUT_GATE], through_gate = 0;
    double *block = net->weights + first * net->row;
    for (int v = 0; v < s->cells; v++) {
      int c = j * s->cells + v;
      double h = 2 * logistic(net->state[c]) - 1;
      through_gate += h * net->error[c];
      double into_state = out * 0.5 * (1 - h) * (1 + h) * net->error[c];
      add_trace(block + (GATES + v) * net->row, rate * into_state, net->trace_c + c * net->row, net->row);
      add_trace(block + IN_GATE * net->row, rate * into_state, net->trace_in + c * net->row, net->row);
    }
    add_sources(net, block + OUT_GATE * net->row, rate * out * (1 - out) * through_gate, true);
  }
}
