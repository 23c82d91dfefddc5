/* A work as numbers in a file, so that another library can compute the same from them. */
#include "infer/bench/bench.h"

#include <stdio.h>
#include <string.h>

enum { LOSSES = 4 };

static rapt__st_entry entry_of(const char *name, const rapt_tensor *t, const void *data) {
  rapt__st_type type = t->dtype == RAPT_I32 ? RAPT__ST_I32 : sizeof(real) == 8 ? RAPT__ST_F64 : RAPT__ST_F32;
  rapt__st_entry e = {.name = name, .type = type, .ndim = t->ndim, .size = t->size, .data = data};
  memcpy(e.dim, t->dim, sizeof t->dim);
  return e;
}

/* Parameters, inputs and taps of the plan, what the work adds, and losses. */
static rapt_status collect(rapt__bench *b, rapt__arena *arena, const float *losses, size_t losses_count,
                           rapt__st_entry **out, size_t *count) {
  size_t parameters = b->params ? b->params->count : 0, tensors = b->plan ? b->graph->tensor_count : 0;
  rapt__st_entry *entries = rapt__arena_new(arena, parameters + tensors + b->extras + 1, sizeof *entries);
  if (!entries) return RAPT_ENOMEM;
  size_t n = 0;
  for (size_t i = 0; i < parameters; i++) {
    const rapt__param *p = b->params->items[i];
    rapt_tensor shape = {.dtype = RAPT_F32, .ndim = p->ndim, .size = p->size};
    memcpy(shape.dim, p->dim, sizeof p->dim);
    entries[n++] = entry_of(p->name, &shape, b->params->values + p->offset);
  }
  for (size_t i = 0; i < tensors; i++) {
    const rapt_tensor *t = b->graph->tensors[i];
    bool input = t->node && t->node->op == &rapt__op_input;
    const void *data = input || t->tapped ? rapt_plan_data(b->plan, t) : NULL;
    if (!data) continue;
    char *name = rapt__arena_format(arena, "%s.%s", input ? "input" : "output", rapt_name(t));
    if (!name) return RAPT_ENOMEM;
    entries[n++] = entry_of(name, t, data);
  }
  for (size_t i = 0; i < b->extras; i++) entries[n++] = b->extra[i];
  if (losses_count)
    entries[n++] = (rapt__st_entry){.name = "losses",
                                    .type = RAPT__ST_F32,
                                    .ndim = 1,
                                    .dim = {(int64_t)losses_count},
                                    .size = (int64_t)losses_count,
                                    .data = (const uint8_t *)losses};
  *out = entries;
  *count = n;
  return RAPT_OK;
}

static rapt_status write(rapt__bench *b, const float *losses, size_t losses_count) {
  char rate[32], beta1[32], beta2[32], eps[32], decay[32];
  const rapt_update_options *o = &rapt__bench_adamw;
  snprintf(rate, sizeof rate, "%.17g", RAPT__BENCH_RATE);
  snprintf(beta1, sizeof beta1, "%.17g", o->beta1);
  snprintf(beta2, sizeof beta2, "%.17g", o->beta2);
  snprintf(eps, sizeof eps, "%.17g", o->eps);
  snprintf(decay, sizeof decay, "%.17g", o->weight_decay);
  const char *meta[] = {"work", b->work->info.id, "lr",  rate, "beta1", beta1, "beta2", beta2, "eps",
                        eps,    "weight_decay",   decay, NULL};
  rapt__arena arena;
  rapt__arena_init(&arena, b->ctx);
  rapt__st_entry *entries;
  size_t count;
  rapt_status status = collect(b, &arena, losses, losses_count, &entries, &count);
  if (status == RAPT_OK)
    status = rapt__safetensors_write(b->ctx, b->options->save, entries, count,
                                     b->count ? meta : (const char *[]){"work", b->work->info.id, NULL});
  rapt__arena_free(&arena);
  return status;
}

rapt_status rapt__bench_save(rapt_context *ctx, const rapt__work *work, const rapt_bench_options *options) {
  rapt__bench b;
  float losses[LOSSES];
  size_t count = 0;
  RAPT_TRY(rapt__bench_build(ctx, work, options, &b));
  rapt_status status = RAPT_OK;
  for (size_t i = 0; status == RAPT_OK && i < (b.count ? LOSSES : 1); i++) {
    double loss;
    status = rapt__bench_once(&b, (int64_t)i + 1, &loss);
    losses[i] = (float)loss;
    if (b.loss) count = i + 1;
  }
  /* Steps have changed the parameters; the file has those of the beginning. */
  if (status == RAPT_OK && b.count) {
    rapt__bench_free(&b);
    RAPT_TRY(rapt__bench_build(ctx, work, options, &b));
  }
  if (status == RAPT_OK) status = write(&b, losses, count);
  rapt__bench_free(&b);
  return status;
}
