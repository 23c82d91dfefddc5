/* Sums over processes. A gradient is cut into segments of the store that every process takes in the same order, from its end: the
 * backward pass fills the last layers first. A segment's sum begins as soon as all its gradients are there. */
#include "train/exchange.h"

#include <string.h>

enum { SEGMENTS = 16 };

typedef struct segment {
  int64_t begin, end; /* elements of the store */
  size_t done;        /* step of the plan after which it is whole */
  rapt__reduction sum;
} segment;

typedef struct exchange {
  rapt_context *ctx;
  real *gradient;
  segment segments[SEGMENTS]; /* from the end of the store */
  size_t count, begun;
  rapt_status status;
} exchange;

/* Boundaries depend on the store alone, so they are the same in every process. */
static void cut(exchange *e, const rapt_params *params) {
  int64_t each = (params->extent + SEGMENTS - 1) / SEGMENTS, least = 1 << 16;
  if (each < least) each = least;
  for (int64_t end = params->extent; end > 0; end -= each)
    e->segments[e->count++] = (segment){.begin = end > each ? end - each : 0, .end = end};
}

static rapt_status find_done(exchange *e, const rapt_plan *plan, const rapt_tensor *gradient,
                             const rapt_params *params) {
  size_t *done = rapt__new(e->ctx, params->count + 1, sizeof *done);
  if (!done) return RAPT_ENOMEM;
  rapt__plan_gradients_done(plan, gradient, done);
  for (size_t s = 0; s < e->count; s++)
    for (size_t i = 0; i < params->count; i++) {
      const rapt__param *p = params->items[i];
      bool inside = p->offset < e->segments[s].end && p->offset + p->size > e->segments[s].begin;
      if (inside && done[i] > e->segments[s].done) e->segments[s].done = done[i];
    }
  rapt__free(e->ctx, done);
  return RAPT_OK;
}

static void after(void *user, size_t index) {
  exchange *e = user;
  for (size_t s = 0; s < e->begun; s++) rapt__parallel_push(&e->segments[s].sum);
  for (; e->begun < e->count && e->status == RAPT_OK; e->begun++) {
    segment *s = &e->segments[e->begun];
    if (s->done > index) return;
    e->status = rapt__parallel_begin_sum(e->ctx, e->gradient + s->begin, (size_t)(s->end - s->begin), &s->sum);
  }
}

/* What lies between two parameters may have been summed before the plan's last step cleared it. */
static void take(const rapt_params *params, const real *gradient, real *sum) {
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    memcpy(sum + p->offset, gradient + p->offset, (size_t)p->size * sizeof *sum);
  }
}

rapt_status rapt__exchange_run(rapt_context *ctx, rapt__train_plan *plan, const rapt_params *params, uint64_t step,
                               real *sum) {
  exchange e = {.ctx = ctx, .gradient = rapt_plan_data(plan->plan, plan->gradient)};
  cut(&e, params);
  RAPT_TRY(find_done(&e, plan->plan, plan->gradient, params));
  RAPT_TRY(rapt__plan_run_watched(plan->plan, step, after, &e));
  for (size_t s = 0; s < e.begun && e.status == RAPT_OK; s++) e.status = rapt__parallel_wait(ctx, &e.segments[s].sum);
  if (e.status == RAPT_OK) take(params, e.gradient, sum);
  return e.status;
}

rapt_status rapt__exchange_sum(rapt_context *ctx, const rapt_params *params, real *sum) {
  return rapt__parallel_sum(ctx, sum, (size_t)params->extent);
}

rapt_status rapt__exchange_weights(rapt_context *ctx, rapt_params *params) {
  size_t bytes = (size_t)params->extent * sizeof(real);
  RAPT_TRY(rapt__parallel_copy(ctx, params->values, bytes));
  for (int i = 0; i < RAPT__STATES; i++)
    if (params->state[i]) RAPT_TRY(rapt__parallel_copy(ctx, params->state[i], bytes));
  return RAPT_OK;
}
