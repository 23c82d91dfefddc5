/* The trainer over batches of several shapes: weights of accumulated batches, evaluation by tokens, resuming, averaged weights,
 * one memory for all plans. */
#include "unit/unit.h"

#include "base/file.h"
#include "base/rng.h"
#include "graph/plan.h"
#include "train/trainer.h"

#include <math.h>

/* Each token is to be mapped to its label: a table and a head. Row `row` of the endless text has its own length; batches of the
 * small task are four rows of one or two shapes, those of the large one sixteen rows as long as the longest. */
enum { WORDS = 11, WIDTH = 6, ROWS = 4, LONGEST = 5, SHORTER = 3, PARTS = 4 };

typedef struct toy {
  rapt__task task;
  rapt_params *params;
  int64_t rows;
} toy;

static int64_t length_of(uint64_t row) {
  /* Whole batches of the small task are short or long; within one, rows differ. */
  int64_t most = row / ROWS % 3 == 1 ? SHORTER : LONGEST;
  return 1 + (int64_t)rapt__rng_below(5, 1, row, (uint64_t)most);
}

static int bucket_of(const toy *t, uint64_t index) { return t->rows == ROWS && index % 3 == 1 ? 0 : 1; }
static int64_t width_of(int bucket) { return bucket ? LONGEST : SHORTER; }

static rapt_tensor *loss(rapt__task *task, rapt_graph *graph, rapt_params *params, bool training, int bucket) {
  (void)training;
  int64_t dims[2] = {((toy *)task)->rows, width_of(bucket)}, weights[2] = {WORDS, WIDTH};
  rapt_tensor *tokens = rapt_input(graph, "tokens", RAPT_I32, 2, dims);
  rapt_tensor *labels = rapt_input(graph, "labels", RAPT_I32, 2, dims);
  rapt_tensor *table = rapt_param(graph, params, "table", 2, weights, (rapt_init){RAPT_INIT_NORMAL, 0.5, false});
  rapt_tensor *head = rapt_param(graph, params, "head", 2, weights, (rapt_init){RAPT_INIT_NORMAL, 0.5, false});
  rapt_tensor *logits = rapt_linear(rapt_tanh(rapt_embedding(table, tokens)), head, true, NULL, RAPT_IDENTITY);
  return rapt_cross_entropy(logits, labels, NULL);
}

static void lay(const toy *t, rapt_plan *plan, int bucket, uint64_t index, uint64_t stream) {
  int64_t width = width_of(bucket);
  int32_t *tokens = rapt_plan_data(plan, rapt_plan_find(plan, "tokens"));
  int32_t *labels = rapt_plan_data(plan, rapt_plan_find(plan, "labels"));
  for (int64_t r = 0; r < t->rows; r++) {
    uint64_t row = index * (uint64_t)t->rows + (uint64_t)r;
    for (int64_t i = 0; i < width; i++) {
      bool inside = i < length_of(row);
      tokens[r * width + i] = inside ? (int32_t)rapt__rng_below(5, stream, row * LONGEST + (uint64_t)i, WORDS) : 0;
      labels[r * width + i] = inside ? (tokens[r * width + i] * 3 + (int32_t)i) % WORDS : -100;
    }
  }
}

static rapt_status fill(rapt__task *task, rapt_plan *plan, int bucket, uint64_t index) {
  assert_int_equal(bucket, bucket_of((toy *)task, index));
  lay((toy *)task, plan, bucket, index, 2);
  return RAPT_OK;
}

static bool fill_eval(rapt__task *task, rapt_plan *plan, uint64_t index) {
  lay((toy *)task, plan, bucket_of((toy *)task, index), index, 3);
  return true;
}

static bool batch(rapt__task *task, bool training, uint64_t index, rapt__batch *out) {
  const toy *t = (toy *)task;
  if (!training && index >= (uint64_t)(4 * ROWS * PARTS / t->rows)) return false;
  out->bucket = bucket_of(t, index);
  out->weight = 0;
  for (int64_t r = 0; r < t->rows; r++) out->weight += (double)length_of(index * (uint64_t)t->rows + (uint64_t)r);
  return true;
}

static rapt__trainer toy_trainer(rapt_context *ctx, toy *t, int64_t rows, int64_t steps) {
  *t = (toy){.task = {.loss = loss, .fill = fill, .fill_eval = fill_eval, .buckets = 2, .batch = batch}, .rows = rows};
  rapt_graph *graph;
  assert_ok(ctx, rapt_params_new(ctx, &t->params));
  assert_ok(ctx, rapt_graph_new(ctx, &graph));
  loss(&t->task, graph, t->params, false, 1);
  rapt_graph_free(graph);
  assert_ok(ctx, rapt_params_start(t->params, 7));
  rapt__trainer trainer;
  rapt__trainer_init(&trainer, ctx);
  rapt__arena arena;
  rapt__arena_init(&arena, ctx);
  rapt__config config = {rapt__train_keys, &trainer.settings};
  static const char *const settings[] = {"train.schedule=constant", "train.warmup=0", "train.lr=0.1",
                                         "train.eval_every=5",      "train.clip=0",   "train.optimizer=sgd"};
  assert_ok(ctx, rapt__config_defaults(ctx, &arena, &config, 1));
  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
    assert_ok(ctx, rapt__config_set(ctx, &arena, &config, 1, settings[i], NULL, "test"));
  rapt__arena_free(&arena);
  trainer.settings.steps = steps;
  trainer.task = &t->task;
  trainer.params = t->params;
  trainer.seed = 7;
  return trainer;
}

static void toy_end(toy *t, rapt__trainer *trainer) {
  rapt__trainer_free(trainer);
  rapt_params_free(t->params);
}

static void accumulated_batches_count_by_their_tokens(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  toy small, large;
  rapt__trainer a = toy_trainer(ctx, &small, ROWS, 20), b = toy_trainer(ctx, &large, ROWS * PARTS, 20);
  a.settings.accumulate = PARTS;
  assert_ok(ctx, rapt__trainer_run(&a, false));
  assert_ok(ctx, rapt__trainer_run(&b, false));
  for (int64_t i = 0; i < small.params->extent; i++)
    assert_true(fabs((double)(small.params->values[i] - large.params->values[i])) < 1e-6);
  assert_int_equal(a.point_count, 4);
  for (size_t i = 0; i < a.point_count; i++) {
    assert_true(fabs(a.points[i].train - b.points[i].train) < 1e-6);
    assert_true(fabs(a.points[i].valid - b.points[i].valid) < 1e-6);
  }
  assert_true(a.points[3].valid < a.points[0].valid);
  toy_end(&small, &a);
  toy_end(&large, &b);
  close_context(&memory, ctx);
}

static char root[] = "/tmp/rapt-buckets-XXXXXX";

static char *read_metrics(rapt_context *ctx, const char *dir) {
  char path[96], *data;
  size_t size;
  snprintf(path, sizeof path, "%s/metrics.jsonl", dir);
  assert_ok(ctx, rapt__file_read(ctx, path, 1 << 20, &data, &size));
  return data;
}

/* Stopped twice, the second time where an evaluation was due. */
static void a_resumed_run_is_the_same_run(void **state) {
  (void)state;
  for (int accumulate = 1; accumulate <= 3; accumulate += 2) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    char dirs[2][64], *metrics[2];
    toy toys[2];
    rapt__trainer t[2];
    for (int i = 0; i < 2; i++) {
      snprintf(dirs[i], sizeof dirs[i], "%s/%s%d", root, i ? "parts" : "whole", accumulate);
      assert_ok(ctx, rapt__make_dirs(ctx, dirs[i]));
      for (int stop = i ? 7 : 0; stop >= 0; stop = stop == 7 ? 15 : stop == 15 ? 0 : -1) {
        t[i] = toy_trainer(ctx, &toys[i], ROWS, 22);
        t[i].dir = dirs[i];
        t[i].settings.accumulate = accumulate;
        t[i].settings.average = 3;
        t[i].settings.optimizer = RAPT_ADAMW;
        t[i].settings.stop_at = stop;
        assert_ok(ctx, rapt__trainer_run(&t[i], i && stop != 7));
        assert_int_equal(t[i].interrupted, stop > 0);
        if (stop > 0) toy_end(&toys[i], &t[i]);
      }
      metrics[i] = read_metrics(ctx, dirs[i]);
    }
    assert_memory_equal(toys[0].params->values, toys[1].params->values,
                        (size_t)toys[0].params->extent * sizeof(rapt_real));
    assert_string_equal(metrics[0], metrics[1]);
    assert_true(t[0].eval_loss == t[1].eval_loss);
    for (int i = 0; i < 2; i++) {
      rapt__free(ctx, metrics[i]);
      toy_end(&toys[i], &t[i]);
    }
    close_context(&memory, ctx);
  }
}

/* The mean over evaluations at 10, 15 and 18 against runs that end there; the loss is that of the mean. */
static void weights_of_the_last_evaluations_are_averaged(void **state) {
  (void)state;
  static const int64_t steps[] = {10, 15, 18};
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  double mean[2 * WORDS * WIDTH + 32] = {0};
  toy task;
  for (int i = 0; i < 3; i++) {
    rapt__trainer t = toy_trainer(ctx, &task, ROWS, steps[i]);
    assert_ok(ctx, rapt__trainer_run(&t, false));
    assert_true(task.params->extent <= (int64_t)(sizeof mean / sizeof *mean));
    for (int64_t j = 0; j < task.params->extent; j++) mean[j] += (double)task.params->values[j] / 3;
    toy_end(&task, &t);
  }
  rapt__trainer t = toy_trainer(ctx, &task, ROWS, 18);
  t.settings.average = 3;
  assert_ok(ctx, rapt__trainer_run(&t, false));
  for (int64_t j = 0; j < task.params->extent; j++) assert_true(fabs((double)task.params->values[j] - mean[j]) < 1e-6);
  assert_true(t.eval_loss != t.points[t.point_count - 1].valid);
  toy_end(&task, &t);
  close_context(&memory, ctx);
}

/* A training set whose loss becomes infinite is named, with its batch among several. */
static void a_bad_number_is_named_in_any_part(void **state) {
  (void)state;
  for (int accumulate = 1; accumulate <= 2; accumulate++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    toy task;
    rapt__trainer t = toy_trainer(ctx, &task, ROWS, 3);
    t.settings.accumulate = accumulate;
    task.params->values[3] = NAN;
    assert_fails(ctx, rapt__trainer_run(&t, false), RAPT_ENAN, "shape");
    toy_end(&task, &t);
    close_context(&memory, ctx);
  }
}

/* Plans of a pool: a smaller one lies in the block of a larger one, and a larger one gets a block of its own. */
static void plans_share_a_pool(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__pool pool = {.ctx = ctx};
  static const int64_t sizes[] = {1000, 10, 100000, 2000};
  rapt_graph *graphs[4];
  rapt_plan *plans[4];
  rapt_tensor *y[4];
  for (int i = 0; i < 4; i++) {
    assert_ok(ctx, rapt_graph_new(ctx, &graphs[i]));
    y[i] = rapt_scale(rapt_input(graphs[i], "x", RAPT_F32, 1, &sizes[i]), 2);
    assert_ok(ctx, rapt__plan_new(graphs[i], &y[i], 1, NULL, &pool, &plans[i]));
  }
  assert_ptr_equal(plans[0]->memory, plans[1]->memory);
  assert_ptr_not_equal(plans[1]->memory, plans[2]->memory);
  assert_ptr_equal(plans[2]->memory, plans[3]->memory);
  for (int i = 0; i < 4; i++) {
    rapt_real *x = rapt_plan_data(plans[i], rapt_plan_find(plans[i], "x"));
    for (int64_t j = 0; j < sizes[i]; j++) x[j] = (rapt_real)(j + i);
    assert_ok(ctx, rapt_plan_run(plans[i], 0));
    const rapt_real *out = rapt_plan_data(plans[i], y[i]);
    for (int64_t j = 0; j < sizes[i]; j++) assert_true(out[j] == (rapt_real)(2 * (j + i)));
  }
  for (int i = 0; i < 4; i++) {
    rapt_plan_free(plans[i]);
    rapt_graph_free(graphs[i]);
  }
  rapt__pool_free(&pool);
  close_context(&memory, ctx);
}

/* Every allocation of a run fails once. */
static void failing_allocations_leave_nothing_behind(void **state) {
  (void)state;
  for (long n = 1;; n++) {
    counted_memory memory;
    rapt_context *ctx = counted_context(&memory, 1);
    toy task;
    rapt__trainer t = toy_trainer(ctx, &task, ROWS, 2);
    t.settings.accumulate = 2;
    t.settings.average = 2;
    memory.fail_at = memory.calls + n;
    rapt_status status = rapt__trainer_run(&t, false);
    memory.fail_at = 0;
    assert_true(status == RAPT_OK || status == RAPT_ENOMEM);
    toy_end(&task, &t);
    close_context(&memory, ctx);
    if (status == RAPT_OK) break;
  }
}

static int make_root(void **state) {
  (void)state;
  return !mkdtemp(root);
}

static int remove_root(void **state) {
  (void)state;
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", root);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(accumulated_batches_count_by_their_tokens),
      cmocka_unit_test(a_resumed_run_is_the_same_run),
      cmocka_unit_test(weights_of_the_last_evaluations_are_averaged),
      cmocka_unit_test(a_bad_number_is_named_in_any_part),
      cmocka_unit_test(plans_share_a_pool),
      cmocka_unit_test(failing_allocations_leave_nothing_behind),
  };
  return cmocka_run_group_tests_name("buckets", tests, make_root, remove_root);
}
