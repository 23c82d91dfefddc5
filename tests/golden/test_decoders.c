/* The classes after Llama as transformers saves them, against what PyTorch computes with them (tests/golden/make_decoders.py). */
#include "golden/model_golden.h"

static const char *const folders[] = {"tests/golden/decoders/llama", "tests/golden/decoders/mistral",
                                      "tests/golden/decoders/qwen2", "tests/golden/decoders/qwen3",
                                      "tests/golden/decoders/gemma3"};

#define EACH(name, call)                                                                                               \
  static void name(void **state) {                                                                                     \
    (void)state;                                                                                                       \
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) call;                                                \
  }
EACH(test_logits, check_logits(folders[i]))
EACH(test_gradients, check_gradients(folders[i]))
EACH(test_steps, check_steps(folders[i]))
EACH(test_greedy, check_greedy(folders[i], false))
EACH(test_greedy_cached, check_greedy(folders[i], true))
EACH(test_saved, check_saved(folders[i]))

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_logits), cmocka_unit_test(test_gradients),     cmocka_unit_test(test_steps),
      cmocka_unit_test(test_greedy), cmocka_unit_test(test_greedy_cached), cmocka_unit_test(test_saved),
  };
  return cmocka_run_group_tests_name("decoders", tests, NULL, NULL);
}
