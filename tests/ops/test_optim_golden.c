/* The optimizers in double precision equal torch.optim's to 1e-6 after 1,000 updates. */
#include "golden/optim_golden.h"

static void test_reference(void **state) { golden_check(rapt__kernels_at(K_LEVEL_ref), 1e-6); }

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_reference)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
