/* Recurrent language models against PyTorch (tests/golden/make_char_rnn.py): logits and gradients of one piece, ten losses with
 * carried states, the states at the end. */
#include "unit/unit.h"

#include "models/char_rnn.h"
#include "tasks/recurrent_lm.h"
#include "train/trainer.h"

#include <jansson.h>
#include <math.h>

#define FILE_NAME "tests/golden/char_rnn.json"

enum { V = 9, FEATURES = 4, UNITS = 6, PROJECTION = 4, WINDOW = 3, T = 5, B = 3, PIECES = 10 };

static const rapt__char_rnn nets[] = {
    {RAPT__CHAR_RNN, V, FEATURES, UNITS, 0, 0},
    {RAPT__CHAR_GRU, V, FEATURES, UNITS, 0, 0},
    {RAPT__CHAR_LSTM, V, FEATURES, UNITS, 0, 0},
    {RAPT__CHAR_PEEPHOLES, V, FEATURES, UNITS, 0, 0},
    {RAPT__CHAR_AUGMENTED, V, FEATURES, UNITS, PROJECTION, WINDOW},
};
enum { NETS = sizeof nets / sizeof *nets };

static rapt_tensor *hidden(const void *net, rapt_graph *graph, rapt_params *params, bool training, rapt_tensor *ids,
                           rapt_tensor *const *before, rapt_tensor **after, rapt_tensor **head, rapt_tensor **bias) {
  (void)training;
  return rapt__char_rnn_hidden(net, graph, params, ids, before, after, head, bias);
}

static double worst;

static void compare(const json_t *list, const char *kind, const char *what, const real *got, int64_t size) {
  assert_int_equal(json_array_size(list), size);
  for (int64_t i = 0; i < size; i++) {
    double w = json_number_value(json_array_get(list, (size_t)i)), off = fabs((double)got[i] - w) / fmax(1, fabs(w));
    if (!(off <= 1e-5)) fail_msg("%s: %s[%lld] is %.9g, PyTorch has %.9g", kind, what, (long long)i, (double)got[i], w);
    worst = fmax(worst, off);
  }
}

static void take_parameters(rapt__recurrent_lm *lm, const json_t *values) {
  assert_int_equal(lm->params->count, json_object_size(values));
  for (size_t i = 0; i < lm->params->count; i++) {
    const rapt__param *p = lm->params->items[i];
    const json_t *list = json_object_get(values, p->name);
    if ((int64_t)json_array_size(list) != p->size) fail_msg(FILE_NAME ": %s is missing or of another size", p->name);
    for (int64_t k = 0; k < p->size; k++)
      lm->params->values[p->offset + k] = (real)json_number_value(json_array_get(list, (size_t)k));
  }
}

static void first_piece(rapt__recurrent_lm *lm, const json_t *want, const char *kind) {
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(lm->ctx, rapt_graph_new(lm->ctx, &graph));
  rapt_tensor *loss = lm->task.loss(&lm->task, graph, lm->params, true, 0);
  rapt_tensor *gradient = rapt_grad_params(loss, lm->params);
  assert_ok(lm->ctx, rapt_plan_new(graph, (rapt_tensor *[]){loss, gradient}, 2, NULL, &plan));
  assert_ok(lm->ctx, lm->task.fill(&lm->task, plan, 0, 0));
  assert_ok(lm->ctx, rapt_plan_run(plan, 0));
  const real *g = rapt_plan_data(plan, gradient);
  for (size_t i = 0; i < lm->params->count; i++) {
    const rapt__param *p = lm->params->items[i];
    compare(json_object_get(json_object_get(want, "gradients"), p->name), kind, p->name, g + p->offset, p->size);
  }
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void logits_agree(rapt__recurrent_lm *lm, const json_t *want, const char *kind) {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_tensor *before[2], *after[2], *head, *bias;
  assert_ok(lm->ctx, rapt_graph_new(lm->ctx, &graph));
  rapt_tensor *ids = rapt_input(graph, "ids", RAPT_I32, 2, (int64_t[]){T + lm->ahead, B});
  for (int i = 0; i < lm->states; i++) before[i] = rapt_fill(graph, 0, 2, (int64_t[]){B, lm->width[i]});
  rapt_tensor *y = hidden(lm->net, graph, lm->params, false, ids, before, after, &head, &bias);
  y = rapt_linear(y, head, true, bias, RAPT_IDENTITY);
  assert_ok(lm->ctx, rapt_plan_new(graph, &y, 1, NULL, &plan));
  int32_t *to = rapt_plan_data(plan, ids);
  for (int64_t t = 0; t < T + lm->ahead; t++)
    for (int64_t b = 0; b < B; b++) to[t * B + b] = lm->train[b * T * PIECES + t];
  assert_ok(lm->ctx, rapt_plan_run(plan, 0));
  compare(json_object_get(want, "logits"), kind, "logits", rapt_plan_data(plan, y), T * B * V);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void ten_losses(rapt__recurrent_lm *lm, const json_t *want, const char *kind, const char *dir) {
  rapt__trainer t;
  char path[100], line[300];
  real got[PIECES];
  int n = 0, step;
  double loss;
  rapt__trainer_init(&t, lm->ctx);
  t.task = &lm->task;
  t.params = lm->params;
  t.settings =
      (rapt__train_settings){.steps = PIECES, .accumulate = 1, .lr = 0.5, .min_lr = 0.5, .optimizer = RAPT_SGD};
  t.dir = dir;
  assert_ok(lm->ctx, rapt__trainer_run(&t, false));
  rapt__trainer_free(&t);
  snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  while (fgets(line, sizeof line, f))
    if (sscanf(line, "{\"step\": %d, \"loss\": %lf", &step, &loss) == 2 && n < PIECES) got[n++] = (real)loss;
  fclose(f);
  assert_int_equal(n, PIECES);
  compare(json_object_get(want, "losses"), kind, "loss", got, PIECES);
  compare(json_object_get(want, "states"), kind, "state", lm->carried, lm->task.carried_size);
}

static void torch_agrees(void **state) {
  (void)state;
  char dir[] = "/tmp/rapt-char-rnn-XXXXXX", command[100];
  json_error_t error;
  json_t *all = json_load_file(FILE_NAME, 0, &error);
  if (!all) fail_msg(FILE_NAME ":%d: %s (the test runs in the root of the sources)", error.line, error.text);
  assert_int_equal(json_array_size(all), NETS);
  assert_non_null(mkdtemp(dir));
  for (int i = 0; i < NETS; i++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    const json_t *want = json_array_get(all, (size_t)i), *list = json_object_get(want, "ids");
    const char *kind = json_string_value(json_object_get(want, "kind"));
    static int32_t ids[B * T * PIECES + WINDOW];
    int64_t count = (int64_t)json_array_size(list);
    for (int64_t k = 0; k < count; k++) ids[k] = (int32_t)json_integer_value(json_array_get(list, (size_t)k));
    rapt__recurrent_lm lm = {.ctx = ctx,
                             .hidden = hidden,
                             .net = &nets[i],
                             .ahead = nets[i].window ? nets[i].window - 1 : 0,
                             .train = ids,
                             .valid = ids,
                             .train_count = count,
                             .valid_count = count,
                             .steps = T,
                             .batch = B,
                             .accumulate = 1,
                             .evals = 1};
    lm.states = rapt__char_rnn_states(&nets[i], lm.width);
    assert_ok(ctx, rapt__recurrent_lm_init(&lm));
    take_parameters(&lm, json_object_get(want, "parameters"));
    logits_agree(&lm, want, kind);
    first_piece(&lm, want, kind);
    ten_losses(&lm, want, kind, dir);
    rapt__recurrent_lm_free(&lm);
    close_context(&memory, ctx);
  }
  print_message("largest difference: %.3g\n", worst);
  json_decref(all);
  snprintf(command, sizeof command, "rm -rf '%s'", dir);
  assert_int_equal(system(command), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(torch_agrees)};
  return cmocka_run_group_tests_name("char_rnn", tests, NULL, NULL);
}
