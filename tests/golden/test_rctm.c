/* Recurrent continuous translation models against PyTorch (tests/golden/make_rctm.py). */
#include "golden/seq2seq_golden.h"

#include "kernels/kernels.h"

static const char directory[] = "tests/golden/rctm";
static const char *const nets[] = {"sentence", "ngrams", "bigrams", "none"};

static void training_is_that_of_pytorch(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++)
    for (int level = 0; level < K_LEVEL_COUNT; level++)
      if (rapt__kernels_at((k_level)level))
        s2s_check_training("rctm", directory, nets[i], rapt__kernels_level_name((k_level)level), 1e-5);
}

static void steps_give_the_scores_of_whole_targets(void **state) {
  (void)state;
  for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) s2s_check_steps("rctm", directory, nets[i], 1e-5);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(training_is_that_of_pytorch),
                                     cmocka_unit_test(steps_give_the_scores_of_whole_targets)};
  return cmocka_run_group_tests_name("rctm", tests, NULL, NULL);
}
