/* The class-factored output layer: probabilities of all words, their sum, and the loss that computes one class alone. */
#include "unit/unit.h"

#include "graph/params.h"
#include "nn/classes.h"

#include <math.h>

enum { ROWS = 6, WIDTH = 5 };
static const int32_t labels[ROWS] = {0, 3, 10, -100, 6, 9};

/* With V = 11 and four classes: three words a class, two in the last. */
typedef struct fixture {
  counted_memory memory;
  rapt_context *ctx;
  rapt_params *params;
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *x, *ids;
  rapt__class_head head;
} fixture;

static void build(fixture *f, int64_t vocabulary, int64_t classes) {
  assert_ok(f->ctx, rapt_graph_new(f->ctx, &f->graph));
  rapt__layers l = {f->graph, f->params};
  f->head = rapt__nn_class_head(&l, "head", vocabulary, WIDTH, classes, 1.5);
  f->x = rapt_input(f->graph, "x", RAPT_F32, 3, (int64_t[]){2, ROWS / 2, WIDTH});
  f->ids = rapt_input(f->graph, "labels", RAPT_I32, 2, (int64_t[]){2, ROWS / 2});
}

static void begin(fixture *f, int64_t vocabulary, int64_t classes) {
  *f = (fixture){0};
  f->ctx = counted_context(&f->memory, 2);
  assert_ok(f->ctx, rapt_params_new(f->ctx, &f->params));
  build(f, vocabulary, classes);
  rapt_graph_free(f->graph);
  assert_ok(f->ctx, rapt_params_start(f->params, 3));
  for (size_t i = 0; i < f->params->count; i++) { /* biases too are to matter */
    const rapt__param *p = f->params->items[i];
    for (int64_t j = 0; p->ndim == 1 && j < p->size; j++)
      f->params->values[p->offset + j] = (rapt_real)(0.7 * sin((double)(7 * i + 3) * (double)(j + 1)));
  }
  build(f, vocabulary, classes);
}

static void run(fixture *f, rapt_tensor *const *out, int count) {
  assert_ok(f->ctx, rapt_plan_new(f->graph, out, count, NULL, &f->plan));
  rapt_real *x = rapt_plan_data(f->plan, f->x);
  for (int i = 0; i < ROWS * WIDTH; i++) x[i] = (rapt_real)cos(1.3 * i);
  int32_t *ids = rapt_plan_data(f->plan, f->ids);
  for (int i = 0; ids && i < ROWS; i++) ids[i] = labels[i];
  assert_ok(f->ctx, rapt_plan_run(f->plan, 0));
}

static void end(fixture *f) {
  rapt_plan_free(f->plan);
  rapt_graph_free(f->graph);
  rapt_params_free(f->params);
  close_context(&f->memory, f->ctx);
}

static void near(double got, double want) {
  if (!(fabs(got - want) <= 1e-5 * (1 + fabs(want)))) fail_msg("%.9g, not %.9g", got, want);
}

static void sizes_follow_from_the_vocabulary(void **state) {
  (void)state;
  static const int64_t cases[][4] = {/* V, classes asked for; classes, words of one */
                                     {11, 4, 4, 3}, {11, 0, 4, 3}, {16, 0, 4, 4}, {10, 4, 4, 3},
                                     {10, 6, 5, 2}, {7, 50, 7, 1}, {1, 0, 1, 1},  {9, 1, 1, 9}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    fixture f;
    begin(&f, cases[i][0], cases[i][1]);
    assert_int_equal(f.head.classes, cases[i][2]);
    assert_int_equal(f.head.size, cases[i][3]);
    run(&f, &f.x, 1);
    end(&f);
  }
}

/* By hand: two softmaxes, in double. */
static double log_prob(const fixture *f, const rapt_real *x, int64_t word) {
  const rapt__class_head *h = &f->head;
  const rapt_real *parts[4];
  static const char *const names[] = {"head.class.weight", "head.class.bias", "head.weight", "head.bias"};
  for (int i = 0; i < 4; i++)
    parts[i] = f->params->values + f->params->items[rapt_params_find(f->params, names[i])]->offset;
  double all[2] = {0, 0}, own[2] = {0, 0};
  int64_t class = word / h->size;
  for (int64_t c = 0; c < h->classes; c++) {
    double z = (double)parts[1][c];
    for (int j = 0; j < WIDTH; j++) z += (double)x[j] * (double)parts[0][c * WIDTH + j];
    all[0] += exp(z);
    if (c == class) own[0] = z;
  }
  for (int64_t w = class * h->size; w < (class + 1) * h->size && w < h->vocabulary; w++) {
    double z = (double)parts[3][w];
    for (int j = 0; j < WIDTH; j++) z += (double)x[j] * (double)parts[2][w * WIDTH + j];
    all[1] += exp(z);
    if (w == word) own[1] = z;
  }
  return own[0] - log(all[0]) + own[1] - log(all[1]);
}

static void probabilities_are_those_of_two_softmaxes(void **state) {
  (void)state;
  fixture f;
  begin(&f, 11, 4);
  rapt_tensor *out = rapt__nn_class_log_probs(&f.head, f.x);
  run(&f, &out, 1);
  const rapt_real *x = rapt_plan_data(f.plan, f.x), *found = rapt_plan_data(f.plan, out);
  for (int64_t i = 0; i < ROWS; i++) {
    double sum = 0;
    for (int64_t w = 0; w < 11; w++) {
      near((double)found[i * 11 + w], log_prob(&f, x + i * WIDTH, w));
      sum += exp((double)found[i * 11 + w]);
    }
    near(sum, 1);
  }
  end(&f);
}

static void the_loss_computes_one_class(void **state) {
  (void)state;
  fixture f;
  begin(&f, 11, 4);
  rapt_tensor *out[] = {rapt__nn_class_loss(&f.head, f.x, f.ids, 0), rapt__nn_class_loss(&f.head, f.x, f.ids, 0.2),
                        rapt__nn_class_log_probs(&f.head, f.x), rapt__nn_class_label_log_probs(&f.head, f.x, f.ids)};
  run(&f, out, 4);
  const rapt_real *p = rapt_plan_data(f.plan, out[2]), *of_label = rapt_plan_data(f.plan, out[3]);
  double plain = 0, smooth = 0;
  for (int i = 0; i < ROWS; i++) {
    near((double)of_label[i], labels[i] < 0 ? 0 : (double)p[i * 11 + labels[i]]);
    if (labels[i] < 0) continue;
    double mean = 0;
    for (int w = 0; w < 11; w++) mean -= (double)p[i * 11 + w] / 11;
    plain -= (double)p[i * 11 + labels[i]];
    smooth += 0.8 * -(double)p[i * 11 + labels[i]] + 0.2 * mean;
  }
  near((double)*(rapt_real *)rapt_plan_data(f.plan, out[0]), plain);
  near((double)*(rapt_real *)rapt_plan_data(f.plan, out[1]), smooth);
  end(&f);
}

/* Both forms of the loss have the same gradient, in the last class too, where a place has no word. */
static void gradients_are_those_of_all_words(void **state) {
  (void)state;
  fixture f;
  begin(&f, 11, 4);
  rapt_tensor *all = rapt__nn_class_log_probs(&f.head, f.x);
  rapt_cross_entropy_options options = {.ignore = -100, .sum = true};
  rapt_tensor *out[] = {rapt_grad_params(rapt__nn_class_loss(&f.head, f.x, f.ids, 0), f.params),
                        rapt_grad_params(rapt_cross_entropy(all, f.ids, &options), f.params)};
  run(&f, out, 2);
  const rapt_real *a = rapt_plan_data(f.plan, out[0]), *b = rapt_plan_data(f.plan, out[1]);
  double most = 0;
  for (size_t i = 0; i < f.params->count; i++)
    for (int64_t j = 0, at = f.params->items[i]->offset; j < f.params->items[i]->size; j++) {
      near((double)a[at + j], (double)b[at + j]);
      most = fmax(most, fabs((double)a[at + j]));
    }
  assert_true(most > 0.1);
  end(&f);
}

static void ids_are_divided(void **state) {
  (void)state;
  fixture f;
  begin(&f, 11, 4);
  rapt_tensor *out[2], *none[2];
  rapt_divide_ids(f.ids, 4, &out[0], &out[1]);
  run(&f, (rapt_tensor *[]){out[0], out[1], f.x}, 3);
  static const int32_t wanted[2][ROWS] = {{0, 0, 2, -100, 1, 2}, {0, 3, 2, -100, 2, 1}};
  for (int i = 0; i < 2; i++) assert_memory_equal(rapt_plan_data(f.plan, out[i]), wanted[i], sizeof wanted[i]);
  rapt_divide_ids(f.ids, 0, &none[0], &none[1]);
  assert_int_equal(rapt_context_status(f.ctx), RAPT_EINVAL);
  rapt_context_clear(f.ctx);
  end(&f);
}

static void shapes_that_do_not_fit_are_refused(void **state) {
  (void)state;
  fixture f;
  rapt_plan *plan;
  begin(&f, 11, 4);
  run(&f, &f.x, 1);
  rapt_graph *graph;
  assert_ok(f.ctx, rapt_graph_new(f.ctx, &graph));
  rapt_tensor *x = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){3, 4});
  rapt_tensor *w = rapt_input(graph, "w", RAPT_F32, 2, (int64_t[]){7, 5});
  rapt_tensor *ids = rapt_input(graph, "ids", RAPT_I32, 1, (int64_t[]){3});
  rapt_tensor *y = rapt_block_linear(x, w, ids, 2);
  assert_fails(f.ctx, rapt_plan_new(graph, &y, 1, NULL, &plan), RAPT_ESHAPE, "block_linear: x (3, 4), weight (7, 5)");
  rapt_graph_free(graph);
  assert_ok(f.ctx, rapt_graph_new(f.ctx, &graph));
  x = rapt_input(graph, "x", RAPT_F32, 2, (int64_t[]){3, 5});
  w = rapt_input(graph, "w", RAPT_F32, 2, (int64_t[]){7, 5});
  ids = rapt_input(graph, "ids", RAPT_I32, 1, (int64_t[]){3});
  y = rapt_block_linear(x, w, ids, 8);
  assert_fails(f.ctx, rapt_plan_new(graph, &y, 1, NULL, &plan), RAPT_ESHAPE, "blocks of 8 rows");
  rapt_graph_free(graph);
  end(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(sizes_follow_from_the_vocabulary),
                                     cmocka_unit_test(probabilities_are_those_of_two_softmaxes),
                                     cmocka_unit_test(the_loss_computes_one_class),
                                     cmocka_unit_test(gradients_are_those_of_all_words),
                                     cmocka_unit_test(ids_are_divided),
                                     cmocka_unit_test(shapes_that_do_not_fit_are_refused)};
  return cmocka_run_group_tests_name("classes", tests, NULL, NULL);
}
