/* The tutorials on recurrent networks and LSTM: gradients in every way, how far they reach, and four character-level language
 * models of equal size trained by truncated backpropagation through time. */
#include "recipes/lstm_tutorials.h"
#include "recipes/training.h"

#include "base/file.h"
#include "data/packed.h"
#include "formats/svg.h"
#include "kernels/kernels.h"
#include "train/metrics.h"

#include <math.h>
#include <string.h>

static const rapt__key keys[] = {
    {"lstm.units", NULL, RAPT__KEY_INT, offsetof(rapt__lstm_settings, units), "128", 2, 4096, NULL,
     "units of the LSTM; the other networks get as many as take no more parameters"},
    {"lstm.features", NULL, RAPT__KEY_INT, offsetof(rapt__lstm_settings, features), "24", 1, 1024, NULL,
     "width of a character's vector"},
    {"lstm.window", NULL, RAPT__KEY_INT, offsetof(rapt__lstm_settings, window), "3", 1, RAPT__CHAR_RNN_WINDOW, NULL,
     "inputs that a step of the augmented LSTM sees, its own and those ahead"},
    {"lstm.steps", NULL, RAPT__KEY_INT, offsetof(rapt__lstm_settings, steps), "50", 1, 1000, NULL,
     "characters through which a gradient goes back"},
    {"lstm.rnn_lr", NULL, RAPT__KEY_REAL, offsetof(rapt__lstm_settings, rnn_lr), "6e-3", 0, 1000, NULL,
     "highest learning rate of the tanh RNN, which bears less than train.lr"},
    {0}};

static const char *const defaults[] = {"data=ptb",
                                       "train.steps=2000",
                                       "train.batch=16",
                                       "train.lr=2e-2",
                                       "train.min_lr=2e-4",
                                       "train.weight_decay=0",
                                       "train.eval_every=200",
                                       "train.evals=40",
                                       "train.save_every=500",
                                       "train.sample_every=0",
                                       "train.sample_tokens=300",
                                       NULL};

enum { LSTM, RNN, PEEPHOLES, AUGMENTED }; /* order of training; the first in the run directory itself */
static const struct {
  const char *name, *dir;
  rapt__char_rnn_kind kind;
} kinds[RAPT__LSTM_NETS] = {{"vanilla LSTM", NULL, RAPT__CHAR_LSTM},
                            {"tanh RNN", "rnn", RAPT__CHAR_RNN},
                            {"peephole LSTM", "peepholes", RAPT__CHAR_PEEPHOLES},
                            {"augmented LSTM", "augmented", RAPT__CHAR_AUGMENTED}};

/* ---- What is said ---- */

void rapt__lstm_section(rapt__lstm *l, const rapt__report_section *section) {
  if (l->section_count < RAPT__LSTM_SECTIONS) l->sections[l->section_count++] = *section;
}

const char *rapt__lstm_keep(rapt__lstm *l, rapt__text *text) {
  const char *kept = rapt__arena_strdup(&l->run->arena, text->data ? text->data : "");
  rapt__text_free(text);
  rapt__text_init(text, l->run->ctx);
  return kept;
}

/* ---- The text ---- */

/* Lines without the blanks around them, each closed by a line feed: the usual form of the Penn Treebank by characters. */
static size_t trim_lines(char *text, size_t size) {
  size_t to = 0;
  for (size_t at = 0; at < size;) {
    const char *feed = memchr(text + at, '\n', size - at);
    size_t end = feed ? (size_t)(feed - text) : size, next = end + 1;
    while (at < end && text[at] == ' ') at++;
    while (end > at && (text[end - 1] == ' ' || text[end - 1] == '\r')) end--;
    memmove(text + to, text + at, end - at);
    to += end - at;
    if (feed) text[to++] = '\n';
    at = next;
  }
  return to;
}

static rapt_status read_text(rapt__run *run, const char *dir, const char *name, char **text, size_t *size) {
  enum { LIMIT = 1 << 28 };
  const char *path = rapt__arena_format(&run->arena, "%s/%s", dir, name),
             *packed = rapt__arena_format(&run->arena, "%s/%s.gz", dir, name);
  if (!path || !packed) return RAPT_ENOMEM;
  if (!rapt__file_exists(path) && !rapt__file_exists(packed))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "%s: a folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt (or .gz) is expected there, and "
                      "%s is missing; say data=FOLDER or data=ptb",
                      dir, name);
  RAPT_TRY(rapt__packed_read(run->ctx, rapt__file_exists(path) ? path : packed, LIMIT, text, size));
  *size = trim_lines(*text, *size);
  return RAPT_OK;
}

static rapt_status encode(rapt__lstm *l, const char *text, size_t size, int32_t **ids, int64_t *count) {
  return rapt_tokenizer_encode(l->tokenizer, text, size, ids, count);
}

/* The test text is read here, after everything was trained. */
static rapt_status load(rapt__lstm *l, const char *name, int32_t **ids, int64_t *count) {
  const char *dir = rapt__run_data(l->run);
  char *text;
  size_t size;
  if (!dir) return rapt_context_status(l->run->ctx);
  RAPT_TRY(read_text(l->run, dir, name, &text, &size));
  rapt_status status = l->tokenizer ? RAPT_OK : rapt_tokenizer_chars(l->run->ctx, text, size, &l->tokenizer);
  if (status == RAPT_OK) status = encode(l, text, size, ids, count);
  rapt__free(l->run->ctx, text);
  return status;
}

/* ---- Networks ---- */

static rapt_tensor *hidden(const void *net, rapt_graph *graph, rapt_params *params, bool training, rapt_tensor *ids,
                           rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head, rapt_tensor **bias) {
  (void)training;
  return rapt__char_rnn_hidden(net, graph, params, ids, before, after, head, bias);
}
static void start(const void *net, rapt_params *params) { rapt__char_rnn_start(net, params); }

static void set_units(rapt__char_rnn *net, int64_t units) {
  net->units = units;
  if (net->kind == RAPT__CHAR_AUGMENTED) net->projection = (units + 1) / 2;
}

/* As many units as take no more parameters than the LSTM. */
static void choose_size(const rapt__lstm *l, int which, rapt__char_rnn *net) {
  const rapt__lstm_settings *s = l->settings;
  *net = (rapt__char_rnn){kinds[which].kind, rapt_tokenizer_size(l->tokenizer), s->features, 0, 0, 0};
  if (net->kind == RAPT__CHAR_AUGMENTED) net->window = s->window;
  set_units(net, s->units);
  if (which == LSTM) return;
  rapt__char_rnn model;
  choose_size(l, LSTM, &model);
  int64_t low = 1, high = 8 * s->units, most = rapt__char_rnn_count(&model);
  while (low < high) {
    int64_t middle = (low + high + 1) / 2;
    set_units(net, middle);
    if (rapt__char_rnn_count(net) <= most)
      low = middle;
    else
      high = middle - 1;
  }
  set_units(net, low);
}

static rapt_status begin(rapt__lstm *l, int which) {
  rapt__run *run = l->run;
  rapt__lstm_net *n = &l->nets[which];
  n->name = kinds[which].name;
  n->dir = kinds[which].dir ? rapt__run_path(run, kinds[which].dir) : run->common.out;
  if (!n->dir) return RAPT_ENOMEM;
  choose_size(l, which, &n->net);
  n->lm = (rapt__recurrent_lm){.ctx = run->ctx,
                               .hidden = hidden,
                               .start = start,
                               .net = &n->net,
                               .ahead = n->net.window > 1 ? n->net.window - 1 : 0,
                               .tokenizer = l->tokenizer,
                               .train = l->train,
                               .valid = l->valid,
                               .train_count = l->train_count,
                               .valid_count = l->valid_count,
                               .steps = l->settings->steps,
                               .batch = run->train.batch,
                               .accumulate = run->train.accumulate,
                               .evals = run->train.evals,
                               .sample_tokens = run->train.sample_tokens,
                               .seed = (uint64_t)run->common.seed};
  n->lm.states = rapt__char_rnn_states(&n->net, n->lm.width);
  return rapt__recurrent_lm_init(&n->lm);
}

static rapt_status train(rapt__lstm *l, rapt__lstm_net *n, rapt__trainer *t) {
  rapt__run *run = l->run;
  rapt__run_trainer(run, t, &n->lm.task, n->lm.params, n->dir);
  if (n->net.kind == RAPT__CHAR_RNN) t->settings.lr = l->settings->rnn_lr;
  rapt__run_say(run, RAPT_EVENT_NOTE, "%s: %lld units, %lld parameters, %lld characters a batch, %d threads", n->name,
                (long long)n->net.units, (long long)rapt_params_size(n->lm.params),
                (long long)(n->lm.batch * n->lm.steps), rapt_context_threads(run->ctx));
  rapt_status status = rapt__run_train(run, t);
  n->seconds = t->seconds;
  return status;
}

static rapt_status measured(rapt__lstm *l, rapt_status status, double nats, double *bits) {
  *bits = nats / log(2);
  if (status != RAPT_EINTERRUPTED) return status;
  rapt_context_clear(l->run->ctx);
  l->run->result->interrupted = true;
  return RAPT_OK;
}

/* ---- Curves ---- */

typedef struct reading {
  rapt__lstm_net *net;
  double per_step;
  size_t lines;
} reading;

static rapt_status count_line(void *user, const rapt__metric *metric) {
  ((reading *)user)->lines += !isnan(metric->eval_loss);
  return RAPT_OK;
}

static rapt_status add_line(void *user, const rapt__metric *metric) {
  reading *r = user;
  if (isnan(metric->eval_loss) || r->net->points == r->lines) return RAPT_OK;
  r->net->at[r->net->points] = (double)metric->step * r->per_step;
  r->net->bits[r->net->points++] = metric->eval_loss / log(2);
  return RAPT_OK;
}

static rapt_status read_curve(rapt__lstm *l, rapt__lstm_net *n) {
  rapt__run *run = l->run;
  const char *path = rapt__arena_format(&run->arena, "%s/metrics.jsonl", n->dir);
  reading r = {.net = n, .per_step = (double)(n->lm.batch * n->lm.steps * n->lm.accumulate)};
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__metrics_read(run->ctx, path, count_line, &r));
  n->at = rapt__arena_new(&run->arena, r.lines + 1, sizeof *n->at);
  n->bits = rapt__arena_new(&run->arena, r.lines + 1, sizeof *n->bits);
  if (!n->at || !n->bits) return RAPT_ENOMEM;
  return rapt__metrics_read(run->ctx, path, add_line, &r);
}

/* ---- The picture of the gradient's way back ---- */

enum { MOST_ROWS = 2 * 2 * RAPT__LSTM_NETS };

typedef struct reach {
  const char *names[MOST_ROWS];
  double values[MOST_ROWS * RAPT__LSTM_BACK];
  size_t rows;
} reach;

static rapt_status add_reach(rapt__lstm *l, const rapt__lstm_net *n, const char *when, reach *r) {
  RAPT_TRY(rapt__lstm_reach(l, n, r->values + r->rows * RAPT__LSTM_BACK));
  int states = n->lm.states;
  for (int i = 0; i < states; i++) {
    const char *name = rapt__arena_format(&l->run->arena, "%s, %s, %s", n->name, i ? "c" : "h", when);
    if (!name) return RAPT_ENOMEM;
    r->names[r->rows++] = name;
  }
  return RAPT_OK;
}

/* Every second step: cells must be as high as their labels, and a page is only so wide. */
static rapt_status draw_reach(rapt__lstm *l, const reach *r) {
  enum { COLUMNS = RAPT__LSTM_BACK / 2 };
  rapt__text svg;
  const char *labels[COLUMNS];
  double values[MOST_ROWS * COLUMNS];
  for (int i = 0; i < COLUMNS; i++) {
    int t = 2 * i + 1;
    labels[i] = rapt__arena_format(&l->run->arena, "%d", RAPT__LSTM_BACK - 1 - t);
    if (!labels[i]) return RAPT_ENOMEM;
    for (size_t row = 0; row < r->rows; row++)
      values[row * COLUMNS + (size_t)i] = r->values[row * RAPT__LSTM_BACK + (size_t)t];
  }
  rapt__heat heat = {.title = "log10 of the norm of d loss_T / d state_t",
                     .column_title = "steps back, T - t",
                     .row_labels = r->names,
                     .column_labels = labels,
                     .values = values,
                     .rows = r->rows,
                     .columns = COLUMNS,
                     .low = -8,
                     .high = 0,
                     .cell = 11};
  rapt__text_init(&svg, l->run->ctx);
  rapt_status status = rapt__svg_heat(&svg, &heat);
  const char *kept = status == RAPT_OK ? rapt__lstm_keep(l, &svg) : NULL;
  rapt__text_free(&svg);
  if (!kept) return status == RAPT_OK ? RAPT_ENOMEM : status;
  rapt__lstm_section(
      l, &(rapt__report_section){
             .heading = "Gradient flow",
             .text = "The loss of one character by the states up to 99 steps before it, h and c apart, "
                     "with the weights at the start and at the end of training; means of eight passages. The scale "
                     "is logarithmic and ends at 1e-8.",
             .svg = kept});
  return RAPT_OK;
}

/* ---- The table ---- */

static rapt_status save_table(rapt__lstm *l) {
  rapt__text csv;
  rapt__text_init(&csv, l->run->ctx);
  const char *path = rapt__run_path(l->run, "bits.csv");
  rapt_status status = path ? rapt__text_addf(&csv, "network,units,parameters,valid,test,seconds\n") : RAPT_ENOMEM;
  for (int i = 0; i < RAPT__LSTM_NETS && status == RAPT_OK; i++) {
    const rapt__lstm_net *n = &l->nets[i];
    status = rapt__text_addf(&csv, "%s,%lld,%lld,%.4f,%.4f,%.1f\n", n->name, (long long)n->net.units,
                             (long long)rapt_params_size(n->lm.params), n->valid, n->test, n->seconds);
  }
  if (status == RAPT_OK) status = rapt__file_replace(l->run->ctx, path, csv.data, csv.size);
  rapt__text_free(&csv);
  return status;
}

static rapt_status draw_curves(rapt__lstm *l, const char **svg) {
  rapt__series series[RAPT__LSTM_NETS];
  for (int i = 0; i < RAPT__LSTM_NETS; i++)
    series[i] = (rapt__series){l->nets[i].name, l->nets[i].at, l->nets[i].bits, l->nets[i].points};
  rapt__plot plot = {.x_title = "characters read",
                     .y_title = "bits a character (validation)",
                     .series = series,
                     .count = RAPT__LSTM_NETS};
  rapt__text text;
  rapt__text_init(&text, l->run->ctx);
  rapt_status status = rapt__svg_plot(&text, &plot);
  const char *path = rapt__run_path(l->run, "loss.svg");
  if (status == RAPT_OK && !path) status = RAPT_ENOMEM;
  if (status == RAPT_OK) status = rapt__file_replace(l->run->ctx, path, text.data, text.size);
  if (status == RAPT_OK && !(*svg = rapt__lstm_keep(l, &text))) status = RAPT_ENOMEM;
  rapt__text_free(&text);
  return status;
}

static rapt_status write_report(rapt__lstm *l, const rapt__trainer *first) {
  rapt__run *run = l->run;
  const rapt_recipe_info *info = &run->recipe->info;
  const char *figures[RAPT__LSTM_NETS][4];
  double seconds = 0;
  for (int i = 0; i < RAPT__LSTM_NETS; i++) {
    const rapt__lstm_net *n = &l->nets[i];
    figures[i][0] = rapt__arena_format(&run->arena, "test bits a character, %s (%lld units, %lld parameters)", n->name,
                                       (long long)n->net.units, (long long)rapt_params_size(n->lm.params));
    figures[i][1] = rapt__arena_format(&run->arena, "%.3f", n->test);
    figures[i][2] = figures[i][3] = "";
    if (!figures[i][0] || !figures[i][1]) return RAPT_ENOMEM;
    seconds += n->seconds;
  }
  const char *curves,
      *page = rapt__run_path(run, "report.html"), **settings = rapt__run_settings(run),
      *environment = rapt__arena_format(&run->arena, "rapt %s, kernels %s, %d threads, %.0f s of training",
                                        rapt_version(), rapt__kernels()->name, rapt_context_threads(run->ctx), seconds);
  if (!page || !settings || !environment) return RAPT_ENOMEM;
  RAPT_TRY(draw_curves(l, &curves));
  rapt__report report = {.title = info->title,
                         .paper = info->paper,
                         .about = info->about,
                         .verdicts = l->findings.lines,
                         .verdict_count = l->findings.count,
                         .figures = figures,
                         .figure_count = RAPT__LSTM_NETS,
                         .plot_svg = curves,
                         .sample = first->sample.size ? first->sample.data : NULL,
                         .sections = l->sections,
                         .section_count = l->section_count,
                         .settings = settings,
                         .command = "rapt train lstm-tutorials",
                         .environment = environment};
  return rapt__report_write(run->ctx, page, &report);
}

/* ---- The course ---- */

static rapt_status finish(rapt__lstm *l, const rapt__trainer *first) {
  rapt_run_result *result = l->run->result;
  RAPT_TRY(load(l, "ptb.test.txt", &l->test, &l->test_count));
  for (int i = 0; i < RAPT__LSTM_NETS; i++) {
    rapt__lstm_net *n = &l->nets[i];
    double nats = NAN;
    rapt_status status = rapt__recurrent_lm_measure(&n->lm, l->test, l->test_count, &nats);
    RAPT_TRY(measured(l, status, nats, &n->test));
    if (result->interrupted) return RAPT_OK;
    RAPT_TRY(read_curve(l, n));
    n->valid = n->points ? n->bits[n->points - 1] : NAN;
    RAPT_TRY(rapt__findings_say(
        &l->findings, "%-15s %4lld units, %6lld parameters, %3.0f s: validation %.3f, test %.3f bits a character",
        n->name, (long long)n->net.units, (long long)rapt_params_size(n->lm.params), n->seconds, n->valid, n->test));
  }
  result->figure = l->nets[LSTM].test;
  RAPT_TRY(rapt__findings_judge(
      &l->findings, false, l->nets[LSTM].test < l->nets[RNN].test,
      "the LSTM does better than the tanh RNN with as many parameters and characters (%.3f against "
      "%.3f)",
      l->nets[LSTM].test, l->nets[RNN].test));
  result->passed = !l->run->changed && l->findings.missed == 0;
  RAPT_TRY(rapt__findings_say(&l->findings, "pass mark: all %d checks of gradients and of their flow hold: %s",
                              l->findings.judged,
                              l->run->changed  ? "not judged, as settings were changed"
                              : result->passed ? "reached"
                                               : "missed"));
  RAPT_TRY(save_table(l));
  return write_report(l, first);
}

static rapt_status course(rapt__lstm *l, rapt__trainer *trainers) {
  reach *flow = rapt__arena_new(&l->run->arena, 1, sizeof *flow);
  if (!flow) return RAPT_ENOMEM;
  RAPT_TRY(load(l, "ptb.train.txt", &l->train, &l->train_count));
  RAPT_TRY(load(l, "ptb.valid.txt", &l->valid, &l->valid_count));
  rapt__run_say(l->run, RAPT_EVENT_NOTE, "%lld training characters, %lld for validation, %lld different ones",
                (long long)l->train_count, (long long)l->valid_count, (long long)rapt_tokenizer_size(l->tokenizer));
  RAPT_TRY(rapt__lstm_check(l));
  RAPT_TRY(rapt__lstm_flow(l));
  for (int i = 0; i < RAPT__LSTM_NETS; i++) {
    RAPT_TRY(begin(l, i));
    RAPT_TRY(add_reach(l, &l->nets[i], "start", flow));
    RAPT_TRY(train(l, &l->nets[i], &trainers[i]));
    if (l->run->result->interrupted) return RAPT_OK;
    RAPT_TRY(add_reach(l, &l->nets[i], "end", flow));
  }
  RAPT_TRY(draw_reach(l, flow));
  RAPT_TRY(rapt__lstm_traces(l, &l->nets[LSTM]));
  return finish(l, &trainers[LSTM]);
}

static rapt_status lstm_tutorials(rapt__run *run) {
  rapt__lstm l = {.run = run, .findings = {.run = run}, .settings = run->own};
  rapt__trainer trainers[RAPT__LSTM_NETS];
  for (int i = 0; i < RAPT__LSTM_NETS; i++) rapt__trainer_init(&trainers[i], run->ctx);
  rapt_status status = course(&l, trainers);
  for (int i = 0; i < RAPT__LSTM_NETS; i++) {
    rapt__trainer_free(&trainers[i]);
    rapt__recurrent_lm_free(&l.nets[i].lm);
  }
  int32_t *texts[] = {l.train, l.valid, l.test};
  for (int i = 0; i < 3; i++)
    if (texts[i]) rapt_tokenizer_release(l.tokenizer, texts[i]);
  rapt_tokenizer_free(l.tokenizer);
  return status;
}

const rapt__recipe rapt__recipe_lstm_tutorials = {
    .info = {.id = "lstm-tutorials",
             .title = "Recurrent networks and LSTM, from their equations",
             .paper = "Staudemeyer and Morris 2019, Understanding LSTM; Sherstinsky 2020, Fundamentals of RNN and LSTM",
             .task = "gradients and language modelling by characters",
             .data = "ptb",
             .paper_figure = "none (tutorials)",
             .pass_mark = "RTRL = BPTT to 1e-9, differences to 1e-6, engine = plain code to 1e-5, and the claim",
             .claim =
                 "the gradient of h_T by h_t decays exponentially for tanh; by c_t it stays in [0.5, 1] through the "
                 "carousel for 100 steps",
             .minutes = 3,
             .about =
                 "What the two tutorials derive, carried out: gradients of recurrent cells by backpropagation "
                 "through time, truncated and whole,\n"
                 "and by real-time recurrent learning; how far they reach back without and with the constant error "
                 "carousel; the RNN as a sampled\n"
                 "delay equation. Then four networks of equal size learn to guess the next character of newspaper "
                 "text: a tanh RNN, an LSTM,\n"
                 "one with peepholes, and the augmented LSTM with an external input gate, a window of inputs and a "
                 "projection.\n"
                 "`rapt explain lstm-tutorials` goes through one step of an LSTM with every number."},
    .keys = keys,
    .own_size = sizeof(rapt__lstm_settings),
    .defaults = defaults,
    .run = lstm_tutorials,
    .explain = rapt__lstm_walk};
