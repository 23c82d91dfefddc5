/* The choice of a level: RAPT_CPU is obeyed, every level has every kernel, unknown levels have none. */
#include "check.h"

#include <stdlib.h>

static void test_mask(void) {
  if (rapt__kernels() != rapt__kernels_at(K_LEVEL_ref)) check_fail("RAPT_CPU=ref chose %s", rapt__kernels()->name);
}

static void test_levels(void) {
  if (!rapt__kernels_at(K_LEVEL_ref)) check_fail("there is no ref");
  if (rapt__kernels_at(K_LEVEL_COUNT) || rapt__kernels_at((k_level)-1))
    check_fail("a level that does not exist has kernels");
  for (int level = 0; level < K_LEVEL_COUNT; level++) {
    const k_kernels *t = rapt__kernels_at((k_level)level);
    if (t && strcmp(t->name, rapt__kernels_level_name((k_level)level)) != 0) check_fail("%s has another name", t->name);
  }
}

static void test_complete(void) {
  CHECK_EACH_LEVEL(t) {
    for (int f = 0; f < K_UNARY_COUNT; f++) {
      if (!t->unary[f]) check_fail("%s lacks unary %d", t->name, f);
    }
    for (int f = 0; f < K_BINARY_COUNT; f++) {
      if (!t->binary[f]) check_fail("%s lacks binary %d", t->name, f);
    }
    bool vectors = t->axpy && t->scale && t->clamp && t->where && t->sum && t->sum_squares && t->dot && t->max &&
                   t->column_sum && t->transpose;
    bool rows = t->softmax && t->softmax_grad && t->log_softmax && t->log_softmax_grad && t->logsumexp &&
                t->exp_shift && t->layer_norm && t->layer_norm_grad && t->rms_norm && t->rms_norm_grad && t->rotate &&
                t->dropout;
    bool optim = t->adamw && t->adam && t->adamax && t->sgd && t->rmsprop && t->adagrad && t->adadelta;
    if (!vectors || !rows || !optim) check_fail("%s has empty entries", t->name);
  }
}

static const check_test tests[] = {CHECK_TEST(test_mask), CHECK_TEST(test_levels), CHECK_TEST(test_complete)};

int main(void) {
  setenv("RAPT_CPU", "ref", 1); /* before the choice is made, once */
  return check_main(tests, sizeof tests / sizeof *tests);
}
