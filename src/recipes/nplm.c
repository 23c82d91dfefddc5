/* A neural probabilistic language model (Bengio et al. 2003): the words before become vectors of one shared table C, a
 * tanh layer reads them side by side, a softmax guesses the next word; then a mixture with a Kneser–Ney trigram. */
#include "recipes/lm_report.h"
#include "recipes/recipes.h"

#include "base/file.h"
#include "base/rng.h"
#include "data/words.h"
#include "tasks/ngram.h"
#include "tasks/params_file.h"
#include "train/trainer.h"

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
enum { KN_ORDER = 3, EM_ROUNDS = 200, NEIGHBOURS = 6 };
enum { STREAM_ORDER = 2, STREAM_WORDS = 3 }; /* high halves of random streams; initial weights use 1 */

typedef struct ids {
  int32_t *at; /* owned */
  size_t count;
} ids;

typedef struct corpus {
  const char *paths[3]; /* train, valid, test; in the run's arena */
  rapt__words words;
  ids train, valid;
} corpus;

/* One net at work. */
typedef struct net {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_context *ctx;
  const nplm_settings *s;
  const corpus *data;
  rapt_params *params; /* owned */
  uint32_t *order;     /* owned: places of the training words in this pass */
  uint64_t pass;       /* whose order that is; UINT64_MAX: none */
  bool direct;
  int64_t batch, evals, lists;
  uint64_t seed;
  double seconds; /* of its training */
} net;

/* ---- The network ---- */

/* The rows that the softmax multiplies, x = (tanh(d + H e), [e,] 1), and their weights, head = (U, [W,] b), so that one
 * product makes all of b + W e + U tanh(d + H e). */
static rapt_tensor *output_rows(const net *n, rapt_graph *graph, rapt_params *params, rapt_tensor *context,
                                rapt_tensor **head) {
  int64_t v = (int64_t)n->data->words.count, m = n->s->features, h = n->s->hidden, width = (n->s->order - 1) * m;
  int64_t rows = rapt_dim(context, 0);
  /* One row more than there are words: <s>, which stands before a sentence and is never guessed. */
  rapt_tensor *c = rapt_param(graph, params, "C", 2, (int64_t[]){v + 1, m}, (rapt_init){RAPT_INIT_NORMAL, 0.1, false});
  rapt_init init = {RAPT_INIT_NORMAL, 1 / sqrt((double)width), false}, zeros = {RAPT_INIT_ZEROS, 0, true};
  rapt_tensor *hidden = rapt_param(graph, params, "H", 2, (int64_t[]){h, width}, init);
  rapt_tensor *d = rapt_param(graph, params, "d", 1, &h, zeros);
  rapt_tensor *u = rapt_param(graph, params, "U", 2, (int64_t[]){v, h}, (rapt_init){RAPT_INIT_NORMAL, 0.02, false});
  rapt_tensor *b = rapt_reshape(rapt_param(graph, params, "b", 1, &v, zeros), 2, (int64_t[]){v, 1});
  rapt_tensor *e = rapt_reshape(rapt_embedding(c, context), 2, (int64_t[]){rows, width});
  rapt_tensor *a = rapt_linear(e, hidden, true, d, RAPT_TANH), *one = rapt_fill(graph, 1, 2, (int64_t[]){rows, 1});
  if (!n->direct) {
    *head = rapt_concat((rapt_tensor *[]){u, b}, 2, 1);
    return rapt_concat((rapt_tensor *[]){a, one}, 2, 1);
  }
  rapt_tensor *w = rapt_param(graph, params, "W", 2, (int64_t[]){v, width}, (rapt_init){RAPT_INIT_ZEROS});
  *head = rapt_concat((rapt_tensor *[]){u, w, b}, 3, 1);
  return rapt_concat((rapt_tensor *[]){a, e, one}, 3, 1);
}

static void name_of(char out[32], const char *name, int part) { snprintf(out, 32, part ? "%s.%d" : "%s", name, part); }

static rapt_tensor *inputs(const net *n, rapt_graph *graph, int part, rapt_tensor **labels) {
  char name[32];
  name_of(name, "labels", part);
  *labels = rapt_input(graph, name, RAPT_I32, 1, &n->batch);
  name_of(name, "context", part);
  return rapt_input(graph, name, RAPT_I32, 2, (int64_t[]){n->batch, n->s->order - 1});
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int part) {
  const net *n = (const net *)task;
  (void)training;
  rapt_tensor *labels, *head, *context = inputs(n, graph, part, &labels);
  rapt_tensor *x = output_rows(n, graph, params, context, &head);
  return rapt_linear_cross_entropy(x, head, labels, NULL);
}

/* ---- Batches ---- */

/* The n − 1 words before `at`; before the sentence stands <s>. */
static void fill_context(const net *n, const int32_t *text, size_t at, int32_t *context) {
  int32_t start = (int32_t)n->data->words.count;
  bool before = false;
  for (int64_t i = n->s->order - 2; i >= 0; i--) {
    before = before || at == 0 || text[at - 1] == RAPT__WORDS_END;
    context[i] = before ? start : text[--at];
  }
}

static void fill_row(const net *n, const ids *text, size_t at, int64_t row, int32_t *context, int32_t *labels) {
  bool inside = at < text->count;
  labels[row] = inside ? text->at[at] : -100; /* not counted */
  fill_context(n, text->at, inside ? at : 0, context + row * (n->s->order - 1));
}

static void find_inputs(rapt_plan *plan, int part, int32_t **context, int32_t **labels) {
  char name[32];
  name_of(name, "context", part);
  *context = rapt_plan_data(plan, rapt_plan_find(plan, name));
  name_of(name, "labels", part);
  *labels = rapt_plan_data(plan, rapt_plan_find(plan, name));
}

/* Every pass takes the words in an order of its own, which follows from seed and pass. */
static void shuffle(net *n, uint64_t pass) {
  size_t count = n->data->train.count;
  rapt__rng_shuffle(n->seed, (uint64_t)STREAM_ORDER << 32, pass * count, n->order, count);
  n->pass = pass;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int part, uint64_t index) {
  net *n = (net *)task;
  uint64_t batches = n->data->train.count / (uint64_t)n->batch;
  if (n->pass != index / batches) shuffle(n, index / batches);
  const uint32_t *at = n->order + index % batches * (uint64_t)n->batch;
  int32_t *context, *labels;
  find_inputs(plan, part, &context, &labels);
  for (int64_t row = 0; row < n->batch; row++) fill_row(n, &n->data->train, at[row], row, context, labels);
  return RAPT_OK;
}

/* While it trains, the net is judged by words spread evenly over the validation text; at the end by all of them. */
static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  const net *n = (const net *)task;
  size_t count = n->data->valid.count, batch = (size_t)n->batch, chosen = (size_t)n->evals * batch;
  if (chosen > count) chosen = count;
  if (index * batch >= chosen) return false;
  int32_t *context, *labels;
  find_inputs(plan, 0, &context, &labels);
  for (size_t row = 0, i = index * batch; row < batch; row++, i++)
    fill_row(n, &n->data->valid, i < chosen ? i * count / chosen : count, (int64_t)row, context, labels);
  return true;
}

/* ---- What it has learnt ---- */

static rapt_real *values_of(const net *n, const char *name) {
  rapt_real *values = NULL;
  int64_t index = rapt_params_find(n->params, name);
  if (index >= 0) rapt_params_get(n->params, index, NULL, NULL, NULL, &values);
  return values;
}

static double cosine(const rapt_real *a, const rapt_real *b, int64_t width) {
  double ab = 0, aa = 0, bb = 0;
  for (int64_t i = 0; i < width; i++) {
    ab += (double)a[i] * (double)b[i];
    aa += (double)a[i] * (double)a[i];
    bb += (double)b[i] * (double)b[i];
  }
  return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

static rapt_status add_neighbours(const net *n, const rapt_real *c, size_t word, rapt__text *out) {
  const rapt__words *words = &n->data->words;
  double best[NEIGHBOURS];
  size_t who[NEIGHBOURS], found = 0;
  for (size_t i = 2; i < words->count; i++) {
    if (i == word) continue;
    double near = cosine(c + (int64_t)word * n->s->features, c + (int64_t)i * n->s->features, n->s->features);
    size_t at = found < NEIGHBOURS ? found++ : NEIGHBOURS;
    for (; at > 0 && best[at - 1] < near; at--)
      if (at < NEIGHBOURS) {
        best[at] = best[at - 1];
        who[at] = who[at - 1];
      }
    if (at < NEIGHBOURS) {
      best[at] = near;
      who[at] = i;
    }
  }
  RAPT_TRY(rapt__text_addf(out, "%.*s:", (int)words->words[word].size, words->words[word].bytes));
  for (size_t i = 0; i < found; i++)
    RAPT_TRY(rapt__text_addf(out, " %.*s", (int)words->words[who[i]].size, words->words[who[i]].bytes));
  return rapt__text_add(out, "\n", 1);
}

/* Words drawn from the frequent ones, each with the words whose rows of C point the same way. */
static rapt_status sample(rapt__task *task, uint64_t seed, rapt__text *out) {
  const net *n = (const net *)task;
  const rapt_real *c = values_of(n, "C");
  size_t common = n->data->words.count < 1000 ? n->data->words.count : 1000;
  if (!c || common <= 3) return RAPT_OK;
  RAPT_TRY(rapt__text_addf(out, "nearest words by their rows of C:\n"));
  for (int64_t i = 0; i < n->lists; i++) {
    size_t word = 2 + (size_t)rapt__rng_below(seed, (uint64_t)STREAM_WORDS << 32, (uint64_t)i, common - 2);
    RAPT_TRY(add_neighbours(n, c, word, out));
  }
  return RAPT_OK;
}

static rapt_status save_words(const net *n, const char *path) {
  rapt__out out;
  const rapt__words *words = &n->data->words;
  RAPT_TRY(rapt__out_open(n->ctx, path, &out));
  for (size_t i = 0; i < words->count; i++)
    rapt__out_printf(&out, "%.*s\n", (int)words->words[i].size, words->words[i].bytes);
  if (rapt__out_printf(&out, "<s>\n") == RAPT_OK) return rapt__out_commit(&out);
  rapt_status status = out.status;
  rapt__out_abort(&out);
  return status;
}

/* model.safetensors under the paper's letters, and vocab.txt, whose line numbers are the rows of C. */
static rapt_status save(rapt__task *task, const char *dir) {
  const net *n = (const net *)task;
  RAPT_TRY(rapt__make_dirs(n->ctx, dir));
  char *words = rapt__path_join(n->ctx, dir, "vocab.txt"), *weights = rapt__path_join(n->ctx, dir, "model.safetensors");
  rapt_status status = words && weights ? save_words(n, words) : RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__params_write(n->params, weights, NULL);
  rapt__free(n->ctx, words);
  rapt__free(n->ctx, weights);
  return status;
}

/* ---- Training ---- */

static void net_free(net *n) {
  rapt_params_free(n->params);
  if (n->ctx) rapt__free(n->ctx, n->order);
}

/* b begins at the logarithms of the words' frequencies: small steps would need thousands of updates to get there. */
static void start_at_frequencies(const net *n) {
  rapt_real *b = values_of(n, "b");
  size_t count = n->data->words.count;
  double total = 0;
  for (size_t i = 0; i < count; i++) total += (double)n->data->words.words[i].count;
  for (size_t i = 0; i < count; i++) b[i] = (rapt_real)log((double)n->data->words.words[i].count / total);
}

static rapt_status net_begin(rapt__run *run, const corpus *data, bool direct, net *n) {
  *n = (net){.task = {.loss = loss,
                      .fill = fill,
                      .fill_eval = fill_eval,
                      .sample = sample,
                      .save = save,
                      .tokens_per_batch = (double)run->train.batch},
             .ctx = run->ctx,
             .s = run->own,
             .data = data,
             .pass = UINT64_MAX,
             .direct = direct,
             .batch = run->train.batch,
             .evals = run->train.evals,
             .lists = run->train.sample_tokens,
             .seed = (uint64_t)run->common.seed};
  if (data->train.count < (size_t)n->batch)
    return rapt__fail(run->ctx, RAPT_EINVAL, "%s: %zu words do not fill a batch of %lld; choose a smaller train.batch",
                      data->paths[0], data->train.count, (long long)n->batch);
  n->order = rapt__new(run->ctx, data->train.count, sizeof *n->order);
  if (!n->order) return RAPT_ENOMEM;
  RAPT_TRY(rapt_params_new(run->ctx, &n->params));
  rapt_graph *graph;
  RAPT_TRY(rapt_graph_new(run->ctx, &graph));
  loss(&n->task, graph, n->params, false, 0);
  rapt_status status = graph->status == RAPT_ENOMEM ? rapt__fail_memory(run->ctx, 0) : graph->status;
  rapt_graph_free(graph);
  if (status == RAPT_OK) status = rapt_params_start(n->params, n->seed);
  if (status == RAPT_OK) start_at_frequencies(n);
  return status;
}

/* minutes > 0: as many steps as fit into them. */
static rapt_status net_train(rapt__run *run, net *n, const char *dir, double minutes, rapt__trainer *t) {
  t->task = &n->task;
  t->params = n->params;
  t->settings = run->train;
  if (minutes > 0) t->settings.minutes = minutes;
  t->seed = n->seed;
  t->dir = dir;
  t->tell = run->tell;
  t->tell_user = run->tell_user;
  rapt__run_say(run, RAPT_EVENT_NOTE, "net %s direct connections: %lld parameters, %lld words a batch, %d threads",
                n->direct ? "with" : "without", (long long)rapt_params_size(n->params), (long long)n->batch,
                rapt_context_threads(run->ctx));
  RAPT_TRY(rapt__make_dirs(run->ctx, dir));
  bool resume = false; /* a run may have stopped before its second net began */
  if (run->resume) RAPT_TRY(rapt__checkpoint_exists(t, &resume));
  rapt_status status = rapt__trainer_run(t, resume);
  run->result->interrupted = t->interrupted;
  n->seconds = t->seconds;
  return status;
}

/* ---- Perplexities ---- */

static rapt_status fill_probs(rapt__run *run, const net *n, const ids *text, rapt_plan *plan, const rapt_tensor *logs,
                              double *probs) {
  int32_t *context, *labels;
  find_inputs(plan, 0, &context, &labels);
  for (size_t at = 0; at < text->count; at += (size_t)n->batch) {
    if (atomic_load(&run->ctx->interrupted)) {
      run->result->interrupted = true;
      return RAPT_OK;
    }
    for (int64_t row = 0; row < n->batch; row++) {
      fill_row(n, text, at + (size_t)row, row, context, labels);
      if (labels[row] < 0) labels[row] = 0;
    }
    RAPT_TRY(rapt_plan_run(plan, 0));
    const rapt_real *log_p = rapt_plan_data(plan, logs);
    for (size_t row = 0; row < (size_t)n->batch && at + row < text->count; row++)
      probs[at + row] = exp((double)log_p[row]);
  }
  return RAPT_OK;
}

/* probs[i] = the net's probability of the i-th word. */
static rapt_status net_probs(rapt__run *run, const net *n, const ids *text, double *probs) {
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  RAPT_TRY(rapt_graph_new(run->ctx, &graph));
  rapt_tensor *labels, *head, *context = inputs(n, graph, 0, &labels);
  rapt_tensor *x = output_rows(n, graph, n->params, context, &head);
  rapt_tensor *scores = rapt_linear(x, head, true, NULL, RAPT_IDENTITY);
  rapt_tensor *logs = rapt_sub(rapt_gather(scores, labels), rapt_logsumexp(scores));
  rapt_status status = rapt_plan_new(graph, &logs, 1, NULL, &plan);
  if (status == RAPT_OK) status = fill_probs(run, n, text, plan, logs, probs);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}

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
static rapt_status measure(rapt__run *run, const rapt__ngram *kn, const net *n, const ids *text, double **probs) {
  *probs = rapt__arena_new(&run->arena, 2 * text->count, sizeof **probs);
  if (!*probs) return RAPT_ENOMEM;
  RAPT_TRY(rapt__ngram_probs(kn, text->at, text->count, RAPT__WORDS_END, *probs));
  return net_probs(run, n, text, *probs + text->count);
}

static void perplexities(const double *probs, size_t count, double weight, double out[3], double *mixture) {
  for (size_t i = 0; i < count; i++) mixture[i] = (1 - weight) * probs[i] + weight * probs[count + i];
  out[KN] = perplexity(probs, count);
  out[NET] = perplexity(probs + count, count);
  out[MIXTURE] = perplexity(mixture, count);
}

static rapt_status tabulate(rapt__run *run, const rapt__ngram *kn, const net *n, const ids *valid, const ids *test,
                            table *out) {
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
      status = rapt__text_addf(&csv, "%s,%s,%.4f,%.4f\n", nets[i].direct ? "true" : "false", names[k],
                               tables[i].valid[k], tables[i].test[k]);
  if (status == RAPT_OK) status = rapt__file_replace(run->ctx, path, csv.data, csv.size);
  rapt__text_free(&csv);
  return status;
}

/* ---- Verdict ---- */

static void say_table(rapt__run *run, const net *n, const table *t) {
  const char *which = n->direct ? "with direct connections" : "without direct connections";
  rapt__run_say(run, RAPT_EVENT_RESULT, "validation       Kneser-Ney-3 %.2f, net %.2f, mixture %.2f (%s)", t->valid[KN],
                t->valid[NET], t->valid[MIXTURE], which);
  rapt__run_say(run, RAPT_EVENT_RESULT,
                "test             Kneser-Ney-3 %.2f, net %.2f, mixture %.2f (%s; the net weighs %.3f, trained %.0f s)",
                t->test[KN], t->test[NET], t->test[MIXTURE], which, t->weight, n->seconds);
}

static const char *judged(bool holds) { return holds ? "holds" : "does not hold"; }

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
           t->test[KN], t->test[NET], 100 * below, judged(mixture < t->test[KN] && mixture < t->test[NET]));
  snprintf(verdicts[1], sizeof verdicts[1], "pass mark: mixture at most %.0f and %.0f %% below Kneser-Ney-3: %s", mark,
           100 * margin,
           run->changed ? "not judged, as settings were changed" : (result->passed ? "reached" : "missed"));
  if (count == 2) {
    int with = nets[1].direct ? 1 : 0;
    double direct = tables[with].test[NET], plain = tables[1 - with].test[NET];
    snprintf(verdicts[2], sizeof verdicts[2],
             "direct connections do not help at equal time (net with %.2f in %.0f s, without %.2f in %.0f s): %s",
             direct, nets[with].seconds, plain, nets[1 - with].seconds, judged(plain <= direct));
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
  ids test = {0};
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
  net nets[2] = {{.batch = 0}};
  rapt__trainer trainers[2];
  for (int i = 0; i < 2; i++) rapt__trainer_init(&trainers[i], run->ctx);
  rapt_status status = load(run, &data);
  if (status == RAPT_OK)
    status = rapt__ngram_train_sentences(run->ctx, data.train.at, data.train.count, (int32_t)data.words.count,
                                         RAPT__WORDS_END, KN_ORDER, true, &kn);
  if (status == RAPT_OK) status = train_and_judge(run, &data, kn, nets, trainers);
  for (int i = 0; i < 2; i++) {
    rapt__trainer_free(&trainers[i]);
    net_free(&nets[i]);
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
    .defaults = defaults,
    .run = nplm};
