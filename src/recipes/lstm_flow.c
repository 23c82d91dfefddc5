/* How far back gradients reach: the derivative of the last state by earlier ones in networks as they start, which the claim is
 * about, and of the loss of a character in trained ones. */
#include "recipes/lstm_tutorials.h"

#include "formats/svg.h"

#include <math.h>
#include <string.h>

enum { LAGS = 100, UNITS = 32, INPUTS = 8, STREAM_WEIGHTS = 21, STREAM_INPUTS };
/* Singular values are found to 1e-9; so much a value of 1 may be off. */
static const double straight = 0.98, carousel_low = 0.5, carousel_high = 1, found = 1e-9;

/* ---- The claim ---- */

typedef struct flow {
  double norm[LAGS + 1]; /* by lag */
} flow;

/* forget: is added to the biases of the forget gates. */
static rapt_status measure(rapt__arena *arena, uint64_t seed, rapt__plain_cell cell, double forget, bool carousel,
                           flow *out) {
  double norms[LAGS + 1];
  rapt__plain_init(&cell);
  double *theta = rapt__arena_new(arena, cell.count, sizeof *theta);
  const double *x = rapt__lstm_normal(arena, seed, STREAM_INPUTS, (LAGS + 1) * INPUTS);
  double *d_out = rapt__arena_new(arena, (LAGS + 1) * cell.out, sizeof *d_out);
  if (!theta || !x || !d_out) return RAPT_ENOMEM;
  rapt__plain_draw(&cell, seed, (uint64_t)STREAM_WEIGHTS << 32, theta);
  for (size_t j = 0; cell.gate_f >= 0 && j < cell.units; j++)
    theta[cell.at[RAPT__PLAIN_B_IH] + (size_t)cell.gate_f * cell.units + j] += forget;
  rapt__plain_sequence s = {.cell = &cell, .theta = theta, .steps = LAGS + 1, .x = x, .d_out = d_out};
  rapt__plain_run run;
  RAPT_TRY(rapt__plain_forward(arena, &s, &run));
  RAPT_TRY(rapt__plain_flow(arena, &s, &run, cell.kind == RAPT__PLAIN_LSTM, carousel, norms));
  for (int lag = 0; lag <= LAGS; lag++) out->norm[lag] = norms[LAGS - lag];
  return RAPT_OK;
}

/* The line through the logarithms of the norms at lags 1 … 100: its slope, and the share of their variance that it explains. */
static void fit(const flow *f, double *slope, double *explained) {
  double n = LAGS, sx = 0, sy = 0, sxx = 0, sxy = 0, syy = 0;
  for (int lag = 1; lag <= LAGS; lag++) {
    double y = log(f->norm[lag]);
    sx += lag, sy += y, sxx += (double)lag * lag, sxy += lag * y, syy += y * y;
  }
  double xx = sxx - sx * sx / n, xy = sxy - sx * sy / n, yy = syy - sy * sy / n;
  *slope = xy / xx;
  *explained = xy * xy / (xx * yy);
}

enum { TANH, CAROUSEL, WHOLE, FORGET, FLOWS };
static const char *const flow_names[FLOWS] = {"tanh RNN, h", "LSTM 1997, c through the carousel",
                                              "LSTM 1997, c in all ways",
                                              "LSTM, forget bias 1, c through the carousel"};

static rapt_status draw_flows(rapt__lstm *l, const flow flows[FLOWS]) {
  double lags[LAGS + 1];
  rapt__series series[FLOWS];
  rapt__text svg;
  for (int lag = 0; lag <= LAGS; lag++) lags[lag] = lag;
  for (int i = 0; i < FLOWS; i++) series[i] = (rapt__series){flow_names[i], lags, flows[i].norm, LAGS + 1};
  rapt__plot plot = {
      .x_title = "steps back", .y_title = "largest singular value", .log_y = true, .series = series, .count = FLOWS};
  rapt__text_init(&svg, l->run->ctx);
  rapt_status status = rapt__svg_plot(&svg, &plot);
  const char *kept = status == RAPT_OK ? rapt__lstm_keep(l, &svg) : NULL;
  rapt__text_free(&svg);
  if (!kept) return status == RAPT_OK ? RAPT_ENOMEM : status;
  rapt__lstm_section(l, &(rapt__report_section){
                            .heading = "The last state by earlier ones",
                            .text = "The derivative of the last state by the one so many steps before, in networks of "
                                    "32 units with the weights they start with. Through the carousel alone a cell of "
                                    "1997 hands errors back unchanged.",
                            .svg = kept});
  return RAPT_OK;
}

static rapt_status judge_flows(rapt__lstm *l, const flow flows[FLOWS]) {
  double slope, explained, low = INFINITY, high = -INFINITY;
  fit(&flows[TANH], &slope, &explained);
  for (int lag = 1; lag <= LAGS; lag++) {
    low = fmin(low, flows[CAROUSEL].norm[lag]);
    high = fmax(high, flows[CAROUSEL].norm[lag]);
  }
  RAPT_TRY(
      rapt__findings_judge(&l->findings, true, slope < 0 && explained >= straight,
                           "tanh: the derivative of h_T by h_t decays exponentially over %d steps (%.1e at the end, "
                           "halved every %.2f steps; "
                           "a line explains %.4f of its logarithm, at least %.2f)",
                           LAGS, flows[TANH].norm[LAGS], log(0.5) / slope, explained, straight));
  RAPT_TRY(
      rapt__findings_judge(&l->findings, true, low >= carousel_low - found && high <= carousel_high + found,
                           "cell of 1997: the derivative of c_T by c_t through the carousel stays in [%.1f, %g] for %d "
                           "steps (from %.4f to %.4f)",
                           carousel_low, carousel_high, LAGS, low, high));
  return rapt__findings_say(
      &l->findings, "for comparison after %d steps: cell of 1997 in all ways %.3g, with a forget gate (bias 1) %.1e",
      LAGS, flows[WHOLE].norm[LAGS], flows[FORGET].norm[LAGS]);
}

rapt_status rapt__lstm_flow(rapt__lstm *l) {
  const rapt__plain_cell rnn = {.kind = RAPT__PLAIN_RNN, .inputs = INPUTS, .units = UNITS},
                         first = {.kind = RAPT__PLAIN_LSTM, .inputs = INPUTS, .units = UNITS, .no_forget = true},
                         forget = {.kind = RAPT__PLAIN_LSTM, .inputs = INPUTS, .units = UNITS};
  uint64_t seed = (uint64_t)l->run->common.seed;
  flow flows[FLOWS];
  rapt__arena arena;
  rapt__arena_init(&arena, l->run->ctx);
  rapt_status status = measure(&arena, seed, rnn, 0, false, &flows[TANH]);
  if (status == RAPT_OK) status = measure(&arena, seed, first, 0, true, &flows[CAROUSEL]);
  if (status == RAPT_OK) status = measure(&arena, seed, first, 0, false, &flows[WHOLE]);
  if (status == RAPT_OK) status = measure(&arena, seed, forget, 1, true, &flows[FORGET]);
  if (status == RAPT_OK) status = judge_flows(l, flows);
  if (status == RAPT_OK) status = draw_flows(l, flows);
  rapt__arena_free(&arena);
  return status;
}

/* ---- The loss of the last character by earlier states ---- */

enum { PASSAGES = 8 };

static const rapt_real *values_of(const rapt_params *params, const char *name) {
  rapt_real *values = NULL;
  int64_t index = rapt_params_find(params, name);
  if (index >= 0) rapt_params_get(params, index, NULL, NULL, NULL, &values);
  return values;
}

/* d_out (P): the cross-entropy of `label` by the output. */
static void loss_by_output(const rapt__lstm_net *net, const double *out, size_t width, int32_t label, double *p,
                           double *d_out) {
  const rapt_real *w = values_of(net->lm.params, "head.weight"), *b = values_of(net->lm.params, "head.bias");
  size_t n = (size_t)net->net.symbols;
  double most = -INFINITY, sum = 0;
  for (size_t i = 0; i < n; i++) {
    p[i] = (double)b[i];
    for (size_t j = 0; j < width; j++) p[i] += (double)w[i * width + j] * out[j];
    most = fmax(most, p[i]);
  }
  for (size_t i = 0; i < n; i++) sum += p[i] = exp(p[i] - most);
  memset(d_out, 0, width * sizeof *d_out);
  for (size_t i = 0; i < n; i++)
    for (size_t j = 0; j < width; j++) d_out[j] += (p[i] / sum - ((int32_t)i == label)) * (double)w[i * width + j];
}

static double length_of(const double *v, size_t n) {
  double sum = 0;
  for (size_t i = 0; i < n; i++) sum += v[i] * v[i];
  return sqrt(sum);
}

/* Adds the logarithms of one passage. */
static rapt_status add_passage(rapt__arena *arena, const rapt__lstm_net *net, const int32_t *ids, double *rows) {
  rapt__plain_cell cell;
  double *theta, *x;
  RAPT_TRY(rapt__lstm_plain(arena, net, &cell, &theta));
  size_t steps = RAPT__LSTM_BACK, width = cell.state, tape = rapt__plain_tape(&cell);
  x = rapt__lstm_inputs(arena, net, ids, steps + cell.window - 1);
  double *d_out = rapt__arena_new(arena, steps * cell.out, sizeof *d_out),
         *p = rapt__arena_new(arena, (size_t)net->net.symbols, sizeof *p),
         *d = rapt__arena_new(arena, 2 * width, sizeof *d),
         *room = rapt__arena_new(arena, 2 * cell.gates * cell.units, sizeof *room);
  if (!x || !d_out || !p || !d || !room) return RAPT_ENOMEM;
  rapt__plain_sequence s = {.cell = &cell, .theta = theta, .steps = steps, .x = x, .d_out = d_out};
  rapt__plain_run run;
  RAPT_TRY(rapt__plain_forward(arena, &s, &run));
  double *after = d, *before = d + width;
  loss_by_output(net, run.states + steps * width, cell.out, ids[steps + cell.window - 1], p, after);
  for (size_t t = steps; t-- > 0;) {
    const double *state = run.states + (t + 1) * width;
    rows[t] += log10(length_of(after, cell.out));
    if (width > cell.out) rows[RAPT__LSTM_BACK + t] += log10(length_of(after + cell.out, width - cell.out));
    if (t == 0) break;
    rapt__plain_step_back(&cell, theta, x + t * cell.inputs, state - width, state, run.tapes + t * tape, after, false,
                          before, NULL, room);
    double *other = after;
    after = before;
    before = other;
  }
  return RAPT_OK;
}

/* Means over passages spread over the validation text. */
rapt_status rapt__lstm_reach(rapt__lstm *l, const rapt__lstm_net *net, double *rows) {
  int64_t need = RAPT__LSTM_BACK + RAPT__CHAR_RNN_WINDOW, room = l->valid_count - need;
  memset(rows, 0, 2 * RAPT__LSTM_BACK * sizeof *rows);
  if (room < 0)
    return rapt__fail(l->run->ctx, RAPT_EINVAL, "the validation text has %lld characters, %lld are needed",
                      (long long)l->valid_count, (long long)need);
  for (int i = 0; i < PASSAGES; i++) {
    rapt__arena arena;
    rapt__arena_init(&arena, l->run->ctx);
    rapt_status status = add_passage(&arena, net, l->valid + room * i / PASSAGES, rows);
    rapt__arena_free(&arena);
    RAPT_TRY(status);
  }
  for (int i = 0; i < 2 * RAPT__LSTM_BACK; i++) rows[i] /= PASSAGES;
  return RAPT_OK;
}
