/* `rapt bench`: finds works, builds them, and takes the least of many repetitions. */
#include "infer/bench/bench.h"

#include "base/file.h"
#include "base/rng.h"
#include "infer/search.h"

#include <math.h>
#include <string.h>
#include <time.h>

enum { STREAM_INPUTS = 7, LEAST_REPEATS = 3, PLANNINGS = 8 };

static const rapt__work *const families[] = {rapt__works_matmul, rapt__works_attention,   rapt__works_small,
                                             rapt__works_gpt,    rapt__works_translation, rapt__works_decode,
                                             rapt__works_search, rapt__works_recurrent,   rapt__works_optimizers};
enum { FAMILIES = sizeof families / sizeof *families };

static const rapt__work *work_at(int index) {
  for (size_t f = 0; f < FAMILIES && index >= 0; f++)
    for (const rapt__work *w = families[f]; w->info.id; w++)
      if (index-- == 0) return w;
  return NULL;
}

int rapt_work_count(void) {
  int count = 0;
  while (work_at(count)) count++;
  return count;
}

const rapt_work_info *rapt_work_get(int index) {
  const rapt__work *w = work_at(index);
  return w ? &w->info : NULL;
}

rapt_status rapt__bench_find(rapt_context *ctx, const char *id, const rapt__work **out) {
  const char *names[64];
  size_t count = 0;
  for (int i = 0; (*out = work_at(i)); i++) {
    if (strcmp((*out)->info.id, id) == 0) return RAPT_OK;
    if (count < sizeof names / sizeof *names) names[count++] = (*out)->info.id;
  }
  const char *near = rapt__nearest(id, names, count);
  return rapt__fail(ctx, RAPT_EKEY, "no work is called \"%s\"%s%s%s", id, near ? "; did you mean \"" : "",
                    near ? near : "", near ? "\"?" : "; `rapt bench --list` names them");
}

/* ---- Building ---------------------------------------------------------------------------------------------------- */

const rapt_update_options rapt__bench_adamw = {
    .method = RAPT_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .eps = 1e-8, .weight_decay = 0.1};

rapt_status rapt__bench_plan(rapt__bench *b, rapt_tensor *const *outputs, int count) {
  b->plan_seconds = INFINITY;
  for (int i = 0; i < PLANNINGS; i++) {
    rapt_plan_stats stats;
    rapt_plan_free(b->plan);
    b->plan = NULL;
    RAPT_TRY(rapt_plan_new(b->graph, outputs, count, NULL, &b->plan));
    rapt_plan_get_stats(b->plan, &stats);
    b->plan_seconds = fmin(b->plan_seconds, stats.plan_seconds);
  }
  return RAPT_OK;
}

rapt_status rapt__bench_train(rapt__bench *b, rapt_tensor *(*build)(rapt__bench *b), double clip) {
  if (!b->params) {
    /* A store takes its declarations from a first graph and has to be started before there is a gradient. */
    RAPT_TRY(rapt_params_new(b->ctx, &b->params));
    RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
    build(b);
    rapt_status status = b->graph->status;
    rapt_graph_free(b->graph);
    b->graph = NULL;
    RAPT_TRY(status == RAPT_ENOMEM ? rapt__fail_memory(b->ctx, 0) : status);
    RAPT_TRY(rapt_params_start(b->params, 1));
  }
  RAPT_TRY(rapt_graph_new(b->ctx, &b->graph));
  b->loss = build(b);
  rapt_tensor *lr = rapt_input(b->graph, "lr", RAPT_F32, 0, NULL);
  b->count = rapt_input(b->graph, "count", RAPT_F32, 0, NULL);
  rapt_update_options o = rapt__bench_adamw;
  o.clip = clip;
  rapt_tensor *norm = rapt_update(b->params, rapt_grad_params(b->loss, b->params), lr, b->count, &o);
  RAPT_TRY(rapt__bench_plan(b, (rapt_tensor *[]){b->loss, norm}, 2));
  *(real *)rapt_plan_data(b->plan, lr) = (real)RAPT__BENCH_RATE;
  *(real *)rapt_plan_data(b->plan, b->count) = 1;
  return RAPT_OK;
}

static uint64_t stream_of(const rapt_tensor *t) {
  uint64_t hash = 14695981039346656037u;
  for (const char *c = rapt_name(t); *c; c++) hash = (hash ^ (unsigned char)*c) * 1099511628211u;
  return ((uint64_t)STREAM_INPUTS << 32) + (hash & 0xffffffffu);
}

void rapt__bench_normal(rapt__bench *b, const rapt_tensor *t, double scale) {
  real *x = rapt_plan_data(b->plan, t);
  for (int64_t i = 0; x && i < t->size; i++) x[i] = (real)(scale * rapt__rng_normal(1, stream_of(t), (uint64_t)i));
}

void rapt__bench_ids(rapt__bench *b, const rapt_tensor *t, int64_t limit) {
  int32_t *x = rapt_plan_data(b->plan, t);
  for (int64_t i = 0; x && i < t->size; i++)
    x[i] = (int32_t)rapt__rng_below(1, stream_of(t), (uint64_t)i, (uint64_t)limit);
}

void rapt__bench_free(rapt__bench *b) {
  rapt__search_free(b->search);
  rapt_plan_free(b->plan);
  rapt_graph_free(b->graph);
  if (!b->model) rapt_params_free(b->params);
  rapt_model_free(b->model);
  rapt__free(b->ctx, b->ids);
}

rapt_status rapt__bench_build(rapt_context *ctx, const rapt__work *work, const rapt_bench_options *options,
                              rapt__bench *b) {
  *b = (rapt__bench){.ctx = ctx, .work = work, .options = options};
  memcpy(b->size, work->size, sizeof b->size);
  rapt_status status = work->build(b);
  if (status != RAPT_OK) rapt__bench_free(b);
  return status;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

rapt_status rapt__bench_once(rapt__bench *b, int64_t update, double *loss) {
  if (b->count) *(real *)rapt_plan_data(b->plan, b->count) = (real)update;
  RAPT_TRY(b->run ? b->run(b) : rapt_plan_run(b->plan, (uint64_t)update));
  *loss = b->loss ? (double)*(const real *)rapt_plan_data(b->plan, b->loss) : NAN;
  return RAPT_OK;
}

static double cpu_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static rapt_status measure(rapt__bench *b, rapt_timing *t) {
  const rapt_bench_options *o = b->options;
  double seconds = o->seconds > 0 ? o->seconds : 0.5, begin = rapt__now();
  t->seconds = t->cpu_seconds = INFINITY;
  for (t->repeats = 0;
       o->repeats > 0 ? t->repeats < o->repeats : t->repeats < LEAST_REPEATS || rapt__now() - begin < seconds;) {
    if (atomic_load(&b->ctx->interrupted))
      return rapt__fail(b->ctx, RAPT_EINTERRUPTED, "the benchmark was interrupted");
    double from = rapt__now(), cpu_from = cpu_now();
    RAPT_TRY(rapt__bench_once(b, ++t->repeats, &t->loss));
    t->cpu_seconds = fmin(t->cpu_seconds, cpu_now() - cpu_from);
    t->seconds = fmin(t->seconds, rapt__now() - from);
  }
  if (b->parts > 1) {
    t->seconds /= (double)b->parts;
    t->cpu_seconds /= (double)b->parts;
  }
  t->rate = b->amount / t->seconds;
  return RAPT_OK;
}

static rapt_status run_one(rapt_context *ctx, const rapt__work *work, const rapt_bench_options *options,
                           rapt_timing_fn each, void *user) {
  if (options->setting_count > 0 && !work->info.settings)
    return rapt__fail(ctx, RAPT_EKEY, "the work \"%s\" takes no settings like \"%s\"", work->info.id,
                      options->settings[0]);
  if (options->save) RAPT_TRY(rapt__bench_save(ctx, work, options));
  rapt__bench b;
  RAPT_TRY(rapt__bench_build(ctx, work, options, &b));
  rapt_timing t = {.work = &work->info, .parameters = b.params ? rapt_params_size(b.params) : 0};
  rapt_status status = measure(&b, &t);
  if (status == RAPT_OK && b.plan) {
    rapt_plan_stats stats;
    rapt_plan_get_stats(b.plan, &stats);
    t.plan_seconds = b.plan_seconds;
    t.nodes = stats.nodes;
    t.arena_bytes = stats.arena_bytes;
  }
  if (status == RAPT_OK) each(user, &t);
  rapt__bench_free(&b);
  return status;
}

rapt_status rapt_bench_run(rapt_context *ctx, const rapt_bench_options *options, rapt_timing_fn each, void *user) {
  rapt_bench_options none = {0};
  if (!options) options = &none;
  const rapt__work *work;
  if (options->only) {
    RAPT_TRY(rapt__bench_find(ctx, options->only, &work));
    return run_one(ctx, work, options, each, user);
  }
  if (options->save || options->setting_count > 0)
    return rapt__fail(ctx, RAPT_EINVAL, "settings and a file for the inputs need the id of one work");
  for (int i = 0; (work = work_at(i)); i++)
    if (!work->info.heavy) RAPT_TRY(run_one(ctx, work, options, each, user));
  return RAPT_OK;
}
