/* Batches and scores of aligned sequences: scores do not depend on what is scored together, training lowers the loss, networks that
 * make no sense are refused, failing memory. */
#include "unit/unit.h"

#include "tasks/aligned.h"
#include "train/trainer.h"

#include <math.h>

enum { WORDS = 6, SIZE = RAPT__ALIGNED_WORDS + WORDS };

static uint32_t draw(uint32_t *state, uint32_t limit) {
  *state = *state * 1664525u + 1013904223u;
  return (uint32_t)(((uint64_t)*state * limit) >> 32);
}

/* The target word is the source word of the NEXT step, which only a network that reads from the end too can know. */
static void make(rapt_context *ctx, uint32_t seed, int count, rapt__pairs *pairs) {
  *pairs = (rapt__pairs){.ctx = ctx};
  for (int k = 0; k < count; k++) {
    int32_t source[10], target[10];
    int n = 2 + (int)draw(&seed, 7);
    for (int i = 0; i < n; i++) source[i] = RAPT__ALIGNED_WORDS + (int32_t)draw(&seed, WORDS);
    source[n] = RAPT__ALIGNED_END;
    for (int i = 0; i < n; i++) target[i] = source[i + 1] == RAPT__ALIGNED_END ? RAPT__ALIGNED_WORDS : source[i + 1];
    target[n] = RAPT__ALIGNED_END;
    assert_ok(ctx, rapt__pairs_add(pairs, source, n + 1, target, n + 1));
  }
}

static rapt__aligned_task task_of(rapt_context *ctx, const rapt__pairs *pairs, bool bidirectional) {
  return (rapt__aligned_task){.ctx = ctx,
                              .net = {.sources = SIZE,
                                      .targets = SIZE,
                                      .features = 8,
                                      .units = 16,
                                      .words = 1,
                                      .history = true,
                                      .bidirectional = bidirectional,
                                      .dropout = 0.1},
                              .train = pairs,
                              .valid = pairs,
                              .batch = 16,
                              .evals = 100,
                              .seed = 3};
}

static void scores_stand_alone(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 2);
  rapt__pairs pairs, one = {.ctx = ctx};
  make(ctx, 5, 150, &pairs);
  rapt__aligned_task t = task_of(ctx, &pairs, true);
  double all[150], single, nats, sum = 0;
  int64_t tokens = 0;
  assert_ok(ctx, rapt__aligned_init(&t));
  assert_ok(ctx, rapt__aligned_score(&t, &pairs, all));
  for (size_t k = 0; k < pairs.count; k++) {
    const rapt__pair *p = &pairs.at[k];
    sum -= all[k];
    tokens += p->count[1];
    if (k % 10) continue;
    one.count = one.id_count = 0;
    assert_ok(ctx, rapt__pairs_add(&one, pairs.ids + p->begin[0], p->count[0], pairs.ids + p->begin[1], p->count[1]));
    assert_ok(ctx, rapt__aligned_score(&t, &one, &single));
    assert_true(fabs(single - all[k]) < 1e-4);
  }
  assert_ok(ctx, rapt__aligned_measure(&t, &pairs, &nats));
  assert_true(fabs(nats - sum / (double)tokens) < 1e-9);
  rapt_context_interrupt(ctx);
  assert_fails(ctx, rapt__aligned_score(&t, &pairs, all), RAPT_EINTERRUPTED, "interrupted");
  rapt__aligned_free(&t);
  rapt__pairs_free(&pairs);
  rapt__pairs_free(&one);
  close_context(&memory, ctx);
}

static double train(rapt_context *ctx, bool bidirectional) {
  rapt__pairs pairs;
  double nats;
  rapt__trainer trainer;
  make(ctx, 9, 200, &pairs);
  rapt__aligned_task t = task_of(ctx, &pairs, bidirectional);
  assert_ok(ctx, rapt__aligned_init(&t));
  rapt__trainer_init(&trainer, ctx);
  trainer.task = &t.task;
  trainer.params = t.params;
  trainer.settings = (rapt__train_settings){.steps = 500,
                                            .accumulate = 1,
                                            .eval_every = 500,
                                            .lr = 0.03,
                                            .min_lr = 0.001,
                                            .beta1 = 0.9,
                                            .beta2 = 0.999,
                                            .eps = 1e-8,
                                            .clip = 1,
                                            .optimizer = RAPT_ADAM};
  assert_ok(ctx, rapt__trainer_run(&trainer, false));
  assert_ok(ctx, rapt__aligned_measure(&t, &pairs, &nats));
  assert_true(fabs(trainer.eval_loss - nats) < 1e-3); /* all batches, weighed by their tokens */
  rapt__trainer_free(&trainer);
  rapt__aligned_free(&t);
  rapt__pairs_free(&pairs);
  return nats;
}

/* From the left alone the next source word is a guess among six. */
static void two_directions_see_more(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  double left = train(ctx, false), both = train(ctx, true);
  print_message("nats: %.3f from the left, %.3f from both sides\n", left, both);
  assert_true(both < 0.3);
  assert_true(left > 0.9);
  close_context(&memory, ctx);
}

static void networks_without_sense_are_refused(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__pairs pairs, none = {.ctx = ctx};
  make(ctx, 1, 3, &pairs);
  rapt__aligned_task t = task_of(ctx, &pairs, true);
  t.net.sources = 0;
  assert_fails(ctx, rapt__aligned_init(&t), RAPT_EINVAL, "without a source");
  rapt__aligned_free(&t);
  t = task_of(ctx, &pairs, true);
  t.valid = &none;
  assert_fails(ctx, rapt__aligned_init(&t), RAPT_EINVAL, "3 to train on, 0 for validation");
  rapt__aligned_free(&t);
  rapt__pairs_free(&pairs);
  close_context(&memory, ctx);
}

static rapt_status all_of_it(rapt_context *ctx, const rapt__pairs *pairs) {
  double scores[8];
  rapt__aligned_task t = task_of(ctx, pairs, true);
  rapt_status status = rapt__aligned_init(&t);
  if (status == RAPT_OK) status = rapt__aligned_score(&t, pairs, scores);
  rapt__aligned_free(&t);
  return status;
}

static void memory_fails(void **state) {
  (void)state;
  counted_memory memory;
  rapt_context *ctx = counted_context(&memory, 1);
  rapt__pairs pairs;
  int failures = 0;
  make(ctx, 1, 3, &pairs);
  for (long n = 1;; n++) {
    long live = memory.live;
    memory.fail_at = memory.calls + n;
    rapt_status status = all_of_it(ctx, &pairs);
    memory.fail_at = 0;
    rapt_context_clear(ctx);
    assert_int_equal(memory.live, live);
    if (status == RAPT_OK) break;
    assert_int_equal(status, RAPT_ENOMEM);
    failures++;
  }
  assert_true(failures > 10);
  rapt__pairs_free(&pairs);
  close_context(&memory, ctx);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(scores_stand_alone), cmocka_unit_test(two_directions_see_more),
                                     cmocka_unit_test(networks_without_sense_are_refused),
                                     cmocka_unit_test(memory_fails)};
  return cmocka_run_group_tests_name("aligned_task", tests, NULL, NULL);
}
