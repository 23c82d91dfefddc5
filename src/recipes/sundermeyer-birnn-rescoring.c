/* Translation modeling with bidirectional recurrent neural networks (Sundermeyer, Alkhouli, Wuebker and Ney 2014): recurrent
 * networks over word-aligned sequences score the n-best lists of a phrase-based system that has a recurrent language model. */
#include "recipes/rescoring.h"

#include <math.h>

#define AT(field) offsetof(rapt__rescoring_settings, field)
static const rapt__key keys[] = {
    {"text.source", NULL, RAPT__KEY_TEXT, AT(source), "en", 0, 0, NULL, "language that is read"},
    {"text.target", NULL, RAPT__KEY_TEXT, AT(target), "fr", 0, 0, NULL, "language that is written"},
    {"text.pairs", NULL, RAPT__KEY_INT, AT(pairs), "0", 0, 1e9, NULL, "training pairs, from the first on; 0: all"},
    {"text.min_count", NULL, RAPT__KEY_INT, AT(min_count), "3", 1, 1 << 20, NULL,
     "words that the training text has less often are unknown to networks"},
    {"pbmt.longest", NULL, RAPT__KEY_INT, AT(longest), "5", 1, RAPT__PBMT_LONGEST_PHRASE, NULL, "words of a phrase"},
    {"pbmt.stack", NULL, RAPT__KEY_INT, AT(stack), "100", 1, 1e6, NULL, "hypotheses kept on a stack"},
    {"pbmt.rounds", NULL, RAPT__KEY_INT, AT(rounds), "4", 1, 100, NULL, "of decoding the tuning text"},
    {"pbmt.starts", NULL, RAPT__KEY_INT, AT(starts), "5", 0, 1000, NULL, "random starts of each tuning"},
    {"rescoring.nbest", NULL, RAPT__KEY_INT, AT(nbest), "50", 1, 100000, NULL, "entries of a list"},
    {"rescoring.seeds", NULL, RAPT__KEY_INT, AT(seeds), "3", 1, RAPT__RESCORING_SEEDS, NULL,
     "networks of each kind over words"},
    {"rescoring.phrases", NULL, RAPT__KEY_BOOL, AT(phrases), "true", 0, 0, NULL, "a network over phrases too"},
    {"model.features", NULL, RAPT__KEY_INT, AT(features), "100", 1, 65536, NULL, "width of a word's vector"},
    {"model.units", NULL, RAPT__KEY_INT, AT(units), "200", 1, 65536, NULL, "units of an LSTM"},
    {"model.deep", NULL, RAPT__KEY_BOOL, AT(deep), "false", 0, 0, NULL, "one more LSTM under the output layer"},
    {"model.dropout", NULL, RAPT__KEY_REAL, AT(dropout), "0.1", 0, 0.99, NULL, "on what LSTMs and output layer read"},
    {0}};

static const char *const defaults[] = {"data=multi30k",
                                       "train.steps=1200",
                                       "train.batch=64",
                                       "train.lr=3e-3",
                                       "train.warmup=100",
                                       "train.weight_decay=0.01",
                                       "train.eval_every=400",
                                       "train.evals=8",
                                       "train.save_every=400",
                                       "train.sample_every=0",
                                       NULL};

static const double mark =
    0.5; /* BLEU that the mean of the networks over all of the source gains over the language model */

/* ---- Networks ---- */

typedef struct outcome {
  size_t left[RAPT__RESCORING_SEEDS], both[RAPT__RESCORING_SEEDS]; /* numbers of systems */
  int seeds;
} outcome;

enum { PLAIN, LM };

static rapt_status try_net(rapt__rescoring *r, rapt__rescoring_kind kind, const char *column, const char *name,
                           uint64_t seed) {
  double nats;
  RAPT_TRY(rapt__rescoring_net(r, kind, column, seed, &nats));
  if (r->run->result->interrupted) return RAPT_OK;
  return rapt__rescoring_tune(r, name, &r->systems[kind == RAPT__RESCORING_LM ? PLAIN : LM],
                              (const char *const[]){"lm", column}, kind == RAPT__RESCORING_LM ? 1 : 2, nats);
}

static rapt_status try_seed(rapt__rescoring *r, outcome *o, int n) {
  static const char *const kinds[2] = {"source to the left", "all of the source"};
  static const char *const columns[2] = {"left", "both"};
  for (int k = 0; k < 2 && !r->run->result->interrupted; k++) {
    const char *column = rapt__arena_format(&r->run->arena, "%s-%d", columns[k], n + 1);
    const char *name = rapt__arena_format(&r->run->arena, "+ %s, seed %d", kinds[k], n + 1);
    if (!column || !name) return RAPT_ENOMEM;
    *(k ? &o->both[n] : &o->left[n]) = r->count;
    RAPT_TRY(try_net(r, k ? RAPT__RESCORING_BOTH : RAPT__RESCORING_LEFT, column, name,
                     (uint64_t)r->run->common.seed + (uint64_t)n));
  }
  o->seeds = n + 1;
  return RAPT_OK;
}

static rapt_status try_all(rapt__rescoring *r, outcome *o) {
  const rapt__rescoring_settings *s = r->settings;
  RAPT_TRY(rapt__rescoring_tune(r, "phrases alone", NULL, NULL, -1, NAN));
  RAPT_TRY(try_net(r, RAPT__RESCORING_LM, "lm", "+ LSTM language model", (uint64_t)r->run->common.seed));
  for (int n = 0; n < s->seeds && !r->run->result->interrupted; n++) RAPT_TRY(try_seed(r, o, n));
  if (r->run->result->interrupted || !s->phrases) return RAPT_OK;
  RAPT_TRY(try_net(r, RAPT__RESCORING_PHRASES, "phrases-1", "+ all of the source, in phrases",
                   (uint64_t)r->run->common.seed));
  if (r->run->result->interrupted) return RAPT_OK;
  return rapt__rescoring_tune(r, "+ words and phrases", &r->systems[o->both[0]],
                              (const char *const[]){"lm", "both-1", "phrases-1"}, 3, NAN);
}

/* ---- Verdict ---- */

static double mean(const rapt__rescoring *r, const size_t *at, int count, bool ter) {
  double sum = 0;
  for (int k = 0; k < count; k++) sum += ter ? r->systems[at[k]].ter : r->systems[at[k]].bleu;
  return sum / count;
}

static rapt_status judge(rapt__rescoring *r, const outcome *o) {
  rapt__findings *f = &r->findings;
  const rapt__rescored *lm = &r->systems[LM], *both = &r->systems[o->both[0]];
  double bleu[2] = {mean(r, o->left, o->seeds, false), mean(r, o->both, o->seeds, false)};
  double ter = mean(r, o->both, o->seeds, true);
  int sharper = 0, better = 0;
  rapt_compared compared[2];
  rapt_metric metric = rapt_metric_default(RAPT_BLEU);
  metric.tokenizer = RAPT_TOK_NONE;
  for (int n = 0; n < o->seeds; n++) {
    sharper += r->systems[o->both[n]].nats < r->systems[o->left[n]].nats;
    better += r->systems[o->both[n]].bleu >= r->systems[o->left[n]].bleu;
  }
  RAPT_TRY(rapt_metric_bootstrap(r->run->ctx, &metric, (const double *const[]){lm->stats[0], both->stats[0]}, 2,
                                 (int64_t)r->lists[RAPT__RESCORING_TEST].sentences, 1000, (uint64_t)r->run->common.seed,
                                 compared));
  RAPT_TRY(
      rapt__findings_judge(f, true, bleu[1] - lm->bleu >= mark,
                           "pass mark: all of the source gains at least %.1f BLEU over the language model, mean of "
                           "%d seeds: %.2f against %.2f",
                           mark, o->seeds, bleu[1], lm->bleu));
  RAPT_TRY(
      rapt__findings_judge(f, true, bleu[1] >= bleu[0],
                           "pass mark: all of the source is at least as good as the source to the left, mean of %d "
                           "seeds: BLEU %.2f against %.2f",
                           o->seeds, bleu[1], bleu[0]));
  RAPT_TRY(rapt__findings_judge(f, false, sharper == o->seeds,
                                "with all of the source the validation text is less perplexing, for every seed: %d of "
                                "%d",
                                sharper, o->seeds));
  RAPT_TRY(rapt__findings_judge(f, false, ter < lm->ter,
                                "the gain is one of TER too (less is better), mean of %d seeds: %.2f against %.2f",
                                o->seeds, ter, lm->ter));
  RAPT_TRY(rapt__findings_say(f, "%s against the language model: p = %.4f by paired bootstrap (1000 samples)",
                              both->name, compared[1].p));
  r->run->result->figure = bleu[1];
  r->run->result->passed = !r->run->changed && f->missed == 0;
  return r->run->changed ? rapt__findings_say(f, "settings were changed: the marks are those of the defaults")
                         : RAPT_OK;
}

static rapt_status work(rapt__rescoring *r) {
  outcome o = {.seeds = 0};
  RAPT_TRY(rapt__rescoring_begin(r));
  RAPT_TRY(try_all(r, &o));
  if (r->run->result->interrupted) return RAPT_OK;
  RAPT_TRY(judge(r, &o));
  return rapt__rescoring_report(r);
}

static rapt_status rescoring(rapt__run *run) {
  rapt__rescoring *r = rapt__arena_new(&run->arena, 1, sizeof *r);
  if (!r) return RAPT_ENOMEM;
  r->run = run;
  r->settings = run->own;
  r->findings.run = run;
  rapt_status status = work(r);
  rapt__rescoring_end(r);
  if (status == RAPT_EINTERRUPTED) {
    rapt_context_clear(run->ctx);
    run->result->interrupted = true;
    status = RAPT_OK;
  }
  return status;
}

const rapt__recipe rapt__recipe_sundermeyer_birnn_rescoring = {
    .info = {.id = "sundermeyer-birnn-rescoring",
             .title = "Bidirectional recurrent translation models",
             .paper = "Sundermeyer, Alkhouli, Wuebker and Ney 2014, Translation Modeling with Bidirectional Recurrent "
                      "Neural Networks",
             .task = "translation",
             .data = "multi30k",
             .paper_figure = "up to 1.6 % BLEU and 1.7 % TER over strong baselines with recurrent language models "
                             "(abstract)",
             .pass_mark = "at least 0.5 BLEU over the phrase-based system with an LSTM language model, and both "
                          "directions at least as good as one (mean of three seeds)",
             .claim = "networks that see all of the source sentence choose better translations than those that see it "
                      "up to the present word",
             .minutes = 20,
             .about =
                 "A phrase-based system makes lists of its best translations; recurrent networks that read the source "
                 "word by word in the\n"
                 "order of the translation say how probable each is, and the weighted sum of all scores chooses "
                 "anew. Word alignments are turned\n"
                 "into sequences that have one source and one target word a step."},
    .keys = keys,
    .own_size = sizeof(rapt__rescoring_settings),
    .neutral = (const char *const[]){"rescoring.phrases", NULL},
    .defaults = defaults,
    .run = rescoring};
