/* A neural probabilistic language model (Bengio et al. 2003): the words before become vectors of one shared table C, a
 * tanh layer reads them side by side, a softmax guesses the next word; then a mixture with a Kneser–Ney trigram. */
#include "recipes/lm_report.h"
#include "recipes/training.h"
#include "recipes/recipes.h"

#include "base/file.h"
#include "tasks/ngram.h"
#include "tasks/nplm.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct nplm_settings {
  int64_t order, features, hidden;
  bool direct, compare;
} nplm_settings;

static const rapt__key keys[] = {{"nplm.order", NULL, RAPT__KEY_INT, offsetof(nplm_settings, order), "5", 2, 17, NULL,
                                  "n: words of an n-gram, the guessed one included"},
                                 {"nplm.features", NULL, RAPT__KEY_INT, offsetof(nplm_settings, features), "60", 1,
                                  4096, NULL, "m: features of a word, the width of C"},
                                 {"nplm.hidden", NULL, RAPT__KEY_INT, offsetof(nplm_settings, hidden), "100", 1, 65536,
                                  NULL, "h: units of the hidden layer"},
                                 {"nplm.direct", NULL, RAPT__KEY_BOOL, offsetof(nplm_settings, direct), "false", 0, 0,
                                  NULL, "direct connections W from the word features to the output"},
                                 {"nplm.compare", NULL, RAPT__KEY_BOOL, offsetof(nplm_settings, compare), "false", 0, 0,
                                  NULL, "trains the other choice of nplm.direct too, for the same time"},
                                 {0}};

static const char *const defaults[] = {"data=ptb",
                                       "train.steps=12500",
                                       "train.batch=256",
                                       "train.lr=5e-3",
                                       "train.min_lr=2e-5",
                                       "train.beta2=0.999",
                                       "train.weight_decay=0.01",
                                       "train.eval_every=1000",
                                       "train.evals=100",
                                       "train.save_every=1000",
                                       "train.sample_every=0",
                                       "train.sample_tokens=8",
                                       NULL};

static const double mark = 135, margin = 0.08; /* perplexity of the mixture; its distance from Kneser–Ney */
enum { KN_ORDER = 3, EM_ROUNDS = 200 };

typedef struct corpus {
  const char *paths[3]; /* train, valid, test; in the run's arena */
  rapt__words words;
  rapt__word_ids train, valid;
} corpus;

/* One net at work. */
typedef struct net {
  rapt__nplm_task at;
  double seconds; /* of its training */
} net;

/* ---- Training ---- */

static rapt_status net_begin(rapt__run *run, const corpus *data, bool direct, net *n) {
  const nplm_settings *s = run->own;
  n->at = (rapt__nplm_task){.ctx = run->ctx,
                            .net = {.words = (int64_t)data->words.count,
                                    .order = s->order,
                                    .features = s->features,
                                    .hidden = s->hidden,
                                    .direct = direct},
                            .words = &data->words,
                            .train = &data->train,
                            .valid = &data->valid,
                            .batch = run->train.batch,
                            .evals = run->train.evals,
                            .lists = run->train.sample_tokens,
                            .seed = (uint64_t)run->common.seed};
  if (data->train.count < (size_t)n->at.batch)
    return rapt__fail(run->ctx, RAPT_EINVAL, "%s: %zu words do not fill a batch of %lld; choose a smaller train.batch",
                      data->paths[0], data->train.count, (long long)n->at.batch);
  return rapt__nplm_task_init(&n->at);
}

/* minutes > 0: as many steps as fit into them. */
static rapt_status net_train(rapt__run *run, net *n, const char *dir, double minutes, rapt__trainer *t) {
  rapt__run_trainer(run, t, &n->at.task, n->at.params, dir);
  if (minutes > 0) t->settings.minutes = minutes;
  rapt__run_say(run, RAPT_EVENT_NOTE, "net %s direct connections: %lld parameters, %lld words a batch, %d threads",
                n->at.net.direct ? "with" : "without", (long long)rapt_params_size(n->at.params),
                (long long)n->at.batch, rapt_context_threads(run->ctx));
  rapt_status status = rapt__run_train(run, t);
  n->seconds = t->seconds;
  return status;
}

/* ---- Perplexities ---- */

static double perplexity(const double *probs, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum -= log(probs[i]);
  return exp(sum / (double)count);
}

/* What Kneser–Ney, a net and their mixture make of the validation and the test text. */
typedef struct table {
  double weight; /* of the net */
  double valid[3], test[3];
} table;

enum { KN, NET, MIXTURE };

/* probs (2, count): Kneser–Ney's, then the net's. */
static rapt_status measure(rapt__run *run, const rapt__ngram *kn, const net *n, const rapt__word_ids *text,
                           double **probs) {
  *probs = rapt__arena_new(&run->arena, 2 * text->count, sizeof **probs);
  if (!*probs) return RAPT_ENOMEM;
  RAPT_TRY(rapt__ngram_probs(kn, text->at, text->count, RAPT__WORDS_END, *probs));
  rapt_status status = rapt__nplm_task_probs(&n->at, text, *probs + text->count);
  if (status != RAPT_EINTERRUPTED) return status;
  rapt_context_clear(run->ctx);
  run->result->interrupted = true;
  return RAPT_OK;
}

static void perplexities(const double *probs, size_t count, double weight, double out[3], double *mixture) {
  for (size_t i = 0; i < count; i++) mixture[i] = (1 - weight) * probs[i] + weight * probs[count + i];
  out[KN] = perplexity(probs, count);
  out[NET] = perplexity(probs + count, count);
  out[MIXTURE] = perplexity(mixture, count);
}

static rapt_status tabulate(rapt__run *run, const rapt__ngram *kn, const net *n, const rapt__word_ids *valid,
                            const rapt__word_ids *test, table *out) {
  double *probs[2], weights[2], *mixture;
  RAPT_TRY(measure(run, kn, n, valid, &probs[0]));
  if (run->result->interrupted) return RAPT_OK;
  RAPT_TRY(rapt__ngram_mixture(run->ctx, probs[0], 2, valid->count, EM_ROUNDS, weights));
  out->weight = weights[1];
  RAPT_TRY(measure(run, kn, n, test, &probs[1]));
  if (run->result->interrupted) return RAPT_OK;
  size_t longest = valid->count > test->count ? valid->count : test->count;
  mixture = rapt__arena_new(&run->arena, longest, sizeof *mixture);
  if (!mixture) return RAPT_ENOMEM;
  perplexities(probs[0], valid->count, out->weight, out->valid, mixture);
  perplexities(probs[1], test->count, out->weight, out->test, mixture);
  return RAPT_OK;
}

static rapt_status save_table(rapt__run *run, const net *nets, const table *tables, int count) {
  rapt__text csv;
  rapt__text_init(&csv, run->ctx);
  char *path = rapt__run_path(run, "perplexity.csv");
  rapt_status status = path ? RAPT_OK : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__text_addf(&csv, "direct,model,valid,test\n");
  static const char *const names[] = {"kneser-ney-3", "net", "mixture"};
  for (int i = 0; i < count && status == RAPT_OK; i++)
    for (int k = 0; k < 3 && status == RAPT_OK; k++)
      status = rapt__text_addf(&csv, "%s,%s,%.4f,%.4f\n", nets[i].at.net.direct ? "true" : "false", names[k],
                               tables[i].valid[k], tables[i].test[k]);
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, path, csv.data, csv.size);
  rapt__text_free(&csv);
  return status;
}

/* ---- Verdict ---- */

static void say_table(rapt__run *run, const net *n, const table *t) {
  const char *which = n->at.net.direct ? "with direct connections" : "without direct connections";
  rapt__run_say(run, RAPT_EVENT_RESULT, "validation       Kneser-Ney-3 %.2f, net %.2f, mixture %.2f (%s)", t->valid[KN],
                t->valid[NET], t->valid[MIXTURE], which);
  rapt__run_say(run, RAPT_EVENT_RESULT,
                "test             Kneser-Ney-3 %.2f, net %.2f, mixture %.2f (%s; the net weighs %.3f, trained %.0f s)",
                t->test[KN], t->test[NET], t->test[MIXTURE], which, t->weight, n->seconds);
}

static rapt_status finish(rapt__run *run, const rapt__trainer *trainer, const net *nets, const table *tables,
                          int count) {
  const table *t = &tables[0];
  rapt_run_result *result = run->result;
  double mixture = t->test[MIXTURE], below = 1 - mixture / t->test[KN];
  result->figure = mixture;
  result->passed = !run->changed && mixture <= mark && below >= margin;
  char verdicts[3][200], ours[3][32];
  const char *lines[3] = {verdicts[0], verdicts[1], verdicts[2]};
  for (int i = 0; i < count; i++) say_table(run, &nets[i], &tables[i]);
  snprintf(verdicts[0], sizeof verdicts[0],
           "the mixture beats both parts (%.2f against %.2f and %.2f, %.1f %% below Kneser-Ney-3): %s", mixture,
           t->test[KN], t->test[NET], 100 * below, rapt__judged(mixture < t->test[KN] && mixture < t->test[NET]));
  snprintf(verdicts[1], sizeof verdicts[1], "pass mark: mixture at most %.0f and %.0f %% below Kneser-Ney-3: %s", mark,
           100 * margin,
           run->changed ? "not judged, as settings were changed" : (result->passed ? "reached" : "missed"));
  if (count == 2) {
    int with = nets[1].at.net.direct ? 1 : 0;
    double direct = tables[with].test[NET], plain = tables[1 - with].test[NET];
    snprintf(verdicts[2], sizeof verdicts[2],
             "direct connections do not help at equal time (net with %.2f in %.0f s, without %.2f in %.0f s): %s",
             direct, nets[with].seconds, plain, nets[1 - with].seconds, rapt__judged(plain <= direct));
  }
  for (int i = 0; i < count + 1; i++) rapt__run_say(run, RAPT_EVENT_RESULT, "%s", lines[i]);
  for (int k = 0; k < 3; k++) snprintf(ours[k], sizeof ours[k], "%.2f", t->test[k]);
  const char *const figures[][4] = {{"test perplexity, Kneser-Ney-3", ours[KN], "312 (best n-gram, Brown)", ""},
                                    {"test perplexity, net", ours[NET], "", ""},
                                    {"test perplexity, mixture", ours[MIXTURE], "252 (Brown)", "at most 135"}};
  RAPT_TRY(save_table(run, nets, tables, count));
  return rapt__lm_report(run, trainer, figures, 3, lines, (size_t)count + 1);
}

/* The test text is read here, after everything was chosen. */
static rapt_status judge(rapt__run *run, const corpus *data, const rapt__ngram *kn, const rapt__trainer *trainer,
                         const net *nets, int count) {
  table tables[2] = {{0}};
  rapt__word_ids test = {0};
  rapt_status status = rapt__words_read(&data->words, data->paths[2], &test.at, &test.count);
  for (int i = 0; i < count && status == RAPT_OK && !run->result->interrupted; i++)
    status = tabulate(run, kn, &nets[i], &data->valid, &test, &tables[i]);
  if (status == RAPT_OK && !run->result->interrupted) status = finish(run, trainer, nets, tables, count);
  rapt__free(run->ctx, test.at);
  return status;
}

/* ---- The run ---- */

/* DIR/NAME or DIR/NAME.gz. */
static rapt_status find_file(rapt__run *run, const char *dir, const char *name, const char **path) {
  *path = rapt__arena_format(&run->arena, "%s/%s", dir, name);
  const char *packed = rapt__arena_format(&run->arena, "%s/%s.gz", dir, name);
  if (!*path || !packed) return RAPT_ENOMEM;
  if (rapt__file_exists(*path)) return RAPT_OK;
  if (!rapt__file_exists(packed))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "%s: a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt (or .gz) is expected there, and "
                      "%s is missing; say data=FOLDER or data=ptb",
                      dir, name);
  *path = packed;
  return RAPT_OK;
}

static rapt_status load(rapt__run *run, corpus *data) {
  static const char *const names[] = {"ptb.train.txt", "ptb.valid.txt", "ptb.test.txt"};
  const char *dir = rapt__run_data(run);
  if (!dir) return rapt_context_status(run->ctx);
  for (int i = 0; i < 3; i++) RAPT_TRY(find_file(run, dir, names[i], &data->paths[i]));
  RAPT_TRY(rapt__words_learn(run->ctx, data->paths[0], &data->words));
  RAPT_TRY(rapt__words_read(&data->words, data->paths[0], &data->train.at, &data->train.count));
  RAPT_TRY(rapt__words_read(&data->words, data->paths[1], &data->valid.at, &data->valid.count));
  rapt__run_say(run, RAPT_EVENT_NOTE, "%zu training words, %zu for validation, vocabulary %zu", data->train.count,
                data->valid.count, data->words.count);
  return RAPT_OK;
}

static rapt_status train_and_judge(rapt__run *run, const corpus *data, const rapt__ngram *kn, net *nets,
                                   rapt__trainer *trainers) {
  const nplm_settings *s = run->own;
  RAPT_TRY(net_begin(run, data, s->direct, &nets[0]));
  RAPT_TRY(net_train(run, &nets[0], run->common.out, 0, &trainers[0]));
  if (run->result->interrupted) return RAPT_OK;
  if (s->compare) {
    const char *dir = rapt__run_path(run, "other");
    if (!dir) return RAPT_ENOMEM;
    RAPT_TRY(net_begin(run, data, !s->direct, &nets[1]));
    RAPT_TRY(net_train(run, &nets[1], dir, nets[0].seconds / 60, &trainers[1]));
    if (run->result->interrupted) return RAPT_OK;
  }
  return judge(run, data, kn, &trainers[0], nets, s->compare ? 2 : 1);
}

static rapt_status nplm(rapt__run *run) {
  corpus data = {0};
  rapt__ngram *kn = NULL;
  net nets[2] = {{.seconds = 0}};
  rapt__trainer trainers[2];
  for (int i = 0; i < 2; i++) rapt__trainer_init(&trainers[i], run->ctx);
  rapt_status status = load(run, &data);
  if (status == RAPT_OK)
    status = rapt__ngram_train_sentences(run->ctx, data.train.at, data.train.count, (int32_t)data.words.count,
                                         RAPT__WORDS_END, KN_ORDER, true, &kn);
  if (status == RAPT_OK) status = train_and_judge(run, &data, kn, nets, trainers);
  for (int i = 0; i < 2; i++) {
    rapt__trainer_free(&trainers[i]);
    rapt__nplm_task_free(&nets[i].at);
  }
  rapt__ngram_free(kn);
  rapt__free(run->ctx, data.train.at);
  rapt__free(run->ctx, data.valid.at);
  rapt__words_free(&data.words);
  return status;
}

const rapt__recipe rapt__recipe_nplm = {
    .info = {.id = "nplm",
             .title = "A neural probabilistic language model",
             .paper = "Bengio et al. 2003, A Neural Probabilistic Language Model",
             .task = "language modelling",
             .data = "ptb",
             .paper_figure = "Brown: mixture 252, best n-gram 312 perplexity",
             .pass_mark = "mixture <= 135 perplexity and 8 % below Kneser-Ney-3",
             .claim = "the mixture of net and n-gram beats both parts",
             .minutes = 6,
             .about = "Every word gets a vector of features; a small network reads the vectors of the four words "
                      "before and guesses the next one.\n"
                      "Words that are used alike get like vectors, so that the net knows what to expect after word "
                      "sequences it never saw.\n"
                      "Mixed with a table of counted trigrams (Kneser-Ney) it is better than either alone. "
                      "nplm.compare=true also trains the\n"
                      "net with direct connections from the vectors to the output."},
    .keys = keys,
    .own_size = sizeof(nplm_settings),
    .neutral = (const char *const[]){"nplm.compare", NULL},
    .defaults = defaults,
    .run = nplm};
