/* A GPT-2 directory as transformers saves it, against what PyTorch computes with it (tests/golden/make_gpt2.py). */
#include "golden/model_golden.h"

#define DIRECTORY "tests/golden/gpt2-tiny"

static void test_logits(void **state) {
  (void)state;
  check_logits(DIRECTORY);
}

static void test_gradients(void **state) {
  (void)state;
  check_gradients(DIRECTORY);
}

static void test_steps(void **state) {
  (void)state;
  check_steps(DIRECTORY);
}

static void test_saved(void **state) {
  (void)state;
  check_saved(DIRECTORY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_logits),
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_saved),
  };
  return cmocka_run_group_tests_name("gpt2", tests, NULL, NULL);
}
