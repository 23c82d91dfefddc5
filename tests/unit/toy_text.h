/* A small parallel text for tests of recipes that translate. */
#ifndef RAPT_TESTS_UNIT_TOY_TEXT_H
#define RAPT_TESTS_UNIT_TOY_TEXT_H

#include "unit/unit.h"

/* Who does what to whom, in two languages with another order of words. */
static inline void write_text(const char *root, const char *dir, const char *part, int first, int count) {
  static const char *const from[4][3] = {
      {"mann", "frau", "hund"}, {"sieht", "ruft", "sucht"}, {"kind", "katze", "vogel"}, {"hier", "dort", "heute"}};
  static const char *const to[4][3] = {
      {"man", "woman", "dog"}, {"sees", "calls", "seeks"}, {"child", "cat", "bird"}, {"here", "there", "today"}};
  char path[2][300];
  FILE *f[2];
  for (int i = 0; i < 2; i++) {
    snprintf(path[i], sizeof path[i], "%s/%s/%s.%s", root, dir, part, i ? "en" : "de");
    f[i] = fopen(path[i], "w");
    assert_non_null(f[i]);
  }
  for (int n = first; n < first + count; n++) {
    int k = n * 37 % 81, w[4] = {k % 3, k / 3 % 3, k / 9 % 3, k / 27};
    fprintf(f[0], "%s %s %s %s\n", from[3][w[3]], from[1][w[1]], from[0][w[0]], from[2][w[2]]);
    fprintf(f[1], "the %s %s a %s %s\n", to[0][w[0]], to[1][w[1]], to[2][w[2]], to[3][w[3]]);
  }
  for (int i = 0; i < 2; i++) assert_int_equal(fclose(f[i]), 0);
}

#endif
