/* Language modelling. */
#include "tasks/lm.h"

#include "base/rng.h"

#include <string.h>

enum { STREAM_TRAIN = 2, STREAM_EVAL = 3 }; /* high halves of random streams; initial weights use 1 */

rapt_tensor *rapt__lm_loss(rapt_tensor *x, rapt_tensor *head, rapt_tensor *labels) {
  /* A large vocabulary's logits would not fit into the cache, let alone be worth keeping. */
  if (rapt_dim(head, 0) >= 4096) return rapt_linear_cross_entropy(x, head, labels, NULL);
  return rapt_cross_entropy(rapt_linear(x, head, true, NULL, RAPT_IDENTITY), labels, NULL);
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  (void)bucket;
  rapt__lm *lm = (rapt__lm *)task;
  int64_t t = rapt_model_context(lm->model), dims[2] = {lm->batch, t};
  rapt__lm_pass pass = {.graph = graph, .params = params, .config = lm->model->config, .training = training};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, dims);
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, &t);
  rapt_tensor *head, *x = lm->model->arch->hidden(&pass, &head);
  return rapt__lm_loss(x, head, labels);
}

static void fill_windows(rapt__lm *lm, rapt_plan *plan, const int32_t *ids, int64_t count, uint64_t stream,
                         uint64_t index) {
  int64_t t = rapt_model_context(lm->model);
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens"));
  int32_t *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
  int32_t *positions = rapt_plan_data(plan, rapt_plan_find(plan, "positions"));
  for (int64_t b = 0; b < lm->batch; b++) {
    uint64_t draw = index * (uint64_t)lm->batch + (uint64_t)b;
    int64_t at = (int64_t)rapt__rng_below(lm->seed, stream << 32, draw, (uint64_t)(count - t));
    memcpy(tokens + b * t, ids + at, (size_t)t * sizeof *ids);
    memcpy(labels + b * t, ids + at + 1, (size_t)t * sizeof *ids);
  }
  for (int64_t i = 0; positions && i < t; i++) positions[i] = (int32_t)i;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  (void)bucket;
  rapt__lm *lm = (rapt__lm *)task;
  fill_windows(lm, plan, lm->train, lm->train_count, STREAM_TRAIN, index);
  return RAPT_OK;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  rapt__lm *lm = (rapt__lm *)task;
  if (index >= (uint64_t)lm->evals) return false;
  fill_windows(lm, plan, lm->valid, lm->valid_count, STREAM_EVAL, index);
  return true;
}

static bool collect(void *user, const char *bytes, size_t size) { return rapt__text_add(user, bytes, size) == RAPT_OK; }

/* A line break where the vocabulary has one, else the first token of the validation text. Borrowed. */
static const char *prompt_of(const rapt__lm *lm, size_t *size) {
  const rapt_tokenizer *t = lm->model->tokenizer;
  for (int64_t id = 0; id < rapt_tokenizer_size(t); id++) {
    const char *bytes = rapt_tokenizer_token(t, (int32_t)id, size);
    if (bytes && *size == 1 && *bytes == '\n') return bytes;
  }
  return rapt_tokenizer_token(t, lm->valid[0], size);
}

rapt_status rapt__lm_write(const rapt__lm *lm, int64_t tokens, uint64_t seed, rapt__text *out) {
  rapt_generate_options options = {.tokens = tokens, .temperature = 0.8, .top_k = 40, .seed = seed};
  size_t size;
  const char *prompt = prompt_of(lm, &size);
  return rapt_model_generate(lm->model, prompt, size, &options, collect, out);
}

static rapt_status sample(rapt__task *task, uint64_t seed, rapt__text *out) {
  const rapt__lm *lm = (const rapt__lm *)task;
  return lm->model->tokenizer ? rapt__lm_write(lm, lm->sample_tokens, seed, out) : RAPT_OK;
}

static rapt_status save(rapt__task *task, const char *dir) { return rapt_model_save(((rapt__lm *)task)->model, dir); }

rapt_status rapt__lm_init(rapt__lm *lm) {
  rapt_context *ctx = lm->model->ctx;
  int64_t t = rapt_model_context(lm->model);
  if (lm->train_count <= t || lm->valid_count <= t)
    return rapt__fail(
        ctx, RAPT_EINVAL,
        "the text is too short: %lld training and %lld validation tokens, but a context of %lld; use a longer text "
        "or a smaller model.context",
        (long long)lm->train_count, (long long)lm->valid_count, (long long)t);
  lm->task = (rapt__task){.loss = loss,
                          .fill = fill,
                          .fill_eval = fill_eval,
                          .sample = sample,
                          .save = save,
                          .tokens_per_batch = (double)(lm->batch * t)};
  return RAPT_OK;
}
