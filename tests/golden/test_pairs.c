/* BART and T5 directories as transformers saves them, against what PyTorch computes with them (tests/golden/make_pairs.py). */
#include "golden/seq2seq_golden.h"

#include "kernels/kernels.h"

static const char *const folders[] = {"tests/golden/pairs/bart", "tests/golden/pairs/t5",
                                      "tests/golden/pairs/t5-gated"};
enum { FOLDERS = sizeof folders / sizeof *folders };

static void training_is_that_of_pytorch(void **state) {
  (void)state;
  for (int i = 0; i < FOLDERS; i++)
    for (int level = 0; level < K_LEVEL_COUNT; level++)
      if (rapt__kernels_at((k_level)level))
        s2s_check_training(NULL, folders[i], "model", rapt__kernels_level_name((k_level)level), 1e-4);
}

static void steps_give_the_scores_of_whole_targets(void **state) {
  (void)state;
  for (int i = 0; i < FOLDERS; i++) s2s_check_steps(NULL, folders[i], "model", 1e-4);
}

static void what_is_saved_is_read_back(void **state) {
  (void)state;
  for (int i = 0; i < FOLDERS; i++) s2s_check_saved(folders[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(training_is_that_of_pytorch),
                                     cmocka_unit_test(steps_give_the_scores_of_whole_targets),
                                     cmocka_unit_test(what_is_saved_is_read_back)};
  return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
