/* A task symbol, a string, a separator, and the string again, forwards or backwards: which positions still work at lengths that
 * were not trained? */
#include "recipes/relpos.h"

#include "base/file.h"
#include "base/rng.h"
#include "formats/svg.h"

#include <string.h>

enum { TRAIN = 2, VALID = 3, TEST = 6 };             /* high halves of random streams */
enum { WHICH, LENGTH, SYMBOLS };                     /* what is drawn */
enum { COPY, REVERSE, SEPARATOR, FIRST, TASKS = 2 }; /* tokens below FIRST are no symbols */
enum { BUCKETS = 4, POINTS = 2 * BUCKETS }; /* trained lengths in quarters; tested ones in eighths of twice as much */

typedef struct strings {
  rapt__task task; /* first, so that the trainer's pointer is ours */
  rapt_model *model;
  int64_t length, symbols, batch, evals;
  uint64_t seed;
} strings;

static int64_t longest(const strings *s, int bucket) { return s->length * (bucket + 1) / BUCKETS; }
/* Tokens that are read for a string of n: the last of the answer is not. */
static int64_t tokens_of(int64_t n) { return 2 * n + 1; }

static uint64_t stream(int part, int what, int64_t n) {
  return (uint64_t)part << 32 | (uint64_t)what << 16 | (uint64_t)n;
}

/* Lays the row-th string of a part into places for strings of at most `room` symbols. n < room leaves the rest without label. */
static void lay(const strings *s, int part, uint64_t row, int which, int64_t n, int64_t room, int32_t *tokens,
                int32_t *labels) {
  int64_t t = tokens_of(room);
  uint64_t from = stream(part, SYMBOLS, part == TEST ? n : 0);
  for (int64_t i = 0; i < t; i++) {
    tokens[i] = SEPARATOR;
    labels[i] = -100;
  }
  tokens[0] = which;
  for (int64_t i = 0; i < n; i++)
    tokens[1 + i] = FIRST + (int32_t)rapt__rng_below(s->seed, from, row * 4096 + (uint64_t)i, (uint64_t)s->symbols);
  for (int64_t i = 0; i < n; i++) {
    int32_t answer = tokens[which == COPY ? 1 + i : n - i];
    labels[n + 1 + i] = answer;
    if (i + 1 < n) tokens[n + 2 + i] = answer;
  }
}

/* ---- The task ---- */

static int bucket_of(const strings *s, bool training, uint64_t index) {
  return training ? (int)rapt__rng_below(s->seed, stream(TRAIN, WHICH, 1), index, BUCKETS) : (int)(index % BUCKETS);
}

static int64_t length_of(const strings *s, int part, int bucket, uint64_t row) {
  int64_t below = bucket ? longest(s, bucket - 1) : 0;
  return below + 1 +
         (int64_t)rapt__rng_below(s->seed, stream(part, LENGTH, 0), row, (uint64_t)(longest(s, bucket) - below));
}

static bool batch(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  const strings *s = (const strings *)task;
  if (!training && index >= (uint64_t)s->evals) return false;
  *out = (rapt__batch){.bucket = bucket_of(s, training, index)};
  for (int64_t b = 0; b < s->batch; b++)
    out->weight +=
        (double)length_of(s, training ? TRAIN : VALID, out->bucket, index * (uint64_t)s->batch + (uint64_t)b);
  return true;
}

static void fill_part(const strings *s, rapt_plan *plan, int part, int bucket, uint64_t index) {
  int64_t room = longest(s, bucket), t = tokens_of(room);
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens"));
  int32_t *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
  int32_t *positions = rapt_plan_data(plan, rapt_plan_find(plan, "positions"));
  for (int64_t b = 0; b < s->batch; b++) {
    uint64_t row = index * (uint64_t)s->batch + (uint64_t)b;
    int which = (int)rapt__rng_below(s->seed, stream(part, WHICH, 0), row, TASKS);
    lay(s, part, row, which, length_of(s, part, bucket, row), room, tokens + b * t, labels + b * t);
  }
  for (int64_t i = 0; positions && i < t; i++) positions[i] = (int32_t)i;
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  fill_part((const strings *)task, plan, TRAIN, bucket, index);
  return RAPT_OK;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  const strings *s = (const strings *)task;
  if (index >= (uint64_t)s->evals) return false;
  fill_part(s, plan, VALID, bucket_of(s, false, index), index);
  return true;
}

static rapt_tensor *logits_of(const strings *s, rapt_graph *graph, bool training, int64_t rows, int64_t t) {
  rapt__lm_pass pass = {.graph = graph, .params = s->model->params, .config = s->model->config, .training = training};
  pass.tokens = rapt_input(graph, "tokens", RAPT_I32, 2, (int64_t[]){rows, t});
  pass.positions = rapt_input(graph, "positions", RAPT_I32, 1, &t);
  rapt_tensor *head, *x = s->model->arch->hidden(&pass, &head);
  return rapt_linear(x, head, true, NULL, RAPT_IDENTITY);
}

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  const strings *s = (const strings *)task;
  (void)params;
  int64_t t = tokens_of(longest(s, bucket));
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, (int64_t[]){s->batch, t});
  return rapt_cross_entropy(logits_of(s, graph, training, s->batch, t), labels, NULL);
}

static rapt_status save(rapt__task *task, const char *dir) { return rapt_model_save(((strings *)task)->model, dir); }

/* ---- The test ---- */

/* Which share of the answers' tokens is the likeliest one, given the right ones before it. */
static rapt_status run_test(const strings *s, rapt_plan *plan, const rapt_tensor *best, int64_t n, int64_t count,
                            double right[TASKS]) {
  int64_t t = tokens_of(n);
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens"));
  int32_t *positions = rapt_plan_data(plan, rapt_plan_find(plan, "positions"));
  int32_t *labels = rapt__new(s->model->ctx, (size_t)t, sizeof *labels);
  if (!labels) return RAPT_ENOMEM;
  rapt_status status = RAPT_OK;
  for (int64_t i = 0; positions && i < t; i++) positions[i] = (int32_t)i;
  for (int64_t row = 0; row < TASKS * count && status == RAPT_OK; row++) {
    int which = (int)(row % TASKS);
    lay(s, TEST, (uint64_t)row, which, n, n, tokens, labels);
    status = rapt_plan_run(plan, 0);
    const int32_t *got = rapt_plan_data(plan, best);
    for (int64_t i = n + 1; i < t && status == RAPT_OK; i++)
      right[which] += (double)(got[i] == labels[i]) / (double)(n * count);
  }
  rapt__free(s->model->ctx, labels);
  return status;
}

static rapt_status test(const strings *s, int64_t n, int64_t count, double right[TASKS]) {
  rapt_graph *graph;
  rapt_plan *plan = NULL;
  memset(right, 0, TASKS * sizeof *right);
  RAPT_TRY(rapt_graph_new(s->model->ctx, &graph));
  rapt_tensor *best = rapt_argmax(logits_of(s, graph, false, 1, tokens_of(n)), -1);
  rapt_status status = rapt_plan_new(graph, &best, 1, NULL, &plan);
  if (status == RAPT_OK) status = run_test(s, plan, best, n, count, right);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
  return status;
}

/* ---- The experiment ---- */

static const rapt__position kinds[] = {RAPT__POSITION_LEARNED, RAPT__POSITION_SINUSOID, RAPT__POSITION_SHAW,
                                       RAPT__POSITION_SKEW,    RAPT__POSITION_ALIBI,    RAPT__POSITION_ROPE,
                                       RAPT__POSITION_T5};
enum { KINDS = sizeof kinds / sizeof *kinds };

typedef struct outcome {
  double length[POINTS], right[KINDS][TASKS][POINTS]; /* per cent */
} outcome;

static rapt_status one(rapt__relpos *r, int k, outcome *o, rapt__text *csv, rapt__text *maps) {
  const rapt__relpos_settings *own = r->settings;
  rapt__relpos_shape shape = {.kind = kinds[k],
                              .vocabulary = FIRST + own->symbols,
                              .context = tokens_of(2 * own->length),
                              .layers = own->layers,
                              .width = own->width,
                              .heads = own->heads,
                              .init = own->init};
  const char *name = rapt__position_names[kinds[k]];
  const char *dir = rapt__arena_format(&r->run->arena, "strings/%s", name);
  strings s = {.length = own->length,
               .symbols = own->symbols,
               .batch = r->run->train.batch,
               .evals = r->run->train.evals,
               .seed = (uint64_t)r->run->common.seed};
  if (!dir) return RAPT_ENOMEM;
  RAPT_TRY(rapt__relpos_model(r, &shape, &s.model));
  s.task = (rapt__task){.loss = loss,
                        .fill = fill,
                        .fill_eval = fill_eval,
                        .save = save,
                        .tokens_per_batch = (double)(s.batch * s.length),
                        .buckets = BUCKETS,
                        .batch = batch};
  rapt_status status = rapt__relpos_train(r, &s.task, s.model, dir, r->run->train.steps, s.batch, false);
  for (int p = 0; p < POINTS && status == RAPT_OK && !r->run->result->interrupted; p++) {
    double right[TASKS];
    int64_t n = own->length * (p + 1) / BUCKETS;
    status = test(&s, n, own->strings, right);
    o->length[p] = (double)n;
    for (int w = 0; w < TASKS && status == RAPT_OK; w++) {
      o->right[k][w][p] = 100 * right[w];
      status = rapt__text_addf(csv, "%s,%s,%lld,%.4f\n", w == COPY ? "copy" : "reverse", name, (long long)n, right[w]);
    }
  }
  if (status == RAPT_OK && !r->run->result->interrupted) status = rapt__relpos_map(r, kinds[k], s.model, &shape, maps);
  rapt_model_free(s.model);
  return status;
}

static rapt_status judge(rapt__relpos *r, const outcome *o) {
  enum { AT_TRAINED = BUCKETS - 1, AT_LONGER = BUCKETS + 1, AT_TWICE = POINTS - 1 }; /* 64, 96, 128 of the defaults */
  double learned[TASKS] = {0}, least[TASKS];
  for (int k = 0; k < KINDS; k++) {
    const double *copy = o->right[k][COPY], *reverse = o->right[k][REVERSE];
    RAPT_TRY(rapt__findings_say(
        &r->findings,
        "%-8s tokens right at %g, %g, %g symbols: copied %.1f, %.1f, %.1f %%, reversed %.1f, %.1f, %.1f %%",
        rapt__position_names[kinds[k]], o->length[AT_TRAINED], o->length[AT_LONGER], o->length[AT_TWICE],
        copy[AT_TRAINED], copy[AT_LONGER], copy[AT_TWICE], reverse[AT_TRAINED], reverse[AT_LONGER], reverse[AT_TWICE]));
  }
  for (int w = 0; w < TASKS; w++) {
    least[w] = 100;
    for (int k = 0; k < KINDS; k++) {
      double right = o->right[k][w][AT_LONGER];
      if (kinds[k] == RAPT__POSITION_LEARNED) learned[w] = right;
      if (kinds[k] == RAPT__POSITION_ROPE || kinds[k] == RAPT__POSITION_ALIBI || kinds[k] == RAPT__POSITION_SHAW)
        if (right < least[w]) least[w] = right;
    }
    RAPT_TRY(rapt__findings_judge(
        &r->findings, false, least[w] > 90 && learned[w] < 90,
        "%s, learnt up to %g symbols: rotary, ALiBi and relative positions keep more than 90 %% "
        "of tokens at %g, learnt absolute ones do not (the least %.1f %%, learnt %.1f %%)",
        w == COPY ? "copied" : "reversed", o->length[AT_TRAINED], o->length[AT_LONGER], least[w], learned[w]));
  }
  return RAPT_OK;
}

static rapt_status draw(rapt__relpos *r, const outcome *o, const rapt__text *maps) {
  rapt__text svg;
  rapt__text_init(&svg, r->run->ctx);
  rapt_status status = RAPT_OK;
  for (int w = 0; w < TASKS && status == RAPT_OK; w++) {
    rapt__series series[KINDS];
    for (int k = 0; k < KINDS; k++)
      series[k] = (rapt__series){rapt__position_names[kinds[k]], o->length, o->right[k][w], POINTS};
    rapt__plot plot = {.title = w == COPY ? "copied" : "reversed",
                       .x_title = "symbols of the string",
                       .y_title = "tokens right (%)",
                       .series = series,
                       .count = KINDS};
    status = rapt__svg_plot(&svg, &plot);
  }
  rapt__relpos_section *curve = &r->sections[r->section_count++], *map = &r->sections[r->section_count++];
  *curve = (rapt__relpos_section){
      .heading = "Longer than ever seen",
      .text = rapt__arena_format(&r->run->arena, "Strings up to %lld symbols were learnt from. Numbers: strings.csv.",
                                 (long long)r->settings->length),
      .svg = svg.data ? rapt__arena_strdup(&r->run->arena, svg.data) : NULL};
  *map = (rapt__relpos_section){
      .heading = "How alike positions are",
      .text = "Cosines of what stands for two positions or distances, after training: rows of the learnt table, waves, "
              "turned "
              "vectors, the first layer's vectors of distances. Of T5: the number that each head adds in each bucket.",
      .svg = maps->data ? rapt__arena_strdup(&r->run->arena, maps->data) : NULL};
  if (status == RAPT_OK && !(curve->text && curve->svg && map->svg)) status = RAPT_ENOMEM;
  rapt__text_free(&svg);
  return status;
}

static rapt_status finish(rapt__relpos *r, const outcome *o, const rapt__text *csv, const rapt__text *maps) {
  const char *path = rapt__run_path(r->run, "strings.csv");
  if (!path) return RAPT_ENOMEM;
  RAPT_TRY(rapt__file_replace(r->run->ctx, path, csv->data, csv->size));
  RAPT_TRY(judge(r, o));
  return draw(r, o, maps);
}

rapt_status rapt__relpos_strings(rapt__relpos *r) {
  outcome o = {0};
  rapt__text csv, maps;
  rapt__text_init(&csv, r->run->ctx);
  rapt__text_init(&maps, r->run->ctx);
  rapt_status status = rapt__text_addf(&csv, "task,positions,length,right\n");
  for (int k = 0; k < KINDS && status == RAPT_OK && !r->run->result->interrupted; k++)
    status = one(r, k, &o, &csv, &maps);
  if (status == RAPT_OK && !r->run->result->interrupted) status = finish(r, &o, &csv, &maps);
  rapt__text_free(&csv);
  rapt__text_free(&maps);
  return status;
}
