/* The recipe adam on tiny made-up data, and its trials on a problem with a known answer. */
#include "unit/unit.h"

#include "graph/params.h"
#include "recipes/adam.h"

#include <math.h>
#include <rapt/rapt.h>
#include <zlib.h>

#include "unit/tar.h"

static char root[] = "/tmp/rapt-adam-XXXXXX";

/* ---- Made-up data ---- */

enum { IMAGES = 60, SIDE = 4, PIXELS = SIDE * SIDE };

static void write_file(const char *name, const void *data, size_t size) {
  char path[300];
  snprintf(path, sizeof path, "%s/%s", root, name);
  gzFile file = gzopen(path, "wb");
  assert_non_null(file);
  assert_int_equal(gzwrite(file, data, (unsigned)size), size);
  assert_int_equal(gzclose(file), Z_OK);
}

/* Digit k is bright at pixel k, among noise. */
static void write_images(int count, uint8_t last_label) {
  uint8_t pixels[16 + IMAGES * PIXELS] = {0, 0, 8, 3, 0, 0, 0, IMAGES, 0, 0, 0, SIDE, 0, 0, 0, SIDE};
  uint8_t labels[8 + IMAGES] = {0, 0, 8, 1, 0, 0, 0, (uint8_t)count};
  unsigned random = 7;
  for (int i = 0; i < IMAGES; i++) {
    labels[8 + i] = (uint8_t)(i % 10);
    for (int j = 0; j < PIXELS; j++)
      pixels[16 + i * PIXELS + j] = (uint8_t)((random = random * 1103515245u + 12345u) >> 16) / 4;
    pixels[16 + i * PIXELS + i % 10] = 255;
  }
  labels[8 + count - 1] = last_label;
  write_file("train-images-idx3-ubyte.gz", pixels, sizeof pixels);
  write_file("train-labels-idx1-ubyte.gz", labels, 8 + (size_t)count);
}

static void write_reviews(int count) {
  static tar t;
  tar_begin(&t);
  for (int i = 0; i < count; i++) {
    char name[40], text[80];
    snprintf(name, sizeof name, "r/%s/cv%d%02d_%d.txt", i % 2 ? "pos" : "neg", i % 10, i / 10, i);
    snprintf(text, sizeof text, "a %s film with word%d and a %s end", i % 2 ? "good" : "bad", i % 7,
             i % 2 ? "fine" : "dull");
    tar_add(&t, name, '0', text);
  }
  tar_end(&t);
  write_file("review_polarity.tar.gz", t.data, t.size);
}

static int make_root(void **state) {
  (void)state;
  if (!mkdtemp(root)) return 1;
  write_images(IMAGES, (IMAGES - 1) % 10);
  write_reviews(40);
  return 0;
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

/* ---- A trial: least squares with the answer (2, −1, 0.5) ---- */

enum { ROWS = 8, COLUMNS = 3 };
static const double answer[COLUMNS] = {2, -1, 0.5};

static double entry(int64_t pass, int64_t batch, int row, int column) {
  return sin((double)((pass * 31 + batch * 7 + row * 3) * (column + 1) + column));
}

static rapt_tensor *squares(const rapt__adam_problem *p, rapt_graph *graph, rapt_params *params,
                            rapt_tensor *inputs[RAPT__ADAM_INPUTS]) {
  (void)p;
  inputs[0] = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){ROWS, COLUMNS});
  inputs[1] = rapt_input(graph, "y", RAPT_F32, 2, (int64_t[]){ROWS, 1});
  rapt_tensor *w = rapt_param(graph, params, "w", 2, (int64_t[]){COLUMNS, 1}, (rapt_init){RAPT_INIT_ZEROS});
  rapt_tensor *error = rapt_sub(rapt_matmul(inputs[0], w, false, false), inputs[1]);
  return rapt_mean(rapt_square(error), RAPT_ALL, false);
}

static void feed(rapt__adam_problem *p, int64_t pass, int64_t batch, void *const data[RAPT__ADAM_INPUTS]) {
  (void)p;
  rapt_real *x = data[0], *y = data[1];
  for (int i = 0; i < ROWS; i++) {
    double sum = 0;
    for (int j = 0; j < COLUMNS; j++) {
      x[i * COLUMNS + j] = (rapt_real)entry(pass, batch, i, j);
      sum += entry(pass, batch, i, j) * answer[j];
    }
    y[i] = (rapt_real)sum;
  }
}

static const rapt_update_options by_adam = {.method = RAPT_ADAM, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8};

static void a_trial_finds_the_answer(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__adam_problem p = {.ctx = ctx, .seed = 1, .batch = ROWS, .batches = 5, .loss = squares, .feed = feed};
  rapt__adam_trial t;
  double loss = 0, first = 0;
  assert_ok(ctx, rapt__adam_trial_begin(&p, &by_adam, 0, &t));
  for (int i = 0; i < 600; i++) {
    assert_ok(ctx, rapt__adam_trial_update(&t, 1 + i / 5, i % 5, 0.05, &loss));
    if (i == 0) first = loss;
  }
  assert_true(first > 0.5 && loss < 1e-6);
  for (int j = 0; j < COLUMNS; j++) assert_true(fabs((double)t.params->values[j] - answer[j]) < 1e-3);
  assert_fails(ctx, rapt__adam_trial_measure(&t, true, &loss), RAPT_EINVAL, "no mean of the parameters");
  rapt__adam_trial_free(&t);
  close_context(&memory, ctx);
}

/* The weighted sum as section 7.2 writes it, over the whole history. */
static void the_mean_equals_the_sum(void **state) {
  (void)state;
  enum { UPDATES = 25 };
  const double decay = 0.8;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__adam_problem p = {.ctx = ctx, .seed = 1, .batch = ROWS, .batches = 5, .loss = squares, .feed = feed};
  rapt__adam_trial t;
  double history[UPDATES][COLUMNS], loss, measured, naive = 0, last = 0;
  assert_ok(ctx, rapt__adam_trial_begin(&p, &by_adam, decay, &t));
  for (int i = 0; i < UPDATES; i++) {
    assert_ok(ctx, rapt__adam_trial_update(&t, 1, i % 5, 0.1, &loss));
    for (int j = 0; j < COLUMNS; j++) history[i][j] = (double)t.params->values[j];
  }
  double mean[COLUMNS] = {0};
  for (int i = 0; i < UPDATES; i++)
    for (int j = 0; j < COLUMNS; j++)
      mean[j] += (1 - decay) * pow(decay, UPDATES - 1 - i) * history[i][j] / (1 - pow(decay, UPDATES));
  for (int j = 0; j < COLUMNS; j++) {
    assert_true(fabs(t.mean[j] / (1 - pow(decay, UPDATES)) - mean[j]) < 1e-12);
    assert_true(fabs(mean[j] - history[UPDATES - 1][j]) > 1e-3); /* the two can be told apart */
  }
  for (int b = 0; b < 5; b++)
    for (int i = 0; i < ROWS; i++) {
      double of_mean = 0, of_last = 0;
      for (int j = 0; j < COLUMNS; j++) {
        of_mean += entry(1, b, i, j) * (mean[j] - answer[j]);
        of_last += entry(1, b, i, j) * (history[UPDATES - 1][j] - answer[j]);
      }
      naive += of_mean * of_mean / (5 * ROWS);
      last += of_last * of_last / (5 * ROWS);
    }
  assert_ok(ctx, rapt__adam_trial_measure(&t, true, &measured));
  assert_true(fabs(measured - naive) < 1e-5 * naive);
  assert_ok(ctx, rapt__adam_trial_measure(&t, false, &measured)); /* measuring the mean left the parameters alone */
  assert_true(fabs(measured - last) < 1e-5 * last);
  rapt__adam_trial_free(&t);
  close_context(&memory, ctx);
}

static void rates_are_half_decades(void **state) {
  (void)state;
  static const double wanted[] = {1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1, 3, 10};
  for (int i = 0; i < 9; i++) assert_true(fabs(rapt__adam_rate(i - 6) - wanted[i]) < 1e-12);
}

/* ---- The recipe ---- */

typedef struct told {
  rapt_context *ctx;
  char results[16000];
  int count, stop_at; /* interrupts after this result; 0: never */
  rapt_progress last;
} told;

static void listen(void *user, rapt_event event, const rapt_progress *progress, const char *text) {
  told *t = user;
  if (event == RAPT_EVENT_PROGRESS) t->last = *progress;
  if (event != RAPT_EVENT_RESULT) return;
  size_t used = strlen(t->results);
  snprintf(t->results + used, sizeof t->results - used, "%s\n", text);
  if (++t->count == t->stop_at) rapt_context_interrupt(t->ctx);
}

static rapt_status try_train(rapt_context *ctx, const char *name, const char *const *extra, int count, told *t,
                             rapt_run_result *result) {
  char data[300], out[300], reviews[300];
  snprintf(data, sizeof data, "data=%s", root);
  snprintf(out, sizeof out, "out=%s/%s", root, name);
  snprintf(reviews, sizeof reviews, "adam.reviews=%s", root);
  const char *settings[20] = {data,
                              out,
                              reviews,
                              "adam.batch=12",
                              "adam.passes=16",
                              "adam.sparse_passes=6",
                              "adam.words=20",
                              "adam.mlp_width=16",
                              "adam.mlp_passes=2",
                              "adam.vae_updates=24",
                              "adam.vae_early=12",
                              "adam.vae_width=8",
                              "adam.vae_latent=3"};
  int n = 13;
  for (int i = 0; i < count; i++) settings[n++] = extra[i];
  t->ctx = ctx;
  t->count = 0;
  t->results[0] = 0;
  return rapt_recipe_train(ctx, "adam", settings, n, listen, t, result);
}

static void train(int threads, const char *name, const char *const *extra, int count, told *t, rapt_run_result *r) {
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, threads);
  t->stop_at = 0;
  assert_ok(ctx, try_train(ctx, name, extra, count, t, r));
  close_context(&memory, ctx);
}

static char *read_file(const char *run, const char *file) {
  char path[300], *data;
  snprintf(path, sizeof path, "%s/%s/%s", root, run, file);
  FILE *f = fopen(path, "rb");
  if (!f) fail_msg("%s is missing", path);
  data = malloc(1 << 20);
  data[fread(data, 1, (1 << 20) - 1, f)] = 0;
  fclose(f);
  return data;
}

static int count_lines(const char *text, const char *start) {
  int n = 0;
  for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
    n += strncmp(line, start, strlen(start)) == 0;
  return n;
}

/* The last loss of a series and rate in curves.csv. */
static double last_loss(const char *csv, const char *start) {
  double pass, loss = NAN;
  for (const char *line = csv; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL)
    if (strncmp(line, start, strlen(start)) == 0)
      assert_int_equal(sscanf(line + strlen(start), "%lf,%lf", &pass, &loss), 2);
  return loss;
}

static void all_experiments_run(void **state) {
  (void)state;
  static told t;
  rapt_run_result r;
  train(1, "all", NULL, 0, &t, &r);
  assert_false(r.interrupted);
  assert_false(r.passed); /* settings were changed */
  assert_int_equal(t.last.step, t.last.steps);
  assert_true(fabs(t.last.seconds_left) < 1e-6);
  char *csv = read_file("all", "curves.csv"), *page = read_file("all", "report.html");
  assert_int_equal(count_lines(csv, "logistic,"), 6 * 7 * 16);
  assert_int_equal(count_lines(csv, "logistic,adam,0.001,"), 16);
  assert_int_equal(count_lines(csv, "sparse,"), 4 * 7 * 6);
  assert_int_equal(count_lines(csv, "mlp,adam,0.001,"), 2 * 5); /* no more points than batches */
  assert_true(count_lines(csv, "vae,beta1=0.9 beta2=0.999 corrected,0.001,") >= 2);
  assert_true(last_loss(csv, "logistic,adam,0.03,") < 1.5);
  assert_true(last_loss(csv, "sparse,adagrad,0.3,") < 0.6);
  /* The figure is the lowest of Adam's seven last losses. */
  double best = HUGE_VAL;
  for (int k = -9; k <= -3; k++) {
    char start[60];
    snprintf(start, sizeof start, "logistic,adam,%g,", rapt__adam_rate(k));
    best = fmin(best, last_loss(csv, start));
  }
  assert_true(fabs(best - r.figure) < 1e-6);
  /* So few updates want the largest rate of the grid, and that is said. */
  assert_non_null(strstr(t.results, "logistic: adam         best rate 0.03"));
  assert_non_null(strstr(t.results, "the rate lies on the edge of its grid"));
  assert_non_null(strstr(t.results, "running mean with decay 0.999"));
  assert_non_null(strstr(t.results, "β₂ = 0.99999 is unstable in early steps"));
  assert_non_null(strstr(t.results, "not judged"));
  assert_non_null(strstr(page, "Bias correction on a variational autoencoder"));
  assert_non_null(strstr(page, "<svg"));
  static const char *const pictures[] = {"logistic.svg", "sparse.svg", "mlp.svg", "vae-early.svg",
                                         "vae-beta1-0.9-after-24.svg"};
  for (size_t i = 0; i < sizeof pictures / sizeof *pictures; i++) free(read_file("all", pictures[i]));
  free(csv);
  free(page);
}

static void a_seed_gives_the_same_bits(void **state) {
  (void)state;
  static told t;
  rapt_run_result r;
  train(2, "again", NULL, 0, &t, &r); /* two threads here, one in the run before */
  train(1, "other", (const char *const[]){"seed=2", "adam.experiment=vae"}, 2, &t, &r);
  char *a = read_file("all", "curves.csv"), *b = read_file("again", "curves.csv"),
       *c = read_file("other", "curves.csv");
  assert_string_equal(a, b);
  assert_int_equal(count_lines(c, "logistic,"), 0);
  assert_null(strstr(a, strchr(c, '\n'))); /* another seed, other losses */
  free(a);
  free(b);
  free(c);
}

static void an_interrupted_run_keeps_its_curves(void **state) {
  (void)state;
  static told t;
  rapt_run_result r;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  t.stop_at = 2;
  assert_fails(ctx, try_train(ctx, "stopped", NULL, 0, &t, &r), RAPT_EINTERRUPTED,
               "stopped; curves.csv and report.html");
  assert_true(r.interrupted);
  assert_false(r.passed);
  char *whole = read_file("all", "curves.csv"), *part = read_file("stopped", "curves.csv");
  assert_int_equal(count_lines(part, "logistic,"), 2 * 7 * 16); /* of the first two optimizers */
  assert_memory_equal(whole, part, strlen(part));
  char *page = read_file("stopped", "report.html");
  assert_non_null(strstr(page, "stopped before the end"));
  free(whole);
  free(part);
  free(page);
  close_context(&memory, ctx);
  ctx = counted_context(&memory, 1);
  char out[300];
  snprintf(out, sizeof out, "%s/stopped", root);
  assert_fails(ctx, rapt_recipe_resume(ctx, out, NULL, 0, listen, &t, &r), RAPT_EUNSUPPORTED, "cannot go on");
  close_context(&memory, ctx);
}

static void bad_data_are_refused(void **state) {
  (void)state;
  static told t;
  rapt_run_result r;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  assert_fails(ctx, try_train(ctx, "e1", (const char *const[]){"data=/nowhere/at/all"}, 1, &t, &r), RAPT_ENOTFOUND,
               "train-images-idx3-ubyte.gz");
  assert_fails(ctx, try_train(ctx, "e2", (const char *const[]){"adam.reviews=/nowhere/at"}, 1, &t, &r), RAPT_ENOTFOUND,
               "/nowhere/at/review_polarity.tar.gz");
  assert_fails(ctx, try_train(ctx, "e3", (const char *const[]){"adam.batch=61"}, 1, &t, &r), RAPT_EINVAL,
               "60 images do not fill a batch of 61");
  assert_fails(ctx, try_train(ctx, "e4", (const char *const[]){"adam.experiment=sparse", "adam.batch=37"}, 2, &t, &r),
               RAPT_EINVAL, "36 reviews in folds 0 to 8 do not fill a batch of 37");
  write_images(IMAGES, 10);
  assert_fails(ctx, try_train(ctx, "e5", NULL, 0, &t, &r), RAPT_EFORMAT, "content byte 67: label 10 is not below 10");
  write_images(IMAGES - 1, 0);
  assert_fails(ctx, try_train(ctx, "e6", NULL, 0, &t, &r), RAPT_EFORMAT, "60 images, but 59 labels");
  write_images(IMAGES, (IMAGES - 1) % 10);
  write_file("review_polarity.tar.gz", "no archive", 10);
  assert_fails(ctx, try_train(ctx, "e7", NULL, 0, &t, &r), RAPT_EFORMAT, "a header of the archive is cut off");
  write_reviews(40);
  close_context(&memory, ctx);
}

static void failing_memory_is_reported(void **state) {
  (void)state;
  static const char *const few[] = {"adam.passes=1", "adam.sparse_passes=1", "adam.mlp_passes=1", "adam.vae_updates=1"};
  static told t;
  counted_memory memory;
  long calls = 0, tried = 0;
  for (long at = 0; at <= calls; at += at ? 1 + calls / 80 : 1) {
    rapt_context *ctx = counted_context(&memory, 1);
    rapt_run_result r;
    char name[32];
    snprintf(name, sizeof name, "memory-%ld", at);
    memory.fail_at = at ? memory.calls + at : 0;
    long before = memory.calls;
    rapt_status status = try_train(ctx, name, few, 4, &t, &r);
    if (at == 0) {
      assert_ok(ctx, status);
      calls = memory.calls - before;
    } else {
      assert_int_equal(status, RAPT_ENOMEM);
      tried++;
    }
    close_context(&memory, ctx);
  }
  assert_true(tried > 30);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(rates_are_half_decades),     cmocka_unit_test(a_trial_finds_the_answer),
      cmocka_unit_test(the_mean_equals_the_sum),    cmocka_unit_test(all_experiments_run),
      cmocka_unit_test(a_seed_gives_the_same_bits), cmocka_unit_test(an_interrupted_run_keeps_its_curves),
      cmocka_unit_test(bad_data_are_refused),       cmocka_unit_test(failing_memory_is_reported),
  };
  return cmocka_run_group_tests(tests, make_root, remove_root);
}
