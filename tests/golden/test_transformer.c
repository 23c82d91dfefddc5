/* A Transformer directory as transformers saves it (MarianMTModel), against what PyTorch computes with it
 * (tests/golden/make_transformer.py). */
#include "golden/pair.h"

#define DIRECTORY "tests/golden/transformer-tiny"

static void test_gradients(void **state) {
  (void)state;
  pair_check_gradients(DIRECTORY);
}

static void test_steps(void **state) {
  (void)state;
  pair_check_steps(DIRECTORY);
}

static void test_decoder(void **state) {
  (void)state;
  pair_check_decoder(DIRECTORY);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_decoder),
  };
  return cmocka_run_group_tests_name("transformer", tests, NULL, NULL);
}
