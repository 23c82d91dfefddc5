/* Adam against the optimizers of its time: logistic regression on MNIST, and what bias correction is for. */
#include "recipes/recipes.h"

#include "base/file.h"
#include "data/idx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct adam_settings {
  int64_t passes, batch, early;
} adam_settings;

static const rapt__key keys[] = {
    {"adam.passes", NULL, RAPT__KEY_INT, offsetof(adam_settings, passes), "45", 1, 1000, NULL,
     "passes over the training images, for every optimizer"},
    {"adam.batch", NULL, RAPT__KEY_INT, offsetof(adam_settings, batch), "128", 1, 4096, NULL, "images of an update"},
    {"adam.early", NULL, RAPT__KEY_INT, offsetof(adam_settings, early), "200", 1, 10000, NULL,
     "updates that are looked at for the bias correction"},
    {0}};
static const char *const defaults[] = {"data=mnist", NULL};

enum { CLASSES = 10 };

typedef struct images {
  rapt__idx pixels, labels;
  int64_t features;
  uint32_t *order; /* owned; of the samples in a pass */
} images;

enum { RATES = 3 };

/* The paper searches a grid for every optimizer and shows the best; so does this, with the same number of rates for each. */
typedef struct contender {
  const char *name;
  rapt_update_options o;
  double rates[RATES];
} contender;

static const contender contenders[] = {
    {"sgd-nesterov", {.method = RAPT_SGD, .momentum = 0.9, .nesterov = true}, {0.01, 0.03, 0.1}},
    {"adagrad", {.method = RAPT_ADAGRAD, .eps = 1e-10}, {0.01, 0.03, 0.1}},
    {"rmsprop", {.method = RAPT_RMSPROP, .beta2 = 0.99, .eps = 1e-8}, {1e-3, 3e-3, 1e-2}},
    {"adadelta", {.method = RAPT_ADADELTA, .beta2 = 0.9, .eps = 1e-6}, {0.3, 1, 3}},
    {"adamax", {.method = RAPT_ADAMAX, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}, {2e-3, 6e-3, 2e-2}},
    {"adam", {.method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8}, {1e-3, 3e-3, 1e-2}}};
enum { CONTENDERS = sizeof contenders / sizeof *contenders };

/* One optimizer at work: parameters, graph, plan. */
typedef struct trial {
  rapt_params *params;
  rapt_graph *declared, *graph;
  rapt_plan *plan;
  rapt_tensor *x, *labels, *lr, *count, *loss;
  int64_t updates;
} trial;

static void trial_free(trial *t) {
  rapt_plan_free(t->plan);
  rapt_graph_free(t->graph);
  rapt_graph_free(t->declared);
  rapt_params_free(t->params);
}

static rapt_tensor *forward(trial *t, rapt_graph *graph, int64_t batch, int64_t features) {
  t->x = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){batch, features});
  t->labels = rapt_input(graph, "labels", RAPT_I32, 1, &batch);
  rapt_tensor *w =
      rapt_param(graph, t->params, "weight", 2, (int64_t[]){features, CLASSES}, (rapt_init){RAPT_INIT_ZEROS});
  rapt_tensor *b = rapt_param(graph, t->params, "bias", 1, (int64_t[]){CLASSES}, (rapt_init){RAPT_INIT_ZEROS, 0, true});
  return rapt_cross_entropy(rapt_linear(t->x, w, false, b, RAPT_IDENTITY), t->labels, NULL);
}

static rapt_status trial_begin(rapt__run *run, const images *set, const rapt_update_options *o, trial *t) {
  const adam_settings *s = run->own;
  RAPT_TRY(rapt_params_new(run->ctx, &t->params));
  RAPT_TRY(rapt_graph_new(run->ctx, &t->declared));
  forward(t, t->declared, s->batch, set->features);
  RAPT_TRY(rapt_params_start(t->params, (uint64_t)run->common.seed));
  RAPT_TRY(rapt_graph_new(run->ctx, &t->graph));
  t->loss = forward(t, t->graph, s->batch, set->features);
  t->lr = rapt_input(t->graph, "lr", RAPT_F32, 0, NULL);
  t->count = rapt_input(t->graph, "count", RAPT_F32, 0, NULL);
  rapt_tensor *norm = rapt_update(t->params, rapt_grad_params(t->loss, t->params), t->lr, t->count, o);
  return rapt_plan_new(t->graph, (rapt_tensor *[]){t->loss, norm}, 2, NULL, &t->plan);
}

/* One update on samples order[at..at + batch). */
static rapt_status trial_update(rapt__run *run, const images *set, trial *t, int64_t at, double lr, double *loss) {
  const adam_settings *s = run->own;
  rapt_real *x = rapt_plan_data(t->plan, t->x);
  int32_t *labels = rapt_plan_data(t->plan, t->labels);
  for (int64_t i = 0; i < s->batch; i++) {
    int64_t sample = set->order[at + i];
    const uint8_t *pixels = set->pixels.data + sample * set->features;
    for (int64_t j = 0; j < set->features; j++) x[i * set->features + j] = (rapt_real)pixels[j] / 255;
    labels[i] = set->labels.data[sample];
  }
  *(rapt_real *)rapt_plan_data(t->plan, t->lr) = (rapt_real)lr;
  *(rapt_real *)rapt_plan_data(t->plan, t->count) = (rapt_real)++t->updates;
  RAPT_TRY(rapt_plan_run(t->plan, (uint64_t)t->updates));
  *loss = *(rapt_real *)rapt_plan_data(t->plan, t->loss);
  return RAPT_OK;
}

/* The order depends on seed and pass alone: every optimizer sees the same batches. */
static void shuffle(const rapt__run *run, images *set, int64_t pass) {
  uint64_t state = (uint64_t)run->common.seed * 0x9e3779b97f4a7c15u + (uint64_t)pass;
  int64_t n = set->labels.size;
  for (int64_t i = 0; i < n; i++) set->order[i] = (uint32_t)i;
  for (int64_t i = n - 1; i > 0; i--) {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    int64_t j = (int64_t)((z ^ z >> 31) % (uint64_t)(i + 1));
    uint32_t other = set->order[j];
    set->order[j] = set->order[i];
    set->order[i] = other;
  }
}

static rapt_status stopped(rapt__run *run) {
  if (!atomic_load(&run->ctx->interrupted)) return RAPT_OK;
  run->result->interrupted = true;
  return rapt__fail(run->ctx, RAPT_EINTERRUPTED, "adam: stopped between passes");
}

static rapt_status compete(rapt__run *run, images *set, const contender *c, double rate, rapt__out *curves,
                           double *final) {
  const adam_settings *s = run->own;
  trial t = {0};
  rapt_status status = trial_begin(run, set, &c->o, &t);
  for (int64_t pass = 1; pass <= s->passes && status == RAPT_OK; pass++) {
    status = stopped(run);
    shuffle(run, set, pass);
    double lr = c->o.method == RAPT_ADADELTA ? rate : rate / sqrt((double)pass), sum = 0;
    int64_t batches = set->labels.size / s->batch;
    for (int64_t b = 0; b < batches && status == RAPT_OK; b++) {
      double loss = 0;
      status = trial_update(run, set, &t, b * s->batch, lr, &loss);
      sum += loss;
    }
    *final = sum / (double)batches;
    if (status == RAPT_OK)
      status = rapt__out_printf(curves, "%s,%g,%lld,%.6f\n", c->name, rate, (long long)pass, *final);
  }
  trial_free(&t);
  if (status == RAPT_OK) rapt__run_say(run, RAPT_EVENT_RESULT, "%-12s rate %-6g train NLL %.4f", c->name, rate, *final);
  return status;
}

/* The worst loss of the first updates with β₂ near 1. */
static rapt_status early_peak(rapt__run *run, images *set, bool corrected, double *peak) {
  const adam_settings *s = run->own;
  rapt_update_options o = {
      .method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.99999, .eps = 1e-8, .no_bias_correction = !corrected};
  trial t = {0};
  rapt_status status = trial_begin(run, set, &o, &t);
  int64_t batches = set->labels.size / s->batch;
  *peak = 0;
  shuffle(run, set, 1);
  for (int64_t i = 0; i < s->early && status == RAPT_OK; i++) {
    double loss = 0;
    if (i % batches == 0) status = stopped(run);
    if (status == RAPT_OK) status = trial_update(run, set, &t, i % batches * s->batch, 1e-3, &loss);
    if (!(loss <= *peak)) *peak = isfinite(loss) ? loss : HUGE_VAL;
  }
  trial_free(&t);
  return status;
}

static rapt_status judge(rapt__run *run, images *set, const double *final) {
  double nesterov = final[0], adam = final[CONTENDERS - 1], with, without;
  bool close = adam <= nesterov + 0.01;
  RAPT_TRY(early_peak(run, set, true, &with));
  RAPT_TRY(early_peak(run, set, false, &without));
  rapt__run_say(run, RAPT_EVENT_RESULT, "Adam %.4f ≤ best Nesterov %.4f + 0.01: %s", adam, nesterov,
                close ? "holds" : "does not hold");
  rapt__run_say(
      run, RAPT_EVENT_RESULT,
      "β₂ = 0.99999 without bias correction is unstable early (worst loss %.3f against %.3f with it, over twice): %s",
      without, with, without > 2 * with ? "holds" : "does not hold");
  run->result->figure = adam;
  run->result->passed = !run->changed && close;
  return RAPT_OK;
}

static rapt_status load(rapt__run *run, images *set) {
  const adam_settings *s = run->own;
  const char *name = run->common.data, *root = getenv("RAPT_DATA"), *dir = name;
  if (!rapt__file_exists(name) && root && *root) dir = rapt__arena_format(&run->arena, "%s/%s", root, name);
  if (!dir) return RAPT_ENOMEM;
  char *pixels = rapt__arena_format(&run->arena, "%s/train-images-idx3-ubyte.gz", dir);
  char *labels = rapt__arena_format(&run->arena, "%s/train-labels-idx1-ubyte.gz", dir);
  if (!pixels || !labels) return RAPT_ENOMEM;
  if (!*name || !rapt__file_exists(pixels) || !rapt__file_exists(labels))
    return rapt__fail(run->ctx, RAPT_ENOTFOUND,
                      "%s: a folder with train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz is expected there; "
                      "say data=FOLDER, or set "
                      "RAPT_DATA (%s) to the folder that holds mnist",
                      dir, root && *root ? root : "not set");
  RAPT_TRY(rapt__idx_read(run->ctx, pixels, 3, &set->pixels));
  RAPT_TRY(rapt__idx_read(run->ctx, labels, 1, &set->labels));
  int64_t n = set->labels.size;
  if (set->pixels.dims[0] != n)
    return rapt__fail(run->ctx, RAPT_EFORMAT, "%s: byte 4: %lld images, but %lld labels in %s", pixels,
                      (long long)set->pixels.dims[0], (long long)n, labels);
  if (n < s->batch)
    return rapt__fail(run->ctx, RAPT_EINVAL, "%s: %lld images do not fill a batch of %lld", pixels, (long long)n,
                      (long long)s->batch);
  for (int64_t i = 0; i < n; i++)
    if (set->labels.data[i] >= CLASSES)
      return rapt__fail(run->ctx, RAPT_EFORMAT, "%s: content byte %lld: label %d is not below 10", labels,
                        (long long)i + 8, set->labels.data[i]);
  set->features = set->pixels.size / n;
  set->order = rapt__new(run->ctx, (size_t)n, sizeof *set->order);
  return set->order ? RAPT_OK : RAPT_ENOMEM;
}

static rapt_status adam(rapt__run *run) {
  images set = {0};
  rapt__out curves;
  double final[CONTENDERS] = {0};
  char *path = rapt__run_path(run, "curves.csv");
  rapt_status status = path ? load(run, &set) : RAPT_ENOMEM;
  if (status == RAPT_OK && (status = rapt__out_open(run->ctx, path, &curves)) == RAPT_OK) {
    status = rapt__out_printf(&curves, "optimizer,rate,pass,train_nll\n");
    for (int i = 0; i < CONTENDERS * RATES && status == RAPT_OK; i++) {
      const contender *c = &contenders[i / RATES];
      double nll = HUGE_VAL;
      status = compete(run, &set, c, c->rates[i % RATES], &curves, &nll);
      if (i % RATES == 0 || nll < final[i / RATES]) final[i / RATES] = nll;
    }
    if (status == RAPT_OK)
      status = rapt__out_commit(&curves);
    else
      rapt__out_abort(&curves);
  }
  if (status == RAPT_OK) status = judge(run, &set, final);
  rapt__idx_free(run->ctx, &set.pixels);
  rapt__idx_free(run->ctx, &set.labels);
  rapt__free(run->ctx, set.order);
  return status;
}

const rapt__recipe rapt__recipe_adam = {
    .info = {.id = "adam",
             .title = "Adam and its rivals",
             .paper = "Kingma and Ba 2015, Adam: A Method for Stochastic Optimization",
             .task = "image classification",
             .data = "mnist",
             .paper_figure = "curves only",
             .pass_mark = "train NLL <= best Nesterov + 0.01 after 45 passes",
             .claim = "without bias correction, beta2 = 0.99999 is unstable in early steps",
             .minutes = 8,
             .about = "Logistic regression on handwritten digits, trained by SGD with Nesterov momentum, AdaGrad, "
                      "RMSProp, AdaDelta, AdaMax and\n"
                      "Adam on the same batches; then Adam with and without bias correction where the second average "
                      "is very slow."},
    .keys = keys,
    .own_size = sizeof(adam_settings),
    .defaults = defaults,
    .run = adam};
