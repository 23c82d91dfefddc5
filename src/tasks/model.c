/* Models: making them; forward plans and evaluation of language models. */
#include "tasks/model.h"

#include "tasks/encoder.h"

#include <math.h>
#include <rapt/music.h>
#include <string.h>

rapt_model_kind rapt_model_get_kind(const rapt_model *model) {
  const rapt__model *arch = model->arch;
  return arch->music     ? RAPT_KIND_MUSIC
         : arch->seq2seq ? RAPT_KIND_TRANSLATION
         : arch->encoder ? RAPT_KIND_ENCODER
                         : RAPT_KIND_LANGUAGE;
}

static rapt_status build_pass(void *user, rapt_graph *graph, const int64_t key[4], rapt_tensor **outputs, int *count) {
  rapt_model *model = user;
  if (model->arch->encoder) return rapt__encoder_build(model, graph, key, outputs, count);
  int64_t t = key[1];
  rapt_tensor *head;
  rapt__lm_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, (int64_t[]){1, t});
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, &t);
  if (key[0] == RAPT__PASS_CACHE) {
    pass.caches = model->caches;
    pass.capacity = model->capacity;
    pass.start = rapt_input(graph, "start", RAPT_I32, 0, NULL);
    pass.filled = rapt_input(graph, "filled", RAPT_I32, 1, (int64_t[]){1});
  }
  rapt_tensor *x = model->arch->hidden(&pass, &head);
  if (key[0] == RAPT__PASS_CACHE) x = rapt_slice(x, 1, t - 1, 1);
  outputs[0] = rapt_tap(rapt_linear(x, head, true, NULL, RAPT_IDENTITY), "logits");
  *count = 1;
  if (model->caches && rapt_params_count(model->caches) > 0 && !model->caches->started)
    return rapt_params_start(model->caches, 0);
  return RAPT_OK;
}

/* No plans yet, and caches that grow when a plan is made. */
static rapt_status make_plans(rapt_model *model) {
  rapt_params *caches = NULL;
  rapt_plan_cache *plans;
  if (model->arch->has_cache) RAPT_TRY(rapt_params_new(model->ctx, &caches));
  rapt_status status = rapt_plan_cache_new(model->ctx, build_pass, model, 4, NULL, &plans);
  if (status != RAPT_OK) {
    rapt_params_free(caches);
    return status;
  }
  rapt_plan_cache_free(model->plans);
  rapt_params_free(model->caches);
  model->plans = plans;
  model->caches = caches;
  return RAPT_OK;
}

/* Contexts of pretrained models are long, and texts seldom so: caches begin with room for FIRST tokens and grow twofold. */
rapt_status rapt__model_reserve(rapt_model *model, int64_t tokens) {
  enum { FIRST = 1024 };
  int64_t context = rapt_model_context(model), room = model->capacity ? model->capacity : FIRST;
  while (room < tokens && room < context) room *= 2;
  if (room > context) room = context;
  if (room <= model->capacity) return RAPT_OK;
  RAPT_TRY(make_plans(model));
  model->capacity = room;
  return RAPT_OK;
}

rapt_status rapt__model_empty(rapt_context *ctx, const rapt__model *arch, rapt_tokenizer *tokenizer, rapt_model **out) {
  return rapt__model_empty_pair(ctx, arch, NULL, tokenizer, out);
}

static void set_vocabularies(rapt_model *model) {
  if (model->tokenizer && model->arch->vocabulary)
    *model->arch->vocabulary(model->config) = rapt_tokenizer_size(model->tokenizer);
  const rapt_tokenizer *source = rapt__model_source(model);
  if (source && model->arch->seq2seq && model->arch->seq2seq->source_vocabulary)
    *model->arch->seq2seq->source_vocabulary(model->config) = rapt_tokenizer_size(source);
}

rapt_status rapt__model_empty_pair(rapt_context *ctx, const rapt__model *arch, rapt_tokenizer *source,
                                   rapt_tokenizer *target, rapt_model **out) {
  *out = NULL;
  rapt_model *model = rapt__new(ctx, 1, sizeof *model);
  if (!model) {
    rapt_tokenizer_free(source);
    rapt_tokenizer_free(target);
    return RAPT_ENOMEM;
  }
  model->ctx = ctx;
  model->arch = arch;
  model->tokenizer = target;
  model->source_tokenizer = source;
  rapt__arena_init(&model->arena, ctx);
  model->config = rapt__arena_new(&model->arena, 1, arch->config_size);
  rapt_status status = model->config ? rapt_params_new(ctx, &model->params) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = make_plans(model);
  rapt__config config = {arch->keys, model->config};
  if (status == RAPT_OK) status = rapt__config_defaults(ctx, &model->arena, &config, 1);
  if (status == RAPT_OK) set_vocabularies(model);
  if (status != RAPT_OK) {
    rapt_model_free(model);
    return status;
  }
  *out = model;
  return RAPT_OK;
}

static void declare_music(rapt_model *model, rapt_graph *graph) {
  rapt__music_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.before = rapt_input(graph, "before", RAPT_F32, 3, (int64_t[]){1, 1, RAPT_ROLL_NOTES});
  model->arch->music->logits(&pass);
}

static void declare_language_model(rapt_model *model, rapt_graph *graph) {
  rapt_tensor *head;
  rapt__lm_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  int64_t one = 1;
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, (int64_t[]){1, 1});
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, &one);
  rapt_tensor *x = model->arch->hidden(&pass, &head);
  rapt_linear(x, head, true, NULL, RAPT_IDENTITY);
}

static void declare_pair(rapt_model *model, rapt_graph *graph) {
  /* Two source tokens, since a net that joins neighbours has layers that a single one does not reach. */
  int64_t one[2] = {1, 1}, two[2] = {1, model->arch->context(model->config) > 1 ? 2 : 1};
  rapt__encoded encoded = {.count = 0};
  rapt__seq2seq_pass pass = {.graph = graph, .params = model->params, .config = model->config};
  pass.source = rapt_input(graph, "source", RAPT_I32, 2, two);
  pass.source_lengths = rapt_input(graph, "source_lengths", RAPT_I32, 1, one);
  pass.target = rapt_input(graph, "target", RAPT_I32, 2, one);
  pass.target_lengths = rapt_input(graph, "target_lengths", RAPT_I32, 1, one);
  model->arch->seq2seq->encode(&pass, &encoded);
  model->arch->seq2seq->decode(&pass, &encoded);
}

rapt_status rapt__model_declare(rapt_model *model) {
  if (model->arch->settle) RAPT_TRY(model->arch->settle(model->ctx, &model->arena, model->config));
  RAPT_TRY(model->arch->check(model->ctx, model->config));
  rapt_graph *graph;
  RAPT_TRY(rapt_graph_new(model->ctx, &graph));
  if (model->arch->seq2seq)
    declare_pair(model, graph);
  else if (model->arch->encoder)
    rapt__encoder_declare(model, graph);
  else if (model->arch->music)
    declare_music(model, graph);
  else
    declare_language_model(model, graph);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(model->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  return status;
}

rapt_status rapt_model_new(rapt_context *ctx, const char *architecture, const char *const *settings, int count,
                           rapt_tokenizer *tokenizer, uint64_t seed, rapt_model **out) {
  *out = NULL;
  const rapt__model *arch = rapt__model_find(architecture);
  if (!arch) {
    rapt_tokenizer_free(tokenizer);
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "no architecture is called \"%s\"", architecture);
  }
  rapt_model *model;
  RAPT_TRY(rapt__model_empty(ctx, arch, tokenizer, &model));
  rapt__config config = {arch->keys, model->config};
  rapt_status status = RAPT_OK;
  for (int i = 0; i < count && status == RAPT_OK; i++) {
    const char *equals = strchr(settings[i], '=');
    char *name = rapt__arena_strdup(&model->arena, settings[i]);
    if (!name) {
      status = RAPT_ENOMEM;
    } else if (!equals) {
      status = rapt__fail(ctx, RAPT_EKEY, "\"%s\" is not of the form key=value", settings[i]);
    } else {
      name[equals - settings[i]] = 0;
      status = rapt__config_set(ctx, &model->arena, &config, 1, name, equals + 1, "settings");
    }
  }
  if (status == RAPT_OK) status = rapt__model_declare(model);
  if (status == RAPT_OK) status = rapt_params_start(model->params, seed);
  if (status != RAPT_OK)
    rapt_model_free(model);
  else
    *out = model;
  return status;
}

void rapt_model_free(rapt_model *model) {
  if (!model) return;
  rapt_context *ctx = model->ctx;
  rapt_plan_cache_free(model->plans);
  rapt_params_free(model->caches);
  rapt_params_free(model->params);
  rapt_tokenizer_free(model->tokenizer);
  rapt_tokenizer_free(model->source_tokenizer);
  rapt__arena_free(&model->arena);
  rapt__free(ctx, model);
}

const rapt_tokenizer *rapt__model_source(const rapt_model *model) {
  return model->source_tokenizer ? model->source_tokenizer : model->tokenizer;
}

rapt_params *rapt_model_params(rapt_model *model) { return model->params; }
const rapt_tokenizer *rapt_model_tokenizer(const rapt_model *model) { return model->tokenizer; }
const char *rapt_model_architecture(const rapt_model *model) { return model->arch->name; }
int64_t rapt_model_context(const rapt_model *model) {
  return model->arch->context ? model->arch->context(model->config) : 0;
}
int64_t rapt_model_vocabulary(const rapt_model *model) {
  return model->arch->vocabulary ? *model->arch->vocabulary(model->config) : 0;
}

rapt_status rapt__model_is_language(const rapt_model *model) {
  if (model->arch->music)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED,
                      "the model writes music (%s) and is no language model; `rapt generate` runs it",
                      model->arch->name);
  if (model->arch->encoder)
    return rapt__fail(model->ctx, RAPT_EUNSUPPORTED,
                      "the model embeds texts (%s) and is no language model that continues them", model->arch->name);
  if (!model->arch->seq2seq) return RAPT_OK;
  return rapt__fail(model->ctx, RAPT_EUNSUPPORTED,
                    "the model translates (%s) and is no language model; `rapt translate` runs it", model->arch->name);
}

rapt_status rapt__model_is_music(const rapt_model *model) {
  if (model->arch->music) return RAPT_OK;
  return rapt__fail(model->ctx, RAPT_EUNSUPPORTED, "the model (%s) is one of text and writes no music",
                    model->arch->name);
}

rapt_status rapt__model_pass(rapt_model *model, int mode, const int32_t *ids, int64_t count, int64_t start,
                             const real **logits) {
  int64_t vocabulary = rapt_model_vocabulary(model), context = rapt_model_context(model);
  RAPT_TRY(rapt__model_is_language(model));
  if (count < 1 || start < 0 || start + count > context)
    return rapt__fail(model->ctx, RAPT_EINVAL, "%lld tokens at position %lld do not fit the context of %lld",
                      (long long)count, (long long)start, (long long)context);
  for (int64_t i = 0; i < count; i++)
    if (ids[i] < 0 || ids[i] >= vocabulary)
      return rapt__fail(model->ctx, RAPT_EINVAL, "token %d at position %lld is outside the vocabulary of %lld", ids[i],
                        (long long)i, (long long)vocabulary);
  rapt_plan *plan;
  if (mode == RAPT__PASS_CACHE && start == 0) RAPT_TRY(rapt__model_reserve(model, count));
  if (mode == RAPT__PASS_CACHE && start + count > model->capacity)
    return rapt__fail(model->ctx, RAPT_EINVAL, "%lld tokens at position %lld do not fit caches for %lld",
                      (long long)count, (long long)start, (long long)model->capacity);
  RAPT_TRY(rapt_plan_cache_get(model->plans, (int64_t[4]){mode, count}, &plan));
  memcpy(rapt_plan_data(plan, rapt_plan_find(plan, "tokens")), ids, (size_t)count * sizeof *ids);
  int32_t *positions = rapt_plan_data(plan, rapt_plan_find(plan, "positions"));
  for (int64_t i = 0; positions && i < count; i++) positions[i] = (int32_t)(start + i);
  if (mode == RAPT__PASS_CACHE) {
    *(int32_t *)rapt_plan_data(plan, rapt_plan_find(plan, "start")) = (int32_t)start;
    int32_t *filled = rapt_plan_data(plan, rapt_plan_find(plan, "filled"));
    if (filled) *filled = (int32_t)(start + count);
  }
  RAPT_TRY(rapt_plan_run(plan, 0));
  *logits = rapt_plan_data(plan, rapt_plan_find(plan, "logits"));
  return RAPT_OK;
}

rapt_status rapt_model_logits(rapt_model *model, const int32_t *ids, int64_t count, float *logits) {
  const real *found;
  RAPT_TRY(rapt__model_pass(model, RAPT__PASS_ALL, ids, count, 0, &found));
  for (int64_t i = 0; i < count * rapt_model_vocabulary(model); i++) logits[i] = (float)found[i];
  return RAPT_OK;
}

/* Nats of the tokens ids[first..count) given all before them in the window. */
static rapt_status window_loss(rapt_model *model, const int32_t *ids, int64_t count, int64_t first, double *sum) {
  const real *logits;
  int64_t v = rapt_model_vocabulary(model);
  RAPT_TRY(rapt__model_pass(model, RAPT__PASS_ALL, ids, count - 1, 0, &logits));
  for (int64_t i = first; i < count; i++) {
    const real *row = logits + (i - 1) * v;
    *sum += (double)(rapt__kernels()->logsumexp(v, row) - row[ids[i]]);
  }
  return RAPT_OK;
}

rapt_status rapt__model_eval_ids(rapt_model *model, const int32_t *ids, int64_t count, double *sum) {
  if (count < 2)
    return rapt__fail(model->ctx, RAPT_EINVAL, "the text has %lld tokens; two are needed", (long long)count);
  int64_t window = rapt_model_context(model) + 1, done = 1; /* tokens already predicted, the first excepted */
  *sum = 0;
  while (done < count) {
    int64_t begin = done <= window / 2 ? 0 : done - window / 2;
    int64_t end = begin + window < count ? begin + window : count;
    if (atomic_load(&model->ctx->interrupted))
      return rapt__fail(model->ctx, RAPT_EINTERRUPTED, "evaluation was interrupted");
    RAPT_TRY(window_loss(model, ids + begin, end - begin, done - begin, sum));
    done = end;
  }
  return RAPT_OK;
}

rapt_status rapt_model_eval(rapt_model *model, const char *text, size_t size, rapt_eval *out) {
  *out = (rapt_eval){.bytes = (int64_t)size};
  RAPT_TRY(rapt__model_is_language(model));
  int32_t *ids;
  int64_t count;
  double sum = 0;
  RAPT_TRY(rapt__model_encode(model, text, size, &ids, &count));
  rapt_status status = rapt__model_eval_ids(model, ids, count, &sum);
  rapt__free(model->ctx, ids);
  if (status != RAPT_OK) return status;
  out->tokens = count - 1;
  out->loss = sum / (double)out->tokens;
  out->perplexity = exp(out->loss);
  out->bits_per_byte = size ? sum / log(2) / (double)size : NAN;
  return RAPT_OK;
}
