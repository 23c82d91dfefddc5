/* Parallel text, tokenizers, training and translating for recipes of machine translation. */
#include "recipes/translation.h"

#include "base/file.h"

#include <string.h>

const char *const rapt__translation_units[] = {"words", "bpe", NULL};

/* ---- Text ---- */

/* How folders name their files: what stands before the part, between it and the language, and behind that. The first form of
 * which both training files are there is taken. */
static const struct {
  const char *before, *between, *behind;
} forms[] = {{"", ".", ""}, {"", ".", ".gz"}, {"tok/", ".lc.norm.tok.", ".gz"}, {"raw/", ".", ".gz"}};
static const char *const parts[3][4] = {
    {"train", NULL}, {"val", "valid", "dev", NULL}, {"test", "test_2016_flickr", NULL}};

static const char *file_of(rapt__run *run, size_t form, const char *dir, const char *part, const char *language) {
  return rapt__arena_format(&run->arena, "%s/%s%s%s%s%s", dir, forms[form].before, part, forms[form].between, language,
                            forms[form].behind);
}

/* Both files of a part in this form; out[0] is NULL where they are not there. */
static rapt_status find_part(rapt__run *run, size_t form, const char *dir, const char *const *names,
                             const rapt__translation_settings *s, const char *out[2]) {
  for (; *names; names++) {
    out[RAPT__SOURCE] = file_of(run, form, dir, *names, s->source);
    out[RAPT__TARGET] = file_of(run, form, dir, *names, s->target);
    if (!out[RAPT__SOURCE] || !out[RAPT__TARGET]) return RAPT_ENOMEM;
    if (rapt__file_exists(out[RAPT__SOURCE]) && rapt__file_exists(out[RAPT__TARGET])) return RAPT_OK;
  }
  out[RAPT__SOURCE] = NULL;
  return RAPT_OK;
}

static rapt_status find_files(rapt__run *run, const rapt__translation_settings *s, const char *files[3][2]) {
  const char *dir = rapt__run_data(run);
  if (!dir) return rapt_context_status(run->ctx);
  for (size_t f = 0; f < sizeof forms / sizeof *forms; f++) {
    RAPT_TRY(find_part(run, f, dir, parts[0], s, files[0]));
    if (!files[0][0]) continue;
    for (int p = 1; p < 3; p++) {
      RAPT_TRY(find_part(run, f, dir, parts[p], s, files[p]));
      if (!files[p][0])
        return rapt__fail(run->ctx, RAPT_ENOTFOUND, "%s: %s is there, but no %s.%s and %s.%s (or .gz) beside it", dir,
                          files[0][0], parts[p][0], s->source, parts[p][0], s->target);
    }
    return RAPT_OK;
  }
  return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                    "%s: no training text from %s to %s; a folder with train.%s, train.%s, and val and test alike (or "
                    ".gz) is expected: say data=FOLDER, text.source and text.target",
                    dir, s->source, s->target, s->source, s->target);
}

void rapt__corpus_free(rapt__corpus *corpus) {
  rapt__bitext_free(&corpus->train);
  rapt__bitext_free(&corpus->valid);
  rapt__bitext_free(&corpus->test);
}

rapt_status rapt__corpus_load(rapt__run *run, const rapt__translation_settings *s, rapt__corpus *out) {
  static const char *const what[] = {"training", "validation", "test"};
  const char *files[3][2];
  rapt__bitext *texts[] = {&out->train, &out->valid, &out->test};
  *out = (rapt__corpus){0};
  RAPT_TRY(find_files(run, s, files));
  for (int i = 0; i < 3; i++) {
    size_t most = i == 0 ? (size_t)s->max_words : 0;
    RAPT_TRY(rapt__bitext_read(run->ctx, files[i][0], files[i][1], most, texts[i]));
    if (texts[i]->empty || texts[i]->lengthy)
      rapt__run_say(run, RAPT_EVENT_NOTE, "%s text: %zu pairs left out for a blank line, %zu for their length", what[i],
                    texts[i]->empty, texts[i]->lengthy);
  }
  if (s->pairs > 0 && (size_t)s->pairs < out->train.count) out->train.count = (size_t)s->pairs;
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s to %s: %zu pairs to train on, %zu for validation, %zu to test", s->source,
                s->target, out->train.count, out->valid.count, out->test.count);
  return RAPT_OK;
}

/* ---- Tokenizers ---- */

static rapt_status add_side(const rapt__bitext *b, int side, rapt__text *out) {
  for (size_t i = 0; i < b->count; i++) {
    RAPT_TRY(rapt__text_add(out, b->pairs[i][side].bytes, b->pairs[i][side].size));
    RAPT_TRY(rapt__text_add(out, "\n", 1));
  }
  return RAPT_OK;
}

static rapt_status learn(rapt__run *run, const rapt__translation_settings *s, const rapt__text *text,
                         rapt_tokenizer **out) {
  if (s->units == RAPT__UNITS_WORDS) {
    rapt_words_options options = {.vocabulary = s->vocabulary, .min_count = s->min_count};
    return rapt_tokenizer_train_words(run->ctx, text->data, text->size, &options, out);
  }
  int64_t size = s->vocabulary ? s->vocabulary : 4096;
  RAPT_TRY(rapt_tokenizer_train_bpe(run->ctx, text->data, text->size, size < 260 ? 256 : size - 4, out));
  return rapt_tokenizer_add_specials(out);
}

rapt_status rapt__corpus_tokenizers(rapt__run *run, const rapt__translation_settings *s, const rapt__corpus *corpus,
                                    rapt_tokenizer **source, rapt_tokenizer **target) {
  rapt__text texts[2];
  rapt_tokenizer **sides[2] = {source, target};
  rapt_status status = RAPT_OK;
  *source = *target = NULL;
  for (int i = 0; i < 2; i++) rapt__text_init(&texts[i], run->ctx);
  for (int i = 0; i < 2 && status == RAPT_OK; i++) status = add_side(&corpus->train, i, &texts[s->joint ? 1 : i]);
  for (int i = s->joint ? 1 : 0; i < 2 && status == RAPT_OK; i++) status = learn(run, s, &texts[i], sides[i]);
  for (int i = 0; i < 2; i++) rapt__text_free(&texts[i]);
  if (status == RAPT_OK) return RAPT_OK;
  for (int i = 0; i < 2; i++) {
    rapt_tokenizer_free(*sides[i]);
    *sides[i] = NULL;
  }
  return status;
}

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

static rapt_status make_model(rapt__system *y, const rapt__model *arch, const void *config) {
  rapt_context *ctx = y->run->ctx;
  rapt_tokenizer *source, *target;
  RAPT_TRY(rapt__corpus_tokenizers(y->run, y->settings, y->corpus, &source, &target));
  int64_t sizes[2] = {rapt_tokenizer_size(source ? source : target), rapt_tokenizer_size(target)};
  RAPT_TRY(rapt__model_empty_pair(ctx, arch, source, target, &y->model));
  memcpy(y->model->config, config, arch->config_size);
  *arch->vocabulary(y->model->config) = sizes[1];
  if (arch->seq2seq->source_vocabulary) *arch->seq2seq->source_vocabulary(y->model->config) = sizes[0];
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
  out->task = (rapt__seq2seq_task){.model = out->model,
                                   .train = &corpus->train,
                                   .valid = &corpus->valid,
                                   .batch = run->train.batch,
                                   .max_tokens = s->max_tokens,
                                   .evals = run->train.evals,
                                   .smoothing = s->smoothing,
                                   .seed = (uint64_t)run->common.seed};
  RAPT_TRY(rapt__seq2seq_init(&out->task));
  out->task.task.sample = sample;
  rapt__run_say(run, RAPT_EVENT_NOTE,
                "%s: %lld parameters, %lld and %lld tokens, %zu batches an epoch in %d shapes, %zu pairs too long, "
                "%d threads",
                name, (long long)rapt_params_size(out->model->params),
                (long long)rapt_tokenizer_size(rapt__model_source(out->model)),
                (long long)rapt_model_vocabulary(out->model), out->task.train_batches.count, out->task.buckets.count,
                out->task.train_pairs.lengthy, rapt_context_threads(run->ctx));
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
  return rapt__run_train(run, t);
}

/* ---- The test text ---- */

typedef struct collecting {
  rapt__run *run;
  rapt_segment *lines;
  rapt_status status;
} collecting;

static bool collect(void *user, const rapt_translation *t) {
  collecting *c = user;
  /* A line that cannot be translated (longer than the model's context) is an empty one. */
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

enum { SYSTEMS = 16 };

rapt_status rapt__systems_test(rapt__system *const *systems, int count, int64_t beam, rapt__translated *out) {
  const rapt__system *system = systems[0];
  rapt_model *models[SYSTEMS];
  rapt__run *run = system->run;
  for (int i = 0; i < count && i < SYSTEMS; i++) models[i] = systems[i]->model;
  const rapt__bitext *text = &system->corpus->test;
  *out = (rapt__translated){0};
  const char **lines = rapt__arena_new(&run->arena, text->count, sizeof *lines);
  size_t *sizes = rapt__arena_new(&run->arena, text->count, sizeof *sizes);
  out->lines = rapt__arena_new(&run->arena, text->count, sizeof *out->lines);
  if (!lines || !sizes || !out->lines) return RAPT_ENOMEM;
  for (size_t i = 0; i < text->count; i++) {
    lines[i] = text->pairs[i][RAPT__SOURCE].bytes;
    sizes[i] = text->pairs[i][RAPT__SOURCE].size;
  }
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
  return status == RAPT_OK ? rapt__score_translated(run, &system->metric, text, out) : status;
}
