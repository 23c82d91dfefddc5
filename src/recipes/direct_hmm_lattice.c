/* The lattice of one sentence pair: tables, the sum over all paths one by one, a picture. */
#include "recipes/direct_hmm.h"

#include "formats/svg.h"

#include <math.h>
#include <string.h>

/* ---- Tables ---- */

static rapt_tensor *ids_input(rapt_graph *graph, const char *name, int64_t count) {
  return rapt_input(graph, name, RAPT_I32, 2, (int64_t[]){1, count});
}

static rapt_plan *plan_of(const rapt_model *model, const rapt__aligned_pair *p, rapt_graph *graph) {
  int64_t one = 1;
  rapt__encoded encoded = {.count = 0};
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config, .taps = true};
  pass.source = ids_input(graph, "source", p->source_count);
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &one);
  pass.target = ids_input(graph, "target", p->target_count);
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, &one);
  pass.labels = ids_input(graph, "labels", p->target_count);
  model->arch->seq2seq->encode(&pass, &encoded);
  model->arch->seq2seq->decode(&pass, &encoded);
  rapt_tensor *best = rapt_tap(pass.alignment, "lattice.best");
  rapt_plan *plan;
  if (rapt_plan_new(graph, &best, 1, NULL, &plan) != RAPT_OK) return NULL;
  memcpy(rapt_plan_data(plan, pass.source), p->source, (size_t)p->source_count * sizeof *p->source);
  memcpy(rapt_plan_data(plan, pass.labels), p->target, (size_t)p->target_count * sizeof *p->target);
  int32_t *target = rapt_plan_data(plan, pass.target), *length = rapt_plan_data(plan, pass.target_lengths);
  target[0] = RAPT__BOS;
  memcpy(target + 1, p->target, (size_t)(p->target_count - 1) * sizeof *target);
  *(int32_t *)rapt_plan_data(plan, pass.source_lengths) = (int32_t)p->source_count;
  if (length) *length = (int32_t)p->target_count; /* the zero order does not look at it */
  return plan;
}

/* A tap as doubles in the run's arena; NULL where there is none. */
static double *table_of(rapt__run *run, rapt_plan *plan, const char *name) {
  rapt_tensor *t = rapt_plan_find(plan, name);
  if (!t) return NULL;
  double *out = rapt__arena_new(&run->arena, (size_t)rapt_size(t), sizeof *out);
  const real *x = rapt_plan_data(plan, t);
  for (int64_t i = 0; out && i < rapt_size(t); i++) out[i] = (double)x[i];
  return out;
}

static rapt_status read_tables(rapt__run *run, rapt_plan *plan, rapt__lattice *y) {
  y->emission = table_of(run, plan, "hmm.emission");
  y->start = table_of(run, plan, "hmm.start");
  y->move = table_of(run, plan, y->start ? "hmm.move" : "hmm.alignment");
  y->posterior = table_of(run, plan, "hmm.posterior");
  y->best = rapt__arena_new(&run->arena, (size_t)y->words, sizeof *y->best);
  double *best = table_of(run, plan, "lattice.best"), *sums = table_of(run, plan, "hmm.sum");
  if (!y->emission || !y->move || !y->posterior || !y->best || !best || !sums)
    return rapt__fail(run->ctx, RAPT_ENOMEM, "no memory for the lattice of a sentence pair");
  for (int64_t i = 0; i < y->words; i++)
    for (int64_t j = 0; j < y->places; j++)
      if (best[i * y->places + j] > 0) y->best[i] = j;
  /* The zero order's sum is a sum of each position's own. */
  for (int64_t i = 0; i < (y->start ? 1 : y->words); i++) y->log_probability += sums[i];
  return RAPT_OK;
}

rapt_status rapt__lattice_of(const rapt__system *system, const rapt__aligned_pair *pair, rapt__lattice *out) {
  rapt__run *run = system->run;
  rapt_graph *graph;
  *out = (rapt__lattice){.words = pair->target_count, .places = pair->source_count};
  RAPT_TRY(rapt_graph_new(run->ctx, &graph));
  rapt_plan *plan = plan_of(system->model, pair, graph);
  rapt_status status = plan ? rapt_plan_run(plan, 0) : rapt_context_status(run->ctx);
  if (status == RAPT_OK) status = read_tables(run, plan, out);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}

/* ---- All paths ---- */

int64_t rapt__lattice_paths(const rapt__aligned_pair *pair, int64_t most) {
  int64_t paths = 1;
  for (int64_t i = 0; i < pair->target_count && paths <= most; i++) paths *= pair->source_count;
  return paths <= most ? paths : most + 1;
}

/* The probability of a path: a number for each word, 0 … J − 1. */
static double path_of(const rapt__lattice *y, const int64_t *path) {
  double sum = 0;
  for (int64_t i = 0; i < y->words; i++) {
    int64_t j = path[i];
    sum += y->emission[i * y->places + j];
    if (!y->start)
      sum += y->move[i * y->places + j];
    else
      sum += i ? y->move[(i * y->places + path[i - 1]) * y->places + j] : y->start[j];
  }
  return exp(sum);
}

double rapt__lattice_enumerate(const rapt__lattice *y) {
  enum { LONGEST = 64 };
  int64_t path[LONGEST] = {0}, at = 0;
  double total = 0;
  if (y->words > LONGEST) return NAN;
  while (at < y->words) {
    total += path_of(y, path);
    for (at = 0; at < y->words && ++path[at] == y->places; at++) path[at] = 0;
  }
  return log(total);
}

/* ---- Picture ---- */

/* A token's text without the blank that begins a word. */
static const char *text_of(rapt__run *run, const rapt_tokenizer *t, int32_t id) {
  size_t size;
  const char *bytes = rapt_tokenizer_token(t, id, &size);
  bool blank = bytes && size > 1 && *bytes == ' ';
  return bytes ? rapt__arena_format(&run->arena, "%.*s", (int)size - blank, bytes + blank) : "";
}

static const char *const *labels_of(rapt__run *run, const rapt_tokenizer *t, const int32_t *ids, int64_t count) {
  const char **out = rapt__arena_new(&run->arena, (size_t)count, sizeof *out);
  for (int64_t i = 0; out && i < count; i++)
    if (!(out[i] = text_of(run, t, ids[i]))) return NULL;
  return out;
}

rapt_status rapt__lattice_draw(const rapt__system *system, const rapt__aligned_pair *pair, const rapt__lattice *y,
                               rapt__text *svg) {
  rapt__run *run = system->run;
  bool *marked = rapt__arena_new(&run->arena, (size_t)(y->words * y->places), sizeof *marked);
  rapt__heat heat = {.title = system->name,
                     .row_labels = labels_of(run, system->model->tokenizer, pair->target, y->words),
                     .column_labels = labels_of(run, rapt__model_source(system->model), pair->source, y->places),
                     .values = y->posterior,
                     .marked = marked,
                     .rows = (size_t)y->words,
                     .columns = (size_t)y->places,
                     .high = 1,
                     .cell = 22};
  if (!marked || !heat.row_labels || !heat.column_labels) return RAPT_ENOMEM;
  for (int64_t i = 0; i < y->words; i++) marked[i * y->places + y->best[i]] = true;
  return rapt__svg_heat(svg, &heat);
}
