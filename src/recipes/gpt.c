/* GPT on a text: nanoGPT's CPU recipe for Shakespeare's characters, or any text with bytes or byte-level BPE. */
#include "recipes/gpt_claims.h"
#include "recipes/lm_report.h"
#include "recipes/recipes.h"
#include "recipes/training.h"

#include "tasks/lm.h"

#include <math.h>
#include <string.h>

typedef struct gpt_settings {
  int tokenizer;
  int64_t vocabulary;
  double valid;
  bool compare;
} gpt_settings;

enum { CHARS, BYTES, BPE };
static const char *const tokenizers[] = {"chars", "bytes", "bpe", NULL};
static const rapt__key keys[] = {{"text.tokenizer", NULL, RAPT__KEY_CHOICE, offsetof(gpt_settings, tokenizer), "chars",
                                  0, 0, tokenizers, "what a token is; bpe is trained on the text"},
                                 {"text.vocabulary", NULL, RAPT__KEY_INT, offsetof(gpt_settings, vocabulary), "1024",
                                  256, 1 << 20, NULL, "ids of the bpe tokenizer"},
                                 {"text.valid", NULL, RAPT__KEY_REAL, offsetof(gpt_settings, valid), "0.1", 0.001, 0.9,
                                  NULL, "share of the text, at its end, that is held out"},
                                 {"gpt.compare", NULL, RAPT__KEY_BOOL, offsetof(gpt_settings, compare), "true", 0, 0,
                                  NULL,
                                  "at the end: a 5-gram of the same text beside it, and the layout of a long sample"},
                                 {0}};

static const char *const defaults[] = {"data=tinyshakespeare", "train.lr=3e-3", NULL};
/* nanoGPT's README for the same steps, batch and size; docs/calibration.md for the presets. */
static const struct {
  const char *preset;
  double nats;
} bounds[] = {{"", 1.88}, {"long", 1.70}, {"longest", 1.55}};

static const rapt_preset presets[] = {
    {"long", "context 128 and three times the updates", "<= 1.70 nats in 6,800 steps", 15,
     (const char *const[]){"model.context=128", "train.steps=6800", "train.eval_every=500", NULL}},
    {"longest", "context 128, dropout and more updates yet", "<= 1.55 nats in 25,000 steps", 40,
     (const char *const[]){"model.context=128", "model.dropout=0.1", "train.steps=25000", "train.eval_every=1000",
                           NULL}},
    {0}};

static rapt_status make_tokenizer(rapt__run *run, const char *text, size_t size, rapt_tokenizer **out) {
  const gpt_settings *s = run->own;
  if (s->tokenizer == BYTES) return rapt_tokenizer_bytes(run->ctx, out);
  if (s->tokenizer == BPE) return rapt_tokenizer_train_bpe(run->ctx, text, size, s->vocabulary, out);
  return rapt_tokenizer_chars(run->ctx, text, size, out);
}

static double mark_of(const rapt__run *run) {
  for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++)
    if (strcmp(bounds[i].preset, run->common.preset) == 0) return bounds[i].nats;
  return 0;
}

enum { VERDICTS = 3, LENGTH = 200 };

/* The claims, each as a sentence; returns how many. */
static size_t judge_claims(const rapt__run *run, const rapt__gpt_claims *c, char (*sentences)[LENGTH]) {
  size_t n = 0;
  /* The default budget is a first look and too short for this one. */
  if (c->compared && *run->common.preset && !run->changed)
    snprintf(sentences[n++], LENGTH, "claim: better than its own 5-gram (%.4f against %.4f nats): %s", c->model,
             c->ngram, rapt__judged(c->model < c->ngram));
  /* A share within a tenth of the text's own; a text without speakers has no such layout to keep. */
  if (c->text >= 0.5)
    snprintf(sentences[n++], LENGTH,
             "claim: samples keep the layout (%.0f %% of %lld blocks begin with a speaker; %.0f %% in the "
             "text): %s",
             100 * c->sample, (long long)c->sample_blocks, 100 * c->text, rapt__judged(c->sample >= 0.9 * c->text));
  return n;
}

static rapt_status report(rapt__run *run, const rapt__trainer *t, const rapt__gpt_claims *c,
                          const char (*sentences)[LENGTH], size_t count) {
  char ours[40], bound[40], whole[40], ngram[40], bits[40];
  snprintf(ours, sizeof ours, "%.4f", t->eval_loss);
  snprintf(bound, sizeof bound, "at most %.2f", mark_of(run));
  snprintf(whole, sizeof whole, "%.4f", c->model);
  snprintf(ngram, sizeof ngram, "%.4f", c->ngram);
  snprintf(bits, sizeof bits, "%.4f", c->bits_per_byte);
  const char *const figures[][4] = {
      {"validation loss (nats a token)", ours, *run->common.preset ? "" : run->recipe->info.paper_figure, bound},
      {"over the whole validation text", whole, "", ""},
      {"in bits a byte", bits, "", ""},
      {"5-gram, Kneser-Ney (nats a token)", c->compared ? ngram : "not counted", "", ""}};
  const gpt_settings *s = run->own;
  const char *verdicts[VERDICTS];
  for (size_t i = 0; i < count; i++) verdicts[i] = sentences[i];
  return rapt__lm_report(run, t, figures, s->compare ? 4 : 1, verdicts, count);
}

static rapt_status finish(rapt__run *run, const rapt__trainer *t, const rapt__lm *lm) {
  rapt_run_result *result = run->result;
  const gpt_settings *s = run->own;
  result->interrupted = t->interrupted;
  if (t->interrupted) return RAPT_OK;
  double mark = mark_of(run);
  result->figure = t->eval_loss;
  result->passed = !run->changed && t->eval_loss <= mark;
  rapt__run_say(run, RAPT_EVENT_RESULT,
                "validation loss  %.4f nats a token (%.3f bits), perplexity %.2f, after %lld steps in %.0f s",
                t->eval_loss, t->eval_loss / log(2), exp(t->eval_loss), (long long)t->step, t->seconds);
  rapt__run_say(run, RAPT_EVENT_RESULT, "best             %.4f at step %lld (in %s/best)", t->best,
                (long long)t->best_step, run->common.out);
  char sentences[VERDICTS][LENGTH];
  if (run->changed)
    snprintf(sentences[0], LENGTH,
             "pass mark: %.2f stands for the defaults on tinyshakespeare; settings were changed, so it is not judged",
             mark);
  else
    snprintf(sentences[0], LENGTH, "pass mark: at most %.2f nats: %s", mark, result->passed ? "reached" : "missed");
  rapt__gpt_claims claims = {0};
  size_t count = 1;
  if (s->compare) {
    rapt__run_say(run, RAPT_EVENT_NOTE, "reading the whole validation text, counting 5-grams, writing a long sample");
    rapt_status status = rapt__gpt_claims_measure(run, lm, &claims);
    if (status == RAPT_EINTERRUPTED) result->interrupted = true;
    RAPT_TRY(status);
    rapt__run_say(run, RAPT_EVENT_RESULT, "whole text       %.4f nats a token, %.4f bits a byte", claims.model,
                  claims.bits_per_byte);
    if (claims.compared)
      rapt__run_say(run, RAPT_EVENT_RESULT, "its own 5-gram   %.4f nats a token over the same text", claims.ngram);
    count += judge_claims(run, &claims, sentences + 1);
  }
  for (size_t i = 0; i < count; i++) rapt__run_say(run, RAPT_EVENT_RESULT, "%s", sentences[i]);
  return report(run, t, &claims, (const char(*)[LENGTH])sentences, count);
}

static rapt_status train(rapt__run *run, rapt_model *model, const int32_t *ids, int64_t count) {
  const gpt_settings *s = run->own;
  int64_t valid = (int64_t)((double)count * s->valid);
  rapt__lm lm = {.model = model,
                 .train = ids,
                 .train_count = count - valid,
                 .valid = ids + count - valid,
                 .valid_count = valid,
                 .batch = run->train.batch,
                 .evals = run->train.evals,
                 .seed = (uint64_t)run->common.seed,
                 .sample_tokens = run->train.sample_tokens};
  RAPT_TRY(rapt__lm_init(&lm));
  rapt__run_say(run, RAPT_EVENT_NOTE,
                "%lld training tokens, %lld for validation, vocabulary %lld, %lld parameters, %d threads",
                (long long)lm.train_count, (long long)valid, (long long)rapt_model_vocabulary(model),
                (long long)rapt_params_size(model->params), rapt_context_threads(run->ctx));
  rapt__trainer t;
  rapt__trainer_init(&t, run->ctx);
  rapt__run_trainer(run, &t, &lm.task, model->params, run->common.out);
  rapt_status status = rapt__trainer_run(&t, run->resume);
  if (status == RAPT_OK) status = finish(run, &t, &lm);
  rapt__trainer_free(&t);
  return status;
}

static rapt_status gpt(rapt__run *run) {
  char *text;
  size_t size;
  RAPT_TRY(rapt__run_text(run, "input.txt", &text, &size));
  rapt_tokenizer *tokenizer = NULL;
  rapt_model *model = NULL;
  int32_t *ids = NULL;
  int64_t count = 0;
  rapt_status status = make_tokenizer(run, text, size, &tokenizer);
  if (status == RAPT_OK) status = rapt_tokenizer_encode(tokenizer, text, size, &ids, &count);
  if (status == RAPT_OK) {
    const rapt__model *arch = rapt__model_find(run->recipe->architecture);
    rapt_tokenizer *given = tokenizer;
    tokenizer = NULL;
    status = rapt__model_empty(run->ctx, arch, given, &model);
    if (status == RAPT_OK) {
      memcpy(model->config, run->model, arch->config_size);
      *arch->vocabulary(model->config) = rapt_tokenizer_size(model->tokenizer);
      status = rapt__model_declare(model);
    }
    if (status == RAPT_OK) status = rapt_params_start(model->params, (uint64_t)run->common.seed);
  }
  if (status == RAPT_OK) status = train(run, model, ids, count);
  rapt__free(run->ctx, ids);
  rapt__free(run->ctx, text);
  rapt_tokenizer_free(tokenizer);
  rapt_model_free(model);
  return status;
}

const rapt__recipe rapt__recipe_gpt = {
    .info =
        {.id = "gpt",
         .title = "GPT on characters or subwords",
         .paper = "Radford et al. 2019, Language Models are Unsupervised Multitask Learners; the recipe is "
                  "nanoGPT's for a CPU",
         .task = "language modelling",
         .data = "tinyshakespeare",
         .paper_figure = "1.88 nats (nanoGPT's README)",
         .pass_mark = "<= 1.88 nats in 2,000 steps",
         .claim =
             "with preset=long better than a 5-gram of the same text; samples keep the layout of speakers and lines",
         .minutes = 3,
         .presets = presets,
         .about =
             "A decoder of four blocks learns to guess the next character of Shakespeare. Every block lets each "
             "position look back at the\n"
             "earlier ones (causal attention) and then transforms what it gathered (feed-forward); the loss is the "
             "surprise about the next\n"
             "character. Give it a text of your own with data=FILE; text.tokenizer=bpe learns subwords first."},
    .architecture = "gpt2",
    .keys = keys,
    .own_size = sizeof(gpt_settings),
    .neutral = (const char *const[]){"gpt.compare", NULL},
    .defaults = defaults,
    .run = gpt};
