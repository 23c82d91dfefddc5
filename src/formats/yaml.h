/* Settings from YAML: nested maps of scalars, read as flat keys "a.b" with their lines. */
#ifndef RAPT_SRC_YAML_H
#define RAPT_SRC_YAML_H

#include "base/base.h"

/* Called for every scalar; `where` is "FILE:LINE". */
typedef rapt_status (*rapt__yaml_fn)(void *user, const char *key, const char *value, const char *where);
/* Lists, anchors, aliases, tags, a key that occurs twice, several documents, maps deeper than 8, more than 2000 keys and
 * texts over 1 MB are refused with file and line. `each` has then been called for what stands before. A failure of `each`
 * ends the reading and is returned. An empty text has no settings and is accepted. */
rapt_status rapt__yaml_read(rapt_context *ctx, const char *name, const char *text, size_t size, rapt__yaml_fn each,
                            void *user);

#endif
