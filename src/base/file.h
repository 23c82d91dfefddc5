/* Files: mapped for reading, replaced atomically for writing. */
#ifndef RAPT_SRC_FILE_H
#define RAPT_SRC_FILE_H

#include "base/base.h"

/* A file mapped read-only. An empty file has data == NULL and size == 0. */
typedef struct rapt__map {
  const uint8_t *data; /* borrowed from the kernel until rapt__map_close */
  size_t size;
} rapt__map;

rapt_status rapt__map_open(rapt_context *ctx, const char *path, rapt__map *out);
void rapt__map_close(rapt__map *map);

/* Reads a whole file into allocated memory (terminated with a zero byte that `size` does not count). Refuses files over
 * `limit` bytes. "-" is not special. */
rapt_status rapt__file_read(rapt_context *ctx, const char *path, size_t limit, char **data, size_t *size);

/* Atomic replacement: everything is written to "PATH.tmp.PID", flushed to disk and renamed over PATH by _commit, so that
 * a reader, a crash or a full disk sees the old file or the new one and nothing between. _abort removes the temporary. */
typedef struct rapt__out {
  rapt_context *ctx;
  char *path, *temporary; /* owned */
  int fd;
  rapt_status status; /* first failure; later calls do nothing */
  uint8_t *buffer;    /* owned */
  size_t fill;
} rapt__out;

rapt_status rapt__out_open(rapt_context *ctx, const char *path, rapt__out *out);
rapt_status rapt__out_write(rapt__out *out, const void *data, size_t size);
rapt_status rapt__out_printf(rapt__out *out, const char *fmt, ...) RAPT_PRINTF(2, 3);
rapt_status rapt__out_commit(rapt__out *out);
void rapt__out_abort(rapt__out *out);
rapt_status rapt__file_replace(rapt_context *ctx, const char *path, const void *data, size_t size);

rapt_status rapt__make_dirs(rapt_context *ctx, const char *path); /* mkdir -p */
bool rapt__dir_holds_only(const char *path, const char *name);    /* this, or nothing */
bool rapt__file_exists(const char *path);
/* A new empty directory for what is not kept, and removing it with all that is in it (as far as that goes). NULL after an error;
 * freed with rapt__free. */
char *rapt__scratch_dir(rapt_context *ctx);
void rapt__scratch_remove(const char *path);
char *rapt__path_join(rapt_context *ctx, const char *dir, const char *name); /* allocated */
double rapt__now(void);                                                      /* monotonic seconds */

#endif
