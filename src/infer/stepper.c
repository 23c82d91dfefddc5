/* Encoder and step plans, the store of decoder states and its rows. */
#include "infer/stepper.h"

#include "graph/plan.h"

#include <stdio.h>
#include <string.h>

enum { LEAST_ROWS = 24, LENGTH = 8, PLANS = 8, STORES = 64 };

/* A store of fewer rows in the memory of the one that holds the states. */
typedef struct lent {
  int64_t rows;
  rapt_params *params; /* owned */
} lent;

struct rapt__stepper {
  rapt_context *ctx;
  rapt__search_model model;
  rapt_plan_cache *encoders; /* by (sentences, S); owned */
  rapt_plan_cache *steps;    /* by (rows, S); owned, made with the states */
  rapt_params *states;       /* owned */
  int64_t capacity;          /* rows of `states` */
  lent stores[STORES];
  int store_count;

  /* The batch */
  rapt_plan *plan; /* borrowed from `steps` */
  int64_t rows, used, width, length;
  int64_t at; /* tokens that every row has taken */
};

int64_t rapt__padded(int64_t count, int64_t context) {
  int64_t length = (count + LENGTH - 1) / LENGTH * LENGTH;
  return length > context && count <= context ? context : length;
}

/* Above the least size, less than a quarter of the rows is unused. */
int64_t rapt__stepper_rows(int64_t used) {
  if (used <= LEAST_ROWS) return LEAST_ROWS;
  int64_t unit = 8;
  while (unit * 8 < used) unit *= 2;
  return (used + unit - 1) / unit * unit;
}

/* ---- Plans ---- */

/* Under a name of its own, whatever the tensor is called. */
static void give(rapt_tensor *x, const char *what, const char *name) {
  if (!rapt__poisoned(x))
    rapt_tap(rapt_reshape(x, 6, (int64_t[]){rapt_dim(x, 0), 1, 1, 1, 1, -1}), "search.%s.%s", what, name);
}

static void encode(const rapt__search_model *model, rapt_graph *graph, int64_t rows, int64_t length,
                   rapt__encoded *encoded) {
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){rows, length});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &rows);
  model->arch->encode(&pass, encoded);
}

static rapt_status build_encoder(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs,
                                 int *count) {
  rapt__stepper *s = user;
  rapt__encoded encoded = {.count = 0};
  encode(&s->model, graph, key[0], key[1], &encoded);
  for (int i = 0; i < encoded.count; i++) {
    char number[12];
    snprintf(number, sizeof number, "%d", i);
    give(encoded.memory[i], "memory", number);
  }
  for (int i = 0; i < encoded.start_count; i++) give(encoded.starts[i].value, "start", encoded.starts[i].name);
  *count = 0;
  return RAPT_OK;
}

/* Inputs of the memory's shapes, which another graph tells. */
static rapt_status memory_inputs(rapt__stepper *s, rapt_graph *graph, int64_t rows, int64_t length,
                                 rapt__encoded *encoded) {
  rapt_graph *shapes;
  RAPT_TRY(rapt_graph_new(s->ctx, &shapes));
  rapt__encoded seen = {.count = 0};
  encode(&s->model, shapes, rows, length, &seen);
  rapt_status status = shapes->status == RAPT_ENOMEM ? rapt__fail_memory(s->ctx, 0) : shapes->status;
  for (int i = 0; i < seen.count && status == RAPT_OK; i++) {
    const rapt_tensor *m = seen.memory[i];
    char name[40];
    snprintf(name, sizeof name, "search.memory.%d", i);
    if (rapt_ndim(m) < 1 || rapt_dim(m, 0) != rows)
      status = rapt__fail(s->ctx, RAPT_ESHAPE, "search: the encoder's memory %d has no row for each sentence", i);
    else
      rapt__encoded_memory(encoded, rapt_input(graph, name, rapt_type(m), rapt_ndim(m), rapt_dims(m)));
  }
  rapt_graph_free(shapes);
  return status;
}

static rapt_status step_graph(rapt__stepper *s, rapt_graph *graph, int64_t rows, int64_t length, rapt_params *states,
                              rapt__seq2seq_pass *pass, rapt__output *output) {
  *pass = (rapt__seq2seq_pass){.graph = graph, .params = s->model.params, .config = s->model.config, .states = states};
  pass->source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &rows);
  pass->target = rapt_input(graph, "target", RAPT_I32, 2, (int64_t[]){rows, 1});
  pass->at = rapt_input(graph, "at", RAPT_I32, 0, NULL);
  pass->filled = rapt_input(graph, "filled", RAPT_I32, 1, &rows);
  rapt__encoded encoded = {.count = 0};
  RAPT_TRY(memory_inputs(s, graph, rows, length, &encoded));
  *output = s->model.arch->step(pass, &encoded);
  return RAPT_OK;
}

static rapt_params *store_of(rapt__stepper *s, int64_t rows) {
  for (int i = 0; i < s->store_count; i++)
    if (s->stores[i].rows == rows) return s->stores[i].params;
  lent *l = &s->stores[s->store_count];
  if (s->store_count == STORES || rapt_params_new(s->ctx, &l->params) != RAPT_OK) return NULL;
  l->rows = rows;
  s->store_count++;
  return l->params;
}

static rapt_status build_step(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs, int *count) {
  rapt__stepper *s = user;
  rapt__seq2seq_pass pass;
  rapt__output o;
  rapt_params *store = store_of(s, key[0]);
  if (!store) return rapt__fail(s->ctx, RAPT_ENOMEM, "search: no store for %lld rows", (long long)key[0]);
  RAPT_TRY(step_graph(s, graph, key[0], key[1], store, &pass, &o));
  if (graph->status == RAPT_OK && !store->started) RAPT_TRY(rapt__params_borrow(store, s->states));
  rapt_tensor *logits = o.logits ? o.logits : rapt_linear(o.hidden, o.head, true, o.bias, RAPT_IDENTITY);
  logits = rapt_reshape(logits, 2, (int64_t[]){key[0], s->model.vocabulary});
  outputs[0] = rapt_tap(logits, "search.logits");
  outputs[1] = rapt_tap(rapt_logsumexp(logits), "search.lse");
  if (pass.alignment) give(pass.alignment, "alignment", "0");
  *count = 2;
  return RAPT_OK;
}

rapt_status rapt__stepper_new(rapt_context *ctx, const rapt__search_model *model, rapt__stepper **out) {
  *out = NULL;
  rapt__stepper *s = rapt__new(ctx, 1, sizeof *s);
  if (!s) return RAPT_ENOMEM;
  s->ctx = ctx;
  s->model = *model;
  rapt_status status = rapt_plan_cache_new(ctx, build_encoder, s, PLANS, NULL, &s->encoders);
  if (status != RAPT_OK)
    rapt__stepper_free(s);
  else
    *out = s;
  return status;
}

static void drop_states(rapt__stepper *s) {
  rapt_plan_cache_free(s->steps);
  for (int i = 0; i < s->store_count; i++) rapt_params_free(s->stores[i].params);
  rapt_params_free(s->states);
  s->steps = NULL;
  s->states = NULL;
  s->plan = NULL;
  s->capacity = s->store_count = 0;
}

void rapt__stepper_free(rapt__stepper *s) {
  if (!s) return;
  drop_states(s);
  rapt_plan_cache_free(s->encoders);
  rapt__free(s->ctx, s);
}

/* States for at least so many rows. Plans and smaller stores point into the old ones, and go with them. */
static rapt_status need_states(rapt__stepper *s, int64_t rows) {
  if (s->capacity >= rows) return RAPT_OK;
  drop_states(s);
  rapt_graph *graph;
  rapt__seq2seq_pass pass;
  rapt__output output;
  RAPT_TRY(rapt_params_new(s->ctx, &s->states));
  RAPT_TRY(rapt_graph_new(s->ctx, &graph));
  rapt_status status = step_graph(s, graph, rows, rapt__padded(1, s->model.context), s->states, &pass, &output);
  if (status == RAPT_OK) status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(s->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  if (status == RAPT_OK) status = rapt_params_start(s->states, 0);
  if (status == RAPT_OK) status = rapt_plan_cache_new(s->ctx, build_step, s, PLANS, NULL, &s->steps);
  if (status == RAPT_OK) s->capacity = rows;
  return status;
}

/* ---- Rows ---- */

static void *data_of(rapt_plan *plan, const char *name, int64_t *size) {
  rapt_tensor *t = rapt_plan_find(plan, name);
  if (size) *size = t ? rapt_size(t) : 0;
  return t ? rapt_plan_data(plan, t) : NULL;
}

static void *numbered(rapt_plan *plan, const char *what, int i, int64_t *size) {
  char name[40];
  snprintf(name, sizeof name, "search.%s.%d", what, i);
  return data_of(plan, name, size);
}

/* One token's part of a state in all rows is `step` long, and a row `row`. */
static real *state_of(const rapt__stepper *s, int64_t i, int64_t *step, int64_t *row) {
  const rapt__param *p = s->states->items[i];
  *row = p->size / p->dim[0];
  *step = p->ndim > 1 ? *row / p->dim[1] : *row;
  return s->states->values + p->offset;
}

void rapt__stepper_copy(rapt__stepper *s, int64_t to, int64_t from) {
  int64_t step, row;
  for (int64_t i = 0; i < (int64_t)s->states->count && to != from; i++) {
    real *values = state_of(s, i, &step, &row);
    int64_t filled = s->at * step < row ? s->at * step : row;
    memcpy(values + to * row, values + from * row, (size_t)filled * sizeof *values);
  }
}

/* States of the last step alone begin as zeros, of caches nothing is filled. */
static void clear_states(rapt__stepper *s) {
  int64_t step, row;
  for (int64_t i = 0; i < (int64_t)s->states->count; i++) {
    real *values = state_of(s, i, &step, &row);
    if (step == row) memset(values, 0, (size_t)(s->rows * row) * sizeof *values);
  }
}

/* A state by the name that the architecture gave it, whatever scope it was in. */
static int64_t find_state(const rapt__stepper *s, const char *name) {
  int64_t found = rapt_params_find(s->states, name);
  size_t n = strlen(name);
  for (size_t i = 0; i < s->states->count && found < 0; i++) {
    const char *full = s->states->items[i]->name;
    size_t m = strlen(full);
    if (m > n && full[m - n - 1] == '.' && strcmp(full + m - n, name) == 0) found = (int64_t)i;
  }
  return found;
}

/* Which sentence a row belongs to. Rows that are not used are like the first. */
static int64_t sentence_of(const rapt__stepper *s, int64_t row) { return row < s->used ? row / s->width : 0; }

static rapt_status set_start(rapt__stepper *s, const char *name, const real *value, int64_t row_size) {
  int64_t found = find_state(s, name), step, row;
  if (found < 0) return rapt__fail(s->ctx, RAPT_EINVAL, "search: the decoder has no state \"%s\" to begin with", name);
  real *values = state_of(s, found, &step, &row);
  if (row_size != step)
    return rapt__fail(s->ctx, RAPT_ESHAPE, "search: state \"%s\" begins with %lld numbers, not %lld", name,
                      (long long)row_size, (long long)step);
  for (int64_t r = 0; r < s->rows; r++)
    memcpy(values + r * row, value + sentence_of(s, r) * step, (size_t)step * sizeof *values);
  return RAPT_OK;
}

static rapt_status fill_starts(rapt__stepper *s, rapt_plan *encoder, int64_t sentences) {
  static const char prefix[] = "search.start.";
  clear_states(s);
  for (size_t i = 0; i < encoder->graph->tensor_count; i++) {
    const rapt_tensor *t = encoder->graph->tensors[i];
    if (!t->tapped || strncmp(t->name, prefix, sizeof prefix - 1) != 0) continue;
    RAPT_TRY(set_start(s, t->name + sizeof prefix - 1, rapt_plan_data(encoder, t), t->size / sentences));
  }
  return RAPT_OK;
}

/* All elements have four bytes or all eight: reals and integers. */
static size_t element(const rapt_tensor *t) { return rapt_type(t) == RAPT_I32 ? sizeof(int32_t) : sizeof(real); }

static void fill_memory(rapt__stepper *s, rapt_plan *encoder, int64_t sentences) {
  int64_t size;
  const char *from;
  for (int i = 0; (from = numbered(encoder, "memory", i, &size)); i++) {
    int64_t all;
    char *to = numbered(s->plan, "memory", i, &all), name[40];
    snprintf(name, sizeof name, "search.memory.%d", i);
    size_t bytes = (size_t)(size / sentences) * element(rapt_plan_find(encoder, name));
    for (int64_t r = 0; to && r < s->rows; r++)
      memcpy(to + (size_t)r * bytes, from + (size_t)sentence_of(s, r) * bytes, bytes);
  }
}

static rapt_status run_encoder(rapt__stepper *s, const rapt__source *sources, int64_t count, int64_t sentences,
                               rapt_plan **out) {
  RAPT_TRY(rapt_plan_cache_get(s->encoders, (int64_t[4]){sentences, s->length}, out));
  int32_t *ids = data_of(*out, "source", NULL), *lengths = data_of(*out, "source_lengths", NULL);
  for (int64_t b = 0; b < sentences; b++) {
    const rapt__source *source = &sources[b < count ? b : 0];
    if (lengths) lengths[b] = (int32_t)source->count;
    for (int64_t i = 0; ids && i < s->length; i++)
      ids[b * s->length + i] = i < source->count ? source->ids[i] : RAPT__PAD;
  }
  return rapt_plan_run(*out, 0);
}

rapt_status rapt__stepper_begin(rapt__stepper *s, const rapt__source *sources, int64_t count, int64_t width) {
  int64_t sentences = rapt__stepper_rows(count);
  s->length = rapt__padded(sources[0].count, s->model.context);
  s->width = width;
  s->used = count * width;
  s->rows = rapt__stepper_rows(s->used);
  s->at = 0;
  s->plan = NULL;
  rapt_plan *encoder;
  RAPT_TRY(run_encoder(s, sources, count, sentences, &encoder));
  RAPT_TRY(need_states(s, s->rows));
  RAPT_TRY(rapt_plan_cache_get(s->steps, (int64_t[4]){s->rows, s->length}, &s->plan));
  fill_memory(s, encoder, sentences);
  int32_t *lengths = data_of(s->plan, "source_lengths", NULL);
  for (int64_t r = 0; lengths && r < s->rows; r++) lengths[r] = (int32_t)sources[sentence_of(s, r)].count;
  return fill_starts(s, encoder, sentences);
}

rapt_status rapt__stepper_step(rapt__stepper *s, const int32_t *tokens, rapt__step *out) {
  int32_t *target = data_of(s->plan, "target", NULL), *at = data_of(s->plan, "at", NULL);
  int32_t *filled = data_of(s->plan, "filled", NULL);
  for (int64_t r = 0; r < s->rows; r++) {
    if (target) target[r] = tokens[r < s->used ? r : 0];
    if (filled) filled[r] = (int32_t)(s->at + 1);
  }
  if (at) *at = (int32_t)s->at;
  RAPT_TRY(rapt_plan_run(s->plan, 0));
  s->at++;
  *out = (rapt__step){data_of(s->plan, "search.logits", NULL), data_of(s->plan, "search.lse", NULL),
                      numbered(s->plan, "alignment", 0, NULL)};
  return RAPT_OK;
}

/* Sentence i's memory in the new plan is that of sentence slots[i] in the old one, which may be the same plan: rows only move
 * down, the lowest first. */
static void move_memory(rapt__stepper *s, rapt_plan *old, int64_t old_rows, const int64_t *slots) {
  for (size_t i = 0; i < s->plan->graph->tensor_count; i++) {
    const rapt_tensor *t = s->plan->graph->tensors[i];
    bool kept = strncmp(t->name, "search.memory.", 14) == 0 || strcmp(t->name, "source_lengths") == 0;
    if (!kept || t->node->op != &rapt__op_input) continue;
    char *to = rapt_plan_data(s->plan, t), *from = data_of(old, t->name, NULL);
    size_t bytes = (size_t)(t->size / s->rows) * element(t);
    for (int64_t r = 0; to && from && r < s->rows; r++) {
      int64_t source = r < s->used ? slots[r / s->width] * s->width + r % s->width : slots[0] * s->width;
      if (old == s->plan && r >= s->used) source = 0; /* already in its place */
      memmove(to + (size_t)r * bytes, from + (size_t)(source < old_rows ? source : 0) * bytes, bytes);
    }
  }
}

rapt_status rapt__stepper_keep(rapt__stepper *s, const int64_t *slots, int64_t count) {
  rapt_plan *old = s->plan;
  int64_t old_rows = s->rows;
  for (int64_t i = 0; i < count; i++)
    for (int64_t j = 0; j < s->width; j++) rapt__stepper_copy(s, i * s->width + j, slots[i] * s->width + j);
  s->used = count * s->width;
  s->rows = rapt__stepper_rows(s->used);
  RAPT_TRY(rapt_plan_cache_get(s->steps, (int64_t[4]){s->rows, s->length}, &s->plan));
  move_memory(s, old, old_rows, slots);
  return RAPT_OK;
}
