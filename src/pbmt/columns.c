/* The names of features. */
#include "pbmt/columns.h"

#include <string.h>

const char *const rapt__pbmt_feature_names[RAPT__PBMT_FEATURE_COUNT] = {
#define NAME(name, text, weight) text,
    RAPT__PBMT_FEATURES(NAME)
#undef NAME
};
const double rapt__pbmt_first_weights[RAPT__PBMT_FEATURE_COUNT] = {
#define WEIGHT(name, text, weight) weight,
    RAPT__PBMT_FEATURES(WEIGHT)
#undef WEIGHT
};

_Static_assert((int)RAPT__PBMT_FEATURE_COUNT < (int)RAPT__PBMT_MOST_COLUMNS, "no room for further columns");

rapt__pbmt_columns rapt__pbmt_columns_first(void) {
  rapt__pbmt_columns columns = {.count = RAPT__PBMT_FEATURE_COUNT};
  for (size_t c = 0; c < columns.count; c++)
    memcpy(columns.name[c], rapt__pbmt_feature_names[c], strlen(rapt__pbmt_feature_names[c]) + 1);
  return columns;
}

int rapt__pbmt_columns_find(const rapt__pbmt_columns *columns, const char *name) {
  for (size_t c = 0; c < columns->count; c++)
    if (strcmp(columns->name[c], name) == 0) return (int)c;
  return -1;
}

rapt_status rapt__pbmt_columns_add(rapt_context *ctx, rapt__pbmt_columns *columns, const char *name) {
  size_t size = strlen(name) + 1;
  if (columns->count == RAPT__PBMT_MOST_COLUMNS)
    return rapt__fail(ctx, RAPT_EINVAL, "features: no room for \"%s\" beside %d others", name, RAPT__PBMT_MOST_COLUMNS);
  if (size == 1 || size > RAPT__PBMT_COLUMN_NAME)
    return rapt__fail(ctx, RAPT_EINVAL, "features: the name \"%s\" has %zu bytes; 1 to %d are possible", name, size - 1,
                      RAPT__PBMT_COLUMN_NAME - 1);
  if (rapt__pbmt_columns_find(columns, name) >= 0)
    return rapt__fail(ctx, RAPT_EINVAL, "features: there is one called \"%s\" already", name);
  memcpy(columns->name[columns->count++], name, size);
  return RAPT_OK;
}

rapt_status rapt__pbmt_columns_append(rapt_context *ctx, size_t rows, size_t before, const double *old,
                                      const double *values, double **out, size_t *room) {
  size_t columns = before + 1;
  if (rapt__mul_overflows(rows, columns, room)) return rapt__fail_memory(ctx, SIZE_MAX);
  *out = rapt__new(ctx, *room, sizeof **out);
  if (!*out) return RAPT_ENOMEM;
  for (size_t k = 0; k < rows; k++) {
    if (before) memcpy(*out + k * columns, old + k * before, before * sizeof **out);
    (*out)[k * columns + before] = values[k];
  }
  return RAPT_OK;
}

bool rapt__pbmt_columns_equal(const rapt__pbmt_columns *a, const rapt__pbmt_columns *b) {
  if (a->count != b->count) return false;
  for (size_t c = 0; c < a->count; c++)
    if (strcmp(a->name[c], b->name[c]) != 0) return false;
  return true;
}

rapt_status rapt__pbmt_columns_print(const rapt__pbmt_columns *columns, const double *weights, rapt__text *out) {
  for (size_t c = 0; c < columns->count; c++)
    RAPT_TRY(rapt__text_addf(out, "%s%s %.3f", c ? ", " : "", columns->name[c], weights[c]));
  return RAPT_OK;
}
