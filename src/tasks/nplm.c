/* Training and judging a neural probabilistic language model. */
#include "tasks/nplm.h"

#include "base/file.h"
#include "base/rng.h"
#include "tasks/params_file.h"

#include <math.h>
#include <string.h>

enum { NEIGHBOURS = 6 };
enum { STREAM_ORDER = 2, STREAM_WORDS = 3 }; /* high halves of random streams; initial weights use 1 */

static rapt_tensor *inputs(const rapt__nplm_task *n, rapt_graph *graph, rapt_tensor **labels) {
  *labels = rapt_input(graph, "labels", RAPT_I32, 1, &n->batch);
  return rapt_input(graph, "context", RAPT_I32, 2, (int64_t[]){n->batch, n->net.order - 1});
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const rapt__nplm_task *n = (const rapt__nplm_task *)task;
  (void)training, (void)bucket;
  rapt_tensor *labels, *context = inputs(n, graph, &labels);
  return rapt__nplm_loss(&n->net, graph, params, context, labels);
}

/* ---- Batches ---- */

/* The n − 1 words before `at`; before the sentence stands <s>. */
static void fill_context(const rapt__nplm_task *n, const int32_t *text, size_t at, int32_t *context) {
  int32_t start = (int32_t)n->words->count;
  bool before = false;
  for (int64_t i = n->net.order - 2; i >= 0; i--) {
    before = before || at == 0 || text[at - 1] == RAPT__WORDS_END;
    context[i] = before ? start : text[--at];
  }
}

static void fill_row(const rapt__nplm_task *n, const rapt__word_ids *text, size_t at, int64_t row, int32_t *context,
                     int32_t *labels) {
  bool inside = at < text->count;
  labels[row] = inside ? text->at[at] : -100; /* not counted */
  fill_context(n, text->at, inside ? at : 0, context + row * (n->net.order - 1));
}

static void find_inputs(rapt_plan *plan, int32_t **context, int32_t **labels) {
  *context = rapt_plan_data(plan, rapt_plan_find(plan, "context"));
  *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
}

/* Every pass takes the words in an order of its own, which follows from seed and pass. */
static void shuffle(rapt__nplm_task *n, uint64_t pass) {
  size_t count = n->train->count;
  rapt__rng_shuffle(n->seed, (uint64_t)STREAM_ORDER << 32, pass * count, n->order, count);
  n->pass = pass;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  rapt__nplm_task *n = (rapt__nplm_task *)task;
  (void)bucket;
  uint64_t batches = n->train->count / (uint64_t)n->batch;
  if (n->pass != index / batches) shuffle(n, index / batches);
  const uint32_t *at = n->order + index % batches * (uint64_t)n->batch;
  int32_t *context, *labels;
  find_inputs(plan, &context, &labels);
  for (int64_t row = 0; row < n->batch; row++) fill_row(n, n->train, at[row], row, context, labels);
  return RAPT_OK;
}

/* While it trains, the net is judged by words spread evenly over the validation text; at the end by all of them. */
static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  const rapt__nplm_task *n = (const rapt__nplm_task *)task;
  size_t count = n->valid->count, batch = (size_t)n->batch, chosen = (size_t)n->evals * batch;
  if (chosen > count) chosen = count;
  if (index * batch >= chosen) return false;
  int32_t *context, *labels;
  find_inputs(plan, &context, &labels);
  for (size_t row = 0, i = index * batch; row < batch; row++, i++)
    fill_row(n, n->valid, i < chosen ? i * count / chosen : count, (int64_t)row, context, labels);
  return true;
}

/* ---- What it has learnt ---- */

static rapt_real *values_of(const rapt__nplm_task *n, const char *name) {
  rapt_real *values = NULL;
  int64_t index = rapt_params_find(n->params, name);
  if (index >= 0) rapt_params_get(n->params, index, NULL, NULL, NULL, &values);
  return values;
}

static double cosine(const rapt_real *a, const rapt_real *b, int64_t width) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < width; i++) {
    ab += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static rapt_status add_neighbours(const rapt__nplm_task *n, const rapt_real *c, size_t word, rapt__text *out) {
  const rapt__words *words = n->words;
  double best[NEIGHBOURS];
  size_t who[NEIGHBOURS], found = 0;
  for (size_t i = 2; i < words->count; i++) {
    if (i == word) continue;
    double near = cosine(c + (int64_t)word * n->net.features, c + (int64_t)i * n->net.features, n->net.features);
    size_t at = found < NEIGHBOURS ? found++ : NEIGHBOURS;
    for (; at > 0 && best[at - 1] < near; at--)
      if (at < NEIGHBOURS) {
        best[at] = best[at - 1];
        who[at] = who[at - 1];
      }
    if (at < NEIGHBOURS) {
      best[at] = near;
      who[at] = i;
    }
  }
  RAPT_TRY(rapt__text_addf(out, "%.*s:", (int)words->words[word].size, words->words[word].bytes));
  for (size_t i = 0; i < found; i++)
    RAPT_TRY(rapt__text_addf(out, " %.*s", (int)words->words[who[i]].size, words->words[who[i]].bytes));
  return rapt__text_add(out, "\n", 1);
}

/* Words drawn from the frequent ones, each with the words whose rows of C point the same way. */
static rapt_status sample(rapt__task *task, uint64_t seed, rapt__text *out) {
  const rapt__nplm_task *n = (const rapt__nplm_task *)task;
  const rapt_real *c = values_of(n, "C");
  size_t common = n->words->count < 1000 ? n->words->count : 1000;
  if (!c || common <= 3) return RAPT_OK;
  RAPT_TRY(rapt__text_addf(out, "nearest words by their rows of C:\n"));
  for (int64_t i = 0; i < n->lists; i++) {
    size_t word = 2 + (size_t)rapt__rng_below(seed, (uint64_t)STREAM_WORDS << 32, (uint64_t)i, common - 2);
    RAPT_TRY(add_neighbours(n, c, word, out));
  }
  return RAPT_OK;
}

static rapt_status save_words(const rapt__nplm_task *n, const char *path) {
  rapt__out out;
  const rapt__words *words = n->words;
  RAPT_TRY(rapt__out_open(n->ctx, path, &out));
  for (size_t i = 0; i < words->count; i++)
    rapt__out_printf(&out, "%.*s\n", (int)words->words[i].size, words->words[i].bytes);
  if (rapt__out_printf(&out, "<s>\n") == RAPT_OK) return rapt__out_commit(&out);
  rapt_status status = out.status;
  rapt__out_abort(&out);
  return status;
}

/* model.safetensors under the paper's letters, and vocab.txt, whose line numbers are the rows of C. */
static rapt_status save(rapt__task *task, const char *dir) {
  const rapt__nplm_task *n = (const rapt__nplm_task *)task;
  RAPT_TRY(rapt__make_dirs(n->ctx, dir));
  char *words = rapt__path_join(n->ctx, dir, "vocab.txt"), *weights = rapt__path_join(n->ctx, dir, "model.safetensors");
  rapt_status status = words && weights ? save_words(n, words) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__params_write(n->params, weights, NULL);
  rapt__free(n->ctx, words);
  rapt__free(n->ctx, weights);
  return status;
}

/* ---- Begin and end ---- */

void rapt__nplm_task_free(rapt__nplm_task *n) {
  rapt_params_free(n->params);
  if (n->ctx) rapt__free(n->ctx, n->order);
}

/* b begins at the logarithms of the words' frequencies: small steps would need thousands of updates to get there. */
static void start_at_frequencies(const rapt__nplm_task *n) {
  rapt_real *b = values_of(n, "b");
  size_t count = n->words->count;
  double total = 0;
  for (size_t i = 0; i < count; i++) total += (double)n->words->words[i].count;
  for (size_t i = 0; i < count; i++) b[i] = (rapt_real)log((double)n->words->words[i].count / total);
}

rapt_status rapt__nplm_task_init(rapt__nplm_task *n) {
  n->task = (rapt__task){.loss = loss,
                         .fill = fill,
                         .fill_eval = fill_eval,
                         .sample = sample,
                         .save = save,
                         .tokens_per_batch = (double)n->batch};
  n->pass = UINT64_MAX;
  n->order = rapt__new(n->ctx, n->train->count, sizeof *n->order);
  if (!n->order) return RAPT_ENOMEM;
  RAPT_TRY(rapt_params_new(n->ctx, &n->params));
  rapt_graph *graph;
  RAPT_TRY(rapt_graph_new(n->ctx, &graph));
  loss(&n->task, graph, n->params, false, 0);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(n->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  if (status == RAPT_OK) status = rapt_params_start(n->params, n->seed);
  if (status == RAPT_OK) start_at_frequencies(n);
  return status;
}

/* ---- Probabilities ---- */

static rapt_status fill_probs(const rapt__nplm_task *n, const rapt__word_ids *text, rapt_plan *plan,
                              const rapt_tensor *logs, double *probs) {
  int32_t *context, *labels;
  find_inputs(plan, &context, &labels);
  for (size_t at = 0; at < text->count; at += (size_t)n->batch) {
    if (atomic_load(&n->ctx->interrupted))
      return rapt__fail(n->ctx, RAPT_EINTERRUPTED, "interrupted after the probabilities of %zu words", at);
    for (int64_t row = 0; row < n->batch; row++) {
      fill_row(n, text, at + (size_t)row, row, context, labels);
      if (labels[row] < 0) labels[row] = 0;
    }
    RAPT_TRY(rapt_plan_run(plan, 0));
    const rapt_real *log_p = rapt_plan_data(plan, logs);
    for (size_t row = 0; row < (size_t)n->batch && at + row < text->count; row++)
      probs[at + row] = exp((double)log_p[row]);
  }
  return RAPT_OK;
}

rapt_status rapt__nplm_task_probs(const rapt__nplm_task *n, const rapt__word_ids *text, double *probs) {
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  RAPT_TRY(rapt_graph_new(n->ctx, &graph));
  rapt_tensor *labels, *context = inputs(n, graph, &labels);
  rapt_tensor *logs = rapt__nplm_log_probs(&n->net, graph, n->params, context, labels);
  rapt_status status = rapt_plan_new(graph, &logs, 1, NULL, &plan);
  if (status == RAPT_OK) status = fill_probs(n, text, plan, logs, probs);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}
