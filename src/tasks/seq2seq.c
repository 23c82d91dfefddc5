/* Sequence-to-sequence learning as a task of the trainer. */
#include "tasks/seq2seq.h"

enum { STREAM_TRAIN = 2, STREAM_EVAL = 3 }; /* high halves of random streams; initial weights use 1 */
enum { IGNORED = -100 };

rapt_tensor *rapt__output_loss(const rapt__output *o, rapt_tensor *labels, double smoothing, bool mean) {
  rapt_cross_entropy_options options = {.label_smoothing = smoothing, .ignore = IGNORED, .sum = !mean};
  if (o->logits) return rapt_cross_entropy(o->logits, labels, &options);
  /* A large vocabulary's logits would not fit into the cache, let alone be worth keeping. */
  if (!o->bias && rapt_dim(o->head, 0) >= 4096) return rapt_linear_cross_entropy(o->hidden, o->head, labels, &options);
  return rapt_cross_entropy(rapt_linear(o->hidden, o->head, true, o->bias, RAPT_IDENTITY), labels, &options);
}

/* The inputs of a batch, without labels. */
static rapt__seq2seq_pass begin_pass(const rapt_model *model, rapt_graph *graph, rapt_params *params,
                                     const rapt__bucket *b, bool training) {
  int64_t source[2] = {b->rows, b->count[RAPT__SOURCE] + 1}, target[2] = {b->rows, b->count[RAPT__TARGET] + 1};
  rapt__seq2seq_pass pass = {.graph = graph, .params = params, .config = model->config, .training = training};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, source);
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, &b->rows);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, target);
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, &b->rows);
  return pass;
}

rapt__output rapt__seq2seq_output(const rapt_model *model, rapt_graph *graph, rapt_params *params,
                                  const rapt__bucket *b) {
  rapt__seq2seq_pass pass = begin_pass(model, graph, params, b, false);
  rapt__encoded encoded = {.count = 0};
  model->arch->seq2seq->encode(&pass, &encoded);
  return model->arch->seq2seq->decode(&pass, &encoded);
}

rapt_tensor *rapt__seq2seq_loss(const rapt_model *model, rapt_graph *graph, rapt_params *params, const rapt__bucket *b,
                                double smoothing, bool training) {
  const rapt__seq2seq *arch = model->arch->seq2seq;
  rapt__seq2seq_pass pass = begin_pass(model, graph, params, b, training);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, (int64_t[]){b->rows, b->count[RAPT__TARGET] + 1});
  rapt__encoded encoded = {.count = 0};
  arch->encode(&pass, &encoded);
  if (arch->loss) {
    rapt_tensor *count = rapt_input(graph, "tokens", RAPT_F32, 0, NULL);
    return rapt_div(arch->loss(&pass, &encoded, labels, smoothing), count);
  }
  rapt__output output = arch->decode(&pass, &encoded);
  return rapt__output_loss(&output, labels, smoothing, true);
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const rapt__seq2seq_task *t = (const rapt__seq2seq_task *)task;
  return rapt__seq2seq_loss(t->model, graph, params, &t->buckets.at[bucket], training ? t->smoothing : 0, training);
}

/* ---- Batches ---- */

static int32_t *input_of(rapt_plan *plan, const char *name) { return rapt_plan_data(plan, rapt_plan_find(plan, name)); }

rapt__seq2seq_inputs rapt__seq2seq_inputs_of(rapt_plan *plan) {
  return (rapt__seq2seq_inputs){input_of(plan, "source"), input_of(plan, "source_lengths"), input_of(plan, "target"),
                                input_of(plan, "target_lengths"), input_of(plan, "labels")};
}

static void put(int32_t *to, int64_t at, int32_t value) {
  if (to) to[at] = value;
}

void rapt__seq2seq_fill_row(const rapt__seq2seq_inputs *in, const rapt__pairs *pairs, const rapt__bucket *b,
                            const rapt__pair *pair, int64_t row) {
  int64_t ns = pair ? pair->count[RAPT__SOURCE] : 0, nt = pair ? pair->count[RAPT__TARGET] : 0;
  const int32_t *source = pairs->ids + (pair ? pair->begin[RAPT__SOURCE] : 0);
  const int32_t *target = pairs->ids + (pair ? pair->begin[RAPT__TARGET] : 0);
  int64_t s = b->count[RAPT__SOURCE] + 1, t = b->count[RAPT__TARGET] + 1;
  for (int64_t i = 0; i < s; i++) put(in->source, row * s + i, i < ns ? source[i] : i == ns ? RAPT__EOS : RAPT__PAD);
  for (int64_t i = 0; i < t; i++) {
    put(in->target, row * t + i, i == 0 ? RAPT__BOS : i <= nt ? target[i - 1] : RAPT__PAD);
    put(in->labels, row * t + i, i < nt ? target[i] : i == nt && pair ? RAPT__EOS : IGNORED);
  }
  put(in->source_lengths, row, (int32_t)(ns + 1));
  put(in->target_lengths, row, (int32_t)(nt + 1));
}

static double weight_of(const rapt__batches *batches, uint64_t index, int64_t count) {
  int64_t tokens = 0;
  for (int64_t row = 0; row < count; row++) tokens += rapt__batches_pair(batches, index, row)->count[RAPT__TARGET] + 1;
  return (double)tokens;
}

static void fill_batch(rapt__batches *batches, rapt_plan *plan, uint64_t index) {
  int64_t count;
  const rapt__bucket *b = &batches->buckets->at[rapt__batches_get(batches, index, &count)];
  rapt__seq2seq_inputs in = rapt__seq2seq_inputs_of(plan);
  for (int64_t row = 0; row < b->rows; row++)
    rapt__seq2seq_fill_row(&in, batches->pairs, b, row < count ? rapt__batches_pair(batches, index, row) : NULL, row);
  rapt_tensor *tokens = rapt_plan_find(plan, "tokens");
  if (tokens) *(rapt_real *)rapt_plan_data(plan, tokens) = (rapt_real)weight_of(batches, index, count);
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  rapt__seq2seq_task *t = (rapt__seq2seq_task *)task;
  fill_batch(&t->train_batches, plan, index);
  return rapt__sampling_apply(&t->sampling, &t->buckets.at[bucket], bucket, t->seed, index, plan);
}

/* Always the same batches, of all lengths, since they are the first of a fixed order. */
static bool evaluates(const rapt__seq2seq_task *t, uint64_t index) {
  return index < (uint64_t)t->evals && index < t->valid_batches.count;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  rapt__seq2seq_task *t = (rapt__seq2seq_task *)task;
  if (!evaluates(t, index)) return false;
  fill_batch(&t->valid_batches, plan, index);
  return true;
}

static bool batch(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  rapt__seq2seq_task *t = (rapt__seq2seq_task *)task;
  if (!training && !evaluates(t, index)) return false;
  rapt__batches *batches = training ? &t->train_batches : &t->valid_batches;
  int64_t count;
  out->bucket = rapt__batches_get(batches, index, &count);
  out->weight = weight_of(batches, index, count);
  return true;
}

static rapt_status save(rapt__task *task, const char *dir) {
  return rapt_model_save(((const rapt__seq2seq_task *)task)->model, dir);
}

/* ---- Begin and end ---- */

rapt_status rapt__seq2seq_init(rapt__seq2seq_task *t) {
  rapt_model *model = t->model;
  const rapt_tokenizer *target = model->tokenizer, *source = rapt__model_source(model);
  if (!model->arch->seq2seq || !target)
    return rapt__fail(model->ctx, RAPT_EINVAL, "%s is no sequence-to-sequence model with a tokenizer",
                      model->arch->name);
  int64_t most = rapt_model_context(model) - 1;
  RAPT_TRY(rapt__pairs_encode(model->ctx, source, target, t->train, most, "training text", &t->train_pairs));
  RAPT_TRY(rapt__pairs_encode(model->ctx, source, target, t->valid, most, "validation text", &t->valid_pairs));
  RAPT_TRY(rapt__buckets_choose(&t->train_pairs, &t->valid_pairs, t->batch, t->max_tokens, &t->buckets));
  RAPT_TRY(rapt__batches_init(&t->train_pairs, &t->buckets, t->seed, STREAM_TRAIN, &t->train_batches));
  RAPT_TRY(rapt__batches_init(&t->valid_pairs, &t->buckets, t->seed, STREAM_EVAL, &t->valid_batches));
  RAPT_TRY(rapt__sampling_begin(&t->sampling, model, &t->buckets));
  t->task = (rapt__task){
      .loss = loss, .fill = fill, .fill_eval = fill_eval, .save = save, .buckets = t->buckets.count, .batch = batch};
  return RAPT_OK;
}

void rapt__seq2seq_free(rapt__seq2seq_task *t) {
  rapt__sampling_free(&t->sampling);
  rapt__batches_free(&t->train_batches);
  rapt__batches_free(&t->valid_batches);
  rapt__pairs_free(&t->train_pairs);
  rapt__pairs_free(&t->valid_pairs);
}
