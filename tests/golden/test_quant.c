/* Blocks stand for the numbers that quant.json has, at every level, and plain quantisers give its bytes. */
#include "unit/unit.h"

#include "kernels/kernels.h"

#include <jansson.h>

static const char *const names[] = {
#define NAME(name, number, elements, bytes) #name,
    RAPT__WEIGHT_TYPE_LIST(NAME)
#undef NAME
};

static void *bytes_of(json_t *entry, const char *key, size_t *size) {
  const char *hex = json_string_value(json_object_get(entry, key));
  assert_non_null(hex);
  *size = strlen(hex) / 2;
  uint8_t *bytes = malloc(*size);
  for (size_t i = 0; i < *size; i++) {
    unsigned value;
    assert_int_equal(sscanf(hex + 2 * i, "%2x", &value), 1);
    bytes[i] = (uint8_t)value;
  }
  return bytes;
}

static void reading(void **state) {
  json_t *root = *state;
  for (int type = 0; type < K_BLOCK_COUNT; type++) {
    size_t size, value_size;
    json_t *entry = json_object_get(root, names[type]);
    uint8_t *blocks = bytes_of(entry, "blocks", &size);
    float *values = bytes_of(entry, "values", &value_size);
    for (int level = 0; level < K_LEVEL_COUNT; level++) {
      const k_kernels *k = rapt__kernels_at((k_level)level);
      if (!k) continue;
      const k_blocks *b = &k->blocks[type];
      int64_t n = (int64_t)(size / b->bytes) * b->elements;
      assert_int_equal((size_t)n * sizeof(float), value_size);
      float *read = malloc(value_size);
      b->read(n, blocks, read);
      for (int64_t i = 0; i < n; i++)
        if (read[i] != values[i])
          fail_msg("%s at %s: [%lld] is %g, not %g", names[type], k->name, (long long)i, (double)read[i],
                   (double)values[i]);
      free(read);
    }
    free(blocks);
    free(values);
  }
}

static void writing(void **state) {
  json_t *root = *state;
  static const int types[] = {K_BLOCK_Q4_0, K_BLOCK_Q5_0, K_BLOCK_Q8_0};
  for (int i = 0; i < 3; i++) {
    size_t size, number_size;
    json_t *entry = json_object_get(root, names[types[i]]);
    uint8_t *written = bytes_of(entry, "written", &size), *got = malloc(size);
    float *numbers = bytes_of(entry, "numbers", &number_size);
    rapt__kernels()->blocks[types[i]].write((int64_t)(number_size / sizeof(float)), numbers, got);
    assert_memory_equal(got, written, size);
    free(written);
    free(got);
    free(numbers);
  }
}

static int load(void **state) {
  *state = json_load_file("tests/golden/quant.json", 0, NULL);
  return *state == NULL;
}

static int unload(void **state) {
  json_decref(*state);
  return 0;
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(reading), cmocka_unit_test(writing)};
  return cmocka_run_group_tests(tests, load, unload);
}
