/* The direct hidden Markov model in both orders against the same written the long way in PyTorch
 * (tests/golden/make_direct_hmm.py). */
#include "golden/pair.h"

#define ZERO "tests/golden/direct-hmm-zero"
#define FIRST "tests/golden/direct-hmm-first"

static void test_gradients(void **state) {
  (void)state;
  pair_check_gradients(ZERO);
  pair_check_gradients(FIRST);
}

static void test_steps(void **state) {
  (void)state;
  pair_check_steps(ZERO);
  pair_check_steps(FIRST);
}

static void test_decoder(void **state) {
  (void)state;
  pair_check_decoder(ZERO);
  pair_check_decoder(FIRST);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_gradients),
      cmocka_unit_test(test_steps),
      cmocka_unit_test(test_decoder),
  };
  return cmocka_run_group_tests_name("direct-hmm", tests, NULL, NULL);
}
