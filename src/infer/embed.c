/* Encoders at work: sequences grouped by padded length, states, embeddings, masked tokens. */
#include <rapt/embed.h>

#include "tasks/encoder.h"

#include <math.h>
#include <string.h>

/* A sequence is padded by its own length alone, and to at least so many rows that every product takes a path that sums in the same
 * order (docs/architecture.md, Kernels): so its results do not depend on what else is encoded. */
enum { STEP = 16, LEAST = 32, TOKENS = 2048 };

static int64_t padded(const rapt_model *model, int64_t count) {
  int64_t n = count < LEAST ? LEAST : (count + STEP - 1) / STEP * STEP, context = rapt_model_context(model);
  return n < context ? n : context;
}

int64_t rapt_encoder_width(const rapt_model *model) {
  return model->arch->encoder ? model->arch->encoder->width(model->config) : 0;
}

rapt_embed_options rapt_encoder_options(const rapt_model *model) { return model->embed; }

static rapt_status check(const rapt_model *model, const rapt_sequence *s, int64_t at) {
  int64_t context = rapt_model_context(model), vocabulary = rapt_model_vocabulary(model);
  if (s->count < 1 || s->count > context)
    return rapt__fail(model->ctx, RAPT_EINVAL, "sequence %lld has %lld tokens; 1 to %lld fit", (long long)at,
                      (long long)s->count, (long long)context);
  for (int64_t i = 0; i < s->count; i++)
    if (s->ids[i] < 0 || s->ids[i] >= vocabulary)
      return rapt__fail(model->ctx, RAPT_EINVAL, "token %d at position %lld is outside the vocabulary of %lld",
                        s->ids[i], (long long)i, (long long)vocabulary);
  return RAPT_OK;
}

/* Fills row `row` of a plan's inputs. */
static void put(rapt_plan *plan, int64_t row, const rapt_sequence *s, int64_t length) {
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens"));
  int32_t *types = rapt_plan_data(plan, rapt_plan_find(plan, "types"));
  int32_t *lengths = rapt_plan_data(plan, rapt_plan_find(plan, "lengths"));
  lengths[row] = (int32_t)s->count;
  for (int64_t i = 0; i < length; i++) {
    tokens[row * length + i] = i < s->count ? s->ids[i] : 0;
    if (types) types[row * length + i] = i < s->count && s->types ? s->types[i] : 0;
  }
}

/* One call of the public functions. */
typedef struct work {
  rapt_model *model;
  int mode;
  const rapt_sequence *sequences;
  int64_t count, width;
  int64_t *order; /* (count) owned: sequences by padded length */
  /* Takes what the plan gave for one sequence: its rows, (length, width) or (width). */
  void (*take)(const struct work *w, int64_t sequence, const real *rows);
  const rapt_embed_options *options;
  float *out;
  int64_t *begin; /* (count) owned: the place of each sequence's first state in out */
} work;

static rapt_status run_rows(work *w, const int64_t *which, int64_t rows, int64_t length) {
  static const char *const names[] = {"states", "pooled"};
  rapt_plan *plan;
  if (atomic_load(&w->model->ctx->interrupted))
    return rapt__fail(w->model->ctx, RAPT_EINTERRUPTED, "encoding was interrupted");
  RAPT_TRY(rapt_plan_cache_get(w->model->plans, (int64_t[4]){w->mode, rows, length}, &plan));
  for (int64_t i = 0; i < rows; i++) put(plan, i, &w->sequences[which[i]], length);
  RAPT_TRY(rapt_plan_run(plan, 0));
  const real *got = rapt_plan_data(plan, rapt_plan_find(plan, names[w->mode]));
  int64_t each = w->mode == RAPT__ENCODE_STATES ? length * w->width : w->width;
  for (int64_t i = 0; i < rows; i++) w->take(w, which[i], got + i * each);
  return RAPT_OK;
}

/* Sequences of one padded length, a power of two at once, so that plans are few. */
static rapt_status run_group(work *w, const int64_t *which, int64_t count, int64_t length) {
  bool alone = length < LEAST || w->mode == RAPT__ENCODE_POOLED;
  int64_t most = alone || length > TOKENS ? 1 : TOKENS / length, rows = 1;
  while (2 * rows <= most) rows *= 2;
  for (int64_t i = 0; i < count; i += rows) {
    while (rows > count - i) rows /= 2;
    RAPT_TRY(run_rows(w, which + i, rows, length));
  }
  return RAPT_OK;
}

/* Counting sort by padded length; groups run as they come. */
static rapt_status run_sorted(work *w) {
  int64_t n = 0;
  for (int64_t length = 0, next; n < w->count; length = next) {
    int64_t from = n;
    next = INT64_MAX;
    for (int64_t i = 0; i < w->count; i++) {
      int64_t p = padded(w->model, w->sequences[i].count);
      if (p == length) w->order[n++] = i;
      if (p > length && p < next) next = p;
    }
    RAPT_TRY(run_group(w, w->order + from, n - from, length));
  }
  return RAPT_OK;
}

static rapt_status run(work *w) {
  rapt_context *ctx = w->model->ctx;
  RAPT_TRY(rapt__model_is_encoder(w->model));
  w->width = rapt_encoder_width(w->model);
  if (w->count < 0) return rapt__fail(ctx, RAPT_EINVAL, "%lld sequences", (long long)w->count);
  for (int64_t i = 0; i < w->count; i++) RAPT_TRY(check(w->model, &w->sequences[i], i));
  w->order = rapt__new(ctx, (size_t)w->count + 1, sizeof *w->order);
  w->begin = rapt__new(ctx, (size_t)w->count + 1, sizeof *w->begin);
  rapt_status status = w->order && w->begin ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) {
    for (int64_t i = 0; i < w->count; i++) w->begin[i + 1] = w->begin[i] + w->sequences[i].count;
    status = run_sorted(w);
  }
  rapt__free(ctx, w->order);
  rapt__free(ctx, w->begin);
  return status;
}

static void take_states(const work *w, int64_t sequence, const real *rows) {
  float *out = w->out + w->begin[sequence] * w->width;
  for (int64_t i = 0; i < w->sequences[sequence].count * w->width; i++) out[i] = (float)rows[i];
}

rapt_status rapt_encoder_hidden(rapt_model *model, const rapt_sequence *sequences, int64_t count, float *out) {
  work w = {.model = model, .sequences = sequences, .count = count, .take = take_states, .out = out};
  return run(&w);
}

static double pool(const work *w, const real *column, int64_t count) {
  double y = (double)column[0];
  if (w->options->pooling == RAPT_POOLING_CLS || w->mode == RAPT__ENCODE_POOLED) return y;
  for (int64_t t = 1; t < count; t++) {
    double x = (double)column[t * w->width];
    y = w->options->pooling == RAPT_POOLING_MAX ? fmax(y, x) : y + x;
  }
  return w->options->pooling == RAPT_POOLING_MAX ? y : y / (double)count;
}

static void take_embedding(const work *w, int64_t sequence, const real *rows) {
  float *out = w->out + sequence * w->width;
  double squares = 0;
  for (int64_t i = 0; i < w->width; i++) {
    double y = pool(w, rows + i, w->sequences[sequence].count);
    out[i] = (float)y;
    squares += y * y;
  }
  double norm = sqrt(squares);
  for (int64_t i = 0; w->options->normalize && norm > 0 && i < w->width; i++) out[i] = (float)((double)out[i] / norm);
}

rapt_status rapt_encoder_embed(rapt_model *model, const rapt_sequence *sequences, int64_t count,
                               const rapt_embed_options *options, float *out) {
  RAPT_TRY(rapt__model_is_encoder(model));
  if (!options) options = &model->embed;
  if ((unsigned)options->pooling > RAPT_POOLING_POOLER)
    return rapt__fail(model->ctx, RAPT_EINVAL, "%d is no way of pooling", (int)options->pooling);
  bool pooler = options->pooling == RAPT_POOLING_POOLER;
  if (pooler && !model->arch->encoder->pooled)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED,
                      "%s has no pooler; the mean, the first token and the maximum can be had", model->arch->hf_class);
  work w = {.model = model,
            .mode = pooler ? RAPT__ENCODE_POOLED : RAPT__ENCODE_STATES,
            .sequences = sequences,
            .count = count,
            .take = take_embedding,
            .options = options,
            .out = out};
  return run(&w);
}

rapt_status rapt_encoder_masked(rapt_model *model, const rapt_sequence *sequence, int64_t position,
                                float *probabilities) {
  RAPT_TRY(rapt__model_is_encoder(model));
  if (!model->arch->encoder->masked)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "%s has no head for masked tokens", model->arch->hf_class);
  RAPT_TRY(check(model, sequence, 0));
  if (position < 0 || position >= sequence->count)
    return rapt__fail(model->ctx, RAPT_EINVAL, "position %lld is not one of %lld tokens", (long long)position,
                      (long long)sequence->count);
  rapt_plan *plan;
  int64_t length = padded(model, sequence->count);
  RAPT_TRY(rapt_plan_cache_get(model->plans, (int64_t[4]){RAPT__ENCODE_MASKED, 1, length}, &plan));
  put(plan, 0, sequence, length);
  *(int32_t *)rapt_plan_data(plan, rapt_plan_find(plan, "at")) = (int32_t)position;
  RAPT_TRY(rapt_plan_run(plan, 0));
  const real *got = rapt_plan_data(plan, rapt_plan_find(plan, "masked"));
  for (int64_t i = 0; i < rapt_model_vocabulary(model); i++) probabilities[i] = (float)got[i];
  return RAPT_OK;
}
