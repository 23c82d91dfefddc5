/* Drawing what the decoder reads. */
#include "tasks/sampling.h"

#include "base/rng.h"
#include "tasks/seq2seq.h"

#include <math.h>
#include <string.h>

enum { STREAM_DRAWS = 4 }; /* high half of a random stream; batches use 2 and 3 */

const char *const rapt__sampling_decays[] = {"linear", "exponential", "sigmoid", NULL};

double rapt__sampling_share(const rapt__sampling *s, int64_t update) {
  double u = (double)update, k = (double)s->updates, own;
  switch (s->decay) {
  case RAPT__SAMPLING_LINEAR: own = u < k ? 1 - u / k : 0; break;
  case RAPT__SAMPLING_EXPONENTIAL: own = exp(-u / k); break;
  default: own = k / (k + exp(u / k)); break;
  }
  return 1 - own < s->most ? 1 - own : s->most;
}

static rapt_status make(rapt__sampling *s, const rapt__bucket *shape, struct rapt__sampling_plan *p) {
  RAPT_TRY(rapt_graph_new(s->model->ctx, &p->graph));
  rapt__output o = rapt__seq2seq_output(s->model, p->graph, s->model->params, shape);
  p->logits = rapt_tap(o.logits ? o.logits : rapt_linear(o.hidden, o.head, true, o.bias, RAPT_IDENTITY), "sampling");
  return rapt__plan_new(p->graph, &p->logits, 1, NULL, &s->pool, &p->plan);
}

static void drop(struct rapt__sampling_plan *p) {
  rapt_plan_free(p->plan);
  rapt_graph_free(p->graph);
  *p = (struct rapt__sampling_plan){0};
}

static rapt_status get(rapt__sampling *s, const rapt__bucket *shape, int bucket) {
  struct rapt__sampling_plan *p = &s->plans[bucket];
  rapt_status status = p->plan ? RAPT_OK : make(s, shape, p);
  if (status != RAPT_OK) drop(p);
  return status;
}

rapt_status rapt__sampling_begin(rapt__sampling *s, const rapt_model *model, const rapt__buckets *buckets) {
  s->model = model;
  s->pool = (rapt__pool){.ctx = model->ctx};
  return s->most > 0 ? get(s, &buckets->at[buckets->count - 1], buckets->count - 1) : RAPT_OK;
}

void rapt__sampling_free(rapt__sampling *s) {
  if (!s->model) return;
  for (int b = 0; b < RAPT__BUCKETS; b++) drop(&s->plans[b]);
  rapt__pool_free(&s->pool);
  s->model = NULL;
}

/* ---- A batch ---- */

static bool is_drawn(int64_t token) { return token != RAPT__BOS && token != RAPT__PAD && token != RAPT__EOS; }

/* The token below which `u` of the probability lies, of those that may be drawn. Sums run in order, so threads do not matter. */
static int32_t draw(const rapt_real *logits, int64_t count, double u) {
  double most = -INFINITY, sum = 0, passed = 0;
  int32_t last = -1;
  for (int64_t v = 0; v < count; v++)
    if (is_drawn(v) && (double)logits[v] > most) most = (double)logits[v];
  for (int64_t v = 0; v < count; v++)
    if (is_drawn(v)) sum += exp((double)logits[v] - most);
  for (int64_t v = 0; v < count; v++) {
    if (!is_drawn(v)) continue;
    passed += exp((double)logits[v] - most);
    last = (int32_t)v;
    if (passed > u * sum) return last;
  }
  return last;
}

static void replace(const rapt__seq2seq_inputs *in, const rapt_real *logits, int64_t vocabulary,
                    const rapt__bucket *shape, double share, uint64_t seed, uint64_t index) {
  int64_t width = shape->count[RAPT__TARGET] + 1;
  uint64_t stream = (uint64_t)STREAM_DRAWS << 32, first = index * 2 * (uint64_t)(shape->rows * width);
  for (int64_t row = 0; row < shape->rows; row++) {
    for (int64_t t = 1; t < width; t++) {
      int64_t at = row * width + t;
      if (in->labels[at] < 0) break; /* behind the target */
      if (rapt__rng_uniform(seed, stream, first + 2 * (uint64_t)at) >= share) continue;
      int32_t token = draw(logits + (at - 1) * vocabulary, vocabulary,
                           rapt__rng_uniform(seed, stream, first + 2 * (uint64_t)at + 1));
      if (token >= 0) in->target[at] = token;
    }
  }
}

static void copy(int32_t *to, const int32_t *from, int64_t count) {
  if (to && from) memcpy(to, from, (size_t)count * sizeof *to);
}

rapt_status rapt__sampling_apply(rapt__sampling *s, const rapt__bucket *shape, int bucket, uint64_t seed,
                                 uint64_t index, rapt_plan *plan) {
  int64_t update = (int64_t)(index / (uint64_t)(s->batches > 0 ? s->batches : 1));
  double share = s->most > 0 ? rapt__sampling_share(s, update) : 0;
  if (share <= 0) return RAPT_OK;
  RAPT_TRY(get(s, shape, bucket));
  const struct rapt__sampling_plan *p = &s->plans[bucket];
  rapt__seq2seq_inputs in = rapt__seq2seq_inputs_of(plan), first = rapt__seq2seq_inputs_of(p->plan);
  if (!in.target || !in.labels)
    return rapt__fail(s->model->ctx, RAPT_EUNSUPPORTED, "%s reads no target, so nothing can be drawn for it",
                      s->model->arch->name);
  copy(first.source, in.source, shape->rows * (shape->count[RAPT__SOURCE] + 1));
  copy(first.source_lengths, in.source_lengths, shape->rows);
  copy(first.target, in.target, shape->rows * (shape->count[RAPT__TARGET] + 1));
  copy(first.target_lengths, in.target_lengths, shape->rows);
  RAPT_TRY(rapt_plan_run(p->plan, index));
  replace(&in, rapt_plan_data(p->plan, p->logits), rapt_dim(p->logits, -1), shape, share, seed, index);
  return RAPT_OK;
}
