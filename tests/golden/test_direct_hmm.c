/* The direct hidden Markov model in both orders against the same written the long way in PyTorch
 * (tests/golden/make_direct_hmm.py). */
#include "golden/seq2seq_golden.h"

#include "kernels/kernels.h"

static const char *const orders[] = {"tests/golden/direct-hmm-zero", "tests/golden/direct-hmm-first"};

static void training_is_that_of_pytorch(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++)
    for (int level = 0; level < K_LEVEL_COUNT; level++)
      if (rapt__kernels_at((k_level)level))
        s2s_check_training(NULL, orders[i], "model", rapt__kernels_level_name((k_level)level), 1e-4);
}

static void steps_give_the_scores_of_whole_targets(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++) s2s_check_steps(NULL, orders[i], "model", 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(training_is_that_of_pytorch),
                                     cmocka_unit_test(steps_give_the_scores_of_whole_targets)};
  return cmocka_run_group_tests_name("direct-hmm", tests, NULL, NULL);
}
