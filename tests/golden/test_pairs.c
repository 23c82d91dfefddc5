/* BART and T5 directories as transformers saves them, against what PyTorch computes with them (tests/golden/make_pairs.py). */
#include "golden/pair.h"

static const char *const folders[] = {"tests/golden/pairs/bart", "tests/golden/pairs/t5",
                                      "tests/golden/pairs/t5-gated"};

#define EACH(name, call)                                                                                               \
  static void name(void **state) {                                                                                     \
    (void)state;                                                                                                       \
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) call;                                                \
  }
EACH(test_gradients, pair_check_gradients(folders[i]))
EACH(test_steps, pair_check_steps(folders[i]))
EACH(test_decoder, pair_check_decoder(folders[i]))
EACH(test_saved, pair_check_saved(folders[i]))

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_decoder),
      cmocka_unit_test(test_saved),
  };
  return cmocka_run_group_tests_name("pairs", tests, NULL, NULL);
}
