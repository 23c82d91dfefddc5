/* Whole files, plain or gzipped. */
#include "data/packed.h"

#include <errno.h>
#include <zlib.h>

enum { PIECE = 1 << 20 };

static rapt_status read_all(rapt_context *ctx, gzFile file, const char *path, size_t limit, char **data, size_t *size) {
  size_t room = 0;
  for (;;) {
    if (*size == room) {
      room = room ? 2 * room : PIECE;
      char *grown = rapt__grow(ctx, *data, room, 1);
      if (!grown) return RAPT_ENOMEM;
      *data = grown;
    }
    size_t want = room - *size < PIECE ? room - *size : PIECE;
    int got = gzread(file, *data + *size, (unsigned)want), code;
    const char *error = gzerror(file, &code);
    if (code != Z_OK && code != Z_STREAM_END)
      return rapt__fail(ctx, RAPT_EFORMAT, "%s: content byte %zu: bad gzip data (%s); fetch the file again", path,
                        *size, error);
    if (got <= 0) return RAPT_OK;
    *size += (size_t)got;
    if (*size > limit) return rapt__fail(ctx, RAPT_EFORMAT, "%s: the content is larger than %zu bytes", path, limit);
  }
}

/* gzread passes plain files through. */
rapt_status rapt__packed_read(rapt_context *ctx, const char *path, size_t limit, char **data, size_t *size) {
  *data = NULL;
  *size = 0;
  errno = 0;
  gzFile file = gzopen(path, "rb");
  if (!file) return errno ? rapt__fail_errno(ctx, "open it", path) : rapt__fail_memory(ctx, 0);
  rapt_status status = read_all(ctx, file, path, limit, data, size);
  gzclose_r(file);
  if (status == RAPT_OK && *size == 0) status = rapt__fail(ctx, RAPT_EFORMAT, "%s: the file is empty", path);
  if (status != RAPT_OK) {
    rapt__free(ctx, *data);
    *data = NULL;
  }
  return status;
}
