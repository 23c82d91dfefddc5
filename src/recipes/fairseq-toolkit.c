/* fairseq (Ott et al. 2019): not a model but what carries models. A Transformer is trained a little, and
 * what a toolkit promises is measured on it. */
#include "recipes/toolkit.h"

#include <string.h>

#define AT(field) offsetof(rapt__toolkit_settings, field)
static const rapt__key keys[] = {
    RAPT__TRANSLATION_KEYS,
    {"fairseq.updates", NULL, RAPT__KEY_INT, AT(updates), "5", 1, 1000, NULL,
     "updates in the comparison of accumulated batches with one"},
    {"fairseq.sentences", NULL, RAPT__KEY_INT, AT(sentences), "1000", 1, 1e6, NULL,
     "sentences in the comparison of batches by tokens and by sentences, at least"},
    {"fairseq.length", NULL, RAPT__KEY_INT, AT(length), "50", 1, 1 << 14, NULL,
     "tokens written in the comparison of decoding"},
    {"fairseq.rounds", NULL, RAPT__KEY_INT, AT(rounds), "2", 1, 1000, NULL, "repetitions of what is timed"},
    {0}};
#undef AT

static const char *const defaults[] = {"data=multi30k",
                                       "text.tokenizer=bpe",
                                       "text.joint=true",
                                       "text.vocabulary=8000",
                                       "model.width=256",
                                       "model.inner=512",
                                       "model.dropout=0.2",
                                       "model.context=128",
                                       "train.steps=40",
                                       "train.max_tokens=2048",
                                       "train.lr=1e-3",
                                       "train.warmup=20",
                                       "train.schedule=inverse_sqrt",
                                       "train.optimizer=adam",
                                       "train.beta2=0.98",
                                       "train.eps=1e-9",
                                       "train.eval_every=20",
                                       "train.evals=4",
                                       "train.save_every=20",
                                       "train.sample_every=0",
                                       "train.sample_tokens=0",
                                       NULL};

static rapt_status copy_weights(rapt__toolkit *t, real **out) {
  const rapt_params *params = t->net.model->params;
  *out = rapt__arena_new(&t->run->arena, (size_t)params->extent, sizeof **out);
  if (!*out) return RAPT_ENOMEM;
  memcpy(*out, params->values, (size_t)params->extent * sizeof **out);
  return RAPT_OK;
}

static rapt_status finish(rapt__toolkit *t) {
  rapt__run *run = t->run;
  run->result->passed = !run->changed && t->findings.missed == 0;
  RAPT_TRY(rapt__findings_say(&t->findings, "pass mark: %s: %s%s", run->recipe->info.pass_mark,
                              run->changed          ? "not judged, as settings were changed"
                              : run->result->passed ? "reached"
                                                    : "missed",
                              t->unjudged ? " (without the threads, for which no two cores are free)" : ""));
  return rapt__toolkit_report(t);
}

/* Checks that train begin from the first weights, the others have the trained ones. */
static rapt_status check_all(rapt__toolkit *t) {
  static rapt_status (*const checks[])(rapt__toolkit *) = {
      rapt__toolkit_processes, rapt__toolkit_registry, rapt__toolkit_accumulate,
      rapt__toolkit_resume,    rapt__toolkit_batches,  rapt__toolkit_decode,
      rapt__toolkit_diverse,   rapt__toolkit_storage,  rapt__toolkit_threads};
  for (size_t i = 0; i < sizeof checks / sizeof *checks && !rapt__toolkit_stopped(t); i++) {
    rapt__toolkit_reset(t, t->trained);
    RAPT_TRY(checks[i](t));
  }
  t->run->result->interrupted = rapt__toolkit_stopped(t);
  return t->run->result->interrupted ? RAPT_OK : finish(t);
}

static rapt_status train_and_check(rapt__toolkit *t) {
  rapt__run *run = t->run;
  const rapt__translation_settings *s = &t->settings->translation;
  if (!s->joint)
    return rapt__fail(run->ctx, RAPT_EKEY, "text.joint=false: fairseq-toolkit's checks need one vocabulary");
  if (s->max_tokens < 1)
    return rapt__fail(run->ctx, RAPT_EKEY, "train.max_tokens=0: fairseq-toolkit makes batches by tokens");
  RAPT_TRY(rapt__corpus_load(run, s, &t->corpus));
  RAPT_TRY(rapt__system_begin(run, s, &t->corpus, rapt__model_find(run->recipe->architecture), run->model,
                              "Transformer", &t->net));
  RAPT_TRY(copy_weights(t, &t->start));
  RAPT_TRY(rapt__system_train(&t->net, run->common.out));
  if (run->result->interrupted) return RAPT_OK;
  RAPT_TRY(copy_weights(t, &t->trained));
  rapt_status status = check_all(t);
  if (status != RAPT_EINTERRUPTED) return status;
  rapt_context_clear(run->ctx); /* stopped while it translated */
  run->result->interrupted = true;
  return RAPT_OK;
}

static rapt_status toolkit(rapt__run *run) {
  rapt__toolkit t = {.run = run, .findings = {.run = run}, .settings = run->own};
  rapt_status status = train_and_check(&t);
  rapt__system_free(&t.net);
  rapt__corpus_free(&t.corpus);
  return status;
}

const rapt__recipe rapt__recipe_fairseq_toolkit = {
    .info = {.id = "fairseq-toolkit",
             .title = "A toolkit for sequence modelling",
             .paper = "Ott et al. 2019, fairseq: A Fast, Extensible Toolkit for Sequence Modeling",
             .task = "machine translation, measured",
             .data = "multi30k",
             .paper_figure = "29.3 BLEU English to German, 43.2 English to French (WMT'14)",
             .pass_mark = "4 accumulated batches = one to 1e-6; a resumed run has the same bits; batches by tokens >= "
                          "1.5 x sentences/s; kept states >= 5 x at length 50; 2 threads >= 1.6 x",
             .claim = "updates do not depend on how they are gathered; batches by tokens, kept states and a second "
                      "thread save time",
             .minutes = 4,
             .about =
                 "Between a model and its results stands a good deal that is the same for all models: batches that "
                 "waste little on padding,\n"
                 "gradients gathered from several batches or processes, checkpoints, decoding that keeps the past, "
                 "diverse beams, small files.\n"
                 "A Transformer is trained for a minute, and each of these is compared with what it must equal or "
                 "beat."},
    .architecture = "transformer",
    .keys = keys,
    .own_size = sizeof(rapt__toolkit_settings),
    .defaults = defaults,
    .run = toolkit};
