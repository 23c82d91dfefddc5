/* Training and translating for recipes of machine translation. */
#include "recipes/translation.h"

#include "base/file.h"
#include "base/parallel.h"

#include <string.h>

/* ---- A system ---- */

static rapt_translate_options search_options(const rapt__translation_settings *s, int64_t beam) {
  /* One and a half times the source and ten tokens more is more than any of these languages needs. */
  return (rapt_translate_options){.beam = beam, .alpha = s->alpha, .max_ratio = 1.5, .max_length = 10};
}

typedef struct shown {
  rapt__text *out;
  const rapt__bitext *text;
} shown;

static bool show(void *user, const rapt_translation *t) {
  shown *s = user;
  const rapt__line *pair = s->text->pairs[t->line];
  rapt_status status =
      rapt__text_addf(s->out, "%.*s\n  = %.*s\n  > %s\n", (int)pair[RAPT__SOURCE].size, pair[RAPT__SOURCE].bytes,
                      (int)pair[RAPT__TARGET].size, pair[RAPT__TARGET].bytes, t->count ? t->hypotheses[0].text : "");
  return status == RAPT_OK;
}

enum { SHOWN = 4 };

/* The first validation sentences, translated with the weights of now. */
static rapt_status sample(rapt__task *task, uint64_t seed, rapt__text *out) {
  const rapt__seq2seq_task *t = (const rapt__seq2seq_task *)task;
  const char *lines[SHOWN];
  size_t sizes[SHOWN];
  int64_t count = 0;
  (void)seed;
  for (; count < SHOWN && (size_t)count < t->valid->count; count++) {
    lines[count] = t->valid->pairs[count][RAPT__SOURCE].bytes;
    sizes[count] = t->valid->pairs[count][RAPT__SOURCE].size;
  }
  rapt_translator *translator;
  rapt_translate_options options = {.max_ratio = 1.5, .max_length = 10};
  shown user = {out, t->valid};
  RAPT_TRY(rapt_translator_new((rapt_model *const[]){t->model}, 1, &translator));
  rapt_status status = rapt_translate(translator, lines, sizes, count, &options, show, &user);
  rapt_translator_free(translator);
  return status;
}

/* A size that was asked for must be what the tokenizer has: its ids are the model's. */
static rapt_status set_vocabulary(rapt_context *ctx, const char *key, int64_t size, int64_t *field) {
  if (*field != 0 && *field != size)
    return rapt__fail(ctx, RAPT_EINVAL, "%s=%lld does not fit the text's vocabulary of %lld; leave it out", key,
                      (long long)*field, (long long)size);
  *field = size;
  return RAPT_OK;
}

static rapt_status make_model(rapt__system *y, const rapt__model *arch, const void *config) {
  rapt_context *ctx = y->run->ctx;
  rapt_tokenizer *source, *target;
  RAPT_TRY(rapt__corpus_tokenizers(y->run, y->settings, y->corpus, &source, &target));
  int64_t sizes[2] = {rapt_tokenizer_size(source ? source : target), rapt_tokenizer_size(target)};
  RAPT_TRY(rapt__model_empty_pair(ctx, arch, source, target, &y->model));
  memcpy(y->model->config, config, arch->config_size);
  RAPT_TRY(set_vocabulary(ctx, "model.vocabulary", sizes[1], arch->vocabulary(y->model->config)));
  if (arch->seq2seq->source_vocabulary)
    RAPT_TRY(
        set_vocabulary(ctx, "model.source_vocabulary", sizes[0], arch->seq2seq->source_vocabulary(y->model->config)));
  RAPT_TRY(rapt__model_declare(y->model));
  return rapt_params_start(y->model->params, (uint64_t)y->run->common.seed);
}

rapt_status rapt__system_begin(rapt__run *run, const rapt__translation_settings *s, const rapt__corpus *corpus,
                               const rapt__model *arch, const void *config, const char *name, rapt__system *out) {
  *out = (rapt__system){.name = name,
                        .run = run,
                        .settings = s,
                        .corpus = corpus,
                        .train = run->train,
                        .metric = rapt__translation_metric(s)};
  rapt__trainer_init(&out->trainer, run->ctx);
  RAPT_TRY(make_model(out, arch, config));
  out->task = (rapt__seq2seq_task){
      .model = out->model,
      .train = &corpus->train,
      .valid = &corpus->valid,
      .batch = run->train.batch,
      .max_tokens = s->max_tokens,
      .evals = run->train.evals,
      .smoothing = s->smoothing,
      .sampling = {.most = s->sampling, .decay = s->sampling_decay, .updates = s->sampling_updates},
      .seed = (uint64_t)run->common.seed};
  RAPT_TRY(rapt__seq2seq_init(&out->task));
  out->task.task.sample = sample;
  rapt__run_say(run, RAPT_EVENT_NOTE,
                "%s: %lld parameters, %lld and %lld tokens, %zu batches an epoch in %d shapes, %zu pairs and %zu of "
                "validation too long, %d threads",
                name, (long long)rapt_params_size(out->model->params),
                (long long)rapt_tokenizer_size(rapt__model_source(out->model)),
                (long long)rapt_model_vocabulary(out->model), out->task.train_batches.count, out->task.buckets.count,
                out->task.train_pairs.lengthy, out->task.valid_pairs.lengthy, rapt_context_threads(run->ctx));
  return RAPT_OK;
}

void rapt__system_free(rapt__system *system) {
  if (!system->run) return;
  rapt__trainer_free(&system->trainer);
  rapt__seq2seq_free(&system->task);
  rapt_model_free(system->model);
  *system = (rapt__system){0};
}

rapt_status rapt__system_train(rapt__system *system, const char *dir) {
  rapt__run *run = system->run;
  rapt__trainer *t = &system->trainer;
  rapt__run_trainer(run, t, &system->task.task, system->model->params, dir);
  t->settings = system->train;
  int size = rapt__parallel_spread(run->ctx) ? rapt_parallel_size(run->ctx) : 1;
  system->task.sampling.batches = system->train.accumulate * size;
  return rapt__run_train(run, t);
}

/* ---- The test text ---- */

typedef struct collecting {
  rapt__run *run;
  rapt_segment *lines;
  int64_t faults;
  rapt_status status;
} collecting;

/* A line that cannot be translated (longer than the model's context) is an empty one. */
static bool collect(void *user, const rapt_translation *t) {
  collecting *c = user;
  c->faults += t->status != RAPT_OK;
  const rapt_hypothesis *best = t->status == RAPT_OK && t->count ? &t->hypotheses[0] : NULL;
  char *copy = rapt__arena_new(&c->run->arena, best ? best->size + 1 : 1, 1);
  if (!copy) {
    c->status = RAPT_ENOMEM;
    return false;
  }
  if (best) memcpy(copy, best->text, best->size);
  c->lines[t->line] = (rapt_segment){copy, best ? best->size : 0};
  return true;
}

rapt_metric rapt__translation_metric(const rapt__translation_settings *s) {
  rapt_metric metric = rapt_metric_default(RAPT_BLEU);
  if (s->units == RAPT__UNITS_WORDS) metric.tokenizer = RAPT_TOK_NONE;
  return metric;
}

rapt_status rapt__score_translated(rapt__run *run, const rapt_metric *metric, const rapt__bitext *text,
                                   rapt__translated *out) {
  int width = rapt_metric_width(metric);
  rapt_segment *references = rapt__arena_new(&run->arena, text->count, sizeof *references);
  double *sum = rapt__arena_new(&run->arena, (size_t)width, sizeof *sum);
  out->stats = rapt__arena_new(&run->arena, text->count, (size_t)width * sizeof *out->stats);
  if (!references || !sum || !out->stats) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++)
    references[i] = (rapt_segment){text->pairs[i][RAPT__TARGET].bytes, text->pairs[i][RAPT__TARGET].size};
  RAPT_TRY(rapt_metric_stats(run->ctx, metric, out->lines, (const rapt_segment *const[]){references}, 1,
                             (int64_t)text->count, out->stats));
  rapt_metric_sum(metric, out->stats, (int64_t)text->count, sum);
  return rapt_metric_score(run->ctx, metric, sum, &out->score);
}

rapt_status rapt__bitext_side(rapt__run *run, const rapt__bitext *text, int side, const char ***lines, size_t **sizes) {
  *lines = rapt__arena_new(&run->arena, text->count, sizeof **lines);
  *sizes = rapt__arena_new(&run->arena, text->count, sizeof **sizes);
  if (!*lines || !*sizes) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) {
    (*lines)[i] = text->pairs[i][side].bytes;
    (*sizes)[i] = text->pairs[i][side].size;
  }
  return RAPT_OK;
}

rapt_status rapt__system_align(const rapt__system *system, const char *const *lines, const size_t *sizes, int64_t count,
                               rapt_translation_fn each, void *user) {
  rapt_translator *translator;
  rapt_translate_options options = search_options(system->settings, system->settings->beam);
  options.alignments = true;
  RAPT_TRY(rapt_translator_new((rapt_model *const[]){system->model}, 1, &translator));
  rapt_status status = rapt_translate(translator, lines, sizes, count, &options, each, user);
  rapt_translator_free(translator);
  return status;
}

enum { SYSTEMS = 16 };

rapt_status rapt__systems_test(rapt__system *const *systems, int count, int64_t beam, rapt__translated *out) {
  const rapt__system *system = systems[0];
  rapt_model *models[SYSTEMS];
  rapt__run *run = system->run;
  for (int i = 0; i < count && i < SYSTEMS; i++) models[i] = systems[i]->model;
  const rapt__bitext *text = &system->corpus->test;
  *out = (rapt__translated){0};
  const char **lines;
  size_t *sizes;
  RAPT_TRY(rapt__bitext_side(run, text, RAPT__SOURCE, &lines, &sizes));
  out->lines = rapt__arena_new(&run->arena, text->count, sizeof *out->lines);
  if (!out->lines) return RAPT_ENOMEM;
  rapt_translator *translator;
  rapt_translate_options options = search_options(system->settings, beam);
  collecting user = {.run = run, .lines = out->lines};
  double begin = rapt__now();
  RAPT_TRY(rapt_translator_new(models, count < SYSTEMS ? count : SYSTEMS, &translator));
  rapt_status status = rapt_translate(translator, lines, sizes, (int64_t)text->count, &options, collect, &user);
  rapt_translator_free(translator);
  if (status == RAPT_OK) status = user.status;
  if (status == RAPT_EINTERRUPTED) {
    rapt_context_clear(run->ctx);
    run->result->interrupted = true;
    return RAPT_OK;
  }
  out->seconds = rapt__now() - begin;
  if (user.faults > 0)
    rapt__run_say(run, RAPT_EVENT_NOTE,
                  "test text: %lld sentences are longer than model.context; their translations are empty",
                  (long long)user.faults);
  return status == RAPT_OK ? rapt__score_translated(run, &system->metric, text, out) : status;
}
