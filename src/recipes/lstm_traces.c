/* Gates and cells of a trained LSTM over a text, as heat maps under its characters. */
#include "recipes/lstm_tutorials.h"

#include "formats/svg.h"

#include <math.h>
#include <string.h>

enum { SHOWN = 54, LEAD = 200, UNITS = 8 };

static const rapt_real *values_of(const rapt_params *params, const char *name, size_t size) {
  rapt_real *values = NULL;
  const int64_t *dims;
  int ndim;
  int64_t index = rapt_params_find(params, name), count = 1;
  if (index < 0 || rapt_params_get(params, index, NULL, &ndim, &dims, &values) != RAPT_OK) return NULL;
  for (int i = 0; i < ndim; i++) count *= dims[i];
  return (size_t)count == size ? values : NULL;
}

rapt_status rapt__lstm_plain(rapt__arena *arena, const rapt__lstm_net *net, rapt__plain_cell *cell, double **theta) {
  static const char *const names[RAPT__PLAIN_PARTS] = {"rnn.weight_ih_l0", "rnn.weight_hh_l0", "rnn.bias_ih_l0",
                                                       "rnn.bias_hh_l0",   "rnn.peephole_l0",  "rnn.weight_hr_l0"};
  bool augmented = net->net.kind == RAPT__CHAR_AUGMENTED;
  *cell = (rapt__plain_cell){.kind = net->net.kind == RAPT__CHAR_RNN   ? RAPT__PLAIN_RNN
                                     : net->net.kind == RAPT__CHAR_GRU ? RAPT__PLAIN_GRU
                                                                       : RAPT__PLAIN_LSTM,
                             .inputs = (size_t)net->net.features,
                             .units = (size_t)net->net.units,
                             .peepholes = net->net.kind >= RAPT__CHAR_PEEPHOLES,
                             .external = augmented,
                             .projection = augmented ? (size_t)net->net.projection : 0,
                             .window = augmented ? (size_t)net->net.window : 1};
  rapt__plain_init(cell);
  *theta = rapt__arena_new(arena, cell->count, sizeof **theta);
  if (!*theta) return RAPT_ENOMEM;
  for (int i = 0; i < RAPT__PLAIN_PARTS; i++) {
    if (cell->size[i] == 0) continue;
    const rapt_real *from = values_of(net->lm.params, names[i], cell->size[i]);
    if (!from)
      return rapt__fail(arena->ctx, RAPT_ENOTFOUND, "%s: the parameter %s is missing or of another size", net->name,
                        names[i]);
    for (size_t k = 0; k < cell->size[i]; k++) (*theta)[cell->at[i] + k] = (double)from[k];
  }
  return RAPT_OK;
}

double *rapt__lstm_inputs(rapt__arena *arena, const rapt__lstm_net *net, const int32_t *ids, size_t count) {
  size_t width = (size_t)net->net.features;
  const rapt_real *table = values_of(net->lm.params, "table.weight", (size_t)net->net.symbols * width);
  double *x = rapt__arena_new(arena, count * width, sizeof *x);
  for (size_t i = 0; x && table && i < count * width; i++)
    x[i] = (double)table[(size_t)ids[i / width] * width + i % width];
  return x;
}

/* The units whose cells change most over the passage, largest first; by tanh c, since a cell that runs off shows nothing. */
static void choose(const rapt__plain_cell *cell, const double *states, size_t steps, size_t chosen[UNITS]) {
  double best[UNITS];
  size_t n = 0;
  for (size_t j = 0; j < cell->units; j++) {
    double sum = 0, squares = 0;
    for (size_t t = 0; t < steps; t++) {
      double c = tanh(states[t * cell->state + cell->out + j]);
      sum += c, squares += c * c;
    }
    double change = squares / (double)steps - sum / (double)steps * (sum / (double)steps);
    size_t at = n < UNITS ? n++ : UNITS;
    for (; at > 0 && best[at - 1] < change; at--)
      if (at < UNITS) best[at] = best[at - 1], chosen[at] = chosen[at - 1];
    if (at < UNITS) best[at] = change, chosen[at] = j;
  }
}

static const char *shown(rapt__arena *arena, const rapt_tokenizer *tokenizer, int32_t id) {
  size_t size;
  const char *bytes = rapt_tokenizer_token(tokenizer, id, &size);
  if (!bytes || (size == 1 && *bytes == '\n')) return "\xE2\x86\xB5";
  if (size == 1 && *bytes == ' ') return "\xE2\x90\xA3";
  return rapt__arena_format(arena, "%.*s", (int)size, bytes);
}

typedef struct passage {
  const rapt__plain_cell *cell;
  const rapt__plain_run *run;
  size_t chosen[UNITS], units;
  const char *characters[SHOWN], *numbers[UNITS];
} passage;

/* gate −1: the cells, as tanh c. */
static rapt_status draw(rapt__text *svg, const passage *p, const char *title, int gate) {
  const rapt__plain_cell *cell = p->cell;
  double values[UNITS * SHOWN];
  for (size_t u = 0; u < p->units; u++)
    for (size_t i = 0; i < SHOWN; i++) {
      size_t t = LEAD + i, j = p->chosen[u];
      values[u * SHOWN + i] = gate < 0 ? tanh(p->run->states[(t + 1) * cell->state + cell->out + j])
                                       : p->run->tapes[t * rapt__plain_tape(cell) + (size_t)gate * cell->units + j];
    }
  rapt__heat heat = {.title = title,
                     .row_labels = p->numbers,
                     .column_labels = p->characters,
                     .values = values,
                     .rows = p->units,
                     .columns = SHOWN,
                     .low = gate < 0 ? -1 : 0,
                     .high = 1,
                     .cell = 11};
  return rapt__svg_heat(svg, &heat);
}

static rapt_status draw_all(rapt__lstm *l, rapt__arena *arena, const rapt__lstm_net *net, rapt__text *svg) {
  rapt__plain_cell cell;
  double *theta;
  RAPT_TRY(rapt__lstm_plain(arena, net, &cell, &theta));
  size_t steps = LEAD + SHOWN;
  const double *x = rapt__lstm_inputs(arena, net, l->valid, steps + cell.window - 1);
  double *d_out = rapt__arena_new(arena, steps * cell.out, sizeof *d_out);
  if (!x || !d_out) return RAPT_ENOMEM;
  rapt__plain_sequence s = {.cell = &cell, .theta = theta, .steps = steps, .x = x, .d_out = d_out};
  rapt__plain_run run;
  RAPT_TRY(rapt__plain_forward(arena, &s, &run));
  passage p = {.cell = &cell, .run = &run, .units = cell.units < UNITS ? cell.units : UNITS};
  choose(&cell, run.states + cell.state, steps, p.chosen);
  for (size_t i = 0; i < SHOWN; i++)
    if (!(p.characters[i] = shown(arena, l->tokenizer, l->valid[LEAD + i]))) return RAPT_ENOMEM;
  for (size_t u = 0; u < p.units; u++)
    if (!(p.numbers[u] = rapt__arena_format(arena, "unit %zu", p.chosen[u]))) return RAPT_ENOMEM;
  RAPT_TRY(draw(svg, &p, "input gate i", cell.gate_i));
  RAPT_TRY(draw(svg, &p, "forget gate f", cell.gate_f));
  RAPT_TRY(draw(svg, &p, "output gate o", cell.gate_o));
  return draw(svg, &p, "cell, as tanh c", -1);
}

rapt_status rapt__lstm_traces(rapt__lstm *l, const rapt__lstm_net *net) {
  int64_t need = LEAD + SHOWN + RAPT__CHAR_RNN_WINDOW;
  if (l->valid_count < need)
    return rapt__fail(l->run->ctx, RAPT_EINVAL, "the validation text has %lld characters, %lld are needed",
                      (long long)l->valid_count, (long long)need);
  rapt__arena arena;
  rapt__text svg;
  rapt__arena_init(&arena, l->run->ctx);
  rapt__text_init(&svg, l->run->ctx);
  rapt_status status = draw_all(l, &arena, net, &svg);
  const char *kept = status == RAPT_OK ? rapt__lstm_keep(l, &svg) : NULL;
  rapt__text_free(&svg);
  rapt__arena_free(&arena);
  if (!kept) return status == RAPT_OK ? RAPT_ENOMEM : status;
  rapt__lstm_section(
      l, &(rapt__report_section){
             .heading = "Gates over a text",
             .text = "The trained LSTM reads the validation text: its gates (0 closed, 1 open) and tanh of its cells "
                     "at every character, of the units whose cells change most.",
             .svg = kept});
  return RAPT_OK;
}
