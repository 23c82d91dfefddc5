/* A graph of one recurrent layer whose inputs are parameters, sequence and weights of the loss. */
#include "explain/recurrent/engine.h"

#include "nn/augmented.h"

#include <string.h>

typedef struct build {
  const rapt__plain_sequence *s;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *part[RAPT__PLAIN_PARTS], *grad[RAPT__PLAIN_PARTS], *x, *d_out, *start[2], *y;
  int index[RAPT__PLAIN_PARTS]; /* of the parts that the cell has */
  int parts;
} build;

static rapt_tensor *part(build *b, rapt__plain_part which, const char *name, int64_t rows, int64_t columns) {
  if (b->s->cell->size[which] == 0) return NULL;
  int64_t dims[2] = {rows, columns};
  b->index[b->parts] = which;
  return b->part[b->parts++] = rapt_input(b->graph, name, RAPT_F32, columns ? 2 : 1, dims);
}

static rapt_tensor *layer(build *b) {
  const rapt__plain_cell *cell = b->s->cell;
  int64_t h = (int64_t)cell->units, p = (int64_t)cell->out, rows = (int64_t)cell->gates * h,
          steps = (int64_t)b->s->steps;
  b->x =
      rapt_input(b->graph, "x", RAPT_F32, 3, (int64_t[]){steps + (int64_t)cell->window - 1, 1, (int64_t)cell->inputs});
  b->d_out = rapt_input(b->graph, "d_out", RAPT_F32, 3, (int64_t[]){steps, 1, p});
  b->start[0] = rapt_input(b->graph, "h0", RAPT_F32, 2, (int64_t[]){1, p});
  if (cell->kind == RAPT__PLAIN_LSTM) b->start[1] = rapt_input(b->graph, "c0", RAPT_F32, 2, (int64_t[]){1, h});
  rapt_tensor *w_ih = part(b, RAPT__PLAIN_W_IH, "w_ih", rows, (int64_t)cell->fed);
  rapt_tensor *w_hh = part(b, RAPT__PLAIN_W_HH, "w_hh", rows, p);
  rapt_tensor *b_ih = part(b, RAPT__PLAIN_B_IH, "b_ih", rows, 0), *b_hh = part(b, RAPT__PLAIN_B_HH, "b_hh", rows, 0);
  rapt_tensor *peep = part(b, RAPT__PLAIN_PEEP, "peep", (int64_t)cell->gates - 1, h);
  rapt_tensor *w_hr = part(b, RAPT__PLAIN_W_HR, "w_hr", p, h);
  if (cell->external || cell->window > 1) {
    rapt__augmented_options o = {.window = (int64_t)cell->window,
                                 .ungated = !cell->external,
                                 .peepholes = peep,
                                 .w_hr = w_hr,
                                 .h0 = b->start[0],
                                 .c0 = b->start[1]};
    return rapt__augmented_lstm(b->x, w_ih, w_hh, b_ih, b_hh, &o);
  }
  rapt_recurrent_options o = {.cell = cell->kind == RAPT__PLAIN_LSTM  ? RAPT_LSTM
                                      : cell->kind == RAPT__PLAIN_GRU ? RAPT_GRU
                                                                      : RAPT_RNN_TANH,
                              .no_forget = cell->no_forget,
                              .peepholes = peep,
                              .w_hr = w_hr,
                              .h0 = b->start[0],
                              .c0 = b->start[1]};
  return rapt_recurrent(b->x, w_ih, w_hh, b_ih, b_hh, &o);
}

static void fill(rapt_plan *plan, const rapt_tensor *t, const double *from, size_t count) {
  rapt_real *to = t ? rapt_plan_data(plan, t) : NULL;
  for (size_t i = 0; to && i < count; i++) to[i] = from ? (rapt_real)from[i] : 0;
}

static void read(rapt_plan *plan, const rapt_tensor *t, double *to, size_t count) {
  const rapt_real *from = rapt_plan_data(plan, t);
  for (size_t i = 0; i < count; i++) to[i] = (double)from[i];
}

static rapt_status run(build *b, double *out, double *d_theta) {
  const rapt__plain_sequence *s = b->s;
  const rapt__plain_cell *cell = s->cell;
  rapt_tensor *read_back[1 + RAPT__PLAIN_PARTS];
  b->y = layer(b);
  rapt_tensor *loss = rapt_sum(rapt_mul(b->y, b->d_out), RAPT_ALL, false);
  RAPT_TRY(rapt_grad(loss, b->part, b->parts, b->grad));
  read_back[0] = b->y;
  memcpy(read_back + 1, b->grad, (size_t)b->parts * sizeof *b->grad);
  RAPT_TRY(rapt_plan_new(b->graph, read_back, 1 + b->parts, NULL, &b->plan));
  fill(b->plan, b->x, s->x, (s->steps + cell->window - 1) * cell->inputs);
  fill(b->plan, b->d_out, s->d_out, s->steps * cell->out);
  fill(b->plan, b->start[0], s->start, cell->out);
  fill(b->plan, b->start[1], s->start ? s->start + cell->out : NULL, cell->units);
  for (int i = 0; i < b->parts; i++)
    fill(b->plan, b->part[i], s->theta + cell->at[b->index[i]], cell->size[b->index[i]]);
  RAPT_TRY(rapt_plan_run(b->plan, 0));
  read(b->plan, b->y, out, s->steps * cell->out);
  for (int i = 0; i < b->parts; i++)
    read(b->plan, b->grad[i], d_theta + cell->at[b->index[i]], cell->size[b->index[i]]);
  return RAPT_OK;
}

rapt_status rapt__plain_engine(rapt__arena *arena, const rapt__plain_sequence *s, double *out, double *d_theta) {
  const rapt__plain_cell *cell = s->cell;
  build b = {.s = s};
  if (cell->kind == RAPT__PLAIN_DELAY || ((cell->external || cell->window > 1) && cell->no_forget))
    return rapt__fail(arena->ctx, RAPT_EUNSUPPORTED, "the engine has no layer for this recurrent cell");
  RAPT_TRY(rapt_graph_new(arena->ctx, &b.graph));
  rapt_status status = run(&b, out, d_theta);
  rapt_plan_free(b.plan);
  rapt_graph_free(b.graph);
  return status;
}
