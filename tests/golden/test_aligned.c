/* Recurrent translation models over aligned sequences against PyTorch (tests/golden/make_aligned.py): log-probabilities and
 * gradients of a batch with rows of different lengths, ten losses, and scores of whole sequences. */
#include "unit/unit.h"

#include "tasks/aligned.h"

#include <jansson.h>
#include <math.h>

#define FILE_NAME "tests/golden/aligned.json"

enum { TARGETS = 11, FEATURES = 4, UNITS = 5, CLASSES = 4, STEPS = 10 };

static double worst;

static void compare(const json_t *list, const char *kind, const char *what, const rapt_real *got, int64_t size) {
  assert_int_equal(json_array_size(list), size);
  for (int64_t i = 0; i < size; i++) {
    double w = json_number_value(json_array_get(list, (size_t)i)), off = fabs((double)got[i] - w) / fmax(1, fabs(w));
    if (!(off <= 1e-5)) fail_msg("%s: %s[%lld] is %.9g, PyTorch has %.9g", kind, what, (long long)i, (double)got[i], w);
    worst = fmax(worst, off);
  }
}

static int64_t number(const json_t *object, const char *name) {
  const json_t *value = json_object_get(object, name);
  return json_is_boolean(value) ? json_is_true(value) : json_integer_value(value);
}

static rapt__aligned_rnn net_of(const json_t *want) {
  return (rapt__aligned_rnn){.sources = number(want, "sources"),
                             .targets = TARGETS,
                             .features = FEATURES,
                             .units = UNITS,
                             .classes = CLASSES,
                             .words = number(want, "words"),
                             .history = number(want, "history"),
                             .bidirectional = number(want, "bidirectional"),
                             .deep = number(want, "deep")};
}

static void take_parameters(rapt_params *params, const json_t *values) {
  assert_int_equal(params->count, json_object_size(values));
  for (size_t i = 0; i < params->count; i++) {
    const rapt__param *p = params->items[i];
    const json_t *list = json_object_get(values, p->name);
    if ((int64_t)json_array_size(list) != p->size) fail_msg(FILE_NAME ": %s is missing or of another size", p->name);
    for (int64_t k = 0; k < p->size; k++)
      params->values[p->offset + k] = (rapt_real)json_number_value(json_array_get(list, (size_t)k));
  }
}

static int64_t read_ids(const json_t *list, int32_t *to, int64_t room) {
  int64_t count = (int64_t)json_array_size(list);
  assert_true(count <= room);
  for (int64_t k = 0; k < count; k++) to[k] = (int32_t)json_integer_value(json_array_get(list, (size_t)k));
  return count;
}

static void fill(rapt_plan *plan, const json_t *batch) {
  const char *name;
  json_t *list;
  json_object_foreach((json_t *)(uintptr_t)batch, name, list) {
    rapt_tensor *input = rapt_plan_find(plan, name);
    int32_t *to = rapt_plan_data(plan, input);
    if (to) read_ids(list, to, rapt_size(input));
  }
}

static rapt__aligned_inputs inputs_of(rapt_graph *graph, const rapt__aligned_rnn *net, const json_t *want) {
  int64_t t = number(want, "steps"), b = number(want, "rows"), words[] = {t, b, net->words},
          places[] = {t, b, rapt__aligned_places(net)};
  return (rapt__aligned_inputs){
      rapt_input(graph, "source", RAPT_I32, 3, words), rapt_input(graph, "before", RAPT_I32, 3, words),
      rapt_input(graph, "lengths", RAPT_I32, 1, &b), rapt_input(graph, "labels", RAPT_I32, 3, places)};
}

static void log_probs_agree(rapt_context *ctx, const rapt__aligned_task *task, const json_t *want, const char *kind) {
  rapt_graph *graph;
  rapt_plan *plan;
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__aligned_inputs in = inputs_of(graph, &task->net, want);
  rapt_tensor *y = rapt__aligned_log_probs(&task->net, graph, task->params, &in);
  assert_ok(ctx, rapt_plan_new(graph, &y, 1, NULL, &plan));
  fill(plan, json_object_get(want, "batch"));
  assert_ok(ctx, rapt_plan_run(plan, 0));
  compare(json_object_get(want, "log_probs"), kind, "log_probs", rapt_plan_data(plan, y), rapt_size(y));
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

/* Gradients of the first step, and the losses of ten. */
static void training_agrees(rapt_context *ctx, const rapt__aligned_task *task, const json_t *want, const char *kind) {
  rapt_graph *graph;
  rapt_plan *plan;
  rapt_real losses[STEPS];
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  rapt__aligned_inputs in = inputs_of(graph, &task->net, want);
  rapt_tensor *rate = rapt_fill(graph, 0.5, 0, NULL), *count = rapt_fill(graph, 1, 0, NULL);
  rapt_tensor *loss = rapt__aligned_loss(&task->net, graph, task->params, true, &in);
  rapt_tensor *gradient = rapt_grad_params(loss, task->params);
  rapt_tensor *norm = rapt_update(task->params, gradient, rate, count, &(rapt_update_options){.method = RAPT_SGD});
  assert_ok(ctx, rapt_plan_new(graph, (rapt_tensor *[]){loss, gradient, norm}, 3, NULL, &plan));
  for (int step = 0; step < STEPS; step++) {
    fill(plan, json_object_get(want, "batch"));
    assert_ok(ctx, rapt_plan_run(plan, (uint64_t)step));
    losses[step] = *(const rapt_real *)rapt_plan_data(plan, loss);
    const rapt_real *g = rapt_plan_data(plan, gradient);
    for (size_t i = 0; step == 0 && i < task->params->count; i++) {
      const rapt__param *p = task->params->items[i];
      compare(json_object_get(json_object_get(want, "gradients"), p->name), kind, p->name, g + p->offset, p->size);
    }
  }
  compare(json_object_get(want, "losses"), kind, "losses", losses, STEPS);
  rapt_plan_free(plan);
  rapt_graph_free(graph);
}

static void read_pairs(const json_t *want, rapt__pairs *pairs) {
  int32_t ids[2][64];
  size_t k;
  json_t *pair;
  json_array_foreach(json_object_get(want, "pairs"), k, pair) {
    int64_t count[2];
    for (size_t side = 0; side < 2; side++) count[side] = read_ids(json_array_get(pair, side), ids[side], 64);
    assert_ok(pairs->ctx, rapt__pairs_add(pairs, ids[0], count[0], ids[1], count[1]));
  }
}

static void torch_agrees(void **state) {
  (void)state;
  json_error_t error;
  json_t *all = json_load_file(FILE_NAME, 0, &error), *want;
  if (!all) fail_msg(FILE_NAME ":%d: %s (the test runs in the root of the sources)", error.line, error.text);
  assert_int_equal(json_array_size(all), 6);
  size_t n;
  json_array_foreach(all, n, want) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    const char *kind = json_string_value(json_object_get(want, "kind"));
    rapt__pairs pairs = {.ctx = ctx};
    read_pairs(want, &pairs);
    rapt__aligned_task task = {
        .ctx = ctx, .net = net_of(want), .train = &pairs, .valid = &pairs, .batch = 8, .evals = 1};
    assert_ok(ctx, rapt__aligned_init(&task));
    take_parameters(task.params, json_object_get(want, "parameters"));
    log_probs_agree(ctx, &task, want, kind);
    double scores[8];
    rapt_real narrow[8];
    assert_ok(ctx, rapt__aligned_score(&task, &pairs, scores));
    for (size_t k = 0; k < pairs.count; k++) narrow[k] = (rapt_real)scores[k];
    compare(json_object_get(want, "scores"), kind, "scores", narrow, (int64_t)pairs.count);
    training_agrees(ctx, &task, want, kind);
    rapt__aligned_free(&task);
    rapt__pairs_free(&pairs);
    close_context(&memory, ctx);
  }
  print_message("largest difference: %.3g\n", worst);
  json_decref(all);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(torch_agrees)};
  return cmocka_run_group_tests_name("aligned", tests, NULL, NULL);
}
