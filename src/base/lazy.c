/* Loading libraries by name. */
#include "base/lazy.h"

#include <dlfcn.h>
#include <string.h>

rapt_status rapt__lazy_load(rapt_context *ctx, const char *library, const char *purpose, bool global,
                            const rapt__symbol *symbols, size_t count) {
  void *handle = dlopen(library, RTLD_NOW | (global ? RTLD_GLOBAL : RTLD_LOCAL));
  if (!handle)
    return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s is needed for %s and cannot be loaded: %s", library, purpose,
                      dlerror());
  for (size_t i = 0; i < count; i++) {
    void *found = dlsym(handle, symbols[i].name);
    if (!found) return rapt__fail(ctx, RAPT_EUNSUPPORTED, "%s has no symbol %s", library, symbols[i].name);
    memcpy(symbols[i].to, &found, sizeof found); /* C has no cast from an object pointer to a function's */
  }
  return RAPT_OK;
}
