/* Libraries that only some work needs (fetching, several processes), loaded when it begins. Linking them would bring some forty
 * libraries and ten milliseconds into every start of every program that uses librapt. */
#ifndef RAPT_SRC_LAZY_H
#define RAPT_SRC_LAZY_H

#include "base/base.h"

typedef struct rapt__symbol {
  const char *name;
  void *to; /* address of the pointer to it */
} rapt__symbol;

/* Loads the shared library (for good) and fills the pointers. RAPT_EUNSUPPORTED says which library is missing and for what it is
 * needed. `global`: libraries that it loads itself see its symbols. */
rapt_status rapt__lazy_load(rapt_context *ctx, const char *library, const char *purpose, bool global,
                            const rapt__symbol *symbols, size_t count);

#endif
