/* Batches that the recipe fairseq-toolkit deals out itself, and models in contexts of their own. */
#include "recipes/toolkit.h"

#include "base/rng.h"

#include <string.h>
#include <time.h>

enum { STREAM = 0x46 };

/* ---- The task ---- */

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const rapt__deals *d = (const rapt__deals *)task;
  return rapt__seq2seq_loss(d->model, graph, params, &d->at[bucket].shape, training ? d->smoothing : 0,
                            training && d->dropout);
}

static double tokens_of(const rapt__deal *deal) {
  int64_t tokens = 0;
  for (int64_t i = 0; i < deal->count; i++) tokens += deal->pairs[i]->count[RAPT__TARGET] + 1;
  return (double)tokens;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  const rapt__deals *d = (const rapt__deals *)task;
  const rapt__deal *deal = &d->at[bucket];
  rapt__seq2seq_inputs in = rapt__seq2seq_inputs_of(plan);
  (void)index;
  for (int64_t row = 0; row < deal->shape.rows; row++)
    rapt__seq2seq_fill_row(&in, d->pairs, &deal->shape, row < deal->count ? deal->pairs[row] : NULL, row);
  rapt_tensor *tokens = rapt_plan_find(plan, "tokens");
  if (tokens) *(real *)rapt_plan_data(plan, tokens) = (real)tokens_of(deal);
  return RAPT_OK;
}

static bool batch(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  const rapt__deals *d = (const rapt__deals *)task;
  (void)training;
  out->bucket = (int)(index % (uint64_t)d->count);
  out->weight = tokens_of(&d->at[out->bucket]);
  return true;
}

static rapt_status make(rapt__arena *arena, const rapt_model *model, const rapt__pairs *pairs, int64_t count,
                        rapt__deals *out) {
  *out = (rapt__deals){.task = {.loss = loss, .fill = fill, .batch = batch, .buckets = (int)count},
                       .model = model,
                       .pairs = pairs,
                       .count = count};
  out->at = rapt__arena_new(arena, (size_t)count, sizeof *out->at);
  return out->at ? RAPT_OK : RAPT_ENOMEM;
}

/* ---- Dealing ---- */

const rapt__pair **rapt__deals_shuffle(rapt__arena *arena, const rapt__pairs *pairs, uint64_t seed) {
  const rapt__pair **list = rapt__arena_new(arena, pairs->count, sizeof *list);
  uint32_t *order = rapt__arena_new(arena, pairs->count, sizeof *order);
  if (!list || !order) return NULL;
  rapt__rng_shuffle(seed, (uint64_t)STREAM << 32, 0, order, pairs->count);
  for (size_t i = 0; i < pairs->count; i++) list[i] = &pairs->at[order[i]];
  return list;
}

rapt_status rapt__deals_cut(rapt__arena *arena, const rapt_model *model, const rapt__pairs *pairs,
                            const rapt__pair *const *list, int64_t count, int64_t rows, rapt__deals *out) {
  RAPT_TRY(make(arena, model, pairs, (count + rows - 1) / rows, out));
  for (int64_t i = 0; i < count; i++) {
    rapt__deal *deal = &out->at[i / rows];
    if (!deal->pairs) deal->pairs = rapt__arena_new(arena, (size_t)rows, sizeof *deal->pairs);
    if (!deal->pairs) return RAPT_ENOMEM;
    deal->pairs[deal->count++] = list[i];
    deal->shape.rows = deal->count;
    for (int s = 0; s < 2; s++)
      if (deal->shape.count[s] < list[i]->count[s]) deal->shape.count[s] = list[i]->count[s];
  }
  out->sentences = count;
  return RAPT_OK;
}

rapt_status rapt__deals_take(rapt__arena *arena, const rapt_model *model, rapt__batches *batches, int64_t sentences,
                             rapt__deals *out) {
  int64_t count = 0, taken = 0, rows;
  for (; (size_t)count < batches->count && taken < sentences; count++) {
    rapt__batches_get(batches, (uint64_t)count, &rows);
    taken += rows;
  }
  RAPT_TRY(make(arena, model, batches->pairs, count, out));
  for (int64_t i = 0; i < count; i++) {
    rapt__deal *deal = &out->at[i];
    deal->shape = batches->buckets->at[rapt__batches_get(batches, (uint64_t)i, &deal->count)];
    deal->pairs = rapt__arena_new(arena, (size_t)deal->count, sizeof *deal->pairs);
    if (!deal->pairs) return RAPT_ENOMEM;
    for (int64_t row = 0; row < deal->count; row++) deal->pairs[row] = rapt__batches_pair(batches, (uint64_t)i, row);
  }
  out->sentences = taken;
  return RAPT_OK;
}

int64_t rapt__deals_padded(const rapt__deals *d) {
  int64_t sum = 0;
  for (int64_t i = 0; i < d->count; i++)
    sum += d->at[i].shape.rows * (d->at[i].shape.count[RAPT__SOURCE] + d->at[i].shape.count[RAPT__TARGET] + 2);
  return sum;
}

int64_t rapt__deals_real(const rapt__deals *d) {
  int64_t sum = 0;
  for (int64_t i = 0; i < d->count; i++)
    for (int64_t row = 0; row < d->at[i].count; row++)
      sum += d->at[i].pairs[row]->count[RAPT__SOURCE] + d->at[i].pairs[row]->count[RAPT__TARGET] + 2;
  return sum;
}

rapt_status rapt__deals_loss(rapt__deals *d, rapt_model *model, double *loss) {
  rapt__plans plans = {.ctx = model->ctx, .task = &d->task, .params = model->params};
  double sum = 0, weight = 0;
  rapt_status status = rapt__plans_begin(&plans);
  for (int i = 0; i < (int)d->count && status == RAPT_OK; i++) {
    rapt__train_plan *p;
    status = rapt__plans_eval(&plans, i, &p);
    if (status == RAPT_OK) status = fill(&d->task, p->plan, i, 0);
    if (status == RAPT_OK) status = rapt_plan_run(p->plan, 0);
    if (status != RAPT_OK) break;
    sum += tokens_of(&d->at[i]) * (double)*(real *)rapt_plan_data(p->plan, p->loss);
    weight += tokens_of(&d->at[i]);
  }
  rapt__plans_free(&plans);
  *loss = sum / weight;
  return status;
}

/* ---- Contexts ---- */

rapt_status rapt__elsewhere_begin(rapt__toolkit *t, int threads, rapt__elsewhere *out) {
  rapt_context *ctx = t->run->ctx;
  rapt_options options = {.alloc = ctx->alloc,
                          .alloc_user = ctx->alloc_user,
                          .log = ctx->log,
                          .log_user = ctx->log_user,
                          .threads = threads};
  *out = (rapt__elsewhere){0};
  rapt_status status = rapt_context_new(&out->ctx, &options);
  if (status == RAPT_ENOMEM) return rapt__fail_memory(ctx, 0);
  if (status != RAPT_OK) return rapt__fail(ctx, status, "no context with %d threads could be made", threads);
  return rapt_model_load(out->ctx, t->run->common.out, &out->model);
}

rapt_status rapt__elsewhere_end(rapt__toolkit *t, rapt__elsewhere *e, rapt_status status) {
  if (status != RAPT_OK && e->ctx && rapt_context_status(t->run->ctx) == RAPT_OK)
    status = rapt__fail(t->run->ctx, status, "%s", rapt_context_message(e->ctx));
  rapt_model_free(e->model);
  if (e->ctx) rapt_context_free(e->ctx);
  *e = (rapt__elsewhere){0};
  return status;
}

double rapt__processor_time(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
