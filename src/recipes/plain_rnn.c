/* The plain recurrent net: a step, and its three gradients. */
#include "recipes/plain_rnn.h"

#include "base/rng.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define STREAM_WEIGHTS ((uint64_t)1 << 32)

static size_t recurrent_count(const rapt__plain_rnn *net) { return (size_t)net->hidden * (size_t)net->row; }
static size_t outward_count(const rapt__plain_rnn *net) { return (size_t)net->outputs * (size_t)(1 + net->hidden); }

rapt_status rapt__plain_rnn_new(rapt_context *ctx, int inputs, int hidden, int outputs, int longest,
                                rapt__plain_method method, rapt__plain_rnn *net) {
  *net = (rapt__plain_rnn){.inputs = inputs,
                           .hidden = hidden,
                           .outputs = outputs,
                           .row = 1 + hidden + inputs,
                           .longest = method == RAPT__PLAIN_THROUGH_TIME ? longest : 1,
                           .method = method};
  size_t h = (size_t)hidden, outs = (size_t)outputs, all = recurrent_count(net);
  size_t traces = method == RAPT__PLAIN_RTRL ? h * all : 0, change = method == RAPT__PLAIN_THROUGH_TIME ? all : 0;
  double **const parts[] = {&net->weights, &net->outward, &net->past, &net->change,
                            &net->trace,   &net->traced,  &net->out,  &net->e};
  const size_t sizes[] = {all, outward_count(net), (size_t)(net->longest + 1) * h, change, traces, traces, outs, 2 * h};
  size_t total = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) total += sizes[i];
  double *memory = rapt__new(ctx, total, sizeof *memory);
  net->seen = memory ? rapt__new(ctx, (size_t)net->longest, sizeof *net->seen) : NULL;
  if (!net->seen) {
    rapt__free(ctx, memory);
    return RAPT_ENOMEM;
  }
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    *parts[i] = memory;
    memory += sizes[i];
  }
  return RAPT_OK;
}

void rapt__plain_rnn_free(rapt_context *ctx, rapt__plain_rnn *net) {
  rapt__free(ctx, net->weights);
  rapt__free(ctx, net->seen);
  *net = (rapt__plain_rnn){0};
}

void rapt__plain_rnn_start(rapt__plain_rnn *net, uint64_t seed, double range) {
  uint64_t drawn = 0;
  for (size_t i = 0; i < recurrent_count(net); i++)
    net->weights[i] = range * (2 * rapt__rng_uniform(seed, STREAM_WEIGHTS, drawn++) - 1);
  for (size_t i = 0; i < outward_count(net); i++)
    net->outward[i] = range * (2 * rapt__rng_uniform(seed, STREAM_WEIGHTS, drawn++) - 1);
  rapt__plain_rnn_reset(net);
}

int rapt__plain_rnn_weight_count(const rapt__plain_rnn *net) {
  return (int)(recurrent_count(net) + outward_count(net));
}

void rapt__plain_rnn_reset(rapt__plain_rnn *net) {
  net->t = 0;
  memset(net->past, 0, (size_t)net->hidden * sizeof(double));
  if (net->method == RAPT__PLAIN_RTRL)
    memset(net->trace, 0, (size_t)net->hidden * recurrent_count(net) * sizeof(double));
}

/* h(t): all of a sequence's are kept for learning through time, else two take turns. */
static double *hidden_at(const rapt__plain_rnn *net, int t) {
  return net->past + (t % (net->longest + 1)) * net->hidden;
}

/* w += by · [1; h(t−1); x(t)] */
static void add_sources(const rapt__plain_rnn *net, double *w, double by, const double *before, const rapt__sparse *x) {
  w[0] += by;
  for (int j = 0; j < net->hidden; j++) w[1 + j] += by * before[j];
  for (int k = 0; k < x->count; k++) w[1 + net->hidden + x->index[k]] += by * x->value[k];
}

/* ∂h_k(t)/∂w_ij = (1 − h_k²) (Σ_l w_kl ∂h_l(t−1)/∂w_ij + [k = i] source_j) */
static void carry_traces(rapt__plain_rnn *net, const double *before, const double *now, const rapt__sparse *x) {
  size_t all = recurrent_count(net);
  for (int k = 0; k < net->hidden; k++) {
    double *to = net->traced + (size_t)k * all, slope = 1 - now[k] * now[k];
    memset(to, 0, all * sizeof(double));
    for (int l = 0; l < net->hidden; l++) {
      double w = net->weights[k * net->row + 1 + l];
      const double *from = net->trace + (size_t)l * all;
      for (size_t i = 0; i < all; i++) to[i] += w * from[i];
    }
    add_sources(net, to + k * net->row, 1, before, x);
    for (size_t i = 0; i < all; i++) to[i] *= slope;
  }
  double *old = net->trace;
  net->trace = net->traced;
  net->traced = old;
}

void rapt__plain_rnn_step(rapt__plain_rnn *net, const rapt__sparse *x, bool learning) {
  assert(!learning || net->method != RAPT__PLAIN_THROUGH_TIME || net->t < net->longest);
  const double *before = hidden_at(net, net->t);
  double *now = hidden_at(net, net->t + 1);
  for (int u = 0; u < net->hidden; u++) {
    const double *w = net->weights + u * net->row;
    double sum = w[0];
    for (int j = 0; j < net->hidden; j++) sum += w[1 + j] * before[j];
    for (int k = 0; k < x->count; k++) sum += w[1 + net->hidden + x->index[k]] * x->value[k];
    now[u] = tanh(sum);
  }
  net->seen[net->t % net->longest] = *x;
  net->t++;
  if (learning && net->method == RAPT__PLAIN_RTRL) carry_traces(net, before, now, x);
}

const double *rapt__plain_rnn_outputs(rapt__plain_rnn *net) {
  const double *h = hidden_at(net, net->t);
  for (int k = 0; k < net->outputs; k++) {
    const double *w = net->outward + k * (1 + net->hidden);
    double sum = w[0];
    for (int j = 0; j < net->hidden; j++) sum += w[1 + j] * h[j];
    net->out[k] = net->linear ? sum : 1 / (1 + exp(-sum));
  }
  return net->out;
}

/* −∂E/∂h(t) into e, and the change of the weights into the outputs. */
static void learn_outputs(rapt__plain_rnn *net, const double *target, double rate, double *e) {
  const double *h = hidden_at(net, net->t);
  memset(e, 0, (size_t)net->hidden * sizeof(double));
  for (int k = 0; k < net->outputs; k++) {
    double *w = net->outward + k * (1 + net->hidden);
    double slope = net->entropy || net->linear ? 1 : net->out[k] * (1 - net->out[k]),
           delta = (target[k] - net->out[k]) * slope;
    w[0] += rate * delta;
    for (int j = 0; j < net->hidden; j++) {
      e[j] += w[1 + j] * delta;
      w[1 + j] += rate * delta * h[j];
    }
  }
}

/* The gradient of as many steps as are kept: of all for learning through time. */
static void through_time(rapt__plain_rnn *net, double *e, double *next) {
  memset(net->change, 0, recurrent_count(net) * sizeof(double));
  for (int t = net->t; t > 0; t--) {
    const double *now = hidden_at(net, t), *before = hidden_at(net, t - 1);
    memset(next, 0, (size_t)net->hidden * sizeof(double));
    for (int u = 0; u < net->hidden; u++) {
      double delta = e[u] * (1 - now[u] * now[u]);
      const double *w = net->weights + u * net->row + 1;
      for (int j = 0; j < net->hidden; j++) next[j] += delta * w[j];
      add_sources(net, net->change + u * net->row, delta, before, &net->seen[t - 1]);
    }
    memcpy(e, next, (size_t)net->hidden * sizeof(double));
  }
}

static double shortened(const double *g, size_t count, double clip) {
  double squares = 0;
  for (size_t i = 0; i < count; i++) squares += g[i] * g[i];
  return clip > 0 && squares > clip * clip ? clip / sqrt(squares) : 1;
}

void rapt__plain_rnn_learn(rapt__plain_rnn *net, const double *target, double rate, double clip) {
  size_t all = recurrent_count(net);
  double *e = net->e;
  learn_outputs(net, target, rate, e);
  switch (net->method) {
  case RAPT__PLAIN_ELMAN: {
    const double *now = hidden_at(net, net->t), *before = hidden_at(net, net->t - 1);
    for (int u = 0; u < net->hidden; u++)
      add_sources(net, net->weights + u * net->row, rate * e[u] * (1 - now[u] * now[u]), before, &net->seen[0]);
    break;
  }
  case RAPT__PLAIN_THROUGH_TIME: {
    through_time(net, e, e + net->hidden);
    double by = rate * shortened(net->change, all, clip);
    for (size_t i = 0; i < all; i++) net->weights[i] += by * net->change[i];
    break;
  }
  case RAPT__PLAIN_RTRL:
    for (int k = 0; k < net->hidden; k++)
      for (size_t i = 0; i < all; i++) net->weights[i] += rate * e[k] * net->trace[(size_t)k * all + i];
  }
}
