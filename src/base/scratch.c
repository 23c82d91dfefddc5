/* Directories for what is not kept. */
#include "base/file.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

char *rapt__scratch_dir(rapt_context *ctx) {
  const char *base = getenv("TMPDIR");
  char *path = rapt__format(ctx, "%s/rapt-XXXXXX", base && *base ? base : "/tmp");
  if (path && !mkdtemp(path)) {
    rapt__fail_errno(ctx, "make a directory like", path);
    rapt__free(ctx, path);
    return NULL;
  }
  return path;
}

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

void rapt__scratch_remove(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT); }
