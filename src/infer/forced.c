/* Scoring given targets. */
#include "infer/forced.h"

#include "tasks/model.h"

#include <math.h>
#include <string.h>

enum { PLANS = 8 };
enum { LOGITS = 1 << 25 }; /* of a pass, about: 128 MiB */

typedef struct scorer {
  rapt_context *ctx;
  rapt__search_model model;
  rapt_plan_cache *plans; /* by (rows, S, T, whole); owned */
} scorer;

struct rapt__forced {
  rapt_context *ctx;
  int count;
  int64_t context; /* the shortest */
  scorer scorers[RAPT__ENSEMBLE];
};

int64_t rapt__forced_rows(const rapt__forced *f, int64_t target_length, int64_t batch) {
  int64_t fit = LOGITS / (target_length * f->scorers[0].model.vocabulary);
  int64_t least = rapt__stepper_rows(1); /* fewer cost as much */
  if (fit < least) fit = least;
  return batch < fit ? batch : fit;
}

static rapt_tensor *log_probs(const rapt__seq2seq *arch, rapt__seq2seq_pass *pass, const rapt__encoded *encoded,
                              rapt_tensor *labels) {
  if (arch->score) return arch->score(pass, encoded, labels);
  rapt__output o = arch->decode(pass, encoded);
  rapt_tensor *logits = o.logits ? o.logits : rapt_linear(o.hidden, o.head, true, o.bias, RAPT_IDENTITY);
  return rapt_sub(rapt_gather(logits, labels), rapt_logsumexp(logits));
}

static rapt_status build(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs, int *count) {
  const rapt__search_model *model = &((const scorer *)user)->model;
  int64_t b = key[0], s = key[1], t = key[2];
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, (int64_t[]){b, s});
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &b);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, (int64_t[]){b, t});
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, &b);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, (int64_t[]){b, t});
  if (key[3]) pass.labels = labels;
  rapt__encoded encoded = {.count = 0};
  model->arch->encode(&pass, &encoded);
  outputs[0] = rapt_tap(log_probs(model->arch, &pass, &encoded, labels), "forced.log_probs");
  *count = 1;
  if (pass.alignment) rapt_tap(rapt_reshape(pass.alignment, 4, (int64_t[]){b, 1, t, s}), "forced.alignment");
  return RAPT_OK;
}

rapt_status rapt__forced_new(rapt_context *ctx, const rapt__search_model *models, int count, rapt__forced **out) {
  *out = NULL;
  rapt__forced *f = rapt__new(ctx, 1, sizeof *f);
  if (!f) return RAPT_ENOMEM;
  f->ctx = ctx;
  f->context = models[0].context;
  rapt_status status = RAPT_OK;
  for (int m = 0; m < count && status == RAPT_OK; m++) {
    if (models[m].context < f->context) f->context = models[m].context;
    f->scorers[m] = (scorer){ctx, models[m], NULL};
    status = rapt_plan_cache_new(ctx, build, &f->scorers[m], PLANS, NULL, &f->scorers[m].plans);
    f->count = m + 1;
  }
  if (status != RAPT_OK)
    rapt__forced_free(f);
  else
    *out = f;
  return status;
}

void rapt__forced_free(rapt__forced *f) {
  if (!f) return;
  for (int m = 0; m < f->count; m++) rapt_plan_cache_free(f->scorers[m].plans);
  rapt__free(f->ctx, f);
}

static void *data_of(rapt_plan *plan, const char *name) {
  rapt_tensor *t = rapt_plan_find(plan, name);
  return t ? rapt_plan_data(plan, t) : NULL;
}

/* Rows past the pairs are like the first. */
static void fill(rapt_plan *plan, const rapt__forced_pair *pairs, int64_t count, int64_t rows, int64_t s, int64_t t) {
  int32_t *source = data_of(plan, "source"), *target = data_of(plan, "target"), *labels = data_of(plan, "labels");
  int32_t *source_lengths = data_of(plan, "source_lengths"), *target_lengths = data_of(plan, "target_lengths");
  for (int64_t r = 0; r < rows; r++) {
    const rapt__forced_pair *p = &pairs[r < count ? r : 0];
    for (int64_t i = 0; source && i < s; i++) source[r * s + i] = i < p->source.count ? p->source.ids[i] : RAPT__PAD;
    for (int64_t i = 0; i < t; i++) {
      if (target) target[r * t + i] = i == 0 ? RAPT__BOS : i < p->count ? p->target[i - 1] : RAPT__PAD;
      labels[r * t + i] = i < p->count ? p->target[i] : RAPT__PAD;
    }
    if (source_lengths) source_lengths[r] = (int32_t)p->source.count;
    if (target_lengths) target_lengths[r] = (int32_t)p->count;
  }
}

/* Adds a model's probabilities, and alignments, to the sums. */
static void add(const rapt__forced_pair *p, int64_t row, const real *log_probs, const real *alignment, double *sums,
                int64_t s, int64_t t) {
  for (int64_t i = 0; i < p->count; i++) sums[i] += exp((double)log_probs[row * t + i]);
  for (int64_t i = 0; alignment && p->alignment && i < p->count; i++)
    for (int64_t j = 0; j < p->source.count; j++)
      p->alignment[i * p->source.count + j] += alignment[(row * t + i) * s + j];
}

static rapt_status finish(const rapt__forced *f, const rapt__forced_pair *p, const double *sums, int aligned) {
  for (int64_t i = 0; i < p->count; i++) {
    if (!isfinite(sums[i]))
      return rapt__fail(f->ctx, RAPT_ENAN, "line %lld: the model's score of token %lld is not a number",
                        (long long)p->number, (long long)i);
    if (f->count > 1) p->log_probs[i] = (float)log(sums[i] / f->count);
  }
  for (int64_t i = 0; aligned > 1 && p->alignment && i < p->count * p->source.count; i++)
    p->alignment[i] /= (float)aligned;
  return RAPT_OK;
}

bool rapt__forced_late(const rapt__forced *f) {
  for (int m = 0; m < f->count; m++)
    if (f->scorers[m].model.arch->late_alignment) return true;
  return false;
}

static rapt_status run(rapt__forced *f, rapt__forced_pair *pairs, int64_t count, bool whole, bool *aligned) {
  int64_t rows = rapt__stepper_rows(count), s = rapt__padded(pairs[0].source.count, f->context);
  int64_t t = rapt__padded(pairs[0].count, f->context);
  double *sums = rapt__new(f->ctx, (size_t)(count * t), sizeof *sums);
  if (!sums) return RAPT_ENOMEM;
  rapt_status status = RAPT_OK;
  int with = 0;
  for (int64_t i = 0; i < count; i++)
    if (pairs[i].alignment)
      memset(pairs[i].alignment, 0, (size_t)(pairs[i].count * pairs[i].source.count) * sizeof(float));
  for (int m = 0; m < f->count && status == RAPT_OK; m++) {
    rapt_plan *plan;
    status = rapt_plan_cache_get(f->scorers[m].plans, (int64_t[4]){rows, s, t, whole}, &plan);
    if (status != RAPT_OK) break;
    fill(plan, pairs, count, rows, s, t);
    status = rapt_plan_run(plan, 0);
    const real *log_probs = data_of(plan, "forced.log_probs"), *alignment = data_of(plan, "forced.alignment");
    with += alignment != NULL;
    for (int64_t i = 0; i < count; i++) {
      add(&pairs[i], i, log_probs, alignment, sums + i * t, s, t);
      for (int64_t j = 0; f->count == 1 && j < pairs[i].count; j++) pairs[i].log_probs[j] = (float)log_probs[i * t + j];
    }
  }
  for (int64_t i = 0; i < count && status == RAPT_OK; i++) status = finish(f, &pairs[i], sums + i * t, with);
  *aligned = with > 0;
  rapt__free(f->ctx, sums);
  return status;
}

rapt_status rapt__forced_run(rapt__forced *f, rapt__forced_pair *pairs, int64_t count, bool *aligned) {
  return run(f, pairs, count, false, aligned);
}

rapt_status rapt__forced_align(rapt__forced *f, rapt__forced_pair *pairs, int64_t count) {
  bool aligned;
  return run(f, pairs, count, true, &aligned);
}
