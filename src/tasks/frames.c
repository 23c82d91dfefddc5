/* Sequences with an answer for every frame. The loss is Σ w·loss over all frames of a padded batch: the weights w
 * are 0 on padding and sum to 1 over a training batch. In an evaluation they are such that the mean over its batches
 * is the mean over all frames. */
#include "tasks/frames.h"

#include "base/rng.h"

#include <math.h>
#include <string.h>

enum { STREAM_ORDER = 2 }; /* high half of a random stream; initial weights use 1 */

static void *data_of(rapt_plan *plan, const char *name) { return rapt_plan_data(plan, rapt_plan_find(plan, name)); }

/* ---- The loss ---- */

static rapt_tensor *network(const rapt__frames *f, rapt_graph *graph, rapt_params *params, int64_t steps,
                            bool training) {
  rapt_tensor *x = rapt_input(graph, "x", RAPT_F32, 3, (int64_t[]){steps, f->batch, f->train->inputs});
  rapt_tensor *lengths = rapt_input(graph, "lengths", RAPT_I32, 1, &f->batch);
  return f->network(f, graph, params, x, lengths, training);
}

/* (T, B) from outputs (T, B, n). */
static rapt_tensor *frame_losses(const rapt__frames *f, rapt_graph *graph, rapt_tensor *out) {
  int64_t dims[3] = {rapt_dim(out, 0), f->batch, f->outputs};
  if (f->answer == RAPT__CLASSES) {
    rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, dims);
    return rapt_sub(rapt_logsumexp(out), rapt_gather(out, labels));
  }
  rapt_tensor *y = rapt_input(graph, "y", RAPT_F32, 3, dims);
  if (f->answer == RAPT__SQUARES) return rapt_scale(rapt_sum(rapt_square(rapt_sub(out, y)), -1, false), 0.5);
  return rapt_sum(rapt_sub(rapt_softplus(out), rapt_mul(y, out)), -1, false);
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  (void)bucket;
  const rapt__frames *f = (const rapt__frames *)task;
  int64_t steps = training ? f->steps : f->eval_steps;
  rapt_tensor *out = network(f, graph, params, steps, training);
  if (rapt__poisoned(out)) return out;
  rapt_tensor *weights = rapt_input(graph, "weights", RAPT_F32, 2, (int64_t[]){steps, f->batch});
  return rapt_sum(rapt_mul(weights, frame_losses(f, graph, out)), RAPT_ALL, false);
}

/* ---- Batches ---- */

/* Where a batch goes; pointers to parts that the plan does not have are NULL. */
typedef struct places {
  real *x, *y, *weights;
  int32_t *lengths, *labels;
} places;

static places find_places(rapt_plan *plan) {
  return (places){.x = data_of(plan, "x"),
                  .y = data_of(plan, "y"),
                  .weights = data_of(plan, "weights"),
                  .lengths = data_of(plan, "lengths"),
                  .labels = data_of(plan, "labels")};
}

static void clear(const rapt__frames *f, const places *p, int64_t steps) {
  size_t cells = (size_t)(steps * f->batch);
  memset(p->x, 0, cells * (size_t)f->train->inputs * sizeof *p->x);
  memset(p->lengths, 0, (size_t)f->batch * sizeof *p->lengths);
  if (p->y) memset(p->y, 0, cells * (size_t)f->outputs * sizeof *p->y);
  if (p->labels) memset(p->labels, 0, cells * sizeof *p->labels);
  if (p->weights) memset(p->weights, 0, cells * sizeof *p->weights);
}

/* A sequence as row `row`; each of its frames weighs `weight`. */
static void fill_row(const rapt__frames *f, const places *p, int64_t row, const rapt__sequence *s, double weight) {
  int64_t inputs = f->train->inputs;
  p->lengths[row] = (int32_t)(s->frames + f->delay);
  for (int64_t t = 0; t < s->frames; t++) {
    int64_t from = t * f->batch + row, to = (t + f->delay) * f->batch + row;
    for (int64_t i = 0; i < inputs; i++) p->x[from * inputs + i] = (real)s->x[t * inputs + i];
    for (int64_t i = 0; p->y && i < f->outputs; i++) p->y[to * f->outputs + i] = (real)s->y[t * f->outputs + i];
    if (p->labels) p->labels[to] = s->labels[t];
    if (p->weights) p->weights[to] = (real)weight;
  }
}

static const uint32_t *order_of(rapt__frames *f, uint64_t pass) {
  if (f->pass != pass)
    rapt__rng_shuffle(f->seed, (uint64_t)STREAM_ORDER << 32, pass * f->train->count, f->order, f->train->count);
  f->pass = pass;
  return f->order;
}

/* Every pass takes the sequences in an order of its own; those that fill no batch are left to other passes. */
static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  (void)bucket;
  rapt__frames *f = (rapt__frames *)task;
  uint64_t batches = f->train->count / (uint64_t)f->batch;
  const uint32_t *at = order_of(f, index / batches) + index % batches * (uint64_t)f->batch;
  places p = find_places(plan);
  int64_t frames = 0;
  for (int64_t row = 0; row < f->batch; row++) frames += f->train->at[at[row]].frames;
  clear(f, &p, f->steps);
  for (int64_t row = 0; row < f->batch; row++) fill_row(f, &p, row, &f->train->at[at[row]], 1 / (double)frames);
  return RAPT_OK;
}

static uint64_t batches_of(const rapt__frames *f, const rapt__sequences *set) {
  return (set->count + (size_t)f->batch - 1) / (size_t)f->batch;
}

static void fill_from(const rapt__frames *f, const rapt__sequences *set, int64_t steps, rapt_plan *plan, uint64_t index,
                      double weight) {
  places p = find_places(plan);
  clear(f, &p, steps);
  for (int64_t row = 0; row < f->batch; row++) {
    uint64_t at = index * (uint64_t)f->batch + (uint64_t)row;
    if (at < set->count) fill_row(f, &p, row, &set->at[at], weight);
  }
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  const rapt__frames *f = (const rapt__frames *)task;
  uint64_t batches = batches_of(f, f->valid);
  if (index >= batches) return false;
  fill_from(f, f->valid, f->eval_steps, plan, index, (double)batches / (double)f->valid_frames);
  return true;
}

static rapt_status save(rapt__task *task, const char *dir) {
  const rapt__frames *f = (const rapt__frames *)task;
  return f->save(f, dir);
}

/* ---- Begin and end ---- */

int64_t rapt__frames_count(const rapt__sequences *set) {
  int64_t frames = 0;
  for (size_t i = 0; i < set->count; i++) frames += set->at[i].frames;
  return frames;
}

static int64_t longest(const rapt__sequences *set) {
  int64_t most = 0;
  for (size_t i = 0; i < set->count; i++)
    if (set->at[i].frames > most) most = set->at[i].frames;
  return most;
}

rapt_status rapt__frames_init(rapt__frames *f) {
  f->pass = UINT64_MAX;
  if (f->train->count < (size_t)f->batch)
    return rapt__fail(f->ctx, RAPT_EINVAL, "%zu training sequences do not fill a batch of %lld", f->train->count,
                      (long long)f->batch);
  f->train_frames = rapt__frames_count(f->train);
  f->valid_frames = rapt__frames_count(f->valid);
  if (f->train_frames < 1 || f->valid_frames < 1)
    return rapt__fail(f->ctx, RAPT_EINVAL, "%zu training and %zu validation sequences have no frame", f->train->count,
                      f->valid->count);
  f->steps = longest(f->train) + f->delay;
  f->eval_steps = longest(f->valid) + f->delay;
  f->task = (rapt__task){.loss = loss,
                         .fill = fill,
                         .fill_eval = fill_eval,
                         .save = f->save ? save : NULL,
                         .tokens_per_batch = (double)f->train_frames / (double)f->train->count * (double)f->batch};
  f->order = rapt__new(f->ctx, f->train->count, sizeof *f->order);
  return f->order ? RAPT_OK : RAPT_ENOMEM;
}

void rapt__frames_free(rapt__frames *f) {
  if (f->ctx) rapt__free(f->ctx, f->order);
  f->order = NULL;
}

rapt_status rapt__frames_start(rapt__frames *f) {
  rapt_graph *graph;
  RAPT_TRY(rapt_graph_new(f->ctx, &graph));
  network(f, graph, f->params, f->steps, false);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(f->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  return status == RAPT_OK ? rapt_params_start(f->params, f->seed) : status;
}

/* ---- Running and judging ---- */

/* A frame's loss under outputs, as frame_losses builds it. */
static double frame_loss(const rapt__frames *f, const rapt__sequence *s, int64_t t, const float *out) {
  int64_t n = f->outputs;
  double sum = 0, most = -INFINITY;
  if (f->answer == RAPT__CLASSES) {
    for (int64_t i = 0; i < n; i++) most = fmax(most, (double)out[i]);
    for (int64_t i = 0; i < n; i++) sum += exp((double)out[i] - most);
    return most + log(sum) - (double)out[s->labels[t]];
  }
  for (int64_t i = 0; i < n; i++) {
    double z = (double)out[i], y = (double)s->y[t * n + i];
    sum += f->answer == RAPT__SQUARES ? 0.5 * (z - y) * (z - y) : fmax(z, 0) + log1p(exp(-fabs(z))) - y * z;
  }
  return sum;
}

double rapt__frames_loss(const rapt__frames *f, const rapt__sequences *set, const float *out) {
  double sum = 0;
  for (size_t i = 0; i < set->count; i++)
    for (int64_t t = 0; t < set->at[i].frames; t++, out += f->outputs) sum += frame_loss(f, &set->at[i], t, out);
  return sum / (double)rapt__frames_count(set);
}

rapt_status rapt__frames_run(const rapt__frames *f, const rapt__sequences *set, float *out, double *mean) {
  int64_t steps = longest(set) + f->delay;
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  if (rapt__frames_count(set) < 1) return rapt__fail(f->ctx, RAPT_EINVAL, "no frame to run the network over");
  RAPT_TRY(rapt_graph_new(f->ctx, &graph));
  rapt_tensor *y = network(f, graph, f->params, steps, false);
  rapt_status status = rapt_plan_new(graph, &y, 1, NULL, &plan);
  float *to = out;
  for (uint64_t b = 0; b < batches_of(f, set) && status == RAPT_OK; b++) {
    if (atomic_load(&f->ctx->interrupted)) {
      status = rapt__fail(f->ctx, RAPT_EINTERRUPTED, "interrupted after %llu batches", (unsigned long long)b);
      break;
    }
    fill_from(f, set, steps, plan, b, 0);
    status = rapt_plan_run(plan, 0);
    const real *got = rapt_plan_data(plan, y);
    for (int64_t row = 0; row < f->batch && status == RAPT_OK; row++) {
      uint64_t at = b * (uint64_t)f->batch + (uint64_t)row;
      for (int64_t t = 0; at < set->count && t < set->at[at].frames; t++)
        for (int64_t i = 0; i < f->outputs; i++) *to++ = (float)got[((t + f->delay) * f->batch + row) * f->outputs + i];
    }
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  if (status == RAPT_OK && mean) *mean = rapt__frames_loss(f, set, out);
  return status;
}
