/* The optimizers of every level in single precision stay near torch.optim's double after 1,000 updates. */
#include "golden/optim_golden.h"

static void test_levels(void **state) {
  for (int level = 0; level < K_LEVEL_COUNT; level++)
    if (rapt__kernels_at((k_level)level)) golden_check(rapt__kernels_at((k_level)level), 1e-4);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_levels)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
