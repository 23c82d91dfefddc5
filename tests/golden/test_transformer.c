/* A Transformer directory as transformers saves it (MarianMTModel), against what PyTorch computes with it
 * (tests/golden/make_transformer.py). */
#include "golden/seq2seq_golden.h"

#include "kernels/kernels.h"

#define DIRECTORY "tests/golden/transformer-tiny"

static void training_is_that_of_pytorch(void **state) {
  (void)state;
  for (int level = 0; level < K_LEVEL_COUNT; level++)
    if (rapt__kernels_at((k_level)level))
      s2s_check_training(NULL, DIRECTORY, "model", rapt__kernels_level_name((k_level)level), 1e-4);
}

static void steps_give_the_scores_of_whole_targets(void **state) {
  (void)state;
  s2s_check_steps(NULL, DIRECTORY, "model", 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(training_is_that_of_pytorch),
                                     cmocka_unit_test(steps_give_the_scores_of_whole_targets)};
  return cmocka_run_group_tests_name("transformer", tests, NULL, NULL);
}
