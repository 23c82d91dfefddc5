/* GPT on a text: nanoGPT's CPU recipe for Shakespeare's characters, or any text with bytes or byte-level BPE. */
#include "recipes/lm_report.h"
#include "recipes/recipes.h"

#include "tasks/lm.h"
#include "train/trainer.h"

#include <math.h>
#include <string.h>

typedef struct gpt_settings {
  int tokenizer;
  int64_t vocabulary;
  double valid;
} gpt_settings;

enum { CHARS, BYTES, BPE };
static const char *const tokenizers[] = {"chars", "bytes", "bpe", NULL};
static const rapt__key keys[] = {{"text.tokenizer", NULL, RAPT__KEY_CHOICE, offsetof(gpt_settings, tokenizer), "chars",
                                  0, 0, tokenizers, "what a token is; bpe is trained on the text"},
                                 {"text.vocabulary", NULL, RAPT__KEY_INT, offsetof(gpt_settings, vocabulary), "1024",
                                  256, 1 << 20, NULL, "ids of the bpe tokenizer"},
                                 {"text.valid", NULL, RAPT__KEY_REAL, offsetof(gpt_settings, valid), "0.1", 0.001, 0.9,
                                  NULL, "share of the text, at its end, that is held out"},
                                 {0}};

static const char *const defaults[] = {"data=tinyshakespeare", "train.lr=3e-3", NULL};
static const double mark = 1.88; /* nanoGPT's README for the same steps, batch and size */

static rapt_status make_tokenizer(rapt__run *run, const char *text, size_t size, rapt_tokenizer **out) {
  const gpt_settings *s = run->own;
  if (s->tokenizer == BYTES) return rapt_tokenizer_bytes(run->ctx, out);
  if (s->tokenizer == BPE) return rapt_tokenizer_train_bpe(run->ctx, text, size, s->vocabulary, out);
  return rapt_tokenizer_chars(run->ctx, text, size, out);
}

static rapt_status finish(rapt__run *run, const rapt__trainer *t) {
  rapt_run_result *result = run->result;
  result->interrupted = t->interrupted;
  if (t->interrupted) return RAPT_OK;
  double bits = t->eval_loss / log(2);
  result->figure = t->eval_loss;
  result->passed = !run->changed && t->eval_loss <= mark;
  rapt__run_say(run, RAPT_EVENT_RESULT,
                "validation loss  %.4f nats a token (%.3f bits), perplexity %.2f, after %lld steps in %.0f s",
                t->eval_loss, bits, exp(t->eval_loss), (long long)t->step, t->seconds);
  rapt__run_say(run, RAPT_EVENT_RESULT, "best             %.4f at step %lld (in %s/best)", t->best,
                (long long)t->best_step, run->common.out);
  char verdict[160];
  if (run->changed)
    snprintf(
        verdict, sizeof verdict,
        "pass mark        %.2f stands for the defaults on tinyshakespeare; settings were changed, so it is not judged",
        mark);
  else
    snprintf(verdict, sizeof verdict, "pass mark        at most %.2f nats: %s", mark,
             result->passed ? "reached" : "missed");
  rapt__run_say(run, RAPT_EVENT_RESULT, "%s", verdict);
  char ours[40], bound[40];
  snprintf(ours, sizeof ours, "%.4f", t->eval_loss);
  snprintf(bound, sizeof bound, "at most %.2f", mark);
  const char *const figures[][4] = {{"validation loss (nats a token)", ours, run->recipe->info.paper_figure, bound}};
  const char *const verdicts[] = {verdict};
  return rapt__lm_report(run, t, figures, 1, verdicts, 1);
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
  t.task = &lm.task;
  t.params = model->params;
  t.settings = run->train;
  t.seed = (uint64_t)run->common.seed;
  t.dir = run->common.out;
  t.tell = run->tell;
  t.tell_user = run->tell_user;
  rapt_status status = rapt__trainer_run(&t, run->resume);
  if (status == RAPT_OK) status = finish(run, &t);
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
    .info = {.id = "gpt",
             .title = "GPT on characters or subwords",
             .paper = "Radford et al. 2019, Language Models are Unsupervised Multitask Learners; the recipe is "
                      "nanoGPT's for a CPU",
             .task = "language modelling",
             .data = "tinyshakespeare",
             .paper_figure = "1.88 nats (nanoGPT's README)",
             .pass_mark = "<= 1.88 nats in 2,000 steps",
             .claim = "samples keep the layout of speakers and lines",
             .minutes = 3,
             .about =
                 "A decoder of four blocks learns to guess the next character of Shakespeare. Every block lets each "
                 "position look back at the\n"
                 "earlier ones (causal attention) and then transforms what it gathered (feed-forward); the loss is the "
                 "surprise about the next\n"
                 "character. Give it a text of your own with data=FILE; text.tokenizer=bpe learns subwords first."},
    .architecture = "gpt2",
    .keys = keys,
    .own_size = sizeof(gpt_settings),
    .defaults = defaults,
    .run = gpt};
