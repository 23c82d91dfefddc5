/* The table of ways in which numbers are stored. */
#include "base/types.h"

#include <strings.h>

static const rapt__type_info types[] = {
#define COMPUTED(name, number, elements, bytes) {RAPT__##name, #name, elements, bytes, true},
#define OTHER(name, number, elements, bytes) {RAPT__##name, #name, elements, bytes, false},
    COMPUTED(F32, 0, 1, 4) RAPT__WEIGHT_TYPE_LIST(COMPUTED) RAPT__OTHER_TYPE_LIST(OTHER)
#undef COMPUTED
#undef OTHER
};
enum { TYPES = sizeof types / sizeof *types };

const rapt__type_info *rapt__type_of(uint32_t number) {
  for (int i = 0; i < TYPES; i++)
    if ((uint32_t)types[i].type == number) return &types[i];
  return NULL;
}

const rapt__type_info *rapt__type_named(const char *name) {
  for (int i = 0; i < TYPES; i++)
    if (strcasecmp(types[i].name, name) == 0) return &types[i];
  return NULL;
}
