/* Members of a tar archive that is in memory. What the headers say is checked before it is used, and names are no
 * paths: nothing is unpacked to disk. */
#ifndef RAPT_SRC_DATA_TAR_H
#define RAPT_SRC_DATA_TAR_H

#include "base/base.h"

typedef struct rapt__tar_member {
  char name[101];   /* terminated */
  const char *data; /* in the archive's bytes */
  size_t size;
} rapt__tar_member;

/* Calls `each` for every regular file, in the archive's order; ends with its first status that is not RAPT_OK.
 * RAPT_EFORMAT names the byte where the archive is broken. `path` is for these sentences. */
rapt_status rapt__tar_walk(rapt_context *ctx, const char *path, const char *data, size_t size,
                           rapt_status (*each)(void *user, const rapt__tar_member *member), void *user);

#endif
