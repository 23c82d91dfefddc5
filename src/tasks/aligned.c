/* Batches of aligned sequences, and scoring. */
#include "tasks/aligned.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { STREAM_TRAIN = 2, STREAM_EVAL = 3 }; /* high halves of random streams; initial weights use 1 */
enum { IGNORED = -100, NO_WORD = -1, SCORED = 64, PLANS = 32 };

static int64_t steps_of(const rapt__aligned_rnn *net, const rapt__pair *pair) {
  return pair->count[RAPT__SOURCE] / net->words;
}

/* ---- The graph of one batch ---- */

static rapt__aligned_inputs inputs(const rapt__aligned_rnn *net, rapt_graph *graph, int64_t steps, int64_t rows) {
  int64_t words[3] = {steps, rows, net->words}, places[3] = {steps, rows, rapt__aligned_places(net)};
  return (rapt__aligned_inputs){
      .source = rapt_input(graph, "source", RAPT_I32, 3, words),
      .before = rapt_input(graph, "before", RAPT_I32, 3, words),
      .lengths = rapt_input(graph, "lengths", RAPT_I32, 1, &rows),
      .labels = rapt_input(graph, "labels", RAPT_I32, 3, places),
  };
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const rapt__aligned_task *t = (const rapt__aligned_task *)task;
  const rapt__bucket *b = &t->buckets.at[bucket];
  rapt__aligned_inputs in = inputs(&t->net, graph, b->count[RAPT__SOURCE] / t->net.words, b->rows);
  return rapt__aligned_loss(&t->net, graph, params, training, &in);
}

/* ---- Batches ---- */

typedef struct places {
  int32_t *source, *before, *lengths, *labels; /* NULL where the network does not read one */
  int64_t steps, rows;
} places;

static int32_t *input_of(rapt_plan *plan, const char *name) { return rapt_plan_data(plan, rapt_plan_find(plan, name)); }

static places places_of(rapt_plan *plan, int64_t steps, int64_t rows) {
  return (places){input_of(plan, "source"),
                  input_of(plan, "before"),
                  input_of(plan, "lengths"),
                  input_of(plan, "labels"),
                  steps,
                  rows};
}

static void put(int32_t *to, int64_t at, int32_t id) {
  if (to) to[at] = id;
}

/* Row `row` becomes a sequence; NULL: one step of which nothing counts. Returns how many labels count. */
static int64_t fill_row(const rapt__aligned_rnn *net, const places *in, const rapt__pairs *pairs,
                        const rapt__pair *pair, int64_t row) {
  int64_t n = pair ? steps_of(net, pair) : 0, said = rapt__aligned_places(net), w = net->words, counted = 0;
  const int32_t *source = pairs->ids + (pair ? pair->begin[RAPT__SOURCE] : 0);
  const int32_t *target = pairs->ids + (pair ? pair->begin[RAPT__TARGET] : 0);
  for (int64_t t = 0; t < in->steps; t++) {
    int64_t at = t * in->rows + row;
    for (int64_t k = 0; k < w; k++) {
      put(in->source, at * w + k, t < n ? source[t * w + k] : NO_WORD);
      int32_t first = k == 0 ? RAPT__ALIGNED_BEGIN : NO_WORD;
      put(in->before, at * w + k, t == 0 ? first : t < n ? target[(t - 1) * said + k] : NO_WORD);
    }
    for (int64_t k = 0; k < said; k++) {
      bool counts = t < n && target[t * said + k] >= 0;
      put(in->labels, at * said + k, counts ? target[t * said + k] : IGNORED);
      counted += counts;
    }
  }
  put(in->lengths, row, (int32_t)(n > 0 ? n : 1));
  return counted;
}

static int64_t tokens_of(const rapt__pairs *pairs, const rapt__pair *pair) {
  int64_t count = 0;
  for (int64_t k = 0; k < pair->count[RAPT__TARGET]; k++)
    count += pairs->ids[pair->begin[RAPT__TARGET] + (size_t)k] >= 0;
  return count;
}

static void fill_batch(const rapt__aligned_rnn *net, rapt__batches *batches, rapt_plan *plan, uint64_t index) {
  int64_t count;
  const rapt__bucket *b = &batches->buckets->at[rapt__batches_get(batches, index, &count)];
  places in = places_of(plan, b->count[RAPT__SOURCE] / net->words, b->rows);
  for (int64_t row = 0; row < b->rows; row++)
    fill_row(net, &in, batches->pairs, row < count ? rapt__batches_pair(batches, index, row) : NULL, row);
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  rapt__aligned_task *t = (rapt__aligned_task *)task;
  (void)bucket;
  fill_batch(&t->net, &t->train_batches, plan, index);
  return RAPT_OK;
}

static bool evaluates(const rapt__aligned_task *t, uint64_t index) {
  return index < (uint64_t)t->evals && index < t->valid_batches.count;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  rapt__aligned_task *t = (rapt__aligned_task *)task;
  if (!evaluates(t, index)) return false;
  fill_batch(&t->net, &t->valid_batches, plan, index);
  return true;
}

static bool batch(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  rapt__aligned_task *t = (rapt__aligned_task *)task;
  if (!training && !evaluates(t, index)) return false;
  rapt__batches *batches = training ? &t->train_batches : &t->valid_batches;
  int64_t count, tokens = 0;
  out->bucket = rapt__batches_get(batches, index, &count);
  for (int64_t row = 0; row < count; row++)
    tokens += tokens_of(batches->pairs, rapt__batches_pair(batches, index, row));
  out->weight = (double)tokens;
  return true;
}

/* ---- Begin and end ---- */

static rapt_status declare(rapt__aligned_task *t) {
  rapt_graph *graph;
  RAPT_TRY(rapt_params_new(t->ctx, &t->params));
  RAPT_TRY(rapt_graph_new(t->ctx, &graph));
  rapt__aligned_inputs in = inputs(&t->net, graph, 1, 1);
  rapt__aligned_loss(&t->net, graph, t->params, false, &in);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(t->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  if (status == RAPT_OK) status = rapt_params_start(t->params, t->seed);
  if (status == RAPT_OK) rapt__aligned_start(&t->net, t->params);
  return status;
}

rapt_status rapt__aligned_init(rapt__aligned_task *t) {
  if (t->net.sources == 0 && (!t->net.history || t->net.bidirectional))
    return rapt__fail(t->ctx, RAPT_EINVAL,
                      "aligned sequences: without a source a network has to read the words before, "
                      "and has no second direction");
  if (t->train->count == 0 || t->valid->count == 0)
    return rapt__fail(t->ctx, RAPT_EINVAL, "aligned sequences: %zu to train on, %zu for validation", t->train->count,
                      t->valid->count);
  RAPT_TRY(rapt__buckets_choose(t->train, t->valid, t->batch, 0, &t->buckets));
  RAPT_TRY(rapt__batches_init(t->train, &t->buckets, t->seed, STREAM_TRAIN, &t->train_batches));
  RAPT_TRY(rapt__batches_init(t->valid, &t->buckets, t->seed, STREAM_EVAL, &t->valid_batches));
  t->task =
      (rapt__task){.loss = loss, .fill = fill, .fill_eval = fill_eval, .buckets = t->buckets.count, .batch = batch};
  return declare(t);
}

void rapt__aligned_free(rapt__aligned_task *t) {
  if (!t->ctx) return;
  rapt_params_free(t->params);
  rapt__batches_free(&t->train_batches);
  rapt__batches_free(&t->valid_batches);
}

/* ---- Given sequences ---- */

static rapt_status build(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs, int *count) {
  const rapt__aligned_task *t = user;
  rapt__aligned_inputs in = inputs(&t->net, graph, key[0], key[1]);
  rapt_tensor *y = rapt__aligned_log_probs(&t->net, graph, t->params, &in);
  outputs[0] = rapt_tap(rapt_sum(rapt_sum(y, 2, false), 0, false), "log_probs");
  *count = 1;
  return RAPT_OK;
}

typedef struct place {
  int64_t steps;
  size_t index;
} place;

static int by_steps(const void *a, const void *b) {
  const place *x = a, *y = b;
  if (x->steps != y->steps) return x->steps < y->steps ? -1 : 1;
  return x->index < y->index ? -1 : x->index > y->index;
}

/* Sequences of like length are taken together; their lengths are rounded up, so that plans are few. */
static rapt_status score_sorted(const rapt__aligned_task *t, const rapt__pairs *pairs, const place *order,
                                rapt_plan_cache *plans, double *out) {
  for (size_t from = 0; from < pairs->count; from += SCORED) {
    size_t rows = pairs->count - from < SCORED ? pairs->count - from : SCORED;
    int64_t longest = order[from + rows - 1].steps,
            steps = longest <= 40 ? (longest + 1) / 2 * 2 : (longest + 7) / 8 * 8;
    rapt_plan *plan;
    if (atomic_load(&t->ctx->interrupted))
      return rapt__fail(t->ctx, RAPT_EINTERRUPTED, "scoring was interrupted after %zu sequences", from);
    RAPT_TRY(rapt_plan_cache_get(plans, (int64_t[4]){steps, SCORED}, &plan));
    places in = places_of(plan, steps, SCORED);
    for (size_t row = 0; row < SCORED; row++)
      fill_row(&t->net, &in, pairs, row < rows ? &pairs->at[order[from + row].index] : NULL, (int64_t)row);
    RAPT_TRY(rapt_plan_run(plan, 0));
    const rapt_real *y = rapt_plan_data(plan, rapt_plan_find(plan, "log_probs"));
    for (size_t row = 0; row < rows; row++) {
      out[order[from + row].index] = (double)y[row];
      if (!isfinite((double)y[row]))
        return rapt__fail(t->ctx, RAPT_ENAN, "sequence %zu: its score is not a number", order[from + row].index + 1);
    }
  }
  return RAPT_OK;
}

rapt_status rapt__aligned_score(const rapt__aligned_task *t, const rapt__pairs *pairs, double *out) {
  place *order = rapt__new(t->ctx, pairs->count, sizeof *order);
  rapt_plan_cache *plans = NULL;
  rapt_status status = order ? RAPT_OK : RAPT_ENOMEM;
  for (size_t k = 0; k < pairs->count && order; k++) order[k] = (place){steps_of(&t->net, &pairs->at[k]), k};
  if (status == RAPT_OK && pairs->count) qsort(order, pairs->count, sizeof *order, by_steps);
  if (status == RAPT_OK) status = rapt_plan_cache_new(t->ctx, build, (void *)(uintptr_t)t, PLANS, NULL, &plans);
  if (status == RAPT_OK) status = score_sorted(t, pairs, order, plans, out);
  rapt_plan_cache_free(plans);
  rapt__free(t->ctx, order);
  return status;
}

rapt_status rapt__aligned_measure(const rapt__aligned_task *t, const rapt__pairs *pairs, double *nats) {
  double *scores = rapt__new(t->ctx, pairs->count, sizeof *scores), sum = 0;
  int64_t tokens = 0;
  rapt_status status = scores ? rapt__aligned_score(t, pairs, scores) : RAPT_ENOMEM;
  for (size_t k = 0; k < pairs->count && status == RAPT_OK; k++) {
    sum -= scores[k];
    tokens += tokens_of(pairs, &pairs->at[k]);
  }
  if (status == RAPT_OK) *nats = sum / (double)tokens;
  rapt__free(t->ctx, scores);
  return status;
}
