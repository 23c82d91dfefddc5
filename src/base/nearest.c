/* The nearest name, for "did you mean …?". */
#include "base/base.h"

#include <string.h>

enum { LONGEST = 256 }; /* longer names are not typed by hand */

/* Damerau-Levenshtein distance (optimal string alignment): insert, delete, replace, swap two neighbours. Both texts are
 * at most LONGEST bytes. */
static size_t distance(const char *a, size_t a_size, const char *b, size_t b_size) {
  size_t rows[3][LONGEST + 1];
  size_t *before = rows[0], *last = rows[1], *row = rows[2];
  for (size_t j = 0; j <= b_size; j++) row[j] = j;
  for (size_t i = 1; i <= a_size; i++) {
    size_t *spare = before;
    before = last;
    last = row;
    row = spare;
    row[0] = i;
    for (size_t j = 1; j <= b_size; j++) {
      size_t least = last[j - 1] + (a[i - 1] != b[j - 1]);
      if (last[j] + 1 < least) least = last[j] + 1;
      if (row[j - 1] + 1 < least) least = row[j - 1] + 1;
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < least)
        least = before[j - 2] + 1;
      row[j] = least;
    }
  }
  return row[b_size];
}

const char *rapt__nearest(const char *name, const char *const *names, size_t count) {
  size_t size = strlen(name), best = SIZE_MAX;
  const char *nearest = NULL;
  if (size == 0 || size > LONGEST) return NULL;
  size_t limit = size / 3 > 1 ? size / 3 : 1;
  for (size_t i = 0; i < count; i++) {
    size_t other = strlen(names[i]);
    if (other == 0 || other > size + limit || other + limit < size || other > LONGEST) continue;
    size_t d = distance(name, size, names[i], other);
    if (d <= limit && d < best) {
      best = d;
      nearest = names[i];
    }
  }
  return nearest;
}
