/* Stretches, batches of them, and states that go along. */
#include "tasks/recurrent_lm.h"

#include "base/file.h"
#include "base/rng.h"
#include "tasks/params_file.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { STREAM_SAMPLE = 5, IGNORED = -100 };
static const double temperature = 0.8;

/* ---- The graph of one piece ---- */

static rapt_tensor *state_input(rapt_graph *graph, const rapt__recurrent_lm *lm, int i, int64_t rows) {
  char name[32];
  snprintf(name, sizeof name, "before.%d", i);
  return rapt_input(graph, name, RAPT_F32, 2, (int64_t[]){rows, lm->width[i]});
}

/* Logits (T, B, V) of a piece, with inputs "ids" and "before.I" and taps "after.I". */
static rapt_tensor *logits(const rapt__recurrent_lm *lm, rapt_graph *graph, bool training, int64_t steps,
                           int64_t rows) {
  rapt_tensor *ids = rapt_input(graph, "ids", RAPT_I32, 2, (int64_t[]){steps + lm->ahead, rows});
  rapt_tensor *before[RAPT__RECURRENT_STATES], *after[RAPT__RECURRENT_STATES], *head, *bias;
  for (int i = 0; i < lm->states; i++) {
    before[i] = state_input(graph, lm, i, rows);
    after[i] = &graph->poison; /* what a network that cannot be built leaves */
  }
  rapt_tensor *y = lm->hidden(lm->net, graph, lm->params, training, ids, before, after, &head, &bias);
  for (int i = 0; i < lm->states; i++) rapt_tap(after[i], "after.%d", i);
  return rapt_linear(y, head, true, bias, RAPT_IDENTITY);
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const rapt__recurrent_lm *lm = (const rapt__recurrent_lm *)task;
  (void)params, (void)bucket;
  rapt_tensor *y = logits(lm, graph, training, lm->steps, lm->batch);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, (int64_t[]){lm->steps, lm->batch});
  return rapt_cross_entropy(y, labels, NULL);
}

/* ---- States ---- */

static int64_t state_size(const rapt__recurrent_lm *lm) {
  int64_t size = 0;
  for (int i = 0; i < lm->states; i++) size += lm->width[i];
  return size * lm->batch;
}

static void *find(rapt_plan *plan, const char *format, int i) {
  char name[32];
  snprintf(name, sizeof name, "%s.%d", format, i);
  return rapt_plan_data(plan, rapt_plan_find(plan, name));
}

/* NULL: zeros. A state that the network does not read has no place in the plan. */
static void give_states(const rapt__recurrent_lm *lm, rapt_plan *plan, int64_t rows, const rapt_real *from) {
  for (int i = 0; i < lm->states; i++) {
    size_t count = (size_t)(rows * lm->width[i]);
    rapt_real *to = find(plan, "before", i);
    if (to && from) memcpy(to, from, count * sizeof *to);
    if (to && !from) memset(to, 0, count * sizeof *to);
    if (from) from += count;
  }
}

static void take_states(const rapt__recurrent_lm *lm, rapt_plan *plan, int64_t rows, rapt_real *to) {
  for (int i = 0; i < lm->states; i++) {
    size_t count = (size_t)(rows * lm->width[i]);
    memcpy(to, find(plan, "after", i), count * sizeof *to);
    to += count;
  }
}

/* ---- Batches ---- */

/* A text as stretches: row r reads `length` places from r·length on. Step t at place p sees symbols p … p + ahead and guesses
 * the next. */
typedef struct stretches {
  const int32_t *ids;
  int64_t places, length; /* places: where something can be guessed */
} stretches;

static stretches cut(const rapt__recurrent_lm *lm, const int32_t *ids, int64_t count, int64_t rows, bool all) {
  int64_t places = count - 1 - lm->ahead;
  if (places < 0) places = 0;
  return (stretches){ids, places, (places + (all ? rows - 1 : 0)) / rows};
}

/* Piece `piece` of rows first, first + 1, …; returns how many labels count. */
static int64_t fill_piece(const rapt__recurrent_lm *lm, rapt_plan *plan, const stretches *s, int64_t first,
                          int64_t piece) {
  int32_t *ids = rapt_plan_data(plan, rapt_plan_find(plan, "ids")),
          *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
  int64_t counted = 0;
  for (int64_t row = 0; row < lm->batch; row++) {
    int64_t begin = (first + row) * s->length, end = begin + s->length;
    if (end > s->places) end = s->places;
    for (int64_t t = 0; t < lm->steps + lm->ahead; t++) {
      int64_t at = begin + piece * lm->steps + t;
      ids[t * lm->batch + row] = at < s->places + lm->ahead ? s->ids[at] : 0;
      if (t >= lm->steps) continue;
      labels[t * lm->batch + row] = at < end ? s->ids[at + lm->ahead + 1] : IGNORED;
      counted += at < end;
    }
  }
  return counted;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  const rapt__recurrent_lm *lm = (const rapt__recurrent_lm *)task;
  (void)bucket;
  int64_t part = (int64_t)(index % (uint64_t)lm->accumulate);
  stretches s = cut(lm, lm->train, lm->train_count, lm->batch * lm->accumulate, false);
  int64_t piece = (int64_t)(index / (uint64_t)lm->accumulate % (uint64_t)(s.length / lm->steps));
  fill_piece(lm, plan, &s, part * lm->batch, piece);
  give_states(lm, plan, lm->batch, piece == 0 ? NULL : lm->carried + part * state_size(lm));
  return RAPT_OK;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  const rapt__recurrent_lm *lm = (const rapt__recurrent_lm *)task;
  stretches s = cut(lm, lm->valid, lm->valid_count, lm->batch, false);
  if (index >= (uint64_t)lm->evals || index >= (uint64_t)(s.length / lm->steps)) return false;
  fill_piece(lm, plan, &s, 0, (int64_t)index);
  give_states(lm, plan, lm->batch, index == 0 ? NULL : lm->judged);
  return true;
}

static void carry(rapt__task *task, rapt_plan *plan, bool training, int bucket, uint64_t index) {
  rapt__recurrent_lm *lm = (rapt__recurrent_lm *)task;
  (void)bucket;
  int64_t part = (int64_t)(index % (uint64_t)lm->accumulate);
  take_states(lm, plan, lm->batch, training ? lm->carried + part * state_size(lm) : lm->judged);
}

/* ---- Samples and files ---- */

/* Draws in proportion to the softmax of what the last row says, at the temperature above. */
static int32_t draw(const rapt_real *row, int64_t n, double uniform) {
  double most = (double)row[0], sum = 0;
  for (int64_t i = 1; i < n; i++) most = fmax(most, (double)row[i]);
  for (int64_t i = 0; i < n; i++) sum += exp(((double)row[i] - most) / temperature);
  double left = uniform * sum;
  for (int64_t i = 0; i < n; i++) {
    left -= exp(((double)row[i] - most) / temperature);
    if (left < 0) return (int32_t)i;
  }
  return (int32_t)(n - 1);
}

static rapt_status write_sample(const rapt__recurrent_lm *lm, rapt_plan *plan, const rapt_tensor *y, uint64_t seed,
                                rapt__text *out) {
  int32_t *ids = rapt_plan_data(plan, rapt_plan_find(plan, "ids"));
  const rapt_real *rows = rapt_plan_data(plan, y);
  rapt_real *states = rapt__new(lm->ctx, (size_t)state_size(lm), sizeof *states);
  rapt_status status = states ? RAPT_OK : RAPT_ENOMEM;
  memcpy(ids, lm->valid, (size_t)(lm->ahead + 1) * sizeof *ids);
  for (int64_t i = 0; i < lm->sample_tokens && status == RAPT_OK; i++) {
    give_states(lm, plan, 1, i == 0 ? NULL : states);
    status = rapt_plan_run(plan, 0);
    if (status != RAPT_OK) break;
    take_states(lm, plan, 1, states);
    memmove(ids, ids + 1, (size_t)lm->ahead * sizeof *ids);
    ids[lm->ahead] = draw(rows, rapt_dim(y, -1), rapt__rng_uniform(seed, (uint64_t)STREAM_SAMPLE << 32, (uint64_t)i));
    size_t size;
    const char *bytes = rapt_tokenizer_token(lm->tokenizer, ids[lm->ahead], &size);
    if (bytes) status = rapt__text_add(out, bytes, size);
  }
  rapt__free(lm->ctx, states);
  return status;
}

/* Begins behind the first symbols of the validation text. */
static rapt_status sample(rapt__task *task, uint64_t seed, rapt__text *out) {
  const rapt__recurrent_lm *lm = (const rapt__recurrent_lm *)task;
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  if (!lm->tokenizer) return RAPT_OK;
  RAPT_TRY(rapt_graph_new(lm->ctx, &graph));
  rapt_tensor *y = logits(lm, graph, false, 1, 1);
  rapt_status status = rapt_plan_new(graph, &y, 1, NULL, &plan);
  if (status == RAPT_OK) status = write_sample(lm, plan, y, seed, out);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}

static rapt_status save(rapt__task *task, const char *dir) {
  const rapt__recurrent_lm *lm = (const rapt__recurrent_lm *)task;
  RAPT_TRY(rapt__make_dirs(lm->ctx, dir));
  if (lm->tokenizer) RAPT_TRY(rapt_tokenizer_save(lm->tokenizer, dir));
  char *path = rapt__path_join(lm->ctx, dir, "model.safetensors");
  rapt_status status = path ? rapt__params_write(lm->params, path, NULL) : RAPT_ENOMEM;
  rapt__free(lm->ctx, path);
  return status;
}

/* ---- Begin and end ---- */

static rapt_status declare(rapt__recurrent_lm *lm) {
  rapt_graph *graph;
  RAPT_TRY(rapt_params_new(lm->ctx, &lm->params));
  RAPT_TRY(rapt_graph_new(lm->ctx, &graph));
  logits(lm, graph, false, 1, 1);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(lm->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  if (status == RAPT_OK) status = rapt_params_start(lm->params, lm->seed);
  if (status == RAPT_OK && lm->start) lm->start(lm->net, lm->params);
  return status;
}

rapt_status rapt__recurrent_lm_init(rapt__recurrent_lm *lm) {
  int64_t trained = cut(lm, lm->train, lm->train_count, lm->batch * lm->accumulate, false).length,
          judged = cut(lm, lm->valid, lm->valid_count, lm->batch, false).length;
  if (trained < lm->steps || judged < lm->steps)
    return rapt__fail(
        lm->ctx, RAPT_EINVAL,
        "the text is too short: %lld rows of it have %lld symbols in training and %lld in validation, but "
        "a batch takes %lld of each; use a longer text, a smaller train.batch or fewer steps",
        (long long)lm->batch, (long long)trained, (long long)judged, (long long)lm->steps);
  lm->task = (rapt__task){.loss = loss,
                          .fill = fill,
                          .fill_eval = fill_eval,
                          .sample = sample,
                          .save = save,
                          .carry = carry,
                          .tokens_per_batch = (double)(lm->batch * lm->steps)};
  size_t size = (size_t)state_size(lm);
  lm->carried = rapt__new(lm->ctx, (size_t)lm->accumulate * size, sizeof *lm->carried);
  lm->judged = rapt__new(lm->ctx, size, sizeof *lm->judged);
  if (!lm->carried || !lm->judged) return RAPT_ENOMEM;
  lm->task.carried = lm->carried;
  lm->task.carried_size = lm->accumulate * (int64_t)size;
  return declare(lm);
}

void rapt__recurrent_lm_free(rapt__recurrent_lm *lm) {
  if (!lm->ctx) return;
  rapt_params_free(lm->params);
  rapt__free(lm->ctx, lm->carried);
  rapt__free(lm->ctx, lm->judged);
}

/* ---- A whole text ---- */

static rapt_status measure_with(const rapt__recurrent_lm *lm, rapt_plan *plan, const rapt_tensor *mean,
                                const stretches *s, rapt_real *states, double *nats) {
  double sum = 0;
  int64_t total = 0;
  for (int64_t piece = 0; piece * lm->steps < s->length; piece++) {
    if (atomic_load(&lm->ctx->interrupted))
      return rapt__fail(lm->ctx, RAPT_EINTERRUPTED, "interrupted after %lld symbols", (long long)total);
    int64_t counted = fill_piece(lm, plan, s, 0, piece);
    give_states(lm, plan, lm->batch, piece == 0 ? NULL : states);
    RAPT_TRY(rapt_plan_run(plan, 0));
    take_states(lm, plan, lm->batch, states);
    sum += (double)counted * (double)*(const rapt_real *)rapt_plan_data(plan, mean);
    total += counted;
  }
  *nats = sum / (double)total;
  return RAPT_OK;
}

rapt_status rapt__recurrent_lm_measure(const rapt__recurrent_lm *lm, const int32_t *ids, int64_t count, double *nats) {
  stretches s = cut(lm, ids, count, lm->batch, true);
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  if (s.places == 0)
    return rapt__fail(lm->ctx, RAPT_EINVAL, "a text of %lld symbols leaves nothing to guess", (long long)count);
  RAPT_TRY(rapt_graph_new(lm->ctx, &graph));
  rapt_real *states = rapt__new(lm->ctx, (size_t)state_size(lm), sizeof *states);
  rapt_tensor *mean = loss((rapt__task *)(uintptr_t)&lm->task, graph, lm->params, false, 0);
  rapt_status status = states ? rapt_plan_new(graph, &mean, 1, NULL, &plan) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = measure_with(lm, plan, mean, &s, states, nats);
  rapt__free(lm->ctx, states);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}
